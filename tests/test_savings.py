"""Convolutions against the full ones that they stand for: papers' figures, brute force, shipped networks."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from itertools import product
from math import gcd, prod
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnarch import Network, Shape, load
from cnnarch.analysis.explanation import explain
from cnnarch.analysis.replacements import Replacement, composed, instead, together
from cnnarch.cli import commands
from cnnarch.layers.conv import Conv, ConvTranspose
from cnnarch.render import renderer, savings
from cnnarch.shapes import Window
from cnnarch.spec import catalog
from tests.shipped import each_network

Write = Callable[..., Network]
properties = settings(max_examples=150, deadline=None, derandomize=True, database=None)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write layers down and load them."""

    def written(layers: str, shape: str = "32x32x16") -> Network:
        path = tmp_path / "net.yaml"
        path.write_text(f"name: Net\ninput: {shape}\nlayers:\n{dedent(layers)}", encoding="utf-8")
        return load(str(path))

    return written


def kinds(network: Network) -> dict[str, list[str]]:
    """What there is of each way to save, by name."""
    return {key: [row.name for row in rows] for key, rows in network.replacements().items() if rows}


def only(network: Network, key: str) -> Replacement:
    (row,) = network.replacements()[key]
    return row


# What the papers say


@pytest.mark.parametrize(
    ("kernels", "large", "ours", "full"),
    [
        (["3", "3", "3"], "7×7", 27, 49),  # Simonyan & Zisserman 2014, section 2.3: 27C² and 49C², 81% more
        (["3", "3"], "5×5", 18, 25),  # Szegedy et al. 2015, section 3.1: (9 + 9)/25, a gain of 28%
        (["[1, 3]", "[3, 1]"], "3×3", 6, 9),  # section 3.2: 33% cheaper
        (["[1, 7]", "[7, 1]"], "7×7", 14, 49),  # figure 6
    ],
)
def test_factorised(kernels: list[str], large: str, ours: int, full: int, write: Write) -> None:
    layers = "".join(f"- conv: {{filters: 16, kernel: {kernel}, padding: half}}\n- relu\n" for kernel in kernels)
    row = only(write(layers), "factorised")
    assert row.full == f"16 of {large}"
    assert (row.weights, row.full_weights) == (ours * 16 * 16, full * 16 * 16)
    assert (row.macs, row.full_macs) == (32 * 32 * row.weights, 32 * 32 * row.full_weights)


def test_vgg_needs_81_percent_more_weights() -> None:
    last = load("vgg16").replacements()["factorised"][-1]
    assert last.layers == ("stage5/conv1", "stage5/conv2", "stage5/conv3")
    assert (last.weights, last.full_weights) == (27 * 512**2, 49 * 512**2)
    assert round(100 * (last.full_weights / last.weights - 1)) == 81


def test_mobilenets_share() -> None:
    """1/N + 1/k² of Howard et al. 2017, section 3.1; 8 to 9 times less, but for the first pair with few filters."""
    rows = load("mobilenet_v1").replacements()["separable"]
    filters = [64, 128, 128, 256, 256, 512, *[512] * 5, 1024, 1024]
    assert len(rows) == 13
    for row, count in zip(rows, filters):
        assert row.weights * count * 9 == row.full_weights * (9 + count)
        assert row.macs * count * 9 == row.full_macs * (9 + count)
    assert all(8 < row.full_macs / row.macs < 9 for row in rows[1:])


def test_conv_mobilenet() -> None:
    """Table 4 of the paper: 29.3 million parameters, 4866 million mult-adds, and 4.2 and 569 for MobileNet.

    4866 is what the convolutions do, 4,866,269,184; with the 1,024,000 of the fully connected layer, which the 569
    has, it would be 4867.
    """
    network = load("mobilenet_v1")
    pairs = network.replacements()["separable"]
    weights, macs = instead(pairs, network.totals.weights, network.totals.macs)
    assert f"{(weights + network.totals.biases) / 1e6:.1f}" == "29.3"
    assert macs == 4_867_293_184
    assert round((macs - network.layer("fc").macs) / 1e6) == 4866
    assert (round(network.totals.params / 1e6, 1), round(network.totals.macs / 1e6)) == (4.2, 569)


