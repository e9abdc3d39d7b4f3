"""Executors for the command line: processes of this machine, and a Dask cluster."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module

from cnnarch.errors import ReadError
from cnnarch.interchange.doors import need

__all__ = ["Workers", "dask", "processes"]

Workers = tuple[Callable[[], Executor], int]  # how an executor is made, and how many work for it
RETRIES = 10  # times that Dask gives a stretch to another worker when one dies


@contextmanager
def processes(count: int) -> Iterator[Workers]:
    """So many processes; those that die are replaced."""
    pools: list[Executor] = []

    def make() -> Executor:
        _close(pools)
        spawn = import_module("multiprocessing").get_context("spawn")  # fork is not safe beside threads
        pools.append(import_module("concurrent.futures").ProcessPoolExecutor(count, spawn, _begin))
        return pools[-1]

    try:
        yield make, count
    finally:
        _close(pools)


@contextmanager
def dask(address: str, count: int | None = None) -> Iterator[Workers]:
    """The workers of a Dask scheduler at an address; of `local`, of a cluster on this machine with so many.

    Raises ReadError if distributed is not installed or nobody answers there.
    """
    distributed = need("distributed", "dask")
    hint = "an address is as tcp://host:8786, or `local`"
    if address != "local" and not re.fullmatch(r"[\w.+-]+://\S+:\d{1,5}|[^\s:/]+:\d{1,5}", address, re.ASCII):
        raise ReadError(f"`{address}` is no Dask scheduler's address", hint)
    try:
        if address == "local":
            cluster = distributed.LocalCluster(
                n_workers=count or os.cpu_count(), threads_per_worker=1, dashboard_address=None, silence_logs=50
            )
        else:
            cluster = None
        client = distributed.Client(cluster or address, timeout="10s")
    except (OSError, ValueError) as error:
        raise ReadError(f"no Dask scheduler at `{address}`: {error}", hint) from None
    try:
        found = sum(client.ncores().values())
        if not found:
            raise ReadError(f"the Dask scheduler at `{address}` has no workers", "start some: `dask worker ADDRESS`")
        _check_versions(client)
        yield lambda: client.get_executor(retries=RETRIES, pure=False), found
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def _check_versions(client: object) -> None:
    """Every worker has to have this version of cnnarch, as its figures are the product."""
    ours = import_module("cnnarch").__version__
    run = client.run  # type: ignore[attr-defined]
    for worker, theirs in run(_version, on_error="return").items():
        if theirs != ours:
            has = f"cnnarch {theirs}" if isinstance(theirs, str) else "no cnnarch"
            raise ReadError(f"the worker {worker} has {has}, and this is {ours}", "install the same version there")


def _version() -> str:
    return str(import_module("cnnarch").__version__)


def _begin() -> None:
    """What a process does first.

    Ctrl-C reaches all processes of a terminal, and the first one tells the others when to stop. If that one is killed,
    nobody does: a process waits for its end beside the work.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    processes = import_module("multiprocessing")
    import_module("multiprocessing.connection").wait([processes.parent_process().sentinel])
    os._exit(1)


def _close(pools: list[Executor]) -> None:
    while pools:
        pools.pop().shutdown(wait=True, cancel_futures=True)
