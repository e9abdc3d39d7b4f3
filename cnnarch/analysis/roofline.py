"""What every layer moves between memory and chip, and the least time that it must take on a device."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from cnnarch.analysis.devices import Roof
from cnnarch.analysis.dtypes import DTYPES
from cnnarch.analysis.rows import rows
from cnnarch.errors import Cause
from cnnarch.graph import Graph, Node

__all__ = [
    "Bound", "Moved", "Roofline", "Traffic", "add_up", "parse_bandwidth", "parse_peak", "roofline", "traffic", "whole",
]  # fmt: skip

MOST_RATE = 10**24  # of operations or bytes a second


class Moved(NamedTuple):
    """The multiply-adds of one layer or several, and the bytes that are read and written for them.

    `inputs` and `weights` are bytes that are read, weights with biases and buffers.
    """

    macs: int = 0
    inputs: int = 0
    weights: int = 0
    written: int = 0

    @property
    def read(self) -> int:
        return self.inputs + self.weights

    @property
    def bytes(self) -> int:
        return self.inputs + self.weights + self.written

    @property
    def intensity(self) -> float:
        """Multiply-adds a byte; where nothing is moved there are none."""
        return self.macs / self.bytes if self.macs else 0.0


class Traffic(NamedTuple):
    """What each layer that runs moves, by its name; all of them; and what no order of work can save.

    `on_chip` is the least if all between inputs and outputs stays on the chip: weights once, inputs as far as one
    layer reads them, outputs.
    """

    layers: dict[str, Moved]
    total: Moved
    on_chip: Moved

    def of(self, nodes: Iterable[Node]) -> Moved:
        """What some of the layers move; those that run only in training move nothing here."""
        return add_up(self.layers[node.name] for node in nodes if node.name in self.layers)


class Bound(NamedTuple):
    """A row: what a layer or a block does and moves, and the least time it takes.

    `compute` are the seconds of its layers that multiply-adds limit, `memory` of those that bytes limit;
    both are `None` without a device.
    """

    name: str
    kind: str
    operation: str
    moved: Moved
    layers: int
    compute: float | None = None
    memory: float | None = None

    @property
    def time(self) -> float | None:
        return None if self.compute is None or self.memory is None else self.compute + self.memory

    @property
    def limit(self) -> str | None:
        """`compute`, `memory`, or `both` in a block; nothing where nothing is moved, or without a device."""
        if not self.time:
            return None
        return "both" if self.compute and self.memory else "compute" if self.compute else "memory"


class Roofline(NamedTuple):
    """The rows of a network and their total; how many layers memory limits, of how many that move anything."""

    rows: list[Bound]
    total: Bound
    memory_layers: int
    layers: int


def traffic(graph: Graph, batch: int = 1, dtype: str = "float32") -> Traffic:
    """Count the bytes that every layer reads and writes, for a batch in a type, at inference.

    A layer reads its inputs and its weights, biases and buffers, and writes its output; weights once, whatever the
    batch and the regions, and another layer's weights again. What it makes in between (the scores of attention,
    the states of a recurrent layer) stays on the chip. What only renames its input or is off at inference moves
    nothing. Of an input a convolution or a pool reads the pixels that its windows reach; an embedding reads the rows
    that it uses.

    >>> from cnnarch.spec import build, catalog
    >>> found = traffic(build.build(catalog.read("alexnet")))
    >>> found.layers["conv1"].inputs, found.layers["conv1"].weights  # 227·227·3 and 34,848 + 96 numbers of 4 bytes
    (618348, 139776)
    >>> found.layers["conv1"].written  # 55·55·96
    1161600
    """
    size, many = DTYPES[dtype], DTYPES[dtype] * batch
    layers: dict[str, Moved] = {}
    stored: dict[int, int] = {}  # bytes of weights, by the layer that has them
    given: dict[int, int] = {}  # bytes that are read of the network's inputs, by their numbers
    shown = {number: number for number in range(len(graph.inputs))}  # and views of them
    known: dict[tuple[int, int], _Values] = {}  # equal layers with equal inputs are built once
    for number, node in enumerate(graph.nodes):
        sources = node.sources
        if node.train_only or not sources:
            continue
        same = (id(node.layer), id(node.figures))
        values = known.get(same)
        if values is None:
            values = known[same] = _values(graph, node, batch)
        if values.view:
            layers[node.name] = Moved()
            if sources[0] in shown:
                shown[number] = shown[sources[0]]
            continue
        for source, count in zip(sources, values.inputs):
            if source in shown:
                given[shown[source]] = max(given.get(shown[source], 0), count * many)
        read = values.read if len(sources) == 1 else _once(sources, values.inputs)
        stored.setdefault(number if node.owner is None else node.owner, values.weights * size)
        layers[node.name] = Moved(values.macs * batch, read * many, values.weights * size, values.written * many)
    total = add_up(layers.values())
    on_chip = Moved(total.macs, sum(given.values()), sum(stored.values()), _outputs(graph) * many)
    return Traffic(layers, total, on_chip)


class _Values(NamedTuple):
    """What a layer works on: the values of each input that it reads, in all regions, and the weights."""

    macs: int
    inputs: tuple[int, ...]
    read: int
    weights: int
    written: int
    view: bool


def _values(graph: Graph, node: Node, batch: int) -> _Values:
    layer, figures, shapes = node.layer, node.figures, graph.shapes(node)
    read = tuple([values * x.regions for values, x in zip(layer.values_read(*shapes), shapes)])
    weights = layer.weights_read(batch, *shapes) if figures.weights else 0
    stored = weights + figures.biases + figures.buffers
    return _Values(figures.macs, read, sum(read), stored, figures.output.size, layer.is_view())


def add_up(moved: Iterable[Moved]) -> Moved:
    """What several layers move."""
    found = list(moved)
    return Moved(*(sum(column) for column in zip(*found))) if found else Moved()


def _once(sources: tuple[int, ...], values: tuple[int, ...]) -> int:
    """What is read of several inputs; one that is given twice is read once."""
    found: dict[int, int] = {}
    for source, count in zip(sources, values):
        found[source] = max(found.get(source, 0), count)
    return sum(found.values())


def _outputs(graph: Graph) -> int:
    """How many values the network writes; of several views of one tensor not more than there are."""
    found: dict[str, int] = {}
    for node in graph.outputs:
        made = node
        while made.layer.is_view():
            made = graph.nodes[made.sources[0]]
        if not (node.train_only or made.is_input):
            found[made.name] = min(found.get(made.name, 0) + node.output.size, made.output.size)
    return sum(found.values())


def roofline(graph: Graph, moved: Traffic, roof: Roof | None = None, depth: int | None = None) -> Roofline:
    """Bound the time of every layer: the longer of its multiply-adds at the peak and its bytes at the bandwidth.

    A bound, and no prediction: real devices reach neither. The time of a block and of the network is the sum over
    its layers, each of which reads from memory and writes to it. Element operations are not counted.

    >>> from cnnarch.spec import build, catalog
    >>> graph = build.build(catalog.read("alexnet"))
    >>> found = roofline(graph, traffic(graph), Roof(10**13, 10**11))  # 10 TFLOP/s, 100 GB/s
    >>> found.rows[0].limit, found.rows[0].time  # 2·105,415,200/10^13 = 21 µs, and 1,919,724/10^11 = 19 µs
    ('compute', 2.108304e-05)
    """
    found = []
    for row in rows(graph, depth):
        running = [node.name for node in row.nodes if node.name in moved.layers]
        if running:
            found.append(_bound(row.name, row.kind, row.operation, [moved.layers[name] for name in running], roof))
    every = list(moved.layers.values())
    moving = [one for one in every if one.bytes]
    limited = sum(_is_memory(one, roof) for one in moving) if roof else 0
    return Roofline(found, _bound("total", "", "", every, roof), limited, len(moving))


def whole(name: str, moved: Traffic | Moved, roof: Roof | None = None) -> Bound:
    """The least time of all layers, one after another; of one `Moved`, if all of it is done at once."""
    return _bound(name, "", "", [moved] if isinstance(moved, Moved) else list(moved.layers.values()), roof)


def _bound(name: str, kind: str, operation: str, parts: list[Moved], roof: Roof | None) -> Bound:
    moved = parts[0] if len(parts) == 1 else add_up(parts)
    if roof is None:
        return Bound(name, kind, operation, moved, len(parts))
    # Whole numbers are summed first, so that the order of layers changes no digit.
    macs = sum(one.macs for one in parts if not _is_memory(one, roof))
    size = sum(one.bytes for one in parts if _is_memory(one, roof))
    return Bound(name, kind, operation, moved, len(parts), 2 * macs / roof.peak, size / roof.bandwidth)


def _is_memory(moved: Moved, roof: Roof) -> bool:
    """Whether the bytes take longer than the multiply-adds; at the ridge point neither does."""
    return moved.bytes * roof.peak > 2 * moved.macs * roof.bandwidth


def parse_peak(text: str) -> int:
    """Read a peak in operations a second.

    Raises Cause for anything else than a number above 0.

    >>> parse_peak("10T"), parse_peak("19.5 TFLOP/s"), parse_peak("4 TOPS"), parse_peak("480M")
    (10000000000000, 19500000000000, 4000000000000, 480000000)
    """
    return _rate(
        text, r"(?:FLOPS?(?:/S)?|OPS?(?:/S)?)?", "peak", "10T, 19.5T, 472G: floating-point operations a second"
    )


def parse_bandwidth(text: str) -> int:
    """Read a bandwidth in bytes a second.

    Raises Cause for anything else than a number above 0.

    >>> parse_bandwidth("100G"), parse_bandwidth("25.6 GB/s"), parse_bandwidth("1GiB")
    (100000000000, 25600000000, 1073741824)
    """
    return _rate(text, r"(?P<binary>I?)(?:B(?:/S)?)?", "bandwidth", "100G, 25.6GB/s, 900GiB: bytes a second")


def _rate(text: str, unit: str, what: str, examples: str) -> int:
    found = re.fullmatch(
        rf"(\d{{1,3}}(?:,\d{{3}})+|\d{{1,30}})(?:\.(\d{{1,12}}))? ?([KMGTP]?){unit}",
        text.strip(),
        re.IGNORECASE | re.ASCII,
    )
    if found is None or (found.groupdict().get("binary") and not found[3]):
        raise Cause(f"`{text}` is not a {what}", hint=f"write {examples}")
    fraction = found[2] or ""
    base = 1024 if found.groupdict().get("binary") else 1000
    scaled = int(found[1].replace(",", "") + fraction) * base ** " KMGTP".index(found[3].upper() or " ")
    value = int(scaled // 10 ** len(fraction))
    if not 0 < value <= MOST_RATE:
        raise Cause(
            f"a {what} of `{text}` is {'too large' if value else 'less than 1 a second'}", hint=f"write {examples}"
        )
    return value
