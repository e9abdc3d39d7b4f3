"""What can stand at a place of the command line, for completion in a shell."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import click
from click.shell_completion import CompletionItem

from cnnarch.analysis.advice import RULES
from cnnarch.errors import ReadError, SpecError
from cnnarch.network import Network, load
from cnnarch.render.columns import NETWORK_COLUMNS
from cnnarch.spec import catalog

__all__ = ["columns", "fitted", "inputs", "layers", "models", "pages", "paths", "rules", "settings", "specs", "values"]

PLAIN, PARTIAL, SPEC_FILE, FILE = "plain", "partial", "spec", "path"  # a shell sets a space after a plain one only
LARGEST = 4 * 2**20  # bytes of a spec that is read while somebody waits for a word
MOST_LAYERS = 20_000
SMALL = ("lenet5", "alexnet", "alexnet_2012")  # a command has the same columns for all networks

Items = list[CompletionItem[str]]


def specs(context: click.Context, incomplete: str) -> Items:
    """The shipped networks, and the specs on disk, which the shell finds."""
    return [*_items(catalog.names(), incomplete), CompletionItem(incomplete, SPEC_FILE)]


def models(context: click.Context, incomplete: str) -> Items:
    """The shipped networks, and any file: it may be a model of another framework."""
    return [*_items(catalog.names(), incomplete), CompletionItem(incomplete, FILE)]


def pages(context: click.Context, incomplete: str) -> Items:
    """The same, and the shipped pages of blocks."""
    return [*_items(catalog.pages_of_blocks(), incomplete), *specs(context, incomplete)]


def paths(context: click.Context, incomplete: str) -> Items:
    """Any file, which the shell finds."""
    return [CompletionItem(incomplete, FILE)]


def layers(context: click.Context, incomplete: str) -> Items:
    """The layers and blocks of the spec that is named, down to the next `/`."""
    network = _network(context)
    names = [*network.graph.groups, *(node.name for node in network.layers)]
    found = dict.fromkeys(_cut(name, incomplete) for name in names if name.startswith(incomplete))
    blocks = {name.rpartition("/")[0] for name in names}
    return [CompletionItem(name, PARTIAL if name in blocks else PLAIN) for name in found]


def settings(context: click.Context, incomplete: str) -> Items:
    """The settings of the spec that is named; behind `=`, the value that one has."""
    spec = _network(context).spec
    return _assigned({name: _written(value) for name, value in spec.settings.items()}, incomplete)


def inputs(context: click.Context, incomplete: str) -> Items:
    """The shape that the spec has; its inputs by name where there are several."""
    known = {name: "x".join(map(str, shape)) for name, shape in _network(context).inputs.items()}
    return _items(known.values(), incomplete) if len(known) == 1 else _assigned(known, incomplete)


def columns(context: click.Context, incomplete: str) -> Items:
    """The keys of the columns that the command has for these options; the command itself says so."""
    params = _given(context)
    if context.command.name == "list":
        known: Iterable[str] = (column.key for column in NETWORK_COLUMNS)  # without loading all of them
    else:
        small = {"spec": SMALL[0], "specs": SMALL[: max(len(params.get("specs") or ()), 2)]}
        plain: dict[str, Any] = {
            "settings": {},
            "inputs": None,
            "columns": ("?",),
            "path": None,
            "file": None,
            "form": "csv",
        }
        usual = {name: value for name, value in {**small, **plain}.items() if name in params}
        known = _refused(context, {**params, **usual})
    return _listed(known, incomplete)


def values(context: click.Context, incomplete: str) -> Items:
    """What `--get` can be asked for, down to the next point."""
    before, point, _ = incomplete.rpartition(".")
    params = _given(context)
    if not all(map(_may_be_read, _named(params))):
        return []
    known = _refused(context, {**params, "path": f"{before}{point}?"})
    return _items((f"{before}{point}{key}" for key in known), incomplete, PARTIAL)


def fitted(context: click.Context, incomplete: str) -> Items:
    """What `fit --get` can be asked for, without a search."""
    return _items(("value", "next.value", "monotone", "every", "tried", "values", "not_built"), incomplete)


def rules(context: click.Context, incomplete: str) -> Items:
    """The codes and names of rules, with commas between."""
    return _listed([*RULES, *(rule.name for rule in RULES.values())], incomplete)


def _items(words: Iterable[str], incomplete: str, kind: str = PLAIN) -> Items:
    return [CompletionItem(word, kind) for word in words if word.startswith(incomplete)]


def _listed(words: Iterable[str], incomplete: str) -> Items:
    """Words with commas between; what stands there already is not offered again."""
    before, comma, last = incomplete.rpartition(",")
    used = before.split(",")
    others = [word for word in words if word.lower().startswith(last.lower()) and word not in used]
    return [CompletionItem(f"{before}{comma}{word}", PARTIAL) for word in others]


def _assigned(known: dict[str, str], incomplete: str) -> Items:
    """`name=`, or `name=value` once that stands there."""
    name, equals, _ = incomplete.partition("=")
    if equals:
        return _items([f"{name}={known[name]}"] if name in known else [], incomplete)
    return _items((f"{one}=" for one in known), incomplete, PARTIAL)


def _cut(name: str, typed: str) -> str:
    """The part of a layer's name up to the next `/` behind what is typed; behind the whole name of a block."""
    end = name.find("/", len(typed) + 1)
    return name if end < 0 else name[:end]


def _given(context: click.Context) -> dict[str, Any]:
    """What stands on the line. An option that waits for its value is left out: click would read nothing at all."""
    words = list(context.find_root().obj or ())
    if not words or not words[-1].startswith("-"):
        return context.params
    command = context.command
    with command.make_context(context.info_name, words[1:-1], parent=context.parent, resilient_parsing=True) as whole:
        return whole.params


def _named(params: dict[str, Any]) -> tuple[str, ...]:
    """The specs that are named."""
    return tuple(params.get("specs") or filter(None, [params.get("spec")]))


def _may_be_read(spec: str) -> bool:
    """Whether it is shipped or a file of a usual size: a pipe or standard input might never end."""
    return spec in catalog.names() or (os.path.isfile(spec) and os.path.getsize(spec) < LARGEST)


def _network(context: click.Context) -> Network:
    """The first spec that is named, with what changes it; raises ReadError or SpecError if it cannot be built."""
    params = _given(context)
    spec = next(iter(_named(params)), "")
    if not _may_be_read(spec):
        raise ReadError(f"`{spec}` is not read")
    try:
        return load(spec, params.get("settings"), params.get("inputs"), limit=MOST_LAYERS)
    except (ReadError, SpecError):  # perhaps for a `--set` that does not fit
        return load(spec, limit=MOST_LAYERS)


def _written(value: Any) -> str:
    """A setting's value as `--set` reads it."""
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_written, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refused(context: click.Context, params: dict[str, Any]) -> Iterable[str]:
    """What there is instead of the column or value `?`: the command refuses that, and prints nothing."""
    callback = context.command.callback
    try:
        if callback is not None:
            with redirect_stdout(StringIO()):
                callback(**params)
    except ReadError as error:
        return error.known if "`?`" in error.problem.message else ()
    return ()
