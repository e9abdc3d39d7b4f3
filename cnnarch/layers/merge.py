"""Merges: several tensors into one."""

from __future__ import annotations

from cnnarch.errors import Cause
from cnnarch.layers.base import Kept, Layer, Step
from cnnarch.layers.field import GATE, PLACES, Reading, spread_over
from cnnarch.layers.sliding import product
from cnnarch.shapes import Shape

__all__ = ["Add", "Concat", "Max", "Multiply"]


class ElementWiseMerge(Layer):
    """Join tensors of one shape, value by value; one value a channel is spread over all places."""

    inputs = (2, None)
    in_place = True
    gates = False  # whether one value a channel only scales

    def output(self, *xs: Shape) -> Shape:
        largest = max(xs, key=lambda x: (x.units, x.rank))
        for x in xs:
            if x != largest and not (x.channels == largest.channels and all(size == 1 for size in x.spatial)):
                raise Cause(f"{self.kind} needs one shape, and {_listed(xs)} are the inputs")
        return largest

    def field(self, *xs: Shape) -> tuple[Reading, ...]:
        y = self.output(*xs)
        gates = self.gates and y.units > y.channels
        return tuple([PLACES if x.spatial == y.spatial else GATE if gates else spread_over(x.rank) for x in xs])

    def count_elements(self, *xs: Shape) -> int:
        return (len(xs) - 1) * max(x.units for x in xs)

    def count_kept(self, *xs: Shape) -> Kept:
        """What is made on the way from the first two to the last, too."""
        more = (len(xs) - 2) * max(x.units for x in xs) if self.kept.inputs else 0
        return self.kept._replace(values=more)

    def explain_elements(self, *xs: Shape) -> Step:
        y = self.output(*xs)
        return Step("element ops", "(inputs − 1) × values", product((f"({len(xs)} - 1)", *y)), self.count_elements(*xs))


class Add(ElementWiseMerge):
    """Add tensors of one shape.

    >>> Add().output(Shape(56, 56, 256), Shape(56, 56, 256))
    Shape(56, 56, 256)

    Errors: shapes that differ; only a tensor with one value a channel is spread over all places.
    """

    kind = "add"
    elsewhere = ("sum", "plus", "eltwise", "elementwise", "skip")
    example = "add:\n  from: [left, right]"
    source = "He et al. 2015, Deep residual learning, arXiv:1512.03385"


class Multiply(ElementWiseMerge):
    """Multiply tensors of one shape, or channels by one value each.

    >>> Multiply().output(Shape(56, 56, 64), Shape(64))
    Shape(56, 56, 64)

    Units: the products are element operations, not MACs.
    Errors: shapes that differ; only a tensor with one value a channel is spread over all places.
    """

    kind = "multiply"
    gates = True
    kept = Kept("its inputs", inputs=True)
    elsewhere = ("mul", "product")
    example = "multiply:\n  from: [features, gate]"
    source = "Hu et al. 2017, Squeeze-and-excitation networks, arXiv:1709.01507"


class Max(ElementWiseMerge):
    """Keep the largest of tensors of one shape, value by value.

    >>> Max().output(Shape(28, 28, 48), Shape(28, 28, 48))
    Shape(28, 28, 48)

    Errors: shapes that differ; only a tensor with one value a channel is spread over all places.
    """

    kind = "max"
    kept = Kept("its inputs", inputs=True)
    elsewhere = ("maximum", "maxout", "elementwisemax")
    example = "max:\n  from: [left, right]"
    source = "Goodfellow et al. 2013, Maxout networks, arXiv:1302.4389"


class Concat(Layer):
    """Stack the channels of tensors with the same spatial sizes.

    >>> Concat().output(Shape(28, 28, 64), Shape(28, 28, 128))  # 192 = 64 + 128
    Shape(28, 28, 192)

    Errors: spatial sizes that differ.
    """

    kind = "concat"
    inputs = (2, None)
    elsewhere = ("concatenate", "cat", "filterconcat", "depthconcat", "route")
    example = "concat:\n  from: [left, right]"
    sample = ({}, (Shape(7, 7, 64), Shape(7, 7, 32)))
    source = "Szegedy et al. 2014, Going deeper with convolutions, arXiv:1409.4842"

    def output(self, *xs: Shape) -> Shape:
        if any(x.spatial != xs[0].spatial for x in xs):
            raise Cause(f"concat needs one height and width, and {_listed(xs)} are the inputs")
        return Shape(*xs[0].spatial, sum(x.channels for x in xs))

    def explain(self, *xs: Shape) -> list[Step]:
        channels = [x.channels for x in xs]
        return [Step("depth", "sum of the channels", " + ".join(map(str, channels)), sum(channels))]


def _listed(xs: tuple[Shape, ...]) -> str:
    shown = [str(x) for x in xs[:6]] + (["…"] if len(xs) > 6 else [])
    return f"{', '.join(shown[:-1])} and {shown[-1]}"
