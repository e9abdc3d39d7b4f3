"""Results as data: dictionaries for JSON, lines of CSV; whole numbers stay whole numbers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from cnnarch.analysis.check import Checked
from cnnarch.analysis.comparison import align
from cnnarch.analysis.explanation import Explanation
from cnnarch.errors import ReadError, printable, suggestion
from cnnarch.network import Network
from cnnarch.render.columns import LAYER_DATA, NETWORK_COLUMNS, SAVING_COLUMNS, chosen, difference, layer_columns
from cnnarch.render.sheets import Column, Sheet
from cnnarch.shapes import Shape

__all__ = [
    "SAVING_KEYS", "VERSION", "check_record", "compare_record", "explain_record", "lookup", "network_records",
    "savings_record", "sheet_csv", "summary_record", "to_json",
]  # fmt: skip

VERSION = 1
SAVING_KEYS = tuple(column.key for column in SAVING_COLUMNS)


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def summary_record(network: Network, depth: int | None = None, columns: Sequence[str] = ()) -> dict[str, Any]:
    """A network with its layers and totals."""
    shapes = {name: list(shape) for name, shape in network.inputs.items()}
    keys = columns or (*LAYER_DATA, "shares", "train_only")
    return {
        "version": VERSION,
        "name": network.name,
        "source": network.spec.origin,
        "input": shapes["input"] if list(shapes) == ["input"] else shapes,
        "batch": network.batch,
        "outputs": {name: list(shape) for name, shape in network.outputs.items()},
        "layers": _records(chosen(layer_columns(network), keys), network.rows(depth)),
        "totals": network.totals._asdict(),
        "families": {one.family or "others": {**one._asdict(), "params": one.params} for one in network.subtotals},
    }


def savings_record(network: Network, columns: Sequence[str] = ()) -> dict[str, Any]:
    shown = chosen(SAVING_COLUMNS, columns) if columns else SAVING_COLUMNS
    return {"version": VERSION, "name": network.name, "layers": _records(shown, network.savings())}


def network_records(rows: Sequence[Network], columns: Sequence[str] = ()) -> list[dict[str, Any]]:
    return _records(chosen(NETWORK_COLUMNS, columns) if columns else NETWORK_COLUMNS, rows)


def compare_record(networks: Sequence[Network], depth: int | None = None) -> dict[str, Any]:
    """The totals of several networks, and for two of them the layers in pairs."""
    record: dict[str, Any] = {"version": VERSION, "networks": network_records(networks)}
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


def check_record(found: Sequence[Checked]) -> dict[str, Any]:
    return {"version": VERSION, "ok": all(one.ok for one in found), "networks": [_check(one) for one in found]}


def _check(one: Checked) -> dict[str, Any]:
    return {
        "network": one.label,
        "ok": one.ok,
        "valid": one.error is None,
        "problems": [
            {"message": problem.message, "hint": problem.hint, "line": problem.span.line if problem.span else None}
            for problem in (one.error.problems if one.error else [])
        ],
        "published": [
            {"figure": verdict.claim.key, "published": verdict.claim.text, "value": verdict.value,
             "kept": verdict.kept, "source": verdict.claim.source}
            for verdict in one.published
        ],
        "limits": [
            {"figure": outcome.limit.key, "most": outcome.limit.most, "value": outcome.value, "kept": outcome.kept}
            for outcome in one.limits
        ],
        "totals": one.totals._asdict() if one.totals else None,
    }  # fmt: skip


def explain_record(network: Network, layers: Sequence[Explanation]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "name": network.name,
        "layers": [
            {
                "name": one.name,
                "kind": one.kind,
                "operation": one.operation,
                "input": list(one.inputs[0]) if len(one.inputs) == 1 else [list(shape) for shape in one.inputs],
                "output": list(one.output),
                "steps": [step._asdict() for step in one.steps],
                "note": one.note,
            }
            for one in layers
        ],
    }


def lookup(record: dict[str, Any], path: str) -> str:
    """One value of a record as bare text: `totals.params`, `layers.conv1.output`.

    Raises ReadError if there is none.
    """
    value: Any = record
    for part in path.split("."):
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = {one["name"]: one for one in value}
        if not isinstance(value, dict) or part not in value:
            keys = list(map(str, value)) if isinstance(value, dict) else []
            hint = suggestion(part, keys) or (f"there are {', '.join(keys[:20])}" if keys else "it has no parts")
            raise ReadError(f"there is no `{part}` in `--get {path}`", hint)
        value = value[part]
    if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], (dict, list))):
        raise ReadError(
            f"`--get {path}` is not one value", "name what is in it, as totals.params, layers.conv1.weights"
        )
    return printable(_cell(value))


def sheet_csv(sheet: Sheet) -> str:
    """The rows of a sheet with its columns' keys as header; no totals."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.key for column in sheet.columns])
    for row in sheet.rows:
        writer.writerow([_inert(_cell(_plain(column.get(row)))) for column in sheet.columns])
    return out.getvalue()


def _records(columns: Sequence[Column], rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [{column.key: _plain(column.get(row)) for column in columns} for row in rows]


def _plain(value: Any) -> Any:
    """Shapes as lists, so that JSON shows numbers."""
    if isinstance(value, Shape):
        return list(value)
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        deep = value and isinstance(value[0], list)
        return " ".join(_cell(one) for one in value) if deep else "x".join(map(str, value))
    return str(value)


def _inert(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = printable(text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
