"""Residual networks that torchvision has not, beside the same networks written by hand in PyTorch, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from cnnarch import Shape, load

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed; these tests compare with it")

from tests.test_against_torchvision import Model, differences, leaves, our_leaves, zeros  # noqa: E402, needs PyTorch

nn: Any = torch.nn

pytestmark = pytest.mark.pytorch

Layers = list[Any]


class Sum(nn.Module):  # type: ignore[misc]
    """What two rows of layers make of one input; a row of none leaves it as it is."""

    def __init__(self, body: Layers, shortcut: Layers) -> None:
        super().__init__()
        self.body, self.shortcut = nn.Sequential(*body), nn.Sequential(*shortcut)

    def forward(self, x: Any) -> Any:
        return self.body(x) + self.shortcut(x)


class SqueezeExcite(nn.Module):  # type: ignore[misc]
    def __init__(self, channels: int, squeeze: int) -> None:
        super().__init__()
        ends = nn.Conv2d(channels, squeeze, 1), nn.Conv2d(squeeze, channels, 1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), ends[0], nn.ReLU(), ends[1], nn.Sigmoid())

    def forward(self, x: Any) -> Any:
        return x * self.gate(x)


class SamePool(nn.Module):  # type: ignore[misc]
    """3×3 with stride 2 and TensorFlow's padding; nothing is below 0 that it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(3, 2)

    def forward(self, x: Any) -> Any:
        (top, bottom), (left, right) = ((1, 1) if size % 2 else (0, 1) for size in x.shape[2:])
        return self.pool(nn.functional.pad(x, (left, right, top, bottom)))


