"""Spec → parts that can be counted."""

from __future__ import annotations

from cnnarch.search.sums import blocks
from cnnarch.search.sums import parts as counted
from cnnarch.search.sums.frame import ENTRY, Kept, Names, Uncounted
from cnnarch.search.sums.names import Survey
from cnnarch.search.sums.parts import Part
from cnnarch.spec.items import parts
from cnnarch.spec.model import DEEPEST, PLAIN, Block, BlockItem, Branches, Group, Item, LayerItem, Residual, Spec

__all__ = ["Plan"]
FAN = 4  # parts of a run


class Plan:
    """The parts of a spec; `asked` are layers and blocks at its top of which other values will be asked.

    `unsure` are those that need not be there in every variant; `top` is all that a spec builds.

    Raises Uncounted for what is not counted this way.
    """

    def __init__(self, spec: Spec, asked: Names, kept: Kept) -> None:
        self.spec = spec
        self.asked = asked
        self.kept = kept
        self.surveys: dict[Block, Survey] = {}
        self.bodies: dict[tuple[Block, Names], Part] = {}
        survey = Survey(spec.layers, spec.inputs, False, self.survey)
        if spec.problems or not all(name in survey.items_of for name in asked):
            raise Uncounted
        sure = {survey.names.get(item) for item in spec.layers if item.modifiers.when is True}
        self.unsure = asked - sure
        survey.slots |= self.unsure
        if len(spec.inputs) > 1 and not all(_is_taken(name, survey) for name in spec.inputs):
            raise Uncounted
        self.top = _Region(self, survey, None, survey.slots).sequence(spec.layers)
        if self.top.depth > DEEPEST:
            raise Uncounted

    def survey(self, block: Block) -> Survey:
        if block not in self.surveys:
            self.surveys[block] = Survey(block.layers, (), True, self.survey)
        return self.surveys[block]

    def body(self, block: Block, exports: Names) -> Part:
        """The layers of a block, of which some are looked up from outside."""
        key = block, exports
        if key not in self.bodies:
            survey = self.survey(block)
            region = _Region(self, survey, frozenset(block.settings), survey.slots | exports)
            self.bodies[key] = region.sequence(block.layers)
        return self.bodies[key]


class _Region:
    """Makes the parts of the top, or of a block with settings of its `own`."""

    def __init__(self, plan: Plan, survey: Survey, own: Names | None, slots: set[str]) -> None:
        self.plan = plan
        self.survey = survey
        self.own = own
        self.slots = slots
        self.blocks: dict[BlockItem, blocks.Block] = {}

    def sequence(self, items: list[Item]) -> counted.Layers:
        """A list as a tree of ever shorter runs, so that of one that changes in one place most is known."""
        parts: list[Part] = [self.part(item) for item in items]
        while len(parts) > FAN:
            runs = [parts[at : at + FAN] for at in range(0, len(parts), FAN)]
            parts = [self.run(run) if len(run) > 1 else run[0] for run in runs]
        top = self.run(parts)
        top.depth += 1
        return top

    def run(self, parts: list[Part]) -> counted.Layers:
        return counted.Layers(parts, self.own, self.plan.kept.number_of_part())

    def part(self, item: Item) -> Part:
        beside, repeat = item.modifiers, item.modifiers.repeat
        turns = self.survey.turns.get(item, [])
        if any(name in self.slots or self.asked(name) or item in self.survey.exports for name in turns):
            repeat = None
            once: Part = self.run([self.turn(item, name) for name in turns])
        else:
            once = self.once(item, self.survey.names.get(item, ""))
        if beside is PLAIN or (isinstance(item, LayerItem) and beside[1:6] == PLAIN[1:6]):
            return once
        return counted.Modified(once, self.survey.taken.get(item, ()), beside.when, repeat, beside.train_only)

    def turn(self, item: Item, name: str) -> Part:
        """One turn of what is repeated; of a block as a builder counts it, if it makes no layer."""
        once = self.once(item, name)
        return once if isinstance(item, LayerItem) else counted.Modified(once, (), True, None, False)

    def once(self, item: Item, name: str) -> Part:
        if isinstance(item, LayerItem):
            return self.layer(item, name)
        if isinstance(item, BlockItem):
            return self.block(item, name)
        if self.asked(name):
            raise Uncounted
        slot = name if name in self.slots else ""
        structure = self.structure(item)
        return counted.Named(structure, slot, self.survey.hidden.get(item, "")) if item.modifiers.name else structure

    def asked(self, name: str) -> str:
        """The setting in which other values stand for the settings of what has this name."""
        return f".{name}" if self.own is None and name in self.plan.asked else ""

    def layer(self, item: LayerItem, name: str) -> Part:
        slot = name if name in self.slots else ""
        return counted.OneLayer(item, slot, self.asked(name), self.plan.kept.number_of_part())

    def block(self, item: BlockItem, name: str) -> Part:
        exports = {inner: f"{name}/{inner}" for inner in self.survey.exports.get(item, ())}
        body = self.plan.body(item.block, frozenset(exports))
        slot = name if name in self.slots else ""
        entry = f"{name}{ENTRY}" if item in self.survey.owners.values() else ""
        block = blocks.Block(item, body, self.plan.spec.settings, slot, exports, self.asked(name), entry)
        self.blocks[item] = block
        owner = self.survey.owners.get(item)
        if owner is None:
            return block
        if owner not in self.blocks:
            raise Uncounted
        return blocks.Sharing(block, self.blocks[owner])

    def structure(self, item: Item) -> Part:
        if isinstance(item, Group):
            return self.sequence(item.body)
        if isinstance(item, Residual):
            shortcut = None if item.shortcut is None else self.sequence(item.shortcut)
            return counted.Residual(self.sequence(item.body), shortcut, item.drops, self.part(item.merge))
        assert isinstance(item, Branches)
        return counted.Branches([self.sequence(branch) for branch in item.branches], self.part(item.merge))


def _is_taken(name: str, survey: Survey) -> bool:
    """Whether it is certain that some layer at the top takes an input."""
    for number, item in enumerate(survey.items):
        sources = survey.taken.get(item, ())
        if (name in sources or (number == 0 and not sources)) and _takes(item):
            return True
    return False


def _takes(item: Item) -> bool:
    """Whether it is certain that a layer in it takes what arrives."""
    beside = item.modifiers
    if beside.when is not True or not (beside.repeat is None or (type(beside.repeat) is int and beside.repeat > 0)):
        return False
    if isinstance(item, LayerItem):
        return True
    lists = [item.block.layers] if isinstance(item, BlockItem) else parts(item)
    if isinstance(item, Residual):
        lists = [item.body]
    return any(list_ and not list_[0].modifiers.sources and _takes(list_[0]) for list_ in lists)
