"""`cnnarch summary`: a network layer by layer."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from cnnarch.cli import help_option
from cnnarch.cli.options import (
    batch_option,
    columns_option,
    completed,
    dtype_option,
    read_all,
    spec_argument,
    spec_options,
)
from cnnarch.cli.output import TABLES, Output, echo, output_options
from cnnarch.cli.streams import tell
from cnnarch.errors import ReadError
from cnnarch.network import Network
from cnnarch.render import summary
from cnnarch.render.columns import LAYER_DATA
from cnnarch.render.frame import not_counted
from cnnarch.render.sheets import Page

__all__ = ["command"]

COUNTERS = ("torchinfo", "fvcore", "ptflops", "ptflops-aten", "thop", "calflops", "keras")


@click.command("summary")
@help_option
@spec_argument(nargs=-1, required=True)
@click.option(
    "--depth", type=click.IntRange(1), metavar="N", help="How deep into blocks; 1 in tables, all the way in data."
)
@click.option("--all", "everything", is_flag=True, help="Every layer on a row of its own.")
@click.option(
    "--as", "counter", type=click.Choice(COUNTERS), metavar="TOOL",
    help=f"What another counter prints, and why it differs: {', '.join(COUNTERS)}.",
)  # fmt: skip
@click.option(
    "--get", "path", metavar="PATH", shell_complete=completed("values"), help="Print one value, as totals.params."
)
@columns_option
@batch_option
@dtype_option
@spec_options
@output_options(*TABLES)
def command(
    specs: tuple[str, ...],
    depth: int | None,
    everything: bool,
    counter: str | None,
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
      cnnarch summary net.yaml --get totals.peak --dtype int8
      cnnarch summary net.yaml --format csv --columns name,output,macs
      cnnarch summary resnet50 --as fvcore
    """
    if counter is not None:
        given = {"--depth": depth, "--all": everything, "--columns": columns}
        return _as(counter, read_all(specs, changes), path, [name for name, value in given.items() if value], out)
    networks = read_all(specs, changes)
    if path is not None:
        values = [summary.lookup(summary.every_figure(summary.record(one, depth), one, path), path) for one in networks]
        if path.startswith(("totals", "families")):  # a bare number cannot say that it is a least
            for line in dict.fromkeys(line.text for one in networks for line in not_counted(one)):
                tell(line)
        return echo("".join(f"{value}\n" for value in values), out.file)
    shown = None if everything else depth or 1

    def pages() -> list[Page]:
        if out.form == "csv":
            return [[summary.layers_of_all(networks, depth, columns or LAYER_DATA)]]
        return [summary.page(one, shown, not everything, columns) for one in networks]

    out.put(pages, lambda: summary.one_or_all([summary.record(one, depth, columns) for one in networks]))


def _as(counter: str, networks: list[Network], path: str | None, of_layers: list[str], out: Output) -> None:
    """What another counter prints for each network."""
    if of_layers:
        raise ReadError(f"`--as` shows totals, and `{of_layers[0]}` is about layers", "leave out one of them")
    counters = import_module("cnnarch.render.counters")  # with every tool's rules, which few need
    found = [(network, network.count_as(counter)) for network in networks]
    if path is not None:
        return echo("".join(f"{summary.lookup(counters.record(*one), path)}\n" for one in found), out.file)
    out.put(
        lambda: [counters.terms_of_all(found)] if out.form == "csv" else [counters.page(*one) for one in found],
        lambda: summary.one_or_all([counters.record(*one) for one in found]),
    )
