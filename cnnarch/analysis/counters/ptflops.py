"""ptflops' get_model_complexity_info: hooks on modules and wrappers around functions; or operators, with aten.

Rules as in ptflops/pytorch_ops.py, pytorch_engine.py and aten_ops.py of version 0.7.5.
"""

from __future__ import annotations

from cnnarch.analysis.counters.base import (
    ALWAYS_FREE,
    FUNCTION,
    MEAN,
    MODULE,
    Call,
    Extra,
    Found,
    Measure,
    Rules,
    Tool,
    biases_added,
    free,
    parameters,
    recurrent,
    works,
)
from cnnarch.analysis.counters.writing import padded_apart

__all__ = ["PTFLOPS", "PTFLOPS_ATEN"]

BIASES = Extra(1, "biases added", "an addition for each value of a convolution or a fully connected layer with a bias")
NORMALISED = "an operation for each value, two with a scale; layernorm is one, as its scale has another name"
TWICE = "counted twice: by the hook of the module, and in the function of torch.nn.functional that the module calls"
ONCE = "an operation for each value"
ACTIVATED_TWICE = Extra(2, "activated values", TWICE)
POOLED_TWICE = Extra(2, "values that pools read", TWICE)
POOLED_ONCE = Extra(1, "values that a function pools", ONCE)
UPSAMPLED_TWICE = Extra(2, "upsampled values", TWICE)
UPSAMPLED_ONCE = Extra(1, "values that a function upsamples", ONCE)
ACTIVATED = {  # kind: how often a module counts, how often a function
    "relu": (2, 1),
    "prelu": (2, 1),
    "elu": (2, 1),
    "gelu": (2, 1),
    "leaky_relu": (1, 0),  # its function is not wrapped
    "relu6": (1, 1),  # nn.ReLU6 calls F.hardtanh, which is not wrapped
    "silu": (1, 1),  # nn.SiLU has no hook
    "softmax": (1, 1),  # nor has nn.Softmax
}
SQUARED = Extra(1, "operations of lrn", "products, sums and a pool inside F.local_response_norm, which are wrapped")
GATES = Extra(1, "operations of gates", "biases, sums and products of the cells' states")


def biased(call: Call) -> Found:
    yield BIASES, biases_added(call)


def normalised(call: Call) -> Found:
    each = 1 if call.kind == "layernorm" else 1 + call.setting("scale")
    yield Extra(each, "normalised elements", NORMALISED), call.made


def activated(call: Call) -> Found:
    times = ACTIVATED[call.kind][call.way == FUNCTION]
    if times:
        yield (ACTIVATED_TWICE if times == 2 else Extra(1, f"values of {call.kind}", ONCE)), call.made


def pooled(call: Call) -> Found:
    if call.way != MEAN:
        yield (POOLED_TWICE if call.way == MODULE else POOLED_ONCE), call.read


def upsample(call: Call) -> Found:
    yield (UPSAMPLED_TWICE if call.way == MODULE else UPSAMPLED_ONCE), call.made


def lrn(call: Call) -> Found:
    """Squares, a pool over channels that are padded on both sides, and a factor and an offset."""
    channels, size = call.output.channels, call.setting("size")
    yield SQUARED, call.made // channels * (4 * channels + size - 1)


def lstm(call: Call) -> Found:
    yield GATES, recurrent(call, beside=10)


def gru(call: Call) -> Found:
    yield GATES, recurrent(call, beside=7)


def refuses_aten(call: Call) -> str:
    if call.kind in ("lstm", "gru"):
        return "which operators it is made of depends on the device"
    if call.kind == "fc" and call.setting("bias") and call.x.rank:
        return "whether the bias is counted at several places depends on how their values lie in memory"
    return ""


RULES: Rules = {
    **ALWAYS_FREE,
    **free("embedding", "mish", "hardsigmoid", "hardswish", "sigmoid", "tanh"),
    **dict.fromkeys(("conv", "conv_transpose", "fc"), biased),
    **dict.fromkeys(("batchnorm", "layernorm", "groupnorm", "instancenorm"), normalised),
    **dict.fromkeys(ACTIVATED, activated),
    **dict.fromkeys(("maxpool", "avgpool", "global_avgpool", "global_maxpool"), pooled),
    **dict.fromkeys(("adaptive_avgpool", "adaptive_maxpool"), pooled),
    "upsample": upsample,
    "lrn": lrn,
    "lstm": lstm,
    "gru": gru,
}
ATEN: Rules = {**free(*RULES), **dict.fromkeys(("conv", "conv_transpose", "fc"), biased)}
ALONE = "ptflops counts for one input, whatever the batch."

PTFLOPS = Tool(
    "ptflops",
    "0.7.5",
    (Measure("macs", "MACs", RULES, works), Measure("params", "parameters", {}, parameters, held=True)),
    (ALONE, "Python's operators, such as + and *, are not counted; torch.add and torch.mul would be."),
    one_input=True,
    refuses=padded_apart,
)
PTFLOPS_ATEN = Tool(
    "ptflops-aten",
    "0.7.5",
    (Measure("macs", "MACs", ATEN, works), Measure("params", "parameters", {}, parameters, held=True)),
    (ALONE, "The aten backend sees convolutions and matrix products, and nothing else."),
    one_input=True,
    refuses=refuses_aten,
)
