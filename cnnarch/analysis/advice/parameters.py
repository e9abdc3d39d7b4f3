"""Parameters: where a network has its weights, and how wide it is."""

from collections.abc import Iterator
from math import prod

from cnnarch.analysis.advice.base import ON_EACH_CHANNEL, Finding, Plan, Rule, also, gathered
from cnnarch.graph import Node
from cnnarch.layers.conv import Conv
from cnnarch.layers.sliding import times
from cnnarch.shapes import Shape, by_axis

__all__ = ["GrowingBottleneck", "MostParamsInOneLayer"]

STEPS = 40  # layers of a residual branch that are looked at
MOST_BRANCHES = 4  # of a block that are
BRANCH = ON_EACH_CHANNEL | {"conv", "multiply", "channel_shuffle", "maxpool", "avgpool"}


class MostParamsInOneLayer(Rule):
    """One fully connected layer on a flattened map has more than half of all parameters.

    It has weights of its own for every place of the map, and is what overfits: the layer has most of the numbers and
    little of the work. With global average pooling before it the weights are divided by the number of places, and
    any size of the input will do. A convolution with a kernel as large as the map is the same layer.

    A layer behind global pooling is no cause, nor one that reads the pixels of the input.
    """

    code = "P301"
    name = "most-params-in-one-layer"
    size = "16x16x3"
    example = (
        "- conv: {filters: 64, kernel: 7, stride: 2, padding: half}\n"
        "- relu\n"
        "- conv: {filters: 64, kernel: 7, padding: half}\n"
        "- relu\n"
        "- flatten\n"
        "- fc: 512\n"
        "- relu\n"
        "- fc: 10"
    )
    better = (
        "- conv: {filters: 64, kernel: 7, stride: 2, padding: half}\n"
        "- relu\n"
        "- conv: {filters: 64, kernel: 7, padding: half}\n"
        "- relu\n"
        "- global_avgpool\n"
        "- fc: 10"
    )
    source = "Lin et al. 2013, Network in network, arXiv:1312.4400, section 3.2"

    def findings(self, plan: Plan) -> Iterator[Finding]:
        for number, node in plan.of("fc", "conv"):
            if node.train_only or 2 * node.weights <= plan.params:
                continue
            x = _flattened(plan, number)
            if x is not None:
                share = f"{node.weights:,} of {plan.params:,} parameters, {_percent(node.weights, plan.params)}"
                message = (
                    f"{share}, are its weights for the {times(x.spatial)} places of a map of {x.channels} channels"
                )
                hint = f"behind global average pooling it has {node.weights // prod(x.spatial):,}"
                yield self.found(node.name, message, hint)


class GrowingBottleneck(Rule):
    """The middle of a bottleneck is wider than both of its ends.

    A residual branch of 1×1, 3×3 and 1×1 convolutions is there to work on fewer channels than it is given: the
    3×3 costs what it does, the 1×1 shrink and restore. With a middle that is wider, the dearest layer is made dearer.

    Where the middle is depthwise or in groups a wide one is cheap and meant, as in MobileNetV2's inverted residuals,
    and so is it in branches that begin with the large kernel. A middle as wide as one of its ends is no cause.
    """

    code = "P302"
    name = "growing-bottleneck"
    size = "56x56x64"
    example = (
        "- residual:\n"
        "    - conv: {filters: 256, kernel: 1}\n"
        "    - relu\n"
        "    - conv: {filters: 256, kernel: 3, padding: half}\n"
        "    - relu\n"
        "    - conv: {filters: 64, kernel: 1}"
    )
    better = (
        "- residual:\n"
        "    - conv: {filters: 256, kernel: 1}\n"
        "    - relu\n"
        "    - conv: {filters: 256, kernel: 3, padding: half, groups: depthwise}\n"
        "    - relu\n"
        "    - conv: {filters: 64, kernel: 1}"
    )
    source = (
        "He et al. 2015, Deep residual learning, arXiv:1512.03385, section 4.1; "
        "Sandler et al. 2018, MobileNetV2, arXiv:1801.04381, section 3.3"
    )

    def findings(self, plan: Plan) -> Iterator[Finding]:
        cases = []
        for _, node in plan.of("add"):
            for source in node.sources if len(node.sources) <= MOST_BRANCHES else ():
                branch = _branch(plan, source, [one for one in node.sources if one != source])
                if len(branch) > 2 and _is_bottleneck(plan, branch):
                    ends = plan.given(branch[0]).channels, plan.nodes[branch[-1]].output.channels
                    widest = max(branch[1:-1], key=lambda one: plan.nodes[one].output.channels)
                    if plan.nodes[widest].output.channels > max(ends):
                        cases.append((plan.nodes[widest], ends))
        for alike in gathered(cases, lambda case: (case[0].layer, case[1])):
            middle, ends = alike[0]
            message = (
                f"the middle of its bottleneck has {middle.output.channels} channels, the ends {ends[0]} and {ends[1]}"
            )
            hint = f"a narrower middle, of {max(ends)} or fewer, or `groups: depthwise` if it is an inverted residual"
            yield self.found(middle.name, message + also([case[0] for case in alike]), hint)


def _flattened(plan: Plan, number: int) -> Shape | None:
    """The map for each of whose places a layer has weights of its own, if it has them and the map is no input."""
    node, source = plan.nodes[number], plan.nodes[number].sources[0]
    if node.layer.kind == "fc":
        while plan.kinds[source] in ON_EACH_CHANNEL:
            source = plan.nodes[source].sources[0]
        if plan.kinds[source] != "flatten":
            return None
        source = plan.nodes[source].sources[0]
    elif _kernel(node, plan.given(number)) != plan.given(number).spatial:
        return None
    x = plan.nodes[source].output
    while plan.kinds[source] in ON_EACH_CHANNEL:
        source = plan.nodes[source].sources[0]
    return None if plan.nodes[source].is_input or prod(x.spatial) == 1 else x


def _branch(plan: Plan, source: int, others: list[int]) -> list[int]:
    """The convolutions of a residual branch, from the first to the last; the other paths lead to where it begins."""
    ends = {one for other in others for one in _trail(plan, other)}
    trail: list[int] = []
    for number in _trail(plan, source):
        if number in ends:
            return [one for one in reversed(trail) if plan.kinds[one] == "conv"]
        trail.append(number)
    return []


def _trail(plan: Plan, number: int) -> list[int]:
    """The layers before one, it included, as far as a branch goes."""
    trail = [number]
    while len(trail) < STEPS and plan.kinds[number] in BRANCH:
        number = plan.nodes[number].sources[0]
        trail.append(number)
    return trail


def _is_bottleneck(plan: Plan, branch: list[int]) -> bool:
    """Whether convolutions are 1×1 at both ends and larger, in one group, between them."""
    sizes = [prod(_kernel(plan.nodes[number], plan.given(number))) for number in branch]
    middle = branch[1:-1]
    return sizes[0] == sizes[-1] == 1 and max(sizes) > 1 and all(_groups(plan, number) == 1 for number in middle)


def _groups(plan: Plan, number: int) -> int:
    layer = plan.nodes[number].layer
    return layer.split(plan.given(number)) if isinstance(layer, Conv) else 1


def _kernel(node: Node, x: Shape) -> tuple[int, ...]:
    return by_axis(node.layer.kernel, x.rank, "kernel") if isinstance(node.layer, Conv) else ()


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%"
