"""Layers and networks beside PyTorch: on random settings, written by hand, and in torchvision.

Nothing is trained, downloaded or, on the meta device, even computed. MACs are half of what PyTorch's own counter says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from random import Random
from typing import Any

import pytest

from cnnarch import Shape, load
from cnnarch.errors import Cause
from cnnarch.graph import Node
from cnnarch.layers import KINDS, Figures
from tests.test_layers import CASES, Case

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed; these tests compare with it")
nn: Any = torch.nn
flop_counter: Any = pytest.importorskip("torch.utils.flop_counter", reason="a PyTorch without its counter of FLOPs")

pytestmark = [
    pytest.mark.pytorch,
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel"),  # it is slower, not wrong
]

Axes = tuple[int, ...]
Settings = dict[str, Any]

CONVS: Sequence[Any] = (None, nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED: Sequence[Any] = (None, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
MAXPOOLS: Sequence[Any] = (None, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
AVGPOOLS: Sequence[Any] = (None, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
ADAPTIVE: Sequence[Any] = (None, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


# One layer in both


def per_axis(value: Any, rank: int) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value] * rank


def padding_of(settings: Settings, rank: int) -> Any:
    """PyTorch's padding for ours, or None where it has none: it pads both sides of an axis alike."""
    padding = settings.get("padding", 0)
    if padding == "same":
        return "same" if set(per_axis(settings.get("stride", 1), rank)) == {1} else None
    if padding == "half":
        kernels, dilations = per_axis(settings["kernel"], rank), per_axis(settings.get("dilation", 1), rank)
        return [dilation * (kernel - 1) // 2 for kernel, dilation in zip(kernels, dilations)]
    pads = per_axis(0 if padding == "valid" else padding, rank)
    return None if any(isinstance(pad, (list, tuple)) for pad in pads) else pads


def sliding(classes: Sequence[Any], settings: Settings, x: Axes) -> Any:
    rank, channels = len(x) - 1, x[-1]
    groups = settings.get("groups", 1)
    padding = padding_of(settings, rank)
    transposed = classes is TRANSPOSED
    if padding is None or (transposed and padding == "same"):
        return None
    more = {"output_padding": per_axis(settings.get("output_padding", 0), rank)} if transposed else {}
    return classes[rank](
        channels,
        settings["filters"],
        per_axis(settings["kernel"], rank),
        stride=per_axis(settings.get("stride", 1), rank),
        padding=padding,
        dilation=per_axis(settings.get("dilation", 1), rank),
        groups=channels if groups == "depthwise" else groups,
        bias=settings.get("bias", True),
        **more,
    )


def pool(classes: Sequence[Any], settings: Settings, x: Axes) -> Any:
    rank = len(x) - 1
    padding = padding_of(settings, rank)
    kernel = per_axis(settings["kernel"], rank)
    if padding is None or padding == "same":
        return None
    stride = per_axis(settings.get("stride", kernel), rank)
    more = {"dilation": per_axis(settings.get("dilation", 1), rank)} if classes is MAXPOOLS else {}
    return classes[rank](kernel, stride, padding, ceil_mode=settings.get("ceil", False), **more)


def norm(settings: Settings, x: Axes) -> Any:
    scale, shift = settings.get("scale", True), settings.get("shift", True)
    return NORMS[len(x) - 1](x[-1], affine=scale) if scale == shift else None


def recurrent(cls: Any, settings: Settings, x: Axes) -> Any:
    if settings.get("biases", 2) == 1:
        return None
    bidirectional = settings.get("bidirectional", False)
    return cls(
        x[-1], settings["units"], batch_first=True, bias=settings.get("biases", 2) > 0, bidirectional=bidirectional
    )


MODULES: dict[str, Callable[[Settings, Axes], Any]] = {
    "conv": lambda settings, x: sliding(CONVS, settings, x),
    "conv_transpose": lambda settings, x: sliding(TRANSPOSED, settings, x),
    "fc": lambda settings, x: nn.Linear(x[-1], settings["units"], bias=settings.get("bias", True)),
    "maxpool": lambda settings, x: pool(MAXPOOLS, settings, x),
    "avgpool": lambda settings, x: pool(AVGPOOLS, settings, x),
    "adaptive_avgpool": lambda settings, x: ADAPTIVE[len(x) - 1](per_axis(settings["size"], len(x) - 1)),
    "batchnorm": norm,
    "lrn": lambda settings, _: nn.LocalResponseNorm(settings.get("size", 5)),
    "relu": lambda *_: nn.ReLU(),
    "relu6": lambda *_: nn.ReLU6(),
    "sigmoid": lambda *_: nn.Sigmoid(),
    "tanh": lambda *_: nn.Tanh(),
    "softmax": lambda *_: nn.Softmax(dim=1),
    "dropout": lambda *_: nn.Dropout(),
    "flatten": lambda *_: nn.Flatten(),
    "lstm": lambda settings, x: recurrent(nn.LSTM, settings, x),
    "gru": lambda settings, x: recurrent(nn.GRU, settings, x),
}

POSITIONS_FIRST = ("fc", "lstm", "gru")  # PyTorch has their channels last, as we have; elsewhere they are first

COMPUTED = ("conv_transpose", "lstm", "gru")  # on the meta device PyTorch does not check these, or cannot run them


def parameters(module: Any) -> tuple[int, int, int]:
    """Weights, biases and buffers; the count of batches that a norm keeps is no statistic."""
    named = [(name.rpartition(".")[2], one.numel()) for name, one in module.named_parameters()]
    weights = sum(size for name, size in named if name.startswith("weight"))
    biases = sum(size for name, size in named if name.startswith("bias"))
    assert weights + biases == sum(size for _, size in named)
    return weights, biases, sum(one.numel() for one in module.buffers() if one.dim())


def run(module: Any, x: Any) -> tuple[Any, int]:
    """What a module gives in evaluation, and its MACs."""
    counter = flop_counter.FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        y = module.eval()(x)
    flops: int = counter.get_total_flops()
    return y, flops // 2


def measured(kind: str, settings: Settings, x: Axes) -> Figures | None:
    """PyTorch's figures; None where it refuses."""
    rank, channels = len(x) - 1, x[-1]
    with torch.device("cpu" if kind in COMPUTED and Shape(*x).units < 50_000 else "meta"):
        try:
            module = MODULES[kind](settings, x)
            last = kind in POSITIONS_FIRST
            y, macs = run(module, torch.zeros(1, *x) if last else torch.zeros(1, channels, *x[:-1]))
        except (RuntimeError, ValueError):
            return None
    if kind in ("lstm", "gru"):
        y, state = y
        state = state[0] if kind == "lstm" else state  # of every direction, when it has read all
        y = state.transpose(0, 1).flatten(1) if settings.get("returns") == "last" else y
        # The counter does not see into them: every position is multiplied with all weights.
        macs = x[0] * parameters(module)[0]
    sizes = tuple(y.shape[1:])
    if rank and len(sizes) > 1 and not last:
        sizes = (*sizes[1:], sizes[0])
    return Figures(Shape(*sizes), *parameters(module), macs) if min(sizes) else None


def ours(kind: str, settings: Settings, x: Axes) -> Figures | None:
    try:
        return KINDS[kind](**settings).figures((Shape(*x),))
    except Cause:
        return None


EXPRESSIBLE = [case for case in CASES if case.kind in MODULES and MODULES[case.kind](case.settings, case.x) is not None]


@pytest.mark.parametrize("case", EXPRESSIBLE, ids=str)
def test_the_tables(case: Case) -> None:
    """What tests/test_layers.py has written out."""
    expected = Figures(Shape(*case.output), case.weights, case.biases, case.buffers, case.macs)
    assert measured(case.kind, case.settings, case.x) == expected


# Random settings


def some(random: Random, rank: int, least: int, most: int) -> Any:
    """One value, or one an axis."""
    if random.random() < 0.5:
        return random.randint(least, most)
    return [random.randint(least, most) for _ in range(rank)]


def draw_sliding(random: Random) -> tuple[Settings, Axes]:
    rank = random.randint(1, 3)
    groups, each = random.randint(1, 3), random.randint(1, 3)
    settings: Settings = {
        "filters": groups * random.randint(1, 4),
        "kernel": some(random, rank, 1, 5),
        "stride": some(random, rank, 1, 3),
        "dilation": some(random, rank, 1, 3),
        "padding": some(random, rank, 0, 3),
        "groups": "depthwise" if each == 1 and random.random() < 0.5 else groups,
        "bias": random.random() < 0.5,
    }
    return settings, (*(random.randint(1, 16) for _ in range(rank)), groups * each)


def draw_conv(random: Random) -> tuple[Settings, Axes]:
    settings, x = draw_sliding(random)
    word = random.choice(["", "", "valid", "half", "same"])
    if word == "same":
        settings |= {"stride": 1, "padding": "same"}  # PyTorch has no other
    elif word == "half":
        settings |= {"kernel": random.choice([1, 3, 5]), "padding": "half"}
    elif word:
        settings["padding"] = word
    return settings, x


def draw_conv_transpose(random: Random) -> tuple[Settings, Axes]:
    settings, x = draw_sliding(random)
    settings["output_padding"] = some(random, len(x) - 1, 0, 2)  # too much is refused by both
    return settings, x


def draw_maxpool(random: Random) -> tuple[Settings, Axes]:
    rank = random.randint(1, 3)
    kernel = [random.randint(1, 5) for _ in range(rank)]
    settings: Settings = {
        "kernel": kernel,
        "padding": [random.randint(0, one // 2) for one in kernel],  # PyTorch refuses more
        "ceil": random.random() < 0.6,
    }
    if random.random() < 0.7:
        settings["stride"] = some(random, rank, 1, 4)
    if random.random() < 0.3:
        settings["dilation"] = some(random, rank, 1, 2)
    return settings, (*(random.randint(1, 12) for _ in range(rank)), random.randint(1, 4))


def draw_avgpool(random: Random) -> tuple[Settings, Axes]:
    settings, x = draw_maxpool(random)
    settings.pop("dilation", None)  # PyTorch has none
    if len(x) == 4:  # and only for volumes it refuses a kernel that fits no more than the padded input
        x = (*(max(size, kernel) for size, kernel in zip(x, settings["kernel"])), x[-1])
    return settings, x


def draw_adaptive_avgpool(random: Random) -> tuple[Settings, Axes]:
    rank = random.randint(1, 3)
    return {"size": some(random, rank, 1, 9)}, tuple(random.randint(1, 9) for _ in range(rank + 1))


def draw_fc(random: Random) -> tuple[Settings, Axes]:
    axes = tuple(random.randint(1, 30) for _ in range(random.randint(1, 2)))
    return {"units": random.randint(1, 50), "bias": random.random() < 0.5}, axes


def draw_batchnorm(random: Random) -> tuple[Settings, Axes]:
    affine = random.random() < 0.7
    axes = tuple(random.randint(1, 9) for _ in range(random.randint(1, 4)))
    return {"scale": affine, "shift": affine}, axes


def draw_lrn(random: Random) -> tuple[Settings, Axes]:
    return {"size": random.randint(1, 7)}, tuple(random.randint(1, 9) for _ in range(random.randint(2, 4)))


def draw_recurrent(random: Random) -> tuple[Settings, Axes]:
    settings: Settings = {
        "units": random.randint(1, 20),
        "bidirectional": random.random() < 0.5,
        "biases": random.choice([0, 2]),
        "returns": random.choice(["sequence", "last"]),
    }
    return settings, (random.randint(1, 10), random.randint(1, 20))


DRAWS: dict[str, tuple[int, Callable[[Random], tuple[Settings, Axes]]]] = {
    "conv": (120, draw_conv),
    "conv_transpose": (100, draw_conv_transpose),
    "maxpool": (120, draw_maxpool),
    "avgpool": (80, draw_avgpool),
    "adaptive_avgpool": (30, draw_adaptive_avgpool),
    "fc": (20, draw_fc),
    "batchnorm": (20, draw_batchnorm),
    "lrn": (10, draw_lrn),
    "lstm": (30, draw_recurrent),
    "gru": (30, draw_recurrent),
}


@pytest.mark.parametrize("kind", DRAWS)
def test_random_settings(kind: str) -> None:
    """The same shapes, weights, biases, buffers and MACs, or both refuse."""
    count, draw = DRAWS[kind]
    random = Random(kind)
    differ = []
    accepted = 0
    for _ in range(count):
        settings, x = draw(random)
        found, expected = ours(kind, settings, x), measured(kind, settings, x)
        accepted += expected is not None
        if found != expected:
            differ.append(f"{kind} {settings} on {x}: {found}, PyTorch {expected}")
    assert not differ, "\n".join(differ)
    assert accepted > count // 2


# Whole networks, written from their papers


def conv_relu(channels: int, filters: int) -> list[Any]:
    return [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()]


def vgg_features(filters: Sequence[int]) -> list[Any]:
    """Simonyan & Zisserman 2014, table 1: a 0 is a max pool."""
    layers: list[Any] = []
    channels = 3
    for one in filters:
        layers += conv_relu(channels, one) if one else [nn.MaxPool2d(2, 2)]
        channels = one or channels
    return layers


def fc_relu(inputs: int, units: int) -> list[Any]:
    return [nn.Linear(inputs, units), nn.ReLU(), nn.Dropout()]


VGG13 = (64, 64, 0, 128, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0)
VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)


def lenet5() -> Any:
    """LeCun et al. 1998, figure 2, with every map of C3 on all of S2 and plain averages."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten()),
        *(nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
    )


def vgg13() -> Any:
    head = [nn.Flatten(), *fc_relu(512 * 7 * 7, 4096), *fc_relu(4096, 4096), nn.Linear(4096, 1000)]
    return nn.Sequential(*vgg_features(VGG13), *head, nn.Softmax(dim=1))


def alexnet_2012() -> Any:
    """Krizhevsky et al. 2012, section 3.5: kernels of 11×11×3, 5×5×48, 3×3×256, 3×3×192 and 3×3×192."""
    return nn.Sequential(
        *(nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Flatten(), *fc_relu(9216, 4096), *fc_relu(4096, 4096), nn.Linear(4096, 1000), nn.Softmax(dim=1)),
    )


@pytest.mark.parametrize(
    ("name", "build", "x", "output"),
    [
        ("lenet5", lenet5, (1, 32, 32), (10,)),
        ("vgg13", vgg13, (3, 224, 224), (1000,)),
        ("alexnet_2012", alexnet_2012, (3, 227, 227), (1000,)),
    ],
)
def test_networks_by_hand(name: str, build: Callable[[], Any], x: Axes, output: Axes) -> None:
    with torch.device("meta"):
        module = build()
        y, macs = run(module, torch.zeros(1, *x))
    network = load(name)
    totals = network.totals
    assert (totals.weights, totals.biases, totals.buffers) == parameters(module)
    assert totals.macs == macs
    assert list(network.outputs.values()) == [Shape(*output)] == [Shape(*y.shape[1:])]


def test_two_heads_by_hand() -> None:
    """VGG16 whose last but one layer feeds class scores and the four numbers of a box."""
    with torch.device("meta"):
        body = nn.Sequential(*vgg_features(VGG16), nn.Flatten(), *fc_relu(512 * 7 * 7, 4096), *fc_relu(4096, 4096))
        scores = nn.Sequential(nn.Linear(4096, 1000), nn.Softmax(dim=1))
        box = nn.Linear(4096, 4)
        representation, macs = run(body, torch.zeros(1, 3, 224, 224))
        (what, first), (where, second) = run(scores, representation), run(box, representation)
    network = load("vgg16_localization")
    totals = network.totals
    assert (totals.weights, totals.biases, totals.buffers) == parameters(nn.ModuleList([body, scores, box]))
    assert totals.macs == macs + first + second
    assert network.outputs == {"softmax": Shape(*what.shape[1:]), "box": Shape(*where.shape[1:])}


def test_a_reader_by_hand() -> None:
    """Shi et al. 2015, without its batch normalisation; PyTorch's counter does not count an LSTM."""
    features = nn.Sequential(
        *(*conv_relu(1, 64), nn.MaxPool2d(2), *conv_relu(64, 128), nn.MaxPool2d(2)),
        *(*conv_relu(128, 256), *conv_relu(256, 256), nn.MaxPool2d((2, 1))),
        *(*conv_relu(256, 512), *conv_relu(512, 512), nn.MaxPool2d((2, 1))),
    )
    lstm = nn.LSTM(2 * 512, 256, num_layers=2, bidirectional=True, batch_first=True)
    fc = nn.Linear(512, 37)
    maps, macs = run(features, torch.zeros(1, 1, 32, 128))
    with torch.no_grad():
        sequence, _ = lstm(maps.permute(0, 3, 1, 2).flatten(2))  # a column of the maps is a position
    scores, more = run(fc, sequence)
    cells = 32 * (2 * 4 * 256 * (1024 + 256) + 2 * 4 * 256 * (512 + 256))
    network = load("crop_reader")
    totals = network.totals
    assert (totals.weights, totals.biases, totals.buffers) == parameters(nn.ModuleList([features, lstm, fc]))
    assert totals.macs == macs + cells + more
    assert list(network.outputs.values()) == [Shape(*scores.shape[1:])] == [Shape(32, 37)]


# torchvision


@pytest.fixture(scope="module")
def models() -> Any:
    """The models of torchvision, also where its compiled operators do not load; classification needs none of them."""
    if find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    try:
        return import_module("torchvision.models")
    except RuntimeError:  # it registers a rule for operators that are not there: declare them
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        LIBRARIES.append(library)
        return import_module("torchvision.models")


LIBRARIES: list[Any] = []  # what is declared lasts as long as its library

TORCHVISION = {
    "alexnet_torchvision": "alexnet",
    "vgg11": "vgg11",
    "vgg13": "vgg13",
    "vgg16": "vgg16",
    "vgg19": "vgg19",
    "resnet50": "resnet50",
    "googlenet": "googlenet",
    "mobilenet_v2": "mobilenet_v2",
}

LEAVES = {"Conv2d": "conv", "BatchNorm2d": "batchnorm", "Linear": "fc", "MaxPool2d": "maxpool", "AvgPool2d": "avgpool"}

Leaf = tuple[str, Axes, int, int, int]


def build(models: Any, name: str, **settings: Any) -> Any:
    more = {"init_weights": False, "aux_logits": True} if name == "googlenet" else {}
    with torch.device("meta"):
        return getattr(models, name)(weights=None, **more, **settings)


def leaves(model: Any, size: int) -> list[Leaf]:
    """What each module gives and has, in the order in which they run.

    Adaptive pools are left out: some are functions and no modules, and VGG's changes nothing. What
    follows them shows that they gave the right size.
    """
    found: list[Leaf] = []

    def note(module: Any, _: Any, y: Any) -> None:
        kind = LEAVES[type(module).__name__]
        found.append((kind, (*y.shape[2:], y.shape[1]), *parameters(module)))

    for module in model.modules():
        if type(module).__name__ in LEAVES:
            module.register_forward_hook(note)
    with torch.no_grad(), torch.device("meta"):
        model(torch.zeros(2, 3, size, size))
    return found


def leaf(node: Node) -> Leaf:
    return node.layer.kind, node.output, node.weights, node.biases, node.figures.buffers


# VGG only at 224: of other sizes torchvision makes 7×7 before the first fully connected layer, the paper does not.
SIZES = [(*names, size) for names in TORCHVISION.items() for size in (224, 256) if size == 224 or "vgg" not in names[0]]


@pytest.mark.parametrize(("name", "theirs", "size"), SIZES)
def test_torchvision(name: str, theirs: str, size: int, models: Any) -> None:
    model = build(models, theirs)
    network = load(name) if size == 224 else load(name, inputs=Shape(size, size, 3))
    own = [node for node in network.layers if node.layer.kind in LEAVES.values()]
    assert leaves(model.eval(), size) == [leaf(node) for node in own if not node.train_only]
    with torch.device("meta"):
        y, macs = run(model, torch.zeros(1, 3, size, size))
    assert network.totals.macs == macs
    assert network.totals.training_params == sum(parameters(model)[:2])
    assert network.totals.training_buffers == parameters(model)[2]
    assert list(network.outputs.values()) == [Shape(*y.shape[1:])]


def test_torchvision_in_training(models: Any) -> None:
    """GoogLeNet with its auxiliary heads, which stand in the middle."""
    network = load("googlenet")
    own = [node for node in network.layers if node.layer.kind in LEAVES.values()]
    assert leaves(build(models, "googlenet").train(), 224) == [leaf(node) for node in own]


@pytest.mark.parametrize("width", [0.35, 0.5, 0.75, 1.3, 1.4])
def test_torchvision_other_widths(width: float, models: Any) -> None:
    model = build(models, "mobilenet_v2", width_mult=width)
    network = load("mobilenet_v2", {"width": width})
    own = [node for node in network.layers if node.layer.kind in LEAVES.values()]
    assert leaves(model.eval(), 224) == [leaf(node) for node in own]


@pytest.mark.parametrize(
    ("theirs", "depths"), [("resnet101", [3, 4, 23, 3]), ("resnet152", [3, 8, 36, 3])], ids=["resnet101", "resnet152"]
)
def test_torchvision_other_depths(theirs: str, depths: list[int], models: Any) -> None:
    network = load("resnet50", {"depths": depths})
    own = [node for node in network.layers if node.layer.kind in LEAVES.values()]
    assert leaves(build(models, theirs).eval(), 224) == [leaf(node) for node in own]
