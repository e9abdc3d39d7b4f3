"""Every column of every table, declared once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cnnarch.analysis.figures import FIGURES, Figure
from cnnarch.analysis.totals import FAMILIES
from cnnarch.errors import ReadError, suggestion
from cnnarch.render.numbers import against, decimals, factor, grouped, percent, size
from cnnarch.render.sheets import Column

if TYPE_CHECKING:
    from cnnarch.analysis.comparison import Pair
    from cnnarch.analysis.roofline import Moved
    from cnnarch.analysis.rows import Row
    from cnnarch.network import Network

__all__ = [
    "LAYER_DATA", "LAYER_TABLE", "NETWORK_COLUMNS", "REPLACEMENT_COLUMNS", "REPLACEMENT_TABLE", "SAVING_COLUMNS",
    "SAVING_TABLE", "TITLES",
    "chosen", "difference", "figure_column", "layer_columns", "network_input", "pair_columns", "shown",
    "subtotal_columns",
]  # fmt: skip


MOST_CHANGES = 4  # of a row that are told


def _number(value: int) -> str:
    return grouped(value) if value else ""


def _yes(value: bool) -> str:
    return "yes" if value else ""


def _attribute(name: str) -> Callable[[Any], Any]:
    return lambda row: getattr(row, name)


def _count(key: str, title: str, about: str, spare: int = 0, zero: str = "") -> Column:
    """A column of whole numbers that are attributes of the row."""
    return Column(
        key, title, about, _attribute(key), lambda value: grouped(value) if value else zero, True, spare=spare
    )


def _layer_count(key: str, title: str, about: str, spare: int, factor: int = 1) -> Column:
    """A column of counts; what runs only in training stands in brackets, as no total counts it."""

    def words(row: Any) -> str:
        text = _number(getattr(row, key) * factor)
        return f"({text})" if text and row.train_only else text

    return Column(
        key, title, about, lambda row: getattr(row, key) * factor, grouped, number=True, spare=spare, words=words
    )


def layer_columns(network: Network) -> list[Column]:
    """The columns that a table of layers can have."""
    params = network.totals.params

    def moved(row: Any) -> Moved:
        return network.traffic.of((*row.nodes, *row.folded))

    return [
        Column("name", "layer", "the layer's name, or its block's", _attribute("name"), wraps=True, breaks="/"),
        Column("kind", "kind", "the kind of layer, or the block", _attribute("kind")),
        Column(
            "operation",
            "operation",
            "what it does, and what follows it",
            _operation,
            wraps=True,
            breaks=", ",
            words=(lambda row: _with_changes(network, row)) if network.graph.changes else None,
        ),
        Column("input", "input", "the shape that arrives", _inputs, _shapes, wraps=True, breaks=", ", holds="shapes"),
        Column(
            "output",
            "output",
            "the shape that leaves",
            _attribute("output"),
            words=_output,
            wraps=True,
            breaks=", ",
            holds="shape",
        ),
        Column(
            "regions",
            "regions",
            "regions of interest or windows that leave",
            lambda row: row.output.regions,
            grouped,
            True,
            words=_regions,
        ),
        _layer_count("weights", "weights", "numbers that are trained, without biases", 1),
        _layer_count("biases", "biases", "biases, and shifts of normalisation", 6),
        _layer_count("params", "params", "weights and biases", 2),
        _layer_count("buffers", "buffers", "running statistics, stored but not trained", 7),
        _layer_count("macs", "MACs", "multiply-adds of a batch, biases not counted", 3, network.batch),
        _layer_count("flops", "FLOPs", "2 × MACs", 7, network.batch),
        _layer_count("elements", "element ops", "operations on single numbers beside the MACs", 8, network.batch),
        Column(
            "bytes",
            "bytes moved",
            "bytes that are read and written",
            lambda row: moved(row).bytes,
            size,
            number=True,
            spare=7,
            words=lambda row: size(moved(row).bytes) if moved(row).bytes else "",
            unit="bytes",
        ),
        Column(
            "intensity",
            "MACs/byte",
            "multiply-adds for each byte moved",
            lambda row: moved(row).intensity,
            decimals,
            number=True,
            spare=7,
            holds="number",
            unit="MACs/byte",
        ),
        Column(
            "share",
            "share",
            "share of the network's parameters",
            lambda row: row.params / params if params and not row.train_only else 0.0,
            percent,
            share=lambda row: (0 if row.train_only else row.params, params),
            spare=5,
            holds="number",
        ),
        Column(
            "receptive_field",
            "receptive field",
            "pixels of the input that a place of its output sees",
            lambda row: _seen(network, row, "receptive_field"),
            words=lambda row: _seen(network, row, "receptive_field", True),
            number=True,
            spare=7,
            holds="axes_of_inputs?",
            unit="pixels",
        ),
        Column(
            "jump",
            "jump",
            "pixels of the input from one place of its output to the next",
            lambda row: _seen(network, row, "jump"),
            words=lambda row: _seen(network, row, "jump", True),
            number=True,
            spare=7,
            holds="axes_of_inputs?",
            unit="pixels",
        ),
        Column("shares", "weights of", "the layer whose weights it uses", _attribute("shares")),
        Column(
            "train_only",
            "only in training",
            "whether it runs in training only",
            _attribute("train_only"),
            _yes,
            holds="yes",
        ),
    ]


LAYER_TABLE = ("name", "operation", "output", "weights", "biases", "macs", "elements", "share")
LAYER_DATA = (
    "name", "kind", "operation", "input", "output", "regions", "weights", "biases", "params", "buffers", "macs",
    "elements",
)  # fmt: skip


def chosen(columns: list[Column], keys: Sequence[str]) -> list[Column]:
    """The columns of these keys, in this order; raises ReadError for a key that there is not."""
    by_key = {column.key: column for column in columns}
    for key in keys:
        if key not in by_key:
            near = suggestion(key, list(by_key))
            hint = near or f"there are {', '.join(by_key)}; `cnnarch columns` tells what they mean"
            raise ReadError(f"there is no column `{key}`", hint, by_key)
    return [by_key[key] for key in keys]


def shown(columns: list[Column], asked: Sequence[str], otherwise: Sequence[str]) -> list[Column]:
    """The columns that were asked for, which no terminal is too narrow for; otherwise those of a table.

    Raises ReadError for a key that there is not.
    """
    if not asked:
        return chosen(columns, otherwise)
    return [column._replace(spare=0) for column in chosen(columns, asked)]


def _regions(row: Row) -> str:
    """How many, where there are several; the row of totals has no shape."""
    return grouped(row.output.regions) if row.output and row.output.regions > 1 else ""


def _output(row: Row) -> str:
    return f"{row.output}, flat {row.flat}" if row.flat else str(row.output)


def _seen(network: Network, row: Row, key: str, as_text: bool = False) -> Any:
    """What a row's output sees of the input; of several inputs by their names. The row of totals has no layers."""
    from cnnarch.render import receptive_field  # noqa: PLC0415, its columns are made with this module

    running = [node for node in row.nodes if not node.train_only] or row.nodes
    if not running or not row.output:
        return "" if as_text else None
    return receptive_field.of_layer(network, running[-1], key, as_text)


