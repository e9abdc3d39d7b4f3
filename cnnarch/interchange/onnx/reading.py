"""Reads an ONNX file: the graph with every size known, and then the network that it is."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from cnnarch.errors import ReadError, listed, shortened
from cnnarch.interchange.model import Model
from cnnarch.interchange.onnx.operators import model
from cnnarch.interchange.onnx.parsing import parse
from cnnarch.interchange.onnx.program import Op, Program
from cnnarch.interchange.onnx.rewrites import REWRITES
from cnnarch.interchange.onnx.shapes import LARGEST_SIZE, Inference
from cnnarch.shapes import Shape

__all__ = ["load", "read"]

OLDEST_OPSET = 7
NAMED = {4: "HxWx3", 3: "LxC", 5: "DxHxWxC"}
# Operators after which axes are as before, so that what comes later tells where an input has its channels.
PASSES = {
    "Cast", "Identity", "Mul", "Add", "Sub", "Div", "Relu", "Clip", "Sigmoid", "Pad", "Neg", "Sqrt", "Concat", "Sum",
    "Dropout", "LeakyRelu", "Pow",
}  # fmt: skip
CHANNELS_FIRST = {
    "Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization",
    "InstanceNormalization", "GroupNormalization", "LRN", "Resize", "Upsample", "DepthToSpace", "SpaceToDepth", "PRelu",
    "ConvInteger", "QLinearConv",
}  # fmt: skip


def read(path: str, inputs: Shape | Mapping[str, Shape] | None = None) -> Model:
    """The network of an ONNX file; `inputs` has sizes, channels last, for those that the file leaves open.

    Raises ReadError for what is no ONNX file, sizes that are not known, and graphs that have no meaning.
    """
    program = load(path, inputs)
    for rewrite in REWRITES:
        program = rewrite(program)
    return model(program)


def load(path: str, inputs: Shape | Mapping[str, Shape] | None = None) -> Program:
    """The graph of an ONNX file, with every size in numbers and what was computed from sizes resolved.

    Weights are not read, and neither is any other file.
    """
    found = parse(path)
    graph, versions = found.graph, {one.domain: one.version for one in found.opset_import}
    opset = versions.get("", versions.get("ai.onnx", 1))
    _require_opset(path, opset)
    nodes = _ordered(graph)
    orders = {one.name: _order(one, nodes) for one in _inputs(graph)}
    asked = _asked(graph, inputs)
    given = {one.name: _sized(one, orders[one.name], asked.get(one.name)) for one in _inputs(graph)}
    _require_sizes(given)
    inference = Inference(list(found.opset_import), found.ir_version, _batch(graph))
    for tensor in graph.initializer:
        inference.give_constant(tensor)
    for one in _inputs(graph):
        inference.give(one.name, one.type.tensor_type.elem_type, tuple(size for _, size in given[one.name]))
    if not asked and _batch(graph) == 1:
        inference.told = {one.name: one.type for one in [*graph.value_info, *graph.output]}
    inference.run(nodes)
    outputs = tuple(one.name for one in graph.output)
    for name in outputs:
        if name not in inference.types:
            raise ReadError(f"nothing gives the output `{shortened(name, 80)}`")
    name = graph.name or Path(path).stem
    starts = {one: inference.shapes[one] for one in given}
    ops = _needed(inference.ops, outputs)
    return Program(name, starts, outputs, ops, inference.shapes, inference.constants, orders, opset)


def _require_opset(path: str, opset: int) -> None:
    newest = import_module("onnx.defs").onnx_opset_version()
    if opset < OLDEST_OPSET:
        raise ReadError(
            f"`{path}` is in opset {opset} of ONNX, older than {OLDEST_OPSET}",
            "`onnx.version_converter.convert_version` makes it newer",
        )
    if opset > newest:
        raise ReadError(f"`{path}` is in opset {opset} of ONNX, and {newest} is the newest known here",
                        "a newer `onnx` package may know it")  # fmt: skip


def _inputs(graph: Any) -> list[Any]:
    """What is fed in; older files list initialisers among the inputs too."""
    fixed = {one.name for one in graph.initializer}
    found = [one for one in graph.input if one.name not in fixed]
    for one in found:
        if not one.type.HasField("tensor_type"):
            raise ReadError(f"the input `{shortened(one.name, 80)}` is no tensor", "sequences and maps are not read")
    return found


def _ordered(graph: Any) -> list[Any]:
    """The nodes so that each comes after those whose outputs it takes."""
    known = {"", *(one.name for one in graph.input), *(one.name for one in graph.initializer)}
    known.update(one.values.name for one in graph.sparse_initializer)
    nodes = list(graph.node)
    taken = [_taken(node) for node in nodes]
    made: dict[str, int] = {}
    for number, node in enumerate(nodes):
        made.update({name: number for name in node.output if name and name not in made})
    done: set[int] = set()
    found = []
    for first in range(len(nodes)):
        stack = [(first, iter(taken[first]))] if first not in done else []
        open_ = {first}
        while stack:
            number, names = stack[-1]
            for name in names:
                before = made.get(name)
                if name in known:
                    continue
                if before is None:
                    words = f"{nodes[number].op_type} `{nodes[number].name}` (operator {number + 1})"
                    raise ReadError(f"{words} takes `{shortened(name, 80)}`, which nothing gives")
                if before in open_:
                    where = f"{nodes[before].op_type} `{nodes[before].name}` (operator {before + 1})"
                    raise ReadError(f"the graph has a cycle at {where}", f"it depends on its own output `{name}`")
                if before not in done:
                    stack.append((before, iter(taken[before])))
                    open_.add(before)
                    break
            else:
                stack.pop()
                open_.discard(number)
                done.add(number)
                found.append(nodes[number])
    return found


def _taken(node: Any) -> list[str]:
    """The tensors that a node takes, those of the graphs in it included."""
    if not any(one.type in (5, 10) for one in node.attribute):
        return list(node.input)
    found = list(node.input)
    inside: set[str] = set()
    stack = [one.g for one in node.attribute if one.type == 5]
    while stack:
        graph = stack.pop()
        inside.update(one.name for one in [*graph.input, *graph.initializer])
        for one in graph.node:
            inside.update(one.output)
            found.extend(one.input)
            stack.extend(attribute.g for attribute in one.attribute if attribute.type == 5)
        found.extend(one.name for one in graph.output)
    return [name for name in found if name not in inside]


def _needed(ops: list[Op], outputs: tuple[str, ...]) -> list[Op]:
    """The operators that outputs depend on."""
    wanted, found = set(outputs), []
    for op in reversed(ops):
        if wanted.intersection(op.outputs):
            wanted.update(op.inputs)
            found.append(op)
    return found[::-1]


def _order(one: Any, nodes: list[Any]) -> tuple[int, ...]:
    """Which axes of an input are ours, in our order: without the batch, channels last.

    The first operator that knows axes apart tells where channels are. If none does, they are axis 1 of images and
    volumes, and the last of all else.
    """
    rank = len(one.type.tensor_type.shape.dim)
    axes, name, first = list(range(rank)), one.name, rank > 3
    for node in nodes if rank > 2 else ():
        if name not in node.input:
            continue
        perm = next((list(a.ints) for a in node.attribute if a.name == "perm"), None)
        if node.op_type == "Transpose" and perm and sorted(perm) == list(range(rank)):
            axes = [axes[axis] for axis in perm]
        elif node.op_type in CHANNELS_FIRST:
            first = True
            break
        elif node.op_type not in PASSES or not node.output:
            break
        name = node.output[0]
    else:
        axes = list(range(rank))
    return (*axes[2:], axes[1]) if first else tuple(range(1, rank))


def _asked(graph: Any, inputs: Shape | Mapping[str, Shape] | None) -> dict[str, Shape]:
    """Sizes that were given, by the name of an input."""
    names = [one.name for one in _inputs(graph)]
    if inputs is None:
        return {}
    if not isinstance(inputs, Mapping):
        if len(names) != 1:
            raise ReadError(f"the graph has {len(names)} inputs: {listed(names)}", "give sizes as `--input name=...`")
        return {names[0]: inputs}
    for name in inputs:
        if name not in names:
            raise ReadError(f"the graph has no input `{shortened(name, 80)}`", f"it has {listed(names)}")
    return dict(inputs)


def _sized(one: Any, order: tuple[int, ...], asked: Shape | None) -> list[tuple[str, int]]:
    """Every axis of an input: its name and its size, which is 0 where it is not known."""
    dims = one.type.tensor_type.shape.dim
    found = []
    for axis, dim in enumerate(dims):
        size = dim.dim_value if dim.HasField("dim_value") else -1
        if axis and dim.HasField("dim_value") and (size == 0 or size > LARGEST_SIZE):
            raise ReadError(f"the input `{shortened(one.name, 80)}` has a size of {size} on axis {axis}")
        found.append((dim.dim_param or f"axis {axis}", max(size, 0) if axis else 1))
    if asked is not None:
        if len(asked) != len(order):
            hint = "write the sizes of places, then the channels, without the batch"
            raise ReadError(f"the input `{shortened(one.name, 80)}` has {len(order)} sizes, unlike {asked}", hint)
        for axis, size in zip(order, asked):
            found[axis] = (found[axis][0], size)
    return found


def _batch(graph: Any) -> int:
    """The batch that the file has fixed; 1 where it is open or inputs differ."""
    sizes = {one.type.tensor_type.shape.dim[0].dim_value for one in _inputs(graph) if one.type.tensor_type.shape.dim}
    return max(sizes.pop(), 1) if len(sizes) == 1 else 1


def _require_sizes(given: dict[str, list[tuple[str, int]]]) -> None:
    lacking = {name: [axis for axis, size in sizes if not size] for name, sizes in given.items()}
    lacking = {name: axes for name, axes in lacking.items() if axes}
    if not lacking:
        return
    words = "; ".join(f"{listed(axes, 4)} of the input `{shortened(name, 80)}`" for name, axes in lacking.items())
    hints = [f"--input {name}={NAMED.get(len(given[name]), '...')}" for name in list(lacking)[:3]]
    raise ReadError(f"the file leaves sizes open: {words}", f"give them, as in `{' '.join(hints)}`")
