"""What varies in a search, as a page has it: its nodes → Space."""

from __future__ import annotations

import re
from typing import Any

from cnnarch.errors import SpecError, listed, suggestion
from cnnarch.layers.settings import LARGEST_COUNT, shown
from cnnarch.spec.axes import Axis, Choices, Constraint, Lists, Range, Space
from cnnarch.spec.expressions import LONGEST_LIST, Expression
from cnnarch.spec.model import Spec
from cnnarch.spec.source import Mapping, Node, Scalar, Sequence, span_of
from cnnarch.spec.values import INVALID, LONGEST_NUMBER, Reader

__all__ = ["ASCENDING", "LIST", "MOST_CHOICES", "MOST_PLACES", "RANGE", "WHERE", "read_space"]

WHERE = "where"
RANGE = ("from", "to", "step")
LIST = ("each", "length", "order")
ASCENDING = "ascending"
MOST_CHOICES = LONGEST_LIST
MOST_PLACES = 1000  # of a list
MOST_BITS = 10_000  # of the number of variants, which is printed

FORMS = "choices as [18, 34, 50], a range as {from: 8, to: 64, step: 8}, or lists as {each: [3, 5], length: 4}"
DIGITS = r"-?(0|[1-9]\d*)(\.\d+)?"
NUMBER, TRUTH, LISTED = "a number", "true or false", "a list"


def read_space(reader: Reader, spec: Spec, node: Node) -> Space | None:
    """The space of a spec whose settings and inputs are known; nothing after a mistake, which is reported."""
    before = len(reader.problems)
    found = _SpaceReader(reader, spec).read(node)
    return found if len(reader.problems) == before else None


