"""What a module does, recorded while it runs on tensors of the meta device, which have shapes and no numbers.

The module runs once as it is, so that its own control flow is followed; every function of PyTorch that it calls is
seen and made a layer of ours. What no layer is becomes `unknown`, with the shape that PyTorch tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import prod
from typing import Any, TypeAlias

from cnnarch.errors import Cause, ReadError
from cnnarch.interchange.model import Entry
from cnnarch.interchange.pytorch.layout import BATCH, Atom, Axes, Layout, realised, sizes, without_batch
from cnnarch.interchange.pytorch.naming import names_of
from cnnarch.layers import KINDS
from cnnarch.shapes import Shape

__all__ = ["Call", "Draft", "Place", "Rule", "Trace", "Unfit", "Value"]

MOST_AXES = 4  # of a shape that a spec can have
LONGEST_WORD = 100
GLOBAL = {"adaptive_avgpool": "global_avgpool", "adaptive_maxpool": "global_maxpool"}
FIRST = ("input", "self", "query", "tensors")  # what functions of PyTorch call their first argument


class Unfit(Exception):  # noqa: N818, no error: the operator becomes `unknown`
    """Why no layer of ours is what an operator does as it was called."""


class Value:
    """A tensor that depends on the input: which layer gives it, and how its axes stand for ours."""

    __slots__ = ("layout", "number")

    def __init__(self, number: int, layout: Layout) -> None:
        self.number = number
        self.layout = layout


class Place:
    """A module while it runs, or what called it; `alone` if it is made of no others."""

    __slots__ = ("alone", "first", "path")

    def __init__(self, path: str, alone: bool, first: int) -> None:
        self.path = path
        self.alone = alone
        self.first = first


class Draft:
    """A layer that was recorded; `name` is its own where the module that ran is this layer and nothing else."""

    __slots__ = ("kind", "name", "output", "path", "settings", "share", "sources", "word")

    def __init__(
        self,
        kind: str,
        settings: dict[str, Any],
        sources: tuple[int, ...],
        path: str,
        output: Shape,
        word: str = "",
        share: int | None = None,
    ) -> None:
        self.kind = kind
        self.settings = settings
        self.sources = sources
        self.path = path
        self.output = output
        self.word = word or kind
        self.share = share
        self.name = ""


class Call:
    """One call of a function of PyTorch, or of a module that is a layer as a whole."""

    __slots__ = ("args", "kwargs", "name", "out")

    def __init__(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        if not args and kwargs:  # what is worked on, given by name
            args = (next((kwargs[one] for one in FIRST if one in kwargs), next(iter(kwargs.values()))),)
        self.name = name
        self.args = args
        self.kwargs = kwargs
        self.out = out

    def get(self, place: int, name: str, default: Any = None) -> Any:
        """An argument, by its place or by its name."""
        return self.args[place] if place < len(self.args) else self.kwargs.get(name, default)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what it gives."""
        return tuple(self.out.shape)


Rule: TypeAlias = "Callable[[Trace, Call], Any]"  # gives a value, or one for each output and None for what is left out


