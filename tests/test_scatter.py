"""The plot of a sweep: points where their figures say, the front as a staircase, labels that touch nothing."""

from __future__ import annotations

import random
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cnnarch.render.figure.scales import Aspect, between
from cnnarch.render.figure.scatter import LINES, Point, letters, scatter
from tests.command import run

SVG = "{http://www.w3.org/2000/svg}"
PARAMS, PEAK, FIELD = Aspect("params"), Aspect("peak", "bytes"), Aspect("receptive field", "", True)


def some(count: int, seed: int = 0, top: float = 1e9, low: float = 1e3) -> list[Point]:
    chance = random.Random(seed)
    drawn = [(round(low * (top / low) ** chance.random()), chance.randint(1, 999)) for _ in range(count)]
    return [
        Point(x, y, f"width={x}", not any((a <= x and b <= y) and (a, b) != (x, y) for a, b in drawn)) for x, y in drawn
    ]


def discs(text: str, look: str) -> list[tuple[float, float, str]]:
    """Where the points of a look stand, and what each says."""
    root = ElementTree.fromstring(text)
    found = [one for one in root.iter(f"{SVG}circle") if look in one.attrib["class"]]
    titled = [one for one in found if one.find(f"{SVG}title") is not None]
    return [(float(one.attrib["cx"]), float(one.attrib["cy"]), one[0].text or "") for one in titled]


@pytest.mark.parametrize(("top", "low"), [(1e9, 1e3), (2000, 1000)])
def test_points_stand_where_their_figures_say(top: float, low: float) -> None:
    points = some(200, top=top, low=low)
    text = scatter(points, PARAMS, Aspect("layers"), "Net")
    across = between([point.x for point in points])
    assert across.logarithmic == (top / low >= 20)
    found = sorted(discs(text, "held") + discs(text, "conv"))
    assert len(found) == len(points)
    lefts = sorted(across.at(point.x) for point in points)
    left, right = found[0][0], found[-1][0]
    scaled = [(place - lefts[0]) / (lefts[-1] - lefts[0]) for place in lefts]
    assert [x for x, *_ in found] == pytest.approx([left + one * (right - left) for one in scaled], abs=0.15)
    assert {told.split("\n")[1] for *_, told in found} == {f"params {point.x:,}" for point in points}


def test_the_front_is_a_staircase_and_nothing_is_below_it() -> None:
    points = some(300, seed=2)
    text = scatter(points, PARAMS, Aspect("layers"), "Net")
    front = [(x, y) for x, y, _ in discs(text, "conv")]
    assert len(front) == sum(point.front for point in points) > 2
    way = next(
        one.attrib["d"] for one in ElementTree.fromstring(text).iter(f"{SVG}path") if one.attrib["class"] == "line"
    )
    steps = re.findall(r"([MHV])([\d.]+)", way)
    assert [kind for kind, _ in steps[1:]] == ["H", "V"] * (len(front) - 1)
    assert [float(value) for kind, value in steps if kind == "H"] == [x for x, _ in front[1:]]
    for x, y, _ in discs(text, "held"):  # up is less on the page: behind the front means right of and above one of it
        assert any(one <= x and other >= y for one, other in front)


def boxes(text: str) -> list[tuple[float, float, float, float]]:
    from cnnarch.render.figure.svg import text_width

    found = []
    for one in ElementTree.fromstring(text).iter(f"{SVG}text"):
        if "transform" in one.attrib or one.attrib.get("class") in ("title", "quiet"):
            continue
        size = 10 if "label" in one.attrib.get("class", "") else 11
        wide = text_width(one.text or "", size) * 0.9
        shift = {"middle": wide / 2, "end": wide}.get(one.attrib.get("text-anchor", ""), 0)
        x, y = float(one.attrib["x"]) - shift, float(one.attrib["y"])
        found.append((x, y - size * 0.75, x + wide, y + 1))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_texts_touch_no_texts_and_no_points(seed: int) -> None:
    text = scatter(some(random.Random(seed).choice([2, 10, 60, 3000]), seed), PARAMS, PEAK, "Net")
    texts = boxes(text)
    points = [(x - 2.5, y - 2.5, x + 2.5, y + 2.5) for look in ("held", "conv") for x, y, _ in discs(text, look)]
    for number, one in enumerate(texts):
        for other in (*texts[number + 1 :], *points):
            apart = one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]
            assert apart, (one, other)