class _SpaceReader:
    def __init__(self, reader: Reader, spec: Spec) -> None:
        self.reader = reader
        self.spec = spec

    def wrong(self, message: str, node: Node, hint: str = "") -> None:
        self.reader.report(message, node, hint)

    def read(self, node: Node) -> Space | None:
        entries = self.reader.mapping(node, "`space`", "space: {depth: [18, 34, 50]}")
        axes: list[Axis] = []
        bits = 0
        for key, value in entries:
            axis = self.axis(key, value) if key.value != WHERE and self.is_known(key) else None
            if axis is not None:
                axes.append(axis)
                bits += _bits(axis)
                if bits > MOST_BITS:
                    return self.too_many(f"the space has over 2^{MOST_BITS:,} variants with `{key.value}`", key)
        where = next((value for key, value in entries if key.value == WHERE), None)
        if entries and len(entries) == (where is not None):
            self.wrong("nothing varies in this space", entries[0][0], "as in `depth: [18, 34, 50]`")
        if isinstance(node, Mapping) and not entries:
            self.wrong("the space is empty", node, "as in `space: {depth: [18, 34, 50]}`")
        return Space(tuple(axes), None if where is None else self.constraint(where, axes))

    def is_known(self, key: Scalar) -> bool:
        known = [*self.spec.settings, *self.spec.inputs]
        if key.value in known:
            return True
        hint = suggestion(key.value, [*known, WHERE]) or f"it has {listed(known)}"
        self.wrong(f"the spec has no setting `{key.value}` to vary", key, hint)
        return False

    # Axes

    def axis(self, key: Scalar, node: Node) -> Axis | None:
        name, own = key.value, self.spec.settings.get(key.value)
        is_input = name in self.spec.inputs
        found = self.values(name, node, key)
        kind = NUMBER if is_input else _kind(own)
        of = node if isinstance(found, Choices) else key
        wrong = next((value for value in _samples(found) if kind and _kind(value) not in (kind, "")), None)
        if wrong is not None:
            hint = "its choices are lists too: [[...], [...]], or {each: ..., length: ...}" if kind == LISTED else ""
            what = "its size is a number" if is_input else f"its own value is {shown(own)}"
            self.wrong(f"`{name}` cannot be {shown(wrong)}: {what}", of, hint)
        elif is_input and found is not None and not all(_is_size(value) for value in _samples(found)):
            hint = "a size is that of every spatial axis: 224"
            self.wrong(f"every size of `{name}` is a whole number from 1 on", of, hint)
        return found

    def values(self, name: str, node: Node, key: Node) -> Axis | None:
        """What is written for a setting, or for every place of its list."""
        if isinstance(node, Sequence):
            return self.choices(name, node)
        if not isinstance(node, Mapping):
            return self.wrong(f"`{name}` has no choices", node if _text(node) else key, FORMS)
        if any(one.value in LIST for one, _ in node.items):
            return self.lists(name, node) if self.has(LIST, node, "lists have", "lists need") else None
        return self.range(name, node) if self.has(RANGE, node, "a range has", "a range needs") else None

    def has(self, known: tuple[str, ...], node: Mapping, have: str, need: str) -> bool:
        """Whether a mapping has the keys that are known and no others; the first two must be there."""
        others = [key for key, _ in node.items if key.value not in known]
        missing = [name for name in known[:2] if node.get(name) is None]
        for key in others:
            self.wrong(f"{have} no `{key.value}`", key, suggestion(key.value, list(known)) or FORMS)
        for name in missing:
            self.wrong(f"{need} `{name}`", node, FORMS)
        return not others and not missing

    def choices(self, name: str, node: Sequence) -> Choices | None:
        if not node.items:
            return self.wrong(f"`{name}` has no choices", node, FORMS)
        if len(node.items) > MOST_CHOICES:
            hint = "numbers in equal steps are a range: {from: 8, to: 64, step: 8}"
            return self.wrong(f"`{name}` has over {MOST_CHOICES:,} choices", node, hint)
        found: list[Any] = []
        seen: set[str] = set()
        for one in node.items:
            value = self.reader.value(one, self.spec.settings)
            if value is INVALID:
                continue
            if value is None or isinstance(value, Expression):
                self.wrong("a choice is a value, not an expression" if value else "a choice has no value", one, FORMS)
            elif repr(value) in seen:
                self.wrong(f"`{name}` has {shown(value)} twice", one, "leave one of them out")
            seen.add(repr(value))
            found.append(value)
        return Choices(name, tuple(found)) if len(found) == len(node.items) else None

    def range(self, name: str, node: Mapping) -> Range | None:
        """A range, counted in units of the last digit that is given, so that 0.1 is a tenth."""
        texts = {key.value: _text(value) for key, value in node.items}
        for key, value in node.items:
            if not re.fullmatch(DIGITS, texts[key.value], re.ASCII) or len(texts[key.value]) > LONGEST_NUMBER:
                return self.wrong(f"`{key.value}` must be a number in digits, as 16 or 0.25", value)
        scale = 10 ** max(len(text.partition(".")[2]) for text in texts.values())
        start, end, step = (_units(texts.get(key, "1"), scale) for key in RANGE)
        if step < 1:
            return self.wrong(f"the step of `{name}` is not above zero", _of(node, "step"), "as in `step: 8`")
        if start > end:
            hint = f"from: {texts['to']}, to: {texts['from']}"
            text = f"the range of `{name}` is empty: {texts['from']} is above {texts['to']}"
            return self.wrong(text, node, hint)
        size, rest = divmod(end - start, step)
        found = Range(name, start, step, size + 1, scale)
        if rest:
            hint = f"the last before it is {found.at(size)}, the next {found.at(size + 1)}"
            return self.wrong(f"the steps of `{name}` do not lead to {texts['to']}", _of(node, "to"), hint)
        return found

    def lists(self, name: str, node: Mapping) -> Lists | None:
        each = _of(node, "each")
        of = self.values(name, each, each)
        places = self.places(name, _of(node, "length"))
        order = node.get("order")
        ascending = order is not None and _text(order) == ASCENDING
        if order is not None and not ascending:
            return self.wrong(f"the only order is `{ASCENDING}`", order, "leave it out where any order will do")
        if of is None or places is None:
            return None
        if ascending and not _ascends(of):
            return self.wrong(f"`order: {ASCENDING}` needs numbers, the least first", each, "as in `each: [8, 16, 32]`")
        found = Lists(name, of, *places, ascending)
        if _bits(found) > MOST_BITS:
            return self.too_many(f"`{name}` has over 2^{MOST_BITS:,} lists", node)
        return found

    def too_many(self, message: str, node: Node) -> None:
        self.wrong(message, node, "fewer places, or fewer values for each")

    def places(self, name: str, node: Node) -> tuple[int, int] | None:
        """The least and the most places of a list: one number, or both."""
        parts: list[Node | None] = [node, node]
        if isinstance(node, Mapping):
            parts = [node.get("from"), node.get("to")]
            parts = parts if len(node.items) == 2 else [None]
        found = [_count(part) for part in parts]
        if not all(found) or max(found) > MOST_PLACES:
            text = f"`length` must be a whole number from 1 to {MOST_PLACES:,}"
            return self.wrong(text, node, "or both ends, as {from: 2, to: 4}")
        if found[0] > found[1]:
            hint = f"from: {found[1]}, to: {found[0]}"
            return self.wrong(f"`{name}` has no length: {found[0]} is above {found[1]}", node, hint)
        return found[0], found[1]

    # The constraint

    def constraint(self, node: Node, axes: list[Axis]) -> Constraint | None:
        names = dict.fromkeys([*self.spec.settings, *(axis.name for axis in axes)])
        hint = "a condition of the settings, as `depth % 2 == 0 and width <= 64`"
        if not isinstance(node, Scalar):
            return self.wrong("`where` is one condition", node, hint)
        value = self.reader.value(node, names)
        if value is INVALID:
            return None
        if not isinstance(value, Expression):
            return self.wrong(f"`where` is {shown(value)}, whatever is chosen", node, hint)
        if "x" in value.names:
            return self.wrong("`x` is not known in `where`", node, f"it sees {listed(names)}")
        found = Constraint(value, span_of(self.reader.source, node), self.spec.settings, self.spec.places)
        varied = {axis.name for axis in axes}
        complete = all(name in varied or own is not None for name, own in self.spec.settings.items())
        if complete and not self.reader.problems:
            self.try_out(Space(tuple(axes), found))
        return found

    def try_out(self, space: Space) -> None:
        """Meet most mistakes of a constraint before a search: at the first variant."""
        try:
            space.allows(space.at(0))
        except SpecError as error:
            for problem in error.problems:
                if problem.span is not None:
                    self.reader.report_at(problem.message, problem.span, problem.hint)


