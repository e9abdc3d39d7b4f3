"""What varies in a search: the choices of every setting, and their product, counted and numbered but never listed."""

from collections.abc import Mapping, Sequence
from math import comb, prod
from typing import Any, NamedTuple, TypeAlias

from cnnarch.errors import Cause, Problem, Span, SpecError
from cnnarch.layers.settings import shown
from cnnarch.spec.expressions import Expression
from cnnarch.spec.settings import settings_of

__all__ = ["Axis", "Choices", "Constraint", "Lists", "Range", "Space"]


class Choices(NamedTuple):
    """A setting with the values that are listed.

    >>> Choices("depth", (18, 34, 50)).at(2)
    50
    """

    name: str
    values: tuple[Any, ...]

    @property
    def size(self) -> int:
        """How many choices there are."""
        return len(self.values)

    def at(self, index: int) -> Any:
        """The choice of a number, from 0 on."""
        return self.values[index]


class Range(NamedTuple):
    """A setting with values from a start in equal steps, in units of a power of ten, so that decimals are exact.

    >>> width = Range("width", start=25, step=25, size=8, scale=100)
    >>> width.at(0), width.at(7)
    (0.25, 2)
    """

    name: str
    start: int
    step: int
    size: int
    scale: int = 1

    def at(self, index: int) -> int | float:
        """The choice of a number, from 0 on; whole where it is."""
        units = self.start + index * self.step
        return units // self.scale if units % self.scale == 0 else units / self.scale


class Lists(NamedTuple):
    """A setting whose value is a list, of which every place is one of `of`; from `least` to `most` places.

    With `ascending`, no value comes before a smaller one. Lists of lists are there too.

    >>> Lists("kernels", Choices("", (3, 5, 7)), 2, 4).size
    117
    >>> Lists("widths", Choices("", (8, 16)), 3, 3, ascending=True).at(1)
    [8, 8, 16]
    """

    name: str
    of: "Choices | Range | Lists"
    least: int
    most: int
    ascending: bool = False

    @property
    def size(self) -> int:
        """How many lists there are."""
        values = self.of.size
        return sum(self._count(places, values) for places in range(self.least, self.most + 1))

    def at(self, index: int) -> list[Any]:
        """The list of a number, from 0 on: short ones first, then in the order of the values."""
        values, places = self.of.size, self.least
        while index >= (count := self._count(places, values)):
            index -= count
            places += 1
        if self.ascending:
            return [self.of.at(number) for number in _ascending(index, places, values)]
        found: list[Any] = []
        for _ in range(places):
            index, number = divmod(index, values)
            found.append(self.of.at(number))
        return found[::-1]

    def _count(self, places: int, values: int) -> int:
        """How many lists of so many places there are of so many values."""
        return _multisets(places, values) if self.ascending else values**places


def _multisets(places: int, values: int) -> int:
    return comb(values + places - 1, places)


def _ascending(index: int, places: int, values: int) -> list[int]:
    """The numbers of the values in the ascending list of a number; the values are halved, never gone through."""
    found: list[int] = []
    first = 0  # the least value that may come
    for left in range(places, 0, -1):
        every = _multisets(left, values - first)
        low, high = first, values - 1
        while low < high:
            middle = (low + high + 1) // 2
            if every - _multisets(left, values - middle) <= index:  # so many begin with less than the middle
                low = middle
            else:
                high = middle - 1
        index -= every - _multisets(left, values - low)
        first = low
        found.append(low)
    return found


Axis: TypeAlias = Choices | Range | Lists


class Constraint(NamedTuple):
    """A condition on what is chosen, and the settings that the spec declares, which it sees where they do not vary."""

    condition: Expression
    place: Span
    settings: Mapping[str, Any]
    places: Mapping[str, Span]

    def holds(self, variant: Mapping[str, Any]) -> bool:
        """Whether it is met, by the settings and sizes of a variant.

        Raises SpecError where it cannot be computed, or is neither true nor false.
        """
        values = {**variant, **settings_of(self.settings, self.places, variant)}
        try:
            met = self.condition.function(values)
            if type(met) is bool:
                return met
            raise Cause(f"true or false is needed, not {shown(met)}")
        except Cause as cause:
            chosen = ", ".join(f"`{name}` = {shown(values[name])}" for name in sorted(self.condition.names))
            raise SpecError([Problem.of(f"{cause.message} in `where`", self.place, f"for {chosen}")]) from None


class Space(NamedTuple):
    """The product of axes, the last varying fastest, and perhaps a constraint, of which the size knows nothing.

    >>> space = Space((Choices("a", (1, 2)), Choices("b", (3, 4, 5))))
    >>> space.size, space.at(4)
    (6, {'a': 2, 'b': 4})
    """

    axes: Sequence[Axis]
    where: Constraint | None = None

    @property
    def size(self) -> int:
        """How many variants there are, those that the constraint forbids among them; it may be any number."""
        return prod(axis.size for axis in self.axes)

    def at(self, index: int) -> dict[str, Any]:
        """The variant of a number, from 0 on."""
        places = []
        for axis in reversed(self.axes):
            index, place = divmod(index, axis.size)
            places.append(place)
        return {axis.name: axis.at(place) for axis, place in zip(self.axes, reversed(places))}

    def allows(self, variant: Mapping[str, Any]) -> bool:
        """Whether a variant meets the constraint, before anything is built; all do where there is none.

        Settings that the variant does not have are as the spec says. Raises SpecError if it cannot be told.
        """
        return self.where is None or self.where.holds(variant)
