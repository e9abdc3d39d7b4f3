"""Modules of PyTorch read as networks, beside what PyTorch says itself: shapes, parameters and work, layer by layer."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cnnarch import Shape, load
from cnnarch.errors import ReadError
from cnnarch.interchange.model import Entry, Model
from cnnarch.interchange.pytorch.reading import from_module, read
from cnnarch.layers import KINDS, Figures
from cnnarch.spec import catalog
from cnnarch.spec.items import is_name

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed; these tests read its modules")
torchvision_cases: Any = pytest.importorskip("tests.test_against_torchvision")
torch_writing: Any = pytest.importorskip("tests.torch_writing")
nn: Any = torch.nn
functional: Any = torch.nn.functional

pytestmark = pytest.mark.pytorch

SEGMENTED = ("fcn_resnet50", "fcn_resnet101", "deeplabv3_resnet50", "deeplabv3_resnet101",
             "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large")  # fmt: skip
DETECTORS = ("ssd300_vgg16", "retinanet_resnet50_fpn", "fcos_resnet50_fpn", "fasterrcnn_resnet50_fpn",
             "maskrcnn_resnet50_fpn")  # fmt: skip
CLASSIFIERS = [name for name, model in torchvision_cases.MODELS.items() if not model.folder]


@pytest.fixture(scope="module")
def models() -> Any:
    return torchvision_cases.torchvision_models()


# What was read, in figures


def measured(model: Model) -> dict[str, Figures]:
    """The figures of every layer; sources stand before what takes them."""
    shapes: dict[str, Shape] = dict(model.inputs)
    found = {}
    for entry in model.entries:
        figures = KINDS[entry.kind](**entry.settings).figures(tuple([shapes[one] for one in entry.sources]))
        shapes[entry.name] = figures.output
        found[entry.name] = figures
    return found


def totals(model: Model) -> tuple[int, int]:
    figures = measured(model)
    own = [figures[entry.name].params for entry in model.entries if not entry.share]
    return sum(own), sum(one.macs for one in figures.values())


def unknown(model: Model) -> list[str]:
    return [entry.name for entry in model.entries if entry.kind == "unknown"]


def as_named(path: str) -> str:
    """A module's path as a name, whose words do not begin with digits."""
    return "/".join(f"_{part}" if part.isdigit() else part for part in path.split("."))


def seen_by_hooks(module: Any, run: Callable[[], Any]) -> dict[str, tuple[int, int]]:
    """Of every module without parts that ran: how many numbers it gave, the first time, and how many it has."""
    found: dict[str, tuple[int, int]] = {}

    def hook(name: str) -> Callable[..., None]:
        def seen(one: Any, _: Any, y: Any) -> None:
            y = y[0] if isinstance(y, tuple) else y
            found.setdefault(as_named(name), (y.numel(), sum(p.numel() for p in one.parameters())))

        return seen

    hooks = [one.register_forward_hook(hook(name)) for name, one in module.named_modules()
             if not list(one.children()) or isinstance(one, nn.MultiheadAttention)]  # fmt: skip
    with torch.no_grad(), torchvision_cases.unfused():
        run()
    for one in hooks:
        one.remove()
    return found


def agree(model: Model, theirs: dict[str, tuple[int, int]]) -> int:
    """That layers with a module's name give what it gives and have what it has; how many there were."""
    ours = {name: (one.output.size, one.params) for name, one in measured(model).items()}
    both = ours.keys() & theirs.keys()
    assert {name: ours[name] for name in both} == {name: theirs[name] for name in both}
    return len(both)


# torchvision's models