def test_conv_mobilenet_written_down(write: Write) -> None:
    """The network of full convolutions itself, from the filters and strides of table 1."""
    first = [(32, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
    rows = [*first, *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    layers = "".join(
        f"- conv: {{filters: {filters}, kernel: 3, stride: {stride}, padding: same, bias: false}}\n- maxpool: 1\n"
        for filters, stride in rows
    )
    full = write(f"{layers}- global_avgpool\n- fc: 1000\n", "224x224x3")
    network = load("mobilenet_v1")
    norms = sum(node.weights for node in network.layers if node.layer.kind == "batchnorm")
    weights, macs = instead(network.replacements()["separable"], network.totals.weights, network.totals.macs)
    assert (weights - norms, macs) == (full.totals.weights, full.totals.macs)


def test_resnexts_groups() -> None:
    """Xie et al. 2016, arXiv:1611.05431, section 3: 32 · (256·4 + 3·3·4·4 + 4·256), about 70 thousand, a block."""
    network = load("resnext50_32x4d")
    grouped = network.replacements()["grouped"]
    assert len(grouped) == 3 + 4 + 6 + 3
    assert all(row.full_weights == 32 * row.weights and row.full_macs == 32 * row.macs for row in grouped)
    block = [one for one in network.part("stage1/bottleneck2") if one.layer.kind == "conv"]
    assert sum(one.weights for one in block) == 32 * (256 * 4 + 9 * 16 + 4 * 256)
    pair = network.replacements()["separable"][1]
    assert pair.weights == 32 * (9 * 16 + 4 * 256)
    assert pair.full_weights == 9 * 128 * 256


def test_resnets_bottlenecks() -> None:
    """He et al. 2015, figure 5: 1×1 to 64, 3×3, 1×1 to 256, where 256 arrive and leave."""
    network = load("resnet50")
    rows = network.replacements()["narrowed"]
    assert len(rows) == 15  # 16 blocks, and to the first come no more than the 64 channels of its 3×3
    assert rows[0].weights == 256 * 64 + 9 * 64 * 64 + 64 * 256
    assert (rows[0].full, rows[0].channels, rows[0].full_weights) == ("256 of 3×3", "256 → 256", 9 * 256 * 256)
    assert kinds(network).keys() == {"narrowed"}


def test_googlenets_reductions() -> None:
    """Szegedy et al. 2014, table 1: the columns `#3×3 reduce` and `#5×5 reduce` of inception (3a), 96 and 16."""
    rows = load("googlenet_2014").replacements()["narrowed"]
    assert len(rows) == 2 * 9
    assert [row.weights for row in rows[:2]] == [192 * 96 + 9 * 96 * 128, 192 * 16 + 25 * 16 * 32]
    assert [row.full_weights for row in rows[:2]] == [9 * 192 * 128, 25 * 192 * 32]


def test_inceptions_asymmetric_windows() -> None:
    """Figure 6 of Szegedy et al. 2015: 1×7 and 7×1; twice one after another they see 13×13."""
    rows = load("inception_v3").replacements()["factorised"]
    found = {(row.operation, row.full) for row in rows if row.name.startswith("inception_17")}
    assert found == {("1×7 + 7×1", "192 of 7×7"), ("7×1 + 1×7 + 7×1 + 1×7", "192 of 13×13")}


def test_shufflenets_groups() -> None:
    """Zhang et al. 2017, section 3.1: a group convolution in g groups has 1/g of the work; figure 2 has two a unit."""
    rows = load("shufflenet_v1").replacements()["grouped"]
    points = [row for row in rows if row.operation == "1×1 in 3 groups"]
    assert len(points) == 2 * 16 - 1  # not the first, which has 24 channels (section 3.2)
    assert all(row.full_macs == 3 * row.macs for row in points)
    assert len(rows) == len(points) + 16


def test_alexnets_groups() -> None:
    """Two graphics cards: conv2, conv4 and conv5 see the half of the channels that is on theirs."""
    assert kinds(load("alexnet_2012")) == {"grouped": ["conv2", "conv4", "conv5"]}
    assert all(row.full_weights == 2 * row.weights for row in load("alexnet_2012").replacements()["grouped"])


# Against layers that are built without groups, and windows that are laid on pixels


@properties
@given(
    groups=st.integers(2, 6), into=st.integers(1, 3), out=st.integers(1, 3), kernel=st.integers(1, 4),
    stride=st.integers(1, 3), up=st.booleans(),
)  # fmt: skip
def test_grouped(
    tmp_path_factory: pytest.TempPathFactory, groups: int, into: int, out: int, kernel: int, stride: int, up: bool
) -> None:
    kind = "conv_transpose" if up else "conv"
    network = _loaded(
        tmp_path_factory,
        f"9x7x{groups * into}",
        f"- {kind}: {{filters: {groups * out}, kernel: {kernel}, stride: {stride}, groups: {groups}}}",
    )
    layer = (ConvTranspose if up else Conv)(filters=groups * out, kernel=kernel, stride=stride)
    full = layer.figures((Shape(9, 7, groups * into),))
    row = only(network, "grouped")
    assert (row.full_weights, row.full_macs) == (full.weights, full.macs)
    assert (row.weights, row.macs) == (network.totals.weights, network.totals.macs)
    assert full.output == network.layers[0].output


def seen(windows: list[Window], place: int) -> set[int]:
    """The pixels of the first input that a place of the last output sees, the padded ones too."""
    places = {place}
    for window in reversed(windows):
        places = {
            one * window.stride - window.before + cell * window.dilation
            for one in places
            for cell in range(window.size)
        }
    return places


def axis() -> st.SearchStrategy[Window]:
    pads = st.integers(0, 3)
    return st.builds(Window, st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), pads, pads, st.just(False))


@properties
@given(st.lists(axis(), min_size=1, max_size=4), st.integers(1, 60))
def test_composed_windows_see_the_same(windows: list[Window], length: int) -> None:
    large = composed(windows)
    pixels = sorted(seen(windows, 0))
    apart = gcd(*(pixel - pixels[0] for pixel in pixels)) or 1
    assert (large is None) == (pixels != list(range(pixels[0], pixels[-1] + 1, apart)))
    if large is None:
        return
    for place in range(3):
        assert seen([large], place) == seen(windows, place)
    last = length
    for window in windows:
        last = window.outputs(last)
        if last < 1:
            return
    assert large.outputs(length) == last


@st.composite
def chains(draw: st.DrawFn) -> tuple[Shape, list[Conv]]:
    sizes, pads = st.integers(1, 3), st.integers(0, 2)
    layers = [
        Conv(
            filters=draw(st.integers(1, 4)),
            kernel=(draw(sizes), draw(sizes)),
            stride=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
            padding=((draw(pads), draw(pads)), (draw(pads), draw(pads))),
            dilation=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
            bias=draw(st.booleans()),
        )
        for _ in range(draw(st.integers(1, 5)))
    ]
    return Shape(draw(st.integers(30, 40)), draw(st.integers(30, 40)), draw(st.integers(1, 4))), layers


@properties
@given(chains(), st.lists(st.sampled_from(["relu", "batchnorm", "dropout"]), min_size=5, max_size=5))
def test_chains(tmp_path_factory: pytest.TempPathFactory, chain: tuple[Shape, list[Conv]], between: list[str]) -> None:
    """Every row has the shapes, weights and MACs of the one layer that it names; no layer is in a table twice."""
    x, layers = chain
    text = "".join(
        f"- conv: {{filters: {one.filters}, kernel: {list(one.kernel)}, stride: {list(one.stride)}, "  # type: ignore[arg-type]
        f"padding: {[list(pair) for pair in one.padding]}, "  # type: ignore[arg-type, union-attr]
        f"dilation: {list(one.dilation)}, bias: {str(one.bias).lower()}}}\n- {kind}\n"  # type: ignore[arg-type]
        for one, kind in zip(layers, between)
    )
    network = _loaded(tmp_path_factory, "x".join(map(str, x)), text)
    nodes = {node.name: node for node in network.layers}
    shapes = {node.name: network.graph.shapes(node)[0] for node in network.layers}
    found = network.replacements()
    assert not found["grouped"]
    assert not found["separable"]
    for rows in found.values():
        members = [name for row in rows for name in row.layers]
        assert len(members) == len(set(members))
        for row in rows:
            convolutions = [nodes[name].layer for name in row.layers]
            arrives, leaves = shapes[row.layers[0]], nodes[row.layers[-1]].output
            axes = [
                composed([one.resolve(shapes[name])[number] for one, name in zip(convolutions, row.layers)])  # type: ignore[attr-defined]
                for number in range(2)
            ]
            full = Conv(
                filters=leaves.channels,
                kernel=tuple(axis.size for axis in axes if axis),
                stride=tuple(axis.stride for axis in axes if axis),
                padding=tuple((axis.before, axis.after) for axis in axes if axis),
                dilation=tuple(axis.dilation for axis in axes if axis),
            ).figures((arrives,))
            assert full.output == leaves
            assert (row.full_weights, row.full_macs) == (full.weights, full.macs)
            assert row.weights == sum(nodes[name].weights for name in row.layers)
            assert row.macs == sum(nodes[name].macs for name in row.layers)
    wide = [any(size > 1 for size in one.kernel) for one in layers]  # type: ignore[union-attr]
    if all(wide) and len(layers) > 1 and all(one.dilation == (1, 1) == one.stride for one in layers):
        assert [len(row.layers) for row in found["factorised"]] == [len(layers)]


def _loaded(factory: pytest.TempPathFactory, shape: str, layers: str) -> Network:
    path = factory.mktemp("spec") / "net.yaml"
    path.write_text(f"name: Net\ninput: {shape}\nlayers:\n{layers}", encoding="utf-8")
    return load(str(path))


def test_a_large_window_does_what_small_ones_do() -> None:
    """Without functions between, products of their weights are its weights, where no padding is met."""
    pixels = [(7 * place * place + 3 * place) % 31 for place in range(21)]
    first, second = [2, -3, 5], [7, 11, -13]
    middle = [sum(first[cell] * pixels[2 * place + cell] for cell in range(3)) for place in range(10)]
    last = [sum(second[cell] * middle[place + cell] for cell in range(3)) for place in range(8)]
    large = composed([Window(3, stride=2), Window(3)])
    assert large is not None
    weights = [0] * large.size
    for one, two in product(range(3), range(3)):
        weights[one + 2 * two] += first[one] * second[two]
    assert large.outputs(21) == len(last)
    assert last == [
        sum(weight * pixels[large.stride * place + cell] for cell, weight in enumerate(weights)) for place in range(8)
    ]


# What ends a pair or a stack

C3 = "- conv: {filters: 16, kernel: 3, padding: half}\n"
DEPTHWISE = "- conv: {filters: 16, kernel: 3, padding: half, groups: depthwise}\n"
POINT = "- conv: {filters: 16, kernel: 1}\n"


@pytest.mark.parametrize("between", ["relu", "batchnorm", "prelu", "layernorm", "dropout", "scale", "groupnorm: 4"])
def test_what_can_stand_between(between: str, write: Write) -> None:
    assert kinds(write(f"{C3}- {between}\n{C3}")) == {"factorised": ["conv1 – conv2"]}
    pair = kinds(write(f"{DEPTHWISE}- {between}\n{POINT}"))
    assert pair == {"grouped": ["conv1"], "separable": ["conv1 – conv2"]}


@pytest.mark.parametrize("between", ["maxpool: 2", "lrn: {size: 5}", "softmax", "upsample: 2", "channel_shuffle: 4"])
def test_what_ends_it(between: str, write: Write) -> None:
    assert kinds(write(f"{C3}- {between}\n{C3}")) == {}
    assert kinds(write(f"{DEPTHWISE}- {between}\n{POINT}")) == {"grouped": ["conv1"]}


def test_what_another_layer_takes_ends_it(write: Write) -> None:
    layers = """
        - conv: {filters: 16, kernel: 3, padding: half}
          name: first
        - conv: {filters: 16, kernel: 3, padding: half}
          name: second
        - add:
          from: [first, second]
    """
    assert kinds(write(layers)) == {}


def test_what_training_takes_ends_it(write: Write) -> None:
    head = "- {global_avgpool: , name: aux, from: conv1, train_only: true}\n"
    assert kinds(write(f"{C3}{head}- conv: {{filters: 16, kernel: 3}}\n  from: conv1\n")) == {}


def test_what_runs_only_in_training_is_left_out(write: Write) -> None:
    layers = """
        - maxpool: 2
        - layers:
            - conv: {filters: 16, kernel: 3, groups: 2}
            - conv: {filters: 16, kernel: 1}
            - conv: {filters: 8, kernel: 1}
            - conv: {filters: 16, kernel: 3}
            - conv: {filters: 16, kernel: 3}
          train_only: true
        - global_avgpool
    """
    assert kinds(write(layers)) == {}
    assert kinds(write(f"{C3}{C3}  train_only: true\n")) == {}
    assert kinds(write(layers.replace("train_only: true", "name: head"))).keys() == {
        "grouped", "separable", "factorised", "narrowed"
    }  # fmt: skip


def test_a_jump_over_pixels_ends_a_stack(write: Write) -> None:
    """Every fourth pixel of what sees 3 pixels leaves one out between them; of what sees 5, none."""
    far = "- conv: {filters: 16, kernel: 3, dilation: 4, padding: half}\n"
    assert kinds(write(f"{C3}{far}{C3}")) == {}
    assert kinds(write(f"{C3}{C3}{far}{C3}")) == {"factorised": ["conv1 – conv4"]}
    assert only(write(f"{C3}{C3}{far}"), "factorised").full == "16 of 13×13"
    assert kinds(write(f"{C3}{far}{far}")) == {"factorised": ["conv2 – conv3"]}
    assert only(write(f"{far}{far}"), "factorised").full == "16 of 5×5, dilation 4"


def test_a_stack_ends_where_it_sees_everything(write: Write) -> None:
    """On 4 pixels three 3×3 see 7, all from everywhere; a fourth would see no more."""
    assert only(write(4 * C3, "4x9x16"), "factorised").layers == ("conv1", "conv2", "conv3")
    assert [one.full for one in write(7 * C3, "4x9x16").replacements()["factorised"]] == 2 * ["16 of 7×7"]


def test_twenty_thousand_layers(write: Write) -> None:
    """Neither time nor numbers grow without bound."""
    deep = "- conv: {filters: 1, kernel: [1, 3], stride: [2, 1], padding: [0, 1]}\n  repeat: 20000\n"
    for shape in ("1x9x1", "512x1000000x1"):
        network = write(deep, shape)
        assert renderer("table")(savings.page(network, (), "factorised"), 80, False)
    deep = "- conv: {filters: 1, kernel: 3, padding: 1}\n  repeat: 20000\n"
    assert len(write(deep, "1000000x1").replacements()["factorised"]) == 1


def test_strides_multiply(write: Write) -> None:
    strided = "- conv: {filters: 16, kernel: 3, stride: 2, padding: half}\n"
    assert only(write(strided + C3), "factorised").full == "16 of 7×7, stride 2"
    assert only(write(C3 + strided), "factorised").full == "16 of 5×5, stride 2"
    assert only(write(strided + strided), "factorised").full == "16 of 7×7, stride 4"


def test_a_pointwise_layer_with_groups_is_no_pair(write: Write) -> None:
    assert kinds(write(f"{DEPTHWISE}- conv: {{filters: 16, kernel: 1, groups: 2}}\n")) == {
        "grouped": ["conv1", "conv2"]
    }


def test_a_chain_of_bottlenecks_is_cut_where_channels_narrow(write: Write) -> None:
    """Darknet's: a 1×1 that narrows begins what comes, and does not end what was."""
    layers = "".join(
        f"- conv: {{filters: {filters}, kernel: {kernel}, padding: half}}\n"
        for filters, kernel in ((32, 3), (16, 1), (32, 3), (16, 1), (32, 3))
    )
    assert kinds(write(layers)) == {"narrowed": ["conv2 – conv3", "conv4 – conv5"]}


def test_shared_weights_are_counted_once(write: Write) -> None:
    network = write(
        """
        - maxpool: 2
          name: small
        - layers:
            - conv: {filters: 16, kernel: 3, padding: half}
            - conv: {filters: 16, kernel: 3, padding: half}
          name: head
        - layers:
            - conv: {filters: 16, kernel: 3, padding: half}
            - conv: {filters: 16, kernel: 3, padding: half}
          name: again
          from: small
          share: head
        """
    )
    first, second = network.replacements()["factorised"]
    assert (first.weights, first.full_weights) == (18 * 256, 25 * 256)
    assert (second.weights, second.full_weights, second.weights_factor) == (0, 0, None)
    assert (second.macs, second.full_macs) == (first.macs, first.full_macs)


def test_regions_do_the_work_many_times() -> None:
    network = load("maskrcnn_resnet50_fpn")
    row = only(network, "factorised")
    regions = network.layer(row.layers[0]).output.regions
    assert regions > 1
    assert row.full_macs == regions * 14 * 14 * row.full_weights


# Shipped networks


@each_network
def test_shipped_networks(name: str) -> None:
    network = load(name)
    nodes = {node.name: node for node in network.layers}
    with_groups = [
        node.name
        for node in network.layers
        if getattr(node.layer, "groups", 1) != 1 and node.layer.kind.startswith("conv") and not node.train_only
    ]
    found = network.replacements()
    assert [row.name for row in found["grouped"]] == with_groups
    for key, rows in found.items():
        members = [one for row in rows for one in row.layers]
        assert len(members) == len(set(members))
        assert len({row.name for row in rows}) == len(rows)
        for row in rows:
            parts = [nodes[one] for one in row.layers]
            assert row.weights == sum(one.weights for one in parts)
            assert row.macs == sum(one.macs for one in parts)
            if key in ("grouped", "separable"):
                assert row.full_macs > row.macs
            # One set of weights works once at every place of every region.
            shape = parts[-1].output
            if row.full_weights and parts[0].layer.kind == "conv":
                assert row.full_macs == row.full_weights * prod(shape.spatial) * shape.regions
        total = together(rows)
        whole = instead(rows, network.totals.weights, network.totals.macs)
        assert whole[0] - network.totals.weights == total.full_weights - total.weights


@pytest.mark.parametrize("name", catalog.names()[::9])
def test_each_table_fits_a_terminal(name: str) -> None:
    network = load(name)
    for key in savings.TABLES:
        printed = renderer("table")(savings.page(network, (), key), 80, False)
        assert max(map(len, printed.splitlines())) <= 80
        if key != "layers":
            header = next(line for line in printed.splitlines() if line.startswith("layers"))
            assert all(title in header for title in ("stands for", "full", "weights"))


def test_a_network_without_any_has_no_tables() -> None:
    assert kinds(load("lenet5")) == {}
    page = savings.page(load("lenet5"))
    assert len(renderer("table")(page).split("\n\n")) == 3  # heading, table, what was counted


def test_the_full_weights_are_explained() -> None:
    network = load("mobilenet_v2")
    row = network.replacements()["grouped"][0]
    steps = {step.quantity: step for step in explain(network.graph, network.layer(row.name)).steps}
    assert (steps["full"].arithmetic, steps["full"].value) == ("288 * 32", row.full_weights)
    assert all(step.quantity != "full" for step in network.explain("conv_bn_relu6_1/conv").steps)


# The command


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(commands, ["savings", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_json() -> None:
    record = json.loads(printed("vgg16", "--format", "json"))
    assert {"version", "network", "name", "layers", "totals", "grouped", "separable", "factorised"} <= record.keys()
    assert len(record["layers"]) == 13
    assert record["grouped"] == record["separable"] == []
    last = record["factorised"][-1]
    assert (last["full_weights"], last["weights"]) == (49 * 512**2, 27 * 512**2)
    assert last["layers"] == ["stage5/conv1", "stage5/conv2", "stage5/conv3"]
    totals = record["full_totals"]["factorised"]
    assert totals["full_weights"] == sum(row["full_weights"] for row in record["factorised"])
    network = load("vgg16").totals
    assert totals["network_weights"] == network.weights - totals["weights"] + totals["full_weights"]
    assert totals["network_macs"] == network.macs - totals["macs"] + totals["full_macs"]
    assert record["full_totals"]["grouped"] is None


def test_json_of_one_table() -> None:
    record = json.loads(printed("vgg16", "--only", "factorised", "--columns", "name,weights", "--format", "json"))
    assert record.keys() == {"version", "network", "name", "factorised", "full_totals"}
    assert record["factorised"][0] == {"name": "stage1/conv1 – conv2", "weights": 38592}


def test_csv_is_the_layers_unless_another_table_is_asked_for() -> None:
    layers = list(csv.DictReader(io.StringIO(printed("vgg16", "--format", "csv"))))
    assert len(layers) == 13
    stacks = list(csv.DictReader(io.StringIO(printed("vgg16", "--only", "factorised", "--format", "csv"))))
    assert [row["full_weights"] for row in stacks][-1] == str(49 * 512**2)
    assert stacks[-1]["layers"] == "stage5/conv1 stage5/conv2 stage5/conv3"
    assert printed("alexnet", "--only", "grouped", "--format", "csv").count("\n") == 1


def test_columns_are_of_one_table() -> None:
    assert "Windows one after another" not in printed("vgg16", "--columns", "name,dense")
    assert printed("vgg16", "--only", "factorised", "--columns", "name,weights").count("stage5/conv1 – conv3") == 1


def test_nothing_of_a_kind_is_said() -> None:
    assert "it has no convolutions with groups" in printed("alexnet", "--only", "grouped")
