"""Scales for values between any two numbers: where a value stands, and round numbers to write beside."""

from collections.abc import Sequence
from math import ceil, floor, log2, log10
from typing import NamedTuple

from cnnarch.render.numbers import size, tick

__all__ = ["Aspect", "Between", "between"]

MANY = 20  # times the least value, from which a scale is logarithmic
ROOM = 0.05  # of the scale, beyond the outermost values
MOST_TICKS = 6


class Aspect(NamedTuple):
    """What is drawn along an axis: its title, the unit (`""` or `bytes`), and whether more of it is better."""

    title: str
    unit: str = ""
    more: bool = False


class Between(NamedTuple):
    """From `low` to `high`, which are logarithms to the base 10 on a logarithmic scale."""

    low: float
    high: float
    ticks: tuple[float, ...]
    logarithmic: bool
    unit: str = ""

    def at(self, value: float) -> float:
        """The part of the axis up to a value.

        >>> between([10, 1000]).at(100)
        0.5
        """
        place = log10(value) if self.logarithmic else value
        return (place - self.low) / (self.high - self.low)

    def label(self, value: float) -> str:
        """A round number, as it is written at the axis."""
        if self.unit == "bytes":
            return size(int(value)) if value >= 1 else "0"
        return tick(int(value)) if value == int(value) and value >= 0 else f"{value:g}"


def between(values: Sequence[float], unit: str = "") -> Between:
    """A scale on which all values have their place: logarithmic where the largest is many times the least.

    >>> between([0.25, 0.5, 1]).ticks, between([3_500_000, 61_000_000, 138_000_000]).ticks
    ((0.4, 0.6, 0.8, 1.0), (5000000, 10000000, 20000000, 50000000, 100000000))
    >>> [between([65536, 1048576], "bytes").label(one) for one in between([65536, 1048576], "bytes").ticks]
    ['256 KiB', '512 KiB', '768 KiB', '1 MiB']
    """
    least, most = min(values), max(values)
    if least > 0 and most / least >= MANY:
        low, high = log10(least), log10(most)
        room = ROOM * (high - low)
        return Between(low - room, high + room, _of_logarithms(low - room, high + room, unit), True, unit)
    room = ROOM * (most - least) or abs(most) * ROOM or 1.0
    low, high = least - room, most + room
    return Between(low, high, _evenly(low, high, unit), False, unit)


def _evenly(low: float, high: float, unit: str) -> tuple[float, ...]:
    """Multiples of 1, 2 or 5 times a power of ten, or for bytes of a power of two."""
    wanted = (high - low) / MOST_TICKS
    if unit == "bytes":
        step: float = 2 ** max(ceil(log2(wanted)), 0)
    else:
        power = floor(log10(wanted))
        step = next(_times(one, power) for one in (1, 2, 5, 10) if _times(one, power) >= wanted)
    first, last = ceil(low / step), floor(high / step)
    return tuple(_round(number * step) for number in range(first, last + 1) if number * step >= 0 or low < 0)


def _of_logarithms(low: float, high: float, unit: str) -> tuple[float, ...]:
    """Powers of ten, with 2 and 5 times them if these are few; or for bytes powers of two."""
    if unit == "bytes":
        first, last = ceil(low / log10(2)), floor(high / log10(2))
        step = ceil((last - first + 1) / MOST_TICKS)
        return tuple(_times(2**one, 0) if one >= 0 else 2.0**one for one in range(first, last + 1) if one % step == 0)
    powers = range(floor(low), ceil(high) + 1)
    for times in ((1, 2, 5), (1, 3), (1,)):
        found = [_times(one, power) for power in powers for one in times if low <= log10(one) + power <= high]
        if len(found) <= MOST_TICKS:
            return tuple(found)
    step = ceil(len(found) / MOST_TICKS)
    return tuple(_times(1, power) for power in powers if low <= power <= high and power % step == 0)


def _times(one: int, power: int) -> float:
    """A digit times a power of ten, whole where it is."""
    return one * 10**power if power >= 0 else _round(one / 10**-power)


def _round(value: float) -> float:
    """Without the last digits, which come of adding steps; whole numbers keep all."""
    return value if isinstance(value, int) else float(f"{value:.12g}")
