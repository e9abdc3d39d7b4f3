"""A network's table with blanks, each of which follows from what is left."""

from collections.abc import Iterable, Sequence
from math import prod
from random import Random
from typing import NamedTuple

from cnnarch.analysis.rows import Row, rows
from cnnarch.errors import ReadError
from cnnarch.graph import Graph, Node
from cnnarch.layers import Step
from cnnarch.layers.conv import Conv
from cnnarch.layers.fc import FullyConnected
from cnnarch.layers.norm import BatchNorm
from cnnarch.layers.pool import Pool
from cnnarch.layers.sliding import Sliding
from cnnarch.shapes import Shape, by_axis

__all__ = ["ASKED", "Blank", "Cell", "Entry", "Worksheet", "worksheet"]

ASKED = ("filters", "kernel", "output", "weights", "biases", "macs")  # what can be blank, in the order of columns
FORMULAS = {"output": ("height", "width", "length", "axis 1", "axis 2", "axis 3", "depth", "units"),
            "weights": ("weights",), "biases": ("biases",), "macs": ("MACs",)}  # fmt: skip


class Cell(NamedTuple):
    """A place of the table: which row, which column."""

    row: int
    column: str


class Entry(NamedTuple):
    """A row of the table: a layer, and how many others are equal to it.

    `before` is the row whose output it takes; none where it takes another, or several, which are shown.
    """

    row: Row
    times: int
    before: int | None
    filters: int | None
    kernel: tuple[int, ...]
    asks: tuple[str, ...]  # what of it can be blank

    @property
    def node(self) -> Node:
        return self.row.nodes[0]

    @property
    def name(self) -> str:
        return self.row.name

    def value(self, column: str) -> int | Shape | tuple[int, ...] | None:
        """What stands in a column that can be blank."""
        if column in ("filters", "kernel"):
            found: int | tuple[int, ...] | None = self.filters if column == "filters" else self.kernel
            return found
        value: int | Shape = getattr(self.row, column)
        return value


class Blank(NamedTuple):
    """A cell that is asked for: its number, what stands there, and how that follows."""

    number: int
    cell: Cell
    name: str
    answer: int | Shape | tuple[int, ...]
    steps: tuple[Step, ...]


class Worksheet(NamedTuple):
    """The rows of a network's table, and the cells of them that are blank, in the order of reading."""

    entries: tuple[Entry, ...]
    blanks: tuple[Blank, ...]
    seed: int
    asked: tuple[str, ...]

    @property
    def by_cell(self) -> dict[Cell, Blank]:
        return {one.cell: one for one in self.blanks}


def worksheet(
    graph: Graph, seed: int = 1, blanks: int | float | None = None, asked: Sequence[str] = ASKED, most: int = 12
) -> Worksheet:
    """Choose blanks at random from a seed: so many, or a share of all cells that can be asked for.

    A cell becomes blank only if it, and all that are blank already, still follow from what is shown. Layers that are
    equal to one before them stand once.

    >>> from cnnarch.spec import build, catalog
    >>> sheet = worksheet(build.build(catalog.read("lenet5")), blanks=3, asked=["weights"])
    >>> [(one.number, one.name, one.answer) for one in sheet.blanks]
    [(1, 'c1', 150), (2, 'f6', 10080), (3, 'output', 840)]

    The same seed gives the same blanks in every version of Python: only `random()` is used, whose sequence for a seed
    is kept. Source: docs.python.org/3/library/random.html, "Notes on Reproducibility".

    Raises ReadError if there is nothing to ask for, or less than was wished.
    """
    entries = _entries(graph)
    cells = [Cell(number, column) for number, entry in enumerate(entries) for column in entry.asks if column in asked]
    if not cells:
        raise ReadError(f"there are no {_listed(asked)} to ask for", "layers with weights and pools have some")
    wanted = min(most, len(cells)) if blanks is None else blanks
    if isinstance(wanted, float):
        wanted = max(1, round(wanted * len(cells)))
    if wanted > len(cells):
        raise ReadError(f"there are {len(cells)} cells to ask for, not {wanted}")
    random = Random(seed)
    chosen = _choose(entries, [cell for _, cell in sorted((random.random(), cell) for cell in cells)], wanted)
    if len(chosen) < wanted and blanks is not None and not isinstance(blanks, float):
        raise ReadError(
            f"{wanted} cells cannot be blank at once: of {len(cells)}, {len(chosen)} still follow from what is left",
            f"ask for {len(chosen)}",
        )
    return Worksheet(entries, _numbered(graph, entries, chosen), seed, tuple(one for one in ASKED if one in asked))


