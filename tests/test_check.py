"""Budgets, advice and what `cnnarch check` says, in every format."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnarch
from cnnarch.analysis.advice import RULES
from cnnarch.analysis.budgets import BYTES, COUNTS, Budget, budget, budgets_of, problems_of
from cnnarch.analysis.check import Advice, Checked, check
from cnnarch.analysis.figures import FIGURES, Figure
from cnnarch.errors import Cause, ReadError, Source, SpecError
from cnnarch.network import Network, load
from cnnarch.render import github as github_module
from cnnarch.render import renderer
from cnnarch.render.checks import page, record, sheet
from cnnarch.render.flat import flat
from cnnarch.render.schema import schema
from cnnarch.spec import catalog
from cnnarch.spec.build import build
from cnnarch.spec.document import read_document
from tests import command
from tests.command import Done

ROOT = Path(__file__).parent.parent
HEAD = "name: Net\ninput: 32x32x3\n"
LAYERS = "layers:\n  - conv: {filters: 16, kernel: 3, padding: half}\n  - relu\n  - global_avgpool\n  - fc: 10\n"
# A bias before batch normalisation: the rule N201
ADVISED = (
    "layers:\n  - conv: {filters: 16, kernel: 3, padding: half}\n  - batchnorm\n  - relu\n  - flatten\n  - fc: 10\n"
)

untrusted = settings(derandomize=True, deadline=None, max_examples=300, database=None)


def written(folder: Path, top: str, layers: str = LAYERS, name: str = "net.yaml") -> Path:
    path = folder / name
    path.write_text(f"{HEAD}{top}{layers}", encoding="utf-8")
    return path


def run(*arguments: str, folder: Path = ROOT) -> Done:
    return command.run("check", *arguments, folder=folder)


def checked(path: Path, *budgets: Budget, advice: Advice | None = None, batch: int = 1) -> Checked:
    return check(load(str(path), batch=batch), budgets, advice)


def lines(*found: Checked, counted: bool = False) -> list[tuple[str, str]]:
    """The marks and texts of the table."""
    rows = page(found, counted)[0].rows  # type: ignore[union-attr]
    return [(row.mark, row.text) for row in rows]


# How limits are written


@pytest.mark.parametrize(
    ("key", "text", "figure", "limit"),
    [
        ("params", "5M", "params", 5 * 10**6),
        ("params", "5m", "params", 5 * 10**6),
        ("macs", "4.1G", "macs", 4_100_000_000),
        ("macs", " 600 M ", "macs", 600 * 10**6),
        ("macs", "28,823,912", "macs", 28_823_912),
        ("macs", "1.5T", "macs", 1_500_000_000_000),
        ("biases", "0", "biases", 0),
        ("peak", "512KiB", "peak", 512 * 1024),
        ("peak", "512 KiB", "peak", 512 * 1024),
        ("peak", "512KIB", "peak", 512 * 1024),
        ("peak", "512kb", "peak", None),  # they may be bits
        ("peak", "512kB", "peak", 512_000),
        ("peak", "2MiB", "peak", 2 * 1024**2),
        ("peak", "1.5GB", "peak", 1_500_000_000),
        ("peak", "1GiB", "peak", 1024**3),
        ("peak", "100B", "peak", 100),
        ("peak", "100", "peak", 100),
        ("peak", "0.1KiB", "peak", 102),  # 102.4 bytes: 102 are allowed, 103 are not
        ("peak", "1.3MiB", "peak", 1_363_148),  # of 1,363,148.8
        ("weights", "5M", "weights", 5 * 10**6),
        ("weights", "512KiB", "weight_memory", 512 * 1024),
        ("params", "8MB", "weight_memory", 8 * 10**6),
        ("intensity", "12.5", "intensity", 12.5),
    ],
)
def test_limits(key: str, text: str, figure: str, limit: int | None) -> None:
    if limit is None:
        with pytest.raises(Cause):
            budget(key, "max", text)
        return
    found = budget(key, "max", text)
    assert (found.figure.key, found.limit) == (figure, limit)


def test_a_least_number_of_bytes_is_rounded_up() -> None:
    assert budget("peak", "min", "0.1KiB").limit == 103


@pytest.mark.parametrize("key", FIGURES)
def test_a_figure_without_a_side_has_its_own(key: str) -> None:
    side = "min" if FIGURES[key].more_is_better else "max"
    assert budget(key, "", "3").side == side


@untrusted
@given(
    st.integers(0, 10**20), st.integers(0, 10**6), st.integers(0, 6), st.sampled_from([*COUNTS, *BYTES]),
    st.sampled_from(list(FIGURES)), st.sampled_from(["min", "max"]),
)  # fmt: skip
def test_limits_are_exact(whole: int, part: int, digits: int, unit: str, key: str, side: str) -> None:
    """A value keeps a limit if and only if it is on the right side of the number that was written."""
    fraction = f".{part:06}"[: digits + 1] if digits else ""
    exact = Fraction(f"{whole}{fraction}") * {**COUNTS, **BYTES}[unit]
    try:
        found = budget(key, side, f"{whole}{fraction}{unit}")
    except Cause:
        in_bytes = FIGURES[key].unit == "bytes"
        assert (unit in BYTES) != in_bytes or exact.denominator != 1
        return
    for value in {exact.__floor__(), exact.__ceil__(), exact.__floor__() + 1, exact.__ceil__() - 1}:
        if isinstance(found.limit, int):
            assert (value <= found.limit if side == "max" else value >= found.limit) == (
                value <= exact if side == "max" else value >= exact
            )


@untrusted
@given(st.one_of(st.text(max_size=12), st.from_regex(r"[0-9.,]{0,8} ?[KMGTBkmgtbi]{0,3}", fullmatch=True)))
def test_any_text_is_a_limit_or_refused(text: str) -> None:
    for key in ("params", "peak", "intensity"):
        try:
            assert budget(key, "max", text).limit >= 0
        except Cause as cause:
            assert cause.hint


# Every figure has its limits


@pytest.fixture(scope="module")
def network() -> Network:
    return load("squeezenet1_1")


@pytest.mark.parametrize("key", FIGURES)
def test_a_limit_is_kept_up_to_the_figure_itself(key: str, network: Network) -> None:
    value = FIGURES[key].of(network)
    assert value is not None
    step = 1 if isinstance(value, int) else value / 100
    for side, sign in (("max", -1), ("min", 1)):
        at, over = (Budget(FIGURES[key], side, value + change) for change in (0, sign * step))
        assert check(network, [at]).ok
        assert not check(network, [over]).ok
        assert check(network, [at, over]).budgets[1].left == pytest.approx(-step)


def test_every_figure_has_two_options() -> None:
    options = [
        word for key in FIGURES for side in ("max", "min") for word in (f"--{side}-{key.replace('_', '-')}", "0")
    ]
    done = run("lenet5", *options, "--format", "json")
    assert done.returncode == 1
    limits = json.loads(done.stdout)["networks"][0]["limits"]
    assert sorted((one["figure"], one["least"] is None) for one in limits) == sorted(
        (key, side) for key in FIGURES for side in (True, False)
    )
    assert all(one["kept"] for one in limits if one["least"] is not None)


def test_a_network_answers_too() -> None:
    network = load("alexnet")
    assert network.check(max_params="30M", min_weight_layers=8).ok
    assert [one.kept for one in network.check(max_weights="1KiB", min_layers=1).budgets] == [False, True]
    for wrong in ("params", "max_parms", "most_params"):
        with pytest.raises(ReadError):
            network.check(**{wrong: 3})


def test_only_the_figures_of_a_budget_are_computed(monkeypatch: pytest.MonkeyPatch, network: Network) -> None:
    def refused(_: Any) -> Any:
        raise AssertionError("nobody asked for it")

    for key in FIGURES:
        if key != "params":
            monkeypatch.setitem(FIGURES, key, FIGURES[key]._replace(of=refused))
    assert check(network, [budget("params", "max", "5M")]).ok
    with pytest.raises(AssertionError):
        check(network, [budget("macs", "max", "5M")])


def test_a_figure_that_is_not_known_keeps_no_limit(network: Network) -> None:
    unknown = Figure("reach", "reach", "how far it reaches", lambda _: None)
    for side in ("min", "max"):
        found = check(network, [Budget(unknown, side, 0)])
        assert not found.ok
        assert lines(found)[0] == ("NO", "reach is not known, so it cannot be compared with 0")
        assert record([found])["networks"][0]["limits"][0]["value"] is None
        assert ElementTree.fromstring(renderer("junit")([found])).find(".//failure") is not None


# What is said


def fixed(value: float, unit: str = "", title: str = "peak") -> Figure:
    return Figure(title, title, "", lambda _: value, unit)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (Budget(fixed(1_258_291, "bytes"), "max", 524_288, "512 KiB"), "peak 1.20 MiB > 512 KiB by 716.80 KiB"),
        (Budget(fixed(3_504_872, "", "params"), "max", 5_000_000), "params 3,504,872 ≤ 5,000,000, 1,495,128 left"),
        (Budget(fixed(195, "", "field"), "min", 200), "field 195 < 200 by 5"),
        (Budget(fixed(427, "", "field"), "min", 200), "field 427 ≥ 200, 227 more"),
        (Budget(fixed(200, "", "field"), "min", 200), "field 200 ≥ 200, 0 more"),
        (Budget(fixed(524_289, "bytes"), "max", 524_288, "512 KiB"), "peak 512.00 KiB > 512 KiB by 1 B"),
        (Budget(fixed(3.25, "MACs/byte"), "min", 3.5, "3.5"), "peak 3.25 < 3.5 by 0.250"),
        (Budget(fixed(0.0, "MACs/byte"), "min", 0.5, "0.5"), "peak 0 < 0.5 by 0.500"),
    ],
)
def test_the_line_of_a_limit(one: Budget, words: str, network: Network) -> None:
    """In one line the figure, the limit and the distance; the first two are those of the issue."""
    assert lines(check(network, [one]))[0][1] == words


def test_a_line_for_each_limit(tmp_path: Path) -> None:
    path = written(tmp_path, "budget: {params: 1K, macs: 100}\n")
    done = run("net.yaml", "alexnet", "--max-weights", "2KiB", "--ignore", ",".join(RULES), folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "net.yaml   NO   weight memory 2.41 KiB > 2 KiB by 424 B",  # 4 · (3·3·3·16 + 16 + 16·10 + 10) = 2,472
        "           ok   params 618 ≤ 1,000, 382 left",
        "           NO   MACs 442,528 > 100 by 442,428",  # 32·32·27·16 + 160
        "alexnet    NO   weight memory 109.95 MiB > 2 KiB by 109.95 MiB",
        "           ok   3 published figures kept",
    ]
    assert path.exists()


def test_limits_stand_in_the_order_in_which_they_were_asked_for() -> None:
    asked = ["macs", "params", "biases", "weights"]
    done = run("lenet5", *(word for key in asked for word in (f"--max-{key}", "1")), "--format", "json")
    assert [one["figure"] for one in json.loads(done.stdout)["networks"][0]["limits"]] == asked


def test_a_figure_that_is_not_as_published(tmp_path: Path) -> None:
    path = written(tmp_path, "published: [{params: 618, source: hand}, {macs: 1, source: nobody}]\n")
    assert lines(checked(path)) == [("NO", "MACs 442,528 published as 1"), ("ok", "1 published figure kept")]
    assert not checked(path).ok


def test_nothing_to_say_is_said(tmp_path: Path) -> None:
    assert lines(checked(written(tmp_path, ""))) == [("ok", "valid")]


# What a budget is for


def values(found: Checked) -> dict[str, Any]:
    return {f"{one.budget.side} {one.budget.figure.key}": one.value for one in found.budgets}


def test_batch_and_type_count_for_the_command_line(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    one = json.loads(run(str(path), "--max-peak", "1KiB", "--format", "json").stdout)
    eight = json.loads(
        run(str(path), "--max-peak", "1KiB", "--batch", "8", "--dtype", "int8", "--format", "json").stdout
    )
    first, second = (found["networks"][0]["limits"][0]["value"] for found in (one, eight))
    assert (first, second) == (4 * 32 * 32 * 19, 8 * 32 * 32 * 19)  # what conv takes, 3 channels, and makes, 16
    table = run(str(path), "--max-peak", "1KiB", "--batch", "8", "--dtype", "int8").stdout
    assert table.endswith("batch 8; int8\n")


def test_a_budget_says_what_it_is_for(tmp_path: Path) -> None:
    """Where it does not say so, the command line does."""
    top = "budget:\n  - {macs: 1}\n  - {macs: {min: 1}, batch: 2}\n  - {flops: 1, input: 16x16x3}\n"
    found = checked(written(tmp_path, top), batch=8)
    macs = 32 * 32 * 27 * 16 + 160
    assert values(found) == {"max macs": 8 * macs, "min macs": 2 * macs, "max flops": 2 * 8 * (16 * 16 * 27 * 16 + 160)}
    assert [text.partition(" (")[2] for _, text in lines(found)] == ["", "batch 2)", "16×16×3)"]


def test_a_budget_keeps_the_settings_that_were_given(tmp_path: Path) -> None:
    top = "settings: {width: 16}\nbudget: {weights: 100, input: 16x16x3}\n"
    path = written(tmp_path, top, "layers:\n  - conv: {filters: width, kernel: 1}\n")
    assert values(check(load(str(path), {"width": 4}))) == {"max weights": 12}


def test_an_input_that_does_not_fit_is_told_at_its_place(tmp_path: Path) -> None:
    path = written(tmp_path, "budget: {macs: 1, input: 32x3}\n")
    with pytest.raises(SpecError) as raised:
        checked(path)
    span = raised.value.problems[0].span
    assert span is not None
    assert (span.line, span.column) == (3, 26)
    assert run(str(path)).returncode == 1


def test_extends_takes_over_what_is_ignored_but_no_budget(tmp_path: Path) -> None:
    written(tmp_path, "budget: {params: 1}\nignore: N201\n", ADVISED)
    path = tmp_path / "variant.yaml"
    path.write_text("name: Variant\nextends: net.yaml\nignore: [bias-before-norm, W102]\n", encoding="utf-8")
    found = checked(path, advice=Advice(select=("N201",)))
    assert (found.ok, found.budgets, found.advice) == (True, (), ())
    assert [one.rule for one in load(str(path)).spec.ignored] == ["N201", "bias-before-norm", "W102"]


@pytest.mark.parametrize(
    "top",
    [
        "budget: {params: 5M, peak: 512 KiB, weights: 1.5MB, intensity: 0.25}\n",
        "budget: {params: {min: 3, max: 5M}, intensity: {max: 3.5}, macs: {min: 7}}\n",
        "budget: {macs: 5M, input: 16x16x3, batch: 3, dtype: int8}\n",
        'budget: [{params: 5M, weights: 4M}, {weights: "1,024KiB"}, {peak: 1MB, dtype: float16}, {peak: 2MB}]\n',
        "ignore: [N201, even-same-kernel]\nbudget:\n  params: 28,823,912\n",
    ],
)
def test_a_flat_spec_keeps_what_was_promised(top: str, tmp_path: Path) -> None:
    if "even-same-kernel" in top:
        top = top.replace("even-same-kernel", next(rule.name for rule in RULES.values() if rule.code != "N201"))
    network = load(str(written(tmp_path, top)))
    again = tmp_path / "flat.yaml"
    again.write_text(flat(network), encoding="utf-8")
    other = load(str(again))

    def promised(one: Network) -> list[Any]:
        found = [(one.figure, one.side, one.limit, one.conditions[:3]) for one in budgets_of(one.spec)[0]]
        return sorted(found, key=str)

    assert promised(network) == promised(other)
    assert [one.rule for one in network.spec.ignored] == [one.rule for one in other.spec.ignored]
    assert load(str(again)).spec.budget


# Advice


def test_advice_is_no_reason_for_a_no_unless_it_is_strict(tmp_path: Path) -> None:
    path = str(written(tmp_path, "", ADVISED))
    for arguments, code, mark in (((), 0, "advice"), (("--strict",), 1, "NO")):
        done = run(path, "--select", "N201", *arguments)
        assert done.returncode == code
        assert re.search(rf"^ +{mark} +N201 conv: ", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "ignored", "codes"),
    [
        (("--select", "N201"), "", ["N201"]),
        (("--select", "bias-before-norm"), "", ["N201"]),
        (("--select", "N2,W1"), "", ["N201"]),
        (("--select", "W1", "--select", "N2"), "", ["N201"]),
        (("--select", "W1"), "", []),
        (("--select", "N2", "--ignore", "N201"), "", []),
        (("--select", "N2"), "ignore: bias-before-norm\n", []),
        (("--select", "N2", "--ignore", "W1"), "ignore: [N2]\n", []),
    ],
)
def test_advice_is_chosen(arguments: tuple[str, ...], ignored: str, codes: list[str], tmp_path: Path) -> None:
    done = run(str(written(tmp_path, ignored, ADVISED)), *arguments, "--format", "json")
    found = json.loads(done.stdout)["networks"][0]
    assert [one["code"] for one in found["advice"]] == codes
    assert all(one.keys() == {"code", "layer", "message", "hint"} for one in found["advice"])
    assert found["ok"]


def test_all_counts_advice(tmp_path: Path) -> None:
    found = checked(written(tmp_path, "", ADVISED), advice=Advice(select=("N201",)))
    assert lines(found, counted=True) == [("ok", "1 finding")]
    said = page([found, found], counted=True)[1].text  # type: ignore[union-attr]
    assert said == "2 findings in 2 networks: `cnnarch check NAME` shows them"
    strict = found._replace(strict=True)
    assert lines(strict, counted=True) == [("NO", "1 finding")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--max-params", "5MB MB"), "`--max-params`: `5MB MB` is not a limit"),
        (("--max-peak", "5M"), "`--max-peak`: `peak` is in bytes, and `5M` is a number\nhint: write 5MB"),
        (("--max-macs", "5KiB"), "`macs` is a number, and `5KiB` is in bytes\nhint: write 5K"),
        (("--max-weights", "5B"), "can be bytes or billions"),
        (("--min-params", "-5"), "`-5` is not a limit"),
        (("--max-parms", "5"), "--max-parms"),
        (("--select", "W999"), "there is no rule `W999`"),
        (("--ignore", "bias-before-nrom"), "did you mean `bias-before-norm`?"),
        (("--ignore", ""), "there is no rule ``"),
        (("--dtype", "int9"), "int9"),
        (("--batch", "0"), "0 is not in the range"),
        (("-", "-"), "standard input can be read once"),
    ],
)
def test_misuse_is_told(arguments: tuple[str, ...], words: str) -> None:
    done = run("alexnet", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_help_names_every_figure_on_few_lines() -> None:
    text = run("--help").stdout
    assert max(map(len, text.splitlines())) <= 100
    limits = text[text.index("Limits:") : text.index("Options:")]
    words = set(re.findall(r"[a-z]+(?:-[a-z]+)*", limits))
    assert {key.replace("_", "-") for key in FIGURES} <= words
    assert len(limits.splitlines()) < 30


# For programs


def test_data_for_each_entry(tmp_path: Path) -> None:
    top = "budget: {params: 1K, peak: 1KiB}\npublished: {params: 618, source: hand}\n"
    found = checked(written(tmp_path, top, ADVISED.replace("16,", "1,")), advice=Advice(select=("N201",)))
    rows = list(csv.DictReader(io.StringIO(renderer("csv")([sheet([found])]))))
    assert [row["check"] for row in rows] == ["valid", "budget", "budget", "published", "advice"]
    assert {row["network"] for row in rows} == {found.label}
    peak = rows[2]
    assert (peak["ok"], peak["limit"], peak["line"]) == ("false", "1024", "3")
    assert int(peak["limit"]) - int(peak["value"]) == int(peak["left"]) < 0
    data = record([found])["networks"][0]
    assert [one["figure"] for one in data["limits"]] == ["params", "peak"]
    assert data["limits"][1] | {"most": 1024, "least": None, "kept": False, "line": 3} == data["limits"][1]


# JUnit XML. Elements and attributes of junit-10.xsd, github.com/jenkinsci/xunit-plugin, as far as they are used.
JUNIT = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname", "id",
                  "package", "file", "log", "url"},
    "testcase": {"name", "time", "classname", "group"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"type", "message"},
    "system-out": set(),
}  # fmt: skip
REQUIRED = {"testsuite": {"name", "tests", "failures", "errors"}, "testcase": {"name"}}
INSIDE = {"testsuites": {"testsuite"}, "testsuite": {"testcase"},
          "testcase": {"skipped", "error", "failure", "system-out"}}  # fmt: skip


def parsed_junit(text: str) -> ElementTree.Element:
    """The tree, if it is as the schema says and its sums are right."""
    root = ElementTree.fromstring(text)
    assert root.tag == "testsuites"
    for element in root.iter():
        assert set(element.attrib) <= JUNIT[element.tag]
        assert REQUIRED.get(element.tag, set()) <= set(element.attrib)
        assert {child.tag for child in element} <= INSIDE.get(element.tag, set())
    for place in (root, *root):
        assert int(place.attrib["tests"]) == len(place.findall(".//testcase"))
        assert int(place.attrib["failures"]) == len(place.findall(".//failure"))
        assert int(place.attrib["errors"]) == len(place.findall(".//error"))
    for suite in root:
        assert int(suite.attrib["skipped"]) == len(suite.findall(".//skipped"))
        names = [case.attrib["name"] for case in suite]
        assert len(set(names)) == len(names)
    return root


def test_junit_has_a_case_for_every_check(tmp_path: Path) -> None:
    top = "budget: {params: 1K, peak: 1KiB}\npublished: {params: 3, source: hand}\n"
    good = written(tmp_path, top, ADVISED)
    bad = written(tmp_path, "budget: {parms: 3}\n", name="bad.yaml")
    done = run(good.name, bad.name, "nowhere.yaml", "--select", "N201", "--format", "junit", folder=tmp_path)
    assert done.returncode == 2
    root = parsed_junit(done.stdout)
    first, second, third = root
    assert [(case.attrib["name"], [child.tag for child in case]) for case in first] == [
        ("valid", []),
        ("max params", ["failure"]),
        ("max peak", ["failure"]),
        ("published params 3", ["failure"]),
        ("N201 conv", ["skipped"]),
    ]
    assert "net.yaml:3:10" in (first[1][0].text or "")
    assert "`parms` is not a figure" in (second[0][0].text or "")
    assert [child.tag for child in third[0]] == ["error"]
    strict = parsed_junit(run(good.name, "--select", "N201", "--strict", "--format", "junit", folder=tmp_path).stdout)
    assert strict[0][-1][0].tag == "failure"


def test_junit_of_shipped_networks() -> None:
    names = ("alexnet", "lenet5", "squeezenet1_0")  # the last has a figure that is published twice
    found = [check(load(name), [budget("params", "max", "1M")], Advice()) for name in names]
    root = parsed_junit(renderer("junit")(found))
    assert tuple(suite.attrib["name"] for suite in root) == names
    assert [suite.attrib["failures"] for suite in root] == ["1", "0", "1"]


SLY = ["a%0A::error::x", "a\n::error::x", "]]>", "<!--", '"&<>\'', "\x00\x07\x1b[31m", "\ud800", "\ufffe", "##[error]x",
       "::error::x", "a,line=1", "a:b", "%25", "100 %", "\u202e"]  # fmt: skip


@pytest.mark.parametrize("name", SLY)
def test_junit_of_sly_names(name: str) -> None:
    network = load("lenet5")
    found = check(network, [], None)._replace(label=name, error=ReadError(name, name))
    ok = check(network, [Budget(FIGURES["params"], "max", 1)], Advice())._replace(label=name)
    parsed_junit(renderer("junit")([found, ok])).attrib["tests"]


@untrusted
@given(st.text())
def test_junit_is_well_formed_whatever_the_names(name: str) -> None:
    parsed_junit(renderer("junit")([Checked(name, error=ReadError(name))]))


# Workflow commands, read as github.com/actions/runner does, src/Runner.Common/ActionCommand.cs


def parsed_command(line: str) -> tuple[str, dict[str, str], str] | None:
    """A command of the newer form: `::name key=value,key=value::message`; the line may begin with spaces."""
    text = line.lstrip()
    if not text.startswith("::") or "::" not in text[2:]:
        return None
    head, _, message = text[2:].partition("::")
    name, _, rest = head.partition(" ")
    if name not in ("error", "warning", "notice", "add-mask", "set-env", "debug", "group"):
        return None
    pairs = [pair.partition("=") for pair in rest.strip().split(",") if pair]
    unescaped = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}

    def read(value: str, signs: str) -> str:
        for sign, stands in unescaped.items():
            value = value.replace(sign, stands) if stands in signs else value
        return value

    return name, {key: read(value, "\r\n:,%") for key, _, value in pairs}, read(message, "\r\n%")


def is_old_command(line: str) -> bool:
    """The older form, `##[name]message`, wherever in a line it stands."""
    return "##[" in line and "]" in line[line.index("##[") :]


def test_github_shows_mistakes_at_their_lines(tmp_path: Path) -> None:
    bad = written(tmp_path, "budget: {parms: 3}\n", LAYERS.replace("fc: 10", "fcc: 10"), name="bad.yaml")
    done = run(bad.name, "nowhere.yaml", "--format", "github", folder=tmp_path)
    commands = [parsed_command(line) for line in done.stdout.splitlines()]
    assert commands[0] == (
        "error",
        {"file": "bad.yaml", "line": "3", "col": "10", "endLine": "3", "endColumn": "15", "title": "invalid spec"},
        "`parms` is not a figure\nhint: did you mean `params`?",
    )
    assert commands[1] is not None
    assert (commands[1][0], commands[1][1]["line"], commands[1][1]["col"]) == ("error", "8", "5")
    assert commands[2] is not None
    assert commands[2][1] == {"title": "invalid spec"}
    assert len(commands) == 3


def test_github_shows_limits_and_advice(tmp_path: Path) -> None:
    top = "published: {macs: 3, source: hand}\nbudget:\n  params: 1K\n  peak: 1MiB\n"
    written(tmp_path, top, ADVISED)
    arguments = ("net.yaml", "--max-macs", "1K", "--select", "N201", "--format", "github")
    done = run(*arguments, folder=tmp_path)
    made = done.stdout.splitlines()
    commands = [found for found in map(parsed_command, made) if found]
    assert [(name, where["file"], where["line"], where["title"]) for name, where, _ in commands] == [
        ("error", "net.yaml", "1", "max macs"),
        ("error", "net.yaml", "5", "max params"),
        ("error", "net.yaml", "3", "published macs 3"),
        ("warning", "net.yaml", "1", "advice N201 conv"),
    ]
    assert [line for line in made if line.startswith("ok  ")] == [
        "ok  net.yaml: valid",
        "ok  net.yaml: peak 76 KiB ≤ 1 MiB, 948 KiB left",
    ]
    strict = run(*arguments, "--strict", folder=tmp_path).stdout.splitlines()
    assert [line.partition(" ")[0] for line in strict if "N201" in line] == ["::error"]


def test_github_points_at_no_file_that_is_shipped() -> None:
    done = run("alexnet", "--max-params", "1", "--format", "github")
    assert "file=" not in done.stdout
    assert "::error title=max params::alexnet: " in done.stdout


@pytest.mark.parametrize("name", [name for name in SLY if "\x00" not in name and "\ud800" not in name])
def test_github_of_sly_names(name: str, tmp_path: Path) -> None:
    """What a file or a layer is called makes no command of its own."""
    file = name.replace("/", "-") + ".yaml"
    text = f"{HEAD}budget: {{params: 1}}\nlayers:\n  - {json.dumps(name)}\n"
    (tmp_path / file).write_text(text, encoding="utf-8")
    done = run(file, "alexnet", "--format", "github", "--max-macs", "1", folder=tmp_path)
    assert "Traceback" not in done.stderr
    made = done.stdout.splitlines()
    assert len(made) == 1 + 5  # one mistake; alexnet is valid, is over a limit and keeps three figures
    found = parsed_command(made[0])
    assert found is not None
    assert (found[0], set(found[1])) == ("error", {"file", "line", "col", "endLine", "endColumn", "title"})
    assert [name for name, *_ in filter(None, map(parsed_command, made[1:]))] == ["error"]
    others = [line for line in (*made, *done.stderr.splitlines()) if not parsed_command(line)]
    assert not any(map(is_old_command, others))
    assert not any(map(parsed_command, done.stderr.splitlines()))


MEANT = st.lists(
    st.sampled_from(["%", "%%", "0A", "0D", "25", "3A", "2C", ",", ":", "::", "=", " ", "a", "error", "##["])
).map("".join)


@untrusted
@given(st.one_of(st.text(), MEANT), st.one_of(st.text(), MEANT))
def test_github_escapes_so_that_the_runner_reads_it_back(title: str, message: str) -> None:
    line = github_module._command("error", title, message, None)
    assert line.isprintable()
    found = parsed_command(line)
    assert found is not None
    assert found[0] == "error"
    if title.isprintable() and title.strip() == title != "":
        assert found[1] == {"title": title}
    if message.isprintable():
        assert found[2] == message


# What a spec holds is read in bounds


@pytest.mark.parametrize(
    ("top", "words"),
    [
        ("budget:\n" + "- {params: 5M}\n" * 100_000, "a budget of 100,000 entries"),
        ("budget: {" + "".join(f"a{i}: 1, " for i in range(20_000)) + "}\n", "`a0` is not a figure"),
        ("budget: {params: " + "9" * 100_000 + "}\n", "is not a limit"),
        ("ignore: [" + "".join(f"N{i}, " for i in range(300, 20_000)) + "]\n", "there is no rule `N300`"),
        (f"ignore: {'z' * 10**5}\n", "there is no rule"),
    ],
    ids=["entries", "figures", "digits", "rules", "letters"],
)
def test_dangerous(top: str, words: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cnnarch", "check", str(written(tmp_path, top))],
        capture_output=True, encoding="utf-8", env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, timeout=20,
    )  # fmt: skip
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 100_000


WORDS = st.sampled_from([
    *FIGURES, "batch", "dtype", "input", "min", "max", "5M", "512KiB", "int8", "8x8x3", "N201", "W1", "0", "-1", "3.5",
    "{", "}", "[", "]", ",", ":", ": ", "- ", "\n", "\n  ", " ", "'", "null", "yes", "{min: 3}", "{max: 5M, min: 1}",
    "{params: 5M}", "[{peak: 1MB}, {peak: 2MB, batch: 3}]", "params: 3", ", ",
])  # fmt: skip


@untrusted
@given(st.sampled_from(["budget", "ignore"]), st.lists(WORDS, max_size=12).map("".join))
def test_whatever_a_budget_holds_it_is_checked_or_refused(word: str, text: str) -> None:
    source = Source("net.yaml", f"{HEAD}{word}: {text}\n{LAYERS}")
    try:
        spec = read_document(source, catalog._Library((), {}))
        problems = problems_of(spec)
        if problems:
            raise SpecError(problems)
        network = Network(spec, build(spec), "net.yaml")
        found = check(network, [], Advice())
    except SpecError as error:
        assert all(problem.span is not None for problem in error.problems)
        return
    assert len(found.budgets) == len(spec.budget)
    assert yaml.safe_load(flat(network))
    parsed_junit(renderer("junit")([found]))


# The schema says of a budget what the reader says


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ({"params": "5M"}, True),
        ({"params": 5}, True),
        ({"peak": "512KiB"}, True),
        ({"peak": "512 KiB"}, True),
        ({"weights": "512KiB"}, True),
        ({"intensity": 3.5}, True),
        ({"params": {"max": "5M", "min": 3}}, True),
        ([{"params": 5}, {"peak": "1MB", "dtype": "int8", "batch": 8, "input": "32x32x3"}], True),
        ({"params": "5MM"}, False),
        ({"macs": "512KiB"}, False),
        ({"peak": "5M"}, False),
        ({"parms": 5}, False),
        ({"params": -5}, False),
        ({"params": {}}, False),
        ({"params": {"least": 5}}, False),
        ({"params": [5]}, False),
        ({"dtype": "int8"}, False),
        ({"params": 5, "dtype": "int9"}, False),
        ({"params": 5, "batch": 0}, False),
        ([], False),
        ("5M", False),
    ],
)
def test_the_schema_agrees_with_the_reader(value: Any, good: bool, tmp_path: Path) -> None:
    spec = {"name": "Net", "input": "32x32x3", "budget": value, "layers": ["flatten"]}
    assert jsonschema.Draft202012Validator(schema()).is_valid(spec) == good
    path = tmp_path / "net.yaml"
    path.write_text(json.dumps(spec), encoding="utf-8")
    try:
        load(str(path))
    except SpecError:
        assert not good
    else:
        assert good


def test_the_schema_knows_the_rules() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    spec: dict[str, Any] = {"name": "Net", "input": "32x32x3", "layers": ["flatten"]}
    for good in ("N201", ["N2", "bias-before-norm"]):
        assert validator.is_valid({**spec, "ignore": good})
    refused: list[Any] = ["N999", [], 3]
    for bad in refused:
        assert not validator.is_valid({**spec, "ignore": bad})


# For continuous integration


def hooks() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    return found


def test_the_hook_names_a_command_that_exists(tmp_path: Path) -> None:
    (hook,) = hooks()
    assert {"id", "name", "entry", "language"} <= hook.keys()  # what pre-commit.com, "Creating new hooks", requires
    program, command = hook["entry"].split()
    scripts = re.search(r"\[project.scripts\]\n(\S+) = ", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert scripts is not None
    assert program == scripts[1]
    assert command in cnnarch_commands()
    written(tmp_path, "")
    done = subprocess.run(
        [sys.executable, "-m", *hook["entry"].split(), *hook.get("args", []), "net.yaml"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0


def cnnarch_commands() -> list[str]:
    from cnnarch.cli import NAMES

    return NAMES


@pytest.mark.parametrize(
    ("file", "taken"),
    [
        ("networks/small.yaml", True), ("a/networks/small.yml", True), ("networks/blocks/common.yaml", False),
        ("mynetworks/small.yaml", False), (".github/workflows/check.yml", False), ("networks/small.yaml.txt", False),
    ],
)  # fmt: skip
def test_the_hook_takes_specs(file: str, taken: bool) -> None:
    (hook,) = hooks()
    assert bool(re.search(hook["files"], file)) == taken


def examples() -> list[str]:
    """The blocks of the page on checks that are set as `yml`: a workflow, and a configuration of pre-commit."""
    return re.findall(r"```yml\n(.*?)```", (ROOT / "docs" / "checks.md").read_text(encoding="utf-8"), flags=re.DOTALL)


def found_in(example: Callable[[Any], bool]) -> Any:
    return next(one for one in map(yaml.safe_load, examples()) if example(one))


def test_the_workflow_of_the_readme_runs(tmp_path: Path) -> None:
    jobs = found_in(lambda one: "jobs" in one)["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "cnnarch check" in step.get("run", "")]
    assert len(commands) >= 2
    (tmp_path / "networks").mkdir()
    written(tmp_path / "networks", "")
    shell = f"cnnarch() {{ '{sys.executable}' -m cnnarch \"$@\"; }}\n"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    for one in commands:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", shell + one], cwd=tmp_path, env=environment, capture_output=True,
            encoding="utf-8", check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").startswith("| network")


def test_the_budget_of_the_readme_is_one(tmp_path: Path) -> None:
    (block,) = (one for one in examples() if one.startswith("budget:"))
    top = HEAD.replace("32x32x3", "224x224x3") + block
    path = tmp_path / "net.yaml"
    path.write_text(f"{top}{LAYERS}", encoding="utf-8")
    assert len(checked(path).budgets) == 5


def test_the_configuration_of_the_readme_names_the_hook() -> None:
    (repository,) = found_in(lambda one: "repos" in one)["repos"]
    (wanted,) = repository["hooks"]
    assert wanted["id"] == hooks()[0]["id"]
    assert repository["rev"] == f"v{cnnarch.__version__}"
    arguments = wanted.get("args", [])
    assert run("lenet5", *arguments).returncode == 0


def test_every_shipped_network_is_checked() -> None:
    done = run("--all", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {row["network"] for row in rows} == set(catalog.names())
    assert done.returncode == 0
