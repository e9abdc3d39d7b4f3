"""What layers move, and the least time that it takes: by hand, by other people's figures, by brute force."""

from __future__ import annotations

import csv
import io
import json
import random
import time
from math import isclose
from pathlib import Path

import pytest

from cnnarch import Network, load
from cnnarch.analysis.devices import DEVICES, Roof, device
from cnnarch.analysis.figures import FIGURES
from cnnarch.analysis.roofline import Moved, add_up, parse_bandwidth, parse_peak, roofline, traffic
from cnnarch.errors import Cause, ReadError
from cnnarch.render.columns import chosen, layer_columns
from cnnarch.render.numbers import decimals, duration, rate
from cnnarch.shapes import Window
from cnnarch.spec import catalog
from tests import command
from tests.command import Done

TEN_AND_HUNDRED = Roof(10**13, 10**11)  # 10 TFLOP/s and 100 GB/s: 50 MACs a byte


def network(folder: Path, layers: str, shape: str = "8x8x4", **settings: object) -> Network:
    path = folder / "net.yaml"
    path.write_text(f"name: Net\ninput: {shape}\nlayers:\n{layers}", encoding="utf-8")
    return load(str(path), **settings)  # type: ignore[arg-type]


def numbers_moved(net: Network, name: str) -> tuple[int, int, int]:
    """Of inputs, of weights and written, in numbers of 4 bytes."""
    moved = net.traffic.layers[name]
    assert net.dtype == "float32"
    return moved.inputs // 4, moved.weights // 4, moved.written // 4


# By hand

# Values of the input, weights with biases, values of the output; multiply-adds.
LENET5 = {
    "c1": (32 * 32, 6 * 25 + 6, 28 * 28 * 6, 28 * 28 * 6 * 25),
    "tanh1": (28 * 28 * 6, 0, 28 * 28 * 6, 0),
    "s2": (28 * 28 * 6, 0, 14 * 14 * 6, 0),
    "c3": (14 * 14 * 6, 16 * 25 * 6 + 16, 10 * 10 * 16, 10 * 10 * 16 * 25 * 6),
    "tanh2": (10 * 10 * 16, 0, 10 * 10 * 16, 0),
    "s4": (10 * 10 * 16, 0, 5 * 5 * 16, 0),
    "c5": (5 * 5 * 16, 120 * 25 * 16 + 120, 120, 120 * 25 * 16),
    "tanh3": (120, 0, 120, 0),
    "flatten": (0, 0, 0, 0),  # the same numbers under another shape
    "f6": (120, 84 * 120 + 84, 84, 84 * 120),
    "tanh4": (84, 0, 84, 0),
    "output": (84, 10 * 84 + 10, 10, 10 * 84),
}


@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("float16", 2), ("bfloat16", 2), ("int8", 1)])
@pytest.mark.parametrize("batch", [1, 3])
def test_lenet5_by_hand(batch: int, dtype: str, size: int) -> None:
    """Inputs and outputs grow with the batch and the type, weights with the type alone."""
    net = load("lenet5", batch=batch, dtype=dtype)
    assert net.traffic.layers == {
        name: Moved(batch * macs, batch * size * inputs, size * weights, batch * size * written)
        for name, (inputs, weights, written, macs) in LENET5.items()
    }
    assert net.traffic.on_chip == Moved(
        batch * 416_520, batch * size * 32 * 32, size * 61_706, batch * size * 10
    )  # 61,706 parameters; image in, ten classes out


def test_the_times_of_lenet5_by_hand() -> None:
    """At 1 GFLOP/s and 1 GB/s, where 0.5 MACs a byte are the ridge: nanoseconds are FLOPs, or bytes."""
    net = load("lenet5")
    found = net.roofline(Roof(10**9, 10**9))
    expected = {}
    for name, (inputs, weights, written, macs) in LENET5.items():
        flops, moved = 2 * macs, 4 * (inputs + weights + written)
        limit = None if not moved else "memory" if moved > flops else "compute"
        expected[name] = (limit, max(flops, moved) / 1e9)
    assert {row.name: (row.limit, row.time) for row in found.rows} == expected
    assert expected["c1"] == ("compute", 235_200e-9)
    assert expected["c5"] == ("memory", 194_560e-9)
    assert found.total.time == pytest.approx(sum(time for _, time in expected.values()), rel=1e-15)
    assert (found.memory_layers, found.layers) == (9, 11)  # all but c1 and c3; flatten moves nothing
    on_chip = net.bounds(Roof(10**9, 10**9))[-1]
    assert (on_chip.name, on_chip.limit, on_chip.time) == ("on_chip", "compute", 2 * 416_520 / 1e9)


