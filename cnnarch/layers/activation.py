"""Functions of one value, which keep the shape and cost no MACs."""

from __future__ import annotations

from cnnarch.layers.base import KEEPS_INPUTS, KEEPS_OUTPUT, Kept, Layer, Step
from cnnarch.layers.settings import Flag, Number, setting
from cnnarch.layers.sliding import product
from cnnarch.shapes import Shape

__all__ = [
    "ELU", "GELU", "Dropout", "HardSigmoid", "HardSwish", "LeakyReLU", "Mish", "PReLU", "ReLU", "ReLU6", "SiLU",
    "Sigmoid", "Softmax", "StochasticDepth", "Tanh",
]  # fmt: skip


class ElementWise(Layer):
    folds = True
    in_place = True
    kept = KEEPS_INPUTS


class ReLU(ElementWise):
    """Set what is below 0 to 0.

    >>> ReLU().output(Shape(55, 55, 96))
    Shape(55, 55, 96)
    """

    kind = "relu"
    kept = KEEPS_OUTPUT
    elsewhere = ("rectifier", "rectifiedlinear")
    example = "relu"
    source = "Nair & Hinton 2010, Rectified linear units improve restricted Boltzmann machines"
    per_value = 1
    per_value_words = "a comparison each"


class ReLU6(ElementWise):
    """Set what is below 0 to 0 and what is above 6 to 6.

    >>> ReLU6().output(Shape(112, 112, 32))
    Shape(112, 112, 32)
    """

    kind = "relu6"
    elsewhere = ("clippedrelu",)
    example = "relu6"
    source = "Howard et al. 2017, MobileNets, arXiv:1704.04861"
    per_value = 2
    per_value_words = "two comparisons each"


class LeakyReLU(ElementWise):
    """Multiply what is below 0 by a small slope.

    >>> LeakyReLU(slope=0.1).output(Shape(208, 208, 64))
    Shape(208, 208, 64)

    Units: no weights, as the slope is given; `prelu` learns it.
    """

    kind = "leaky_relu"
    elsewhere = ("leaky", "lrelu", "leakyrectifier")
    example = "leaky_relu: 0.1"
    source = "Maas et al. 2013, Rectifier nonlinearities improve neural network acoustic models"
    per_value = 2
    per_value_words = "at most a product and a comparison each"

    slope: float = setting(
        Number(), "factor of what is below 0", default=0.01, elsewhere=("negative_slope", "alpha", "leak")
    )


class PReLU(ElementWise):
    """Multiply what is below 0 by a slope that is learned, one for each channel.

    >>> x = Shape(112, 112, 64)
    >>> PReLU().count_weights(x), PReLU(shared=True).count_weights(x)  # a slope for each of 64 channels, or for all
    (64, 1)

    PyTorch's default is `shared`. Keras' default, a slope for each value, cannot be written.

    Units: weights in numbers; the products are element operations, not MACs.
    """

    kind = "prelu"
    elsewhere = ("parametricrelu", "parametricrectifier")
    example = "prelu"
    sample = ({}, (Shape(7, 7, 64),))
    source = "He et al. 2015, Delving deep into rectifiers, arXiv:1502.01852"
    per_value = 2
    per_value_words = "at most a product and a comparison each"

    shared: bool = setting(
        Flag(), "whether one slope serves all channels", default=False, elsewhere=("channel_shared",)
    )

    def count_weights(self, x: Shape) -> int:
        return 1 if self.shared else x.channels

    def explain(self, x: Shape) -> list[Step]:
        weights = self.count_weights(x)
        return [
            Step("weights", "one for all channels" if self.shared else "channels", str(weights), weights, "slopes"),
            Step("biases", "none", "0", 0),
        ]


class ELU(ElementWise):
    """Replace what is below 0 by e^x − 1.

    >>> ELU().output(Shape(32, 32, 192))
    Shape(32, 32, 192)
    """

    kind = "elu"
    elsewhere = ("exponentiallinearunit",)
    example = "elu"
    source = "Clevert et al. 2015, Exponential linear units, arXiv:1511.07289"
    per_value = 3
    per_value_words = "each at most a comparison, e^x and a subtraction"


class GELU(ElementWise):
    """Multiply every value by the share of a normal distribution that is below it.

    >>> GELU().output(Shape(197, 3072))
    Shape(197, 3072)
    """

    kind = "gelu"
    elsewhere = ("gelutanh", "quickgelu", "gaussianerrorlinearunit")
    example = "gelu"
    source = "Hendrycks & Gimpel 2016, Gaussian error linear units, arXiv:1606.08415"
    per_value = 5
    per_value_words = "each x·(1 + erf(x/√2))/2: two divisions, erf, an addition, a product"


class SiLU(ElementWise):
    """Multiply every value by its own sigmoid, x/(1 + e^−x).

    >>> SiLU().output(Shape(112, 112, 32))
    Shape(112, 112, 32)
    """

    kind = "silu"
    elsewhere = ("swish", "sigmoidlinearunit", "sigmoidweightedlinearunit")
    example = "silu"
    source = "Ramachandran et al. 2017, Searching for activation functions, arXiv:1710.05941"
    per_value = 3
    per_value_words = "each x/(1 + e^−x): e^−x, an addition, a division"


