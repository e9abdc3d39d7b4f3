"""Networks for hardware people: SCALE-Sim's topologies, Timeloop's problems, sizes of matrix products.

That SCALE-Sim itself reads the topologies, and finds the same sizes and MACs, is checked against its package 3.0.0,
`-m scalesim`; its simulator was run by hand, on strided, depthwise, dilated and fully connected layers, and made of
the depthwise row one for each channel. Timeloop is in no package registry; its format is checked by what it says of
it: the shapes in `problem-shapes/` of NVlabs/timeloop, and the problems of version 0.4 in timeloop-accelergy-exercises.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib import import_module
from io import StringIO
from math import ceil, prod
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import cnnarch
from cnnarch.errors import Cause, ReadError
from cnnarch.graph import Graph, Node
from cnnarch.interchange.hardware import gemm, products, scalesim, timeloop
from cnnarch.layers import KINDS, Figures, Input, Layer
from cnnarch.network import Network
from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from tests.shipped import each_network

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
properties = settings(max_examples=200, deadline=None, derandomize=True, database=None)


@cache
def loaded(name: str) -> Network:
    return cnnarch.load(name)


def graph_of(kind: str, *inputs: Shape, name: str = "layer", **values: Any) -> Graph:
    """A network of one layer."""
    layer = KINDS[kind](**values)
    sources = [Node(f"input{number}", Input(x), (), Figures(x)) for number, x in enumerate(inputs)]
    return Graph((*sources, Node(name, layer, tuple(range(len(inputs))), layer.figures(inputs))), {})


def alone(graph: Graph, node: Node) -> Graph:
    """A network with one of the layers, on what it is given there."""
    inputs = graph.shapes(node)
    sources = [Node(f"input{number}", Input(x), (), Figures(x)) for number, x in enumerate(inputs)]
    return Graph((*sources, Node(node.name, node.layer, tuple(range(len(inputs))), node.figures)), {})


def different(graph: Graph) -> list[Node]:
    """The layers that multiply, of equal ones on equal inputs the last."""
    return list({(node.layer, graph.shapes(node)): node for node in products.multiplying(graph)}.values())


def gemm_rows(graph: Graph, batch: int = 1) -> list[list[int]]:
    """M, N, K and count of every row."""
    text = gemm.write(loaded("lenet5").spec, graph, "net", batch)
    header, *rows = csv.reader(StringIO(text))
    assert header == ["layer", "product", "M", "N", "K", "count"]
    return [list(map(int, row[2:])) for row in rows]


class Sized(NamedTuple):
    """What SCALE-Sim makes of a row, as its `topo_calc_hyperparams` does."""

    name: str
    height: int
    width: int
    filters: int
    macs: int


def topology(graph: Graph) -> list[Sized]:
    """The rows of a topology, read as SCALE-Sim reads them: fields between commas, and one comma more at the end."""
    found = []
    header, *lines = scalesim.write(loaded("lenet5").spec, graph, "net").splitlines()
    assert header == (
        "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"
    )
    for line in lines:
        *fields, last = line.split(",")
        name, *numbers = fields
        assert last == "" and len(numbers) == 7, line
        height, width, filter_height, filter_width, channels, filters, stride = map(int, numbers)
        assert filter_height <= height and filter_width <= width
        places = (ceil((height - filter_height + stride) / stride), ceil((width - filter_width + stride) / stride))
        times, channels = (channels, 1) if "DP" in name else (1, channels)
        macs = prod(places) * filter_height * filter_width * channels * filters
        found += [Sized(name, *places, filters, macs)] * times
    return found


def documents(graph: Graph, batch: int = 1) -> list[dict[str, Any]]:
    """Timeloop's problems, as YAML reads them."""
    text = timeloop.write(loaded("lenet5").spec, graph, "net", batch)
    return [one["problem"] for one in yaml.load_all(text, LOADER)]


def macs_of(problem: dict[str, Any]) -> int:
    sizes: dict[str, int] = problem["instance"]
    names: list[str] = problem["shape"]["dimensions"]
    return prod(sizes[name] for name in names)


