"""The shipped networks beside torchvision's models, layer by layer.

Models are built without weights on the meta device, so that nothing is downloaded or computed; MACs are half of what
PyTorch's own counter says. As a program it shows where a network differs: `python -m tests.test_against_torchvision
resnet50`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from itertools import zip_longest
from math import prod
from typing import Any, NamedTuple

import pytest

from cnnarch import Network, Shape, load
from cnnarch.graph import Node

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed; these tests compare with it")
flop_counter: Any = pytest.importorskip("torch.utils.flop_counter", reason="a PyTorch without its counter of FLOPs")

pytestmark = pytest.mark.pytorch

LIBRARIES: list[Any] = []  # what is declared lasts as long as its library


def torchvision_models() -> Any:
    """The models of torchvision, also where its compiled operators do not load; their layers need none of them."""
    if find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed; these tests compare with its models")
    try:
        return import_module("torchvision.models")
    except RuntimeError:  # it registers a rule for operators that are not there: declare them
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        LIBRARIES.append(library)
        return import_module("torchvision.models")


@pytest.fixture(scope="module")
def models() -> Any:
    return torchvision_models()


# What stands beside what


Size = int | tuple[int, int]  # of a square, or height and width


def in_list(y: Any) -> list[Any]:
    return [y] if torch.is_tensor(y) else list(y)


def classify(model: Any, x: Any) -> list[Any]:
    return in_list(model(x))


def segment(model: Any, x: Any) -> list[Any]:
    """In evaluation without the auxiliary head, which torchvision runs there too."""
    if model.training:
        return list(model(x).values())
    head = getattr(model, "aux_classifier", None)
    model.aux_classifier = None
    y = model(x)["out"]
    model.aux_classifier = head
    return [y]


def detect(model: Any, x: Any) -> list[Any]:
    """What the heads give on every map; without anchors, and without a choice among boxes."""
    maps = list(model.backbone(x).values())
    heads = model.head.classification_head, model.head.regression_head
    return [y for head in heads for one in maps for y in in_list(head([one]))]


def detect_by_own_heads(model: Any, x: Any) -> list[Any]:
    """The same, where every map has heads of its own."""
    maps = list(model.backbone(x).values())
    heads = model.head.regression_head, model.head.classification_head
    return [layer(one) for head in heads for layer, one in zip(head.module_list, maps)]


def detect_regions(model: Any, x: Any) -> list[Any]:
    """What the heads give in the most regions that an image can have; without cutting these out."""
    maps = list(model.backbone(x).values())
    scores, boxes = model.rpn.head(maps)
    heads = model.roi_heads
    y = [*scores, *boxes, *heads.box_predictor(heads.box_head(torch.zeros(1000, 256, 7, 7)))]
    return [*y, heads.mask_predictor(heads.mask_head(torch.zeros(100, 256, 14, 14)))] if heads.has_mask() else y


def shortcuts_last(model: Any, x: Any) -> list[Any]:
    """A RegNet's shortcuts run before what they are added to, and ours after it; sums do not mind."""
    for block in list(model.modules()):
        if getattr(block, "proj", None) is not None:
            block.proj, block.f = block.f, block.proj
    return classify(model, x)


class Model(NamedTuple):
    """A model of torchvision: its name there if it is not ours, how it is built and run, and on which inputs."""

    name: str = ""
    sizes: tuple[Size, ...] = (224, (256, 192))
    more: dict[str, Any] = {}  # noqa: RUF012, nobody writes on it
    run: Callable[[Any, Any], list[Any]] = classify
    folder: str = ""  # torchvision.models. ...
    settings: dict[str, Any] = {}  # noqa: RUF012, the same; of ours
    fixed: str = ""  # what it calls the size of its input, where it is built for one
    in_a_row: bool = False  # its places: MaxViT keeps those of a window so, and ConvNeXt has one where we have none


SEGMENTATION = Model(
    sizes=(520, 448), more={"weights_backbone": None, "aux_loss": True}, run=segment, folder="segmentation"
)
DETECTION = Model(sizes=(800, 320), more={"weights_backbone": None}, run=detect, folder="detection")
REGIONS = DETECTION._replace(run=detect_regions)
REGNET = Model(run=shortcuts_last)
VGG = Model(sizes=(224,))  # of other sizes torchvision makes 7×7 before the first fully connected layer

