"""Lists of layers as lines of YAML, with the names that have to be there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cnnarch.interchange.blocks import Block
from cnnarch.interchange.blocks_settings import Code
from cnnarch.interchange.folding import BRANCHES, REPEAT, RESIDUAL, Part, within
from cnnarch.spec.written import named, quoted, written

__all__ = ["Layout"]

WIDTH = 120  # characters of a line
ROUNDS = 3  # in which names are settled: one that is written can leave another to be written
STEP = 4  # a list in an entry stands so far in
ORDER = ("filters", "units", "kernel", "stride", "padding")  # of settings, before others
STRUCTURES = (RESIDUAL, BRANCHES, REPEAT)


class Layout:
    """What is written of a network: its blocks, and its layers."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.defaults = {block.name: block.settings for block in blocks}

    def block(self, block: Block) -> Iterator[str]:
        """The lines of a block."""
        yield f"  {block.name}:"
        if block.settings:
            pairs = [f"{name}: {'' if value is None else _text(value)}" for name, value in block.settings.items()]
            yield from _wrapped(f"    settings: {{{', '.join(pairs)}}}", 6)
        yield "    layers:"
        yield from self.layers(block.body, ("input",), 6)

    def layers(self, parts: Sequence[Part], inputs: Sequence[str], indent: int) -> Iterator[str]:
        """The lines of a list of layers whose names are counted together; it takes the first numbers."""
        names = _Names(parts, inputs)
        return self._list(parts, tuple(range(len(inputs))), names, indent)

    def _list(self, parts: Sequence[Part], before: tuple[int, ...], names: _Names, indent: int) -> Iterator[str]:
        for part in parts:
            beside = names.beside(part, before)
            if part.kind in STRUCTURES:
                yield from self._structure(part, beside, names, indent)
            else:
                yield from self._layer(part, beside, indent)
            before = (part.gives,)

    def _structure(self, part: Part, beside: dict[str, str], names: _Names, indent: int) -> Iterator[str]:
        room = " " * indent
        yield f"{room}- {part.kind}:"
        if part.kind == BRANCHES:
            assert part.layer is not None
            beside = {"merge": part.layer.kind, **beside}
            for body in part.bodies:
                lines = list(self._list(body, part.takes, names, indent + STEP + 2))
                first = lines[0].lstrip() if lines else "[]"
                yield f"{room}    - {first}"
                yield from lines[1:]
        else:
            body = part.bodies[0]
            yield from self._list(body, body[0].takes, names, indent + STEP)
        if part.kind == RESIDUAL and len(part.bodies) > 1:
            yield f"{room}  shortcut:"
            yield from self._list(part.bodies[1], part.takes, names, indent + STEP)
        if part.drops:
            beside = {"shortcut": "drop", **beside}
        yield from (f"{room}  {key}: {text}" for key, text in beside.items())

    def _layer(self, part: Part, beside: dict[str, str], indent: int) -> Iterator[str]:
        room = " " * indent
        settings = self._settings(part)
        entry = f"{part.kind}: {settings}" if settings or beside else part.kind
        line = f"{room}- {{{', '.join([entry, *(f'{key}: {text}' for key, text in beside.items())])}}}"
        if beside and len(line) <= WIDTH:
            yield line
            return
        yield from _wrapped(f"{room}- {entry}".rstrip(), indent + 4)
        for key, text in beside.items():
            yield from _wrapped(f"{room}  {key}: {text}", indent + 4)

    def _settings(self, part: Part) -> str:
        """The settings that are not as they would be, or the first alone."""
        given: dict[str, Any] = {}
        verbatim: set[str] = set()
        if part.layer is not None and part.kind not in self.defaults:
            own = {**part.layer.given(), **part.settings}
            order = [*(name for name in ORDER if name in own), *part.layer.settings]
            given = {name: own[name] for name in order if name in own}
            verbatim = {name for name, one in part.layer.settings.items() if one.type.verbatim}
            first = next(iter(part.layer.settings), "")
        else:
            defaults = self.defaults[part.kind]
            given = {name: part.settings[name] for name in defaults if part.settings[name] != defaults[name]}
            first = next(iter(defaults), "")
        texts = {name: quoted(value) if name in verbatim else _text(value) for name, value in given.items()}
        if list(texts) == [first]:
            return texts[first]
        return f"{{{', '.join(f'{name}: {text}' for name, text in texts.items())}}}" if texts else ""


