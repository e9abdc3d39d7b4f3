"""Convolutions: with shared weights, transposed, and with weights of their own at every place."""

from __future__ import annotations

from math import prod

from cnnarch.errors import Cause
from cnnarch.layers.base import KEEPS_INPUTS, Step
from cnnarch.layers.field import Reading, transposed
from cnnarch.layers.settings import Count, Flag, Sizes, setting
from cnnarch.layers.sliding import Sliding, product, times
from cnnarch.shapes import AXES, PerAxis, Shape, Window, by_axis, windows

__all__ = ["Conv", "ConvTranspose", "LocallyConnected"]


class Filters(Sliding):
    """A sliding layer with filters, each of which gives one channel of the output."""

    kept = KEEPS_INPUTS

    filters: int = setting(
        Count(),
        "number of filters, the channels of the output",
        elsewhere=("out_channels", "num_output", "channels", "features", "units", "filter", "out", "channels_out"),
    )
    bias: bool = setting(
        Flag(), "whether each filter adds a bias", default=True, elsewhere=("use_bias", "bias_term", "biases")
    )

    def count_elements(self, x: Shape) -> int:
        return self.output(x).units if self.bias else 0

    def explain_elements(self, x: Shape) -> Step:
        return Step(
            "element ops", "values", product(self.output(x)), self.count_elements(x), "each adds the bias of its filter"
        )

    def depth_step(self) -> Step:
        return Step("depth", "filters", str(self.filters), self.filters)


