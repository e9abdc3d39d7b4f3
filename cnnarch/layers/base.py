"""What a layer kind is: its settings, its shape rule and its costs."""

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from cnnarch.errors import Cause
from cnnarch.layers.field import NOTHING, PLACES, Reading
from cnnarch.layers.settings import Setting, setting
from cnnarch.shapes import Shape

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:  # a marker for type checkers, with nothing to do at run time

    def dataclass_transform(**_: Any) -> Any:
        return lambda cls: cls


__all__ = ["KEEPS_INPUTS", "KEEPS_OUTPUT", "MOST_KEPT", "Figures", "Input", "Kept", "Layer", "Step", "alike"]


MOST_KEPT = 100_000  # of equal things that are made once, before they are made anew


class Figures(NamedTuple):
    """What one layer makes of one input: its output shape and its counts."""

    output: Shape
    weights: int = 0
    biases: int = 0
    buffers: int = 0
    macs: int = 0
    elements: int = 0

    @property
    def params(self) -> int:
        return self.weights + self.biases


class Kept(NamedTuple):
    """What a layer keeps for the backward pass, as PyTorch's autograd does; its weights are not in it.

    `inputs` and `output` are tensors that others may keep too. `values` are other numbers in the type of the
    activations, `size` bytes whatever that type is, both for every sample; the last two are for a whole batch.
    """

    words: str
    inputs: bool = False
    output: bool = False
    values: int = 0
    size: int = 0
    values_once: int = 0
    size_once: int = 0


KEEPS_INPUTS = Kept("its input", inputs=True)
KEEPS_OUTPUT = Kept("its output", output=True)


class Step(NamedTuple):
    """One line of arithmetic: what is computed, the formula, the same with its numbers, the result.

    `arithmetic` is written with `+ - * /`, `floor(...)` and `ceil(...)`, for a renderer to set
    and for a test to evaluate.
    """

    quantity: str
    formula: str
    arithmetic: str
    value: int
    remark: str = ""


def alike(ours: Any, theirs: Any) -> bool:
    """Whether two values of a setting mean the same: 3, and 3 for each axis.

    >>> alike(3, (3, 3)), alike((1, 7), (7, 1))
    (True, False)
    """
    if isinstance(ours, int) and isinstance(theirs, tuple):
        return all(one == ours for one in theirs)
    return alike(theirs, ours) if isinstance(ours, tuple) and isinstance(theirs, int) else bool(ours == theirs)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(setting,))
