"""Expressions in settings: a small language over Python's syntax, with no access to Python.

>>> double = compile_expression("2 * filters", {"filters"})
>>> double.function({"filters": 32})
64
"""

from __future__ import annotations

import ast
import keyword
import math
import operator
import re
from collections.abc import Callable, Collection
from itertools import pairwise
from typing import Any

from cnnarch.errors import Cause, listed, shortened, suggestion
from cnnarch.layers.settings import shown
from cnnarch.shapes import Shape

__all__ = [
    "FUNCTIONS", "LONGEST", "WORDS", "Expression", "ExpressionError", "bounded", "compile_expression",
    "is_setting_name",
]  # fmt: skip

LONGEST = 1000  # characters of one expression
MOST_PARTS = 200  # operands and operators of one expression
MOST_BITS = 256  # of a number on the way to a result
LONGEST_LIST = 10_000

WORDS = ("same", "half", "valid", "depthwise")
TENSOR = ("channels", "height", "width", "length", "units")

_ODD_NUMBER = r"(?<![\w.])(\d[\d.]*[A-Za-z_]\w*|0\d+)"  # 1_000, 1e3, 0x1F, 3x3, 017

Function = Callable[[dict[str, Any]], Any]


class Expression:
    """A compiled expression: its text, the names that it reads, and the function of their values."""

    __slots__ = ("function", "names", "text")

    def __init__(self, text: str, names: frozenset[str], function: Function) -> None:
        self.text = text
        self.names = names
        self.function = function


class ExpressionError(ValueError):
    """A mistake in the text of an expression, from `start` to `end`."""

    def __init__(self, message: str, start: int, end: int, hint: str = "") -> None:
        self.message = message
        self.start = start
        self.end = end
        self.hint = hint
        super().__init__(message)


def is_setting_name(name: str) -> bool:
    """Whether a setting can be called so: words of the language and of YAML are taken.

    >>> is_setting_name("width"), is_setting_name("same"), is_setting_name("no")
    (True, False, False)
    """
    if name.lower() in ("yes", "no", "on", "off", "true", "false", "null", "x") or keyword.iskeyword(name):
        return False
    return name.isidentifier() and len(name) <= 64 and name not in FUNCTIONS and name not in WORDS


def compile_expression(text: str, names: Collection[str], words: tuple[str, ...] = ()) -> Expression:
    """Compile a text whose names must be among `names`, `x`, the words and the functions.

    `words` are what the setting takes besides, to suggest them where a name is unknown.

    Raises ExpressionError for anything that is not part of the language.
    """
    if text.isidentifier() and text in names:  # by far the most common
        return Expression(text, frozenset((text,)), operator.itemgetter(text))
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression of {len(text):,} characters; at most {LONGEST:,} are read", 0, LONGEST)
    found = re.search(_ODD_NUMBER, text)
    if found:
        hint = (
            "one value for each axis is a list: [3, 3]" if "x" in found[0][1:] else "write a number by its digits alone"
        )
        raise ExpressionError(f"`{found[0]}` is not a number", *found.span(), hint)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        start = max((error.offset or 1) - 1, 0)
        pairs = (("(", ")"), ("[", "]"))
        closed = all(text.count(opening) == text.count(closing) for opening, closing in pairs)
        hint = _LANGUAGE if closed else "is a bracket not closed?"
        raise ExpressionError("not an expression", start, start + 1, hint) from None
    except (ValueError, MemoryError, RecursionError):
        raise ExpressionError("not an expression that can be read", 0, len(text)) from None
    return _Compiler(text, names, words).expression(tree)