class Mish(ElementWise):
    """Multiply every value by the hyperbolic tangent of ln(1 + e^x).

    >>> Mish().output(Shape(304, 304, 64))
    Shape(304, 304, 64)
    """

    kind = "mish"
    example = "mish"
    source = "Misra 2019, Mish: a self regularized non-monotonic activation function, arXiv:1908.08681"
    per_value = 5
    per_value_words = "each x·tanh(ln(1 + e^x)): e^x, an addition, ln, tanh, a product"


class HardSigmoid(ElementWise):
    """Squash every value to between 0 and 1 by straight lines, as relu6(x + 3)/6.

    >>> HardSigmoid().output(Shape(64))
    Shape(64)
    """

    kind = "hardsigmoid"
    elsewhere = ("hsigmoid",)
    example = "hardsigmoid"
    source = "Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244"
    per_value = 4
    per_value_words = "each an addition, two comparisons and a division"


class HardSwish(ElementWise):
    """Multiply every value by its own hard sigmoid, x·relu6(x + 3)/6.

    >>> HardSwish().output(Shape(112, 112, 16))
    Shape(112, 112, 16)
    """

    kind = "hardswish"
    elsewhere = ("hswish", "hardsilu")
    example = "hardswish"
    source = "Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244"
    per_value = 5
    per_value_words = "each an addition, two comparisons, a division and a product"


class Sigmoid(ElementWise):
    """Squash every value to between 0 and 1, by 1/(1 + e^−x).

    >>> Sigmoid().output(Shape(16))
    Shape(16)
    """

    kind = "sigmoid"
    kept = KEEPS_OUTPUT
    elsewhere = ("logistic",)
    example = "sigmoid"
    source = "LeCun et al. 1998, Gradient-based learning applied to document recognition"
    per_value = 3
    per_value_words = "each 1/(1 + e^−x): e^−x, an addition, a division"


class Tanh(ElementWise):
    """Squash every value to between −1 and 1.

    >>> Tanh().output(Shape(28, 28, 6))
    Shape(28, 28, 6)
    """

    kind = "tanh"
    kept = KEEPS_OUTPUT
    elsewhere = ("hyperbolictangent",)
    example = "tanh"
    source = "LeCun et al. 1998, Gradient-based learning applied to document recognition"
    per_value = 1
    per_value_words = "a tanh each"


class Softmax(ElementWise):
    """Turn the channels of each place into a distribution that sums to 1.

    >>> Softmax().output(Shape(1000))
    Shape(1000)
    """

    kind = "softmax"
    kept = KEEPS_OUTPUT
    in_place = False
    elsewhere = ("logsoftmax", "softmaxlayer")
    example = "softmax"
    source = "Bridle 1990, Probabilistic interpretation of feedforward classification network outputs"

    def count_elements(self, x: Shape) -> int:
        return x.units // x.channels * (5 * x.channels - 2)

    def explain_elements(self, x: Shape) -> Step:
        places = f"{product(x.spatial)} * " if x.rank else ""
        return Step(
            "element ops",
            ("places × " if x.rank else "") + "(5 × channels − 2)",
            f"{places}(5 * {x.channels} - 2)",
            self.count_elements(x),
            "the largest, what each is less, e^x, their sum, and what each is of it",
        )


class Dropout(ElementWise):
    """Set values to 0 at random in training; at inference it does nothing.

    >>> Dropout(rate=0.5).output(Shape(4096))
    Shape(4096)
    """

    kind = "dropout"
    view = True
    in_place = False
    elsewhere = ("dropout1d", "dropout2d", "spatialdropout2d", "featuredropout")
    example = "dropout: 0.5"
    source = "Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting"

    rate: float = setting(Number(0, 1), "share of the values that are dropped", default=0.5, elsewhere=("p", "ratio"))

    def is_view(self, training: bool = False) -> bool:
        return not (training and self.rate)

    def count_kept(self, x: Shape) -> Kept:
        return Kept("a byte for each value: whether it stays", size=x.units if self.rate else 0)


class StochasticDepth(ElementWise):
    """Leave out all of a residual branch at random in training; at inference it does nothing.

    It stands last in the branch, before the addition. Each sample of a batch keeps or loses the whole of it.

    >>> StochasticDepth(rate=0.2).output(Shape(14, 14, 112))
    Shape(14, 14, 112)
    """

    kind = "stochastic_depth"
    joins_regions = True
    view = True
    in_place = False
    elsewhere = ("droppath", "dropconnect")
    example = "stochastic_depth: 0.2"
    source = "Huang et al. 2016, Deep networks with stochastic depth, arXiv:1603.09382"

    rate: float = setting(
        Number(0, 1),
        "share of the samples that lose the branch",
        default=0.2,
        elsewhere=("p", "ratio", "drop_prob", "drop_path", "drop_path_rate", "drop_connect_rate"),
    )

    def is_view(self, training: bool = False) -> bool:
        return not (training and self.rate)

    def count_kept(self, x: Shape) -> Kept:
        return Kept("a number for each sample: whether it stays", values=1 if self.rate else 0)
