"""Every line of arithmetic that `explain` prints is evaluated and compared with the engine."""

from __future__ import annotations

import math
import re
from math import prod

import pytest

from cnnarch import Network, load
from cnnarch.analysis.explanation import explain, explain_totals
from cnnarch.graph import Node
from cnnarch.layers import KINDS, Layer
from cnnarch.render import explanation, renderer
from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from tests.shipped import each_network


def evaluate(printed: str) -> float:
    """The value of arithmetic as it is printed, `⌊(224 − 11) / 4⌋ + 1`."""
    text = printed.replace(",", "").replace("×", "*").replace("−", "-")
    text = text.replace("⌊", "floor(").replace("⌋", ")").replace("⌈", "ceil(").replace("⌉", ")")
    assert re.fullmatch(r"(floor|ceil|[\d+*/() -])+", text), printed
    return float(eval(text, {"__builtins__": {}, "floor": math.floor, "ceil": math.ceil}))


def distinct(network: Network) -> list[Node]:
    """The layers of a network, of those with the same settings and input the first."""
    return list({(node.layer, network.graph.shapes(node)): node for node in reversed(network.layers)}.values())


def lines(name: str) -> list[tuple[str, str]]:
    """The quantity and the working of every line that is printed for a network, of equal layers once."""
    network = load(name)
    steps = [explain(network.graph, node) for node in distinct(network)]
    printed = renderer("table")(explanation.page(network, steps, everything=True), None, False)
    found = re.findall(r"^(\S[^\n=]*?)   *([^\n]*) = ([\d,]+)$", printed, flags=re.MULTILINE)
    return [(f"{working}", result) for _, working, result in found]


@pytest.mark.parametrize("name", catalog.names()[::8])  # pages take their time; the next test has every network
def test_every_printed_line_is_true(name: str) -> None:
    checked = 0
    for working, result in lines(name):
        numbers = working.rsplit(" = ", 1)[-1]
        if re.search(r"[a-zA-Z]", numbers):  # a formula whose numbers are the result itself
            continue
        assert evaluate(numbers) == float(result.replace(",", "")), working
        checked += 1
    assert checked >= len(load(name).totals._fields)


@each_network
def test_every_step_is_the_engine_s(name: str) -> None:
    network = load(name)
    for node in distinct(network):
        figures, shapes = node.figures, network.graph.shapes(node)
        steps = {step.quantity: step.value for step in explain(network.graph, node).steps}
        expected = {
            "weights": figures.weights, "biases": figures.biases, "buffers": figures.buffers, "MACs": figures.macs,
            "height": figures.output[0], "width": figures.output[-2] if figures.output.rank else 0,
            "length": figures.output[0], "depth": figures.output.channels, "units": figures.output.channels,
            "dense": shapes[0].units * figures.output.units, "regions": figures.output.regions,
            "places": prod(shapes[0].spatial), "memory": prod(shapes[-1].spatial),
            "MACs of one": node.layer.count_macs(*shapes),
            "MACs once": figures.macs - shapes[0].regions * node.layer.count_macs(*shapes),
            "element ops": figures.elements,
            "element ops of one": node.layer.count_elements(*shapes),
            "distances": prod(2 * size - 1 for size in shapes[0].spatial),
        }  # fmt: skip
        if "full" in steps:
            without_groups = {**node.layer.defaults, **node.layer.given(), "groups": 1}
            expected["full"] = type(node.layer).of(without_groups).count_weights(*shapes)
        expected |= {f"axis {axis}": size for axis, size in enumerate(figures.output.spatial, 1)}
        assert {key: expected[key] for key in steps} == steps, node.name
        if node.figures.params:
            assert {"weights", "biases"} <= set(steps)
        if node.figures.macs:
            assert "MACs" in steps
        if node.figures.elements:
            assert "element ops" in steps


@each_network
def test_totals_add_up_to_what_summary_says(name: str) -> None:
    network = load(name)
    totals = network.totals
    steps = {step.quantity: step for step in explain_totals(network.graph)}
    for quantity, value in (
        ("weights", totals.weights),
        ("biases", totals.biases),
        ("MACs", totals.macs),
        ("element ops", totals.elements),
    ):
        assert sum(map(int, steps[quantity].arithmetic.split(" + "))) == steps[quantity].value == value


