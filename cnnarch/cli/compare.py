"""`cnnarch compare`: networks side by side."""

from __future__ import annotations

from typing import Any

import click

from cnnarch.cli import help_option
from cnnarch.cli.options import batch_option, columns_option, read_all, spec_argument, spec_options
from cnnarch.cli.output import Output, output_options
from cnnarch.errors import ReadError
from cnnarch.render import comparison
from cnnarch.render import networks as totals
from cnnarch.render.sheets import Page

__all__ = ["command"]

TOTALS = ("network", "input", "weights", "biases", "params", "macs", "conv_params", "fc_params", "weight_layers")


@click.command("compare")
@help_option
@spec_argument(nargs=-1, required=True)
@click.option("--depth", type=click.IntRange(1), help="How deep into blocks; 1 in tables, all the way in data.")
@columns_option
@batch_option
@spec_options
@output_options("table", "json", "csv", "markdown")
def command(
    specs: tuple[str, ...],
    depth: int | None,
    columns: tuple[str, ...],
    out: Output,
    **changes: Any,
) -> None:
    """Networks side by side.

    Their totals; for two networks also layer against layer.

    \b
    Examples:
      cnnarch compare alexnet zfnet
      cnnarch compare vgg11 vgg13 vgg16 vgg19
      cnnarch compare mine.yaml resnet50 --format markdown
    """
    if len(specs) < 2:
        raise ReadError("one network cannot be compared", "name two or more")
    networks = read_all(specs, changes)

    def page() -> Page:
        if len(networks) > 2:
            return totals.page(networks, columns, TOTALS)
        if out.form == "csv":
            return [comparison.pairs(networks[0], networks[1], depth, columns, fold=False)]
        return comparison.page(networks[0], networks[1], depth, columns)

    out.put(pages=lambda: [page()], record=lambda: comparison.record(networks, depth, columns))
