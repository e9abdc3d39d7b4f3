"""What models of other frameworks are made of where no layer has a name: functions, reductions, products, unknowns."""

from __future__ import annotations

from math import prod

from cnnarch.errors import Cause
from cnnarch.layers.base import KEEPS_INPUTS, KEEPS_OUTPUT, Kept, Layer, Step
from cnnarch.layers.field import ALL, PLACES, Reading, Untold, spread_over
from cnnarch.layers.settings import Choice, Count, Flag, Sizes, Word, setting
from cnnarch.layers.sliding import product
from cnnarch.shapes import Shape

__all__ = ["Elementwise", "MatMul", "Reduce", "Unknown"]

NOTHING_KEPT = Kept("nothing")
# Of each function how many element operations make a value, and what the backward pass needs.
FUNCTIONS: dict[str, tuple[int, Kept]] = {
    "neg": (0, NOTHING_KEPT),  # a sign is no operation
    **dict.fromkeys(("sign", "floor", "ceil", "round", "not"), (1, NOTHING_KEPT)),
    **dict.fromkeys(("exp", "sqrt", "reciprocal"), (1, KEEPS_OUTPUT)),
    **dict.fromkeys(("abs", "log", "sin", "cos", "tan", "atan", "erf", "square"), (1, KEEPS_INPUTS)),
    "clip": (2, KEEPS_INPUTS),  # a comparison with the least, one with the most
    "rsqrt": (2, KEEPS_OUTPUT),  # the root, and 1 over it
    "softplus": (3, KEEPS_INPUTS),  # ln(1 + e^x): the power, the sum, the logarithm
    "softsign": (3, KEEPS_INPUTS),  # x/(1 + |x|): the size, the sum, the quotient
    "selu": (4, KEEPS_INPUTS),  # below 0: a comparison, e^x, − 1, and times one number
    "celu": (5, KEEPS_INPUTS),  # below 0: a comparison, x/a, its power, − 1, times a
    # of two or more, one operation between each and the next
    **dict.fromkeys(("add", "sub", "mod", "equal", "greater", "less", "and", "or", "where"), (1, NOTHING_KEPT)),
    **dict.fromkeys(("mul", "div", "pow", "min", "max"), (1, KEEPS_INPUTS)),
    "mean": (1, NOTHING_KEPT),  # their sum, and the division
}
# Of each reduction how many operations there are for a value that is read, and how many more for one that is made.
REDUCTIONS = {
    "mean": (1, 0), "sum": (1, -1), "prod": (1, -1), "max": (1, 0), "min": (1, 0), "l1": (2, -1), "l2": (2, 0),
    "sum_square": (2, -1), "log_sum_exp": (2, 0),
}  # fmt: skip


class Elementwise(Layer):
    """Compute a function of single values, of one tensor or of several.

    >>> Elementwise(operator="exp").output(Shape(28, 28, 64))
    Shape(28, 28, 64)
    >>> Elementwise(operator="div").output(Shape(28, 28, 64), Shape(28, 28, 1))
    Shape(28, 28, 64)

    Units: no weights and no MACs.
    Errors: sizes that differ where neither is 1.
    """

    kind = "elementwise"
    inputs = (1, None)
    elsewhere = ("pointwise", "map", "lambda", "exp", "sqrt", "log", "pow", "div", "sub")
    example = "elementwise: exp"
    sample = ({"operator": "exp"}, (Shape(7, 7, 64),))
    source = "ONNX 1.22, operators, which spread shapes as NumPy does"

    operator: str = setting(Choice(*FUNCTIONS), "the function", elsewhere=("op", "function"))

    def output(self, *xs: Shape) -> Shape:
        rank = max(x.rank for x in xs)
        rows = [(1,) * (rank - x.rank) + tuple(x) for x in xs]
        found = [max(sizes) for sizes in zip(*rows)]
        if any(size not in (1, most) for row in rows for size, most in zip(row, found)):
            raise Cause(f"{' and '.join(map(str, xs))} cannot be spread to one shape")
        return Shape(*found)

    def field(self, *xs: Shape) -> tuple[Reading, ...]:
        y = self.output(*xs)
        if any(x.spatial not in (y.spatial, (1,) * x.rank) for x in xs):
            return (Untold("tensors are spread along some axes"),) * len(xs)
        return tuple([PLACES if x.spatial == y.spatial else spread_over(x.rank) for x in xs])

    def _each(self, *xs: Shape) -> int:
        each = FUNCTIONS[self.operator][0]
        if self.operator == "where":  # a choice between two
            return each
        return each * (len(xs) if self.operator == "mean" else max(len(xs) - 1, 1))

    def count_elements(self, *xs: Shape) -> int:
        return self._each(*xs) * self.output(*xs).units

    def explain_elements(self, *xs: Shape) -> Step:
        each, y = self._each(*xs), self.output(*xs)
        formula = "values" if each == 1 else f"{each} × values"
        return Step("element ops", formula, product(y if each == 1 else (each, *y)), self.count_elements(*xs))

    def count_kept(self, *xs: Shape) -> Kept:
        return FUNCTIONS[self.operator][1]

    def operation(self, *xs: Shape) -> str:
        return self.operator


