"""`cnnarch receptive-field`: what each layer sees of the input."""

from __future__ import annotations

from typing import Any

import click

from cnnarch.cli import help_option
from cnnarch.cli.options import columns_option, completed, read, spec_argument, spec_options
from cnnarch.cli.output import TABLES, Output, echo, output_options
from cnnarch.errors import ReadError
from cnnarch.render import receptive_field
from cnnarch.render.sheets import Page
from cnnarch.render.summary import lookup

__all__ = ["command"]


@click.command("receptive-field")
@help_option
@spec_argument()
@click.argument("layers", metavar="[LAYER]...", nargs=-1, shell_complete=completed("layers"))
@click.option("--all", "everything", is_flag=True, help="Every layer, also those that read place by place.")
@click.option(
    "--get", "path", metavar="PATH", shell_complete=completed("values"), help="Print one value, as receptive_field."
)
@columns_option
@spec_options
@output_options(*TABLES)
def command(
    spec: str,
    layers: tuple[str, ...],
    everything: bool,
    path: str | None,
    columns: tuple[str, ...],
    out: Output,
    **changes: Any,
) -> None:
    """What each layer sees of the input.

    Along each axis the pixels that a place depends on, how far it is from one place to the next, where the first has
    its centre and how far it begins before the input; of the largest path, and whether all paths agree. Layers
    that read place by place are left out. Below, the figure at the last feature map: what global pooling or
    flatten are given, else the output.

    \b
    Examples:
      cnnarch receptive-field resnet50
      cnnarch receptive-field resnet50 stage3
      cnnarch receptive-field net.yaml --get receptive_field
      cnnarch receptive-field net.yaml --columns name,receptive_field,jump
    """
    network = read(spec, changes)
    rows = receptive_field.fields(network, layers, everything or path is not None or out.form in ("json", "csv"))
    if path == "receptive_field" and network.receptive_field.least is None:
        raise ReadError(f"the receptive field of {spec} is not known", network.receptive_field.reason)
    if path is not None:
        return echo(f"{lookup(receptive_field.record(network, rows), path)}\n", out.file)

    def pages() -> list[Page]:
        if out.form == "csv":
            return [[receptive_field.sheet(network, rows, columns or receptive_field.KEYS)]]
        return [receptive_field.page(network, rows, columns)]

    out.put(pages, lambda: receptive_field.record(network, rows, columns))
