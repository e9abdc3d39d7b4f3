"""Random networks, whose shapes ONNX and PyTorch compute too: `python -m tests.agreement 10000`.

Each is a spec of a few layers, with branches and merges, that is built here, exported, and given to ONNX's strict shape
inference, which is told no shape but the input's; small ones run in onnxruntime. Where PyTorch is installed, they run
there on the meta device. A disagreement is printed with its spec.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from random import Random
from typing import Any, NamedTuple

import yaml

from cnnarch.errors import Cause, ReadError, SpecError
from cnnarch.graph import Graph
from cnnarch.layers import KINDS
from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from cnnarch.spec.build import build
from cnnarch.spec.model import Spec

SMALL = 100_000  # values of all tensors of a network that is run, and as many weights

Entry = dict[str, Any]


class Random_(NamedTuple):  # noqa: N801, `Random` is the generator's
    """A network made at random: its page, and what stands on it."""

    page: str
    spec: Spec
    graph: Graph


# Specs


def some(of: Random, least: int, most: int, rank: int) -> Any:
    """A number for all axes, or one for each."""
    if of.random() < 0.7:
        return of.randint(least, most)
    return [of.randint(least, most) for _ in range(rank)]


def padding(of: Random, rank: int, words: bool = True) -> Any:
    chance = of.random()
    if chance < 0.4:
        return of.randint(0, 3)
    if chance < 0.7 and words:
        return of.choice(["same", "half", "valid"])
    if chance < 0.85:
        return [of.randint(0, 3) for _ in range(rank)]
    return [[of.randint(0, 2), of.randint(0, 2)] for _ in range(rank)]


def window(of: Random, rank: int) -> Entry:
    found: Entry = {"kernel": some(of, 1, 5, rank)}
    if of.random() < 0.6:
        found["stride"] = some(of, 1, 3, rank)
    if of.random() < 0.6:
        found["padding"] = padding(of, rank)
    if of.random() < 0.2:
        found["dilation"] = some(of, 1, 3, rank)
    return found


def channels(of: Random) -> int:
    return of.choice([1, 2, 3, 4, 6, 8, 12])


def conv(of: Random, x: Shape) -> Entry:
    found = {"filters": channels(of), **window(of, x.rank)}
    if of.random() < 0.3:
        groups = of.choice([one for one in (1, 2, 3, x.channels) if x.channels % one == 0])
        found |= {"groups": groups, "filters": groups * of.randint(1, 3)}
    return found if of.random() < 0.6 else {**found, "bias": False}


def conv_transpose(of: Random, x: Shape) -> Entry:
    found: Entry = {"filters": channels(of), "kernel": some(of, 1, 4, x.rank), "stride": some(of, 1, 3, x.rank)}
    if of.random() < 0.5:
        found["padding"] = of.choice([0, 1, 2])
    if of.random() < 0.3:
        found["output_padding"] = 1
    if of.random() < 0.25:
        found["dilation"] = some(of, 1, 3, x.rank)
    if of.random() < 0.25:
        groups = of.choice([one for one in (1, 2, 3, x.channels) if x.channels % one == 0])
        found |= {"groups": groups, "filters": groups * of.randint(1, 3)}
    return found


def pool(of: Random, x: Shape) -> Entry:
    found = window(of, x.rank)
    found.pop("dilation", None)
    return {**found, "ceil": of.random() < 0.4}


def norm(of: Random, x: Shape) -> Entry:
    return {"scale": True, "shift": True} if of.random() < 0.5 else {"scale": False, "shift": False}


MAKERS: dict[str, Any] = {
    **dict.fromkeys(
        ("relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "mish", "hardsigmoid", "hardswish", "sigmoid", "tanh",
         "softmax", "dropout", "prelu", "flatten"),
        lambda of, x: {},
    ),
    "conv": conv,
    "conv_transpose": conv_transpose,
    "maxpool": pool,
    "avgpool": pool,
    "global_avgpool": lambda of, x: {},
    "global_maxpool": lambda of, x: {},
    "adaptive_avgpool": lambda of, x: {"size": some(of, 1, 3, x.rank)},
    "adaptive_maxpool": lambda of, x: {"size": some(of, 1, 3, x.rank)},
    "embedding": lambda of, x: {"vocabulary": of.randint(1, 9), "units": channels(of)},
    "fc": lambda of, x: {"units": channels(of), "at_each_place": x.rank > 1, "bias": of.random() < 0.7},
    "batchnorm": norm,
    "instancenorm": norm,
    "layernorm": norm,
    "groupnorm": lambda of, x: {"groups": of.choice([1, 2, x.channels]), **norm(of, x)},
    "scale": lambda of, x: {"bias": of.random() < 0.5},
    "lrn": lambda of, x: {"size": of.choice([3, 5])},
    "channel_shuffle": lambda of, x: {"groups": of.choice([1, 2, 3])},
    "pixel_shuffle": lambda of, x: {"factor": 2},
    "pixel_unshuffle": lambda of, x: {"factor": 2},
    "slice": lambda of, x: {"channels": of.randint(1, x.channels), "start": 0},
    "upsample": lambda of, x: {of.choice(["factor", "size"]): some(of, 1, 4, x.rank)},
    "crop": lambda of, x: {"size": some(of, 1, 4, x.rank)},
    "pad": lambda of, x: {"padding": padding(of, x.rank, words=False)},
    "lstm": lambda of, x: recurrent(of),
    "gru": lambda of, x: recurrent(of),
    "attention": lambda of, x: {"heads": of.choice([1, 2]), "units": of.choice([4, 8])},
    "class_token": lambda of, x: {},
    "position_embedding": lambda of, x: {},
    "select": lambda of, x: {"position": 0},
    "columns": lambda of, x: {},
    "tokens": lambda of, x: {},
    "transpose": lambda of, x: {},
    "reshape": lambda of, x: {"size": [x.units // x.channels, x.channels]},
    "elementwise": lambda of, x: {"operator": of.choice(["exp", "abs", "neg", "erf", "softplus", "sign"])},
    "reduce": lambda of, x: {"operator": of.choice(["mean", "max", "sum"]), "keep": of.random() < 0.5,
                             "axes": of.choice(["spatial", "channels", "all"])},
}  # fmt: skip
OFTEN = ["conv", "conv", "conv", "conv_transpose", "maxpool", "avgpool", "batchnorm", "relu", "upsample"]


def recurrent(of: Random) -> Entry:
    return {
        "units": of.choice([2, 3]),
        "bidirectional": of.random() < 0.5,
        "biases": of.choice([0, 2]),
        "returns": of.choice(["sequence", "last"]),
    }


class Maker:
    """Adds layers that fit one after another; those that are refused are counted, and their causes kept."""

    def __init__(self, of: Random) -> None:
        self.of = of
        rank = of.choice([1, 2, 2, 2, 3])
        most = {1: 40, 2: 24, 3: 9}[rank]
        self.shapes = {"input": Shape(*(of.randint(1, most) for _ in range(rank)), channels(of))}
        self.layers: list[Entry] = []
        self.refused: Counter[str] = Counter()

    def page(self) -> str:
        shape = "x".join(map(str, self.shapes["input"]))
        return yaml.safe_dump({"name": "random", "input": shape, "layers": self.layers}, sort_keys=False).replace(
            ": null\n", ":\n"
        )

    def grow(self) -> None:
        for _ in range(self.of.randint(2, 9)):
            chance = self.of.random()
            if len(self.shapes) > 2 and chance < 0.25:
                self.merge()
            elif len(self.shapes) > 2 and chance < 0.3:
                self.share()
            else:
                kind = self.of.choice(OFTEN if self.of.random() < 0.5 else [*MAKERS])
                source = [*self.shapes][-1] if self.of.random() < 0.8 else self.of.choice([*self.shapes])
                self.add(kind, MAKERS[kind](self.of, self.shapes[source]), (source,))
        if not self.layers:
            self.add("relu", {}, ("input",))

    def merge(self) -> None:
        one = self.of.choice([*self.shapes])
        kind = self.of.choice(["add", "multiply", "max", "concat", "matmul"])
        x = self.shapes[one]
        if kind == "matmul":
            return self.product(one)
        alike = [
            name for name, y in self.shapes.items()
            if name != one and (y.spatial == x.spatial if kind == "concat" else y == x or (*y,) == (x.channels,))
        ]  # fmt: skip
        if alike:
            self.add(kind, {}, (one, self.of.choice(alike)))

    def product(self, one: str) -> None:
        """The product of a matrix with another, or with itself turned over."""
        x = self.shapes[one]
        fitting = [name for name, y in self.shapes.items() if y.rank == x.rank > 1 and y[:-2] == x[:-2]]
        turned = [name for name in fitting if self.shapes[name].channels == x.channels]
        straight = [name for name in fitting if self.shapes[name][-2] == x.channels]
        if straight and self.of.random() < 0.5:
            self.add("matmul", {}, (one, self.of.choice(straight)))
        elif turned:
            self.add("matmul", {"transpose": True}, (one, self.of.choice(turned)))

    def share(self) -> None:
        """A layer with the weights of another one, on what has the same shape as that one's input."""
        shared = [
            one for one in self.layers if next(iter(one)) in ("conv", "fc", "conv_transpose") and "share" not in one
        ]
        if not shared:
            return
        owner = self.of.choice(shared)
        kind = next(iter(owner))
        x = self.shapes[owner["from"][0]]
        alike = [name for name, y in self.shapes.items() if y == x]
        before = len(self.layers)
        self.add(kind, owner[kind], (self.of.choice(alike),))
        if len(self.layers) > before:
            self.layers[-1]["share"] = owner["name"]

    def add(self, kind: str, settings: Entry, sources: tuple[str, ...]) -> None:
        try:
            output = KINDS[kind](**settings).figures(tuple(self.shapes[one] for one in sources)).output
        except Cause as cause:
            self.refused[cause.message] += 1
            return
        if output.size > 200_000:
            return
        name = f"n{len(self.layers)}"
        self.layers.append({kind: settings or None, "name": name, "from": [*sources]})
        self.shapes[name] = output


