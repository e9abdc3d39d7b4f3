"""Hardware: what a device makes of the channels and of the work."""

from collections.abc import Callable, Iterable, Iterator

from cnnarch.analysis.advice.base import Finding, Plan, Rule
from cnnarch.analysis.dtypes import DTYPES
from cnnarch.graph import Node
from cnnarch.layers.conv import Convolving

__all__ = ["DepthwiseBound", "PaddedChannels"]

MULTIPLES = {"int8": 16}  # of channels, for tensor cores
MULTIPLE = 8
WORKS = ("conv", "conv_transpose", "fc")
LEAST_LOSS = 5  # in a hundred; see `PaddedChannels`
LEAST_MACS = 1_000_000
BALANCE = 40  # multiply-adds in the time in which a device moves one number, see `DepthwiseBound`


class PaddedChannels(Rule):
    """Channels that are no multiples of 8 cost more than 5% of the work, as hardware pads them.

    Tensor cores and SIMD units work on 8 channels at a time (16 of int8), and libraries pad with zeros to the next
    multiple: with 58 channels on both sides 64·64/(58·58), 22% more, is computed. Counted are convolutions in one
    group and fully connected layers. What a network is given and what it answers do not count: images have 3 channels,
    for which libraries have ways of their own, and the number of classes is what it is.

    Below 5% of all multiply-adds nothing is said, as the squeeze layers of gates and other small ones are seldom
    multiples, and cost less than that together. Nor is anything said of networks with fewer than a million
    multiply-adds, which take a microsecond where there are such units: less than to start one layer.
    """

    code = "H601"
    name = "padded-channels"
    size = "32x32x16"
    example = "- conv: {filters: 30, kernel: 3}\n- relu\n- conv: {filters: 30, kernel: 3}"
    better = "- conv: {filters: 32, kernel: 3}\n- relu\n- conv: {filters: 32, kernel: 3}"
    source = (
        "NVIDIA, Convolutional Layers User's Guide, section Channels In And Out: multiples of 8 in FP16, 16 in INT8; "
        "cuDNN pads from 7.6.3 on"
    )

    def findings(self, plan: Plan) -> Iterator[Finding]:
        multiple = MULTIPLES.get(plan.network.dtype, MULTIPLE)
        first, last = _ends(plan)
        padded = [
            (_more(plan, number, 1 if number in first else multiple, 1 if number in last else multiple), number)
            for number, node in enumerate(plan.nodes)
            if plan.kinds[number] in WORKS and not node.train_only
        ]
        more, macs = sum(one for one, _ in padded), sum(node.macs for node in plan.nodes if not node.train_only)
        if 100 * more <= LEAST_LOSS * macs or macs < LEAST_MACS:
            return
        worst, number = max(padded, key=lambda one: one[0])
        node, x = plan.nodes[number], plan.given(number)
        message = f"channels that are padded to multiples of {multiple} add {more:,} to {macs:,} multiply-adds, "
        channels = f"{x.channels} to {node.output.channels} channels"
        message += f"{100 * more / macs:.1f}%; {worst:,} of them in `{node.name}`, {channels}"
        yield self.found("", message, f"numbers of filters that are multiples of {multiple}")


class DepthwiseBound(Rule):
    """Depthwise convolutions take more than half of the time, though they do little of the work.

    A depthwise 3×3 does 9 multiply-adds for each number that it writes and about one that it reads. Most devices do
    many more in the time it takes to move these two, so memory limits it, and multiply-adds do not tell its time.
    Where such layers take longer than all others together, more multiply-adds a second gain nothing, and fewer in
    the rest of the network neither.

    The time is a bound, as `cnnarch roofline` has it, of a device that does 40 multiply-adds while it moves one
    number: 10 a byte in float32, where the devices of `cnnarch roofline` lie between 4 and 20. In MobileNets
    depthwise layers take between a quarter and two fifths of it.
    """

    code = "H602"
    name = "depthwise-bound"
    size = "56x56x64"
    example = (
        "- conv: {filters: 64, kernel: 7, padding: half, groups: depthwise}\n"
        "- relu\n"
        "- conv: {filters: 64, kernel: 7, padding: half, groups: depthwise}\n"
        "- relu\n"
        "- conv: {filters: 64, kernel: 1}"
    )
    better = (
        "- conv: {filters: 64, kernel: 7, padding: half, groups: depthwise}\n"
        "- conv: {filters: 256, kernel: 1}\n"
        "- relu\n"
        "- conv: {filters: 64, kernel: 1}"
    )
    source = (
        "Ma et al. 2018, ShuffleNet V2, arXiv:1807.11164, section 2; "
        "Williams et al. 2009, Roofline, Communications of the ACM 52(4)"
    )

    def findings(self, plan: Plan) -> Iterator[Finding]:
        depthwise = [node for number, node in plan.of("conv") if not node.train_only and _is_depthwise(plan, number)]
        if not depthwise:
            return
        working = [node for node in plan.nodes if node.macs and not node.train_only]
        slow, every = _time(plan, depthwise), _time(plan, working)
        if 2 * slow <= every:
            return
        macs, most = sum(node.macs for node in depthwise), sum(node.macs for node in working)
        message = f"depthwise convolutions do {100 * macs / most:.1f}% of the multiply-adds, and take "
        message += f"{100 * slow / every:.1f}% of the least time of all layers that multiply"
        hint = "fewer or smaller depthwise layers, more filters in the others, or full convolutions on few channels"
        yield self.found("", message, hint)


def _ends(plan: Plan) -> tuple[set[int], set[int]]:
    """The layers that read what the network is given, and those that make what it answers."""
    outputs = {node.name for node in plan.graph.outputs}
    ending = [number for number, node in enumerate(plan.nodes) if node.name in outputs]
    first = _beside(plan, [*range(len(plan.graph.inputs))], lambda one: plan.takers[one])
    return first, _beside(plan, ending, lambda one: plan.nodes[one].sources)


def _beside(plan: Plan, waiting: list[int], step: Callable[[int], Iterable[int]]) -> set[int]:
    """The layers that work, from some nodes on, these too, whatever arranges or adds in between."""
    found, seen = set(), set(waiting)
    while waiting:
        one = waiting.pop()
        if plan.kinds[one] in WORKS:
            found.add(one)
            continue
        more = {other for other in step(one) if other not in seen}
        seen |= more
        waiting += more
    return found


def _more(plan: Plan, number: int, of_input: int, of_output: int) -> int:
    """The multiply-adds that channels add to a layer which are padded to these multiples."""
    node, layer, x = plan.nodes[number], plan.nodes[number].layer, plan.given(number)
    if isinstance(layer, Convolving) and layer.split(x) > 1:
        return 0
    before, after = x.channels, node.output.channels
    full = -(-before // of_input) * of_input * (-(-after // of_output) * of_output)
    return node.macs * full // (before * after) - node.macs


def _is_depthwise(plan: Plan, number: int) -> bool:
    layer, x = plan.nodes[number].layer, plan.given(number)
    return isinstance(layer, Convolving) and x.channels > 1 and layer.split(x) == x.channels


def _time(plan: Plan, nodes: list[Node]) -> int:
    """The least time of layers, in multiply-adds: what they do or what they move, whichever takes longer."""
    size, layers = DTYPES[plan.network.dtype], plan.network.traffic.layers
    return sum(max(layers[node.name].macs, layers[node.name].bytes // size * BALANCE) for node in nodes)
