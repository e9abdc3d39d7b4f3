"""A network as the code of a PyTorch module: a class for every block, loops for repeats, the names of its layers.

What is built is read, not the page: a block's class takes as arguments what differs between the places where it
stands, so that no expression has to be understood. What runs only in training is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cnnarch.errors import ReadError, listed, printable
from cnnarch.graph import Graph
from cnnarch.interchange.program_text import LINE_LENGTH, identifier, wrapped
from cnnarch.interchange.pytorch.writing_blocks import TAKEN, Body, Source, Step, bodies
from cnnarch.interchange.pytorch.writing_classes import Class, classes
from cnnarch.interchange.pytorch.writing_layers import HELPERS, refusal
from cnnarch.spec.model import Spec

__all__ = ["write"]


def write(spec: Spec, graph: Graph, name: str) -> str:
    """The code of a module that has the network's layers; it imports PyTorch alone.

    Raises ReadError, which names the layers, for what PyTorch cannot express.
    """
    _refuse(graph)
    root = bodies(graph)
    made = classes(root, _title(name))
    blocks = [*_helpers(root), *(_class(one) for one in made)]
    text = "\n\n\n".join(block.rstrip("\n") for block in blocks)
    return f"{_head(spec, text)}\n\n\n{text}\n"


def _refuse(graph: Graph) -> None:
    lacking = [
        (node, why) for node in graph.layers if not node.train_only and (why := refusal(node.layer, graph.shapes(node)))
    ]
    if lacking:
        names = listed((f"{node.name} ({node.layer.kind})" for node, _ in lacking), 6)
        raise ReadError(f"PyTorch cannot express {names}", lacking[0][1])


def _title(name: str) -> str:
    """The name of a class.

    >>> _title("mobilenet_v3-large"), _title("3 nets")
    ('MobilenetV3Large', 'Net3Nets')
    """
    parts = "".join(char if char.isalnum() and char.isascii() else " " for char in name).split()
    found = "".join(part[:1].upper() + part[1:] for part in parts)
    return identifier(found if found[:1].isalpha() else f"Net{found}")


def _head(spec: Spec, text: str) -> str:
    """What the page says of itself, and what it imports."""
    about = [_inert(one) for one in (spec.name, spec.origin or "") if one]
    lines = [f'"""{about[0]}']
    lines += ["", *about[1:]] if about[1:] else []
    doc = f'"""{about[0]}"""' if len(about) == 1 else "\n".join([*lines, '"""'])
    imports = ["import math", ""] if "math." in text else []
    imports += ["import torch"] if "torch." in text.replace("torch.nn", "") else []
    imports += ["import torch.nn.functional as F"] if "F." in text else []
    return "\n".join([doc, "", *imports, "from torch import nn"])


def _inert(text: str) -> str:
    """A text that ends no docstring and escapes nothing, in a line."""
    found = " ".join(printable(text).split()).replace("\\", "/").replace('"', "'")
    return found if len(found) < LINE_LENGTH - 8 else f"{found[: LINE_LENGTH - 9]}…"


def _helpers(root: Body) -> list[str]:
    wanted = {step.helper for body in root.every() for step in body.steps}
    return [HELPERS[name] for name in HELPERS if name in wanted]


# A class


def _class(one: Class) -> str:
    names = ["self", *one.parameters]
    lines = [f"class {one.name}(nn.Module):"]
    lines += wrapped(f"def __init__({', '.join(names)}):", 4)
    lines.append(" " * 8 + "super().__init__()")
    for step in one.body.steps:
        lines += _made(one, step)
    inputs = one.body.inputs
    lines += ["", *wrapped(f"def forward({', '.join(['self', *inputs])}):", 4), *_forward(one.body)]
    return "\n".join(lines)


def _made(one: Class, step: Step) -> Iterator[str]:
    """The lines that make a module."""
    if step.reused or (not step.callee and step.block is None):
        return
    text = _construction(one, step)
    if step.count is not None:
        yield from _loop(f"self.{step.attribute} = nn.Sequential(", text, one.value(step.count))
    else:
        yield from wrapped(f"self.{step.attribute} = {text}", 8)


def _loop(head: str, text: str, count: str) -> list[str]:
    """So many modules in a row, in as few lines as they fit in."""
    inside = f"*({text} for _ in range({count}))"
    if len(head) + len(inside) + 9 <= LINE_LENGTH:
        return [f"{' ' * 8}{head}{inside})"]
    lines = [" " * 12 + inside]
    if len(lines[0]) > LINE_LENGTH:
        each = wrapped(text, 16)
        lines = [" " * 12 + "*(", *each, f"{' ' * 16}for _ in range({count})", " " * 12 + ")"]
    return [" " * 8 + head, *lines, " " * 8 + ")"]


def _construction(one: Class, step: Step) -> str:
    if step.block is not None:
        target = one.called[step.attribute]
        values = [(name, one.value(slot)) for name, slot in target]
        return f"{one.names[step.attribute]}({_arguments(values)})"
    values = [(slot.name, one.value(slot)) for slot in step.slots if one.is_written(slot)]
    if step.close != ")":  # a list of sizes, without names
        return f"{step.callee}{', '.join(value for _, value in values)}{step.close}"
    plain = len([slot for slot in step.slots[:2] if not slot.has_default])
    return f"{step.callee}{_arguments(values, plain)})"


def _arguments(values: Sequence[tuple[str, str]], plain: int = 2) -> str:
    """The first without names."""
    return ", ".join(value if number < plain else f"{name}={value}" for number, (name, value) in enumerate(values))


def _forward(body: Body) -> Iterator[str]:
    """The lines that run the modules; a value that is taken soon is `x` or `y`."""
    held: dict[Source, str] = {("input", number): name for number, name in enumerate(body.inputs)}
    later = body.last_uses()
    for number, step in enumerate(body.steps):
        inputs = [held[source] for source in step.sources]
        call = step.called(f"self.{step.attribute}", inputs)
        targets = [_variable(body, number, output, held, later) for output in range(step.outputs)]
        if number == len(body.steps) - 1 and body.outputs == [(number, output) for output in range(step.outputs)]:
            yield from wrapped(f"return {call}", 8)
            return
        yield from wrapped(f"{', '.join(targets)} = {call}", 8)
        held.update({(number, output): target for output, target in enumerate(targets)})
    yield from wrapped(f"return {', '.join(held[one] for one in body.outputs)}", 8)


def _variable(body: Body, number: int, output: int, held: dict[Source, str], later: dict[Source, int]) -> str:
    """`x` or `y` where nothing that is still needed is called so, else the name of what was made."""
    busy = {name for key, name in held.items() if later.get(key, -1) > number}
    free = [name for name in ("x", "y") if name not in busy]
    if free and output == 0 and body.steps[number].outputs == 1:
        return free[0]
    name = body.steps[number].attribute
    return identifier(name if output == 0 else f"{name}_{output + 1}", {*busy, *TAKEN})
