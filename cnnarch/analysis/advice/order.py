"""The order of layers: what follows what."""

from collections.abc import Iterator
from math import prod

from cnnarch.analysis.advice.base import (
    FUNCTIONS,
    MOST_NAMED,
    NORMS,
    ON_EACH_CHANNEL,
    Finding,
    Plan,
    Rule,
    also,
    gathered,
)
from cnnarch.errors import listed
from cnnarch.graph import Node
from cnnarch.layers.conv import Convolving
from cnnarch.layers.sliding import Sliding
from cnnarch.shapes import by_axis

__all__ = ["BiasBeforeNorm", "DropoutBeforeNorm", "LinearAfterLinear", "SoftmaxBeforeEnd"]

LINEAR = ("conv", "conv_transpose", "fc")
KEEP_LINEAR = {"batchnorm", "scale", "dropout", "stochastic_depth", "flatten", "avgpool", "global_avgpool"}
WEIGHTED = {"conv", "conv_transpose", "locally_connected", "fc", "attention", "lstm", "gru", "rbf"}
POOLS = {"maxpool", "avgpool", "global_avgpool", "global_maxpool", "adaptive_avgpool", "adaptive_maxpool"}
ARRANGE = {"flatten", "reshape", "tokens", "image", "columns", "transpose", "channel_shuffle"}

PASS_ON = {*LINEAR, "locally_connected", "dropout", "scale", "concat", *FUNCTIONS, *POOLS, *ARRANGE}


class BiasBeforeNorm(Rule):
    """A bias before a batch or instance normalisation does nothing.

    The normalisation subtracts the mean of every channel, and a bias, which is the same at every place, goes
    with it. The shift of the normalisation does what the bias was for. It costs numbers, memory and, where the two
    are not folded into one, an addition for every value.
    """

    code = "N201"
    name = "bias-before-norm"
    example = "- conv: {filters: 64, kernel: 3}\n- batchnorm"
    better = "- conv: {filters: 64, kernel: 3, bias: false}\n- batchnorm"
    source = "Ioffe & Szegedy 2015, Batch normalization, arXiv:1502.03167, section 3.2"

    def findings(self, plan: Plan) -> Iterator[Finding]:
        found = []
        for number, node in plan.of(*LINEAR):
            takers = plan.takers[number]
            if (
                node.figures.biases
                and takers
                and all(plan.kinds[one] in ("batchnorm", "instancenorm") for one in takers)
            ):
                found.append(node)
        if found:
            biases = sum(node.biases for node in found)
            others = listed((node.name for node in found[1:]), MOST_NAMED)
            words = f"its bias and those of {others} are" if others else "its bias is"
            message = f"{words} undone by the normalisation that follows: {biases:,} of {plan.params:,} parameters"
            yield self.found(
                found[0].name, message, "set `bias: false`; a `shift` of the normalisation does what a bias is for"
            )


class LinearAfterLinear(Rule):
    """Two linear layers follow each other without a nonlinearity between them.

    Together they are one linear layer, with more weights than it needs: what two 3×3 or two fully connected layers
    do in a row, one could do. It is mostly an activation that was forgotten. Batch normalisation, average pooling
    and dropout between them change nothing, as they are linear at inference.

    Deliberate are layers in groups (depthwise and pointwise), one axis after the other (1×7, 7×1), and a middle
    that is narrower than both ends, which is a product of low rank, as in the linear bottlenecks of MobileNetV2.
    A first layer that something else takes, too, is no cause.
    """

    code = "N202"
    name = "linear-after-linear"
    example = "- conv: {filters: 64, kernel: 3}\n- conv: {filters: 64, kernel: 3}"
    better = "- conv: {filters: 64, kernel: 3}\n- relu\n- conv: {filters: 64, kernel: 3}"
    source = (
        "Saxe et al. 2013, Exact solutions to the nonlinear dynamics of learning in deep linear neural networks, "
        "arXiv:1312.6120; for what is deliberate Sandler et al. 2018, MobileNetV2, arXiv:1801.04381, section 3.2"
    )

    def findings(self, plan: Plan) -> Iterator[Finding]:
        pairs = []
        for number, second in plan.of(*LINEAR):
            first = plan.back(number, KEEP_LINEAR)
            if plan.kinds[first] not in LINEAR or len(plan.takers[first]) > 1 or _deliberate(plan, first, number):
                continue
            pairs.append((plan.nodes[first], second))
        for alike in gathered(pairs, lambda pair: (pair[0].layer, pair[1].layer)):
            first_of, second = alike[0]
            message = (
                f"no nonlinearity stands between `{first_of.name}` and `{second.name}`: the two are one linear layer"
            )
            hint = "an activation between them, or one layer in their place"
            yield self.found(second.name, message + also([pair[1] for pair in alike]), hint)


