"""What is added up over layers, and the totals that it comes to."""

from operator import add
from typing import NamedTuple, TypeAlias

from cnnarch.analysis.totals import WEIGHT_LAYERS, AtLeast, Totals
from cnnarch.layers import Figures, Layer
from cnnarch.spec.build import LAYER_LIMIT, MOST_BARREN

__all__ = [
    "NOTHING",
    "Counts",
    "Sum",
    "barren",
    "counts_of",
    "is_within_limits",
    "plus",
    "times",
    "totals_of",
    "without_weights",
]


class Counts(NamedTuple):
    """Sums over layers: of those that run at inference, and apart from them of those that only training has.

    `activations` are numbers that layers make, `barren` blocks and repeats that make no layer.
    """

    weights: int = 0
    biases: int = 0
    buffers: int = 0
    macs: int = 0
    elements: int = 0
    conv_params: int = 0
    fc_params: int = 0
    weight_layers: int = 0
    layers: int = 0
    activations: int = 0
    not_counted: int = 0
    training_params: int = 0
    training_buffers: int = 0
    training_macs: int = 0
    training_layers: int = 0
    barren: int = 0


Sum: TypeAlias = tuple[int, ...]  # a `Counts` without its names: what no collector of garbage goes through

NOTHING: Sum = (*Counts(),)
BARREN: Sum = (*Counts(barren=1),)
OF_WEIGHTS = (
    "weights", "biases", "buffers", "conv_params", "fc_params", "weight_layers", "training_params", "training_buffers",
)  # fmt: skip
LAYERS, TRAINING_LAYERS, BARREN_PARTS = map(Counts._fields.index, ("layers", "training_layers", "barren"))


def plus(one: Sum, other: Sum) -> Sum:
    return tuple(map(add, one, other))


def times(one: Sum, turns: int) -> Sum:
    return tuple([turns * number for number in one])


def barren(one: Sum) -> Sum:
    """The same, with a block or a turn more where it made no layer."""
    return one if one[LAYERS] or one[TRAINING_LAYERS] else plus(one, BARREN)


def without_weights(one: Sum) -> Sum:
    """The same, for layers whose weights are counted with others."""
    none = dict.fromkeys(OF_WEIGHTS, 0)
    return (*Counts._make(one)._replace(**none),)


def is_within_limits(one: Sum) -> bool:
    return one[LAYERS] + one[TRAINING_LAYERS] <= LAYER_LIMIT and one[BARREN_PARTS] <= MOST_BARREN


def counts_of(layer: Layer, figures: Figures, training: bool) -> Counts:
    """One layer's."""
    if training:
        return Counts(
            training_params=figures.params,
            training_buffers=figures.buffers,
            training_macs=figures.macs,
            training_layers=1,
        )
    return Counts(
        weights=figures.weights,
        biases=figures.biases,
        buffers=figures.buffers,
        macs=figures.macs,
        elements=figures.elements,
        conv_params=figures.params if layer.family == "conv" else 0,
        fc_params=figures.params if layer.family == "fc" else 0,
        weight_layers=int(layer.family in WEIGHT_LAYERS),
        layers=1,
        activations=0 if layer.view else figures.output.size,
        not_counted=int(not layer.counted),
    )


def totals_of(counts: Counts, batch: int) -> Totals:
    params = counts.weights + counts.biases
    found = Totals(
        weights=counts.weights,
        biases=counts.biases,
        params=params,
        buffers=counts.buffers,
        macs=counts.macs * batch,
        flops=2 * counts.macs * batch,
        elements=counts.elements * batch,
        conv_params=counts.conv_params,
        fc_params=counts.fc_params,
        weight_layers=counts.weight_layers,
        layers=counts.layers,
        training_params=params + counts.training_params,
        training_buffers=counts.buffers + counts.training_buffers,
        training_macs=(counts.macs + counts.training_macs) * batch,
    )
    return Totals(*map(AtLeast, found)) if counts.not_counted else found
