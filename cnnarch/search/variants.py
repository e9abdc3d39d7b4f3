"""The variants of a network: which there are, what each measures, and a stretch of them at a time."""

import gc
import pickle
import re
from collections.abc import Iterable, Mapping, Sequence
from threading import local
from time import perf_counter
from typing import Any, NamedTuple

from cnnarch.analysis.figures import FIGURES
from cnnarch.analysis.totals import AtLeast, Totals
from cnnarch.errors import Cause, Problem, ReadError, Source, SpecError
from cnnarch.network import Network
from cnnarch.search.conditions import NotKnown, condition
from cnnarch.search.ranges import to_shape
from cnnarch.search.shuffle import Shuffle
from cnnarch.search.sums.sums import Sums
from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from cnnarch.spec.axes import Axis, Space
from cnnarch.spec.build import MILESTONE, build
from cnnarch.spec.model import Spec

__all__ = ["Chunk", "Failures", "Job", "Measurer", "Row", "measured", "message_of"]

MOST_CAUSES = 20  # that are told apart
SUMS = {*Totals._fields, "weight_memory", "activations"}  # which need no network that is built whole

_OWN = local()


class Row(NamedTuple):
    """A variant: its number in the grid, the values that vary, and its figures; None for what is not known."""

    number: int
    values: tuple[Any, ...]
    figures: tuple[Any, ...]


class Job(NamedTuple):
    """What is to be done, in a form that can be sent to another process or machine.

    `inputs` are the shapes of the spec's inputs, `settings` those that do not vary; of a sample the grid is taken in
    the order of a shuffle by `seed`.
    """

    source: Source
    pages: Mapping[str, Source]
    label: str
    axes: tuple[Axis, ...]
    columns: tuple[str, ...]
    settings: Mapping[str, Any]
    inputs: Mapping[str, Shape]
    where: str = ""
    seed: int | None = None
    batch: int = 1
    dtype: str = "float32"
    limit: int = 1_000_000
    strict: bool = False
    is_space: bool = False  # whether what varies is the spec's own space, with its constraint

    @property
    def names(self) -> tuple[str, ...]:
        """What varies."""
        return tuple(axis.name for axis in self.axes)


class Failures:
    """Variants that cannot be built, by cause: causes that differ only in numbers are one."""

    def __init__(self) -> None:
        self.causes: dict[str, tuple[int, str]] = {}  # how many, and the words of the first
        self.others = 0

    def add(self, message: str, times: int = 1) -> None:
        cause = re.sub(r"-?\d+", "#", message)
        count, first = self.causes.get(cause, (0, message))
        if not count and len(self.causes) >= MOST_CAUSES:
            self.others += times
        else:
            self.causes[cause] = count + times, first

    def join(self, other: "Failures") -> None:
        for count, message in other.causes.values():
            self.add(message, count)
        self.others += other.others

    @property
    def count(self) -> int:
        """How many variants."""
        return self.others + sum(count for count, _ in self.causes.values())


class Chunk(NamedTuple):
    """What a stretch of variants gave: the rows that meet the condition, and what became of the others.

    `stopped` is why the work ended before its time, which it does if invalid variants are not allowed.
    """

    rows: list[Row]
    tried: int
    failures: Failures
    not_met: int
    not_known: int
    not_counted: bool
    seconds: float
    stopped: str = ""


