"""What a convolution saves over a fully connected layer between the same input and output."""

from collections.abc import Iterable
from math import prod
from typing import NamedTuple

from cnnarch.graph import Graph, Node
from cnnarch.layers.conv import Convolving, ConvTranspose
from cnnarch.shapes import Shape

__all__ = ["Saving", "add_up", "savings"]


class Saving(NamedTuple):
    """Weights between one input and one output, in three ways to connect them; biases are not counted.

    `dense`: every output sees every input. `sparse`: every output sees its window only, in its
    group's channels, with weights of its own; a window at a padded border keeps the weights that
    meet padding, and `inside` counts those that do not. `shared`: all places use the same weights,
    as the convolution does.
    """

    name: str
    dense: int
    sparse: int
    inside: int
    shared: int

    @property
    def window_factor(self) -> float:
        """How much the windows save."""
        return self.dense / self.sparse

    @property
    def sharing_factor(self) -> float | None:
        """How much sharing saves: the number of places; nothing for a layer with another's weights."""
        return self.sparse / self.shared if self.shared else None


def savings(graph: Graph) -> list[Saving]:
    """Compare every convolution with the layers that it stands for.

    >>> from cnnarch.spec import build, catalog
    >>> first = savings(build.build(catalog.read("alexnet")))[0]
    >>> first.dense, first.sparse, first.shared  # 227·227·3 × 55·55·96, 55·55·96 × 11·11·3, 96 × 11·11·3
    (44892064800, 105415200, 34848)
    """
    return [
        _saving(node, graph.shapes(node)[0])
        for node in graph.nodes
        if isinstance(node.layer, Convolving) and not node.train_only
    ]


def add_up(savings: Iterable[Saving]) -> Saving:
    """The savings of several convolutions together."""
    rows = list(savings)
    return Saving(
        "total",
        sum(one.dense for one in rows),
        sum(one.sparse for one in rows),
        sum(one.inside for one in rows),
        sum(one.shared for one in rows),
    )


def _saving(node: Node, x: Shape) -> Saving:
    layer, y = node.layer, node.output
    assert isinstance(layer, Convolving)
    # The window lies on the input; of a transposed convolution, on the output.
    wide, places = (y, x) if isinstance(layer, ConvTranspose) else (x, y)
    cells = zip(layer.resolve(x), wide.spatial, places.spatial)
    inside = prod(window.inside(length, count) for window, length, count in cells)
    return Saving(
        node.name,
        dense=x.units * y.units,
        # Without sharing every multiply-add of a region has a weight of its own.
        sparse=node.figures.macs // x.regions,
        inside=inside * (x.channels // layer.split(x)) * layer.filters,
        shared=node.weights,
    )
