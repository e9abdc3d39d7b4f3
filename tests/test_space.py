"""Search spaces: their sizes and members against enumeration, the constraint, the page's forms, the shipped ones."""

from __future__ import annotations

import doctest
import json
import random
import re
from collections.abc import Iterator
from itertools import product
from math import factorial
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import cnnarch
from cnnarch.errors import SpecError
from cnnarch.render import spaces
from cnnarch.render.schema import schema
from cnnarch.render.sheets import Sheet
from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from cnnarch.spec.axes import Axis, Choices, Lists, Range, Space
from cnnarch.spec.build import build
from cnnarch.spec.model import Spec
from cnnarch.spec.space import MOST_CHOICES
from tests.command import out, run

ANYNET, OFA = "anynet_x_e", "ofa_mobilenet_v3"

PAGE = """name: Page
input: 32x32x3
settings: {depth: 2, width: 8, twice: 2 * width, widths: [8, 16], se: true, kernel: 3}
%s
layers:
  - conv: {filters: "twice + widths[0]", kernel: kernel, padding: half}
    when: se
    repeat: depth
"""


def spec_of(space: str) -> Spec:
    lines = "".join(f"\n  {line}" for line in space.strip().splitlines())
    found = catalog.read_text("page.yaml", PAGE % f"space:{lines}")
    if found.problems:
        raise SpecError(found.problems)
    return found


def space_of(text: str) -> Space:
    found = spec_of(text).space
    assert found is not None
    return found


def members(space: Space) -> Iterator[dict[str, Any]]:
    return map(space.at, range(space.size))


# Sizes, and which member has which number

SMALL = Range("", 8, 8, 5)  # 8 to 40
KERNELS = Choices("", (3, 5, 7))


def ascending(values: list[Any], places: int) -> list[list[Any]]:
    return [list(one) for one in product(values, repeat=places) if list(one) == sorted(one)]


def every(values: list[Any], places: int) -> list[list[Any]]:
    return [list(one) for one in product(values, repeat=places)]


STEPS = [8, 16, 24, 32, 40]
AXES: dict[str, tuple[Axis, list[Any]]] = {
    "choices": (Choices("", ("same", 3, True)), ["same", 3, True]),
    "range": (SMALL, STEPS),
    "decimals": (Range("", 1, 2, 4, 10), [0.1, 0.3, 0.5, 0.7]),
    "lists": (Lists("", KERNELS, 3, 3), every([3, 5, 7], 3)),
    "lists_of_a_range": (Lists("", SMALL, 2, 2), every(STEPS, 2)),
    "lists_of_several_lengths": (Lists("", KERNELS, 1, 3), [one for n in (1, 2, 3) for one in every([3, 5, 7], n)]),
    "ascending": (Lists("", SMALL, 4, 4, True), ascending(STEPS, 4)),
    "ascending_of_several_lengths": (
        Lists("", KERNELS, 2, 4, True),
        [one for n in (2, 3, 4) for one in ascending([3, 5, 7], n)],
    ),
    "one_list": (Lists("", Choices("", (3,)), 4, 4, True), [[3, 3, 3, 3]]),
    "lists_of_lists": (
        Lists("", Lists("", KERNELS, 1, 2), 2, 2),
        every(every([3, 5, 7], 1) + every([3, 5, 7], 2), 2),
    ),
}


@pytest.mark.parametrize("axis, values", AXES.values(), ids=AXES.keys())
def test_an_axis_has_every_value_once_in_order(axis: Axis, values: list[Any]) -> None:
    assert axis.size == len(values)
    assert [axis.at(number) for number in range(axis.size)] == values


def test_a_space_is_the_product_of_its_axes() -> None:
    axes = [axis._replace(name=name) for name, (axis, _) in AXES.items() if axis.size < 27]
    space = Space(axes)
    expected = [dict(zip([one.name for one in axes], values)) for values in product(*(AXES[a.name][1] for a in axes))]
    assert space.size == len(expected) > 1000
    assert list(members(space)) == expected


