"""Functions of several tensors, and of a tensor with parameters of its own."""

from __future__ import annotations

from typing import Any

from cnnarch.errors import Cause
from cnnarch.interchange.pytorch.layout import BATCH, Atom, Axes, Axis, Layout, sizes, without_batch
from cnnarch.interchange.pytorch.operators import fresh, fully
from cnnarch.interchange.pytorch.tracing import Call, Rule, Trace, Unfit, Value, without_ones
from cnnarch.shapes import Shape

__all__ = ["RULES", "merge"]

KINDS = {"add": "add", "mul": "multiply", "max": "max"}  # of ours, where tensors are of one shape


def merge(operator: str) -> Rule:
    """A function of two tensors, or of one and a number."""

    def rule(trace: Trace, call: Call) -> Value:
        pair = [call.get(0, "input"), call.get(1, "other")]
        tensors = [one for one in pair if trace.torch.is_tensor(one)]
        moving = [one for one in tensors if trace.depends(one)]
        if len(moving) == 2:
            return _both(trace, operator, moving, call)
        return _alone(trace, operator, moving[0], [one for one in tensors if one is not moving[0]], call)

    return rule


def _both(trace: Trace, operator: str, tensors: list[Any], call: Call) -> Value:
    """Two tensors that depend on the input, spread to one shape."""
    values = [trace.value(one) for one in tensors]
    rank = len(call.shape)
    layouts = [_wide(one.layout, rank) for one in values]
    large = max((0, 1), key=lambda n: (tensors[n].numel(), len(layouts[n].axes), -n))
    channels = next((x.channels for x in (layouts[large], layouts[1 - large]) if x.channels is not None), rank - 1)
    turned = [Value(one.number, layout) for one, layout in zip(values, layouts)]
    if not _beside(*layouts):
        turned = [_turned(trace, one, channels) for one in turned]
    numbers = [one.number for one in turned]
    if operator in KINDS:
        try:
            number = trace.emit(KINDS[operator], {}, numbers)
            return Value(number, _result(trace, number, turned, large, call))
        except Cause:
            pass
    number = trace.emit("elementwise", {"operator": operator}, numbers, word=call.name)
    return Value(number, _result(trace, number, turned, large, call))


def _beside(a: Layout, b: Layout) -> bool:
    """Whether every place of one is the same place of the other, in whatever order these are."""
    at = a.channels
    if at is None or b.channels != at or a.axes[:-1] != b.axes[:-1] or sizes(a.axes) != sizes(b.axes):
        return False
    return (*a.dims[:at], *a.dims[at + 1 :]) == (*b.dims[:at], *b.dims[at + 1 :])


def _wide(layout: Layout, rank: int) -> Layout:
    """With axes of size 1 before, as many as PyTorch adds to spread a tensor."""
    return Layout((((),) * (rank - len(layout.dims)) + layout.dims), layout.axes)


def _turned(trace: Trace, x: Value, channels: int) -> Value:
    """As ours with the channels there; a vector needs no axes of size 1."""
    want = x.layout.wanted(channels)
    if len(x.layout.axes) == 1 and without_ones(want) == without_ones(x.layout.axes) and want[-1] == x.layout.axes[-1]:
        return x
    return trace.turn(x, channels)


def _result(trace: Trace, number: int, turned: list[Value], large: int, call: Call) -> Layout:
    """The axes of what comes out: those of the larger, or new ones where both are spread."""
    layout, shape = turned[large].layout, trace.shape(number)
    if tuple(shape) == tuple(trace.shape(turned[large].number)) and call.shape == sizes(layout.dims):
        return layout
    channels = next(one.layout.channels for one in turned if one.layout.channels is not None)
    assert channels is not None
    batch = [n for n, dim in enumerate(layout.dims) if not without_batch(dim) and call.shape[n] == 1][:1]
    order = [n for n in range(len(call.shape)) if n != channels and n not in batch] + [channels]
    axes = fresh(shape)
    to = dict(zip(order, axes))
    return Layout(tuple([to.get(n, (BATCH,)) for n in range(len(call.shape))]), axes)


def _alone(trace: Trace, operator: str, tensor: Any, others: list[Any], call: Call) -> Value:
    """A tensor with a number, with numbers that are not trained, or with parameters."""
    x = trace.value(tensor)
    if call.shape != tuple(tensor.shape):
        raise Unfit("it is spread over what does not depend on the input")
    if not trace.roots(others):
        word = call.name
        return trace.simple(x, "elementwise", word=word, operator=operator)
    (other,) = others
    if operator == "add":
        return _shifted(trace, x, other)
    if operator == "mul":
        return _scaled(trace, x, other)
    raise Unfit("no layer does this with weights")


def _along_channels(trace: Trace, x: Value, other: Any) -> Value:
    """The same, if the other tensor has one number for each channel."""
    rank = len(x.layout.dims)
    place = x.layout.channels
    if place is None:
        place = rank - other.dim() + next((n for n, size in enumerate(other.shape) if size > 1), 0)
        x = trace.turn(x, place)
    at = place - rank + other.dim()
    wide = [n for n, size in enumerate(other.shape) if size > 1]
    if wide not in ([at], []) or other.numel() != trace.shape(x.number).channels:
        raise Unfit("its weights are not one for each channel")
    return x


