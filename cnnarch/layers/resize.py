"""Layers that change the spatial sizes and nothing else: enlarge, cut, pad."""

from __future__ import annotations

from cnnarch.errors import Cause
from cnnarch.layers.base import Layer, Step
from cnnarch.layers.field import NOTHING, Reading, cut, resized
from cnnarch.layers.settings import Choice, Margin, Margins, Sizes, setting
from cnnarch.layers.sliding import product, times
from cnnarch.shapes import AXES, Padding, PerAxis, Shape, Window, by_axis, windows

__all__ = ["Crop", "Pad", "Upsample"]


class Upsample(Layer):
    """Resize every spatial axis: by a factor, to a size, or to the size of a second input.

    >>> Upsample(factor=2).output(Shape(13, 13, 256))  # 26 = 13·2
    Shape(26, 26, 256)
    >>> Upsample().output(Shape(25, 25, 256), Shape(50, 50, 512))
    Shape(50, 50, 256)

    Units: no weights and no MACs; the products of an interpolation are element operations.
    Errors: a vector; more than one of factor, size and second input, or none of them.
    """

    kind = "upsample"
    sized_by_second = True
    inputs = (1, 2)
    elsewhere = (
        "interpolate", "interp", "resize", "resizing", "upsampling", "upsampling1d", "upsampling2d", "upsampling3d",
        "upsamplingnearest2d", "upsamplingbilinear2d", "resizebilinear", "resizenearestneighbor",
    )  # fmt: skip
    example = "upsample: 2"
    sample = ({"factor": 2, "mode": "bilinear"}, (Shape(13, 13, 256),))
    source = "Lin et al. 2016, Feature pyramid networks, arXiv:1612.03144"

    factor: PerAxis | None = setting(
        Sizes(),
        "output size over input size; one of factor, size or a second input is given",
        default=None,
        elsewhere=("scale_factor", "scale", "scales", "stride"),
    )
    size: PerAxis | None = setting(
        Sizes(), "size of the output", default=None, elsewhere=("output_size", "target_size", "sizes", "shape")
    )
    mode: str = setting(
        Choice("nearest", "bilinear", "bicubic"),
        "how values between pixels are found, of how many others",
        default="nearest",
        elsewhere=("interpolation", "method", "resample"),
    )

    def output(self, x: Shape, like: Shape | None = None) -> Shape:
        _require_one(self.kind, x, {"a factor": self.factor, "a size": self.size, "a second input": like})
        if self.factor is not None:
            factors = by_axis(self.factor, x.rank, "factor")
            return Shape(*(size * factor for size, factor in zip(x.spatial, factors)), x.channels)
        return Shape(*_asked(self.size, x, like), x.channels)

    def count_elements(self, x: Shape, like: Shape | None = None) -> int:
        return max(2 * self.reads(x) - 1, 0) * self.output(x, like).units

    def reads(self, x: Shape) -> int:
        """Of how many values each value is a weighted mean; none where it is a copy."""
        return int({"nearest": 0, "bilinear": 2**x.rank, "bicubic": 4**x.rank}[self.mode])

    def explain_elements(self, x: Shape, like: Shape | None = None) -> Step:
        each = max(2 * self.reads(x) - 1, 0)
        return Step(
            "element ops",
            "(2 × values read − 1) × values" if each else "none",
            product((f"(2 * {self.reads(x)} - 1)", *self.output(x, like))) if each else "0",
            self.count_elements(x, like),
            "each a sum of products: of 2 values along every axis if bilinear, of 4 if bicubic"
            if each
            else "values are copied",
        )

    def field(self, x: Shape, like: Shape | None = None) -> tuple[Reading, ...]:
        reading = resized(x.spatial, self.output(x, like).spatial, self.mode)
        return (reading,) if like is None else (reading, NOTHING)

    def operation(self, x: Shape, like: Shape | None = None) -> str:
        if self.factor is None:
            return f"{self.mode} to {times(self.output(x, like).spatial)}"
        factors = by_axis(self.factor, x.rank, "factor")
        return f"{self.mode} by {factors[0] if len(set(factors)) == 1 else times(factors)}"

    def explain(self, x: Shape, like: Shape | None = None) -> list[Step]:
        y = self.output(x, like)
        depth = Step("depth", "channels", str(x.channels), x.channels)
        if self.factor is None:
            return [*_asked_steps(y, like), depth]
        factors = zip(AXES[x.rank], x.spatial, by_axis(self.factor, x.rank, "factor"), y.spatial)
        return [*(Step(name, "input × factor", f"{a} * {factor}", b) for name, a, factor, b in factors), depth]


