"""The entries of `layers`: kinds, structures, blocks and what stands beside them."""

import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from cnnarch.errors import listed, suggestion
from cnnarch.layers import KINDS
from cnnarch.layers.settings import Count, Flag, Setting
from cnnarch.spec.expressions import Expression
from cnnarch.spec.model import (
    PLAIN,
    Block,
    BlockItem,
    Branches,
    Broken,
    Group,
    Item,
    LayerItem,
    Modifiers,
    Residual,
)
from cnnarch.spec.source import Mapping, Node, Scalar, Sequence
from cnnarch.spec.values import INVALID, Reader

__all__ = ["BESIDE", "EXAMPLES", "MERGES", "STRUCTURES", "Items", "is_name", "number", "parts", "resembling"]

BESIDE = {
    "name": "what the layer is called; a `/` groups layers",
    "from": "the name of the layer whose output it takes, or a list of names",
    "repeat": "how many times it stands in a row",
    "when": "leave it out where this is false",
    "share": "the name of the layer or block whose weights it uses: counted once, work every time",
    "train_only": "true for what does not run at inference, such as an auxiliary head",
    "note": "a remark for readers",
}
STRUCTURES = {
    "residual": "layers whose output is added to their input",
    "branches": "lists of layers that all take the same input, and are merged",
    "layers": "layers in a row, as one entry",
}
EXAMPLES = {
    "residual": "residual:\n    - conv: {filters: 64, kernel: 3, padding: 1}\n    - relu\n"
    "  shortcut:               # where the shapes differ; or `drop`\n    - conv: {filters: 64, kernel: 1}",
    "branches": "branches:\n    - - conv: {filters: 64, kernel: 1}\n"
    "    - - maxpool: {kernel: 3, stride: 1, padding: 1}\n"
    "      - conv: {filters: 32, kernel: 1}\n  merge: concat           # or add, multiply, max",
    "layers": "layers:\n    - conv: {filters: 64, kernel: 3, padding: 1}\n    - relu\n  repeat: 2",
    "name": "relu:\n  name: features",
    "from": "concat:\n  from: [left, right]",
    "repeat": "conv: {filters: 64, kernel: 3, padding: 1}\n  repeat: depth - 1",
    "when": "batchnorm:\n  when: normalise",
    "share": "conv: {filters: 64, kernel: 3}\n  from: right\n  share: left_conv",
    "train_only": "fc: 1000\n  name: auxiliary\n  train_only: true",
    "note": "dropout:\n  note: only the paper's second version has it",
}
ASIDE = {"residual": "shortcut", "branches": "merge"}
MERGES = ("concat", "add", "multiply", "max")

LONGEST_NAME = 64
_FOLLOWS = ("in_channels", "in_features", "num_features", "input_shape", "input_dim", "input_size", "input")


def is_name(text: str) -> bool:
    """Whether a layer can be called so: words of letters, digits, `_` and `-`, between them perhaps `/`."""
    return len(text) <= LONGEST_NAME and all(
        part.replace("-", "_").isidentifier() and part[0] != "-" for part in text.split("/")
    )


class _Entry(NamedTuple):
    """What one entry of a list of layers is made of: its kind's key and value, and what stands beside."""

    node: Node
    key: Scalar
    value: Node | None
    modifiers: Modifiers
    beside: dict[str, Node]
    names: Collection[str]


