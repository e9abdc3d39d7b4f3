"""Many variants: what varies, the order in which they are tried, conditions, choices, workers, and files that grow."""

from __future__ import annotations

import csv
import json
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from cnnarch.errors import ReadError, SpecError
from cnnarch.network import load
from cnnarch.search.conditions import condition
from cnnarch.search.ranges import axis
from cnnarch.search.selection import Best, Front, Goal
from cnnarch.search.shuffle import Shuffle
from cnnarch.search.sweeping import sweep
from cnnarch.search.variants import Row
from cnnarch.shapes import Shape
from cnnarch.spec.axes import Choices, Lists, Range, Space
from tests.command import run

SMALL = """\
name: Small
input: 32x32x3
settings: {width: 8, depth: 2, classes: 10}

layers:
  - conv: {filters: width, kernel: 3, padding: half}
  - conv: {filters: 2 * width, kernel: 3, padding: half}
    repeat: depth
  - relu
  - global_avgpool
  - fc: classes
"""


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return str(path)


# What varies


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("width=0.25:2:0.25", [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]),
        ("width=0.1:0.5:0.1", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("width=1:4", [1, 2, 3, 4]),
        ("width=1:10:4", [1, 5, 9]),
        ("width=4:1:-1", [4, 3, 2, 1]),
        ("width=-1:1:1", [-1, 0, 1]),
        ("depth=18, 34,50", [18, 34, 50]),
        ("depths=[2,2],[3,4]", [[2, 2], [3, 4]]),
        ("normalise=true,false", [True, False]),
        ("conv1.padding=same,valid", ["same", "valid"]),
        ("input=128:192:32", [128, 160, 192]),
        ("input=128x96x3,64", [Shape(128, 96, 3), 64]),
    ],
)
def test_what_varies(text: str, values: list[Any]) -> None:
    found = axis(text, ("input",))
    assert [found.at(number) for number in range(found.size)] == values


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("width", "has no values"),
        ("width=", "has no values"),
        ("=3", "has no values"),
        ("width=5:1", "is empty: 5 is beyond 1"),
        ("width=1:5:-1", "is empty"),
        ("width=1:5:0", "a step of zero"),
        ("width=1:2:3:4", "is no range"),
        ("width=a:b", "`a` is no number"),
        ("width=1:1e400", "`1e400` is no number"),
        ("width=1,,2", "an empty value"),
        ("width=1,1", "has 1 twice"),
        ("input=3x3x3x3x3", "a shape has at most three spatial axes"),
    ],
)
def test_what_cannot_vary(text: str, words: str) -> None:
    with pytest.raises(ReadError, match="--vary") as caught:
        axis(text, ("input",))
    assert words in caught.value.problem.message
    assert caught.value.problem.hint


def test_spaces_number_their_variants() -> None:
    lists = Lists("c", Choices("", (1, 2, 3)), 1, 3)
    ordered = Lists("d", Range("", 1, 1, 4), 2, 2, ascending=True)
    space = Space((Choices("a", (5, 6)), Range("b", 25, 25, 4, 100), lists, ordered))
    expected = [
        {"a": a, "b": b, "c": list(c), "d": list(d)}
        for a in (5, 6)
        for b in (0.25, 0.5, 0.75, 1)
        for length in (1, 2, 3)
        for c in product((1, 2, 3), repeat=length)
        for d in product((1, 2, 3, 4), repeat=2)
        if d[0] <= d[1]
    ]
    assert [space.at(number) for number in range(space.size)] == expected


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 17, 256, 257, 1000, 10**30, 10**200])
def test_a_shuffle_has_every_number_once(size: int) -> None:
    order = Shuffle(size, seed=3)
    count = min(size, 1000)
    found = [order.at(place) for place in range(count)]
    assert len(set(found)) == count
    assert all(0 <= number < size for number in found)
    assert [order.place(number) for number in found] == list(range(count))
    assert size < 10 or found != [Shuffle(size, seed=4).at(place) for place in range(count)]


