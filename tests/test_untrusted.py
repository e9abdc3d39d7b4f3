"""Whatever a spec, an expression or an option holds: it is built, or refused with an error of ours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cnnarch
from cnnarch.errors import Cause, Problem, ReadError, Source, SpecError
from cnnarch.graph import Graph
from cnnarch.layers import KINDS
from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from cnnarch.spec.build import build
from cnnarch.spec.claims import parse_count
from cnnarch.spec.document import HEADER, read_blocks, read_document
from cnnarch.spec.expressions import FUNCTIONS, ExpressionError, compile_expression
from cnnarch.spec.items import BESIDE, MERGES, STRUCTURES
from cnnarch.spec.model import Block, Spec
from cnnarch.spec.replay import Replay
from cnnarch.spec.values import parse_setting, parse_shape

SHIPPED = {name: catalog.read_source(name).text for name in catalog.names()}

# The same examples in every run, so that a failure is the change's and not the day's.
untrusted = settings(
    derandomize=True, deadline=None, max_examples=300, database=None, suppress_health_check=list(HealthCheck)
)


def outcome(text: str) -> str:
    """Read and build; anything but a network or an error of ours is raised on."""
    try:
        spec = read_document(Source("net.yaml", text), Shipped())
        graph = build(spec, limit=2000)
    except (SpecError, ReadError) as error:
        assert str(error).startswith("error: ")
        return "refused"
    assert graph.nodes
    with patch.object(Replay, "find", lambda *_: None):  # no block is made again, each is built anew
        assert essence(build(spec, limit=2000)) == essence(graph)
    return "built"


def essence(graph: Graph) -> list[tuple[Any, ...]]:
    return [(node.name, node.layer, node.sources, node.figures, node.train_only, node.owner) for node in graph.nodes]


class Shipped:
    """What an `extends` or an `import` names: what is shipped only, no files of the machine that tests."""

    def spec(self, name: str, beside: Source) -> Spec:
        if name not in SHIPPED:
            raise SpecError([Problem(f"there is no `{name}`")])
        return catalog.read(name)

    def blocks(self, name: str, beside: Source) -> dict[str, Block]:
        if name not in catalog.pages_of_blocks():
            raise SpecError([Problem(f"there is no `{name}`")])
        return read_blocks(catalog.read_page(name), self)

    def page_with(self, block: str) -> str:
        return ""


# Words, numbers and signs that mean something in a spec, and some that should not

WORDS = [*KINDS, *STRUCTURES, *BESIDE, *MERGES, *HEADER, *FUNCTIONS, "x", "shortcut", "drop", "same", "half", "valid",
         "depthwise", "true", "false", "null", "no", "units", "kernel", "filters", "stride", "padding", "groups",
         "x.channels", "x.height", "classes", "alexnet", "last", "__class__"]  # fmt: skip
NUMBERS = ["0", "-1", "1", "2", "3", "0.5", "1e9", "1_000", "017", "0x1F", "1:30", "999999999", "1000000000",
           "1000000001", "9" * 30, "9" * 90, "1.0", "-0.0", "10**9", "9**9**9", "2**62", "1/3", "1/0", "0/5",
           "depths[9]", "[1, 7]", "[]", "[[0, 1], [1, 0]]", ".inf", ".nan", "true"]  # fmt: skip
SIGNS = ["", " ", "\n", "\t", ":", ": ", "-", "- ", "{", "}", "[", "]", ",", "#", "&a ", "*a", "!a ", "|", ">", "'",
         '"', "%", "@", "`", "?", "<<: ", "---\n", "...\n", "\x00", "\x1b[31m", "\u2028", "\ufeff", "é", "漢",
         "\U0001f600", "/", "../", "\\", "\r", "\r\n", "*", "**", "(", ")", "()", ".a", "[0]"]  # fmt: skip

PIECES = st.one_of(st.sampled_from(WORDS), st.sampled_from(NUMBERS), st.sampled_from(SIGNS), st.text(max_size=4))


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A shipped spec with a few changes."""
    text = SHIPPED[draw(st.sampled_from(sorted(SHIPPED)))]
    for _ in range(draw(st.integers(1, 4))):
        text = draw(st.sampled_from([change_span, change_number, change_word, change_line]))(draw, text)
    return text


def change_span(draw: st.DrawFn, text: str) -> str:
    """Delete, double or replace a few characters."""
    start = draw(st.integers(0, len(text)))
    end = min(start + draw(st.integers(0, 12)), len(text))
    span = draw(st.sampled_from(["", text[start:end] * 2, draw(PIECES)]))
    return text[:start] + span + text[end:]


def change_number(draw: st.DrawFn, text: str) -> str:
    return change_one(draw, text, r"\d+(\.\d+)?", NUMBERS)


def change_word(draw: st.DrawFn, text: str) -> str:
    return change_one(draw, text, r"[a-z_]{2,}", WORDS)


def change_one(draw: st.DrawFn, text: str, pattern: str, others: list[str]) -> str:
    """Replace one match by something else."""
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    one = draw(st.sampled_from(found))
    return text[: one.start()] + draw(st.sampled_from(others)) + text[one.end() :]


def change_line(draw: st.DrawFn, text: str) -> str:
    """Delete, double, move or indent a line."""
    lines = text.split("\n")
    at = draw(st.integers(0, len(lines) - 1))
    line = lines.pop(at)
    put = draw(st.sampled_from([[], [line, line], ["  " + line], [line[2:]]]))
    to = draw(st.sampled_from([at, draw(st.integers(0, len(lines)))]))
    return "\n".join([*lines[:to], *put, *lines[to:]])


@untrusted
@given(mutated())
def test_mutated_specs(text: str) -> None:
    outcome(text)


