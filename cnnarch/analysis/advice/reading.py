"""What windows read: the pixels that they leave out, and the padding that they stand on."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from cnnarch.analysis.advice.base import ON_EACH_CHANNEL, Plan
from cnnarch.graph import Node
from cnnarch.layers.sliding import Sliding, times
from cnnarch.shapes import Shape, Window

__all__ = ["Loss", "Place", "Reading", "losses", "met", "on_padding", "places", "reading", "shifts"]

MOST_CELLS = 4096  # along an axis; a longer window is not looked at


class Reading(NamedTuple):
    """What a window reads of an axis: how many pixels at its end not, how many of the others."""

    length: int
    tail: int
    pixels: int

    @property
    def gaps(self) -> bool:
        return self.pixels < self.length - self.tail


class Place(NamedTuple):
    """A layer with windows in its place: what it is given, its windows, and what they read along every axis."""

    number: int
    node: Node
    x: Shape
    windows: tuple[Window, ...]
    reads: tuple[Reading, ...]

    @property
    def complete(self) -> bool:
        return all(one.pixels == one.length for one in self.reads)

    @property
    def kernels(self) -> tuple[Window, ...]:
        """Its windows with their first places, wherever they end."""
        return tuple([one._replace(after=0, ceil=False) for one in self.windows])

    @property
    def words(self) -> str:
        """`3×3 windows with stride 2`."""
        said = f"{times([window.size for window in self.windows])} windows"
        strides, dilations = {one.stride for one in self.windows}, {one.dilation for one in self.windows}
        more = [f"stride {_each(self.windows, 'stride')}"] if strides != {1} else []
        more += [f"dilation {_each(self.windows, 'dilation')}"] if dilations != {1} else []
        return f"{said} with {' and '.join(more)}" if more else said


class Loss(NamedTuple):
    """Pixels that nothing reads: one of the layers that read the others, all of them, and where the pixels are.

    `tails` are the pixels at the end of every axis, `holes` whether there are some between those that are read.
    """

    place: Place
    nodes: list[Node]
    tails: tuple[int, ...]
    holes: bool


def places(plan: Plan) -> list[Place]:
    """The convolutions and pools; a transposed convolution has its windows on the output."""
    found: list[Place] | None = plan.kept.get("places")
    if found is None:
        found = plan.kept["places"] = [*_sliding(plan)]
    return found


def _sliding(plan: Plan) -> Iterator[Place]:
    for number, node in enumerate(plan.nodes):
        if isinstance(node.layer, Sliding) and plan.kinds[number] != "conv_transpose":
            x = plan.given(number)
            found = node.layer.resolve(x)
            if all(window.size <= MOST_CELLS for window in found):
                yield Place(number, node, x, found, tuple(map(reading, found, x.spatial)))


@lru_cache(maxsize=4096)
def reading(window: Window, length: int) -> Reading:
    return Reading(length, window.unread(length), window.reads(length))


@lru_cache(maxsize=4096)
def met(window: Window, length: int) -> int:
    """How many cells of the window stand on a pixel at some place."""
    places, met = window.outputs(length), 0
    for offset in range(-window.before, window.reach - window.before, window.dilation):
        first = max(0, -(offset // window.stride))
        met += first < places and first * window.stride + offset < length
    return met


def on_padding(window: Window, length: int) -> bool:
    """Whether the first or the last window lies on padding alone."""
    last = (window.outputs(length) - 1) * window.stride - window.before
    return window.before >= window.reach or last >= length


def losses(plan: Plan) -> list[Loss]:
    """The tensors that have pixels which nothing reads, each with the first layer that reads the others."""
    by_number = {one.number: one for one in places(plan)}
    found = []
    roots = _roots(plan)
    for root in dict.fromkeys(roots[one.node.sources[0]] for one in by_number.values() if not one.complete):
        readers = [by_number.get(number) for number in _readers(plan, root)]
        lossy = [one for one in readers if one is not None and not one.complete]
        if len(lossy) < len(readers):
            continue
        tails = tuple([min(one.tail for one in axis) for axis in zip(*(one.reads for one in lossy))])
        same = len({one.kernels for one in lossy}) == 1
        holes = same and any(one.gaps for one in lossy[0].reads)
        if holes or any(tails):
            found.append(Loss(lossy[0], [one.node for one in lossy], tails, holes))
    return found


def _roots(plan: Plan) -> list[int]:
    """Of every node the one whose pixels it has: another, for functions and normalisation."""
    roots: list[int] = []
    for number, node in enumerate(plan.nodes):
        roots.append(roots[node.sources[0]] if plan.kinds[number] in ON_EACH_CHANNEL else number)
    return roots


def _readers(plan: Plan, root: int) -> list[int]:
    """All that reads the pixels of a node, behind functions or not; for an output −1, as all of it is wanted."""
    waiting, found = [root], set()
    while waiting:
        takers = plan.takers[waiting.pop()]
        waiting += [one for one in takers if plan.kinds[one] in ON_EACH_CHANNEL]
        found |= {one for one in takers if plan.kinds[one] not in ON_EACH_CHANNEL} if takers else {-1}
    return sorted(found)


def _each(found: tuple[Window, ...], setting: str) -> str:
    values = [getattr(one, setting) for one in found]
    return str(values[0]) if len(set(values)) == 1 else times(values)


def shifts(window: Window) -> bool:
    """Whether an even window stands half a pixel beside its place in the output, the middle of its stride."""
    return window.size % 2 == 0 and window.stride % 2 == 1 and window.before != window.after
