"""The shape of a network for the eye: what follows what, what forks and joins, what repeats.

The graph is taken apart at the layers that everything passes through. What lies between two of them is parted into
branches that share nothing, and each is taken apart in the same way. What cannot be parted is a tangle, whose layers
stand in columns by the longest way to them. Then equal parts in a row become one with a number of times.
"""

from collections.abc import Iterator
from itertools import takewhile
from typing import NamedTuple, TypeAlias, Union

from cnnarch.graph import Graph, Node

__all__ = ["Fork", "Item", "Outline", "Piece", "Repeat", "Sequence", "Tangle", "glyphs", "outline", "pieces"]

MOST = 160  # pieces that a figure can show before blocks are closed
MOST_TANGLED = 60  # and in tangles
DEEPEST = 30  # forks in forks; what lies deeper is a tangle
LONGEST_PERIOD = 48  # items of a part that is looked for again


class Piece(NamedTuple):
    """What is drawn as one glyph: a layer with those that are folded into it, or a closed block.

    `nodes` are in the order in which they run, and `numbers` are theirs in the graph; `block` is the part of a name
    that they share, if it is a block.
    """

    number: int
    nodes: tuple[Node, ...]
    numbers: tuple[int, ...]
    block: str = ""

    @property
    def main(self) -> Node:
        """The layer that it is named for: the first; of a closed block, the last."""
        return self.nodes[-1] if self.block else self.nodes[0]

    @property
    def output(self) -> Node:
        return self.nodes[-1]


class Fork(NamedTuple):
    """Branches from the item before to the item after; with `skip`, that also takes its input directly.

    `tails` are branches that lead to outputs of their own and do not come back.
    """

    branches: "tuple[Sequence, ...]"
    skip: bool
    tails: "tuple[Sequence, ...]" = ()


class Tangle(NamedTuple):
    """What cannot be parted into branches: columns of pieces, by the longest way to each.

    `links` are pairs of numbers of pieces; also from the piece before the tangle and to the one after it.
    """

    columns: tuple[tuple[Piece, ...], ...]
    links: tuple[tuple[int, int], ...]


class Repeat(NamedTuple):
    """A part that stands several times in a row: `copies` are all of them, the first is drawn.

    They do the same in every layer; the channels that arrive may differ.
    """

    copies: "tuple[Sequence, ...]"

    @property
    def times(self) -> int:
        return len(self.copies)

    @property
    def body(self) -> "Sequence":
        return self.copies[0]


Item: TypeAlias = Union[Piece, Fork, Tangle, Repeat]
Sequence: TypeAlias = tuple[Item, ...]


class Outline(NamedTuple):
    """A network as a sequence of items, at inference; `depth` says how far blocks are open, none if all are."""

    items: Sequence
    depth: int | None


def outline(graph: Graph, depth: int | None = None, fold: bool = True) -> Outline:
    """Take a network apart; without a `depth`, blocks are closed only where there is too much to show.

    >>> from cnnarch.spec import build, catalog
    >>> found = outline(build.build(catalog.read("vgg16")))
    >>> [(len(item.body), item.times) for item in found.items if isinstance(item, Repeat)]
    [(1, 2), (1, 2), (1, 3), (1, 3), (1, 3), (1, 2)]
    """
    deepest = max((node.name.count("/") for node in graph.layers), default=0)
    depths = [depth] if depth is not None else [None, *range(deepest, 0, -1)]
    every = []
    for tried in depths:
        found = Outline(_Taken(graph, tried, fold).items(), tried)
        every.append(found)
        if sum(1 for _ in glyphs(found.items)) <= MOST and _tangled(found.items) <= MOST_TANGLED:
            return found
    return every[0]


def glyphs(items: Sequence) -> Iterator[Piece]:
    """The pieces that are drawn, in order: of what repeats, the first."""
    for item in items:
        if isinstance(item, Piece):
            yield item
        elif isinstance(item, Repeat):
            yield from glyphs(item.body)
        elif isinstance(item, Tangle):
            for column in item.columns:
                yield from column
        else:
            for branch in (*item.branches, *item.tails):
                yield from glyphs(branch)


