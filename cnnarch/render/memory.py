"""The memory that a network takes, as a page and as a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cnnarch.analysis.dtypes import NOT_TRAINED
from cnnarch.analysis.memory import Memory, Turn
from cnnarch.analysis.training import OPTIMIZERS
from cnnarch.network import Network
from cnnarch.render.columns import chosen, shown
from cnnarch.render.data import VERSION, plain, records
from cnnarch.render.frame import heading
from cnnarch.render.numbers import grouped, percent, size
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["KEYS", "page", "record", "turn_columns", "turns"]

TABLE = ("name", "output", "bytes", "place", "alive", "share")


def page(network: Network, found: Memory, optimizer: str, everything: bool, columns: Sequence[str] = ()) -> Page:
    """The figures with their rules, what is alive at the peak, perhaps each turn, and what training keeps."""
    alive = _alive(found)
    return [
        *heading(network),
        _figures(found, optimizer),
        *_order(found),
        *([alive] if alive.rows else []),
        *([turns(found, columns)] if found.turns and (everything or columns) else []),
        *(_training(network, found, optimizer) if found.dtype not in NOT_TRAINED else []),
        *_footing(found),
    ]


def turns(found: Memory, columns: Sequence[str] = ()) -> Sheet:
    """Layer after layer, in the order in which they run."""
    return Sheet(
        shown(turn_columns(found), columns, TABLE),
        found.turns,
        title="Layer by layer, in the order in which they run",
        dim=lambda turn: turn.view,
    )


def record(found: Memory, network: Network, optimizer: str, columns: Sequence[str] = ()) -> dict[str, Any]:
    kept, trained = found.training, found.dtype not in NOT_TRAINED
    return {
        "version": VERSION,
        "network": network.label,
        "name": network.name,
        "batch": found.batch,
        "dtype": found.dtype,
        "in_place": found.in_place,
        "order": found.order,
        "optimizer": optimizer,
        "weights": found.weights,
        "activations": found.activations,
        "peak": found.peak,
        "weights_and_peak": found.with_weights,
        "training": kept.total(optimizer) if trained else None,
        "peak_step": found.turns[found.at].name if found.turns else None,
        "given_peak": found.given,
        "least_peak": found.least,
        "exact": found.exact if found.order == "best" else None,
        "alive": [
            {"name": one.name, "output": plain(one.shape), "regions": one.shape.regions, "bytes": one.size}
            for one in found.alive
        ],
        "training_parts": {
            "weights": kept.weights,
            "gradients": kept.gradients,
            "optimizer": kept.state(optimizer),
            "buffers": kept.buffers,
            "activations": kept.activations,
        }
        if trained
        else None,
        "kept": {
            one.kind: {"layers": one.layers, "tensors": one.tensors, "beside": one.beside, "keeps": one.words}
            for one in kept.kept
        }
        if trained
        else None,
        "layers": records(chosen(turn_columns(found), columns or KEYS), found.turns),
    }


def turn_columns(found: Memory) -> list[Column]:
    """The columns that a table of layers in the order of their turns can have."""
    return [
        Column("name", "layer", "the layer that runs", lambda turn: turn.name, wraps=True, breaks="/"),
        Column("kind", "kind", "the kind of layer", lambda turn: turn.kind, spare=8),
        Column("output", "output", "the shape that it makes", lambda turn: turn.output, spare=6, holds="shape"),
        Column("regions", "regions", "regions that it makes", lambda turn: turn.output.regions, grouped, True, spare=9),
        _bytes("bytes", "makes", "bytes that it makes, none for a view", lambda turn: turn.size, 3),
        Column("over", "over", "the layer whose output it writes over or shows", lambda turn: turn.over, wraps=True,
               breaks="/", spare=7),
        Column("view", "view", "whether it makes no tensor", lambda turn: turn.view, lambda value: "yes" * value,
               spare=8, holds="yes"),
        Column("place", "where", "what it writes over or shows, in words", _place, wraps=True, breaks="/", spare=5),
        _bytes("working", "room", "bytes that it needs for itself while it runs", lambda turn: turn.working, 7),
        _bytes("alive", "alive", "bytes that are in memory while it runs", lambda turn: turn.alive),
        _bytes("after", "after", "bytes that are in memory when it is done", lambda turn: turn.after, 7),
        Column("share", "of the peak", "what is alive, as a share of the peak",
               lambda turn: turn.alive / found.peak if found.peak else 0.0, percent, spare=4,
               share=lambda turn: (turn.alive, found.peak), holds="number"),
    ]  # fmt: skip


KEYS = ("name", "kind", "output", "regions", "bytes", "over", "view", "working", "alive", "after")


def _bytes(key: str, title: str, about: str, get: Callable[[Any], int], spare: int = 0) -> Column:
    return Column(
        key, title, about, get, lambda value: size(value) if value else "", number=True, spare=spare, unit="bytes"
    )


def _place(turn: Turn) -> str:
    if not turn.over:
        return ""
    return f"view of {turn.over}" if turn.view else f"in place of {turn.over}"


def _figures(found: Memory, optimizer: str) -> Sheet:
    """The four figures, and what they mean."""
    how = "element-wise layers in place" if found.in_place else "no layer in place"
    rows = [
        ("weights", found.weights, "weights, biases and running statistics, shared ones once"),
        ("activations", found.activations, "every tensor that layers make, and the input"),
        ("peak", found.peak, f"the most that is alive at a time at inference, {how}"),
        ("weights and peak", found.with_weights, "what inference takes at least"),
        (f"training, {optimizer}", found.training.total(optimizer),
         "weights, gradients, the optimiser's state, and activations kept for the backward pass"),
    ]  # fmt: skip
    if found.dtype in NOT_TRAINED:
        rows.pop()
    columns = [
        Column("figure", "figure", "", lambda row: row[0]),
        Column("bytes", "memory", "", lambda row: row[1], size, number=True),
        Column("rule", "what is counted", "", lambda row: row[2], wraps=True),
    ]
    return Sheet(columns, rows)


def _order(found: Memory) -> Page:
    """What was found of a better order."""
    if found.order == "spec" or found.given is None or found.least is None:
        return []
    text = "the spec's order is kept"
    if found.peak < found.given:
        text = f"another order (`--all` shows it) has a peak of {size(found.peak)}, the spec's {size(found.given)}"
    if found.exact:
        return [Line(f"{text}; no order has a lower peak")]
    return [Line(f"{text}; not all orders were tried, every one needs {size(found.least)} at least")]


def _alive(found: Memory) -> Sheet:
    """The tensors at the peak, and the room that the layer needs for itself."""
    turn = found.turns[found.at] if found.turns else None
    rows = [(one.name, str(one.shape), one.size) for one in found.alive]
    if turn and turn.working:
        rows.append((turn.name, "room of its own", turn.working))
    columns = [
        Column("name", "tensor", "", lambda row: row[0], wraps=True, breaks="/"),
        Column("shape", "shape", "", lambda row: row[1]),
        *_amount(found.peak, lambda row: row[2]),
    ]
    title = f"Alive at the peak, while {turn.name} runs" if turn else "Alive"
    return Sheet(columns, rows, ("total", "", found.peak), title=title)


def _training(network: Network, found: Memory, optimizer: str) -> Page:
    """What training takes, and what of that is kept for the backward pass."""
    more = network.totals.training_params != network.totals.params
    return [_parts(found, optimizer, more), *([_kept(found)] if found.training.kept else [])]


def _parts(found: Memory, optimizer: str, more: bool) -> Sheet:
    """What training keeps; `more` says whether there are layers for it alone."""
    kept = found.training
    numbers = OPTIMIZERS[optimizer]
    rows = [
        ("weights", kept.weights, "weights and biases" + ", with what runs only in training" * more),
        ("gradients", kept.gradients, "one for each of them"),
        (f"{optimizer}'s state", kept.state(optimizer), f"{numbers or 'no'} number{'s' * (numbers != 1)} for each"),
        ("buffers", kept.buffers, "running statistics"),
        ("activations", kept.activations, "what the backward pass needs"),
    ]
    columns = [
        Column("part", "part", "", lambda row: row[0]),
        *_amount(kept.total(optimizer), lambda row: row[1]),
        Column("about", "what", "", lambda row: row[2], wraps=True, spare=4),
    ]
    return Sheet(columns, rows, ("total", kept.total(optimizer), ""), title=f"Training with {optimizer}")


def _kept(found: Memory) -> Sheet:
    """What is kept for the backward pass, kind by kind."""
    kept = found.training
    columns = [
        Column("kind", "kind", "", lambda row: row.kind),
        Column("layers", "layers", "", lambda row: row.layers, grouped, number=True, spare=5),
        *_amount(kept.activations, lambda row: row.size),
        Column("words", "each keeps", "", lambda row: row.words, wraps=True, spare=3),
    ]
    rows = sorted(kept.kept, key=lambda one: -one.size)
    return Sheet(columns, rows, title="Kept for the backward pass, a tensor with the first that keeps it")


def _amount(whole: int, get: Callable[[Any], int]) -> list[Column]:
    """A column of bytes, and one of their share."""
    return [
        Column("bytes", "memory", "", get, size, number=True),
        Column("share", "share", "", lambda row: get(row) / whole if whole else 0.0, percent, number=True, spare=6),
    ]


def _footing(found: Memory) -> Page:
    """What else there is, and what was not counted."""
    trained = found.dtype not in NOT_TRAINED
    training = "gradients of activations, the loss, " if trained else ""
    more = "" if trained else f" Networks are not trained in {found.dtype}."
    return [
        Line(
            f"batch {found.batch}; {found.dtype}. Not counted: workspaces of convolutions, {training}"
            f"and what a framework needs for itself.{more}",
            "aside",
        )
    ]
