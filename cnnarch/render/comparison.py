"""Networks side by side, as a page and as a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cnnarch.analysis.comparison import align
from cnnarch.analysis.figures import FIGURES
from cnnarch.network import Network
from cnnarch.render.columns import NETWORK_COLUMNS, chosen, difference, pair_columns, shown
from cnnarch.render.data import VERSION, records
from cnnarch.render.frame import footing
from cnnarch.render.numbers import ratio, signed, signed_percent
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["page", "page_of_several", "pairs", "record", "sides", "totals"]

PAIR_TABLE = ("left", "left_output", "left_params", "right", "right_output", "right_params", "difference")
WIDTH = 80  # cells of a terminal: figures stand below each other if so wide a table has room for all networks
SPARE = {"peak": 1, "weight_layers": 2, "weight_memory": 3}  # how soon a figure gives way in a narrow table of many
LONGEST = 24  # part of a name above a column
NOT_KNOWN = "not known"


def page(left: Network, right: Network, depth: int | None = None, columns: Sequence[str] = ()) -> Page:
    """Two networks: totals side by side, then layer against layer.

    Blocks stand as rows unless `depth` says otherwise, or only one of the two has any.
    """
    if depth is None and bool(left.graph.groups) == bool(right.graph.groups):
        depth = 1
    sheet = pairs(left, right, depth, columns, PAIR_TABLE)
    differing = sum(difference(pair, "", "") != "same" for pair in sheet.rows)
    return [
        Line(f"{left.name} and {right.name}", "title"),
        totals((left, right), sides((left, right))),
        sheet,
        Line(f"{differing} of {len(sheet.rows)} rows differ; rows are paired by kind and order", "aside"),
        *footing(left)[-1:],
    ]


def page_of_several(networks: Sequence[Network], columns: Sequence[str] = ()) -> Page:
    """The totals of many networks: a column each if there is room for all, else a row each."""
    sheet = totals(networks, sides(networks))
    if columns or _width(sheet) > WIDTH:
        figures = {figure.column.key for figure in sheet.rows}
        known = [_known(column) if column.key in FIGURES else column for column in NETWORK_COLUMNS]
        keys = [column.key for column in known if column.key in {"network"} | figures]
        sheet = Sheet(shown(known, columns, keys), networks)
    return [sheet, *footing(networks[0])[-1:]]


def _known(column: Column) -> Column:
    """A figure's column, which says where it is not known."""
    spare = 9 if column.key.startswith("training") else SPARE.get(column.key, column.spare)
    return column._replace(words=lambda network: _text(column, network, column.get(network)), spare=spare)


def pairs(
    left: Network,
    right: Network,
    depth: int | None,
    columns: Sequence[str] = (),
    otherwise: Sequence[str] = (),
    fold: bool = True,
) -> Sheet:
    """The layers of two networks, side by side; all columns if none are named here nor in `otherwise`."""
    known = pair_columns(*sides((left, right)))
    keys = otherwise or [column.key for column in known]
    return Sheet(shown(known, columns, keys), align(left.rows(depth, fold), right.rows(depth, fold)))


def record(networks: Sequence[Network], depth: int | None = None, columns: Sequence[str] = ()) -> dict[str, Any]:
    """The totals of several networks, and for two of them the layers in pairs."""
    if len(networks) != 2:
        known = chosen(NETWORK_COLUMNS, columns) if columns else NETWORK_COLUMNS
        return {"version": VERSION, "networks": records(known, networks)}
    sheet = pairs(networks[0], networks[1], depth, columns or ("left", "right", "difference"), fold=False)
    totals = records(NETWORK_COLUMNS, networks)
    return {"version": VERSION, "networks": totals, "pairs": records(sheet.columns, sheet.rows)}


def sides(networks: Sequence[Network]) -> list[str]:
    """What networks are called above their columns: as on the command line, if that tells them apart.

    A pipe such as `/dev/fd/63` says nothing; there it is the name that stands in the spec.
    """
    labels = [network.name if _is_stream(network.label) else network.label for network in networks]
    short = len(labels) > 2 or max(len(part) for label in labels for part in label.split("/")) <= LONGEST
    if len(set(labels)) == len(labels) and short:
        return labels
    if len(labels) == 2:
        return ["left", "right"]
    return [f"{label} ({number})" for number, label in enumerate(labels, 1)]


