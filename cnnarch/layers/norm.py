"""Normalisation."""

from __future__ import annotations

from cnnarch.layers.base import Layer, Step
from cnnarch.layers.settings import Count, Flag, Number, setting
from cnnarch.shapes import Shape

__all__ = ["BatchNorm", "LocalResponseNorm"]


class BatchNorm(Layer):
    """Normalise every channel over the batch, then scale and shift it.

    Scales count as weights, shifts as biases; running mean and variance are buffers.

    >>> norm = BatchNorm()
    >>> x = Shape(56, 56, 64)
    >>> norm.count_weights(x), norm.count_biases(x), norm.count_buffers(x)  # 64 scales, shifts, 2·64
    (64, 64, 128)

    Units: numbers; no MACs, as it can be folded into the layer before.
    """

    kind = "batchnorm"
    family = "norm"
    elsewhere = ("batchnorm1d", "batchnorm2d", "batchnorm3d", "batchnormalization", "bn", "batchnormalisation")
    example = "batchnorm"
    sample = ({}, (Shape(7, 7, 64),))
    source = "Ioffe & Szegedy 2015, Batch normalization, arXiv:1502.03167"

    scale: bool = setting(Flag(), "whether channels are scaled", default=True, elsewhere=("affine", "gamma"))
    shift: bool = setting(Flag(), "whether channels are shifted", default=True, elsewhere=("center", "beta"))

    def count_weights(self, x: Shape) -> int:
        return x.channels if self.scale else 0

    def count_biases(self, x: Shape) -> int:
        return x.channels if self.shift else 0

    def count_buffers(self, x: Shape) -> int:
        return 2 * x.channels

    def explain(self, x: Shape) -> list[Step]:
        return [
            Step(
                "weights",
                "channels" if self.scale else "none",
                str(self.count_weights(x)),
                self.count_weights(x),
                "scales",
            ),
            Step(
                "biases",
                "channels" if self.shift else "none",
                str(self.count_biases(x)),
                self.count_biases(x),
                "shifts",
            ),
            Step("buffers", "2 × channels", f"2 * {x.channels}", self.count_buffers(x), "running means and variances"),
        ]


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