def extents(problem: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """How large each tensor is along each of its indices: a sum of products is the last it reaches, and 1."""
    sizes: dict[str, int] = problem["instance"]

    def extent(terms: list[list[str]]) -> int:
        return 1 + sum((sizes[first] - 1) * prod(sizes[one] for one in more) for first, *more in terms)

    return {one["name"]: tuple(map(extent, one["projection"])) for one in problem["shape"]["data_spaces"]}


# All shipped networks


@each_network
def test_products_are_all_macs_of_every_layer(name: str) -> None:
    graph = loaded(name).graph
    by_layer = products.products(graph)
    assert [sum(one.macs for one in found) for _, found in by_layer] == [node.macs for node, _ in by_layer]
    for batch in (1, 3):
        assert sum(map(prod, gemm_rows(graph, batch))) == loaded(name).at(batch=batch).totals.macs


@each_network
def test_scalesim_finds_the_sizes_and_macs_of_every_layer(name: str) -> None:
    graph = loaded(name).graph
    for node in different(graph):
        found = topology(alone(graph, node))
        assert sum(one.macs for one in found) == node.macs, node.name
        if node.layer.kind == "conv" and not scalesim.notes(alone(graph, node)):
            sizes = (*node.output.spatial, 1)[:2]
            assert {(one.height, one.width) for one in found} == {sizes}, node.name
            assert sum(one.filters for one in found) == node.output.channels, node.name


@each_network
def test_problems_of_timeloop_have_the_sizes_and_macs_of_every_layer(name: str) -> None:
    graph = loaded(name).graph
    for node in different(graph):
        found = documents(alone(graph, node), batch=2)
        assert sum(map(macs_of, found)) == 2 * node.macs, node.name
        for problem in found:
            named = {
                *problem["shape"]["dimensions"],
                *(one["name"] for one in problem["shape"].get("coefficients", [])),
            }
            assert set(problem["instance"]) == named
        if node.layer.kind in ("conv", "fc"):
            tensors = extents(found[0])
            assert prod(tensors["Weights"]) == node.figures.weights
            assert prod(tensors["Outputs"]) == 2 * node.output.size


@pytest.mark.scalesim
def test_scalesim_itself_finds_the_same(tmp_path: Path) -> None:
    """All shipped networks, in one go: its modules take longer to import than all of them to read."""
    pytest.importorskip("scalesim")
    reader: Any = import_module("scalesim.topology_utils")
    for name in catalog.names():
        graph = loaded(name).graph
        file = tmp_path / f"{name}.csv"
        file.write_text(scalesim.write(loaded(name).spec, graph, name), encoding="ascii")
        read = reader.topologies()
        read.load_arrays(str(file))
        read.topo_calc_hyperparams()
        ours = topology(graph)
        assert read.get_num_layers() == len(ours)
        assert [read.get_layer_ofmap_dims(number) for number in range(len(ours))] == [
            [one.height, one.width] for one in ours
        ]
        assert [read.get_layer_mac_ops(number) for number in range(len(ours))] == [one.macs for one in ours]
        assert read.get_all_mac_ops() == loaded(name).totals.macs


# Single layers, with their numbers written out


class Case(NamedTuple):
    """A layer, the products that it comes to, and its rows of a topology."""

    about: str
    kind: str
    inputs: tuple[Shape, ...]
    values: dict[str, Any]
    products: list[list[int]]  # M, N, K, count
    rows: list[str]
    said: str = ""  # of a note


CASES = [
    Case(
        "padding is added to the input, and what no window reads is not",  # 224 + 2 + 2 = 228 = 54·4 + 11 + 1
        "conv", (Shape(224, 224, 3),), {"filters": 64, "kernel": 11, "stride": 4, "padding": 2},
        [[3025, 64, 363, 1]], ["layer, 227, 227, 11, 11, 3, 64, 4,"],
    ),
    Case(
        "unlike paddings",  # 112 = ⌈224/2⌉, and 225 = 111·2 + 3
        "conv", (Shape(224, 224, 3),), {"filters": 32, "kernel": 3, "stride": 2, "padding": "same"},
        [[12544, 32, 27, 1]], ["layer, 225, 225, 3, 3, 3, 32, 2,"],
    ),
    Case(
        "a stride wider than the window",  # 55 = 27·2 + 1
        "conv", (Shape(56, 56, 64),), {"filters": 128, "kernel": 1, "stride": 2},
        [[784, 128, 64, 1]], ["layer, 55, 55, 1, 1, 64, 128, 2,"],
    ),
    Case(
        "a window that is not square",
        "conv", (Shape(17, 17, 8),), {"filters": 4, "kernel": [1, 7], "padding": [0, 3]},
        [[289, 4, 56, 1]], ["layer, 17, 23, 1, 7, 8, 4, 1,"],
    ),
    Case(
        "groups are rows of their own",
        "conv", (Shape(27, 27, 96),), {"filters": 256, "kernel": 5, "padding": 2, "groups": 2},
        [[729, 128, 1200, 2]], ["layer_1, 31, 31, 5, 5, 48, 128, 1,", "layer_2, 31, 31, 5, 5, 48, 128, 1,"],
    ),
    Case(
        "a depthwise row is repeated by the tool, for DP in its name",
        "conv", (Shape(14, 14, 512),), {"filters": 512, "kernel": 3, "padding": 1, "groups": "depthwise"},
        [[196, 1, 9, 512]], ["layer_DP, 16, 16, 3, 3, 512, 1, 1,"],
    ),
    Case(
        "two filters for each channel",
        "conv", (Shape(14, 14, 8),), {"filters": 16, "kernel": 3, "groups": "depthwise"},
        [[144, 2, 9, 8]], ["layer_DP, 14, 14, 3, 3, 8, 2, 1,"],
    ),
    Case(
        "a sequence is an image of width 1",
        "conv", (Shape(100, 40),), {"filters": 64, "kernel": 5, "stride": 2},
        [[48, 64, 200, 1]], ["layer, 99, 1, 5, 1, 40, 64, 2,"],
    ),
    Case(
        "strides that differ do not matter along an axis with one place",
        "conv", (Shape(9, 3, 4),), {"filters": 2, "kernel": 3, "stride": [2, 1]},
        [[4, 2, 36, 1]], ["layer, 9, 3, 3, 3, 4, 2, 2,"],
    ),
    Case(
        "two strides",
        "conv", (Shape(9, 9, 4),), {"filters": 2, "kernel": 3, "stride": [2, 1]},
        [[28, 2, 36, 1]], ["layer, 28, 1, 1, 1, 36, 2, 1,"], "one stride",
    ),
    Case(
        "dilation",
        "conv", (Shape(28, 28, 16),), {"filters": 8, "kernel": 3, "dilation": 2, "padding": 2},
        [[784, 8, 144, 1]], ["layer, 784, 1, 1, 1, 144, 8, 1,"], "no dilation",
    ),
    Case(
        "dilation of a window of one pixel is none",
        "conv", (Shape(28, 28, 16),), {"filters": 8, "kernel": 1, "dilation": 2},
        [[784, 8, 16, 1]], ["layer, 28, 28, 1, 1, 16, 8, 1,"],
    ),
    Case(
        "a volume",
        "conv", (Shape(8, 8, 8, 2),), {"filters": 4, "kernel": 3},
        [[216, 4, 54, 1]], ["layer, 216, 1, 1, 1, 54, 4, 1,"], "no third axis",
    ),
    Case(
        "regions",
        "conv", (Shape(14, 14, 256).times(100),), {"filters": 256, "kernel": 3, "padding": 1},
        [[19600, 256, 2304, 1]], ["layer, 19600, 1, 1, 1, 2304, 256, 1,"], "no regions",
    ),
    Case(
        "transposed: every place of the input makes 2·2·64 numbers",
        "conv_transpose", (Shape(28, 28, 128),), {"filters": 64, "kernel": 2, "stride": 2},
        [[784, 256, 128, 1]], ["layer, 784, 1, 1, 1, 128, 256, 1,"], "no transposed",
    ),
    Case(
        "weights of every place's own",
        "locally_connected", (Shape(4, 3, 2),), {"filters": 5, "kernel": 2},
        [[1, 5, 8, 6]], [f"layer_{number}, 1, 1, 1, 1, 8, 5, 1," for number in range(1, 7)], "single place",
    ),
    Case("fully connected", "fc", (Shape(4096),), {"units": 1000}, [[1, 1000, 4096, 1]],
         ["layer, 1, 1, 1, 1, 4096, 1000, 1,"]),
    Case("at each place of a sequence", "fc", (Shape(197, 768),), {"units": 3072}, [[197, 3072, 768, 1]],
         ["layer, 197, 1, 1, 1, 768, 3072, 1,"]),
    Case("distances", "rbf", (Shape(84),), {"units": 10}, [[1, 10, 84, 1]], ["layer, 1, 1, 1, 1, 84, 10, 1,"]),
    Case(
        "matrices of activations",
        "matmul", (Shape(2, 5, 3), Shape(2, 7, 3)), {"transpose": True},
        [[5, 7, 3, 2]], ["layer_1, 5, 1, 1, 1, 3, 7, 1,", "layer_2, 5, 1, 1, 1, 3, 7, 1,"],
    ),
    Case(
        "gates: of the input at once, of the state step by step",
        "gru", (Shape(3, 10),), {"units": 20},
        [[3, 60, 10, 1], [1, 60, 20, 3]],
        ["layer_input, 3, 1, 1, 1, 10, 60, 1,", *(f"layer_state_{n}, 1, 1, 1, 1, 20, 60, 1," for n in (1, 2, 3))],
    ),
    Case(
        "attention: four projections, and two products in each of two heads",
        "attention", (Shape(5, 8),), {"heads": 2},
        [[5, 8, 8, 1]] * 3 + [[5, 5, 4, 2], [5, 4, 5, 2], [5, 8, 8, 1]],
        [*(f"layer_{one}, 5, 1, 1, 1, 8, 8, 1," for one in ("query", "key", "value")),
         *(f"layer_scores_{one}, 5, 1, 1, 1, 4, 5, 1," for one in (1, 2)),
         *(f"layer_context_{one}, 5, 1, 1, 1, 5, 4, 1," for one in (1, 2)), "layer_output, 5, 1, 1, 1, 8, 8, 1,"],
    ),
]  # fmt: skip

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)


