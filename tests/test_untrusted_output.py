"""What a spec says comes out as text: no name, note or source is mark-up, a formula or a command in any format.

Every command that takes a spec is tried in every format that it declares, so that a new one is tried as it comes. The
measure is the same spec with harmless words: what is hostile may change the text, and nothing in how it is built up.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from string import ascii_letters
from typing import Any, NamedTuple
from xml.etree import ElementTree

import click
import pytest
import yaml
from markdown_it import MarkdownIt

from cnnarch import cli
from cnnarch.errors import printable
from tests.command import Done, run

WORDS = [
    "<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "\"'&<>`", "]]>", "--></style>",
    "&lt;b&gt;", "</title></svg><a href='javascript:alert(1)'>", "${7*7} {{7*7}} <%= 7*7 %>", "$(touch x)",
    "`rm` ``x``", "\\input{/etc/passwd} % & $ # _ { } ~ ^ \\", "\\", "$x$ \\(x\\) \\[x\\] \\begin{verbatim}",
    "=cmd|'/c calc'!A1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "a\tb\nc\rd", "\x1b[31m\x1b]0;x\x07\x9b31m",
    "\x00\x08\x7f",
    "\u202egnp.exe\u2066 \u200f\u061c", "\ufeff\u200b\u200d\u2060\u00ad", "a\u2028b\u2029c\x85d\x0be\x0cf",
    "e" + "\u0301" * 40, "\u05e9\u05dc\u05d5\u05dd \u0633\u0644\u0627\u0645",
    "\U0001f600 \u6f22\u5b57 \uff1cscript\uff1e", "[x](javascript:1)",
    "![x](http://example.org/x.png) <http://example.org>", "a | b \\| c", "**a** __b__ ~~c~~ # d", "> a", "1. a",
    "- a", "---", "click n0 call alert(1)", "end", "%%{init: {'securityLevel': 'loose'}}%%", '"]; n0 [label="x',
    "\\N \\G \\l", "fa:fa-car $$x$$ #35;", "::error file=x::y", "%0A%0D%25", "[red]a[/red]", "{0} {name} %s %(x)s",
    "x" * 10_000,
]  # fmt: skip

# A name stands in titles, headings and cells. These have what could be a formula at the beginning, and all else behind.
NAMES = [
    "=cmd|'/c calc'!A1 <script>alert(1)</script> ]]> `rm` **a** __b__ [x](javascript:1) | \\| ${7*7} &lt;"
    " \\input{/etc/passwd} % & $ # _ { } ~ ^ \\ \"' <b> --></style> %%{init}%% \\",
    "+1+1",
    "\t=1 \n\r\x1b[31m\x00\x7f\x9b\u202e\u2066\ufeff\u200d\u2028\u05e9\u05dc\u6f22\U0001f600" + "\u0301" * 30,
    "@SUM(A1) " + "x" * 10_000,
]
LAYERS = ("\u05e9\u05dc\u05d5\u05dd", "\u6f22" * 60, "_", "_a_", "e\u0301" * 20)  # what may be the name of a layer


QUOTED = '"{}"'


MORE = {  # without which a command does nothing
    "sweep": ("--vary", "block/dropout.rate=0.1,0.5"),
    "fit": ("--vary", "fc.units=1:9", "--max-params", "5K"),
}


class Call(NamedTuple):
    """A command with its format and what else it takes, and the options that choose the format."""

    command: str
    form: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join((self.command, self.form, *self.arguments))


def calls() -> Iterator[Call]:
    """Every command that takes a spec, in every format and style that it declares."""
    for name in cli.NAMES:
        command = cli.commands.get_command(click.Context(cli.commands), name)
        assert command is not None
        options = {one.name: one for one in command.params}
        if not {"spec", "specs"} & set(options):
            continue
        if "form" not in options:
            yield Call(name, "yaml" if name == "show" else "html", ("--flat",) if name == "show" else ())
            continue
        kind: Any = options["form"].type
        if "target" in options:  # what is written is named after what is read
            yield from (Call(name, form, ("--to", form)) for form in kind.choices if form not in ("yaml", "onnx"))
            continue
        for form in kind.choices:
            if form in ("png", "parquet"):  # text is pixels there; and what is no text at all
                continue
            styles = options["style"].type.choices if "style" in options and form == "svg" else [""]  # type: ignore[attr-defined]
            for style in styles:
                more = ("--style", style) if style else MORE.get(name, ())
                yield Call(name, form, (options["form"].opts[0], form, *more))


def spec(name: str, words: list[str], layers: Sequence[str]) -> str:
    """A network that says the words wherever a spec can: JSON is YAML."""
    published = [{"params": 1, "source": word} for word in words[:6]]
    residual = {
        "residual": [{"conv": {"filters": 4, "kernel": 3, "padding": "half"}, "note": words[1], "name": layers[0]}]
    }
    notes: list[Any] = [{"conv": {"filters": 4, "kernel": 1}, "note": word} for word in words]
    named: list[Any] = [{"conv": {"filters": 4, "kernel": 1}, "name": one, "note": words[0]} for one in layers[1:]]
    head = {"name": name, "input": "8x8x4", "source": words[0], "note": words[1], "published": published}
    body = [residual, *notes, *named, {"block": {}, "note": words[2]}, "flatten", {"fc": 3}]
    blocks = {"block": {"note": words[3], "layers": ["batchnorm", {"dropout": 0.5, "note": words[4]}]}}
    text = json.dumps({**head, "blocks": blocks, "layers": body})
    pairs = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")  # of surrogates, which YAML has not
    return pairs.sub(lambda found: f"\\U{ord(json.loads(QUOTED.format(found[0]))):08x}", text)


def written(call: Call, folder: Path, name: str, words: list[str], layers: Sequence[str], file: str) -> str:
    """What a command writes for such a spec."""
    path, out = folder / file, folder / "out"
    path.write_text(spec(name, words, layers), encoding="utf-8")
    specs = [file] * (2 if call.command == "compare" else 1)
    to = [out.name] if call.command == "convert" else ["-o", str(out)]
    done: Done = run(call.command, *specs, *to, *call.arguments, folder=folder)
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1), done.stderr
    assert done.stderr.replace("\n", "").isprintable()
    assert out.exists(), done.stderr
    return out.read_bytes().decode()


@pytest.mark.parametrize("call", [*calls()], ids=str)
def test_words_are_text(call: Call, tmp_path: Path) -> None:
    for name in NAMES if call.form == "csv" else NAMES[::2]:  # where a cell begins says the most in CSV
        words, layers = ([harmless(*one) for one in zip(some, ascii_letters)] for some in (WORDS, LAYERS))
        plain = written(call, tmp_path, harmless(name), words, layers, "=1 hhhhhhhhhh.yaml")
        text = written(call, tmp_path, name, WORDS, LAYERS, "=1 <b>|&'`$_.yaml")
        assert structure(call.form, text) == structure(call.form, plain)
        if call.form not in ("json", "yaml"):  # those are for programs, and escape what a terminal would act on
            shown = text.replace("@\u200b", "@")  # no mention of anybody in Markdown
            assert shown.replace("\n", "").isprintable()
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


def harmless(word: str, letter: str = "h") -> str:
    """As many letters as are shown for a word, so that pages are broken in the same places."""
    return re.sub(r"\S", letter, printable(word))


# How each format is built up


def structure(form: str, text: str) -> Any:
    """What of a page is not text."""
    return STRUCTURES[form](text)


def of_lines(text: str) -> Any:
    return None  # how lines are broken depends on the length of words; that they hold no signs is tested for all


def of_json(text: str) -> Any:
    return shape_of(json.loads(text))


def of_json_lines(text: str) -> Any:
    return [shape_of(json.loads(line)) for line in text.splitlines()]


def shape_of(value: Any) -> Any:
    """A value of JSON without its texts; the names of layers are keys."""
    if isinstance(value, dict):
        return [shape_of(one) for one in value.values()]
    return [shape_of(one) for one in value] if isinstance(value, list) else type(value).__name__


def of_yaml(text: str) -> Any:
    assert shape_of(yaml.safe_load(text))
    return None  # `show --flat` writes what is said, and nothing where nothing is


def of_csv(text: str) -> Any:
    rows = list(csv.reader(io.StringIO(text, newline="")))
    for row in rows:
        for cell in row:
            assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r") or is_number(cell), cell
    return [len(row) for row in rows]


def of_code(text: str) -> Any:
    """The kinds of nodes; words are docstrings, strings and parts of names, and names no keywords."""
    return [type(node).__name__ for node in ast.walk(ast.parse(text))]


def of_topology(text: str) -> Any:
    return [line.count(",") for line in text.splitlines()]


def of_problems(text: str) -> Any:
    return [shape_of(one) for one in yaml.safe_load_all(text)]


def is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9.]+(e[+-]?[0-9]+)?", text) is not None


def of_markdown(text: str) -> Any:
    tokens = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"]).parse(text)
    every = [one for token in tokens for one in (token, *(token.children or ()))]
    for one in every:
        assert not one.type.startswith("image")
        assert not one.type.startswith("html") or one.content == "<br>"
        assert "href" not in one.attrs or not str(one.attrs["href"]).startswith("javascript")
    return [one.type for one in every if one.type not in ("text", "text_special", "inline", "code_inline")]


class Tags(HTMLParser):
    """The tags of a page with the names of their attributes, as a browser reads them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Any] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attributes]
        assert not any(name.startswith("on") or name == "style" for name in names)
        for name, value in attributes:
            assert name not in ("href", "src", "action") or (value or "").startswith("#"), (name, value)
        if tag != "code":  # what stands in backquotes in a sentence of ours
            self.found.append((tag, sorted(names)))

    def handle_endtag(self, tag: str) -> None:
        if tag != "code":
            self.found.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError("a declaration")


