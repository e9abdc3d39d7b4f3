"""Shapes of tensors, and the one window formula that convolutions and pools share."""

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple, TypeAlias

from cnnarch.errors import Cause

__all__ = ["AXES", "Padding", "PerAxis", "Regions", "Shape", "Window", "by_axis", "windows"]

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

    regions = 1  # how many tensors of this shape there are, see `Regions`

    def __new__(cls, *axes: int) -> "Shape":
        return tuple.__new__(cls, axes)

    def __getnewargs__(self) -> tuple[Any, ...]:  # for pickle
        return tuple(self)

    def times(self, regions: int) -> "Shape":
        """So many tensors of this shape, in place of one."""
        return Regions(regions, self) if regions != 1 else Shape(*self)

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
        """All numbers in the tensor; in one region, if it has several."""
        return prod(self)

    @property
    def size(self) -> int:
        """All numbers in the tensor, in all its regions."""
        return self.regions * prod(self)

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


class Regions(Shape):
    """So many tensors of one shape, which layers treat alike: regions of interest, or windows of an image.

    >>> rois = Regions(1000, Shape(7, 7, 256))
    >>> str(rois), rois.spatial, rois.units, rois.size
    ('1000 · 7×7×256', (7, 7), 12544, 12544000)
    """

    def __new__(cls, regions: int, one: Shape) -> "Regions":
        shape = tuple.__new__(cls, one)
        shape.regions = regions
        return shape

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.regions, Shape(*self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Regions) and self.regions == other.regions and tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((self.regions, tuple(self)))

    def __str__(self) -> str:
        return f"{self.regions} · {super().__str__()}"

    def __repr__(self) -> str:
        return f"Regions({self.regions}, {super().__repr__()})"


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

    def reads(self, length: int) -> int:
        """How many pixels of the axis any window reads.

        >>> Window(1, stride=2).reads(56), Window(3, stride=2, dilation=2).reads(9)  # 0, 2, 4, …; 0, 2, 4, 6, 8
        (28, 5)
        """
        places = self.outputs(length)
        if self.dilation == 1 and self.stride <= self.size:  # no gaps
            return max(0, min(length, (places - 1) * self.stride + self.size - self.before)) if places else 0
        reached: dict[int, int] = {}  # by their remainder: how far pixels that are a stride apart are counted
        pixels = 0
        for offset in range(-self.before, self.reach - self.before, self.dilation):
            steps, remainder = divmod(offset, self.stride)
            first = max(0, steps, reached.get(remainder, 0))
            last = min(places - 1 + steps, (length - 1 - remainder) // self.stride)
            if last >= first:
                pixels += last - first + 1
                reached[remainder] = last + 1
        return pixels

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
        by_axis(kernel, rank, "kernel"),
        by_axis(stride, rank, "stride"),
        by_axis(dilation, rank, "dilation"),
    )
    pads = padding if isinstance(padding, tuple) else (padding,) * rank
    if len(pads) != rank:
        raise Cause(f"`padding` has {len(pads)} values for {rank} spatial axes of the input", "padding")
    axes = zip(kernels, strides, dilations, pads, spatial)
    return tuple([_window(size, step, gap, pad, length, ceil) for size, step, gap, pad, length in axes])


@lru_cache(maxsize=4096)
def _window(
    size: int, stride: int, dilation: int, padding: str | int | tuple[int, int], length: int, ceil: bool
) -> Window:
    before, after = _pads(padding, size, stride, dilation * (size - 1) + 1, length)
    return Window(size, stride, dilation, before, after, ceil)


def _pads(padding: str | int | tuple[int, int], size: int, stride: int, reach: int, length: int) -> tuple[int, int]:
    if isinstance(padding, int):
        return padding, padding
    if isinstance(padding, tuple):
        return padding
    if padding == "half":
        if size % 2 == 0:
            raise Cause(
                f"padding half does not fit the even kernel {size}",
                "padding",
                "`same` pads an even kernel with one pixel more at the bottom and right",
            )
        return reach // 2, reach // 2
    if padding == "same":
        total = max((-(-length // stride) - 1) * stride + reach - length, 0)
        return total // 2, total - total // 2
    assert padding == "valid"
    return 0, 0
