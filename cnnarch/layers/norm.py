"""Normalisation, and the scaling of channels on its own."""

from __future__ import annotations

from math import prod

from cnnarch.errors import Cause
from cnnarch.layers.base import KEEPS_INPUTS, Kept, Layer, Step
from cnnarch.layers.settings import Count, Flag, Number, setting
from cnnarch.layers.sliding import product
from cnnarch.shapes import Shape

__all__ = ["BatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "LocalResponseNorm", "Scale"]


def scales_and_shifts(weights: int, biases: int) -> list[Step]:
    """The steps of what has one scale a channel, one shift a channel, or both."""
    return [
        Step("weights", "channels" if weights else "none", str(weights), weights, "scales"),
        Step("biases", "channels" if biases else "none", str(biases), biases, "shifts"),
    ]


class Normalisation(Layer):
    """A layer that normalises, then scales and shifts every channel."""

    family = "norm"

    scale: bool = setting(
        Flag(),
        "whether channels are scaled",
        default=True,
        elsewhere=("affine", "gamma", "elementwise_affine"),
    )
    shift: bool = setting(Flag(), "whether channels are shifted", default=True, elsewhere=("center", "beta", "bias"))

    def count_weights(self, x: Shape) -> int:
        return x.channels if self.scale else 0

    def count_biases(self, x: Shape) -> int:
        return x.channels if self.shift else 0

    def count_elements(self, x: Shape) -> int:
        return (5 + self.scale + self.shift) * x.units + 2 * self.count_normalised(x)

    def explain_elements(self, x: Shape) -> Step:
        each = 5 + self.scale + self.shift
        last = ", the scale" * self.scale + ", the shift" * self.shift
        return Step(
            "element ops",
            f"{each} × values + 2 × groups",
            f"{each} * {product(x)} + 2 * {self.count_normalised(x)}",
            self.count_elements(x),
            f"of each the mean, the difference, its square, the mean of those, the division{last}; "
            "of each group that is normalised on its own ε and the root",
        )

    def count_kept(self, x: Shape) -> Kept:
        means = 8 * self.count_normalised(x)
        return Kept("its input, and a mean and a deviation of each place, in float32", inputs=True, size=means)

    def count_normalised(self, x: Shape) -> int:
        """How many groups of values there are, each of which is normalised on its own."""
        return prod(x.spatial)

    def explain(self, x: Shape) -> list[Step]:
        return scales_and_shifts(self.count_weights(x), self.count_biases(x))


class BatchNorm(Normalisation):
    """Normalise every channel over the batch, then scale and shift it.

    Scales count as weights, shifts as biases; running mean and variance are buffers.

    >>> norm = BatchNorm()
    >>> x = Shape(56, 56, 64)
    >>> norm.count_weights(x), norm.count_biases(x), norm.count_buffers(x)  # 64 scales, shifts, 2·64
    (64, 64, 128)

    Units: numbers; no MACs, as it can be folded into the layer before.
    """

    kind = "batchnorm"
    in_place = True
    elsewhere = ("batchnorm1d", "batchnorm2d", "batchnorm3d", "batchnormalization", "bn", "batchnormalisation")
    example = "batchnorm"
    sample = ({}, (Shape(7, 7, 64),))
    source = "Ioffe & Szegedy 2015, Batch normalization, arXiv:1502.03167"
    per_value = 2
    per_value_words = "a product and an addition each, as the statistics are known at inference"

    def count_elements(self, x: Shape) -> int:
        return self.per_value * x.units

    def explain_elements(self, x: Shape) -> Step:
        return Layer.explain_elements(self, x)

    def count_buffers(self, x: Shape) -> int:
        return 2 * x.channels

    def count_kept(self, x: Shape) -> Kept:
        return Kept(
            "its input, and 2 × channels statistics of the batch, in float32", inputs=True, size_once=8 * x.channels
        )

    def explain(self, x: Shape) -> list[Step]:
        buffers = self.count_buffers(x)
        return [
            *super().explain(x),
            Step("buffers", "2 × channels", f"2 * {x.channels}", buffers, "running means and variances"),
        ]


class LayerNorm(Normalisation):
    """Normalise all channels of each place together, then scale and shift every channel.

    It does not look at other places of an image; `groupnorm: 1` does.

    >>> norm = LayerNorm()
    >>> x = Shape(56, 56, 96)
    >>> norm.count_weights(x), norm.count_biases(x), norm.count_buffers(x)  # 96 scales, 96 shifts
    (96, 96, 0)

    Units: numbers; the divisions are element operations, not MACs.
    """

    kind = "layernorm"
    elsewhere = ("layernorm2d", "layernormalization", "layernormalisation", "ln")
    example = "layernorm"
    sample = ({}, (Shape(7, 7, 64),))
    source = "Ba et al. 2016, Layer normalization, arXiv:1607.06450"


class GroupNorm(Normalisation):
    """Normalise groups of channels, each over all places, then scale and shift every channel.

    >>> norm = GroupNorm(groups=32)
    >>> x = Shape(56, 56, 64)
    >>> norm.count_weights(x), norm.count_biases(x), norm.count_buffers(x)  # of each channel, whatever the groups
    (64, 64, 0)

    Units: numbers; the divisions are element operations, not MACs.
    Errors: groups that do not divide the channels, or that leave one value in each.
    """

    kind = "groupnorm"
    sums_places = True
    elsewhere = ("groupnormalization", "groupnormalisation", "gn")
    example = "groupnorm: 32"
    sample = ({"groups": 32}, (Shape(7, 7, 64),))
    source = "Wu & He 2018, Group normalization, arXiv:1803.08494"

    groups: int = setting(
        Count(),
        "parts into which channels are split, each normalised on its own",
        elsewhere=("num_groups", "group", "n_groups"),
    )

    def output(self, x: Shape) -> Shape:
        if x.channels % self.groups:
            raise Cause(f"groups {self.groups} does not divide {x.channels} input channels", "groups")
        if x.units == self.groups:
            raise Cause(f"groups {self.groups} leaves one value in each group of the input {x}", "groups")
        return x

    def count_normalised(self, x: Shape) -> int:
        return self.groups

    def count_kept(self, x: Shape) -> Kept:
        return Kept("its input, and a mean and a deviation of each group", inputs=True, values=2 * self.groups)

    def operation(self, x: Shape) -> str:
        return f"groupnorm of {self.groups}"


class InstanceNorm(Normalisation):
    """Normalise every channel over the places of its own sample.

    Scales and shifts have to be asked for, as in PyTorch; running statistics are not kept.

    >>> x = Shape(64, 64, 128)
    >>> InstanceNorm().figures((x,)).params
    0
    >>> InstanceNorm(scale=True, shift=True).figures((x,)).params  # 128 scales, 128 shifts
    256

    Units: numbers; the divisions are element operations, not MACs.
    Errors: an input with one value a channel, of which nothing would be left.
    """

    kind = "instancenorm"
    sums_places = True
    elsewhere = (
        "instancenorm1d", "instancenorm2d", "instancenorm3d", "instancenormalization", "instancenormalisation", "mvn",
    )  # fmt: skip
    example = "instancenorm"
    sample = ({}, (Shape(7, 7, 64),))
    source = "Ulyanov et al. 2016, Instance normalization, arXiv:1607.08022"

    scale: bool = setting(Flag(), "whether channels are scaled", default=False, elsewhere=("affine", "gamma"))
    shift: bool = setting(Flag(), "whether channels are shifted", default=False, elsewhere=("center", "beta", "bias"))

    def output(self, x: Shape) -> Shape:
        if x.units == x.channels:
            raise Cause(f"instancenorm normalises a channel over its places, and {x} has one value a channel")
        return x

    def count_normalised(self, x: Shape) -> int:
        return x.channels

    def count_kept(self, x: Shape) -> Kept:
        """The scales too, as PyTorch repeats them for each sample."""
        words = "its input, a mean and a deviation of each channel in float32, the scales once for each sample"
        return Kept(words, inputs=True, values=x.channels if self.scale else 0, size=8 * x.channels)


class Scale(Layer):
    """Multiply every channel by a weight of its own, and with `bias` add one.

    >>> Scale().count_weights(Shape(56, 56, 96))  # one a channel
    96
    >>> Scale(bias=True).figures((Shape(14, 14, 6),)).params  # LeNet-5's S2: 12 = 6 + 6
    12

    Units: numbers; the products are element operations, not MACs, and can be folded into the layer before.
    """

    kind = "scale"
    in_place = True
    kept = KEEPS_INPUTS
    elsewhere = ("layerscale", "layerscale2d", "affine", "channelscale", "gamma")
    example = "scale"
    sample = ({"bias": True}, (Shape(7, 7, 64),))
    source = "LeCun et al. 1998, section II.B; as layer scale Touvron et al. 2021, arXiv:2103.17239"

    bias: bool = setting(
        Flag(),
        "whether a bias is added to each channel",
        default=False,
        elsewhere=("use_bias", "bias_term", "biases", "shift", "beta"),
    )

    def count_weights(self, x: Shape) -> int:
        return x.channels

    def count_biases(self, x: Shape) -> int:
        return x.channels if self.bias else 0

    def count_elements(self, x: Shape) -> int:
        return (1 + self.bias) * x.units

    def explain_elements(self, x: Shape) -> Step:
        formula, each = ("2 × values", (2, *x)) if self.bias else ("values", x)
        words = "a product and an addition each" if self.bias else "a product each"
        return Step("element ops", formula, product(each), self.count_elements(x), words)

    def explain(self, x: Shape) -> list[Step]:
        return scales_and_shifts(self.count_weights(x), self.count_biases(x))


class LocalResponseNorm(Layer):
    """Divide every value by the activity of the channels next to it.

    >>> LocalResponseNorm().output(Shape(55, 55, 96))
    Shape(55, 55, 96)

    Units: no weights and no MACs. The defaults are the paper's.
    """

    kind = "lrn"
    folds = True
    elsewhere = ("localresponsenorm", "localresponsenormalization", "localresponsenormalisation")
    example = "lrn: {size: 5}"
    source = "Krizhevsky et al. 2012, ImageNet classification with deep convolutional neural networks, section 3.3"

    size: int = setting(Count(), "number of channels", default=5, elsewhere=("local_size", "depth_radius", "n"))
    alpha: float = setting(Number(), "factor of the squares", default=0.0001)
    beta: float = setting(Number(), "exponent", default=0.75)
    offset: float = setting(Number(), "what is added to the squares", default=2.0, elsewhere=("k", "bias"))

    def count_elements(self, x: Shape) -> int:
        return (self.size + 4) * x.units

    def explain_elements(self, x: Shape) -> Step:
        return Step(
            "element ops",
            "(size + 4) × values",
            f"({self.size} + 4) * {product(x)}",
            self.count_elements(x),
            "each its square, the sum of `size` squares, the factor, the offset, the power, the division",
        )

    def count_kept(self, x: Shape) -> Kept:
        padded = x.units // x.channels * (x.channels + self.size - 1)
        return Kept("its input, the padded squares, their sums, and the powers of these", inputs=True,
                    values=padded + 2 * x.units)  # fmt: skip
