"""`draw`: what is written for which ending, Mermaid, Graphviz and PNG.

Mermaid 11.17.2 in headless Chromium drew every shipped network and every hostile name below, with `securityLevel:
strict` as GitHub has it: no mistake, as many nodes and edges as there are boxes and arrows, each name intact in its
label. Done by hand for version 0.5; no test here has a browser's Mermaid, so that the text is checked by its grammar.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections import Counter
from copy import copy
from functools import cache
from html import unescape
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import cnnarch
from cnnarch.analysis.outline import _flows, _pieces
from cnnarch.cli import draw
from cnnarch.errors import ReadError, printable
from cnnarch.graph import Node
from cnnarch.network import Network
from cnnarch.render.figure import raster, svg
from cnnarch.render.figure.diagram import END, LONGEST, Box, Part, boxes, diagram, fills
from cnnarch.render.figure.dot import dot
from cnnarch.render.figure.mermaid import MOST_ARROWS, MOST_TEXT, mermaid
from cnnarch.spec import catalog
from tests.command import out, run

HOSTILE = [
    "<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "\"'&<>`", "]]>", "--></style>", "${7*7}",
    "$$x$$", "$(touch x)", "`a` **b** _c_ __d__", "1. one", "- item", "# head", "%%{init: {'securityLevel':'loose'}}%%",
    "end", "click n0 call alert()", '"]; n0 [label="x', "fa:fa-car", "#quot; &lt; &amp; #35; #9829;",
    "[x](javascript:1)", "\\input{/etc/passwd} % & $ # _ { } ~ ^ \\", "tab\there\nnew", "\x1b[31m\x07\x7f\0",
    "\u202e\u2066\ufeff\u200d", "e" + "\u0301" * 30, "漢字😀", "@{shape: circle}", "a:::conv", "\\N \\G \\l",
    "A--B-->C|x|", "---\ntitle: x\n---", "x" * 10_000, "~~~", "<br/>", '\\"', "\ud800", "\\", "a\\",
]  # fmt: skip

names = pytest.mark.parametrize("name", catalog.names()[2::3])
hostile = pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])


@cache
def loaded(name: str) -> Network:
    return cnnarch.load(name)


def named(text: str) -> Network:
    """LeNet-5, and its first layer, with another name."""
    network = cnnarch.load("lenet5")
    first, second, *others = network.graph.nodes
    spec, second = copy(network.spec), Node(text, second.layer, second.sources, second.figures)
    spec.name = text
    return Network(spec, network.graph._replace(nodes=(first, second, *others)), "lenet5")


# Boxes and arrows


def times_of(parts: tuple[Part, ...], times: int = 1) -> dict[int, int]:
    """How many times each box stands in the network."""
    found = {}
    for part in parts:
        if isinstance(part, Box):
            found[part.number] = times
        else:
            found |= times_of(part.parts, times * part.times)
    return found


@names
def test_boxes_take_what_the_layers_take(name: str) -> None:
    """Unfolded, there are as many boxes of every shape, each with as many arrows to it, as the graph has."""
    network = loaded(name)
    found = diagram(network)
    pieces, place = _pieces(network.graph, found.depth)
    every = Counter[tuple[str, int]]()
    for piece in pieces:
        sources = {place[one] for node in piece.nodes for one in _flows(node)} - {piece.number}
        every[spatial(str(piece.output.output)), len(sources)] += 1
    times, arriving = times_of(found.parts), Counter(other for _, other in found.arrows)
    drawn = Counter[tuple[str, int]]()
    for box in boxes(found.parts):
        if box.number <= max(piece.number for piece in pieces):
            drawn[spatial(box.lines[-1]), arriving[box.number]] += times[box.number]
    assert drawn == every


def spatial(shape: str) -> str:
    """A shape without its channels, which can differ in the copies of what repeats."""
    return shape.rpartition("×")[0]


@names
def test_every_output_has_an_arrow(name: str) -> None:
    found = diagram(loaded(name))
    ends = {box.number for box in boxes(found.parts) if box.kind == END}
    inputs = len(loaded(name).inputs)
    assert len(ends) > inputs
    assert all(any(number in arrow for arrow in found.arrows) for number in ends)


@names
def test_lines_are_short_and_the_ink_is_readable(name: str) -> None:
    found = diagram(loaded(name))
    for box in boxes(found.parts):
        assert all(0 < len(line) <= LONGEST for line in box.lines)
    for fill, ink in fills(found.parts).values():
        light, dark = sorted((luminance(fill), luminance(ink)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.2, 1.4.3


def luminance(color: str) -> float:
    """Of WCAG 2.2."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# Mermaid, by its grammar

