"""Expressions of a spec as those of Python, whose tensors are Keras's."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from cnnarch.interchange.keras.writing_layers import Varies, literal
from cnnarch.spec.expressions import WORDS, Expression

__all__ = ["translated"]

AXES = {"channels": -1, "height": 1, "width": 2, "length": 1}


def translated(value: Any, names: Mapping[str, str], x: str, found: list[Any]) -> str:
    """The code of a value, where settings have such names and the tensor that arrives is `x`.

    `found` are the values that it had; where they are whole and there is a division, they are made so in Python too.

    Raises Varies for what cannot be told so.
    """
    if not isinstance(value, Expression):
        return literal(_tuple(value))
    try:
        tree = ast.parse(value.text.strip(), mode="eval")
    except SyntaxError:  # a list whose values are computed, each on its own
        if not found or any(one != found[0] for one in found):
            raise Varies from None
        return literal(_tuple(found[0]))
    code = ast.unparse(_Translator(names, x).visit(tree)).replace("'", '"')
    if _divides(tree) and found and all(type(one) is int for one in found):
        return f"int({code})"
    return code


def _tuple(value: Any) -> Any:
    return tuple(map(_tuple, value)) if isinstance(value, (list, tuple)) else value


def _divides(tree: ast.AST) -> bool:
    """Whether there is a division that nothing rounds."""
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Div):
        return True
    if isinstance(tree, ast.Call) and ast.unparse(tree.func) in ("math.ceil", "math.floor", "round", "make_divisible"):
        return False
    return any(_divides(child) for child in ast.iter_child_nodes(tree))


class _Translator(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str], x: str) -> None:
        self.names = names
        self.x = x

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in ("true", "false"):
            return ast.Constant(node.id == "true")
        if node.id in self.names:
            return ast.parse(self.names[node.id], mode="eval").body
        if node.id in WORDS:
            return ast.Constant(node.id)
        raise Varies

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if not isinstance(node.value, ast.Name) or node.value.id != "x":
            raise Varies
        if node.attr == "units":
            return ast.parse(f"math.prod({self.x}.shape[1:])", mode="eval").body
        return ast.parse(f"{self.x}.shape[{AXES[node.attr]}]", mode="eval").body

    def visit_List(self, node: ast.List) -> ast.expr:
        return ast.Tuple([self.visit(one) for one in node.elts], ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = ast.unparse(node.func)
        function = f"math.{name}" if name in ("ceil", "floor") else name
        node.func = ast.parse(function, mode="eval").body
        node.args = [self.visit(one) for one in node.args]
        return node
