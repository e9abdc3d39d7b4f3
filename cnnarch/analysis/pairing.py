"""Which layers of two networks are the same layer, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from cnnarch.graph import Graph

__all__ = ["pair_up"]

MOST_CELLS = 1_000_000  # of the table of the best alignments; beyond it names alone decide


class _Part:
    """A layer, or a block with what is in it, under the part of a name that it has in its block.

    `number` is the node's; a block has none.
    """

    __slots__ = ("number", "parts", "segment", "signature", "stem")

    def __init__(self, segment: str, number: int | None = None) -> None:
        self.segment = segment
        self.stem = segment.rstrip("0123456789")
        self.number = number
        self.parts: dict[tuple[str, bool], _Part] = {}
        self.signature = 0  # equal for what does the same

    @property
    def is_block(self) -> bool:
        return self.number is None


def pair_up(left: Graph, right: Graph) -> dict[int, int]:
    """Pair the layers of two networks: numbers of nodes of one, and those of the other.

    Layers with one name are one layer. Where names have numbers that follow from the order, and there are
    more of them on one side, those that do the same are paired, so that what comes after a layer that was
    put in keeps its partner. A layer of another name is taken for the same only if it does the same with the
    same inputs. The pairs do not depend on which network is the first.

    >>> from cnnarch.spec import build, catalog
    >>> vgg11, vgg13 = (build.build(catalog.read(name)) for name in ("vgg11", "vgg13"))
    >>> pairs = {vgg11.nodes[ours].name: vgg13.nodes[theirs].name for ours, theirs in pair_up(vgg11, vgg13).items()}
    >>> len(vgg11.nodes), len(vgg13.nodes), len(pairs), pairs["stage2/maxpool"]
    (31, 35, 31, 'stage2/maxpool')
    """
    known: dict[Any, int] = {}
    pairing = _Pairing()
    pairing.pair(_tree(left, known), _tree(right, known))
    pairs = dict(sorted(pairing.pairs.items()))
    for ours in sorted(pairing.doubted):
        if not _surely_one(left, right, ours, pairs):
            del pairs[ours]
    return pairs


def _tree(graph: Graph, known: dict[Any, int]) -> _Part:
    """The layers of a network by the parts of their names; `known` numbers the things that parts can do."""
    root = _Part("")
    blocks = [root]
    for number, node in enumerate(graph.nodes):
        *segments, last = node.name.split("/")
        part = root
        for segment in segments:
            inner = part.parts.get((segment, True))
            if inner is None:
                inner = part.parts[segment, True] = _Part(segment)
                blocks.append(inner)
            part = inner
        leaf = part.parts[last, False] = _Part(last, number)
        # An input is one layer whatever its size, as a convolution is on whatever input
        leaf.signature = known.setdefault("input" if node.is_input else node.layer, len(known))
    for part in reversed(blocks):  # a block stands behind the one that it is in
        contents = tuple((inner.segment, inner.signature) for inner in part.parts.values())
        part.signature = known.setdefault(contents, len(known))
    return root


class _Pairing:
    """The pairs that were found; `doubted` are those that stand only if the layers have the same inputs, too."""

    def __init__(self) -> None:
        self.pairs: dict[int, int] = {}
        self.doubted: set[int] = set()
        self.cells = MOST_CELLS

    def pair(self, left: _Part, right: _Part) -> None:
        """Pair what is in two blocks that are one, and in the blocks in them."""
        waiting = [(left, right, False)]
        while waiting:
            left, right, doubt = waiting.pop()
            for ours, theirs in self.matched(left, right):
                unsure = doubt or ours.stem != theirs.stem
                if ours.number is None or theirs.number is None:
                    waiting.append((ours, theirs, unsure))
                    continue
                self.pairs[ours.number] = theirs.number
                if unsure:
                    self.doubted.add(ours.number)

    def matched(self, left: _Part, right: _Part) -> list[tuple[_Part, _Part]]:
        """The layers and blocks of two blocks, in pairs."""
        if left.parts.keys() == right.parts.keys():
            return [(part, right.parts[key]) for key, part in left.parts.items()]
        if list(right.parts) < list(left.parts):  # one order of the two, so that ties fall the same way for both
            return [(ours, theirs) for theirs, ours in self.matched(right, left)]
        ours, theirs = list(left.parts.values()), list(right.parts.values())
        start = _common(ours, theirs)
        end = _common(ours[start:][::-1], theirs[start:][::-1])
        found = [*zip(ours[:start], theirs[:start]), *zip(ours[len(ours) - end :], theirs[len(theirs) - end :])]
        ours, theirs = ours[start : len(ours) - end], theirs[start : len(theirs) - end]
        if len(ours) * len(theirs) <= self.cells:
            self.cells -= len(ours) * len(theirs)
            found += _aligned(ours, theirs)
        # What stands in another order, as branches may, is paired by its name
        taken = {(part.segment, part.is_block) for pair in found for part in pair}
        return found + [
            (part, right.parts[key]) for key, part in left.parts.items() if key in right.parts and key not in taken
        ]


def _common(left: Sequence[_Part], right: Sequence[_Part]) -> int:
    """How many parts are the same at the start."""
    return sum(1 for _ in takewhile(lambda pair: _score(*pair) == SAME, zip(left, right)))


# Two that moved on by a number are likelier than one that is the same and one that changed
SAME, MOVED, CHANGED, RENAMED, OTHERS = 10, 9, 5, 1, 0


def _score(ours: _Part, theirs: _Part) -> int:
    """How much speaks for two parts being one."""
    if ours.is_block != theirs.is_block:
        return OTHERS
    if ours.signature != theirs.signature:
        return CHANGED if ours.segment == theirs.segment else OTHERS
    if ours.segment == theirs.segment:
        return SAME
    return MOVED if ours.stem == theirs.stem else RENAMED


def _aligned(left: Sequence[_Part], right: Sequence[_Part]) -> list[tuple[_Part, _Part]]:
    """The pairs, in order, for which most speaks."""
    best = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in range(len(left) - 1, -1, -1):
        row, below = best[i], best[i + 1]
        for j in range(len(right) - 1, -1, -1):
            score = _score(left[i], right[j])
            row[j] = max(below[j], row[j + 1], below[j + 1] + score if score else 0)
    found = []
    i = j = 0
    while i < len(left) and j < len(right):
        score = _score(left[i], right[j])
        if score and best[i][j] == best[i + 1][j + 1] + score:
            found.append((left[i], right[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


def _surely_one(left: Graph, right: Graph, ours: int, pairs: dict[int, int]) -> bool:
    """Whether layers of two names do the same with the same inputs."""
    one, other = left.nodes[ours], right.nodes[pairs[ours]]
    return (
        one.layer == other.layer
        and left.shapes(one) == right.shapes(other)
        and tuple(pairs.get(source) for source in one.sources) == other.sources
        and one.train_only == other.train_only
    )
