"""A graph as a spec of its own: blocks, repeats and `extends` written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cnnarch.analysis.budgets import MAX, MIN, budgets_of
from cnnarch.analysis.figures import FIGURES
from cnnarch.graph import Graph, Node
from cnnarch.network import Network
from cnnarch.shapes import Shape
from cnnarch.spec.model import Conditions, Spec
from cnnarch.spec.written import named, quoted, written

__all__ = ["flat"]


def flat(network: Network) -> str:
    """Write a network layer by layer, with numbers for all settings; read again, it is the same network."""
    spec = network.spec
    lines = [f"name: {quoted(spec.name)}"]
    lines.append(f"input: {_inputs(network.inputs)}")
    for key, text in (("source", spec.origin), ("task", spec.task)):
        if text:
            lines.append(f"{key}: {quoted(text)}")
    lines += _promises(spec)
    return "\n".join([*lines, "", "layers:", *_layers(network.graph), ""])


def _promises(spec: Spec) -> list[str]:
    """Its budget, an entry for each of the conditions, and the advice that it ignores."""
    entries: dict[str, dict[str, dict[str, str]]] = {}
    for one in budgets_of(spec)[0]:
        figures = entries.setdefault(_conditions(one.conditions), {})
        figures.setdefault(one.figure.key, {})[one.side] = one.text.replace(",", "") or str(one.limit)
    lines = ["budget:"] if entries else []
    for conditions, figures in entries.items():
        lines.append(
            f"  - {{{', '.join(f'{key}: {_limit(key, sides)}' for key, sides in figures.items())}{conditions}}}"
        )
    if spec.ignored:
        lines.append(f"ignore: [{', '.join(dict.fromkeys(one.rule for one in spec.ignored))}]")
    return lines


def _limit(key: str, sides: dict[str, str]) -> str:
    """The limit that a figure has of itself, alone; otherwise by its words."""
    own = MIN if FIGURES[key].more_is_better else MAX
    return sides[own] if list(sides) == [own] else _pairs(sides)


def _conditions(one: Conditions) -> str:
    said = [f"batch: {one.batch}"] if one.batch else []
    said += [f"dtype: {one.dtype}"] if one.dtype else []
    said += [f"input: {_inputs(one.inputs)}"] if one.inputs else []
    return "".join(f", {text}" for text in said)


def _pairs(values: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{name}: {value}' for name, value in values.items())}}}"


def _inputs(shapes: Mapping[str, Shape]) -> str:
    """One shape, or names with shapes."""
    texts = {name: "x".join(map(str, shape)) for name, shape in shapes.items()}
    return texts["input"] if list(texts) == ["input"] else _pairs(texts)


def _layers(graph: Graph) -> Iterator[str]:
    before = tuple(range(len(graph.inputs)))  # what the next layer takes if it says nothing
    for number, node in enumerate(graph.nodes):
        if node.is_input:
            continue
        yield f"  - {node.layer.kind}:{_settings(node)}"
        yield f"    name: {named(node.name)}"
        if node.sources != before:
            names = [named(graph.nodes[source].name) for source in node.sources]
            listed = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
            yield f"    from: {listed}"
        if node.owner is not None:
            yield f"    share: {named(graph.nodes[node.owner].name)}"
        if node.train_only:
            yield "    train_only: true"
        if node.note:
            yield f"    note: {quoted(node.note)}"
        if not node.train_only:
            before = (number,)


def _settings(node: Node) -> str:
    types = node.layer.settings
    given = {
        name: quoted(value) if types[name].type.verbatim else written(value)
        for name, value in node.layer.given().items()
    }
    return f" {_pairs(given)}" if given else ""
