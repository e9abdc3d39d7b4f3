"""The tensors that are alive at the peak of memory, as a bar of parts with their names beside."""

from collections.abc import Sequence

from cnnarch.analysis.memory import Memory
from cnnarch.network import Network
from cnnarch.render.figure import svg, words
from cnnarch.render.numbers import percent, size

__all__ = ["stack"]

WIDTH = 26.0
LABEL = 10.0
MOST_TENSORS = 12  # that are named


def stack(network: Network, found: Memory, x: float, bottom: float, height: float) -> tuple[list[str], float]:
    """What is alive at the peak, one tensor on the other, with names; and how far to the right it goes.

    The bar is as high as the peak is on the axis beside it.
    """
    drawn, done, wanted, told = [], 0, [], []
    for name, shape, value, look in _alive(network, found):
        done += value
        y, high = bottom - height * done / found.peak, height * value / found.peak
        drawn.append(svg.element("rect", x=x, y=y, width=WIDTH, height=high, class_=f"{look} outline"))
        wanted.append(y + high / 2)
        told.append(
            " · ".join(filter(None, (words.clipped(name, 36), shape, size(value), percent(value / found.peak))))
        )
    start = x + WIDTH
    for middle, y, line in zip(wanted, _spread(wanted, bottom, height), told):
        way = f"M{svg.decimal(start)} {svg.decimal(middle)}L{svg.decimal(start + 12)} {svg.decimal(y)}"
        drawn.append(svg.element("path", d=way, class_="grid"))
        drawn.append(svg.text(start + 16, y + 0.35 * LABEL, line, "label"))
    drawn.append(svg.text(x, bottom + 16, "alive at the peak", "label quiet"))
    return drawn, start + 16 + max(svg.text_width(line, LABEL) for line in told)


def _alive(network: Network, found: Memory) -> list[tuple[str, str, int, str]]:
    """Name, shape, bytes and colour of all that is alive at the peak; the smallest together, if there are many."""
    looks = {node.name: svg.family(node) for node in network.graph.nodes}
    rows = [(one.name, str(one.shape), one.size, looks[one.name]) for one in found.alive if one.size]
    few = sorted(rows, key=lambda row: -row[2])[: MOST_TENSORS - 1] if len(rows) > MOST_TENSORS else rows
    kept = [row for row in rows if row in few]
    if len(kept) < len(rows):
        kept.append((f"{len(rows) - len(kept)} others", "", sum(row[2] for row in rows if row not in few), "held"))
    turn = found.turns[found.at]
    room = [(turn.name, "room of its own", turn.working, "ground")] if turn.working else []
    return kept + room


def _spread(wanted: Sequence[float], bottom: float, height: float) -> list[float]:
    """Where words go that would stand at places from the bottom up, so that none touch."""
    places: list[float] = []
    for y in wanted:
        places.append(min(y, places[-1] - LABEL - 3) if places else min(y, bottom - LABEL / 2))
    highest = bottom - height + LABEL / 2 - 4
    for number in range(len(places) - 1, -1, -1):
        places[number] = max(places[number], highest)
        highest = places[number] + LABEL + 3
    return places