class _Compiler:
    def __init__(self, text: str, names: Collection[str], words: tuple[str, ...]) -> None:
        self.text = text
        self.known = names
        self.words = words
        self.used: set[str] = set()
        self.parts = 0

    def expression(self, tree: ast.expr) -> Expression:
        function = self.compile(tree)
        return Expression(self.text, frozenset(self.used), function)

    def compile(self, node: ast.expr) -> Function:
        self.parts += 1
        if self.parts > MOST_PARTS:
            raise ExpressionError(f"an expression of over {MOST_PARTS} parts", 0, len(self.text), "use settings")
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise self.error(node, "this is not part of the language of expressions", _LANGUAGE)
        function: Function = method(node)
        return function

    def error(self, node: ast.expr, message: str, hint: str = "") -> ExpressionError:
        start, end = self.place(node)
        return ExpressionError(message, start, end, hint)

    def written(self, node: ast.expr) -> str:
        """A part of the expression as it is written."""
        start, end = self.place(node)
        return shortened(self.text.strip()[start:end], 60)

    def place(self, node: ast.expr) -> tuple[int, int]:
        line = self.text.strip().encode()  # ast counts bytes
        start, end = line[: node.col_offset], line[: node.end_col_offset]
        return len(start.decode(errors="replace")), len(end.decode(errors="replace"))

    def _constant(self, node: ast.Constant) -> Function:
        value = node.value
        if type(value) not in (int, float, bool):
            raise self.error(node, f"{shown(value)} is not a number", _LANGUAGE)
        try:
            bounded(value)
        except Cause as cause:
            raise self.error(node, cause.message) from None
        return lambda _: value

    def _name(self, node: ast.Name) -> Function:
        name = node.id
        if name in ("true", "false"):
            return lambda _: name == "true"
        if name in self.known or name == "x":
            self.used.add(name)
            return lambda values: values[name]
        if name in WORDS:
            return lambda _: name
        raise self.error(node, f"unknown name `{name}`", self._known_names(name))

    def _known_names(self, name: str) -> str:
        """What could have been meant."""
        near = suggestion(name, [*self.known, *self.words, *WORDS, "x"])
        if near:
            return near
        lists = (("the settings here are", self.known), ("the words here are", self.words))
        told = [f"{what} {listed(some)}" for what, some in lists if some]
        return "; ".join(told) or "there are no settings here"

    def _attribute(self, node: ast.Attribute) -> Function:
        name = node.attr
        if name not in TENSOR:
            hint = suggestion(name, list(TENSOR)) or f"there are {listed(f'x.{one}' for one in TENSOR)}"
            raise self.error(node, f"there is no `.{name}`", hint)
        of = self.compile(node.value)

        def attribute(values: dict[str, Any]) -> Any:
            tensor = of(values)
            if not isinstance(tensor, Shape):
                raise Cause(f"`.{name}` needs a tensor, not {shown(tensor)}")
            return getattr(tensor, name)

        return attribute

    def _binop(self, node: ast.BinOp) -> Function:
        act = _OPERATORS.get(type(node.op))
        if act is None:
            raise self.error(node, "this operator is not part of the language of expressions", _LANGUAGE)
        left, right = self.compile(node.left), self.compile(node.right)
        return lambda values: bounded(act(left(values), right(values)))

    def _unaryop(self, node: ast.UnaryOp) -> Function:
        of = self.compile(node.operand)
        if isinstance(node.op, ast.Not):
            return lambda values: not _truth(of(values))
        if isinstance(node.op, ast.USub):
            return lambda values: -_number(of(values))
        raise self.error(node, "this operator is not part of the language of expressions", _LANGUAGE)

    def _boolop(self, node: ast.BoolOp) -> Function:
        parts = [self.compile(part) for part in node.values]
        if isinstance(node.op, ast.And):
            return lambda values: all(_truth(part(values)) for part in parts)
        return lambda values: any(_truth(part(values)) for part in parts)

    def _compare(self, node: ast.Compare) -> Function:
        parts = [self.compile(part) for part in (node.left, *node.comparators)]
        tests = [_COMPARISONS.get(type(op)) for op in node.ops]
        if None in tests:
            raise self.error(node, "this comparison is not part of the language of expressions", _LANGUAGE)

        def compare(values: dict[str, Any]) -> bool:
            found = [part(values) for part in parts]
            return all(_compared(test, *pair) for test, pair in zip(tests, pairwise(found)))

        return compare

    def _ifexp(self, node: ast.IfExp) -> Function:
        test, yes, no = (self.compile(part) for part in (node.test, node.body, node.orelse))
        return lambda values: yes(values) if _truth(test(values)) else no(values)

    def _list(self, node: ast.List) -> Function:
        parts = [self.compile(part) for part in node.elts]
        return lambda values: bounded([part(values) for part in parts])

    def _subscript(self, node: ast.Subscript) -> Function:
        of, at = self.compile(node.value), self.compile(node.slice)
        text = self.written(node.value)

        def item(values: dict[str, Any]) -> Any:
            found, index = of(values), at(values)
            if not isinstance(found, (list, tuple)) or isinstance(found, Shape):
                raise Cause(f"`{text}` is {shown(found)}, not a list")
            if type(index) is not int:
                raise Cause(f"an index must be a whole number, not {shown(index)}")
            if not -len(found) <= index < len(found):
                raise Cause(f"`{text}` has {len(found)} values, so there is no number {index}; the first is 0")
            return found[index]

        return item

    def _call(self, node: ast.Call) -> Function:
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            name = self.written(node.func)
            hint = suggestion(name, list(FUNCTIONS)) or f"there are {listed(FUNCTIONS)}"
            raise self.error(node, f"unknown function `{name}`", hint)
        if node.keywords:
            raise self.error(node, "arguments have no names here")
        name, (act, least, most) = node.func.id, FUNCTIONS[node.func.id]
        if not least <= len(node.args) <= most:
            raise self.error(node, f"`{name}` takes {_range(least, most)}, not {len(node.args)}")
        parts = [self.compile(part) for part in node.args]

        def call(values: dict[str, Any]) -> Any:
            try:
                return bounded(act(*(part(values) for part in parts)))
            except (TypeError, ValueError, ArithmeticError) as error:
                if isinstance(error, Cause):
                    raise
                raise Cause(f"`{name}` cannot be computed of these values") from None

        return call


