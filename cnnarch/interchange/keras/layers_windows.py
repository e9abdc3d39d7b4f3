"""Layers of Keras with windows: convolutions and pools, and those that change spatial sizes."""

from __future__ import annotations

from functools import partial
from typing import Any

from cnnarch.errors import Cause
from cnnarch.interchange.keras.layers_base import Call, Handler, Part, Parts, unknown
from cnnarch.interchange.keras.layers_values import activation
from cnnarch.layers import KINDS
from cnnarch.layers.settings import shown
from cnnarch.shapes import AXES, by_axis

__all__ = ["WINDOWS"]


def _conv(call: Call) -> Parts:
    call.check_layout()
    filters = call.count("filters", "nb_filter")
    settings = {"filters": filters, **_window(call), **_padding(call)}
    groups = call.count("groups", default=1)
    if groups > 1:
        settings["groups"] = groups
    part = Part("conv", {**settings, **_bias(call)})
    return [part, *activation(call, (*_placed(part, call), filters))]


def _depthwise(call: Call) -> Parts:
    call.check_layout()
    part = _by_channel(call, "")
    part.settings.update(_bias(call))
    return [part, *activation(call, (*_placed(part, call), part.settings["filters"]))]


def _separable(call: Call) -> Parts:
    """A filter for each channel, without a bias, then one of size 1 through all of them."""
    call.check_layout()
    filters = call.count("filters")
    first = _by_channel(call, "/depthwise")
    first.settings["bias"] = False
    second = Part("conv", {"filters": filters, "kernel": 1, **_bias(call)}, "/pointwise")
    return [first, second, *activation(call, (*_placed(first, call), filters))]


def _by_channel(call: Call, suffix: str) -> Part:
    filters = call.x.channels * call.count("depth_multiplier", default=1)
    settings = {"filters": filters, **_window(call), **_padding(call), "groups": "depthwise"}
    return Part("conv", settings, suffix)