class Items:
    """Reads lists of layers, for the settings and blocks that they can name."""

    def __init__(self, reader: Reader, blocks: dict[str, Block], page_with: Callable[[str], str]) -> None:
        self.reader = reader
        self.blocks = blocks
        self.page_with = page_with  # the shipped page that has a block
        self.called: set[str] = set()

    def scope(self, node: Node, names: Collection[str], what: str = "`layers`") -> list[Item]:
        """A list of layers whose names are counted together."""
        items = self.entries(node, names, what)
        number(items)
        return items

    def entries(self, node: Node, names: Collection[str], what: str) -> list[Item]:
        if not isinstance(node, Sequence):
            self.reader.report(f"{what} must be a list of layers", node, "each begins with a dash: `- relu`")
            return []
        return [self.item(one, names) or self._broken(one) for one in node.items]

    def _broken(self, node: Node) -> Item:
        """What stands for an entry that could not be read; it keeps its name, so that the others keep theirs."""
        keys = {key.value: value for key, value in node.items} if isinstance(node, Mapping) else {}
        kind = next((key for key in keys if self._knows(key) and key not in STRUCTURES), "")
        name = keys.get("name")
        given = name.value if isinstance(name, Scalar) and is_name(name.value) else ""
        return Broken(self.reader.source, node, kind, Modifiers(name=given) if given else PLAIN)

    def item(self, node: Node, names: Collection[str]) -> Item | None:
        if isinstance(node, Scalar):
            if not node.value:
                return self._wrong("an empty entry", node, "a layer is `- kind`, as `- relu`")
            return self._entry(_Entry(node, node, None, PLAIN, {}, names))
        if isinstance(node, Sequence):
            return self._wrong("a list where a layer is needed", node, "for layers in a row write `- layers: [...]`")
        aside = {"shortcut", "merge"}
        kinds = [(key, value) for key, value in node.items if key.value not in BESIDE and key.value not in aside]
        known = [entry for entry in kinds if self._knows(entry[0].value)]
        if not kinds:
            return self._wrong(
                "a layer without a kind", node, "a layer is `kind: settings`, as `conv: {filters: 64, ...}`"
            )
        key, value = known[0] if known else kinds[0]
        for one, _ in node.items:
            if one is not key and one.value not in BESIDE and ASIDE.get(key.value) != one.value:
                self._superfluous(one, key.value)
        beside = {one.value: two for one, two in node.items if one is not key}
        modifiers = self._modifiers({name: two for name, two in beside.items() if name in BESIDE}, names)
        return self._entry(_Entry(node, key, value, modifiers, beside, names))

    def _knows(self, kind: str) -> bool:
        return kind in KINDS or kind in self.blocks or kind in STRUCTURES

    def _superfluous(self, key: Scalar, kind: str) -> None:
        name = key.value
        if self._knows(name):
            self.reader.report(
                f"a second kind, `{name}`, in the entry of `{kind}`", key, "begin each layer with a dash"
            )
            return
        settings = list(
            KINDS[kind].settings if kind in KINDS else self.blocks[kind].settings if kind in self.blocks else ()
        )
        if name in settings:
            hint = f"a setting stands with the kind: `{kind}: {{{name}: ...}}`"
        elif name in ASIDE.values():
            owner = next(one for one, aside in ASIDE.items() if aside == name)
            hint = f"`{name}` stands beside `{owner}`"
        else:
            hint = suggestion(name, list(BESIDE)) or f"beside a kind can stand {listed(BESIDE)}"
        self.reader.report(f"unknown modifier `{name}`", key, hint)

    def _entry(self, entry: _Entry) -> Item | None:
        kind = entry.key.value
        if kind in KINDS:
            return self._layer(entry)
        if kind in self.blocks:
            return self._block(entry)
        if kind in STRUCTURES:
            if entry.value is None or (isinstance(entry.value, Scalar) and not entry.value.value):
                return self._wrong(f"`{kind}` needs layers", entry.key, f"they stand in a list below `{kind}:`")
            build = {"residual": self._residual, "branches": self._branches, "layers": self._group}[kind]
            return build(entry, entry.value)
        known = [*KINDS, *self.blocks, *STRUCTURES]
        page = self.page_with(kind)
        hint = f"it is a block of the page `{page}`: write `import: {page}`" if page else ""
        hint = hint or _translated(kind) or suggestion(kind, known) or "`cnnarch layers` lists the kinds"
        self.called |= {name for name in self.blocks if f"`{name}`" in hint}  # what was meant is not unused
        if entry.value is not None:
            self.reader.might_use(entry.value, entry.names)
        return self._wrong(f"unknown kind `{kind}`", entry.key, hint)

    def _wrong(self, message: str, node: Node, hint: str) -> None:
        """Note a mistake; returns nothing, the item after a mistake."""
        self.reader.report(message, node, hint)

    # Kinds and blocks

    def _layer(self, entry: _Entry) -> LayerItem | None:
        node, key, value, modifiers, _, names = entry
        cls = KINDS[key.value]
        given = self._given(key, value, list(cls.settings))
        if given is None:
            return None
        item = LayerItem(self.reader.source, node, key.value, modifiers)
        item.cls = cls
        values = {
            name: self.reader.typed(place, cls.settings[name].type, name, names) for name, (_, place) in given.items()
        }
        if self._lacks(key, given, cls.settings) or any(value is INVALID for value in values.values()):
            return None
        item.layer = item.values = None
        if any(isinstance(one, Expression) for one in values.values()):
            item.values = values
        else:
            item.layer = cls.of(values)
        return item

    def _block(self, entry: _Entry) -> BlockItem | None:
        node, key, value, modifiers, _, names = entry
        block = self.blocks[key.value]
        self.called.add(block.name)
        given = self._given(key, value, list(block.settings))
        if given is None:
            return None
        item = BlockItem(self.reader.source, node, key.value, modifiers)
        item.block = block
        item.values = {name: self.reader.value(place, names) for name, (_, place) in given.items()}
        missing = [
            name for name, default in block.settings.items() if default is None and item.values.get(name) is None
        ]
        if missing:
            return self._missing(key, missing, f"{key.value}: {{{', '.join(f'{one}: ...' for one in missing)}}}")
        return None if any(one is INVALID for one in item.values.values()) else item

    def _given(self, key: Scalar, value: Node | None, settings: list[str]) -> dict[str, tuple[Node, Node]] | None:
        """The settings as they are written: key and value; a lone value is the first setting's."""
        kind = key.value
        if value is None or (isinstance(value, Scalar) and value.plain and not value.value):
            return {}
        if not isinstance(value, Mapping):
            if not settings:
                self.reader.report(f"`{kind}` has no settings", value, f"write `- {kind}`")
                return None
            return {settings[0]: (key, value)}
        given: dict[str, tuple[Node, Node]] = {}
        wrong = False
        for name, one in value.items:
            if name.value in settings:
                given[name.value] = (name, one)
            else:
                wrong = True
                self.reader.might_use(one, settings)
                self.reader.report(
                    f"`{kind}` has no setting `{name.value}`", name, _setting_hint(kind, name.value, settings)
                )
        return None if wrong else given

    def _lacks(self, key: Scalar, given: dict[str, Any], settings: dict[str, Setting]) -> bool:
        missing = [name for name, one in settings.items() if one.required and name not in given]
        if missing:
            self._missing(key, missing, KINDS[key.value].example.split("\n")[0])
        return bool(missing)

    def _missing(self, key: Scalar, missing: list[str], example: str) -> None:
        listed = " and ".join(f"`{name}`" for name in missing)
        return self._wrong(f"`{key.value}` needs {listed}", key, f"as in `{example}`")

    # Structures

    def _group(self, entry: _Entry, value: Node) -> Item | None:
        item = Group(self.reader.source, entry.node, entry.key.value, entry.modifiers)
        item.body = self.entries(value, entry.names, "`layers`")
        return self._filled(item, value)

    def _filled(self, item: Item, node: Node) -> Item | None:
        """The item, numbered within if it has a name, unless it holds nothing."""
        if isinstance(node, Sequence) and not node.items:
            return self._wrong(f"`{item.kind}` has no layers", node, "leave it out")
        if item.modifiers.name:
            _number(parts(item))
        return item

    def _residual(self, entry: _Entry, value: Node) -> Item | None:
        node, key, _, modifiers, beside, names = entry
        item = Residual(self.reader.source, node, key.value, modifiers)
        item.body = self.entries(value, names, "`residual`")
        item.drops = False
        item.shortcut = None
        if "shortcut" in beside:
            shortcut = beside["shortcut"]
            if isinstance(shortcut, Scalar) and shortcut.value == "drop":
                item.drops = True
            else:
                if not isinstance(shortcut, Sequence):
                    return self._wrong(
                        "`shortcut` must be a list of layers", shortcut, "or `drop`: no addition where shapes differ"
                    )
                item.shortcut = self.entries(shortcut, names, "`shortcut`")
                if not shortcut.items:
                    return self._wrong("`shortcut` has no layers", shortcut, "leave it out, or write `shortcut: drop`")
        item.merge = self._merge(key, "add")
        return self._filled(item, value)

    def _branches(self, entry: _Entry, value: Node) -> Item | None:
        node, key, _, modifiers, beside, names = entry
        item = Branches(self.reader.source, node, key.value, modifiers)
        if not isinstance(value, Sequence):
            return self._wrong("`branches` must be a list of lists of layers", value, "each begins with `- - `")
        if len(value.items) < 2:
            return self._wrong(f"`branches` needs two or more, not {len(value.items)}", key, "each is a list of layers")
        item.branches = [self.entries(one, names, "a branch") for one in value.items]
        word = "concat"
        if "merge" not in beside:
            self.reader.report(
                "`branches` needs `merge`", key, f"write beside it `merge: concat`, or {listed(MERGES[1:])}"
            )
        else:
            node_of_word = beside["merge"]
            word = node_of_word.value if isinstance(node_of_word, Scalar) else ""
            if word not in MERGES:
                hint = _translated(word) or suggestion(word, list(MERGES)) or f"there are {listed(MERGES)}"
                return self._wrong(f"unknown merge `{word}`", node_of_word, hint)
        item.merge = self._merge(key, word)
        return self._filled(item, value)

    def _merge(self, key: Scalar, kind: str) -> LayerItem:
        """The layer that joins what a structure holds."""
        item = LayerItem(self.reader.source, key, kind, PLAIN)
        item.cls = KINDS[kind]
        item.values = None
        item.layer = item.cls.of({})
        return item

    # Modifiers

    def _modifiers(self, beside: dict[str, Node], names: Collection[str]) -> Modifiers:
        if not beside:
            return PLAIN
        found: dict[str, Any] = {"places": beside}
        for key, node in beside.items():
            if key in ("name", "note"):
                found[key] = self.reader.text(node, f"`{key}`")
            elif key == "from":
                found["sources"] = tuple(self.reader.texts(node, "`from`"))
            elif key == "share":
                shared = self.reader.texts(node, "`share`")
                found["share"] = shared[0] if shared else None
                if len(shared) > 1:
                    self.reader.report(f"`share` names one layer, not {len(shared)}", node)
            elif key == "train_only":
                value = self.reader.typed(node, Flag(), key, ())
                found[key] = value is True
            else:
                value = self.reader.typed(node, Count(0) if key == "repeat" else Flag(), key, names)
                found[key] = 1 if value is INVALID else value
        name = found.get("name")
        if name and not is_name(name):
            self.reader.report(
                f"`{name[:LONGEST_NAME]}` cannot be a name",
                beside["name"],
                "a name has letters, digits, `_` and `-`, begins with a letter, and has at most 64 of them",
            )
            found["name"] = ""
        return Modifiers(**found)


