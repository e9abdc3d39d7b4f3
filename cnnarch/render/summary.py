"""A network layer by layer, as a page and as a record."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from cnnarch.analysis.figures import FIGURES
from cnnarch.analysis.replacements import instead
from cnnarch.analysis.rows import Row
from cnnarch.analysis.savings import add_up
from cnnarch.analysis.totals import AtLeast
from cnnarch.errors import ReadError, printable, suggestion
from cnnarch.network import Network
from cnnarch.render.columns import (
    LAYER_DATA,
    LAYER_TABLE,
    chosen,
    layer_columns,
    network_input,
    shown,
    subtotal_columns,
)
from cnnarch.render.data import VERSION, cell, plain, records
from cnnarch.render.frame import footing, heading
from cnnarch.render.numbers import against, factor, grouped
from cnnarch.render.sheets import Column, Line, Page, Sheet
from cnnarch.shapes import Shape

__all__ = ["every_figure", "layers", "layers_of_all", "lookup", "one_or_all", "page", "record"]


NOT = {
    "grouped": "if every filter saw all channels",
    "separable": "if a window in groups and the 1×1 after it were one",
    "factorised": "if windows one after another were one large window",
    "narrowed": "if they had no 1×1 to fewer channels before a window",
}


class _Sum(NamedTuple):
    """The last row of a table of layers."""

    name: str
    weights: int
    biases: int
    params: int
    buffers: int
    macs: int
    elements: int
    kind: str = ""
    operation: str = ""
    inputs: tuple[Any, ...] = ("",)
    output: Shape | str = ""
    flat: int | None = None
    folded: tuple[Any, ...] = ()
    shares: str = ""
    train_only: bool = False
    nodes: tuple[Any, ...] = ()

    @property
    def flops(self) -> int:
        return 2 * self.macs


def page(network: Network, depth: int | None = 1, fold: bool = True, columns: Sequence[str] = ()) -> Page:
    """Layer by layer, then where the parameters and the work are, and what the convolutions save."""
    totals = network.totals
    page: Page = [*heading(network), layers(network, depth, fold, columns)]
    if totals.weight_layers:
        layered = f"{totals.weight_layers} weight layer{'s' if totals.weight_layers > 1 else ''}"
        page.append(Line(f"{layered}; {grouped(totals.params)} parameters with biases"))
        page.append(Sheet(subtotal_columns(network), network.subtotals))
    page += _saved(network)
    if totals.training_params != totals.params:
        page.append(
            Line(f"{grouped(totals.training_params)} parameters in training, with what runs only there", "text")
        )
    return page + footing(network)


def layers(network: Network, depth: int | None, fold: bool, columns: Sequence[str], totals: bool = True) -> Sheet:
    """The layers alone; with `totals` what goes in stands above them and the sums below."""
    rows: list[Row | _Sum] = list(network.rows(depth, fold))
    sums = network.totals
    kept = AtLeast if network.graph.not_counted else int
    macs, elements = kept(sums.macs // network.batch), kept(sums.elements // network.batch)
    last = _Sum("total", sums.weights, sums.biases, sums.params, sums.buffers, macs, elements, nodes=network.layers)
    return Sheet(
        shown(layer_columns(network), columns, LAYER_TABLE),
        [*_inputs(network), *rows] if totals else rows,
        last if totals else None,
        dim=lambda row: row.train_only or row.name in network.inputs,
    )


def layers_of_all(networks: Sequence[Network], depth: int | None, columns: Sequence[str]) -> Sheet:
    """The layers of one network, or of several one after another, each with its network's name."""
    sheets = [layers(network, depth, False, columns, totals=False) for network in networks]
    if len(sheets) == 1:
        return sheets[0]
    rows = [(network, sheet, row) for network, sheet in zip(networks, sheets) for row in sheet.rows]
    first = Column("network", "network", "what it is called on the command line", lambda entry: entry[0].label)

    def other(number: int, column: Column) -> Column:
        return column._replace(get=lambda entry: entry[1].columns[number].get(entry[2]))

    return Sheet([first, *(other(number, column) for number, column in enumerate(sheets[0].columns))], rows)


