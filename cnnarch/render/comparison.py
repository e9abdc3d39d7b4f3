"""Two networks side by side, as a page and as a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnarch.analysis.comparison import align
from cnnarch.network import Network
from cnnarch.render.columns import NETWORK_COLUMNS, chosen, difference, pair_columns
from cnnarch.render.data import VERSION, records
from cnnarch.render.frame import footing
from cnnarch.render.numbers import grouped, ratio
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["page", "pairs", "record"]

PAIR_TABLE = ("left", "left_output", "left_params", "right", "right_output", "right_params", "difference")
TITLES = {column.key: column.title for column in NETWORK_COLUMNS}


def page(left: Network, right: Network, depth: int | None = 1, columns: Sequence[str] = ()) -> Page:
    """Two networks: totals side by side, then layer against layer."""
    sheet = pairs(left, right, depth, columns or PAIR_TABLE)
    differing = sum(1 for pair in sheet.rows if pair.left is None or pair.right is None or pair.changes())
    return [
        Line(f"{left.name} and {right.name}", "title"),
        Sheet(_side_by_side(*_sides(left, right)), _totals(left, right)),
        sheet,
        Line(f"{differing} of {len(sheet.rows)} rows differ; rows are paired by kind and order", "aside"),
        *footing(left)[-1:],
    ]


def pairs(left: Network, right: Network, depth: int | None, columns: Sequence[str] = ()) -> Sheet:
    """The layers of two networks, side by side; all columns if none are named."""
    known = pair_columns(*_sides(left, right))
    shown = chosen(known, columns) if columns else known
    return Sheet(shown, align(left.rows(depth, fold=True), right.rows(depth, fold=True)))


def record(networks: Sequence[Network], depth: int | None = None) -> dict[str, Any]:
    """The totals of several networks, and for two of them the layers in pairs."""
    record: dict[str, Any] = {"version": VERSION, "networks": records(NETWORK_COLUMNS, networks)}
    if len(networks) == 2:
        left, right = networks
        record["pairs"] = [
            {
                "left": pair.left.name if pair.left else None,
                "right": pair.right.name if pair.right else None,
                "difference": difference(pair, left.label, right.label),
            }
            for pair in align(left.rows(depth), right.rows(depth))
        ]
    return record


def _sides(left: Network, right: Network) -> tuple[str, str]:
    return (left.label, right.label) if left.label != right.label else ("left", "right")


def _side_by_side(left: str, right: str) -> list[Column]:
    return [
        Column("figure", "", "what is counted", lambda row: row[0]),
        Column("left", left, "the first network", lambda row: row[1], grouped, number=True),
        Column("right", right, "the second network", lambda row: row[2], grouped, number=True),
        Column("ratio", "", "second over first", lambda row: ratio(row[2], row[1]), number=True),
    ]


def _totals(left: Network, right: Network) -> list[tuple[str, int, int]]:
    ours, theirs = left.totals, right.totals
    keys = ("weights", "biases", "params", "macs", "conv_params", "fc_params", "weight_layers")
    return [(TITLES[key], getattr(ours, key), getattr(theirs, key)) for key in keys]
