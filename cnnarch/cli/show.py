"""`cnnarch show`: the YAML of a spec."""

from __future__ import annotations

from typing import Any

import click

from cnnarch.cli import help_option
from cnnarch.cli.options import read, spec_argument, spec_options
from cnnarch.cli.output import echo, file_option
from cnnarch.errors import ReadError
from cnnarch.interchange.doors import door
from cnnarch.render.flat import flat
from cnnarch.spec import catalog

__all__ = ["command"]


@click.command("show")
@help_option
@spec_argument("pages")
@click.option("--flat", "is_flat", is_flag=True, help="Blocks, repeats, `import` and `extends` written out.")
@spec_options
@file_option
def command(spec: str, is_flat: bool, file: str | None, **changes: Any) -> None:
    """The YAML of a spec, to start from.

    \b
    Examples:
      cnnarch show vgg16 > mine.yaml
      cnnarch show resnet50 --flat --set classes=10
    """
    if is_flat:
        return echo(flat(read(spec, changes)), file, "yaml")
    if changes["settings"] or (changes["inputs"] and not door(spec)):  # the page of a model is made for an input
        raise ReadError("`--set` and `--input` change what is built, not the text", "add `--flat`")
    echo(read(spec, changes).spec.source.text if door(spec) else catalog.read_page(spec).text, file, "yaml")
