"""U-Net, YOLOv3 and YOLOv8 beside the same networks in torch.nn, written from the paper, yolov3.cfg and yolov8.yaml."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from cnnarch import Shape, load

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed; these tests compare with it")

from tests.test_against_pytorch import parameters, run  # noqa: E402, it needs PyTorch as well

nn: Any = torch.nn

pytestmark = pytest.mark.pytorch

Outputs = list[Any]


class Net(nn.Module):  # type: ignore[misc]
    """Modules, and what they do with the input."""

    def __init__(self, forward: Callable[..., Any], **modules: Any) -> None:
        super().__init__()
        self.how = forward
        for name, module in modules.items():
            self.add_module(name, nn.ModuleList(module) if isinstance(module, list) else module)

    def forward(self, x: Any) -> Any:
        return self.how(self, x)


# U-Net


def plain(*channels: int) -> Any:
    """3 × 3 convolutions without padding."""
    layers = [layer for a, b in pairwise(channels) for layer in (nn.Conv2d(a, b, 3), nn.ReLU())]
    return nn.Sequential(*layers)


def unet(classes: int = 2, channels: int = 1) -> Any:
    widths = [64, 128, 256, 512, 1024]

    def forward(net: Any, x: Any) -> Any:
        skips = []
        for down in net.down[:-1]:
            x = down(x)
            skips.append(x)
            x = nn.functional.max_pool2d(x, 2)
        x = net.down[-1](x)
        for raise_, merge in zip(net.up, net.merge):
            x, skip = raise_(x), skips.pop()
            top, left = ((old - new) // 2 for old, new in zip(skip.shape[2:], x.shape[2:]))
            x = merge(torch.cat([skip[:, :, top : top + x.shape[2], left : left + x.shape[3]], x], 1))
        return net.last(x)

    return Net(
        forward,
        down=[plain(a, b, b) for a, b in pairwise([channels, *widths])],
        up=[nn.ConvTranspose2d(a, b, 2, 2) for b, a in reversed([*pairwise(widths)])],
        merge=[plain(a, b, b) for b, a in reversed([*pairwise(widths)])],
        last=nn.Conv2d(64, classes, 1),
    )


# YOLO


def conv(channels: int, filters: int, kernel: int = 1, stride: int = 1, act: Any = None) -> Any:
    return nn.Sequential(
        nn.Conv2d(channels, filters, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(filters),
        act or nn.LeakyReLU(0.1),
    )


def darknet_stage(filters: int, blocks: int) -> Any:
    def add(net: Any, x: Any) -> Any:
        return x + net.body(x)

    body = [
        Net(add, body=nn.Sequential(conv(filters, filters // 2), conv(filters // 2, filters, 3))) for _ in range(blocks)
    ]
    return nn.Sequential(conv(filters // 2, filters, 3, 2), *body)


def yolov3(classes: int = 80) -> Any:
    def neck(channels: int, filters: int) -> Any:
        twice = [layer for _ in range(2) for layer in (conv(filters, 2 * filters, 3), conv(2 * filters, filters))]
        return nn.Sequential(conv(channels, filters), *twice)

    def head(filters: int) -> Any:
        return nn.Sequential(conv(filters, 2 * filters, 3), nn.Conv2d(2 * filters, 3 * (classes + 5), 1))

    def forward(net: Any, x: Any) -> Outputs:
        middle = net.to8(x)
        small = net.to16(middle)
        y = net.necks[0](net.to32(small))
        outputs = [net.heads[0](y)]
        for lateral, skip, neck, head in zip(net.laterals, (small, middle), net.necks[1:], net.heads[1:]):
            up = nn.functional.interpolate(lateral(y), scale_factor=2)
            y = neck(torch.cat([up, skip], 1))
            outputs.append(head(y))
        return outputs

    return Net(
        forward,
        to8=nn.Sequential(conv(3, 32, 3), darknet_stage(64, 1), darknet_stage(128, 2), darknet_stage(256, 8)),
        to16=darknet_stage(512, 8),
        to32=darknet_stage(1024, 4),
        necks=[neck(1024, 512), neck(768, 256), neck(384, 128)],
        laterals=[conv(512, 256), conv(256, 128)],
        heads=[head(512), head(256), head(128)],
    )


def silu(channels: int, filters: int, kernel: int = 1, stride: int = 1) -> Any:
    return conv(channels, filters, kernel, stride, nn.SiLU())


def c2f(channels: int, filters: int, repeats: int, add: bool = False) -> Any:
    half = filters // 2

    def forward(net: Any, x: Any) -> Any:
        parts = list(net.first(x).chunk(2, 1))
        for one in net.repeated:
            y = one(parts[-1])
            parts.append(parts[-1] + y if add else y)
        return net.last(torch.cat(parts, 1))

    return Net(
        forward,
        first=silu(channels, filters),
        repeated=[nn.Sequential(silu(half, half, 3), silu(half, half, 3)) for _ in range(repeats)],
        last=silu((2 + repeats) * half, filters),
    )


def sppf(channels: int) -> Any:
    def forward(net: Any, x: Any) -> Any:
        maps = [net.first(x)]
        for _ in range(3):
            maps.append(nn.functional.max_pool2d(maps[-1], 5, 1, 2))
        return net.last(torch.cat(maps, 1))

    return Net(forward, first=silu(channels, channels // 2), last=silu(2 * channels, channels))


def yolov8(depth: float = 0.33, width: float = 0.25, last: int = 1024, classes: int = 80) -> Any:
    c1, c2, c3, c4, c5 = (int(width * min(filters, last)) for filters in (64, 128, 256, 512, 1024))
    three, six = max(round(3 * depth), 1), max(round(6 * depth), 1)
    boxes, scores = max(16, c3 // 4, 64), max(c3, min(classes, 100))

    def branch(channels: int, middle: int, filters: int) -> Any:
        return nn.Sequential(silu(channels, middle, 3), silu(middle, middle, 3), nn.Conv2d(middle, filters, 1))

    def forward(net: Any, x: Any) -> Outputs:
        at8 = net.to8(x)
        at16 = net.to16(at8)
        at32 = net.to32(at16)
        merged = net.merge[0](torch.cat([nn.functional.interpolate(at32, scale_factor=2), at16], 1))
        maps = [net.merge[1](torch.cat([nn.functional.interpolate(merged, scale_factor=2), at8], 1))]
        maps.append(net.merge[2](torch.cat([net.down[0](maps[-1]), merged], 1)))
        maps.append(net.merge[3](torch.cat([net.down[1](maps[-1]), at32], 1)))
        outputs = []
        for one, box, score in zip(maps, net.boxes, net.scores):
            sides = box(one).flatten(2).unflatten(1, (4, 16)).transpose(1, 2)
            outputs += [net.dfl(sides.softmax(1)), score(one)]
        return outputs

    return Net(
        forward,
        to8=nn.Sequential(
            silu(3, c1, 3, 2), silu(c1, c2, 3, 2), c2f(c2, c2, three, True), silu(c2, c3, 3, 2), c2f(c3, c3, six, True)
        ),
        to16=nn.Sequential(silu(c3, c4, 3, 2), c2f(c4, c4, six, True)),
        to32=nn.Sequential(silu(c4, c5, 3, 2), c2f(c5, c5, three, True), sppf(c5)),
        merge=[c2f(c5 + c4, c4, three), c2f(c4 + c3, c3, three), c2f(c3 + c4, c4, three), c2f(c4 + c5, c5, three)],
        down=[silu(c3, c3, 3, 2), silu(c4, c4, 3, 2)],
        boxes=[branch(channels, boxes, 64) for channels in (c3, c4, c5)],
        scores=[branch(channels, scores, classes) for channels in (c3, c4, c5)],
        dfl=nn.Conv2d(16, 1, 1, bias=False),
    )


SIZES = {  # of YOLOv8: what Ultralytics' yolov8.yaml says
    "n": (0.33, 0.25, 1024, 3157200),
    "s": (0.33, 0.5, 1024, 11166560),
    "m": (0.67, 0.75, 768, 25902640),
    "l": (1.0, 1.0, 512, 43691520),
    "x": (1.0, 1.25, 512, 68229648),
}

CASES: list[tuple[str, dict[str, Any], tuple[int, int, int], Callable[..., Any]]] = [
    ("unet", {}, (572, 572, 1), unet),
    ("unet", {"classes": 21}, (380, 444, 3), lambda classes: unet(classes, 3)),
    ("yolov3", {}, (416, 416, 3), yolov3),
    ("yolov3", {"classes": 20}, (608, 320, 3), yolov3),
    ("yolov8n", {}, (640, 640, 3), yolov8),
    ("yolov8n", {"classes": 200}, (320, 448, 3), yolov8),
    *(("yolov8n", {"depth": d, "width": w, "last": c}, (640, 640, 3), yolov8) for d, w, c, _ in SIZES.values()),
]


@pytest.mark.parametrize(("name", "settings", "x", "build"), CASES)
def test_networks(name: str, settings: dict[str, Any], x: tuple[int, int, int], build: Callable[..., Any]) -> None:
    network = load(name, settings, Shape(*x))
    with torch.device("meta"):
        model = build(**settings)
        y, macs = run(model, torch.zeros(1, x[2], *x[:2]))
    totals = network.totals
    assert (totals.weights, totals.biases, totals.buffers) == parameters(model)
    assert totals.macs == macs
    outputs = [y] if torch.is_tensor(y) else y
    assert sorted(shape.size for shape in network.outputs.values()) == sorted(one.numel() for one in outputs)


@pytest.mark.parametrize("size", SIZES)
def test_sizes_of_yolov8(size: str) -> None:
    depth, width, last, params = SIZES[size]
    assert load("yolov8n", {"depth": depth, "width": width, "last": last}).totals.params == params
