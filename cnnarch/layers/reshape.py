"""Layers that only arrange values anew."""

from __future__ import annotations

from cnnarch.errors import Cause
from cnnarch.layers.base import Layer, Step
from cnnarch.layers.sliding import product
from cnnarch.shapes import Shape

__all__ = ["Columns", "Flatten"]


class Flatten(Layer):
    """Lay all values out as one vector.

    >>> Flatten().output(Shape(2, 2, 256))  # 1024 = 2·2·256
    Shape(1024)
    """

    kind = "flatten"
    folds = True
    elsewhere = ("reshape", "view", "flattenlayer")
    example = "flatten"
    sample = ({}, (Shape(2, 2, 256),))
    source = "LeCun et al. 1998, Gradient-based learning applied to document recognition"

    def output(self, x: Shape) -> Shape:
        return Shape(x.units)

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
    elsewhere = ("maptosequence", "im2seq", "imagetosequence")
    example = "columns"
    sample = ({}, (Shape(2, 26, 512),))
    source = "Shi et al. 2015, An end-to-end trainable neural network for image-based sequence recognition, figure 2"

    def output(self, x: Shape) -> Shape:
        if x.rank != 2:
            raise Cause(f"columns needs an image, and {x} is the input")
        return Shape(x.width, x.height * x.channels)

    def operation(self, x: Shape) -> str:
        return "one position a column"

    def explain(self, x: Shape) -> list[Step]:
        return [
            Step("length", "width", str(x.width), x.width),
            Step("depth", "height × depth", f"{x.height} * {x.channels}", x.height * x.channels),
        ]
