"""Results → text; nothing here computes or writes."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

__all__ = ["renderer"]

_MODULES = {
    "table": "table", "markdown": "markup", "json": "data", "csv": "delimited", "latex": "latex", "html": "web",
    "junit": "junit", "github": "github",
}  # fmt: skip


def renderer(form: str) -> Callable[..., str]:
    """The function that sets a page in a format; its module is imported only now, as rich is heavy."""
    function: Callable[..., str] = getattr(import_module(f"cnnarch.render.{_MODULES[form]}"), form)
    return function
