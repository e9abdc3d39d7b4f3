"""Pages for a terminal or a pipe; alone imports rich."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cnnarch.errors import printable
from cnnarch.render.numbers import bar
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["table"]

WIDE = 100_000  # a pipe has no width: nothing is cut or broken
LONGEST_PART = 22  # what stands between commas is broken if it is longer
SHORTEST_PROSE = 24
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
        width=width or WIDE,
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
            console.print(Text(printable(part.title), "bold"))
        for piece in _sheet(part, width):
            console.print(piece, overflow="fold")
    lines = out.getvalue().split("\n")
    return "\n".join(line.rstrip() for line in lines)


def _sheet(sheet: Sheet, width: int | None) -> list[Table | Text]:
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
            Text(column.title),
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
    pieces: list[Table | Text] = [made]
    if left_out:
        names = ", ".join(column.key for column in left_out)
        pieces.append(Text(f"not shown in {width} columns: {names}", "dim"))
    return pieces


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
    """Break a text at its commas or signs; at spaces rich does it."""
    if at == " " or cell_len(text) <= width:
        return text
    lines: list[str] = []
    for part in _parts(text, at):
        if lines and cell_len(f"{lines[-1]} {part}") <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return "\n".join(lines)


def _parts(text: str, at: str) -> list[str]:
    """What has to stand on one line: `a,` and `b` of `a, b`; `a` and `= b` of `a = b`."""
    if at == " ":
        return text.split(" ")
    before, after = at.split(" ", 1)
    pieces = text.split(f"{before} {after} " if after else at)
    last = len(pieces) - 1
    return [
        f"{f'{after} ' if after and number else ''}{piece}{before if number < last else ''}"
        for number, piece in enumerate(pieces)
    ]


def _layout(sheet: Sheet, width: int | None) -> tuple[list[Column], list[int], int, list[Column]]:
    """Which columns are shown, how wide, how far apart; then what is left out for want of room."""
    columns = list(sheet.columns)
    natural = {column.key: _natural(column, sheet) for column in columns}
    left_out: list[Column] = []
    while True:
        for gap, shrink in ((3, False), (2, False), (1, False), (1, True)):
            widths = _fit(columns, natural, width, gap, shrink)
            if widths is not None:
                return columns, widths, gap, left_out
        spare = max(columns, key=lambda column: column.spare)
        if not spare.spare:
            return columns, [natural[column.key][0] for column in columns], 1, left_out
        columns.remove(spare)
        left_out.append(spare)


def _natural(column: Column, sheet: Sheet) -> tuple[int, int, int]:
    """The width that a column would like, the least that it can do with, and how many rows would break then."""
    if column.share is not None:
        return BESIDE_BAR - 1, BESIDE_BAR - 1, 0
    rows = [*sheet.rows, *([sheet.total] if sheet.total is not None else [])]
    texts = [printable(column.text(row)) for row in rows]
    title = cell_len(column.title) if sheet.header else 0
    wide = max([cell_len(text) for text in texts] + [title])
    if not column.wraps:
        return wide, wide, 0
    parts = max([cell_len(part) for text in texts for part in _parts(text, column.breaks)] + [title])
    least = min(wide, SHORTEST_PROSE if column.breaks == " " else min(parts, LONGEST_PART))
    return wide, least, sum(cell_len(text) > least for text in texts)


def _fit(
    columns: list[Column], natural: dict[str, tuple[int, int, int]], width: int | None, gap: int, shrink: bool
) -> list[int] | None:
    """The widths of columns that stand `gap` apart, if they fit; with `shrink` some may break their lines."""
    widths = [natural[column.key][0] for column in columns]
    bars = [number for number, column in enumerate(columns) if column.share is not None]
    if width is None:
        for number in bars:
            widths[number] = BESIDE_BAR + LONGEST_BAR
        return widths
    room = width - sum(widths) - gap * (len(widths) - 1)
    need = (SHORTEST_BAR if bars else 0) - room
    if shrink:  # the column gives first in which the fewest rows break
        for number in sorted(range(len(columns)), key=lambda one: natural[columns[one].key][2]):
            given = max(0, min(need, widths[number] - natural[columns[number].key][1]))
            widths[number] -= given
            need -= given
    if need > 0:
        return None
    for number in bars:
        widths[number] = min(widths[number] + SHORTEST_BAR - need, BESIDE_BAR + LONGEST_BAR)
    return widths
