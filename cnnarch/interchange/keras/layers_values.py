"""Layers of Keras that keep the shape: activations, normalisation, and what only acts in training."""

from __future__ import annotations

from math import prod
from typing import Any

from cnnarch.errors import Cause
from cnnarch.interchange.keras.layers_base import Call, Handler, Part, Parts, back, kept, unknown
from cnnarch.layers.settings import shown

__all__ = ["FUNCTIONS", "VALUES", "activation", "function"]

# Activation functions of Keras, by all their names, and the kind and settings that they are.
FUNCTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in ("relu", "relu6", "elu", "gelu", "silu", "mish", "sigmoid", "tanh")},
    "swish": ("silu", {}),
    "hard_sigmoid": ("hardsigmoid", {}),
    **{name: ("hardswish", {}) for name in ("hard_silu", "hard_swish")},
    "leaky_relu": ("leaky_relu", {"slope": 0.2}),
    **{name: ("elementwise", {"operator": name}) for name in ("softplus", "softsign", "selu", "celu")},
    "exponential": ("elementwise", {"operator": "exp"}),
    "hard_tanh": ("elementwise", {"operator": "clip"}),
}


def function(value: Any) -> str:
    """The name of an activation function, as any version of Keras writes it; "linear" for none."""
    if value is None:
        return "linear"
    if isinstance(value, dict):
        inner = value.get("config")
        value = inner if isinstance(inner, str) else value.get("registered_name") or value.get("class_name")
    if not isinstance(value, str) or not value:
        raise Cause(f"`activation` must be a word, not {shown(value)}")
    return value


def activation(call: Call, x: tuple[int, ...], name: str | None = None, suffix: str = "*") -> Parts:
    """The activation that a layer ends with; with `*` it is called after its kind, as an entry of its own."""
    value = call.get("activation")
    if name is None and isinstance(value, dict) and isinstance(value.get("config"), dict):
        return _as_layer(call, value, x)
    name = name or function(value)
    if name == "linear":
        return []
    if name in FUNCTIONS:
        kind, settings = FUNCTIONS[name]
        return [Part(kind, dict(settings), suffix.replace("*", name))]
    if name in ("softmax", "log_softmax"):
        log = [Part("elementwise", {"operator": "log"}, "log")] if name == "log_softmax" else []
        return [Part("softmax", {}, suffix.replace("*", "softmax")), *log]
    settings = {"operator": name.rpartition(">")[2], "size": list(x)}
    return [Part("unknown", settings, suffix.replace("*", "activation"))]


def _as_layer(call: Call, value: dict[str, Any], x: tuple[int, ...]) -> Parts:
    """An activation that is given as a layer, such as `activation=LeakyReLU(0.1)`."""
    cls = value.get("class_name")
    if cls not in ("ReLU", "LeakyReLU", "ELU", "Softmax"):
        return [Part("unknown", {"operator": str(cls), "size": list(x)}, "activation")]
    parts = VALUES[cls](call.with_config(cls, value["config"]))
    return [part._replace(suffix=part.suffix or part.kind) for part in parts]


def _activation(call: Call) -> Parts:
    return activation(call, call.x, suffix="")


def _relu(call: Call) -> Parts:
    most = call.get("max_value")
    slope = call.number("negative_slope", "alpha", default=0.0)
    threshold = call.number("threshold", default=0.0)
    if threshold:
        return unknown(call, call.x)
    if most is None:
        return [Part("leaky_relu", {"slope": slope}) if slope else Part("relu", {})]
    if slope:
        return [Part("leaky_relu", {"slope": slope}), Part("elementwise", {"operator": "min"}, "most")]
    if call.number("max_value", default=0.0) == 6:
        return [Part("relu6", {})]
    return [Part("elementwise", {"operator": "clip"})]


def _leaky_relu(call: Call) -> Parts:
    return [Part("leaky_relu", {"slope": call.number("negative_slope", "alpha", default=0.3)})]


def _prelu(call: Call) -> Parts:
    """Slopes that no axis shares are those of a vector."""
    shared = set(call.axes("shared_axes")) if call.get("shared_axes") else set()
    spatial = set(range(call.x.rank))
    if shared == spatial:
        return [Part("prelu", {})]
    if shared == spatial | {call.x.rank}:
        return [Part("prelu", {"shared": True})]
    if not shared:
        return back([Part("prelu", {})], call.x, (call.x.units,))
    return unknown(call, call.x, prod(size for axis, size in enumerate(call.x) if axis not in shared))


def _softmax(call: Call) -> Parts:
    return [Part("softmax", {})] if call.is_channels() else _along(call, [Part("softmax", {})])


def _along(call: Call, parts: Parts) -> Parts:
    """What goes along the positions of a sequence in place of its channels."""
    if call.x.rank == 1 and call.axes() == [0]:
        return [Part("transpose", {}, "turned"), *parts, Part("transpose", {}, "back")]
    return unknown(call, call.x)


