"""The settings of a block: which numbers differ among the groups that it stands for, and what follows from what."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from cnnarch.interchange.folding import Part
from cnnarch.spec.expressions import is_setting_name

__all__ = ["Code", "Parameters", "Place"]

Place: TypeAlias = tuple[int, ...]  # of a part: in its list, the body it is in, in that list, and so on
Slot: TypeAlias = tuple[Place, str]  # a setting of the part at a place
MAIN = ("filters", "units")  # what a layer is about: always told, and with no word more where several layers have it
SIDE = ("groups", "channels", "size", "start")  # widths that follow from others
WINDOW = ("kernel", "stride", "padding", "dilation")
WIDTHS = (*MAIN, *SIDE)  # what may be the same number, or a multiple
LONGEST = 50  # characters of its name
MOST_SETTINGS = 10  # a block with more says less than what it stands for
MOST_TIMES = 8  # above, one number is a multiple of another by chance


class Code(str):
    """An expression, to be written as it is."""

    __slots__ = ()


class _Setting(NamedTuple):
    """What is to be a setting: the layer and the setting that it is of, its value in each group, None where none."""

    name: str
    label: str
    kin: str
    usual: Any  # what it is for the layer's kind if it is not told
    values: list[Any]


class Parameters:
    """The settings of a block that stands for groups that are alike.

    `values` are those that each group gives, by name, and `code` is what stands in the slots that differ. The
    `widths` of blocks are the settings that are some layer's width. Unless they `are_few`, they are not complete.
    """

    def __init__(self, groups: Sequence[Part], widths: Mapping[str, Collection[str]]) -> None:
        self._found: list[_Setting] = []
        self._formulas: dict[Slot, tuple[int, int]] = {}  # the number of a setting, and how many times it
        self._halves: dict[Slot, Slot] = {}  # of a padding, the kernel that it is half of
        about = _about(groups, widths)
        slots = [dict(_slots(part.bodies[0])) for part in groups]
        for slot in dict.fromkeys(slot for one in slots for slot in one):
            values = [one.get(slot) for one in slots]
            if len(self._found) > MOST_SETTINGS:
                break
            if len({value for value in values if value is not None}) > 1 and not self._is_half(slot, slots):
                self._formulas[slot] = self._formula(about[slot]._replace(values=values))
        self.are_few = len(self._found) <= MOST_SETTINGS
        names = self._names()
        used = {number for number, _ in self._formulas.values()}
        order = sorted(used, key=self._rank)
        self.values = {names[number]: self._found[number].values for number in order}
        self.defaults = {names[number]: _default(self._found[number]) for number in order}
        self.widths = {names[number] for number in order if self._found[number].kin == "width"}
        self.code = {
            slot: Code(f"{times} * {names[number]}" if times > 1 else names[number])
            for slot, (number, times) in self._formulas.items()
        }
        self.code |= {slot: Code(f"{self.code[kernel]} // 2") for slot, kernel in self._halves.items()}

    def given(self, number: int) -> dict[str, Any]:
        """The settings of one group; any will do where it has none."""
        given = {name: values[number] for name, values in self.values.items()}
        return {name: self.defaults[name] if value is None else value for name, value in given.items()}

    def _rank(self, number: int) -> tuple[bool, bool]:
        """What has to be told first, and of that the widths."""
        told = _default(self._found[number]) is None
        return not told, told and self._found[number].kin != "width"

    def _formula(self, new: _Setting) -> tuple[int, int]:
        """Values as those of a setting that there is, or as a multiple of it; otherwise as a new setting."""
        near = [number for number, one in enumerate(self._found) if one.kin == new.kin]
        for number in near:
            known = self._found[number].values
            pairs = [pair for pair in zip(new.values, known) if None not in pair]
            if pairs and all(one == two for one, two in pairs):
                known[:] = [two if one is None else one for one, two in zip(new.values, known)]
                return number, 1
        for number in near:
            known = self._found[number].values
            times = _times(new.values, known)
            if times:
                return number, times
            times = _times(known, new.values) if new.name not in SIDE else 0
            if times:  # what is there is a multiple of the new one
                self._found[number] = new
                for slot, (one, factor) in self._formulas.items():
                    self._formulas[slot] = one, factor * times if one == number else factor
                return number, 1
        self._found.append(new)
        return len(self._found) - 1, 1

    def _is_half(self, slot: Slot, slots: Sequence[dict[Slot, Any]]) -> bool:
        """Whether it is a padding that is always half of the kernel, which differs too."""
        place, name = slot
        kernel = (place, "kernel")
        pairs = [(one.get(slot), one.get(kernel)) for one in slots]
        half = all(one is None or (type(two) is int and one == two // 2) for one, two in pairs)
        if name != "padding" or kernel not in self._formulas or not half:
            return False
        self._halves[slot] = kernel
        return True

    def _names(self) -> list[str]:
        """A name for each setting: the layer's own word, and where several layers have it, after the layer."""
        times = Counter(one.name for one in self._found)
        found: list[str] = []
        for one in self._found:
            longer = one.label if one.name in MAIN else f"{one.label}_{one.name}"
            wanted = (one.name if times[one.name] == 1 else longer)[:LONGEST]
            while wanted in found or wanted == "input" or not is_setting_name(wanted):
                wanted += "_"
            found.append(wanted)
        return found


