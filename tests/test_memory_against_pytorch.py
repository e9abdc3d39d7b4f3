"""What is kept for the backward pass, beside what PyTorch's autograd saves, to the byte.

Models are run in training on the meta device, where nothing is computed, and the tensors that autograd saves are
counted by their storage, so that views of one count once; parameters and buffers are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest

from cnnarch import Network, Shape
from cnnarch.analysis.training import training
from cnnarch.graph import Graph, Node
from cnnarch.layers import KINDS, Input
from tests import test_against_torchvision as vision

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed; these tests compare with it")
nn: Any = torch.nn

pytestmark = pytest.mark.pytorch


def saved(run: Callable[[Any], Any], x: Any, own: list[Any]) -> int:
    """The bytes that autograd saves, without those of parameters and buffers."""
    leave = {one.untyped_storage()._cdata for one in own}
    found: dict[int, Any] = {}

    def pack(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage._cdata not in leave:
            found[storage._cdata] = storage  # held, as another could get its place
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = run(x)
    del y
    return sum(storage.nbytes() for storage in found.values())


@pytest.fixture(autouse=True)
def dropout_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it runs on a GPU, dropout keeps a byte for each value; elsewhere PyTorch keeps a number."""

    def dropout(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        return torch.native_dropout(x, p, True)[0] if training and p else x

    monkeypatch.setattr(nn.functional, "dropout", dropout)


# Kind by kind


class Pair(NamedTuple):
    """A kind with its settings, and what PyTorch does in its place; `last` where channels come last there."""

    kind: str
    theirs: Callable[[], Any]
    settings: dict[str, Any] = {}  # noqa: RUF012, nobody writes on it
    inputs: int = 1
    last: bool = False


class Scaled(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(6, 1, 1))

    def forward(self, x: Any) -> Any:
        return x * self.scale


def merge(function: Callable[[Any, Any], Any]) -> Callable[[], Any]:
    def run(first: Any, *others: Any) -> Any:
        for other in others:
            first = function(first, other)
        return first

    return lambda: run


PAIRS = [
    Pair("relu", nn.ReLU),
    Pair("relu6", nn.ReLU6),
    Pair("leaky_relu", nn.LeakyReLU),
    Pair("prelu", lambda: nn.PReLU(6)),
    Pair("elu", nn.ELU),
    Pair("gelu", nn.GELU),
    Pair("silu", nn.SiLU),
    Pair("mish", nn.Mish),
    Pair("hardsigmoid", nn.Hardsigmoid),
    Pair("hardswish", nn.Hardswish),
    Pair("sigmoid", nn.Sigmoid),
    Pair("tanh", nn.Tanh),
    Pair("softmax", lambda: nn.Softmax(1)),
    Pair("dropout", lambda: nn.Dropout(0.3), {"rate": 0.3}),
    Pair("dropout", lambda: nn.Dropout(0), {"rate": 0}),
    Pair("conv", lambda: nn.Conv2d(6, 4, 3), {"filters": 4, "kernel": 3}),
    Pair("conv", lambda: nn.Conv2d(6, 6, 3, groups=6), {"filters": 6, "kernel": 3, "groups": "depthwise"}),
    Pair("conv_transpose", lambda: nn.ConvTranspose2d(6, 4, 2, 2), {"filters": 4, "kernel": 2, "stride": 2}),
    Pair("fc", lambda: nn.Linear(6, 5), {"units": 5, "at_each_place": True}, last=True),
    Pair("maxpool", lambda: nn.MaxPool2d(3, 2), {"kernel": 3, "stride": 2}),
    Pair("avgpool", lambda: nn.AvgPool2d(2), {"kernel": 2}),
    Pair("adaptive_avgpool", lambda: nn.AdaptiveAvgPool2d(3), {"size": 3}),
    Pair("adaptive_avgpool", lambda: nn.AdaptiveAvgPool2d(1), {"size": 1}),
    Pair("adaptive_maxpool", lambda: nn.AdaptiveMaxPool2d(3), {"size": 3}),
    Pair("global_avgpool", lambda: nn.AdaptiveAvgPool2d(1)),
    Pair("global_maxpool", lambda: nn.AdaptiveMaxPool2d(1)),
    Pair("batchnorm", lambda: nn.BatchNorm2d(6)),
    Pair("layernorm", lambda: nn.LayerNorm(6), last=True),
    Pair("groupnorm", lambda: nn.GroupNorm(3, 6), {"groups": 3}),
    Pair("instancenorm", lambda: nn.InstanceNorm2d(6)),
    Pair("instancenorm", lambda: nn.InstanceNorm2d(6, affine=True), {"scale": True, "shift": True}),
    Pair("lrn", lambda: nn.LocalResponseNorm(5)),
    Pair("scale", Scaled),
    Pair("upsample", lambda: nn.Upsample(scale_factor=2, mode="bilinear"), {"factor": 2, "mode": "bilinear"}),
    Pair("upsample", lambda: nn.Upsample(scale_factor=2), {"factor": 2}),
    Pair("pad", lambda: nn.ZeroPad2d(2), {"padding": 2}),
    Pair("add", merge(lambda a, b: a + b), inputs=3),
    Pair("multiply", merge(lambda a, b: a * b), inputs=2),
    Pair("multiply", merge(lambda a, b: a * b), inputs=4),
    Pair("max", merge(torch.maximum), inputs=2),
    Pair("max", merge(torch.maximum), inputs=3),
    Pair("concat", lambda: lambda *xs: torch.cat(xs, 1), inputs=2),
    Pair("slice", lambda: lambda x: x[:, :2], {"channels": 2}),
    *(
        Pair("elementwise", partial(lambda function: function, function), {"operator": operator})
        for operator, function in {
            "neg": torch.neg, "exp": torch.exp, "sqrt": torch.sqrt, "abs": torch.abs, "log": torch.log,
            "sin": torch.sin, "erf": torch.erf, "square": torch.square, "reciprocal": torch.reciprocal,
            "rsqrt": torch.rsqrt, "floor": torch.floor, "clip": lambda x: torch.clamp(x, -1, 1),
            "softplus": nn.functional.softplus, "selu": nn.functional.selu, "celu": nn.functional.celu,
        }.items()
    ),
    *(
        Pair("elementwise", partial(lambda function: function, function), {"operator": operator}, 2)
        for operator, function in {
            "sub": torch.sub, "div": torch.div, "mul": torch.mul, "max": torch.maximum, "min": torch.minimum,
        }.items()
    ),
    Pair("reduce", lambda: lambda x: x.mean((2, 3), keepdim=True), {"operator": "mean", "keep": True}),
    Pair("reduce", lambda: lambda x: x.sum(1, keepdim=True), {"operator": "sum", "axes": "channels", "keep": True}),
    Pair("reduce", lambda: lambda x: x.amax((2, 3), keepdim=True), {"operator": "max", "keep": True}),
    Pair("reduce", lambda: lambda x: x.norm(2, 1, True), {"operator": "l2", "axes": "channels", "keep": True}),
    Pair("reduce", lambda: lambda x: x.logsumexp(1, True),
         {"operator": "log_sum_exp", "axes": "channels", "keep": True}),
    Pair("matmul", lambda: lambda a, b: a @ b.transpose(-1, -2), {"transpose": True}, 2, last=True),
]  # fmt: skip


def behind_convolutions(pair: Pair) -> Graph:
    """The layer, on what convolutions make of one input, so that a gradient goes through it; and one behind it."""
    given = Input(Shape(9, 9, 3))
    nodes = [Node("input", given, (), given.figures((given.output(),)))]

    def add(kind: str, settings: dict[str, Any], sources: tuple[int, ...]) -> None:
        layer = KINDS[kind](**settings)
        shapes = tuple(nodes[source].output for source in sources)
        nodes.append(Node(f"{kind}{len(nodes)}", layer, sources, layer.figures(shapes)))

    for _ in range(pair.inputs):
        add("conv", {"filters": 6, "kernel": 1}, (0,))
    add(pair.kind, pair.settings, tuple(range(1, pair.inputs + 1)))
    add("scale", {}, (len(nodes) - 1,))  # it keeps its input
    return Graph(tuple(nodes), {})


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.kind}-{pair.settings}-{pair.inputs}")
def test_kind(pair: Pair, dtype: str) -> None:
    batch, kind = 2, getattr(torch, dtype)
    with torch.device("meta"):
        theirs = pair.theirs()
        convs = nn.ModuleList(nn.Conv2d(3, 6, 1) for _ in range(pair.inputs)).to(kind)
        factor = nn.Parameter(torch.ones(1, dtype=kind))
        x = torch.zeros(batch, 3, 9, 9, dtype=kind)
    own = [factor, *convs.parameters()]
    if isinstance(theirs, nn.Module):
        own += [*theirs.to(kind).parameters(), *theirs.buffers()]

    def run(x: Any) -> Any:
        xs = [conv(x).permute(0, 2, 3, 1) if pair.last else conv(x) for conv in convs]
        return theirs(*xs) * factor

    width = {"float32": 4, "float16": 2}[dtype]
    assert training(behind_convolutions(pair), batch, width).activations == saved(run, x, own)


