"""`cnnarch savings`: what convolutions save."""

from __future__ import annotations

from typing import Any

import click

from cnnarch.cli import help_option
from cnnarch.cli.options import columns_option, read, spec_argument, spec_options
from cnnarch.cli.output import Output, output_options
from cnnarch.render import savings

__all__ = ["command"]


@click.command("savings")
@help_option
@spec_argument()
@columns_option
@spec_options
@output_options("table", "json", "csv", "markdown")
def command(spec: str, columns: tuple[str, ...], out: Output, **changes: Any) -> None:
    """What convolutions save.

    Each beside the fully connected and the locally connected layer that it stands for.

    \b
    Examples:
      cnnarch savings alexnet
      cnnarch savings vgg16 --columns name,dense,sparse,inside,shared
    """
    network = read(spec, changes)
    shown = columns or (savings.KEYS if out.form == "csv" else ())
    out.put(
        pages=lambda: [savings.page(network, shown)],
        record=lambda: savings.record(network, columns),
    )