@cases
def test_products(case: Case) -> None:
    graph = graph_of(case.kind, *case.inputs, **case.values)
    assert gemm_rows(graph) == case.products
    assert sum(map(prod, gemm_rows(graph))) == graph.layers[0].macs


@cases
def test_rows_of_a_topology(case: Case) -> None:
    graph = graph_of(case.kind, *case.inputs, **case.values)
    assert scalesim.write(loaded("lenet5").spec, graph, "net").splitlines()[1:] == case.rows
    assert sum(one.macs for one in topology(graph)) == graph.layers[0].macs
    notes = scalesim.notes(graph)
    assert [case.said in note and "`layer`" in note for note in notes] == [True] * bool(case.said)


@cases
def test_problems(case: Case) -> None:
    graph = graph_of(case.kind, *case.inputs, **case.values)
    assert sum(map(macs_of, documents(graph, batch=3))) == 3 * graph.layers[0].macs


def test_every_kind_that_multiplies_has_its_products() -> None:
    samples = {kind: layer.sample for kind, layer in KINDS.items() if layer.sample}
    found = {kind for kind, (values, inputs) in samples.items() if KINDS[kind](**values).count_macs(*inputs)}
    assert found == set(products.RULES)


# Timeloop, in full


def test_a_convolution_for_timeloop() -> None:
    """1×7 of 17×23 with a stride of 2 down: R, P and W are of the width, S, Q and H of the height."""
    graph = graph_of("conv", Shape(17, 23, 8), filters=6, kernel=[1, 7], stride=[2, 1], groups=2)
    (problem,) = documents(graph)
    assert problem["version"] == 0.4
    assert problem["shape"]["dimensions"] == ["C", "M", "R", "S", "N", "P", "Q", "G"]
    assert problem["instance"] == {
        "C": 4, "M": 3, "R": 7, "S": 1, "N": 1, "P": 17, "Q": 9, "G": 2,
        "Wstride": 1, "Wdilation": 1, "Hstride": 2, "Hdilation": 1,
    }  # fmt: skip
    spaces = {one["name"]: one["projection"] for one in problem["shape"]["data_spaces"]}
    assert spaces == {
        "Weights": [[["C"]], [["M"]], [["R"]], [["S"]], [["G"]]],
        "Inputs": [[["N"]], [["C"]], [["R", "Wdilation"], ["P", "Wstride"]], [["S", "Hdilation"], ["Q", "Hstride"]],
                   [["G"]]],
        "Outputs": [[["N"]], [["M"]], [["Q"]], [["P"]], [["G"]]],
    }  # fmt: skip
    assert [one.get("read_write", False) for one in problem["shape"]["data_spaces"]] == [False, False, True]
    assert extents(problem)["Inputs"] == (1, 4, 23, 17, 2)