@pytest.mark.parametrize("places", [1, 4, 40])
def test_numbers_of_large_lists_keep_their_order(places: int) -> None:
    """A range of 10^30 values is never gone through; neighbours are neighbours, and the ends are the ends."""
    axis = Lists("", Range("", 1, 1, 10**30), places, places, ascending=True)
    draw = random.Random(places)
    for number in [0, axis.size - 2, *(draw.randrange(axis.size - 1) for _ in range(10))]:
        one, after = axis.at(number), axis.at(number + 1)
        assert one == sorted(one)
        assert one < after
        same = next(place for place in range(places) if one[place] != after[place])
        assert after[same:] == [one[same] + 1] * (places - same)  # the least list that comes after it
    assert axis.at(0) == [1] * places
    assert axis.at(axis.size - 1) == [10**30] * places


# The forms on a page

FORMS: dict[str, tuple[str, Axis]] = {
    "choices": ("depth: [1, 2, 4]", Choices("depth", (1, 2, 4))),
    "truths": ("se: [true, false]", Choices("se", (True, False))),
    "computed": ("depth: [1, 2 ** 3]", Choices("depth", (1, 8))),
    "choices_of_lists": ("widths: [[8, 16], [8, 24, 32]]", Choices("widths", ([8, 16], [8, 24, 32]))),
    "words_and_numbers": ("kernel: [3, same]", Choices("kernel", (3, "same"))),
    "a_range": ("width: {from: 16, to: 256, step: 8}", Range("width", 16, 8, 31)),
    "a_range_in_ones": ("width: {from: 16, to: 256}", Range("width", 16, 1, 241)),
    "a_range_of_one": ("width: {from: 16, to: 16}", Range("width", 16, 1, 1)),
    "a_range_of_decimals": ("width: {from: -0.5, to: 1, step: 0.25}", Range("width", -50, 25, 7, 100)),
    "a_large_range": (f"width: {{from: 1, to: {10**30}}}", Range("width", 1, 1, 10**30)),
    "lists": ("widths: {each: [8, 16], length: 3}", Lists("widths", Choices("widths", (8, 16)), 3, 3)),
    "lists_of_lengths": (
        "widths: {each: {from: 8, to: 64, step: 8}, length: {from: 2, to: 4}, order: ascending}",
        Lists("widths", Range("widths", 8, 8, 8), 2, 4, True),
    ),
    "lists_of_lists": (
        "widths: {each: {each: [8, 16], length: 2}, length: 3}",
        Lists("widths", Lists("widths", Choices("widths", (8, 16)), 2, 2), 3, 3),
    ),
    "an_input": ("input: [32, 64]", Choices("input", (32, 64))),
    "a_range_of_inputs": ("input: {from: 32, to: 64, step: 4}", Range("input", 32, 4, 9)),
}


@pytest.mark.parametrize("text, axis", FORMS.values(), ids=FORMS.keys())
def test_forms(text: str, axis: Axis) -> None:
    found = space_of(text)
    assert found.axes == (axis,)
    assert found.where is None
    assert all(map(found.allows, map(found.at, range(min(found.size, 10)))))


def test_decimals_are_those_that_are_written() -> None:
    space = space_of("width: {from: -0.5, to: 1, step: 0.25}")
    assert [one["width"] for one in members(space)] == [-0.5, -0.25, 0, 0.25, 0.5, 0.75, 1]
    assert [one["width"] for one in members(space_of("width: {from: 0.1, to: 0.7, step: 0.1}"))] == [
        0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7,
    ]  # fmt: skip


def test_axes_are_in_the_order_of_the_page() -> None:
    space = space_of("width: [8, 16]\ninput: [32, 64]\ndepth: {from: 1, to: 3}")
    assert [axis.name for axis in space.axes] == ["width", "input", "depth"]
    assert space.at(5) == {"width": 8, "input": 64, "depth": 3}