def networks(count: int, seed: int) -> Iterator[tuple[Random_, int]]:
    """So many networks, and of each how many layers were refused while it was made."""
    for number in range(count):
        yield network(Random(seed * 1_000_003 + number))


def network(of: Random) -> tuple[Random_, int]:
    """One of them, by a generator of random numbers: Hypothesis has one that finds the least network that is wrong."""
    maker = Maker(of)
    maker.grow()
    page = maker.page()
    try:
        spec = catalog.read_text("random", page)
        return Random_(page, spec, build(spec)), maker.refused.total()
    except SpecError as error:  # what layers accept one by one, a whole spec has to accept
        raise AssertionError(f"{error}\n{page}") from None


# References


def expected(graph: Graph) -> dict[str, list[int]]:
    return {node.name: [node.output.regions, node.output.channels, *node.output.spatial] for node in graph.nodes}


def by_onnx(one: Random_) -> dict[str, list[int]]:
    """The shape of every tensor by ONNX's strict inference, which is told the input's alone."""
    onnx: Any = import_module("onnx")
    from cnnarch.interchange.onnx.writing import write

    model = onnx.load_from_string(write(one.spec, one.graph, "random"))
    onnx.checker.check_model(model)
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    told = [*model.graph.input, *model.graph.value_info, *model.graph.output]
    return {info.name: [axis.dim_value for axis in info.type.tensor_type.shape.dim] for info in told}


