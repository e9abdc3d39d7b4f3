"""Which layers of ours the functions of PyTorch are: convolutions, norms, pools and all that keeps the shape."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from cnnarch.interchange.pytorch.layout import BATCH, Atom, Axes, Axis, Layout, without_batch
from cnnarch.interchange.pytorch.tracing import Call, Rule, Trace, Unfit, Value
from cnnarch.shapes import Shape

__all__ = ["RULES", "rule_of"]

FAMILIES = ("operators_shapes", "operators_merges")


def rule_of(name: str) -> Rule | None:
    """The rule of a function, by its plain name."""
    families = (import_module(f"cnnarch.interchange.pytorch.{family}").RULES for family in FAMILIES)
    found: Rule | None = next((rules[name] for rules in (RULES, *families) if name in rules), None)
    return found


def fresh(shape: Sequence[int]) -> Axes:
    return tuple([(Atom(size),) for size in shape])


def image(value: Value, number: int, shape: Shape, rank: int) -> Value:
    """What a layer gives that keeps the batch and makes places and channels anew, channels first."""
    axes = fresh(shape)
    lead = value.layout.dims[: len(value.layout.dims) - rank - 1]
    return Value(number, Layout((*lead, axes[-1], *axes[:-1]), axes))


def each(value: Any, rank: int) -> list[int]:
    """A setting for every axis."""
    if isinstance(value, int):
        return [value] * rank
    values = [int(one) for one in value]
    return values * rank if len(values) == 1 else values


def short(values: Sequence[Any]) -> Any:
    """One number for all axes where they are alike."""
    return values[0] if all(one == values[0] for one in values) and isinstance(values[0], int) else list(values)


def as_image(trace: Trace, tensor: Any, rank: int) -> Value:
    """A tensor of channels and so many places, as ours."""
    value = trace.value(tensor)
    lead = value.layout.dims[: tensor.dim() - rank - 1]
    if any(atom is not BATCH for dim in lead for atom in dim):
        raise Unfit("its batch has more than one")
    return trace.turn(value, tensor.dim() - rank - 1)


# Convolutions


def conv(trace: Trace, call: Call) -> Value:
    tensor, weight, bias = call.args[0], call.get(1, "weight"), call.get(2, "bias")
    rank, groups = weight.dim() - 2, int(call.get(6, "groups", 1))
    strides, gaps = each(call.get(3, "stride", 1), rank), each(call.get(5, "dilation", 1), rank)
    kernel = [int(size) for size in weight.shape[2:]]
    lone = _lone(trace, tensor, rank)
    if lone is not None and set(kernel) == {1} and groups == 1:
        return _fully(trace, call, lone, rank, (weight, bias))
    padding = call.get(4, "padding", 0)
    given = [padding] * rank if isinstance(padding, str) else each(padding, rank)
    pads = [_pad(one, size, gap) for one, size, gap in zip(given, kernel, gaps)]
    x = as_image(trace, tensor, rank)
    channels = trace.shape(x.number).channels
    settings: dict[str, Any] = {"filters": int(weight.shape[0]), "kernel": short(kernel)}
    settings |= {"stride": short(strides)} if set(strides) != {1} else {}
    settings |= {"padding": short(pads)} if any(one != 0 for one in pads) else {}
    settings |= {"dilation": short(gaps)} if set(gaps) != {1} else {}
    settings |= {"groups": "depthwise" if groups == channels else groups} if groups > 1 else {}
    settings |= {"bias": False} if bias is None else {}
    number = trace.emit("conv", settings, [x.number], (weight, bias))
    return image(x, number, trace.shape(number), rank)


def _pad(padding: Any, kernel: int, gap: int) -> Any:
    """Padding on one axis; `same` of an even kernel has one more behind."""
    if not isinstance(padding, str):
        return int(padding)
    total = gap * (kernel - 1) if padding == "same" else 0
    before = total // 2
    return before if total == 2 * before else [before, total - before]


def _lone(trace: Trace, tensor: Any, rank: int) -> Value | None:
    """A vector of ours that PyTorch holds as an image of one place."""
    value = trace.value(tensor)
    lone = len(value.layout.axes) == 1 and value.layout.channels == tensor.dim() - rank - 1
    return value if lone else None


def _fully(trace: Trace, call: Call, x: Value, rank: int, weights: tuple[Any, Any]) -> Value:
    """A convolution of one place by one, as it is of a vector."""
    settings: dict[str, Any] = {"units": int(weights[0].shape[0]), **({"bias": False} if weights[1] is None else {})}
    number = trace.emit("fc", settings, [x.number], weights)
    (channels,) = fresh(trace.shape(number))
    dims = list(x.layout.dims)
    dims[len(dims) - rank - 1] = channels
    return Value(number, Layout(tuple(dims), (channels,)))


def conv_transpose(trace: Trace, call: Call) -> Value:
    weight, bias = call.get(1, "weight"), call.get(2, "bias")
    rank, groups = weight.dim() - 2, int(call.get(6, "groups", 1))
    x = as_image(trace, call.args[0], rank)
    kernel = [int(size) for size in weight.shape[2:]]
    settings: dict[str, Any] = {"filters": int(weight.shape[1]) * groups, "kernel": short(kernel)}
    given = {"stride": (3, 1), "padding": (4, 0), "output_padding": (5, 0), "dilation": (7, 1)}
    for name, (place, default) in given.items():
        values = each(call.get(place, name, default), rank)
        settings |= {name: short(values)} if set(values) != {default} else {}
    settings |= {"groups": "depthwise" if groups == trace.shape(x.number).channels else groups} if groups > 1 else {}
    settings |= {"bias": False} if bias is None else {}
    number = trace.emit("conv_transpose", settings, [x.number], (weight, bias))
    return image(x, number, trace.shape(number), rank)


def linear(trace: Trace, call: Call) -> Value:
    weight, bias = call.get(1, "weight"), call.get(2, "bias")
    return fully(trace, trace.value(call.args[0]), int(weight.shape[0]), weight, bias)


def fully(trace: Trace, value: Value, units: int, weight: Any, bias: Any) -> Value:
    """A fully connected layer of the last axis."""
    x = trace.ready(value, -1)
    settings: dict[str, Any] = {"units": units, **({"bias": False} if bias is None else {})}
    settings |= {"at_each_place": True} if len(x.layout.axes) > 2 else {}
    number = trace.emit("fc", settings, [x.number], (weight, bias))
    channels: Axis = (Atom(units),)
    return Value(number, Layout((*x.layout.dims[:-1], channels), (*x.layout.axes[:-1], channels)))


# Norms


def _affine(weight: Any, bias: Any, default: bool = True) -> dict[str, Any]:
    given = {"scale": weight is not None, "shift": bias is not None}
    return {name: value for name, value in given.items() if value != default}


def batch_norm(trace: Trace, call: Call) -> Value:
    weight, bias = call.get(3, "weight"), call.get(4, "bias")
    if call.get(1, "running_mean") is None:
        raise Unfit("it has no statistics of its own")
    x = trace.ready(trace.value(call.args[0]), 1)
    return trace.simple(x, "batchnorm", (weight, bias), **_affine(weight, bias))


def layer_norm(trace: Trace, call: Call) -> Value:
    weight, bias = call.get(2, "weight"), call.get(3, "bias")
    if len(call.get(1, "normalized_shape")) != 1:
        raise Unfit("it is over more than the channels")
    x = trace.ready(trace.value(call.args[0]), -1)
    return trace.simple(x, "layernorm", (weight, bias), **_affine(weight, bias))


def group_norm(trace: Trace, call: Call) -> Value:
    weight, bias = call.get(2, "weight"), call.get(3, "bias")
    x = trace.ready(trace.value(call.args[0]), 1)
    groups = int(call.get(1, "num_groups"))
    return trace.simple(x, "groupnorm", (weight, bias), groups=groups, **_affine(weight, bias))


def instance_norm(trace: Trace, call: Call) -> Value:
    weight, bias = call.get(3, "weight"), call.get(4, "bias")
    if not call.get(5, "use_input_stats", True):
        raise Unfit("it has statistics of its own")
    x = trace.ready(trace.value(call.args[0]), 1)
    return trace.simple(x, "instancenorm", (weight, bias), **_affine(weight, bias, default=False))


def local_response_norm(trace: Trace, call: Call) -> Value:
    given = {"size": (1, 5), "alpha": (2, 1e-4), "beta": (3, 0.75)}
    settings = {name: call.get(place, name, default) for name, (place, default) in given.items()}
    x = trace.ready(trace.value(call.args[0]), 1)
    return trace.simple(x, "lrn", **settings, offset=float(call.get(4, "k", 1.0)))


# Pools


def pool(kind: str, names: tuple[str, ...]) -> Any:
    """A pool with windows; `names` are its arguments behind the stride."""

    def rule(trace: Trace, call: Call) -> Any:
        rank = int(call.name.split("d")[0][-1]) if call.name[-1] != "s" else int(call.name.split("pool")[1][0])
        x = as_image(trace, call.args[0], rank)
        at = {name: place + 3 for place, name in enumerate(names)}
        kernel = each(call.get(1, "kernel_size"), rank)
        strides = each(call.get(2, "stride") or kernel, rank)
        pads = each(call.get(at["padding"], "padding", 0), rank)
        gaps = each(call.get(at["dilation"], "dilation", 1), rank) if "dilation" in at else [1] * rank
        if call.get(99, "divisor_override") is not None:
            raise Unfit("it divides by another number")
        settings: dict[str, Any] = {"kernel": short(kernel)}
        settings |= {"stride": short(strides)} if strides != kernel else {}
        settings |= {"padding": short(pads)} if any(pads) else {}
        settings |= {"dilation": short(gaps)} if set(gaps) != {1} else {}
        settings |= {"ceil": True} if call.get(at["ceil_mode"], "ceil_mode", False) else {}
        number = trace.emit(kind, settings, [x.number])
        y = image(x, number, trace.shape(number), rank)
        return [y, None] if isinstance(call.out, tuple) else y

    return rule


def adaptive(kind: str) -> Any:
    def rule(trace: Trace, call: Call) -> Any:
        tensor, rank = call.args[0], int(call.name.split("pool")[1][0])
        out = call.out[0] if isinstance(call.out, tuple) else call.out
        sizes = [int(size) for size in out.shape[-rank:]]
        x = as_image(trace, tensor, rank)
        number = trace.emit(f"adaptive_{kind}", {"size": short(sizes)}, [x.number])
        y = image(x, number, trace.shape(number), rank)
        return [y, None] if isinstance(call.out, tuple) else y

    return rule


def over_places(trace: Trace, x: Value, kind: str, over: Sequence[int], keep: bool) -> Value:
    """One value of all places: an image of one place where their axes stay, or a vector."""
    at = x.layout.channels
    if at is None:
        raise Unfit("its channels are parted")
    number = trace.emit(f"adaptive_{kind}", {"size": 1}, [x.number])
    axes = fresh(trace.shape(number))
    rest = iter(axes)
    dims = [axes[-1] if n == at else next(rest, ()) if n in over and without_batch(dim) else dim
            for n, dim in enumerate(x.layout.dims)]  # fmt: skip
    y = Value(number, Layout(tuple(dims), axes))
    if keep:
        return y
    vector = Layout(tuple([dim for n, dim in enumerate(dims) if n not in over]), axes)
    return trace.turn(Value(number, vector), vector.dims.index(axes[-1]))


# What keeps the shape


def plain(kind: str, **settings: Any) -> Rule:
    def rule(trace: Trace, call: Call) -> Value:
        return trace.simple(trace.value(call.args[0]), kind, **settings)

    return rule


def same(trace: Trace, call: Call) -> Value:
    return trace.value(call.args[0])


def leaky_relu(trace: Trace, call: Call) -> Value:
    slope = float(call.get(1, "negative_slope", 0.01))
    settings: dict[str, Any] = {"slope": slope} if slope != 0.01 else {}
    return trace.simple(trace.value(call.args[0]), "leaky_relu", **settings)


def prelu(trace: Trace, call: Call) -> Value:
    weight = call.get(1, "weight")
    x = trace.value(call.args[0])
    channels = trace.shape(x.number).channels
    if weight.numel() == 1 and channels > 1:
        return trace.simple(x, "prelu", (weight,), shared=True)
    return trace.simple(trace.ready(x, 1), "prelu", (weight,))


def hardtanh(trace: Trace, call: Call) -> Value:
    x = trace.value(call.args[0])
    if (call.get(1, "min_val", -1.0), call.get(2, "max_val", 1.0)) == (0, 6):
        return trace.simple(x, "relu6")
    return trace.simple(x, "elementwise", operator="clip", word="hardtanh")


def clamp(trace: Trace, call: Call) -> Value:
    least, most = call.get(1, "min"), call.get(2, "max")
    x = trace.value(call.args[0])
    if (least, most) == (0, 6):
        return trace.simple(x, "relu6")
    if (least, most) == (0, None):
        return trace.simple(x, "relu")
    if trace.torch.is_tensor(least) or trace.torch.is_tensor(most):
        raise Unfit("its limits are tensors")
    operator = "clip" if None not in (least, most) else "min" if least is None else "max"
    return trace.simple(x, "elementwise", operator=operator, word="clamp")


def softmax(trace: Trace, call: Call) -> Value:
    x = trace.value(call.args[0])
    dim = call.get(1, "dim")
    if dim is None:
        raise Unfit("it does not say of which axis")
    return trace.simple(trace.ready(x, int(dim)), "softmax")


def dropout(trace: Trace, call: Call) -> Value:
    """In evaluation it does nothing; it is kept, for its rate, where it has one."""
    x, rate = trace.value(call.args[0]), float(call.get(1, "p", 0.5))
    if call.get(2, "training", call.kwargs.get("train", True)):
        raise Unfit("it drops in evaluation")
    return trace.simple(x, "dropout", rate=rate) if rate else x


def elu(trace: Trace, call: Call) -> Value:
    return trace.simple(trace.value(call.args[0]), "elu")


def elementwise(operator: str) -> Rule:
    def rule(trace: Trace, call: Call) -> Value:
        return trace.simple(trace.value(call.args[0]), "elementwise", operator=operator, word=call.name)

    return rule


FUNCTIONS = (
    "exp", "sqrt", "rsqrt", "reciprocal", "log", "abs", "neg", "sign", "floor", "ceil", "round", "sin", "cos", "tan",
    "atan", "erf", "square", "softplus", "softsign", "selu", "celu",
)  # fmt: skip
DROPOUTS = (
    "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout", "feature_alpha_dropout",
)  # fmt: skip
UNCHANGED = (
    "contiguous", "clone", "detach", "float", "half", "bfloat16", "double", "type", "type_as", "alias", "data",
    "requires_grad", "identity", "fill_diagonal", "positive",
)  # fmt: skip

RULES: dict[str, Any] = {
    **{f"conv{rank}d": conv for rank in (1, 2, 3)},
    **{f"conv_transpose{rank}d": conv_transpose for rank in (1, 2, 3)},
    "linear": linear,
    "batch_norm": batch_norm, "layer_norm": layer_norm, "group_norm": group_norm, "instance_norm": instance_norm,
    "local_response_norm": local_response_norm,
    **{f"max_pool{rank}d{more}": pool("maxpool", ("padding", "dilation", "ceil_mode"))
       for rank in (1, 2, 3) for more in ("", "_with_indices")},
    **{f"avg_pool{rank}d": pool("avgpool", ("padding", "ceil_mode")) for rank in (1, 2, 3)},
    **{f"adaptive_avg_pool{rank}d": adaptive("avgpool") for rank in (1, 2, 3)},
    **{f"adaptive_max_pool{rank}d{more}": adaptive("maxpool") for rank in (1, 2, 3) for more in ("", "_with_indices")},
    **{kind: plain(kind) for kind in ("relu", "relu6", "gelu", "silu", "mish", "hardsigmoid", "hardswish", "sigmoid",
                                      "tanh")},
    "leaky_relu": leaky_relu, "prelu": prelu, "elu": elu, "hardtanh": hardtanh, "clamp": clamp, "clip": clamp,
    "softmax": softmax, "log_softmax": softmax,
    **dict.fromkeys(DROPOUTS, dropout),
    **{name: elementwise(name) for name in FUNCTIONS},
    **dict.fromkeys(UNCHANGED, same),
}  # fmt: skip
