"""The columns of every command by their keys, with what they mean: as a page and as a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cnnarch.analysis.devices import DEVICES
from cnnarch.analysis.figures import FIGURES
from cnnarch.network import load
from cnnarch.render import checks, difference, memory, receptive_field, roofline
from cnnarch.render.columns import (
    NETWORK_COLUMNS,
    REPLACEMENT_COLUMNS,
    SAVING_COLUMNS,
    figure_column,
    layer_columns,
    pair_columns,
)
from cnnarch.render.data import VERSION
from cnnarch.render.sheets import Column, Line, Page, Sheet
from cnnarch.render.spaces import SPACE_COLUMNS

__all__ = ["COMMANDS", "holding", "page", "record", "rows"]

SAMPLE = "lenet5"  # all networks have the same columns


def _bounds() -> list[Column]:
    network, roof = load(SAMPLE), DEVICES["a100"].roof("float32")
    return roofline.bound_columns(roof, network.roofline(roof).total)


# Every command that has columns, and its ways that have others.
COMMANDS: dict[str, Callable[[], list[Column]]] = {
    "list": lambda: NETWORK_COLUMNS,
    "list --spaces": lambda: SPACE_COLUMNS,
    "summary": lambda: layer_columns(load(SAMPLE)),
    "compare": lambda: pair_columns("left", "right"),
    "compare, three and more": lambda: NETWORK_COLUMNS,
    "compare --diff": lambda: difference.COLUMNS,
    "savings": lambda: SAVING_COLUMNS,
    "savings --only": lambda: REPLACEMENT_COLUMNS,
    "receptive-field": lambda: receptive_field.field_columns(load(SAMPLE)),
    "memory": lambda: memory.turn_columns(load(SAMPLE).memory),
    "roofline": _bounds,
    "roofline --devices": lambda: roofline.DEVICE_COLUMNS,
    "check": lambda: list(checks.DATA),
    "sweep": lambda: [figure_column(figure) for figure in FIGURES.values()],
}
WORDS = {
    "text": "text",
    "texts": "texts",
    "whole": "whole number",
    "number": "number",
    "yes": "true or false",
    "shape": "shape",
    "shapes": "shape, or several",
    "shape_of_inputs": "shape, or several by name",
    "axes": "number an axis",
    "axes_of_inputs": "number an axis",
}
REMARKS = {
    "sweep": "Behind what varies.",
    "savings --only": "Of `--only grouped`, `separable`, `factorised` and `narrowed`.",
    "roofline": "`limit`, the times and `share` are there for a device only.",
    "check": "In CSV; there is no `--columns`.",
}


def holding(column: Column) -> str:
    """What the raw values of a column are, a key of WORDS; with `?` behind it where one may be unknown."""
    return column.holds or ("whole" if column.number else "text")


def page(commands: Sequence[str]) -> Page:
    """The columns of these commands, a table each."""
    made: Page = []
    for command in commands:
        made.append(Sheet(COLUMNS, COMMANDS[command](), title=f"cnnarch {command}"))
        made += [Line(REMARKS[command], "aside")] if command in REMARKS else []
    return made


def rows(commands: Sequence[str]) -> Page:
    """The same in one table, for CSV."""
    first = Column("command", "command", "where the column is", lambda pair: pair[0])
    others = [column._replace(get=_second(column.get)) for column in COLUMNS]
    return [Sheet([first, *others], [(command, one) for command in commands for one in COMMANDS[command]()])]


def record(commands: Sequence[str]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "commands": {
            command: [{column.key: column.get(one) for column in COLUMNS} for one in COMMANDS[command]()]
            for command in commands
        },
    }


def _second(get: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda pair: get(pair[1])


def _words(column: Column) -> str:
    word = holding(column)
    return WORDS[word.removesuffix("?")] + ", or nothing" * word.endswith("?")


COLUMNS = [
    Column("key", "key", "what `--columns` takes, and the name in CSV and JSON", lambda one: one.key),
    Column("title", "title", "what stands above it in a table", lambda one: one.title, spare=2),
    Column("about", "meaning", "what it means", lambda one: one.about, wraps=True),
    Column("unit", "unit", "the unit of the raw value, if it is no count", lambda one: one.unit, spare=1),
    Column("holds", "raw value", "what it is in JSON", _words, wraps=True, spare=5),
]