# By other people's figures


@pytest.mark.parametrize(
    ("layer", "shape", "batch", "intensity"),
    [
        ("- fc: {units: 4096, bias: false}", "1024", 512, 315),
        ("- fc: {units: 4096, bias: false}", "1024", 1, 1),
        ("- maxpool: {kernel: 3, stride: 1, padding: 1}", "56x56x64", 1, 2.25),
        ("- relu", "56x56x64", 1, 0.25),
    ],
)
def test_intensities_of_nvidias_guide(layer: str, shape: str, batch: int, intensity: float, tmp_path: Path) -> None:
    """NVIDIA, GPU Performance Background User's Guide, table 1: FLOPs a byte in float16.

    What is no multiply-add is an element operation here: 9 comparisons of a window, one of a relu.
    """
    net = network(tmp_path, layer, shape, batch=batch, dtype="float16")
    found = (2 * net.totals.macs + net.totals.elements) / net.traffic.total.bytes
    assert found == pytest.approx(intensity, rel=0.002)


def test_layer_normalisation_of_nvidias_guide(tmp_path: Path) -> None:
    """The same table: less than 10."""
    net = network(tmp_path, "- layernorm", "196x768", dtype="float16")
    assert 0 < net.totals.elements / net.traffic.total.bytes < 10


def test_ridge_points_that_were_published() -> None:
    """In FLOPs a byte, twice our MACs a byte."""
    assert 2 * Roof(17_600_000_000, 15_000_000_000).ridge == pytest.approx(
        1.17, abs=0.01
    )  # Williams et al. 2009, fig. 1
    assert device("tpu_v1").roof("int8").ridge == pytest.approx(1350, rel=0.01)  # Jouppi et al. 2017: MACs, section 4
    assert 2 * device("v100").roof("float16").ridge == pytest.approx(138.9, abs=0.05)  # NVIDIA's guide, section 3


def test_operations_a_weight_byte_of_the_tpu_paper(tmp_path: Path) -> None:
    """Jouppi et al. 2017, table 1: MLP0 has 5 layers, 20M weights, batch 200, and 200 operations a weight byte.

    They call it limited by memory (figure 5), as it is far below 1350.
    """
    net = network(tmp_path, "- fc: {units: 2000, bias: false}\n  repeat: 5\n", "2000", batch=200, dtype="int8")
    assert net.totals.weights == 20_000_000
    assert net.totals.macs / net.traffic.total.weights == 200
    found = net.roofline(device("tpu_v1").roof("int8"))
    assert {row.limit for row in found.rows} == {"memory"}


def test_the_example_of_torchstat(tmp_path: Path) -> None:
    """Bytes read and written as torchstat's README shows them, for the layers of a small network of its own."""
    for layer, shape, read, written in (
        ("- conv: {filters: 10, kernel: 5}", "224x224x3", 605_152, 1_936_000),
        ("- conv: {filters: 20, kernel: 5}", "110x110x10", 504_080, 898_880),
        ("- fc: 50", "56180", 11_460_920, 200),
        ("- fc: 10", "50", 2_240, 40),
    ):
        moved = network(tmp_path, layer, shape).traffic.total
        assert (moved.read, moved.written) == (read, written)


