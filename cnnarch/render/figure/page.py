"""What a figure of layers stands on: its heading, rows that wrap, the lines between, the lines of its caption."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from cnnarch.analysis.outline import Fork, Item, Piece, Repeat, Tangle, glyphs
from cnnarch.graph import Graph
from cnnarch.network import Network
from cnnarch.render.figure import boxes, svg, words
from cnnarch.render.figure.boxes import LABEL, LINE, Box, Curve, Mark, Path, Words
from cnnarch.render.figure.layout import Layout
from cnnarch.render.numbers import grouped

__all__ = [
    "MARGIN", "TOP", "Part", "curve", "filled", "heading", "lanes", "outputs", "parts", "path", "rows", "widest",
]  # fmt: skip

MARGIN = 16.0
TOP = 62.0  # of the page, for the heading
BETWEEN_ROWS = 20.0
ROUND = 6.0  # the radius of a line's corners
NEAR_BOTTOM = 40.0  # brackets that would be no farther apart stand on one level

Point = tuple[float, float]
Marks = list[tuple[float, float, Mark]]


class Part(NamedTuple):
    """What stays in one row: a fork and what joins it, or one item."""

    items: tuple[Item, ...]
    box: Box


def heading(network: Network) -> tuple[list[str], float]:
    """Title and figures at the top of a page, and how wide they are."""
    totals = network.totals
    inputs = ", ".join(map(str, network.inputs.values()))
    title = words.clipped(network.name, 60)
    line = words.clipped(f"{inputs} · {grouped(totals.params)} params · {grouped(totals.macs)} MACs", 100)
    wide = max(svg.text_width(title, 16.5), svg.text_width(line, 11))
    return [svg.text(MARGIN, 28, title, "title"), svg.text(MARGIN, 45, line, "quiet")], wide


def lanes(items: Iterable[Item]) -> int:
    """How many lanes lie side by side at most.

    >>> from cnnarch.analysis.outline import outline
    >>> from cnnarch.network import load
    >>> [lanes(outline(load(name).graph).items) for name in ("vgg16", "resnet50", "googlenet")]
    [1, 2, 4]
    """
    most = 1
    for item in items:
        if isinstance(item, Repeat):
            most = max(most, lanes(item.body))
        elif isinstance(item, Fork):
            inside = (*item.branches, *item.tails)
            most = max(most, len(inside), *map(lanes, inside)) if inside else most
    return most


def outputs(graph: Graph) -> frozenset[int]:
    """The numbers of the nodes that nothing takes at inference."""
    ends = {id(node) for node in graph.outputs if not node.train_only}
    return frozenset(number for number, node in enumerate(graph.nodes) if id(node) in ends)


# Rows.


def parts(make: Layout, items: Sequence[Item]) -> list[Part]:
    """The parts of a network that stay in one row each."""
    units: list[list[Item]] = []
    for before, item in zip((None, *items), items):
        if isinstance(before, Fork) and isinstance(item, Piece):
            units[-1].append(item)
        else:
            units.append([item])
    return [Part(tuple(unit), boxes.beside([make.item((item,)) for item in unit])) for unit in units]


def widest(every: Sequence[Part]) -> float:
    return max((part.box.width for part in every), default=0.0)


def rows(
    every: Sequence[Part], most: float, shown: Callable[[Marks, float], list[str]]
) -> tuple[float, float, list[str]]:
    """How wide and how high all rows are, and what stands in them; `shown` draws the marks of a row on its axis."""
    widths = [part.box.width for part in every]
    found = _wrapped(widths, max(most, 1.35 * widest(every)))
    lines, drawn = list[str](), list[str]()
    top, before = 0.0, None
    for first, last in found:
        box = _staged(every[first:last])
        axis = top + box.up
        if before is not None:
            lines.append(_turn(before, axis, top - BETWEEN_ROWS / 2))
        drawn += shown(boxes.placed(box), axis)
        before = (box.width, axis)
        top += box.up + box.down + BETWEEN_ROWS
    wide = max((sum(widths[first:last]) for first, last in found), default=0.0)
    return wide + (12.0 if len(found) > 1 else 0.0), top, [*lines, *drawn]


def _wrapped(widths: list[float], most: float) -> list[tuple[int, int]]:
    """Rows as even as they can be, no more of them than are needed: the least room for which they are so many."""
    least = max(widths, default=0.0)
    count = len(_in_rows(widths, most))
    low, high = max(least, sum(widths) / count), most
    for _ in range(12):
        tried = (low + high) / 2
        if len(_in_rows(widths, tried)) <= count:
            high = tried
        else:
            low = tried
    return _in_rows(widths, high)


def _in_rows(widths: list[float], most: float) -> list[tuple[int, int]]:
    found, start, used = list[tuple[int, int]](), 0, 0.0
    for index, width in enumerate(widths):
        if used + width > most and index > start:
            found.append((start, index))
            start, used = index, 0.0
        used += width
    return [*found, (start, len(widths))]


def _staged(every: Sequence[Part]) -> Box:
    """A row, with brackets below the parts that belong to one block of the outermost."""
    row = boxes.beside([part.box for part in every])
    marks: list[Mark] = []
    x, start = 0.0, 0
    while start < len(every):
        end, name = start + 1, _stage(every[start])
        while name and end < len(every) and _stage(every[end]) == name:
            end += 1
        members = every[start:end]
        wide = sum(part.box.width for part in members)
        if name and sum(1 for part in members for _ in glyphs(part.items)) > 1:
            low = max(part.box.down for part in members)
            marks += _bracket(name, x, wide, row.down if row.down - low < NEAR_BOTTOM else low)
        x, start = x + wide, end
    return row._replace(down=row.down + 7 + LINE + 4, marks=tuple(marks)) if marks else row


def _bracket(name: str, x: float, wide: float, low: float) -> list[Mark]:
    """A bracket with a name below it; nothing where there is no room for the name."""
    label = words.fitted(name, wide - 4, LABEL)
    if len(label) < min(len(name), 6):
        return []
    left, right = x + 2, x + wide - 2
    line = Path(((left, low + 3), (left, low + 7), (right, low + 7), (right, low + 3)), "bracket")
    return [line, Words(x + wide / 2, low + 7 + LINE, label, "label quiet")]


def _stage(part: Part) -> str:
    """The outermost block that everything in a part is in; none for a closed block, which has its own name."""
    inside = list(_every(part.items))
    if len(inside) == 1 and inside[0].block:
        return ""
    names = {words.stage(piece) for piece in inside}
    return names.pop() if len(names) == 1 else ""


def _every(items: Iterable[Item]) -> Iterator[Piece]:
    """All pieces, those of all copies too."""
    for item in items:
        if isinstance(item, Piece):
            yield item
        else:
            for ways in _ways(item):
                yield from _every(ways)


def _ways(item: Fork | Repeat | Tangle) -> tuple[Sequence[Item], ...]:
    """The sequences of items that an item is made of."""
    if isinstance(item, Repeat):
        return item.copies
    return (*item.branches, *item.tails) if isinstance(item, Fork) else item.columns


def _turn(before: Point, axis: float, gap: float) -> str:
    """The line from the end of a row to the beginning of the next."""
    end, start = before
    points = ((end, start), (end + 8, start), (end + 8, gap), (-8, gap), (-8, axis), (0, axis))
    return path(points, "line arrow", 0, 0)


# Lines.


def path(points: Sequence[Point], class_: str, x: float, y: float, radius: float = ROUND) -> str:
    """A line along points, moved by `x` and `y`, with rounded corners; a `line arrow` ends in a point.

    >>> path([(0, 0), (20, 0), (20, 20)], "line", 0, 0)
    '<path d="M0 0L14 0Q20 0 20 6L20 20" class="line"/>'
    """
    at = svg.decimal
    moved = [(x + one, y + other) for one, other in points]
    way = [f"M{at(moved[0][0])} {at(moved[0][1])}"]
    for index, (before, corner, after) in enumerate(zip(moved, moved[1:], moved[2:])):
        first, last = index == 0, index == len(moved) - 3
        room = min(_length(before, corner) / (1 if first else 2), _length(corner, after) / (1 if last else 2), radius)
        (x1, y1), (x2, y2) = _toward(corner, before, room), _toward(corner, after, room)
        way.append(f"L{at(x1)} {at(y1)}Q{at(corner[0])} {at(corner[1])} {at(x2)} {at(y2)}")
    end, level = moved[-1]
    line = svg.element("path", d="".join([*way, f"L{at(end)} {at(level)}"]), class_=class_.partition(" ")[0])
    head = svg.element("path", d=f"M{at(end)} {at(level)}l-6 -3v6z", class_="ink")
    return line + head if class_ == "line arrow" else line


def _length(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _toward(start: Point, end: Point, by: float) -> Point:
    whole = _length(start, end)
    share = by / whole if whole else 0.0
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def curve(mark: Curve, x: float, y: float) -> str:
    """A line from a point to one to the right of it, level at both."""
    at = svg.decimal
    (left, start), (right, end) = mark.start, mark.end
    middle = at(x + (left + right) / 2)
    way = (
        f"M{at(x + left)} {at(y + start)}C{middle} {at(y + start)} {middle} {at(y + end)} {at(x + right)} {at(y + end)}"
    )
    return svg.element("path", d=way, class_="line")


def filled(text: str, width: float, size: float) -> list[str]:
    """A text in lines that are not wider, broken at its blanks.

    >>> filled("one two three", 50, 10)
    ['one two', 'three']
    """
    lines = [""]
    for word in text.split(" "):
        tried = f"{lines[-1]} {word}".strip()
        if svg.text_width(tried, size) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = tried
    return lines
