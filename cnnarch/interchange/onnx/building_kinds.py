"""How every kind is written in ONNX's operators; each rule takes the names of tensors and gives one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import prod
from typing import Any

from cnnarch.interchange.onnx.building import Builder, axes
from cnnarch.interchange.onnx.building_sequences import attention, embedding, recurrent
from cnnarch.shapes import Shape, by_axis

__all__ = ["RULES"]

Rule = Callable[[Builder, Any, list[str], tuple[Shape, ...], Shape], str]


def _plain(kind: str, **attributes: Any) -> Rule:
    """One operator without weights."""
    return lambda b, layer, x, shapes, y: b.add(kind, x, **attributes)


def _silu(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    return b.add("Mul", [x[0], b.add("Sigmoid", x)])


def _prelu(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    slopes = 1 if layer.shared else y.channels
    return b.add("PRelu", [x[0], b.weight([slopes, *[1] * y.rank], value=0.25)])


def _relu6(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    return b.add("Clip", [x[0], b.number(0.0), b.number(6.0)])


# Windows


def _pads(windows: Sequence[Any]) -> list[int]:
    return [window.before for window in windows] + [window.after for window in windows]


def _window(windows: Sequence[Any]) -> dict[str, Any]:
    return {
        "kernel_shape": [window.size for window in windows],
        "strides": [window.stride for window in windows],
        "dilations": [window.dilation for window in windows],
    }


def _conv(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    windows, groups = layer.windows(shapes[0]), layer.split(shapes[0])
    sizes = [window.size for window in windows]
    inputs = [x[0], b.weight([layer.filters, shapes[0].channels // groups, *sizes])]
    inputs += [b.weight([layer.filters], value=0.0)] if layer.bias else []
    return b.add("Conv", inputs, pads=_pads(windows), group=groups, **_window(windows))


def _conv_transpose(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    windows, groups, extra = layer.resolve(shapes[0]), layer.split(shapes[0]), layer.extra(shapes[0])
    sizes = [window.size for window in windows]
    inputs = [x[0], b.weight([shapes[0].channels, layer.filters // groups, *sizes], fan=shapes[0].channels)]
    inputs += [b.weight([layer.filters], value=0.0)] if layer.bias else []
    return b.add(
        "ConvTranspose", inputs, pads=_pads(windows), output_padding=list(extra), group=groups, **_window(windows)
    )


def _pool(kind: str) -> Rule:
    """With the padding that a last, partial window needs in numbers: rounding up is defined in several ways."""

    def rule(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
        windows = []
        for window, length, places in zip(layer.windows(shapes[0]), shapes[0].spatial, y.spatial):
            reached = (places - 1) * window.stride + window.reach - length - window.before
            windows.append(window._replace(after=max(reached, 0) if layer.ceil else window.after))
        more: dict[str, Any] = {"count_include_pad": 1} if kind == "AveragePool" else {}
        return b.add(kind, x, pads=_pads(windows), **_window(windows), **more)

    return rule


def _global(kind: str) -> Rule:
    return lambda b, layer, x, shapes, y: b.reshape(b.add(kind, x), axes(y))


def _adaptive(kind: str) -> Rule:
    def rule(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
        sizes = [length // places for length, places in zip(shapes[0].spatial, y.spatial)]
        return b.add(kind, x, kernel_shape=sizes, strides=sizes)

    return rule


def _fc(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    channels = shapes[0].channels
    if not shapes[0].rank:
        inputs = [x[0], b.weight([layer.units, channels])]
        inputs += [b.weight([layer.units], value=0.0)] if layer.bias else []
        return b.add("Gemm", inputs, transB=1)
    found = b.add("MatMul", [b.channels_last(x[0], y.rank), b.weight([channels, layer.units], fan=channels)])
    if layer.bias:
        found = b.add("Add", [found, b.weight([layer.units], value=0.0)])
    return b.channels_first(found, y.rank)


# Merges


def _spread(b: Builder, x: list[str], shapes: tuple[Shape, ...]) -> list[str]:
    """Tensors with as many axes as the one with the most, ones behind the channels."""
    rank = max(shape.rank for shape in shapes)
    return [
        one if shape.rank == rank else b.reshape(one, [*axes(shape)[:2], *[1] * (rank - shape.rank), *shape.spatial])
        for one, shape in zip(x, shapes)
    ]


def _merge(kind: str) -> Rule:
    def rule(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
        return reduce(lambda left, right: b.add(kind, [left, right]), _spread(b, x, shapes))

    return rule


# Norms


def _affine(b: Builder, layer: Any, size: int) -> tuple[str, str]:
    """Scale and shift, weights or constants that change nothing."""
    scale = b.weight([size], value=1.0) if layer.scale else b.filled([size], 1.0)
    return scale, b.weight([size], value=0.0) if layer.shift else b.filled([size], 0.0)


def _batchnorm(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    scale, shift = _affine(b, layer, y.channels)
    mean, variance = b.weight([y.channels], value=0.0), b.weight([y.channels], value=1.0)
    return b.add("BatchNormalization", [x[0], scale, shift, mean, variance])


def _layernorm(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    scale, shift = _affine(b, layer, y.channels)
    inputs = [b.channels_last(x[0], y.rank), scale, *([shift] if layer.shift else [])]
    return b.channels_first(b.add("LayerNormalization", inputs, axis=-1), y.rank)


def _instancenorm(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    return b.add("InstanceNormalization", [x[0], *_affine(b, layer, y.channels)])


def _groupnorm(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    """Each group as one channel of an instance norm; GroupNormalization has one scale a group until opset 21."""
    apart = b.reshape(x[0], [y.regions, layer.groups, y.units // layer.groups])
    ones, zeros = b.filled([layer.groups], 1.0), b.filled([layer.groups], 0.0)
    found = b.reshape(b.add("InstanceNormalization", [apart, ones, zeros]), axes(y))
    if layer.scale:
        found = b.add("Mul", [found, b.weight([y.channels, *[1] * y.rank], value=1.0)])
    return b.add("Add", [found, b.weight([y.channels, *[1] * y.rank], value=0.0)]) if layer.shift else found


def _scale(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    found = b.add("Mul", [x[0], b.weight([y.channels, *[1] * y.rank], value=1.0)])
    return b.add("Add", [found, b.weight([y.channels, *[1] * y.rank], value=0.0)]) if layer.bias else found


def _lrn(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    """As an image, as onnxruntime has it for these alone."""
    image = x[0] if y.rank == 2 else b.reshape(x[0], [y.regions, y.channels, prod(y.spatial), 1])
    found = b.add("LRN", [image], size=layer.size, alpha=layer.alpha, beta=layer.beta, bias=layer.offset)
    return found if y.rank == 2 else b.reshape(found, axes(y))


# What arranges values


def _arranged(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    """All values in another shape, whose channels are last for us."""
    last = b.channels_last(x[0], shapes[0].rank)
    return b.channels_first(b.reshape(last, [y.regions, *y]), y.rank)


def _reshaped(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    """Rows and columns to places, or back, or rows to channels: ONNX has these axes next to each other."""
    return b.reshape(x[0], axes(y))


def _flatten(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    return b.add("Flatten", x, axis=1)


def _transposed(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    return b.transpose(x[0], [0, 2, 1])


def _shuffled(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    apart = b.reshape(x[0], [y.regions, layer.groups, y.channels // layer.groups, *y.spatial])
    return b.reshape(b.transpose(apart, [0, 2, 1, *range(3, y.rank + 3)]), axes(y))


def _pixels(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    return b.add("DepthToSpace", x, blocksize=layer.factor, mode="CRD")


def _pixels_back(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    return b.add("SpaceToDepth", x, blocksize=layer.factor)


def _sliced(b: Builder, x: str, axis: int, start: int, end: int) -> str:
    return b.add("Slice", [x, b.whole([start]), b.whole([end]), b.whole([axis])])


def _slice(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    return _sliced(b, x[0], 1, layer.start, layer.start + y.channels)


def _select(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    return b.add("Gather", [x[0], b.whole([layer.position], scalar=True)], axis=2)


def _crop(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    found = x[0]
    for axis, (length, size) in enumerate(zip(shapes[0].spatial, y.spatial), start=2):
        start = (length - size) // 2
        found = _sliced(b, found, axis, start, start + size)
    return found


def _pad(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    sides = layer.sides(shapes[0])
    before = [0, layer.channels[0], *(side.before for side in sides)]
    after = [0, layer.channels[1], *(side.after for side in sides)]
    return b.add("Pad", [x[0], b.whole([*before, *after])])


def _upsample(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    """To the sizes in numbers: of a factor it would be said twice what comes out."""
    mode = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}[layer.mode]
    floor: dict[str, Any] = {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    how = floor if mode == "nearest" else {}
    return b.add("Resize", [x[0], "", "", b.whole(axes(y))], mode=mode, **how)


def _windows(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    """Pad, part every axis in two, and bring those that count the windows to the front."""
    rank, counts = shapes[0].rank, layer.counts(shapes[0])
    lacking = [count * size - length for count, size, length in zip(counts, y.spatial, shapes[0].spatial)]
    found = x[0]
    if any(lacking):
        found = b.add("Pad", [found, b.whole([0] * (rank + 2) + [0, 0, *lacking])])
    parted = [size for pair in zip(counts, y.spatial) for size in pair]
    found = b.reshape(found, [1, y.channels, *parted])
    order = [0, *range(2, 2 * rank + 2, 2), 1, *range(3, 2 * rank + 2, 2)]
    return b.reshape(b.transpose(found, order), axes(y))


def _join_windows(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    """The inverse; what was padded is cut off."""
    rank, sizes = y.rank, shapes[0].spatial
    counts = [-(-length // size) for length, size in zip(y.spatial, sizes)]
    found = b.reshape(x[0], [1, *counts, y.channels, *sizes])
    order = [0, rank + 1, *(one for axis in range(rank) for one in (axis + 1, rank + 2 + axis))]
    found = b.reshape(b.transpose(found, order), [1, y.channels, *(count * size for count, size in zip(counts, sizes))])
    for axis, (count, size, length) in enumerate(zip(counts, sizes, y.spatial), start=2):
        if count * size != length:
            found = _sliced(b, found, axis, 0, length)
    return found


def _roi_align(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    """Of boxes that stand still: which regions there are, a model finds while it runs."""
    height, width = by_axis(layer.size, 2, "size")
    boxes = b.filled([y.regions, 4], 0.0)
    which = b.add("ConstantOfShape", [b.whole([y.regions])], value=b.onnx.helper.make_tensor("v", 7, [1], [0]))
    return b.add("RoiAlign", [x[0], boxes, which], output_height=height, output_width=width, sampling_ratio=2)


def _class_token(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    return b.add("Concat", [b.weight([1, y.channels, layer.tokens]), x[0]], axis=2)


def _position_embedding(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    places = b.weight([1, y.channels, *([layer.positions] if layer.positions else y.spatial)])
    if layer.positions and layer.positions != prod(y.spatial):
        places = _sliced(b, places, 2, 0, prod(y.spatial))
    return b.add("Add", [x[0], places])


# Functions, reductions and products

FUNCTIONS = {
    "exp": "Exp", "sqrt": "Sqrt", "reciprocal": "Reciprocal", "abs": "Abs", "log": "Log", "sin": "Sin", "cos": "Cos",
    "tan": "Tan", "atan": "Atan", "erf": "Erf", "neg": "Neg", "sign": "Sign", "floor": "Floor", "ceil": "Ceil",
    "round": "Round", "softplus": "Softplus", "softsign": "Softsign", "selu": "Selu", "celu": "Celu", "sub": "Sub",
    "div": "Div", "pow": "Pow", "min": "Min", "max": "Max", "add": "Add", "mul": "Mul", "mean": "Mean",
}  # fmt: skip
SEVERAL = ("Min", "Max", "Mean")  # take any number
REDUCTIONS = {
    "mean": "ReduceMean", "sum": "ReduceSum", "max": "ReduceMax", "min": "ReduceMin", "prod": "ReduceProd",
    "l1": "ReduceL1", "l2": "ReduceL2", "sum_square": "ReduceSumSquare", "log_sum_exp": "ReduceLogSumExp",
}  # fmt: skip


def _elementwise(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    kind = FUNCTIONS[layer.operator]
    spread = _spread(b, x, shapes)
    if len(spread) == 1 or kind in SEVERAL:
        return b.add(kind, spread)
    return reduce(lambda left, right: b.add(kind, [left, right]), spread)


def _reduce(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    rank = shapes[0].rank
    along = {"spatial": range(2, rank + 2), "channels": [1], "all": range(1, rank + 2)}[layer.axes]
    found = b.add(REDUCTIONS[layer.operator], [x[0], b.whole([*along])], keepdims=1)
    if layer.keep:
        return found
    if layer.axes == "channels":  # the last axis of places has become the channels
        found = b.reshape(found, [y.regions, *y])
        return b.channels_first(found, y.rank)
    return b.reshape(found, axes(y))


def _matmul(b: Builder, layer: Any, x: list[str], shapes: tuple[Shape, ...], y: Shape) -> str:
    left, right = (b.channels_last(one, y.rank) for one in x)
    if layer.transpose:
        right = b.transpose(right, [*range(y.rank), y.rank + 1, y.rank])
    return b.channels_first(b.add("MatMul", [left, right]), y.rank)


RULES: dict[str, Rule] = {
    "relu": _plain("Relu"), "relu6": _relu6, "prelu": _prelu, "elu": _plain("Elu"), "gelu": _plain("Gelu"),
    "leaky_relu": lambda b, layer, x, shapes, y: b.add("LeakyRelu", x, alpha=float(layer.slope)),
    "silu": _silu, "mish": _plain("Mish"), "hardsigmoid": _plain("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hardswish": _plain("HardSwish"), "sigmoid": _plain("Sigmoid"), "tanh": _plain("Tanh"),
    "softmax": _plain("Softmax", axis=1), "dropout": _plain("Dropout"), "stochastic_depth": _plain("Identity"),
    "attention": attention, "lstm": recurrent("LSTM"), "gru": recurrent("GRU"), "embedding": embedding,
    "class_token": _class_token, "select": _select, "position_embedding": _position_embedding, "slice": _slice,
    "channel_shuffle": _shuffled, "pixel_shuffle": _pixels, "pixel_unshuffle": _pixels_back,
    "conv": _conv, "conv_transpose": _conv_transpose, "fc": _fc,
    "maxpool": _pool("MaxPool"), "avgpool": _pool("AveragePool"),
    "global_avgpool": _global("GlobalAveragePool"), "global_maxpool": _global("GlobalMaxPool"),
    "adaptive_avgpool": _adaptive("AveragePool"), "adaptive_maxpool": _adaptive("MaxPool"),
    "add": _merge("Add"), "multiply": _merge("Mul"), "max": _merge("Max"), "concat": _plain("Concat", axis=1),
    "batchnorm": _batchnorm, "layernorm": _layernorm, "groupnorm": _groupnorm, "instancenorm": _instancenorm,
    "scale": _scale, "lrn": _lrn, "flatten": _flatten, "columns": _reshaped,
    "tokens": _reshaped, "image": _reshaped, "reshape": _arranged, "transpose": _transposed, "crop": _crop,
    "pad": _pad, "upsample": _upsample, "windows": _windows, "join_windows": _join_windows, "roi_align": _roi_align,
    "elementwise": _elementwise, "reduce": _reduce, "matmul": _matmul,
}  # fmt: skip
