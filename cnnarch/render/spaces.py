"""Search spaces, a line each."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from cnnarch.render.columns import chosen, shown
from cnnarch.render.data import VERSION, records
from cnnarch.render.numbers import power
from cnnarch.render.sheets import Column, Line, Page, Sheet
from cnnarch.spec.axes import Space

__all__ = ["SPACE_COLUMNS", "Named", "page", "record"]


COLUMNS = ("network", "name", "varies", "size")


class Named(NamedTuple):
    """A space, and whose it is."""

    label: str
    name: str
    space: Space


SPACE_COLUMNS = [
    Column("network", "network", "what it is called on the command line", lambda one: one.label),
    Column("name", "name", "what people call it", lambda one: one.name, wraps=True, spare=2),
    Column(
        "varies",
        "varies",
        "the settings and inputs that vary",
        lambda one: [axis.name for axis in one.space.axes],
        ", ".join,
        wraps=True,
        spare=1,
        holds="texts",
    ),
    Column(
        "where",
        "where",
        "a condition that what is chosen has to meet",
        lambda one: one.space.where and one.space.where.condition.text,
        wraps=True,
        holds="text?",
    ),
    Column(
        "size",
        "size",
        "how many networks there are, before the condition",
        lambda one: one.space.size,
        power,
        number=True,
    ),
]


def page(rows: Sequence[Named], columns: Sequence[str] = ()) -> Page:
    aside = "size: networks that the choices allow, before a condition; `--format json` has it exactly"
    return [Sheet(shown(SPACE_COLUMNS, columns, COLUMNS), rows), Line(aside, "aside")]


def record(rows: Sequence[Named], columns: Sequence[str] = ()) -> dict[str, Any]:
    return {"version": VERSION, "spaces": records(chosen(SPACE_COLUMNS, columns) if columns else SPACE_COLUMNS, rows)}
