"""`cnnarch roofline`: what limits each layer on a device."""

from __future__ import annotations

from typing import Any

import click

from cnnarch.analysis.devices import DEVICES, Device, Roof, device
from cnnarch.analysis.roofline import parse_bandwidth, parse_peak
from cnnarch.cli import help_option
from cnnarch.cli.options import batch_option, columns_option, completed, dtype_option, read, spec_argument, spec_options
from cnnarch.cli.output import TABLES, Output, echo, output_options
from cnnarch.errors import Cause, ReadError
from cnnarch.render import roofline
from cnnarch.render.summary import lookup

__all__ = ["command"]


def _devices(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in DEVICES if name.startswith(incomplete)]


@click.command("roofline")
@help_option
@spec_argument(required=False)
@click.option("--device", "name", metavar="NAME", shell_complete=_devices, help="A device of `--devices`.")
@click.option("--peak", metavar="RATE", help="Or its peak, 2 operations to a multiply-add: 10T, 19.5T.")
@click.option("--bandwidth", metavar="RATE", help="And its bytes a second: 100G, 25.6GB/s.")
@click.option("--devices", "listing", is_flag=True, help="List the devices, with the source of their figures.")
@click.option(
    "--depth", type=click.IntRange(1), metavar="N", help="How deep into blocks; 1 in tables, all the way in data."
)
@click.option("--all", "everything", is_flag=True, help="Every layer on a row of its own.")
@click.option("--together", is_flag=True, help="Run element-wise layers with the layer before, as compilers do.")
@click.option(
    "--get",
    "path",
    metavar="PATH",
    shell_complete=completed("values"),
    help="Print one value, as totals.time, in seconds.",
)
@columns_option
@batch_option
@dtype_option
@spec_options
@output_options(*TABLES)
def command(
    spec: str | None,
    name: str | None,
    peak: str | None,
    bandwidth: str | None,
    listing: bool,
    depth: int | None,
    everything: bool,
    together: bool,
    path: str | None,
    columns: tuple[str, ...],
    out: Output,
    **changes: Any,
) -> None:
    """What limits each layer on a device.

    The bytes that a layer reads and writes, its multiply-adds a byte, and for a device the least time that it must
    take: a bound, not a prediction.

    \b
    Examples:
      cnnarch roofline resnet50
      cnnarch roofline resnet50 --device a100 --dtype float16 --batch 32
      cnnarch roofline net.yaml --peak 10T --bandwidth 100G --depth 2
      cnnarch roofline net.yaml --device t4 --get bounds.on_chip.time
      cnnarch roofline --devices
    """
    if listing:
        pages = roofline.device_rows if out.form == "csv" else roofline.device_page
        return out.put(lambda: [pages(columns)], roofline.device_record)
    if spec is None:
        raise ReadError("there is no SPEC", "name a network, as `cnnarch roofline resnet50`, or ask for `--devices`")
    on, roof = _limits(name, peak, bandwidth, changes["dtype"])
    network = read(spec, changes)
    if path is not None:
        value = lookup(roofline.record(network, roof, on, depth, together, columns), path)
        return echo(f"{value}\n", out.file)
    out.put(
        lambda: [
            roofline.rows(network, roof, depth, together, columns)
            if out.form == "csv"
            else roofline.page(network, roof, on, None if everything else depth or 1, together, columns)
        ],
        lambda: roofline.record(network, roof, on, depth, together, columns),
    )


def _limits(name: str | None, peak: str | None, bandwidth: str | None, dtype: str) -> tuple[Device | None, Roof | None]:
    """What limits layers: a device, or the rates that are given, or nothing."""
    if name is not None and (peak is not None or bandwidth is not None):
        raise ReadError("`--device` has a peak and a bandwidth", "leave out `--device`, or `--peak` and `--bandwidth`")
    if name is not None:
        on = device(name)
        return on, on.roof(dtype)
    if peak is None and bandwidth is None:
        return None, None
    if peak is None or bandwidth is None:
        one, other = ("--peak", "--bandwidth") if bandwidth is None else ("--bandwidth", "--peak")
        raise ReadError(f"`{one}` needs `{other}` beside it", "as `--peak 10T --bandwidth 100G`")
    try:
        return None, Roof(parse_peak(peak), parse_bandwidth(bandwidth))
    except Cause as cause:
        raise ReadError(cause.message, cause.hint) from None
