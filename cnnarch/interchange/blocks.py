"""Groups of layers that are alike but for numbers, as calls of blocks with settings."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from cnnarch.interchange.blocks_settings import Parameters, Place
from cnnarch.interchange.folding import BRANCHES, GROUP, RESIDUAL, Fold, Part, spliced, within
from cnnarch.layers import KINDS
from cnnarch.spec.items import BESIDE, STRUCTURES

__all__ = ["WEIGHTED", "Block", "Blocks", "Key", "alike"]

WEIGHTED = ("conv", "fc")
MOST_WORDS = 4  # in a name that is made of kinds
LONGEST = 50  # characters of it, before a number
HEADER = 3  # lines of a block beside its layers
SHORT = {"batchnorm": "bn", "layernorm": "ln"}

Key: TypeAlias = Any


class Block(NamedTuple):
    """A kind of its own: settings with their defaults (None where it has to be given), and its layers.

    In `body` names are as they stand in the block, and 0 is the number of what arrives.
    """

    name: str
    settings: dict[str, Any]
    body: list[Part]


class Blocks:
    """The blocks of a network, each after those that it calls."""

    def __init__(self, fold: Fold) -> None:
        self.fold = fold
        self.found: dict[str, Block] = {}
        self.widths: dict[str, set[str]] = {}  # of each block, the settings that are widths

    def named(self, parts: list[Part]) -> list[Part]:
        """Parts in which groups that are alike are calls of blocks, and there are no others."""
        groups = [part for part in within(parts) if part.kind == GROUP]
        keys, dropping = self._keys(groups)
        clusters: dict[Key, list[Part]] = {}
        inner: dict[Key, list[Key]] = {}
        for group in groups:
            inside = [keys[id(part)] for part in within(group.bodies[0]) if part.kind == GROUP]
            inner.setdefault(keys[id(group)], []).extend(inside)
            if keys[id(group)] not in inside:  # a group that is all of another is the one to be a block
                clusters.setdefault(keys[id(group)], []).append(group)
        often = {id(group) for cluster in clusters.values() for group in cluster if len(cluster) > 1}
        places = _places([group for group in groups if id(group) in often], keys)
        for key in _after(clusters, inner):
            for group in clusters[key]:
                group.bodies = [self._structured(group)]
                if id(group) in dropping:
                    group.bodies = [[_dropping(group, dropping[id(group)])]]
            self.decide(clusters[key], places)
            for group in clusters[key]:
                if group.kind == GROUP and id(group) in dropping:
                    group.bodies = group.bodies[0][0].bodies
        return spliced(parts)

    def _structured(self, group: Part) -> list[Part]:
        return self.fold.structured(spliced(group.bodies[0]), group.takes[0])

    def _keys(self, groups: Sequence[Part]) -> tuple[dict[int, Key], dict[int, Part]]:
        """Keys that are equal for groups that are alike, and residuals for groups that are one but for the addition.

        These are of the same class as others that are a residual; a page leaves out the addition where shapes differ.
        """
        keys: dict[int, Key] = {}
        residuals: dict[Key, tuple[Key, Part]] = {}  # by the key of a group without the addition
        for group in groups:
            body, name = self._structured(group), self.fold.classes.get(group.name, "")
            keys[id(group)] = name, alike(body, group)
            if len(body) == 1 and body[0].kind == RESIDUAL and len(body[0].bodies) == 1:
                residuals[name, alike(body[0].bodies[0], group)] = keys[id(group)], body[0]
        shapes = self.fold.shapes
        same = {keys[id(group)] for group in groups if shapes[group.takes[0]] == shapes[group.gives]}
        dropping = {}
        for group in groups:
            key = keys[id(group)]
            if key in residuals and key not in same:
                keys[id(group)], dropping[id(group)] = residuals[key]
        return keys, dropping

    def decide(self, groups: Sequence[Part], places: Mapping[int, Key]) -> None:
        """Make calls of blocks of the groups that are like another, where that is shorter.

        `places` is the same for groups that would be written once, as they stand in others that are alike. It is no
        matter where layers are no row: in a block of their own they keep those around them in one.
        """
        clusters: dict[Key, list[Part]] = {}
        for part in groups:
            clusters.setdefault(alike(part.bodies[0], part), []).append(part)
        for cluster in clusters.values():
            whole: dict[Key, list[Part]] = {}
            for part in cluster:
                whole.setdefault(alike(part.bodies[0], part, shortcuts=True), []).append(part)
            for members in whole.values() if _shortcuts_differ(cluster) else [cluster]:
                size = max(len(list(within(part.bodies[0]))) for part in members)
                times = len({places.get(id(part), id(part)) for part in members if _is_row(part)}) or len(members)
                if times * size > size + HEADER + times:
                    self._make(members)

    def _make(self, members: Sequence[Part]) -> None:
        """A block, and calls of it in the place of groups."""
        parameters = Parameters(members, self.widths)
        if not parameters.are_few:
            return
        name = self._name(members)
        body = _Template(members, parameters).body
        for number, part in enumerate(members):
            part.kind, part.bodies = name, []
            part.settings = parameters.given(number)
        self.found[name] = Block(name, parameters.defaults, body)
        self.widths[name] = parameters.widths

    def _name(self, members: Sequence[Part]) -> str:
        """The class of its members, or what most of their names end in, or what is in it."""
        word, times = Counter(map(_word, members)).most_common(1)[0]
        word = word if 2 * times > len(members) and not _is_unit(members[0]) else ""
        wanted = self.fold.classes.get(members[0].name, "") or word or _content(members[0])
        wanted = wanted[:LONGEST]
        if wanted in KINDS or wanted in STRUCTURES or wanted in BESIDE:
            wanted = f"{wanted}_block"
        found, number = wanted, 1
        while found in self.found:
            number += 1
            found = f"{wanted}_{number}"
        return found


def _is_row(group: Part) -> bool:
    """Whether each part takes what the one before gives."""
    before = group.takes
    for part in group.bodies[0]:
        if part.takes != before:
            return False
        before = (part.gives,)
    return True


def _dropping(group: Part, residual: Part) -> Part:
    """What a group holds as a residual like another, whose shapes differ."""
    found = Part(RESIDUAL, group.takes, group.gives, group.bodies)
    found.layer, found.drops = residual.layer, True
    return found


def _places(groups: Iterable[Part], keys: Mapping[int, Key]) -> dict[int, Key]:
    """Where each of the groups stands: in what kind of group, if it is in one of them, and by what name."""
    outer: dict[int, Part] = {}
    groups = list(groups)
    for group in groups:  # each after those around it
        outer.update((id(part), group) for part in within(group.bodies[0]) if part.kind == GROUP)
    around = [(part, outer.get(id(part))) for part in groups]
    return {id(part): (keys[id(one)], relative(part.name, one)) if one else part.name for part, one in around}


def _after(keys: Iterable[Key], inner: Mapping[Key, Sequence[Key]]) -> list[Key]:
    """Keys, each after those inside."""
    found: dict[Key, None] = {}
    opened: set[Key] = set()

    def visit(key: Key) -> None:
        if key not in opened:
            opened.add(key)
            for one in inner[key]:
                visit(one)
            found[key] = None

    for key in keys:
        visit(key)
    return list(found)


# What is alike


def alike(parts: Iterable[Part], group: Part, *, shortcuts: bool = False, values: bool = False) -> Key:
    """What layers have in common with others that differ in numbers only; or with `values` not even in these.

    A shortcut makes no difference, as it is there only where shapes differ, unless `shortcuts` says so.
    """
    return _alike(parts, group.takes[0] if group.takes else -1, group, shortcuts or values, values)


def _alike(parts: Iterable[Part], x: int, group: Part, shortcuts: bool, values: bool) -> Key:
    found = []
    numbers = {x: -1}
    for place, part in enumerate(parts):
        takes = tuple([numbers.get(source, -2) for source in part.takes])
        numbers[part.gives] = place
        bodies = part.bodies[:1] if part.kind == RESIDUAL and not shortcuts else part.bodies
        inner = tuple([_alike(body, part.takes[0], group, shortcuts, values) for body in bodies])
        name = relative(part.name, group) if part.own else ""
        merge = part.layer.kind if part.layer is not None else ""
        share = relative(part.share, group)
        found.append((part.kind, merge, takes, name, share, part.note, part.repeat, _fixed(part, values), inner))
    return tuple(found)


def relative(name: str, group: Part) -> str:
    """A name as it is in a group."""
    return name.removeprefix(f"{group.name}/") if group.name else name


def _fixed(part: Part, values: bool) -> tuple[Any, ...]:
    """The settings that cannot be one of a block's, or with `values` all of them."""
    types = part.layer.settings if part.layer is not None and not part.bodies else {}
    return tuple(
        [
            (name, value)
            for name, value in part.values.items()
            if values or value is None or (name in types and types[name].type.verbatim)
        ]
    )


