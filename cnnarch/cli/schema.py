"""`cnnarch schema`: a JSON Schema of specs, or of what a command prints."""

from __future__ import annotations

from importlib import import_module

import click

from cnnarch.cli import help_option
from cnnarch.cli.output import echo, file_option
from cnnarch.errors import ReadError, suggestion
from cnnarch.render import renderer
from cnnarch.render.schema import schema

__all__ = ["command"]


def _commands(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in import_module("cnnarch.render.outputs").OUTPUTS if name.startswith(incomplete)]


@click.command("schema")
@help_option
@click.argument("name", required=False, metavar="[COMMAND]", shell_complete=_commands)
@file_option
def command(name: str | None, file: str | None) -> None:
    """A JSON Schema of specs, for editors.

    Or of what a command prints with `--format json`, for programs that read it.

    \b
    Examples:
      cnnarch schema -o cnnarch.schema.json
      cnnarch schema summary
    """
    echo(renderer("json")(schema() if name is None else _of_output(name)), file, "json")


def _of_output(name: str) -> object:
    outputs = import_module("cnnarch.render.outputs")  # with all commands, which an editor does not need
    if name not in outputs.OUTPUTS:
        known = list(outputs.OUTPUTS)
        hint = suggestion(name, known) or f"there are {', '.join(known)}"
        raise ReadError(f"there is no schema of what `{name}` prints", hint, known)
    return outputs.output_schema(name)
