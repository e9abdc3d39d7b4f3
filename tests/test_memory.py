"""Memory: by hand, in figures from elsewhere, and beside a simulation that shares no code with what it checks."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnarch import Network, load
from cnnarch.analysis import order as search
from cnnarch.analysis.figures import FIGURES
from cnnarch.analysis.liveness import plan
from cnnarch.analysis.liveness import run as run_all
from cnnarch.analysis.memory import memory
from cnnarch.analysis.order import best_order
from cnnarch.analysis.training import training
from cnnarch.layers import KINDS
from tests.command import out, run
from tests.memory_machine import IN_PLACE, SIZED, VIEWS, orders, random_graph, simulate
from tests.shipped import each_network

# By hand


def test_lenet5() -> None:
    """28·28·6 = 4704 is what c1 makes; s2 takes it and makes 14·14·6 = 1176; both are 5880 numbers of 4 bytes."""
    found = load("lenet5").memory
    assert found.weights == 4 * 61706
    # The input, then c1, s2, c3, s4, c5, f6, the output, and a tanh after four of them.
    made = [32 * 32, 28 * 28 * 6, 14 * 14 * 6, 10 * 10 * 16, 5 * 5 * 16, 120, 84, 10]
    again = [28 * 28 * 6, 10 * 10 * 16, 120, 84]
    assert found.activations == 4 * (sum(made) + sum(again))
    assert found.peak == 4 * (4704 + 1176)
    assert [(one.name, one.size) for one in found.alive] == [("tanh1", 4 * 4704), ("s2", 4 * 1176)]
    alive = {turn.name: turn.alive // 4 for turn in found.turns}
    assert alive == {
        "c1": 1024 + 4704, "tanh1": 4704, "s2": 4704 + 1176, "c3": 1176 + 1600, "tanh2": 1600, "s4": 1600 + 400,
        "c5": 400 + 120, "tanh3": 120, "flatten": 120, "f6": 120 + 84, "tanh4": 84, "output": 84 + 10,
    }  # fmt: skip
    assert [turn.over for turn in found.turns if turn.over] == ["c1", "c3", "c5", "tanh3", "f6"]


def test_lenet5_in_training() -> None:
    """Kept: what each tanh gives, what c1 is given, and what the pools give, which c3 and c5 are given.

    What a pool is given, the tanh before it has given.
    """
    found = training(load("lenet5").graph)
    tanh = 4 * (4704 + 1600 + 120 + 84)
    convs = 4 * (1024 + 1176 + 400)
    assert {one.kind: one.size for one in found.kept} == {"tanh": tanh, "conv": convs, "avgpool": 0, "fc": 0}
    assert found.total("sgd") == 2 * 4 * 61706 + tanh + convs
    assert found.total("momentum") - found.total("sgd") == 4 * 61706
    assert found.total("adam") - found.total("sgd") == 2 * 4 * 61706


def test_alexnet() -> None:
    """The input and what conv1 makes of it: 227·227·3 + 55·55·96."""
    assert load("alexnet").memory.peak == 4 * (227 * 227 * 3 + 55 * 55 * 96)
    alone = load("alexnet").measure_memory(in_place=False)
    assert alone.peak == 4 * (2 * 55 * 55 * 96)  # conv1 and relu1
    assert load("alexnet", batch=8, dtype="float16").memory.peak == 8 * 2 * (227 * 227 * 3 + 55 * 55 * 96)


def test_alexnet_in_training() -> None:
    """What is kept of each layer, in the order in which they run; dropout makes a tensor in training."""
    found = training(load("alexnet").graph)
    conv = 227 * 227 * 3 + 27 * 27 * 96 + 11 * 11 * 256  # inputs; those of conv4 and conv5 a relu keeps
    relu = 55 * 55 * 96 + 23 * 23 * 256 + 9 * 9 * 384 + 7 * 7 * 384 + 5 * 5 * 256 + 2 * 4096  # outputs
    places = 27 * 27 * 96 + 11 * 11 * 256 + 2 * 2 * 256  # of the largest in each window, 8 bytes
    fc = 1024 + 2 * 4096  # inputs: the flattened last pool, and what dropout leaves
    assert {one.kind: (one.tensors, one.beside) for one in found.kept} == {
        "conv": (4 * conv, 0), "relu": (4 * relu, 0), "maxpool": (0, 8 * places), "fc": (4 * fc, 0),
        "dropout": (0, 2 * 4096), "softmax": (4 * 1000, 0),
    }  # fmt: skip


def test_resnet18() -> None:
    """In a block with a shortcut that is its input: that, and two tensors of 56·56·64.

    The stem needs more: 112·112·64, and the 56·56·64 that maxpool makes of it.
    """
    found = load("resnet18").memory
    assert found.peak == 4 * (112 * 112 * 64 + 56 * 56 * 64)
    second = [turn for turn in found.turns if turn.name.startswith("basic_stage1/basic2/") and turn.kind == "conv"]
    assert [turn.alive for turn in second] == [4 * 2 * 56 * 56 * 64, 4 * 3 * 56 * 56 * 64]


# Figures from elsewhere


def spec(tmp_path: Any, text: str, **more: Any) -> Network:
    path = tmp_path / "net.yaml"
    path.write_text(text, encoding="utf-8")
    return load(str(path), **more)


def test_beside_tflite_tools(tmp_path: Any) -> None:
    """The schedule in the README of tflite-tools (github.com/eliberis/tflite-tools), a tool for microcontrollers.

    It has no line for an activation in a convolution, and none for a reshape.
    """
    network = spec(
        tmp_path,
        """
        name: its example
        input: 32x32x3
        layers:
          - conv: {filters: 16, kernel: 3}
          - relu
          - conv: {filters: 16, kernel: 3}
          - relu
          - maxpool: 2
          - flatten
          - fc: 128
          - relu
          - fc: 10
          - softmax
        """,
        dtype="int8",
    )
    found = network.memory
    alive = [turn.alive for turn in found.turns if turn.kind not in ("relu", "flatten")]
    assert alive == [17472, 26944, 15680, 3264, 138, 20]
    assert found.peak == 26944


def test_beside_mcunet_v2() -> None:
    """1372 kB at the first expansion of MobileNetV2 in int8 (Lin et al. 2021, MCUNetV2, arXiv:2110.15352, figure 1).

    The depthwise convolution after it writes over its input there, channel by channel, which no layer but an
    element-wise one does here: it is our peak.
    """
    found = load("mobilenet_v2", dtype="int8").memory
    assert next(turn.alive for turn in found.turns if turn.output == (112, 112, 96)) == 1372 * 1024
    assert found.peak == 112 * 112 * 96 + 56 * 56 * 96


def test_weights_do_not_depend_on_the_batch_nor_on_what_is_only_in_training() -> None:
    inception = load("inception_v3", batch=3)
    totals = inception.totals
    assert inception.memory.weights == 4 * (totals.params + totals.buffers)
    assert inception.memory.training.weights == 4 * totals.training_params


# Rules, one by one

RULES: list[tuple[str, str, str, int]] = [  # the layers, of an input 4x4x8; what it shows; whose turn, what is alive
    ("relu", "the network's input is not written over", "relu", 2 * 128),
    ("conv: {filters: 8, kernel: 1}, relu", "what a convolution makes is", "relu", 128),
    ("conv: {filters: 8, kernel: 1}, softmax", "softmax needs all values of a place", "softmax", 2 * 128),
    ("conv: {filters: 8, kernel: 1}, dropout, relu", "through a view", "relu", 128),
    ("conv: {filters: 8, kernel: 1}, slice: 4, relu", "not a part of a tensor", "relu", 128 + 64),
    ("conv: {filters: 8, kernel: 1}, slice: 4, global_avgpool", "a part keeps the whole", "global_avgpool", 128 + 4),
    ("conv: {filters: 8, kernel: 1}, global_avgpool, relu", "and afterwards it is gone", "relu", 8),
    ("tokens, attention: 2", "queries, keys, values: 3·16·8; scores: 2·16·16", "attention", 2 * 128 + 384 + 512),
    ("reshape: [16, 8], lstm: 5", "16·5 states; four gates, a state and a memory", "lstm", 128 + 80 + 6 * 5),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "why", "name", "alive"), RULES, ids=lambda value: str(value)[:60])
def test_rules(layers: str, why: str, name: str, alive: int, tmp_path: Any) -> None:
    lines = "\n".join(f"  - {one}" for one in _parted(layers))
    network = spec(tmp_path, f"name: rule\ninput: 4x4x8\nlayers:\n{lines}\n", dtype="int8")
    assert {turn.name: turn.alive for turn in network.memory.turns}[name] == alive, why


def _parted(text: str) -> Iterator[str]:
    """Parted at commas outside of brackets."""
    depth, start = 0, 0
    for place, letter in enumerate(f"{text},"):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(letter, 0)
        if letter == "," and not depth:
            yield text[start:place].strip()
            start = place + 1


def test_a_second_input_that_gives_its_size_is_not_kept(tmp_path: Any) -> None:
    network = spec(
        tmp_path,
        """
        name: sized
        input: 8x8x2
        layers:
          - conv: {filters: 4, kernel: 1}
            name: large
          - maxpool: 2
          - conv: {filters: 1, kernel: 1}
          - upsample:
            from: [conv, large]
        """,
        dtype="int8",
    )
    alive = {turn.name: turn.alive for turn in network.memory.turns}
    assert alive == {"large": 128 + 256, "maxpool": 256 + 64, "conv": 64 + 16, "upsample": 16 + 64}


def test_a_gate_that_is_a_part_is_read_before_it_is_written_over(tmp_path: Any) -> None:
    """The gate lies in the features: they are not written over."""
    network = spec(
        tmp_path,
        """
        name: gated by itself
        input: 4x4x3
        layers:
          - conv: {filters: 2, kernel: 1}
          - flatten
          - slice: 2
          - multiply:
            from: [conv, slice]
        """,
        dtype="int8",
    )
    assert network.memory.turns[-1].alive == 2 * 32


def test_what_only_trains_is_not_at_inference() -> None:
    assert not any("aux" in turn.name for turn in load("googlenet").memory.turns)


# Random graphs


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 14), st.booleans())
def test_beside_the_simulation(seed: int, count: int, in_place: bool) -> None:
    graph = random_graph(Random(seed), count)
    found = memory(graph, in_place=in_place, dtype="int8")
    order = range(len(graph.inputs), len(graph.nodes))
    expected = simulate(graph, order, in_place)
    assert [turn.alive for turn in found.turns] == expected.alive
    assert [bool(turn.over) and not turn.view for turn in found.turns] == expected.overs
    assert found.peak == max(expected.alive)
    working = found.turns[found.at].working
    assert sum(one.size for one in found.alive) + working == found.peak


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 7), st.booleans())
def test_best_order_beside_all_orders(seed: int, count: int, in_place: bool) -> None:
    graph = random_graph(Random(seed), count)
    least = min(max(simulate(graph, order, in_place).alive) for order in orders(graph))
    found = memory(graph, in_place=in_place, dtype="int8", order="best")
    assert found.peak == least
    assert found.exact
    order = [next(n for n, node in enumerate(graph.nodes) if node.name == turn.name) for turn in found.turns]
    assert max(simulate(graph, order, in_place).alive) == least


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 30))
def test_what_never_raises_the_peak(seed: int, count: int) -> None:
    graph = random_graph(Random(seed), count)
    alone = memory(graph, in_place=False)
    found = memory(graph)
    best = memory(graph, order="best")
    assert best.peak <= found.peak <= alone.peak
    assert best.least is not None
    assert best.least <= best.peak
    claimed = best_order(plan(graph))
    assert claimed.exact == (claimed.least == max(simulate(graph, claimed.order, in_place=True).alive))
    assert best.given == found.peak
    assert memory(graph, batch=5, dtype="float16").peak * 4 == found.peak * 5 * 2
    assert found.activations == alone.activations == best.activations


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 14))
def test_a_guess_is_an_order_and_no_worse(seed: int, count: int) -> None:
    """Where there are too many sets to look at them all, as if there were."""
    graph = random_graph(Random(seed), count)
    planned = plan(graph)
    exact = best_order(planned)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "MOST_SETS", 1)
        patch.setattr(search, "KEPT_SETS", 2)
        guess = best_order(planned)
    simulate(graph, guess.order, in_place=True)
    peak, least, given_peak = (max([turn.alive for turn in run_all(planned, one)], default=0)
                               for one in (guess.order, exact.order, planned.order))  # fmt: skip
    assert guess.least <= least <= peak <= given_peak
    assert guess.exact == (guess.least == peak)


def test_some_guesses_are_not_exact() -> None:
    """So that the test above can fail."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "MOST_SETS", 1)
        found = best_order(plan(load("fasterrcnn_resnet50_fpn").graph))
    assert not found.exact


