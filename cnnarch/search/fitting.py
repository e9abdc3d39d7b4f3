"""The largest value of a setting with which a network stays within its limits, by bisection."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from cnnarch.analysis.budgets import Budget
from cnnarch.analysis.check import Outcome, outcomes
from cnnarch.errors import Cause, ReadError, SpecError
from cnnarch.layers.settings import LARGEST_COUNT
from cnnarch.search.variants import Failures, Job, Measured, Measurer, message_of
from cnnarch.spec.axes import Axis, Range
from cnnarch.spec.build import build

__all__ = ["Break", "Fit", "Try", "fit"]

PROBES = 33  # values, evenly spread, at which figures are looked at before the bisection
MOST_TRIED = 20_000  # values that are all tried where a figure is not monotone
NEAR = 64  # values beside one that cannot be built, which are tried in its place
FRACTION = 100  # a setting that has a fraction is looked for in hundredths


class Try(NamedTuple):
    """A value that was tried: its place on the axis, and what was found for every limit."""

    place: int
    value: Any
    outcomes: Sequence[Outcome]

    @property
    def kept(self) -> bool:
        """Whether it is within all limits."""
        return all(one.kept for one in self.outcomes)


class Break(NamedTuple):
    """Where a figure that rises, or falls, turns: two values that were tried one after the other."""

    key: str
    before: Try
    after: Try


class Fit(NamedTuple):
    """What was found: the largest value within all limits, if there is one, and the next that was tried.

    `breaks` are where figures are not monotone, the first for each. `every` says that all values were tried, which is
    certain; otherwise figures are taken to be monotone between those that were. `failures` are those of the `tried`
    that cannot be built.
    """

    axis: Axis
    best: Try | None
    next: Try | None
    breaks: list[Break]
    every: bool
    tried: int
    failures: Failures


def fit(job: Job, limits: Sequence[Budget], axis: Axis | None = None) -> Fit:
    """Find the largest value of an axis, or of the setting that varies in the job, with which all limits are kept.

    Without an axis, whole numbers are tried from 1 up, and hundredths if the setting has a fraction. Where a figure is
    not monotone all values are tried, unless they are too many.

    Raises ReadError if a figure is not known, or the setting is no number.
    """
    return _Search(job, limits, axis).found()


class _Search:
    def __init__(self, job: Job, limits: Sequence[Budget], axis: Axis | None) -> None:
        self.limits = limits
        self.measurer = Measurer(job)
        self.name = job.names[0]
        self.tries: dict[int, Try | None] = {}
        self.failures = Failures()
        self.axis: Axis = axis or self._upwards()

    def found(self) -> Fit:
        size = self.axis.size
        places = sorted({number * (size - 1) // (PROBES - 1) for number in range(PROBES)})
        near = [self._near(place, 0, size) for place in places]
        probes = sorted({one.place: one for one in near if one is not None}.values(), key=lambda one: one.place)
        kept = [one.place for one in probes if one.kept]
        if _breaks(probes) and size <= MOST_TRIED:
            self._tried(range(size))
        elif kept:
            self._bisect(kept[-1], next((one.place for one in probes if one.place > kept[-1]), size), True)
        elif probes:
            self._bisect(-1, probes[0].place, False)  # what is below it could not be built where it was tried
        tried = [one for _, one in sorted(self.tries.items()) if one is not None]
        best = next((one for one in reversed(tried) if one.kept), None)
        over = next((one for one in tried if best is None or one.place > best.place), None)
        return Fit(self.axis, best, over, _breaks(tried), len(self.tries) == size, len(self.tries), self.failures)

    def _tried(self, places: Sequence[int]) -> list[Try]:
        return [one for one in map(self._try, places) if one is not None]

    def _try(self, place: int) -> Try | None:
        """A value with its figures; nothing if the network cannot be built with it."""
        if place not in self.tries:
            self.tries[place] = self._measured(place)
        return self.tries[place]

    def _measured(self, place: int) -> Try | None:
        value = self.axis.at(place)
        try:
            found = outcomes(Measured(self.measurer, {self.name: value}).network, self.limits)
        except (SpecError, ReadError, Cause) as error:
            self.failures.add(message_of(error))
            return None
        for one in found:
            if one.value is None:
                raise ReadError(f"{one.budget.figure.key} is not known with {self.name}={value}: {one.reason}")
        return Try(place, value, found)

    def _near(self, place: int, first: int, end: int) -> Try | None:
        """A value, or the nearest beside it with which the network can be built, from a place on to an end."""
        near = range(max(first, place - NEAR), min(end, place + NEAR))
        nearest = [one for _, one in sorted((abs(one - place), one) for one in near)]
        return next((one for one in map(self._try, nearest) if one is not None), None)

    def _bisect(self, low: int, high: int, kept: bool) -> None:
        """Between a place that is kept, or that cannot be built, and one that is not kept, or the end."""
        while high - low > 1:
            middle = (low + high) // 2
            found = self._near(middle, low + 1, high)
            if found is None:
                low, high = (low, middle) if kept else (middle, high)
            else:
                kept |= found.kept
                low, high = (found.place, high) if found.kept else (low, found.place)

    def _upwards(self) -> Range:
        """From 1 up to the first power of two with which a limit is not kept, or nothing can be built any more.

        Where larger values come nearer to a limit, as those of a stride, it goes on.
        """
        scale = FRACTION if isinstance(self._own(), float) else 1
        top, missed, fits, built = 1, [0.0], False, False
        while top <= LARGEST_COUNT:
            self.axis = Range(self.name, top, 1, 1)
            found = self._measured(0)
            if found is None:
                if built:
                    break
            elif found.kept:
                fits = True
            else:
                far = [min(one.left or 0.0, 0.0) for one in found.outcomes]
                if fits or (any(missed) and far <= missed):
                    break
                missed = far
            built = built or found is not None
            top *= 2
        self.failures = Failures()
        return Range(self.name, 1, 1, top * scale, scale)

    def _own(self) -> Any:
        """The value that the spec itself has; raises ReadError if it is no number."""
        spec, name = self.measurer.spec, self.name
        value = spec.settings.get(name)
        if name in self.measurer.job.inputs:
            value = self.measurer.job.inputs[name][0]
        elif "." in name:
            layer, _, setting = name.rpartition(".")
            job = self.measurer.job
            graph = build(spec, {**job.settings, name: 1}, job.inputs, job.limit)
            value = graph.changes[layer][setting][0]
        if type(value) not in (int, float):
            raise ReadError(f"it is not known over which values `{name}` varies", f"as in `--vary {name}=1:512`")
        return value


def _breaks(tried: Sequence[Try]) -> list[Break]:
    """For every limited figure, the first place at which it turns from rising to falling, or the other way."""
    found = []
    for number, limit in enumerate(tried[0].outcomes if tried else ()):
        rises: bool | None = None
        for before, after in pairwise(tried):
            one, two = before.outcomes[number].value, after.outcomes[number].value
            if one is None or two is None or one == two:
                continue
            if rises is not None and rises != (two > one):
                found.append(Break(limit.budget.figure.key, before, after))
                break
            rises = two > one
    return found