def pieces(graph: Graph, depth: int | None = None) -> list[Piece]:
    """What runs at inference as pieces, in the order in which they start; with a `depth`, deeper blocks are closed.

    >>> from cnnarch.spec import build, catalog
    >>> [(piece.main.name, len(piece.nodes)) for piece in pieces(build.build(catalog.read("alexnet")))[:3]]
    [('input', 1), ('conv1', 2), ('pool1', 1)]
    """
    return _pieces(graph, depth)[0]


def _tangled(items: Sequence) -> int:
    """How many pieces are in tangles."""
    found = 0
    for item in items:
        if isinstance(item, Tangle):
            found += sum(map(len, item.columns))
        elif isinstance(item, Repeat):
            found += _tangled(item.body)
        elif isinstance(item, Fork):
            found += sum(map(_tangled, (*item.branches, *item.tails)))
    return found


class _Taken:
    """A graph of pieces, taken apart."""

    def __init__(self, graph: Graph, depth: int | None, fold: bool) -> None:
        self.graph = graph
        self.fold = fold
        self.pieces, place = _pieces(graph, depth)
        self.before: list[list[int]] = [[] for _ in self.pieces]
        self.after: list[list[int]] = [[] for _ in self.pieces]
        for number, piece in enumerate(self.pieces):
            found = {place[source]: None for node in piece.nodes for source in _flows(node) if source in place}
            self.before[number] = [one for one in found if one != number]
            for one in self.before[number]:
                self.after[one].append(number)
        self.known: dict[object, int] = {}  # signatures, as small numbers
        self.signs: dict[int, int] = {}  # of pieces

    def items(self) -> Sequence:
        return self.sequence(list(range(len(self.pieces))), None, None, 0)

    def sequence(self, inside: list[int], entry: int | None, leave: int | None, deep: int) -> Sequence:
        """The items of a part of the graph between two pieces, which are not in it."""
        if not inside:
            return ()
        order = self._tails_first(inside, leave)
        cuts = self._cuts(order, entry, leave)
        if not any(cuts) and len(order) > 1 and (deep > 0 or entry is not None):
            return (self._tangle(order, entry, leave),)
        found: list[Item] = []
        previous, between = entry, list[int]()
        for number, cut in zip(order, cuts):
            if not cut:
                between.append(number)
                continue
            found += self._between(between, previous, number, deep)
            found.append(self.pieces[number])
            previous, between = number, []
        found += self._between(between, previous, leave, deep)
        return self._folded(found) if self.fold else tuple(found)

    def _tails_first(self, inside: list[int], leave: int | None) -> list[int]:
        """The pieces in an order in which what leads to another output stands behind what it hangs on."""
        members = set(inside)
        ends = [one for one in inside if leave in self.after[one]] if leave is not None else []
        if not ends:
            last = [one for one in inside if not any(other in members for other in self.after[one])]
            ends = last[-1:]
        main, waiting = set(ends), list(ends)
        while waiting:
            for one in self.before[waiting.pop()]:
                if one in members and one not in main:
                    main.add(one)
                    waiting.append(one)
        hanging: dict[int, list[int]] = {}
        for part in self._parts([one for one in inside if one not in main]):
            on = max((one for number in part for one in self.before[number] if one in main), default=-1)
            hanging.setdefault(on, []).extend(part)
        order = sorted(hanging.get(-1, []))
        for one in inside:
            if one in main:
                order += [one, *sorted(hanging.get(one, []))]
        return order

    def _cuts(self, order: list[int], entry: int | None, leave: int | None) -> list[bool]:
        """Which pieces everything passes through that comes before them and goes on."""
        place = {number: index for index, number in enumerate(order)}
        farthest = (
            max((place[one] for one in self.after[entry] if one in place), default=-1) if entry is not None else -1
        )
        if entry is None:
            farthest = max((place[one] for one in order if not self.before[one]), default=-1)
        first_leaving = min((place[one] for one in order if leave in self.after[one]), default=len(order))
        cuts = []
        for index, number in enumerate(order):
            hangs = not any(one in place or one == leave for one in self.after[number]) and index < len(order) - 1
            cuts.append(farthest <= index <= first_leaving and not hangs and self._reached(order, index, place, entry))
            farthest = max([farthest, *(place[one] for one in self.after[number] if one in place)])
        return cuts

    def _reached(self, order: list[int], index: int, place: dict[int, int], entry: int | None) -> bool:
        """Whether a piece is on the way: taken from what stands before it, and with something that goes on."""
        number = order[index]
        return not self.before[number] or any(one in place or one == entry for one in self.before[number])

    def _between(self, inside: list[int], entry: int | None, leave: int | None, deep: int) -> list[Item]:
        """What lies between two pieces that everything passes through."""
        if not inside:
            return []
        parts = self._parts(inside)
        skip = entry is not None and leave is not None and leave in self.after[entry]
        if deep >= DEEPEST or (len(parts) == 1 and not skip and leave is not None and entry is not None):
            return [self._tangle(inside, entry, leave)]
        branches: list[Sequence] = []
        tails: list[Sequence] = []
        for part in parts:
            leads = leave is not None and any(leave in self.after[one] for one in part)
            (branches if leads else tails).append(self.sequence(part, entry, leave if leads else None, deep + 1))
        return [Fork(tuple(branches), skip, tuple(tails))]

    def _parts(self, inside: list[int]) -> list[list[int]]:
        """Parts that share nothing, each in order."""
        members, seen, parts = set(inside), set[int](), []
        for start in inside:
            if start in seen:
                continue
            part, waiting = [], [start]
            seen.add(start)
            while waiting:
                one = waiting.pop()
                part.append(one)
                for other in (*self.before[one], *self.after[one]):
                    if other in members and other not in seen:
                        seen.add(other)
                        waiting.append(other)
            parts.append(sorted(part))
        return parts

    def _tangle(self, inside: list[int], entry: int | None, leave: int | None) -> Tangle:
        members = {*inside} | {one for one in (entry, leave) if one is not None}
        links = [(one, number) for number in inside for one in self.before[number] if one in members]
        links += [(one, leave) for one in self.before[leave] if one in members] if leave is not None else []
        column: dict[int, int] = {}
        for number in sorted(inside):
            column[number] = 1 + max((column[one] for one in self.before[number] if one in column), default=-1)
        columns: list[list[Piece]] = [[] for _ in range(max(column.values()) + 1)]
        for number in sorted(inside):
            columns[column[number]].append(self.pieces[number])
        return Tangle(tuple(tuple(one) for one in columns), tuple(links))

    def _folded(self, items: list[Item]) -> Sequence:
        """Items with equal parts in a row made one."""
        signs = [self._sign(item) for item in items]
        found: list[Item] = []
        index = 0
        while index < len(items):
            joins = bool(found) and isinstance(found[-1], Fork)  # it belongs to the fork before
            period, times = (1, 1) if joins else _repeated(signs, index)
            if times > 1 and not _in_blocks(items, index, period, times):
                later = _begins_blocks(items, signs, index, period, times)
                found += items[index:later]
                index = later
            if times > 1:
                ends = range(index, index + period * times, period)
                found.append(Repeat(tuple(tuple(items[start : start + period]) for start in ends)))
            else:
                found.append(items[index])
            index += period * times
        return tuple(found)

    def _sign(self, item: Item) -> int:
        """A number that is the same for items that do the same."""
        sign: object
        if isinstance(item, Piece):
            return self._sign_of_piece(item)
        elif isinstance(item, Repeat):
            sign = ("repeat", item.times, tuple(map(self._sign, item.body)))
        elif isinstance(item, Fork):
            ways = (item.branches, item.tails)
            sign = ("fork", item.skip, tuple(tuple(tuple(map(self._sign, one)) for one in way) for way in ways))
        else:
            first = min(number for column in item.columns for number in (piece.number for piece in column))
            links = tuple((one - first, other - first) for one, other in item.links)
            sign = ("tangle", links, tuple(tuple(map(self._sign, column)) for column in item.columns))
        return self.known.setdefault(sign, len(self.known))

    def _sign_of_piece(self, piece: Piece) -> int:
        if piece.number not in self.signs:  # asked for once at every level that it lies in
            does = tuple(self._does(node) for node in piece.nodes)
            self.signs[piece.number] = self.known.setdefault(does, len(self.known))
        return self.signs[piece.number]

    def _does(self, node: Node) -> tuple[object, ...]:
        """What a layer does and how large its maps are; not how many channels arrive."""
        if node.is_input:
            return (node.name,)
        return (node.layer.kind, node.layer.operation(*self.graph.shapes(node)), tuple(node.output)[:-1])


