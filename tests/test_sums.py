"""Totals of many variants, counted part by part, beside each variant built whole."""

from __future__ import annotations

from random import Random
from time import perf_counter
from typing import Any

import pytest

from cnnarch.analysis.memory import memory
from cnnarch.analysis.totals import AtLeast, total
from cnnarch.errors import ReadError, SpecError
from cnnarch.search.sums.sums import Sums
from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from cnnarch.spec.build import build
from cnnarch.spec.model import Spec
from tests.random_specs import page, variant
from tests.shipped import each_network

BATCH = 3


def compare(sums: Sums, settings: dict[str, Any], inputs: dict[str, Shape] | None = None) -> bool | None:
    """Whether a variant was counted; nothing if it cannot be built. What was counted is what is built."""
    try:
        graph = build(sums.spec, settings, inputs)
    except (SpecError, ReadError):
        assert sums.totals(settings, inputs) is None
        return None
    found = sums.totals(settings, inputs, BATCH)
    if found is None:
        return False
    expected = total(graph, BATCH)
    assert found == expected
    assert [*map(type, found)] == [*map(type, expected)]
    figures, room = sums.figures(settings, inputs, BATCH, "float16"), memory(graph, BATCH, "float16")
    assert figures == {**expected._asdict(), "weight_memory": room.weights, "activations": room.activations}
    return True


def other(of: Random, value: Any) -> Any:
    """Another value of the same type, near enough to be possible often."""
    if type(value) is bool:
        return of.random() < 0.5
    if type(value) is int:
        return max(0, value + of.choice([-8, -2, -1, 0, 1, 1, 2, 8, 8, 16, value]))
    if type(value) is float:
        return of.choice([0.5, 1, 1.0, 1.25, 2]) * value
    if type(value) is list:
        changed = [*value]
        at = of.randrange(len(value))
        changed[at] = other(of, value[at])
        return changed
    return value


def changed(of: Random, spec: Spec) -> dict[str, Any]:
    return {name: other(of, value) for name, value in spec.settings.items() if of.random() < 0.4}


def resized(of: Random, spec: Spec) -> dict[str, Shape] | None:
    if of.random() < 0.5:
        return None
    more = of.choice([-32, -16, -1, 1, 7, 32, 64])
    return {name: Shape(*(max(1, one + more) for one in x.spatial), x.channels) for name, x in spec.inputs.items()}


@each_network
def test_shipped_networks_and_variants_of_them(name: str) -> None:
    spec, of = catalog.read(name), Random(name)
    sums = Sums(spec)
    assert compare(sums, {})
    for _ in range(10):
        assert compare(sums, changed(of, spec), resized(of, spec)) is not False


@pytest.mark.parametrize(
    ("name", "axes"),
    [
        (
            "alexnet",
            {"classes": [10, 1000], "conv2.filters": [192, 256], "conv3.kernel": [1, 3], "fc1.units": [64, 4096]},
        ),
        ("resnet50", {"width": [16, 24, 64], "depths": [[3, 4, 6, 3], [1, 1, 1, 1], [2, 9, 1, 3]], "groups": [1, 8]}),
        ("mobilenet_v2", {"width": [0.25, 0.35, 0.5, 1, 1.0, 1.4], "classes": [10, 1000]}),
        ("densenet121", {"growth": [8, 12, 32], "depths": [[6, 12, 24, 16], [6, 2, 1, 5]]}),
        ("unet", {"classes": [2, 7]}),
    ],
)
def test_a_thousand_variants_one_by_one(name: str, axes: dict[str, list[Any]]) -> None:
    """From one `Sums`, so that what is kept of one is used for the next."""
    of, sums = Random(7), Sums(catalog.read(name))
    sides = {"unet": [572, 556, 600]}.get(name, [224, 227, 160, 256])
    for _ in range(200):
        side = of.choice(sides)
        channels = sums.spec.inputs["input"].channels
        settings = {key: of.choice(values) for key, values in axes.items() if of.random() < 0.8}
        assert compare(sums, settings, {"input": Shape(side, side, channels)}) is not False


