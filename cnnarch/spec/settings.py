"""The settings of a spec, computed: those that are given, and the others as they are declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnnarch.errors import Cause, Problem, Span, SpecError
from cnnarch.spec.expressions import Expression

__all__ = ["settings_of"]


def settings_of(declared: Mapping[str, Any], places: Mapping[str, Span], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of settings; each sees those before it.

    Raises SpecError, at the setting's place, for one that has no value and for one that cannot be computed.

    >>> settings_of({"classes": 1000, "width": 64}, {}, {"width": 32})
    {'classes': 1000, 'width': 32}
    """
    found: dict[str, Any] = {}
    for name, own in declared.items():
        value = given.get(name, own)
        place = places.get(name)
        if value is None:
            raise SpecError([Problem(f"setting `{name}` has no value", place, f"give one: `--set {name}=...`")])
        try:
            found[name] = value.function(found) if isinstance(value, Expression) else value
        except Cause as cause:
            raise SpecError([Problem(f"{cause.message} in setting `{name}`", place, cause.hint)]) from None
    return found