class Trace:
    """What was recorded so far: numbers 0, 1, … are the inputs, then layers in the order in which they ran."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.inputs: list[Shape] = []
        self.drafts: list[Draft] = []
        self.places: list[Place] = []
        self.failed: str | None = None  # the path of the innermost module that raised
        self.failed_kind = ""
        self.strided: dict[int, Any] = {}  # of tensors with every other place: of what, from where, how far apart
        self._values: dict[int, Value] = {}
        self._roots: dict[int, frozenset[int]] = {}
        self._numbers: dict[int, int] = {}  # of parameters: how many numbers each has
        self._owners: dict[frozenset[int], int] = {}
        self._counted: set[int] = set()
        self._alive: list[Any] = []  # an identity is of one tensor only while that is kept

    # Tensors

    def add_input(self, tensor: Any, shape: Shape, layout: Layout) -> None:
        self.inputs.append(shape)
        self.keep(tensor, Value(len(self.inputs) - 1, layout))

    def add_parameter(self, tensor: Any) -> None:
        self._alive.append(tensor)
        self._roots[id(tensor)] = frozenset([id(tensor)])
        self._numbers[id(tensor)] = tensor.numel()

    def keep(self, tensor: Any, value: Value) -> None:
        self._alive.append(tensor)
        self._values[id(tensor)] = value

    def value(self, tensor: Any) -> Value:
        found = self._values.get(id(tensor))
        if found is None:
            raise Unfit("it does not depend on the input")
        return found

    def depends(self, tensor: Any) -> bool:
        return id(tensor) in self._values

    def roots(self, tensors: Iterable[Any]) -> frozenset[int]:
        """The parameters that tensors were computed from."""
        return frozenset().union(*[self._roots.get(id(one), frozenset()) for one in tensors])

    def derive(self, tensor: Any, parents: Iterable[Any]) -> None:
        """A tensor that depends on parameters alone, or on nothing."""
        self._alive.append(tensor)
        self._roots[id(tensor)] = self.roots(parents)

    def numbers(self, roots: Iterable[int]) -> int:
        return sum(self._numbers[root] for root in roots)

    # Layers

    def shape(self, number: int) -> Shape:
        given = len(self.inputs)
        return self.inputs[number] if number < given else self.drafts[number - given].output

    def emit(
        self,
        kind: str,
        settings: dict[str, Any],
        sources: Sequence[int],
        weights: Iterable[Any] = (),
        word: str = "",
    ) -> int:
        """Record a layer, whose parameters are these; its number.

        Raises Cause if the layer does not fit its inputs, and Unfit if it has other parameters.
        """
        figures = KINDS[kind](**settings).figures(tuple([self.shape(number) for number in sources]))
        roots = self.roots([one for one in weights if one is not None])
        if figures.params != self.numbers(roots):
            raise Unfit(f"{kind} has {figures.params} parameters here, and {self.numbers(roots)} are used")
        number = len(self.inputs) + len(self.drafts)
        share = self._owner(roots, kind, settings, number) if roots else None
        path = self.places[-1].path if self.places else ""
        self.drafts.append(Draft(kind, settings, tuple(sources), path, figures.output, word, share))
        return number

    def _owner(self, roots: frozenset[int], kind: str, settings: dict[str, Any], number: int) -> int | None:
        """Which layer has these weights already."""
        owner = self._owners.get(roots)
        if owner is None:
            if roots & self._counted:
                raise Unfit("some of its parameters are another layer's")
            self._owners[roots] = number
            self._counted |= roots
            return None
        first = self.drafts[owner - len(self.inputs)]
        if not KINDS[kind](**settings).can_share(KINDS[first.kind](**first.settings)):
            raise Unfit("its parameters are another layer's")
        return owner

    def turn(self, value: Value, channels: int) -> Value:
        """The same tensor as ours, with the channels in one of its axes: by a layer, where its axes are not so yet."""
        layout = value.layout
        want = layout.wanted(channels % len(layout.dims))
        found = realised(layout.axes, want)
        if found is None:
            raise Unfit("its axes cannot be put in order")
        kind, settings = found
        if not kind:
            return value
        number = self._as_vector(value.number) if len(want) == 1 else None
        if number is not None:
            return Value(number, Layout(layout.dims, want))
        return Value(self.emit(kind, settings, [value.number]), Layout(layout.dims, want))

    def _as_vector(self, number: int) -> int | None:
        """A pool of all places, whose one place is none any more: another layer, by the same name."""
        pool = self.drafts[number - len(self.inputs)] if number >= len(self.inputs) else None
        if pool is None or pool.settings != {"size": 1} or pool.kind not in GLOBAL:
            return None
        found = self.emit(GLOBAL[pool.kind], {}, pool.sources)
        self.drafts[-1].path, self.drafts[-1].name = pool.path, pool.name
        return found

    def ready(self, value: Value, channels: int) -> Value:
        """The same where only the channels matter, and not which place is where."""
        channels %= len(value.layout.dims)
        return value if value.layout.channels == channels else self.turn(value, channels)

    def simple(self, value: Value, kind: str, weights: Iterable[Any] = (), word: str = "", **settings: Any) -> Value:
        """A layer that keeps the shape."""
        return Value(self.emit(kind, settings, [value.number], weights, word), value.layout)

    def with_bias(self, value: Value, bias: Any) -> Value:
        """The `scale` recorded last, with a bias that is added to what it gives."""
        roots = self.roots([bias])
        draft = self.drafts[-1]
        figures = KINDS["scale"](bias=True).figures((self.shape(draft.sources[0]),))
        if roots & self._counted or figures.biases != self.numbers(roots):
            raise Unfit("its biases are others")
        self._counted |= roots
        made = Draft("scale", {"bias": True}, draft.sources, draft.path, figures.output, draft.word)
        self.drafts[-1] = made
        return value

    # Calls

    def enter(self, path: str, alone: bool) -> None:
        self.places.append(Place(path, alone, len(self.drafts)))

    def leave(self) -> None:
        place = self.places.pop()
        made = self.drafts[place.first :]
        if place.alone and len(made) == 1 and not made[0].name:
            made[0].name = place.path

    def record(self, call: Call, rule: Rule | None, tensors: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Make layers of a call, and values of what it gives."""
        if not any(self.depends(one) for one in tensors):
            for one in outputs:
                if not self.depends(one):
                    self.derive(one, tensors)
            return
        mark = len(self.drafts)
        owners, counted = dict(self._owners), set(self._counted)
        try:
            if rule is None:
                raise Unfit("it is not known")
            found = rule(self, call)
            values = list(found) if isinstance(found, (list, tuple)) else [found]
            self._check(values, outputs)
        except (Unfit, Cause, KeyError, IndexError, TypeError, ValueError):
            del self.drafts[mark:]
            self._owners, self._counted = owners, counted
            values = self._unknown(call, tensors, outputs)
        for one, value in zip(outputs, values):
            if value is not None:
                self.keep(one, value)

    def _check(self, values: list[Any], outputs: Sequence[Any]) -> None:
        """That every shape is what PyTorch says."""
        if len(values) != len(outputs):
            raise Unfit("it gives more than is known")
        for value, one in zip(values, outputs):
            if value is None:
                continue
            if sizes(value.layout.dims) != tuple(one.shape):
                raise Unfit("its shape is another")
            shape = self.shape(value.number)
            if sizes(value.layout.axes) != tuple(shape) or shape.regions != 1:
                raise Unfit("its axes are others")

    # What is not known

    def _unknown(self, call: Call, tensors: Sequence[Any], outputs: Sequence[Any]) -> list[Value]:
        sources = [self.value(one).number for one in tensors if self.depends(one)]
        sources = list(dict.fromkeys(sources))
        roots = self.roots(tensors) - self._counted
        self._counted |= roots
        weights = self.numbers(roots)
        found = []
        for one in outputs:
            layout = self._layout_of(one, tensors)
            settings: dict[str, Any] = {"operator": call.name[:LONGEST_WORD], "size": list(sizes(layout.axes))}
            if weights:
                settings["weights"], weights = weights, 0
            try:
                output = KINDS["unknown"](**settings).figures(tuple(map(self.shape, sources))).output
            except Cause as cause:
                raise ReadError(f"`{call.name}` in `{self.where}`: {cause.message}") from None
            path = self.places[-1].path if self.places else ""
            self.drafts.append(Draft("unknown", settings, tuple(sources), path, output, call.name))
            found.append(Value(len(self.inputs) + len(self.drafts) - 1, layout))
        return found

    def _layout_of(self, one: Any, tensors: Sequence[Any]) -> Layout:
        """Axes of a tensor that came from anywhere: its batch and channels stand where those of an input do."""
        shape = tuple(one.shape)
        alike = [self.value(x).layout for x in tensors if self.depends(x) and x.dim() == len(shape)]
        channels = next((x.channels for x in alike if x.channels is not None), len(shape) - 1)
        parts = next((x.dims for x in alike), ())
        batch = [place for place, dim in enumerate(parts) if dim and not without_batch(dim) and shape[place] == 1]
        batch = batch[:1] or ([0] if len(shape) > 1 and shape[0] == 1 else [])
        dims: Axes = tuple([(parts[n] if n < len(parts) else _BATCH_AXIS) if n in batch else (Atom(size),)
                            for n, size in enumerate(shape)])  # fmt: skip
        order = [n for n in range(len(shape)) if n != channels and n not in batch]
        order += [channels] if shape and channels not in batch else []
        axes = tuple([dims[n] for n in order]) or ((Atom(1),),)
        if len(axes) > MOST_AXES or 0 in shape:
            size = "×".join(map(str, shape))
            raise ReadError(f"a tensor of {size} in `{self.where}` has no shape that can be written")
        return Layout(dims, axes)

    @property
    def where(self) -> str:
        """The module that runs now."""
        return self.places[-1].path if self.places and self.places[-1].path else "forward"

    # The end

    @property
    def reached(self) -> int:
        """How much was recorded."""
        return len(self.drafts)

    def finish(self, outputs: Sequence[Any], names: Sequence[str]) -> tuple[Entry, ...]:
        """The layers that the outputs depend on, with names."""
        last = [self._last(self.value(one)) for one in outputs if self.depends(one)]
        if not last:
            raise ReadError("no output of the module depends on its input")
        given = len(self.inputs)
        used = set(last)
        for number in range(given + len(self.drafts) - 1, given - 1, -1):
            if number in used:
                draft = self.drafts[number - given]
                used.update(draft.sources, [] if draft.share is None else [draft.share])
        known = dict(enumerate(names))
        layers = [number for number in sorted(used) if number >= given]
        known |= dict(zip(layers, names_of([_path(self.drafts[number - given]) for number in layers], names)))
        calls = Counter(self.drafts[n - given].name for n in layers)
        return tuple([self._entry(self.drafts[n - given], known, n, calls) for n in layers])

    def _last(self, value: Value) -> int:
        """What a module gives, in order as it is, where an axis is not ours yet."""
        layout = value.layout
        if sizes(without_ones(layout.dims)) == sizes(without_ones(layout.axes)) or layout.channels is not None:
            return value.number
        try:
            return self.turn(value, len(layout.dims) - 1).number
        except (Unfit, Cause):
            return value.number

    @staticmethod
    def _entry(draft: Draft, known: dict[int, str], number: int, calls: Counter[str]) -> Entry:
        share = "" if draft.share is None else known[draft.share]
        # An activation that runs in many places gives its name to none; what has weights, to the first that uses them.
        own = draft.name != "" and (calls[draft.name] == 1 or (KINDS[draft.kind].family != "" and not share))
        sources = tuple([known[n] for n in draft.sources])
        return Entry(known[number], draft.kind, draft.settings, sources, share, own=own)


_BATCH_AXIS = (BATCH,)


def without_ones(axes: Axes) -> Axes:
    return tuple([axis for axis in axes if prod([atom.size for atom in axis]) > 1])


def _path(draft: Draft) -> str:
    """The module that a layer is, or the one that it was in and what it does."""
    return draft.name or f"{draft.path}.{draft.word}".lstrip(".")


def tensors_in(torch: Any, tree: Any) -> Iterator[Any]:
    """The tensors in arguments or outputs, in their order."""
    for leaf in torch.utils._pytree.tree_leaves(tree):
        if isinstance(leaf, torch.Tensor):
            yield leaf
