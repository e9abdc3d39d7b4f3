"""What was added, removed and changed between two networks, as a page and as a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cnnarch.analysis.blocks import by_block
from cnnarch.analysis.difference import STATUSES, Difference, Entry, Part
from cnnarch.analysis.figures import FIGURES
from cnnarch.network import Network
from cnnarch.render.columns import NETWORK_COLUMNS, chosen, shown
from cnnarch.render.comparison import sides, totals
from cnnarch.render.data import VERSION, plain, records
from cnnarch.render.frame import footing
from cnnarch.render.numbers import grouped, signed, size
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["COLUMNS", "page", "record", "sheet"]

MOST_ROWS = 60  # of a table for people; if there are more, blocks are summed up, the deepest first
KEPT = ("params", "macs")  # figures that are shown if they are the same, too
TOTALS = (
    "weights", "biases", "params", "buffers", "macs", "flops", "elements", "training_params", "training_buffers",
    "training_macs",
)  # fmt: skip


def page(left: Network, right: Network, depth: int | None = None, columns: Sequence[str] = ()) -> Page:
    """What differs: the totals, then the layers by their names.

    Blocks that were added or removed have one row, and where there would be very many rows, all blocks of
    a depth have one each, unless `depth` says which.
    """
    found = left.difference(right)
    title = left.name if left.name == right.name else f"{left.name} → {right.name}"
    figures = totals((left, right), sides((left, right)), differing=KEPT)
    page: Page = [Line(title, "title"), Line(_counts(found)), figures]
    if found.entries:
        rows, left_out = _rows(found, depth)
        words = "1 line" if len(rows) == 1 else f"all {len(rows)} lines"
        page.append(Sheet(shown(COLUMNS, columns, TABLE), rows, folded=f"layer by layer, {words}"))
        page += _remarks(rows, left_out)
    return [*page, *footing(left)[-1:]]


def sheet(left: Network, right: Network, depth: int | None = None, columns: Sequence[str] = ()) -> Sheet:
    """Every layer that differs, as data; blocks only if a depth is given."""
    found = left.difference(right)
    return Sheet(chosen(COLUMNS, columns or DATA), _entries(found, depth))


def record(left: Network, right: Network, depth: int | None = None, columns: Sequence[str] = ()) -> dict[str, Any]:
    """What differs, a list for each of added, removed, changed and renamed; numbers are those of the layers."""
    found = left.difference(right)
    entries = _entries(found, depth)
    describe: Callable[[Entry], dict[str, Any]] = _described
    if columns:
        known = chosen(COLUMNS, columns)
        describe = lambda entry: records(known, [entry])[0]  # noqa: E731, one of two ways to do the same
    of = {key: (figure.of(left), figure.of(right)) for key, figure in FIGURES.items()}
    return {
        "version": VERSION,
        "networks": records([column for column in NETWORK_COLUMNS if column.key not in FIGURES], [left, right]),
        "batch": left.batch,
        "dtype": left.dtype,
        "totals": {
            key: {"left": ours, "right": theirs, "difference": _minus(ours, theirs)}
            for key, (ours, theirs) in of.items()
        },
        "unchanged": found.unchanged,
        **{status: [describe(entry) for entry in entries if entry.status == status] for status in STATUSES},
    }


def _entries(found: Difference, depth: int | None) -> list[Entry]:
    return found.entries if depth is None else by_block(found, depth)


def _rows(found: Difference, depth: int | None) -> tuple[list[Entry], int | None]:
    """The rows for people, and the depth at which they were summed up for want of room."""
    rows = by_block(found, depth, fold=True)
    if depth is not None or len(rows) <= MOST_ROWS:
        return rows, None
    deepest = max(entry.name.count("/") for entry in rows)
    for less in range(deepest, 0, -1):
        rows = by_block(found, less, fold=True)
        if len(rows) <= MOST_ROWS:
            break
    return rows, less if deepest else None


def _counts(found: Difference) -> str:
    """`1 layer added, 2 changed, 40 unchanged`."""
    counts = [(status, found.layers(status)) for status in STATUSES] + [("unchanged", found.unchanged)]
    words = [f"{grouped(count)} {status}" for status, count in counts if count]
    inputs = sum(entry.part.nodes[0].is_input for entry in found.entries)
    if inputs:
        words.insert(0, "another input" if inputs == 1 else f"{inputs} other inputs")
    return ", ".join(words if found.entries else ["no layer differs", *words])


def _layers(count: int) -> str:
    return "1 layer" if count == 1 else f"{grouped(count)} layers"


def _remarks(rows: list[Entry], depth: int | None) -> Page:
    """What else has to be known to read the table."""
    remarks = ["figures that are the same are not shown; layers are told apart by their names"]
    if any(entry.follow and entry.status in ("changed", "renamed") for entry in rows):
        remarks.append("what only follows a changed layer, as its normalisation and activation, is in its row")
    page: Page = [Line("; ".join(remarks), "aside")]
    if depth is not None:
        page.append(Line(f"shown to a depth of {depth}: `--depth` goes deeper", "aside"))
    return page


# Columns


def change(entry: Entry) -> str:
    """What was done to a layer, in words."""
    if entry.is_block:
        return _inside(entry)
    if entry.status in ("added", "removed"):
        return ", ".join([entry.part.operation, *entry.follow])
    if entry.part.nodes[0].is_input:
        return _output(entry)
    found = [one for one in entry.changes if one.what not in ("name", "input", "output")]
    found = found or [one for one in entry.changes if one.what == "input"]
    return ", ".join([f"was {entry.was}"] * bool(entry.was) + list(map(str, found)))


def _inside(entry: Entry) -> str:
    """Of a block: what it is, or how many of its layers differ."""
    if entry.status in ("added", "removed"):
        words = [entry.part.operation] * bool(entry.part.operation) + [_layers(entry.layers)]
        return ", ".join(words)
    was = [f"was {entry.was}"] * bool(entry.was)
    if entry.status == "renamed":
        return ", ".join([*was, _layers(entry.layers)])
    if len(entry.inside) > 1:
        inside = [f"{count} {status}" for status, count in entry.inside]
        inside[-1] += f" of {_layers(entry.layers)}"
        return ", ".join([*was, *inside])
    [(status, count)] = entry.inside
    many = f"all {_layers(count)}" if count == entry.layers else f"{count} of {_layers(entry.layers)}"
    return ", ".join([*was, f"{many} {status}"])


def _output(entry: Entry) -> str:
    """The shape that leaves, before and now if it is another."""
    shapes = [str(part.output) for part in (entry.left, entry.right) if part is not None]
    return " → ".join(dict.fromkeys(shapes))


def _by(key: str, title: str, about: str, spare: int = 0, show: Callable[[Any], str] = grouped) -> Column:
    """A column that tells by how much a figure grew."""
    return Column(
        key, title, f"difference in {about}", lambda entry: entry.difference(key),
        lambda value: signed(value, show), number=True, spare=spare, unit="bytes" * (show is size),
    )  # fmt: skip


def _side(side: str, key: str) -> Callable[[Entry], Any]:
    def get(entry: Entry) -> Any:
        part = getattr(entry, side)
        return None if part is None else getattr(part, key)

    return get


COLUMNS = [
    Column("status", "", "added, removed, changed or renamed", lambda entry: entry.status),
    Column("name", "layer", "the layer's name, or its block's", lambda entry: entry.name, wraps=True, breaks="/"),
    Column("was", "called before", "its name in the first network, if it is another", lambda entry: entry.was,
           holds="text?"),
    Column("kind", "kind", "the kind of layer, or the block", lambda entry: entry.part.kind),
    Column("layers", "layers", "how many layers it stands for", lambda entry: entry.layers, grouped, number=True),
    Column("change", "what", "what it does, or what it does otherwise", change, wraps=True, breaks=", "),
    Column("left_output", "output before", "the shape that left it", _side("left", "output"),
           holds="shape?"),
    Column("right_output", "output now", "the shape that leaves it", _side("right", "output"),
           holds="shape?"),
    Column("output", "output", "the shape that leaves it, before and now", _output, wraps=True, breaks=" →", spare=4,
           called="output"),
    _by("weights", "weights", "numbers that are trained, without biases"),
    _by("biases", "biases", "biases, and shifts of normalisation"),
    _by("params", "params", "weights and biases"),
    _by("buffers", "buffers", "running statistics, stored but not trained"),
    _by("macs", "MACs", "multiply-adds of a batch", 1),
    _by("elements", "element ops", "element operations of a batch", 7),
    _by("output_bytes", "output bytes", "the bytes that its layers put out for a batch", 6, size),
    _by("training_params", "training params", "params with what only training needs"),
    _by("training_macs", "training MACs", "multiply-adds with what only training needs"),
]  # fmt: skip
DATA = tuple(column.key for column in COLUMNS if column.key != "output")
TABLE = ("status", "name", "change", "output", "params", "macs", "elements", "output_bytes")


# JSON


def _described(entry: Entry) -> dict[str, Any]:
    """A layer with its figures; one that both networks have, with those of both. Of a block: of what differs in it."""
    found: dict[str, Any] = {"name": entry.name, "kind": entry.part.kind, "layers": entry.layers}
    if entry.status in ("added", "removed"):
        return {**found, **_part(entry.part)}
    if entry.is_block:
        found["inside"] = dict(entry.inside)
    if entry.was:
        found["was"] = entry.was
    changes = [{"what": one.what, "left": plain(one.left), "right": plain(one.right)} for one in entry.changes]
    return {
        **found,
        "changes": changes,
        "left": _part(entry.left) if entry.left is not None else None,
        "right": _part(entry.right) if entry.right is not None else None,
        "difference": {key: entry.difference(key) for key in (*TOTALS, "output_bytes")},
    }


def _part(part: Part) -> dict[str, Any]:
    shapes = [plain(shape) for shape in part.inputs]
    return {
        "operation": part.operation,
        "input": shapes[0] if len(shapes) == 1 else shapes,
        "output": plain(part.output),
        **{key: getattr(part.totals, key) for key in TOTALS},
        "output_bytes": part.output_bytes,
    }


def _minus(ours: Any, theirs: Any) -> Any:
    numbers = all(isinstance(value, (int, float)) for value in (ours, theirs))
    return theirs - ours if numbers else None
