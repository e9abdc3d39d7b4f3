"""`cnnarch draw`: a figure of a network."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from cnnarch.cli import help_option
from cnnarch.cli.options import batch_option, dtype_option, read, spec_argument, spec_options
from cnnarch.cli.output import echo, file_option, terminal_width
from cnnarch.errors import ReadError
from cnnarch.network import Network

__all__ = ["command"]

STYLES = ("strip", "blocks", "profile")
ENDINGS = {
    ".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid", ".dot": "dot", ".gv": "dot", ".png": "png", ".txt": "text",
}  # fmt: skip
FORMS = tuple(dict.fromkeys(ENDINGS.values()))
WIDTH = 100  # columns of text where there is no terminal


@click.command("draw")
@help_option
@spec_argument()
@click.option("--style", type=click.Choice(STYLES), help="How SVG and PNG are drawn.  [default: strip]")
@click.option(
    "--to", "form", type=click.Choice(FORMS), help="What is written; svg, if the ending of -o does not say it."
)
@click.option("--depth", type=click.IntRange(1), help="How deep into blocks; as deep as can be read.")
@click.option("--width", type=click.IntRange(1), metavar="N", help="Pixels of a PNG, columns of text.")
@batch_option
@dtype_option
@spec_options
@file_option
def command(
    spec: str,
    style: str | None,
    form: str | None,
    depth: int | None,
    width: int | None,
    file: str | None,
    **changes: Any,
) -> None:
    """A figure of a network.

    \b
    Examples:
      cnnarch draw alexnet -o alexnet.svg
      cnnarch draw vgg16 --style blocks -o vgg16.svg
      cnnarch draw resnet50 --style profile -o resnet50.png --width 1600
      cnnarch draw unet --to text
      cnnarch draw googlenet --to mermaid
      cnnarch draw net.yaml -o net.dot --depth 1

    \b
    Styles:
      strip    a glyph a layer: its height the resolution, its width the channels
      blocks   oblique boxes, as in the figures of the AlexNet and VGG papers
      profile  parameters, MACs, activations and live memory, layer by layer

    What -o ends in says what is written: .svg, .png (needs cnnarch[png]), .txt, .mmd and .mermaid
    for Mermaid, .dot and .gv for Graphviz.
    """
    form = form or _form(file)
    _refuse(form, style, width, file)
    if form == "text" and file in (None, "-"):
        width = width or terminal_width()
    network = read(spec, changes)
    echo(_drawn(network, form, style or STYLES[0], depth, width), file, form)


def _form(file: str | None) -> str:
    """What the ending of a file says it is; an SVG where there is none."""
    ending = os.path.splitext(file or "")[1].lower()
    if ending and ending not in ENDINGS:
        hint = f"endings are {', '.join(ENDINGS)}; or say it with `--to`"
        raise ReadError(f"the ending of `{file}` is not one of a figure", hint)
    return ENDINGS.get(ending, "svg")


def _refuse(form: str, style: str | None, width: int | None, file: str | None) -> None:
    """Raise for options that would have no effect, and for what a terminal cannot show."""
    if style is not None and form not in ("svg", "png"):
        raise ReadError(f"`--style` is of svg and png, and this is {form}", "leave out `--style`")
    if width is not None and form not in ("png", "text"):
        raise ReadError(f"`--width` is of png and text, and this is {form}", "leave out `--width`")
    if form == "png" and file in (None, "-") and sys.stdout.isatty():
        raise ReadError("a PNG is not for a terminal", "name a file with `-o`, or use a pipe")


def _drawn(network: Network, form: str, style: str, depth: int | None, width: int | None) -> str | bytes:
    """The figure; its module is imported only now."""
    figure = import_module(f"cnnarch.render.figure.{_MODULES.get(form, style)}")
    if form == "text":
        return str(figure.letters(network, depth, width or WIDTH))
    if form in ("mermaid", "dot"):
        return str(getattr(figure, form)(network, depth))
    svg: str = getattr(figure, style)(network, depth)
    if form == "svg":
        return svg
    drawn: bytes = import_module("cnnarch.render.figure.raster").png(svg, width)
    return drawn


_MODULES = {"text": "letters", "mermaid": "mermaid", "dot": "dot"}
