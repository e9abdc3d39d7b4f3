"""Shipped networks: layer by layer, in total, and with other settings and inputs, in figures from elsewhere."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jsonschema
import pytest

from cnnarch import Shape, load
from cnnarch.render.schema import schema

# Layer by layer: output, weights, biases, MACs


class Line(NamedTuple):
    name: str
    output: tuple[int, ...]
    weights: int = 0
    biases: int = 0
    macs: int = 0


# The article's table; its weights have no biases. MACs are places × weights: 55·55·34,848, 23·23·614,400, ...
ALEXNET = [
    Line("conv1", (55, 55, 96), 34848, 96, 105415200),
    Line("pool1", (27, 27, 96)),
    Line("conv2", (23, 23, 256), 614400, 256, 325017600),
    Line("pool2", (11, 11, 256)),
    Line("conv3", (9, 9, 384), 884736, 384, 71663616),
    Line("conv4", (7, 7, 384), 1327104, 384, 65028096),
    Line("conv5", (5, 5, 256), 884736, 256, 22118400),
    Line("pool5", (2, 2, 256)),
    Line("flatten", (1024,)),
    Line("fc1", (4096,), 4194304, 4096, 4194304),
    Line("fc2", (4096,), 16777216, 4096, 16777216),
    Line("fc3", (1000,), 4096000, 1000, 4096000),
]

# The paper's section 3.5 and figure 2: kernels of 11×11×3, 5×5×48, 3×3×256, 3×3×192, 3×3×192.
ALEXNET_2012 = [
    Line("conv1", (55, 55, 96), 34848, 96, 105415200),
    Line("pool1", (27, 27, 96)),
    Line("conv2", (27, 27, 256), 307200, 256, 223948800),
    Line("pool2", (13, 13, 256)),
    Line("conv3", (13, 13, 384), 884736, 384, 149520384),
    Line("conv4", (13, 13, 384), 663552, 384, 112140288),
    Line("conv5", (13, 13, 256), 442368, 256, 74760192),
    Line("pool5", (6, 6, 256)),
    Line("flatten", (9216,)),
    Line("fc1", (4096,), 37748736, 4096, 37748736),
    Line("fc2", (4096,), 16777216, 4096, 16777216),
    Line("fc3", (1000,), 4096000, 1000, 4096000),
]

# The same in one tower: conv2, conv4 and conv5 have twice the weights.
ALEXNET_SINGLE = [
    Line("conv1", (55, 55, 96), 34848, 96, 105415200),
    Line("conv2", (27, 27, 256), 614400, 256, 447897600),
    Line("conv3", (13, 13, 384), 884736, 384, 149520384),
    Line("conv4", (13, 13, 384), 1327104, 384, 224280576),
    Line("conv5", (13, 13, 256), 884736, 256, 149520384),
    Line("fc1", (4096,), 37748736, 4096, 37748736),
]

# Measured with PyTorch 2.13 on torchvision 0.28's alexnet.
ALEXNET_TORCHVISION = [
    Line("conv1", (55, 55, 64), 23232, 64, 70276800),
    Line("pool1", (27, 27, 64)),
    Line("conv2", (27, 27, 192), 307200, 192, 223948800),
    Line("pool2", (13, 13, 192)),
    Line("conv3", (13, 13, 384), 663552, 384, 112140288),
    Line("conv4", (13, 13, 256), 884736, 256, 149520384),
    Line("conv5", (13, 13, 256), 589824, 256, 99680256),
    Line("pool5", (6, 6, 256)),
    Line("adaptive_avgpool", (6, 6, 256)),
    Line("fc1", (4096,), 37748736, 4096, 37748736),
    Line("fc2", (4096,), 16777216, 4096, 16777216),
    Line("fc3", (1000,), 4096000, 1000, 4096000),
]

# The article's remark, computed by hand: 109 = ⌊(224 − 7)/2⌋ + 1, 54, 25, 12, 10, 8, 6, 2.
ZFNET = [
    Line("conv1", (109, 109, 96), 14112, 96, 167664672),
    Line("pool1", (54, 54, 96)),
    Line("conv2", (25, 25, 256), 614400, 256, 384000000),
    Line("pool2", (12, 12, 256)),
    Line("conv3", (10, 10, 512), 1179648, 512, 117964800),
    Line("conv4", (8, 8, 1024), 4718592, 1024, 301989888),
    Line("conv5", (6, 6, 512), 4718592, 512, 169869312),
    Line("pool5", (2, 2, 512)),
    Line("flatten", (2048,)),
    Line("fc1", (4096,), 8388608, 4096, 8388608),
    Line("fc2", (4096,), 16777216, 4096, 16777216),
    Line("fc3", (1000,), 4096000, 1000, 4096000),
]

# The sizes in the paper's figure 3: 110, 55, 26, 13, 13, 13, 13, 6.
ZFNET_2013 = [
    Line("conv1", (110, 110, 96), 14112, 96, 170755200),
    Line("pool1", (55, 55, 96)),
    Line("conv2", (26, 26, 256), 614400, 256, 415334400),
    Line("pool2", (13, 13, 256)),
    Line("conv3", (13, 13, 384), 884736, 384, 149520384),
    Line("conv4", (13, 13, 384), 1327104, 384, 224280576),
    Line("conv5", (13, 13, 256), 884736, 256, 149520384),
    Line("pool5", (6, 6, 256)),
    Line("fc1", (4096,), 37748736, 4096, 37748736),
]

# 512, 512 and 512 filters, then 4096, 1024 and 1000 units; 87,250,536 params in the ONNX model zoo's file.
ZFNET512 = [
    Line("conv1", (109, 109, 96), 14112, 96, 167664672),
    Line("conv2", (25, 25, 256), 614400, 256, 384000000),
    Line("pool2", (12, 12, 256)),
    Line("conv3", (12, 12, 512), 1179648, 512, 169869312),
    Line("conv4", (12, 12, 512), 2359296, 512, 339738624),
    Line("conv5", (12, 12, 512), 2359296, 512, 339738624),
    Line("pool5", (6, 6, 512)),
    Line("fc1", (4096,), 75497472, 4096, 75497472),
    Line("fc2", (1024,), 4194304, 1024, 4194304),
    Line("fc3", (1000,), 1024000, 1000, 1024000),
]

# LeCun et al. 1998, figure 2: C1 28×28, S2 14×14, C3 10×10, S4 5×5, C5 120, F6 84. C1 has the paper's 156 and C5 its
# 48,120 parameters, F6 its 10,164; C3 is connected in full, 2,416 instead of 1,516.
LENET5 = [
    Line("c1", (28, 28, 6), 150, 6, 117600),
    Line("s2", (14, 14, 6)),
    Line("c3", (10, 10, 16), 2400, 16, 240000),
    Line("s4", (5, 5, 16)),
    Line("c5", (1, 1, 120), 48000, 120, 48000),
    Line("f6", (84,), 10080, 84, 10080),
    Line("output", (10,), 840, 10, 840),
]

# Shi et al. 2015, table 1, without its batch normalisation; 4·256·2·(in + 256) weights and 4·256·2·2 biases a layer.
CROP_READER = [
    Line("conv_relu1/conv", (32, 128, 64), 576, 64, 2359296),
    Line("maxpool1", (16, 64, 64)),
    Line("conv_relu2/conv", (16, 64, 128), 73728, 128, 75497472),
    Line("maxpool2", (8, 32, 128)),
    Line("conv_relu3/conv", (8, 32, 256), 294912, 256, 75497472),
    Line("conv_relu4/conv", (8, 32, 256), 589824, 256, 150994944),
    Line("maxpool3", (4, 32, 256)),
    Line("conv_relu5/conv", (4, 32, 512), 1179648, 512, 150994944),
    Line("conv_relu6/conv", (4, 32, 512), 2359296, 512, 301989888),
    Line("maxpool4", (2, 32, 512)),
    Line("columns", (32, 1024)),
    Line("lstm1", (32, 512), 2621440, 4096, 83886080),
    Line("lstm2", (32, 512), 1572864, 4096, 50331648),
    Line("fc", (32, 37), 18944, 37, 606208),
    Line("softmax", (32, 37)),
]

LINES = {
    "alexnet": ALEXNET,
    "alexnet_single": ALEXNET_SINGLE,
    "alexnet_2012": ALEXNET_2012,
    "alexnet_torchvision": ALEXNET_TORCHVISION,
    "zfnet": ZFNET,
    "zfnet_2013": ZFNET_2013,
    "zfnet512": ZFNET512,
    "lenet5": LENET5,
    "crop_reader": CROP_READER,
}


@pytest.mark.parametrize(
    ("name", "line"), [(name, line) for name, lines in LINES.items() for line in lines], ids=lambda one: str(one)[:60]
)
def test_layers(name: str, line: Line) -> None:
    node = load(name).layer(line.name)
    assert node.output == Shape(*line.output)
    assert (node.weights, node.biases, node.macs) == (line.weights, line.biases, line.macs)


def test_alexnet_in_order() -> None:
    """The article's table is the whole network, once element-wise layers are folded in."""
    found = [(row.name, row.output, row.weights, row.flat) for row in load("alexnet").rows(fold=True)]
    flat_at = {"pool5": 1024}
    expected = [
        (line.name, Shape(*line.output), line.weights, flat_at.get(line.name))
        for line in ALEXNET
        if line.name != "flatten"
    ]
    assert found == expected