def _with_changes(network: Network, row: Any) -> str:
    """What it does, and which settings of it, or of layers in it, were given other values."""
    if not row.operation:  # the row of totals
        return ""
    changes = network.graph.changes
    names = dict.fromkeys([row.name, *(node.name for node in (*row.nodes, *row.folded))])
    said = [
        f"{name.removeprefix(row.name).lstrip('/')} {setting} {_value(before)} → {_value(now)}".strip()
        for name in names
        for setting, (before, now) in changes.get(name, {}).items()
    ]
    more = [f"{len(said) - MOST_CHANGES} more changes"] if len(said) > MOST_CHANGES else []
    return ", ".join([_operation(row), *said[:MOST_CHANGES], *more])


def _value(value: Any) -> str:
    """The value of a setting, as a page has it."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return f"[{', '.join(map(_value, value))}]" if isinstance(value, (tuple, list)) else str(value)


def _operation(row: Row) -> str:
    asides = [node.layer.kind for node in row.folded if node.layer.kind != "flatten"]
    words = ", ".join([row.operation, *asides])
    if row.shares:
        words += f", weights of {row.shares}"
    return f"{words}, only in training" if row.train_only else words


def _inputs(row: Row) -> Any:
    """A shape, or a list of shapes where several arrive."""
    return row.inputs[0] if len(row.inputs) == 1 else list(row.inputs)


def network_input(network: Network) -> Any:
    """The shape that a network is given; several by their names."""
    inputs = network.inputs
    return inputs["input"] if list(inputs) == ["input"] else inputs


def _shapes(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {shape}" for name, shape in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


SPARE = {"params": 0, "macs": 1, "weight_layers": 2}  # how soon a figure is left out of a narrow table; others first


def figure_column(figure: Figure) -> Column:
    """A column of one of a network's figures."""
    show = {"": grouped, "bytes": size, "MACs/byte": decimals}.get(figure.unit, str)
    holds = "number" if figure.unit == "MACs/byte" else f"whole{'?' * figure.may_be_unknown}"
    return Column(
        figure.key, figure.title, figure.about, figure.of, show, True, spare=SPARE.get(figure.key, 7), holds=holds,
        unit=figure.unit,
    )  # fmt: skip