BETTER = {  # networks where another order has a lower peak; numbers of values, before and after
    "fasterrcnn_resnet50_fpn": (26943410, 26294000),
    "shufflenet_v2_x2_0": (573888, 497056),
}


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "inception_v3", "densenet121", *BETTER])
def test_best_order_of_shipped_networks(name: str) -> None:
    found = load(name, dtype="int8").measure_memory(order="best")
    assert found.exact
    assert found.given is not None
    if name in BETTER:
        assert (found.given, found.peak) == BETTER[name]
    else:
        assert found.given == found.peak


# Shipped networks


def test_the_simulation_knows_every_kind() -> None:
    """What is in place and what is a view stands in two places, here and with the layers."""
    assert set(IN_PLACE) == {name for name, kind in KINDS.items() if kind.in_place}
    assert set(VIEWS) == {name for name, kind in KINDS.items() if kind.view}
    assert set(SIZED) == {name for name, kind in KINDS.items() if kind.sized_by_second}


@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize(
    "name",
    ["alexnet", "lenet5_1998", "resnet18", "densenet121", "squeezenet1_1", "unet", "mobilenet_v3_small", "xception",
     "shufflenet_v2_x1_0", "swin_t", "vit_b_16", "crnn", "crop_reader", "trocr_small", "yolov8n",
     "maskrcnn_resnet50_fpn"],
)  # fmt: skip
def test_shipped_networks_beside_the_simulation(name: str, in_place: bool) -> None:
    network = load(name, dtype="int8")
    assert not any(node.train_only for node in network.layers)
    inputs = len(network.inputs)
    expected = simulate(network.graph, range(inputs, inputs + len(network.layers)), in_place)
    assert [turn.alive for turn in network.measure_memory(in_place).turns] == expected.alive


