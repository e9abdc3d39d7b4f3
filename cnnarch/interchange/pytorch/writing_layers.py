"""How every kind is written in PyTorch: a module of torch.nn and its call, or an expression.

Tensors have a batch and their channels first, whatever they are: an image is N×C×H×W, a sequence N×C×L.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from cnnarch.shapes import Shape, Window, by_axis

__all__ = ["HELPERS", "Made", "made", "refusal"]


class Made(NamedTuple):
    """A layer in PyTorch: what makes its module, with arguments by their names, and how that is called.

    In `call`, `{m}` is the module, `{0}` and `{1}` its inputs, `{all}` all of them. An argument that is its default
    in every use of a class is not written. `close` ends what `callee` began, where that is more than a name.
    """

    call: str
    callee: str = ""
    arguments: tuple[tuple[str, Any, Any], ...] = ()  # name, value, default; in order, the first two without names
    close: str = ")"
    helper: str = ""  # a class that the page has to define


NONE = object()  # no default


def _module(callee: str, *arguments: tuple[str, Any, Any], call: str = "{m}({0})", helper: str = "") -> Made:
    return Made(call, f"{callee}(", arguments, helper=helper)


def _function(text: str) -> Callable[..., Made]:
    return lambda layer, xs, y: Made(text)


def _plain(name: str) -> Callable[..., Made]:
    return lambda layer, xs, y: _module(f"nn.{name}")


def _one(values: tuple[int, ...] | list[int]) -> Any:
    """A number for all axes where it is one, else a tuple."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def _sides(windows: tuple[Window, ...]) -> str:
    """What F.pad takes: the last axis first."""
    return ", ".join(str(side) for window in reversed(windows) for side in (window.before, window.after))


def _window(windows: tuple[Window, ...], x: str = "{0}", value: str = "") -> tuple[list[Any], str]:
    """Kernel, stride, padding and dilation, and what the module is called with: padded before, if sides differ."""
    even = all(window.before == window.after for window in windows)
    arguments = [
        ("kernel_size", _one([window.size for window in windows]), NONE),
        ("stride", _one([window.stride for window in windows]), 1),
        ("padding", _one([window.before for window in windows]) if even else 0, 0),
        ("dilation", _one([window.dilation for window in windows]), 1),
    ]
    return arguments, x if even else f"F.pad({x}, ({_sides(windows)}){value})"


