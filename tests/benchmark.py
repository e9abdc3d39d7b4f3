"""Speed, as ratios within one run: `python -m tests.benchmark`.

The machines that this runs on are shared and noisy, so nothing here is compared with a number of
seconds from elsewhere: processes are timed in turns, and the best of each is taken.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table

from cnnarch.search.sums.sums import Sums
from cnnarch.shapes import Shape
from cnnarch.spec.axes import Choices, Lists, Range, Space

ROUNDS = 25

BARE_TABLE = """
import click, yaml
from rich.console import Console
from rich.table import Table
table = Table("layer", "output")
table.add_row("conv1", "55×55×96")
Console().print(table)
"""
COMMAND = "import sys; sys.argv[1:] = {arguments!r}; from cnnarch.cli import main; main()"

# A layer of each kind in turn, three keys and values to a convolution.
PATTERN = "  - conv: {filters: 8, kernel: 3, padding: half}\n  - batchnorm\n  - relu\n"


def main() -> None:
    console = Console()
    console.print(starts())
    console.print(builds())
    console.print(costs())
    console.print(variants())
    console.print(workers())
    console.print(beside_onnx())
    console.print(scaling())
    console.print(drawings())


def starts() -> Table:
    """Whole processes beside bare ones that import the same libraries."""
    cases = {
        "bare table": BARE_TABLE,
        "summary alexnet": COMMAND.format(arguments=["summary", "alexnet"]),
        "bare imports": "import click, yaml",
        "summary alexnet --format json": COMMAND.format(arguments=["summary", "alexnet", "--format", "json"]),
        "--help": COMMAND.format(arguments=["--help"]),
        "list": COMMAND.format(arguments=["list"]),
        "check --all": COMMAND.format(arguments=["check", "--all"]),
    }
    times = timed_in_turns(cases)
    table = Table("process", "best, ms", "times bare", "aim", title="start to end")
    for name, bare, aim in (
        ("bare table", "bare table", ""),
        ("summary alexnet", "bare table", "≤ 1.25"),
        ("bare imports", "bare imports", ""),
        ("summary alexnet --format json", "bare imports", "≤ 1.25"),
        ("--help", "bare imports", ""),
        ("list", "bare table", "< 1 s"),
        ("check --all", "bare table", "≤ 3 s"),
    ):
        table.add_row(name, f"{1000 * times[name]:.1f}", f"{times[name] / times[bare]:.2f}", aim)
    return table


def timed_in_turns(cases: dict[str, str]) -> dict[str, float]:
    """The best time of each program, run by turns so that noise falls on all alike."""
    # Installed programs have their bytecode; a checkout run with this variable would not.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, program in cases.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, env=environment, check=True)
            best[name] = min(best.get(name, 1e9), time.perf_counter() - start)
    return best


def builds() -> Table:
    """Networks from text to graph, and to totals: as at the first time in a process, and once more."""
    from cnnarch import load
    from cnnarch.analysis.totals import total
    from cnnarch.spec import catalog
    from cnnarch.spec.build import build

    table = Table("network", "layers", "from text, ms", "again, ms", "build alone, ms", "totals, ms", "aim",
                  title="building")  # fmt: skip
    for name, aim in (
        ("alexnet", ""),
        ("vgg16", ""),
        ("googlenet", ""),
        ("resnet50", "from text < 5 ms"),
        ("efficientnet_b7", ""),
    ):
        spec = catalog.read(name)
        graph = build(spec)
        row = [
            best_of(lambda name=name: load(name), before=forget),  # type: ignore[misc]
            best_of(lambda name=name: load(name)),  # type: ignore[misc]
            best_of(lambda spec=spec: build(spec)),  # type: ignore[misc]
            best_of(lambda graph=graph: total(graph)),  # type: ignore[misc]
        ]
        table.add_row(name, str(len(graph.layers)), *(f"{1000 * value:.2f}" for value in row), aim)
    return table


def costs() -> Table:
    """Every figure of a network that is built, and all advice, beside the time to read and build it."""
    from cnnarch import load
    from cnnarch.analysis.advice import findings
    from cnnarch.analysis.figures import FIGURES
    from cnnarch.network import Network
    from cnnarch.spec import catalog

    def answer(network: Network) -> None:
        fresh = Network(network.spec, network.graph, network.label)  # a network keeps its answers
        for figure in FIGURES.values():
            figure.of(fresh)

    def advise(network: Network) -> None:
        findings(Network(network.spec, network.graph, network.label))

    table = Table("networks", "layers", "built, ms", "figures, ms", "times built", "advice, ms", "aim", title="costs")
    names = [*catalog.names()]
    for label, chosen, aim in (
        ("alexnet", ["alexnet"], ""),
        ("resnet152", ["resnet152"], "figures < 30 ms"),
        (f"all {len(names)}", names, "figures < 5 s"),
    ):
        networks = [load(name) for name in chosen]
        built = best_of(lambda chosen=chosen: [load(name) for name in chosen], rounds=3, before=forget)  # type: ignore[misc]
        found = best_of(lambda networks=networks: [answer(one) for one in networks], rounds=3)  # type: ignore[misc]
        advised = best_of(lambda networks=networks: [advise(one) for one in networks], rounds=3)  # type: ignore[misc]
        layers = sum(len(one.layers) for one in networks)
        times = [f"{1000 * value:.1f}" for value in (built, found, advised)]
        table.add_row(label, f"{layers:,}", times[0], times[1], f"{found / built:.2f}", times[2], aim)
    return table


# What varies in each network, from which variants are drawn: a layer's settings, width, depth and input.
GRIDS = {
    "alexnet": Space((
        Range("input", 195, 4, 57),
        Choices("classes", (10, 100, 1000)),
        Range("conv2.filters", 128, 16, 25),
        Range("conv3.filters", 128, 32, 13),
        Choices("conv4.kernel", (1, 3)),
        Range("fc1.units", 1024, 256, 13),
    )),
    "resnet50": Space((
        Range("input", 128, 32, 7),
        Range("width", 16, 4, 29),
        Choices("classes", (10, 100, 1000)),
        Lists("depths", Range("", 2, 1, 8), 4, 4),
    )),
    "mobilenet_v2": Space((Range("input", 128, 32, 7), Range("width", 25, 5, 24, 100), Choices("classes", (10, 1000)))),
}  # fmt: skip


def variants() -> Table:
    """Totals of variants drawn from a grid, a second: each built whole, and counted from what was counted before."""
    from cnnarch.analysis.totals import total
    from cnnarch.spec import catalog
    from cnnarch.spec.build import build

    title = "totals of variants"
    table = Table("network", "grid", "variants", "built, a second", "counted, a second", "times", "aim", title=title)
    for name, number, aim in (("alexnet", 20_000, "10,000"), ("resnet50", 4_000, "2,000"), ("mobilenet_v2", 4_000, "")):
        spec, space, of = catalog.read(name), GRIDS[name], Random(7)
        drawn = []
        for _ in range(number):
            settings = space.at(of.randrange(space.size))
            side = settings.pop("input")
            drawn.append((settings, {"input": Shape(side, side, 3)}))
        sums = Sums(spec)
        assert sums.totals(*drawn[0]) == total(build(spec, *drawn[0]))
        few = drawn[:200]
        whole = best_of(lambda spec=spec, few=few: [total(build(spec, *one)) for one in few], 3, forget) / len(few)  # type: ignore[misc]
        parts = best_of(lambda spec=spec, drawn=drawn: each(Sums(spec), drawn), 3, forget) / number  # type: ignore[misc]
        grid = f"{space.size:,}: {', '.join(axis.name for axis in space.axes)}"
        rates = f"{1 / whole:,.0f}", f"{1 / parts:,.0f}", f"{whole / parts:.1f}"
        table.add_row(name, grid, f"{number:,}", *rates, aim)
    return table


def each(sums: Sums, drawn: list[Any]) -> None:
    for one in drawn:
        sums.totals(*one)


def workers() -> Table:
    """A sweep by one process and by two, which were started before."""
    from concurrent.futures import ProcessPoolExecutor

    from cnnarch.search.sweeping import sweep

    table = Table("network", "variants", "processes", "a second", "times one", "aim", title="by processes")
    for name, number in (("alexnet", 60_000), ("resnet50", 20_000)):
        axes = {axis.name: [axis.at(place) for place in range(axis.size)] for axis in GRIDS[name].axes}
        rates: list[float] = []
        for count in (1, 2):
            with ProcessPoolExecutor(count) as pool:
                list(sweep(name, axes, sample=500, executor=pool))  # both have begun
                found = sweep(name, axes, sample=number, seed=7, executor=pool)
                start = time.perf_counter()
                assert sum(1 for _ in found.rows()) + found.failures.count == number
                rates.append(number / (time.perf_counter() - start))
            aim = "2" if count == 2 else ""
            table.add_row(name, f"{number:,}", str(count), f"{rates[-1]:,.0f}", f"{rates[-1] / rates[0]:.2f}", aim)
    return table


def beside_onnx() -> Table:
    """ResNet-152 built from its spec, with totals, beside its graph read and its shapes inferred by ONNX's C++."""
    from cnnarch.analysis.totals import total
    from cnnarch.interchange.onnx.writing import write
    from cnnarch.spec import catalog
    from cnnarch.spec.build import build

    spec = catalog.read("resnet152")
    cases: dict[str, Callable[[], object]] = {
        "build, total": lambda: total(build(spec)),
        "totals alone": lambda: Sums(spec).totals({}),
    }
    with tempfile.TemporaryDirectory() as folder:
        if find_spec("onnx"):
            onnx: Any = import_module("onnx")
            written, plain = Path(folder, "written.onnx"), Path(folder, "plain.onnx")
            written.write_bytes(write(spec, build(spec), "resnet152"))
            plain.write_bytes(without_values(onnx.load(str(written))))
            for label, path in (("onnx: load, infer_shapes", plain), ("onnx: the same, as exported", written)):
                cases[label] = lambda path=path: onnx.shape_inference.infer_shapes(onnx.load(str(path)))  # type: ignore[misc]
        times = dict.fromkeys(cases, 1e9)
        for _ in range(ROUNDS):  # by turns, so that noise falls on all alike
            for label, call in cases.items():
                times[label] = min(times[label], best_of(call, 2))
    table = Table("ResNet-152", "best, ms", "times build", "aim", title="beside ONNX, without weights")
    for label, seconds in times.items():
        aim = "≥ 1" if label.startswith("onnx: load") else ""
        table.add_row(label, f"{1000 * seconds:.2f}", f"{seconds / times['build, total']:.2f}", aim)
    return table


