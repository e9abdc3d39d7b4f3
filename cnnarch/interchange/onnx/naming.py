"""Names of layers, made of those that exporters give to operators and tensors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from cnnarch.interchange.onnx.program import Op

__all__ = ["COUNTED", "names_of", "safe"]

LONGEST = 64  # as in cnnarch.spec.items
ROOM = 8  # for a number behind
COUNTED = re.compile(r"[a-z]?\d+$")  # a name that says nothing
NUMBERED = re.compile(r"_\d+$")


def names_of(ops: Iterable[Op]) -> list[tuple[str, bool]]:
    """A name for every operator that a page can have, and whether it is the model's; all different, none a group.

    PyTorch names an operator by the modules around it, each with the path that leads to it. Where one operator
    stands alone in a module, it has the module's name. What only has a number is called after its operator.

    >>> x = ("x",)
    >>> names_of([Op("Conv", "/layer1/layer1.0/conv1/Conv", x, ("y",), {}), Op("Relu", "", x, ("conv1_2",), {})])
    [('layer1/_0/conv1', True), ('conv1_2', True)]
    >>> names_of([Op("Relu", "/layer1/Relu", x, ("y",), {}), Op("Add", "", x, ("/layer1/Add_output_0",), {})])
    [('layer1/relu', False), ('layer1/Add_output_0', True)]
    >>> names_of([Op("Relu", "", x, ("12",), {}), Op("Relu", "", x, ("13",), {})])
    [('relu', False), ('relu_2', False)]
    """
    ops = list(ops)
    given = [_given(op) for op in ops]
    own = list(map(bool, given))
    paths = [_path(name or op.kind.lower()) for op, name in zip(ops, given)]
    within = Counter(path[:depth] for path in paths for depth in range(1, len(path)))
    for number, (op, path) in enumerate(zip(ops, paths)):
        if NUMBERED.sub("", path[-1]) == op.kind:
            alone = len(path) > 1 and within[path[:-1]] == 1
            paths[number] = path[:-1] if alone else (*path[:-1], path[-1].lower())
            own[number] = own[number] and alone
    paths = _shortened(paths)
    taken = {"/".join(path[:depth]) for path in paths for depth in range(1, len(path))}  # groups
    last: dict[str, int] = {}
    return [(_unique("/".join(path), taken, last), one) for path, one in zip(paths, own)]


def _shortened(paths: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The paths with long words cut, all alike so that what stands in one group still does, if that makes them fit."""
    for most in (LONGEST, 16, 12, 10, 8):
        cut = [tuple(part[:most].rstrip("-") for part in path) for path in paths]
        if all(sum(map(len, path)) + len(path) - 1 <= LONGEST - ROOM for path in cut):
            return cut
    return paths


def _unique(name: str, taken: set[str], last: dict[str, int]) -> str:
    name = name if len(name) <= LONGEST - ROOM else name[: LONGEST - ROOM].rstrip("/-")
    found, number = name, last.get(name, 1)
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    last[name] = number
    taken.add(found)
    return found


def safe(name: str) -> str:
    """A name of letters, digits, `_` and `-`, in parts that do not begin with a digit.

    >>> safe("inception_3a/1x1_1"), safe("p2o.Conv.0")
    ('inception_3a/_1x1_1', 'p2o_Conv_0')
    """
    return "/".join(map(_part, filter(None, name.split("/")))) or "layer"


def _path(name: str) -> tuple[str, ...]:
    """The modules that an operator stands in, and its own name."""
    parts: list[str] = []
    before = ""
    for part in filter(None, name.split("/")):
        own = part[len(before) + 1 :] if before and part.startswith(f"{before}.") else part
        parts += [_part(one) for one in (own.split(".") if name[0] == "/" else [own]) if one]
        before = part
    return tuple(parts) or ("layer",)


def _given(op: Op) -> str:
    """The name that a file gives to an operator, or to what it gives; nothing if that only has a number."""
    return next((name for name in (op.name, *op.outputs) if name and not COUNTED.match(name)), "")[:1000]


def _part(part: str) -> str:
    if part.isidentifier():
        return part
    kept = "".join(char if f"a{char}".isidentifier() or char == "-" else "_" for char in part)
    return kept if kept.replace("-", "_").isidentifier() and kept[0] != "-" else f"_{kept}"
