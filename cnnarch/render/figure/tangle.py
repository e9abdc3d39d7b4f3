"""Layers that are no branches of anything: columns, with curves between them that go round what lies between.

After Sugiyama, Tagawa, Toda 1981, "Methods for visual understanding of hierarchical system structures": a link over
several columns has a place in each; places are ordered by the mean of those they are linked to; here they then move
as near to that mean as their order lets them.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from cnnarch.analysis.outline import Piece, Tangle
from cnnarch.render.figure.boxes import Box, Curve, Mark, Path, Placed, bracketed

__all__ = ["tangled", "together"]

BETWEEN = 26.0  # columns
PASSING = 7.0  # what a link takes that passes a column
APART = 5.0
SWEEPS = 10
STRAIGHTER = 3.0  # what passes goes straight rather than a glyph
MOST_PASSING = 4000  # beyond it, links go straight over what lies between


class Slot(NamedTuple):
    """A place in a column: of a piece with its box, or of a link that passes."""

    key: tuple[int, ...]
    box: Box


def tangled(
    same: tuple[Tangle, ...],
    cell: Callable[[tuple[Piece, ...]], Box],
    does: Callable[[Piece], tuple[object, ...]],
) -> Box:
    """A tangle as a box; `same` are the copies that it stands for, `cell` makes the box of a piece and its copies."""
    first = same[0]
    alike = {
        one[0].number: one for index in range(len(first.columns)) for one in zip(*(o.columns[index] for o in same))
    }
    runs, instead = together(first, does)
    links = list(dict.fromkeys((instead.get(one, one), instead.get(other, other)) for one, other in first.links))
    links = [(one, other) for one, other in links if one != other]
    place = _columns(list(runs), links)
    columns: list[list[Slot]] = [[] for _ in range(max(place.values()) + 1)]
    for number, run in runs.items():
        box = cell(tuple(piece for one in run for piece in alike[one.number]))
        if len(run) > 1:
            box = bracketed(box, f"×{len(run)}", strong=True)
        columns[place[number]].append(Slot((number,), box))
    chains = [_chain(link, place, columns) for link in links]
    near: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for chain in chains:
        for one, other in pairwise(chain):
            near.setdefault(one, []).append(other)
            near.setdefault(other, []).append(one)
    _order(columns, near)
    return _drawn(columns, chains, _levels(columns, near), place)


def together(
    tangle: Tangle, does: Callable[[Piece], tuple[object, ...]]
) -> tuple[dict[int, list[Piece]], dict[int, int]]:
    """Equal pieces one after another, with nothing else at them, by the first of them; and it in place of the rest."""
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    for one, other in tangle.links:
        before.setdefault(other, []).append(one)
        after.setdefault(one, []).append(other)
    runs: dict[int, list[Piece]] = {}
    instead: dict[int, int] = {}
    pieces = sorted((piece for column in tangle.columns for piece in column), key=lambda piece: piece.number)
    for piece in pieces:
        (source,) = before.get(piece.number, [])[:1] or [-1]
        first = instead.get(source, source)
        alone = before.get(piece.number) == [source] and after.get(source) == [piece.number]
        if alone and first in runs and does(runs[first][-1]) == does(piece):
            runs[first].append(piece)
            instead[piece.number] = first
        else:
            runs[piece.number] = [piece]
    return runs, instead


def _columns(numbers: list[int], links: list[tuple[int, int]]) -> dict[int, int]:
    """The column of every place: behind all that it takes."""
    members = set(numbers)
    before: dict[int, list[int]] = {}
    for one, other in links:
        if one in members:
            before.setdefault(other, []).append(one)
    column: dict[int, int] = {}
    for number in sorted(numbers):
        column[number] = 1 + max((column[one] for one in before.get(number, ())), default=-1)
    return column


def _chain(link: tuple[int, int], place: dict[int, int], columns: list[list[Slot]]) -> list[tuple[int, ...]]:
    """The places on a link's way; what passes a column gets one there."""
    one, other = link
    start, end = place.get(one, -1), place.get(other, len(columns))
    passing = range(start + 1, end) if sum(map(len, columns)) < MOST_PASSING else ()
    middle = []
    for column in passing:
        key = (one, other, column)
        columns[column].append(Slot(key, Box(0, PASSING / 2, PASSING / 2)))
        middle.append(key)
    return [(one,), *middle, (other,)]


