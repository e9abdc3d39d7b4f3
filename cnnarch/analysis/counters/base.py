"""What the counters have in common: a layer as it runs in PyTorch, and the terms of a total."""

from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any, NamedTuple, TypeAlias

from cnnarch.shapes import Shape

__all__ = [
    "ALWAYS_FREE", "FUNCTION", "HELD_LOOSE", "MACS", "MEAN", "MODULE", "PARAMS", "TRAINED", "Call", "Counted", "Extra",
    "Figure", "Measure", "Rule", "Rules", "Term", "Tool", "biases_added", "free", "nothing", "parameters", "recurrent",
    "works",
]  # fmt: skip

MODULE, FUNCTION, MEAN = "module", "function", "mean"  # the ways in which a layer can be written


class Call(NamedTuple):
    """A layer as it runs in PyTorch: what it is given and gives, for how many inputs of the network, in which way.

    `params` are those that it holds itself, `macs` ours of all inputs. `way` is `module`, `function` if it is a
    function of torch.nn.functional, or `mean` if a pool is a mean over axes.
    """

    name: str
    layer: Any  # a Layer, whose settings are those of its kind
    inputs: tuple[Shape, ...]
    output: Shape
    batch: int
    macs: int = 0
    params: int = 0
    buffers: int = 0
    train_only: bool = False
    way: str = MODULE

    @property
    def kind(self) -> str:
        return str(self.layer.kind)

    @property
    def x(self) -> Shape:
        return self.inputs[0]

    @property
    def read(self) -> int:
        """All values of the first input."""
        return self.batch * self.x.size

    @property
    def made(self) -> int:
        """All values of the output."""
        return self.batch * self.output.size

    @property
    def samples(self) -> int:
        """The first axis of its tensors: inputs of the network, times regions."""
        return self.batch * self.output.regions

    @property
    def places(self) -> int:
        """Places of the first input, in one region."""
        return prod(self.x.spatial)

    def setting(self, name: str) -> int:
        """A setting that is a number or a flag."""
        return int(getattr(self.layer, name))


class Extra(NamedTuple):
    """What a tool counts beside or instead of ours: so many times of what, and why."""

    times: int
    words: str
    why: str = ""


class Term(NamedTuple):
    """An `Extra` and how many there are of it in the whole network."""

    times: int
    number: int
    words: str
    why: str

    @property
    def amount(self) -> int:
        return self.times * self.number


class Figure(NamedTuple):
    """One total that a tool prints, as a sum of terms; ours comes first."""

    key: str
    title: str
    terms: tuple[Term, ...]

    @property
    def value(self) -> int:
        return sum(term.amount for term in self.terms)


class Counted(NamedTuple):
    """All that a tool prints: for how many inputs, its totals, how the network is written, and remarks."""

    tool: str
    version: str
    batch: int
    figures: tuple[Figure, ...]
    writing: str
    remarks: tuple[str, ...]

    def figure(self, key: str) -> Figure:
        return next(one for one in self.figures if one.key == key)


Found: TypeAlias = Iterable[tuple[Extra, int]]
Rule: TypeAlias = Callable[[Call], Found]
Rules: TypeAlias = Mapping[str, Rule]


class Measure(NamedTuple):
    """A total that a tool prints: its key, its title, and its rules, one for each kind of layer."""

    key: str
    title: str
    rules: Rules
    base: Callable[[Call], Found]  # what is ours
    held: bool = False  # of what a model holds, whether it runs or not


class Tool(NamedTuple):
    """A counter: its rules for every total, and what it does that concerns them all."""

    name: str
    version: str
    measures: tuple[Measure, ...]
    remarks: tuple[str, ...] = ()
    one_input: bool = False  # it counts for one input, whatever the batch
    refuses: Callable[[Call], str] = lambda _: ""  # why a layer cannot be counted, beside what holds for all tools
    pytorch: bool = True


MACS = Extra(1, "MACs")
PARAMS = Extra(1, "parameters")
TRAINED = Extra(1, "parameters of layers that run only in training", "they do not run, but the model holds them")


def works(call: Call) -> Found:
    """Our MACs; what runs only in training is left out by all who run a network in evaluation."""
    yield MACS, call.macs


def parameters(call: Call) -> Found:
    """Our parameters, and those of layers that run only in training."""
    yield (TRAINED if call.train_only else PARAMS), call.params


def nothing(call: Call) -> Found:
    return ()


def free(*kinds: str) -> dict[str, Rule]:
    """Kinds for which a tool counts what we do."""
    return dict.fromkeys(kinds, nothing)


# What no tool sees, however it is written: values that are moved, merged by `+`, `*`, torch.maximum and torch.cat,
# padded, or dropped in training. Patched functions such as torch.mul and Tensor.add are not what Python's operators
# call.
ALWAYS_FREE = free(
    "add", "multiply", "max", "concat", "slice", "channel_shuffle", "pixel_shuffle", "pixel_unshuffle", "flatten",
    "columns", "tokens", "image", "transpose", "reshape", "crop", "pad", "dropout", "stochastic_depth", "select",
    "windows", "join_windows", "class_token", "position_embedding", "scale",
)  # fmt: skip

# Their parameters belong to no module of torch.nn, but to the block or the network around them.
HELD_LOOSE = ("scale", "class_token", "position_embedding")


def biases_added(call: Call) -> int:
    """The additions of biases in a convolution or a fully connected layer."""
    return call.made if call.setting("bias") else 0


def recurrent(call: Call, beside: int, biases: int = 2) -> int:
    """Operations of a recurrent layer: `beside` for each unit, and its biases, at every position both ways."""
    bias = call.setting("gates") * biases if call.setting("biases") else 0
    return call.samples * call.places * call.setting("directions") * call.setting("units") * (beside + bias)
