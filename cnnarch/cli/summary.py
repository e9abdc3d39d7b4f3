"""`cnnarch summary`: a network layer by layer."""

from __future__ import annotations

from typing import Any

import click

from cnnarch.cli import help_option
from cnnarch.cli.options import batch_option, columns_option, read_all, spec_argument, spec_options
from cnnarch.cli.output import Output, echo, output_options
from cnnarch.render import summary
from cnnarch.render.columns import LAYER_DATA
from cnnarch.render.sheets import Page

__all__ = ["command"]


@click.command("summary")
@help_option
@spec_argument(nargs=-1, required=True)
@click.option("--depth", type=click.IntRange(1), help="How deep into blocks; 1 in tables, all the way in data.")
@click.option("--all", "everything", is_flag=True, help="Every layer on a row of its own.")
@click.option("--get", "path", metavar="PATH", help="Print one value, as totals.params.")
@columns_option
@batch_option
@spec_options
@output_options("table", "json", "csv", "markdown")
def command(
    specs: tuple[str, ...],
    depth: int | None,
    everything: bool,
    path: str | None,
    columns: tuple[str, ...],
    out: Output,
    **changes: Any,
) -> None:
    """A network, layer by layer.

    \b
    Examples:
      cnnarch summary alexnet
      cnnarch summary resnet50 --depth 2
      cnnarch summary vgg16 --set classes=10 --input 32x32x3
      cnnarch summary net.yaml --get totals.params
      cnnarch summary net.yaml --format csv --columns name,output,macs
    """
    networks = read_all(specs, changes)
    if path is not None:
        values = [summary.lookup(summary.record(one, depth), path) for one in networks]
        return echo("".join(f"{value}\n" for value in values), out.file)
    shown = None if everything else depth or 1

    def pages() -> list[Page]:
        if out.form == "csv":
            return [[summary.layers_of_all(networks, depth, columns or LAYER_DATA)]]
        return [summary.page(one, shown, not everything, columns) for one in networks]

    out.put(pages, lambda: summary.one_or_all([summary.record(one, depth, columns) for one in networks]))
