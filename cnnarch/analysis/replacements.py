"""Convolutions with groups, in pairs and in stacks, beside the full convolution that they stand for."""

from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from math import gcd
from typing import NamedTuple

from cnnarch.graph import Graph
from cnnarch.layers import Layer
from cnnarch.layers.conv import Conv, Convolving
from cnnarch.shapes import Shape, Window

__all__ = ["REPLACEMENTS", "Replacement", "composed", "instead", "replacements", "together"]

# What can stand between the layers of a pair or a stack: functions of single values, and normalisation. What mixes
# places (pooling), tensors (a merge, a gate) or neighbouring channels (lrn) ends it.
BETWEEN = frozenset(
    (
        "batchnorm", "layernorm", "groupnorm", "instancenorm", "scale", "dropout", "stochastic_depth",
        "relu", "relu6", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish", "sigmoid", "tanh",
        "hardsigmoid", "hardswish",
    )
)  # fmt: skip


class Replacement(NamedTuple):
    """Convolutions of a network, and one full convolution with the same input and output shape.

    `weights` and `macs` are of the layers together, `full_weights` and `full_macs` of the one that they
    stand for; biases are not counted. Weights of layers that use another's are counted there.
    """

    name: str
    layers: tuple[str, ...]
    operation: str
    full: str
    padding: str
    channels: str
    full_weights: int
    weights: int
    full_macs: int
    macs: int

    @property
    def weights_factor(self) -> float | None:
        """How many times the weights the full convolution has; nothing where all of them are another's."""
        return self.full_weights / self.weights if self.weights else None

    @property
    def macs_factor(self) -> float:
        """How many times the work it does."""
        return self.full_macs / self.macs


def replacements(graph: Graph) -> dict[str, list[Replacement]]:
    """Find what stands for a full convolution, by the way in which it saves.

    `grouped`: a convolution with groups, for the same without. `separable`: a window in groups, often one
    a channel, and a 1×1 over all channels after it, for one window over all channels. `factorised`: windows
    one after another, for one window that sees as much. `narrowed`: a 1×1 to fewer channels, one or more
    windows, and perhaps a 1×1 to more, for one window between the same channels.

    Windows one after another are taken as far as they come to one without gaps that has no more than 2n − 1
    pixels on an axis of n: a larger one would see nothing more.

    >>> from cnnarch.spec import build, catalog
    >>> stack = replacements(build.build(catalog.read("vgg16")))["factorised"][-1]
    >>> stack.operation, stack.full, stack.weights, stack.full_weights  # 27·512·512 against 49·512·512
    ('3×3 + 3×3 + 3×3', '512 of 7×7', 7077888, 12845056)

    Sources: Howard et al. 2017, arXiv:1704.04861, section 3.1; Simonyan & Zisserman 2014, arXiv:1409.1556,
    section 2.3; Szegedy et al. 2015, arXiv:1512.00567, section 3; Szegedy et al. 2014, arXiv:1409.4842,
    section 4, and He et al. 2015, arXiv:1512.03385, section 4.1.
    """
    convolutions = _Convolutions(graph)
    return {key: find(convolutions) for key, find in REPLACEMENTS.items()}


def together(rows: Iterable[Replacement]) -> Replacement:
    """Several of them, added up."""
    every = list(rows)
    return Replacement(
        "total",
        tuple(name for one in every for name in one.layers),
        "",
        "",
        "",
        "",
        sum(one.full_weights for one in every),
        sum(one.weights for one in every),
        sum(one.full_macs for one in every),
        sum(one.macs for one in every),
    )


def instead(rows: Iterable[Replacement], weights: int, macs: int) -> tuple[int, int]:
    """The weights and MACs of a network with full convolutions in place of these, and all else as it is."""
    total = together(rows)
    return weights - total.weights + total.full_weights, macs - total.macs + total.full_macs


