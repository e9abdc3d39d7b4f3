"""Every format of every command: whole, aligned, inert, and the same numbers in all of them."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnarch
from cnnarch.cli.output import TABLES
from cnnarch.network import load
from cnnarch.render import comparison, difference, memory, receptive_field, roofline, savings, summary
from cnnarch.render.delimited import csv as as_csv
from cnnarch.render.keys import COMMANDS
from cnnarch.render.latex import LONGEST, latex, tex
from cnnarch.render.numbers import FULL, SHORT, grouped, short, written
from cnnarch.render.sheets import Column, Line, Page, Sheet
from cnnarch.render.web import STYLE, fragment, html, notebook
from cnnarch.spec import catalog
from tests.command import out, run

CALLS = [
    "summary alexnet",
    "summary lenet5 crnn",
    "summary resnet50 --as thop",
    "compare alexnet vgg16",
    "compare vgg11 vgg13 vgg16",
    "compare resnet18 resnet34 --diff",
    "compare vgg16 vgg16 --exit-code",
    "savings mobilenet_v1",
    "list --task reading",
    "list --spaces",
    "check alexnet lenet5 --max-params 1G",
    "memory lenet5 --all",
    "roofline crnn --device a100",
    "roofline --devices",
    "receptive-field vgg16",
    "columns",
]
WITHOUT_CSV = ["layers", "layers conv", "rules", "rules N201"]


def text_of(document: str) -> str:
    """What a reader of an HTML document sees."""
    return Checked(document).text


class Checked(HTMLParser):
    """A document whose elements are closed in order, that fetches nothing, runs nothing and has no inline style."""

    VOID = ("meta", "wbr", "br", "rect")
    FETCH = ("src", "href", "srcset", "action", "data", "poster")

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(document)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        assert not {name for name, _ in attrs} & {"style", *self.FETCH}
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data if self.open[-1] not in ("td", "th") else f"{data}\n"

    def tags(self) -> list[str]:
        return [tag for tag, _ in self.seen]


# All formats, all figures


@pytest.mark.parametrize("form", TABLES)
@pytest.mark.parametrize("call", CALLS)
def test_every_command_has_every_format(call: str, form: str) -> None:
    assert out(*call.split(), "--format", form).strip()


@pytest.mark.parametrize("form", [form for form in TABLES if form != "csv"])
@pytest.mark.parametrize("call", WITHOUT_CSV)
def test_pages_without_numbers_have_all_but_csv(call: str, form: str) -> None:
    assert out(*call.split(), "--format", form).strip()


def numbers(text: str) -> list[str]:
    return re.findall(r"\d{1,3}(?:,\d{3})+", text)


@pytest.mark.parametrize("call", [call for call in CALLS if "--diff" not in call and not call.startswith("columns")])
def test_all_formats_for_people_have_the_same_numbers(call: str) -> None:
    table = numbers(out(*call.split()))
    assert len(table) > 20 or not call.startswith("summary alexnet")
    assert numbers(out(*call.split(), "--format", "markdown")) == table
    assert numbers(out(*call.split(), "--format", "latex").replace("{}", "")) == table
    assert numbers(text_of(out(*call.split(), "--format", "html"))) == table


def test_several_networks_are_one_document() -> None:
    document = out("summary", "lenet5", "crnn", "--format", "html")
    assert document.count("<!DOCTYPE html>") == document.count("<h1>") == 1
    assert f"<title>{load('lenet5').name}, {load('crnn').name}</title>" in document
    assert out("summary", "lenet5", "crnn", "--format", "latex").count("% needs") == 1


def test_the_same_bytes_every_time() -> None:
    for form in ("latex", "html"):
        assert out("summary", "googlenet", "--format", form) == out("summary", "googlenet", "--format", form)


def test_neither_tex_nor_html_is_loaded_for_a_table() -> None:
    program = (
        "import sys\nfrom cnnarch.cli import commands\n"
        "commands.main(sys.argv[1:], standalone_mode=False)\n"
        "print(*[one for one in sys.modules if one.startswith('cnnarch.render.')], file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(cnnarch.__file__).parent.parent)}

    def loaded(*arguments: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, check=True, text=True, env=environment
        )
        return set(done.stderr.split())

    heavy = {f"cnnarch.render.{one}" for one in ("latex", "web", "outputs", "keys", "markup", "delimited", "flatly")}
    assert not loaded("summary", "alexnet") & heavy
    assert "cnnarch.render.latex" in loaded("summary", "alexnet", "--format", "latex")


# HTML


PAGES: dict[str, Page] = {
    "summary": summary.page(load("resnet50")),
    "compare": comparison.page(load("alexnet"), load("vgg16")),
    "diff": difference.page(load("resnet50"), load("resnet101")),
    "savings": savings.page(load("mobilenet_v2")),
    "memory": memory.page(load("crnn"), load("crnn").memory, "adam", True),
    "roofline": roofline.page(load("lenet5"), None),
    "fields": receptive_field.page(load("vgg16"), receptive_field.fields(load("vgg16"))),
}


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_documents_are_whole_and_need_nothing(page: Page) -> None:
    document = html(page)
    assert document.startswith('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n')
    checked = Checked(document)
    assert checked.tags().count("main") == checked.tags().count("title") == 1
    assert "script" not in checked.tags()
    assert "http" not in re.sub(r"<meta http-equiv=", "", document)
    style = document.partition("<style>")[2].partition("</style>")[0]
    hashed = b64encode(sha256(style.encode()).digest()).decode()
    policy = next(one["content"] for tag, one in checked.seen if one.get("http-equiv") == "Content-Security-Policy")
    assert policy == f"default-src 'none'; style-src 'sha256-{hashed}'; base-uri 'none'; form-action 'none'"
    assert "prefers-color-scheme" in style
    assert "@media print" in style


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
def test_tables_can_be_read_aloud(page: Page) -> None:
    sheets = [part for part in page if isinstance(part, Sheet)]
    checked = Checked(fragment(page))
    tags = checked.tags()
    assert tags.count("table") == len(sheets)
    assert tags.count("caption") == sum(bool(sheet.title) for sheet in sheets)
    scopes = [one["scope"] for tag, one in checked.seen if tag == "th"]
    rows = sum(
        bool(sheet.columns[0].text(row))  # what has no name is no header
        for sheet in sheets
        if not sheet.columns[0].is_right
        for row in (*sheet.rows, *([sheet.total] if sheet.total is not None else []))
    )
    assert scopes.count("row") == rows
    assert scopes.count("col") == sum(bool(one.title) for sheet in sheets if sheet.header for one in sheet.columns)
    assert "style" not in tags
    assert {"html", "head", "body", "main"}.isdisjoint(tags)


def test_numbers_stand_on_the_right() -> None:
    found = re.findall(r'<td class="(\w+)">[\d,]*\d,\d+</td>', fragment(PAGES["summary"]))
    assert found
    assert {*found} == {"right"}


def test_headings_go_down_by_one() -> None:
    page: Page = [Line("a", "title"), Line("b", "title")]
    assert fragment(page) == "<h1>a</h1>\n<h2>b</h2>\n"
    assert fragment(page, 3) == "<h3>a</h3>\n<h4>b</h4>\n"


def test_a_notebook_shows_a_table_whose_style_is_its_own() -> None:
    network = load("alexnet")
    assert network._repr_html_() == network._repr_svg_() + notebook(summary.page(network))
    shown = notebook(summary.page(network))
    assert Checked(shown).tags()[:2] == ["div", "style"]
    rules = re.findall(r"^([^@\s}][^{]*)\{", re.sub(r";\n", ";", STYLE), re.M)
    assert len(rules) > 10
    assert all(one.strip().startswith(".cnnarch") for rule in rules for one in rule.split(","))


# LaTeX


def test_digits_stand_under_digits() -> None:
    columns = [
        Column("n", "count", "", lambda row: row, lambda value: f"{value:,}", number=True),
        Column("b", "size", "", lambda row: f"{row} MiB" if row > 9 else "0 B", number=True),
        Column("t", "training", "", lambda row: f"({row:,})" if row > 9 else "", number=True),
    ]
    lines = latex([Sheet(columns, [1, 20000])]).splitlines()
    assert lines[3:11] == [
        "\\noindent\\begin{tabular}{@{}rr@{\\,}lr@{}}",
        "\\toprule",
        "count & \\multicolumn{2}{r}{size} & training \\\\",
        "\\midrule",
        "1 & 0 & B & \\\\",
        "20,000 & 20000 & MiB & (20,000\\rlap{)} \\\\",
        "\\bottomrule",
        "\\end{tabular}\\par",
    ]


def test_a_long_table_goes_on_on_the_next_page() -> None:
    def made(rows: int) -> str:
        column = Column("n", "n", "", lambda row: row, number=True)
        return latex([Sheet([column], range(rows))])

    assert "\\begin{tabular}" in made(LONGEST)
    assert "\\begin{longtable}[l]" in made(LONGEST + 1)
    assert made(LONGEST).startswith("% needs \\usepackage{booktabs}\n")
    assert made(LONGEST + 1).startswith("% needs \\usepackage{booktabs}, \\usepackage{longtable}\n")


def test_a_row_is_no_option_of_the_row_before() -> None:
    column = Column("t", "", "", lambda row: row)
    made = latex([Sheet([column], ["[2em]", "*a"], header=False)])
    assert "{}[2em] \\\\\n{}*a \\\\" in made


@settings(derandomize=True, deadline=None, max_examples=500, database=None)
@given(st.text())
def test_tex_is_plain_and_inert(text: str) -> None:
    made = tex(text)
    assert made.isascii()
    assert made.isprintable()
    bare = re.sub(r"\\([#$%&_{}]|[a-zA-Z]+|[`'^~=.\"])", "", made.replace("$\\langle$", "").replace("$\\rangle$", ""))
    assert not set(re.sub(r"\$[^$]*\$", "", bare)) & set('\\#%&~"^_$')
    depth = 0
    for char in bare:
        depth += (char == "{") - (char == "}")
        assert depth >= 0
    assert depth == 0


def compiled(body: str, folder: Path, times: int = 1) -> str:
    """The log of pdflatex for a document that reads this in."""
    (folder / "body.tex").write_text(body, encoding="utf-8")
    packages = re.match(r"% needs (.*)", body)
    (folder / "document.tex").write_text(
        f"\\documentclass{{article}}\n{packages[1].replace(', ', '') if packages else ''}\n"
        "\\begin{document}\n\\input{body}\n\\end{document}\n"
    )
    for _ in range(times):
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "document.tex"],
            cwd=folder, capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        log = (folder / "document.log").read_text(encoding="latin-1")
        assert done.returncode == 0, log[-2000:]
    assert "Missing character" not in log
    return log


needs_tex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")


@pytest.mark.tex
@needs_tex
def test_all_shipped_networks_compile(tmp_path: Path) -> None:
    compiled(latex(*(summary.page(load(name)) for name in catalog.names())), tmp_path)


@pytest.mark.tex
@needs_tex
def test_all_commands_compile(tmp_path: Path) -> None:
    log = compiled(latex(*PAGES.values()), tmp_path, times=4)
    assert "Table widths have changed" not in log
    for number, call in enumerate([*CALLS, *WITHOUT_CSV]):
        folder = tmp_path / str(number)
        folder.mkdir()
        compiled(
            out(
                *call.split(),
                "--format",
                "latex",
                *(["--numbers", "short"] if number in range(0, len(CALLS), 2) else []),
            ),
            folder,
        )


@pytest.mark.tex
@needs_tex
def test_every_character_compiles(tmp_path: Path) -> None:
    """Of the first 12,000 and of some beyond, one beside the other and each at the start of a row."""
    places = [*range(0x3000), *range(0xFF00, 0x10000), *range(0x1F600, 0x1F650), 0x10FFFF]
    every = "".join(chr(place) for place in places if not 0xD800 <= place < 0xE000)
    lines: Page = [Line(every[start : start + 40]) for start in range(0, len(every), 40)]
    ascii_ = [chr(place) for place in range(32, 127)]
    column = Column("char", "char", "", lambda row: row)
    compiled(latex([*lines, Sheet([column, column], [char * 3 for char in ascii_], title="".join(ascii_))]), tmp_path)


# Names of strangers


SLY = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<!-- ]]> -->",
    "\\input{/etc/passwd} \\write18{rm} %",
    "$x$ & # _ ^ ~ {} \\\\ [2em]",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "＝1+1",
    "x;=1+1",
    "a|b `c` *d* [e](http://f)",
    "\u202e\u2066evil\u200b",
    "\x1b[31m\x07\x00",
    "שלום עולם",
    "中文 ́ 😀",
    "a" * 64,
]


@pytest.fixture(scope="module")
def sly(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A spec for each of these names."""
    folder = tmp_path_factory.mktemp("sly")
    found = []
    for number, name in enumerate(SLY):
        quoted = json.dumps(name, ensure_ascii=False)
        path = folder / f"{number}.yaml"
        path.write_text(
            f"name: {quoted}\ninput: 8x8x3\nsource: {quoted}\nnote: {quoted}\nlayers:\n"
            f"- conv: {{filters: 2, kernel: 3}}\n- flatten\n- fc: 3\npublished:\n- {{params: 1, source: {quoted}}}\n",
            encoding="utf-8",
        )
        found.append(path)
    return found


