"""The shape of every tensor of a graph, and what exporters compute from shapes, resolved to numbers."""

from __future__ import annotations

from importlib import import_module
from math import prod
from typing import Any

from cnnarch.errors import ReadError, shortened
from cnnarch.interchange.onnx.folding import MOST_FLOATS, MOST_VALUES, evaluate
from cnnarch.interchange.onnx.program import Constant, Op, place

__all__ = ["Inference", "constant_of"]

LARGEST_SIZE = 10**9  # of an axis, as the settings of layers have it
MOST_NUMBERS = 10**15  # of a tensor
UNKNOWN = "it depends on values, or the operator is not ONNX's own"
MOST_BRANCHES = 10_000  # of conditions that are known, put in their place

# What gives its first input's numbers in another shape, so that weights can be told again.
VIEWS = {"Identity", "Cast", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "DequantizeLinear", "Gather"}
# What keeps the type and shape of its first input, whatever the opset; their only output is used.
ALIKE = {
    "Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "Exp", "Sqrt", "Neg", "Abs", "Identity", "HardSigmoid", "HardSwish",
    "Erf", "Log", "Softplus", "Clip", "Floor", "Ceil", "Reciprocal", "Gelu", "Mish", "Selu", "Celu", "Swish",
    "Softsign", "ThresholdedRelu", "GroupNormalization", "MeanVarianceNormalization",
}  # fmt: skip
# What keeps it where all inputs are of one.
EVEN = {"Add", "Mul", "Sub", "Div", "Sum", "Max", "Min", "Mean"}


def constant_of(tensor: Any) -> Constant:
    """An initialiser; its values where it is small, and in the file."""
    helper = import_module("onnx.numpy_helper")
    shape = tuple(tensor.dims)
    if any(not 0 <= size <= LARGEST_SIZE for size in shape) or prod(shape) > MOST_NUMBERS:
        raise ReadError(f"the tensor `{shortened(tensor.name, 80)}` has the impossible shape {list(shape)[:8]}")
    whole = tensor.data_type in _whole_types()
    values = None
    if prod(shape) <= (MOST_VALUES if whole else MOST_FLOATS) and tensor.data_location == 0 and tensor.data_type != 8:
        try:
            values = tuple(helper.to_array(tensor).flatten().tolist())
        except (ValueError, TypeError, KeyError) as error:
            raise ReadError(
                f"the values of the tensor `{shortened(tensor.name, 80)}` cannot be read: {error}"
            ) from error
    return Constant(shape, values, tensor.name)


def _whole_types() -> set[int]:
    types = import_module("onnx").TensorProto
    return {types.INT64, types.INT32, types.INT16, types.INT8, types.UINT8, types.UINT16, types.UINT32, types.UINT64,
            types.BOOL}  # fmt: skip


