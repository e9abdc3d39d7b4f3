"""`cnnarch layers`: the kinds of layers."""

from __future__ import annotations

import click

from cnnarch.cli import help_option
from cnnarch.cli.output import PAGES, Output, output_options
from cnnarch.errors import ReadError, suggestion
from cnnarch.layers import KINDS
from cnnarch.render.kinds import WORDS, kind_page, kind_record, kinds_page, word_page, word_record
from cnnarch.spec.catalog import page_with
from cnnarch.spec.items import resembling

__all__ = ["command"]


def _kinds(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in (*KINDS, *WORDS) if name.startswith(incomplete)]


@click.command("layers")
@help_option
@click.argument("kind", required=False, metavar="[KIND]", shell_complete=_kinds)
@output_options(*PAGES)
def command(kind: str | None, out: Output) -> None:
    """The kinds of layers.

    All of them, or one with its settings, its rule and an example.

    \b
    Examples:
      cnnarch layers
      cnnarch layers conv
    """
    if kind in WORDS:
        word = str(kind)
        return out.put(pages=lambda: [word_page(word)], record=lambda: word_record(word))
    if kind is not None and kind not in KINDS:
        known = resembling(kind)
        page = page_with(kind)
        hint = f"it is called `{known}` here" if known else suggestion(kind, [*KINDS, *WORDS])
        hint = f"it is a block of the page `{page}`, which `cnnarch show {page}` prints" if page else hint
        raise ReadError(f"there is no kind `{kind}`", hint or "`cnnarch layers` lists them")
    return out.put(
        pages=lambda: [kinds_page() if kind is None else kind_page(KINDS[kind])],
        record=lambda: [kind_record(one) for one in KINDS.values()] if kind is None else kind_record(KINDS[kind]),
    )
