"""Networks and their totals, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnarch.network import Network
from cnnarch.render.columns import NETWORK_COLUMNS, chosen, shown
from cnnarch.render.data import VERSION, records
from cnnarch.render.frame import counted
from cnnarch.render.sheets import Page, Sheet

__all__ = ["page", "record"]


def page(rows: Sequence[Any], columns: Sequence[str], otherwise: Sequence[str]) -> Page:
    """Networks and their totals, a line each; `otherwise` are the columns if none were asked for."""
    batch = rows[0].batch if rows else 1
    return [Sheet(shown(NETWORK_COLUMNS, columns, otherwise), rows), counted(batch)]


def record(rows: Sequence[Network], columns: Sequence[str] = ()) -> dict[str, Any]:
    given = chosen(NETWORK_COLUMNS, columns) if columns else NETWORK_COLUMNS
    return {"version": VERSION, "networks": records(given, rows)}
