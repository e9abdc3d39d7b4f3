"""The strip in letters, for a terminal: a line a layer, from the top down, with rails for what forks and repeats."""

import unicodedata
from collections.abc import Iterable, Iterator
from math import log2
from textwrap import wrap
from typing import NamedTuple

from cnnarch.analysis.outline import Fork, Item, Piece, Repeat, Sequence, Tangle, glyphs, outline
from cnnarch.errors import printable
from cnnarch.graph import Graph
from cnnarch.network import Network
from cnnarch.render.figure import words
from cnnarch.render.figure.boxes import scale, side
from cnnarch.render.figure.layout import Layout, words_of_repeat
from cnnarch.render.figure.tangle import together
from cnnarch.render.numbers import grouped
from cnnarch.shapes import Shape

__all__ = ["cells", "letters"]

LONGEST = 12  # cells of a bar
THICKNESS = "▁▂▃▄▅▆▇█"
SHORTEST = 16  # that a name is clipped to
LEAST = 40  # columns, however narrow a terminal is
# The first line, the first of another lane, others, the last, and the last if a lane begins with it.
RAILS = {
    "fork": ("┌╴", "├╴", "│ ", "╵ ", "└╴"),
    "repeat": ("╔ ", "║ ", "║ ", "╚ ", "╚ "),
    "tangle": ("╭ ", "┆ ", "┆ ", "╰ ", "╰ "),
}
UNDER = {"┌": "│", "├": "│", "└": " ", "╵": " ", "╴": " ", "╔": "║", "╚": " ", "╭": "┆", "╰": " "}  # a line below


class Row(NamedTuple):
    """A line: the rails at its left, then what it says; a line without a bar only tells."""

    rails: str
    shape: Shape | None
    does: str
    name: str
    more: str = ""
    note: str = ""  # in a line of its own where there is not the room


def letters(network: Network, depth: int | None = None, width: int | None = None) -> str:
    """The strip of a network in Unicode, at most so many columns wide; without a `width` nothing is cut.

    >>> from cnnarch.network import load
    >>> print(letters(load("alexnet"), width=72).splitlines()[3])
    ▂▂▂▂▂▂▂▂▂▂▂▂               227×227×3  input
    """
    graph = network.graph
    found = outline(graph, depth)
    rows = list(_Written(graph).rows(found.items))
    totals = network.totals
    inputs = ", ".join(map(str, network.inputs.values()))
    head = [printable(network.name), f"{inputs} · {grouped(totals.params)} params · {grouped(totals.macs)} MACs"]
    room = max(width, LEAST) if width is not None else None
    lines = [*(_cut(line, room) for line in head), "", *_set(rows, room), ""]
    for note in _notes(graph, rows):
        lines += wrap(note, room) if room is not None else [note]
    return "\n".join(line.rstrip() for line in lines) + "\n"