class Crop(Layer):
    """Cut the middle out: of a size, or of the size of a second input.

    >>> Crop(size=56).output(Shape(64, 64, 512))
    Shape(56, 56, 512)
    >>> Crop().output(Shape(136, 136, 256), Shape(104, 104, 256))  # from pixel 16 = ⌊(136 − 104)/2⌋ on
    Shape(104, 104, 256)

    Units: no weights and no MACs.
    Errors: a vector; both a size and a second input, or none; a size larger than the input.
    """

    kind = "crop"
    view = True
    sized_by_second = True
    inputs = (1, 2)
    elsewhere = ("centercrop", "centercropping", "cropping1d", "cropping2d", "cropping3d")
    example = "crop:\n  from: [skip, up]"
    sample = ({"size": 56}, (Shape(64, 64, 512),))
    source = "Ronneberger et al. 2015, U-Net, arXiv:1505.04597"

    size: PerAxis | None = setting(
        Sizes(), "size of the output", default=None, elsewhere=("output_size", "crop_size", "target_size")
    )

    def output(self, x: Shape, like: Shape | None = None) -> Shape:
        _require_one(self.kind, x, {"a size": self.size, "a second input": like})
        sizes = _asked(self.size, x, like)
        if any(size > length for size, length in zip(sizes, x.spatial)):
            place = "size" if like is None else ""
            raise Cause(f"{times(sizes)} cannot be cut out of the input {times(x.spatial)}", place)
        return Shape(*sizes, x.channels)

    def field(self, x: Shape, like: Shape | None = None) -> tuple[Reading, ...]:
        sizes = zip(x.spatial, self.output(x, like).spatial)
        reading = cut(tuple((length - size) // 2 for length, size in sizes))
        return (reading,) if like is None else (reading, NOTHING)

    def operation(self, x: Shape, like: Shape | None = None) -> str:
        return f"middle {times(self.output(x, like).spatial)}"

    def explain(self, x: Shape, like: Shape | None = None) -> list[Step]:
        y = self.output(x, like)
        steps = []
        for step, length in zip(_asked_steps(y, like), x.spatial):
            offset = (length - step.value) // 2
            remark = f"from {offset} on, counted from 0: ⌊({length} − {step.value}) / 2⌋"
            steps.append(step._replace(remark=remark))
        return [*steps, Step("depth", "channels", str(x.channels), x.channels)]


class Pad(Layer):
    """Add pixels around the input, or channels before and behind its own.

    >>> Pad(padding=3).output(Shape(224, 224, 3))  # 230 = 224 + 3 + 3
    Shape(230, 230, 3)
    >>> Pad(padding=[[0, 1], [0, 1]]).output(Shape(112, 112, 96))  # 113 = 112 + 0 + 1
    Shape(113, 113, 96)
    >>> Pad(channels=[0, 16]).output(Shape(32, 32, 16))  # 32 = 0 + 16 + 16
    Shape(32, 32, 32)

    Units: no weights and no MACs, whatever the pixels are filled with.
    Errors: a vector, which has no axis to pad.
    """

    kind = "pad"
    elsewhere = (
        "zeropad1d", "zeropad2d", "zeropad3d", "zeropadding1d", "zeropadding2d", "zeropadding3d", "constantpad1d",
        "constantpad2d", "constantpad3d", "reflectionpad1d", "reflectionpad2d", "reflectionpad3d", "replicationpad1d",
        "replicationpad2d", "replicationpad3d", "circularpad1d", "circularpad2d", "circularpad3d", "padlayer",
    )  # fmt: skip
    example = "pad: [[0, 1], [0, 1]]"
    sample = ({"padding": 3}, (Shape(224, 224, 3),))
    source = "Dumoulin & Visin 2016, A guide to convolution arithmetic, arXiv:1603.07285"

    padding: Padding = setting(
        Margins(), "pixels added around the input", default=0, elsewhere=("pad", "pads", "paddings")
    )
    channels: tuple[int, int] = setting(Margin(), "channels added before and after those of the input", default=(0, 0))

    def output(self, x: Shape) -> Shape:
        sides = self.sides(x)
        channels = self.channels[0] + x.channels + self.channels[1]
        return Shape(*(window.outputs(length) for window, length in zip(sides, x.spatial)), channels)

    def sides(self, x: Shape) -> tuple[Window, ...]:
        """What is added before and after every axis, as windows of one pixel."""
        _require_axis(self.kind, x)
        return windows(x.spatial, 1, padding=self.padding)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        return (cut(tuple(-window.before for window in self.sides(x))),)

    def operation(self, x: Shape) -> str:
        sides = [str(w.before) if w.before == w.after else f"{w.before}+{w.after}" for w in self.sides(x)]
        words = [f"padding {sides[0] if len(set(sides)) == 1 else times(sides)}"] if set(sides) != {"0"} else []
        added = sum(self.channels)
        return ", ".join([*words, *([f"{added} channels more"] if added else [])]) or "nothing added"

    def explain(self, x: Shape) -> list[Step]:
        axes = zip(AXES[x.rank], self.sides(x), x.spatial, self.output(x).spatial)
        return [
            *(Step(name, "input + padding", f"{a} + {w.before} + {w.after}", b) for name, w, a, b in axes),
            self._depth(x),
        ]

    def _depth(self, x: Shape) -> Step:
        before, after = self.channels
        if not before + after:
            return Step("depth", "channels", str(x.channels), x.channels)
        arithmetic = f"{before} + {x.channels} + {after}"
        return Step("depth", "channels + those added", arithmetic, before + x.channels + after)


def _require_axis(kind: str, x: Shape) -> None:
    if x.rank == 0:
        raise Cause(f"{kind} needs a spatial axis, and a vector has none: {x} is the input")


def _require_one(kind: str, x: Shape, ways: dict[str, object]) -> None:
    """The size of the output has to be said, and only once."""
    _require_axis(kind, x)
    given = [way for way, value in ways.items() if value is not None]
    if len(given) != 1:
        *others, last = ways
        has = " and ".join(given) or "none"
        raise Cause(
            f"{kind} goes by {', '.join(others)} or {last}, and has {has} for {x}, the input",
            "size" if "a size" in given else "",
            "leave out all but one" if given else f"write `{kind}: {{size: ...}}`, or `from: [..., ...]` beside it",
        )


def _asked(size: PerAxis | None, x: Shape, like: Shape | None) -> tuple[int, ...]:
    """The spatial sizes that a setting or a second input says."""
    if size is not None:
        return by_axis(size, x.rank, "size")
    assert like is not None
    if like.rank != x.rank:
        raise Cause(f"as many spatial axes are needed in both, and {x} and {like} are the inputs")
    return like.spatial


def _asked_steps(y: Shape, like: Shape | None) -> list[Step]:
    formula = "size" if like is None else "second input"
    return [Step(name, formula, str(size), size) for name, size in zip(AXES[y.rank], y.spatial)]
