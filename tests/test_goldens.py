"""What the commands print, kept as text: one file a case, rewritten with `--update`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnarch.analysis.devices import device
from cnnarch.analysis.explanation import explain
from cnnarch.layers import KINDS
from cnnarch.network import load
from cnnarch.render import (
    comparison,
    counters,
    difference,
    explanation,
    memory,
    receptive_field,
    renderer,
    roofline,
    savings,
    summary,
)  # fmt: skip
from cnnarch.render.columns import SAVING_COLUMNS, layer_columns, pair_columns
from cnnarch.render.kinds import kind_page, kinds_page
from cnnarch.render.sheets import Page, Sheet
from cnnarch.spec import catalog

GOLDENS = Path(__file__).parent / "goldens"


def explained(name: str, *layers: str) -> Page:
    network = load(name)
    nodes = [network.layer(layer) for layer in layers] or list(network.layers)
    return explanation.page(network, [explain(network.graph, node) for node in nodes], everything=not layers)


def compared(left: str, right: str) -> Page:
    return comparison.page(load(left), load(right))


def costs(name: str) -> list[Page]:
    """Its memory, its receptive fields, and what limits it on a device."""
    network, a100 = load(name), device("a100")
    fields = receptive_field.fields(network, (), False)
    return [
        memory.page(network, network.memory, "adam", False),
        receptive_field.page(network, fields),
        roofline.page(network, a100.roof("float32"), a100),
    ]


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
    "savings_vgg16": lambda: savings.page(load("vgg16")),
    "explain_alexnet": lambda: explained("alexnet"),
    "explain_crop_reader": lambda: explained("crop_reader"),
    "explain_googlenet_inception": lambda: explained("googlenet", "inception_3a/unit2/conv", "maxpool1"),
    "compare_alexnet_zfnet": lambda: compared("alexnet", "zfnet"),
    "compare_vgg16_resnet50": lambda: compared("vgg16", "resnet50"),
    "memory_resnet50": lambda: costs("resnet50")[0],
    "receptive_field_alexnet_torchvision": lambda: costs("alexnet_torchvision")[1],
    "roofline_mobilenet_v2": lambda: costs("mobilenet_v2")[2],
    "as_ptflops_vgg16": lambda: counters.page(load("vgg16"), load("vgg16").count_as("ptflops")),
    "diff_vgg16_vgg19": lambda: difference.page(load("vgg16"), load("vgg19")),
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


def lacking(page: Page, printed: str) -> Counter[str]:
    """The numbers of a page, and the parts of its names, that do not stand whole in what is printed of it."""
    left_out = re.findall(
        r"\w+", " ".join(re.findall(r"^not shown in \d+ columns: ([^.]*?)$", printed, flags=re.MULTILINE))
    )
    expected: Counter[str] = Counter()
    for sheet in (part for part in page if isinstance(part, Sheet)):
        rows = [*sheet.rows, *([sheet.total] if sheet.total is not None else [])]
        for column in sheet.columns:
            if column.key not in left_out and (column.number or column.breaks == "/"):
                expected.update(word for row in rows for word in re.findall(r"[^\s/]+/?", column.text(row)))
    return expected - Counter(re.findall(r"[^\s/]+/?", printed))


@pytest.mark.parametrize("name", catalog.names()[::9])
def test_nothing_is_cut_in_a_narrow_terminal(name: str) -> None:
    """Columns are left out, and names are broken behind a `/`; what is shown is whole, and no line too long."""
    network = load(name)
    for page in (savings.page(network), summary.page(network)):
        printed = renderer("table")(page, 80, False)
        assert not lacking(page, printed)
        assert max(map(len, printed.splitlines())) <= 80


@pytest.mark.parametrize(
    "name", ["resnet152", "googlenet", "mobilenet_v3_large", "swin_t", "crop_reader", "maskrcnn_resnet50_fpn"]
)
def test_costs_are_not_cut_in_a_narrow_terminal(name: str) -> None:
    for page in costs(name):
        printed = renderer("table")(page, 80, False)
        assert not lacking(page, printed)
        assert max(map(len, printed.splitlines())) <= 80


@pytest.mark.parametrize("name", catalog.names()[1::5])
def test_the_work_is_shown_in_a_narrow_terminal(name: str) -> None:
    printed = renderer("table")([summary.layers(load(name), 2, True, ())], 80, False)
    assert {"layer", "operation", "output", "weights", "MACs"} <= set(printed.splitlines()[0].split())


@pytest.mark.parametrize("width", [20, 40, 80])
def test_columns_that_are_asked_for_are_shown(width: int) -> None:
    """However narrow the terminal is: the lines are longer then, and no number is cut."""
    network = load("resnet50")
    layers = [column.key for column in layer_columns(network)]
    pairs = [column.key for column in pair_columns("", "")]
    sheets = (
        savings.page(network, [column.key for column in SAVING_COLUMNS])[-2],
        summary.layers(network, 2, True, layers),
        comparison.pairs(network, load("resnext50_32x4d"), 1, pairs),
    )
    for sheet in sheets:
        page: Page = [sheet]
        printed = renderer("table")(page, width, False)
        assert "not shown" not in printed
        if width == 80:
            assert not lacking(page, printed)


def test_a_left_out_column_says_whose_it_is() -> None:
    page = comparison.page(load("resnet50"), load("resnext50_32x4d"))
    assert "not shown in 80 columns: params of resnet50, params of resnext50_32x4d\n" in renderer("table")(
        page, 80, False
    )
