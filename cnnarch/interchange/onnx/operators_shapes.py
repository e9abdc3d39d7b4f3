"""Operators that only move values: reshapes, transpositions, parts, padding."""

from __future__ import annotations

from math import prod
from typing import Any

from cnnarch.errors import ReadError
from cnnarch.interchange.onnx.builder import Builder, Rule, UnfitError
from cnnarch.interchange.onnx.operators_merges import pattern_of
from cnnarch.interchange.onnx.operators_norms import last
from cnnarch.interchange.onnx.operators_windows import plain
from cnnarch.interchange.onnx.program import Op
from cnnarch.interchange.onnx.tensors import Tensor, fresh, refined, usual

__all__ = ["RULES"]


def _view(build: Builder, op: Op) -> None:
    """What arranges values anew without moving them in memory: it is followed, or made where its parts do not fit."""
    x, shape = build.tensor(op), build.result(op)
    if prod(shape) != prod(x.shape):
        raise ReadError(
            f"{build.place(op)} gives {list(shape)}, which does not hold the values of {list(build.shape(op))}"
        )
    found = refined(x, shape)
    if found is not None:
        build.give(op, found)
        return
    pattern = usual(shape)
    size = list(fresh("", shape, pattern).shape)
    build.layer(op, "reshape", {"size": size}, [x], pattern)


def _transpose(build: Builder, op: Op) -> None:
    x = build.tensor(op)
    order = op.attributes.get("perm") or range(len(x.axes))[::-1]
    build.give(op, Tensor(x.entry, x.ours, tuple(x.axes[axis] for axis in order)))


def _cut(build: Builder, op: Op, x: Tensor, axis: int, start: int, size: int) -> Tensor:
    """A run along one axis, as a run of channels."""
    x = last(build, op, x, axis)
    settings = {"start": start, "channels": size} if start else {"channels": size}
    name = build.add(op, "slice", settings, [x])
    shape = tuple(size if one == axis else _size(group) for one, group in enumerate(x.axes))
    new = fresh(name, shape, ()).axes[axis]
    axes = (*x.axes[:axis], new, *x.axes[axis + 1 :])
    return Tensor(name, (*x.ours[:-1], new), axes)


def _size(group: tuple[tuple[int, int], ...]) -> int:
    found = 1
    for _, size in group:
        found *= size
    return found


def _split(build: Builder, op: Op) -> None:
    x, shape = build.tensor(op), build.shape(op)
    axis, start = op.attributes.get("axis", 0) % len(shape), 0
    for number, output in enumerate(op.outputs):
        size = build.result(op, number)[axis]
        if output and build.users[output]:
            whole = size == shape[axis]
            build.give(op, x if whole else _cut(build, op, x, axis, start, size), number)
        start += size


def _slice(build: Builder, op: Op) -> None:
    x, shape = build.tensor(op), build.shape(op)
    starts, ends = build.values(op, 1, "starts") or [], build.values(op, 2, "ends") or []
    axes = build.values(op, 3, "axes") or list(range(len(starts)))
    steps = build.values(op, 4, "steps") or [1] * len(starts)
    for axis, start, end, step in zip([axis % len(shape) for axis in axes], starts, ends, steps):
        run = range(shape[axis])[slice(start, None if step < 0 and end < -shape[axis] else end, step)]
        if len(run) == shape[axis] and step == 1:
            continue
        if len(run) > 1 and step != 1:
            x = _stepped(build, op, x, axis, run)
        else:
            x = _cut(build, op, x, axis, run[0], len(run))
    build.give(op, x)


