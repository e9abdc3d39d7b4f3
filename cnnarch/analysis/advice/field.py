"""The receptive field: how much of the input a classifier's features see."""

from collections.abc import Iterator

from cnnarch.analysis.advice.base import ON_EACH_CHANNEL, Finding, Plan, Rule
from cnnarch.graph import Node
from cnnarch.layers.sliding import Sliding, times

__all__ = ["SmallReceptiveField"]

SUMS_UP = ("global_avgpool", "global_maxpool", "flatten", "adaptive_avgpool", "adaptive_maxpool")
CLASSIFY = ON_EACH_CHANNEL | {"fc", "conv", "softmax", "flatten", "reshape"}
KEEPS_PLACES = ON_EACH_CHANNEL | {"softmax", "slice", "channel_shuffle", "add", "concat", "max", "multiply"}


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
        fields, image = _fields(plan), inputs[0].output
        for number in ends:
            node, last = plan.nodes[number], plan.nodes[number].sources[0]
            field = fields[last]
            if field is None:
                continue
            sees = [size for size, _ in field]
            if node.layer.kind == "flatten":
                together = zip(field, plan.given(number).spatial)
                sees = [size + (places - 1) * jump for (size, jump), places in together]
            if any(size < length for size, length in zip(sees, image.spatial)):
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


def _fields(plan: Plan) -> list[tuple[tuple[int, int], ...] | None]:
    """Of every node the receptive field and the jump on each axis; nothing where it is not known, or is all.

    The largest over paths; l pixels of k at a jump j see (k − 1)·j more. A map that is made larger is not followed.
    """
    found: list[tuple[tuple[int, int], ...] | None] = []
    for number, node in enumerate(plan.nodes):
        if not node.sources:
            found.append(tuple((1, 1) for _ in node.output.spatial))
            continue
        kind = plan.kinds[number]
        shown = [one for one in node.sources if plan.nodes[one].output.spatial == node.output.spatial]
        if isinstance(node.layer, Sliding) and kind != "conv_transpose":
            before = found[node.sources[0]]
            windows = node.layer.resolve(plan.given(number))
            found.append(
                before and tuple([(r + (w.reach - 1) * j, j * w.stride) for (r, j), w in zip(before, windows)])
            )
        elif kind in KEEPS_PLACES and shown:
            paths = [found[one] for one in shown]
            known = [one for one in paths if one is not None]
            found.append(tuple(map(max, *known, ((1, 1),) * len(known[0]))) if len(known) == len(paths) else None)
        else:
            found.append(None)
    return found
