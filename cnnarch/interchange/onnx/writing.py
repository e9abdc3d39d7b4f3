"""A network as an ONNX model: a node or a few for every layer, with the shape of every tensor.

Tensors have a batch and their channels first, as ONNX orders them; the regions of a shape are the batch of what
follows. Weights are drawn from a seed, or made of zeros when the model is run, so that a file of VGG-16 without
them is small, passes the checker, and runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnarch.errors import ReadError, listed, printable
from cnnarch.graph import Graph, Node
from cnnarch.interchange.doors import need
from cnnarch.interchange.onnx.building import Builder
from cnnarch.interchange.onnx.building_kinds import RULES
from cnnarch.shapes import Shape
from cnnarch.spec.model import Spec

__all__ = ["OPSET", "write"]

OPSET = 20  # the first with Gelu; of the year 2023, and what runtimes of then read


def write(spec: Spec, graph: Graph, name: str, seed: int | None = None) -> bytes:
    """Write a network as an ONNX model, with a batch of 1; its weights are drawn from `seed`, if there is one.

    Raises ReadError, which names the layers, for kinds and settings that ONNX has no operators for.
    """
    onnx = need("onnx", "onnx")
    _refuse(graph)
    builder = Builder(onnx, seed)
    tensors: dict[int, str] = {}
    for number, node in enumerate(graph.nodes):
        if node.is_input:
            tensors[number] = builder.declare(node.name, node.output)
        elif not node.train_only:
            tensors[number] = _layer(builder, graph, node, [tensors[source] for source in node.sources])
    outputs = [graph.nodes.index(node) for node in graph.outputs if not node.train_only]
    model = builder.model(name, [tensors[one] for one in outputs], OPSET, "\n".join(_about(spec)))
    found: bytes = model.SerializeToString(deterministic=True)
    return found


def _about(spec: Spec) -> list[str]:
    return [text for text in (printable(spec.name), printable(spec.origin or "")) if text]


def _layer(builder: Builder, graph: Graph, node: Node, inputs: Sequence[str]) -> str:
    """Add what a layer is made of; the last tensor has the layer's name."""
    builder.begin(node.name, graph.nodes[node.owner].name if node.owner is not None else "")
    found = RULES[node.layer.kind](builder, node.layer, list(inputs), graph.shapes(node), node.output)
    return builder.end(found, node.output)


def _refuse(graph: Graph) -> None:
    lacking = [(node, why) for node in graph.layers if not node.train_only and (why := _reason(graph, node))]
    if lacking:
        names = listed((f"{node.name} ({node.layer.kind})" for node, _ in lacking), 6)
        raise ReadError(f"ONNX cannot express {names}", lacking[0][1])


def _reason(graph: Graph, node: Node) -> str:
    """Why a layer cannot be written, or nothing."""
    layer: Any = node.layer
    xs = graph.shapes(node)
    if layer.kind not in RULES:
        return f"it has no operator for `{layer.kind}`"
    if layer.kind in ("adaptive_avgpool", "adaptive_maxpool") and not _regular(xs[0], node.output):
        return "windows of different sizes are no pool there"
    if layer.kind == "attention" and (layer.relative_units or layer.cosine or (layer.relative and len(xs) > 1)):
        return "weights for distances are written from a table alone, and likeness is the product"
    if layer.kind in ("class_token", "windows", "roi_align") and xs[0].regions > 1:
        return "of several regions at once"
    if layer.kind == "roi_align" and len(xs) > 1:
        return "regions of several maps are shared out while it runs"
    if layer.kind in ("pixel_shuffle", "pixel_unshuffle") and xs[0].rank != 2:
        return "pixels are shuffled in images alone"
    return ""


def _regular(x: Shape, y: Shape) -> bool:
    return all(length % places == 0 for length, places in zip(x.spatial, y.spatial))
