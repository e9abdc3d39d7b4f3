"""What each place of a layer sees along one axis of an input, path by path."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import NamedTuple, TypeAlias

from cnnarch.layers.field import ALL, GATE, MOST_CELLS, MOVED, NOTHING, PLACES, Reading, Reads, Untold
from cnnarch.shapes import Shape

__all__ = ["Axis", "Followed", "Lost", "Path", "Work", "merged", "read", "whole"]

MOST_PATHS = 16  # none of which is larger than the others at all places
MOST_WORK = 2_000_000  # spans that are made for one network, a second or two

Span: TypeAlias = tuple[int, int]  # the first and the last pixel


class Work:
    """What may still be done for a network: specs are not trusted."""

    def __init__(self) -> None:
        self.left = MOST_WORK

    def take(self, spans: int) -> bool:
        self.left -= spans
        return self.left >= 0


class Path(NamedTuple):
    """The pixels that the places of one path see: place i·n + r those of `spans[r]`, moved on by i·step.

    Pixels below 0, or past the end, are padding; a place that sees nothing has None. Where all places see the same,
    the step is 0.
    """

    spans: tuple[Span | None, ...]
    step: int

    @property
    def size(self) -> int:
        """The pixels that a place sees, at most."""
        return max([span[1] - span[0] + 1 for span in self.spans if span is not None], default=0)

    @property
    def jump(self) -> Fraction:
        return Fraction(self.step, len(self.spans))

    def at(self, place: int) -> Span | None:
        turns, number = divmod(place, len(self.spans))
        span = self.spans[number]
        return span and (span[0] + turns * self.step, span[1] + turns * self.step)

    def over(self, cells: range) -> Span | None:
        """What some places see together. Those after the first turn see the same farther on."""
        turn = len(self.spans)
        if turn == 1:
            span = self.spans[0]
            return (span[0] + cells[0] * self.step, span[1] + cells[-1] * self.step) if span and cells else None
        turn //= gcd(turn, cells.step)
        first = [span for cell in cells[:turn] if (span := self.at(cell)) is not None]
        last = [span for cell in cells[-turn:] if (span := self.at(cell)) is not None]
        return (min(first)[0], max(span[1] for span in last)) if first else None

    def through(self, reads: Reads, work: Work) -> "Path | None":
        """The path through one more layer; None where its places would not repeat soon enough.

        For one window, as in the formula of Araujo et al.: the size grows by (reach − 1)·jump, the jump by the
        stride, and the first pixel moves back by padding·jump.
        """
        cells = reads.cells
        if not self.step:
            return self if all(cells) else Path(tuple([self.spans[0] if cell else None for cell in cells]), 0)
        if len(cells) == 1 and len(self.spans) == 1:
            return Path((self.over(cells[0]),), self.step * reads.step)
        turns = len(self.spans) // gcd(len(self.spans), reads.step)
        many = turns * len(cells)
        if many > MOST_CELLS or not work.take(2 * many * min(reads.widest, len(self.spans))):
            return None
        spans = []
        for turn in range(turns):
            moved = turn * reads.step
            spans += [self.over(range(cell.start + moved, cell.stop + moved, cell.step)) for cell in cells]
        return Path(tuple(spans), turns * reads.step * self.step // len(self.spans))

    def turned(self, places: int) -> tuple[Span | None, ...]:
        """The first so many places, which is a multiple of those that it has."""
        return self.spans if places == len(self.spans) else tuple(map(self.at, range(places)))


class Followed(NamedTuple):
    """An axis of an input, and the axis of a tensor along which places see it.

    `paths` has the largest, and others that may come to be; `unions` what all paths see together, one for each jump.
    """

    along: int
    paths: tuple[Path, ...]
    unions: tuple[Path, ...]
    aligned: bool

    @classmethod
    def first(cls, rank: int) -> "tuple[Axis, ...]":
        """The axes of an input, of which every place sees itself."""
        itself = (Path(((0, 0),), 1),)
        return tuple([cls(axis, itself, itself, True) for axis in range(rank)])

    @property
    def largest(self) -> Path:
        """The largest path; of several as large the first."""
        return self.paths[0] if len(self.paths) == 1 else max(self.paths, key=lambda path: path.size)

    @property
    def together(self) -> int | None:
        """What all paths see, if they go on in the same steps."""
        return self.unions[0].size if len(self.unions) == 1 else None


class Lost(NamedTuple):
    """An axis of an input that is no longer seen along one axis of a tensor.

    `size` is the largest that a place sees, None where that is not known, for a reason; `span` what all places see
    together, if that is known. `before` are the places in their order, and how many there were.
    """

    size: int | None
    span: Span | None
    reason: str = ""
    before: tuple[tuple[int, ...], Followed] | None = None


Axis: TypeAlias = Followed | Lost

TOO_MANY = f"more than {MOST_CELLS:,} places of an axis see pixels in ways of their own, or too many paths differ"
OUT_OF_ORDER = "places that were put in another order are read by windows"
IN_REGIONS = "where regions or windows lie is not told"


def whole(path: Path, length: int) -> bool:
    """Whether all places see all of an axis."""
    return not path.step and all(span is not None and span[0] <= 0 and span[1] >= length - 1 for span in path.spans)


def read(axes: tuple[Axis, ...], reading: Reading, x: Shape, y: Shape, work: Work) -> tuple[Axis, ...] | None:
    """What a layer's output sees of an input of the network, by what the layer's input x sees."""
    if reading == PLACES:
        return axes
    if reading in (NOTHING, GATE):
        return None
    if reading == ALL:
        return tuple([_all(axis, x) for axis in axes])
    if reading == MOVED:
        return tuple([_moved(axis, x, y) for axis in axes])
    if isinstance(reading, Untold):
        return tuple([_untold(axis, x, reading.reason) for axis in axes])
    assert not isinstance(reading, str)
    return _through_all(axes, reading, x, y, work)


def _same_everywhere(axis: Axis) -> bool:
    return isinstance(axis, Followed) and not any(path.step for path in axis.unions)


def _span(axis: Axis, x: Shape) -> Span | None:
    """What all places of a tensor see together."""
    if isinstance(axis, Lost):
        return axis.span
    places = range(x[axis.along]) if axis.along < x.rank else range(1)
    return _hull(path.over(places if path.step else range(len(path.spans))) for path in axis.unions)


def _hull(spans: Iterable[Span | None]) -> Span | None:
    known = [span for span in spans if span is not None]
    return (min(known)[0], max(span[1] for span in known)) if known else None


def _fixed(axis: Axis, span: Span) -> Axis:
    path = (Path((span,), 0),)
    return Followed(0, path, path, axis.aligned if isinstance(axis, Followed) else True)


def _all(axis: Axis, x: Shape) -> Axis:
    """All places are read by each."""
    if _same_everywhere(axis):
        return axis
    span = _span(axis, x)
    if x.regions > 1 or span is None:
        reason = axis.reason if isinstance(axis, Lost) else ""
        return Lost(None, span, reason or IN_REGIONS)
    return _fixed(axis, span)


def _moved(axis: Axis, x: Shape, y: Shape) -> Axis:
    """Places in another order; put back as they were, they are as before."""
    if isinstance(axis, Lost):
        known = axis.before is not None and axis.before[0] == y.spatial and y.regions == 1
        return axis.before[1] if known and axis.before else axis
    if _same_everywhere(axis):
        return axis
    span = _span(axis, x)
    return Lost(axis.largest.size, span, before=(x.spatial, axis) if x.regions == 1 else None)


def _untold(axis: Axis, x: Shape, reason: str) -> Axis:
    return axis if _same_everywhere(axis) else Lost(None, _span(axis, x), reason)


def _through_all(
    axes: tuple[Axis, ...], reading: tuple[Reads | None, ...], x: Shape, y: Shape, work: Work
) -> tuple[Axis, ...]:
    """All axes through windows, or what else goes along axes; what is read in the same way is computed once."""
    found: list[Axis] = []
    for axis in axes:
        last = axes[len(found) - 1] if found else None
        done = found[-1] if found else None
        if (
            type(axis) is type(last) is type(done) is Followed
            and axis.paths is last.paths
            and axis.unions is last.unions
            and y.rank == x.rank
            and reading[axis.along] == reading[last.along]
        ):
            found.append(Followed(axis.along, done.paths, done.unions, axis.aligned))
        else:
            found.append(_through(axis, reading, x, y, work))
    return tuple(found)


def _through(axis: Axis, reading: tuple[Reads | None, ...], x: Shape, y: Shape, work: Work) -> Axis:
    """One axis through windows, or what else goes along axes."""
    if isinstance(axis, Lost):
        return _lost_through(axis, reading, x, y)
    if _same_everywhere(axis) and all(one is None or all(one.cells) for one in reading):
        return axis
    reads = reading[axis.along]
    if reads is None:
        span = _span(axis, x)
        return Lost(None, None, IN_REGIONS) if span is None else _fixed(axis, span)
    along = axis.along if y.rank >= len(reading) else sum(one is not None for one in reading[: axis.along])
    paths = [path.through(reads, work) for path in axis.paths]
    unions = paths if axis.unions is axis.paths else [path.through(reads, work) for path in axis.unions]
    known = tuple([path for path in paths if path is not None])
    together = known if unions is paths else tuple([path for path in unions if path is not None])
    if len(known) < len(paths) or len(together) < len(unions):
        return Lost(None, _span(axis, x), TOO_MANY)
    return Followed(along, known, together, axis.aligned)


def _lost_through(axis: Lost, reading: tuple[Reads | None, ...], x: Shape, y: Shape) -> Lost:
    """Windows on places in an unknown order: what they see is not known, if they read more than one."""
    sizes = zip(reading, x.spatial, y.spatial) if x.rank == y.rank else ()
    covered = x.rank == y.rank and all(one is not None and one.covers(length, places) for one, length, places in sizes)
    span = axis.span if covered else None
    if covered and all(one is not None and one.widest == 1 for one in reading):
        return axis._replace(before=None)
    return Lost(None, span, axis.reason or OUT_OF_ORDER)


def merged(seen: Sequence[tuple[Axis, ...]], lengths: tuple[int, ...], y: Shape) -> tuple[Axis, ...]:
    """What a layer's output sees through any of its inputs."""
    first = seen[0]
    if all(one is first for one in seen):
        return first
    return tuple([_merged([axes[number] for axes in seen], length, y) for number, length in enumerate(lengths)])


