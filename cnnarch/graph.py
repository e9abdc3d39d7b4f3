"""What was built: the layers in the order in which they run, and what each takes."""

from collections.abc import Mapping
from itertools import takewhile
from types import MappingProxyType
from typing import Any, NamedTuple

from cnnarch.layers import Figures, Input, Layer
from cnnarch.shapes import Shape

__all__ = ["Graph", "Node"]


class Node:
    """A layer in its place: where its input comes from, and its figures.

    `sources` are numbers of nodes. A node with an `owner` uses that node's weights and has none of
    its own. What is `train_only` does not run at inference.
    """

    __slots__ = ("figures", "layer", "name", "note", "owner", "sources", "train_only")

    def __init__(
        self,
        name: str,
        layer: Layer,
        sources: tuple[int, ...],
        figures: Figures,
        train_only: bool = False,
        owner: int | None = None,
        note: str = "",
    ) -> None:
        self.name = name
        self.layer = layer
        self.sources = sources
        self.figures = figures
        self.train_only = train_only
        self.owner = owner
        self.note = note

    @property
    def output(self) -> Shape:
        return self.figures.output

    @property
    def weights(self) -> int:
        return 0 if self.owner is not None else self.figures.weights

    @property
    def biases(self) -> int:
        return 0 if self.owner is not None else self.figures.biases

    @property
    def buffers(self) -> int:
        return 0 if self.owner is not None else self.figures.buffers

    @property
    def params(self) -> int:
        return self.weights + self.biases

    @property
    def macs(self) -> int:
        return self.figures.macs

    @property
    def elements(self) -> int:
        return self.figures.elements

    @property
    def is_input(self) -> bool:
        return isinstance(self.layer, Input)


class Graph(NamedTuple):
    """A network as it was built; inputs come first, then layers in the order in which they run.

    `groups` has the kind of every block and named structure, by the part of a name that its layers share.
    `changes` are settings of layers that were given other values than the spec's: before and now, by names.
    """

    nodes: tuple[Node, ...]
    groups: dict[str, str]
    changes: Mapping[str, Mapping[str, tuple[Any, Any]]] = MappingProxyType({})

    @property
    def inputs(self) -> tuple[Node, ...]:
        return tuple(takewhile(lambda node: node.is_input, self.nodes))

    @property
    def layers(self) -> tuple[Node, ...]:
        return self.nodes[len(self.inputs) :]

    @property
    def outputs(self) -> tuple[Node, ...]:
        """What no other layer takes; what only training takes is an output at inference."""
        taken = {source for node in self.nodes if not node.train_only for source in node.sources}
        in_training = {source for node in self.nodes if node.train_only for source in node.sources}
        return tuple(
            node
            for number, node in enumerate(self.nodes)
            if number not in taken and not (node.train_only and number in in_training)
        )

    @property
    def not_counted(self) -> tuple[Node, ...]:
        """The layers whose figures are not known; sums with one are no less than they say."""
        return tuple([node for node in self.nodes if not node.layer.counted and not node.train_only])

    def shapes(self, node: Node) -> tuple[Shape, ...]:
        """What a node is given."""
        return tuple(self.nodes[source].output for source in node.sources)