def _begins_blocks(items: list[Item], signs: list[int], start: int, period: int, times: int) -> int:
    """Where the same part repeats as often, but each time as a block of its own; if nowhere, where it was found."""
    for later in range(start + 1, start + period):
        behind_fork = isinstance(items[later - 1], Fork)
        if not behind_fork and _repeated(signs, later) == (period, times) and _in_blocks(items, later, period, times):
            return later
    return start


def _in_blocks(items: list[Item], start: int, period: int, times: int) -> bool:
    """Whether every copy of a part is in a block of its own."""
    copies = [items[one : one + period] for one in range(start, start + period * times, period)]
    blocks = [_common(tuple(copy)) for copy in copies[:2]]
    return "" not in blocks and blocks[0] != blocks[1]


def _common(items: Sequence) -> str:
    """The part of their names that all layers in a sequence share, up to a block's end."""
    names = [node.name for piece in glyphs(items) for node in piece.nodes]
    first, last = min(names).split("/")[:-1], max(names).split("/")[:-1]  # what these two share, all do
    shared = [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last))]
    return "/".join(shared)


def _repeated(signs: list[int], start: int) -> tuple[int, int]:
    """How long the part is that repeats from here, and how many times it stands; the one that covers most."""
    best = (1, 1)
    for period in range(1, min(LONGEST_PERIOD, (len(signs) - start) // 2) + 1):
        times = 1
        while signs[start : start + period] == signs[start + times * period : start + (times + 1) * period]:
            times += 1
        if times > 1 and period * times > best[0] * best[1]:
            best = (period, times)
    return best


def _pieces(graph: Graph, depth: int | None) -> tuple[list[Piece], dict[int, int]]:
    """What runs at inference as pieces, and the piece of every node."""
    users: dict[int, int] = {}
    for node in graph.nodes:
        if not node.train_only:
            for source in _flows(node):
                users[source] = users.get(source, 0) + 1
    members: list[list[int]] = []
    blocks: list[str] = []
    place: dict[int, int] = {}
    for number, node in enumerate(graph.nodes):
        if node.train_only:
            continue
        block = _block(graph, node, depth)
        if members and block and blocks[-1] == block:
            place[number] = len(members) - 1
        elif not block and _folds(graph, node, users) and not blocks[place[node.sources[0]]]:
            place[number] = place[node.sources[0]]
        else:
            place[number] = len(members)
            members.append([])
            blocks.append(block)
        members[place[number]].append(number)
    nodes = graph.nodes
    pieces = [
        Piece(index, tuple(nodes[one] for one in found), tuple(found), blocks[index])
        for index, found in enumerate(members)
    ]
    return pieces, place


def _flows(node: Node) -> tuple[int, ...]:
    """What a layer takes values from; of a second input that only tells a size it takes none."""
    return node.sources[:1] if node.layer.sized_by_second else node.sources


def _block(graph: Graph, node: Node, depth: int | None) -> str:
    """The block that a layer is shown in, if blocks of this depth are closed."""
    parts = node.name.split("/")
    return "/".join(parts[:depth]) if depth is not None and len(parts) > depth else ""


def _folds(graph: Graph, node: Node, users: dict[int, int]) -> bool:
    """Whether a layer is drawn in the glyph of the one before, the only one that it takes and that it is taken by."""
    if len(node.sources) != 1 or not (node.layer.folds or node.layer.family == "norm"):
        return False
    source = graph.nodes[node.sources[0]]
    return users[node.sources[0]] == 1 and not source.is_input
