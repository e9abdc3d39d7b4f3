"""The figure in blocks: nothing stands on anything else, sizes are as the caption says, names do no harm."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from math import sqrt
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cnnarch.network import Network, load
from cnnarch.render.figure import svg
from cnnarch.render.figure.blocks import blocks
from cnnarch.spec import catalog

NUMBER = r"-?[\d.]+"
SVG = "{http://www.w3.org/2000/svg}"
Point = tuple[float, float]
Outline = tuple[Point, ...]
SIZES = {"title": 15.0, "label": 10.0, "small": 9.0}


@cache
def figure(name: str) -> str:
    return blocks(load(name))


def moved(element: ElementTree.Element) -> Point:
    found = re.fullmatch(r"translate\((\S+) (\S+)\)", element.get("transform", ""))
    return (float(found[1]), float(found[2])) if found else (0.0, 0.0)


def standing(root: ElementTree.Element, x: float = 0.0, y: float = 0.0) -> Iterator[tuple[ElementTree.Element, Point]]:
    """Every text and glyph with how far it is moved."""
    for element in root:
        here = (x + moved(element)[0], y + moved(element)[1])
        if element.tag == f"{SVG}text" or element.get("class") == "glyph":
            yield element, here
        elif element.tag == f"{SVG}g":
            yield from standing(element, *here)


def room(element: ElementTree.Element) -> Outline:
    """The four corners of what a text takes, with its letters as wide as they can be."""
    names = (element.get("class") or "").split()
    size = next((SIZES[name] for name in names if name in SIZES), 11.0)
    wide = svg.text_width(element.text or "", size) * (1.08 if {"strong", "title"} & set(names) else 1.0)
    left = (
        float(element.get("x", 0)) - {"start": 0, "middle": wide / 2, "end": wide}[element.get("text-anchor", "start")]
    )
    low = float(element.get("y", 0))
    return (left, low - 0.73 * size), (left + wide, low - 0.73 * size), (left + wide, low), (left, low)


def around(glyph: ElementTree.Element) -> Outline:
    """What goes around a box: its first path; or a circle."""
    circle = glyph.find(f"{SVG}circle")
    if circle is not None:
        x, y, r = (float(circle.get(key, 0)) for key in ("cx", "cy", "r"))
        return (x - r, y), (x, y - r), (x + r, y), (x, y + r)
    path = glyph.find(f"{SVG}path")
    assert path is not None
    found: list[Point] = []
    for kind, numbers in re.findall(r"([MLHV])([^MLHVz]*)", path.get("d", "")):
        values = [float(one) for one in re.findall(NUMBER, numbers)]
        x = found[-1][0] if kind == "V" else values[0]
        found.append((x, found[-1][1] if kind == "H" else values[-1]))
    return tuple(found)


def shifted(shape: Outline, by: Point) -> Outline:
    return tuple((x + by[0], y + by[1]) for x, y in shape)


def overlap(one: Outline, other: Outline, slack: float = 0.4) -> bool:
    """Whether two convex outlines overlap: no side of either parts them (the separating axis theorem)."""
    for shape in (one, other):
        for (x, y), (right, low) in pairwise((*shape, shape[0])):
            length = sqrt((right - x) ** 2 + (low - y) ** 2)
            if not length:
                continue
            across = ((y - low) / length, (right - x) / length)
            ours, theirs = ([across[0] * px + across[1] * py for px, py in each] for each in (one, other))
            if max(ours) <= min(theirs) + slack or max(theirs) <= min(ours) + slack:
                return False
    return True


def overlaps(text: str) -> list[tuple[str, str]]:
    """What stands on what, in a figure: texts and glyphs."""
    root = ElementTree.fromstring(text)
    things = []
    for element, by in standing(root):
        glyph = element.get("class") == "glyph"
        outline = shifted(around(element) if glyph else room(element), by)
        words = element.findtext(f"{SVG}title") if glyph else element.text
        things.append((min(x for x, _ in outline), max(x for x, _ in outline), outline, words or ""))
    things.sort(key=lambda thing: thing[0])
    found = []
    for index, (_, right, outline, words) in enumerate(things):
        for left, _, other, theirs in things[index + 1 :]:
            if left >= right:
                break
            if overlap(outline, other):
                found.append((words, theirs))
    return found


def stretches(root: ElementTree.Element, x: float = 0.0, y: float = 0.0) -> Iterator[tuple[Point, Point]]:
    """The straight parts of lines and brackets."""
    for element in root:
        left, top = x + moved(element)[0], y + moved(element)[1]
        if element.tag == f"{SVG}path" and element.get("class") in ("line", "bracket"):
            before: Point | None = None
            for kind, numbers in re.findall(r"([MLQC])([^MLQC]*)", element.get("d", "")):
                values = [float(one) for one in re.findall(NUMBER, numbers)]
                end = (left + values[-2], top + values[-1])
                if before and kind == "L":
                    yield before, end
                before = end
        elif element.tag == f"{SVG}g" and element.get("class") != "glyph":
            yield from stretches(element, left, top)


@pytest.mark.parametrize("name", catalog.names()[::3])
def test_nothing_stands_on_anything_else(name: str) -> None:
    assert overlaps(figure(name)) == []


@pytest.mark.parametrize("name", catalog.names()[::3])
def test_no_line_crosses_a_text_and_all_is_on_the_page(name: str) -> None:
    root = ElementTree.fromstring(figure(name))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    texts = [shifted(room(one), by) for one, by in standing(root) if one.tag == f"{SVG}text"]
    for (left, top), _, (right, low), _ in texts:
        assert left >= 0 and right <= width and top >= 0 and low <= height
    for (x1, y1), (x2, y2) in stretches(root):
        assert min(x1, x2) >= 0 and max(x1, x2) <= width and min(y1, y2) >= 0 and max(y1, y2) <= height
        for (left, top), _, (right, low), _ in texts:
            across = min(x1, x2) < right - 0.4 and max(x1, x2) > left + 0.4
            assert not (across and min(y1, y2) < low - 0.4 and max(y1, y2) > top + 0.4)


def test_lines_that_meet_a_number_go_behind_it() -> None:
    """From 768 units to 1000 the shaded part widens below the first bar, over the number that stands there."""
    found = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)"[^>]*class="ground"/>', figure("vit_b_16"))
    grounds = [(float(x), float(y)) for x, y in found]
    places = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" class="label"[^>]*>768</text>', figure("vit_b_16"))
    near = [(x, y) for x, y in grounds for left, low in places if 0 < float(left) - x < 20 and 0 < float(low) - y < 10]
    assert len(near) == 1
    assert figure("vit_b_16").index('class="look"') < figure("vit_b_16").rindex('class="ground"/>')


def test_overlaps_are_found() -> None:
    """What the tests above look for: a text moved over a box, a box moved over a box."""
    text = figure("alexnet")
    channels = re.search(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*>256</text>', text)
    assert channels
    higher = channels[0].replace(f'y="{channels[2]}"', f'y="{float(channels[2]) - 15:.1f}"')
    assert any("256" in pair for pair in overlaps(text.replace(channels[0], higher)))
    wider = re.sub(r"H([\d.]+)V", lambda found: f"H{float(found[1]) + 60:.1f}V", text)
    assert len(overlaps(wider)) > 5


# What is drawn.


@pytest.mark.parametrize("name", catalog.names()[::3])
def test_every_layer_is_in_one_box(name: str) -> None:
    root = ElementTree.fromstring(figure(name))
    drawn = [int(number) for glyph in glyphs_of(root) for number in glyph.attrib["data-at"].split()]
    graph = load(name).graph
    assert sorted(drawn) == [number for number, node in enumerate(graph.nodes) if not node.train_only]


def glyphs_of(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [element for element, _ in standing(root) if element.get("class") == "glyph"]


def box(text: str, tip: str) -> tuple[float, float, float]:
    """The height, the thickness and the way back of the box whose tooltip begins so."""
    for glyph in glyphs_of(ElementTree.fromstring(text)):
        if (glyph.findtext(f"{SVG}title") or "").split("\n")[0] == tip:
            (left, low), (_, top), (upper, over), (far, _), _, (right, _) = around(glyph)
            assert far - right == pytest.approx(upper - left, abs=0.11)  # the far edge is as long as the near one
            assert top - over == pytest.approx(upper - left, abs=0.11)  # 45°
            return low - top, right - left, upper - left
    raise AssertionError(tip)


def scales(text: str) -> dict[str, float]:
    """Points for each square root, as the caption says."""
    words = re.sub(r"\s+", " ", " ".join(ElementTree.fromstring(text).itertext()))
    return {what: float(value) for value, what in re.findall(r"(\d+\.\d)√(\w+)", words)}


@pytest.mark.parametrize(
    ("name", "layer", "height", "width", "channels"),
    [
        ("alexnet_2012", "conv1", 55, 55, 96),  # Krizhevsky et al. 2012, figure 2: 2 × 48
        ("alexnet_2012", "conv2", 27, 27, 256),
        ("alexnet_2012", "conv3", 13, 13, 384),
        ("crnn", "convolution1/conv", 32, 100, 64),
        ("vgg16", "input", 224, 224, None),
    ],
)
def test_boxes_have_the_sizes_that_the_caption_says(
    name: str, layer: str, height: int, width: int, channels: int | None
) -> None:
    text = figure(name)
    found = scales(text)
    high, thick, back = box(text, layer)
    assert high == pytest.approx(found["size"] * sqrt(height), rel=0.01)
    assert back == pytest.approx(found["size"] * sqrt(width) * sqrt(0.5) / 2, rel=0.015)  # half as long, at 45°
    if channels:
        assert thick == pytest.approx(found["channels"] * sqrt(channels), rel=0.03)


def test_vectors_are_bars() -> None:
    text = figure("alexnet")
    heights = [box(text, name)[0] for name in ("fc1", "fc2", "fc3")]
    assert heights[0] == heights[1] == pytest.approx(scales(text)["units"] * 64, rel=0.03)
    assert heights[2] / heights[0] == pytest.approx(sqrt(1000 / 4096), rel=0.01)


def words_in(text: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(text).iter(f"{SVG}text")]


def test_numbers_at_the_edges() -> None:
    """Those of figure 2 of Krizhevsky et al. 2012, but for the halves that it has on two devices."""
    words = words_in(figure("alexnet_2012"))
    assert words.count("55") == words.count("27") == words.count("13") == 2  # height and width
    assert [words.count(one) for one in ("96", "384", "4096", "1000")] == [2, 2, 2, 2]  # 1000 also as the output
    assert {"11×11 /4", "5×5", "conv5", "output", "227×227×3"} <= set(words)


@pytest.mark.parametrize(("name", "windows"), [("lenet5", 5), ("alexnet", 8), ("zfnet", 8)])
def test_every_window_is_drawn(name: str, windows: int) -> None:
    """Five convolutions and three pools in AlexNet and ZFNet; three and two in LeNet-5."""
    assert figure(name).count('class="window"') == windows


def test_a_window_is_on_the_scale_of_the_maps() -> None:
    """11 of the 227 rows of AlexNet's input: its height is √11/√227 of that of the map."""
    text = figure("alexnet")
    corner = r"[\d.]+ ([\d.]+)"
    window = re.search(rf'<path d="M{corner}L{corner}L{corner}L{corner}z" class="window"/>', text)
    assert window
    assert float(window[4]) - float(window[1]) == pytest.approx(box(text, "input")[0] * sqrt(11 / 227), rel=0.02)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet152", {"×35 bottleneck", "×7 bottleneck", "×2 bottleneck", "2048"}),
        ("vit_b_16", {"×11 encoder_layer", "197", "12 heads"}),
        ("crnn", {"32", "100", "1×26", "26×37"}),
        ("googlenet", {"inception_3a", "inception_5b", "832"}),
        ("unet", {"572", "388", "28×28", "388×388×2"}),
        ("fasterrcnn_resnet50_fpn", {"1000 · 7×7", "1000 · 364"}),
    ],
)
def test_words(name: str, words: set[str]) -> None:
    assert words <= set(words_in(figure(name)))


