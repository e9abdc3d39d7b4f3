"""What our layers are in Keras: each kind as code that is applied to its inputs, in one or more steps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from cnnarch.errors import Cause
from cnnarch.shapes import Shape, Window, by_axis, windows

__all__ = ["Case", "Steps", "Use", "Varies", "literal", "steps"]

Steps: TypeAlias = list[str]  # templates, whose `{}` is what they are applied to


class Varies(Exception):  # noqa: N818, no error: the layer is then written once for each case
    """What has to be one thing in a line of code is several in the places where the line is run."""


class Case(NamedTuple):
    """A layer where it stands: its inputs, and whether the first holds nothing below 0."""

    layer: Any  # of any kind, with settings of its own
    shapes: tuple[Shape, ...]
    positive: bool = False

    @property
    def x(self) -> Shape:
        return self.shapes[0]


class Use(NamedTuple):
    """A line of code that makes a layer: the cases that it serves, and the code of settings that are computed."""

    cases: list[Case]
    code: dict[str, str]

    def same(self, question: Callable[[Case], Any]) -> Any:
        """The one answer of all cases; raises Varies if they are several."""
        first = question(self.cases[0])
        if any(question(case) != first for case in self.cases[1:]):
            raise Varies
        return first

    @property
    def rank(self) -> int:
        rank: int = self.same(lambda case: case.x.rank)
        return rank

    def of(self, name: str) -> str:
        """The code of a setting."""
        return self.code.get(name) or literal(self.same(lambda case: getattr(case.layer, name)))

    def get(self, name: str) -> Any:
        return self.same(lambda case: getattr(case.layer, name))

    def unless(self, name: str, usual: Any, keyword: str = "") -> list[str]:
        """A keyword with its value, unless that is the usual in all cases."""
        if name not in self.code and self.get(name) == usual:
            return []
        return [f"{keyword or name}={self.of(name)}"]


def literal(value: Any) -> str:
    """A value as Python has it.

    >>> literal((1, 7)), literal("same"), literal(0.5)
    ('(1, 7)', '"same"', '0.5')
    """
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (tuple, list)):
        inside = ", ".join(map(literal, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value)


def steps(use: Use) -> Steps:
    """How a line makes its layer; raises Cause for what Keras has not, and Varies."""
    kind = use.cases[0].layer.kind
    if any(shape.regions != 1 for case in use.cases for shape in case.shapes):
        raise Cause("several regions at once")
    writer = WRITERS.get(kind)
    if writer is None:
        raise Cause("no such layer")
    return writer(use)


def _call(name: str, *arguments: str) -> str:
    return f"layers.{name}({', '.join(arguments)})({{0}})"


def _resolved(case: Case) -> tuple[Window, ...]:
    return tuple(case.layer.resolve(case.x))


def _is_same(case: Case) -> bool:
    """Whether TensorFlow's rule gives the padding that the layer has."""
    layer = case.layer
    stride = layer.kernel if layer.stride is None else layer.stride
    return bool(_pads(case) == _pads_of(windows(case.x.spatial, layer.kernel, stride, layer.dilation, "same")))


def _pads(case: Case) -> list[tuple[int, int]]:
    """What is added before and behind, with what a last, partial window needs."""
    layer = case.layer
    found = []
    for window, length in zip(layer.resolve(case.x), case.x.spatial):
        behind = window.after
        if window.ceil:
            behind = max(behind, (window.outputs(length) - 1) * window.stride + window.reach - length - window.before)
        found.append((window.before, behind))
    return found


def _pads_of(found: tuple[Window, ...]) -> list[tuple[int, int]]:
    return [(window.before, window.after) for window in found]


def _sides(pads: list[tuple[int, int]]) -> str:
    """Padding as Keras's layers take it, as short as it can be."""
    if len({size for pair in pads for size in pair}) == 1:
        return str(pads[0][0])
    if len(pads) == 1:
        return literal(pads[0])
    return literal(tuple(one for one, _ in pads) if all(a == b for a, b in pads) else tuple(pads))


