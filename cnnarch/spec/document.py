"""The nodes of a page of YAML → Spec: what stands at the top of a spec, and its blocks."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol, TypeVar

from cnnarch.errors import Problem, Source, Span, SpecError, listed, suggestion
from cnnarch.layers import KINDS
from cnnarch.spec.claims import Claims, read_inputs
from cnnarch.spec.expressions import is_setting_name
from cnnarch.spec.items import STRUCTURES, Items, is_name, parts
from cnnarch.spec.model import Block, BlockItem, Item, Spec
from cnnarch.spec.source import Mapping, Node, Scalar, Sequence, parse, span_of
from cnnarch.spec.space import read_space
from cnnarch.spec.values import Reader

__all__ = ["HEADER", "PAGE_OF_BLOCKS", "TASKS", "Blocks", "read_blocks", "read_document"]

HEADER = {
    "name": "what people call the network",
    "input": "the input's shape, height x width x channels; or a mapping of names to shapes",
    "source": "where the architecture is published",
    "year": "the year of its publication",
    "task": "what it does",
    "note": "a remark for readers",
    "see_also": "shipped networks that are close to it",
    "settings": "names with values that expressions see and `--set` changes; no value means it must be given",
    "space": "what varies in a search: choices, ranges or lists for settings, sizes for inputs, perhaps a condition "
    "`where`; `extends` takes it over",
    "extends": "another spec, shipped or a file beside this one, that this one changes",
    "import": "pages of blocks that this spec uses, shipped or in files beside this one",
    "blocks": "kinds of this spec's own: each has `layers`, and may have `settings`",
    "layers": "the layers, in order",
    "published": "figures with their source, which `cnnarch check` compares",
    "budget": "limits of figures, which `cnnarch check` compares, perhaps for a `batch`, `dtype` or `input`; "
    "`extends` does not take it over",
    "ignore": "rules whose advice `cnnarch check` leaves out, by code or name; `extends` takes it over",
}
TASKS = ("classification", "localisation", "detection", "segmentation", "instance segmentation", "reading")
EXTENSIBLE = ("import", "blocks", "layers")
PAGE_OF_BLOCKS = ("source", "note", "import", "blocks")  # what can stand at its top
DEEPEST_BLOCKS = 32

Blocks = dict[str, Block]
Found = TypeVar("Found")


class Library(Protocol):
    """What a spec can name: specs that it extends, and pages of blocks that it imports."""

    def spec(self, name: str, beside: Source) -> Spec: ...
    def blocks(self, name: str, beside: Source) -> Blocks: ...
    def page_with(self, block: str) -> str: ...


def read_document(source: Source, library: Library) -> Spec:
    """Read a spec; `library` gives what an `extends` or an `import` names.

    Raises SpecError where there is nothing to build. Mistakes in single layers are kept in the spec's
    `problems`, so that building it can find others.
    """
    problems: list[Problem] = []
    root = _root(source, problems, "a spec has at least `name`, `input` and `layers`")
    document = _Document(Reader(source, problems), root, library)
    spec = document.read()
    if problems and not document.buildable:
        raise SpecError(problems)
    spec.problems = problems
    return spec


def read_blocks(source: Source, library: Library) -> Blocks:
    """Read a page of blocks, for specs to import.

    Raises SpecError with every mistake.
    """
    problems: list[Problem] = []
    root = _root(source, problems, "a page of blocks has `blocks`")
    blocks = _Document(Reader(source, problems), root, library).read_blocks()
    if problems:
        raise SpecError(problems)
    return blocks


def _root(source: Source, problems: list[Problem], hint: str) -> Mapping:
    """The mapping at the top of a page."""
    root = parse(source, problems)
    if root is None or (isinstance(root, Mapping) and not root.items):
        raise SpecError([*problems, Problem("the spec is empty", Span(source, 1, 1, 1, 2), hint)])
    if not isinstance(root, Mapping):
        raise SpecError([*problems, Problem("a spec is a mapping at the top", span_of(source, root), hint)])
    return root


class _Document:
    def __init__(self, reader: Reader, root: Mapping, library: Library) -> None:
        self.reader = reader
        self.root = root
        self.library = library
        self.spec = Spec(reader.source)
        self.imported: Blocks = {}
        self.pages: list[tuple[Scalar, Blocks]] = []  # where each of them is from
        self.given = {key.value: node for key, node in root.items}
        self.buildable = False

    def read_blocks(self) -> Blocks:
        self._check_keys(PAGE_OF_BLOCKS, "a page of blocks has no")
        if "blocks" not in self.given:
            self.reader.report("there are no `blocks` here", self.root.items[0][0], "a page of blocks has `blocks`")
        self._texts()
        self._layers(0)
        return self.spec.blocks

    def _check_keys(self, known: Collection[str], what: str) -> None:
        for key, _ in self.root.items:
            if key.value not in known:
                hint = suggestion(key.value, list(known)) or f"there are {', '.join(known)}"
                self.reader.report(f"{what} `{key.value}`", key, hint)

    def read(self) -> Spec:
        self._check_keys(HEADER, "unknown key")
        extends = self.given.get("extends")
        if "blocks" in self.given and not self.given.keys() & {"name", "input", "layers", "extends"}:
            hint = "it has no layers; a spec takes its blocks by `import`"
            self.reader.report("this is a page of blocks, not a spec", self._key("blocks"), hint)
            return self.spec
        if extends is not None and not self._extend(extends):
            return self.spec
        for key in ("name", *(("input", "layers") if extends is None else ())):
            if key not in self.given:
                self.reader.report(f"the spec has no `{key}`", self.root.items[0][0], HEADER[key])
        self._texts()
        before = len(self.reader.problems)
        self._settings()
        if "input" in self.given:
            node = self.given["input"]
            self.spec.inputs = read_inputs(self.reader, node)
            keys = [key for key, _ in node.items] if isinstance(node, Mapping) else []
            self.spec.input_places = {key.value: span_of(self.reader.source, key) for key in keys}
        others = self._space()
        self._layers(before + others)
        self._claims()
        return self.spec

    def _claims(self) -> None:
        claims = Claims(self.reader, self.spec)
        for key, read in (("published", claims.published), ("budget", claims.budget), ("ignore", claims.ignore)):
            if key in self.given:
                read(self.given[key])

    # The header

    def _extend(self, node: Node) -> bool:
        """Take what the extended spec says; false if it cannot be read."""
        for key in EXTENSIBLE:
            if key in self.given:
                hint = "give new `settings` or `input`, or write the layers without `extends`"
                self.reader.report(f"`{key}` cannot stand beside `extends`", self._key(key), hint)
        name = self.reader.text(node, "`extends`")
        if not name:
            return False
        base = self._found(self.library.spec, name, node)
        if base is None:
            return False
        self.spec.task = base.task
        self.spec.inputs, self.spec.input_places = base.inputs, base.input_places
        self.spec.settings = dict(base.settings)
        self.spec.places = dict(base.places)
        self.spec.space = base.space
        self.spec.blocks = base.blocks
        self.spec.layers = base.layers
        self.spec.ignored = list(base.ignored)  # what is meant in its layers is meant here too; its budget is its own
        return True

    def _found(self, find: Callable[[str, Source], Found], name: str, node: Node) -> Found | None:
        """What a name stands for in the library, or nothing after a mistake."""
        try:
            return find(name, self.reader.source)
        except SpecError as error:
            if all(problem.span is None for problem in error.problems):  # it is not there, or goes in a circle
                first = error.problems[0]
                self.reader.report(first.message, node, first.hint)
            else:
                self.reader.problems.extend(error.problems)
            return None

    def _import(self) -> bool:
        """Take the blocks of the pages that are imported; false if one cannot be read."""
        before = len(self.reader.problems)
        seen: set[str] = set()
        for name in self.reader.texts(self.given["import"], "`import`"):
            if name.value in seen:
                self.reader.report(f"`{name.value}` is imported twice", name, "leave one of them out")
                continue
            seen.add(name.value)
            found = self._found(self.library.blocks, name.value, name) or {}
            self.pages.append((name, found))
            for block in found.values():
                if self.imported.setdefault(block.name, block) is not block:
                    self.reader.report(f"a second block `{block.name}` is imported", name, "import one of the two")
        return len(self.reader.problems) == before

    def _texts(self) -> None:
        spec, given, text = self.spec, self.given, self.reader.text
        if "name" in given:
            spec.name = text(given["name"], "`name`")
        if "source" in given:
            spec.origin = text(given["source"], "`source`")
        if "note" in given:
            spec.note = text(given["note"], "`note`")
        if "task" in given:
            spec.task = text(given["task"], "`task`")
            if spec.task and spec.task not in TASKS:
                hint = suggestion(spec.task, list(TASKS)) or f"there are {', '.join(TASKS)}"
                self.reader.report(f"unknown task `{spec.task}`", given["task"], hint)
        if "year" in given:
            year = given["year"].value if isinstance(given["year"], Scalar) else ""
            if len(year) == 4 and year.isdecimal() and year.isascii() and 1900 <= int(year) <= 2100:
                spec.year = int(year)
            else:
                self.reader.report("`year` must be a year, as 2012", given["year"])
        if "see_also" in given:
            spec.see_also = tuple(one.value for one in self.reader.texts(given["see_also"], "`see_also`"))

    def _settings(self) -> None:
        node = self.given.get("settings")
        if node is None:
            return
        extended = "extends" in self.given
        declared = self._declared(node, "`settings`", () if not extended else self.spec.settings)
        for key, value in declared.items():
            if extended and key.value not in self.spec.settings:
                hint = (
                    suggestion(key.value, list(self.spec.settings))
                    or f"it has {', '.join(self.spec.settings) or 'none'}"
                )
                self.reader.report(f"the extended spec has no setting `{key.value}`", key, hint)
            self.spec.settings[key.value] = value
            self.spec.places[key.value] = span_of(self.reader.source, key)

    def _space(self) -> int:
        """Read what varies in a search, which keeps nothing from being built; gives how many mistakes there are."""
        spec, before = self.spec, len(self.reader.problems)
        if "space" in self.given:
            spec.space = read_space(self.reader, spec, self.given["space"])
        elif spec.space is not None and spec.space.where is not None:  # of the extended spec, whose settings may differ
            where = spec.space.where._replace(settings=spec.settings, places=spec.places)
            spec.space = spec.space._replace(where=where)
        return len(self.reader.problems) - before

    def _declared(self, node: Node, what: str, seen: Collection[str]) -> dict[Scalar, Any]:
        """Names with values; a value sees the names before it."""
        declared: dict[Scalar, Any] = {}
        before = list(seen)
        for key, value in self.reader.mapping(node, what, "settings: {classes: 1000}"):
            name = key.value
            if not is_setting_name(name):
                hint = "a name has letters, digits and `_`; words of the language are taken"
                self.reader.report(f"`{name}` cannot be the name of a setting", key, hint)
                continue
            declared[key] = self.reader.value(value, before)
            before.append(name)
        return declared

    # Layers and blocks

    def _layers(self, before: int) -> None:
        """Read blocks and layers; the first `before` problems have nothing to do with what is built."""
        if "import" in self.given and "extends" not in self.given and not self._import():
            return  # kinds would be unknown that are not
        blocks = self.reader.mapping(self.given["blocks"], "`blocks`") if "blocks" in self.given else []
        for key, _ in blocks:
            if self._can_name_block(key):
                self.spec.blocks[key.value] = Block(key.value, key, self.reader.source)
        items = Items(self.reader, {**self.imported, **self.spec.blocks}, self.library.page_with)
        for key, node in blocks:
            if key.value in self.spec.blocks:
                self._block(self.spec.blocks[key.value], node)
        extends = "extends" in self.given
        # From here on a mistake is one layer's, and does not keep the others from being built.
        declared = len(self.reader.problems) == before and bool(self.spec.inputs)
        self.buildable = declared and (extends or "layers" in self.given)
        for key, node in blocks:
            if key.value in self.spec.blocks:
                self._body(self.spec.blocks[key.value], node, items)
        if "layers" in self.given and not extends:
            node = self.given["layers"]
            if (isinstance(node, Sequence) and not node.items) or (isinstance(node, Scalar) and not node.value):
                self.reader.report("the spec has no layers", self._key("layers"), "each begins with a dash: `- relu`")
            else:
                self.spec.layers = items.scope(node, self.spec.settings)
        if not extends and "layers" in self.given:
            self._unused(items)
        elif not extends:
            self._unused_pages(items)
        ends = extends or _check_nesting(self.spec, self.reader)
        self.buildable = self.buildable and ends

    def _can_name_block(self, key: Scalar) -> bool:
        name = key.value
        if name in KINDS or name in STRUCTURES:
            self.reader.report(f"`{name}` is a kind already", key, "give the block another name")
        elif name in self.imported:
            self.reader.report(f"a block `{name}` is imported already", key, "give the block another name")
        elif not is_name(name) or "/" in name or not name.isidentifier():
            self.reader.report(f"`{name}` cannot be the name of a block", key, "a name has letters, digits and `_`")
        else:
            return True
        return False

    def _block(self, block: Block, node: Node) -> None:
        """Read what a block declares; its layers are read when all blocks are known."""
        for key, value in self.reader.mapping(node, f"block `{block.name}`", "block: {settings: ..., layers: ...}"):
            if key.value not in ("settings", "layers", "note"):
                hint = suggestion(key.value, ["settings", "layers"]) or "a block has `settings` and `layers`"
                self.reader.report(f"block `{block.name}` has no key `{key.value}`", key, hint)
            if key.value == "settings":
                used, self.reader.used = self.reader.used, set()
                declared = self._declared(value, "`settings`", self.spec.settings)
                block.settings = {one.value: default for one, default in declared.items()}
                block.keys = {one.value: one for one in declared}
                block.used, self.reader.used = self.reader.used, used

    def _body(self, block: Block, node: Node, items: Items) -> None:
        if not isinstance(node, Mapping):
            return
        layers = node.get("layers")
        if layers is None or (isinstance(layers, Sequence) and not layers.items):
            self.reader.report(f"block `{block.name}` has no layers", block.key, "each begins with a dash: `- relu`")
            return
        used, self.reader.used = self.reader.used, block.used
        block.layers = items.scope(layers, [*block.settings, *self.spec.settings])
        for name, key in block.keys.items():
            if name not in block.used:
                self.reader.report(f"setting `{name}` of block `{block.name}` is not used", key, "remove it, or use it")
        self.reader.used = used | (block.used - set(block.settings))

    def _unused(self, items: Items) -> None:
        for name, span in self.spec.places.items():
            if name not in self.reader.used:
                self.reader.report_at(f"setting `{name}` is not used", span, "remove it, or use it in an expression")
        self._unused_pages(items)
        for block in self.spec.blocks.values():
            if block.name not in items.called:
                self.reader.report(
                    f"block `{block.name}` is not used", block.key, f"write `- {block.name}` in `layers`"
                )

    def _unused_pages(self, items: Items) -> None:
        for name, blocks in self.pages:
            if blocks and not any(one in items.called for one in blocks):
                hint = f"leave it out, or use one: it has {listed(blocks)}"
                self.reader.report(f"no block of `{name.value}` is used", name, hint)

    def _key(self, name: str) -> Scalar:
        return next(key for key, _ in self.root.items if key.value == name)


def _check_nesting(spec: Spec, reader: Reader) -> bool:
    """Whether blocks end: none contains itself, and they are not nested too deep."""
    calls = {name: _called(block.layers) for name, block in spec.blocks.items()}
    done: set[str] = set()
    endless: list[str] = []

    def visit(name: str, open_: list[str]) -> None:
        if name in open_:
            circle = " → ".join([*open_[open_.index(name) :], name])
            reader.report(f"block `{name}` contains itself", spec.blocks[name].key, circle)
            endless.append(name)
        elif len(open_) >= DEEPEST_BLOCKS:
            reader.report(f"blocks are nested deeper than {DEEPEST_BLOCKS}", spec.blocks[name].key)
            endless.append(name)
        elif name not in done:
            for called, block in calls[name].items():
                if spec.blocks.get(called) is block:  # not one that is imported, whose page was checked
                    visit(called, [*open_, name])
        done.add(name)

    for name in calls:
        visit(name, [])
    return not endless


def _called(items: list[Item]) -> Blocks:
    """The blocks that a list of layers uses itself, each once, in order."""
    found: Blocks = {}
    for item in items:
        if isinstance(item, BlockItem):
            found[item.block.name] = item.block
        for part in parts(item):
            found |= _called(part)
    return found
