"""What each entry of a spec becomes when the network is built: layers, inputs, and the values of its expressions."""

from __future__ import annotations

from collections import Counter
from typing import Any

from cnnarch.graph import Graph
from cnnarch.interchange.keras.writing_layers import Varies
from cnnarch.layers import Layer
from cnnarch.spec.build import LAYER_LIMIT, _Builder
from cnnarch.spec.expressions import Expression
from cnnarch.spec.model import Block, BlockItem, Item, LayerItem, Residual, Spec
from cnnarch.spec.scope import Flow, Scope, Values

__all__ = ["Watch", "watch"]


class Watch(_Builder):
    """Builds as ever, and notes which entry made what; blocks are built anew every time."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec, LAYER_LIMIT)
        self.seen: dict[int, list[int]] = {}  # of an entry the nodes that it made
        self.runs: Counter[int] = Counter()
        self.found: dict[int, list[Any]] = {}  # of an expression its values
        self.targets: dict[
            tuple[int, str], Item | str
        ] = {}  # of an entry's `from` the entry that it names, or an input
        self.made: dict[str, tuple[Item, str]] = {}  # of a name its entry, and the block that it is in
        self.latest: dict[tuple[str, int], str] = {}
        self.blocks: dict[int, Block] = {}  # that were called
        self.stack = [""]

    def can_repeat(self, made: Any, item: BlockItem, name: str) -> bool:
        return False

    def once(self, item: Item, x: Flow, scope: Scope) -> Flow:
        self.runs[id(item)] += 1
        return super().once(item, x, scope)

    def layer(self, item: LayerItem, x: Flow, scope: Scope) -> Flow:
        flow = super().layer(item, x, scope)
        if flow is not None:
            self.seen.setdefault(id(item), []).append(flow[0])
        return flow

    def group(self, item: Item, name: str, x: Flow, inner: Scope) -> Flow:
        if isinstance(item, BlockItem):
            self.stack.append(name)
            self.blocks[id(item.block)] = item.block
        flow = super().group(item, name, x, inner)
        if isinstance(item, BlockItem):
            self.stack.pop()
        return flow

    def finish(self, item: Item, name: str, flow: Flow) -> Flow:
        place = self.stack[-2 if isinstance(item, BlockItem) else -1]
        self.made[name] = item, place
        self.latest[place, id(item)] = name
        return super().finish(item, name, flow)

    def sources(self, item: Item, scope: Scope) -> Flow:
        for name in item.modifiers.sources:
            full = scope.find(name.value, self.flows)
            target = self.target(full or name.value)
            if self.targets.setdefault((id(item), name.value), target) is not target:
                raise Varies
        return super().sources(item, scope)

    def target(self, full: str) -> Item | str:
        """The entry that a name means; raises Varies where no variable of the function that is run holds it."""
        if full not in self.made:
            return full
        item, place = self.made[full]
        if place != self.stack[-1] or self.latest[place, id(item)] != full:
            raise Varies
        return item

    def computed(self, value: Expression, x: Flow, values: Values, item: Item, setting: str, name: str) -> Any:
        found = super().computed(value, x, values, item, setting, name)
        self.found.setdefault(id(value), []).append(found)
        return found

    def merged(self, item: Residual) -> int:
        """How often a residual was added to its input."""
        return len(self.seen.get(id(item.merge), ()))


def watch(spec: Spec, graph: Graph) -> Watch:
    """Build the network once more; raises Varies if it is then another, as with other settings."""
    found = Watch(spec)
    again = found.run({}, {node.name: node.output for node in graph.inputs})
    ours: list[tuple[str, Layer]] = [(node.name, node.layer) for node in again.nodes]
    if ours != [(node.name, node.layer) for node in graph.nodes]:
        raise Varies
    return found