def _listed(asked: Sequence[str]) -> str:
    return " or ".join("MACs" if one == "macs" else one for one in asked)


def _entries(graph: Graph) -> tuple[Entry, ...]:
    """The rows of a network, of equal ones the first."""
    found: list[Entry] = []
    places: dict[object, int] = {}  # of rows that are equal, by what they have in common
    made_by: dict[Node, int] = {}  # in which row of the table a layer's output stands
    for row in rows(graph, None, fold=True):
        node = row.nodes[0]
        same = (node.layer, row.inputs, tuple(one.layer for one in row.folded), row.train_only, row.shares, node.note)
        if same in places:
            number = places[same]
            found[number] = found[number]._replace(times=found[number].times + 1)
        else:
            number = places[same] = len(found)
            source = graph.nodes[node.sources[0]] if len(node.sources) == 1 else None
            before = made_by.get(source) if source is not None else None
            found.append(_entry(graph, row, before if before == number - 1 else None))
        made_by |= dict.fromkeys((node, *row.folded), number)
    return tuple(found)


def _entry(graph: Graph, row: Row, before: int | None) -> Entry:
    node, x = row.nodes[0], row.inputs[0]
    layer = node.layer
    kernel = by_axis(layer.kernel, x.rank, "kernel") if isinstance(layer, Sliding) and x.rank else ()
    filters = layer.filters if isinstance(layer, Conv) else layer.units if isinstance(layer, FullyConnected) else None
    return Entry(row, 1, before, filters, kernel, _asks(node, row, kernel))


def _asks(node: Node, row: Row, kernel: tuple[int, ...]) -> tuple[str, ...]:
    """What of a row a class can be asked for: what has a formula on the sheet."""
    layer, x = node.layer, row.inputs[0]
    if row.shares or row.train_only or x.regions > 1 or len(row.inputs) > 1:
        return ()
    if isinstance(layer, Conv):
        square = ("kernel",) if len(set(kernel)) == 1 else ()
        return ("filters", *square, "output", "weights", *(("biases",) if row.biases else ()), "macs")
    if isinstance(layer, FullyConnected):
        return ("filters", "output", "weights", *(("biases",) if row.biases else ()), "macs")
    if isinstance(layer, BatchNorm):
        return tuple(one for one in ("weights", "biases") if getattr(row, one))
    if isinstance(layer, Pool) and not _drops(layer, x):
        return ("output",)
    return ()


