"""Operators that multiply matrices: fully connected layers, products of two tensors, recurrent layers."""

from __future__ import annotations

from typing import Any

from cnnarch.interchange.onnx.builder import Builder, Pattern, Rule, UnfitError
from cnnarch.interchange.onnx.operators_merges import pattern_of
from cnnarch.interchange.onnx.operators_norms import last
from cnnarch.interchange.onnx.program import Constant, Op
from cnnarch.interchange.onnx.tensors import Tensor, fresh

__all__ = ["RULES"]


def _connected(build: Builder, op: Op, x: Tensor, axis: int, units: int, roots: list[str], bias: bool) -> None:
    """A fully connected layer along one axis of ONNX's."""
    x = last(build, op, x, axis)
    if len(x.ours) > 1 and not any(x.ours[:-1]):
        x = build.arrange(op, x, ((axis,),))
    settings: dict[str, Any] = {"units": units}
    if not bias:
        settings["bias"] = False
    if len(x.ours) > 2:
        settings["at_each_place"] = True
    name = build.add(op, "fc", settings, [x], roots)
    new = fresh(name, (units,), ()).axes[0]
    axes = (*x.axes[:axis], new, *x.axes[axis + 1 :])
    build.give(op, Tensor(name, (*x.ours[:-1], new), axes))


def _gemm(build: Builder, op: Op) -> None:
    weights, bias = build.constant(op, 1), build.constant(op, 2)
    if weights is None or op.attributes.get("transA") or (build.given(op, 2) and bias is None):
        raise UnfitError("its weights are computed")
    units = build.result(op)[1]
    if bias is not None and bias.shape not in ((units,), (1, units)):
        raise UnfitError(f"it adds biases of {list(bias.shape)}")
    roots = [weights.root, *([bias.root] if bias else [])]
    _connected(build, op, build.tensor(op), 1, units, roots, bias is not None)


def _matmul(build: Builder, op: Op) -> None:
    first, second = build.constant(op, 0), build.constant(op, 1)
    if second is not None and _is_matrix(second):
        x, units = build.tensor(op), second.shape[-1]
        _connected(build, op, x, len(x.axes) - 1, units, [second.root], bias=False)
    elif first is not None and _is_matrix(first):
        x = build.tensor(op, 1)
        _connected(build, op, x, len(x.axes) - 2, first.shape[-2], [first.root], bias=False)
    elif first is None and second is None:
        _product(build, op)
    else:
        raise UnfitError("its weights are several matrices")


def _is_matrix(constant: Constant) -> bool:
    return len(constant.shape) >= 2 and all(size == 1 for size in constant.shape[:-2]) and bool(constant.root)


def _product(build: Builder, op: Op) -> None:
    """Two tensors, of which each has as many matrices."""
    a, b, shape = build.tensor(op), build.tensor(op, 1), build.result(op)
    if len(a.axes) < 2 or len(b.axes) < 2 or build.shape(op)[:-2] != build.shape(op, 1)[:-2]:
        raise UnfitError("they are not as many matrices")
    rank = len(shape)
    leading = tuple(axis for axis in range(rank - 2) if a.axes[axis])
    rows: Pattern = (leading,) if leading else ()
    plain_order: Pattern = (*rows, (rank - 2,), (rank - 1,))
    turned: Pattern = (*rows, (rank - 1,), (rank - 2,))
    a = build.arrange(op, a, plain_order)
    turn = pattern_of(b) == turned
    settings = {"transpose": True} if turn else {}
    build.layer(op, "matmul", settings, [a, build.arrange(op, b, turned if turn else plain_order)], plain_order)


def _einsum(build: Builder, op: Op) -> None:
    """A sum of products of two tensors, where it is a product of matrices: `bhid,bhjd->bhij`."""
    equation = str(op.attributes.get("equation", "")).replace(" ", "")
    sides, arrow, out = equation.partition("->")
    names = sides.split(",")
    if len(names) != 2 or not arrow or "." in equation or any(len(set(one)) != len(one) for one in (*names, out)):
        raise UnfitError(f"its equation is {equation}")
    first, second = names
    many = [one for one in out if one in first and one in second]
    rows, columns = ([one for one in out if one in own and one not in many] for own in names)
    summed = [one for one in first if one in second and one not in out]
    if not rows or not columns or not summed or {*first, *second} != {*out, *summed}:
        raise UnfitError(f"its equation is {equation}")

    def order(own: str, *letters: list[str]) -> Pattern:
        groups = [tuple(own.index(one) for one in group) for group in letters]
        return tuple(groups if many else groups[1:])

    a = build.arrange(op, build.tensor(op), order(first, many, rows, summed))
    turned = order(second, many, columns, summed)
    b = build.tensor(op, 1)
    settings = {"transpose": True} if pattern_of(b) == turned else {}
    b = build.arrange(op, b, turned if settings else order(second, many, summed, columns))
    build.layer(op, "matmul", settings, [a, b], order(out, many, rows, columns))


