"""`cnnarch memory`: how much memory a network takes, and when."""

from __future__ import annotations

from typing import Any

import click

from cnnarch.analysis.memory import ORDERS
from cnnarch.analysis.training import OPTIMIZERS
from cnnarch.cli import help_option
from cnnarch.cli.options import batch_option, columns_option, completed, dtype_option, read, spec_argument, spec_options
from cnnarch.cli.output import TABLES, Output, echo, output_options
from cnnarch.render import memory
from cnnarch.render.sheets import Page
from cnnarch.render.summary import lookup

__all__ = ["command"]


@click.command("memory")
@help_option
@spec_argument()
@click.option("--all", "everything", is_flag=True, help="What is alive in each layer's turn, too.")
@click.option("--no-in-place", is_flag=True, help="No layer writes over its input.")
@click.option(
    "--order",
    type=click.Choice(ORDERS),
    default="spec",
    show_default=True,
    help="The order in which layers run: the spec's, or one with a lower peak, if there is.",
)
@click.option(
    "--optimizer",
    type=click.Choice(list(OPTIMIZERS)),
    default="adam",
    show_default=True,
    help="What training is done with.",
)
@click.option("--get", "path", metavar="PATH", shell_complete=completed("values"), help="Print one value, as peak.")
@columns_option
@batch_option
@dtype_option
@spec_options
@output_options(*TABLES)
def command(
    spec: str,
    everything: bool,
    no_in_place: bool,
    order: str,
    optimizer: str,
    path: str | None,
    columns: tuple[str, ...],
    out: Output,
    **changes: Any,
) -> None:
    """The memory that a network takes.

    Its weights, all activations, the peak at inference and what is alive then, and training.

    \b
    Examples:
      cnnarch memory resnet50
      cnnarch memory mobilenet_v2 --dtype int8 --all
      cnnarch memory fasterrcnn_resnet50_fpn --order best
      cnnarch memory net.yaml --batch 32 --optimizer momentum --get training
      cnnarch memory net.yaml --format csv --columns name,bytes,alive
    """
    network = read(spec, changes)
    found = network.measure_memory(not no_in_place, order)
    if path is not None:
        return echo(f"{lookup(memory.record(found, network, optimizer), path)}\n", out.file)

    def pages() -> list[Page]:
        if out.form == "csv":
            return [[memory.turns(found, columns or memory.KEYS)]]
        return [memory.page(network, found, optimizer, everything, columns)]

    out.put(pages, lambda: memory.record(found, network, optimizer, columns))
