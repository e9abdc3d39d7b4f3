"""Results → pages: what each command shows, for every format that is read by people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from cnnarch.analysis.check import Checked
from cnnarch.analysis.comparison import align
from cnnarch.analysis.explanation import Explanation, explain_totals
from cnnarch.analysis.rows import Row
from cnnarch.analysis.savings import add_up
from cnnarch.errors import SpecError
from cnnarch.layers import Step
from cnnarch.network import Network
from cnnarch.render.columns import (
    LAYER_TABLE,
    NETWORK_COLUMNS,
    SAVING_COLUMNS,
    SAVING_TABLE,
    chosen,
    layer_columns,
    pair_columns,
    subtotal_columns,
)
from cnnarch.render.numbers import arithmetic, factor, grouped, ratio
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["checks", "comparison", "explanation", "networks", "savings", "summary"]


class _Sum(NamedTuple):
    """The last row of a table of layers."""

    name: str
    weights: int
    biases: int
    params: int
    buffers: int
    macs: int
    kind: str = ""
    operation: str = ""
    inputs: tuple[Any, ...] = ("",)
    output: str = ""
    flat: int | None = None
    folded: tuple[Any, ...] = ()
    shares: str = ""
    train_only: bool = False


def summary(network: Network, depth: int | None = 1, fold: bool = True, columns: Sequence[str] = ()) -> Page:
    """Layer by layer, then where the parameters and the work are, and what the convolutions save."""
    totals = network.totals
    rows: list[Row | _Sum] = [*_inputs(network), *network.rows(depth, fold)]
    last = _Sum("total", totals.weights, totals.biases, totals.params, totals.buffers, totals.macs // network.batch)
    layers = Sheet(
        chosen(layer_columns(network), columns or LAYER_TABLE),
        rows,
        last,
        dim=lambda row: row.train_only or row.name in network.inputs,
    )
    page: Page = [*_heading(network), layers]
    if totals.weight_layers:
        page.append(Line(f"{totals.weight_layers} weight layers; {grouped(totals.params)} parameters with biases"))
        page.append(Sheet(subtotal_columns(network), network.subtotals))
    page += _saved(network)
    if totals.training_params != totals.params:
        page.append(
            Line(f"{grouped(totals.training_params)} parameters in training, with what runs only there", "text")
        )
    return page + _footing(network)


def _inputs(network: Network) -> list[_Sum]:
    return [_Sum(name, 0, 0, 0, 0, 0, output=str(shape)) for name, shape in network.inputs.items()]


def _heading(network: Network) -> Page:
    shapes = ", ".join(str(shape) if name == "input" else f"{name} {shape}" for name, shape in network.inputs.items())
    page: Page = [Line(f"{network.name} · input {shapes}", "title")]
    if network.spec.origin:
        page.append(Line(network.spec.origin, "aside"))
    return page


def _footing(network: Network) -> Page:
    page: Page = []
    if network.spec.see_also:
        page.append(Line(f"see also {', '.join(network.spec.see_also)}", "aside"))
    page.append(Line(f"MACs = multiply-adds, biases not counted; batch {network.batch}", "aside"))
    return page


def _saved(network: Network) -> Page:
    """What the convolutions save, in three lines."""
    rows = network.savings()
    if not rows:
        return []
    total = add_up(rows)
    lines = [
        ("dense", total.dense, "", "if every output saw every input"),
        ("sparse", total.sparse, factor(total.window_factor), "if it saw only its window, with its own weights"),
        ("shared", total.shared, factor(total.sharing_factor), "the same weights at every place: the convolutions"),
    ]
    columns = [
        Column("way", "", "", lambda line: line[0]),
        Column("weights", "", "", lambda line: line[1], grouped, number=True),
        Column("factor", "", "", lambda line: line[2], number=True),
        Column("about", "", "", lambda line: line[3], wraps=True),
    ]
    return [Sheet(columns, lines, title="What the convolutions save, in weights", header=False)]


def savings(network: Network, columns: Sequence[str] = ()) -> Page:
    """Every convolution beside the layers that it stands for."""
    rows = network.savings()
    if not rows:
        return [*_heading(network), Line("it has no convolutions")]
    return [
        *_heading(network),
        Sheet(chosen(SAVING_COLUMNS, columns or SAVING_TABLE), rows, add_up(rows)),
        Line(
            "Weights between the same input and output, biases not counted. dense: every output sees every input. "
            "sparse: every output sees its window, with weights of its own; a window at a padded border keeps those "
            "that meet padding (the column `inside` leaves them out). shared: one set of weights for all places.",
            "aside",
        ),
    ]


def networks(rows: Sequence[Any], columns: Sequence[str]) -> Page:
    """Networks and their totals, a line each."""
    return [Sheet(chosen(NETWORK_COLUMNS, columns), rows)]


def checks(found: Sequence[Checked]) -> Page:
    """What was checked, a line a spec."""
    columns = [
        Column("network", "network", "the spec", lambda one: one.label, wraps=True),
        Column("ok", "", "whether all is well", lambda one: one.ok, lambda ok: "ok" if ok else "NO"),
        Column("found", "", "what was found", _found, wraps=True, breaks=", "),
    ]
    return [Sheet(columns, found, header=False)]


def _found(one: Checked) -> str:
    if one.error is not None:
        count = len(one.error.problems)
        return f"invalid: {count} mistake{'s' if count > 1 else ''}, the first on line {_line(one.error)}"
    parts = []
    for outcome in one.limits:
        sign = "≤" if outcome.kept else ">"
        key, value, most = outcome.limit.key, grouped(outcome.value), grouped(outcome.limit.most)
        parts.append(
            f"{key} {value} {sign} {most}"
            + ("" if outcome.kept else f" by {grouped(outcome.value - outcome.limit.most)}")
        )
    kept = sum(verdict.kept for verdict in one.published)
    if kept:
        parts.append(f"{kept} published figure{'s' if kept > 1 else ''} kept")
    parts += [
        f"{verdict.claim.key} {grouped(verdict.value)} published as {verdict.claim.text}"
        for verdict in one.published
        if not verdict.kept
    ]
    return ", ".join(parts) or "valid"


def _line(error: SpecError) -> str:
    span = error.problems[0].span
    return str(span.line) if span else "1"


def comparison(
    left: Network, right: Network, depth: int | None = 1, columns: Sequence[str] = (), wide: bool = False
) -> Page:
    """Two networks: totals side by side, then layer against layer; all columns if `wide`."""
    names = (left.label, right.label) if left.label != right.label else ("left", "right")
    pairs = align(left.rows(depth, fold=True), right.rows(depth, fold=True))
    narrow = ("left", "left_output", "left_params", "right", "right_output", "right_params", "difference")
    shown = columns or (tuple(column.key for column in pair_columns("", "")) if wide else narrow)
    differing = sum(1 for pair in pairs if pair.left is None or pair.right is None or pair.changes())
    return [
        Line(f"{left.name} and {right.name}", "title"),
        Sheet(_side_by_side(*names), _totals(left, right)),
        Sheet(chosen(pair_columns(*names), shown), pairs),
        Line(f"{differing} of {len(pairs)} rows differ; rows are paired by kind and order", "aside"),
        *_footing(left)[-1:],
    ]


def _side_by_side(left: str, right: str) -> list[Column]:
    return [
        Column("figure", "", "what is counted", lambda row: row[0]),
        Column("left", left, "the first network", lambda row: row[1], grouped, number=True),
        Column("right", right, "the second network", lambda row: row[2], grouped, number=True),
        Column("ratio", "", "second over first", lambda row: ratio(row[2], row[1]), number=True),
    ]


def _totals(left: Network, right: Network) -> list[tuple[str, int, int]]:
    ours, theirs = left.totals, right.totals
    keys = ("weights", "biases", "params", "macs", "conv_params", "fc_params", "weight_layers")
    return [(TITLES[key], getattr(ours, key), getattr(theirs, key)) for key in keys]


TITLES = {column.key: column.title for column in NETWORK_COLUMNS}


def explanation(network: Network, layers: Sequence[Explanation], everything: bool) -> Page:
    """The arithmetic of layers, and of the totals if all are explained."""
    page: Page = [*_heading(network)]
    for one in layers:
        arrives = ", ".join(map(str, one.inputs))
        page.append(Line(f"{one.name}: {one.operation}   {arrives} → {one.output}", "title"))
        if one.steps:
            page.append(_steps(one.steps))
        else:
            page.append(Line("the shape stays, and there are no weights", "aside"))
        page += [Line(text, "aside") for text in (one.note,) if text]
    if everything:
        page += [Line("total", "title"), _steps(explain_totals(network.graph))]
        page += [Line(text, "aside") for text in (network.spec.note,) if text]
    return page


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
