"""The outline of a network: all layers once, all links, at any depth, and quick on graphs that are hard."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnarch import load
from cnnarch.analysis.outline import Fork, Item, Piece, Repeat, Sequence, Tangle, _flows, glyphs, outline
from cnnarch.graph import Graph, Node
from cnnarch.layers import KINDS, Figures, Input
from cnnarch.shapes import Shape
from tests.shipped import each_network

SHAPE = Shape(8, 8, 4)
RELU, ADD = KINDS["relu"].of({}), KINDS["add"].of({})


def graph_of(sources: list[list[int]], names: list[str] | None = None) -> Graph:
    """A graph of layers that all keep the shape; what takes nothing is an input."""
    conv = KINDS["channel_shuffle"].of({"groups": 2})
    nodes = []
    for number, taken in enumerate(sources):
        layer = Input(SHAPE) if not taken else ADD if len(taken) > 1 else conv if number % 3 else RELU
        name = names[number] if names else f"layer{number}"
        nodes.append(Node(name, layer, tuple(taken), Figures(SHAPE)))
    return Graph(tuple(nodes), {})


def pieces(items: Sequence) -> Iterator[Piece]:
    """All pieces, those of all copies of what repeats too."""
    for item in items:
        if isinstance(item, Repeat):
            for copy in item.copies:
                yield from pieces(copy)
        elif isinstance(item, Fork):
            for branch in (*item.branches, *item.tails):
                yield from pieces(branch)
        elif isinstance(item, Tangle):
            for column in item.columns:
                yield from column
        else:
            yield item


def links(items: Sequence, entry: int | None) -> tuple[set[tuple[int, int]], set[int]]:
    """The links that a sequence expresses, by what it says of itself, and the pieces whose values leave it."""
    found: set[tuple[int, int]] = set()
    ends = {entry} if entry is not None else set()
    flat = list(unrepeated(items))
    for index, item in enumerate(flat):
        if isinstance(item, Piece):
            # Pieces without a source are inputs: nothing comes in, whatever stands before.
            found |= {(end, item.number) for end in ends}
            ends = {item.number}
        elif isinstance(item, Fork):
            leaving = set(ends) if item.skip else set()
            assert len(ends) < 2
            only = next(iter(ends), None)
            for branch in item.branches:
                inner, out = links(branch, only)
                found |= inner
                leaving |= out
            for tail in item.tails:
                found |= links(tail, only)[0]
            last = index == len(flat) - 1
            ends = leaving if item.branches or item.skip else set() if last else leaving
        elif isinstance(item, Tangle):
            found |= set(item.links)
            ends = set()  # a tangle names the piece after it in its links
    return found, ends


def unrepeated(items: Sequence) -> Iterator[Item]:
    for item in items:
        if isinstance(item, Repeat):
            for copy in item.copies:
                yield from unrepeated(copy)
        else:
            yield item


def check(graph: Graph, depth: int | None = None, fold: bool = True) -> Sequence:
    """Every layer that runs is in one piece, every piece once in the outline, and every link is expressed."""
    items = outline(graph, depth, fold).items
    every = list(pieces(items))
    assert sorted(number for piece in every for number in piece.numbers) == [
        number for number, node in enumerate(graph.nodes) if not node.train_only
    ]
    assert len({piece.number for piece in every}) == len(every)
    assert all(piece.nodes == tuple(graph.nodes[number] for number in piece.numbers) for piece in every)
    place = {number: piece.number for piece in every for number in piece.numbers}
    real = {
        (place[source], place[number])
        for number in place
        for source in _flows(graph.nodes[number])
        if source in place and place[source] != place[number]
    }
    inputs = {piece.number for piece in every if not {one for one, other in real if other == piece.number}}
    expressed = {(one, other) for one, other in links(items, None)[0] if other not in inputs}
    assert expressed == real
    return items


@each_network
def test_shipped_networks_are_outlined_whole(name: str) -> None:
    graph = load(name).graph
    for depth in (None, 1, 2):
        check(graph, depth)


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """What each layer takes: mostly the one before, and some from further back; some are inputs."""
    inputs = draw(st.integers(1, 3))
    sources: list[list[int]] = [[] for _ in range(inputs)]
    for number in range(inputs, inputs + draw(st.integers(1, 14))):
        near = draw(st.integers(max(0, number - 3), number - 1))
        more = draw(st.lists(st.integers(0, number - 1), max_size=2)) if draw(st.booleans()) else []
        sources.append(list(dict.fromkeys([near, *more])))
    return sources


@settings(max_examples=400, deadline=None)
@given(graphs())
def test_random_graphs_are_outlined_whole(sources: list[list[int]]) -> None:
    check(graph_of(sources))
    check(graph_of(sources), fold=False)


@settings(max_examples=150, deadline=None)
@given(graphs(), st.data())
def test_random_graphs_with_closed_blocks_are_outlined_whole(sources: list[list[int]], data: st.DataObject) -> None:
    blocks = data.draw(st.lists(st.sampled_from(["", "a/", "b/"]), min_size=len(sources), max_size=len(sources)))
    names = [f"{block if taken else ''}layer{number}" for number, (block, taken) in enumerate(zip(blocks, sources))]
    check(graph_of(sources, names), 1)


def hard() -> dict[str, list[list[int]]]:
    chain = [[], *([number] for number in range(4_999))]
    nested = [[], *([number] for number in range(500))]  # skips over skips: 500 to 501, 499 to 502, …
    nested += [[500 + number, 499 - number] for number in range(499)]
    wide = [[], *([0] for _ in range(500)), list(range(1, 501))]
    dense = [[], *(list(range(number + 1)) for number in range(150))]
    two: list[list[int]] = [[], []] + [[number, number + 1] for number in range(700)]
    tails = [[], *([0] for _ in range(1_500))]
    return {"chain": chain, "nested": nested, "wide": wide, "dense": dense, "ladder": two, "tails": tails}


@pytest.mark.parametrize("name", hard())
def test_hard_graphs_are_outlined_whole(name: str) -> None:
    """Without a recursion as deep as the graph, and not in the square of its layers, or this would take minutes."""
    graph = graph_of(hard()[name])
    found = outline(graph)
    assert 0 < len(list(glyphs(found.items))) <= len(graph.nodes)
    check(graph)
