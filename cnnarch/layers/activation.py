"""Functions of one value, which keep the shape and cost no MACs."""

from __future__ import annotations

from cnnarch.layers.base import Layer
from cnnarch.layers.settings import Number, setting

__all__ = ["Dropout", "ReLU", "ReLU6", "Sigmoid", "Softmax", "Tanh"]


class ElementWise(Layer):
    folds = True


class ReLU(ElementWise):
    """Set what is below 0 to 0.

    >>> from cnnarch.shapes import Shape
    >>> ReLU().output(Shape(55, 55, 96))
    Shape(55, 55, 96)
    """

    kind = "relu"
    elsewhere = ("rectifier", "rectifiedlinear")
    example = "relu"
    source = "Nair & Hinton 2010, Rectified linear units improve restricted Boltzmann machines"


class ReLU6(ElementWise):
    """Set what is below 0 to 0 and what is above 6 to 6.

    >>> from cnnarch.shapes import Shape
    >>> ReLU6().output(Shape(112, 112, 32))
    Shape(112, 112, 32)
    """

    kind = "relu6"
    elsewhere = ("clippedrelu",)
    example = "relu6"
    source = "Howard et al. 2017, MobileNets, arXiv:1704.04861"


class Sigmoid(ElementWise):
    """Squash every value to between 0 and 1, by 1/(1 + e^−x).

    >>> from cnnarch.shapes import Shape
    >>> Sigmoid().output(Shape(16))
    Shape(16)
    """

    kind = "sigmoid"
    elsewhere = ("logistic",)
    example = "sigmoid"
    source = "LeCun et al. 1998, Gradient-based learning applied to document recognition"


class Tanh(ElementWise):
    """Squash every value to between −1 and 1.

    >>> from cnnarch.shapes import Shape
    >>> Tanh().output(Shape(28, 28, 6))
    Shape(28, 28, 6)
    """

    kind = "tanh"
    elsewhere = ("hyperbolictangent",)
    example = "tanh"
    source = "LeCun et al. 1998, Gradient-based learning applied to document recognition"


class Softmax(ElementWise):
    """Turn the channels of each place into a distribution that sums to 1.

    >>> from cnnarch.shapes import Shape
    >>> Softmax().output(Shape(1000))
    Shape(1000)
    """

    kind = "softmax"
    elsewhere = ("logsoftmax", "softmaxlayer")
    example = "softmax"
    source = "Bridle 1990, Probabilistic interpretation of feedforward classification network outputs"


class Dropout(ElementWise):
    """Set values to 0 at random in training; at inference it does nothing.

    >>> from cnnarch.shapes import Shape
    >>> Dropout(rate=0.5).output(Shape(4096))
    Shape(4096)
    """

    kind = "dropout"
    elsewhere = ("dropout1d", "dropout2d", "spatialdropout2d", "featuredropout")
    example = "dropout: 0.5"
    source = "Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting"

    rate: float = setting(Number(0, 1), "share of the values that are dropped", default=0.5, elsewhere=("p", "ratio"))
