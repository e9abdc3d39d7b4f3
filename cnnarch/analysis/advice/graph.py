"""The graph: what is computed and leads nowhere."""

from collections.abc import Iterator
from math import prod

from cnnarch.analysis.advice.base import Finding, Plan, Rule, also, gathered
from cnnarch.graph import Node
from cnnarch.layers.channels import Slice

__all__ = ["DeadBranch", "UnusedChannels"]

MOVES = {"concat", "slice", "channel_shuffle", "pixel_shuffle", "pixel_unshuffle"}  # compute nothing


class DeadBranch(Rule):
    """A branch leads nowhere: nothing that the network answers needs it.

    What no layer takes is an output, and a branch that was never merged becomes one unnoticed. It is taken for a
    mistake where it is a map and the network ends, behind it, in one vector, as a classifier does; a `task` other
    than classification says that it is meant. So is a layer whose output only layers of the training take, while it
    runs at inference too.
    """

    code = "G501"
    name = "dead-branch"
    size = "3x3x3"
    example = (
        "- conv: {filters: 16, kernel: 3, padding: half}\n"
        "- relu:\n"
        "  name: stem\n"
        "- conv: {filters: 16, kernel: 3, padding: half}\n"
        "  name: forgotten\n"
        "- conv: {filters: 16, kernel: 1}\n"
        "  from: stem\n"
        "- relu\n"
        "- global_avgpool\n"
        "- fc: 10"
    )
    better = (
        "- conv: {filters: 16, kernel: 3, padding: half}\n"
        "- relu:\n"
        "  name: stem\n"
        "- conv: {filters: 16, kernel: 1}\n"
        "- relu\n"
        "- global_avgpool\n"
        "- fc: 10"
    )
    source = "the rule of this language that what nothing takes is an output"

    def findings(self, plan: Plan) -> Iterator[Finding]:
        outputs = [node for node in plan.graph.outputs if not node.train_only]
        numbers = {node.name: number for number, node in enumerate(plan.nodes)}
        training = [node for node in outputs if plan.takers[numbers[node.name]]]
        for alike in gathered(training, lambda node: node.layer):
            message = "only layers of the training take its output, and it runs at inference"
            hint = "set `train_only: true` on it, too"
            yield self.found(alike[0].name, message + also(alike), hint)
        last = max(outputs, key=lambda node: numbers[node.name], default=None)
        if last is None or last.output.rank or plan.network.spec.task not in ("", "classification"):
            return
        dead = [node for node in outputs if node not in training and prod(node.output.spatial) > 1]
        for alike in gathered(dead, lambda node: (node.layer, node.output)):
            message = (
                f"nothing takes its output {alike[0].output}, and the network ends in {last.output} at `{last.name}`"
            )
            hint = "take it with `from`, leave it out, or say with `task` what it is for"
            yield self.found(alike[0].name, message + also(alike), hint)


class UnusedChannels(Rule):
    """Channels are computed that no slice takes.

    Everything that reads a tensor takes a part of its channels, and some are in no part: the filters that make
    them work for nothing. Mostly a `start` or a number of channels is one off, or a part was forgotten.
    """

    code = "G502"
    name = "unused-channels"
    example = (
        "- conv: {filters: 64, kernel: 3}\n"
        "  name: both\n"
        "- slice: {channels: 32}\n"
        "  name: left\n"
        "- slice: {start: 33}\n"
        "  name: right\n"
        "  from: both\n"
        "- concat:\n"
        "  from: [left, right]"
    )
    better = (
        "- conv: {filters: 64, kernel: 3}\n"
        "  name: both\n"
        "- slice: {channels: 32}\n"
        "  name: left\n"
        "- slice: {start: 32}\n"
        "  name: right\n"
        "  from: both\n"
        "- concat:\n"
        "  from: [left, right]"
    )
    source = "Ma et al. 2018, ShuffleNet V2, arXiv:1807.11164, where a split takes every channel"

    def findings(self, plan: Plan) -> Iterator[Finding]:
        cases: list[tuple[Node, int, int]] = []
        for number, node in enumerate(plan.nodes):
            takers = plan.takers[number]
            if takers and plan.kinds[number] not in MOVES and all(plan.kinds[one] == "slice" for one in takers):
                first, unused = _left_over(plan, number)
                if unused:
                    cases.append((node, first, unused))
        for alike in gathered(cases, lambda case: (case[0].layer, *case[1:])):
            node, first, unused = alike[0]
            message = f"{unused} of its {node.output.channels} channels, from {first} on, are in no slice"
            hint = "let the slices cover all channels, or compute fewer"
            yield self.found(node.name, message + also([case[0] for case in alike]), hint)


def _left_over(plan: Plan, number: int) -> tuple[int, int]:
    """The first channel that no slice takes, and how many there are."""
    channels, reached, first, unused = plan.nodes[number].output.channels, 0, 0, 0
    runs = []
    for taker in plan.takers[number]:
        layer = plan.nodes[taker].layer
        assert isinstance(layer, Slice)
        runs.append((layer.start, layer.start + plan.nodes[taker].output.channels))
    for start, end in [*sorted(runs), (channels, channels)]:
        if start > reached:
            first = first if unused else reached
            unused += start - reached
        reached = max(reached, end)
    return first, unused
