"""What a layer of Keras is given where it is called, and what it becomes: one or several of our layers."""

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple, TypeAlias

from cnnarch.errors import Cause
from cnnarch.layers.settings import LARGEST_COUNT, Count, Flag, Sizes, shown
from cnnarch.shapes import Shape

__all__ = ["Call", "Handler", "Layout", "Part", "Parts", "Tensor", "back", "kept", "unknown"]

RANKS = {2: "1D", 3: "2D", 4: "3D"}  # of Keras's shapes without the batch: what its classes end with


class Layout(NamedTuple):
    """Which tensors have their channels first in Keras, by their number of axes without the batch."""

    first: frozenset[int] = frozenset()

    def ours(self, raw: tuple[int, ...]) -> Shape:
        """Keras's axes with the channels last."""
        return Shape(*raw[1:], raw[0]) if len(raw) in self.first else Shape(*raw)

    def raw(self, shape: Shape) -> tuple[int, ...]:
        return (shape[-1], *shape[:-1]) if len(shape) in self.first else tuple(shape)

    def axis(self, axis: int, axes: int) -> int:
        """One of our axes, of one of Keras's, which counts the batch; raises Cause if there is none such."""
        found = axis - 1 if axis >= 0 else axis + axes
        if not 0 <= found < axes:
            raise Cause(f"axis {axis} is not one of {axes} beside the batch")
        return (found - 1) % axes if axes in self.first else found


class Tensor(NamedTuple):
    """What a call gives: the input or entry that it comes from, and its shape, channels last."""

    source: str
    shape: Shape


class Part(NamedTuple):
    """One of our layers that a layer of Keras becomes.

    It takes the part before, the first one all inputs, unless `takes` has numbers of inputs and suffixes of parts.
    """

    kind: str
    settings: dict[str, Any]
    suffix: str = ""
    takes: tuple[int | str, ...] | None = None
    note: str = ""


Parts: TypeAlias = list[Part]


class Call(NamedTuple):
    """A layer of Keras where it is called: its class and configuration, its inputs, what else it is given.

    `told` is the shape of its output as the file has it, if it has one.
    """

    cls: str
    config: dict[str, Any]
    inputs: tuple[Tensor, ...]
    layout: Layout
    told: Shape | None = None
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}  # noqa: RUF012, never written to

    @property
    def x(self) -> Shape:
        """The shape of its first input."""
        if not self.inputs:
            raise Cause("no input")
        return self.inputs[0].shape

    @property
    def shapes(self) -> tuple[Shape, ...]:
        return tuple([tensor.shape for tensor in self.inputs])

    @property
    def raw(self) -> tuple[int, ...]:
        """The first input as Keras has it, without the batch."""
        return self.layout.raw(self.x)

    def get(self, *names: str, default: Any = None) -> Any:
        """A value of the configuration, by its newest name or an older one."""
        return next((self.config[name] for name in names if name in self.config), default)

    def count(self, *names: str, default: int | None = None, least: int = 1) -> int:
        value: int = _converted(Count(least, LARGEST_COUNT), names[0], self.get(*names, default=default))
        return value

    def flag(self, name: str, default: bool) -> bool:
        value: bool = _converted(Flag(), name, self.get(name, default=default))
        return value

    def number(self, *names: str, default: float) -> float:
        value = self.get(*names, default=default)
        if isinstance(value, dict) and isinstance(value.get("config"), dict):  # an array, in Keras 2
            value = value["config"].get("value")
        if type(value) not in (int, float) or not abs(value) < float("inf"):
            raise Cause(f"`{names[0]}` must be a number, not {shown(value)}")
        return float(value)

    def word(self, name: str, default: str) -> str:
        value = self.get(name, default=default)
        if not isinstance(value, str):
            raise Cause(f"`{name}` must be a word, not {shown(value)}")
        return value

    def sizes(self, *names: str, default: Any = None, least: int = 1) -> Any:
        """A number, or a list of one for each axis if they are not all alike."""
        value = self.get(*names, default=default)
        found = _converted(Sizes(least), names[0], value)
        if isinstance(found, tuple):
            return found[0] if len(set(found)) == 1 else list(found)
        return found

    def axis(self, name: str = "axis", default: int = -1) -> int:
        """One of our axes."""
        value = self.get(name, default=default)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if type(value) is not int:
            raise Cause(f"`{name}` must be a whole number, not {shown(value)}")
        return self.layout.axis(value, len(self.x))

    def axes(self, name: str = "axis", default: Any = -1) -> list[int]:
        """Several of our axes, in order."""
        value = self.get(name, default=default)
        values = value if isinstance(value, list) else [value]
        if not values or any(type(one) is not int for one in values):
            raise Cause(f"`{name}` must be whole numbers, not {shown(value)}")
        return sorted({self.layout.axis(one, len(self.x)) for one in values})

    def is_channels(self, name: str = "axis", default: Any = -1) -> bool:
        return self.axes(name, default) == [len(self.x) - 1]

    def check_layout(self) -> None:
        """Refuse a layer that reads an axis as channels that others do not."""
        first = self.get("data_format", default=None) == "channels_first"
        if len(self.x) > 1 and first != (len(self.x) in self.layout.first):
            raise Cause("`data_format` is not that of the others, and tensors with both orders are not read")

    def with_config(self, cls: str, config: dict[str, Any]) -> "Call":
        return self._replace(cls=cls, config=config)


Handler: TypeAlias = Callable[[Call], Parts]


def kept(call: Call) -> Parts:
    """Nothing: at inference the layer gives what it is given."""
    return []


def unknown(call: Call, shape: Shape | None = None, weights: int = 0) -> Parts:
    """What we have no kind for, if its output shape is known; raises Cause if not."""
    shape = shape or call.told
    if shape is None:
        raise Cause(
            f"the class `{call.cls}` is not known, nor the shape of its output",
            hint="code of others is not run; save the model as `.keras` with Keras 3, which writes shapes too",
        )
    settings: dict[str, Any] = {"operator": call.cls, "size": list(shape)}
    return [Part("unknown", {**settings, "weights": weights} if weights else settings)]


def back(parts: Parts, x: Shape, merged: tuple[int, ...], after: Shape | None = None) -> Parts:
    """Lay a tensor out as it is told, run parts that keep the shape, and lay it out as it was, or as is told."""
    assert prod(merged) == x.units
    end = Part("reshape", {"size": list(after or x)}, "back")
    return [Part("reshape", {"size": list(merged)}, "laid_out"), *parts, end]


def _converted(type: Any, name: str, value: Any) -> Any:
    try:
        return type.convert(value)
    except Cause as cause:
        raise Cause(f"`{name}` {cause.message}", hint=cause.hint) from None