@pytest.mark.parametrize("command", ["summary", "savings", "compare", "check", "memory", "receptive-field", "roofline"])
def test_names_are_text_in_html(command: str, sly: list[Path]) -> None:
    for path in sly:
        specs = [str(path)] * (2 if command == "compare" else 1)
        checked = Checked(run(command, *specs, "--format", "html").stdout)
        assert {"script", "img"}.isdisjoint(checked.tags())
        assert not re.search("[\u202e\u2066\u200b\x1b\x00\x07\r]", checked.text)


@pytest.mark.parametrize("command", ["summary", "check", "list", "memory"])
def test_names_are_no_formulas_in_csv(command: str, sly: list[Path]) -> None:
    calls = [[command]] if command == "list" else [[command, str(path)] for path in sly]
    for call in calls:
        for row in csv.reader(io.StringIO(run(*call, "--format", "csv").stdout)):
            for cell in row:
                assert not re.match(r"\s*[=+@＝＋－＠]", cell), cell
                assert not re.match(r"\s*-(?!\d+(\.\d+)?$)", cell), cell


def test_no_cell_begins_as_a_formula() -> None:
    """What OWASP's page on CSV injection names: = + - @, tab, the ends of lines, the same in full width."""
    column = Column("name", "name", "", lambda row: row)
    made = as_csv([Sheet([column], [*SLY, "\n=1", "a;\t@b", "-5", "-0.5"])])
    cells = [row[0] for row in csv.reader(io.StringIO(made))][1:]
    for cell in cells:
        for part in [cell, *cell.split(";")[1:]]:
            assert part.lstrip()[:1] not in (*"=+@＝＋－＠\t\r\n",), cell
    assert cells[-2:] == ["-5", "-0.5"]
    assert cells[SLY.index("-1+1")] == "'-1+1"
    assert cells[SLY.index("x;=1+1")] == "x;'=1+1"


