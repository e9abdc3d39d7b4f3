"""The lines between boxes: from a window on one to a point in the next, as kernels are drawn in papers."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from math import sqrt
from typing import NamedTuple

from cnnarch.graph import Graph, Node
from cnnarch.render.figure import page, solids, svg
from cnnarch.render.figure.boxes import LABEL, Words
from cnnarch.render.figure.solids import Solid

__all__ = ["Line", "Look", "Standing", "backs", "crossed", "leads", "looks"]

NEAR = 60.0  # how far apart boxes may stand for lines from one to the other
DEEP = 5.0  # how far behind the edge of a box the point is
_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))

Point = tuple[float, float]
Line = tuple[Point, Point]


class Standing(NamedTuple):
    """A box that stands with its front at `x` and its axis at `y`; its cell begins at `cell`."""

    x: float
    y: float
    cell: float
    solid: Solid

    @property
    def right(self) -> float:
        return self.x + self.solid.edges.thick + self.solid.edges.back

    @property
    def face(self) -> Point:
        """The middle of its side, which is that of a map."""
        return self.x + self.solid.edges.thick + self.solid.edges.back / 2, self.y

    @property
    def front(self) -> tuple[float, float]:
        """Where the front begins and ends, from above."""
        high, _, back = self.solid.edges
        return self.y + (back - high) / 2, self.y + (back + high) / 2


class Look(NamedTuple):
    """What is drawn, and the lines in it."""

    drawn: tuple[str, ...]
    lines: tuple[Line, ...]


class Joined(NamedTuple):
    """Boxes, by their numbers, that need no line behind them and none before, as a pyramid is there."""

    behind: set[int]
    before: set[int]


def looks(graph: Graph, there: list[Standing]) -> tuple[list[Look], Joined]:
    """What each box is made from, drawn on the box before it, where that is near and on the same axis."""
    where = {number: one for one in there for number in one.solid.same[0].numbers}
    found, joined = list[Look](), Joined(set(), set())
    for one in there:
        piece = one.solid.same[0]
        sources = piece.nodes[0].sources
        before = where.get(sources[0]) if len(sources) == 1 else None
        if piece.block or before is None or "sign" in (one.solid.look, before.solid.look):
            continue
        if abs(before.y - one.y) > 0.5 or not 0 < one.x - before.right < NEAR:
            continue
        look = _look(graph, piece.nodes[0], before, one)
        if look is None:
            continue
        found.append(look)
        if abs(before.cell + before.solid.cell - one.cell) < 0.5:
            joined.behind.add(before.solid.same[0].number)
            joined.before.add(piece.number)
    return found, joined


def leads(there: list[Standing], joined: Joined) -> list[str]:
    """The lines that come to boxes and leave them."""
    found = []
    for _, y, cell, solid in there:
        number = solid.same[0].number
        middle = solid.x + (solid.edges.thick + solid.edges.back) / 2
        start = 0.0 if solid.enters and number not in joined.before else middle
        end = solid.cell if solid.leaves and number not in joined.behind else middle
        if start < end:
            found.append(page.path(((start, 0), (end, 0)), "line", cell, y))
    return found


def _look(graph: Graph, node: Node, before: Standing, after: Standing) -> Look | None:
    """Lines from one box to the next, and the window that they start from."""
    if node.layer.family == "fc":
        return _fan(before, after)
    share = _share(graph, node)
    if share is None:
        return None
    top, bottom = after.front
    if "transpose" in node.layer.kind:  # one place is spread over a window
        return _pyramid(before.face, [(after.x, top + 1), (after.x, bottom - 1)])
    x, y = before.face
    high, wide = before.solid.edges.height * share[0] / 2, before.solid.edges.back * share[1] / 2
    corners = [(x + side * wide, y - side * wide + way * high) for side, way in _CORNERS]
    point = (after.x + min(after.solid.edges.thick / 2, DEEP), max(after.y, top + 2))
    return _pyramid(point, corners, solids.way(solids.polygon(corners), "window"))


def _pyramid(point: Point, corners: list[Point], *window: str) -> Look:
    at = svg.decimal
    end = f"L{at(point[0])} {at(point[1])}"
    drawn = solids.way("".join(f"M{at(x)} {at(y)}{end}" for x, y in corners), "look")
    return Look((*window, drawn), tuple((corner, point) for corner in corners))


def _fan(before: Standing, after: Standing) -> Look:
    """From all of one box to all of the next."""
    _, thick, back = before.solid.edges
    (top, bottom), (first, last) = before.front, after.front
    right, far = before.x + thick, before.right
    corners = ((far, top - back), (after.x, first), (after.x, last), (right, bottom), (far, bottom - back))
    return Look((solids.way(solids.polygon(corners), "look"),), (corners[:2], corners[2:4]))


def backs(texts: list[Words], lines: list[Line]) -> Iterator[str]:
    """Ground behind the texts that lines would cross."""
    by_start = sorted((min(one, other), max(one, other)) for one, other in lines)
    starts = [start for (start, _), _ in by_start]
    for text in texts:
        left, right = solids.extent(text)
        top, low = text.y - 0.76 * LABEL, text.y + 1
        near = by_start[bisect_left(starts, left - 2 * NEAR) : bisect_right(starts, right)]  # longer than this is none
        if any(crossed(left, top, right, low, line) for line in near):
            yield svg.element("rect", x=left, y=top, width=right - left, height=low - top, class_="ground")


def crossed(left: float, top: float, right: float, low: float, line: Line) -> bool:
    """Whether a line goes through a rectangle (Liang & Barsky 1984).

    >>> crossed(0, 0, 10, 10, ((-5, 5), (5, -6))), crossed(0, 0, 10, 10, ((-5, 5), (15, 6)))
    (False, True)
    """
    (x, y), (end_x, end_y) = line
    first, last = 0.0, 1.0
    for start, end, least, most in ((x, end_x, left, right), (y, end_y, top, low)):
        if start == end:
            if not least < start < most:
                return False
            continue
        enters, leaves = sorted(((least - start) / (end - start), (most - start) / (end - start)))
        first, last = max(first, enters), min(last, leaves)
    return first < last


def _share(graph: Graph, node: Node) -> tuple[float, float] | None:
    """How much of the height and the width of a face a window takes, on the scale of the maps; or there is none."""
    shape = graph.nodes[node.sources[0]].output
    kernel = getattr(node.layer, "kernel", None)
    if not shape.rank:
        return None
    if node.layer.kind.startswith(("global_", "adaptive_")):
        return (1.0, 1.0) if set(node.output.spatial) <= {1} else None
    if not isinstance(kernel, (int, tuple)):
        return None
    each = kernel if isinstance(kernel, tuple) else (kernel,) * shape.rank
    shares = [min(1.0, sqrt(one / max(1, side))) for one, side in zip(each, shape.spatial)]
    return shares[0], (sum(shares[1:]) / (len(shares) - 1) if len(shares) > 1 else 1.0)
