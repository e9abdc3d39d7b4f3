"""`cnnarch savings`: what convolutions save."""

from __future__ import annotations

from typing import Any

import click

from cnnarch.cli import help_option
from cnnarch.cli.options import columns_option, read, spec_argument, spec_options
from cnnarch.cli.output import TABLES, Output, output_options
from cnnarch.render import savings

__all__ = ["command"]


@click.command("savings")
@help_option
@spec_argument()
@click.option("--only", type=click.Choice(savings.TABLES), help="One of the tables.")
@columns_option
@spec_options
@output_options(*TABLES)
def command(spec: str, only: str | None, columns: tuple[str, ...], out: Output, **changes: Any) -> None:
    """What convolutions save.

    Each beside the fully connected and the locally connected layer that it stands for. Then, where the
    network has them, against one full convolution: those with groups, windows in groups with a 1×1
    after them, windows one after another, windows on fewer channels. CSV has one table, and `--columns`
    are of one: that of all convolutions, or the one of `--only`.

    \b
    Examples:
      cnnarch savings alexnet
      cnnarch savings vgg16 --columns name,dense,sparse,inside,shared
      cnnarch savings vgg16 --only factorised
      cnnarch savings mobilenet_v1 --only separable --format csv
    """
    network = read(spec, changes)
    shown = columns or (savings.keys(only) if out.form == "csv" else ())
    out.put(
        pages=lambda: [savings.page(network, shown, only)],
        record=lambda: savings.record(network, columns, only),
    )
