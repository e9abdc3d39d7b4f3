"""Where results go: standard output or a file, whole or not at all."""

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import click

from cnnarch.errors import ReadError
from cnnarch.render import renderer

__all__ = ["Output", "echo", "output_options"]


class Output(NamedTuple):
    """How a result is wanted: the format, the file if not standard output, and whether in colour."""

    form: str
    file: str | None
    color: str

    def put(self, pages: Callable[[], list[Any]], record: Callable[[], Any]) -> None:
        """Write a result: `pages` for people and for CSV, `record` for JSON; only one is made."""
        render = renderer(self.form)
        if self.form == "json":
            text = render(record())
        elif self.form == "table":
            text = "\n".join(render(page, self._width(), self._colored()) for page in pages())
        elif self.form == "csv":
            text = "".join(map(render, pages()))
        else:
            text = "\n".join(map(render, pages()))
        echo(text, self.file)

    def _width(self) -> int | None:
        """The columns of the terminal; none for a pipe or a file, where nothing is cut."""
        if self.file is not None or not sys.stdout.isatty():
            return None
        given = os.environ.get("COLUMNS", "")
        return int(given) if given.isdigit() and int(given) else os.get_terminal_size().columns or None

    def _colored(self) -> bool:
        if self.color != "auto":
            return self.color == "always"
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        return self.file is None and sys.stdout.isatty() and not plain


def output_options(*formats: str) -> Callable[[Any], Any]:
    """Give a command `--format`, `-o` and `--color`, which arrive as one Output."""

    def decorate(command: Callable[..., Any]) -> Any:
        @wraps(command)
        def wrapped(form: str, file: str | None, color: str, **others: Any) -> Any:
            return command(out=Output(form, file, color), **others)

        decorated: Any = wrapped
        for option in (
            click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
                         help="Colour in tables."),
            file_option,
            click.option("--format", "form", type=click.Choice(formats), default=formats[0], show_default=True,
                         help="How the result is written."),
        ):  # fmt: skip
            decorated = option(decorated)
        return decorated

    return decorate


file_option = click.option("-o", "--output", "file", metavar="FILE", help="Write to a file, whole or not at all.")


def echo(text: str, file: str | None) -> None:
    """Write a text to standard output, or to a file."""
    if file is None or file == "-":
        sys.stdout.write(text)
        return
    target = os.path.realpath(file)
    try:
        if os.path.exists(target) and not os.path.isfile(target):  # a device or a pipe
            with open(target, "w", encoding="utf-8") as stream:
                stream.write(text)
        else:
            _replace(target, text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise ReadError(f"cannot write `{file}`: {reason.lower()}") from None


def _replace(target: str, text: str) -> None:
    """Write beside the file, then put it in its place, so that there is never half a file."""
    beside = f"{target}.{os.getpid()}.part"
    try:
        with open(beside, "x", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(beside, target)
    finally:
        if os.path.exists(beside):
            os.unlink(beside)
