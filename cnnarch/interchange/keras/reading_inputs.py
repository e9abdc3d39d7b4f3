"""What a model of Keras is given: the shapes of its inputs, and which axis their channels are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnnarch.errors import Cause, ReadError, listed
from cnnarch.interchange.keras.layers_base import RANKS, Layout
from cnnarch.layers.settings import shown
from cnnarch.shapes import Shape

__all__ = ["Given", "axes_of", "layout_of", "raw_shape"]

LARGEST = 2**40


class Given:
    """The shapes that the command line or a caller gives, beside those in the file."""

    def __init__(self, path: str, inputs: Shape | Mapping[str, Shape] | None, layout: Layout) -> None:
        self.path = path
        self.lone = inputs if isinstance(inputs, Shape) else None
        self.named = dict(inputs) if isinstance(inputs, Mapping) else {}
        self.layout = layout
        self.changed = False  # so that shapes in the file are not those that we find
        self.uses = 0

    def shape(self, name: str, label: str, axes: tuple[int | None, ...] | None) -> Shape:
        """The shape of an input, channels last: as given, else as in the file."""
        found = self.named.pop(label, None) or self.named.pop(name, None) or self.lone
        if found is not None:
            self.uses += 1
            if axes is not None and len(axes) != len(found):
                raise ReadError(
                    f"input `{label}` is like {self.words(axes)}, and {found} has another number of axes",
                    "write as many sizes, channels last",
                )
            raw = self.layout.raw(found)
            self.changed |= axes is None or any(theirs not in (None, ours) for ours, theirs in zip(raw, axes))
            return found
        if axes is None or None in axes:
            says = (
                f"the sizes of input `{label}` are open: {self.words(axes)}"
                if axes
                else f"input `{label}` has no shape"
            )
            example = "x".join(str(one or 224) for one in self.ordered(axes)) if axes else "224x224x3"
            raise ReadError(
                f"{says} in {self.path}", f"give it, as in `--input {example}` or `--input {label}={example}`"
            )
        known = tuple(one for one in axes if one is not None)
        if not known:
            raise ReadError(f"input `{label}` of {self.path} is a single number, which has no axis")
        return self.layout.ours(known)

    def ordered(self, axes: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*axes[1:], axes[0]) if len(axes) in self.layout.first else axes

    def words(self, axes: tuple[int | None, ...]) -> str:
        return "×".join("?" if one is None else str(one) for one in self.ordered(axes))

    def check_used(self, inputs: list[str]) -> None:
        """Refuse shapes for what is no input, and one shape for several."""
        if self.named:
            raise ReadError(
                f"there is no input `{next(iter(self.named))}` in {self.path}", f"there is {listed(inputs)}"
            )
        if self.lone is not None and len(inputs) > 1:
            shape = "x".join(map(str, self.lone))
            raise ReadError(f"{self.path} has {len(inputs)} inputs", f"say which: `--input {inputs[0]}={shape}`")


def axes_of(config: Any) -> tuple[int | None, ...] | None:
    """The shape of an input without the batch, `None` for sizes that are open; nothing if there is none."""
    if not isinstance(config, dict):
        return None
    shape = next((config[key] for key in ("batch_shape", "batch_input_shape") if config.get(key) is not None), None)
    if shape is None:
        return None
    if not isinstance(shape, list) or not shape or len(shape) > 6:
        raise Cause(f"the shape of an input must be a list of sizes, not {shown(shape)}")
    for size in shape[1:]:
        if size is not None and (type(size) is not int or not 0 < size < LARGEST):
            raise Cause(f"a size of an input must be a whole number of at least 1, not {shown(size)}")
    return tuple(shape[1:])


def raw_shape(value: Any) -> tuple[int | None, ...] | None:
    """A shape that is told, without its batch; nothing if it is none."""
    whole = isinstance(value, list) and len(value) > 1 and all(one is None or type(one) is int for one in value)
    return tuple(value[1:]) if whole else None


def layout_of(whole: Any) -> Layout:
    """Which tensors have their channels first: those with as many axes as such a layer takes."""
    first: set[int] = set()
    left = [whole]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            config = one.get("config")
            if isinstance(config, dict) and config.get("data_format") == "channels_first":
                name = str(one.get("class_name"))
                first.update(
                    axes for axes, rank in RANKS.items() if rank in name or (rank == "2D" and name == "Resizing")
                )
            left += one.values()
        elif isinstance(one, list):
            left += one
    return Layout(frozenset(first))
