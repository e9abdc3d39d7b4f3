"""How many layers a spec makes at the least, known before any is made."""

from __future__ import annotations

from typing import Any

from cnnarch.errors import Cause
from cnnarch.spec.expressions import Expression
from cnnarch.spec.items import parts
from cnnarch.spec.model import DEEPEST, BlockItem, Item, LayerItem, Residual, Spec, Value

__all__ = ["least_layers"]

UNKNOWN: Any = object()  # a value that depends on the tensor that arrives


def least_layers(spec: Spec, settings: dict[str, Any], limit: int) -> tuple[int, Item | None]:
    """Count what is certain: what depends on the tensor that arrives counts as nothing.

    So a repeat of repeats of a million is refused at once, not after the first million layers. Gives
    the count, and the innermost item whose repeat goes over the limit, if there is one.
    """
    count = _Count(settings, limit)
    return count.items(spec.layers, settings, 0), count.culprit


class _Count:
    def __init__(self, settings: dict[str, Any], limit: int) -> None:
        self.settings = settings
        self.limit = limit
        self.blocks: dict[str, int] = {}  # by block and settings
        self.culprit: Item | None = None

    def items(self, items: list[Item], values: dict[str, Any], depth: int) -> int:
        return sum(self.item(item, values, depth) for item in items) if depth < DEEPEST else 0

    def item(self, item: Item, values: dict[str, Any], depth: int) -> int:
        if item.modifiers.when is not True and _value(item.modifiers.when, values) is not True:
            return 0
        repeat = item.modifiers.repeat
        times = 1 if repeat is None else _value(repeat, values)
        if type(times) is not int or times < 1:
            return 0
        count = times * self.once(item, values, depth)
        if count > self.limit and times > 1 and self.culprit is None:
            self.culprit = item
        return count

    def once(self, item: Item, values: dict[str, Any], depth: int) -> int:
        if isinstance(item, LayerItem):
            return 1
        if isinstance(item, BlockItem):
            return self.block(item, values, depth)
        if isinstance(item, Residual):  # the shortcut, and with `drops` the addition, may not be there
            return self.items(item.body, values, depth + 1) + (not item.drops)
        return sum(self.items(part, values, depth + 1) for part in parts(item))

    def block(self, item: BlockItem, values: dict[str, Any], depth: int) -> int:
        inner = dict(self.settings)
        for name, default in item.block.settings.items():
            given = item.values.get(name)
            inner[name] = _value(default, inner) if given is None else _value(given, values)
        same = f"{id(item.block)} {inner}"  # pages may have blocks of one name
        if same not in self.blocks:
            self.blocks[same] = self.items(item.block.layers, inner, depth + 1)
        return self.blocks[same]


def _value(value: Value, values: dict[str, Any]) -> Any:
    if not isinstance(value, Expression):
        return value
    if any(values.get(name, UNKNOWN) is UNKNOWN for name in value.names):
        return UNKNOWN
    try:
        return value.function(values)
    except Cause:
        return UNKNOWN