# Settings that no shipped network has, each with an input.
ODD: list[tuple[str, dict[str, object], Shape]] = [
    ("conv", {"filters": 8, "kernel": 3, "stride": 2, "padding": "same"}, Shape(13, 10, 4)),
    ("conv", {"filters": 8, "kernel": [3, 2], "dilation": [2, 1], "padding": [[1, 2], [0, 1]]}, Shape(13, 10, 4)),
    ("conv", {"filters": 8, "kernel": 4, "stride": 3, "groups": 4}, Shape(13, 10, 4)),
    ("conv", {"filters": 8, "kernel": 3, "groups": 2, "bias": False}, Shape(20, 4)),
    ("conv", {"filters": 2, "kernel": 3}, Shape(5, 6, 7, 4)),
    ("conv_transpose", {"filters": 6, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1}, Shape(5, 7, 4)),
    ("conv_transpose", {"filters": 6, "kernel": 4, "stride": 2, "padding": "same"}, Shape(5, 7, 4)),
    ("conv_transpose", {"filters": 6, "kernel": 3, "dilation": 2, "groups": 2}, Shape(5, 4)),
    ("locally_connected", {"filters": 3, "kernel": 3, "stride": 2, "padding": 1}, Shape(8, 9, 2)),
    ("maxpool", {"kernel": 3, "stride": 2, "ceil": True}, Shape(8, 9, 2)),
    ("maxpool", {"kernel": 2, "stride": 3, "padding": 1, "ceil": True}, Shape(5, 6, 2)),
    ("avgpool", {"kernel": 3, "stride": 2, "padding": "same"}, Shape(8, 9, 2)),
    ("adaptive_avgpool", {"size": [3, 2]}, Shape(8, 9, 2)),
    ("fc", {"units": 5}, Shape(7, 3)),
    ("fc", {"units": 5, "bias": False}, Shape(3)),
    ("lstm", {"units": 5, "bidirectional": True, "biases": 1, "returns": "last"}, Shape(7, 3)),
    ("gru", {"units": 5, "biases": 0}, Shape(7, 3)),
    ("batchnorm", {"scale": False}, Shape(7, 3)),
    ("adaptive_maxpool", {"size": [3, 2]}, Shape(8, 9, 2)),
    ("global_maxpool", {}, Shape(2, 9, 5)),
    ("columns", {}, Shape(2, 9, 5)),
    ("tokens", {}, Shape(2, 9, 5)),
    ("image", {"height": 6}, Shape(18, 5)),
    ("image", {"height": 6, "width": 3}, Shape(18, 5)),
    ("transpose", {}, Shape(18, 5)),
    ("reshape", {"size": [3, 2, 5, 3]}, Shape(18, 5)),
    ("channel_shuffle", {"groups": 3}, Shape(5, 7, 6)),
    ("slice", {"start": 2}, Shape(2, 9, 5)),
    ("slice", {"channels": 2}, Shape(9, 5)),
    ("pixel_shuffle", {"factor": 3}, Shape(2, 9, 18)),
    ("pixel_unshuffle", {"factor": 3}, Shape(6, 9, 2)),
    ("upsample", {"factor": [2, 3]}, Shape(2, 9, 5)),
    ("upsample", {"size": 7}, Shape(2, 3, 4, 5)),
    ("crop", {"size": 2}, Shape(4, 5, 6, 7)),
    ("pad", {"padding": [[0, 1], 2]}, Shape(2, 9, 5)),
    ("flatten", {}, Shape(2, 9, 5)),
    ("global_avgpool", {}, Shape(2, 9, 5)),
]


@pytest.mark.parametrize(("kind", "settings", "x"), ODD)
def test_odd_settings(kind: str, settings: dict[str, object], x: Shape) -> None:
    layer: Layer = KINDS[kind](**settings)
    figures = layer.figures((x,))
    steps = layer.explain(x)
    assert steps
    values = {step.quantity: step.value for step in steps}
    assert values.get("weights", 0) == figures.weights
    assert values.get("biases", 0) == figures.biases
    assert values.get("MACs", 0) == figures.macs
    sizes = [
        step.value for step in steps if step.quantity in ("height", "width", "length", "axis 1", "axis 2", "axis 3")
    ]
    assert kind == "batchnorm" or tuple(sizes) == figures.output.spatial
    for step in steps:
        assert evaluate(step.arithmetic) == step.value


def test_a_remainder_is_explained() -> None:
    network = load("alexnet", inputs=Shape(224, 224, 3))
    step = network.explain("conv1").steps[1]
    assert (step.quantity, step.value) == ("width", 54)
    assert step.arithmetic == "floor((224 - 11) / 4) + 1"
    assert step.remark == "213 / 4 is not whole, the remainder is 1: the last of the 224 input pixels is never read"


def test_the_rounded_sum_of_the_article_is_told() -> None:
    network = load("alexnet")
    page = renderer("table")(explanation.page(network, [], everything=True), None, False)
    assert "28,813,344" in page
    assert "27.55M" in page
