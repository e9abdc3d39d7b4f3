"""The receptive field: how much of the input a classifier's features see."""

from collections.abc import Iterator

from cnnarch.analysis.advice.base import ON_EACH_CHANNEL, Finding, Plan, Rule
from cnnarch.analysis.receptive_field import Field
from cnnarch.graph import Node
from cnnarch.layers.sliding import times
from cnnarch.shapes import Shape

__all__ = ["SmallReceptiveField"]

SUMS_UP = ("global_avgpool", "global_maxpool", "flatten", "adaptive_avgpool", "adaptive_maxpool")
CLASSIFY = ON_EACH_CHANNEL | {"fc", "conv", "softmax", "flatten", "reshape"}


class SmallReceptiveField(Rule):
    """The features that a classifier sums up see less than the input.

    Before global pooling each place of the last map speaks for itself, and none sees more than its receptive
    field: what lies farther apart is averaged, and never compared. Behind `flatten` fully connected layers see
    all places together, so the field of all of them counts there.

    Only a classifier is asked, whose map ends in one vector. Gates that scale channels (squeeze-and-excitation) do
    not count as seeing. The effective field is smaller than this one, which is a bound.
    """

    code = "F401"
    name = "small-receptive-field"
    size = "224x224x3"
    example = (
        "- conv: {filters: 64, kernel: 7, stride: 4, padding: half}\n"
        "- relu\n"
        "- conv: {filters: 64, kernel: 7, stride: 4, padding: half}\n"
        "- relu\n"
        "- global_avgpool\n"
        "- fc: 10"
    )
    better = (
        "- conv: {filters: 64, kernel: 7, stride: 4, padding: half}\n"
        "- relu\n"
        "- conv: {filters: 64, kernel: 7, stride: 4, padding: half}\n"
        "- relu\n"
        "- conv: {filters: 64, kernel: 7, stride: 2, padding: half}\n"
        "- relu\n"
        "- conv: {filters: 64, kernel: 5, padding: half}\n"
        "- relu\n"
        "- global_avgpool\n"
        "- fc: 10"
    )
    source = (
        "Araujo et al. 2019, Computing receptive fields of convolutional neural networks, Distill; "
        "Luo et al. 2017, Understanding the effective receptive field, arXiv:1701.04128"
    )

    def findings(self, plan: Plan) -> Iterator[Finding]:
        inputs, answers = plan.graph.inputs, _answers(plan)
        ends = [number for number, node in plan.of(*SUMS_UP) if number in answers and _sums_up(plan, number, node)]
        if not ends or len(inputs) != 1:
            return
        fields, image = plan.network.receptive_field, inputs[0].output
        for number in ends:
            node = plan.nodes[number]
            sees = _seen(fields.of(plan.nodes[node.sources[0]]), node, plan.given(number))
            if sees is not None and any(size < length for size, length in zip(sees, image.spatial)):
                message = f"what it sums up sees {times(sees)} pixels of an input of {times(image.spatial)}"
                hint = "more layers, a larger kernel, a dilation or an earlier stride before it, or a smaller input"
                yield self.found(node.name, message, hint)


def _answers(plan: Plan) -> set[int]:
    """The nodes whose outputs go to an output of a classifier, and to nothing else."""
    found: set[int] = set()
    if plan.network.spec.task not in ("", "classification"):
        return found
    for number in reversed(range(len(plan.nodes))):
        if all(plan.kinds[taker] in CLASSIFY and taker in found for taker in plan.takers[number]):
            found.add(number)
    return found


def _sums_up(plan: Plan, number: int, node: Node) -> bool:
    """Whether a map ends here in one vector."""
    pooled = node.output.rank == 0 or set(node.output.spatial) == {1}
    return pooled and not node.train_only and bool(plan.given(number).rank)


def _seen(fields: list[Field], node: Node, x: Shape) -> list[int] | None:
    """The pixels that a place of a map sees on each axis; all places of it together, where it is flattened."""
    axes = fields[0].axes if fields else ()
    places = x.spatial if node.layer.kind == "flatten" else (1,) * len(axes)
    if not axes or len(places) != len(axes) or any(axis.size is None for axis in axes):
        return None
    return [int((axis.size or 0) + (many - 1) * (axis.jump or 0)) for axis, many in zip(axes, places)]
