"""Operators of several tensors, value by value or stacked; one of them may be a constant."""

from __future__ import annotations

from math import prod
from typing import Any

from cnnarch.interchange.onnx.builder import Builder, Pattern, Rule, UnfitError
from cnnarch.interchange.onnx.operators_norms import last
from cnnarch.interchange.onnx.program import Constant, Op
from cnnarch.interchange.onnx.tensors import Tensor, fresh, groups_of, usual

__all__ = ["RULES", "pattern_of"]

OURS = {"Add": "add", "Sum": "add", "Mul": "multiply", "Max": "max"}
FUNCTIONS = {
    "Add": "add", "Sum": "add", "Mul": "mul", "Max": "max", "Sub": "sub", "Div": "div", "Pow": "pow", "Min": "min",
    "Mean": "mean", "Mod": "mod", "Equal": "equal", "Greater": "greater", "GreaterOrEqual": "greater", "Less": "less",
    "LessOrEqual": "less", "And": "and", "Or": "or", "Where": "where",
}  # fmt: skip
# Layers that can have a weight or a bias a channel, by what that is called.
OPEN = {"bias": {"conv", "conv_transpose", "fc", "scale"}, "scale": {"groupnorm"}, "shift": {"groupnorm"}}


def pattern_of(tensor: Tensor) -> Pattern | None:
    """Which of ONNX's axes each of ours is, or nothing where one is a part of an axis."""
    starts = {axis[0]: number for number, axis in enumerate(tensor.axes) if axis}
    found = []
    for group in tensor.ours:
        axes, rest = [], group
        while rest:
            axis = starts.get(rest[0])
            if axis is None or rest[: len(tensor.axes[axis])] != tensor.axes[axis]:
                return None
            axes.append(axis)
            rest = rest[len(tensor.axes[axis]) :]
        found.append(tuple(axes))
    return tuple(found)


def _structure(tensor: Tensor) -> Any:
    """Our axes by the places of their parts in ONNX's: equal for tensors that are arranged alike."""
    places = {atom: (axis, at, atom[1]) for axis, group in enumerate(tensor.axes) for at, atom in enumerate(group)}
    return tuple(tuple(places[atom] for atom in group) for group in tensor.ours)


def _values(build: Builder, op: Op) -> None:
    constants = [number for number in range(len(op.inputs)) if build.constant(op, number) is not None]
    given = [number for number in range(len(op.inputs)) if number not in constants]
    tensors = [build.tensor(op, number) for number in given]
    if len(tensors) == 1 and not constants:
        build.give(op, tensors[0])  # the sum of one
    elif len(tensors) == 1 and len(constants) == 1:
        _with_constant(build, op, tensors[0], build.program.constants[op.inputs[constants[0]]])
    elif len(tensors) > 1 and all(prod(build.shape(op, number)) == 1 for number in constants):
        _together(build, op, tensors)
    elif len(tensors) == 1 and all(prod(build.shape(op, number)) == 1 for number in constants):
        _alone(build, op, tensors[0])
    else:
        raise UnfitError("some of its inputs are constants")


def _together(build: Builder, op: Op, tensors: list[Tensor]) -> None:
    shape = build.result(op)
    padded = [one._replace(axes=((),) * (len(shape) - len(one.axes)) + one.axes) for one in tensors]
    first = padded[0]
    structure = _structure(first)
    if all(one == first or _structure(one) == structure for one in padded[1:]):
        _merge(build, op, padded, Tensor("", first.ours, first.axes))
        return
    full = [one for one in padded if [prod(size for _, size in axis) for axis in one.axes] == list(shape)]
    pattern = next((found for one in full if (found := pattern_of(one)) is not None), None) or usual(shape)
    arranged = [_spread(build, op, one, pattern) for one in padded]
    _merge(build, op, arranged, fresh("", shape, pattern))


def _spread(build: Builder, op: Op, tensor: Tensor, pattern: Pattern) -> Tensor:
    """The tensor in an order that it is spread from; a vector of channels is, as it stands."""
    target = groups_of(tensor.axes, pattern)
    if tensor.ours == target or (tensor.ours == target[-1:] and not any(target[:-1])):
        return tensor
    if not any(target) and not any(tensor.ours):
        return tensor
    return build.arrange(op, tensor, pattern)


def _merge(build: Builder, op: Op, tensors: list[Tensor], like: Tensor) -> None:
    kind = OURS.get(op.kind)
    if kind and len(tensors) == len(op.inputs):
        count = len(build.entries)
        try:
            name = build.add(op, kind, {}, tensors)
            build.give(op, Tensor(name, like.ours, like.axes))
            return
        except UnfitError:
            build.back(count)
            build.open = build.names[id(op)]
    name = build.add(op, "elementwise", {"operator": FUNCTIONS[op.kind]}, tensors)
    build.give(op, Tensor(name, like.ours, like.axes))


def _alone(build: Builder, op: Op, x: Tensor) -> None:
    """A function of a tensor and of numbers that are no weights."""
    name = build.add(op, "elementwise", {"operator": FUNCTIONS[op.kind]}, [x])
    axes = ((),) * (len(build.result(op)) - len(x.axes)) + x.axes
    build.give(op, Tensor(name, x.ours, axes))


