"""The variants of a sweep: as a table, and row by row as CSV and JSON lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from cnnarch.analysis.figures import FIGURES
from cnnarch.render.columns import TITLES, figure_column
from cnnarch.render.data import cell, encoded, plain
from cnnarch.render.delimited import inert
from cnnarch.render.figure.scales import Aspect
from cnnarch.render.figure.scatter import Point
from cnnarch.render.numbers import grouped
from cnnarch.render.sheets import Column, Line, Page, Sheet
from cnnarch.search.selection import Front, Goal
from cnnarch.search.sweeping import Sweep
from cnnarch.search.variants import Failures, Row
from cnnarch.shapes import Shape
from cnnarch.spec.written import written

__all__ = [
    "NUMBER",
    "aspect",
    "causes",
    "comma_separated",
    "header",
    "json_line",
    "outcome",
    "page",
    "points",
    "value_text",
]

NUMBER = "variant"  # the key of a row's number
MOST_VALUES = 400  # characters of a value in a table


def page(sweep: Sweep, rows: Sequence[Row], title: str, left_out: int = 0) -> Page:
    """A table of rows, and what became of the variants that have none."""
    found: Page = [Line(title, "title"), Sheet(columns(sweep), rows)] if rows else [Line(title, "title")]
    if left_out:
        found.append(Line(f"and {grouped(left_out)} more; CSV and JSON lines have all of them", "aside"))
    return [*found, *(Line(text, "aside") for text in outcome(sweep))]


def columns(sweep: Sweep) -> list[Column]:
    """What varies, then the figures."""
    found = [_varied(place, axis.name) for place, axis in enumerate(sweep.job.axes)]
    return found + [_figure(place, key) for place, key in enumerate(sweep.job.columns)]


def _varied(place: int, name: str) -> Column:
    def show(value: Any) -> str:
        text = str(value) if isinstance(value, Shape) else written(value)
        return text if len(text) <= MOST_VALUES else f"{text[: MOST_VALUES - 1]}…"

    return Column(
        name, name, "a value that varies", lambda row: row.values[place], show, number=True, wraps=True, breaks="/"
    )


def _figure(place: int, key: str) -> Column:
    column = figure_column(FIGURES[key])

    def words(row: Row) -> str:
        value = row.figures[place]
        return "not known" if value is None else column.show(value)

    return column._replace(get=lambda row: row.figures[place], words=words, spare=0)


def outcome(sweep: Sweep) -> list[str]:
    """What became of the variants that have no row, by cause; and what the figures lack."""
    done = sweep.tried + (sweep.refused if sweep.sample is None else 0)
    told = [f"{grouped(sweep.tried)} of {grouped(sweep.count)} variants tried"] if done < sweep.count else []
    if sweep.refused:
        told.append(f"{grouped(sweep.refused)} more are not allowed by the space")
    if sweep.not_met:
        told.append(f"{grouped(sweep.not_met)} do not meet the condition")
    if sweep.not_known:
        told.append(f"of {grouped(sweep.not_known)} a figure of the condition is not known")
    told += causes(sweep.failures, sweep.tried)
    if sweep.not_counted:
        told.append("there are layers that are not counted: figures are at least what they say")
    return told


def causes(failures: Failures, tried: int) -> list[str]:
    """Why variants cannot be built, and how many."""
    if not failures.count:
        return []
    told = [f"{grouped(failures.count)} of {grouped(tried)} variants cannot be built:"]
    by_number = sorted(failures.causes.values(), key=lambda one: -one[0])
    told += [f"  {grouped(count)} × {message}" for count, message in by_number]
    return [*told, f"  {grouped(failures.others)} × others"] if failures.others else told


def points(sweep: Sweep, rows: Sequence[Row], front: Front) -> list[Point]:
    """Rows as points of a plot: those of a front, and all others of which both figures are numbers."""
    best = {row.number for row in front.rows}
    found = []
    for row in [*front.rows, *(row for row in rows if row.number not in best)]:
        x, y = front.values(row)
        if all(type(one) is not bool and isinstance(one, (int, float)) for one in (x, y)):
            pairs = [(axis, value) for axis, value in zip(sweep.job.axes, row.values) if axis.size > 1]
            label = ", ".join(f"{axis.name}={value_text(value)}" for axis, value in pairs)
            found.append(Point(x, y, label, row.number in best))
    return found


def named(goals: Sequence[Goal]) -> str:
    """What is looked for, in words."""
    told = []
    for goal in goals:
        usual = goal.key in FIGURES and FIGURES[goal.key].more_is_better
        title = TITLES.get(goal.key, goal.key)
        told.append(title if goal.more == usual else f"{'most' if goal.more else 'least'} {title}")
    return ", ".join(told)


def aspect(goal: Goal) -> Aspect:
    """What is drawn along an axis."""
    figure = FIGURES.get(goal.key)
    return Aspect(figure.title if figure else goal.key, figure.unit if figure else "", goal.more)


def header(keys: Sequence[str]) -> str:
    """The first line of CSV."""
    return _line([NUMBER, *map(inert, keys)])


def comma_separated(row: Row) -> str:
    """A row as a line of CSV: values as `--set` and `--input` read them; what is not known is empty."""
    return _line([row.number, *map(inert, map(value_text, row.values)), *map(cell, row.figures)])


def json_line(keys: Sequence[str], row: Row) -> str:
    """A row as a line of JSON."""
    values = map(plain, (row.number, *row.values, *row.figures))
    return f"{encoded(dict(zip((NUMBER, *keys), values)))}\n"


def value_text(value: Any) -> str:
    """A value that varies, as it is written on a command line: `[3, 4]`, `0.25`, `224x224x3`."""
    return cell(plain(value)) if isinstance(value, Shape) else written(value)


def _line(cells: Sequence[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