@each_network
def test_sums_of_shipped_networks(name: str) -> None:
    found = load(name, batch=2, dtype="float16").memory
    inputs = 4 * sum(shape.size for shape in load(name).inputs.values())
    assert found.activations == inputs + sum(turn.size for turn in found.turns)
    assert found.peak == max(turn.alive for turn in found.turns)
    assert found.peak == sum(one.size for one in found.alive) + found.turns[found.at].working
    assert all(turn.after <= turn.alive for turn in found.turns)
    outputs = load(name).outputs.values()
    assert found.turns[-1].after >= 4 * max(shape.size for shape in outputs)


# The command


def test_json_and_get() -> None:
    record = json.loads(out("memory", "resnet50", "--format", "json", "--optimizer", "momentum", "--batch", "4"))
    assert record["training"] == sum(record["training_parts"].values())
    assert record["training_parts"]["activations"] == sum(
        one["tensors"] + one["beside"] for one in record["kept"].values()
    )
    assert record["peak"] == max(layer["alive"] for layer in record["layers"])
    assert record["peak"] == sum(one["bytes"] for one in record["alive"])
    assert record["weights_and_peak"] == record["weights"] + record["peak"]
    assert record["exact"] is None
    got = out("memory", "resnet50", "--batch", "4", "--optimizer", "momentum", "--get", "training")
    assert got == f"{record['training']}\n"
    assert out("memory", "lenet5", "--get", "layers.c3.over") == "\n"
    assert out("memory", "lenet5", "--get", "layers.tanh1.over") == "c1\n"