def test_a_shuffle_is_spread_evenly() -> None:
    """Of 20,000 of 10^12 numbers every twentieth part of the range has its share, within five standard deviations."""
    order = Shuffle(10**12, seed=0)
    counts = [0] * 20
    for place in range(20_000):
        counts[order.at(place) * 20 // 10**12] += 1
    assert all(abs(count - 1000) < 5 * (20_000 * 0.05 * 0.95) ** 0.5 for count in counts)


# Figures: the same as one by one


@pytest.mark.parametrize(
    ("spec", "vary"),
    [
        ("mobilenet_v2", {"width": "0.25:1.5:0.25", "input": "96,128x160x3", "classes": [10, 100]}),
        ("resnet18", {"depths": [[1, 1, 1, 1], [2, 2, 2, 2], [3, 4, 6, 3]], "classes": "10:30:10"}),
        ("alexnet", {"conv2.stride": [1, 2], "fc1.units": "64:256:64", "input": "200,227"}),
        ("unet", {"classes": "1:3"}),
    ],
)
def test_figures_are_those_of_one_by_one(spec: str, vary: dict[str, Any]) -> None:
    columns = ["params", "macs", "elements", "buffers", "peak", "weight_memory", "receptive_field", "weight_layers"]
    found = list(sweep(spec, vary, columns))
    assert found
    for one in found:
        settings = {name: one[name] for name in vary if name != "input"}
        given = one.get("input")
        inputs = Shape(given, given, 3) if isinstance(given, int) else given
        record = load(spec, settings, inputs)
        expected = {**record.totals._asdict(), "peak": record.memory.peak, "weight_memory": record.memory.weights,
                    "receptive_field": record.receptive_field.least}  # fmt: skip
        assert {key: one[key] for key in columns} == {key: expected[key] for key in columns}


def test_a_thousand_variants_are_those_of_one_by_one() -> None:
    vary = {"width": "8:64:8", "classes": "10:1000:10", "depths": [[2, 2, 2, 2], [3, 4, 6, 3]]}
    found = sweep("resnet50", vary, ["params", "macs", "buffers"], sample=1000, seed=11)
    rows = list(found)
    assert len(rows) == found.count == 1000
    for one in random.Random(0).sample(rows, 60):
        totals = load("resnet50", {name: one[name] for name in vary}).totals
        assert (one["params"], one["macs"], one["buffers"]) == (totals.params, totals.macs, totals.buffers)


def test_batch_and_type_are_those_of_a_network() -> None:
    [one] = sweep("alexnet", {"classes": [10]}, ["macs", "peak"], batch=3, dtype="int8")
    network = load("alexnet", {"classes": 10}, batch=3, dtype="int8")
    assert (one["macs"], one["peak"]) == (network.totals.macs, network.memory.peak)


def test_variants_that_cannot_be_built_are_counted_by_cause(small: str) -> None:
    found = sweep(small, {"conv1.kernel": "1:60:1", "conv1.padding": [0]}, ["params"])
    rows = list(found)
    assert [one["conv1.kernel"] for one in rows] == list(range(1, 33))
    assert found.failures.count == 28
    [(count, message)] = found.failures.causes.values()
    assert (count, message) == (28, "kernel 33×33 does not fit the input 32×32 of `conv1`")
    with pytest.raises(SpecError, match=r"conv1\.kernel=33, conv1\.padding=0 cannot be built"):
        list(sweep(small, {"conv1.kernel": "1:60:1", "conv1.padding": [0]}, ["params"], strict=True))


@pytest.mark.parametrize(
    ("vary", "options", "words", "hint"),
    [
        ({"widht": "1:2"}, {}, "has no setting `widht`", "did you mean `width`?"),
        ({"conv1": "1:2"}, {}, "has no setting `conv1`", "`conv1.stride`"),
        ({"conf1.stride": "1:2"}, {}, "has no layer `conf1`", "did you mean `conv1`?"),
        ({"conv1.strid": "1:2"}, {}, "has no setting `strid`", "did you mean `stride`?"),
        ({"width": "1:2"}, {"settings": {"width": 3}}, "varies and is set", "leave out"),
        ({"width": "1:2"}, {"columns": ["param"]}, "there is no figure `param`", "did you mean `params`?"),
        ({}, {}, "nothing varies", "width"),
        ({"width": f"1:{10**30}"}, {}, "1e+30 variants are too many", "--sample"),
        ({"width": []}, {}, "no values", ""),
    ],
)
def test_what_is_wrong_with_all_variants_is_told_at_once(
    small: str, vary: dict[str, Any], options: dict[str, Any], words: str, hint: str
) -> None:
    with pytest.raises(ReadError) as caught:
        sweep(small, vary, **options)
    assert words in caught.value.problem.message
    assert hint in caught.value.problem.hint


def test_a_sample_of_a_grid_beyond_counting(small: str) -> None:
    vary = {"width": "1:1000000", "conv2.filters": "1:1000000", "conv1.filters": "1:1000000", "classes": "1:1000000"}
    found = sweep(small, vary, ["params"], sample=20, seed=5)
    rows = list(found)
    assert found.size == 10**24
    assert len({tuple(one.items()) for one in rows}) == 20
    assert rows == list(sweep(small, vary, ["params"], sample=20, seed=5))
    assert rows != list(sweep(small, vary, ["params"], sample=20, seed=6))


# A space of the spec's own


SPACE = SMALL.replace(
    "layers:",
    """\
space:
  width: {from: 1, to: 40}
  depth: [1, 2, 3]
  input: [16, 32]
  where: width % depth == 1 and classes > 5

layers:""",
    1,
)


@pytest.fixture
def spaced(tmp_path: Path) -> str:
    path = tmp_path / "spaced.yaml"
    path.write_text(SPACE)
    return str(path)


def test_the_spec_says_what_varies(spaced: str) -> None:
    found = sweep(spaced, {}, ["params", "macs"])
    rows = list(found)
    allowed = [(w, d, side) for w in range(1, 41) for d in (1, 2, 3) for side in (16, 32) if w % d == 1]
    assert [(one["width"], one["depth"], one["input"]) for one in rows] == allowed
    assert (found.tried, found.refused) == (len(allowed), 240 - len(allowed))
    for one in rows[::9]:
        totals = load(
            spaced, {"width": one["width"], "depth": one["depth"]}, Shape(one["input"], one["input"], 3)
        ).totals
        assert (one["params"], one["macs"]) == (totals.params, totals.macs)


def test_a_sample_of_a_space_has_only_what_it_allows(spaced: str) -> None:
    found = sweep(spaced, {}, sample=30, seed=2)
    rows = list(found)
    assert len(rows) == len({tuple(one.items()) for one in rows}) == 30
    assert all(one["width"] % one["depth"] == 1 for one in rows)
    assert found.refused > 0
    fixed = list(sweep(spaced, {}, settings={"depth": 3}, inputs=Shape(24, 24, 3)))
    assert [one["width"] for one in fixed] == list(range(1, 41, 3))
    assert {"depth", "input"}.isdisjoint(fixed[0])
    assert list(sweep(spaced, {}, settings={"classes": 3})) == []
    assert list(sweep(spaced, {}, sample=30, seed=2, executor=lambda: ThreadPoolExecutor(2), workers=2)) == rows


def test_a_sample_of_a_space_goes_on(spaced: str, tmp_path: Path) -> None:
    output, whole = tmp_path / "part.csv", tmp_path / "whole.csv"
    arguments = ("sweep", spaced, "--sample", "30", "--seed", "2", "-o")
    assert run(*arguments, str(whole)).returncode == 0
    for count in (1, 2, 15, 30):
        output.write_text("".join(f"{line}\n" for line in _lines(whole)[: count + 1])[:-3])
        assert run(*arguments, str(output), "--resume").returncode == 0
        assert _lines(output) == _lines(whole)


def test_a_constraint_that_cannot_be_computed_is_told(spaced: str) -> None:
    page = Path(spaced)
    page.write_text(SPACE.replace("width % depth == 1", "width // (depth - 3) == 1"))
    found = run("sweep", spaced)
    assert found.returncode == 1
    assert "a division by zero in `where`" in found.stderr


# Conditions


def test_conditions_choose(small: str) -> None:
    every = list(sweep(small, {"width": "1:40"}, ["params", "peak"]))
    found = sweep(small, {"width": "1:40"}, ["params", "peak"], "params < 12K and peak <= 256KiB")
    kept = list(found)
    assert kept == [one for one in every if one["params"] < 12_000 and one["peak"] <= 256 * 1024]
    assert 0 < len(kept) < 40
    assert found.not_met == 40 - len(kept)


@pytest.mark.parametrize(
    ("text", "message", "column", "hint"),
    [
        ("params < 5M and peek < 3", "unknown name `peek`", 17, "did you mean `peak`?"),
        ("params < 5MiB", "`params` is a number, and `5MiB` is in bytes", 10, "weight_memory"),
        ("peak < 5M", "`peak` is in bytes, and `5M` is a number", 8, "5MiB"),
        ("params = 5M", "not an expression", 8, "`==`"),
        ("params < 5M or", "not an expression", None, ""),
        ("3 < 4", "names no figure", 1, "as in"),
        ("", "not an expression", 1, ""),
        ("params < 5 M", "not an expression", None, ""),
    ],
)
def test_mistakes_in_conditions_have_their_place(text: str, message: str, column: int | None, hint: str) -> None:
    with pytest.raises(ReadError) as caught:
        condition(text)
    problem = caught.value.problem
    assert message in problem.message
    assert hint in problem.hint
    assert problem.span is not None
    assert column is None or problem.span.column == column


def test_a_condition_that_is_no_condition(small: str) -> None:
    with pytest.raises(ReadError, match="true or false"):
        list(sweep(small, {"width": [1]}, where="params + 3"))


def test_a_condition_of_what_varies(small: str) -> None:
    vary = {"width": "1:6", "conv1.stride": [1, 2]}
    rows = list(sweep(small, vary, where="width % 2 == 0 and conv1.stride == 1"))
    assert [(one["width"], one["conv1.stride"]) for one in rows] == [(2, 1), (4, 1), (6, 1)]


# The best


def _rows(seed: int) -> tuple[list[Row], list[Goal], tuple[str, ...]]:
    chance = random.Random(seed)
    keys = ("params", "macs", "peak", "layers")[: chance.choice([1, 2, 2, 3, 4])]
    most = chance.choice([3, 10, 1000])
    rows = [Row(n, (), tuple(chance.randint(0, most) for _ in keys)) for n in range(chance.randint(0, 40))]
    chance.shuffle(rows)
    return rows, [Goal(key, chance.random() < 0.3) for key in keys], keys


@pytest.mark.parametrize("seed", range(200))
def test_the_front_and_the_best_by_brute_force(seed: int) -> None:
    rows, wanted, keys = _rows(seed)
    costs = {row.number: tuple(goal.cost(value) for goal, value in zip(wanted, row.figures)) for row in rows}

    def beats(one: Row, two: Row) -> bool:
        ours, theirs = costs[one.number], costs[two.number]
        no_worse = all(a <= b for a, b in zip(ours, theirs))
        return no_worse and (ours != theirs or one.number < two.number)

    front = Front(wanted, (), keys)
    front.add(rows)
    assert sorted(front.rows) == sorted(row for row in rows if not any(beats(other, row) for other in rows))
    best = Best(wanted, (), keys, 5)
    best.add(rows)
    assert best.rows == sorted(rows, key=lambda row: (costs[row.number], row.number))[:5]


# Workers


class Dying(Executor):
    """Does the work at once, but dies at one in eight pieces of it, as a pool of which a process was killed."""

    chance = random.Random(1)

    def __init__(self) -> None:
        self.broken = False

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **others: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.broken |= self.chance.random() < 1 / 8
        if self.broken:
            future.set_exception(BrokenExecutor("a process was killed"))
        else:
            future.set_result(function(*arguments, **others))
        return future


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("executor", [lambda: ThreadPoolExecutor(3), Dying], ids=["threads", "dying"])
def test_workers_lose_nothing_and_double_nothing(small: str, executor: Callable[[], Executor], ordered: bool) -> None:
    vary = {"width": "1:60", "depth": "1:5"}
    expected = list(sweep(small, vary))
    found = list(sweep(small, vary, executor=executor, workers=3, ordered=ordered))
    if not ordered:
        found.sort(key=lambda one: (one["width"], one["depth"]))
    assert found == expected


class Dead(Executor):
    def submit(self, function: Callable[..., Any], /, *arguments: Any, **others: Any) -> Future[Any]:
        raise BrokenExecutor


def test_workers_that_go_on_dying_are_an_error(small: str) -> None:
    with pytest.raises(ReadError, match="died again and again"):
        list(sweep(small, {"width": "1:60"}, executor=Dead))


def test_what_is_sent_to_a_worker_needs_no_files(small: str, tmp_path: Path) -> None:
    (tmp_path / "blocks.yaml").write_text(
        "blocks:\n  pair:\n    settings: {width: }\n    layers: [{conv: {filters: width, kernel: 3}}, relu]\n"
    )
    page = tmp_path / "net.yaml"
    page.write_text("name: Net\ninput: 32x32x3\nsettings: {width: 8}\nimport: blocks.yaml\nlayers:\n  - pair: width\n")
    found = sweep(str(page), {"width": "1:3"}, ["params"])
    job = pickle.dumps(found.job)
    page.unlink()
    (tmp_path / "blocks.yaml").unlink()
    from cnnarch.search.variants import measured

    assert [row.figures for row in measured(job, range(3)).rows] == [(28,), (56,), (84,)]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_processes_do_the_same(small: str, tmp_path: Path) -> None:
    for jobs, name in ((), "one.csv"), (("--jobs", "2"), "two.csv"):
        found = run("sweep", small, "--vary", "width=1:200", "-o", str(tmp_path / name), *jobs)
        assert (found.returncode, found.stderr) == (0, "")
    assert _lines(tmp_path / "one.csv") == _lines(tmp_path / "two.csv")
    assert len(_lines(tmp_path / "one.csv")) == 201


def _begun(*arguments: str) -> subprocess.Popen[str]:
    """A sweep that is running, and has written something."""
    program = "import sys\nfrom cnnarch.cli import main\n"
    program += f"sys.argv[1:] = {list(arguments)!r}\nif __name__ == '__main__':\n    main()\n"
    script = Path(arguments[arguments.index("-o") + 1]).with_suffix(".py")
    script.write_text(program)
    started = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, text=True)
    output = Path(arguments[arguments.index("-o") + 1])
    for _ in range(2000):
        if output.exists() and output.stat().st_size > 500:
            return started
        time.sleep(0.01)
    raise AssertionError("nothing was written")


