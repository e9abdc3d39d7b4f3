"""What limits the layers of a network on a device, as a page and as a record; the devices, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cnnarch.analysis.devices import DEVICES, Device, Roof
from cnnarch.analysis.dtypes import DTYPES
from cnnarch.analysis.roofline import Bound, Roofline
from cnnarch.network import Network
from cnnarch.render.columns import chosen, network_input, shown
from cnnarch.render.data import VERSION, plain, records
from cnnarch.render.frame import heading
from cnnarch.render.numbers import decimals, duration, grouped, percent, rate, size
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = [
    "DEVICE_COLUMNS", "MOVED", "TIMES", "bound_columns", "data_keys", "device_page", "device_record", "device_rows",
    "page", "record", "rows",
]  # fmt: skip

MOVED = ("macs", "inputs_read", "weights_read", "read", "written", "bytes", "intensity")
TIMES = ("limit", "time", "compute_time", "memory_time", "share")
WAYS = {
    "apart": "every layer through memory",
    "together": "element-wise with the layer before",
    "on_chip": "all between on the chip",
}
TABLE = ("name", "operation", "macs", "read", "written", "intensity", "limit", "time", "share")


def data_keys(roof: Roof | None) -> tuple[str, ...]:
    """The columns that data has: times only where there is a device."""
    return ("name", "kind", "operation", *MOVED, *(TIMES if roof else ()))


def page(
    network: Network,
    roof: Roof | None,
    on: Device | None = None,
    depth: int | None = 1,
    together: bool = False,
    columns: Sequence[str] = (),
) -> Page:
    """Layer by layer, then the bounds of the whole network and what they mean."""
    found = network.roofline(roof, depth, together)
    page: Page = heading(network)
    if roof:
        page.append(Line(_roof_words(network, roof, on)))
    page.append(_layers(found, roof, columns))
    if roof and found.layers:
        share = percent((found.total.memory or 0) / (found.total.time or 1)) or "none"
        page.append(Line(f"memory limits {found.memory_layers} of {found.layers} layers, {share} of the time"))
    return [*page, _bounds(network, roof), *_meaning(network, roof, together)]


def rows(
    network: Network,
    roof: Roof | None,
    depth: int | None = None,
    together: bool = False,
    columns: Sequence[str] = (),
) -> Page:
    """The rows alone, for CSV."""
    found = network.roofline(roof, depth, together)
    return [Sheet(chosen(bound_columns(roof, found.total), columns or data_keys(roof)), found.rows)]


def record(
    network: Network,
    roof: Roof | None,
    on: Device | None = None,
    depth: int | None = None,
    together: bool = False,
    columns: Sequence[str] = (),
) -> dict[str, Any]:
    found = network.roofline(roof, depth, together)
    known = bound_columns(roof, found.total)
    sums = chosen(known, [*MOVED, *(TIMES[:-1] if roof else ())])
    limits = {"memory_layers": found.memory_layers, "moving_layers": found.layers} if roof else {}
    return {
        "version": VERSION,
        "network": network.label,
        "name": network.name,
        "input": plain(network_input(network)),
        "batch": network.batch,
        "dtype": network.dtype,
        "device": _roof_record(roof, on) if roof else None,
        "together": together,
        "layers": records(chosen(known, columns or data_keys(roof)), found.rows),
        "totals": {**records(sums, [found.total])[0], **limits},
        "bounds": {bound.name: records(sums, [bound])[0] for bound in network.bounds(roof)},
    }


def device_page(columns: Sequence[str] = ()) -> Page:
    """The devices that are known."""
    found = list(DEVICES.values())
    first, *others, _ = DEVICE_COLUMNS
    titled = Column("title", "", "what it is and where its figures stand", _sourced, wraps=True)
    return [
        Sheet(shown(DEVICE_COLUMNS, columns, [column.key for column in (first, *others[1:])]), found),
        *([] if columns else [Sheet([first, titled], found, header=False)]),
        Line(
            "Peaks in operations a second, 2 to a multiply-add, without sparsity, as the source gives them. "
            "Any other device: `--peak` and `--bandwidth`.",
            "aside",
        ),
    ]


def device_rows(columns: Sequence[str] = ()) -> Page:
    """The devices alone, for CSV."""
    known = DEVICE_COLUMNS
    return [Sheet(chosen(known, columns) if columns else known, list(DEVICES.values()))]


def device_record() -> dict[str, Any]:
    return {"version": VERSION, "devices": records(DEVICE_COLUMNS, list(DEVICES.values()))}


def _layers(found: Roofline, roof: Roof | None, columns: Sequence[str]) -> Sheet:
    table = TABLE if roof else tuple(key for key in TABLE if key not in TIMES)
    known = shown(bound_columns(roof, found.total), columns, table)
    return Sheet(known, found.rows, found.total, dim=lambda row: not row.moved.bytes)


def _bounds(network: Network, roof: Roof | None) -> Sheet:
    """The whole network, in three ways to move its numbers."""
    bounds = network.bounds(roof)
    picked = chosen(bound_columns(roof, bounds[0]), ["bytes", "intensity", *(("limit", "time") if roof else ())])
    first = Column("way", "", "", lambda bound: WAYS[bound.name], wraps=True)
    return Sheet([first, *(column._replace(spare=0) for column in picked)], bounds)


def bound_columns(roof: Roof | None, whole: Bound) -> list[Column]:
    total = whole.time or 0.0
    columns = [
        Column("name", "layer", "the layer's name, or its block's", lambda row: row.name, wraps=True, breaks="/"),
        Column("kind", "kind", "the kind of layer, or the block", lambda row: row.kind),
        Column("operation", "operation", "what it does", lambda row: row.operation, wraps=True, breaks=", ", spare=5),
        Column("macs", "MACs", "multiply-adds of a batch", lambda row: row.moved.macs, _number, True, spare=6),
        _moved("inputs_read", "inputs read", "bytes of its inputs", lambda row: row.moved.inputs),
        _moved("weights_read", "weights read", "bytes of weights, biases and buffers", lambda row: row.moved.weights),
        _moved("read", "read", "bytes that are read: inputs, weights, biases and buffers", lambda row: row.moved.read),
        _moved("written", "written", "bytes that are written: the output", lambda row: row.moved.written),
        _moved("bytes", "bytes", "bytes that are read and written", lambda row: row.moved.bytes)._replace(spare=4),
        Column(
            "intensity",
            "MACs/byte",
            "multiply-adds for each byte",
            lambda row: row.moved.intensity,
            decimals,
            True,
            holds="number",
            unit="MACs/byte",
        ),
    ]
    if not roof:
        return columns
    return [
        *columns,
        Column(
            "limit", "limit", "what takes longer: compute or memory", lambda row: row.limit, words=_limit, holds="text?"
        ),
        Column(
            "time",
            "least time",
            "least seconds that it takes",
            lambda row: row.time,
            duration,
            True,
            holds="number?",
            unit="seconds",
        ),
        Column(
            "compute_time",
            "compute time",
            "of these, limited by multiply-adds",
            _of("compute"),
            duration,
            True,
            holds="number?",
            unit="seconds",
        ),
        Column(
            "memory_time",
            "memory time",
            "of these, limited by bytes",
            _of("memory"),
            duration,
            True,
            holds="number?",
            unit="seconds",
        ),
        Column(
            "share",
            "share",
            "share of the least time of all layers",
            lambda row: row.time / total if total else 0.0,
            percent,
            share=lambda row: (row.time, total),
            spare=5,
            holds="number",
        ),
    ]


def _of(name: str) -> Callable[[Bound], Any]:
    return lambda row: getattr(row, name)


def _moved(key: str, title: str, about: str, get: Callable[[Bound], int]) -> Column:
    """A column of bytes, empty where none are moved."""
    return Column(key, title, about, get, lambda value: size(value) if value else "", True, spare=7, unit="bytes")


def _number(value: int) -> str:
    return grouped(value) if value else ""


def _limit(row: Bound) -> str:
    """`memory`, or `memory 63%` in a block where it is not all of the time."""
    if row.limit != "both" or not row.time or row.memory is None:
        return row.limit or ""
    share = row.memory / row.time
    return f"memory {share:.0%}" if share >= 0.5 else f"compute {1 - share:.0%}"


def _roof_words(network: Network, roof: Roof, on: Device | None) -> str:
    name = f"{on.title}, {network.dtype}: " if on else f"{network.dtype}: "
    peak = rate(roof.peak, "OP/s" if network.dtype == "int8" else "FLOP/s")
    return f"{name}{peak} and {rate(roof.bandwidth, 'B/s')}; ridge point {decimals(roof.ridge)} MACs/byte"


def _meaning(network: Network, roof: Roof | None, together: bool) -> Page:
    lines: Page = []
    if roof:
        text = (
            "A bound, not a prediction: the longer of a layer's multiply-adds at the peak, 2 operations each, and its "
            "bytes at the bandwidth. Devices reach neither; element operations are not counted. Layers run one after "
            "another, so their times add up; a block's limit is that of most of its time."
        )
        lines.append(Line(text, "aside"))
    way = (
        "Activations, batch normalisation and merges run with the layer that makes their input, if it is for them alone"
        if together
        else "Every layer goes through memory, a relu too that `--together` runs with the layer before"
    )
    text = (
        "read = inputs, weights, biases and buffers; written = the output; weights once a layer, whatever the batch. "
        f"{way}; what only renames its input, or is off at inference, moves nothing. On the chip: weights, inputs and "
        "outputs once."
    )
    return [*lines, Line(text, "aside"), Line(f"batch {network.batch}, {network.dtype}", "aside")]


def _roof_record(roof: Roof, on: Device | None) -> dict[str, Any]:
    return {
        "name": on.name if on else None,
        "title": on.title if on else None,
        "peak": roof.peak,
        "bandwidth": roof.bandwidth,
        "ridge": roof.ridge,
        "source": on.source if on else None,
    }


def _sourced(one: Device) -> str:
    return f"{one.title}. {one.source}"


def _peak(dtype: str) -> Column:
    """A column of the peaks in a type."""
    return Column(
        f"peak_{dtype}",
        dtype,
        f"peak in {dtype}, operations a second",
        lambda one: one.peaks.get(dtype),
        lambda value: rate(value, ""),
        number=True,
        spare=6 if dtype == "bfloat16" else 0,
        holds="whole?",
        unit="operations/s",
    )


DEVICE_COLUMNS = [
    Column("name", "device", "the name for `--device`", lambda one: one.name),
    Column("title", "", "what it is", lambda one: one.title, wraps=True, spare=8, called="what it is"),
    *map(_peak, DTYPES),
    Column(
        "bandwidth",
        "bandwidth",
        "bytes a second",
        lambda one: one.bandwidth,
        lambda one: rate(one, "B/s"),
        True,
        unit="bytes/s",
    ),
    Column("source", "source", "where the figures stand", lambda one: one.source, wraps=True, spare=7),
]
