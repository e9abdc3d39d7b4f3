"""A network as a strip: a glyph a layer, as high as its maps are large and as wide as they are deep.

After the grammar of Net2Vis (Bäuerle, van Onzenoodt, Ropinski 2021, arXiv:1902.04394): heights for resolution, widths
for channels, colours for kinds of layers, a trapezoid where the resolution changes, lines for what flows.
"""

from functools import partial

from cnnarch.analysis.outline import Outline, outline
from cnnarch.graph import Graph
from cnnarch.network import Network
from cnnarch.render.figure import page, svg
from cnnarch.render.figure.boxes import scale
from cnnarch.render.figure.layout import Layout
from cnnarch.render.figure.legend import foot
from cnnarch.render.figure.marks import shown
from cnnarch.render.figure.page import MARGIN, TOP, Part

__all__ = ["strip"]

PAGE = 900.0  # as wide as a row may be, if its parts let it
WIDEST_PART = 1600.0  # blocks are closed where a part that cannot be wrapped would be wider
LEAST = 420.0  # as wide as a figure is, for its legend


def strip(network: Network, depth: int | None = None, style: bool = True) -> str:
    """The strip of a network as SVG; blocks below a `depth` are closed.

    >>> from cnnarch.network import load
    >>> figure = strip(load("lenet5"))
    >>> figure.count('class="glyph"'), "6 of 5×5" in figure
    (8, True)
    """
    graph = network.graph
    found, parts = _fitting(graph, depth)
    width, height, body = page.rows(parts, PAGE, partial(shown, graph))
    head, wide = page.heading(network)
    width = max(width, wide, LEAST)
    below, low = foot(found, graph, width)
    drawn = [
        *head,
        svg.element("g", *body, transform=f"translate({svg.decimal(MARGIN)} {svg.decimal(TOP)})"),
        svg.element("g", *below, transform=f"translate({svg.decimal(MARGIN)} {svg.decimal(TOP + height)})"),
    ]
    return svg.document(width + 2 * MARGIN, TOP + height + low + MARGIN, drawn, network.name, _about(network), style)


def _about(network: Network) -> str:
    return f"{network.name}, layer by layer from left to right: {len(network.layers)} layers"


def _fitting(graph: Graph, depth: int | None) -> tuple[Outline, list[Part]]:
    """The outline of a network; where no depth is asked for, the deepest whose parts are not too wide for a row."""
    found = outline(graph, depth)
    parts = _parts(graph, found)
    if depth is not None or page.widest(parts) <= WIDEST_PART:
        return found, parts
    deepest = max(node.name.count("/") for node in graph.nodes)
    for closer in range((found.depth or deepest + 1) - 1, 0, -1):
        other = outline(graph, closer)
        tried = _parts(graph, other)
        if page.widest(tried) < page.widest(parts):
            found, parts = other, tried
        if page.widest(parts) <= WIDEST_PART:
            break
    return found, parts


def _parts(graph: Graph, found: Outline) -> list[Part]:
    shapes = [node.output for node in graph.nodes if not node.train_only]
    measure = scale(shapes, page.lanes(found.items))
    return page.parts(Layout(graph, measure, page.outputs(graph)), found.items)
