"""Networks of plain layers that torchvision does not have, written again from their papers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from cnnarch import Shape, load
from tests.test_against_pytorch import fc_relu, parameters, run

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed; these tests compare with it")
nn: Any = torch.nn

pytestmark = pytest.mark.pytorch


class AddTo(nn.Module):  # type: ignore[misc]
    """A layer's output and its input, added or, behind a pool of the input, stacked."""

    def __init__(self, body: Any, pool: Any = None) -> None:
        super().__init__()
        self.body, self.pool = body, pool

    def forward(self, x: Any) -> Any:
        return x + self.body(x) if self.pool is None else torch.cat([self.pool(x), self.body(x)], 1)


def conv(channels: int, filters: int, kernel: int, stride: int = 1, padding: int = 0) -> list[Any]:
    return [nn.Conv2d(channels, filters, kernel, stride, padding), nn.ReLU()]


def vgg_c(classes: int) -> Any:
    """Simonyan & Zisserman 2014, table 1, column C: rows of filters and kernels; between them are the pools."""
    rows = [[(64, 3)] * 2, [(128, 3)] * 2, *([(filters, 3)] * 2 + [(filters, 1)] for filters in (256, 512, 512))]
    return vgg(rows, [], classes)


def vgg_lrn(classes: int) -> Any:
    """The same table, column A-LRN."""
    return vgg([[(64, 3)], [(128, 3)], *([(filters, 3)] * 2 for filters in (256, 512, 512))], [0], classes)


