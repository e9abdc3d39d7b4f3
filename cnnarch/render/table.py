"""Pages for a terminal or a pipe; alone imports rich."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cnnarch.errors import printable
from cnnarch.render.numbers import bar
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["progress_bar", "table"]

WIDE = 100_000  # rich cuts what is wider than its console: a pipe has no width, and no number is ever cut
LONGEST_PART = 22  # what stands between commas or slashes is broken if it is longer
SHORTEST_PROSE = 24  # like a name, it is not made narrower while columns of little weight can be left out
LITTLE = 5  # the `spare` of these, and more
BESIDE_BAR = len("100.0% ")
SHORTEST_BAR = 4  # with the space before it
LONGEST_BAR = 20
PROSE = 100  # a line of prose is broken here, however wide the terminal

STYLES = {"title": "bold", "aside": "dim", "text": ""}


def table(page: Page, width: int | None = None, color: bool = False) -> str:
    """Set a page for a terminal `width` cells wide; without a width nothing is broken."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=WIDE,
        height=100,  # without it, rich takes 80 columns where TERM=dumb
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
    for number, part in enumerate(page):
        if isinstance(part, Line):
            if number and (part.style == "title" or isinstance(page[number - 1], Sheet)):
                console.print()
            console.print(
                Text(printable(part.text), STYLES[part.style]),
                width=min(width, PROSE) if width else None,
                overflow="fold",
            )
            continue
        if number:
            console.print()
        if part.title:
            console.print(Text(printable(part.title), "bold"), width=width, overflow="fold")
        made, left_out = _sheet(part, width)
        console.print(made)
        if left_out:
            names = ", ".join(column.called or column.key for column in left_out)
            console.print(
                Text(f"not shown in {width} columns: {printable(names)}", "dim"), width=width, overflow="fold"
            )
    lines = out.getvalue().split("\n")
    return "\n".join(line.rstrip() for line in lines)


def progress_bar(rated: bool = False) -> Any:
    """How far a command is, on standard error, perhaps with the time left; it takes itself away in the end."""
    from rich.progress import (  # noqa: PLC0415, no table needs it
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[now]}", markup=False),
        *([TimeRemainingColumn(compact=True), TextColumn("left")] if rated else []),
        console=Console(file=sys.stderr, markup=False, highlight=False, emoji=False),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _sheet(sheet: Sheet, width: int | None) -> tuple[Table, list[Column]]:
    """A table, and the columns that it has no room for."""
    columns, widths, gap, left_out = _layout(sheet, width)
    made = Table(
        box=box.SIMPLE if sheet.header else None,
        show_edge=False,
        pad_edge=False,
        padding=(0, gap - (1 if sheet.header else 0), 0, 0),
        show_header=sheet.header,
        show_footer=sheet.total is not None,
        header_style="bold",
        footer_style="bold",
        border_style="dim",
    )
    totals = _texts(columns, sheet.total) if sheet.total is not None else [""] * len(columns)
    for column, cells, total in zip(columns, widths, totals):
        made.add_column(
            Text(_broken(printable(column.title), cells, column.breaks) if column.wraps else printable(column.title)),
            footer=Text(total),
            justify="right" if column.number else "left",
            width=cells,
            no_wrap=not column.wraps,
            overflow="fold",
        )
    for row in sheet.rows:
        made.add_row(
            *(_cell(column, row, space) for column, space in zip(columns, widths)),
            style="dim" if sheet.dim(row) else None,
        )
    return made, left_out


def _texts(columns: Sequence[Column], row: Any) -> list[str]:
    return [printable(column.text(row)) for column in columns]


def _cell(column: Column, row: Any, width: int) -> Text:
    text = printable(column.text(row))
    if column.share is None:
        return Text(_broken(text, width, column.breaks) if column.wraps else text)
    room = width - BESIDE_BAR
    if room < 2:
        return Text(text.rjust(BESIDE_BAR - 1))
    return Text(f"{text:>{BESIDE_BAR - 1}} ").append(bar(*column.share(row), room).ljust(room), "cyan")


def _broken(text: str, width: int, at: str) -> str:
    """Break a text at its commas, signs or slashes; at spaces rich does it."""
    if at == " " or cell_len(text) <= width:
        return text
    between = " " if " " in at else ""
    lines: list[str] = []
    for part in _parts(text, at):
        if lines and cell_len(f"{lines[-1]}{between}{part}") <= width:
            lines[-1] += f"{between}{part}"
        else:
            lines.append(part)
    return "\n".join(lines)


