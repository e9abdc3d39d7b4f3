"""A network as a door reads it: flat, layers by name, before it is written as a spec."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from cnnarch.shapes import Shape

__all__ = ["Entry", "Model"]


class Entry(NamedTuple):
    """A layer: one of our kinds with its settings, and the names of the inputs or entries whose outputs it takes.

    Settings are as a page has them: whole numbers, truth values, words and lists. `share` is the name of the
    entry whose weights it uses. `own` says whether the name is the model's, and has to be kept; otherwise the door
    made it.
    """

    name: str
    kind: str
    settings: dict[str, Any]
    sources: tuple[str, ...]
    share: str = ""
    note: str = ""
    own: bool = True


class Model(NamedTuple):
    """What was read: inputs by name, without the batch and channels last, and entries in the order they run in.

    `classes` are what groups of entries are called in the model's code, by what the names of the entries begin with.
    """

    name: str
    inputs: dict[str, Shape]
    entries: tuple[Entry, ...]
    source: str = ""
    note: str = ""
    classes: Mapping[str, str] = MappingProxyType({})
