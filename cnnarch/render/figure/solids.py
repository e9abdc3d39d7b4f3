"""The boxes of a figure in blocks: how large they are, what stands at their edges, how they are drawn.

A cabinet projection: channels go to the right, height goes up, and width goes back, at 45° and half as long. So the
face at the right of a box is a map, and what looks at it stands to the right, as in figure 2 of Krizhevsky, Sutskever,
Hinton 2012.
"""

from collections.abc import Iterable
from math import prod, sqrt
from typing import NamedTuple, cast

from cnnarch.analysis.outline import Piece
from cnnarch.graph import Graph, Node
from cnnarch.render.figure import boxes, layout, marks, svg, words
from cnnarch.render.figure.boxes import LABEL, LINE, RADIUS, Box, Mark
from cnnarch.shapes import Shape

__all__ = [
    "LEAST",
    "SLANT",
    "Edges",
    "Scale",
    "Solid",
    "Solids",
    "busiest",
    "drawn",
    "edges",
    "extent",
    "faces",
    "polygon",
    "scale",
]

SLANT = sqrt(0.5) / 2  # of the width, to the right and up: half as long, at 45°
BAR = 7.0  # the thickness of a vector
LEAST = 3.0  # of any edge
FLAT = 3.0  # how far a sequence goes back, that has no width
BEFORE, BEHIND = 5.0, 9.0  # room on both sides of a box
LONGEST_NAME = 16  # characters
EDGES = 24.0  # a box as high as this has numbers at its edges
TALLEST, THICKEST, LONGEST = 128.0, 62.0, 120.0  # the largest side, thickness and bar
WIDEST = 160.0  # the thickness, where others would be too thin beside it


class Scale(NamedTuple):
    """Points for the square root of a map's side, of a sequence's length, of channels, of a vector's units."""

    side: float
    length: float
    channels: float
    units: float


class Edges(NamedTuple):
    """A box's height, its thickness, and how far its far side is moved to the right and up."""

    height: float
    thick: float
    back: float


class Solid(NamedTuple):
    """A box in a cell so wide, its front at `x`; whether a line comes to it, and one leaves."""

    x: float
    edges: Edges
    same: tuple[Piece, ...]
    look: str  # input, map, bar, block, sign
    cell: float
    enters: bool
    leaves: bool


def scale(shapes: Iterable[Shape], shrink: float = 1.0) -> Scale:
    """The scale on which the largest box of a network is as large as it may be, or so much less.

    >>> from cnnarch.shapes import Shape
    >>> [round(one, 2) for one in scale([Shape(256, 256, 3), Shape(16, 16, 961), Shape(400)])]
    [8.0, 16.0, 2.0, 4.0]
    """
    every = list(shapes)
    side = max((size for one in every if one.rank > 1 for size in _sides(one)), default=1.0)
    length = max((one[0] for one in every if one.rank == 1), default=1)
    maps = max((one.channels for one in every if one.rank), default=1)
    units = max((one.channels for one in every if not one.rank), default=1)
    side_scale, length_scale = _points(side, TALLEST, 16.0), _points(length, TALLEST, 16.0)
    units_scale = _points(units, LONGEST, 4.0)
    channels_scale = max(_points(maps, THICKEST, 2.0), _points(maps, WIDEST, 1.0))  # the words of a language are many
    return Scale(*(shrink * one for one in (side_scale, length_scale, channels_scale, units_scale)))


def _points(largest: float, room: float, most: float) -> float:
    """Points for a square root, so that the largest just has room; what is small need not fill it."""
    return min(most, room / sqrt(max(1.0, largest)))


def _sides(shape: Shape) -> tuple[float, float]:
    """Height and width; of a volume the width is the mean of two axes, of a sequence there is none."""
    spatial = shape.spatial
    if len(spatial) < 2:
        return float(max(1, *spatial, 1)), 0.0
    rest = spatial[1:]
    return float(max(1, spatial[0])), float(max(1, prod(rest))) ** (1 / len(rest))