def _stepped(build: Builder, op: Op, x: Tensor, axis: int, run: range) -> Tensor:
    """Every so many along an axis, as one of so many channels: an axis of 8 by 2 is one of 4 and one of 2."""
    shape = tuple(map(_size, x.axes))
    if run.step < 1 or shape[axis] % run.step or len(run) != shape[axis] // run.step:
        raise UnfitError(f"its step is {run.step}")
    parted = refined(x, (*shape[:axis], len(run), run.step, *shape[axis + 1 :]))
    if parted is None:
        raise UnfitError(f"its step is {run.step}")
    one = _cut(build, op, parted, axis + 1, run[0] % run.step, 1)
    return Tensor(one.entry, one.ours, (*one.axes[: axis + 1], *one.axes[axis + 2 :]))


def _gather(build: Builder, op: Op) -> None:
    table = build.constant(op, 0)
    if table is not None:
        _embed(build, op, table.shape, table.root)
        return
    x, shape = build.tensor(op), build.shape(op)
    axis, picks = op.attributes.get("axis", 0) % len(shape), build.values(op, 1) or []
    picks = [one % shape[axis] for one in picks]
    if not picks or picks != list(range(picks[0], picks[0] + len(picks))):
        raise UnfitError("it takes values from here and there")
    removed = not build.shape(op, 1)
    if removed and len(x.ours) == 2 and x.ours[0] == x.axes[axis]:
        name = build.add(op, "select", {"position": picks[0]}, [x])
        build.give(op, Tensor(name, x.ours[1:], (*x.axes[:axis], *x.axes[axis + 1 :])))
        return
    if len(picks) < shape[axis]:
        x = _cut(build, op, x, axis, picks[0], len(picks))
    axes = (*x.axes[:axis], *([] if removed else [x.axes[axis]]), *x.axes[axis + 1 :])
    if len(build.shape(op, 1)) > 1:
        raise UnfitError("its picks are a matrix")
    build.give(op, Tensor(x.entry, x.ours, axes))


def _embed(build: Builder, op: Op, table: tuple[int, ...], root: str) -> None:
    index, shape = build.tensor(op, 1), build.shape(op, 1)
    if len(table) != 2 or op.attributes.get("axis", 0) != 0:
        raise UnfitError("it looks up no rows of a table")
    order = tuple(range(len(shape)))
    x = build.arrange(op, index, (order, ()))
    settings = {"vocabulary": table[0], "units": table[1]}
    build.layer(op, "embedding", settings, [x], (order, (len(shape),)), [root])


def _pad(build: Builder, op: Op) -> None:
    x, shape = build.tensor(op), build.shape(op)
    pads = build.values(op, 1, "pads") or op.attributes.get("paddings") or []
    axes = (build.values(op, 3) if build.given(op, 3) else None) or list(range(len(shape)))
    sides: dict[int, list[int]] = {axis % len(shape): [a, b] for axis, a, b in zip(axes, pads, pads[len(axes) :])}
    if any(min(pair) < 0 for pair in sides.values()):
        raise UnfitError("its padding is negative")
    if not any(map(any, sides.values())):
        build.give(op, x)
        return
    pattern = pattern_of(x)
    if pattern is None or any(len(group) != 1 for group in pattern):
        pattern = usual(shape)
        x = build.arrange(op, x, pattern)
    if any(len(group) != 1 for group in pattern) or any(
        any(pair) and (axis,) not in pattern for axis, pair in sides.items()
    ):
        raise UnfitError("it pads what is no axis here")
    around = [sides.get(group[0], [0, 0]) for group in pattern]
    settings: dict[str, Any] = {}
    if any(map(any, around[:-1])):
        settings["padding"] = plain(around[:-1])
    if any(around[-1]):
        settings["channels"] = around[-1]
    build.layer(op, "pad", settings, [x], pattern)


def _expand(build: Builder, op: Op) -> None:
    if sorted(one for one in build.result(op) if one > 1) != sorted(one for one in build.shape(op) if one > 1):
        raise UnfitError("it repeats values")
    _view(build, op)


VIEWS = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast", "CastLike")
RULES: dict[str, Rule] = {
    **dict.fromkeys(VIEWS, _view),
    "Transpose": _transpose,
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "Pad": _pad,
    "Expand": _expand,
    "Tile": _expand,
}
