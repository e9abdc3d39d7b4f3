"""The bytes of an ONNX file as a protobuf message, without its weights, whatever is in the bytes."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cnnarch.errors import ReadError, listed
from cnnarch.interchange.doors import need

__all__ = ["parse"]

LARGEST_TENSOR = 1 << 14  # bytes of a tensor whose values are read; shapes are made of less
LARGEST_GRAPH = 1 << 27  # bytes of a graph without its weights
MOST_NODES = 200_000  # also after functions are written out

# Numbers of fields in onnx.proto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
MODEL_GRAPH, GRAPH_NODE, GRAPH_INITIALIZER, NODE_ATTRIBUTE, ATTRIBUTE_TENSOR = 7, 1, 5, 5, 5
TENSOR_KEPT = {1, 2, 8, 14}  # dims, data type, name, where its data lie
Field = tuple[int, int, int, int]  # number, start with its key, start of its bytes, end


def parse(path: str) -> Any:
    """The `ModelProto` of a file; tensors larger than a few kilobytes have no values.

    Raises ReadError for what is no ONNX file, or is none with a graph.
    """
    onnx = need("onnx", "onnx")
    message = need("google.protobuf.message", "onnx")
    try:
        model = onnx.ModelProto.FromString(_bytes(path))
    except (message.DecodeError, _BrokenError) as error:
        hint = "it is cut off, nested too deeply, or in another format"
        raise ReadError(f"`{path}` cannot be read as ONNX", hint) from error
    if not model.HasField("graph") or not model.ir_version:
        raise ReadError(f"`{path}` cannot be read as ONNX", "it has no graph")
    if len(model.graph.node) > MOST_NODES:
        raise ReadError(f"the graph of `{path}` has {len(model.graph.node):,} operators, more than are read")
    _require_text(model, path)
    return _inlined(model, path) if model.functions else model


def _require_text(model: Any, path: str) -> None:
    """Names that are no text come as bytes: raises ReadError for them."""
    names = [name for one in model.functions for name in (one.name, one.domain, *one.input, *one.output)]
    names += [one.domain for one in model.opset_import]
    graphs = [model.graph, *model.functions]
    while graphs:
        graph = graphs.pop()
        names.append(graph.name)
        for node in graph.node:
            names += [node.name, node.op_type, node.domain, *node.input, *node.output]
            for attribute in node.attribute:
                names.append(attribute.name)
                if attribute.HasField("g"):
                    graphs.append(attribute.g)
        if hasattr(graph, "initializer"):
            tensors = [*graph.input, *graph.output, *graph.value_info]
            names += [one.name for one in [*tensors, *graph.initializer]]
            names += [dim.dim_param for one in tensors for dim in one.type.tensor_type.shape.dim]
    if not all(isinstance(name, str) for name in names):
        raise ReadError(f"`{path}` cannot be read as ONNX", "it has names that are no text")


class _BrokenError(ValueError):
    """Bytes that are no protobuf message."""


def _bytes(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            if not file.seek(0, 2):
                raise ReadError(f"`{path}` is empty", "it should be an ONNX file")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                found = _without_weights(data, 0, len(data), _MODEL)
    except ReadError:
        raise
    except OSError as error:
        raise ReadError(f"cannot read `{path}`: {error.strerror or error}") from error
    return found


# What to go into on the way to tensors: by number of field what is in it.
_TENSOR: dict[int, Any] = {}
_MODEL: dict[int, Any] = {
    MODEL_GRAPH: {GRAPH_NODE: {NODE_ATTRIBUTE: {ATTRIBUTE_TENSOR: _TENSOR}}, GRAPH_INITIALIZER: _TENSOR}
}


def _without_weights(data: Any, start: int, end: int, inside: dict[int, Any]) -> bytes:
    """A message again, without the values of large tensors."""
    parts, size = [], 0
    for number, key, first, last in _fields(data, start, end):
        if not inside and number not in TENSOR_KEPT:
            continue
        if last - first <= LARGEST_TENSOR:
            part = data[key:last]
        elif number in inside:
            within = _without_weights(data, first, last, inside[number])
            part = _varint(number << 3 | 2) + _varint(len(within)) + within
        else:
            size += last - first
            part = data[key:last] if inside and size <= LARGEST_GRAPH else b""
        size += len(part)
        parts.append(part)
        if size > LARGEST_GRAPH:
            raise ReadError(f"the graph has more than {LARGEST_GRAPH:,} bytes without its weights")
    return b"".join(parts)


def _fields(data: Any, start: int, end: int) -> Iterator[Field]:
    """The fields of a message; https://protobuf.dev/programming-guides/encoding has how they are written."""
    at = start
    while at < end:
        key = at
        tag, at = _number(data, at, end)
        kind, length = tag & 7, 0
        if kind == 0:
            _, last = _number(data, at, end)
        elif kind == 2:
            length, at = _number(data, at, end)
            last = at + length
        elif kind in (1, 5):
            last = at + (8 if kind == 1 else 4)
        else:
            raise _BrokenError(f"a field of kind {kind}")
        if last > end or not tag >> 3:
            raise _BrokenError("a field reaches past the end")
        yield tag >> 3, key, at, last
        at = last


def _number(data: Any, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise _BrokenError("a number reaches past the end")


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _inlined(model: Any, path: str) -> Any:
    """The model with its functions written out where they are called."""
    functions = {(one.domain, one.name): one for one in model.functions}
    sizes: dict[Any, int] = {}
    for key in functions:
        _measure(key, functions, sizes)
    count = sum(sizes.get((node.domain, node.op_type), 1) for node in model.graph.node)
    if count > MOST_NODES:
        raise ReadError(f"the functions of `{path}` come to {count:,} operators, more than are read")
    try:
        return need("onnx.inliner", "onnx").inline_local_functions(model)
    except Exception as error:  # what the library raises here is not documented
        raise ReadError(f"the functions of `{path}` cannot be written out: {str(error)[:200]}") from error


def _measure(key: Any, functions: dict[Any, Any], sizes: dict[Any, int]) -> None:
    """How many operators a function comes to; raises ReadError where it calls itself."""
    open_, stack = {key: None}, [(key, iter(functions[key].node))]
    totals = {key: 0}
    while stack:
        top, nodes = stack[-1]
        for node in nodes:
            called = (node.domain, node.op_type)
            if called in open_:
                names = listed([one[1] for one in open_])
                raise ReadError(f"the function `{called[1]}` calls itself", f"by way of {names}")
            if called in functions and called not in sizes:
                open_[called], totals[called] = None, 0
                stack.append((called, iter(functions[called].node)))
                break
            totals[top] += sizes.get(called, 1)
        else:
            stack.pop()
            del open_[top]
            sizes[top] = totals[top]
            if stack:
                totals[stack[-1][0]] += sizes[top]
