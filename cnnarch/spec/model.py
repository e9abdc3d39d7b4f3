"""What a spec says, before anything is computed."""

from collections.abc import Mapping as ReadOnly
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from cnnarch.errors import Problem, Source, Span
from cnnarch.layers import Layer
from cnnarch.shapes import Shape
from cnnarch.spec.axes import Space
from cnnarch.spec.expressions import Expression
from cnnarch.spec.source import Mapping, Node, Scalar, span_of

__all__ = [
    "DEEPEST", "PLAIN", "Block", "BlockItem", "Bound", "Branches", "Broken", "Claim", "Conditions", "Group", "Ignored",
    "Item", "LayerItem", "Modifiers", "Residual", "Spec", "Value",
]  # fmt: skip

Value: TypeAlias = Expression | Any  # an expression, or what it would give: a number, a truth value, a word, a list


class Modifiers(NamedTuple):
    """What stands beside the kind; the defaults say nothing."""

    name: str = ""
    sources: tuple[Scalar, ...] = ()
    repeat: Value = None
    when: Value = True
    share: Scalar | None = None
    train_only: bool = False
    note: str = ""
    places: ReadOnly[str, Node] = MappingProxyType({})


PLAIN = Modifiers()
DEEPEST = 100  # blocks and structures in each other


class Item:
    """One entry of a list of layers.

    `label` is what its layers are called after, `numbered` whether a number follows.
    """

    __slots__ = ("kind", "label", "modifiers", "node", "numbered", "source")

    def __init__(self, source: Source, node: Node, kind: str, modifiers: Modifiers) -> None:
        self.source = source
        self.node = node
        self.kind = kind
        self.modifiers = modifiers
        self.label = modifiers.name or kind
        self.numbered = False

    def place(self, setting: str) -> tuple[Node, Node] | None:
        """Where a setting stands: its key and its value; a lone value stands for the first setting."""
        value = self.node.get(self.kind) if isinstance(self.node, Mapping) else None
        if value is None:
            return None
        if not isinstance(value, Mapping):
            return (value, value) if setting and setting == self.first_setting() else None
        return next(((key, one) for key, one in value.items if key.value == setting), None)

    def kind_key(self) -> Node:
        """Where the kind is written."""
        if isinstance(self.node, Mapping):
            return next((key for key, _ in self.node.items if key.value == self.kind), self.node)
        return self.node

    def first_setting(self) -> str:
        """What a lone value stands for."""
        return ""

    def span_of_value(self, setting: str) -> Span:
        """The place of a setting's or a modifier's value; the item's own if it is not given."""
        if setting in self.modifiers.places:
            return self.span(self.modifiers.places[setting])
        found = self.place(setting)
        return self.span(found[1] if found else None)

    def span(self, node: Node | None = None, end: Node | None = None) -> Span:
        """The place of a node of this item, or of the item itself."""
        return span_of(self.source, node or self.node, end)


class LayerItem(Item):
    """A layer of a shipped kind; `layer` is there if no setting has to be computed."""

    __slots__ = ("cls", "layer", "values")

    cls: type[Layer]
    layer: Layer | None
    values: dict[str, Value] | None  # unless there is the layer

    def first_setting(self) -> str:
        return next(iter(self.cls.settings), "")


class Broken(Item):
    """An entry that could not be read; what follows it is not known."""

    __slots__ = ()


class BlockItem(Item):
    __slots__ = ("block", "values")

    block: "Block"
    values: dict[str, Value]

    def first_setting(self) -> str:
        return next(iter(self.block.settings), "")


class Group(Item):
    """A list of layers in a row, with modifiers of its own."""

    __slots__ = ("body",)

    body: list[Item]


class Residual(Item):
    """A body whose output is added to its input.

    Where their shapes differ the shortcut serves as the input, or with `drops` the input is left out.
    """

    __slots__ = ("body", "drops", "merge", "shortcut")

    body: list[Item]
    shortcut: list[Item] | None
    drops: bool
    merge: LayerItem


class Branches(Item):
    __slots__ = ("branches", "merge")

    branches: list[list[Item]]
    merge: LayerItem


class Block:
    """A user's own kind: its settings with their defaults, and its layers."""

    __slots__ = ("key", "keys", "layers", "name", "settings", "source", "used")

    def __init__(self, name: str, key: Scalar, source: Source) -> None:
        self.name = name
        self.key = key
        self.source = source
        self.settings: dict[str, Value] = {}
        self.keys: dict[str, Scalar] = {}
        self.used: set[str] = set()
        self.layers: list[Item] = []


class Claim(NamedTuple):
    """A published figure: its key, its text, the least and the most that it allows."""

    key: str
    text: str
    least: int
    most: int
    source: str
    span: Span
    inputs: dict[str, Shape] | None = None  # if it was published for another input


class Conditions(NamedTuple):
    """What the limits of a budget are for; what is not said is as the network is checked.

    If they are `broken`, a mistake in them was reported.
    """

    batch: int | None = None
    dtype: str | None = None
    inputs: dict[str, Shape] | None = None
    dtype_place: Span | None = None
    inputs_place: Span | None = None
    broken: bool = False


class Bound(NamedTuple):
    """A limit of a budget as it is written: its figure, `min`, `max` or nothing, its text, and where both stand."""

    figure: str
    side: str
    text: str
    key: Span
    place: Span
    conditions: Conditions = Conditions()


class Ignored(NamedTuple):
    """A rule whose advice is not wanted, and where that stands."""

    rule: str
    span: Span


class Spec:
    """An architecture as it was written, with `extends` resolved."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.name = ""
        self.origin = ""
        self.year: int | None = None
        self.task = ""
        self.note = ""
        self.see_also: tuple[str, ...] = ()
        self.inputs: dict[str, Shape] = {}
        self.input_places: dict[str, Span] = {}
        self.settings: dict[str, Value] = {}
        self.places: dict[str, Span] = {}
        self.space: Space | None = None
        self.blocks: dict[str, Block] = {}
        self.layers: list[Item] = []
        self.published: list[Claim] = []
        self.budget: list[Bound] = []
        self.ignored: list[Ignored] = []
        self.pages: dict[str, Source] = {}  # the files that it builds on, by how they were named
        self.problems: list[Problem] = []  # mistakes in layers, which need not keep others from being found
