"""The charts of savings and of memory: what is drawn, read back, against the figures."""

from __future__ import annotations

from math import log10
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from cnnarch.analysis.savings import add_up
from cnnarch.network import Network, load
from cnnarch.render.figure.charts import HEIGHT, MOST_ROWS, MOST_TURNS, PLOT, memory_chart, savings_chart
from cnnarch.render.numbers import size
from cnnarch.spec.catalog import names
from tests import drawn

ROUNDED = 0.051  # coordinates are written to a tenth
STEPS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}


@pytest.fixture(scope="module")
def figures() -> dict[str, tuple[Network, Element, Element]]:
    """Every second shipped network, with what it saves and its memory."""
    found = {}
    for name in names()[1::2]:
        network = load(name)
        found[name] = (network, drawn.parse(savings_chart(network)), drawn.parse(memory_chart(network)))
    return found


def test_nothing_overlaps(figures: dict[str, tuple[Network, Element, Element]]) -> None:
    found = {name: [drawn.collisions(one) for one in both] for name, (_, *both) in figures.items()}
    assert {name: one for name, one in found.items() if any(one)} == {}


# Savings.


def marks(parent: Element) -> list[float]:
    """Where the marks for dense, sparse and shared are; a path begins at its left corner."""
    square = [drawn.number(one, "x") + 4 for one in drawn.tagged(parent, "rect") if "outline" in one.attrib["class"]]
    diamond = [
        float(one.attrib["d"][1:].split()[0]) + 5
        for one in drawn.tagged(parent, "path")
        if "outline" in one.attrib["class"]
    ]
    return [*square, *diamond, *(drawn.number(one, "cx") for one in drawn.tagged(parent, "circle"))]


def axis(root: Element) -> tuple[float, float]:
    """The position of 1 and the width of a decade, from the numbers that are written at the axis."""
    height = drawn.size(root)[1]
    low = [one for one in drawn.tagged(root, "text") if one.get("text-anchor") == "middle"]
    below = [one for one in low if drawn.number(one, "y") > height - 25]
    known = []
    for one in below:
        count, _, step = (one.text or "").partition(" ")
        known.append((log10(float(count.replace(",", "")) * STEPS[step]), drawn.number(one, "x")))
    (first, left), (last, right) = known[0], known[-1]
    decade = (right - left) / (last - first)
    return left - first * decade, decade


def test_marks_stand_where_the_logarithm_says(figures: dict[str, tuple[Network, Element, Element]]) -> None:
    for name, (network, root, _) in figures.items():
        one, decade = axis(root)
        nodes = {number: node.name for number, node in enumerate(network.graph.nodes)}
        savings = {saving.name: saving for saving in network.savings()}
        shown = []
        for glyph in drawn.glyphs(root):
            numbers = [int(number) for number in glyph.attrib["data-at"].split()]
            shown += numbers
            for number in numbers:  # all that share a row
                saving = savings[nodes[number]]
                values = [value for value in (saving.dense, saving.sparse, saving.shared) if value]
                expected = [one + decade * log10(value) for value in values]
                assert marks(glyph) == pytest.approx(expected, abs=3 * ROUNDED), (name, saving)
        assert sorted(nodes[number] for number in shown) == sorted(savings)


def test_the_total_is_of_all(figures: dict[str, tuple[Network, Element, Element]]) -> None:
    for network, root, _ in figures.values():
        one, decade = axis(root)
        total = add_up(network.savings())
        expected = [one + decade * log10(value) for value in (total.dense, total.sparse, total.shared)]
        for place in expected:
            assert any(abs(place - mark) < 3 * ROUNDED for mark in marks(root))


def test_factors_and_figures_of_the_first_convolution_of_alexnet() -> None:
    """227·227·3 × 55·55·96 weights if dense; 55·55·96 windows of 11·11·3; and 96 filters."""
    root = drawn.parse(savings_chart(load("alexnet")))
    first = drawn.glyphs(root)[0]
    assert drawn.title(first) == "conv1\ndense 44,892,064,800\nsparse 105,415,200\nshared 34,848"
    assert [box.words for box in drawn.texts(first)] == ["conv1", "÷ 425.9", "÷ 3,025"]


