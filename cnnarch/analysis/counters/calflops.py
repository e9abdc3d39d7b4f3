"""calflops' calculate_flops: wrappers around functions, with FLOPs of 2 to a multiply-add.

Rules as in calflops/pytorch_ops.py and calculate_pipline.py of version 0.3.2.
"""

from __future__ import annotations

from functools import partial
from math import prod

from cnnarch.analysis.counters.base import (
    ALWAYS_FREE,
    FUNCTION,
    MEAN,
    Call,
    Extra,
    Found,
    Measure,
    Rule,
    Rules,
    Tool,
    biases_added,
    free,
    parameters,
    recurrent,
    works,
)
from cnnarch.analysis.counters.writing import padded_apart

__all__ = ["CALFLOPS"]

BACKWARD = 3  # of a forward and a backward pass, with its default factor of 2 for the latter
BIASES = Extra(
    1, "biases added", "an addition for each value of a convolution; a fully connected layer's are forgotten"
)
CONV_SHAPED = Extra(
    1, "biases of conv_transpose", "at the places that a convolution would have there, and not at those of the output"
)
DIVIDED = "the filters of conv_transpose are divided by its groups once too often; depthwise leaves none"
NORMALISED = "an operation for each value, two with a scale; of other norms than batchnorm 4 and 5"
ACTIVATED = Extra(1, "activated values", "a FLOP for each value; hardswish, hardsigmoid, relu6 and sigmoid are 0")
POOLED = Extra(1, "values that pools read", "a FLOP for each value")
UPSAMPLED = Extra(
    1, "upsampled values", "of a size, places alone, without channels and batch; of a factor, the input's"
)
SQUARED = Extra(1, "operations of lrn", "products, sums and a pool inside F.local_response_norm, which are wrapped")
GATES = Extra(1, "operations of gates", "biases, sums and products, less one addition for each gate's product")
NO_MACS = "a recurrent layer has a rule for FLOPs, and none for MACs"


def biased(call: Call) -> Found:
    yield BIASES, biases_added(call)


def lacking(call: Call) -> int:
    """MACs of a transposed convolution in groups that it does not count."""
    of_group, groups = per_group(call)
    return call.macs - call.macs // of_group * (of_group // groups)


def per_group(call: Call) -> tuple[int, int]:
    """The filters of a group, and how many groups there are."""
    groups = int(call.layer.split(call.x))
    return call.setting("filters") // groups, groups


def fewer(call: Call, times: int) -> Found:
    yield Extra(-times, "MACs of conv_transpose in groups", DIVIDED), lacking(call)


def transposed(call: Call) -> Found:
    yield from fewer(call, 2)
    if call.setting("bias"):
        windows = call.layer.resolve(call.x)
        places = prod((length + 2 * w.before - w.reach) // w.stride + 1 for w, length in zip(windows, call.x.spatial))
        yield CONV_SHAPED, per_group(call)[0] * call.samples * places


def batchnorm(call: Call) -> Found:
    yield Extra(1 + call.setting("scale"), "normalised elements", NORMALISED), call.made


def normalised(call: Call) -> Found:
    yield Extra(4 + call.setting("scale"), "normalised elements", NORMALISED), call.made


def activated(call: Call) -> Found:
    yield ACTIVATED, call.made


def relu6(call: Call) -> Found:
    if call.way == FUNCTION:  # nn.ReLU6 calls F.hardtanh
        yield ACTIVATED, call.made


def pooled(call: Call) -> Found:
    if call.way != MEAN:
        yield POOLED, call.read


def upsample(call: Call) -> Found:
    by_factor = call.layer.factor is not None
    yield UPSAMPLED, call.read if by_factor else prod(call.output.spatial)


def lrn(call: Call) -> Found:
    channels, size = call.output.channels, call.setting("size")
    yield SQUARED, call.made // channels * (4 * channels + size - 1)


def cell(call: Call, beside: int) -> Found:
    """Two products of all gates, each with an addition less than it has MACs."""
    yield GATES, recurrent(call, beside - 2 * call.setting("gates"))


def without(call: Call) -> Found:
    yield Extra(-1, f"MACs of {call.kind}", NO_MACS), call.macs


def refuses(call: Call) -> str:
    if call.kind == "upsample" and isinstance(call.layer.factor, tuple):
        return "calflops fails at a factor for each axis"
    return padded_apart(call)


FLOPS: Rules = {
    **ALWAYS_FREE,
    **free("fc", "embedding", "mish", "hardsigmoid", "hardswish", "sigmoid", "tanh"),
    "conv": biased,
    "conv_transpose": transposed,
    "batchnorm": batchnorm,
    **dict.fromkeys(("layernorm", "groupnorm", "instancenorm"), normalised),
    **dict.fromkeys(("relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "softmax"), activated),
    "relu6": relu6,
    **dict.fromkeys(("maxpool", "avgpool", "global_avgpool", "global_maxpool"), pooled),
    **dict.fromkeys(("adaptive_avgpool", "adaptive_maxpool"), pooled),
    "upsample": upsample,
    "lrn": lrn,
    "lstm": partial(cell, beside=10),
    "gru": partial(cell, beside=7),
}
ONLY_MACS: Rules = {
    **free(*FLOPS),
    "conv_transpose": partial(fewer, times=1),
    **dict.fromkeys(("lstm", "gru"), without),
}


def doubled(call: Call) -> Found:
    yield Extra(2, "MACs", "a FLOP is half of a multiply-add"), call.macs


def trebled(rule: Rule) -> Rule:
    """For a forward and a backward pass."""
    return lambda call: ((extra._replace(times=BACKWARD * extra.times), count) for extra, count in rule(call))


def both(key: str, title: str, rules: Rules, base: Rule) -> tuple[Measure, Measure]:
    """A total as it is, and with a backward pass."""
    back = {kind: trebled(rule) for kind, rule in rules.items()}
    return Measure(key, title, rules, base), Measure(f"training_{key}", f"{title} fwd+bwd", back, trebled(base))


CALFLOPS = Tool(
    "calflops",
    "0.3.2",
    (
        *both("flops", "FLOPs", FLOPS, doubled),
        *both("macs", "MACs", ONLY_MACS, works),
        Measure("params", "parameters", {}, parameters, held=True),
    ),
    ("calflops takes a backward pass for twice the work of a forward pass.",),
    refuses=refuses,
)
