"""`--max-params`, `--min-params` and the like: the limits of the commands that ask whether a network fits."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

import click

from cnnarch.analysis.budgets import MAX, MIN, Budget, given_budgets
from cnnarch.analysis.figures import FIGURES, Figure

__all__ = ["LimitedCommand", "given_limits", "limit_options"]

SHOWN = ("max_params", "max_macs", "max_weights", "max_peak", "max_training_memory")  # in the help, with the least
UNITS = (
    "N is a number: 5M, 600M, 4.1G. SIZE is in bytes: 512KiB, 2MiB (powers of 1024), 1.5GB (powers of 1000). "
    "Weights and params can have either: a SIZE limits the memory that they take."
)


class Limit(click.Option):
    """`--max-params` or the like: one of many, of which the help shows what is asked for most."""

    def __init__(self, *arguments: Any, figure: Figure, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.figure = figure

    @property
    def shown(self) -> bool:
        return self.name in SHOWN or (self.figure.more_is_better and self.name == f"{MIN}_{self.figure.key}")

    def place(self) -> int:
        return SHOWN.index(self.name) if self.name in SHOWN else len(SHOWN)


class LimitedCommand(click.Command):
    """A command whose help has its limits in a section of their own."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        every = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        limits = sorted((one for one in every if isinstance(one, Limit) and one.shown), key=Limit.place)
        with formatter.section("Limits"):
            formatter.write_dl([*filter(None, (one.get_help_record(ctx) for one in limits))])
            formatter.write_paragraph()
            for text in (UNITS, f"There are `--max-` and `--min-` for {', '.join(map(_dashed, FIGURES))}."):
                width = formatter.width - formatter.current_indent
                for line in wrap(text, width, break_on_hyphens=False):
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
        with formatter.section("Options"):
            others = [one.get_help_record(ctx) for one in every if not isinstance(one, Limit)]
            formatter.write_dl([*filter(None, others)])


def _dashed(key: str) -> str:
    return key.replace("_", "-")


def limit_options(command: Any) -> Any:
    """`--max-params`, `--min-params` and the like, two for each figure."""
    for key, figure in reversed(FIGURES.items()):
        about = f"{figure.about[0].upper()}{figure.about[1:]}."
        for side in (MIN, MAX):
            option = click.option(
                f"--{side}-{_dashed(key)}", f"{side}_{key}", metavar="SIZE" if figure.unit == "bytes" else "N",
                help=about, figure=figure, cls=Limit,
            )  # fmt: skip
            command = option(command)
    return command


def given_limits(options: dict[str, Any]) -> list[Budget]:
    """The limits of a call, taken out of its options, in the order in which they were typed."""
    limits = {name: options.pop(name) for name in [*options] if name.startswith((f"{MAX}_", f"{MIN}_"))}
    return given_budgets({name: text for name, text in limits.items() if text is not None})
