"""A JSON Schema of the language, from its own declarations, for editors."""

from __future__ import annotations

from typing import Any

from cnnarch.analysis.advice import RULES
from cnnarch.analysis.budgets import BYTES, COUNTS, MAX, MEMORY_OF, MIN
from cnnarch.analysis.dtypes import DTYPES
from cnnarch.analysis.figures import FIGURES, Figure
from cnnarch.layers import KINDS, Layer
from cnnarch.spec.claims import CLAIMS, LARGEST_BATCH
from cnnarch.spec.document import HEADER, PAGE_OF_BLOCKS, TASKS
from cnnarch.spec.items import BESIDE, MERGES, STRUCTURES
from cnnarch.spec.space import ASCENDING, LIST, MOST_CHOICES, MOST_PLACES, RANGE, WHERE

__all__ = ["schema"]

Schema = dict[str, Any]


def schema() -> Schema:
    """The schema of a spec, or of a page of blocks.

    It checks keys, kinds, settings and literal values; what an expression gives is known only when
    the network is built. The settings of a spec's own blocks are not checked.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "cnnarch spec",
        "description": "The architecture of a network",
        "type": "object",
        "properties": _described(HEADER, _header()),
        "anyOf": [
            {"required": ["name", "input", "layers"]},
            {"required": ["name", "extends"]},
            {"required": ["blocks"], "propertyNames": {"enum": list(PAGE_OF_BLOCKS)}, "title": "a page of blocks"},
        ],
        "additionalProperties": False,
        "$defs": {
            "expression": {"type": "string", "minLength": 1, "description": "an expression of settings and of `x`"},
            "value": {"description": "a number, true or false, a list, a word, an expression"},
            "shape": {
                "description": "spatial sizes, then channels: 224x224x3",
                "anyOf": [
                    {"type": "string", "pattern": "^[0-9]+([x×][0-9]+){0,3}$"},
                    {"type": "integer", "minimum": 1},
                    {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 4},
                ],
            },
            "inputs": {
                "anyOf": [
                    {"$ref": "#/$defs/shape"},
                    {"type": "object", "additionalProperties": {"$ref": "#/$defs/shape"}, "minProperties": 1},
                ]
            },
            "settings": {"type": "object", "additionalProperties": {"$ref": "#/$defs/value"}},
            "space": _space(),
            "axis": _axis(),
            "layers": {"type": "array", "items": {"$ref": "#/$defs/layer"}},
            "layer": _layer(),
            "block": {
                "type": "object",
                "properties": {
                    "settings": {"$ref": "#/$defs/settings"},
                    "layers": {"$ref": "#/$defs/layers"},
                    "note": {"type": "string"},
                },
                "required": ["layers"],
                "additionalProperties": False,
            },
            "claim": _claim(),
            "limits": _limits(),
        },
    }


def _header() -> dict[str, Schema]:
    text = {"type": "string", "minLength": 1}
    return {
        "name": text,
        "input": {"$ref": "#/$defs/inputs"},
        "source": text,
        "year": {"type": "integer", "minimum": 1900, "maximum": 2100},
        "task": {"enum": list(TASKS)},
        "note": text,
        "see_also": {"anyOf": [text, {"type": "array", "items": text}]},
        "settings": {"$ref": "#/$defs/settings"},
        "space": {"$ref": "#/$defs/space"},
        "extends": text,
        "import": {"anyOf": [text, {"type": "array", "items": text, "minItems": 1}]},
        "blocks": {"type": "object", "additionalProperties": {"$ref": "#/$defs/block"}},
        "layers": {"$ref": "#/$defs/layers", "minItems": 1},
        "published": {
            "anyOf": [{"$ref": "#/$defs/claim"}, {"type": "array", "items": {"$ref": "#/$defs/claim"}}],
        },
        "budget": {
            "anyOf": [
                {"$ref": "#/$defs/limits"},
                {"type": "array", "items": {"$ref": "#/$defs/limits"}, "minItems": 1},
            ],
        },
        "ignore": {"anyOf": [_rules(), {"type": "array", "items": _rules(), "minItems": 1}]},
    }


def _layer() -> Schema:
    """A kind by its name, or a mapping with the kind and what stands beside it."""
    plain = [name for name, kind in KINDS.items() if not any(one.required for one in kind.settings.values())]
    properties = {name: _kind(kind) for name, kind in KINDS.items()}
    lists: dict[str, Schema] = {
        "residual": {"$ref": "#/$defs/layers"},
        "branches": {"type": "array", "items": {"$ref": "#/$defs/layers"}, "minItems": 2},
        "layers": {"$ref": "#/$defs/layers"},
    }
    properties |= _described(STRUCTURES, lists) | _described(BESIDE, _beside())
    properties["shortcut"] = {
        "description": "layers that are used where the shapes differ, or `drop`",
        "anyOf": [{"const": "drop"}, {"$ref": "#/$defs/layers"}],
    }
    properties["merge"] = {"description": "how branches are joined", "enum": list(MERGES)}
    return {
        "anyOf": [
            {"enum": plain, "description": "a layer without settings"},
            {"type": "string", "description": "a block of this spec's own", "pattern": "^[^\\W\\d]\\w*$"},
            {
                "description": "a kind with its settings, and what stands beside it",
                "type": "object",
                "properties": properties,
                "additionalProperties": False,
                "oneOf": [{"required": [kind]} for kind in (*KINDS, *STRUCTURES)],
            },
            {
                "description": "a block of this spec's own, and what stands beside it",
                "type": "object",
                "properties": {name: properties[name] for name in BESIDE},
                "not": {"anyOf": [{"required": [kind]} for kind in (*KINDS, *STRUCTURES)]},
                "minProperties": 1,
                "maxProperties": 1 + len(BESIDE),
            },
        ]
    }


def _beside() -> dict[str, Schema]:
    name = {"type": "string", "minLength": 1}
    expression = {"$ref": "#/$defs/expression"}
    return {
        "name": {"type": "string", "minLength": 1, "maxLength": 64},
        "from": {"anyOf": [name, {"type": "array", "items": name, "minItems": 1}]},
        "repeat": {"anyOf": [{"type": "integer", "minimum": 0}, expression]},
        "when": {"anyOf": [{"type": "boolean"}, expression]},
        "share": name,
        "train_only": {"type": "boolean"},
        "note": name,
    }


def _kind(kind: type[Layer]) -> Schema:
    """A kind's value: its settings, or its first setting alone, or nothing where none is required."""
    settings = {name: one.schema() for name, one in kind.settings.items()}
    required = [name for name, one in kind.settings.items() if one.required]
    forms: list[Schema] = [
        {"type": "object", "properties": settings, "required": required, "additionalProperties": False}
    ]
    if not required:
        forms.append({"type": "null"})
    first = next(iter(settings), None)
    if first is not None and required in ([], [first]):
        forms.append({key: value for key, value in settings[first].items() if key != "description"})
    return {"description": (kind.__doc__ or "").split("\n")[0], "anyOf": forms}


