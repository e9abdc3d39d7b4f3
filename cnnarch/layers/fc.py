"""Fully connected layers."""

from __future__ import annotations

from math import prod

from cnnarch.errors import Cause
from cnnarch.layers.base import KEEPS_INPUTS, Layer, Step
from cnnarch.layers.settings import Count, Flag, setting
from cnnarch.layers.sliding import product
from cnnarch.shapes import AXES, Shape

__all__ = ["FullyConnected", "RadialBasis"]


class FullyConnected(Layer):
    """Connect every input with every output; on a sequence, at each position alike.

    With `at_each_place` also on an image, at each place alike, as a convolution with a kernel of 1 does.

    >>> fc1 = FullyConnected(units=4096)
    >>> fc1.output(Shape(1024)), fc1.count_weights(Shape(1024)), fc1.count_biases(Shape(1024))  # 1024·4096
    (Shape(4096), 4194304, 4096)
    >>> fc1.count_macs(Shape(7, 1024))  # 7 positions, each with all weights
    29360128

    Units: weights and biases in numbers, MACs in multiply-adds for a batch of 1.
    Errors: an image or a volume, which has to be flattened first.
    """

    kind = "fc"
    kept = KEEPS_INPUTS
    family = "fc"
    loose = ("at_each_place",)
    elsewhere = ("linear", "dense", "fullyconnected", "innerproduct", "gemm", "matmul", "ip", "fullyconnectedlayer")
    example = "fc: 4096"
    sample = ({"units": 10}, (Shape(7, 64),))
    source = "LeCun et al. 1998, Gradient-based learning applied to document recognition"

    units: int = setting(
        Count(),
        "number of outputs",
        elsewhere=("out_features", "num_output", "features", "filters", "out_channels", "neurons", "outputs"),
    )
    bias: bool = setting(
        Flag(), "whether each output adds a bias", default=True, elsewhere=("use_bias", "bias_term", "biases")
    )

    at_each_place: bool = setting(
        Flag(), "whether it takes an image, whose places it connects alike: their channels only", default=False
    )

    def output(self, x: Shape) -> Shape:
        if x.rank > 1 and not self.at_each_place:
            raise Cause(
                f"fc takes a vector or a sequence, and {x} is the input",
                hint="put `flatten` before it; with `at_each_place: true` it connects the channels of each place",
            )
        return Shape(*x.spatial, self.units)

    def count_weights(self, x: Shape) -> int:
        return x.channels * self.units

    def count_biases(self, x: Shape) -> int:
        return self.units if self.bias else 0

    def count_macs(self, x: Shape) -> int:
        return prod(x.spatial) * self.count_weights(x)

    def count_elements(self, x: Shape) -> int:
        return prod(x.spatial) * self.units if self.bias else 0

    def explain_elements(self, x: Shape) -> Step:
        places = product((*x.spatial, self.units))
        return Step("element ops", "values", places, self.count_elements(x), "each adds its bias")

    def operation(self, x: Shape) -> str:
        return str(self.units)

    def explain(self, x: Shape) -> list[Step]:
        weights = self.count_weights(x)
        formula, arithmetic = "weights", str(weights)
        if x.rank:
            formula, arithmetic = f"{' × '.join(AXES[x.rank])} × weights", product((*x.spatial, weights))
        return [
            *(Step(name, "input", str(size), size) for name, size in zip(AXES[x.rank] if x.rank else (), x.spatial)),
            Step("units", "units", str(self.units), self.units),
            Step("weights", "inputs × units", f"{x.channels} * {self.units}", weights),
            Step("biases", "units" if self.bias else "none", str(self.count_biases(x)), self.count_biases(x)),
            Step("MACs", formula, arithmetic, self.count_macs(x), "" if x.rank else "each weight is used once"),
        ]


class RadialBasis(Layer):
    """Measure how far the input is from each of some fixed points: Σ(x − w)², one distance a unit.

    The points are chosen, not trained: they count as buffers. A square and its addition are one MAC; the subtraction
    before is an element operation.

    >>> output = RadialBasis(units=10)
    >>> x = Shape(84)
    >>> output.output(x), output.count_weights(x), output.count_buffers(x)  # ten points with 84 coordinates
    (Shape(10), 0, 840)
    >>> output.count_macs(x)  # 84·10
    840

    Units: buffers in numbers, MACs in multiply-adds for a batch of 1.
    Errors: an image or a sequence, which has to be flattened first.
    """

    kind = "rbf"
    kept = KEEPS_INPUTS
    family = "fc"
    elsewhere = ("radialbasis", "rbflayer", "euclideanrbf")
    example = "rbf: 10"
    sample = ({"units": 10}, (Shape(84),))
    source = "LeCun et al. 1998, Gradient-based learning applied to document recognition, section II.B"

    units: int = setting(Count(), "number of points, the outputs", elsewhere=("out_features", "centers", "outputs"))

    def output(self, x: Shape) -> Shape:
        if x.rank:
            raise Cause(f"rbf takes a vector, and {x} is the input", hint="put `flatten` before it")
        return Shape(self.units)

    def count_buffers(self, x: Shape) -> int:
        return x.channels * self.units

    def count_macs(self, x: Shape) -> int:
        return x.channels * self.units

    def count_elements(self, x: Shape) -> int:
        return x.channels * self.units

    def explain_elements(self, x: Shape) -> Step:
        pairs = f"{x.channels} * {self.units}"
        return Step("element ops", "inputs × units", pairs, self.count_elements(x), "a subtraction each")

    def operation(self, x: Shape) -> str:
        return f"{self.units} distances"

    def explain(self, x: Shape) -> list[Step]:
        points = f"{x.channels} * {self.units}"
        return [
            Step("units", "units", str(self.units), self.units),
            Step("buffers", "inputs × units", points, self.count_buffers(x), "points that are not trained"),
            Step("MACs", "inputs × units", points, self.count_macs(x), "one square each"),
        ]
