"""A lesson, with its arithmetic set as mathematics: as Markdown, LaTeX and HTML.

In Markdown it stands between `$` and `$`, which GitHub, Jupyter, pandoc and most wikis of schools set; in HTML as
MathML, which browsers set without a script, with the plain text for who hears it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from importlib import import_module
from itertools import groupby

from cnnarch.errors import printable
from cnnarch.layers import Step
from cnnarch.render.explanation import Lesson, Working
from cnnarch.render.latex import latex as pages_as_latex
from cnnarch.render.latex import tex
from cnnarch.render.markup import escaped
from cnnarch.render.markup import markdown as page_as_markdown
from cnnarch.render.mathematics import Chain, Term, chain, latex, mathml, shortened, spoken
from cnnarch.render.sheets import Line, Page

__all__ = ["STYLE", "html_working", "latex_fragment", "latex_working", "markdown_working", "set_lesson"]

STYLE = """dl.working { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .35em 1.2em;
  margin: .6em 0 1.2em; }
dl.working dt { opacity: .8; padding-top: .1em; }
dl.working dd { margin: 0; overflow-wrap: anywhere; }
dl.working dd math { margin-right: .15em; }
dl.working small { display: block; opacity: .8; }
@media (max-width: 40em) { dl.working { grid-template-columns: minmax(0, 1fr); gap: .1em; }
  dl.working dd { margin: 0 0 .6em 1em; } }
@media print { dl.working > * { break-inside: avoid; } dt { break-after: avoid; } }"""


def set_lesson(lesson: Lesson, form: str, title: str, style: str = "") -> str:
    """A lesson in a format: `markdown`, `latex` or `html`, with more of a style sheet if it needs it."""
    if form == "html":
        return as_html(lesson, title, style)
    return as_latex(lesson) if form == "latex" else as_markdown(lesson)


def as_markdown(lesson: Lesson) -> str:
    return "\n".join(_set(lesson, page_as_markdown, markdown_working))


def as_latex(lesson: Lesson) -> str:
    """A fragment for `\\input`; its first line says which packages it needs."""
    blocks = _set(lesson, latex_page, latex_working)
    return latex_fragment(blocks, "amsmath")


def latex_page(page: Page) -> str:
    """Lines and tables; long lists of names can be broken behind every `/`."""
    made = [pages_as_latex([part]) for part in page]
    lines = [isinstance(part, Line) for part in page]
    blocks = [text.replace("/", "/\\allowbreak{}") if is_line else text for text, is_line in zip(made, lines)]
    return latex_fragment(blocks)


def latex_fragment(blocks: Sequence[str], *needs: str) -> str:
    """Blocks of LaTeX as one, and the packages that they and others need in one line on top."""
    used = dict.fromkeys(needs)
    bodies = []
    for block in blocks:
        head, _, rest = block.partition("\n")
        if head.startswith("% needs "):
            used |= dict.fromkeys(one.split("}")[0] for one in head.split("\\usepackage{")[1:])
        bodies.append((rest if head.startswith("% needs ") else block).strip("\n"))
    packages = ", ".join(f"\\usepackage{{{one}}}" for one in used)
    return (f"% needs {packages}\n\n" if used else "") + "\n\n".join(bodies) + "\n"


def as_html(lesson: Lesson, title: str, style: str = "") -> str:
    """One page, which needs nothing from elsewhere."""
    web = import_module("cnnarch.render.web")
    titles = [number for number, part in enumerate(lesson) if isinstance(part, Line) and part.style == "title"]
    blocks = [
        html_working(part.steps)
        if isinstance(part, Working)
        else web.fragment([part], 1 if number in titles[:1] else 2)
        for number, part in enumerate(lesson)
    ]
    return str(web.document(title, "".join(blocks), f"{web.STYLE}\n{web.GROUND}\n{STYLE}{style}"))


def _set(lesson: Lesson, set_page: Callable[..., str], set_working: Callable[[Sequence[Step]], str]) -> list[str]:
    """What stands between workings as pages, and workings each in their own way."""
    blocks = []
    for is_working, parts in groupby(lesson, lambda part: isinstance(part, Working)):
        if is_working:
            blocks += [set_working(part.steps) for part in parts]  # type: ignore[union-attr]
        else:
            blocks.append(set_page(list(parts)))
    return blocks


def markdown_working(steps: Sequence[Step]) -> str:
    """A table of two columns: quantities, and their working between dollars."""
    rows = ["| | |", "|---|---|"]
    for step in steps:
        # In mathematics Markdown would take a backslash before a sign for its own: none stands there.
        parts = [latex(shortened(term)).replace("\\_", " ") for term in chain(step)]
        remark = f"<br>({escaped(step.remark)})".replace("\\`", "`") if step.remark else ""
        rows.append(f"| {escaped(step.quantity)} | ${' = '.join(parts)}${remark} |")
    return "\n".join(rows) + "\n"


def latex_working(steps: Sequence[Step]) -> str:
    """A list of quantities; TeX breaks a long line at its signs."""
    lines = ["\\begin{description}\\raggedright"]
    for step in steps:
        made = " = ".join(latex(shortened(term)) for term in chain(step))
        remark = f"\\\\{{\\footnotesize ({_code_in_tex(step.remark)})}}" if step.remark else ""
        lines.append(f"\\item[\\normalfont\\textit{{{tex(step.quantity)}}}] $\\displaystyle {made}${remark}")
    return "\n".join([*lines, "\\end{description}", ""])


def html_working(steps: Sequence[Step]) -> str:
    """A list of quantities; every term is a `<math>` of its own, as browsers break no line within one."""
    lines = ['<dl class="working">']
    for step in steps:
        terms = [shortened(term) for term in chain(step)]
        words = escape(" = ".join(map(spoken, terms)))
        made = "<wbr>".join(_pieces(terms))
        remark = (
            f"<small>({_coded(escape(printable(step.remark)), '<code>', '</code>')})</small>" if step.remark else ""
        )
        lines.append(
            f"<dt>{escape(printable(step.quantity))}</dt>"
            f'<dd><span role="math" aria-label="{words}"><span aria-hidden="true">{made}</span></span>{remark}</dd>'
        )
    return "\n".join([*lines, "</dl>", ""])


def _pieces(terms: Sequence[Term]) -> list[str]:
    """Each a `<math>`, with the sign before it."""
    pieces = []
    for number, term in enumerate(terms):
        sign = '<mo form="infix">=</mo>' if number else ""
        if not isinstance(term, Chain):
            pieces.append(sign + mathml(term))
            continue
        signs = [sign, *(f'<mo form="infix">{one}</mo>' for one in term.signs)]
        pieces += [one + mathml(part) for one, part in zip(signs, term.terms)]
    return [f'<math displaystyle="true">{piece}</math>' for piece in pieces]


def _coded(text: str, before: str, behind: str) -> str:
    """What stands between backquotes as code."""
    return re.sub("`([^`]*)`", lambda found: f"{before}{found[1]}{behind}", text)


def _code_in_tex(text: str) -> str:
    return _coded(tex(text).replace("\\textasciigrave{}", "`"), "\\texttt{", "}")
