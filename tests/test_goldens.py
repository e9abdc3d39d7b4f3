"""What the commands print, kept as text: one file a case, rewritten with `--update`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnarch.analysis.explanation import explain
from cnnarch.layers import KINDS
from cnnarch.network import load
from cnnarch.render import comparison, explanation, renderer, savings, summary
from cnnarch.render.kinds import kind_page, kinds_page
from cnnarch.render.sheets import Page

GOLDENS = Path(__file__).parent / "goldens"


def explained(name: str, *layers: str) -> Page:
    network = load(name)
    nodes = [network.layer(layer) for layer in layers] or list(network.layers)
    return explanation.page(network, [explain(network.graph, node) for node in nodes], everything=not layers)


def compared(left: str, right: str) -> Page:
    return comparison.page(load(left), load(right))


def kind(name: str) -> Page:
    return kind_page(KINDS[name])


# Name of the file: what makes the page. Each is set 80 columns wide and through a pipe.
CASES: dict[str, Callable[[], Page]] = {
    "summary_alexnet": lambda: summary.page(load("alexnet")),
    "summary_alexnet_all": lambda: summary.page(load("alexnet"), None, fold=False),
    "summary_alexnet_2012": lambda: summary.page(load("alexnet_2012")),
    "summary_vgg16": lambda: summary.page(load("vgg16")),
    "summary_vgg16_depth_2": lambda: summary.page(load("vgg16"), 2),
    "summary_vgg16_localization": lambda: summary.page(load("vgg16_localization")),
    "summary_crop_reader": lambda: summary.page(load("crop_reader")),
    "summary_lenet5": lambda: summary.page(load("lenet5")),
    "summary_resnet50": lambda: summary.page(load("resnet50")),
    "summary_resnet50_depth_3": lambda: summary.page(load("resnet50"), 3),
    "summary_googlenet": lambda: summary.page(load("googlenet")),
    "summary_mobilenet_v2": lambda: summary.page(load("mobilenet_v2")),
    "savings_alexnet": lambda: savings.page(load("alexnet")),
    "savings_mobilenet_v2": lambda: savings.page(load("mobilenet_v2")),
    "explain_alexnet": lambda: explained("alexnet"),
    "explain_crop_reader": lambda: explained("crop_reader"),
    "explain_googlenet_inception": lambda: explained("googlenet", "inception_3a/unit2/conv", "maxpool1"),
    "compare_alexnet_zfnet": lambda: compared("alexnet", "zfnet"),
    "compare_vgg16_resnet50": lambda: compared("vgg16", "resnet50"),
    "layers": kinds_page,
    "layers_conv": lambda: kind("conv"),
}
WIDTHS = {"80": 80, "pipe": None}


def golden(name: str) -> str:
    return (GOLDENS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, width: str, request: pytest.FixtureRequest) -> None:
    printed = renderer("table")(CASES[case](), WIDTHS[width], False)
    path = GOLDENS / f"{case}.{width}.txt"
    if request.config.getoption("--update"):
        path.write_text(printed, encoding="utf-8")
    assert printed == path.read_text(encoding="utf-8")


def test_no_golden_is_left_over() -> None:
    expected = {f"{case}.{width}.txt" for case in CASES for width in WIDTHS}
    assert {path.name for path in GOLDENS.iterdir()} == expected


@pytest.mark.parametrize("case", [case for case in CASES if not case.startswith("layers")])
def test_nothing_is_wider_than_the_terminal(case: str) -> None:
    assert max(map(len, golden(f"{case}.80").splitlines())) <= 80


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith(("summary", "savings"))])
def test_columns_add_up(case: str) -> None:
    """The numbers printed in each column sum to the number printed in the row of totals."""
    header, _, *lines = golden(f"{case}.pipe").split("\n\n")[1].splitlines()
    titles = [title for title in ("weights", "biases", "MACs", "dense", "sparse", "shared") if title in header]
    ends = {title: header.index(title) + len(title) for title in titles}
    *layers, _, total = lines
    assert total.startswith("total")
    assert ends
    for title, end in ends.items():
        running = [line for line in layers if "only in training" not in line]
        assert sum(number_that_ends(line, end) for line in running) == number_that_ends(total, end), title


def number_that_ends(line: str, column: int) -> int:
    found = re.search(r"([\d,]+)$", line.ljust(column)[:column])
    return int(found[1].replace(",", "")) if found else 0