_LANGUAGE = "there are + - * / // % **, comparisons, `and or not`, `a if c else b`, lists, indices and functions"


def _range(least: int, most: int) -> str:
    if least == most:
        return f"{least} argument{'s' if least > 1 else ''}"
    return f"at least {least} argument{'s' if least > 1 else ''}" if most > 99 else f"{least} to {most} arguments"


def _number(value: Any) -> Any:
    if type(value) not in (int, float):
        raise Cause(f"a number is needed, not {shown(value)}")
    return value


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise Cause(f"true or false is needed, not {shown(value)}")
    return value


def bounded(value: Any) -> Any:
    """Keep numbers and lists small, so that no spec can make the reader work for long."""
    if type(value) is int and value.bit_length() > MOST_BITS:
        raise Cause("a number on the way is too large")
    if type(value) is float and not math.isfinite(value):
        raise Cause("a number on the way is too large")
    if isinstance(value, list) and _size(value) > LONGEST_LIST:
        raise Cause(f"a list on the way has over {LONGEST_LIST:,} values")
    return value


def _size(value: Any) -> int:
    """How many values a list holds, and the lists in it; these were bounded when they were made."""
    return 1 + sum(map(_size, value)) if isinstance(value, list) else 1


def _add(a: Any, b: Any) -> Any:
    if isinstance(a, list) and isinstance(b, list):
        return a + b
    return _number(a) + _number(b)


def _divide(a: Any, b: Any) -> Any:
    """Whole where it divides, so that large numbers stay exact."""
    _number(a), _nonzero(b)
    return a // b if type(a) is type(b) is int and a % b == 0 else a / b


def _power(a: Any, b: Any) -> Any:
    _number(a), _number(b)
    if type(a) is type(b) is int and a.bit_length() * abs(b) > MOST_BITS:
        raise Cause("a number on the way is too large")
    try:
        result = a**b
    except (OverflowError, ZeroDivisionError):
        raise Cause("a power that cannot be computed") from None
    return _number(result)


def _nonzero(value: Any) -> Any:
    if _number(value) == 0:
        raise Cause("a division by zero")
    return value


def _compared(test: Any, a: Any, b: Any) -> bool:
    if test not in (operator.eq, operator.ne):
        _number(a), _number(b)
    return bool(test(a, b))


def make_divisible(value: float, divisor: int = 8, least: int | None = None) -> int:
    """Round to a multiple, but never down by more than a tenth.

    Source: MobileNet's reference code, as torchvision keeps it.

    >>> make_divisible(32 * 0.75), make_divisible(33)
    (24, 32)
    """
    rounded = max(divisor if least is None else least, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: _add,
    ast.Sub: lambda a, b: _number(a) - _number(b),
    ast.Mult: lambda a, b: _number(a) * _number(b),
    ast.Div: _divide,
    ast.FloorDiv: lambda a, b: _number(a) // _nonzero(b),
    ast.Mod: lambda a, b: _number(a) % _nonzero(b),
    ast.Pow: _power,
}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "min": (min, 1, 100),
    "max": (max, 1, 100),
    "ceil": (math.ceil, 1, 1),
    "floor": (math.floor, 1, 1),
    "round": (round, 1, 1),
    "abs": (abs, 1, 1),
    "sum": (sum, 1, 1),
    "len": (len, 1, 1),
    "make_divisible": (make_divisible, 1, 3),
}
