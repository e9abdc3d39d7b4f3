"""Which tensors are alive while a network runs, layer after layer.

A tensor is alive from the layer that makes it to the last that takes it; an output of the network, to the end; what
the network is given, from the start to its last use. All is counted in numbers of one sample.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cnnarch.graph import Graph

__all__ = ["Plan", "Tick", "live", "plan", "run"]


class Plan(NamedTuple):
    """What running a network does to its memory, node by node; a node that does not run at inference has no part.

    A tensor goes by the number of the node that makes it; `tensor` is the one that a node's output lies in, its own
    or, for a view, another's. `reads` are the tensors that a node takes, each as often as it does, and `uses` how many
    do. `targets` are the tensors that a node can write its output over, if nobody needs them after it.
    """

    inputs: tuple[int, ...]
    order: tuple[int, ...]  # of all that runs, without the inputs
    sources: list[tuple[int, ...]]
    tensor: list[int]
    size: list[int]
    reads: list[tuple[int, ...]]
    targets: list[tuple[int, ...]]
    working: list[int]
    uses: list[int]
    stays: list[bool]  # in it an output of the network lies

    def made(self, node: int) -> int:
        """The size of the tensor that a node makes, if it does."""
        return self.size[node] if self.tensor[node] == node else 0

    def given(self) -> int:
        """What is alive at the start."""
        return sum([self.size[number] for number in _given(self)])


class Tick(NamedTuple):
    """One layer's turn: the tensor that it wrote over, if one, and what is alive while it runs and afterwards.

    `working` is the room of its own, which is in `alive`.
    """

    node: int
    over: int | None
    working: int
    alive: int
    after: int


def plan(graph: Graph, in_place: bool = True) -> Plan:
    """What the layers make, take and can write over at inference."""
    nodes = graph.nodes
    count = len(nodes)
    inputs = tuple(range(len(graph.inputs)))
    order: list[int] = []
    tensor = list(range(count))
    size = [node.output.size for node in nodes]
    reads: list[tuple[int, ...]] = [()] * count
    targets: list[tuple[int, ...]] = [()] * count
    working = [0] * count
    uses = [0] * count
    for number in range(len(inputs), count):
        node = nodes[number]
        if node.train_only:
            continue
        order.append(number)
        layer = node.layer
        taken = node.sources[:1] if layer.sized_by_second else node.sources
        reads[number] = tuple([tensor[source] for source in taken])
        for one in reads[number]:
            uses[one] += 1
        if layer.view:
            tensor[number] = reads[number][0]
            continue
        working[number] = layer.count_working(*graph.shapes(node)) * _regions(graph, number)
        if in_place and layer.in_place:
            targets[number] = _targets(number, reads[number], [size[one] for one in taken], size, len(inputs))
    stays = [False] * count
    for number in _outputs(graph):
        stays[tensor[number]] = True
    sources = [node.sources for node in nodes]
    return Plan(inputs, tuple(order), sources, tensor, size, reads, targets, working, uses, stays)


def _regions(graph: Graph, number: int) -> int:
    """In how many regions a layer works at the same time."""
    node = graph.nodes[number]
    return 1 if node.layer.joins_regions or not node.sources else graph.nodes[node.sources[0]].output.regions


def _targets(number: int, reads: tuple[int, ...], taken: list[int], size: list[int], inputs: int) -> tuple[int, ...]:
    """The tensors of a node's own size among those it takes; not what the network is given.

    One of which a part is taken as well, as a gate, would be overwritten before it is read.
    """
    parts = {one for one, values in zip(reads, taken) if values != size[one]}
    found = [one for one in reads if one >= inputs and size[one] == size[number] and one not in parts]
    return tuple(dict.fromkeys(found))


def _outputs(graph: Graph) -> list[int]:
    """The numbers of the network's outputs at inference."""
    taken = {source for node in graph.nodes if not node.train_only for source in node.sources}
    return [number for number, node in enumerate(graph.nodes) if number not in taken and not node.train_only]


def run(plan: Plan, order: Sequence[int]) -> list[Tick]:
    """Run the layers in an order, in which each comes after those that it takes from."""
    size, reads, targets, working, stays = plan.size, plan.reads, plan.targets, plan.working, plan.stays
    left = list(plan.uses)
    alive = plan.given()
    ticks = []
    for node in order:
        for one in reads[node]:
            left[one] -= 1
        over = None
        for one in targets[node]:
            if not left[one] and not stays[one]:
                over = one
                break
        made = size[node] if plan.tensor[node] == node else 0
        during = alive + working[node] + (made if over is None else 0)
        alive += made
        for one in set(reads[node]):
            if not left[one] and not stays[one]:
                alive -= size[one]
        if made and not left[node] and not stays[node]:
            alive -= made  # others take only its size
        ticks.append(Tick(node, over, working[node], during, alive))
    return ticks


def live(plan: Plan, ticks: Sequence[Tick], step: int) -> list[int]:
    """The tensors that are alive while the layer at a place of an order runs, in the order in which they were made.

    What that layer writes over has become its output, and is not one of them.
    """
    left = list(plan.uses)
    alive = dict.fromkeys(_given(plan))
    for number in range(step + 1):
        node, over = ticks[number].node, ticks[number].over
        if plan.tensor[node] == node:
            alive[node] = None
        if number == step:
            break
        for one in plan.reads[node]:
            left[one] -= 1
        for one in {*plan.reads[node], plan.tensor[node]}:
            if not left[one] and not plan.stays[one]:
                alive.pop(one, None)
    if over is not None:
        del alive[over]
    return list(alive)


def _given(plan: Plan) -> list[int]:
    """The network's inputs, without those of which only the size is used."""
    return [number for number in plan.inputs if plan.uses[number] or plan.stays[number]]
