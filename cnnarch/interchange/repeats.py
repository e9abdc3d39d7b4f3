"""What comes again in a row of layers: as calls of blocks where the names are ours, and as repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from cnnarch.interchange.blocks import WEIGHTED, Blocks, Key, alike
from cnnarch.interchange.folding import BRANCHES, GROUP, REPEAT, RESIDUAL, Part, spliced, within
from cnnarch.layers import KINDS
from cnnarch.layers.activation import ElementWise
from cnnarch.layers.norm import Scale

__all__ = ["chained", "repeated", "windowed"]

LONGEST_RUN = 24  # parts that come again together
FRAME = 3  # lines that these have to save before it is worth a list of their own


def chained(parts: list[Part], blocks: Blocks) -> list[Part]:
    """Layers with weights, and the normalisation and activation behind each, as calls of blocks."""
    found: list[Part] = []
    for part, straight in zip(parts, _straight(parts)):
        before = found[-1] if found else None
        opened = before is not None and (before.kind == GROUP or (before.kind in WEIGHTED and _fits(before)))
        if before is None or not (opened and straight and _fits(part) and _is_behind(part)):
            found.append(part)
            continue
        if before.kind != GROUP:
            found[-1] = Part(GROUP, before.takes, before.gives, [[before]])
        found[-1].bodies[0].append(part)
        found[-1].gives = part.gives
    return _decided(found, blocks)


def windowed(parts: list[Part], blocks: Blocks) -> list[Part]:
    """Structures that come again as calls of blocks, with the layers around that come with each of them."""
    fit = [_fits(part) for part in parts]
    keys = _numbered([alike([part], part) if one else None for part, one in zip(parts, fit)])
    straight = _straight(parts)
    taken = [False] * len(parts)
    ends: dict[int, int] = {}  # of windows, by their starts
    times = Counter(key for key, part in zip(keys, parts) if key and part.kind in (RESIDUAL, BRANCHES))
    for key, _ in times.most_common():
        starts = [place for place, one in enumerate(keys) if one == key and not taken[place]]
        if len(starts) < 2:
            continue
        before, after = _reach(starts, keys, straight, taken)
        windows = [parts[start - before : start + after] for start in starts]
        if _is_row(windows):
            continue  # a repeat says that
        for start in starts:
            ends[start - before] = start + after
            taken[start - before : start + after] = [True] * (before + after)
    found: list[Part] = []
    place = 0
    while place < len(parts):
        end = ends.get(place, 0)
        if end:
            found.append(Part(GROUP, parts[place].takes, parts[end - 1].gives, [parts[place:end]]))
        else:
            found.append(parts[place])
        place = max(end, place + 1)
    return _decided(found, blocks)


def repeated(parts: list[Part]) -> list[Part]:
    """Layers in a row that are the same as those before, as repeats."""
    for part in parts:
        part.bodies = [repeated(body) for body in part.bodies]
    runs = _Runs(parts)
    found: list[Part] = []
    place = 0
    while place < len(parts):
        length, times, saved = runs.best(place)
        if saved <= runs.best(place + 1)[2]:
            length = times = 1  # better from the next on, or as good
        part = parts[place]
        end = place + length * times
        if length > 1:
            part = Part(REPEAT, part.takes, part.gives, [repeated(parts[end - length : end])])
        part.gives = parts[end - 1].gives
        part.repeat *= times
        found.append(part)
        place = end
    return found


class _Runs:
    """What comes again from a place on."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.keys = _numbered([alike([part], part, values=True) if _fits(part) else None for part in parts])
        self.sizes = [len(list(within([part]))) for part in parts]
        self.straight = _straight(parts)

    def best(self, start: int) -> tuple[int, int, int]:
        """How many parts come again, how often they are there, and how many lines a repeat saves."""
        keys, straight = self.keys, self.straight
        found = (1, 1, 0)
        for length in range(1, min(LONGEST_RUN, (len(keys) - start) // 2) + 1):
            window = keys[start : start + length]
            if 0 in window or not all(straight[start + 1 : start + length]):
                break
            times = 1
            at = start + length
            while keys[at : at + length] == window and all(straight[at : at + length]):
                times, at = times + 1, at + length
            saved = sum(self.sizes[start : start + length]) * (times - 1) - (FRAME if length > 1 else 0)
            if saved > found[2]:
                found = (length, times, saved)
        return found


def _is_row(windows: Sequence[list[Part]]) -> bool:
    """Whether they stand in a row, and are the same."""
    same = {alike(window, window[0], values=True) for window in windows}
    return len(same) == 1 and all(two[0].takes == (one[-1].gives,) for one, two in pairwise(windows))


def _decided(parts: list[Part], blocks: Blocks) -> list[Part]:
    blocks.decide([part for part in parts if part.kind == GROUP], {})
    return spliced(parts)


def _fits(part: Part) -> bool:
    """Whether it takes one tensor, and no name has to be kept."""
    return len(part.takes) == 1 and not any(one.own or one.share for one in within([part]))


def _is_behind(part: Part) -> bool:
    """Whether it belongs to the layer before, as a normalisation and an activation do."""
    cls = KINDS.get(part.kind)
    return cls is not None and (cls.family == "norm" or issubclass(cls, (ElementWise, Scale)))


def _numbered(keys: Sequence[Key]) -> list[int]:
    """A number for each key, equal for equal ones; 0 for none."""
    numbers: dict[Key, int] = {None: 0}
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def _straight(parts: Sequence[Part]) -> list[bool]:
    """Of each part, whether it takes what the part before gives, and nothing else does."""
    uses = Counter(source for part in parts for source in part.takes)
    return [
        place > 0 and part.takes == (parts[place - 1].gives,) and uses[part.takes[0]] == 1
        for place, part in enumerate(parts)
    ]


def _reach(
    starts: Sequence[int], keys: Sequence[int], straight: Sequence[bool], taken: Sequence[bool]
) -> tuple[int, int]:
    """How many layers before each start, and from it on, are alike for all of them."""
    before, after = 0, 1

    def are_alike(offset: int, joint: int) -> bool:
        places = [start + offset for start in starts]
        if places[0] < 0 or places[-1] >= len(keys) or any(taken[place] for place in places):
            return False
        if not all(straight[start + joint] for start in starts):
            return False
        return keys[places[0]] != 0 and len({keys[place] for place in places}) == 1

    gap = min(two - one for one, two in pairwise(starts))
    while before + after < gap and are_alike(after, after):
        after += 1
    while before + after < gap and are_alike(-before - 1, -before):
        before += 1
    return before, after