def test_a_setting_without_a_value_can_vary() -> None:
    page = "name: A\ninput: 8x8x3\nsettings: {width: }\nspace: {width: [4, 8]}\n"
    spec = catalog.read_text("a.yaml", page + "layers: [{conv: {filters: width, kernel: 1}}]\n")
    assert spec.space is not None
    assert [build(spec, one).nodes[-1].output.channels for one in members(spec.space)] == [4, 8]


def test_a_page_without_a_space_has_none() -> None:
    assert catalog.read("alexnet").space is None


def test_too_many_choices_are_refused() -> None:
    with pytest.raises(SpecError, match=f"`depth` has over {MOST_CHOICES:,} choices"):
        spec_of(f"depth: [{', '.join(map(str, range(10**5)))}]")


# The constraint


def allowed(text: str) -> list[dict[str, Any]]:
    space = space_of(text)
    return [one for one in members(space) if space.allows(one)]


def test_a_constraint_against_enumeration() -> None:
    axes = "depth: {from: 1, to: 6}\nwidths: {each: [8, 16, 32], length: 2}"
    found = allowed(f"{axes}\nwhere: depth % 2 == 0 and widths[0] <= widths[1]")
    lists = every([8, 16, 32], 2)
    assert found == [
        {"depth": depth, "widths": [a, b]} for depth in range(1, 7) for a, b in lists if depth % 2 == 0 and a <= b
    ]


def test_a_constraint_sees_what_does_not_vary() -> None:
    assert [one["depth"] for one in allowed("depth: {from: 1, to: 6}\nwhere: depth * width > 16 and se")] == [
        3,
        4,
        5,
        6,
    ]


def test_a_constraint_sees_what_is_computed_of_what_varies() -> None:
    assert [one["width"] for one in allowed("width: [2, 4, 8]\nwhere: twice >= 8")] == [4, 8]


def test_a_constraint_sees_the_size_of_an_input() -> None:
    found = allowed("input: [32, 64]\ndepth: [1, 2]\nwhere: input == 32 or depth == 2")
    assert found == [{"input": 32, "depth": 1}, {"input": 32, "depth": 2}, {"input": 64, "depth": 2}]


def test_other_settings_can_be_given_beside_those_that_vary() -> None:
    space = space_of("depth: [1, 2]\nwhere: depth * width > 16")
    assert not space.allows({"depth": 2})
    assert space.allows({"depth": 2, "width": 16})


@pytest.mark.parametrize(
    ("where", "message", "hint"),
    [
        ("8 // (depth - 3) > 1", "a division by zero in `where`", "for `depth` = 3"),
        ("depth < 3 or width", "true or false is needed, not 8 in `where`", "for `depth` = 3, `width` = 8"),
        (
            "depth < 3 or widths[depth] > 3",
            "`widths` has 2 values, so there is no number 3",
            "for `depth` = 3, `widths`",
        ),
    ],
)
def test_a_constraint_that_cannot_be_computed_is_an_error(where: str, message: str, hint: str) -> None:
    """Also where this shows late: it is not the same as a constraint that is not met."""
    space = space_of(f"depth: [1, 2, 3]\nwhere: {where}")
    assert [type(space.allows({"depth": depth})) for depth in (1, 2)] == [bool, bool]
    with pytest.raises(SpecError) as raised:
        space.allows({"depth": 3})
    (problem,) = raised.value.problems
    assert problem.message.startswith(message)
    assert problem.hint.startswith(hint)
    assert problem.span is not None
    line = problem.span.source.line(problem.span.line)
    assert line[problem.span.column - 1 : problem.span.end_column - 1] == where


def test_a_setting_that_cannot_be_computed_is_told_at_its_place() -> None:
    page = PAGE.replace("2 * width", "64 // (width - 16)") % "space:\n  width: [8, 16]\n  where: twice > 3"
    space = catalog.read_text("page.yaml", page).space
    assert space is not None
    with pytest.raises(SpecError, match="a division by zero in setting `twice`"):
        space.allows({"width": 16})


