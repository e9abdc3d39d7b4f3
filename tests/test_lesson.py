"""Lessons and worksheets: their mathematics, what they say, and that every blank follows from what is shown."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from cnnarch import Network, load
from cnnarch.analysis.explanation import explain, explain_totals
from cnnarch.analysis.worksheet import ASKED, worksheet
from cnnarch.cli import commands
from cnnarch.errors import Cause, ReadError
from cnnarch.layers import Step
from cnnarch.render import explanation, mathematics, renderer
from cnnarch.render import worksheet as sheets
from cnnarch.render.lesson import set_lesson
from cnnarch.render.mathematics import Chain, Inside, Number, Over, Term, Words
from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from tests.shipped import each_network

FORMS = ("markdown", "latex", "html")
PROSE = {"(2 × size − 1) on every axis", "sum over the convolutions, if they were fully connected"}


def needs_tex(test: Any) -> Any:
    """A test that sets a page with TeX, where there is one."""
    there = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
    return pytest.mark.tex(there(test))


@cache
def steps() -> tuple[Step, ...]:
    """Every step of every layer of every shipped network, of the same formula and numbers once."""
    found: dict[Step, None] = {}
    for name in catalog.names():
        network = load(name)
        nodes = {(node.layer, network.graph.shapes(node)): node for node in network.layers}
        for node in nodes.values():
            found |= dict.fromkeys(explain(network.graph, node, network.receptive_field).steps)
        found |= dict.fromkeys(explain_totals(network.graph))
    return tuple(found)


@cache
def formulas() -> dict[str, Step]:
    """A step for every formula."""
    return {step.formula: step for step in steps()}


def value(term: Term) -> Fraction:
    """What a term comes to; written here again, from its parts."""
    match term:
        case Number(number):
            return Fraction(number)
        case Inside(brackets, inner, _):
            found = value(inner)
            return found if brackets == "(" else Fraction((math.floor if brackets == "⌊" else math.ceil)(found))
        case Over(above, below):
            return value(above) / value(below)
        case Chain(terms, signs):
            found = value(terms[0])
            for sign, one in zip(signs, terms[1:]):
                found = {"+": found.__add__, "−": found.__sub__, "×": found.__mul__}[sign](value(one))
            return found
    raise AssertionError(term)


def words(term: Term) -> Iterator[str]:
    match term:
        case Words(text, _):
            yield text
        case Inside(_, inner, _):
            yield from words(inner)
        case Over(above, below):
            yield from (*words(above), *words(below))
        case Chain(terms, _):
            for one in terms:
                yield from words(one)


def test_every_formula_is_understood_but_for_prose() -> None:
    assert len(formulas()) > 60
    left = {formula for formula in formulas() if any(re.search(r"[^\w ']", text) for text in words_of(formula))}
    assert left == PROSE


def words_of(formula: str) -> list[str]:
    return list(words(mathematics.read(formula)))


def test_arithmetic_keeps_its_value() -> None:
    """Against Python itself, which evaluates the same text, and against what is printed."""
    known = {"__builtins__": {}, "floor": math.floor, "ceil": math.ceil}
    for step in steps():
        read = mathematics.read(step.arithmetic)
        assert value(read) == Fraction(eval(step.arithmetic, known)).limit_denominator(1) == step.value, step
    for step in formulas().values():
        spoken = mathematics.spoken(mathematics.read(step.arithmetic))
        assert value(mathematics.read(spoken.replace(",", ""))) == step.value


def test_mathml_is_well_formed_and_has_elements_of_its_core() -> None:
    known = {"math", "mrow", "mfrac", "mi", "mtext", "mn", "mo", "msup"}
    for step in formulas().values():
        for term in mathematics.chain(step):
            root = ElementTree.fromstring(f"<math>{mathematics.mathml(mathematics.shortened(term))}</math>")
            assert {element.tag for element in root.iter()} <= known
            assert all(len(element) == 2 for element in root.iter() if element.tag in ("mfrac", "msup"))


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("channels / factor²", r"\frac{\text{channels}}{\text{factor}^2}"),
        ("a × b / c", r"\frac{\text{a} \times \text{b}}{\text{c}}"),
        ("2 - (3 - 4)", "2 - (3 - 4)"),
        ("(1 + 2) * 3", r"(1 + 2) \times 3"),
        ("relative_units", r"\text{relative\_units}"),
        (r"\input{x}", r"\text{\textbackslash{}input\{x\}}"),
        ("1 +", r"\text{1 +}"),
        ("(" * 500, rf"\text{{{'(' * 500}}}"),
    ],
)
def test_what_is_read(text: str, tex: str) -> None:
    assert mathematics.latex(mathematics.read(text)) == tex


def compiles(text: str, folder: Path) -> str:
    """Compile a fragment in an article, with the packages that its first line names; the log."""
    packages = "".join(re.findall(r"\\usepackage\{\w+\}", text.partition("\n")[0]))
    (folder / "fragment.tex").write_text(text, encoding="utf-8")
    document = f"\\documentclass{{article}}{packages}\\begin{{document}}\n\\input{{fragment}}\n\\end{{document}}\n"
    (folder / "page.tex").write_text(document)
    run = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "-draftmode", "page.tex"]
    done = subprocess.run(run, cwd=folder, capture_output=True, check=False)
    log = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, log[-2000:]
    return log


@needs_tex
def test_latex_of_every_formula_compiles(tmp_path: Path) -> None:
    one = explanation.Working([step._replace(remark="") for step in formulas().values()])
    compiles(set_lesson([one], "latex", ""), tmp_path)


class Tags(HTMLParser):
    """What elements a page has, that they are closed in order, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in ("meta", "br", "wbr", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def taught(network: Network, *names: str) -> explanation.Lesson:
    nodes = [network.layer(name) for name in names] if names else network.layers
    found = [explain(network.graph, node, network.receptive_field) for node in nodes]
    return explanation.lesson(network, found, everything=not names)


@pytest.mark.parametrize("name", catalog.names()[::24])
def test_lessons_of_shipped_networks(name: str) -> None:
    network = load(name)
    lesson = taught(network)
    for form in FORMS:
        text = set_lesson(lesson, form, network.name)
        assert text == set_lesson(taught(load(name)), form, network.name)
        total = f"{network.totals.weights:,}"
        assert total.replace(",", "{,}" if form == "latex" else ",") in text
    assert {"script", "img", "a", "iframe"}.isdisjoint(Tags(set_lesson(lesson, "html", network.name)).tags)


@pytest.mark.parametrize("name", ["resnet152", "vgg16", "maxvit_t", "swin_v2_b"])
def test_of_equal_layers_one_is_explained_and_none_is_lost(name: str) -> None:
    network = load(name)
    found = [explain(network.graph, node, network.receptive_field) for node in network.layers]
    together = explanation._equal(found)
    assert sorted(one.name for group in together for one in group) == sorted(node.name for node in network.layers)
    macs = 0
    for first, *others in together:
        macs += (1 + len(others)) * next((step.value for step in first.steps if step.quantity == "MACs"), 0)
        for other in others:
            assert [step for step in other.steps if step.quantity not in explanation.SEEN] == [
                step for step in first.steps if step.quantity not in explanation.SEEN
            ]
    assert macs == network.totals.macs
    shown = renderer("table")(explanation.page(network, found, everything=True, once=True), None, False)
    assert f"{network.totals.params:,}" in shown


def test_markdown_has_nothing_in_mathematics_that_markdown_eats() -> None:
    text = set_lesson([explanation.Working(list(formulas().values()))], "markdown", "")
    for formula in re.findall(r"\$(.*?)\$", text):
        assert not re.search(r"\\[^a-zA-Z ]|[|`<>]", formula), formula


def test_a_lesson_reads_as_it_should() -> None:
    text = set_lesson(taught(load("alexnet"), "conv1"), "markdown", "")
    assert (
        r"| height | $\frac{\text{input} - \text{kernel}}{\text{stride}} + 1 = \frac{227 - 11}{4} + 1 = 55$ |" in text
    )
    page = Tags(set_lesson(taught(load("alexnet"), "conv1"), "html", "x"))
    assert "34,848" in page.text


# Worksheets.


@each_network
def test_worksheets_of_shipped_networks(name: str) -> None:
    network = load(name)
    sheet = worksheet(network.graph, seed=3)
    assert 5 <= len(sheet.blanks) <= 12
    assert [one.number for one in sheet.blanks] == list(range(1, len(sheet.blanks) + 1))
    counted = [entry for entry in sheet.entries if not entry.row.train_only]
    for column, whole in (("weights", network.totals.weights), ("macs", network.totals.macs)):
        assert sum(entry.times * getattr(entry.row, column) for entry in counted) == whole
    for blank in sheet.blanks:
        node = sheet.entries[blank.cell.row].node
        figures = {"output": node.output, "weights": node.weights, "biases": node.biases, "macs": node.macs}
        if blank.cell.column in figures:
            assert blank.answer == figures[blank.cell.column]
        else:
            setting = node.layer.given()["units" if node.layer.kind == "fc" else blank.cell.column]
            assert blank.answer in (setting, (setting,) * len(node.output.spatial))
        results = [step.value for step in blank.steps]
        assert results
        if isinstance(blank.answer, Shape):
            assert results == list(blank.answer)
        elif isinstance(blank.answer, tuple):
            assert results == [math.prod(blank.answer)]
        else:
            assert results == [blank.answer]
        for step in blank.steps:
            assert value(mathematics.read(step.arithmetic)) == step.value


@pytest.mark.parametrize("name", catalog.names()[::10])
def test_worksheets_and_keys_in_every_format(name: str) -> None:
    network = load(name)
    sheet = worksheet(network.graph)
    for form in FORMS:
        blank, key = (sheets.set_worksheet(network, sheet, answers, form) for answers in (False, True))
        for one in sheet.blanks:
            assert f"({one.number})" in blank
            assert f"({one.number})" in key
        room = {"markdown": r" \_\_\_\_ |", "latex": r"\underline{", "html": '<span class="blank">'}[form]
        assert blank.count(room) == len(sheet.blanks)
        assert room not in key
        if form == "html":
            assert key.count('<span class="answer">') == len(sheet.blanks)
            assert "script" not in Tags(blank).tags | Tags(key).tags


def solutions(record: dict[str, Any], number: int, arrives: Shape, network: Network, most: int) -> list[dict[str, Any]]:
    """Every set of filters and kernel with which a row has what is shown of it: by trying all there are."""
    row = record["rows"][number]
    layer = network.layer(row["name"]).layer
    named = "units" if layer.kind == "fc" else "filters"
    tried: dict[str, Any] = {}
    if named in layer.settings:
        tried[named] = range(1, most) if row["filters"] is None else [row["filters"]]
    if "kernel" in layer.settings:
        tried["kernel"] = range(1, 13) if row["kernel"] is None else [tuple(row["kernel"])]
    found = []
    for values in product(*tried.values()):
        try:
            made = type(layer).of({**layer.defaults, **layer.given(), **dict(zip(tried, values))})
            # What arrives, its padding in pixels, and what is rare are shown.
            figures = made.figures((arrives,))
        except Cause:
            continue
        got = {"output": list(figures.output), "weights": figures.weights, "biases": figures.biases,
               "macs": figures.macs}  # fmt: skip
        if all(row[key] in (None, shown) for key, shown in got.items()):
            found.append({**got, **{("filters" if key == "units" else key): one for key, one in zip(tried, values)}})
    return found


@pytest.mark.parametrize(
    ("name", "seed", "most"),
    [("lenet5", 1, 150), ("lenet5", 3, 150), ("mobilenet_v1", 6, 1100)],
)
def test_every_blank_has_one_solution(name: str, seed: int, most: int) -> None:
    """With as many blanks as there can be, by brute force from what the record shows and nothing else."""
    network = load(name)
    sheet = worksheet(network.graph, seed, blanks=1.0)
    assert len(sheet.blanks) >= 8
    record = json.loads(json.dumps(sheets.record(network, sheet, answers=False)))
    answers = {(one.cell.row, one.cell.column): one.answer for one in sheet.blanks}
    above: Shape | None = None
    checked = 0
    for number, row in enumerate(record["rows"]):
        blanks = [column for column in ASKED if (number, column) in answers]
        arrives = above if row["input_is_above"] else Shape(*row["input"][0])
        assert arrives is not None
        if row["kind"] == "fc" and row["input_is_above"]:
            arrives = Shape(arrives.units)
        if blanks:
            found = solutions(record, number, arrives, network, most)
            assert len(found) == 1, (row, found[:3])
            for column in blanks:
                assert row[column] is None
                got, expected = found[0][column], answers[number, column]
                same = got in (list(expected), expected[0]) if isinstance(expected, tuple) else got == expected
                assert same, (row["name"], column)
                checked += 1
            above = Shape(*found[0]["output"])
        else:
            above = Shape(*row["output"])
    assert checked == len(answers)


def test_a_blank_that_does_not_follow_is_not_made() -> None:
    """Of one layer all cells but one in each circle can be blank, and never all."""
    graph = load("lenet5").graph
    for seed in range(30):
        blank = {one.cell for one in worksheet(graph, seed, blanks=1.0).blanks}
        for number in {cell.row for cell in blank}:
            columns = {cell.column for cell in blank if cell.row == number}
            assert not {"filters", "output", "biases", "weights"} <= columns
            assert not {"kernel", "weights"} <= columns


def test_the_same_seed_gives_the_same_blanks() -> None:
    """Written down, so that every version of Python is held to it."""
    graph = load("alexnet").graph
    found = [(one.name, one.cell.column) for one in worksheet(graph, seed=7, blanks=5).blanks]
    assert found == [
        ("pool1", "output"), ("conv2", "kernel"), ("conv4", "kernel"), ("fc1", "filters"), ("fc1", "output"),
    ]  # fmt: skip
    assert worksheet(graph, seed=7).blanks == worksheet(load("alexnet").graph, seed=7).blanks
    assert len({tuple(one.cell for one in worksheet(graph, seed).blanks) for seed in range(20)}) == 20


def test_the_key_has_the_same_blanks() -> None:
    network = load("alexnet")
    sheet = worksheet(network.graph, seed=7)
    blank, key = (sheets.record(network, sheet, answers) for answers in (False, True))
    assert blank["rows"] == key["rows"]
    assert [one["number"] for one in blank["blanks"]] == [one["number"] for one in key["blanks"]]
    assert all("answer" not in one for one in blank["blanks"])
    assert all(one["answer"] for one in key["blanks"])


def run(*arguments: str) -> Any:
    return CliRunner().invoke(commands, list(arguments))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--blanks", "1000"], "there are 30 cells to ask for, not 1000"),
        (["--blanks", "none"], "is no number of blanks"),
        (["--blanks", "0"], "is no number of blanks"),
        (["--blanks", "-3"], "is no number of blanks"),
        (["--blanks", "1.5"], "is no number of blanks"),
        (["--blanks", "101%"], "is more than all"),
        (["--only", "weight"], "a worksheet cannot ask for `weight`"),
        (["--blanks", "30"], "30 cells cannot be blank at once"),
    ],
)
def test_what_cannot_be_asked(arguments: list[str], message: str) -> None:
    done = run("worksheet", "lenet5", *arguments)
    assert isinstance(done.exception, ReadError)
    assert message in str(done.exception.problem)


