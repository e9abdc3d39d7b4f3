"""A figure read back from its SVG: where its words and bars are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from cnnarch.render.figure import svg

SIZES = {"title": 16.5, "small": 9.0, "label": 10.0}  # bold letters are wider
NAMESPACE = "{http://www.w3.org/2000/svg}"


class Box(NamedTuple):
    words: str
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box, slack: float = 0.3) -> bool:
        across = self.left < other.right - slack and other.left < self.right - slack
        return across and self.top < other.bottom - slack and other.top < self.bottom - slack


def parse(figure: str) -> Element:
    """The figure as XML; what is not well-formed raises."""
    return ElementTree.fromstring(figure)


def size(root: Element) -> tuple[float, float]:
    width, height = root.attrib["viewBox"].split()[2:]
    return float(width), float(height)


def tagged(root: Element, tag: str) -> Iterator[Element]:
    return root.iter(NAMESPACE + tag)


def glyphs(root: Element) -> list[Element]:
    return [one for one in tagged(root, "g") if one.get("class") == "glyph"]


def title(glyph: Element) -> str:
    first = glyph[0]
    assert first.tag == f"{NAMESPACE}title"
    return first.text or ""


def number(element: Element, name: str) -> float:
    return float(element.attrib[name])


def texts(root: Element) -> list[Box]:
    """The boxes of all words, those that stand upright too."""
    return [_box(one) for one in tagged(root, "text")]


def _box(one: Element) -> Box:
    words = "".join(one.itertext())
    letters = next((SIZES[name] for name in one.get("class", "").split() if name in SIZES), 11.0)
    gaps = sum(float(part.get("dx", 0)) for part in one)
    bold = one[0].text or "" if len(one) else ""
    wide = svg.text_width(words, letters) + gaps + 0.08 * svg.text_width(bold, letters)
    x, y = number(one, "x"), number(one, "y")
    left = x - wide * {"middle": 0.5, "end": 1.0}.get(one.get("text-anchor", ""), 0.0)
    turned = re.fullmatch(r"rotate\(-90 ([\d.]+) ([\d.]+)\)", one.get("transform", ""))
    if not turned:
        assert one.get("transform") is None
        return Box(words, left, y - 0.75 * letters, left + wide, y + 0.25 * letters)
    assert (float(turned[1]), float(turned[2])) == (x, y)
    assert one.get("text-anchor") == "end"  # it ends at its place, below which it hangs
    return Box(words, x - 0.75 * letters, y, x + 0.25 * letters, y + wide)


def collisions(root: Element) -> list[tuple[str, str]]:
    """The words that lie on other words, or that leave the figure."""
    width, height = size(root)
    boxes = sorted(texts(root), key=lambda box: box.left)
    found = [
        (box.words, "the edge")
        for box in boxes
        if box.left < 0 or box.top < 0 or box.right > width or box.bottom > height
    ]
    open_: list[Box] = []
    for box in boxes:
        open_ = [other for other in open_ if other.right > box.left]
        found += [(box.words, other.words) for other in open_ if box.meets(other)]
        open_.append(box)
    return found
