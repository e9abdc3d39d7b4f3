"""What varies in a search: the choices of every setting, and their product, counted and numbered but never listed."""

from collections.abc import Sequence
from math import comb, prod
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Axis", "Choices", "Lists", "Range", "Space"]


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

    With `ascending`, no value comes before a smaller one.

    >>> Lists("kernels", Choices("", (3, 5, 7)), 2, 4).size
    117
    >>> Lists("widths", Choices("", (8, 16)), 3, 3, ascending=True).at(1)
    [8, 8, 16]
    """

    name: str
    of: "Choices | Range"
    least: int
    most: int
    ascending: bool = False

    @property
    def size(self) -> int:
        """How many lists there are."""
        return sum(self._count(places, self.of.size) for places in range(self.least, self.most + 1))

    def at(self, index: int) -> list[Any]:
        """The list of a number, from 0 on: short ones first, then in the order of the values."""
        places = self.least
        while index >= self._count(places, self.of.size):
            index -= self._count(places, self.of.size)
            places += 1
        found: list[Any] = []
        first = 0  # the least value that may come
        while places:
            places -= 1
            while index >= (count := self._count(places, self.of.size - (first if self.ascending else 0))):
                index -= count
                first += 1
            found.append(self.of.at(first))
            first = first if self.ascending else 0
        return found

    def _count(self, places: int, values: int) -> int:
        """How many lists of so many places there are of so many values."""
        return comb(values + places - 1, places) if self.ascending else values**places


Axis: TypeAlias = Choices | Range | Lists


class Space(NamedTuple):
    """The product of axes, the last varying fastest.

    >>> space = Space((Choices("a", (1, 2)), Choices("b", (3, 4, 5))))
    >>> space.size, space.at(4)
    (6, {'a': 2, 'b': 4})
    """

    axes: Sequence[Axis]

    @property
    def size(self) -> int:
        """How many variants there are; it may be any number."""
        return prod(axis.size for axis in self.axes)

    def at(self, index: int) -> dict[str, Any]:
        """The variant of a number, from 0 on."""
        found = {}
        for axis in reversed(self.axes):
            index, place = divmod(index, axis.size)
            found[axis.name] = axis.at(place)
        return dict(reversed(found.items()))
