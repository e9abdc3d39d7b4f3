"""Two charts of a network: what its convolutions save, on a logarithmic scale; and its memory over time."""

from collections.abc import Sequence
from typing import NamedTuple

from cnnarch.analysis.memory import Memory, Turn
from cnnarch.analysis.savings import Saving, add_up
from cnnarch.network import Network
from cnnarch.render.figure import axes, labels, svg, words
from cnnarch.render.figure.stack import stack
from cnnarch.render.numbers import factor, grouped, percent, size

__all__ = ["memory_chart", "savings_chart"]

MARGIN = 16.0
LETTERS, LABEL = 11.0, 10.0

# Savings.
MOST_ROWS = 160
FEW_ROWS = 30  # have more room, and numbers only below
LONGEST = 44  # characters of a name
PLOT = 520.0
GAP = 16.0
FACTORS = 92.0  # the width of a column of factors
WAYS = (  # of connecting an input and an output: the key in Saving, its colour, and what it means
    ("dense", "fc", "every output sees every input"),
    ("sparse", "pool", "every output sees its window only, with weights of its own"),
    ("shared", "conv", "and all places use the same weights: a convolution"),
)

# Memory.
MOST_TURNS = 420
WIDTH, HEIGHT = 600.0, 220.0
LEFT = 78.0
SPACED = 8.0  # columns of this width have an outline
WIDEST, THINNEST = 60.0, 1.5


class Bar(NamedTuple):
    """Convolutions in one row, `alike` of which have the same figures, or several with other figures added up.

    `numbers` are theirs in the graph, `name` is the short one, and `last` the last of several.
    """

    saving: Saving
    numbers: tuple[int, ...]
    name: str
    alike: int = 1
    last: str = ""


def savings_chart(network: Network, style: bool = True) -> str:
    """The weights of every convolution, and of the layers that it stands for, on a logarithmic scale, as SVG.

    >>> from cnnarch.network import load
    >>> figure = savings_chart(load("alexnet"))
    >>> figure.count('class="glyph"'), "÷ 425.9" in figure, "÷ 3,025" in figure
    (5, True, True)

    Convolutions with the same figures share a row, with how many there are. A network without convolutions gets a
    sentence.
    """
    rows = network.savings()
    head, y = _head(network, "what its convolutions save: weights, on a logarithmic scale")
    if not rows:
        return _sentence(network, head, "This network has no convolutions.", style)
    bars = _rows(network, rows)
    total = add_up(rows)
    pitch = 20.0 if len(bars) <= FEW_ROWS else 12.0
    left = MARGIN + max(svg.text_width(_row_name(bar), LABEL) for bar in bars) + 14
    scale = axes.decades([getattr(one, key) for one in [*(bar.saving for bar in bars), total] for key, _, _ in WAYS])
    right = left + PLOT + GAP
    means, y = _meaning(y, MARGIN)
    titles = _titles(right, y + 8)
    top = y + 14
    bottom = top + pitch * (len(bars) + 1) + 8
    grid = axes.across(scale, left, PLOT, top, bottom, above=len(bars) > FEW_ROWS)
    drawn = [_row(bar, scale, left, top + pitch * (number + 0.5)) for number, bar in enumerate(bars)]
    line = svg.decimal(bottom - pitch - 4)
    foot = [
        svg.element("path", d=f"M{svg.decimal(MARGIN)} {line}H{svg.decimal(right + 2 * FACTORS)}", class_="line"),
        *_marks(total, scale, left, bottom - pitch / 2 - 1, "total", strong=True),
    ]
    parts = [*head, *means, *titles, *grid, *drawn, *foot]
    about = f"What {len(rows)} convolutions save: weights if dense, sparse and shared, on a logarithmic scale"
    width = max(right + 2 * FACTORS, _head_width(network), MARGIN + 470)
    return svg.document(width + MARGIN, bottom + 30, parts, network.name, f"{network.name}: {about}", style)


def _head(network: Network, line: str) -> tuple[list[str], float]:
    title = words.clipped(network.name, 60)
    return [svg.text(MARGIN, 28, title, "title"), svg.text(MARGIN, 45, line, "quiet")], 56.0


def _head_width(network: Network) -> float:
    return MARGIN + svg.text_width(words.clipped(network.name, 60), 16.5)


def _sentence(network: Network, head: list[str], sentence: str, style: bool) -> str:
    width = max(420.0, _head_width(network) + MARGIN)
    return svg.document(width, 88, [*head, svg.text(MARGIN, 70, sentence)], network.name, sentence, style)


# Rows of savings.


