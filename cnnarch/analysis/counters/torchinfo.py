"""torchinfo's summary: parameters times output places for what is called Conv, parameters times batch for the rest.

Rules as in torchinfo/layer_info.py and model_statistics.py of version 1.8.0.
"""

from __future__ import annotations

from math import prod

from cnnarch.analysis.counters.base import (
    ALWAYS_FREE,
    HELD_LOOSE,
    Call,
    Extra,
    Found,
    Measure,
    Rule,
    Rules,
    Tool,
    biases_added,
    free,
    nothing,
    parameters,
    recurrent,
    works,
)

__all__ = ["OBJECT", "TORCHINFO"]

OBJECT = 64  # bytes that sys.getsizeof adds to those of a tensor's numbers

BIASES = Extra(1, "biases added", "a bias counts as a multiply-add at every place")
TRANSPOSED = Extra(
    1, "MACs of conv_transpose at places that its input has not",
    "it multiplies the places of the output with the weights; only those of the input are",
)  # fmt: skip
ELSEWHERE = Extra(
    -1, "MACs of fc at all places but one", "the parameters of a layer that is no convolution count once for each input"
)
NORMALISED = Extra(
    1, "parameters of normalisation", "once for each input, whatever the places; its operations are not counted"
)
LOOKED_UP = Extra(1, "parameters of embeddings", "the whole table for each input, though only rows are read")
SLOPES = Extra(1, "parameters of prelu", "once for each input, whatever the places")
MADE = Extra(
    8, "values that layers with parameters make",
    "4 bytes, and as many for gradients; the outputs of pools, activations and merges are not counted",
)  # fmt: skip
STORED = Extra(4, "parameters", "4 bytes each")
LOOSE = Extra(-4, "parameters that no module of torch.nn holds", "only modules without others in them are looked at")
GIVEN = Extra(4, "values of the input", "4 bytes each")
AROUND = Extra(1, "bytes of Python's objects", "the objects around what goes in, 64 bytes each with PyTorch 2.13")


def conv(call: Call) -> Found:
    yield BIASES, biases_added(call)


def transposed(call: Call) -> Found:
    weights = call.macs // (call.samples * call.places)
    yield BIASES, biases_added(call)
    yield TRANSPOSED, call.samples * weights * (prod(call.output.spatial) - call.places)


def fc(call: Call) -> Found:
    yield BIASES, call.samples * call.output.channels * call.setting("bias")
    yield ELSEWHERE, call.macs - call.macs // call.places


def norm(call: Call) -> Found:
    scales, shifts = call.setting("scale"), call.setting("shift")
    yield NORMALISED, call.samples * call.output.channels * (scales + shifts)


def embedding(call: Call) -> Found:
    yield LOOKED_UP, call.samples * call.setting("vocabulary") * call.setting("units")


def prelu(call: Call) -> Found:
    yield SLOPES, call.samples * (1 if call.setting("shared") else call.output.channels)


def lstm(call: Call) -> Found:
    yield BIASES, recurrent(call, beside=0)


def made(call: Call) -> Found:
    """Of what has parameters, also where they are another's; a recurrent layer makes its whole sequence."""
    if call.layer.count_weights(*call.inputs) + call.layer.count_biases(*call.inputs):
        values = call.made
        if call.kind in ("lstm", "gru"):
            values = call.samples * call.places * call.setting("directions") * call.setting("units")
        yield MADE, values


def stored(call: Call) -> Found:
    if not call.train_only:
        yield STORED, call.params


def loose(call: Call) -> Found:
    yield from stored(call)
    yield LOOSE, call.params


RULES: Rules = {
    **ALWAYS_FREE,
    **free("maxpool", "avgpool", "adaptive_avgpool", "adaptive_maxpool", "global_avgpool", "global_maxpool"),
    **free("relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "mish", "hardsigmoid", "hardswish", "sigmoid", "tanh"),
    **free("softmax", "lrn", "upsample"),
    "conv": conv,
    "conv_transpose": transposed,
    "fc": fc,
    **dict.fromkeys(("batchnorm", "layernorm", "groupnorm", "instancenorm"), norm),
    "embedding": embedding,
    "prelu": prelu,
    **dict.fromkeys(("lstm", "gru"), lstm),
}
PASSED: Rules = {**dict.fromkeys(RULES, made), **dict.fromkeys(HELD_LOOSE, nothing)}
STORING: Rules = {**dict.fromkeys(RULES, stored), **dict.fromkeys(HELD_LOOSE, loose)}


def given(call: Call) -> Found:
    """What goes in: calls of no kind."""
    if not call.kind:
        yield GIVEN, call.made
        yield AROUND, OBJECT


def whole(kind: str) -> Rule:
    """What passes and what is stored, for the size of all."""
    return lambda call: (*PASSED[kind](call), *STORING[kind](call))


TORCHINFO = Tool(
    "torchinfo",
    "1.8.0",
    (
        Measure("mult_adds", "total mult-adds", RULES, works),
        Measure("params", "total params", {}, parameters, held=True),
        Measure("input_bytes", "input size in bytes", {}, given),
        Measure("pass_bytes", "forward/backward pass size in bytes", PASSED, nothing),
        Measure("param_bytes", "params size in bytes", STORING, nothing),
        Measure("total_bytes", "estimated total size in bytes", {kind: whole(kind) for kind in RULES}, given),
    ),
    ("torchinfo multiplies MACs by the batch; it prints bytes in MB of 1,000,000.",),
)
