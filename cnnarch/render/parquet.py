"""The rows of a sweep as Parquet, by pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnnarch.analysis.figures import FIGURES
from cnnarch.interchange.doors import need
from cnnarch.render.variants import NUMBER, value_text
from cnnarch.search.sweeping import Sweep
from cnnarch.search.variants import Row
from cnnarch.spec.axes import Axis, Choices, Range

__all__ = ["ParquetRows"]

MOST_ROWS = 100_000  # of a group, which is written at once
LARGEST = 2**63


class ParquetRows:
    """Writes rows into a file, in groups; it can be read once it was closed.

    Numbers of variants and whole figures are 64-bit integers, sizes and words that vary are of one type too; what has
    several, and lists, are texts as on the command line. Raises ReadError if pyarrow is not installed.
    """

    def __init__(self, stream: Any, sweep: Sweep) -> None:
        self.arrow = need("pyarrow", "parquet")
        module = need("pyarrow.parquet", "parquet")
        types = [_type_of(axis) for axis in sweep.job.axes]
        self.texts = [kind == "string" for kind in types]
        types += ["float64" if FIGURES[key].unit == "MACs/byte" else "int64" for key in sweep.job.columns]
        large = "string" if sweep.size > LARGEST else "int64"
        fields = zip((NUMBER, *sweep.keys), (large, *types))
        self.schema = self.arrow.schema([(name, getattr(self.arrow, kind)()) for name, kind in fields])
        self.numbers_as_text = large == "string"
        self.writer = module.ParquetWriter(stream, self.schema)
        self.rows: list[list[Any]] = []

    def add(self, rows: Sequence[Row]) -> None:
        """Add rows; they are written when a group is full."""
        for number, values, figures in rows:
            told = [value_text(one) if text else one for one, text in zip(values, self.texts)]
            self.rows.append([str(number) if self.numbers_as_text else number, *told, *figures])
        if len(self.rows) >= MOST_ROWS:
            self._write()

    def close(self) -> None:
        """Write what is left, and the end of the file."""
        self._write()
        self.writer.close()

    def _write(self) -> None:
        if self.rows:
            columns = [self.arrow.array(one, field.type) for one, field in zip(zip(*self.rows), self.schema)]
            self.writer.write_table(self.arrow.Table.from_arrays(columns, schema=self.schema))
            self.rows = []


def _type_of(axis: Axis) -> str:
    if isinstance(axis, Range):
        return "int64" if axis.scale == 1 else "float64"
    kinds = {type(value) for value in axis.values} if isinstance(axis, Choices) else {list}
    if kinds == {int}:
        return "int64"
    if kinds and kinds <= {int, float}:
        return "float64"
    return "bool_" if kinds == {bool} else "string"