@pytest.mark.tex
@needs_tex
def test_names_are_text_in_tex(tmp_path: Path, sly: list[Path]) -> None:
    pages = [summary.page(load(str(path))) for path in sly]
    names = Column("name", "name", "", lambda row: row, wraps=True, breaks="/")
    compiled(latex(*pages, [Sheet([names, names._replace(number=True)], SLY, title=SLY[3])]), tmp_path)


# Short numbers


@pytest.mark.parametrize("form", ["table", "markdown", "latex", "html"])
def test_numbers_can_be_short(form: str) -> None:
    made = out("summary", "vgg16", "--format", form, "--numbers", "short")
    made = text_of(made) if form == "html" else made.replace(" & ", " ").replace("$\\div$", "÷")
    assert "138.4 M parameters with biases" in made
    assert "15.47 G" in made
    assert not [one for one in numbers(made) if "÷" not in made[made.index(one) - 8 : made.index(one)]]


@pytest.mark.parametrize("form", ["json", "csv"])
@pytest.mark.parametrize("call", CALLS)
def test_numbers_in_data_have_all_digits(call: str, form: str) -> None:
    plain = out(*call.split(), "--format", form)
    assert out(*call.split(), "--format", form, "--numbers", "short") == plain


def test_numbers_are_full_again_afterwards() -> None:
    with pytest.raises(ZeroDivisionError), written(SHORT):
        assert grouped(1_000_000) == "1.000 M"
        raise ZeroDivisionError
    assert grouped(1_000_000) == "1,000,000"
    with written(SHORT), written(FULL):
        assert grouped(1_000_000) == "1,000,000"


