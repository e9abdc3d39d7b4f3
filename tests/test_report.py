"""The report: its structure, its policy, names that are inert; in a browser it is in test_report_in_chromium."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from cnnarch.analysis.rows import tree
from cnnarch.network import Network, load
from cnnarch.render.report import document
from cnnarch.spec import catalog
from tests.command import out, run

VOID = {"meta", "input", "link", "br", "wbr", "img", "hr"}
SVG_VOID = {"rect", "path", "circle", "line", "polygon", "polyline", "ellipse", "use", "stop"}


class Element:
    """An element of a page, with what is in it."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.inside: list[Element] = []
        self.words: list[str] = []

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        found = []
        for one in self.inside:
            if tag in ("", one.tag) and all(
                value in one.attributes.get(name.rstrip("_").replace("_", "-"), "").split()
                for name, value in attributes.items()
            ):
                found.append(one)
            found += one.all(tag, **attributes)
        return found

    @property
    def text(self) -> str:
        return "".join(self.words)


class Tree(HTMLParser):
    """Reads a page, and says where a tag is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]
        self.feed(text)
        self.close()
        assert self.open == [self.root], [one.tag for one in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> has an attribute twice"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for one in self.open:
            one.words.append(data)


def read(*networks: Network) -> Element:
    return Tree(document(networks)).root


def data_of(page: Element) -> Any:
    (found,) = page.all("script", class_="data")
    return json.loads(found.text)


def test_nothing_is_allowed_but_the_style_and_the_script_of_the_page() -> None:
    text = document([load("alexnet")])
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    (style,), (script,) = (
        re.findall(r"<style>(.*?)</style>", text, re.S),
        re.findall(r"<script>(.*?)</script>", text, re.S),
    )
    hashes = [f"'sha256-{b64encode(sha256(one.encode()).digest()).decode()}'" for one in (style, script)]
    assert rules == {
        "default-src": "'none'", "style-src": hashes[0], "script-src": hashes[1], "base-uri": "'none'",
        "form-action": "'none'",
    }  # fmt: skip


def is_inert(page: Element) -> None:
    """Nothing on a page is loaded, runs or has a style of its own but what the page declares."""
    for one in page.all():
        assert one.tag not in ("img", "iframe", "object", "embed", "link", "base", "form", "audio", "video", "use")
        for name, value in one.attributes.items():
            assert not name.startswith("on") and name not in ("style", "src", "srcset", "action", "formaction"), name
            assert name not in ("href", "xlink:href") or value.startswith("#"), value
    scripts = [one.attributes.get("type", "") for one in page.all("script")]
    assert scripts[0] == "" and set(scripts[1:]) == {"application/json"}
    assert len(page.all("style")) == 1


def is_sound(page: Element) -> None:
    """What a reader of the page by ear goes by: one first heading, no level left out, names that are there once."""
    levels = [int(one.tag[1]) for one in page.all() if re.fullmatch("h[1-6]", one.tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    names = [one.attributes["id"] for one in page.all() if "id" in one.attributes]
    assert len(set(names)) == len(names)
    for key in ("aria-labelledby", "aria-controls", "for"):
        assert {one.attributes[key] for one in page.all() if key in one.attributes} <= set(names)
    assert {one.attributes["href"][1:] for one in page.all("a")} <= set(names)
    for one in page.all("table"):
        assert all(cell.attributes.get("scope") in ("col", "row") for cell in one.all("th"))
    for one in page.all("svg"):
        assert one.attributes.get("aria-hidden") == "true" or (one.attributes["role"] == "img" and one.all("title"))
    assert [one.tag for one in page.all() if one.tag in ("header", "main", "footer")] == ["header", "main", "footer"]


EVERY = catalog.names()


@pytest.mark.parametrize("name", EVERY[::20])
def test_every_network_has_a_sound_page(name: str) -> None:
    network = load(name)
    page = read(network)
    is_inert(page)
    is_sound(page)
    (table,) = page.all("table", class_="layers")
    body = table.all("tbody")[0].all("tr")
    count = len(network.graph.inputs)
    assert len(body) == count + len(tree(network.graph))
    layers = [row for row in body if "data-at" in row.attributes]
    assert [int(row.attributes["data-at"]) for row in layers] == list(range(len(network.graph.nodes)))
    assert [row.all("th")[0].text for row in layers[count:]] == [node.name for node in network.layers]
    for row in body:
        if "data-span" in row.attributes:
            first, last = map(int, row.attributes["data-span"].split())
            name = row.all("th")[0].text
            assert all(node.name.startswith(f"{name}/") for node in network.graph.nodes[first : last + 1])
    data = data_of(page)
    assert len(data["layers"]) == len(network.graph.nodes)
    for explanation, fields in data["layers"][count:]:
        assert all(step < len(data["steps"]) for step in data["explanations"][explanation][2])
        assert all(field < len(data["fields"]) for field in fields)
    assert all(at < len(data["terms"]) for step in data["steps"] for at in step[1])
    inputs = len(page.all("template", class_="over"))
    assert all(field[0] < inputs for field in data.get("fields", []))


def numbers(row: Element) -> list[int]:
    """Params, MACs and element operations of a row."""
    return [int(cell.text.replace(",", "") or 0) for cell in row.all("td")[2:5]]


@pytest.mark.parametrize("name", ["alexnet", "resnet50", "unet", "vit_b_16", "fasterrcnn_resnet50_fpn"])
def test_rows_add_up_to_their_blocks_and_to_the_total(name: str) -> None:
    network = load(name)
    (table,) = read(network).all("table", class_="layers")
    rows = table.all("tbody")[0].all("tr")
    layers = {int(row.attributes["data-at"]): numbers(row) for row in rows if "data-at" in row.attributes}
    for row in rows:
        if "data-span" in row.attributes:
            first, last = map(int, row.attributes["data-span"].split())
            inside = [layers[one] for one in range(first, last + 1)]
            assert numbers(row) == [sum(column) for column in zip(*inside)], row.text
    total = table.all("tfoot")[0].all("tr")[0]
    assert numbers(total) == [sum(column) for column in zip(*layers.values())]
    assert numbers(total) == [network.totals.params, network.totals.macs, network.totals.elements]


@pytest.mark.parametrize("batch", [1, 8])
def test_bars_are_shares_of_the_total(batch: int) -> None:
    page = read(load("alexnet", batch=batch))
    row = next(row for row in page.all("tr") if row.attributes.get("data-at") == "1")
    shares = [re.findall(r"\bs(\d+)", cell.attributes.get("class", "")) for cell in row.all("td")[2:5]]
    # conv1 of 28,823,912 params, 614,310,432 MACs and 1,904,526 element operations
    assert shares == [["0"], [str(round(100 * 105415200 / 614310432))], [str(round(100 * 290400 / 1904526))]]


@pytest.mark.parametrize("batch", [1, 8])
def test_work_is_of_a_batch(batch: int) -> None:
    (table,) = read(load("lenet5", batch=batch)).all("table", class_="layers")
    first = next(row for row in table.all("tr") if row.attributes.get("data-at") == "1")
    assert numbers(first)[:2] == [156, batch * 28 * 28 * 6 * 25]  # 6 filters of 5×5, with biases


def read_term(term: Any) -> str:
    """A term as the script sets it, as text."""
    if isinstance(term, str):
        return term.replace(",", "")
    what, *rest = term
    if what == "w":
        return " ".join(rest)
    if what == "/":
        return f"({read_term(rest[0])}) / ({read_term(rest[1])})"
    if what:
        return f"{what[0]}{read_term(rest[0])}{what[1]}"
    return "".join(f" {one} " if index % 2 else read_term(one) for index, one in enumerate(rest))


def test_arithmetic_gives_what_it_says() -> None:
    """Every step's numbers, computed again, are its result."""
    for name in ("alexnet", "mobilenet_v1"):
        data = data_of(read(load(name)))
        checked = 0
        for _, terms, value, _ in data["steps"]:
            text = read_term(data["terms"][terms[-1]]) if terms else ""
            for sign, plain in (("×", "*"), ("−", "-"), ("⌊", "int("), ("⌋", ")")):
                text = text.replace(sign, plain)
            if text and re.fullmatch(r"[\d\s+*/()-]+|.*int.*", text) and not re.search(r"[a-hj-mo-su-z⌈…]", text):
                assert eval(text) == int(value.replace(",", "")), text
                checked += 1
        assert checked > 30


