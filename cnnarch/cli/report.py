"""`cnnarch report`: one page about networks, to look at in a browser."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from cnnarch.cli import help_option
from cnnarch.cli.options import batch_option, dtype_option, read_all, spec_argument, spec_options
from cnnarch.cli.output import echo, file_option

__all__ = ["command"]


@click.command("report")
@help_option
@spec_argument(nargs=-1, required=True)
@file_option
@batch_option
@dtype_option
@spec_options
def command(specs: tuple[str, ...], file: str | None, **changes: Any) -> None:
    """One page about a network, or several side by side.

    \b
    Examples:
      cnnarch report resnet50 -o report.html
      cnnarch report mine.yaml resnet50 -o both.html
      cnnarch report vgg16 --set classes=10 --input 32x32x3 > vgg16.html

    The page has the figures, a table of all layers to search, sort and unfold, the arithmetic and the receptive
    field of each layer, savings and memory. It needs nothing else: no connection, no other file.
    """
    networks = read_all(specs, changes)
    echo(import_module("cnnarch.render.report").document(networks), file, "html")
