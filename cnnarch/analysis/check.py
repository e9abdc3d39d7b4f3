"""Whether a network is what it should be: valid, true to its published figures, within its budget, well made."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from cnnarch.analysis.advice import Finding, findings
from cnnarch.analysis.advice.base import Subject
from cnnarch.analysis.budgets import MAX, MIN, Budget, budgets_of
from cnnarch.analysis.published import Verdict
from cnnarch.analysis.totals import Totals
from cnnarch.errors import Problem, ReadError, Source, SpecError
from cnnarch.shapes import Shape

__all__ = ["Advice", "Checked", "Outcome", "check", "outcomes"]


class Outcome(NamedTuple):
    """A limit beside the figure that it is for; a figure that is not known, for a reason, keeps none."""

    budget: Budget
    value: int | float | None
    reason: str = ""

    @property
    def kept(self) -> bool:
        return self.left is not None and self.left >= 0

    @property
    def left(self) -> int | float | None:
        """How far the figure is from the limit, below zero where it is on the wrong side."""
        if self.value is None:
            return None
        far = self.budget.limit - self.value
        return -far if self.budget.side == MIN else far


class Advice(NamedTuple):
    """Which rules are asked: all or those of `select`, without those of `ignore`; `strict` takes advice for a no."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    strict: bool = False


class Checked(NamedTuple):
    """All that was found out about one spec; `error` if it cannot be read or built."""

    label: str
    source: Source | None = None
    totals: Totals | None = None
    published: tuple[Verdict, ...] = ()
    budgets: tuple[Outcome, ...] = ()
    advice: tuple[Finding, ...] = ()
    strict: bool = False
    error: SpecError | ReadError | None = None

    @property
    def ok(self) -> bool:
        kept = all(one.kept for one in self.published) and all(one.kept for one in self.budgets)
        return self.error is None and kept and not (self.strict and self.advice)


class Checkable(Subject, Protocol):
    """What of a network is checked."""

    @property
    def label(self) -> str: ...

    @property
    def batch(self) -> int: ...

    @property
    def totals(self) -> Totals: ...

    def published(self) -> list[Verdict]: ...

    def at(
        self, batch: int | None = None, dtype: str | None = None, inputs: Mapping[str, Shape] | None = None
    ) -> Any: ...


def check(network: Checkable, budgets: Sequence[Budget] = (), advice: Advice | None = None) -> Checked:
    """Check a network: its published figures, the budget of its spec and others, and without `advice` no rules.

    Raises SpecError where a figure is for an input that the network cannot be built for.

    >>> from cnnarch.analysis.budgets import budget
    >>> from cnnarch.network import load
    >>> check(load("alexnet"), [budget("params", "max", "5M")]).ok  # it has 28,823,912
    False
    """
    spec = network.spec
    own, _ = budgets_of(spec)
    found: list[Finding] = []
    if advice is not None:
        found = findings(network, advice.select, [*advice.ignore, *(one.rule for one in spec.ignored)])
    limits = tuple(outcomes(network, [*budgets, *own]))
    strict = advice is not None and advice.strict
    published = tuple(network.published())
    return Checked(network.label, spec.source, network.totals, published, limits, tuple(found), strict)


def outcomes(network: Checkable, budgets: Sequence[Budget]) -> list[Outcome]:
    """Compare the figures of a network with limits, each on its own conditions; only these figures are computed."""
    built: dict[Any, Any] = {(None, None, ()): network}
    found = []
    for one in budgets:
        batch, dtype, inputs, _, place, _ = one.conditions
        key = (batch, dtype, tuple((inputs or {}).items()))
        if key not in built:
            try:
                built[key] = network.at(batch, dtype, inputs)
            except ReadError as error:  # another number of axes
                raise SpecError([Problem(error.problem.message, place, error.problem.hint)]) from None
        value = one.figure.of(built[key])
        outcome = Outcome(one, value, one.figure.why(built[key]) if value is None else "")
        lacking = built[key].graph.not_counted
        if lacking and outcome.kept == (one.side == MAX):  # more would tip it over a most, and may reach a least
            outcome = Outcome(one, None, f"{len(lacking)} layer{'s are' if len(lacking) > 1 else ' is'} not counted")
        found.append(outcome)
    return found