@pytest.mark.parametrize("name", [*CLASSIFIERS, *SEGMENTED])
def test_torchvision(name: str, models: Any) -> None:
    """Every layer as its module says, and in all what the shipped network has, whose layers are compared elsewhere."""
    about = torchvision_cases.MODELS[name]
    size = about.sizes[0]
    module = torchvision_cases.build(models, name, size).eval()
    if hasattr(module, "aux_classifier"):
        module.aux_classifier = None  # torchvision runs it in evaluation too
    shape = Shape(*torchvision_cases.both(size), 3)
    model = from_module(module, shape)
    assert model.inputs == {"input": shape}
    assert not unknown(model)
    theirs = seen_by_hooks(module, lambda: module(torchvision_cases.zeros(size)))
    weighted = sum(1 for _, params in theirs.values() if params)
    assert all(is_name(entry.name) for entry in model.entries)
    if name == "maxvit_t":  # its paths are longer than names can be, and cut
        own = Counter((one.output.size, one.params) for one in measured(model).values() if one.params)
        inside = ("to_qkv", "merge")  # of its attention, which is one layer
        assert not Counter(one for at, one in theirs.items() if one[1] and not at.endswith(inside)) - own
    else:
        assert agree(model, theirs) >= 0.9 * weighted  # all but those that are more than one layer
    shipped = torchvision_cases.ours(name, size)
    assert totals(model) == (shipped.totals.params, shipped.totals.macs)


@pytest.mark.parametrize("name", ["alexnet", "regnet_y_400mf", "googlenet", "inception_v3", "swin_v2_t", "vit_b_16"])
def test_by_name(name: str, models: Any) -> None:
    size = torchvision_cases.MODELS[{"alexnet": "alexnet_torchvision"}.get(name, name)].sizes[0]
    model = read(f"torchvision.models:{name}", Shape(size, size, 3))
    shipped = load({"alexnet": "alexnet_torchvision"}.get(name, name))
    assert (model.name, model.source) == (name, f"torchvision.models:{name}")
    assert totals(model) == (shipped.totals.params, shipped.totals.macs)


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_depend_on_what_is_in_the_image(name: str, models: Any) -> None:
    module = torchvision_cases.build(models, name, torchvision_cases.MODELS[name].sizes[0]).eval()
    with pytest.raises(ReadError, match=r"the module stopped in `.*depends on the numbers in a tensor"):
        from_module(module, Shape(320, 320, 3))


def test_the_backbone_of_a_detector(models: Any) -> None:
    module = torchvision_cases.build(models, "retinanet_resnet50_fpn", 800).eval().backbone
    model = from_module(module, Shape(320, 320, 3))
    theirs = seen_by_hooks(module, lambda: module(torchvision_cases.zeros(320)))
    convolutions = [name for name, one in module.named_modules() if isinstance(one, nn.Conv2d)]
    assert agree(model, theirs) >= len(convolutions)


def test_names_and_order(models: Any) -> None:
    model = read("torchvision.models:resnet18", Shape(224, 224, 3))
    assert [(one.name, one.kind, one.sources) for one in model.entries[:11]] == [
        ("conv1", "conv", ("input",)),
        ("bn1", "batchnorm", ("conv1",)),
        ("relu", "relu", ("bn1",)),
        ("maxpool", "maxpool", ("relu",)),
        ("layer1/_0/conv1", "conv", ("maxpool",)),
        ("layer1/_0/bn1", "batchnorm", ("layer1/_0/conv1",)),
        ("layer1/_0/relu", "relu", ("layer1/_0/bn1",)),
        ("layer1/_0/conv2", "conv", ("layer1/_0/relu",)),
        ("layer1/_0/bn2", "batchnorm", ("layer1/_0/conv2",)),
        ("layer1/_0/add", "add", ("layer1/_0/bn2", "maxpool")),
        ("layer1/_0/relu_2", "relu", ("layer1/_0/add",)),
    ]
    assert model.entries[0].settings == {"filters": 64, "kernel": 7, "stride": 2, "padding": 3, "bias": False}
    assert model.entries[-1] == Entry("fc", "fc", {"units": 1000}, ("avgpool",))


# Every shipped network, written with PyTorch's modules and read again


def expressible(name: str) -> bool:
    kinds = {node.layer.kind for node in load(name).layers}
    known = {*torch_writing.MODULES, *torch_writing.LOOSE, *torch_writing.SHAPED, *torch_writing.MERGES}
    return kinds <= known


