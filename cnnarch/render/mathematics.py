"""Formulas and arithmetic as mathematics: read from the plain text of a step, set as LaTeX and as MathML.

Both are read by one grammar: `= + − - × * · /`, brackets, `⌊ ⌋`, `⌈ ⌉`, `floor(...)`, `ceil(...)`, `²`, whole
numbers, and names of several words, as `cells along height`.
"""

import re
from collections.abc import Sequence
from html import escape
from typing import NamedTuple, TypeAlias

from cnnarch.errors import printable
from cnnarch.layers import Step
from cnnarch.render.latex import tex

__all__ = [
    "Chain",
    "Inside",
    "Number",
    "Over",
    "Term",
    "Words",
    "chain",
    "latex",
    "mathml",
    "read",
    "shortened",
    "spoken",
]

MOST_TERMS = 12  # of a long sum; what lies between the first and the last stands as dots


class Number(NamedTuple):
    """A whole number."""

    value: int


class Words(NamedTuple):
    """A name such as `kernel`, or text that is no formula; perhaps with a power."""

    text: str
    power: str = ""


class Dots(NamedTuple):
    """So many terms that are not written out."""

    many: int


class Inside(NamedTuple):
    """What stands in brackets: `()`, `⌊⌋` or `⌈⌉`."""

    brackets: str
    term: "Term"
    power: str = ""


class Over(NamedTuple):
    """A fraction."""

    above: "Term"
    below: "Term"


class Chain(NamedTuple):
    """Terms with signs between: `+`, `−` or `×`."""

    terms: tuple["Term", ...]
    signs: tuple[str, ...]


Term: TypeAlias = Number | Words | Dots | Inside | Over | Chain

_TOKEN = re.compile(
    r"\s*(?:(\d+)|(floor|ceil)(?=\()|([^\W\d²](?:[^\W²]|'|’)*(?: [^\W\d²](?:[^\W²]|'|’)*)*)|([-+−×*·/()⌊⌋⌈⌉²]))"
)
_SIGNS = {"+": "+", "-": "−", "−": "−", "*": "×", "×": "×", "·": "×"}
_CLOSING = {"(": ")", "⌊": "⌋", "⌈": "⌉"}
_ROUNDING = {"floor": "⌊", "ceil": "⌈"}
_DEEPEST = 50  # brackets in brackets


class _UnclearError(ValueError):
    """A text that is no formula."""


def read(text: str) -> Term:
    """Read a formula or its arithmetic; what is neither comes back as its words.

    >>> read("(227 - 11) / 4 + 1").terms[0]
    Over(above=Chain(terms=(Number(value=227), Number(value=11)), signs=('−',)), below=Number(value=4))
    >>> read("sum, over all")
    Words(text='sum, over all', power='')
    """
    try:
        reader = _Reader(_tokens(text))
        found = reader.sum(0)
        reader.end()
    except _UnclearError:
        return Words(text)
    return found


def chain(step: Step) -> list[Term]:
    """What a step says is equal: its formula, its numbers and its result, each once; of a rule the formula alone.

    >>> [spoken(term) for term in chain(Step("depth", "filters", "96", 96))]
    ['filters', '96']
    """
    if not step.arithmetic:
        return [read(step.formula)]
    result = Number(step.value)
    numbers = _bare(read(step.arithmetic))
    found = [_bare(read(step.formula)), *([numbers] if numbers != result else []), result]
    return found[1:] if found[0] == result else found


def _bare(term: Term) -> Term:
    """A term without brackets around all of it."""
    return term.term if isinstance(term, Inside) and term.brackets == "(" and not term.power else term


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _UnclearError
        found.append(match[0].strip())
        at = match.end()
    return found