COUNT = 400
SLOW = ("--vary", f"classes=1:{COUNT}", "--columns", "params,peak,receptive_field")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows of a sweep that was left alone, as CSV."""
    output = tmp_path_factory.mktemp("whole") / "whole.csv"
    assert run("sweep", "resnet18", *SLOW, "-o", str(output)).returncode == 0
    return output


@pytest.mark.parametrize(("form", "jobs"), [("csv", ()), ("jsonl", ("--jobs", "2"))], ids=["alone", "processes"])
def test_a_sweep_that_was_killed_goes_on(tmp_path: Path, form: str, jobs: Sequence[str], whole: Path) -> None:
    output = tmp_path / f"part.{form}"
    started = _begun("sweep", "resnet18", *SLOW, *jobs, "-o", str(output))
    started.kill()
    started.communicate()
    assert 3 < len(_lines(output)) < COUNT
    with output.open("a") as file:
        file.write(_lines(output)[-1][:9])  # a line begun
    assert run("sweep", "resnet18", *SLOW, *jobs, "-o", str(output), "--resume").returncode == 0
    rows = [list(json.loads(line).values()) for line in _lines(output)] if form == "jsonl" else None
    if rows is None:
        assert _lines(output) == _lines(whole)
    else:
        assert [",".join(map(str, row)) for row in rows] == _lines(whole)[1:]


def _children(pid: int) -> list[int]:
    """The processes that work for one, without multiprocessing's own that watches over what they share."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(re.search(r"^PPid:\s*(\d+)", (one / "status").read_text(), re.MULTILINE)[1])  # type: ignore[index]
            if parent == pid and b"spawn_main" in (one / "cmdline").read_bytes():
                found.append(int(one.name))
        except OSError:  # it has ended
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="processes are found in /proc")
def test_a_process_that_is_killed_is_replaced(tmp_path: Path, whole: Path) -> None:
    output = tmp_path / "part.csv"
    started = _begun("sweep", "resnet18", *SLOW, "--jobs", "2", "-o", str(output))
    workers = _children(started.pid)
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    _, told = started.communicate(timeout=120)
    assert (started.returncode, told) == (0, "")
    assert _lines(output) == _lines(whole)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="processes are found in /proc")