def _rows(network: Network, rows: Sequence[Saving]) -> list[Bar]:
    """The rows: those with the same figures together, and neighbours added up where there are too many."""
    places = {node.name: number for number, node in enumerate(network.graph.nodes)}
    names = dict(zip((one.name for one in rows), labels.named([one.name for one in rows])))
    alike: dict[tuple[int, ...], list[Saving]] = {}
    for one in rows:
        alike.setdefault((one.dense, one.sparse, one.inside, one.shared), []).append(one)
    bars = [
        Bar(same[0], tuple(places[one.name] for one in same), names[same[0].name], len(same)) for same in alike.values()
    ]
    together = -(-len(bars) // MOST_ROWS)
    if together == 1:
        return bars
    starts = range(0, len(bars), together)
    return [_together(bars[start : start + together]) for start in starts]


def _together(bars: Sequence[Bar]) -> Bar:
    """Several rows as one, each counted as often as it stands."""
    if len(bars) == 1:
        return bars[0]
    saving = add_up(bar.saving for bar in bars for _ in range(bar.alike))
    numbers = tuple(sorted(number for bar in bars for number in bar.numbers))
    first, last = bars[0].saving.name, bars[-1].saving.name
    return Bar(saving._replace(name=first), numbers, bars[0].name, last=last)


def _row_name(bar: Bar) -> str:
    if bar.last:
        return f"{words.clipped(bar.name, LONGEST // 2)} to {words.clipped(bar.last, LONGEST // 2)}"
    name = words.clipped(bar.name, LONGEST)
    return f"{name} ×{bar.alike}" if bar.alike > 1 else name


def _meaning(y: float, left: float) -> tuple[list[str], float]:
    """What the three words mean, each with its mark."""
    drawn = []
    for key, class_, meaning in WAYS:
        y += 15
        drawn += [_mark(key, class_, left + 5, y - 4), svg.heading(left + 16, y, key, meaning)]
    return drawn, y + 12


def _titles(right: float, y: float) -> list[str]:
    names = (("windows save", 1), ("sharing saves", 2))
    return [svg.text(right + place * FACTORS, y, name, "label quiet", "end") for name, place in names]


def _row(bar: Bar, scale: axes.Logarithmic, left: float, y: float) -> str:
    content = [svg.tooltip(_told(bar)), *_marks(bar.saving, scale, left, y, _row_name(bar))]
    return svg.element("g", *content, class_="glyph", data_at=" ".join(map(str, bar.numbers)))


def _told(bar: Bar) -> str:
    """The figures, exact."""
    one = bar.saving
    name = f"{one.name} to {bar.last}, together" if bar.last else one.name
    more = f" and {bar.alike - 1} more alike, each" if bar.alike > 1 else ""
    shared = grouped(one.shared) if one.shared else "another layer's"
    lines = [f"{name}{more}", f"dense {grouped(one.dense)}", f"sparse {grouped(one.sparse)}", f"shared {shared}"]
    return "\n".join(lines)


def _marks(one: Saving, scale: axes.Logarithmic, left: float, y: float, name: str, strong: bool = False) -> list[str]:
    """A name, marks for the three ways with lines between them, and the two factors."""
    places = [left + PLOT * scale.at(value) if value else None for value in (one.dense, one.sparse, one.shared)]
    base, right, look = y + 0.35 * LABEL, left + PLOT + GAP, "label strong" if strong else "label"
    drawn = [svg.text(left - 14, base, name, look, "end")]
    drawn.append(svg.element("rect", x=MARGIN, y=y - 6, width=right + 2 * FACTORS - MARGIN, height=12, class_="band"))
    known = [x for x in places if x is not None]
    line = f"M{svg.decimal(known[-1])} {svg.decimal(y)}H{svg.decimal(known[0])}"
    drawn.append(svg.element("path", d=line, class_="line"))
    drawn += [_mark(key, class_, x, y) for (key, class_, _), x in zip(WAYS, places) if x is not None]
    for place, saved in enumerate((one.window_factor, one.sharing_factor), 1):
        drawn.append(svg.text(right + place * FACTORS, base, factor(saved) or "–", look, "end"))
    return drawn


def _mark(key: str, class_: str, x: float, y: float) -> str:
    """A square, a diamond or a disc, so that colour is not all that tells them apart."""
    look = f"{class_} outline"
    if key == "dense":
        return svg.element("rect", x=x - 4, y=y - 4, width=8, height=8, class_=look)
    if key == "sparse":
        return svg.element("path", d=f"M{svg.decimal(x - 5)} {svg.decimal(y)}l5 -5l5 5l-5 5z", class_=look)
    return svg.element("circle", cx=x, cy=y, r=4.5, class_=look)


# Memory.


class Moment(NamedTuple):
    """A turn, or the one with the most of several: what it makes and needs, and all that is alive."""

    turn: Turn
    numbers: tuple[int, ...]
    family: str

    @property
    def own(self) -> int:
        """The room that it takes itself; what it writes over was there before."""
        return self.turn.working + (0 if self.turn.over else self.turn.size)


def memory_chart(network: Network, style: bool = True) -> str:
    """What is in memory while each layer runs, and the tensors that are alive at the peak, as SVG.

    >>> from cnnarch.network import load
    >>> figure = memory_chart(load("lenet5"))
    >>> figure.count('class="glyph"'), "peak 22.97 KiB while s2 runs" in figure
    (12, True)

    In bytes, for the network's batch and type, layers in place and in the spec's order. Weights are a number only:
    next to those of VGG-16 no tensor would be seen. A network without layers gets a sentence.
    """
    found = network.memory
    head, y = _head(network, f"memory over time, while each layer runs · batch {found.batch} · {found.dtype}")
    if not found.turns or not found.peak:
        return _sentence(network, head, "This network has no layers that run.", style)
    moments = _moments(network, found)
    wide = max(THINNEST, min(WIDEST, int(10 * WIDTH / len(moments)) / 10))
    right = LEFT + wide * len(moments)
    scale = axes.linear(found.peak, binary=True)
    peak = f"peak {size(found.peak)} while {words.clipped(found.turns[found.at].name, 40)} runs"
    more = f"weights {size(found.weights)}, together {size(found.with_weights)}"
    top = y + 34
    bottom = top + HEIGHT
    grid = axes.upright(scale, LEFT, right, bottom, HEIGHT, binary=True)
    drawn = [_moment(network, one, scale, LEFT + wide * number, wide, bottom) for number, one in enumerate(moments)]
    steps = svg.element("g", *drawn, **svg.sharp(wide < SPACED))
    tensors, end = stack(network, found, right + 36, bottom, HEIGHT)
    tops = [bottom - HEIGHT * scale.at(one.turn.alive) for one in moments]
    skyline = [axes.skyline(tops, LEFT, wide, bottom)] if wide < SPACED else []
    at = next(number for number, one in enumerate(moments) if one.turn is found.turns[found.at])
    lines = [*skyline, *_pointer(LEFT + wide * (at + 0.5), right + 36, top)]
    names = labels.named([one.turn.name for one in moments])
    bands = [
        labels.Band(LEFT + wide * number, wide, name, (number == at) + one.turn.alive / found.peak)
        for number, (name, one) in enumerate(zip(names, moments))
    ]
    below, high = labels.below(bands, bottom + 2)
    foot, floor = _key(moments, max(end, right) - LEFT, bottom + high + 20)
    parts = [*head, svg.heading(LEFT, y + 16, peak, more), *grid, steps, *tensors, *lines, *below, *foot]
    width = max(end, _head_width(network), LEFT + 1.1 * svg.text_width(peak + more, LETTERS) + 12)
    about = f"{network.name}: memory over {len(found.turns)} layers, {peak}"
    return svg.document(width + MARGIN, floor + MARGIN, parts, network.name, about, style)


def _moments(network: Network, found: Memory) -> list[Moment]:
    """The turns; of neighbours that share a column, the one with the most, and the peak if it is there."""
    places = {node.name: number for number, node in enumerate(network.graph.nodes)}
    together = -(-len(found.turns) // MOST_TURNS)
    moments = []
    for start in range(0, len(found.turns), together):
        part = found.turns[start : start + together]
        most = max(part, key=lambda turn: turn.alive)
        numbers = tuple(sorted(places[turn.name] for turn in part))
        moments.append(Moment(most, numbers, svg.family(network.graph.nodes[places[most.name]])))
    return moments


def _moment(network: Network, one: Moment, scale: axes.Linear, x: float, wide: float, bottom: float) -> str:
    """A column: what was there before, and on it what the layer takes."""
    turn, apart = one.turn, wide >= SPACED
    told = [turn.name if len(one.numbers) == 1 else f"{turn.name}, the most of {len(one.numbers)} layers"]
    told.append(f"makes {size(turn.size)}{f' in place of {turn.over}' if turn.over and not turn.view else ''}")
    if turn.working:
        told.append(f"needs {size(turn.working)} for itself")
    told.append(f"alive while it runs {size(turn.alive)} ({percent(turn.alive / network.memory.peak)} of the peak)")
    told.append(f"alive when it is done {size(turn.after)}")
    content = [svg.tooltip("\n".join(told))]
    content.append(svg.element("rect", x=x, y=bottom - HEIGHT, width=wide, height=HEIGHT, class_="band"))
    done = 0
    for look, value in (("held", turn.alive - one.own), (one.family, one.own)):
        done += value
        if value:
            y, high = bottom - HEIGHT * scale.at(done), HEIGHT * scale.at(value)
            class_ = f"{look} outline" if apart else look
            content.append(svg.element("rect", x=x, y=y, width=wide, height=high, class_=class_))
    return svg.element("g", *content, class_="glyph", data_at=" ".join(map(str, one.numbers)))


def _pointer(x: float, right: float, top: float) -> list[str]:
    """The mark of the peak, and a line from it to the bar of what is alive then."""
    line = f"M{svg.decimal(x)} {svg.decimal(top)}H{svg.decimal(right)}"
    return [
        svg.element("path", d=line, class_="line dashed"),
        svg.element("path", d=f"M{svg.decimal(x)} {svg.decimal(top - 2)}l-4 -6h8z", class_="ink"),
    ]


def _key(moments: Sequence[Moment], width: float, y: float) -> tuple[list[str], float]:
    """What the colours mean, and where the figure ends."""
    used = {one.family for one in moments if one.own}
    entries = [("held", "made before and still needed")]
    entries += [(name, svg.COLORS[name][0]) for name in svg.FAMILIES if name in used]
    return labels.key(entries, LEFT, y, width)