LABEL = r'"((?:[^\W_]|[ ×·…,]|(?<=[^\W_])[/_.-](?=[^\W_])|#[0-9]+;|<br/>)*)"'
NODE = re.compile(rf" *n([0-9]+)(\(\[|\[){LABEL}(\]\)|\]):::([a-z_]+)")
EDGE = re.compile(r" *n([0-9]+) --> n([0-9]+)")
GROUP = re.compile(r' *subgraph g([0-9]+)\["×([0-9]+)(?:, in the end [0-9×· ]+)?"\]')
CLASS = re.compile(r" *classDef ([a-z_]+) fill:#[0-9a-f]{6},stroke:#[0-9a-f]{6},color:#[0-9a-f]{6}")


def read_mermaid(text: str) -> tuple[dict[int, list[str]], list[tuple[int, int]], list[int]]:
    """The lines of every node, the edges, and the times of the subgraphs; fails at any line that is none of these."""
    head = re.fullmatch(
        r'---\ntitle: "(?:[^\W]|[ ,.\x80-\U0010ffff]|\\x[0-9a-f]{2})*"\n---\nflowchart TB\n(.*)', text, re.S
    )
    assert head is not None
    nodes, edges, groups, classes, used, deep = {}, [], [], set(), set(), 0
    for line in head[1].splitlines():
        if node := NODE.fullmatch(line):
            assert int(node[1]) not in nodes
            assert (node[2], node[4]) in (("[", "]"), ("([", "])"))
            nodes[int(node[1])] = [decoded(one) for one in node[3].split("<br/>")]
            used.add(node[5])
        elif edge := EDGE.fullmatch(line):
            edges.append((int(edge[1]), int(edge[2])))
        elif group := GROUP.fullmatch(line):
            groups.append(int(group[2]))
            deep += 1
        elif line.strip() == "end":
            deep -= 1
        elif defined := CLASS.fullmatch(line):
            classes.add(defined[1])
        else:
            assert re.fullmatch(r" *%% [\w, ;:]+", line), line
        assert deep >= 0
    assert deep == 0
    assert classes == used
    assert "end" not in classes
    assert all(one in nodes and other in nodes for one, other in edges)
    return nodes, edges, groups


def decoded(label: str) -> str:
    """A label as Mermaid shows it, without the joiners that keep its signs apart."""
    return re.sub(r"#([0-9]+);", lambda found: chr(int(found[1])), label).replace("\u2060", "")


@names
def test_mermaid_says_what_the_diagram_says(name: str) -> None:
    text = mermaid(loaded(name))
    nodes, edges, groups = read_mermaid(text)
    found = diagram(loaded(name))
    assert nodes == {box.number: list(box.lines) for box in boxes(found.parts)}
    assert edges == list(found.arrows)
    assert groups == group_times(found.parts)
    assert len(text) <= MOST_TEXT and len(edges) <= MOST_ARROWS
    assert text == mermaid(cnnarch.load(name))


def group_times(parts: tuple[Part, ...]) -> list[int]:
    found = []
    for part in parts:
        if not isinstance(part, Box):
            found += [part.times, *group_times(part.parts)]
    return found


@hostile
def test_hostile_names_in_mermaid(text: str) -> None:
    found = mermaid(named(text))
    nodes, edges, _ = read_mermaid(found)
    assert len(nodes) == 9 and len(edges) == 8
    shown = printable(text)
    assert nodes[1][0] == shown or (len(shown) > LONGEST and "…" in nodes[1][0])
    for sign in ("%%", "<script", "<img", "$$", "fa:fa", "`", "click", "javascript:"):
        assert sign not in found.replace("click n0 call", "").replace("<br/>", "")


def test_blocks_close_until_mermaid_draws_it(tmp_path: Path) -> None:
    spec = "name: A\ninput: 8x8x4\nblocks:\n  b:\n    layers:\n" + "".join(
        f"      - conv: {{filters: {4 + at}, kernel: 3, padding: half}}\n" for at in range(700)
    )
    path = tmp_path / "net.yaml"
    path.write_text(f"{spec}layers:\n  - b\n", encoding="utf-8")
    whole = cnnarch.load(str(path))
    assert len(read_mermaid(mermaid(whole))[0]) == 3
    assert "more than Mermaid draws" in mermaid(whole, 2)
    assert len(read_mermaid(mermaid(whole, 2))[0]) > MOST_ARROWS


# Graphviz, by its grammar and by itself

STRING = r'"((?:[^"\\\n]|\\[\\"n])*)"'
DOT_NODE = re.compile(
    rf' *n([0-9]+) \[label={STRING}, fillcolor="#[0-9a-f]{{6}}", fontcolor="#[0-9a-f]{{6}}"'
    rf'(?:, style="filled,rounded")?(?:, tooltip={STRING})?\];'
)
DOT_EDGE = re.compile(r" *n([0-9]+) -> n([0-9]+);")