def test_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(out("memory", "lenet5", "--format", "csv"))))
    turns = load("lenet5").memory.turns
    assert [(row["name"], int(row["bytes"]), int(row["alive"])) for row in rows] == [
        (turn.name, turn.size, turn.alive) for turn in turns
    ]
    columns = out("memory", "lenet5", "--format", "csv", "--columns", "name,after").splitlines()
    assert columns[:2] == ["name,after", f"c1,{turns[0].after}"]


def test_tables() -> None:
    page = out("memory", "alexnet")
    assert "relu1" not in page
    assert "in place of conv1" in out("memory", "alexnet", "--all")
    assert "in place of" not in out("memory", "alexnet", "--all", "--no-in-place")
    best = out("memory", "shufflenet_v2_x2_0", "--order", "best", "--dtype", "int8")
    assert (
        "another order (`--all` shows it) has a peak of 485.41 KiB, the spec's 560.44 KiB; no order has a lower peak"
        in best
    )
    assert "room of its own" in out("memory", "vit_b_16", "--format", "markdown")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--get", "top"], 2, "there is no `top` in `--get top`"),
        (["--columns", "name,aliv"], 2, "hint: did you mean `alive`?"),
        (["--dtype", "float64"], 2, "is not one of"),
        (["--order", "worst"], 2, "is not one of"),
        (["--set", "depth=1"], 2, "depth"),
    ],
    ids=str,
)
def test_mistakes(arguments: list[str], code: int, words: str) -> None:
    done = run("memory", "lenet5", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr


def test_all_are_figures() -> None:
    from cnnarch.analysis.figures import FIGURES

    network = load("lenet5")
    values = {key: FIGURES[key].of(network) for key in ("weight_memory", "activations", "peak", "training_memory")}
    assert values == {
        "weight_memory": 246824, "activations": 62504, "peak": 23520,
        "training_memory": network.memory.training.total("adam"),
    }  # fmt: skip


def test_training_is_not_answered_for_int8() -> None:
    """Nowhere: not in the page, in JSON, as one value, as a figure or in a budget."""
    assert FIGURES["training_memory"].of(load("lenet5", dtype="int8")) is None
    record = json.loads(out("memory", "lenet5", "--dtype", "int8", "--format", "json"))
    assert (record["training"], record["training_parts"], record["kept"]) == (None, None, None)
    assert "training" not in out("memory", "lenet5", "--dtype", "int8").partition("Alive")[0]
    for command, path in (("memory", "training"), ("summary", "totals.training_memory")):
        done = run(command, "lenet5", "--get", path, "--dtype", "int8")
        assert (done.returncode, done.stdout) == (2, "")
        assert "is not known here" in done.stderr
    done = run("check", "lenet5", "--dtype", "int8", "--max-training-memory", "1GiB")
    assert done.returncode == 1
    assert "networks are not trained in int8" in done.stdout
