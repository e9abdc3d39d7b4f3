"""What was added, removed and changed between two networks: pairs made by hand, and what must hold for every pair."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cnnarch import Network, load
from cnnarch.analysis.blocks import by_block
from cnnarch.analysis.difference import STATUSES, Entry, compare, differ
from cnnarch.analysis.totals import Totals
from cnnarch.errors import ReadError
from cnnarch.render import renderer
from cnnarch.render.comparison import page_of_several, sides
from cnnarch.render.difference import change, page, record
from cnnarch.spec import catalog
from tests.shipped import each_network

ROOT = Path(__file__).parent.parent

PLAIN = """\
name: Net
input: 32x32x3
layers:
  - conv: {filters: 16, kernel: 3, padding: half}
  - relu
  - conv: {filters: 32, kernel: 3, padding: half}
  - relu
  - maxpool: 2
  - conv: {filters: 64, kernel: 3, padding: half}
  - relu
  - global_avgpool
  - fc: 10
"""
BLOCKS = """\
name: Net
input: 32x32x3
settings: {repeats: 2, classes: 10}
blocks:
  unit:
    settings: {filters: }
    layers:
      - conv: {filters: filters, kernel: 3, padding: half, bias: false}
      - batchnorm
      - relu
  end:
    layers: [unit: 64, global_avgpool, fc: classes]
layers:
  - unit: 16
  - maxpool: 2
  - unit: 32
    repeat: repeats
  - end
"""
SKIP = """\
name: Net
input: 8x8x4
layers:
  - conv: {filters: 4, kernel: 3, padding: half}
    name: a
  - relu: {}
    name: b
  - conv: {filters: 4, kernel: 3, padding: half}
    name: c
  - add:
    from: [c, a]
    name: sum
"""
SHARED = """\
name: Net
input: 8x8x4
layers:
  - conv: {filters: 4, kernel: 3, padding: half}
    name: a
  - conv: {filters: 4, kernel: 3, padding: half}
    name: b
