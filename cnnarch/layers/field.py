"""How a place of a layer's output reads the places of its input: what receptive fields are made of."""

from functools import lru_cache
from math import gcd
from typing import NamedTuple, TypeAlias

from cnnarch.shapes import Window

__all__ = [
    "ALL", "GATE", "MOST_CELLS", "MOVED", "NOTHING", "PLACES", "Reading", "Reads", "Untold", "adaptive", "cut",
    "resized", "scattered", "sliding", "spread_over", "transposed",
]  # fmt: skip

PLACES = "places"  # each reads the same place of the input
MOVED = "moved"  # each reads one place of the input, and they stand in another order
ALL = "all"  # each reads all places of its region
NOTHING = "nothing"  # of the input only the size is taken
GATE = "gate"  # one value a channel, by which all places are multiplied

MOST_CELLS = 4096  # that differ in what they read: an axis of which no two places do would take as many as it has


class Reads(NamedTuple):
    """Which places of an axis are read by each place of the output.

    Place i·n + r, of n = len(cells), reads `cells[r]`, each moved on by i·step. Numbers below 0, or past the end, are
    places that padding stands for.

    >>> sliding((Window(3, stride=2, before=1),))
    (Reads(cells=(range(-1, 2),), step=2),)
    """

    cells: tuple[range, ...]
    step: int

    @property
    def widest(self) -> int:
        """How many places any place reads."""
        return max(map(len, self.cells))

    def covers(self, length: int, places: int) -> bool:
        """Whether so many places read every place of an axis; sure only if it says so."""
        if len(self.cells) > 1:
            return False
        first = self.cells[0]
        without_gaps = first.step == 1 and 0 < self.step <= len(first)
        return without_gaps and first.start <= 0 and (places - 1) * self.step + first.stop >= length


class Untold(NamedTuple):
    """What is read is not told by the spec, or would take too much to follow."""

    reason: str


# An axis of which every place reads all has None.
Reading: TypeAlias = str | tuple[Reads | None, ...] | Untold

TOO_MANY = Untold(f"more than {MOST_CELLS:,} places of an axis read in ways of their own")
ONE_TO_ONE = Reads((range(1),), 1)


@lru_cache(maxsize=1024)
def sliding(windows: tuple[Window, ...]) -> Reading:
    """Windows that slide over the input, each the formula of `Window`."""
    axes = tuple(
        Reads((range(-window.before, window.reach - window.before, window.dilation),), window.stride)
        for window in windows
    )
    return PLACES if all(axis == ONE_TO_ONE for axis in axes) else axes


@lru_cache(maxsize=1024)
def transposed(windows: tuple[Window, ...]) -> Reading:
    """Windows that lie on the output: place o takes from input i where i·stride + dilation·t = o + before.

    >>> transposed((Window(4, stride=2, before=1),))  # 0 takes from −1 and 0, 1 from 0 and 1, 2 from 0 + 1 and 1 + 1 …
    (Reads(cells=(range(-1, 1), range(0, 2)), step=1),)
    """
    if any(window.stride > MOST_CELLS for window in windows):
        return TOO_MANY
    return tuple(map(_transposed, windows))


def _transposed(window: Window) -> Reads:
    together = gcd(window.stride, window.dilation)
    turn, gap = window.stride // together, window.dilation // together  # every `turn` cells fall on the same place
    cells = [range(0)] * window.stride  # with a stride over the kernel some take from none
    for first in range(min(turn, window.size)):
        place = (window.dilation * first - window.before) % window.stride
        cell = (place + window.before - window.dilation * first) // window.stride
        many = (window.size - 1 - first) // turn + 1
        cells[place] = range(cell - (many - 1) * gap, cell + 1, gap)
    return Reads(tuple(cells), 1)


def resized(before: tuple[int, ...], after: tuple[int, ...], mode: str) -> Reading:
    """Spatial axes of another size; between pixels as PyTorch does it, whose corners are not aligned.

    >>> resized((2,), (4,), "nearest"), resized((2,), (4,), "bilinear")
    ((Reads(cells=(range(0, 1), range(0, 1)), step=1),), (Reads(cells=(range(-1, 1), range(0, 2)), step=1),))
    """
    axes = []
    for old, new in zip(before, after):
        period = new // gcd(old, new)
        if period > MOST_CELLS:
            return TOO_MANY
        axes.append(Reads(tuple(_resized(place, old, new, mode) for place in range(period)), old // gcd(old, new)))
    return PLACES if before == after else tuple(axes)


def _resized(place: int, old: int, new: int, mode: str) -> range:
    if mode == "nearest":
        return range(place * old // new, place * old // new + 1)
    # The centre of a place of the output, (place + 1/2)·old/new, less the 1/2 by which pixel 0 has its own.
    cell, beside = divmod((2 * place + 1) * old - new, 2 * new)
    if not beside:
        return range(cell, cell + 1)
    return range(cell, cell + 2) if mode == "bilinear" else range(cell - 1, cell + 3)


def adaptive(before: tuple[int, ...], after: tuple[int, ...]) -> Reading:
    """Windows of an adaptive pool: i runs from ⌊i·in/out⌋ to ⌈(i + 1)·in/out⌉; a lone one reads all."""
    axes: list[Reads | None] = []
    for old, new in zip(before, after):
        period = new // gcd(old, new)
        if period > MOST_CELLS:
            return TOO_MANY
        cells = [range(i * old // new, -(-(i + 1) * old // new)) for i in range(period)]
        axes.append(Reads(tuple(cells), old // gcd(old, new)) if new > 1 else None)
    return PLACES if before == after else tuple(axes)


def cut(offsets: tuple[int, ...]) -> Reading:
    """Each axis read from an offset on, below 0 where it is padded."""
    return tuple(Reads((range(offset, offset + 1),), 1) for offset in offsets)


def scattered(rank: int, factor: int) -> Reading:
    """Each place makes several of the output, as many along each axis."""
    return (Reads((range(1),) * factor, 1),) * rank if factor <= MOST_CELLS else TOO_MANY


def spread_over(rank: int) -> Reading:
    """The one place of the input is read by all."""
    return (Reads((range(1),), 0),) * rank
