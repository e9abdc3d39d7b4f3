"""MobileNet (2017) beside the same network written by hand in PyTorch, with TensorFlow's padding."""

from __future__ import annotations

from typing import Any

import pytest

from cnnarch import Shape, load

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed; these tests compare with it")

from tests.test_against_pytorch import parameters, run  # noqa: E402, it needs PyTorch

nn: Any = torch.nn

pytestmark = pytest.mark.pytorch

# Filters and stride of the first convolution, then of each pair of a depthwise and a pointwise convolution
ROWS = [(32, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]


def convolution(channels: int, filters: int, stride: int, kernel: int, groups: int = 1) -> list[Any]:
    """With normalisation; every strided one here has an even input, where all of TensorFlow's padding comes after."""
    before = kernel // 2 if stride == 1 else 0
    return [
        nn.ZeroPad2d((before, kernel // 2, before, kernel // 2)),
        nn.Conv2d(channels, filters, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(filters),
        nn.ReLU(),
    ]


def mobilenet(width: float, classes: int) -> Any:
    (channels, stride), *rows = ((int(width * filters), stride) for filters, stride in ROWS)
    layers = convolution(3, channels, stride, 3)
    for filters, stride in rows:
        layers += convolution(channels, channels, stride, 3, groups=channels)
        layers += convolution(channels, filters, 1, 1)
        channels = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes), nn.Softmax(1))


@pytest.mark.parametrize(
    ("name", "width"),
    [("mobilenet_v1", 1.0), ("mobilenet_v1_0_75", 0.75), ("mobilenet_v1_0_5", 0.5), ("mobilenet_v1_0_25", 0.25)],
)
@pytest.mark.parametrize(("size", "classes"), [(224, 1000), (160, 10)])
def test_mobilenet(name: str, width: float, size: int, classes: int) -> None:
    network = load(name, {"classes": classes}, Shape(size, size, 3))
    with torch.device("meta"):
        model = mobilenet(width, classes)
        y, macs = run(model, torch.zeros(1, 3, size, size))
    totals = network.totals
    assert (totals.weights, totals.biases, totals.buffers, totals.macs) == (*parameters(model), macs)
    assert [tuple(shape) for shape in network.outputs.values()] == [tuple(y.shape[1:])]
    expected = [tuple(one.weight.shape) for one in model if isinstance(one, nn.Conv2d)]
    assert [node.output.channels for node in network.layers if node.layer.kind == "conv"] == [o for o, *_ in expected]
