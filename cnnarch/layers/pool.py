"""Pools: the largest or the average of a window, or of everything."""

from __future__ import annotations

from math import prod

from cnnarch.errors import Cause
from cnnarch.layers.base import KEEPS_INPUTS, Kept, Layer, Step
from cnnarch.layers.field import ALL, Reading, adaptive
from cnnarch.layers.settings import Flag, Sizes, setting
from cnnarch.layers.sliding import Sliding, product, times
from cnnarch.shapes import AXES, PerAxis, Shape, Window, by_axis

__all__ = ["AdaptiveAvgPool", "AdaptiveMaxPool", "AvgPool", "GlobalAvgPool", "GlobalMaxPool", "MaxPool"]

INDEXED = "its input, and 8 bytes for each output: where the largest was"
COMPARED = "a comparison each with the largest so far, which is −∞ at first"
ADDED = "an addition each but the first, and the division"


class Pool(Sliding):
    stride: PerAxis | None = setting(
        Sizes(), "step from one window to the next; the kernel's size if not given", default=None,
        elsewhere=("strides", "subsample"),
    )  # fmt: skip
    ceil: bool = setting(
        Flag(),
        "whether a last, partial window counts, unless it starts in the padding behind the input",
        default=False,
        elsewhere=("ceil_mode",),
    )

    words = ""
    each = ""  # what is done with every cell of a window

    def rounds_up(self) -> bool:
        return self.ceil

    def windows(self, x: Shape) -> tuple[Window, ...]:
        found = super().windows(x)
        for window in found:
            pad = max(window.before, window.after)
            if pad >= window.reach:
                raise Cause(f"padding {pad} leaves windows of kernel {window.size} without any input", "padding")
        return found

    def output(self, x: Shape) -> Shape:
        return Shape(*self.positions(x), x.channels)

    def count_elements(self, x: Shape) -> int:
        """Every cell of every window, on padding too, as the MACs of a convolution are counted."""
        return self.output(x).units * prod(by_axis(self.kernel, x.rank, "kernel"))

    def explain_elements(self, x: Shape) -> Step:
        factors = product((*self.output(x), *by_axis(self.kernel, x.rank, "kernel")))
        return Step("element ops", "values × kernel", factors, self.count_elements(x), self.each)

    def operation(self, x: Shape) -> str:
        return f"{self.words} {self.window_words(x)}" + (", ceil" if self.ceil else "")

    def explain(self, x: Shape) -> list[Step]:
        return [*self.axis_steps(x), Step("depth", "channels", str(x.channels), x.channels)]


class MaxPool(Pool):
    """Keep the largest of each window, channel by channel.

    >>> MaxPool(kernel=3, stride=2).output(Shape(55, 55, 96))  # 27 = (55 − 3)/2 + 1
    Shape(27, 27, 96)
    >>> MaxPool(kernel=3, stride=2, ceil=True).output(Shape(112, 112, 64))  # 56 = ⌈(112 − 3)/2⌉ + 1
    Shape(56, 56, 64)

    Units: no weights and no MACs; comparisons are not multiply-adds.
    Errors: a kernel larger than the padded input; padding as large as the kernel.
    """

    kind = "maxpool"
    elsewhere = ("maxpool1d", "maxpool2d", "maxpool3d", "maxpooling", "maxpooling1d", "maxpooling2d", "pool", "pooling")
    example = "maxpool: {kernel: 3, stride: 2}"
    sample = ({"kernel": 3, "stride": 2, "padding": 1}, (Shape(7, 7, 64),))
    source = "Dumoulin & Visin 2016, A guide to convolution arithmetic, arXiv:1603.07285, chapter 3"
    words = "max"
    each = COMPARED

    def count_kept(self, x: Shape) -> Kept:
        return Kept(INDEXED, inputs=True, size=8 * self.output(x).units)


class AvgPool(Pool):
    """Average each window, channel by channel.

    >>> AvgPool(kernel=2).output(Shape(28, 28, 6))  # the stride is the kernel's: 14 = (28 − 2)/2 + 1
    Shape(14, 14, 6)

    Units: no weights and no MACs; additions are not multiply-adds.
    Errors: a kernel larger than the padded input; padding as large as the kernel.
    """

    kind = "avgpool"
    kept = KEEPS_INPUTS
    elsewhere = (
        "avgpool1d", "avgpool2d", "avgpool3d", "averagepool", "averagepooling1d", "averagepooling2d", "meanpool",
    )  # fmt: skip
    example = "avgpool: {kernel: 2, stride: 2}"
    sample = ({"kernel": 3, "stride": 2, "padding": 1}, (Shape(7, 7, 64),))
    source = "Dumoulin & Visin 2016, A guide to convolution arithmetic, arXiv:1603.07285, chapter 3"
    words = "average"
    each = ADDED


class GlobalPool(Layer):
    """One value of every channel, whatever the spatial sizes."""

    words = ""
    each = ""
    covers = ""  # what it does with the places, for its error

    def output(self, x: Shape) -> Shape:
        if x.rank == 0:
            raise Cause(f"{self.kind} {self.covers} places, and a vector has none: {x} is the input")
        return Shape(x.channels)

    def count_elements(self, x: Shape) -> int:
        return x.units

    def explain_elements(self, x: Shape) -> Step:
        return Step("element ops", "values of the input", product(x), x.units, self.each)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        return (ALL,)

    def operation(self, x: Shape) -> str:
        return f"{self.words} of {times(x.spatial)}"

    def explain(self, x: Shape) -> list[Step]:
        return [Step("units", "channels", str(x.channels), x.channels, f"each the {self.operation(x)}")]