"""


MORE = "{filters: 24, kernel: 5, padding: half}"


def made(text: str, *swaps: tuple[str, str]) -> str:
    for old, new in swaps:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def network(folder: Path, text: str, name: str = "net") -> Network:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return load(str(path))


def told(entries: list[Entry]) -> list[str]:
    return [f"{entry.status} {entry.name}: {change(entry)}" for entry in entries]


# What is said of pairs made by hand: a network, what is changed in its text, what is told to people.
# Where a number of layers or parameters stands, it was counted by hand.
CASES: dict[str, tuple[str, list[tuple[str, str]], list[str]]] = {
    "nothing": (PLAIN, [], []),
    "a setting": (
        PLAIN,
        [("filters: 64", "filters: 48")],
        ["changed conv3: filters 64 → 48", "changed global_avgpool: input 16×16×64 → 16×16×48",
         "changed fc: input 64 → 48"],
    ),
    "a setting written in another way": (PLAIN, [("filters: 64, kernel: 3", "filters: 64, kernel: [3, 3]")], []),
    "a padding that comes to the same": (PLAIN, [("64, kernel: 3, padding: half", "64, kernel: 3, padding: same")], []),
    "a kernel that changes nothing else": (
        PLAIN,
        [("filters: 64, kernel: 3", "filters: 64, kernel: 5")],
        ["changed conv3: kernel 3×3 → 5×5, padding 1 → 2"],
    ),
    "a layer put in at the end": (PLAIN, [("  - fc: 10\n", "  - dropout\n  - fc: 10\n")], ["added dropout: dropout"]),
    "a layer put in between layers of its kind": (
        PLAIN,
        [("  - conv: {filters: 32", f"  - conv: {MORE}\n  - relu\n  - conv: {{filters: 32")],
        ["added conv2: 24 of 5×5, padding 2, relu", "changed conv3: was conv2, input 32×32×16 → 32×32×24",
         "renamed conv4: was conv3"],
    ),
    "a layer left out": (
        PLAIN,
        [("  - conv: {filters: 32, kernel: 3, padding: half}\n  - relu\n", "")],
        ["removed conv2: 32 of 3×3, padding 1, relu", "changed maxpool: input 32×32×32 → 32×32×16",
         "changed conv2: was conv3, input 16×16×32 → 16×16×16"],
    ),
    "another input": (
        PLAIN,
        [("input: 32x32x3", "input: 32x32x1")],
        ["changed input: 32×32×3 → 32×32×1", "changed conv1: input 32×32×3 → 32×32×1"],
    ),
    "another kind under one name": (
        PLAIN,
        [("  - maxpool: 2\n", "  - avgpool: 2\n    name: maxpool\n")],
        ["changed maxpool: kind maxpool → avgpool"],
    ),
    "another kind": (
        PLAIN,
        [("  - maxpool: 2\n", "  - avgpool: 2\n")],
        ["removed maxpool: max 2×2, stride 2", "added avgpool: average 2×2, stride 2"],
    ),
    "another name": (PLAIN, [("  - maxpool: 2\n", "  - maxpool: 2\n    name: shrink\n")],
                     ["renamed shrink: was maxpool"]),
    "another name for another layer": (
        PLAIN,
        [("  - maxpool: 2\n", "  - maxpool: {kernel: 3, stride: 2, padding: 1}\n    name: shrink\n")],
        ["removed maxpool: max 2×2, stride 2", "added shrink: max 3×3, stride 2, padding 1"],
    ),
    "notes, sources and the network's name": (
        PLAIN,
        [("name: Net\n", "name: Other\nsource: a book\nyear: 1999\nnote: new\n"),
         ("  - maxpool: 2\n", "  - maxpool: 2\n    note: it shrinks\n")],
        [],
    ),
    "more turns of a repeat": (
        BLOCKS,
        [("repeats: 2", "repeats: 4")],
        ["added unit4 … unit5: unit, 6 layers"],
    ),
    "fewer turns of a repeat": (BLOCKS, [("repeats: 2", "repeats: 1")], ["removed unit3: unit, 3 layers"]),
    "a block left out": (
        BLOCKS,
        [("  - unit: 16\n", "")],
        ["removed unit1: unit, 3 layers", "changed maxpool: input 32×32×16 → 32×32×3",
         "changed unit1/conv: was unit2/conv, input 16×16×16 → 16×16×3", "renamed unit2: was unit3, 3 layers"],
    ),
    "classes": (BLOCKS, [("classes: 10", "classes: 12")], ["changed end/fc: units 10 → 12"]),
    "a block with another name": (BLOCKS, [("  - end\n", "  - end: {}\n    name: head\n")],
                                  ["renamed head: was end, 5 layers"]),
    "what a layer adds": (SKIP, [("from: [c, a]", "from: [c, b]")], ["changed sum: from c and a → c and b"]),
    "the order of what is added": (SKIP, [("from: [c, a]", "from: [a, c]")], []),
    "whose weights it uses": (SHARED, [("    name: b\n", "    name: b\n    share: a\n")],
                              ["changed b: weights of its own → a"]),
    "what runs only in training": (SHARED, [("    name: b\n", "    name: b\n    train_only: true\n")],
                                   ["changed b: only in training no → yes"]),
}  # fmt: skip
OTHER = {"removed": "added", "added": "removed", "changed": "changed", "renamed": "renamed"}


@pytest.mark.parametrize("case", CASES)
def test_what_is_told(case: str, tmp_path: Path) -> None:
    text, swaps, expected = CASES[case]
    left, right = network(tmp_path, text), network(tmp_path, made(text, *swaps), "other")
    found = compare(left.graph, right.graph)
    assert told(by_block(found, fold=True)) == expected
    assert differ(left, right) == bool(expected)
    assert differ(right, left) == bool(expected)
    check(left, right)


def check(left: Network, right: Network) -> None:
    """What must hold for every pair of networks."""
    found, back = compare(left.graph, right.graph), compare(right.graph, left.graph)
    # All layers of both are accounted for
    count = {status: sum(entry.status == status for entry in found.entries) for status in STATUSES}
    inputs = sum(entry.left is not None and entry.left.nodes[0].is_input for entry in found.entries)
    same = found.unchanged + len(left.inputs) - inputs
    assert len(left.graph.nodes) == same + count["changed"] + count["renamed"] + count["removed"]
    assert len(left.graph.nodes) - len(right.graph.nodes) == count["removed"] - count["added"]
    # One network seen from the other
    assert {(OTHER[one.status], one.was or one.name, one.name if one.was else "") for one in found.entries} == {
        (one.status, one.name, one.was) for one in back.entries
    }
    assert found.unchanged == back.unchanged
    # Sums, whatever is summed up
    for entries in (found.entries, *(by_block(found, depth, fold) for depth in (None, 1, 2) for fold in (False, True))):
        for key in Totals._fields:
            expected = getattr(right.totals, key) - getattr(left.totals, key)
            assert sum(entry.difference(key) for entry in entries) == expected, key
        kept = sum(len(part.nodes) for entry in entries for part in (entry.left, entry.right) if part)
        assert kept == sum(1 if entry.left is None or entry.right is None else 2 for entry in found.entries)


@each_network
def test_a_network_does_not_differ_from_itself(name: str) -> None:
    one, other = load(name), load(name)
    found = compare(one.graph, other.graph)
    assert found.entries == []
    assert found.unchanged == len(one.layers)


NEIGHBOURS = list(zip(catalog.names(), catalog.names()[1:]))[::7]


@pytest.mark.parametrize(("left", "right"), NEIGHBOURS, ids=str)
def test_what_holds_for_every_pair(left: str, right: str) -> None:
    check(load(left), load(right))


def test_figures_of_a_batch_and_a_type(tmp_path: Path) -> None:
    """A 3×3 convolution with 16 filters more on 16×16: 16 · (9·32 + 1) parameters, 16·16·16 numbers an input more."""
    for name, filters in (("a", 64), ("b", 80)):
        (tmp_path / f"{name}.yaml").write_text(made(PLAIN, ("filters: 64", f"filters: {filters}")), encoding="utf-8")
    left, right = (load(str(tmp_path / f"{name}.yaml"), batch=3, dtype="float16") for name in "ab")
    entry = compare(left.graph, right.graph, 3, "float16").entries[0]
    assert entry.name == "conv3"
    assert entry.difference("params") == 16 * (9 * 32 + 1)
    assert entry.difference("macs") == 3 * 16 * 16 * 16 * 9 * 32
    assert entry.difference("output_bytes") == 3 * 2 * 16 * 16 * 16


def test_resnets() -> None:
    """ResNet-101 has 17 bottlenecks more in its third stage, He et al. 2015, table 1; each has 1,117,184 parameters."""
    entries = by_block(compare(load("resnet50").graph, load("resnet101").graph), fold=True)
    assert told(entries) == ["added stage3/bottleneck7 … bottleneck23: bottleneck, 170 layers"]
    assert entries[0].difference("params") == 17 * (1024 * 256 + 256 * 256 * 9 + 256 * 1024 + 2 * (256 + 256 + 1024))
    # The first ResNet strides in the first convolution of a bottleneck, torchvision's in the second.
    found = compare(load("resnet50").graph, load("resnet50_v1").graph)
    strides = [one for entry in found.entries for one in entry.changes if one.what == "stride"]
    assert [(one.left, one.right) for one in strides] == [(1, 2), (2, 1)] * 3


def test_an_order_that_is_only_another(tmp_path: Path) -> None:
    """Branches that change places are the same layers, by their names."""
    text = """\