def number(items: list[Item]) -> None:
    """Say of every item in a scope whether a number follows its label.

    A number follows where a kind stands more than once, or is repeated, or could be taken for
    another with its number (`relu6` beside `relu`). A name that was given stays as it is, unless it
    is repeated. A structure without a name is part of the scope that it stands in.
    """
    _number([items])


def _number(lists: list[list[Item]]) -> None:
    labels: dict[str, int] = {}
    found: list[Item] = []
    for items in lists:
        _gather(items, labels, found, 1)
    for item in found:
        plain = item.label.rstrip("0123456789")
        if item.modifiers.name:
            item.numbered = item.modifiers.repeat is not None
        else:
            item.numbered = labels[item.label] > 1 or (plain != item.label and plain in labels)


def _gather(items: list[Item], labels: dict[str, int], found: list[Item], times: int) -> None:
    for item in items:
        if not item.label:
            continue
        again = times if item.modifiers.repeat is None else 2
        if isinstance(item, (LayerItem, BlockItem, Broken)) or item.modifiers.name:
            if not item.modifiers.name:
                labels[item.label] = labels.get(item.label, 0) + again
            found.append(item)
        else:
            for part in parts(item):
                _gather(part, labels, found, again)


def parts(item: Item) -> list[list[Item]]:
    """The lists of items that a structure holds, its merge last."""
    if isinstance(item, Group):
        return [item.body]
    if isinstance(item, Residual):
        return [item.body, item.shortcut or [], [item.merge]]
    if isinstance(item, Branches):
        return [*item.branches, [item.merge]]
    return []


def resembling(kind: str) -> str:
    """The kind that goes by another framework's name, or nothing."""
    plain = _plain(kind)
    return next((name for name, cls in KINDS.items() if plain == _plain(name) or plain in cls.elsewhere), "")


def _translated(kind: str) -> str:
    known = resembling(kind)
    return f"it is called `{known}` here" if known else ""


def _setting_hint(kind: str, name: str, settings: list[str]) -> str:
    cls = KINDS.get(kind)
    for setting in cls.settings.values() if cls else ():
        if _plain(name) in map(_plain, setting.elsewhere):
            return f"it is called `{setting.name}` here"
    if name in _FOLLOWS:
        return "leave it out: it follows from the input"
    if name == "activation":
        return "write the activation as a layer of its own, below this one"
    if name in BESIDE:
        return f"`{name}` stands beside `{kind}`, not in it"
    return suggestion(name, settings) or (f"there are {listed(settings)}" if settings else "it has none")


def _plain(name: str) -> str:
    """A name without case, dots before it, and anything between letters."""
    return re.sub(r"[\W_]", "", name.rsplit(".", 1)[-1]).lower()
