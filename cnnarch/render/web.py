"""Pages as HTML: whole and self-contained, or as a fragment for another page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape

from cnnarch.errors import printable
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["STYLE", "document", "fragment", "html", "notebook", "safe"]

MOST_OPEN = 8  # rows of a table that can be folded
MOST_NAMED = 3  # pages in the title of a document

# Of tables and lines; wherever they stand, they take the colours and the face of what is around them.
STYLE = """
.cnnarch { line-height: 1.4 }
.cnnarch .scroll { overflow-x: auto; margin: .8em 0 1.4em }
.cnnarch table { border-collapse: collapse; border: 0; margin: 0; font-size: .95em;
  border-block: 2px solid rgba(128, 128, 128, .75) }
.cnnarch caption { caption-side: top; text-align: left; font-weight: 600; padding: 0 0 .35em }
.cnnarch th, .cnnarch td { padding: .2em .5em; text-align: left; vertical-align: baseline; font-weight: normal;
  border: 0; background: none }
.cnnarch thead th { font-weight: 600; vertical-align: bottom }
.cnnarch thead th, .cnnarch thead td { border-bottom: 1px solid rgba(128, 128, 128, .75) }
.cnnarch tbody tr:nth-child(even) { background: rgba(128, 128, 128, .09) }
.cnnarch tfoot th, .cnnarch tfoot td { font-weight: 600; border-top: 1px solid rgba(128, 128, 128, .75) }
.cnnarch .right { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.cnnarch .one { white-space: nowrap }
.cnnarch .text { min-width: 7em }
.cnnarch .dim { opacity: .75 }
.cnnarch .aside { font-size: .9em; opacity: .8; max-width: 46em; margin: .4em 0 }
.cnnarch p { max-width: 46em; margin: .6em 0 }
.cnnarch .bar { display: inline-block; width: 5em; height: .7em; margin-right: .3em; vertical-align: baseline }
.cnnarch .share { display: inline-block; min-width: 3.4em }
.cnnarch .bar rect { fill: #3b82c4 }
.cnnarch code { font-family: ui-monospace, 'DejaVu Sans Mono', Consolas, monospace; font-size: .92em }
.cnnarch details > summary { cursor: pointer; font-weight: 600; padding: .2em 0 }
@media print {
.cnnarch { font-size: 9pt }
.cnnarch .scroll { overflow: visible }
.cnnarch .one { white-space: normal }
.cnnarch .text { min-width: 0 }
.cnnarch thead { display: table-header-group }
.cnnarch tr { break-inside: avoid }
.cnnarch h1, .cnnarch h2, .cnnarch caption { break-after: avoid }
.cnnarch th, .cnnarch td { padding: .1em .4em }
.cnnarch .bar rect { print-color-adjust: exact; -webkit-print-color-adjust: exact }
}
""".strip()

# Of a document that has nothing else on it.
GROUND = """
html { color-scheme: light dark; font-family: system-ui, 'Helvetica Neue', Helvetica, Arial, sans-serif;
  background: #ffffff; color: #1a1a1a; -webkit-text-size-adjust: 100% }
body { margin: 0 auto; padding: 1.2em; width: fit-content; max-width: calc(100% - 2.4em) }
h1 { font-size: 1.5em; margin: 0 0 .3em; overflow-wrap: anywhere }
h2 { font-size: 1.2em; margin: 1.8em 0 .3em; overflow-wrap: anywhere }
:focus-visible { outline: 2px solid #3b82c4; outline-offset: 2px }
@media (prefers-color-scheme: dark) { html { background: #15181c; color: #e8e8e8 } }
@media print { html { background: none; color: #000000 } body { max-width: none; padding: 0 } }
""".strip()


def html(*pages: Page) -> str:
    """Set pages as one HTML document, which needs nothing from elsewhere and runs nothing."""
    if len(pages) == 1:
        return document(_named(pages[0]), fragment(pages[0]))
    names = [_named(page).partition(" · ")[0] for page in pages]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    title = ", ".join(names[:MOST_NAMED]) + more
    sections = "\n".join(f"<section>\n{fragment(page, 2)}</section>" for page in pages)
    return document(title, f"<h1>{safe(title)}</h1>\n{sections}\n")


def document(title: str, body: str, style: str = f"{STYLE}\n{GROUND}") -> str:
    """A whole document around a body; the policy lets in this style alone, and no script."""
    hashed = b64encode(sha256(f"\n{style}\n".encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{safe(title)}</title>\n<style>\n{style}\n</style>\n</head>\n"
        f'<body>\n<main class="cnnarch">\n{body}</main>\n</body>\n</html>\n'
    )


def fragment(page: Page, level: int = 1) -> str:
    """A page as part of another, inside an element of class `cnnarch`; its first title is a heading of that level.

    It has no style and no script of its own; STYLE has the rules for it.
    """
    made, titles = [], 0
    for part in page:
        if isinstance(part, Sheet):
            made.append(_sheet(part))
        elif part.style == "title":
            heading = min(level + bool(titles), 6)
            titles += 1
            made.append(f"<h{heading}>{_with_code(part.text)}</h{heading}>")
        else:
            kind = ' class="aside"' if part.style == "aside" else ""
            made.append(f"<p{kind}>{_with_code(part.text)}</p>")
    return "".join(f"{one}\n" for one in made)


def notebook(page: Page, figure: str = "") -> str:
    """A page for a notebook, below a figure: the fragment with its style, which holds for it alone."""
    return f'{figure}<div class="cnnarch">\n<style>\n{STYLE}\n</style>\n{fragment(page, 3)}</div>\n'


def safe(text: str) -> str:
    """Text that stands as it is between tags and in attributes.

    >>> print(safe('</script><b class="x">'))
    &lt;/script&gt;&lt;b class=&quot;x&quot;&gt;
    """
    return escape(printable(text))


def _named(page: Page) -> str:
    return next((part.text for part in page if isinstance(part, Line) and part.style == "title"), "cnnarch")


def _with_code(text: str) -> str:
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return safe(text)
    return "".join(f"<code>{safe(part)}</code>" if number % 2 else safe(part) for number, part in enumerate(parts))


def _sheet(sheet: Sheet) -> str:
    lines = [f"<caption>{safe(sheet.title)}</caption>"] if sheet.title else []
    if sheet.header:
        lines += ["<thead>", f"<tr>{''.join(map(_title, sheet.columns))}</tr>", "</thead>"]
    lines += ["<tbody>", *(_row(sheet.columns, row, sheet.dim(row)) for row in sheet.rows), "</tbody>"]
    if sheet.total is not None:
        lines += ["<tfoot>", _row([_without_bar(column) for column in sheet.columns], sheet.total), "</tfoot>"]
    label = safe(sheet.title or sheet.columns[0].title or "table")
    # It can be reached and scrolled by keyboard where it is wider than the screen.
    made = "\n".join(
        [
            f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">',
            "<table>",
            *lines,
            "</table>",
            "</div>",
        ]
    )
    if sheet.folded and len(sheet.rows) > MOST_OPEN:
        return f"<details open>\n<summary>{safe(sheet.folded)}</summary>\n{made}\n</details>"
    return made


def _without_bar(column: Column) -> Column:
    return column._replace(share=None, number=column.is_right)


def _title(column: Column) -> str:
    """What stands above a column, and what that means for a pointer that rests on it."""
    about = f' title="{safe(column.about)}"' if column.about else ""
    return f'<th scope="col"{_class(column)}{about}>{safe(column.title)}</th>' if column.title else "<td></td>"


def _row(columns: Sequence[Column], row: object, dim: bool = False) -> str:
    first, *others = columns
    named = not first.is_right and first.text(row)
    cells = [f'<th scope="row"{_class(first)}>{_cell(first, row)}</th>' if named else _data(first, row)]
    cells += [_data(column, row) for column in others]
    kind = ' class="dim"' if dim else ""
    return f"<tr{kind}>{''.join(cells)}</tr>"


def _data(column: Column, row: object) -> str:
    return f"<td{_class(column)}>{_cell(column, row)}</td>"


def _cell(column: Column, row: object) -> str:
    """A cell's text; a name may be broken at its slashes; before a share stands its bar, as long as the others'."""
    text = safe(column.text(row))
    if column.wraps and column.breaks == "/":
        text = text.replace("/", "/<wbr>")
    return text if column.share is None or not text else f'{_bar(*column.share(row))}<span class="share">{text}</span>'


def _bar(part: float, whole: float) -> str:
    share = min(max(part / whole, 0.0), 1.0) if whole else 0.0
    length = f'<rect width="{max(1000 * share, 8 * bool(share)):.0f}" height="100"/>'
    return f'<svg class="bar" viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true">{length}</svg>'


def _class(column: Column) -> str:
    kind = "right" if column.is_right else "one" if not column.wraps else "name" if column.breaks == "/" else "text"
    return f' class="{kind}"'
