"""The strip: nothing overlaps in any shipped network, every layer is shown, and names from a spec are inert."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings

from cnnarch import Network, load
from cnnarch.analysis.outline import glyphs, outline
from cnnarch.errors import printable
from cnnarch.graph import Graph, Node
from cnnarch.render.figure.letters import cells, letters
from cnnarch.render.figure.strip import strip
from cnnarch.render.figure.svg import text_width
from cnnarch.spec import catalog
from tests.test_outline import graph_of, graphs

SVG = "{http://www.w3.org/2000/svg}"
SIZES = {"title": 16.5, "label": 10.0, "": 11.0, "quiet": 11.0}  # a title is bold, so somewhat wider than its 15
HOSTILE = "<b>'\"&]]></script><script>alert(1)</script>\u202e\u200f=cmd|'/c calc'!A1"


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float
    what: str

    def meets(self, other: "Box") -> bool:
        """Whether they share more than an edge."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across > 0.3 and down > 0.3


class Drawn(NamedTuple):
    """What stands in a figure, with the boxes that it takes."""

    width: float
    height: float
    glyphs: list[Box]
    texts: list[Box]
    lines: list[Box]  # straight stretches


def drawn(svg: str) -> Drawn:
    root = ET.fromstring(svg)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    found = Drawn(width, height, [], [], [])
    collect(root, 0.0, 0.0, found)
    return found


def collect(element: ET.Element, x: float, y: float, found: Drawn) -> None:
    for one in element:
        dx, dy = map(float, re.findall(r"-?[\d.]+", one.get("transform", "translate(0 0)")))
        tag = one.tag.removeprefix(SVG)
        if tag == "g" and one.get("class") == "glyph":
            found.glyphs.append(glyph_box(one, x + dx, y + dy))
        elif tag == "g":
            collect(one, x + dx, y + dy, found)
        elif tag == "text":
            found.texts.append(text_box(one, x, y))
        elif tag == "path" and one.get("class") in ("line", "bracket"):
            found.lines.extend(stretches(one, x, y))


def glyph_box(glyph: ET.Element, x: float, y: float) -> Box:
    points: list[tuple[float, float]] = []
    for one in glyph:
        if one.tag == f"{SVG}circle":
            cx, cy, r = (float(one.attrib[name]) for name in ("cx", "cy", "r"))
            points += [(cx - r, cy - r), (cx + r, cy + r)]
        elif one.tag == f"{SVG}path" and "transform" not in one.attrib:
            numbers = [float(number) for number in re.findall(r"-?[\d.]+", one.attrib["d"])]
            points += zip(numbers[::2], numbers[1::2])
    across, down = zip(*points)
    title = glyph[0].text or ""
    return Box(x + min(across), y + min(down), x + max(across), y + max(down), title.split("\n")[0])


def text_box(text: ET.Element, x: float, y: float) -> Box:
    size = SIZES[text.get("class", "").partition(" ")[0]]
    width = text_width(text.text or "", size)
    left = (
        x
        + float(text.attrib["x"])
        - {"start": 0.0, "middle": 0.5, "end": 1.0}[text.get("text-anchor", "start")] * width
    )
    bottom = y + float(text.attrib["y"])
    return Box(left, bottom - 0.75 * size, left + width, bottom + 0.2 * size, text.text or "")


def stretches(path: ET.Element, x: float, y: float) -> Iterator[Box]:
    """The straight parts of a line; and of a curve, short ones."""
    at: tuple[float, float] = (0.0, 0.0)
    for letter, rest in re.findall(r"([MLQC])([^MLQC]*)", path.attrib["d"]):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", rest)]
        end = (x + numbers[-2], y + numbers[-1])
        if letter == "L":
            yield Box(
                min(at[0], end[0]), min(at[1], end[1]) - 0.5, max(at[0], end[0]), max(at[1], end[1]) + 0.5, "line"
            )
        if letter == "C":
            a, b = (x + numbers[0], y + numbers[1]), (x + numbers[2], y + numbers[3])
            for step in range(16):
                (x1, y1), (x2, y2) = bezier(at, a, b, end, step / 16), bezier(at, a, b, end, (step + 1) / 16)
                yield Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2), "curve")
        at = end


