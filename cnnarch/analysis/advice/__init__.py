"""Advice: rules of good practice with stable codes, collected from the files of this folder.

A code is the letter of a family, its number, and two digits: `W101` is the first rule of windows. A family is one
file. Codes and names are a contract: one that was given is neither changed nor given again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module

from cnnarch.analysis.advice.base import Finding, Plan, Rule, Subject
from cnnarch.errors import ReadError, suggestion

__all__ = ["FAMILIES", "RULES", "Finding", "Rule", "family", "findings", "resolve"]

FAMILIES = {
    "W1": "windows",
    "N2": "order",
    "P3": "parameters",
    "F4": "field",
    "G5": "graph",
    "H6": "hardware",
}  # what codes begin with: the file, whose first line tells what it is about


def _collect() -> dict[str, Rule]:
    """Every rule by its code; a code or a name that is used twice raises."""
    rules: dict[str, Rule] = {}
    names: set[str] = set()
    for file in sorted(os.listdir(os.path.dirname(__file__))):
        if not file.endswith(".py") or file in ("__init__.py", "base.py"):
            continue
        module = import_module(f"{__name__}.{file[:-3]}")
        for value in vars(module).values():
            if not (isinstance(value, type) and issubclass(value, Rule) and value.code):
                continue
            if value.code in rules or value.name in names:
                raise TypeError(f"two rules are called {value.code} or {value.name}")
            if FAMILIES.get(value.code[:2]) != file[:-3]:
                raise TypeError(f"{value.code} is not of the family {file[:-3]}")
            rules[value.code] = value()
            names.add(value.name)
    order = list(FAMILIES)
    return {code: rules[code] for code in sorted(rules, key=lambda code: (order.index(code[:2]), code))}


RULES = _collect()


def family(begins: str) -> str:
    """What a family is about, as the first line of its file says.

    >>> family("N2")
    'The order of layers: what follows what'
    """
    module = import_module(f"{__name__}.{FAMILIES[begins]}")
    return (module.__doc__ or "").split("\n")[0].rstrip(".")


def resolve(codes: Sequence[str]) -> frozenset[str]:
    """The codes that are meant by codes, beginnings of codes, or names of rules.

    Raises ReadError for one that is none of these.

    >>> sorted(resolve(["W101", "bias-before-norm"]))
    ['N201', 'W101']
    """
    found: set[str] = set()
    for word in codes:
        wanted = word.strip()
        begun = {code for code in RULES if wanted and code.startswith(wanted.upper())}
        named = {code for code, rule in RULES.items() if rule.name == wanted.lower().replace("_", "-")}
        if not begun | named:
            known = [*RULES, *(rule.name for rule in RULES.values())]
            raise ReadError(f"there is no rule `{word}`", suggestion(wanted, known) or "`cnnarch rules` lists them")
        found |= begun | named
    return frozenset(found)


def findings(network: Subject, select: Sequence[str] = (), ignore: Sequence[str] = ()) -> list[Finding]:
    """What the rules find in a network, in the order of its layers; what is about all of it comes last.

    With `select` only those rules are asked, those of `ignore` are not; both as `resolve` reads them.

    >>> from cnnarch.network import load
    >>> [(one.code, one.layer) for one in findings(load("vgg16_bn"))]
    [('N201', 'stage1/conv1'), ('P301', 'fc1')]
    """
    chosen = (resolve(select) if select else frozenset(RULES)) - resolve(ignore)
    plan = Plan(network)
    places = {node.name: number for number, node in enumerate(plan.nodes)}
    found = [one for code, rule in RULES.items() if code in chosen for one in rule.findings(plan)]
    return sorted(found, key=lambda one: places.get(one.layer, len(places)))
