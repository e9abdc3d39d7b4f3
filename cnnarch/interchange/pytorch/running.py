"""A module run once on the meta device, with every function that it calls seen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from inspect import Parameter, signature
from typing import Any

from cnnarch.errors import ReadError, shortened
from cnnarch.interchange.model import Model
from cnnarch.interchange.pytorch.layout import BATCH, Atom, Axes, Layout
from cnnarch.interchange.pytorch.naming import classes_of
from cnnarch.interchange.pytorch.operators import rule_of
from cnnarch.interchange.pytorch.operators_modules import rule_of_module
from cnnarch.interchange.pytorch.tracing import Call, Trace, tensors_in
from cnnarch.shapes import Shape

__all__ = ["traced"]

# What moves a tensor to another device, where there is none: numbers stay as they are.
MOVES = ("cuda", "cpu", "to", "pin_memory", "xpu", "mps")


class Numbers(Exception):  # noqa: N818, no error: the module wants whole numbers in place of these
    """An input is looked up in a table."""


def traced(torch: Any, module: Any, inputs: Mapping[str, Shape], name: str) -> Model:
    """The network that a module is, on inputs of these shapes.

    A shape does not tell in which order PyTorch has the axes of a sequence: those of a convolution are tried
    first, then those of a recurrent layer and of a transformer.

    Raises ReadError for what cannot be traced, with the place in the module.
    """
    failed: list[tuple[int, ReadError]] = []
    for way in _ways(inputs):
        for number in ("float", "whole"):
            trace = Trace(torch)
            try:
                return _run(torch, module, inputs, name, (way, number), trace)
            except Numbers:
                continue
            except ReadError as error:
                failed.append((trace.reached, error))
                break
    raise max(failed, key=lambda one: one[0])[1]  # the one that came farthest


def _ways(inputs: Mapping[str, Shape]) -> list[str]:
    sequences = any(shape.rank == 1 for shape in inputs.values())
    return ["channels first", "channels last", "batch second"] if sequences else ["channels first"]


def _run(torch: Any, module: Any, inputs: Mapping[str, Shape], name: str, way: tuple[str, str], trace: Trace) -> Model:
    held = _held(torch, module, trace)
    dtype = next((one.dtype for one in held.values() if one.is_floating_point()), torch.float32)
    args, kwargs, names = _arguments(module, inputs)
    tensors = []
    for shape in inputs.values():
        tensor, seen, layout = _input(torch, shape, *way, dtype)
        trace.add_input(tensor, seen, layout)
        tensors.append(tensor)
    given = {key: tensors[place] for key, place in kwargs.items()}
    try:
        with _prepared(torch, module, trace), _Seen(torch, trace), torch.no_grad():
            y = torch.func.functional_call(module, held, tuple([tensors[n] for n in args]), given, tie_weights=False)
        outputs = list(tensors_in(torch, y))
        entries = trace.finish(outputs, names)
    except (Numbers, ReadError):
        raise
    except Exception as error:
        raise _refusal(trace, error) from error
    classes = classes_of((path, type(one).__name__) for path, one in module.named_modules())
    return Model(name, dict(zip(names, trace.inputs)), entries, classes=classes)


def _refusal(trace: Trace, error: Exception) -> ReadError:
    words = " ".join(str(error).split())
    place = f" in `{trace.failed}` ({trace.failed_kind})" if trace.failed else ""
    named = re.search(r"register_meta function for ([\w.]+)|(Tensor\.item)\(\) cannot|Cannot copy (out of meta)", words)
    if named:
        what = {"Tensor.item": "control flow", "out of meta": "a copy"}.get(next(filter(None, named.groups())))
        what = what or f"`{named.group(1)}`"
        hint = "name a part of it that does not, such as its backbone: a function in a file of yours can return it"
        return ReadError(
            f"the module stopped{place}: {what} depends on the numbers in a tensor, not on its shape", hint
        )
    hint = "the size of an input is given without its batch and channels last: `--input 224x224x3`"
    return ReadError(f"the module stopped{place}: {type(error).__name__}: {shortened(words, 200)}", hint)


def _held(torch: Any, module: Any, trace: Trace) -> dict[str, Any]:
    """Parameters and buffers by name, without numbers; what is one tensor stays one."""
    made: dict[int, Any] = {}
    held = {}
    for name, one in module.named_parameters(remove_duplicate=False):
        if isinstance(one, torch.nn.parameter.UninitializedTensorMixin):
            raise ReadError(f"the parameter `{name}` has no shape before its first input", "run the module once before")
        if id(one) not in made:
            made[id(one)] = torch.nn.Parameter(torch.empty_like(one, device="meta"), requires_grad=False)
            trace.add_parameter(made[id(one)])
        held[name] = made[id(one)]
    for name, one in module.named_buffers(remove_duplicate=False):
        held[name] = torch.empty_like(one, device="meta")
        trace.derive(held[name], [])
    return held


def _arguments(module: Any, inputs: Mapping[str, Shape]) -> tuple[list[int], dict[str, int], list[str]]:
    """Which inputs are given by place and which by name, and what they are called."""
    try:
        known = dict(signature(module.forward).parameters)
    except (TypeError, ValueError):
        known = {}
    names = list(inputs)
    by_name = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    if len(names) > 1 and all(name in known and known[name].kind in by_name for name in names):
        return [], {name: place for place, name in enumerate(names)}, names
    return list(range(len(names))), {}, names


def _input(torch: Any, shape: Shape, way: str, number: str, dtype: Any) -> tuple[Any, Shape, Layout]:
    axes: Axes = tuple([(Atom(size),) for size in shape])
    if number == "whole":
        whole = (*axes[:-1],) if shape.channels == 1 and shape.rank else axes
        second = way == "batch second" and whole
        dims = (whole[0], (BATCH,), *whole[1:]) if second else ((BATCH,), *whole)
        dtype = torch.int64
    elif shape.rank == 1 and way == "channels last":
        dims = ((BATCH,), *axes)
    elif shape.rank == 1 and way == "batch second":
        dims = (axes[0], (BATCH,), axes[1])
    else:
        dims = ((BATCH,), axes[-1], *axes[:-1])
    sizes = [one[0].size for one in dims]
    return torch.empty(sizes, dtype=dtype, device="meta"), shape, Layout(dims, axes)


@contextmanager
def _prepared(torch: Any, module: Any, trace: Trace) -> Iterator[None]:
    """The module in evaluation, with its parts watched; afterwards as it was."""
    was = [(one, one.training) for one in module.modules()]
    fast = torch.backends.mha.get_fastpath_enabled()
    hidden: list[tuple[Any, Any]] = []
    try:
        for one, _ in was:
            one.training = False
        torch.backends.mha.set_fastpath_enabled(False)  # one call for what are many layers
        for path, one in module.named_modules():
            hidden.append((one, one.__dict__.get("forward")))
            one.__dict__["forward"] = _watched(torch, one, path, trace)
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for one, before in hidden:
            if before is None:
                one.__dict__.pop("forward", None)
            else:
                one.__dict__["forward"] = before
        for one, training in was:
            one.training = training


def _watched(torch: Any, module: Any, path: str, trace: Trace) -> Any:
    run = module.forward
    rule = rule_of_module(torch, module)
    alone = rule is not None or not any(True for _ in module.children())

    def forward(*args: Any, **kwargs: Any) -> Any:
        trace.enter(path, alone)
        try:
            whole = rule and rule(trace, module, args, kwargs)
            if whole is None:
                return run(*args, **kwargs)
            with torch._C.DisableTorchFunction():
                y = run(*args, **kwargs)
            trace.record(Call(type(module).__name__, args, kwargs, y), whole, *_ends(torch, module, args, kwargs, y))
            return y
        except Exception:
            if trace.failed is None:
                trace.failed, trace.failed_kind = path or "forward", type(module).__name__
            raise
        finally:
            trace.leave()

    return forward


def _ends(torch: Any, module: Any, args: Any, kwargs: Any, y: Any) -> tuple[list[Any], list[Any]]:
    taken = [*tensors_in(torch, (args, kwargs)), *module.parameters()]
    return taken, list(tensors_in(torch, y))


def _Seen(torch: Any, trace: Trace) -> Any:  # noqa: N802, it makes an object of a class that needs PyTorch
    """A mode in which every function of PyTorch is recorded."""
    on_meta: dict[int, tuple[Any, Any]] = {}

    def without_numbers(one: Any) -> Any:
        """A constant that was made with numbers, where it meets tensors that have none."""
        if not isinstance(one, torch.Tensor) or one.device.type == "meta":
            return one
        if id(one) not in on_meta:
            on_meta[id(one)] = (one, one.to("meta"))
            trace.derive(on_meta[id(one)][1], [])
        return on_meta[id(one)][1]

    class Seen(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            given = list(tensors_in(torch, (args, kwargs)))
            if any(one.device.type == "meta" for one in given):
                args, kwargs = torch.utils._pytree.tree_map(without_numbers, (args, kwargs))
                given = list(tensors_in(torch, (args, kwargs)))
            name = _name(func)
            if name in MOVES and given:
                return _moved(torch, func, name, args, kwargs)
            if name == "embedding" and given and trace.depends(given[0]) and given[0].is_floating_point():
                raise Numbers
            y = func(*args, **kwargs)
            outputs = list(tensors_in(torch, y))
            if outputs and given:
                call = Call(_plain(name), args, kwargs, y)
                trace.record(call, rule_of(call.name), given, outputs)
            return y

    return Seen()


def _moved(torch: Any, func: Any, name: str, args: Any, kwargs: Any) -> Any:
    """A tensor in another type, perhaps, and on the device where it is."""
    if name != "to":
        return args[0]
    types = [one for one in (*args[1:], *kwargs.values()) if isinstance(one, torch.dtype)]
    types += [one.dtype for one in args[1:] if isinstance(one, torch.Tensor)]
    y = args[0]
    return y.type(types[0]) if types and types[0] != y.dtype else y


def _name(func: Any) -> str:
    name = getattr(func, "__name__", "") or type(func).__name__
    if name == "__get__":  # of a property, such as .T
        name = getattr(getattr(func, "__self__", None), "__name__", name)
    return str(name)


def _plain(name: str) -> str:
    """One name for all ways to call it: `__iadd__`, `add_` and `add` are one.

    >>> _plain("__iadd__"), _plain("relu_"), _plain("__rsub__"), _plain("__getitem__")
    ('add', 'relu', 'rsub', 'getitem')
    """
    if name.startswith("__") and name.endswith("__"):
        name = name[2:-2]
        if name[0] == "i" and name[1:] in ("add", "sub", "mul", "div", "truediv", "pow", "and", "or"):
            name = name[1:]
        if name[0] == "r" and name[1:] in ("add", "mul"):
            name = name[1:]
    return name.rstrip("_") or name
