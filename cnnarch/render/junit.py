"""What was checked, as JUnit XML, which systems for continuous integration show as tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cnnarch.analysis.check import Checked
from cnnarch.errors import ReadError, printable
from cnnarch.render.checks import Entry, entries

__all__ = ["junit"]


def junit(found: Sequence[Checked]) -> str:
    """A suite a spec, a case a check: that it is valid, each limit, each published figure, each piece of advice.

    A spec that cannot be read is an error, all else that is not well a failure; advice that is not strict is a case
    that was skipped, with its words. Source: the elements and attributes of junit-10.xsd, jenkinsci/xunit-plugin.
    """
    suites = [_suite(one) for one in found]
    tests, failures, errors = (sum(counts[place] for _, counts in suites) for place in range(3))
    head = f'<testsuites name="cnnarch check" tests="{tests}" failures="{failures}" errors="{errors}">'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', head, *(line for text, _ in suites for line in text)]
    return "\n".join([*lines, "</testsuites>", ""])


def _suite(one: Checked) -> tuple[list[str], tuple[int, int, int]]:
    """The lines of a suite; how many cases, failures and errors it has."""
    every = list(entries(one))
    unreadable = isinstance(one.error, ReadError)
    bad = sum(not entry.ok for entry in every)
    failures, errors = (0, bad) if unreadable else (bad, 0)
    skipped = sum(entry.remark for entry in every)
    head = (
        f'<testsuite name="{_escaped(one.label)}" tests="{len(every)}" failures="{failures}" errors="{errors}" '
        f'skipped="{skipped}">'
    )
    cases = [line for entry in _distinct(every) for line in _case(entry, one)]
    return [f"  {head}", *cases, "  </testsuite>"], (len(every), failures, errors)


def _distinct(every: Sequence[Entry]) -> Iterator[Entry]:
    """Entries of names that differ: the second of a name is numbered."""
    seen: dict[str, int] = {}
    for entry in every:
        seen[entry.name] = seen.get(entry.name, 0) + 1
        number = seen[entry.name]
        yield entry if number == 1 else entry._replace(name=f"{entry.name} ({number})")


def _case(entry: Entry, one: Checked) -> list[str]:
    head = f'    <testcase classname="{_escaped(entry.label)}" name="{_escaped(entry.name)}"'
    text = _body(entry, one)
    if entry.remark:
        inner = f'<skipped message="{_escaped(entry.text)}"/>'
    elif not entry.ok:
        what = "error" if isinstance(one.error, ReadError) else "failure"
        inner = f'<{what} type="{entry.what}" message="{_escaped(entry.text)}">{_escaped_lines(text)}</{what}>'
    elif entry.what != "valid":
        inner = f"<system-out>{_escaped_lines(text)}</system-out>"
    else:
        return [f"{head}/>"]
    return [f"{head}>", f"      {inner}", "    </testcase>"]


def _body(entry: Entry, one: Checked) -> str:
    """What was found, at length: all mistakes of a spec, or the text of an entry and where it stands."""
    if one.error is not None:
        return str(one.error)
    place = f"\n{entry.span.source.name}:{entry.span.line}:{entry.span.column}" if entry.span else ""
    return f"{entry.text}{place}{f'{chr(10)}hint: {entry.hint}' if entry.hint else ''}"


def _escaped(text: str) -> str:
    r"""Text that may stand between quotes; XML 1.0 has no control characters, not even escaped ones.

    >>> print(_escaped('<a "b" & \x00>'))
    &lt;a &quot;b&quot; &amp; \x00&gt;
    """
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;")
    return text.replace(">", "&gt;").replace('"', "&quot;")


def _escaped_lines(text: str) -> str:
    return "\n".join(map(_escaped, text.split("\n")))
