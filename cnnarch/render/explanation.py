"""The arithmetic of layers, as a page and as a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnarch.analysis.explanation import Explanation, explain_totals
from cnnarch.layers import Step
from cnnarch.network import Network
from cnnarch.render.data import VERSION
from cnnarch.render.frame import heading
from cnnarch.render.numbers import arithmetic, grouped
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["page", "record"]


def page(network: Network, layers: Sequence[Explanation], everything: bool) -> Page:
    """The arithmetic of layers, and of the totals if all are explained."""
    page: Page = [*heading(network)]
    for one in layers:
        arrives = ", ".join(map(str, one.inputs))
        page.append(Line(f"{one.name}: {one.operation}   {arrives} → {one.output}", "title"))
        if one.steps:
            page.append(_steps(one.steps))
        else:
            stays = "the shape stays, and " if one.output in one.inputs else ""
            page.append(Line(f"{stays}there are no weights", "aside"))
        page += [Line(text, "aside") for text in (one.note,) if text]
    if everything:
        page += [Line("total", "title"), _steps(explain_totals(network.graph))]
        page += [Line(text, "aside") for text in (network.spec.note,) if text]
    return page


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
    result = grouped(step.value)
    numbers = arithmetic(step.arithmetic)
    parts = [step.formula, numbers] if numbers != result else [step.formula]
    return " = ".join([*(part for part in parts if part != result), result])