def read_dot(text: str) -> tuple[dict[int, list[str]], list[tuple[int, int]], int]:
    """The lines of every node, the edges, and how many clusters there are; fails at any line that is none of these."""
    first, *lines, last = text.splitlines()
    assert (first, last) == ("digraph {", "}")
    nodes, edges, clusters, deep = {}, [], 0, 0
    for line in lines[4:]:
        if node := DOT_NODE.fullmatch(line):
            nodes[int(node[1])] = plain(node[2]).split("\n")
        elif edge := DOT_EDGE.fullmatch(line):
            edges.append((int(edge[1]), int(edge[2])))
        elif re.fullmatch(r" *subgraph cluster_[0-9]+ \{", line):
            clusters, deep = clusters + 1, deep + 1
        elif line.strip() == "}":
            deep -= 1
        else:
            assert re.fullmatch(rf" *label={STRING};(?: labeljust=l; style=rounded;)?", line), line
    assert deep == 0
    return nodes, edges, clusters


def plain(words: str) -> str:
    """A string of Graphviz as it shows it."""
    return unescape(re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], words))


@names
def test_dot_says_what_the_diagram_says(name: str) -> None:
    found = diagram(loaded(name))
    nodes, edges, clusters = read_dot(dot(loaded(name)))
    assert nodes == {box.number: list(box.lines) for box in boxes(found.parts)}
    assert edges == list(found.arrows)
    assert clusters == len(group_times(found.parts))


@hostile
def test_hostile_names_in_dot(text: str) -> None:
    nodes, edges, _ = read_dot(dot(named(text)))
    assert len(nodes) == 9 and len(edges) == 8
    shown = printable(text)
    assert nodes[1][0] == shown or (len(shown) > LONGEST and "…" in nodes[1][0])