def test_random_pages() -> None:
    found = []
    for seed in range(100):
        spec, of = catalog.read_text("random", page(seed)), Random(seed)
        sums = Sums(spec)
        for _ in range(4):
            found.append(compare(sums, variant(of, spec.settings)))
    assert found.count(True) > 0.25 * len(found)
    assert found.count(False) < 0.1 * found.count(True)


HEAD = "name: Net\ninput: 32x32x3\nsettings: {n: 2, a: true, b: false}\n"
USES = "  - {relu: , name: used, when: a or b or n > 0}\n"
CONV = "  - conv: {filters: 8, kernel: 3, padding: 1}\n"
CASES: dict[str, tuple[str, list[tuple[dict[str, Any], bool | None]]]] = {
    "a name that is given by turns": (
        f"layers:\n{CONV}    name: one\n    when: a\n{CONV}    name: one\n    when: b\n  - {{relu: , from: one}}\n",
        [({}, True), ({"b": True}, None), ({"a": False}, None), ({"a": False, "b": True}, True)],
    ),
    "a name that is given in every turn": (
        f"layers:\n  - layers:\n    {CONV}        name: one\n    repeat: n\n",
        [({"n": 1}, True), ({"n": 0}, True), ({"n": 2}, None), ({"n": 3}, None)],
    ),
    "a name that is given in every turn, of one output": (
        "layers:\n  - layers:\n      - {batchnorm: , name: one}\n    repeat: n\n",
        [({"n": 1}, True), ({"n": 2}, None), ({"n": 3}, None)],
    ),
    "a name that is the number of another": (
        f"layers:\n{CONV}{CONV}  - {{relu: , name: conv2}}\n",
        [({}, None)],
    ),
    "a name that can be the number of another": (
        f"layers:\n{CONV}    repeat: n\n  - {{relu: , name: conv2}}\n",
        [({}, None), ({"n": 1}, False)],
    ),
    "a name that is no number of another, as there are only two": (
        f"layers:\n{CONV}{CONV}  - {{relu: , name: conv3}}\n  - {{add: , from: [conv2, conv3]}}\n",
        [({}, True), ({"conv3.bias": False}, None), ({"conv1.bias": False}, True)],
    ),
    "a name in a block that is also given outside": (
        "blocks:\n  unit:\n    layers:\n      - conv: {filters: 8, kernel: 3}\n"
        "layers:\n  - unit\n  - {relu: , name: unit/conv, when: a}\n",
        [({}, None), ({"a": False}, False)],
    ),
    "an input's name that is also a layer's": (
        f"layers:\n{CONV}    name: input\n",
        [({}, None)],
    ),
    "1 and true": (
        "layers:\n  - conv: {filters: n * 4, kernel: 1}\n  - {relu: , when: a}\n",
        [({"n": 1}, True), ({"n": True}, None), ({"n": 1.0}, True), ({"a": 1}, None), ({"n": 0.25, "a": True}, True)],
    ),
    "what only training has": (
        f"layers:\n{CONV}  - {{conv: {{filters: 4 * n, kernel: 1}}, name: aside, train_only: true}}\n"
        "  - {batchnorm: , from: aside, train_only: true}\n  - relu\n",
        [({}, True), ({"n": 3}, True), ({"n": 0}, None)],
    ),
    "what runs at inference takes what only training has": (
        f"layers:\n{CONV}    name: aside\n    train_only: true\n  - {{relu: , from: aside}}\n",
        [({}, None)],
    ),
    "a layer that is looked up and left out": (
        f"layers:\n{CONV}    name: one\n    when: a\n  - relu\n  - {{add: , from: [one, relu]}}\n",
        [({}, True), ({"a": False}, None)],
    ),
    "a layer that is looked up by the number of its turn": (
        f"layers:\n{CONV}    repeat: 3\n  - {{add: , from: [conv1, conv2, conv3]}}\n",
        [({}, True), ({"conv2.filters": 4}, None), ({"conv2.kernel": 1, "conv2.padding": 0}, True)],
    ),
    "turns that are not known": (
        f"layers:\n{CONV}    repeat: n\n{CONV}  - {{add: , from: [conv1, conv2]}}\n",
        [({}, False), ({"n": 3}, False)],
    ),
    "a block that is looked up by the number of its turn": (
        "blocks:\n  unit:\n    settings: {w: 6}\n    layers:\n      - {conv: {filters: w, kernel: 1}, name: one}\n"
        "      - {batchnorm: , when: b}\nlayers:\n  - {unit: , repeat: 3}\n  - {concat: , from: [unit1/one, unit3]}\n",
        [({}, True), ({"unit2.w": 4}, True), ({"unit1.w": 5, "b": True}, True), ({"unit4.w": 5}, None)],
    ),
    "a turn of which only the builder knows the number": (
        f"layers:\n{CONV}    repeat: n\n  - conv: {{filters: 5, kernel: 1}}\n  - {{batchnorm: , from: conv2}}\n",
        [({}, False), ({"n": 1}, False)],
    ),
    "a name that may be nearer": (
        f"layers:\n  - {{conv: {{filters: 5, kernel: 1}}}}\n{CONV}  - layers:\n    {CONV}        repeat: n\n"
        "      - {batchnorm: , from: conv1}\n    name: part\n",
        [({}, False), ({"n": 0}, False)],
    ),
    "turns that are skipped are not counted": (
        f"layers:\n  - layers:\n    {CONV}        repeat: 2\n    when: b\n{CONV}  - {{relu: , from: conv1}}\n",
        [({}, False), ({"b": True}, False)],
    ),
    "a layer that is asked for and left out": (
        f"layers:\n{CONV}    name: one\n    when: a\n  - relu\n",
        [({"one.kernel": 5}, True), ({"a": False, "one.kernel": 5}, None), ({"two.kernel": 5}, None)],
    ),
    "a layer in a block": (
        "blocks:\n  unit:\n    settings: {w: n}\n    layers:\n      - conv: {filters: 8, kernel: 3}\n"
        "      - conv: {filters: w, kernel: 1}\nlayers:\n  - unit\n  - relu\n",
        [({"unit.w": 5}, True), ({"unit.v": 5}, None), ({"unit.w": 0}, None), ({"unit/conv1.filters": 5}, False)],
    ),
    "a block that uses another's weights": (
        "blocks:\n  unit:\n    settings: {w: 4}\n    layers:\n      - conv: {filters: w, kernel: 1}\n"
        "      - batchnorm\nlayers:\n  - {conv: {filters: 6, kernel: 1, stride: 2}, name: small}\n"
        "  - {unit: , name: one}\n  - {unit: {w: 2 * n}, from: small, share: one}\n",
        [({}, True), ({"n": 3}, None), ({"small.filters": 5}, True)],
    ),
    "a layer that uses another's weights": (
        "layers:\n  - {conv: {filters: 3, kernel: 1}, name: one}\n"
        "  - {conv: {filters: 3, kernel: 1}, share: one}\n",
        [({}, False)],
    ),
    "a block with a shortcut that uses another's weights": (
        "blocks:\n  unit:\n    layers:\n      - residual:\n          - conv: {filters: 8, kernel: 1}\n"
        "        shortcut:\n          - conv: {filters: 8, kernel: 1}\n"
        "layers:\n  - conv: {filters: 8, kernel: 1}\n  - {unit: , name: one}\n  - {unit: , share: one}\n",
        [({}, False)],
    ),
    "a block at inference and in training": (
        "blocks:\n  unit:\n    layers:\n      - conv: {filters: 8, kernel: 3}\n      - batchnorm\n"
        "layers:\n  - {unit: , train_only: true}\n  - unit\n  - {unit: , train_only: true}\n  - relu\n",
        [({}, True)],
    ),
    "what is looked up differs, and what arrives does not": (
        f"layers:\n  - {{conv: {{filters: 4 * n, kernel: 1}}, name: one}}\n{CONV}  - relu\n  - relu\n  - relu\n"
        "  - {batchnorm: , from: one}\n  - relu\n  - relu\n",
        [({}, True), ({"n": 3}, True), ({"n": 1}, True)],
    ),
    "a setting of the spec that only a block reads": (
        "blocks:\n  unit:\n    layers:\n      - conv: {filters: 4 * n, kernel: 3}\n"
        "layers:\n  - unit\n  - flatten\n  - fc: 3\n  - relu\n  - relu\n",
        [({}, True), ({"n": 3}, True), ({"n": 0}, None)],
    ),
    "blocks of nothing": (
        "blocks:\n  unit:\n    layers:\n      - {relu: , when: b}\nlayers:\n  - relu\n"
        "  - {unit: , repeat: 20000 * n}\n",
        [({"n": 1}, True), ({"n": 2}, None), ({"n": 1, "b": True}, True)],
    ),
    "turns of nothing": (
        "layers:\n  - relu\n  - {layers: [{relu: , when: b}], repeat: 25000 * n}\n",
        [({}, True), ({"n": 3}, None), ({"n": 41}, None)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_counted_and_what_is_not(case: str) -> None:
    """True where a variant is counted, False where it has to be built, nothing where it is invalid."""
    layers, variants = CASES[case]
    spec = catalog.read_text("net.yaml", HEAD + layers + USES)
    sums = Sums(spec)
    for settings, expected in [*variants, *reversed(variants)]:
        assert compare(sums, settings) is expected, settings


def test_inputs() -> None:
    page = "name: Net\ninput: {one: 8x8x3, two: 8x8x3}\nlayers:\n  - relu: \n    from: one\n"
    both = catalog.read_text("net.yaml", page + "  - {add: , from: [relu, two]}\n")
    assert compare(Sums(both), {}, {"one": Shape(9, 9, 3), "two": Shape(9, 9, 3)})
    assert compare(Sums(both), {}, {"one": Shape(9, 9, 3)}) is None  # they cannot be added
    assert compare(Sums(both), {}, {"three": Shape(9, 9, 3)}) is None
    assert compare(Sums(both), {}, {"one": Shape(3, 9, 9)}) is None  # channels first
    assert compare(Sums(catalog.read_text("net.yaml", page)), {}) is None  # one is not used


def test_a_layer_that_is_not_counted_makes_sums_that_are_no_less() -> None:
    page = "name: Net\ninput: 8x8x3\nsettings: {a: true}\nlayers:\n"
    page += "  - conv: {filters: 4, kernel: 3}\n  - {unknown: {operator: Some, size: 5}, when: a}\n"
    sums = Sums(catalog.read_text("net.yaml", page))
    assert compare(sums, {}) and compare(sums, {"a": False})
    assert [type(sums.totals({"a": a}).params) for a in (True, False)] == [AtLeast, int]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "layers",
    [
        "  - {layers: [{layers: [{concat: , from: [relu, relu]}], repeat: 1000000}], repeat: 1000000}\n",
        "  - {layers: [{pad: 1}], repeat: 1000000}\n",
        "  - {layers: [{layers: [{sigmoid: }], repeat: 1000000}], repeat: 1000000}\n",
        "  - {sigmoid: , repeat: 1000001}\n",
    ],
)
def test_too_many_layers_are_left_to_the_builder(layers: str) -> None:
    start = perf_counter()
    assert (
        Sums(catalog.read_text("net.yaml", "name: Net\ninput: 8x8x3\nlayers:\n  - relu\n" + layers)).totals({}) is None
    )
    assert perf_counter() - start < 5


def test_many_layers() -> None:
    """As many as a network may have, of which one is like the other."""
    page = "name: Net\ninput: 8x8x3\nlayers:\n  - {layers: [{conv: {filters: 3, kernel: 1}}], repeat: 1000000}\n"
    found = Sums(catalog.read_text("net.yaml", page)).totals({})
    assert found is not None
    assert (found.layers, found.params) == (1_000_000, 12_000_000)


def test_little_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnarch.search.sums.frame.MOST_RESULTS", 200)
    sums = Sums(catalog.read("resnet50"))
    for width in range(16, 128, 4):
        assert compare(sums, {"width": width})
        assert len(sums.kept.results) + len(sums.kept.shapes) < 1000
