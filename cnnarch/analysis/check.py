"""Whether a network is what it should be: valid, true to its published figures, within its limits."""

import re
from typing import NamedTuple

from cnnarch.analysis.published import Verdict
from cnnarch.analysis.totals import Totals
from cnnarch.errors import Cause, ReadError, SpecError
from cnnarch.spec.document import SCALES

__all__ = ["Checked", "Limit", "Outcome", "outcomes", "parse_limit"]


class Limit(NamedTuple):
    """The most that a total may be."""

    key: str
    most: int


class Outcome(NamedTuple):
    """A limit beside the figure that it is for."""

    limit: Limit
    value: int

    @property
    def kept(self) -> bool:
        return self.value <= self.limit.most


class Checked(NamedTuple):
    """All that was found out about one spec; `error` if it cannot be read or built."""

    label: str
    totals: Totals | None
    published: list[Verdict]
    limits: list[Outcome]
    error: SpecError | ReadError | None = None

    @property
    def ok(self) -> bool:
        return self.error is None and all(one.kept for one in self.published) and all(one.kept for one in self.limits)


def outcomes(totals: Totals, limits: list[Limit]) -> list[Outcome]:
    """Compare totals with limits.

    >>> from cnnarch.network import load
    >>> outcomes(load("alexnet").totals, [Limit("params", 5_000_000)])[0].kept  # it has 28,823,912
    False
    """
    return [Outcome(limit, getattr(totals, limit.key)) for limit in limits]


def parse_limit(text: str) -> int:
    """Read a limit: a whole number, or one with K, M, G or T for thousands, millions and so on.

    Raises Cause for anything else.

    >>> parse_limit("5M"), parse_limit("4.1G"), parse_limit("28,823,912")
    (5000000, 4100000000, 28823912)
    """
    found = re.fullmatch(r"(\d{1,3}(?:,\d{3})+|\d{1,30})(?:\.(\d{1,12}))? ?([KMGBT]?)", text.strip(), re.IGNORECASE)
    if found:
        fraction = found[2] or ""
        value = int(found[1].replace(",", "") + fraction) * SCALES[found[3].upper()]
        if value % 10 ** len(fraction) == 0:
            return int(value // 10 ** len(fraction))
    raise Cause(f"`{text}` is not a limit", hint="write a whole number, or 5M, 600M, 4.1G")
