"""A graph taken apart into the blocks that its names tell of: what stands in each, what goes in and comes out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import groupby
from typing import Any

from cnnarch.errors import ReadError
from cnnarch.graph import Graph, Node
from cnnarch.interchange.program_text import identifier
from cnnarch.interchange.pytorch.writing_layers import NONE, made

__all__ = ["Body", "Slot", "Source", "Step", "bodies"]

Source = tuple[Any, int]  # ("input", n) or (number of a step, which of its outputs)

# What an attribute or a variable cannot be called: PyTorch's own attributes of a module, and the names of the page.
TAKEN = {
    "self", "torch", "nn", "F", "math", "len", "part", "join", "forward",
    "training", "train", "eval", "type", "float", "half", "double",
    "to", "cuda", "cpu", "apply", "parameters", "named_parameters", "modules", "named_modules", "children",
    "named_children", "buffers", "named_buffers", "register_buffer", "register_parameter", "register_module",
    "state_dict", "load_state_dict", "zero_grad", "share_memory", "add_module", "get_parameter", "get_buffer",
    "get_submodule", "set_submodule", "bfloat16", "ipu", "xpu", "mtia", "compile", "extra_repr", "requires_grad_",
    "to_empty", "dump_patches", "call_super_init", "get_extra_state", "set_extra_state", "T_destination",
    "register_backward_hook", "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook", "register_load_state_dict_post_hook", "register_load_state_dict_pre_hook",
    "register_state_dict_post_hook", "register_state_dict_pre_hook",
}  # fmt: skip


class Slot:
    """An argument of a module: its name, and its value at this place."""

    __slots__ = ("default", "name", "value")

    def __init__(self, name: str, value: Any, default: Any = NONE) -> None:
        self.name = name
        self.value = value
        self.default = default

    @property
    def has_default(self) -> bool:
        return self.default is not NONE


class Step:
    """A layer or a block in a body, or several equal blocks in a row: what makes it, and how it is called."""

    def __init__(self, attribute: str, sources: list[Source]) -> None:
        self.attribute = attribute
        self.sources = sources
        self.outputs = 1
        self.callee = ""
        self.close = ")"
        self.call = "{m}({all})"
        self.helper = ""
        self.slots: list[Slot] = []
        self.block: Body | None = None
        self.count: Slot | None = None
        self.reused = False  # made by another step

    def called(self, module: str, inputs: list[str]) -> str:
        return self.call.format(*inputs, m=module, all=", ".join(inputs))

    @cached_property
    def signature(self) -> tuple[Any, ...]:
        """All but the values of its arguments."""
        inner = self.block.signature if self.block is not None else None
        names = tuple((slot.name, repr(slot.default)) for slot in self.slots)
        return (self.attribute, tuple(self.sources), self.outputs, self.callee, self.close, self.call, names, inner,
                self.count is not None)  # fmt: skip

    def values(self) -> Iterator[Slot]:
        """Its arguments and those of what is in it, in order."""
        yield from self.slots
        if self.block is not None:
            yield from self.block.values()
        if self.count is not None:
            yield self.count


class Body:
    """What a class holds: its steps, the names of what goes in, and which values come out."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.steps: list[Step] = []
        self.inputs: list[str] = []
        self.outputs: list[Source] = []

    @cached_property
    def signature(self) -> tuple[Any, ...]:
        return self.kind, len(self.inputs), tuple(self.outputs), tuple(step.signature for step in self.steps)

    def values(self) -> Iterator[Slot]:
        for step in self.steps:
            yield from step.values()

    def every(self) -> Iterator[Body]:
        """Itself after all bodies in it."""
        for step in self.steps:
            if step.block is not None:
                yield from step.block.every()
        yield self

    def last_uses(self) -> dict[Source, int]:
        """The last step that takes each value; what comes out is needed to the end."""
        found = {source: number for number, step in enumerate(self.steps) for source in step.sources}
        return found | dict.fromkeys(self.outputs, len(self.steps))


