"""Layers that run together, so that what is between them never goes to memory."""

from collections import Counter

from cnnarch.analysis.roofline import Moved, Traffic, add_up
from cnnarch.graph import Graph, Node

__all__ = ["fused"]


def fused(graph: Graph, apart: Traffic) -> Traffic:
    """What layers move if those that can work in place run with the layer that makes their input.

    Activations, batch normalisation, scales and merges take the values of a convolution (or of any other layer) before
    they are written. The input has to be of the output's size, and nothing else may take it. All that runs together
    counts as its first layer.

    >>> from cnnarch.analysis.roofline import traffic
    >>> from cnnarch.spec import build, catalog
    >>> graph = build.build(catalog.read("alexnet"))
    >>> apart = traffic(graph)
    >>> apart.total.bytes - fused(graph, apart).total.bytes  # 490,336 values that 7 relus take
    3922688
    """
    takers = Counter(source for node in graph.nodes if not node.train_only for source in set(node.sources))
    layers = dict(apart.layers)
    heads: dict[int, Node] = {}  # of a layer that runs with others, the first of these
    for number, node in enumerate(graph.nodes):
        source = _before(graph, node, takers) if node.layer.in_place and node.name in layers else None
        if source is None:
            continue
        maker = graph.nodes[source]
        head = heads[number] = heads.get(source, maker)
        own, before = layers[node.name], layers[head.name]
        between = apart.layers[maker.name].written
        layers[head.name] = Moved(
            before.macs + own.macs, before.inputs + own.inputs - between, before.weights + own.weights, own.written
        )
        layers[node.name] = Moved()
    return Traffic(layers, add_up(layers.values()), apart.on_chip)


def _before(graph: Graph, node: Node, takers: Counter[int]) -> int | None:
    """The layer that a layer can run with: the last that makes an input of its size for it alone."""
    for source in sorted(node.sources, reverse=True):
        maker = graph.nodes[source]
        made_here = not (maker.is_input or maker.train_only or maker.layer.is_view())
        if made_here and takers[source] == 1 and maker.output.size == node.output.size:
            return source
    return None
