"""How far a command is, for whoever waits at a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

__all__ = ["progress"]

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


class _Line:
    """The line, once it is shown; a timer's thread shows it, so that one long item does not keep it back."""

    def __init__(self, total: int, doing: str) -> None:
        self.total, self.doing, self.done, self.now = total, doing, 0, ""
        self.lock = import_module("threading").Lock()
        self.bar: Any = None
        self.ended = False

    def through(self, items: Sequence[Item]) -> Iterator[Item]:
        for number, item in enumerate(items):
            self.done, self.now = number, str(item)
            if self.bar is not None:
                self._update()
            yield item

    def show(self) -> None:
        """Begin to show it; rich is imported only now."""
        bar = import_module("cnnarch.render.table").progress_bar()
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