def bodies(graph: Graph) -> Body:
    """Take a graph apart; blocks whose layers do not stand together are part of what they stand in."""
    numbers = [number for number, node in enumerate(graph.nodes) if not node.train_only and not node.is_input]
    outputs = [graph.nodes.index(node) for node in graph.outputs if not node.train_only]
    return _Reader(graph, set(outputs)).body("", "", numbers, root=True)


class _Reader:
    def __init__(self, graph: Graph, outputs: set[int]) -> None:
        self.graph = graph
        self.ends = outputs
        self.users: dict[int, list[int]] = {}
        for number, node in enumerate(graph.nodes):
            if not node.train_only:
                for source in node.sources:
                    self.users.setdefault(source, []).append(number)

    def body(self, prefix: str, kind: str, numbers: list[int], root: bool = False, reused: bool = False) -> Body:
        """The layers of these numbers, all of whose names begin with the prefix; none is made where it is `reused`."""
        found = Body(kind)
        inside = set(numbers)
        given = self._given(numbers, inside)
        if root:
            given = [number for number, node in enumerate(self.graph.nodes) if node.is_input]
        names: set[str] = set(TAKEN)
        lone = len(given) == 1
        for number in given:
            name = "x" if lone else identifier(self.graph.nodes[number].name.split("/")[-1], names)
            found.inputs.append(name)
            names.add(name)
        held: dict[int, Source] = {number: ("input", place) for place, number in enumerate(given)}
        taken = set(TAKEN)
        by_owner: dict[str, str] = {}
        for child, part in self._parts(prefix, numbers):
            self._step(found, prefix, child, part, held, taken, None if reused else by_owner)
        made = [number for number in numbers if number in held and self._leaves(number, inside)]
        found.outputs = [held[number] for number in made]
        _fold(found)
        return found

    def outputs_of(self, numbers: list[int]) -> list[int]:
        inside = set(numbers)
        return [number for number in numbers if self._leaves(number, inside)]

    def _leaves(self, number: int, inside: set[int]) -> bool:
        return number in self.ends or any(user not in inside for user in self.users.get(number, ()))

    def _given(self, numbers: list[int], inside: set[int]) -> list[int]:
        """What comes from outside, in the order in which it is taken."""
        sources = (source for number in numbers for source in self.graph.nodes[number].sources)
        return [*dict.fromkeys(source for source in sources if source not in inside)]

    def _parts(self, prefix: str, numbers: list[int]) -> Iterator[tuple[str, list[int]]]:
        """The children in order: a block's name with its layers, or nothing with a layer."""
        runs = [(child, [*part]) for child, part in groupby(numbers, lambda number: self._child(prefix, number))]
        seen: dict[str, int] = {}
        for child, _ in runs:
            seen[child] = seen.get(child, 0) + 1
        for child, part in runs:
            if child and seen[child] == 1 and len(part) > 1:
                yield child, part
            else:
                yield from (("", [number]) for number in part)

    def _child(self, prefix: str, number: int) -> str:
        """The block below the prefix in which a layer stands, or nothing."""
        rest = self.graph.nodes[number].name[len(prefix) :]
        parts = rest.split("/")
        for depth in range(1, len(parts)):
            name = prefix + "/".join(parts[:depth])
            if name in self.graph.groups:
                return name
        return ""

    def _step(
        self, found: Body, prefix: str, child: str, part: list[int], held: dict[int, Source], taken: set[str],
        by_owner: dict[str, str] | None,
    ) -> None:  # fmt: skip
        name = (child or self.graph.nodes[part[0]].name)[len(prefix) :]
        attribute = identifier(name.lstrip("_"), taken)  # `_modules` and `__init__` are PyTorch's and Python's
        owner = None if by_owner is None else self._owner(child, part)
        if child:
            step = Step(attribute, [held[number] for number in self._given(part, set(part))])
            reused = owner is not None or by_owner is None
            step.block = self.body(f"{child}/", self.graph.groups[child], part, reused=reused)
            made = self.outputs_of(part)
            step.outputs = len(made)
        else:
            step = self._layer(self.graph.nodes[part[0]], attribute, held)
            made = part
        taken.add(attribute)
        if by_owner is not None:
            if owner is not None:
                step.attribute, step.reused = self._maker(owner, by_owner, part), True
            by_owner[child or self.graph.nodes[part[0]].name] = step.attribute
        for output, number in enumerate(made):
            held[number] = (len(found.steps), output)
        found.steps.append(step)

    def _layer(self, node: Node, attribute: str, held: dict[int, Source]) -> Step:
        step = Step(attribute, [held[source] for source in node.sources])
        written = made(node.layer, self.graph.shapes(node), node.output)
        step.call, step.callee, step.close, step.helper = written.call, written.callee, written.close, written.helper
        step.slots = [Slot(*argument) for argument in written.arguments]
        return step

    def _maker(self, owner: str, by_owner: dict[str, str], part: list[int]) -> str:
        if owner not in by_owner:
            name = self.graph.nodes[part[0]].name
            hint = f"it uses the weights of `{owner}`, which stands in another block"
            raise ReadError(f"PyTorch code for `{name}` cannot be written", hint)
        return by_owner[owner]

    def _owner(self, child: str, part: list[int]) -> str | None:
        """The layer or block of this body whose weights it uses, by its name."""
        owners = {self.graph.nodes[number].owner for number in part} - {None}
        if not owners:
            return None
        first = next(number for number in part if self.graph.nodes[number].owner is not None)
        owner = self.graph.nodes[self.graph.nodes[first].owner or 0].name
        if not child:
            return owner
        rest = self.graph.nodes[first].name[len(child) :]
        return owner.removesuffix(rest)


