"""The parts of a spec, each counted on what arrives: what it gives, and its sums.

Nothing here has a name or a number of a node: a part is counted by what it reads, and what was counted is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from cnnarch.analysis.totals import WEIGHT_LAYERS
from cnnarch.layers import Layer
from cnnarch.layers.settings import Count, Flag, SettingType
from cnnarch.search.sums.counts import NOTHING, barren, counts_of, is_within_limits, plus, times
from cnnarch.search.sums.frame import NO_SLOTS, Frame, Names, Result, Slots, Uncounted, Weights, joined
from cnnarch.shapes import Shape
from cnnarch.spec.build import LAYER_LIMIT, measured
from cnnarch.spec.expressions import Expression
from cnnarch.spec.model import LayerItem, Value

__all__ = ["Branches", "Layers", "Modified", "Named", "OneLayer", "Part", "Residual", "names_in"]

NONE: Names = frozenset()
FLAG, TURNS = Flag(), Count(0)
MOST_TURNS = 5_000  # of a repeat whose output changes with every turn


class Part:
    """What can be counted.

    It reads settings in its own block (`names`), of the spec (`globals`), and `slots`. `depth` is how deep it nests.
    """

    __slots__ = ("depth", "globals", "names", "slots")

    def __init__(self, parts: Iterable[Part] = (), values: Iterable[Value] = ()) -> None:
        parts = [*parts]
        self.names: Names = NONE.union(*(part.names for part in parts), names_in(values))
        self.globals: Names = NONE.union(*(part.globals for part in parts))
        self.slots: Names = NONE.union(*(part.slots for part in parts))
        self.depth: int = max([part.depth for part in parts], default=0)

    def count(self, x: int, frame: Frame) -> Result:
        raise NotImplementedError


def names_in(values: Iterable[Value]) -> Names:
    return NONE.union(*(value.names for value in values if isinstance(value, Expression))) - {"x"}


class OneLayer(Part):
    """A layer; `asked` is the setting in which other values for its own settings stand."""

    __slots__ = ("asked", "item", "layer", "number", "of_frame", "slot")

    def __init__(self, item: LayerItem, slot: str, asked: str, number: int) -> None:
        super().__init__((), (item.values or {}).values())
        self.item = item
        self.layer = None if asked else item.layer
        self.slot = slot
        self.asked = asked
        self.number = number
        if asked:
            self.names |= {asked}
        self.of_frame = getter(self.names)

    def count(self, x: int, frame: Frame) -> Result:
        key = (self.number, x, frame.training, self.of_frame(frame.keys))
        results = frame.kept.results
        found = results.get(key)
        if found is None:
            found = results[key] = self.measure(self.layer or self.instance(x, frame), x, frame)
        if frame.trace is not None:
            self.note(self.layer or self.instance(x, frame), frame.kept.shapes[x], frame.trace)
        return (found[0], found[1], {self.slot: (found[0], frame.training)}) if self.slot else found

    def instance(self, x: int, frame: Frame) -> Layer:
        """The layer with its settings computed."""
        item = self.item
        found = {}
        for name, value in (item.values or {}).items():
            if isinstance(value, Expression):
                value = item.cls.settings[name].type.convert(frame.value(value, x))  # noqa: PLW2901
            found[name] = value
        layer = item.layer or item.cls.of(found)
        return self.changed(layer, frame.values[self.asked]) if self.asked else layer

    def changed(self, layer: Layer, asked: dict[str, Any]) -> Layer:
        found = {name: getattr(layer, name) for name in layer.settings}
        for name, value in asked.items():
            if name not in found:
                raise Uncounted
            found[name] = layer.settings[name].type.convert(value)
        return type(layer).of(found)

    def measure(self, layer: Layer, x: int, frame: Frame) -> Result:
        shapes = frame.kept.shapes[x]
        least, most = layer.inputs
        if len(shapes) < least or (most is not None and len(shapes) > most):
            raise Uncounted
        figures = measured(layer, shapes)
        return frame.kept.number((figures.output,)), (*counts_of(layer, figures, frame.training),), NO_SLOTS

    def note(self, layer: Layer, shapes: tuple[Shape, ...], trace: list[Weights]) -> None:
        """Write down the weights, for comparing them."""
        numbers = measured(layer, shapes)[1:4]
        if any(numbers):
            trace.append((layer, shapes[0].channels, numbers))
        elif layer.family in WEIGHT_LAYERS:  # it counts, and with whom it shares cannot be told
            raise Uncounted


class Layers(Part):
    """A list of layers, or a run in one, counted once for all that it reads."""

    __slots__ = ("number", "of_frame", "of_slots", "of_spec", "parts")

    def __init__(self, parts: Sequence[Part], own: Names | None, number: int) -> None:
        super().__init__(parts)
        self.parts = parts
        self.number = number
        seen = self.globals - (self.names if own is None else self.names - own)
        self.of_frame = getter(self.names)
        self.of_spec = getter(seen)
        self.of_slots = sorted(self.slots)

    def count(self, x: int, frame: Frame) -> Result:
        if frame.trace is not None:
            return self.add_up(x, frame)
        slots = tuple([frame.slots.get(slot) for slot in self.of_slots]) if self.of_slots else None
        key = (self.number, x, frame.training, self.of_frame(frame.keys), self.of_spec(frame.of_spec[1]), slots)
        results = frame.kept.results
        found = results.get(key)
        if found is None:
            found = results[key] = self.add_up(x, frame)
        return found

    def add_up(self, x: int, frame: Frame) -> Result:
        """Count the parts in a row, and keep nothing of the whole."""
        total, written = NOTHING, NO_SLOTS
        for part in self.parts:
            x, counts, more = part.count(x, frame)
            total = counts if total is NOTHING else plus(total, counts)
            if more:
                written = joined(written, more, frame)
        return x, total, written


def getter(names: Names) -> Callable[[dict[str, Any]], Any]:
    return itemgetter(*sorted(names)) if names else lambda _: None


class Modified(Part):
    """A part with what stands beside it: which input it takes, whether it is there, how often."""

    __slots__ = ("once", "repeat", "sources", "train_only", "when")

    def __init__(self, once: Part, sources: tuple[str, ...], when: Value, repeat: Value, train_only: bool) -> None:
        super().__init__([once], [when, repeat])
        self.once = once
        self.sources = sources
        self.when = when
        self.repeat = repeat
        self.train_only = train_only
        self.slots |= {*sources}

    def count(self, x: int, frame: Frame) -> Result:
        before = x
        outer = frame.training
        training = outer or self.train_only
        if self.sources:
            x = self.taken(frame, training)
        if not self.value(self.when, FLAG, x, frame):
            return before, NOTHING, NO_SLOTS
        turns = 1 if self.repeat is None else self.value(self.repeat, TURNS, x, frame)
        frame.training = training
        x, counts, written = self.turns(turns, x, frame)
        frame.training = outer
        return before if self.train_only or not turns else x, counts, written

    def taken(self, frame: Frame, training: bool) -> int:
        shapes: tuple[Shape, ...] = ()
        for slot in self.sources:
            found = frame.slots.get(slot)
            if found is None or (found[1] and not training):
                raise Uncounted
            shapes += frame.kept.shapes[found[0]]
        return frame.kept.number(shapes)

    def value(self, value: Value, type: SettingType, x: int, frame: Frame) -> Any:
        return type.convert(frame.value(value, x)) if isinstance(value, Expression) else value

    def turns(self, turns: int, x: int, frame: Frame) -> Result:
        """So many in a row; from where the output is the input, one is like the other."""
        total, written = NOTHING, NO_SLOTS
        if turns > LAYER_LIMIT:
            raise Uncounted
        for turn in range(min(turns, MOST_TURNS + 1)):
            before = x
            x, counts, more = self.once.count(x, frame)
            counts = barren(counts)
            left = turns - turn - 1
            if x == before and left:
                if more:  # the same name again
                    raise Uncounted
                counts, left = times(counts, left + 1), 0
            total = plus(total, counts)
            if not is_within_limits(total):
                raise Uncounted
            written = joined(written, more, frame)
            if not left:
                return x, total, written
        if turns:
            raise Uncounted
        return x, total, written


class Named(Part):
    """A structure with a name; what has a name only in it is forgotten with it."""

    __slots__ = ("body", "own", "slot")

    def __init__(self, body: Part, slot: str, hidden: str) -> None:
        super().__init__([body])
        self.body = body
        self.slot = slot
        self.own = f"{hidden}/" if hidden else ""
        if hidden:
            self.slots = frozenset(name for name in self.slots if not name.startswith(self.own))

    def count(self, x: int, frame: Frame) -> Result:
        if self.own:
            frame.slots = self.others(frame.slots)
        x, counts, written = self.body.count(x, frame)
        if self.own:
            written = self.others(written)
        if self.slot:
            written = joined(written, {self.slot: (x, frame.training)}, frame)
        return x, barren(counts), written

    def others(self, slots: Slots) -> Slots:
        return {name: flow for name, flow in slots.items() if not name.startswith(self.own)}


class Branches(Part):
    """Lists of layers that take the same input, and what joins them."""

    __slots__ = ("branches", "merge")

    def __init__(self, branches: Sequence[Part], merge: Part) -> None:
        super().__init__([*branches, merge])
        self.branches = branches
        self.merge = merge

    def count(self, x: int, frame: Frame) -> Result:
        kept = frame.kept
        ends: tuple[Shape, ...] = ()
        total, written = NOTHING, NO_SLOTS
        for branch in self.branches:
            end, counts, more = branch.count(x, frame)
            ends += kept.shapes[end]
            total = plus(total, counts)
            written = joined(written, more, frame)
        out, counts, more = self.merge.count(kept.number(ends), frame)
        return out, plus(total, counts), joined(written, more, frame)


class Residual(Part):
    """A body and what adds its output to its input, which the shortcut brings to its shape."""

    __slots__ = ("body", "drops", "merge", "shortcut")

    def __init__(self, body: Part, shortcut: Part | None, drops: bool, merge: Part) -> None:
        super().__init__([body, merge, *([shortcut] if shortcut else [])])
        self.body = body
        self.shortcut = shortcut
        self.drops = drops
        self.merge = merge

    def count(self, x: int, frame: Frame) -> Result:
        end, total, written = self.body.count(x, frame)
        written = joined(NO_SLOTS, written, frame)
        if x != end:
            if self.drops:
                return end, total, written
            if self.shortcut is None:
                raise Uncounted
            x, counts, more = self.shortcut.count(x, frame)
            total = plus(total, counts)
            written = joined(written, more, frame)
        kept = frame.kept
        out, counts, more = self.merge.count(kept.number(kept.shapes[x] + kept.shapes[end]), frame)
        return out, plus(total, counts), joined(written, more, frame)
