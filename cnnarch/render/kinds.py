"""The language from its own declarations: kinds, structures and modifiers as pages and records."""

from __future__ import annotations

import inspect
from typing import Any

from cnnarch.layers import KINDS, Layer
from cnnarch.layers.settings import Setting
from cnnarch.render.sheets import Column, Line, Page, Sheet
from cnnarch.spec.items import BESIDE, EXAMPLES, STRUCTURES

__all__ = ["kind_page", "kind_record", "kinds_page", "word_page", "word_record"]


def kinds_page() -> Page:
    """Every kind in a line, then what holds layers and what stands beside them."""
    columns = [
        Column("kind", "kind", "its name", lambda kind: kind.kind),
        Column("does", "what it does", "in one sentence", _sentence, wraps=True),
    ]
    return [
        Sheet(columns, list(KINDS.values())),
        Sheet(_named(), list(STRUCTURES.items()), title="What holds layers", header=False),
        Sheet(_named(), list(BESIDE.items()), title="What stands beside a kind", header=False),
        Line("`cnnarch layers NAME` tells all about one of them", "aside"),
    ]


def kind_page(kind: type[Layer]) -> Page:
    """All about one kind."""
    page: Page = [Line(f"{kind.kind}: {_sentence(kind)}", "title")]
    if kind.settings:
        columns = [
            Column("setting", "setting", "its name", lambda one: one.name),
            Column("default", "default", "what it is if not given", _default),
            Column("about", "meaning", "what it does", lambda one: one.about, wraps=True),
            Column("type", "is", "what it can be", lambda one: one.type.says, wraps=True, spare=1),
        ]
        page.append(Sheet(columns, list(kind.settings.values())))
    if kind.sample is not None:
        page.append(_formulas(kind))
    page += [Line(line) for line in _rule(kind)]
    about = [*_example(kind.example), ("elsewhere", ", ".join(kind.elsewhere)), ("source", kind.source)]
    return [*page, Sheet(_named(), [entry for entry in about if entry[1]], header=False)]


def word_page(word: str) -> Page:
    """What a structure or a modifier does, with an example."""
    title = Line(f"{word}: {STRUCTURES.get(word) or BESIDE[word]}", "title")
    return [title, Sheet(_named(), _example(EXAMPLES[word]), header=False)]


def word_record(word: str) -> dict[str, Any]:
    return {"word": word, "does": STRUCTURES.get(word) or BESIDE[word], "example": EXAMPLES[word]}


def _example(text: str) -> list[tuple[str, str]]:
    """An example line by line, as an entry of a list."""
    first, *others = text.split("\n")
    return [("example", f"- {first}"), *(("", line) for line in others)]


def kind_record(kind: type[Layer]) -> dict[str, Any]:
    return {
        "kind": kind.kind,
        "does": _sentence(kind),
        "rule": "\n".join(_rule(kind)),
        "example": kind.example,
        "source": kind.source,
        "elsewhere": list(kind.elsewhere),
        "settings": [
            {
                "name": one.name,
                "about": one.about,
                "type": one.type.says,
                "required": one.required,
                "default": None if one.required else one.default,
            }
            for one in kind.settings.values()
        ],
    }


def _formulas(kind: type[Layer]) -> Sheet:
    """The rule: each figure with its formula, as `explain` has them for a sample."""
    assert kind.sample is not None
    settings, inputs = kind.sample
    steps = kind(**settings).explain(*inputs)
    columns = [
        Column("quantity", "", "what is computed", lambda step: step.quantity),
        Column("formula", "", "how", lambda step: f"= {step.formula}", wraps=True),
    ]
    return Sheet(columns, steps, title="Rule", header=False)


def _named() -> list[Column]:
    """The columns of a list of names with a text each."""
    return [
        Column("name", "", "its name", lambda entry: entry[0]),
        Column("about", "", "what it is", lambda entry: entry[1], wraps=True),
    ]


def _sentence(kind: type[Layer]) -> str:
    return inspect.getdoc(kind).split("\n")[0] if kind.__doc__ else ""  # type: ignore[union-attr]


def _rule(kind: type[Layer]) -> list[str]:
    """What the docstring says below its first line: paragraphs, and the lines of its example."""
    found: list[str] = []
    prose = False
    for line in (inspect.getdoc(kind) or "").split("\n")[1:] if kind.__doc__ else []:
        example = line.startswith(">>>") or (bool(found) and found[-1].startswith(">>>") and bool(line))
        if not line:
            prose = False
        elif prose and not example and not line.startswith(("Units:", "Errors:")):
            found[-1] += f" {line}"
        else:
            found.append(line)
            prose = not example
    return found


def _default(one: Setting) -> str:
    if one.required:
        return "required"
    if isinstance(one.default, bool):
        return "true" if one.default else "false"
    if isinstance(one.default, tuple):
        return str(list(one.default))
    return "" if one.default is None else str(one.default)
