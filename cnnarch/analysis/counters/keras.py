"""Keras' summary: Total params are weights, biases and running statistics."""

from __future__ import annotations

from cnnarch.analysis.counters.base import (
    PARAMS,
    TRAINED,
    Call,
    Extra,
    Found,
    Measure,
    Rules,
    Tool,
    nothing,
)
from cnnarch.layers import KINDS

__all__ = ["KERAS"]

BUFFERS = Extra(1, "buffers", "running means and variances count as parameters that are not trained")


def all_params(call: Call) -> Found:
    yield PARAMS if not call.train_only else TRAINED, call.params
    yield BUFFERS, call.buffers


def trained(call: Call) -> Found:
    yield PARAMS if not call.train_only else TRAINED, call.params


def kept(call: Call) -> Found:
    yield BUFFERS, call.buffers


def refuses(call: Call) -> str:
    """Where Keras' layer holds other numbers."""
    if call.kind == "lstm" and call.setting("biases") == 2:
        return "Keras' LSTM has one bias a gate and unit, and the spec's has 2"
    if call.kind == "prelu" and call.setting("shared"):
        return "Keras' PReLU cannot share one slope among channels"
    return ""


RULES: Rules = dict.fromkeys(KINDS, nothing)

KERAS = Tool(
    "keras",
    "3",
    (
        Measure("params", "Total params", RULES, all_params, held=True),
        Measure("trainable_params", "Trainable params", RULES, trained, held=True),
        Measure("other_params", "Non-trainable params", RULES, kept, held=True),
    ),
    ("Keras counts no work; with an optimizer, Total params has its variables too.",),
    refuses=refuses,
    pytorch=False,
)
