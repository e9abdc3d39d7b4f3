"""Every layer kind on its own: output shape, weights, biases, buffers and MACs, written out."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from cnnarch.errors import Cause
from cnnarch.layers import KINDS, Figures, Layer
from cnnarch.shapes import Shape

Axes = tuple[int, ...]

# Where a number comes from. "measured" is PyTorch 2.13: shapes and parameters of the module itself, MACs as half of
# what torch.utils.flop_counter says; tests/test_against_pytorch.py does it again on random settings.
D_V = "Dumoulin & Visin 2016, arXiv:1603.07285"
TORCH = "the example in the documentation of torch.nn, measured"
KERAS = "the example in the documentation of Keras"


class Case(NamedTuple):
    """A layer on one input; `why` says where the numbers come from."""

    kind: str
    settings: dict[str, Any]
    x: Axes
    output: Axes
    weights: int
    biases: int
    buffers: int
    macs: int
    why: str

    def __str__(self) -> str:
        settings = ",".join(f"{name}={value}" for name, value in self.settings.items())
        return f"{self.kind}({settings})-{'x'.join(map(str, self.x))}".replace(" ", "")


def small(settings: dict[str, Any], x: Axes, output: Axes, weights: int, macs: int, why: str) -> Case:
    """A convolution with one filter, and so one bias."""
    return Case("conv", {"filters": 1, **settings}, x, output, weights, 1, 0, macs, why)


def free(kind: str, settings: dict[str, Any], x: Axes, output: Axes, why: str) -> Case:
    """A layer that has no weights and does no multiply-adds."""
    return Case(kind, settings, x, output, 0, 0, 0, 0, why)


CONV = [
    # Networks
    Case("conv", {"filters": 96, "kernel": 11, "stride": 4}, (227, 227, 3), (55, 55, 96), 34848, 96, 0, 105415200,
         "Krizhevsky et al. 2012: 96 kernels of 11×11×3 with a stride of 4; 55·55·34,848"),
    Case("conv", {"filters": 64, "kernel": 11, "stride": 4, "padding": 2}, (224, 224, 3), (55, 55, 64),
         23232, 64, 0, 70276800, "torchvision's alexnet, features.0, measured"),
    Case("conv", {"filters": 256, "kernel": 5, "padding": 2, "groups": 2}, (27, 27, 96), (27, 27, 256),
         307200, 256, 0, 223948800, "Krizhevsky et al. 2012: 256 kernels of 5×5×48; 27·27·307,200"),
    Case("conv", {"filters": 64, "kernel": 7, "stride": 2, "padding": "half", "bias": False}, (224, 224, 3),
         (112, 112, 64), 9408, 0, 0, 118013952, "torchvision's resnet50, conv1, measured"),
    Case("conv", {"filters": 256, "kernel": 1, "bias": False}, (56, 56, 64), (56, 56, 256), 16384, 0, 0, 51380224,
         "torchvision's resnet50, layer1.0.conv3, measured"),
    Case("conv", {"filters": 32, "kernel": 3, "padding": 1, "groups": "depthwise", "bias": False}, (112, 112, 32),
         (112, 112, 32), 288, 0, 0, 3612672, "torchvision's mobilenet_v2, features.1.conv.0.0, measured"),
    Case("conv", {"filters": 128, "kernel": [1, 7], "padding": [0, 3], "bias": False}, (17, 17, 128), (17, 17, 128),
         114688, 0, 0, 33144832, "torchvision's inception_v3, Mixed_6b.branch7x7_2 (1×7), measured"),
    Case("conv", {"filters": 64, "kernel": 3, "padding": 1}, (16, 112, 112, 3), (16, 112, 112, 64), 5184, 64, 0,
         1040449536, "C3D's first layer, Tran et al. 2014, arXiv:1412.0767; 3·3·3·3·64 and 16·112·112·5,184"),
    # One, two and three axes
    Case("conv", {"filters": 33, "kernel": 3, "stride": 2}, (50, 16), (24, 33), 1584, 33, 0, 38016, TORCH),
    Case("conv", {"filters": 33, "kernel": [3, 5], "stride": [2, 1], "padding": [4, 2]}, (50, 100, 16), (28, 100, 33),
         7920, 33, 0, 22176000, TORCH),
    Case("conv", {"filters": 33, "kernel": [3, 5], "stride": [2, 1], "padding": [4, 2], "dilation": [3, 1]},
         (50, 100, 16), (26, 100, 33), 7920, 33, 0, 20592000, TORCH),
    Case("conv", {"filters": 33, "kernel": [3, 5, 2], "stride": [2, 1, 1], "padding": [4, 2, 0]}, (10, 50, 100, 16),
         (8, 50, 99, 33), 15840, 33, 0, 627264000, TORCH),
    # Groups
    Case("conv", {"filters": 8, "kernel": 3, "groups": "depthwise"}, (10, 10, 4), (8, 8, 8), 72, 8, 0, 4608,
         "two filters a channel: 3·3·1·8 weights, 8·8·72 MACs; measured with groups=4"),
    Case("conv", {"filters": 9, "kernel": 3, "groups": 3}, (10, 6), (8, 9), 54, 9, 0, 432,
         "3·(6/3)·9 weights, 8·54 MACs"),
    Case("conv", {"filters": 2, "kernel": 3, "groups": "depthwise"}, (4, 4, 4, 2), (2, 2, 2, 2), 54, 2, 0, 432,
         "3·3·3·1·2 weights, 2·2·2·54 MACs"),
    Case("conv", {"filters": 5, "kernel": 1, "groups": "depthwise"}, (4, 4, 1), (4, 4, 5), 5, 5, 0, 80,
         "depthwise on one channel is an ordinary convolution"),
    # Padding and stride: the guide's own figures, with one filter of 3·3 or 4·4 weights on one channel
    small({"kernel": 3}, (4, 4, 1), (2, 2, 1), 9, 36, f"{D_V}, figure 2.1"),
    small({"kernel": 4, "padding": 2}, (5, 5, 1), (6, 6, 1), 16, 576, f"{D_V}, figure 2.2"),
    small({"kernel": 3, "padding": "half"}, (5, 5, 1), (5, 5, 1), 9, 225, f"{D_V}, figure 2.3"),
    small({"kernel": 3, "padding": 2}, (5, 5, 1), (7, 7, 1), 9, 441, f"{D_V}, figure 2.4"),
    small({"kernel": 3, "stride": 2}, (5, 5, 1), (2, 2, 1), 9, 36, f"{D_V}, figure 2.5"),
    small({"kernel": 3, "stride": 2, "padding": 1}, (5, 5, 1), (3, 3, 1), 9, 81, f"{D_V}, figure 2.6"),
    small({"kernel": 3, "stride": 2, "padding": 1}, (6, 6, 1), (3, 3, 1), 9, 81, f"{D_V}, figure 2.7"),
    small({"kernel": 3, "dilation": 2}, (7, 7, 1), (3, 3, 1), 9, 81, f"{D_V}, figure 5.1"),
    # Padding: other forms
    small({"kernel": 3, "padding": [1, 2]}, (5, 5, 1), (5, 7, 1), 9, 315, "5 + 2 − 3 + 1 and 5 + 4 − 3 + 1"),
    small({"kernel": 3, "padding": [[0, 1], [2, 0]]}, (5, 6, 1), (4, 6, 1), 9, 216, "5 + 1 − 3 + 1 and 6 + 2 − 3 + 1"),
    small({"kernel": 3, "padding": [[0, 1], 2]}, (5, 6, 1), (4, 8, 1), 9, 288, "5 + 1 − 3 + 1 and 6 + 4 − 3 + 1"),
    small({"kernel": 2, "padding": 3}, (1, 1, 1), (6, 6, 1), 4, 144, "1 + 6 − 2 + 1; a window may lie on padding"),
    small({"kernel": 3, "padding": "valid", "dilation": 2}, (10, 10, 1), (6, 6, 1), 9, 324,
          "the effective kernel is 5: 10 − 5 + 1; some counters forget it and say 8"),
    small({"kernel": 1, "stride": 3}, (10, 10, 1), (4, 4, 1), 1, 16, "⌊(10 − 1)/3⌋ + 1"),
    Case("conv", {"filters": 8, "kernel": 3, "padding": [[2, 0]]}, (10, 4), (10, 8), 96, 8, 0, 960,
         "Keras' causal padding: 2 before, 0 after"),
    Case("conv", {"filters": 2, "kernel": 3, "dilation": 2, "padding": "half"}, (33, 33, 4), (33, 33, 2), 72, 2, 0,
         78408, "d(k − 1)/2 = 2 on each side keeps the size; 33·33·72"),
    # Same: ⌈in/stride⌉
    Case("conv", {"filters": 2, "kernel": 3}, (28, 28, 3), (26, 26, 2), 54, 2, 0, 36504, KERAS),
    Case("conv", {"filters": 2, "kernel": 3, "dilation": 2}, (28, 28, 3), (24, 24, 2), 54, 2, 0, 31104, KERAS),
    Case("conv", {"filters": 2, "kernel": 3, "padding": "same"}, (28, 28, 3), (28, 28, 2), 54, 2, 0, 42336, KERAS),
    small({"kernel": 2, "padding": "same"}, (32, 32, 1), (32, 32, 1), 4, 4096, "⌈32/1⌉; some counters say 31"),
    small({"kernel": 2, "stride": 2, "padding": "same"}, (7, 7, 1), (4, 4, 1), 4, 64, "⌈7/2⌉"),
    small({"kernel": 3, "stride": 2, "padding": "same"}, (224, 224, 1), (112, 112, 1), 9, 112896, "⌈224/2⌉"),
    small({"kernel": 3, "stride": 2, "padding": "same"}, (7, 1), (4, 1), 3, 12, "⌈7/2⌉"),
    small({"kernel": 1, "stride": 2, "padding": "same"}, (10, 10, 1), (5, 5, 1), 1, 25, "⌈10/2⌉, nothing to pad"),
    small({"kernel": 3, "dilation": 3, "padding": "same"}, (5, 5, 1), (5, 5, 1), 9, 225, "⌈5/1⌉"),
    small({"kernel": 5, "stride": 1, "padding": "same"}, (2, 2, 1), (2, 2, 1), 25, 100, "⌈2/1⌉, a larger kernel"),
]  # fmt: skip

UP = {"filters": 64, "kernel": 3, "stride": 2}

CONV_TRANSPOSE = [
    # 10 with kernel 3 and stride 2, the case on which frameworks differ; 3·3·32·64 weights at 10·10 input places
    Case("conv_transpose", UP, (10, 10, 32), (21, 21, 64), 18432, 64, 0, 1843200, "(10 − 1)·2 + 3, measured"),
    Case("conv_transpose", {**UP, "padding": 1}, (10, 10, 32), (19, 19, 64), 18432, 64, 0, 1843200,
         "(10 − 1)·2 + 3 − 2, measured; what is cut off is computed"),
    Case("conv_transpose", {**UP, "padding": 1, "output_padding": 1}, (10, 10, 32), (20, 20, 64), 18432, 64, 0,
         1843200, "(10 − 1)·2 + 3 − 2 + 1, measured"),
    Case("conv_transpose", {**UP, "padding": "same"}, (10, 10, 32), (20, 20, 64), 18432, 64, 0, 1843200,
         "Keras' rule for same, 10·2"),
    # Networks
    Case("conv_transpose", {"filters": 512, "kernel": 2, "stride": 2}, (28, 28, 1024), (56, 56, 512), 2097152, 512, 0,
         1644167168, "U-Net's first up-convolution, arXiv:1505.04597, figure 1; 28·28·2·2·1024·512"),
    Case("conv_transpose", {"filters": 1024, "kernel": 4, "bias": False}, (1, 1, 100), (4, 4, 1024), 1638400, 0, 0,
         1638400, "DCGAN's generator, arXiv:1511.06434, figure 1; 4·4·100·1024 on one place"),
    Case("conv_transpose", {"filters": 512, "kernel": 4, "stride": 2, "padding": 1, "bias": False}, (4, 4, 1024),
         (8, 8, 512), 8388608, 0, 0, 134217728, "the same, second layer: (4 − 1)·2 + 4 − 2"),
    # One, two and three axes
    Case("conv_transpose", {"filters": 33, "kernel": [3, 5], "stride": [2, 1], "padding": [4, 2]}, (50, 100, 16),
         (93, 100, 33), 7920, 33, 0, 39600000, TORCH),
    Case("conv_transpose", {"filters": 33, "kernel": [3, 5, 2], "stride": [2, 1, 1], "padding": [0, 4, 2]},
         (10, 50, 100, 16), (21, 46, 97, 33), 15840, 33, 0, 792000000, TORCH),
    Case("conv_transpose", {"filters": 5, "kernel": 4, "stride": 3, "dilation": 2}, (7, 3), (25, 5), 60, 5, 0, 420,
         "(7 − 1)·3 + 2·(4 − 1) + 1; 7·4·3·5"),
    # Groups
    Case("conv_transpose", {"filters": 12, "kernel": 3, "groups": 4}, (5, 5, 8), (7, 7, 12), 216, 12, 0, 5400,
         "3·3·(8/4)·12 weights at 5·5 places"),
    Case("conv_transpose", {"filters": 8, "kernel": 2, "stride": 2, "groups": "depthwise"}, (5, 5, 8), (10, 10, 8),
         32, 8, 0, 800, "2·2·1·8 weights at 5·5 places; some counters say 0"),
    # Padding
    Case("conv_transpose", {"filters": 1, "kernel": 3, "dilation": 2, "output_padding": 1}, (5, 1), (10, 1), 3, 1, 0,
         15, "(5 − 1)·1 + 2·(3 − 1) + 1 + 1, measured: it has to be less than stride or dilation"),
    Case("conv_transpose", {"filters": 1, "kernel": 3, "stride": 2, "padding": [[0, 1], [1, 0]]}, (4, 4, 1), (8, 8, 1),
         9, 1, 0, 144, "(4 − 1)·2 + 3 − 1"),
    Case("conv_transpose", {"filters": 1, "kernel": 2, "stride": 3}, (10, 1), (29, 1), 2, 1, 0, 20,
         "(10 − 1)·3 + 2, measured; Keras would give 30"),
    Case("conv_transpose", {"filters": 1, "kernel": 2, "stride": 3, "padding": "same"}, (10, 1), (30, 1), 2, 1, 0, 20,
         "10·3, although the windows end at 29"),
    Case("conv_transpose", {"filters": 1, "kernel": 5, "stride": 2, "padding": "same"}, (10, 10, 1), (20, 20, 1), 25, 1,
         0, 2500, "10·2"),
    Case("conv_transpose", {"filters": 1, "kernel": 3, "padding": "half"}, (4, 4, 1), (4, 4, 1), 9, 1, 0, 144,
         "(4 − 1)·1 + 3 − 2"),
    Case("conv_transpose", {"filters": 1, "kernel": 3, "stride": 2, "output_padding": [1, 0]}, (4, 4, 1), (10, 9, 1),
         9, 1, 0, 144, "(4 − 1)·2 + 3 + 1 and without"),
]  # fmt: skip

LOCALLY_CONNECTED = [
    Case("locally_connected", {"filters": 96, "kernel": 11, "stride": 4}, (227, 227, 3), (55, 55, 96), 105415200,
         290400, 0, 105415200, "AlexNet's conv1 without sharing: 55·55·34,848 and 55·55·96"),
    Case("locally_connected", {"filters": 64, "kernel": 3}, (32, 32, 3), (30, 30, 64), 1555200, 57600, 0, 1555200,
         f"{KERAS}: (30·30)·(3·3·3·64) + (30·30)·64 parameters"),
    Case("locally_connected", {"filters": 32, "kernel": 3}, (30, 30, 64), (28, 28, 32), 14450688, 25088, 0, 14450688,
         f"{KERAS}, its second layer: 28·28·3·3·64·32"),
    Case("locally_connected", {"filters": 64, "kernel": 3}, (10, 32), (8, 64), 49152, 512, 0, 49152,
         f"{KERAS}: 8·3·32·64 and 8·64"),
    Case("locally_connected", {"filters": 16, "kernel": 9}, (63, 63, 16), (55, 55, 16), 62726400, 48400, 0, 62726400,
         "DeepFace's L4, Taigman et al. 2014, section 3.2: 55·55·9·9·16·16"),
    Case("locally_connected", {"filters": 2, "kernel": 3, "stride": 2, "padding": "half", "bias": False}, (5, 5, 1),
         (3, 3, 2), 162, 0, 0, 162, "3·3·3·3·1·2, weights that meet padding too"),
    Case("locally_connected", {"filters": 1, "kernel": 2}, (3, 3, 3, 1), (2, 2, 2, 1), 64, 8, 0, 64, "2·2·2·2·2·2"),
]  # fmt: skip

FC = [
    Case(
        "fc",
        {"units": 384, "at_each_place": True},
        (56, 56, 96),
        (56, 56, 384),
        36864,
        384,
        0,
        115605504,
        "Swin-T's first layer of 4·96 units, at 56·56 places; nn.Linear on channels last, measured",
    ),
    Case("fc", {"units": 4096}, (1024,), (4096,), 4194304, 4096, 0, 4194304, "the article's fc1: 1024·4096"),
    Case("fc", {"units": 4096}, (9216,), (4096,), 37748736, 4096, 0, 37748736, "torchvision's alexnet, measured"),
    Case("fc", {"units": 30}, (20,), (30,), 600, 30, 0, 600, TORCH),
    Case("fc", {"units": 10, "bias": False}, (512,), (10,), 5120, 0, 0, 5120, "512·10"),
    Case("fc", {"units": 32}, (7, 20), (7, 32), 640, 32, 0, 4480, "7 positions with 640 each, measured"),
    Case("fc", {"units": 3072}, (197, 768), (197, 3072), 2359296, 3072, 0, 464781312, "ViT-B/16's first, measured"),
    Case("fc", {"units": 1}, (1,), (1,), 1, 1, 0, 1, "the smallest"),
    Case("rbf", {"units": 10}, (84,), (10,), 0, 0, 840, 840, "LeCun et al. 1998: 84·10 connections, not trained"),
    Case("rbf", {"units": 1}, (1,), (1,), 0, 0, 1, 1, "the smallest"),
]

POOLS = [
    free("maxpool", {"kernel": 3, "stride": 2}, (55, 55, 96), (27, 27, 96), "Krizhevsky et al. 2012; (55 − 3)/2 + 1"),
    free("maxpool", {"kernel": 2}, (224, 224, 64), (112, 112, 64), "VGG; the stride is the kernel's"),
    free("maxpool", {"kernel": 3, "stride": 2, "padding": 1}, (112, 112, 64), (56, 56, 64), "ResNet; ⌊111/2⌋ + 1"),
    free("maxpool", {"kernel": 3, "stride": 1, "padding": 1}, (28, 28, 192), (28, 28, 192), "GoogLeNet's branches"),
    free("maxpool", {"kernel": [2, 1]}, (8, 32, 256), (4, 32, 256), "CRNN: 2×1 keeps the width"),
    free("maxpool", {"kernel": [3, 2], "stride": [2, 1]}, (50, 32, 16), (24, 31, 16), TORCH),
    free("maxpool", {"kernel": 3, "stride": 2}, (50, 16), (24, 16), TORCH),
    free("maxpool", {"kernel": [3, 2, 2], "stride": [2, 1, 2]}, (50, 44, 31, 16), (24, 43, 15, 16), TORCH),
    free("maxpool", {"kernel": [1, 2, 2]}, (16, 112, 112, 64), (16, 56, 56, 64), "C3D's first pool"),
    free("maxpool", {"kernel": 3, "stride": 1, "dilation": 2}, (10, 10, 1), (6, 6, 1), "10 − 5 + 1, measured"),
    free("maxpool", {"kernel": 2, "padding": "same"}, (5, 5, 1), (3, 3, 1), "⌈5/2⌉, Keras"),
    free("maxpool", {"kernel": 3, "stride": 2, "padding": [[0, 1], [0, 1]]}, (56, 56, 1), (28, 28, 1), "⌊54/2⌋ + 1"),
    # Rounding up
    free("maxpool", {"kernel": 3, "stride": 2, "ceil": True}, (112, 112, 64), (56, 56, 64), "GoogLeNet, measured"),
    free("maxpool", {"kernel": 3, "stride": 2}, (112, 112, 64), (55, 55, 64), "the same, rounded down"),
    free("maxpool", {"kernel": 3, "stride": 2, "ceil": True}, (55, 55, 1), (27, 27, 1), "it divides: no difference"),
    free("maxpool", {"kernel": 2, "ceil": True}, (5, 5, 1), (3, 3, 1), "⌈(5 − 2)/2⌉ + 1, measured"),
    # The last window would start in the padding behind the input, so it is dropped, as in Caffe and PyTorch
    free("maxpool", {"kernel": 2, "padding": 1, "ceil": True}, (5, 5, 1), (3, 3, 1), "naive ⌈5/2⌉ + 1 = 4; measured 3"),
    free("maxpool", {"kernel": 2, "padding": 1, "ceil": True}, (9, 1), (5, 1), "naive ⌈9/2⌉ + 1 is 6; measured 5"),
    free("avgpool", {"kernel": 2, "padding": 1, "ceil": True}, (5, 5, 1), (3, 3, 1), "naive ⌈5/2⌉ + 1 = 4; measured 3"),
    free("maxpool", {"kernel": 1, "stride": 3, "ceil": True}, (6, 1), (2, 1), "⌈5/3⌉ + 1 = 3 starts at 6; measured 2"),
    # The only window is partial
    free("maxpool", {"kernel": 3, "stride": 2, "ceil": True}, (2, 2, 8), (1, 1, 8), "⌈(2 − 3)/2⌉ + 1, measured"),
    free("avgpool", {"kernel": 2}, (28, 28, 6), (14, 14, 6), "LeNet-5's S2"),
    free("avgpool", {"kernel": [3, 2], "stride": [2, 1]}, (50, 32, 16), (24, 31, 16), TORCH),
    free("avgpool", {"kernel": 3, "stride": 2, "ceil": True}, (14, 14, 1), (7, 7, 1), "⌈11/2⌉ + 1, measured"),
    free("avgpool", {"kernel": 2, "stride": 2}, (4, 4, 4, 8), (2, 2, 2, 8), "(4 − 2)/2 + 1"),
    free("global_avgpool", {}, (7, 7, 2048), (2048,), "ResNet"),
    free("global_avgpool", {}, (26, 512), (512,), "a sequence"),
    free("global_avgpool", {}, (2, 7, 7, 512), (512,), "a volume"),
    free("adaptive_avgpool", {"size": 6}, (13, 13, 256), (6, 6, 256), "measured"),
    free("adaptive_avgpool", {"size": [5, 7]}, (8, 9, 64), (5, 7, 64), TORCH),
    free("adaptive_avgpool", {"size": 5}, (8, 64), (5, 64), TORCH),
    free("adaptive_avgpool", {"size": [5, 7, 9]}, (8, 9, 10, 64), (5, 7, 9, 64), TORCH),
    free("adaptive_avgpool", {"size": 7}, (4, 4, 8), (7, 7, 8), "larger than the input, measured"),
    free("adaptive_maxpool", {"size": [5, 7]}, (8, 9, 64), (5, 7, 64), TORCH),
    free("adaptive_maxpool", {"size": 5}, (8, 64), (5, 64), TORCH),
    free("adaptive_maxpool", {"size": [5, 7, 9]}, (8, 9, 10, 64), (5, 7, 9, 64), TORCH),
    free("global_maxpool", {}, (7, 7, 512), (512,), "Oquab et al. 2015: the best of all places; one value a channel"),
    free("global_maxpool", {}, (26, 512), (512,), "a sequence"),
]  # fmt: skip

NORM = [
    Case("batchnorm", {}, (56, 56, 64), (56, 56, 64), 64, 64, 128, 0, "2C trained, 2C running; measured"),
    Case("batchnorm", {}, (16,), (16,), 16, 16, 32, 0, "2·16 in PyTorch; Keras' total of 64 has the buffers in it"),
    Case("batchnorm", {}, (26, 512), (26, 512), 512, 512, 1024, 0, "BatchNorm1d, measured"),
    Case("batchnorm", {}, (2, 7, 7, 8), (2, 7, 7, 8), 8, 8, 16, 0, "BatchNorm3d, measured"),
    Case("batchnorm", {"scale": False}, (8, 8, 32), (8, 8, 32), 0, 32, 64, 0, "Keras' scale=False: 96 in all"),
    Case("batchnorm", {"shift": False}, (8, 8, 32), (8, 8, 32), 32, 0, 64, 0, "Keras' center=False: 96 in all"),
    Case("batchnorm", {"scale": False, "shift": False}, (8, 8, 32), (8, 8, 32), 0, 0, 64, 0, "affine=False, measured"),
    Case("layernorm", {}, (56, 56, 96), (56, 56, 96), 96, 96, 0, 0,
         "ConvNeXt-T's first stage, arXiv:2201.03545; measured"),
    Case("layernorm", {}, (197, 768), (197, 768), 768, 768, 0, 0, "ViT-B/16; nn.LayerNorm(768), measured"),
    Case("layernorm", {}, (1000,), (1000,), 1000, 1000, 0, 0, "nn.LayerNorm(1000), measured"),
    Case("layernorm", {}, (2, 7, 7, 8), (2, 7, 7, 8), 8, 8, 0, 0, "nn.LayerNorm(8) with channels last, measured"),
    Case("layernorm", {"shift": False}, (26, 512), (26, 512), 512, 0, 0, 0, "nn.LayerNorm's bias=False, measured"),
    Case("layernorm", {"scale": False}, (26, 512), (26, 512), 0, 512, 0, 0, "Keras' scale=False: 512 in all"),
    Case("layernorm", {"scale": False, "shift": False}, (26, 512), (26, 512), 0, 0, 0, 0,
         "elementwise_affine=False, measured"),
    Case("groupnorm", {"groups": 32}, (56, 56, 64), (56, 56, 64), 64, 64, 0, 0, "nn.GroupNorm(32, 64), measured"),
    Case("groupnorm", {"groups": 1}, (7, 7, 64), (7, 7, 64), 64, 64, 0, 0, "one for the whole sample; measured"),
    Case("groupnorm", {"groups": 6}, (26, 6), (26, 6), 6, 6, 0, 0, "nn.GroupNorm(6, 6), measured"),
    Case("groupnorm", {"groups": 2}, (6,), (6,), 6, 6, 0, 0, "nn.GroupNorm(2, 6) of a vector, measured"),
    Case("groupnorm", {"groups": 4}, (2, 7, 7, 8), (2, 7, 7, 8), 8, 8, 0, 0, "nn.GroupNorm(4, 8), measured"),
    Case("groupnorm", {"groups": 2, "scale": False, "shift": False}, (7, 7, 6), (7, 7, 6), 0, 0, 0, 0,
         "affine=False, measured"),
    Case("groupnorm", {"groups": 2, "shift": False}, (7, 7, 6), (7, 7, 6), 6, 0, 0, 0, "Keras' center=False: 6 in all"),
    free("instancenorm", {}, (256, 256, 64), (256, 256, 64), "nn.InstanceNorm2d(64) has nothing to learn, measured"),
    free("instancenorm", {}, (26, 512), (26, 512), "nn.InstanceNorm1d, measured"),
    free("instancenorm", {}, (2, 7, 7, 8), (2, 7, 7, 8), "nn.InstanceNorm3d, measured"),
    Case("instancenorm", {"scale": True, "shift": True}, (64, 64, 128), (64, 64, 128), 128, 128, 0, 0,
         "affine=True, measured; no running statistics"),
    Case("instancenorm", {"shift": True}, (64, 64, 128), (64, 64, 128), 0, 128, 0, 0, "one shift a channel"),
    Case("scale", {"bias": True}, (14, 14, 6), (14, 14, 6), 6, 6, 0, 0,
         "LeNet-5's S2, LeCun et al. 1998, section II.B: 12 trainable parameters"),
    Case("scale", {"bias": True}, (5, 5, 16), (5, 5, 16), 16, 16, 0, 0, "the same, S4: 32 trainable parameters"),
    Case("scale", {}, (56, 56, 96), (56, 56, 96), 96, 0, 0, 0, "ConvNeXt-T's layer scale, arXiv:2201.03545"),
    Case("scale", {}, (196, 384), (196, 384), 384, 0, 0, 0, "CaiT-S's layer scale, arXiv:2103.17239: a diagonal"),
    Case("scale", {}, (10,), (10,), 10, 0, 0, 0, "one a channel"),
    free("lrn", {}, (55, 55, 96), (55, 55, 96), "Krizhevsky et al. 2012, section 3.3"),
    free("lrn", {"size": 3, "alpha": 0.0005, "beta": 0.5, "offset": 1}, (27, 27, 256), (27, 27, 256), "no weights"),
]  # fmt: skip

LSTM = {"units": 20}

RECURRENT = [
    # 10 → 20 on 5 positions: 4·20·(10 + 20) weights, 80 biases once or twice
    Case("lstm", LSTM, (5, 10), (5, 20), 2400, 160, 0, 12000, "2,560 in PyTorch, measured"),
    Case("lstm", {**LSTM, "biases": 1}, (5, 10), (5, 20), 2400, 80, 0, 12000, "2,480 in Keras"),
    Case("lstm", {**LSTM, "biases": 0}, (5, 10), (5, 20), 2400, 0, 0, 12000, "PyTorch's bias=False, measured"),
    Case("lstm", {**LSTM, "returns": "last"}, (5, 10), (20,), 2400, 160, 0, 12000, "Keras' return_sequences=False"),
    Case("lstm", {**LSTM, "bidirectional": True}, (5, 10), (5, 40), 4800, 320, 0, 24000, "twice 2,560, measured"),
    Case("lstm", {**LSTM, "bidirectional": True, "returns": "last"}, (5, 10), (40,), 4800, 320, 0, 24000, "two states"),
    Case("lstm", {"units": 256, "bidirectional": True}, (26, 512), (26, 512), 1572864, 4096, 0, 40894464,
         "Shi et al. 2015, table 1: 2·4·256·(512 + 256) weights at 26 positions"),
    Case("gru", {"units": 20}, (5, 10), (5, 20), 1800, 120, 0, 9000, "1,920 in PyTorch, and Keras with reset_after"),
    Case("gru", {"units": 20, "biases": 1}, (5, 10), (5, 20), 1800, 60, 0, 9000, "1,860 in Keras without reset_after"),
    Case("gru", {"units": 20, "biases": 0}, (5, 10), (5, 20), 1800, 0, 0, 9000, "PyTorch's bias=False, measured"),
    Case("gru", {"units": 20, "bidirectional": True}, (5, 10), (5, 40), 3600, 240, 0, 18000, "measured"),
    Case("gru", {"units": 20, "returns": "last"}, (5, 10), (20,), 1800, 120, 0, 9000, "3·20·(10 + 20), 5 times"),
    Case("gru", {"units": 20, "bidirectional": True, "returns": "last"}, (5, 10), (40,), 3600, 240, 0, 18000, "twice"),
]  # fmt: skip

ARRANGING = [
    free("flatten", {}, (2, 2, 256), (1024,), "the article's pool5: 2·2·256"),
    free("flatten", {}, (7, 768), (5376,), "7·768"),
    free("flatten", {}, (2, 3, 4, 5), (120,), "2·3·4·5"),
    free("flatten", {}, (10,), (10,), "a vector is flat"),
    free("columns", {}, (1, 26, 512), (26, 512), "Shi et al. 2015, figure 2"),
    free("columns", {}, (2, 26, 512), (26, 1024), "26 columns of 2·512"),
    free("tokens", {}, (14, 14, 768), (196, 768), "ViT-B/16: 14·14 patches of a 224×224 image, arXiv:2010.11929"),
    free("tokens", {}, (8, 7, 7, 768), (392, 768), "8·7·7"),
    free("image", {"height": 56}, (3136, 64), (56, 56, 64), "PVT's first stage, arXiv:2102.12122: 224/4 = 3136/56"),
    free("image", {"height": 4, "width": 6}, (24, 8), (4, 6, 8), "4·6 = 24"),
    free("transpose", {}, (196, 512), (512, 196), "MLP-Mixer S/16's token mixing, arXiv:2105.01601, table 1"),
    free("reshape", {"size": [4, 4, 1024]}, (16384,), (4, 4, 1024), "DCGAN's generator, arXiv:1511.06434, figure 1"),
    free("reshape", {"size": 1024}, (2, 2, 256), (1024,), "a lone size is a vector's"),
    free("reshape", {"size": [2, 3, 4, 5]}, (6, 20), (2, 3, 4, 5), "2·3·4·5 = 6·20"),
    free("channel_shuffle", {"groups": 3}, (28, 28, 240), (28, 28, 240), "ShuffleNet with 3 groups, arXiv:1707.01083"),
    free("channel_shuffle", {"groups": 4}, (9, 8), (9, 8), "a sequence, measured"),
    free("channel_shuffle", {"groups": 2}, (10,), (10,), "a vector"),
    free("slice", {"channels": 58}, (28, 28, 116), (28, 28, 58), "ShuffleNet V2's channel split, arXiv:1807.11164"),
    free("slice", {"start": 58}, (28, 28, 116), (28, 28, 58), "its other half, 116 − 58"),
    free("slice", {"start": 2, "channels": 3}, (7, 5), (7, 3), "the last three of five"),
    free("slice", {"channels": 1}, (10,), (1,), "the first value of a vector"),
    free("pixel_shuffle", {"factor": 3}, (4, 4, 9), (12, 12, 1), TORCH),
    free("pixel_shuffle", {"factor": 2}, (3, 5, 8), (6, 10, 2), "3·2, 5·2 and 8/(2·2), measured"),
    free("pixel_unshuffle", {"factor": 3}, (12, 12, 1), (4, 4, 9), TORCH),
    free("pixel_unshuffle", {"factor": 2}, (26, 26, 512), (13, 13, 2048), "YOLOv2's passthrough, arXiv:1612.08242"),
]

RESIZING = [
    free("upsample", {"factor": 2}, (2, 2, 1), (4, 4, 1), TORCH),
    free("upsample", {"factor": 2, "mode": "bilinear"}, (7, 7, 256), (14, 14, 256), "measured"),
    free("upsample", {"factor": [2, 3]}, (4, 5, 8), (8, 15, 8), "4·2 and 5·3, measured"),
    free("upsample", {"factor": 3}, (10, 8), (30, 8), "a sequence, measured"),
    free("upsample", {"factor": 2}, (2, 3, 4, 5), (4, 6, 8, 5), "a volume, measured"),
    free("upsample", {"size": [25, 38]}, (13, 19, 256), (25, 38, 256), "no whole factor leads there, measured"),
    free("upsample", {"size": 1}, (3, 3, 2), (1, 1, 2), "smaller than the input, measured"),
    free("crop", {"size": 56}, (64, 64, 512), (56, 56, 512), "U-Net's deepest skip, arXiv:1505.04597, figure 1"),
    free("crop", {"size": [3, 4]}, (8, 9, 2), (3, 4, 2), "a size for each axis"),
    free("crop", {"size": 7}, (7, 3), (7, 3), "nothing to cut off"),
    free("pad", {"padding": 3}, (224, 224, 3), (230, 230, 3), "ResNet50 in Keras, conv1_pad: 224 + 3 + 3"),
    free("pad", {"padding": [[0, 1], [0, 1]]}, (112, 112, 96), (113, 113, 96), "MobileNetV2 in Keras: 112 + 0 + 1"),
    free("pad", {"padding": [1, [2, 0]]}, (5, 6, 1), (7, 8, 1), "5 + 1 + 1 and 6 + 2 + 0, measured"),
    free("pad", {"padding": [[2, 0]]}, (10, 4), (12, 4), "before a causal convolution: 10 + 2"),
    free("pad", {"channels": [0, 16]}, (16, 16, 16), (16, 16, 32), "He et al. 2015, option A: 16 channels of zeros"),
    free("pad", {"padding": 1, "channels": 2}, (5, 6, 1), (7, 8, 5), "2 + 1 + 2 channels, measured"),
    free("pad", {"padding": [1, 0, 2]}, (2, 3, 4, 5), (4, 3, 8, 5), "2 + 2, 3 and 4 + 4, measured"),
]  # fmt: skip

ELEMENT_WISE = [
    free(kind, {}, x, x, "element by element")
    for kind in (
        *("relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "mish", "hardsigmoid", "hardswish"),
        *("sigmoid", "tanh", "softmax", "dropout", "stochastic_depth"),
    )
    for x in ((4096,), (26, 37), (55, 55, 96), (4, 8, 8, 3))
]

PRELU = [
    Case("prelu", {}, (112, 112, 64), (112, 112, 64), 64, 0, 0, 0, "nn.PReLU(64), measured"),
    Case("prelu", {}, (26, 512), (26, 512), 512, 0, 0, 0, "nn.PReLU(512), measured"),
    Case("prelu", {}, (10,), (10,), 10, 0, 0, 0, "nn.PReLU(10), measured"),
    Case("prelu", {}, (4, 8, 8, 3), (4, 8, 8, 3), 3, 0, 0, 0, "nn.PReLU(3), measured"),
    Case("prelu", {"shared": True}, (112, 112, 64), (112, 112, 64), 1, 0, 0, 0, "nn.PReLU(), measured"),
]

ATTENTION = [
    Case("attention", {"heads": 4}, (50, 64), (50, 64), 16384, 256, 0, 1139200,
         "nn.MultiheadAttention(64, 4), by fvcore, which sees all of its products"),
    Case("attention", {"heads": 12}, (197, 768), (197, 768), 2359296, 3072, 0, 524391936,
         "ViT-B/16, arXiv:2010.11929: 4·768² and 4·768; 197·4·768² + 2·197²·768"),
    Case("attention", {"heads": 3, "relative": True}, (7, 7, 96), (7, 7, 96), 36864 + 13 * 13 * 3, 384, 0, 2267328,
         "Swin-T, arXiv:2103.14030: a window of the first stage, with a table of (2·7 − 1)² a head"),
    Case("attention", {"heads": 8, "units": 512, "bias": False}, (10, 64), (10, 64), 131072, 0, 0, 1413120,
         "heads of 64 on a width of 64: 4·64·512; 10·131,072 + 2·10²·512"),
    Case("class_token", {}, (196, 768), (197, 768), 768, 0, 0, 0, "ViT-B/16, arXiv:2010.11929, equation 1"),
    Case("class_token", {"tokens": 2}, (576, 384), (578, 384), 768, 0, 0, 0,
         "DeiT's class and distillation tokens, arXiv:2012.12877"),
    free("select", {"position": 0}, (197, 768), (768,), "ViT's class token, arXiv:2010.11929, equation 4"),
    free("select", {"position": 24}, (25, 256), (256,), "the last of 25"),
    Case("position_embedding", {}, (197, 768), (197, 768), 151296, 0, 0, 0, "ViT-B/16: (196 + 1)·768"),
    Case("position_embedding", {"positions": 512}, (20, 256), (20, 256), 131072, 0, 0, 0, "512·256, of which 20 serve"),
    Case("position_embedding", {}, (7, 7, 32), (7, 7, 32), 1568, 0, 0, 0, "an image: 7·7·32"),
    Case("embedding", {"vocabulary": 10, "units": 3}, (4, 1), (4, 3), 30, 0, 0, 0,
         "the example in the documentation of torch.nn.Embedding"),
]  # fmt: skip

GENERAL = [
    free("elementwise", {"operator": "exp"}, (28, 28, 64), (28, 28, 64), "one value of one"),
    free("reduce", {"operator": "mean"}, (28, 28, 64), (64,), "ONNX's ReduceMean over the places, keepdims=0"),
    free("reduce", {"operator": "max", "keep": True}, (28, 28, 64), (1, 1, 64), "keepdims=1"),
    free("reduce", {"operator": "l2", "axes": "channels", "keep": True}, (28, 28, 64), (28, 28, 1), "axis 1, NCHW"),
    free("reduce", {"operator": "sum", "axes": "channels"}, (28, 20, 64), (28, 20), "a place's row as channels"),
    free("reduce", {"operator": "sum", "axes": "all"}, (28, 28, 64), (1,), "all axes but the batch"),
    Case("unknown", {"operator": "Mystery", "size": [5, 7], "weights": 12}, (3, 3, 2), (5, 7), 12, 0, 0, 0,
         "what it was told"),
]  # fmt: skip

CASES = [*CONV, *CONV_TRANSPOSE, *LOCALLY_CONNECTED, *FC, *POOLS, *NORM, *RECURRENT, *ARRANGING, *RESIZING,
         *ELEMENT_WISE, *PRELU, *ATTENTION, *GENERAL]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_figures(case: Case) -> None:
    layer = KINDS[case.kind](**case.settings)
    figures = layer.figures((Shape(*case.x),))
    assert figures._replace(elements=0) == Figures(
        Shape(*case.output), case.weights, case.biases, case.buffers, case.macs
    )
    assert figures.params == case.weights + case.biases


MERGES: list[tuple[str, list[Axes], Axes, str]] = [
    ("add", [(56, 56, 256), (56, 56, 256)], (56, 56, 256), "He et al. 2015"),
    ("add", [(7,), (7,), (7,)], (7,), "three inputs"),
    ("add", [(196, 768), (196, 768)], (196, 768), "sequences"),
    ("add", [(14, 14, 64), (1, 1, 64)], (14, 14, 64), "one value a channel, as a map of one pixel"),
    ("multiply", [(56, 56, 64), (64,)], (56, 56, 64), "squeeze and excitation, arXiv:1709.01507, equation 4"),
    ("multiply", [(64,), (56, 56, 64)], (56, 56, 64), "in the other order"),
    ("max", [(28, 28, 48), (28, 28, 48)], (28, 28, 48), "maxout, arXiv:1302.4389"),
    ("concat", [(28, 28, 64), (28, 28, 128), (28, 28, 32), (28, 28, 32)], (28, 28, 256), "GoogLeNet's inception 3a"),
    ("concat", [(4096,), (10,)], (4106,), "vectors"),
    ("concat", [(26, 256), (26, 256)], (26, 512), "sequences"),
    ("concat", [(4, 8, 8, 3), (4, 8, 8, 1)], (4, 8, 8, 4), "volumes"),
]


@pytest.mark.parametrize(("kind", "inputs", "output", "why"), MERGES)
def test_merges(kind: str, inputs: list[Axes], output: Axes, why: str) -> None:
    figures = KINDS[kind]().figures(tuple(Shape(*one) for one in inputs))
    assert figures._replace(elements=0) == Figures(Shape(*output)), why


# The second input says the size.
RESIZED_LIKE: list[tuple[str, list[Axes], Axes, str]] = [
    ("upsample", [(13, 19, 256), (25, 38, 512)], (25, 38, 256), "a feature pyramid, arXiv:1612.03144, section 3"),
    ("upsample", [(5, 8), (9, 2)], (9, 8), "sequences"),
    ("crop", [(136, 136, 256), (104, 104, 512)], (104, 104, 256), "U-Net's second skip, arXiv:1505.04597, figure 1"),
    ("crop", [(2, 9, 9, 4), (2, 5, 6, 8)], (2, 5, 6, 4), "volumes"),
]


@pytest.mark.parametrize(("kind", "inputs", "output", "why"), RESIZED_LIKE)
def test_sizes_from_a_second_input(kind: str, inputs: list[Axes], output: Axes, why: str) -> None:
    shapes = tuple(Shape(*one) for one in inputs)
    layer = KINDS[kind]()
    assert layer.figures(shapes)._replace(elements=0) == Figures(Shape(*output)), why
    assert [step.value for step in layer.explain(*shapes)] == list(output)


# Regions of interest and windows: `several(1000, 7, 7, 256)` is 1000 · 7×7×256.


def several(regions: int, *axes: int) -> Shape:
    return Shape(*axes).times(regions)


MAPS = [Shape(200, 200, 256), Shape(100, 100, 256), Shape(50, 50, 256), Shape(25, 25, 256)]

REGIONS: list[tuple[str, dict[str, Any], list[Shape], Figures, str]] = [
    ("roi_align", {"size": 7, "regions": 1000}, MAPS, Figures(several(1000, 7, 7, 256)),
     "Faster R-CNN on a pyramid of four levels, arXiv:1612.03144, section 4.2"),
    ("roi_align", {"size": [2, 4], "regions": 1}, MAPS[:1], Figures(Shape(2, 4, 256)), "one region is a tensor"),
    ("windows", {"size": 7}, [Shape(56, 56, 96)], Figures(several(64, 7, 7, 96)), "Swin-T's first stage: (56/7)²"),
    ("windows", {"size": 7}, [Shape(64, 57, 96)], Figures(several(90, 7, 7, 96)), "padded: ⌈64/7⌉·⌈57/7⌉"),
    ("windows", {"size": 2}, [several(3, 4, 4, 8)], Figures(several(12, 2, 2, 8)), "windows of regions: 3·2·2"),
    ("join_windows", {}, [several(64, 7, 7, 96), Shape(56, 56, 96)], Figures(Shape(56, 56, 96)), "and back"),
    ("join_windows", {}, [several(90, 7, 7, 96), Shape(64, 57, 3)], Figures(Shape(64, 57, 96)), "what was padded goes"),
    ("join_windows", {}, [several(12, 2, 2, 8), several(3, 4, 4, 8)], Figures(several(3, 4, 4, 8)), "regions stay"),
    # All other kinds work in every region as in a tensor: weights once, work as often.
    ("conv", {"filters": 256, "kernel": 3, "padding": 1}, [several(100, 14, 14, 256)],
     Figures(several(100, 14, 14, 256), 589824, 256, 0, 100 * 14 * 14 * 589824), "Mask R-CNN's mask head"),
    ("flatten", {}, [several(1000, 7, 7, 256)], Figures(several(1000, 12544)), "Faster R-CNN's box head"),
    ("fc", {"units": 1024}, [several(1000, 12544)], Figures(several(1000, 1024), 12845056, 1024, 0, 12845056000),
     "Faster R-CNN's box head"),
    ("batchnorm", {}, [several(9, 3, 3, 5)], Figures(several(9, 3, 3, 5), 5, 5, 10), "statistics once"),
    ("attention", {"heads": 3, "relative": True}, [several(64, 7, 7, 96)],
     Figures(several(64, 7, 7, 96), 37371, 384, 0, 64 * 2267328), "Swin-T's first stage"),
    ("attention", {"heads": 3, "relative": True, "relative_units": 512, "cosine": True}, [several(64, 8, 8, 96)],
     Figures(several(64, 8, 8, 96), 36864 + 5 * 512 + 3, 384 + 512, 0, 64 * 3145728 + 15 * 15 * 5 * 512),
     "Swin V2-T's first stage, arXiv:2111.09883: a network of 2, 512 and 3 units reads 15·15 distances once"),
    ("add", {}, [several(64, 7, 7, 96), several(64, 7, 7, 96)], Figures(several(64, 7, 7, 96)), "region by region"),
    ("matmul", {}, [Shape(50, 16), Shape(16, 30)], Figures(Shape(50, 30), macs=50 * 16 * 30), "numpy.matmul"),
    ("matmul", {"transpose": True}, [Shape(4, 50, 16), Shape(4, 30, 16)],
     Figures(Shape(4, 50, 30), macs=4 * 50 * 16 * 30), "of four matrices each"),
    ("elementwise", {"operator": "div"}, [Shape(7, 5, 3), Shape(7, 5, 1)], Figures(Shape(7, 5, 3)), "spread"),
    ("elementwise", {"operator": "sub"}, [Shape(7, 1, 3), Shape(5, 1)], Figures(Shape(7, 5, 3)), "numpy.broadcast"),
    ("attention", {"heads": 8, "units": 256}, [Shape(25, 256), Shape(577, 384)],
     Figures(Shape(25, 256), 327680, 1024, 0, 25 * 2 * 256**2 + 577 * 2 * 384 * 256 + 2 * 25 * 577 * 256),
     "cross-attention, nn.MultiheadAttention(256, 8, kdim=384, vdim=384)"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "settings", "inputs", "figures", "why"), REGIONS)
def test_regions(kind: str, settings: dict[str, Any], inputs: list[Shape], figures: Figures, why: str) -> None:
    found = KINDS[kind](**settings).figures(tuple(inputs))
    assert found._replace(elements=0) == figures, why
    assert found.output.size == figures.output.size


def test_regions_are_part_of_a_shape() -> None:
    one, two = Shape(7, 7, 256), several(2, 7, 7, 256)
    assert one != two and two != one and two == several(2, 7, 7, 256) and hash(two) == hash(several(2, 7, 7, 256))
    assert len({one, two, several(3, 7, 7, 256)}) == 3
    assert (two.spatial, two.channels, two.rank, two.units, two.size) == ((7, 7), 256, 2, 12544, 25088)


def test_regions_have_to_agree() -> None:
    with pytest.raises(Cause, match="64 and 1 regions do not agree in the inputs"):
        KINDS["add"]().figures((several(64, 7, 7, 96), Shape(7, 7, 96)))


def test_every_kind_has_a_case() -> None:
    of_several = {kind for kind, *_ in MERGES} | {kind for kind, *_ in REGIONS}
    assert {case.kind for case in CASES} | of_several == set(KINDS)


class Refusal(NamedTuple):
    """A layer that does not fit its inputs: what it says, and which setting it points at."""

    kind: str
    settings: dict[str, Any]
    inputs: list[Axes]
    message: str
    setting: str = ""
    hint: str = ""


CONV3 = {"filters": 8, "kernel": 3}

REFUSALS = [
    # What has no layer of its own
    Refusal("elementwise", {"operator": "add"}, [(7, 7, 3), (7, 7, 2)],
            "7×7×3 and 7×7×2 cannot be spread to one shape"),
    Refusal("reduce", {"operator": "mean"}, [(5,)],
            "reduce along `spatial` needs places, and a vector has none: 5 is the input", "axes"),
    Refusal("matmul", {}, [(5, 3), (4, 5)], "3 columns of 5×3 do not meet 4 rows of 4×5"),
    Refusal("matmul", {}, [(5, 3), (3,)], "matmul needs rows and columns, and 3 is a vector"),
    Refusal("matmul", {}, [(2, 5, 3), (3, 3, 4)], "2×5×3 and 3×3×4 are not as many matrices"),
    # Attention and regions
    Refusal("attention", {"heads": 5}, [(49, 96)], "heads 5 does not divide the width 96", "heads"),
    Refusal("attention", {"heads": 1}, [(96,)],
            "attention needs places to attend to, and a vector has none: 96 is the input"),
    Refusal("attention", {"heads": 1}, [(49, 96), (96,)],
            "attention needs places to attend to, and a vector has none: 96 is the input"),
    Refusal("class_token", {}, [(7, 7, 3)], "class_token needs a sequence, and 7×7×3 is the input", "",
            "`tokens` turns an image into the sequence of its places"),
    Refusal("select", {"position": 25}, [(25, 256)],
            "position 25 is behind the 25 positions of the input", "position",
            "the last is 24, as the first is 0"),
    Refusal("select", {"position": 0}, [(7,)], "select needs a sequence, and 7 is the input"),
    Refusal("attention", {"heads": 2, "relative_units": 9}, [(7, 7, 4)],
            "there is no `relative` beside the `relative_units`", "relative_units", "add `relative: true`"),
    Refusal("attention", {"heads": 2, "relative": True}, [(7, 7, 4), (3, 3, 4)],
            "distances between the places of 7×7×4 and of 3×3×4 are not defined", "relative",
            "weights for distances are for one input, or two of the same height and width"),
    Refusal("join_windows", {}, [(84,), (84,)], "the windows 84 do not make the image 84"),
    Refusal("position_embedding", {}, [(7,)], "position_embedding needs places, and a vector has none: 7 is the input"),
    Refusal("position_embedding", {"positions": 9}, [(10, 4)], "9 positions are too few for the input's 10 places",
            "positions"),
    Refusal("embedding", {"vocabulary": 9, "units": 2}, [(10, 4)],
            "embedding reads a sequence of single numbers, and 10×4 is the input", "",
            "an input of 25 characters is written 25x1"),
    Refusal("roi_align", {"size": 7, "regions": 9}, [(10, 4)],
            "roi_align cuts regions out of images, and 10×4 is the input"),
    Refusal("roi_align", {"size": 7, "regions": 9}, [(9, 9, 4), (5, 5, 8)],
            "roi_align needs levels with one number of channels, not 4 and 8"),
    Refusal("windows", {"size": 7}, [(4,)], "windows parts an image, and a vector has no places: 4 is the input"),
    Refusal("join_windows", {}, [(7, 7, 4), (14, 14, 4)],
            "the windows 7×7×4 do not make the image 14×14×4", "",
            "there are 4 windows of 7×7 in an image of 14×14"),
    Refusal("join_windows", {}, [(7, 4), (14, 14, 4)], "the windows 7×4 do not make the image 14×14×4"),
    # Windows
    Refusal("conv", {"filters": 64, "kernel": 5}, [(3, 3, 96)], "kernel 5×5 does not fit the input 3×3", "kernel",
            "a padding of 1 would do"),
    Refusal("conv", {"filters": 64, "kernel": [1, 4]}, [(3, 3, 96)], "kernel 1×4 does not fit the input 3×3", "kernel",
            "a padding of 1 would do"),
    Refusal("conv", {**CONV3, "dilation": 3}, [(5, 5, 1)], "kernel 3×3 reaches over 7×7 and does not fit the input 5×5",
            "kernel", "a padding of 1 would do"),
    Refusal("conv", {"filters": 1, "kernel": 7, "padding": 1}, [(4, 4, 1)],
            "kernel 7×7 does not fit the input 4×4, padded to 6×6,", "kernel", "a padding of 2 would do"),
    Refusal("conv", CONV3, [(2, 16)], "kernel 3 does not fit the input 2", "kernel", "a padding of 1 would do"),
    Refusal("conv", CONV3, [(4096,)], "conv needs an axis to slide along, and a vector has none: 4096 is the input",
            "", "a layer with windows goes before flatten and global pooling"),
    Refusal("locally_connected", {"filters": 1, "kernel": 5}, [(3, 3, 1)], "kernel 5×5 does not fit the input 3×3",
            "kernel", "a padding of 1 would do"),
    Refusal("maxpool", {"kernel": 3}, [(2, 2, 256)], "kernel 3×3 does not fit the input 2×2", "kernel",
            "a padding of 1 would do"),
    Refusal("avgpool", {"kernel": 2}, [(10,)],
            "avgpool needs an axis to slide along, and a vector has none: 10 is the input",
            "", "a layer with windows goes before flatten and global pooling"),
    Refusal("conv_transpose", CONV3, [(10,)],
            "conv_transpose needs an axis to slide along, and a vector has none: 10 is the input",
            "", "a layer with windows goes before flatten and global pooling"),
    # A value for each axis
    Refusal("conv", {"filters": 8, "kernel": [3, 3, 5]}, [(9, 9, 1)],
            "`kernel` has 3 values for 2 spatial axes of the input", "kernel"),
    Refusal("conv", {**CONV3, "stride": [1, 2]}, [(9, 1)], "`stride` has 2 values for 1 spatial axes of the input",
            "stride"),
    Refusal("conv", {**CONV3, "dilation": [1, 2]}, [(9, 9, 9, 1)],
            "`dilation` has 2 values for 3 spatial axes of the input", "dilation"),
    Refusal("conv", {**CONV3, "padding": [1, 1]}, [(9, 1)], "`padding` has 2 values for 1 spatial axes of the input",
            "padding"),
    Refusal("adaptive_avgpool", {"size": [6, 7]}, [(26, 512)], "`size` has 2 values for 1 spatial axes of the input",
            "size"),
    Refusal("conv_transpose", {**CONV3, "stride": 2, "output_padding": [1, 0]}, [(9, 1)],
            "`output_padding` has 2 values for 1 spatial axes of the input", "output_padding"),
    # Padding
    Refusal("conv", {"filters": 8, "kernel": 4, "padding": "half"}, [(9, 9, 1)],
            "padding half does not fit the even kernel 4", "padding",
            "`same` pads an even kernel with one pixel more at the bottom and right"),
    Refusal("maxpool", {"kernel": 2, "padding": 2}, [(9, 9, 1)],
            "padding 2 leaves windows of kernel 2 without any input", "padding"),
    Refusal("avgpool", {"kernel": 3, "padding": [0, [0, 3]]}, [(9, 9, 1)],
            "padding 3 leaves windows of kernel 3 without any input", "padding"),
    Refusal("conv_transpose", {"filters": 8, "kernel": 3, "padding": 2}, [(2, 2, 1)],
            "padding leaves nothing of the output 0×0 for the input 2×2×1", "padding"),
    Refusal("conv_transpose", {**CONV3, "stride": 2, "output_padding": 2}, [(9, 9, 1)],
            "an output padding of 2 is not less than stride 2 or dilation 1: more than any size of the input",
            "output_padding"),
    # Groups
    Refusal("conv", {"filters": 6, "kernel": 1, "groups": 3}, [(9, 9, 64)],
            "groups 3 does not divide 64 input channels", "groups"),
    Refusal("conv", {"filters": 6, "kernel": 1, "groups": 4}, [(9, 9, 64)], "groups 4 does not divide 6 filters",
            "groups"),
    Refusal("conv", {"filters": 6, "kernel": 1, "groups": "depthwise"}, [(9, 9, 4)],
            "groups 4 does not divide 6 filters", "filters"),
    Refusal("conv_transpose", {"filters": 6, "kernel": 1, "groups": 3}, [(9, 9, 64)],
            "groups 3 does not divide 64 input channels", "groups"),
    Refusal("groupnorm", {"groups": 32}, [(7, 7, 48)], "groups 32 does not divide 48 input channels", "groups"),
    Refusal("groupnorm", {"groups": 8}, [(1, 1, 8)], "groups 8 leaves one value in each group of the input 1×1×8",
            "groups"),
    Refusal("groupnorm", {"groups": 8}, [(8,)], "groups 8 leaves one value in each group of the input 8", "groups"),
    Refusal("instancenorm", {}, [(1, 1, 64)],
            "instancenorm normalises a channel over its places, and 1×1×64 has one value a channel"),
    Refusal("instancenorm", {}, [(64,)],
            "instancenorm normalises a channel over its places, and 64 has one value a channel"),
    # Ranks
    Refusal("fc", {"units": 10}, [(7, 7, 512)], "fc takes a vector or a sequence, and 7×7×512 is the input", "",
            "put `flatten` before it; with `at_each_place: true` it connects the channels of each place"),
    Refusal("rbf", {"units": 10}, [(1, 1, 84)], "rbf takes a vector, and 1×1×84 is the input", "",
            "put `flatten` before it"),
    Refusal("global_avgpool", {}, [(10,)],
            "global_avgpool averages over places, and a vector has none: 10 is the input"),
    Refusal("adaptive_avgpool", {"size": 6}, [(10,)],
            "adaptive_avgpool needs a spatial axis, and a vector has none: 10 is the input"),
    Refusal("columns", {}, [(26, 512)], "columns needs an image, and 26×512 is the input"),
    Refusal("lstm", {"units": 8}, [(1, 26, 512)], "lstm reads a sequence, and 1×26×512 is the input", "",
            "`columns` turns an image into the sequence of its columns"),
    Refusal("gru", {"units": 8}, [(512,)], "gru reads a sequence, and 512 is the input"),
    Refusal("global_maxpool", {}, [(10,)], "global_maxpool goes over places, and a vector has none: 10 is the input"),
    Refusal("adaptive_maxpool", {"size": 6}, [(10,)],
            "adaptive_maxpool needs a spatial axis, and a vector has none: 10 is the input"),
    Refusal("tokens", {}, [(26, 512)], "tokens needs an image or a volume, and 26×512 is the input"),
    Refusal("image", {"height": 2}, [(7, 7, 8)], "image needs a sequence, and 7×7×8 is the input"),
    Refusal("transpose", {}, [(512,)], "transpose needs a sequence, and 512 is the input"),
    Refusal("pixel_shuffle", {"factor": 2}, [(26, 512)], "pixel_shuffle needs an image, and 26×512 is the input"),
    Refusal("pixel_unshuffle", {"factor": 2}, [(512,)], "pixel_unshuffle needs an image, and 512 is the input"),
    # Arrangements
    Refusal("image", {"height": 14}, [(197, 768)], "height 14 does not divide the input length 197", "height"),
    Refusal("image", {"height": 14, "width": 14}, [(197, 768)],
            "an image 14×14 has 196 places, unlike the input length 197", "height"),
    Refusal("reshape", {"size": [4, 4, 512]}, [(7, 7, 512)],
            "size 4×4×512 holds 8192 values, unlike the 25088 in 7×7×512, the input", "size"),
    Refusal("channel_shuffle", {"groups": 3}, [(28, 28, 64)], "groups 3 does not divide 64 input channels", "groups"),
    Refusal("slice", {"start": 116}, [(28, 28, 116)], "start 116 is past the last of 116 input channels", "start"),
    Refusal("slice", {"start": 100, "channels": 58}, [(28, 28, 116)],
            "58 channels from 100 on reach past the last of 116 input channels", "channels"),
    Refusal("pixel_shuffle", {"factor": 3}, [(4, 4, 12)],
            "factor 3, squared 9, does not divide 12 input channels", "factor"),
    Refusal("pixel_unshuffle", {"factor": 2}, [(12, 13, 1)], "factor 2 does not divide the input 12×13", "factor"),
    # Sizes
    Refusal("upsample", {}, [(7, 7, 64)],
            "upsample goes by a factor, a size or a second input, and has none for 7×7×64, the input", "",
            "write `upsample: {size: ...}`, or `from: [..., ...]` beside it"),
    Refusal("upsample", {"factor": 2, "size": 9}, [(7, 7, 64)],
            "upsample goes by a factor, a size or a second input, and has a factor and a size for 7×7×64, the input",
            "size", "leave out all but one"),
    Refusal("upsample", {"factor": 2}, [(7, 64), (9, 64)],
            "upsample goes by a factor, a size or a second input, and has a factor and a second input for 7×64, "
            "the input", "", "leave out all but one"),
    Refusal("upsample", {}, [(7, 7, 64), (49, 64)],
            "as many spatial axes are needed in both, and 7×7×64 and 49×64 are the inputs"),
    Refusal("upsample", {"factor": [2, 3]}, [(9, 1)], "`factor` has 2 values for 1 spatial axes of the input",
            "factor"),
    Refusal("crop", {}, [(7, 7, 64)], "crop goes by a size or a second input, and has none for 7×7×64, the input", "",
            "write `crop: {size: ...}`, or `from: [..., ...]` beside it"),
    Refusal("crop", {"size": [6, 8]}, [(7, 7, 64)], "6×8 cannot be cut out of the input 7×7", "size"),
    Refusal("crop", {}, [(7, 7, 64), (8, 8, 3)], "8×8 cannot be cut out of the input 7×7"),
    Refusal("crop", {"size": 1}, [(64,)], "crop needs a spatial axis, and a vector has none: 64 is the input"),
    Refusal("pad", {"padding": 1}, [(64,)], "pad needs a spatial axis, and a vector has none: 64 is the input"),
    Refusal("pad", {"padding": [1, 1]}, [(9, 1)], "`padding` has 2 values for 1 spatial axes of the input", "padding"),
    # Merges
    Refusal("add", {}, [(56, 56, 64), (56, 56, 256)],
            "add needs one shape, and 56×56×64 and 56×56×256 are the inputs"),
    Refusal("multiply", {}, [(56, 56, 64), (32,)], "multiply needs one shape, and 56×56×64 and 32 are the inputs"),
    Refusal("max", {}, [(8, 8, 4), (8, 1, 4), (8, 8, 4)],
            "max needs one shape, and 8×8×4, 8×1×4 and 8×8×4 are the inputs"),
    Refusal("concat", {}, [(28, 28, 64), (14, 14, 64)],
            "concat needs one height and width, and 28×28×64 and 14×14×64 are the inputs"),
]  # fmt: skip


def _id(refusal: Refusal) -> str:
    return f"{refusal.kind}-{refusal.message}"


@pytest.mark.parametrize("refusal", REFUSALS, ids=_id)
def test_refusals(refusal: Refusal) -> None:
    layer = KINDS[refusal.kind](**refusal.settings)
    with pytest.raises(Cause) as caught:
        layer.figures(tuple(Shape(*one) for one in refusal.inputs))
    cause = caught.value
    assert (cause.message, cause.setting, cause.hint) == (refusal.message, refusal.setting, refusal.hint)


FITTING = [one for one in REFUSALS if one.hint.startswith("a padding of")]


@pytest.mark.parametrize("refusal", FITTING, ids=_id)
def test_the_padding_of_a_hint_would_do(refusal: Refusal) -> None:
    padding = int(refusal.hint.split()[3])
    layer = KINDS[refusal.kind](**{**refusal.settings, "padding": padding})
    assert min(layer.figures((Shape(*refusal.inputs[0]),)).output) >= 1


WRONG_VALUES: list[tuple[str, dict[str, Any], str, str]] = [
    ("conv", {"filters": 0, "kernel": 3}, "filters", "`filters` must be a whole number of at least 1, not 0"),
    ("conv", {"filters": -8, "kernel": 3}, "filters", "`filters` must be a whole number of at least 1, not -8"),
    ("conv", {"filters": 1.5, "kernel": 3}, "filters", "`filters` must be a whole number of at least 1, not 1.5"),
    ("conv", {"filters": True, "kernel": 3}, "filters", "`filters` must be a whole number of at least 1, not true"),
    ("conv", {"filters": 10**9 + 1, "kernel": 3}, "filters",
     "`filters` must be at most 1,000,000,000, not 1000000001"),
    ("conv", {"filters": 8, "kernel": "big"}, "kernel",
     "`kernel` must be a whole number of at least 1, or a list of one for each axis, not `big`"),
    ("conv", {"filters": 8, "kernel": [3, 0]}, "kernel",
     "`kernel` must be a whole number of at least 1, or a list of one for each axis, not 0"),
    ("conv", {"filters": 8, "kernel": []}, "kernel", "`kernel` must have one to three values, not 0"),
    ("conv", {"filters": 8, "kernel": [1, 1, 1, 1]}, "kernel", "`kernel` must have one to three values, not 4"),
    ("conv", {**CONV3, "stride": 0}, "stride",
     "`stride` must be a whole number of at least 1, or a list of one for each axis, not 0"),
    ("conv", {**CONV3, "padding": -1}, "padding",
     "`padding` must be a whole number of at least 0, a list of one or of [before, after] for each axis, "
     "`valid`, `half` or `same`, not -1"),
    ("conv", {**CONV3, "padding": [[1, 1, 1]]}, "padding",
     "`padding` must have two values for an axis, before and after, not 3"),
    ("conv", {**CONV3, "groups": "channelwise"}, "groups",
     "`groups` must be a whole number of at least 1, or `depthwise`, not `channelwise`"),
    ("conv", {**CONV3, "bias": 1}, "bias", "`bias` must be `true` or `false`, not 1"),
    ("maxpool", {"kernel": 3, "ceil": "up"}, "ceil", "`ceil` must be `true` or `false`, not `up`"),
    ("dropout", {"rate": 2}, "rate", "`rate` must be a number from 0 to 1, not 2"),
    ("stochastic_depth", {"rate": -0.1}, "rate", "`rate` must be a number from 0 to 1, not -0.1"),
    ("leaky_relu", {"slope": "small"}, "slope", "`slope` must be a number from 0 to 1e+09, not `small`"),
    ("prelu", {"shared": 1}, "shared", "`shared` must be `true` or `false`, not 1"),
    ("groupnorm", {"groups": 0}, "groups", "`groups` must be a whole number of at least 1, not 0"),
    ("scale", {"bias": "yes"}, "bias", "`bias` must be `true` or `false`, not `yes`"),
    ("lstm", {"units": 8, "biases": 3}, "biases", "`biases` must be at most 2, not 3"),
    ("lstm", {"units": 8, "returns": "all"}, "returns", "`returns` must be `sequence` or `last`, not `all`"),
    ("reshape", {"size": [1, 2, 3, 4, 5]}, "size", "`size` must have one to four values, not 5"),
    ("reshape", {"size": [4, -1]}, "size",
     "`size` must be a whole number of at least 1, or a list of one for each axis, not -1"),
    ("slice", {"start": -1}, "start", "`start` must be a whole number of at least 0, not -1"),
    ("pad", {"channels": [1, 2, 3]}, "channels",
     "`channels` must be a whole number of at least 0, or [before, after], not [1, 2, 3]"),
    ("pad", {"padding": "same"}, "padding",
     "`padding` must be a whole number of at least 0, or a list of one or of [before, after] for each axis, "
     "not `same`"),
    ("upsample", {"factor": 2, "mode": "sharp"}, "mode",
     "`mode` must be `nearest` or `bilinear` or `bicubic`, not `sharp`"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "settings", "setting", "message"), WRONG_VALUES)
def test_wrong_values(kind: str, settings: dict[str, Any], setting: str, message: str) -> None:
    with pytest.raises(Cause) as caught:
        KINDS[kind](**settings)
    assert (caught.value.message, caught.value.setting) == (message, setting)


@pytest.mark.parametrize("settings", [{"filters": 8}, {"filters": 8, "kernel": 3, "size": 3}])
def test_settings_are_declared_and_complete(settings: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="conv: unknown settings"):
        KINDS["conv"](**settings)


def test_output_padding_is_not_dropped_silently() -> None:
    # With `same` the output is the input times the stride, so there is nothing to add: a setting that does
    # nothing is refused everywhere else in the language.
    layer = KINDS["conv_transpose"](filters=1, kernel=3, stride=2, padding="same", output_padding=1)
    with pytest.raises(Cause):
        layer.figures((Shape(10, 1),))


def test_a_merge_does_not_depend_on_order() -> None:
    vector, pixel = Shape(64), Shape(1, 1, 64)
    one, other = (KINDS["add"]().figures(pair) for pair in ((vector, pixel), (pixel, vector)))
    assert one == other == Figures(pixel, elements=64)


def test_layers_are_values() -> None:
    one, same, other = (KINDS["conv"](filters=8, kernel=kernel) for kernel in (3, [3, 3], 5))
    assert one.can_share(same)
    assert hash(one) == hash(KINDS["conv"](filters=8, kernel=3))
    assert one != other
    assert repr(other) == "Conv(filters=8, kernel=5)"
    assert other.given() == {"filters": 8, "kernel": 5}
    with pytest.raises(AttributeError, match="frozen"):
        one.filters = 9


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_every_kind_is_described(kind: type[Layer]) -> None:
    assert (kind.__doc__ or "").strip()
    assert kind.example.startswith(kind.kind)
    assert kind.source
    assert all(one.about for one in kind.settings.values())
