"""`cnnarch list`: what is shipped."""

from __future__ import annotations

import click

from cnnarch.cli import help_option
from cnnarch.cli.options import columns_option
from cnnarch.cli.output import TABLES, Output, output_options
from cnnarch.cli.progress import progress
from cnnarch.network import load
from cnnarch.render import networks, spaces
from cnnarch.spec import catalog
from cnnarch.spec.document import TASKS

__all__ = ["command"]

COLUMNS = ("network", "name", "year", "input", "params", "macs", "weight_layers")


@click.command("list")
@help_option
@click.option(
    "--task", type=click.Choice(TASKS), metavar="TASK", help=f"Only networks for one task: {', '.join(TASKS)}."
)
@click.option("--spaces", "only_spaces", is_flag=True, help="Only networks with a search space, and how large it is.")
@columns_option
@output_options(*TABLES)
def command(task: str | None, only_spaces: bool, columns: tuple[str, ...], out: Output) -> None:
    """The networks that are shipped.

    \b
    Examples:
      cnnarch list
      cnnarch list --task reading
      cnnarch list --spaces
      cnnarch list --columns network,params --format csv
    """
    if only_spaces:
        with progress(catalog.names(), "reading") as going:
            specs = {name: catalog.read(name) for name in going}
        rows = [
            spaces.Named(name, spec.name, spec.space)
            for name, spec in specs.items()
            if spec.space is not None and task in (None, spec.task)
        ]
        out.put(pages=lambda: [spaces.page(rows, columns)], record=lambda: spaces.record(rows, columns))
        return
    with progress(catalog.names(), "loading") as going:
        found = [load(name) for name in going if task is None or catalog.read(name).task == task]
    out.put(
        pages=lambda: [networks.page(found, columns, COLUMNS)],
        record=lambda: networks.record(found, columns),
    )
