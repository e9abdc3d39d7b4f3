"""`cnnarch rules`: the rules of good practice that `check` asks."""

from __future__ import annotations

import click

from cnnarch.analysis.advice import RULES, resolve
from cnnarch.cli import help_option
from cnnarch.cli.output import PAGES, Output, output_options
from cnnarch.render.rules import rule_page, rule_record, rules_page

__all__ = ["command"]


def _codes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    words = (*RULES, *(rule.name for rule in RULES.values()))
    return [word for word in words if word.lower().startswith(incomplete.lower())]


@click.command("rules")
@help_option
@click.argument("code", required=False, metavar="[CODE]", shell_complete=_codes)
@output_options(*PAGES)
def command(code: str | None, out: Output) -> None:
    """The rules of good practice.

    All of them, those of a family, or one with what it finds, why that matters, an example and a
    source. CODE is a code, the beginning of codes, or a name.

    \b
    Examples:
      cnnarch rules
      cnnarch rules W
      cnnarch rules N201
      cnnarch rules bias-before-norm
    """
    meant = frozenset(RULES) if code is None else resolve([code])
    rules = [rule for one, rule in RULES.items() if one in meant]
    if len(rules) == 1:
        return out.put(pages=lambda: [rule_page(rules[0])], record=lambda: rule_record(rules[0]))
    return out.put(pages=lambda: [rules_page(rules)], record=lambda: [rule_record(rule) for rule in rules])
