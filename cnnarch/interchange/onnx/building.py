"""What ONNX graphs are put together with: nodes, constants, weights, and names that are used once."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt
from typing import Any

from cnnarch.interchange.doors import need
from cnnarch.shapes import Shape

__all__ = ["Builder"]


class Builder:
    """Collects the nodes of a graph; what is added between `begin` and `end` is one layer's."""

    def __init__(self, onnx: Any, seed: int | None) -> None:
        self.onnx = onnx
        self.numpy = need("numpy", "onnx")
        self.random = None if seed is None else self.numpy.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.initializers: dict[str, Any] = {}
        self.shapes: dict[str, Any] = {}
        self.weights: dict[str, list[str]] = {}  # of each layer, in the order in which it asked for them
        self.taken: set[str] = set()
        self.layer = ""
        self.owner = ""
        self.asked = 0

    # Layers

    def declare(self, name: str, shape: Shape) -> str:
        self.taken.add(name)
        self.inputs.append(self._info(name, axes(shape)))
        return name

    def begin(self, name: str, owner: str) -> None:
        self.layer, self.owner, self.asked = name, owner, 0
        self.taken.add(name)

    def end(self, found: str, shape: Shape) -> str:
        """Give the last tensor of a layer the layer's name."""
        last = self.nodes[-1] if self.nodes else None
        if last is None or found not in last.output or not found.startswith(f"{self.layer}/"):
            found = self.add("Identity", [found])
            last = self.nodes[-1]
        last.output[list(last.output).index(found)] = self.layer
        last.name = self.layer
        self.shapes[self.layer] = self._info(self.layer, axes(shape))
        return self.layer

    # Parts of a layer

    def add(self, kind: str, inputs: Sequence[str], outputs: int = 1, at: int = 0, **attributes: Any) -> str:
        """Add an operator; gives its output, or that `at` a place of several."""
        base = self._fresh(f"{self.layer}/{kind}")
        names = [base if outputs == 1 else f"{base}_{number}" for number in range(outputs)]
        given = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), names, base, **given))
        return names[at]

    def whole(self, values: Sequence[int], scalar: bool = False) -> str:
        """A constant of whole numbers, such as a shape."""
        shown = "x".join(map(str, values)) or "none"
        name = f"const/{'scalar_' if scalar else ''}{shown}" if len(values) < 8 else self._fresh(f"const/{self.layer}")
        array = self.numpy.asarray(values, "int64").reshape([] if scalar else [len(values)])
        return self._initializer(name, array)

    def number(self, value: float) -> str:
        return self._initializer(f"const/{value!r}", self.numpy.asarray(value, "float32"))

    def filled(self, shape: Sequence[int], value: float) -> str:
        """A constant that only stands where an operator wants one, and is no weight of the network."""
        array = self.numpy.full(tuple(shape), value, "float32")
        return self._initializer(f"const/{value!r}_{'x'.join(map(str, shape))}", array)

    def weight(self, shape: Sequence[int], fan: int = 0, value: float | None = None) -> str:
        """Weights of the layer, or of the layer whose weights it uses.

        Drawn ones have a deviation of √(1/fan), so that values stay as large as they are; `value` is that of weights
        that begin as a constant, such as the scale of a normalisation.
        """
        if self.owner:
            found = self.weights[self.owner][self.asked]
            self.asked += 1
            return found
        kept = self.weights.setdefault(self.layer, [])
        name = self._fresh(f"{self.layer}/weight")
        kept.append(self._drawn(name, shape, fan, value) if self.random is not None else self._empty(name, shape))
        return kept[-1]

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        return self.add("Reshape", [x, self.whole(shape)])

    def transpose(self, x: str, order: Sequence[int]) -> str:
        return x if list(order) == sorted(order) else self.add("Transpose", [x], perm=list(order))

    def channels_last(self, x: str, rank: int) -> str:
        return self.transpose(x, [0, *range(2, rank + 2), 1])

    def channels_first(self, x: str, rank: int) -> str:
        return self.transpose(x, [0, rank + 1, *range(1, rank + 1)])

    # The whole

    def model(self, name: str, outputs: Sequence[str], opset: int, about: str) -> Any:
        helper = self.onnx.helper
        ends = [self.shapes.pop(one) for one in outputs]
        graph = helper.make_graph(
            self.nodes, name, self.inputs, ends, [*self.initializers.values()], value_info=[*self.shapes.values()],
            doc_string=about,
        )  # fmt: skip
        version = helper.make_opsetid("", opset)
        return helper.make_model(graph, opset_imports=[version], ir_version=9, producer_name="cnnarch")

    def _drawn(self, name: str, shape: Sequence[int], fan: int, value: float | None) -> str:
        if value is not None:
            array = self.numpy.full(tuple(shape), value, "float32")
        else:
            array = self.random.standard_normal(tuple(shape), "float32")  # type: ignore[union-attr]
            array *= self.numpy.float32(1 / sqrt(fan or max(prod(shape[1:]), 1)))
        return self._initializer(name, array)

    def _empty(self, name: str, shape: Sequence[int]) -> str:
        node = self.onnx.helper.make_node("ConstantOfShape", [self.whole(shape)], [name], name)
        self.nodes.append(node)
        return name

    def _initializer(self, name: str, array: Any) -> str:
        if name not in self.initializers:
            self.initializers[name] = self.onnx.numpy_helper.from_array(array, name)
        return name

    def _info(self, name: str, shape: Sequence[int]) -> Any:
        return self.onnx.helper.make_tensor_value_info(name, self.onnx.TensorProto.FLOAT, list(shape))

    def _fresh(self, name: str) -> str:
        found, number = name, 1
        while found in self.taken:
            number += 1
            found = f"{name}_{number}"
        self.taken.add(found)
        return found


def axes(shape: Shape) -> list[int]:
    """A shape as ONNX has it: the batch, which is that of the regions, the channels, the places."""
    return [shape.regions, shape.channels, *shape.spatial]