@pytest.mark.parametrize(
    "points",
    [
        [],
        [Point(3, 4, "a", True)],
        [Point(3, 4, "a", True)] * 50,
        [Point(0, 0, "a", True), Point(0, 5, "b")],
        [Point(0.001, 10**18, "a", True), Point(0.5, 10**18, "b")],
        [Point(-3, 1, "a", True), Point(4, 2, "b")],
        [Point(1, 1, "<script>alert(1)</script>\x1b[31m\u202e" + "x" * 10_000, True), Point(2, 2, "&amp;")],
        [Point(10**30, 10**40, "a", True), Point(10**31, 10**41, "b")],
        [Point(10**15, 1, "a", True), Point(10**15 + 1, 2, "b")],
    ],
    ids=["none", "one", "equal", "zeros", "fractions", "negative", "hostile", "huge", "close"],
)
@pytest.mark.parametrize("aspect", [PARAMS, PEAK, FIELD], ids=lambda one: one.title)
def test_any_points_give_a_picture(points: list[Point], aspect: Aspect) -> None:
    text = scatter(points, aspect, aspect, "<b>\x07")
    root = ElementTree.fromstring(text)
    assert not list(root.iter("script"))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text) < 40_000
    for disc in root.iter(f"{SVG}circle"):
        assert 0 <= float(disc.attrib["cx"]) <= 900
        assert 0 <= float(disc.attrib["cy"]) <= 600
    told = letters(points, aspect, aspect, 60)
    assert all(len(line) <= 60 for line in told.splitlines())
    assert told.isprintable() or set(filter(lambda one: not one.isprintable(), told)) == {"\n"}


def test_many_points_are_thinned_and_the_front_is_kept() -> None:
    chance = random.Random(1)
    points = [Point(chance.randint(1, 10**6), chance.randint(1, 10**6), "") for _ in range(50_000)]
    points += [Point(place, 10 - place, "", True) for place in range(1, 10)]
    text = scatter(points, PARAMS, PARAMS, "Net")
    drawn = discs(text, "held")
    assert len(discs(text, "conv")) == 9
    assert 1_000 < len(drawn) < 50_000
    assert f"50,009 variants, 9 on the front; of those behind it {len(drawn):,} are drawn" in text


@pytest.mark.parametrize(("least", "most"), [(1, 19), (1, 20), (3e-7, 5e-7), (999, 1001), (7, 7e15), (65_536, 2**40)])
@pytest.mark.parametrize("unit", ["", "bytes"])
def test_scales_have_a_few_round_ticks(least: float, most: float, unit: str) -> None:
    scale = between([least, most], unit)
    assert scale.logarithmic == (most / least >= 20)
    assert len(scale.ticks) <= 8
    assert len(scale.ticks) >= 2 or unit == "bytes"
    places = [scale.at(value) for value in (least, *scale.ticks, most)]
    assert all(0 <= place <= 1 for place in places)
    assert places[1:-1] == sorted(places[1:-1])
    assert len({scale.label(value) for value in scale.ticks}) == len(scale.ticks)


def test_letters_stand_where_their_figures_say() -> None:
    points = [Point(1, 1, "", True), Point(9, 9, "")]
    lines = letters(points, PARAMS, PARAMS, 60).splitlines()
    assert "o" in lines[LINES]
    assert lines[1].rstrip().endswith("·")


def test_the_command_draws(tmp_path: Path) -> None:
    output = tmp_path / "plot.svg"
    vary = ("sweep", "resnet18", "--vary", "input=64:256:64", "--vary", "classes=10,1000")
    found = run(*vary, "--pareto", "params,macs", "--plot", str(output))
    assert (found.returncode, found.stderr) == (0, "")
    text = output.read_text()
    assert "ResNet-18: the front of params, MACs" in text
    assert len(discs(text, "conv")) == 1
    assert len(discs(text, "held")) == 7
    shown = run(*vary, "--columns", "macs,peak", "--plot", "-").stdout
    assert "MACs" in shown.splitlines()[-1]
    assert shown.count("o") == 1  # the least of both
    for wrong in ("plot.gif", "plot"):
        found = run(*vary, "--plot", wrong)
        assert found.returncode == 2
        assert "not one of a plot" in found.stderr
