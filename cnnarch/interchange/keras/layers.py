"""All classes of Keras that are read, and what each of their calls becomes."""

from __future__ import annotations

from typing import Any

from cnnarch.interchange.keras.layers_base import Call, Parts, unknown
from cnnarch.interchange.keras.layers_ops import OPERATIONS, tensorflow
from cnnarch.interchange.keras.layers_sequence import SEQUENCE
from cnnarch.interchange.keras.layers_shapes import SHAPES
from cnnarch.interchange.keras.layers_values import VALUES
from cnnarch.interchange.keras.layers_windows import WINDOWS

__all__ = ["LAYERS", "parts"]

LAYERS = {**WINDOWS, **VALUES, **SHAPES, **SEQUENCE, "TFOpLambda": tensorflow}
OWN = ("keras", "tensorflow", "tf_keras")  # packages whose classes are Keras's own


def parts(call: Call, module: Any) -> Parts:
    """What a call becomes; raises Cause for what cannot be read.

    The module tells a class of Keras from one of somebody else's that is called the same; Keras 2 wrote none.
    """
    module = module if isinstance(module, str) else ""
    if module and module.partition(".")[0] not in OWN:
        return unknown(call)
    table = OPERATIONS if ".ops" in module else LAYERS
    handler = table.get(call.cls)
    return unknown(call) if handler is None else handler(call)