def test_processes_end_with_the_one_that_they_work_for(tmp_path: Path) -> None:
    started = _begun("sweep", "resnet18", *SLOW, "--jobs", "2", "-o", str(tmp_path / "part.csv"))
    workers = _children(started.pid)
    started.kill()
    started.communicate()
    for _ in range(500):
        if not any(Path(f"/proc/{one}/stat").exists() for one in workers):
            return
        time.sleep(0.02)
    raise AssertionError("they go on")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("jobs", [(), ("--jobs", "2")], ids=["alone", "processes"])
def test_an_interrupted_sweep_has_written_what_was_done(tmp_path: Path, jobs: Sequence[str]) -> None:
    output = tmp_path / "part.csv"
    started = _begun("sweep", "resnet18", *SLOW, *jobs, "-o", str(output))
    started.send_signal(signal.SIGINT)
    _, told = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "stopped" in told
    assert "Traceback" not in told
    rows = list(csv.DictReader(output.open()))
    assert [int(row["classes"]) for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) < COUNT


def test_a_file_of_another_sweep_is_refused(small: str, tmp_path: Path) -> None:
    output = str(tmp_path / "rows.csv")
    usual = ["sweep", small, "-o", output, "--resume"]
    assert run(*usual, "--vary", "width=1:20").returncode == 0
    before = _lines(Path(output))
    for other in (
        ["--vary", "width=2:21"],
        ["--vary", "depth=1:20"],
        ["--vary", "width=1:20", "--columns", "macs"],
        ["--vary", "width=1:20", "--set", "depth=3"],
        ["--vary", "width=1:20", "--where", "params > 5K"],
        ["--vary", "width=1:19"],
    ):
        found = run(*usual, *other)
        assert found.returncode == 2, other
        assert "is of another sweep" in found.stderr
        assert _lines(Path(output)) == before
    assert run(*usual, "--vary", "width=1:20").returncode == 0
    assert _lines(Path(output)) == before


