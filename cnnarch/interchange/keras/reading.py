"""A model that Keras wrote, as a `Model`: from its configuration alone, without Keras and without its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnnarch.errors import Cause, ReadError, shortened
from cnnarch.interchange.keras.archive import configuration
from cnnarch.interchange.keras.layers import parts
from cnnarch.interchange.keras.layers_base import Call, Layout, Part, Tensor
from cnnarch.interchange.keras.layers_nodes import Node, Reference, calls, in_order, references
from cnnarch.interchange.keras.reading_inputs import Given, axes_of, layout_of, raw_shape
from cnnarch.interchange.keras.reading_names import Names, safe
from cnnarch.interchange.model import Entry, Model
from cnnarch.layers import KINDS
from cnnarch.layers.settings import shown
from cnnarch.shapes import Shape

__all__ = ["read"]

MOST_ENTRIES = 100_000
MOST_SOURCES = 1_000_000
MOST_MODELS = 10_000  # calls of one inside another
DEEPEST = 50  # models in each other
LARGEST = 2**62
MODELS = ("Functional", "Model", "Sequential")


def read(path: str, inputs: Shape | Mapping[str, Shape] | None = None) -> Model:
    """Read a `.keras` archive, or the JSON of a model; Keras is not needed, and nothing of the file is run.

    `inputs` are shapes with channels last, for sizes that the file leaves open or in place of its own.

    Raises ReadError, with the place, for what cannot be read.
    """
    found = configuration(path)
    try:
        return _Reader(path, found, inputs).model()
    except RecursionError:
        raise ReadError(f"{path} has models or lists in each other without end") from None


class _Reader:
    def __init__(self, path: str, whole: dict[str, Any], inputs: Shape | Mapping[str, Shape] | None) -> None:
        self.path = path
        self.whole = whole
        self.layout: Layout = layout_of(whole)
        self.given = Given(path, inputs, self.layout)
        self.names = Names()
        self.inputs: dict[str, Shape] = {}
        self.entries: list[Entry] = []
        self.shapes: dict[str, Shape] = {}
        self.first: dict[Any, list[str]] = {}  # of every layer's weights, the entries of its first call
        self.sources = 0
        self.models = 0

    def model(self) -> Model:
        config = self.whole.get("config")
        title = config.get("name") if isinstance(config, dict) else None
        self.read_model(self.whole, "", None, 0)
        self.given.check_used(list(self.inputs))
        if not self.entries:
            raise ReadError(f"{self.path} has no layer that computes")
        return Model(title if isinstance(title, str) else "model", self.inputs, tuple(self.entries), self.path)

    def read_model(self, whole: dict[str, Any], prefix: str, arriving: list[Tensor] | None, depth: int) -> list[Tensor]:
        """The outputs of a model, or of one inside another, whose inputs arrive from there."""
        if depth > DEEPEST:
            raise self.refusal(Cause(f"more than {DEEPEST} models in each other"), prefix.rstrip("/"))
        self.models += 1
        if self.models > MOST_MODELS:
            raise self.refusal(Cause(f"more than {MOST_MODELS:,} models inside others"), prefix.rstrip("/"))
        config = whole.get("config")
        try:
            if isinstance(config, list):  # a Sequential of Keras 1 and 2.1
                config = {"layers": config}
            if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
                hint = "a subclass of `keras.Model` has its layers in code, which is not run; build it by functions"
                raise Cause(f"`{whole.get('class_name')}` is no Sequential and no functional model", hint=hint)
            layers = [_checked(one) for one in config["layers"]]
            if "input_layers" in config:
                return self.functional(config, layers, prefix, arriving, depth)
            return self.sequential(config, layers, prefix, arriving, depth)
        except Cause as cause:
            raise self.refusal(cause, prefix.rstrip("/")) from None

    def sequential(
        self,
        config: dict[str, Any],
        layers: list[dict[str, Any]],
        prefix: str,
        arriving: list[Tensor] | None,
        depth: int,
    ) -> list[Tensor]:
        if not layers:
            raise Cause("a Sequential without layers")
        starts = layers[0]["class_name"] == "InputLayer"
        if arriving is None:
            own = layers[0]["config"]
            known = axes_of(own) or axes_of({"batch_shape": config.get("build_input_shape")})
            arriving = [self.input(_name(layers[0]) if starts else "input", known)]
        chain = layers[1:] if starts else layers
        for layer, after in zip(chain, [*chain[1:], None]):
            told = _told(after) if after else None
            arriving = self.call(layer, Node(()), arriving, prefix, told, depth)
        return arriving

    def functional(
        self,
        config: dict[str, Any],
        layers: list[dict[str, Any]],
        prefix: str,
        arriving: list[Tensor] | None,
        depth: int,
    ) -> list[Tensor]:
        """Every call in an order in which it can be made."""
        by_name = {_name(layer): layer for layer in layers}
        if len(by_name) < len(layers):
            raise Cause("two layers have one name")
        made = self.arrived(config, by_name, arriving)
        nodes = {
            (name, number): node
            for name, layer in by_name.items()
            if layer["class_name"] != "InputLayer"
            for number, node in enumerate(self.calls(layer, prefix))
        }
        told = {one[:3]: one.shape and one.shape[1:] for node in nodes.values() for one in node.takes}
        for place in in_order(nodes, set(made)):
            node = nodes[place]
            tensors = [self.taken(one, made) for one in node.takes]
            made[place] = self.call(by_name[place[0]], node, tensors, prefix, told.get((*place, 0)), depth)
        outputs = list(references(config.get("output_layers")))
        if not outputs:
            raise Cause("a functional model without outputs")
        return [self.taken(one, made) for one in outputs]

    def calls(self, layer: dict[str, Any], prefix: str) -> list[Node]:
        try:
            return calls(layer.get("inbound_nodes"))
        except Cause as cause:
            raise self.refusal(cause, prefix + safe(_name(layer))) from None

    def arrived(
        self, config: dict[str, Any], by_name: dict[str, dict[str, Any]], arriving: list[Tensor] | None
    ) -> dict[tuple[str, int], list[Tensor]]:
        """What the input layers give: what the model is given, or what arrives from outside."""
        wanted = list(references(config["input_layers"]))
        if arriving is not None and len(arriving) != len(wanted):
            raise Cause(f"a model with {len(wanted)} inputs is given {len(arriving)}")
        made = {}
        for number, one in enumerate(wanted):
            layer = by_name.get(one.layer)
            if layer is None or layer["class_name"] != "InputLayer":
                raise Cause(f"the input `{one.layer}` is no layer for inputs")
            tensor = self.input(one.layer, axes_of(layer["config"])) if arriving is None else arriving[number]
            made[one.layer, 0] = [tensor]
        return made

    def input(self, name: str, axes: tuple[int | None, ...] | None) -> Tensor:
        label = self.names.unique(safe(name))
        self.inputs[label] = self.shapes[label] = self.given.shape(name, label, axes)
        return Tensor(label, self.inputs[label])

    def taken(self, one: Reference, made: dict[tuple[str, int], list[Tensor]]) -> Tensor:
        tensors = made.get(one.place)
        if tensors is None:
            raise Cause(f"there is no layer `{one.layer}` with a call {one.call}")
        if not 0 <= one.output < len(tensors):
            raise Cause(f"output {one.output} of `{one.layer}` is taken, and only its first is known")
        return tensors[one.output]

    def call(
        self, layer: dict[str, Any], node: Node, tensors: list[Tensor], prefix: str, told: Any, depth: int
    ) -> list[Tensor]:
        """A call of a layer: the entries that it becomes, and what it gives."""
        label = prefix + safe(_name(layer))
        config = layer["config"]
        if layer["class_name"] in MODELS or "input_layers" in config:
            inside = self.names.unique(label)
            return self.read_model(layer, f"{inside}/", tensors, depth + 1)
        exact = None if told is None or None in told or self.given.changed else self.layout.ours(told)
        try:
            call = Call(layer["class_name"], config, tuple(tensors), self.layout, exact, node.arguments, node.keywords)
            if not tensors:
                raise Cause("it takes nothing")
            made = self.put(label, _key(layer), parts(call, layer.get("module")), tensors)
            self.compare(made.shape, told)
        except Cause as cause:
            raise self.refusal(cause, label) from None
        return [made]

    def compare(self, shape: Shape, told: Any) -> None:
        """Refuse a layer whose shape is not what the file tells: one of both is wrong."""
        if told is None or self.given.changed:
            return
        raw = self.layout.raw(shape)
        if len(raw) != len(told) or any(theirs not in (None, ours) for ours, theirs in zip(raw, told)):
            says = "×".join("?" if one is None else str(one) for one in told)
            raise Cause(f"its output is {'×'.join(map(str, raw))}, and {says} by the file")

    def put(self, label: str, key: Any, found: list[Part], tensors: list[Tensor]) -> Tensor:
        """Entries for the parts of a layer."""
        if not found:
            return tensors[0]
        owners = self.first.get(key)
        base = self.names.unique(label, [part.suffix for part in found])
        names, last = [], tensors
        made: dict[str, Tensor] = {}
        for number, part in enumerate(found):
            takes = last if part.takes is None else [_one(one, tensors, made) for one in part.takes]
            name = base + part.suffix if part.suffix[:1] in ("", "/") else f"{base}_{part.suffix}"
            tensor = self.entry(name, part, takes, owners[number] if owners else "")
            made[part.suffix] = tensor
            names.append(tensor.source)
            last = [tensor]
        self.first.setdefault(key, names)
        return last[0]

    def entry(self, name: str, part: Part, takes: list[Tensor], owner: str) -> Tensor:
        layer = KINDS[part.kind](**part.settings)
        least, most = layer.inputs
        if len(takes) < least or (most is not None and len(takes) > most):
            raise Cause(f"{part.kind} does not take {len(takes)} inputs")
        figures = layer.figures(tuple([one.shape for one in takes]))
        if max(figures.output) > LARGEST or min(figures.output) < 1:
            raise Cause(f"its output {shortened(str(figures.output), 60)} has a size that no tensor has")
        self.sources += len(takes)
        if len(self.entries) >= MOST_ENTRIES or self.sources > MOST_SOURCES:
            raise Cause(f"more than {MOST_ENTRIES:,} layers, or {MOST_SOURCES:,} links between them")
        share = owner if figures.params or figures.buffers else ""
        sources = tuple([one.source for one in takes])
        self.entries.append(Entry(name, part.kind, part.settings, sources, share, part.note, own=not part.suffix))
        return Tensor(name, figures.output)

    def refusal(self, cause: Cause, label: str) -> ReadError:
        place = f"`{shortened(label, 100)}` of {self.path}" if label else self.path
        return ReadError(f"{place}: {cause.message}", cause.hint)


def _told(after: dict[str, Any]) -> tuple[int | None, ...] | None:
    """What a layer was built for, which the one before it gives."""
    built = after.get("build_config")
    return raw_shape(built.get("input_shape")) if isinstance(built, dict) else None


def _checked(layer: Any) -> dict[str, Any]:
    if not isinstance(layer, dict) or not isinstance(layer.get("class_name"), str):
        raise Cause(f"a layer must be a mapping with a `class_name`, not {shown(layer)}")
    config = layer.get("config")
    if not isinstance(config, dict) and not (isinstance(config, list) and layer["class_name"] == "Sequential"):
        raise Cause(f"the `config` of a layer must be a mapping, not {shown(config)}")
    return layer


def _name(layer: dict[str, Any]) -> str:
    config = layer["config"]
    name = (
        layer.get("name") or (config.get("name") if isinstance(config, dict) else None) or layer["class_name"].lower()
    )
    if not isinstance(name, str):
        raise Cause(f"the name of a layer must be a word, not {shown(name)}")
    return name


def _key(layer: dict[str, Any]) -> Any:
    """What tells a layer from others: itself, or the number that Keras gives what is shared."""
    number = layer.get("shared_object_id")
    return (layer["class_name"], number) if type(number) is int else id(layer)


def _one(which: int | str, tensors: list[Tensor], made: dict[str, Tensor]) -> Tensor:
    return tensors[which] if isinstance(which, int) else made[which]
