"""What was checked, as a page and as a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnarch.analysis.check import Checked
from cnnarch.errors import Problem, ReadError, SpecError
from cnnarch.render.columns import TITLES
from cnnarch.render.data import VERSION
from cnnarch.render.numbers import grouped
from cnnarch.render.sheets import Column, Page, Sheet

__all__ = ["page", "record"]


def page(found: Sequence[Checked]) -> Page:
    """What was checked, a line a spec."""
    columns = [
        Column("network", "network", "the spec", lambda one: one.label, wraps=True),
        Column("ok", "", "whether all is well", lambda one: one.ok, lambda ok: "ok" if ok else "NO"),
        Column("found", "", "what was found", _found, wraps=True, breaks=", "),
    ]
    return [Sheet(columns, found, header=False)]


def record(found: Sequence[Checked]) -> dict[str, Any]:
    return {"version": VERSION, "ok": all(one.ok for one in found), "networks": [_check(one) for one in found]}


def _found(one: Checked) -> str:
    if isinstance(one.error, ReadError):
        return "cannot be read"
    if one.error is not None:
        count = len(one.error.problems)
        return f"invalid: {count} mistake{'s' if count > 1 else ''}, the first on line {_line(one.error)}"
    parts = []
    for outcome in one.limits:
        sign = "≤" if outcome.kept else ">"
        key, value, most = TITLES[outcome.limit.key], grouped(outcome.value), grouped(outcome.limit.most)
        parts.append(
            f"{key} {value} {sign} {most}"
            + ("" if outcome.kept else f" by {grouped(outcome.value - outcome.limit.most)}")
        )
    kept = sum(verdict.kept for verdict in one.published)
    if kept:
        parts.append(f"{kept} published figure{'s' if kept > 1 else ''} kept")
    parts += [
        f"{TITLES[verdict.claim.key]} {grouped(verdict.value)} published as {verdict.claim.text}"
        for verdict in one.published
        if not verdict.kept
    ]
    return ", ".join(parts) or "valid"


def _line(error: SpecError) -> str:
    span = error.problems[0].span
    return str(span.line) if span else "1"


def _check(one: Checked) -> dict[str, Any]:
    return {
        "network": one.label,
        "ok": one.ok,
        "valid": one.error is None,
        "problems": [
            {"message": problem.message, "hint": problem.hint, **_place(problem)} for problem in _problems(one)
        ],
        "published": [
            {"figure": verdict.claim.key, "published": verdict.claim.text, "value": verdict.value,
             "kept": verdict.kept, "source": verdict.claim.source}
            for verdict in one.published
        ],
        "limits": [
            {"figure": outcome.limit.key, "most": outcome.limit.most, "value": outcome.value, "kept": outcome.kept}
            for outcome in one.limits
        ],
        "totals": one.totals._asdict() if one.totals else None,
    }  # fmt: skip


def _place(problem: Problem) -> dict[str, Any]:
    span = problem.span
    if span is None:
        return {"file": None, "line": None, "column": None}
    return {"file": span.source.name, "line": span.line, "column": span.column}


def _problems(one: Checked) -> list[Problem]:
    if isinstance(one.error, SpecError):
        return one.error.problems
    return [one.error.problem] if one.error is not None else []
