r"""Pages as LaTeX, to be read in by `\input`: booktabs, a table a sheet, all columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from unicodedata import normalize

from cnnarch.errors import printable
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["latex", "tex"]

LONGEST = 45  # lines of a table on a page
LINE = 69  # digits on a line of an article, 345 pt wide, in 10 pt; and in \footnotesize
SMALL_LINE = 81
BETWEEN, SMALL_BETWEEN = 2.4, 1.4  # digits that two columns stand apart
LEAST = 12  # digits that a column with broken lines is wide, and more if a word is longer
NARROW = "\\footnotesize\\setlength{\\tabcolsep}{3pt}"

MATH = {
    "×": "\\times", "·": "\\cdot", "÷": "\\div", "−": "-", "→": "\\to", "⌈": "\\lceil", "⌉": "\\rceil",
    "⌊": "\\lfloor", "⌋": "\\rfloor", "≤": "\\leq", "≥": "\\geq", "≠": "\\neq", "≈": "\\approx", "±": "\\pm",
    "∞": "\\infty", "√": "\\surd", "∑": "\\Sigma", "<": "<", ">": ">", "•": "\\bullet", "°": "^\\circ",
    "↑": "\\uparrow", "↓": "\\downarrow", "←": "\\gets", "µ": "\\mu",
    **{char: f"\\{name}" for char, name in zip("αβγδεζηθικλμνξπρστυφχψω", (
        "alpha", "beta", "gamma", "delta", "varepsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
        "xi", "pi", "rho", "sigma", "tau", "upsilon", "varphi", "chi", "psi", "omega"))},
    **{char: f"\\{name}" for char, name in zip("ΓΔΘΛΞΠΣΦΨΩ", (
        "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega"))},
    **{char: f"^{digit}" for digit, char in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{char: f"_{digit}" for digit, char in enumerate("₀₁₂₃₄₅₆₇₈₉")},
}  # fmt: skip
TEXT = {
    **{char: f"\\{char}" for char in "#$%&_{}"},
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "|": "\\textbar{}",
    "`": "\\textasciigrave{}", '"': "\\char34{}",  # where babel makes `"` a command, too
    "–": "--", "—": "---", "…": "\\dots{}", "‘": "`", "’": "'", "“": "``", "”": "''", "§": "\\S{}",
    "ß": "\\ss{}", "æ": "\\ae{}", "Æ": "\\AE{}", "œ": "\\oe{}", "Œ": "\\OE{}", "ø": "\\o{}", "Ø": "\\O{}",
    "ł": "\\l{}", "Ł": "\\L{}", "ı": "\\i{}", "─": "--", "│": "\\textbar{}",
    **{char: f"\\rule{{{eighths / 16:g}em}}{{1.5ex}}" for eighths, char in enumerate("▏▎▍▌▋▊▉█", 1)},
}  # fmt: skip
ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d", "\u0327": "c",
}  # fmt: skip
WITH_UNIT = re.compile(r"(.*\d) ([A-Za-zµ][A-Za-z/]*\)?)")


def latex(*pages: Page) -> str:
    """Set pages as LaTeX, every table with all its columns; the first line says which packages it needs."""
    text = "\n\n\\bigskip\n".join("\n\n".join(_page(page)) for page in pages)
    used = {"booktabs": "\\toprule", "array": "\\arraybackslash", "longtable": "{longtable}"}
    needs = ", ".join(f"\\usepackage{{{package}}}" for package, sign in used.items() if sign in text)
    return f"% needs {needs}\n\n{text}\n" if needs else f"{text}\n"


def _page(page: Page) -> list[str]:
    """All tables of a page are as large as the one with the least room."""
    sheets = [part for part in page if isinstance(part, Sheet)]
    size = NARROW if any(_total(_natural(sheet, _texts(sheet))) > LINE for sheet in sheets) else ""
    return [_line(part) if isinstance(part, Line) else _sheet(part, size) for part in page]


def _line(line: Line) -> str:
    text = _with_code(line.text)
    if line.style == "title":
        return f"\\noindent\\textbf{{{text}}}\\par\\smallskip"
    return f"\\noindent{{\\footnotesize {text}\\par}}" if line.style == "aside" else f"\\noindent {text}\\par"


def _with_code(text: str) -> str:
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return tex(text)
    return "".join(f"\\texttt{{{tex(part)}}}" if number % 2 else tex(part) for number, part in enumerate(parts))


def tex(text: str) -> str:
    r"""Text that TeX sets as it stands; what its usual fonts do not have is written out by its number.

    >>> print(tex("7×7, 50% of conv_bn {α} <b> é 中"))
    7$\times$7, 50\% of conv\_bn \{$\alpha$\} $<$b$>$ \'{e} $\langle$U+4E2D$\rangle$
    """
    text = printable(text)
    if text.isascii() and text.replace(" ", "").isalnum():
        return text
    text = normalize("NFC", text)
    return "".join(map(_char, text, f"{text[1:]} "))


def _char(char: str, after: str) -> str:
    if char in TEXT:
        return TEXT[char]
    if char in MATH:
        return f"${MATH[char]}$"
    if char.isascii():
        return f"{char}{{}}" if char in "-'," and char == after else char  # TeX makes one sign of two hyphens
    letter, accent = normalize("NFD", char)[:1], normalize("NFD", char)[1:]
    if accent in ACCENTS and letter.isascii():
        return f"\\{ACCENTS[accent]}{{{letter}}}"
    return f"$\\langle$U+{ord(char):04X}$\\rangle$"


class _Cells(NamedTuple):
    """A column as TeX has it: how it stands, its title, and a cell a row."""

    stands: str
    title: str
    cells: list[str]


def _sheet(sheet: Sheet, size: str) -> str:
    texts = _texts(sheet)
    widths = _widths(sheet, texts)
    columns = [_column(*one) for one in zip(sheet.columns, texts, widths)]
    lines = [_row([column.cells[number] for column in columns]) for number in range(len(texts[0]))]
    if sheet.total is not None:
        lines.insert(-1, "\\midrule")
    head = ["\\toprule", *([_row([column.title for column in columns]), "\\midrule"] if sheet.header else [])]
    stands = f"@{{}}{''.join(column.stands for column in columns)}@{{}}"
    title = f"\\noindent\\textbf{{{tex(sheet.title)}}}\\par\\nobreak" if sheet.title else ""
    return f"{title}\\smallskip\n{_table(stands, head, lines, size, _high(texts, widths) > LONGEST)}"


def _texts(sheet: Sheet) -> list[list[str]]:
    """The texts of every column; those of the totals stand last."""
    rows = [*sheet.rows, *([sheet.total] if sheet.total is not None else [])]
    return [[column.text(row) for row in rows] for column in sheet.columns]


def _table(stands: str, head: list[str], lines: list[str], size: str, long: bool) -> str:
    """A `tabular`; or a `longtable`, which goes on on the next page under the same head."""
    if long:
        made = [f"\\begin{{longtable}}[l]{{{stands}}}", *head, "\\endhead", "\\bottomrule", "\\endfoot", *lines]
        made.append("\\end{longtable}")
    else:
        made = [f"\\noindent\\begin{{tabular}}{{{stands}}}", *head, *lines, "\\bottomrule", "\\end{tabular}\\par"]
    return "\n".join([f"{{{size}", *made, "}"] if size else made) + ("" if long else "\n\\medskip")


def _row(cells: Sequence[str]) -> str:
    text = " & ".join(cells).rstrip()
    guard = "{}" if text.startswith(("[", "*")) else ""  # which the end of the line before would take for its own
    return f"{guard}{text} \\\\"


def _column(column: Column, texts: list[str], width: int) -> _Cells:
    """Numbers stand on the right, their units in a column of their own; text is broken if it is wider than `width`."""
    title = tex(column.title)
    if column.is_right:
        return _numbers(title, texts)
    if width >= max(map(len, [*texts, column.title])):
        return _Cells("l", title, [tex(text) for text in texts])
    cells = [tex(text).replace("/", "/\\allowbreak{}") if column.breaks == "/" else tex(text) for text in texts]
    return _Cells(f">{{\\raggedright\\arraybackslash}}p{{{width / 2:g}em}}", title, cells)


def _numbers(title: str, texts: list[str]) -> _Cells:
    found = [WITH_UNIT.fullmatch(text) for text in texts]
    if not any(found):
        return _Cells("r", title, [_number(text) for text in texts])
    cells = [f"{_number(one[1])} & {tex(one[2])}" if one else f"{_number(text)} &" for one, text in zip(found, texts)]
    return _Cells("r@{\\,}l", f"\\multicolumn{{2}}{{r}}{{{title}}}", cells)


def _number(text: str) -> str:
    """A number; the bracket behind one takes no room, so that digits stand under digits."""
    return f"{tex(text[:-1])}\\rlap{{)}}" if text.endswith(")") else tex(text)


def _natural(sheet: Sheet, texts: list[list[str]]) -> list[int]:
    """How many characters wide columns are where nothing is broken."""
    titles = [column.title if sheet.header else "" for column in sheet.columns]
    return [max(map(len, [*cells, title])) for cells, title in zip(texts, titles)]


def _widths(sheet: Sheet, texts: list[list[str]]) -> list[int]:
    """The same where the widest of those that can be broken give way until all fit on a line."""
    widths = _natural(sheet, texts)
    least = [
        max(LEAST, *(len(word) for text in [*cells, column.title] for word in _words(column, text)))
        if column.wraps
        else width
        for column, cells, width in zip(sheet.columns, texts, widths)
    ]
    if _total(widths) <= LINE:
        return widths
    while _total(widths, SMALL_BETWEEN) > SMALL_LINE and any(width > low for width, low in zip(widths, least)):
        widest = max(range(len(widths)), key=lambda number: (widths[number] > least[number], widths[number]))
        widths[widest] -= 1
    return widths


def _words(column: Column, text: str) -> list[str]:
    return text.replace("/", "/ ").split() if column.breaks == "/" else text.split()


def _total(widths: Sequence[int], between: float = BETWEEN) -> float:
    return sum(widths) + between * (len(widths) - 1)


def _high(texts: list[list[str]], widths: Sequence[int]) -> int:
    """How many lines the rows of a table take."""
    return sum(max(-(-len(text) // max(1, width)) for text, width in zip(row, widths)) for row in zip(*texts))
