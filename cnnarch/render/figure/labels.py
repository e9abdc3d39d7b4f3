"""What stands below columns: names where there is room, and brackets for the blocks that columns are of."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from cnnarch.render.figure import svg, words

__all__ = ["Band", "below", "key", "named"]

LABEL = 10.0
PITCH = 12.5  # from a name to the next; they stand upright
LONGEST = 18  # characters of a name
LEVELS = 2  # of blocks that have brackets
LEAST = 5  # characters of a name that lost its middle
BRACKET = 22.0  # the height of a row of brackets
NARROW = 8.0  # columns with less than this


class Band(NamedTuple):
    """A column's place on the x axis, its name, and how much it matters that the name is written."""

    left: float
    width: float
    name: str
    weight: float

    @property
    def middle(self) -> float:
        return self.left + self.width / 2

    @property
    def path(self) -> list[str]:
        """The blocks that it is in."""
        return self.name.split("/")[:-1]


def named(names: Sequence[str]) -> list[str]:
    """Names for columns: a layer that is the only column of its block has the block's name.

    >>> named(["conv1", "stem/conv", "stem/pool", "stage1/conv_bn1/conv", "stage1/conv_bn2/conv"])
    ['conv1', 'stem/conv', 'stem/pool', 'stage1/conv_bn1', 'stage1/conv_bn2']
    """
    columns: dict[str, int] = {}
    for name in names:
        for block in _blocks(name):
            columns[block] = columns.get(block, 0) + 1
    return [next((block for block in _blocks(name) if columns[block] == 1), name) for name in names]


def _blocks(name: str) -> list[str]:
    """All blocks that a layer is in, the outermost first."""
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def below(bands: Sequence[Band], top: float) -> tuple[list[str], float]:
    """Names upright, then brackets; and how much height they take.

    Where columns are narrow, brackets stand right below them and only what is in no block has a name.
    """
    narrow = bands[0].width < NARROW
    names, height = _names(bands, top, narrow)
    drawn, down = list(names), 0.0 if narrow else height
    for level in range(1, LEVELS + 1):
        found = _brackets(bands, level, top + down + 4)
        if not found:
            break
        drawn += found
        down += BRACKET
    return drawn, max(height, down)


def _names(bands: Sequence[Band], top: float, narrow: bool) -> tuple[list[str], float]:
    """The names that have room, those first that matter most."""
    taken: list[Band] = []
    inside = [band for band in bands if band.path] if narrow else []
    shown = [band for band in bands if not (narrow and (band.path or _beside(inside, band)))]
    for band in sorted(shown, key=lambda band: (-band.weight, band.left)):
        if len(taken) * PITCH < bands[-1].left + bands[-1].width and _free(taken, band):
            taken.append(band)
    drawn, height = [], 0.0
    for band in sorted(taken):
        label = words.clipped(band.name.rpartition("/")[2], LONGEST)
        x, y = band.middle + 0.35 * LABEL, top + 5
        turned = f"rotate(-90 {svg.decimal(x)} {svg.decimal(y)})"
        drawn.append(svg.text(x, y, label, "label quiet", "end", transform=turned))
        height = max(height, 8 + svg.text_width(label, LABEL))
    return drawn, height


def _beside(inside: Sequence[Band], band: Band) -> bool:
    """Whether a name would touch a bracket."""
    place = bisect_left(inside, band.left, key=lambda other: other.left)
    near = inside[max(place - 1, 0) : place + 1]
    return any(abs(other.middle - band.middle) < (other.width + LABEL) / 2 for other in near)


def _free(taken: Sequence[Band], band: Band) -> bool:
    return all(abs(one.middle - band.middle) >= PITCH for one in taken)


def _brackets(bands: Sequence[Band], level: int, top: float) -> list[str]:
    """Brackets around what lies in the same block; of inner blocks nothing if most have no room for a name."""
    drawn, written, runs = [], 0, _runs(bands, level)
    for first, last, name in runs:
        left, right = first.left + 1, last.left + last.width - 1
        outline = f"M{svg.decimal(left)} {svg.decimal(top)}v4H{svg.decimal(right)}v-4"
        label = _as_fits(name, right - left)
        if label:
            drawn.append(svg.element("path", d=outline, class_="bracket"))
            drawn.append(svg.text((left + right) / 2, top + 15, label, "label quiet", "middle"))
            written += 1
    return drawn if level == 1 or 2 * written >= len(runs) else []


def _runs(bands: Sequence[Band], level: int) -> list[tuple[Band, Band, str]]:
    """The first and the last column of every block of a level, and the last part of its name.

    Of the blocks in another, if the names do not all have room, those of `bottleneck1`, `bottleneck2` ... are numbers.
    """
    runs: list[tuple[Band, Band, str]] = []
    before: list[str] = []
    for band in bands:
        path = band.path[:level]
        if len(path) == level:
            if path == before:
                runs[-1] = (runs[-1][0], band, path[-1])
            else:
                runs.append((band, band, path[-1]))
        before = path
    room = all(svg.text_width(name, LABEL) <= last.left + last.width - first.left - 2 for first, last, name in runs)
    return runs if room or level == 1 else [(first, last, _number(name)) for first, last, name in runs]


def _as_fits(name: str, width: float) -> str:
    """A name, or most of it, or the number at its end; nothing where there is no room.

    >>> _as_fits("bottleneck1", 80), _as_fits("bottleneck1", 50), _as_fits("bottleneck1", 20), _as_fits("head", 20)
    ('bottleneck1', 'bott…ck1', '…1', '')
    """
    found = words.fitted(name, width, LABEL)
    if found == name or len(found) > LEAST:
        return found
    number = _number(name)
    return f"…{number}" if number != name and svg.text_width(f"…{number}", LABEL) <= width else ""


def _number(name: str) -> str:
    """The number at the end of a name, or the name."""
    digits = len(name) - len(name.rstrip("0123456789"))
    return name[len(name) - digits :] if digits else name


def key(entries: Sequence[tuple[str, str]], left: float, y: float, width: float) -> tuple[list[str], float]:
    """What colours mean, classes and words in rows; and the base line of the last row."""
    drawn, x = [], left
    for class_, label in entries:
        wide = 18 + svg.text_width(label, LABEL) + 14
        if x > left and x + wide > left + width:
            x, y = left, y + 17
        drawn.append(svg.element("rect", x=x, y=y - 9, width=12, height=10, class_=f"{class_} outline"))
        drawn.append(svg.text(x + 18, y, label, "label"))
        x += wide
    return drawn, y
