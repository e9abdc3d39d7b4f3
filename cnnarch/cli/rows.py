"""A file or a stream that grows row by row, and can be gone on with after it was cut off."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from cnnarch.cli.streams import put
from cnnarch.errors import ReadError
from cnnarch.interchange.doors import need
from cnnarch.render.data import plain
from cnnarch.render.variants import NUMBER, comma_separated, header, json_line
from cnnarch.search.sweeping import Sweep
from cnnarch.search.variants import Row

__all__ = ["Rows", "place_after"]

LONGEST_LINE = 1_000_000  # bytes


class Rows:
    """Where rows go as they come, in `csv`, `jsonl` or `parquet`; every line is whole."""

    def __init__(self, form: str, file: str | None, sweep: Sweep, resumed: bool = False) -> None:
        self.form = form
        self.file = file
        self.sweep = sweep
        self.stream: Any = None
        self.parquet: Any = None
        self.written = 0
        if form == "parquet":
            need("pyarrow", "parquet")  # before there is a file
        try:
            if file is not None:
                self.stream = open(os.path.realpath(file), "ab" if resumed else "wb")  # noqa: SIM115, closed by close
        except (OSError, ValueError) as error:
            raise ReadError(f"cannot write `{file}`: {_reason(error)}") from None
        if form == "parquet":
            from cnnarch.render.parquet import ParquetRows  # noqa: PLC0415, few sweeps want it

            self.parquet = ParquetRows(self.stream, sweep)
        elif form == "csv" and not resumed:
            self._put(header(sweep.keys))

    def add(self, rows: Sequence[Row]) -> None:
        """Write rows at once; raises ReadError where there is no room, and says how many are there."""
        if self.parquet is not None:
            self._kept(lambda: self.parquet.add(rows))
        else:
            keys = self.sweep.keys
            self._put("".join([comma_separated(row) if self.form == "csv" else json_line(keys, row) for row in rows]))
        self.written += len(rows)

    def close(self) -> None:
        if self.parquet is not None:
            self._kept(self.parquet.close)
        if self.stream is not None:
            self._kept(self.stream.close)

    def _put(self, text: str) -> None:
        if self.stream is None:
            put(text, "json" if self.form == "jsonl" else self.form)
            sys.stdout.flush()
            return

        def write() -> None:
            self.stream.write(text.encode())
            self.stream.flush()

        self._kept(write)

    def _kept(self, write: Any) -> None:
        try:
            write()
        except OSError as error:
            if self.stream is None:
                raise
            hint = "`--resume` goes on from there" if self.parquet is None else ""
            rows = f"{self.written:,} rows are written" if self.parquet is None else "the file cannot be read"
            raise ReadError(f"cannot write `{self.file}`: {_reason(error)}; {rows}", hint) from None


def place_after(file: str, form: str, sweep: Sweep) -> int:
    """The place in the order of a sweep after the last row of a file that was cut off; a line begun is taken away.

    Raises ReadError if the file is of another sweep.
    """
    try:
        with open(file, "r+b") as stream:
            _drop_line_begun(stream)
            return _place(stream, file, form, sweep)
    except FileNotFoundError:
        return -1
    except OSError as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"cannot read `{file}`: {_reason(error)}") from None


def _drop_line_begun(stream: BinaryIO) -> None:
    """Cut off what stands behind the last end of a line."""
    end = stream.seek(0, os.SEEK_END)
    at = end
    while at:
        start = max(at - LONGEST_LINE, 0)
        stream.seek(start)
        found = stream.read(at - start).rfind(b"\n")
        if found >= 0:
            at = start + found + 1
            break
        at = start
    if at < end:
        stream.truncate(at)
    stream.seek(0)


def _place(stream: BinaryIO, file: str, form: str, sweep: Sweep) -> int:
    """The place after the last row; every row has to be one of this sweep, and in its order."""
    lines = _lines(stream)
    if form == "csv":
        first = next(lines, None)
        if first is None:
            return -1
        if first != header(sweep.keys).rstrip("\n"):
            raise _other(file, "it has other columns")
    place = -1
    last = None
    for line in lines:
        number, cells = _read(line, file, form)
        try:
            at = sweep.place(number)
        except (ValueError, IndexError):
            raise _other(file, f"it has a variant {number}") from None
        if at <= place:
            raise _other(file, "its rows are in another order")
        place, first_row, last = at, last is None, (number, cells)
        if first_row:
            _check(last, file, form, sweep)
    if last is not None:
        _check(last, file, form, sweep)
    return place + 1


def _lines(stream: BinaryIO) -> Iterator[str]:
    for line in stream:
        yield line.decode("utf-8", errors="replace").rstrip("\n")


def _read(line: str, file: str, form: str) -> tuple[int, Any]:
    try:
        if form == "csv":
            cells = next(csv.reader([line]))
            return int(cells[0]), cells
        record = json.loads(line)
        return int(record[NUMBER]), record
    except (ValueError, LookupError, TypeError, StopIteration, RecursionError, csv.Error):
        raise _other(file, f"`{line[:40]}` is no row of it") from None


def _check(found: tuple[int, Any], file: str, form: str, sweep: Sweep) -> None:
    """A row has to say what the sweep says of its variant, or the file is of another."""
    number, record = found
    row = sweep.row(number)
    if row is None:
        raise _other(file, f"variant {number} does not meet the condition")
    if form == "csv":
        expected: Any = next(csv.reader([comma_separated(row).rstrip("\n")]))
    else:
        expected = dict(zip((NUMBER, *sweep.keys), map(plain, (row.number, *row.values, *row.figures))))
    if record != expected:
        raise _other(file, f"variant {number} has other values or figures")


def _other(file: str, why: str) -> ReadError:
    return ReadError(f"`{file}` is of another sweep: {why}", "go on with the same options, or leave out `--resume`")


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or "not a path").lower()