def test_the_same_row_for_the_same_figures() -> None:
    root = drawn.parse(savings_chart(load("resnet152")))
    assert len(drawn.glyphs(root)) == 19
    assert any(box.words.endswith("×71") for box in drawn.texts(root))


def spec(folder: Path, layers: str, shape: str = "8x8x3", name: str = "it") -> str:
    path = folder / "net.yaml"
    path.write_text(f'name: "{name}"\ninput: {shape}\nlayers:\n{layers}', encoding="utf-8")
    return str(path)


def test_without_convolutions_a_sentence_says_so(tmp_path: Path) -> None:
    root = drawn.parse(savings_chart(load(spec(tmp_path, "  - flatten\n  - fc: 3\n"))))
    assert drawn.texts(root)[-1].words == "This network has no convolutions."
    assert drawn.collisions(root) == []


def test_a_convolution_of_one_weight_has_a_scale(tmp_path: Path) -> None:
    root = drawn.parse(savings_chart(load(spec(tmp_path, "  - conv: {filters: 1, kernel: 1}\n", "1x1x1"))))
    assert len({round(one, 1) for one in marks(drawn.glyphs(root)[0])}) == 1  # 1, 1 and 1
    assert [box.words for box in drawn.texts(drawn.glyphs(root)[0])] == ["conv", "÷ 1", "÷ 1"]


# Memory.


def columns(root: Element) -> list[tuple[Element, list[Element]]]:
    found = []
    for glyph in drawn.glyphs(root):
        found.append((glyph, [one for one in drawn.tagged(glyph, "rect") if one.attrib["class"] != "band"]))
    return found


def check_columns(network: Network, root: Element) -> None:
    """Every column is as high as what is alive, the highest being the peak."""
    alive = {turn.name: turn.alive for turn in network.memory.turns}
    for glyph, bars in columns(root):
        most = max(alive[network.graph.nodes[int(one)].name] for one in glyph.attrib["data-at"].split())
        found = sum(drawn.number(bar, "height") for bar in bars)
        assert abs(found - HEIGHT * most / network.memory.peak) <= 2 * ROUNDED


def test_columns_are_as_high_as_what_is_alive(figures: dict[str, tuple[Network, Element, Element]]) -> None:
    for network, _, root in figures.values():
        check_columns(network, root)
        running = [number for number, node in enumerate(network.graph.nodes) if not node.train_only]
        found = [int(one) for glyph in drawn.glyphs(root) for one in glyph.attrib["data-at"].split()]
        assert sorted(found) == running[len(network.inputs) :]


def test_the_grey_part_is_what_was_left_by_the_layer_before(
    figures: dict[str, tuple[Network, Element, Element]],
) -> None:
    for network, _, root in figures.values():
        turns = network.memory.turns
        if len(turns) > MOST_TURNS:
            continue
        for (_, bars), before in zip(columns(root)[1:], turns):
            grey = sum(drawn.number(bar, "height") for bar in bars if "held" in bar.attrib["class"].split())
            assert abs(grey - HEIGHT * before.after / network.memory.peak) <= ROUNDED


def test_the_bar_of_the_peak_is_as_high_as_the_peak(figures: dict[str, tuple[Network, Element, Element]]) -> None:
    for network, _, root in figures.values():
        in_glyphs = {bar for _, bars in columns(root) for bar in bars}
        bars = [one for one in drawn.tagged(root, "rect") if one.get("width") == "26" and one not in in_glyphs]
        assert abs(sum(drawn.number(bar, "height") for bar in bars) - HEIGHT) <= ROUNDED * (len(bars) + 1)
        words = [box.words for box in drawn.texts(root)]
        assert any(one.startswith(f"peak {size(network.memory.peak)} while ") for one in words)
        for one in network.memory.alive[:3] if len(network.memory.alive) < 10 else ():
            assert any(f" · {size(one.size)} · " in line for line in words), one


