"""A block that was built before, made again: same block, same settings, same input, so the same layers."""

from __future__ import annotations

from typing import Any, NamedTuple

from cnnarch.graph import Node
from cnnarch.shapes import Shape
from cnnarch.spec.model import Block
from cnnarch.spec.scope import Flow

__all__ = ["Made", "Replay"]

LONGEST_LIST = 100

Given = tuple[tuple[Shape, bool], ...]
Key = tuple[Block, str, Given, bool]


class Made(NamedTuple):
    """Where the layers and groups of a block stand, from and to, and what it was given and gave."""

    name: str
    nodes: tuple[int, int]
    groups: tuple[int, int]
    given: tuple[int, ...]
    result: tuple[int, ...]

    @property
    def layers(self) -> int:
        return self.nodes[1] - self.nodes[0]


class Replay:
    """Remembers the blocks of one graph while it is built; the containers are the builder's own.

    A block sees nothing but its settings, the spec's, and what it is given. So its layers are the
    same wherever these are, but for their names and the numbers of their sources.
    """

    def __init__(self, nodes: list[Node], flows: dict[str, Flow], groups: dict[str, str]) -> None:
        self.nodes = nodes
        self.flows = flows
        self.groups = groups
        self.order: list[str] = []  # the names of groups, as they were made
        self.made: dict[Key, Made] = {}

    def given(self, x: tuple[int, ...]) -> Given:
        """What arrives, but for where it comes from."""
        nodes = self.nodes
        return tuple([(nodes[number].figures.output, nodes[number].train_only) for number in x])

    def key(self, block: Block, values: list[Any], x: tuple[int, ...], train_only: bool) -> Key | None:
        """What has to be the same; values by their text, as 1 and true are equal but not the same.

        Nothing where they are long to write: a spec must not make the reader work for long.
        """
        for value in values:
            if type(value) is list and (len(value) > LONGEST_LIST or any(type(one) is list for one in value)):
                return None
        return block, repr(values), self.given(x), train_only

    def find(self, key: Key | None) -> Made | None:
        return None if key is None else self.made.get(key)

    def note(self, key: Key, name: str, nodes: int, groups: int, x: tuple[int, ...], result: tuple[int, ...]) -> None:
        """Remember a block that has just been built, from so many nodes and groups on."""
        self.made[key] = Made(name, (nodes, len(self.nodes)), (groups, len(self.order)), x, result)

    def again(self, made: Made, name: str, x: tuple[int, ...]) -> tuple[int, ...]:
        """Make it once more, under another name and for another input; gives what the block gives."""
        nodes, flows, groups = self.nodes, self.flows, self.groups
        cut = len(made.name)
        first, last = made.nodes
        shift = len(nodes) - first
        given = dict(zip(made.given, x))

        def moved(numbers: tuple[int, ...]) -> tuple[int, ...]:
            return tuple([one + shift if one >= first else given[one] for one in numbers])

        for at, node in enumerate(nodes[first:last], first):
            full = name + node.name[cut:]
            # By far the most take what the layer before them gives.
            sources = (at - 1 + shift,) if node.sources == (at - 1,) and at > first else moved(node.sources)
            owner = None if node.owner is None else node.owner + shift
            flows[full] = (at + shift,)
            nodes.append(Node(full, node.layer, sources, node.figures, node.train_only, owner, node.note))
        for inner in self.order[slice(*made.groups)]:
            full = name + inner[cut:]
            groups[full] = groups[inner]
            self.order.append(full)
            if inner != made.name:
                flow = flows[inner]
                flows[full] = None if flow is None else moved(flow)
        return moved(made.result)
