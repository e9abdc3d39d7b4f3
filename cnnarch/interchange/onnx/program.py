"""An ONNX graph in plain values: what reading a file gives, and what is rewritten before it is a `Model`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["Constant", "Op", "Program", "place"]


class Op(NamedTuple):
    """An operator: its type, its name, the tensors that it takes (`""` for one left out) and gives."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


class Constant(NamedTuple):
    """A tensor that is known: an initialiser, or what was computed from shapes; `values` only of small ones, flat.

    `root` is the initialiser whose numbers it has, perhaps in another shape; `""` where it was computed.
    """

    shape: tuple[int, ...]
    values: tuple[Any, ...] | None = None
    root: str = ""
    held: int = 0  # numbers of the tensor that it is a part of, where it was cut out of one


class Program(NamedTuple):
    """Operators in the order in which they run, and the shape of every tensor, batch included, as ONNX orders axes.

    `orders` has for an input which of its axes are ours, in our order: (2, 3, 1) of an image with channels first.
    """

    name: str
    inputs: dict[str, tuple[int, ...]]
    outputs: tuple[str, ...]
    ops: list[Op]
    shapes: dict[str, tuple[int, ...]]
    constants: dict[str, Constant]
    orders: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    opset: int = 0


def place(op: Op) -> str:
    """An operator's type and name, for a message.

    >>> place(Op("Conv", "", ("x", "w"), ("y",), {}))
    'Conv that gives `y`'
    """
    given = next(filter(None, op.outputs), "")
    return f"{op.kind} `{op.name}`" if op.name or not given else f"{op.kind} that gives `{given}`"
