"""A figure as a PNG, for what does not show SVG; drawn by CairoSVG, which is an extra."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from cnnarch.errors import ReadError
from cnnarch.render.numbers import grouped

__all__ = ["LONGEST_SIDE", "MOST_PIXELS", "png"]

MOST_PIXELS = 100_000_000  # 400 MB while it is drawn
LONGEST_SIDE = 32_767  # pixels of an image in cairo
SHARP = 2  # pixels for a unit of the figure, if nothing else is wanted


def png(svg: str, width: int | None = None) -> bytes:
    """A figure as an image in light colours, so many pixels wide; without a width, two pixels for a unit of the figure.

    Raises ReadError if it would have too many pixels, or if CairoSVG is not installed.
    """
    across, down = _pixels(svg, width)
    library = _library()
    # Its defaults read no file and no address. Rules inside @media, which are those for dark ground, it leaves out.
    drawn: bytes = library.svg2png(bytestring=svg.encode(), output_width=across, output_height=down, dpi=96)
    return drawn


def _pixels(svg: str, width: int | None) -> tuple[int, int]:
    """The size of the image, in the proportions of the figure.

    >>> _pixels('<svg viewBox="0 0 300 100.5">', None), _pixels('<svg viewBox="0 0 300 100">', 900)
    ((600, 201), (900, 300))
    >>> _pixels('<svg viewBox="0 0 1000 20000">', None)  # as large as may be
    (1638, 32767)
    """
    found = re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', svg)
    if found is None:
        raise ValueError("a figure has a viewBox that begins with 0 0")
    wide, high = float(found[1]), float(found[2])
    most = min((MOST_PIXELS / (wide * high)) ** 0.5, LONGEST_SIDE / max(wide, high))
    if width is None and most < 1:  # it could not be read, and would take a minute
        hint = f"an SVG has no pixels; or at most `--width {int(wide * most)}`, or a lower `--depth`"
        raise ReadError(f"a figure of {grouped(round(wide))} × {grouped(round(high))} is too large for a PNG", hint)
    if width is None:
        scale = min(SHARP, most)
        return max(1, int(wide * scale + 1e-6)), max(1, int(high * scale + 1e-6))
    if width > wide * most:
        hint = f"at most `--width {int(wide * most)}`; an SVG has no pixels"
        high_then = grouped(round(high * width / wide))
        raise ReadError(f"a PNG of {grouped(width)} × {high_then} pixels is too large", hint)
    return width, max(1, round(high * width / wide))


def _library() -> Any:
    try:
        return import_module("cairosvg")
    except ImportError:
        raise ReadError("drawing a PNG needs cairosvg", "`pip install 'cnnarch[png]'`") from None
    except OSError:  # of cairocffi, which looks for the library when it is imported
        hint = "install it: `apt-get install libcairo2` on Debian and Ubuntu, `brew install cairo` on macOS"
        raise ReadError("cairosvg needs the library cairo, which is not on this machine", hint) from None
