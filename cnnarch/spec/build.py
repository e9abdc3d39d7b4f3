"""Spec → Graph: settings and expressions become numbers, blocks and repeats become layers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import accumulate
from typing import Any, NamedTuple

from cnnarch.errors import Cause, ReadError, Span, SpecError, listed, suggestion
from cnnarch.graph import Graph, Node
from cnnarch.layers import MOST_KEPT, Figures, Input, Layer
from cnnarch.layers.settings import Count, Flag, SettingType
from cnnarch.shapes import Shape
from cnnarch.spec.expressions import Expression
from cnnarch.spec.items import parts
from cnnarch.spec.mistakes import Enough, Mistakes
from cnnarch.spec.model import DEEPEST, PLAIN, BlockItem, Branches, Broken, Item, LayerItem, Residual, Spec, Value
from cnnarch.spec.model import Group as Together
from cnnarch.spec.replay import Made, Replay
from cnnarch.spec.scope import Flow, Scope, Values
from cnnarch.spec.settings import settings_of
from cnnarch.spec.size import least_layers
from cnnarch.spec.source import Scalar
from cnnarch.spec.values import INVALID

__all__ = ["LAYER_LIMIT", "MILESTONE", "MOST_BARREN", "build", "measured", "shapes_of", "values_of"]

LAYER_LIMIT = 1_000_000
MILESTONE = 5_000  # layers: few networks have more
LARGEST_OUTPUT = 2**62
MOST_BARREN = 50_000
MOST_UNKNOWN = 1_000  # turns of a repeat after a mistake, which name their layers and do no more


def build(
    spec: Spec,
    settings: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Shape] | None = None,
    limit: int = LAYER_LIMIT,
) -> Graph:
    """Build the network of a spec, with other settings or inputs where they are given.

    Raises SpecError with every independent mistake, and ReadError for a setting or an input that
    the spec does not have.
    """
    return _Builder(spec, limit).run(settings or {}, shapes_of(spec, inputs or {}))


def shapes_of(spec: Spec, inputs: Mapping[str, Shape]) -> dict[str, Shape]:
    """The spec's inputs, with other shapes where they are given; raises ReadError for what cannot be one."""
    shapes = dict(spec.inputs)
    for name, shape in inputs.items():
        if name not in shapes:
            hint = suggestion(name, list(shapes)) or f"it has {listed(shapes)}"
            raise ReadError(f"{spec.source.name} has no input `{name}`", hint)
        _check_axes(name, shape, shapes[name])
        shapes[name] = shape
    return shapes


def values_of(spec: Spec, given: Mapping[str, Any]) -> Values:
    """The spec's settings with others where they are given, each sees those before it.

    Raises ReadError for one that the spec does not have, SpecError for one without a value.
    """
    for name in given:
        if name not in spec.settings:
            hint = suggestion(name, list(spec.settings)) or f"it has {listed(spec.settings) or 'none'}"
            raise ReadError(f"{spec.source.name} has no setting `{name}`", hint)
    return settings_of(spec.settings, spec.places, given)


_MEASURED: dict[tuple[Layer, tuple[Shape, ...]], Figures] = {}  # a layer on an input is measured once


def measured(layer: Layer, shapes: tuple[Shape, ...]) -> Figures:
    """The figures of a layer on as many inputs as it takes; raises Cause where a rule refuses."""
    figures = _MEASURED.get((layer, shapes))
    if figures is None:
        figures = layer.figures(shapes)
        if not _countable(figures.output):
            raise Cause("a size of over 2^62 in the output")
        if len(_MEASURED) >= MOST_KEPT:
            _MEASURED.clear()
        _MEASURED[layer, shapes] = figures
    return figures


class Sharing(NamedTuple):
    """A group that is being built, the one whose weights it uses, and where that is written."""

    group: str
    owner: str
    span: Span