def of_html(text: str) -> Any:
    tags = Tags()
    tags.feed(text)
    tags.close()
    return tags.found if "<svg" not in text else {one if isinstance(one, str) else one[0] for one in tags.found}


SVG = {"svg", "title", "desc", "style", "g", "rect", "path", "polygon", "polyline", "line", "circle", "text", "tspan"}


def of_svg(text: str) -> Any:
    page = ElementTree.fromstring(text)
    for one in page.iter():
        space, _, tag = one.tag.rpartition("}")
        assert space == "{http://www.w3.org/2000/svg"
        assert tag in SVG
        assert not any(name.startswith(("on", "{")) or name in ("href", "style") for name in one.attrib)
    assert text.count("<style>") == text.count("</style>") == 1
    return None


def of_xml(text: str) -> Any:
    return [(one.tag, sorted(one.attrib)) for one in ElementTree.fromstring(text).iter()]


def of_github(text: str) -> Any:
    return [re.match(r"::[a-z]+ (?=[a-z]+=)", line) is not None for line in text.splitlines()]


# What signs are written as in TeX: a control word with an empty group behind it, one sign of mathematics, a backslash
# before a sign, an accent with its letter.
TEXT_SIGN = re.compile(
    r"\\[a-zA-Z]+\d*\{\}|(?<=-)\{\}|\$\\[a-zA-Z]+\$|\$[<>−×·]\$|\\[&%$#_{}]|\\(?:['`^\"~=.]|[uvHcdbrtk](?=\{))\{?\\?[a-zA-Z]?\}?"
)


