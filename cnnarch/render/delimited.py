"""Pages as comma-separated values."""

from __future__ import annotations

import csv as writers
import io

from cnnarch.errors import printable
from cnnarch.render.data import cell, plain
from cnnarch.render.sheets import Page, Sheet

__all__ = ["csv"]


def csv(page: Page) -> str:
    """The rows of a page's first sheet, under the keys of its columns; no totals."""
    sheet = next(part for part in page if isinstance(part, Sheet))
    out = io.StringIO()
    lines = writers.writer(out, lineterminator="\n")
    lines.writerow([column.key for column in sheet.columns])
    for row in sheet.rows:
        lines.writerow([_inert(cell(plain(column.get(row)))) for column in sheet.columns])
    return out.getvalue()


def _inert(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = printable(text)
    number = text.startswith("-") and text[1:].replace(".", "", 1).isdecimal()
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") and not number else text