# Sums over the layers of a kind, by compute_memory of torchstat 0.0.7 on torchvision's models, in bytes.
TORCHSTAT = {
    "alexnet_torchvision": {
        "conv": (11_229_952, 1_939_968),
        "relu": (1_972_736, 1_972_736),
        "maxpool": (1_507_328, 353_280),
        "fc": (234_594_208, 36_768),
    },
    "vgg16": {
        "conv": (95_186_176, 54_190_080),
        "relu": (54_222_848, 54_222_848),
        "maxpool": (24_485_888, 6_121_472),
        "fc": (494_704_544, 36_768),
    },
    "resnet50": {
        "conv": (136_469_248, 44_455_936),
        "batchnorm": (44_668_416, 44_455_936),
        "relu": (38_434_816, 38_434_816),
        "maxpool": (3_211_264, 802_816),
        "fc": (8_204_192, 4_000),
    },
    "mobilenet_v2": {
        "conv": (35_822_720, 26_712_448),
        "batchnorm": (26_848_896, 26_712_448),
        "relu6": (24_423_168, 24_423_168),
        "fc": (5_129_120, 4_000),
    },
    "densenet121": {
        "conv": (87_340_800, 27_596_800),
        "batchnorm": (63_004_416, 62_669_824),
        "maxpool": (3_211_264, 802_816),
        "avgpool": (2_809_856, 702_464),
        "fc": (4_104_096, 4_000),
    },
}


@pytest.mark.parametrize("name", TORCHSTAT)
def test_torchstat(name: str) -> None:
    """It leaves out the running statistics of normalisation, and reads pixels that a stride of 2 steps over."""
    net = load(name)
    stepped_over = {"resnet50": 4 * 3 * (28 * 28 * 256 + 14 * 14 * 512 + 7 * 7 * 1024)}  # of 1×1 shortcuts, 3 in 4
    for kind, (read, written) in TORCHSTAT[name].items():
        nodes = [node for node in net.layers if node.layer.kind == kind]
        moved = net.traffic.of(nodes)
        statistics = 4 * sum(node.buffers for node in nodes)
        unread = stepped_over.get(name, 0) if kind == "conv" else 0
        assert (moved.read, moved.written) == (read + statistics - unread, written), kind


# By brute force


@pytest.mark.parametrize("seed", range(300))
def test_pixels_that_windows_reach(seed: int) -> None:
    rng = random.Random(seed)
    window = Window(
        rng.randint(1, 7),
        rng.randint(1, 9),
        rng.randint(1, 5),
        rng.randint(0, 6),
        rng.randint(0, 6),
        rng.random() < 0.5,
    )
    length = rng.randint(1, 40)
    reached = {
        pixel
        for place in range(window.outputs(length))
        for cell in range(window.size)
        for pixel in [place * window.stride - window.before + cell * window.dilation]
        if 0 <= pixel < length
    }
    assert window.reads(length) == len(reached)


# The rules, one by one


@pytest.mark.parametrize(
    ("layers", "shape", "name", "expected"),
    [
        # Of the 8×8 pixels a 1×1 window with stride 2 reaches 4×4; a pool of 3 with stride 3 reaches 6×6.
        ("- conv: {filters: 2, kernel: 1, stride: 2}", "8x8x4", "conv", (4 * 4 * 4, 4 * 2 + 2, 4 * 4 * 2)),
        ("- maxpool: {kernel: 3, stride: 3}", "8x8x4", "maxpool", (6 * 6 * 4, 0, 2 * 2 * 4)),
        # A 3×3 window with dilation 2 and stride 2 reads even pixels only: 0 to 6 of 7.
        ("- conv: {filters: 1, kernel: 3, dilation: 2, stride: 2, bias: false}", "7x7x1", "conv", (16, 9, 4)),
        ("- conv_transpose: {filters: 3, kernel: 1, stride: 3}", "4x4x2", "conv_transpose", (32, 9, 10 * 10 * 3)),
        ("- conv: {filters: 4, kernel: 3, groups: 4, padding: 1}", "8x8x4", "conv", (256, 36 + 4, 256)),
        ("- batchnorm", "8x8x4", "batchnorm", (256, 4 * 4, 256)),  # scale, shift, mean and variance of 4 channels
        ("- rbf: 10", "84", "rbf", (84, 840, 10)),  # its points are buffers
        ("- dropout\n- relu", "8x8x4", "dropout", (0, 0, 0)),
        ("- dropout\n- relu", "8x8x4", "relu", (256, 0, 256)),
        ("- slice: {channels: 1}\n- relu", "8x8x4", "relu", (64, 0, 64)),  # it reads what the slice shows
        ("- slice: {channels: 1}\n- relu", "8x8x4", "slice", (0, 0, 0)),
        ("- tokens\n- transpose", "8x8x4", "transpose", (256, 0, 256)),  # other places in memory: a copy
        ("- tokens\n- select: 0\n- fc: 2", "8x8x4", "fc", (4, 8 + 2, 2)),
        ("- embedding: {vocabulary: 97, units: 8}", "25x1", "embedding", (25, 25 * 8, 25 * 8)),  # rows that it uses
        ("- embedding: {vocabulary: 10, units: 8}", "25x1", "embedding", (25, 10 * 8, 25 * 8)),  # and no row twice
        ("- tokens\n- position_embedding: {positions: 100}", "8x8x4", "position_embedding", (256, 256, 256)),
        ("- add: {from: [input, input]}", "8x8x4", "add", (256, 0, 256)),  # one tensor is read once
        ("- maxpool: 2\n- upsample: {from: [maxpool, input]}", "8x8x4", "upsample", (64, 0, 256)),  # a size is not read
        ("- pad: 1", "8x8x4", "pad", (256, 0, 400)),
        ("- windows: 4\n- fc: {units: 6, at_each_place: true}", "8x8x4", "fc", (256, 4 * 6 + 6, 8 * 8 * 6)),
        ("- windows: 4\n- join_windows: {from: [windows, input]}", "8x8x4", "join_windows", (256, 0, 256)),
        ("- tokens\n- attention: {heads: 2}", "8x8x4", "attention", (256, 4 * 16 + 16, 256)),  # scores stay on the chip
        ("- lstm: {units: 3}", "5x2", "lstm", (10, 4 * 3 * (2 + 3) + 4 * 3 * 2, 15)),  # weights once, not 5 times
    ],
)  # fmt: skip
def test_rules(layers: str, shape: str, name: str, expected: tuple[int, int, int], tmp_path: Path) -> None:
    if "from:" in layers:
        layers = layers.replace("add: {from: [input, input]}", "add:\n  from: [input, input]")
        layers = layers.replace("upsample: {from: [maxpool, input]}", "upsample:\n  from: [maxpool, input]")
        layers = layers.replace("join_windows: {from: [windows, input]}", "join_windows:\n  from: [windows, input]")
    assert numbers_moved(network(tmp_path, layers, shape), name) == expected


