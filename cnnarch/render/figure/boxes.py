"""What a strip is made of: marks, and boxes with an axis that they stand in.

In a box the axis is y = 0; it comes in at x = 0 and goes out at x = width. A map of twice the side is a step higher,
and widths grow with the square root of the channels (after Bäuerle, van Onzenoodt, Ropinski 2021, arXiv:1902.04394,
who have heights for resolution and widths for features).
"""

from collections.abc import Iterable
from math import log2, sqrt
from typing import NamedTuple, TypeAlias

from cnnarch.analysis.outline import Piece
from cnnarch.render.figure.svg import text_width
from cnnarch.shapes import Shape

__all__ = [
    "GAP", "LABEL", "LANE", "LEAD", "LINE", "RADIUS", "STRIPE", "Box", "Curve", "Glyph", "Mark", "Path", "Placed",
    "Scale", "Words", "beside", "bracketed", "placed", "scale", "side",
]  # fmt: skip

LABEL = 10.0  # the size of a label's letters
LINE = 11.5  # from one line of labels to the next
GAP = 9.0  # between a glyph and the next
LEAD = 14.0  # for the lines that fork and join
LANE = 7.0  # between lanes
STRIPE = 3.0  # a folded layer
RADIUS = 8.0  # of the sign of a merge
TALLEST, WIDEST = 118.0, 100.0  # glyphs


class Glyph(NamedTuple):
    """A layer: its left side has the height of what comes in, its right side of what goes out."""

    x: float
    width: float
    left: float
    right: float
    same: tuple[Piece, ...]
    look: str  # input, layer, block, sign


class Words(NamedTuple):
    x: float
    y: float
    text: str
    class_: str
    anchor: str = "middle"


class Path(NamedTuple):
    """A line with rounded corners."""

    points: tuple[tuple[float, float], ...]
    class_: str = "line"


class Curve(NamedTuple):
    """From one point to another that is to the right, level at both ends."""

    start: tuple[float, float]
    end: tuple[float, float]


Mark: TypeAlias = Glyph | Words | Path | Curve


class Box(NamedTuple):
    """So much room, above and below the axis, and what stands in it."""

    width: float
    up: float
    down: float
    marks: tuple[Mark, ...] = ()
    inside: "tuple[Placed, ...]" = ()


class Placed(NamedTuple):
    x: float
    y: float
    box: Box


class Scale(NamedTuple):
    """Points for each doubling of a side, and for the square root of the channels."""

    step: float
    root: float

    def height(self, shape: Shape) -> float:
        return 9 + self.step * log2(side(shape))

    def width(self, shape: Shape) -> float:
        return 4 + self.root * sqrt(shape.channels)


def side(shape: Shape) -> float:
    """The side of a square with as many places; of a vector, 1."""
    places = 1.0
    for size in shape.spatial:
        places *= size
    return max(1.0, sqrt(places))


def scale(shapes: Iterable[Shape], lanes: int) -> Scale:
    """The scale on which a network fits: smaller where many lanes lie side by side."""
    every = list(shapes)
    largest = max((side(one) for one in every), default=1.0)
    channels = max((one.channels for one in every), default=1)
    step = min(12.0 if lanes < 3 else 8.0, TALLEST / max(1.0, log2(largest)))
    return Scale(step, min(0.75, WIDEST / sqrt(max(1, channels))))


def beside(boxes: list[Box]) -> Box:
    """Boxes one after another on one axis."""
    x = 0.0
    inside = []
    for box in boxes:
        inside.append(Placed(x, 0.0, box))
        x += box.width
    up, down = max((one.up for one in boxes), default=1.0), max((one.down for one in boxes), default=1.0)
    return Box(x, up, down, (), tuple(inside))


def bracketed(body: Box, label: str, strong: bool = False) -> Box:
    """A box with a bracket and a word below it; a box that is too narrow for the word becomes wider."""
    width = max(body.width, text_width(label, LABEL) * (1.08 if strong else 1) + 6)
    x, low = (width - body.width) / 2, body.down + 3
    marks: list[Mark] = [
        Path(((2, low), (2, low + 4), (width - 2, low + 4), (width - 2, low)), "bracket"),
        Words(width / 2, low + 4 + LINE, label, "label strong" if strong else "label"),
    ]
    if x:
        marks += [Path(((0, 0), (x, 0))), Path(((x + body.width, 0), (width, 0)))]
    return Box(width, body.up, low + 4 + LINE + 4, tuple(marks), (Placed(x, 0.0, body),))


def placed(box: Box) -> list[tuple[float, float, Mark]]:
    """Every mark in a box with where it stands, without recursion: blocks lie deep in blocks."""
    found: list[tuple[float, float, Mark]] = []
    waiting = [Placed(0.0, 0.0, box)]
    while waiting:
        x, y, one = waiting.pop()
        found += [(x, y, mark) for mark in one.marks]
        waiting += [Placed(x + other.x, y + other.y, other.box) for other in reversed(one.inside)]
    return found
