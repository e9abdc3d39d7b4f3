"""What a fit found, as a page and as a record."""

from __future__ import annotations

from typing import Any

from cnnarch.render.checks import compared, outcome
from cnnarch.render.columns import TITLES
from cnnarch.render.data import VERSION, plain
from cnnarch.render.numbers import grouped
from cnnarch.render.sheets import Column, Line, Page, Sheet
from cnnarch.render.variants import causes, value_text
from cnnarch.search.fitting import Fit, Try

__all__ = ["page", "record"]


def page(found: Fit, name: str) -> Page:
    """The value, its figures beside their limits, and the next that was tried."""
    axis, best = found.axis, found.best
    what = f"the largest {axis.name} is {value_text(best.value)}" if best else f"no {axis.name} is within the limits"
    told: Page = [Line(f"{name}: {what}", "title")]
    rows = [one for one in (best, found.next) if one is not None]
    if rows:
        columns = [Column("value", axis.name, "the value", lambda one: one.value, value_text, number=True)]
        columns += [_compared(number) for number in range(len(rows[0].outcomes))]
        told.append(Sheet(columns, rows))
    return [*told, *(Line(text, "aside") for text in _remarks(found))]


def _compared(number: int) -> Column:
    def text(one: Try) -> str:
        return compared(one.outcomes[number])

    return Column(f"limit{number + 1}", "", "a figure and its limit", text, wraps=True)


def _remarks(found: Fit) -> list[str]:
    """How sure it is."""
    axis = found.axis
    span = f"{value_text(axis.at(0))} to {value_text(axis.at(axis.size - 1))}"
    told = [f"{grouped(found.tried)} of {grouped(axis.size)} values tried, {span}"]
    if found.best is not None and found.best.place == axis.size - 1:
        told.append("it is the last of them: a larger one may fit as well")
    for one in found.breaks:
        before, after = value_text(one.before.value), value_text(one.after.value)
        told.append(f"{TITLES[one.key]} rise and fall: they turn between {before} and {after}")
    if found.breaks and not found.every:
        told.append("a larger value may fit: not all were tried")
    elif not found.every:
        told.append("figures only rise or only fall over these, and are taken to do so between them")
    return told + causes(found.failures, found.tried)


def record(found: Fit, label: str) -> dict[str, Any]:
    """The same as data; `best` is null if no value fits, and `next` if none was tried above it."""
    return {
        "version": VERSION,
        "network": label,
        "setting": found.axis.name,
        "value": plain(found.best.value) if found.best else None,
        "best": _tried(found.best),
        "next": _tried(found.next),
        "monotone": not found.breaks,
        "every": found.every,
        "tried": found.tried,
        "values": found.axis.size,
        "not_built": found.failures.count,
    }


def _tried(one: Try | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"value": plain(one.value), "ok": one.kept, "limits": [outcome(limit) for limit in one.outcomes]}
