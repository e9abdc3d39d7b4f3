"""`cnnarch sweep`: many variants of a network, one table."""

from __future__ import annotations

import os
from contextlib import ExitStack
from importlib import import_module
from random import Random
from typing import Any

import click

from cnnarch.cli import INTERRUPTED, completed, help_option
from cnnarch.cli.options import batch_option, change_options, columns_option, dtype_option, spec_argument
from cnnarch.cli.output import Output, echo, output_options, terminal_width
from cnnarch.cli.progress import meter
from cnnarch.cli.rows import Rows, place_after
from cnnarch.cli.streams import tell
from cnnarch.errors import ReadError
from cnnarch.render import variants
from cnnarch.render.variants import outcome, page
from cnnarch.search.selection import Best, Front, Goal, goals
from cnnarch.search.sweeping import COLUMNS, Sweep, sweep
from cnnarch.search.variants import Row

__all__ = ["command"]

MOST_SHOWN = 1_000  # rows of a table
STREAMED = ("csv", "jsonl", "parquet")
RESUMED = ("csv", "jsonl")
MOST_DRAWN = 100_000  # points of a plot
WIDTH = 80  # columns of a plot where there is no terminal
FIGURES = {".svg": "svg", ".png": "png"}
ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


@click.command("sweep")
@help_option
@spec_argument()
@click.option(
    "--vary",
    multiple=True,
    metavar="NAME=VALUES",
    shell_complete=completed("settings"),
    help="A setting, an input or a layer's setting, and its values: width=0.25:2:0.25 (both ends), depth=18,34,50, "
    "input=128:320:32, conv2.stride=1,2.",
)
@click.option("--sample", type=click.IntRange(1), metavar="N", help="Try so many of the grid, none twice.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which ones `--sample` tries.")
@columns_option
@click.option("--where", default="", metavar="CONDITION", help="Only what meets it: 'params < 5M and peak < 512KiB'.")
@click.option("--best", metavar="FIGURES", help="The best by a figure, where equal by the next: macs, params:max.")
@click.option("--top", type=click.IntRange(1, 100_000), metavar="N", help="How many of the best.  [default: 1]")
@click.option("--pareto", metavar="FIGURES", help="Those that no other beats in all of these: params,macs,peak.")
@click.option(
    "--plot",
    metavar="FILE",
    shell_complete=completed("paths"),
    help="Draw two figures against each other: SVG or PNG; `-` draws in the terminal.",
)
@click.option("--strict", is_flag=True, help="Stop at the first variant that cannot be built.")
@click.option("--jobs", type=click.IntRange(1, 1024), metavar="N", help="Work in so many processes.")
@click.option("--dask", metavar="ADDRESS", help="Work on a Dask cluster: tcp://host:8786, or `local`.")
@click.option("--unordered", is_flag=True, help="Write rows as they come, not in the order of the grid.")
@click.option("--resume", is_flag=True, help="Go on with the file of `-o`, where it ends.")
@batch_option
@dtype_option
@change_options
@output_options("table", "csv", "jsonl", "parquet", "markdown", "latex", "html")
def command(
    spec: str,
    vary: tuple[str, ...],
    sample: int | None,
    seed: int,
    columns: tuple[str, ...],
    best: str | None,
    top: int | None,
    pareto: str | None,
    plot: str | None,
    jobs: int | None,
    dask: str | None,
    unordered: bool,
    resume: bool,
    out: Output,
    **options: Any,
) -> int:
    """Many variants of a network, one table.

    Every combination of the values that vary, or a sample of them; with conditions, the best, or the Pareto front.
    Variants that cannot be built are counted, by cause. CSV, JSON lines and Parquet are written as rows come.

    \b
    Examples:
      cnnarch sweep mobilenet_v2 --vary input=128:320:32
      cnnarch sweep net.yaml --vary width=0.25:2:0.25 --vary depth=18,34,50
      cnnarch sweep net.yaml --vary width=1:64 --where 'params < 5M'
      cnnarch sweep net.yaml --vary width=1:64 --best macs:max --top 3
      cnnarch sweep net.yaml --vary width=8:128:8 --pareto params,macs --plot -
      cnnarch sweep net.yaml --vary width=1:4096 --vary conv2.kernel=1,3,5
          --sample 1000 --columns params,peak,receptive_field --format csv
      cnnarch sweep net.yaml --vary width=1:4096 --jobs 2 -o all.csv
      cnnarch sweep net.yaml --vary width=1:4096 --jobs 2 -o all.csv --resume
    """
    form = _form(out, resume, plot)
    names = [text.partition("=")[0].strip() for text in vary]
    wanted = _wanted(best, top, pareto, names)
    shown = tuple(columns or COLUMNS)
    more = tuple(goal.key for goal in wanted if goal.key not in (*shown, *names))
    found = sweep(
        spec, vary, (*shown, *more), options["where"], sample=sample, seed=seed,
        settings=options["settings"], inputs=options["inputs"], batch=options["batch"], dtype=options["dtype"],
        limit=options["layer_limit"], strict=options["strict"], ordered=not unordered,
    )  # fmt: skip
    start = _start(found, form, out.file, resume, unordered or bool(wanted))
    chosen = (Best(wanted, found.job.names, found.job.columns, top or 1) if best else
              Front(wanted, found.job.names, found.job.columns) if pareto else None)  # fmt: skip
    drawing = _Drawing(found, plot, wanted) if plot else None
    with ExitStack() as stack:
        if dask is not None:
            found.use(*stack.enter_context(_workers().dask(dask, jobs)))
        elif jobs is not None:
            found.use(*stack.enter_context(_workers().processes(jobs)))
        sink = _Sink(found, out._replace(form=form), chosen, start >= 0)
        done = _run(found, sink, max(start, 0), drawing)
    title = _title(found, wanted, bool(best))
    sink.finish(title)
    if drawing is not None:
        drawing.finish(title)
    if not done:
        tell("stopped; `--resume` goes on from there" if form in RESUMED and out.file and not wanted else "stopped")
    return 0 if done else INTERRUPTED