def test_short_networks_are_not_folded() -> None:
    assert figure("vgg16").count('class="glyph"') == 22  # input, 13 convolutions, 5 pools, 3 fully connected


def test_depth_closes_blocks() -> None:
    closed = blocks(load("resnet50"), 1)
    assert closed.count('class="glyph"') < figure("resnet50").count('class="glyph"')
    assert "a closed block, in the colour of most of its work" in words_in(closed)
    assert overlaps(closed) == []


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("input: 1000x2\nlayers:\n  - conv: {filters: 16, kernel: 9}\n  - fc: 3", {"1000", "992", "1000×2"}),
        ("input: 784\nlayers:\n  - fc: 300\n  - fc: 1", {"784", "300", "1"}),
        ("input: 16x112x112x3\nlayers:\n  - conv: {filters: 64, kernel: [3, 7, 7]}", {"112×112", "16", "14"}),
        ("input: 1x1x5\nlayers:\n  - relu", {"1×1", "5", "1×1×5"}),
        ("input: 1x4000x1\nlayers:\n  - conv: {filters: 2, kernel: [1, 9]}", {"1×4000", "1×3992"}),
        ("input: {a: 8x8x3, b: 8x8x3}\nlayers:\n  - add:\n    from: [a, b]", {"a", "b", "8×8×3"}),
    ],
)
def test_shapes_of_all_kinds(spec: str, words: set[str], tmp_path: Path) -> None:
    text = blocks(read(spec, tmp_path))
    assert words <= set(words_in(text))
    assert overlaps(text) == []


