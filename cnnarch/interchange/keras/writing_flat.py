"""A network as a Keras model in one function, a line a layer, in the order in which they run."""

from __future__ import annotations

from itertools import pairwise

from cnnarch.errors import Cause, ReadError
from cnnarch.graph import Graph, Node
from cnnarch.interchange.keras.writing_layers import Case, Steps, Use, steps
from cnnarch.interchange.program_text import identifier

__all__ = ["POSITIVE", "RESERVED", "case_of", "check", "flat"]

RESERVED = (
    "keras", "layers", "ops", "math", "model", "x", "inputs", "pad", "make_divisible", "channel_shuffle",
    "abs", "float", "int", "len", "max", "min", "range", "round", "sum",
)  # fmt: skip
POSITIVE = ("relu", "relu6", "sigmoid", "hardsigmoid", "softmax")  # nothing below 0 comes out of them
KEEPING = ("maxpool", "avgpool", "dropout", "concat", "add", "max", "multiply")  # of what is not below 0
MOST_LISTED = 3


def is_positive(graph: Graph, node: Node) -> bool:
    """Whether no value that a node gives can be below 0."""
    for _ in range(100):
        if node.layer.kind in POSITIVE:
            return True
        if node.layer.kind not in KEEPING:
            return False
        if len(node.sources) > 1:
            return all(graph.nodes[source].layer.kind in POSITIVE for source in node.sources)
        node = graph.nodes[node.sources[0]]
    return False


def case_of(graph: Graph, node: Node) -> Case:
    positive = not node.is_input and is_positive(graph, graph.nodes[node.sources[0]])
    return Case(node.layer, graph.shapes(node), positive)


def check(graph: Graph) -> dict[str, Steps]:
    """The steps of every layer on its own; raises ReadError that names the layers that Keras has not."""
    found: dict[str, Steps] = {}
    lacking: dict[str, list[str]] = {}
    for node in graph.layers:
        if node.train_only:
            continue
        try:
            found[node.name] = steps(Use([case_of(graph, node)], {}))
        except Cause as cause:
            what = node.layer.kind if cause.message == "no such layer" else f"{node.layer.kind} ({cause.message})"
            lacking.setdefault(what, []).append(node.name)
    if lacking:
        kinds = list(lacking)[:MOST_LISTED]
        names = "; ".join(f"`{kind}`: {', '.join(lacking[kind])}" for kind in kinds)
        more = f"; and {len(lacking) - MOST_LISTED} kinds more" if len(lacking) > MOST_LISTED else ""
        raise ReadError(f"Keras has no layer for {names}{more}", "leave these out, or write them as layers of your own")
    return found


def flat(graph: Graph, found: dict[str, Steps], name: str) -> list[str]:
    """The lines of the function's body."""
    flow = _Flow(graph, found)
    for node in graph.inputs:
        flow.lines.append(f'{flow.variable(node)} = keras.Input({tuple(node.output)!r}, name="{node.name}")')
    for number, node in enumerate(graph.nodes):
        if not node.is_input and not node.train_only:
            flow.layer(number, node)
    outputs = [
        flow.names[number] for number, node in enumerate(graph.nodes) if node in graph.outputs and number in flow.names
    ]
    inputs = [flow.names[number] for number in range(len(graph.inputs))]
    return [*flow.lines, f'return keras.Model({_one(inputs)}, {_one(outputs)}, name="{name}")']


def _one(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"


class _Flow:
    """Which variable holds what a node gives: `x` where the next line takes it, one of its own where others do too."""

    def __init__(self, graph: Graph, found: dict[str, Steps]) -> None:
        self.graph = graph
        self.found = found
        self.lines: list[str] = []
        self.names: dict[int, str] = {}
        self.taken = set(RESERVED)
        takers: dict[int, list[int]] = {}
        self.numbers = {id(node): number for number, node in enumerate(graph.nodes)}
        for number, node in enumerate(graph.nodes):
            for source in node.sources:
                if not node.train_only:
                    takers.setdefault(source, []).append(number)
        order = [number for number, node in enumerate(graph.nodes) if not node.train_only]
        after = dict(pairwise(order))
        self.passing = {one for one, users in takers.items() if users == [after.get(one)]}
        if order:
            self.passing.add(order[-1])
        self.owners = {node.owner for node in graph.nodes if node.owner is not None and not node.train_only}
        self.made: dict[int, str] = {}

    def variable(self, node: Node) -> str:
        number = self.numbers[id(node)]
        lone = node.is_input and len(self.graph.inputs) == 1
        name = "inputs" if lone else "x" if number in self.passing and not node.is_input else self._named(node)
        self.names[number] = name
        return name

    def _named(self, node: Node) -> str:
        name = identifier(node.name, self.taken)
        self.taken.add(name)
        return name

    def layer(self, number: int, node: Node) -> None:
        inputs = [self.names[source] for source in node.sources]
        found = self.found[node.name]
        target = self.variable(node)
        if number in self.owners or node.owner is not None:
            found = self.shared(number, node, found)
        for template in found[:-1]:
            self.lines.append(f"x = {template.format(*inputs)}")
            inputs = ["x", *inputs[1:]]
        self.lines.append(f"{target} = {found[-1].format(*inputs)}")

    def shared(self, number: int, node: Node, found: Steps) -> Steps:
        """A layer that is called more than once is made before its first call."""
        owner = number if node.owner is None else node.owner
        weighted = next(index for index, step in enumerate(found) if not step.startswith(_WEIGHTLESS))
        made, _, call = found[weighted].rpartition("(")
        if owner not in self.made:
            self.made[owner] = identifier(f"{node.name}_layer", self.taken)
            self.taken.add(self.made[owner])
            self.lines.append(f"{self.made[owner]} = {made}")
        return [*found[:weighted], f"{self.made[owner]}({call}", *found[weighted + 1 :]]


_WEIGHTLESS = ("layers.ZeroPadding", "layers.Cropping", "layers.Reshape", "layers.Permute", "ops.", "pad(")