class _Names:
    """What is called how in one scope: by a name that is written, or by the one that a page gives of itself."""

    def __init__(self, parts: Sequence[Part], inputs: Sequence[str]) -> None:
        self.parts = parts
        self.inputs = dict(enumerate(inputs))
        self.given = {id(part): part.name for part in within(parts) if part.own}
        self._leave_out()
        self._refer()
        self._settle()
        self.called = {**self.inputs, **{gives: name for gives, name, _ in self._all()}}

    def beside(self, part: Part, before: tuple[int, ...]) -> dict[str, str]:
        """What stands beside a kind."""
        found = {"name": named(self.given.get(id(part), ""))}
        if part.takes != before:
            names = [named(self.called[number]) for number in part.takes]
            found["from"] = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
        found["share"] = named(part.share)
        found["repeat"] = str(part.repeat) if part.repeat > 1 else ""
        found["note"] = quoted(part.note) if part.note else ""
        return {key: text for key, text in found.items() if text}

    def _all(self, given: Mapping[int, str] | None = None) -> list[tuple[int, str, Part | None]]:
        """The number, name and part of all layers, as a page counts them; merges are no parts."""
        given = self.given if given is None else given
        order = list(_order(self.parts))
        times = Counter(label for label, _, part in order if id(part) not in given)
        counts: Counter[str] = Counter()
        found = []
        for label, gives, part in order:
            if id(part) in given:
                found.append((gives, given[id(part)], part))
                continue
            counts[label] += 1
            plain = label.rstrip("0123456789")
            numbered = times[label] > 1 or (plain != label and plain in times)
            joint = "_" if label[-1].isdigit() else ""
            found.append((gives, f"{label}{joint}{counts[label]}" if numbered else label, part))
        return found

    def _leave_out(self) -> None:
        """Write no name that a page gives of itself."""
        kinds = {id(part): part.kind for part in within(self.parts)}
        same = {id(part): name == part.name for _, name, part in self._all({}) if part is not None}
        other = {kinds[one] for one in self.given if not same.get(one)}
        self.given = {one: name for one, name in self.given.items() if kinds[one] in other}

    def _refer(self) -> None:
        """Write the name of what others take by it."""
        before: tuple[int, ...] = tuple(self.inputs)
        wanted: set[int] = set()
        for part in self.parts:
            if part.takes != before:
                wanted.update(part.takes)
            before = (part.gives,)
        for part in self.parts:
            if part.gives in wanted and not part.bodies and part.repeat == 1 and part.name and not part.own:
                self.given[id(part)] = part.name

    def _settle(self) -> None:
        """Write the names of layers of a kind where a page would give one of them a name that another has."""
        every = self._all()
        times = Counter(id(part) for _, _, part in every)
        for _ in range(ROUNDS):
            taken = {*self.given.values(), *self.inputs.values()}
            clashes = {part.kind for _, name, part in every if part and id(part) not in self.given and name in taken}
            free = [part for _, _, part in every if part and part.kind in clashes and part.name]
            self.given |= {id(part): part.name for part in free if times[id(part)] == 1}
            every = self._all()


def _order(parts: Iterable[Part]) -> Iterator[tuple[str, int, Part | None]]:
    """What layers are called after, their numbers, and what has a name of its own, in the order of their names."""
    for part in parts:
        for _ in range(part.repeat):
            for body in part.bodies:
                yield from _order(body)
            if part.kind in (RESIDUAL, BRANCHES):
                assert part.layer is not None
                yield part.layer.kind, part.gives, None
            elif not part.bodies:
                yield part.kind, part.gives, part


def _text(value: Any) -> str:
    return str(value) if isinstance(value, Code) else written(value)


def _wrapped(line: str, indent: int) -> Iterator[str]:
    """A line, in several where it is too long."""
    while len(line) > WIDTH:
        end = line.rfind(", ", indent + 1, WIDTH)
        if end < 0:
            break
        yield line[: end + 1]
        line = " " * indent + line[end + 2 :]
    yield line