def _recurrent(build: Builder, op: Op) -> None:
    """A sequence in, as (length, batch, channels); out its states, and the last one of each direction."""
    shape, gates = build.shape(op), {"LSTM": 4, "GRU": 3}[op.kind]
    units, ways = op.attributes.get("hidden_size", 0), build.shape(op, 1)[0]
    weights, again, bias = (build.constant(op, number) for number in (1, 2, 3))
    if weights is None or again is None or (build.given(op, 3) and bias is None):
        raise UnfitError("its weights are computed")
    if shape[1] != 1 or op.attributes.get("layout"):
        raise UnfitError(f"it reads {shape[1]} sequences at once")
    if any(build.given(op, number) and build.constant(op, number) is None for number in (4, 5, 6)):
        raise UnfitError("its first state is computed")
    if build.given(op, 7):
        raise UnfitError("it has peepholes")
    if weights.shape != (ways, gates * units, shape[2]):
        raise UnfitError(f"its weights are {list(weights.shape)}")
    used = [bool(output) and build.users[output] > 0 for output in op.outputs]
    if sum(used) != 1 or any(used[2:]):
        raise UnfitError("more than one of its outputs is taken")
    settings: dict[str, Any] = {"units": units}
    settings |= {"bidirectional": True} if ways == 2 else {}
    settings |= {} if bias else {"biases": 0}
    x = build.arrange(op, build.tensor(op), ((0,), (2,)))
    roots = [weights.root, again.root, *([bias.root] if bias else [])]
    if used[0]:
        build.layer(op, op.kind.lower(), settings, [x], ((0,), (1, 3)), roots)
    else:
        build.layer(op, op.kind.lower(), settings | {"returns": "last"}, [x], ((0, 2),), roots, 1)


def _fc(build: Builder, op: Op) -> None:
    """A matrix product and what is added to it, as rewriting found them."""
    weights, bias = build.constant(op, 1), build.constant(op, 2)
    if weights is None or not _is_matrix(weights) or (build.given(op, 2) and bias is None):
        raise UnfitError("its weights are computed")
    x, roots = build.tensor(op), [weights.root, *([bias.root] if bias else [])]
    _connected(build, op, x, len(x.axes) - 1, build.result(op)[-1], roots, bias is not None)


def _attention(build: Builder, op: Op) -> None:
    """Attention with its projections, as rewriting found it: x, perhaps a second tensor, then weights and biases.

    It has `heads`, and perhaps `units`, the width of all heads, and `bias`. ONNX's own operator of that name has
    neither: its queries, keys and values are made elsewhere.
    """
    if "heads" not in op.attributes:
        raise UnfitError("its queries, keys and values are made elsewhere")
    x = build.tensor(op)
    x = last(build, op, x, len(x.axes) - 1)
    sources = [x]
    if build.given(op, 1) and op.inputs[1] in build.tensors and op.inputs[1] != op.inputs[0]:
        memory = build.tensor(op, 1)
        sources.append(last(build, op, memory, len(memory.axes) - 1))
    settings: dict[str, Any] = {"heads": op.attributes["heads"]}
    if op.attributes.get("units", x.shape[-1]) != x.shape[-1]:
        settings["units"] = op.attributes["units"]
    if op.attributes.get("bias") is False:
        settings["bias"] = False
    roots = [one.root for name in op.inputs if (one := build.program.constants.get(name))]
    name = build.add(op, "attention", settings, sources, roots)
    build.give(op, Tensor(name, x.ours, x.axes))


RULES: dict[str, Rule] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Einsum": _einsum,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "Fc": _fc,
    "Attention": _attention,
}
