"""Limits for the figures of a network: how they are written, and what a spec's own are."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from cnnarch.analysis.dtypes import DTYPES
from cnnarch.analysis.figures import FIGURES, Figure
from cnnarch.errors import MOST_PROBLEMS, Cause, Problem, ReadError, Span, suggestion
from cnnarch.spec.model import Bound, Conditions, Spec

__all__ = ["BYTES", "COUNTS", "MAX", "MIN", "Budget", "budget", "budgets_of", "given_budgets", "problems_of"]

MAX, MIN = "max", "min"
FRACTIONAL = ("MACs/byte",)  # units of figures that are not whole
COUNTS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
BYTES = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
# Group 1 is the whole part, perhaps with its thousands set off, 2 the fraction, 3 the unit.
NUMBER = r"([1-9]\d{0,2}(?:,\d{3})+|0|[1-9]\d{0,29})(?:\.(\d{1,12}))? ?([a-z]{0,3})"
MEMORY_OF = {"weights": "weight_memory", "params": "weight_memory"}  # whose limit can be a size


class Budget(NamedTuple):
    """The most or the least that a figure may be, on its conditions; `text` is a size or fraction as it was written.

    `span` is where a spec says so; there is none for what was asked on the command line.
    """

    figure: Figure
    side: str
    limit: int | float
    text: str = ""
    conditions: Conditions = Conditions()
    span: Span | None = None


def budget(key: str, side: str, text: str) -> Budget:
    """Read a limit, `5M` or `512KiB`, the `max` or `min` of a figure; without a side the one that is the figure's own.

    Units: counts take K, M, G and T, powers of 1000; sizes are in B, KB, MB and GB, powers of 1000, or in KiB, MiB and
    GiB, powers of 1024, and without a unit in bytes. A size for `weights` or `params` is for the memory of weights.

    Raises Cause for an unknown figure, and for what is no limit of it.

    >>> found = budget("weights", "max", "512KiB")
    >>> found.figure.key, found.limit
    ('weight_memory', 524288)
    >>> budget("params", "", "4.1M").limit
    4100000
    """
    figure = FIGURES.get(key)
    if figure is None:
        raise Cause(
            f"`{key}` is not a figure", hint=suggestion(key, list(FIGURES)) or f"there are {', '.join(FIGURES)}"
        )
    side = side or (MIN if figure.more_is_better else MAX)
    found = re.fullmatch(NUMBER, text.strip(), re.IGNORECASE | re.ASCII)
    unit = _unit(found[3]) if found else None
    if not found or unit is None:
        raise Cause(f"`{text}` is not a limit", hint=_hint(figure, text.strip()))
    number = f"{found[1]}.{found[2]}" if found[2] else found[1]
    if unit in BYTES:
        return _size(figure, side, text, number, unit)
    if unit and figure.unit == "bytes":
        hint = f"write {number}{unit}B (powers of 1000) or {number}{unit}iB (powers of 1024)"
        raise Cause(f"`{key}` is in bytes, and `{text}` is a number", hint=hint)
    many, parts = _exact(number, COUNTS[unit])
    if many % parts == 0:
        return Budget(figure, side, many // parts)
    if figure.unit not in FRACTIONAL:
        raise Cause(f"`{text}` is not a limit", hint="write a whole number, or 5M, 600M, 4.1G")
    return Budget(figure, side, many / parts, number)


def _size(figure: Figure, side: str, text: str, number: str, unit: str) -> Budget:
    """A limit in bytes; what is not a whole number of them is rounded so that it forbids and allows the same."""
    plain = f"{number}{unit.rstrip('iB') or 'G'}"
    if figure.key in MEMORY_OF and unit == "B":
        raise Cause(f"`{text}` can be bytes or billions", hint=f"write {number}G for billions, or a size in KB or KiB")
    figure = FIGURES[MEMORY_OF.get(figure.key, figure.key)]
    if figure.unit != "bytes":
        raise Cause(f"`{figure.key}` is a number, and `{text}` is in bytes", hint=f"write {plain}")
    many, parts = _exact(number, BYTES[unit])
    return Budget(figure, side, -(-many // parts) if side == MIN else many // parts, f"{number} {unit}")


def _exact(number: str, scale: int) -> tuple[int, int]:
    """A number times its unit, as a whole number of equal parts of 1, and how many those are."""
    whole, _, fraction = number.replace(",", "").partition(".")
    return int(whole + fraction) * scale, 10 ** len(fraction)


def _unit(letters: str) -> str | None:
    """A unit as it is written properly; nothing if there is none of these letters, or they may be bits."""
    if letters.upper() in COUNTS:
        return letters.upper()
    if not letters.endswith("B"):
        return None
    return next((unit for unit in BYTES if unit.lower() == letters.lower()), None)


def _hint(figure: Figure, text: str) -> str:
    """What would be a limit instead."""
    letters = text.lstrip("0123456789., ")
    meant = next((unit for unit in BYTES if unit.lower() == letters.lower()), "")
    if meant:
        return f"`b` can be read as bits: write {text.removesuffix(letters)}{meant}"
    if figure.unit == "bytes":
        return "write a size: 512KiB, 2MiB, 1.5GB"
    return "write a whole number, or 5M, 600M, 4.1G" + ("; or a size, 512KiB" if figure.key in MEMORY_OF else "")


def given_budgets(limits: Mapping[str, str]) -> list[Budget]:
    """The limits of a call, as `max_params` with `5M`.

    Raises ReadError for what is no limit.
    """
    found = []
    for name, text in limits.items():
        side, _, key = name.partition("_")
        option = f"--{name.replace('_', '-')}"
        if side not in (MIN, MAX):
            raise ReadError(f"`{name}` is not a limit", "the name of one begins with `max_` or `min_`")
        try:
            found.append(budget(key, side, text))
        except Cause as cause:
            raise ReadError(f"`{option}`: {cause.message}", cause.hint) from None
    return found


def budgets_of(spec: Spec) -> tuple[list[Budget], list[Problem]]:
    """The budget of a spec, and what is wrong with it."""
    found: list[Budget] = []
    problems: list[Problem] = []
    before: dict[tuple[str, ...], Budget] = {}
    for bound in spec.budget:
        if len(problems) >= MOST_PROBLEMS:
            break
        try:
            one = budget(bound.figure, bound.side, bound.text)
        except Cause as cause:
            place = bound.place if bound.figure in FIGURES else bound.key
            problems.append(Problem.of(cause.message, place, cause.hint))
            continue
        one = one._replace(conditions=bound.conditions, span=bound.key)
        clash = None if bound.conditions.broken else _clash(one, before)
        for problem in (_type_problem(bound), clash):
            if problem is not None and problem not in problems:
                problems.append(problem)
        found.append(one)
    return found, problems


def _type_problem(bound: Bound) -> Problem | None:
    dtype = bound.conditions.dtype
    if dtype is None or dtype in DTYPES:
        return None
    hint = suggestion(dtype, list(DTYPES)) or f"there are {', '.join(DTYPES)}"
    return Problem.of(f"unknown type `{dtype}`", bound.conditions.dtype_place, hint)


def _clash(one: Budget, before: dict[tuple[str, ...], Budget]) -> Problem | None:
    """What is wrong with a limit beside those before it, for the same figure on the same conditions; takes it there."""
    key = (one.figure.key, *map(str, one.conditions[:3]))
    other = before.setdefault((*key, one.side), one)
    if other is not one:
        line = other.span.line if other.span else 0
        return Problem.of(f"a second limit for {one.figure.title}", one.span, f"the first is on line {line}")
    least, most = before.get((*key, MIN)), before.get((*key, MAX))
    if least is not None and most is not None and least.limit > most.limit:
        return Problem.of(f"the least {one.figure.title} is more than the most", one.span, "is one of them wrong?")
    return None


def problems_of(spec: Spec) -> list[Problem]:
    """What is wrong with a spec's `budget` and `ignore`, whose words only figures and rules know."""
    problems = budgets_of(spec)[1] if spec.budget else []
    if spec.ignored:
        from cnnarch.analysis.advice import resolve  # noqa: PLC0415, rules are many, and few specs name one

        for one in spec.ignored:
            if len(problems) >= MOST_PROBLEMS:
                break
            try:
                resolve([one.rule])
            except ReadError as error:
                problems.append(Problem.of(error.problem.message, one.span, error.problem.hint))
    return problems
