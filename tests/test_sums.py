"""Totals of many variants, counted part by part, beside each variant built whole."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from cnnarch.analysis.memory import memory
from cnnarch.analysis.totals import total
from cnnarch.errors import ReadError, SpecError
from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from cnnarch.spec.build import build
from cnnarch.spec.model import Spec
from cnnarch.sweep.sums import Sums
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
    for seed in range(150):
        spec, of = catalog.read_text("random", page(seed)), Random(seed)
        sums = Sums(spec)
        for _ in range(5):
            found.append(compare(sums, variant(of, spec.settings)))
    assert found.count(True) > 0.25 * len(found)
    assert found.count(False) < 0.1 * found.count(True)