def _conv(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    arguments, given = _window(layer.windows(xs[0]))
    return _module(
        f"nn.Conv{y.rank}d", ("in_channels", xs[0].channels, NONE), ("out_channels", layer.filters, NONE), *arguments,
        ("groups", layer.split(xs[0]), 1), ("bias", layer.bias, True), call=f"{{m}}({given})",
    )  # fmt: skip


def _conv_transpose(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    windows, extra = layer.resolve(xs[0]), layer.extra(xs[0])
    arguments, _ = _window(tuple(window._replace(after=window.before) for window in windows))
    added = [one + window.before - window.after for one, window in zip(extra, windows)]  # it cuts both sides alike
    cut = ", ".join(f"0, {min(one, 0)}" for one in reversed(added))
    call = f"F.pad({{m}}({{0}}), ({cut}))" if min(added) < 0 else "{m}({0})"
    return _module(
        f"nn.ConvTranspose{y.rank}d", ("in_channels", xs[0].channels, NONE), ("out_channels", layer.filters, NONE),
        *arguments, ("output_padding", _one([max(one, 0) for one in added]), 0), ("groups", layer.split(xs[0]), 1),
        ("bias", layer.bias, True), call=call,
    )  # fmt: skip


def _pool(name: str) -> Callable[..., Made]:
    def rule(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
        windows = layer.windows(xs[0])
        places = tuple(
            window._replace(after=max((count - 1) * window.stride + window.reach - length - window.before, 0))
            if layer.ceil else window
            for window, length, count in zip(windows, xs[0].spatial, y.spatial)
        )  # fmt: skip
        # What PyTorch cannot pad by itself: sides that differ, and more than half a window.
        apart = any(w.before != w.after for w in windows) or any(2 * w.before > w.size for w in windows)
        fill = ', value=float("-inf")' if name == "MaxPool" else ""
        if apart:
            bare = tuple(window._replace(before=0, after=0) for window in windows)
            arguments, _ = _window(bare)
            call, ceil = f"{{m}}(F.pad({{0}}, ({_sides(places)}){fill}))", False
        else:
            arguments, _ = _window(windows)
            call, ceil = "{m}({0})", layer.ceil
        size, stride, *rest = arguments
        stride = ("stride", stride[1], size[1])
        rest = rest if name == "MaxPool" else rest[:1]
        return _module(f"nn.{name}{y.rank}d", size, stride, *rest, ("ceil_mode", ceil, False), call=call)

    return rule


def _adaptive(name: str) -> Callable[..., Made]:
    return lambda layer, xs, y: _module(f"nn.{name}{y.rank}d", ("output_size", _one(y.spatial), NONE))


def _global(name: str) -> Callable[..., Made]:
    return lambda layer, xs, y: _module(
        f"nn.{name}{xs[0].rank}d", ("output_size", 1, NONE), call="torch.flatten({m}({0}), 1)"
    )


def _fc(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    helper = "Linear" if y.rank else ""
    return _module(
        helper or "nn.Linear", ("in_features", xs[0].channels, NONE), ("out_features", layer.units, NONE),
        ("bias", layer.bias, True), helper=helper,
    )  # fmt: skip


def _batchnorm(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    return _module(f"nn.BatchNorm{max(y.rank, 1)}d", ("num_features", y.channels, NONE), ("affine", layer.scale, True))


def _instancenorm(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    return _module(f"nn.InstanceNorm{y.rank}d", ("num_features", y.channels, NONE), ("affine", layer.scale, False))


def _groupnorm(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    return _module(
        "nn.GroupNorm", ("num_groups", layer.groups, NONE), ("num_channels", y.channels, NONE),
        ("affine", layer.scale, True),
    )  # fmt: skip


def _layernorm(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    helper = "LayerNorm" if y.rank else ""
    return _module(
        helper or "nn.LayerNorm", ("normalized_shape", y.channels, NONE), ("elementwise_affine", layer.scale, True),
        ("bias", layer.shift if layer.scale else True, True), helper=helper,
    )  # fmt: skip


def _recurrent(name: str) -> Callable[..., Made]:
    return lambda layer, xs, y: _module(
        name, ("input_size", xs[0].channels, NONE), ("hidden_size", layer.units, NONE),
        ("bias", layer.biases == 2, True), ("bidirectional", layer.bidirectional, False),
        call="{m}({0})" if layer.returns == "sequence" else "{m}({0}, last=True)", helper=name,
    )  # fmt: skip


def _attention(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    return _module(
        "Attention", ("channels", y.channels, NONE), ("heads", layer.heads, NONE),
        ("width", layer.width(xs[0]), y.channels), ("memory_channels", xs[-1].channels, y.channels),
        ("bias", layer.bias, True), ("size", tuple(xs[0].spatial) if layer.relative else None, None),
        call="{m}({all})", helper="Attention",
    )  # fmt: skip


def _parameter(call: str, sizes: tuple[int, ...]) -> Made:
    arguments = tuple((f"size{number}" if number else "size", size, NONE) for number, size in enumerate(sizes))
    return Made(call, "nn.Parameter(torch.zeros(", arguments, "))")


def _position_embedding(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    if layer.positions:
        return _parameter("torch.add({0}, {m}[..., : {0}.shape[-1]])", (1, y.channels, layer.positions))
    return _parameter("{0} + {m}", (1, y.channels, *y.spatial))


def _scale(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    return _module("Scale", ("channels", y.channels, NONE), ("axes", y.rank, NONE), ("bias", layer.bias, False),
                   helper="Scale")  # fmt: skip


def _upsample(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[y.rank] if layer.mode == "bilinear" else layer.mode
    if len(xs) > 1:
        return Made(f'F.interpolate({{0}}, size={{1}}.shape[2:], mode="{mode}")')
    if layer.factor is not None:
        factor = _one(by_axis(layer.factor, y.rank, "factor"))
        return _module("nn.Upsample", ("scale_factor", factor, None), ("mode", mode, "nearest"))
    return _module("nn.Upsample", ("size", _one(y.spatial), None), ("mode", mode, "nearest"))


def _crop(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    starts = [(length - size) // 2 for length, size in zip(xs[0].spatial, y.spatial)]
    cuts = ", ".join(f"{start}:{start + size}" for start, size in zip(starts, y.spatial))
    return Made(f"{{0}}[:, :, {cuts}]")


def _pad(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    channels = f", {layer.channels[0]}, {layer.channels[1]}" if any(layer.channels) else ""
    return Made(f"F.pad({{0}}, ({_sides(layer.sides(xs[0]))}{channels}))")


def _reshape(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    last = "{0}" if not xs[0].rank else "{0}.movedim(1, -1)"
    if not y.rank:
        return Made(f"{last}.flatten(1)")
    sizes = ", ".join(map(str, (-1, *y[1:])))  # so that it serves inputs of other sizes too
    return Made(f"{last}.reshape(len({{0}}), {sizes}).movedim(-1, 1)")


def _merge(sign: str) -> Callable[..., Made]:
    def rule(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
        return Made(f" {sign} ".join(_spread(number, x, y) for number, x in enumerate(xs)))

    return rule


def _spread(number: int, x: Shape, y: Shape) -> str:
    """An input with an axis for each that the output has: one value a channel has none for places."""
    lacking = y.rank - x.rank
    return f"{{{number}}}" if not lacking else f"{{{number}}}[(...,) + (None,) * {lacking}]"


def _max(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    text = _spread(0, xs[0], y)
    for number, x in enumerate(xs[1:], 1):
        text = f"torch.maximum({text}, {_spread(number, x, y)})"
    return Made(text)


def _windows(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    return Made(f"part({{0}}, {tuple(y.spatial)})", helper="part")


def _join_windows(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    return Made("join({0}, {1})", helper="join")


def _elementwise(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    signs = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}
    if layer.operator in signs:
        return Made(f" {signs[layer.operator]} ".join(_spread(number, x, y) for number, x in enumerate(xs)))
    return Made(f"{'F' if layer.operator in OF_F else 'torch'}.{layer.operator}({{0}})")


OF_F = ("softplus", "softsign", "selu", "celu")
FUNCTIONS = {
    "add", "sub", "mul", "div", "pow", "neg", "sign", "floor", "ceil", "round", "exp", "sqrt", "reciprocal", "abs",
    "log", "sin", "cos", "tan", "atan", "erf", "square", "rsqrt", *OF_F,
}  # fmt: skip
REDUCED = {"mean": "mean", "sum": "sum", "max": "amax", "min": "amin"}


def _reduce(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    axes = {"spatial": range(2, xs[0].rank + 2), "channels": [1], "all": range(1, xs[0].rank + 2)}[layer.axes]
    listed = ", ".join(map(str, axes)) + ("," if len([*axes]) == 1 else "")
    text = f"{{0}}.{REDUCED[layer.operator]}(({listed}), keepdim=True)"
    if layer.keep:
        return Made(text)
    if layer.axes == "channels":
        return Made(f"{text[: -len(', keepdim=True)')]}){'.movedim(-1, 1)' if y.rank else ''}")
    return Made(f"torch.flatten({text}, 1)")


def _matmul(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    right = "{1}.movedim(1, -1)" + (".transpose(-1, -2)" if layer.transpose else "")
    return Made(f"({{0}}.movedim(1, -1) @ {right}).movedim(-1, 1)")


RULES: dict[str, Callable[..., Made]] = {
    "relu": _plain("ReLU"), "relu6": _plain("ReLU6"), "elu": _plain("ELU"), "gelu": _plain("GELU"),
    "leaky_relu": lambda layer, xs, y: _module("nn.LeakyReLU", ("negative_slope", float(layer.slope), 0.01)),
    "prelu": lambda layer, xs, y: _module("nn.PReLU", ("num_parameters", 1 if layer.shared else y.channels, 1)),
    "silu": _plain("SiLU"), "mish": _plain("Mish"), "hardsigmoid": _plain("Hardsigmoid"),
    "hardswish": _plain("Hardswish"), "sigmoid": _plain("Sigmoid"), "tanh": _plain("Tanh"),
    "softmax": lambda layer, xs, y: _module("nn.Softmax", ("dim", 1, NONE)),
    "dropout": lambda layer, xs, y: _module("nn.Dropout", ("p", float(layer.rate), 0.5)),
    "stochastic_depth": lambda layer, xs, y: _module("StochasticDepth", ("p", float(layer.rate), NONE),
                                                     helper="StochasticDepth"),
    "conv": _conv, "conv_transpose": _conv_transpose, "fc": _fc, "maxpool": _pool("MaxPool"),
    "avgpool": _pool("AvgPool"), "adaptive_avgpool": _adaptive("AdaptiveAvgPool"),
    "adaptive_maxpool": _adaptive("AdaptiveMaxPool"), "global_avgpool": _global("AdaptiveAvgPool"),
    "global_maxpool": _global("AdaptiveMaxPool"), "batchnorm": _batchnorm, "instancenorm": _instancenorm,
    "groupnorm": _groupnorm, "layernorm": _layernorm, "scale": _scale,
    "lrn": lambda layer, xs, y: _module(
        "nn.LocalResponseNorm", ("size", layer.size, NONE), ("alpha", layer.alpha, 0.0001), ("beta", layer.beta, 0.75),
        ("k", layer.offset, 1.0),
    ),
    "lstm": _recurrent("LSTM"), "gru": _recurrent("GRU"), "attention": _attention,
    "embedding": lambda layer, xs, y: _module(
        "nn.Embedding", ("num_embeddings", layer.vocabulary, NONE), ("embedding_dim", layer.units, NONE),
        call="{m}({0}[:, 0].long()).movedim(-1, 1)",
    ),
    "class_token": lambda layer, xs, y: _parameter(
        "torch.cat([{m}.expand(len({0}), -1, -1), {0}], 2)", (1, y.channels, layer.tokens)
    ),
    "position_embedding": _position_embedding,
    "select": lambda layer, xs, y: Made(f"{{0}}[:, :, {layer.position}]"),
    "slice": lambda layer, xs, y: Made(f"{{0}}[:, {layer.start}:{layer.start + y.channels}]"),
    "channel_shuffle": lambda layer, xs, y: _module("nn.ChannelShuffle", ("groups", layer.groups, NONE)),
    "pixel_shuffle": lambda layer, xs, y: _module("nn.PixelShuffle", ("upscale_factor", layer.factor, NONE)),
    "pixel_unshuffle": lambda layer, xs, y: _module("nn.PixelUnshuffle", ("downscale_factor", layer.factor, NONE)),
    "add": _merge("+"), "multiply": _merge("*"), "max": _max, "concat": _function("torch.cat([{all}], 1)"),
    "flatten": _function("torch.flatten({0}, 1)"), "columns": _function("{0}.flatten(1, 2)"),
    "tokens": _function("{0}.flatten(2)"), "transpose": _function("{0}.transpose(1, 2)"),
    "image": lambda layer, xs, y: Made(f"{{0}}.unflatten(2, {tuple(y.spatial)})"), "reshape": _reshape,
    "upsample": _upsample, "crop": _crop, "pad": _pad, "windows": _windows, "join_windows": _join_windows,
    "elementwise": _elementwise, "reduce": _reduce, "matmul": _matmul,
}  # fmt: skip


def refusal(layer: Any, xs: tuple[Shape, ...]) -> str:
    """Why a layer cannot be written in PyTorch, or nothing."""
    kind = layer.kind
    if kind not in RULES:
        return f"PyTorch has no `{kind}`"
    if kind in ("lstm", "gru") and layer.biases == 1:
        return "PyTorch's cells have two biases a gate and unit, or none"
    if kind in ("batchnorm", "instancenorm", "groupnorm") and layer.scale != layer.shift:
        return "PyTorch's has scale and shift, or neither"
    if kind == "layernorm" and layer.shift and not layer.scale:
        return "PyTorch's has no shift alone"
    if kind == "instancenorm" and not xs[0].rank:
        return "PyTorch's takes places"
    if kind == "attention" and (layer.relative_units or layer.cosine or (layer.relative and len(xs) > 1)):
        return "weights for distances are written from a table alone, and likeness is the product"
    if kind == "elementwise" and layer.operator not in FUNCTIONS:
        return f"`{layer.operator}` is not written"
    if kind == "reduce" and layer.operator not in REDUCED:
        return f"`{layer.operator}` is not written"
    if kind == "channel_shuffle" and not xs[0].rank:
        return "PyTorch's takes places"
    return ""


def made(layer: Any, xs: tuple[Shape, ...], y: Shape) -> Made:
    """A layer on its inputs.

    >>> from cnnarch.layers import KINDS
    >>> found = made(KINDS["fc"](units=10), (Shape(84),), Shape(10))
    >>> found.callee, [(name, value) for name, value, _ in found.arguments]
    ('nn.Linear(', [('in_features', 84), ('out_features', 10), ('bias', True)])
    """
    return RULES[layer.kind](layer, xs, y)


HELPERS = {
    "Linear": '''\
class Linear(nn.Linear):
    """Connects the channels of every place."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
''',
    "LayerNorm": '''\
class LayerNorm(nn.LayerNorm):
    """Normalises the channels of every place."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
''',
    "Scale": '''\
class Scale(nn.Module):
    """Multiplies every channel by a weight of its own, and may add one."""

    def __init__(self, channels, axes, bias=False):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, *[1] * axes))
        self.bias = nn.Parameter(torch.zeros(channels, *[1] * axes)) if bias else None

    def forward(self, x):
        x = x * self.weight
        return x if self.bias is None else x + self.bias
''',
    "StochasticDepth": '''\
class StochasticDepth(nn.Module):
    """Leaves out whole samples of a residual branch in training."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        kept = torch.rand(len(x), *[1] * (x.dim() - 1), device=x.device) >= self.p
        return x * kept / (1 - self.p)
''',
    "LSTM": '''\
class LSTM(nn.LSTM):
    """Reads a sequence; gives the state after every position, or only the last."""

    def __init__(self, input_size, hidden_size, **more):
        super().__init__(input_size, hidden_size, batch_first=True, **more)

    def forward(self, x, last=False):
        x, _ = super().forward(x.transpose(1, 2))
        return x[:, -1] if last else x.transpose(1, 2)
''',
    "GRU": '''\
class GRU(nn.GRU):
    """Reads a sequence; gives the state after every position, or only the last."""

    def __init__(self, input_size, hidden_size, **more):
        super().__init__(input_size, hidden_size, batch_first=True, **more)

    def forward(self, x, last=False):
        x, _ = super().forward(x.transpose(1, 2))
        return x[:, -1] if last else x.transpose(1, 2)
''',
    "Attention": '''\
class Attention(nn.Module):
    """Attends from all places of the first input to all of the second, or to its own.

    With a size every head has a weight for each distance between two places.
    """

    def __init__(
        self, channels, heads, width=None, memory_channels=None, bias=True, size=None
    ):
        super().__init__()
        width, memory_channels = width or channels, memory_channels or channels
        self.heads = heads
        self.query = nn.Linear(channels, width, bias=bias)
        self.key = nn.Linear(memory_channels, width, bias=bias)
        self.value = nn.Linear(memory_channels, width, bias=bias)
        self.out = nn.Linear(width, channels, bias=bias)
        self.distances = None
        if size is not None:
            places = torch.cartesian_prod(*map(torch.arange, size)).view(-1, len(size))
            sides = [2 * side - 1 for side in size]
            steps = [math.prod(sides[axis + 1 :]) for axis in range(len(sides))]
            far = places[:, None] - places[None] + torch.tensor(size) - 1
            index = (far * torch.tensor(steps)).sum(-1)
            self.register_buffer("index", index, persistent=False)
            self.distances = nn.Parameter(torch.zeros(math.prod(sides), heads))

    def forward(self, x, memory=None):
        memory = x if memory is None else memory
        places, seen = x.flatten(2).transpose(1, 2), memory.flatten(2).transpose(1, 2)
        query, key, value = (
            found.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for found in (self.query(places), self.key(seen), self.value(seen))
        )
        added = None
        if self.distances is not None:
            added = self.distances[self.index].movedim(-1, 0)
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=added)
        found = self.out(found.transpose(1, 2).flatten(2))
        return found.transpose(1, 2).reshape(x.shape)
''',
    "part": '''\
def part(x, size):
    """Part images into windows, which become the batch; what is lacking is padded."""
    lacking = [-length % side for length, side in zip(x.shape[2:], size)]
    x = F.pad(x, [pad for one in reversed(lacking) for pad in (0, one)])
    for axis, side in enumerate(size):
        x = x.unflatten(2 + 2 * axis, (-1, side))
    axes = range(len(size))
    counts = [2 + 2 * axis for axis in axes]
    sides = [3 + 2 * axis for axis in axes]
    return x.permute(0, *counts, 1, *sides).flatten(0, len(size))
''',
    "join": '''\
def join(windows, like):
    """Put windows together to images of the size of another; what was padded is cut."""
    size = windows.shape[2:]
    counts = [-(-length // side) for length, side in zip(like.shape[2:], size)]
    x = windows.unflatten(0, (-1, *counts))
    axes = range(len(size))
    order = [one for axis in axes for one in (1 + axis, 2 + len(size) + axis)]
    x = x.permute(0, 1 + len(size), *order)
    for axis in axes:
        x = x.flatten(2 + axis, 3 + axis)
    for axis, length in enumerate(like.shape[2:]):
        x = x.narrow(2 + axis, 0, length)
    return x
''',
}
