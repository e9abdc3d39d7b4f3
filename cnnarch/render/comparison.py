"""Two networks side by side, as a page and as a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnarch.analysis.comparison import align
from cnnarch.network import Network
from cnnarch.render.columns import NETWORK_COLUMNS, TITLES, chosen, difference, pair_columns, shown
from cnnarch.render.data import VERSION, records
from cnnarch.render.frame import footing
from cnnarch.render.numbers import grouped, ratio
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["page", "pairs", "record"]

PAIR_TABLE = ("left", "left_output", "left_params", "right", "right_output", "right_params", "difference")


def page(left: Network, right: Network, depth: int | None = None, columns: Sequence[str] = ()) -> Page:
    """Two networks: totals side by side, then layer against layer.

    Blocks stand as rows unless `depth` says otherwise, or only one of the two has any.
    """
    if depth is None and bool(left.graph.groups) == bool(right.graph.groups):
        depth = 1
    sheet = pairs(left, right, depth, columns, PAIR_TABLE)
    differing = sum(difference(pair, "", "") != "same" for pair in sheet.rows)
    return [
        Line(f"{left.name} and {right.name}", "title"),
        Sheet(_side_by_side(*_sides(left, right)), _totals(left, right)),
        sheet,
        Line(f"{differing} of {len(sheet.rows)} rows differ; rows are paired by kind and order", "aside"),
        *footing(left)[-1:],
    ]


def pairs(
    left: Network,
    right: Network,
    depth: int | None,
    columns: Sequence[str] = (),
    otherwise: Sequence[str] = (),
    fold: bool = True,
) -> Sheet:
    """The layers of two networks, side by side; all columns if none are named here nor in `otherwise`."""
    known = pair_columns(*_sides(left, right))
    keys = otherwise or [column.key for column in known]
    return Sheet(shown(known, columns, keys), align(left.rows(depth, fold), right.rows(depth, fold)))


def record(networks: Sequence[Network], depth: int | None = None, columns: Sequence[str] = ()) -> dict[str, Any]:
    """The totals of several networks, and for two of them the layers in pairs."""
    if len(networks) != 2:
        known = chosen(NETWORK_COLUMNS, columns) if columns else NETWORK_COLUMNS
        return {"version": VERSION, "networks": records(known, networks)}
    sheet = pairs(networks[0], networks[1], depth, columns or ("left", "right", "difference"), fold=False)
    totals = records(NETWORK_COLUMNS, networks)
    return {"version": VERSION, "networks": totals, "pairs": records(sheet.columns, sheet.rows)}


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
