"""The receptive field: which pixels of an input each place of a layer's output depends on.

After Araujo, Norris & Sim 2019, Computing receptive fields of convolutional neural networks, Distill,
https://distill.pub/2019/computing-receptive-fields. Their formulas are for paths whose places all look alike; where
a layer enlarges its input they do not, so here a path has the first and last pixel of each place until they repeat.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import NamedTuple, TypeAlias

from cnnarch.analysis.paths import Axis, Followed, Lost, Work, merged, read, whole
from cnnarch.graph import Graph, Node
from cnnarch.layers.base import Layer, Step
from cnnarch.layers.conv import ConvTranspose
from cnnarch.layers.field import GATE, NOTHING, PLACES, Reading
from cnnarch.layers.sliding import Sliding
from cnnarch.shapes import AXES, Shape, Window

__all__ = ["AxisField", "Field", "LeftOut", "ReceptiveField", "receptive_field"]

Axes: TypeAlias = tuple[Axis, ...] | None  # one for each axis of an input; nothing where it is not seen


class AxisField(NamedTuple):
    """The receptive field along one axis of an input, in pixels.

    `size` is that of the largest path, with what of it lies on padding; `together` of all paths, which is more where
    they are not `aligned`: where their strides or their centres differ. `jump` is the step from a place to the next,
    `start` the centre of the first place, whose field begins `padding` pixels before the input. `whole` says that
    every place sees all of the axis. What is not known, for the `reason` that is given, is None, and so is what there
    is not: where all places see the same, there is no jump, start or padding.
    """

    size: int | None
    jump: Fraction | None = None
    start: Fraction | None = None
    padding: int | None = None
    together: int | None = None
    aligned: bool | None = None
    whole: bool = False
    reason: str = ""


class Field(NamedTuple):
    """What the places of a layer's output see of one input; no axes where they see nothing of it."""

    node: Node
    input: str
    axes: tuple[AxisField, ...]

    @property
    def size(self) -> tuple[int, ...] | None:
        """The size on every axis, if it is known."""
        sizes = tuple([axis.size for axis in self.axes if axis.size is not None])
        return sizes if len(sizes) == len(self.axes) else None

    @property
    def whole(self) -> bool:
        return bool(self.axes) and all(axis.whole for axis in self.axes)

    @property
    def aligned(self) -> bool | None:
        """Whether paths agree, where it can be said."""
        found = [axis.aligned for axis in self.axes if axis.aligned is not None]
        return all(found) if found else None

    @property
    def reason(self) -> str:
        return next((axis.reason for axis in self.axes if axis.reason), "")


class LeftOut(NamedTuple):
    """Layers of one kind whose view of other places is not in the figures, and why."""

    kind: str
    names: tuple[str, ...]
    words: str


