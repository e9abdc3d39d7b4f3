"""Functions that only move values: views, permutations, parts, paddings, enlargements, and means over places."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from cnnarch.interchange.pytorch.layout import (
    BATCH,
    Atom,
    Axis,
    Layout,
    permuted,
    realised,
    sizes,
    viewed,
    without_batch,
)
from cnnarch.interchange.pytorch.operators import as_image, fresh, image, over_places, same, short
from cnnarch.interchange.pytorch.tracing import Call, Rule, Trace, Unfit, Value

__all__ = ["RULES"]

AT_ONCE = ("flatten", "tokens", "image", "columns")  # what a view is where it stands, and not where it is used


# Views and permutations


def view(trace: Trace, call: Call) -> Value:
    """The same values in another shape: a layer at once where it surely is one, else where it is used."""
    x = trace.value(call.args[0])
    layout = viewed(x.layout, call.shape)
    if layout is None and x.layout.channels is not None:  # an axis that was parted before is parted otherwise
        x = renewed(trace.turn(x, x.layout.channels))
        layout = viewed(x.layout, call.shape)
    if layout is None:  # sizes that share no factors: all in a row, and anew
        return _anew(trace, x, call)
    seen = Value(x.number, layout)
    channels = layout.channels
    if channels is None and len([dim for dim in layout.dims if without_batch(dim)]) == 1:
        channels = next(n for n, dim in enumerate(layout.dims) if without_batch(dim))
    if channels is not None:
        step = realised(layout.axes, layout.wanted(channels))
        if step and step[0] in AT_ONCE:
            return trace.turn(seen, channels)
    return seen


def renewed(x: Value) -> Value:
    """The same with every axis in one piece."""
    axes = fresh(sizes(x.layout.axes))
    to = {one: new for one, new in zip(x.layout.axes, axes) if one}
    return Value(x.number, Layout(tuple([to.get(without_batch(dim), dim) for dim in x.layout.dims]), axes))


def _anew(trace: Trace, x: Value, call: Call) -> Value:
    if x.layout.wanted(len(x.layout.dims) - 1) != x.layout.axes or not call.shape or call.shape[0] != 1:
        raise Unfit("its axes part in no whole number")
    axes = fresh(call.shape[1:])
    number = trace.emit("reshape", {"size": [int(size) for size in call.shape[1:]]}, [x.number])
    return Value(number, Layout(((BATCH,), *axes), axes))


def permute(trace: Trace, call: Call) -> Value:
    order: Any = call.args[1:] or call.kwargs["dims"]
    if len(order) == 1 and isinstance(order[0], (list, tuple)):
        order = order[0]
    x = trace.value(call.args[0])
    return Value(x.number, permuted(x.layout, [int(one) % len(x.layout.dims) for one in order]))


def exchange(trace: Trace, call: Call) -> Value:
    """Two axes change places; by default the last two."""
    x = trace.value(call.args[0])
    rank = len(x.layout.dims)
    ends = (0, 1) if call.name == "t" else (-2, -1)
    a, b = [int(call.get(place + 1, f"dim{place}", call.kwargs.get(f"axis{place}", ends[place]))) % rank
            for place in (0, 1)]  # fmt: skip
    if call.name == "T":
        return Value(x.number, permuted(x.layout, range(rank)[::-1]))
    order = list(range(rank))
    order[a], order[b] = b, a
    return Value(x.number, permuted(x.layout, order))


def movedim(trace: Trace, call: Call) -> Value:
    x = trace.value(call.args[0])
    rank = len(x.layout.dims)
    start, end = call.get(1, "source"), call.get(2, "destination")
    starts = [int(one) % rank for one in (start if isinstance(start, (list, tuple)) else [start])]
    ends = [int(one) % rank for one in (end if isinstance(end, (list, tuple)) else [end])]
    rest = iter([n for n in range(rank) if n not in starts])
    to = dict(zip(ends, starts))
    return Value(x.number, permuted(x.layout, [to[n] if n in to else next(rest) for n in range(rank)]))


def expand(trace: Trace, call: Call) -> Value:
    if tuple(call.args[0].shape) != call.shape:
        raise Unfit("it is spread")
    return same(trace, call)


# Parts


def _run(trace: Trace, x: Value, dim: int, start: int, size: int, drop: bool = False) -> Value:
    """So many from a first one on along an axis of the tensor, or one of them without the axis."""
    layout = x.layout
    atoms = without_batch(layout.dims[dim])
    whole = prod([atom.size for atom in atoms])
    if size == whole and not drop:
        return x
    if size == whole == 1:
        return Value(x.number, Layout((*layout.dims[:dim], *layout.dims[dim + 1 :]), layout.axes))
    if atoms == layout.axes[-1] or (len(atoms) == 1 and atoms == layout.axes[-1][:1]):
        return _channels(trace, x, dim, (start, size, drop))
    if layout.channels is None and set(atoms) == set(layout.axes[-1]):  # they were put in another order
        return _run(trace, trace.turn(x, dim), dim, start, size, drop)
    if len(layout.axes) == 2 and atoms == layout.axes[0]:
        if drop:
            number = trace.emit("select", {"position": start}, [x.number])
            dims = tuple([layout.axes[1] if dim == layout.axes[1] else dim for dim in layout.dims])
            return Value(number, Layout((*dims[: x_at(layout, atoms)], *dims[x_at(layout, atoms) + 1 :]),
                                        layout.axes[1:]))  # fmt: skip
        return _positions(trace, x, dim, start, size)
    return _crop(trace, x, dim, start, size, drop)


def x_at(layout: Layout, atoms: Axis) -> int:
    return next(n for n, dim in enumerate(layout.dims) if without_batch(dim) == atoms)


def _channels(trace: Trace, x: Value, dim: int, part: tuple[int, int, bool]) -> Value:
    """Some of the channels; of channels that were parted, some of the first part."""
    start, size, drop = part
    layout = x.layout
    atoms, rest = layout.axes[-1], layout.axes[-1][1:]
    split = without_batch(layout.dims[dim]) != atoms
    each = prod([atom.size for atom in rest]) if split else 1
    settings = {**({"start": start * each} if start else {}), "channels": size * each}
    number = trace.emit("slice", settings, [x.number])
    kept: Axis = () if drop else (Atom(size),)
    channels = (*kept, *rest) if split else kept or (Atom(1),)
    at = () if drop else ((*(a for a in layout.dims[dim] if a not in atoms), *kept),)
    dims = (*layout.dims[:dim], *at, *layout.dims[dim + 1 :])
    return Value(number, Layout(dims, (*layout.axes[:-1], channels)))


def _positions(trace: Trace, x: Value, dim: int, start: int, size: int) -> Value:
    """Some positions of a sequence, as channels for as long as it takes."""
    layout = x.layout
    turned = trace.emit("transpose", {}, [x.number])
    part = trace.emit("slice", {**({"start": start} if start else {}), "channels": size}, [turned])
    number = trace.emit("transpose", {}, [part])
    axis: Axis = (Atom(size),)
    dims = (*layout.dims[:dim], axis, *layout.dims[dim + 1 :])
    return Value(number, Layout(dims, (axis, layout.axes[1])))


def _crop(trace: Trace, x: Value, dim: int, start: int, size: int, drop: bool) -> Value:
    """The middle of one axis of an image, or what is cut out elsewhere and is not known."""
    layout = x.layout
    axis = next((n for n, one in enumerate(layout.axes[:-1]) if one == without_batch(layout.dims[dim])), None)
    if drop or axis is None:
        raise Unfit("it takes a part of an axis that is none of ours")
    spatial = list(trace.shape(x.number).spatial)
    if (spatial[axis] - size) // 2 != start:
        raise Unfit("it does not take the middle")
    spatial[axis] = size
    number = trace.emit("crop", {"size": short(spatial)}, [x.number])
    part: Axis = (Atom(size),)
    axes = (*layout.axes[:axis], part, *layout.axes[axis + 1 :])
    return Value(number, Layout((*layout.dims[:dim], part, *layout.dims[dim + 1 :]), axes))


def getitem(trace: Trace, call: Call) -> Value:
    """Parts by whole numbers and slices, and new axes; nothing that is looked up."""
    x = trace.value(call.args[0])
    index = call.args[1] if isinstance(call.args[1], tuple) else (call.args[1],)
    if any(not (one is None or one is Ellipsis or type(one) in (int, slice)) for one in index):
        raise Unfit("it looks values up")
    taken = sum(one is not None and one is not Ellipsis for one in index)
    if Ellipsis not in index:
        index = (*index, Ellipsis)
    every = [slice(None)] * (len(x.layout.dims) - taken)
    place = index.index(Ellipsis)
    index = (*index[:place], *every, *index[place + 1 :])
    if any(isinstance(one, slice) and one.step not in (None, 1) for one in index):
        return _strided(trace, x, index, call.out)
    dim = 0
    for one in index:
        if one is None:
            x = Value(x.number, Layout((*x.layout.dims[:dim], (), *x.layout.dims[dim:]), x.layout.axes))
            dim += 1
            continue
        length = prod([atom.size for atom in x.layout.dims[dim]])
        if isinstance(one, int):
            x = _run(trace, x, dim, one % length, 1, drop=True)
            continue
        start, stop, _ = one.indices(length)
        x = _run(trace, x, dim, start, stop - start)
        dim += 1
    return x


def _strided(trace: Trace, x: Value, index: tuple[Any, ...], out: Any) -> Value:
    """Every other place, or so: as a pool of one place with a stride, from the first place on.

    What begins at another place is no layer, but all of them side by side are one, which `cat` looks for.
    """
    channels = x.layout.channels
    if channels is None or any(not isinstance(one, slice) for one in index):
        raise Unfit("it leaves out what is none of our axes")
    x = trace.turn(x, channels)
    strides, starts = [], []
    for axis, size in zip(x.layout.axes, sizes(x.layout.axes)):
        dim = next(n for n, one in enumerate(x.layout.dims) if without_batch(one) == axis)
        start, stop, step = index[dim].indices(size)
        if stop != size or step < 1 or (dim == channels and (start, step) != (0, 1)):
            raise Unfit("it leaves out more than every other place")
        starts.append(start)
        strides.append(step)
    trace.strided[id(out)] = (x, tuple(starts[:-1]), tuple(strides[:-1]))
    if any(starts):
        raise Unfit("it does not begin with the first place")
    number = trace.emit("maxpool", {"kernel": 1, "stride": short(strides[:-1])}, [x.number])
    axes = fresh(trace.shape(number))
    to = dict(zip(x.layout.axes, axes))
    return Value(number, Layout(tuple([to.get(without_batch(dim), dim) for dim in x.layout.dims]), axes))


def parts(trace: Trace, call: Call) -> list[Value]:
    """`chunk`, `split` and the like: what each part has is what PyTorch says."""
    x = trace.value(call.args[0])
    dim = int(call.get(2, "dim", 0)) % len(x.layout.dims)
    found, start = [], 0
    for one in call.out:
        size = int(one.shape[dim])
        found.append(_run(trace, x, dim, start, size))
        start += size
    return found


def unbind(trace: Trace, call: Call) -> list[Value]:
    x = trace.value(call.args[0])
    dim = int(call.get(1, "dim", 0)) % len(x.layout.dims)
    return [_run(trace, x, dim, n, 1, drop=True) for n in range(len(call.out))]


def select(trace: Trace, call: Call) -> Value:
    x = trace.value(call.args[0])
    dim, index = int(call.get(1, "dim")) % len(x.layout.dims), int(call.get(2, "index"))
    return _run(trace, x, dim, index % call.args[0].shape[dim], 1, drop=True)


def narrow(trace: Trace, call: Call) -> Value:
    x = trace.value(call.args[0])
    dim, start = int(call.get(1, "dim")) % len(x.layout.dims), int(call.get(2, "start"))
    return _run(trace, x, dim, start, int(call.get(3, "length")))


# Sizes of images


def _places(trace: Trace, call: Call) -> tuple[Value, int]:
    rank = call.args[0].dim() - 2
    if not 1 <= rank <= 3:
        raise Unfit("it is no image")
    return as_image(trace, call.args[0], rank), rank


def interpolate(trace: Trace, call: Call) -> Value:
    x, rank = _places(trace, call)
    mode = str(call.get(3, "mode", "nearest"))
    modes = {"nearest": "nearest", "nearest-exact": "nearest", "bicubic": "bicubic", "linear": "bilinear",
             "bilinear": "bilinear", "trilinear": "bilinear"}  # fmt: skip
    if mode not in modes:
        raise Unfit("how it finds values is another")
    before, after = trace.shape(x.number).spatial, call.shape[2:]
    factors = [b // a if b % a == 0 else 0 for a, b in zip(before, after)]
    by_factor = call.get(2, "scale_factor") is not None and all(factors)
    settings: dict[str, Any] = {"factor": short(factors)} if by_factor else {"size": short([int(n) for n in after])}
    settings |= {"mode": modes[mode]} if modes[mode] != "nearest" else {}
    number = trace.emit("upsample", settings, [x.number])
    return image(x, number, trace.shape(number), rank)


def pixels(kind: str, name: str) -> Rule:
    def rule(trace: Trace, call: Call) -> Value:
        x, rank = _places(trace, call)
        number = trace.emit(kind, {"factor": int(call.get(1, name))}, [x.number])
        return image(x, number, trace.shape(number), rank)

    return rule


def channel_shuffle(trace: Trace, call: Call) -> Value:
    x = trace.ready(trace.value(call.args[0]), 1)
    return trace.simple(x, "channel_shuffle", groups=int(call.get(1, "groups")))


def pad(trace: Trace, call: Call) -> Value:
    """Padding axis by axis, the last first, before and after each."""
    given = [int(one) for one in call.get(1, "pad")]
    value = trace.value(call.args[0])
    rank = len(value.layout.dims)
    sides = {rank - 1 - n: (given[2 * n], given[2 * n + 1]) for n in range(len(given) // 2)}
    sides = {dim: pair for dim, pair in sides.items() if any(pair)}
    if not sides:
        return value
    if any(side < 0 for pair in sides.values() for side in pair):
        raise Unfit("it cuts")
    channels = value.layout.channels
    x = trace.turn(value, (1 if rank > 2 else rank - 1) if channels is None else channels)
    return _padded(trace, x, sides)


def _padded(trace: Trace, x: Value, sides: dict[int, tuple[int, int]]) -> Value:
    axes = [next((pair for dim, pair in sides.items() if without_batch(x.layout.dims[dim]) == axis), (0, 0))
            for axis in x.layout.axes]  # fmt: skip
    if sum(any(pair) for pair in axes) != len(sides):
        raise Unfit("it pads an axis that is none of ours")
    margins = [a if a == b else [a, b] for a, b in axes[:-1]]
    settings: dict[str, Any] = {"padding": short(margins)} if any(margins) else {}
    settings |= {"channels": list(axes[-1])} if any(axes[-1]) else {}
    number = trace.emit("pad", settings, [x.number])
    made = fresh(trace.shape(number))
    to = dict(zip(x.layout.axes, made))
    dims = tuple([to.get(without_batch(dim), dim) if dim != (BATCH,) else dim for dim in x.layout.dims])
    return Value(number, Layout(dims, made))


# One value of many


def reduction(operator: str) -> Rule:
    def rule(trace: Trace, call: Call) -> Any:
        x = trace.value(call.args[0])
        rank = len(x.layout.dims)
        given = call.get(1, "dim")
        keep = bool(call.get(2, "keepdim", False))
        out = call.out
        if given is None or trace.torch.is_tensor(given):
            raise Unfit("it is of all values, and of the batch")
        over = [int(n) % rank for n in ([given] if isinstance(given, int) else given)]
        y = _reduced(trace, x, operator, over, keep)
        return [y, None] if isinstance(out, tuple) else y

    return rule


def _reduced(trace: Trace, x: Value, operator: str, over: Sequence[int], keep: bool) -> Value:
    gone = {atom for n in over for atom in without_batch(x.layout.dims[n])}
    if not gone:  # axes of size 1 that only PyTorch has
        dims = [() if n in over else dim for n, dim in enumerate(x.layout.dims) if keep or n not in over]
        return Value(x.number, Layout(tuple(dims), x.layout.axes))
    spatial = {atom for axis in x.layout.axes[:-1] for atom in axis}
    if gone == spatial | set(x.layout.axes[-1]):
        return _of_all(trace, x, operator, over, keep)
    if gone == spatial:
        if operator in ("mean", "max"):
            return over_places(trace, x, "avgpool" if operator == "mean" else "maxpool", over, keep)
        return _of_places(trace, x, operator, over, keep)
    if gone == set(x.layout.axes[-1]) and len(over) == 1:
        return _of_channels(trace, x, operator, over[0], keep)
    raise Unfit("it is over other axes than all places, or the channels")


def _of_places(trace: Trace, x: Value, operator: str, over: Sequence[int], keep: bool) -> Value:
    number = trace.emit("reduce", {"operator": operator, "keep": True}, [x.number])
    axes = fresh(trace.shape(number))
    rest = iter(axes)
    dims = [axes[-1] if n == x.layout.channels else next(rest, ()) if n in over and without_batch(dim) else dim
            for n, dim in enumerate(x.layout.dims)]  # fmt: skip
    kept = [dim for n, dim in enumerate(dims) if keep or n not in over]
    return Value(number, Layout(tuple(kept), axes))


def _of_all(trace: Trace, x: Value, operator: str, over: Sequence[int], keep: bool) -> Value:
    number = trace.emit("reduce", {"operator": operator, "axes": "all", "keep": True}, [x.number])
    axes = fresh(trace.shape(number))
    rest = iter(axes)
    dims = [next(rest, ()) if n in over and without_batch(dim) else () if n in over else dim
            for n, dim in enumerate(x.layout.dims) if keep or n not in over]  # fmt: skip
    return Value(number, Layout(tuple(dims), axes))


def _of_channels(trace: Trace, x: Value, operator: str, at: int, keep: bool) -> Value:
    number = trace.emit("reduce", {"operator": operator, "axes": "channels", "keep": True}, [x.number])
    one: Axis = (Atom(1),)
    dims = [one if n == at else dim for n, dim in enumerate(x.layout.dims) if keep or n != at]
    return Value(number, Layout(tuple(dims), (*x.layout.axes[:-1], one)))


def largest(trace: Trace, call: Call) -> Any:
    """`max` of one axis, or of two tensors."""
    if call.get(1, "dim") is None or trace.torch.is_tensor(call.get(1, "other")):
        return trace_merge(call.name)(trace, call)
    return reduction(call.name)(trace, call)


def trace_merge(operator: str) -> Rule:
    from cnnarch.interchange.pytorch.operators_merges import merge  # noqa: PLC0415, which needs what is here

    return merge(operator)


VIEWS = ("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as", "ravel")

RULES: dict[str, Any] = {
    **dict.fromkeys(VIEWS, view),
    "permute": permute, "movedim": movedim, "moveaxis": movedim, "expand": expand, "expand_as": expand,
    **dict.fromkeys(("transpose", "swapaxes", "swapdims", "t", "T", "mT"), exchange),
    "getitem": getitem, "chunk": parts, "split": parts, "tensor_split": parts, "split_with_sizes": parts,
    "unbind": unbind, "select": select, "narrow": narrow,
    "interpolate": interpolate, "upsample": interpolate, "pixel_shuffle": pixels("pixel_shuffle", "upscale_factor"),
    "pixel_unshuffle": pixels("pixel_unshuffle", "downscale_factor"),
    "channel_shuffle": channel_shuffle, "native_channel_shuffle": channel_shuffle, "pad": pad,
    "mean": reduction("mean"), "sum": reduction("sum"), "amax": reduction("max"), "amin": reduction("min"),
    "prod": reduction("prod"), "max": largest, "min": largest, "logsumexp": reduction("log_sum_exp"),
}  # fmt: skip
