"""Layers that only arrange values anew."""

from __future__ import annotations

from cnnarch.errors import Cause
from cnnarch.layers.base import Layer, Step
from cnnarch.layers.field import ALL, MOVED, PLACES, Reading, Reads, Untold
from cnnarch.layers.settings import LARGEST_COUNT, Count, Sizes, setting
from cnnarch.layers.sliding import product, times
from cnnarch.shapes import AXES, PerAxis, Shape

__all__ = ["Columns", "Flatten", "Image", "Reshape", "Tokens", "Transpose"]


class Flatten(Layer):
    """Lay all values out as one vector.

    >>> Flatten().output(Shape(2, 2, 256))  # 1024 = 2·2·256
    Shape(1024)
    """

    kind = "flatten"
    view = True
    folds = True
    elsewhere = ("flattenlayer", "ravel")
    example = "flatten"
    sample = ({}, (Shape(2, 2, 256),))
    source = "LeCun et al. 1998, Gradient-based learning applied to document recognition"

    def output(self, x: Shape) -> Shape:
        return Shape(x.units)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        return (ALL,)

    def operation(self, x: Shape) -> str:
        return "flat"

    def explain(self, x: Shape) -> list[Step]:
        formula = "height × width × depth" if x.rank == 2 else "product of the sizes"
        return [Step("units", formula, product(x), x.units)]


class Columns(Layer):
    """Read an image as the sequence of its columns, left to right.

    >>> Columns().output(Shape(2, 26, 512))  # 26 positions of 1024 = 2·512
    Shape(26, 1024)

    Errors: anything but an image.
    """

    kind = "columns"
    view = True
    elsewhere = ("maptosequence", "im2seq", "imagetosequence")
    example = "columns"
    sample = ({}, (Shape(2, 26, 512),))
    source = "Shi et al. 2015, An end-to-end trainable neural network for image-based sequence recognition, figure 2"

    def output(self, x: Shape) -> Shape:
        if x.rank != 2:
            raise Cause(f"columns needs an image, and {x} is the input")
        return Shape(x.width, x.height * x.channels)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        return ((None, Reads((range(1),), 1)),)

    def operation(self, x: Shape) -> str:
        return "one position a column"

    def explain(self, x: Shape) -> list[Step]:
        return [
            Step("length", "width", str(x.width), x.width),
            Step("depth", "height × depth", f"{x.height} * {x.channels}", x.height * x.channels),
        ]