MODELS: dict[str, Model] = {
    "alexnet_torchvision": Model("alexnet"),
    "vgg11": VGG,
    "vgg13": VGG,
    "vgg16": VGG,
    "vgg19": VGG,
    **{f"vgg{depth}_bn": VGG for depth in (11, 13, 16, 19)},
    **{f"squeezenet1_{version}": Model() for version in (0, 1)},
    **{f"densenet{depth}": Model() for depth in (121, 161, 169, 201)},
    **{f"shufflenet_v2_x{width}": Model() for width in ("0_5", "1_0", "1_5", "2_0")},
    **{f"mnasnet{width}": Model() for width in ("0_5", "0_75", "1_0", "1_3")},
    **{f"resnet{depth}": Model() for depth in (18, 34, 50, 101, 152)},
    **{f"resnext{variant}": Model() for variant in ("50_32x4d", "101_32x8d", "101_64x4d")},
    **{f"wide_resnet{depth}_2": Model() for depth in (50, 101)},
    **{f"regnet_x_{work}": REGNET for work in ("400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf")},
    **{f"regnet_y_{work}": REGNET for work in ("400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf", "128gf")},
    "googlenet": Model(more={"init_weights": False, "aux_logits": True}),
    "inception_v3": Model(sizes=(299, 320), more={"init_weights": False, "aux_logits": True}),
    "mobilenet_v2": Model(),
    "mobilenet_v2_1_4": Model("mobilenet_v2", more={"width_mult": 1.4}),
    "mobilenet_v3_large": Model(),
    "mobilenet_v3_small": Model(),
    "efficientnet_b0": Model(),
    "efficientnet_b1": Model(),
    "efficientnet_b2": Model(),
    "efficientnet_b3": Model(),
    "efficientnet_b4": Model(),
    "efficientnet_b5": Model(),
    "efficientnet_b6": Model(),
    "efficientnet_b7": Model(),
    "efficientnet_v2_s": Model(),
    "efficientnet_v2_m": Model(),
    "efficientnet_v2_l": Model(),
    **{f"convnext_{size}": Model(in_a_row=True) for size in ("tiny", "small", "base", "large")},
    "vit_b_16": Model(sizes=(224, 384), fixed="image_size"),
    "vit_b_32": Model(sizes=(224, 384), fixed="image_size"),
    "vit_l_16": Model(sizes=(224, 512), fixed="image_size"),
    "vit_l_32": Model(sizes=(224, 384), fixed="image_size"),
    "vit_h_14": Model(sizes=(224, 518), fixed="image_size"),
    **{f"swin_{size}": Model() for size in "tsb"},
    **{f"swin_v2_{size}": Model(sizes=(256, 224)) for size in "tsb"},
    "maxvit_t": Model(sizes=(224, 448), fixed="input_size", in_a_row=True),
    "fcn_resnet50": SEGMENTATION,
    "fcn_resnet101": SEGMENTATION,
    "deeplabv3_resnet50": SEGMENTATION,
    "deeplabv3_resnet101": SEGMENTATION,
    "deeplabv3_mobilenet_v3_large": SEGMENTATION,
    "lraspp_mobilenet_v3_large": SEGMENTATION._replace(more={"weights_backbone": None}),
    "ssd300_vgg16": DETECTION._replace(sizes=(300, 512), run=detect_by_own_heads),
    "retinanet_resnet50_fpn": DETECTION,
    "fcos_resnet50_fpn": DETECTION,
    "fasterrcnn_resnet50_fpn": REGIONS,
    "maskrcnn_resnet50_fpn": REGIONS,
}


def build(models: Any, name: str, size: Size, **settings: Any) -> Any:
    about = MODELS[name]
    if about.fixed:
        settings[about.fixed] = both(size) if about.fixed == "input_size" else size
    place = import_module(f"torchvision.models.{about.folder}") if about.folder else models
    with torch.device("meta"), widths_of_regnet():
        model = getattr(place, about.name or name)(weights=None, **about.more, **settings)
    return model


@contextmanager
def widths_of_regnet() -> Iterator[None]:
    """A RegNet's widths are computed by tensors, which on the meta device hold nothing."""
    table = import_module("torchvision.models.regnet").BlockParams
    compute = table.from_init_params

    def on_cpu(**settings: Any) -> Any:
        with torch.device("cpu"):
            return compute(**settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "from_init_params", on_cpu)
        yield


# Their layers and ours

