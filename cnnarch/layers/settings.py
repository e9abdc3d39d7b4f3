"""What the settings of a layer kind can be: one class a type, with its check and its words."""

from __future__ import annotations

from typing import Any

from cnnarch.errors import Cause

__all__ = [
    "Choice", "Count", "Flag", "Margin", "Margins", "Number", "Pads", "Setting", "SettingType", "Sizes", "Word",
    "setting",
]  # fmt: skip

LARGEST_COUNT = 10**9
LARGEST_SIZE = 10**6
LONGEST_WORD = 100
NUMERALS = {3: "three", 4: "four"}

REQUIRED: Any = ...

Schema = dict[str, Any]


class SettingType:
    """A type of setting: checks a value and gives it in the one form that rules compute with."""

    words: tuple[str, ...] = ()
    verbatim = False  # a text that is taken as it stands
    says: str

    def convert(self, value: Any) -> Any:
        raise NotImplementedError

    def schema(self) -> Schema:
        raise NotImplementedError


class Count(SettingType):
    """A whole number.

    >>> Count().convert(64.0)
    64
    """

    def __init__(self, least: int = 1, most: int = LARGEST_COUNT, words: tuple[str, ...] = ()) -> None:
        self.least = least
        self.most = most
        self.words = words
        names = "".join(f", or `{word}`" for word in words)
        self.says = f"a whole number of at least {least}{names}"

    def convert(self, value: Any) -> Any:
        if isinstance(value, str) and value in self.words:
            return value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or value < self.least:
            raise Cause(f"must be {self.says}, not {shown(value)}")
        if value > self.most:
            raise Cause(f"must be at most {self.most:,}, not {shown(value)}")
        return value

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Sizes(Count):
    """A whole number, or one for each spatial axis.

    >>> Sizes().convert([1, 7]), Sizes().convert(3)
    ((1, 7), 3)
    """

    def __init__(self, least: int = 1, most: int = LARGEST_SIZE, axes: int = 3) -> None:
        super().__init__(least, most)
        self.axes = axes
        self.says = f"{self.says}, or a list of one for each axis"

    def convert(self, value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return super().convert(value)
        if not 1 <= len(value) <= self.axes:
            raise Cause(f"must have one to {NUMERALS[self.axes]} values, not {len(value)}")
        return tuple(super(Sizes, self).convert(one) for one in value)

    def schema(self) -> Schema:
        one = super().schema()
        return {"anyOf": [one, {"type": "array", "items": _or_expression(one), "minItems": 1, "maxItems": self.axes}]}


class Pads(SettingType):
    """Padding: a number, one for each axis, `[[top, bottom], [left, right]]`, or a word for a rule.

    >>> Pads().convert([[0, 1], [0, 1]])
    ((0, 1), (0, 1))
    """

    words: tuple[str, ...] = ("valid", "half", "same")
    says = "a whole number of at least 0, a list of one or of [before, after] for each axis, `valid`, `half` or `same`"

    def convert(self, value: Any) -> Any:
        if isinstance(value, str) and value in self.words:
            return value
        one = Count(0, LARGEST_SIZE)
        if not isinstance(value, (list, tuple)):
            try:
                return one.convert(value)
            except Cause:
                raise Cause(f"must be {self.says}, not {shown(value)}") from None
        if not 1 <= len(value) <= 3:
            raise Cause(f"must have one to three axes, not {len(value)}")
        return tuple(self._axis(one, pad) for pad in value)

    @staticmethod
    def _axis(one: Count, pad: Any) -> Any:
        if not isinstance(pad, (list, tuple)):
            return one.convert(pad)
        if len(pad) != 2:
            raise Cause(f"must have two values for an axis, before and after, not {len(pad)}")
        return one.convert(pad[0]), one.convert(pad[1])

    def schema(self) -> Schema:
        one = Count(0, LARGEST_SIZE).schema()
        pair = {"type": "array", "items": _or_expression(one), "minItems": 2, "maxItems": 2}
        axes = {"type": "array", "items": {"anyOf": [_or_expression(one), pair]}, "minItems": 1, "maxItems": 3}
        words = [{"enum": list(self.words)}] if self.words else []
        return {"anyOf": [*words, one, axes]}


class Margins(Pads):
    """Padding in numbers, for where no window is that a rule could go by.

    >>> Margins().convert([0, [1, 2]])
    (0, (1, 2))
    """

    words = ()
    says = "a whole number of at least 0, or a list of one or of [before, after] for each axis"


class Margin(SettingType):
    """What is added before and after one axis: a number for both, or one each.

    >>> Margin().convert(2), Margin().convert([0, 16])
    ((2, 2), (0, 16))
    """

    says = "a whole number of at least 0, or [before, after]"

    def convert(self, value: Any) -> Any:
        one = Count(0, LARGEST_COUNT)
        sides = value if isinstance(value, (list, tuple)) else [value, value]
        try:
            before, after = map(one.convert, sides)
        except (Cause, ValueError):
            raise Cause(f"must be {self.says}, not {shown(value)}") from None
        return before, after

    def schema(self) -> Schema:
        one = Count(0, LARGEST_COUNT).schema()
        return {"anyOf": [one, {"type": "array", "items": _or_expression(one), "minItems": 2, "maxItems": 2}]}


class Flag(SettingType):
    says = "`true` or `false`"

    def convert(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise Cause(f"must be {self.says}, not {shown(value)}")
        return value

    def schema(self) -> Schema:
        return {"type": "boolean"}


class Number(SettingType):
    """A number with a fraction, for what does not change any figure.

    >>> Number(0, 1).convert(0.5)
    0.5
    """

    def __init__(self, least: float = 0, most: float = float(LARGEST_COUNT)) -> None:
        self.least = least
        self.most = most
        self.says = f"a number from {least:g} to {most:g}"

    def convert(self, value: Any) -> float:
        if type(value) not in (int, float) or not self.least <= value <= self.most:
            raise Cause(f"must be {self.says}, not {shown(value)}")
        return float(value)

    def schema(self) -> Schema:
        return {"type": "number", "minimum": self.least, "maximum": self.most}


class Choice(SettingType):
    def __init__(self, *words: str) -> None:
        self.words = words
        self.says = " or ".join(f"`{word}`" for word in words)

    def convert(self, value: Any) -> str:
        if value not in self.words:
            raise Cause(f"must be {self.says}, not {shown(value)}")
        return str(value)

    def schema(self) -> Schema:
        return {"enum": list(self.words)}


class Word(SettingType):
    """A name from elsewhere, as it stands: never an expression.

    >>> Word().convert("NonMaxSuppression")
    'NonMaxSuppression'
    """

    verbatim = True
    says = f"a name of at most {LONGEST_WORD} characters"

    def convert(self, value: Any) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_WORD:
            raise Cause(f"must be {self.says}, not {shown(value)}")
        return value

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": LONGEST_WORD}


class Setting:
    """One declared setting of a layer kind: its type, its default, what it means, what others call it."""

    __slots__ = ("about", "default", "elsewhere", "name", "type")

    def __init__(self, type: SettingType, about: str, default: Any, elsewhere: tuple[str, ...]) -> None:
        self.name = ""
        self.type = type
        self.about = about
        self.default = default
        self.elsewhere = elsewhere

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def schema(self) -> Schema:
        schema = _or_expression(self.type.schema())
        return {"description": self.about, **schema}


def setting(type: SettingType, about: str, *, default: Any = REQUIRED, elsewhere: tuple[str, ...] = ()) -> Any:
    """Declare a setting of a layer kind; without a default it must be given.

    `elsewhere` lists the names that other frameworks use, to translate them for who writes one.
    """
    return Setting(type, about, default, elsewhere)


def shown(value: Any) -> str:
    """A value as its author wrote it, shortened."""
    text = {True: "true", False: "false", None: "nothing"}.get(value) if _is_word(value) else None
    if text is None and isinstance(value, int) and value.bit_length() > 100:
        text = f"a number of {value.bit_length()} bits"
    if text is None:
        text = f"`{value}`" if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _is_word(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _or_expression(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"$ref": "#/$defs/expression"}]}
