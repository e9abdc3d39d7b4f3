"""Which variants are the best: by one figure after another, or none beaten in all of several."""

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from cnnarch.analysis.figures import FIGURES
from cnnarch.errors import ReadError, suggestion
from cnnarch.search.variants import Row

__all__ = ["Best", "Front", "Goal", "goals"]

LEAST, MOST = "min", "max"


class Goal(NamedTuple):
    """A figure that has to be small, or large."""

    key: str
    more: bool

    def cost(self, value: int | float) -> int | float:
        """What is smaller the better."""
        return -value if self.more else value


def goals(text: str, option: str, names: Sequence[str] = ()) -> list[Goal]:
    """Read figures with commas between, each perhaps with `:min` or `:max`; `names` are what varies.

    >>> goals("params,receptive_field,macs:max", "--pareto")
    [Goal(key='params', more=False), Goal(key='receptive_field', more=True), Goal(key='macs', more=True)]

    Raises ReadError for what is no figure.
    """
    found: list[Goal] = []
    for part in text.split(","):
        key, colon, side = part.strip().partition(":")
        if key not in FIGURES and key not in names:
            hint = suggestion(key, [*FIGURES, *names]) or f"figures are {', '.join(FIGURES)}"
            raise ReadError(f"`{option}`: `{key}` is not a figure", hint)
        if colon and side not in (LEAST, MOST):
            raise ReadError(f"`{option}`: `{part.strip()}` is no goal", f"write `{key}:{LEAST}` or `{key}:{MOST}`")
        if key in [goal.key for goal in found]:
            raise ReadError(f"`{option}`: `{key}` stands there twice", "every figure is one goal")
        more = side == MOST if colon else key in FIGURES and FIGURES[key].more_is_better
        found.append(Goal(key, more))
    return found


class _Selection:
    """Rows that were chosen; `missing` are those of which a figure is not known."""

    def __init__(self, goals: Sequence[Goal], names: Sequence[str], columns: Sequence[str]) -> None:
        self.goals = goals
        self.places = [
            (0, names.index(goal.key)) if goal.key in names else (1, columns.index(goal.key)) for goal in goals
        ]
        self.missing = 0

    def values(self, row: Row) -> list[Any]:
        """The row's figures of the goals."""
        parts = (row.values, row.figures)
        return [parts[which][place] for which, place in self.places]

    def costs(self, row: Row) -> tuple[int | float, ...] | None:
        """The same so that less is better; nothing if one is not known."""
        values = self.values(row)
        if any(type(value) is bool or not isinstance(value, (int, float)) for value in values):
            self.missing += 1
            return None
        return tuple([goal.cost(value) for goal, value in zip(self.goals, values)])


class Best(_Selection):
    """The best so many, by the first goal, where that is equal by the next, and then by their numbers."""

    def __init__(self, goals: Sequence[Goal], names: Sequence[str], columns: Sequence[str], top: int) -> None:
        super().__init__(goals, names, columns)
        self.top = top
        self.heap: list[tuple[tuple[int | float, ...], int, Row]] = []  # of negated costs: the worst comes first

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            costs = self.costs(row)
            if costs is None:
                continue
            entry = (tuple([-cost for cost in costs]), -row.number, row)
            if len(self.heap) < self.top:
                heapq.heappush(self.heap, entry)
            elif entry > self.heap[0]:
                heapq.heapreplace(self.heap, entry)

    @property
    def rows(self) -> list[Row]:
        """Them, the best first."""
        return [row for *_, row in sorted(self.heap, reverse=True)]


class Front(_Selection):
    """The Pareto front: variants that no other beats in one goal without being worse in another.

    Of variants that are equal in all goals the one with the least number stands for all.
    """

    def __init__(self, goals: Sequence[Goal], names: Sequence[str], columns: Sequence[str]) -> None:
        super().__init__(goals, names, columns)
        self.found: list[tuple[tuple[int | float, ...], Row]] = []

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            costs = self.costs(row)
            if costs is not None:
                self._put(costs, row) if len(costs) == 2 else self._try(costs, row)

    def _put(self, costs: tuple[int | float, ...], row: Row) -> None:
        """For two goals: the front is a staircase, sorted by the first of them."""
        found = self.found
        place = bisect_right(found, costs, key=_costs)
        if place and found[place - 1][0][1] <= costs[1]:
            self._equal(place - 1, costs, row)
            return
        end = place
        while end < len(found) and found[end][0][1] >= costs[1]:
            end += 1
        found[place:end] = [(costs, row)]

    def _try(self, costs: tuple[int | float, ...], row: Row) -> None:
        """For any number of goals; what beats one variant beats others, and comes to the front of the list."""
        found = self.found
        for place, (theirs, _) in enumerate(found):
            if all(one <= two for one, two in zip(theirs, costs)):
                self._equal(place, costs, row)
                found.insert(0, found.pop(place))
                return
        self.found = [one for one in found if not all(ours <= its for ours, its in zip(costs, one[0]))]
        self.found.append((costs, row))

    def _equal(self, place: int, costs: tuple[int | float, ...], row: Row) -> None:
        theirs, other = self.found[place]
        if theirs == costs and row.number < other.number:
            self.found[place] = costs, row

    @property
    def rows(self) -> list[Row]:
        """Them, by the first goal."""
        return [row for _, row in sorted(self.found, key=lambda one: (one[0], one[1].number))]


def _costs(one: tuple[tuple[int | float, ...], Row]) -> tuple[int | float, ...]:
    return one[0]
