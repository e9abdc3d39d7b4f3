"""Networks as Keras models: the code that is written, what Keras makes of it, and the way back."""

from __future__ import annotations

import ast
from math import prod
from pathlib import Path
from typing import Any

import pytest

from cnnarch import Network, load
from cnnarch.errors import ReadError
from cnnarch.interchange.keras.writing import write
from cnnarch.interchange.program_text import LINE_LENGTH
from tests.keras_models import figures, keras_module, read_back, totals

# Of every way in which code is written one or two, small enough for every run; `zoo` has the rest.
SMALL = (
    "lenet5", "squeezenet1_1", "nin", "mobilenet_v1_0_25", "mobilenet_v2", "mobilenet_v3_small", "mnasnet0_5",
    "efficientnet_b0", "resnet18", "se_resnet50", "densenet121", "googlenet", "inception_v3", "xception", "unet",
    "darknet19", "regnet_y_400mf", "wrn_28_10", "lraspp_mobilenet_v3_large", "shufflenet_v1", "shufflenet_v2_x0_5",
    "resnet20", "yolov8n", "convnext_tiny", "mobilenet_v3_large",
)  # fmt: skip

SHARED = """\
name: shared
input: {left: 16x16x3, right: 16x16x3}
layers:
  - conv: {filters: 8, kernel: 3, stride: 2, padding: half}
    name: first
    from: left
  - conv: {filters: 8, kernel: 3, stride: 2, padding: half}
    name: second
    from: right
    share: first
  - concat:
    from: [first, second]
  - global_avgpool
  - fc: 5
    name: logits
"""
MANY = """\
name: many
input: 24x24x4
layers:
  - maxpool: {kernel: 3, stride: 2, padding: 1}
  - conv: {filters: 8, kernel: [1, 3], padding: [0, 1], dilation: 2, groups: 2}
  - maxpool: {kernel: 3, stride: 2, ceil: true}
  - conv_transpose: {filters: 6, kernel: 3, stride: 2, padding: 1, output_padding: 1}
  - conv_transpose: {filters: 6, kernel: 2, stride: 3, padding: same}
  - groupnorm: 3
  - instancenorm: {scale: true}
  - layernorm: {shift: false}
  - prelu
  - leaky_relu: 0.1
  - hardswish
  - residual:
      - conv: {filters: 6, kernel: 3, padding: same, groups: depthwise}
      - stochastic_depth: 0.1
  - crop: 30
  - pad: [[0, 1], 2]
  - upsample: {factor: 2, mode: bilinear}
  - adaptive_avgpool: 8
  - tokens
  - attention: {heads: 3, units: 12}
  - gru: {units: 5, bidirectional: true}
  - lstm: {units: 7, biases: 1, returns: last}
  - reshape: [1, 1, 7]
  - elementwise: exp
  - global_maxpool
"""

SHADOWS = """\
name: shadows
input: {left: 16x16x3, max: 16x16x3}
settings: {widths: [4, 6], times: 2}
blocks:
  unit:
    settings: {stage: , range: 3, deep: true}
    layers:
      - conv: {filters: stage, kernel: range, padding: half, groups: x.channels if deep else 1}
      - relu
      - max:
        from: [relu, input]
        when: deep
  stage:
    settings: {unit: 2 * times}
    layers:
      - unit: unit
        repeat: times
      - residual:
          - unit: {stage: unit / 1, range: 5, deep: false}
          - batchnorm
        shortcut: drop
layers:
  - conv: {filters: "widths[0]", kernel: 1}
    from: left
    name: first
  - stage:
    name: one
  - conv: {filters: "widths[0]", kernel: 3, padding: half}
    from: max
    name: lambda
  - branches:
      - - maxpool: {kernel: 3, stride: 1, padding: same}
      - - batchnorm
    merge: add
  - add:
    from: [one, lambda]
  - global_avgpool
"""


def build(code: str) -> Any:
    """The model that the last function of a program makes."""
    space: dict[str, Any] = {}
    exec(compile(code, "network", "exec"), space)
    last = [node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)][-1]
    return space[last]()