def _padding(use: Use) -> tuple[Steps, list[str]]:
    """The steps before the layer, and its own argument."""
    given = use.code.get("padding", use.cases[0].layer.padding)
    open_kernel = "kernel" in use.code and given not in (0, "valid")
    if not open_kernel and all(not any(map(any, _pads(case))) for case in use.cases):
        return [], []
    if all(map(_is_same, use.cases)):
        return [], ['padding="same"']
    rank = use.rank
    if open_kernel and rank == 2:
        with suppress(Varies):
            return [_pad_at_run_time(use)], []
    try:
        pads = use.same(_pads)
    except Varies:
        return [_pad_at_run_time(use)], []
    return [_call(f"ZeroPadding{rank}D", _sides(pads))], []


def _pad_at_run_time(use: Use) -> str:
    """Padding by half the kernel, where kernels differ; `pad` is a function that the program has then."""
    plain = all(case.layer.padding in ("half", 0, "valid") or isinstance(case.layer.padding, int) for case in use.cases)
    if use.rank != 2 or not plain or any(getattr(case.layer, "ceil", False) for case in use.cases):
        raise Varies
    return f"pad({', '.join(['{0}', use.of('kernel'), *use.unless('padding', 'half'), *use.unless('dilation', 1)])})"


def _conv(use: Use) -> Steps:
    before, padding = _padding(use)
    rank, depthwise = use.rank, {case.layer.groups == "depthwise" for case in use.cases}
    shared = [
        *use.unless("stride", 1, "strides"), *padding, *use.unless("dilation", 1, "dilation_rate"),
    ]  # fmt: skip
    bias = use.unless("bias", True, "use_bias")
    if depthwise == {True} and rank < 3 and _even(use) and _times(use):
        times = _times(use) or 1
        several = [f"depth_multiplier={times}"] if times > 1 else []
        return [*before, _call(f"DepthwiseConv{rank}D", use.of("kernel"), *shared, *several, *bias)]
    if depthwise == {False}:
        groups = use.unless("groups", 1)
    elif "groups" in use.code and depthwise == {True, False}:
        groups = [f'groups={{0}}.shape[-1] if {use.of("groups")} == "depthwise" else {use.of("groups")}']
    else:
        groups = ["groups={0}.shape[-1]"]
    return [*before, _call(f"Conv{rank}D", use.of("filters"), use.of("kernel"), *shared, *groups, *bias)]