def _form(out: Output, resume: bool, plot: str | None) -> str:
    """The format that was asked for, or the one that the ending of a file says."""
    form = ENDINGS.get(os.path.splitext(out.file or "")[1].lower(), out.form) if out.form == "table" else out.form
    if form == "parquet" and out.file in (None, "-"):
        raise ReadError("a Parquet file is not for a terminal or a pipe", "name a file with `-o`")
    if resume and (out.file in (None, "-") or form not in RESUMED):
        raise ReadError("`--resume` goes on with a file of rows", "name one with `-o`, as rows.csv or rows.jsonl")
    if plot == "-" and form in STREAMED and out.file in (None, "-"):
        raise ReadError(f"a plot in letters does not go with {form}", "name a file, with `-o` or `--plot`")
    return form


def _wanted(best: str | None, top: int | None, pareto: str | None, names: list[str]) -> list[Goal]:
    """What is looked for, if not all variants."""
    if best and pareto:
        raise ReadError("`--best` and `--pareto` choose differently", "leave out one of them")
    if top is not None and not best:
        raise ReadError("`--top` is how many of the best", "say by what with `--best`, as `--best macs`")
    return goals(best, "--best", names) if best else goals(pareto, "--pareto", names) if pareto else []


def _start(found: Sweep, form: str, file: str | None, resume: bool, not_in_order: bool) -> int:
    """The place to begin at; below 0 for a file that is begun."""
    if not resume:
        return -1
    if not_in_order:
        raise ReadError("`--resume` needs rows in their order, all of them", "leave out the other option")
    assert file is not None
    return place_after(file, form, found)


