"""Element operations against arithmetic that is really done, on small tensors of numbers that count.

Each kind is computed here from its definition. `Number` counts every addition, subtraction, product, division,
comparison and function of numbers; a product that is added up in a MAC is `mac`, and counts as none of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

import pytest

from cnnarch.layers import KINDS, Layer
from cnnarch.shapes import Shape


class Number:
    """A number that counts what is done with it."""

    done = 0

    def __init__(self, value: float) -> None:
        self.value = float(value)

    def __add__(self, other: Number | float) -> Number:
        return made(self.value + plain(other))

    def __sub__(self, other: Number | float) -> Number:
        return made(self.value - plain(other))

    def __rsub__(self, other: float) -> Number:
        return made(other - self.value)

    def __mul__(self, other: Number | float) -> Number:
        return made(self.value * plain(other))

    def __truediv__(self, other: Number | float) -> Number:
        return made(self.value / plain(other))

    def __rtruediv__(self, other: float) -> Number:
        return made(other / self.value)

    def __neg__(self) -> Number:
        return Number(-self.value)  # a sign is no operation

    __radd__ = __add__
    __rmul__ = __mul__


def made(value: float) -> Number:
    Number.done += 1
    return Number(value)


def plain(one: Number | float) -> float:
    return one.value if isinstance(one, Number) else one


def function(name: str, *numbers: Number | float) -> Number:
    return made(getattr(math, name)(*map(plain, numbers)))


def larger(one: Number | float, other: Number | float) -> Number:
    return made(max(plain(one), plain(other)))


def smaller(one: Number | float, other: Number | float) -> Number:
    return made(min(plain(one), plain(other)))


def mac(total: Number, one: Number, other: Number) -> Number:
    """One multiply and one add, which are counted elsewhere."""
    return Number(total.value + one.value * other.value)


def added(numbers: Iterable[Number]) -> Number:
    first, *others = numbers
    for one in others:
        first = first + one
    return first


def largest(numbers: Iterable[Number], so_far: Number | None = None) -> Number:
    first, *others = [*([] if so_far is None else [so_far]), *numbers]
    for one in others:
        first = larger(first, one)
    return first


def mean(numbers: Sequence[Number]) -> Number:
    return added(numbers) / len(numbers)


def dot(some: Sequence[Number], others: Sequence[Number]) -> Number:
    total = Number(0)
    for one, other in zip(some, others):
        total = mac(total, one, other)
    return total


Tensor = dict[tuple[int, ...], Number]


def tensor(shape: Sequence[int], start: int = 0) -> Tensor:
    """Small numbers of both signs; comparisons with 0 take the longer way, below it."""
    places = product(*map(range, shape))
    return {place: Number(-((number * 7 + start) % 11) / 8 - 0.125) for number, place in enumerate(places)}


def numbers(count: int, start: int = 0) -> list[Number]:
    return [Number(((one * 5 + start) % 7) / 4 + 0.25) for one in range(count)]


def read(x: Tensor, place: tuple[int, ...], channel: int) -> Number:
    return x[place + (channel,)]  # noqa: RUF005


def by_place(x: Tensor) -> dict[tuple[int, ...], list[Number]]:
    """The channels of every place."""
    found: dict[tuple[int, ...], list[Number]] = {}
    for place, value in x.items():
        found.setdefault(place[:-1], []).append(value)
    return found


def by_channel(x: Tensor) -> dict[int, list[Number]]:
    found: dict[int, list[Number]] = {}
    for place, value in x.items():
        found.setdefault(place[-1], []).append(value)
    return found


# Functions of one value


def sigmoid(x: Number) -> Number:
    return 1 / (1 + function("exp", -x))


def relu6(x: Number) -> Number:
    return smaller(larger(x, 0), 6)


def below_0(x: Number, then: Callable[[Number], Number]) -> Number:
    return then(x) if smaller(x, 0).value < 0 else x


ACTIVATIONS: dict[str, Callable[[Number], Number]] = {
    "relu": lambda x: larger(x, 0),
    "relu6": relu6,
    "leaky_relu": lambda x: below_0(x, lambda y: y * 0.01),
    "prelu": lambda x: below_0(x, lambda y: y * 0.25),
    "elu": lambda x: below_0(x, lambda y: function("exp", y) - 1),
    "gelu": lambda x: x * ((1 + function("erf", x / math.sqrt(2))) / 2),
    "silu": lambda x: x / (1 + function("exp", -x)),
    "mish": lambda x: x * function("tanh", function("log", 1 + function("exp", x))),
    "sigmoid": sigmoid,
    "hardsigmoid": lambda x: relu6(x + 3) / 6,
    "hardswish": lambda x: x * (relu6(x + 3) / 6),
    "tanh": lambda x: function("tanh", x),
}


def work(do: Callable[[], object]) -> int:
    Number.done = 0
    do()
    return Number.done


def counted(kind: str, *inputs: Shape, **given: Any) -> int:
    return KINDS[kind](**given).figures(inputs).elements


@pytest.mark.parametrize("kind", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4)])
def test_activations(kind: str, shape: tuple[int, ...]) -> None:
    x = tensor(shape)
    assert counted(kind, Shape(*shape)) == work(lambda: [ACTIVATIONS[kind](one) for one in x.values()])


def softmax(values: Sequence[Number]) -> list[Number]:
    """Without overflow: less the largest, as every implementation does."""
    top = largest(values)
    powers = [function("exp", one - top) for one in values]
    total = added(powers)
    return [one / total for one in powers]


@pytest.mark.parametrize("shape", [(7,), (1,), (3, 5), (2, 3, 4)])
def test_softmax(shape: tuple[int, ...]) -> None:
    x = tensor(shape)
    assert counted("softmax", Shape(*shape)) == work(lambda: [softmax(one) for one in by_place(x).values()])


# Windows


def cells(spatial: Sequence[int], layer: Layer, channels: int) -> list[list[tuple[int, ...]]]:
    """The places that each output place reads, in one channel; the padded ones too."""
    axes = []
    for window, length in zip(layer.resolve(Shape(*spatial, channels)), spatial):  # type: ignore[attr-defined]
        starts = range(-window.before, length + window.after, window.stride)
        reads = [[start + cell * window.dilation for cell in range(window.size)] for start in starts]
        whole = [one for one in reads if one[-1] < length + window.after]
        if window.ceil and len(whole) < len(reads):
            partial = reads[len(whole)]
            room = length + window.after - partial[0]
            left = (length + window.before + window.after - window.reach) % window.stride
            whole += [partial] if left and room > 0 and partial[0] < length else []
        axes.append(whole)
    return [list(product(*taps)) for taps in product(*axes)]


POOLS = [
    ((6, 6), 2, {"kernel": 2}),
    ((7, 5), 2, {"kernel": 3, "stride": 2, "padding": 1}),
    ((7, 7), 1, {"kernel": 2, "stride": 2, "ceil": True}),
    ((9,), 3, {"kernel": 3, "stride": 1}),
    ((4, 4, 4), 1, {"kernel": 2, "stride": 2}),
    ((6, 8), 2, {"kernel": (3, 1), "stride": (2, 3)}),
]


@pytest.mark.parametrize(("spatial", "channels", "given"), POOLS)
def test_pools(spatial: tuple[int, ...], channels: int, given: dict[str, Any]) -> None:
    """A largest so far is −∞ before the first cell, so that every cell is compared."""
    x = Shape(*spatial, channels)
    values, most = tensor(x), Number(-math.inf)
    for kind, fill, pool in (
        ("maxpool", most, lambda window: largest(window, most)),
        ("avgpool", Number(0), mean),
    ):
        places = cells(spatial, KINDS[kind](**given), channels)
        windows = [[values.get((*tap, one), fill) for tap in taps] for taps in places for one in range(channels)]
        assert counted(kind, x, **given) == work(lambda pool=pool, windows=windows: list(map(pool, windows)))  # type: ignore[misc]


@pytest.mark.parametrize("shape", [(5, 3), (3, 4, 2), (2, 2, 3, 2)])
def test_global_pools(shape: tuple[int, ...]) -> None:
    channels = by_channel(tensor(shape)).values()
    assert counted("global_avgpool", Shape(*shape)) == work(lambda: [mean(one) for one in channels])
    most = Number(-math.inf)
    assert counted("global_maxpool", Shape(*shape)) == work(lambda: [largest(one, most) for one in channels])


@pytest.mark.parametrize(("spatial", "size"), [((7, 7), 3), ((5, 8), (2, 3)), ((3, 3), 7), ((9,), 4)])
def test_adaptive_pools(spatial: tuple[int, ...], size: Any) -> None:
    """Window i of an axis runs from ⌊i·in/out⌋ to ⌈(i + 1)·in/out⌉."""
    x = Shape(*spatial, 2)
    sizes = size if isinstance(size, tuple) else (size,) * len(spatial)
    axes = [
        [range(math.floor(i * length / out), math.ceil((i + 1) * length / out)) for i in range(out)]
        for length, out in zip(spatial, sizes)
    ]
    values = tensor(x)
    windows = [
        [read(values, tap, channel) for tap in product(*taps)] for channel in range(2) for taps in product(*axes)
    ]
    assert counted("adaptive_avgpool", x, size=size) == work(lambda: [mean(one) for one in windows])
    most = Number(-math.inf)
    assert counted("adaptive_maxpool", x, size=size) == work(lambda: [largest(one, most) for one in windows])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("kernel", "stride", "groups"), [(3, 1, 1), (2, 2, 2), (1, 1, 4)])
def test_convolutions(kernel: int, stride: int, groups: int, bias: bool) -> None:
    """Products are added up in MACs; what is left is the bias."""
    x = Shape(6, 5, 4)
    layer = KINDS["conv"](filters=8, kernel=kernel, stride=stride, groups=groups, bias=bias)
    values, weight = tensor(x), Number(0.5)

    def convolve() -> None:
        for filter_, taps in product(range(8), cells(x.spatial, layer, 4)):
            group = filter_ // (8 // groups)
            total = Number(0)
            for tap, channel in product(taps, range(group * 4 // groups, (group + 1) * 4 // groups)):
                total = mac(total, read(values, tap, channel), weight)
            if bias:
                total = total + 0.125

    assert layer.figures((x,)).elements == work(convolve)
    if groups == 1:
        assert counted("locally_connected", x, filters=8, kernel=kernel, stride=stride, bias=bias) == work(convolve)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (3, 1)])
def test_transposed_convolutions(kernel: int, stride: int, bias: bool) -> None:
    x = Shape(4, 3, 2)

    def paint() -> None:
        out: Tensor = {}
        for (row, column, _), value in tensor(x).items():
            for down, right, filter_ in product(range(kernel), range(kernel), range(3)):
                place = (row * stride + down, column * stride + right, filter_)
                out[place] = mac(out.get(place, Number(0)), value, Number(0.5))
        if bias:
            out = {place: value + 0.125 for place, value in out.items()}

    assert counted("conv_transpose", x, filters=3, kernel=kernel, stride=stride, bias=bias) == work(paint)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(6,), (3, 4)])
def test_fully_connected(shape: tuple[int, ...], bias: bool) -> None:
    def connect() -> None:
        for values in by_place(tensor(shape)).values():
            for unit in range(5):
                total = dot(values, numbers(len(values), unit))
                if bias:
                    total + 0.5

    assert counted("fc", Shape(*shape), units=5, bias=bias) == work(connect)


def test_radial_basis() -> None:
    """Σ(x − w)²: the difference, then a square that is added up."""

    def measure() -> None:
        values = list(tensor((6,)).values())
        for unit in range(4):
            total = Number(0)
            for one, weight in zip(values, numbers(6, unit)):
                difference = one - weight
                total = mac(total, difference, difference)

    assert counted("rbf", Shape(6), units=4) == work(measure)


# Normalisation


def normalise(values: Sequence[Number], scale: bool, shift: bool) -> None:
    average = mean(values)
    differences = [one - average for one in values]
    deviation = function("sqrt", mean([one * one for one in differences]) + 1e-5)
    for one in differences:
        result = one / deviation
        result = result * 1.5 if scale else result
        result = result + 0.5 if shift else result


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("shift", [True, False])
@pytest.mark.parametrize("shape", [(3, 4, 6), (5, 6), (2, 2, 3, 6)])
def test_normalisation(shape: tuple[int, ...], shift: bool, scale: bool) -> None:
    x, given = tensor(shape), {"scale": scale, "shift": shift}
    places, channels = by_place(x).values(), by_channel(x).values()
    pairs = [[*one, *other] for one, other in zip(*[iter(channels)] * 2)]
    for kind, parts, more in (
        ("layernorm", places, {}), ("instancenorm", channels, {}), ("groupnorm", pairs, {"groups": 3})
    ):  # fmt: skip
        expected = work(lambda parts=parts: [normalise(one, scale, shift) for one in parts])  # type: ignore[misc]
        assert counted(kind, Shape(*shape), **given, **more) == expected


def test_layernorm_of_a_vector() -> None:
    assert counted("layernorm", Shape(7)) == work(lambda: normalise(list(tensor((7,)).values()), True, True))


def test_batchnorm_at_inference() -> None:
    """With what is known before: γ/√(σ² + ε) is one factor, β − μ·γ/√(σ² + ε) one summand."""
    x = tensor((3, 4, 5))
    assert counted("batchnorm", Shape(3, 4, 5)) == work(lambda: [one * 1.5 + 0.5 for one in x.values()])


@pytest.mark.parametrize("bias", [True, False])
def test_scale(bias: bool) -> None:
    def scale() -> None:
        for one in tensor((3, 4, 5)).values():
            result = one * 1.5
            result = result + 0.5 if bias else result

    assert counted("scale", Shape(3, 4, 5), bias=bias) == work(scale)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_local_response_normalisation(size: int) -> None:
    """Each is divided by (k + α·Σx²)^β over `size` channels, of which there are zeros at the ends; squares once."""
    x = tensor((2, 3, 6))

    def normalised() -> None:
        for values in by_place(x).values():
            squares = [one * one for one in values]
            for channel, one in enumerate(values):
                near = range(channel - size // 2, channel - size // 2 + size)
                total = added([squares[number] if 0 <= number < 6 else Number(0) for number in near])
                one / function("pow", total * 0.0001 + 2, 0.75)

    assert counted("lrn", Shape(2, 3, 6), size=size) == work(normalised)


# Merges, and what is resized


@pytest.mark.parametrize("count", [2, 3, 4])
def test_merges(count: int) -> None:
    shape = Shape(3, 4, 2)
    inputs = [tensor(shape, start).values() for start in range(count)]

    def merged(join: Callable[[Number, Number], Number]) -> int:
        def do() -> None:
            for first, *others in zip(*inputs):
                result = first
                for one in others:
                    result = join(result, one)

        return work(do)

    assert counted("add", *[shape] * count) == merged(lambda one, other: one + other)
    assert counted("multiply", *[shape] * count) == merged(lambda one, other: one * other)
    assert counted("max", *[shape] * count) == merged(larger)


def test_a_gate() -> None:
    gate = numbers(5)
    features = tensor((3, 4, 5))
    expected = work(lambda: [one * gate[place[-1]] for place, one in features.items()])
    assert counted("multiply", Shape(3, 4, 5), Shape(5)) == expected
    assert counted("multiply", Shape(5), Shape(3, 4, 5)) == expected


@pytest.mark.parametrize(("mode", "along"), [("nearest", 0), ("bilinear", 2), ("bicubic", 4)])
@pytest.mark.parametrize("spatial", [(3,), (3, 4)])
def test_upsample(mode: str, along: int, spatial: tuple[int, ...]) -> None:
    """A value between pixels is the sum of those near it, each times a weight that its place gives."""
    outputs = math.prod(2 * size for size in spatial) * 3

    def resize() -> None:
        for _ in range(outputs if along else 0):
            added([one * 0.25 for one in numbers(along ** len(spatial))])

    assert counted("upsample", Shape(*spatial, 3), factor=2, mode=mode) == work(resize)


def test_roi_align() -> None:
    """Four samples a cell, each interpolated between four pixels; the cell is their average (He et al. 2017)."""

    def align() -> None:
        for _ in range(5 * 2 * 3 * 4):  # regions, height, width, channels
            mean([added([pixel * 0.25 for pixel in numbers(4)]) for _ in range(4)])

    assert counted("roi_align", Shape(20, 20, 4), size=(2, 3), regions=5) == work(align)
    assert counted("roi_align", Shape(20, 20, 4), Shape(10, 10, 4), size=(2, 3), regions=5) == work(align)


def test_position_embedding() -> None:
    x = tensor((5, 4))
    assert counted("position_embedding", Shape(5, 4)) == work(lambda: [one + 0.5 for one in x.values()])


# Recurrent cells


def gate(x: Sequence[Number], state: Sequence[Number], biases: int) -> Number:
    total = dot([*x, *state], numbers(len(x) + len(state)))
    for _ in range(biases):
        total = total + 0.125
    return total


def lstm(x: list[list[Number]], units: int, biases: int) -> None:
    state, memory = numbers(units), numbers(units, 3)
    for position in x:
        before = list(state)
        for unit in range(units):
            forget, write, read = (sigmoid(gate(position, before, biases)) for _ in range(3))
            new = function("tanh", gate(position, before, biases))
            memory[unit] = forget * memory[unit] + write * new
            state[unit] = read * function("tanh", memory[unit])


def gru(x: list[list[Number]], units: int, biases: int) -> None:
    """With the reset after the product, as PyTorch and cuDNN compute it."""
    state = numbers(units)
    for position in x:
        before = list(state)
        for unit in range(units):
            reset, keep = (sigmoid(gate(position, before, biases)) for _ in range(2))
            ours, theirs = gate(position, [], min(biases, 1)), gate([], before, biases - min(biases, 1))
            new = function("tanh", ours + reset * theirs)
            state[unit] = (1 - keep) * new + keep * before[unit]


@pytest.mark.parametrize(("kind", "cell"), [("lstm", lstm), ("gru", gru)])
@pytest.mark.parametrize("biases", [0, 1, 2])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("returns", ["sequence", "last"])
def test_recurrent(
    kind: str, cell: Callable[[list[list[Number]], int, int], None], biases: int, bidirectional: bool, returns: str
) -> None:
    x = list(by_place(tensor((4, 3))).values())
    once = work(lambda: cell(x, 5, biases))
    given = {"units": 5, "biases": biases, "bidirectional": bidirectional, "returns": returns}
    assert counted(kind, Shape(4, 3), **given) == once * (2 if bidirectional else 1)


# Attention


def project(x: Sequence[Sequence[Number]], units: int, bias: bool) -> list[list[Number]]:
    rows = [[dot(place, numbers(len(place), unit)) for unit in range(units)] for place in x]
    return [[one + 0.125 for one in row] for row in rows] if bias else rows


def unit_length(vector: Sequence[Number]) -> list[Number]:
    length = function("sqrt", added([one * one for one in vector]))
    return [one / length for one in vector]


def attend(
    x: Sequence[Sequence[Number]], memory: Sequence[Sequence[Number]], heads: int, units: int, bias: bool,
    relative: bool, cosine: bool,
) -> None:  # fmt: skip
    """Softmax of the scaled likeness of queries and keys, times values (Vaswani et al. 2017, equation 1)."""
    queries, keys, values = (project(one, units, bias) for one in (x, memory, memory))
    size = units // heads
    out: list[list[Number]] = [[] for _ in x]
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        ours, theirs = [row[part] for row in queries], [row[part] for row in keys]
        if cosine:
            ours, theirs = [unit_length(row) for row in ours], [unit_length(row) for row in theirs]
        else:
            ours = [[one * size**-0.5 for one in row] for row in ours]
        for place, query in enumerate(ours):
            scores = [dot(query, key) for key in theirs]
            if cosine:
                scores = [one * 10 for one in scores]
            if relative:
                scores = [one + 0.25 for one in scores]
            shares = softmax(scores)
            out[place] += [dot(shares, [row[part][number] for row in values]) for number in range(size)]
    project(out, len(x[0]), bias)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("cosine", [True, False])
@pytest.mark.parametrize(("heads", "units"), [(1, None), (2, None), (3, 6)])
def test_attention(bias: bool, relative: bool, cosine: bool, heads: int, units: int | None) -> None:
    x = list(by_place(tensor((2, 3, 4))).values())
    given = {"heads": heads, "units": units, "bias": bias, "relative": relative, "cosine": cosine}
    expected = work(lambda: attend(x, x, heads, units or 4, bias, relative, cosine))
    found = counted("attention", Shape(2, 3, 4), **{key: one for key, one in given.items() if one is not None})
    assert found == expected


@pytest.mark.parametrize("bias", [True, False])
def test_cross_attention(bias: bool) -> None:
    x, memory = (list(by_place(tensor(shape)).values()) for shape in ((3, 4), (5, 6)))
    expected = work(lambda: attend(x, memory, 2, 4, bias, False, False))
    assert counted("attention", Shape(3, 4), Shape(5, 6), heads=2, bias=bias) == expected


def test_weights_of_distances_are_made_once() -> None:
    """Swin V2: fc with biases, relu, fc without, 16·sigmoid; for each of (2·2 − 1)·(2·3 − 1) distances."""

    def distances() -> None:
        for _ in range(3 * 5):
            hidden = [larger(dot(numbers(2), numbers(2, unit)) + 0.5, 0) for unit in range(7)]
            for head in range(2):
                sigmoid(dot(hidden, numbers(7, head))) * 16

    x = list(by_place(tensor((2, 3, 4))).values())
    window = work(lambda: attend(x, x, 2, 4, True, True, True))
    given = {"heads": 2, "relative": True, "relative_units": 7, "cosine": True}
    assert counted("attention", Shape(2, 3, 4), **given) == window + work(distances)
    assert counted("attention", Shape(2, 3, 4).times(6), **given) == 6 * window + work(distances)


# Functions, reductions and products that are no layers of their own

FUNCTIONS: dict[str, Callable[..., Number]] = {
    "neg": lambda x: -x,
    "exp": lambda x: function("exp", x),
    "sqrt": lambda x: function("sqrt", x),
    "abs": lambda x: function("fabs", x),
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "rsqrt": lambda x: 1 / function("sqrt", x),
    "clip": lambda x: smaller(larger(x, -1), 1),
    "softplus": lambda x: function("log", 1 + function("exp", x)),
    "softsign": lambda x: x / (1 + function("fabs", x)),
    "selu": lambda x: below_0(x, lambda y: (function("exp", y) - 1) * 1.7580993),
    "celu": lambda x: below_0(x, lambda y: (function("exp", y / 2) - 1) * 2),
    "sub": lambda x, y: x - y,
    "div": lambda x, y: x / y,
    "mul": lambda x, y, z: x * y * z,
    "max": lambda x, y, z: larger(larger(x, y), z),
    "mean": lambda *xs: mean(xs),
}


@pytest.mark.parametrize("operator", FUNCTIONS)
def test_elementwise(operator: str) -> None:
    many = 3 if operator in ("mul", "max", "mean") else 2 if operator in ("sub", "div") else 1
    positive = operator in ("sqrt", "rsqrt")
    values = [numbers(24, start) if positive else [*tensor((2, 3, 4), start).values()] for start in range(many)]
    done = work(lambda: [FUNCTIONS[operator](*some) for some in zip(*values)])
    assert counted("elementwise", *(Shape(2, 3, 4) for _ in values), operator=operator) == done


REDUCTIONS: dict[str, Callable[[Sequence[Number]], Number]] = {
    "mean": mean,
    "sum": added,
    "max": lambda some: largest(some, Number(-math.inf)),
    "l1": lambda some: added([function("fabs", one) for one in some]),
    "l2": lambda some: function("sqrt", added([one * one for one in some])),
    "sum_square": lambda some: added([one * one for one in some]),
    "log_sum_exp": lambda some: function("log", added([function("exp", one) for one in some])),
}


@pytest.mark.parametrize("operator", REDUCTIONS)
@pytest.mark.parametrize("axes", ["spatial", "channels", "all"])
def test_reduce(operator: str, axes: str) -> None:
    x = tensor((2, 3, 4))
    parts = {"spatial": by_channel(x).values(), "channels": by_place(x).values(), "all": [[*x.values()]]}[axes]
    done = work(lambda: [REDUCTIONS[operator](some) for some in parts])
    assert counted("reduce", Shape(2, 3, 4), operator=operator, axes=axes) == done


def test_matmul_is_macs_alone() -> None:
    found = KINDS["matmul"]().figures((Shape(5, 2, 3), Shape(5, 3, 4)))
    rows = [[[numbers(3, i) for i in range(2)], [numbers(3, j) for j in range(4)]] for _ in range(5)]
    macs = sum(len(row) for left, right in rows for row in left for _ in right)
    assert (found.macs, found.elements) == (macs, 0)
    assert work(lambda: [dot(row, column) for left, right in rows for row in left for column in right]) == 0


# All of them

MOVES = {
    "dropout", "stochastic_depth", "class_token", "select", "embedding", "slice", "channel_shuffle", "pixel_shuffle",
    "pixel_unshuffle", "concat", "windows", "join_windows", "flatten", "columns", "tokens", "image", "transpose",
    "reshape", "crop", "pad", "unknown",
}  # fmt: skip
COMPUTES = {
    *ACTIVATIONS, "softmax", "maxpool", "avgpool", "global_avgpool", "global_maxpool", "adaptive_avgpool",
    "adaptive_maxpool", "conv", "conv_transpose", "locally_connected", "fc", "rbf", "layernorm", "groupnorm",
    "instancenorm", "batchnorm", "scale", "lrn", "add", "multiply", "max", "upsample", "roi_align",
    "position_embedding", "lstm", "gru", "attention", "elementwise", "reduce", "matmul",
}  # fmt: skip


def test_every_kind_is_here() -> None:
    """A new kind is computed above, or only moves numbers."""
    assert not MOVES & COMPUTES
    assert set(KINDS) == MOVES | COMPUTES


@pytest.mark.parametrize("kind", sorted(MOVES))
def test_what_moves_numbers_computes_nothing(kind: str) -> None:
    layer = KINDS[kind]
    assert layer.count_elements is Layer.count_elements
    if layer.sample is not None:
        given, inputs = layer.sample
        assert layer(**given).figures(inputs).elements == 0


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("conv", {"filters": 3, "kernel": 1}),
        ("relu", {}),
        ("layernorm", {}),
        ("global_avgpool", {}),
        ("maxpool", {"kernel": 2}),
    ],
)
def test_regions_do_it_in_each(kind: str, given: dict[str, Any]) -> None:
    assert counted(kind, Shape(4, 4, 2).times(7), **given) == 7 * counted(kind, Shape(4, 4, 2), **given)
