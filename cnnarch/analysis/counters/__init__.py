"""What other counters print for a network, and how it differs from ours, term by term.

A tool is one file, which declares a rule for every kind of layer; `writing.py` says how a network is taken to be
written in PyTorch. A kind without a rule is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cnnarch.analysis.counters.base import FUNCTION, Call, Counted, Extra, Figure, Measure, Term, Tool, nothing
from cnnarch.analysis.counters.calflops import CALFLOPS
from cnnarch.analysis.counters.fvcore import FVCORE
from cnnarch.analysis.counters.keras import KERAS
from cnnarch.analysis.counters.ptflops import PTFLOPS, PTFLOPS_ATEN
from cnnarch.analysis.counters.thop import THOP
from cnnarch.analysis.counters.torchinfo import TORCHINFO
from cnnarch.analysis.counters.writing import REFERENCE, Writing, unwritable, written
from cnnarch.errors import ReadError
from cnnarch.graph import Graph, Node
from cnnarch.layers import KINDS
from cnnarch.shapes import Shape

__all__ = ["COUNTERS", "REFERENCE", "Counted", "Figure", "Term", "Tool", "Writing", "count", "written"]

COUNTERS = {tool.name: tool for tool in (TORCHINFO, FVCORE, PTFLOPS, PTFLOPS_ATEN, THOP, CALFLOPS, KERAS)}


def count(graph: Graph, counter: str, label: str = "", batch: int = 1, writing: Writing | None = None) -> Counted:
    """What a counter prints for a network, with every difference from ours.

    >>> from cnnarch import load
    >>> flops = count(load("resnet50").graph, "fvcore").figure("flops")
    >>> [(term.times, term.number, term.words) for term in flops.terms]
    [(1, 4089184256, 'MACs'), (2, 11113984, 'normalised elements'), (1, 100352, 'pooled values')]
    >>> flops.value
    4111512576

    Without a `writing` it is the reference. Raises ReadError where a figure depends on what a spec does not say.
    """
    tool = COUNTERS.get(counter)
    if tool is None:
        raise ReadError(f"there are no rules of a counter `{counter}`", f"there are {', '.join(COUNTERS)}")
    writing = Writing() if writing is None or not tool.pytorch else writing
    times = 1 if tool.one_input else batch
    calls = list(_calls(graph, times, writing))
    _refuse(calls, tool, label)
    figures = tuple([_figure(measure, calls) for measure in tool.measures])
    words = writing.words(label) if tool.pytorch else ""
    return Counted(tool.name, tool.version, times, figures, words, tool.remarks)


def _calls(graph: Graph, batch: int, writing: Writing) -> Iterator[Call]:
    """All that runs, or only holds parameters, as the network is written."""
    for node in graph.nodes:
        if node.layer.kind in writing.absent or (node.train_only and not writing.auxiliary):
            continue
        inputs = graph.shapes(node)
        for place, kind, settings in writing.added:
            if place == node.name:
                yield _added(place, (kind, settings), inputs, batch)
        yield _call(node, inputs, batch, writing)


def _call(node: Node, inputs: tuple[Shape, ...], batch: int, writing: Writing) -> Call:
    way = writing.way(node.name, node.layer.kind)
    if node.layer.kind == "upsample" and len(inputs) > 1:
        way = FUNCTION  # a module has no second input
    return Call(
        node.name,
        node.layer,
        inputs or (node.output,),
        node.output,
        batch,
        batch * node.macs,
        node.params,
        node.buffers,
        node.train_only,
        way,
    )


def _added(place: str, added: tuple[str, dict[str, Any]], inputs: tuple[Shape, ...], batch: int) -> Call:
    """A layer that the spec does not have; raises ReadError if it would change what comes after it."""
    kind, settings = added
    layer = KINDS[kind](**settings)
    y = layer.output(*inputs)
    if y != inputs[0]:
        raise ReadError(
            f"torchvision's has {kind} before `{place}`, which makes {y} of {inputs[0]}",
            "the spec does not; its counters' figures are known for its own input",
        )
    return Call(place, layer, inputs, y, batch)


def _refuse(calls: list[Call], tool: Tool, label: str) -> None:
    """Raise ReadError if a layer cannot be counted as the tool would."""
    causes: dict[tuple[str, str], list[str]] = {}
    for call in calls:
        cause = _cause(call, tool)
        if cause:
            causes.setdefault((call.kind, cause), []).append(call.name)
    if not causes:
        return
    (kind, cause), names = next(iter(causes.items()))
    others = sorted({one for one, _ in causes} - {kind})
    where = f"`{names[0]}`" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
    more = f"; {', '.join(others)} too cannot be" if others else ""
    message = f"what {tool.name} prints for {label or 'it'} cannot be told: {kind} at {where}: {cause}{more}"
    raise ReadError(message, "without `--as` its own figures are shown, with their rules")


def _cause(call: Call, tool: Tool) -> str:
    if not call.kind or (call.train_only and not call.params):
        return ""
    if tool.pytorch and (cause := unwritable(call)):
        return cause
    if call.kind not in tool.measures[0].rules:
        return f"there is no rule of {tool.name} for it here"
    return "" if call.train_only else tool.refuses(call)


def _figure(measure: Measure, calls: list[Call]) -> Figure:
    sums: dict[Extra, int] = {}
    for call in calls:
        if call.train_only and not measure.held:
            continue
        rule = measure.rules.get(call.kind, nothing)
        for extra, number in (*measure.base(call), *rule(call)):
            sums[extra] = sums.get(extra, 0) + number
    terms = [Term(extra.times, number, extra.words, extra.why) for extra, number in sums.items()]
    first, *others = terms or [Term(1, 0, measure.title, "")]
    return Figure(measure.key, measure.title, (first, *(term for term in others if term.number)))
