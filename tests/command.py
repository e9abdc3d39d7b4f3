"""The command, run in this process: a new one takes a tenth of a second, and there are hundreds of calls.

README's blocks, wrong specs and what is not trusted are run in processes of their own.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import NamedTuple

from cnnarch import cli

__all__ = ["Done", "out", "run"]


class Done(NamedTuple):
    """How a command ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str, stdin: str = "", folder: Path | None = None, **environment: str) -> Done:
    """Run a command through pipes, from a folder and with more of an environment."""
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    before = sys.argv, sys.stdin, dict(os.environ), Path.cwd()
    sys.argv, sys.stdin = ["cnnarch", *arguments], io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")
    os.environ.update(environment)
    os.chdir(folder or before[3])
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            code = cli._run()
    finally:
        sys.argv, sys.stdin = before[:2]
        os.environ.clear()
        os.environ.update(before[2])
        os.chdir(before[3])
    return Done(code, *(one.buffer.getvalue().decode() for one in (stdout, stderr)))


def out(*arguments: str, stdin: str = "") -> str:
    """What a command prints that succeeds, and says nothing else."""
    done = run(*arguments, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