def test_rows_of_a_table_grow_with_the_batch_until_all_are_read(tmp_path: Path) -> None:
    for batch, rows in ((1, 25), (3, 75), (4, 97), (100, 97)):
        net = network(tmp_path, "- embedding: {vocabulary: 97, units: 8}", "25x1", batch=batch)
        assert net.traffic.layers["embedding"].weights == 4 * rows * 8


def test_shared_weights_are_read_again_but_stored_once(tmp_path: Path) -> None:
    layers = "- conv: {filters: 4, kernel: 3, padding: 1}\n  name: first\n- conv: {filters: 4, kernel: 3, padding: 1}\n"
    net = network(tmp_path, f"{layers}  name: second\n  share: first\n")
    weights = 4 * (9 * 4 * 4 + 4)
    assert [moved.weights for moved in net.traffic.layers.values()] == [weights, weights]
    assert net.traffic.on_chip.weights == weights


def test_what_runs_only_in_training_is_left_out() -> None:
    net = load("googlenet_2014")
    only = [node for node in net.layers if node.train_only]
    assert only
    assert not {node.name for node in only} & set(net.traffic.layers)
    assert net.traffic.of(only) == Moved()
    names = [row.name for row in net.roofline().rows]
    assert not {node.name for node in only} & set(names)
    assert net.traffic.on_chip.written == 4 * 1000  # not the classes of the two auxiliary heads


def test_views_of_inputs_and_outputs_are_counted_as_what_is_read_and_written(tmp_path: Path) -> None:
    net = network(tmp_path, "- slice: {channels: 1}\n- relu\n- flatten\n")
    assert net.traffic.on_chip == Moved(0, 4 * 64, 0, 4 * 64)
    nothing = network(tmp_path, "- flatten\n").traffic
    assert nothing.total == nothing.on_chip == Moved()


def test_a_block_is_the_sum_of_its_layers() -> None:
    net = load("resnet50")
    by_stage = {row.name: row for row in net.roofline(TEN_AND_HUNDRED, 1).rows}
    for name, row in by_stage.items():
        inside = [one for one in net.roofline(TEN_AND_HUNDRED).rows if one.name.split("/")[0] == name]
        assert row.moved == add_up(one.moved for one in inside)
        assert row.time == pytest.approx(sum(one.time or 0 for one in inside), rel=1e-12)
    assert by_stage["fc"].limit == "memory"


