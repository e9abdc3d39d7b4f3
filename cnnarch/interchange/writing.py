"""A model of another world as a page of YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cnnarch.errors import ReadError, SpecError
from cnnarch.graph import Graph, Node
from cnnarch.interchange.blocks import Blocks
from cnnarch.interchange.folding import Fold, leaves
from cnnarch.interchange.layout import Layout
from cnnarch.interchange.model import Entry, Model
from cnnarch.interchange.repeats import chained, repeated, windowed
from cnnarch.layers import KINDS
from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from cnnarch.spec.build import build
from cnnarch.spec.written import named, quoted, written

__all__ = ["flat", "folded", "page"]

MOST_FOLDED = 3_000  # layers: few networks have more, and nobody reads their pages


def page(model: Model) -> str:
    """The page of a spec that is built to the same layers, with blocks and repeats where these are certain.

    >>> names = ["relu", "relu_2", "relu_3"]
    >>> entries = [Entry(name, "relu", {}, (before,), own=False) for before, name in zip(["input", *names], names)]
    >>> print(page(Model("Three", {"input": Shape(8, 8, 3)}, tuple(entries))), end="")
    name: "Three"
    input: 8x8x3
    <BLANKLINE>
    layers:
      - {relu: , repeat: 3}
    """
    plain = flat(model)
    if len(model.entries) > MOST_FOLDED:
        return plain
    try:
        graph = build(catalog.read_text(model.name, plain))
    except (SpecError, ReadError):
        return plain  # whoever builds it tells what is wrong
    for repeats, structures in ((True, True), (False, True), (False, False)):
        text = folded(model, graph, repeats, structures)
        if _is_of(graph, text, model):
            return text
    return plain


def _is_of(graph: Graph, text: str, model: Model) -> bool:
    """Whether a page is built to a graph."""
    try:
        other = build(catalog.read_text(model.name, text))
    except (SpecError, ReadError):
        return False
    return is_same(graph, other, model.entries)


def folded(model: Model, graph: Graph, repeats: bool = True, structures: bool = True) -> str:
    """The page with what comes again written once; it may be of another network than the graph.

    What is repeated, and what merges in a structure, is called after its kind; where a layer of the model has that
    name already, it has to be written without.
    """
    fold = Fold(graph, model.classes, structures)
    blocks = Blocks(fold)
    parts = fold.grouped(leaves(graph, [entry.own for entry in model.entries]))
    parts = chained(blocks.named(parts), blocks)
    parts = windowed(fold.structured(parts, 0 if len(graph.inputs) == 1 else -1), blocks)
    found = list(blocks.found.values())
    if repeats:
        parts = repeated(parts)
        found = [block._replace(body=repeated(block.body)) for block in found]
    layout = Layout(found)
    lines = _header(model)
    for number, block in enumerate(found):
        lines += ["blocks:" if number == 0 else "", *layout.block(block)]
    lines += ["", "layers:"] if found else ["layers:"]
    return "\n".join([*lines, *layout.layers(parts, list(model.inputs), 2), ""])


def is_same(graph: Graph, other: Graph, entries: Sequence[Entry]) -> bool:
    """Whether two graphs are one network, and the names that are the model's are in both."""
    first = len(graph.inputs)
    owned = [True] * first + [entry.own for entry in entries]
    return len(graph.nodes) == len(other.nodes) and all(
        _facts(one) == _facts(two) and (not own or one.name == two.name)
        for one, two, own in zip(graph.nodes, other.nodes, owned)
    )


def _facts(node: Node) -> tuple[object, ...]:
    sums = node.layer.kind in ("add", "multiply", "max")  # of which the order makes no difference
    sources = tuple(sorted(node.sources)) if sums else node.sources
    return node.layer, sources, node.figures, node.owner, node.note, node.train_only


def flat(model: Model) -> str:
    """The page with every layer by itself."""
    return "\n".join([*_header(model), "layers:", *_layers(model), ""])


def _header(model: Model) -> list[str]:
    lines = [f"name: {quoted(model.name)}", f"input: {_inputs(model.inputs)}"]
    lines += [f"{key}: {quoted(text)}" for key, text in (("source", model.source), ("note", model.note)) if text]
    return [*lines, ""]


def _inputs(shapes: Mapping[str, Shape]) -> str:
    texts = {name: "x".join(map(str, shape)) for name, shape in shapes.items()}
    if list(texts) == ["input"]:
        return texts["input"]
    return f"{{{', '.join(f'{name}: {text}' for name, text in texts.items())}}}"


def _layers(model: Model) -> Iterator[str]:
    before = tuple(model.inputs)  # what the next entry takes if it says nothing
    for entry in model.entries:
        settings = _settings(entry)
        yield f"  - {entry.kind}: {settings}" if settings else f"  - {entry.kind}:"
        yield f"    name: {named(entry.name)}"
        if entry.sources != before:
            names = ", ".join(map(named, entry.sources))
            yield f"    from: {names if len(entry.sources) == 1 else f'[{names}]'}"
        if entry.share:
            yield f"    share: {named(entry.share)}"
        if entry.note:
            yield f"    note: {quoted(entry.note)}"
        before = (entry.name,)


def _settings(entry: Entry) -> str:
    types = KINDS[entry.kind].settings
    shown = [
        f"{name}: {quoted(value) if types[name].type.verbatim else written(value)}"
        for name, value in entry.settings.items()
    ]
    return f"{{{', '.join(shown)}}}" if shown else ""
