"""Recurrent layers, which read a sequence position by position."""

from __future__ import annotations

from cnnarch.errors import Cause
from cnnarch.layers.base import Kept, Layer, Step
from cnnarch.layers.field import ALL, Reading
from cnnarch.layers.settings import Choice, Count, Flag, setting
from cnnarch.shapes import Shape

__all__ = ["GRU", "LSTM"]


class Recurrent(Layer):
    """A cell of gates; every gate reads the input and the state before."""

    family = "recurrent"
    loose = ("returns",)
    gates = 0
    states = 0  # what a cell hands on from one position to the next
    beside_gates = 0  # what else of a unit is kept at each position for the backward pass
    kept_words = ""
    beside = 0  # element operations of a unit at a position, without its biases
    beside_words = ""

    units: int = setting(Count(), "size of the state", elsewhere=("hidden_size", "num_units", "hidden", "filters"))
    bidirectional: bool = setting(
        Flag(), "whether a second cell reads the sequence backwards", default=False, elsewhere=("bidir",)
    )
    biases: int = setting(
        Count(0, 2), "biases of a gate and unit: 2 as PyTorch and cuDNN have, 1 as Keras", default=2,
        elsewhere=("bias", "use_bias"),
    )  # fmt: skip
    returns: str = setting(
        Choice("sequence", "last"),
        "the state after every position, or only the last",
        default="sequence",
        elsewhere=("return_sequences", "return_sequence"),
    )

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    def output(self, x: Shape) -> Shape:
        if x.rank != 1:
            hint = "`columns` turns an image into the sequence of its columns" if x.rank == 2 else ""
            raise Cause(f"{self.kind} reads a sequence, and {x} is the input", hint=hint)
        units = self.directions * self.units
        return Shape(x.length, units) if self.returns == "sequence" else Shape(units)

    def count_weights(self, x: Shape) -> int:
        return self.directions * self.gates * self.units * (x.channels + self.units)

    def count_biases(self, x: Shape) -> int:
        return self.directions * self.gates * self.units * self.biases

    def count_macs(self, x: Shape) -> int:
        """Positions × weights; the element-wise products of the gates are not in it."""
        return x.length * self.count_weights(x)

    def count_elements(self, x: Shape) -> int:
        return x.length * self.directions * self.units * (self.gates * self.biases + self.beside)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        """The last position reads all, with one cell too."""
        return (ALL,)

    def count_working(self, x: Shape) -> int:
        """The gates of one position and the states; who makes all positions' products at once needs more."""
        return self.directions * self.units * (self.gates + self.states)

    def count_kept(self, x: Shape) -> Kept:
        """As the workspaces of PyTorch's fused cells, and every state that is not in the output."""
        lacking = 0 if self.returns == "sequence" else 1
        values = x.length * self.directions * self.units * (self.gates + self.beside_gates + lacking)
        return Kept(self.kept_words, inputs=True, output=not lacking, values=values)

    def explain_elements(self, x: Shape) -> Step:
        ways, both = ("directions × ", "2 * ") if self.bidirectional else ("", "")
        return Step(
            "element ops",
            f"{ways}length × units × (gates × biases + {self.beside})",
            f"{both}{x.length} * {self.units} * ({self.gates} * {self.biases} + {self.beside})",
            self.count_elements(x),
            self.beside_words,
        )

    def operation(self, x: Shape) -> str:
        return f"{self.units} units" + (", both ways" if self.bidirectional else "")

    def explain(self, x: Shape) -> list[Step]:
        ways = "directions × " if self.bidirectional else ""
        both = "2 * " if self.bidirectional else ""
        cell = f"{both}{self.gates} * {self.units}"
        out = self.output(x)
        length = [Step("length", "input", str(x.length), x.length)] if out.rank else []
        return [
            *length,
            Step("units", f"{ways}units", f"{both}{self.units}", out.channels),
            Step(
                "weights",
                f"{ways}gates × units × (channels + units)",
                f"{cell} * ({x.channels} + {self.units})",
                self.count_weights(x),
            ),
            Step("biases", f"{ways}gates × units × biases", f"{cell} * {self.biases}", self.count_biases(x)),
            Step("MACs", "length × weights", f"{x.length} * {self.count_weights(x)}", self.count_macs(x)),
        ]


class LSTM(Recurrent):
    """Read a sequence with a state and a memory, by four gates.

    >>> lstm = LSTM(units=20)
    >>> lstm.count_weights(Shape(5, 10)), lstm.count_biases(Shape(5, 10))  # 4·20·(10 + 20), and 4·20·2
    (2400, 160)
    >>> LSTM(units=256, bidirectional=True).output(Shape(26, 512))
    Shape(26, 512)

    Units: weights and biases in numbers, MACs in multiply-adds for a batch of 1.
    Errors: anything but a sequence.
    """

    kind = "lstm"
    elsewhere = ("lstmcell", "cudnnlstm", "bilstm", "blstm")
    example = "lstm: {units: 256, bidirectional: true}"
    sample = ({"units": 256, "bidirectional": True}, (Shape(26, 512),))
    source = "Hochreiter & Schmidhuber 1997, Long short-term memory; biases as PyTorch's nn.LSTM counts them"
    gates = 4
    states = 2
    beside_gates = 1
    kept_words = "its input, and of every position the gates, the memory and the state"
    beside = 15
    beside_words = "of each unit 3 sigmoids of 3, tanh of the memory and of what enters it, 3 products, an addition"


class GRU(Recurrent):
    """Read a sequence with a state, by three gates.

    >>> gru = GRU(units=20)
    >>> gru.count_weights(Shape(5, 10)) + gru.count_biases(Shape(5, 10))  # 3·20·(10 + 20) + 3·20·2
    1920

    Units: weights and biases in numbers, MACs in multiply-adds for a batch of 1.
    Errors: anything but a sequence.
    """

    kind = "gru"
    elsewhere = ("grucell", "cudnngru", "bigru")
    example = "gru: {units: 256, bidirectional: true}"
    sample = ({"units": 256, "bidirectional": True}, (Shape(26, 512),))
    source = "Cho et al. 2014, arXiv:1406.1078; biases as PyTorch's nn.GRU counts them"
    gates = 3
    states = 1
    beside_gates = 1
    kept_words = "its input, and of every position the gates, the product before its reset, and the state"
    beside = 13
    beside_words = "of each unit 2 sigmoids of 3, tanh, 3 products, 3 sums; the state is reset after its product"