def bezier(
    p: tuple[float, float], a: tuple[float, float], b: tuple[float, float], q: tuple[float, float], t: float
) -> tuple[float, float]:
    shares = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
    return tuple(sum(share * one[axis] for share, one in zip(shares, (p, a, b, q))) for axis in (0, 1))  # type: ignore[return-value]


def clashes(ours: list[Box], theirs: list[Box]) -> list[tuple[str, str]]:
    """Which of ours meet which of theirs, found in squares of 64 points."""
    squares: dict[tuple[int, int], list[Box]] = {}
    for box in theirs:
        for square in covered(box):
            squares.setdefault(square, []).append(box)
    found = []
    for box in ours:
        near = {id(other): other for square in covered(box) for other in squares.get(square, ())}
        found += [(box.what, other.what) for other in near.values() if other is not box and box.meets(other)]
    return found


def covered(box: Box) -> Iterator[tuple[int, int]]:
    for column in range(int(box.left // 64), int(box.right // 64) + 1):
        for row in range(int(box.top // 64), int(box.bottom // 64) + 1):
            yield column, row


def check(network: Network, depth: int | None = None) -> Drawn:
    """Nothing overlaps, nothing leaves the page, every layer is in one glyph."""
    svg = strip(network, depth)
    running = [number for number, node in enumerate(network.graph.nodes) if not node.train_only]
    assert sorted(shown(svg)) == running
    found = drawn(svg)
    assert not clashes(found.glyphs, found.glyphs)
    assert not clashes(found.texts, found.texts)
    assert not clashes(found.texts, found.glyphs)
    assert not clashes(found.lines, found.texts)
    assert not clashes(found.lines, found.glyphs)
    for box in (*found.glyphs, *found.texts, *found.lines):
        assert box.left >= 0 and box.top >= 0 and box.right <= found.width and box.bottom <= found.height, box
    return found


@pytest.mark.parametrize("name", catalog.names()[1::3])
def test_nothing_overlaps_and_every_layer_is_in_one_glyph(name: str) -> None:
    network = load(name)
    check(network)
    check_letters(network)


def shown(svg: str) -> list[int]:
    return [int(number) for found in re.findall(r'data-at="([\d ]+)"', svg) for number in found.split()]


def check_letters(network: Network) -> None:
    """Through a pipe, every piece and every output is in it by its whole name."""
    whole = letters(network)
    assert "→ output" in whole and "…" not in whole.replace(" … ", "")
    if "╭" not in whole:  # in a tangle, equal layers in a row are one line
        for piece in glyphs(outline(network.graph).items):
            assert f"  {printable(piece.block or piece.main.name)}" in whole


SHAPES = {"1-d": "16000x1", "2-d": "33x7x3", "3-d": "8x32x32x1", "vector": "1000000"}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_inputs_of_all_ranks(tmp_path: Path, shape: str) -> None:
    first = "fc: 100000" if shape == "1000000" else "conv: {filters: 8, kernel: 3, stride: 2}"
    layers = [first, "relu", "residual: [batchnorm, relu]", "branches: [[relu], [softmax], [tanh]]\n    merge: concat"]
    network = written(tmp_path, layers, shape)
    check(network)
    assert ("not square" in strip(network)) == (shape != "1000000")
    check_letters(network)


def written(folder: Path, layers: list[str], shape: str = "32x32x3", name: str = "net") -> Network:
    lines = "".join(f"  - {layer}\n" for layer in layers)
    path = folder / "net.yaml"
    path.write_text(f"name: {json.dumps(name)}\ninput: {shape}\nlayers:\n{lines}", encoding="utf-8")
    return load(str(path))


NAMES = (HOSTILE, "a" * 64, "畳み込み層" * 8, "m" * 12, "=1+1", "\x07bell", "שלום", "]]>", "&amp;", " ")


def renamed(network: Network) -> Network:
    """With names that no spec could have, but an imported model."""
    nodes = []
    for number, node in enumerate(network.graph.nodes):
        name = NAMES[number % len(NAMES)]
        nodes.append(Node(name, node.layer, node.sources, node.figures, node.train_only, node.owner, node.note))
    network.spec.name = HOSTILE * 3
    return Network(network.spec, Graph(tuple(nodes), {}), "net")


@pytest.mark.parametrize("name", ["alexnet", "googlenet", "yolov3", "trocr_small"])
def test_names_are_inert_and_do_not_break_the_layout(name: str) -> None:
    network = renamed(load(name))
    svg = strip(network)
    check(network)
    assert {one.tag.removeprefix(SVG) for one in ET.fromstring(svg).iter()} <= {
        "svg", "title", "desc", "style", "rect", "g", "path", "circle", "text",
    }  # fmt: skip
    for text in (svg, letters(network), letters(network, width=80)):
        assert not re.search("[\x00-\x09\x0b-\x1f\u200e\u200f\u202a-\u202e\u2066-\u2069]", text)
    assert max(map(cells, letters(network, width=80).splitlines())) <= 80
    assert "<script" not in svg


def test_without_style_there_is_none_and_classes_only() -> None:
    svg = strip(load("resnet50"), style=False)
    assert "<style" not in svg and "style=" not in svg and "<script" not in svg and " id=" not in svg


def test_the_same_bytes_every_time() -> None:
    code = "from cnnarch import load; from cnnarch.render.figure.strip import strip; print(strip(load('yolov8n')))"
    code += "; from cnnarch.render.figure.letters import letters; print(letters(load('yolov8n')))"
    first, second = (
        subprocess.check_output([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    )
    assert first == second and len(first) > 10_000


def test_thousands_of_different_layers(tmp_path: Path) -> None:
    network = written(tmp_path, [f"conv: {{filters: {1 + number % 997}, kernel: 1}}" for number in range(3_000)])
    svg, text = strip(network), letters(network)
    assert svg.count('class="glyph"') > 900 and len(shown(svg)) == 3_001 and text


@pytest.mark.parametrize("name", ["alexnet", "resnet50", "fasterrcnn_resnet50_fpn", "unet", "trocr_small", "yolov8n"])
@pytest.mark.parametrize("width", [1, 40, 80, 200])
def test_letters_fit_a_terminal(name: str, width: int) -> None:
    assert max(map(cells, letters(load(name), width=width).splitlines())) <= max(40, width)


def test_depth_closes_blocks() -> None:
    closed = strip(load("resnet50"), 1)
    assert "closed block" in closed and closed.count('class="glyph"') < 10
    check(load("resnet50"), 1)
    assert "stage1" in letters(load("resnet50"), 1)


def test_what_a_lecturer_would_look_for() -> None:
    """Figures of well-known networks say what the papers' figures say."""
    words = {box.what for box in drawn(strip(load("resnet50"))).texts}
    assert {
        "7×7 /2",
        "112×112",
        "56×56",
        "28×28",
        "14×14",
        "7×7",
        "×2 bottleneck",
        "×3 bottleneck",
        "×5 bottleneck",
    } <= words
    titles = [box.what for box in drawn(strip(load("unet"))).glyphs]
    assert len(titles) == 36
    left = drawn(strip(load("googlenet"))).texts[-1].what + drawn(strip(load("googlenet"))).texts[-2].what
    assert "Left out: 18 layers" in left


def test_a_notebook_shows_the_strip() -> None:
    network = load("lenet5")
    assert network._repr_svg_() == strip(network)


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_nothing_overlaps_in_random_graphs(sources: list[list[int]]) -> None:
    """Also where layers lie in tangles, of which the shipped networks have few."""
    network = Network(load("lenet5").spec, graph_of(sources), "random")
    check(network)
    assert letters(network)
