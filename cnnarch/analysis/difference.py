"""What was added, removed and changed between two networks, layer by layer."""

from collections.abc import Iterable
from itertools import takewhile
from typing import Any, NamedTuple

from cnnarch.analysis.dtypes import DTYPES
from cnnarch.analysis.figures import FIGURES
from cnnarch.analysis.pairing import pair_up
from cnnarch.analysis.totals import Totals, total
from cnnarch.graph import Graph, Node
from cnnarch.layers.base import alike
from cnnarch.shapes import Shape

__all__ = ["STATUSES", "Change", "Difference", "Entry", "Part", "compare", "differ"]

STATUSES = ("added", "removed", "changed", "renamed")
ANY_ORDER = ("add", "multiply", "max")  # kinds that do the same in whatever order their inputs stand


class Change(NamedTuple):
    """One thing that differs in a layer that both networks have.

    `what` is a setting, or `kind`, `name`, `input`, `output`, `from`, `weights of` or `only in training`;
    `words` are the values as they are told, a padding in pixels.
    """

    what: str
    left: Any
    right: Any
    words: tuple[str, str]

    def __str__(self) -> str:
        return f"{self.what} {self.words[0]} → {self.words[1]}"


class Part(NamedTuple):
    """A layer, or layers of a block, in one of the networks.

    `totals` are the sums over it as over a network, and `output_bytes` is what its layers write at inference.
    """

    name: str
    kind: str
    operation: str
    nodes: tuple[Node, ...]
    inputs: tuple[Shape, ...]
    output: Shape
    totals: Totals
    output_bytes: int


class Entry(NamedTuple):
    """A layer that is not the same in both networks, on the side or the sides that have it.

    Where it stands for a block, `inside` says how many of the `layers` there have which status;
    `follow` are the kinds of the layers after it that are in its sums.
    """

    status: str
    left: Part | None
    right: Part | None
    changes: tuple[Change, ...] = ()
    layers: int = 1
    inside: tuple[tuple[str, int], ...] = ()
    follow: tuple[str, ...] = ()

    @property
    def is_block(self) -> bool:
        return bool(self.inside)

    @property
    def part(self) -> Part:
        """The layer as it is now, or as it was."""
        part = self.right or self.left
        assert part is not None
        return part

    @property
    def name(self) -> str:
        return self.part.name

    @property
    def was(self) -> str:
        """What it is called in the first network, if it is called otherwise there."""
        return self.left.name if self.left is not None and self.left.name != self.name else ""

    def difference(self, key: str) -> int:
        """By how much a total is larger in the second network because of this layer."""
        return _figure(self.right, key) - _figure(self.left, key)


class Difference(NamedTuple):
    """All that differs between two networks; over the entries every difference sums to that of the totals."""

    left: Graph
    right: Graph
    entries: list[Entry]
    unchanged: int  # layers

    def layers(self, status: str) -> int:
        return sum(entry.status == status for entry in self.entries if not entry.part.nodes[0].is_input)


def compare(left: Graph, right: Graph, batch: int = 1, dtype: str = "float32") -> Difference:
    """How a network differs from another, in the order of their layers.

    Settings are compared as they work out on the input, not as they are written. What a layer takes its
    input from counts as changed only if it is more than what was put in between or left out there.

    >>> from cnnarch.spec import build, catalog
    >>> found = compare(*(build.build(catalog.read(name)) for name in ("alexnet", "zfnet")))
    >>> entry = found.entries[1]
    >>> entry.status, entry.name, *map(str, entry.changes[:2])
    ('changed', 'conv1', 'kernel 11×11 → 7×7', 'stride 4 → 2')
    >>> entry.difference("weights")  # 7·7·3·96 − 11·11·3·96
    -20736
    """
    return _Comparison(left, right, batch, DTYPES[dtype]).run()


def differ(left: Any, right: Any) -> bool:
    """Whether two networks differ in what a layer does or is called, or in any figure.

    What they and their specs are called does not count, and neither do notes and sources.
    """
    if compare(left.graph, right.graph, left.batch, left.dtype).entries:
        return True
    return any(figure.of(left) != figure.of(right) for figure in FIGURES.values())