@settings(derandomize=True, deadline=None, max_examples=500, database=None)
@given(st.integers(1000, 10**17) | st.integers(3, 16).flatmap(lambda e: st.integers(10**e - 60, 10**e + 60)))
def test_short_numbers_are_the_nearest_of_four_digits(value: int) -> None:
    made = short(value)
    if value < 1000:
        assert made == str(value)
        return
    digits, unit = made.split()
    whole, _, rest = digits.replace(",", "").partition(".")
    step = 1000 ** (1 + "KMGTP".index(unit))
    shown = int(whole) * step + (int(rest) * step // 10 ** len(rest) if rest else 0)
    assert len(whole + rest) == 4
    assert 2 * abs(shown - value) <= 10 ** (len(str(value)) - 4)


# Columns, and data for other libraries


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("check", "roofline --devices")])
def test_every_key_that_is_listed_can_be_asked_for(name: str) -> None:
    keys = [column.key for column in COMMANDS[name]()]
    ways = {
        "list": "list --task reading",
        "list --spaces": "list --spaces",
        "summary": "summary lenet5",
        "compare": "compare lenet5 crnn",
        "compare, three and more": "compare lenet5 crnn lenet5",
        "compare --diff": "compare lenet5 crnn --diff",
        "savings": "savings lenet5",
        "savings --only": "savings mobilenet_v1 --only grouped",
        "receptive-field": "receptive-field lenet5",
        "memory": "memory lenet5",
        "roofline": "roofline lenet5 --device a100",
        "sweep": "sweep lenet5 --vary classes=1:3",
    }
    made = out(*ways[name].split(), "--format", "csv", "--columns", ",".join(keys))
    assert made.splitlines()[0].removeprefix("variant,classes,") == ",".join(keys)
    listed = out("columns", name.partition(" ")[0].rstrip(","), "--format", "csv")
    assert [row["key"] for row in csv.DictReader(io.StringIO(listed)) if row["command"] == name] == keys


