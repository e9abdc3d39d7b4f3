"""How numbers are written for people; the only place that formats one."""

from __future__ import annotations

import re

__all__ = ["arithmetic", "bar", "factor", "grouped", "percent", "ratio", "size"]

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def grouped(value: int) -> str:
    """A whole number with its thousands set off.

    >>> grouped(34848)
    '34,848'
    """
    return f"{value:,}"


def factor(value: float | None) -> str:
    """How many times less: whole where it is large, a digit where it is not.

    >>> factor(425.86), factor(3025.0)
    ('÷ 425.9', '÷ 3,025')
    """
    if value is None:
        return ""
    return f"÷ {value:,.0f}" if value >= 1000 or value == int(value) else f"÷ {value:,.1f}"


def ratio(value: int, base: int) -> str:
    """How many times a base.

    >>> ratio(40518760, 28823912), ratio(1, 0)
    ('× 1.41', '')
    """
    if not base:
        return ""
    found = value / base
    return f"× {found:,.0f}" if found >= 1000 else f"× {found:.2f}"


def size(value: int) -> str:
    """Bytes in the largest unit that leaves at least one: exact where it is whole, else to a hundredth.

    >>> size(512), size(5 * 2**20), size(233_081_376)
    ('512 B', '5 MiB', '222.28 MiB')
    """
    for unit, many in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value >= many:
            return f"{value // many:,} {unit}" if value % many == 0 else f"{value / many:,.2f} {unit}"
    return f"{value} B"


def percent(share: float) -> str:
    """A share, to a tenth of a percent; nothing of nothing.

    >>> percent(34848 / 28813344), percent(0)
    ('0.1%', '')
    """
    if 0 < share < 0.0005:
        return "<0.1%"
    return f"{100 * share:.1f}%" if share else ""


def bar(part: int, whole: int, width: int) -> str:
    """A share as a bar, to an eighth of a cell.

    >>> bar(1, 2, 5)
    '██▌'
    """
    eighths = round(8 * width * part / whole) if whole else 0
    if part and not eighths:
        eighths = 1
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def arithmetic(text: str) -> str:
    """Set a step's arithmetic for reading.

    >>> arithmetic("floor((224 - 11) / 4) + 1")
    '⌊(224 − 11) / 4⌋ + 1'
    >>> arithmetic("2305 * 4096")
    '2,305 × 4,096'
    """
    text = re.sub(r"\d+", lambda found: grouped(int(found[0])), text)
    for word, opening, closing in (("floor", "⌊", "⌋"), ("ceil", "⌈", "⌉")):
        while f"{word}(" in text:
            start = text.index(f"{word}(")
            end = _closing(text, start + len(word))
            text = f"{text[:start]}{opening}{text[start + len(word) + 1 : end]}{closing}{text[end + 1 :]}"
    return text.replace(" * ", " × ").replace(" - ", " − ")


def _closing(text: str, opening: int) -> int:
    """Where the bracket that opens at `opening` closes."""
    depth = 0
    for place in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return place
    raise ValueError(f"no closing bracket in {text}")