def test_a_receptive_field_lies_where_its_pixels_are() -> None:
    data = data_of(read(load("alexnet")))
    seen = {at: data["fields"][fields[0]] for at, (_, fields) in enumerate(data["layers"]) if fields}
    # the 28th of 55 places of conv1 begins at pixel 27·4 and sees 11 of 227; these are drawn 160 wide, 40 from the left
    left, side = 40 + 160 * 27 * 4 / 227, 160 * 11 / 227
    assert [float(one) for one in seen[1][2][:4]] == pytest.approx([left, left, side, side], abs=0.06)
    assert seen[1][1] == "a place sees 11×11 of 227×227 pixels; places are 4 pixels apart"


def test_a_field_that_is_larger_than_the_input_is_cut_at_the_edge_of_the_drawing() -> None:
    network = load("resnet50")
    data = data_of(read(network))
    last = network.graph.nodes.index(network.layer("stage4/bottleneck3/relu"))
    (field,) = [data["fields"][one] for one in data["layers"][last][1]]
    drawn = [float(one) for one in field[2]]
    assert "427×427 of 224×224" in field[1] and "padding" in field[1]
    assert drawn[:4] == [0, 0, 240, 240] and drawn[4:8] == [40, 40, 160, 160]  # all of the drawing, all of the input


