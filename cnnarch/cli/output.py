"""Where results go: standard output or a file, whole or not at all."""

import os
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from importlib import import_module
from typing import Any, NamedTuple

import click

from cnnarch.cli import completed
from cnnarch.cli.streams import put
from cnnarch.errors import ReadError
from cnnarch.render import renderer
from cnnarch.render.numbers import FULL, SHORT, written

__all__ = ["PAGES", "TABLES", "Output", "echo", "echo_files", "output_options", "terminal_width"]

TABLES = ("table", "json", "csv", "markdown", "latex", "html")  # the formats of a command that has tables
PAGES = tuple(form for form in TABLES if form != "csv")  # of one that has none of numbers
DATA = ("json", "csv")


class Output(NamedTuple):
    """How a result is wanted: the format, the file if not standard output, whether in colour, how numbers are."""

    form: str
    file: str | None
    color: str
    numbers: str = FULL

    def put(self, pages: Callable[[], list[Any]], record: Callable[[], Any]) -> None:
        """Write a result: `pages` for people and for CSV, `record` for JSON; only one is made."""
        with written(FULL if self.form in DATA else self.numbers):
            text = self._text(pages, record)
        echo(text, self.file, self.form)

    def _text(self, pages: Callable[[], list[Any]], record: Callable[[], Any]) -> str:
        render = renderer(self.form)
        if self.form == "json":
            return render(record())
        if self.form == "table":
            width = None if self.file is not None else terminal_width()
            return "\n".join(render(page, width, self._colored()) for page in pages())
        if self.form in ("latex", "html"):  # several pages are one document
            return render(*pages())
        return ("" if self.form == "csv" else "\n").join(map(render, pages()))

    def _colored(self) -> bool:
        if self.color != "auto" or self.file is not None:
            return self.color == "always"
        if os.environ.get("NO_COLOR"):  # set and not empty, as no-color.org has it
            return False
        if os.environ.get("FORCE_COLOR"):  # for a pipe that ends in colours, as in a log of CI
            return True
        return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def output_options(*formats: str) -> Callable[[Any], Any]:
    """Give a command `--format`, `-o`, `--color`, and `--numbers` if it has tables, which arrive as one Output."""

    def decorate(command: Callable[..., Any]) -> Any:
        @wraps(command)
        def wrapped(form: str, file: str | None, color: str, numbers: str = FULL, **others: Any) -> Any:
            return command(out=Output(form, file, color, numbers), **others)

        decorated: Any = wrapped
        for option in (
            *([numbers_option] if "csv" in formats else []),
            click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
                         help="Colour in tables."),
            file_option,
            click.option("--format", "form", type=click.Choice(formats), default=formats[0], show_default=True,
                         help="How the result is written."),
        ):  # fmt: skip
            decorated = option(decorated)
        return decorated

    return decorate


numbers_option = click.option(
    "--numbers", type=click.Choice([FULL, SHORT]), default=FULL, show_default=True,
    help="Whole numbers to the last digit, or short, as 138.4 M; JSON and CSV have all digits.",
)  # fmt: skip

file_option = click.option(
    "-o", "--output", "file", metavar="FILE", shell_complete=completed("paths"),
    help="Write to a file, whole or not at all.",
)  # fmt: skip


def terminal_width() -> int | None:
    """The columns of the terminal; none for a pipe or a file, where nothing is cut."""
    if not sys.stdout.isatty():
        return None
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdigit() and int(given) else os.get_terminal_size().columns or None


def echo(result: str | bytes, file: str | None, form: str = "") -> None:
    """Write a result to standard output, or to a file: a text in UTF-8, with the same bytes on every system."""
    if file is None or file == "-":
        put(result, form)
        return
    content = result.encode() if isinstance(result, str) else result
    target = os.path.realpath(file)
    try:
        if os.path.exists(target) and not os.path.isfile(target):  # a device or a pipe
            with open(target, "wb") as stream:
                stream.write(content)
        else:
            _replace(target, content)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise ReadError(f"cannot write `{file}`: {reason.lower()}") from None


def echo_files(files: Mapping[str, str], folder: str) -> None:
    """Write texts into a new or empty folder, all or none."""
    target = os.path.realpath(folder)
    beside = f"{target}.{os.getpid()}.part"
    try:
        if os.path.isdir(target) and os.listdir(target):
            raise ReadError(f"`{folder}` is not empty", "name a new folder")
        os.mkdir(beside)
        try:
            for name, text in files.items():
                with open(os.path.join(beside, name), "xb") as stream:
                    stream.write(text.encode())
            if os.path.isdir(target):  # an empty one, over which Windows renames none
                os.rmdir(target)
            os.rename(beside, target)
        finally:
            import_module("shutil").rmtree(beside, ignore_errors=True)
    except ReadError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise ReadError(f"cannot write `{folder}`: {reason.lower()}") from None


def _replace(target: str, content: bytes) -> None:
    """Write beside the file, then put it in its place, so that there is never half a file."""
    beside = f"{target}.{os.getpid()}.part"
    try:
        with open(beside, "xb") as stream:
            stream.write(content)
        os.replace(beside, target)
    finally:
        if os.path.exists(beside):
            os.unlink(beside)