name: Net
input: 8x8x4
layers:
  - relu: {}
    name: start
  - conv: {filters: 4, kernel: 1}
    name: FIRST
    from: start
  - conv: {filters: 8, kernel: 1}
    name: SECOND
    from: start
  - concat:
    from: [small, large]
"""
    left = network(tmp_path, text.replace("FIRST", "small").replace("SECOND", "large"))
    swapped = (
        text.replace("filters: 4", "filters: 0").replace("filters: 8", "filters: 4").replace("filters: 0", "filters: 8")
    )
    right = network(tmp_path, swapped.replace("FIRST", "large").replace("SECOND", "small"), "other")
    assert compare(left.graph, right.graph).entries == []


def test_names_that_nest_deeply(tmp_path: Path) -> None:
    name = "/".join("a" * 32)
    blocks = "".join(
        f"  b{number}:\n    layers:\n      - b{number + 1}: {{}}\n        name: {name}\n" for number in range(31)
    )
    texts = [
        f"name: Deep\ninput: 4x4x1\nblocks:\n{blocks}  b31:\n    layers: [{last}]\nlayers: [b0]\n"
        for last in ("relu", "gelu")
    ]
    left, right = (network(tmp_path, text, str(number)) for number, text in enumerate(texts))
    found = compare(left.graph, right.graph)
    assert [entry.status for entry in by_block(found)] == ["removed", "added"]


# Pages and records


def printed(form: str, left: Network, right: Network, depth: int | None = None) -> str:
    return str(renderer(form)(page(left, right, depth)))


def test_a_table_that_would_be_very_long_is_of_blocks() -> None:
    """EfficientNet-B0 and B1 differ in nearly all layers; ResNet-50 in a few, which stand each in a row."""
    assert "shown to a depth of 2: `--depth` goes deeper" in printed(
        "table", load("efficientnet_b0"), load("efficientnet_b1")
    )
    assert "depth" not in printed("table", load("resnet50"), load("resnet50_v1"))


@pytest.mark.parametrize(
    "pair",
    [
        ("alexnet", "alexnet_torchvision"),
        ("resnet50", "resnet50_v1"),
        ("vgg16", "resnet50"),
        ("mobilenet_v2", "mobilenet_v3_large"),
        ("googlenet", "densenet121"),
    ],
)
def test_nothing_is_cut_in_a_narrow_terminal(pair: tuple[str, str]) -> None:
    shown = page(load(pair[0]), load(pair[1]))
    wide, narrow = renderer("table")(shown), renderer("table")(shown, 80, False)
    assert max(map(len, narrow.splitlines())) <= 80
    for signed in re.findall(r"[+−][\d,]{4,}", narrow):
        assert signed in wide
    assert "params" in narrow


def test_markdown_folds_what_is_long(tmp_path: Path) -> None:
    text = printed("markdown", load("alexnet"), load("alexnet_torchvision"))
    assert text.startswith("**AlexNet, without padding → AlexNet, torchvision**\n")
    assert "<details>\n<summary>layer by layer, all 16 lines</summary>\n\n|" in text
    assert text.count("<details>") == text.count("</details>") == 1
    assert "| MACs | 614,310,432 | 714,188,480 | +99,878,048 | +16.3% |" in text
    left, right = network(tmp_path, PLAIN), network(tmp_path, made(PLAIN, ("fc: 10", "fc: 12")), "other")
    assert "<details>" not in printed("markdown", left, right)


def test_names_have_no_effect_in_a_comment(tmp_path: Path) -> None:
    sly = "</summary><img src=x>| `a` [b](http://c) @everyone #1 *d*\\n"
    left = network(tmp_path, made(PLAIN, ("name: Net", f'name: "{sly}"')))
    right = network(tmp_path, made(PLAIN, ("name: Net", f'name: "{sly}x"'), ("fc: 10", "fc: 12")), "a|b`<i>@you")
    text = printed("markdown", left, right)
    assert "<img" not in text and "<i>" not in text and "</summary><" not in text
    assert not re.search(r"@\w|(?<!&)#\d|(?<!\\)`|(?<!\\)\[", text)
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {6, 9}


def test_json_has_raw_values(tmp_path: Path) -> None:
    text, swaps, _ = CASES["a layer put in between layers of its kind"]
    left, right = network(tmp_path, text), network(tmp_path, made(text, *swaps), "other")
    found: Any = json.loads(renderer("json")(record(left, right)))
    assert [one["name"] for one in found["added"]] == ["conv2", "relu2"]
    assert found["added"][0]["weights"] == 5 * 5 * 16 * 24
    assert found["removed"] == []
    assert [(one["name"], one["was"]) for one in found["changed"]] == [("conv3", "conv2")]
    assert found["changed"][0]["changes"] == [
        {"what": "name", "left": "conv2", "right": "conv3"},
        {"what": "input", "left": [32, 32, 16], "right": [32, 32, 24]},
    ]
    assert found["changed"][0]["difference"]["weights"] == 3 * 3 * 8 * 32
    assert [one["name"] for one in found["renamed"]] == ["relu3", "conv4", "relu4"]
    assert found["unchanged"] == 5
    assert found["totals"]["weights"] == {"left": 24112, "right": 36016, "difference": 11904}


def test_json_gives_every_layer_unless_a_depth_is_given() -> None:
    networks = load("resnet50"), load("resnet101")
    assert len(record(*networks)["added"]) == 170
    assert [one["layers"] for one in record(*networks, depth=2)["added"]] == [10] * 17
    [stage] = record(*networks, depth=1)["changed"]
    assert (stage["name"], stage["changes"], stage["layers"]) == ("stage3", [], 232)
    assert (stage["inside"], stage["left"]) == ({"added": 170}, None)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("a.yaml", "b.yaml"), ["a.yaml", "b.yaml"]),
        (("a.yaml", "a.yaml"), ["left", "right"]),
        (("/dev/fd/63", "a.yaml"), ["Net", "a.yaml"]),
        (("-", "a.yaml"), ["Net", "a.yaml"]),
        (("/dev/fd/63", "/dev/fd/62"), ["left", "right"]),
        (("a", "b", "a"), ["a (1)", "b (2)", "a (3)"]),
        ((f"{'a' * 40}.yaml", "b.yaml"), ["left", "right"]),
        ((f"{'some/folder/' * 4}a.yaml", "b.yaml"), [f"{'some/folder/' * 4}a.yaml", "b.yaml"]),
    ],
)  # fmt: skip
def test_what_stands_above_the_columns(labels: tuple[str, ...], expected: list[str], tmp_path: Path) -> None:
    networks = [network(tmp_path, PLAIN) for _ in labels]
    for one, label in zip(networks, labels):
        one.label = label
    assert sides(networks) == expected


def test_several_networks_stand_side_by_side_where_there_is_room() -> None:
    few = page_of_several([load(name) for name in ("vgg11", "vgg13", "vgg16", "vgg19")])
    many = page_of_several([load(name) for name in catalog.names()[:12]])
    lines = renderer("table")(few, 80, False).splitlines()
    assert lines[0].split() == ["vgg11", "vgg13", "vgg16", "vgg19"]
    assert max(map(len, lines)) <= 80
    assert any(line.split() == ["params", "132,863,336", "133,047,848", "138,357,544", "143,667,240"] for line in lines)
    assert renderer("table")(many, 80, False).split()[:2] == ["network", "input"]


# The command


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    line = f"cnnarch() {{ '{sys.executable}' -m cnnarch \"$@\"; }}; {command}"
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, check=False, encoding="utf-8"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (
        ("old", PLAIN),
        ("new", made(PLAIN, ("fc: 10", "fc: 12"))),
        ("noted", made(PLAIN, ("name: Net", "name: Other\nnote: new"))),
        ("broken", "name: Broken\ninput: 4x4x1\nlayers: [rellu]\n"),
    ):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("cnnarch compare old.yaml new.yaml", 0),
        ("cnnarch compare old.yaml new.yaml --diff", 0),
        ("cnnarch compare old.yaml new.yaml --exit-code", 1),
        ("cnnarch compare old.yaml new.yaml --exit-code --diff --format json", 1),
        ("cnnarch compare old.yaml noted.yaml --exit-code --diff", 0),
        ("cnnarch compare old.yaml noted.yaml --exit-code", 0),
        ("cnnarch compare old.yaml noted.yaml old.yaml --exit-code", 0),
        ("cnnarch compare old.yaml noted.yaml new.yaml --exit-code", 1),
        ("cnnarch compare old.yaml broken.yaml --exit-code", 1),
        ("cnnarch compare old.yaml none.yaml --exit-code", 2),
        ("cnnarch compare old.yaml new.yaml noted.yaml --diff", 2),
        ("cnnarch compare old.yaml --diff", 2),
        ("cnnarch compare old.yaml new.yaml --diff --columns name,nome", 2),
        ("cnnarch compare <(cat old.yaml) noted.yaml --diff --exit-code", 0),
        ("cnnarch compare <(cat old.yaml) <(cat new.yaml) --diff --exit-code", 1),
        ("cat old.yaml | cnnarch compare - new.yaml --diff --exit-code", 1),
        ("cnnarch compare <(printf 'name: A\nextends: alexnet\n') alexnet --diff --exit-code", 0),
        ("cnnarch compare <(cat old.yaml) <(cat broken.yaml) --diff", 1),
    ],
)  # fmt: skip
def test_exit_codes(command: str, code: int, folder: Path) -> None:
    done = run(command, folder)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert bool(done.stdout) == (not done.stderr)


def test_a_pipe_has_a_name_that_says_something(folder: Path) -> None:
    text = run("cnnarch compare <(cat old.yaml) new.yaml --diff", folder).stdout
    assert "/dev/fd" not in text
    assert re.search(r"^ +Net +new.yaml +difference$", text, flags=re.MULTILINE)


def test_a_spec_cannot_have_a_pipe_read(tmp_path: Path) -> None:
    """It would wait for ever."""
    os.mkfifo(tmp_path / "pipe.yaml")
    path = tmp_path / "net.yaml"
    path.write_text("extends: pipe.yaml\nname: Net\n", encoding="utf-8")
    with pytest.raises((ReadError, ValueError), match="is not a file"):
        load(str(path))


def test_csv_has_whole_numbers(folder: Path) -> None:
    text = run("cnnarch compare new.yaml old.yaml --diff --format csv", folder).stdout
    [row] = csv.DictReader(io.StringIO(text))
    assert (row["status"], row["name"], row["change"]) == ("changed", "fc", "units 12 → 10")
    assert (row["left_output"], row["right_output"]) == ("12", "10")
    assert (row["weights"], row["biases"], row["macs"], row["output_bytes"]) == ("-128", "-2", "-128", "-8")


def test_columns_that_are_asked_for(folder: Path) -> None:
    text = run("cnnarch compare old.yaml new.yaml --diff --columns name,weights --format json", folder).stdout
    assert json.loads(text)["changed"] == [{"name": "fc", "weights": 128}]
    text = run("cnnarch compare old.yaml new.yaml --diff --columns name,output_bytes", folder).stdout
    assert re.search(r"^fc +\+8 B$", text, flags=re.MULTILINE)


# Networks made at random


def some_layers(draw: random.Random) -> list[str]:
    kinds = (
        "conv: {filters: 4, kernel: 3, padding: half}",
        "conv: {filters: 8, kernel: 3, padding: half}",
        "conv: {filters: 4, kernel: 1}",
        "batchnorm",
        "relu",
        "avgpool: {kernel: 3, stride: 1, padding: half}",
        "pair: 4",
        "pair: 8",
        "skip",
    )
    return [f"  - {draw.choice(kinds)}\n" for _ in range(draw.randint(1, 12))]


def varied(draw: random.Random, layers: list[str]) -> list[str]:
    """A few layers put in, left out, named or moved."""
    layers = list(layers)
    for number in range(draw.randint(0, 3)):
        place = draw.randrange(len(layers)) if layers else 0
        what = draw.choice(("in", "out", "name", "move"))
        if what == "in":
            layers[place:place] = some_layers(draw)[:2]
        elif layers and what == "out":
            del layers[place]
        elif layers and what == "move":
            layers.append(layers.pop(place))
        elif layers and "name" not in layers[place]:
            line = layers[place].rstrip("\n")
            layers[place] = f"{line}{'' if ':' in line else ': {}'}\n    name: called{number}\n"
    return layers or ["  - relu\n"]


WITH_BLOCKS = """\
name: Random
input: 8x8x4
blocks:
  pair:
    settings: {filters: }
    layers: [{conv: {filters: filters, kernel: 3, padding: half}}, relu]
  skip:
    layers:
      - residual:
          - conv: {filters: x.channels, kernel: 3, padding: half}
          - batchnorm
