"""The sums over a network."""

from typing import NamedTuple

from cnnarch.graph import Graph

__all__ = ["FAMILIES", "WEIGHT_LAYERS", "AtLeast", "Subtotal", "Totals", "subtotals", "total"]

# In the order in which they are shown; a layer of no family has nothing to count.
FAMILIES = {
    "conv": "convolutions",
    "local": "locally connected",
    "fc": "fully connected",
    "recurrent": "recurrent",
    "attention": "attention",
    "norm": "normalisation",
}
WEIGHT_LAYERS = ("conv", "local", "fc", "recurrent", "attention")


class AtLeast(int):
    """A sum in which something is lacking that is not counted; it is written with a sign for that.

    >>> AtLeast(5) == 5, type(2 * AtLeast(5))
    (True, <class 'cnnarch.analysis.totals.AtLeast'>)
    """

    def __mul__(self, times: int) -> "AtLeast":
        return AtLeast(int(self) * times)

    __rmul__ = __mul__


class Subtotal(NamedTuple):
    """What the layers of one family have and do, at inference."""

    family: str
    layers: int
    weights: int
    biases: int
    macs: int

    @property
    def params(self) -> int:
        return self.weights + self.biases


class Totals(NamedTuple):
    """The sums over a network, without what only training needs.

    `params` are weights and biases; `buffers` are the running statistics of normalisation. `flops` are
    2 × MACs; `elements` are element operations, all that is computed beside the MACs.
    `weight_layers` counts convolutions, fully connected, recurrent and attention layers that have
    weights of their own. Layers that share count once in all of these, and each time in `macs`.
    The three figures of training count what is `train_only` too. With a layer that is not counted, they are `AtLeast`s.
    """

    weights: int
    biases: int
    params: int
    buffers: int
    macs: int
    flops: int
    elements: int
    conv_params: int
    fc_params: int
    weight_layers: int
    layers: int
    training_params: int
    training_buffers: int
    training_macs: int


def subtotals(graph: Graph) -> list[Subtotal]:
    """What each family of layers has and does, for the families that are there.

    A family is `conv`, `local`, `fc`, `recurrent`, `attention` or `norm`; whatever else has parameters or MACs is `""`.
    """
    sums: dict[str, list[int]] = {}
    for node in graph.nodes:
        family = node.layer.family
        if node.train_only or not (family or node.figures.params or node.figures.macs):
            continue
        sum_ = sums.setdefault(family, [0, 0, 0, 0])
        figures = node.figures
        sum_[3] += figures.macs
        if node.owner is None:
            sum_[0] += 1
            sum_[1] += figures.weights
            sum_[2] += figures.biases
    return [Subtotal(family, *sums[family]) for family in (*FAMILIES, "") if family in sums]


def total(graph: Graph, batch: int = 1) -> Totals:
    """Add up a network; work is for a whole batch, parameters do not depend on it."""
    weights = biases = buffers = macs = elements = layers = 0
    training_params = training_buffers = training_macs = 0
    for node in graph.nodes:
        figures = node.figures
        own = node.owner is None
        if node.train_only:
            training_macs += figures.macs
            if own:
                training_params += figures.params
                training_buffers += figures.buffers
            continue
        layers += 1
        macs += figures.macs
        elements += figures.elements
        if own:
            weights += figures.weights
            biases += figures.biases
            buffers += figures.buffers
    by_family = {one.family: one for one in subtotals(graph)}
    params = weights + biases
    found = Totals(
        weights=weights,
        biases=biases,
        params=params,
        buffers=buffers,
        macs=macs * batch,
        flops=2 * macs * batch,
        elements=elements * batch,
        conv_params=by_family["conv"].params if "conv" in by_family else 0,
        fc_params=by_family["fc"].params if "fc" in by_family else 0,
        weight_layers=sum(by_family[family].layers for family in WEIGHT_LAYERS if family in by_family),
        layers=layers - len(graph.inputs),
        training_params=params + training_params,
        training_buffers=buffers + training_buffers,
        training_macs=(macs + training_macs) * batch,
    )
    return Totals(*map(AtLeast, found)) if graph.not_counted else found