# Whole networks


class Whole(NamedTuple):
    """Totals that are known from elsewhere; what is None is not."""

    name: str
    why: str
    params: int | None = None
    macs: int | None = None
    weights: int | None = None
    biases: int | None = None
    buffers: int | None = None
    weight_layers: int | None = None
    training_params: int | None = None
    training_buffers: int | None = None


TORCHVISION = "torchvision 0.28 measured with PyTorch 2.13's FLOP counter, 224×224×3"

WHOLE = [
    Whole("alexnet", "the sum of the article's lines, unrounded", 28823912, 614310432, 28813344, 10568, 0, 8),
    Whole("alexnet_single", "Mallick 2018; MACs by hand", 62378344, 1135256096, weight_layers=8),
    Whole("alexnet_2012", "bvlcalexnet in the ONNX model zoo; MACs by hand", 60965224, 724406816, weight_layers=8),
    Whole("zfnet", "the sum of the lines above", weights=40507168, weight_layers=8),
    Whole("zfnet512", "zfnet512 in the ONNX model zoo", 87250536, weight_layers=8),
    Whole("lenet5", "156 + 2,416 + 48,120 + 10,164 + 850", 61706, 416520, weight_layers=5),
    Whole("crop_reader", "the sum of the lines above", 8721189, 892157952, 8711232, 9957, weight_layers=9),
    Whole("vgg13", "torchvision 0.28's model page", 133047848, weight_layers=13),
    Whole("vgg16_localization", "VGG16 and a layer of 4096 → 4", 138357544 + 16388, 15470264320 + 16384,
          weight_layers=17),
    # Measured
    Whole("alexnet_torchvision", TORCHVISION, 61100840, 714188480, buffers=0, weight_layers=8),
    Whole("googlenet", TORCHVISION, 6624904, 1498376192, buffers=14560, weight_layers=58,
          training_params=13004888, training_buffers=15072),
    Whole("mobilenet_v2", TORCHVISION, 3504872, 300774272, buffers=34112, weight_layers=53),
    Whole("resnet50", TORCHVISION, 25557032, 4089184256, buffers=53120, weight_layers=54),
    Whole("vgg11", TORCHVISION, 132863336, 7609090048, buffers=0, weight_layers=11),
    Whole("vgg16", TORCHVISION, 138357544, 15470264320, buffers=0, weight_layers=16),
    Whole("vgg19", TORCHVISION, 143667240, 19632062464, buffers=0, weight_layers=19),
]  # fmt: skip


