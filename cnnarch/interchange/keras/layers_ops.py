"""Operations of Keras on tensors, such as `x * 0.5` between layers, which have no settings of a layer."""

from __future__ import annotations

from typing import Any

from cnnarch.errors import Cause
from cnnarch.interchange.keras.layers_base import Call, Handler, Part, Parts, kept, unknown
from cnnarch.interchange.keras.layers_shapes import concat, merge, permute, reshape
from cnnarch.interchange.keras.layers_values import VALUES, activation
from cnnarch.layers.settings import shown

__all__ = ["OPERATIONS", "tensorflow"]

UNARY = {
    "Exp": "exp", "Sqrt": "sqrt", "Log": "log", "Abs": "abs", "Absolute": "abs", "Square": "square", "Negative": "neg",
    "Sin": "sin", "Cos": "cos", "Tan": "tan", "Arctan": "atan", "Erf": "erf", "Rsqrt": "rsqrt", "Clip": "clip",
    "Reciprocal": "reciprocal", "Sign": "sign", "Floor": "floor", "Ceil": "ceil", "Round": "round",
    "LogicalNot": "not",
}  # fmt: skip
BINARY = {
    "Subtract": ("", "sub"), "Divide": ("", "div"), "TrueDivide": ("", "div"), "Power": ("", "pow"),
    "Add": ("add", "add"), "Multiply": ("multiply", "mul"), "Maximum": ("max", "max"), "Minimum": ("", "min"),
    "Mod": ("", "mod"), "Equal": ("", "equal"), "Greater": ("", "greater"), "Less": ("", "less"),
    "LogicalAnd": ("", "and"), "LogicalOr": ("", "or"),
}  # fmt: skip
ACTIVATIONS = {
    "Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Tanh": "tanh", "Silu": "silu", "Elu": "elu",
    "Gelu": "gelu", "HardSigmoid": "hard_sigmoid", "HardSilu": "hard_silu", "HardSwish": "hard_silu",
    "Softplus": "softplus", "Softsign": "softsign", "Selu": "selu", "Celu": "celu", "LeakyRelu": "leaky_relu",
    "HardTanh": "hard_tanh",
}  # fmt: skip
REDUCTIONS = {"Mean": "mean", "Sum": "sum", "Max": "max", "Min": "min", "Prod": "prod"}
# Functions of TensorFlow, by the last word of their names, in models that tf.keras wrote.
TENSORFLOW = {
    "add": "Add", "multiply": "Multiply", "mul": "Multiply", "subtract": "Subtract", "sub": "Subtract",
    "truediv": "TrueDivide", "divide": "Divide", "div": "Divide", "pow": "Power", "maximum": "Maximum",
    "minimum": "Minimum", "matmul": "Matmul", "concat": "Concatenate", "reshape": "Reshape", "transpose": "Transpose",
    "reduce_mean": "Mean", "reduce_sum": "Sum", "reduce_max": "Max", "reduce_min": "Min", "softmax": "Softmax",
    "cast": "Cast", "identity": "Identity", "stop_gradient": "StopGradient", "expand_dims": "ExpandDims",
    "squeeze": "Squeeze", "relu": "Relu", "relu6": "Relu6", "sigmoid": "Sigmoid", "tanh": "Tanh", "silu": "Silu",
    "swish": "Silu", "elu": "Elu", "gelu": "Gelu", "softplus": "Softplus", "exp": "Exp", "sqrt": "Sqrt", "log": "Log",
    "abs": "Abs", "square": "Square", "negative": "Negative", "neg": "Negative", "rsqrt": "Rsqrt",
    "clip_by_value": "Clip", "erf": "Erf", "sin": "Sin", "cos": "Cos",
}  # fmt: skip


def tensorflow(call: Call) -> Parts:
    """A function of TensorFlow in a model of Keras 2, whose settings stand where it is called."""
    name = TENSORFLOW.get(call.word("function", "").rpartition(".")[2])
    if name is None:
        return unknown(call._replace(cls=call.word("function", "")))
    given = call.keywords
    named = {"newshape": given.get("shape"), "axes": given.get("perm"), **given}
    named = {key: value for key, value in named.items() if value is not None}
    return OPERATIONS[name](call.with_config(name, named))


def _unary(call: Call) -> Parts:
    return [Part("elementwise", {"operator": UNARY[call.cls]})]


def _binary(call: Call) -> Parts:
    kind, operator = BINARY[call.cls]
    if len(call.inputs) == 1:  # with a number
        return [Part("elementwise", {"operator": operator})]
    return merge(kind, operator, call)


def _activation(call: Call) -> Parts:
    return activation(call, call.x, ACTIVATIONS[call.cls], "")


def _softmax(call: Call) -> Parts:
    return VALUES["Softmax"](call)


def _reduce(call: Call) -> Parts:
    """Along the places, along the channels, or of all; other axes are known by their shape alone."""
    operator = REDUCTIONS[call.cls]
    last = len(call.x) - 1
    axes = call.get("axis")
    found = list(range(last + 1)) if axes is None else call.axes()
    if axes is None:  # the batch too
        return unknown(call)
    which = {(*range(last),): "spatial", (last,): "channels", (*range(last + 1),): "all"}.get(tuple(found))
    if which is None:
        return unknown(call)
    if which == "channels" and not last:
        which = "all"
    settings: dict[str, Any] = {"operator": operator, "axes": which}
    keep = call.flag("keepdims", False)
    if which == "spatial" and operator in ("mean", "max"):
        kind = "avgpool" if operator == "mean" else "maxpool"
        return [Part(f"adaptive_{kind}", {"size": 1}) if keep else Part(f"global_{kind}", {})]
    return [Part("reduce", {**settings, "keep": True} if keep else settings)]