class Convolving(Filters):
    """A layer whose filters serve every place with the same weights."""

    groups: int | str = setting(
        Count(words=("depthwise",)),
        "parts into which channels are split, each with filters of its own; `depthwise` for one a channel",
        default=1,
        elsewhere=("group", "num_groups", "n_groups"),
    )

    def split(self, x: Shape) -> int:
        """The number of groups; raises Cause if it does not divide channels and filters."""
        groups = x.channels if self.groups == "depthwise" else int(self.groups)
        if x.channels % groups:
            raise Cause(f"groups {groups} does not divide {x.channels} input channels", "groups")
        if self.filters % groups:
            setting = "filters" if self.groups == "depthwise" else "groups"
            raise Cause(f"groups {groups} does not divide {self.filters} filters", setting)
        return groups

    def count_weights(self, x: Shape) -> int:
        return prod(by_axis(self.kernel, x.rank, "kernel")) * (x.channels // self.split(x)) * self.filters

    def count_biases(self, x: Shape) -> int:
        return self.filters if self.bias else 0

    def operation(self, x: Shape) -> str:
        groups = self.split(x)
        if groups == x.channels == self.filters and groups > 1:
            return f"depthwise {self.window_words(x)}"
        return f"{self.filters} of {self.window_words(x)}" + (f", {groups} groups" if groups > 1 else "")

    def weight_steps(self, x: Shape) -> list[Step]:
        groups = self.split(x)
        channels = str(x.channels) if groups == 1 else f"({x.channels} / {groups})"
        formula = "kernel × channels × filters" if groups == 1 else "kernel × (channels / groups) × filters"
        factors = (*by_axis(self.kernel, x.rank, "kernel"), channels, self.filters)
        biases = self.count_biases(x)
        return [
            Step("weights", formula, product(factors), self.count_weights(x)),
            Step("biases", "filters" if biases else "none", str(biases), biases),
        ]


class Conv(Convolving):
    """Slide filters over the input; the same weights serve every place.

    A filter reads its window in all channels (in its group's, with `groups`) and gives one
    channel of the output.

    >>> conv1 = Conv(filters=96, kernel=11, stride=4)
    >>> x = Shape(227, 227, 3)
    >>> conv1.output(x)  # 55 = (227 − 11)/4 + 1
    Shape(55, 55, 96)
    >>> conv1.count_weights(x), conv1.count_biases(x)  # 11·11·3·96, and one bias a filter
    (34848, 96)
    >>> conv1.count_macs(x)  # 55·55 places, each with all 34,848 weights
    105415200

    Units: weights and biases in numbers, MACs in multiply-adds for a batch of 1.
    Errors: a kernel larger than the padded input; groups that do not divide channels and filters.
    """

    kind = "conv"
    family = "conv"
    elsewhere = ("conv1d", "conv2d", "conv3d", "convolution", "convolution2d", "conv2dlayer", "depthwiseconv2d")
    example = "conv: {filters: 96, kernel: 11, stride: 4}"
    sample = ({"filters": 96, "kernel": 11, "stride": 4, "padding": 2}, (Shape(223, 223, 3),))
    source = "Dumoulin & Visin 2016, A guide to convolution arithmetic, arXiv:1603.07285"

    def output(self, x: Shape) -> Shape:
        return Shape(*self.positions(x), self.filters)

    def count_macs(self, x: Shape) -> int:
        """Output places × weights; windows on padding count in full, as they are computed."""
        return prod(self.positions(x)) * self.count_weights(x)

    def explain(self, x: Shape) -> list[Step]:
        places = " × ".join(AXES[x.rank])
        arithmetic = product((*self.positions(x), self.count_weights(x)))
        return [
            *self.axis_steps(x),
            self.depth_step(),
            *self.weight_steps(x),
            Step("MACs", f"{places} × weights", arithmetic, self.count_macs(x)),
        ]


class ConvTranspose(Convolving):
    """Spread every input pixel over a window of the output, the mirror of a convolution.

    Padding is cut off the output. With `same` the output is the input times the stride.

    >>> up = ConvTranspose(filters=64, kernel=3, stride=2)
    >>> up.output(Shape(10, 10, 32))  # 21 = (10 − 1)·2 + 3
    Shape(21, 21, 64)
    >>> up.count_macs(Shape(10, 10, 32))  # 10·10 input places, each with 3·3·32·64 weights
    1843200

    Units: MACs in multiply-adds for a batch of 1, over input places; what padding cuts off is computed too.
    Errors: padding that leaves nothing; groups that do not divide channels and filters.
    """

    kind = "conv_transpose"
    family = "conv"
    elsewhere = (
        "convtranspose1d", "convtranspose2d", "convtranspose3d", "conv2dtranspose", "deconv", "deconvolution", "upconv",
    )  # fmt: skip
    example = "conv_transpose: {filters: 64, kernel: 2, stride: 2}"
    sample = ({"filters": 64, "kernel": 4, "stride": 2, "padding": 1}, (Shape(10, 10, 32),))
    source = "Dumoulin & Visin 2016, A guide to convolution arithmetic, arXiv:1603.07285, chapter 4"

    output_padding: PerAxis = setting(
        Sizes(0), "pixels added at the bottom and right of the output", default=0, elsewhere=("output_pad", "adj")
    )

    def resolve(self, x: Shape) -> tuple[Window, ...]:
        """One window per spatial axis; its padding is what is cut off the output."""
        if x.rank == 0 or self.padding != "same":
            return super().resolve(x)
        plain = windows(x.spatial, self.kernel, self.stride or 1, self.dilation)
        cut = [max(window.reach - window.stride, 0) for window in plain]
        return tuple(w._replace(before=c // 2, after=c - c // 2) for w, c in zip(plain, cut))

    def extra(self, x: Shape) -> tuple[int, ...]:
        """What is added behind the output of every axis."""
        found = self.resolve(x)
        if self.padding == "same":
            if self.output_padding:
                raise Cause("padding same leaves no room for output padding, whatever the input", "output_padding")
            return tuple(max(window.stride - window.reach, 0) for window in found)
        extra = by_axis(self.output_padding, x.rank, "output_padding")
        for window, one in zip(found, extra):
            if one and one >= max(window.stride, window.dilation):
                raise Cause(
                    f"an output padding of {one} is not less than stride {window.stride} or "
                    f"dilation {window.dilation}: more than any size of the input",
                    "output_padding",
                )
        return extra

    def output(self, x: Shape) -> Shape:
        sizes = tuple(w.spread(length, e) for w, length, e in zip(self.resolve(x), x.spatial, self.extra(x)))
        if min(sizes) < 1:
            raise Cause(f"padding leaves nothing of the output {times(sizes)} for the input {x}", "padding")
        return Shape(*sizes, self.filters)

    def count_macs(self, x: Shape) -> int:
        return prod(x.spatial) * self.count_weights(x)

    def values_read(self, x: Shape) -> tuple[int, ...]:
        """All: its windows lie on the output."""
        return (x.units,)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        return (transposed(self.resolve(x)),)

    def explain(self, x: Shape) -> list[Step]:
        places = " × ".join(f"input {axis}" for axis in AXES[x.rank])
        arithmetic = product((*x.spatial, self.count_weights(x)))
        return [
            *(self._axis(*one) for one in zip(AXES[x.rank], self.resolve(x), x.spatial, self.extra(x))),
            self.depth_step(),
            *self.weight_steps(x),
            Step("MACs", f"{places} × weights", arithmetic, self.count_macs(x)),
        ]

    def _axis(self, name: str, window: Window, length: int, extra: int) -> Step:
        value = window.spread(length, extra)
        if self.padding == "same":
            return Step(name, "input × stride", f"{length} * {window.stride}", value)
        formula = "(input − 1) × stride + kernel"
        arithmetic = f"({length} - 1) * {window.stride} + "
        arithmetic += str(window.size)
        if window.dilation > 1:
            formula = "(input − 1) × stride + dilation × (kernel − 1) + 1"
            arithmetic = f"({length} - 1) * {window.stride} + {window.dilation} * ({window.size} - 1) + 1"
        if window.before or window.after:
            formula += " − padding"
            arithmetic += f" - {window.before} - {window.after}"
        if extra:
            formula += " + output padding"
            arithmetic += f" + {extra}"
        return Step(name, formula, arithmetic, value)


class LocallyConnected(Filters):
    """Read windows as a convolution does, but with weights of their own at every place.

    >>> local = LocallyConnected(filters=96, kernel=11, stride=4)
    >>> local.count_weights(Shape(227, 227, 3))  # 55·55 places × 11·11·3·96
    105415200

    Windows at a padded border count all their weights, also those that meet padding.

    Units: weights and biases in numbers, MACs in multiply-adds for a batch of 1.
    Errors: a kernel larger than the padded input.
    """

    kind = "locally_connected"
    family = "local"
    elsewhere = ("locallyconnected1d", "locallyconnected2d", "local", "local2d")
    example = "locally_connected: {filters: 16, kernel: 3}"
    sample = ({"filters": 16, "kernel": 3, "stride": 2}, (Shape(9, 9, 3),))
    source = "Taigman et al. 2014, DeepFace, section 3.2"

    def output(self, x: Shape) -> Shape:
        return Shape(*self.positions(x), self.filters)

    def count_weights(self, x: Shape) -> int:
        kernel = by_axis(self.kernel, x.rank, "kernel")
        return prod(self.positions(x)) * prod(kernel) * x.channels * self.filters

    def count_biases(self, x: Shape) -> int:
        return prod(self.positions(x)) * self.filters if self.bias else 0

    def count_macs(self, x: Shape) -> int:
        return self.count_weights(x)

    def operation(self, x: Shape) -> str:
        return f"{self.filters} of {self.window_words(x)}, unshared"

    def explain(self, x: Shape) -> list[Step]:
        places = self.positions(x)
        positions = " × ".join(AXES[x.rank])
        factors = (*places, *by_axis(self.kernel, x.rank, "kernel"), x.channels, self.filters)
        biases = product((*places, self.filters)) if self.bias else "0"
        return [
            *self.axis_steps(x),
            self.depth_step(),
            Step("weights", f"{positions} × kernel × channels × filters", product(factors), self.count_weights(x)),
            Step("biases", f"{positions} × filters" if self.bias else "none", biases, self.count_biases(x)),
            Step("MACs", "weights", str(self.count_weights(x)), self.count_macs(x), "each weight is used once"),
        ]
