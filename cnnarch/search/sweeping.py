"""A sweep: the variants of a network, all of a grid or a sample of it, as they are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from cnnarch import network
from cnnarch.analysis.figures import FIGURES
from cnnarch.errors import Cause, Problem, ReadError, SpecError, listed, suggestion
from cnnarch.search.conditions import NotKnown
from cnnarch.search.ranges import axis
from cnnarch.search.running import Allowed, Places, Work, run
from cnnarch.search.variants import Chunk, Failures, Job, Measurer, Row
from cnnarch.shapes import Shape
from cnnarch.spec.axes import Axis, Choices
from cnnarch.spec.build import LAYER_LIMIT, build
from cnnarch.spec.model import Spec

__all__ = ["COLUMNS", "Sweep", "prepare", "sweep"]

COLUMNS = ("params", "macs")
MOST = 10**10  # variants of one sweep: a day of a large cluster


class Sweep:
    """The variants of a network; iterate over it for a dict of each, in the order of the grid or of the sample.

    `count` is how many variants are tried; after they were, `tried`, `failures`, `not_met` and `not_known` say what
    became of those that gave no row.
    """

    def __init__(self, job: Job, measurer: Measurer, sample: int | None) -> None:
        self.job = job
        self.measurer = measurer
        self.size = measurer.space.size
        self.sample = sample
        self.count = self.size if sample is None else min(sample, self.size)
        self.tried = self.shown = self.not_met = self.not_known = 0
        self.failures = Failures()
        self.not_counted = False
        space = measurer.spec.space
        self.constraint = space.where if space is not None and job.is_space else None
        self.allowed: Allowed | None = None
        self.executor: Callable[[], Executor] | None = None
        self.workers = 1
        self.ordered = True

    def use(self, executor: Callable[[], Executor], workers: int) -> None:
        """Let so many workers of an executor do the work; it is made when it begins, and anew if they die."""
        self.executor, self.workers = executor, workers

    @property
    def keys(self) -> tuple[str, ...]:
        """What a row has, after the number of its variant: what varies, then figures."""
        return (*self.job.names, *self.job.columns)

    def work(self, start: int = 0) -> Work:
        """What is to be done from a place of the order on; a constraint is asked before anything is built."""
        if self.constraint is None:
            return Places(start, self.count)
        self.allowed = Allowed(self.measurer, self.allows, self.sample)
        self.allowed.skip(start)
        return self.allowed

    def allows(self, number: int) -> bool:
        """Whether the space of the spec allows a variant."""
        return self.constraint is None or self.constraint.holds({**self.job.settings, **self.measurer.space.at(number)})

    @property
    def refused(self) -> int:
        """How many variants the space of the spec did not allow."""
        return self.allowed.refused if self.allowed is not None else 0

    def chunks(self, start: int = 0) -> Iterator[Chunk]:
        """Measure variants from a place of the order on, a stretch at a time, and keep count of them."""
        self.tried = self.shown = self.not_met = self.not_known = 0
        self.failures, self.not_counted = Failures(), False
        for chunk in run(self.job, self.work(start), self.measurer, self.executor, self.workers, self.ordered):
            self.tried += chunk.tried
            self.shown += len(chunk.rows)
            self.not_met += chunk.not_met
            self.not_known += chunk.not_known
            self.not_counted |= chunk.not_counted
            self.failures.join(chunk.failures)
            yield chunk
            if chunk.stopped:
                hint = "without `--strict` such variants are counted and left out"
                raise SpecError([Problem.of(chunk.stopped, hint=hint)])

    def row(self, number: int) -> Row | None:
        """The row of one variant; nothing if it does not meet the condition, or cannot be built."""
        try:
            return self.measurer.row(number)
        except (NotKnown, SpecError, ReadError):
            return None

    def place(self, number: int) -> int:
        """Where a variant stands in the order in which they are tried; raises ValueError if there is none."""
        if not 0 <= number < self.size:
            raise ValueError(number)
        order = self.measurer.order
        return number if order is None else order.place(number)

    def rows(self, start: int = 0) -> Iterator[Row]:
        for chunk in self.chunks(start):
            yield from chunk.rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in self.rows():
            yield dict(zip(self.keys, (*row.values, *row.figures)))


def sweep(
    spec: str,
    vary: Mapping[str, Iterable[Any] | str] | Sequence[str],
    columns: Sequence[str] = COLUMNS,
    where: str = "",
    *,
    sample: int | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    inputs: Shape | Mapping[str, Shape] | None = None,
    batch: int = 1,
    dtype: str = "float32",
    limit: int = LAYER_LIMIT,
    strict: bool = False,
    executor: Executor | Callable[[], Executor] | None = None,
    workers: int | None = None,
    ordered: bool = True,
) -> Sweep:
    """Measure the variants of a network over a grid, or a `sample` of it without repetition.

    `vary` has the values of settings, inputs (sizes or shapes) and settings of layers, or texts as the command line's:
    `["width=0.25:2:0.25"]`; if it is empty, the spec's own `space` is what varies. `columns` are figures. With an
    `executor` of `concurrent.futures`, or a function that makes one, work goes out to its `workers`; `ordered` says
    whether results keep the order.

    >>> for variant in sweep("alexnet", {"classes": [10, 100], "conv1.stride": [4, 2]}, ["params"]):
    ...     print(variant)
    {'classes': 10, 'conv1.stride': 4, 'params': 24767882}
    {'classes': 10, 'conv1.stride': 2, 'params': 87682442}
    {'classes': 100, 'conv1.stride': 4, 'params': 25136612}
    {'classes': 100, 'conv1.stride': 2, 'params': 88051172}

    Raises ReadError and SpecError for what does not exist, and for a mistake in the condition `where`. Variants that
    cannot be built are counted in `failures`; with `strict` the first of them is an error.
    """
    job, read = prepare(
        spec, vary, columns, where, sample=sample, seed=seed, settings=settings, inputs=inputs, batch=batch,
        dtype=dtype, limit=limit, strict=strict,
    )  # fmt: skip
    found = plan(job, read, sample)
    found.ordered = ordered
    if executor is not None:
        make = executor if not isinstance(executor, Executor) else lambda: executor
        found.use(make, workers or int(getattr(executor, "_max_workers", 1)))
    return found


def prepare(
    spec: str,
    vary: Mapping[str, Iterable[Any] | str] | Sequence[str],
    columns: Sequence[str] = COLUMNS,
    where: str = "",
    *,
    sample: int | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    inputs: Shape | Mapping[str, Shape] | None = None,
    batch: int = 1,
    dtype: str = "float32",
    limit: int = LAYER_LIMIT,
    strict: bool = False,
) -> tuple[Job, Spec]:
    """Read a spec and what varies of it, as a job; raises as `sweep` does."""
    for key in columns:
        if key not in FIGURES:
            hint = suggestion(key, list(FIGURES)) or f"there are {listed(FIGURES, len(FIGURES))}"
            raise ReadError(f"there is no figure `{key}`", hint, FIGURES)
    read, shapes = network.read(spec, inputs)
    given = dict(read.inputs) | dict(shapes or {})
    if isinstance(vary, Mapping):
        axes = tuple(_axis(name, values, tuple(given)) for name, values in vary.items())
    else:
        axes = tuple(axis(text, tuple(given)) for text in vary)
    is_space = not axes and read.space is not None
    if read.space is not None and is_space:
        fixed = {**(settings or {}), **(shapes or {})}
        axes = tuple(one for one in read.space.axes if one.name not in fixed)
    order = seed if sample is not None else None
    job = Job(
        read.source, read.pages, spec, axes, tuple(columns), settings or {}, given, where=where, seed=order,
        batch=batch, dtype=dtype, limit=limit, strict=strict, is_space=is_space,
    )  # fmt: skip
    _check_names(job, read)
    return job, read


def plan(job: Job, spec: Spec, sample: int | None = None) -> Sweep:
    """A sweep that is ready to run; whatever is wrong with all variants alike is told now: raises as `sweep` does."""
    if spec.problems:
        raise SpecError(spec.problems)
    for key in job.columns:
        if key in job.names:
            raise ReadError(f"`{key}` is a figure and a setting of {job.label}", "leave it out of the columns")
    measurer = Measurer(job, spec)
    if sample is None and measurer.space.size > MOST:
        raise ReadError(
            f"{_large(measurer.space.size)} variants are too many to try them all", "`--sample 1000` tries some of them"
        )
    _check_layers(measurer)
    return Sweep(job, measurer, sample)


def _axis(name: str, values: Iterable[Any] | str, inputs: tuple[str, ...]) -> Axis:
    if isinstance(values, str):
        return axis(f"{name}={values}", inputs)
    found = tuple(values)
    if not found:
        raise ReadError(f"`{name}` has no values to vary over")
    return Choices(name, found)


def _check_names(job: Job, spec: Spec) -> None:
    """What varies has to be there, and to vary once."""
    if not job.axes:
        hint = f"`--vary {next(iter(spec.settings), 'input')}=...`: it has {listed([*spec.settings, *job.inputs])}"
        raise ReadError("nothing varies", hint)
    for number, name in enumerate(job.names):
        if name in job.names[:number]:
            raise ReadError(f"`{name}` varies twice", "write all its values in one `--vary`")
        if name in job.settings:
            raise ReadError(f"`{name}` varies and is set", "leave out its `--set`")
        if name in spec.settings and name in job.inputs:
            raise ReadError(f"`{name}` is a setting and an input of {job.label}", "call one of them otherwise")
        if name not in spec.settings and name not in job.inputs and "." not in name:
            known = [*spec.settings, *job.inputs]
            hint = suggestion(name, known) or f"it has {listed(known)}; a layer's setting is `{name}.stride`"
            raise ReadError(f"{job.label} has no setting `{name}`", hint)


def _check_layers(measurer: Measurer) -> None:
    """Settings of layers have to be there in the first variant, or in the last, or neither can be built."""
    errors = []
    for number in (0, measurer.space.size - 1):
        try:
            settings, inputs = measurer.changes(measurer.space.at(number))
            build(measurer.spec, settings, inputs, measurer.job.limit)
            return
        except (SpecError, Cause):
            return
        except ReadError as error:
            errors.append(error)
    raise errors[0]


def _large(number: int) -> str:
    """A number that can be read, however many digits it has."""
    return f"{number:,}" if number < 10**15 else f"{float(number):.3g}" if number < 10**300 else "more than 10^300"
