"""The profile: its bars read back from the SVG, against the figures that they stand for."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import pytest

from cnnarch.network import Network, load
from cnnarch.render.figure import axes, labels
from cnnarch.render.figure.profile import HEIGHT, MOST, profile
from cnnarch.render.numbers import size as written
from cnnarch.render.numbers import tick
from cnnarch.spec.catalog import names
from tests import drawn

KEYS = ("params", "macs", "activations", "alive")
ROUNDED = 0.051  # coordinates are written to a tenth


@pytest.fixture(scope="module")
def figures() -> dict[str, tuple[Network, Element]]:
    """Every second shipped network, and its profile."""
    found = {}
    for name in names()[::2]:
        network = load(name)
        found[name] = (network, drawn.parse(profile(network)))
    return found


def heights(root: Element, key: str) -> list[float]:
    """The height of every column's bar in a panel."""
    return [
        sum(drawn.number(bar, "height") for bar in drawn.tagged(glyph, "rect") if bar.get("data-of") == key)
        for glyph in drawn.glyphs(root)
    ]


def numbers(glyph: Element) -> list[int]:
    return [int(one) for one in glyph.attrib["data-at"].split()]


def all_figures(network: Network, root: Element) -> list[dict[str, int]]:
    """What the columns have, counted anew from the numbers of their nodes."""
    alive = {turn.name: turn.alive for turn in network.memory.turns}
    return [figures_of(network, glyph, alive) for glyph in drawn.glyphs(root)]


def figures_of(network: Network, glyph: Element, alive: dict[str, int]) -> dict[str, int]:
    nodes = [network.graph.nodes[number] for number in numbers(glyph)]
    bytes_of_one = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}[network.dtype]
    made = sum(node.output.size for node in nodes if not node.layer.view)
    return {
        "params": sum(node.params for node in nodes),
        "macs": sum(node.macs for node in nodes) * network.batch,
        "activations": made * network.batch * bytes_of_one,
        "alive": max(alive.get(node.name, 0) for node in nodes),
    }


def check_bars(network: Network, root: Element) -> None:
    """Every bar is to the highest as its figure is to the largest."""
    expected = all_figures(network, root)
    for key in KEYS:
        most = max(one[key] for one in expected)
        for one, glyph in zip(expected, drawn.glyphs(root)):
            bars = [bar for bar in drawn.tagged(glyph, "rect") if bar.get("data-of") == key]
            found = sum(drawn.number(bar, "height") for bar in bars)
            assert abs(found - HEIGHT * one[key] / max(most, 1)) <= ROUNDED * max(1, len(bars)), (key, glyph.attrib)


def test_bars_are_as_high_as_their_figures_are_large(figures: dict[str, tuple[Network, Element]]) -> None:
    for network, root in figures.values():
        check_bars(network, root)


def test_every_layer_that_runs_is_in_one_column(figures: dict[str, tuple[Network, Element]]) -> None:
    for network, root in figures.values():
        found = sorted(number for glyph in drawn.glyphs(root) for number in numbers(glyph))
        assert found == [number for number, node in enumerate(network.graph.nodes) if not node.train_only]


def test_columns_add_up_to_the_totals(figures: dict[str, tuple[Network, Element]]) -> None:
    for network, root in figures.values():
        columns = all_figures(network, root)
        assert sum(one["params"] for one in columns) == network.totals.params
        assert sum(one["macs"] for one in columns) == network.totals.macs
        assert sum(one["activations"] for one in columns) == network.memory.activations
        assert max(one["alive"] for one in columns) == network.memory.peak
        words = [box.words for box in drawn.texts(root)]
        assert any(one.startswith(f"params {network.totals.params:,}") for one in words)
        assert any(one.startswith(f"MACs {network.totals.macs:,}") for one in words)
        assert any(one.startswith(f"activations {written(network.memory.activations)}") for one in words)
        assert any(one.startswith(f"live memory {written(network.memory.peak)}at the peak, in ") for one in words)


def test_nothing_overlaps(figures: dict[str, tuple[Network, Element]]) -> None:
    assert {name: drawn.collisions(root) for name, (_, root) in figures.items() if drawn.collisions(root)} == {}


def test_no_words_lie_on_bars(figures: dict[str, tuple[Network, Element]]) -> None:
    for name, (_, root) in figures.items():
        bars = [bar for bar in drawn.tagged(root, "rect") if bar.get("data-of")]
        top = {key: min(drawn.number(bar, "y") for bar in bars if bar.get("data-of") == key) for key in KEYS}
        right = max(drawn.number(bar, "x") + drawn.number(bar, "width") for bar in bars)
        left = min(drawn.number(bar, "x") for bar in bars)
        panels = [drawn.Box(key, left, y, right, y + HEIGHT) for key, y in top.items()]
        assert [(name, box.words) for box in drawn.texts(root) for panel in panels if box.meets(panel)] == []


def test_a_column_stands_in_all_panels_at_the_same_place() -> None:
    for glyph in drawn.glyphs(drawn.parse(profile(load("resnet50")))):
        bars = [bar for bar in drawn.tagged(glyph, "rect") if bar.get("data-of")]
        assert len({(bar.attrib["x"], bar.attrib["width"]) for bar in bars}) <= 1


def test_tooltips_tell_exact_figures_and_shares() -> None:
    glyphs = drawn.glyphs(drawn.parse(profile(load("alexnet_single"))))
    told = next(drawn.title(glyph) for glyph in glyphs if drawn.title(glyph).startswith("fc1"))
    assert "params 37,752,832 (60.5%)" in told  # 9216 · 4096 + 4096 of 62,378,344
    assert "MACs 37,748,736 (3.3%)" in told


