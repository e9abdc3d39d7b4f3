"""A worksheet and its key, as a lesson and as a record."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cnnarch.analysis.worksheet import ASKED, Blank, Cell, Entry, Worksheet
from cnnarch.layers import Step
from cnnarch.layers.conv import Conv
from cnnarch.layers.norm import BatchNorm
from cnnarch.layers.pool import Pool
from cnnarch.layers.sliding import Sliding, times
from cnnarch.network import Network
from cnnarch.render.data import VERSION, plain
from cnnarch.render.explanation import Lesson, Working
from cnnarch.render.frame import heading
from cnnarch.render.lesson import set_lesson
from cnnarch.render.numbers import grouped
from cnnarch.render.sheets import Column, Line, Sheet
from cnnarch.shapes import Shape

__all__ = ["lesson", "record", "set_worksheet"]

ROOM = "_" * 4  # to write in, where a format has no line or box
TITLES = {"filters": "filters", "kernel": "kernel", "output": "output", "weights": "weights",
          "biases": "biases", "macs": "MACs"}  # fmt: skip

STYLE = """
.blank { display: inline-block; min-width: 6.5em; height: 1.7em; line-height: 1.7em; padding: 0 .3em; text-align: left;
  border: 1px solid currentColor; border-radius: 3px; box-sizing: border-box; }
