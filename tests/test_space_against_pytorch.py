"""Members of the shipped spaces beside the same networks in PyTorch, on the meta device.

RegNet is torchvision's. Once-for-all's sub-networks are written here from figure and text of the paper and the settings
of the authors' code, mit-han-lab/once-for-all, as torchvision has no such model.
"""

from __future__ import annotations

import random
from importlib import import_module
from typing import Any

import pytest

from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from cnnarch.spec.build import build
from tests.test_against_torchvision import flop_counter, torch, torchvision_models

pytestmark = pytest.mark.pytorch

ANYNET, OFA = "anynet_x_e", "ofa_mobilenet_v3"
SOME = 12  # members that are drawn


def ours(name: str, variant: dict[str, Any], size: int = 224) -> tuple[int, int, int]:
    """Parameters, buffers and multiply-adds, as the page has them."""
    graph = build(catalog.read(name), variant, {"input": Shape(size, size, 3)})
    figures = [node.figures for node in graph.nodes]
    return sum(f.params for f in figures), sum(f.buffers for f in figures), sum(f.macs for f in figures)


def theirs(model: Any, size: int = 224) -> tuple[int, int, int]:
    """The same of a module; PyTorch counts the batches of each normalisation too, which are left out."""
    model.eval()
    with flop_counter.FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.empty(1, 3, size, size, device="meta"))
    params = sum(one.numel() for one in model.parameters())
    buffers = sum(one.numel() for name, one in model.named_buffers() if not name.endswith("num_batches_tracked"))
    return params, buffers, counter.get_total_flops() // 2


def members(name: str) -> list[dict[str, Any]]:
    space, draw = catalog.read(name).space, random.Random(3)
    assert space is not None
    return [space.at(draw.randrange(space.size)) for _ in range(SOME)]


# RegNet


def regnet(depths: list[int], widths: list[int], bottleneck: int, group_width: int) -> Any:
    """The network of torchvision, with widths and groups adapted as pycls does, the code of the paper."""
    module = import_module(f"{torchvision_models().__name__}.regnet")
    inner = [max(1, width // bottleneck) for width in widths]
    groups = [min(group_width, width) for width in inner]
    inner = [max(group, round(width / group) * group) for width, group in zip(inner, groups)]
    wide = [width * bottleneck for width in inner]
    blocks = module.BlockParams(depths, wide, groups, [1 / bottleneck] * 4, [2] * 4)
    with torch.device("meta"):
        return module.RegNet(blocks)


@pytest.mark.parametrize("number", range(SOME))
def test_members_of_anynet(number: int) -> None:
    variant = members(ANYNET)[number]
    assert ours(ANYNET, variant) == theirs(regnet(**variant))


# Once-for-all

WIDTHS = (24, 40, 80, 112, 160)  # of the five units, with their strides, squeeze-and-excitation, and h-swish
STRIDES = (2, 2, 2, 1, 2)
SQUEEZED = (False, True, False, True, True)
SWISH = (False, False, True, True, True)


def rounded(channels: float) -> int:
    """To the nearest multiple of 8, but not by more than a tenth below."""
    found = max(8, int(channels + 4) // 8 * 8)
    return found if found >= 0.9 * channels else found + 8


def convolution(before: int, after: int, kernel: int, stride: int, groups: int, active: Any) -> list[Any]:
    nn = torch.nn
    made = [nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(after)]
    return made if active is None else [*made, active()]


class Squeeze(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, channels: int) -> None:
        super().__init__()
        nn, inner = torch.nn, rounded(channels // 4)
        self.layers = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, inner, 1), nn.ReLU(), nn.Conv2d(inner, channels, 1),
            nn.Hardsigmoid(),
        )  # fmt: skip

    def forward(self, x: Any) -> Any:
        return x * self.layers(x)


class Inverted(torch.nn.Module):  # type: ignore[misc]
    def __init__(self, before: int, after: int, kernel: int, expansion: int, stride: int, se: bool, hs: bool) -> None:
        super().__init__()
        nn, inner = torch.nn, before * expansion
        active = nn.Hardswish if hs else nn.ReLU
        layers = convolution(before, inner, 1, 1, 1, active) if expansion > 1 else []
        layers += convolution(inner, inner, kernel, stride, inner, active)
        layers += [Squeeze(inner)] if se else []
        self.layers = nn.Sequential(*layers, *convolution(inner, after, 1, 1, 1, None))
        self.adds = stride == 1 and before == after

    def forward(self, x: Any) -> Any:
        return x + self.layers(x) if self.adds else self.layers(x)


def once_for_all(units: list[list[list[int]]], width: float = 1) -> Any:
    nn = torch.nn
    channels = rounded(16 * width)
    with torch.device("meta"):
        layers = convolution(3, channels, 3, 2, 1, nn.Hardswish)
        layers.append(Inverted(channels, channels, 3, 1, 1, False, False))
        for rows, out, stride, se, hs in zip(units, WIDTHS, STRIDES, SQUEEZED, SWISH):
            for place, (kernel, expansion) in enumerate(rows):
                after = rounded(out * width)
                layers.append(Inverted(channels, after, kernel, expansion, 1 if place else stride, se, hs))
                channels = after
        wide, last = rounded(960 * width), rounded(1280 * width)
        layers += convolution(channels, wide, 1, 1, 1, nn.Hardswish)
        layers += [nn.AdaptiveAvgPool2d(1), nn.Conv2d(wide, last, 1, bias=False), nn.Hardswish(), nn.Flatten()]
        return nn.Sequential(*layers, nn.Dropout(0.1), nn.Linear(last, 1000))


@pytest.mark.parametrize("number", range(SOME))
def test_members_of_once_for_all(number: int) -> None:
    variant = members(OFA)[number]
    size = variant.pop("input")
    assert ours(OFA, variant, size) == theirs(once_for_all(**variant), size)


@pytest.mark.parametrize("layers", [[[7, 6]] * 4, [[3, 3]] * 2], ids=["largest", "smallest"])
@pytest.mark.parametrize("width", [1, 1.2])
def test_the_ends_of_once_for_all(layers: list[list[int]], width: float) -> None:
    units = [layers] * 5
    assert ours(OFA, {"units": units, "width": width}) == theirs(once_for_all(units, width))