@untrusted
@given(st.lists(PIECES, max_size=40))
def test_pieces_below_a_header(pieces: list[str]) -> None:
    outcome("name: A\ninput: 8x8x3\nlayers:\n" + "".join(pieces))


@untrusted
@given(st.lists(PIECES, max_size=40))
def test_pieces_from_the_top(pieces: list[str]) -> None:
    outcome("".join(pieces))


@untrusted
@given(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(WORDS), PIECES, max_size=4), PIECES)
def test_entries(kind: str, values: dict[str, str], beside: str) -> None:
    written = ", ".join(f"{name}: {value}" for name, value in values.items())
    outcome(f"name: A\ninput: 8x8x3\nlayers:\n- {kind}: {{{written}}}\n  repeat: {beside}\n- relu\n")


@pytest.mark.parametrize("kind", KINDS)
@settings(untrusted, max_examples=60)
@given(data=st.data())
def test_settings_of_every_kind(kind: str, data: st.DataObject) -> None:
    """Settings that exist, with values that are read: the rules themselves must refuse what does not fit."""
    values = {name: data.draw(st.sampled_from(NUMBERS + WORDS)) for name in KINDS[kind].settings}
    shape = data.draw(st.sampled_from(["8x8x3", "1x1x1", "7", "5x2", "2x3x4x5", "1000000000x1000000000x1000000000"]))
    written = ", ".join(f"{name}: {value}" for name, value in values.items())
    outcome(f"name: A\ninput: {{a: {shape}, b: 8x8x3}}\nlayers:\n- {kind}: {{{written}}}\n  from: a\n")


@untrusted
@given(st.text(max_size=80))
def test_any_text(text: str) -> None:
    outcome(text)


@untrusted
@given(st.one_of(st.binary(max_size=80), mutated().map(lambda text: text.encode("utf-16"))))
def test_any_bytes(data: bytes) -> None:
    # Not a fixture's folder, which would be one for all examples.
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(data)
        file.flush()
        with pytest.raises(SpecError):
            cnnarch.load(file.name)


# Expressions

VALUES: dict[str, Any] = {"x": Shape(8, 8, 3), "n": 3, "f": 0.5, "t": True, "depths": [3, 4], "deep": [[1], []],
                          "word": "same", "xs": [Shape(8, 3), Shape(5)], "huge": 2**250}  # fmt: skip
OPERANDS = [*VALUES, "0", "1", "-2", "2.5", "true", "same", "[]", "[1, 2]", "x.channels", "x.length", "9" * 80, "1e5"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "<", "<=", "==", "!=", "and", "or", "@", "<<", "&", "is", "in", ","]


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Larger expressions out of smaller ones, most of them well formed."""
    return st.one_of(
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(st.sampled_from(sorted(FUNCTIONS)), st.lists(inner, max_size=3)).map(
            lambda parts: f"{parts[0]}({', '.join(parts[1])})"
        ),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]}[{parts[1]}]"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} if {parts[1]} else {parts[2]})"),
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        inner.map(lambda one: f"-{one}"),
        inner.map(lambda one: f"(not {one})"),
        inner.map(lambda one: f"{one}.channels"),
    )


def evaluate(text: str) -> None:
    try:
        expression = compile_expression(text, set(VALUES))
    except ExpressionError as error:
        assert 0 <= error.start <= error.end
        return
    try:
        value = expression.function(dict(VALUES))
    except Cause:
        return
    assert isinstance(value, (int, float, str, list, tuple))


@untrusted
@given(st.recursive(st.sampled_from(OPERANDS), grown, max_leaves=12))
def test_expressions(text: str) -> None:
    evaluate(text)


@untrusted
@given(st.one_of(st.text(max_size=40), st.lists(st.one_of(PIECES, st.sampled_from(OPERANDS + OPERATORS))).map("".join)))
def test_expressions_of_any_text(text: str) -> None:
    evaluate(text)


# What the command line reads


@untrusted
@given(st.one_of(st.text(max_size=20), PIECES, st.sampled_from(NUMBERS), st.lists(PIECES, max_size=6).map("".join)))
def test_values_of_options(text: str) -> None:
    with suppress(SpecError):
        parse_setting(text)
    with suppress(Cause):
        parse_shape(text)
    found = parse_count(text)
    assert found is None or 0 <= found[0] <= found[1]


# What a file says is printed as text


SLY = "\x1b[31m\x9b31m[red]<b>| `A`\n\r\t\u202e\x07"


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
@pytest.mark.parametrize("command", ["summary", "savings", "compare", "check"])
def test_texts_are_printed_without_effect(command: str, form: str, tmp_path: Path) -> None:
    quoted = '"' + SLY.encode("unicode_escape").decode() + '"'
    path = tmp_path / "net.yaml"
    path.write_text(
        f"name: {quoted}\ninput: 8x8x3\nsource: {quoted}\nnote: {quoted}\nlayers:\n- relu:\n  note: {quoted}\n"
        f"- conv: {{filters: 2, kernel: 3}}\n- flatten\n- fc: 3\npublished:\n- {{params: 1, source: {quoted}}}\n",
        encoding="utf-8",
    )
    specs = [str(path)] * (2 if command == "compare" else 1)
    arguments = [sys.executable, "-m", "cnnarch", command, *specs, "--format", form]
    done = subprocess.run(arguments, capture_output=True, check=False, env={**os.environ, "PYTHONUTF8": "1"})
    printed = done.stdout.decode() + done.stderr.decode()
    assert "Traceback" not in printed
    assert done.stdout
    for effect in ("\x1b", "\x07", "\r", "\x9b"):
        assert effect not in printed
    # JSON is for programs, which get what stands in the file where a terminal does not act on it.
    assert form == "json" or "\u202e" not in printed