def read(spec: str, folder: Path, limit: int = 20_000) -> Network:
    path = folder / "net.yaml"
    path.write_text(f"name: net\n{spec}\n" if "name:" not in spec else spec, encoding="utf-8")
    return load(str(path), limit=limit)


# What may be in a spec.


HOSTILE = "<b>'\\\"&]]></script><script>alert(1)</script>\\u202e\\u200f\\u0007=cmd|' /C calc'!A1"


def test_names_are_inert(tmp_path: Path) -> None:
    long = "a" * 62
    layers = [
        f"  - conv: {{filters: 8, kernel: 3}}\n    name: {long}",
        f"  - residual:\n      - conv: {{filters: 8, kernel: 3, padding: 1}}\n        name: {long}b",
        "  - flatten\n  - fc: 10",
    ]
    spec = f'name: "{HOSTILE}"\ninput: {{{long}c: 12x12x3}}\nlayers:\n' + "\n".join(layers) + "\n"
    text = blocks(read(spec, tmp_path))
    root = ElementTree.fromstring(text)
    assert not [one.tag for one in root.iter() if one.tag.removeprefix(SVG) in ("script", "b", "a", "foreignObject")]
    assert not re.search("[\u202e\u200f\u0007]", text)
    assert "<script" not in text and "]]>" not in text
    assert overlaps(text) == []
    assert f"{long}\n" in "".join(root.itertext())  # whole in the tooltip
    assert max(map(len, words_in(text)[2:8])) < 64


