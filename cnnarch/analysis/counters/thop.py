"""thop's profile: a hook on every module that has a rule; a function has no hook.

Rules as in thop/profile.py, vision/basic_hooks.py and rnn_hooks.py of version 0.1.1.
"""

from __future__ import annotations

from math import prod

from cnnarch.analysis.counters.base import (
    ALWAYS_FREE,
    HELD_LOOSE,
    MODULE,
    Call,
    Extra,
    Found,
    Measure,
    Rules,
    Tool,
    free,
    parameters,
    recurrent,
    works,
)
from cnnarch.layers import KINDS

__all__ = ["THOP"]

NORMALISED = "2 operations for each value, and twice that with a scale, though its comment says that they are fused"
TRANSPOSED = Extra(
    1, "MACs of conv_transpose at places that its input has not",
    "it multiplies the places of the output with the weights; only those of the input are",
)  # fmt: skip
AVERAGED = Extra(1, "averaged values", "one operation for each value of avgpool's output, whatever the window")
POOLED = Extra(1, "operations of adaptive averages", "input places over output places and 1 more, for each output")
SOFTMAX = Extra(1, "operations of softmax", "3 × channels − 1 at every place")
PRELU = Extra(1, "values of prelu", "the only activation that counts")
GATES = Extra(1, "operations of gates", "biases, sums and products of the cells' states")
TIMES = {"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259}
NO_RULE = "their modules have no rule, and what has none keeps its parameters out of the total"
NOT_RUN = "a module's parameters are counted as it runs"


def normalised(call: Call) -> Found:
    yield Extra(2 * (1 + call.setting("scale")), "normalised elements", NORMALISED), call.made


def transposed(call: Call) -> Found:
    weights = call.macs // (call.samples * call.places)
    yield TRANSPOSED, call.samples * weights * (prod(call.output.spatial) - call.places)


def averaged(call: Call) -> Found:
    if call.way == MODULE:
        yield AVERAGED, call.made


def pooled(call: Call) -> Found:
    """As it computes: quotients in double precision, and what is behind the point dropped at the end."""
    if call.way != MODULE:
        return
    sizes = call.output.spatial or (1,) * call.x.rank
    each = 1.0
    for length, size in zip(call.x.spatial, sizes):
        each *= length / size
    yield POOLED, int((each + 1) * call.made)


def softmax(call: Call) -> Found:
    if call.way == MODULE:
        yield SOFTMAX, call.made // call.output.channels * (3 * call.output.channels - 1)


def prelu(call: Call) -> Found:
    if call.way == MODULE:
        yield PRELU, call.made


def upsample(call: Call) -> Found:
    mode = call.layer.mode
    if mode == "bilinear":
        mode = ("", "linear", "bilinear", "trilinear")[call.x.rank]
    if call.way == MODULE and mode in TIMES:  # of trilinear it only warns
        yield (
            Extra(TIMES[mode], f"values of {mode} upsampling", "F.interpolate has no hook, nn.Upsample has"),
            call.made,
        )


def lstm(call: Call) -> Found:
    yield GATES, recurrent(call, beside=8)  # of a unit: 4 sums in the gates, 3 and 1 for memory and state


def gru(call: Call) -> Found:
    yield GATES, recurrent(call, beside=7)


def unseen(call: Call) -> Found:
    yield Extra(-1, "parameters without a rule", NO_RULE), call.params


def seen(call: Call) -> Found:
    if call.train_only:
        yield Extra(-1, "of these, which do not run", NOT_RUN), call.params


RULES: Rules = {
    **ALWAYS_FREE,
    **free("conv", "fc", "groupnorm", "embedding", "maxpool", "adaptive_maxpool", "global_maxpool"),
    **free("relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "mish", "hardsigmoid", "hardswish", "sigmoid", "tanh"),
    **free("lrn"),
    "conv_transpose": transposed,
    **dict.fromkeys(("batchnorm", "layernorm", "instancenorm"), normalised),
    "avgpool": averaged,
    **dict.fromkeys(("adaptive_avgpool", "global_avgpool"), pooled),
    "softmax": softmax,
    "prelu": prelu,
    "upsample": upsample,
    "lstm": lstm,
    "gru": gru,
}
HELD: Rules = {
    **dict.fromkeys(KINDS, seen),
    **dict.fromkeys((*HELD_LOOSE, "groupnorm", "embedding"), unseen),
}

THOP = Tool(
    "thop",
    "0.1.1",
    (Measure("macs", "MACs", RULES, works), Measure("params", "parameters", HELD, parameters, held=True)),
    ("thop does not count biases; a function of torch.nn.functional has no hook and is 0.",),
)
