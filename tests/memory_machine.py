"""A simulation of running a network in memory, which shares no code with what it checks; and random networks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from cnnarch import Shape
from cnnarch.errors import Cause
from cnnarch.graph import Graph, Node
from cnnarch.layers import KINDS, Input

IN_PLACE = (
    "relu", "relu6", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish", "hardsigmoid", "hardswish", "sigmoid",
    "tanh", "batchnorm", "scale", "position_embedding", "add", "multiply", "max",
)  # fmt: skip
VIEWS = (
    "flatten", "columns", "tokens", "image", "reshape", "dropout", "stochastic_depth", "slice", "select", "crop",
)  # fmt: skip
SIZED = ("upsample", "crop", "join_windows")  # by a second input, which they do not read
PARTS: list[tuple[str, dict[str, Any], int]] = [  # a kind, its settings, how many inputs
    ("conv", {"filters": 3, "kernel": 1}, 1),
    ("conv", {"filters": 5, "kernel": 1}, 1),
    ("conv", {"filters": 4, "kernel": 2, "stride": 2}, 1),
    ("relu", {}, 1),
    ("batchnorm", {}, 1),
    ("sigmoid", {}, 1),
    ("scale", {}, 1),
    ("softmax", {}, 1),
    ("dropout", {}, 1),
    ("flatten", {}, 1),
    ("tokens", {}, 1),
    ("slice", {"channels": 2}, 1),
    ("global_avgpool", {}, 1),
    ("attention", {"heads": 1}, 1),
    ("upsample", {}, 2),
    ("add", {}, 2),
    ("multiply", {}, 2),
    ("max", {}, 3),
    ("concat", {}, 2),
]


def random_graph(random: Random, count: int) -> Graph:
    """So many layers over one or two inputs; each takes what fits of what was made before, mostly the latest."""
    nodes: list[Node] = []
    for number in range(random.choice([1, 1, 2])):
        given = Input(Shape(4, 4, random.choice([2, 3])))
        nodes.append(Node(f"input{number}", given, (), given.figures((given.output(),))))
    inputs = len(nodes)
    while len(nodes) < inputs + count:
        kind, values, takes = random.choice(PARTS)
        recent = range(max(0, len(nodes) - 4), len(nodes))
        sources = tuple(random.choice(recent) for _ in range(takes))
        layer = KINDS[kind](**values)
        try:
            figures = layer.figures(tuple(nodes[source].output for source in sources))
        except Cause:
            continue
        nodes.append(Node(f"{kind}{len(nodes)}", layer, sources, figures))
    return Graph(tuple(nodes), {})


class Buffer:
    """A piece of memory: its size, and the node whose values lie in it."""

    def __init__(self, size: int, holds: int) -> None:
        self.size = size
        self.holds = holds


class Machine:
    """Runs a network on buffers that know who still reads them; every read checks that the values are there."""

    def __init__(self, graph: Graph) -> None:
        self.nodes = graph.nodes
        self.readers: dict[int, list[int]] = {number: [] for number in range(len(graph.nodes))}
        for number in range(len(graph.nodes)):
            for source in self.taken(number):
                self.readers[source].append(number)
        anyone = {source for node in graph.nodes for source in node.sources}
        self.outputs = set(self.readers) - anyone
        self.done: set[int] = set()
        self.lies: dict[int, Buffer] = {}  # of every node that ran, where its values are
        self.values: dict[int, int] = {}  # and whose they are: another's, if it is a view
        self.memory: list[Buffer] = []
        self.alive: list[int] = []
        self.overs: list[bool] = []
        for number, node in enumerate(graph.nodes):
            if node.is_input:
                self.done.add(number)
                self.make(number, node.output.size)
        self.given = list(self.memory)
        self.sweep()

    def taken(self, number: int) -> tuple[int, ...]:
        node = self.nodes[number]
        return node.sources[:1] if node.layer.kind in SIZED else node.sources

    def room(self, number: int) -> int:
        """What it needs for itself."""
        layer, xs = self.nodes[number].layer, [self.nodes[source].output for source in self.taken(number)]
        of: Any = vars(layer)
        if layer.kind == "attention":  # queries, keys, values, and the scores
            places, others = xs[0].units // xs[0].channels, xs[-1].units // xs[-1].channels
            width, heads = of["units"] or xs[0].channels, of["heads"]
            return int(xs[0].regions * (width * places + 2 * width * others + heads * places * others))
        if layer.kind in ("lstm", "gru"):  # gates, the state, and an lstm's memory
            return int((1 + of["bidirectional"]) * of["units"] * {"lstm": 4 + 2, "gru": 3 + 1}[layer.kind])
        return 0

    def make(self, number: int, size: int) -> None:
        self.lies[number] = Buffer(size, number)
        self.values[number] = number
        self.memory.append(self.lies[number])

    def needed(self, buffer: Buffer, but: int = -1) -> bool:
        """Whether one of the nodes in it is an output, or will be read by another."""
        inside = [one for one, place in self.lies.items() if place is buffer and self.values[one] == buffer.holds]
        waiting = [who for one in inside for who in self.readers[one] if who not in self.done and who != but]
        return bool(waiting) or not self.outputs.isdisjoint(inside)

    def sweep(self) -> None:
        self.memory[:] = [buffer for buffer in self.memory if self.needed(buffer)]

    def check(self, numbers: Iterable[int]) -> None:
        for one in numbers:
            assert self.lies[one].holds == self.values[one], "it was written over"
            assert self.lies[one] in self.memory, "it was freed"

    def target(self, number: int) -> Buffer | None:
        """A buffer that it can write over."""
        node, taken = self.nodes[number], self.taken(number)
        if node.layer.kind not in IN_PLACE:
            return None
        whole = [one for one in taken if self.nodes[one].output.size == self.lies[one].size]
        for source in whole:
            buffer = self.lies[source]
            mixed = any(self.lies[one] is buffer and one not in whole for one in taken)
            fits = buffer.size == node.output.size and buffer not in self.given
            if fits and not mixed and not self.needed(buffer, but=number):
                return buffer
        return None

    def step(self, number: int, in_place: bool) -> None:
        node, taken = self.nodes[number], self.taken(number)
        self.check(taken)
        over = self.target(number) if in_place else None
        if node.layer.kind in VIEWS:
            self.lies[number], self.values[number] = self.lies[taken[0]], self.values[taken[0]]
        elif over is not None:
            self.lies[number] = over
            self.values[number] = over.holds = number
        else:
            self.make(number, node.output.size)
        self.alive.append(sum(buffer.size for buffer in self.memory) + self.room(number))
        self.overs.append(over is not None)
        self.done.add(number)
        self.sweep()


def simulate(graph: Graph, order: Iterable[int], in_place: bool) -> Machine:
    machine = Machine(graph)
    for number in order:
        machine.step(number, in_place)
    machine.check(machine.outputs)
    return machine


def orders(graph: Graph) -> Iterator[tuple[int, ...]]:
    """Every order in which the layers can run."""

    def after(done: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(done) == len(graph.nodes):
            yield done
        for number, node in enumerate(graph.nodes):
            if number not in done and all(source in done for source in node.sources):
                yield from after((*done, number))

    inputs = len(graph.inputs)
    for order in after(tuple(range(inputs))):
        yield order[inputs:]
