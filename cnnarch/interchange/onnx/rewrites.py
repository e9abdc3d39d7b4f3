"""What exporters take apart, put together again: activations and layer normalisation written out in simple operators.

Each is replaced by one operator, named as in the newest ONNX opset, only where it is certain: what lies between has no
other user and is no output, and constants are what the definition says, to a thousandth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import pi, prod, sqrt
from typing import Any, NamedTuple

from cnnarch.interchange.onnx.program import Op, Program

__all__ = ["REWRITES"]

CLOSE = 1e-3  # relative: constants are stored with 7 digits, and some are written with 5

# A kind, its inputs and attributes, and the operators that it is made of.
Found = tuple[str, list[str], dict[str, Any], list[int]]


class Product(NamedTuple):
    """A product of tensors and a number, however it is written; `ops` are the multiplications and divisions of it."""

    number: float
    factors: tuple[str, ...]
    ops: tuple[int, ...]


class View:
    """A program by its tensors: who makes each, and how often it is taken."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.maker = {name: number for number, op in enumerate(program.ops) for name in op.outputs}
        self.users = Counter(name for op in program.ops for name in op.inputs)
        self.users.update(program.outputs)
        self.last_user = {name: number for number, op in enumerate(program.ops) for name in op.inputs}

    def number(self, name: str) -> float | None:
        """The value of a constant of one number."""
        constant = self.program.constants.get(name)
        if constant is None or constant.values is None or prod(constant.shape) != 1:
            return None
        value = constant.values[0]
        return float(value) if isinstance(value, (int, float)) else None

    def made(self, name: str, *kinds: str, users: int = 1) -> int | None:
        """The operator that makes a tensor, if it is of such a kind and the tensor is taken so often and no more."""
        number = self.maker.get(name)
        if number is None or self.program.ops[number].kind not in kinds or self.users[name] != users:
            return None
        return number

    def product(self, name: str, root: bool = False) -> Product:
        """A tensor as a product of all that is multiplied for it alone."""
        number = self.maker.get(name) if root else self.made(name, "Mul", "Div")
        op = self.program.ops[number] if number is not None else None
        if number is None or op is None or op.kind not in ("Mul", "Div"):
            return Product(1.0, (name,), ())
        left, right = op.inputs
        if op.kind == "Div":
            divisor = self.number(right)
            if not divisor:
                return Product(1.0, (name,), ())
            found = self._factor(left)
            return Product(found.number / divisor, found.factors, (number, *found.ops))
        one, other = self._factor(left), self._factor(right)
        return Product(one.number * other.number, one.factors + other.factors, (number, *one.ops, *other.ops))

    def _factor(self, name: str) -> Product:
        value = self.number(name)
        return Product(value, (), ()) if value is not None else self.product(name)

    def plus(self, name: str, value: float) -> tuple[str, int] | None:
        """What a number is added to, and by which operator."""
        number = self.made(name, "Add")
        if number is None:
            return None
        one, other = self.program.ops[number].inputs
        for x, constant in ((one, other), (other, one)):
            found = self.number(constant)
            if found is not None and is_close(found, value):
                return x, number
        return None


def is_close(one: float, other: float) -> bool:
    return abs(one - other) <= CLOSE * abs(other)


# Activations


def _function(view: View, name: str, kind: str) -> tuple[str, int] | None:
    """What a function is of, and by which operator."""
    number = view.made(name, kind)
    return None if number is None else (view.program.ops[number].inputs[0], number)


def _swish(view: View, x: str, other: str, number: float) -> Found | None:
    """x·σ(x)"""
    found = _function(view, other, "Sigmoid")
    if found is None or found[0] != x or not is_close(number, 1):
        return None
    return "Swish", [x], {}, [found[1]]


def _mish(view: View, x: str, other: str, number: float) -> Found | None:
    """x·tanh(ln(1 + e^x))"""
    outer = _function(view, other, "Tanh")
    inner = _function(view, outer[0], "Softplus") if outer else None
    if outer is None or inner is None or inner[0] != x or not is_close(number, 1):
        return None
    return "Mish", [x], {}, [outer[1], inner[1]]


