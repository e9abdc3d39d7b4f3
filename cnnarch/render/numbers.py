"""How numbers are written for people; the only place that formats one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import floor, log10
from typing import Any

from cnnarch.analysis.totals import AtLeast

__all__ = [
    "FULL", "SHORT", "against", "arithmetic", "bar", "decimals", "duration", "exact", "factor", "grouped", "percent",
    "power", "rate", "ratio", "short", "signed", "signed_percent", "size", "tick", "written",
]  # fmt: skip

FULL, SHORT = "full", "short"  # how whole numbers are written
LEAST = "≥ "  # before a sum in which something is not counted
_STEPS = "KMGTP"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_HOW = ContextVar("how whole numbers are written", default=FULL)


@contextmanager
def written(how: str) -> Iterator[None]:
    """Whole numbers that are written in here, in tables and in sentences, are `full` or `short`.

    >>> with written(SHORT):
    ...     grouped(34848)
    '34.85 K'
    """
    before = _HOW.set(how)
    try:
        yield
    finally:
        _HOW.reset(before)


def grouped(value: int) -> str:
    """A whole number with its thousands set off; or short, where numbers are to be `written` so.

    >>> grouped(34848)
    '34,848'
    """
    least = LEAST if isinstance(value, AtLeast) else ""
    return least + (f"{value:,}" if _HOW.get() == FULL else short(value))


def short(value: int) -> str:
    """A whole number to four digits in steps of 1000; exact below 1000. Halves are rounded up.

    >>> short(138_357_544), short(4_089_184_256), short(34_848), short(999)
    ('138.4 M', '4.089 G', '34.85 K', '999')
    >>> short(999_949), short(999_950), short(99_995), short(-1_234_567), short(12_345 * 10**15)
    ('999.9 K', '1.000 M', '100.0 K', '-1.235 M', '12,350 P')
    """
    size = abs(value)
    if size < 1000:
        return str(value)
    last = 10 ** (max(4, len(str(size))) - 4)  # the place of the fourth digit
    rounded = (2 * size + last) // (2 * last) * last
    step = min((len(str(rounded)) - 1) // 3, len(_STEPS))
    whole, rest = divmod(rounded, 1000**step)
    digits = max(0, 4 - len(str(whole)))
    point = f".{rest * 10**digits // 1000**step:0{digits}d}" if digits else ""
    return f"{'-' if value < 0 else ''}{whole:,}{point} {_STEPS[step - 1]}"


def power(value: int) -> str:
    """A whole number that may be very large, to two digits; in full below a million.

    >>> power(817_446_539_520), power(996 * 10**16), power(999_999)
    ('8.2 · 10^11', '1.0 · 10^19', '999,999')
    """
    if value < 10**6:
        return grouped(value)
    exponent = len(str(value)) - 1
    digits = (2 * value + 10 ** (exponent - 1)) // (2 * 10 ** (exponent - 1))
    if digits == 100:
        digits, exponent = 10, exponent + 1
    return f"{digits // 10}.{digits % 10} · 10^{exponent}"


def tick(value: int) -> str:
    """A round number at an axis, in steps of 1000 and as few digits as it has.

    >>> tick(0), tick(200), tick(2_500_000), tick(10**15), tick(10**18)
    ('0', '200', '2.5 M', '1 P', '1,000 P')
    """
    step = min((len(str(value)) - 1) // 3, len(_STEPS))
    return f"{value / 1000**step:,.12g} {_STEPS[step - 1]}" if step else str(value)


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


def against(value: int, other: int) -> str:
    """How many times less than another, or more.

    >>> against(7077888, 12845056), against(38592, 4800), against(288, 9216), against(0, 5)
    ('÷ 1.81', '× 8.04', '÷ 32', '')
    """
    if not value or not other:
        return ""
    large, small = max(value, other), min(value, other)
    digits = 0 if large % small == 0 or large >= 1000 * small else 2 if large < 100 * small else 1
    return f"{'×' if value > other else '÷'} {large / small:,.{digits}f}"


def size(value: int) -> str:
    """Bytes in the largest unit that leaves at least one: exact where it is whole, else to a hundredth.

    >>> size(512), size(5 * 2**20), size(233_081_376)
    ('512 B', '5 MiB', '222.28 MiB')
    """
    if isinstance(value, AtLeast):
        return LEAST + size(int(value))
    for unit, many in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value >= many:
            return f"{value // many:,} {unit}" if value % many == 0 else f"{value / many:,.2f} {unit}"
    return f"{value} B"


def decimals(value: float) -> str:
    """A number that is not whole, to three digits or all before the point; nothing for 0.

    >>> decimals(0.4921), decimals(13.4567), decimals(1352.94), decimals(0.0000125)
    ('0.492', '13.5', '1,353', '0.0000125')
    """
    if not value:
        return ""
    return _digits(value, 3)


def exact(value: Any) -> str:
    """A whole number or a fraction, to its last digit: as a decimal where that ends soon.

    >>> from fractions import Fraction
    >>> exact(427), exact(Fraction(31, 2)), exact(Fraction(-66, 65)), exact(-16)
    ('427', '15.5', '−66/65', '−16')
    """
    sign, size = "−" if value < 0 else "", abs(value)
    if size == int(size):
        return f"{sign}{int(size)}"
    quarters = {2: (".5",), 4: (".25", ".5", ".75")}.get(size.denominator)
    if quarters is None:
        return f"{sign}{size.numerator}/{size.denominator}"
    return f"{sign}{int(size)}{quarters[size.numerator % size.denominator - 1]}"


def rate(value: int, unit: str) -> str:
    """So many a second, in steps of 1000.

    >>> rate(19_500_000_000_000, "FLOP/s"), rate(1_978_900_000_000_000, "OP/s"), rate(5, "B/s")
    ('19.5 TFLOP/s', '1,978.9 TOP/s', '5 B/s')
    """
    for step, many in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("K", 10**3)):
        if value >= many:
            return f"{value / many:,.12g} {step}{unit}"
    return f"{value} {unit}"


def duration(seconds: float) -> str:
    """A time to four digits; nothing for 0.

    >>> duration(0.0000210830), duration(0.0123456), duration(2.5), duration(4e-10)
    ('21.08 µs', '12.35 ms', '2.500 s', '0.4000 ns')
    """
    if not seconds:
        return ""
    for unit, many in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.99995 * many:
            return f"{_digits(seconds / many, 4)} {unit}"
    return f"{_digits(seconds / 1e-9, 4)} ns"


def _digits(value: float, count: int) -> str:
    """A number above 0 to so many digits, or all before the point."""
    rounded = float(f"{value:.{count}g}")  # 9.996 to three digits has two before the point
    return f"{value:,.{max(0, count - 1 - floor(log10(rounded)))}f}"


def percent(share: float) -> str:
    """A share, to a tenth of a percent; nothing of nothing.

    >>> percent(34848 / 28813344), percent(0)
    ('0.1%', '')
    """
    if 0 < share < 0.0005:
        return "<0.1%"
    return f"{100 * share:.1f}%" if share else ""


def signed(value: float, show: Callable[[Any], str] = grouped) -> str:
    """A difference with its sign; nothing of nothing.

    >>> signed(1024), signed(-20736), signed(0), signed(-5 * 2**20, size)
    ('+1,024', '−20,736', '', '−5 MiB')
    """
    return f"{'+' if value > 0 else '−'}{show(abs(value))}" if value else ""


def signed_percent(value: float, base: float) -> str:
    """By how much of a base something differs, to a tenth of a percent.

    >>> signed_percent(-256, 2048), signed_percent(1, 10**6), signed_percent(3, 0)
    ('−12.5%', '+<0.1%', '')
    """
    return signed(value / base, percent) if base else ""


def bar(part: float, whole: float, width: int) -> str:
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
    text = re.sub(r"\d+", lambda found: f"{int(found[0]):,}", text)
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
