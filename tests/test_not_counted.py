"""A layer whose figures are not known: everything that is added up says that it is no less, and `--strict` refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cnnarch
from tests.command import out, run

PAGE = """\
name: Detector
input: 8x8x4
layers:
  - conv: {filters: 4, kernel: 1}
  - unknown: {operator: Top K, size: [10, 4], weights: 7}
    name: top
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "net.yaml"
    path.write_text(PAGE)
    return str(path)


def test_sums_are_at_least(spec: str) -> None:
    text = out("summary", spec)
    row = next(line.split() for line in text.splitlines() if line.startswith("total"))
    assert row[1:7] == ["≥", "23", "≥", "4", "≥", "1,024"]  # 16 + 7 weights, 4 biases, 8·8·4·4 MACs
    assert "`top (Top K)` is not counted: sums are at least what they say" in text


def test_numbers_stay_numbers_for_programs(spec: str) -> None:
    record = json.loads(out("summary", spec, "--format", "json"))
    assert (record["totals"]["params"], record["not_counted"]) == (27, ["top"])
    done = run("summary", spec, "--get", "totals.macs")
    assert (done.stdout, "is not counted" in done.stderr) == ("1024\n", True)
    assert json.loads(out("summary", "lenet5", "--format", "json"))["not_counted"] == []


@pytest.mark.parametrize(
    "command", ["list", "compare", "memory", "roofline", "savings", "receptive-field", "draw", "explain"]
)
def test_every_command_answers(spec: str, command: str) -> None:
    arguments = {"compare": [spec, "lenet5"], "draw": [spec, "--to", "text"], "list": []}.get(command, [spec])
    assert run(command, *arguments).returncode == 0


@pytest.mark.parametrize(
    ("limit", "said", "code"),
    [
        (("--max-params", "5"), "params ≥ 27 > 5 by 22", 1),  # more can only be further off
        (("--max-params", "500"), "params is not known (1 layer is not counted)", 1),
        (("--min-params", "5"), "params ≥ 27 ≥ 5, 22 more", 0),
        (("--min-params", "500"), "params is not known (1 layer is not counted)", 1),
    ],
)
def test_budgets(spec: str, limit: tuple[str, ...], said: str, code: int) -> None:
    done = run("check", spec, *limit)
    assert said in done.stdout
    assert done.returncode == code


@pytest.mark.parametrize("command", ["summary", "memory", "draw"])
def test_strict(spec: str, command: str) -> None:
    done = run(command, spec, "--strict")
    assert done.returncode == 2
    assert "has layers whose figures are not known: `top (Top K)`" in done.stderr
    assert run(command, "lenet5", "--strict").returncode == 0


def test_strict_check(spec: str) -> None:
    assert run("check", spec).returncode == 0
    assert run("check", spec, "--strict").returncode != 0


def test_the_library_says_it_too(spec: str) -> None:
    network = cnnarch.load(spec)
    assert [node.name for node in network.graph.not_counted] == ["top"]
    assert network.totals.params == 27
    with pytest.raises(cnnarch.ReadError, match="not known"):
        cnnarch.load(spec, strict=True)


def test_its_name_is_text(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(PAGE.replace("Top K", '"=cmd() \\e[31m x.channels"'))
    done = run("summary", str(path))
    assert (done.returncode, "\x1b" in done.stdout) == (0, False)
    assert "=cmd() \\x1b[31m x.channels, not counted" in " ".join(done.stdout.split())


def test_written_out_it_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(PAGE.replace("Top K", '"{ true: [x } #"'))
    flat = tmp_path / "flat.yaml"
    flat.write_text(out("show", str(path), "--flat"))
    assert out("summary", str(flat)) == out("summary", str(path))