def _clipped(view: View, name: str) -> tuple[str, list[int]] | None:
    """The x of min(max(x + 3, 0), 6)."""
    number = view.made(name, "Clip")
    if number is None:
        return None
    op = view.program.ops[number]
    least = view.number(op.inputs[1]) if len(op.inputs) > 1 else op.attributes.get("min")
    most = view.number(op.inputs[2]) if len(op.inputs) > 2 else op.attributes.get("max")
    inner = view.plus(op.inputs[0], 3)
    if least is None or most is None or least != 0 or not is_close(most, 6) or inner is None:
        return None
    return inner[0], [number, inner[1]]


def _hard_swish(view: View, x: str, other: str, number: float) -> Found | None:
    """x·relu6(x + 3)/6"""
    hard = view.made(other, "HardSigmoid")
    if hard is not None and is_close(number, 1):
        op = view.program.ops[hard]
        alpha, beta = op.attributes.get("alpha", 0.2), op.attributes.get("beta", 0.5)
        return ("HardSwish", [x], {}, [hard]) if op.inputs[0] == x and _is_hard(alpha, beta) else None
    clipped = _clipped(view, other)
    if clipped is None or clipped[0] != x or not is_close(number, 1 / 6):
        return None
    return "HardSwish", [x], {}, clipped[1]


def _is_hard(alpha: float, beta: float) -> bool:
    return is_close(alpha, 1 / 6) and is_close(beta, 0.5)


def _gelu(view: View, x: str, other: str, number: float) -> Found | None:
    """x/2·(1 + erf(x/√2)), or with tanh(√(2/π)·(x + 0.044715·x³)) in its place"""
    one = view.plus(other, 1)
    if one is None or not is_close(number, 0.5):
        return None
    erf, tanh = _function(view, one[0], "Erf"), _function(view, one[0], "Tanh")
    if erf is not None:
        inside = view.product(erf[0])
        if inside.factors == (x,) and is_close(inside.number, 1 / sqrt(2)):
            return "Gelu", [x], {}, [one[1], erf[1], *inside.ops]
    if tanh is not None:
        cube = _with_cube(view, tanh[0], x)
        if cube is not None:
            return "Gelu", [x], {"approximate": "tanh"}, [one[1], tanh[1], *cube]
    return None


def _with_cube(view: View, name: str, x: str) -> list[int] | None:
    """The operators of √(2/π)·(x + 0.044715·x³)."""
    outer = view.product(name)
    if len(outer.factors) != 1 or not is_close(outer.number, sqrt(2 / pi)):
        return None
    number = view.made(outer.factors[0], "Add")
    if number is None or x not in view.program.ops[number].inputs:
        return None
    (rest,) = [one for one in view.program.ops[number].inputs if one != x] or [""]
    inner = view.product(rest)
    if not is_close(inner.number, 0.044715):
        return None
    cube = _cube(view, inner.factors, x)
    return None if cube is None else [*outer.ops, number, *inner.ops, *cube]


def _cube(view: View, factors: tuple[str, ...], x: str) -> list[int] | None:
    """The operators that make x³ of x, if these factors are that."""
    if factors == (x, x, x):
        return []
    power = view.made(factors[0], "Pow") if len(factors) == 1 else None
    if power is None:
        return None
    base, exponent = view.program.ops[power].inputs
    return [power] if base == x and view.number(exponent) == 3 else None


PAIRS: tuple[Callable[[View, str, str, float], Found | None], ...] = (_swish, _hard_swish, _gelu, _mish)


def _activation(view: View, number: int) -> Found | None:
    """The activation that an operator is the last of."""
    op = view.program.ops[number]
    if op.kind not in ("Mul", "Div"):
        return None
    whole = view.product(op.outputs[0], root=True)
    if len(whole.factors) == 1:
        clipped = _clipped(view, whole.factors[0])
        if clipped is None or not is_close(whole.number, 1 / 6):
            return None
        return "HardSigmoid", [clipped[0]], {"alpha": 1 / 6, "beta": 0.5}, [*clipped[1], *whole.ops]
    if len(whole.factors) != 2:
        return None
    for x, other in (whole.factors, whole.factors[::-1]):
        for rule in PAIRS:
            found = rule(view, x, other, whole.number)
            if found is not None:
                return (*found[:3], [*found[3], *whole.ops])
    return None


# Layer normalisation