def test_a_residual_block_together(tmp_path: Path) -> None:
    """The convolution with its normalisation, addition and relu: it reads its input, the skip and the parameters."""
    layers = """\
- conv: {filters: 4, kernel: 1, bias: false}
- batchnorm
- add:
  from: [batchnorm, input]
- relu
- global_avgpool
"""
    net = network(tmp_path, layers)
    rows = {row.name: row.moved for row in net.roofline(together=True).rows}
    value = 4 * 8 * 8 * 4  # bytes of one tensor
    assert rows["conv"] == Moved(8 * 8 * 16, 2 * value, 4 * (16 + 16), value)
    assert rows["batchnorm"] == rows["add"] == rows["relu"] == Moved()
    assert rows["global_avgpool"] == net.traffic.layers["global_avgpool"] == Moved(0, value, 0, 4 * 4)


@pytest.mark.parametrize(
    ("layers", "fused"),
    [
        ("- relu\n- sigmoid", True),
        ("- conv: {filters: 4, kernel: 1}\n- relu", True),
        ("- maxpool: 2\n- relu", True),
        ("- relu", False),  # the input of the network is in memory
        ("- conv: {filters: 4, kernel: 1}\n- softmax", False),  # needs all values of a place first
        ("- conv: {filters: 4, kernel: 1}\n- layernorm", False),
        ("- conv: {filters: 4, kernel: 1}\n- maxpool: 2", False),  # of another size
        ("- conv: {filters: 4, kernel: 1}\n- relu\n- concat:\n  from: [conv, relu]", False),  # taken twice
        # A gate is needed whole before the first product.
        ("- maxpool: 2\n- global_avgpool\n- multiply:\n  from: [maxpool, global_avgpool]", False),
    ],
)
def test_what_can_run_together(layers: str, fused: bool, tmp_path: Path) -> None:
    apart, together, _ = network(tmp_path, layers).bounds()
    assert (together.moved.bytes < apart.moved.bytes) == fused


def test_a_layer_at_the_ridge_point_is_not_limited_by_memory(tmp_path: Path) -> None:
    net = network(tmp_path, "- fc: {units: 4, bias: false}", "4")  # 16 MACs, 4·(4 + 16 + 4) = 96 bytes
    assert net.roofline(Roof(32, 96)).rows[0].limit == "compute"
    assert net.roofline(Roof(32, 95)).rows[0].limit == "memory"
    assert net.roofline(Roof(32, 96)).rows[0].time == 1


# What holds for every shipped network


@pytest.fixture(scope="module", params=catalog.names())
def shipped(request: pytest.FixtureRequest) -> Network:
    return load(request.param)


def test_rows_add_up(shipped: Network) -> None:
    totals = {}
    for depth in (None, 1, 2):
        found = shipped.roofline(TEN_AND_HUNDRED, depth)
        assert add_up(row.moved for row in found.rows) == found.total.moved == shipped.traffic.total
        assert isclose(sum(row.time or 0 for row in found.rows), found.total.time or 0, rel_tol=1e-12)
        totals[depth] = (found.total, found.memory_layers, found.layers)
    assert totals[None] == totals[1] == totals[2]
    assert shipped.traffic.total.macs == shipped.totals.macs


def test_bounds_hold(shipped: Network) -> None:
    """No time is below that of the multiply-adds or of the bytes; what stays on the chip takes no longer."""
    found = shipped.roofline(TEN_AND_HUNDRED)
    bounds = shipped.bounds(TEN_AND_HUNDRED)
    for row in (*found.rows, found.total, *shipped.roofline(TEN_AND_HUNDRED, together=True).rows, *bounds):
        assert row.time is not None
        least = max(2 * row.moved.macs / 10**13, row.moved.bytes / 10**11)
        assert row.time >= least * (1 - 1e-12)
        if row.layers == 1:
            assert row.time == least
            assert (row.limit == "compute") == bool(row.moved.bytes and row.moved.intensity >= 50)
    apart, together, on_chip = bounds
    assert (apart.time or 0) * (1 + 1e-12) >= (together.time or 0) >= (on_chip.time or 0) * (1 - 1e-12)
    for more, less in ((apart, together), (together, on_chip)):
        assert all(one >= other for one, other in zip(more.moved, less.moved))


