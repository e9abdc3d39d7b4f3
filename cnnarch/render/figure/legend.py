"""What stands below a strip: what its colours and its sizes mean, and what is left out."""

from cnnarch.analysis.outline import Outline, glyphs
from cnnarch.graph import Graph
from cnnarch.render.figure import page, svg, words
from cnnarch.render.figure.boxes import LABEL, LINE
from cnnarch.render.figure.marks import busiest, four

__all__ = ["foot"]


def foot(found: Outline, graph: Graph, width: float) -> tuple[list[str], float]:
    """What the colours and the sizes mean, and what is left out."""
    parts: list[str] = []
    x, y = 0.0, 12.0
    for name, class_, label in _legend(found):
        wide = 18 + svg.text_width(label, LABEL) + 14
        if x + wide > width and x:
            x, y = 0.0, y + 17
        parts.append(_swatch(name, class_, x, y))
        parts.append(svg.text(x + 18, y, label, "label"))
        x += wide
    y += 20
    for line in page.filled(_caption(graph), width, LABEL):
        parts.append(svg.text(0, y, line, "label quiet"))
        y += LINE + 2
    return parts, y - LINE


def _legend(found: Outline) -> list[tuple[str, str, str]]:
    pieces = list(glyphs(found.items))
    families: dict[str, None] = {}
    for piece in pieces:
        if piece.block:
            families[busiest(piece)] = None
        elif not piece.main.is_input:
            families[svg.family(piece.main)] = None
        for name in words.stripes(piece):
            families[name] = None
    entries = [("swatch", name, svg.COLORS[name][0]) for name in svg.FAMILIES if name in families]
    if any(piece.block for piece in pieces):
        entries.append(("pile", "ground", "closed block, in the colour of its main work"))
    return entries


def _swatch(look: str, class_: str, x: float, y: float) -> str:
    if look == "pile":
        return four(x + 4, y - 4, 8, 10, 10, "ground outline") + four(x, y - 4, 8, 10, 10, "ground outline")
    return four(x, y - 4, 12, 10, 10, f"{class_} outline")


def _caption(graph: Graph) -> str:
    """What height and width mean, and what is not drawn."""
    left = sum(node.train_only for node in graph.nodes)
    said = (
        "Height: resolution, one step for each doubling of the side (logarithmic). Width: square root of the channels."
        " Above: the size of the maps, where it changes. Below: window, /stride, channels."
        " A slope: the resolution changes. Thin stripes on the right: what runs on the result."
    )
    if any(len(set(node.output.spatial)) > 1 or node.output.rank in (1, 3) for node in graph.nodes):
        said += " Of maps that are not square: the side of a square with as many places."
    if left:
        said += f" Left out: {left} layer{'s' * (left > 1)} that run{'s' * (left == 1)} only in training."
    return said
