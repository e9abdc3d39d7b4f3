"""Networks that doors read as pages with blocks and repeats: the same layers, and as one would write them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cnnarch
from cnnarch.graph import Graph, Node
from cnnarch.interchange import doors, writing
from cnnarch.interchange.model import Entry, Model
from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from cnnarch.spec.build import build
from tests.random_models import random_model
from tests.shipped import each_network

Own = Callable[[Node], bool]


def built(text: str) -> Graph:
    return build(catalog.read_text("page", text))


def assert_same(model: Model, text: str) -> Graph:
    """That a page has the layers of a model, and the names that are its own; compared here by itself."""
    graph, layers = built(text), built(writing.flat(model)).layers
    assert len(graph.layers) == len(layers) == len(model.entries)
    for entry, one, two in zip(model.entries, graph.layers, layers):
        assert one.layer == two.layer
        assert one.figures == two.figures
        assert one.note == two.note == entry.note
        assert one.owner == two.owner
        assert (one.owner is None) == (not entry.share)
        if one.layer.kind in ("add", "multiply", "max"):
            assert sorted(one.sources) == sorted(two.sources)
        else:
            assert one.sources == two.sources
        assert one.name == entry.name or not entry.own
    return graph


def lines(text: str) -> int:
    return text.count("\n")


def model_of(name: str, own: Own) -> Model:
    """A shipped network as if a door had read it, without what is there only in training."""
    graph = cnnarch.load(name).graph
    entries = [
        Entry(
            node.name,
            node.layer.kind,
            dict(node.layer.given()),
            tuple(graph.nodes[source].name for source in node.sources),
            "" if node.owner is None else graph.nodes[node.owner].name,
            node.note,
            own(node),
        )
        for node in graph.layers
        if not node.train_only
    ]
    return Model(name, {node.name: node.output for node in graph.inputs}, tuple(entries))


def chain(*entries: tuple[Any, ...], own: bool = False) -> Model:
    """Layers in a row: names, kinds and settings; a fourth word is what they take instead."""
    found: list[Entry] = []
    for name, kind, settings, *sources in entries:
        before = tuple(sources) or (found[-1].name if found else "input",)
        found.append(Entry(name, kind, settings, before, own=own))
    return Model("Net", {"input": Shape(16, 16, 3)}, tuple(found))


# The same network


@pytest.mark.parametrize("start", range(0, 200, 50))
def test_random_networks(start: int) -> None:
    for seed in range(start, start + 50):
        model = random_model(seed)
        text = writing.page(model)
        assert_same(model, text)
        assert text != writing.flat(model)


OWN: dict[str, Own] = {
    "all": lambda node: True,
    "none": lambda node: False,
    "with weights": lambda node: node.figures.params > 0,
}


@pytest.mark.parametrize("own", OWN)
@each_network
def test_shipped_networks(name: str, own: str) -> None:
    """They are folded, and short again: blocks that were written out become blocks."""
    model = model_of(name, OWN[own])
    text, plain = writing.page(model), writing.flat(model)
    assert text != plain
    assert_same(model, text)
    assert lines(text) < lines(plain) * (0.7 if len(model.entries) > 30 else 1)
    assert max(map(len, text.splitlines())) <= max(120, *map(len, plain.splitlines()))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("filters: 8", "filters: 9"), ("{stage: 32", "{stage: 16"), ("tanh", "sigmoid"), ("name: one", "name: other"),
        ("[stage/_4, stage/_0]", "[stage/_0, stage/_4]"), ("  - fc: 10\n", ""), ("layers:", "layer:"),
    ],
)  # fmt: skip
def test_a_page_of_another_network_is_not_taken(before: str, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = chain(*NAMED, own=True)
    assert before in NAMED_FOLDED
    monkeypatch.setattr(writing, "folded", lambda *_: NAMED_FOLDED.replace(before, after))
    assert writing.page(model) == writing.flat(model)


def test_what_is_too_long_stays_flat() -> None:
    entries: list[tuple[Any, ...]] = [(f"relu_{number}", "relu", {}) for number in range(3_001)]
    assert writing.page(chain(*entries)) == writing.flat(chain(*entries))
    assert lines(writing.page(chain(*entries[1:]))) == 5


def test_it_takes_no_time() -> None:
    """ResNet-152, whose page has 1,000 lines; and structures in structures, and sums of all before."""
    nested: list[tuple[Any, ...]] = [("a", "relu", {})]
    for number in range(700):
        nested += [(f"r{number}", "relu", {}), (f"s{number}", "add", {}, f"r{number}", "a")]
    dense: list[tuple[Any, ...]] = [("a", "relu", {}), ("b", "relu", {})]
    for number in range(120):
        dense += [(f"c{number}", "add", {}, *(name for name, *_ in dense))]
    for model in (model_of("resnet152", lambda node: True), chain(*nested), chain(*dense)):
        start = time.process_time()
        text = writing.page(model)
        assert time.process_time() - start < 5  # a tenth of a second, where nothing else runs
        assert_same(model, text)


# Pages as they are written


def residual(number: int) -> list[tuple[Any, ...]]:
    return [
        (f"conv_{number}", "conv", {"filters": 8, "kernel": 3, "padding": 1, "bias": False}),
        (f"bn_{number}", "batchnorm", {}),
        (f"add_{number}", "add", {}, f"bn_{number}", f"relu_{number - 1}"),
        (f"relu_{number}", "relu", {}),
    ]


RESIDUALS: list[tuple[Any, ...]] = [
    ("conv_1", "conv", {"filters": 8, "kernel": 3, "padding": 1}),
    ("relu_1", "relu", {}),
    *[one for number in range(2, 6) for one in residual(number)],
    ("pool", "global_avgpool", {}),
    ("fc", "fc", {"units": 10}),
]

RESIDUALS_FOLDED = """\
name: "Net"
input: 16x16x3

