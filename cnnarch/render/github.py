"""What was checked, as commands that a GitHub workflow shows beside the lines of a change."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from cnnarch.analysis.check import Checked
from cnnarch.errors import Source, Span, printable
from cnnarch.render.checks import Entry, entries, problems
from cnnarch.spec.catalog import FOLDER

__all__ = ["github", "harmless"]


def github(found: Sequence[Checked]) -> str:
    """A command for all that is not well, and a line of text for what is.

    Source: docs.github.com, "Workflow commands for GitHub Actions"; how they are read and which signs are escaped:
    github.com/actions/runner, src/Runner.Common/ActionCommand.cs.
    """
    return "".join(f"{line}\n" for one in found for line in _lines(one))


def _lines(one: Checked) -> Iterator[str]:
    for problem in problems(one):
        hint = f"\nhint: {problem.hint}" if problem.hint else ""
        yield _command("error", "invalid spec", f"{problem.message}{hint}", problem.span)
    for entry in entries(one):
        if entry.what == "valid":
            if entry.ok:
                yield harmless(f"ok  {entry.label}: {entry.text}")
        elif entry.ok and not entry.remark:
            yield harmless(f"ok  {entry.label}: {entry.text}")
        else:
            yield _of_entry(entry)


def _of_entry(entry: Entry) -> str:
    level = "warning" if entry.remark else "error"
    title = f"advice {entry.name}" if entry.what == "advice" else entry.name
    hint = f"\nhint: {entry.hint}" if entry.hint else ""
    return _command(level, title, f"{entry.label}: {entry.text}{hint}", entry.span, entry.source)


def _command(level: str, title: str, message: str, span: Span | None, source: Source | None = None) -> str:
    r"""One command.

    >>> _command("error", "a, b: c", "50 %\nof it", None)
    '::error title=a%2C b%3A c::50 %25%0Aof it'
    """
    place = {}
    file = _file(span.source if span else source)
    if file:
        place = {"file": file, "line": "1"}
        if span is not None:
            place |= {"line": str(span.line), "col": str(span.column)}
            same = span.end_line == span.line
            place |= {"endLine": str(span.line), "endColumn": str(span.end_column)} if same else {}
    place["title"] = title
    settings = ",".join(f"{name}={_property(value)}" for name, value in place.items())
    return f"::{level} {settings}::{_data(message)}"


def _file(source: Source | None) -> str:
    """The path from here, if it is a file of the user's."""
    if source is None or not source.path or source.path.startswith(os.path.abspath(FOLDER) + os.sep):
        return ""
    return source.path.removeprefix(os.getcwd() + os.sep).replace(os.sep, "/")


def _data(text: str) -> str:
    """A message: what would end it is escaped, and what a terminal would act on."""
    lines = [printable(line) for line in text.split("\n")]
    return "\n".join(lines).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def harmless(text: str) -> str:
    """Text that is no command, if it does not begin with `::`; the older form is one wherever in a line it stands.

    >>> harmless("ok  ##[error]x")
    'ok  ## [error]x'
    """
    return text.replace("##[", "## [")