def _drops(layer: Pool, x: Shape) -> bool:
    """Whether a partial window is dropped although sizes are rounded up, which no formula on the sheet says."""
    for window, length in zip(layer.windows(x), x.spatial):
        room = length + window.before + window.after - window.reach
        if window.ceil and window.outputs(length) != -(-room // window.stride) + 1:
            return True
    return False


def _ways(entries: Sequence[Entry], cell: Cell) -> list[tuple[Cell, ...]]:
    """The cells that a cell follows from, every way; the best first."""
    entry = entries[cell.row]
    arrives = (Cell(entry.before, "output"),) if entry.before is not None else ()

    def own(*columns: str) -> tuple[Cell, ...]:
        return tuple(Cell(cell.row, column) for column in columns)

    layer = entry.node.layer
    if isinstance(layer, BatchNorm):
        return [arrives]
    if isinstance(layer, Pool):
        return [(*arrives, *own("kernel"))]
    kernel = own("kernel") if entry.kernel else ()
    weights = (*arrives, *kernel)
    from_biases = [own("biases")] if entry.row.biases else []
    return {
        "filters": [own("output"), *from_biases, (*weights, *own("weights"))],
        "kernel": [(*arrives, *own("filters", "weights"))],
        "output": [(*weights, *own("filters"))],
        "weights": [(*weights, *own("filters"))],
        "biases": [own("filters")],
        "macs": [own("output", "weights")],
    }[cell.column]


def _choose(entries: Sequence[Entry], cells: Iterable[Cell], wanted: int) -> set[Cell]:
    """The first cells that can all be blank at once.

    Whether a cell follows depends on its own row and on what arrives, which follows from the rows above.
    """
    by_row: dict[int, set[Cell]] = {}
    chosen: set[Cell] = set()
    for cell in cells:
        if len(chosen) == wanted:
            break
        row = by_row.setdefault(cell.row, set())
        if len(_solved(entries, row | {cell})) > len(row):
            row.add(cell)
            chosen.add(cell)
    return chosen


def _solved(entries: Sequence[Entry], blank: set[Cell]) -> dict[Cell, tuple[Cell, ...]]:
    """The blanks that follow from what is shown, or from others that do; and the cells from which."""
    solved: dict[Cell, tuple[Cell, ...]] = {}
    while True:
        unknown = blank - solved.keys()
        for cell in sorted(unknown):
            way = next((way for way in _ways(entries, cell) if not unknown.intersection(way)), None)
            if way is not None:
                solved[cell] = way
        if len(unknown) == len(blank - solved.keys()):
            return solved


def _numbered(graph: Graph, entries: Sequence[Entry], chosen: set[Cell]) -> tuple[Blank, ...]:
    """The blanks in the order of reading, each with its working."""
    ways: dict[Cell, tuple[Cell, ...]] = {}
    for row in {cell.row for cell in chosen}:
        ways |= _solved(entries, {cell for cell in chosen if cell.row == row})
    found = []
    for number, cell in enumerate(sorted(chosen, key=lambda one: (one.row, ASKED.index(one.column))), 1):
        entry = entries[cell.row]
        answer = entry.value(cell.column)
        assert answer is not None
        found.append(Blank(number, cell, entry.name, answer, tuple(_working(graph, entry, cell, ways[cell]))))
    return tuple(found)


def _working(graph: Graph, entry: Entry, cell: Cell, way: tuple[Cell, ...]) -> list[Step]:
    """How a blank follows from the cells of a way."""
    if cell.column == "filters":
        return [_filters(entry, way[-1].column if way else "")]
    if cell.column == "kernel":
        return [_kernel(entry)]
    steps = entry.node.layer.explain(*graph.shapes(entry.node))
    return [step for step in steps if step.quantity in FORMULAS[cell.column]]


def _each(entry: Entry) -> int:
    """The channels that a filter sees."""
    layer, x = entry.node.layer, entry.row.inputs[0]
    return x.channels // layer.split(x) if isinstance(layer, Conv) else x.channels


def _filters(entry: Entry, given: str) -> Step:
    called = "filters" if isinstance(entry.node.layer, Conv) else "units"
    filters, row = entry.filters or 0, entry.row
    if given == "output":
        return Step(called, "channels of the output", str(filters), filters)
    if given == "biases":
        return Step(called, "biases", str(row.biases), filters)
    below = " * ".join(map(str, (*entry.kernel, _each(entry))))
    formula = "weights / (kernel × channels)" if entry.kernel else "weights / inputs"
    if isinstance(entry.node.layer, Conv) and entry.node.layer.split(row.inputs[0]) > 1:
        formula = "weights / (kernel × channels / groups)"
    return Step(called, formula, f"{row.weights} / ({below})", filters)


def _kernel(entry: Entry) -> Step:
    area, (side, *_) = prod(entry.kernel), entry.kernel
    formula = "weights / (channels × filters)"
    groups = isinstance(entry.node.layer, Conv) and entry.node.layer.split(entry.row.inputs[0]) > 1
    if groups:
        formula = "weights / (channels / groups × filters)"
    power = "×".join([str(side)] * len(entry.kernel))
    return Step("area of the kernel", formula, f"{entry.row.weights} / ({_each(entry)} * {entry.filters})", area, power)