@pytest.mark.parametrize("name", catalog.names())
def test_shipped_networks_written_and_read(name: str) -> None:
    if not expressible(name):
        pytest.skip("a kind in it is no module of PyTorch's")
    network = load(name)
    with torch.device("meta"):
        module = torch_writing.Written(network.graph).eval()
    model = from_module(module, dict(network.inputs))
    if not unknown(model):
        assert totals(model) == (network.totals.params, network.totals.macs)
    kinds = ("conv", "conv_transpose", "lstm", "gru", "batchnorm", "layernorm", "maxpool", "avgpool", "concat")
    assert not set(unknown(model)) - {"stack"}
    ours = Counter(node.layer.kind for node in network.layers if not node.train_only)
    found = Counter(entry.kind for entry in model.entries)
    assert {kind: found[kind] for kind in kinds} == {kind: ours[kind] for kind in kinds}


# Each operator


class Fn(nn.Module):  # type: ignore[misc]
    """A function with modules and parameters."""

    def __init__(self, run: Callable[..., Any], **parts: Any) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *xs: Any) -> Any:
        return self.run(self, *xs)


def own(*shape: int) -> Any:
    return nn.Parameter(torch.zeros(*shape))


def heads(s: Any, x: Any) -> Any:
    batch, length, width = x.shape
    q, k, v = s.qkv(x).reshape(batch, length, 3, 4, width // 4).permute(2, 0, 3, 1, 4)
    y = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, length, width)
    return s.out(y)


def shuffled(s: Any, x: Any) -> Any:
    batch, channels, height, width = x.shape
    y = x.view(batch, 2, channels // 2, height, width).transpose(1, 2).contiguous()
    return s.c(y.view(batch, -1, height, width))


def squeezed(s: Any, x: Any) -> Any:
    batch, channels, _, _ = x.shape
    y = functional.relu(s.a(functional.adaptive_avg_pool2d(x, 1).view(batch, channels)))
    return x * torch.sigmoid(s.b(y)).view(batch, channels, 1, 1)


def corners(s: Any, x: Any) -> Any:
    return s.c(torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1))


IMAGE = Shape(16, 16, 8)
SEQUENCE = Shape(9, 16)


class Case(NamedTuple):
    """A module, its input, the kinds that it becomes, its MACs and the shape that it gives, channels last."""

    make: Callable[[], Any]
    input: Shape
    kinds: str
    macs: int
    output: tuple[int, ...]


