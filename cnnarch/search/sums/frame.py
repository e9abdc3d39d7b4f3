"""What parts are counted with: values, names that are looked up, and what was counted before."""

from __future__ import annotations

from typing import Any, TypeAlias

from cnnarch.layers import Layer
from cnnarch.search.sums.counts import Sum
from cnnarch.shapes import Regions, Shape
from cnnarch.spec.expressions import Expression

__all__ = [
    "ARRIVING", "ENTRY", "NO_SLOTS", "Frame", "Kept", "Names", "Result", "Slots", "Uncounted", "Weights", "joined",
    "typed",
]  # fmt: skip

Names: TypeAlias = frozenset[str]
Slots: TypeAlias = dict[str, tuple[int, bool]]  # what has a name that is looked up, and whether only training has it
Result: TypeAlias = tuple[int, Sum, Slots]  # which shapes are given, the sums, and what got a name
Weights: TypeAlias = tuple[Layer, int, tuple[int, ...]]  # a layer's, with the channels that arrive and how many

ARRIVING = ""  # the slot, in a block, of what it is given
ENTRY = "<"  # ends the slot of what was given to a block whose weights another uses
NO_SLOTS: Slots = {}
LONGEST_LIST = 100  # of a setting's values; longer ones take as long to compare as to build
MOST_RESULTS = 100_000  # in about 100 MiB


class Uncounted(Exception):  # noqa: N818, it is no error: the network is built whole, which says what it is
    """What is not counted this way, or is a mistake."""


class Kept:
    """What was counted before, for parts and what they were counted on, by numbers.

    `x` is always the number of the shapes that arrive, so that almost all that is kept is numbers, which are
    quickly compared, and which Python's collector of garbage leaves out.
    """

    def __init__(self) -> None:
        self.results: dict[Any, Result] = {}
        self.shapes: list[tuple[Shape, ...]] = []
        self.numbers: dict[tuple[Shape, ...], int] = {}
        self.parts = 0

    def number(self, shapes: tuple[Shape, ...]) -> int:
        number = self.numbers.get(shapes)
        if number is None:
            number = self.numbers[shapes] = len(self.shapes)
            self.shapes.append(shapes)
        return number

    def number_of_part(self) -> int:
        self.parts += 1
        return self.parts

    def make_room(self) -> None:
        """Forget all, between two variants, where it is much."""
        if len(self.results) + len(self.shapes) > MOST_RESULTS:
            self.results.clear()
            self.shapes.clear()
            self.numbers.clear()


class Frame:
    """What a block or the whole spec is counted with: values, what makes them alike, and what has a name.

    `of_spec` are the spec's own settings and what makes these alike, which a block sees beside its own.
    """

    __slots__ = ("kept", "keys", "of_spec", "slots", "trace", "training", "values")

    def __init__(
        self,
        kept: Kept,
        values: dict[str, Any],
        keys: dict[str, Any],
        of_spec: tuple[dict[str, Any], dict[str, Any]],
        training: bool = False,
    ) -> None:
        self.kept = kept
        self.values = values
        self.keys = keys
        self.of_spec = of_spec
        self.training = training
        self.slots: Slots = {}
        self.trace: list[Weights] | None = None  # if it is there, every layer is gone through and notes its weights

    def value(self, expression: Expression, x: int) -> Any:
        if "x" in expression.names:
            shapes = self.kept.shapes[x]
            self.values["x"] = shapes[0] if len(shapes) == 1 else list(shapes)
        return expression.function(self.values)


def typed(value: Any) -> Any:
    """What is equal only for values that are the same: 1, 1.0 and true are not."""
    kind = type(value)
    if kind is int or kind is str:
        return value
    if kind in (list, tuple) and len(value) <= LONGEST_LIST:
        return (kind.__name__, *map(typed, value))
    if kind in (float, bool, Shape, Regions):
        return (kind.__name__, repr(value))
    raise Uncounted


def joined(written: Slots, more: Slots, frame: Frame) -> Slots:
    """What two parts in a row gave names to; a name is given once."""
    if not more:
        return written
    if not written.keys().isdisjoint(more):
        raise Uncounted
    frame.slots.update(more)
    return {**written, **more} if written else more
