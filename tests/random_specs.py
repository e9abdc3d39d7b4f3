"""Random pages of the whole language: blocks, conditions, repeats, names that are looked up, what only training has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from random import Random
from typing import Any

import yaml

__all__ = ["page", "variant"]

Entry = Any
SETTINGS = {"width": 8, "depth": 2, "flag": True, "sizes": [1, 3], "factor": 1.5}
BLOCK = {"wide": None, "times": "depth", "here": "flag"}
SPATIAL = ["relu", "batchnorm", "maxpool", "conv", "conv", "conv", "sigmoid", "dropout", "scale", "conv_same", "prelu"]


class Pages:
    """Makes one page."""

    def __init__(self, of: Random) -> None:
        self.of = of
        self.blocks: dict[str, Any] = {}
        self.names: list[str] = []
        self.given: list[tuple[str, str]] = []  # kinds and names

    def page(self) -> str:
        of = self.of
        for number in range(of.randint(0, 3)):
            self.names, self.given = [], []
            name = f"b{number}" if of.random() < 0.8 else f"part_{'abc'[number]}"
            self.blocks[name] = {"settings": BLOCK, "layers": self.items(2, [*BLOCK], number > 0)}
        self.names, self.given = [], []
        inputs: Any = "20x20x4" if of.random() < 0.85 else {"image": "20x20x4", "other": "20x20x4"}
        layers = self.items(3, [*SETTINGS], True)
        if isinstance(inputs, dict) and of.random() < 0.9:
            layers.insert(0, {"concat": None, "from": ["image", "other"]} if of.random() < 0.5 else {"add": None})
        blocks = dict(self.blocks)
        while unused := [
            name for name in blocks if not uses(name, [layers, [b["layers"] for n, b in blocks.items() if n != name]])
        ]:
            del blocks[unused[0]]
        for block in blocks.values():
            block["layers"].append({"conv": {"filters": "wide + times", "kernel": 1}, "when": "here"})
        found = {"name": "random", "input": inputs, "blocks": blocks, "layers": layers}
        settings = {name: value for name, value in SETTINGS.items() if uses(name, [blocks, layers])}
        found = {"name": "random", "input": inputs, "settings": settings, "blocks": blocks, "layers": layers}
        found = {key: value for key, value in found.items() if value}
        return yaml.safe_dump(found, sort_keys=False).replace(": null\n", ":\n")

    def items(self, deep: int, names: list[str], blocks: bool) -> list[Entry]:
        return [self.item(deep, names, blocks) for _ in range(self.of.randint(1, 5))]

    def item(self, deep: int, names: list[str], blocks: bool) -> Entry:
        of = self.of
        chance = of.random()
        if chance < 0.55 or deep == 0:
            found = self.layer(names)
        elif chance < 0.7 and blocks and self.blocks:
            found = self.block(names)
        elif chance < 0.8:
            found = {"layers": self.items(deep - 1, names, blocks)}
        elif chance < 0.9:
            found = {"residual": self.items(deep - 1, names, blocks)}
            if of.random() < 0.6:
                found["shortcut"] = self.items(0, names, blocks) if of.random() < 0.5 else "drop"
        else:
            found = {"branches": [self.items(deep - 1, names, blocks) for _ in range(2)], "merge": "concat"}
            if of.random() < 0.2:
                found["branches"][0] = []
        return self.modified(found, names)

    def modified(self, found: Entry, names: list[str]) -> Entry:
        of = self.of
        if of.random() < (0.5 if next(iter(found)) in self.blocks else 0.15):
            names_ = [f"n{len(self.names)}"] * 6 + [f"n{of.randint(0, 9)}", "relu2", "conv", "g/n1", "b1"]
            found["name"] = of.choice(names_)
            self.names.append(found["name"])
        kind = next(iter(found))
        if kind in self.blocks and (others := [name for one, name in self.given if one == kind]) and of.random() < 0.4:
            found["share"] = of.choice(others)
        if "name" in found:
            self.given.append((kind, found["name"]))
        if of.random() < 0.12:
            times = [2, 2, 3, "depth", "depth - 1"] if "depth" in names else [1, 2, "times", "times - 1"]
            found["repeat"] = of.choice(times)
        if of.random() < 0.12:
            flag = "flag" if "flag" in names else "here"
            found["when"] = of.choice([flag, f"not {flag}", "x.channels > 8", "x.height % 2 == 0", f"{flag} and true"])
        if of.random() < 0.05:
            found["train_only"] = True
        if of.random() < 0.15:
            known = self.names[:-1] or ["input"]
            odd = ["relu1", "conv1", "conv2", "relu", "n1", "b01/conv", "b1/conv1", "n1/relu1", "input"]
            one, other = (of.choice(known if of.random() < 0.8 else odd) for _ in range(2))
            found["from"] = [one] if of.random() < 0.9 else [one, other]
        return found

    def layer(self, names: list[str]) -> Entry:
        of = self.of
        kind = of.choice(SPATIAL)
        wide = of.choice(
            ["width", "2 * width", "x.channels", 8, "round(width * factor)"] if "width" in names else ["wide", 8, 4]
        )
        if kind == "conv":
            kernel = of.choice([1, 3, "sizes[1]"] if "sizes" in names else [1, 3])
            return {"conv": {"filters": wide, "kernel": kernel, "padding": of.choice(["half", "half", 0])}}
        if kind == "conv_same":
            return {"conv": {"filters": "x.channels", "kernel": 3, "padding": 1, "groups": of.choice([1, 2])}}
        if kind == "maxpool":
            return {"maxpool": {"kernel": 2, "stride": of.choice([1, 2])}}
        return {kind: None}

    def block(self, names: list[str]) -> Entry:
        of = self.of
        settings: dict[str, Any] = {"wide": of.choice(["width", 8] if "width" in names else ["wide", 4])}
        if of.random() < 0.3:
            settings["times"] = of.choice([1, 2, "x.channels // 8 + 1"])
        if of.random() < 0.3:
            settings["here"] = of.choice([True, False, "x.channels == 8"])
        return {of.choice([*self.blocks]): settings}


def uses(name: str, part: Any) -> bool:
    """Whether a name stands somewhere in a part of a page."""
    return re.search(rf"\b{name}\b", yaml.safe_dump(part)) is not None


def page(seed: int) -> str:
    """The page of a number; not every one can be built."""
    return Pages(Random(seed)).page()


def variant(of: Random, names: Iterable[str]) -> dict[str, Any]:
    """Other values of some of the settings of such a page; a few are not possible."""
    choices: dict[str, list[Any]] = {
        "width": [4, 8, 12, 16, 24, 8.0] * 3 + [True, 0],
        "depth": [1, 2, 3, 5, 2.0] * 3 + [0, "2"],
        "flag": [True, False] * 4 + [1],
        "sizes": [[1, 3], [3, 5], [1, 7], [1.0, 3]] * 3 + [[1]],
        "factor": [1, 1.0, 1.5, 2, 0.25],
    }
    return {name: of.choice(choices[name]) for name in names if of.random() < 0.5}
