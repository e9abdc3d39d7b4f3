"""What exporters compute from shapes, computed: the few operators that such arithmetic is made of."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from cnnarch.interchange.onnx.program import Constant

__all__ = ["MOST_FLOATS", "MOST_VALUES", "evaluate"]

MOST_VALUES = 1024  # of a tensor of whole numbers, that its values are known
MOST_FLOATS = 64

Attributes = dict[str, Any]
Function = Callable[..., Any]


def evaluate(kind: str, attributes: Attributes, given: list[Constant | None], dtypes: list[Any], dtype: Any) -> Any:
    """The values of an operator's output as a numpy array, or nothing where they are not known.

    `given` are its inputs, none for those left out; `dtypes` are the inputs' numpy types, `dtype` the output's.
    """
    rule = _RULES.get(kind)
    if rule is None or any(one is not None and one.values is None for one in given):
        return None
    np = import_module("numpy")
    arrays = [
        None if one is None else np.array(one.values, type_).reshape(one.shape) for one, type_ in zip(given, dtypes)
    ]
    with np.errstate(all="ignore"):
        found = rule(np, attributes, *arrays)
    return None if found is None else np.asarray(found).astype(dtype)


def _slice(np: Any, attributes: Attributes, x: Any, *rest: Any) -> Any:
    names = ("starts", "ends", "axes", "steps")
    rows: list[Any] = [attributes.get(name) for name in names]
    for number, one in enumerate(rest):
        rows[number] = None if one is None else one.tolist()
    starts, ends, axes, steps = rows
    parts = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes or range(len(starts)), starts, ends, steps or [1] * len(starts)):
        # An end before the first, walking backwards, is written as a number that is too small to count from the end.
        last = None if step < 0 and end < -x.shape[axis] else end
        parts[axis] = slice(start, last, step)
    return x[tuple(parts)]


def _axes(attributes: Attributes, rest: tuple[Any, ...]) -> Any:
    if rest and rest[0] is not None:
        return tuple(rest[0].tolist())
    return tuple(attributes["axes"]) if "axes" in attributes else None


def _unsqueeze(np: Any, attributes: Attributes, x: Any, *rest: Any) -> Any:
    axes = _axes(attributes, rest)
    return np.expand_dims(x, axes)


def _reshape(np: Any, attributes: Attributes, x: Any, shape: Any) -> Any:
    sizes = shape.tolist()
    if not attributes.get("allowzero"):
        sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    return x.reshape(sizes)


def _reduced(name: str) -> Function:
    def rule(np: Any, attributes: Attributes, x: Any, *rest: Any) -> Any:
        axes = _axes(attributes, rest)
        if axes is None and attributes.get("noop_with_empty_axes"):
            return x
        return getattr(np, name)(x, axis=axes, keepdims=bool(attributes.get("keepdims", 1)))

    return rule


def _divided(np: Any, attributes: Attributes, a: Any, b: Any) -> Any:
    if a.dtype.kind not in "iu":
        return a / b
    if not b.all():
        return None
    return np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))  # towards 0, as in C


def _remainder(np: Any, attributes: Attributes, a: Any, b: Any) -> Any:
    if a.dtype.kind in "iu" and not b.all():
        return None
    return np.fmod(a, b) if attributes.get("fmod") else np.mod(a, b)


def _filled(np: Any, attributes: Attributes, shape: Any) -> Any:
    value = attributes.get("value")
    return np.full(shape.tolist(), value.values[0] if isinstance(value, Constant) and value.values else 0)


def _ranged(np: Any, attributes: Attributes, start: Any, limit: Any, step: Any) -> Any:
    return np.arange(start.item(), limit.item(), step.item()) if step.item() else None


def _plain(name: str) -> Function:
    return lambda np, attributes, *xs: getattr(np, name)(*xs)


def _folded(name: str) -> Function:
    def rule(np: Any, attributes: Attributes, *xs: Any) -> Any:
        found = xs[0]
        for x in xs[1:]:
            found = getattr(np, name)(found, x)
        return found

    return rule


def _clipped(np: Any, attributes: Attributes, x: Any, least: Any = None, most: Any = None) -> Any:
    least = attributes.get("min") if least is None else least
    most = attributes.get("max") if most is None else most
    x = x if least is None else np.maximum(x, least)
    return x if most is None else np.minimum(x, most)


_RULES: dict[str, Function] = {
    "Identity": lambda np, attributes, x: x,
    "Cast": lambda np, attributes, x: x,
    "CastLike": lambda np, attributes, x, like: x,
    "Gather": lambda np, attributes, x, index: np.take(x, index, axis=attributes.get("axis", 0)),
    "Concat": lambda np, attributes, *xs: np.concatenate(xs, axis=attributes.get("axis", 1)),
    "Slice": _slice,
    "Unsqueeze": _unsqueeze,
    "Squeeze": lambda np, attributes, x, *rest: np.squeeze(x, axis=_axes(attributes, rest)),
    "Reshape": _reshape,
    "Flatten": lambda np, attributes, x: x.reshape(int(np.prod(x.shape[: attributes.get("axis", 1)])), -1),
    "Transpose": lambda np, attributes, x: np.transpose(x, attributes.get("perm")),
    "Expand": lambda np, attributes, x, shape: x * np.ones(shape.tolist(), x.dtype),
    "Tile": lambda np, attributes, x, repeats: np.tile(x, repeats.tolist()),
    "ConstantOfShape": _filled,
    "Range": _ranged,
    "Where": lambda np, attributes, condition, x, y: np.where(condition, x, y),
    "Add": _plain("add"),
    "Sub": _plain("subtract"),
    "Mul": _plain("multiply"),
    "Div": _divided,
    "Mod": _remainder,
    "Pow": _plain("power"),
    "Neg": _plain("negative"),
    "Abs": _plain("abs"),
    "Sign": _plain("sign"),
    "Floor": _plain("floor"),
    "Ceil": _plain("ceil"),
    "Round": _plain("round"),
    "Sqrt": _plain("sqrt"),
    "Exp": _plain("exp"),
    "Log": _plain("log"),
    "Reciprocal": _plain("reciprocal"),
    "Equal": _plain("equal"),
    "Greater": _plain("greater"),
    "GreaterOrEqual": _plain("greater_equal"),
    "Less": _plain("less"),
    "LessOrEqual": _plain("less_equal"),
    "Not": _plain("logical_not"),
    "And": _plain("logical_and"),
    "Or": _plain("logical_or"),
    "Xor": _plain("logical_xor"),
    "Min": _folded("minimum"),
    "Max": _folded("maximum"),
    "Sum": _folded("add"),
    "ReduceProd": _reduced("prod"),
    "ReduceSum": _reduced("sum"),
    "ReduceMax": _reduced("max"),
    "ReduceMin": _reduced("min"),
    "Clip": _clipped,
}