layers:
  - conv: {filters: 8, kernel: 3, padding: 1}
  - relu
  - layers:
      - residual:
          - conv: {filters: 8, kernel: 3, padding: 1, bias: false}
          - batchnorm
      - relu
    repeat: 4
  - global_avgpool
  - fc: 10
"""


def test_a_repeat() -> None:
    assert writing.page(chain(*RESIDUALS)) == RESIDUALS_FOLDED


def stage(number: int, width: int) -> list[tuple[Any, ...]]:
    return [
        (f"stage/_{number}/one", "conv", {"filters": width, "kernel": 1}),
        (f"stage/_{number}/two", "conv", {"filters": 2 * width, "kernel": 3, "padding": 1}),
        (f"stage/_{number}/three", "tanh", {}),
    ]


NAMED: list[tuple[Any, ...]] = [
    ("stem", "conv", {"filters": 8, "kernel": 3, "padding": 1}),
    *[one for number, width in enumerate((8, 16, 16, 32, 8)) for one in stage(number, width)],
    ("skip", "concat", {}, "stage/_4/three", "stage/_0/three"),
    ("pool", "global_avgpool", {}),
    ("fc", "fc", {"units": 10}),
]

NAMED_FOLDED = """\
name: "Net"
input: 16x16x3

blocks:
  stage:
    settings: {filters: }
    layers:
      - {conv: {filters: filters, kernel: 1}, name: one}
      - {conv: {filters: 2 * filters, kernel: 3, padding: 1}, name: two}
      - {tanh: , name: three}

layers:
  - {conv: {filters: 8, kernel: 3, padding: 1}, name: stem}
  - {stage: 8, name: stage/_0}
  - {stage: 16, name: stage/_1}
  - {stage: 16, name: stage/_2}
  - {stage: 32, name: stage/_3}
  - {stage: 8, name: stage/_4}
  - {concat: , name: skip, from: [stage/_4, stage/_0]}
  - {global_avgpool: , name: pool}
  - fc: 10