def test_a_seed_that_is_no_number() -> None:
    assert "is not a valid integer" in run("worksheet", "lenet5", "--seed", "one").output


def test_a_network_with_nothing_to_ask(tmp_path: Path) -> None:
    spec = tmp_path / "plain.yaml"
    spec.write_text("name: Plain\ninput: 8x8x3\nlayers: [relu]\n")
    done = run("worksheet", str(spec))
    assert isinstance(done.exception, ReadError)
    assert "to ask for" in str(done.exception.problem)


HOSTILE = r"""
name: "</script><img src=x onerror=alert(1)> $x$ \\input{/etc/passwd} \\end{document} =cmd|'x' \u202e [a](b) `c` % #"
source: "\\write18{ls} & <b>x</b> ^^M ~ #1 {_} (1) ____ & _ ^ ~ {"
input: 9x9x3
layers:
  - conv: {filters: 4, kernel: 3, padding: 1, stride: 2}
  - maxpool: {kernel: 2, ceil: true}
  - flatten
  - fc: 3
note: "<script>alert(1)</script> |a| $\\def\\x{1}$"
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Network:
    spec = tmp_path / "net.yaml"
    spec.write_text(HOSTILE)
    return load(str(spec))


def texts(network: Network, form: str) -> list[str]:
    sheet = worksheet(network.graph)
    return [
        set_lesson(taught(network), form, network.name),
        *(sheets.set_worksheet(network, sheet, answers, form) for answers in (False, True)),
    ]


def test_hostile_words_are_inert(hostile: Network) -> None:
    for text in texts(hostile, "html"):
        page = Tags(text)
        assert {"script", "img", "b", "a", "iframe", "link"}.isdisjoint(page.tags)
        assert "<img src=x onerror=alert(1)>" in page.text
    for text in texts(hostile, "markdown"):
        assert not re.search(r"<(?!br>)|(?<!\\)\[a", text)
    for form in FORMS:
        assert all("\u202e" not in text for text in texts(hostile, form))


@needs_tex
def test_hostile_words_compile(hostile: Network, tmp_path: Path) -> None:
    for text in texts(hostile, "latex"):
        assert "passwd" not in compiles(text, tmp_path).replace("input{/etc/passwd}", "")


@needs_tex
@pytest.mark.parametrize("name", ["lenet5", "swin_v2_t"])
def test_lessons_and_worksheets_compile(name: str, tmp_path: Path) -> None:
    for text in texts(load(name), "latex"):
        compiles(text, tmp_path)
