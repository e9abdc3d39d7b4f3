"""What convolutions and pools have in common: a window that slides over every spatial axis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cnnarch.errors import Cause
from cnnarch.layers.base import Layer, Step
from cnnarch.layers.field import Reading, sliding
from cnnarch.layers.settings import Pads, Sizes, setting
from cnnarch.shapes import AXES, Padding, PerAxis, Shape, Window, windows

__all__ = ["Sliding", "product", "times"]


class Sliding(Layer):
    """A layer with a window; the number of spatial axes is the input's."""

    loose = ("stride", "padding", "dilation", "output_padding")

    kernel: PerAxis = setting(
        Sizes(),
        "size of the window",
        elsewhere=("kernel_size", "pool_size", "kernel_shape", "size", "ksize", "filter_size", "window"),
    )
    stride: PerAxis | None = setting(
        Sizes(), "step from one window to the next", default=1, elsewhere=("strides", "subsample")
    )
    padding: Padding = setting(
        Pads(), "pixels added around the input", default=0, elsewhere=("pad", "pads", "border_mode", "auto_pad")
    )
    dilation: PerAxis = setting(
        Sizes(),
        "distance between the pixels that a window reads",
        default=1,
        elsewhere=("dilations", "dilation_rate", "rate", "atrous"),
    )

    def rounds_up(self) -> bool:
        """Whether a last, partial window counts."""
        return False

    def resolve(self, x: Shape) -> tuple[Window, ...]:
        """One window per spatial axis, whether it fits or not."""
        if x.rank == 0:
            raise Cause(
                f"{self.kind} needs an axis to slide along, and a vector has none: {x} is the input",
                hint="a layer with windows goes before flatten and global pooling",
            )
        stride = self.kernel if self.stride is None else self.stride
        return windows(x.spatial, self.kernel, stride, self.dilation, self.padding, self.rounds_up())

    def windows(self, x: Shape) -> tuple[Window, ...]:
        """One window per spatial axis; raises Cause where it does not fit the input."""
        found = self.resolve(x)
        if any(window.outputs(length) < 1 for window, length in zip(found, x.spatial)):
            raise _misfit(found, x)
        return found

    def positions(self, x: Shape) -> tuple[int, ...]:
        """How many places the window takes on every axis."""
        last = self.__dict__.get("_positions")  # output and MACs both ask for the same
        if last is None or last[0] is not x:
            found = tuple([window.outputs(length) for window, length in zip(self.windows(x), x.spatial)])
            last = self.__dict__["_positions"] = (x, found)
        places: tuple[int, ...] = last[1]
        return places

    def values_read(self, x: Shape) -> tuple[int, ...]:
        """The pixels that its windows reach, with all their channels."""
        values = x.channels
        for window, length in zip(self.resolve(x), x.spatial):
            values *= window.reads(length)
        return (values,)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        return (sliding(self.resolve(x)),)

    def window_words(self, x: Shape) -> str:
        """The window and what is not usual about it: `3×3, stride 2, padding 1`."""
        found = self.resolve(x)
        words = times(window.size for window in found)
        for name, values in (
            ("stride", [window.stride for window in found]),
            ("dilation", [window.dilation for window in found]),
        ):
            if set(values) != {1}:
                words += f", {name} {_same(values)}"
        if self.padding == "same":
            words += ", padding same"
        elif any(window.before or window.after for window in found):
            pads = [w.before if w.before == w.after else f"{w.before}+{w.after}" for w in found]
            words += f", padding {_same(pads)}"
        return words

    def facts(self, x: Shape) -> dict[str, str]:
        found = self.resolve(x)
        sides = [(window.before, window.after) for window in found]
        resolved = {
            "kernel": times(window.size for window in found),
            "stride": _same([window.stride for window in found]),
            "padding": _same([str(a) if a == b else f"{a}+{b}" for a, b in sides]),
            "dilation": _same([window.dilation for window in found]),
        }
        return {**super().facts(x), **resolved}

    def axis_steps(self, x: Shape) -> list[Step]:
        """The output's spatial sizes, with their arithmetic."""
        found = zip(AXES[x.rank], self.windows(x), x.spatial)
        if self.padding == "same":
            return [_same_step(name, window, length) for name, window, length in found]
        return [_axis_step(name, window, length) for name, window, length in found]