class Inference:
    """Goes through operators one by one; what it then knows is in its fields.

    `batch` is what the file says the batch is, where it is taken as 1 here.
    """

    def __init__(self, opsets: list[Any], ir_version: int, batch: int = 1) -> None:
        self.onnx = import_module("onnx")
        self.infer = import_module("onnx.shape_inference").infer_node_outputs
        self.failure = import_module("onnx.shape_inference").InferenceError
        self.dtype_of = import_module("onnx.helper").tensor_dtype_to_np_dtype
        self.opsets = opsets
        self.versions = {one.domain: one.version for one in opsets}
        self.ir_version = ir_version
        self.batch = batch
        self.types: dict[str, Any] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.constants: dict[str, Constant] = {}
        self.told: dict[str, Any] = {}  # types that the file has for tensors, where inputs are as it has them
        self.ops: list[Op] = []
        self.schemas: dict[Any, Any] = {}
        self.count = 0
        self.branches = 0

    def give(self, name: str, dtype: int, shape: tuple[int, ...]) -> None:
        """An input of the graph."""
        self._set(name, self._type(dtype, shape), shape)

    def give_constant(self, tensor: Any) -> None:
        constant = constant_of(tensor)
        if tensor.name in self.types:
            raise ReadError(f"two tensors are called `{shortened(tensor.name, 80)}`")
        self.constants[tensor.name] = constant
        self._set(tensor.name, self._type(tensor.data_type, constant.shape), constant.shape)

    def run(self, nodes: list[Any]) -> None:
        """Take the nodes of a graph, in the order in which they run; conditions that are known are followed."""
        stack = [iter(nodes)]
        while stack:
            node = next(stack[-1], None)
            if node is None:
                stack.pop()
                continue
            try:
                inside = self._add(node)
            except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
                # Inputs, outputs or attributes are lacking, or are of another type than the operator has.
                op = Op(node.op_type, node.name, tuple(node.input), tuple(node.output), {})
                raise ReadError(f"{self._place(op)} cannot be read: {shortened(str(error), 160)}") from error
            if inside:
                self.branches += 1
                if self.branches > MOST_BRANCHES:
                    raise ReadError(f"the graph has more than {MOST_BRANCHES:,} conditions")
                stack.append(iter(inside))

    def _type(self, dtype: int, shape: tuple[int, ...]) -> Any:
        return self.onnx.helper.make_tensor_type_proto(dtype, shape)

    def _set(self, name: str, type_: Any, shape: tuple[int, ...]) -> None:
        self.types[name] = type_
        self.shapes[name] = shape

    def _add(self, node: Any) -> list[Any]:
        """Take one node; gives the nodes of a branch that stands for it."""
        self.count += 1
        kind = node.op_type
        if node.domain not in ("", "ai.onnx"):
            kind = f"{node.domain}.{kind}"
        op = Op(kind, node.name, tuple(node.input), tuple(node.output), {})
        for name in op.outputs:
            if name in self.types:
                raise ReadError(f"{self._place(op)} gives a second tensor `{shortened(name, 80)}`")
        for name in op.inputs:
            if name and name not in self.types:
                raise ReadError(f"{self._place(op)} takes `{shortened(name, 80)}`, whose shape is not known", UNKNOWN)
        if kind == "Constant":
            self._constant(node, op)
            return []
        if kind == "If":
            found = self._branch(node, op)
            if found:
                return found
        op.attributes.update(self._attributes(node, op))
        if kind in ("Shape", "Size"):
            self._shape(op)
            return []
        if (kind in ALIKE and op.inputs[0] not in self.constants) or (kind in EVEN and self._even(op)):
            self._set(op.outputs[0], self.types[op.inputs[0]], self.shapes[op.inputs[0]])
            self.ops.append(op)
            return []
        shapes = self._outputs(node, op)
        known = [self.constants.get(name) if name else None for name in op.inputs]
        if all(one is not None or not name for one, name in zip(known, op.inputs)) and "graph" not in op.attributes:
            self._fold(op, known, shapes)
        else:
            self._check(op, shapes)
            self.ops.append(op)
        return []

    def _even(self, op: Op) -> bool:
        """Whether all inputs are computed, of one type and shape."""
        first = op.inputs[0]
        return all(
            one not in self.constants
            and self.shapes[one] == self.shapes[first]
            and self._dtype(one) == self._dtype(first)
            for one in op.inputs
        )

    def _place(self, op: Op) -> str:
        return f"{place(op)} (operator {self.count})"

    def _constant(self, node: Any, op: Op) -> None:
        attribute = node.attribute[0] if node.attribute else None
        value = None if attribute is None else self.onnx.helper.get_attribute_value(attribute)
        if attribute is not None and attribute.name == "value":
            tensor = self.onnx.TensorProto()
            tensor.CopyFrom(value)
        elif isinstance(value, (int, float)):
            tensor = self.onnx.helper.make_tensor("", 7 if isinstance(value, int) else 1, [], [value])
        elif attribute is not None and value is not None and attribute.name in ("value_ints", "value_floats"):
            dtype = 7 if attribute.name == "value_ints" else 1
            tensor = self.onnx.helper.make_tensor("", dtype, [len(value)], list(value))
        else:
            raise ReadError(f"{self._place(op)} has no value that can be read")
        tensor.name = op.outputs[0]
        self.give_constant(tensor)

    def _branch(self, node: Any, op: Op) -> list[Any]:
        """The nodes of the branch that is taken, where that is known."""
        condition = self.constants.get(op.inputs[0])
        if condition is None or not condition.values:
            return []
        name = "then_branch" if condition.values[0] else "else_branch"
        graph = next((one.g for one in node.attribute if one.name == name), None)
        if graph is None:
            raise ReadError(f"{self._place(op)} has no `{name}`")
        for tensor in graph.initializer:
            self.give_constant(tensor)
        make = self.onnx.helper.make_node
        same = [make("Identity", [inner.name], [outer]) for inner, outer in zip(graph.output, op.outputs) if outer]
        return [*graph.node, *same]

    def _attributes(self, node: Any, op: Op) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for attribute in node.attribute:
            value = self.onnx.helper.get_attribute_value(attribute)
            if attribute.type == 4:  # a tensor
                value = constant_of(value)
            elif attribute.type in (5, 10):
                found["graph"] = True
                continue
            elif isinstance(value, bytes):
                value = value.decode("utf-8", "replace")
            if value is None:
                raise ReadError(f"{self._place(op)} has an attribute `{shortened(attribute.name, 80)}` of no type")
            found[attribute.name] = value if isinstance(value, (int, float, str, Constant)) else list(value)
        return found

    def _shape(self, op: Op) -> None:
        shape = self.shapes[op.inputs[0]]
        start, end = op.attributes.get("start", 0), op.attributes.get("end")
        values = shape[start:end] if op.kind == "Shape" else (prod(shape),)
        self._known(op.outputs[0], Constant((len(values),) if op.kind == "Shape" else (), tuple(values)), 7)

    def _known(self, name: str, constant: Constant, dtype: int) -> None:
        self.constants[name] = constant
        self._set(name, self._type(dtype, constant.shape), constant.shape)

    def _outputs(self, node: Any, op: Op) -> dict[str, tuple[int, ...]]:
        """The shapes of the outputs, by ONNX's own rule of the operator."""
        found = self._by_rule(node, op)
        shapes = {}
        for name in filter(None, op.outputs):
            type_ = found.get(name)
            shape = None if type_ is None else _sizes(type_)
            if shape is None and name in self.told:
                type_, shape = self.told[name], _sizes(self.told[name])
            if shape is None and name != op.outputs[0]:
                continue  # such as the mask of a dropout, which few take
            if shape is None:
                raise ReadError(f"the shape that {self._place(op)} gives is not known", UNKNOWN)
            if type_ is None or not type_.tensor_type.elem_type:
                type_ = self._type(self._dtype(op.inputs[0]) if op.inputs else 1, shape)
            self._set(name, type_ if _sizes(type_) == shape else self._type(type_.tensor_type.elem_type, shape), shape)
            shapes[name] = shape
        return shapes

    def _dtype(self, name: str) -> int:
        return int(self.types[name].tensor_type.elem_type) if name in self.types else 1

    def _by_rule(self, node: Any, op: Op) -> dict[str, Any]:
        schema = self._schema(node)
        if schema is None:
            return {}
        taken = {name for name in op.inputs if name}
        types = self.types if "graph" in op.attributes else {name: self.types[name] for name in taken}
        given = {name: tensor for name in taken if (tensor := self._tensor(name)) is not None}
        if self.batch > 1 and op.kind == "Reshape":
            given.update(self._without_batch(op, given))
        try:
            found: dict[str, Any] = self.infer(schema, node, types, given, None, self.opsets, self.ir_version)
        except self.failure as error:
            words = str(error).removeprefix("[ShapeInferenceError] ").strip().splitlines() or [""]
            shapes = " and ".join(str(list(self.shapes[name])) for name in op.inputs if name)
            raise ReadError(
                f"{self._place(op)} does not fit {shapes or 'nothing'}: {shortened(words[0], 160)}"
            ) from error
        except Exception as error:  # the library raises RuntimeError, ValueError and others
            raise ReadError(f"{self._place(op)} cannot be read: {shortened(str(error), 160)}") from error
        return found

    def _schema(self, node: Any) -> Any:
        key = (node.op_type, node.domain)
        if key not in self.schemas:
            domain = "" if node.domain == "ai.onnx" else node.domain
            try:
                self.schemas[key] = self.onnx.defs.get_schema(node.op_type, self.versions.get(domain, 1), domain)
            except self.onnx.defs.SchemaError:
                self.schemas[key] = None
        return self.schemas[key]

    def _tensor(self, name: str) -> Any:
        """A constant as the library takes it, if its values are known."""
        constant = self.constants.get(name)
        if constant is None or constant.values is None:
            return None
        dtype = self._dtype(name)
        return self.onnx.helper.make_tensor(name, dtype, constant.shape, constant.values)

    def _without_batch(self, op: Op, given: dict[str, Any]) -> dict[str, Any]:
        """The shape to reshape to with a batch of 1, where the file has another one written into it."""
        target, shape = self.constants.get(op.inputs[1]), self.shapes[op.inputs[0]]
        if target is None or not target.values or min(target.values) < 1 or target.values[0] % self.batch:
            return {}
        if prod(target.values) != self.batch * prod(shape):
            return {}
        values = (target.values[0] // self.batch, *target.values[1:])
        return {op.inputs[1]: self.onnx.helper.make_tensor(op.inputs[1], 7, target.shape, values)}

    def _fold(self, op: Op, known: list[Constant | None], shapes: dict[str, tuple[int, ...]]) -> None:
        """What is made of constants alone is one."""
        for name, shape in shapes.items():
            dtypes = [None if one is None else self._np(given) for one, given in zip(known, op.inputs)]
            values = None
            if prod(shape) <= self._most(name) and len(shapes) == 1:
                try:
                    found = evaluate(op.kind, op.attributes, known, dtypes, self._np(name))
                except (ValueError, TypeError, IndexError, OverflowError, AttributeError, KeyError) as error:
                    raise ReadError(f"{self._place(op)} cannot be computed: {shortened(str(error), 160)}") from error
                values = None if found is None or found.shape != shape else tuple(found.flatten().tolist())
            root = self._root(op, known, name, values is not None)
            whole = known[0] if op.kind == "Slice" and known else None
            held = (whole.held or prod(whole.shape)) if whole and whole.root else 0
            self.constants[name] = Constant(shape, values, root, held)

    def _root(self, op: Op, known: list[Constant | None], name: str, computed: bool) -> str:
        """Whose numbers a constant has: an initialiser's, its own, or nobody's where shapes alone make it."""
        if op.kind in VIEWS and known and known[0]:
            return known[0].root
        if op.kind.startswith("Random"):
            return ""
        learned = op.kind == "ConstantOfShape" or any(one is not None and one.root for one in known)
        return name if not computed or (learned and self._np(name).kind == "f") else ""

    def _most(self, name: str) -> int:
        """How many values of a computed tensor are kept."""
        return MOST_VALUES if self._np(name).kind in "iub" else MOST_FLOATS

    def _np(self, name: str) -> Any:
        return self.dtype_of(self._dtype(name))

    def _check(self, op: Op, shapes: dict[str, tuple[int, ...]]) -> None:
        for shape in shapes.values():
            if any(not 0 < size <= LARGEST_SIZE for size in shape) or prod(shape) > MOST_NUMBERS:
                raise ReadError(f"{self._place(op)} gives the impossible shape {list(shape)[:8]}")


def _sizes(type_: Any) -> tuple[int, ...] | None:
    """A shape, if it is known."""
    if not type_.HasField("tensor_type") or not type_.tensor_type.HasField("shape"):
        return None
    dims = type_.tensor_type.shape.dim
    return tuple(one.dim_value for one in dims) if all(one.HasField("dim_value") for one in dims) else None
