"""What the script needs to explain a layer: every text once, and for each layer the numbers of its own."""

from __future__ import annotations

import json
from collections.abc import Hashable
from functools import lru_cache
from typing import Any

from cnnarch.analysis.explanation import explain
from cnnarch.analysis.receptive_field import Field
from cnnarch.errors import printable
from cnnarch.graph import Node
from cnnarch.layers import Step
from cnnarch.network import Network
from cnnarch.render import mathematics
from cnnarch.render.mathematics import Chain, Inside, Number, Over, Term, Words, shortened
from cnnarch.render.numbers import grouped
from cnnarch.render.report.field import place, sentence

__all__ = ["element", "term"]


def element(network: Network) -> str:
    """All explanations as JSON in a `<script>` that is not run; no `<` in it can end it.

    `layers` has for each node the numbers of its explanation and of its receptive fields; an explanation is what
    arrives, a note and the numbers of its steps; a step is a quantity, terms that are equal, and a remark.
    """
    found = _Found(network)
    layers = [found.layer(node) for node in network.graph.nodes]
    data = {
        "layers": layers,
        "explanations": found.of("explanation"),
        "steps": found.of("step"),
        "terms": found.of("term"),
        "fields": found.of("field"),
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f'<script type="application/json" class="data">{text.replace("<", chr(92) + "u003c")}</script>\n'


class _Found:
    """Tables of what was found, each thing once."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.inputs = list(network.receptive_field.inputs)
        self.numbers: dict[str, dict[Hashable, int]] = {}
        self.values: dict[str, list[Any]] = {}
        self.seen: dict[Hashable, list[int]] = {}

    def of(self, kind: str) -> list[Any]:
        return self.values.get(kind, [])

    def number(self, kind: str, key: Hashable, value: Any) -> int:
        """The number of a thing in its table."""
        numbers = self.numbers.setdefault(kind, {})
        if key not in numbers:
            numbers[key] = len(numbers)
            self.values.setdefault(kind, []).append(value() if callable(value) else value)
        return numbers[key]

    def layer(self, node: Node) -> list[Any]:
        if node.is_input:
            return [-1, []]
        fields = self.fields(node)
        found = explain(self.network.graph, node, self.network.receptive_field)
        steps = tuple([self.number("step", step, lambda step=step: self.step(step)) for step in found.steps])
        arrives = ", ".join(map(str, found.inputs))
        key = (arrives, found.note, steps)
        return [self.number("explanation", key, [arrives, printable(found.note), list(steps)]), fields]

    def step(self, step: Step) -> list[Any]:
        """`chain` in mathematics, with formulas read once."""
        result = Number(step.value)
        formula, numbers = _formula(step.formula), mathematics.read(step.arithmetic)
        terms = [one for one in (formula, numbers) if one != result]
        kept = [self.number("term", one, lambda one=one: term(shortened(one))) for one in terms]
        return [printable(step.quantity), kept, grouped(step.value), printable(step.remark)]

    def fields(self, node: Node) -> list[int]:
        """What a layer sees of each input; layers that share the places of the one before share what it sees."""
        seen = self.network.receptive_field
        key = (tuple(map(id, seen.path(node))), node.output.spatial)
        if key not in self.seen:
            self.seen[key] = [self.field(one) for one in seen.of(node)]
        return self.seen[key]

    def field(self, field: Field) -> int:
        found = place(self.network, field)
        words = printable(sentence(self.network, field))
        drawn = [*found.all, *found.inside, *found.centre] if found else []
        value = [self.inputs.index(field.input), words, drawn]
        return self.number("field", (value[0], words, found), value)


@lru_cache(maxsize=1024)
def _formula(text: str) -> Term:
    return mathematics.read(text)


def term(found: Term) -> Any:
    """A term as JSON: a number is a string, all else a list whose first says what it is.

    >>> from cnnarch.render.mathematics import read
    >>> term(read("floor((224 - 11) / 4) + 1"))
    ['', ['⌊⌋', ['/', ['', '224', '−', '11'], '4']], '+', '1']
    """
    match found:
        case Number(value):
            return grouped(value)
        case Words(text, power):
            return ["w", printable(text), power] if power else ["w", printable(text)]
        case Inside(brackets, inner, power):
            both = {"(": "()", "⌊": "⌊⌋", "⌈": "⌈⌉"}[brackets]
            return [both, term(inner), power] if power else [both, term(inner)]
        case Over(above, below):
            return ["/", term(above), term(below)]
        case Chain(terms, signs):
            parts: list[Any] = ["", term(terms[0])]
            for sign, one in zip(signs, terms[1:]):
                parts += [sign, term(one)]
            return parts
        case _:
            return ["w", f"… ({found.many:,} more)"]
