"""The largest value within limits: against all values tried one by one, and what is told where figures turn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cnnarch.errors import ReadError, SpecError
from cnnarch.network import Network, load
from cnnarch.shapes import Shape
from tests.command import run

TURNS = """\
name: Turns
input: 32x32x3
settings: {width: 8}
layers:
  - conv: {filters: "width if width < 40 else 80 - width", kernel: 3}
  - global_avgpool
  - fc: 10
"""
GAPS = """\
name: Gaps
input: 16x16x8
settings: {width: 8}
layers:
  - conv: {filters: width, kernel: 3, groups: 8}
  - global_avgpool
  - fc: 10
"""


def fit(*arguments: str) -> tuple[dict[str, Any], int]:
    done = run("fit", *arguments, "--format", "json")
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


def built(spec: str, name: str, value: int) -> Network | None:
    try:
        return load(spec, None, Shape(value, value, 3)) if name == "input" else load(spec, {name: value})
    except (SpecError, ReadError):
        return None


@pytest.mark.parametrize(
    ("spec", "name", "values", "key", "limits"),
    [
        ("resnet18", "classes", range(1, 3000), "params", (11_200_000, 11_500_000, 12_000_000)),
        ("alexnet", "input", range(1, 400), "params", (20_000_000, 27_000_000, 10**12)),
        ("alexnet", "input", range(1, 400), "macs", (10**8, 614_310_432, 614_310_431)),
        ("resnet50", "width", range(1, 80), "params", (2_000_000, 10_000_000)),
        ("mobilenet_v2", "input", range(32, 260, 3), "peak", (2**20, 3 * 2**20)),
    ],
)
def test_the_largest_is_that_of_all(spec: str, name: str, values: range, key: str, limits: tuple[int, ...]) -> None:
    """Brute force by the networks themselves, one by one, around what was found, and on a grid of all values."""
    for limit in limits:
        text = f"{name}={values.start}:{values[-1]}:{values.step}"
        size = f"{limit}B" if key == "peak" else str(limit)
        found, code = fit(spec, "--vary", text, f"--max-{key}", size)
        assert code == (found["value"] is None)
        near = [] if found["value"] is None else range(max(values.index(found["value"]) - 3, 0), len(values))[:8]
        for value in {*values[:: max(len(values) // 40, 1)], *(values[place] for place in near)}:
            network = built(spec, name, value)
            if network is not None:
                figure = network.memory.peak if key == "peak" else getattr(network.totals, key)
                fits = found["value"] is not None and value <= found["value"]
                assert (figure <= limit) == fits, (value, figure, found["value"])


def test_figures_that_turn_are_told_and_all_values_tried(tmp_path: Path) -> None:
    page = tmp_path / "turns.yaml"
    page.write_text(TURNS)
    found, code = fit(str(page), "--vary", "width=1:79", "--max-params", "1K")
    fitting = [one for one in range(1, 80) if load(str(page), {"width": one}).totals.params <= 1000]
    assert (found["value"], code) == (max(fitting), 0)
    assert fitting != list(range(1, max(fitting) + 1))
    assert (found["monotone"], found["every"], found["tried"]) == (False, True, 79)
    assert "params rise and fall" in run("fit", str(page), "--vary", "width=1:79", "--max-params", "1K").stdout


def test_values_that_cannot_be_built_are_passed_over(tmp_path: Path) -> None:
    page = tmp_path / "gaps.yaml"
    page.write_text(GAPS)
    for limit in (200, 1_000, 5_000, 20_000):
        fitting = [one for one in range(8, 4000, 8) if load(str(page), {"width": one}).totals.params <= limit]
        found, _ = fit(str(page), "--vary", "width=1:4000", "--max-params", str(limit))
        assert found["value"] == max(fitting)
        assert found["not_built"] > 0


def test_ranges_that_are_not_given() -> None:
    found, _ = fit("alexnet", "--vary", "classes", "--max-params", "30M")
    assert found["value"] == (30_000_000 - load("alexnet", {"classes": 1}).totals.params) // 4097 + 1
    found, _ = fit("mobilenet_v2", "--vary", "width", "--max-params", "3M")
    below, above = (load("mobilenet_v2", {"width": found["value"] + step}).totals.params for step in (0.0, 0.01))
    assert below <= 3_000_000 < above
    assert fit("alexnet", "--vary", "conv1.stride", "--max-macs", "700M")[0]["value"] == 4


def test_several_limits_and_those_of_the_spec(tmp_path: Path) -> None:
    page = tmp_path / "net.yaml"
    page.write_text("extends: alexnet\nname: Mine\nbudget: {params: 26M}\n")
    assert (
        fit(str(page), "--vary", "classes")[0]["value"]
        == fit("alexnet", "--vary", "classes", "--max-params", "26M")[0]["value"]
    )
    found, code = fit(str(page), "--vary", "classes=1:2000", "--max-macs", "1M")
    assert (found["value"], found["best"], code) == (None, None, 1)
    assert run("fit", str(page), "--vary", "classes=1:2000", "--max-macs", "1M", "--get", "value").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["alexnet", "--vary", "classes"], "nothing limits the network"),
        (["alexnet", "--vary", "clases", "--max-params", "3M"], "did you mean `classes`?"),
        (["alexnet", "--vary", "conv9.stride", "--max-params", "3M"], "did you mean `conv"),
        (["resnet50", "--vary", "depths", "--max-params", "3M"], "over which values `depths` varies"),
        (["alexnet", "--vary", "classes=9:1", "--max-params", "3M"], "is empty"),
        (["alexnet", "--vary", "classes", "--max-params", "x"], "is not a limit"),
    ],
)
def test_what_cannot_be_fitted(arguments: list[str], words: str) -> None:
    done = run("fit", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