@pytest.mark.parametrize("whole", WHOLE, ids=lambda one: one.name)
def test_totals(whole: Whole) -> None:
    totals = load(whole.name).totals._asdict()
    known = {key: value for key, value in whole._asdict().items() if key not in ("name", "why") and value is not None}
    assert {key: totals[key] for key in known} == known


def test_vgg16_by_groups() -> None:
    """Parameters by group of convolutions and by fully connected layer; kernels of 3×3 throughout."""
    network = load("vgg16")
    assert {row.name: row.params for row in network.rows(depth=1) if row.params} == {
        "stage1": 38720,  # 1,792 + 36,928
        "stage2": 221440,  # 73,856 + 147,584
        "stage3": 1475328,  # 295,168 + 2·590,080
        "stage4": 5899776,  # 1,180,160 + 2·2,359,808
        "stage5": 7079424,  # 3·2,359,808
        "fc1": 102764544,  # 25,088·4096 + 4096
        "fc2": 16781312,  # 4096·4096 + 4096
        "fc3": 4097000,  # 4096·1000 + 1000
    }
    assert {node.layer.given()["kernel"] for node in network.layers if node.layer.kind == "conv"} == {3}


def test_two_answers_from_one_representation() -> None:
    network = load("vgg16_localization")
    assert network.outputs == {"softmax": Shape(1000), "box": Shape(4)}
    assert network.layer("representation").output == Shape(4096)


def test_heads_that_only_training_needs() -> None:
    """GoogLeNet's auxiliary heads: a convolution that is normalised, and two fully connected layers."""
    network = load("googlenet")
    first = 512 * 128 + 2 * 128 + (2048 + 1) * 1024 + (1024 + 1) * 1000
    second = first + (528 - 512) * 128  # inception 4d has 528 channels, 4a 512
    assert [row.params for row in network.rows(depth=1) if row.train_only] == [first, second]
    totals = network.totals
    assert totals.training_params - totals.params == first + second == 13004888 - 6624904
    assert network.outputs == {"fc": Shape(1000)}


