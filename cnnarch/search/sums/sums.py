"""The totals of many variants of one spec, in which what was counted before is not counted again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnnarch.analysis.dtypes import DTYPES
from cnnarch.analysis.totals import AtLeast, Totals
from cnnarch.errors import Cause, ReadError, SpecError
from cnnarch.search.sums.counts import Counts, is_within_limits, totals_of
from cnnarch.search.sums.frame import Frame, Kept, Names, Uncounted, typed
from cnnarch.search.sums.plan import Plan
from cnnarch.shapes import Shape
from cnnarch.spec.build import MILESTONE, shapes_of, values_of
from cnnarch.spec.model import Spec

__all__ = ["Sums"]

MOST_PLANS = 100  # for sets of layers of which other values are asked


class Sums:
    """The totals of variants of one spec; what a variant shares with those before is not counted again.

    >>> from cnnarch.spec import catalog
    >>> sums = Sums(catalog.read("alexnet"))
    >>> [sums.totals({"classes": classes}).params for classes in (1000, 1001)]  # 4,096 weights and a bias more
    [28823912, 28828009]
    >>> sums.totals({"conv1.filters": 64}).weights  # 32 · 11·11·3 less, and 256 · 5·5·32
    28596928
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.kept = Kept()
        self.plans: dict[Names, Plan | None] = {}

    def totals(
        self, settings: Mapping[str, Any], inputs: Mapping[str, Shape] | None = None, batch: int = 1
    ) -> Totals | None:
        """What `total(build(spec, settings, inputs), batch)` gives; None for what has to be built to tell.

        That is a variant with a mistake, of which `build` says where it is, and what is not counted this way.
        """
        found = self._count(settings, inputs or {})
        return None if found is None else totals_of(found, batch)

    def figures(
        self,
        settings: Mapping[str, Any],
        inputs: Mapping[str, Shape] | None = None,
        batch: int = 1,
        dtype: str = "float32",
    ) -> dict[str, int] | None:
        """The totals and two figures of memory that are sums, by their keys; None as for `totals`.

        >>> from cnnarch.spec import catalog
        >>> found = Sums(catalog.read("alexnet")).figures({}, dtype="float16")
        >>> found["params"], found["weight_memory"]
        (28823912, 57647824)
        """
        found = self._count(settings, inputs or {})
        if found is None:
            return None
        width = DTYPES[dtype]
        weights = width * (found.weights + found.biases + found.buffers)
        values = found.activations + sum([shape.size for shape in shapes_of(self.spec, inputs or {}).values()])
        memory = {"weight_memory": weights, "activations": width * batch * values}
        if found.not_counted:
            memory = {name: AtLeast(value) for name, value in memory.items()}
        return {**totals_of(found, batch)._asdict(), **memory}

    def _count(self, given: Mapping[str, Any], inputs: Mapping[str, Shape]) -> Counts | None:
        try:
            return self._counts(given, shapes_of(self.spec, inputs))
        except (Uncounted, Cause, ReadError, SpecError, RecursionError):
            return None

    def _counts(self, given: Mapping[str, Any], shapes: dict[str, Shape]) -> Counts:
        asked: dict[str, dict[str, Any]] = {}
        own = {}
        for name, value in given.items():
            if "." in name:
                layer, _, setting = name.rpartition(".")
                asked.setdefault(layer, {})[setting] = value
            else:
                own[name] = value
        values = values_of(self.spec, own)
        keys = {name: typed(value) for name, value in values.items()}
        for layer, wanted in asked.items():
            values[f".{layer}"] = wanted
            keys[f".{layer}"] = tuple([(name, typed(value)) for name, value in wanted.items()])
        if any(type(size) is not int for shape in shapes.values() for size in shape):
            raise Uncounted
        plan, kept = self._plan(frozenset(asked)), self.kept
        kept.make_room()
        frame = Frame(kept, values, keys, (values, keys))
        frame.slots.update({name: (kept.number((shape,)), False) for name, shape in shapes.items()})
        _, found, written = plan.top.add_up(kept.number((*shapes.values(),)), frame)
        if not is_within_limits(found) or not written.keys() >= plan.unsure:  # who was left out has no settings
            raise Uncounted
        counts = Counts._make(found)
        if asked and counts.layers + counts.training_layers > MILESTONE:  # whether they are too many is seen otherwise
            raise Uncounted
        return counts

    def _plan(self, asked: Names) -> Plan:
        if asked not in self.plans:
            if len(self.plans) >= MOST_PLANS:
                self.plans.clear()
            self.plans[asked] = None
            self.plans[asked] = Plan(self.spec, asked, self.kept)
        plan = self.plans[asked]
        if plan is None:
            raise Uncounted
        return plan