def _run(found: Sweep, sink: _Sink, start: int, drawing: _Drawing | None) -> bool:
    """Try the variants; gives whether all were tried, or somebody had enough."""
    left = found.count - start
    try:
        with meter(left, "trying") as tried:
            for chunk in found.chunks(start):
                sink.add(chunk.rows)
                if drawing is not None:
                    drawing.add(chunk.rows)
                tried(found.tried)
    except KeyboardInterrupt:
        return False
    return True


class _Sink:
    """Where rows go: to a file or stream as they come, or into a selection or table that is shown in the end."""

    def __init__(self, found: Sweep, out: Output, chosen: Best | Front | None, resumed: bool) -> None:
        self.found = found
        self.out = out
        self.chosen = chosen
        self.kept: list[Row] = []
        self.left_out = 0
        self.rows: Rows | None = None
        if out.form in STREAMED:
            self.rows = Rows(out.form, None if out.file == "-" else out.file, found, resumed)

    def add(self, rows: list[Row]) -> None:
        if self.chosen is not None:
            self.chosen.add(rows)
        elif self.rows is not None:
            self.rows.add(rows)
        else:
            room = MOST_SHOWN - len(self.kept)
            self.kept += rows[:room]
            self.left_out += len(rows[room:])

    def finish(self, title: str) -> None:
        """Write what was kept until now, and what became of all others."""
        kept = self.kept if self.chosen is None else self.chosen.rows
        if self.rows is None:
            return self.out.put(lambda: [page(self.found, kept, title, self.left_out)], lambda: None)
        if self.chosen is not None:
            self.rows.add(kept)
        self.rows.close()
        for text in outcome(self.found):
            tell(text)
        return None


class _Drawing:
    """Points for a picture: the front of two figures, and of the others as many as can be told apart, by chance."""

    def __init__(self, found: Sweep, file: str, wanted: list[Goal]) -> None:
        self.found = found
        self.file = file
        self.form = _figure_form(file)
        self.goals = _two(found, wanted)
        self.front = Front(self.goals, found.job.names, found.job.columns)
        self.others: list[Row] = []
        self.seen = 0
        self.chance = Random(0)

    def add(self, rows: list[Row]) -> None:
        self.front.add(rows)
        for row in rows:
            self.seen += 1
            if len(self.others) < MOST_DRAWN:
                self.others.append(row)
            elif (place := self.chance.randrange(self.seen)) < MOST_DRAWN:
                self.others[place] = row

    def finish(self, title: str) -> None:
        """Draw them."""
        figure = import_module("cnnarch.render.figure.scatter")
        drawn = variants.points(self.found, self.others, self.front)
        x, y = (variants.aspect(goal) for goal in self.goals)
        if self.form == "text":
            return echo(f"\n{figure.letters(drawn, x, y, terminal_width() or WIDTH)}", None, "text")
        svg = figure.scatter(drawn, x, y, title)
        echo(
            svg if self.form == "svg" else import_module("cnnarch.render.figure.raster").png(svg), self.file, self.form
        )


def _figure_form(file: str) -> str:
    """What the ending of a file says; letters for a terminal."""
    form = FIGURES.get(os.path.splitext(file)[1].lower(), "") if file != "-" else "text"
    if not form:
        raise ReadError(
            f"the ending of `{file}` is not one of a plot", "endings are .svg and .png; `-` is the terminal"
        )
    return form


def _two(found: Sweep, wanted: list[Goal]) -> list[Goal]:
    """The two that are drawn: what is looked for, then columns, then what varies."""
    keys = [goal.key for goal in wanted]
    others = [key for key in (*found.job.columns, *found.job.names) if key not in keys]
    every = [*wanted, *goals(",".join(others), "--plot", found.job.names)]
    if len(every) < 2:
        raise ReadError("a plot has two figures", "name another one with `--columns`")
    return every[:2]


def _title(found: Sweep, wanted: list[Goal], best: bool) -> str:
    name, what = found.measurer.spec.name, variants.named(wanted)
    return f"{name}: the {'best by' if best else 'front of'} {what}" if wanted else f"{name}: variants"


def _workers() -> Any:
    return import_module("cnnarch.search.workers")