def graphviz(text: str, form: str) -> str:
    program = shutil.which("dot")
    if program is None:
        pytest.skip("Graphviz is not installed")
    done = subprocess.run([program, f"-T{form}"], input=text.encode(), capture_output=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


@pytest.mark.graphviz
@names
def test_graphviz_reads_it(name: str) -> None:
    text = dot(loaded(name))
    words = [line.split(" ", 1)[0] for line in graphviz(text, "plain").splitlines()]
    nodes, edges, _ = read_dot(text)
    assert (words.count("node"), words.count("edge")) == (len(nodes), len(edges))


@pytest.mark.graphviz
@hostile
def test_graphviz_shows_hostile_names_as_they_are(text: str) -> None:
    page = ElementTree.fromstring(graphviz(dot(named(text)), "svg"))
    allowed = {"svg", "g", "title", "polygon", "text", "path", "a"}
    assert {one.tag.rpartition("}")[2] for one in page.iter()} <= allowed
    shown = [one.text or "" for one in page.iter() if one.tag.endswith("}text")]
    name = printable(text)
    assert len(name) > LONGEST or shown[3].replace("\u00a0", " ").strip() == name.strip()
    links = [one for one in page.iter() if any(key.rpartition("}")[2] == "href" for key in one.attrib)]
    assert not links


# PNG


def test_what_is_missing_for_a_png_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(name)

    def without_cairo(name: str) -> Any:
        raise OSError("no library called cairo-2 was found")

    figure = svg.document(10, 10, [], "A", "")
    monkeypatch.setattr(raster, "import_module", absent)
    with pytest.raises(ReadError, match="drawing a PNG needs cairosvg") as found:
        raster.png(figure)
    assert found.value.problem.hint == "`pip install 'cnnarch[png]'`"
    monkeypatch.setattr(raster, "import_module", without_cairo)
    with pytest.raises(ReadError, match="needs the library cairo") as found:
        raster.png(figure)
    assert "libcairo2" in found.value.problem.hint


def test_too_many_pixels_are_refused() -> None:
    with pytest.raises(ReadError, match="20,000 × 20,000 pixels is too large") as found:
        raster.png(svg.document(100, 100, [], "A", ""), 20_000)
    assert "at most `--width 10000`" in found.value.problem.hint
    with pytest.raises(ReadError, match="a figure of 1,000 × 90,000 is too large for a PNG"):
        raster.png(svg.document(1000, 90_000, [], "A", ""))


@pytest.mark.png
@pytest.mark.parametrize("width", [None, 500])
def test_a_png_has_the_light_colours_in_their_places(width: int | None) -> None:
    try:
        import_module("cairosvg")
    except (ImportError, OSError):
        pytest.skip("CairoSVG is not installed, or the library cairo")
    families = list(svg.COLORS)
    body = [
        svg.element("g", svg.element("rect", x=10, y=20 * at + 5, width=80, height=10, class_=f"outline {name}"))
        for at, name in enumerate(families)
    ]
    across, down, rows = decode(raster.png(svg.document(100, 20 * len(families), body, "A", ""), width))
    assert (across, down) == ((width or 200), (width or 200) * len(families) // 5)
    scale = across / 100
    for at, name in enumerate(families):
        row = rows[round((20 * at + 10) * scale)]
        x = round(50 * scale)
        assert row[4 * x : 4 * x + 4] == bytes.fromhex(svg.COLORS[name][1][1:] + "ff")
    assert rows[0][:4] == bytes.fromhex(svg.GROUND[1:] + "ff")


def decode(png: bytes) -> tuple[int, int, list[bytes]]:
    """The width, the height and the rows of red, green, blue and opacity of a PNG of 8 bits, by its specification."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    data, place, header = b"", 8, b""
    while place < len(png):
        length = int.from_bytes(png[place : place + 4], "big")
        kind, content = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        assert kind in (b"IHDR", b"IDAT", b"IEND", b"pHYs", b"sRGB", b"bKGD", b"gAMA")
        data += content if kind == b"IDAT" else b""
        header = content if kind == b"IHDR" else header
        place += length + 12
    width, height, depth, color, *_, interlaced = struct.unpack(">IIBBBBB", header)
    assert (depth, color, interlaced) in ((8, 6, 0), (8, 2, 0))
    step = 4 if color == 6 else 3
    raw, rows, before = zlib.decompress(data), [], bytes(step * width)
    for at in range(height):
        start = at * (step * width + 1)
        before = unfiltered(raw[start], raw[start + 1 : start + 1 + step * width], before, step)
        rows.append(before if step == 4 else b"".join(before[x : x + 3] + b"\xff" for x in range(0, 3 * width, 3)))
    return width, height, rows


def unfiltered(how: int, row: bytes, above: bytes, step: int) -> bytes:
    """A row of a PNG as it was before it was filtered."""
    found = bytearray(row)
    for at in range(len(found)):
        left = found[at - step] if at >= step else 0
        corner = above[at - step] if at >= step else 0
        guess = left + above[at] - corner
        nearest = min((abs(guess - one), rank, one) for rank, one in enumerate((left, above[at], corner)))[2]
        found[at] = (found[at] + (0, left, above[at], (left + above[at]) // 2, nearest)[how]) % 256
    return bytes(found)


# The command


@pytest.mark.parametrize("ending", draw.ENDINGS)
def test_the_ending_says_what_is_written(ending: str, tmp_path: Path) -> None:
    beginnings = {"svg": b"<svg ", "mermaid": b"---\n", "dot": b"digraph {", "png": b"\x89PNG", "text": b""}
    form = draw.ENDINGS[ending]
    file = tmp_path / f"net{ending.upper()}"
    done = run("draw", "lenet5", "-o", str(file))
    if form == "png" and done.returncode:
        assert "drawing a PNG needs cairosvg" in done.stderr or "library cairo" in done.stderr
        assert not file.exists()
        return
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert file.read_bytes().startswith(beginnings[form])
    assert file.read_bytes()


@pytest.mark.parametrize("style", draw.STYLES)
def test_styles(style: str) -> None:
    text = out("draw", "alexnet", "--style", style)
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert out("draw", "alexnet", "--style", style) == text
    assert (out("draw", "alexnet") == text) == (style == "strip")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("-o", "net.pdf"), "the ending of `net.pdf` is not one of a figure", "endings are .svg, .mmd"),
        (("--to", "dot", "--style", "blocks"), "`--style` is of svg and png, and this is dot", "leave out"),
        (("-o", "a.mmd", "--style", "strip"), "`--style` is of svg and png, and this is mermaid", "leave out"),
        (("--width", "80"), "`--width` is of png and text, and this is svg", "leave out"),
    ],
)
def test_misuse(arguments: tuple[str, ...], message: str, hint: str) -> None:
    done = run("draw", "lenet5", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")
    assert f"hint: {hint}" in done.stderr


def test_a_png_is_not_written_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with pytest.raises(ReadError, match="a PNG is not for a terminal"):
        draw._refuse("png", None, None, None)
    draw._refuse("png", None, None, "net.png")


def test_every_style_and_form_has_its_module() -> None:
    for form in draw.FORMS:
        for style in draw.STYLES:
            module = import_module(f"cnnarch.render.figure.{draw._MODULES.get(form, style)}")
            assert callable(getattr(module, {"text": "letters"}.get(form, form if form in draw._MODULES else style)))