class _Builder(Mistakes):
    def __init__(self, spec: Spec, limit: int) -> None:
        super().__init__(spec)
        self.limit = limit
        self.milestone = min(limit, MILESTONE)
        self.replay = Replay(self.nodes, self.flows, self.groups)
        self.unknown: list[tuple[Scalar, Item, Scope]] = []  # names that nothing had yet
        self.taken: set[str] = set()  # blocks in which a name was given to a layer outside
        self.settings: Values = {}
        self.inputs = 0
        self.resized = False  # another input than the spec's own
        self.barren = 0
        self.depth = 0
        self.train_only = False
        self.sharing: Sharing | None = None
        self.wanted: dict[str, dict[str, Any]] = {}  # other values for the settings of layers, by their names
        self.around: set[str] = set()  # the blocks in which these stand
        self.changes: dict[str, dict[str, tuple[Any, Any]]] = {}

    def run(self, settings: Mapping[str, Any], inputs: dict[str, Shape]) -> Graph:
        self.set(settings)
        self.resized = inputs != self.spec.inputs
        self.inputs = len(inputs)
        for name, shape in inputs.items():
            self.flows[name] = (len(self.nodes),)
            self.nodes.append(Node(name, Input(shape), (), Figures(shape)))
        with suppress(Enough):
            self.sequence(self.spec.layers, tuple(range(len(inputs))), Scope("", dict(self.settings)))
            for missing in self.unknown:
                self.explain_unknown(*missing)
            self.check_inputs(inputs)
        if self.problems or self.spec.problems:
            raise SpecError([*self.spec.problems, *self.problems.values()])
        self.check_changes()
        return Graph(tuple(self.nodes), self.groups, self.changes)

    def set(self, given: Mapping[str, Any]) -> None:
        """Compute the spec's settings; `conv2.stride` is for the layer of that name."""
        for name, value in given.items():
            layer, dot, setting = name.rpartition(".")
            if dot and not (layer and setting):
                raise ReadError(f"`{name}` is no setting of a layer", "write the layer's name, a dot and the setting")
            if dot:
                self.wanted.setdefault(layer, {})[setting] = value
                self.around.update(accumulate(layer.split("/")[:-1], "{}/{}".format))
        self.settings = values_of(self.spec, {name: value for name, value in given.items() if "." not in name})

    # Lists of layers

    def sequence(self, items: list[Item], x: Flow, scope: Scope) -> Flow:
        self.depth += 1
        if self.depth > DEEPEST:
            self.stop(f"blocks and structures are nested deeper than {DEEPEST}", items[0].span() if items else None)
        for item in items:
            x = self.once(item, x, scope) if item.modifiers is PLAIN else self.modified(item, x, scope)
        self.depth -= 1
        return x

    def modified(self, item: Item, x: Flow, scope: Scope) -> Flow:
        """An item with modifiers: which input it takes, whether it is there, how often."""
        modifiers = item.modifiers
        before = x
        if modifiers.sources:
            x = self.sources(item, scope)
        if modifiers.when is not True:
            there = self.typed(item, "when", modifiers.when, Flag(), x, scope)
            if there is not True:
                self.skip(item, scope)  # what follows keeps its name
                return before if there is False else None
        times = 1
        if modifiers.repeat is not None:
            times = self.typed(item, "repeat", modifiers.repeat, Count(0), x, scope)
            if times is INVALID:
                return None
            if times == 0:
                return before
            self.check_size(item, times)
        outer = self.train_only
        self.train_only = outer or modifiers.train_only
        for turn in range(times):
            if x is None and turn > MOST_UNKNOWN:
                break
            before_turn = len(self.nodes)
            x = self.once(item, x, scope)
            self.check_barren(item, before_turn)
        self.train_only = outer
        return before if modifiers.train_only else x

    def once(self, item: Item, x: Flow, scope: Scope) -> Flow:
        if isinstance(item, LayerItem):
            return self.layer(item, x, scope)
        if isinstance(item, BlockItem):
            return self.block(item, x, scope)
        if isinstance(item, Broken):
            return self.finish(item, self.name(item, scope), None) if item.label else None
        if item.modifiers.name:
            name = self.name(item, scope)
            return self.group(item, name, x, Scope(f"{name}/", scope.values, scope))
        return self.structure(item, x, scope)

    def structure(self, item: Item, x: Flow, scope: Scope) -> Flow:
        if isinstance(item, Together):
            return self.sequence(item.body, x, scope)
        if isinstance(item, Residual):
            return self.residual(item, x, scope)
        assert isinstance(item, Branches)
        ends = [self.sequence(branch, x, scope) for branch in item.branches]
        return self.layer(item.merge, _joined(ends), scope)

    def residual(self, item: Residual, x: Flow, scope: Scope) -> Flow:
        body = self.sequence(item.body, x, scope)
        if x is None or body is None or self.shapes(x) == self.shapes(body):
            for part in item.shortcut or ():
                self.skip(part, scope)
            return self.layer(item.merge, _joined([x, body]), scope)
        if item.drops:
            self.skip(item.merge, scope)
            return body
        if item.shortcut is None:
            hint = "give it a `shortcut`: layers that bring the input to the output's shape, or `drop`"
            message = f"the residual's output {self.listed(body)} is not the shape of its input {self.listed(x)}"
            return self.problem(message, item.merge.span(), hint)
        return self.layer(item.merge, _joined([self.sequence(item.shortcut, x, scope), body]), scope)

    def block(self, item: BlockItem, x: Flow, scope: Scope) -> Flow:
        name = self.name(item, scope)
        turn = None
        if x is not None and name not in self.wanted:
            turn = (item, self.replay.given(x), self.train_only)
            if turn == scope.turn and scope.made is not None and self.can_repeat(scope.made, item, name):
                return self.finish(item, name, self.replay.again(scope.made, name, x))
        own: Values = {}
        for setting, default in item.block.settings.items():
            value = item.values.get(setting)
            if isinstance(value, Expression):
                value = self.computed(value, x, scope.values, item, setting, name)
            elif value is None:
                value = default
                if isinstance(value, Expression):
                    value = self.computed(value, x, {**self.settings, **own}, item, setting, name)
            if value is INVALID:
                return self.finish(item, name, None)
            own[setting] = value
        if name in self.wanted:
            own |= self.wanted_of(name, own, item.kind)
        inner = Scope(f"{name}/", {**self.settings, **own}, scope, x, True)
        if x is None or self.is_apart(item, name):
            return self.group(item, name, x, inner)
        key = self.replay.key(item.block, list(own.values()), x, self.train_only)
        made = self.replay.find(key)
        scope.turn, scope.made = turn, made
        if made is not None and self.can_repeat(made, item, name):
            return self.finish(item, name, self.replay.again(made, name, x))
        nodes, groups = len(self.nodes), len(self.replay.order)
        result = self.group(item, name, x, inner)
        # Of one input that arrives twice it cannot be told later which of the two a layer takes.
        if result is not None and key is not None and not self.problems and len(set(x)) == len(x):
            self.replay.note(key, name, nodes, groups, x, result)
        return result

    def is_apart(self, item: BlockItem, name: str) -> bool:
        """Whether more than its settings and its input say how a block is built."""
        shares = self.sharing is not None or item.modifiers.share is not None
        return shares or name in self.around or bool(self.spec.problems)

    def can_repeat(self, made: Made, item: BlockItem, name: str) -> bool:
        """Whether a block can be made again: by a name that is free, and within the limits, else building it tells."""
        room = made.layers > 0 and len(self.nodes) - self.inputs + made.layers <= self.milestone
        return room and name not in self.flows and name not in self.taken and not self.is_apart(item, name)

    def group(self, item: Item, name: str, x: Flow, inner: Scope) -> Flow:
        """What a block or a named structure holds, perhaps with another's weights."""
        before = len(self.nodes)
        outer = self.sharing
        if item.modifiers.share is not None:
            assert inner.outer is not None
            other = inner.outer.find(item.modifiers.share.value, self.flows)
            if other is not None and self.groups.get(other) == item.kind:
                self.sharing = Sharing(name, other, self.share_span(item))
            else:
                self.cannot_share(item, item.modifiers.share.value, inner.outer, self.share_span(item))
        self.groups[name] = item.kind
        self.replay.order.append(name)
        if isinstance(item, BlockItem):
            self.calls.append(item)
            x = self.sequence(item.block.layers, x, inner)
            self.calls.pop()
        else:
            x = self.structure(item, x, inner)
        self.sharing = outer
        self.check_barren(item, before)
        return self.finish(item, name, x)

    def skip(self, item: Item, scope: Scope) -> None:
        """Count an item that is left out."""
        if item.numbered and item.modifiers.repeat is None:
            self.name(item, scope)
        elif not isinstance(item, (LayerItem, BlockItem)) and not item.modifiers.name:
            for part in parts(item):
                for one in part:
                    self.skip(one, scope)

    # One layer

    def layer(self, item: LayerItem, x: Flow, scope: Scope) -> Flow:
        name = self.name(item, scope)
        layer = item.layer or self.instance(item, name, x, scope)
        if layer is not None and name in self.wanted:
            layer = self.changed(layer, name)
        if x is None or layer is None:
            return self.finish(item, name, None)
        shapes = self.shapes(x)
        figures = _MEASURED.get((layer, shapes)) or self.measure(item, name, layer, x)
        if figures is None:
            return self.finish(item, name, None)
        if len(self.nodes) - self.inputs >= self.milestone:
            self.check_total(item)
        owner = None
        if item.modifiers.share is not None or (self.sharing is not None and (figures.params or figures.buffers)):
            owner = self.owner(item, name, layer, figures, x, scope)
        if not self.train_only:
            for number in x:
                if self.nodes[number].train_only:
                    message = f"`{name}` takes `{self.nodes[number].name}`, which is there only in training"
                    self.problem(message, item.span(), "mark it `train_only` as well, or take another layer")
        self.nodes.append(Node(name, layer, x, figures, self.train_only, owner, item.modifiers.note))
        return self.finish(item, name, (len(self.nodes) - 1,))

    def instance(self, item: LayerItem, name: str, x: Flow, scope: Scope) -> Layer | None:
        """The layer with its settings computed."""
        found: Values = {}
        for setting, given in (item.values or {}).items():
            value = given
            if isinstance(given, Expression):
                value = self.computed(given, x, scope.values, item, setting, name)
                if value is not INVALID:
                    value = self.converted(value, item.cls.settings[setting].type, item, setting, name)
            if value is INVALID:
                return None
            found[setting] = value
        return item.cls.of(found)

    def changed(self, layer: Layer, name: str) -> Layer:
        """The layer with the settings that were asked for in place of its own.

        Raises ReadError for what is not a setting of it, or no value of one.
        """
        before = {setting: getattr(layer, setting) for setting in layer.settings}
        found = self.wanted_of(name, before, layer.kind)
        for setting, value in found.items():
            try:
                found[setting] = layer.settings[setting].type.convert(value)
            except Cause as cause:
                raise ReadError(f"`{setting}` of `{name}` {cause.message}", cause.hint) from None
        return type(layer).of({**before, **found})

    def wanted_of(self, name: str, before: Values, kind: str) -> Values:
        """What is asked of a layer or block, and what it had before."""
        for setting in self.wanted[name]:
            if setting not in before:
                hint = suggestion(setting, list(before)) or f"a {kind} has {listed(before) or 'none'}"
                raise ReadError(f"`{name}` has no setting `{setting}`", hint)
        found = dict(self.wanted[name])
        self.changes[name] = {setting: (before[setting], value) for setting, value in found.items()}
        return found

    def check_changes(self) -> None:
        """Every change has to be of something that is there."""
        for name, given in self.wanted.items():
            if name not in self.changes:
                setting = f"{name}.{next(iter(given))}"
                hint = suggestion(name, list(self.flows)) or "`cnnarch summary SPEC --all --depth 9` lists the names"
                raise ReadError(f"`{setting}`: {self.spec.source.name} has no layer `{name}`", hint)

    def measure(self, item: LayerItem, name: str, layer: Layer, x: tuple[int, ...]) -> Figures | None:
        """The figures of a layer; where a rule refuses, the one place that says which layer and where."""
        shapes = self.shapes(x)
        least, most = layer.inputs
        if len(x) < least or (most is not None and len(x) > most):
            self.wrong_arity(item, name, x, least)
            return None
        try:
            return measured(layer, shapes)
        except Cause as cause:
            arrived = f"the input here is {self.listed(x)}, {self.origin(x)}"
            place, end = item.place(cause.setting) or (item.kind_key(), None)
            hint = f"{arrived}; {cause.hint}" if cause.hint else arrived
            if self.resized and cause.setting == "kernel":
                hint = f"{arrived}; it is too small at this input"
            self.problem(f"{cause.message} of `{name}`", item.span(place, end), hint)
            return _recovered(layer, shapes)

    def owner(
        self, item: LayerItem, name: str, layer: Layer, figures: Figures, x: tuple[int, ...], scope: Scope
    ) -> int | None:
        """The node whose weights a layer uses."""
        if item.modifiers.share is not None:
            wanted = item.modifiers.share.value
            other = scope.find(wanted, self.flows)
        else:
            assert self.sharing is not None
            wanted = other = self.sharing.owner + name[len(self.sharing.group) :]
        flow = self.flows.get(other) if other is not None else None
        if not flow or other in self.groups or self.nodes[flow[0]].layer.kind != item.kind:
            return self.cannot_share(item, wanted, scope, self.share_span(item))
        node = self.nodes[flow[0]]
        ours, theirs = self.shapes(x)[0].channels, self.shapes(node.sources)[0].channels
        alike = figures[1:4] == node.figures[1:4]  # weights, biases and buffers
        if ours != theirs or not alike or not layer.can_share(node.layer):
            message = f"`{name}` cannot share the weights of `{other}`, which have another shape"
            hint = f"both need the same settings, and as many input channels: {ours} here, {theirs} there"
            if ours == theirs and not alike:
                hint = f"here they are {figures.params:,} numbers, there {node.figures.params:,}"
            return self.problem(message, self.share_span(item), hint)
        if node.train_only and not self.train_only:
            return self.problem(f"`{other}` is there only in training", self.share_span(item))
        return flow[0] if node.owner is None else node.owner

    # Names

    def name(self, item: Item, scope: Scope) -> str:
        label = item.label
        if not item.numbered:
            return scope.prefix + label
        count = scope.counts.get(label, 0) + 1
        scope.counts[label] = count
        return f"{scope.prefix}{label}_{count}" if label[-1].isdigit() else f"{scope.prefix}{label}{count}"

    def finish(self, item: Item, name: str, flow: Flow) -> Flow:
        if name in self.flows:
            place = item.modifiers.places.get("name")
            self.problem(f"the name `{name}` is already taken", item.span(place), "every name in a list is used once")
        self.flows[name] = flow
        if "/" in item.label:  # the name of a layer in a block that may come
            self.taken.update(accumulate(name.split("/")[:-1], "{}/{}".format))
        return flow

    def sources(self, item: Item, scope: Scope) -> Flow:
        flows: list[Flow] = []
        for name in item.modifiers.sources:
            full = scope.find(name.value, self.flows)
            if full is not None:
                flows.append(self.flows[full])
            elif name.value == "input" and (block := scope.block()) is not None:
                flows.append(block.arriving)
            else:
                self.unknown.append((name, item, scope))
                flows.append(None)
        return _joined(flows)

    # Values

    def computed(self, value: Expression, x: Flow, values: Values, item: Item, setting: str, name: str) -> Any:
        """What an expression gives here; INVALID after a mistake, its own or one before."""
        if "x" in value.names:
            if x is None:
                return INVALID
            shapes = self.shapes(x)
            values["x"] = shapes[0] if len(shapes) == 1 else list(shapes)
        try:
            return value.function(values)
        except Cause as cause:
            self.problem(f"{cause.message} in `{setting}` of `{name}`", item.span_of_value(setting), cause.hint)
            return INVALID

    def converted(self, value: Any, type: SettingType, item: Item, setting: str, name: str) -> Any:
        try:
            return type.convert(value)
        except Cause as cause:
            self.problem(f"`{setting}` of `{name}` {cause.message}", item.span_of_value(setting), cause.hint)
            return INVALID

    def typed(self, item: Item, modifier: str, value: Value, type: SettingType, x: Flow, scope: Scope) -> Any:
        """The value of a modifier."""
        if not isinstance(value, Expression):
            return value
        found = self.computed(value, x, scope.values, item, modifier, item.label)
        return found if found is INVALID else self.converted(found, type, item, modifier, item.label)

    def shapes(self, x: tuple[int, ...]) -> tuple[Shape, ...]:
        nodes = self.nodes
        return tuple([nodes[number].figures.output for number in x])

    # Limits, and what is known only at the end

    def check_size(self, item: Item, times: int) -> None:
        """Refuse a repeat before its layers are made."""
        if times > self.limit:
            self.too_many(item.span(item.modifiers.places["repeat"]))

    def check_total(self, item: Item) -> None:
        """Refuse to go on at the limit; before, at a milestone, if it is certain that the limit will be passed."""
        least, culprit = least_layers(self.spec, self.settings, self.limit)
        if least > self.limit or self.milestone == self.limit:
            found = culprit or item
            self.too_many(found.span(found.modifiers.places.get("repeat")))
        self.milestone = self.limit

    def too_many(self, span: Span) -> None:
        self.stop(f"the spec makes more than {self.limit:,} layers", span, "`--layer-limit` sets the limit")

    def check_barren(self, item: Item, before: int) -> None:
        """Refuse to go on where block after block makes no layer, which takes time all the same."""
        if len(self.nodes) == before and not self.problems:
            self.barren += 1
            if self.barren > MOST_BARREN:
                self.stop(f"more than {MOST_BARREN:,} blocks and repeats that make no layer", item.span())

    def check_inputs(self, inputs: dict[str, Shape]) -> None:
        """Every input has to be taken by some layer; after a mistake nobody knows."""
        if len(inputs) > 1 and not self.problems and not self.spec.problems:
            taken = {source for node in self.nodes for source in node.sources}
            for number, name in enumerate(inputs):
                if number not in taken:
                    self.problem(f"input `{name}` is not used", self.spec.input_places.get(name), "remove it")

    def share_span(self, item: Item) -> Span:
        """Where it is written whose weights are used: beside the layer, or beside the group that it is in."""
        if item.modifiers.share is None and self.sharing is not None:
            return self.sharing.span
        return item.span(item.modifiers.share)


