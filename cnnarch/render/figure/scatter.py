"""Variants as points: one figure against another, the Pareto front among them, as SVG and in letters."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from cnnarch.render.figure import svg, words
from cnnarch.render.figure.scales import Aspect, Between, between
from cnnarch.render.numbers import grouped, size

__all__ = ["MOST", "Point", "letters", "scatter"]

MOST = 100_000  # points that are told apart
WIDTH, HEIGHT = 560.0, 360.0
MARGIN, APART = 16.0, 6.0
LETTERS, LABEL = 11.0, 10.0
CELL = 3.0  # of points that would cover each other one is drawn
FEW = 1_500  # points that are all drawn
LONGEST = 40  # characters of a label
MOST_LABELS = 60  # that are tried
LINES = 20  # of letters
OTHER, FRONT = "·", "o"

Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom


class Point(NamedTuple):
    """A variant: its two figures, what it is called, and whether no other beats it in both."""

    x: int | float
    y: int | float
    label: str
    front: bool = False


def scatter(points: Sequence[Point], x: Aspect, y: Aspect, title: str, style: bool = True) -> str:
    """Points with their front as a staircase, as SVG.

    >>> points = [Point(1, 9, "width=1", True), Point(2, 3, "width=2", True), Point(4, 8, "width=4")]
    >>> figure = scatter(points, Aspect("params"), Aspect("MACs"), "A network")
    >>> figure.count("<circle"), "2 on the front" in figure
    (5, True)

    A scale is logarithmic where its largest value is many times the least. Of points that cover each other only one is
    drawn if there are many, and the caption says so; those of the front all are.
    """
    if not points:
        empty = [svg.text(MARGIN, 28, title, "title"), svg.text(MARGIN, 52, "No variant to draw.")]
        return svg.document(420, 80, empty, title, "no variants", style)
    plot = _Plot(points, x, y)
    drawn = plot.points()
    told = _caption(points, len(drawn))
    about = f"{title}: {y.title} against {x.title}, {told}"
    head = [svg.text(MARGIN, 28, words.clipped(title, 70), "title"), svg.text(MARGIN, 46, told, "quiet")]
    wide = max(plot.right, MARGIN + svg.text_width(told, LETTERS), MARGIN + 1.4 * svg.text_width(title[:70], LETTERS))
    parts = [*head, *plot.axes(), *drawn, *plot.staircase(), *plot.front(), *plot.key()]
    return svg.document(wide + MARGIN, plot.bottom + 66, parts, title, about, style)


def _caption(points: Sequence[Point], drawn: int) -> str:
    front = sum(point.front for point in points)
    told = f"{grouped(len(points))} variants"
    told += f", {grouped(front)} on the front" if front else ""
    others = len(points) - front
    return told + (f"; of those behind it {grouped(drawn)} are drawn, which cover the others" if drawn < others else "")


class _Plot:
    """The rectangle that points stand in."""

    def __init__(self, points: Sequence[Point], x: Aspect, y: Aspect) -> None:
        self.all = points
        self.x, self.y = x, y
        self.across = between([point.x for point in points], x.unit)
        self.upright = between([point.y for point in points], y.unit)
        widest = max((svg.text_width(self.upright.label(one), LABEL) for one in self.upright.ticks), default=0.0)
        self.left = MARGIN + LETTERS + 10 + widest + APART
        self.right = self.left + WIDTH
        self.top = 64.0
        self.bottom = self.top + HEIGHT
        self.drawn: list[tuple[float, float]] = []  # where points stand that are not on the front
        self.best = sorted((point for point in points if point.front), key=lambda point: (point.x, point.y))

    def place(self, point: Point) -> tuple[float, float]:
        return self.left + WIDTH * self.across.at(point.x), self.bottom - HEIGHT * self.upright.at(point.y)

    def points(self) -> list[str]:
        """All but the front; of many, one for each cell of a fine grid."""
        others = [point for point in self.all if not point.front]
        if len(others) > FEW:
            cells: dict[tuple[int, int], Point] = {}
            for point in others:
                left, top = self.place(point)
                cells.setdefault((int(left / CELL), int(top / CELL)), point)
            others = list(cells.values())
        self.drawn = [self.place(point) for point in others]
        return [self._disc(point, 2.5, "held outline fine") for point in others]

    def front(self) -> list[str]:
        """The points of the front, and their labels where there is room."""
        return [*(self._disc(point, 4.0, "conv outline") for point in self.best), *self._labels()]

    def _disc(self, point: Point, radius: float, look: str) -> str:
        left, top = self.place(point)
        told = f"{words.clipped(point.label, 200)}\n{self.x.title} {_exactly(point.x, self.x)}\n"
        told += f"{self.y.title} {_exactly(point.y, self.y)}"
        disc = svg.element("circle", svg.tooltip(told), cx=left, cy=top, r=radius, class_=look)
        return disc

    def staircase(self) -> list[str]:
        """The border between what the front beats and what it does not."""
        places = [self.place(point) for point in self.best]
        if len(places) < 2:
            return []
        # Behind a point lies what is worse in both: the corner between two stands on the worse side.
        first_up = self.x.more
        way = f"M{svg.decimal(places[0][0])} {svg.decimal(places[0][1])}"
        for left, top in places[1:]:
            across, upwards = f"H{svg.decimal(left)}", f"V{svg.decimal(top)}"
            way += upwards + across if first_up else across + upwards
        return [svg.element("path", d=way, class_="line")]

    def _labels(self) -> Iterator[str]:
        """Beside points, best on the side where no other stands; the ends of the front first, then between."""
        discs = [(left - 5, top - 5, left + 5, top + 5) for left, top in map(self.place, self.best)]
        discs += [(left - 3, top - 3, left + 3, top + 3) for left, top in self.drawn]
        taken: list[Box] = []
        for number in _from_the_ends(len(self.best))[:MOST_LABELS]:
            point = self.best[number]
            name = words.clipped(point.label, LONGEST)
            for start, base in self._beside(point, svg.text_width(name, LABEL)):
                box = (start - 2, base - LABEL, start + svg.text_width(name, LABEL) + 2, base + 3)
                if name and self._is_inside(box) and not any(_overlap(box, one) for one in (*taken, *discs)):
                    taken.append(box)
                    yield svg.text(start, base, name, "label")
                    break

    def _beside(self, point: Point, wide: float) -> list[tuple[float, float]]:
        """Where a label can begin: towards what is better in both, then in one."""
        left, top = self.place(point)
        sides = [left + 7, left - 7 - wide] if self.x.more else [left - 7 - wide, left + 7]
        bases = [top - 5, top + 13] if self.y.more else [top + 13, top - 5]
        return [(side, base) for side in sides for base in bases]

    def _is_inside(self, box: Box) -> bool:
        return box[0] >= self.left and box[2] <= self.right and box[1] >= self.top and box[3] <= self.bottom

    def axes(self) -> list[str]:
        """Lines, numbers and titles."""
        drawn = []
        last = self.left - 100.0
        for value in self.across.ticks:
            at = self.left + WIDTH * self.across.at(value)
            drawn.append(_line(at, self.top, at, self.bottom))
            half = svg.text_width(self.across.label(value), LABEL) / 2
            if at - half >= last + APART:
                drawn.append(svg.text(at, self.bottom + 15, self.across.label(value), "label quiet", "middle"))
                last = at + half
        for value in self.upright.ticks:
            at = self.bottom - HEIGHT * self.upright.at(value)
            drawn.append(_line(self.left, at, self.right, at))
            drawn.append(
                svg.text(self.left - APART, at + 0.35 * LABEL, self.upright.label(value), "label quiet", "end")
            )
        frame = svg.element("rect", x=self.left, y=self.top, width=WIDTH, height=HEIGHT, class_="bracket", fill="none")
        middle = self.top + HEIGHT / 2
        turned = f"rotate(-90 {svg.decimal(MARGIN + LETTERS)} {svg.decimal(middle)})"
        return [
            *drawn,
            frame,
            svg.text(self.left + WIDTH / 2, self.bottom + 34, _title(self.x, self.across), "", "middle"),
            svg.text(MARGIN + LETTERS, middle, _title(self.y, self.upright), "", "middle", transform=turned),
        ]

    def key(self) -> list[str]:
        """What the two kinds of points are."""
        if not self.best:
            return []
        y = self.bottom + 52
        told = "on the front: no other is better in both"
        after = self.left + 30 + svg.text_width(told, LABEL)
        return [
            svg.element("circle", cx=self.left + 4, cy=y - 4, r=4.0, class_="conv outline"),
            svg.text(self.left + 13, y, told, "label"),
            svg.element("circle", cx=after, cy=y - 4, r=2.5, class_="held outline fine"),
            svg.text(after + 8, y, "beaten by one of these", "label"),
        ]


def _line(x: float, y: float, right: float, bottom: float) -> str:
    way = f"M{svg.decimal(x)} {svg.decimal(y)}L{svg.decimal(right)} {svg.decimal(bottom)}"
    return svg.element("path", d=way, class_="grid")


def _title(aspect: Aspect, scale: Between) -> str:
    return f"{words.clipped(aspect.title, 60)}{' (logarithmic)' if scale.logarithmic else ''}"


def _exactly(value: float, aspect: Aspect) -> str:
    told = grouped(value) if isinstance(value, int) else f"{value:g}"
    return f"{size(int(value))} ({told} bytes)" if aspect.unit == "bytes" else told


def _overlap(one: Box, two: Box) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def _from_the_ends(count: int) -> list[int]:
    """Numbers so that the first are far apart.

    >>> _from_the_ends(6)
    [0, 5, 2, 1, 3, 4]
    """
    found = dict.fromkeys([0, count - 1] if count else [])
    spans = [(0, count - 1)]
    while spans:
        low, high = spans.pop(0)
        middle = (low + high) // 2
        if high - low > 1:
            found.setdefault(middle)
            spans += [(low, middle), (middle, high)]
    return list(found)


# In letters.


def letters(points: Sequence[Point], x: Aspect, y: Aspect, width: int = 80) -> str:
    """The same for a terminal, in so many columns: `o` for the front, `·` for others.

    >>> points = [Point(1, 4, "", True), Point(3, 1, "", True), Point(3, 4, "")]
    >>> lines = letters(points, Aspect("a"), Aspect("b"), 24).splitlines()
    >>> print("\\n".join([lines[1], *lines[-4:]]))
     4 ┤o                  ·
     1 ┤                   o
       └┬────┬────┬───┬────┬
        1   1.5   2  2.5   3
                           a
    """
    if not points:
        return "no variant to draw\n"
    across = between([point.x for point in points], x.unit)
    upright = between([point.y for point in points], y.unit)
    names = {_row(upright, value): upright.label(value) for value in upright.ticks}
    margin = max(map(len, names.values()), default=0) + 1
    columns = max(width - margin - 2, 10)
    grid = [[" "] * columns for _ in range(LINES)]
    for point in sorted(points, key=lambda point: point.front):
        column = min(int(across.at(point.x) * columns), columns - 1)
        grid[_row(upright, point.y)][column] = FRONT if point.front else OTHER
    told = [f"{y.title}{' (logarithmic)' if upright.logarithmic else ''}"]
    for number, line in enumerate(grid):
        mark = "┤" if number in names else "│"
        told.append(f"{names.get(number, ''):>{margin}} {mark}{''.join(line)}".rstrip())
    told += _below(across, columns, margin + 2)
    told.append(f"{x.title}{' (logarithmic)' if across.logarithmic else ''}".rjust(margin + 2 + columns))
    return "\n".join(told) + "\n"


def _row(scale: Between, value: float) -> int:
    return LINES - 1 - min(int(scale.at(value) * LINES), LINES - 1)


def _below(scale: Between, columns: int, margin: int) -> list[str]:
    """The axis below, and its numbers where they do not touch."""
    axis, names = ["─"] * columns, [" "] * columns
    end = -1
    for value in scale.ticks:
        column = min(int(scale.at(value) * columns), columns - 1)
        axis[column] = "┬"
        label = scale.label(value)
        start = min(max(column - len(label) // 2, 0), columns - len(label))
        if start > end and start >= 0:
            names[start : start + len(label)] = label
            end = start + len(label)
    room = " " * (margin - 1)
    return [f"{room}└{''.join(axis)}", f"{room} {''.join(names)}".rstrip()]