def of_latex(text: str) -> Any:
    signs = re.sub(r"\\texttt\{([^{}]*)\}", r"\1", TEXT_SIGN.sub("", text))  # what stands in backquotes
    words = set(re.findall(r"\\[a-zA-Z@]+", signs))
    assert not words & {"\\input", "\\include", "\\write", "\\def", "\\catcode", "\\csname"}
    return words, [signs.count(sign) for sign in "&%$#_{}^~"]


def of_mermaid(text: str) -> Any:
    from tests.test_draw import read_mermaid

    nodes, edges, groups = read_mermaid(text)
    return list(nodes), edges, groups


def of_dot(text: str) -> Any:
    from tests.test_draw import read_dot

    nodes, *others = read_dot(text)
    return list(nodes), others


STRUCTURES = {
    "table": of_lines, "text": of_lines, "json": of_json, "csv": of_csv, "markdown": of_markdown, "html": of_html,
    "latex": of_latex, "svg": of_svg, "junit": of_xml, "github": of_github, "yaml": of_yaml, "mermaid": of_mermaid,
    "dot": of_dot, "pytorch": of_code, "keras": of_code, "scalesim": of_topology, "timeloop": of_problems,
    "gemm": of_csv, "jsonl": of_json_lines,
}  # fmt: skip


# The text itself


def test_words_are_intact_in_json(tmp_path: Path) -> None:
    call = Call("summary", "json", ("--format", "json"))
    for word in WORDS:
        page = json.loads(written(call, tmp_path, word, WORDS, LAYERS, "net.yaml"))
        assert page["name"] == word


class Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("word", WORDS, ids=lambda word: ascii(word)[:20])
def test_words_are_intact_in_html_and_svg(word: str, tmp_path: Path) -> None:
    page = Text()
    page.feed(written(Call("summary", "html", ("--format", "html")), tmp_path, word, WORDS, LAYERS, "net.yaml"))
    assert " ".join(printable(word).split()) in " ".join(page.text.split())
    figure = ElementTree.fromstring(written(Call("draw", "svg", ()), tmp_path, word, WORDS, LAYERS, "net.yaml"))
    titles = [one.text or "" for one in figure.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[0].startswith(printable(word)) or len(word) > 100


def test_words_are_intact_in_markdown(tmp_path: Path) -> None:
    for word in WORDS:
        text = written(Call("summary", "markdown", ("--format", "markdown")), tmp_path, word, WORDS, LAYERS, "net.yaml")
        page = Text()
        page.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))
        assert " ".join(printable(word).split()) in " ".join(page.text.replace("\u200b", "").split())


@pytest.mark.tex
@pytest.mark.parametrize("call", [call for call in calls() if call.form == "latex"], ids=str)
def test_tex_sets_hostile_words(call: Call, tmp_path: Path) -> None:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("TeX is not installed")
    for name in NAMES:
        text = written(call, tmp_path, name, WORDS, LAYERS, "net.yaml")
        needed = set(re.findall(r"\\usepackage(?:\[[^]]*\])?\{[^}]*\}", text)) or {"\\usepackage{booktabs}"}
        page = "\n".join(["\\documentclass{article}", *sorted(needed), "\\begin{document}", text, "\\end{document}"])
        (tmp_path / "page.tex").write_text(page, encoding="utf-8")
        done = subprocess.run(
            [program, "-halt-on-error", "-interaction=batchmode", "-no-shell-escape", "page.tex"],
            cwd=tmp_path, capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, (tmp_path / "page.log").read_text(errors="replace")[-2000:]
