"""Which classes a network's blocks make: those that differ in values alone are one, with these as its arguments."""

from __future__ import annotations

from typing import Any

from cnnarch.interchange.program_text import identifier
from cnnarch.interchange.pytorch.writing_blocks import TAKEN, Body, Slot, Step

__all__ = ["Class", "classes"]


class Class:
    """A class: its body as it stands in the first place, and its parameters.

    `texts` says of each slot of that body what is written for it: a number, or a parameter. `called` has for each
    block in it the arguments of its class, with the slots that give them.
    """

    def __init__(self, name: str, body: Body) -> None:
        self.name = name
        self.body = body
        self.parameters: list[str] = []
        self.texts: dict[int, str] = {}  # by the identity of slots
        self.left_out: set[int] = set()  # slots that are their default wherever the class is used
        self.names: dict[str, str] = {}  # of the class of each block, by its attribute
        self.called: dict[str, list[tuple[str, Slot]]] = {}
        self.asked: list[tuple[str, int]] = []  # parameters, and the place of a slot that each stands for

    def value(self, slot: Slot) -> str:
        return self.texts[id(slot)]

    def is_written(self, slot: Slot) -> bool:
        return id(slot) not in self.left_out


def classes(root: Body, name: str) -> list[Class]:
    """The classes of a network, each after those that it uses."""
    places: dict[Any, list[Body]] = {}
    for body in root.every():
        places.setdefault(body.signature, []).append(body)
    found: dict[Any, Class] = {}
    taken = {name, *TAKEN, "Attention", "LSTM", "GRU", "Linear", "LayerNorm", "Scale", "StochasticDepth"}
    for body in root.every():
        if body.signature in found:
            continue
        title = name if body is root else _free(_title(body.kind), taken)
        taken.add(title)
        found[body.signature] = _class(title, body, places[body.signature], found)
    return [*found.values()]


def _free(title: str, taken: set[str]) -> str:
    """The name of a class, with a number where others have it.

    >>> _free("Stage", {"Stage", "Stage2"})
    'Stage3'
    """
    found, number = identifier(title), 1
    while found in taken:
        number += 1
        found = f"{title}{number}"
    return found


def _title(kind: str) -> str:
    parts = "".join(char if char.isalnum() else " " for char in kind).split()
    return "".join(part[:1].upper() + part[1:] for part in parts) or "Block"


def _class(name: str, body: Body, places: list[Body], found: dict[Any, Class]) -> Class:
    made = Class(name, body)
    columns = [*zip(*([*place.values()] for place in places))]
    by_values: dict[str, str] = {}  # the parameter for what is the same in every place
    owners = _owners(body)
    for number, column in enumerate(columns):
        slot, values = column[0], repr([repr(one.value) for one in column])
        if not owners[number]:  # in a block, whose class has decided what it asks for
            continue
        if all(repr(one.value) == repr(slot.value) for one in column):
            made.texts[id(slot)] = repr(slot.value) if not isinstance(slot.value, str) else f'"{slot.value}"'
            if slot.has_default and slot.value == slot.default and type(slot.value) is type(slot.default):
                made.left_out.add(id(slot))
            continue
        if values not in by_values:
            by_values[values] = _parameter(made, slot, owners[number])
            made.parameters.append(by_values[values])
            made.asked.append((by_values[values], number))
        made.texts[id(slot)] = by_values[values]
    for step in body.steps:
        if step.block is not None:
            _calls(made, step, columns, by_values, found)
    return made


def _owners(body: Body) -> list[str]:
    """For each value of a body the attribute of the step that it is an argument of; nothing for what is deeper."""
    owners: list[str] = []
    for step in body.steps:
        owners += [step.attribute] * len(step.slots)
        if step.block is not None:
            owners += [""] * len([*step.block.values()])
        owners += [step.attribute] if step.count is not None else []
    return owners


def _calls(made: Class, step: Step, columns: list[Any], by_values: dict[str, str], found: dict[Any, Class]) -> None:
    """What a block's class is called with here."""
    assert step.block is not None
    target = found[step.block.signature]
    slots = [*step.block.values()]
    places = {id(column[0]): column for column in columns}
    made.names[step.attribute] = target.name
    made.called[step.attribute] = []
    for name, number in target.asked:
        slot = slots[number]
        column = places[id(slot)]
        values = repr([repr(one.value) for one in column])
        if all(repr(one.value) == repr(slot.value) for one in column):
            made.texts[id(slot)] = repr(slot.value) if not isinstance(slot.value, str) else f'"{slot.value}"'
        else:
            if values not in by_values:
                by_values[values] = _parameter(made, slot, step.attribute)
                made.parameters.append(by_values[values])
                made.asked.append((by_values[values], columns.index(column)))
            made.texts[id(slot)] = by_values[values]
        made.called[step.attribute].append((name, slot))


def _parameter(made: Class, slot: Slot, owner: str) -> str:
    """A name for a parameter: the argument's, with the layer's where that is taken."""
    if slot.name not in made.parameters:
        return slot.name
    return identifier(f"{owner}_{slot.name}", {*made.parameters, *TAKEN})
