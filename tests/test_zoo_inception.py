"""LeNet-5 and the Inception family beside PyTorch, written again from their papers and named implementations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cnnarch import Shape, load
from tests.test_against_pytorch import nn, parameters, run, torch

pytestmark = pytest.mark.pytorch


class Join(nn.Module):  # type: ignore[misc]
    """Branches beside each other: what they give is concatenated, or added up."""

    def __init__(self, *branches: Any, add: bool = False) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.add = add

    def forward(self, x: Any) -> Any:
        y = [branch(x) for branch in self.branches]
        return sum(y) if self.add else torch.cat(y, 1)


class Chain:
    """Layers in a row, which know how many channels come to them."""

    def __init__(self, channels: int, biases: bool = False, norm: bool = True) -> None:
        self.channels, self.biases, self.norm = channels, biases, norm
        self.layers: list[Any] = []

    def then(self, module: Any, channels: int = 0) -> Chain:
        self.layers.append(module)
        self.channels = channels or self.channels
        return self

    def conv(self, filters: int, kernel: Any = 1, stride: int = 1, pad: Any = None) -> Chain:
        """With batch normalisation, a rectifier and, if not said, a padding that keeps the size."""
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (height // 2, width // 2) if pad is None else pad
        self.then(nn.Conv2d(self.channels, filters, (height, width), stride, padding, bias=self.biases), filters)
        if self.norm:
            self.then(nn.BatchNorm2d(filters))
        return self.then(nn.ReLU())

    def join(self, *branches: Branch) -> Chain:
        made = [lay(self.new()) for lay in branches]
        return self.then(Join(*(one.module() for one in made)), sum(one.channels for one in made))

    def new(self) -> Chain:
        return Chain(self.channels, self.biases, self.norm)

    def pool(self, stride: int = 2, average: bool = False, pad: int = 0) -> Chain:
        return self.then((nn.AvgPool2d if average else nn.MaxPool2d)(3, stride, pad))

    def ceil(self) -> Chain:
        return self.then(nn.MaxPool2d(3, 2, ceil_mode=True))

    def scores(self, classes: int = 1000) -> Any:
        self.then(nn.AdaptiveAvgPool2d(1)).then(nn.Flatten()).then(nn.Linear(self.channels, classes))
        return self.module()

    def module(self) -> Any:
        return nn.Sequential(*self.layers)


Branch = Callable[[Chain], Chain]


def branch(*convs: tuple[Any, ...], average: bool | None = None) -> Branch:
    """Convolutions in a row, perhaps after a pool that keeps the size."""

    def lay(net: Chain) -> Chain:
        if average is not None:
            net.pool(1, average, 1)
        for settings in convs:
            net.conv(*settings)
        return net

    return lay


# LeCun et al. 1998

TABLE_1 = ("012", "123", "234", "345", "045", "015", "0123", "1234", "2345", "0345", "0145", "0125", "0134", "1245",
           "0235", "012345")  # fmt: skip


class Tabled(nn.Module):  # type: ignore[misc]
    """C3: each map reads the maps of S2 that table I says."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Conv2d(len(column), 1, 5) for column in TABLE_1)

    def forward(self, x: Any) -> Any:
        return torch.cat([one(x[:, [int(digit) for digit in column]]) for one, column in zip(self.maps, TABLE_1)], 1)


class Subsample(nn.Module):  # type: ignore[misc]
    def __init__(self, maps: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(maps, 1, 1)), nn.Parameter(torch.zeros(maps, 1, 1))

    def forward(self, x: Any) -> Any:
        return torch.tanh(self.weight * 4 * nn.functional.avg_pool2d(x, 2) + self.bias)


class Distances(nn.Module):  # type: ignore[misc]
    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.register_buffer("points", torch.zeros(units, inputs))

    def forward(self, x: Any) -> Any:
        squares = (x**2).sum(1, keepdim=True) + (self.points**2).sum(1)
        return squares - 2 * torch.mm(x, self.points.T)


def lenet5() -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.Tanh(), Subsample(6), Tabled(), nn.Tanh(), Subsample(16)),
        *(nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(), nn.Linear(120, 84), nn.Tanh(), Distances(84, 10)),
    )


# Szegedy et al. 2014, table 1: a 0 is a max pool

