"""YAML scalars and lists → values: numbers, words, truth values, expressions, texts, shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from cnnarch.errors import MOST_PROBLEMS, Cause, Problem, Source, Span, SpecError, suggestion
from cnnarch.layers.settings import LARGEST_COUNT, SettingType
from cnnarch.shapes import Shape
from cnnarch.spec.expressions import LONGEST, WORDS, Expression, ExpressionError, bounded, compile_expression
from cnnarch.spec.model import Value
from cnnarch.spec.source import Mapping, Node, Scalar, Sequence, span_of

__all__ = ["INVALID", "TRUTHS_IN_1_1", "Reader", "parse_setting", "parse_shape"]

INVALID: Any = type("Invalid", (), {"__repr__": lambda _: "INVALID"})()  # stands for a value that was reported
LONGEST_NUMBER = 50  # digits

_TRUTHS = {"true": True, "True": True, "false": False, "False": False}
TRUTHS_IN_1_1 = ("yes", "no", "on", "off")
# What YAML 1.1 takes for a number or a date, beyond plain digits. Not compiled at every start: `re` keeps it once used.
_NUMBER_IN_1_1 = (
    r"[-+]?(\d[\d_]*(:[0-5]?\d)+(\.\d*)?|0\d+|0[xob][0-9a-fA-F_]+|\d+_[\d_]*(\.\d*)?|[\d.]+[eE][-+]?\d+|\.(inf|nan))"
    r"|\+[\d.]+|\d{4}-\d\d-\d\d"
)


class Reader:
    """Reads values out of nodes and collects what is wrong with them."""

    def __init__(self, source: Source, problems: list[Problem]) -> None:
        self.source = source
        self.problems = problems
        self.used: set[str] = set()  # names of settings that some expression reads

    def report(self, message: str, node: Node, hint: str = "", end: Node | None = None) -> Any:
        """Note a problem; gives INVALID, for the caller to pass on."""
        return self.report_at(message, span_of(self.source, node, end), hint)

    def report_at(self, message: str, span: Span, hint: str = "") -> Any:
        problem = Problem.of(message, span, hint)
        if problem not in self.problems:  # an alias leads to the same mistake again
            self.problems.append(problem)
        if len(self.problems) >= MOST_PROBLEMS:
            raise SpecError(self.problems)
        return INVALID

    def value(self, node: Node, names: Collection[str], words: tuple[str, ...] = ()) -> Value:
        """A literal, or an expression of the settings in `names`."""
        if isinstance(node, Mapping):
            return self.report("a value is needed here, not settings", node)
        if isinstance(node, Sequence):
            return self._list([self.value(item, names, words) for item in node.items])
        if node.plain:
            value = self._literal(node)
            if value is not node:
                return value
        text = node.value
        if text in words or (text in WORDS and text not in names):
            return text
        return self._expression(node, names, words)

    def typed(self, node: Node, type: SettingType, name: str, names: Collection[str]) -> Value:
        """A value that is checked against a type, at once where it is a literal."""
        value = node.value if type.verbatim and isinstance(node, Scalar) else self.value(node, names, type.words)
        if value is None:
            return self.report(f"`{name}` has no value", node, f"it is {type.says}")
        if value is INVALID or isinstance(value, Expression):
            return value
        try:
            return type.convert(value)
        except Cause as cause:
            return self.report(f"`{name}` {cause.message}", node, cause.hint)

    def might_use(self, node: Node, names: Collection[str]) -> None:
        """Take settings as used that a part which cannot be read names, or nearly names."""
        if isinstance(node, Scalar):
            words = re.findall(r"[^\W\d]\w*", node.value[:LONGEST])
            self.used.update(words)
            hints = [suggestion(word, list(names)) for word in words[:10] if word not in names]
            self.used |= {name for name in names if any(f"`{name}`" in hint for hint in hints)}
            return
        for part in node.items:
            self.might_use(part[1] if isinstance(part, tuple) else part, names)

    def text(self, node: Node, what: str) -> str:
        """A text for people; empty if it was reported."""
        if not isinstance(node, Scalar) or not node.value.strip():
            self.report(f"{what} must be a text", node)
            return ""
        if node.plain and node.value.lower() in TRUTHS_IN_1_1:
            self.report(f"`{node.value}` is a truth value in YAML 1.1", node, f'quote it: "{node.value}"')
            return ""
        return node.value

    def texts(self, node: Node, what: str) -> list[Scalar]:
        """One text or a list of them."""
        nodes = node.items if isinstance(node, Sequence) else [node]
        if not nodes:
            self.report(f"{what} names nothing", node)
        return [one for one in nodes if self.text(one, what) and isinstance(one, Scalar)]

    def mapping(self, node: Node, what: str, example: str = "") -> list[tuple[Scalar, Node]]:
        """The entries of a mapping; none if it was reported."""
        if isinstance(node, Mapping):
            return node.items
        self.report(f"{what} must be a mapping", node, example and f"as in `{example}`")
        return []

    def shape(self, node: Node) -> Shape | None:
        """A shape, `224x224x3` or `[224, 224, 3]`; nothing if it was reported."""
        text = node.value if isinstance(node, Scalar) else ""
        if isinstance(node, Scalar) and node.plain and text[:1] == "0" and text[1:2].isdecimal():
            self.report(f"`{text}` is not read as a number by every YAML", node, "write it in digits: 1000")
            return None
        if isinstance(node, Sequence) and all(isinstance(item, Scalar) for item in node.items):
            text = "x".join(item.value for item in node.items if isinstance(item, Scalar))
        try:
            return parse_shape(text)
        except Cause as cause:
            self.report(cause.message, node, cause.hint)
            return None

    def _literal(self, node: Scalar) -> Any:
        """What a plain scalar stands for, or the node itself if it is no literal."""
        text = node.value
        if text in _TRUTHS:
            return _TRUTHS[text]
        if text in ("", "~", "null"):
            return None
        if text.lower() in TRUTHS_IN_1_1:
            return self.report(
                f"`{text}` is a truth value in YAML 1.1 and a word in YAML 1.2", node, "write `true` or `false`"
            )
        if text[0].isalpha():
            return node
        number = _number(text)
        if number is not None:
            return number
        if re.fullmatch(_NUMBER_IN_1_1, text, re.IGNORECASE):
            return self.report(f"`{text}` is not read as a number by every YAML", node, "write it in digits: 1000")
        return node

    def _expression(self, node: Scalar, names: Collection[str], words: tuple[str, ...]) -> Value:
        try:
            expression = compile_expression(node.value, names, words)
        except ExpressionError as error:
            self.might_use(node, names)
            return self.report_at(error.message, self._inside(node, error), error.hint)
        self.used |= expression.names
        if expression.names:
            return expression
        try:
            return expression.function({})
        except Cause as cause:
            return self.report(cause.message, node, cause.hint)

    def _inside(self, node: Scalar, error: ExpressionError) -> Span:
        """The part of a scalar that an error is about, where text and source agree on columns."""
        quote = 0 if node.plain else 1
        start = node.column + quote + len(node.value) - len(node.value.lstrip())
        written = self.source.line(node.line)[start - 1 : start - 1 + len(node.value)]
        if node.line != node.end_line or written != node.value:
            return span_of(self.source, node)
        return Span(self.source, node.line, start + error.start, node.line, start + max(error.end, error.start + 1))

    def _list(self, values: list[Value]) -> Value:
        if any(value is INVALID for value in values):
            return INVALID
        names = frozenset().union(*(value.names for value in values if isinstance(value, Expression)))
        if not names:
            return values
        parts = [value.function if isinstance(value, Expression) else _constant(value) for value in values]
        return Expression("a list", names, lambda known: bounded([part(known) for part in parts]))


def _number(text: str) -> int | float | None:
    """A number in plain digits, whole or with a fraction; nothing for anything else."""
    digits = text[1:] if text[0] == "-" else text
    whole, point, fraction = digits.partition(".")
    if not (whole + fraction).isdecimal() or not (whole + fraction).isascii() or len(digits) > LONGEST_NUMBER:
        return None
    if point:
        return float(text) if fraction else None
    return int(text) if whole == "0" or whole[0] != "0" else None


def parse_shape(text: str) -> Shape:
    """Read `224x224x3`: spatial sizes, then channels.

    Raises Cause for anything else.

    >>> parse_shape("224x224x3")
    Shape(224, 224, 3)
    """
    hint = "height x width x channels, as in 224x224x3; a sequence is length x channels, a vector one number"
    parts = [part.strip() for part in text.replace("×", "x").split("x")]
    if not all(part.isdecimal() and part.isascii() and len(part) <= LONGEST_NUMBER for part in parts):
        raise Cause(f"`{text[:60]}` is not a shape" if text else "a shape is needed here", hint=hint)
    if len(parts) > 4:
        raise Cause(f"a shape has at most three spatial axes, and {text[:60]} has {len(parts) - 1}", hint=hint)
    axes = [int(part) for part in parts]
    if min(axes) < 1 or max(axes) > LARGEST_COUNT:
        raise Cause(f"every size of a shape is from 1 to {LARGEST_COUNT:,}, unlike {text[:60]}", hint=hint)
    return Shape(*axes)


def parse_setting(text: str) -> Any:
    """Read the value of a `--set`: a number, `true`, `false`, a word or a list.

    Raises SpecError if it is none of them.

    >>> parse_setting("[3, 4, 6, 3]")
    [3, 4, 6, 3]
    """
    problems: list[Problem] = []
    source = Source("--set", text)
    node = Scalar(text.strip(), plain=True)
    node.line = node.end_line = node.column = 1
    node.end_column = len(text) + 1
    value = Reader(source, problems).value(node, ())
    if value is None:
        problems.append(Problem("a value is needed after the `=`"))
    if problems:
        first = problems[0]
        if first.message.startswith("unknown name"):
            first = first._replace(hint="a value is a number, `true`, `false`, or a list of them")
        raise SpecError([first])
    return value


def _constant(value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda _: value