class Layer:
    """A layer kind: subclass it, declare settings, override what differs from keeping the shape at no cost.

    It is a frozen dataclass in all but its making: `dataclasses` would spend a millisecond of every
    start on each kind, thirty times what this takes.

    One MAC is one multiply and one add; a bias is not in it.
    """

    kind: ClassVar[str] = ""
    family: ClassVar[str] = ""  # which subtotal it counts to: conv, local, fc, recurrent, attention, norm
    elsewhere: ClassVar[tuple[str, ...]] = ()  # what other frameworks call it
    example: ClassVar[str] = ""  # a line of a spec
    source: ClassVar[str] = ""
    sample: ClassVar[tuple[dict[str, Any], tuple[Shape, ...]] | None] = None  # settings and inputs that show its rule
    folds: ClassVar[bool] = False  # shown in the row of the layer before
    loose: ClassVar[tuple[str, ...]] = ()  # settings that can differ between layers that share weights
    inputs: ClassVar[tuple[int, int | None]] = (1, 1)  # how many it takes, at least and at most
    per_value: ClassVar[int] = 0  # element operations for each value of the output
    per_value_words: ClassVar[str] = ""  # which they are
    in_place: ClassVar[bool] = False  # at inference it can write its output over an input of the same size
    view: ClassVar[bool] = False  # at inference it makes no tensor: its output is its input, or a part of it
    sized_by_second: ClassVar[bool] = False  # of a second input it takes only the size
    kept: ClassVar[Kept] = Kept("nothing")  # for the backward pass
    sums_places: ClassVar[bool] = False  # its statistics are of all places, which receptive fields leave out
    counted: ClassVar[bool] = True  # whether its figures are known; where not, totals are no less than shown
    joins_regions: ClassVar[bool] = False  # takes or makes several regions at once; others work in each alone
    settings: ClassVar[dict[str, Setting]] = {}
    defaults: ClassVar[dict[str, Any]] = {}

    _values: tuple[Any, ...]
    _hash: int

    def __init_subclass__(cls) -> None:
        """Order the settings: its own required ones first, the first of which a lone value stands for."""
        declared = {name: value for name, value in vars(cls).items() if type(value) is Setting}
        if not declared:
            return
        inherited = {name: one for name, one in cls.settings.items() if name not in declared}
        required = {name: one for name, one in {**declared, **inherited}.items() if one.required}
        cls.settings = {**required, **inherited, **declared}
        cls.defaults = {name: one.default for name, one in cls.settings.items()}

    def __init__(self, **given: Any) -> None:
        unknown = given.keys() - self.settings.keys()
        missing = [name for name, one in self.settings.items() if one.required and name not in given]
        if unknown or missing:
            raise TypeError(f"{self.kind}: unknown settings {sorted(unknown)}, missing settings {missing}")
        values = {}
        for name, value in given.items():
            try:
                values[name] = self.settings[name].type.convert(value)
            except Cause as cause:
                raise Cause(f"`{name}` {cause.message}", name, cause.hint) from None
        self._fill(values)

    def _fill(self, values: dict[str, Any]) -> None:
        every = {**self.defaults, **values}
        self.__dict__.update(every, _values=tuple(every.values()))
        self.__dict__["_hash"] = hash((self.kind, self._values))

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Layer":
        """The layer of settings that were converted and are complete; equal layers are one object."""
        same = (cls, *values.items())
        layer = _LAYERS.get(same)
        if layer is None:
            if len(_LAYERS) >= MOST_KEPT:
                _LAYERS.clear()
            layer = _LAYERS[same] = cls.__new__(cls)
            layer._fill(values)
        return layer

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a layer is frozen; {name} cannot be set")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._values == other._values

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.given().items())})"

    def given(self) -> dict[str, Any]:
        """The settings that differ from their defaults."""
        return {
            name: value
            for (name, one), value in zip(self.settings.items(), self._values)
            if one.required or value != one.default
        }

    def can_share(self, other: "Layer") -> bool:
        """Whether one set of weights fits both, given as many input channels."""
        return type(self) is type(other) and all(
            alike(ours, theirs)
            for name, ours, theirs in zip(self.settings, self._values, other._values)
            if name not in self.loose
        )

    # What a kind can override; each takes one shape per input.

    def output(self, *inputs: Any, **_: Any) -> Shape:
        shape: Shape = inputs[0]
        return shape

    def count_weights(self, *inputs: Any, **_: Any) -> int:
        return 0

    def count_biases(self, *inputs: Any, **_: Any) -> int:
        return 0

    def count_buffers(self, *inputs: Any, **_: Any) -> int:
        """Numbers that are stored with the weights but not trained."""
        return 0

    def count_macs(self, *inputs: Any, **_: Any) -> int:
        return 0

    def count_elements(self, *inputs: Any, **_: Any) -> int:
        """Element operations: all that is computed on single numbers beside the MACs, at inference.

        One is an addition, a product, a division, a comparison, or a function such as exp or tanh, of one
        number or of two. What is in a MAC is not in it, and neither is what only moves numbers.
        """
        return self.per_value * self.output(*inputs).units if self.per_value else 0

    def explain_elements(self, *inputs: Any, **_: Any) -> "Step":
        """The arithmetic of its element operations in one region."""
        values, each = self.output(*inputs), self.per_value
        factors = " * ".join(map(str, values if each == 1 else (each, *values)))
        formula = "values" if each == 1 else f"{each} × values"
        if not each:
            return Step("element ops", "none", "0", 0)
        return Step("element ops", formula, factors, self.count_elements(*inputs), self.per_value_words)

    def count_working(self, *inputs: Any, **_: Any) -> int:
        """Numbers that it needs room for while it runs, at inference, beside its inputs and its output."""
        return 0

    def count_kept(self, *inputs: Any, **_: Any) -> Kept:
        """What it keeps for the backward pass."""
        return self.kept

    def values_read(self, *inputs: Any, **_: Any) -> tuple[int, ...]:
        """How many values of each input it reads, in one region: all, unless only the size is taken."""
        values = tuple([x.units for x in inputs])
        return (*values[:1], *(0 for _ in values[1:])) if self.sized_by_second else values

    def field(self, *inputs: Any, **_: Any) -> tuple[Reading, ...]:
        """How a place of the output reads each input: the same place, unless only the size is taken."""
        return (PLACES, NOTHING)[: len(inputs)] if self.sized_by_second else (PLACES,) * len(inputs)

    def weights_read(self, times: int, *inputs: Any, **_: Any) -> int:
        """How many of its weights it reads to work on so many inputs of the network: all, unless they are a table."""
        return self.count_weights(*inputs)

    def is_view(self, training: bool = False) -> bool:
        """Whether it makes no tensor."""
        return self.view

    def operation(self, *inputs: Any, **_: Any) -> str:
        """What it does, in the words of a table's cell."""
        return self.kind

    def facts(self, *inputs: Any, **_: Any) -> dict[str, str]:
        """What the settings come to on these inputs, for comparing layers: a padding in pixels, not its rule."""
        return {name: str(value) for name, value in zip(self.settings, self._values)}

    def explain(self, *inputs: Any, **_: Any) -> list[Step]:
        """The arithmetic, step by step."""
        return []

    def figures(self, inputs: tuple[Shape, ...]) -> Figures:
        """Measure the layer on its inputs.

        Rules are of one region; where there are several, the work is done in each.

        Raises Cause if it does not fit them. The output is computed first: a cause without an
        output stops what comes after, one with an output need not.
        """
        regions = 1 if self.joins_regions else self.count_regions(inputs)
        output = self.output(*inputs)
        return Figures(
            output if regions == 1 else output.times(regions),
            self.count_weights(*inputs),
            self.count_biases(*inputs),
            self.count_buffers(*inputs),
            regions * self.count_macs(*inputs),
            regions * self.count_elements(*inputs),
        )

    def count_regions(self, inputs: tuple[Shape, ...]) -> int:
        """In how many regions it works; raises Cause if the inputs do not agree."""
        regions = inputs[0].regions
        if len(inputs) > 1 and any(x.regions != regions for x in inputs):
            numbers = " and ".join(str(x.regions) for x in inputs)
            raise Cause(f"{numbers} regions do not agree in the inputs")
        return regions


_LAYERS: dict[tuple[Any, ...], Layer] = {}


class Input(Layer):
    """What the network is given; not a kind that a spec can name."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.__dict__.update(shape=shape, _values=(shape,), _hash=hash(shape))

    def output(self, *inputs: Any, **_: Any) -> Shape:
        shape: Shape = self.__dict__["shape"]
        return shape

    def operation(self, *inputs: Any, **_: Any) -> str:
        return ""