GOOGLENET = (
    (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), 0, (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128), 0, (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
)  # fmt: skip


def start(norm: bool) -> Chain:
    net = Chain(3, biases=True, norm=norm).conv(64, 7, 2).ceil()
    lrn = nn.Identity if norm else lambda: nn.LocalResponseNorm(5)
    return net.then(lrn()).conv(64).conv(192, 3).then(lrn()).ceil()


def googlenet() -> Any:
    net = start(norm=False)
    for row in GOOGLENET:
        if isinstance(row, int):
            net.ceil()
            continue
        one, reduce3, three, reduce5, five, proj = row
        net.join(
            branch((one,)),
            branch((reduce3,), (three, 3)),
            branch((reduce5,), (five, 5)),
            branch((proj,), average=False),
        )
    return net.scores()


def auxiliary(channels: int) -> Any:
    """Section 5: on 4a's 512 channels and on 4d's 528."""
    net = Chain(channels, biases=True, norm=False).then(nn.AvgPool2d(5, 3)).conv(128)
    return net.then(nn.Flatten()).then(nn.Linear(4 * 4 * 128, 1024)).then(nn.Linear(1024, 1000)).module()


# Ioffe & Szegedy 2015, figure 5; without a first number a module halves the size

BN_INCEPTION = (
    (64, 64, 64, 64, 96, 32), (64, 64, 96, 64, 96, 64), (0, 128, 160, 64, 96, 0),
    (224, 64, 96, 96, 128, 128), (192, 96, 128, 96, 128, 128), (160, 128, 160, 128, 160, 128),
    (96, 128, 192, 160, 192, 128), (0, 128, 192, 192, 256, 0),
    (352, 192, 320, 160, 224, 128), (352, 192, 320, 192, 224, 128),
)  # fmt: skip


def inception_v2() -> Any:
    net = start(norm=True)
    for one, reduce3, three, reduce, double, proj in BN_INCEPTION:
        step = 1 if one else 2
        net.join(
            branch((reduce3,), (three, 3, step)),
            branch((reduce,), (double, 3), (double, 3, step)),
            *([branch((one,)), branch((proj,), average=True)] if one else [Chain.ceil]),
        )
    return net.scores()


# Szegedy et al. 2016, figures 3 to 9 and 15 to 19


def reduction_a(net: Chain, k: int, l: int, m: int, n: int) -> Chain:  # noqa: E741, the paper's letters
    return net.join(
        Chain.pool,
        branch((n, 3, 2, 0)),
        branch((k,), (l, 3), (m, 3, 2, 0)),
    )


def split(net: Chain) -> Chain:
    return net.join(branch((256, (1, 3))), branch((256, (3, 1))))


def inception_v4() -> Any:
    net = Chain(3).conv(32, 3, 2, 0).conv(32, 3, 1, 0).conv(64, 3)
    net.join(Chain.pool, branch((96, 3, 2, 0)))
    net.join(
        branch((64,), (96, 3, 1, 0)),
        branch((64,), (64, (7, 1)), (64, (1, 7)), (96, 3, 1, 0)),
    )
    net.join(branch((192, 3, 2, 0)), Chain.pool)
    for _ in range(4):
        net.join(
            branch((96,), average=True),
            branch((96,)),
            branch((64,), (96, 3)),
            branch((64,), (96, 3), (96, 3)),
        )
    reduction_a(net, 192, 224, 256, 384)
    for _ in range(7):
        net.join(
            branch((128,), average=True),
            branch((384,)),
            branch((192,), (224, (1, 7)), (256, (7, 1))),
            branch((192,), (192, (1, 7)), (224, (7, 1)), (224, (1, 7)), (256, (7, 1))),
        )
    net.join(
        Chain.pool,
        branch((192,), (192, 3, 2, 0)),
        branch((256,), (256, (1, 7)), (320, (7, 1)), (320, 3, 2, 0)),
    )
    for _ in range(3):
        net.join(
            branch((256,), average=True),
            branch((256,)),
            lambda x: split(x.conv(384)),
            lambda x: split(x.conv(384).conv(448, (1, 3)).conv(512, (3, 1))),
        )
    return net.scores()


def residual(net: Chain, *branches: Branch) -> None:
    """Branches, a linear 1 × 1 convolution to as many channels as came, and the addition."""
    inner = net.new().join(*branches)
    inner.then(nn.Conv2d(inner.channels, net.channels, 1))
    net.then(Join(nn.Identity(), inner.module(), add=True))


def inception_resnet_v2() -> Any:
    net = Chain(3).conv(32, 3, 2, 0).conv(32, 3, 1, 0).conv(64, 3).pool().conv(80).conv(192, 3, 1, 0).pool()
    net.join(
        branch((64,), average=True),
        branch((96,)),
        branch((48,), (64, 5)),
        branch((64,), (96, 3), (96, 3)),
    )
    for _ in range(10):
        residual(
            net,
            branch((32,)),
            branch((32,), (32, 3)),
            branch((32,), (48, 3), (64, 3)),
        )
    reduction_a(net, 256, 256, 384, 384)
    for _ in range(20):
        residual(net, branch((192,)), branch((128,), (160, (1, 7)), (192, (7, 1))))
    net.join(
        Chain.pool,
        branch((256,), (384, 3, 2, 0)),
        branch((256,), (288, 3, 2, 0)),
        branch((256,), (288, 3), (320, 3, 2, 0)),
    )
    for _ in range(10):
        residual(net, branch((192,)), branch((192,), (224, (1, 3)), (256, (3, 1))))
    return net.conv(1536).scores()


# Chollet 2016, figure 5


def separable(inputs: int, filters: int) -> list[Any]:
    depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
    return [depthwise, nn.Conv2d(inputs, filters, 1, bias=False), nn.BatchNorm2d(filters)]


def down(inputs: int, mid: int, filters: int) -> Any:
    """A max pool with a pixel on each side gives ⌈size/2⌉, as TensorFlow's padding does."""
    main = nn.Sequential(
        *(nn.ReLU(), *separable(inputs, mid), nn.ReLU(), *separable(mid, filters), nn.MaxPool2d(3, 2, 1))
    )
    return Join(nn.Sequential(nn.Conv2d(inputs, filters, 1, 2, bias=False), nn.BatchNorm2d(filters)), main, add=True)


def xception() -> Any:
    net = Chain(3).conv(32, 3, 2, 0).conv(64, 3, 1, 0)
    for inputs, filters in ((64, 128), (128, 256), (256, 728)):
        net.then(down(inputs, filters, filters))
    for _ in range(8):
        three = [layer for _ in range(3) for layer in (nn.ReLU(), *separable(728, 728))]
        net.then(Join(nn.Identity(), nn.Sequential(*three), add=True))
    net.then(down(728, 728, 1024))
    for layer in (*separable(1024, 1536), nn.ReLU(), *separable(1536, 2048), nn.ReLU()):
        net.then(layer, 2048)
    return net.scores()


NETWORKS: Sequence[tuple[str, Callable[[], Any], int, int]] = [
    ("lenet5_1998", lenet5, 1, 32),
    ("googlenet_2014", googlenet, 3, 224),
    ("googlenet_2014", googlenet, 3, 300),
    ("inception_v2", inception_v2, 3, 224),
    ("inception_v2", inception_v2, 3, 256),
    ("inception_v4", inception_v4, 3, 299),
    ("inception_v4", inception_v4, 3, 340),
    ("inception_resnet_v2", inception_resnet_v2, 3, 299),
    ("inception_resnet_v2", inception_resnet_v2, 3, 340),
    ("xception", xception, 3, 299),
    ("xception", xception, 3, 340),
]


@pytest.mark.parametrize(("name", "build", "channels", "size"), NETWORKS)
def test_written_again(name: str, build: Callable[[], Any], channels: int, size: int) -> None:
    with torch.device("meta"):
        module = build()
        y, macs = run(module, torch.zeros(1, channels, size, size))
    network = load(name, {}, Shape(size, size, channels))
    totals = network.totals
    assert (totals.weights, totals.biases, totals.buffers) == parameters(module)
    assert totals.macs == macs
    assert list(network.outputs.values()) == [Shape(*y.shape[1:])]


def test_auxiliary_heads() -> None:
    """GoogLeNet's, on 4a and 4d."""
    with torch.device("meta"):
        heads = [auxiliary(512), auxiliary(528)]
        macs = sum(run(head, torch.zeros(1, channels, 14, 14))[1] for head, channels in zip(heads, (512, 528)))
    totals = load("googlenet_2014").totals
    assert totals.training_params - totals.params == sum(sum(parameters(head)) for head in heads)
    assert totals.training_macs - totals.macs == macs


# Figures of the papers, layer by layer


def test_lenet5_as_counted_in_the_paper() -> None:
    """Trainable parameters of every layer, and the connections: one for each weight, bias and addend of a place."""
    network = load("lenet5_1998")
    found: dict[str, int] = {}
    connections = 0
    for node in network.layers:
        name = node.name.partition("/")[0].partition("_")[0]
        figures = node.figures
        found[name] = found.get(name, 0) + figures.params
        if node.layer.kind == "scale":
            connections += node.output.units * 5  # four pixels and a bias
        elif figures.macs:
            places = node.output.units // node.output.channels
            connections += figures.macs + places * figures.biases
    trained = {name: params for name, params in found.items() if params}
    assert trained == {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48120, "f6": 10164}
    assert connections == 340908


# Multiply-adds in table 1 of Szegedy et al. 2014, in millions; its 4a has 73 for 73.6 and its 5a 54 for 51.
TABLE_OPS = {"inception_3a": 128, "inception_3b": 304, "inception_4b": 88, "inception_4c": 100, "inception_4d": 119,
             "inception_4e": 170, "inception_5b": 71, "fc": 1}  # fmt: skip


def test_googlenet_as_counted_in_the_paper() -> None:
    macs: dict[str, int] = {}
    for node in load("googlenet_2014").layers:
        name = node.name.partition("/")[0]
        macs[name] = macs.get(name, 0) + node.figures.macs
    assert {name: round(macs[name] / 1e6) for name in TABLE_OPS} == TABLE_OPS
    assert round((macs["unit2"] + macs["unit3"]) / 1e6) == 360
    depthwise, pointwise = 7 * 7 * 3 * 8, 3 * 8 * 64  # what 2.7K and 34M in its first row stand for
    assert round((depthwise + pointwise) / 1000, 1) == 2.7
    assert round(112 * 112 * (depthwise + pointwise) / 1e6) == 34
