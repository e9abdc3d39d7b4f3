"""What the rules of operators build with: entries of a model, made one by one, and the tensors between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from math import prod
from typing import Any

from cnnarch.errors import Cause, ReadError, shortened
from cnnarch.interchange.model import Entry
from cnnarch.interchange.onnx.naming import names_of
from cnnarch.interchange.onnx.program import Constant, Op, Program, place
from cnnarch.interchange.onnx.tensors import Groups, Tensor, fresh, groups_of, sizes_of, tidied, usual
from cnnarch.layers import KINDS
from cnnarch.shapes import Shape

__all__ = ["Builder", "Rule", "UnfitError"]

MOST_AXES = 4

Pattern = tuple[tuple[int, ...], ...]


class UnfitError(Exception):
    """An operator that is none of our kinds, and why."""


class Builder:
    """Entries so far, and what is known of the tensors of the graph."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.tensors: dict[str, Tensor] = {}
        self.entries: list[Entry] = []
        self.places: dict[str, int] = {}
        self.shapes: dict[str, Shape] = {}
        self.roots: dict[str, tuple[str, ...]] = {}  # of an entry, the initialisers that are its weights
        named = names_of(program.ops)
        self.names = {id(op): name for op, (name, _) in zip(program.ops, named)}
        self.own = {name for name, own in named if own}  # the names that are the file's
        self.taken = set(self.names.values())
        self.users = Counter(name for op in program.ops for name in op.inputs)
        self.users.update(program.outputs)
        self.numbers = {id(op): number for number, op in enumerate(program.ops, 1)}
        self.consumers: dict[str, list[Op]] = {}
        for op in program.ops:
            for name in set(op.inputs):
                self.consumers.setdefault(name, []).append(op)
        self.open = ""  # the operator's own name, while no entry has it
        self.arranged: dict[tuple[str, Groups], str] = {}

    # What rules ask.

    def constant(self, op: Op, number: int) -> Constant | None:
        """An input that is a constant."""
        return self.program.constants.get(op.inputs[number]) if number < len(op.inputs) else None

    def given(self, op: Op, number: int) -> bool:
        return number < len(op.inputs) and bool(op.inputs[number])

    def values(self, op: Op, number: int, name: str = "") -> list[Any] | None:
        """The numbers of an input that is known, or else of an attribute."""
        if self.given(op, number):
            constant = self.constant(op, number)
            if constant is None or constant.values is None:
                raise UnfitError(f"its input {number + 1} is not known")
            return list(constant.values)
        found = op.attributes.get(name)
        return found if found is None or isinstance(found, list) else [found]

    def tensor(self, op: Op, number: int = 0) -> Tensor:
        name = op.inputs[number] if number < len(op.inputs) else ""
        found = self.tensors.get(name)
        if found is None:
            kind = "a constant" if name in self.program.constants else "not given"
            raise UnfitError(f"its input {number + 1} is {kind}")
        return found

    def shape(self, op: Op, number: int = 0) -> tuple[int, ...]:
        """The shape of an input, as ONNX has it."""
        return self.program.shapes[op.inputs[number]]

    def result(self, op: Op, number: int = 0) -> tuple[int, ...]:
        """The shape of an output, as ONNX has it."""
        return self.program.shapes[op.outputs[number]]

    def place(self, op: Op) -> str:
        return f"{place(op)} (operator {self.numbers.get(id(op), 0)})"

    # What rules make.

    def add(
        self, op: Op, kind: str, settings: dict[str, Any], sources: Iterable[Tensor], roots: Iterable[str] = ()
    ) -> str:
        """Add an entry and give its name; raises UnfitError where our kind does not take these inputs."""
        sources = tuple(sources)
        name = self._name(op, kind)
        try:
            layer = KINDS[kind](**settings)
            figures = layer.figures(tuple(self.shapes[one.entry] for one in sources))
        except Cause as cause:
            raise UnfitError(cause.message) from None
        self.places[name] = len(self.entries)
        taken = tuple([one.entry for one in sources])
        self.entries.append(Entry(name, kind, settings, taken, own=name in self.own))
        self.shapes[name] = figures.output
        self.roots[name] = tuple(roots)
        return name

    def give(self, op: Op, tensor: Tensor, number: int = 0) -> None:
        """Say what an output is; raises UnfitError where the entry has another shape than ONNX says."""
        shape = self.result(op, number)
        if sizes_of(tensor.axes) != tuple(shape) or tuple(self.shapes[tensor.entry]) != tensor.shape:
            raise UnfitError(f"it gives {list(shape)} and is {self.shapes[tensor.entry]} here")
        self.tensors[op.outputs[number]] = tensor

    def layer(
        self, op: Op, kind: str, settings: dict[str, Any], sources: Iterable[Tensor], pattern: Pattern,
        roots: Iterable[str] = (), number: int = 0,
    ) -> str:  # fmt: skip
        """Add an entry whose output is an output of the operator, its axes as a pattern says."""
        name = self.add(op, kind, settings, sources, roots)
        self.give(op, fresh(name, self.result(op, number), pattern), number)
        return name

    def change(self, name: str, **settings: Any) -> None:
        """Change settings of an entry that leave its output as it is."""
        entry = self.entries[self.places[name]]
        self.entries[self.places[name]] = entry._replace(settings={**entry.settings, **settings})

    def unknown(self, op: Op, why: str) -> None:
        """Entries for what an operator gives; its constants count as weights of the first."""
        constants = self.program.constants
        roots = {one.root for name in op.inputs if (one := constants.get(name)) and prod(one.shape) > 1}
        weights = sum(prod(constants[root].shape) for root in roots if root in constants)
        sources = [self.tensors[name] for name in dict.fromkeys(op.inputs) if name in self.tensors]
        if not sources:
            raise ReadError(
                f"{self.place(op)} takes nothing that is computed", "what a graph makes by itself is not read"
            )
        for number, output in enumerate(op.outputs):
            if not output or not self.users[output]:
                continue
            if output not in self.program.shapes:
                raise ReadError(f"the shape of `{shortened(output, 80)}` is not known, from {self.place(op)}")
            shape = self.program.shapes[output]
            tensor = next((one for one in sources if sizes_of(one.axes) == shape), fresh("", shape, usual(shape)))
            settings: dict[str, Any] = {"operator": op.kind[:100], "size": list(tensor.shape)}
            if weights:
                settings["weights"] = weights
            try:
                name = self.add(op, "unknown", settings, sources)
                self.give(op, Tensor(name, tensor.ours, tensor.axes), number)
            except UnfitError as error:
                raise ReadError(f"{self.place(op)} cannot be expressed: {error}") from None
            self.entries[-1] = self.entries[-1]._replace(note=why[:200])
            weights = 0

    def back(self, count: int) -> None:
        """Take away the entries after the first so many, of a rule that did not fit."""
        for entry in self.entries[count:]:
            del self.places[entry.name], self.shapes[entry.name], self.roots[entry.name]
            self.taken.discard(entry.name)
        gone = {entry.name for entry in self.entries[count:]}
        self.arranged = (
            {key: name for key, name in self.arranged.items() if name not in gone} if gone else self.arranged
        )
        del self.entries[count:]

    def _name(self, op: Op, kind: str) -> str:
        name = self.names.get(id(op), "") or kind
        if self.open == name:
            self.open = ""
            return name
        number, found = 1, f"{name[:50].rstrip('/-')}_{kind}"
        while found in self.taken:
            number += 1
            found = f"{name[:50].rstrip('/-')}_{kind}_{number}"
        self.taken.add(found)
        return found

    # Tensors in the order that a layer needs.

    def arrange(self, op: Op, tensor: Tensor, pattern: Pattern) -> Tensor:
        """The tensor with our axes as a pattern of ONNX's says, by an entry that makes it so if it is not."""
        target = groups_of(tensor.axes, pattern)
        if target == tensor.ours:
            return tensor
        kind, settings = arrangement(tensor.ours, target)
        if len(target) > MOST_AXES:
            raise UnfitError(f"it needs {len(target)} axes")
        name = self.arranged.get((tensor.entry, target), "")
        if not name:
            opened, self.open = self.open, ""  # the operator's name is for its own layer
            name = self.arranged[tensor.entry, target] = self.add(op, kind, settings, [tensor])
            self.open = opened
        if tuple(self.shapes[name]) != sizes_of(target):
            raise UnfitError(f"{sizes_of(tensor.ours)} cannot be made {sizes_of(target)}")
        return tidied(Tensor(name, target, tensor.axes))


