"""Operators whose window slides over places: convolutions and pools, and what resizes."""

from __future__ import annotations

from typing import Any

from cnnarch.errors import ReadError
from cnnarch.interchange.onnx.builder import Builder, Pattern, Rule, UnfitError
from cnnarch.interchange.onnx.program import Op
from cnnarch.interchange.onnx.tensors import Tensor

__all__ = ["RULES", "places_first", "plain", "pooled_to_one"]

NEEDS_PLACES = {
    "Conv", "ConvTranspose", "MaxPool", "AveragePool", "Resize", "Upsample", "Pad", "DepthToSpace", "Concat",
}  # fmt: skip
KEEPS_PLACES = {
    "Relu", "Sigmoid", "BatchNormalization", "Clip", "LeakyRelu", "Dropout", "HardSigmoid", "HardSwish", "Identity",
    "Cast", "Tanh", "Swish", "Gelu", "PRelu", "Mish",
}  # fmt: skip


def places_first(shape: tuple[int, ...]) -> Pattern:
    """Our order of axes that are N, C and places: a batch that is not 1 is an axis more."""
    if len(shape) < 3:
        raise UnfitError(f"it has no places: {list(shape)}")
    first = [] if shape[0] == 1 else [0]
    if len(first) + len(shape) - 1 > 4:
        raise UnfitError(f"it has too many axes: {list(shape)}")
    return tuple((axis,) for axis in (*first, *range(2, len(shape)), 1))


def plain(values: Any) -> Any:
    """One number where all are alike, else a list; pairs are before and after an axis.

    >>> plain([3, 3]), plain([[1, 1], [0, 0]]), plain([[0, 1], [0, 1]])
    (3, [1, 0], [[0, 1], [0, 1]])
    """
    found = [plain(one) if isinstance(one, list) else one for one in values]
    return found[0] if isinstance(found[0], int) and all(one == found[0] for one in found) else found