def agree(network: Network, code: str, folder: Path) -> None:
    """Numbers of the model, of the network, and of what is read back from the model are the same."""
    module = keras_module()
    module.utils.clear_session()
    model = build(code)
    own = [node for node in network.layers if not node.train_only]
    trained = sum(prod(one.shape) for one in model.trainable_weights)
    still = sum(prod(one.shape) for one in model.non_trainable_weights)
    assert (trained, still) == (sum(one.params for one in own), sum(one.buffers for one in own))
    assert sorted(tuple(one.shape[1:]) for one in model.outputs) == sorted(map(tuple, network.outputs.values()))
    back = read_back(model, folder)
    assert totals(back) == (trained, still)
    assert sum(one.macs for one in figures(back).values()) == sum(one.macs for one in own)


def spec(text: str, folder: Path) -> Network:
    path = folder / "net.yaml"
    path.write_text(text, encoding="utf-8")
    return load(str(path))


def test_a_chain_is_a_sequential_and_keeps_names() -> None:
    network = load("lenet5")
    code = write(network.spec, network.graph, "lenet5")
    assert (
        code
        == """import keras
from keras import layers

CLASSES = 10


def lenet5():
    return keras.Sequential(
        [
            keras.Input((32, 32, 1)),
            layers.Conv2D(6, 5, name="c1"),
            layers.Activation("tanh"),
            layers.AveragePooling2D(2, name="s2"),
            layers.Conv2D(16, 5, name="c3"),
            layers.Activation("tanh"),
            layers.AveragePooling2D(2, name="s4"),
            layers.Conv2D(120, 5, name="c5"),
            layers.Activation("tanh"),
            layers.Flatten(),
            layers.Dense(84, name="f6"),
            layers.Activation("tanh"),
            layers.Dense(CLASSES, name="output"),
        ],
        name="lenet5",
    )
"""
    )


def test_blocks_are_functions_and_repeats_are_loops() -> None:
    network = load("resnet50")
    code = write(network.spec, network.graph, "resnet50")
    assert (
        """
def stage(x, mid, repeats, out=None, stride_1x1=1, stride=2, groups=1):
    if out is None:
        out = 4 * mid
    x = bottleneck(x, mid, out=out, stride_1x1=stride_1x1, stride=stride, groups=groups)
    for _ in range(repeats - 1):
        x = bottleneck(x, mid, out=out, groups=groups)
    return x
"""
        in code
    )
    assert "    if shortcut.shape != x.shape:\n        shortcut = conv_bn(shortcut, out, " in code
    assert "cnnarch" not in code


@pytest.mark.parametrize("name", SMALL)
def test_every_line_is_python_and_short(name: str) -> None:
    network = load(name)
    code = write(network.spec, network.graph, name)
    ast.parse(code)
    assert max(map(len, code.split("\n"))) <= LINE_LENGTH
    assert code == write(network.spec, network.graph, name)


def test_what_keras_has_not_is_refused_by_name() -> None:
    network = load("alexnet_2012")
    with pytest.raises(ReadError, match=r"Keras has no layer for `lrn`: lrn1, lrn2"):
        write(network.spec, network.graph, "alexnet_2012")


def test_two_biases_of_a_gate_are_refused_by_name() -> None:
    network = load("crnn")
    with pytest.raises(ReadError, match=r"`lstm \(two biases for a gate\)`: lstm1, lstm2"):
        write(network.spec, network.graph, "crnn")


def test_other_settings_are_those_in_the_code(tmp_path: Path) -> None:
    network = load("resnet18", {"classes": 10})
    code = write(network.spec, network.graph, "resnet18")
    assert "layers.Dense(10)" in code
    del tmp_path


@pytest.mark.keras
@pytest.mark.parametrize("name", SMALL)
def test_networks_are_the_same_in_keras_and_back(name: str, tmp_path: Path) -> None:
    keras_module()
    network = load(name)
    agree(network, write(network.spec, network.graph, name), tmp_path)


@pytest.mark.keras
@pytest.mark.parametrize("text", [SHARED, MANY, SHADOWS])
def test_all_kinds_are_the_same_in_keras_and_back(text: str, tmp_path: Path) -> None:
    keras_module()
    network = spec(text, tmp_path)
    agree(network, write(network.spec, network.graph, "net"), tmp_path)
