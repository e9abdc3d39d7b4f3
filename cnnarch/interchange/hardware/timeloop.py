"""A network as problems of Timeloop, in the format of its version 4: one for each layer or product.

The shapes are those of `problem-shapes/` in NVlabs/timeloop: R and S are width and height of the filter, P and Q of the
output, C channels, M filters, N the batch, G groups. Padding needs no word there: the input is as large as its windows
reach, R·Wdilation + P·Wstride.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from cnnarch.errors import ReadError, printable
from cnnarch.graph import Graph, Node
from cnnarch.interchange.hardware.products import Product, multiplying, products_of
from cnnarch.shapes import Shape, Window
from cnnarch.spec.model import Spec

__all__ = ["Problem", "files", "problems", "write"]

# Of each axis of an image or a volume, from the last to the first: filter, output, and the begin of its coefficients.
AXES = (("R", "P", "W"), ("S", "Q", "H"), ("T", "F", "D"))
LONGEST = 100  # letters of a file's name
MOST_PROBLEMS = 100_000


class Problem(NamedTuple):
    """A layer or product: the sizes of its dimensions and coefficients, and what each tensor is indexed by.

    An index is a dimension, or several with coefficients, `R*Wdilation+P*Wstride`.
    """

    name: str
    dimensions: Mapping[str, int]
    coefficients: Mapping[str, int]
    spaces: Mapping[str, tuple[str, ...]]  # the last is what is written
    words: str = ""


def write(spec: Spec, graph: Graph, name: str, batch: int = 1) -> str:
    """All problems as documents of one YAML stream; Timeloop takes one at a time.

    >>> from cnnarch.spec import catalog
    >>> from cnnarch.spec.build import build
    >>> spec = catalog.read("alexnet")
    >>> text = write(spec, build(spec), "alexnet")
    >>> print(text[:text.index("  shape")] + text[text.index("  instance"):text.index("---")], end="")
    # conv1: 96 of 11×11, stride 4, on 227×227×3
    problem:
      version: 0.4
      instance: {C: 3, M: 96, R: 11, S: 11, N: 1, P: 55, Q: 55, Wstride: 4, Wdilation: 1, Hstride: 4, Hdilation: 1}

    Errors: ReadError for a kind whose products are not known.
    """
    return "---\n".join(map(_text, problems(graph, batch)))


def files(spec: Spec, graph: Graph, name: str, batch: int = 1) -> dict[str, str]:
    """Each problem by the name of a file of its own, as `01_conv1.yaml`; sorted by name they are in running order."""
    found = problems(graph, batch)
    digits = max(len(str(len(found))), 2)
    return {
        f"{number:0{digits}}_{_word(one.name)[:LONGEST]}.yaml": _text(one) for number, one in enumerate(found, start=1)
    }


def problems(graph: Graph, batch: int = 1) -> list[Problem]:
    """The problems of all layers that multiply at inference.

    Raises ReadError for more than 100,000 layers, and for a kind whose products are not known.
    """
    found = []
    layers = multiplying(graph)
    if len(layers) > MOST_PROBLEMS:
        raise ReadError(f"{len(layers):,} layers are more than the {MOST_PROBLEMS:,} that problems are written for")
    for node in layers:
        inputs = graph.shapes(node)
        words = f"{node.layer.operation(*inputs)}, on {' and '.join(map(str, inputs))}"
        if node.layer.kind in SLIDING and inputs[0].rank <= len(AXES):
            found.append(_sliding(node, inputs[0], batch, words))
        else:
            found += [_product(node.name, one, words) for one in products_of(node, inputs, batch)]
    return found


SLIDING = ("conv", "locally_connected", "fc")


def _sliding(node: Node, x: Shape, batch: int, words: str) -> Problem:
    """A convolution; a fully connected layer is one of 1×1 over the places that there are."""
    layer: Any = node.layer
    groups = layer.split(x) if layer.kind == "conv" else 1
    windows = layer.windows(x) if layer.kind != "fc" else (Window(1),) * x.rank
    filters = layer.units if layer.kind == "fc" else layer.filters
    axes = [
        (*letters, window, places)
        for letters, window, places in zip(AXES, reversed(windows), reversed(node.output.spatial))
    ]
    axes += [(*letters, Window(1), 1) for letters in AXES[len(axes) : 2]]  # a sequence is an image of height 1
    kernel = {r: window.size for r, _, _, window, _ in axes}
    output = {p: places for _, p, _, _, places in axes}
    dimensions = {
        "C": x.channels // groups, "M": filters // groups, **kernel, "N": batch * layer.count_regions((x,)), **output,
    }  # fmt: skip
    group = ("G",) if groups > 1 else ()
    if group:
        dimensions["G"] = groups
    coefficients: dict[str, int] = {}
    for _, _, begin, window, _ in axes:
        coefficients |= {f"{begin}stride": window.stride, f"{begin}dilation": window.dilation}
    of_its_own = tuple(output) if layer.kind == "locally_connected" else ()
    reached = tuple(f"{r}*{begin}dilation+{p}*{begin}stride" for r, p, begin, _, _ in axes)
    spaces = {
        "Weights": ("C", "M", *kernel, *of_its_own, *group),
        "Inputs": ("N", "C", *reached, *group),
        "Outputs": ("N", "M", *reversed(output), *group),
    }
    return Problem(node.name, dimensions, coefficients, spaces, words)


def _product(name: str, one: Product, words: str) -> Problem:
    """A product A·B of m×k by k×n, in G groups; T are the steps of a recurrent layer, which all read the same B."""
    dimensions = {"M": one.m, "N": one.n, "K": one.k}
    groups, steps = one.times // one.steps, one.steps
    group = ("G",) if groups > 1 else ()
    step = ("T",) if steps > 1 else ()
    dimensions |= {"G": groups} if group else {}
    dimensions |= {"T": steps} if step else {}
    if step:
        words += "; T runs step by step"
    spaces = {"A": ("M", "K", *group, *step), "B": ("N", "K", *group), "Z": ("M", "N", *group, *step)}
    return Problem(f"{name}/{one.name}" if one.name else name, dimensions, {}, spaces, words)


def _text(one: Problem) -> str:
    lines = [
        f"# {printable(one.name)}: {printable(one.words)}",
        "problem:",
        "  version: 0.4",
        "  shape:",
        f'    name: "{_word(one.name)}"',
        f"    dimensions: [{', '.join(one.dimensions)}]",
    ]
    if one.coefficients:
        lines += ["    coefficients:", *(f"      - {{name: {name}, default: 1}}" for name in one.coefficients)]
    lines.append("    data_spaces:")
    for name, indices in one.spaces.items():
        lines += [f"      - name: {name}", f"        projection: [{', '.join(map(_index, indices))}]"]
    lines.append("        read_write: true")
    sizes = {**one.dimensions, **one.coefficients}
    lines += [f"  instance: {{{', '.join(f'{name}: {size}' for name, size in sizes.items())}}}", ""]
    return "\n".join(lines)


def _index(index: str) -> str:
    """`[[R, Wdilation], [P, Wstride]]`: a sum of products."""
    return f"[{', '.join('[' + ', '.join(term.split('*')) + ']' for term in index.split('+'))}]"


def _word(name: str) -> str:
    """A name of ASCII letters, digits and `_` that begins with a letter, for a file and for YAML."""
    plain = re.sub(r"[^0-9A-Za-z]+", "_", name)
    return plain if plain[:1].isalpha() else f"layer_{plain}"