# Pages that extend others


def extended(tmp_path: Path, child: str) -> Spec:
    (tmp_path / "page.yaml").write_text(
        PAGE % "space:\n  depth: [1, 2, 3]\n  where: depth * width >= 16", encoding="utf-8"
    )
    path = tmp_path / "child.yaml"
    path.write_text(f"name: Child\nextends: page.yaml\n{child}\n", encoding="utf-8")
    return catalog.read(str(path))


def test_a_space_is_taken_over(tmp_path: Path) -> None:
    """Its constraint sees the settings of the spec that took it over, not those of the other."""
    for width, expected in ((8, [2, 3]), (16, [1, 2, 3]), (4, [])):
        space = extended(tmp_path, f"settings: {{width: {width}}}").space
        assert space is not None
        assert [one["depth"] for one in members(space) if space.allows(one)] == expected


def test_a_space_replaces_another(tmp_path: Path) -> None:
    space = extended(tmp_path, "space: {width: [8, 16]}").space
    assert space is not None
    assert list(members(space)) == [{"width": 8}, {"width": 16}]
    assert space.where is None


def test_a_wrong_space_beside_extends_is_told(tmp_path: Path) -> None:
    spec = extended(tmp_path, "space: {widht: [8, 16]}")
    assert [problem.hint for problem in spec.problems] == ["did you mean `width`?"]
    assert spec.space is None


# The schema for editors


@pytest.mark.parametrize(
    "text",
    [*(text for text, _ in FORMS.values()), "depth: [1]\nwhere: depth > 0 and width > 3"],
)
def test_the_schema_takes_every_form(text: str) -> None:
    assert jsonschema.Draft202012Validator(schema()).is_valid(as_data(text))


@pytest.mark.parametrize(
    "text",
    [
        "depth: []", "depth: 3", "depth: {from: 1}", "depth: {from: 1, to: 3, by: 1}",
        "depth: {from: 1, to: 3, step: 0}", "depth: {each: [1, 2]}", "depth: {each: [1, 2], length: 0}",
        "depth: {each: [1, 2], length: {from: 1}}",
        "depth: {each: [1, 2], length: 2, order: falling}", "where: 3",
    ],
)  # fmt: skip
def test_the_schema_refuses_what_is_none(text: str) -> None:
    assert not jsonschema.Draft202012Validator(schema()).is_valid(as_data(text))
    with pytest.raises(SpecError):
        spec_of(text)


def as_data(space: str) -> Any:
    import yaml

    lines = "".join(f"\n  {line}" for line in space.splitlines())
    return yaml.safe_load(PAGE % f"space:{lines}")


# The shipped spaces


def shipped(name: str) -> Space:
    found = catalog.read(name).space
    assert found is not None
    return found


# Radosavovic et al. 2020, section 3.2: the degrees of freedom of each design space and what they come to.
STAGE = "{each: {from: 1, to: 16}, length: 4}", "{each: {from: 8, to: 1024, step: 8}, length: 4}"
SHARED = "[1, 2, 4]", "[1, 2, 4, 8, 16, 32]"
EACH = "{each: [1, 2, 4], length: 4}", "{each: [1, 2, 4, 8, 16, 32], length: 4}"


@pytest.mark.parametrize(
    ("bottleneck", "group", "exact", "told"),
    [
        (EACH[0], EACH[1], (16 * 128 * 3 * 6) ** 4, 1.8e18),
        (SHARED[0], EACH[1], (16 * 128 * 6) ** 4 * 3, 6.8e16),
        (SHARED[0], SHARED[1], (16 * 128) ** 4 * 3 * 6, 3.2e14),
    ],
    ids=["AnyNetX_A", "AnyNetX_B", "AnyNetX_C"],
)
def test_sizes_of_the_paper(bottleneck: str, group: str, exact: int, told: float) -> None:
    page = (
        "name: A\ninput: 8x8x3\nsettings: {d: , w: , b: , g: }\n"
        f"space:\n  d: {STAGE[0]}\n  w: {STAGE[1]}\n  b: {bottleneck}\n  g: {group}\n"
        'layers: [{fc: "d[0] + w[0] + b + g"}]\n'
    )
    space = catalog.read_text("a.yaml", page).space
    assert space is not None
    assert space.size == exact
    assert float(f"{space.size:.1e}") == told


