"""How much memory a network takes: its weights, all activations, the peak at inference, training."""

from typing import NamedTuple

from cnnarch.analysis.dtypes import DTYPES
from cnnarch.analysis.liveness import Tick, live, plan, run
from cnnarch.analysis.order import best_order
from cnnarch.analysis.training import Training, training
from cnnarch.graph import Graph
from cnnarch.shapes import Shape

__all__ = ["ORDERS", "Memory", "Tensor", "Turn", "memory"]

ORDERS = ("spec", "best")


class Turn(NamedTuple):
    """One layer's turn at inference, in bytes.

    `size` is what it makes, nothing for a view; `working` the room of its own that it needs meanwhile; `alive` all
    that is in memory while it runs, and `after` when it is done. `over` is the tensor that it writes over or, if it is
    a `view`, shows.
    """

    name: str
    kind: str
    output: Shape
    size: int
    over: str
    view: bool
    working: int
    alive: int
    after: int


class Tensor(NamedTuple):
    """A tensor, by the layer that wrote it last, and its bytes."""

    name: str
    shape: Shape
    size: int


class Memory(NamedTuple):
    """Four figures in bytes, each with its rule, for a batch and a type of numbers.

    `weights`: weights, biases and running statistics at inference, shared ones once. `activations`: all that layers
    make at inference, and what goes in. `peak`: the most that is alive at a time, without weights; `turns` are the
    layers in the order in which they run, `at` the turn with the peak and `alive` the tensors then. `training`: what
    training keeps. If a better order was looked for, `given` is the peak in the spec's order, `least` what every order
    needs, and `exact` says whether it is known that none has a lower peak.
    """

    batch: int
    dtype: str
    in_place: bool
    order: str
    weights: int
    activations: int
    peak: int
    at: int
    turns: tuple[Turn, ...]
    alive: tuple[Tensor, ...]
    training: Training
    given: int | None = None
    least: int | None = None

    @property
    def exact(self) -> bool:
        return self.peak == self.least

    @property
    def with_weights(self) -> int:
        return self.weights + self.peak


def memory(graph: Graph, batch: int = 1, dtype: str = "float32", in_place: bool = True, order: str = "spec") -> Memory:
    """The memory of a network, in the order of the spec or in the `best`.

    >>> from cnnarch.spec import build, catalog
    >>> found = memory(build.build(catalog.read("lenet5")))
    >>> found.peak, found.turns[found.at].name  # 4 · (28·28·6 + 14·14·6): what its first pool takes and makes
    (23520, 's2')
    """
    planned = plan(graph, in_place)
    width = DTYPES[dtype]
    scale = batch * width
    best = best_order(planned) if order == "best" else None
    ticks = run(planned, best.order if best else planned.order)
    at = max(range(len(ticks)), key=lambda number: ticks[number].alive, default=0)
    nodes = graph.nodes
    running = [node for node in nodes if not node.train_only]
    alive = live(planned, ticks, at) if ticks else list(planned.inputs)
    tensors = tuple([Tensor(nodes[one].name, nodes[one].output, planned.size[one] * scale) for one in alive])
    return Memory(
        batch,
        dtype,
        in_place,
        order,
        weights=width * sum([node.params + node.buffers for node in running]),
        activations=scale * sum([node.output.size for node in running if not node.layer.view]),
        peak=scale * ticks[at].alive if ticks else sum(one.size for one in tensors),
        at=at,
        turns=tuple([_turn(graph, tick, scale) for tick in ticks]),
        alive=tensors,
        training=training(graph, batch, width),
        given=scale * max(tick.alive for tick in run(planned, planned.order)) if best and ticks else None,
        least=scale * best.least if best and ticks else None,
    )


def _turn(graph: Graph, tick: Tick, scale: int) -> Turn:
    node = graph.nodes[tick.node]
    view = node.layer.view
    over = node.sources[0] if view else tick.over
    return Turn(
        node.name,
        node.layer.kind,
        node.output,
        0 if view else scale * node.output.size,
        "" if over is None else graph.nodes[over].name,
        view,
        scale * tick.working,
        scale * tick.alive,
        scale * tick.after,
    )