CASES: dict[str, Case] = {
    "conv, even, same": Case(lambda: nn.Conv2d(8, 4, 4, padding="same"), IMAGE, "conv", 256 * 16 * 32, (16, 16, 4)),
    "conv, groups": Case(lambda: nn.Conv2d(8, 8, 3, 2, 1, groups=8), IMAGE, "conv", 64 * 9 * 8, (8, 8, 8)),
    "conv 1d": Case(lambda: nn.Conv1d(4, 6, 3, stride=2), Shape(20, 4), "conv", 9 * 3 * 4 * 6, (9, 6)),
    "conv 3d": Case(
        lambda: nn.Conv3d(2, 4, (1, 3, 3), padding=(0, 1, 1)), Shape(4, 8, 8, 2), "conv", 256 * 72, (4, 8, 8, 4)
    ),
    "conv, mirrored": Case(
        lambda: nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"), IMAGE, "pad conv", 256 * 576, (16, 16, 8)
    ),
    "transposed": Case(
        lambda: nn.ConvTranspose2d(8, 4, 3, 2, 1, 1, groups=2), IMAGE, "conv_transpose", 256 * 144, (32, 32, 4)
    ),
    "linear, sequence": Case(lambda: nn.Linear(7, 5), Shape(20, 7), "fc", 700, (20, 5)),
    "linear, vector": Case(lambda: nn.Linear(7, 5, bias=False), Shape(7), "fc", 35, (5,)),
    "linear, by parameter": Case(
        lambda: Fn(lambda s, x: x.mean((2, 3)) @ s.w, w=own(8, 4)), IMAGE, "global_avgpool fc", 32, (4,)
    ),
    "layernorm": Case(lambda: nn.LayerNorm(16), SEQUENCE, "layernorm", 0, (9, 16)),
    "layernorm, permuted": Case(
        lambda: Fn(lambda s, x: s.n(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), n=nn.LayerNorm(8)),
        IMAGE,
        "layernorm",
        0,
        (16, 16, 8),
    ),
    "groupnorm": Case(lambda: nn.GroupNorm(2, 8), IMAGE, "groupnorm", 0, (16, 16, 8)),
    "instancenorm": Case(lambda: nn.InstanceNorm2d(8, affine=True), IMAGE, "instancenorm", 0, (16, 16, 8)),
    "lrn": Case(lambda: nn.LocalResponseNorm(5), IMAGE, "lrn", 0, (16, 16, 8)),
    "prelu": Case(lambda: nn.Sequential(nn.PReLU(8), nn.PReLU()), IMAGE, "prelu prelu", 0, (16, 16, 8)),
    "activations": Case(
        lambda: nn.Sequential(
            nn.ReLU6(),
            nn.LeakyReLU(0.1),
            nn.ELU(),
            nn.GELU(),
            nn.SiLU(),
            nn.Mish(),
            nn.Hardsigmoid(),
            nn.Hardswish(),
            nn.Tanh(),
            nn.Softmax(1),
        ),
        IMAGE,
        "relu6 leaky_relu elu gelu silu mish hardsigmoid hardswish tanh softmax",
        0,
        (16, 16, 8),
    ),
    "functions": Case(
        lambda: Fn(lambda _, x: (torch.exp(x) / 2 - 1).clamp(-1, 1)),
        IMAGE,
        "elementwise elementwise elementwise elementwise",
        0,
        (16, 16, 8),
    ),
    "maxpool, ceil": Case(lambda: nn.MaxPool2d(3, 2, ceil_mode=True), IMAGE, "maxpool", 0, (8, 8, 8)),
    "adaptive": Case(lambda: nn.AdaptiveAvgPool2d((3, 5)), IMAGE, "adaptive_avgpool", 0, (3, 5, 8)),
    "interpolated": Case(lambda: nn.Upsample(scale_factor=2, mode="bilinear"), IMAGE, "upsample", 0, (32, 32, 8)),
    "pixels": Case(
        lambda: nn.Sequential(nn.PixelShuffle(2), nn.PixelUnshuffle(4)),
        IMAGE,
        "pixel_shuffle pixel_unshuffle",
        0,
        (8, 8, 32),
    ),
    "corners": Case(lambda: Fn(corners, c=nn.Conv2d(32, 4, 1)), IMAGE, "pixel_unshuffle conv", 64 * 128, (8, 8, 4)),
    "shuffled": Case(lambda: Fn(shuffled, c=nn.Conv2d(8, 8, 1)), IMAGE, "channel_shuffle conv", 256 * 64, (16, 16, 8)),
    "pad": Case(lambda: nn.ZeroPad2d((1, 2, 3, 4)), IMAGE, "pad", 0, (23, 19, 8)),
    "lstm": Case(
        lambda: Fn(lambda s, x: s.r(x)[0], r=nn.LSTM(16, 6, 2, bidirectional=True, batch_first=True)),
        SEQUENCE,
        "lstm lstm",
        9 * 48 * (22 + 18),
        (9, 12),
    ),
    "gru": Case(lambda: Fn(lambda s, x: s.r(x)[0], r=nn.GRU(5, 6)), Shape(9, 5), "gru", 9 * 18 * 11, (9, 6)),
    "embedding": Case(
        lambda: nn.Sequential(nn.Embedding(50, 6), nn.Linear(6, 3)), Shape(25, 1), "embedding fc", 450, (25, 3)
    ),
    "attention": Case(
        lambda: Fn(lambda s, x: s.m(x, x, x)[0], m=nn.MultiheadAttention(16, 4, batch_first=True)),
        SEQUENCE,
        "attention",
        9 * 1024 + 2 * 81 * 16,
        (9, 16),
    ),
    "attention, by products": Case(
        lambda: Fn(heads, qkv=nn.Linear(64, 192), out=nn.Linear(64, 64)),
        Shape(10, 64),
        "fc slice slice slice elementwise reshape reshape matmul softmax reshape matmul columns fc",
        10 * 4 * 64 * 64 + 2 * 100 * 64,
        (10, 64),
    ),
    "tokens of its own": Case(
        lambda: Fn(
            lambda s, x: torch.cat([s.t.expand(1, -1, -1), x.flatten(2).transpose(1, 2)], 1) + s.p,
            t=own(1, 1, 8),
            p=own(1, 257, 8),
        ),
        IMAGE,
        "tokens class_token position_embedding",
        0,
        (257, 8),
    ),
    "scales of its own": Case(
        lambda: Fn(lambda s, x: x * s.a + s.b, a=own(8, 1, 1), b=own(1, 8, 1, 1)), IMAGE, "scale", 0, (16, 16, 8)
    ),
    "squeezed": Case(
        lambda: Fn(squeezed, a=nn.Linear(8, 2), b=nn.Linear(2, 8)),
        IMAGE,
        "global_avgpool fc relu fc sigmoid multiply",
        32,
        (16, 16, 8),
    ),
    "parts": Case(lambda: Fn(lambda _, x: torch.mul(*x.chunk(2, 1))), IMAGE, "slice slice multiply", 0, (16, 16, 4)),
    "gated": Case(lambda: nn.GLU(1), IMAGE, "slice slice sigmoid multiply", 0, (16, 16, 4)),
    "places in a row": Case(
        lambda: Fn(
            lambda s, x: torch.cat([s.c(x).flatten(2), s.d(x).flatten(2)], 2),
            c=nn.Conv2d(8, 6, 3),
            d=nn.Conv2d(8, 6, 3, 2),
        ),
        IMAGE,
        "conv tokens conv tokens transpose transpose concat transpose",
        432 * (196 + 49),
        (245, 6),
    ),
    "in place": Case(
        lambda: Fn(lambda s, x: s.c(x).add_(1).relu_().mul_(x), c=nn.Conv2d(8, 8, 1)),
        IMAGE,
        "conv elementwise relu multiply",
        256 * 64,
        (16, 16, 8),
    ),
    "dropout": Case(
        lambda: nn.Sequential(nn.Dropout(0.3), nn.Dropout(0.0), nn.Identity()), IMAGE, "dropout", 0, (16, 16, 8)
    ),
    "flat": Case(
        lambda: nn.Sequential(nn.Flatten(), nn.BatchNorm1d(2048), nn.Linear(2048, 10)),
        IMAGE,
        "flatten batchnorm fc",
        20480,
        (10,),
    ),
    "view, batch left out": Case(
        lambda: Fn(lambda s, x: s.f(x.view(-1, 2048)), f=nn.Linear(2048, 3)), IMAGE, "flatten fc", 6144, (3,)
    ),
    "image of a vector": Case(
        lambda: nn.Sequential(nn.Linear(100, 512), nn.Unflatten(1, (32, 4, 4)), nn.Conv2d(32, 1, 4)),
        Shape(100),
        "fc reshape conv",
        51200 + 512,
        (1, 1, 1),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_operators(case: Case) -> None:
    module = case.make()
    model = from_module(module, case.input)
    assert " ".join(entry.kind for entry in model.entries) == case.kinds
    assert totals(model) == (sum(one.numel() for one in module.parameters()), case.macs)
    assert tuple(list(measured(model).values())[-1].output) == case.output


UNKNOWN: dict[str, tuple[Callable[[], Any], int]] = {
    "fft": (lambda: Fn(lambda _, x: torch.fft.fft(x).abs()), 1),
    "einsum": (lambda: Fn(lambda s, x: torch.einsum("bchw,dc->bdhw", x, s.w), w=own(4, 8)), 1),
    "layer_norm": (lambda: nn.LayerNorm([8, 16, 16]), 1),
    "conv2d": (lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 8, 3)), 1),
    "bilinear": (lambda: Fn(lambda s, x: s.b(x.mean((2, 3)), x.amax((2, 3))), b=nn.Bilinear(8, 8, 5)), 1),
}


