"""Conditions that variants have to meet: `params < 5M and peak < 512KiB`."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection
from itertools import pairwise
from typing import Any

from cnnarch.analysis.budgets import BYTES, COUNTS
from cnnarch.analysis.figures import FIGURES
from cnnarch.errors import Cause, Problem, ReadError, Source, Span
from cnnarch.layers.settings import shown
from cnnarch.spec.expressions import Expression, ExpressionError, compile_expression

__all__ = ["NotKnown", "condition"]

UNITS: dict[str, int] = {unit.lower(): scale for unit, scale in {**COUNTS, **BYTES}.items() if unit}
NUMBER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)(K|M|G|T|B|[KMGT]i?B)(?!\w)", re.IGNORECASE)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class NotKnown(Exception):  # noqa: N818, no error of anybody's
    """A figure that a condition asks for is not known of this variant."""


def condition(text: str, names: Collection[str] = ()) -> Expression:
    """Read a condition of figures and of what varies, whose `names` are given.

    >>> condition("params < 5M and width * 2 <= 1", ["width"]).function({"params": 4_900_000, "width": 0.5})
    True
    >>> condition("peak < 512KiB").function({"peak": 524_288})
    False

    Units are those of budgets: K, M, G and T for counts, and sizes in B, KB, KiB and so on. Raises ReadError, which
    points at the place, for a mistake.
    """
    words = {name: re.sub(r"\W", "_", name) for name in names}  # a layer's setting, `conv2.stride`, is no name there
    try:
        plain, numbers = _plain(text, names)
        for name, word in words.items():
            if name != word:
                plain = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.])", word, plain)
        found = compile_expression(plain, [*FIGURES, *words.values(), *numbers])
        _check_units(plain, text, numbers)
    except ExpressionError as error:
        raise _told(text, error, [*FIGURES, *names]) from None
    if not found.names - numbers.keys():
        raise _told(text, ExpressionError("a condition that names no figure", 0, len(text), "as in `params < 5M`"), ())
    constants = {name: value for name, (value, _) in numbers.items()}
    return Expression(text, frozenset(found.names - numbers.keys()), _with(found, constants, words))


def _with(found: Expression, constants: dict[str, Any], words: dict[str, str]) -> Callable[[Any], bool]:
    """The function of a condition, whose values may be computed only when they are asked for."""
    names = {word: name for name, word in words.items()}

    def function(given: Any) -> bool:
        value = found.function(_Values(constants, given, names))
        if type(value) is not bool:
            raise Cause(f"a condition is true or false, and this is {shown(value)}", hint="as in `params < 5M`")
        return value

    return function


class _Values(dict[str, Any]):
    """The numbers of a condition, and the values of a variant behind them."""

    def __init__(self, constants: dict[str, Any], given: Any, names: dict[str, str]) -> None:
        super().__init__(constants)
        self.given = given
        self.names = names

    def __missing__(self, key: str) -> Any:
        value = self.given[self.names.get(key, key)]
        if value is None:
            raise NotKnown(key)
        return value


def _plain(text: str, taken: Collection[str]) -> tuple[str, dict[str, tuple[int | float, str]]]:
    """A text with numbers that have a unit as names of the same length, so that places stay; and these numbers."""
    numbers: dict[str, tuple[int | float, str]] = {}
    names: dict[str, str] = {}

    def stand_in(found: re.Match[str]) -> str:
        if found[0] not in names:
            tried = (f"_{one}".ljust(len(found[0]), "_") for one in (*LETTERS, *map(str, range(1000))))
            free = [one for one in tried if one not in numbers and one not in taken and len(one) == len(found[0])]
            if not free:
                raise ExpressionError("too many different numbers", *found.span(), "write some of them in digits")
            name = free[0]
            names[found[0]] = name
            numbers[name] = _number(found[1], UNITS[found[2].lower()]), found[2]
        return names[found[0]]

    return NUMBER.sub(stand_in, text), numbers


def _number(digits: str, scale: int) -> int | float:
    whole, _, fraction = digits.partition(".")
    many, parts = int(whole + fraction) * scale, int("1" + "0" * len(fraction))
    return many // parts if many % parts == 0 else many / parts


def _check_units(plain: str, text: str, numbers: dict[str, tuple[int | float, str]]) -> None:
    """Refuse a size beside a count, and a count with a unit beside a size."""
    for node in ast.walk(ast.parse(plain.strip(), mode="eval")):
        if not isinstance(node, ast.Compare):
            continue
        for pair in pairwise([node.left, *node.comparators]):
            for one, two in (pair, pair[::-1]):
                if isinstance(one, ast.Name) and one.id in FIGURES and isinstance(two, ast.Name) and two.id in numbers:
                    _check_unit(one.id, two, text, numbers[two.id][1])


def _check_unit(key: str, node: ast.Name, text: str, unit: str) -> None:
    is_size = FIGURES[key].unit == "bytes"
    start, end = node.col_offset, node.end_col_offset or node.col_offset + 1
    number = text.strip()[start:end]
    digits = number[: len(number) - len(unit)]
    if is_size and unit.upper() in COUNTS:
        hint = f"write {digits}{unit.upper()}B (powers of 1000) or {digits}{unit.upper()}iB (powers of 1024)"
        raise ExpressionError(f"`{key}` is in bytes, and `{number}` is a number", start, end, hint)
    if not is_size and unit.upper().endswith("B"):
        hint = f"write {digits}{unit.rstrip('iIbB').upper() or 'G'}"
        if key in ("weights", "params"):
            hint = "`weight_memory` is the memory that they take"
        raise ExpressionError(f"`{key}` is a number, and `{number}` is in bytes", start, end, hint)


def _told(text: str, error: ExpressionError, known: Collection[str]) -> ReadError:
    """The mistake with its place in the condition."""
    hint = error.hint
    if error.message.startswith("unknown name") and not hint.startswith("did you mean"):
        hint = f"figures are {', '.join(list(known)[:30])}"
    if error.message == "not an expression" and re.search(r"(?<![<>=!])=(?!=)", text):
        hint = "two values are the same by `==`"
    lead = len(text) - len(text.lstrip())
    start = min(error.start + lead, max(len(text) - 1, 0))
    span = Span(Source("--where", text), 1, start + 1, 1, max(error.end + lead, start + 1) + 1)
    found = ReadError(error.message, hint)
    found.problem = Problem(error.message, span, hint)
    return found
