"""The table of all layers: blocks before what is in them, for a script to open and close, sort and search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cnnarch.analysis.rows import Row, tree
from cnnarch.graph import Node
from cnnarch.network import Network
from cnnarch.render.columns import chosen, layer_columns
from cnnarch.render.numbers import grouped
from cnnarch.render.receptive_field import words
from cnnarch.render.sheets import Column
from cnnarch.render.web import safe

__all__ = ["AT_ONCE", "bars", "table"]

AT_ONCE = 400  # rows that are shown before the reader asks for more
DEEPEST = 8  # steps of indentation

# The columns, how the script orders their texts, and the total that a bar is a share of.
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("operation", "text", ""),
    ("output", "shape", ""),
    ("params", "number", "params"),
    ("macs", "number", "macs"),
    ("elements", "number", "elements"),
)
SEEN = ("receptive field", "pixels of the input that a place of its output sees")


def table(network: Network) -> str:
    """All layers of a network as a table that needs no script; what the script adds are buttons."""
    columns = chosen(layer_columns(network), [key for key, _, _ in COLUMNS])
    rows = _rows(network, columns)
    return "\n".join(
        [
            f'<table class="layers" data-first="{AT_ONCE}">\n<caption><span>{_caption(network)}</span></caption>',
            f"<thead>\n<tr>{_head(columns)}</tr>\n</thead>\n<tbody>",
            *_inputs(network),
            *rows,
            f"</tbody>\n<tfoot>\n{_total(network)}\n</tfoot>\n</table>\n",
        ]
    )


def _caption(network: Network) -> str:
    count = len(network.layers)
    text = f"{grouped(count)} layer{'s' if count != 1 else ''} of {network.name}"
    return safe(f"{text}; a bar is a share of the total")


def _head(columns: Sequence[Column]) -> str:
    cells = ['<th scope="col" data-sort="text">layer</th>']
    for column, (_, sort, _) in zip(columns, COLUMNS):
        right = ' class="right"' if column.number else ""
        cells.append(
            f'<th scope="col" data-sort="{sort}"{right} title="{safe(column.about)}">{safe(column.title)}</th>'
        )
    title, about = SEEN
    return "".join([*cells, f'<th scope="col" data-sort="shape" title="{safe(about)}">{title}</th>'])


def _inputs(network: Network) -> Iterator[str]:
    blank = "<td></td>" * 4
    for number, node in enumerate(network.graph.inputs):
        name = f'<th scope="row">{safe(node.name)}</th>'
        yield f'<tr class="dim source" data-at="{number}">{name}<td></td><td>{node.output}</td>{blank}</tr>'


def _rows(network: Network, columns: Sequence[Column]) -> Iterator[str]:
    """A block has the numbers of its first and its last node, a layer its own."""
    number = len(network.graph.inputs)
    cells = _cells(network, columns)
    top = 0
    for deep, row in tree(network.graph):
        top += not deep
        words_ = [f"d{min(deep, DEEPEST)}"] if deep else []
        words_ += ["in"] if deep else ["late"] if top > AT_ONCE else []
        words_ += ["dim"] if row.train_only else []
        if row.is_block:
            words_.append("block")
            place = f'data-span="{number} {number + len(row.nodes) - 1}"'
        else:
            place = f'data-at="{number}"'
            number += 1
        class_ = f' class="{" ".join(words_)}"' if words_ else ""
        yield f"<tr{class_} {place}>{_name(row.name, deep)}{cells(row)}</tr>"


def _name(name: str, deep: int) -> str:
    """The last part of a name; the blocks before it are said aloud, and shown where rows are sorted."""
    parts = name.split("/")
    before, own = "/".join(parts[:deep]), "/".join(parts[deep:])
    path = f'<span class="path">{safe(before)}/</span>' if before else ""
    return f'<th scope="row">{path}{safe(own)}</th>'


def _cells(network: Network, columns: Sequence[Column]) -> Callable[[Row], str]:
    """What makes the cells of a row."""
    totals: Any = network.totals
    wholes = [getattr(totals, key) if key else 0 for _, _, key in COLUMNS]
    scales = [1 if key == "params" else network.batch for _, _, key in COLUMNS]
    keys = [key for _, _, key in COLUMNS]
    seen = _seen(network)

    def cells(row: Row) -> str:
        made = []
        for column, key, whole, scale in zip(columns, keys, wholes, scales):
            text = safe(column.text(row))
            part = 0 if row.train_only else getattr(row, key) * scale if whole else 0
            words_ = [*(["right"] if column.number else []), *([_bar(part, whole)] if part else [])]
            made.append(f'<td class="{" ".join(words_)}">{text}</td>' if words_ else f"<td>{text}</td>")
        return "".join([*made, f"<td>{seen(row.nodes)}</td>"])

    return cells


def _bar(part: int, whole: int) -> str:
    """The class that draws a line under a number, in hundredths; what is less than one is still seen."""
    return f"share s{(200 * part + whole) // (2 * whole)}"


def bars() -> str:
    """The rules of these classes: an element for each bar would take as long to open as the rest of a table."""
    rules = [f".layers .s{one} {{ background-size: {one}% 3px }}" for one in range(1, 101)]
    return "\n".join([".layers .s0 { background-size: 1px 3px }", *rules])


def _seen(network: Network) -> Callable[[Sequence[Node]], str]:
    """What tells the receptive field of layers; it is worked out once for those that have the same places."""
    known: dict[tuple[int, ...], str] = {}

    def seen(nodes: Sequence[Node]) -> str:
        running = [node for node in nodes if not node.train_only] or nodes
        key = tuple(map(id, network.receptive_field.path(running[-1])))
        if key not in known:
            found = network.receptive_field.of(running[-1])
            texts = [words(field) if len(found) == 1 else f"{field.input} {words(field)}" for field in found]
            known[key] = safe(", ".join(texts))
        return known[key]

    return seen


def _total(network: Network) -> str:
    totals = network.totals
    numbers = "".join(f'<td class="right">{grouped(one)}</td>' for one in (totals.params, totals.macs, totals.elements))
    return f'<tr><th scope="row">total</th><td></td><td></td>{numbers}<td></td></tr>'
