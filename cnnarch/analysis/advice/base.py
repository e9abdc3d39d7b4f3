"""What a rule is: its code and words, and what it finds in a network."""

import inspect
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

from cnnarch.analysis.receptive_field import ReceptiveField
from cnnarch.analysis.roofline import Traffic
from cnnarch.errors import listed
from cnnarch.graph import Graph, Node
from cnnarch.shapes import Shape
from cnnarch.spec.model import Spec

__all__ = [
    "FUNCTIONS", "MOST_NAMED", "NORMS", "ON_EACH_CHANNEL", "Finding", "Plan", "Rule", "Subject", "also", "gathered",
]  # fmt: skip

MOST_NAMED = 3  # layers of a finding that are named; of more the number is told
NORMS = {"batchnorm", "layernorm", "groupnorm", "instancenorm", "scale", "lrn"}
FUNCTIONS = {
    "relu", "relu6", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish", "hardsigmoid", "hardswish", "sigmoid",
    "tanh",
}  # fmt: skip
OFF_AT_INFERENCE = {"dropout", "stochastic_depth"}
ON_EACH_CHANNEL = NORMS | FUNCTIONS | OFF_AT_INFERENCE  # one input; every pixel stays at its place

T = TypeVar("T")


class Finding(NamedTuple):
    """What a rule found: its code, the first layer that it is about (none: the whole network), what, what to do."""

    code: str
    layer: str
    message: str
    hint: str


class Subject(Protocol):
    """What of a network the rules look at."""

    @property
    def graph(self) -> Graph: ...

    @property
    def spec(self) -> Spec: ...

    @property
    def traffic(self) -> Traffic: ...

    @property
    def receptive_field(self) -> ReceptiveField: ...

    @property
    def dtype(self) -> str: ...


class Plan:
    """A network as rules see it: nodes by their numbers, and which others take what a node makes."""

    def __init__(self, network: Subject) -> None:
        self.network = network
        self.graph = network.graph
        self.nodes = network.graph.nodes
        self.kinds = [node.layer.kind for node in self.nodes]
        self.kept: dict[str, Any] = {}  # what rules of one family have worked out together
        self.takers: list[list[int]] = [[] for _ in self.nodes]
        for number, node in enumerate(self.nodes):
            for source in node.sources:
                self.takers[source].append(number)

    def of(self, *kinds: str) -> list[tuple[int, Node]]:
        """The nodes of some kinds, with their numbers."""
        return [(number, node) for number, node in enumerate(self.nodes) if self.kinds[number] in kinds]

    def given(self, number: int) -> Shape:
        """The first of what a node is given."""
        return self.nodes[self.nodes[number].sources[0]].output

    def back(self, number: int, through: Iterable[str]) -> int:
        """The node that a node's input comes from, behind layers of these kinds.

        Only where it is the only thing that each of them takes, and they its only takers.
        """
        source = self.nodes[number].sources[0]
        while self.kinds[source] in through and len(self.takers[source]) == 1:
            source = self.nodes[source].sources[0]
        return source

    def reached(self, number: int, through: Iterable[str]) -> Iterator[int]:
        """The nodes that a node's output goes to, behind layers of these kinds."""
        waiting, seen = [*self.takers[number]], set()
        while waiting:
            taker = waiting.pop()
            if taker in seen:
                continue
            seen.add(taker)
            if self.kinds[taker] in through:
                waiting += self.takers[taker]
            else:
                yield taker

    @cached_property
    def params(self) -> int:
        """Weights and biases at inference."""
        return sum(node.params for node in self.nodes if not node.train_only)


class Rule:
    """One thing that is worth a word in a network: subclass it, and say what, why, an example and a source.

    The first sentence of the docstring is what is found, the rest why it matters, and what is no cause for it.
    """

    code: ClassVar[str] = ""  # never given again once it was given
    name: ClassVar[str] = ""
    example: ClassVar[str] = ""  # layers of a spec in which it is found
    better: ClassVar[str] = ""  # the same without
    size: ClassVar[str] = "32x32x3"  # what they are given
    source: ClassVar[str] = ""

    @property
    def title(self) -> str:
        """What is found, in one sentence."""
        return self.paragraphs[0]

    @property
    def paragraphs(self) -> list[str]:
        """The docstring, each paragraph in one line."""
        return [" ".join(one.split()) for one in (inspect.getdoc(self) or "").split("\n\n")]

    def findings(self, plan: Plan) -> Iterator[Finding]:
        """What it finds in a network, one finding a cause."""
        raise NotImplementedError

    def found(self, layer: str, message: str, hint: str) -> Finding:
        return Finding(self.code, layer, message, hint)


def gathered(cases: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Cases that are alike together, in the order of the first of each.

    >>> gathered(["conv1", "fc1", "conv2"], lambda name: name[:-1])
    [['conv1', 'conv2'], ['fc1']]
    """
    groups: dict[Hashable, list[T]] = {}
    for case in cases:
        groups.setdefault(key(case), []).append(case)
    return list(groups.values())


def also(nodes: list[Node]) -> str:
    """In which other layers the same was found, for the end of a message."""
    others = [node.name for node in nodes[1:]]
    return f"; the same in {listed(others, MOST_NAMED)}" if others else ""