@pytest.mark.parametrize(("batch", "dtype", "words"), [(1, "float32", "peak 22.97 KiB"), (8, "int8", "peak 45.94 KiB")])
def test_batch_and_type_are_kept(batch: int, dtype: str, words: str) -> None:
    """28·28·6 + 14·14·6 numbers, of 4 bytes, or of 1 for each of 8 inputs."""
    network = load("lenet5").at(batch=batch, dtype=dtype)
    figure = memory_chart(network)
    check_columns(network, drawn.parse(figure))
    assert words in figure
    assert f"batch {batch} · {dtype}" in figure


# Both.


def test_a_network_of_3000_different_layers(tmp_path: Path) -> None:
    network = load(
        spec(tmp_path, "".join(f"  - conv: {{filters: {n + 1}, kernel: 1}}\n" for n in range(3000)), "1x1x3")
    )
    for chart, most in ((savings_chart, MOST_ROWS), (memory_chart, MOST_TURNS)):
        figure = chart(network)
        root = drawn.parse(figure)
        assert len(drawn.glyphs(root)) <= most
        assert len(figure) < 400_000
        assert drawn.collisions(root) == []
    check_columns(network, root)


def test_rows_that_are_put_together_are_added_up(tmp_path: Path) -> None:
    network = load(spec(tmp_path, "".join(f"  - conv: {{filters: {n + 1}, kernel: 1}}\n" for n in range(500)), "1x1x3"))
    root = drawn.parse(savings_chart(network))
    one, decade = axis(root)
    rows = network.savings()
    first = drawn.glyphs(root)[0]
    assert first.attrib["data-at"] == "1 2 3 4"
    assert marks(first)[0] == pytest.approx(one + decade * log10(sum(row.dense for row in rows[:4])), abs=3 * ROUNDED)
    assert PLOT > decade > 0
    total = add_up(rows)
    assert sum(told(glyph, "dense") for glyph in drawn.glyphs(root)) == total.dense
    assert sum(told(glyph, "shared") for glyph in drawn.glyphs(root)) == total.shared


def test_alike_rows_that_are_put_together_count_each_time(tmp_path: Path) -> None:
    """Every size stands twice with the same figures: 1 → n and back, n → 1, have as many weights."""
    layers = "".join(
        f"  - conv: {{filters: {n}, kernel: 1}}\n  - conv: {{filters: 1, kernel: 1}}\n" for n in range(2, 401)
    )
    network = load(spec(tmp_path, layers, "1x1x1"))
    root = drawn.parse(savings_chart(network))
    assert len(drawn.glyphs(root)) == 133  # 399 in threes
    assert sum(told(glyph, "dense") for glyph in drawn.glyphs(root)) == sum(2 * n for n in range(2, 401))


def told(glyph: Element, way: str) -> int:
    """A figure of a tooltip."""
    lines = dict(line.split(" ", 1) for line in drawn.title(glyph).split("\n")[1:])
    return int(lines[way].replace(",", ""))


@pytest.mark.parametrize("chart", [savings_chart, memory_chart])
def test_the_same_bytes_and_a_style_only_if_asked_for(chart: object) -> None:
    assert callable(chart)
    assert chart(load("googlenet")) == chart(load("googlenet"))
    assert "style" not in chart(load("googlenet"), style=False)


@pytest.mark.parametrize("chart", [savings_chart, memory_chart])
@pytest.mark.parametrize("name", ["a]]>b", "x" * 64, "\\u202Eevil", "\\x1b[31m", "</script>", "'q' & <b>"])
def test_hostile_names_are_inert_text(tmp_path: Path, name: str, chart: object) -> None:
    assert callable(chart)
    figure = chart(load(spec(tmp_path, "  - conv: {filters: 3, kernel: 1}\n", name=name)))
    root = drawn.parse(figure)
    tags = {one.tag.removeprefix(drawn.NAMESPACE) for one in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "g", "path", "circle", "text", "tspan"}
    assert not any(sign in figure for sign in ("\u202e", "\x1b", "]]>", "</script>"))
    assert drawn.collisions(root) == []
