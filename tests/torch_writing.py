"""Networks as PyTorch modules, in the reference writing of `cnnarch/analysis/counters/writing.py`.

One module of torch.nn for each layer, on tensors with their channels first. Only for counting: the weights are whatever
PyTorch makes of them, and values mean nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cnnarch.graph import Graph, Node
from cnnarch.layers import Layer
from cnnarch.shapes import Shape, by_axis

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed; these tests compare with it")
nn: Any = torch.nn

Run = Callable[..., Any]


def of_rank(name: str, rank: int) -> Any:
    """The class for so many spatial axes."""
    return getattr(nn, f"{name}{rank}d")


def channels_last(module: Any) -> Run:
    return lambda x: module(x.movedim(1, -1)).movedim(-1, 1)


def padded(windows: Any, value: float) -> tuple[list[Any], list[int]]:
    """A module that pads where a layer cannot, and what the layer pads."""
    if all(w.before == w.after for w in windows):
        return [], [w.before for w in windows]
    sides = [side for w in reversed(windows) for side in (w.before, w.after)]
    return [of_rank("ConstantPad", len(windows))(tuple(sides), value)], [0] * len(windows)


def conv(layer: Any, x: Shape) -> Any:
    windows = layer.windows(x)
    before, padding = padded(windows, 0.0)
    made = of_rank("Conv", x.rank)(
        x.channels,
        layer.filters,
        [w.size for w in windows],
        [w.stride for w in windows],
        padding,
        [w.dilation for w in windows],
        layer.split(x),
        layer.bias,
    )
    return nn.Sequential(*before, made) if before else made


def conv_transpose(layer: Any, x: Shape) -> Any:
    windows = layer.resolve(x)
    return of_rank("ConvTranspose", x.rank)(
        x.channels,
        layer.filters,
        [w.size for w in windows],
        [w.stride for w in windows],
        [w.before for w in windows],
        list(layer.extra(x)),
        layer.split(x),
        layer.bias,
        [w.dilation for w in windows],
    )


def pool(name: str) -> Callable[[Any, Shape], Any]:
    def build(layer: Any, x: Shape) -> Any:
        windows = layer.windows(x)
        before, padding = padded(windows, float("-inf"))
        more = {"dilation": [w.dilation for w in windows]} if name == "MaxPool" else {}
        sizes, strides = [w.size for w in windows], [w.stride for w in windows]
        made = of_rank(name, x.rank)(sizes, strides, padding, ceil_mode=layer.ceil, **more)
        return nn.Sequential(*before, made) if before else made

    return build


def upsample(layer: Any, x: Shape) -> Any:
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[x.rank] if layer.mode == "bilinear" else layer.mode
    if layer.factor is None and layer.size is None:
        return None
    if layer.factor is not None:
        factor = layer.factor if isinstance(layer.factor, int) else tuple(map(float, layer.factor))
        return nn.Upsample(scale_factor=factor, mode=mode)
    return nn.Upsample(size=by_axis(layer.size, x.rank, "size"), mode=mode)


def recurrent(name: str) -> Callable[[Any, Shape], Any]:
    return lambda layer, x: getattr(nn, name)(
        x.channels, layer.units, batch_first=True, bias=layer.biases > 0, bidirectional=layer.bidirectional
    )


def norm(name: str) -> Callable[[Any, Shape], Any]:
    return lambda layer, x: of_rank(name, max(x.rank, 1))(x.channels, affine=layer.scale)


# The module of a layer, for the kinds that have one
MODULES: dict[str, Callable[[Any, Shape], Any]] = {
    "conv": conv,
    "conv_transpose": conv_transpose,
    "fc": lambda layer, x: nn.Linear(x.channels, layer.units, layer.bias),
    "maxpool": pool("MaxPool"),
    "avgpool": pool("AvgPool"),
    "adaptive_avgpool": lambda layer, x: of_rank("AdaptiveAvgPool", x.rank)(by_axis(layer.size, x.rank, "size")),
    "adaptive_maxpool": lambda layer, x: of_rank("AdaptiveMaxPool", x.rank)(by_axis(layer.size, x.rank, "size")),
    "global_avgpool": lambda _, x: of_rank("AdaptiveAvgPool", x.rank)(1),
    "global_maxpool": lambda _, x: of_rank("AdaptiveMaxPool", x.rank)(1),
    "batchnorm": norm("BatchNorm"),
    "instancenorm": norm("InstanceNorm"),
    "layernorm": lambda layer, x: nn.LayerNorm(x.channels, elementwise_affine=layer.scale, bias=layer.shift),
    "groupnorm": lambda layer, x: nn.GroupNorm(layer.groups, x.channels, affine=layer.scale),
    "lrn": lambda layer, _: nn.LocalResponseNorm(layer.size),
    "relu": lambda *_: nn.ReLU(),
    "relu6": lambda *_: nn.ReLU6(),
    "leaky_relu": lambda *_: nn.LeakyReLU(),
    "prelu": lambda layer, x: nn.PReLU(1 if layer.shared else x.channels),
    "elu": lambda *_: nn.ELU(),
    "gelu": lambda *_: nn.GELU(),
    "silu": lambda *_: nn.SiLU(),
    "mish": lambda *_: nn.Mish(),
    "hardsigmoid": lambda *_: nn.Hardsigmoid(),
    "hardswish": lambda *_: nn.Hardswish(),
    "sigmoid": lambda *_: nn.Sigmoid(),
    "tanh": lambda *_: nn.Tanh(),
    "softmax": lambda *_: nn.Softmax(dim=1),
    "dropout": lambda *_: nn.Dropout(),
    "stochastic_depth": lambda *_: nn.Identity(),  # nothing in evaluation, as torchvision's
    "channel_shuffle": lambda layer, _: nn.ChannelShuffle(layer.groups),
    "pixel_shuffle": lambda layer, _: nn.PixelShuffle(layer.factor),
    "pixel_unshuffle": lambda layer, _: nn.PixelUnshuffle(layer.factor),
    "upsample": upsample,
    "embedding": lambda layer, _: nn.Embedding(layer.vocabulary, layer.units),
    "lstm": recurrent("LSTM"),
    "gru": recurrent("GRU"),
}


def spread(xs: tuple[Any, ...]) -> list[Any]:
    """One value a channel, with an axis for each that others have."""
    rank = max(x.dim() for x in xs)
    return [x.reshape(*x.shape, *[1] * (rank - x.dim())) if x.dim() < rank else x for x in xs]


def added(*xs: Any) -> Any:
    first, *others = spread(xs)
    for one in others:
        first = first + one
    return first


def multiplied(*xs: Any) -> Any:
    first, *others = spread(xs)
    for one in others:
        first = first * one
    return first


def largest(*xs: Any) -> Any:
    first, *others = spread(xs)
    for one in others:
        first = torch.maximum(first, one)
    return first


def cropped(x: Any, sizes: tuple[int, ...]) -> Any:
    for axis, size in enumerate(sizes, start=2):
        x = x.narrow(axis, (x.shape[axis] - size) // 2, size)
    return x


def laid_out(x: Any, shape: Shape) -> Any:
    """All values in another shape, whose channels are last for us."""
    return x.movedim(1, -1).reshape(x.shape[0], *shape).movedim(-1, 1)


def pads(layer: Any, x: Shape) -> list[int]:
    """What PyTorch adds, the last axis first."""
    sides = [side for w in reversed(layer.sides(x)) for side in (w.before, w.after)]
    return [*sides, *layer.channels]


def loose(node: Node, x: Shape) -> Any:
    """Parameters that are no module's."""
    kind, layer = node.layer.kind, node.layer
    if kind == "scale":
        return [nn.Parameter(torch.zeros(x.channels, *[1] * x.rank)) for _ in range(1 + getattr(layer, "bias", False))]
    if kind == "class_token":
        return [nn.Parameter(torch.zeros(1, x.channels, node.output.length - x.length))]
    positions = getattr(layer, "positions", None)
    if positions:
        return [nn.Parameter(torch.zeros(x.channels, positions))]
    return [nn.Parameter(torch.zeros(x.channels, *x.spatial))]


