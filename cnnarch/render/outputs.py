"""JSON Schemas of what the commands print as JSON, from the columns and figures that they print."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cnnarch.analysis.difference import STATUSES
from cnnarch.analysis.dtypes import DTYPES
from cnnarch.analysis.figures import FIGURES, Figure
from cnnarch.analysis.memory import ORDERS
from cnnarch.analysis.replacements import REPLACEMENTS
from cnnarch.analysis.totals import FAMILIES, Subtotal, Totals
from cnnarch.analysis.training import OPTIMIZERS
from cnnarch.layers import KINDS
from cnnarch.render import difference, memory, receptive_field, roofline
from cnnarch.render.columns import LAYER_DATA, NETWORK_COLUMNS, REPLACEMENT_COLUMNS, SAVING_COLUMNS, chosen
from cnnarch.render.data import VERSION
from cnnarch.render.keys import COMMANDS
from cnnarch.render.schema_parts import (
    COUNT,
    DEFINITIONS,
    NUMBER,
    SHAPE,
    TEXT,
    VALUES,
    WHOLE,
    YES,
    Schema,
    by_name,
    figure_of,
    list_of,
    object_of,
    or_null,
    row_of,
    said,
    value_of,
)
from cnnarch.render.sheets import Column
from cnnarch.render.spaces import SPACE_COLUMNS

__all__ = ["OUTPUTS", "output_schema"]


def output_schema(command: str) -> Schema:
    """The schema of what a command prints as JSON, a key of OUTPUTS; without `--columns`, which leave keys out."""
    made = OUTPUTS[command]()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"cnnarch {command} --format json",
        **made,
        "$defs": {**DEFINITIONS, **made.get("$defs", {})},
    }


def _named() -> Schema:
    """What every record of one network begins with."""
    return {
        "version": said("the version of this layout", {"const": VERSION}),
        "network": said("what it is called on the command line", TEXT),
        "name": said("what people call it", TEXT),
    }


BATCH = said("inputs at a time", {"type": "integer", "minimum": 1})
DTYPE = said("the type in which numbers are stored", {"enum": list(DTYPES)})
INPUT = said("the shape that arrives; several by their names", VALUES["shape_of_inputs"])
NETWORKS = row_of(NETWORK_COLUMNS)
PLACE = {"file": or_null(TEXT), "line": or_null(WHOLE), "column": or_null(WHOLE)}


def _summary() -> Schema:
    layers = chosen(COMMANDS["summary"](), (*LAYER_DATA, "shares", "train_only"))
    counts = {"layers": said("how many have weights of their own", COUNT)}
    family = {key: counts.get(key) or figure_of(FIGURES[key]) for key in (*Subtotal._fields[1:], "params")}
    network = {
        **_named(),
        "source": said("where it was published", TEXT),
        "input": INPUT,
        "batch": BATCH,
        "outputs": said("the shapes that no layer takes, by their layers' names", by_name(SHAPE)),
        "output_regions": said("how many regions leave there", by_name({"type": "integer", "minimum": 1})),
        "layers": list_of(row_of(layers)),
        "totals": object_of({key: figure_of(FIGURES[key]) for key in Totals._fields}),
        "not_counted": said("the layers whose figures are not known and lack in the totals", list_of(TEXT)),
        "families": by_name(object_of({"family": {"enum": [*FAMILIES, ""]}, **family}), [*FAMILIES, "others"]),
    }
    return {
        "anyOf": [{"$ref": "#/$defs/network"}, _several(list_of({"$ref": "#/$defs/network"}, minItems=2))],
        "$defs": {"network": object_of(network)},
    }


def _several(networks: Schema) -> Schema:
    return object_of({"version": {"const": VERSION}, "networks": networks})


def _compare() -> Schema:
    pairs = chosen(COMMANDS["compare"](), ("left", "right", "difference"))
    two = {"version": {"const": VERSION}, "networks": list_of(NETWORKS, minItems=2, maxItems=2)}
    two["pairs"] = said("layer against layer, in order", list_of(row_of(pairs)))
    several = _several(list_of(NETWORKS, minItems=3))
    return {"anyOf": [object_of(two), several, _diff()], "$defs": {"part": _part()}}


def _diff() -> Schema:
    names = [column for column in NETWORK_COLUMNS if column.key not in FIGURES]
    return object_of(
        {
            "version": {"const": VERSION},
            "networks": list_of(row_of(names), minItems=2, maxItems=2),
            "batch": BATCH,
            "dtype": DTYPE,
            "totals": object_of({key: _sides(figure) for key, figure in FIGURES.items()}),
            "unchanged": said("how many layers are the same", COUNT),
            **{status: list_of(_alone() if status in ("added", "removed") else _both()) for status in STATUSES},
        }
    )


def _sides(figure: Figure) -> Schema:
    value, number = figure_of(figure), NUMBER if figure.unit == "MACs/byte" else WHOLE
    by = or_null(number) if figure.may_be_unknown else number
    return object_of({"left": value, "right": value, "difference": said("right minus left", by, figure.unit)})


def _alone() -> Schema:
    """A layer or a block that one of the networks has."""
    return object_of({**_entry(), **_part()["properties"]})


def _both() -> Schema:
    """A layer that both networks have, with what differs; of a block, how many layers differ in it."""
    every = _columns(difference.COLUMNS)
    value: Schema = {}  # of whatever type the setting has
    change = object_of(
        {"what": said("a setting, or input, output, kind and the like", TEXT), "left": value, "right": value}
    )
    by = object_of(
        {key: value_of(every[key]) if key in every else _less(key) for key in (*difference.TOTALS, "output_bytes")}
    )
    made = object_of(
        {
            **_entry(),
            "inside": said("how many layers of a block differ, by how", by_name(COUNT, [*STATUSES, "unchanged"])),
            "was": value_of(every["was"]),
            "changes": list_of(change),
            "left": or_null({"$ref": "#/$defs/part"}),
            "right": or_null({"$ref": "#/$defs/part"}),
            "difference": by,
        }
    )
    return {**made, "required": [key for key in made["required"] if key not in ("inside", "was")]}


def _less(key: str) -> Schema:
    return said(f"difference in {FIGURES[key].about}", WHOLE)


def _entry() -> Schema:
    return {
        key: value_of(column)
        for key, column in _columns(difference.COLUMNS).items()
        if key in ("name", "kind", "layers")
    }


def _part() -> Schema:
    return object_of(
        {
            "operation": said("what it does", TEXT),
            "input": said("the shape that arrives", VALUES["shapes"]),
            "output": said("the shape that leaves", SHAPE),
            **{key: figure_of(FIGURES[key]) for key in difference.TOTALS},
            "output_bytes": said("the bytes that it puts out for a batch", COUNT),
        }
    )


def _columns(columns: Sequence[Column]) -> dict[str, Column]:
    return {column.key: column for column in columns}


def _savings() -> Schema:
    """All tables; or one of them, for `--only`."""
    layers = {"layers": list_of(row_of(SAVING_COLUMNS)), "totals": or_null(row_of(SAVING_COLUMNS))}
    tables = {key: list_of(row_of(REPLACEMENT_COLUMNS)) for key in REPLACEMENTS}
    known = _columns(REPLACEMENT_COLUMNS)
    sums: Schema = {key: value_of(known[key]) for key in ("full_weights", "weights", "full_macs", "macs")}
    sums["network_weights"] = said("weights of the network with the full convolutions", COUNT)
    sums["network_macs"] = said("MACs of the network with the full convolutions", COUNT)
    totals = or_null(object_of(sums))
    every = object_of({**_named(), **layers, **tables, "full_totals": object_of(dict.fromkeys(REPLACEMENTS, totals))})
    ones = [
        object_of({**_named(), key: table, "full_totals": object_of({key: totals})}) for key, table in tables.items()
    ]
    return {"anyOf": [every, object_of({**_named(), **layers}), *ones]}


def _networks() -> Schema:
    """Networks, or those with a search space."""
    spaces = object_of({"version": {"const": VERSION}, "spaces": list_of(row_of(SPACE_COLUMNS))})
    return {"anyOf": [_several(list_of(NETWORKS)), spaces]}


def _check() -> Schema:
    published = {
        "figure": TEXT,
        "published": said("as it is published", TEXT),
        "value": said("what it is here", COUNT),
        "kept": YES,
        "source": TEXT,
    }
    advice = {"code": TEXT, "layer": said("none: the whole network", TEXT), "message": TEXT, "hint": TEXT}
    network = {
        "network": TEXT,
        "ok": said("whether all is well; advice counts if it is strict", YES),
        "valid": said("whether it can be built", YES),
        "problems": list_of(object_of({"message": TEXT, "hint": TEXT, **PLACE})),
        "published": list_of(object_of(published)),
        "limits": list_of(_limit()),
        "advice": list_of(object_of(advice)),
        "totals": or_null(object_of({key: figure_of(FIGURES[key]) for key in Totals._fields})),
    }
    return object_of({"version": {"const": VERSION}, "ok": YES, "networks": list_of(object_of(network))})


def _limit() -> Schema:
    """A figure beside its limit."""
    return object_of(
        {
            "figure": {"enum": list(FIGURES)},
            "unit": said("of the numbers; none for a count", TEXT),
            "most": or_null(NUMBER),
            "least": or_null(NUMBER),
            "value": said("null if it is not known", or_null(NUMBER)),
            "kept": YES,
            "left": said("how far it is from the limit", or_null(NUMBER)),
            "batch": or_null(BATCH),
            "dtype": or_null(DTYPE),
            "input": or_null(by_name(SHAPE)),
            **PLACE,
        }
    )


def _fit() -> Schema:
    value: Schema = {}  # of whatever type the setting has
    tried = or_null(object_of({"value": value, "ok": YES, "limits": list_of(_limit())}))
    return object_of(
        {
            "version": {"const": VERSION},
            "network": said("what it is called on the command line", TEXT),
            "setting": said("what varies", TEXT),
            "value": said("the largest that is within all limits; null if none is", value),
            "best": said("the same with its figures", tried),
            "next": said("the next that was tried; of none that fits the first", tried),
            "monotone": said("whether figures only rise or only fall over the values that were tried", YES),
            "every": said("whether all values were tried", YES),
            "tried": COUNT,
            "values": said("how many there are", COUNT),
            "not_built": said("with how many of those that were tried it cannot be built", COUNT),
        }
    )


def _memory() -> Schema:
    turns = chosen(COMMANDS["memory"](), memory.KEYS)
    parts = dict.fromkeys(("weights", "gradients", "optimizer", "buffers", "activations"), COUNT)
    kept = {"layers": COUNT, "tensors": COUNT, "beside": COUNT, "keeps": TEXT}
    alive = {"name": TEXT, "output": SHAPE, "regions": COUNT, "bytes": COUNT}
    return object_of(
        {
            **_named(),
            "batch": BATCH,
            "dtype": DTYPE,
            "in_place": said("whether layers write over their input where they can", YES),
            "order": {"enum": list(ORDERS)},
            "optimizer": {"enum": list(OPTIMIZERS)},
            "weights": figure_of(FIGURES["weight_memory"]),
            "activations": figure_of(FIGURES["activations"]),
            "peak": figure_of(FIGURES["peak"]),
            "weights_and_peak": said("what inference takes at least", COUNT, "bytes"),
            "training": said("what training takes; null in types for inference only", or_null(COUNT), "bytes"),
            "peak_step": said("the layer that runs at the peak", or_null(TEXT)),
            "given_peak": said("the peak in the spec's order, if another was looked for", or_null(COUNT), "bytes"),
            "least_peak": said("what every order needs at least", or_null(COUNT), "bytes"),
            "exact": said("whether no order has a lower peak", or_null(YES)),
            "alive": said("the tensors at the peak", list_of(object_of(alive))),
            "training_parts": or_null(object_of(parts)),
            "kept": said("what is kept for the backward pass", or_null(by_name(object_of(kept), KINDS))),
            "layers": list_of(row_of(turns)),
        }
    )


def _roofline() -> Schema:
    """A network without a device, with one, or the devices."""
    return {"anyOf": [_bounds(False), _bounds(True), object_of({"version": {"const": VERSION}, "devices": _devices()})]}


def _devices() -> Schema:
    return list_of(row_of(roofline.DEVICE_COLUMNS))


def _bounds(timed: bool) -> Schema:
    known = COMMANDS["roofline"]()
    keys = [*roofline.MOVED, *(roofline.TIMES if timed else ())]
    sums = row_of(chosen(known, [key for key in keys if key != "share"]))
    limits = {"memory_layers": COUNT, "moving_layers": COUNT} if timed else {}
    device = {
        "name": or_null(TEXT),
        "title": or_null(TEXT),
        "peak": said("operations a second", WHOLE),
        "bandwidth": said("bytes a second", WHOLE),
        "ridge": said("MACs/byte from which compute limits", NUMBER),
        "source": or_null(TEXT),
    }
    return object_of(
        {
            **_named(),
            "input": INPUT,
            "batch": BATCH,
            "dtype": DTYPE,
            "device": object_of(device) if timed else {"type": "null"},
            "together": said("whether element-wise layers run with the layer before", YES),
            "layers": list_of(row_of(chosen(known, ["name", "kind", "operation", *keys]))),
            "totals": object_of({**sums["properties"], **limits}),
            "bounds": object_of(dict.fromkeys(("apart", "together", "on_chip"), sums)),
        }
    )


def _receptive_field() -> Schema:
    known, keys = COMMANDS["receptive-field"](), receptive_field.KEYS
    return object_of(
        {
            **_named(),
            "receptive_field": figure_of(FIGURES["receptive_field"]),
            "reason": said("why it is not known", or_null(TEXT)),
            "last": said("the last feature maps", list_of(row_of(chosen(known, keys[:1] + keys[3:])))),
            "left_out": list_of(object_of({"kind": TEXT, "layers": VALUES["texts"], "reason": TEXT})),
            "layers": list_of(row_of(chosen(known, keys))),
        }
    )


def _explain() -> Schema:
    step = {
        "quantity": said("what is computed", TEXT),
        "formula": TEXT,
        "arithmetic": said("the formula with its numbers: + - * /, floor(...) and ceil(...)", TEXT),
        "value": said("the result", WHOLE),
        "remark": TEXT,
    }
    layer = {
        "name": TEXT,
        "kind": said("the kind of layer", {"enum": list(KINDS)}),
        "operation": said("what it does", TEXT),
        "input": said("the shape that arrives", VALUES["shapes"]),
        "output": said("the shape that leaves", SHAPE),
        "steps": list_of(object_of(step)),
        "note": TEXT,
    }
    return object_of({**_named(), "layers": list_of(object_of(layer))})


OUTPUTS: dict[str, Callable[[], Schema]] = {
    "summary": _summary,
    "compare": _compare,
    "explain": _explain,
    "savings": _savings,
    "list": _networks,
    "check": _check,
    "fit": _fit,
    "memory": _memory,
    "roofline": _roofline,
    "receptive-field": _receptive_field,
}
