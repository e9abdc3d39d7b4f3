"""A network in hand: a spec that was read and built, and the questions that it answers."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cnnarch.analysis.budgets import given_budgets, problems_of
from cnnarch.analysis.explanation import Explanation, explain
from cnnarch.analysis.published import Verdict, verdicts
from cnnarch.analysis.replacements import Replacement, replacements
from cnnarch.analysis.rows import Row, rows
from cnnarch.analysis.savings import Saving, savings
from cnnarch.analysis.totals import Subtotal, Totals, subtotals, total
from cnnarch.errors import ReadError, SpecError, beginning, listed
from cnnarch.graph import Graph, Node
from cnnarch.interchange.doors import door, page
from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from cnnarch.spec.build import LAYER_LIMIT, build
from cnnarch.spec.model import Spec

if TYPE_CHECKING:
    from cnnarch.analysis.check import Checked
    from cnnarch.analysis.counters import Counted
    from cnnarch.analysis.devices import Roof
    from cnnarch.analysis.difference import Difference
    from cnnarch.analysis.memory import Memory
    from cnnarch.analysis.receptive_field import ReceptiveField
    from cnnarch.analysis.roofline import Bound, Roofline, Traffic

__all__ = ["Network", "from_torch", "load", "read"]


class Network:
    """A network, built; every answer is computed when it is asked for, and totals are kept.

    `label` is what it was loaded as, `batch` how many inputs its work is counted for, `dtype` the type in
    which its numbers are stored.
    """

    def __init__(
        self,
        spec: Spec,
        graph: Graph,
        label: str,
        batch: int = 1,
        dtype: str = "float32",
        changed: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.spec = spec
        self.graph = graph
        self.label = label
        self.batch = batch
        self.dtype = dtype
        self.changed = changed  # other settings or inputs than the spec's own
        self.settings = settings or {}  # those that were given

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def inputs(self) -> dict[str, Shape]:
        return {node.name: node.output for node in self.graph.inputs}

    @property
    def layers(self) -> tuple[Node, ...]:
        return self.graph.layers

    @property
    def outputs(self) -> dict[str, Shape]:
        """What no layer takes, at inference."""
        return {node.name: node.output for node in self.graph.outputs if not node.train_only}

    @cached_property
    def totals(self) -> Totals:
        return total(self.graph, self.batch)

    @property
    def subtotals(self) -> list[Subtotal]:
        return subtotals(self.graph)

    @cached_property
    def traffic(self) -> Traffic:
        """The bytes that every layer reads and writes, at inference."""
        found: Traffic = import_module("cnnarch.analysis.roofline").traffic(self.graph, self.batch, self.dtype)
        return found

    @cached_property
    def traffic_together(self) -> Traffic:
        """The same, with element-wise layers run with the layer before."""
        found: Traffic = import_module("cnnarch.analysis.fusion").fused(self.graph, self.traffic)
        return found

    @cached_property
    def memory(self) -> Memory:
        """What it takes in memory, with layers in place and in the spec's order."""
        return self.measure_memory()

    def measure_memory(self, in_place: bool = True, order: str = "spec") -> Memory:
        """What it takes in memory, with or without layers in place, in the `spec`'s order or in the `best`."""
        # Imported when it is asked for: it takes a tenth of a start, and few commands need it.
        found: Memory = import_module("cnnarch.analysis.memory").memory(
            self.graph, self.batch, self.dtype, in_place, order
        )
        return found

    @cached_property
    def receptive_field(self) -> ReceptiveField:
        """What the places of every layer see of the input.

        >>> load("resnet50").receptive_field.least
        427
        """
        found: ReceptiveField = import_module("cnnarch.analysis.receptive_field").receptive_field(self.graph)
        return found

    def at(
        self, batch: int | None = None, dtype: str | None = None, inputs: Mapping[str, Shape] | None = None
    ) -> Network:
        """The same network for another batch, type or input.

        >>> load("alexnet").at(batch=8).totals.macs // load("alexnet").totals.macs
        8
        """
        graph = build(self.spec, self.settings, inputs) if inputs else self.graph
        batch, dtype = batch or self.batch, dtype or self.dtype
        return Network(self.spec, graph, self.label, batch, dtype, self.changed or bool(inputs), self.settings)

    def difference(self, other: Network) -> Difference:
        """What was added, removed and changed from this network to another, layer by layer.

        >>> [entry.name for entry in load("vgg16").difference(load("vgg19")).entries][::2]
        ['stage3/conv4', 'stage4/conv4', 'stage5/conv4']
        """
        found: Difference = import_module("cnnarch.analysis.difference").compare(
            self.graph, other.graph, self.batch, self.dtype
        )
        return found

    def layer(self, name: str) -> Node:
        """The layer of a name; raises ReadError if there is none."""
        for node in self.graph.layers:
            if node.name == name:
                return node
        names = [*self.graph.groups, *(node.name for node in self.graph.layers)]
        inside = [one for one in names if one.startswith(f"{name}/")]
        hint = f"it is a block; in it there is `{inside[0]}`" if inside else beginning(name, names)
        raise ReadError(f"{self.label} has no layer `{name}`", hint or "`cnnarch summary --all` shows their names")

    def part(self, name: str) -> tuple[Node, ...]:
        """The layer of a name, or all layers of a block; raises ReadError if there is neither."""
        inside = tuple(node for node in self.graph.layers if node.name.startswith(f"{name}/"))
        return inside or (self.layer(name),)

    def rows(self, depth: int | None = None, fold: bool = False) -> list[Row]:
        return rows(self.graph, depth, fold)

    def savings(self) -> list[Saving]:
        return savings(self.graph)

    def replacements(self) -> dict[str, list[Replacement]]:
        """Convolutions in groups, in pairs and in stacks, each beside the full one that it stands for."""
        return replacements(self.graph)

    def roofline(self, roof: Roof | None = None, depth: int | None = None, together: bool = False) -> Roofline:
        """The least time that every layer takes on a device; without one, what it does and moves.

        With `together`, element-wise layers run with the layer before.
        """
        moved = self.traffic_together if together else self.traffic
        found: Roofline = import_module("cnnarch.analysis.roofline").roofline(self.graph, moved, roof, depth)
        return found

    def bounds(self, roof: Roof | None = None) -> list[Bound]:
        """The whole network `apart`, every layer through memory; element-wise layers `together`; all `on_chip`."""
        ways = (("apart", self.traffic), ("together", self.traffic_together), ("on_chip", self.traffic.on_chip))
        whole = import_module("cnnarch.analysis.roofline").whole
        return [whole(name, moved, roof) for name, moved in ways]

    def explain(self, name: str) -> Explanation:
        return explain(self.graph, self.layer(name), self.receptive_field)

    def count_as(self, counter: str) -> Counted:
        """What another counter prints for it: `torchinfo`, `fvcore`, `ptflops`, `thop`, `calflops`, `keras`.

        >>> load("resnet50").count_as("thop").figure("macs").value
        4133742592

        Raises ReadError where it depends on what a spec does not say, and for types other than float32.
        """
        if self.dtype != "float32":
            raise ReadError(f"what counters print is known for float32, not for {self.dtype}", "leave out `--dtype`")
        module = import_module("cnnarch.analysis.counters")
        found: Counted = module.count(self.graph, counter, self.label, self.batch, module.written(self.label))
        return found

    def published(self) -> list[Verdict]:
        """The published figures beside ours; none if settings or inputs were changed."""
        return [] if self.changed else verdicts(self.spec, self.graph)

    def check(self, **limits: str | int) -> Checked:
        """Whether it keeps its published figures, the budget of its spec, and limits as the command line has them.

        Raises ReadError for what is no limit.

        >>> load("alexnet").check(max_params="30M", max_macs="600M").ok  # it has 614,310,432
        False
        """
        module = import_module("cnnarch.analysis.check")  # with all rules of advice, which few need
        checked: Checked = module.check(self, given_budgets({name: str(text) for name, text in limits.items()}))
        return checked

    def __repr__(self) -> str:
        inputs = ", ".join(map(str, self.inputs.values()))
        return f"<{self.name}: {inputs}, {self.totals.params:,} params, {self.totals.macs:,} MACs>"

    def __str__(self) -> str:
        return self._shown_as("table")

    def to_dict(self, depth: int | None = None) -> dict[str, Any]:
        """The record that `summary --format json` prints: its layers, or blocks down to a `depth`, and totals.

        >>> found = load("alexnet").to_dict()
        >>> found["totals"]["params"], found["layers"][0]["output"]
        (28823912, [55, 55, 96])

        What is in it is text, numbers, booleans, lists and dicts, and can be written as JSON.
        """
        found: dict[str, Any] = import_module("cnnarch.render.summary").record(self, depth)
        return found

    def to_records(self, depth: int | None = None) -> list[dict[str, Any]]:
        """A flat dict a layer, or a block down to a `depth`, for `pandas.DataFrame` or `polars.DataFrame`.

        >>> conv1 = load("alexnet").to_records()[0]
        >>> conv1["name"], conv1["input"], conv1["output"], conv1["height"], conv1["width"], conv1["channels"]
        ('conv1', '227x227x3', '55x55x96', 55, 55, 96)

        Shapes are texts, several with a space between. That of the output stands in whole numbers beside it, from
        the right: `depth`, `height`, `width` and `channels`; where it has no such axis there is a 1, so that a
        sequence has its length as `width`, and a vector only `channels`; `regions` is how many of these there are.

        >>> fc1 = next(one for one in load("alexnet").to_records() if one["name"] == "fc1")
        >>> fc1["output"], fc1["depth"], fc1["height"], fc1["width"], fc1["channels"], fc1["params"]
        ('4096', 1, 1, 1, 4096, 4198400)

        A key has one type in all records and no value is missing. `network` is what it was loaded as, so that
        the records of several networks can stand in one list. MACs and element operations are of the whole batch; what
        is `train_only` is in no total.
        """
        found: list[dict[str, Any]] = import_module("cnnarch.render.flatly").flat_records(self, depth)
        return found

    def _repr_markdown_(self) -> str:
        return self._shown_as("markdown")

    def _repr_svg_(self) -> str:
        return str(import_module("cnnarch.render.figure.strip").strip(self))

    def _repr_html_(self) -> str:
        page = import_module("cnnarch.render.summary").page(self)
        return str(import_module("cnnarch.render.web").notebook(page, self._repr_svg_()))

    def _shown_as(self, form: str) -> str:
        # Renderers stand above networks and know them; imported late, as rich is heavy.
        page = import_module("cnnarch.render.summary").page(self)
        return str(import_module("cnnarch.render").renderer(form)(page))