class Reduce(Layer):
    """Make one value of many: along the places, along the channels, or of all.

    >>> Reduce(operator="mean", axes="channels", keep=True).output(Shape(28, 28, 64))
    Shape(28, 28, 1)
    >>> Reduce(operator="sum").output(Shape(28, 28, 64))
    Shape(64)

    Units: no weights and no MACs; additions are not multiply-adds.
    """

    kind = "reduce"
    elsewhere = ("reducemean", "reducesum", "reducemax", "mean", "norm")
    example = "reduce: {operator: mean, axes: channels, keep: true}"
    sample = ({"operator": "mean", "axes": "channels", "keep": True}, (Shape(7, 7, 64),))
    source = "ONNX 1.22, operators ReduceMean, ReduceSum, ReduceMax and others"

    operator: str = setting(
        Choice(*REDUCTIONS), "what is made of them",
        elsewhere=("op", "function"),
    )  # fmt: skip
    axes: str = setting(
        Choice("spatial", "channels", "all"), "which values are made one", default="spatial", elsewhere=("axis", "dim")
    )
    keep: bool = setting(
        Flag(), "whether axes stay, with a size of 1", default=False, elsewhere=("keepdims", "keep_dims", "keepdim")
    )

    def output(self, x: Shape) -> Shape:
        if self.axes != "all" and not x.rank:
            raise Cause(f"reduce along `{self.axes}` needs places, and a vector has none: {x} is the input", "axes")
        spatial = self.axes != "channels"
        channels = self.axes != "spatial"
        if self.keep:
            return Shape(*((1,) * x.rank if spatial else x.spatial), 1 if channels else x.channels)
        return Shape(1) if self.axes == "all" else Shape(x.channels) if spatial else Shape(*x.spatial)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        if self.axes != "channels":
            return (ALL,)
        return (PLACES,) if self.keep else (Untold("places become channels"),)

    def count_elements(self, x: Shape) -> int:
        read, made = REDUCTIONS[self.operator]
        return read * x.units + made * self.output(x).units

    def explain_elements(self, x: Shape) -> Step:
        read, made = REDUCTIONS[self.operator]
        formula = "values of the input" if read == 1 else f"{read} × values of the input"
        factors = product(x if read == 1 else (read, *x))
        if made:
            formula, factors = f"{formula} − values", f"{factors} - {product(self.output(x))}"
        return Step("element ops", formula, factors, self.count_elements(x))

    def count_kept(self, x: Shape) -> Kept:
        if self.operator in ("mean", "sum"):
            return NOTHING_KEPT
        both = self.operator not in ("l1", "sum_square")
        return Kept("its input and its output" if both else "its input", inputs=True, output=both)

    def operation(self, x: Shape) -> str:
        return f"{self.operator} of {self.axes}"


