"""How far a command is, for whoever waits at a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from time import perf_counter
from typing import Any, TypeVar

__all__ = ["meter", "progress"]

Item = TypeVar("Item")

DELAY = 1.0  # seconds for which nobody wonders


@contextmanager
def progress(items: Sequence[Item], doing: str, delay: float = DELAY) -> Iterator[Iterator[Item]]:
    """Go through items; at a terminal, after a second, a line of standard error says how far, and then vanishes.

        with progress(names, "loading") as going:
            networks = [load(name) for name in going]

    In a pipe nothing is written, nor in a terminal that cannot take a line back.
    """
    if len(items) < 2 or not sys.stderr.isatty() or os.environ.get("TERM") in ("dumb", "unknown"):
        yield iter(items)
        return
    line = _Line(len(items), doing)
    timer = import_module("threading").Timer(delay, line.show)
    timer.daemon = True
    timer.start()
    try:
        yield line.through(items)
    finally:
        timer.cancel()
        line.hide()


@contextmanager
def meter(total: int, doing: str, delay: float = DELAY) -> Iterator[Callable[[int], None]]:
    """Show how many of so many are done, how many a second, and the time left; gives the function that is told.

    As with `progress`, only at a terminal, and after a second.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") in ("dumb", "unknown"):
        yield lambda done: None
        return
    line = _Line(total, doing, rated=True)
    start = perf_counter()

    def told(done: int) -> None:
        seconds = perf_counter() - start
        line.update(done, f"{done / seconds:,.0f}/s" if seconds else "")

    timer = import_module("threading").Timer(delay, line.show)
    timer.daemon = True
    timer.start()
    try:
        yield told
    finally:
        timer.cancel()
        line.hide()


class _Line:
    """The line, once it is shown; a timer's thread shows it, so that one long item does not keep it back."""

    def __init__(self, total: int, doing: str, rated: bool = False) -> None:
        self.total, self.doing, self.done, self.now = total, doing, 0, ""
        self.rated = rated
        self.lock = import_module("threading").Lock()
        self.bar: Any = None
        self.ended = False

    def through(self, items: Sequence[Item]) -> Iterator[Item]:
        for number, item in enumerate(items):
            self.update(number, str(item))
            yield item

    def update(self, done: int, now: str) -> None:
        self.done, self.now = done, now
        if self.bar is not None:
            self._update()

    def show(self) -> None:
        """Begin to show it; rich is imported only now."""
        bar = import_module("cnnarch.render.table").progress_bar(self.rated)
        with self.lock:
            if not self.ended:
                self.task = bar.add_task(self.doing, total=self.total, now="")
                self.bar = bar
                self._update()
                bar.start()

    def _update(self) -> None:
        printable = import_module("cnnarch.errors").printable
        self.bar.update(self.task, completed=self.done, now=printable(self.now))

    def hide(self) -> None:
        """Take it away, and give the cursor back."""
        with self.lock:
            self.ended = True
            if self.bar is not None:
                self.bar.stop()
