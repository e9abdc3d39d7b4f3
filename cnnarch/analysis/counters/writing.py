"""How a network is written in PyTorch, which decides what a counter sees.

The reference writing: one module of torch.nn for each layer, with its padding in numbers, a module that pads before it
where the two sides differ, Python's operators for merges, torch.cat and torch.flatten, and F.interpolate where a
second input says the size. So torchvision's ResNet is written. Where a network that is shipped is written otherwise
there, `WRITINGS` says how.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from cnnarch.analysis.counters.base import FUNCTION, MEAN, MODULE, Call
from cnnarch.shapes import by_axis

__all__ = ["REFERENCE", "Writing", "padded_apart", "unwritable", "written"]

REFERENCE = "one module of torch.nn for each layer, Python's + and * for merges"

OPEN = {  # kinds that no counter can be followed for
    "attention": "nn.MultiheadAttention and products written out are counted differently, and either may be meant",
    "roi_align": "regions are found while it runs, by what its input shows",
    "rbf": "PyTorch has no such layer",
    "locally_connected": "PyTorch has no such layer",
    **dict.fromkeys(("elementwise", "reduce", "matmul"), "it is written in many ways, which are counted differently"),
    "unknown": "it is not known what it does",
}


class Writing(NamedTuple):
    """How a network is written: what is a function or a mean, by kind and pattern of names; what is absent or added.

    An addition is a layer before a layer, and has to keep the shape of what it is given. With `auxiliary` the model has
    the heads that run only in training, though they do not run.
    """

    ways: tuple[tuple[str, str, str], ...] = ()
    absent: tuple[str, ...] = ()
    added: tuple[tuple[str, str, dict[str, Any]], ...] = ()
    auxiliary: bool = True

    def way(self, name: str, kind: str) -> str:
        """In which way a layer is written; the first that fits."""
        for one, pattern, way in self.ways:
            if one == kind and fnmatchcase(name, pattern):
                return way
        return MODULE

    def words(self, label: str) -> str:
        """What differs from the reference writing, in one sentence."""
        parts = [
            (kind if pattern == "*" else f"{kind} at `{pattern}`")
            + (" by a function" if way == FUNCTION else " by a mean over axes")
            for kind, pattern, way in self.ways
        ]
        parts += [f"without {kind}" for kind in self.absent]
        parts += [] if self.auxiliary else ["without its auxiliary head"]
        parts += [f"{kind} to {more['size']}×{more['size']} before {place}" for place, kind, more in self.added]
        return f"{REFERENCE}; as torchvision's {label}, {', '.join(parts)}" if parts else REFERENCE


POOL_BY_FUNCTION = Writing((("global_avgpool", "*", FUNCTION),))
POOL_BY_MEAN = Writing((("global_avgpool", "*", MEAN),))
RESIZED = Writing((("upsample", "*", FUNCTION),), auxiliary=False)

# Read in torchvision 0.28, by name of the network here.
WRITINGS: dict[str, Writing] = {
    **{
        f"vgg{depth}{norm}": Writing(absent=("softmax",), added=(("flatten", "adaptive_avgpool", {"size": 7}),))
        for depth in (11, 13, 16, 19)
        for norm in ("", "_bn")
    },
    **dict.fromkeys(("mobilenet_v2", "mobilenet_v2_1_4"), POOL_BY_FUNCTION),
    **dict.fromkeys(
        [f"densenet{depth}" for depth in (121, 161, 169, 201)],
        Writing((("relu", "relu", FUNCTION), ("global_avgpool", "*", FUNCTION))),
    ),
    **dict.fromkeys([f"mnasnet{width}" for width in ("0_5", "0_75", "1_0", "1_3")], POOL_BY_MEAN),
    **dict.fromkeys([f"shufflenet_v2_x{width}" for width in ("0_5", "1_0", "1_5", "2_0")], POOL_BY_MEAN),
    "googlenet": Writing((("relu", "*", FUNCTION),)),
    "inception_v3": Writing(
        (("relu", "*", FUNCTION), ("maxpool", "*/maxpool", FUNCTION), ("avgpool", "*/avgpool", FUNCTION))
    ),
    **dict.fromkeys(
        (
            "fcn_resnet50", "fcn_resnet101", "deeplabv3_resnet50", "deeplabv3_resnet101",
            "deeplabv3_mobilenet_v3_large",
        ),
        RESIZED,
    ),
    "lraspp_mobilenet_v3_large": RESIZED._replace(auxiliary=True),
}  # fmt: skip


def written(label: str) -> Writing:
    """How a shipped network is written in torchvision; by the reference if it is not there, or written so."""
    return WRITINGS.get(label, Writing())


def unwritable(call: Call) -> str:
    """Why a layer cannot be a module of torch.nn, or nothing."""
    layer, kind = call.layer, call.kind
    if kind in OPEN:
        return OPEN[kind]
    scale, shift = getattr(layer, "scale", True), getattr(layer, "shift", True)
    if scale != shift and not (kind == "layernorm" and scale):
        return "PyTorch's has a scale and a shift, or neither"
    if getattr(layer, "biases", 0) == 1:
        return "PyTorch's has two biases a gate and unit, or none, and the spec's has one"
    if kind == "avgpool" and set(by_axis(layer.dilation, call.x.rank, "dilation")) != {1}:
        return "PyTorch's has no dilation"
    if kind == "upsample" and call.x.rank != 2 and layer.mode == "bicubic":
        return "PyTorch's bicubic is for images"
    if kind == "lrn" and not call.x.rank:
        return "PyTorch's takes no vector"
    if kind == "conv_transpose" and any(w.before != w.after for w in layer.resolve(call.x)):
        return "PyTorch's cuts both sides alike"
    return ""


def padded_apart(call: Call) -> str:
    """Why a pool whose input is counted cannot be, or nothing: it would have to be padded by a layer before it."""
    if call.kind in ("maxpool", "avgpool"):
        for window in call.layer.resolve(call.x):
            if window.before != window.after or 2 * window.before > window.size:
                return "PyTorch's pads both sides alike, by half a kernel at most; what pads before it decides"
    return ""
