"""`cnnarch worksheet`: a table with blanks, for a class, and its key."""

from __future__ import annotations

from typing import Any

import click

from cnnarch.analysis.worksheet import ASKED, worksheet
from cnnarch.cli import help_option
from cnnarch.cli.options import read, spec_argument, spec_options
from cnnarch.cli.output import Output, echo, output_options
from cnnarch.errors import ReadError, suggestion
from cnnarch.render import worksheet as render
from cnnarch.render.explanation import in_text

__all__ = ["command"]


def _blanks(context: click.Context, parameter: click.Parameter, given: str | None) -> int | float | None:
    """`12`, or `30%` as 0.3."""
    if given is None:
        return None
    text = given.strip()
    number = text.removesuffix("%")
    if not (number.isascii() and number.isdecimal()) or len(number) > 9 or int(number) < 1:
        raise ReadError(f"`--blanks {given}` is no number of blanks", "write `--blanks 12`, or a share: `--blanks 30%`")
    if not text.endswith("%"):
        return int(number)
    if int(number) > 100:
        raise ReadError(f"`--blanks {given}` is more than all", "write a share up to 100%")
    return int(number) / 100


def _asked(context: click.Context, parameter: click.Parameter, given: str | None) -> tuple[str, ...]:
    """What is asked for, by the columns of the table."""
    if given is None:
        return ASKED
    found = tuple(part.strip() for part in given.split(","))
    for one in found:
        if one not in ASKED:
            raise ReadError(
                f"a worksheet cannot ask for `{one}`", suggestion(one, list(ASKED)) or f"it asks for {', '.join(ASKED)}"
            )
    return found


@click.command("worksheet")
@help_option
@spec_argument()
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="N",
    default=1,
    show_default=True,
    help="Another seed, other blanks; the same seed, the same ones.",
)
@click.option("--blanks", callback=_blanks, metavar="N", help="How many blanks, or a share: 30%.  [default: 12]")
@click.option(
    "--only", "asked", callback=_asked, metavar="COLUMNS", help=f"What is asked for: {','.join(ASKED)}.  [default: all]"
)
@click.option("--answers", is_flag=True, help="The key: the blanks filled in, and how each follows.")
@spec_options
@output_options("table", "json", "markdown", "latex", "html")  # fmt: skip
def command(
    spec: str,
    seed: int,
    blanks: int | float | None,
    asked: tuple[str, ...],
    answers: bool,
    out: Output,
    **changes: Any,
) -> None:
    """The table of a network with blanks, and its key.

    Blanks are chosen at random from a seed, and each follows from what is left. Equal layers stand once. Easiest is
    `--only output`, then weights, biases and macs; filters and kernel have to be found backwards.

    \b
    Examples:
      cnnarch worksheet lenet5
      cnnarch worksheet lenet5 --answers
      cnnarch worksheet alexnet --seed 7 --format latex -o class.tex
      cnnarch worksheet alexnet --seed 7 --format latex -o key.tex --answers
      cnnarch worksheet vgg16 --only output,weights --format html -o class.html
      cnnarch worksheet resnet50 --blanks 30% --format markdown
    """
    network = read(spec, changes)
    sheet = worksheet(network.graph, seed, blanks, asked)
    if out.form in ("table", "json"):
        return out.put(
            pages=lambda: [in_text(render.lesson(network, sheet, answers))],
            record=lambda: render.record(network, sheet, answers),
        )
    echo(render.set_worksheet(network, sheet, answers, out.form), out.file, out.form)