def test_a_column_that_is_not_there_says_where_they_are_listed() -> None:
    done = run("summary", "alexnet", "--columns", "zzz")
    assert done.returncode == 2
    assert "`cnnarch columns` tells what they mean" in done.stderr
    assert run("columns", "sumary").stderr.endswith("hint: did you mean `summary`?\n")


def test_a_dict_is_what_json_shows() -> None:
    for name in ("alexnet", "crnn", "googlenet", "fasterrcnn_resnet50_fpn"):
        found = load(name).to_dict()
        assert json.loads(json.dumps(found)) == found == json.loads(out("summary", name, "--format", "json"))


def test_records_are_flat_and_of_one_type() -> None:
    types: dict[str, set[type]] = {}
    for name in catalog.names():
        network = load(name)
        records = network.to_records()
        assert [record["name"] for record in records] == [row.name for row in network.rows()]
        for record in records:
            for key, value in record.items():
                types.setdefault(key, set()).add(type(value))
            shape = record["output"].split("x")
            sizes = [record[key] for key in ("depth", "height", "width", "channels")]
            assert [*map(int, shape)] == sizes[4 - len(shape) :]
            assert {*sizes[: 4 - len(shape)]} <= {1}
        running = [record for record in records if not record["train_only"]]
        assert sum(record["macs"] for record in running) == network.totals.macs
    texts = ("network", "name", "kind", "operation", "input", "output", "shares")
    expected = {key: {str if key in texts else bool if key == "train_only" else int} for key in types}
    assert types == expected
    assert {*texts, "height", "width", "channels", "params", "macs", "train_only"} <= set(types)
