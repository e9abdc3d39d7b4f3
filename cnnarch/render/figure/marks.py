"""What the marks of a strip look like, as SVG."""

from cnnarch.analysis.outline import Piece
from cnnarch.graph import Graph
from cnnarch.render.figure import page, svg, words
from cnnarch.render.figure.boxes import RADIUS, STRIPE, Curve, Glyph, Mark, Path

__all__ = ["busiest", "four", "shown"]


def shown(graph: Graph, marks: list[tuple[float, float, Mark]], axis: float) -> list[str]:
    """Lines first, so that they lie below glyphs; then glyphs, then words."""
    lines, shapes, texts = list[str](), list[str](), list[str]()
    for x, up, mark in marks:
        y = axis + up
        if isinstance(mark, Path):
            lines.append(page.path(mark.points, mark.class_, x, y))
        elif isinstance(mark, Curve):
            lines.append(page.curve(mark, x, y))
        elif isinstance(mark, Glyph):
            shapes.append(_glyph(graph, mark, x + mark.x, y))
        else:
            texts.append(svg.text(x + mark.x, y + mark.y, mark.text, mark.class_, mark.anchor))
    return [*lines, *shapes, *texts]


def _way(way: str, class_: str) -> str:
    """A path as `svg.element` writes it; there are three for each layer."""
    return f'<path d="{way}" class="{class_}"/>'


def _glyph(graph: Graph, mark: Glyph, x: float, y: float) -> str:
    """A layer, or several at the same place of what repeats."""
    numbers = " ".join(str(number) for piece in mark.same for number in piece.numbers)
    tip = svg.tooltip(words.figures(graph, mark.same))
    piece = mark.same[0]
    if mark.look == "sign":
        shapes = _sign(piece, x, y)
    elif mark.look == "input":
        shapes = [four(x, y, mark.width, mark.left, mark.right, "ground line dashed")]
    elif mark.look == "block":
        fill = busiest(piece)
        shapes = [
            four(x + 8, y, mark.width - 8, mark.right, mark.right, f"{fill} outline"),
            four(x + 4, y, mark.width - 8, mark.right, mark.right, f"{fill} outline"),
            four(x, y, mark.width - 8, mark.left, mark.right, f"{fill} outline"),
        ]
    else:
        shapes = _layer(piece, mark, x, y)
    return svg.element("g", tip, *shapes, class_="glyph", data_at=numbers)


def _layer(piece: Piece, mark: Glyph, x: float, y: float) -> list[str]:
    """A trapezoid, with a stripe for each layer that is folded into it."""
    folded = words.stripes(piece)
    wide = mark.width - STRIPE * len(folded)
    shapes = [four(x, y, wide, mark.left, mark.right, f"{svg.family(piece.main)} outline")]
    for index, name in enumerate(folded):
        shapes.append(four(x + wide + index * STRIPE, y, STRIPE, mark.right, mark.right, f"{name} outline"))
    return shapes


def _sign(piece: Piece, x: float, y: float) -> list[str]:
    """A merge that keeps the shape: a circle with its sign, and what is folded into it."""
    r, middle = RADIUS - 1, x + RADIUS
    shapes = [svg.element("circle", cx=middle, cy=y, r=r, class_="merge outline")]
    way = {"add": "M-4 0h8M0 -4v8", "multiply": "M-3 -3l6 6M-3 3l6 -6", "max": "M-4 2l4 -5l4 5"}[piece.main.layer.kind]
    shapes.append(
        svg.element("path", d=way, class_="sign", transform=f"translate({svg.decimal(middle)} {svg.decimal(y)})")
    )
    for index, name in enumerate(words.stripes(piece)):
        left = x + 2 * RADIUS + index * (STRIPE + 1)
        shapes.append(four(left, y, STRIPE, 2 * r, 2 * r, f"{name} outline"))
    return shapes


def four(x: float, y: float, width: float, left: float, right: float, class_: str) -> str:
    at = svg.decimal
    corners = ((x, y - left / 2), (x + width, y - right / 2), (x + width, y + right / 2), (x, y + left / 2))
    way = "M" + "L".join(f"{at(one)} {at(other)}" for one, other in corners) + "z"
    return _way(way, class_)


def busiest(piece: Piece) -> str:
    """The family that does most of a block's work."""
    work: dict[str, int] = {}
    for node in piece.nodes:
        work[svg.family(node)] = work.get(svg.family(node), 0) + node.macs + node.elements
    return max(work, key=lambda name: work[name])
