"""Layers of Keras that connect, merge and arrange values anew."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

from cnnarch.errors import Cause
from cnnarch.interchange.keras.layers_base import Call, Handler, Part, Parts, back, kept, unknown
from cnnarch.interchange.keras.layers_values import activation
from cnnarch.layers import KINDS
from cnnarch.layers.settings import shown
from cnnarch.shapes import Shape

__all__ = ["SHAPES", "concat", "merge", "permute", "reshape"]


def _dense(call: Call) -> Parts:
    units = call.count("units", "output_dim")
    if len(call.x) in call.layout.first:
        raise Cause("with channels first it connects the last axis of the places, which is not read")
    settings: dict[str, Any] = {"units": units}
    if not call.flag("use_bias", True):
        settings["bias"] = False
    if call.x.rank > 1:
        settings["at_each_place"] = True
    return [Part("fc", settings), *activation(call, (*call.x.spatial, units))]


def _einsum(call: Call) -> Parts:
    """Weights of which each scales a channel, or that connect the channels of every place, are layers of ours."""
    inputs, _, rest = call.word("equation", "").partition(",")
    weights, _, outputs = rest.partition("->")
    inputs, outputs = inputs.replace("...", ""), outputs.replace("...", "")
    axes = call.get("bias_axes")
    if not inputs or not inputs[1:].isalpha() or axes not in (None, outputs[-1:]):
        return unknown(call)
    if weights == inputs[-1] and outputs == inputs:
        part = Part("scale", {"bias": True} if axes else {})
    elif len(weights) == 2 and weights[0] == inputs[-1] and outputs == inputs[:-1] + weights[1]:
        sizes = call.get("output_shape")
        units = sizes[-1] if isinstance(sizes, list) and sizes else sizes
        if weights[1] in inputs or type(units) is not int:
            return unknown(call)
        part = Part("fc", {"units": units, **({} if axes else {"bias": False})})
        part.settings.update({"at_each_place": True} if call.x.rank > 1 else {})
    else:
        return unknown(call)
    if len(call.x) in call.layout.first:
        return unknown(call)
    return [part, *activation(call, call.x)]


def _flatten(call: Call) -> Parts:
    return [Part("flatten", {})] if call.x.rank else kept(call)


def reshape(call: Call, raw: list[Any]) -> Parts:
    """To a shape as Keras has it, in which one size may be −1."""
    if not raw or any(type(one) is not int or one == 0 or one < -1 for one in raw) or raw.count(-1) > 1:
        raise Cause(f"the shape must be sizes, not {shown(raw)}")
    if -1 in raw:
        known = prod(one for one in raw if one != -1)
        raw = [call.x.units // known if one == -1 else one for one in raw]
    shape = call.layout.ours(tuple(raw))
    if shape.units != call.x.units:
        raise Cause(f"{shape} holds {shape.units} values, unlike the {call.x.units} in {call.x}, the input")
    return [] if shape == call.x else [Part("reshape", {"size": list(shape) if shape.rank else shape[0]})]


def _reshape(call: Call) -> Parts:
    raw = call.get("target_shape", "dims")
    if not isinstance(raw, list):
        raise Cause(f"`target_shape` must be a list, not {shown(raw)}")
    return reshape(call, raw)


def _permute(call: Call) -> Parts:
    dims = call.get("dims")
    if not isinstance(dims, list) or sorted(map(str, dims)) != sorted(str(i + 1) for i in range(len(call.x))):
        raise Cause(f"`dims` must be the axes from 1 to {len(call.x)}, not {shown(dims)}")
    return permute(call, [one - 1 for one in dims])


def permute(call: Call, order: list[int]) -> Parts:
    """Axes in another order, of Keras's without the batch.

    Where some from the front come behind the others it is a matrix that is transposed.
    """
    raw = call.raw
    if order == list(range(len(raw))):
        return kept(call)
    after = call.layout.ours(tuple(raw[axis] for axis in order))
    first = order[0]
    if len(raw) > 2 and order == [*range(len(raw) - 2), len(raw) - 1, len(raw) - 2] and not call.layout.first:
        return back([Part("channel_shuffle", {"groups": raw[-2]})], call.x, (*raw[:-2], raw[-2] * raw[-1]), after)
    if order != [*range(first, len(raw)), *range(first)]:
        return unknown(call, after)
    if len(raw) == 2 and 2 not in call.layout.first:
        return [Part("transpose", {})]
    return [
        Part("reshape", {"size": [prod(raw[:first]), prod(raw[first:])]}, "laid_out"),
        Part("transpose", {}),
        Part("reshape", {"size": list(after)}, "back"),
    ]


def _repeat_vector(call: Call) -> Parts:
    if call.x.rank:
        raise Cause(f"RepeatVector takes a vector, and {call.x} is the input")
    return [Part("reshape", {"size": [1, call.x.units]}, "laid_out"), Part("upsample", {"factor": call.count("n")})]


def merge(kind: str, operator: str, call: Call) -> Parts:
    """One of our merges where shapes are as it takes them, else a function of values that are spread."""
    if len(call.inputs) < 2:
        return kept(call) if call.inputs else unknown(call)
    if kind:
        try:
            KINDS[kind]().output(*call.shapes)
        except Cause:
            pass
        else:
            return [Part(kind, {})]
    return [Part("elementwise", {"operator": operator})]


def _merge(call: Call) -> Parts:
    """The class of Keras 1 that was all merges."""
    modes = {"sum": "Add", "mul": "Multiply", "concat": "Concatenate", "ave": "Average", "max": "Maximum"}
    cls = modes.get(call.word("mode", "sum"))
    if cls is None:
        return unknown(call)
    return SHAPES[cls](call.with_config(cls, {"axis": call.get("concat_axis", default=-1)}))


def _concat(call: Call) -> Parts:
    axes = {tensor.shape.rank for tensor in call.inputs}
    if len(axes) != 1:
        raise Cause(f"Concatenate takes tensors with as many axes, and {' and '.join(map(str, call.shapes))} are these")
    return concat(call, call.axis())


def concat(call: Call, axis: int) -> Parts:
    """Along one of our axes: behind it all is one, so that what is before it counts as places."""
    if len(call.inputs) < 2:
        return kept(call)
    shapes = call.shapes
    if axis == len(shapes[0]) - 1:
        return [Part("concat", {})]
    if any(x[:axis] != shapes[0][:axis] or x[axis + 1 :] != shapes[0][axis + 1 :] for x in shapes):
        raise Cause(f"{' and '.join(map(str, shapes))} differ in more than one axis")
    laid = [
        Part("reshape", {"size": _size((*x[:axis], prod(x[axis:])))}, f"laid_out_{number}", (number - 1,))
        for number, x in enumerate(shapes, 1)
    ]
    after = Shape(*shapes[0][:axis], sum(x[axis] for x in shapes), *shapes[0][axis + 1 :])
    joined = Part("concat", {}, "", tuple(part.suffix for part in laid))
    return [*laid, joined, Part("reshape", {"size": list(after)}, "back")]


def _size(sizes: tuple[int, ...]) -> Any:
    return sizes[0] if len(sizes) == 1 else list(sizes)


def _dot(call: Call) -> Parts:
    """The products of two tensors along an axis each: two matrices, of which some are to be transposed."""
    if len(call.inputs) != 2 or call.get("normalize"):
        return unknown(call)
    a, b = call.shapes
    axes = call.get("axes")
    pair = axes if isinstance(axes, list) else [axes, axes]
    if len(pair) != 2 or any(type(one) is not int for one in pair):
        raise Cause(f"`axes` must be one or two whole numbers, not {shown(axes)}")
    first, second = call.layout.axis(pair[0], len(a)), call.layout.axis(pair[1], len(b))
    if a.rank == b.rank == 0:
        return [
            Part("elementwise", {"operator": "mul"}, "products"),
            Part("reduce", {"operator": "sum", "axes": "all"}),
        ]
    if a.rank != 1 or b.rank != 1:
        return unknown(call)
    turned = [Part("transpose", {}, "turned", (0,))] if first == 0 else []
    takes = ("turned" if turned else 0, 1)
    return [*turned, Part("matmul", {"transpose": True} if second == 1 else {}, "", takes)]


SHAPES: dict[str, Handler] = {
    "Dense": _dense,
    "EinsumDense": _einsum,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "RepeatVector": _repeat_vector,
    "Add": partial(merge, "add", "add"),
    "Multiply": partial(merge, "multiply", "mul"),
    "Maximum": partial(merge, "max", "max"),
    "Minimum": partial(merge, "", "min"),
    "Average": partial(merge, "", "mean"),
    "Subtract": partial(merge, "", "sub"),
    "Concatenate": _concat,
    "Dot": _dot,
    "Merge": _merge,
}