def vgg(rows: list[list[tuple[int, int]]], normalised: list[int], classes: int) -> Any:
    layers: list[Any] = []
    channels = 3
    for number, row in enumerate(rows):
        for filters, kernel in row:
            layers += conv(channels, filters, kernel, padding=kernel // 2)
            channels = filters
        layers += [nn.LocalResponseNorm(5)] * (number in normalised) + [nn.MaxPool2d(2)]
    return nn.Sequential(
        *layers, nn.Flatten(), *fc_relu(25088, 4096), *fc_relu(4096, 4096), nn.Linear(4096, classes), nn.Softmax(1)
    )


def nin(classes: int) -> Any:
    """The layers of nin_imagenet in the Caffe model zoo, whose pools round up."""

    def mlpconv(channels: int, filters: int, out: int, *window: int) -> list[Any]:
        return [*conv(channels, filters, *window), *conv(filters, filters, 1), *conv(filters, out, 1)]

    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    return nn.Sequential(
        *(*mlpconv(3, 96, 96, 11, 4), pool, *mlpconv(96, 256, 256, 5, 1, 2), pool),
        *(*mlpconv(256, 384, 384, 3, 1, 1), pool, nn.Dropout(), *mlpconv(384, 1024, classes, 3, 1, 1)),
        *(nn.AvgPool2d(6), nn.Flatten(), nn.Softmax(1)),
    )


def overfeat_fast(classes: int) -> Any:
    """Sermanet et al. 2013, table 1."""
    return nn.Sequential(
        *(*conv(3, 96, 11, 4), nn.MaxPool2d(2), *conv(96, 256, 5), nn.MaxPool2d(2)),
        *(*conv(256, 512, 3, 1, 1), *conv(512, 1024, 3, 1, 1), *conv(1024, 1024, 3, 1, 1), nn.MaxPool2d(2)),
        *(*conv(1024, 3072, 6), nn.Dropout(), *conv(3072, 4096, 1), nn.Dropout(), nn.Conv2d(4096, classes, 1)),
        *(nn.Flatten(), nn.Softmax(1)),
    )


def overfeat_accurate(classes: int) -> Any:
    """The same, table 3; here, as there, what is fully connected is a convolution of all that is left."""
    return nn.Sequential(
        *(*conv(3, 96, 7, 2), nn.MaxPool2d(3), *conv(96, 256, 7), nn.MaxPool2d(2)),
        *(*conv(256, 512, 3, 1, 1), *conv(512, 512, 3, 1, 1)),
        *(*conv(512, 1024, 3, 1, 1), *conv(1024, 1024, 3, 1, 1), nn.MaxPool2d(3)),
        *(*conv(1024, 4096, 5), nn.Dropout(), *conv(4096, 4096, 1), nn.Dropout(), nn.Conv2d(4096, classes, 1)),
        *(nn.Flatten(), nn.Softmax(1)),
    )


def dark(channels: int, filters: int, kernel: int, stride: int = 1) -> list[Any]:
    convolution = nn.Conv2d(channels, filters, kernel, stride, kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(filters), nn.LeakyReLU(0.1)]


def darknet19(classes: int) -> Any:
    """Redmon & Farhadi 2016, table 6: filters of 3×3, those in odd places between two of them of 1×1; 0 is a pool."""
    layers: list[Any] = []
    channels = 3
    rows = [[32], [64], [128, 64, 128], [256, 128, 256], [512, 256] * 2 + [512], [1024, 512] * 2 + [1024]]
    for number, row in enumerate(rows):
        layers += [nn.MaxPool2d(2)] if number else []
        for place, filters in enumerate(row):
            layers += dark(channels, filters, 1 if place % 2 else 3)
            channels = filters
    return nn.Sequential(*layers, nn.Conv2d(1024, classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Softmax(1))


def darknet53(classes: int) -> Any:
    """Redmon & Farhadi 2018, table 1."""
    layers = dark(3, 32, 3)
    for filters, repeats in (64, 1), (128, 2), (256, 8), (512, 8), (1024, 4):
        layers += dark(filters // 2, filters, 3, 2)
        for _ in range(repeats):
            layers += [AddTo(nn.Sequential(*dark(filters, filters // 2, 1), *dark(filters // 2, filters, 3)))]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, classes), nn.Softmax(1))


def shufflenet_v1(classes: int, groups: int = 3, stem: int = 24, channels: int = 240) -> Any:
    """Zhang et al. 2017, table 1 and figure 2; without a bias at the end, as its authors released it."""

    def norm(*settings: int, **more: int) -> list[Any]:
        return [nn.Conv2d(*settings, bias=False, **more), nn.BatchNorm2d(settings[1])]

    def branch(inputs: int, mid: int, filters: int, stride: int, first: int) -> Any:
        return nn.Sequential(
            *(*norm(inputs, mid, 1, groups=first), nn.ReLU(), nn.ChannelShuffle(groups)),
            *(*norm(mid, mid, 3, stride, 1, groups=mid), *norm(mid, filters, 1, groups=groups)),
        )

    layers = [*norm(3, stem, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    before = stem
    for stage, units in enumerate((4, 8, 4)):
        filters = channels * 2**stage
        down = branch(before, filters // 4, filters - before, 2, groups if stage else 1)
        layers += [AddTo(down, nn.AvgPool2d(3, 2, 1)), nn.ReLU()]
        for _ in range(units - 1):
            layers += [AddTo(branch(filters, filters // 4, filters, 1, groups)), nn.ReLU()]
        before = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes, bias=False))


NETWORKS: list[tuple[str, Callable[[int], Any], tuple[int, ...]]] = [
    ("vgg16_c", vgg_c, (224,)),
    ("vgg11_lrn", vgg_lrn, (224,)),
    ("nin", nin, (224, 227)),
    ("overfeat_fast", overfeat_fast, (231,)),
    ("overfeat_accurate", overfeat_accurate, (221,)),
    ("darknet19", darknet19, (224, 256)),
    ("darknet53", darknet53, (256, 224)),
    ("shufflenet_v1", shufflenet_v1, (224, 160)),
    ("shufflenet_v1_g8", partial(shufflenet_v1, groups=8, channels=384), (224,)),
    ("shufflenet_v1_x0_5", partial(shufflenet_v1, stem=12, channels=120), (224,)),
    ("shufflenet_v1_x1_5", partial(shufflenet_v1, channels=360), (224,)),
    ("shufflenet_v1_x2_0", partial(shufflenet_v1, stem=48, channels=480), (224,)),
]


@pytest.mark.parametrize("classes", [1000, 10])
@pytest.mark.parametrize(
    ("name", "build", "size"), [(name, build, size) for name, build, sizes in NETWORKS for size in sizes]
)
def test_against_its_paper(name: str, build: Callable[[int], Any], size: int, classes: int) -> None:
    with torch.device("meta"):
        module = build(classes)
        y, macs = run(module, torch.zeros(1, 3, size, size))
    network = load(name, {"classes": classes}, Shape(size, size, 3))
    totals = network.totals
    assert (totals.weights, totals.biases, totals.buffers) == parameters(module)
    assert totals.macs == macs
    assert list(network.outputs.values()) == [Shape(classes)] == [Shape(*y.shape[1:])]
