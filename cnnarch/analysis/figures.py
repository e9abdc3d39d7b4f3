"""Every figure of a whole network, declared once: for tables, budgets and comparisons."""

from collections.abc import Callable
from typing import Any, NamedTuple

from cnnarch.analysis.dtypes import NOT_TRAINED
from cnnarch.analysis.totals import AtLeast

__all__ = ["FIGURES", "Figure"]


def never(network: Any) -> str:
    """It is known of every network."""
    return ""


class Figure(NamedTuple):
    """A figure of a network; `of` takes a `Network` and computes it, and `why` says why it is not known.

    `unit` is `""` for a count, or `bytes`, `pixels`, `MACs/byte`. `more_is_better` where a budget is the least.
    """

    key: str
    title: str
    about: str
    of: Callable[[Any], Any]
    unit: str = ""
    more_is_better: bool = False
    why: Callable[[Any], str] = never

    @property
    def may_be_unknown(self) -> bool:
        """Whether there are networks for which it cannot be computed; `why` says why."""
        return self.why is not never


def _total(key: str, title: str, about: str) -> Figure:
    return Figure(key, title, about, lambda network: getattr(network.totals, key))


def _memory(key: str, title: str, about: str, name: str) -> Figure:
    def of(network: Any) -> Any:
        found = getattr(network.memory, name)
        return AtLeast(found) if found is not None and network.graph.not_counted else found

    return Figure(key, title, about, of, "bytes")


FIGURES = {
    figure.key: figure
    for figure in (
        _total("weights", "weights", "numbers that are trained, without biases"),
        _total("biases", "biases", "biases, and shifts of normalisation"),
        _total("params", "params", "weights and biases"),
        _total("buffers", "buffers", "running statistics, stored but not trained"),
        _total("macs", "MACs", "multiply-adds of a batch, biases not counted"),
        _total("flops", "FLOPs", "2 × MACs"),
        _total("elements", "element ops", "element operations of a batch: all that is computed beside the MACs"),
        _total("conv_params", "conv params", "weights and biases of convolutions"),
        _total("fc_params", "fc params", "weights and biases of fully connected layers"),
        Figure(
            "bytes",
            "bytes moved",
            "bytes that all layers read and write, if each does so from and to memory",
            lambda network: network.traffic.total.bytes,
            "bytes",
        ),
        Figure(
            "intensity",
            "MACs/byte",
            "arithmetic intensity: multiply-adds for each byte moved",
            lambda network: network.traffic.total.intensity,
            "MACs/byte",
            more_is_better=True,
        ),
        _memory("weight_memory", "weight memory", "bytes of weights, biases and running statistics", "weights"),
        _memory("activations", "activations", "bytes of all tensors that layers make, and of the input", "activations"),
        _memory("peak", "peak", "most bytes of tensors alive at a time at inference, in place where possible", "peak"),
        Figure(
            "training_memory",
            "training memory",
            "bytes in training with adam: weights, gradients, state, activations kept for the backward pass",
            lambda network: None if network.dtype in NOT_TRAINED else network.memory.training.total("adam"),
            "bytes",
            why=lambda network: f"networks are not trained in {network.dtype}",
        ),
        Figure(
            "receptive_field",
            "receptive field",
            "pixels along an axis that each place of the last feature map sees, where it is least",
            lambda network: network.receptive_field.least,
            "pixels",
            more_is_better=True,
            why=lambda network: network.receptive_field.reason,
        ),
        _total(
            "weight_layers",
            "weight layers",
            "convolutions, fully connected, recurrent and attention layers with weights",
        ),
        _total("layers", "layers", "all layers that run at inference"),
        _total("training_params", "training params", "params with what only training needs"),
        _total("training_buffers", "training buffers", "buffers with what only training needs"),
        _total("training_macs", "training MACs", "multiply-adds with what only training needs"),
    )
}
