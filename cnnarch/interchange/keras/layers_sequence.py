"""Layers of Keras for sequences: recurrent ones, attention, embeddings, and layers at every step."""

from __future__ import annotations

from typing import Any

from cnnarch.errors import Cause
from cnnarch.interchange.keras.layers_base import Call, Handler, Part, Parts, unknown
from cnnarch.interchange.keras.layers_shapes import SHAPES
from cnnarch.interchange.keras.layers_values import VALUES
from cnnarch.interchange.keras.layers_windows import WINDOWS
from cnnarch.layers.settings import shown
from cnnarch.shapes import Shape

__all__ = ["SEQUENCE"]

GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
OLDER = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU", "LSTMV1": "LSTM", "GRUV1": "GRU"}


def _recurrent(call: Call) -> Parts:
    """With as many biases as Keras has: one a gate and unit, two where a GRU resets after its product."""
    cls = OLDER.get(call.cls, call.cls)
    if len(call.inputs) > 1:
        raise Cause(f"`{call.cls}` starts from a state that it is given, which is not read")
    units = call.count("units", "output_dim")
    sequence = call.flag("return_sequences", False)
    biases = 0
    if call.flag("use_bias", True):
        biases = 2 if cls == "GRU" and (call.cls == "CuDNNGRU" or call.flag("reset_after", call.cls != "GRUV1")) else 1
    if cls == "SimpleRNN":
        if call.x.rank != 1:
            raise Cause(f"SimpleRNN reads a sequence, and {call.x} is the input")
        shape = Shape(call.x.length, units) if sequence else Shape(units)
        return unknown(call, shape, units * (call.x.channels + units + biases))
    settings: dict[str, Any] = {"units": units, "biases": biases}
    return [Part(cls.lower(), settings if sequence else {**settings, "returns": "last"})]


def _cells(call: Call) -> Parts:
    """`RNN` around a cell that has a layer of its own."""
    cls, config = _inner(call, "cell")
    name = cls.removesuffix("Cell")
    if name not in GATES:
        return unknown(call)
    merged = {**config, "return_sequences": call.flag("return_sequences", False)}
    return _recurrent(call.with_config(name, merged))


def _bidirectional(call: Call) -> Parts:
    cls, config = _inner(call, "layer")
    known = OLDER.get(cls, cls)
    mode = call.word("merge_mode", "concat")
    other = call.get("backward_layer")
    if known not in ("LSTM", "GRU") or not _alike(config, other):
        return unknown(call)
    (one,) = _recurrent(call.with_config(cls, config))
    if mode == "concat":
        return [one._replace(settings={**one.settings, "bidirectional": True})]
    kinds = {"sum": ("add", {}), "mul": ("multiply", {}), "ave": ("elementwise", {"operator": "mean"})}
    if mode not in kinds:
        raise Cause(f"`merge_mode` must be `concat`, `sum`, `mul` or `ave`, not {shown(mode)}")
    kind, settings = kinds[mode]
    ways = [one._replace(suffix=way, takes=(0,)) for way in ("/forward", "/backward")]
    return [*ways, Part(kind, settings, "/both", ("/forward", "/backward"))]


def _alike(config: dict[str, Any], other: Any) -> bool:
    """Whether the cell of the way back has the figures of the other."""
    if other is None:
        return True
    theirs = other.get("config") if isinstance(other, dict) else None
    return isinstance(theirs, dict) and all(
        config.get(name) == theirs.get(name) for name in ("units", "use_bias", "reset_after", "return_sequences")
    )


