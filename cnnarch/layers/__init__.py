"""The layer kinds, collected from the files of this folder."""

from __future__ import annotations

import os
from importlib import import_module

from cnnarch.layers.base import MOST_KEPT, Figures, Input, Layer, Step

__all__ = ["KINDS", "MOST_KEPT", "Figures", "Input", "Layer", "Step"]


def _collect() -> dict[str, type[Layer]]:
    """Every kind by its name; a name that is used twice raises."""
    kinds: dict[str, type[Layer]] = {}
    for file in sorted(os.listdir(os.path.dirname(__file__))):
        if not file.endswith(".py") or file == "__init__.py":
            continue
        module = import_module(f"{__name__}.{file[:-3]}")
        for value in vars(module).values():
            if not (isinstance(value, type) and issubclass(value, Layer)):
                continue
            if value.__module__ != module.__name__ or not value.kind:
                continue
            if value.kind in kinds:
                raise TypeError(f"two layer kinds are named {value.kind}")
            kinds[value.kind] = value
    return kinds


KINDS = _collect()
