"""Structure found in a flat network: residuals and branches, and groups of layers in which it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from cnnarch.graph import Graph
from cnnarch.layers import Layer
from cnnarch.shapes import Shape
from cnnarch.spec.items import MERGES

__all__ = ["BRANCHES", "GROUP", "REPEAT", "RESIDUAL", "Fold", "Part", "leaves", "spliced", "within"]

RESIDUAL, BRANCHES, REPEAT = "residual", "branches", "layers"
DEEPEST = 12  # structures in each other
GROUP = ""  # which no block can be called


class Part:
    """One entry of a list of layers: a layer, a structure, or a group that may become a call of a block.

    `takes` and `gives` are the numbers of layers; `name` has to be kept if it is the model's `own`. A residual has a
    body and perhaps a shortcut, or `drops` its input where shapes differ; branches have two bodies or more, a group
    has one.
    """

    __slots__ = (
        "bodies", "depth", "drops", "gives", "kind", "layer", "name", "note", "own", "repeat", "settings", "share",
        "size", "takes",
    )  # fmt: skip

    def __init__(self, kind: str, takes: tuple[int, ...], gives: int, bodies: Iterable[list[Part]] = ()) -> None:
        self.kind = kind
        self.takes = takes
        self.gives = gives
        self.bodies = list(bodies)
        self.size: int = 1 + sum(part.size for body in self.bodies for part in body)  # of a call: before it was one
        self.depth: int = 1 + max([part.depth for body in self.bodies for part in body], default=0)
        self.layer: Layer | None = None  # of a structure, what merges
        self.drops = False
        self.name = ""
        self.own = False
        self.settings: dict[str, Any] = {}  # of a call; in a block, those of a layer that are not the layer's
        self.share = ""
        self.note = ""
        self.repeat = 1

    @property
    def values(self) -> dict[str, Any]:
        """All settings of a layer or of a call, those too that have their defaults."""
        if self.layer is None or self.bodies:
            return self.settings
        return {**{name: getattr(self.layer, name) for name in self.layer.settings}, **self.settings}


def leaves(graph: Graph, own: Sequence[bool]) -> list[Part]:
    """Every layer as a part of its own; `own` tells of each whether its name is the model's."""
    found = []
    owners = {node.owner for node in graph.nodes}
    first = len(graph.inputs)
    for number, node in enumerate(graph.nodes[first:], first):
        part = Part(node.layer.kind, node.sources, number)
        part.layer = node.layer
        part.name, part.note = node.name, node.note
        part.own = own[number - first] or number in owners  # others name it
        part.share = "" if node.owner is None else graph.nodes[node.owner].name
        found.append(part)
    return found


def within(parts: Iterable[Part]) -> Iterator[Part]:
    """Parts, and all that stands in them."""
    for part in parts:
        yield part
        for body in part.bodies:
            yield from within(body)


def spliced(parts: Iterable[Part]) -> list[Part]:
    """Parts, with what stands in groups that became no block in their place."""
    found: list[Part] = []
    for part in parts:
        found += spliced(part.bodies[0]) if part.kind == GROUP else [part]
    return found