def test_anynet_is_as_large_as_the_paper_says() -> None:
    """It divides by the orders of four stages, 4! for widths and for depths: right but for stages that are equal."""
    told = (16 * 128) ** 4 * 3 * 6 / factorial(4) ** 2
    depths, widths = (16 * 17 * 18 * 19) // 24, (128 * 129 * 130 * 131) // 24  # with equal ones
    assert shipped(ANYNET).size == depths * widths * 3 * 6
    unequal = (16 * 15 * 14 * 13) // 24 * ((128 * 127 * 126 * 125) // 24) * 3 * 6
    assert unequal < told < shipped(ANYNET).size < 2 * told


def test_once_for_all_is_as_large_as_the_paper_says() -> None:
    """Section 3.2: ((3 × 3)^2 + (3 × 3)^3 + (3 × 3)^4)^5, about 2 · 10^19, at each of 25 sizes of the input."""
    units, sizes = shipped(OFA).axes
    assert units.size == (9**2 + 9**3 + 9**4) ** 5
    assert float(f"{units.size:.0e}") == 2e19
    assert [sizes.at(number) for number in range(sizes.size)] == list(range(128, 225, 4))


@pytest.mark.parametrize("name", [ANYNET, OFA])
def test_a_hundred_members_can_be_built(name: str) -> None:
    spec, space, draw = catalog.read(name), shipped(name), random.Random(7)
    for _ in range(100):
        variant = space.at(draw.randrange(space.size))
        assert space.allows(variant)
        size = variant.pop("input", 224)
        build(spec, variant, {"input": Shape(size, size, 3)})


def is_in(axis: Axis, value: Any) -> bool:
    """Whether an axis has a value, by halving: what it has is in order."""
    low, high = 0, axis.size - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if axis.at(middle) < value else (low, middle)
    return bool(axis.at(low) == value)


def test_as_it_stands_a_page_is_a_member_of_its_space() -> None:
    spec = catalog.read(ANYNET)
    assert all(is_in(axis, spec.settings[axis.name]) for axis in shipped(ANYNET).axes)
    assert shipped(OFA).at(shipped(OFA).size - 1) == {"units": catalog.read(OFA).settings["units"], "input": 224}


# torchvision 0.28 by PyTorch 2.13's FLOP counter, with widths as pycls adapts them: tests/test_space_against_pytorch.py
MEMBERS: list[tuple[list[int], list[int], int, int, tuple[int, int]]] = [
    ([2, 2, 3, 4], [24, 40, 72, 200], 1, 16, (675208, 111783424)),
    ([1, 1, 2, 3], [8, 24, 168, 520], 4, 32, (1076576, 48909888)),
    ([1, 4, 4, 16], [64, 104, 232, 1024], 2, 8, (18589320, 1007755264)),
]


@pytest.mark.parametrize(("depths", "widths", "bottleneck", "group_width", "expected"), MEMBERS)
def test_members_of_anynet(
    depths: list[int], widths: list[int], bottleneck: int, group_width: int, expected: tuple[int, int]
) -> None:
    given = {"depths": depths, "widths": widths, "bottleneck": bottleneck, "group_width": group_width}
    totals = cnnarch.load(ANYNET, given).totals
    assert (totals.params, totals.macs) == expected


@pytest.mark.parametrize("name", [name for name in catalog.names() if re.match("regnet_x_", name)])
def test_regnets_are_built_by_the_page_too(name: str) -> None:
    regnet = cnnarch.load(name)
    given = {key: regnet.spec.settings[key] for key in ("depths", "widths", "group_width")}
    assert cnnarch.load(ANYNET, given).totals == regnet.totals