def _check_axes(name: str, given: Shape, own: Shape) -> None:
    """Refuse what was certainly not meant: a channel forgotten, or written first."""
    if given.rank != own.rank:
        hint = f"write as many sizes as in {own}, channels last"
        raise ReadError(f"input `{name}` is like {own}, and {given} has another number of axes", hint)
    if own.rank == 2 and own.channels <= 4 and given[0] <= 4 < given.channels:
        hint = f"a shape is height x width x channels: {given[1]}x{given[2]}x{given[0]}"
        raise ReadError(f"{given} has its channels first, and {given.channels} of them last", hint)


def _joined(flows: list[Flow]) -> Flow:
    """Several flows as one, in order; unknown if one is."""
    joined: tuple[int, ...] = ()
    for flow in flows:
        if flow is None:
            return None
        joined += flow
    return joined


def _recovered(layer: Layer, shapes: tuple[Shape, ...]) -> Figures | None:
    """What is known after a mistake: where the output is certain, later layers can be checked too."""
    try:
        output = layer.output(*shapes)
    except Cause:
        return None
    return Figures(output) if _countable(output) else None


def _countable(shape: Shape) -> bool:
    """Whether its sizes are such as a tensor could have; numbers without end would take time without end."""
    return max(shape) <= LARGEST_OUTPUT and shape.regions <= LARGEST_OUTPUT
