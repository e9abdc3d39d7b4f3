"""Operators of single values, and of values along the channels: activations, functions, softmax, reductions."""

from __future__ import annotations

from typing import Any

from cnnarch.interchange.onnx.builder import Builder, Rule, UnfitError
from cnnarch.interchange.onnx.operators_norms import last
from cnnarch.interchange.onnx.operators_windows import pooled_to_one
from cnnarch.interchange.onnx.program import Op
from cnnarch.interchange.onnx.tensors import Tensor

__all__ = ["RULES", "alike", "axes_of"]

FUNCTIONS = {
    "Neg": "neg", "Sign": "sign", "Floor": "floor", "Ceil": "ceil", "Round": "round", "Not": "not", "Exp": "exp",
    "Sqrt": "sqrt", "Reciprocal": "reciprocal", "Abs": "abs", "Log": "log", "Sin": "sin", "Cos": "cos", "Tan": "tan",
    "Atan": "atan", "Erf": "erf", "Softplus": "softplus", "Softsign": "softsign", "Selu": "selu", "Celu": "celu",
}  # fmt: skip
KINDS = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Gelu": "gelu", "HardSwish": "hardswish", "Mish": "mish",
}  # fmt: skip
REDUCTIONS = {
    "ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "max", "ReduceMin": "min", "ReduceProd": "prod",
    "ReduceL1": "l1", "ReduceL2": "l2", "ReduceSumSquare": "sum_square", "ReduceLogSumExp": "log_sum_exp",
}  # fmt: skip
ALONE = {"mean", "sum", "max", "min", "prod"}  # of one value, these are that value


def alike(build: Builder, op: Op, kind: str, settings: dict[str, Any], roots: tuple[str, ...] = ()) -> None:
    """An entry that gives what its input is, in shape and order."""
    x = build.tensor(op)
    name = build.add(op, kind, settings, [x], roots)
    build.give(op, Tensor(name, x.ours, x.axes))


def _kind(build: Builder, op: Op) -> None:
    alike(build, op, KINDS[op.kind], {})


def _function(build: Builder, op: Op) -> None:
    alike(build, op, "elementwise", {"operator": FUNCTIONS[op.kind]})


def _leaky(build: Builder, op: Op) -> None:
    alike(build, op, "leaky_relu", {"slope": float(f"{op.attributes.get('alpha', 0.01):.6g}")})


def _elu(build: Builder, op: Op) -> None:
    if op.attributes.get("alpha", 1.0) != 1:
        raise UnfitError(f"its alpha is {op.attributes['alpha']:g}")
    alike(build, op, "elu", {})


def _swish(build: Builder, op: Op) -> None:
    if op.attributes.get("alpha", 1.0) != 1:
        raise UnfitError(f"its alpha is {op.attributes['alpha']:g}")
    alike(build, op, "silu", {})


def _hard_sigmoid(build: Builder, op: Op) -> None:
    """Whatever its slope, which ours has as 1/6 and many exporters as 0.2: as many operations."""
    alike(build, op, "hardsigmoid", {})
    slope = op.attributes.get("alpha", 0.2)
    if abs(slope - 1 / 6) > 1e-3:
        build.entries[-1] = build.entries[-1]._replace(note=f"its slope is {slope:.4g}")


def _clip(build: Builder, op: Op) -> None:
    least, most = build.values(op, 1, "min"), build.values(op, 2, "max")
    if least == [0] and most == [6]:
        alike(build, op, "relu6", {})
    elif least == [0] and most is None:
        alike(build, op, "relu", {})
    else:
        alike(build, op, "elementwise", {"operator": "clip"})


def _prelu(build: Builder, op: Op) -> None:
    slope, shape = build.constant(op, 1), build.shape(op)
    if slope is None:
        raise UnfitError("its slopes are computed")
    sizes = (1,) * (len(shape) - len(slope.shape)) + slope.shape
    wide = [axis for axis, size in enumerate(sizes) if size > 1]
    if len(wide) > 1:
        raise UnfitError("it has a slope for each value")
    x = build.tensor(op)
    if wide:
        x = last(build, op, x, wide[0])
    name = build.add(op, "prelu", {} if wide else {"shared": True}, [x], [slope.root])
    build.give(op, Tensor(name, x.ours, x.axes))


def _dropout(build: Builder, op: Op) -> None:
    if len(op.outputs) > 1 and op.outputs[1] and build.users[op.outputs[1]]:
        raise UnfitError("its mask is taken")
    rate = build.values(op, 1, "ratio") or [0.5]
    alike(build, op, "dropout", {"rate": float(f"{rate[0]:.6g}")})


def _softmax(build: Builder, op: Op) -> None:
    shape, newer = build.shape(op), build.program.opset >= 13
    axis = op.attributes.get("axis", -1 if newer else 1) % len(shape)
    axes = [axis]
    if not newer:  # all axes from that one on are one
        axes = [one for one in range(axis, len(shape)) if shape[one] > 1] or [axis]
    x = last(build, op, build.tensor(op), *axes)
    name = build.add(op, "softmax", {}, [x])
    build.give(op, Tensor(name, x.ours, x.axes))


def axes_of(build: Builder, op: Op, rank: int) -> list[int] | None:
    """The axes that an operator names, none if it does not."""
    axes = build.values(op, 1, "axes")
    return None if axes is None else sorted({axis % rank for axis in axes})


def _reduce(build: Builder, op: Op) -> None:
    x, shape = build.tensor(op), build.shape(op)
    axes = axes_of(build, op, len(shape)) if shape else []
    if not axes:
        axes = [] if op.attributes.get("noop_with_empty_axes") else list(range(len(shape)))
    operator, keep = REDUCTIONS[op.kind], bool(op.attributes.get("keepdims", 1))
    kept = tuple((() if axis in axes else group) for axis, group in enumerate(x.axes))
    result = kept if keep else tuple(group for axis, group in enumerate(x.axes) if axis not in axes)
    gone = {atom for axis in axes for atom in x.axes[axis]}
    if not gone:
        if operator not in ALONE:
            raise UnfitError("it has nothing to reduce")
        build.give(op, Tensor(x.entry, x.ours, result))
        return
    places = {atom for group in x.ours[:-1] for atom in group}
    if gone == places and operator in ("mean", "max"):
        pooled_to_one(build, op, x, "avgpool" if operator == "mean" else "maxpool", result)
        return
    settings: dict[str, Any] = {"operator": operator}
    if gone == places:
        name = build.add(op, "reduce", settings, [x])
        build.give(op, Tensor(name, x.ours[-1:], result))
    elif gone == places | set(x.ours[-1]):
        name = build.add(op, "reduce", settings | {"axes": "all"}, [x])
        build.give(op, Tensor(name, ((),), result))
    else:
        x = last(build, op, x, *axes)
        more: dict[str, Any] = {"axes": "channels"} | ({"keep": True} if keep else {})
        name = build.add(op, "reduce", settings | more, [x])
        build.give(op, Tensor(name, (*x.ours[:-1], ()) if keep else x.ours[:-1], result))


RULES: dict[str, Rule] = {
    **dict.fromkeys(KINDS, _kind),
    **dict.fromkeys(FUNCTIONS, _function),
    **dict.fromkeys(REDUCTIONS, _reduce),
    "LeakyRelu": _leaky,
    "Elu": _elu,
    "Swish": _swish,
    "HardSigmoid": _hard_sigmoid,
    "Clip": _clip,
    "PRelu": _prelu,
    "Dropout": _dropout,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
}
