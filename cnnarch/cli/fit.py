"""`cnnarch fit`: the largest value of a setting with which a network stays within its limits."""

from __future__ import annotations

from typing import Any

import click

from cnnarch.analysis.budgets import budgets_of
from cnnarch.cli import NO, completed, help_option
from cnnarch.cli.limits import LimitedCommand, given_limits, limit_options
from cnnarch.cli.options import batch_option, change_options, dtype_option, spec_argument
from cnnarch.cli.output import PAGES, Output, echo, output_options
from cnnarch.errors import ReadError
from cnnarch.render import fitting
from cnnarch.render.summary import lookup
from cnnarch.search.fitting import fit
from cnnarch.search.ranges import axis
from cnnarch.search.sweeping import prepare

__all__ = ["command"]


@click.command("fit", cls=LimitedCommand)
@help_option
@spec_argument()
@click.option(
    "--vary",
    required=True,
    metavar="NAME[=VALUES]",
    shell_complete=completed("settings"),
    help="A setting, an input or a layer's setting, and perhaps its values, from small to large: width=0.25:4:0.25. "
    "Without values: whole numbers from 1, or hundredths if the setting has a fraction.",
)
@limit_options
@click.option("--get", "path", metavar="PATH", shell_complete=completed("fitted"), help="Print one value, as value.")
@batch_option
@dtype_option
@change_options
@output_options(*PAGES)
def command(spec: str, vary: str, path: str | None, out: Output, **options: Any) -> int:
    """The largest value that fits.

    Of a setting, an input or a layer's setting, with which a network stays within the limits of the command line and
    of its own `budget`; found by bisection, with all values tried where a figure rises and falls.

    \b
    Examples:
      cnnarch fit net.yaml --vary width --max-params 5M
      cnnarch fit mobilenet_v2 --vary input=32:512:32 --max-peak 2MiB --dtype int8
      cnnarch fit resnet50 --vary width=16:128:8 --max-params 10M --get value

    Exit code: 0 if a value fits, 1 if none does.
    """
    limits = given_limits(options)
    job, read = prepare(
        spec, [vary if "=" in vary else f"{vary}=1"], (), settings=options["settings"], inputs=options["inputs"],
        batch=options["batch"], dtype=options["dtype"], limit=options["layer_limit"],
    )  # fmt: skip
    limits += budgets_of(read)[0]
    if not limits:
        raise ReadError("nothing limits the network", "give a limit, as `--max-params 5M`")
    found = fit(job, limits, axis(vary, tuple(job.inputs)) if "=" in vary else None)
    if path is not None:
        if found.best is None:
            return NO
        echo(f"{lookup(fitting.record(found, spec), path)}\n", out.file)
    else:
        out.put(lambda: [fitting.page(found, read.name)], lambda: fitting.record(found, spec))
    return 0 if found.best is not None else NO
