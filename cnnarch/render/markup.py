"""Pages as Markdown."""

from __future__ import annotations

import re

from cnnarch.errors import printable
from cnnarch.render.sheets import Line, Page, Sheet

__all__ = ["escaped", "markdown"]

MOST_OPEN = 8  # rows of a table that can be folded


def markdown(page: Page) -> str:
    """Set a page as Markdown, every table with all its columns."""
    blocks = []
    for part in page:
        if isinstance(part, Line):
            text = escaped(part.text)
            blocks.append(f"**{text}**" if part.style == "title" else text)
            continue
        if part.title:
            blocks.append(f"**{escaped(part.title)}**")
        made = _sheet(part)
        if part.folded and len(part.rows) > MOST_OPEN:
            made = f"<details>\n<summary>{escaped(part.folded)}</summary>\n\n{made}\n\n</details>"
        blocks.append(made)
    return "\n\n".join(blocks) + "\n"


def _sheet(sheet: Sheet) -> str:
    lines = [_row(column.title for column in sheet.columns)]
    lines.append(_row("---:" if column.is_right else "---" for column in sheet.columns))
    lines += [_row(escaped(column.text(row)) for column in sheet.columns) for row in sheet.rows]
    if sheet.total is not None:
        cells = [escaped(column.text(sheet.total)) for column in sheet.columns]
        lines.append(_row(f"**{cell}**" if cell else "" for cell in cells))
    return "\n".join(lines)


def _row(cells: object) -> str:
    return f"| {' | '.join(cells)} |"  # type: ignore[arg-type]


def escaped(text: str) -> str:
    r"""Text that Markdown leaves alone.

    >>> print(escaped("a|b <b> [x](y) *z*"))
    a\|b &lt;b&gt; \[x\](y) \*z\*
    >>> print(escaped("1. a_b _c_ ~~d~~"))
    1\. a_b \_c\_ \~\~d\~\~
    """
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"@(?=\w)|#(?=\d)", r"\g<0>&#8203;", text)  # where it is a comment, it calls nobody and links nothing
    text = re.sub(r"([\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", text)
    return re.sub(r"^(\d*)([-+=#.)])(?=\2*(?:\s|$))", r"\1\\\2", text)  # what begins a list, a heading or a ruler
