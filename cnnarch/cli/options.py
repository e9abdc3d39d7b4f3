"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import click

from cnnarch.analysis.dtypes import DTYPES
from cnnarch.cli import completed
from cnnarch.cli.progress import progress
from cnnarch.cli.streams import tell
from cnnarch.errors import Cause, ReadError, SpecError
from cnnarch.interchange.doors import door
from cnnarch.network import Network, load
from cnnarch.shapes import Shape
from cnnarch.spec.build import LAYER_LIMIT
from cnnarch.spec.values import parse_setting, parse_shape

__all__ = [
    "batch_option", "change_options", "columns_option", "completed", "dtype_option", "read", "read_all",
    "spec_argument", "spec_options",
]  # fmt: skip

Decorator = Callable[[Any], Any]


def read(spec: str, changes: dict[str, Any]) -> Network:
    """Load a spec with what `spec_options` gave, and perhaps `batch_option` and `dtype_option`."""
    batch, dtype = changes.get("batch", 1), changes.get("dtype", "float32")
    if door(spec) == "pytorch" and ":" in spec and find_spec("torch"):
        tell(import_module("cnnarch.interchange.pytorch.target").notice(spec))
    strict = changes.get("strict", False)
    return load(spec, changes["settings"], changes["inputs"], batch, changes["layer_limit"], dtype, strict)


def read_all(specs: Sequence[str], changes: dict[str, Any]) -> list[Network]:
    """Load several specs."""
    if list(specs).count("-") > 1:
        raise ReadError("standard input can be read once", "write one of the specs to a file")
    with progress(specs, "loading") as going:
        return [read(spec, changes) for spec in going]


batch_option = click.option(
    "--batch", type=click.IntRange(1, 10**9), metavar="N", default=1, show_default=True,
    help="Inputs at a time; work grows with it, parameters do not.",
)  # fmt: skip

dtype_option = click.option(
    "--dtype", type=click.Choice(list(DTYPES)), default="float32", show_default=True,
    help="The type in which numbers are stored.",
)  # fmt: skip


def _assignments(context: click.Context, parameter: click.Parameter, given: Sequence[str]) -> dict[str, Any]:
    """The values of `--set`."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ReadError(f"`--set {text}` has no value", "write `--set name=value`")
        try:
            is_word = "." in name and value.isidentifier() and value not in ("true", "false")
            found[name.strip()] = value if is_word else parse_setting(value)
        except SpecError as error:
            first = error.problems[0]
            raise ReadError(f"`--set {text}`: {first.message}", first.hint) from None
    return found


def _inputs(
    context: click.Context, parameter: click.Parameter, given: Sequence[str]
) -> Shape | dict[str, Shape] | None:
    """The shapes of `--input`, by name where they have one."""
    found = {}
    for text in given:
        name, equals, shape = text.partition("=")
        try:
            found[name if equals else ""] = parse_shape(shape if equals else text)
        except Cause as cause:
            raise ReadError(f"`--input {text}`: {cause.message}", cause.hint) from None
    if "" not in found:
        return found or None
    if len(found) > 1:
        raise ReadError("one `--input` has a name and another has not", "write `--input name=shape` for each")
    return found[""]


def spec_options(command: Any) -> Any:
    """What changes a spec before it is built, and whether layers are refused that are not known."""
    return click.option(
        "--strict", is_flag=True, help="Refuse what has layers whose figures are not known."
    )(change_options(command))  # fmt: skip


def change_options(command: Any) -> Any:
    """What changes a spec before it is built."""
    for option in (
        click.option("--layer-limit", type=click.IntRange(1), metavar="N", default=LAYER_LIMIT, show_default=True,
                     help="Refuse networks with more layers."),
        click.option("--input", "inputs", multiple=True, callback=_inputs, metavar="SHAPE",
                     shell_complete=completed("inputs"),
                     help="Another input, as 299x299x3; name=SHAPE where there are several."),
        click.option("--set", "settings", multiple=True, callback=_assignments, metavar="NAME=VALUE",
                     shell_complete=completed("settings"),
                     help="Another value for a setting of the spec, or of a layer: conv2.stride=1."),
    ):  # fmt: skip
        command = option(command)
    return command


def spec_argument(complete: str = "specs", **settings: Any) -> Decorator:
    name, metavar = ("specs", "SPEC...") if "nargs" in settings else ("spec", "SPEC")
    return click.argument(name, metavar=metavar, shell_complete=completed(complete), **settings)


def _columns(context: click.Context, parameter: click.Parameter, given: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in given.split(",")) if given else ()


columns_option = click.option(
    "--columns",
    callback=_columns,
    metavar="KEYS",
    shell_complete=completed("columns"),
    help="The columns to show: keys that `cnnarch columns` lists, with commas between.",
)
