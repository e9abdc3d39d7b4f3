"""The receptive field of the place in the middle, over a drawing of the input: as a figure and as the script's data."""

from __future__ import annotations

from typing import NamedTuple

from cnnarch.analysis.paths import Axis, Followed
from cnnarch.analysis.receptive_field import Field
from cnnarch.network import Network
from cnnarch.render.figure.svg import decimal, element, tooltip
from cnnarch.render.numbers import exact
from cnnarch.render.receptive_field import words
from cnnarch.shapes import Shape

__all__ = ["Place", "drawing", "last", "place", "sentence"]

SIDE = 160.0  # the longer side of the input, as it is drawn
LEAST = 16.0  # the shorter side at least, so that it can be seen
MARGIN = 40.0  # around the input, for what lies on padding


class Place(NamedTuple):
    """Where a receptive field lies in the drawing: all of it, what of it is on the input, and its centre.

    Rectangles are left, top, width and height as SVG has them, the centre is x and y. `cut` says whether some of it
    lies outside of the drawing.
    """

    all: tuple[str, ...]
    inside: tuple[str, ...]
    centre: tuple[str, ...]
    cut: bool


class _Side(NamedTuple):
    """One axis of the drawing: as long as the input is drawn, for so many pixels."""

    drawn: float
    pixels: int

    def at(self, pixel: float, margin: float = MARGIN) -> float:
        """Where a pixel begins; what is too far outside stands at the edge."""
        return min(max(MARGIN + pixel * self.drawn / self.pixels, MARGIN - margin), MARGIN + self.drawn + margin)

    def cuts(self, pixel: float) -> bool:
        return not -MARGIN <= pixel * self.drawn / self.pixels <= self.drawn + MARGIN


def last(network: Network) -> Field | None:
    """What is shown until a layer is chosen: the last convolution of which it is known, or else the last layer."""
    found = network.receptive_field
    fields = [field for node in reversed(network.layers) if not node.train_only for field in found.of(node)[:1]]
    drawn = [field for field in fields if field.axes and field.size and not field.whole]
    return next((field for field in drawn if field.node.layer.family == "conv"), next(iter(drawn), None))


def place(network: Network, field: Field) -> Place | None:
    """Where the field of the place in the middle of a layer's output is drawn; nothing where it is not known.

    >>> from cnnarch.network import load
    >>> network = load("alexnet")
    >>> field, = network.receptive_field.of(network.layer("conv1"))  # place 27 sees pixels 108 to 118 of 227
    >>> place(network, field).all
    ('116.1', '116.1', '7.8', '7.8')
    """
    if field.size is None or not field.axes:
        return None
    shape = network.inputs[field.input]
    number = list(network.receptive_field.inputs).index(field.input)
    axes = network.receptive_field.path(field.node)[number] or ()
    spans = [_span(*one, field.node.output.spatial) for one in zip(axes, shape.spatial, field.size)]
    sides = _sides(shape)
    spans = [(0, 0), *spans][-2:]
    if shape.rank == 1:
        spans[0] = (0, 1)
    return _placed(sides, spans)


def _placed(sides: tuple[_Side, _Side], spans: list[tuple[int, int]]) -> Place:
    """The rectangles between the first pixels and those after the last ones."""
    down, across = ([side.at(one) for one in span] for side, span in zip(sides, spans))
    down_, across_ = ([side.at(one, 0) for one in span] for side, span in zip(sides, spans))
    y, x = (side.at(sum(span) / 2) for side, span in zip(sides, spans))
    cut = any(side.cuts(one) for side, span in zip(sides, spans) for one in span)
    return Place(_rectangle(across, down), _rectangle(across_, down_), (decimal(x), decimal(y)), cut)


def _rectangle(across: list[float], down: list[float]) -> tuple[str, ...]:
    return tuple(map(decimal, (across[0], down[0], across[1] - across[0], down[1] - down[0])))


def _span(axis: Axis, length: int, size: int, outputs: tuple[int, ...]) -> tuple[int, int]:
    """The first pixel that the place in the middle sees, and the one after the last."""
    if isinstance(axis, Followed):
        path = axis.largest
        span = path.at(outputs[axis.along] // 2 if path.step and axis.along < len(outputs) else 0)
        if span is not None:
            return span[0], span[1] + 1
    first = (length - size) // 2  # the places have lost their order: one of them, in the middle
    return first, first + size


def _sides(shape: Shape) -> tuple[_Side, _Side]:
    """Down and across; a sequence is one pixel high, and of a volume the last two axes are drawn."""
    down, across = (1, *shape.spatial)[-2:]
    scale = SIDE / max(down, across)
    return _Side(max(LEAST, down * scale), down), _Side(max(LEAST, across * scale), across)


def drawing(shape: Shape, found: Place | None, title: str) -> str:
    """An input and a receptive field on it; with no field, the drawing that the script fills in."""
    down, across = _sides(shape)
    empty = ("0", "0", "0", "0")
    all_, inside, centre = (found.all, found.inside, found.centre) if found else (empty, empty, empty[:2])
    frame = _box("input", tuple(map(decimal, (MARGIN, MARGIN, across.drawn, down.drawn))))
    dot = element("circle", class_="centre", cx=centre[0], cy=centre[1], r=2.5)
    room = f"0 0 {decimal(across.drawn + 2 * MARGIN)} {decimal(down.drawn + 2 * MARGIN)}"
    parts = [tooltip(title), frame, _box("seen", inside), _box("field", all_), dot]
    return element("svg", *parts, viewBox=room, role="img", class_="over")


def _box(class_: str, sides: tuple[str, ...]) -> str:
    x, y, width, height = sides
    return element("rect", class_=class_, x=x, y=y, width=width, height=height)


def sentence(network: Network, field: Field) -> str:
    """What stands under the drawing.

    >>> from cnnarch.network import load
    >>> network = load("vgg16")
    >>> print(sentence(network, network.receptive_field.of(network.layer("stage5/maxpool"))[0]))
    a place sees 212×212 of 224×224 pixels; places are 32 pixels apart
    """
    shape = network.inputs[field.input]
    pixels = "×".join(map(str, shape.spatial))
    of = f" of {field.input}" if len(network.receptive_field.inputs) > 1 else ""
    if field.size is None:
        return f"sees nothing of the input{of}" if not field.axes else f"not known{of}: {field.reason}"
    if field.whole:
        return f"every place sees all {pixels} pixels{of}"
    parts = [f"a place sees {words(field)} of {pixels} pixels{of}"]
    jumps = [exact(axis.jump) for axis in field.axes if axis.jump is not None]
    if len(jumps) == len(field.axes):
        apart = jumps[0] if len(set(jumps)) == 1 else "×".join(jumps)
        parts.append(f"places are {apart} pixel{'s' if apart != '1' else ''} apart")
    if any(size > length for size, length in zip(field.size, shape.spatial)):
        parts.append("more than the input has: the rest is padding")
    return "; ".join(parts)
