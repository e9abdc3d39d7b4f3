"""Where everything in a strip stands: boxes of the items of an outline, from the pieces up to the rows."""

from math import sqrt

from cnnarch.analysis.outline import Fork, Item, Piece, Repeat, Sequence, Tangle, glyphs
from cnnarch.graph import Graph, Node
from cnnarch.render.figure import words
from cnnarch.render.figure.boxes import (
    GAP,
    LABEL,
    LANE,
    LEAD,
    LINE,
    RADIUS,
    STRIPE,
    Box,
    Curve,
    Glyph,
    Mark,
    Path,
    Placed,
    Scale,
    Words,
    beside,
    bracketed,
    placed,
    side,
)  # fmt: skip
from cnnarch.render.figure.svg import text_width
from cnnarch.render.figure.tangle import tangled

__all__ = [
    "LABEL", "LANE", "LEAD", "LINE", "RADIUS", "STRIPE", "Box", "Curve", "Glyph", "Layout", "Mark", "Path", "Placed",
    "Scale", "Words", "beside", "bracketed", "placed", "side", "words_of_repeat",
]  # fmt: skip


class Layout:
    """Makes boxes of the items of an outline."""

    def __init__(self, graph: Graph, measure: Scale, outputs: frozenset[int]) -> None:
        self.graph = graph
        self.measure = measure
        self.outputs = outputs

    def item(self, same: tuple[Item, ...]) -> Box:
        """A box of an item, and those of other copies that stand for the same."""
        first = same[0]
        if isinstance(first, Piece):
            return self.cell(tuple(one for one in same if isinstance(one, Piece)))
        if isinstance(first, Repeat):
            return self.repeat(tuple(one for one in same if isinstance(one, Repeat)))
        if isinstance(first, Fork):
            return self.fork(tuple(one for one in same if isinstance(one, Fork)))
        return self.tangle(tuple(one for one in same if isinstance(one, Tangle)))

    def row(self, same: tuple[Sequence, ...]) -> Box:
        """Items one after another."""
        return beside([self.item(each) for each in zip(*same)])

    def cell(self, same: tuple[Piece, ...]) -> Box:
        """A glyph, its labels, and the line before and behind it."""
        piece = same[0]
        glyph = self.glyph(same)
        high = max(glyph.left, glyph.right) / 2
        top, below = self.labels(same, glyph.look)
        ends = self.ends(piece)
        wide = max([glyph.width, *(text_width(line, LABEL) for line, _ in (*top, *below))])
        width = wide + GAP
        middle = width / 2
        marks: list[Mark] = [glyph._replace(x=middle - glyph.width / 2)]
        if not piece.main.is_input or piece.block:
            marks.append(Path(((0, 0), (middle - glyph.width / 2, 0))))
        up, down = high, high
        for line, class_ in reversed(top):
            marks.append(Words(middle, -up - 4, line, class_))
            up += LINE + 1
        for line, class_ in below:
            down += LINE
            marks.append(Words(middle, down - 1, line, class_))
        if ends:
            box = Box(width, up, down + 2, tuple(marks))
            return beside([box, self.ending(ends, middle + glyph.width / 2 - width)])
        marks.append(Path(((middle + glyph.width / 2, 0), (width, 0))))
        return Box(width, up, down + 2, tuple(marks))

    def ending(self, lines: list[tuple[str, str]], back: float) -> Box:
        """The name and the shape of an output, behind an arrow that starts so far back."""
        wide = max(text_width(line, LABEL) for line, _ in lines)
        start = 12.0
        marks: list[Mark] = [Path(((back, 0), (start, 0)), "line arrow")]
        first = -(len(lines) - 1) * LINE / 2 + 3.5
        marks += [Words(start + 4, first + index * LINE, *line, "start") for index, line in enumerate(lines)]
        high = len(lines) * LINE / 2 + 2
        return Box(start + 4 + wide + 6, high, high, tuple(marks))

    def ends(self, piece: Piece) -> list[tuple[str, str]]:
        """The outputs of the network in a piece, in words."""
        found: list[tuple[str, str]] = []
        for node, number in zip(piece.nodes, piece.numbers):
            if number in self.outputs:
                name = "output" if len(self.outputs) == 1 else words.clipped(node.name, 20)
                found += [(name, "label strong"), (str(node.output), "label")]
        return found[:6]

    def glyph(self, same: tuple[Piece, ...]) -> Glyph:
        piece = same[0]
        node, output = piece.main, words.drawn(piece)
        sources = piece.nodes[0].sources
        before = self.graph.nodes[sources[0]].output if sources else output
        height = self.measure.height
        if not piece.block and node.layer.kind in ("add", "multiply", "max"):
            return Glyph(0, 2 * RADIUS + len(words.stripes(piece)) * (STRIPE + 1), 2 * RADIUS, 2 * RADIUS, same, "sign")
        look = "block" if piece.block else "input" if node.is_input else "layer"
        width = self.measure.width(output) + STRIPE * len(words.stripes(piece))
        return Glyph(0, width + (8 if look == "block" else 0), height(before), height(output), same, look)

    def labels(self, same: tuple[Piece, ...], look: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """What stands above a glyph and what below."""
        piece = same[0]
        node, output = piece.main, words.drawn(piece)
        channels = words.channels(same)
        top = [(words.above(self.graph, piece), "label quiet")]
        if look == "input":
            return [], [(words.clipped(node.name, 14), "label strong"), (str(output), "label")]
        if look == "block":
            kind = words.kind_of(self.graph, piece.block)
            below = [
                (words.clipped(piece.block.rpartition("/")[2], 14), "label strong"),
                (words.clipped(kind, 14), "label"),
            ]
            below = below[:1] if below[0][0].startswith(below[1][0]) or kind == "layers" else below
            return [line for line in top if line[0]], [*below, (channels, "label")]
        below = [(words.clipped(node.name, 12), "label strong")] if named(node) else []
        if look != "sign":
            does = words.does(self.graph, node)
            if not (below and below[0][0].rstrip("0123456789") == does):
                below += [(words.clipped(line, 12), "label") for line in words.lines(does)]
            before = self.graph.nodes[piece.nodes[0].sources[0]].output if piece.nodes[0].sources else None
            if before is None or before.channels != output.channels or node.layer.family in ("conv", "fc"):
                below.append((channels, "label"))
        return [line for line in top if line[0] and look != "sign"], below

    def repeat(self, same: tuple[Repeat, ...]) -> Box:
        """What repeats, with a bracket below it that says how many times and what it is."""
        first = same[0]
        body = self.row(tuple(copy for one in same for copy in one.copies))
        return bracketed(body, words_of_repeat(self.graph, first), strong=True)

    def fork(self, same: tuple[Fork, ...]) -> Box:
        """Lanes between a line that parts and one that joins."""
        first = same[0]
        groups = self.alike(first.branches)
        lanes = [self.lane(same, group) for group in groups]
        tails = [self.row(each) for each in zip(*(one.tails for one in same))]
        sunk = len(lanes) + first.skip == 2 and any(map(self.sinks, first.branches))
        straight = first.skip and (sunk or not lanes or all(map(self.gates, first.branches)))
        comes = [fed(branch) for branch in (*(first.branches[group[0]] for group in groups), *first.tails)]
        goes = bool(lanes) or first.skip
        sizes = [sum(1 for _ in glyphs(first.branches[group[0]])) for group in groups]
        levels = _levels(lanes, tails, sizes, "sunk" if sunk else "straight" if straight else "")
        wide = max((box.width for box in (*lanes, *tails)), default=0.0)
        begin = LEAD if any(comes) or first.skip else 0.0
        width = begin + wide + (LEAD if goes else 0.0)
        marks: list[Mark] = []
        inside = []
        for index, (box, level) in enumerate(zip((*lanes, *tails), levels)):
            left = begin + ((wide - box.width) / 2 if comes[index] and index < len(lanes) else 0.0)
            inside.append(Placed(left, level, box))
            if comes[index]:
                marks.append(Path(((0, 0), (LEAD / 2, 0), (LEAD / 2, level), (left, level))))
            if index < len(lanes):
                end = width - LEAD / 2
                marks.append(Path(((left + box.width, level), (end, level), (end, 0), (width, 0))))
        up = max((box.up - level for box, level in zip((*lanes, *tails), levels)), default=0.0)
        down = max((box.down + level for box, level in zip((*lanes, *tails), levels)), default=0.0)
        if straight:
            marks.append(Path(((0, 0), (width, 0))))
        elif first.skip:
            up += LANE
            end = width - LEAD / 2
            marks.append(Path(((0, 0), (LEAD / 2, 0), (LEAD / 2, -up), (end, -up), (end, 0), (width, 0))))
            up += 2
        return Box(width, max(up, 1.0), max(down, 1.0), tuple(marks), tuple(inside))

    def alike(self, branches: tuple[Sequence, ...]) -> list[list[int]]:
        """Branches in groups, those that do the same together where there are three and more of them."""
        signs = [tuple(map(self.looks, glyphs(branch))) for branch in branches]
        found: list[list[int]] = []
        by_sign: dict[object, list[int]] = {}
        for index, (branch, sign) in enumerate(zip(branches, signs)):
            many = signs.count(sign) > 2 if len(branches) < 50 else True
            if many and sign in by_sign and all(isinstance(item, Piece) for item in branch):
                by_sign[sign].append(index)
            else:
                by_sign[sign] = [index]
                found.append(by_sign[sign])
        return found

    def looks(self, piece: Piece) -> tuple[object, ...]:
        """What a piece looks like; an input, and what is an output, like no other."""
        if piece.main.is_input or not self.outputs.isdisjoint(piece.numbers):
            return (piece.number,)
        return tuple((node.layer.kind, words.does(self.graph, node), node.output) for node in piece.nodes)

    def lane(self, same: tuple[Fork, ...], group: list[int]) -> Box:
        """A branch, which stands for all of its group."""
        box = self.row(tuple(fork.branches[index] for fork in same for index in group))
        return bracketed(box, f"{len(group)} such lanes", strong=True) if len(group) > 1 else box

    def gates(self, branch: Sequence) -> bool:
        """Whether a branch only weighs the channels of what goes past it: it comes to one place."""
        last = list(glyphs(branch))[-1].output.output
        first = next(glyphs(branch)).nodes[0]
        before = self.graph.nodes[first.sources[0]].output if first.sources else last
        return side(last) == 1 and side(before) > 1 and len(list(glyphs(branch))) > 1

    def sinks(self, branch: Sequence) -> bool:
        """Whether a branch goes down to maps of half the side and less, and up again, as a U."""
        shapes = [words.drawn(piece) for piece in spine(branch)]
        sides = [side(shape) * sqrt(shape.regions) for shape in shapes]
        return len(sides) > 2 and 1.5 < 1.5 * min(sides) <= sides[-1]

    def does(self, piece: Piece) -> tuple[object, ...]:
        """What a piece does, to be compared; not how many channels arrive."""
        return tuple(
            (node.layer.kind, words.operation(self.graph, node), tuple(node.output.spatial)) for node in piece.nodes
        )

    def tangle(self, same: tuple[Tangle, ...]) -> Box:
        """Columns of glyphs with curves between them."""
        return tangled(same, self.cell, self.does)


def named(node: Node) -> bool:
    """Whether a layer's name tells more than what is drawn: not in a block, and not only a long kind's."""
    kind = node.layer.kind
    given = node.name.rstrip("0123456789") != kind or (len(kind) < 6 and kind != "add")
    return given and "/" not in node.name


def spine(items: Sequence) -> list[Piece]:
    """The pieces that everything in a sequence passes through."""
    found: list[Piece] = []
    for item in items:
        if isinstance(item, Piece):
            found.append(item)
        elif isinstance(item, Repeat):
            found += spine(item.body)
    return found


def words_of_repeat(graph: Graph, first: Repeat) -> str:
    block = words.common(node for piece in glyphs(first.body) for node in piece.nodes)
    every = words.common(node for copy in first.copies for piece in glyphs(copy) for node in piece.nodes)
    kind = words.kind_of(graph, block) if block and block != every else ""
    return f"×{first.times} {words.clipped(kind, 20)}".rstrip()


def fed(items: Sequence) -> bool:
    """Whether a sequence takes anything from before it."""
    if not items:
        return True
    first = items[0]
    if isinstance(first, Piece):
        return bool(first.nodes[0].sources)
    if isinstance(first, Repeat):
        return fed(first.body)
    if isinstance(first, Fork):
        return first.skip or any(map(fed, (*first.branches, *first.tails)))
    return any(piece.nodes[0].sources for column in first.columns[:1] for piece in column)


def _levels(lanes: list[Box], tails: list[Box], sizes: list[int], way: str) -> list[float]:
    """How far below the axis each lane lies, and each tail.

    By itself the longest lane is on the axis; a `straight` line leaves it free, and what is `sunk` is below.
    """
    if not lanes:
        return _below(tails, 0.0) if way else _middle(tails)
    main = max(range(len(lanes)), key=lambda index: (sizes[index], -index))
    others = [index for index in range(len(lanes)) if index != main]
    levels = [0.0] * len(lanes)
    if way == "sunk":
        levels[main] = max([0.0, *(lanes[index].down for index in others)]) + LANE + lanes[main].up
        bottom = levels[main] + lanes[main].down
    elif way == "straight":
        above = 0.0
        for index, box in enumerate(lanes):
            levels[index] = -(above + LANE + box.down)
            above += LANE + box.up + box.down
        bottom = 0.0
    elif len(lanes) <= 2:
        for index in others:
            levels[index] = -(lanes[main].up + LANE + lanes[index].down)
        bottom = lanes[main].down
    else:
        levels = _middle(lanes)
        bottom = levels[-1] + lanes[-1].down
    return levels + _below(tails, bottom)


def _middle(boxes: list[Box]) -> list[float]:
    """One below the other, with the axis in the middle."""
    return _below(boxes, -(sum(box.up + box.down for box in boxes) + LANE * (len(boxes) + 1)) / 2)


def _below(boxes: list[Box], top: float) -> list[float]:
    levels = []
    for box in boxes:
        levels.append(top + LANE + box.up)
        top += LANE + box.up + box.down
    return levels
