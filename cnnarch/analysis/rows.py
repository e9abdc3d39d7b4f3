"""A network as rows to be read: blocks as one row each, element-wise layers with the layer before them."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from cnnarch.graph import Graph, Node
from cnnarch.layers.sliding import Sliding, times
from cnnarch.shapes import Shape

__all__ = ["Row", "rows", "tree"]


class Row(NamedTuple):
    """One or more layers in a row of a table.

    `kind` is the block's name where the row is a block; `folded` are the layers that were folded in, whose
    element operations are in `elements`, and `flat` the vector that a folded flatten leaves of the output.
    """

    name: str
    kind: str
    nodes: tuple[Node, ...]
    folded: tuple[Node, ...]
    operation: str
    inputs: tuple[Shape, ...]
    output: Shape
    weights: int
    biases: int
    buffers: int
    macs: int
    elements: int
    train_only: bool
    shares: str = ""
    flat: int | None = None
    described: tuple[tuple[str, str], ...] = ()  # the kind and what is done by each layer of a block

    @property
    def is_block(self) -> bool:
        return bool(self.described)

    @property
    def flops(self) -> int:
        return 2 * self.macs

    @property
    def params(self) -> int:
        return self.weights + self.biases


def rows(graph: Graph, depth: int | None = None, fold: bool = False) -> list[Row]:
    """The rows of a network.

    With `depth`, what lies deeper in blocks is summed up in the block's row; with `fold`, layers
    that keep the shape and have no weights stand in the row of the layer that they follow.
    """
    found: list[Row] = []
    run: list[Node] = []  # the layers of the row that is being collected
    label = ""
    for node in graph.layers:
        place = _place(node, depth)
        if run and place == label != node.name:
            run.append(node)
            continue
        if run:
            found.append(_row(graph, label, run))
        if fold and found and _follows(graph, found[-1], node, place):
            found[-1] = _with(found[-1], node)
            run = []
        else:
            label, run = place, [node]
    if run:
        found.append(_row(graph, label, run))
    return found


def tree(graph: Graph) -> list[tuple[int, Row]]:
    """Every layer as a row, and before the layers of a block its own; with how many blocks a row lies in.

    >>> from cnnarch.spec import build, catalog
    >>> [(deep, row.name) for deep, row in tree(build.build(catalog.read("resnet18")))[:3]]
    [(0, 'stem'), (1, 'stem/conv_bn_relu'), (2, 'stem/conv_bn_relu/conv')]
    """
    found: list[tuple[int, Row]] = []
    _grow(graph, graph.layers, 1, found)
    return found


def _grow(graph: Graph, nodes: Sequence[Node], depth: int, found: list[tuple[int, Row]]) -> None:
    for label, part in groupby(nodes, key=lambda node: _place(node, depth)):
        inside = tuple(part)
        row = _row(graph, label, list(inside))
        found.append((depth - 1, row))
        if row.is_block:
            _grow(graph, inside, depth + 1, found)


def _place(node: Node, depth: int | None) -> str:
    """The part of a name that a row of this depth shows."""
    return node.name if depth is None else "/".join(node.name.split("/")[:depth])


def _follows(graph: Graph, row: Row, node: Node, place: str) -> bool:
    """Whether a layer can stand in the row of the one before."""
    before = (row.nodes + row.folded)[-1]
    return (
        place == node.name
        and node.layer.folds
        and not node.params
        and graph.nodes[node.sources[0]] is before
        and node.train_only == row.train_only
        and node.name.rpartition("/")[0] == row.name.rpartition("/")[0]
    )


def _with(row: Row, node: Node) -> Row:
    flat = node.output.channels if node.layer.kind == "flatten" else row.flat
    return row._replace(folded=(*row.folded, node), flat=flat, elements=row.elements + node.elements)


def _row(graph: Graph, label: str, nodes: list[Node]) -> Row:
    running = [node for node in nodes if not node.train_only]
    counted = running or nodes  # what runs only in training is not part of a block's sums, unless it is all of it
    first, last = counted[0], counted[-1]
    group = graph.groups.get(label)
    single = len(nodes) == 1 and first.name == label
    owner = graph.nodes[first.owner].name if first.owner is not None else ""
    depth = label.count("/") + 1
    return Row(
        name=label,
        kind=first.layer.kind if single else group or "",
        nodes=tuple(nodes),
        folded=(),
        operation=first.layer.operation(*graph.shapes(first)) if single else _contents(graph, nodes, depth),
        inputs=graph.shapes(first),
        output=last.output,
        weights=sum(node.weights for node in counted),
        biases=sum(node.biases for node in counted),
        buffers=sum(node.buffers for node in counted),
        macs=sum(node.macs for node in counted),
        elements=sum(node.elements for node in counted),
        train_only=not running,
        shares=owner if single else "/".join(owner.split("/")[:depth]),
        described=() if single else tuple(_described(graph, node) for node in nodes),
    )


def _contents(graph: Graph, nodes: list[Node], depth: int) -> str:
    """What a block holds at its top: `3 bottleneck`, or `2 conv, maxpool`."""
    counts: dict[str, int] = {}
    seen: set[str] = set()
    for node in nodes:
        part = "/".join(node.name.split("/")[: depth + 1])
        if part in seen:
            continue
        seen.add(part)
        group = graph.groups.get(part)
        if group is None and node.layer.folds:
            continue
        kind = group if group else _with_kernel(graph, node)
        counts[kind] = counts.get(kind, 0) + 1
    parts = [kind if count == 1 else f"{count} {kind}" for kind, count in counts.items()]
    return ", ".join(parts) or "element-wise"


def _with_kernel(graph: Graph, node: Node) -> str:
    """`conv 3×3`: the kind, and the window if it has one."""
    if not isinstance(node.layer, Sliding):
        return node.layer.kind
    sizes = [window.size for window in node.layer.resolve(*graph.shapes(node))]
    return f"{node.layer.kind} {times(sizes)}"


def _described(graph: Graph, node: Node) -> tuple[str, str]:
    return node.layer.kind, str(node.layer.facts(*graph.shapes(node)))
