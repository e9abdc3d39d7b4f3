"""Python code as text: lines that are as `ruff format` would leave them, and names that a variable can have."""

from __future__ import annotations

from collections.abc import Collection
from keyword import iskeyword, issoftkeyword
from unicodedata import normalize

__all__ = ["LINE_LENGTH", "identifier", "wrapped"]

LINE_LENGTH = 88  # the default of ruff and black
_PAIRS = {"(": ")", "[": "]", "{": "}"}


def wrapped(text: str, indent: int = 0) -> list[str]:
    """A statement in as many lines as it takes, each so many spaces in.

    >>> line = "x = layers.Conv2D(filters, kernel, strides=stride, use_bias=False, groups=groups, name=name)(x)"
    >>> print(*wrapped(line), sep="\\n")
    x = layers.Conv2D(
        filters, kernel, strides=stride, use_bias=False, groups=groups, name=name
    )(x)

    Where a line is too long it is parted in its last brackets before which all fits, then at their commas.
    """
    room = LINE_LENGTH - indent
    pairs = _outermost(text) if len(text) > room else []
    fitting = [pair for pair in pairs if pair[0] < room and pair[1] - pair[0] > 1]
    if not fitting:
        return [" " * indent + text]
    start, end = fitting[-1]
    head, body, tail = text[: start + 1], text[start + 1 : end], text[end:]
    one = " " * (indent + 4) + body
    parts = _parts(body)
    inside = [one]
    if len(one) > LINE_LENGTH:
        lone = len(parts) == 1 and parts[0][:1] in _PAIRS
        inside = [line for part in parts for line in wrapped(part if lone else f"{part},", indent + 4)]
    return [" " * indent + head, *inside, " " * indent + tail]


def identifier(name: str, taken: Collection[str] = ()) -> str:
    """A variable's name that is like a layer's, and not yet taken.

    >>> identifier("stage2/conv-3"), identifier("lambda"), identifier("x", {"x"})
    ('stage2_conv_3', 'lambda_', 'x_2')
    """
    name = normalize("NFKC", name)  # as Python reads names: `ﬁ` is `fi`
    found = "".join(char if f"_{char}".isidentifier() else "_" for char in name)
    found = found if found[:1].isidentifier() else f"_{found}"
    found += "_" if iskeyword(found) or issoftkeyword(found) else ""
    number, base = 2, found
    while found in taken:
        found, number = f"{base}_{number}", number + 1
    return found


def _outermost(text: str) -> list[tuple[int, int]]:
    """Where the outermost brackets open and close, outside quotes."""
    found, depth, start, quoted = [], 0, 0, False
    for place, char in enumerate(text):
        quoted ^= char == '"'
        if quoted:
            continue
        if char in _PAIRS:
            start = start if depth else place
            depth += 1
        elif char in _PAIRS.values():
            depth -= 1
            if not depth:
                found.append((start, place))
    return found


def _parts(body: str) -> list[str]:
    """What stands between the commas that are in no other brackets."""
    inside = [place for start, end in _outermost(body) for place in range(start, end)]
    skip = set(inside)
    found, last, quoted = [], 0, False
    for place, char in enumerate(body):
        quoted ^= char == '"'
        if char == "," and not quoted and place not in skip:
            found.append(body[last:place].strip())
            last = place + 1
    return [*found, body[last:].strip()] if body[last:].strip() else found
