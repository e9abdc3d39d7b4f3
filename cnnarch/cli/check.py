"""`cnnarch check`: valid, true, within limits."""

from __future__ import annotations

from typing import Any

import click

from cnnarch.analysis.check import Checked, Limit, outcomes, parse_limit
from cnnarch.cli import MISUSE, NO, help_option
from cnnarch.cli.options import read, spec_argument, spec_options
from cnnarch.cli.output import Output, output_options
from cnnarch.errors import Cause, ReadError, SpecError
from cnnarch.render.checks import page, record
from cnnarch.render.columns import NETWORK_COLUMNS
from cnnarch.spec import catalog

LIMITS = (
    "params",
    "weights",
    "biases",
    "buffers",
    "macs",
    "conv_params",
    "fc_params",
    "weight_layers",
    "layers",
    "training_params",
)
__all__ = ["command"]


def limit_options(command: Any) -> Any:
    """`--max-params` and the like, one for each total."""
    for key in reversed(LIMITS):
        title = next(column.about for column in NETWORK_COLUMNS if column.key == key)
        option = click.option(
            f"--max-{key.replace('_', '-')}", f"most_{key}", metavar="N", help=f"The most {key}: {title}."
        )
        command = option(command)
    return command


@click.command("check")
@help_option
@spec_argument(nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every shipped network.")
@limit_options
@spec_options
@output_options("table", "json", "csv", "markdown")
def command(specs: tuple[str, ...], everything: bool, out: Output, **options: Any) -> int:
    """Is a spec valid, true, within limits?

    Whether it can be built, keeps its published figures and stays within the limits given.

    \b
    Examples:
      cnnarch check net.yaml --max-params 5M --max-macs 600M
      cnnarch check *.yaml
      cnnarch check --all

    Exit code: 0 if all is well, 1 if not.
    """
    most = {key: options.pop(f"most_{key}") for key in LIMITS}
    try:
        limits = [Limit(key, parse_limit(text)) for key, text in most.items() if text is not None]
    except Cause as cause:
        raise ReadError(cause.message, cause.hint) from None
    names = [*specs, *(catalog.names() if everything else [])]
    if not names:
        raise ReadError("nothing to check", "name one or more specs, or `--all`")
    found = [_checked(name, limits, options) for name in names]
    for one in found:
        if one.error is not None:
            click.echo(f"{one.error}\n", err=True)
    out.put(pages=lambda: [page(found)], record=lambda: record(found))
    if any(isinstance(one.error, ReadError) for one in found):
        return MISUSE
    return 0 if all(one.ok for one in found) else NO


def _checked(name: str, limits: list[Limit], changes: dict[str, Any]) -> Checked:
    try:
        network = read(name, changes)
        return Checked(name, network.totals, network.published(), outcomes(network.totals, limits))
    except (SpecError, ReadError) as error:
        return Checked(name, None, [], [], error)