NETWORK_COLUMNS = [
    Column(
        "network", "network", "what it is called on the command line", lambda one: one.label, wraps=True, breaks="/"
    ),
    Column("name", "name", "what people call it", lambda one: one.name, wraps=True, spare=5),
    Column("year", "year", "the year of its publication", lambda one: one.spec.year, spare=3, holds="whole?"),
    Column("task", "task", "what it does", lambda one: one.spec.task, wraps=True, spare=4, holds="text?"),
    Column("input", "input", "the shape that arrives", network_input, _shapes, spare=1, holds="shape_of_inputs"),
    *map(figure_column, FIGURES.values()),
]


TITLES = {column.key: column.title for column in NETWORK_COLUMNS}


def subtotal_columns(network: Network) -> list[Column]:
    """Convolutions against fully connected layers, and whatever else has weights."""
    totals = network.totals
    return [
        Column("family", "", "the family of layers", lambda one: FAMILIES.get(one.family, "others")),
        _count("layers", "layers", "how many have weights of their own", zero="0"),
        _count("weights", "weights", "numbers that are trained, without biases"),
        Column(
            "weights_share",
            "share",
            "share of the weights",
            lambda one: one.weights / totals.weights if totals.weights else 0.0,
            percent,
            number=True,
            spare=6,
        ),
        Column("macs", "MACs", "multiply-adds", lambda one: one.macs * network.batch, _number, number=True),
        Column(
            "macs_share",
            "share",
            "share of the multiply-adds",
            lambda one: one.macs * network.batch / totals.macs if totals.macs else 0.0,
            percent,
            number=True,
            spare=7,
        ),
    ]


SAVING_COLUMNS = [
    Column("name", "layer", "the convolution", _attribute("name"), wraps=True, breaks="/"),
    _count("dense", "dense", "weights if every output saw every input", 2),
    Column(
        "window_factor", "", "dense over sparse", _attribute("window_factor"), factor, True, spare=6, holds="number"
    ),
    _count("sparse", "sparse", "weights if every output saw its window, with weights of its own", 3),
    _count("inside", "inside", "those of the sparse weights that do not meet padding"),
    Column(
        "sharing_factor", "", "sparse over shared", _attribute("sharing_factor"), factor, True, spare=7, holds="number?"
    ),
    _count("shared", "shared", "weights of the convolution", zero="0"),
]
SAVING_TABLE = ("name", "dense", "window_factor", "sparse", "sharing_factor", "shared")


def _against(key: str) -> Callable[[Any], str]:
    return lambda row: against(getattr(row, key), getattr(row, f"full_{key}"))


