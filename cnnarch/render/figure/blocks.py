"""A network as boxes in space, as in the figures of the AlexNet and VGG papers.

A box is what a layer makes: its sides are those of the maps, its thickness is the channels. A window on a box and the
lines from it to a point in the next show what one place of the next is made from.
"""

from __future__ import annotations

from functools import partial
from typing import cast

from cnnarch.analysis.outline import Outline, glyphs, outline
from cnnarch.graph import Graph
from cnnarch.network import Network
from cnnarch.render.figure import boxes, page, pyramids, solids, svg, words
from cnnarch.render.figure.boxes import LABEL, LINE
from cnnarch.render.figure.page import MARGIN, TOP, Part
from cnnarch.render.figure.solids import Edges, Scale, Solid, Solids

__all__ = ["blocks"]

PAGE = 1000.0  # as wide as a row may be, if its parts let it
WIDEST_PART = 1600.0
MOST = 90  # boxes; where there are more, blocks are closed
MOST_UNFOLDED = 28  # boxes of a network in which nothing is folded
MOST_LAYERS = 8 * MOST_UNFOLDED  # of a network that can have so few boxes: several layers are one
SHRINKS = (1.0, 0.8, 0.6)  # how much smaller boxes may be, to fit
WORTH = 0.8  # closing more blocks has to make a part at least so much narrower
FEW_LANES, MANY_LANES = 2, 0.75  # with more lanes than this, boxes are so much smaller
ARC = 14.0  # the radius of the corners of a skip
LEAST = 420.0  # as wide as a figure is, for its legend


def blocks(network: Network, depth: int | None = None, style: bool = True) -> str:
    """The boxes of a network as SVG; blocks below a `depth` are closed.

    >>> from cnnarch.network import load
    >>> figure = blocks(load("lenet5"))
    >>> figure.count('class="glyph"'), "5×5" in figure
    (8, True)
    """
    graph = network.graph
    found, parts, measure = _fitting(graph, depth)
    width, height, body = page.rows(parts, PAGE, partial(_shown, graph))
    head, wide = page.heading(network)
    width = max(width, wide, LEAST)
    foot, low = _foot(network, found, measure, width)
    layers = [
        *head,
        svg.element("g", *body, transform=f"translate({svg.decimal(MARGIN)} {svg.decimal(TOP)})"),
        svg.element("g", *foot, transform=f"translate({svg.decimal(MARGIN)} {svg.decimal(TOP + height)})"),
    ]
    about = f"{network.name} as boxes from left to right: {len(network.layers)} layers"
    return svg.document(width + 2 * MARGIN, TOP + height + low + MARGIN, layers, network.name, about, style)


def _fitting(graph: Graph, depth: int | None) -> tuple[Outline, list[Part], Scale]:
    """The outline of a network, its parts and their scale, for which the figure can be read.

    Nothing is folded in a short network. Blocks are closed where there are too many boxes; where what cannot be wrapped
    is too wide for a page, boxes are smaller, and then more blocks are closed if that helps.
    """
    whole = outline(graph, depth, fold=False) if len(graph.layers) < MOST_LAYERS else None
    if whole and sum(1 for _ in glyphs(whole.items)) <= MOST_UNFOLDED and page.lanes(whole.items) <= 1:
        return whole, *_parts(graph, whole, 1.0)
    best: tuple[Outline, list[Part], Scale] | None = None
    for tried in _outlines(graph, depth):
        for shrink in SHRINKS:
            parts, measure = _parts(graph, tried, shrink)
            if best is None or page.widest(parts) < WORTH * page.widest(best[1]):
                best = tried, parts, measure
            if page.widest(parts) <= WIDEST_PART:
                return tried, parts, measure
    assert best is not None
    return best


def _outlines(graph: Graph, depth: int | None) -> list[Outline]:
    """Outlines with few enough boxes, from the deepest; the least deep in any case."""
    found = outline(graph, depth)
    if depth is not None:
        return [found]
    deepest = found.depth or 1 + max(node.name.count("/") for node in graph.nodes)
    every = [found, *(outline(graph, one) for one in range(deepest - 1, 0, -1))]
    return [one for one in every if sum(1 for _ in glyphs(one.items)) <= MOST] or every[-1:]


