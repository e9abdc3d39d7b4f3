"""The arithmetic of layers, as a page and as a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from cnnarch.analysis.explanation import Explanation, explain_totals
from cnnarch.layers import Step
from cnnarch.network import Network
from cnnarch.render import summary
from cnnarch.render.data import VERSION
from cnnarch.render.frame import footing, heading
from cnnarch.render.numbers import arithmetic, grouped
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["Lesson", "Working", "in_text", "lesson", "page", "record"]

SEEN = ("receptive field", "jump")  # what equal layers differ in
MOST_NAMED = 9  # of layers that are equal to one that is explained


class Working(NamedTuple):
    """Lines of arithmetic, for a renderer to set as mathematics."""

    steps: Sequence[Step]


Lesson: TypeAlias = list[Line | Sheet | Working]


def page(network: Network, layers: Sequence[Explanation], everything: bool, once: bool = False) -> Page:
    """The arithmetic of layers, and of the totals if all are explained; with `once`, of equal layers the first."""
    return in_text([*heading(network), *_workings(network, layers, everything, once)])


def in_text(lesson: Lesson) -> Page:
    """A lesson with its workings as lines of text."""
    return [_steps(part.steps) if isinstance(part, Working) else part for part in lesson]


def lesson(network: Network, layers: Sequence[Explanation], everything: bool) -> Lesson:
    """The same to hand out: the network's table first, equal layers once, and what is counted."""
    table = [summary.layers(network, 1, True, ())] if everything else []
    return [*heading(network), *table, *_workings(network, layers, everything, everything), *footing(network)]


def _workings(network: Network, layers: Sequence[Explanation], everything: bool, once: bool) -> Lesson:
    parts: Lesson = []
    for one, *others in _equal(layers) if once else [[layer] for layer in layers]:
        parts += _layer(one, others)
    if everything:
        parts += [Line("total", "title"), Working(explain_totals(network.graph))]
        parts += [Line(text, "aside") for text in (network.spec.note,) if text]
    return parts


def _equal(layers: Sequence[Explanation]) -> list[list[Explanation]]:
    """Layers that do the same to the same input together, in the order of the first; they can see more or less."""
    found: dict[Any, list[Explanation]] = {}
    for one in layers:
        steps = tuple(step for step in one.steps if step.quantity not in SEEN)
        found.setdefault((one.kind, one.operation, one.inputs, one.output, steps, one.note), []).append(one)
    return list(found.values())


def _layer(one: Explanation, others: Sequence[Explanation]) -> Lesson:
    arrives = ", ".join(map(str, one.inputs))
    parts: Lesson = [Line(f"{one.name}: {one.operation}   {arrives} → {one.output}", "title")]
    if one.steps:
        parts.append(Working(one.steps))
    else:
        stays = "the shape stays, and " if one.output in one.inputs else ""
        parts.append(Line(f"{stays}there are no weights", "aside"))
    parts += [Line(text, "aside") for text in (one.note,) if text]
    return [*parts, Line(_others(one, others), "aside")] if others else parts


def _others(one: Explanation, others: Sequence[Explanation]) -> str:
    """Which layers are computed as this one is, and what they see of the input if that differs."""
    seen = [{step.quantity: step.value for step in layer.steps}.get("receptive field") for layer in (one, *others)]
    differs = len(set(seen)) > 1
    names = [
        f"{layer.name} ({field})" if differs and field is not None else layer.name
        for layer, field in zip(others, seen[1:])
    ]
    if len(names) > MOST_NAMED:
        names = [*names[: MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1} more"]
    again = f"the same again in {len(others)} layer{'s' if len(others) > 1 else ''}"
    but = ", but for the receptive field, which stands in brackets" if differs else ""
    return f"{again}{but}: {', '.join(names)}"


def record(network: Network, layers: Sequence[Explanation]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "network": network.label,
        "name": network.name,
        "layers": [
            {
                "name": one.name,
                "kind": one.kind,
                "operation": one.operation,
                "input": list(one.inputs[0]) if len(one.inputs) == 1 else [list(shape) for shape in one.inputs],
                "output": list(one.output),
                "steps": [step._asdict() for step in one.steps],
                "note": one.note,
            }
            for one in layers
        ],
    }


def _steps(steps: Sequence[Step]) -> Sheet:
    """Each step on a line, `formula = numbers = result`, and its remark on the next."""
    columns = [
        Column("quantity", "", "what is computed", lambda line: line[0]),
        Column(
            "working", "", "the rule, with its numbers, and the result", lambda line: line[1], wraps=True, breaks=" ="
        ),
    ]
    lines = []
    for step in steps:
        lines.append((step.quantity, _working(step)))
        if step.remark:
            lines.append(("", f"({step.remark})"))
    return Sheet(columns, lines, header=False, dim=lambda line: not line[0])


def _working(step: Step) -> str:
    if not step.arithmetic:  # a rule
        return step.formula
    result = grouped(step.value)
    numbers = arithmetic(step.arithmetic)
    parts = [step.formula, numbers] if numbers != result else [step.formula]
    return " = ".join([*(part for part in parts if part != result), result])
