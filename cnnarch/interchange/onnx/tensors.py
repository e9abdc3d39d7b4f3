"""Where the axes of a tensor in an ONNX graph are in ours: reshapes and transpositions are followed, not run."""

from __future__ import annotations

from itertools import count, pairwise
from math import prod
from typing import NamedTuple

__all__ = ["Atom", "Groups", "Tensor", "fresh", "groups_of", "refined", "sizes_of", "tidied", "usual"]

# A part of an axis: a number of its own, and its size, which is more than 1.
Atom = tuple[int, int]
# Axes, each made of parts, the slowest first; an axis of size 1 has none.
Groups = tuple[tuple[Atom, ...], ...]

_numbers = count()


class Tensor(NamedTuple):
    """What an entry gives, `ours` as its axes are with us and `axes` as they are in ONNX, of the same parts.

    An image of 1×64×28×56 is ours as ((h,), (w,), (c,)) and has the axes ((), (c,), (h,), (w,)). A transposition in
    ONNX only exchanges `axes`; a reshape parts and joins them. Once a layer needs another order, it is made.
    """

    entry: str
    ours: Groups
    axes: Groups

    @property
    def shape(self) -> tuple[int, ...]:
        return sizes_of(self.ours)


def sizes_of(groups: Groups) -> tuple[int, ...]:
    """The sizes of axes.

    >>> sizes_of((((0, 2), (1, 3)), ()))
    (6, 1)
    """
    return tuple(prod(size for _, size in group) for group in groups)


def fresh(entry: str, shape: tuple[int, ...], pattern: tuple[tuple[int, ...], ...]) -> Tensor:
    """A tensor with the axes of ONNX's `shape`, ours as the pattern says: of each of our axes, which of ONNX's.

    >>> fresh("conv1", (1, 64, 28, 56), ((2,), (3,), (1,))).shape
    (28, 56, 64)
    """
    axes = tuple(((next(_numbers), size),) if size > 1 else () for size in shape)
    return Tensor(entry, groups_of(axes, pattern), axes)


def groups_of(axes: Groups, pattern: tuple[tuple[int, ...], ...]) -> Groups:
    """Axes joined as a pattern says."""
    return tuple(sum((axes[axis] for axis in group), ()) for group in pattern)


def usual(shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """How a tensor is ours if nothing says otherwise: without the batch; of images and volumes channels last.

    >>> usual((1, 64, 28, 56)), usual((1, 197, 768)), usual((8, 64, 7, 7))
    (((2,), (3,), (1,)), ((1,), (2,)), ((0,), (2,), (3,), (1,)))
    """
    rank = len(shape)
    if rank < 2:
        return tuple((axis,) for axis in range(rank)) or ((),)
    first = [] if shape[0] == 1 else [0]
    order = [*first, *range(2, rank), 1] if rank in (4, 5) else [*first, *range(1, rank)]
    while len(order) > 4 and any(shape[axis] == 1 for axis in order[:-1]):
        order.remove(next(axis for axis in order[:-1] if shape[axis] == 1))
    joined = len(order) - 4
    if joined > 0:
        return (tuple(order[: joined + 1]), *((axis,) for axis in order[joined + 1 :]))
    return tuple((axis,) for axis in order)


def refined(tensor: Tensor, shape: tuple[int, ...]) -> Tensor | None:
    """The tensor with ONNX's axes arranged anew in a shape, or nothing where its parts do not allow that.

    >>> refined(fresh("pool", (1, 256, 6, 6), ((2,), (3,), (1,))), (1, 9216)).shape
    (6, 6, 256)
    """
    parts = [atom for axis in tensor.axes for atom in axis]
    splits: dict[Atom, tuple[Atom, ...]] = {}
    found, at = [], 0
    for wanted in shape:
        group: list[Atom] = []
        size = wanted
        while size > 1:
            if at >= len(parts):
                return None
            number, whole = parts[at]
            if size % whole == 0:
                group.append(parts[at])
                size //= whole
                at += 1
            elif whole % size == 0:
                first, second = (next(_numbers), size), (next(_numbers), whole // size)
                _split(splits, (number, whole), (first, second))
                parts[at] = second
                group.append(first)
                size = 1
            else:
                return None
        found.append(tuple(group))
    if at != len(parts):
        return None
    ours = tuple(sum((splits.get(atom, (atom,)) for atom in group), ()) for group in tensor.ours)
    return tidied(Tensor(tensor.entry, ours, tuple(found)))


def _split(splits: dict[Atom, tuple[Atom, ...]], atom: Atom, parts: tuple[Atom, ...]) -> None:
    """Note that an atom is now of parts; it may be the last part of one that was split before."""
    for whole, pieces in splits.items():
        if pieces[-1] == atom:
            splits[whole] = (*pieces[:-1], *parts)
            return
    splits[atom] = parts


def tidied(tensor: Tensor) -> Tensor:
    """The tensor with parts joined that stand together in both."""
    behind: dict[Atom, Atom] = {}
    for group in tensor.ours:
        behind.update(pairwise(group))
    joined: dict[Atom, Atom | None] = {}
    axes = []
    for axis in tensor.axes:
        new: list[Atom] = []
        run: list[Atom] = []
        for atom in axis:
            if run and behind.get(run[-1]) == atom:
                run.append(atom)
            else:
                new += _closed(run, joined)
                run = [atom]
        axes.append((*new, *_closed(run, joined)))
    ours = tuple(tuple(one for atom in group if (one := joined.get(atom, atom)) is not None) for group in tensor.ours)
    return Tensor(tensor.entry, ours, tuple(axes))


def _closed(run: list[Atom], joined: dict[Atom, Atom | None]) -> list[Atom]:
    if len(run) < 2:
        return run
    one = (next(_numbers), prod(size for _, size in run))
    joined.update(dict.fromkeys(run))
    joined[run[0]] = one
    return [one]
