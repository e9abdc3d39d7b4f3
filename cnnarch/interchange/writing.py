"""A model of another world as a page of YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cnnarch.interchange.model import Entry, Model
from cnnarch.layers import KINDS
from cnnarch.shapes import Shape
from cnnarch.spec.written import quoted, written

__all__ = ["page"]


def page(model: Model) -> str:
    """The page of a spec that is built to the same layers."""
    lines = [f"name: {quoted(model.name)}", f"input: {_inputs(model.inputs)}"]
    lines += [f"{key}: {quoted(text)}" for key, text in (("source", model.source), ("note", model.note)) if text]
    return "\n".join([*lines, "", "layers:", *_layers(model), ""])


def _inputs(shapes: Mapping[str, Shape]) -> str:
    texts = {name: "x".join(map(str, shape)) for name, shape in shapes.items()}
    if list(texts) == ["input"]:
        return texts["input"]
    return f"{{{', '.join(f'{name}: {text}' for name, text in texts.items())}}}"


def _layers(model: Model) -> Iterator[str]:
    before = tuple(model.inputs)  # what the next entry takes if it says nothing
    for entry in model.entries:
        settings = _settings(entry)
        yield f"  - {entry.kind}: {settings}" if settings else f"  - {entry.kind}:"
        yield f"    name: {entry.name}"
        if entry.sources != before:
            names = ", ".join(entry.sources)
            yield f"    from: {names if len(entry.sources) == 1 else f'[{names}]'}"
        if entry.share:
            yield f"    share: {entry.share}"
        if entry.note:
            yield f"    note: {quoted(entry.note)}"
        before = (entry.name,)


def _settings(entry: Entry) -> str:
    types = KINDS[entry.kind].settings
    shown = [
        f"{name}: {quoted(value) if types[name].type.verbatim else written(value)}"
        for name, value in entry.settings.items()
    ]
    return f"{{{', '.join(shown)}}}" if shown else ""
