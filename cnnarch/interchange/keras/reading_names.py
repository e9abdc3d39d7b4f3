"""Names that a page can have, made of those that Keras lets a layer have."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Names", "safe"]

LONGEST = 64  # as in cnnarch.spec.items
ROOM = 24  # for what is added behind


def safe(name: str) -> str:
    """A name of letters, digits, `_` and `-`, in parts that do not begin with a digit.

    >>> safe("tf.math.add_3"), safe("block1/1x1 conv")
    ('tf_math_add_3', 'block1/_1x1_conv')
    """
    parts = [_part(part) for part in name[:1000].split("/") if part]
    return "/".join(parts) or "layer"


def _part(part: str) -> str:
    kept = "".join(char if f"a{char}".isidentifier() or char == "-" else "_" for char in part)
    return kept if kept.replace("-", "_").isidentifier() and kept[0] != "-" else f"_{kept}"


class Names:
    """Those that are taken."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.last: dict[str, int] = {}

    def unique(self, name: str, suffixes: Iterable[str] = ("",)) -> str:
        """The name, or with a number behind it where it, or what is to be made of it, is taken."""
        every = list(suffixes)
        if len(name) > LONGEST - ROOM and max(map(len, (name + suffix for suffix in every))) >= LONGEST:
            name = name[: LONGEST - ROOM].rstrip("/")
        number = self.last.get(name, 1)
        found = name if number == 1 else f"{name}_{number}"
        while not self.taken.isdisjoint(wanted := self._made(found, every)):
            number += 1
            found = f"{name}_{number}"
        self.last[name] = number
        self.taken.update(wanted)
        self.taken.add(found)
        return found

    @staticmethod
    def _made(name: str, suffixes: list[str]) -> list[str]:
        return [name + suffix if suffix[:1] in ("", "/") else f"{name}_{suffix}" for suffix in ("", *suffixes)]
