"""Which names are looked up in a spec, and of which items they are: known before anything is built, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Any

from cnnarch.search.sums.frame import ARRIVING, Uncounted
from cnnarch.spec.expressions import Expression
from cnnarch.spec.items import parts
from cnnarch.spec.model import Block, BlockItem, Broken, Item, LayerItem, Residual, Value

__all__ = ["Survey"]

DIGITS = "0123456789"
LONGEST_NUMBER = 18  # digits
FEW = range(1, 10)
HIDDEN = "#"  # begins what stands for a name that is not known; no name has it


class Place:
    """Where names are counted, as they are when the network is built: the top, a block or a named structure.

    Of a name that depends on how often something is repeated only the beginning is known.
    """

    def __init__(self, prefix: str, outer: Place | None = None) -> None:
        self.prefix = prefix
        self.outer = outer
        self.counts: dict[str, int | None] = {}  # None where it is not known
        self.exact: set[str] = set()
        self.begun: dict[str, str] = {}  # by the beginnings of numbered names, their labels
        self.groups: set[str] = set()  # labels of blocks and named structures

    def name(self, item: Item, again: bool) -> str | None:
        """The full name of the next item; nothing if it is not known."""
        label = item.label
        if not isinstance(item, LayerItem):
            self.groups.add(label)
        if not item.numbered:
            self.exact.add(label)
            return self.prefix + label
        begun = f"{label}_" if label[-1].isdigit() else label
        if self.begun.setdefault(begun, label) != label:
            raise Uncounted
        count = self.counts.get(label, 0)
        self.counts[label] = None if again or count is None else count + 1
        return None if again or count is None else f"{self.prefix}{begun}{count + 1}"

    def check(self) -> None:
        """Refuse names that could be those of others; one that is given twice is found when it is given."""
        if any(self.is_number(label) for label in self.exact):
            raise Uncounted
        for label in (*self.exact, *self.begun.values()):
            if any(part in self.groups or self.is_number(part) for part in beginnings(label)):
                raise Uncounted

    def is_number(self, name: str) -> bool:
        """Whether it can be the name of one that is numbered."""
        begun = name.rstrip(DIGITS)
        if begun == name or begun not in self.begun:
            return False
        count = self.counts[self.begun[begun]]
        return count is None or len(name) - len(begun) > LONGEST_NUMBER or int(name[len(begun) :]) <= count

    def may_have(self, name: str) -> bool:
        """Whether it can be, or be in, something whose number is not known."""
        labels = [self.begun.get(part.rstrip(DIGITS)) for part in (*beginnings(name), name)]
        return any(label is not None and self.counts[label] is None for label in labels)


class Survey:
    """The names in a block or at the top, but for those in its blocks, and what is looked up there.

    `names` are those that are known; `slots` those of which the output has to be kept, and `exports`
    what has to be kept in the blocks here. `taken` are the full names that a `from` comes to.
    """

    def __init__(
        self, items: list[Item], inputs: Container[str], is_block: bool, of_block: Callable[[Block], Survey]
    ) -> None:
        self.items = items
        self.inputs = inputs
        self.is_block = is_block
        self.of_block = of_block
        self.names: dict[Item, str] = {}
        self.hidden: dict[Item, str] = {}  # for structures without a known name, what stands for it
        self.turns: dict[Item, list[str]] = {}  # the names of what is repeated a few times, always as often
        self.taken: dict[Item, tuple[str, ...]] = {}
        self.owners: dict[Item, BlockItem] = {}  # of blocks that use another's weights
        self.slots: set[str] = set()
        self.exports: dict[Item, set[str]] = {}
        self.items_of: dict[str, list[Item]] = {}
        self.asks: list[tuple[Item, Place]] = []
        self.places: dict[str, list[Place]] = {}
        self.go_through(items, self.place("", None))
        for place in self.every_place():
            place.check()
        for item, place in self.asks:
            self.taken[item] = tuple([self.find(source.value, place) for source in item.modifiers.sources])
            if item.modifiers.share is not None:
                self.share(item, self.find(item.modifiers.share.value, place))

    def every_place(self) -> Iterator[Place]:
        for places in self.places.values():
            yield from places

    def place(self, prefix: str, outer: Place | None) -> Place:
        place = Place(prefix, outer)
        self.places.setdefault(prefix, []).append(place)
        return place

    def go_through(self, items: list[Item], place: Place, again: bool = False, firm: bool = True) -> None:
        """Give names in the order in which a builder gives them.

        `again` if all this may stand there more than once, `firm` if it certainly stands there once.
        """
        for item in items:
            beside = item.modifiers
            if isinstance(item, Broken) or (beside.share is not None and not isinstance(item, BlockItem)):
                raise Uncounted
            if beside.sources or beside.share is not None:
                self.asks.append((item, place))
            repeated = again or beside.repeat is not None
            turns: Any = beside.repeat
            simple = isinstance(item, (LayerItem, BlockItem)) and beside.share is None
            if simple and firm and beside.when is True and turns in FEW:
                self.turns[item] = [self.give(item, place, False) or "" for _ in range(turns)]
                self.names.pop(item, None)
            elif isinstance(item, (LayerItem, BlockItem)):
                self.give(item, place, repeated)
            elif item.modifiers.name:
                self.structure(item, place, repeated)
            else:
                sure = firm and not repeated and beside.when is True
                for part in parts(item):
                    shortcut = isinstance(item, Residual) and part is item.shortcut
                    self.go_through(part, place, repeated, sure and not shortcut)

    def give(self, item: Item, place: Place, repeated: bool) -> str | None:
        name = place.name(item, repeated)
        if name is None:
            return None
        if name in self.inputs:
            raise Uncounted
        items = self.items_of.setdefault(name, [])
        if repeated or items:
            self.slots.add(name)  # perhaps they are there by turns; if not, it is found when the second is counted
        items.append(item)
        self.names[item] = name
        return name

    def structure(self, item: Item, place: Place, repeated: bool) -> None:
        """A structure with a name; where that is not known, what is in it is called otherwise every time."""
        name = self.give(item, place, repeated)
        if name is None:
            name = self.hidden[item] = f"{HIDDEN}{len(self.places)}"
        inner = self.place(f"{name}/", place)
        for part in parts(item):
            self.go_through(part, inner)

    def share(self, item: Item, name: str) -> None:
        """Note whose weights a block uses, where it is certain that its layers are called as the other's are."""
        owner = self.items_of.get(name, [])
        if len(owner) != 1 or not isinstance(owner[0], BlockItem) or not isinstance(item, BlockItem):
            raise Uncounted
        if (
            owner[0] in self.turns
            or owner[0].block is not item.block
            or owner[0].modifiers.share is not None
            or not is_steady(item.block.layers)
        ):
            raise Uncounted
        self.owners[item] = owner[0]

    # What is looked up

    def find(self, text: str, place: Place | None) -> str:
        """The full name of what a text names."""
        while place is not None:
            name = place.prefix + text
            if self.has(name):
                return name
            place = place.outer
        if text == "input" and self.is_block:
            return ARRIVING
        raise Uncounted

    def has(self, name: str) -> bool:
        """Whether there is something of that name, here or in a block here; its output is then kept."""
        if name in self.inputs or name in self.items_of:
            self.slots.add(name)
            return True
        found = False
        for part in beginnings(name):
            for item in self.items_of.get(part, ()):
                inner = name[len(part) + 1 :]
                if isinstance(item, BlockItem) and self.of_block(item.block).has(inner):
                    self.exports.setdefault(item, set()).add(inner)
                    found = True
        for prefix in ("", *(f"{part}/" for part in beginnings(name))):
            if any(place.may_have(name[len(prefix) :]) for place in self.places.get(prefix, ())):
                raise Uncounted
        return found


def is_steady(items: list[Item]) -> bool:
    """Whether the same layers are there for the same settings, whatever arrives."""
    for item in items:
        beside = item.modifiers
        values: list[Value] = [beside.when, beside.repeat]
        lists = parts(item)
        if isinstance(item, BlockItem):
            values += [*item.values.values(), *item.block.settings.values()]
            lists = [item.block.layers]
        if any(isinstance(value, Expression) and "x" in value.names for value in values) or beside.share is not None:
            return False
        if isinstance(item, Residual) and (item.drops or item.shortcut is not None):
            return False
        if not all(map(is_steady, lists)):
            return False
    return True


def beginnings(name: str) -> Iterator[str]:
    """What stands before each `/`.

    >>> [*beginnings("stage3/conv4/relu")]
    ['stage3', 'stage3/conv4']
    """
    return (name[:at] for at, letter in enumerate(name) if letter == "/")