def _with_constant(build: Builder, op: Op, x: Tensor, constant: Constant) -> None:
    shape = build.result(op)
    if prod(shape) != prod(x.shape):
        raise UnfitError("it is spread along a constant")
    x = x._replace(axes=((),) * (len(shape) - len(x.axes)) + x.axes)
    sizes = (1,) * (len(shape) - len(constant.shape)) + constant.shape
    wide = tuple(axis for axis, size in enumerate(sizes) if size > 1)
    learned = constant.root and not (constant.values and all(isinstance(one, int) for one in constant.values))
    if not wide or not learned or op.kind not in ("Add", "Mul", "Sum"):
        _alone(build, op, x)  # what is subtracted, or compared with, is not trained
        return
    one_axis = len(wide) == 1 and (sum(map(bool, x.axes)) == 1 or prod(constant.shape) < prod(shape))
    if op.kind == "Mul" and one_axis:
        x = last(build, op, x, *wide)
        if _is_open(build, x, "scale"):
            _belongs(build, op, x, constant, scale=True)
            return
        name = build.add(op, "scale", {}, [x], [constant.root])
        build.give(op, Tensor(name, x.ours, x.axes))
    elif op.kind != "Mul" and one_axis:
        _bias(build, op, x, wide[0], constant)
    elif op.kind != "Mul" and prod(constant.shape) == prod(shape):
        name = build.add(op, "position_embedding", _positions(build, x, constant), [x], [constant.root])
        build.give(op, Tensor(name, x.ours, x.axes))
    else:
        raise UnfitError(f"it takes weights of {list(constant.shape)}")


def _positions(build: Builder, x: Tensor, constant: Constant) -> dict[str, Any]:
    """How many positions there are weights for, where only the first of them are taken."""
    taken, channels = prod(constant.shape), x.shape[-1]
    stored = constant.held or prod(build.program.constants.get(constant.root, constant).shape)
    if stored == taken:
        return {}
    if len(x.shape) != 2 or stored % channels or stored < taken:
        raise UnfitError(f"it takes weights of {list(constant.shape)}, made of {stored} numbers")
    return {"positions": stored // channels}


def _bias(build: Builder, op: Op, x: Tensor, axis: int, constant: Constant) -> None:
    """What is added to each channel belongs to the layer before, if that takes a bias and has none."""
    before = len(build.entries)
    x = last(build, op, x, axis)
    setting = next((one for one in ("bias", "shift") if _is_open(build, x, one)), "")
    if not setting or len(build.entries) > before:
        raise UnfitError("it adds one weight a channel, which is no layer of its own")
    _belongs(build, op, x, constant, **{setting: True})


def _is_open(build: Builder, x: Tensor, setting: str) -> bool:
    """Whether the layer that gives a tensor, to one other, could have these weights too, and says that it has not."""
    if x.entry not in build.places:
        return False
    entry = build.entries[build.places[x.entry]]
    names = [name for name, tensor in build.tensors.items() if tensor.entry == x.entry]
    if sum(build.users[name] for name in names) != len(names) or entry.kind not in OPEN.get(setting, ()):
        return False
    return entry.settings.get(setting, setting != "bias" or entry.kind != "scale") is False


def _belongs(build: Builder, op: Op, x: Tensor, constant: Constant, **settings: bool) -> None:
    build.change(x.entry, **settings)
    build.roots[x.entry] += (constant.root,)
    build.give(op, Tensor(x.entry, x.ours, x.axes))


def _concat(build: Builder, op: Op) -> None:
    shape = build.result(op)
    axis = op.attributes.get("axis", 1) % len(shape)
    if any(build.constant(op, number) is not None for number in range(len(op.inputs))):
        _token(build, op, axis)
        return
    tensors = [build.tensor(op, number) for number in range(len(op.inputs))]
    if len(tensors) == 1:
        build.give(op, tensors[0])
        return
    pattern = _stacked(tensors[0], axis)
    name = build.add(op, "concat", {}, [build.arrange(op, one, pattern) for one in tensors])
    build.give(op, fresh(name, shape, pattern))


def _stacked(first: Tensor, axis: int) -> Pattern:
    """The order in which tensors are stacked: as the first is, if the axis is its last."""
    pattern = pattern_of(first)
    if pattern and (pattern[-1] == (axis,) or (not first.ours[-1] and not first.axes[axis])):
        return (*pattern[:-1], (axis,))
    others = [one for one, group in enumerate(first.axes) if group and one != axis]
    joined = max(len(others) - 2, 1)
    return (*([tuple(others[:joined])] if others else []), *((one,) for one in others[joined:]), (axis,))


def _token(build: Builder, op: Op, axis: int) -> None:
    """A constant before a sequence, along its places."""
    constant = build.constant(op, 0)
    if constant is None or len(op.inputs) != 2 or build.constant(op, 1) is not None or not constant.root:
        raise UnfitError("some of its inputs are constants")
    x = build.tensor(op, 1)
    channels = [one for one, group in enumerate(x.axes) if group and one != axis]
    if len(channels) != 1 or prod(constant.shape) != constant.shape[axis] * prod(s for _, s in x.axes[channels[0]]):
        raise UnfitError("it stacks weights that are no token")
    pattern: Pattern = ((axis,), (channels[0],))
    tokens = {"tokens": constant.shape[axis]} if constant.shape[axis] > 1 else {}
    build.layer(op, "class_token", tokens, [build.arrange(op, x, pattern)], pattern, [constant.root])


RULES: dict[str, Rule] = {**dict.fromkeys(FUNCTIONS, _values), "Concat": _concat}