def _times(use: Use) -> int | None:
    """How many filters a depthwise convolution has for each channel, if that is the same in all cases."""
    found = {case.layer.filters // case.x.channels for case in use.cases}
    return found.pop() if len(found) == 1 else None


def _even(use: Use) -> bool:
    """Whether the stride is the same along all axes, which Keras wants of a depthwise convolution."""
    return all(len(set(by_axis(case.layer.stride, case.x.rank, "stride"))) == 1 for case in use.cases)


def _transposed(use: Use) -> Steps:
    """Without padding it is Keras's own; what padding cuts off is cropped."""
    rank = use.rank
    if rank > 3 or use.get("groups") != 1:
        raise Cause("groups of a transposed convolution")
    same = use.get("padding") == "same"
    found = use.same(_resolved)
    extra = use.same(lambda case: case.layer.extra(case.x))
    arguments = [use.of("filters"), use.of("kernel"), *use.unless("stride", 1, "strides")]
    arguments += ['padding="same"'] if same else []
    arguments += use.unless("dilation", 1, "dilation_rate")
    if not same and (any(extra) or any(window.reach < window.stride for window in found)):
        arguments.append(f"output_padding={literal(extra[0] if len(set(extra)) == 1 else extra)}")
    crop = [] if same else _pads_of(found)
    after = [_call(f"Cropping{rank}D", _sides(crop))] if any(map(any, crop)) else []
    return [_call(f"Conv{rank}DTranspose", *arguments, *use.unless("bias", True, "use_bias")), *after]


def _pool(name: str, use: Use) -> Steps:
    if use.get("dilation") != 1:
        raise Cause("a dilated pool")
    if name == "AveragePooling" and any(case.layer.ceil for case in use.cases):
        raise Cause("an average of a partial window")
    before, padding = _padding(use)
    if name == "AveragePooling" and padding:
        before, padding = _counted_padding(use)
    if before and name == "MaxPooling" and not all(case.positive for case in use.cases):
        pads = "".join(f", {literal(pair)}" for pair in use.same(_pads))
        before = [f'ops.pad({{0}}, ((0, 0){pads}, (0, 0)), constant_values=float("-inf"))']
    stride = [] if use.get("stride") is None else [f"strides={use.of('stride')}"]
    if "stride" not in use.code and "kernel" not in use.code and use.get("stride") == use.get("kernel"):
        stride = []
    return [*before, _call(f"{name}{use.rank}D", use.of("kernel"), *stride, *padding)]


def _counted_padding(use: Use) -> tuple[Steps, list[str]]:
    """Keras leaves padding out of an average; ours counts it where it is said in pixels, as PyTorch does."""
    if all(case.layer.padding == "same" for case in use.cases):
        return [], ['padding="same"']
    return [_call(f"ZeroPadding{use.rank}D", _sides(use.same(_pads)))], []


def _adaptive(name: str, use: Use) -> Steps:
    if use.get("size") == 1:
        return [_call(f"Global{name}{use.rank}D", "keepdims=True")]
    return [_call(f"Adaptive{name}{use.rank}D", use.of("size"))]


def _dense(use: Use) -> Steps:
    return [_call("Dense", use.of("units"), *use.unless("bias", True, "use_bias"))]


def _norm(name: str, use: Use) -> Steps:
    first = {"GroupNormalization": [] if name != "GroupNormalization" else [use.of("groups")]}.get(name, [])
    return [_call(name, *first, *use.unless("scale", True), *use.unless("shift", True, "center"))]


def _instance_norm(use: Use) -> Steps:
    return [_call("GroupNormalization", "-1", *use.unless("scale", True), *use.unless("shift", True, "center"))]


def _prelu(use: Use) -> Steps:
    axes = list(range(1, use.rank + 1 + bool(use.get("shared"))))
    return [_call("PReLU", *([f"shared_axes={literal(axes)}"] if axes else []))]


def _merge(name: str, use: Use) -> Steps:
    """A vector that scales an image is an image of one pixel first."""
    ranks = use.same(lambda case: tuple(shape.rank for shape in case.shapes))
    inputs = []
    for number, rank in enumerate(ranks):
        ones = ", ".join(["1"] * (max(ranks) - rank))
        inputs.append(f"layers.Reshape(({ones}, -1))({{{number}}})" if ones else f"{{{number}}}")
    if any(0 < rank < max(ranks) for rank in ranks):
        raise Cause("tensors of unlike axes")
    return [f"layers.{name}()([{', '.join(inputs)}])"]


def _recurrent(name: str, use: Use) -> Steps:
    biases, arguments = use.get("biases"), [use.of("units")]
    if use.get("returns") == "sequence":
        arguments.append("return_sequences=True")
    if biases == 0:
        arguments.append("use_bias=False")
    elif biases == 2 and name == "LSTM":
        raise Cause("two biases for a gate")
    elif biases == 1 and name == "GRU":
        arguments.append("reset_after=False")
    if use.get("bidirectional"):
        return [_call("Bidirectional", f"layers.{name}({', '.join(arguments)})")]
    return [_call(name, *arguments)]


def _attention(use: Use) -> Steps:
    if use.get("relative") or use.get("cosine"):
        raise Cause("weights of distances and cosines")
    width = use.same(lambda case: case.layer.width(case.x) // case.layer.heads)
    arguments = [use.of("heads"), str(width), *use.unless("bias", True, "use_bias")]
    inputs = "{0}, {0}" if use.same(lambda case: len(case.shapes)) == 1 else "{0}, {1}"
    return [f"layers.MultiHeadAttention({', '.join(arguments)})({inputs})"]


def _embedding(use: Use) -> Steps:
    length = use.same(lambda case: case.x.length)
    return [_call("Reshape", f"({length},)"), _call("Embedding", use.of("vocabulary"), use.of("units"))]


def _upsample(use: Use) -> Steps:
    rank, mode = use.rank, use.get("mode")
    interpolation = [] if mode == "nearest" else [f"interpolation={literal(mode)}"]
    if use.get("factor") is not None:
        if interpolation and rank != 2:
            raise Cause(f"{mode} interpolation of {rank} axes")
        return [_call(f"UpSampling{rank}D", use.of("factor"), *interpolation)]
    if rank != 2:
        raise Cause("resizing anything but an image")
    how = f"interpolation={literal(mode)}"
    if use.same(lambda case: len(case.shapes)) == 2:
        return [f"layers.Resizing({{1}}.shape[1], {{1}}.shape[2], {how})({{0}})"]
    height, width = by_axis(use.get("size"), 2, "size")
    return [_call("Resizing", str(height), str(width), how)]


def _crop(use: Use) -> Steps:
    def cut(case: Case) -> list[tuple[int, int]]:
        sizes = zip(case.x.spatial, case.layer.output(*case.shapes).spatial)
        return [((a - b) // 2, a - b - (a - b) // 2) for a, b in sizes]

    return [f"layers.Cropping{use.rank}D({_sides(use.same(cut))})({{0}})"]


def _pad(use: Use) -> Steps:
    pads = use.same(lambda case: _pads_of(case.layer.sides(case.x)))
    channels = use.get("channels")
    if channels == (0, 0):
        return [_call(f"ZeroPadding{use.rank}D", _sides(pads))]
    return [f"ops.pad({{0}}, {literal(((0, 0), *pads, channels))})"]


def _scale(use: Use) -> Steps:
    """A weight for each channel: Keras has no layer of the name, but products by their letters."""
    letters = "abcde"[: use.rank + 2]
    bias = [f'bias_axes="{letters[-1]}"'] if use.get("bias") else []
    equation = f'"{letters},{letters[-1]}->{letters}"'
    return [_call("EinsumDense", equation, "output_shape={0}.shape[1:]", *bias)]


def _slice(use: Use) -> Steps:
    """A run of the last axis; ends that are computed stand apart from the colon."""
    start = use.code.get("start") or str(use.get("start") or "")
    channels = use.code.get("channels") or str(use.get("channels") or "")
    end = f"{start} + {channels}" if start and channels else channels
    if start.isdigit() and channels.isdigit():
        end = str(int(start) + int(channels))
    if all(one.isidentifier() or one.isdigit() for one in (start, end) if one):
        return [f"{{0}}[..., {start}:{end}]"]
    return [f"{{0}}[..., {start + ' ' if start else ''}:{' ' + end if end else ''}]"]


def _shuffle(use: Use) -> Steps:
    """By `channel_shuffle`, a function that the program has then."""
    if use.rank != 2:
        raise Cause("channels of anything but an image")
    return [f"channel_shuffle({{0}}, {use.of('groups')})"]


def _stochastic_depth(use: Use) -> Steps:
    ones = ", 1" * (use.rank + 1)
    return [_call("Dropout", use.of("rate"), f"noise_shape=(None{ones})")]


def _columns(use: Use) -> Steps:
    shape = use.same(lambda case: case.layer.output(*case.shapes))
    return [_call("Permute", "(2, 1, 3)"), _call("Reshape", literal(tuple(shape)))]


def _tokens(use: Use) -> Steps:
    return [_call("Reshape", f"(-1, {use.same(lambda case: case.x.channels)})")]


def _laid_out(use: Use) -> Steps:
    shape = use.same(lambda case: tuple(case.layer.output(*case.shapes)))
    return [_call("Reshape", literal(shape))]


def _elementwise(use: Use) -> Steps:
    """Only those that Keras calls alike; what else a function needs is not in a page."""
    names = {
        "neg": "negative", "mul": "multiply", "sub": "subtract", "div": "divide", "min": "minimum", "max": "maximum",
    }  # fmt: skip
    one = ("exp", "sqrt", "rsqrt", "log", "abs", "square", "neg", "sin", "cos", "erf", "softplus", "softsign", "selu")
    operator, inputs = use.get("operator"), use.same(lambda case: len(case.shapes))
    ranks = use.same(lambda case: {shape.rank for shape in case.shapes})
    name = names.get(operator, operator)
    if operator == "mean" and inputs > 1 and len(ranks) == 1:
        return [f"layers.Average()([{', '.join(f'{{{number}}}' for number in range(inputs))}])"]
    if inputs == 1 and operator in one:
        return [f"ops.{name}({{0}})"]
    if inputs == 2 and operator in ("add", "mul", "sub", "div", "min", "max") and len(ranks) == 1:
        return [f"ops.{name}({{0}}, {{1}})"]
    raise Cause(f"the function `{operator}` of {inputs} inputs")


def _reduce(use: Use) -> Steps:
    operator, rank = use.get("operator"), use.rank
    if operator not in ("mean", "sum", "max", "min", "prod"):
        raise Cause(f"the reduction `{operator}`")
    spatial, every = tuple(range(1, rank + 1)), tuple(range(1, rank + 2))
    axes = {"spatial": literal(spatial), "channels": "-1", "all": literal(every)}[use.get("axes")]
    made = f"ops.{operator}({{0}}, axis={axes}{', keepdims=True' if use.get('keep') else ''})"
    return [made, _call("Reshape", "(1,)")] if use.get("axes") == "all" and not use.get("keep") else [made]


def _matmul(use: Use) -> Steps:
    if not use.get("transpose"):
        return ["ops.matmul({0}, {1})"]
    axes = list(range(use.same(lambda case: len(case.shapes[1])) + 1))
    axes[-2:] = [axes[-1], axes[-2]]
    return [f"ops.matmul({{0}}, ops.transpose({{1}}, {literal(tuple(axes))}))"]


def _plain(code: str) -> Callable[[Use], Steps]:
    return lambda _: [f"layers.{code}({{0}})"]


WRITERS: dict[str, Callable[[Use], Steps]] = {
    "conv": _conv,
    "conv_transpose": _transposed,
    "maxpool": lambda use: _pool("MaxPooling", use),
    "avgpool": lambda use: _pool("AveragePooling", use),
    "global_avgpool": lambda use: [_call(f"GlobalAveragePooling{use.rank}D")],
    "global_maxpool": lambda use: [_call(f"GlobalMaxPooling{use.rank}D")],
    "adaptive_avgpool": lambda use: _adaptive("AveragePooling", use),
    "adaptive_maxpool": lambda use: _adaptive("MaxPooling", use),
    "fc": _dense,
    "batchnorm": lambda use: _norm("BatchNormalization", use),
    "layernorm": lambda use: _norm("LayerNormalization", use),
    "groupnorm": lambda use: _norm("GroupNormalization", use),
    "instancenorm": _instance_norm,
    "relu": _plain("ReLU()"),
    "relu6": _plain("ReLU(6.0)"),
    "leaky_relu": lambda use: [_call("LeakyReLU", f"negative_slope={use.of('slope')}")],
    "prelu": _prelu,
    "elu": _plain("ELU()"),
    "softmax": _plain("Softmax()"),
    **{name: _plain(f'Activation("{name}")') for name in ("gelu", "silu", "mish", "sigmoid", "tanh")},
    "hardsigmoid": _plain('Activation("hard_sigmoid")'),
    "hardswish": _plain('Activation("hard_silu")'),
    "dropout": lambda use: [_call("Dropout", use.of("rate"))],
    "stochastic_depth": _stochastic_depth,
    "add": lambda use: _merge("Add", use),
    "multiply": lambda use: _merge("Multiply", use),
    "max": lambda use: _merge("Maximum", use),
    "concat": lambda use: _merge("Concatenate", use),
    "lstm": lambda use: _recurrent("LSTM", use),
    "gru": lambda use: _recurrent("GRU", use),
    "attention": _attention,
    "embedding": _embedding,
    "upsample": _upsample,
    "crop": _crop,
    "pad": _pad,
    "scale": _scale,
    "slice": _slice,
    "select": lambda use: [f"{{0}}[:, {use.of('position')}]"],
    "channel_shuffle": _shuffle,
    "flatten": _plain("Flatten()"),
    "columns": _columns,
    "tokens": _tokens,
    "image": _laid_out,
    "reshape": _laid_out,
    "transpose": _plain("Permute((2, 1))"),
    "elementwise": _elementwise,
    "reduce": _reduce,
    "matmul": _matmul,
}