def edges(measure: Scale, shape: Shape) -> Edges:
    """How large a shape is drawn.

    >>> [round(size, 1) for size in edges(Scale(10, 10, 2, 2), Shape(49, 49, 64))]
    [70.0, 16.0, 24.7]
    """
    if not shape.rank:
        return Edges(max(LEAST, measure.units * sqrt(shape.channels)), BAR, FLAT)
    height, width = _sides(shape)
    thick = max(LEAST, measure.channels * sqrt(shape.channels))
    if shape.rank == 1:
        return Edges(max(LEAST, measure.length * sqrt(height)), thick, FLAT)
    return Edges(max(LEAST, measure.side * sqrt(height)), thick, max(FLAT, SLANT * measure.side * sqrt(width)))


class Solids(layout.Layout):
    """Makes cells of boxes of the items of an outline."""

    def __init__(self, graph: Graph, sizes: Scale, outputs: frozenset[int]) -> None:
        super().__init__(graph, boxes.Scale(1.0, 1.0), outputs)
        self.sizes = sizes

    def cell(self, same: tuple[Piece, ...]) -> Box:
        """A box, the numbers at its edges, and the words below it."""
        look = _kind(same[0])
        if look == "sign":
            size = Edges(2 * RADIUS, 2 * RADIUS, 0.0)
            return self.standing(same, look, size, [], size.height / 2)
        size = edges(self.sizes, words.drawn(same[0]))
        low = (size.height + size.back) / 2
        lines = self.below(same, look)
        middle = _middle([line for line, _ in lines], size, look)
        texts = self.at_edges(same[0], size)
        texts += [boxes.Words(middle, low + LINE * (at + 1) - 1, *line) for at, line in enumerate(lines)]
        return self.standing(same, look, size, texts, low + LINE * len(lines) + 3)

    def standing(self, same: tuple[Piece, ...], look: str, size: Edges, texts: list[boxes.Words], down: float) -> Box:
        """The cell of a box and texts that stand around the upper left corner of its front, with the room they need."""
        right = size.thick + size.back
        x = (3.0 if look == "sign" else BEFORE) - min([0.0, *(extent(text)[0] for text in texts)])
        behind = right + (3.0 if look == "sign" else BEHIND)
        width = x + max([behind, *(extent(text)[1] + 2 for text in texts)])
        up = max([(size.height + size.back) / 2, *(LABEL - text.y for text in texts)])
        ends = self.ends(same[0])
        solid = Solid(x, size, same, look, width, bool(same[0].nodes[0].sources), not ends)
        # `Layout` passes marks on and does not look at them.
        box = Box(width, up, down, (cast("Mark", solid), *(text._replace(x=text.x + x) for text in texts)))
        return boxes.beside([box, self.ending(ends, x + right / 2 - width)]) if ends else box

    def at_edges(self, piece: Piece, size: Edges) -> list[boxes.Words]:
        """Height and width, where they are others than those of what comes in; above a box that is too low for them."""
        shape = words.drawn(piece)
        above = words.above(self.graph, piece)
        if not above:
            return []
        if not shape.rank or shape.regions != 1 or size.height < EDGES:
            return [boxes.Words((size.thick + size.back) / 2, -(size.height + size.back) / 2 - 3, above, "label")]
        level = max(size.back / 2 + size.height / 4 + 3.5, 13.0)  # below the lines that come to the middle
        found = [boxes.Words(-3, level, str(shape.spatial[0]), "label", "end")]
        if shape.rank > 1:
            wide = "×".join(map(str, shape.spatial[1:]))
            found.append(boxes.Words(size.back / 2 - 3, -size.height / 2 - 1, wide, "label", "end"))
        return found

    def below(self, same: tuple[Piece, ...], look: str) -> list[tuple[str, str]]:
        """Channels or units, then the name, then what is done; each with its class."""
        piece = same[0]
        node = piece.main
        name, does = node.name if layout.named(node) else "", words.lines(words.does(self.graph, node))
        if look == "input":
            name, does = node.name, [str(node.output)] if node.output.rank else []
        elif look == "block":
            name, kind = piece.block.rpartition("/")[2], words.kind_of(self.graph, piece.block)
            does = [] if name.startswith(kind) else [kind]
        elif name.rstrip("0123456789") == " ".join(does):
            does = []
        named = [(words.clipped(name, LONGEST_NAME), "label strong")] if name else []
        done = [(words.clipped(line, LONGEST_NAME), "label quiet") for line in does]
        return [(words.channels(same), "label"), *named, *done]


