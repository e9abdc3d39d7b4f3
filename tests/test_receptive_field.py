"""Receptive fields: figures that others published, by hand, and by following every pixel on random graphs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnarch import Network, Shape, load
from cnnarch.analysis.receptive_field import AxisField, Field, ReceptiveField, receptive_field
from cnnarch.layers import KINDS
from tests.command import out, run
from tests.shipped import each_network

Write: TypeAlias = Callable[..., Network]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(layers: str, shape: str = "64x64x3") -> Network:
        path = tmp_path / "net.yaml"
        path.write_text(f"name: n\ninput: {shape}\nlayers:\n" + "".join(f"  {line}\n" for line in layers.split("\n")))
        return load(str(path))

    return write


def fields(network: Network) -> ReceptiveField:
    return receptive_field(network.graph)


def of(network: Network, name: str) -> AxisField:
    """What a layer sees along the first axis."""
    (field,) = fields(network).of(network.layer(name))
    return field.axes[0]


def ends(network: Network) -> list[Field]:
    return fields(network).ends


def figures(axis: AxisField) -> tuple[Any, ...]:
    return axis.size, axis.jump, axis.padding


# Published

# Araujo et al. 2019, and the table of their library, RECEPTIVE_FIELD_TABLE.md at github.com/google-research/
# receptive_field: size, effective stride, effective padding, for TF-Slim's networks at 224×224.
TABLE: list[tuple[str, dict[str, Any], int, str, tuple[int, int, int]]] = [
    ("vgg11", {}, 224, "stage1/maxpool", (4, 2, 1)),
    ("vgg11", {}, 224, "stage4/maxpool", (70, 16, 27)),
    ("vgg11", {}, 224, "stage5/maxpool", (150, 32, 59)),
    ("vgg16", {}, 224, "stage1/maxpool", (6, 2, 2)),
    ("vgg16", {}, 224, "stage2/maxpool", (16, 4, 6)),
    ("vgg16", {}, 224, "stage3/maxpool", (44, 8, 18)),
    ("vgg16", {}, 224, "stage4/maxpool", (100, 16, 42)),
    ("vgg16", {}, 224, "stage5/maxpool", (212, 32, 90)),
    ("inception_v3", {}, 224, "stem/conv_bn_relu5/relu", (23, 4, 2)),
    ("inception_v3", {}, 224, "stem/maxpool2", (31, 8, 2)),
    ("inception_v3", {}, 224, "last", (1311, 32, 618)),
    ("inception_v4", {}, 224, "last", (2071, 32, 998)),
    ("inception_resnet_v2", {}, 224, "last", (3039, 32, 1482)),
    ("mobilenet_v1", {}, 224, "conv_bn_relu/relu", (3, 2, 0)),
    ("mobilenet_v1", {}, 224, "separable4/conv_bn_relu2/relu", (27, 8, 6)),
    ("mobilenet_v1", {}, 224, "last", (315, 32, 126)),
    ("mobilenet_v1", {}, 321, "last", (315, 32, 157)),
    ("mobilenet_v1_0_75", {}, 224, "last", (315, 32, 126)),
    *(
        ("resnet50_tf_slim", {"depths": depths}, size, f"block{number}/unit{depths[number - 1]}/relu", expected)
        for depths, size, values in (
            ([3, 4, 6, 3], 224, [(35, 8, 15), (99, 16, 47), (291, 32, 143), (483, 32, 239)]),
            ([3, 4, 6, 3], 321, [(35, 8, 17), (99, 16, 49), (291, 32, 145), (483, 32, 241)]),
            ([3, 4, 23, 3], 224, [(35, 8, 15), (99, 16, 47), (835, 32, 415), (1027, 32, 511)]),
            ([3, 8, 36, 3], 224, [(35, 8, 15), (163, 16, 79), (1315, 32, 655), (1507, 32, 751)]),
            ([3, 24, 36, 3], 224, [(35, 8, 15), (419, 16, 207), (1571, 32, 783), (1763, 32, 879)]),
        )
        for number, expected in enumerate(values, 1)
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changes", "size", "layer", "expected"), TABLE)
def test_published(name: str, changes: dict[str, Any], size: int, layer: str, expected: tuple[int, int, int]) -> None:
    network = load(name, changes, Shape(size, size, 3))
    (field,) = ends(network) if layer == "last" else fields(network).of(network.layer(layer))
    assert [figures(axis) for axis in field.axes] == [expected] * 2
    assert field.aligned


@pytest.mark.parametrize(
    ("name", "expected", "node"),
    [
        ("alexnet_torchvision", (195, 32, 66), "adaptive_avgpool"),  # the table's 64, and 2 more before conv1
        ("alexnet_single", (195, 32, 64), "pool5"),  # as the table has alexnet_v2
        ("vgg16", (212, 32, 90), "stage5/maxpool"),
        ("resnet50", (427, 32, 213), "stage4/bottleneck3/relu"),
        ("resnet50_tf_slim", (483, 32, 239), "block4/unit3/relu"),
    ],
)
def test_last_feature_map(name: str, expected: tuple[int, int, int], node: str) -> None:
    (field,) = ends(load(name))
    assert field.node.name == node
    assert [figures(axis) for axis in field.axes] == [expected] * 2
    assert field.aligned
    assert load(name).receptive_field.least == expected[0]


def test_inception_v2_is_not_aligned() -> None:
    """The table has 699, 32 and 318 at 224 for TF-Slim's, which pads all by one rule.

    Ours is Caffe's: convolutions are padded on both sides, its pools of stride 2 on one, so that centres differ.
    """
    (field,) = ends(load("inception_v2"))
    axis = field.axes[0]
    assert figures(axis)[:2] == (699, 32)
    assert axis.padding != 318
    assert axis.aligned is False


def test_resnet18_and_34() -> None:
    """As by hand: 7 + 2·4 of the stem is 11; each 3×3 adds 2 jumps, of 4, 8, 16 and 32."""
    for name, blocks in (("resnet18", (2, 2, 2, 2)), ("resnet34", (3, 4, 6, 3))):
        size, jump = 11, 4
        for stage, many in enumerate(blocks):
            for block in range(many):
                size += 2 * jump  # the first of a block, perhaps with the stride
                jump *= 2 if stage and not block else 1
                size += 2 * jump
        assert figures(ends(load(name))[0].axes[0])[:2] == (size, jump)


# By hand


def test_one_convolution(write: Write) -> None:
    axis = of(write("- conv: {filters: 4, kernel: 5, stride: 3, padding: 1}"), "conv")
    assert axis == AxisField(5, Fraction(3), Fraction(1), 1, 5, True)  # −1, 0, 1, 2, 3; then 2, 3, 4, 5, 6


def test_an_even_window_has_its_centre_between_pixels(write: Write) -> None:
    assert of(write("- maxpool: 2"), "maxpool").start == Fraction(1, 2)


def test_dilation_reaches_farther(write: Write) -> None:
    assert of(write("- conv: {filters: 4, kernel: 3, dilation: 4, padding: half}"), "conv").size == 9


def test_axes_differ(write: Write) -> None:
    net = write("- conv: {filters: 4, kernel: [1, 7], stride: [2, 1], padding: [0, 3]}")
    (field,) = fields(net).of(net.layer("conv"))
    assert field.size == (1, 7)
    assert [axis.jump for axis in field.axes] == [2, 1]
    assert [axis.padding for axis in field.axes] == [0, 3]


def test_transposed_convolution(write: Write) -> None:
    """A kernel of 2 with stride 2: each place takes from one pixel. A kernel of 4: from two, −1 and 0, then 0 and 1."""
    assert of(write("- conv_transpose: {filters: 4, kernel: 2, stride: 2}"), "conv_transpose")[:4] == (
        1, Fraction(1, 2), Fraction(0), 0,
    )  # fmt: skip
    axis = of(write("- conv_transpose: {filters: 4, kernel: 4, stride: 2, padding: 1}"), "conv_transpose")
    assert axis[:4] == (2, Fraction(1, 2), Fraction(-1, 2), 1)


def test_upsampling_by_three_keeps_fractions(write: Write) -> None:
    net = write("- upsample: 3\n- conv: {filters: 4, kernel: 3, padding: half}")
    assert figures(of(net, "conv")) == (2, Fraction(1, 3), 1)  # 0·3 sees pixels −1 and 0, 0·3 + 1 only pixel 0


def test_padding_and_cropping_move_the_start(write: Write) -> None:
    net = write("- pad: [[3, 1], [0, 0]]\n- conv: {filters: 2, kernel: 3}\n- crop: {size: 40}")
    assert of(net, "conv").start == -2
    assert of(net, "conv").padding == 3
    assert of(net, "crop").start == -2 + (66 - 40) // 2


def test_pixels_to_channels_and_back(write: Write) -> None:
    net = write("- pixel_unshuffle: 2\n- conv: {filters: 12, kernel: 3, padding: half}\n- pixel_shuffle: 2")
    assert figures(of(net, "pixel_unshuffle")) == (2, 2, 0)
    assert figures(of(net, "conv")) == (6, 2, 2)
    assert figures(of(net, "pixel_shuffle")) == (6, 1, 2)


def test_adaptive_pool(write: Write) -> None:
    """13 → 6: windows of 3 at most, 13/6 apart on average; 12 → 6 are plain windows of 2."""
    assert figures(of(write("- adaptive_avgpool: 6", "13x13x3"), "adaptive_avgpool")) == (3, Fraction(13, 6), 0)
    assert figures(of(write("- adaptive_avgpool: 6", "12x12x3"), "adaptive_avgpool")) == (2, 2, 0)


def test_global_pooling_and_fc_see_all(write: Write) -> None:
    net = write("- conv: {filters: 2, kernel: 3, padding: half}\n- global_avgpool\n- fc: 10")
    for name in ("global_avgpool", "fc"):
        axis = of(net, name)
        assert axis.whole
        assert axis[1:4] == (None, None, None)
    assert fields(net).last[0].name == "conv"


def test_a_pool_of_what_does_not_see_all_does_not_see_all(write: Write) -> None:
    """Pixels 0 to 52 of 64: 13 windows of 5, 4 apart, without the last 11."""
    net = write("- conv: {filters: 2, kernel: 5, stride: 4}\n- crop: {size: 13}\n- global_avgpool", "64x64x1")
    axis = of(net, "global_avgpool")
    assert (axis.size, axis.whole) == (12 * 4 + 5, False)


def test_a_gate_is_left_out(write: Write) -> None:
    gate = "- global_avgpool\n- fc: 4\n- sigmoid\n- multiply:\n  from: [conv, sigmoid]"
    net = write(f"- conv: {{filters: 4, kernel: 3, padding: half}}\n{gate}")
    found = fields(net)
    assert [figures(axis) for axis in found.ends[0].axes] == [(3, 1, 1)] * 2
    assert [(one.kind, one.names) for one in found.left_out] == [("gate", ("multiply",))]


def test_what_is_added_by_global_pooling_is_not_a_gate(write: Write) -> None:
    net = write(
        "- conv: {filters: 4, kernel: 3, padding: half}\n- global_avgpool\n- add:\n  from: [conv, global_avgpool]"
    )
    assert of(net, "add").whole
    assert fields(net).left_out == ()


def test_a_gate_of_places_counts(write: Write) -> None:
    """It has windows of its own, of 7 on 3."""
    net = write(
        "- conv: {filters: 4, kernel: 3, padding: half}\n- conv: {filters: 4, kernel: 7, padding: half}\n- sigmoid\n"
        "- multiply:\n  from: [conv1, sigmoid]"
    )
    assert of(net, "multiply").size == 9
    assert fields(net).left_out == ()


def test_statistics_of_all_places_are_left_out(write: Write) -> None:
    net = write("- conv: {filters: 4, kernel: 3}\n- groupnorm: 2\n- instancenorm\n- batchnorm")
    found = fields(net)
    assert found.ends[0].size == (3, 3)
    assert [(one.kind, one.names) for one in found.left_out] == [
        ("groupnorm", ("groupnorm",)), ("instancenorm", ("instancenorm",)),
    ]  # fmt: skip


def test_paths_that_are_not_aligned(write: Write) -> None:
    """−1, 0, 1 and 0, 1, 2: each path sees 3 pixels, both together 4."""
    net = write(
        "- branches:\n    - - conv: {filters: 4, kernel: 3, stride: 2, padding: 1}\n"
        "    - - maxpool: {kernel: 3, stride: 2, padding: same}\n  merge: concat\n- conv: {filters: 2, kernel: 3}"
    )
    axis = of(net, "branches/concat" if "branches/concat" in [one.name for one in net.layers] else "concat")
    assert (axis.size, axis.together, axis.aligned) == (3, 4, False)
    last = of(net, net.layers[-1].name)
    assert (last.size, last.together, last.aligned) == (7, 8, False)


def test_tokens_lose_their_rows_and_attention_sees_all(write: Write) -> None:
    net = write("- conv: {filters: 8, kernel: 16, stride: 16}\n- tokens\n- class_token\n- layernorm\n- attention: 2")
    assert of(net, "layernorm")[:4] == (16, None, None, None)
    assert of(net, "attention").whole


def test_tokens_put_back_in_rows(write: Write) -> None:
    net = write("- conv: {filters: 8, kernel: 16, stride: 16}\n- tokens\n- layernorm\n- image: 4")
    assert of(net, "image") == of(net, "conv")


def test_windows_over_tokens_are_not_told(write: Write) -> None:
    axis = of(write("- tokens\n- conv: {filters: 4, kernel: 3}"), "conv")
    assert axis.size is None
    assert "another order" in axis.reason


def test_attention_in_windows_is_not_told(write: Write) -> None:
    net = write(
        "- conv: {filters: 8, kernel: 4, stride: 4}\n- windows: 8\n- attention: 2\n"
        "- join_windows:\n  from: [attention, conv]\n- global_avgpool"
    )
    assert of(net, "windows").size == 4
    for name in ("attention", "join_windows"):
        assert of(net, name).size is None
    assert of(net, "global_avgpool").whole  # wherever windows lie, all places together see all
    assert net.receptive_field.least is None
    assert "join_windows" in net.receptive_field.reason


def test_one_window_sees_all(write: Write) -> None:
    assert of(write("- windows: 64\n- attention: 1"), "attention").whole


def test_columns_see_all_rows(write: Write) -> None:
    net = write("- conv: {filters: 8, kernel: 3, padding: half}\n- columns")
    (field,) = fields(net).of(net.layer("columns"))
    assert [axis.whole for axis in field.axes] == [True, False]
    assert figures(field.axes[1]) == (3, 1, 1)


def test_several_inputs(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(
        "name: n\ninput: {left: 32x32x3, right: 32x32x3, text: 8x1}\nlayers:\n"
        "  - {conv: {filters: 4, kernel: 3, padding: half}, from: left, name: a}\n"
        "  - {conv: {filters: 4, kernel: 5, padding: half}, from: right, name: b}\n"
        "  - {add: , from: [a, b]}\n"
        "  - {embedding: {vocabulary: 9, units: 4}, from: text, name: words}\n"
    )
    net = load(str(path))
    found = fields(net)
    assert [(field.input, field.size) for field in found.of(net.layer("a"))] == [("left", (3, 3))]
    assert [(field.input, field.size) for field in found.of(net.layer("add"))] == [("left", (3, 3)), ("right", (5, 5))]
    assert [(field.input, field.size) for field in found.of(net.layer("words"))] == [("text", (1,))]
    assert found.least == 1


def test_what_never_looks_at_the_input(write: Write) -> None:
    """A vector has no places, and neither has what is made of it."""
    found = fields(write("- fc: 10", "32"))
    assert (found.last, found.least) == ((), None)
    assert found.reason


# By following every pixel

Node: TypeAlias = dict[str, Any]  # of a spec
TURN = 2**4 * 3 * 5  # places, behind which all see the same as these, farther on
PLACES = range(TURN)


def keeping() -> st.SearchStrategy[list[Node]]:
    """Layers that keep the size of a sequence."""
    odd = st.sampled_from([1, 3, 5])
    return st.one_of(
        st.builds(lambda k, d: [{"conv": {"filters": 2, "kernel": k, "dilation": d, "padding": "half"}}], odd,
                  st.integers(1, 3)),
        st.builds(lambda k, d: [{"conv": {"filters": 2, "kernel": k, "dilation": d, "padding": "same"}}],
                  st.integers(1, 4), st.integers(1, 2)),
        st.builds(lambda k: [{"maxpool": {"kernel": k, "stride": 1, "padding": "same"}}], st.integers(1, 4)),
        st.builds(lambda a, b: [{"pad": {"padding": [[a, b]]}}, {"conv": {"filters": 2, "kernel": a + b + 1}}],
                  st.integers(0, 2), st.integers(0, 2)),
        st.just([{"scale": {"bias": True}}]),
    )  # fmt: skip


def halving() -> st.SearchStrategy[list[Node]]:
    return st.sampled_from([
        [{"conv": {"filters": 2, "kernel": 3, "stride": 2, "padding": 1}}],
        [{"conv": {"filters": 2, "kernel": 4, "stride": 2, "padding": 1}}],
        [{"conv": {"filters": 2, "kernel": 1, "stride": 2}}],
        [{"conv": {"filters": 2, "kernel": 3, "stride": 2, "dilation": 2, "padding": 2}}],
        [{"maxpool": {"kernel": 2}}],
        [{"maxpool": {"kernel": 3, "stride": 2, "padding": "same"}}],
        [{"avgpool": {"kernel": 3, "stride": 2, "ceil": True}}],
    ])  # fmt: skip


def doubling() -> st.SearchStrategy[list[Node]]:
    return st.sampled_from([
        [{"conv_transpose": {"filters": 2, "kernel": 2, "stride": 2}}],
        [{"conv_transpose": {"filters": 2, "kernel": 4, "stride": 2, "padding": 1}}],
        [{"conv_transpose": {"filters": 2, "kernel": 3, "stride": 2, "padding": "same"}}],
        [{"conv_transpose": {"filters": 2, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1}}],
        [{"conv_transpose": {"filters": 2, "kernel": 3, "stride": 2, "dilation": 3, "padding": "same"}}],
        [{"conv_transpose": {"filters": 2, "kernel": 1, "stride": 2, "output_padding": 1}}],
        [{"upsample": {"factor": 2}}],
        [{"upsample": {"factor": 2, "mode": "bilinear"}}],
        [{"upsample": {"factor": 2, "mode": "bicubic"}}],
    ])  # fmt: skip


def thirds() -> st.SearchStrategy[list[Node]]:
    """To three halves of the size, or by three and back."""
    return st.sampled_from([
        [{"upsample": {"factor": 3, "mode": "bilinear"}}, {"adaptive_avgpool": 24}],
        [{"adaptive_avgpool": 36}, {"adaptive_maxpool": 24}],
        [{"adaptive_avgpool": 10}, {"upsample": {"size": 24}}],
        [{"upsample": {"size": 30, "mode": "bilinear"}}, {"upsample": {"size": 24, "mode": "bilinear"}}],
    ])  # fmt: skip


@st.composite
def chains(draw: st.DrawFn, depth: int = 2) -> list[Node]:
    """Layers that leave a sequence of 24 as long as it is."""
    pieces = []
    for _ in range(draw(st.integers(1, 3))):
        what = draw(st.sampled_from(["keep", "down up", "up down", "thirds", "branches", "branches"]))
        if what == "branches" and depth:
            parts = draw(st.lists(chains(depth - 1), min_size=2, max_size=3))
            pieces.append([{"branches": parts, "merge": "add"}])
        elif what == "thirds" and depth == 2:
            pieces.append(draw(thirds()))
        elif what == "down up":
            pieces += [draw(halving()), draw(keeping()), draw(doubling())]
        elif what == "up down":
            pieces += [draw(doubling()), draw(halving())]
        else:
            pieces.append(draw(keeping()))
    return [node for piece in pieces for node in piece]


Rule: TypeAlias = Callable[[int], list[int]]  # which places of the input a place of the output reads


def plain_rule(kind: str, given: dict[str, Any], length: int) -> tuple[Rule, int]:
    """How one layer reads, said anew, and the length that it leaves."""
    k, d = given.get("kernel", 1), given.get("dilation", 1)
    s = given.get("stride", k if kind in ("maxpool", "avgpool") else 1)
    reach, pad = d * (k - 1) + 1, given.get("padding", 0)
    if kind == "conv_transpose":
        cut = max(reach - s, 0) if pad == "same" else 2 * pad
        before = cut // 2
        where = set(range(0, d * k, d))
        longer = (length - 1) * s + reach - cut + given.get("output_padding", 0)
        near = (reach + s) // s + 2
        return (lambda o: [i for i in range(o // s - near, o // s + near) if o + before - i * s in where]), longer
    if kind in ("conv", "maxpool", "avgpool"):
        total = (
            max((ceil(length / s) - 1) * s + reach - length, 0)
            if pad == "same"
            else 2 * pad
            if pad != "half"
            else 2 * (reach // 2)
        )
        before = total // 2
        room = length + total - reach
        shorter = (ceil(room / s) if given.get("ceil") else room // s) + 1
        return (lambda o: [o * s - before + d * t for t in range(k)]), shorter
    if kind == "pad":
        ((before, after),) = given["padding"]
        return (lambda o: [o - before]), length + before + after
    if kind.startswith("adaptive"):
        n = given["size"]
        return (lambda o: [*range(floor(Fraction(o * length, n)), ceil(Fraction((o + 1) * length, n)))]), n
    if kind == "upsample":
        n = given.get("size", length * given.get("factor", 1))
        return (lambda o: interpolated(o, Fraction(length, n), given.get("mode", "nearest"))), n
    assert kind == "scale"
    return (lambda o: [o]), length


def interpolated(o: int, scale: Fraction, mode: str) -> list[int]:
    if mode == "nearest":
        return [floor(o * scale)]
    middle = (o + Fraction(1, 2)) * scale - Fraction(1, 2)
    near = {"bilinear": 1, "bicubic": 2}[mode]
    every = range(floor(middle) - 2, floor(middle) + 4)
    return [i for i in every if abs(i - middle) < near and (i == middle or middle.denominator > 1)]


Pixels: TypeAlias = Callable[[int], frozenset[int]]


def behind(paths: list[Pixels], rule: Rule) -> list[Pixels]:
    def through(path: Pixels) -> Pixels:
        known: dict[int, frozenset[int]] = {}

        def pixels(o: int) -> frozenset[int]:
            if o not in known:
                known[o] = frozenset().union(*(path(i) for i in rule(o)))
            return known[o]

        return pixels

    return [through(path) for path in paths]


def all_paths(layers: list[Node], paths: list[Pixels], length: int) -> tuple[list[Pixels], int, bool]:
    """Every path through the layers, as the pixels that each place sees along it; borders go on for ever.

    Also the length, and whether paths agree wherever some come together.
    """
    aligned = True
    for node in layers:
        if "branches" in node:
            found = [all_paths(branch, paths, length) for branch in node["branches"]]
            paths = [path for branch, _, _ in found for path in branch]
            (length,) = {after for _, after, _ in found}
            aligned = aligned and all(agreed for _, _, agreed in found) and agree(paths)
        else:
            ((kind, given),) = node.items()
            if kind.startswith("adaptive"):
                given = {"size": given}
            rule, length = plain_rule(kind, given or {}, length)
            paths = behind(paths, rule)
    return paths, length, aligned


def extent(pixels: frozenset[int]) -> int:
    return max(pixels) - min(pixels) + 1 if pixels else 0


def step(path: Pixels) -> Fraction:
    """How far the field moves from a place to the next, over as many places as all these layers take to repeat."""
    here, there = path(0), path(TURN)
    return Fraction(min(there) - min(here), TURN) if here and there else Fraction(-1)


def centre(pixels: frozenset[int]) -> Fraction | None:
    return Fraction(min(pixels) + max(pixels), 2) if pixels else None


def agree(paths: list[Pixels]) -> bool:
    return len({(step(path), *(centre(path(o)) for o in PLACES)) for path in paths}) == 1


def load_chain(layers: list[Node], folder: Path, length: int = 24) -> Network:
    path = folder / "net.yaml"
    path.write_text(yaml.safe_dump({"name": "n", "input": f"{length}x2", "layers": layers}, sort_keys=False))
    return load(str(path))


@settings(max_examples=12, deadline=None)
@given(chains())
def test_every_pixel(tmp_path_factory: pytest.TempPathFactory, layers: list[Node]) -> None:
    network = load_chain(layers, tmp_path_factory.mktemp("random"))
    paths, length, aligned = all_paths(layers, [lambda o: frozenset([o])], 24)
    assert network.layers[-1].output == Shape(length, 2)
    axis = of(network, network.layers[-1].name)
    sizes = [max(extent(path(o)) for o in PLACES) for path in paths]
    assert axis.size == max(sizes)
    assert axis.aligned == aligned
    largest = [path for path, size in zip(paths, sizes) if size == axis.size]
    if all(path(0) for path in largest):
        assert (axis.jump, axis.start, axis.padding) in [
            (step(path), centre(path(0)), -min(path(0))) for path in largest
        ]
    if len({step(path) for path in paths}) == 1:
        assert axis.together == max(extent(frozenset().union(*(path(o) for path in paths))) for o in PLACES)


# What is not trusted


def test_places_that_all_differ_are_followed_to_a_limit(write: Write) -> None:
    """From 4000 to 3989, a prime: no two places read alike; from 3990 to 4001, another: all pairs of these differ."""
    more = "- pad: [[0, 1]]\n- upsample: {size: 4001}\n- conv: {filters: 1, kernel: 3}"
    net = write(f"- upsample: {{size: 3989}}\n{more}", "4000x1")
    assert of(net, "upsample1").size == 1
    assert of(net, "upsample2").size is None
    assert "more than 4,096" in of(net, "conv").reason


def test_what_would_take_long_is_given_up(write: Write) -> None:
    """Two hundred layers, in each of which 3989 places differ."""
    wide = "- conv: {filters: 1, kernel: 2001, dilation: 2, padding: 2000}\n"
    net = write("- conv_transpose: {filters: 1, kernel: 1, stride: 3989}\n" + (wide * 200).rstrip(), "9x1")
    begin = time.perf_counter()
    reason = of(net, "conv200").reason
    assert time.perf_counter() - begin < 10
    assert reason


# Speed


def test_resnet152_is_quick() -> None:
    """3 ms; five times as much is allowed for machines that are busy."""
    graph = load("resnet152").graph

    def once() -> float:
        start = time.perf_counter()
        receptive_field(graph)
        return time.perf_counter() - start

    assert min(once() for _ in range(10)) < 0.02


# On the command line


def test_table() -> None:
    rows = out("receptive-field", "vgg16").splitlines()
    (row,) = [row for row in rows if row.startswith("stage5/maxpool")]
    assert row.split()[-5:] == ["212×212", "32", "15.5", "90", "yes"]
    last = "last feature map: stage5/maxpool, 7×7×512: receptive field 212×212, jump 32, padding 90"
    assert last in rows


def test_what_reads_place_by_place_is_shown_if_it_is_asked_for() -> None:
    assert "relu" not in out("receptive-field", "vgg16", "stage1")
    assert "stage1/relu1" in out("receptive-field", "vgg16", "stage1", "--all")
    assert "stage1/relu1" in out("receptive-field", "vgg16", "stage1/relu1")


def test_json() -> None:
    record = json.loads(out("receptive-field", "alexnet_torchvision", "--format", "json"))
    network = load("alexnet_torchvision")
    assert record["receptive_field"] == 195
    assert [one["name"] for one in record["layers"]] == [node.name for node in network.layers]
    (end,) = record["last"]
    assert (end["name"], end["receptive_field"], end["jump"], end["start"], end["padding"]) == (
        "adaptive_avgpool", [195, 195], [32, 32], [31, 31], [66, 66],
    )  # fmt: skip
    assert record["layers"][-1]["whole"] is True


def test_csv_has_fractions_as_decimals() -> None:
    text = out("receptive-field", "vgg16", "stage5/maxpool", "--format", "csv", "--columns", "name,start,padding")
    assert text == "name,start,padding\nstage5/maxpool,15.5x15.5,90x90\n"


def test_one_value() -> None:
    assert out("receptive-field", "resnet50", "--get", "receptive_field") == "427\n"
    assert out("receptive-field", "resnet50", "--get", "layers.stem/maxpool.padding") == "5x5\n"


def test_one_value_that_is_not_known() -> None:
    done = run("receptive-field", "maskrcnn_resnet50_fpn", "--get", "receptive_field")
    assert done.returncode == 2
    assert "not known" in done.stderr
    assert "regions of interest lie anywhere" in done.stderr


def test_what_is_left_out_is_said() -> None:
    assert "Left out: 16 gates (" in out("receptive-field", "efficientnet_b0")
    assert "Left out: 40 groupnorm (" in out("receptive-field", "fcos_resnet50_fpn")
    assert "Left out" not in out("receptive-field", "resnet50")


def test_paths_that_are_not_aligned_are_said() -> None:
    assert "paths are not aligned" in out("receptive-field", "inception_v2")
    assert "not aligned" not in out("receptive-field", "inception_v3").lower()


def test_columns_of_summary() -> None:
    record = json.loads(out("summary", "resnet50", "--format", "json", "--columns", "name,receptive_field,jump"))
    seen = {one["name"]: (one["receptive_field"], one["jump"]) for one in record["layers"]}
    assert seen["stage4/bottleneck3/relu"] == ([427, 427], [32, 32])
    assert seen["fc"][1] is None


def test_a_block_has_the_field_of_its_last_layer() -> None:
    record = json.loads(
        out("summary", "resnet50", "--depth", "1", "--format", "json", "--columns", "name,receptive_field")
    )
    assert {one["name"]: one["receptive_field"] for one in record["layers"]}["stage3"] == [267, 267]


def test_budget() -> None:
    network = load("resnet50")
    assert network.check(min_receptive_field="427").ok
    assert not network.check(min_receptive_field="428").ok
    (outcome,) = load("maskrcnn_resnet50_fpn").check(min_receptive_field="1").budgets
    assert not outcome.kept
    assert "regions of interest lie anywhere" in outcome.reason


def test_budget_says_why_it_is_not_kept() -> None:
    done = run("check", "maskrcnn_resnet50_fpn", "--min-receptive-field", "1")
    assert done.returncode == 1
    assert "not known (roi_align1: regions of interest lie anywhere)" in done.stdout


# Explained


def test_steps() -> None:
    """19 + (5 − 1)·8 = 51, after conv1 and pool1."""
    steps = {step.quantity: step for step in load("alexnet").explain("conv2").steps}
    assert (steps["receptive field"].arithmetic, steps["receptive field"].value) == ("19 + (5 - 1) * 8", 51)
    assert (steps["jump"].arithmetic, steps["jump"].value) == ("8 * 1", 8)


@pytest.mark.parametrize("name", ["resnet50", "inception_v3", "deeplabv3_resnet50", "unet", "ssd300_vgg16", "swin_t"])
def test_steps_are_what_is_found(name: str) -> None:
    network = load(name)
    found = network.receptive_field
    told = 0
    for node in network.layers:
        steps = {step.quantity: step for step in found.growth(node)}
        (field,) = found.of(node)
        for axis, side in zip(field.axes, ("height", "width")):
            for quantity, value in (("receptive field", axis.size), ("jump", axis.jump)):
                step = steps.get(quantity) or steps.get(f"{quantity}, {side}")
                if step is not None:
                    assert step.value == value == eval(step.arithmetic), node.name
                    told += 1
    assert told


# Every shipped network, kind and place


@each_network
def test_every_network_has_a_figure_or_a_reason(name: str) -> None:
    found = load(name).receptive_field
    assert found.last
    assert (found.least is None) == bool(found.reason)
    if found.least is None:
        assert name in ("fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn")
    for field in found.ends:
        for axis in field.axes:
            assert (axis.size is None) == bool(axis.reason)


def test_every_kind_says_how_it_reads() -> None:
    for kind, layer in KINDS.items():
        given, shapes = layer.sample or ({}, (Shape(6, 6, 4),) * layer.inputs[0])
        assert len(layer(**given).field(*shapes)) == len(shapes), kind
