"""Blocks where they are used: the same settings and the same input are the same sums."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from cnnarch.search.sums.counts import barren, is_within_limits, without_weights
from cnnarch.search.sums.frame import ARRIVING, Frame, Result, Uncounted, typed
from cnnarch.search.sums.parts import Part, names_in
from cnnarch.spec.expressions import Expression
from cnnarch.spec.model import BlockItem

__all__ = ["Block", "Sharing"]


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
        values, keys = frame.of_spec
        own: dict[str, Any] = {}
        for name, given, default in self.settings:
            value = given
            if isinstance(value, Expression):
                value = frame.value(value, x)
            elif value is None:
                value = default
                if isinstance(value, Expression):
                    value = Frame(frame.kept, {**values, **own}, {}, frame.of_spec).value(value, x)
            own[name] = value
        if self.asked:
            if not own.keys() >= frame.values[self.asked].keys():
                raise Uncounted
            own |= frame.values[self.asked]
        keys = {**keys, **{name: typed(value) for name, value in own.items()}}
        inner = Frame(frame.kept, {**values, **own}, keys, frame.of_spec, frame.training)
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