def _merged(axes: list[Axis], length: int, y: Shape) -> Axis:
    first = axes[0]
    if all(one is first for one in axes):
        return first
    for one in axes:
        if isinstance(one, Followed) and any(whole(path, length) for path in one.paths):
            path = (next(path for path in one.paths if whole(path, length)),)
            return Followed(0, path, path, True)
    if any(isinstance(one, Lost) for one in axes):
        return _lost(axes, y)
    followed = [one for one in axes if isinstance(one, Followed)]
    along = next((one.along for one in followed if not _same_everywhere(one)), 0)
    if any(one.along != along for one in followed if not _same_everywhere(one)):
        return _lost(axes, y)
    if lcm(*(len(path.spans) for one in followed for path in (*one.paths, *one.unions))) > MOST_CELLS:
        return _lost([*axes, Lost(None, None, TOO_MANY)], y)
    aligned = all(one.aligned for one in followed) and all(
        _agree(followed[0].largest, one.largest) for one in followed[1:]
    )
    paths = _undominated([path for one in followed for path in one.paths])
    if len(paths) > MOST_PATHS:
        return _lost([*axes, Lost(None, None, TOO_MANY)], y)
    unions = paths if aligned and len(paths) == 1 else _united([path for one in followed for path in one.unions])
    return Followed(along, paths, unions, aligned)