def without_values(model: Any) -> bytes:
    """A model whose weights are inputs, so that nothing is inferred but the shapes of its layers."""
    onnx: Any = import_module("onnx")
    known = {one.name: one for one in onnx.shape_inference.infer_shapes(model, data_prop=True).graph.value_info}
    nodes = [*model.graph.node]
    del model.graph.node[:]
    for node in nodes:
        if node.op_type == "ConstantOfShape":
            model.graph.input.append(known[node.output[0]])
        else:
            model.graph.node.append(node)
    found: bytes = model.SerializeToString()
    return found


def forget() -> None:
    """Drop what is kept from one network to the next."""
    from cnnarch.layers import base
    from cnnarch.spec import build, catalog

    for kept in (base._LAYERS, build._MEASURED, catalog._SPECS, catalog._PAGES):
        kept.clear()


def best_of(call: Callable[[], object], rounds: int = 30, before: Callable[[], None] = lambda: None) -> float:
    best = 1e9
    for _ in range(rounds):
        before()
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def scaling() -> Table:
    """The cost of a layer at three sizes, written out and repeated, each in a process of its own.

    What any spec costs, however short, is taken off: the time of one with three layers.
    """
    table = Table("spec", "layers", "µs a layer", "to the least", "peak, MiB", "aim", title="cost of a layer")
    for form in ("flat", "repeat"):
        found = []
        for layers in (100, 10_000, 1_000_000):
            arguments = [sys.executable, "-m", "tests.benchmark", form, str(layers)]
            out = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split()
            found.append((layers, float(out[0]), float(out[1])))
        least = min(micros for _, micros, _ in found)
        for layers, micros, peak in found:
            table.add_row(form, f"{layers:,}", f"{micros:.2f}", f"{micros / least:.2f}", f"{peak:.0f}", "≤ 1.5")
    return table