def _time_distributed(call: Call) -> Parts:
    """A layer at every step is a layer with one spatial axis more, of which its window reads one place."""
    cls, config = _inner(call, "layer")
    x = call.x
    if not x.rank:
        raise Cause(f"TimeDistributed needs steps, and {x} is the input")
    inner = call._replace(cls=cls, config=config)
    if cls == "Dense":
        return SHAPES["Dense"](inner)
    if cls == "Flatten":
        return [Part("reshape", {"size": [x[0], x.units // x[0]]})]
    if cls.startswith(("GlobalAveragePooling", "GlobalMaxPooling")) and x.rank > 1:
        kind = "avgpool" if "Average" in cls else "maxpool"
        pool = Part(kind, {"kernel": [1, *x.spatial[1:]]})
        return [pool, Part("reshape", {"size": [x[0], x.channels]}, "back")]
    if cls in WINDOWS and x.rank > 1:
        return _at_each_step(WINDOWS[cls](_step(inner)), x.rank)
    if cls in VALUES and config.get("axis", -1) in (-1, len(x)):
        return VALUES[cls](inner)
    return unknown(call)


def _step(call: Call) -> Call:
    """A call of one step."""
    return call._replace(inputs=tuple([one._replace(shape=Shape(*one.shape[1:])) for one in call.inputs]))


def _at_each_step(parts: Parts, rank: int) -> Parts:
    for part in parts:
        settings = part.settings
        if part.kind.startswith(("adaptive", "locally", "unknown", "global")) or part.kind == "conv_transpose":
            raise Cause(f"`TimeDistributed` around a layer that is {part.kind} is not read")
        for name, nothing in (("kernel", 1), ("stride", 1), ("dilation", 1), ("padding", 0), ("factor", 1)):
            value = settings.get(name)
            if value is not None and not isinstance(value, str):
                settings[name] = [nothing, *(value if isinstance(value, list) else [value] * (rank - 1))]
        if part.kind == "crop":
            raise Cause("`TimeDistributed` around a cropping is not read")
    return parts


def _inner(call: Call, name: str) -> tuple[str, dict[str, Any]]:
    """The class and configuration of a layer inside another."""
    found = call.get(name)
    if not isinstance(found, dict) or not isinstance(found.get("config"), dict):
        raise Cause(f"`{name}` must be a layer, not {shown(found)}")
    module = found.get("module")
    known = module is None or str(module).partition(".")[0] in ("keras", "tensorflow", "tf_keras")
    return str(found.get("class_name")) if known else "", found["config"]


def _embedding(call: Call) -> Parts:
    """Of a row of numbers, which we write as a sequence with one channel."""
    if call.x.rank:
        return unknown(call)
    settings = {"vocabulary": call.count("input_dim"), "units": call.count("output_dim")}
    return [Part("reshape", {"size": [call.x.units, 1]}, "numbers"), Part("embedding", settings)]


def _multi_head_attention(call: Call) -> Parts:
    """Where keys and values come from one tensor and have one width; others are known by their shape alone."""
    heads, units = call.count("num_heads"), call.count("key_dim")
    values = call.get("value_dim")
    plain = values in (None, units) and not call.get("output_shape") and not call.get("use_gate")
    places = call.get("attention_axes")
    whole = places is None or places == [*range(1, call.x.rank + 1)]
    sources = [one.source for one in call.inputs]
    if not plain or not whole or len(sources) < 2 or len(set(sources[1:])) != 1:
        return unknown(call, None if call.get("output_shape") else call.x)
    settings: dict[str, Any] = {"heads": heads}
    if heads * units != call.x.channels:
        settings["units"] = heads * units
    if not call.flag("use_bias", True):
        settings["bias"] = False
    return [Part("attention", settings, takes=(0,) if sources[0] == sources[1] else (0, 1))]


def _attention(call: Call) -> Parts:
    """Products of queries and keys, softmax, and the values weighed by them: no weights, unless it has a scale."""
    if len(call.inputs) not in (2, 3) or call.get("use_scale") or call.get("score_mode", default="dot") != "dot":
        return unknown(call)
    key = 2 if len(call.inputs) == 3 else 1
    return [
        Part("matmul", {"transpose": True}, "/scores", (0, key)),
        Part("softmax", {}, "/softmax"),
        Part("matmul", {}, "/values", ("/softmax", 1)),
    ]


SEQUENCE: dict[str, Handler] = {
    **dict.fromkeys((*GATES, *OLDER), _recurrent),
    "RNN": _cells,
    "Bidirectional": _bidirectional,
    "TimeDistributed": _time_distributed,
    "Embedding": _embedding,
    "MultiHeadAttention": _multi_head_attention,
    "Attention": _attention,
}
