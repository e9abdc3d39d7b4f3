"""Regions: parts of an image that the layers after it treat alike, each on its own."""

from __future__ import annotations

from cnnarch.errors import Cause
from cnnarch.layers.base import Figures, Kept, Layer, Step
from cnnarch.layers.field import MOVED, NOTHING, Reading, Untold
from cnnarch.layers.settings import Count, Sizes, setting
from cnnarch.layers.sliding import product, times
from cnnarch.shapes import AXES, PerAxis, Shape, by_axis

__all__ = ["JoinWindows", "RoIAlign", "Windows"]


class RoIAlign(Layer):
    """Cut regions of interest out of feature maps, each resampled to one size.

    With several maps, the levels of a pyramid, every region is cut from the level that suits its size.

    >>> RoIAlign(size=7, regions=1000).output(Shape(200, 200, 256), Shape(100, 100, 256))
    Regions(1000, Shape(7, 7, 256))

    Layers after it work in every region: weights are counted once, work as often as there are regions.

    Units: no weights and no MACs; interpolation is an element operation.
    Errors: maps whose channels differ; anything but images.
    """

    kind = "roi_align"
    inputs = (1, None)
    joins_regions = True
    elsewhere = ("roipool", "roialign", "multiscaleroialign", "roipooling", "cropandresize", "psroialign")
    example = "roi_align: {size: 7, regions: 1000}"
    sample = ({"size": 7, "regions": 1000}, (Shape(50, 50, 256),))
    source = "He et al. 2017, Mask R-CNN, arXiv:1703.06870, section 3"

    size: PerAxis = setting(Sizes(), "height and width of a region", elsewhere=("output_size", "pooled_size"))
    regions: int = setting(Count(), "how many regions of interest", elsewhere=("proposals", "rois", "boxes"))

    def output(self, *xs: Shape) -> Shape:
        for x in xs:
            if x.rank != 2 or x.regions > 1:
                raise Cause(f"roi_align cuts regions out of images, and {x} is the input")
            if x.channels != xs[0].channels:
                raise Cause(
                    f"roi_align needs levels with one number of channels, not {xs[0].channels} and {x.channels}"
                )
        return Shape(*by_axis(self.size, 2, "size"), xs[0].channels).times(self.regions)

    def figures(self, inputs: tuple[Shape, ...]) -> Figures:
        """Every region has its own interpolation."""
        figures = super().figures(inputs)
        return figures._replace(elements=32 * figures.output.size)

    def count_kept(self, *xs: Shape) -> Kept:
        return Kept("the boxes, 5 numbers each", values=5 * self.regions)

    def field(self, *xs: Shape) -> tuple[Reading, ...]:
        return (Untold("regions of interest lie anywhere"),) * len(xs)

    def explain_elements(self, *xs: Shape) -> Step:
        y = self.output(*xs)
        return Step(
            "element ops",
            "32 × regions × values",
            product((32, y.regions, *y)),
            32 * y.size,
            "each the average of 4 samples, each of those the sum of 4 products",
        )

    def operation(self, *xs: Shape) -> str:
        return f"{self.regions} regions of {times(by_axis(self.size, 2, 'size'))}"

    def explain(self, *xs: Shape) -> list[Step]:
        sizes = zip(AXES[2], by_axis(self.size, 2, "size"))
        return [
            Step("regions", "regions", str(self.regions), self.regions),
            *(Step(name, "size", str(size), size) for name, size in sizes),
            Step("depth", "channels", str(xs[0].channels), xs[0].channels),
        ]