def composed(windows: Iterable[Window]) -> Window | None:
    """The window on the first input that windows one after another come to; nothing if it would have gaps.

    >>> composed([Window(3, before=1, after=1)] * 3)
    Window(size=7, stride=1, dilation=1, before=3, after=3, ceil=False)
    >>> composed([Window(3, stride=2), Window(3)])  # 7 = 3 + 2·(3 − 1)
    Window(size=7, stride=2, dilation=1, before=0, after=0, ceil=False)

    Every later window counts in steps of the strides before it, as in the formula of the receptive field. The
    output has the same size for every input, as ⌊(⌊a/s⌋ + c)/t⌋ = ⌊(a + c·s)/(s·t)⌋.
    """
    stride, before, after, steps = 1, 0, 0, []
    for window in windows:
        before += window.before * stride
        after += window.after * stride
        if window.size > 1:
            steps.append((window.dilation * stride, window.size))
        stride *= window.stride
    dilation = gcd(*(step for step, _ in steps)) or 1
    reach = 0
    for step, size in sorted(steps):  # a step that is longer than what the shorter ones cover jumps over pixels
        if step > reach + dilation:
            return None
        reach += step * (size - 1)
    return Window(reach // dilation + 1, stride, dilation, before, after)


def _sees_more(window: Window, length: int) -> bool:
    """Whether some of it is not on padding only: from each of n pixels, a window of 2n − 1 sees them all."""
    return window.reach <= 2 * length - 1 and window.stride <= length


class _Convolutions:
    """The convolutions of a graph that run at inference, by number, and which of them follows which."""

    def __init__(self, graph: Graph) -> None:
        self.nodes = graph.nodes
        self.takers: list[list[int]] = [[] for _ in graph.nodes]
        for number, node in enumerate(graph.nodes):
            for source in node.sources:
                self.takers[source].append(number)
        self.every = [
            number
            for number, node in enumerate(graph.nodes)
            if isinstance(node.layer, Convolving) and not node.train_only
        ]
        self.next = {number: self._follower(number) for number in self.every}
        self.groups = {number: self.layer(number).split(self.x(number)) for number in self.every}
        self.windows = {number: self.layer(number).resolve(self.x(number)) for number in self.every}
        self.wide = {
            number
            for number, windows in self.windows.items()
            if isinstance(self.layer(number), Conv) and any(window.size > 1 for window in windows)
        }

    def layer(self, number: int) -> Convolving:
        layer = self.nodes[number].layer
        assert isinstance(layer, Convolving)
        return layer

    def x(self, number: int) -> Shape:
        return self.nodes[self.nodes[number].sources[0]].output

    def is_full(self, number: int | None) -> bool:
        """Whether it is a window of several places over all channels."""
        return number in self.wide and self.groups[number] == 1

    def is_point(self, number: int | None) -> bool:
        """Whether it is a 1×1 over all channels."""
        return number is not None and number not in self.wide and self.groups[number] == 1

    def words(self, number: int) -> str:
        """Its window, and into how many groups its channels are split."""
        window, groups = self.layer(number).window_words(self.x(number)).partition(", padding")[0], self.groups[number]
        if groups == 1:
            return window
        return f"depthwise {window}" if groups == self.x(number).channels else f"{window} in {groups} groups"

    def narrows(self, number: int) -> bool:
        return self.layer(number).filters < self.x(number).channels

    def stack(self, first: int) -> list[int]:
        """The full windows from this one on, as many as come to one window that makes sense."""
        found, spatial = [first], self.x(first).spatial
        so_far = self.windows[first]
        while True:
            after = self.next[found[-1]]
            if after is None or not self.is_full(after):
                return found
            larger = [composed(axis) for axis in zip(so_far, self.windows[after])]
            whole = [one for one, length in zip(larger, spatial) if one is not None and _sees_more(one, length)]
            if len(whole) < len(spatial):
                return found
            so_far = tuple(whole)
            found.append(after)

    def joined(self, numbers: Sequence[int]) -> list[Window]:
        """The window that these come to, axis by axis."""
        found = [composed(axis) for axis in zip(*(self.windows[number] for number in numbers))]
        return [window for window in found if window is not None]

    def _follower(self, number: int) -> int | None:
        """The convolution that takes its output, if nothing else does."""
        while isinstance(self.nodes[number].layer, Conv) or self.nodes[number].layer.kind in BETWEEN:
            if len(self.takers[number]) != 1:
                return None
            (number,) = self.takers[number]
            if self.nodes[number].train_only:
                return None
            if isinstance(self.nodes[number].layer, Conv):
                return number
        return None


def _grouped(convolutions: _Convolutions) -> list[Replacement]:
    rows = []
    for number in convolutions.every:
        layer = convolutions.layer(number)
        if convolutions.groups[number] > 1:
            full = type(layer).of({**layer.defaults, **layer.given(), "groups": 1})
            rows.append(_row(convolutions, [number], full, convolutions.words(number)))
    return rows


def _separable(convolutions: _Convolutions) -> list[Replacement]:
    pairs = ((number, convolutions.next[number]) for number in convolutions.every)
    return [
        _joined_row(convolutions, [first, second])
        for first, second in pairs
        if second is not None
        and convolutions.groups[first] > 1
        and first in convolutions.wide
        and convolutions.is_point(second)
    ]


def _factorised(convolutions: _Convolutions) -> list[Replacement]:
    rows, taken = [], set[int]()
    for number in convolutions.every:  # a layer runs before those that take its output
        if convolutions.is_full(number) and number not in taken:
            stack = convolutions.stack(number)
            taken.update(stack)
            if len(stack) > 1:
                rows.append(_joined_row(convolutions, stack))
    return rows


def _narrowed(convolutions: _Convolutions) -> list[Replacement]:
    rows = []
    for number in convolutions.every:
        after = convolutions.next[number]
        if convolutions.is_point(number) and convolutions.narrows(number) and convolutions.is_full(after):
            assert after is not None
            chain = [number, *convolutions.stack(after)]
            last = convolutions.next[chain[-1]]
            if last is not None and convolutions.is_point(last) and not convolutions.narrows(last):
                chain.append(last)
            rows.append(_joined_row(convolutions, chain))
    return rows


REPLACEMENTS: dict[str, Callable[[_Convolutions], list[Replacement]]] = {
    "grouped": _grouped,
    "separable": _separable,
    "factorised": _factorised,
    "narrowed": _narrowed,
}


def _joined_row(convolutions: _Convolutions, numbers: Sequence[int]) -> Replacement:
    """Layers one after another beside the one full convolution between the same shapes."""
    windows = convolutions.joined(numbers)
    full = Conv.of(
        {
            **Conv.defaults,
            "filters": convolutions.layer(numbers[-1]).filters,
            "kernel": tuple(window.size for window in windows),
            "stride": tuple(window.stride for window in windows),
            "padding": tuple((window.before, window.after) for window in windows),
            "dilation": tuple(window.dilation for window in windows),
            "bias": False,
        }
    )
    return _row(convolutions, numbers, full, " + ".join(convolutions.words(number) for number in numbers))


def _row(convolutions: _Convolutions, numbers: Sequence[int], full: Layer, operation: str) -> Replacement:
    x, nodes = convolutions.x(numbers[0]), [convolutions.nodes[number] for number in numbers]
    names = tuple(node.name for node in nodes)
    is_anothers = all(node.owner is not None for node in nodes)
    figures = full.figures((x,))
    words, _, padding = full.operation(x).partition(", padding ")
    return Replacement(
        _path(names),
        names,
        operation,
        words,
        padding or "0",
        f"{x.channels} → {figures.output.channels}",
        full_weights=0 if is_anothers else figures.weights,
        weights=sum(node.weights for node in nodes),
        full_macs=figures.macs,
        macs=sum(node.macs for node in nodes),
    )


def _path(names: Sequence[str]) -> str:
    """One name for layers one after another: `block1/conv1 – conv3`; the same last part stands nowhere."""
    if len(names) == 1:
        return names[0]
    first, last = names[0].split("/"), names[-1].split("/")
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last)))
    heads, tails = first[common:], last[common:]
    if len(heads) > 1 and len(tails) > 1 and heads[-1] == tails[-1]:
        heads, tails = heads[:-1], tails[:-1]
    return "/".join([*first[:common], f"{'/'.join(heads)} – {'/'.join(tails)}"])