def _kind(piece: Piece) -> str:
    if piece.block:
        return "block"
    if piece.main.is_input:
        return "input"
    if piece.main.layer.kind in ("add", "multiply", "max"):
        return "sign"
    return "map" if words.drawn(piece).rank else "bar"


def _middle(lines: list[str], size: Edges, look: str) -> float:
    """Where the words below a box have their middle: at that of the front, unless they would begin before it."""
    wide = max(svg.text_width(line, LABEL) for line in lines) / 2
    return wide if look == "bar" else max(size.thick / 2, min(wide, (size.thick + size.back) / 2))


def extent(text: boxes.Words) -> tuple[float, float]:
    """From where to where a text goes."""
    wide = svg.text_width(text.text, LABEL) * (1.08 if "strong" in text.class_ else 1.0)
    left = text.x - {"start": 0.0, "middle": wide / 2, "end": wide}[text.anchor]
    return left, left + wide


def busiest(piece: Piece) -> str:
    """The family that does most of the work in a piece."""
    return marks.busiest(piece) if piece.block else svg.family(piece.main)


# How a box looks.


def drawn(graph: Graph, solid: Solid, x: float, y: float) -> str:
    """A box whose front begins at `x`, with its axis at `y`."""
    numbers = " ".join(str(number) for piece in solid.same for number in piece.numbers)
    piece = solid.same[0]
    if solid.look == "sign":
        shapes = _sign(piece.main, x + RADIUS, y)
    elif solid.look == "input":
        shapes = faces(x, y, solid.edges, "ground", tints=False)
    else:
        shapes = faces(x, y, solid.edges, busiest(piece), slices=solid.look == "block")
    tip = svg.tooltip(words.figures(graph, solid.same))
    return svg.element("g", tip, *shapes, class_="glyph", data_at=numbers)


def faces(x: float, y: float, size: Edges, class_: str, slices: bool = False, tints: bool = True) -> list[str]:
    """Front, top and side: the colour, a lighter and a darker one; `slices` stand for several layers.

    >>> faces(0, 0, Edges(10, 4, 2), "conv")[0]
    '<path d="M0 6V-4L2 -6H6V4L4 6z" class="conv edge"/>'
    """
    at = svg.decimal
    high, thick, back = size
    low = y + (high + back) / 2
    left, right, far = at(x), at(x + thick), at(x + thick + back)
    over, top, bottom = at(low - high - back), at(low - high), at(low)
    upper, lower = f"{at(x + back)} {over}H{far}", at(low - back)
    found = [way(f"M{left} {bottom}V{top}L{upper}V{lower}L{right} {bottom}z", f"{class_} edge")]
    roof, side = f"M{left} {top}L{upper}L{right} {top}z", f"M{right} {top}L{far} {over}V{lower}L{right} {bottom}z"
    found += [way(roof, "tint edge" if tints else "edge"), way(side, "shade edge" if tints else "edge")]
    if slices:
        cuts = (at(x + thick * share / 3) for share in (1, 2))
        found.append(way("".join(f"M{cut} {bottom}V{top}l{at(back)} {at(-back)}" for cut in cuts), "edge"))
    return found


def way(path: str, class_: str) -> str:
    """A path as `svg.element` writes it; there are five for each layer."""
    return f'<path d="{path}" class="{class_}"/>'


def polygon(corners: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{svg.decimal(x)} {svg.decimal(y)}" for x, y in corners) + "z"


def _sign(node: Node, x: float, y: float) -> list[str]:
    """A circle with the sign of what merges."""
    way = {"add": "M-4 0h8M0 -4v8", "multiply": "M-3 -3l6 6M-3 3l6 -6", "max": "M-4 2l4 -5l4 5"}[node.layer.kind]
    place = f"translate({svg.decimal(x)} {svg.decimal(y)})"
    return [
        svg.element("circle", cx=x, cy=y, r=RADIUS - 1, class_="merge outline"),
        svg.element("path", d=way, class_="sign", transform=place),
    ]
