"""Results as data, for JSON; whole numbers stay whole numbers."""

from __future__ import annotations

import json as writer
from collections.abc import Sequence
from typing import Any

from cnnarch.render.sheets import Column
from cnnarch.shapes import Shape

__all__ = ["VERSION", "cell", "encoded", "json", "plain", "records"]

VERSION = 1  # of the records that JSON shows


def json(record: Any) -> str:
    """A record as JSON, one row of a table a line."""
    return f"{_lines(record, '')}\n"


def _lines(value: Any, indent: str) -> str:
    """Mappings and lists of mappings over several lines, all else on one."""
    inner = f"{indent}  "
    if isinstance(value, dict) and (
        not indent or any(isinstance(one, dict) or _is_table(one) for one in value.values())
    ):
        pairs = [f"{inner}{encoded(key)}: {_lines(one, inner)}" for key, one in value.items()]
        return "{\n" + ",\n".join(pairs) + f"\n{indent}}}"
    if _is_table(value):
        return "[\n" + ",\n".join(f"{inner}{_lines(one, inner)}" for one in value) + f"\n{indent}]"
    return encoded(value)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def encoded(value: Any) -> str:
    """A value as JSON on one line."""
    text = writer.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else writer.dumps(value)  # what a terminal would act on is escaped


def plain(value: Any) -> Any:
    """Shapes as lists, so that JSON shows numbers; how many regions there are, stands in a column of its own."""
    if isinstance(value, Shape):
        return list(value)
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def cell(value: Any) -> str:
    """A value as bare text: `227x227x3` for a shape, `true`, a whole number."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return " ".join(f"{name}={cell(one)}" for name, one in value.items())
    if isinstance(value, list):
        deep = value and isinstance(value[0], (list, str))
        return " ".join(cell(one) for one in value) if deep else "x".join(map(cell, value))
    return str(value)


def records(columns: Sequence[Column], rows: Sequence[Any]) -> list[dict[str, Any]]:
    """The rows of a table, each under the keys of its columns."""
    return [{column.key: plain(column.get(row)) for column in columns} for row in rows]
