"""Layers that keep some channels, order them anew, or exchange them for pixels."""

from __future__ import annotations

from cnnarch.errors import Cause
from cnnarch.layers.base import Layer, Step
from cnnarch.layers.field import Reading, scattered, sliding
from cnnarch.layers.settings import Count, setting
from cnnarch.layers.sliding import product, times
from cnnarch.shapes import AXES, Shape, Window

__all__ = ["ChannelShuffle", "PixelShuffle", "PixelUnshuffle", "Slice"]


class Slice(Layer):
    """Keep a run of channels: so many, from a first one on.

    >>> Slice(channels=58).output(Shape(28, 28, 116))
    Shape(28, 28, 58)
    >>> Slice(start=58).output(Shape(28, 28, 116))  # 58 = 116 − 58 are left
    Shape(28, 28, 58)

    Errors: a run that reaches past the last channel.
    """

    kind = "slice"
    view = True
    elsewhere = ("split", "chunk", "narrow", "channelsplit", "stridedslice")
    example = "slice: {start: 58, channels: 58}"
    sample = ({"start": 58, "channels": 58}, (Shape(28, 28, 116),))
    source = "Ma et al. 2018, ShuffleNet V2, arXiv:1807.11164"

    channels: int | None = setting(
        Count(), "number of channels; all that are left if not given", default=None, elsewhere=("length", "size")
    )
    start: int = setting(Count(0), "the first channel, counted from 0", default=0, elsewhere=("begin", "offset"))

    def output(self, x: Shape) -> Shape:
        channels = self.channels or x.channels - self.start
        if self.start >= x.channels:
            raise Cause(f"start {self.start} is past the last of {x.channels} input channels", "start")
        if self.start + channels > x.channels:
            run = f"{channels} channels from {self.start} on"
            raise Cause(f"{run} reach past the last of {x.channels} input channels", "channels")
        return Shape(*x.spatial, channels)

    def operation(self, x: Shape) -> str:
        return f"channels {self.start} to {self.start + self.output(x).channels - 1}"

    def explain(self, x: Shape) -> list[Step]:
        channels = self.output(x).channels
        depth = Step("depth", "number of channels", str(channels), channels)
        if self.channels is None:
            depth = Step("depth", "input channels − start", f"{x.channels} - {self.start}", channels)
        return [*_kept(x), depth]


class ChannelShuffle(Layer):
    """Take channels from each of some groups in turn, so that a grouped layer after it reads from all of them.

    >>> ChannelShuffle(groups=3).output(Shape(28, 28, 240))  # the order is 0, 80, 160, 1, 81, …
    Shape(28, 28, 240)

    Errors: groups that do not divide the channels.
    """

    kind = "channel_shuffle"
    elsewhere = ("shuffle", "shufflechannel", "shufflechannels")
    example = "channel_shuffle: 3"
    sample = ({"groups": 3}, (Shape(28, 28, 240),))
    source = "Zhang et al. 2017, ShuffleNet, arXiv:1707.01083"

    groups: int = setting(Count(), "number of groups", elsewhere=("group", "num_groups", "n_groups"))

    def output(self, x: Shape) -> Shape:
        if x.channels % self.groups:
            raise Cause(f"groups {self.groups} does not divide {x.channels} input channels", "groups")
        return Shape(*x)

    def operation(self, x: Shape) -> str:
        return f"{self.groups} groups in turn"

    def explain(self, x: Shape) -> list[Step]:
        arithmetic = f"{self.groups} * ({x.channels} / {self.groups})"
        return [*_kept(x), Step("depth", "groups × (channels / groups)", arithmetic, x.channels)]


class PixelShuffle(Layer):
    """Make a square of pixels from the channels of each pixel, which are so many fewer.

    >>> PixelShuffle(factor=2).output(Shape(28, 28, 256))  # 56 = 28·2 and 64 = 256/(2·2)
    Shape(56, 56, 64)

    Errors: anything but an image; channels that the factor's square does not divide.
    """

    kind = "pixel_shuffle"
    elsewhere = ("depthtospace", "subpixel", "subpixelconv", "periodicshuffle")
    example = "pixel_shuffle: 2"
    sample = ({"factor": 2}, (Shape(28, 28, 256),))
    source = "Shi et al. 2016, Real-time super-resolution with a sub-pixel convolution, arXiv:1609.05158"

    factor: int = setting(
        Count(), "height and width of the square", elsewhere=("upscale_factor", "block_size", "blocksize", "scale", "r")
    )

    def output(self, x: Shape) -> Shape:
        _require_image(self.kind, x)
        square = self.factor**2
        if x.channels % square:
            raise Cause(
                f"factor {self.factor}, squared {square}, does not divide {x.channels} input channels", "factor"
            )
        return Shape(x.height * self.factor, x.width * self.factor, x.channels // square)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        return (scattered(x.rank, self.factor),)

    def operation(self, x: Shape) -> str:
        return f"channels to {self.factor}×{self.factor} pixels"

    def explain(self, x: Shape) -> list[Step]:
        y = self.output(x)
        return [
            Step("height", "height × factor", f"{x.height} * {self.factor}", y.height),
            Step("width", "width × factor", f"{x.width} * {self.factor}", y.width),
            Step("depth", "channels / factor²", f"{x.channels} / ({self.factor} * {self.factor})", y.channels),
        ]


class PixelUnshuffle(Layer):
    """Make channels from each square of pixels: the inverse of pixel_shuffle.

    >>> PixelUnshuffle(factor=2).output(Shape(26, 26, 512))  # 13 = 26/2 and 2048 = 512·2·2
    Shape(13, 13, 2048)

    Errors: anything but an image; a height or width that the factor does not divide.
    """

    kind = "pixel_unshuffle"
    elsewhere = ("spacetodepth", "reorg", "passthrough")
    example = "pixel_unshuffle: 2"
    sample = ({"factor": 2}, (Shape(26, 26, 512),))
    source = "Redmon & Farhadi 2016, YOLO9000, arXiv:1612.08242, the passthrough layer"

    factor: int = setting(
        Count(),
        "height and width of the square",
        elsewhere=("downscale_factor", "block_size", "blocksize", "scale", "stride", "r"),
    )

    def output(self, x: Shape) -> Shape:
        _require_image(self.kind, x)
        if any(size % self.factor for size in x.spatial):
            raise Cause(f"factor {self.factor} does not divide the input {times(x.spatial)}", "factor")
        return Shape(x.height // self.factor, x.width // self.factor, x.channels * self.factor**2)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        return (sliding((Window(self.factor, self.factor),) * x.rank),)

    def operation(self, x: Shape) -> str:
        return f"{self.factor}×{self.factor} pixels to channels"

    def explain(self, x: Shape) -> list[Step]:
        y = self.output(x)
        return [
            Step("height", "height / factor", f"{x.height} / {self.factor}", y.height),
            Step("width", "width / factor", f"{x.width} / {self.factor}", y.width),
            Step("depth", "channels × factor²", product((x.channels, self.factor, self.factor)), y.channels),
        ]


def _kept(x: Shape) -> list[Step]:
    """The spatial sizes, which stay as they are."""
    return [Step(name, "input", str(size), size) for name, size in zip(AXES.get(x.rank, ()), x.spatial)]


def _require_image(kind: str, x: Shape) -> None:
    if x.rank != 2:
        raise Cause(f"{kind} needs an image, and {x} is the input")
