"""Modules that are one layer of ours as a whole."""

from __future__ import annotations

from typing import Any

from cnnarch.interchange.pytorch.layout import Atom, Axis, Layout, without_batch
from cnnarch.interchange.pytorch.tracing import Call, Rule, Trace, Unfit, Value

__all__ = ["rule_of_module"]


def rule_of_module(torch: Any, module: Any) -> Any:
    """What gives the rule of a module for its arguments; nothing where its parts are to be seen one by one."""
    nn = torch.nn
    if type(module) is nn.MultiheadAttention:
        return _attends
    if type(module) in (nn.LSTM, nn.GRU):
        return _reads
    found = BY_NAME.get(f"{type(module).__module__}.{type(module).__name__}")
    if found is None and type(module).__name__ in ("StochasticDepth", "DropPath"):
        found = stochastic_depth
    return None if found is None else lambda trace, one, args, kwargs: _of(found, one)


def _of(rule: Any, module: Any) -> Rule:
    return lambda trace, call: rule(trace, call, module)


def _attends(trace: Trace, module: Any, args: Any, kwargs: Any) -> Rule | None:
    """One layer, if keys and values are of one tensor and nothing else is attended to."""
    key = args[1] if len(args) > 1 else kwargs.get("key")
    value = args[2] if len(args) > 2 else kwargs.get("value")
    alike = (module.in_proj_bias is None) == (module.out_proj.bias is None)
    more = module.bias_k is not None or module.add_zero_attn
    return _of(attention, module) if key is value and alike and not more else None


def attention(trace: Trace, call: Call, module: Any) -> Any:
    query, key = call.get(0, "query"), call.get(1, "key")
    x = trace.turn(trace.value(query), -1)
    settings: dict[str, Any] = {"heads": module.num_heads}
    settings |= {"bias": False} if module.in_proj_bias is None else {}
    sources = [x.number] if key is query else [x.number, trace.turn(trace.value(key), -1).number]
    number = trace.emit("attention", settings, sources, module.parameters())
    outputs = [one for one in call.out if one is not None]
    return [Value(number, x.layout), None][: len(outputs)]


def _reads(trace: Trace, module: Any, args: Any, kwargs: Any) -> Rule | None:
    return _of(recurrent, module)


def recurrent(trace: Trace, call: Call, module: Any) -> Any:
    """Layers of an LSTM or a GRU, one upon the other; the states at the end are left out."""
    tensor = call.args[0]
    if not hasattr(tensor, "dim") or len(call.args) > 1 or module.proj_size > 0:
        raise Unfit("its states or its sizes are given")
    x = trace.turn(trace.value(tensor), -1)
    number = x.number
    for layer in range(module.num_layers):
        settings: dict[str, Any] = {"units": module.hidden_size}
        settings |= {"bidirectional": True} if module.bidirectional else {}
        settings |= {"biases": 0} if not module.bias else {}
        ends = [f"_l{layer}", f"_l{layer}_reverse"]
        weights = [one for name, one in module.named_parameters() if name.endswith(tuple(ends))]
        number = trace.emit(type(module).__name__.lower(), settings, [number], weights)
        if module.dropout and layer + 1 < module.num_layers:
            number = trace.emit("dropout", {"rate": float(module.dropout)}, [number])
    channels: Axis = (Atom(trace.shape(number).channels),)
    layout = Layout((*x.layout.dims[:-1], channels), (*x.layout.axes[:-1], channels))
    states = [None] * (2 if isinstance(call.out[1], tuple) else 1)
    return [Value(number, layout), *states]


def stochastic_depth(trace: Trace, call: Call, module: Any) -> Value:
    """It does nothing in evaluation; it is kept, for its rate, where it has one."""
    rate = next((getattr(module, name) for name in ("p", "drop_prob") if hasattr(module, name)), 0.0)
    x = trace.value(call.args[0])
    if call.out is not call.args[0] or any(True for _ in module.parameters()):
        raise Unfit("it does more")
    return trace.simple(x, "stochastic_depth", rate=float(rate)) if rate else x


# torchvision's transformers with windows


def shifted_windows(trace: Trace, call: Call, module: Any) -> Value:
    """Attention in windows, with weights for distances; in the second version by cosines and a small network."""
    x = trace.turn(trace.value(call.args[0]), -1)
    settings: dict[str, Any] = {"heads": module.num_heads, "relative": True}
    if hasattr(module, "cpb_mlp"):
        settings |= {"relative_units": module.cpb_mlp[0].out_features, "cosine": True}
    windows = trace.emit("windows", {"size": list(module.window_size)}, [x.number])
    number = trace.emit("attention", settings, [windows], module.parameters())
    return Value(trace.emit("join_windows", {}, [number, x.number]), x.layout)


def relative_attention(trace: Trace, call: Call, module: Any) -> Value:
    """MaxViT's attention: in windows that are an axis of the tensor, batch, windows, places and channels."""
    value = trace.value(call.args[0])
    layout = value.layout
    _, windows_of, places, _ = layout.dims
    rest = [atom for axis in layout.axes[:-1] for atom in axis if atom not in places]
    inside = [sum(atom in axis for axis in layout.axes[:-1][n : n + 1]) for n, atom in enumerate(places)]
    if len(layout.axes) != 3 or inside != [1, 1] or rest != list(without_batch(windows_of)):
        raise Unfit("its windows are not of an image")
    size = [atom.size for atom in places]
    windows = trace.emit("windows", {"size": size}, [value.number])
    number = trace.emit("attention", {"heads": module.n_heads, "relative": True}, [windows], module.parameters())
    return Value(trace.emit("join_windows", {}, [number, value.number]), layout)


SWIN = "torchvision.models.swin_transformer"
BY_NAME: dict[str, Any] = {
    f"{SWIN}.ShiftedWindowAttention": shifted_windows,
    f"{SWIN}.ShiftedWindowAttentionV2": shifted_windows,
    "torchvision.models.maxvit.RelativePositionalMultiHeadAttention": relative_attention,
}
