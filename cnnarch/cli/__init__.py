"""The command line: one file a command, each of which reads, calls and echoes."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

import click

from cnnarch.cli.streams import prepare, tell
from cnnarch.errors import ReadError, SpecError, suggestion

__all__ = ["INTERRUPTED", "MISUSE", "NO", "commands", "completed", "help_option", "main"]

NO, MISUSE = 1, 2  # exit codes: the answer is no; a call that makes no sense, or a file that cannot be read
INTERRUPTED, CLOSED = 130, 141  # as a shell says of a process that SIGINT or SIGPIPE ended

NAMES = [
    "list", "summary", "compare", "explain", "worksheet", "savings", "receptive-field", "memory", "roofline", "check",
    "sweep", "fit", "draw", "report", "convert", "show", "layers", "columns", "rules", "schema", "completion",
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
    if wanted and not ctx.resilient_parsing:
        sys.stdout.write(f"cnnarch {import_module('cnnarch').__version__}\n")
        ctx.exit()


def _help(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        sys.stdout.write(f"{ctx.get_help()}\n")
        ctx.exit()


# An option of our own: click's looks for translations, a fortieth of the time of a start.
help_option = click.option(
    "-h", "--help", is_flag=True, is_eager=True, expose_value=False, callback=_help, help="Show this message."
)


def completed(what: str) -> Callable[..., Any]:
    """How an option or argument is completed in a shell; the module is imported only then."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> Any:
        return getattr(import_module("cnnarch.cli.candidates"), what)(context, incomplete)

    return complete


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
    prepare()
    code = _run()
    # Everything is written. Taking the interpreter apart would take a tenth of the time of a start.
    os._exit(code)


def _complete(asked: str) -> int:
    """Give a shell the words that fit. Whatever is wrong with the line or a spec, nothing is said: somebody types."""
    with suppress(Exception):
        words: str = import_module("cnnarch.cli.completion").answer(asked)
        sys.stdout.buffer.write(words.encode())
        sys.stdout.flush()
    return 0


def _run() -> int:
    """Run a command and write all that it says; gives the exit code."""
    asked = os.environ.get("_CNNARCH_COMPLETE")
    if asked is not None:
        return _complete(asked)
    try:
        code = commands.main(prog_name="cnnarch", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except SpecError as error:
        tell(str(error))
        return NO
    except ReadError as error:
        tell(str(error))
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)
        tell(told.getvalue().rstrip("\n"))
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):  # `| head`: what it wanted it has; click makes an exit of it
        return CLOSED
    except OSError as error:
        tell(f"error: cannot write: {(error.strerror or 'unknown reason').lower()}")
    return MISUSE
