"""What was checked, as a page and as a record; and as single entries, which other formats share."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from cnnarch.analysis.budgets import MIN
from cnnarch.analysis.check import Checked, Outcome
from cnnarch.analysis.figures import Figure
from cnnarch.analysis.published import Verdict
from cnnarch.errors import Problem, ReadError, Source, Span, SpecError
from cnnarch.render.columns import TITLES
from cnnarch.render.data import VERSION, plain
from cnnarch.render.numbers import decimals, grouped, size
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["Entry", "compared", "entries", "outcome", "page", "problems", "record", "sheet"]


class Entry(NamedTuple):
    """One thing that was checked; `what` is `valid`, `published`, `budget` or `advice`, `name` which of them.

    `text` says what was found, `ok` whether it is well; a `remark` is advice that may be left. `found` is what
    all this is about.
    """

    label: str
    what: str
    name: str
    text: str
    ok: bool
    remark: bool = False
    hint: str = ""
    span: Span | None = None
    source: Source | None = None
    found: Any = None

    @property
    def mark(self) -> str:
        return "advice" if self.remark else "ok" if self.ok else "NO"

    @property
    def failed(self) -> bool:
        """Whether the answer is no, other than by advice."""
        return not self.ok and self.what != "advice"


def entries(one: Checked) -> Iterator[Entry]:
    """Everything that was checked about a spec, in order; a spec that is not valid has one entry."""
    made = Entry(one.label, "valid", "valid", _validity(one), one.error is None, source=one.source, found=one.error)
    yield made
    for limit in one.budgets:
        name = f"{limit.budget.side} {limit.budget.figure.key}{_conditions(limit)}"
        made = made._replace(what="budget", name=name, text=compared(limit), ok=limit.kept)
        yield made._replace(span=limit.budget.span, found=limit)
    for verdict in one.published:
        name = f"published {verdict.claim.key} {verdict.claim.text}"
        made = made._replace(what="published", name=name, text=_verdict(verdict), ok=verdict.kept)
        yield made._replace(span=verdict.claim.span, found=verdict)
    for found in one.advice:
        name = f"{found.code} {found.layer}".rstrip()
        text = f"{name}: {found.message}" if found.layer else f"{name} {found.message}"
        made = made._replace(what="advice", name=name, text=text, ok=not one.strict, remark=not one.strict)
        yield made._replace(hint=found.hint, found=found)


class Row(NamedTuple):
    """A line of the table; a spec's label stands on its first."""

    label: str
    first: bool
    mark: str
    text: str


def page(found: Sequence[Checked], counted: bool = False, remark: str = "") -> Page:
    """What was checked, a line an entry; the published figures that are kept in one, and advice if it is `counted`."""
    columns = [
        Column("network", "network", "the spec", lambda row: row.label, words=lambda row: row.label * row.first,
               wraps=True, breaks="/"),
        Column("ok", "ok", "whether it is well", lambda row: row.mark),
        Column("found", "found", "what was found", lambda row: row.text, wraps=True),
    ]  # fmt: skip
    made: Page = [Sheet(columns, [row for one in found for row in _rows(one, counted)], header=False)]
    advised = sum(bool(one.advice) for one in found)
    if counted and advised:
        many = sum(len(one.advice) for one in found)
        made.append(Line(f"{_many(many, 'finding')} in {_many(advised, 'network')}: `cnnarch check NAME` shows them"))
    elif advised:
        made.append(Line("`cnnarch rules CODE` tells what advice is about; `--ignore CODE` leaves it out", "aside"))
    return [*made, Line(remark, "aside")] if remark else made


def _rows(one: Checked, counted: bool) -> list[Row]:
    every = list(entries(one))
    lines = [(entry.mark, entry.text) for entry in every if entry.what == "budget" or entry.failed]
    if one.error is None:
        kept = sum(verdict.kept for verdict in one.published)
        said = [f"{_many(kept, 'published figure')} kept"] if kept else []
        said += [_many(len(one.advice), "finding")] if counted and one.advice else []
        if said or not lines:
            lines.append(("NO" if counted and one.strict and one.advice else "ok", ", ".join(said) or "valid"))
    if not counted:
        lines += [(entry.mark, entry.text) for entry in every if entry.what == "advice"]
    return [Row(one.label, number == 0, *line) for number, line in enumerate(lines)]


