"""Receptive fields, as a page and as a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from cnnarch.analysis.receptive_field import AxisField, Field, ReceptiveField
from cnnarch.graph import Node
from cnnarch.network import Network
from cnnarch.render.columns import chosen, shown
from cnnarch.render.data import VERSION, records
from cnnarch.render.frame import heading
from cnnarch.render.numbers import exact
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["KEYS", "field_columns", "fields", "of_layer", "page", "record", "sheet"]

TABLE = ("name", "operation", "output", "receptive_field", "jump", "start", "padding", "aligned")
KEYS = (
    "name", "kind", "operation", "output", "input", "receptive_field", "jump", "start", "padding", "together",
    "aligned", "whole", "reason",
)  # fmt: skip
MOST_ENDS = 4  # that are told in lines of their own
MOST_NAMES = 3


def fields(network: Network, names: Sequence[str] = (), everything: bool = False) -> list[Field]:
    """What layers see of each input: all layers, or those of some names, and of blocks those that change what is seen.

    Raises ReadError for a name that there is not.
    """
    found = network.receptive_field
    parts: Sequence[Sequence[Node]] = [network.part(name) for name in names] if names else [network.layers]
    nodes = [node for part in parts for node in part if everything or found.changes(node) or len(part) == 1]
    return [field for node in nodes for field in found.of(node)]


def page(network: Network, rows: Sequence[Field], columns: Sequence[str] = ()) -> Page:
    """Layer by layer, then the last feature maps, and what was left out."""
    found = network.receptive_field
    several = len(found.inputs) > 1
    return [
        *heading(network),
        *([sheet(network, rows, columns)] if rows else [Line("no layer reads other places than its own")]),
        *_ends(network, found, several),
        *_asides(found, rows),
    ]


def ends(network: Network) -> list[Line]:
    """The last feature maps and what was left out, in sentences."""
    found = network.receptive_field
    return [
        part for part in (*_ends(network, found, len(found.inputs) > 1), *_asides(found, ())) if isinstance(part, Line)
    ]


def sheet(network: Network, rows: Sequence[Field], columns: Sequence[str] = ()) -> Sheet:
    several = len(network.receptive_field.inputs) > 1
    apart = any(map(_together, rows))
    keys = [*TABLE[:3], *(["input"] if several else []), *TABLE[3:4], *(["together"] if apart else []), *TABLE[4:]]
    return Sheet(shown(field_columns(network), columns, keys), rows)


def record(network: Network, rows: Sequence[Field], columns: Sequence[str] = ()) -> dict[str, Any]:
    found = network.receptive_field
    ends = chosen(field_columns(network), KEYS[:1] + KEYS[3:])
    return {
        "version": VERSION,
        "network": network.label,
        "name": network.name,
        "receptive_field": found.least,
        "reason": found.reason or None,
        "last": records(ends, found.ends),
        "left_out": [{"kind": one.kind, "layers": list(one.names), "reason": one.words} for one in found.left_out],
        "layers": records(chosen(field_columns(network), columns or KEYS), rows),
    }


def of_layer(network: Network, node: Node, key: str, as_text: bool = False) -> Any:
    """One column of one layer, for a table of layers; of several inputs by their names."""
    column = next(one for one in field_columns(network) if one.key == key)
    found = network.receptive_field.of(node)
    if as_text:
        texts = [(field.input, column.text(field)) for field in found]
        return texts[0][1] if len(texts) == 1 else ", ".join(f"{name} {text}" for name, text in texts if text)
    return column.get(found[0]) if len(found) == 1 else {field.input: column.get(field) for field in found} or None


def field_columns(network: Network) -> list[Column]:
    def operation(field: Field) -> str:
        return field.node.layer.operation(*network.graph.shapes(field.node))

    return [
        Column("name", "layer", "the layer's name", lambda field: field.node.name, wraps=True, breaks="/"),
        Column("kind", "kind", "the kind of layer", lambda field: field.node.layer.kind),
        Column("operation", "operation", "what it does", operation, wraps=True, breaks=", ", spare=5),
        Column("output", "output", "the shape that leaves", lambda field: field.node.output, spare=4, holds="shape"),
        Column("input", "of input", "the input that it is a part of", lambda field: field.input, spare=3),
        Column("receptive_field", "receptive field", "pixels along each axis that a place sees", _raw("size"),
               words=words, number=True, holds="axes?", unit="pixels"),
        Column("together", "all paths", "the same of all paths together, where these are not aligned",
               _raw("together"), words=_together, number=True, spare=8, holds="axes?", unit="pixels"),
        Column("jump", "jump", "pixels from a place to the next", _raw("jump"),
               words=lambda field: _words(field, "jump"), number=True, holds="axes?", unit="pixels"),
        Column("start", "start", "the centre of the first place", _raw("start"),
               words=lambda field: _words(field, "start"), number=True, spare=2, holds="axes?", unit="pixels"),
        Column("padding", "padding", "pixels by which the first field begins before the input", _raw("padding"),
               words=lambda field: _words(field, "padding"), number=True, spare=1, holds="axes?",
               unit="pixels"),
        Column("aligned", "aligned", "whether all paths have the same jump and centre", lambda field: field.aligned,
               lambda value: "yes" if value else "no", spare=3, holds="yes?"),
        Column("whole", "whole", "whether all places see all of the input", lambda field: field.whole,
               lambda value: "yes" if value else "", spare=6, holds="yes"),
        Column("reason", "why not", "why it is not known", lambda field: field.reason or None, wraps=True, spare=7,
               holds="text?"),
    ]  # fmt: skip


def _pixels(field: Field, key: str) -> list[Any]:
    return [getattr(axis, key) for axis in field.axes]


def _raw(key: str) -> Callable[[Field], Any]:
    """A number for each axis; what is not whole is as near as a decimal can be."""

    def get(field: Field) -> Any:
        values = [_number(value) for value in _pixels(field, key)]
        return values if any(value is not None for value in values) else None

    return get


def _together(field: Field) -> str:
    """What all paths see, where it is more than the largest does."""
    more = field.size is not None and _pixels(field, "together") != [*field.size] and not field.whole
    known = all(axis.together is not None for axis in field.axes)
    return "×".join(str(axis.together) for axis in field.axes) if more and known else ""


def _number(value: Fraction | int | None) -> int | float | None:
    if value is None or value == int(value):
        return None if value is None else int(value)
    return float(value)


def _words(field: Field, key: str) -> str:
    """One number where axes agree, exactly."""
    texts = ["" if value is None else exact(value) for value in _pixels(field, key)]
    if not any(texts):
        return ""
    return texts[0] if len(set(texts)) == 1 else "×".join(text or "–" for text in texts)


def words(field: Field) -> str:
    """The receptive field, `195×195`; `whole` where all places see all of the input."""
    if not field.axes:
        return "nothing"
    if field.whole:
        return "whole"
    return "×".join(_of_axis(axis) for axis in field.axes) if field.size is not None else "not known"


def _of_axis(axis: AxisField) -> str:
    return "whole" if axis.whole else str(axis.size)


def _ends(network: Network, found: ReceptiveField, several: bool) -> Page:
    """The last feature maps; of many the smallest and the largest."""
    ends = found.ends
    if not ends:
        return [Line("no layer with places sees an input")]
    known = [field for field in ends if field.size is not None]
    if len(ends) > MOST_ENDS and known:
        least, most = (pick(known, key=lambda field: field.size or ()) for pick in (min, max))
        lacking = f", {len(ends) - len(known)} not known" if len(known) < len(ends) else ""
        texts = [f"{len(ends)} last feature maps{lacking}; smallest: {_end(network, least, several)}"]
        texts += [f"largest: {_end(network, most, several)}"] if most.size != least.size else []
    else:
        texts = [f"last feature map: {_end(network, field, several)}" for field in ends]
    return [Line(text) for text in texts]


def _end(network: Network, field: Field, several: bool) -> str:
    """`stage5/maxpool, 7×7×512: receptive field 212×212, jump 32, padding 90`."""
    text = f"{field.node.name}, {field.node.output}: receptive field"
    of = f" of {field.input}" if several else ""
    if field.size is None:
        return f"{text}{of} not known, as {field.reason}"
    if field.whole:
        return f"{text} all of {field.input if several else 'the input'}"
    parts = [f"{text} {words(field)}{of}"]
    parts += [f"{key} {_words(field, key)}" for key in ("jump", "padding") if _words(field, key)]
    spatial = network.inputs[field.input].spatial
    if all(size >= length for size, length in zip(field.size, spatial)):
        parts.append("no smaller than the input")
    return ", ".join(parts) + ("; paths are not aligned" if field.aligned is False else "")


def _asides(found: ReceptiveField, rows: Sequence[Field]) -> Page:
    """What the numbers are, and what is not in them."""
    if not rows and not found.ends:
        return []
    texts = ["In pixels of the input, those on padding too; start: the centre of the first place."]
    if any(field.aligned is False for field in (*rows, *found.ends)):
        texts.append("Not aligned: paths differ in jump or centre; the field is the largest path's.")
    for one in found.left_out:
        many = len(one.names)
        names = ", ".join(one.names[:MOST_NAMES]) + (", …" if many > MOST_NAMES else "")
        kind = f"{many} {one.kind}s" if one.kind == "gate" and many > 1 else f"{many} {one.kind}"
        texts.append(f"Left out: {kind} ({names}), {one.words}.")
    unknown = {field.reason: field.node.name for field in reversed(rows) if field.reason}
    texts += [f"Not known from {name} on: {reason}." for reason, name in reversed([*unknown.items()])]
    return [Line(" ".join(texts), "aside")]
