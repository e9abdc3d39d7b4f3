"""The command line: read, call, echo, exit code."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from cnnarch import __version__
from cnnarch.analysis.check import Checked, Limit, outcomes, parse_limit
from cnnarch.analysis.explanation import explain
from cnnarch.errors import Cause, ReadError, SpecError, suggestion
from cnnarch.layers import KINDS
from cnnarch.network import Network, load
from cnnarch.render import records, renderer, views
from cnnarch.render.columns import LAYER_DATA, NETWORK_COLUMNS
from cnnarch.render.flat import flat
from cnnarch.render.kinds import kind_page, kind_record, kinds_page
from cnnarch.render.sheets import Page, Sheet
from cnnarch.shapes import Shape
from cnnarch.spec import catalog
from cnnarch.spec.build import LAYER_LIMIT, parse_setting
from cnnarch.spec.document import TASKS
from cnnarch.spec.items import resembling
from cnnarch.spec.schema import schema as make_schema
from cnnarch.spec.values import parse_shape

__all__ = ["main"]

NO, MISUSE = 1, 2  # exit codes: the answer is no; a call that makes no sense, or a file that cannot be read
LIMITS = ("params", "weights", "biases", "buffers", "macs", "conv_params", "fc_params", "weight_layers", "layers")

Decorator = Callable[[Any], Any]


def main() -> None:
    """Run a command; every error of a user's ends here, without a traceback."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it quietly, as it does other tools
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        commands(prog_name="cnnarch")
    except SpecError as error:
        click.echo(str(error), err=True)
        sys.exit(NO)
    except ReadError as error:
        click.echo(str(error), err=True)
        sys.exit(MISUSE)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="cnnarch")
def commands() -> None:
    """Inspect the architecture of convolutional networks from a page of YAML.

    \b
    Examples:
      cnnarch summary alexnet                   layer by layer
      cnnarch compare alexnet vgg16             what differs
      cnnarch explain alexnet conv1             the arithmetic
      cnnarch check net.yaml --max-params 5M    exit code 1 if it is over
      cnnarch show vgg16 > mine.yaml            a spec to start from

    A SPEC is the name of a shipped network (see `cnnarch list`), the path of a YAML file, or `-`
    for standard input.
    """


# Options that several commands have


def _specs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in catalog.names() if name.startswith(incomplete)]


def _kinds(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in KINDS if name.startswith(incomplete)]


