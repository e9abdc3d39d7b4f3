"""A network as four rows of bars over one x axis, layer by layer: what it keeps, does, makes and holds.

Bars are exactly as high as what they stand for; nothing is drawn larger so that it can be seen.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from cnnarch.analysis.dtypes import DTYPES
from cnnarch.analysis.outline import Piece, pieces
from cnnarch.network import Network
from cnnarch.render.figure import axes, labels, svg, words
from cnnarch.render.numbers import grouped, percent, size

__all__ = ["profile"]

MOST = 420  # columns before blocks are closed
LEFT, MARGIN = 78.0, 16.0
WIDTH = 820.0  # of all columns, if they can be as wide
WIDEST, THINNEST = 60.0, 2.0  # columns
SPACED = 8.0  # columns of this width stand apart and have an outline
HEIGHT = 84.0  # of the highest bar
HEADING = 25.0  # above each row of bars
BETWEEN = 16.0
LETTERS, LABEL = 11.0, 10.0
TOLD = 4  # families in the line above a row of bars


class Column(NamedTuple):
    """A layer with those that are drawn with it, a closed block, or several of them where there are too many.

    The figures are by family of layer; `alive` is the most while one of its layers runs, by the family of that one.
    """

    pieces: tuple[Piece, ...]
    params: dict[str, int]
    macs: dict[str, int]
    activations: dict[str, int]
    alive: dict[str, int]

    @property
    def name(self) -> str:
        return self.pieces[0].block or self.pieces[0].main.name

    @property
    def numbers(self) -> list[int]:
        return sorted(number for piece in self.pieces for number in piece.numbers)


class Panel(NamedTuple):
    """A row of bars: where its figures are in a Column, its words, how numbers are written, whether they add up."""

    key: str
    title: str
    show: Callable[[int], str]
    none: str
    binary: bool = False
    adds: bool = True


PANELS = (
    Panel("params", "params", grouped, "no layer has any"),
    Panel("macs", "MACs", grouped, "no layer multiplies and adds"),
    Panel("activations", "activations", size, "no layer makes any", binary=True),
    Panel("alive", "live memory", size, "nothing is in memory", binary=True, adds=False),
)


class Measured(NamedTuple):
    """A panel with its figures, column by column; `whole` is their sum or, if they do not add up, the most."""

    panel: Panel
    parts: tuple[dict[str, int], ...]
    values: tuple[int, ...]
    whole: int
    scale: axes.Linear

    @property
    def peak(self) -> int:
        """The first column with the most."""
        return max(range(len(self.values)), key=lambda number: self.values[number])

    @property
    def title(self) -> str:
        return f"{self.panel.title} {self.panel.show(self.whole) if self.whole else 0}"


def profile(network: Network, depth: int | None = None, style: bool = True) -> str:
    """Params, MACs, activations and live memory of every layer as bars, as SVG; blocks below a `depth` are closed.

    >>> from cnnarch.network import load
    >>> figure = profile(load("alexnet"))
    >>> figure.count('class="glyph"'), "fully connected 87.0% · convolution 13.0%" in figure
    (12, True)

    Work and memory are for the network's batch and type; params do not depend on them. An activation is what a layer
    makes, and what goes into the network; a view makes none. Where no layer has any of a figure, a line says so.
    """
    columns = _columns(network, depth)
    wide = max(THINNEST, min(WIDEST, int(10 * WIDTH / len(columns)) / 10))
    right = LEFT + max(wide * len(columns), 8 * WIDEST)
    measured = [_measured(panel, columns) for panel in PANELS]
    behind, y, first = _head(network), 60.0, 60.0
    bars: list[list[str]] = [[] for _ in columns]
    before: list[str] = []
    for one in measured:
        behind += _heading(one, columns, y)
        if one.whole:
            y += HEADING + HEIGHT
            behind += axes.upright(one.scale, LEFT, right, y, HEIGHT, one.panel.binary)
            for number, drawn in enumerate(bars):
                drawn.extend(_bars(one, number, wide, y))
            before += _skyline(one, wide, y)
        else:
            behind.append(svg.text(LEFT, y + HEADING + 8, one.panel.none, "quiet"))
            y += HEADING + 14
        y += BETWEEN
    bottom = y - BETWEEN
    glyphs = [
        _glyph(network, columns[number], _told(measured, number), drawn, (LEFT + wide * number, first, wide, bottom))
        for number, drawn in enumerate(bars)
    ]
    names, high = labels.below(_bands(columns, measured, wide), bottom + 2)
    foot, end = _foot(columns, right - LEFT, bottom + high + 20)
    width = max(right, *(_wide(one, columns) for one in measured), *_head_widths(network)) + MARGIN
    parts = [*behind, svg.element("g", *glyphs, **svg.sharp(wide < SPACED)), *before, *names, *foot]
    return svg.document(width, end + MARGIN, parts, network.name, _about(network), style)


# What is drawn.


def _columns(network: Network, depth: int | None) -> list[Column]:
    """The columns; without a `depth`, blocks are closed if there are too many, and then neighbours are put together."""
    deepest = max((node.name.count("/") for node in network.layers), default=0)
    depths = [depth] if depth is not None else [None, *range(deepest, 0, -1)]
    found: list[Piece] = []
    for tried in depths:
        found = pieces(network.graph, tried)
        if len(found) <= MOST:
            break
    together = -(-len(found) // MOST)
    parts = [tuple(found[start : start + together]) for start in range(0, len(found), together)]
    alive = {turn.name: turn.alive for turn in network.memory.turns}
    return [_column(network, part, alive) for part in parts]


def _column(network: Network, part: tuple[Piece, ...], alive: dict[str, int]) -> Column:
    params: dict[str, int] = {}
    macs: dict[str, int] = {}
    made: dict[str, int] = {}
    nodes = [node for piece in part for node in piece.nodes]
    for node in nodes:
        name = svg.family(node)
        _add(params, name, node.params)
        _add(macs, name, network.batch * node.macs)
        _add(made, name, 0 if node.layer.view else network.batch * DTYPES[network.dtype] * node.output.size)
    most = max(nodes, key=lambda node: alive.get(node.name, 0))
    held: dict[str, int] = {}
    _add(held, svg.family(most), alive.get(most.name, 0))
    return Column(part, params, macs, made, held)


def _add(sums: dict[str, int], name: str, value: int) -> None:
    if value:
        sums[name] = sums.get(name, 0) + value


def _measured(panel: Panel, columns: Sequence[Column]) -> Measured:
    parts: tuple[dict[str, int], ...] = tuple(getattr(column, panel.key) for column in columns)
    values = tuple(sum(one.values()) for one in parts)
    whole = sum(values) if panel.adds else max(values)
    return Measured(panel, parts, values, whole, axes.linear(max(values), panel.binary))


# Words above.


def _about(network: Network) -> str:
    return f"{network.name}: params, MACs, activations and live memory of {len(network.layers)} layers as bars"


def _given(network: Network) -> str:
    inputs = ", ".join(map(str, network.inputs.values()))
    return words.clipped(f"{inputs} · batch {grouped(network.batch)} · {network.dtype}", 100)


def _head(network: Network) -> list[str]:
    title = words.clipped(network.name, 60)
    return [svg.text(MARGIN, 28, title, "title"), svg.text(MARGIN, 45, _given(network), "quiet")]


def _head_widths(network: Network) -> tuple[float, float]:
    title, given = words.clipped(network.name, 60), _given(network)
    return MARGIN + svg.text_width(title, 16.5), MARGIN + svg.text_width(given, LETTERS)


def _heading(one: Measured, columns: Sequence[Column], y: float) -> list[str]:
    """What the bars are, their sum, and which layers have most of it."""
    return [svg.heading(LEFT, y + 12, one.title, _shares(one, columns))]


def _wide(one: Measured, columns: Sequence[Column]) -> float:
    bold = 1.08 * svg.text_width(one.title, LETTERS)  # bold letters are wider
    return LEFT + bold + 12 + svg.text_width(_shares(one, columns), LETTERS)


def _shares(one: Measured, columns: Sequence[Column]) -> str:
    """`fully connected 96.2% · convolution 3.8%`; of what does not add up, where the most is."""
    if not one.whole:
        return ""
    if not one.panel.adds:
        return f"at the peak, in {words.clipped(columns[one.peak].name, 40)}"
    sums: dict[str, int] = {}
    for part in one.parts:
        for name, value in part.items():
            _add(sums, name, value)
    most = sorted(sums, key=lambda name: -sums[name])[:TOLD]
    return " · ".join(f"{svg.COLORS[name][0]} {percent(sums[name] / one.whole)}" for name in most)


# Bars.


def _bars(one: Measured, number: int, wide: float, bottom: float) -> list[str]:
    """The bar of a column: its families one on the other, what runs first at the bottom."""
    gap = _gap(wide)
    drawn, done = [], 0
    for name, value in one.parts[number].items():
        done += value
        x, y = LEFT + wide * number + gap, bottom - HEIGHT * one.scale.at(done)
        look = f"{name} outline" if gap else name
        high = HEIGHT * one.scale.at(value)
        drawn.append(
            svg.element("rect", x=x, y=y, width=wide - 2 * gap, height=high, class_=look, data_of=one.panel.key)
        )
    return drawn


def _gap(wide: float) -> float:
    return 1.0 if wide >= SPACED else 0.0


def _skyline(one: Measured, wide: float, bottom: float) -> list[str]:
    """A line over bars that have no outline, and a mark at the peak of what does not add up."""
    drawn = []
    if not _gap(wide):
        tops = [bottom - HEIGHT * one.scale.at(value) for value in one.values]
        drawn.append(axes.skyline(tops, LEFT, wide, bottom))
    if not one.panel.adds:
        x, y = LEFT + wide * (one.peak + 0.5), bottom - HEIGHT - 2
        drawn.append(svg.element("path", d=f"M{svg.decimal(x)} {svg.decimal(y)}l-4 -5h8z", class_="ink"))
    return drawn


def _told(measured: Iterable[Measured], number: int) -> list[str]:
    """The figures of a column, exact, with their shares."""
    told = []
    for one in measured:
        value = one.values[number]
        share = f" ({percent(value / one.whole)}{'' if one.panel.adds else ' of the peak'})" if value else ""
        told.append(f"{one.panel.title} {one.panel.show(value) if value else 0}{share}")
    return told


def _glyph(
    network: Network, column: Column, told: list[str], bars: list[str], place: tuple[float, float, float, float]
) -> str:
    """A column through all panels; the band behind it takes the pointer where bars are low."""
    first, last = column.pieces[0], column.pieces[-1]
    heads = words.figures(network.graph, [first], network.batch).split("\n")
    if len(column.pieces) > 1:
        heads = [f"{column.name} to {last.output.name}", f"output {last.output.output}"]
    elif not first.main.is_input:
        heads = heads[:-1]  # the line of params and MACs, which are told with their shares
    x, top, wide, bottom = place
    band = svg.element("rect", x=x, y=top, width=wide, height=bottom - top, class_="band")
    content = [svg.tooltip("\n".join([*heads, *told])), band, *bars]
    return svg.element("g", *content, class_="glyph", data_at=" ".join(map(str, column.numbers)))


# Words below.


def _bands(columns: Sequence[Column], measured: Sequence[Measured], wide: float) -> list[labels.Band]:
    """The columns for their names; those with the largest share of anything matter most."""
    sums = [one for one in measured if one.whole and one.panel.adds]
    weights = [max((one.values[number] / one.whole for one in sums), default=0.0) for number in range(len(columns))]
    names = labels.named([column.name for column in columns])
    places = [LEFT + wide * number for number in range(len(columns))]
    return [labels.Band(x, wide, name, weight) for x, name, weight in zip(places, names, weights)]


def _foot(columns: Sequence[Column], width: float, y: float) -> tuple[list[str], float]:
    """What the colours mean, and where the figure ends."""
    used = {name for column in columns for part in column[1:] for name in part}
    entries = [(name, svg.COLORS[name][0]) for name in svg.FAMILIES if name in used]
    drawn, y = labels.key(entries, LEFT, y, width)
    if len(columns[0].pieces) > 1:
        y += 17
        drawn.append(svg.text(LEFT, y, f"Each bar: {len(columns[0].pieces)} layers in a row.", "label quiet"))
    return drawn, y
