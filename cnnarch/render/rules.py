"""Rules as pages and records: all of them in a line each, or one in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnarch.analysis.advice import FAMILIES, Rule, family
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["rule_page", "rule_record", "rules_page"]

COLUMNS = [
    Column("code", "code", "its code", lambda rule: rule.code),
    Column("name", "name", "its name", lambda rule: rule.name),
    Column("finds", "what it finds", "in one sentence", lambda rule: rule.title, wraps=True),
]


def rules_page(rules: Sequence[Rule]) -> Page:
    """Rules in a line each, and what their letters stand for."""
    begun = [begins for begins in FAMILIES if any(rule.code.startswith(begins) for rule in rules)]
    return [
        Sheet(COLUMNS, rules),
        Sheet(_named(), [(begins[0], family(begins)) for begins in begun], title="The first letter", header=False),
        Line("`cnnarch rules CODE` tells all about one of them, `cnnarch check` asks them", "aside"),
    ]


def rule_page(rule: Rule) -> Page:
    """All about one rule."""
    about = [*_listing("example", rule.example), *_listing("better", rule.better)]
    return [
        Line(f"{rule.code} {rule.name}: {rule.title}", "title"),
        *(Line(text) for text in rule.paragraphs[1:]),
        Sheet(_named(), [("input", rule.size), *about, ("source", rule.source)], header=False),
    ]


def rule_record(rule: Rule) -> dict[str, Any]:
    return {
        "code": rule.code,
        "name": rule.name,
        "family": family(rule.code[:2]),
        "finds": rule.title,
        "why": rule.paragraphs[1:],
        "example": rule.example,
        "better": rule.better,
        "input": rule.size,
        "source": rule.source,
    }


def _named() -> list[Column]:
    """The columns of a list of names with a text each."""
    return [
        Column("name", "", "its name", lambda entry: entry[0]),
        Column("about", "", "what it is", lambda entry: entry[1], wraps=True),
    ]


def _listing(name: str, text: str) -> list[tuple[str, str]]:
    """Layers of a spec, line by line."""
    first, *others = text.split("\n")
    return [(name, first), *(("", line) for line in others)]
