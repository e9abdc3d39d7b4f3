"""Layers and networks beside PyTorch: on random settings, and written by hand.

Nothing is trained, downloaded or, on the meta device, even computed. MACs are half of what PyTorch's own counter says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest

from cnnarch import Shape, load
from cnnarch.errors import Cause
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
ADAPTIVE_MAX: Sequence[Any] = (None, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
PADS: Sequence[Any] = (None, nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
INSTANCE_NORMS: Sequence[Any] = (None, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)


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


def layernorm(settings: Settings, x: Axes) -> Any:
    scale, shift = settings.get("scale", True), settings.get("shift", True)
    return nn.LayerNorm(x[-1], elementwise_affine=scale, bias=shift) if scale or not shift else None


def groupnorm(settings: Settings, x: Axes) -> Any:
    scale, shift = settings.get("scale", True), settings.get("shift", True)
    return nn.GroupNorm(settings["groups"], x[-1], affine=scale) if scale == shift else None


def instancenorm(settings: Settings, x: Axes) -> Any:
    scale, shift = settings.get("scale", False), settings.get("shift", False)
    return INSTANCE_NORMS[len(x) - 1](x[-1], affine=scale) if scale == shift else None


def recurrent(cls: Any, settings: Settings, x: Axes) -> Any:
    if settings.get("biases", 2) == 1:
        return None
    bidirectional = settings.get("bidirectional", False)
    return cls(
        x[-1], settings["units"], batch_first=True, bias=settings.get("biases", 2) > 0, bidirectional=bidirectional
    )


def upsample(settings: Settings, x: Axes) -> Any:
    rank = len(x) - 1
    given = {
        theirs: tuple(per_axis(settings[ours], rank))
        for ours, theirs in (("factor", "scale_factor"), ("size", "size"))
        if ours in settings
    }
    return nn.Upsample(**given, mode=settings.get("mode", "nearest"))


def pad(settings: Settings, x: Axes) -> Any:
    """PyTorch lists the last axis first; channels are its first."""
    rank = len(x) - 1
    sides = [per_axis(side, 2) for side in per_axis(settings.get("padding", 0), rank)]
    if "channels" in settings:
        sides, rank = [per_axis(settings["channels"], 2), *sides], rank + 1
    return PADS[rank](tuple(one for side in reversed(sides) for one in side), 0)


def image(settings: Settings, x: Axes) -> Any:
    height = settings["height"]
    return nn.Unflatten(2, (height, settings.get("width", x[0] // height)))


MODULES: dict[str, Callable[[Settings, Axes], Any]] = {
    "conv": lambda settings, x: sliding(CONVS, settings, x),
    "conv_transpose": lambda settings, x: sliding(TRANSPOSED, settings, x),
    "fc": lambda settings, x: nn.Linear(x[-1], settings["units"], bias=settings.get("bias", True)),
    "maxpool": lambda settings, x: pool(MAXPOOLS, settings, x),
    "avgpool": lambda settings, x: pool(AVGPOOLS, settings, x),
    "adaptive_avgpool": lambda settings, x: ADAPTIVE[len(x) - 1](per_axis(settings["size"], len(x) - 1)),
    "adaptive_maxpool": lambda settings, x: ADAPTIVE_MAX[len(x) - 1](per_axis(settings["size"], len(x) - 1)),
    "global_maxpool": lambda _, x: nn.Sequential(ADAPTIVE_MAX[len(x) - 1](1), nn.Flatten()),
    "channel_shuffle": lambda settings, x: nn.ChannelShuffle(settings["groups"]) if len(x) > 1 else None,
    "pixel_shuffle": lambda settings, _: nn.PixelShuffle(settings["factor"]),
    "pixel_unshuffle": lambda settings, _: nn.PixelUnshuffle(settings["factor"]),
    "tokens": lambda *_: nn.Flatten(2),
    "image": image,
    "upsample": upsample,
    "pad": pad,
    "batchnorm": norm,
    "layernorm": layernorm,
    "groupnorm": groupnorm,
    "instancenorm": instancenorm,
    "lrn": lambda settings, _: nn.LocalResponseNorm(settings.get("size", 5)),
    "relu": lambda *_: nn.ReLU(),
    "relu6": lambda *_: nn.ReLU6(),
    "leaky_relu": lambda settings, _: nn.LeakyReLU(settings.get("slope", 0.01)),
    "prelu": lambda settings, x: nn.PReLU(1 if settings.get("shared") else x[-1]),
    "elu": lambda *_: nn.ELU(),
    "gelu": lambda *_: nn.GELU(),
    "silu": lambda *_: nn.SiLU(),
    "mish": lambda *_: nn.Mish(),
    "hardsigmoid": lambda *_: nn.Hardsigmoid(),
    "hardswish": lambda *_: nn.Hardswish(),
    "sigmoid": lambda *_: nn.Sigmoid(),
    "tanh": lambda *_: nn.Tanh(),
    "softmax": lambda *_: nn.Softmax(dim=1),
    "dropout": lambda *_: nn.Dropout(),
    "flatten": lambda *_: nn.Flatten(),
    "lstm": lambda settings, x: recurrent(nn.LSTM, settings, x),
    "gru": lambda settings, x: recurrent(nn.GRU, settings, x),
}

# PyTorch has their channels last, as we have; elsewhere they are first
POSITIONS_FIRST = ("fc", "layernorm", "lstm", "gru")

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
        return KINDS[kind](**settings).figures((Shape(*x),))._replace(elements=0)  # PyTorch does not count them
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


def draw_channel_shuffle(random: Random) -> tuple[Settings, Axes]:
    groups = random.randint(1, 4)
    channels = groups * random.randint(1, 4) if random.random() < 0.7 else random.randint(1, 16)
    return {"groups": groups}, (*(random.randint(1, 9) for _ in range(random.randint(1, 3))), channels)


def draw_pixel_shuffle(random: Random) -> tuple[Settings, Axes]:
    factor = random.randint(1, 4)
    channels = factor**2 * random.randint(1, 4) if random.random() < 0.7 else random.randint(1, 40)
    return {"factor": factor}, (random.randint(1, 9), random.randint(1, 9), channels)


def draw_pixel_unshuffle(random: Random) -> tuple[Settings, Axes]:
    factor = random.randint(1, 4)
    times = factor if random.random() < 0.7 else 1
    return {"factor": factor}, (times * random.randint(1, 9), times * random.randint(1, 9), random.randint(1, 9))


def draw_image(random: Random) -> tuple[Settings, Axes]:
    height, width = random.randint(1, 9), random.randint(1, 9)
    settings: Settings = {"height": height} if random.random() < 0.5 else {"height": height, "width": width}
    return settings, (height * width if random.random() < 0.7 else random.randint(1, 80), random.randint(1, 9))


def draw_upsample(random: Random) -> tuple[Settings, Axes]:
    rank = random.randint(1, 3)
    settings: Settings = {random.choice(["factor", "size"]): some(random, rank, 1, 9)}
    if rank == 2 and random.random() < 0.5:  # PyTorch calls it otherwise on other axes
        settings["mode"] = "bilinear"
    return settings, tuple(random.randint(1, 9) for _ in range(rank + 1))


def draw_pad(random: Random) -> tuple[Settings, Axes]:
    rank = random.randint(1, 3)
    padding = random.randint(0, 4) if random.random() < 0.3 else [some(random, 2, 0, 4) for _ in range(rank)]
    return {"padding": padding}, tuple(random.randint(1, 9) for _ in range(rank + 1))


def draw_fc(random: Random) -> tuple[Settings, Axes]:
    axes = tuple(random.randint(1, 30) for _ in range(random.randint(1, 2)))
    return {"units": random.randint(1, 50), "bias": random.random() < 0.5}, axes


def draw_batchnorm(random: Random) -> tuple[Settings, Axes]:
    affine = random.random() < 0.7
    axes = tuple(random.randint(1, 9) for _ in range(random.randint(1, 4)))
    return {"scale": affine, "shift": affine}, axes


def draw_layernorm(random: Random) -> tuple[Settings, Axes]:
    scale = random.random() < 0.7
    axes = tuple(random.randint(1, 9) for _ in range(random.randint(1, 4)))
    return {"scale": scale, "shift": scale and random.random() < 0.5}, axes


def draw_groupnorm(random: Random) -> tuple[Settings, Axes]:
    """With groups that do not divide, or of one value, which both refuse."""
    settings, x = draw_batchnorm(random)
    groups = random.randint(1, 4)
    channels = groups * random.randint(1, 4) if random.random() < 0.8 else random.randint(1, 16)
    return {"groups": groups, **settings}, (*x[:-1], channels)


def draw_instancenorm(random: Random) -> tuple[Settings, Axes]:
    """Not of a vector, which PyTorch takes for a sequence without a batch."""
    settings, x = draw_batchnorm(random)
    return settings, x if len(x) > 1 else (random.randint(1, 9), *x)


def draw_prelu(random: Random) -> tuple[Settings, Axes]:
    axes = tuple(random.randint(1, 9) for _ in range(random.randint(1, 4)))
    return {"shared": random.random() < 0.3}, axes


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
    "adaptive_maxpool": (30, draw_adaptive_avgpool),
    "channel_shuffle": (30, draw_channel_shuffle),
    "pixel_shuffle": (30, draw_pixel_shuffle),
    "pixel_unshuffle": (30, draw_pixel_unshuffle),
    "image": (30, draw_image),
    "upsample": (40, draw_upsample),
    "pad": (40, draw_pad),
    "fc": (20, draw_fc),
    "batchnorm": (20, draw_batchnorm),
    "layernorm": (20, draw_layernorm),
    "groupnorm": (40, draw_groupnorm),
    "instancenorm": (30, draw_instancenorm),
    "prelu": (20, draw_prelu),
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