def _assignments(context: click.Context, parameter: click.Parameter, given: Sequence[str]) -> dict[str, Any]:
    """The values of `--set`."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ReadError(f"`--set {text}` has no value", "write `--set name=value`")
        try:
            found[name.strip()] = parse_setting(value)
        except SpecError as error:
            first = error.problems[0]
            raise ReadError(f"`--set {text}`: {first.message}", first.hint) from None
    return found


def _inputs(
    context: click.Context, parameter: click.Parameter, given: Sequence[str]
) -> Shape | dict[str, Shape] | None:
    """The shapes of `--input`, by name where they have one."""
    found = {}
    for text in given:
        name, equals, shape = text.partition("=")
        try:
            found[name if equals else ""] = parse_shape(shape if equals else text)
        except Cause as cause:
            raise ReadError(f"`--input {text}`: {cause.message}", cause.hint) from None
    if "" not in found:
        return found or None
    if len(found) > 1:
        raise ReadError("one `--input` has a name and another has not", "write `--input name=shape` for each")
    return found[""]


def spec_options(command: Any) -> Any:
    """What changes a spec before it is built."""
    for option in (
        click.option("--layer-limit", type=click.IntRange(1), default=LAYER_LIMIT, show_default=True,
                     help="Refuse networks with more layers."),
        click.option("--batch", type=click.IntRange(1, 10**9), default=1, show_default=True,
                     help="Inputs at a time; work grows with it, parameters do not."),
        click.option("--input", "inputs", multiple=True, callback=_inputs, metavar="SHAPE",
                     help="Another input, as 299x299x3; name=SHAPE where there are several."),
        click.option("--set", "settings", multiple=True, callback=_assignments, metavar="NAME=VALUE",
                     help="Another value for a setting of the spec."),
    ):  # fmt: skip
        command = option(command)
    return command


def output_options(*formats: str) -> Decorator:
    """Where the result goes, and how it is written."""

    def decorate(command: Any) -> Any:
        for option in (
            click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
                         help="Colour in tables."),
            click.option("-o", "--output", type=click.Path(), metavar="FILE",
                         help="Write to a file, whole or not at all."),
            click.option("--format", "form", type=click.Choice(formats), default=formats[0], show_default=True,
                         help="How the result is written."),
        ):  # fmt: skip
            command = option(command)
        return command

    return decorate


def spec_argument(**settings: Any) -> Decorator:
    return click.argument(
        "spec" if "nargs" not in settings else "specs", metavar="SPEC", shell_complete=_specs, **settings
    )


def _columns(context: click.Context, parameter: click.Parameter, given: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in given.split(",")) if given else ()


columns_option = click.option(
    "--columns", callback=_columns, metavar="KEYS", help="The columns to show, as name,output,macs."
)


# Commands


@commands.command("list")
@click.option("--task", type=click.Choice(TASKS), help="Only networks for this task.")
@columns_option
@output_options("table", "json", "csv", "markdown")
def list_(task: str | None, columns: tuple[str, ...], form: str, output: str | None, color: str) -> None:
    """The networks that are shipped.

    \b
    Examples:
      cnnarch list
      cnnarch list --task reading
      cnnarch list --columns network,params --format csv
    """
    networks = [load(name) for name in catalog.names()]
    networks = [one for one in networks if task in (None, one.spec.task)]
    shown = columns or ("network", "name", "year", "input", "params", "macs", "weight_layers")
    if form == "json":
        return echo(
            records.to_json({"version": records.VERSION, "networks": records.network_records(networks, columns)}),
            output,
        )
    put(views.networks(networks, shown), form, output, color)


@commands.command()
@spec_argument(nargs=-1, required=True)
@click.option("--depth", type=click.IntRange(1), help="How deep into blocks; 1 in tables, all the way in data.")
@click.option("--all", "everything", is_flag=True, help="Every layer on a row of its own.")
@click.option("--get", "path", metavar="PATH", help="Print one value, as totals.params.")
@columns_option
@spec_options
@output_options("table", "json", "csv", "markdown")
def summary(
    specs: tuple[str, ...],
    depth: int | None,
    everything: bool,
    path: str | None,
    columns: tuple[str, ...],
    form: str,
    output: str | None,
    color: str,
    **changes: Any,
) -> None:
    """A network, layer by layer.

    \b
    Examples:
      cnnarch summary alexnet
      cnnarch summary resnet50 --depth 2
      cnnarch summary vgg16 --set classes=10 --input 32x32x3
      cnnarch summary net.yaml --get totals.params
      cnnarch summary net.yaml --format csv --columns name,output,macs
    """
    networks = [read(spec, changes) for spec in specs]
    if path is not None:
        values = [records.lookup(records.summary_record(one), path) for one in networks]
        return echo("".join(f"{value}\n" for value in values), output)
    if form == "json":
        found = [records.summary_record(one, depth, columns) for one in networks]
        return echo(records.to_json(found[0] if len(found) == 1 else found), output)
    if form == "csv":
        sheets = [views.summary(one, depth, fold=False, columns=columns or LAYER_DATA) for one in networks]
        return echo("".join(records.sheet_csv(main_sheet(page)) for page in sheets), output)
    depth = None if everything else depth or 1
    pages = [views.summary(one, depth, not everything, columns) for one in networks]
    put_all(pages, form, output, color)


@commands.command()
@spec_argument(nargs=-1, required=True)
@click.option("--depth", type=click.IntRange(1), help="How deep into blocks.  [default: 1]")
@columns_option
@spec_options
@output_options("table", "json", "csv", "markdown")
def compare(
    specs: tuple[str, ...],
    depth: int | None,
    columns: tuple[str, ...],
    form: str,
    output: str | None,
    color: str,
    **changes: Any,
) -> None:
    """Networks side by side.

    Their totals; for two networks also layer against layer.

    \b
    Examples:
      cnnarch compare alexnet zfnet
      cnnarch compare vgg11 vgg13 vgg16 vgg19
      cnnarch compare mine.yaml resnet50 --format markdown
    """
    if len(specs) < 2:
        raise ReadError("one network cannot be compared", "name two or more")
    if list(specs).count("-") > 1:
        raise ReadError("standard input can be read once", "write one of the specs to a file")
    networks = [read(spec, changes) for spec in specs]
    if form == "json":
        return echo(records.to_json(records.compare_record(networks, depth)), output)
    if len(networks) > 2:
        shown = ("network", "input", "weights", "biases", "params", "macs", "conv_params", "fc_params", "weight_layers")
        return put(views.networks(networks, columns or shown), form, output, color)
    page = views.comparison(networks[0], networks[1], depth=depth or 1, columns=columns, wide=form != "table")
    put(page, form, output, color)


@commands.command("explain")
@spec_argument()
@click.argument("layers", metavar="[LAYER]...", nargs=-1)
@spec_options
@output_options("table", "json", "markdown")
def explain_(spec: str, layers: tuple[str, ...], form: str, output: str | None, color: str, **changes: Any) -> None:
    """The arithmetic behind the figures.

    Of one layer, of several, or of all; formula, numbers and result.

    \b
    Examples:
      cnnarch explain alexnet conv1
      cnnarch explain alexnet
      cnnarch explain resnet50 stage1/bottleneck1/conv_bn2/conv
    """
    network = read(spec, changes)
    nodes = [network.layer(name) for name in layers] if layers else network.layers
    found = [explain(network.graph, node) for node in nodes]
    if form == "json":
        return echo(records.to_json(records.explain_record(network, found)), output)
    put(views.explanation(network, found, everything=not layers), form, output, color)


@commands.command()
@spec_argument()
@columns_option
@spec_options
@output_options("table", "json", "csv", "markdown")
def savings(spec: str, columns: tuple[str, ...], form: str, output: str | None, color: str, **changes: Any) -> None:
    """What convolutions save.

    Each beside the fully connected and the locally connected layer that it stands for.

    \b
    Examples:
      cnnarch savings alexnet
      cnnarch savings vgg16 --columns name,dense,sparse,inside,shared
    """
    network = read(spec, changes)
    if form == "json":
        return echo(records.to_json(records.savings_record(network, columns)), output)
    if form == "csv" and not columns:
        columns = records.SAVING_KEYS
    put(views.savings(network, columns), form, output, color)


def limit_options(command: Any) -> Any:
    """`--max-params` and the like, one for each total."""
    for key in reversed(LIMITS):
        title = next(column.about for column in NETWORK_COLUMNS if column.key == key)
        option = click.option(
            f"--max-{key.replace('_', '-')}", f"most_{key}", metavar="N", help=f"The most {key}: {title}."
        )
        command = option(command)
    return command


@commands.command()
@spec_argument(nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every shipped network.")
@limit_options
@spec_options
@output_options("table", "json", "csv", "markdown")
def check(specs: tuple[str, ...], everything: bool, form: str, output: str | None, color: str, **options: Any) -> None:
    """Is a spec valid, true, within limits?

    Whether it can be built, keeps its published figures and stays within the limits given.

    \b
    Examples:
      cnnarch check net.yaml --max-params 5M --max-macs 600M
      cnnarch check *.yaml
      cnnarch check --all
    Exit code: 0 if all is well, 1 if not.
    """
    most = {key: options.pop(f"most_{key}") for key in LIMITS}
    try:
        limits = [Limit(key, parse_limit(text)) for key, text in most.items() if text is not None]
    except Cause as cause:
        raise ReadError(cause.message, cause.hint) from None
    names = [*specs, *(catalog.names() if everything else [])]
    if not names:
        raise ReadError("nothing to check", "name one or more specs, or `--all`")
    found = [_checked(name, limits, options) for name in names]
    for one in found:
        if one.error is not None:
            click.echo(f"{one.error}\n", err=True)
    if form == "json":
        echo(records.to_json(records.check_record(found)), output)
    else:
        put(views.checks(found), form, output, color)
    sys.exit(0 if all(one.ok for one in found) else NO)


def _checked(name: str, limits: list[Limit], changes: dict[str, Any]) -> Checked:
    try:
        network = read(name, changes)
        return Checked(name, network.totals, network.published(), outcomes(network.totals, limits))
    except SpecError as error:
        return Checked(name, None, [], [], error)


@commands.command()
@spec_argument()
@click.option("--flat", "is_flat", is_flag=True, help="Blocks, repeats and `extends` written out.")
@spec_options
@click.option("-o", "--output", type=click.Path(), metavar="FILE", help="Write to a file, whole or not at all.")
def show(spec: str, is_flat: bool, output: str | None, **changes: Any) -> None:
    """The YAML of a spec, to start from.

    \b
    Examples:
      cnnarch show vgg16 > mine.yaml
      cnnarch show resnet50 --flat --set classes=10
    """
    if is_flat:
        return echo(flat(read(spec, changes)), output)
    if changes["settings"] or changes["inputs"]:
        raise ReadError("`--set` and `--input` change what is built, not the text", "add `--flat`")
    echo(catalog.read_source(spec).text, output)


@commands.command()
@click.argument("kind", required=False, metavar="[KIND]", shell_complete=_kinds)
@output_options("table", "json", "markdown")
def layers(kind: str | None, form: str, output: str | None, color: str) -> None:
    """The kinds of layers.

    All of them, or one with its settings, its rule and an example.

    \b
    Examples:
      cnnarch layers
      cnnarch layers conv
    """
    if kind is not None and kind not in KINDS:
        known = resembling(kind)
        hint = f"it is called `{known}` here" if known else suggestion(kind, list(KINDS))
        raise ReadError(f"there is no kind `{kind}`", hint or "`cnnarch layers` lists them")
    if form == "json":
        kinds = [kind_record(one) for name, one in KINDS.items() if kind in (None, name)]
        return echo(records.to_json(kinds if kind is None else kinds[0]), output)
    put(kinds_page() if kind is None else kind_page(KINDS[kind]), form, output, color)


@commands.command()
@click.option("-o", "--output", type=click.Path(), metavar="FILE", help="Write to a file, whole or not at all.")
def schema(output: str | None) -> None:
    """A JSON Schema of specs, for editors.

    \b
    Example:
      cnnarch schema -o cnnarch.schema.json
    """
    echo(records.to_json(make_schema()), output)


# Reading and writing


def read(spec: str, changes: dict[str, Any]) -> Network:
    return load(spec, changes["settings"], changes["inputs"], changes["batch"], changes["layer_limit"])


def main_sheet(page: Page) -> Sheet:
    """The table that CSV gives: the first that has columns with titles."""
    return next(part for part in page if isinstance(part, Sheet))


def put(page: Page, form: str, output: str | None, color: str) -> None:
    put_all([page], form, output, color)


def put_all(pages: list[Page], form: str, output: str | None, color: str) -> None:
    """Write pages in a format that people read, or their main tables as CSV."""
    if form == "csv":
        return echo("".join(records.sheet_csv(main_sheet(page)) for page in pages), output)
    if form == "markdown":
        return echo("\n".join(map(renderer(form), pages)), output)
    terminal = output is None and sys.stdout.isatty()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    width = shutil.get_terminal_size().columns if terminal else None
    colored = color == "always" or (color == "auto" and terminal and not plain)
    echo("\n".join(renderer(form)(page, width, colored) for page in pages), output)


def echo(text: str, output: str | None) -> None:
    """Write to standard output, or to a file: whole or not at all."""
    if output is None or output == "-":
        sys.stdout.write(text)
        return
    target = os.path.realpath(output)
    try:
        if os.path.exists(target) and not os.path.isfile(target):  # a device or a pipe
            with open(target, "w", encoding="utf-8") as file:
                file.write(text)
            return
        beside = f"{target}.{os.getpid()}.part"
        try:
            with open(beside, "x", encoding="utf-8") as file:
                file.write(text)
            os.replace(beside, target)
        finally:
            if os.path.exists(beside):
                os.unlink(beside)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise ReadError(f"cannot write `{output}`: {reason.lower()}") from None
