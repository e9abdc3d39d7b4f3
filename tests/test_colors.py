"""Colours that a colour-blind reader can tell apart, with enough contrast."""

import re
from itertools import combinations

import pytest

from cnnarch.render.figure import svg

Triple = tuple[float, float, float]

# What full blindness of one kind of cone leaves of linear sRGB: Machado, Oliveira & Fernandes 2009, severity 1.
SEEN = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
GROUNDS = {"light": (1, svg.GROUND, svg.INK, svg.QUIET), "dark": (2, svg.DARK_GROUND, svg.DARK_INK, svg.DARK_QUIET)}


def linear(color: str) -> Triple:
    """`#rrggbb` as light: IEC 61966-2-1."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return red, green, blue


def times(matrix: tuple[Triple, ...], light: Triple) -> Triple:
    red, green, blue = (min(1.0, max(0.0, sum(a * b for a, b in zip(row, light)))) for row in matrix)
    return red, green, blue


def lab(light: Triple) -> Triple:
    """CIE 1976 L*a*b*, D65."""

    def root(value: float) -> float:
        return value ** (1 / 3) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116

    red, green, blue = light
    x = root((0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047)
    y = root(0.2126729 * red + 0.7151522 * green + 0.0721750 * blue)
    z = root((0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    first, second = (0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in map(linear, (one, other)))
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)


@pytest.mark.parametrize("eyes", SEEN)
@pytest.mark.parametrize("ground", GROUNDS)
def test_colors_can_be_told_apart(ground: str, eyes: str) -> None:
    """ΔE of 1976; 2.3 is a difference that is just noticed (Mahy, Van Eycken & Oosterlinck 1994)."""
    which = GROUNDS[ground][0]
    seen = {name: lab(times(SEEN[eyes], linear(str(one[which])))) for name, one in svg.COLORS.items()}
    for one, other in combinations(seen, 2):
        distance = sum((a - b) ** 2 for a, b in zip(seen[one], seen[other])) ** 0.5
        assert distance > 10 * 2.3, (one, other)


@pytest.mark.parametrize("ground", GROUNDS)
def test_words_and_outlines_stand_out(ground: str) -> None:
    """WCAG 2.2: 4.5 for text (1.4.3), 3 for what has to be seen (1.4.11)."""
    _, paper, ink, quiet = GROUNDS[ground]
    assert contrast(ink, paper) > 7
    assert contrast(quiet, paper) > 4.5


@pytest.mark.parametrize("family", svg.COLORS)
@pytest.mark.parametrize("ground", GROUNDS)
def test_a_fill_stands_out_from_the_ground_or_from_its_outline(family: str, ground: str) -> None:
    which, paper, ink, _ = GROUNDS[ground]
    fill = str(svg.COLORS[family][which])
    assert max(contrast(fill, paper), contrast(fill, ink)) >= 3


def test_the_stylesheet_names_every_color_for_both_grounds() -> None:
    for name, (_, light, dark) in svg.COLORS.items():
        assert re.findall(rf"^\.net \.{name} {{ fill: (#\w+) }}$", svg.STYLE, re.M) == [light, dark]
