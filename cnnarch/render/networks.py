"""Networks and their totals, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnarch.network import Network
from cnnarch.render.columns import NETWORK_COLUMNS, chosen
from cnnarch.render.data import VERSION, records
from cnnarch.render.frame import counted
from cnnarch.render.sheets import Page, Sheet

__all__ = ["page", "record"]


def page(rows: Sequence[Any], columns: Sequence[str]) -> Page:
    """Networks and their totals, a line each."""
    batch = rows[0].batch if rows else 1
    return [Sheet(chosen(NETWORK_COLUMNS, columns), rows), counted(batch)]


def record(rows: Sequence[Network], columns: Sequence[str] = ()) -> dict[str, Any]:
    shown = chosen(NETWORK_COLUMNS, columns) if columns else NETWORK_COLUMNS
    return {"version": VERSION, "networks": records(shown, rows)}