def _transposed(call: Call) -> Parts:
    """A transposed convolution; what Keras adds where the stride is more than the kernel is padding of the output."""
    call.check_layout()
    filters = call.count("filters")
    settings = {"filters": filters, **_window(call)}
    if call.count("groups", default=1) > 1:
        settings["groups"] = call.count("groups")
    rank = call.x.rank
    kernel, stride, dilation = (
        by_axis(_plain(settings.get(name, 1)), rank, name) for name in ("kernel", "stride", "dilation")
    )
    same = call.word("padding", "valid") == "same"
    if call.get("output_padding") is not None:
        settings["output_padding"] = call.sizes("output_padding", least=0)
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
        if same:
            settings["padding"] = _alike([size // 2 for size in reach])
    elif same:
        settings["padding"] = "same"
    else:
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
        extra = [max(s - size, 0) for s, size in zip(stride, reach)]
        settings |= {"output_padding": _alike(extra)} if any(extra) else {}
    part = Part("conv_transpose", {**settings, **_bias(call)})
    return [part, *activation(call, (*_placed(part, call), filters))]


def _local(call: Call) -> Parts:
    call.check_layout()
    filters = call.count("filters")
    part = Part("locally_connected", {"filters": filters, **_window(call), **_padding(call), **_bias(call)})
    return [part, *activation(call, (*_placed(part, call), filters))]


def _window(call: Call) -> dict[str, Any]:
    """Kernel, stride and dilation; the last two where they are not 1."""
    given = {
        "stride": call.sizes("strides", "stride", "subsample_length", default=1),
        "dilation": call.sizes("dilation_rate", default=1),
    }
    return {"kernel": call.sizes("kernel_size"), **{name: one for name, one in given.items() if one != 1}}


def _padding(call: Call) -> dict[str, Any]:
    rule = call.word("padding", "valid")
    if rule == "same":
        return {"padding": "same"}
    if rule == "causal":  # all before, so that no place sees a later one
        (kernel,) = by_axis(_plain(call.sizes("kernel_size")), 1, "kernel")
        (dilation,) = by_axis(_plain(call.sizes("dilation_rate", default=1)), 1, "dilation")
        return {"padding": [[(kernel - 1) * dilation, 0]]} if kernel > 1 else {}
    if rule != "valid":
        raise Cause(f"`padding` must be `valid`, `same` or `causal`, not {shown(rule)}")
    return {}


def _bias(call: Call) -> dict[str, Any]:
    return {} if call.flag("use_bias", True) else {"bias": False}


def _pool(kind: str, call: Call) -> Parts:
    call.check_layout()
    settings: dict[str, Any] = {"kernel": call.sizes("pool_size", "pool_length", default=2)}
    stride = settings["kernel"] if call.get("strides") is None else call.sizes("strides")
    if stride != settings["kernel"]:  # which is the usual
        settings["stride"] = stride
    return [Part(kind, {**settings, **_padding(call)})]


def _global_pool(kind: str, call: Call) -> Parts:
    call.check_layout()
    if call.flag("keepdims", False):
        return [Part(f"adaptive_{kind}", {"size": 1})]
    return [Part(f"global_{kind}", {})]


def _adaptive_pool(kind: str, call: Call) -> Parts:
    call.check_layout()
    return [Part(kind, {"size": call.sizes("output_size")})]


def _upsampling(call: Call) -> Parts:
    call.check_layout()
    return [Part("upsample", {"factor": call.sizes("size", "length", default=2), **_mode(call, "nearest")})]


def _resizing(call: Call) -> Parts:
    call.check_layout()
    size = [call.count("height"), call.count("width")]
    if call.get("interpolation", default="bilinear") not in ("nearest", "bilinear", "bicubic"):
        return unknown(call, type(call.x)(*size, call.x.channels))
    return [Part("upsample", {"size": _alike(size), **_mode(call, "bilinear")})]


def _mode(call: Call, usual: str) -> dict[str, Any]:
    mode = call.word("interpolation", usual)
    return {} if mode == "nearest" else {"mode": mode}


def _zero_padding(call: Call) -> Parts:
    call.check_layout()
    sides = _sides(call, "padding")
    pads = [before if before == after else [before, after] for before, after in sides]
    return [
        Part("pad", {"padding": pads[0] if type(pads[0]) is int and set(map(str, pads)) == {str(pads[0])} else pads})
    ]


def _cropping(call: Call) -> Parts:
    """Ours takes the middle; where Keras's is another part the sizes are the same, and a note says so."""
    call.check_layout()
    sides = _sides(call, "cropping")
    if len(sides) != call.x.rank:
        raise Cause(f"{len(sides)} axes are cut, and {call.x} is the input")
    size = [length - before - after for length, (before, after) in zip(call.x.spatial, sides)]
    if min(size) < 1:
        raise Cause(f"`cropping` leaves nothing of {call.x}")
    middle = all(before == (before + after) // 2 for before, after in sides)
    cuts = ", ".join(f"{before} before and {after} behind" for before, after in sides)
    return [Part("crop", {"size": _alike(size)}, note="" if middle else f"Keras cuts {cuts}")]


def _center_crop(call: Call) -> Parts:
    """The middle; Keras enlarges what is too small for it."""
    call.check_layout()
    size = [call.count("height"), call.count("width")]
    if any(wanted > length for wanted, length in zip(size, call.x.spatial)):
        return unknown(call, type(call.x)(*size, call.x.channels))
    return [Part("crop", {"size": _alike(size)})]


def _sides(call: Call, name: str) -> list[tuple[int, int]]:
    """What is added or cut before and behind every axis: one number, one an axis, or two an axis."""
    value = call.get(name, default=1)
    rank = {"1D": 1, "2D": 2, "3D": 3}[call.cls[-2:]]
    rows = value if isinstance(value, list) else [value] * rank
    if rank == 1 and len(rows) == 2 and all(type(one) is int for one in rows):
        rows = [rows]
    pairs = [one if isinstance(one, list) else [one, one] for one in rows]
    if len(pairs) != rank or any(
        len(pair) != 2 or any(type(one) is not int or one < 0 for one in pair) for pair in pairs
    ):
        raise Cause(f"`{name}` must be sizes for {rank} axes, not {shown(value)}")
    return [(before, after) for before, after in pairs]


def _placed(part: Part, call: Call) -> tuple[int, ...]:
    """Spatial sizes behind a part, for what is known by its shape alone."""
    return KINDS[part.kind](**part.settings).output(call.x).spatial


def _alike(values: list[int]) -> Any:
    return values[0] if len(set(values)) == 1 else values


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _of_ranks(name: str, handler: Handler) -> dict[str, Handler]:
    """One class for each number of spatial axes, which its input has to have."""

    def checked(rank: int, call: Call) -> Parts:
        if call.x.rank != rank:
            raise Cause(f"{call.cls} takes {' × '.join(AXES[rank])} × channels, and {call.x} is the input")
        return handler(call)

    return {f"{name}{rank}D": partial(checked, rank) for rank in (1, 2, 3)}


WINDOWS: dict[str, Handler] = {
    **_of_ranks("Conv", _conv),
    **_of_ranks("Convolution", _conv),
    **_of_ranks("DepthwiseConv", _depthwise),
    **_of_ranks("SeparableConv", _separable),
    **{name.replace("1D", "1DTranspose").replace("2D", "2DTranspose").replace("3D", "3DTranspose"): one
       for name, one in _of_ranks("Conv", _transposed).items()},
    **_of_ranks("LocallyConnected", _local),
    **_of_ranks("MaxPooling", partial(_pool, "maxpool")),
    **_of_ranks("AveragePooling", partial(_pool, "avgpool")),
    **_of_ranks("GlobalMaxPooling", partial(_global_pool, "maxpool")),
    **_of_ranks("GlobalAveragePooling", partial(_global_pool, "avgpool")),
    **_of_ranks("AdaptiveMaxPooling", partial(_adaptive_pool, "adaptive_maxpool")),
    **_of_ranks("AdaptiveAveragePooling", partial(_adaptive_pool, "adaptive_avgpool")),
    **_of_ranks("UpSampling", _upsampling),
    **_of_ranks("ZeroPadding", _zero_padding),
    **_of_ranks("Cropping", _cropping),
    "Resizing": _resizing,
    "CenterCrop": _center_crop,
}  # fmt: skip
