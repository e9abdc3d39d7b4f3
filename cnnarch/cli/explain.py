"""`cnnarch explain`: the arithmetic."""

from __future__ import annotations

from typing import Any

import click

from cnnarch.analysis.explanation import explain
from cnnarch.cli import help_option
from cnnarch.cli.options import read, spec_argument, spec_options
from cnnarch.cli.output import Output, output_options
from cnnarch.render.explanation import page, record

__all__ = ["command"]


@click.command("explain")
@help_option
@spec_argument()
@click.argument("layers", metavar="[LAYER]...", nargs=-1)
@spec_options
@output_options("table", "json", "markdown")
def command(spec: str, layers: tuple[str, ...], out: Output, **changes: Any) -> None:
    """The arithmetic behind the figures.

    Of one layer, of several, or of all; formula, numbers and result.

    \b
    Examples:
      cnnarch explain alexnet conv1
      cnnarch explain alexnet
      cnnarch explain vgg16 stage1
      cnnarch explain resnet50 stage1/bottleneck1/conv_bn2/conv
    """
    network = read(spec, changes)
    nodes = [node for name in layers for node in network.part(name)] if layers else network.layers
    found = [explain(network.graph, node, network.receptive_field) for node in nodes]
    out.put(
        pages=lambda: [page(network, found, everything=not layers)],
        record=lambda: record(network, found),
    )