@pytest.mark.parametrize(("operator", "case"), UNKNOWN.items(), ids=list(UNKNOWN))
def test_what_is_not_known_is_named_and_its_weights_are_counted(operator: str, case: Any) -> None:
    module = case[0]()
    model = from_module(module, IMAGE)
    entries = [entry for entry in model.entries if entry.kind == "unknown"]
    assert [operator in entry.settings["operator"] for entry in entries] == [True] * case[1]
    assert totals(model)[0] == sum(one.numel() for one in module.parameters())


def test_what_runs_twice_shares_its_weights() -> None:
    conv = nn.Conv2d(8, 8, 3, padding=1)
    model = from_module(nn.Sequential(conv, nn.ReLU(), conv), IMAGE)
    assert [(one.name, one.share) for one in model.entries] == [("_0", ""), ("_1", ""), ("_0_2", "_0")]
    assert totals(model) == (584, 2 * 256 * 576)


def test_several_inputs_by_name() -> None:
    class Two(nn.Module):  # type: ignore[misc]
        def forward(self, left: Any, right: Any) -> Any:
            return torch.cat([right, left], 1)

    model = from_module(Two(), {"left": Shape(4, 4, 3), "right": Shape(4, 4, 5)})
    assert [(one.kind, one.sources) for one in model.entries] == [("concat", ("right", "left"))]


