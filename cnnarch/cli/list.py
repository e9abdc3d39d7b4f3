"""`cnnarch list`: what is shipped."""

from __future__ import annotations

import click

from cnnarch.cli import help_option
from cnnarch.cli.options import columns_option
from cnnarch.cli.output import TABLES, Output, output_options
from cnnarch.cli.progress import progress
from cnnarch.network import load
from cnnarch.render.networks import page, record
from cnnarch.spec import catalog
from cnnarch.spec.document import TASKS

__all__ = ["command"]

COLUMNS = ("network", "name", "year", "input", "params", "macs", "weight_layers")


@click.command("list")
@help_option
@click.option(
    "--task", type=click.Choice(TASKS), metavar="TASK", help=f"Only networks for one task: {', '.join(TASKS)}."
)
@columns_option
@output_options(*TABLES)
def command(task: str | None, columns: tuple[str, ...], out: Output) -> None:
    """The networks that are shipped.

    \b
    Examples:
      cnnarch list
      cnnarch list --task reading
      cnnarch list --columns network,params --format csv
    """
    with progress(catalog.names(), "loading") as going:
        networks = [load(name) for name in going if task is None or catalog.read(name).task == task]
    out.put(
        pages=lambda: [page(networks, columns, COLUMNS)],
        record=lambda: record(networks, columns),
    )