def test_what_runs_together_saves_what_is_between(shipped: Network) -> None:
    """Every tensor that is not written is not read either; multiply-adds and weights stay."""
    apart, together, _ = (bound.moved for bound in shipped.bounds())
    assert (together.macs, together.weights) == (apart.macs, apart.weights)
    assert apart.inputs - together.inputs == apart.written - together.written
    rows = shipped.roofline(together=True, depth=1).rows
    assert add_up(row.moved for row in rows) == together


def test_types_and_batches(shipped: Network) -> None:
    whole = shipped.traffic.total
    half = traffic(shipped.graph, 1, "float16").total
    assert [2 * one for one in half[1:]] == list(whole[1:])
    batch = traffic(shipped.graph, 7).total
    assert (batch.macs, batch.inputs, batch.written) == (7 * whole.macs, 7 * whole.inputs, 7 * whole.written)
    tables = any(node.layer.kind == "embedding" for node in shipped.layers)
    assert batch.weights == whole.weights or (tables and batch.weights > whole.weights)
    assert batch.intensity >= whole.intensity  # weights are used more often


def test_a_device_twice_as_fast_takes_half_the_time(shipped: Network) -> None:
    slow = shipped.roofline(TEN_AND_HUNDRED)
    fast = shipped.roofline(Roof(2 * 10**13, 2 * 10**11))
    assert [row.limit for row in fast.rows] == [row.limit for row in slow.rows]
    assert isclose(2 * (fast.total.time or 0), slow.total.time or 0, rel_tol=1e-12)


def test_weights_are_those_of_the_network(shipped: Network) -> None:
    sums = shipped.totals
    stored = 4 * (sums.params + sums.buffers)
    tables = any(node.layer.kind in ("embedding", "position_embedding") for node in shipped.layers)
    assert shipped.traffic.on_chip.weights == stored or (tables and shipped.traffic.on_chip.weights < stored)


def test_every_layer_but_a_view_writes_its_output(shipped: Network) -> None:
    for node in shipped.layers:
        if not node.train_only:
            written = 0 if node.layer.view else 4 * node.output.size
            assert shipped.traffic.layers[node.name].written == written


def test_depthwise_convolutions_have_fewer_macs_a_byte_than_the_pointwise_after_them() -> None:
    """9 MACs for a value that is read and one that is written, 4 bytes each: 9/8 a byte. With stride 2 four are read.

    Weights come on top, 9 for a channel. Why MobileNets do not reach the peak of a device.
    """
    net = load("mobilenet_v1")
    convolutions = [node for node in net.layers if node.layer.kind == "conv"][1:]
    assert len(convolutions) == 2 * 13  # Howard et al. 2017, table 1
    for depthwise, pointwise in zip(convolutions[::2], convolutions[1::2]):
        (x,) = net.graph.shapes(depthwise)
        assert depthwise.weights == 9 * x.channels
        places, strided = depthwise.output.height**2, x.height // depthwise.output.height
        expected = 9 * places / (4 * ((strided**2 + 1) * places + 9))
        assert net.traffic.layers[depthwise.name].intensity == pytest.approx(expected, rel=1e-12)
        assert net.traffic.layers[depthwise.name].intensity < 9 / 8 < net.traffic.layers[pointwise.name].intensity


# Rates and devices


@pytest.mark.parametrize("text", ["0", "0.0G", "-5T", "1e12", "nan", "inf", "", "T", "10X", "10 T T", "1.5.2T", "٣T"])
@pytest.mark.parametrize("parse", [parse_peak, parse_bandwidth])
def test_what_is_no_rate(parse: object, text: str) -> None:
    with pytest.raises(Cause):
        parse(text)  # type: ignore[operator]


def test_units_belong_to_their_rate() -> None:
    for parse, text in (
        (parse_peak, "10GB/s"),
        (parse_peak, "10Gi"),
        (parse_bandwidth, "10TFLOPS"),
        (parse_bandwidth, "5iB"),
    ):
        with pytest.raises(Cause):
            parse(text)
    assert parse_peak("1,979 TFLOPS") == 1_979 * 10**12
    assert parse_bandwidth("3.35TB/s") == 3_350 * 10**9
    assert parse_bandwidth("2 GiB/s") == 2**31
    with pytest.raises(Cause, match="too large"):
        parse_bandwidth("999999999999P")