"""


def test_a_block() -> None:
    assert writing.page(chain(*NAMED, own=True)) == NAMED_FOLDED


def test_the_class_of_the_model_names_a_block() -> None:
    model = chain(*NAMED, own=True)._replace(classes={f"stage/_{number}": "double" for number in range(5)})
    assert writing.page(model) == NAMED_FOLDED.replace("  stage:\n", "  double:\n").replace("{stage:", "{double:")


def test_a_kind_names_no_block() -> None:
    for name in ("conv", "residual", "repeat", "name"):
        model = chain(*NAMED, own=True)._replace(classes={f"stage/_{number}": name for number in range(5)})
        assert f"\n  {name}_block:\n" in writing.page(model)


def test_an_addition_with_a_name_of_its_own_is_no_residual() -> None:
    model = chain(*RESIDUALS)
    named = model._replace(entries=tuple(entry._replace(own=entry.kind == "add") for entry in model.entries))
    text = writing.page(named)
    assert "residual" not in text
    assert "  - {add: , name: add_2, from: [bn_2, relu_1]}\n" in text
    assert_same(named, text)


def test_weights_of_a_layer_by_its_name() -> None:
    """Its name is written, though the door made it."""
    conv = {"filters": 3, "kernel": 1}
    model = chain(("conv_7", "conv", conv), ("relu_7", "relu", {}), ("conv_8", "conv", conv))
    shared = model._replace(entries=(*model.entries[:2], model.entries[2]._replace(share="conv_7")))
    text = writing.page(shared)
    assert "name: conv_7}" in text
    assert "share: conv_7}" in text
    assert_same(shared, text)


def test_a_skip_past_a_block_keeps_it_open() -> None:
    """What stands inside is taken outside: no block can have it."""
    model = chain(*NAMED[:-3], ("skip", "concat", {}, "stage/_4/three", "stage/_0/one"), own=True)
    text = writing.page(model)
    assert "stage/_0/one" in text
    assert "{stage: 16, name: stage/_1}" in text
    assert_same(model, text)


def test_a_name_that_a_page_would_give_to_another() -> None:
    """Of two activations the door made the names; the model has a layer called as the page would call one."""
    model = chain(("a", "relu", {}), ("b", "tanh", {}), ("c", "relu", {}), ("relu1", "sigmoid", {}))
    model = model._replace(entries=(*model.entries[:3], model.entries[3]._replace(own=True)))
    text = writing.page(model)
    assert text.endswith("  - {relu: , name: a}\n  - tanh\n  - {relu: , name: c}\n  - {sigmoid: , name: relu1}\n")
    assert_same(model, text)


def test_a_name_that_a_merge_would_have() -> None:
    """Nothing can be written beside what merges in a residual, so that it stands by itself."""
    model = chain(*RESIDUALS[:-2], ("add4", "tanh", {}))
    named = model._replace(entries=(*model.entries[:-1], model.entries[-1]._replace(own=True)))
    text = writing.page(named)
    assert "residual" not in text
    assert "name: add4" in text
    assert text != writing.flat(named)
    assert_same(named, text)


def test_names_that_mean_something_else() -> None:
    """`no` is a truth value to some readers of YAML; `in` and `class` are no names in expressions."""
    widths = enumerate((8, 16, 8, 32, 16))
    entries = [
        one
        for number, width in widths
        for one in (
            (f"part{number}/in", "conv", {"filters": width, "kernel": 1}),
            (f"part{number}/class", "conv", {"filters": 40 - width, "kernel": 3}),
            (f"part{number}/no", "tanh", {}),
        )
    ]
    model = chain(*entries, ("no", "relu", {}), ("off", "sigmoid", {}, "no"), ("on", "add", {}, "off", "no"), own=True)
    text = writing.page(model)
    assert "    settings: {in_: , class_: }\n" in text
    assert text.endswith('  - {relu: , name: "no"}\n  - {sigmoid: , name: "off"}\n'
                         '  - {add: , name: "on", from: ["off", "no"]}\n')  # fmt: skip
    assert_same(model, text)
    assert_same(model, writing.flat(model))


def test_a_long_list_goes_on_in_the_next_line() -> None:
    words = [f"a_name_of_some_length_{number}" for number in range(12)]
    entries: list[tuple[Any, ...]] = [(word, "relu", {}, "input") for word in words]
    model = chain(*entries, ("all", "concat", {}, *words), own=True)
    text = writing.page(model)
    assert max(map(len, text.splitlines())) <= 120
    assert_same(model, text)


# Models of other worlds


LIGHT = {
    # name: the most lines, and what stands in the page
    "bvlc_alexnet": (30, "  - conv: {filters: 96, kernel: 11, stride: 4}\n  - relu\n"),
    "densenet121": (60, "  - {parallel_unit: , repeat: 24}\n"),
    "inception_v1": (60, "  parallel_unit:\n"),
    "inception_v2": (80, "  conv_bn_scale_relu:\n"),
    "resnet50": (45, "  - residual_unit: {filters: 256, stride: 2}\n  - {residual_unit: 256, repeat: 5}\n"),
    "shufflenet": (60, "  - {residual_unit: 272, repeat: 7}\n"),
    "squeezenet": (40, "  - {parallel_unit: 16, repeat: 2}\n"),
    "vgg19": (40, "  - {conv_relu: 256, repeat: 4}\n"),
    "zfnet512": (30, "  - conv: {filters: 96, kernel: 7, stride: 2"),
}


@pytest.mark.onnx
@pytest.mark.parametrize("name", LIGHT)
def test_onnx(name: str) -> None:
    onnx: Any = pytest.importorskip("onnx", reason="the onnx package is not installed; these files are in it")
    folder = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
    model = doors.model(str(folder / f"light_{name}.onnx"))
    text = writing.page(model)
    most, part = LIGHT[name]
    assert lines(text) <= most
    assert part in text
    assert_same(model, text)
    assert [entry.kind for entry in model.entries if entry.own] in (["softmax"], ["conv"])  # others have numbers only


# The class of a block, and how often it is there: counted by hand in the papers' tables.
TORCHVISION = {
    "resnet18": (40, {"basic_block": 8}),
    "resnet50": (50, {"bottleneck": 16}),
    "googlenet": (60, {"inception": 9, "basic_conv2d": 57}),
    "mobilenet_v3_small": (85, {"squeeze_excitation": 9}),
    "densenet121": (370, {"dense_layer": 58, "transition": 3}),
    "vit_b_16": (40, {"encoder_block": 12}),
}


@pytest.mark.pytorch
@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision(name: str) -> None:
    cases: Any = pytest.importorskip("tests.test_against_torchvision")
    models = cases.torchvision_models()
    size = cases.MODELS[name].sizes[0]
    module = cases.build(models, name, size).eval()
    reading: Any = pytest.importorskip("cnnarch.interchange.pytorch.reading")
    model = reading.from_module(module, Shape(*cases.both(size), 3))
    text = writing.page(model)
    graph = assert_same(model, text)
    if name == "resnet18":
        shown = (Path(__file__).parents[1] / "docs" / "doors.md").read_text(encoding="utf-8").split("```yaml\n")[1]
        assert text.partition("blocks:")[2] == shown.partition("```")[0].partition("blocks:")[2]
    paths = {"/".join(f"_{word}" if word.isdigit() else word for word in path.split("."))
             for path, _ in module.named_modules()}  # fmt: skip
    assert {entry.name for entry in model.entries if entry.own} < paths
    most, blocks = TORCHVISION[name]
    times = Counter(graph.groups.values())
    assert lines(text) <= most
    assert {block: times[block] for block in blocks} == blocks
    main = (one.numel() for path, one in module.named_parameters() if not path.startswith("aux"))
    assert sum(node.params for node in graph.layers) == sum(main)  # auxiliary heads do not run