def _scaled(trace: Trace, x: Value, other: Any) -> Value:
    return trace.simple(_along_channels(trace, x, other), "scale", (other,))


def _shifted(trace: Trace, x: Value, other: Any) -> Value:
    """Weights for every place; or one for each channel, where they were scaled just before."""
    shape = trace.shape(x.number)
    if shape.rank and other.numel() == shape.units:
        return trace.simple(_embedded(trace, x), "position_embedding", (other,), **_positions(trace, other, shape))
    last = trace.drafts[-1] if trace.drafts else None
    scaled = last is not None and last.kind == "scale" and x.number == len(trace.inputs) + len(trace.drafts) - 1
    if last is None or not scaled or last.settings or last.share is not None:
        raise Unfit("no layer adds weights like these")
    _along_channels(trace, x, other)
    return trace.with_bias(x, other)


def _embedded(trace: Trace, x: Value) -> Value:
    return x if x.layout.channels is not None else trace.turn(x, -1)


def _positions(trace: Trace, other: Any, shape: Shape) -> dict[str, Any]:
    """More places than there are here, where the weights are a part of a longer table."""
    held = trace.numbers(trace.roots([other]))
    return {"positions": held // shape.channels} if held != other.numel() and held % shape.channels == 0 else {}


# Several in a row


def cat(trace: Trace, call: Call) -> Value:
    tensors, dim = list(call.get(0, "tensors")), int(call.get(1, "dim", 0)) % len(call.shape)
    tensors = [one for one in tensors if one.numel()]
    if len(tensors) == 1:
        return trace.value(tensors[0])
    if any(not trace.depends(one) for one in tensors):
        return _with_tokens(trace, tensors, dim)
    squares = _squares(trace, tensors, dim)
    if squares is not None:
        return squares
    values = [trace.value(one) for one in tensors]
    places = [one.layout.channels for one in values]
    if places.count(dim) == len(values) or len(call.shape) < 3 or (dim == 1 and len(call.shape) > 3):
        return _stacked(trace, [trace.turn(one, dim) for one in values], dim)
    channels = next((place for place in places if place is not None), None)
    if channels is None or channels == dim:
        return _stacked(trace, [trace.turn(one, dim) for one in values], dim)
    return _in_a_row(trace, [trace.turn(one, channels) for one in values], dim)


def _squares(trace: Trace, tensors: list[Any], dim: int) -> Value | None:
    """Every other place from every corner of a square, side by side: its pixels as channels."""
    found = [trace.strided[id(one)] for one in tensors if id(one) in trace.strided]
    if len(found) < len(tensors):
        return None
    x, _, strides = found[0]
    corners = {starts for _, starts, _ in found}
    alike = all(one.number == x.number and others == strides for one, _, others in found)
    if not alike or len(strides) != 2 or strides[0] != strides[1] or x.layout.channels != dim:
        return None
    if corners != {(a, b) for a in range(strides[0]) for b in range(strides[0])} or len(corners) != len(found):
        return None
    number = trace.emit("pixel_unshuffle", {"factor": strides[0]}, [x.number])
    axes = fresh(trace.shape(number))
    to = dict(zip(x.layout.axes, axes))
    return Value(number, Layout(tuple([to.get(without_batch(one), one) for one in x.layout.dims]), axes))


def _stacked(trace: Trace, values: list[Value], dim: int) -> Value:
    number = trace.emit("concat", {}, [one.number for one in values])
    channels: Axis = (Atom(trace.shape(number).channels),)
    layout = values[0].layout
    dims = (*layout.dims[:dim], channels, *layout.dims[dim + 1 :])
    return Value(number, Layout(dims, (*layout.axes[:-1], channels)))


def _in_a_row(trace: Trace, values: list[Value], dim: int) -> Value:
    """Positions one behind the other; ours stacks channels, so they are channels for as long as it takes."""
    layout = values[0].layout
    if len(layout.axes) != 2 or any(without_batch(one.layout.dims[dim]) != one.layout.axes[0] for one in values):
        raise Unfit("it puts images side by side")
    turned = [trace.emit("transpose", {}, [one.number]) for one in values]
    number = trace.emit("transpose", {}, [trace.emit("concat", {}, turned)])
    axis: Axis = (Atom(trace.shape(number).length),)
    return Value(number, Layout((*layout.dims[:dim], axis, *layout.dims[dim + 1 :]), (axis, layout.axes[1])))


def _with_tokens(trace: Trace, tensors: list[Any], dim: int) -> Value:
    """Tokens with weights of their own before a sequence."""
    *tokens, last = tensors
    if not trace.depends(last) or any(trace.depends(one) for one in tokens):
        raise Unfit("it puts constants among what depends on the input")
    x = trace.value(last)
    if x.layout.channels is None or x.layout.channels == dim:
        raise Unfit("it adds channels that do not depend on the input")
    x = trace.turn(x, x.layout.channels)
    count = sum(int(one.shape[dim]) for one in tokens)
    number = trace.emit("class_token", {"tokens": count} if count > 1 else {}, [x.number], tokens)
    axis: Axis = (Atom(trace.shape(number).length),)
    layout = x.layout
    return Value(number, Layout((*layout.dims[:dim], axis, *layout.dims[dim + 1 :]), (axis, layout.axes[1])))


# Products


def matmul(trace: Trace, call: Call) -> Value:
    first, second = call.args[0], call.get(1, "mat2", call.kwargs.get("other"))
    if trace.depends(first) and trace.depends(second):
        return product(trace, trace.value(first), trace.value(second))
    if not trace.depends(first) or second.dim() != 2 or not trace.roots([second]):
        raise Unfit("it is a product with what does not depend on the input")
    return fully(trace, trace.value(first), int(second.shape[1]), second, None)


def product(trace: Trace, a: Value, b: Value) -> Value:
    """Rows of the first by columns of the second, whose rows and columns may be exchanged."""
    if len(a.layout.dims) != len(b.layout.dims):
        raise Unfit("its tensors have not as many axes")
    a = trace.turn(a, -1)
    dims = b.layout.dims
    swapped = Layout((*dims[:-2], dims[-1], dims[-2]), b.layout.axes)
    exchanged = bool(dims[-2]) and b.layout.axes[-1][-len(dims[-2]) :] == dims[-2]  # its columns are our channels
    turned = trace.turn(Value(b.number, swapped) if exchanged else b, -1)
    number = trace.emit("matmul", {"transpose": True} if exchanged else {}, [a.number, turned.number])
    made = fresh(trace.shape(number))
    return Value(number, _renewed((*a.layout.dims[:-1], dims[-1]), made))


def _renewed(dims: Axes, axes: Axes) -> Layout:
    """Axes that are new atoms, as the same may have been in both."""
    rest = iter(axes)
    found = [dim if dim == (BATCH,) else (*(one for one in dim if one is BATCH), *next(rest)) for dim in dims]
    return Layout(tuple(found), axes)


def attends(trace: Trace, call: Call) -> Value:
    """`scaled_dot_product_attention`, product by product."""
    query, key, value = [trace.value(call.get(n, name)) for n, name in enumerate(("query", "key", "value"))]
    mask = call.get(3, "attn_mask")
    if mask is not None and trace.roots([mask]):
        raise Unfit("its mask has weights")
    scaled = trace.simple(query, "elementwise", operator="mul", word="scale")
    turned = Layout((*key.layout.dims[:-2], key.layout.dims[-1], key.layout.dims[-2]), key.layout.axes)
    scores = product(trace, scaled, Value(key.number, turned))
    if mask is not None:
        scores = trace.simple(scores, "elementwise", operator="add", word="mask")
    return product(trace, trace.simple(scores, "softmax"), value)


def glu(trace: Trace, call: Call) -> Value:
    """One half of the channels, times the sigmoid of the other."""
    x = trace.ready(trace.value(call.args[0]), int(call.get(1, "dim", -1)))
    at, half = x.layout.channels, trace.shape(x.number).channels // 2
    assert at is not None
    first = trace.emit("slice", {"channels": half}, [x.number])
    gate = trace.emit("sigmoid", {}, [trace.emit("slice", {"start": half, "channels": half}, [x.number])])
    channels: Axis = (Atom(half),)
    dims = (*x.layout.dims[:at], channels, *x.layout.dims[at + 1 :])
    return Value(trace.emit("multiply", {}, [first, gate]), Layout(dims, (*x.layout.axes[:-1], channels)))


def embedding(trace: Trace, call: Call) -> Value:
    table = call.get(1, "weight")
    x = trace.value(call.args[0])
    vocabulary, units = (int(size) for size in table.shape)
    number = trace.emit("embedding", {"vocabulary": vocabulary, "units": units}, [x.number], (table,))
    channels: Axis = (Atom(units),)
    return Value(number, Layout((*x.layout.dims, channels), (*x.layout.axes[:-1], channels)))


RULES: dict[str, Any] = {
    "add": merge("add"), "sub": merge("sub"), "rsub": merge("sub"), "subtract": merge("sub"), "mul": merge("mul"),
    "multiply": merge("mul"), **dict.fromkeys(("div", "truediv", "divide", "true_divide", "rtruediv"), merge("div")),
    "rdiv": merge("div"), "pow": merge("pow"), "rpow": merge("pow"), "maximum": merge("max"), "minimum": merge("min"),
    "eq": merge("equal"), "gt": merge("greater"), "lt": merge("less"), "and": merge("and"), "or": merge("or"),
    "remainder": merge("mod"),
    "cat": cat, "concat": cat, "concatenate": cat,
    **dict.fromkeys(("matmul", "bmm", "mm", "rmatmul"), matmul),
    "scaled_dot_product_attention": attends, "glu": glu, "embedding": embedding,
}  # fmt: skip