class _Comparison:
    def __init__(self, left: Graph, right: Graph, batch: int, bytes_each: int) -> None:
        self.left = left
        self.right = right
        self.batch = batch
        self.bytes_each = bytes_each
        self.pairs = pair_up(left, right)
        self.back = {theirs: ours for ours, theirs in self.pairs.items()}
        # Of what one network alone has, the layers of both that stand before it
        self.before = _origins(left, self.pairs), _origins(right, self.back)

    def run(self) -> Difference:
        entries = self.removed_after(-1)
        unchanged = 0
        for theirs, node in enumerate(self.right.nodes):
            ours = self.back.get(theirs)
            if ours is None:
                entries.append(Entry("added", None, self.part(self.right, theirs)))
                continue
            changes = self.changes(ours, theirs)
            if changes:
                status = "renamed" if [change.what for change in changes] == ["name"] else "changed"
                entries.append(Entry(status, self.part(self.left, ours), self.part(self.right, theirs), changes))
            elif not node.is_input:
                unchanged += 1
            entries += self.removed_after(ours)
        return Difference(self.left, self.right, entries, unchanged)

    def removed_after(self, ours: int) -> list[Entry]:
        """The layers of the first network that follow a layer at once and have no partner."""
        run = takewhile(lambda number: number not in self.pairs, range(ours + 1, len(self.left.nodes)))
        return [Entry("removed", self.part(self.left, number), None) for number in run]

    def part(self, graph: Graph, number: int) -> Part:
        node = graph.nodes[number]
        shapes = graph.shapes(node)
        kind = node.layer.kind or "input"
        return Part(
            name=node.name,
            kind=kind,
            operation=node.layer.operation(*shapes) or kind,
            nodes=(node,),
            inputs=shapes,
            output=node.output,
            totals=_total([node], self.batch),
            output_bytes=0 if node.train_only else node.output.size * self.batch * self.bytes_each,
        )

    def changes(self, ours: int, theirs: int) -> tuple[Change, ...]:
        """What differs between two layers that are one; nothing if they do the same."""
        left, right = self.left.nodes[ours], self.right.nodes[theirs]
        before, after = self.left.shapes(left), self.right.shapes(right)
        found = []
        if left.name != right.name:
            found.append(_change("name", left.name, right.name))
        if left.layer != right.layer or before != after:
            found += _settings(left, right, before, after)
            if before != after:
                found.append(Change("input", _one(before), _one(after), (_listed(before), _listed(after))))
            if left.output != right.output:
                found.append(_change("output", left.output, right.output))
        if not self.same_sources(left, right):
            found.append(_change("from", _names(self.left, left.sources), _names(self.right, right.sources)))
        if (None if left.owner is None else self.pairs.get(left.owner, -1)) != right.owner:
            found.append(_change("weights of", self.owner(self.left, left), self.owner(self.right, right)))
        if left.train_only != right.train_only:
            words = ("no", "yes") if right.train_only else ("yes", "no")
            found.append(Change("only in training", left.train_only, right.train_only, words))
        return tuple(found)

    def owner(self, graph: Graph, node: Node) -> str:
        return graph.nodes[node.owner].name if node.owner is not None else "its own"

    def same_sources(self, left: Node, right: Node) -> bool:
        """Whether two layers take the same, apart from what was put in between or left out there."""
        if tuple(map(self.pairs.get, left.sources)) == right.sources:
            return True
        ours = [frozenset(self.pairs[one] for one in self.before[0].get(source, (source,))) for source in left.sources]
        theirs = [frozenset(self.before[1].get(source, (source,))) for source in right.sources]
        if right.layer.kind in ANY_ORDER:
            return sorted(map(sorted, ours)) == sorted(map(sorted, theirs))
        return ours == theirs


def _origins(graph: Graph, paired: dict[int, int]) -> dict[int, frozenset[int]]:
    """Of each node without a partner: the nearest before it that have one."""
    found: dict[int, frozenset[int]] = {}
    for number, node in enumerate(graph.nodes):
        if number not in paired:
            found[number] = frozenset(one for source in node.sources for one in found.get(source, frozenset((source,))))
    return found


def _settings(left: Node, right: Node, before: tuple[Shape, ...], after: tuple[Shape, ...]) -> list[Change]:
    """What two layers do otherwise, from their settings."""
    if left.layer.kind != right.layer.kind:
        return [_change("kind", left.layer.kind, right.layer.kind)]
    ours, theirs = left.layer.facts(*before), right.layer.facts(*after)
    found = []
    for name in ours:
        if ours[name] != theirs[name]:
            written = getattr(left.layer, name, None), getattr(right.layer, name, None)
            old, new = (_number(ours[name]), _number(theirs[name])) if alike(*written) else written
            found.append(Change(name, old, new, (ours[name], theirs[name])))
    return found


def _number(fact: str) -> int | str:
    return int(fact) if fact.isdecimal() else fact


def _change(what: str, left: Any, right: Any) -> Change:
    return Change(what, left, right, (str(left), str(right)))


def _one(shapes: tuple[Shape, ...]) -> Any:
    return shapes[0] if len(shapes) == 1 else list(shapes)


def _listed(shapes: tuple[Shape, ...]) -> str:
    return " and ".join(map(str, shapes))


def _names(graph: Graph, sources: tuple[int, ...]) -> str:
    return " and ".join(graph.nodes[source].name for source in sources)


def _total(nodes: Iterable[Node], batch: int) -> Totals:
    """The sums over some layers, as over a network of them."""
    return total(Graph(tuple(nodes), {}), batch)


def _figure(part: Part | None, key: str) -> int:
    if part is None:
        return 0
    value: int = part.output_bytes if key == "output_bytes" else getattr(part.totals, key)
    return value
