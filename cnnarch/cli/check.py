"""`cnnarch check`: valid, true, within its budget, well made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from cnnarch.analysis.advice import resolve
from cnnarch.analysis.budgets import Budget
from cnnarch.analysis.check import Advice, Checked, check
from cnnarch.cli import MISUSE, NO, help_option
from cnnarch.cli.limits import LimitedCommand, given_limits, limit_options
from cnnarch.cli.options import batch_option, change_options, completed, dtype_option, read, spec_argument
from cnnarch.cli.output import TABLES, Output, echo, output_options
from cnnarch.cli.progress import progress
from cnnarch.cli.streams import tell
from cnnarch.errors import ReadError, SpecError
from cnnarch.render import renderer
from cnnarch.render.checks import page, record, sheet
from cnnarch.render.github import harmless
from cnnarch.spec import catalog

__all__ = ["command"]


def _codes(context: click.Context, parameter: click.Parameter, given: Sequence[str]) -> tuple[str, ...]:
    """Rules with commas between; raises ReadError for one that there is not."""
    codes = tuple(part.strip() for text in given for part in text.split(","))
    resolve(codes)
    return codes


@click.command("check", cls=LimitedCommand)
@help_option
@spec_argument(nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every shipped network.")
@limit_options
@click.option(
    "--select",
    multiple=True,
    callback=_codes,
    metavar="CODES",
    shell_complete=completed("rules"),
    help="Advice by these rules only: codes, beginnings of codes or names, with commas between.",
)
@click.option(
    "--ignore",
    multiple=True,
    callback=_codes,
    metavar="CODES",
    shell_complete=completed("rules"),
    help="No advice by these rules, nor by those that `ignore` of a spec names.",
)
@click.option("--strict", is_flag=True, help="Exit code 1 for advice too, and for layers whose figures are not known.")
@batch_option
@dtype_option
@change_options
@output_options(*TABLES, "junit", "github")
def command(
    specs: tuple[str, ...],
    everything: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    strict: bool,
    out: Output,
    **options: Any,
) -> int:
    """Is a spec valid, true, within its budget, well made?

    Whether it can be built, keeps its published figures, stays within the limits of its `budget` and of the command
    line; and advice, which is no reason for a no, unless it is strict.

    \b
    Examples:
      cnnarch check net.yaml --max-params 5M --max-macs 600M
      cnnarch check net.yaml --max-peak 512KiB --max-weights 2MiB --dtype int8
      cnnarch check nets/*.yaml --strict --ignore H6 --format junit -o out.xml
      cnnarch check --all

    Exit code: 0 if all is well, 1 if not.
    """
    budgets = given_limits(options)
    names = [*specs, *(catalog.names() if everything else [])]
    if not names:
        raise ReadError("nothing to check", "name one or more specs, or `--all`")
    if names.count("-") > 1:
        raise ReadError("standard input can be read once", "write one of the specs to a file")
    advice = Advice(select, ignore, strict)
    with progress(names, "checking") as going:
        found = [_checked(name, budgets, advice, {**options, "strict": strict}) for name in going]
    _tell(found, out)
    if out.form in ("junit", "github"):
        echo(renderer(out.form)(found), out.file, out.form)
    else:
        remark = _remark(budgets, options)
        out.put(
            lambda: [[sheet(found)]] if out.form == "csv" else [page(found, everything and not select, remark)],
            lambda: record(found),
        )
    if any(isinstance(one.error, ReadError) for one in found):
        return MISUSE
    return 0 if all(one.ok for one in found) else NO


def _remark(budgets: list[Budget], options: dict[str, Any]) -> str:
    """What the limits of the command line are for, if it says so."""
    usual = options["batch"] == 1 and options["dtype"] == "float32"
    return "" if usual or not budgets else f"batch {options['batch']}; {options['dtype']}"


def _checked(name: str, budgets: list[Budget], advice: Advice, changes: dict[str, Any]) -> Checked:
    try:
        return check(read(name, changes), budgets, advice)
    except (SpecError, ReadError) as error:
        return Checked(name, error=error)


def _tell(found: list[Checked], out: Output) -> None:
    """Every mistake with its line, on standard error."""
    for one in found:
        if one.error is not None:
            text = str(one.error)
            tell(f"{harmless(text) if out.form == 'github' else text}\n")
