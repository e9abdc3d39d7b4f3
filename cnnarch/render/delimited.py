"""Pages as comma-separated values."""

from __future__ import annotations

import csv as writers
import io
import re

from cnnarch.errors import printable
from cnnarch.render.data import cell, plain
from cnnarch.render.sheets import Page, Sheet

__all__ = ["csv", "inert"]

FORMULA = (*"=+-@＝＋－＠",)
AFTER_SEMICOLON = re.compile(r"(;\s*)(?=[=+\-@＝＋－＠])")  # where cells end in countries with a decimal comma
NUMBER = re.compile(r"-[0-9]+(\.[0-9]+)?(e-?[0-9]+)?")


def csv(page: Page) -> str:
    """The rows of a page's first sheet, under the keys of its columns; no totals."""
    sheet = next(part for part in page if isinstance(part, Sheet))
    out = io.StringIO()
    lines = writers.writer(out, lineterminator="\n")
    lines.writerow([column.key for column in sheet.columns])
    for row in sheet.rows:
        lines.writerow([inert(cell(plain(column.get(row)))) for column in sheet.columns])
    return out.getvalue()


def inert(text: str) -> str:
    """A cell that no spreadsheet takes for a formula.

    >>> inert("=1+1"), inert(" ＠A1"), inert("-20736"), inert("-1.5e-07"), inert("-1+1"), inert("conv1")
    ("'=1+1", "' ＠A1", '-20736', '-1.5e-07', "'-1+1", 'conv1')

    Source: OWASP, CSV Injection: what begins with = + - @ (or these in full width), a tab or the end of a line.
    Such control characters are written out, as everywhere.
    """
    text = AFTER_SEMICOLON.sub(r"\1'", printable(text))
    return f"'{text}" if text.lstrip()[:1] in FORMULA and not NUMBER.fullmatch(text) else text
