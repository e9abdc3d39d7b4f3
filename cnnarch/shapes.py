"""Shapes of tensors, and the one window formula that convolutions and pools share."""

from math import prod
from typing import NamedTuple, TypeAlias

from cnnarch.errors import Cause

__all__ = ["AXES", "Padding", "PerAxis", "Shape", "Window", "by_axis", "windows"]

AXES = {1: ("length",), 2: ("height", "width"), 3: ("axis 1", "axis 2", "axis 3")}

PerAxis: TypeAlias = int | tuple[int, ...]
Padding: TypeAlias = str | int | tuple[int | tuple[int, int], ...]


class Shape(tuple[int, ...]):
    """The size of a tensor without its batch: spatial sizes, then channels.

    >>> x = Shape(55, 55, 96)
    >>> str(x), x.spatial, x.channels, x.units
    ('55×55×96', (55, 55), 96, 290400)
    """

    __slots__ = ()

    def __new__(cls, *axes: int) -> "Shape":
        return tuple.__new__(cls, axes)

    @property
    def spatial(self) -> tuple[int, ...]:
        return self[:-1]

    @property
    def channels(self) -> int:
        return self[-1]

    @property
    def rank(self) -> int:
        """The number of spatial axes: 0 for a vector, 1 for a sequence, 2 for an image, 3 for a volume."""
        return len(self) - 1

    @property
    def units(self) -> int:
        """All numbers in the tensor."""
        return prod(self)

    @property
    def height(self) -> int:
        return self._axis(2, 0, "height")

    @property
    def width(self) -> int:
        return self._axis(2, 1, "width")

    @property
    def length(self) -> int:
        return self._axis(1, 0, "length")

    def _axis(self, rank: int, index: int, name: str) -> int:
        if self.rank != rank:
            raise Cause(f"the tensor {self} has no {name}")
        return self[index]

    def __str__(self) -> str:
        return "×".join(map(str, self))

    def __repr__(self) -> str:
        return f"Shape({', '.join(map(str, self))})"


class Window(NamedTuple):
    """A window that slides along one axis.

    `before` and `after` are the padded pixels. After Dumoulin & Visin 2016, arXiv:1603.07285.

    >>> Window(11, stride=4).outputs(227)  # 55 = (227 − 11)/4 + 1
    55
    """

    size: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    ceil: bool = False

    @property
    def reach(self) -> int:
        """The pixels from the first to the last that a dilated window reads, d(k − 1) + 1."""
        return self.dilation * (self.size - 1) + 1

    def outputs(self, length: int) -> int:
        """How many places the window takes on an axis; below 1 where it does not fit.

        With `ceil` a last, partial window counts too, unless it starts in the padding behind
        the axis, as in Caffe and PyTorch.
        """
        room = length + self.before + self.after - self.reach
        if not self.ceil:
            return max(room // self.stride + 1, 0)
        places = max(-(-room // self.stride) + 1, 0)
        behind = places and (places - 1) * self.stride >= length + self.before
        return places - 1 if behind else places

    def unread(self, length: int) -> int:
        """How many pixels at the end of the axis no window reads.

        >>> Window(11, stride=4).unread(224)  # the last of 54 windows ends with pixel 223
        1
        """
        last = -1
        for offset in range(-self.before, self.reach - self.before, self.dilation):
            place = min(self.outputs(length) - 1, (length - 1 - offset) // self.stride)
            if place >= 0:
                last = max(last, place * self.stride + offset)
        return length - 1 - last

    def inside(self, length: int, places: int) -> int:
        """Count the window's cells that lie on real pixels, summed over so many places.

        >>> Window(3, before=1, after=1).inside(4, places=4)  # 2 + 3 + 3 + 2
        10
        """
        cells = 0
        for offset in range(-self.before, self.reach - self.before, self.dilation):
            first = max(0, -(offset // self.stride))  # the first place whose cell is at pixel 0 or later
            last = min(places - 1, (length - 1 - offset) // self.stride)
            cells += max(0, last - first + 1)
        return cells

    def spread(self, length: int, extra: int = 0) -> int:
        """The output of a transposed convolution: every input pixel spreads over a window.

        >>> Window(3, stride=2).spread(10)  # 21 = (10 − 1)·2 + 3
        21
        """
        return (length - 1) * self.stride + self.reach - self.before - self.after + extra


def by_axis(value: PerAxis, rank: int, setting: str) -> tuple[int, ...]:
    """Give a setting one value per spatial axis."""
    if isinstance(value, int):
        return (value,) * rank
    if len(value) != rank:
        raise Cause(f"`{setting}` has {len(value)} values for {rank} spatial axes of the input", setting)
    return value


def windows(
    spatial: tuple[int, ...],
    kernel: PerAxis,
    stride: PerAxis = 1,
    dilation: PerAxis = 1,
    padding: Padding = 0,
    ceil: bool = False,
) -> tuple[Window, ...]:
    """Resolve settings into one window per spatial axis.

    >>> windows((224, 224), kernel=3, stride=2, padding="same")[0]  # 112 = ⌈224/2⌉
    Window(size=3, stride=2, dilation=1, before=0, after=1, ceil=False)
    """
    rank = len(spatial)
    kernels, strides, dilations = (
        by_axis(value, rank, setting)
        for value, setting in ((kernel, "kernel"), (stride, "stride"), (dilation, "dilation"))
    )
    if isinstance(padding, tuple) and len(padding) != rank:
        raise Cause(f"`padding` has {len(padding)} values for {rank} spatial axes of the input", "padding")
    resolved = []
    for axis, length in enumerate(spatial):
        window = Window(kernels[axis], strides[axis], dilations[axis], 0, 0, ceil)
        before, after = _pads(padding, axis, window, length)
        resolved.append(window._replace(before=before, after=after))
    return tuple(resolved)


def _pads(padding: Padding, axis: int, window: Window, length: int) -> tuple[int, int]:
    if padding == "valid":
        return 0, 0
    if padding == "half":
        if window.size % 2 == 0:
            raise Cause(
                f"padding half does not fit the even kernel {window.size}",
                "padding",
                "`same` pads an even kernel with one pixel more at the bottom and right",
            )
        return (window.reach // 2,) * 2
    if padding == "same":
        total = max((-(-length // window.stride) - 1) * window.stride + window.reach - length, 0)
        return total // 2, total - total // 2
    if isinstance(padding, tuple):
        pad = padding[axis]
        return pad if isinstance(pad, tuple) else (pad, pad)
    assert isinstance(padding, int)
    return padding, padding
