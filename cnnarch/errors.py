"""What can be wrong with a spec, where it stands, and how it is told."""

from collections.abc import Iterable
from typing import NamedTuple

__all__ = [
    "MOST_PROBLEMS", "Cause", "Problem", "ReadError", "Source", "Span", "SpecError",
    "beginning", "listed", "printable", "shortened", "suggestion",
]  # fmt: skip

MOST_PROBLEMS = 50  # after so many a reader stops
MOST_LIKENED = 1000  # names are compared with a word that is unknown
LINE_WIDTH = 100  # what is shown of a long source line


class Source:
    """A text and the name it is known by, for pointing into it.

    >>> Source("net.yaml", "name: A\\nlayers: []").line(2)
    'layers: []'
    """

    __slots__ = ("_lines", "name", "path", "text")

    def __init__(self, name: str, text: str, path: str = "") -> None:
        self.name = name
        self.path = path
        self.text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._lines: list[str] | None = None

    def line(self, number: int) -> str:
        if self._lines is None:
            self._lines = self.text.split("\n")
        return self._lines[number - 1] if number <= len(self._lines) else ""


class Span(NamedTuple):
    """A stretch of a source; lines and columns count from 1, the end column is past the last character."""

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int


class Problem(NamedTuple):
    """One mistake: what is wrong, where, and what would mend it."""

    message: str
    span: Span | None = None
    hint: str = ""

    @classmethod
    def of(cls, message: str, span: Span | None = None, hint: str = "") -> "Problem":
        """A problem whose words are short, however long the names in them."""
        return cls(shortened(message, 300), span, shortened(hint, 500))

    def __str__(self) -> str:
        lines = [f"error: {printable(self.message)}"]
        if self.span is not None:
            lines += _excerpt(self.span)
        if self.hint:
            lines.append(f"hint: {printable(self.hint)}")
        return "\n".join(lines)


class SpecError(ValueError):
    """A spec that cannot be built, with every independent mistake in the order of lines."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=_place)
        super().__init__(self.problems)

    def __str__(self) -> str:
        more = [f"only the first {MOST_PROBLEMS} mistakes are shown"] if len(self.problems) >= MOST_PROBLEMS else []
        return "\n\n".join([*map(str, self.problems), *more])


class ReadError(OSError):
    """A spec or an output that cannot be read or written, or a setting that does not exist.

    `known` has what there is instead of a word that there is not.
    """

    def __init__(self, message: str, hint: str = "", known: Iterable[str] = ()) -> None:
        self.problem = Problem(message, hint=hint)
        self.known = tuple(known)
        super().__init__(message)

    def __reduce__(self) -> tuple[type, tuple[str, str, tuple[str, ...]]]:  # for pickle, which knows of one argument
        return type(self), (self.problem.message, self.problem.hint, self.known)

    def __str__(self) -> str:
        return str(self.problem)


class Cause(ValueError):  # noqa: N818, the error is what is made of it
    """Why a rule cannot be applied, in a few words; whoever called adds the layer, its input and the place.

    `setting` names the setting to point at, `hint` what would mend it.
    """

    def __init__(self, message: str, setting: str = "", hint: str = "") -> None:
        self.message = message
        self.setting = setting
        self.hint = hint
        super().__init__(message)


def printable(text: str) -> str:
    r"""Escape what a terminal would act on: control, formatting and surrogate characters.

    >>> print(printable("conv\x1b[31m"))
    conv\x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def shortened(text: str, length: int) -> str:
    """A text without its middle, if it is longer than that.

    >>> shortened("unknown kind `aaaaaaaaaaaaaaaaaaaaaaaaaaaa`", 24)
    'unknown kind `…aaaaaaaa`'
    """
    return text if len(text) <= length else f"{text[: length - length // 3 - 2]}…{text[-(length // 3) - 1 :]}"


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names for a hint: all of a few, the first of many.

    >>> listed(["stride", "padding"]), listed("abc", most=2)
    ('`stride`, `padding`', '`a`, `b` and 1 more')
    """
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(f"`{name}`" for name in every[:most]) + more


def suggestion(word: str, known: list[str]) -> str:
    """Give the known word that was probably meant, as a question for a hint, or nothing.

    >>> suggestion("batchnrom", ["conv", "batchnorm"])
    'did you mean `batchnorm`?'
    """
    import difflib  # noqa: PLC0415, only needed where something is wrong

    folded = {one.lower(): one for one in reversed(known[:MOST_LIKENED])}
    close = difflib.get_close_matches(word[:100].lower(), folded, n=1)
    return f"did you mean `{folded[close[0]]}`?" if close else ""


def beginning(word: str, known: list[str]) -> str:
    """Give the known words that begin so, for a hint, or else the one that was probably meant.

    >>> beginning("resnet", ["alexnet", "resnet18", "resnet34"]), beginning("alexnt", ["alexnet", "resnet18"])
    ('there are `resnet18`, `resnet34`', 'did you mean `alexnet`?')
    """
    begun = [one for one in known if word and one.startswith(word) and "/" not in one[len(word) :]]
    return f"there are {listed(begun, 6)}" if len(begun) > 1 else suggestion(word, begun or known)


def _place(problem: Problem) -> tuple[str, int, int]:
    span = problem.span
    return (span.source.name, span.line, span.column) if span else ("", 0, 0)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _excerpt(span: Span) -> list[str]:
    """The line that a span stands in, with carets below it; a long line is shown in part."""
    line = span.source.line(span.line).replace("\t", " ")
    start = max(span.column - 1, 0)
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    end = max(end, start + 1)
    skip = 0
    if len(line) > LINE_WIDTH:
        skip = 0 if end <= LINE_WIDTH else max(0, min(start - LINE_WIDTH // 4, len(line) - LINE_WIDTH))
        line = line[skip : skip + LINE_WIDTH]
    before = printable(line[: start - skip])
    marked = printable(line[start - skip : end - skip])
    after = printable(line[end - skip :])
    gutter = " " * len(str(span.line))
    return [
        f"{gutter}--> {printable(span.source.name)}:{span.line}:{span.column}",
        f"{gutter} |",
        f"{span.line} | {before}{marked}{after}",
        f"{gutter} | {' ' * _width(before)}{'^' * max(_width(marked), 1)}",
    ]


def _width(text: str) -> int:
    """How many terminal cells a text takes."""
    import unicodedata  # noqa: PLC0415, as above

    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
