"""The matrix products that layers come to: one rule for each kind that multiplies."""

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

from cnnarch.errors import ReadError, listed
from cnnarch.graph import Graph, Node
from cnnarch.shapes import Shape, by_axis

__all__ = ["RULES", "Product", "multiplying", "products", "products_of", "safe"]


class Product(NamedTuple):
    """A product of matrices, m×k by k×n, so often as `times` says, each with matrices of its own.

    `steps` are those of a recurrent layer, one after the other with the same weights; they are in the `times`.
    """

    name: str
    m: int
    n: int
    k: int
    times: int = 1
    steps: int = 1

    @property
    def macs(self) -> int:
        return self.m * self.n * self.k * self.times


def products(graph: Graph, batch: int = 1) -> list[tuple[Node, list[Product]]]:
    """What every layer multiplies at inference, for the layers that multiply."""
    return [(node, products_of(node, graph.shapes(node), batch)) for node in multiplying(graph)]


def multiplying(graph: Graph) -> list[Node]:
    """The layers that multiply at inference, in the order in which they run.

    Raises ReadError if the products of a kind are not known.
    """
    found = [node for node in graph.layers if node.macs and not node.train_only]
    others = [node.name for node in found if node.layer.kind not in RULES]
    if others:
        raise ReadError(f"what {listed(others)} multiply is not known as products of matrices")
    return found


def products_of(node: Node, inputs: tuple[Shape, ...], batch: int = 1) -> list[Product]:
    """The products of one layer, for a batch and all regions; their MACs are the layer's.

    >>> from cnnarch.layers import KINDS, Layer
    >>> conv, x = KINDS["conv"](filters=256, kernel=5, padding=2, groups=2), Shape(27, 27, 96)
    >>> products_of(Node("conv2", conv, (), conv.figures((x,))), (x,))  # 27·27 places, 256/2 filters, 5·5·96/2 weights
    [Product(name='', m=729, n=128, k=1200, times=2, steps=1)]

    Units: rows and columns of matrices. One MAC is one multiply and one add; biases are not in it.
    """
    many = batch * node.layer.count_regions(inputs)
    found: list[Product] = RULES[node.layer.kind](node.layer, many, *inputs)
    return found


def _conv(layer: Any, many: int, x: Shape) -> list[Product]:
    """Im2col: a row for each place with the window that it reads, a column for each filter.

    Chellapilla, Puri & Simard 2006, High performance convolutional neural networks for document processing.
    """
    groups = layer.split(x)
    weights = prod(by_axis(layer.kernel, x.rank, "kernel")) * x.channels // groups
    return [Product("", many * prod(layer.positions(x)), layer.filters // groups, weights, groups)]


def _conv_transpose(layer: Any, many: int, x: Shape) -> list[Product]:
    """A row for each place of the input, a column for each number of the window that it spreads to, added up after."""
    groups = layer.split(x)
    window = prod(by_axis(layer.kernel, x.rank, "kernel")) * layer.filters // groups
    return [Product("", many * prod(x.spatial), window, x.channels // groups, groups)]


def _locally_connected(layer: Any, many: int, x: Shape) -> list[Product]:
    """Every place has weights of its own, and so a product."""
    weights = prod(by_axis(layer.kernel, x.rank, "kernel")) * x.channels
    return [Product("", many, layer.filters, weights, prod(layer.positions(x)))]


def _fc(layer: Any, many: int, x: Shape) -> list[Product]:
    return [Product("", many * prod(x.spatial), layer.units, x.channels)]


def _recurrent(layer: Any, many: int, x: Shape) -> list[Product]:
    """The input of all positions at once, the state position by position, as cuDNN does (arXiv:1604.01946)."""
    width, ways = layer.gates * layer.units, layer.directions
    return [
        Product("input", many * x.length, ways * width, x.channels),
        Product("state", many, width, layer.units, ways * x.length, x.length),
    ]


def _attention(layer: Any, many: int, x: Shape, memory: Shape | None = None) -> list[Product]:
    """Four projections, and two products in every head; what makes weights of distances, once for all regions."""
    other = memory or x
    places, others, width = prod(x.spatial), prod(other.spatial), layer.width(x)
    heads = layer.heads * many
    found = [
        Product("query", many * places, width, x.channels),
        Product("key", many * others, width, other.channels),
        Product("value", many * others, width, other.channels),
        Product("scores", places, others, width // layer.heads, heads),
        Product("context", places, width // layer.heads, others, heads),
        Product("output", many * places, x.channels, width),
    ]
    if layer.relative_units:
        # Totals are those of one input times the batch, and so are these.
        rows = many // x.regions * layer.distances(x)
        found.append(Product("distances", rows, layer.relative_units, x.rank))
        found.append(Product("bias of heads", rows, layer.heads, layer.relative_units))
    return found


def _matmul(layer: Any, many: int, a: Shape, b: Shape) -> list[Product]:
    columns = layer.output(a, b)[-1]
    return [Product("", a[-2], columns, a[-1], many * prod(a[:-2]))]


RULES: dict[str, Callable[..., list[Product]]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "locally_connected": _locally_connected,
    "fc": _fc,
    "rbf": _fc,  # Σ(x − w)², a MAC for each number, as many as a product has
    "lstm": _recurrent,
    "gru": _recurrent,
    "attention": _attention,
    "matmul": _matmul,
}


def safe(name: str) -> str:
    """A name without what ends a field or a row of a CSV, or begins a formula of a spreadsheet.

    >>> safe("stage1/conv-2"), safe("=1+1, x"), safe("-2")
    ('stage1/conv-2', '_1_1__x', '_2')
    """
    plain = "".join(char if char.isalnum() or char in "_-/.\\" else "_" for char in name)
    return f"_{plain[1:]}" if plain.startswith("-") else plain