def _order(columns: list[list[Slot]], near: dict[tuple[int, ...], list[tuple[int, ...]]]) -> None:
    """Order the places of every column by the mean of those linked to them, in sweeps from side to side."""
    at = {slot.key: (index, float(row)) for index, column in enumerate(columns) for row, slot in enumerate(column)}
    for sweep in range(SWEEPS):
        back = sweep % 2
        for index in reversed(range(len(columns))) if back else range(len(columns)):
            column = columns[index]

            def mean(slot: Slot, index: int = index, back: int = back) -> float:
                rows = [
                    at[one][1] for one in near.get(slot.key, ()) if one in at and (at[one][0] > index) == bool(back)
                ]
                return sum(rows) / len(rows) if rows else at[slot.key][1]

            column.sort(key=mean)
            middle = (len(column) - 1) / 2
            at.update((slot.key, (index, row - middle)) for row, slot in enumerate(column))


def _levels(
    columns: list[list[Slot]], near: dict[tuple[int, ...], list[tuple[int, ...]]]
) -> dict[tuple[int, ...], float]:
    """How far below the axis each place lies."""
    level: dict[tuple[int, ...], float] = {}
    for column in columns:
        level.update(_stacked(column, [0.0] * len(column)))
    for sweep in range(SWEEPS):
        for column in reversed(columns) if sweep % 2 else columns:
            wished = []
            for slot in column:
                around = [level.get(one, 0.0) for one in near.get(slot.key, ())]
                wished.append(sum(around) / len(around) if around else 0.0)
            level.update(_stacked(column, wished))
    return level


def _stacked(column: list[Slot], wished: list[float]) -> dict[tuple[int, ...], float]:
    """Levels as near to those wished as their order and the room allow (regression under an order, by pooling)."""
    offsets, y = [], 0.0
    for index, slot in enumerate(column):
        y += slot.box.up + (column[index - 1].box.down + APART if index else 0.0)
        offsets.append(y)
    pools: list[tuple[float, float, int]] = []  # of places that touch: what is wished, its weight, how many
    for slot, wish, offset in zip(column, wished, offsets):
        weight = 1.0 if slot.box.width else STRAIGHTER
        pools.append((weight * (wish - offset), weight, 1))
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] >= pools[-1][0] * pools[-2][1]:
            one, other = pools[-2:]
            pools[-2:] = [(one[0] + other[0], one[1] + other[1], one[2] + other[2])]
    starts = [total / weight for total, weight, many in pools for _ in range(many)]
    return {slot.key: start + offset for slot, start, offset in zip(column, starts, offsets)}


def _drawn(
    columns: list[list[Slot]],
    chains: list[list[tuple[int, ...]]],
    level: dict[tuple[int, ...], float],
    place: dict[int, int],
) -> Box:
    """The box: every column in the room that it takes, and the links."""
    x = BETWEEN
    inside: list[Placed] = []
    left: dict[tuple[int, ...], float] = {}
    right: dict[tuple[int, ...], float] = {}
    marks: list[Mark] = []
    goes = {one for chain in chains for one in chain[:-1]}
    for column in columns:
        wide = max((slot.box.width for slot in column), default=0.0)
        for slot in column:
            y = level[slot.key]
            left[slot.key], right[slot.key] = x, x + wide
            if slot.box.width:
                inside.append(Placed(x, y, slot.box))
            if slot.box.width < wide and slot.key in goes:
                marks.append(Path(((x + slot.box.width, y), (x + wide, y))))
        x += wide + BETWEEN
    for chain in chains:
        for one, other in pairwise(chain):
            start = (right.get(one, 0.0), level.get(one, 0.0))
            end = (left.get(other, x), level.get(other, 0.0))
            marks.append(Curve(start, end))
    slots = [slot for column in columns for slot in column]
    up = max((slot.box.up - level[slot.key] for slot in slots), default=1.0)
    down = max((slot.box.down + level[slot.key] for slot in slots), default=1.0)
    return Box(x, max(up, 1.0), max(down, 1.0), tuple(marks), tuple(inside))