@pytest.mark.parametrize("one", DEVICES.values(), ids=list(DEVICES))
def test_devices_are_whole_and_say_where_they_come_from(one: object) -> None:
    assert one.peaks  # type: ignore[attr-defined]
    assert len(one.source) > 40  # type: ignore[attr-defined]
    order = [one.peaks[key] for key in ("float32", "float16", "int8") if key in one.peaks]  # type: ignore[attr-defined]
    assert order == sorted(order)  # narrower types are not slower
    assert all(roof.ridge > 0.4 for key in one.peaks for roof in [one.roof(key)])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "dtype", "derived"),
    [
        ("a100", "float32", 108 * 64 * 2 * 1_410_000_000),  # multiprocessors, cores of each, FLOPs, boost clock
        ("a100", "float16", 108 * 4 * 256 * 2 * 1_410_000_000),  # tensor cores of each, multiply-adds of one
        ("v100", "float32", 80 * 64 * 2 * 1_530_000_000),
        ("v100", "float16", 80 * 8 * 64 * 2 * 1_530_000_000),
        ("t4", "float32", 40 * 64 * 2 * 1_590_000_000),
        ("h100", "float32", 132 * 128 * 2 * 1_980_000_000),
        ("jetson_nano", "float16", 128 * 2 * 2 * 921_600_000),
        ("jetson_orin_nano", "float32", 1024 * 2 * 625_000_000),
        ("xeon_e5_2699_v3", "float32", 18 * 2 * 8 * 2 * 2_300_000_000),  # cores, FMA units of 8, FLOPs, clock
        ("tpu_v1", "int8", 256 * 256 * 2 * 700_000_000),
        ("raspberry_pi_5", "float32", 4 * 2 * 4 * 2 * 2_400_000_000),
        ("raspberry_pi_5", "int8", 4 * 2 * 16 * 2 * 2_400_000_000),
        ("stm32h743", "int8", 2 * 2 * 480_000_000),
    ],
)
def test_peaks_follow_from_units_and_clocks(name: str, dtype: str, derived: int) -> None:
    assert device(name).peaks[dtype] == pytest.approx(derived, rel=0.02)


def test_devices_that_are_not_there() -> None:
    with pytest.raises(ReadError) as caught:
        device("a10")
    assert "did you mean `a100`?" in str(caught.value)
    with pytest.raises(ReadError) as caught:
        device("tpu_v1").roof("float32")
    assert "no figure is known for float32 on tpu_v1" in str(caught.value)
    assert "int8" in caught.value.problem.hint
    assert device("TPU-v1") is device("tpu_v1")


# Figures, columns and the command


def test_figures_and_columns() -> None:
    net = load("alexnet")
    assert FIGURES["bytes"].of(net) == net.traffic.total.bytes
    assert FIGURES["intensity"].of(net) == net.totals.macs / net.traffic.total.bytes
    size, intensity = chosen(layer_columns(net), ("bytes", "intensity"))
    folded, single = net.rows(1, True)[0], net.rows(None)[0]
    assert size.get(single) == 4 * (227 * 227 * 3 + 34_848 + 96 + 55 * 55 * 96)
    assert size.get(folded) == size.get(single) + 2 * 4 * 55 * 55 * 96  # with its relu
    assert intensity.get(single) == 105_415_200 / size.get(single)


def test_numbers_for_people() -> None:
    assert [duration(time) for time in (0, 1.0, 0.00099999, 0.00099996, 1e-6, 59.5)] == [
        "", "1.000 s", "1.000 ms", "1.000 ms", "1.000 µs", "59.50 s",
    ]  # fmt: skip
    assert [rate(value, "B/s") for value in (999, 1000, 25_600_000_000, 10**18)] == [
        "999 B/s", "1 KB/s", "25.6 GB/s", "1,000,000 TB/s",
    ]  # fmt: skip
    assert [decimals(value) for value in (0, 0.25, 9.996, 99.97, 12345.6)] == ["", "0.250", "10.0", "100", "12,346"]


def run(*arguments: str) -> Done:
    return command.run("roofline", *arguments)