def record(network: Network, depth: int | None = None, columns: Sequence[str] = ()) -> dict[str, Any]:
    """A network with its layers and totals."""
    keys = columns or (*LAYER_DATA, "shares", "train_only")
    return {
        "version": VERSION,
        "network": network.label,
        "name": network.name,
        "source": network.spec.origin,
        "input": plain(network_input(network)),
        "batch": network.batch,
        "outputs": {name: list(shape) for name, shape in network.outputs.items()},
        "output_regions": {name: shape.regions for name, shape in network.outputs.items()},
        "layers": records(chosen(layer_columns(network), keys), network.rows(depth)),
        "totals": network.totals._asdict(),
        "not_counted": [node.name for node in network.graph.not_counted],
        "families": {
            one.family or "others": {**one._asdict(), "params": one.params, "macs": one.macs * network.batch}
            for one in network.subtotals
        },
    }


def every_figure(record: dict[str, Any], network: Network, path: str) -> dict[str, Any]:
    """The record with all figures of a network in its totals, if the path asks for one that it has not.

    JSON does without: memory and roofline would take a tenth of a start.
    """
    part, _, key = path.partition(".")
    if part != "totals" or key in record["totals"]:
        return record
    figures = {figure.key: figure.of(network) for figure in FIGURES.values()}
    return {**record, "totals": {**record["totals"], **figures}}


def one_or_all(found: list[dict[str, Any]]) -> Any:
    """What was asked for one spec stands alone, for several in a list."""
    return found[0] if len(found) == 1 else {"version": VERSION, "networks": found}


def lookup(record: dict[str, Any], path: str) -> str:
    """One value of a record as bare text: `totals.params`, `layers.conv1.output`.

    Raises ReadError if there is none.
    """
    value: Any = record
    for part in path.split("."):
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = {one["name"]: one for one in value}
        if not isinstance(value, dict) or part not in value:
            keys = list(map(str, value)) if isinstance(value, dict) else []
            hint = suggestion(part, keys) or (f"there are {', '.join(keys[:20])}" if keys else "it has no parts")
            raise ReadError(f"there is no `{part}` in `--get {path}`", hint, keys)
        value = value[part]
    if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], (dict, list))):
        raise ReadError(
            f"`--get {path}` is not one value", "name what is in it, as totals.params, layers.conv1.weights"
        )
    if value is None:
        raise ReadError(f"what `--get {path}` asks for is not known here")
    return printable(cell(value))


def _inputs(network: Network) -> list[_Sum]:
    return [_Sum(name, 0, 0, 0, 0, 0, 0, output=shape) for name, shape in network.inputs.items()]


def _saved(network: Network) -> Page:
    """What the convolutions save, in three lines, and in one for each way to save over full convolutions."""
    rows = network.savings()
    if not rows:
        return []
    total = add_up(rows)
    lines = [
        ("dense", total.dense, "", "if every output saw every input"),
        ("sparse", total.sparse, factor(total.window_factor), "if it saw only its window, with its own weights"),
        ("shared", total.shared, factor(total.sharing_factor), "the same weights at every place: the convolutions"),
    ]
    for key, found in network.replacements().items():
        if found:
            full = instead(found, total.shared, 0)[0]
            lines.append((f"not {key}", full, against(full, total.shared), NOT[key]))
    columns = [
        Column("way", "", "", lambda line: line[0]),
        Column("weights", "", "", lambda line: line[1], grouped, number=True),
        Column("factor", "", "", lambda line: line[2], number=True),
        Column("about", "", "", lambda line: line[3], wraps=True, spare=5, called="what they mean"),
    ]
    return [Sheet(columns, lines, title="What the convolutions save, in weights", header=False)]