def test_dimensions_of_a_usual_convolution_are_those_of_the_designs() -> None:
    """The constraints of published designs name C, M, R, S, N, P and Q, and no other."""
    (problem, *_) = documents(loaded("vgg16").graph)
    assert problem["shape"]["dimensions"] == ["C", "M", "R", "S", "N", "P", "Q"]


def test_a_volume_for_timeloop() -> None:
    (problem,) = documents(graph_of("conv", Shape(6, 8, 10, 2), filters=4, kernel=[1, 2, 3], dilation=[1, 2, 3]))
    sizes: dict[str, int] = problem["instance"]
    assert [sizes[one] for one in "RSTPQF"] == [3, 2, 1, 4, 6, 6]
    assert extents(problem)["Inputs"] == (1, 2, 10, 8, 6)


def test_weights_of_every_places_own_for_timeloop() -> None:
    graph = graph_of("locally_connected", Shape(9, 9, 3), filters=16, kernel=3, stride=2)
    assert prod(extents(documents(graph)[0])["Weights"]) == graph.layers[0].figures.weights


def test_steps_of_a_recurrent_layer_read_the_same_weights() -> None:
    graph = graph_of("lstm", Shape(26, 64), units=32, bidirectional=True)
    for_input, for_state = map(extents, documents(graph, batch=5))
    assert prod(for_input["B"]) + prod(for_state["B"]) == graph.layers[0].figures.weights
    assert prod(for_input["A"]) == 5 * 26 * 64


