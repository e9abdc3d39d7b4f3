"""What exporters take apart is put together again, and what is only nearly the same is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sqrt
from typing import Any

import pytest

from cnnarch.interchange.onnx.program import Constant, Op, Program
from cnnarch.interchange.onnx.rewrites import REWRITES

Attributes = dict[str, dict[str, Any]]  # of operators, by their outputs
Line = tuple[str, Sequence[Any], str]  # an operator, its inputs (numbers are constants), its output


def program(*lines: Line, outputs: Sequence[str] = ("y",), attributes: Attributes | None = None) -> Program:
    """Operators on x of 1×50×64; `w` and `b` are weights of 64 channels."""
    constants = {name: Constant((64,), None, name) for name in ("w", "b")}
    ops = []
    for kind, inputs, output in lines:
        names = []
        for one in inputs:
            if not isinstance(one, str):
                constants[f"{one!r}"] = Constant((), (one,))
            names.append(one if isinstance(one, str) else f"{one!r}")
        ops.append(Op(kind, output, tuple(names), (output,), (attributes or {}).get(output, {})))
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("x", *(op.outputs[0] for op in ops)), (1, 50, 64))
    return Program("p", {"x": (1, 50, 64)}, tuple(outputs), ops, shapes, constants)


def rewritten(given: Program) -> list[tuple[str, tuple[str, ...]]]:
    for rewrite in REWRITES:
        given = rewrite(given)
    return [(op.kind, op.inputs) for op in given.ops]


SQRT2 = sqrt(2)
CUBE: list[Line] = [("Mul", ("x", "x"), "a"), ("Mul", ("a", "x"), "c")]
TANH: list[Line] = [
    ("Mul", ("c", 0.044715), "d"), ("Add", ("x", "d"), "e"), ("Mul", ("e", sqrt(2 / pi)), "f"), ("Tanh", ("f",), "g"),
    ("Add", ("g", 1.0), "h"), ("Mul", (0.5, "x"), "k"), ("Mul", ("k", "h"), "y"),
]  # fmt: skip
FORMS: list[tuple[str, list[Line]]] = [
    ("Swish", [("Sigmoid", ("x",), "s"), ("Mul", ("x", "s"), "y")]),
    ("Swish", [("Sigmoid", ("x",), "s"), ("Mul", ("s", "x"), "y")]),
    ("Mish", [("Softplus", ("x",), "s"), ("Tanh", ("s",), "t"), ("Mul", ("x", "t"), "y")]),
    ("HardSwish", [("Add", ("x", 3.0), "a"), ("Clip", ("a", 0.0, 6.0), "c"), ("Mul", ("x", "c"), "m"),
                   ("Div", ("m", 6.0), "y")]),
    ("HardSwish", [("Add", (3.0, "x"), "a"), ("Clip", ("a", 0.0, 6.0), "c"), ("Div", ("c", 6.0), "m"),
                   ("Mul", ("x", "m"), "y")]),
    ("HardSwish", [("Add", ("x", 3.0), "a"), ("Clip", ("a", 0.0, 6.0), "c"), ("Mul", ("x", "c"), "m"),
                   ("Mul", ("m", 1 / 6), "y")]),
    ("HardSigmoid", [("Add", ("x", 3.0), "a"), ("Clip", ("a", 0.0, 6.0), "c"), ("Div", ("c", 6.0), "y")]),
    ("Gelu", [("Div", ("x", SQRT2), "a"), ("Erf", ("a",), "e"), ("Add", ("e", 1.0), "o"), ("Mul", ("x", "o"), "m"),
              ("Mul", ("m", 0.5), "y")]),
    ("Gelu", [("Mul", ("x", 1 / SQRT2), "a"), ("Erf", ("a",), "e"), ("Add", (1.0, "e"), "o"), ("Mul", ("o", 0.5), "m"),
              ("Mul", ("x", "m"), "y")]),
    ("Gelu", [("Div", ("x", SQRT2), "a"), ("Erf", ("a",), "e"), ("Add", ("e", 1.0), "o"), ("Mul", (0.5, "x"), "m"),
              ("Mul", ("m", "o"), "y")]),
    ("Gelu", [*CUBE, *TANH]),
    ("Gelu", [("Pow", ("x", 3.0), "c"), *TANH]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "lines"), FORMS, ids=lambda one: one if isinstance(one, str) else str(len(one)))
def test_activations(kind: str, lines: list[Line]) -> None:
    assert rewritten(program(*lines)) == [(kind, ("x",))]


@pytest.mark.parametrize(("kind", "lines"), FORMS, ids=lambda one: one if isinstance(one, str) else str(len(one)))
def test_a_constant_that_is_off_is_left(kind: str, lines: list[Line]) -> None:
    """By one part in a hundred, each in turn; x·σ(x) and Mish have none."""
    for place, (name, inputs, output) in enumerate(lines):
        for number, one in enumerate(inputs):
            if isinstance(one, float):
                other = [*inputs[:number], one * 1.01 or 0.01, *inputs[number + 1 :]]
                changed = [*lines[:place], (name, other, output), *lines[place + 1 :]]
                assert kind not in [found for found, _ in rewritten(program(*changed))], (name, one)


@pytest.mark.parametrize(("kind", "lines"), FORMS, ids=lambda one: one if isinstance(one, str) else str(len(one)))
def test_what_lies_between_and_is_taken_is_left(kind: str, lines: list[Line]) -> None:
    """By another operator, or as an output of the graph."""
    for _, _, output in lines[:-1]:
        taken = program(*lines, ("Relu", (output,), "z"), outputs=("y", "z"))
        given = program(*lines, outputs=("y", output))
        for found in (rewritten(taken), rewritten(given)):
            assert kind not in [name for name, _ in found]


NORM: list[Line] = [
    ("ReduceMean", ("x",), "m"), ("Sub", ("x", "m"), "d"), ("Pow", ("d", 2.0), "p"), ("ReduceMean", ("p",), "v"),
    ("Add", ("v", 1e-6), "e"), ("Sqrt", ("e",), "r"), ("Div", ("d", "r"), "n"),
]  # fmt: skip
LAST: Attributes = {"m": {"axes": [-1], "keepdims": 1}, "v": {"axes": [2], "keepdims": 1}}


def test_layer_normalisation() -> None:
    whole = [*NORM, ("Mul", ("n", "w"), "s"), ("Add", ("s", "b"), "y")]
    assert rewritten(program(*whole, attributes=LAST)) == [("LayerNormalization", ("x", "w", "b"))]
    scaled = [*NORM, ("Mul", ("w", "n"), "y")]
    assert rewritten(program(*scaled, attributes=LAST)) == [("LayerNormalization", ("x", "w", ""))]
    bare = program(*NORM, outputs=("n",), attributes=LAST)
    assert rewritten(bare) == [("LayerNormalization", ("x", "", ""))]
    by_product = [*NORM[:2], ("Mul", ("d", "d"), "p"), *NORM[3:]]
    assert rewritten(program(*by_product, outputs=("n",), attributes=LAST)) == [("LayerNormalization", ("x", "", ""))]


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        (2, ("Pow", ("d", 3.0), "p")),
        (4, ("Add", ("v", 0.5), "e")),
        (1, ("Sub", ("x", "x"), "d")),
        (5, ("Exp", ("e",), "r")),
    ],
)
def test_another_norm_is_left(line: int, changed: Line) -> None:
    lines = [*NORM[:line], changed, *NORM[line + 1 :]]
    assert "LayerNormalization" not in [kind for kind, _ in rewritten(program(*lines, outputs=("n",), attributes=LAST))]


@pytest.mark.parametrize("axes", [[1], [1, 2], [0], None])
def test_means_along_other_axes_are_left(axes: list[int] | None) -> None:
    along: dict[str, Any] = {} if axes is None else {"axes": axes}
    found = rewritten(program(*NORM, outputs=("n",), attributes={"m": along, "v": along}))
    assert "LayerNormalization" not in [kind for kind, _ in found]


def test_many_in_one_graph_are_all_found() -> None:
    lines: list[Line] = []
    for number in range(500):
        x = f"y{number - 1}" if number else "x"
        lines += [("Sigmoid", (x,), f"s{number}"), ("Mul", (x, f"s{number}"), f"y{number}")]
    assert rewritten(program(*lines, outputs=("y499",))) == [
        ("Swish", (f"y{number - 1}" if number else "x",)) for number in range(500)
    ]