def _lost(axes: Iterable[Axis], y: Shape) -> Lost:
    """One of the inputs is not followed; the largest of all, if all are known."""
    sizes, spans, reason = [], [], ""
    for axis in axes:
        sizes.append(axis.size if isinstance(axis, Lost) else axis.largest.size)
        spans.append(_span(axis, y))
        reason = reason or (axis.reason if isinstance(axis, Lost) else "")
    known = [size for size in sizes if size is not None]
    return Lost(max(known) if len(known) == len(sizes) else None, None if None in spans else _hull(spans), reason)


def _turns(one: Path, other: Path) -> int | None:
    """After how many places both repeat; None if they go on in other steps."""
    if one.step * len(other.spans) != other.step * len(one.spans):
        return None
    return lcm(len(one.spans), len(other.spans))


def _agree(one: Path, other: Path) -> bool:
    """Whether places have the same jump and the same centre, as paths of an aligned network have."""
    turns = _turns(one, other)
    if turns is None:
        return False
    pairs = zip(one.turned(turns), other.turned(turns))
    return all(a is not None and b is not None and sum(a) == sum(b) for a, b in pairs)


def _undominated(paths: list[Path]) -> tuple[Path, ...]:
    """Those that may be the largest, here or behind other layers: the rest fit, moved, into one that goes on as it."""
    kept: list[Path] = []
    for path in paths:
        if any(_fits(path, other) for other in kept):
            continue
        kept = [other for other in kept if not _fits(other, path)]
        kept.append(path)
    return tuple(kept)


def _fits(path: Path, other: Path) -> bool:
    """Whether every place of a path sees no more than the same of the other, moved by some number of pixels."""
    turns = _turns(path, other)
    if turns is None:
        return False
    least, most = None, None
    for inner, outer in zip(path.turned(turns), other.turned(turns)):
        if inner is None:
            continue
        if outer is None:
            return False
        low, high = inner[1] - outer[1], inner[0] - outer[0]
        least = low if least is None else max(least, low)
        most = high if most is None else min(most, high)
    return least is None or most is None or least <= most


def _united(paths: list[Path]) -> tuple[Path, ...]:
    """What paths see together, one for each jump."""
    found: list[Path] = []
    for path in paths:
        for number, other in enumerate(found):
            turns = _turns(path, other)
            if turns is not None:
                pairs = zip(path.turned(turns), other.turned(turns))
                found[number] = Path(tuple([_hull(pair) for pair in pairs]), turns * path.step // len(path.spans))
                break
        else:
            found.append(path)
    return tuple(found)