def test_inputs_that_are_not_square_keep_their_shape() -> None:
    page = read(load("alexnet", inputs=load("alexnet").inputs["input"].__class__(227, 454, 3)))
    frame = page.all("template", class_="over")[0].all("rect", class_="input")[0].attributes
    assert (frame["width"], frame["height"]) == ("160", "80")


HOSTILE = [
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"'><svg onload=alert(1)>", "]]>--><!--",
    "&lt;b&gt;", "`<b>`", "\u202eabc", "\x1b[31m", "=cmd|' /C calc'!A0", "\\input{x}$",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
def test_hostile_texts_are_inert(text: str, tmp_path: Any) -> None:
    quoted = json.dumps(text)
    path = tmp_path / "net.yaml"
    path.write_text(
        f"name: {quoted}\nsource: {quoted}\nnote: {quoted}\ninput: 16x16x3\nlayers:\n"
        f"  - conv: {{filters: 4, kernel: 3}}\n    note: {quoted}\n  - relu\n"
    )
    pages = document([load(str(path))]), document([load(str(path)), load("lenet5")])
    for page in (Tree(one).root for one in pages):
        is_inert(page)
        assert not page.all("b") and not page.all("svg", onload="alert(1)")
        assert page.all("h1")[0].text.isprintable()
    notes = [one[1] for one in data_of(Tree(pages[0]).root)["explanations"]]
    assert notes[0].isprintable() and (not text.isprintable() or notes[0] == text)


def test_several_networks_are_compared_first() -> None:
    page = read(load("alexnet"), load("vgg16"), load("resnet50"))
    is_inert(page)
    is_sound(page)
    assert [one.text for one in page.all("h2")] == [
        "Comparison", "AlexNet, without padding", "VGG16", "ResNet-50", "What is counted",
    ]  # fmt: skip
    assert len(page.all("table", class_="layers")) == 3
    two = read(load("alexnet"), load("vgg16"))
    is_sound(two)
    assert [one.text for one in two.all("caption")][:2] == ["Totals", "Layer against layer"]


def test_the_same_spec_gives_the_same_bytes() -> None:
    code = "from cnnarch.network import load; from cnnarch.render.report import document; import sys, hashlib;"
    code += "print(hashlib.sha256(document([load('resnet18'), load('crnn')]).encode()).hexdigest())"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_a_network_of_many_layers_shows_the_first_and_repeats_no_text(tmp_path: Any) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text(
        "name: deep\ninput: 8x8x4\nlayers:\n"
        "  - {repeat: 600, layers: [{conv: {filters: 4, kernel: 3, padding: half}}, relu]}\n"
    )
    text = document([load(str(path))])
    page = Tree(text).root
    rows = page.all("table", class_="layers")[0].all("tbody")[0].all("tr")
    assert len(rows) == 1201 and [("late" in row.attributes.get("class", "")) for row in rows].index(True) == 401
    data = data_of(page)
    assert len(data["explanations"]) < 620 and len(data["terms"]) < 620 * 2
    assert len(text) < 1_000_000


def test_the_command(tmp_path: Any) -> None:
    target = tmp_path / "report.html"
    assert out("report", "lenet5", "-o", str(target)) == ""
    assert target.read_text(encoding="utf-8") == out("report", "lenet5")
    assert run("report").returncode == 2
    wrong = run("report", "lenet6")
    assert wrong.returncode == 2 and "did you mean `lenet5`?" in wrong.stderr