def test_the_ends_of_once_for_all() -> None:
    """The largest has the 7.7M parameters of the paper; the smallest as PyTorch counts it."""
    space, smallest = shipped(OFA), [[[3, 3], [3, 3]]] * 5
    assert space.at(0) == {"units": smallest, "input": 128}
    largest = cnnarch.load(OFA).totals
    assert (largest.params, largest.macs) == (7664760, 566170656)
    least = cnnarch.load(OFA, {"units": smallest}, Shape(128, 128, 3)).totals
    assert (least.params, least.macs) == (3410792, 41476224)


def test_a_published_member_of_the_wider_once_for_all() -> None:
    """The authors' table has flops@595M_top1@80.0_finetune@75 with 9.1M parameters and 595M MACs; its layers and its
    size of 236 are in the configuration that goes with it.
    """
    units = [
        [[3, 3], [5, 4], [3, 3]],
        [[5, 4], [5, 4], [3, 6], [5, 3]],
        [[7, 6], [5, 6], [3, 3], [5, 4]],
        [[3, 6], [5, 6], [7, 6], [3, 4]],
        [[3, 6], [3, 6], [5, 6], [3, 3]],
    ]
    totals = cnnarch.load(OFA, {"units": units, "width": 1.2}, Shape(236, 236, 3)).totals
    assert round(totals.params / 10**5) == 91
    assert round(totals.macs / 10**6) == 595


# The command


def test_list_has_every_space() -> None:
    found = json.loads(out("list", "--spaces", "--format", "json"))["spaces"]
    with_one = {name: space for name in catalog.names() if (space := catalog.read(name).space)}
    assert {one["network"]: one["size"] for one in found} == {name: space.size for name, space in with_one.items()}
    assert set(with_one) == {ANYNET, OFA}
    assert found[1]["varies"] == ["units", "input"]
    assert out("list", "--spaces", "--format", "csv", "--columns", "network,size").splitlines() == [
        "network,size", f"{ANYNET},{shipped(ANYNET).size}", f"{OFA},{shipped(OFA).size}",
    ]  # fmt: skip


def test_list_shows_sizes_for_people() -> None:
    lines = out("list", "--spaces").splitlines()
    assert [line.split("  ")[-1].strip() for line in lines[2:4]] == ["8.2 · 10^11", "5.4 · 10^20"]
    assert "alexnet" not in out("list", "--spaces", "--task", "classification")
    assert ANYNET not in out("list", "--spaces", "--task", "reading")
    assert "did you mean `size`?" in run("list", "--spaces", "--columns", "sise").stderr


def test_a_space_with_a_condition_is_listed_with_it() -> None:
    rows = [spaces.Named("a", "A", space_of("depth: [1, 2]\nwhere: depth > 1"))]
    assert spaces.record(rows)["spaces"] == [
        {"network": "a", "name": "A", "varies": ["depth"], "where": "depth > 1", "size": 2}
    ]
    (sheet, _) = spaces.page(rows, ("where", "size"))
    assert isinstance(sheet, Sheet)
    assert [column.text(rows[0]) for column in sheet.columns] == ["depth > 1", "2"]


# The page about spaces

DOCUMENTATION = Path(__file__).parent.parent / "docs" / "spaces.md"


def test_what_the_documentation_shows() -> None:
    assert doctest.testfile(str(DOCUMENTATION), module_relative=False, encoding="utf-8").failed == 0
    text = DOCUMENTATION.read_text(encoding="utf-8")
    (page,) = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    spec = catalog.read_text("page.yaml", page)
    assert spec.space is not None
    assert spec.space.allows(spec.settings)
    assert build(spec).nodes[-1].output == Shape(10)
    forms = re.findall(r"^\| `([^`]*)` \|.*\| ([0-9]+) \|$", text, flags=re.MULTILINE)
    assert len(forms) == 5
    for form, size in forms:
        assert space_of(f"{'widths' if 'each' in form else 'width'}: {form}").size == int(size)