LOOSE = ("scale", "class_token", "position_embedding")
SHAPED = ("flatten", "columns", "tokens", "image", "transpose", "reshape", "select", "slice", "crop", "pad")


def shaped(node: Node, x: Shape) -> Run:
    """Functions that only arrange values, and have no module."""
    kind, layer, y = node.layer.kind, node.layer, node.output
    start = getattr(layer, "start", 0)
    return {
        "flatten": lambda t, *_: torch.flatten(t, 1),
        "columns": lambda t, *_: t.flatten(1, 2),
        "tokens": lambda t, *_: t.flatten(2),
        "image": lambda t, *_: t.unflatten(2, y.spatial),
        "transpose": lambda t, *_: t.transpose(1, 2),
        "reshape": lambda t, *_: laid_out(t, y),
        "select": lambda t, *_: t[:, :, getattr(layer, "position", 0)],
        "slice": lambda t, *_: t[:, start : start + y.channels],
        "crop": lambda t, *_: cropped(t, y.spatial),
        "pad": lambda t, *_: nn.functional.pad(t, pads(layer, x)),
    }[kind]


def loosely(kind: str, x: Any, own: list[Any]) -> Any:
    """What is done with parameters that are no module's."""
    if kind == "class_token":
        return torch.cat([own[0].expand(x.shape[0], -1, -1), x], 2)
    if kind == "position_embedding":
        return x + (own[0][:, : x.shape[2]] if x.dim() == 3 else own[0])
    return x * own[0] + own[1] if len(own) > 1 else x * own[0]