@pytest.mark.parametrize(("batch", "dtype"), [(1, "float32"), (8, "float16"), (3, "int8")])
def test_batch_and_type_are_kept(batch: int, dtype: str) -> None:
    network = load("lenet5").at(batch=batch, dtype=dtype)
    figure = profile(network)
    check_bars(network, drawn.parse(figure))
    assert f"batch {batch} · {dtype}" in figure
    assert f"activations {written(network.memory.activations)}" in figure
    assert f"MACs {416_520 * batch:,}" in figure
    assert "params 61,706" in figure


def test_closed_blocks_are_one_column() -> None:
    network = load("resnet50")
    root = drawn.parse(profile(network, depth=1))
    check_bars(network, root)
    assert [drawn.title(glyph).split("\n")[0].split(":")[0] for glyph in drawn.glyphs(root)] == [
        "input", "stem", "stage1", "stage2", "stage3", "stage4", "global_avgpool", "fc",
    ]  # fmt: skip


def chain(folder: object, layers: str, shape: str = "8x8x3") -> str:
    path = f"{folder}/net.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"name: it\ninput: {shape}\nlayers:\n{layers}")
    return path


def test_a_network_of_10_000_layers_is_drawn(tmp_path: object) -> None:
    network = load(chain(tmp_path, "".join(f"  - conv: {{filters: {1 + n % 7}, kernel: 1}}\n" for n in range(10_000))))
    figure = profile(network)
    root = drawn.parse(figure)
    assert len(drawn.glyphs(root)) <= MOST
    assert len(figure) < 400_000
    assert "Each bar: 24 layers in a row." in figure
    check_bars(network, root)
    assert drawn.collisions(root) == []


def test_where_there_is_nothing_to_draw_a_line_says_so(tmp_path: object) -> None:
    figure = profile(load(chain(tmp_path, "  - relu\n  - flatten\n")))
    root = drawn.parse(figure)
    assert "no layer has any" in figure
    assert "no layer multiplies and adds" in figure
    assert heights(root, "params") == [0, 0]
    assert drawn.collisions(root) == []


def test_the_same_network_gives_the_same_bytes_and_a_style_only_if_asked_for() -> None:
    assert profile(load("googlenet")) == profile(load("googlenet"))
    bare = profile(load("googlenet"), style=False)
    assert "style" not in bare
    assert drawn.glyphs(drawn.parse(bare))


HOSTILE = ["a]]>b", "x" * 64, "\\u202Eevil", "\\x1b[31m", "</script>", "'q' & <b>"]


def test_hostile_names_are_inert_text(tmp_path: object) -> None:
    layers = "".join(f"  - conv: {{filters: 3, kernel: 1}}\n    name: n{number}\n" for number in range(3))
    path = chain(tmp_path, layers)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for name in HOSTILE:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("name: it", f'name: "{name}"'))
        figure = profile(load(path))
        root = drawn.parse(figure)
        assert {one.tag.removeprefix(drawn.NAMESPACE) for one in root.iter()} <= {
            "svg", "title", "desc", "style", "rect", "g", "path", "text", "tspan",
        }  # fmt: skip
        assert not any(sign in figure for sign in ("\u202e", "\x1b", "]]>", "</script>"))
        assert drawn.collisions(root) == []


# Axes.


@pytest.mark.parametrize("most", [1, 2, 3, 7, 10, 11, 99, 1000, 61_090_496, 10**15, 2**63 - 1])
@pytest.mark.parametrize("binary", [False, True])
def test_ticks_are_round_and_few(most: int, binary: bool) -> None:
    scale = axes.linear(most, binary)
    step = scale.ticks[1]
    assert scale.ticks == tuple(range(0, most + 1, step))
    assert 1 <= len(scale.ticks) - 1 <= 5
    if binary:
        assert step & (step - 1) == 0
    else:
        assert str(step).rstrip("0") in ("1", "2", "5")
    assert most < step * (len(scale.ticks))
    assert scale.at(most) == 1.0


@pytest.mark.parametrize("power", range(16))
def test_powers_of_ten_stand_exactly_at_their_decades(power: int) -> None:
    scale = axes.Logarithmic(0, 16)
    assert scale.at(10**power) * 16 == power
    assert axes.decades([10**power, 10 ** (power + 1)]) == (power, power + 1)
    assert axes.decades([10**power + 1]) == (power, power + 1) if power else True


def test_numbers_on_axes_do_not_touch() -> None:
    for high in (2, 5, 12, 40):
        scale = axes.Logarithmic(0, high)
        for width in (60, 200, 520):
            root = drawn.parse(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 60">'
                               f"{''.join(axes.across(scale, 60, width, 0, 40))}</svg>")  # fmt: skip
            assert drawn.collisions(root) == []
            assert drawn.texts(root)[0].words == tick(1)


def test_names_of_one_block_are_not_those_of_another() -> None:
    bands = [labels.Band(40.0 * n, 40, name, 0) for n, name in enumerate(["a/x/p", "a/x/q", "b/x/p", "b/x/q", "fc"])]
    words = ["".join(one.itertext()) for one in drawn.tagged(drawn.parse(
        f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(labels.below(bands, 0)[0])}</svg>'), "text")]  # fmt: skip
    assert words == ["p", "q", "p", "q", "fc", "a", "b", "x", "x"]