def test_every_kind_that_keeps_something_is_compared() -> None:
    """Here, in torchvision's models, or not at all: as PyTorch has no layer that does it, or one that has no rule."""
    elsewhere = {"attention", "stochastic_depth", "roi_align"}
    without = {
        "locally_connected": "PyTorch has none",
        "rbf": "PyTorch has none",
        "embedding": "its input is of another type there",
        "lstm": "it is one operation with a workspace that it does not show",
        "gru": "the same",
    }
    compared = {pair.kind for pair in PAIRS} | elsewhere | set(without)
    for kind, layer in KINDS.items():
        if kind not in compared:
            assert layer.kept.words == "nothing"
            assert layer.count_kept is KINDS["channel_shuffle"].count_kept


# Whole models of torchvision


@pytest.fixture(scope="module")
def models() -> Any:
    return vision.torchvision_models()


def attentions(network: Network) -> Iterator[tuple[int, int]]:
    """The places of each attention in all windows, and its width."""
    for node in network.layers:
        if node.layer.kind == "attention":
            (x,) = network.graph.shapes(node)
            yield x.size // x.channels, x.channels


def softmax_and_pool(network: Network) -> int:
    """The article's softmax, which torchvision leaves to the loss; its pool from 7×7 to 7×7 makes a copy."""
    return 7 * 7 * 512 - 1000