def times(values: Iterable[object]) -> str:
    """`3×3` from 3 and 3."""
    return "×".join(map(str, values))


def product(factors: Iterable[object]) -> str:
    """The arithmetic of a product, `11 * 11 * 3`."""
    return " * ".join(map(str, factors))


def _same(values: Sequence[object]) -> str:
    return str(values[0]) if len(set(values)) == 1 else times(values)


def _misfit(found: tuple[Window, ...], x: Shape) -> Cause:
    sizes = times(window.size for window in found)
    reach = times(window.reach for window in found)
    over = f" reaches over {reach} and" if reach != sizes else ""
    padded = times(length + w.before + w.after for w, length in zip(found, x.spatial))
    after_padding = f", padded to {padded}," if padded != times(x.spatial) else ""
    lack = max(w.reach - w.before - w.after - length for w, length in zip(found, x.spatial))
    more = max(max(w.before, w.after) for w in found) + (lack + 1) // 2
    return Cause(
        f"kernel {sizes}{over} does not fit the input {times(x.spatial)}{after_padding}",
        "kernel",
        f"a padding of {more} would do",
    )


def _axis_step(name: str, window: Window, length: int) -> Step:
    padding = " + padding" if window.before or window.after else ""
    pads = f" + {window.before} + {window.after}" if padding else ""
    reach = str(window.reach)
    kernel = "kernel"
    if window.dilation > 1:
        kernel = "(dilation × (kernel − 1) + 1)"
        reach = f"({window.dilation} * ({window.size} - 1) + 1)"
    room = length + window.before + window.after - window.reach
    value = window.outputs(length)
    if window.stride == 1:
        return Step(name, f"input{padding} − {kernel} + 1", f"{length}{pads} - {reach} + 1", value)
    formula = f"(input{padding} − {kernel}) / stride"
    arithmetic = f"({length}{pads} - {reach}) / {window.stride}"
    if room % window.stride == 0:
        return Step(name, f"{formula} + 1", f"{arithmetic} + 1", value)
    if window.ceil:
        return _rounded_up(name, window, length, formula, arithmetic)
    return Step(
        name,
        f"⌊{formula}⌋ + 1",
        f"floor({arithmetic}) + 1",
        value,
        _remainder(window, length, room),
    )


def _rounded_up(name: str, window: Window, length: int, formula: str, arithmetic: str) -> Step:
    value = window.outputs(length)
    if value == window._replace(ceil=False).outputs(length):
        remark = "a last, partial window would start in the padding, so it is dropped"
        return Step(name, f"⌊{formula}⌋ + 1", f"floor({arithmetic}) + 1", value, remark)
    remark = "the last window is partial: `ceil` rounds up"
    return Step(name, f"⌈{formula}⌉ + 1", f"ceil({arithmetic}) + 1", value, remark)


def _remainder(window: Window, length: int, room: int) -> str:
    """Why a division that leaves a remainder means pixels that no window reads."""
    over = f"{room} / {window.stride} is not whole, the remainder is {room % window.stride}"
    if window.dilation > 1 or window.stride > window.size:
        return over  # windows with gaps leave other pixels unread as well
    unread = window.unread(length)
    if not unread:
        return f"{over}: only padding is left unread"
    last = f"the last {unread} of the {length} input pixels are"
    if unread == 1:
        last = f"the last of the {length} input pixels is"
    return f"{over}: {last} never read"


def _same_step(name: str, window: Window, length: int) -> Step:
    remark = f"padding {window.before} before and {window.after} after"
    if window.stride == 1:
        return Step(name, "input", str(length), length, remark)
    value = window.outputs(length)
    return Step(name, "⌈input / stride⌉", f"ceil({length} / {window.stride})", value, remark)