def around(kind: str, layer: Any, module: Any) -> Run:
    """How a module is called: with its channels last, or on what it needs."""
    if kind in ("fc", "layernorm"):
        return channels_last(module)
    if kind in ("lstm", "gru"):
        if layer.returns == "last":
            return lambda t: module(t.movedim(1, 2))[0][:, -1]
        return lambda t: module(t.movedim(1, 2))[0].movedim(2, 1)
    if kind == "embedding":
        return lambda t: module(torch.zeros_like(t[:, 0], dtype=torch.long)).movedim(2, 1)  # any row does
    if kind in ("global_avgpool", "global_maxpool"):
        return lambda t: torch.flatten(module(t), 1)
    if kind == "upsample":
        return lambda t, *_: module(t)
    run: Run = module
    return run


MERGES: dict[str, Run] = {
    "add": added,
    "multiply": multiplied,
    "max": largest,
    "concat": lambda *xs: torch.cat(xs, 1),
}


def product(transposed: bool) -> Run:
    """Of matrices whose rows and columns are our last two axes; PyTorch's have the channels first."""

    def run(x: Any, y: Any) -> Any:
        second = y.movedim(1, -1)
        return torch.matmul(x.movedim(1, -1), second.mT if transposed else second).movedim(-1, 1)

    return run


class Written(nn.Module):  # type: ignore[misc]
    """A network: the modules of its layers, run in their order."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.held = nn.ModuleList()
        self.steps: list[tuple[int, Run, tuple[int, ...]]] = []
        self.made: dict[int, Any] = {}
        outputs = {id(node) for node in graph.outputs if not node.train_only}
        self.outputs = {number for number, node in enumerate(graph.nodes) if id(node) in outputs}
        for number, node in enumerate(graph.nodes):
            if not node.is_input:
                step = self.step(number, node, graph.shapes(node))
                if not node.train_only:
                    self.steps.append((number, step, node.sources))

    def step(self, number: int, node: Node, inputs: tuple[Shape, ...]) -> Run:
        kind, layer, x = node.layer.kind, node.layer, inputs[0]
        if kind in MERGES:
            return MERGES[kind]
        if kind == "matmul":
            return product(getattr(layer, "transpose"))  # noqa: B009
        if kind == "elementwise" and len(inputs) == 1 and hasattr(torch, getattr(layer, "operator")):  # noqa: B009
            function: Run = getattr(torch, getattr(layer, "operator"))  # noqa: B009
            return function
        if kind in SHAPED:
            return shaped(node, x)
        if kind == "upsample" and len(inputs) > 1:
            return by_function(layer)
        if node.owner is not None:
            own = self.made[node.owner]
        elif kind in LOOSE:
            own = []
            for one in loose(node, x):
                own.append(f"loose{number}_{len(own)}")
                self.register_parameter(own[-1], one)
        else:
            own = MODULES[kind](layer, x)
            self.held.append(own)
        self.made[number] = own
        if kind in LOOSE:  # by name, as they are other tensors on another device
            return lambda t: loosely(kind, t, [getattr(self, name) for name in own])
        return around(kind, layer, own)

    def forward(self, *xs: Any) -> list[Any]:
        values = dict(enumerate(xs))
        for number, run, sources in self.steps:
            values[number] = run(*(values[source] for source in sources))
            node = self.graph.nodes[number]
            made = tuple(values[number].shape[1:])
            assert made == (node.output.channels, *node.output.spatial), (node.name, made, node.output)
        return [value for number, value in values.items() if number in self.outputs]  # what is not, is not traced


def by_function(layer: Layer) -> Run:
    """F.interpolate to the size of a second input."""
    mode = getattr(layer, "mode")  # noqa: B009
    return lambda x, like: nn.functional.interpolate(x, size=tuple(like.shape[2:]), mode=mode)


def inputs_of(graph: Graph, batch: int, device: str) -> list[Any]:
    """Tensors for what goes in."""
    return [torch.zeros(batch, node.output.channels, *node.output.spatial, device=device) for node in graph.inputs]