def _text(node: Node) -> str:
    return node.value if isinstance(node, Scalar) else ""


def _of(node: Mapping, key: str) -> Node:
    found = node.get(key)
    assert found is not None
    return found


def _count(node: Node | None) -> int:
    """A whole number in digits; 0 if it is none."""
    text = "" if node is None else _text(node)
    return int(text) if re.fullmatch(r"[1-9]\d{0,9}", text, re.ASCII) else 0


def _units(text: str, scale: int) -> int:
    whole, _, fraction = text.partition(".")
    units = int(fraction.ljust(len(str(scale)) - 1, "0") or 0)
    return int(whole) * scale + (-units if text[0] == "-" else units)


def _kind(value: Any) -> str:
    """What a value is, as far as another cannot stand for it; nothing for what is not known, and for words."""
    if isinstance(value, bool):
        return TRUTH
    if isinstance(value, (int, float)):
        return NUMBER
    return LISTED if isinstance(value, list) else ""


def _samples(axis: Axis | None) -> tuple[Any, ...]:
    """Values of which each is like others that are left out."""
    if axis is None or isinstance(axis, Choices):
        return () if axis is None else axis.values
    return tuple(axis.at(number) for number in {0, min(1, axis.size - 1), axis.size - 1})


def _is_size(value: Any) -> bool:
    return type(value) is int and 1 <= value <= LARGEST_COUNT


def _ascends(of: Choices | Range | Lists) -> bool:
    if isinstance(of, Choices):
        numbers = all(_kind(value) == NUMBER for value in of.values)
        return numbers and list(of.values) == sorted(of.values)
    return isinstance(of, Range)


def _bits(axis: Axis) -> int:
    """At least the digits of an axis's size in base two, without computing it."""
    if isinstance(axis, Lists):
        return axis.most * _bits(axis.of) + axis.most.bit_length()
    return axis.size.bit_length()