def _parts(text: str, at: str) -> list[str]:
    """What has to stand on one line: `a,` and `b` of `a, b`; `a` and `= b` of `a = b`; `a/` and `b` of `a/b`."""
    before, _, after = at.partition(" ")
    pieces = text.split(f"{before} {after} " if after else at)
    last = len(pieces) - 1
    return [
        f"{f'{after} ' if after and number else ''}{piece}{before if number < last else ''}"
        for number, piece in enumerate(pieces)
    ]


class _Width(NamedTuple):
    """A width that a column can have, and how many of its rows break then."""

    cells: int
    broken: int = 0


WISHED, NARROW, LEAST = range(3)  # which of a column's widths
WAYS = ((3, WISHED), (2, WISHED), (1, WISHED), (1, NARROW), (1, LEAST))  # how far columns stand apart, how narrow


def _layout(sheet: Sheet, width: int | None) -> tuple[list[Column], list[int], int, list[Column]]:
    """Which columns are shown, how wide, how far apart; then what is left out for want of room.

    Where nothing more can be left out, the lines are longer than the terminal.
    """
    columns = list(sheet.columns)
    widths = {column.key: _widths(column, sheet) for column in columns}
    left_out: list[Column] = []
    while True:
        spare = max(columns, key=lambda column: column.spare)
        for gap, how in WAYS[:-1] if spare.spare >= LITTLE else WAYS:
            fitted = _fit(columns, widths, width, gap, how)
            if fitted is not None:
                return columns, fitted, gap, left_out
        if not spare.spare:
            return columns, [widths[column.key][LEAST].cells for column in columns], 1, left_out
        columns.remove(spare)
        left_out.append(spare)


def _widths(column: Column, sheet: Sheet) -> tuple[_Width, _Width, _Width]:
    """The width that a column would like, one that it can do with, and the least."""
    if column.share is not None:
        return (_Width(BESIDE_BAR - 1),) * 3
    rows = [*sheet.rows, *([sheet.total] if sheet.total is not None else [])]
    texts = [printable(column.text(row)) for row in rows]
    title = printable(column.title) if sheet.header else ""
    wide = max(map(cell_len, [*texts, title]))
    if not column.wraps:
        return (_Width(wide),) * 3
    least = min(wide, _longest_part(texts, title, column.breaks))
    narrow = min(wide, max(least, SHORTEST_PROSE)) if column.breaks in " /" else least
    wished, *others = (_Width(cells, sum(cell_len(text) > cells for text in texts)) for cells in (wide, narrow, least))
    return wished, others[0], others[1]


def _longest_part(texts: Sequence[str], title: str, at: str) -> int:
    """What a column has to be as wide as: the longest of its parts, or if that is very long, of its numbers."""
    parts = [part for text in texts for part in _parts(text, at)]
    numbers = [word for part in parts for word in part.split() if not any(map(str.isalpha, word))]
    titles = _parts(title, at) if at == "/" else [title]
    longest = min(max(map(cell_len, parts), default=0), LONGEST_PART)
    return max(longest, *map(cell_len, [*numbers, *titles]))


def _fit(
    columns: list[Column], widths: dict[str, tuple[_Width, _Width, _Width]], width: int | None, gap: int, how: int
) -> list[int] | None:
    """The widths of columns that stand `gap` apart, if they fit; none is made narrower than `how` says."""
    cells = [widths[column.key][WISHED].cells for column in columns]
    bars = [number for number, column in enumerate(columns) if column.share is not None]
    if width is None:
        for number in bars:
            cells[number] = BESIDE_BAR + LONGEST_BAR
        return cells
    room = width - sum(cells) - gap * (len(cells) - 1)
    need = (SHORTEST_BAR if bars else 0) - room
    limits = [widths[column.key][how] for column in columns]
    for number in sorted(range(len(columns)), key=lambda one: limits[one].broken):  # where few rows break, first
        given = max(0, min(need, cells[number] - limits[number].cells))
        cells[number] -= given
        need -= given
    if need > 0:
        return None
    for number in bars:
        cells[number] = min(cells[number] + SHORTEST_BAR - need, BESIDE_BAR + LONGEST_BAR)
    return cells