class Windows(Layer):
    """Part an image into windows that do not overlap; what is lacking at the border is padded.

    >>> Windows(size=7).output(Shape(56, 56, 96))  # 64 = 8·8
    Regions(64, Shape(7, 7, 96))
    >>> Windows(size=7).output(Shape(60, 56, 96))  # 72 = ⌈60/7⌉·8
    Regions(72, Shape(7, 7, 96))

    Layers after it work in every window. Also for windows that are shifted, or whose places lie apart.

    Units: no weights and no MACs.
    Errors: a vector.
    """

    kind = "windows"
    joins_regions = True
    elsewhere = ("windowpartition", "partition", "gridpartition", "unfold")
    example = "windows: 7"
    sample = ({"size": 7}, (Shape(56, 56, 96),))
    source = "Liu et al. 2021, Swin Transformer, arXiv:2103.14030, section 3.2"

    size: PerAxis = setting(
        Sizes(), "size of a window", elsewhere=("window_size", "window", "kernel", "partition_size")
    )

    def counts(self, x: Shape) -> list[int]:
        """How many windows lie along every axis."""
        return [-(-length // size) for length, size in zip(x.spatial, by_axis(self.size, x.rank, "size"))]

    def output(self, x: Shape) -> Shape:
        if not x.rank:
            raise Cause(f"windows parts an image, and a vector has no places: {x} is the input")
        regions = x.regions
        for count in self.counts(x):
            regions *= count
        return Shape(*by_axis(self.size, x.rank, "size"), x.channels).times(regions)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        return (MOVED,)

    def operation(self, x: Shape) -> str:
        return f"windows of {times(by_axis(self.size, x.rank, 'size'))}"

    def explain(self, x: Shape) -> list[Step]:
        sizes = by_axis(self.size, x.rank, "size")
        factors = [f"ceil({length} / {size})" for length, size in zip(x.spatial, sizes)]
        arithmetic = " * ".join([*factors, *([str(x.regions)] if x.regions > 1 else [])])
        return [Step("regions", " × ".join(f"⌈{axis} / size⌉" for axis in AXES[x.rank]), arithmetic,
                     self.output(x).regions)]  # fmt: skip


class JoinWindows(Layer):
    """Put windows together to the image that they are parts of; the second input is that image, and gives its size.

    >>> windows = Windows(size=7).output(Shape(56, 56, 96))
    >>> JoinWindows().output(windows, Shape(56, 56, 96))
    Shape(56, 56, 96)

    Units: no weights and no MACs.
    Errors: windows that do not cover the image.
    """

    kind = "join_windows"
    sized_by_second = True
    inputs = (2, 2)
    joins_regions = True
    elsewhere = ("windowreverse", "windowdepartition", "departition", "fold", "windowmerge")
    example = "join_windows:\n  from: [windows, input]"
    sample = ({}, (Shape(7, 7, 96).times(64), Shape(56, 56, 96)))
    source = "Liu et al. 2021, Swin Transformer, arXiv:2103.14030, section 3.2"

    def output(self, x: Shape, image: Shape) -> Shape:
        if x.rank != image.rank or not x.rank:
            raise Cause(f"the windows {x} do not make the image {image}")
        regions = image.regions
        for length, size in zip(image.spatial, x.spatial):
            regions *= -(-length // size)
        if regions != x.regions:
            hint = f"there are {regions} windows of {times(x.spatial)} in an image of {times(image.spatial)}"
            raise Cause(f"the windows {x} do not make the image {image}", hint=hint)
        return Shape(*image.spatial, x.channels).times(image.regions)

    def field(self, x: Shape, image: Shape) -> tuple[Reading, ...]:
        return (MOVED, NOTHING)

    def operation(self, x: Shape, image: Shape) -> str:
        count = x.regions // image.regions
        return f"image of {count} window{'s' if count > 1 else ''}"

    def explain(self, x: Shape, image: Shape) -> list[Step]:
        axes = zip(AXES[image.rank], image.spatial)
        parts = [Step("regions", "second input", str(image.regions), image.regions)] if image.regions > 1 else []
        return [
            *parts,
            *(Step(name, "second input", str(size), size) for name, size in axes),
            Step("depth", "channels", str(x.channels), x.channels),
        ]