class ReceptiveField:
    """The receptive fields of a network; of a layer they are made when it is asked for.

    `last` are the last feature maps: what has places on the way to an output, and nothing behind it has any.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.readings = readings = _readings(graph)
        images = [number for number, node in enumerate(graph.inputs) if node.output.rank]
        self.inputs = {graph.nodes[number].name: _followed(graph, readings, number) for number in images}
        self.last = _last(graph, list(self.inputs.values()))
        self.left_out = _left_out(graph, readings)

    def of(self, node: Node) -> list[Field]:
        """What a layer sees of each input; of the only one it can be that it sees nothing."""
        number = self._numbers[id(node)]
        return [
            Field(node, name, tuple([_axis(one, length) for one, length in zip(found[number] or (), self._size(name))]))
            for name, found in self.inputs.items()
            if found[number] is not None or len(self.inputs) == 1
        ]

    def changes(self, node: Node) -> bool:
        """Whether a layer reads other places than its own."""
        return any(one not in (PLACES, NOTHING, GATE) for one in self.readings[self._numbers[id(node)]])

    @cached_property
    def ends(self) -> list[Field]:
        """The receptive fields at the last feature maps."""
        return [field for node in self.last for field in self.of(node)]

    @property
    def least(self) -> int | None:
        """The smallest size at the last feature maps, over axes and inputs; None where one is not known.

        Raises nothing: `reason` says why it is not known.
        """
        sizes = [size for field in self.ends for size in (field.size if field.axes and field.size else (None,))]
        known = [size for size in sizes if size is not None]
        return min(known) if known and len(known) == len(sizes) else None

    @property
    def reason(self) -> str:
        """Why it is not known at the last feature maps; nothing where it is."""
        if self.least is not None:
            return ""
        reasons = [f"{field.node.name}: {field.reason}" for field in self.ends if field.reason]
        return reasons[0] if reasons else "no layer with places sees the input"

    def path(self, node: Node) -> tuple[Axes, ...]:
        """What a layer sees of each input, as it was followed."""
        number = self._numbers[id(node)]
        return tuple([found[number] for found in self.inputs.values()])

    def growth(self, node: Node) -> list[Step]:
        """How the field of a layer with windows comes about from that of its input, where there is one path.

        >>> from cnnarch.network import load
        >>> network = load("vgg16")
        >>> for step in network.receptive_field.growth(network.layer("stage2/maxpool")):
        ...     print(step.quantity, step.formula, step.arithmetic, step.value, sep=", ")
        receptive field, input's + (kernel − 1) × input's jump, 14 + (2 - 1) * 2, 16
        jump, input's × stride, 2 * 2, 4
        """
        if not isinstance(node.layer, Sliding) or not self.changes(node) or isinstance(node.layer, ConvTranspose):
            return []
        found = [axes for axes in self.path(self.graph.nodes[node.sources[0]]) if axes]
        windows = node.layer.resolve(*self.graph.shapes(node))
        steps = [_growth(axis, window) for axis, window in zip(found[0], windows)] if len(found) == 1 else []
        if not all(steps) or all(one == steps[0] for one in steps):
            return steps[0] if steps else []
        pairs = zip(AXES[len(windows)], steps)
        return [step._replace(quantity=f"{step.quantity}, {name}") for name, one in pairs for step in one]

    @cached_property
    def _numbers(self) -> dict[int, int]:
        return {id(node): number for number, node in enumerate(self.graph.nodes)}

    def _size(self, name: str) -> tuple[int, ...]:
        return next(node.output.spatial for node in self.graph.inputs if node.name == name)


def receptive_field(graph: Graph) -> ReceptiveField:
    """Follow every path from the inputs through a network.

    The layers are asked how a place reads their inputs. Channels are not told apart: a place is what any of its
    channels is. What only scales channels, and the statistics of normalisation over all places, are left out.

    >>> from cnnarch.spec import build, catalog
    >>> graph = build.build(catalog.read("vgg16"))
    >>> end, = receptive_field(graph).ends
    >>> end.node.name, end.axes[0].size, int(end.axes[0].jump), end.axes[0].padding
    ('stage5/maxpool', 212, 32, 90)

    Units: pixels of the input; numbers that are not whole are exact fractions.
    Source: Araujo, Norris & Sim 2019, Computing receptive fields of convolutional neural networks, Distill.
    """
    return ReceptiveField(graph)


def _growth(axis: Axis, window: Window) -> list[Step]:
    if not isinstance(axis, Followed) or len(axis.paths) > 1:
        return []
    (path,) = axis.paths
    if not path.step or len(path.spans) > 1:
        return []
    wide = "kernel" if window.dilation == 1 else "reach"
    size = f"{path.size} + ({window.reach} - 1) * {path.step}"
    return [
        Step("receptive field", f"input's + ({wide} − 1) × input's jump", size,
             path.size + (window.reach - 1) * path.step, "pixels of the network's input that a place sees"),
        Step("jump", "input's × stride", f"{path.step} * {window.stride}", path.step * window.stride,
             "pixels from a place to the next"),
    ]  # fmt: skip


def _readings(graph: Graph) -> list[tuple[Reading, ...]]:
    """How every layer reads its inputs."""
    once = (PLACES,)
    plain = Layer.field
    found: list[tuple[Reading, ...]] = []
    for node in graph.nodes:
        layer, sources = node.layer, node.sources
        if type(layer).field is plain and len(sources) < 2:
            found.append(once)
        else:
            found.append(layer.field(*graph.shapes(node)))
    return found


def _followed(graph: Graph, readings: Sequence[tuple[Reading, ...]], start: int) -> list[Axes]:
    """Of every node what it sees of one input."""
    nodes = graph.nodes
    lengths = nodes[start].output.spatial
    work = Work()
    found: list[Axes] = []
    for number, node in enumerate(nodes):
        sources = node.sources
        if not sources:
            found.append(Followed.first(len(lengths)) if number == start else None)
        elif len(sources) == 1 and readings[number][0] == PLACES:
            found.append(found[sources[0]])
        else:
            seen = []
            for source, reading in zip(sources, readings[number]):
                axes = found[source]
                if axes is not None:
                    axes = read(axes, reading, nodes[source].output, node.output, work)
                if axes is not None:
                    seen.append(axes)
            found.append(merged(seen, lengths, node.output) if seen else None)
    return found


def _axis(axis: Axis, length: int) -> AxisField:
    """The figures of one axis."""
    if isinstance(axis, Lost):
        return AxisField(axis.size, reason=axis.reason)
    path = axis.largest
    together = axis.together
    if whole(path, length):
        return AxisField(path.size, together=path.size, whole=True)
    if not path.step:
        return AxisField(path.size, together=together, aligned=axis.aligned if len(axis.paths) > 1 else None)
    first = path.spans[0]
    start, padding = (Fraction(sum(first), 2), -first[0]) if first is not None else (None, None)
    return AxisField(path.size, path.jump, start, padding, together, axis.aligned)


def _last(graph: Graph, inputs: Sequence[Sequence[Axes]]) -> tuple[Node, ...]:
    """The last nodes with places on the way to each output: what has none, or one that sees what all see, is passed."""
    found: set[int] = set()
    numbers = {id(node): number for number, node in enumerate(graph.nodes)}
    waiting = [numbers[id(node)] for node in graph.outputs if not node.train_only]
    seen: set[int] = set()
    while waiting:
        number = waiting.pop()
        if number in seen:
            continue
        seen.add(number)
        node = graph.nodes[number]
        if node.is_input or not any(axes[number] for axes in inputs):
            continue
        if _has_places(node.output, [axes[number] for axes in inputs]):
            found.add(number)
        else:
            waiting += node.sources
    return tuple([graph.nodes[number] for number in sorted(found)])


def _has_places(shape: Shape, inputs: Iterable[Axes]) -> bool:
    if not shape.rank or prod(shape.spatial) > 1:
        return bool(shape.rank)
    return any(isinstance(axis, Followed) and axis.largest.step for axes in inputs for axis in axes or ())


def _left_out(graph: Graph, readings: Sequence[tuple[Reading, ...]]) -> tuple[LeftOut, ...]:
    """What sees other places, and is not in the figures."""
    gates = [node.name for node, read in zip(graph.nodes, readings) if GATE in read and not node.train_only]
    found = [LeftOut("gate", tuple(gates), "scaling channels by what all places tell")] if gates else []
    norms: dict[str, list[str]] = {}
    for node in graph.nodes:
        if node.layer.sums_places and not node.train_only:
            norms.setdefault(node.layer.kind, []).append(node.name)
    words = "whose means and deviations are of all places"
    return (*found, *(LeftOut(kind, tuple(names), words) for kind, names in norms.items()))
