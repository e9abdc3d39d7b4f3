"""How sequences are read in ONNX's operators: recurrent cells, attention, tables."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod, sqrt
from typing import Any

from cnnarch.interchange.onnx.building import Builder
from cnnarch.shapes import Shape

__all__ = ["attention", "embedding", "recurrent"]


def recurrent(kind: str) -> Callable[[Builder, Any, list[str], tuple[Shape, ...], Shape], str]:
    """LSTM and GRU, which take positions first: what they give is positions, directions, batch, units."""

    def rule(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
        ways, gates, units, batch = layer.directions, layer.gates, layer.units, shapes[0].regions
        inputs = [b.transpose(x[0], [2, 0, 1])]
        inputs.append(b.weight([ways, gates * units, shapes[0].channels], fan=shapes[0].channels))
        inputs.append(b.weight([ways, gates * units, units], fan=units))
        if layer.biases:
            biases = b.weight([ways, gates * units * layer.biases], value=0.0)
            if layer.biases == 1:  # the second of the two that ONNX has is no weight of the network
                biases = b.add("Concat", [biases, b.filled([ways, gates * units], 0.0)], axis=1)
            inputs.append(biases)
        how = {"linear_before_reset": 1} if kind == "GRU" else {}
        outputs = 3 if kind == "LSTM" else 2
        whole = layer.returns == "sequence"
        direction = "bidirectional" if ways == 2 else "forward"
        found = b.add(kind, inputs, outputs, 0 if whole else 1, hidden_size=units, direction=direction, **how)
        if not whole:  # directions, batch, units
            return b.reshape(b.transpose(found, [1, 0, 2]), [batch, ways * units])
        found = b.transpose(found, [2, 1, 3, 0])  # batch, directions, units, positions
        return b.reshape(found, [batch, ways * units, y.length])

    return rule


def embedding(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    """Look up rows; the numbers of a sequence arrive as its one channel."""
    numbers = b.add("Cast", [b.reshape(x[0], [y.regions, y.length])], to=7)  # int64
    rows = b.add("Gather", [b.weight([layer.vocabulary, layer.units], fan=1), numbers], axis=0)
    return b.transpose(rows, [0, 2, 1])


def attention(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    """Four projections and two products, as they are written out in PyTorch."""
    width = layer.width(shapes[0])
    memory, seen = (x[-1], shapes[-1])
    queries = _heads(b, layer, x[0], shapes[0], width)
    keys = _heads(b, layer, memory, seen, width)
    values = _heads(b, layer, memory, seen, width)
    likeness = b.add("MatMul", [queries, b.transpose(keys, [0, 1, 3, 2])])
    likeness = b.add("Mul", [likeness, b.number(1 / sqrt(width // layer.heads))])
    if layer.relative:
        likeness = b.add("Add", [likeness, _distances(b, layer, shapes[0])])
    mixed = b.add("MatMul", [b.add("Softmax", [likeness], axis=-1), values])
    joined = b.reshape(b.transpose(mixed, [0, 2, 1, 3]), [y.regions, prod(y.spatial), width])
    found = _projected(b, layer, joined, width, y.channels)
    return b.reshape(b.transpose(found, [0, 2, 1]), [y.regions, y.channels, *y.spatial])


def _projected(b: Builder, layer: Any, x: str, channels: int, units: int) -> str:
    found = b.add("MatMul", [x, b.weight([channels, units], fan=channels)])
    return b.add("Add", [found, b.weight([units], value=0.0)]) if layer.bias else found


def _heads(b: Builder, layer: Any, x: str, shape: Shape, width: int) -> str:
    """A projection of all places, apart for every head: batch, heads, places, units of a head."""
    places = prod(shape.spatial)
    rows = b.transpose(b.reshape(x, [shape.regions, shape.channels, places]), [0, 2, 1])
    found = _projected(b, layer, rows, shape.channels, width)
    apart = b.reshape(found, [shape.regions, places, layer.heads, width // layer.heads])
    return b.transpose(apart, [0, 2, 1, 3])


def _distances(b: Builder, layer: Any, x: Shape) -> str:
    """A weight for each distance between two places and each head, looked up in a table of all distances."""
    places = [*product(*map(range, x.spatial))]
    sides = [2 * length - 1 for length in x.spatial]
    rows = []
    for one in places:
        for other in places:
            row = 0
            for here, there, length, side in zip(one, other, x.spatial, sides):
                row = row * side + here - there + length - 1
            rows.append(row)
    table = b.weight([prod(sides), layer.heads], fan=1)
    found = b.reshape(b.add("Gather", [table, b.whole(rows)], axis=0), [len(places), len(places), layer.heads])
    return b.transpose(found, [2, 0, 1])