REPLACEMENT_COLUMNS = [
    Column("name", "layers", "the convolution, or the first and the last of several", _attribute("name"), wraps=True,
           breaks="/"),
    Column("layers", "all layers", "every one of them", lambda row: list(row.layers), ", ".join, wraps=True,
           breaks=", ", holds="texts"),
    Column("operation", "operation", "what they do", _attribute("operation"), wraps=True, breaks=" +", spare=6),
    Column("full", "stands for", "one full convolution with the same input and output shape", _attribute("full"),
           wraps=True, breaks=", "),
    Column("padding", "padding", "the padding of the full convolution", _attribute("padding"), spare=8),
    Column("channels", "channels", "channels that arrive and leave", _attribute("channels"), spare=7),
    _count("full_weights", "full", "weights of the full convolution", 1, zero="0"),
    Column("weights_factor", "", "its weights over those of the layers", _attribute("weights_factor"), str, True,
           words=_against("weights"), spare=2, holds="number?"),
    _count("weights", "weights", "weights of the layers", zero="0"),
    _count("full_macs", "full MACs", "multiply-adds of the full convolution", 4),
    Column("macs_factor", "", "its MACs over those of the layers", _attribute("macs_factor"), str, True,
           words=_against("macs"), spare=5, holds="number"),
    _count("macs", "MACs", "multiply-adds of the layers", 3),
]  # fmt: skip
REPLACEMENT_TABLE = (
    "name", "operation", "full", "channels", "full_weights", "weights_factor", "weights", "full_macs",
    "macs_factor", "macs",
)  # fmt: skip


def pair_columns(left: str, right: str) -> list[Column]:
    """The columns of two networks, layer against layer."""

    def of(side: str, key: str) -> Callable[[Pair], Any]:
        return lambda pair: getattr(getattr(pair, side), key) if getattr(pair, side) is not None else None

    def words(side: str) -> Callable[[Pair], Any]:
        return lambda pair: None if getattr(pair, side) is None else getattr(pair, side).operation

    columns = [
        Column(
            "left", left, "the layer of the first network", of("left", "name"), wraps=True, breaks="/", holds="text?"
        ),
        Column(
            "left_operation",
            "operation",
            "what it does",
            words("left"),
            wraps=True,
            breaks=", ",
            spare=6,
            holds="text?",
        ),
        Column("left_output", "output", "the shape that leaves it", of("left", "output"), spare=3, holds="shape?"),
        Column(
            "left_params",
            "params",
            "its weights and biases",
            of("left", "params"),
            _number,
            True,
            spare=4,
            holds="whole?",
        ),
        Column("left_macs", "MACs", "its multiply-adds", of("left", "macs"), _number, True, spare=7, holds="whole?"),
        Column(
            "right",
            right,
            "the layer of the second network",
            of("right", "name"),
            wraps=True,
            breaks="/",
            holds="text?",
        ),
        Column(
            "right_operation",
            "operation",
            "what it does",
            words("right"),
            wraps=True,
            breaks=", ",
            spare=6,
            holds="text?",
        ),
        Column("right_output", "output", "the shape that leaves it", of("right", "output"), spare=3, holds="shape?"),
        Column(
            "right_params",
            "params",
            "its weights and biases",
            of("right", "params"),
            _number,
            True,
            spare=4,
            holds="whole?",
        ),
        Column("right_macs", "MACs", "its multiply-adds", of("right", "macs"), _number, True, spare=7, holds="whole?"),
        Column(
            "difference",
            "difference",
            "what differs",
            lambda pair: difference(pair, left, right),
            wraps=True,
            breaks=", ",
        ),
    ]
    sides = {"left": left, "right": right}
    return [
        column._replace(called=f"{column.title} of {sides[side]}") if column.spare else column
        for column in columns
        for side in [column.key.partition("_")[0]]
    ]


def difference(pair: Pair, left: str, right: str) -> str:
    """What differs, in words: `same`, `only in vgg16`, or each change."""
    if pair.right is None or pair.left is None:
        return f"only in {left if pair.right is None else right}"
    return ", ".join(pair.changes()) or "same"