def _reshape(call: Call) -> Parts:
    sizes = call.get("newshape", "shape")
    if not isinstance(sizes, list) or len(sizes) < 2:
        return unknown(call)
    if sizes[0] not in (-1, None):
        raise Cause(f"it lays the batch out anew: {shown(sizes)}")
    return reshape(call, [-1 if one is None else one for one in sizes[1:]])


def _transpose(call: Call) -> Parts:
    axes = call.get("axes")
    if not isinstance(axes, list) or sorted(map(str, axes)) != sorted(map(str, range(len(call.x) + 1))) or axes[0] != 0:
        return unknown(call)
    return permute(call, [one - 1 for one in axes[1:]])


def _concat(call: Call) -> Parts:
    if len({len(shape) for shape in call.shapes}) != 1:
        return unknown(call)
    return concat(call, call.axis(default=0))


def _matmul(call: Call) -> Parts:
    """Of two tensors; a constant matrix is not told from others, and its weights are not known."""
    if len(call.inputs) != 2 or call.get("transpose_a") or any(not x.rank for x in call.shapes):
        return unknown(call)
    return [Part("matmul", {"transpose": True} if call.get("transpose_b") else {})]


def _expand(call: Call) -> Parts:
    axis = call.get("axis")
    raw = list(call.raw)
    if type(axis) is not int or axis == 0 or abs(axis) > len(raw) + 1:
        return unknown(call)
    raw.insert(axis - 1 if axis > 0 else len(raw) + axis + 1, 1)
    return reshape(call, raw)


def _squeeze(call: Call) -> Parts:
    """Without axes of size 1; those that are not said are all."""
    raw = call.raw
    given = call.get("axis")
    axes = given if isinstance(given, list) else [index for index, size in enumerate(raw, 1) if size == 1]
    axes = [given] if type(given) is int else axes
    if any(type(one) is not int or not -len(raw) <= one <= len(raw) or one == 0 for one in axes):
        return unknown(call)
    gone = {one - 1 if one > 0 else one + len(raw) for one in axes}
    if any(raw[index] != 1 for index in gone):
        raise Cause(f"axes {shown(given)} of {call.x} are not all of size 1")
    return reshape(call, [size for index, size in enumerate(raw) if index not in gone] or [1])


def _pad(call: Call) -> Parts:
    """Around places; Keras lists every axis, the batch first."""
    width = call.get("pad_width")
    rows = width if isinstance(width, list) else []
    if len(rows) != len(call.x) + 1 or any(
        not isinstance(row, list) or len(row) != 2 or any(type(one) is not int or one < 0 for one in row)
        for row in rows
    ):
        return unknown(call)
    if rows[0] != [0, 0]:
        raise Cause("it pads the batch")
    *sides, channels = [*rows[2:], rows[1]] if len(call.x) in call.layout.first else rows[1:]
    if not call.x.rank:
        return unknown(call)
    settings = {"padding": [one[0] if one[0] == one[1] else one for one in sides]} if any(map(any, sides)) else {}
    return [Part("pad", {**settings, "channels": channels} if any(channels) else settings)]


def _item(call: Call) -> Parts:
    """`x[..., a:b]` is a run of channels, `x[:, 0]` a position of a sequence; others are known by their shape."""
    key = call.arguments[1] if len(call.arguments) > 1 else None
    key = key if isinstance(key, list) else [key]
    whole = [index for index, one in enumerate(key) if not _is_all(one)]
    raw, last = call.raw, len(call.x)
    place = whole[0] if len(whole) == 1 else -1
    if place > 0 and any(isinstance(one, dict) and one.get("class_name") == "__ellipsis__" for one in key[:place]):
        place += last + 1 - len(key)
    if place < 1 or last in call.layout.first:
        return unknown(call)
    chosen = key[whole[0]]
    if type(chosen) is int and last == 2 and place == 1:
        return [Part("select", {"position": chosen % raw[0]})]
    run = _run(chosen, raw[place - 1]) if place == last else None
    return unknown(call) if run is None else [Part("slice", run)]


def _is_all(one: Any) -> bool:
    """Whether a part of an index takes all."""
    if not isinstance(one, dict):
        return False
    config = one.get("config")
    empty = isinstance(config, dict) and not any(value is not None for value in config.values())
    return one.get("class_name") in ("__ellipsis__", "__slice__") and empty


def _run(one: Any, size: int) -> dict[str, Any] | None:
    """The settings of a run of channels; nothing if it is none, or takes every second one."""
    config = one.get("config") if isinstance(one, dict) else None
    ends = [config.get(name) for name in ("start", "stop", "step")] if isinstance(config, dict) else ["none"]
    if any(end is not None and type(end) is not int for end in ends) or ends[2] not in (None, 1):
        return None
    start, stop, _ = slice(*ends).indices(size)
    if stop <= start:
        return None
    return {"channels": stop - start, **({"start": start} if start else {})}


OPERATIONS: dict[str, Handler] = {
    **dict.fromkeys(UNARY, _unary),
    **dict.fromkeys(BINARY, _binary),
    **dict.fromkeys(ACTIVATIONS, _activation),
    **dict.fromkeys(REDUCTIONS, _reduce),
    **dict.fromkeys(("Identity", "Cast", "StopGradient", "Copy"), kept),
    "Softmax": _softmax,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Concatenate": _concat,
    "Matmul": _matmul,
    "ExpandDims": _expand,
    "Squeeze": _squeeze,
    "Pad": _pad,
    "GetItem": _item,
}
