"""A graph as a spec of its own: blocks, repeats and `extends` written out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cnnarch.graph import Graph, Node
from cnnarch.network import Network

__all__ = ["flat"]


def flat(network: Network) -> str:
    """Write a network layer by layer, with numbers for all settings; read again, it is the same network."""
    spec = network.spec
    lines = [f"name: {_quoted(spec.name)}"]
    shapes = {name: "x".join(map(str, shape)) for name, shape in network.inputs.items()}
    if list(shapes) == ["input"]:
        lines.append(f"input: {shapes['input']}")
    else:
        lines.append(f"input: {{{', '.join(f'{name}: {shape}' for name, shape in shapes.items())}}}")
    for key, text in (("source", spec.origin), ("task", spec.task)):
        if text:
            lines.append(f"{key}: {_quoted(text)}")
    return "\n".join([*lines, "", "layers:", *_layers(network.graph), ""])


def _layers(graph: Graph) -> Iterator[str]:
    before = tuple(range(len(graph.inputs)))  # what the next layer takes if it says nothing
    for number, node in enumerate(graph.nodes):
        if node.is_input:
            continue
        yield f"  - {node.layer.kind}:{_settings(node)}"
        yield f"    name: {node.name}"
        if node.sources != before:
            names = [graph.nodes[source].name for source in node.sources]
            listed = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
            yield f"    from: {listed}"
        if node.owner is not None:
            yield f"    share: {graph.nodes[node.owner].name}"
        if node.train_only:
            yield "    train_only: true"
        if node.note:
            yield f"    note: {_quoted(node.note)}"
        if not node.train_only:
            before = (number,)


def _settings(node: Node) -> str:
    given = node.layer.given()
    return f" {{{', '.join(f'{name}: {_value(value)}' for name, value in given.items())}}}" if given else ""


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, float):
        return f"{value:.12f}".rstrip("0").rstrip(".")
    return str(value)


def _quoted(text: str) -> str:
    """A text between double quotes, which YAML reads as JSON does."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08X}" for char in quoted)