def _is_stream(label: str) -> bool:
    return label == "-" or label.startswith(("/dev/", "/proc/"))


class _Figure(NamedTuple):
    """A figure of some networks: its raw values, and how they are told."""

    column: Column
    values: list[Any]
    texts: list[str]

    def are_numbers(self) -> bool:
        return all(isinstance(value, (int, float)) for value in self.values)

    def are_whole(self) -> bool:
        """Of rounded numbers the difference would not seem to be right."""
        return all(isinstance(value, int) for value in self.values)


def totals(networks: Sequence[Network], names: Sequence[str], differing: Sequence[str] | None = None) -> Sheet:
    """Every figure of some networks, and their inputs, a column each; of two of them also how they differ.

    What none of them has is left out, and if `differing` are given, what is the same in all but for these.
    """
    figures = _figures(networks)
    rows = [
        figure
        for figure in figures.values()
        if not _says_nothing(figure, figures)
        and (differing is None or figure.column.key in differing or not _is_same(figure))
    ]
    columns = [Column("figure", "", "what is counted", lambda figure: figure.column.title)]
    columns += [_side(number, name) for number, name in enumerate(names)]
    if len(networks) != 2:
        return Sheet(columns, rows)
    by, share, times = _against()
    return Sheet([*columns, *([times, by] if differing is None else [by, share])], rows)


def _figures(networks: Sequence[Network]) -> dict[str, _Figure]:
    found = {}
    for column in NETWORK_COLUMNS:
        if column.key in FIGURES or column.key == "input":
            values = [column.get(network) for network in networks]
            texts = [_text(column, network, value) for network, value in zip(networks, values)]
            found[column.key] = _Figure(column, values, texts)
    return found


def _text(column: Column, network: Network, value: Any) -> str:
    if value is None:
        return NOT_KNOWN
    return (column.words(network) if column.words is not None else column.show(value)) or "0"


def _is_same(figure: _Figure) -> bool:
    return all(value == figure.values[0] for value in figure.values)


def _says_nothing(figure: _Figure, figures: dict[str, _Figure]) -> bool:
    """Whether no network has any of it, or none more in training than at inference."""
    plain = figures.get(figure.column.key.removeprefix("training_"), figure)
    if figure.column.key == "input":
        return any(len(text) > LONGEST for text in figure.texts) or (len(figure.values) == 2 and _is_same(figure))
    return not any(figure.values) or (plain is not figure and plain.values == figure.values)


def _side(number: int, name: str) -> Column:
    return Column(
        f"network{number + 1}", name, f"the figures of {name}", lambda figure: figure.values[number],
        number=True, wraps=True, breaks="/", words=lambda figure: figure.texts[number],
    )  # fmt: skip


def _against() -> tuple[Column, Column, Column]:
    """How the second of two networks differs from the first: by how much, in percent, as a ratio."""

    def of(compute: Callable[[_Figure], Any]) -> Callable[[_Figure], Any]:
        return lambda figure: compute(figure) if figure.are_numbers() else None

    def minus(figure: _Figure) -> Any:
        return figure.values[1] - figure.values[0]

    return (
        Column("difference", "difference", "second minus first", of(minus), number=True, spare=5,
               words=lambda figure: signed(minus(figure), figure.column.show) if figure.are_whole() else ""),
        Column("percent", "", "the difference, of the first", number=True,
               get=of(lambda figure: signed_percent(minus(figure), figure.values[0]))),
        Column("ratio", "", "second over first", number=True,
               get=of(lambda figure: ratio(figure.values[1], figure.values[0]))),
    )  # fmt: skip


def _width(sheet: Sheet) -> int:
    """How wide a table is at least, for a terminal."""
    widths = [max(len(column.title), *(len(column.text(row)) for row in sheet.rows)) for column in sheet.columns]
    return sum(widths) + len(widths) - 1
