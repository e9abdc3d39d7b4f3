"""`cnnarch explain`: the arithmetic."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from cnnarch.analysis.explanation import explain
from cnnarch.cli import help_option
from cnnarch.cli.options import completed, read, spec_argument, spec_options
from cnnarch.cli.output import Output, echo, output_options
from cnnarch.render.explanation import lesson, page, record

__all__ = ["command"]


@click.command("explain")
@help_option
@spec_argument()
@click.argument("layers", metavar="[LAYER]...", nargs=-1, shell_complete=completed("layers"))
@spec_options
@output_options("table", "json", "markdown", "latex", "html")
def command(spec: str, layers: tuple[str, ...], out: Output, **changes: Any) -> None:
    """The arithmetic behind the figures.

    Of one layer, of several, or of all; formula, numbers and result. As Markdown, LaTeX and HTML it is a lesson
    to hand out, its formulas set as mathematics. Where all is explained, equal layers stand once.

    \b
    Examples:
      cnnarch explain alexnet conv1
      cnnarch explain alexnet
      cnnarch explain vgg16 stage1
      cnnarch explain resnet50 stage1/bottleneck1/conv_bn2/conv
      cnnarch explain lenet5 --format html -o lesson.html
      cnnarch explain lenet5 --format latex -o lesson.tex     to read in by \\input
    """
    network = read(spec, changes)
    nodes = [node for name in layers for node in network.part(name)] if layers else network.layers
    found = [explain(network.graph, node, network.receptive_field) for node in nodes]
    everything = not layers
    if out.form in ("table", "json"):
        return out.put(
            pages=lambda: [page(network, found, everything, once=everything)],
            record=lambda: record(network, found),
        )
    module = import_module("cnnarch.render.lesson")
    echo(module.set_lesson(lesson(network, found, everything), out.form, network.name), out.file, out.form)
