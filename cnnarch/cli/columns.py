"""`cnnarch columns`: the columns that tables can have."""

from __future__ import annotations

import click

from cnnarch.cli import help_option
from cnnarch.cli.output import TABLES, Output, output_options
from cnnarch.errors import ReadError, suggestion
from cnnarch.render.keys import COMMANDS, page, record, rows

__all__ = ["command"]


def _commands(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in _names() if name.startswith(incomplete)]


@click.command("columns")
@help_option
@click.argument("name", required=False, metavar="[COMMAND]", shell_complete=_commands)
@output_options(*TABLES)
def command(name: str | None, out: Output) -> None:
    """The columns that tables can have.

    Of every command, or of one: the keys that `--columns` takes, and that CSV and JSON have, with what they mean.

    \b
    Examples:
      cnnarch columns summary
      cnnarch columns --format csv
    """
    shown = [one for one in COMMANDS if name in (None, _command(one))]
    if not shown:
        hint = suggestion(str(name), _names()) or f"there are {', '.join(_names())}"
        raise ReadError(f"there is no command `{name}` that has columns", hint, _names())
    out.put(
        pages=lambda: [rows(shown)] if out.form == "csv" else [page(shown)],
        record=lambda: record(shown),
    )


def _command(way: str) -> str:
    return way.partition(" ")[0].rstrip(",")


def _names() -> list[str]:
    return list(dict.fromkeys(map(_command, COMMANDS)))