LEAVES = {
    "Conv2d": "conv",
    "ConvTranspose2d": "conv_transpose",
    "BatchNorm2d": "batchnorm",
    "FrozenBatchNorm2d": "batchnorm",
    "GroupNorm": "groupnorm",
    "LayerNorm": "layernorm",
    "LayerNorm2d": "layernorm",
    "Linear": "fc",
    "MaxPool2d": "maxpool",
    "LastLevelMaxPool": "maxpool",
    "AvgPool2d": "avgpool",
    "MultiheadAttention": "attention",
    "ShiftedWindowAttention": "attention",
    "ShiftedWindowAttentionV2": "attention",
    "RelativePositionalMultiHeadAttention": "attention",
}
CHANNELS_LAST = ("fc", "layernorm")
FUNCTIONS = {"max_pool2d": "maxpool", "avg_pool2d": "avgpool"}  # where a model has no module for them


class Leaf(NamedTuple):
    """One layer that ran: its kind, its output, its parameters and its work."""

    kind: str
    output: tuple[int, ...]
    weights: int
    biases: int
    buffers: int
    macs: int


def parameters(module: Any) -> tuple[int, int, int]:
    """Weights, biases and running statistics."""
    named = [(name.rpartition(".")[2], one.numel()) for name, one in module.named_parameters()]
    biases = sum(size for name, size in named if name.endswith("bias"))
    kept = [(name, one) for name, one in module.named_buffers() if one.dim() and one.is_floating_point()]
    statistics = sum(one.numel() for name, one in kept if not name.endswith("relative_coords_table"))
    return sum(size for _, size in named) - biases, biases, statistics


def leaf(module: Any, y: Any, macs: int) -> Leaf:
    """A module that has run, in our words: channels last, and a fully connected layer on an image a convolution."""
    name = type(module).__name__
    kind = LEAVES[name]
    y = y[0] if isinstance(y, tuple) else y
    y = y[-1] if isinstance(y, list) else y  # of a pyramid the last
    weights, biases, buffers = parameters(module)
    if name == "FrozenBatchNorm2d":  # all four are buffers there
        weights, biases, buffers = buffers // 4, buffers // 4, buffers // 2
    if kind == "attention":
        return Leaf(kind, (), weights, biases, buffers, macs)  # in windows or not, the next layer shows it
    regions, *sizes = y.shape
    if len(sizes) > 1 and (kind not in CHANNELS_LAST or name == "LayerNorm2d"):
        sizes = [*sizes[1:], sizes[0]]
    if kind == "layernorm" and sizes[:-1] == [1, 1]:  # of a global average
        sizes = sizes[-1:]
    if kind == "fc" and len(sizes) == 3:
        kind = "conv"
    return Leaf(kind, (regions, *sizes), weights, biases, buffers, macs)