def _batchnorm(call: Call) -> Parts:
    if call.get("renorm"):
        return unknown(call, call.x)
    settings = {**_flag(call, "scale", "scale"), **_flag(call, "center", "shift")}
    if call.is_channels():
        return [Part("batchnorm", settings)]
    return _along(call, [Part("batchnorm", settings)])


def _flag(call: Call, theirs: str, ours: str) -> dict[str, Any]:
    """A setting that is only said where it is not as usual."""
    return {} if call.flag(theirs, True) else {ours: False}


def _layernorm(call: Call) -> Parts:
    settings = {**_flag(call, "scale", "scale"), **_flag(call, "center", "shift")}
    axes = call.axes()
    if call.get("rms_scaling"):
        return unknown(call, call.x, prod(call.x[axis] for axis in axes))
    first = axes[0]
    if axes != list(range(first, len(call.x))):
        return unknown(call, call.x, (2 - len(settings)) * prod(call.x[axis] for axis in axes))
    if len(axes) == 1:
        return [Part("layernorm", settings)]
    merged = (*call.x[:first], prod(call.x[first:]))
    return back([Part("layernorm", settings)], call.x, merged)


def _rms_norm(call: Call) -> Parts:
    return unknown(call, call.x, prod(call.x[axis] for axis in call.axes()))


def _groupnorm(call: Call) -> Parts:
    if not call.is_channels():
        return unknown(call, call.x)
    settings = {**_flag(call, "scale", "scale"), **_flag(call, "center", "shift")}
    groups = call.count("groups", default=32, least=-1)
    if groups == -1 or (groups == call.x.channels and call.x.rank):  # each channel on its own
        return [Part("instancenorm", {"scale": "scale" not in settings, "shift": "shift" not in settings})]
    return [Part("groupnorm", {"groups": groups, **settings})]


def _unit_norm(call: Call) -> Parts:
    """Divided by its length: the root of the sum of squares."""
    whole = len(call.axes()) == len(call.x)
    if not whole and not call.is_channels():
        return unknown(call, call.x)
    axes = "all" if whole else "channels"
    return [
        Part("reduce", {"operator": "l2", "axes": axes, "keep": True}, "length"),
        Part("elementwise", {"operator": "div"}, takes=(0, "length")),
    ]


def _normalization(call: Call) -> Parts:
    """With figures of its own it only computes; with those of data it keeps them, one mean and variance a channel."""
    if call.get("mean") is not None:
        return [
            Part("elementwise", {"operator": "sub"}, "mean"),
            Part("elementwise", {"operator": "div"}),
        ]
    axis = call.get("axis", default=-1)
    if axis is None or not call.is_channels():
        return unknown(call, call.x)
    note = "Keras keeps one number more, of the values seen"
    return [Part("batchnorm", {"scale": False, "shift": False}, note=note)]


def _rescaling(call: Call) -> Parts:
    parts = [Part("elementwise", {"operator": "mul"})]
    offset = call.get("offset", default=0.0)
    return [*parts, Part("elementwise", {"operator": "add"}, "offset")] if offset not in (0, 0.0) else parts


def _dropout(call: Call) -> Parts:
    return [Part("dropout", {"rate": call.number("rate", "p", default=0.5)})]


def _stochastic_depth(call: Call) -> Parts:
    return [Part("stochastic_depth", {"rate": call.number("drop_path_rate", default=0.0)})]


def _layer_scale(call: Call) -> Parts:
    if call.count("projection_dim") != call.x.channels:
        raise Cause(f"`projection_dim` is not the {call.x.channels} channels of {call.x}")
    return [Part("scale", {})]


def _kind(kind: str) -> Handler:
    return lambda call: [Part(kind, {})]


VALUES: dict[str, Handler] = {
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "PReLU": _prelu,
    "ELU": _kind("elu"),
    "Softmax": _softmax,
    "BatchNormalization": _batchnorm,
    "BatchNormalizationV1": _batchnorm,
    "SyncBatchNormalization": _batchnorm,
    "LayerNormalization": _layernorm,
    "RMSNormalization": _rms_norm,
    "GroupNormalization": _groupnorm,
    "UnitNormalization": _unit_norm,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
    # Of `keras.applications`, which has them for ConvNeXt.
    "LayerScale": _layer_scale,
    "StochasticDepth": _stochastic_depth,
    **dict.fromkeys(
        ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout"),
        _dropout,
    ),
    # What does nothing at inference, or nothing at all.
    **dict.fromkeys(
        (
            "Identity", "GaussianNoise", "ActivityRegularization", "Masking", "RandomFlip", "RandomRotation",
            "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness", "RandomColorJitter",
            "RandomHue", "RandomSaturation", "RandomSharpness", "RandomShear", "RandomErasing", "RandomGrayscale",
            "RandomGaussianBlur", "RandomPerspective", "RandomPosterization", "RandomColorDegeneration",
            "RandomElasticTransform", "RandomInvert", "RandomApply", "Solarization", "RandAugment", "AugMix",
        ),
        kept,
    ),
}  # fmt: skip
