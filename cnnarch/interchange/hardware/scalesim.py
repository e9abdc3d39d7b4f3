"""A network as a topology of SCALE-Sim, versions 2 and 3: a row for each convolution or matrix product.

What that tool makes of a row was read in its `scalesim/topology_utils.py`. It has no padding, no dilation, no groups,
no batch and one stride for both axes, and it rounds the size of the output up. So the input is written as large as
the windows reach, padding and all; each group is a row of its own; and what has no such row is written as the matrix
product that it comes to (im2col), which takes as many cycles of the array but reads the input more often.
"""

from typing import Any, NamedTuple

from cnnarch.errors import ReadError, listed
from cnnarch.graph import Graph, Node
from cnnarch.interchange.hardware.products import Product, multiplying, products_of, safe
from cnnarch.shapes import Shape
from cnnarch.spec.model import Spec

__all__ = ["Row", "notes", "rows", "write"]

HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"
MOST_ROWS = 100_000


class Row(NamedTuple):
    """A line of a topology, written so often as `times` says."""

    name: str
    height: int
    width: int
    filter_height: int
    filter_width: int
    channels: int
    filters: int
    stride: int
    times: int = 1


def write(spec: Spec, graph: Graph, name: str) -> str:
    """A topology CSV; a row for each layer, group or product, in the order in which they run.

    >>> from cnnarch.spec import catalog
    >>> from cnnarch.spec.build import build
    >>> spec = catalog.read("alexnet_single")
    >>> text = write(spec, build(spec), "alexnet")
    >>> print("\\n".join(text.split("\\n")[1:4]))  # 31 = 27 + 2·2, and 15 = 13 + 2·1
    conv1, 227, 227, 11, 11, 3, 96, 4,
    conv2, 31, 31, 5, 5, 96, 256, 1,
    conv3, 15, 15, 3, 3, 256, 384, 1,

    Errors: ReadError for more than 100,000 rows, and for a kind whose products are not known.
    """
    lines = [HEADER]
    for row in rows(graph):
        if len(lines) + row.times > MOST_ROWS:
            hint = "SCALE-Sim takes every group and every step as a row; `--to gemm` counts them in one"
            raise ReadError(f"a topology with more than {MOST_ROWS:,} rows, at `{row.name}`", hint)
        sizes = ", ".join(map(str, row[1:-1]))
        names = [row.name] if row.times == 1 else [f"{row.name}_{number}" for number in range(1, row.times + 1)]
        lines += [f"{one}, {sizes}," for one in names]
    return "\n".join([*lines, ""])


def notes(graph: Graph) -> list[str]:
    """What a reader of the topology has to know: which layers are not as they are in the network."""
    by_reason: dict[str, list[str]] = {}
    for node in multiplying(graph):
        reason = _obstacle(node, graph.shapes(node))
        if reason:
            by_reason.setdefault(reason, []).append(node.name)
    return [f"{reason}: written as matrix products: {listed(names, 4)}" for reason, names in by_reason.items()]


def rows(graph: Graph) -> list[Row]:
    """The rows of all layers that multiply at inference."""
    found = []
    for node in multiplying(graph):
        inputs = graph.shapes(node)
        if node.layer.kind == "conv" and not _obstacle(node, inputs):
            found.append(_convolution(_safe(node.name), node.layer, inputs[0]))
        else:
            found += [_product(_safe(node.name), one) for one in products_of(node, inputs)]
    return found


def _obstacle(node: Node, inputs: tuple[Shape, ...]) -> str:
    """Why a layer that slides windows is not a row as it is; nothing if it is one, or slides none."""
    x, layer = inputs[0], node.layer
    if layer.kind == "conv_transpose":
        return "SCALE-Sim has no transposed convolution"
    if layer.kind == "locally_connected":
        return "SCALE-Sim has no filters of a single place"
    if layer.kind != "conv":
        return ""
    if x.rank > 2:
        return "SCALE-Sim has no third axis"
    if x.regions > 1:
        return "SCALE-Sim has no regions"
    sliding: Any = layer
    found = sliding.windows(x)
    if any(window.dilation > 1 and window.size > 1 for window in found):
        return "SCALE-Sim has no dilation"
    if len(_strides(sliding, x)) > 1:
        return "SCALE-Sim has one stride for both axes"
    return ""


def _strides(layer: Any, x: Shape) -> set[int]:
    """The different strides of the axes along which the window has somewhere to go."""
    return {window.stride for window, places in zip(layer.windows(x), layer.positions(x)) if places > 1}


def _convolution(name: str, layer: Any, x: Shape) -> Row:
    """A convolution; a sequence is an image of width 1.

    SCALE-Sim counts ⌈(input − kernel + stride) / stride⌉ places, we ⌊(input − kernel) / stride⌋ + 1. They agree on
    the pixels from the first to the last that a window reads, those of the padding among them.
    """
    stride = max(_strides(layer, x), default=1)
    sizes = [(places - 1) * stride + window.size for window, places in zip(layer.windows(x), layer.positions(x))]
    height, width = (*sizes, 1)[:2]
    filter_height, filter_width = (*(window.size for window in layer.windows(x)), 1)[:2]
    groups = layer.split(x)
    channels, filters = x.channels // groups, layer.filters // groups
    if groups == x.channels > 1:  # the tool itself repeats a row with DP in its name for each of its channels
        return Row(f"{name}_DP", height, width, filter_height, filter_width, groups, filters, stride)
    return Row(name, height, width, filter_height, filter_width, channels, filters, stride, groups)


def _product(name: str, one: Product) -> Row:
    """A product of matrices as a convolution of 1×1 over m places, which is how its own topologies write layers."""
    label = f"{name}_{one.name.replace(' ', '_')}" if one.name else name
    return Row(label, one.m, 1, 1, 1, one.k, one.n, 1, one.times)


def _safe(name: str) -> str:
    """A name in ASCII, in which nothing says that a layer is depthwise."""
    return safe(name.encode("ascii", "backslashreplace").decode()).replace("DP", "Dp")
