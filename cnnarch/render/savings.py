"""What convolutions save, as a page and as a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnarch.analysis.savings import add_up
from cnnarch.network import Network
from cnnarch.render.columns import SAVING_COLUMNS, SAVING_TABLE, chosen, shown
from cnnarch.render.data import VERSION, records
from cnnarch.render.frame import heading
from cnnarch.render.sheets import Line, Page, Sheet

__all__ = ["KEYS", "page", "record"]

KEYS = tuple(column.key for column in SAVING_COLUMNS)


def page(network: Network, columns: Sequence[str] = ()) -> Page:
    """Every convolution beside the layers that it stands for."""
    rows = network.savings()
    return [
        *heading(network),
        Sheet(shown(SAVING_COLUMNS, columns, SAVING_TABLE), rows, add_up(rows) if rows else None),
        Line("it has no convolutions")
        if not rows
        else Line(
            "Weights between the same input and output, biases not counted. dense: every output sees every input. "
            "sparse: every output sees its window, with weights of its own; a window at a padded border keeps those "
            "that meet padding (the column `inside` leaves them out). shared: one set of weights for all places.",
            "aside",
        ),
    ]


def record(network: Network, columns: Sequence[str] = ()) -> dict[str, Any]:
    known = chosen(SAVING_COLUMNS, columns or KEYS)
    rows = network.savings()
    record = {"version": VERSION, "network": network.label, "name": network.name, "layers": records(known, rows)}
    return {**record, "totals": records(known, [add_up(rows)])[0] if rows else None}