.blank small, .answer small { opacity: .75; font-weight: normal; }
.answer { font-weight: bold; }"""


def lesson(network: Network, sheet: Worksheet, answers: bool) -> Lesson:
    """The worksheet, or with `answers` its key: the same blanks filled in, and how each follows."""
    count = len(sheet.blanks)
    called = "Key of the worksheet" if answers else "Worksheet"
    asks = "Fill in the blank." if count == 1 else f"Fill in the {count} blanks."
    parts: Lesson = [Line(f"{called}, seed {sheet.seed}", "title"), *heading(network)]
    if not answers:
        parts += [
            Line(
                f"{asks} Each follows from what the table shows, in its own row or in the rows above. A layer takes "
                "the output of the row above, unless it says of what; flatten puts all its numbers in one row; an fc "
                "has units in the place of filters."
            )
        ]
    parts += [_table(sheet, answers), *_remarks(network, sheet)]
    if answers:
        return [*parts, Line("How each follows", "title"), Working(_key(sheet))]
    return [*parts, Line("What you need", "title"), Working(_rules(sheet))]


def set_worksheet(network: Network, sheet: Worksheet, answers: bool, form: str) -> str:
    """The worksheet as Markdown, LaTeX or HTML, with room to write in."""
    title = f"{network.name}: {'key of the worksheet' if answers else 'worksheet'}"
    text = set_lesson(lesson(network, sheet, answers), form, title, STYLE)
    if form == "latex":
        return re.sub(r"\((\d+)\) (?:\\_){4}", r"(\1)~\\underline{\\hspace{2.6em}}", text)
    if form == "html":
        text = re.sub(rf"\((\d+)\) {ROOM}", r'<span class="blank"><small>(\1)</small></span>', text)
        return re.sub(r"(<td[^>]*>)(\(\d+\)) ([^<]+)", r'\1<span class="answer"><small>\2</small> \3</span>', text)
    return text


def _table(sheet: Worksheet, answers: bool) -> Sheet:
    blanks = sheet.by_cell

    def asked(column: str) -> Callable[[tuple[int, Entry]], str]:
        return lambda row: _cell(row[1], column, blanks.get(Cell(row[0], column)), answers)

    def of(read: Callable[[Entry], str]) -> Callable[[tuple[int, Entry]], str]:
        return lambda row: read(row[1])

    columns = [
        Column("name", "layer", "the layer, and how many are equal to it", of(_name), wraps=True, breaks="/"),
        Column("operation", "operation", "what it does", of(_operation), wraps=True, breaks=", "),
        *(Column(key, TITLES[key], TITLES[key], asked(key)) for key in ASKED[:2]),
        *(Column(key, TITLES[key], TITLES[key], asked(key), number=key != "output") for key in ASKED[2:]),
    ]
    return Sheet(columns, list(enumerate(sheet.entries)))


def _cell(entry: Entry, column: str, blank: Blank | None, answers: bool) -> str:
    value = entry.value(column)
    text = "" if not value or (column != "output" and entry.row.train_only) else _text(value)
    if blank is None:
        return text
    return f"({blank.number}) {text if answers else ROOM}"


def _text(value: int | Shape | tuple[int, ...]) -> str:
    if isinstance(value, Shape):
        return str(value)
    return times(value) if isinstance(value, tuple) else grouped(value)


def _name(entry: Entry) -> str:
    return f"{entry.name} (×{entry.times})" if entry.times > 1 else entry.name


def _operation(entry: Entry) -> str:
    """What it does, of what if that is not the output above, and what follows it; nothing that is asked for."""
    said = entry.row.kind if entry.asks or entry.kernel else entry.row.operation
    taken = "" if entry.before is not None else f" of {' and '.join(map(str, entry.row.inputs))}"
    words = [f"{said}{taken}", *_details(entry), *(node.layer.kind for node in entry.row.folded)]
    words += [f"weights of {entry.row.shares}"] if entry.row.shares else []
    return ", ".join([*words, *(["only in training"] if entry.row.train_only else [])])


def _details(entry: Entry) -> list[str]:
    """The settings that a formula takes: a stride, padding, and what is rare."""
    if not entry.kernel:
        return []
    layer, x = entry.node.layer, entry.row.inputs[0]
    facts = layer.facts(*entry.row.inputs)
    words = [f"stride {facts['stride']}"]
    words += [f"padding {facts['padding']}"] if facts["padding"] != "0" else []
    words += [f"dilation {facts['dilation']}"] if facts["dilation"] != "1" else []
    if isinstance(layer, Conv) and layer.split(x) > 1:
        words.append("depthwise" if layer.groups == "depthwise" else f"{layer.split(x)} groups")
    if isinstance(layer, Pool) and layer.ceil:
        words.append("rounded up")
    return words


def _remarks(network: Network, sheet: Worksheet) -> list[Line]:
    """What a class can check its sums with, and what rows mean."""
    totals = network.totals
    macs = totals.macs // network.batch
    lines = [
        Line(
            f"all layers together: {grouped(totals.weights)} weights, {grouped(totals.biases)} biases, "
            f"{grouped(macs)} MACs (multiply-adds, biases not counted)",
            "aside",
        )
    ]
    if any(entry.times > 1 for entry in sheet.entries):
        lines.append(
            Line("(×3) says that there are three equal layers; the first is shown, and the figures are of one", "aside")
        )
    return lines


def _rules(sheet: Worksheet) -> list[Step]:
    """The formulas that what is asked for takes, with what is to be known about them."""
    columns = {one.cell.column for one in sheet.blanks}
    entries = [sheet.entries[number] for number in sorted({one.cell.row for one in sheet.blanks})]
    layers = [entry.node.layer for entry in entries]
    has_window = any(isinstance(layer, (Conv, Pool)) for layer in layers)
    has_units = any(layer.kind == "fc" for layer in layers)
    found = []
    if "output" in columns and has_window:
        found += [
            Step("output height, width", "⌊(input + padding − kernel) / stride⌋ + 1", "", 0,
                 "padding on both sides, `1+2` if they differ; `rounded up` takes ⌈ ⌉ instead"),
            Step("output depth", "filters", "", 0, "a pool keeps the channels"),
        ]  # fmt: skip
    if any(map(_is_dilated, entries)):
        found.append(Step("dilated kernel", "dilation × (kernel − 1) + 1", "", 0, "in the formula of the output"))
    if columns & {"weights", "filters", "kernel"}:
        groups = any(isinstance(layer, Conv) and layer.groups != 1 for layer in layers)
        remark = "depthwise: as many groups as channels" if groups else ""
        channels = "(channels / groups)" if groups else "channels"
        if any(isinstance(layer, Conv) for layer in layers):
            found.append(Step("weights, conv", f"kernel × kernel × {channels} × filters", "", 0, remark))
        if has_units:
            found.append(Step("weights, fc", "inputs × units", "", 0))
    if any(isinstance(layer, BatchNorm) for layer in layers):
        found.append(Step("weights and biases, batchnorm", "channels", "", 0))
    if columns & {"biases", "filters"}:
        found.append(Step("biases", "filters", "", 0, "units of an fc" if has_units else ""))
    if "macs" in columns:
        found.append(Step("MACs", "output height × output width × weights", "", 0, "of an fc on a vector: weights"))
    return found


def _is_dilated(entry: Entry) -> bool:
    layer = entry.node.layer
    return isinstance(layer, Sliding) and any(one.dilation > 1 for one in layer.resolve(*entry.row.inputs))


def _key(sheet: Worksheet) -> list[Step]:
    """The working of every blank, under its number."""
    return [
        step._replace(quantity=f"({one.number}) {one.name}: {step.quantity}")
        for one in sheet.blanks
        for step in one.steps
    ]


def record(network: Network, sheet: Worksheet, answers: bool) -> dict[str, Any]:
    """The table with null in the place of blanks, and the blanks; with `answers` what stands there and why."""
    blanks = sheet.by_cell
    return {
        "version": VERSION,
        "network": network.label,
        "name": network.name,
        "seed": sheet.seed,
        "rows": [_row(entry, number, blanks) for number, entry in enumerate(sheet.entries)],
        "blanks": [_blank(one, answers) for one in sheet.blanks],
    }


def _row(entry: Entry, number: int, blanks: dict[Cell, Blank]) -> dict[str, Any]:
    shown = {key: None if (number, key) in blanks else _plain(entry.value(key)) for key in ASKED}
    above = entry.before is not None
    return {
        "name": entry.name,
        "times": entry.times,
        "kind": entry.row.kind,
        "operation": _operation(entry),
        "input": None if above else [list(shape) for shape in entry.row.inputs],
        "input_is_above": above,
        **shown,
    }


def _blank(one: Blank, answers: bool) -> dict[str, Any]:
    asked = {"number": one.number, "row": one.cell.row, "name": one.name, "column": one.cell.column}
    if not answers:
        return asked
    return {**asked, "answer": _plain(one.answer), "steps": [step._asdict() for step in one.steps]}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) and not isinstance(value, Shape) else plain(value)