def by_runtime(one: Random_) -> dict[str, list[int]]:
    """The shape of every layer's tensor that onnxruntime really computes."""
    numpy: Any = import_module("numpy")
    onnx: Any = import_module("onnx")
    onnxruntime: Any = import_module("onnxruntime")

    from cnnarch.interchange.onnx.writing import write

    model = onnx.load_from_string(write(one.spec, one.graph, "random"))
    named = {info.name: info for info in [*model.graph.value_info, *model.graph.output]}
    wanted = [node.name for node in one.graph.layers]
    del model.graph.output[:]
    model.graph.output.extend(named[name] for name in wanted)
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    found = session.run(wanted, {given.name: numpy.zeros(given.shape, "float32")})
    return {**{name: list(array.shape) for name, array in zip(wanted, found)}, given.name: list(given.shape)}


def by_pytorch(one: Random_) -> dict[str, list[int]] | None:
    """The shape of every layer's tensor on PyTorch's meta device; nothing where a kind is not written there."""
    torch: Any = import_module("torch")

    from tests.torch_writing import Written, inputs_of

    graph = one.graph
    if pads_and_rounds_up(graph):
        return None
    try:
        with torch.device("meta"):
            module = Written(graph).eval()
    except KeyError:
        return None
    values = dict(enumerate(inputs_of(graph, 1, "meta")))
    for number, run, sources in module.steps:
        values[number] = run(*(values[source] for source in sources))
    return {graph.nodes[number].name: list(value.shape) for number, value in values.items()}