def leaves(model: Any, about: Model, x: Any) -> tuple[list[Leaf], list[Any]]:
    """What each layer gives and has, in the order in which they run, and what the model gives.

    Adaptive pools are left out, as some are functions and no modules; what follows them shows that they gave the
    right size.
    """
    found: list[Leaf] = []
    started: list[int] = []
    counter = flop_counter.FlopCounterMode(display=False)

    def begin(*_: Any) -> None:
        started.append(counter.get_total_flops())

    def end(module: Any, _: Any, y: Any) -> None:
        macs = (counter.get_total_flops() - started.pop()) // 2
        if not started:  # in no other that counts
            found.append(leaf(module, y, macs))

    def seen(kind: str, function: Any) -> Any:
        def run(*args: Any, **more: Any) -> Any:
            if started:  # in a module, or in itself
                return function(*args, **more)
            started.append(0)
            y = function(*args, **more)
            started.pop()
            found.append(Leaf(kind, (y.shape[0], *y.shape[2:], y.shape[1]), 0, 0, 0, 0))
            return y

        return run

    for module in model.modules():
        if type(module).__name__ in LEAVES:
            module.register_forward_pre_hook(begin)
            module.register_forward_hook(end)
    with torch.no_grad(), torch.device("meta"), unfused(), pytest.MonkeyPatch.context() as patch, counter:
        for name, kind in FUNCTIONS.items():
            patch.setattr(torch.nn.functional, name, seen(kind, getattr(torch.nn.functional, name)))
        outputs = about.run(model, x)
    found.append(Leaf("total", (), *parameters(model), counter.get_total_flops() // 2))
    return found, outputs


@contextmanager
def unfused() -> Iterator[None]:
    """Attention by its products, as the fused path is not counted."""
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(True)


def our_leaf(node: Node) -> Leaf:
    figures = node.figures
    output = () if node.layer.kind == "attention" else (node.output.regions, *node.output)
    kind = "conv" if node.layer.kind == "fc" and node.output.rank == 2 else node.layer.kind
    return Leaf(kind, output, figures.weights, figures.biases, figures.buffers, figures.macs)


def our_leaves(network: Network, training: bool = False) -> list[Leaf]:
    kinds = set(LEAVES.values())
    nodes = [node for node in network.layers if node.layer.kind in kinds and (training or not node.train_only)]
    totals = network.totals
    # torchvision's models hold what is there only in training too
    weights = sum(node.weights for node in network.layers)
    biases = sum(node.biases for node in network.layers)
    return [*map(our_leaf, nodes), Leaf("total", (), weights, biases, totals.training_buffers, totals.macs)]


def zeros(size: Size, batch: int = 1) -> Any:
    with torch.device("meta"):
        return torch.zeros(batch, 3, *both(size))


def both(size: Size) -> tuple[int, int]:
    """Height and width."""
    return size if isinstance(size, tuple) else (size, size)


def ours(name: str, size: Size) -> Network:
    shape = Shape(*both(size), 3)
    network = load(name, MODELS[name].settings)
    return network if list(network.inputs.values()) == [shape] else load(name, MODELS[name].settings, shape)


CASES = [(name, size) for name, model in MODELS.items() for size in model.sizes]


@pytest.mark.parametrize(("name", "size"), CASES)
def test_layer_by_layer(name: str, size: Size, models: Any) -> None:
    expected, outputs = leaves(build(models, name, size).eval(), MODELS[name], zeros(size))
    network = ours(name, size)
    found = our_leaves(network)
    differ = differences(found, expected, MODELS[name])
    assert not differ, "\n".join(differ[:10])
    assert sorted(shape.size for shape in network.outputs.values()) == sorted(y.numel() for y in outputs)


def differences(found: list[Leaf], expected: list[Leaf], about: Model) -> list[str]:
    if about.in_a_row:
        found, expected = list(map(in_a_row, found)), list(map(in_a_row, expected))
    pairs = enumerate(zip_longest(found, expected))
    return [f"{number}: ours {one}\n    theirs {other}" for number, (one, other) in pairs if one != other]


def in_a_row(one: Leaf) -> Leaf:
    return one._replace(output=(prod(one.output[:-1]), *one.output[-1:]))


@pytest.mark.parametrize("name", ["googlenet", "inception_v3", "fcn_resnet50", "deeplabv3_mobilenet_v3_large"])
def test_in_training(name: str, models: Any) -> None:
    """With auxiliary heads, which may stand in the middle."""
    size = MODELS[name].sizes[0]
    model = build(models, name, size).train()
    found = our_leaves(ours(name, size), training=True)
    expected, _ = leaves(model, MODELS[name], zeros(size, batch=2))  # a batch of one has no variance
    once = [one._replace(output=(1, *one.output[1:]), macs=one.macs // 2) for one in expected[:-1]]
    assert not differences(found[:-1], once, MODELS[name])


OTHER_SETTINGS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    *(("mobilenet_v2", {"width": width}, {"width_mult": width}) for width in (0.35, 0.5, 0.75, 1.3)),
    ("resnet50", {"classes": 10}, {"num_classes": 10}),
    ("squeezenet1_1", {"classes": 10}, {"num_classes": 10}),  # they are filters there
]


@pytest.mark.parametrize(("name", "settings", "theirs"), OTHER_SETTINGS, ids=str)
def test_other_settings(name: str, settings: dict[str, Any], theirs: dict[str, Any], models: Any) -> None:
    expected, _ = leaves(build(models, name, 224, **theirs).eval(), MODELS[name], zeros(224))
    assert not differences(our_leaves(load(name, settings)), expected, MODELS[name])


def main(names: list[str]) -> None:
    models = torchvision_models()
    for name in names or MODELS:
        for size in MODELS[name].sizes:
            expected, outputs = leaves(build(models, name, size).eval(), MODELS[name], zeros(size))
            network = ours(name, size)
            differ = differences(our_leaves(network), expected, MODELS[name])
            ends = sorted(shape.size for shape in network.outputs.values()) == sorted(y.numel() for y in outputs)
            print(name, size, expected[-1], "outputs differ" if not ends else "", *differ[:3], sep="\n  ")


if __name__ == "__main__":
    main(sys.argv[1:])
