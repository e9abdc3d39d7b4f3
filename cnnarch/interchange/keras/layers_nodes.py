"""Where the layers of a functional model are called, and in what order: both ways in which Keras has written it."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from cnnarch.errors import Cause, listed
from cnnarch.layers.settings import shown

__all__ = ["Node", "Reference", "calls", "in_order", "references"]

MASKS = ("mask", "attention_mask", "query_mask", "value_mask", "key_mask", "training", "use_causal_mask")
ORDER = {"query": 0, "value": 1, "key": 2}  # of keywords of attention; others as they stand


class Reference(NamedTuple):
    """An output of a layer's call, and its shape as it is told, with the batch."""

    layer: str
    call: int
    output: int = 0
    shape: tuple[int | None, ...] | None = None

    @property
    def place(self) -> tuple[str, int]:
        return self.layer, self.call


class Node(NamedTuple):
    """A call of a layer: what it takes, and what else it is given."""

    takes: tuple[Reference, ...]
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}  # noqa: RUF012, never written to


def calls(inbound: Any) -> list[Node]:
    """The calls of a layer, from its `inbound_nodes`; raises Cause if they are neither Keras 3's nor Keras 2's."""
    if not isinstance(inbound, list):
        raise Cause(f"`inbound_nodes` must be a list, not {shown(inbound)}")
    return [_newer(node) if isinstance(node, dict) else _older(node) for node in inbound]


def _newer(node: dict[str, Any]) -> Node:
    arguments, keywords = node.get("args", []), node.get("kwargs", {})
    if not isinstance(arguments, list) or not isinstance(keywords, dict):
        raise Cause("`args` of a call must be a list, and `kwargs` a mapping")
    takes = [one for argument in arguments for one in references(argument)]
    for name in sorted(keywords, key=lambda name: ORDER.get(name, 3)):
        if name not in MASKS:
            takes += references(keywords[name])
    return Node(tuple(takes), tuple(arguments), keywords)


def _older(node: Any) -> Node:
    if not isinstance(node, list):
        raise Cause(f"a call must be a list or a mapping, not {shown(node)}")
    rows = [node] if node and isinstance(node[0], str) else node
    takes, arguments, keywords = [], [], {}
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) < 3:
            raise Cause(f"a call must name a layer, a call and an output, not {shown(row)}")
        if row[0] == "_CONSTANT_VALUE":
            arguments.append(row[2])
        else:
            takes.append(_reference(row))
        if number == 0 and len(row) > 3 and isinstance(row[3], dict):  # the same beside every input
            keywords = row[3]
    for name in sorted(keywords, key=lambda name: ORDER.get(name, 3)):
        if name not in MASKS:
            takes += references(keywords[name])
    return Node(tuple(takes), tuple(arguments), keywords)


def references(value: Any) -> Iterator[Reference]:
    """All tensors in a value, in lists and mappings too, whose order is that of their keys."""
    if isinstance(value, list):
        if len(value) in (3, 4) and isinstance(value[0], str) and type(value[1]) is type(value[2]) is int:
            yield _reference(value)
        else:
            for one in value:
                yield from references(one)
    elif isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            yield _tensor(value.get("config"))
        else:
            for _, one in sorted(value.items()):
                yield from references(one)


def _reference(row: list[Any]) -> Reference:
    layer, call, output = row[:3]
    if not isinstance(layer, str) or type(call) is not int or type(output) is not int:
        raise Cause(f"a tensor must be a layer's name and two numbers, not {shown(row)}")
    return Reference(layer, call, output)


def _tensor(config: Any) -> Reference:
    history = config.get("keras_history") if isinstance(config, dict) else None
    if not isinstance(history, list) or len(history) != 3:
        raise Cause("a tensor must have a `keras_history` of a layer's name and two numbers")
    shape = config.get("shape")
    whole = isinstance(shape, list) and all(one is None or type(one) is int for one in shape)
    return _reference(history)._replace(shape=tuple(shape) if whole else None)


def in_order(nodes: dict[tuple[str, int], Node], there: set[tuple[str, int]]) -> list[tuple[str, int]]:
    """The calls so that each comes after what it takes, else as they stand.

    Raises Cause for what is not there, and for what goes round in a circle.
    """
    places = list(nodes)
    number = {place: index for index, place in enumerate(places)}
    waiting: dict[tuple[str, int], list[int]] = {}
    lacking = []
    for index, place in enumerate(places):
        needed = {one.place for one in nodes[place].takes} - there
        for one in needed:
            if one not in number:
                raise Cause(f"`{place[0]}` takes `{one[0]}`, call {one[1]}, and there is none such")
            waiting.setdefault(one, []).append(index)
        lacking.append(len(needed))
    ready = [index for index, count in enumerate(lacking) if not count]
    heapify(ready)
    found = []
    while ready:
        place = places[heappop(ready)]
        found.append(place)
        for index in waiting.get(place, ()):
            lacking[index] -= 1
            if not lacking[index]:
                heappush(ready, index)
    if len(found) < len(places):
        left = [places[index][0] for index, count in enumerate(lacking) if count]
        raise Cause(f"layers take each other's outputs in a circle: {listed(left, 4)}")
    return found
