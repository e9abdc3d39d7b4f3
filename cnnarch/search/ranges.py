"""What varies, as it is written on a command line: `width=0.25:2:0.25`, `depth=18,34,50`, `conv2.stride=1,2`."""

from __future__ import annotations

import re
from typing import Any

from cnnarch.errors import Cause, ReadError, SpecError
from cnnarch.shapes import Shape
from cnnarch.spec.axes import Axis, Choices, Range
from cnnarch.spec.values import parse_setting, parse_shape
from cnnarch.spec.written import written

__all__ = ["axis", "split", "to_shape"]

LONGEST = 60  # characters of one number of a range
MOST_CHOICES = 100_000


def axis(text: str, inputs: tuple[str, ...] = ()) -> Axis:
    """Read what varies and over which values; names in `inputs` are those of inputs, whose values can be shapes.

    >>> axis("width=0.25:1:0.25").size, axis("depth=18,34,50").at(1), axis("input=128:320:32", ("input",)).at(6)
    (4, 34, 320)

    A range has both its ends, if its steps lead there. Raises ReadError for what is none.
    """
    name, equals, given = text.partition("=")
    name, given = name.strip(), given.strip()
    if not equals or not name:
        raise ReadError(f"`--vary {text}` has no values", "write `--vary name=start:stop:step` or `--vary name=1,2,4`")
    if not given:
        raise ReadError(f"`--vary {text}` has no values", f"as in `{name}=1:9:2` or `{name}=1,2,4`")
    if re.fullmatch(r"[^\[\],]*:[^\[\],]*", given):
        return _range(name, given)
    values = tuple(_value(name, part, name in inputs) for part in split(given))
    if len(values) > MOST_CHOICES:
        raise ReadError(f"`{name}` has more than {MOST_CHOICES:,} values", "write them as a range, start:stop:step")
    before = set()
    for value in values:
        if repr(value) in before:
            raise ReadError(f"`--vary {name}` has {written(value)} twice", "every value is tried once")
        before.add(repr(value))
    return Choices(name, values)


def split(text: str) -> list[str]:
    """What stands between commas that are in no brackets.

    >>> split("[1,2],[3,4]"), split("18,34")
    (['[1,2]', '[3,4]'], ['18', '34'])
    """
    parts, depth = [""], 0
    for char in text:
        depth += (char == "[") - (char == "]")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


def to_shape(value: Any, own: Shape) -> Shape:
    """The shape of an input that varies: a size for all its spatial axes, or a shape.

    >>> to_shape(128, Shape(224, 224, 3)), to_shape(8, Shape(100))
    (Shape(128, 128, 3), Shape(8))
    """
    if isinstance(value, Shape):
        return value
    if type(value) is not int or value < 1:
        raise Cause(f"{written(value)} is no size of an input", hint="a size, as 224, or a shape, as 224x224x3")
    return Shape(*[value] * len(own.spatial), own.channels) if own.spatial else Shape(value)


def _value(name: str, text: str, is_input: bool) -> Any:
    if is_input and re.search("[x×]", text):
        try:
            return parse_shape(text)
        except Cause as cause:
            raise ReadError(f"`--vary {name}`: {cause.message}", cause.hint) from None
    if not text:
        raise ReadError(f"`--vary {name}` has an empty value", "there is a comma too many")
    if "." in name and text.isidentifier() and text not in ("true", "false"):
        return text  # a word of a layer's setting
    try:
        return parse_setting(text)
    except SpecError as error:
        first = error.problems[0]
        raise ReadError(f"`--vary {name}={text}`: {first.message}", first.hint) from None


def _range(name: str, text: str) -> Range:
    """A range, counted in units of the last digit that is given, so that 0.1 is a tenth."""
    parts = [part.strip() for part in text.split(":")]
    if len(parts) not in (2, 3):
        raise ReadError(f"`--vary {name}={text}` is no range", "a range is start:stop or start:stop:step")
    for part in parts:
        if not re.fullmatch(r"-?\d+(\.\d+)?", part, re.ASCII) or len(part) > LONGEST:
            raise ReadError(f"`--vary {name}={text}`: `{part[:LONGEST]}` is no number", "a range is start:stop:step")
    places = max(len(part.partition(".")[2]) for part in parts)
    start, stop, step = (_units(part, places) for part in (parts if len(parts) == 3 else [*parts, "1"]))
    if step == 0:
        raise ReadError(f"`--vary {name}={text}` has a step of zero", "a step is above zero: 0.25:2:0.25")
    if (stop - start) * step < 0:
        hint = f"write {parts[1]}:{parts[0]}" if step > 0 else "the step has the sign of the way from start to stop"
        raise ReadError(f"`--vary {name}={text}` is empty: {parts[0]} is beyond {parts[1]}", hint)
    return Range(name, start, step, (stop - start) // step + 1, 10**places)


def _units(text: str, places: int) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(places, "0"))
