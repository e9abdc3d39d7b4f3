"""An ONNX graph as a network of ours: each operator as one of our kinds, or as unknown."""

from __future__ import annotations

from cnnarch.errors import ReadError, shortened
from cnnarch.interchange.model import Entry, Model
from cnnarch.interchange.onnx import (
    operators_matrices,
    operators_merges,
    operators_norms,
    operators_shapes,
    operators_values,
    operators_windows,
)
from cnnarch.interchange.onnx.builder import Builder, Pattern, Rule, UnfitError
from cnnarch.interchange.onnx.naming import COUNTED, safe
from cnnarch.interchange.onnx.program import Op, Program
from cnnarch.interchange.onnx.tensors import Tensor, fresh, usual
from cnnarch.shapes import Shape

__all__ = ["model"]

RULES: dict[str, Rule] = {
    **operators_windows.RULES,
    **operators_norms.RULES,
    **operators_values.RULES,
    **operators_merges.RULES,
    **operators_shapes.RULES,
    **operators_matrices.RULES,
}
LONGEST_INPUT = 50
EQUAL_AT_FIRST = {"batchnorm", "layernorm", "groupnorm", "instancenorm", "scale", "prelu"}


def model(program: Program) -> Model:
    """The network that a program is; operators that are none of our kinds are `unknown`.

    Raises ReadError for what cannot be told in layers at all.
    """
    build = Builder(program)
    inputs = _inputs(build)
    for op in program.ops:
        _apply(build, op)
    for name in program.outputs:
        _finish(build, name)
    if not build.entries:
        raise ReadError(f"the graph `{shortened(program.name, 80)}` has no layers")
    return Model(program.name, inputs, tuple(_shared(build)))


def _inputs(build: Builder) -> dict[str, Shape]:
    found = {}
    for name, shape in build.program.inputs.items():
        order = build.program.orders.get(name)
        pattern = tuple((axis,) for axis in order) or ((),) if order is not None else usual(shape)
        own = safe(name[:LONGEST_INPUT]).replace("/", "_")
        while own in build.taken:
            own = f"{own}_in"
        build.taken.add(own)
        build.tensors[name] = fresh(own, shape, pattern)
        found[own] = build.shapes[own] = Shape(*build.tensors[name].shape)
    return found


def _apply(build: Builder, op: Op) -> None:
    count = len(build.entries)
    build.open = build.names[id(op)]
    rule = RULES.get(op.kind)
    try:
        if rule is None:
            raise UnfitError(f"{op.kind} is none of our kinds")
        rule(build, op)
    except UnfitError as error:
        build.back(count)
        build.open = build.names[id(op)]
        build.unknown(op, str(error))
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, ArithmeticError) as error:
        # Attributes and inputs are what the file says: a text where there should be a list, a list that is too short.
        raise ReadError(f"{build.place(op)} has settings that cannot be read: {error}") from error


def _finish(build: Builder, name: str) -> None:
    """Make an output what ONNX says that it is, as far as more than the order of its axes differs."""
    tensor = build.tensors.get(name)
    if tensor is None:
        raise ReadError(f"the output `{shortened(name, 80)}` is a constant", "there is nothing to compute")
    if {group for group in tensor.ours if group} == {axis for axis in tensor.axes if axis}:
        return
    shape = build.program.shapes[name]
    op = Op("Output", "", (), (name,), {})
    build.open, build.names[id(op)] = "", tensor.entry if COUNTED.match(name) else safe(name)
    try:
        build.tensors[name] = build.arrange(op, tensor, _order(tensor, shape))
    except UnfitError as error:
        raise ReadError(f"the output `{shortened(name, 80)}` cannot be expressed: {error}") from None


def _order(tensor: Tensor, shape: tuple[int, ...]) -> Pattern:
    """How an output is ours: with our channels last if ONNX has them as an axis too."""
    order = usual(shape)
    channels = [(axis,) for axis, group in enumerate(tensor.axes) if group and group == tensor.ours[-1]]
    return (*(one for one in order if one not in channels), *channels) if channels and channels[0] in order else order


def _shared(build: Builder) -> list[Entry]:
    """The entries, those marked that use the weights of another.

    Exporters store equal tensors once, such as the scales of all normalisations that were never trained; so what is
    equal at first shares only behind a layer that does.
    """
    owners: dict[tuple[str, tuple[str, ...]], Entry] = {}
    shares: dict[str, str] = {}
    found = []
    for entry in build.entries:
        roots = build.roots.get(entry.name, ())
        owner = owners.setdefault((entry.kind, roots), entry) if roots and roots[0] else entry
        if owner is entry or (entry.kind in EQUAL_AT_FIRST and not _follows(entry, owner, shares)):
            found.append(entry)
        else:
            shares[entry.name] = owner.name
            found.append(entry._replace(share=owner.name))
    return found


def _follows(entry: Entry, owner: Entry, shares: dict[str, str]) -> bool:
    """Whether it stands behind a layer with the weights of the one before the other."""
    return any(shares.get(ours) == theirs for ours, theirs in zip(entry.sources, owner.sources))