# The command


def test_formats_have_the_same_rows(small: str, tmp_path: Path) -> None:
    vary = ["sweep", small, "--vary", "width=1:5", "--vary", "depth=1,2"]
    rows = list(csv.DictReader(run(*vary, "--format", "csv").stdout.splitlines()))
    records = [json.loads(line) for line in run(*vary, "--format", "jsonl").stdout.splitlines()]
    assert [{key: str(value) for key, value in record.items()} for record in records] == rows
    assert list(rows[0]) == ["variant", "width", "depth", "params", "macs"]
    table = run(*vary).stdout
    assert all(f"{int(row['params']):,}" in table for row in rows)


def test_the_best_and_the_front_are_shown(small: str) -> None:
    vary = ["sweep", small, "--vary", "width=1:20", "--vary", "depth=1:3", "--format", "csv"]
    every = list(csv.DictReader(run(*vary).stdout.splitlines()))
    [best] = csv.DictReader(run(*vary, "--where", "params < 5K", "--best", "macs:max").stdout.splitlines())
    fitting = [row for row in every if int(row["params"]) < 5000]
    assert best == max(fitting, key=lambda row: int(row["macs"]))
    front = list(csv.DictReader(run(*vary, "--pareto", "params,width:max").stdout.splitlines()))
    assert [row["depth"] for row in front] == ["1"] * 20


@pytest.mark.parametrize(
    "arguments",
    [
        ["--best", "param"],
        ["--best", "params", "--pareto", "params,macs"],
        ["--top", "3"],
        ["--best", "params:mox"],
        ["--resume"],
        ["--format", "parquet"],
        ["-o", "/nonexistent/rows.csv"],
        ["--where", "params <"],
        ["--plot", "-", "--format", "csv"],
    ],
)
def test_options_that_make_no_sense(small: str, arguments: list[str]) -> None:
    found = run("sweep", small, "--vary", "width=1:3", *arguments)
    assert found.returncode == 2
    assert found.stderr.startswith("error: ")
    assert found.stdout == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a full disk is played by /dev/full")
def test_a_full_disk_is_told(small: str) -> None:
    found = run("sweep", small, "--vary", "width=1:3", "--format", "csv", "-o", "/dev/full")
    assert found.returncode == 2
    assert "no space left on device" in found.stderr