def _fold(body: Body) -> None:
    """Make equal blocks in a row one step; those that others take from stay as they are."""
    kept: list[Step] = []
    moved: dict[int, int] = {}  # where steps stand then
    steps = body.steps
    uses: dict[Source, int] = {}
    for step in steps:
        for source in step.sources:
            uses[source] = uses.get(source, 0) + 1
    for output in body.outputs:
        uses[output] = uses.get(output, 0) + 1
    number = 0
    while number < len(steps):
        last = number
        while last + 1 < len(steps) and _follows(steps, last, uses):
            last += 1
        step = steps[number]
        step.sources = [_moved(source, moved) for source in step.sources]
        if last > number:
            step.count = Slot("repeats", last - number + 1)
            step.attribute = _plural(step.attribute)
        for one in range(number, last + 1):
            moved[one] = len(kept)
        kept.append(step)
        number = last + 1
    body.steps = kept
    body.outputs = [_moved(output, moved) for output in body.outputs]
    _tell_apart(body)


def _follows(steps: list[Step], number: int, uses: dict[Source, int]) -> bool:
    """Whether the next step is the same block with the same values, and takes what this one gives and nobody else."""
    one, other = steps[number], steps[number + 1]
    if one.block is None or other.block is None or one.reused or other.reused or one.outputs != 1:
        return False
    alone = other.sources == [(number, 0)] and len(one.sources) == 1 and uses.get((number, 0)) == 1
    alike = one.block.signature == other.block.signature
    return alone and alike and [*map(_value, one.block.values())] == [*map(_value, other.block.values())]


def _value(slot: Slot) -> str:
    return repr(slot.value)


def _moved(source: Source, moved: dict[int, int]) -> Source:
    return source if source[0] == "input" else (moved[source[0]], source[1])


def _plural(name: str) -> str:
    return f"{name.rstrip('0123456789').rstrip('_') or name}s"


def _tell_apart(body: Body) -> None:
    """Give every step that makes a module an attribute of its own."""
    taken = set(TAKEN)
    for step in body.steps:
        if not step.reused:
            step.attribute = identifier(step.attribute, taken)
            taken.add(step.attribute)