class GlobalAvgPool(GlobalPool):
    """Average every channel over all places, which leaves a vector.

    >>> GlobalAvgPool().output(Shape(7, 7, 2048))
    Shape(2048)

    Units: no weights and no MACs.
    Errors: a vector, which has no places.
    """

    kind = "global_avgpool"
    elsewhere = ("globalaveragepool", "globalaveragepooling2d", "globalavgpool2d", "gap", "globalaveragepooling1d")
    example = "global_avgpool"
    sample = ({}, (Shape(7, 7, 64),))
    source = "Lin et al. 2013, Network in network, arXiv:1312.4400"
    words = "average"
    each = ADDED
    covers = "averages over"


class GlobalMaxPool(GlobalPool):
    """Keep the largest value of every channel, which leaves a vector.

    >>> GlobalMaxPool().output(Shape(7, 7, 512))
    Shape(512)

    Units: no weights and no MACs.
    Errors: a vector, which has no places.
    """

    kind = "global_maxpool"
    elsewhere = ("globalmaxpooling", "globalmaxpooling1d", "globalmaxpooling2d", "globalmaxpooling3d", "gmp")
    example = "global_maxpool"
    sample = ({}, (Shape(7, 7, 64),))
    source = "Oquab et al. 2015, Is object localization for free? Weakly-supervised learning with CNNs"
    words = "max"
    each = COMPARED
    covers = "goes over"

    def count_kept(self, x: Shape) -> Kept:
        return Kept(INDEXED, inputs=True, size=8 * x.channels)


class AdaptivePool(Layer):
    """A pool whose windows follow from the size of its output."""

    words = ""
    each = ""

    size: PerAxis = setting(Sizes(), "size of the output", elsewhere=("output_size", "kernel", "out"))

    def output(self, x: Shape) -> Shape:
        if x.rank == 0:
            raise Cause(f"{self.kind} needs a spatial axis, and a vector has none: {x} is the input")
        return Shape(*by_axis(self.size, x.rank, "size"), x.channels)

    def reads(self, x: Shape) -> list[int]:
        """How many pixels all windows along an axis read together."""
        sizes = zip(x.spatial, by_axis(self.size, x.rank, "size"))
        return [sum(-(-(i + 1) * length // out) - i * length // out for i in range(out)) for length, out in sizes]

    def count_elements(self, x: Shape) -> int:
        return prod(self.reads(x)) * x.channels

    def explain_elements(self, x: Shape) -> Step:
        formula = " × ".join(f"cells along {axis}" for axis in AXES[x.rank])
        factors = product((*self.reads(x), x.channels))
        return Step("element ops", f"{formula} × channels", factors, self.count_elements(x), self.each)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        return (adaptive(x.spatial, self.output(x).spatial),)

    def operation(self, x: Shape) -> str:
        return f"{self.words} to {times(by_axis(self.size, x.rank, 'size'))}"

    def explain(self, x: Shape) -> list[Step]:
        sizes = zip(AXES[x.rank], by_axis(self.size, x.rank, "size"))
        return [
            *(Step(name, "size", str(size), size) for name, size in sizes),
            Step("depth", "channels", str(x.channels), x.channels),
        ]


class AdaptiveAvgPool(AdaptivePool):
    """Average to a given size: window i of an axis runs from ⌊i·in/out⌋ to ⌈(i + 1)·in/out⌉.

    >>> AdaptiveAvgPool(size=6).output(Shape(13, 13, 256))
    Shape(6, 6, 256)

    Units: no weights and no MACs.
    Errors: a vector, which has no axis to resize.
    """

    kind = "adaptive_avgpool"
    elsewhere = ("adaptiveavgpool1d", "adaptiveavgpool2d", "adaptiveavgpool3d", "adaptiveaveragepooling2d")
    example = "adaptive_avgpool: 6"
    sample = ({"size": 6}, (Shape(7, 7, 64),))
    source = "PyTorch, torch.nn.AdaptiveAvgPool2d"
    words = "average"
    each = ADDED

    def count_kept(self, x: Shape) -> Kept:
        """Nothing for a mean of all places, as PyTorch takes a mean then."""
        return self.kept if set(self.output(x).spatial) == {1} else KEEPS_INPUTS


class AdaptiveMaxPool(AdaptivePool):
    """Keep the largest of windows that give a certain size; window i of an axis is as in adaptive_avgpool.

    >>> AdaptiveMaxPool(size=7).output(Shape(13, 13, 256))
    Shape(7, 7, 256)

    Units: no weights and no MACs.
    Errors: a vector, which has no axis to resize.
    """

    kind = "adaptive_maxpool"
    elsewhere = ("adaptivemaxpool1d", "adaptivemaxpool2d", "adaptivemaxpool3d", "adaptivemaxpooling2d")
    example = "adaptive_maxpool: 7"
    sample = ({"size": 6}, (Shape(7, 7, 64),))
    source = "PyTorch, torch.nn.AdaptiveMaxPool2d"
    words = "max"
    each = COMPARED

    def count_kept(self, x: Shape) -> Kept:
        return Kept(INDEXED, inputs=True, size=8 * self.output(x).units)
