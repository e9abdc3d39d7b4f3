"""Names of layers, made of the paths of modules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["classes_of", "names_of"]

LONGEST = 64  # as in cnnarch.spec.items
ROOM = 8  # for a number behind
CUTS = (LONGEST, 16, 12, 10, 8, 6, 4)  # characters of a word
HOLDERS = ("Sequential", "ModuleList", "ModuleDict")
BETWEEN = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # words of a class's name


def names_of(paths: Sequence[str], reserved: Iterable[str] = ()) -> list[str]:
    """A name that a page can have for every path, all different, none the group of another.

    >>> names_of(["layer1.0.conv1", "layer1.0.relu", "layer1.0.relu", "fc"])
    ['layer1/_0/conv1', 'layer1/_0/relu', 'layer1/_0/relu_2', 'fc']
    """
    parted = _shortened([tuple([_word(part) for part in path.split(".")]) for path in paths])
    taken = {"/".join(path[:depth]) for path in parted for depth in range(1, len(path))} | set(reserved)
    last: dict[str, int] = {}
    found = []
    for path in parted:
        name = wanted = "/".join(path)[: LONGEST - ROOM].rstrip("/")
        number = last.get(wanted, 1)
        while name in taken:
            number += 1
            name = f"{wanted}_{number}"
        last[wanted] = number
        taken.add(name)
        found.append(name)
    return found


def classes_of(modules: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What the classes of modules are called here, by names made of their paths; not those that only hold others.

    >>> classes_of([("layer1", "Sequential"), ("layer1.0", "BasicBlock"), ("a", "Conv2dNormActivation")])["layer1/_0"]
    'basic_block'
    """
    named = {path: BETWEEN.sub("_", name).strip("_").lower() for path, name in modules if name not in HOLDERS}
    words = {tuple(map(_word, path.split("."))): name for path, name in named.items() if path}
    found: dict[str, str] = {}
    for most in CUTS:  # names are cut where one is too long, but which is not known here
        for path, name in words.items():
            found.setdefault("/".join([word[:most] for word in path]), name)
    return found


def _word(part: str) -> str:
    word = "".join(char if char.isascii() and (char.isalnum() or char == "-") else "_" for char in part)
    return word if word.replace("-", "_").isidentifier() and word[0] != "-" else f"_{word}"


def _shortened(paths: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The paths with long words cut, all alike so that what stands in one group still does, if that makes them fit."""
    for most in CUTS:
        cut = [tuple([part[:most] for part in path]) for path in paths]
        if all(sum(map(len, path)) + len(path) - 1 <= LONGEST - ROOM for path in cut):
            return cut
    return [("_".join(path),) if len(path) > 1 else path for path in paths]