def _parts(graph: Graph, found: Outline, shrink: float) -> tuple[list[Part], Scale]:
    shrink *= MANY_LANES if page.lanes(found.items) > FEW_LANES else 1.0
    measure = solids.scale([words.drawn(piece) for piece in glyphs(found.items)], shrink)
    return page.parts(Solids(graph, measure, page.outputs(graph)), found.items), measure


def _shown(graph: Graph, marks: page.Marks, axis: float) -> list[str]:
    """What stands in a row: lines first, so that they lie below boxes; then boxes, windows and words."""
    lines, texts = list[str](), list[boxes.Words]()
    solid = [(x, y, mark) for x, y, mark in cast("list[tuple[float, float, object]]", marks) if isinstance(mark, Solid)]
    there = [pyramids.Standing(x + mark.x, y + axis, x, mark) for x, y, mark in solid]
    for x, y, mark in marks:
        if isinstance(mark, boxes.Path):
            lines.append(page.path(mark.points, mark.class_, x, y + axis, ARC))
        elif isinstance(mark, boxes.Curve):
            lines.append(page.curve(mark, x, y + axis))
        elif isinstance(mark, boxes.Words):
            texts.append(mark._replace(x=x + mark.x, y=y + axis + mark.y))
    looks, joined = pyramids.looks(graph, there)
    return [
        *lines,
        *pyramids.leads(there, joined),
        *(solids.drawn(graph, one.solid, one.x, one.y) for one in there),
        *(one for look in looks for one in look.drawn),
        *pyramids.backs(texts, [line for look in looks for line in look.lines]),
        *(svg.text(one.x, one.y, one.text, one.class_, one.anchor) for one in texts),
    ]


# Legend and caption.


def _foot(network: Network, found: Outline, measure: Scale, width: float) -> tuple[list[str], float]:
    """What the colours, sizes and lines mean; and how high that is."""
    parts: list[str] = []
    x, y = 0.0, 12.0
    for class_, label in _legend(found):
        wide = 32 + svg.text_width(label, LABEL)
        if x + wide > width and x:
            x, y = 0.0, y + 18
        parts += solids.faces(x, y - 3.5, Edges(8, 8, 4), class_ or "ground", slices=not class_, tints=bool(class_))
        parts.append(svg.text(x + 18, y, label, "label"))
        x += wide
    y += 20
    for line in page.filled(_caption(network, found, measure), width, LABEL):
        parts.append(svg.text(0, y, line, "label quiet"))
        y += LINE + 2
    return parts, y - LINE


def _legend(found: Outline) -> list[tuple[str, str]]:
    pieces = list(glyphs(found.items))
    there = {solids.busiest(piece) for piece in pieces if piece.block or not piece.main.is_input}
    entries = [(name, svg.COLORS[name][0]) for name in svg.FAMILIES if name in there]
    closed = "a closed block, in the colour of most of its work"
    return [*entries, ("", closed)] if any(piece.block for piece in pieces) else entries


def _caption(network: Network, found: Outline, measure: Scale) -> str:
    """The scales, what the lines mean, and what is not drawn."""
    pieces = list(glyphs(found.items))
    ranks = {min(2, words.drawn(piece).rank) for piece in pieces}
    scales = {
        2: f"height and width of maps and windows: {measure.side:.1f}√size",
        1: f"height of sequences: {measure.length:.1f}√length",
        0: f"height of vectors: {measure.units:.1f}√units",
    }
    said = [scales[rank] for rank in sorted(ranks, reverse=True)]
    said += [f"thickness: {measure.channels:.1f}√channels"] if max(ranks) else []
    lines = [f"Scales, in units of the figure: {', '.join(said)}; at least 3."]
    if 2 in ranks:
        lines.append("Lines from a window: what one place of the next map is made from.")
    if any(piece.main.layer.family == "fc" for piece in pieces):
        lines.append("Shaded between boxes: fully connected.")
    if any(node.layer.family == "norm" or node.layer.folds for piece in pieces for node in piece.nodes[1:]):
        lines.append("Normalisation and activation are in the box of the layer before.")
    left = sum(node.train_only for node in network.graph.nodes)
    if left:
        lines.append(f"Left out: {left} layer{'s' * (left > 1)} that run{'s' * (left == 1)} only in training.")
    return " ".join(lines)
