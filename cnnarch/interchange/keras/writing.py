"""A network as the Python code of a Keras model."""

from __future__ import annotations

import re

from cnnarch.graph import Graph
from cnnarch.interchange.keras.writing_blocks import structured
from cnnarch.interchange.keras.writing_flat import RESERVED, check, flat
from cnnarch.interchange.keras.writing_layers import Varies
from cnnarch.interchange.program_text import identifier, wrapped
from cnnarch.spec.model import Spec

__all__ = ["write"]

HELPERS = {
    "pad": '''def pad(x, kernel, padding="half", dilation=1):
    """Pad by half the kernel, or by so many pixels, on all sides."""
    sizes = (kernel, kernel) if isinstance(kernel, int) else kernel
    if padding == "valid":
        return x
    if padding == "half":
        padding = tuple(dilation * (size - 1) // 2 for size in sizes)
    return layers.ZeroPadding2D(padding)(x)''',
    "channel_shuffle": '''def channel_shuffle(x, groups):
    """Take channels from each of the groups in turn."""
    height, width, channels = x.shape[1:]
    x = layers.Reshape((height, width, groups, channels // groups))(x)
    x = layers.Permute((1, 2, 4, 3))(x)
    return layers.Reshape((height, width, channels))(x)''',
    "make_divisible": '''def make_divisible(value, divisor=8, least=None):
    """Round to a multiple, but never down by more than a tenth."""
    least = divisor if least is None else least
    rounded = max(least, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded''',
}


def write(spec: Spec, graph: Graph, name: str) -> str:
    """Code that makes the model with Keras 3, and needs nothing else.

    Blocks are functions and repeats are loops, as the page has them; where it shares weights or takes what is
    inside a block, the layers stand one by one.

    Raises ReadError, which names the layers, for what Keras has no layer for.
    """
    found = check(graph)
    title = identifier(name.rpartition("/")[2]).strip("_")
    try:
        lines = structured(spec, graph, title)
    except Varies:
        function = identifier(title, RESERVED)
        lines = [f"def {function}():", *(f"    {line}" for line in flat(graph, found, title))]
    return _program(lines)


def _program(lines: list[str]) -> str:
    """The whole text, with what it imports and the functions that it needs beside its own."""
    text = "\n".join(lines)
    helpers = [[*code.split("\n"), "", ""] for name, code in HELPERS.items() if re.search(rf"(?<![.\w]){name}\(", text)]
    header = ["import math", ""] if "math." in text else []
    header += ["import keras", f"from keras import {'layers, ops' if 'ops.' in text else 'layers'}"]
    ours = [part for line in lines for part in wrapped(line.strip(), len(line) - len(line.lstrip()))]
    every = [*header, *(["", ""] if not _is_constant(ours) else [""]), *_placed(ours, helpers), ""]
    return "\n".join(every)


def _is_constant(lines: list[str]) -> bool:
    return not lines[0].startswith("def ")


def _placed(lines: list[str], helpers: list[list[str]]) -> list[str]:
    """Helpers stand behind constants and before the first function."""
    first = next(number for number, line in enumerate(lines) if line.startswith("def "))
    if not any("make_divisible(" in line for line in lines[:first]):
        return [*lines[:first], *(line for helper in helpers for line in helper), *lines[first:]]
    blank = ["", ""] if helpers else []
    return [*blank[:1], *(line for helper in helpers for line in helper), *lines]