class MatMul(Layer):
    """Multiply two tensors as matrices, whose rows and columns are the last two axes.

    >>> MatMul(transpose=True).output(Shape(12, 197, 64), Shape(12, 197, 64))  # likeness, in 12 heads
    Shape(12, 197, 197)
    >>> MatMul(transpose=True).count_macs(Shape(12, 197, 64), Shape(12, 197, 64))  # 12·197·197·64
    29805312

    Units: MACs in multiply-adds for a batch of 1.
    Errors: columns that are not as many as the rows of the second; a vector, which has no rows.
    """

    kind = "matmul"
    inputs = (2, 2)
    kept = KEEPS_INPUTS
    elsewhere = ("bmm", "dot", "batchmatmul", "einsum")
    example = "matmul:\n  from: [queries, keys]\n  transpose: true"
    sample = ({"transpose": True}, (Shape(4, 50, 16), Shape(4, 50, 16)))
    source = "ONNX 1.22, operator MatMul, which follows numpy.matmul"

    transpose: bool = setting(
        Flag(), "whether rows and columns of the second are exchanged", default=False, elsewhere=("transpose_b",)
    )

    def _sizes(self, a: Shape, b: Shape) -> tuple[tuple[int, ...], int, int, int]:
        for x in (a, b):
            if not x.rank:
                raise Cause(f"matmul needs rows and columns, and {x} is a vector")
        rows, columns = (b[-1], b[-2]) if self.transpose else (b[-2], b[-1])
        if a[-1] != rows:
            raise Cause(f"{a[-1]} columns of {a} do not meet {rows} rows of {b}")
        if a[:-2] != b[:-2]:
            raise Cause(f"{a} and {b} are not as many matrices")
        return tuple(a[:-2]), a[-2], rows, columns

    def output(self, a: Shape, b: Shape) -> Shape:
        many, rows, _, columns = self._sizes(a, b)
        return Shape(*many, rows, columns)

    def count_macs(self, a: Shape, b: Shape) -> int:
        many, rows, inner, columns = self._sizes(a, b)
        return prod(many) * rows * inner * columns

    def field(self, a: Shape, b: Shape) -> tuple[Reading, ...]:
        return PLACES, ALL

    def explain(self, a: Shape, b: Shape) -> list[Step]:
        many, rows, inner, columns = self._sizes(a, b)
        factors = product((*many, rows, columns, inner))
        return [Step("MACs", "output × columns of the first", factors, self.count_macs(a, b))]


class Unknown(Layer):
    """Stand for what is not known here: its shape is told, its figures are not counted.

    >>> Unknown(operator="NonMaxSuppression", size=[100, 6]).output(Shape(8400, 84))
    Shape(100, 6)

    Units: `weights` are those that it was seen to take. Totals of a network with one are no less than shown.
    """

    kind = "unknown"
    inputs = (1, None)
    counted = False
    elsewhere = ("custom", "plugin")
    example = "unknown: {operator: NonMaxSuppression, size: [100, 6]}"
    sample = ({"operator": "Mystery", "size": (7, 7, 32)}, (Shape(7, 7, 64),))
    source = "a file of another framework"

    operator: str = setting(Word(), "what the framework calls it", elsewhere=("op", "op_type"))
    size: tuple[int, ...] = setting(Sizes(axes=4), "the shape of its output", elsewhere=("output", "shape"))
    weights: int = setting(Count(0), "numbers that it was seen to take as weights", default=0)

    def output(self, *xs: Shape) -> Shape:
        return Shape(*(self.size if isinstance(self.size, tuple) else (self.size,)))

    def count_weights(self, *xs: Shape) -> int:
        return int(self.weights)

    def field(self, *xs: Shape) -> tuple[Reading, ...]:
        return (Untold(f"what `{self.operator}` reads is not known"),) * len(xs)

    def explain_elements(self, *xs: Shape) -> Step:
        return Step("element ops", "not known", "0", 0, "not counted")

    def operation(self, *xs: Shape) -> str:
        return f"{self.operator}, not counted"
