"""`cnnarch compare`: networks side by side, or how one became another."""

from __future__ import annotations

from typing import Any

import click

from cnnarch.analysis.difference import differ
from cnnarch.cli import NO, help_option
from cnnarch.cli.options import batch_option, columns_option, dtype_option, read, read_all, spec_argument, spec_options
from cnnarch.cli.output import TABLES, Output, output_options
from cnnarch.errors import ReadError
from cnnarch.network import Network
from cnnarch.render import comparison, difference
from cnnarch.render import networks as totals
from cnnarch.render.sheets import Page

__all__ = ["command"]

TOTALS = ("network", "input", "weights", "biases", "params", "macs", "conv_params", "fc_params", "weight_layers")


@click.command("compare")
@help_option
@spec_argument(nargs=-1, required=True)
@click.option("--diff", "as_diff", is_flag=True, help="Of two: what was added, removed and changed, by layer names.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if networks differ from the first.")
@click.option(
    "--depth",
    type=click.IntRange(1),
    metavar="N",
    help="How deep into blocks; in tables 1, or with --diff as deep as leaves them short.",
)
@columns_option
@batch_option
@dtype_option
@spec_options
@output_options(*TABLES)
def command(
    specs: tuple[str, ...],
    as_diff: bool,
    exit_code: bool,
    depth: int | None,
    columns: tuple[str, ...],
    out: Output,
    **changes: Any,
) -> int:
    """Networks side by side, or what differs.

    Their totals; for two networks also layer against layer, in order. With `--diff` layers that have the same
    name are one, and only those that differ are shown: added, removed, changed and by how much; where
    a number in a name has moved on, those that do the same are one. As Markdown it is a comment for a pull
    request. What changes a spec, as `--set`, changes all of them; where they are one spec, the last.

    \b
    Examples:
      cnnarch compare alexnet zfnet
      cnnarch compare vgg11 vgg13 vgg16 vgg19
      cnnarch compare mine.yaml resnet50 --diff --format markdown
      cnnarch compare net.yaml net.yaml --set conv2.stride=1
      cnnarch compare <(git show HEAD:net.yaml) net.yaml --diff --exit-code

    Exit code with `--exit-code`: 1 if any network differs from the first in what a layer does or is called, or
    in any figure; 0 if not. Names of networks, notes and sources do not count.
    """
    if len(specs) < 2:
        raise ReadError("one network cannot be compared", "name two or more")
    if as_diff and len(specs) > 2:
        raise ReadError(f"a diff is of two networks, and {len(specs)} are named", "leave out `--diff`, or the others")
    if len(set(specs)) == 1:  # what a change does to it
        unchanged = {**changes, "settings": {}, "inputs": None}
        networks = [*read_all(specs[:-1], unchanged), read(specs[-1], changes)]
    else:
        networks = read_all(specs, changes)
    if as_diff:
        left, right = networks
        out.put(
            pages=lambda: [_diff(left, right, depth, columns, out)],
            record=lambda: difference.record(left, right, depth, columns),
        )
    else:
        out.put(
            pages=lambda: [_page(networks, depth, columns, out)],
            record=lambda: comparison.record(networks, depth, columns),
        )
    return NO if exit_code and any(differ(networks[0], other) for other in networks[1:]) else 0


def _diff(left: Network, right: Network, depth: int | None, columns: tuple[str, ...], out: Output) -> Page:
    if out.form == "csv":
        return [difference.sheet(left, right, depth, columns)]
    return difference.page(left, right, depth, columns)


def _page(networks: list[Network], depth: int | None, columns: tuple[str, ...], out: Output) -> Page:
    if len(networks) > 2:
        if out.form == "csv":
            return totals.page(networks, columns, TOTALS)
        return comparison.page_of_several(networks, columns)
    if out.form == "csv":
        return [comparison.pairs(networks[0], networks[1], depth, columns, fold=False)]
    return comparison.page(networks[0], networks[1], depth, columns)
