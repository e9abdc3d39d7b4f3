"""How the values and texts of a page are written, so that they are read back as they were."""

from __future__ import annotations

import json
from typing import Any

from cnnarch.spec.values import TRUTHS_IN_1_1

__all__ = ["named", "quoted", "written"]


def written(value: Any) -> str:
    """The value of a setting.

    >>> written(True), written((3, (0, 1))), written(0.00001), written("half")
    ('true', '[3, [0, 1]]', '0.00001', 'half')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, float):
        return f"{value:.12f}".rstrip("0").rstrip(".")
    return str(value)


def named(name: str) -> str:
    """The name of a layer, between quotes where some readers of YAML would take it for a truth value.

    >>> named("conv1"), named("no")
    ('conv1', '"no"')
    """
    return quoted(name) if name.lower() in TRUTHS_IN_1_1 else name


def quoted(text: str) -> str:
    r"""A text between double quotes, which YAML reads as JSON does; what cannot be seen is escaped.

    >>> print(quoted('a "b" \x1b'))
    "a \"b\" \u001b"
    """
    found = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08X}" for char in found)