Rule = Callable[[Builder, Op], None]


def arrangement(ours: Groups, target: Groups) -> tuple[str, dict[str, Any]]:
    """The kind and settings that make one order of another; only the sizes of `reshape` are told, not its order."""
    sizes = sizes_of(target)
    if len(target) == 1 and len(ours) > 1:
        return "flatten", {}
    if len(ours) == len(target) == 2 and ours == target[::-1]:
        return "transpose", {}
    if len(ours) > 2 and len(target) == 2 and target[1] == ours[-1] and target[0] == sum(ours[:-1], ()):
        return "tokens", {}
    if len(ours) == 2 and len(target) == 3 and target[2] == ours[1] and target[0] and target[1]:
        return (
            ("image", {"height": sizes[0]}) if target[0] + target[1] == ours[0] else ("reshape", {"size": list(sizes)})
        )
    if len(ours) == 3 and len(target) == 2 and target[0] == ours[1] and set(target[1]) == {*ours[0], *ours[2]}:
        return "columns", {}
    if len(ours) == len(target) and ours[:-1] == target[:-1]:
        first, second = ours[-1], target[-1]
        if len(first) == len(second) == 2 and first == second[::-1]:
            return "channel_shuffle", {"groups": first[0][1]}
    factor = _square(ours, target)
    if factor:
        return "pixel_shuffle", {"factor": factor}
    factor = _square(target, ours)
    if factor:
        return "pixel_unshuffle", {"factor": factor}
    return "reshape", {"size": list(sizes)}


def _square(deep: Groups, wide: Groups) -> int:
    """The factor by which channels of one are pixels of the other, or 0."""
    if len(deep) != 3 or len(wide) != 3:
        return 0
    for axis in (0, 1):
        if wide[axis][:-1] != deep[axis] or not wide[axis]:
            return 0
    across, down = wide[1][-1], wide[0][-1]
    if across[1] != down[1] or set(deep[2]) != {across, down, *wide[2]}:
        return 0
    return down[1]
