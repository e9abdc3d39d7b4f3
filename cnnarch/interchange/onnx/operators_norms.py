"""Operators that normalise."""

from __future__ import annotations

from math import prod
from typing import Any

from cnnarch.interchange.onnx.builder import Builder, Rule, UnfitError
from cnnarch.interchange.onnx.operators_windows import places_first
from cnnarch.interchange.onnx.program import Op
from cnnarch.interchange.onnx.tensors import Tensor

__all__ = ["RULES", "last"]


def last(build: Builder, op: Op, tensor: Tensor, *axes: int) -> Tensor:
    """The tensor with certain axes of ONNX's as our last, as it is if they are."""
    wanted = sum((tensor.axes[axis] for axis in axes), ())
    if tensor.ours and tensor.ours[-1] == wanted:
        return tensor
    others = [axis for axis in range(len(tensor.axes)) if axis not in axes and tensor.axes[axis]]
    joined = max(len(others) - 2, 1)
    rows = (tuple(others[:joined]), *((axis,) for axis in others[joined:])) if others else ()
    return build.arrange(op, tensor, (*rows, axes))


def _channels(build: Builder, op: Op) -> Tensor:
    """The input of what knows channels apart: axis 1, as our last."""
    x, shape = build.tensor(op), build.shape(op)
    if len(shape) < 2:
        raise UnfitError("it has no channels")
    if x.ours and x.ours[-1] == x.axes[1]:
        return x
    return build.arrange(op, x, places_first(shape)) if len(shape) > 2 else last(build, op, x, 1)


def _roots(build: Builder, op: Op, *numbers: int) -> list[str]:
    found = []
    for number in numbers:
        constant = build.constant(op, number)
        if constant is None and build.given(op, number):
            raise UnfitError("its weights are computed")
        found += [constant.root or op.inputs[number]] if constant else []
    return found


def _same(build: Builder, op: Op, kind: str, settings: dict[str, Any], x: Tensor, roots: list[str]) -> None:
    name = build.add(op, kind, settings, [x], roots)
    build.give(op, Tensor(name, x.ours, x.axes))


def _batch(build: Builder, op: Op) -> None:
    _same(build, op, "batchnorm", {}, _channels(build, op), _roots(build, op, 1, 2, 3, 4))


def _instance(build: Builder, op: Op) -> None:
    if _in_groups(build, op):
        return
    x = build.arrange(op, build.tensor(op), places_first(build.shape(op)))
    _same(build, op, "instancenorm", {"scale": True, "shift": True}, x, _roots(build, op, 1, 2))


def _in_groups(build: Builder, op: Op) -> bool:
    """Whether its channels are groups of channels, as PyTorch exports group normalisation, with scales of 1."""
    x, scale, shift = build.tensor(op), build.constant(op, 1), build.constant(op, 2)
    if len(x.axes) < 3 or not x.ours or scale is None or shift is None:
        return False
    groups, rest = x.axes[1], sum(x.axes[2:], ())
    inside = x.ours[-1][len(groups) :]
    if not groups or x.ours[-1][: len(groups)] != groups or not inside or not set(inside) <= set(rest):
        return False
    if set(scale.values or ()) != {1} or set(shift.values or ()) != {0}:
        return False
    settings = {"groups": build.shape(op)[1], "scale": False, "shift": False}
    _same(build, op, "groupnorm", settings, x, [])
    return True


def _group(build: Builder, op: Op) -> None:
    groups = op.attributes.get("num_groups", 1)
    x, shape = build.arrange(op, build.tensor(op), places_first(build.shape(op))), build.shape(op)
    scale = build.constant(op, 1)
    if scale is None or prod(scale.shape) != shape[1]:
        raise UnfitError("it has no scale for each channel")  # but one for each group, up to opset 20
    _same(build, op, "groupnorm", {"groups": groups}, x, _roots(build, op, 1, 2))


def _layer(build: Builder, op: Op) -> None:
    x, shape = build.tensor(op), build.shape(op)
    axis = op.attributes.get("axis", -1) % len(shape)
    axes = [one for one in range(axis, len(shape)) if shape[one] > 1 or axis == len(shape) - 1]
    if len(axes) != 1:
        raise UnfitError(f"it normalises {len(axes)} axes together")
    x = last(build, op, x, axes[0])
    scale, shift = build.given(op, 1), build.given(op, 2)
    settings = ({} if scale else {"scale": False}) | ({} if shift else {"shift": False})
    for number in (1, 2):
        constant = build.constant(op, number)
        if constant is not None and prod(constant.shape) != shape[axes[0]]:
            raise UnfitError("its scales are not one a channel")
    _same(build, op, "layernorm", settings, x, _roots(build, op, 1, 2))


def _response(build: Builder, op: Op) -> None:
    size = op.attributes.get("size", 1)
    settings = {
        "size": size,
        "alpha": _short(op.attributes.get("alpha", 0.0001) / size),  # ONNX takes the mean of squares, the paper the sum
        "beta": _short(op.attributes.get("beta", 0.75)),
        "offset": _short(op.attributes.get("bias", 1.0)),
    }
    _same(build, op, "lrn", settings, _channels(build, op), [])


def _short(value: float) -> float:
    """A number without the noise that float32 leaves: 9.999999747378752e-05 is 0.0001."""
    return float(f"{value:.6g}")


RULES: dict[str, Rule] = {
    "BatchNormalization": _batch,
    "InstanceNormalization": _instance,
    "GroupNormalization": _group,
    "LayerNormalization": _layer,
    "LRN": _response,
}
