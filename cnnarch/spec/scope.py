"""Where the names of layers are counted and looked up."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, Optional, TypeAlias

__all__ = ["Flow", "Scope", "Values"]

Flow: TypeAlias = Optional["tuple[int, ...]"]  # numbers of the nodes that arrive; None after a mistake
Values: TypeAlias = dict[str, Any]


class Scope:
    """The top of a spec, a block, or a named structure, which sees what is around it.

    `arriving` is what `from: input` names in a block. `made` is what the last block here was like, and `turn` what
    it was built for.
    """

    __slots__ = ("arriving", "counts", "is_block", "made", "outer", "prefix", "turn", "values")

    def __init__(
        self, prefix: str, values: Values, outer: Scope | None = None, arriving: Flow = None, is_block: bool = False
    ) -> None:
        self.prefix = prefix
        self.values = values
        self.outer = outer
        self.arriving = arriving
        self.is_block = is_block
        self.counts: dict[str, int] = {}
        self.turn: Any = None
        self.made: Any = None

    def find(self, text: str, known: Container[str]) -> str | None:
        """The full name, among those known, of what a text names here; a block does not see around it."""
        scope: Scope | None = self
        while scope is not None:
            if scope.prefix + text in known:
                return scope.prefix + text
            scope = None if scope.is_block else scope.outer
        return None

    def block(self) -> Scope | None:
        """The scope of the block that this one is in, if it is in one."""
        scope: Scope | None = self
        while scope is not None and not scope.is_block:
            scope = scope.outer
        return scope

    def inside(self, known: Iterable[str]) -> list[str]:
        """The names that stand in this scope, as they are written in it."""
        return [full[len(self.prefix) :] for full in known if full.startswith(self.prefix)]
