"""What a page of output is made of: lines of text and sheets of columns and rows."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Column", "Line", "Page", "Sheet"]


class Column(NamedTuple):
    """A column, declared once for every format.

    `get` takes a row and gives the raw value, as JSON and CSV print it; `show` makes it readable,
    or `words` does, if that takes more of the row. A column with a `share` of a whole is shown as a
    bar beside the text where there is room.
    """

    key: str
    title: str
    about: str
    get: Callable[[Any], Any]
    show: Callable[[Any], str] = str
    number: bool = False
    wraps: bool = False  # may be broken over lines in a narrow terminal
    breaks: str = " "  # where it is broken
    spare: int = 0  # left out of a narrow terminal, the highest first; 0 never
    share: Callable[[Any], tuple[float, float]] | None = None
    words: Callable[[Any], str] | None = None
    called: str = ""  # where it is left out, if not by its key
    holds: str = ""  # what the raw value is, a key of `outputs.HOLDS`, with `?` if it may be unknown
    unit: str = ""  # of the raw value, where it is no count

    @property
    def is_right(self) -> bool:
        """Whether its texts stand on the right: numbers, and shares where they have no bar."""
        return self.number or self.share is not None

    def text(self, row: Any) -> str:
        if self.words is not None:
            return self.words(row)
        value = self.get(row)
        return "" if value is None else self.show(value)


class Sheet(NamedTuple):
    """A table: its columns, its rows, and perhaps a row of totals; `dim` rows stand back.

    Where a page can be unfolded, as in Markdown, a long table that has words for it stands `folded` under them.
    """

    columns: Sequence[Column]
    rows: Sequence[Any]
    total: Any = None
    title: str = ""
    header: bool = True
    dim: Callable[[Any], bool] = lambda _: False
    folded: str = ""


class Line(NamedTuple):
    """A line of text; `style` is `title`, `aside` or `text`."""

    text: str
    style: str = "text"


Page: TypeAlias = list[Sheet | Line]