DATA = (
    Column("network", "network", "the spec", lambda entry: entry.label),
    Column("check", "check", "what is checked: valid, budget, published, advice", lambda entry: entry.what),
    Column("name", "name", "which of them", lambda entry: entry.name),
    Column("ok", "ok", "whether it is well", lambda entry: entry.ok, holds="yes"),
    Column("value", "value", "the figure", lambda entry: getattr(entry.found, "value", None), holds="number?"),
    Column(
        "limit",
        "limit",
        "the most, or the least, that it may be",
        lambda entry: _of_limit(entry, "limit"),
        holds="number?",
    ),
    Column("left", "left", "how far it is from that", lambda entry: _of_limit(entry, "left"), holds="number?"),
    Column("line", "line", "where it stands", lambda entry: entry.span.line if entry.span else None, holds="whole?"),
    Column("found", "found", "what was found", lambda entry: entry.text),
)


def sheet(found: Sequence[Checked]) -> Sheet:
    """Everything that was checked, a row an entry, for CSV."""
    return Sheet(DATA, [entry for one in found for entry in entries(one)])


def _of_limit(entry: Entry, what: str) -> Any:
    if not isinstance(entry.found, Outcome):
        return None
    return entry.found.left if what == "left" else entry.found.budget.limit


def record(found: Sequence[Checked]) -> dict[str, Any]:
    return {"version": VERSION, "ok": all(one.ok for one in found), "networks": [_check(one) for one in found]}


def _check(one: Checked) -> dict[str, Any]:
    return {
        "network": one.label,
        "ok": one.ok,
        "valid": one.error is None,
        "problems": [
            {"message": problem.message, "hint": problem.hint, **_place(problem.span)} for problem in problems(one)
        ],
        "published": [
            {"figure": verdict.claim.key, "published": verdict.claim.text, "value": verdict.value,
             "kept": verdict.kept, "source": verdict.claim.source}
            for verdict in one.published
        ],
        "limits": [outcome(limit) for limit in one.budgets],
        "advice": [found._asdict() for found in one.advice],
        "totals": one.totals._asdict() if one.totals else None,
    }  # fmt: skip


def outcome(one: Outcome) -> dict[str, Any]:
    """A figure and its limit as data."""
    limit, conditions = one.budget, one.budget.conditions
    return {
        "figure": limit.figure.key,
        "unit": limit.figure.unit,
        "most": None if limit.side == MIN else limit.limit,
        "least": limit.limit if limit.side == MIN else None,
        "value": one.value,
        "kept": one.kept,
        "left": one.left,
        "batch": conditions.batch,
        "dtype": conditions.dtype,
        "input": plain(conditions.inputs),
        **_place(limit.span),
    }


def _place(span: Span | None) -> dict[str, Any]:
    if span is None:
        return {"file": None, "line": None, "column": None}
    return {"file": span.source.name, "line": span.line, "column": span.column}


def problems(one: Checked) -> list[Problem]:
    """What is wrong with a spec that is not valid."""
    if isinstance(one.error, SpecError):
        return one.error.problems
    return [one.error.problem] if one.error is not None else []


def _validity(one: Checked) -> str:
    if one.error is None:
        return "valid"
    if isinstance(one.error, ReadError):
        return "cannot be read"
    span = one.error.problems[0].span
    return f"invalid: {_many(len(one.error.problems), 'mistake')}, the first on line {span.line if span else 1}"


def _verdict(one: Verdict) -> str:
    return f"{TITLES[one.claim.key]} {grouped(one.value)} published as {one.claim.text}"


def compared(one: Outcome) -> str:
    """A figure beside its limit: `peak 1.20 MiB > 512 KiB by 716.80 KiB`, `params 4,000 ≤ 5,000, 1,000 left`."""
    least, figure, limit = one.budget.side == MIN, one.budget.figure, one.budget.limit
    shown = one.budget.text or _amount(limit, figure)
    if one.value is None or one.left is None:
        reason = f" ({one.reason})" if one.reason else ""
        return f"{figure.title} is not known{reason}, so it cannot be compared with {shown}{_conditions(one)}"
    start = f"{figure.title} {_amount(one.value, figure)}"
    far = _amount(abs(one.left), figure)
    if not one.kept:
        return f"{start} {'<' if least else '>'} {shown} by {far}{_conditions(one)}"
    return f"{start} {'≥' if least else '≤'} {shown}, {far} {'more' if least else 'left'}{_conditions(one)}"


def _amount(value: float, figure: Figure) -> str:
    if figure.unit == "bytes":
        return size(int(value))
    return grouped(value) if isinstance(value, int) else decimals(value) or "0"


def _conditions(one: Outcome) -> str:
    """What a limit is for, if its budget says so."""
    batch, dtype, inputs, *_ = one.budget.conditions
    said = [f"batch {batch}"] if batch else []
    said += [dtype] if dtype else []
    said += [f"{'' if name == 'input' else f'{name} '}{shape}" for name, shape in (inputs or {}).items()]
    return f" ({', '.join(said)})" if said else ""


def _many(count: int, what: str) -> str:
    return f"{grouped(count)} {what}{'' if count == 1 else 's'}"