class Measurer:
    """Builds and measures the variants of one job."""

    def __init__(self, job: Job, spec: Spec | None = None) -> None:
        self.job = job
        self.spec = spec or catalog.read_again(job.source, job.pages)
        self.space = Space(job.axes)
        self.order = None if job.seed is None else Shuffle(self.space.size, job.seed)
        self.where = condition(job.where, job.names) if job.where else None
        self.sums = Sums(self.spec) if job.limit >= MILESTONE else None
        self.sums_only = not job.where and bool(job.columns) and SUMS.issuperset(job.columns)
        self.not_counted = False

    def row(self, number: int) -> Row | None:
        """A variant's row; nothing if it does not meet the condition.

        Raises SpecError or ReadError if it cannot be built, NotKnown if a figure of the condition is not known.
        """
        values = self.space.at(number)
        counted = self.counted(values) if self.sums_only else None
        if counted is not None:
            return Row(number, tuple(values.values()), tuple([counted[key] for key in self.job.columns]))
        found = Measured(self, values)
        if self.where is not None and not self._is_met(found):
            return None
        figures = tuple([found[key] for key in self.job.columns])
        if not self.job.columns:
            found.network  # noqa: B018, whether it can be built at all
        return Row(number, tuple(values.values()), figures)

    def counted(self, values: Mapping[str, Any]) -> dict[str, int] | None:
        """All sums of a variant without building it whole; nothing if that cannot be."""
        if self.sums is None:
            return None
        found = self.sums.figures(*self.changes(values), self.job.batch, self.job.dtype)
        if found is not None and type(found["macs"]) is AtLeast:
            self.not_counted = True
        return found

    def _is_met(self, found: "Measured") -> bool:
        assert self.where is not None
        try:
            return bool(self.where.function(found))
        except Cause as cause:
            raise WrongConditionError(f"`--where`: {cause.message}", cause.hint) from None

    def changes(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Shape]]:
        """The settings and inputs of a variant."""
        settings, inputs = dict(self.job.settings), dict(self.job.inputs)
        for name, value in values.items():
            if name in inputs:
                inputs[name] = to_shape(value, inputs[name])
            else:
                settings[name] = value
        return settings, inputs

    def chunk(self, numbers: Iterable[int]) -> Chunk:
        """Measure variants by their numbers."""
        collecting = gc.isenabled()
        gc.disable()  # nothing here makes circles, and looking for them takes as long as all else
        try:
            return self._chunk(numbers)
        finally:
            if collecting:
                gc.enable()

    def _chunk(self, numbers: Iterable[int]) -> Chunk:
        start = perf_counter()
        rows: list[Row] = []
        failures = Failures()
        tried = not_met = not_known = 0
        stopped = ""
        for number in numbers:
            tried += 1
            try:
                row = self.row(number)
            except NotKnown:
                not_known += 1
                continue
            except WrongConditionError:
                raise
            except (SpecError, ReadError, Cause) as error:
                message = message_of(error)
                failures.add(message)
                if self.job.strict:
                    stopped = f"{self._named(number)} cannot be built: {message}"
                    break
                continue
            if row is None:
                not_met += 1
            else:
                rows.append(row)
        return Chunk(rows, tried, failures, not_met, not_known, self.not_counted, perf_counter() - start, stopped)

    def numbers(self, places: Sequence[int]) -> Iterable[int]:
        """The numbers of the variants at places of the order in which they are taken."""
        return places if self.order is None else map(self.order.at, places)

    def _named(self, number: int) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.space.at(number).items())


class WrongConditionError(ReadError):
    """A condition that cannot be computed, which is no variant's fault."""


class Measured(dict[str, Any]):
    """The values of one variant: what varies, and every figure, computed when it is asked for."""

    def __init__(self, of: Measurer, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.of = of
        self.values_given = values
        self._network: Network | None = None

    @property
    def network(self) -> Network:
        """It, built whole."""
        if self._network is None:
            job = self.of.job
            settings, inputs = self.of.changes(self.values_given)
            graph = build(self.of.spec, settings, inputs, job.limit)
            self.of.not_counted |= bool(graph.not_counted)
            self._network = Network(self.of.spec, graph, job.label, job.batch, job.dtype, True, settings)
        return self._network

    def __missing__(self, key: str) -> Any:
        if key not in SUMS or not self._count():
            self[key] = FIGURES[key].of(self.network)
        return self[key]

    def _count(self) -> bool:
        """Try to have all sums without building it whole."""
        found = None if self._network is not None else self.of.counted(self.values_given)
        if found is None:
            return False
        self.update({**found, **self.values_given})  # what varies can have the name of a figure
        return True


def measured(job: bytes, places: Sequence[int], shuffled: bool = True) -> Chunk:
    """Measure the variants at places of a job, which was pickled; what a worker calls."""
    measurer = _measurer(job)
    return measurer.chunk(measurer.numbers(places) if shuffled else places)


def _measurer(job: bytes) -> Measurer:
    """The measurer of a job; each thread has its own, which remembers what it counted."""
    if getattr(_OWN, "job", None) != job:
        _OWN.job, _OWN.measurer = job, Measurer(pickle.loads(job))
    found: Measurer = _OWN.measurer
    return found


def message_of(error: SpecError | ReadError | Cause) -> str:
    if isinstance(error, SpecError):
        problem: Problem = error.problems[0]
        return problem.message
    return error.message if isinstance(error, Cause) else error.problem.message