def _space() -> Schema:
    return {
        "type": "object",
        "properties": {WHERE: {"$ref": "#/$defs/expression"}},
        "additionalProperties": {"$ref": "#/$defs/axis"},
        "minProperties": 1,
    }


def _axis() -> Schema:
    """What a setting is chosen from: choices, a range, or lists of such."""
    count = {"type": "integer", "minimum": 1, "maximum": MOST_PLACES}
    first, last, step = RANGE
    each, length, order = LIST
    ends = {first: {"type": "number"}, last: {"type": "number"}, step: {"type": "number", "exclusiveMinimum": 0}}
    lengths = {
        "type": "object",
        "properties": {first: count, last: count},
        "required": [first, last],
        "additionalProperties": False,
    }
    places = {
        each: {"$ref": "#/$defs/axis"},
        length: {"anyOf": [count, lengths]},
        order: {"const": ASCENDING},
    }
    return {
        "anyOf": [
            {"type": "array", "items": {"$ref": "#/$defs/value"}, "minItems": 1, "maxItems": MOST_CHOICES},
            {"type": "object", "properties": ends, "required": [first, last], "additionalProperties": False},
            {"type": "object", "properties": places, "required": [each, length], "additionalProperties": False},
        ]
    }


def _claim() -> Schema:
    figure = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)?\s?[KMGBT]?$"}]}
    properties: Schema = dict.fromkeys(CLAIMS, figure)
    properties |= {"source": {"type": "string", "minLength": 1}, "input": {"$ref": "#/$defs/inputs"}}
    return {"type": "object", "properties": properties, "required": ["source"], "additionalProperties": False}


def _limits() -> Schema:
    """An entry of a budget: figures with their limits, and what they are for."""
    properties = {key: {"description": figure.about, **_limit(figure)} for key, figure in FIGURES.items()}
    properties |= {
        "batch": {"type": "integer", "minimum": 1, "maximum": LARGEST_BATCH},
        "dtype": {"enum": list(DTYPES)},
        "input": {"$ref": "#/$defs/inputs"},
    }
    one = [{"required": [key]} for key in FIGURES]
    return {"type": "object", "properties": properties, "anyOf": one, "additionalProperties": False}


def _limit(figure: Figure) -> Schema:
    """A limit alone, or the most and the least."""
    units = [*COUNTS, *BYTES] if figure.key in MEMORY_OF else list(BYTES) if figure.unit == "bytes" else list(COUNTS)
    pattern = rf"^[0-9][0-9,]*(\.[0-9]+)? ?({'|'.join(filter(None, units))})?$"
    lone = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": pattern}]}
    both = {"type": "object", "properties": {MIN: lone, MAX: lone}, "minProperties": 1, "additionalProperties": False}
    return {"anyOf": [*lone["anyOf"], both]}


def _rules() -> Schema:
    """A rule's code, the beginning of one, or a rule's name."""
    words = {name for code, rule in RULES.items() for name in (code[:1], code[:2], code, rule.name)}
    return {"enum": sorted(words)}


def _described(words: dict[str, str], schemas: dict[str, Schema]) -> dict[str, Schema]:
    return {name: {"description": words[name], **schemas[name]} for name in words}