class _Written:
    """Writes the items of an outline as rows."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        ends = {id(node) for node in graph.outputs if not node.train_only}
        self.outputs = {number for number, node in enumerate(graph.nodes) if id(node) in ends}
        self.layout = Layout(graph, scale([], 1), frozenset())
        self.known: tuple[Tangle, dict[int, list[Piece]], dict[int, list[int]]] | None = None  # the last tangle's links

    def rows(self, items: Sequence) -> Iterator[Row]:
        before: Item | None = None
        for item in items:
            if isinstance(before, Tangle) and isinstance(item, Piece):
                yield self.piece(item, self.taken(before, item))
            else:
                yield from self.item(item)
            before = item

    def item(self, item: Item) -> Iterator[Row]:
        if isinstance(item, Piece):
            yield self.piece(item)
        elif isinstance(item, Repeat):
            yield from self.repeat(item)
        elif isinstance(item, Fork):
            lanes = list(self.lanes(item))
            yield from _railed(lanes, RAILS["fork"]) if len(lanes) > 1 else lanes[0]
        else:
            yield from _railed([list(self.tangle(item))], RAILS["tangle"])

    def piece(self, piece: Piece, note: str = "") -> Row:
        more = "" if piece.block else "".join(f" · {one.layer.kind}" for one in piece.nodes[1:])
        if not self.outputs.isdisjoint(piece.numbers):
            more += " → output"
        name = printable(piece.block or piece.main.name)
        return Row("", words.drawn(piece), printable(self.does(piece)), name, printable(more), printable(note))

    def does(self, piece: Piece) -> str:
        """What a piece does, with the kind where a figure would have a colour."""
        if piece.block:
            kind, many = words.kind_of(self.graph, piece.block), f"{len(piece.nodes)} layers"
            known = kind == "layers" or piece.block.rpartition("/")[2].startswith(kind)
            return many if known else f"{kind}, {many}"
        node = piece.main
        does = "" if node.is_input else words.does(self.graph, node)
        if node.layer.family == "conv":
            kind = "transposed" if node.layer.kind == "conv_transpose" else node.layer.kind
            return f"{kind} {does}"
        return node.layer.kind if does in words.SIGNS.values() else does

    def repeat(self, item: Repeat) -> Iterator[Row]:
        """A single layer has the number of times in its line, more have a line for it above them."""
        body = list(self.rows(item.body))
        if len(body) == 1:
            yield body[0]._replace(more=f"{body[0].more}  ×{item.times}")
            return
        names = [words.common(node for piece in glyphs(copy) for node in piece.nodes) for copy in item.copies]
        which = f"{names[0]} … {names[-1]}" if names[0] and names[-1] not in ("", names[0]) else names[0]
        title = f"{words_of_repeat(self.graph, item)}  {which}".rstrip()
        yield from _railed([[Row("", None, "", printable(title)), *body]], RAILS["repeat"])

    def lanes(self, item: Fork) -> Iterator[list[Row]]:
        for branch in (*item.branches, *item.tails):
            yield list(self.rows(branch))
        if item.skip:
            yield [Row("", None, "", "(as it is)")]

    def tangle(self, item: Tangle) -> Iterator[Row]:
        """Its pieces in the order in which they run, with what they take if it is not the one before."""
        runs, _ = self.links(item)
        before = -1
        for number, run in runs.items():
            row = self.piece(run[0], self.taken(item, run[0], before))
            yield row._replace(more=f"{row.more}  ×{len(run)}") if len(run) > 1 else row
            before = number

    def taken(self, tangle: Tangle, piece: Piece, before: int | None = None) -> str:
        """What a piece in a tangle or behind it takes, if it is not only the one in the line before."""
        runs, links = self.links(tangle)
        sources = links.get(piece.number, [])
        before = list(runs)[-1] if before is None else before
        if not sources or sources == [before] or (before == -1 and not any(one in runs for one in sources)):
            return ""
        names = [runs[one][0].block or runs[one][0].main.name if one in runs else "what comes in" for one in sources]
        return f" ← {', '.join(names)}"

    def links(self, tangle: Tangle) -> tuple[dict[int, list[Piece]], dict[int, list[int]]]:
        """Equal pieces of a tangle together, by the first of them; and what every piece takes."""
        if self.known is None or self.known[0] is not tangle:
            runs, instead = together(tangle, self.layout.does)
            links: dict[int, list[int]] = {}
            for one, other in tangle.links:
                links.setdefault(other, []).append(instead.get(one, one))
            self.known = (tangle, runs, links)
        return self.known[1:]


def _railed(lanes: list[list[Row]], marks: tuple[str, str, str, str, str]) -> Iterator[Row]:
    """Rows with one more rail at their left."""
    first, lane, other, last, lone = marks
    every = [(row, not index) for rows in lanes for index, row in enumerate(rows)]
    for index, (row, begins) in enumerate(every):
        ends = index == len(every) - 1
        mark = first if not index else (lone if begins else last) if ends else lane if begins else other
        yield row._replace(rails=mark + row.rails)


# Lines.


def _set(rows: list[Row], room: int | None) -> Iterator[str]:
    """Rows as lines, in columns."""
    shapes = [row.shape for row in rows if row.shape is not None]
    rails = max((len(row.rails) for row in rows), default=0)
    rails = rails if room is None else min(rails, room // 4)
    does = max((cells(row.does) for row in rows), default=0)
    does = does if room is None else min(does, room // 4)
    output = max((len(str(shape)) for shape in shapes), default=0)
    largest = max((side(shape) for shape in shapes), default=1.0)
    deepest = max((shape.channels for shape in shapes), default=1)
    for row in rows:
        line = _rails(row.rails, rails)
        if row.shape is not None:
            bar = _bar(row.shape, largest, deepest)
            line += f"{bar:{LONGEST}} {_padded(_cut(row.does, does), does)} {row.shape!s:>{output}}  "
        left = None if room is None else room - cells(line)
        if left is None or cells(row.name + row.more + row.note) <= left:
            yield line + row.name + row.more + row.note
            continue
        yield _cut(line + _named(row, left), room)
        if row.note:
            under = "".join(UNDER.get(mark, mark) for mark in row.rails)
            yield _cut(f"{_rails(under, rails)}{' ' * LONGEST}{row.note}", room)


def _named(row: Row, room: int) -> str:
    """The name and what is folded into it; where there is not the room, the middle of the name is left out."""
    if cells(row.name) + cells(row.more) <= room or not row.name.isascii():
        return row.name + row.more
    return words.clipped(row.name, max(SHORTEST, room - cells(row.more))) + row.more


def _rails(rails: str, most: int) -> str:
    return f"{rails:{most}}" if len(rails) <= most else f"…{rails[len(rails) - most + 1 :]}"


def _bar(shape: Shape, largest: float, deepest: int) -> str:
    """As long as the maps are large and as thick as they are deep, both by doublings."""
    long = 1 + round((LONGEST - 1) * log2(side(shape)) / max(1.0, log2(largest)))
    thick = round((len(THICKNESS) - 1) * log2(shape.channels) / max(1.0, log2(deepest)))
    return THICKNESS[thick] * min(long, LONGEST)


def _notes(graph: Graph, rows: Iterable[Row]) -> Iterator[str]:
    yield "Length of a bar: resolution; thickness: channels; both logarithmic."
    used = {mark for row in rows for mark in row.rails}
    if "┌" in used:
        yield "┌╴ ├╴ └╴: lanes that take the same input; the line after them joins them."
    if not used.isdisjoint("╔"):
        yield "╔ ║ ╚: a part that stands several times in a row."
    if not used.isdisjoint("╭"):
        yield "╭ ┆ ╰: layers that take more than what stands above them: ← says what."
    left = sum(node.train_only for node in graph.nodes)
    if left:
        yield f"Left out: {left} layer{'s' * (left > 1)} that run{'s' * (left == 1)} only in training."


def cells(text: str) -> int:
    """How many columns of a terminal a text takes.

    >>> cells("conv"), cells("畳み込み")
    (4, 8)
    """
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def _cut(text: str, room: int | None) -> str:
    """At most so many columns, with … where something is left out."""
    text = text.rstrip()
    if room is None or cells(text) <= room:
        return text
    used = 0
    for place, one in enumerate(text):
        used += cells(one)
        if used > room - 1:
            return f"{text[:place]}…"
    return text
