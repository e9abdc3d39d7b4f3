"""The few words that stand at a glyph: what a layer does, how large its output is, what a block is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cnnarch.analysis.outline import Piece
from cnnarch.errors import printable
from cnnarch.graph import Graph, Node
from cnnarch.render.figure.svg import family, text_width
from cnnarch.render.numbers import grouped
from cnnarch.shapes import Shape

__all__ = [
    "SIGNS", "above", "channels", "clipped", "common", "does", "drawn", "figures", "fitted", "kind_of", "lines",
    "operation", "stage", "stripes",
]  # fmt: skip

SIGNS = {"add": "+", "multiply": "×", "max": "max"}
_WHOLE = {
    "global_avgpool": "average", "global_maxpool": "max", "adaptive_avgpool": "average", "adaptive_maxpool": "max",
}  # fmt: skip


def clipped(words: str, most: int) -> str:
    """At most so many characters, printable; what is too long loses its middle.

    >>> clipped("encoder_first_convolution", 12)
    'encode…ution'
    """
    words = printable(words)
    return words if len(words) <= most else f"{words[: most // 2]}…{words[len(words) - (most - most // 2 - 1) :]}"


def fitted(words: str, width: float, size: float) -> str:
    """As much of a text as is not wider; nothing where not even three characters are.

    >>> fitted("inception_3a", 40, 10)
    'inc…3a'
    """
    words = printable(words)
    if text_width(words, size) <= width:
        return words
    for most in range(len(words) - 1, 2, -1):
        tried = clipped(words, most)
        if text_width(tried, size) <= width:
            return tried
    return ""


def does(graph: Graph, node: Node) -> str:
    """What a layer does, in a few characters: `3×3 /2` is a window and its stride.

    >>> from cnnarch.network import load
    >>> graph = load("resnet50").graph
    >>> [does(graph, node) for node in graph.layers if not node.layer.folds][:5]
    ['7×7 /2', 'batchnorm', 'max 3×3 /2', '1×1', 'batchnorm']
    """
    layer = node.layer
    if layer.kind in SIGNS:
        return SIGNS[layer.kind]
    if layer.kind in _WHOLE:
        places = "×".join(map(str, node.output.spatial))
        whole = set(node.output.spatial) <= {1}
        return _WHOLE[layer.kind] if whole else f"{_WHOLE[layer.kind]} to {places}"
    kernel = getattr(layer, "kernel", None)
    if isinstance(kernel, (int, tuple)):
        first = {"maxpool": "max ", "avgpool": "average "}.get(layer.kind, "")
        return first + _window(graph, node, kernel)
    heads = getattr(layer, "heads", None)
    if layer.kind == "attention" and isinstance(heads, int):
        return f"{heads} head{'s' * (heads > 1)}"
    return layer.kind.replace("_", " ")


def _window(graph: Graph, node: Node, kernel: int | tuple[int, ...]) -> str:
    """A window and, where it moves by more than one, its stride."""
    rank = max(1, graph.nodes[node.sources[0]].output.rank if node.sources else 1)
    layer = node.layer
    stride = getattr(layer, "stride", 1)
    stride = kernel if stride is None else stride
    sizes = "×".join(map(str, kernel if isinstance(kernel, tuple) else (kernel,) * rank))
    steps = stride if isinstance(stride, tuple) else (stride,)
    if all(step == 1 for step in steps):
        return sizes
    step = "×".join(map(str, steps if len(set(steps)) > 1 else steps[:1]))
    return f"{sizes} {'×' if 'transpose' in layer.kind else '/'}{step}"


def lines(does: str) -> list[str]:
    """What is long in two lines.

    >>> lines("max 3×3 /2"), lines("3×3 /2")
    (['max', '3×3 /2'], ['3×3 /2'])
    """
    return does.split(" ", 1) if len(does) > 8 and does[0].isalpha() else [does]


def drawn(piece: Piece) -> Shape:
    """The shape that a glyph shows: not flattened, which changes no number.

    >>> from cnnarch.analysis.outline import outline
    >>> from cnnarch.network import load
    >>> pool5 = outline(load("alexnet").graph).items[8]
    >>> str(pool5.output.output), str(drawn(pool5))
    ('1024', '2×2×256')
    """
    for node in reversed(piece.nodes):
        if node.layer.kind != "flatten":
            return node.output
    return piece.output.output


def channels(same: Sequence[Piece]) -> str:
    """The channels of what comes out; of copies that differ, the first and the last."""
    first, last = drawn(same[0]).channels, drawn(same[-1]).channels
    return str(first) if first == last else f"{first}–{last}"


def above(graph: Graph, piece: Piece) -> str:
    """The size of the maps, where it is another than that of what comes in; of a vector nothing."""
    output = drawn(piece)
    before = graph.nodes[piece.nodes[0].sources[0]].output if piece.nodes[0].sources else None
    if before is not None and (before.regions, before.spatial) == (output.regions, output.spatial):
        return ""
    size = "×".join(map(str, output.spatial))
    if output.regions == 1:
        return size
    return f"{output.regions} · {size}" if size else str(output.regions)


def operation(graph: Graph, node: Node) -> str:
    """What a layer does, in the words of a table's cell."""
    return "" if node.is_input else node.layer.operation(*graph.shapes(node))


def figures(graph: Graph, same: Sequence[Piece], batch: int = 1) -> str:
    """What a pointer that rests on a glyph shows: names, operations, output, params and MACs."""
    piece = same[0]
    params, macs = sum(node.params for node in piece.nodes), batch * sum(node.macs for node in piece.nodes)
    name = piece.block or piece.main.name
    lines = [f"{name}: {kind_of(graph, piece.block)}" if piece.block else name]
    if len(same) > 1:
        lines[0] += f" and {len(same) - 1} more alike"
    if piece.block:
        lines.append(f"{len(piece.nodes)} layer{'s' * (len(piece.nodes) > 1)}")
    elif not piece.main.is_input:
        lines.append(" · ".join(operation(graph, node) for node in piece.nodes))
    lines.append(f"output {piece.output.output}")
    if not piece.main.is_input:
        lines.append(f"{grouped(params)} params · {grouped(macs)} MACs")
    return "\n".join(lines)


def common(nodes: Iterable[Node]) -> str:
    """The block that layers share, by their names; none is "".

    >>> from cnnarch.network import load
    >>> common(load("resnet50").layers[4:9])
    'stage1/bottleneck1'
    """
    shared: list[str] | None = None
    for node in nodes:
        parts = node.name.split("/")[:-1]
        if shared is None:
            shared = parts
        while shared != parts[: len(shared)]:
            shared = shared[:-1]
    return "/".join(shared or ())


def kind_of(graph: Graph, block: str) -> str:
    """The kind of a block; of one that is not known, the last part of its name."""
    return graph.groups.get(block) or block.rpartition("/")[2]


def stage(piece: Piece) -> str:
    """The outermost block of a piece, or ""."""
    return piece.nodes[0].name.partition("/")[0] if "/" in piece.nodes[0].name else ""


def stripes(piece: Piece) -> list[str]:
    """The families of what is folded into a glyph and computes something."""
    if piece.block:
        return []
    folded = [family(node) for node in piece.nodes[1:] if node.elements]
    return [one for one in folded if one in ("norm", "activation")][:4]
