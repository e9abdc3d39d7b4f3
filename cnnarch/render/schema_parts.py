"""What a JSON Schema is made of: objects and lists, and the values of columns and figures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cnnarch.analysis.figures import Figure
from cnnarch.render.keys import holding
from cnnarch.render.sheets import Column

__all__ = [
    "COUNT", "DEFINITIONS", "NUMBER", "SHAPE", "TEXT", "VALUES", "WHOLE", "YES", "Schema",
    "by_name", "figure_of", "list_of", "object_of", "or_null", "row_of", "said", "value_of",
]  # fmt: skip

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
YES: Schema = {"type": "boolean"}
SHAPE: Schema = {"$ref": "#/$defs/shape"}
AXES: Schema = {"type": "array", "items": {"type": ["number", "null"]}, "maxItems": 3}

# What the raw value of a column can be, by the word that it declares.
VALUES: dict[str, Schema] = {
    "text": TEXT,
    "texts": {"type": "array", "items": TEXT},
    "whole": WHOLE,
    "number": NUMBER,
    "yes": YES,
    "shape": SHAPE,
    "shapes": {"anyOf": [SHAPE, {"type": "array", "items": SHAPE}]},
    "shape_of_inputs": {"anyOf": [SHAPE, {"type": "object", "additionalProperties": SHAPE, "minProperties": 1}]},
    "axes": AXES,
    "axes_of_inputs": {
        "anyOf": [AXES, {"type": "object", "additionalProperties": {"anyOf": [AXES, {"type": "null"}]}}]
    },
}
DEFINITIONS: Schema = {
    "shape": {
        "description": "spatial sizes, then channels",
        "type": "array",
        "items": {"type": "integer", "minimum": 1},
        "minItems": 1,
        "maxItems": 4,
    }
}


def object_of(properties: Schema, **others: Any) -> Schema:
    """An object with these keys, all of them and no others."""
    keys = {"properties": properties, "required": list(properties), "additionalProperties": False}
    return {"type": "object", **keys, **others}


def list_of(items: Schema, **others: Any) -> Schema:
    return {"type": "array", "items": items, **others}


def by_name(items: Schema, names: Iterable[str] = ()) -> Schema:
    """An object whose keys are names, of these if there are any."""
    known = list(names)
    limits = {"propertyNames": {"enum": known}} if known else {}
    return {"type": "object", **limits, "additionalProperties": items}


def or_null(schema: Schema) -> Schema:
    if isinstance(schema.get("type"), str) and "enum" not in schema and "const" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def said(about: str, schema: Schema, unit: str = "") -> Schema:
    return {"description": f"{about}; in {unit}" if unit else about, **schema}


def value_of(column: Column) -> Schema:
    word = holding(column)
    schema = VALUES[word.removesuffix("?")]
    return said(column.about, or_null(schema) if word.endswith("?") else schema, column.unit)


def row_of(columns: Iterable[Column]) -> Schema:
    """A row of a table, under the keys of its columns."""
    return object_of({column.key: value_of(column) for column in columns})


def figure_of(figure: Figure) -> Schema:
    number = NUMBER if figure.unit == "MACs/byte" else COUNT
    return said(figure.about, or_null(number) if figure.may_be_unknown else number, figure.unit)