layers:
"""


def essence(one: Network) -> set[tuple[Any, ...]]:
    """What counts of a network, its order left out: each layer with all that it does, has, and takes."""
    graph = one.graph
    return {
        (
            node.name, node.layer.kind, str(node.layer.facts(*graph.shapes(node))), node.figures, node.train_only,
            tuple(graph.nodes[source].name for source in node.sources),
            None if node.owner is None else graph.nodes[node.owner].name,
        )
        for node in graph.nodes
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(150))
def test_networks_made_at_random(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    layers = some_layers(draw)
    end = "  - pair: 4\n  - skip\n"  # a block has to be used
    left = network(tmp_path, WITH_BLOCKS + "".join(layers) + end)
    right = network(tmp_path, WITH_BLOCKS + "".join(varied(draw, layers)) + end, "other")
    check(left, right)
    # Nothing is said to differ if and only if every layer has its like on the other side
    found = compare(left.graph, right.graph)
    assert (found.entries == []) == (essence(left) == essence(right))
    # What is said to be unchanged or renamed has the same figures, and does the same
    for entry in found.entries:
        if entry.status == "renamed":
            assert entry.left is not None and entry.right is not None
            assert entry.left.nodes[0].layer == entry.right.nodes[0].layer
            assert entry.left.totals == entry.right.totals
            assert entry.left.inputs == entry.right.inputs