class SoftmaxBeforeEnd(Rule):
    """A softmax stands before layers with weights, activations, pools or another softmax.

    A softmax makes a distribution of the classes, for the end of a network. What comes after it sees values
    that sum to 1, and the gradient through it is small where one class has won.

    Deliberate is a softmax whose result weighs something (a `multiply`, or a layer with one output and no bias,
    which takes the mean under the distribution), and one inside `attention`.
    """

    code = "N203"
    name = "softmax-before-end"
    size = "64"
    example = "- fc: 100\n- softmax\n- fc: 10"
    better = "- fc: 100\n- relu\n- fc: 10\n- softmax"
    source = (
        "Bridle 1990, Probabilistic interpretation of feedforward classification network outputs; for the mean under "
        "a distribution Li et al. 2020, Generalized focal loss, arXiv:2006.04388"
    )

    def findings(self, plan: Plan) -> Iterator[Finding]:
        found = []
        for number, node in plan.of("softmax"):
            for taker in plan.reached(number, ARRANGE | {"dropout"}):
                after = plan.nodes[taker]
                if plan.kinds[taker] in WEIGHTED | FUNCTIONS | NORMS | POOLS | {"softmax"} and not _is_mean(after):
                    found.append((node, after))
                    break
        for alike in gathered(found, lambda pair: (pair[0].layer, pair[1].layer)):
            node, after = alike[0]
            message = (
                f"a softmax over {node.output.channels} channels goes into `{after.name}`, and not out of the network"
            )
            hint = "softmax belongs at the end; between layers an activation such as `relu`"
            yield self.found(node.name, message + also([pair[0] for pair in alike]), hint)


class DropoutBeforeNorm(Rule):
    """A dropout comes before a batch normalisation.

    In training dropout makes the variance of what follows larger, at inference it is off; the batch normalisation
    divides by the variance of the training, and is wrong then. So it is also with convolutions and activations
    between the two. After the last normalisation dropout does no harm.

    A rate of 0 is no cause, nor is stochastic depth, nor layer normalisation, which keeps no statistics.
    """

    code = "N204"
    name = "dropout-before-norm"
    example = "- dropout: 0.5\n- conv: {filters: 64, kernel: 3, bias: false}\n- batchnorm"
    better = "- conv: {filters: 64, kernel: 3, bias: false}\n- batchnorm\n- relu\n- dropout: 0.5"
    source = (
        "Li et al. 2018, Understanding the disharmony between dropout and batch normalization by variance shift, "
        "arXiv:1801.05134"
    )

    def findings(self, plan: Plan) -> Iterator[Finding]:
        norms = _norms_behind(plan)
        found = []
        for number, node in plan.of("dropout"):
            behind = norms[number]
            if behind is not None and node.layer.rate:  # type: ignore[attr-defined]
                found.append((node, plan.nodes[behind]))
        for alike in gathered(found, lambda pair: (pair[0].layer, pair[1].layer)):
            node, norm = alike[0]
            message = f"what it drops in training shifts the variance that `{norm.name}` keeps for inference"
            hint = "dropout after the last batch normalisation, or none"
            yield self.found(node.name, message + also([pair[0] for pair in alike]), hint)


def _norms_behind(plan: Plan) -> list[int | None]:
    """Of every node a batch normalisation that its output goes to, behind layers that pass a variance on."""
    norms: list[int | None] = [None] * len(plan.nodes)
    for number in reversed(range(len(plan.nodes))):
        for taker in plan.takers[number]:
            kind = plan.kinds[taker]
            found = taker if kind == "batchnorm" else norms[taker] if kind in PASS_ON else None
            if found is not None:
                norms[number] = found
                break
    return norms


def _is_mean(node: Node) -> bool:
    """Whether a layer weighs a distribution: one output, no bias."""
    return node.layer.kind in ("conv", "fc") and node.output.channels == 1 and not node.figures.biases


def _deliberate(plan: Plan, first: int, second: int) -> bool:
    """Whether two linear layers are two on purpose: in groups, one axis each, or with a narrow middle."""
    for number in (first, second):
        layer = plan.nodes[number].layer
        if isinstance(layer, Convolving) and layer.split(plan.given(number)) > 1:
            return True
    before, middle = plan.given(first).channels, plan.nodes[first].output.channels
    if middle < min(before, plan.nodes[second].output.channels):
        return True
    one, other = _kernel(plan, first), _kernel(plan, second)
    if _is_projection(plan, first) and prod(one) == prod(other) == 1 and middle < plan.nodes[second].output.channels:
        return True
    return len(one) == len(other) and prod(one) > 1 and prod(other) > 1 and all(1 in pair for pair in zip(one, other))


def _is_projection(plan: Plan, number: int) -> bool:
    """Whether a layer reads a depthwise convolution, as the last of an inverted residual does, gated or not."""
    source = plan.nodes[number].sources[0]
    while plan.kinds[source] in ON_EACH_CHANNEL | {"multiply"}:
        source = plan.nodes[source].sources[0]
    layer = plan.nodes[source].layer
    return isinstance(layer, Convolving) and layer.split(plan.given(source)) > 1


def _kernel(plan: Plan, number: int) -> tuple[int, ...]:
    layer = plan.nodes[number].layer
    return by_axis(layer.kernel, plan.given(number).rank, "kernel") if isinstance(layer, Sliding) else ()
