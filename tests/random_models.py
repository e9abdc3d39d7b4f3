"""Random networks as a door reads them: layers in chains and branches that come again, some with names of their own."""

from __future__ import annotations

from random import Random
from typing import Any

from cnnarch.errors import Cause
from cnnarch.interchange.model import Entry, Model
from cnnarch.layers import KINDS
from cnnarch.shapes import Shape

__all__ = ["random_model"]

FILTERS = (4, 8, 12, 16, 32)
WORDS = ("stem", "block", "relu", "conv1", "conv", "unit", "branch", "layers", "repeat", "add", "half", "input", "x",
         "in", "class", "_3x3", "lambda", "no")  # fmt: skip
CLASSES = ("BasicBlock", "unit", "Conv", "relu", "group", "")


class _Draft:
    """A network that grows; every layer that does not fit is left out."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        count = self.random.choice((1, 1, 1, 2))
        names = ["input", "other"][:count]
        self.inputs = {name: Shape(16, 16, self.random.choice((3, 8))) for name in names}
        self.shapes = dict(self.inputs)
        self.entries: list[Entry] = []
        self.own = self.random.choice((0.0, 0.5, 1.0))
        self.classes: dict[str, str] = {}
        self.made = 0
        self.labels: list[str] = []  # what convolutions are called that own their names

    def add(self, kind: str, settings: dict[str, Any], sources: tuple[str, ...], prefix: str, label: str = "") -> str:
        """A layer, and the name of what there is now."""
        if kind in ("add", "concat") and len(sources) < 2:
            return sources[0]
        try:
            figures = KINDS[kind](**settings).figures(tuple([self.shapes[one] for one in sources]))
        except Cause:
            return sources[0]
        own = bool(label) and self.random.random() < self.own
        name = f"{prefix}{label}" if own else ""  # a made one has three digits, so that none has it already
        if not name or name in self.shapes or any(one.startswith(f"{name}/") for one in self.shapes):
            own = False
            self.made += 1
            name = f"{prefix}{kind}_{self.made:03}"
        note = 'seen, and "known"' if self.random.random() < 0.01 else ""
        self.entries.append(Entry(name, kind, settings, sources, self.owner(kind, settings, sources), note, own))
        self.shapes[name] = figures.output
        return name

    def owner(self, kind: str, settings: dict[str, Any], sources: tuple[str, ...]) -> str:
        """Now and then the layer whose weights it uses."""
        if kind != "conv" or self.random.random() > 0.03:
            return ""
        channels = self.shapes[sources[0]].channels
        for entry in self.entries:
            alike = entry.kind == kind and entry.settings == settings and not entry.share
            if alike and self.shapes[entry.sources[0]].channels == channels:
                return entry.name
        return ""

    def chain(self, x: str, plan: list[str], filters: int, prefix: str) -> str:
        for number, word in enumerate(plan):
            if word == "conv":
                kernel = self.random.choice((1, 3))
                settings = {"filters": filters, "kernel": kernel, "padding": kernel // 2}
                x = self.add("conv", settings, (x,), prefix, self.labels[number])
            elif word == "wide":
                x = self.add("conv", {"filters": 4 * filters, "kernel": 1, "bias": False}, (x,), prefix, f"w{number}")
            else:
                x = self.add(word, {}, (x,), prefix, self.random.choice(("", f"{word}_{number}", word)))
        return x

    def unit(self, x: str, plan: list[str], filters: int, prefix: str, form: str) -> str:
        """Layers of one form: in a row, around them an addition, or beside others."""
        if form == "row":
            return self.chain(x, plan, filters, prefix)
        if form == "residual":
            body = self.chain(x, plan, filters, prefix)
            other = x
            if self.shapes[body] != self.shapes[x] and self.random.random() < 0.8:
                other = self.add("conv", {"filters": self.shapes[body].channels, "kernel": 1}, (x,), prefix, "down/_0")
            pair = (body, other) if self.random.random() < 0.7 else (other, body)
            return self.add("add", {}, pair, prefix) if body != other else body
        ends = [self.chain(x, plan[place:], filters, f"{prefix}b{place}/") for place in range(min(3, len(plan)))]
        ends += [x] if self.random.random() < 0.3 else []
        return self.add("concat", {}, tuple(ends), prefix)

    def run(self) -> Model:
        x = next(iter(self.inputs))
        for name in list(self.inputs)[1:]:
            x = self.add("concat", {}, (x, name), "")
        for stage in range(self.random.randint(1, 5)):
            kinds = ("conv", "conv", "wide", "batchnorm", "relu", "relu6")
            plan = [self.random.choice(kinds) for _ in range(self.random.randint(1, 5))]
            self.labels = [self.random.choice((f"conv{number}", *WORDS)) for number in range(len(plan))]
            form = self.random.choice(("row", "residual", "branches"))
            filters = self.random.choice(FILTERS)
            for turn in range(self.random.randint(1, 6)):
                if self.random.random() < 0.2:
                    filters = self.random.choice(FILTERS)
                prefix = self.random.choice(("", f"s{stage}/_{turn}/", f"{self.random.choice(WORDS)}{stage}{turn}/"))
                self.classes[prefix.rstrip("/")] = self.random.choice(CLASSES)
                earlier = self.random.choice(list(self.shapes))
                x = self.unit(x, plan, filters, prefix, form)
                if self.random.random() < 0.15:
                    x = self.add("concat", {}, (x, earlier), prefix)
                x = self.add("relu", {}, (x,), self.random.choice(("", prefix)))
        return Model("Random", self.inputs, tuple(self.entries), classes=self.classes)


def random_model(seed: int) -> Model:
    """A network of up to some hundred layers; the same for the same seed."""
    return _Draft(seed).run()