def _layer_norm(view: View, number: int) -> Found | None:
    """(x − mean)/√(variance + ε), both along the last axis."""
    op = view.program.ops[number]
    if op.kind != "Div":
        return None
    deviation, root = op.inputs
    far, deep = view.maker.get(deviation), view.made(root, "Sqrt")
    if far is None or deep is None or view.program.ops[far].kind != "Sub":
        return None
    x, mean = view.program.ops[far].inputs
    middle = _mean(view, mean, x)
    variance = _variance(view, view.program.ops[deep].inputs[0], deviation)
    if middle is None or variance is None:
        return None
    return "LayerNormalization", [x, "", ""], {"axis": -1}, [number, far, deep, middle, *variance]


def _mean(view: View, name: str, x: str) -> int | None:
    """The operator that takes the mean of x along its last axis."""
    number = view.made(name, "ReduceMean")
    if number is None:
        return None
    op = view.program.ops[number]
    constant = view.program.constants.get(op.inputs[1]) if len(op.inputs) > 1 and op.inputs[1] else None
    axes = constant.values if constant is not None else op.attributes.get("axes")
    rank = len(view.program.shapes.get(x, ()))
    along = rank and axes is not None and [one % rank for one in axes] == [rank - 1]
    return number if op.inputs[0] == x and along and op.attributes.get("keepdims", 1) else None


def _variance(view: View, name: str, deviation: str) -> list[int] | None:
    """The operators of the mean of the squares of the deviation, and a small number that is added."""
    added = view.made(name, "Add")
    if added is None:
        return None
    one, other = view.program.ops[added].inputs
    small = view.number(other) if view.number(other) is not None else view.number(one)
    squares = one if view.number(other) is not None else other
    averaged = view.maker.get(squares)
    if small is None or not 0 < small < 0.01 or averaged is None or not view.program.ops[averaged].inputs:
        return None
    square = view.program.ops[averaged].inputs[0]
    mean, power = _mean(view, squares, square), view.made(square, "Pow", "Mul")
    if mean is None or power is None:
        return None
    base, exponent = view.program.ops[power].inputs
    by_itself = view.program.ops[power].kind == "Mul" and base == exponent == deviation
    squared = view.program.ops[power].kind == "Pow" and base == deviation and view.number(exponent) == 2
    # The deviation is taken here and by the division, and nowhere else.
    if not (by_itself or squared) or view.users[deviation] != (3 if by_itself else 2):
        return None
    return [added, mean, power]


def _with_weights(view: View, found: Found, last: str) -> tuple[Found, str]:
    """A normalisation with the scale and shift that follow it; which tensor it gives then."""
    kind, inputs, attributes, ops = found
    channels = view.program.shapes[inputs[0]][-1]
    for place, following in ((1, "Mul"), (2, "Add")):
        user = view.last_user.get(last)
        if user is None or view.program.ops[user].kind != following or view.users[last] != 1:
            continue
        (other,) = [one for one in view.program.ops[user].inputs if one != last] or [""]
        constant = view.program.constants.get(other)
        if constant is None or constant.shape != (channels,) or not constant.root:
            continue
        inputs = [*inputs[:place], other, *inputs[place + 1 :]]
        ops, last = [*ops, user], view.program.ops[user].outputs[0]
    return (kind, inputs, attributes, ops), last


# Replacing


def activations(program: Program) -> Program:
    """Swish, hard swish, hard sigmoid, GELU and Mish, each as one operator."""
    return _replaced(program, _activation)


def layer_norms(program: Program) -> Program:
    """Layer normalisation along the last axis, with the weights that follow it, as one operator."""
    return _replaced(program, _layer_norm, weights=True)


def _replaced(program: Program, rule: Callable[[View, int], Found | None], weights: bool = False) -> Program:
    view = View(program)
    gone: set[int] = set()
    made: dict[int, Op] = {}
    for number in range(len(program.ops) - 1, -1, -1):
        found = rule(view, number) if number not in gone else None
        if found is None or gone & {*found[3]}:
            continue
        last = program.ops[number].outputs[0]
        if weights:
            found, last = _with_weights(view, found, last)
        kind, inputs, attributes, ops = found
        end = view.maker[last]
        gone |= {*ops}
        made[end] = Op(kind, program.ops[end].name, tuple(inputs), (last,), attributes)
    kept = [made.get(number, op) for number, op in enumerate(program.ops) if number in made or number not in gone]
    return program._replace(ops=kept)


REWRITES: tuple[Callable[[Program], Program], ...] = (layer_norms, activations)