def test_files_of_problems_are_the_same_in_order() -> None:
    network = loaded("alexnet")
    found = timeloop.files(network.spec, network.graph, "alexnet")
    assert list(found) == sorted(found)
    assert list(found)[:2] == ["01_conv1.yaml", "02_conv2.yaml"]
    assert "---\n".join(found.values()) == timeloop.write(network.spec, network.graph, "alexnet")


# Properties

sizes = st.integers(1, 4)


@properties
@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=3), st.data(), st.sampled_from(["conv", "conv_transpose"]),
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 3),
)  # fmt: skip
def test_any_convolution(
    spatial: list[int], data: st.DataObject, kind: str, groups: int, channels: int, filters: int
) -> None:
    per_axis = st.lists(sizes, min_size=len(spatial), max_size=len(spatial))
    pads = st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=2), min_size=len(spatial), max_size=len(spatial))
    values: dict[str, Any] = {
        "filters": groups * filters, "groups": groups, "kernel": data.draw(per_axis), "stride": data.draw(per_axis),
        "dilation": data.draw(per_axis), "padding": data.draw(pads),
    }  # fmt: skip
    try:
        graph = graph_of(kind, Shape(*spatial, groups * channels), **values)
    except Cause:
        assume(False)
    node = graph.layers[0]
    assert sum(map(prod, gemm_rows(graph))) == node.macs
    rows = topology(graph)
    assert sum(one.macs for one in rows) == node.macs
    if kind == "conv" and not scalesim.notes(graph):
        assert {(one.height, one.width) for one in rows} == {(*node.output.spatial, 1)[:2]}
    (problem,) = documents(graph)
    assert macs_of(problem) == node.macs
    if kind == "conv":
        windows: Any = node.layer
        reached = [
            (places - 1) * window.stride + window.reach
            for window, places in zip(windows.windows(graph.shapes(node)[0]), node.output.spatial)
        ]
        found = extents(problem)["Inputs"][2 : 2 + max(len(spatial), 2)]
        assert list(found) == [*reversed(reached), 1][: len(found)]