class _Reader:
    """Reads tokens from left to right, as products in sums."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens[::-1]

    def next(self) -> str:
        return self.tokens[-1] if self.tokens else ""

    def take(self) -> str:
        if not self.tokens:
            raise _UnclearError
        return self.tokens.pop()

    def end(self) -> None:
        if self.tokens:
            raise _UnclearError

    def sum(self, deep: int) -> Term:
        if deep > _DEEPEST:
            raise _UnclearError
        terms, signs = [self.product(deep)], []
        while self.next() and self.next() in "+-−":
            signs.append(_SIGNS[self.take()])
            terms.append(self.product(deep))
        return Chain(tuple(terms), tuple(signs)) if signs else terms[0]

    def product(self, deep: int) -> Term:
        terms = [self.factor(deep)]
        while self.next() and self.next() in "×*·/":
            if self.take() == "/":
                # A fraction has all factors before it above the line: a × b / c is (a × b) / c.
                above = _bare(terms[0]) if len(terms) == 1 else Chain(tuple(terms), ("×",) * (len(terms) - 1))
                terms = [Over(above, _bare(self.factor(deep)))]
            else:
                terms.append(self.factor(deep))
        return Chain(tuple(terms), ("×",) * (len(terms) - 1)) if len(terms) > 1 else terms[0]

    def factor(self, deep: int) -> Term:
        token = self.take()
        if token.isdecimal():
            return Number(int(token))
        if token in _ROUNDING:
            self.take()
            return self.inside(_ROUNDING[token], ")", deep)
        if token in _CLOSING:
            return self.inside(token, _CLOSING[token], deep)
        if not token[0].isalpha():
            raise _UnclearError
        return Words(token, self.power())

    def inside(self, brackets: str, closing: str, deep: int) -> Term:
        term = self.sum(deep + 1)
        if self.take() != closing:
            raise _UnclearError
        return Inside(brackets, _bare(term) if brackets != "(" else term, self.power())

    def power(self) -> str:
        return "2" if self.next() == "²" and self.take() else ""


def shortened(term: Term, most: int = MOST_TERMS) -> Term:
    """A term in which a long sum has dots in the place of what is between its first and last terms.

    >>> spoken(shortened(read(" + ".join(["5"] * 20)), most=4))
    '5 + 5 + … (17 more) + 5'
    """
    if not isinstance(term, Chain) or len(term.terms) <= most:
        return term
    first, many = most - 2, len(term.terms) - most + 1
    terms = (*term.terms[:first], Dots(many), term.terms[-1])
    return Chain(terms, (*term.signs[:first], *term.signs[-1:], *term.signs[-1:]))


# As plain text, for those who hear it and where no mathematics is set.


def spoken(term: Term) -> str:
    """As one line of text, which keeps the order of operations.

    >>> spoken(read("floor((224 + 2 - 11) / 4) + 1"))
    '⌊(224 + 2 − 11) / 4⌋ + 1'
    """
    match term:
        case Number(value):
            return f"{value:,}"
        case Words(text, power):
            return printable(text) + ("²" if power else "")
        case Dots(many):
            return f"… ({many:,} more)"
        case Inside(brackets, inner, power):
            return f"{brackets}{spoken(inner)}{_CLOSING[brackets]}" + ("²" if power else "")
        case Over(above, below):
            top = f"({spoken(above)})" if isinstance(above, Chain) and above.signs[0] != "×" else spoken(above)
            return f"{top} / " + (f"({spoken(below)})" if isinstance(below, (Chain, Over)) else spoken(below))
        case Chain(terms, signs):
            return _joined([spoken(one) for one in terms], [f" {sign} " for sign in signs])


def _joined(parts: Sequence[str], signs: Sequence[str]) -> str:
    return parts[0] + "".join(f"{sign}{part}" for sign, part in zip(signs, parts[1:]))


# As LaTeX, with nothing but \text that needs a package: amsmath.

_SIGNS_TEX = {"+": "+", "−": "-", "×": r"\times"}
_BRACKETS_TEX = {"(": ("(", ")"), "⌊": (r"\lfloor", r"\rfloor"), "⌈": (r"\lceil", r"\rceil")}


def latex(term: Term) -> str:
    r"""As LaTeX, for use between `$` and `$`.

    >>> print(latex(read("⌊(input + padding − kernel) / stride⌋ + 1")))
    \left\lfloor \frac{\text{input} + \text{padding} - \text{kernel}}{\text{stride}} \right\rfloor + 1
    >>> print(latex(Number(34848)))
    34{,}848
    """
    match term:
        case Number(value):
            return f"{value:,}".replace(",", "{,}")
        case Words(text, power):
            return rf"\text{{{tex(text)}}}" + (f"^{power}" if power else "")
        case Dots(many):
            return rf"\cdots \text{{ ({many:,} more) }}"
        case Inside(brackets, inner, power):
            left, right = _BRACKETS_TEX[brackets]
            made = (
                rf"\left{left} {latex(inner)} \right{right}" if _is_high(inner) else _tight(left, latex(inner), right)
            )
            return made + (f"^{power}" if power else "")
        case Over(above, below):
            return rf"\frac{{{latex(above)}}}{{{latex(below)}}}"
        case Chain(terms, signs):
            return _joined([latex(one) for one in terms], [f" {_SIGNS_TEX[sign]} " for sign in signs])


def _tight(left: str, inner: str, right: str) -> str:
    return f"{left}{inner}{right}" if left == "(" else f"{left} {inner} {right}"


def _is_high(term: Term) -> bool:
    """Whether it has a fraction in it, which brackets grow with; between those TeX breaks no line."""
    if isinstance(term, Chain):
        return any(map(_is_high, term.terms))
    return isinstance(term, Over) or (isinstance(term, Inside) and _is_high(term.term))


# As MathML Core, which browsers set without a script. Source: w3.org/TR/mathml-core.


def mathml(term: Term) -> str:
    """As the inside of a `<math>`; names are `<mi>`, as next to a `<mtext>` a sign counts as one before its term.

    >>> mathml(read("input × factor²"))
    '<mrow><mi>input</mi><mo>×</mo><msup><mi>factor</mi><mn>2</mn></msup></mrow>'
    """
    match term:
        case Number(value):
            return f"<mn>{value:,}</mn>"
        case Words(text, power):
            return _raised(f"<mi>{escape(printable(text))}</mi>", power)
        case Dots(many):
            return f"<mrow><mo>⋯</mo><mtext> ({many:,} more)</mtext></mrow>"
        case Inside(brackets, inner, power):
            made = f"<mo>{brackets}</mo>{mathml(inner)}<mo>{_CLOSING[brackets]}</mo>"
            return _raised(f"<mrow>{made}</mrow>", power)
        case Over(above, below):
            return f"<mfrac>{mathml(above)}{mathml(below)}</mfrac>"
        case Chain(terms, signs):
            return f"<mrow>{_joined([mathml(one) for one in terms], [f'<mo>{sign}</mo>' for sign in signs])}</mrow>"


def _raised(made: str, power: str) -> str:
    return f"<msup>{made}<mn>{power}</mn></msup>" if power else made