def test_a_part_of_a_page_has_no_style_of_its_own() -> None:
    text = blocks(load("lenet5"), style=False)
    assert "<style" not in text and "style=" not in text
    assert "<style" in figure("lenet5")
    assert "href" not in figure("resnet50") and not re.search(r"\son\w+=", figure("resnet50"))


def test_every_class_has_a_rule() -> None:
    used = {one for name in ("googlenet", "unet", "vit_b_16") for one in re.findall('class="([^"]+)"', figure(name))}
    ruled = set(re.findall(r"\.([a-z]+)", svg.STYLE)) | {"glyph"}
    assert {name for one in used for name in one.split()} <= ruled


def test_same_bytes_whatever_the_hash_seed() -> None:
    code = "from cnnarch import load; from cnnarch.render.figure.blocks import blocks\n"
    code += "import sys; sys.stdout.buffer.write(''.join(blocks(load(n)) for n in ('googlenet', 'yolov8n')).encode())"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {(figure("googlenet") + figure("yolov8n")).encode()}


def test_many_layers(tmp_path: Path) -> None:
    """As many as 4,000 that all differ make a file that can be opened; the benchmark says how long 10,000 take."""
    layers = "\n".join(f"  - conv: {{filters: {8 + at % 97}, kernel: 3, padding: 1}}" for at in range(4000))
    network = read(f"input: 32x32x3\nlayers:\n{layers}", tmp_path)
    text = blocks(network)
    assert text.count('class="glyph"') == 4001
    assert len(text) < 4_000_000
