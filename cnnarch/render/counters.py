"""What another counter prints for a network, as a page and as a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from cnnarch.analysis.counters import Counted, Figure, Term
from cnnarch.network import Network
from cnnarch.render.columns import network_input
from cnnarch.render.data import VERSION, plain, records
from cnnarch.render.frame import heading
from cnnarch.render.numbers import grouped
from cnnarch.render.sheets import Column, Line, Page, Sheet

__all__ = ["equation", "page", "record", "terms_of_all"]


class Row(NamedTuple):
    """A term, in its place."""

    network: str
    counter: str
    total: str
    term: Term


def page(network: Network, counted: Counted) -> Page:
    """Every total as a sum of terms, then what the terms are."""
    reasons = {term.words: term.why for figure in counted.figures for term in figure.terms if term.why}
    inputs = f"{grouped(counted.batch)} input{'s' if counted.batch > 1 else ''}"
    page: Page = [*heading(network), Line(f"as {counted.tool} {counted.version} counts it, for {inputs}")]
    page.append(Sheet(FIGURE_COLUMNS, counted.figures))
    if reasons:
        page.append(Sheet(REASON_COLUMNS, list(reasons.items())))
    page += [Line(remark, "aside") for remark in counted.remarks]
    return [*page, Line(f"Written as {counted.writing}.", "aside")] if counted.writing else page


def record(network: Network, counted: Counted) -> dict[str, Any]:
    return {
        "version": VERSION,
        "network": network.label,
        "name": network.name,
        "input": plain(network_input(network)),
        "batch": counted.batch,
        "counter": counted.tool,
        "counter_version": counted.version,
        "totals": {figure.key: figure.value for figure in counted.figures},
        "terms": records(TERM_COLUMNS, _rows(network, counted)),
        "writing": counted.writing,
        "remarks": list(counted.remarks),
    }


def terms_of_all(found: Sequence[tuple[Network, Counted]]) -> Page:
    """The terms alone, for CSV."""
    columns = [NETWORK, COUNTER, *TERM_COLUMNS] if len(found) > 1 else [COUNTER, *TERM_COLUMNS]
    return [Sheet(columns, [row for network, counted in found for row in _rows(network, counted)])]


def equation(figure: Figure) -> str:
    """The terms of a total in one line.

    >>> equation(Figure("macs", "MACs", (Term(1, 4000, "MACs", ""), Term(-2, 30, "biases", ""))))
    '4,000 MACs − 2 × 30 biases'
    """
    text = ""
    for term in figure.terms:
        negative = term.amount < 0
        sign = (" − " if negative else " + ") if text else ("−" if negative else "")
        text += sign + _of(abs(term.times), abs(term.number)) + f" {term.words}"
    return text


def _of(times: int, number: int) -> str:
    return grouped(number) if times == 1 else f"{grouped(times)} × {grouped(number)}"


def _rows(network: Network, counted: Counted) -> list[Row]:
    return [Row(network.label, counted.tool, figure.key, term) for figure in counted.figures for term in figure.terms]


FIGURE_COLUMNS = [
    Column("total", "", "what is counted", lambda figure: figure.title, wraps=True),
    Column("value", "it prints", "the total, exactly", lambda figure: figure.value, grouped, number=True),
    Column("terms", "which is", "ours, and the differences", equation, wraps=True),
]
REASON_COLUMNS = [
    Column("of", "difference", "what is counted beside ours", lambda pair: pair[0], wraps=True),
    Column("why", "why", "the tool's rule", lambda pair: pair[1], wraps=True),
]
NETWORK = Column("network", "network", "what it is called on the command line", lambda row: row.network)
COUNTER = Column("counter", "counter", "the tool", lambda row: row.counter)
TERM_COLUMNS = [
    Column("total", "total", "the total that the term is of", lambda row: row.total),
    Column("amount", "amount", "what it adds to the total", lambda row: row.term.amount, grouped, number=True),
    Column("times", "times", "how often each counts", lambda row: row.term.times, grouped, number=True),
    Column("number", "number", "how many there are", lambda row: row.term.number, grouped, number=True),
    Column("of", "of", "of what", lambda row: row.term.words),
    Column("why", "why", "the tool's rule", lambda row: row.term.why),
]