def measure(form: str, layers: int) -> None:
    """Print the microseconds a layer takes, and the most memory of the process in MiB."""
    import resource

    from cnnarch import load

    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder, "short.yaml"), Path(folder, "long.yaml")
        short.write_text(spec_text(form, 3))
        long.write_text(spec_text(form, layers))
        fixed = best_of(lambda: load(str(short)), rounds=200)
        best = best_of(lambda: load(str(long), limit=2 * layers), rounds=max(2, min(200, 100_000 // layers)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(1e6 * (best - fixed) / (layers - 3), peak)


def drawings() -> Table:
    """Networks of 10,000 layers that differ, drawn in every way, beside a summary of all their layers as CSV."""
    from cnnarch.cli.draw import FORMS, STYLES

    ways = {f"--style {style}": ["draw", "--style", style] for style in STYLES}
    ways |= {f"--to {form}": ["draw", "--to", form] for form in FORMS if form not in ("svg", "png")}
    ways["report"] = ["report"]
    table = Table("spec", "drawn", "seconds", "times a summary", "peak, MiB", "file, MiB", "aim", title="10,000 layers")
    with tempfile.TemporaryDirectory() as folder:
        for form, text in different_layers().items():
            spec, out = Path(folder, f"{form}.yaml"), Path(folder, "out")
            spec.write_text(text)
            summary, *_ = process("summary", str(spec), "--format", "csv", "-o", str(out))
            for name, (command, *more) in ways.items():
                seconds, peak = process(command, str(spec), *more, "-o", str(out))
                figures = (
                    f"{seconds:.1f}",
                    f"{seconds / summary:.1f}",
                    f"{peak:.0f}",
                    f"{out.stat().st_size / 2**20:.1f}",
                )
                table.add_row(form, name, *figures, "< 10 s, 1 GiB")
    return table


def process(*arguments: str) -> tuple[float, float]:
    """The seconds that a command takes, and the most memory of it in MiB."""
    start = time.perf_counter()
    started = subprocess.Popen([sys.executable, "-c", COMMAND.format(arguments=[*arguments])])
    _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode:
        raise subprocess.CalledProcessError(started.returncode, arguments)
    return time.perf_counter() - start, used.ru_maxrss / 1024


def different_layers() -> dict[str, str]:
    """A chain, residual blocks, and branches side by side, of which none repeats."""
    head = "name: many\ninput: 16x16x8\nlayers:\n"
    conv = "- conv: {{filters: {}, kernel: {}, padding: half}}\n"
    chain = "".join("  " + conv.format(1 + at % 997, 1 + 2 * (at * at % 3)) for at in range(10_000))
    blocks = "".join(f"  - residual:\n      {conv.format(1 + at, 3)}      {conv.format(8, 1)}" for at in range(3_333))
    branches = "".join(
        "      -\n" + "".join(f"        {conv.format(1 + (37 * of + at * at) % 89, 3)}" for at in range(100))
        for of in range(100)
    )
    return {
        "chain": head + chain,
        "3,333 residual": head + blocks,
        "100 branches": f"{head}  - branches:\n{branches}    merge: concat\n",
    }


def spec_text(form: str, layers: int) -> str:
    turns = layers // 3
    head = "name: many\ninput: 16x16x8\n"
    if form == "flat":
        return f"{head}layers:\n{PATTERN * turns}"
    body = PATTERN.replace("  - ", "      - ")
    return f"{head}blocks:\n  unit:\n    layers:\n{body}layers:\n  - unit:\n    repeat: {turns}\n"


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        main()
