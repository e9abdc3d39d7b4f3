"""A difference told shortly: a block that is new or gone in one entry, or all that is deeper than so many blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from cnnarch.analysis.difference import STATUSES, Difference, Entry, Part
from cnnarch.analysis.totals import Totals
from cnnarch.graph import Graph, Node

__all__ = ["by_block"]

FOLLOWING = {"input", "output"}  # what changes in a layer because another before it did


def by_block(found: Difference, depth: int | None = None, fold: bool = False) -> list[Entry]:
    """The entries, blocks that are added, removed or renamed as a whole in one entry each.

    With `depth`, what changed deeper in blocks is summed up, too. With `fold`, activations and normalisation
    are summed up with the layer before them where there is nothing to say of them but that they follow it, and
    so are like blocks in a row. Whatever is summed up, the sums over all entries stay.

    >>> from cnnarch.analysis.difference import compare
    >>> from cnnarch.spec import build, catalog
    >>> found = compare(*(build.build(catalog.read(name)) for name in ("resnet50", "resnet101")))
    >>> [(entry.status, entry.name, entry.layers) for entry in by_block(found, fold=True)]
    [('added', 'stage3/bottleneck7 … bottleneck23', 170)]
    """
    whole = _whole(found)
    gathered: dict[tuple[str, str], list[Entry]] = {}
    for entry in found.entries:
        place = next((one for one in _places(entry.name) if (entry.status, one) in whole), entry.name)
        if depth is not None and place.count("/") >= depth:
            place = "/".join(place.split("/")[:depth])
        status = entry.status if (entry.status, place) in whole or place == entry.name else "changed"
        gathered.setdefault((status, place), []).append(entry)
    sides = _Side(found.left), _Side(found.right)
    entries = [_block(status, place, several, sides) for (status, place), several in gathered.items()]
    return _in_a_row(_folded(entries, (found.left, found.right))) if fold else entries


def _places(name: str) -> Iterator[str]:
    """The blocks that a layer is in, the outermost first."""
    for number, char in enumerate(name):
        if char == "/":
            yield name[:number]


def _whole(found: Difference) -> set[tuple[str, str]]:
    """The blocks all of whose layers were added, removed, or renamed with the block."""
    ours, theirs = (
        Counter(place for node in graph.nodes for place in _places(node.name)) for graph in (found.left, found.right)
    )
    counts: Counter[tuple[str, str, str]] = Counter()
    for entry in found.entries:
        for place in _places(entry.name):
            if entry.status in ("added", "removed"):
                counts[entry.status, place, ""] += 1
            elif entry.status == "renamed" and entry.was.endswith(entry.name[len(place) :]):
                counts["renamed", place, entry.was[: len(place) - len(entry.name)]] += 1
    return {
        (status, place)
        for (status, place, _), count in counts.items()
        if count == (ours if status == "removed" else theirs)[place]
    }


class _Side:
    """Of each block of a network: how many layers it has, and the last of them that runs at inference."""

    def __init__(self, graph: Graph) -> None:
        self.groups = graph.groups
        self.count: Counter[str] = Counter()
        self.last: dict[str, Node] = {}
        for node in graph.nodes:
            for place in _places(node.name):
                self.count[place] += 1
                if not node.train_only or place not in self.last:
                    self.last[place] = node


def _block(status: str, place: str, entries: list[Entry], sides: tuple[_Side, _Side]) -> Entry:
    """One entry for what differs in a block; a layer's own entry stays as it is."""
    first = entries[0]
    if len(entries) == 1 and place == first.name:
        return first
    inside = Counter(entry.status for entry in entries)
    depth = place.count("/") + 1
    left = _joined(sides[0], [entry.left for entry in entries], depth)
    right = _joined(sides[1], [entry.right for entry in entries], depth)
    only_left = inside["removed"]
    layers = only_left + sides[1].count[place] if right is not None else len(entries)
    return Entry(
        status, left, right, layers=layers, inside=tuple((one, inside[one]) for one in STATUSES if inside[one])
    )


def _joined(side: _Side, found: Iterable[Part | None], depth: int) -> Part | None:
    """What layers of one block come to together."""
    parts = [part for part in found if part is not None]
    if not parts:
        return None
    place = "/".join(parts[-1].name.split("/")[:depth])
    kind = side.groups.get(place, "")
    return Part(
        name=place,
        kind=kind,
        operation=kind,
        nodes=tuple(node for part in parts for node in part.nodes),
        inputs=parts[0].inputs,
        output=side.last[place].output,
        totals=_added([part.totals for part in parts]),
        output_bytes=sum(part.output_bytes for part in parts),
    )


def _added(totals: Sequence[Totals]) -> Totals:
    return Totals(*map(sum, zip(*totals)))


def _folded(entries: list[Entry], graphs: tuple[Graph, Graph]) -> list[Entry]:
    """Layers that only follow the layer before them, in its entry."""
    found: list[Entry] = []
    for entry in entries:
        if found and _follows(found[-1], entry, graphs):
            found[-1] = _sum(found[-1], entry)._replace(follow=(*found[-1].follow, entry.part.kind))
        else:
            found.append(entry)
    return found


def _follows(before: Entry, entry: Entry, graphs: tuple[Graph, Graph]) -> bool:
    both = before.status == entry.status or (entry.status == "renamed" and before.was)
    if before.is_block or entry.is_block or not both:
        return False
    for graph, first, second in zip(graphs, (before.left, before.right), (entry.left, entry.right)):
        if first is None or second is None:
            continue
        node = second.nodes[0]
        takes = [graph.nodes[source] for source in node.sources]
        if (
            not (node.layer.folds or node.layer.family == "norm")
            or takes != [first.nodes[-1]]
            or node.output != takes[0].output
        ):
            return False
    return before.name.rpartition("/")[0] == entry.name.rpartition("/")[0] and {
        change.what for change in entry.changes
    } <= FOLLOWING | ({"name"} if before.was else set())


def _in_a_row(entries: list[Entry]) -> list[Entry]:
    """Like blocks that were added or removed one after another, in one entry."""
    found: list[Entry] = []
    before: Entry | None = None
    first = ""
    for entry in entries:
        if before is not None and _alike(before, entry):
            name = f"{first} … {entry.name.rpartition('/')[2]}"
            found[-1] = _called(_sum(found[-1], entry), name)
        else:
            found.append(entry)
            first = entry.name
        before = entry
    return found


def _alike(before: Entry, entry: Entry) -> bool:
    return (
        before.is_block
        and entry.is_block
        and before.status == entry.status
        and entry.status in ("added", "removed")
        and before.part.kind == entry.part.kind != ""
        and before.part.totals == entry.part.totals
        and before.name.rpartition("/")[0] == entry.name.rpartition("/")[0]
    )


def _called(entry: Entry, name: str) -> Entry:
    left, right = entry.left, entry.right
    return entry._replace(left=left and left._replace(name=name), right=right and right._replace(name=name))


def _sum(first: Entry, second: Entry) -> Entry:
    """Two entries of one status in one, called as the first; blocks leave what the second leaves."""
    inside = Counter(dict(first.inside)) + Counter(dict(second.inside))
    return first._replace(
        left=_both(first.left, second.left),
        right=_both(first.right, second.right),
        layers=first.layers + second.layers,
        inside=tuple(inside.items()),
    )


def _both(first: Part | None, second: Part | None) -> Part | None:
    if first is None or second is None:
        return first
    return first._replace(
        nodes=first.nodes + second.nodes,
        output=second.output,
        totals=_added([first.totals, second.totals]),
        output_bytes=first.output_bytes + second.output_bytes,
    )
