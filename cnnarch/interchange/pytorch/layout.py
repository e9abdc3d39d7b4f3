"""How the axes of a PyTorch tensor stand for ours: batch and channels first there, channels last here.

An axis is a row of atoms, the outermost first. To view, permute and merge axes only moves atoms; a layer of ours is
needed where a tensor is used, and its axes are not ours in their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, TypeAlias

__all__ = ["BATCH", "Atom", "Axes", "Axis", "Layout", "permuted", "realised", "sizes", "viewed", "without_batch"]


class Atom:
    """A part of an axis; two are the same only if they are one object."""

    __slots__ = ("size",)

    def __init__(self, size: int) -> None:
        self.size = size

    def __repr__(self) -> str:
        return f"Atom({self.size})"


Axis: TypeAlias = tuple[Atom, ...]
Axes: TypeAlias = tuple[Axis, ...]

BATCH = Atom(1)  # a network has none: one input is traced


def sizes(axes: Axes) -> tuple[int, ...]:
    """The size of every axis.

    >>> sizes(((Atom(14), Atom(14)), (Atom(768),), ()))
    (196, 768, 1)
    """
    return tuple([prod([atom.size for atom in axis]) for axis in axes])


class Layout:
    """The axes of a tensor, the batch among them, and those of the layer's output that it is.

    >>> height, width, channels = Atom(7), Atom(7), Atom(512)
    >>> image = Layout(((BATCH,), (channels,), (height,), (width,)), ((height,), (width,), (channels,)))
    >>> sizes(image.dims), sizes(image.axes), image.channels
    ((1, 512, 7, 7), (7, 7, 512), 1)
    """

    __slots__ = ("axes", "dims")

    def __init__(self, dims: Axes, axes: Axes) -> None:
        self.dims = dims
        self.axes = axes

    @property
    def channels(self) -> int | None:
        """Which axis of the tensor has the channels, if one has them as they are."""
        if not self.axes:
            return None
        return next((place for place, dim in enumerate(self.dims) if dim and without_batch(dim) == self.axes[-1]), None)

    def wanted(self, channels: int) -> Axes:
        """Our axes of the tensor as it is now, with the channels in one of its axes; the batch is in none."""
        rest = [dim for place, dim in enumerate(self.dims) if place != channels and dim != (BATCH,)]
        return tuple([without_batch(dim) for dim in (*rest, self.dims[channels])])


def without_batch(axis: Axis) -> Axis:
    return tuple([atom for atom in axis if atom is not BATCH])


def permuted(layout: Layout, order: Sequence[int]) -> Layout:
    """The tensor with its axes in another order."""
    return Layout(tuple([layout.dims[place] for place in order]), layout.axes)


def viewed(layout: Layout, shape: Sequence[int]) -> Layout | None:
    """The tensor in another shape; nothing where its axes do not part as that shape needs it.

    >>> row, channels = Atom(12), Atom(64)
    >>> found = viewed(Layout(((BATCH,), (row,), (channels,)), ((row,), (channels,))), (1, 12, 4, 16))
    >>> sizes(found.dims), found.axes[-1]
    ((1, 12, 4, 16), (Atom(4), Atom(16)))
    """
    items = [list(dim) for dim in layout.dims]
    parts: dict[Atom, Axis] = {}
    dims: list[Axis] = []
    for size in shape:
        dim = _one(items) if size == 1 else _several(items, size, parts)
        if dim is None:
            return None
        dims.append(dim)
    if any(atom.size > 1 for rest in items for atom in rest):
        return None
    return Layout(_parted(tuple(dims), parts), _parted(layout.axes, parts))


def _one(items: list[list[Atom]]) -> Axis:
    """An axis of size 1: the next, if that is one, or a new one."""
    if items and all(atom.size == 1 for atom in items[0]):
        return tuple(items.pop(0))
    return ()


def _several(items: list[list[Atom]], size: int, parts: dict[Atom, Axis]) -> Axis | None:
    """An axis of the next atoms, as many as make its size; the last of them may be parted."""
    dim: list[Atom] = []
    while size > 1:
        while items and not items[0]:
            items.pop(0)
        if not items:
            return None
        rest = items[0]
        atom = rest.pop(0)
        if atom.size == 1 and atom is not BATCH:
            continue
        if size % atom.size:
            if atom.size % size:
                return None
            first, second = Atom(size), Atom(atom.size // size)
            parts[atom] = (first, second)
            rest.insert(0, second)
            atom = first
        dim.append(atom)
        size //= atom.size
    while items and not items[0]:
        items.pop(0)
    return tuple(dim)


def _parted(axes: Axes, parts: dict[Atom, Axis]) -> Axes:
    def of(atom: Atom) -> Axis:
        return tuple([inner for part in parts[atom] for inner in of(part)]) if atom in parts else (atom,)

    return tuple([tuple([part for atom in axis for part in of(atom)]) for axis in axes])


def realised(have: Axes, want: Axes) -> tuple[str, dict[str, Any]] | None:
    """The layer that makes axes of others: its kind and settings; no kind where they are the same already.

    >>> row, column, channels = Atom(14), Atom(14), Atom(768)
    >>> realised(((row,), (column,), (channels,)), ((row, column), (channels,)))
    ('tokens', {})
    >>> realised(((row,), (column,), (channels,)), ((channels, row, column),))
    ('flatten', {})
    """
    if have == want:
        return "", {}
    if sorted(map(id, _solid(have))) != sorted(map(id, _solid(want))) or not 1 <= len(want) <= 4:
        return None
    for rule in (_shuffled, _flat, _moved, _columns, _pixels):
        found = rule(have, want)
        if found:
            return found
    return "reshape", {"size": list(sizes(want))}


def _solid(axes: Axes) -> list[Atom]:
    return [atom for axis in axes for atom in axis if atom.size > 1]


def _shuffled(have: Axes, want: Axes) -> tuple[str, dict[str, Any]] | None:
    if have[:-1] != want[:-1] or len(have[-1]) < 2:
        return None
    for cut in range(1, len(have[-1])):
        if want[-1] == (*have[-1][cut:], *have[-1][:cut]):
            return "channel_shuffle", {"groups": sizes((have[-1][:cut],))[0]}
    return None


def _flat(have: Axes, want: Axes) -> tuple[str, dict[str, Any]] | None:
    return ("flatten", {}) if len(want) == 1 and len(have) > 1 else None


def _moved(have: Axes, want: Axes) -> tuple[str, dict[str, Any]] | None:
    """What moves places and leaves channels, and the exchange of both."""
    if len(have) == 2 and want == have[::-1]:
        return "transpose", {}
    if have[-1] != want[-1]:
        return None
    if len(want) == 2 and len(have) > 2 and _solid((want[0],)) == _solid(have[:-1]):
        return "tokens", {}
    if len(have) == 2 and len(want) == 3 and _solid((have[0],)) == _solid(want[:-1]):
        height, width, _ = sizes(want)
        return "image", {"height": height, "width": width}
    return None


def _columns(have: Axes, want: Axes) -> tuple[str, dict[str, Any]] | None:
    if len(have) != 3 or len(want) != 2 or want[0] != have[1]:
        return None
    return ("columns", {}) if _solid((want[1],)) in [_solid(have[::2]), _solid(have[2::-2])] else None


def _pixels(have: Axes, want: Axes) -> tuple[str, dict[str, Any]] | None:
    """Channels to squares of pixels, in PyTorch's order, and back."""
    if len(have) != 3 or len(want) != 3:
        return None
    for kind, image, channels in (("pixel_shuffle", want, have[-1]), ("pixel_unshuffle", have, want[-1])):
        other = have if image is want else want
        if len(channels) < 3 or any(image[axis][:-1] != other[axis] or not other[axis] for axis in (0, 1)):
            continue
        if (*image[2], image[0][-1], image[1][-1]) == channels and image[0][-1].size == image[1][-1].size:
            return kind, {"factor": image[0][-1].size}
    return None