def _times(values: Sequence[Any], known: Sequence[Any]) -> int:
    """How many times the known values the others always are, if they are more."""
    pairs = [pair for pair in zip(values, known) if pair[0] is not None]
    if not all(type(one) is type(two) is int and two > 0 for one, two in pairs):
        return 0
    times = pairs[0][0] // pairs[0][1]
    return times if 1 < times <= MOST_TIMES and all(one == times * two for one, two in pairs) else 0


def _default(setting: _Setting) -> Any:
    """What a layer would have itself, or of a window what most groups have; None for what has to be told."""
    given = [value for value in setting.values if value is not None]
    value, times = Counter(given).most_common(1)[0]
    if setting.usual in given and setting.name not in MAIN:
        return setting.usual
    usual = 2 * times > len(setting.values) and setting.name in WINDOW
    return value if usual or len(given) < len(setting.values) else None


def _slots(parts: Iterable[Part]) -> Iterator[tuple[Slot, Any]]:
    for here, part in _placed(parts):
        for name, value in part.values.items():
            yield (here, name), value


def _placed(parts: Iterable[Part], place: Place = ()) -> Iterator[tuple[Place, Part]]:
    """Layers and calls, with their places."""
    for number, part in enumerate(parts):
        here = (*place, number)
        if not part.bodies:
            yield here, part
        for index, body in enumerate(part.bodies):
            yield from _placed(body, (*here, index))


def _about(groups: Iterable[Part], widths: Mapping[str, Collection[str]]) -> dict[Slot, _Setting]:
    """What is known of each slot, without its values."""
    found: dict[Slot, _Setting] = {}
    labels: dict[Place, str] = {}
    counts: Counter[str] = Counter()
    for group in groups:
        for here, part in _placed(group.bodies[0]):
            if here in labels:
                continue
            word = part.kind.partition("_")[0]
            counts[word] += 1
            own = part.name.removeprefix(f"{group.name}/") if part.own else ""
            own = re.sub(r"\W", "_", own.replace("/_", "/")).strip("_")
            labels[here] = own if own.isidentifier() else f"{word}{counts[word]}"
            kinds = part.layer.settings if part.layer is not None else {}
            for name in part.values:
                kin = "width" if name in widths.get(part.kind, WIDTHS) else name
                usual = kinds[name].default if name in kinds and not kinds[name].required else None
                found[here, name] = _Setting(name, labels[here], kin, usual, [])
    return found
