"""What is drawn as boxes and arrows by other programs, which place them themselves: Mermaid and Graphviz."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias, Union

from cnnarch.analysis.outline import Piece, Repeat, Sequence, Tangle, glyphs, outline
from cnnarch.errors import printable, shortened
from cnnarch.graph import Graph, Node
from cnnarch.network import Network
from cnnarch.render.figure.svg import COLORS, family
from cnnarch.render.numbers import grouped, short

__all__ = ["END", "Arrow", "Box", "Diagram", "Group", "Part", "boxes", "diagram", "fills", "nested"]

LONGEST = 40  # characters of a line in a box
TOGETHER = 24  # of what is done in one box, to stand in one line; Mermaid breaks lines a little later
MOST_SHAPES = 3  # of outputs of one box
END = "end"  # the kind of inputs and outputs
END_FILL, BLACK, WHITE = "#ffffff", "#000000", "#ffffff"

Arrow: TypeAlias = tuple[int, int]  # the numbers of two boxes


class Box(NamedTuple):
    """A box: its number, a key of `svg.COLORS` or END, the lines in it, and what a pointer on it tells."""

    number: int
    kind: str
    lines: tuple[str, ...]
    about: str


class Group(NamedTuple):
    """A part that stands several times in a row, drawn once; `title` says how often, and what comes out in the end."""

    number: int
    times: int
    title: str
    parts: "tuple[Part, ...]"


Part: TypeAlias = Union[Box, Group]


class Diagram(NamedTuple):
    """A network as boxes, some of them in groups, and arrows from box to box."""

    title: str
    parts: tuple[Part, ...]
    arrows: tuple[Arrow, ...]
    depth: int | None


def diagram(network: Network, depth: int | None = None) -> Diagram:
    """The boxes and arrows of a network, at inference; without a `depth`, blocks are closed as `outline` does.

    >>> from cnnarch.network import load
    >>> found = diagram(load("resnet18"))
    >>> [part.times for part in found.parts if isinstance(part, Group)], len(found.arrows)
    ([2], 36)
    >>> found.parts[1].lines
    ('stem/conv_bn_relu/conv', 'conv 64 of 7×7, stride 2, padding 3', 'batchnorm · relu', '112×112×64')
    """
    found = outline(network.graph, depth)
    place = {number: one for one in _placed(found.items, found.items, ()) for number in one.numbers}
    totals = network.totals
    title = f"{shortened(network.name, 2 * LONGEST)} · {short(totals.params)} params · {short(totals.macs)} MACs"
    numbers = iter(range(len(network.graph.nodes)))
    parts = tuple(_part(network, item, numbers) for item in _flat(found.items))
    first = 1 + max(one.number for one in glyphs(found.items))
    outputs = _outputs(network, place)
    ends = tuple(Box(first + at, END, lines, "") for at, (_, lines) in enumerate(outputs))
    arrows = [*_arrows(network.graph, place), *((one, first + at) for at, (one, _) in enumerate(outputs))]
    return Diagram(printable(title), (*parts, *ends), tuple(arrows), found.depth)


class _Place(NamedTuple):
    """Where the layers of a piece are drawn: the number of the box; which copies of repeats they are in."""

    numbers: tuple[int, ...]
    box: int
    copies: tuple[tuple[int, int], ...]


def _placed(items: Sequence, drawn: Sequence, copies: tuple[tuple[int, int], ...]) -> Iterator[_Place]:
    """The place of every piece, also of those that are not drawn because their part repeats."""
    for item, shown in zip(_flat(items), _flat(drawn)):
        if isinstance(item, Repeat) and isinstance(shown, Repeat):
            for index, one in enumerate(item.copies):
                yield from _placed(one, shown.body, (*copies, (id(shown), index)))
        elif isinstance(item, Piece) and isinstance(shown, Piece):
            yield _Place(item.numbers, shown.number, copies)


def _flat(items: Sequence) -> Iterator[Piece | Repeat]:
    """The pieces and repeats of a sequence, those in its branches too."""
    for item in items:
        if isinstance(item, (Piece, Repeat)):
            yield item
        else:
            ways = item.columns if isinstance(item, Tangle) else (*item.branches, *item.tails)
            for way in ways:
                yield from _flat(way)


def _part(network: Network, item: Piece | Repeat, groups: Iterator[int]) -> Part:
    if isinstance(item, Piece):
        return _box(network, item)
    number, parts = next(groups), tuple(_part(network, one, groups) for one in _flat(item.body))
    first, last = ([*glyphs(one)][-1].output.output for one in (item.copies[0], item.copies[-1]))
    title = f"×{item.times}" if first == last else f"×{item.times}, in the end {last}"  # channels that are joined on
    return Group(number, item.times, title, parts)


def _box(network: Network, piece: Piece) -> Box:
    node, output = piece.main, str(piece.output.output)
    if node.is_input:
        return Box(piece.number, END, (_line(node.name), output), "")
    words = _block_words(network.graph, piece) if piece.block else _layer_words(network.graph, piece.nodes)
    words = [one for one in words if one]
    params, macs = (sum(getattr(one, key) for one in piece.nodes) for key in ("params", "macs"))
    name = piece.block or node.name
    about = f"{', '.join((name, *words))}, output {output}, {grouped(params)} params, {grouped(macs)} MACs"
    return Box(piece.number, family(node), (*map(_line, (name, *words)), output), printable(about))


def _layer_words(graph: Graph, nodes: tuple[Node, ...]) -> list[str]:
    """What a layer does, and the layers that are folded into it."""
    found = [_operation(node, graph) for node in nodes]
    if found[0] == nodes[0].name.rsplit("/", 1)[-1].rstrip("0123456789"):  # `add1` need not say `add`
        del found[0]
    together = " · ".join(found)
    return [together] if len(together) <= TOGETHER else [found[0], " · ".join(found[1:])]


def _operation(node: Node, graph: Graph) -> str:
    """What a layer does, in words that stand without a name beside them.

    >>> from cnnarch.network import load
    >>> net = load("lenet5")
    >>> [_operation(node, net.graph) for node in net.layers[:3]]
    ['conv 6 of 5×5', 'tanh', 'average 2×2, stride 2']
    """
    words = node.layer.operation(*graph.shapes(node))
    return f"{node.layer.kind} {words}" if words[:1].isdigit() else words


def _block_words(graph: Graph, piece: Piece) -> list[str]:
    kind, count = graph.groups.get(piece.block, ""), len(piece.nodes)
    layers = f"{count} layers" if count > 1 else "1 layer"
    return [f"{kind}, {layers}" if kind else layers]


def _line(words: str) -> str:
    return shortened(printable(words), LONGEST)


def _outputs(network: Network, place: dict[int, _Place]) -> list[tuple[int, tuple[str, ...]]]:
    """The boxes that outputs come from, and the lines of what comes from each."""
    number = {id(node): at for at, node in enumerate(network.graph.nodes)}
    found: dict[int, list[str]] = {}
    for node in network.graph.outputs:
        if not node.train_only:
            found.setdefault(place[number[id(node)]].box, []).append(str(node.output))
    return [(box, (f"{len(one)} outputs" if len(one) > 1 else "output", *_few(one))) for box, one in found.items()]


def _few(shapes: list[str]) -> list[str]:
    different = list(dict.fromkeys(shapes))
    more = [f"and {len(different) - MOST_SHAPES} more"] if len(different) > MOST_SHAPES else []
    return [*different[:MOST_SHAPES], *more]


def _arrows(graph: Graph, place: dict[int, _Place]) -> list[Arrow]:
    """What goes from box to box. From a copy to the next there is none: that it repeats says so."""
    found: dict[Arrow, None] = {}
    for number, node in enumerate(graph.nodes):
        if node.train_only:
            continue
        for source in node.sources[:1] if node.layer.sized_by_second else node.sources:
            ours, theirs = place[source], place[number]
            if ours.box != theirs.box and not _apart(ours, theirs):
                found[ours.box, theirs.box] = None
    return list(found)


def _apart(ours: _Place, theirs: _Place) -> bool:
    """Whether they are in different copies of one part."""
    other = dict(theirs.copies)
    return any(other.get(number, index) != index for number, index in ours.copies)


def boxes(parts: tuple[Part, ...]) -> Iterator[Box]:
    """All boxes, those in groups too."""
    for part in parts:
        if isinstance(part, Box):
            yield part
        else:
            yield from boxes(part.parts)


def nested(
    parts: tuple[Part, ...],
    box: Callable[[Box], str],
    opening: Callable[[Group], list[str]],
    closing: str,
    indent: str = "    ",
) -> Iterator[str]:
    """The lines of boxes and groups, each group indented by its depth."""
    for part in parts:
        if isinstance(part, Box):
            yield indent + box(part)
        else:
            first, *rest = opening(part)
            yield indent + first
            yield from (f"{indent}    {line}" for line in rest)
            yield from nested(part.parts, box, opening, closing, f"{indent}    ")
            yield indent + closing


def fills(parts: tuple[Part, ...]) -> dict[str, tuple[str, str]]:
    """The fill of every kind of box that there is, and the ink that can be read on it.

    >>> from cnnarch.network import load
    >>> fills(diagram(load("lenet5")).parts)["conv"]
    ('#2253af', '#ffffff')
    """
    there = {box.kind for box in boxes(parts)}
    every = {**{kind: light for kind, (_, light, _) in COLORS.items()}, END: END_FILL}
    return {kind: (fill, _ink(fill)) for kind, fill in every.items() if kind in there}


def _ink(fill: str) -> str:
    """Black or white, whichever has more contrast by WCAG 2.2: they are equal at a luminance of 0.179."""
    channels = [int(fill[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return BLACK if 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179 else WHITE
