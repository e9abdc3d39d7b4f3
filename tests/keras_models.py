"""Small models of every layer class of Keras that has one of our kinds, and comparing what was read of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import pytest

from cnnarch.interchange.keras.reading import read
from cnnarch.interchange.keras.reading_names import safe
from cnnarch.interchange.model import Model
from cnnarch.layers import KINDS, Figures
from cnnarch.shapes import Shape

__all__ = ["MODELS", "UNKNOWN", "compare", "figures", "keras_module", "read_back", "totals"]


def keras_module() -> Any:
    """Keras, on PyTorch unless something else is asked for."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    if find_spec("keras") is None:
        pytest.skip("Keras is not installed")
    return import_module("keras")


def chain(shape: tuple[int | None, ...], layer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A model of one layer."""

    def build(keras: Any) -> Any:
        x = keras.Input(shape)
        return keras.Model(x, layer(keras.layers)(x))

    return build


def _of(name: str, shape: tuple[int | None, ...], **settings: Any) -> Callable[[Any], Any]:
    return chain(shape, lambda layers: getattr(layers, name)(**settings))


def _merged(name: str, *shapes: tuple[int, ...], **settings: Any) -> Callable[[Any], Any]:
    def build(keras: Any) -> Any:
        inputs = [keras.Input(shape) for shape in shapes]
        return keras.Model(inputs, getattr(keras.layers, name)(**settings)(inputs))

    return build


def _function(shape: tuple[int, ...], function: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    def build(keras: Any) -> Any:
        x = keras.Input(shape)
        return keras.Model(x, function(keras, x))

    return build


def _shared(keras: Any) -> Any:
    left, right = keras.Input((32, 32, 3), name="left"), keras.Input((32, 32, 3), name="right")
    inner = keras.Sequential(
        [keras.Input((32, 32, 3)), keras.layers.Conv2D(8, 3, activation="relu"), keras.layers.BatchNormalization()],
        name="tower",
    )
    head = keras.layers.Dense(4, name="head")
    first, second = (keras.layers.GlobalAveragePooling2D()(inner(x)) for x in (left, right))
    return keras.Model([left, right], [head(first), head(second), keras.layers.Subtract()([first, second])])


def _nested(keras: Any) -> Any:
    x = keras.Input((16, 16, 4))
    a, b = keras.layers.Conv2D(6, 3, strides=2)(x), keras.layers.Conv2D(6, 1, strides=2)(x)
    inner = keras.Model(x, [a, b], name="inner")
    outer = keras.Input((16, 16, 4))
    first, second = inner(outer)
    joined = keras.layers.Concatenate()([keras.layers.ZeroPadding2D(((0, 1), (1, 0)))(first), second])
    return keras.Model(outer, keras.layers.Dense(3)(keras.layers.Flatten()(joined)))


def _attended(keras: Any, **settings: Any) -> Any:
    queries, memory = keras.Input((5, 16)), keras.Input((9, 12))
    layer = keras.layers.MultiHeadAttention(**{"num_heads": 4, "key_dim": 4, **settings})
    return keras.Model([queries, memory], layer(queries, memory))


def _both_ways(mode: str, layers: Any) -> Any:
    return layers.Bidirectional(layers.GRU(5, return_sequences=True), mode)


def _at_steps(name: str, shape: tuple[int, ...], **settings: Any) -> Callable[[Any], Any]:
    return chain(shape, lambda layers: layers.TimeDistributed(getattr(layers, name)(**settings)))


def _channels_first(keras: Any) -> Any:
    layers, first = keras.layers, {"data_format": "channels_first"}
    x = y = keras.Input((3, 20, 24))
    for layer in (
        layers.ZeroPadding2D(((1, 2), (3, 4)), **first), layers.Conv2D(8, 3, strides=2, **first),
        layers.BatchNormalization(axis=1), layers.DepthwiseConv2D(3, padding="same", **first),
        layers.Conv2DTranspose(6, 3, strides=2, **first), layers.MaxPooling2D((3, 2), **first),
        layers.UpSampling2D((1, 2), **first), layers.Cropping2D(((0, 1), (1, 1)), **first),
        layers.PReLU(shared_axes=(2, 3)),
    ):  # fmt: skip
        y = layer(y)
    y = layers.Concatenate(axis=1)([y, layers.Conv2D(4, 1, activation="tanh", **first)(y)])
    return keras.Model(x, [layers.Dense(5)(layers.Flatten()(y)), layers.GlobalMaxPooling2D(**first)(y)])


def _sequential(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)), layers.Conv2D(6, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(2), layers.Conv2D(16, 5, activation="tanh"), layers.AveragePooling2D(2),
            layers.Flatten(), layers.Dense(120, activation="tanh"), layers.Dropout(0.5), layers.Dense(10, "softmax"),
        ],
        name="lenet",
    )  # fmt: skip


IMAGE = (17, 19, 6)
MODELS: dict[str, Callable[[Any], Any]] = {
    "conv1d_causal": _of("Conv1D", (20, 4), filters=8, kernel_size=3, dilation_rate=2, padding="causal"),
    "conv1d_same": _of("Conv1D", (20, 4), filters=8, kernel_size=4, strides=3, padding="same"),
    "conv2d_groups": _of("Conv2D", IMAGE, filters=9, kernel_size=(3, 5), groups=3, use_bias=False),
    "conv2d_dilated": _of("Conv2D", IMAGE, filters=9, kernel_size=3, dilation_rate=(2, 3), padding="same"),
    "conv2d_same": _of("Conv2D", IMAGE, filters=9, kernel_size=(4, 3), strides=(2, 3), padding="same"),
    "conv2d_activation": _of("Conv2D", IMAGE, filters=9, kernel_size=1, activation="softmax"),
    "conv3d": _of("Conv3D", (7, 9, 11, 3), filters=4, kernel_size=(1, 3, 2), strides=2),
    **{
        f"conv{rank}d_transpose_{padding}_{kernel}_{stride}_{extra}": _of(
            f"Conv{rank}DTranspose", (*(5, 7, 6)[:rank], 4), filters=6, kernel_size=kernel, strides=stride,
            padding=padding, output_padding=extra,
        )
        for rank, kernel, stride, extra in ((1, 3, 2, None), (2, 3, 2, 1), (2, 4, 2, None), (2, 2, 3, None),
                                            (2, 1, 2, None), (3, 3, 2, None), (2, 5, 2, 0))
        for padding in ("valid", "same")
    },
    "conv2d_transpose_dilated": _of("Conv2DTranspose", IMAGE, filters=4, kernel_size=3, dilation_rate=2),
    "depthwise1d": _of("DepthwiseConv1D", (20, 4), kernel_size=3, depth_multiplier=2),
    "depthwise2d": _of("DepthwiseConv2D", IMAGE, kernel_size=3, strides=2, depth_multiplier=3, activation="relu6"),
    "separable1d": _of("SeparableConv1D", (20, 4), filters=7, kernel_size=3, depth_multiplier=2),
    "separable2d": _of("SeparableConv2D", IMAGE, filters=8, kernel_size=3, padding="same", activation="gelu"),
    **{
        f"{name}{rank}d": _of(f"{cls}{rank}D", (*(9, 8, 7)[:rank], 3), **settings)
        for rank in (1, 2, 3)
        for name, cls, settings in (
            ("maxpool", "MaxPooling", {"pool_size": 3, "strides": 2}),
            ("maxpool_same", "MaxPooling", {"padding": "same"}),
            ("avgpool", "AveragePooling", {"pool_size": 2}),
            ("global_max", "GlobalMaxPooling", {}),
            ("global_avg", "GlobalAveragePooling", {}),
            ("global_avg_kept", "GlobalAveragePooling", {"keepdims": True}),
            ("upsampling", "UpSampling", {}),
            ("pad", "ZeroPadding", {}),
            ("crop", "Cropping", {}),
        )
    },
    "adaptive_avg": _of("AdaptiveAveragePooling2D", IMAGE, output_size=(4, 5)),
    "adaptive_max": _of("AdaptiveMaxPooling2D", IMAGE, output_size=4),
    "upsampling_bilinear": _of("UpSampling2D", IMAGE, size=(2, 3), interpolation="bilinear"),
    "resizing": _of("Resizing", IMAGE, height=8, width=9),
    "center_crop": _of("CenterCrop", IMAGE, height=8, width=9),
    "pad_sides": _of("ZeroPadding2D", IMAGE, padding=((0, 1), (2, 3))),
    "pad1d_sides": _of("ZeroPadding1D", (20, 4), padding=(0, 3)),
    "crop_sides": _of("Cropping2D", IMAGE, cropping=((2, 0), (0, 3))),
    "batchnorm": _of("BatchNormalization", IMAGE),
    "batchnorm_plain": _of("BatchNormalization", IMAGE, scale=False, center=False),
    "batchnorm_places": _of("BatchNormalization", (20, 4), axis=1),
    "layernorm": _of("LayerNormalization", IMAGE, center=False),
    "layernorm_all": _of("LayerNormalization", IMAGE, axis=[1, 2, 3]),
    "layernorm_two": _of("LayerNormalization", IMAGE, axis=[2, 3]),
    "groupnorm": _of("GroupNormalization", IMAGE, groups=3),
    "instancenorm": _of("GroupNormalization", IMAGE, groups=-1, scale=False),
    "unit_norm": _of("UnitNormalization", IMAGE),
    "unit_norm_vector": _of("UnitNormalization", (12,)),
    "normalization": _of("Normalization", IMAGE),
    "normalization_given": _of("Normalization", IMAGE, mean=[1.0] * 6, variance=[2.0] * 6),
    "rescaling": _of("Rescaling", IMAGE, scale=1 / 127.5, offset=-1.0),
    **{
        f"activation_{name}": _of("Activation", IMAGE, activation=name)
        for name in ("relu", "relu6", "elu", "selu", "softplus", "softsign", "sigmoid", "tanh", "softmax",
                     "exponential", "hard_sigmoid", "hard_silu", "silu", "gelu", "mish", "leaky_relu",
                     "log_softmax", "celu")
    },
    "relu6": _of("ReLU", IMAGE, max_value=6.0),
    "relu_leaky": _of("ReLU", IMAGE, negative_slope=0.1),
    "relu_clipped": _of("ReLU", IMAGE, max_value=4.0),
    "leaky_relu": _of("LeakyReLU", IMAGE, negative_slope=0.1),
    "prelu": _of("PReLU", IMAGE),
    "prelu_shared": _of("PReLU", IMAGE, shared_axes=[1, 2]),
    "prelu_single": _of("PReLU", IMAGE, shared_axes=[1, 2, 3]),
    "elu": _of("ELU", IMAGE),
    "softmax": _of("Softmax", IMAGE),
    "softmax_places": _of("Softmax", (9, 4), axis=1),
    "dense_image": _of("Dense", IMAGE, units=7, activation="silu"),
    "dense_sequence": _of("Dense", (9, 4), units=7, use_bias=False),
    "flatten": _of("Flatten", IMAGE),
    "reshape": _of("Reshape", (12, 6), target_shape=(3, -1, 8)),
    "permute_sequence": _of("Permute", (9, 4), dims=(2, 1)),
    "permute_back": _of("Permute", IMAGE, dims=(3, 1, 2)),
    "permute_front": _of("Permute", IMAGE, dims=(2, 3, 1)),
    "repeat": _of("RepeatVector", (12,), n=5),
    "dropout": _of("SpatialDropout2D", IMAGE, rate=0.3),
    "add": _merged("Add", IMAGE, IMAGE, IMAGE),
    "add_spread": _merged("Add", IMAGE, (1, 19, 1)),
    "multiply_gate": _merged("Multiply", IMAGE, (1, 1, 6)),
    "maximum": _merged("Maximum", IMAGE, IMAGE),
    "minimum": _merged("Minimum", IMAGE, IMAGE),
    "average": _merged("Average", IMAGE, IMAGE, IMAGE),
    "subtract": _merged("Subtract", IMAGE, IMAGE),
    "concat": _merged("Concatenate", IMAGE, (17, 19, 2)),
    "concat_rows": _merged("Concatenate", IMAGE, (3, 19, 6), axis=1),
    "concat_columns": _merged("Concatenate", IMAGE, (17, 2, 6), (17, 1, 6), axis=2),
    "concat_sequences": _merged("Concatenate", (9, 4), (5, 4), axis=1),
    "dot_vectors": _merged("Dot", (12,), (12,), axes=1),
    "dot_likeness": _merged("Dot", (9, 4), (5, 4), axes=2),
    "dot_places": _merged("Dot", (9, 4), (9, 6), axes=1),
    "dot_product": _merged("Dot", (9, 4), (4, 6), axes=(2, 1)),
    "embedding": _of("Embedding", (25,), input_dim=97, output_dim=16),
    "lstm": _of("LSTM", (9, 4), units=5),
    "lstm_sequence": _of("LSTM", (9, 4), units=5, return_sequences=True, use_bias=False),
    "gru": _of("GRU", (9, 4), units=5),
    "gru_before": _of("GRU", (9, 4), units=5, reset_after=False, return_sequences=True),
    "rnn_cell": chain((9, 4), lambda layers: layers.RNN(layers.LSTMCell(5), return_sequences=True)),
    **{
        f"bidirectional_{mode}": chain(
            (9, 4), partial(_both_ways, mode)
        )
        for mode in ("concat", "sum", "mul", "ave")
    },
    "attention": _attended,
    "attention_wide": lambda keras: _attended(keras, key_dim=7, use_bias=False),
    "attention_layer": _merged("Attention", (5, 16), (9, 16)),
    "steps_dense": _at_steps("Dense", (5, 8), units=3),
    "steps_conv": _at_steps("Conv2D", (5, 9, 9, 2), filters=3, kernel_size=3, strides=2, padding="same"),
    "steps_conv_odd": _at_steps("Conv2D", (5, 9, 8, 2), filters=3, kernel_size=(1, 3), activation="relu"),
    "steps_pool": _at_steps("MaxPooling2D", (5, 9, 9, 2)),
    "steps_flatten": _at_steps("Flatten", (5, 9, 9, 2)),
    "steps_global": _at_steps("GlobalAveragePooling2D", (5, 9, 9, 2)),
    "steps_norm": _at_steps("BatchNormalization", (5, 9, 9, 2)),
    "op_arithmetic": _function(IMAGE, lambda keras, x: 1.0 - (x * 0.5 + x) / 3.0),
    "op_reduce": _function(IMAGE, lambda keras, x: keras.ops.sum(x, axis=[1, 2], keepdims=True)),
    "op_mean": _function(IMAGE, lambda keras, x: keras.ops.mean(x, axis=(1, 2))),
    "op_channels": _function(IMAGE, lambda keras, x: keras.ops.max(x, axis=-1)),
    "op_reshape": _function(IMAGE, lambda keras, x: keras.ops.reshape(x, (-1, 19, 102))),
    "op_transpose": _function((9, 4), lambda keras, x: keras.ops.transpose(x, (0, 2, 1))),
    "op_squeeze": _function((1, 1, 4), lambda keras, x: keras.ops.squeeze(x, (1, 2))),
    "op_expand": _function((9, 4), lambda keras, x: keras.ops.expand_dims(x, 1)),
    "op_matmul": _function((9, 4), lambda keras, x: keras.ops.matmul(x, keras.ops.transpose(x, (0, 2, 1)))),
    "op_pad": _function(IMAGE, lambda keras, x: keras.ops.pad(x, ((0, 0), (1, 2), (0, 3), (0, 0)))),
    "op_concat": _function((9, 4), lambda keras, x: keras.ops.concatenate([x, keras.ops.exp(x)], axis=1)),
    "op_activations": _function(IMAGE, lambda keras, x: keras.ops.relu6(keras.ops.silu(x))),
    "op_pad_channels": _function(IMAGE, lambda keras, x: keras.ops.pad(x, ((0, 0), (0, 0), (1, 1), (2, 1)))),
    "op_slice": _function(IMAGE, lambda keras, x: x[..., 2:5] * x[..., -3:]),
    "op_select": _function((9, 4), lambda keras, x: x[:, 3]),
    "einsum_scale": _of("EinsumDense", IMAGE, equation="abcd,d->abcd", output_shape=(17, 19, 6), bias_axes="d"),
    "einsum_dense": _of("EinsumDense", (9, 4), equation="abc,cd->abd", output_shape=(9, 5), activation="gelu"),
    "permute_groups": _of("Permute", (4, 5, 2, 3), dims=(1, 2, 4, 3)),
    "shared": _shared,
    "nested": _nested,
    "channels_first": _channels_first,
    "sequential": _sequential,
}  # fmt: skip

# What we have no kind for: its shape is known, its work is not counted; the weights that Keras has, or None for some.
UNKNOWN: dict[str, tuple[Callable[[Any], Any], int]] = {
    "simple_rnn": (_of("SimpleRNN", (9, 4), units=5), 50),  # 5·4 + 5·5 + 5
    "rms_norm": (_of("RMSNormalization", IMAGE), 6),
    "resizing_area": (_of("Resizing", IMAGE, height=8, width=9, interpolation="lanczos5"), 0),
    "permute_images": (_of("Permute", IMAGE, dims=(2, 1, 3)), 0),
    "prelu_rows": (_of("PReLU", IMAGE, shared_axes=[1]), 114),  # 19·6
    "tanh_shrink": (_of("Activation", IMAGE, activation="tanh_shrink"), 0),
}


def read_back(model: Any, folder: Path, inputs: Shape | None = None) -> Model:
    path = folder / "model.json"
    path.write_text(model.to_json(), encoding="utf-8")
    return read(str(path), inputs)


def figures(model: Model) -> dict[str, Figures]:
    """The figures of every entry."""
    shapes = dict(model.inputs)
    found = {}
    for entry in model.entries:
        one = KINDS[entry.kind](**entry.settings).figures(tuple(shapes[name] for name in entry.sources))
        shapes[entry.name] = one.output
        found[entry.name] = one
    return found


def totals(model: Model) -> tuple[int, int]:
    """Parameters and buffers."""
    found = figures(model)
    own = [found[entry.name] for entry in model.entries if not entry.share]
    return sum(one.params for one in own), sum(one.buffers for one in own)


def compare(keras_model: Any, model: Model) -> int:
    """Compare layer by layer with what Keras says of itself; returns how many layers were compared."""
    found = figures(model)
    first = {entry.name for entry in model.entries if not entry.share}
    parts = getattr(keras_model, "operations", None) or keras_model.layers  # with `x * 0.5`, which is no layer
    layers = {safe(layer.name): layer for layer in parts if type(layer).__name__ != "InputLayer"}
    groups: dict[str, list[str]] = {name: [] for name in layers}
    for name in found:
        owners = [one for one in layers if name == one or name.startswith((f"{one}_", f"{one}/"))]
        groups[max(owners, key=len)].append(name)
    for name, members in groups.items():
        layer, own = layers[name], [found[member] for member in members if member in first]
        trained = sum(prod(weight.shape) for weight in getattr(layer, "trainable_weights", ()))
        still = sum(prod(weight.shape) for weight in getattr(layer, "non_trainable_weights", ()))
        assert sum(one.params for one in own) == trained, name
        assert sum(one.buffers for one in own) == still - _counters(layer), name
        if members and len(layer._inbound_nodes) == 1 and not isinstance(layer.output, (list, tuple)):
            assert tuple(layer.output.shape[1:]) in _orders(found[members[-1]].output), name
    return len(layers)


def _counters(layer: Any) -> int:
    """How many layers in it keep the number of values seen, which is no part of what they compute."""
    inside = layer._flatten_layers() if hasattr(layer, "_flatten_layers") else ()
    return sum(1 for one in inside if type(one).__name__ == "Normalization" and one.weights)


def _orders(shape: Shape) -> tuple[tuple[int, ...], ...]:
    """As Keras may have it: the channels last, or first."""
    return tuple(shape), (shape[-1], *shape[:-1])