# What is not trusted, and what cannot be told

HOSTILE = [
    "=1+1", "-2+3", "@SUM(A1)", "+1", "a,b", 'say "x"', "two\nlines", "a\r\nb, 1, 1, 1, 1, 1, 1, 1,", "tab\there",
    "DPN",
    "#note", "a: b", "{x}", "[y]", "- z", "---", "\x1b[31m", "\u202e", "漢字", "é", "x" * 5000, "\ud800", "no", "null",
    "../../etc/passwd", "con", "&a", "*a", "!!python/object", "''", "\\", "",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:20])
def test_a_name_stays_in_its_field(name: str) -> None:
    """Names of specs are words; of a graph that was made otherwise they may be anything."""
    graph = graph_of("conv", Shape(8, 8, 4), name=name, filters=2, kernel=3)
    assert gemm_rows(graph) == [[36, 2, 36, 1]]
    first = gemm.write(loaded("lenet5").spec, graph, "net").splitlines()[1].partition(",")[0]
    assert not first.startswith(("=", "+", "-", "@", '"'))
    (row,) = topology(graph)
    assert row[1:] == (6, 6, 2, 36 * 2 * 36)
    scalesim.write(loaded("lenet5").spec, graph, "net").encode("ascii")
    (problem,) = documents(graph)
    assert macs_of(problem) == 36 * 2 * 36
    assert isinstance(problem["shape"]["name"], str)
    (file,) = timeloop.files(loaded("lenet5").spec, graph, "net")
    assert re.fullmatch(r"01_[A-Za-z][A-Za-z0-9_]{0,99}\.yaml", file)


def test_names_that_differ_stay_different() -> None:
    assert scalesim.rows(graph_of("fc", Shape(4), name="é", units=2)) != scalesim.rows(
        graph_of("fc", Shape(4), name="è", units=2)
    )


def test_more_rows_than_a_tool_reads() -> None:
    graph = graph_of("locally_connected", Shape(1000, 1000, 1), filters=1, kernel=1)
    with pytest.raises(ReadError, match="more than 100,000 rows, at `layer`") as caught:
        scalesim.write(loaded("lenet5").spec, graph, "net")
    assert "--to gemm" in caught.value.problem.hint
    assert gemm_rows(graph) == [[1, 1, 1, 1_000_000]]


def test_more_layers_than_there_are_problems() -> None:
    graph = graph_of("fc", Shape(4), units=4)
    many = Graph((graph.nodes[0], *[graph.nodes[1]] * 100_001), {})
    with pytest.raises(ReadError, match="100,001 layers are more than the 100,000"):
        timeloop.write(loaded("lenet5").spec, many, "net")


def test_a_kind_whose_products_are_not_known() -> None:
    class Mystery(Layer):
        kind = "mystery"

        def count_macs(self, *inputs: Any, **_: Any) -> int:
            return 7

    x = Shape(4)
    layer = Mystery()
    graph = Graph((Node("input", Input(x), (), Figures(x)), Node("odd", layer, (0,), layer.figures((x,)))), {})
    for write in (gemm.write, scalesim.write, timeloop.write):
        with pytest.raises(ReadError, match="`odd`"):
            write(loaded("lenet5").spec, graph, "net")


def test_what_only_training_runs_is_left_out() -> None:
    network = loaded("googlenet_2014")
    aside = [node.name for node in network.layers if node.train_only and node.macs]
    assert aside
    text = gemm.write(network.spec, network.graph, "googlenet")
    assert not any(line.startswith(f"{name},") for name in aside for line in text.splitlines())


def test_weights_that_are_shared_work_each_time() -> None:
    """RetinaNet's heads run on five levels of a pyramid with one set of weights."""
    network = loaded("retinanet_resnet50_fpn")
    sharing = [node.name for node in network.layers if node.owner is not None and node.macs]
    assert sharing
    text = gemm.write(network.spec, network.graph, "retinanet")
    assert set(sharing) <= {line.partition(",")[0] for line in text.splitlines()}
