"""A network's layers as flat records, for data frames."""

from __future__ import annotations

from typing import Any

from cnnarch.network import Network
from cnnarch.render.columns import LAYER_DATA, chosen, layer_columns
from cnnarch.render.data import cell, plain

__all__ = ["flat_records"]

AXES = ("depth", "height", "width")


def flat_records(network: Network, depth: int | None = None) -> list[dict[str, Any]]:
    """A record a layer, or a block at a depth: texts, whole numbers and booleans, none of them missing."""
    columns = chosen(layer_columns(network), (*LAYER_DATA, "shares", "train_only"))
    made = []
    for row in network.rows(depth):
        record: dict[str, Any] = {"network": network.label}
        for column in columns:
            value = plain(column.get(row))
            record[column.key] = cell(value) if isinstance(value, list) else value
            if column.key == "output":
                spatial = row.output.spatial
                record |= dict(zip(AXES, (*(1,) * (len(AXES) - len(spatial)), *spatial)))
                record["channels"] = row.output.channels
        made.append(record)
    return made
