"""fvcore's FlopCountAnalysis: the operators of a traced graph; a multiply-add is one FLOP, a bias none.

Rules as in fvcore/nn/flop_count.py and jit_handles.py of version 0.1.5.
"""

from __future__ import annotations

from cnnarch.analysis.counters.base import (
    ALWAYS_FREE,
    MEAN,
    Call,
    Extra,
    Found,
    Measure,
    Rules,
    Tool,
    free,
    parameters,
    works,
)

__all__ = ["FVCORE"]

NORMALISED = "batch normalisation is a product and an addition, though compilers fold it into the convolution before"
ESTIMATED = "a rough estimate, as its source says: 5 operations for each value, 4 without a scale"
POOLED = Extra(1, "pooled values", "each value that adaptive_avg_pool2d reads; all other pools are 0")
NEAREST = Extra(1, "upsampled values", "a copy counts as an operation")
BILINEAR = Extra(4, "bilinearly upsampled values", "of 4 values each; bicubic and 1-D or 3-D interpolation are 0")
UNSEEN = "the whole layer is one operator, for which it has no rule: it only warns"


def batchnorm(call: Call) -> Found:
    yield Extra(1 + call.setting("scale"), "normalised elements", NORMALISED), call.made


def normalised(call: Call) -> Found:
    yield Extra(4 + call.setting("scale"), f"elements of {call.kind}", ESTIMATED), call.made


def mean(call: Call) -> Found:
    if call.x.rank == 2 and call.way != MEAN:
        yield POOLED, call.read


def upsample(call: Call) -> Found:
    mode = call.layer.mode
    if call.x.rank == 2 and mode in ("nearest", "bilinear"):
        yield (NEAREST if mode == "nearest" else BILINEAR), call.made


def unseen(call: Call) -> Found:
    yield Extra(-1, f"MACs of {call.kind}", UNSEEN), call.macs


RULES: Rules = {
    **ALWAYS_FREE,
    **free("conv", "conv_transpose", "fc", "embedding", "maxpool", "avgpool", "adaptive_maxpool", "global_maxpool"),
    **free("relu", "relu6", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish", "hardsigmoid", "hardswish"),
    **free("sigmoid", "tanh", "softmax", "lrn"),
    "batchnorm": batchnorm,
    **dict.fromkeys(("layernorm", "groupnorm", "instancenorm"), normalised),
    **dict.fromkeys(("adaptive_avgpool", "global_avgpool"), mean),
    "upsample": upsample,
    **dict.fromkeys(("lstm", "gru"), unseen),
}

FVCORE = Tool(
    "fvcore",
    "0.1.5",
    (
        Measure("flops", "FLOPs", RULES, works),
        Measure("params", "parameters", {}, parameters, held=True),
    ),
    ("fvcore calls a multiply-add one FLOP, and does not count biases.",),
)