# Other settings and inputs


class Changed(NamedTuple):
    name: str
    settings: dict[str, Any] | None
    inputs: Shape | dict[str, Shape] | None
    total: str
    value: int
    why: str


CHANGED = [
    Changed("vgg16", {"classes": 10}, None, "params", 138357544 - 4097000 + 40970, "4096·10 + 10"),
    Changed("vgg16", {"classes": 10}, None, "macs", 15470264320 - 4096000 + 40960, "4096·10"),
    Changed("vgg16", {"convs": [1, 1, 2, 2, 2]}, None, "params", 132863336, "VGG11 by its setting"),
    Changed("vgg11", {"convs": [2, 2, 4, 4, 4]}, None, "params", 143667240, "VGG19 by its setting"),
    Changed("vgg11", {"classes": 10}, None, "params", 132863336 - 4097000 + 40970, "a setting of what it extends"),
    Changed("alexnet", {"classes": 2}, None, "weights", 28813344 - 4096000 + 8192, "4096·2"),
    Changed("alexnet_single", {"groups": 2}, None, "params", 60965224, "the paper's two towers"),
    Changed("alexnet_2012", {"groups": 1}, None, "macs", 1135256096, "and back"),
    Changed("resnet50", None, Shape(64, 64, 3), "params", 25557032, "they do not depend on the input"),
    # All convolutions lie on maps that shrink from 112, 56, 28, 14 and 7 to 32, 16, 8, 4 and 2: (2/7)² of the work.
    Changed("resnet50", None, Shape(64, 64, 3), "macs", (4089184256 - 2048000) * 4 // 49 + 2048000, "(2/7)² + fc"),
    Changed("resnet50", {"depths": [3, 4, 23, 3]}, None, "params", 44549160, "ResNet-101, torchvision's model page"),
    Changed("resnet50", {"depths": [3, 8, 36, 3]}, None, "params", 60192808, "ResNet-152, torchvision measured"),
    Changed("resnet50", {"depths": [3, 8, 36, 3]}, None, "macs", 11513626624, "ResNet-152, torchvision measured"),
    Changed("mobilenet_v2", {"width": 1.4}, None, "params", 6108776, "torchvision's mobilenet_v2(width_mult=1.4)"),
    Changed("mobilenet_v2", {"width": 0.5}, None, "params", 1968680, "torchvision's mobilenet_v2(width_mult=0.5)"),
    Changed("crop_reader", {"classes": 27}, None, "params", 8721189 - 10 * 513, "10 characters of 512 + 1"),
    Changed("crop_reader", None, Shape(32, 256, 1), "macs", 2 * 892157952, "twice as wide, twice the work"),
    Changed("googlenet", {"classes": 10}, None, "training_params", 13004888 - 3 * 990 * 1025, "three heads"),
    Changed("lenet5", None, {"input": Shape(32, 32, 3)}, "weights", 61470 + 2 * 150, "two more channels in c1"),
]  # fmt: skip


@pytest.mark.parametrize("changed", CHANGED, ids=lambda one: f"{one.name}-{one.settings or one.inputs}-{one.total}")
def test_settings_and_inputs(changed: Changed) -> None:
    network = load(changed.name, changed.settings, changed.inputs)
    assert getattr(network.totals, changed.total) == changed.value, changed.why
    assert network.published() == []  # its figures are those of the network as it was published


def test_vgg16_does_not_take_every_input() -> None:
    """Five pools halve 224 to 7; from 192 they leave 6, and the first fully connected layer shrinks."""
    smaller = load("vgg16", inputs=Shape(192, 192, 3)).totals
    assert smaller.params == 138357544 - (49 - 36) * 512 * 4096


@functools.cache
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema())


@pytest.mark.parametrize(
    "entry",
    [
        {"conv": {"filters": 8}},
        {"conv": {"filters": 8, "kernel": 3, "strides": 2}},
        {"conv": {"filters": 8, "kernel": 0}},
        {"relu": None, "nme": "a"},
        {"relu": None, "tanh": None},
        {"branches": [[]]},
        {"relu": None, "repeat": -1},
        {},
    ],
)
def test_the_schema_refuses(entry: dict[str, Any]) -> None:
    """So that the shipped specs' passing says something."""
    spec = {"name": "Net", "input": "8x8x3", "layers": [entry]}
    assert not validator().is_valid(spec)
