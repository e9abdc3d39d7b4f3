"""Receptive fields beside where gradients reach, in torchvision's models and in ones that are built here.

All weights of a layer are equal, activations pass on what they are given, maxima are averages and normalisation does
nothing, so that nothing cancels; then the gradient of one place of a map is above zero exactly where it sees the input.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from cnnarch import Network, Shape, load
from cnnarch.analysis.paths import Followed
from cnnarch.graph import Node

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed; these tests compare with it")
from tests import test_against_torchvision as vision  # noqa: E402, needs PyTorch
from tests.test_zoo_residual import DEPTHS, SamePool, resnet  # noqa: E402, the same

nn: Any = torch.nn

pytestmark = pytest.mark.pytorch


@pytest.fixture(scope="module")
def models() -> Any:
    return vision.torchvision_models()


HIDES = (
    "ReLU", "ReLU6", "SiLU", "Hardswish", "GELU", "BatchNorm2d", "LayerNorm", "LayerNorm2d", "Dropout",
    "StochasticDepth", "SqueezeExcitation",
)  # fmt: skip


def averages(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """In place of a max pool: the same windows, every pixel of which counts."""
    return nn.functional.avg_pool2d(x, kernel_size, stride, padding, ceil_mode)


class Averages(nn.Module):  # type: ignore[misc]
    def __init__(self, pool: Any) -> None:
        super().__init__()
        self.given = pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode

    def forward(self, x: Any) -> Any:
        return averages(x, *self.given)


CHANNELS = 4  # of what layers make: as all weights are equal, so are all channels that a model would have


class Alike(nn.Module):  # type: ignore[misc]
    """A convolution of equal weights, computed once for all its filters; groups are not told apart, as with us."""

    def __init__(self, conv: Any) -> None:
        super().__init__()
        weight = torch.ones(1, 1, *conv.kernel_size, dtype=torch.float64)
        self.weight = weight / weight.numel()
        self.given = {"stride": conv.stride, "padding": conv.padding, "dilation": conv.dilation}

    def forward(self, x: Any) -> Any:
        y = nn.functional.conv2d(x.mean(1, keepdim=True), self.weight, **self.given)
        return y.repeat(1, CHANNELS, 1, 1)


class AlikeAtEachPlace(nn.Module):  # type: ignore[misc]
    """The same of a linear layer."""

    def forward(self, x: Any) -> Any:
        return x.mean(-1, keepdim=True).expand(*x.shape[:-1], CHANNELS)


def visible(model: Any) -> Any:
    """The model in double precision with nothing left that hides a path, and without gates."""
    if type(model).__name__ in HIDES:
        return nn.Identity()
    if isinstance(model, nn.Linear):
        return AlikeAtEachPlace()
    for kind, instead in ((nn.MaxPool2d, Averages), (nn.Conv2d, Alike)):
        if isinstance(model, kind):
            return instead(model)
    for name, child in list(model.named_children()):
        setattr(model, name, visible(child))
    for name, _ in list(model.named_parameters(recurse=False)):  # a layer scale
        setattr(model, name, nn.Parameter(torch.ones(1, dtype=torch.float64)))
    return model.eval()


def reached(y: Any, x: Any, place: tuple[int, int]) -> list[tuple[int, int]]:
    """The first and the last pixel of each axis that a place of a map takes anything from."""
    (gradient,) = torch.autograd.grad(y[0, :, place[0], place[1]].sum(), x, retain_graph=True)
    seen = gradient[0].abs().sum(0) > 0
    rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
    return [(int(one[0]), int(one[-1])) for one in (rows, columns)]


def told(network: Network, node: Node, place: tuple[int, int]) -> list[tuple[int, int]]:
    """The same, as we have it; also what of it is on padding."""
    (axes,) = network.receptive_field.path(node)
    found = []
    for axis, number in zip(axes or (), place):
        assert isinstance(axis, Followed)
        span = axis.unions[0].at(number)
        assert span is not None
        found.append(span)
    return found


# Networks, on inputs that are long enough to see where fields end, and no wider than they have to be


BORDER = 16


class Case(NamedTuple):
    """A network, how its last feature map is made in PyTorch, and the input."""

    name: str
    features: Callable[[Any, Any], Any]
    size: tuple[int, int]


def before_pooling(model: Any, x: Any) -> Any:
    """What the last average pool is given."""
    found = []
    pool = [one for one in model.modules() if isinstance(one, nn.AdaptiveAvgPool2d)][-1]
    pool.register_forward_pre_hook(lambda module, given: found.append(given[0]))
    model(x)
    return found[0]


def features(model: Any, x: Any) -> Any:
    return model.features(x)


def segmented(model: Any, x: Any) -> Any:
    return model(x)["out"]


def before_mean(model: Any, x: Any) -> Any:
    for stage in (model.conv1, model.maxpool, model.stage2, model.stage3, model.stage4, model.conv5):
        x = stage(x)
    return x


CASES = [
    Case("alexnet_torchvision", features, (300, 96)),
    Case("alexnet_torchvision", features, (96, 300)),
    Case("vgg16", features, (224, 32)),
    Case("resnet18", before_pooling, (320, 320)),
    Case("resnet50", before_pooling, (352, 64)),
    Case("resnet50", before_pooling, (65, 333)),
    Case("resnet152", before_pooling, (832, 64)),
    Case("resnext50_32x4d", before_pooling, (352, 64)),
    Case("regnet_y_400mf", before_pooling, (480, 64)),
    Case("mobilenet_v2", features, (352, 64)),
    Case("mobilenet_v3_large", before_pooling, (416, 64)),
    Case("efficientnet_b0", before_pooling, (544, 64)),
    Case("efficientnet_b4", before_pooling, (1088, 64)),
    Case("efficientnet_v2_s", before_pooling, (832, 64)),
    Case("mnasnet1_0", lambda model, x: model.layers(x), (544, 64)),
    Case("squeezenet1_1", before_pooling, (224, 64)),
    Case("shufflenet_v2_x1_0", before_mean, (448, 64)),
    Case("googlenet", before_pooling, (320, 64)),
    Case("googlenet", before_pooling, (71, 299)),
    Case("inception_v3", before_pooling, (799, 80)),
    Case("inception_v3", before_pooling, (83, 805)),
    Case("densenet121", features, (1120, 32)),
    Case("densenet201", features, (64, 2080)),
    Case("convnext_tiny", features, (928, 32)),
    Case("fcn_resnet50", segmented, (328, 40)),
]


@pytest.fixture
def no_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.functional, "max_pool2d", averages)


@pytest.mark.usefixtures("no_largest")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.size[0]}x{case.size[1]}")
def test_where_gradients_reach(models: Any, case: Case) -> None:
    network = load(case.name, inputs=Shape(*case.size, 3))
    with torch.device("meta"):
        model = vision.build(models, case.name, case.size)
    compare(network, visible(model), case)


@pytest.mark.usefixtures("no_largest")
def test_where_gradients_reach_in_tf_slims_resnet() -> None:
    network = load("resnet50_tf_slim", inputs=Shape(353, 64, 3))
    with torch.device("meta"):
        model = resnet(DEPTHS[50], 1000, SamePool(), slim=True)
    compare(network, visible(model), Case("", lambda model, x: model[:-3](x), (353, 64)))


@pytest.mark.usefixtures("no_largest")
@pytest.mark.parametrize("name", ["deeplabv3_resnet50", "deeplabv3_mobilenet_v3_large"])
def test_a_pooled_branch_sees_all(models: Any, name: str) -> None:
    with torch.device("meta"):
        model = vision.build(models, name, (160, 96))
    model = visible(model)  # not on the meta device, whose weights are no numbers
    x = torch.ones(1, 3, 160, 96, dtype=torch.float64, requires_grad=True)
    y = segmented(model, x)
    for place in ((0, 0), (159, 95), (70, 11)):
        assert reached(y, x, place) == [(0, 159), (0, 95)]
    (field,) = load(name, inputs=Shape(160, 96, 3)).receptive_field.ends
    assert field.whole


def compare(network: Network, model: Any, case: Case) -> None:
    """The first place shows where its field ends, the last where its begins, one between both if there is room."""
    x = torch.ones(1, 3, *case.size, dtype=torch.float64, requires_grad=True)
    y = case.features(model, x)
    ends = 0
    (node,) = network.receptive_field.last
    if node.layer.kind == "adaptive_avgpool":  # as in torchvision's AlexNet, at 224 of 6×6 to 6×6
        node = network.graph.nodes[node.sources[0]]
    assert tuple(y.shape[2:]) == node.output.spatial
    high, wide = node.output.spatial
    for place in ((0, 0), (high // 2, wide // 2), (high - 1, wide - 1)):
        spans = zip(reached(y, x, place), told(network, node, place), case.size, strict=True)
        for (first, last), (begins, stops), length in spans:
            # Near the border pixels may be left over, which no window reads.
            if begins >= BORDER:
                assert first == begins
                ends += 1
            if stops < length - BORDER:
                assert last == stops
                ends += 1
    assert ends >= 2  # there was something to see


# Layers, every place of which is asked


LAYERS: list[tuple[dict[str, Any] | list[dict[str, Any]], Any]] = [
    *(
        ({"conv": {"filters": 1, "kernel": k, "stride": s, "padding": p, "dilation": d}}, nn.Conv2d(1, 1, k, s, p, d))
        for k, s, p, d in ((3, 1, 0, 1), (3, 2, 1, 1), (1, 2, 0, 1), (2, 2, 1, 1), (3, 2, 2, 3), (5, 3, 2, 1))
    ),
    *(
        (
            {"conv_transpose": {"filters": 1, "kernel": k, "stride": s, "padding": p, "output_padding": e,
                                "dilation": d}},
            nn.ConvTranspose2d(1, 1, k, s, p, e, dilation=d),
        )
        for k, s, p, e, d in (
            (2, 2, 0, 0, 1), (3, 2, 1, 1, 1), (4, 2, 1, 0, 1), (5, 3, 1, 0, 1), (3, 2, 0, 0, 2), (3, 2, 2, 1, 3),
            (3, 1, 1, 0, 1), (1, 2, 0, 0, 1),
        )
    ),
    *(({"avgpool": {"kernel": k, "stride": s, "padding": p, "ceil": c}}, nn.AvgPool2d(k, s, p, c))
      for k, s, p, c in ((3, 2, 1, False), (2, 2, 0, True), (3, 2, 0, True))),
    *(({"adaptive_avgpool": {"size": n}}, nn.AdaptiveAvgPool2d(n)) for n in (3, 5, 8, 24, 31)),
    *(({"upsample": {"factor": f, "mode": mode}}, nn.Upsample(scale_factor=f, mode=mode))
      for f in (2, 3) for mode in ("nearest", "bilinear", "bicubic")),
    *(({"upsample": {"size": n, "mode": mode}}, nn.Upsample(size=n, mode=mode))
      for n in (7, 18, 36, 50) for mode in ("nearest", "bilinear", "bicubic")),
    ({"pixel_unshuffle": 3}, nn.PixelUnshuffle(3)),
    ([{"conv": {"filters": 4, "kernel": 3}}, {"pixel_shuffle": 2}],
     nn.Sequential(nn.Conv2d(1, 4, 3), nn.PixelShuffle(2))),
    ({"pad": {"padding": [[2, 1], [0, 3]]}}, nn.ZeroPad2d((0, 3, 2, 1))),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "theirs"), LAYERS, ids=lambda one: str(one) if isinstance(one, (dict, list)) else "")
def test_every_place_of_a_layer(tmp_path: Path, layer: Any, theirs: Any) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(
        yaml.safe_dump({"name": "n", "input": "24x24x1", "layers": layer if isinstance(layer, list) else [layer]})
    )
    network = load(str(path))
    node = network.layers[-1]
    x = torch.ones(1, 1, 24, 24, dtype=torch.float64, requires_grad=True)
    for one in theirs.parameters():
        nn.init.ones_(one)
    y = theirs.double()(x)
    assert tuple(y.shape[2:]) == node.output.spatial
    (axes,) = network.receptive_field.path(node)
    assert axes is not None
    assert isinstance(axes[0], Followed)
    asked = 0
    for place in range(node.output.height):
        span = axes[0].largest.at(place)
        if span is None or (span[0] >= 0 and span[1] < 24):  # all of it is inside
            (gradient,) = torch.autograd.grad(y[0, :, place].sum(), x, retain_graph=True)
            rows = (gradient[0, 0].sum(1).abs() > 1e-9).nonzero()
            assert span == ((int(rows[0]), int(rows[-1])) if len(rows) else None), place
            asked += 1
    assert asked or node.output.height == 1
