"""The command line: one file a command, each of which reads, calls and echoes."""

from __future__ import annotations

import gc
import io
import os
import sys
from importlib import import_module
from typing import NoReturn

import click

from cnnarch.errors import ReadError, SpecError, suggestion

__all__ = ["MISUSE", "NO", "commands", "help_option", "main"]

NO, MISUSE = 1, 2  # exit codes: the answer is no; a call that makes no sense, or a file that cannot be read
INTERRUPTED, CLOSED = 130, 141  # as a shell says of a process that SIGINT or SIGPIPE ended

NAMES = [
    "list", "summary", "compare", "explain", "savings", "receptive-field", "memory", "roofline", "check", "show",
    "layers", "rules", "schema",
]  # fmt: skip


class Commands(click.Group):
    """The commands, each imported when it is asked for: start-up time is a feature."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return NAMES

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NAMES:
            return None
        command: click.Command = import_module(f"cnnarch.cli.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in NAMES and not args[0].startswith("-"):
            hint = suggestion(args[0], NAMES) or f"there are {', '.join(NAMES)}"
            raise ReadError(f"there is no command `{args[0]}`", hint)
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"cnnarch {import_module('cnnarch').__version__}")
        ctx.exit()


def _help(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(ctx.get_help())
        ctx.exit()


# An option of our own: click's looks for translations, a fortieth of the time of a start.
help_option = click.option(
    "-h", "--help", is_flag=True, is_eager=True, expose_value=False, callback=_help, help="Show this message."
)


@click.group(cls=Commands, context_settings={"max_content_width": 100})
@help_option
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def commands() -> None:
    """Inspect the architecture of convolutional networks from a page of YAML.

    \b
    Examples:
      cnnarch summary alexnet                   layer by layer
      cnnarch compare alexnet vgg16             what differs
      cnnarch explain alexnet conv1             the arithmetic
      cnnarch check net.yaml --max-params 5M    exit code 1 if it is over
      cnnarch show vgg16 > mine.yaml            a spec to start from

    A SPEC is the name of a shipped network (see `cnnarch list`), the path of a YAML file, or `-`
    for standard input.

    Exit codes: 0 yes; 1 the answer is no (an invalid spec, a limit exceeded); 2 misuse, or a file
    that cannot be read.
    """


def main() -> NoReturn:
    """Run a command; every error of a user's ends here, without a traceback."""
    gc.disable()  # a command makes no circles and ends soon; collecting takes a twentieth of a start
    if sys.stdout is None:  # `>&-`: nobody wants the result, only the exit code
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    code = _run()
    # Everything is written. Taking the interpreter apart would take a tenth of the time of a start.
    os._exit(code)


def _run() -> int:
    """Run a command and write all that it says; gives the exit code."""
    try:
        code = commands.main(prog_name="cnnarch", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except SpecError as error:
        click.echo(str(error), err=True)
        return NO
    except ReadError as error:
        click.echo(str(error), err=True)
    except click.ClickException as error:
        error.show()
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # `| head`: what it wanted it has
        return CLOSED
    except OSError as error:
        click.echo(f"error: cannot write: {(error.strerror or 'unknown reason').lower()}", err=True)
    return MISUSE
