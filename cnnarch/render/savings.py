"""What convolutions save, as a page and as a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnarch.analysis.replacements import REPLACEMENTS, Replacement, instead, together
from cnnarch.analysis.savings import add_up
from cnnarch.network import Network
from cnnarch.render.columns import (
    REPLACEMENT_COLUMNS,
    REPLACEMENT_TABLE,
    SAVING_COLUMNS,
    SAVING_TABLE,
    chosen,
    shown,
)
from cnnarch.render.data import VERSION, records
from cnnarch.render.frame import heading
from cnnarch.render.numbers import grouped
from cnnarch.render.sheets import Line, Page, Sheet

__all__ = ["TABLES", "keys", "page", "record"]

LAYERS = "layers"
TABLES = (LAYERS, *REPLACEMENTS)

TITLES = {
    "grouped": "Convolutions with groups against full ones",
    "separable": "Windows in groups and 1×1 against one full convolution",
    "factorised": "Windows one after another against one large window",
    "narrowed": "Windows on fewer channels, behind a 1×1, against one on all",
}
NONE = {
    LAYERS: "it has no convolutions",
    "grouped": "it has no convolutions with groups",
    "separable": "it has no window in groups with a 1×1 after it",
    "factorised": "it has no windows one after another",
    "narrowed": "it has no windows between fewer channels",
}
ABOUT = {
    "grouped": "full: weights of the same convolution without groups, whose filters see all channels.",
    "separable": "full: weights of one window over all channels, from the first channels to the last filters. Between "
    "the two there is only normalisation and activation. Behind a depthwise window of k×k, N filters leave the share "
    "1/N + 1/k² (Howard et al. 2017, section 3.1).",
    "factorised": "full: weights of one window that sees what they see together, from the first channels to the last "
    "filters; strides multiply and padding adds up. Between them there is only normalisation and activation. ×: it has "
    "less, as where few channels arrive (Simonyan & Zisserman 2014, section 2.3; Szegedy et al. 2015, section 3).",
    "narrowed": "full: weights of one window from the first channels to the last, without the 1×1 to fewer channels "
    "and, where there is one, the 1×1 to more (Szegedy et al. 2014, section 4; He et al. 2015, section 4.1).",
}


def keys(only: str | None) -> tuple[str, ...]:
    """The columns of a table as data."""
    return tuple(column.key for column in (SAVING_COLUMNS if (only or LAYERS) == LAYERS else REPLACEMENT_COLUMNS))


def page(network: Network, columns: Sequence[str] = (), only: str | None = None) -> Page:
    """Every convolution beside the layers that it stands for, then those that stand for a full one.

    Columns are of one table: with them only that one is shown, `only` or that of the layers.
    """
    if columns and only is None:
        only = LAYERS
    result = heading(network)
    if only in (None, LAYERS):
        result += _layers(network, columns)
    for key, rows in network.replacements().items():
        if only == key or (only is None and rows):
            result += _replacements(network, key, rows, columns)
    return result


def record(network: Network, columns: Sequence[str] = (), only: str | None = None) -> dict[str, Any]:
    """What there is of each kind, and totals; with `only` of one."""
    record: dict[str, Any] = {"version": VERSION, "network": network.label, "name": network.name}
    if only in (None, LAYERS):
        known = chosen(SAVING_COLUMNS, columns or keys(LAYERS))
        rows = network.savings()
        record |= {"layers": records(known, rows), "totals": records(known, [add_up(rows)])[0] if rows else None}
    known = chosen(REPLACEMENT_COLUMNS, columns if columns and only not in (None, LAYERS) else keys("grouped"))
    found = {key: rows for key, rows in network.replacements().items() if only in (None, key)}
    record |= {key: records(known, rows) for key, rows in found.items()}
    if found:
        record["full_totals"] = {key: _totals(network, rows) for key, rows in found.items()}
    return record


def _layers(network: Network, columns: Sequence[str]) -> Page:
    rows = network.savings()
    return [
        Sheet(shown(SAVING_COLUMNS, columns, SAVING_TABLE), rows, add_up(rows) if rows else None),
        Line(NONE[LAYERS])
        if not rows
        else Line(
            "Weights between the same input and output, biases not counted. dense: every output sees every input. "
            "sparse: every output sees its window, with weights of its own; a window at a padded border keeps those "
            "that meet padding (the column `inside` leaves them out). shared: one set of weights for all places.",
            "aside",
        ),
    ]


def _replacements(network: Network, key: str, rows: Sequence[Replacement], columns: Sequence[str]) -> Page:
    total = together(rows) if rows else None
    sheet = Sheet(shown(REPLACEMENT_COLUMNS, columns, REPLACEMENT_TABLE), rows, total, title=TITLES[key])
    if not rows:
        return [sheet, Line(NONE[key])]
    totals = _totals(network, rows)
    assert totals is not None
    weights, macs = grouped(totals["network_weights"]), grouped(totals["network_macs"])
    return [
        sheet,
        Line(
            f"The network with these and all else as it is: {weights} weights in place of "
            f"{grouped(network.totals.weights)}, {macs} MACs in place of {grouped(_macs(network))}"
        ),
        Line(ABOUT[key], "aside"),
    ]


def _totals(network: Network, rows: Sequence[Replacement]) -> dict[str, int] | None:
    """The sums of a table, and what the network would have with full convolutions."""
    if not rows:
        return None
    total = together(rows)
    weights, macs = instead(rows, network.totals.weights, _macs(network))
    sums = {key: getattr(total, key) for key in ("full_weights", "weights", "full_macs", "macs")}
    return {**sums, "network_weights": weights, "network_macs": macs}


def _macs(network: Network) -> int:
    """Of one input."""
    return network.totals.macs // network.batch