# What a reference refuses by rules of its own, which are no question of shapes
OWN_RULES = (
    "input spatial dimensions. output_padding",  # onnxruntime: not below the stride, though it is below the dilation
    "pad should be at most half",  # of a pool's window
    "padding should be at most half",
    "smaller than kernel size",  # a pool of volumes, with ceil, whose window is larger than the input with its padding
    "channel_shuffle expects input with > 2 dims",
    "D or higher dimensionality",  # lrn of vectors
)


def pads_and_rounds_up(graph: Graph) -> bool:
    """Whether a pool with `ceil` pads its sides differently: there PyTorch has to pad before, as if it were input."""
    for node in graph.layers:
        layer: Any = node.layer
        uneven = layer.kind in ("maxpool", "avgpool") and layer.ceil
        if uneven and any(window.before != window.after for window in layer.windows(graph.shapes(node)[0])):
            return True
    return False


def is_small(graph: Graph) -> bool:
    return sum(node.output.size + node.params for node in graph.nodes) < SMALL


class Found(NamedTuple):
    """How often a reference agreed, and what it said where it did not."""

    agreed: Counter[str]
    disagreed: list[tuple[str, str, str]]
    left_out: Counter[str]


def compare(made: Iterable[tuple[Random_, int]], references: list[str]) -> Found:
    """Ask the references about networks."""
    found = Found(Counter(), [], Counter())
    asks = {"ONNX": by_onnx, "onnxruntime": by_runtime, "PyTorch": by_pytorch}
    for one, refused in made:
        found.left_out["layers that do not fit, refused while networks were made"] += refused
        for name in references:
            if name == "onnxruntime" and not is_small(one.graph):
                found.left_out["networks too large to run in onnxruntime"] += 1
                continue
            ours = expected(one.graph)
            try:
                told = asks[name](one)
            except ReadError:
                found.left_out["networks with windows that ONNX has no operator for"] += 1
                continue
            except Exception as error:
                if any(rule in str(error) for rule in OWN_RULES):
                    found.left_out[f"networks that {name} refuses by a rule of its own"] += 1
                    continue
                found.disagreed.append((name, f"refuses: {str(error).strip()[:300]}", one.page))
                continue
            if told is None:
                found.left_out[f"networks with kinds or paddings that are not written in {name}"] += 1
                continue
            wrong = {key: (shape, told.get(key)) for key, shape in ours.items() if told.get(key) != shape}
            if wrong:
                found.disagreed.append((name, str(wrong), one.page))
            else:
                found.agreed[name] += 1
    return found


def installed() -> list[str]:
    from importlib.util import find_spec

    packages = {"ONNX": "onnx", "onnxruntime": "onnxruntime", "PyTorch": "torch"}
    return [name for name, package in packages.items() if find_spec(package)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found = compare(networks(given.count, given.seed), installed())
    for name, said, page in found.disagreed[:10]:
        print(f"{name}: {said}\n{page}")
    print(f"{given.count:,} random networks, seed {given.seed}")
    for name in installed():
        wrong = sum(1 for one in found.disagreed if one[0] == name)
        print(f"{name}: every tensor's shape agrees in {found.agreed[name]:,}, disagrees in {wrong:,}")
    for words, many in found.left_out.items():
        print(f"{many:,} {words}")
    return 1 if found.disagreed else 0


if __name__ == "__main__":
    sys.exit(main())