def _shortcuts_differ(groups: Sequence[Part]) -> bool:
    """Whether some have another shortcut than others, and not only none."""
    found: dict[Place, Key] = {}
    return any(
        found.setdefault(place, key) != key for group in groups for place, key in _shortcuts(group.bodies[0], group, ())
    )


def _shortcuts(body: Iterable[Part], group: Part, place: Place) -> Iterable[tuple[Place, Key]]:
    for number, part in enumerate(body):
        if part.kind == RESIDUAL and len(part.bodies) > 1:
            yield (*place, number), _alike(part.bodies[1], part.takes[0], group, True, False)
        for index, inner in enumerate(part.bodies):
            yield from _shortcuts(inner, group, (*place, number, index))


# One block


class _Template:
    """The layers of a block, made of its members; a shortcut comes from one that has it."""

    def __init__(self, members: Sequence[Part], parameters: Parameters) -> None:
        self.code = parameters.code
        self.numbers: dict[Place, int] = {}  # what a place gives
        self.known: dict[int, int] = {part.takes[0]: 0 for part in members}
        self.body = self._list([(part, part.bodies[0]) for part in members], ())

    def _list(self, bodies: Sequence[tuple[Part, list[Part]]], place: Place) -> list[Part]:
        lists = [body for _, body in bodies]
        return [
            self._part([(group, part) for (group, _), part in zip(bodies, alike)], (*place, number))
            for number, alike in enumerate(zip(*lists))
        ]

    def _part(self, alike: Sequence[tuple[Part, Part]], place: Place) -> Part:
        most = max(len(part.bodies) for _, part in alike)
        inner = [
            self._list([(group, part.bodies[index]) for group, part in alike if index < len(part.bodies)],
                       (*place, index))
            for index in range(most)
        ]  # fmt: skip
        group, first = alike[0]
        gives = self.numbers.setdefault(place, len(self.numbers) + 1)
        takes = tuple([self.known[source] for source in first.takes])
        self.known.update((part.gives, gives) for _, part in alike)
        found = Part(first.kind, takes, gives, inner)
        found.layer, found.own, found.note, found.repeat = first.layer, first.own, first.note, first.repeat
        found.drops = any(part.drops for _, part in alike)
        found.name, found.share = relative(first.name, group), relative(first.share, group)
        if not inner:
            code = {name: text for (at, name), text in self.code.items() if at == place}
            found.settings = {**first.settings, **code}
        return found


def _word(group: Part) -> str:
    """The last word of a name, without a number: `inception` of `inception3a`."""
    words = (re.sub(r"(\d+[a-z]?|[\d_-]+)$", "", word).strip("_-") for word in reversed(group.name.split("/")))
    return next((word for word in words if word.isidentifier()), "").lower()


def _is_unit(group: Part) -> bool:
    """Whether it is one layer with weights, and what stands behind it, which says more than most names."""
    first, *others = [part.kind for part in group.bodies[0]]
    return (
        first in WEIGHTED
        and len(others) < MOST_WORDS
        and not any(kind in WEIGHTED or kind not in KINDS for kind in others)
    )


def _content(group: Part) -> str:
    """A name for what has none: its kinds where they are few, otherwise the structure in it."""
    kinds = [part.kind for part in group.bodies[0]]
    if RESIDUAL in kinds or BRANCHES in kinds:
        return "residual_unit" if RESIDUAL in kinds else "parallel_unit"
    return "_".join(SHORT.get(kind, kind) for kind in kinds) if len(kinds) <= MOST_WORDS else "unit"
