"""SVG, written: elements, text, colours and the page that they stand on; every figure is made of these."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from cnnarch.errors import printable
from cnnarch.graph import Node

__all__ = [
    "COLORS",
    "FAMILIES",
    "STYLE",
    "decimal",
    "document",
    "element",
    "family",
    "heading",
    "sharp",
    "text",
    "text_width",
    "tooltip",
]

# What a layer is drawn as: the word in the legend, the fill on light and on dark ground. The hues are near those that
# Okabe & Ito chose for colour-blind readers (Color Universal Design, 2008), moved until the nearest two are as far
# apart as can be for every kind of colour blindness (tests/test_colors.py). Every glyph has an outline of ink beside.
COLORS = {
    "conv": ("convolution", "#2253af", "#0378c9"),
    "depthwise": ("convolution in groups", "#6dd8ff", "#adbdfd"),
    "fc": ("fully connected", "#b42407", "#d24b2b"),
    "attention": ("attention, recurrent", "#926397", "#cb85ab"),
    "pool": ("pooling", "#e28207", "#e78d03"),
    "norm": ("normalisation", "#aaaaaa", "#5f5f5f"),
    "activation": ("activation", "#f9cf77", "#ffd572"),
    "merge": ("merge", "#009b54", "#13ca84"),
    "resize": ("resize, reshape", "#ffffff", "#22262b"),
    "other": ("other", "#454545", "#ffffff"),
}

FAMILIES = tuple(COLORS)

_MERGES = ("add", "multiply", "max", "concat")
_RESIZES = (
    "upsample", "pixel_shuffle", "pixel_unshuffle", "crop", "pad", "flatten", "columns", "tokens", "image", "transpose",
    "reshape", "slice", "select", "windows", "join_windows", "channel_shuffle", "roi_align",
)  # fmt: skip

INK, GROUND, QUIET = "#1a1a1a", "#ffffff", "#5a5a5a"
DARK_INK, DARK_GROUND, DARK_QUIET = "#e8e8e8", "#15181c", "#a9adb2"

_FACES = "font-family: 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"

STYLE = "\n".join(
    [
        f".net text {{ fill: {INK}; font-size: 11px; {_FACES} }}",
        ".net .title { font-size: 15px; font-weight: bold }",
        f".net .quiet {{ fill: {QUIET} }}",
        ".net .small { font-size: 9px }",
        ".net .label { font-size: 10px }",
        ".net .strong { font-weight: bold }",
        f".net .edge {{ fill: none; stroke: {INK}; stroke-width: 0.6; stroke-linejoin: round }}",
        f".net .ground {{ fill: {GROUND} }}",
        f".net .outline {{ stroke: {INK}; stroke-width: 0.75; stroke-linejoin: round }}",
        f".net .line {{ fill: none; stroke: {INK}; stroke-width: 1 }}",
        f".net .grid {{ fill: none; stroke: {QUIET}; stroke-width: 0.5; opacity: 0.5 }}",
        f".net .ink {{ fill: {INK} }}",
        ".net .dashed { stroke-dasharray: 3 2 }",
        f".net .bracket {{ fill: none; stroke: {QUIET}; stroke-width: 0.75 }}",
        f".net .sign {{ fill: none; stroke: {GROUND}; stroke-width: 1.5 }}",
        ".net .skyline { fill: none }",
        ".net .fine { stroke-width: 0.35 }",
        ".net .held { fill: #d8d8d8 }",
        ".net .band { fill: none; pointer-events: all }",
        f".net .glyph:hover .band, .net .lit .band {{ fill: {QUIET}; fill-opacity: 0.18 }}",
        ".net .tint { fill: #ffffff; fill-opacity: 0.4 }",
        ".net .shade { fill: #000000; fill-opacity: 0.25 }",
        f".net .window {{ fill: {GROUND}; fill-opacity: 0.7; stroke: {INK}; stroke-width: 0.6 }}",
        f".net .look {{ fill: {INK}; fill-opacity: 0.06; stroke: {INK}; stroke-width: 0.6 }}",
        *(f".net .{name} {{ fill: {light} }}" for name, (_, light, _) in COLORS.items()),
        "@media (prefers-color-scheme: dark) {",
        f".net text {{ fill: {DARK_INK} }}",
        f".net .quiet {{ fill: {DARK_QUIET} }}",
        f".net .ground {{ fill: {DARK_GROUND} }}",
        f".net .outline {{ stroke: {DARK_INK} }}",
        f".net .line {{ stroke: {DARK_INK} }}",
        f".net .grid {{ stroke: {DARK_QUIET} }}",
        f".net .ink {{ fill: {DARK_INK} }}",
        f".net .bracket {{ stroke: {DARK_QUIET} }}",
        f".net .sign {{ stroke: {DARK_GROUND} }}",
        ".net .held { fill: #3b4046 }",
        f".net .glyph:hover .band, .net .lit .band {{ fill: {DARK_QUIET}; fill-opacity: 0.25 }}",
        f".net .edge {{ stroke: {DARK_INK} }}",
        f".net .window {{ fill: {DARK_GROUND}; stroke: {DARK_INK} }}",
        f".net .look {{ fill: {DARK_INK}; stroke: {DARK_INK} }}",
        *(f".net .{name} {{ fill: {dark} }}" for name, (_, _, dark) in COLORS.items()),
        "}",
    ]
)


def family(node: Node) -> str:
    """What a layer is drawn as, a key of COLORS.

    >>> from cnnarch.network import load
    >>> [family(node) for node in load("mobilenet_v1").layers[:4]]
    ['conv', 'norm', 'activation', 'depthwise']
    """
    layer = node.layer
    if layer.family in ("conv", "local"):
        return "depthwise" if getattr(layer, "groups", 1) != 1 else "conv"
    if layer.family in ("fc", "norm"):
        return layer.family
    if layer.family in ("attention", "recurrent"):
        return "attention"
    if layer.kind.endswith("pool"):
        return "pool"
    if layer.kind in _MERGES:
        return "merge"
    if layer.kind in _RESIZES:
        return "resize"
    return "activation" if layer.folds else "other"


def element(tag: str, /, *content: str, **attributes: str | float) -> str:
    """An element; `_` at the end of an attribute's name falls off, elsewhere it becomes `-`.

    >>> element("rect", x=1, y=2.50, class_="conv")
    '<rect x="1" y="2.5" class="conv"/>'
    """
    words = "".join(f' {name.rstrip("_").replace("_", "-")}="{_value(value)}"' for name, value in attributes.items())
    return f"<{tag}{words}>{''.join(content)}</{tag}>" if content else f"<{tag}{words}/>"


def _value(value: str | float) -> str:
    return escape(printable(value)) if isinstance(value, str) else decimal(value)


def decimal(value: float) -> str:
    """A coordinate, to a tenth.

    >>> decimal(12), decimal(0.25), decimal(-0.04), decimal(3.96)
    ('12', '0.2', '0', '4')
    """
    text = f"{value:.1f}"
    return "0" if text in ("0.0", "-0.0") else text.removesuffix(".0")


def text(x: float, y: float, words: str, class_: str = "", anchor: str = "start", **attributes: str | float) -> str:
    """Real text, so that it can be selected, searched and read aloud; `anchor` is start, middle or end.

    >>> text(4, 8, "a < b", "quiet")
    '<text x="4" y="8" class="quiet">a &lt; b</text>'
    """
    named: dict[str, str | float] = {"x": x, "y": y}
    if class_:
        named["class"] = class_
    if anchor != "start":
        named["text_anchor"] = anchor
    return element("text", escape(printable(words)) or " ", **named, **attributes)


def sharp(thin: bool) -> dict[str, str | float]:
    """What an element of many thin bars needs, so that no ground is seen between them."""
    return {"shape_rendering": "crispEdges"} if thin else {}


def heading(x: float, y: float, title: str, words: str) -> str:
    """A line that begins with a title."""
    parts = [element("tspan", escape(printable(title)), class_="strong")]
    if words:
        parts.append(element("tspan", escape(printable(words)), dx=12, class_="quiet"))
    return element("text", *parts, x=x, y=y)


def tooltip(words: str) -> str:
    """What a pointer that rests on an element shows, in lines; it has to be the first thing in it."""
    return element("title", escape("\n".join(map(printable, words.split("\n")))))


_NARROW, _WIDE = "iljtfr.,:;|!'()[]·/ ", "mwMW@%—→"


def text_width(words: str, size: float = 11) -> float:
    """How wide a text is at most in the faces of STYLE, by the widths of Helvetica and DejaVu Sans.

    >>> round(text_width("conv1")), round(text_width("227×227×3"))
    (35, 63)
    """
    units = sum(0.4 if one in _NARROW else 1.0 if one in _WIDE else 0.78 if one.isupper() else 0.64 for one in words)
    return units * size + 0.5 * sum(1 for one in words if ord(one) > 0x2E80) * size


def document(width: float, height: float, body: Iterable[str], title: str, about: str, style: bool = True) -> str:
    """A figure as a page of its own; without `style` it is a part of a page that has STYLE.

    It has a `viewBox` and no size of its own, so that it takes what room there is.
    """
    parts = [
        element("title", escape(printable(title))),
        element("desc", escape(printable(about))),
        *([f"<style>\n{STYLE}\n</style>"] if style else []),
        element("rect", width=width, height=height, class_="ground"),
        *body,
    ]
    room = f"0 0 {decimal(width)} {decimal(height)}"
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{room}" role="img" class="net">'
    return "\n".join([opening, *parts, "</svg>\n"])