class Tokens(Layer):
    """Read an image as the sequence of its places, row by row.

    >>> Tokens().output(Shape(14, 14, 768))  # 196 = 14·14 positions
    Shape(196, 768)

    Errors: a vector or a sequence, which has no rows.
    """

    kind = "tokens"
    view = True
    elsewhere = ("flattenspatial", "imagetotokens", "totokens", "tosequence")
    example = "tokens"
    sample = ({}, (Shape(14, 14, 768),))
    source = "Dosovitskiy et al. 2020, An image is worth 16×16 words, arXiv:2010.11929"

    def output(self, x: Shape) -> Shape:
        if x.rank < 2:
            raise Cause(f"tokens needs an image or a volume, and {x} is the input")
        return Shape(x.units // x.channels, x.channels)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        return (MOVED,)

    def operation(self, x: Shape) -> str:
        return "one position a place"

    def explain(self, x: Shape) -> list[Step]:
        return [
            Step("length", " × ".join(AXES[x.rank]), product(x.spatial), x.units // x.channels),
            Step("depth", "channels", str(x.channels), x.channels),
        ]


class Image(Layer):
    """Lay the positions of a sequence out as an image, row by row: the inverse of tokens.

    >>> Image(height=14).output(Shape(196, 768))  # 14 = 196/14
    Shape(14, 14, 768)

    Errors: anything but a sequence; a height and width whose product is not its length.
    """

    kind = "image"
    view = True
    elsewhere = ("sequencetoimage", "seqtoimage", "tokenstoimage", "toimage")
    example = "image: 14"
    sample = ({"height": 14}, (Shape(196, 768),))
    source = "Wang et al. 2021, Pyramid vision transformer, arXiv:2102.12122"

    height: int = setting(Count(), "height of the image", elsewhere=("h", "rows"))
    width: int | None = setting(
        Count(), "width of the image; length / height if not given", default=None, elsewhere=("w", "cols")
    )

    def output(self, x: Shape) -> Shape:
        if x.rank != 1:
            raise Cause(f"image needs a sequence, and {x} is the input")
        if self.width is None and x.length % self.height:
            raise Cause(f"height {self.height} does not divide the input length {x.length}", "height")
        width = self.width or x.length // self.height
        if self.height * width != x.length:
            places = self.height * width
            raise Cause(
                f"an image {self.height}×{width} has {places} places, unlike the input length {x.length}", "height"
            )
        return Shape(self.height, width, x.channels)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        return (MOVED,)

    def operation(self, x: Shape) -> str:
        return f"as {times(self.output(x).spatial)}"

    def explain(self, x: Shape) -> list[Step]:
        width = self.output(x).width
        across = Step("width", "width", str(width), width)
        if self.width is None:
            across = Step("width", "length / height", f"{x.length} / {self.height}", width)
        return [
            Step("height", "height", str(self.height), self.height),
            across,
            Step("depth", "channels", str(x.channels), x.channels),
        ]


class Transpose(Layer):
    """Exchange the positions of a sequence and its channels.

    >>> Transpose().output(Shape(196, 512))
    Shape(512, 196)

    Errors: anything but a sequence.
    """

    kind = "transpose"
    elsewhere = ("permute", "swapaxes", "swapdims")
    example = "transpose"
    sample = ({}, (Shape(196, 512),))
    source = "Tolstikhin et al. 2021, MLP-Mixer, arXiv:2105.01601"

    def output(self, x: Shape) -> Shape:
        if x.rank != 1:
            raise Cause(f"transpose needs a sequence, and {x} is the input")
        return Shape(x.channels, x.length)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        """All: what was a position is a channel, which all layers after it read."""
        return (ALL,)

    def operation(self, x: Shape) -> str:
        return "positions as channels"

    def explain(self, x: Shape) -> list[Step]:
        return [
            Step("length", "channels", str(x.channels), x.channels),
            Step("depth", "length", str(x.length), x.length),
        ]


class Reshape(Layer):
    """Arrange all values anew, in any shape that holds as many.

    >>> Reshape(size=[4, 4, 1024]).output(Shape(16384))  # 4·4·1024 = 16384
    Shape(4, 4, 1024)

    Errors: a size that holds more or fewer values than the input.
    """

    kind = "reshape"
    view = True
    elsewhere = ("view", "unflatten", "rearrange")
    example = "reshape: [4, 4, 1024]"
    sample = ({"size": [4, 4, 1024]}, (Shape(16384),))
    source = "Radford et al. 2015, Unsupervised representation learning with DCGANs, arXiv:1511.06434, figure 1"

    size: PerAxis = setting(
        Sizes(most=LARGEST_COUNT, axes=4),
        "sizes of the output: spatial first, then channels; one alone makes a vector",
        elsewhere=("shape", "target_shape", "new_shape", "unflattened_size", "dims"),
    )

    def output(self, x: Shape) -> Shape:
        y = Shape(*((self.size,) if isinstance(self.size, int) else self.size))
        if y.units != x.units:
            raise Cause(f"size {y} holds {y.units} values, unlike the {x.units} in {x}, the input", "size")
        return y

    def field(self, x: Shape) -> tuple[Reading, ...]:
        y = self.output(x)
        if not y.rank or x.spatial == y.spatial:
            return (PLACES if x.spatial == y.spatial else ALL,)
        part = x.channels % y.channels == 0  # each place of the output is in one of the input
        return (MOVED if part else Untold("reshape puts values of several places together"),)

    def operation(self, x: Shape) -> str:
        return f"as {self.output(x)}"

    def explain(self, x: Shape) -> list[Step]:
        y = self.output(x)
        names = (*AXES[y.rank], "depth") if y.rank else ("units",)
        return [Step(name, "size", str(size), size) for name, size in zip(names, y)]
