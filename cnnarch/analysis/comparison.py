"""How two networks differ, layer against layer."""

from itertools import zip_longest
from typing import NamedTuple

from cnnarch.analysis.rows import Row
from cnnarch.shapes import Shape

__all__ = ["Pair", "align"]

MOST_CELLS = 4_000_000  # of the table of the best alignments; beyond it rows are paired by position


class Pair(NamedTuple):
    """A row of one network and the row of the other that stands for it; either may be missing."""

    left: Row | None
    right: Row | None

    def changes(self) -> list[str]:
        """What differs, in words; nothing where the rows do the same.

        Padding and strides are compared as they work out, not as they are written.
        """
        left, right = self.left, self.right
        if left is None or right is None:
            return []
        found = []
        if left.operation != right.operation and (left.is_block or right.is_block):
            found.append(f"{left.operation} → {right.operation}")
        elif left.is_block:
            found += _inside(left, right)
        else:
            found += _facts(left, right)
        ours, theirs = _asides(left), _asides(right)
        found += [f"no {kind}" for kind in ours if kind not in theirs]
        found += [f"also {kind}" for kind in theirs if kind not in ours]
        if not found and left.inputs != right.inputs:
            found.append(f"input {_listed(left.inputs)} → {_listed(right.inputs)}")
        return found


def align(left: list[Row], right: list[Row]) -> list[Pair]:
    """Pair the rows of two networks by kind and order, so that as many as possible have a partner.

    Pairs whose operation is the same count more; a row without a partner stands alone.
    """
    if len(left) * len(right) > MOST_CELLS:
        return [Pair(a, b) for a, b in zip_longest(left, right)]
    # best[i][j]: the score of aligning what is left from row i of one and row j of the other
    best = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in range(len(left) - 1, -1, -1):
        row, below = best[i], best[i + 1]
        for j in range(len(right) - 1, -1, -1):
            score = _likeness(left[i], right[j])
            row[j] = max(below[j], row[j + 1], below[j + 1] + score if score else 0)
    pairs = []
    i = j = 0
    while i < len(left) or j < len(right):
        if i < len(left) and j < len(right):
            score = _likeness(left[i], right[j])
            if score and best[i][j] == best[i + 1][j + 1] + score:
                pairs.append(Pair(left[i], right[j]))
                i, j = i + 1, j + 1
                continue
        if j == len(right) or (i < len(left) and best[i][j] == best[i + 1][j]):
            pairs.append(Pair(left[i], None))
            i += 1
        else:
            pairs.append(Pair(None, right[j]))
            j += 1
    return pairs


def _likeness(a: Row, b: Row) -> int:
    if a.kind != b.kind:
        return 0
    return 4 + (a.operation == b.operation) + (a.name == b.name)


def _facts(left: Row, right: Row) -> list[str]:
    """What one layer does otherwise than another."""
    ours = left.nodes[0].layer.facts(*left.inputs)
    theirs = right.nodes[0].layer.facts(*right.inputs)
    return [f"{name} {ours[name]} → {theirs[name]}" for name in ours if ours[name] != theirs.get(name, ours[name])]


def _inside(left: Row, right: Row) -> list[str]:
    """How many layers in a block differ from those in another that holds the same kinds."""
    pairs = list(zip(left.described, right.described))
    differ = sum(ours != theirs for ours, theirs in pairs) + abs(len(left.described) - len(right.described))
    return [f"{differ} of {len(pairs)} layers inside"] if differ else []


def _listed(shapes: tuple[Shape, ...]) -> str:
    return " and ".join(map(str, shapes))


def _asides(row: Row) -> list[str]:
    return [node.layer.kind for node in row.folded]
