"""The parts of a spec, each counted on what arrives: what it gives, and its sums.

Nothing here has a name or a number of a node: a part is counted by what it reads, and what was counted is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

from cnnarch.analysis.totals import WEIGHT_LAYERS
from cnnarch.layers import Layer
from cnnarch.layers.settings import Count, Flag, SettingType
from cnnarch.shapes import Regions, Shape
from cnnarch.spec.build import LAYER_LIMIT, measured
from cnnarch.spec.expressions import Expression
from cnnarch.spec.model import DEEPEST, BlockItem, LayerItem, Value
from cnnarch.sweep.counts import NOTHING, Sum, barren, counts_of, is_within_limits, plus, times, without_weights

__all__ = [
    "ARRIVING", "DEEPEST", "ENTRY", "Block", "Branches", "Frame", "Kept", "Layers", "Modified", "Named", "Names",
    "OneLayer", "Part", "Residual", "Sharing", "Uncounted", "typed",
]  # fmt: skip

Names: TypeAlias = frozenset[str]
Slots: TypeAlias = dict[str, tuple[int, bool]]  # what has a name that is looked up, and whether only training has it
Result: TypeAlias = tuple[int, Sum, Slots]  # which shapes are given, the sums, and what got a name

Weights: TypeAlias = tuple[Layer, int, tuple[int, ...]]  # a layer's, with the channels that arrive and how many

ARRIVING = ""  # the slot, in a block, of what it is given
ENTRY = "<"  # ends the slot of what was given to a block whose weights another uses
NONE: Names = frozenset()
NO_SLOTS: Slots = {}
FLAG, TURNS = Flag(), Count(0)
MOST_TURNS = 5_000  # of a repeat whose output changes with every turn
LONGEST_LIST = 100
MOST_RESULTS = 100_000


class Uncounted(Exception):  # noqa: N818, it is no error: the network is built whole, which says what it is
    """What is not counted this way, or is a mistake."""


class Kept:
    """What was counted before, for parts and what they were counted on, by numbers.

    `x` is always the number of the shapes that arrive, so that almost all that is kept is numbers, which are
    quickly compared, and which Python's collector of garbage leaves out.
    """

    def __init__(self) -> None:
        self.results: dict[Any, Result] = {}
        self.shapes: list[tuple[Shape, ...]] = []
        self.numbers: dict[tuple[Shape, ...], int] = {}
        self.parts = 0

    def number(self, shapes: tuple[Shape, ...]) -> int:
        number = self.numbers.get(shapes)
        if number is None:
            number = self.numbers[shapes] = len(self.shapes)
            self.shapes.append(shapes)
        return number

    def number_of_part(self) -> int:
        self.parts += 1
        return self.parts

    def make_room(self) -> None:
        """Forget all, between two variants, where it is much."""
        if len(self.results) + len(self.shapes) > MOST_RESULTS:
            self.results.clear()
            self.shapes.clear()
            self.numbers.clear()


class Frame:
    """What a block or the whole spec is counted with: values, what makes them alike, and what has a name."""

    __slots__ = ("kept", "keys", "slots", "top", "trace", "training", "values")

    def __init__(
        self, kept: Kept, values: dict[str, Any], keys: dict[str, Any], top: Frame | None, training: bool
    ) -> None:
        self.kept = kept
        self.values = values
        self.keys = keys
        self.top: Frame = self if top is None else top
        self.training = training
        self.slots: Slots = {}
        self.trace: list[Weights] | None = None  # where every layer has to be gone through

    def value(self, expression: Expression, x: int) -> Any:
        if "x" in expression.names:
            shapes = self.kept.shapes[x]
            self.values["x"] = shapes[0] if len(shapes) == 1 else list(shapes)
        return expression.function(self.values)


def typed(value: Any) -> Any:
    """What is equal only for values that are the same: 1, 1.0 and true are not."""
    kind = type(value)
    if kind is int or kind is str:
        return value
    if kind in (list, tuple) and len(value) <= LONGEST_LIST:
        return (kind.__name__, *map(typed, value))
    if kind in (float, bool, Shape, Regions):
        return (kind.__name__, repr(value))
    raise Uncounted


def joined(written: Slots, more: Slots, frame: Frame) -> Slots:
    """What two parts in a row gave names to; a name is given once."""
    if not more:
        return written
    if not written.keys().isdisjoint(more):
        raise Uncounted
    frame.slots.update(more)
    return {**written, **more} if written else more


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

    __slots__ = ("asked", "item", "layer", "number", "slot")

    def __init__(self, item: LayerItem, slot: str, asked: str, number: int) -> None:
        super().__init__((), (item.values or {}).values())
        self.item = item
        self.layer = None if asked else item.layer
        self.slot = slot
        self.asked = asked
        self.number = number
        if asked:
            self.names |= {asked}

    def count(self, x: int, frame: Frame) -> Result:
        layer = self.layer
        if layer is None:
            layer = self.instance(x, frame)
            key: Any = (layer, x, frame.training)
        else:
            key = (self.number, x, frame.training)
        kept = frame.kept
        found = kept.results.get(key)
        if found is None:
            found = kept.results[key] = self.measure(layer, x, frame)
        if frame.trace is not None:
            self.note(layer, kept.shapes[x], frame.trace)
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

    __slots__ = ("number", "of_frame", "of_slots", "of_top", "parts")

    def __init__(self, parts: Sequence[Part], own: Names | None, number: int) -> None:
        super().__init__(parts)
        self.parts = parts
        self.number = number
        seen = self.globals - (self.names if own is None else self.names - own)
        self.of_frame = getter(self.names)
        self.of_top = getter(seen)
        self.of_slots = sorted(self.slots)

    def count(self, x: int, frame: Frame) -> Result:
        if frame.trace is not None:
            return self.add_up(x, frame)
        slots = tuple([frame.slots.get(slot) for slot in self.of_slots]) if self.of_slots else None
        key = (self.number, x, frame.training, self.of_frame(frame.keys), self.of_top(frame.top.keys), slots)
        results = frame.kept.results
        found = results.get(key)
        if found is None:
            found = results[key] = self.add_up(x, frame)
        return found

    def add_up(self, x: int, frame: Frame) -> Result:
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


class Block(Part):
    """A block where it is used: its settings, from what is given and from defaults, and its layers.

    `exports` are the names in it that are looked up from outside: as they are in it, and outside. `entry` is
    the slot of what it is given.
    """

    __slots__ = ("asked", "body", "entry", "exports", "settings", "slot")

    def __init__(
        self,
        item: BlockItem,
        body: Part,
        of_spec: Container[str],
        slot: str,
        exports: dict[str, str],
        asked: str,
        entry: str,
    ) -> None:
        defaults = item.block.settings
        super().__init__([], item.values.values())
        seen = names_in(defaults.values()) | (body.names - defaults.keys()) | body.globals
        self.globals = frozenset(name for name in seen if name in of_spec)
        self.depth = body.depth
        self.body = body
        self.settings = [(name, item.values.get(name), default) for name, default in defaults.items()]
        self.slot = slot
        self.exports = exports
        self.asked = asked
        self.entry = entry
        if asked:
            self.names |= {asked}

    def count(self, x: int, frame: Frame) -> Result:
        given = x
        x, counts, written = self.body.count(x, self.inside(x, frame))
        counts = barren(counts)
        if not is_within_limits(counts):
            raise Uncounted
        found = {self.exports[name]: flow for name, flow in written.items() if name in self.exports}
        if self.slot:
            found[self.slot] = (x, frame.training)
        if self.entry:
            found[self.entry] = (given, frame.training)
        return x, counts, found

    def inside(self, x: int, frame: Frame) -> Frame:
        top = frame.top
        own: dict[str, Any] = {}
        for name, given, default in self.settings:
            value = given
            if isinstance(value, Expression):
                value = frame.value(value, x)
            elif value is None:
                value = default
                if isinstance(value, Expression):
                    value = Frame(frame.kept, {**top.values, **own}, {}, top, False).value(value, x)
            own[name] = value
        if self.asked:
            if not own.keys() >= frame.values[self.asked].keys():
                raise Uncounted
            own |= frame.values[self.asked]
        keys = {name: typed(value) for name, value in own.items()}
        inner = Frame(frame.kept, {**top.values, **own}, {**top.keys, **keys}, top, frame.training)
        inner.slots[ARRIVING] = (x, frame.training)
        inner.trace = frame.trace
        return inner


class Sharing(Part):
    """A block that uses the weights of another, of the same kind and with the same settings."""

    __slots__ = ("block", "owner")

    def __init__(self, block: Block, owner: Block) -> None:
        super().__init__([block, owner])
        self.block = block
        self.owner = owner
        self.slots |= {owner.entry}

    def count(self, x: int, frame: Frame) -> Result:
        given = frame.slots.get(self.owner.entry)
        if given is None or given[1] != frame.training:
            raise Uncounted
        ours, theirs = self.block.inside(x, frame), self.owner.inside(given[0], frame)
        ours.trace, theirs.trace = [], []
        self.block.body.count(x, ours)
        self.owner.body.count(given[0], theirs)
        if ours.keys != theirs.keys or ours.trace != theirs.trace:
            raise Uncounted
        x, counts, written = self.block.count(x, frame)
        return x, without_weights(counts), written