def _window(op: Op, kernel: list[int], sizes: tuple[int, ...], more: int) -> dict[str, Any]:
    """The settings of a window; `more` axes stand before those that it slides along."""
    rank = len(kernel)
    stride = list(op.attributes.get("strides") or [1] * rank)
    dilation = list(op.attributes.get("dilations") or [1] * rank)
    pads = list(op.attributes.get("pads") or [0] * 2 * rank)
    if not len(kernel) == len(stride) == len(dilation) == len(sizes) == len(pads) // 2 or min(stride) < 1:
        raise UnfitError("the sizes of its window do not agree")
    padding: Any = [list(pair) for pair in zip(pads[:rank], pads[rank:])]
    auto = op.attributes.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        padding = []
        for size, step, gap, length in zip(kernel, stride, dilation, sizes):
            total = max((-(-length // step) - 1) * step + gap * (size - 1) + 1 - length, 0)
            padding.append([total // 2, total - total // 2][:: 1 if auto == "SAME_UPPER" else -1])
        if auto == "SAME_UPPER" and not more:
            padding = "same"
    elif auto == "VALID":
        padding = [[0, 0]] * rank
    if padding != "same" and min(min(pair) for pair in padding) < 0:
        raise UnfitError("its padding is negative")
    return _settings(kernel, stride, dilation, padding, more)


def _settings(kernel: list[int], stride: list[int], dilation: list[int], padding: Any, more: int) -> dict[str, Any]:
    found: dict[str, Any] = {"kernel": plain([1] * more + kernel)}
    if set(stride) != {1}:
        found["stride"] = plain([1] * more + stride)
    if padding == "same":
        found["padding"] = padding
    elif any(map(any, padding)):
        found["padding"] = plain([[0, 0]] * more + padding)
    if set(dilation) != {1}:
        found["dilation"] = plain([1] * more + dilation)
    return found


def _weights(build: Builder, op: Op) -> tuple[tuple[int, ...], list[str]]:
    """The shape of a kernel, and the initialisers that a layer has."""
    weights, bias = build.constant(op, 1), build.constant(op, 2)
    if weights is None or (build.given(op, 2) and bias is None):
        raise UnfitError("its weights are computed")
    return weights.shape, [weights.root, *([bias.root] if bias else [])]


def _conv(build: Builder, op: Op) -> None:
    shape = build.shape(op)
    pattern = places_first(shape)
    x = build.arrange(op, build.tensor(op), pattern)
    weights, roots = _weights(build, op)
    groups, filters = op.attributes.get("group", 1), weights[0]
    settings: dict[str, Any] = {"filters": filters, **_window(op, list(weights[2:]), shape[2:], shape[0] > 1)}
    if groups * weights[1] != shape[1]:
        raise ReadError(
            f"{build.place(op)} has filters for {groups * weights[1]} channels, and its input has {shape[1]}"
        )
    _group(settings, groups, shape[1], filters)
    if not build.given(op, 2):
        settings["bias"] = False
    build.layer(op, "conv", settings, [x], pattern, roots)


def _group(settings: dict[str, Any], groups: int, channels: int, filters: int) -> None:
    if groups > 1:
        settings["groups"] = "depthwise" if groups == channels and filters % groups == 0 else groups


def _conv_transpose(build: Builder, op: Op) -> None:
    shape, result = build.shape(op), build.result(op)
    pattern = places_first(shape)
    x = build.arrange(op, build.tensor(op), pattern)
    weights, roots = _weights(build, op)
    groups, kernel = op.attributes.get("group", 1), list(weights[2:])
    rank, more, filters = len(kernel), int(shape[0] > 1), weights[1] * op.attributes.get("group", 1)
    stride = list(op.attributes.get("strides") or [1] * rank)
    dilation = list(op.attributes.get("dilations") or [1] * rank)
    extra = list(op.attributes.get("output_padding") or [0] * rank)
    pads = list(op.attributes.get("pads") or [0] * 2 * rank)
    padding = [list(pair) for pair in zip(pads[:rank], pads[rank:])]
    auto = op.attributes.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER") or op.attributes.get("output_shape"):
        axes = zip(kernel, stride, dilation, extra, shape[2:], result[2:])
        totals = [step * (x - 1) + add + gap * (size - 1) + 1 - y for size, step, gap, add, x, y in axes]
        # The specification's formula; what is odd is cut at the end for SAME_UPPER, else at the beginning.
        padding = [[t // 2, t - t // 2] if auto == "SAME_UPPER" else [t - t // 2, t // 2] for t in totals]
    if min(min(pair) for pair in padding) < 0:
        raise UnfitError("its padding is negative")
    settings: dict[str, Any] = {"filters": filters, **_settings(kernel, stride, dilation, padding, more)}
    if any(extra):
        settings["output_padding"] = plain([0] * more + extra)
    _group(settings, groups, shape[1], filters)
    if not build.given(op, 2):
        settings["bias"] = False
    build.layer(op, "conv_transpose", settings, [x], pattern, roots)


def _pool(build: Builder, op: Op) -> None:
    shape = build.shape(op)
    pattern = places_first(shape)
    if len(op.outputs) > 1 and build.users[op.outputs[1]]:
        raise UnfitError("the places of its largest values are taken")
    x = build.arrange(op, build.tensor(op), pattern)
    settings = _window(op, list(op.attributes.get("kernel_shape") or []), shape[2:], shape[0] > 1)
    settings.setdefault("stride", 1)
    if settings["stride"] == settings["kernel"]:
        del settings["stride"]
    if op.attributes.get("ceil_mode"):
        settings["ceil"] = True
    build.layer(op, "maxpool" if op.kind == "MaxPool" else "avgpool", settings, [x], pattern)


def needs_places(build: Builder, op: Op) -> bool:
    """Whether what comes after an operator slides over places, though only one is left."""
    names = list(op.outputs[:1])
    seen: set[int] = set()
    while names and len(seen) < 50:
        name = names.pop()
        for user in build.consumers.get(name, ()):
            if user.kind in NEEDS_PLACES:
                return True
            if user.kind in KEEPS_PLACES and id(user) not in seen:
                seen.add(id(user))
                names.append(user.outputs[0])
    return False


def pooled_to_one(build: Builder, op: Op, x: Tensor, kind: str, axes: Any) -> None:
    """A pool over all places, of a tensor whose channels are last with us."""
    if needs_places(build, op):
        name = build.add(op, f"adaptive_{kind}", {"size": 1}, [x])
        build.give(op, Tensor(name, ((),) * (len(x.ours) - 1) + x.ours[-1:], axes))
    else:
        name = build.add(op, f"global_{kind}", {}, [x])
        build.give(op, Tensor(name, x.ours[-1:], axes))


def _global_pool(build: Builder, op: Op) -> None:
    shape = build.shape(op)
    x = build.arrange(op, build.tensor(op), places_first(shape))
    if shape[0] > 1:
        raise UnfitError(f"the batch is {shape[0]} here")
    kind = "avgpool" if op.kind == "GlobalAveragePool" else "maxpool"
    pooled_to_one(build, op, x, kind, (*x.axes[:2], *((),) * (len(shape) - 2)))


MODES = {"nearest": "nearest", "linear": "bilinear", "cubic": "bicubic"}


def _resize(build: Builder, op: Op) -> None:
    shape, result = build.shape(op), build.result(op)
    pattern = places_first(shape)
    if shape[:2] != result[:2]:
        raise UnfitError("it resizes channels")
    x = build.arrange(op, build.tensor(op), pattern)
    mode = MODES.get(op.attributes.get("mode", "nearest"))
    if mode is None:
        raise UnfitError(f"its mode is {op.attributes['mode']}")
    more = [1] * (shape[0] > 1)
    if all(large % small == 0 for small, large in zip(shape[2:], result[2:])):
        settings = {"factor": plain(more + [large // small for small, large in zip(shape[2:], result[2:])])}
    else:
        settings = {"size": plain([shape[0]] * len(more) + list(result[2:]))}
    build.layer(op, "upsample", settings | ({"mode": mode} if mode != "nearest" else {}), [x], pattern)


def _depth_to_space(build: Builder, op: Op) -> None:
    kind = "pixel_shuffle" if op.kind == "DepthToSpace" else "pixel_unshuffle"
    pattern = places_first(build.shape(op))
    x = build.arrange(op, build.tensor(op), pattern)
    build.layer(op, kind, {"factor": op.attributes.get("blocksize", 1)}, [x], pattern)


RULES: dict[str, Rule] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalAveragePool": _global_pool,
    "GlobalMaxPool": _global_pool,
    "Resize": _resize,
    "Upsample": _resize,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _depth_to_space,
}
