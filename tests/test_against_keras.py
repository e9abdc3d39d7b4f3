"""What Keras' summary prints, beside what we say that it prints.

Layers are built, which makes their parameters, and never run. Keras runs on PyTorch here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from cnnarch import Network, Shape, load

pytest.importorskip("torch", reason="PyTorch is not installed; Keras runs on it here")

pytestmark = [pytest.mark.pytorch, pytest.mark.filterwarnings("ignore")]

KERAS_LAYERS: dict[str, Callable[[Any, Any, Shape], Any]] = {
    "conv": lambda layers, layer, x: (layers.Conv1D, layers.Conv2D, layers.Conv3D)[x.rank - 1](
        layer.filters, layer.kernel, groups=layer.split(x), use_bias=layer.bias, padding="same"
    ),
    "conv_transpose": lambda layers, layer, x: layers.Conv2DTranspose(layer.filters, layer.kernel, use_bias=layer.bias),
    "fc": lambda layers, layer, _: layers.Dense(layer.units, use_bias=layer.bias),
    "batchnorm": lambda layers, layer, _: layers.BatchNormalization(scale=layer.scale, center=layer.shift),
    "layernorm": lambda layers, layer, _: layers.LayerNormalization(scale=layer.scale, center=layer.shift),
    "groupnorm": lambda layers, layer, _: layers.GroupNormalization(
        layer.groups, scale=layer.scale, center=layer.shift
    ),
    "embedding": lambda layers, layer, _: layers.Embedding(layer.vocabulary, layer.units),
    "prelu": lambda layers, layer, x: layers.PReLU(shared_axes=list(range(1, x.rank + 1)) or None),
    "gru": lambda layers, layer, _: (layers.Bidirectional if layer.bidirectional else lambda one: one)(
        layers.GRU(layer.units, use_bias=layer.biases > 0, reset_after=layer.biases == 2)
    ),
    "lstm": lambda layers, layer, _: (layers.Bidirectional if layer.bidirectional else lambda one: one)(
        layers.LSTM(layer.units, use_bias=layer.biases > 0)
    ),
    "attention": lambda layers, layer, x: layers.MultiHeadAttention(
        layer.heads, layer.width(x) // layer.heads, use_bias=layer.bias
    ),
}
KERAS_SPEC = """
name: net
input: 12x6
layers:
  - conv: {filters: 8, kernel: 3, padding: same}
  - batchnorm
  - batchnorm: {scale: false}
  - prelu
  - attention: {heads: 2}
  - attention: {heads: 2, units: 4, bias: false}
  - gru: {units: 5, bidirectional: true}
  - gru: {units: 5, biases: 1}
  - lstm: {units: 6, biases: 1}
  - lstm: {units: 3, biases: 0, bidirectional: true}
  - layernorm: {shift: false}
  - groupnorm: 3
  - fc: 7
  - fc: {units: 7, bias: false}
"""
KERAS_NETWORKS = (
    "alexnet_torchvision", "vgg16", "resnet50", "mobilenet_v2", "densenet121", "inception_v3", "efficientnet_b0",
    "xception", "unet", "vit_b_16",
)  # fmt: skip


def keras_model(keras: Any, network: Network) -> Any:
    """A model that has Keras' layers for all of ours that have parameters, built and not run."""
    model = keras.Sequential()
    for node in network.layers:
        if node.params and node.layer.kind not in ("class_token", "position_embedding"):
            shapes = [(None, *shape) for shape in network.graph.shapes(node)]
            layer = KERAS_LAYERS[node.layer.kind](keras.layers, node.layer, network.graph.shapes(node)[0])
            layer.build(*(shapes * 2 if node.layer.kind == "attention" else shapes))
            model._layers.append(layer)
    model.built = True
    return model


def printed(model: Any) -> list[int]:
    """What Keras' summary says: Total, Trainable and Non-trainable params."""
    lines: list[str] = []
    model.summary(print_fn=lambda text, **_: lines.append(text), line_length=200)
    found = re.findall(r"(?:Total|Trainable|Non-trainable) params:\s*([\d,]+)", "\n".join(lines))
    return [int(number.replace(",", "")) for number in found]


@pytest.fixture(scope="module")
def keras() -> Any:
    if find_spec("keras") is None:
        pytest.skip("keras is not installed; .ci/run has its version")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "torch")
        return import_module("keras")


@pytest.mark.parametrize("name", KERAS_NETWORKS)
def test_keras(name: str, keras: Any) -> None:
    network = load(name)
    total, trainable, other = printed(keras_model(keras, network))
    beside = sum(node.params for node in network.layers if node.layer.kind in ("class_token", "position_embedding"))
    figures = [figure.value for figure in network.count_as("keras").figures]
    assert [total + beside, trainable + beside, other] == figures


def test_keras_kinds(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(KERAS_SPEC)
    network = load(str(path))
    assert printed(keras_model(keras, network)) == [figure.value for figure in network.count_as("keras").figures]