def queries_and_keys_twice(network: Network) -> int:
    """Attention by its products keeps queries and keys scaled, and all three as the projection packed them.

    On a GPU a fused kernel would run, which keeps no scores.
    """
    return sum(2 * places * width for places, width in attentions(network))


def values_twice(network: Network) -> int:
    """Values are copied for the product, and stay packed with queries and keys, from which cosines are made."""
    return sum(places * width for places, width in attentions(network))


def no_first_drop(network: Network) -> int:
    """In torchvision the first block has a rate of 0, and the layer that drops it is not there."""
    return -1


def no_regions_cut(network: Network) -> int:
    """What is compared starts with regions that were cut out already; their boxes are not kept."""
    return -5 * sum(node.output.regions for node in network.layers if node.layer.kind == "roi_align")


def normalised(network: Network) -> int:
    """The division by the norm, which the spec leaves out: its result, and the norm before and after a limit."""
    return 38 * 38 * (512 + 2)


# Numbers that torchvision keeps and the spec cannot know of, for each sample.
MORE: dict[str, Callable[[Network], int]] = {
    **{name: softmax_and_pool for name in vision.MODELS if name.startswith("vgg")},
    **{name: queries_and_keys_twice for name in vision.MODELS if name.startswith("vit")},
    **{name: values_twice for name in vision.MODELS if name.startswith("swin_v2")},
    "maxvit_t": no_first_drop,
    "fasterrcnn_resnet50_fpn": no_regions_cut,
    "maskrcnn_resnet50_fpn": no_regions_cut,
    "ssd300_vgg16": normalised,
}


@pytest.mark.parametrize("name", vision.MODELS)
def test_model(name: str, models: Any) -> None:
    about = vision.MODELS[name]
    size = about.sizes[0]
    network = vision.ours(name, size)
    model = vision.build(models, name, size).train()
    same_rates(model, network)
    batch = 1 if about.run is vision.detect_regions else 2  # there as many regions as one image has
    with torch.device("meta"):
        own = [*model.parameters(), *model.buffers()]
        expected = saved(lambda x: about.run(model, x), vision.zeros(size, batch), own)
    more = MORE[name](network) if name in MORE else 0
    assert training(network.graph, batch).activations + 4 * batch * more == expected


def same_rates(model: Any, network: Network) -> None:
    """The rate at which branches are dropped grows from 0 in torchvision's models; in ours it is the same for all."""
    rates = {vars(node.layer)["rate"] for node in network.layers if node.layer.kind == "stochastic_depth"}
    for module in model.modules():
        if type(module).__name__ == "StochasticDepth":
            (module.p,) = rates
