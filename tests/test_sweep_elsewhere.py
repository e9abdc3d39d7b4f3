"""Sweeps on a Dask cluster, and as Parquet files: what takes packages of their own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from cnnarch.search.sweeping import sweep
from cnnarch.search.variants import Chunk, Measurer
from cnnarch.search.workers import dask
from tests.command import run


def needed(library: str) -> Any:
    pytest.importorskip(library, reason=f"{library} is not installed; these tests work with it")
    return import_module(library)


@pytest.mark.dask
def test_a_cluster_of_which_a_worker_is_killed_loses_nothing() -> None:
    """Two workers of a real cluster, one of which is killed in the middle."""
    distributed = needed("distributed")
    expected = list(sweep("resnet50", {"classes": "1:60", "width": "8:64:8"}))
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
        dask(cluster.scheduler_address) as (make, workers),
    ):
        assert workers == 2
        found = sweep("resnet50", {"classes": "1:60", "width": "8:64:8"}, executor=make, workers=workers)
        rows: list[dict[str, Any]] = []
        for one in found:
            rows.append(one)
            if len(rows) == 20:
                os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
    assert rows == expected


@pytest.mark.dask
def test_the_command_works_on_a_cluster(tmp_path: Path) -> None:
    needed("distributed")
    for where, name in ((("--dask", "local", "--jobs", "2"), "dask.csv"), ((), "here.csv")):
        found = run("sweep", "alexnet", "--vary", "classes=1:300", *where, "-o", str(tmp_path / name))
        assert (found.returncode, found.stderr) == (0, "")
    assert (tmp_path / "dask.csv").read_text() == (tmp_path / "here.csv").read_text()


@pytest.mark.dask
def test_no_scheduler_is_told_soon() -> None:
    needed("distributed")
    start = time.perf_counter()
    for address in ("tcp://127.0.0.1:9", "nonsense", "tcp://127.0.0.1:x", "tcp://:99999999"):
        found = run("sweep", "alexnet", "--vary", "classes=1:3", "--dask", address)
        assert found.returncode == 2
        assert "no Dask scheduler" in found.stderr
        assert "tcp://host:8786" in found.stderr
        assert "Traceback" not in found.stderr
    assert time.perf_counter() - start < 60


@pytest.mark.parquet
def test_parquet_has_the_rows_of_json_lines(tmp_path: Path) -> None:
    needed("pyarrow")
    parquet = import_module("pyarrow.parquet")
    vary = ["--vary", "classes=1:300", "--vary", "conv1.padding=same,valid", "--vary", "input=200,227x250x3"]
    for ending in ("parquet", "jsonl"):
        columns = "params,macs,intensity,receptive_field"
        found = run("sweep", "alexnet", *vary, "--columns", columns, "-o", str(tmp_path / f"rows.{ending}"))
        assert (found.returncode, found.stderr) == (0, "")
    table = parquet.read_table(tmp_path / "rows.parquet")
    lines = [import_module("json").loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    for one in lines:
        one["input"] = "x".join(map(str, one["input"])) if isinstance(one["input"], list) else str(one["input"])
    assert table.to_pylist() == lines
    assert str(table.schema.field("params").type) == "int64"
    assert str(table.schema.field("intensity").type) == "double"


@pytest.mark.parquet
def test_a_parquet_file_that_was_interrupted_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed("pyarrow")
    parquet = import_module("pyarrow.parquet")
    output = tmp_path / "rows.parquet"
    measure, calls = Measurer.chunk, iter(range(100))

    def interrupted(measurer: Measurer, numbers: Iterable[int]) -> Chunk:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return measure(measurer, numbers)

    monkeypatch.setattr(Measurer, "chunk", interrupted)
    found = run("sweep", "resnet50", "--vary", "classes=1:100000", "-o", str(output))
    assert found.returncode == 130
    table = parquet.read_table(output)
    assert table["classes"].to_pylist() == list(range(1, table.num_rows + 1))
    assert 0 < table.num_rows < 100_000


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(import_module("sys").modules, "pyarrow", None)
    monkeypatch.setitem(import_module("sys").modules, "distributed", None)
    vary = ("sweep", "alexnet", "--vary", "classes=1:3")
    for extra, option in (("parquet", ("-o", str(tmp_path / "a.parquet"))), ("dask", ("--dask", "local"))):
        found = run(*vary, *option)
        assert found.returncode == 2
        assert f"cnnarch[{extra}]" in found.stderr
    assert not (tmp_path / "a.parquet").exists()