def out(*arguments: str) -> str:
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_command_as_data() -> None:
    arguments = ("alexnet", "--peak", "10T", "--bandwidth", "100GB/s", "--batch", "4", "--dtype", "float16")
    record = json.loads(out(*arguments, "--format", "json"))
    net = load("alexnet", batch=4, dtype="float16")
    assert record["device"]["ridge"] == 50
    assert (record["batch"], record["dtype"]) == (4, "float16")
    assert sum(row["bytes"] for row in record["layers"]) == record["totals"]["bytes"] == net.traffic.total.bytes
    assert record["bounds"]["on_chip"]["bytes"] == net.traffic.on_chip.bytes
    assert record["bounds"]["apart"]["time"] == record["totals"]["time"]
    together = json.loads(out(*arguments, "--together", "--format", "json"))
    assert together["totals"]["time"] == record["bounds"]["together"]["time"] < record["totals"]["time"]
    table = list(csv.DictReader(io.StringIO(out(*arguments, "--format", "csv"))))
    assert [float(row["time"]) for row in table] == [row["time"] for row in record["layers"]]
    assert isclose(sum(row["share"] for row in record["layers"]), 1)
    assert {row["limit"] for row in record["layers"]} == {"compute", "memory", None}


def test_the_command_without_a_device() -> None:
    record = json.loads(out("alexnet", "--format", "json"))
    assert record["device"] is None
    assert not {"time", "limit", "share"} & set(record["layers"][0])
    page = out("alexnet")
    assert "least time" not in page
    assert "every layer through memory" in page


def test_the_command_for_people() -> None:
    page = out("resnet50", "--device", "a100")
    assert "NVIDIA A100 SXM4 40 GB, float32: 19.5 TFLOP/s and 1.555 TB/s; ridge point 6.27 MACs/byte" in page
    assert "A bound, not a prediction" in page
    assert "memory limits 121 of 174 layers" in page
    assert "compute 73%" in page  # 157 of 577 µs are of layers that memory limits
    assert "memory 72%" in out("mobilenet_v2", "--device", "raspberry_pi_5", "--dtype", "int8")
    assert "92 TOP/s" in out("lenet5", "--device", "tpu_v1", "--dtype", "int8")
    devices = out("--devices")
    for one in DEVICES.values():
        assert one.name in devices
        assert one.source in devices
    assert len(json.loads(out("--devices", "--format", "json"))["devices"]) == len(DEVICES)
    assert "source" in out("--devices", "--format", "csv").split("\n")[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "there is no SPEC"),
        (("alexnet", "--device", "a10"), "did you mean `a100`?"),
        (("alexnet", "--device", "a100", "--peak", "1T"), "leave out `--device`"),
        (("alexnet", "--peak", "1T"), "`--peak` needs `--bandwidth`"),
        (("alexnet", "--bandwidth", "1T"), "`--bandwidth` needs `--peak`"),
        (("alexnet", "--peak", "0", "--bandwidth", "1G"), "less than 1 a second"),
        (("alexnet", "--peak", "-1T", "--bandwidth", "1G"), "`-1T` is not a peak"),
        (("alexnet", "--peak", "1T", "--bandwidth", "fast"), "`fast` is not a bandwidth"),
        (("alexnet", "--device", "tpu_v1"), "no figure is known for float32"),
        (("alexnet", "--columns", "tine", "--device", "a100"), "did you mean `time`?"),
    ],
)
def test_misuse(arguments: tuple[str, ...], words: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_roofline_of_a_deep_network_takes_milliseconds() -> None:
    """A ceiling far above what it takes (3 ms), to notice what grows with the square of the layers."""
    net = load("resnet152")
    start = time.perf_counter()
    roofline(net.graph, traffic(net.graph), TEN_AND_HUNDRED, 1)
    assert time.perf_counter() - start < 0.5


def test_one_value() -> None:
    record = json.loads(out("lenet5", "--device", "a100", "--format", "json"))
    for path, value in (
        ("totals.bytes", record["totals"]["bytes"]),
        ("bounds.on_chip.time", record["bounds"]["on_chip"]["time"]),
        ("layers.c1.time", record["layers"][0]["time"]),
    ):
        assert out("lenet5", "--device", "a100", "--get", path) == f"{value}\n"
    done = run("lenet5", "--get", "totals.time")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no `time`" in done.stderr
