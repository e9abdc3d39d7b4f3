"""Scales, ticks and axes: where a number stands, and which numbers are written beside."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from math import log10
from typing import NamedTuple, Protocol

from cnnarch.render.figure import svg
from cnnarch.render.numbers import size, tick

__all__ = ["Linear", "Logarithmic", "Scale", "across", "decades", "linear", "skyline", "upright"]

THIN = 4.0  # bars of less width
MOST_TICKS = 5  # steps on a linear axis
LABEL = 10.0  # the size of the letters of class `label`
APART = 6.0  # from an axis to its numbers, and between two numbers


class Scale(Protocol):
    """Which numbers are marked on an axis, and where a number stands."""

    @property
    def ticks(self) -> tuple[int, ...]: ...

    def at(self, value: int) -> float: ...


class Linear(NamedTuple):
    """From 0 to `top`."""

    top: int
    ticks: tuple[int, ...]

    def at(self, value: int) -> float:
        """The part of the axis that a number takes.

        >>> linear(400).at(100)
        0.25
        """
        return value / self.top


class Logarithmic(NamedTuple):
    """From one power of ten to another, `low` and `high` being the exponents."""

    low: int
    high: int

    @property
    def ticks(self) -> tuple[int, ...]:
        return tuple(10**one for one in range(self.low, self.high + 1))

    def at(self, value: int) -> float:
        """The part of the axis up to a number above 0.

        >>> Logarithmic(0, 4).at(100)
        0.5
        """
        return (log10(value) - self.low) / (self.high - self.low)


def linear(most: int, binary: bool = False) -> Linear:
    """A scale from 0 to the largest number, in steps of 1, 2 or 5 times a power of ten; of bytes, of a power of two.

    >>> linear(61_090_496).ticks
    (0, 20000000, 40000000, 60000000)
    >>> [size(one) for one in linear(1_200_000, binary=True).ticks]
    ['0 B', '256 KiB', '512 KiB', '768 KiB', '1 MiB']
    >>> linear(0).ticks, linear(1).ticks, linear(7).ticks
    ((0,), (0, 1), (0, 2, 4, 6))
    """
    step = _power_of_two(most) if binary else _round(most)
    return Linear(max(most, 1), tuple(range(0, most + 1, step)))


def _power_of_two(most: int) -> int:
    """The least power of two that is not smaller than one of MOST_TICKS steps."""
    step = 1
    while step * MOST_TICKS < most:
        step *= 2
    return step


def _round(most: int) -> int:
    """The same of 1, 2 and 5 times a power of ten."""
    power: int = 10 ** max(len(str(most)) - 2, 0)
    return next(one * power for one in (1, 2, 5, 10, 20) if one * power * MOST_TICKS >= most)


def decades(values: Iterable[int]) -> Logarithmic:
    """A scale of whole powers of ten that all numbers lie on; those above 0 count.

    >>> decades([34848, 105415200, 44892064800])
    Logarithmic(low=4, high=11)
    >>> decades([1000]), decades([0])
    (Logarithmic(low=3, high=4), Logarithmic(low=0, high=1))
    """
    found = [value for value in values if value > 0] or [1]
    low, most = len(str(min(found))) - 1, max(found)
    high = len(str(most)) - (most == 10 ** (len(str(most)) - 1))
    return Logarithmic(low, max(high, low + 1))


def upright(scale: Scale, left: float, right: float, bottom: float, height: float, binary: bool = False) -> list[str]:
    """An axis on the left with its numbers, and lines across; numbers that would touch are left out."""
    drawn, last = [], float("inf")
    for value in scale.ticks:
        y = bottom - height * scale.at(value)
        drawn.append(
            svg.element("path", d=f"M{svg.decimal(left)} {svg.decimal(y)}H{svg.decimal(right)}", class_="grid")
        )
        if last - y >= LABEL + 2:
            words = (size if binary else tick)(value) if value else "0"
            drawn.append(svg.text(left - APART, y + 0.35 * LABEL, words, "label quiet", "end"))
            last = y
    return drawn


def across(
    scale: Scale,
    left: float,
    width: float,
    top: float,
    bottom: float,
    above: bool = False,
    show: Callable[[int], str] = tick,
) -> list[str]:
    """An axis below with its numbers, perhaps above too, and lines upwards; where there is no room, fewer numbers."""
    drawn = []
    places = [left + width * scale.at(value) for value in scale.ticks]
    shown = set(_labelled(scale.ticks, places, show))
    for value, x in zip(scale.ticks, places):
        drawn.append(
            svg.element("path", d=f"M{svg.decimal(x)} {svg.decimal(top)}V{svg.decimal(bottom)}", class_="grid")
        )
        if value in shown:
            drawn += [svg.text(x, y, show(value), "label quiet", "middle") for y in [bottom + 14] + [top - 6] * above]
    return drawn


def skyline(tops: Sequence[float], left: float, wide: float, bottom: float) -> str:
    """A line over bars that have no outlines; a fine one over thin bars, which it would hide.

    >>> skyline([40, 20], 0, 6, 50)
    '<path d="M0 50V40H6V20H12V50" class="outline skyline"/>'
    """
    ways = "".join(
        f"V{svg.decimal(top)}H{svg.decimal(left + wide * number)}" for number, top in enumerate(tops, start=1)
    )
    way = f"M{svg.decimal(left)} {svg.decimal(bottom)}{ways}V{svg.decimal(bottom)}"
    return svg.element("path", d=way, class_="outline skyline fine" if wide < THIN else "outline skyline")


def _labelled(values: Sequence[int], places: Sequence[float], show: Callable[[int], str]) -> Sequence[int]:
    """The numbers that get written: all, or those that stand at steps of 1000, or only the first and the last."""
    whole = [value for value in values if len(str(value)) % 3 == 1]
    for tried in (values, whole):
        ends = [(x, svg.text_width(show(value), LABEL) / 2) for value, x in zip(values, places) if value in tried]
        if all(x + half + APART <= y - other for (x, half), (y, other) in pairwise(ends)):
            return tried
    return (values[0], values[-1])
