"""`cnnarch schema`: a JSON Schema of specs."""

from __future__ import annotations

import click

from cnnarch.cli import help_option
from cnnarch.cli.output import echo, file_option
from cnnarch.render import renderer
from cnnarch.render.schema import schema

__all__ = ["command"]


@click.command("schema")
@help_option
@file_option
def command(file: str | None) -> None:
    """A JSON Schema of specs, for editors.

    \b
    Example:
      cnnarch schema -o cnnarch.schema.json
    """
    echo(renderer("json")(schema()), file)
