"""The language from its own declarations: kinds, structures and modifiers as pages and records."""

from __future__ import annotations

import inspect
from typing import Any

from cnnarch.layers import KINDS, Layer, Step
from cnnarch.layers.settings import Setting
from cnnarch.render.sheets import Column, Line, Page, Sheet
from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from cnnarch.spec.document import HEADER
from cnnarch.spec.items import BESIDE, EXAMPLES, STRUCTURES

__all__ = ["WORDS", "kind_page", "kind_record", "kinds_page", "word_page", "word_record"]

WORDS = tuple(dict.fromkeys((*STRUCTURES, *BESIDE, *HEADER)))  # those of the language that are no kinds
SAMPLE = Shape(7, 7, 64)  # what a kind without a sample of its own is shown on
AT_THE_TOP = {
    "input": "input: 224x224x3       # or names with shapes: {left: 8x8x3, right: 8x8x3}",
    "source": "source: Simonyan & Zisserman 2014, arXiv:1409.1556",
    "year": "year: 2014",
    "task": "task: classification",
    "see_also": "see_also: [vgg16, vgg19]",
    "settings": "settings: {classes: 1000}\nlayers:\n  - flatten\n  - fc: classes",
    "space": "settings: {depth: 2, widths: [16, 32]}\nspace:\n  depth: [2, 3, 4]\n"
    "  widths: {each: {from: 16, to: 64, step: 8}, length: 2, order: ascending}\n"
    "  input: {from: 8, to: 64, step: 8}         # of every spatial axis\n  where: depth * widths[1] <= 128\n"
    'layers:\n  - conv: {filters: "widths[0]", kernel: 3, padding: half}\n    repeat: depth\n'
    '  - conv: {filters: "widths[1]", kernel: 3}',
    "extends": "extends: resnet50\nsettings: {classes: 10}",
    "import": "import: common         # or a list\nlayers:\n  - conv_bn_relu: 64",
    "blocks": "blocks:\n  twice:\n    settings: {filters: , kernel: 3}\n    layers:\n"
    "      - conv: {filters: filters, kernel: kernel, padding: half}\n        repeat: 2\nlayers:\n  - twice: 64",
    "published": "published:\n  - {params: 138M, source: table 2 of the paper}",
    "budget": "budget:\n  params: 5M\n  weights: 8MiB           # a size: of the memory that they take\n"
    "  peak: {max: 2MiB}       # as `peak: 2MiB`; `min` for the least\n  dtype: int8",
    "ignore": "ignore: [W102, bias-before-norm]",
}


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
        Sheet(_named(), list(HEADER.items()), title="What stands at the top of a spec", header=False),
        Sheet(_named(), _pages(), title="Pages of blocks to `import`", header=False),
        Line("`cnnarch layers NAME` tells all about one of them, `cnnarch show NAME` prints a page of blocks", "aside"),
    ]


def _pages() -> list[tuple[str, str]]:
    return [(page, ", ".join(catalog.blocks_of(page))) for page in catalog.pages_of_blocks()]


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
    page.append(_formulas(kind))
    page += [Line(line) for line in _rule(kind)]
    memory = [("memory", line) for line in _memory(kind)]
    about = [*memory, *_example(kind.example), ("elsewhere", ", ".join(kind.elsewhere)), ("source", kind.source)]
    return [*page, Sheet(_named(), [entry for entry in about if entry[1]], header=False)]


def word_page(word: str) -> Page:
    """What a word of the language that is no kind does, with an example."""
    entry = word in EXAMPLES
    example = _example(EXAMPLES[word] if entry else AT_THE_TOP[word], "- " if entry else "")
    return [Line(f"{word}: {_meaning(word)}", "title"), Sheet(_named(), example, header=False)]


def word_record(word: str) -> dict[str, Any]:
    return {"word": word, "does": _meaning(word), "example": EXAMPLES.get(word) or AT_THE_TOP[word]}


def _meaning(word: str) -> str:
    """What a word says where it stands in a list of layers, and at the top of a spec."""
    below, above = STRUCTURES.get(word) or BESIDE.get(word), HEADER.get(word)
    if below and above and below != above:
        return f"{below}; at the top of a spec, {above}"
    return below or HEADER[word]


def _example(text: str, dash: str = "- ") -> list[tuple[str, str]]:
    """An example line by line, as an entry of a list."""
    first, *others = text.split("\n")
    return [("example", f"{dash}{first}"), *(("", line) for line in others)]


def kind_record(kind: type[Layer]) -> dict[str, Any]:
    return {
        "kind": kind.kind,
        "does": _sentence(kind),
        "rule": "\n".join(_rule(kind)),
        "memory": _memory(kind),
        "formulas": {step.quantity: step.formula for step in _formulas(kind).rows},
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


def _sampled(kind: type[Layer]) -> tuple[Layer, tuple[Shape, ...]]:
    """A layer of a kind with its inputs, to show its rules on."""
    settings, inputs = kind.sample or ({}, (SAMPLE,) * kind.inputs[0])
    return kind(**settings), inputs


def _memory(kind: type[Layer]) -> list[str]:
    """What it does in memory: in place or not, the room that it needs for itself, what it keeps in training."""
    layer, inputs = _sampled(kind)
    lines = []
    if kind.view:
        lines.append("at inference it makes no tensor")
    if kind.in_place:
        lines.append("at inference it writes over an input that nobody else needs")
    if layer.count_working(*inputs):
        room = (inspect.getdoc(kind.count_working) or "").split("\n")[0].rstrip(".")
        lines.append(f"it needs room for itself: {room[:1].lower()}{room[1:]}")
    return [*lines, f"for the backward pass it keeps {layer.count_kept(*inputs).words}"]


def _formulas(kind: type[Layer]) -> Sheet:
    """The rule: each figure with its formula, as `explain` has them for a sample."""
    layer, inputs = _sampled(kind)
    operations = layer.explain_elements(*inputs)
    steps = [*layer.explain(*inputs), operations._replace(formula=_with_remark(operations))]
    columns = [
        Column("quantity", "", "what is computed", lambda step: step.quantity),
        Column("formula", "", "how", lambda step: f"= {step.formula}", wraps=True),
    ]
    return Sheet(columns, steps, title="Rule", header=False)


def _with_remark(step: Step) -> str:
    return f"{step.formula}: {step.remark}" if step.remark else step.formula


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
