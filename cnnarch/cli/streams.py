"""Characters that a terminal or a pipe cannot show: what is written for them."""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
from collections.abc import Callable
from importlib import import_module

__all__ = ["prepare", "put", "stand_in", "tell"]

# The first that the encoding has is written. Windows' code pages have some: 437 no ×, 850 no √, 1252 no blocks.
STAND_INS = {
    "×": ("x",), "÷": ("/",), "−": ("-",), "–": ("-",), "—": ("-",), "·": ("*",), "±": ("+-",), "µ": ("u",),
    "²": ("^2",), "³": ("^3",), "√": ("sqrt ",), "∞": ("inf",), "Σ": ("sum ",), "ε": ("epsilon",), "…": ("...",),
    "≤": ("<=",), "≥": (">=",), "≠": ("!=",), "≈": ("~",),
    "⌊": ("floor(",), "⌋": (")",), "⌈": ("ceil(",), "⌉": (")",),
    "→": ("->",), "←": ("<-",), "↑": ("^",), "↓": ("v",), "↔": ("<->",),
    # never a double quote or a comma, which would mean something in CSV
    "“": ("'",), "”": ("'",), "„": ("'",), "‹": ("<",), "›": (">",), "‘": ("'",), "’": ("'",),
    "•": ("*",), "\u00a0": (" ",), "°": (" degrees",),
    "§": ("section ",), "∑": ("sum ",), "∏": ("product ",),
    # bars: as much as there is of the eighths
    "█": ("#",), "▉": ("█", "#"), "▊": ("█", "#"), "▋": ("▌", "#"), "▌": ("#",), "▍": ("▌", "."), "▎": (".",),
    "▏": (".",),
    "▁": ("_",), "▂": ("_",), "▃": ("=",), "▅": ("=",), "▀": ("#",), "▄": ("=",),
    "░": (".",), "▒": (":",), "▓": ("#",), "■": ("#",),
}  # fmt: skip


def stand_in(char: str, encoding: str) -> str:
    r"""What is written for a character that an encoding has not.

    Signs have one that can be read, lines are as long as before, and what stands in a name is escaped, not lost.

    >>> [stand_in(char, "ascii") for char in "×⌊…█é漢"]
    ['x', 'floor(', '...', '#', '\\xe9', '\\u6f22']
    >>> stand_in("▉", "cp437"), stand_in("│", "cp1252"), stand_in("├", "ascii")
    ('█', '|', '+')
    """
    for other in STAND_INS.get(char, ()):
        if _fits(other, encoding):
            return other
    if "\u2500" <= char <= "\u257f":  # lines: across, down, and where they meet
        drawn = import_module("unicodedata").name(char).replace("BOX DRAWINGS ", "")
        return {"HORIZONTAL": "-", "VERTICAL": "|"}.get(drawn.split()[-1], "+") if " AND " not in drawn else "+"
    if "\u2580" <= char <= "\u259f":  # other parts of a full cell
        return "#"
    return char.encode("ascii", "backslashreplace").decode()


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _handler(encoding: str) -> Callable[[UnicodeError], tuple[str, int]]:
    """What an encoder calls for characters that it has not; it knows a code page only as `charmap`."""

    def handle(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        return "".join(stand_in(char, encoding) for char in error.object[error.start : error.end]), error.end

    return handle


def prepare() -> None:
    """Make the streams ready: each is there, and none stops at a character that it cannot show."""
    if sys.stdin is None:  # `<&-`
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:  # `>&-`: nobody wants the result, only the exit code
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            codecs.register_error(f"cnnarch-{stream.encoding}", _handler(stream.encoding))
            stream.reconfigure(errors=f"cnnarch-{stream.encoding}")


def tell(text: str) -> None:
    """Write a line to standard error, if that is still there; what was found does not depend on it."""
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except OSError:
        pass


def put(text: str | bytes, form: str = "") -> None:
    """Write a result to standard output, so that programs read what was meant, whatever the encoding.

    What has an escape for every character is escaped, as JSON and HTML are; a spec, which has none, is UTF-8 through
    a pipe. Bytes go as they are. All else is in the encoding of the stream.
    """
    if isinstance(text, bytes):
        sys.stdout.flush()
        sys.stdout.buffer.write(text)
        return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if text.isascii() or codecs.lookup(encoding).name == "utf-8":
        sys.stdout.write(text)
    elif form == "json":
        sys.stdout.write(re.sub(r"[^\x00-\x7f]+", lambda found: import_module("json").dumps(found[0])[1:-1], text))
    elif form in ("html", "svg", "junit"):
        sys.stdout.write(text.encode("ascii", "xmlcharrefreplace").decode())
    elif form == "yaml" and not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8"))
    else:
        sys.stdout.write(text)