def load(
    spec: str,
    settings: Mapping[str, Any] | None = None,
    inputs: Shape | Mapping[str, Shape] | None = None,
    batch: int = 1,
    limit: int = LAYER_LIMIT,
    dtype: str = "float32",
    strict: bool = False,
) -> Network:
    """Read and build a network: a shipped name, a path, or `-` for standard input.

    A path may be that of an ONNX file or a Keras model, and `package.module:name` is a PyTorch module. `dtype` is
    `float32`, `float16`, `bfloat16` or `int8`. `strict` refuses layers whose figures are not known.

    Raises ReadError if there is no such spec, setting or input, and SpecError, with every mistake and
    its place, if it cannot be built.

    >>> load("vgg16").totals.params
    138357544
    >>> load("vgg16", {"classes": 10}).totals.params  # 4,097,000 less, 40,970 more
    134301514
    """
    collecting = gc.isenabled()
    gc.disable()  # nothing here makes circles, and looking for them doubles the cost of a million layers
    try:
        document, shapes = read(spec, inputs)
        graph = build(document, settings, shapes, limit)
    except SpecError as error:
        if not door(spec) or settings:
            raise
        first = error.problems[0]  # in place of pointing into a page that nobody wrote
        raise ReadError(f"`{spec}` cannot be built as it was read: {first.message}", first.hint) from None
    finally:
        if collecting:
            gc.enable()
    if strict and graph.not_counted:
        names = listed(f"{node.name} ({node.layer.operation().partition(', ')[0]})" for node in graph.not_counted)
        raise ReadError(
            f"{spec} has layers whose figures are not known: {names}", "without `--strict` the rest is counted"
        )
    return Network(document, graph, spec, batch, dtype, changed=bool(settings or inputs), settings=settings)


def read(spec: str, inputs: Shape | Mapping[str, Shape] | None = None) -> tuple[Spec, Mapping[str, Shape] | None]:
    """Read a network without building it, and the shapes of its inputs that are other than its own.

    Raises as `load` does.
    """
    if door(spec):
        document = catalog.read_text(spec, page(spec, inputs))
        inputs = None  # the page has them
    else:
        document = catalog.read(spec)
    if isinstance(inputs, Shape):
        if len(document.inputs) > 1:
            shape = "x".join(map(str, inputs))
            hint = f"say which: `--input {next(iter(document.inputs))}={shape}`"
            raise ReadError(f"{spec} has {len(document.inputs)} inputs", hint)
        inputs = {next(iter(document.inputs), "input"): inputs}
    document.problems += problems_of(document)
    return document, inputs


def from_torch(module: Any, inputs: Shape | Mapping[str, Shape]) -> Network:
    """A PyTorch module as a network; it is traced without data.

    Raises ReadError if PyTorch is not there, or the module cannot be traced.
    """
    found = import_module("cnnarch.interchange.pytorch.reading").from_module(module, inputs)
    document = catalog.read_text(found.name, import_module("cnnarch.interchange.writing").page(found))
    return Network(document, build(document), found.name)