class OptionA(nn.Module):  # type: ignore[misc]
    """Every second pixel, and as many channels of zeros as there are channels."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(1, 2)

    def forward(self, x: Any) -> Any:
        x = self.pool(x)
        return torch.cat([x, torch.zeros_like(x)], dim=1)


def conv(channels: int, filters: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> Any:
    return nn.Conv2d(channels, filters, kernel, stride, kernel // 2, groups=groups, bias=False)


def conv_bn(channels: int, filters: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> Layers:
    return [conv(channels, filters, kernel, stride, groups), nn.BatchNorm2d(filters)]


def head(channels: int, classes: int) -> Layers:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]


def bottleneck(channels: int, mid: int, strides: tuple[int, int], reduction: int = 0) -> Layers:
    out, stride = 4 * mid, strides[0] * strides[1]
    body = [*conv_bn(channels, mid, 1, strides[0]), nn.ReLU(), *conv_bn(mid, mid, 3, strides[1]), nn.ReLU()]
    body += conv_bn(mid, out)
    if reduction:
        body.append(SqueezeExcite(out, out // reduction))
    shortcut: Layers = []
    if channels != out:
        shortcut = conv_bn(channels, out, 1, stride)
    elif stride > 1:
        shortcut = [nn.MaxPool2d(1, stride)]
    return [Sum(body, shortcut), nn.ReLU()]


def resnet(depths: list[int], classes: int, pool: Any, reduction: int = 0, slim: bool = False) -> Any:
    """The stride is in the first 1×1 of a stage; in TF-Slim it is in the last 3×3 of the stage before."""
    layers = [*conv_bn(3, 64, 7, 2), nn.ReLU(), pool]
    channels = 64
    for stage, depth in enumerate(depths):
        for number in range(depth):
            strides = (1, 1)
            if slim and stage < 3 and number == depth - 1:
                strides = (1, 2)
            elif not slim and stage > 0 and number == 0:
                strides = (2, 1)
            layers += bottleneck(channels, 64 << stage, strides, reduction)
            channels = 256 << stage
    return nn.Sequential(*layers, *head(channels, classes))


def senet154(classes: int) -> Any:
    layers: Layers = []
    for channels, filters, stride in ((3, 64, 2), (64, 64, 1), (64, 128, 1)):
        layers += [*conv_bn(channels, filters, 3, stride), nn.ReLU()]
    layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
    channels = 128
    for stage, depth in enumerate([3, 8, 36, 3]):
        out = 256 << stage
        for number in range(depth):
            stride = 2 if stage and not number else 1
            body = [*conv_bn(channels, out // 2), nn.ReLU(), *conv_bn(out // 2, out, 3, stride, 64), nn.ReLU()]
            body += [*conv_bn(out, out), SqueezeExcite(out, out // 16)]
            shortcut = [] if number else conv_bn(channels, out, 3 if stage else 1, stride)
            layers += [Sum(body, shortcut), nn.ReLU()]
            channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(channels, classes))


def cifar(n: int, classes: int) -> Any:
    layers = [*conv_bn(3, 16, 3), nn.ReLU()]
    channels = 16
    for filters in (16, 32, 64):
        for _ in range(n):
            wider = filters > channels
            body = [*conv_bn(channels, filters, 3, 2 if wider else 1), nn.ReLU(), *conv_bn(filters, filters, 3)]
            layers += [Sum(body, [OptionA()] if wider else []), nn.ReLU()]
            channels = filters
    return nn.Sequential(*layers, *head(channels, classes))


def wide(n: int, k: int, classes: int) -> Any:
    layers = [conv(3, 16, 3)]
    channels = 16
    for group in range(3):
        filters, stride = (16 << group) * k, min(group + 1, 2)
        for number in range(n):
            ready = [nn.BatchNorm2d(channels), nn.ReLU()]
            body = [conv(channels, filters, 3, 1 if number else stride), nn.BatchNorm2d(filters), nn.ReLU()]
            body.append(conv(filters, filters, 3))
            layers += (
                [Sum([*ready, *body], [])] if number else [*ready, Sum(body, [conv(channels, filters, 1, stride)])]
            )
            channels = filters
    return nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU(), *head(channels, classes))


DEPTHS = {50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}

Build = Callable[[int], Any]


def strided_first(depths: list[int]) -> Build:
    return lambda classes: resnet(depths, classes, nn.MaxPool2d(3, 2, 1))


def strided_last(depths: list[int]) -> Build:
    return lambda classes: resnet(depths, classes, SamePool(), slim=True)


CASES: list[tuple[str, dict[str, Any], Build]] = [
    *(("resnet50_v1", {"depths": depths}, strided_first(depths)) for depths in DEPTHS.values()),
    *(("resnet50_tf_slim", {"depths": depths}, strided_last(depths)) for depths in DEPTHS.values()),
    ("se_resnet50", {}, lambda classes: resnet(DEPTHS[50], classes, nn.MaxPool2d(3, 2, ceil_mode=True), 16)),
    ("senet154", {}, senet154),
    *((f"resnet{6 * n + 2}", {}, partial(cifar, n)) for n in (3, 5, 7, 9, 18)),
    ("wrn_28_10", {}, partial(wide, 4, 10)),
    ("wrn_28_10", {"n": 6, "k": 4}, partial(wide, 6, 4)),  # WRN-40-4
]


@pytest.mark.parametrize("larger", [0, 33])
@pytest.mark.parametrize(("name", "settings", "build"), CASES, ids=lambda one: one if isinstance(one, str) else "")
def test_layer_by_layer(name: str, settings: dict[str, Any], build: Build, larger: int) -> None:
    size, classes = load(name).inputs["input"].height + larger, 10 + larger
    network = load(name, {**settings, "classes": classes}, Shape(size, size, 3))
    with torch.device("meta"):
        model = build(classes).eval()
    expected, (y,) = leaves(model, Model(), zeros(size))
    differ = differences(our_leaves(network), expected, Model())
    assert not differ, "\n".join(differ[:5])
    assert [tuple(shape) for shape in network.outputs.values()] == [tuple(y.shape[1:])]
