"""A network in hand: a spec that was read and built, and the questions that it answers."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import Any

from cnnarch.analysis.explanation import Explanation, explain
from cnnarch.analysis.published import Verdict, verdicts
from cnnarch.analysis.rows import Row, rows
from cnnarch.analysis.savings import Saving, savings
from cnnarch.analysis.totals import Subtotal, Totals, subtotals, total
from cnnarch.errors import ReadError, beginning
from cnnarch.graph import Graph, Node
from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from cnnarch.spec.build import LAYER_LIMIT, build
from cnnarch.spec.model import Spec

__all__ = ["Network", "load"]


class Network:
    """A network, built; every answer is computed when it is asked for, and totals are kept.

    `label` is what it was loaded as, `batch` how many inputs its work is counted for, `dtype` the type in
    which its numbers are stored.
    """

    def __init__(
        self, spec: Spec, graph: Graph, label: str, batch: int = 1, dtype: str = "float32", changed: bool = False
    ) -> None:
        self.spec = spec
        self.graph = graph
        self.label = label
        self.batch = batch
        self.dtype = dtype
        self.changed = changed  # other settings or inputs than the spec's own

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

    def explain(self, name: str) -> Explanation:
        return explain(self.graph, self.layer(name))

    def published(self) -> list[Verdict]:
        """The published figures beside ours; none if settings or inputs were changed."""
        return [] if self.changed else verdicts(self.spec, self.graph)

    def __repr__(self) -> str:
        inputs = ", ".join(map(str, self.inputs.values()))
        return f"<{self.name}: {inputs}, {self.totals.params:,} params, {self.totals.macs:,} MACs>"

    def __str__(self) -> str:
        return self._shown_as("table")

    def _repr_markdown_(self) -> str:
        return self._shown_as("markdown")

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
) -> Network:
    """Read and build a network: a shipped name, a path, or `-` for standard input.

    `dtype` is `float32`, `float16`, `bfloat16` or `int8`.

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
        document = catalog.read(spec)
        if isinstance(inputs, Shape):
            if len(document.inputs) > 1:
                shape = "x".join(map(str, inputs))
                hint = f"say which: `--input {next(iter(document.inputs))}={shape}`"
                raise ReadError(f"{spec} has {len(document.inputs)} inputs", hint)
            inputs = {next(iter(document.inputs), "input"): inputs}
        graph = build(document, settings, inputs, limit)
    finally:
        if collecting:
            gc.enable()
    return Network(document, graph, spec, batch, dtype, changed=bool(settings or inputs))