def test_a_module_stays_as_it_was() -> None:
    """In training, with its own forward, and with all its numbers."""
    module = nn.Sequential(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.Dropout())
    before = {name: one.clone() for name, one in module.state_dict().items()}
    from_module(module, IMAGE)
    assert all(one.training and "forward" not in vars(one) for one in module.modules())
    assert all(torch.equal(one, before[name]) for name, one in module.state_dict().items())
    with pytest.raises(ReadError):
        from_module(module, Shape(16, 16, 9))
    assert all(one.training and "forward" not in vars(one) for one in module.modules())


# Targets


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.py"
    path.write_text(f"import torch\nfrom torch import nn\n{text}\n")
    return str(path)


def test_a_file_of_a_user(tmp_path: Path) -> None:
    """With what lies beside it; a class, a function, and a module."""
    (tmp_path / "beside_mine.py").write_text("WIDTH = 12\n")
    path = written(tmp_path, "from beside_mine import WIDTH\nclass Net(nn.Sequential):\n    def __init__(self):\n"
                             "        super().__init__(nn.Conv2d(3, WIDTH, 3))\n"
                             "made = Net()\ndef make(): return Net()")  # fmt: skip
    for name in ("Net", "make", "made"):
        assert totals(read(f"{path}:{name}", Shape(8, 8, 3))) == (336, 36 * 324)
    assert str(tmp_path) not in sys.path


REFUSED = {
    "x = 1": "is a thing of type `int`",
    "def x(): return 1": "makes a thing of type `int`",
    "def x(size): return nn.ReLU()": "takes arguments that must be given: `size`",
    "def x(): raise ValueError('so it is')": "cannot be made: ValueError: so it is",
    "def x(): raise SystemExit(3)": "cannot be made: SystemExit",
    "y = 1": "has no `x`",
    "import nothing_like_it": "cannot be run: ModuleNotFoundError",
    "x = (": "cannot be run: SyntaxError",
    "def x(): return nn.Linear(5, 5)": "the module stopped in `forward` \\(Linear\\): RuntimeError",
    "class x(nn.Module):\n    def forward(self, y): return y if y.sum() > 0 else -y": "control flow depends",
    "class x(nn.Module):\n    def forward(self, y): return torch.zeros(3)": "no output of the module depends",
    "class x(nn.Module):\n    def forward(self, y): return self.forward(y)": "RecursionError",
    "x = nn.LazyConv2d(3, 3)": "has no shape before its first input",
}


@pytest.mark.parametrize(("text", "words"), REFUSED.items())
def test_what_cannot_be_read_is_told(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=words):
        read(f"{written(tmp_path, text)}:x", Shape(8, 8, 3))


def test_no_size_of_the_input() -> None:
    with pytest.raises(ReadError, match="does not say the size of its input"):
        read("torchvision.models:alexnet", None)


def test_weights_are_not_fetched(tmp_path: Path) -> None:
    """What a model fetches them by is told that there are none."""
    text = "def x(*, weights='all', progress=True):\n    assert weights is None\n    return nn.Conv2d(3, 4, 3)"
    assert totals(read(f"{written(tmp_path, text)}:x", Shape(8, 8, 3)))[0] == 112


def test_no_memory_for_weights(tmp_path: Path) -> None:
    """A terabyte of them."""
    text = "def x(): return nn.Sequential(nn.Flatten(), nn.Linear(192, 1_000_000_000))"
    assert totals(read(f"{written(tmp_path, text)}:x", Shape(8, 8, 3)))[0] == 193 * 10**9