class Fold:
    """What has to be known of a network to fold it: where every output is taken last, and its shape."""

    def __init__(self, graph: Graph, classes: Mapping[str, str], structures: bool = True) -> None:
        self.classes = classes  # what groups are called in the model's code
        self.structures = structures  # whether there can be any
        self.shapes: list[Shape] = [node.output for node in graph.nodes]
        self.last_use: dict[int, int] = {}
        for number, node in enumerate(graph.nodes):
            for source in node.sources:
                self.last_use[source] = number

    # Groups

    def grouped(self, parts: Sequence[Part], prefix: str = "") -> list[Part]:
        """Layers whose names begin alike as groups, in groups, where one tensor enters and one leaves."""
        runs = [(head, list(run)) for head, run in groupby(parts, lambda part: _head(part.name, prefix))]
        times = Counter(head for head, _ in runs)
        found: list[Part] = []
        for head, run in runs:
            name = f"{prefix}{head}"
            if run[0].name == name:
                found += run
                continue
            while len(run) > 1 and len(run[0].takes) > 1 and not run[0].own:
                found.append(run.pop(0))  # what brings several tensors together stands before the group
            inner = self._merits(self.grouped(run, f"{name}/"), name)
            if times[head] == 1 and len(run) > 1 and self._is_closed(run, f"{name}/"):
                group = Part(GROUP, tuple(_entering(run)), run[-1].gives, [inner])
                group.name, group.own = name, True
                found.append(group)
            else:
                found += inner
        return found

    def _merits(self, inner: list[Part], name: str) -> list[Part]:
        """What a group holds, without the one group in it that only holds what a class of the model is made of."""
        groups = [part for part in inner if part.kind == GROUP]
        only = len(groups) == 1 and self.classes.get(name) and not self.classes.get(groups[0].name)
        return [one for part in inner for one in (part.bodies[0] if only and part is groups[0] else [part])]

    def _is_closed(self, run: Sequence[Part], prefix: str) -> bool:
        """Whether one tensor enters, the last layer gives what leaves, and no weights of others are used."""
        last = run[-1].gives
        return (
            len(_entering(run)) == 1
            and all(0 < self.last_use.get(part.gives, 0) <= last for part in run[:-1])
            and all(part.share.startswith(prefix) for part in run if part.share)
        )

    # Structures

    def structured(self, parts: Iterable[Part], x: int) -> list[Part]:
        """Layers in a row, with every residual and all branches as one part; `x` is what arrives."""
        parts = list(parts)
        uses = Counter(source for part in parts for source in part.takes)
        found: list[Part] = []
        places: dict[int, int] = {}
        for part in parts:
            merged = self._merged(found, places, uses, part, x) if self.structures else None
            if merged is not None:
                start, part = merged  # noqa: PLW2901, in its place from here on
                del found[start:]
            places[part.gives] = len(found)
            found.append(part)
        return found

    def _merged(
        self, found: list[Part], places: Mapping[int, int], uses: Counter[int], merge: Part, x: int
    ) -> tuple[int, Part] | None:
        """The structure that ends in a merge, and where it begins among the parts before."""
        if merge.kind not in MERGES or merge.own or merge.note or merge.layer is None or merge.layer.given():
            return None
        if len(merge.takes) < 2 or len(set(merge.takes)) < len(merge.takes):
            return None
        chains = [_chain(found, places, uses, source) for source in merge.takes]
        fork = chains[0][0]
        if any(one != fork for one, _ in chains) or (fork != x and fork not in places):
            return None
        start = places[fork] + 1 if fork in places else 0
        bodies = [body for _, body in chains]
        if merge.kind != "concat":  # in which the order is that of the channels
            bodies.sort()
        if [place for body in bodies for place in body] != list(range(start, len(found))):
            return None
        structure = self._structure(merge, [found[body[0] : body[-1] + 1] if body else [] for body in bodies], fork)
        if structure.depth > DEEPEST:
            return None
        uses[fork] -= len(bodies) - 1
        return start, structure

    def _structure(self, merge: Part, bodies: list[list[Part]], fork: int) -> Part:
        kind = BRANCHES
        if merge.kind == "add" and len(bodies) == 2:
            body, shortcut = bodies if bodies[0] else bodies[::-1]
            alike = self.shapes[fork] == self.shapes[body[-1].gives]
            longer = sum(part.size for part in body) > sum(part.size for part in shortcut)
            if (alike and not shortcut) or (shortcut and longer and not alike):
                kind, bodies = RESIDUAL, [body, shortcut] if shortcut else [body]
        found = Part(kind, (fork,), merge.gives, bodies)
        found.layer = merge.layer
        return found


def _chain(
    found: Sequence[Part], places: Mapping[int, int], uses: Mapping[int, int], number: int
) -> tuple[int, list[int]]:
    """Where layers in a row begin that lead to one, and the places of those after it."""
    chain: list[int] = []
    while number in places and uses[number] == 1 and len(found[places[number]].takes) == 1:
        chain.append(places[number])
        number = found[places[number]].takes[0]
    return number, chain[::-1]


def _head(name: str, prefix: str) -> str:
    return name[len(prefix) :].partition("/")[0]


def _entering(run: Iterable[Part]) -> list[int]:
    """The layers outside whose outputs are taken inside."""
    inside: set[int] = set()
    found: dict[int, None] = {}
    for part in run:
        found.update(dict.fromkeys(source for source in part.takes if source not in inside))
        inside.add(part.gives)
    return list(found)
