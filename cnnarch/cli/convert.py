"""`cnnarch convert`: a network of one form, written in another."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from cnnarch.cli import completed, help_option
from cnnarch.cli.options import read, spec_options
from cnnarch.cli.output import echo, echo_files
from cnnarch.cli.streams import tell
from cnnarch.errors import ReadError, listed, printable
from cnnarch.interchange.doors import door
from cnnarch.network import Network

__all__ = ["command"]

FORMS = ("yaml", "pytorch", "keras", "onnx", "scalesim", "timeloop", "gemm")
# What can stand in a file of that ending. If it is more than one and the first is not meant, `--to` says so.
ENDINGS = {
    ".yaml": ("yaml", "timeloop"), ".yml": ("yaml", "timeloop"), ".py": ("", "pytorch", "keras"), ".onnx": ("onnx",),
    ".csv": ("", "scalesim", "gemm"),
}  # fmt: skip
WRITERS = {
    "pytorch": "pytorch.writing", "keras": "keras.writing", "onnx": "onnx.writing",
    "scalesim": "hardware.scalesim", "timeloop": "hardware.timeloop", "gemm": "hardware.gemm",
}  # fmt: skip
BATCHED = ("timeloop", "gemm")


@click.command("convert")
@help_option
@click.argument("spec", metavar="FROM", shell_complete=completed("models"))
@click.argument("target", metavar="TO", shell_complete=completed("paths"))
@click.option("--to", "form", type=click.Choice(FORMS), help="What is written, where the ending of TO does not say it.")
@click.option("--flat", "is_flat", is_flag=True, help="YAML with blocks, repeats, `import` and `extends` written out.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    metavar="N",
    help="Draw the weights of an ONNX graph; without it they are zeros.",
)
@click.option("--batch", type=click.IntRange(1, 10**9), metavar="N", help="Inputs at a time, for timeloop and gemm.")
@spec_options
def command(
    spec: str, target: str, form: str | None, is_flat: bool, seed: int | None, batch: int | None, **changes: Any
) -> None:
    """A network of one form, written in another.

    \b
    Examples:
      cnnarch convert model.onnx net.yaml
      cnnarch convert torchvision.models:resnet50 net.yaml --input 224x224x3
      cnnarch convert net.yaml net.py --to pytorch
      cnnarch convert net.yaml net.onnx --seed 1
      cnnarch convert resnet50 resnet50.csv --to scalesim
      cnnarch convert mobilenet_v2 problems/ --to timeloop
      cnnarch convert vit_b_16 - --to gemm

    FROM is whatever a SPEC can be: the name of a shipped network, a YAML file, `-` for standard
    input; and a model: model.onnx, model.keras, Keras's model.json, package.module:name or
    path/file.py:Class. Of Python the named code is run; of files, none.

    TO is a file, written whole or not at all, or `-` for standard output. What is written:

    \b
      .yaml, .yml              a page of ours
      .onnx                    a graph with the shape of every tensor
      .py --to pytorch, keras  code for the framework
      .csv --to scalesim       a topology for SCALE-Sim
      .csv --to gemm           the sizes of matrix products
      .yaml --to timeloop      a problem of Timeloop for each layer
      name/ --to timeloop      a folder, with a file for each problem
    """
    form = form or _form(target)
    _refuse(form, spec, target, is_flat, seed, batch)
    network = read(spec, changes)
    if form == "yaml":
        return echo(_page(network, is_flat, changes), target, "yaml")
    writer = import_module(f"cnnarch.interchange.{WRITERS[form]}")
    options: dict[str, Any] = {"seed": seed} if form == "onnx" else {"batch": batch or 1} if form in BATCHED else {}
    what = (network.spec, network.graph, _name(network, form))
    if _is_folder(target):
        echo_files(writer.files(*what, **options), target)
    else:
        echo(writer.write(*what, **options), target, form)
    for note in _notes(network, writer):
        tell(f"note: {printable(note)}")


def _form(target: str) -> str:
    """What the ending of a file says it is; YAML on standard output."""
    if target == "-":
        return "yaml"
    ending = os.path.splitext(target)[1].lower()
    if _is_folder(target):
        raise ReadError(f"`{target}` is a folder, which only Timeloop's problems are written to", "add `--to timeloop`")
    _refuse_weights(target)
    if ending not in ENDINGS:
        hint = f"endings are {', '.join(ENDINGS)}; or say it with `--to`"
        raise ReadError(f"the ending of `{target}` does not say what to write", hint)
    form, *others = ENDINGS[ending]
    if not form:
        hint = f"add {' or '.join(f'`--to {one}`' for one in others)}"
        raise ReadError(f"`{ending}` can be more than one thing", hint)
    return form


def _refuse(form: str, spec: str, target: str, is_flat: bool, seed: int | None, batch: int | None) -> None:
    """Raise for what does not go together, before anything is read."""
    _refuse_weights(target)
    possible = ENDINGS.get(os.path.splitext(target)[1].lower())
    if possible and form not in possible:
        raise ReadError(
            f"`{target}` ends as a file that is not {form}", f"what ends so is {' or '.join(filter(None, possible))}"
        )
    if _is_folder(target) and form != "timeloop":
        raise ReadError(f"`{target}` is a folder, and {form} is one file", "name a file in it")
    for option, given, forms in (("--flat", is_flat, ("yaml",)), ("--seed", seed is not None, ("onnx",)),
                                 ("--batch", batch is not None, BATCHED)):  # fmt: skip
        if given and form not in forms:
            raise ReadError(f"`{option}` is of {' and '.join(forms)}, and this is {form}", f"leave out `{option}`")
    if os.path.isfile(target) and os.path.isfile(spec) and os.path.samefile(spec, target):
        raise ReadError(f"`{target}` is what would be read", "name another file")
    if form == "onnx" and target == "-" and sys.stdout.isatty():
        raise ReadError("ONNX is not for a terminal", "name a file, or use a pipe")


def _refuse_weights(target: str) -> None:
    """Raise for what ends as a file of trained weights."""
    before, ending = os.path.splitext(target)
    if ending.lower() not in ENDINGS and door(target):
        hint = f"code for it is written with `{before}.py --to {door(target)}`"
        raise ReadError(f"`{ending}` files hold trained weights, which a spec has not", hint)


def _is_folder(target: str) -> bool:
    return target.endswith(("/", os.sep)) or os.path.isdir(target)


def _page(network: Network, is_flat: bool, changes: dict[str, Any]) -> str:
    """The text of a spec: of a page as it stands there, of a model as it was read."""
    if is_flat:
        flat: str = import_module("cnnarch.render.flat").flat(network)
        return flat
    if changes["settings"] or (changes["inputs"] and not door(network.label)):  # a model's page is made for an input
        raise ReadError("`--set` and `--input` change what is built, not the text", "add `--flat`")
    return network.spec.source.text


def _name(network: Network, form: str) -> str:
    """What to call it in another framework: the name of the file or class that it came from.

    A class is written as the spec writes its name, if that is the same word: `ResNet50`, not `Resnet50`.
    """
    written = "".join(char for char in network.name if char.isalnum())
    last = os.path.splitext(os.path.basename(network.label.rpartition(":")[2]))[0]
    if network.label == "-" or not last.strip("0123456789"):  # standard input, or a pipe as /dev/fd/63
        return network.name
    alike = written.lower() == last.lower().replace("_", "")
    return written if form == "pytorch" and alike else last


def _notes(network: Network, writer: Any) -> list[str]:
    """What a reader of the file has to know."""
    found: list[str] = writer.notes(network.graph) if hasattr(writer, "notes") else []
    unknown = network.graph.not_counted
    if unknown and writer.__name__.startswith("cnnarch.interchange.hardware"):
        found.append(f"not known and left out: {listed((node.name for node in unknown), 4)}")
    return found
