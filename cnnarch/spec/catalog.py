"""Finds and reads specs: shipped ones by name, others by path, `-` from standard input."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from stat import S_ISFIFO

from cnnarch.errors import Problem, ReadError, Source, Span, SpecError, beginning, listed, printable, suggestion
from cnnarch.spec.document import read_blocks, read_document
from cnnarch.spec.model import Block, Spec

__all__ = [
    "FOLDER",
    "blocks_of",
    "names",
    "page_with",
    "pages_of_blocks",
    "read",
    "read_again",
    "read_page",
    "read_source",
    "read_text",
]

LARGEST = 128 * 2**20  # bytes: more than a million layers take
DEEPEST = 10  # pages that build on each other

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Inside an installed package; beside it in a checkout.
FOLDER = next(
    (path for path in (os.path.join(_HERE, "configs"), os.path.join(_HERE, "..", "configs")) if os.path.isdir(path)),
    os.path.join(_HERE, "configs"),
)


BLOCKS = os.path.join(FOLDER, "blocks")


def names() -> list[str]:
    """The shipped networks, in alphabetical order, and by number where names differ in one."""
    return _pages(FOLDER)


def pages_of_blocks() -> list[str]:
    """The shipped pages of blocks that a spec can import, in alphabetical order."""
    return _pages(BLOCKS)


def _pages(folder: str) -> list[str]:
    found = [file[:-5] for file in os.listdir(folder) if file.endswith(".yaml")]
    return sorted(found, key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)])


def read(spec: str) -> Spec:
    """Read a spec: a shipped network's name, a path, or `-` for standard input.

    Raises ReadError if there is none, SpecError if it cannot be built; what is wrong with single layers
    `build` raises.

    >>> read("alexnet").name
    'AlexNet, without padding'
    """
    return _read(read_source(spec, pipes=True), ())


def read_text(name: str, text: str) -> Spec:
    """Read a page that was made, not written.

    Raises SpecError as `read` does.
    """
    return _read(Source(name, text), ())


def read_again(source: Source, pages: Mapping[str, Source]) -> Spec:
    """Read a spec from its texts, as on another machine, where its files are not; raises as `read` does."""
    return _read(source, (), dict(pages))


def read_source(spec: str, pipes: bool = False) -> Source:
    """The text of a spec, and what it is called.

    `pipes` for what a user names: a pipe as `<(git show HEAD:net.yaml)` is read like standard input. A page that
    names one is not followed, as reading may never end.

    Raises ReadError if there is none, SpecError if it is no text.
    """
    if spec == "-":
        return _decode("<stdin>", sys.stdin.buffer.read(LARGEST + 1))
    if pipes and _is_pipe(spec):
        with open(spec, "rb") as stream:
            return _decode(spec, stream.read(LARGEST + 1))
    shipped = _shipped(spec, FOLDER)
    if shipped is None and not os.path.exists(spec) and not _is_path(spec):
        hint = beginning(spec, names())
        if _shipped(spec, BLOCKS) is not None:
            hint = f"{f'{hint}; ' if hint else ''}`{spec}` is a page of blocks, for `import`"
        hint = hint or "`cnnarch list` shows what is shipped; a file is given by its path"
        raise ReadError(f"there is no network and no file `{spec}`", hint)
    return shipped or _decode(spec, _bytes(spec), spec)


def read_page(name: str) -> Source:
    """The text of a spec, or of a shipped page of blocks.

    Raises as `read_source` does.
    """
    return (None if name in names() else _shipped(name, BLOCKS)) or read_source(name)


def blocks_of(page: str) -> list[str]:
    """The blocks of a shipped page, as they stand there.

    >>> blocks_of("squeeze_excite")
    ['squeeze_excite', 'squeeze_excite_silu', 'squeeze_excite_hard']
    """
    return list(_Library((), {}).blocks(page, Source(page, "")))


def page_with(block: str) -> str:
    """The shipped page that has a block of that name, or nothing.

    >>> page_with("bottleneck")
    'resnet'
    """
    if not block.isidentifier():
        return ""
    return next((page for page in pages_of_blocks() if f"\n  {block}:" in read_page(page).text), "")


def _shipped(name: str, folder: str) -> Source | None:
    path = os.path.join(folder, f"{name}.yaml")
    return None if _is_path(name) or not os.path.isfile(path) else _decode(f"{name}.yaml", _bytes(path), path)


def _is_path(spec: str) -> bool:
    return "/" in spec or os.sep in spec or spec.endswith((".yaml", ".yml"))


def _is_pipe(spec: str) -> bool:
    try:
        return S_ISFIFO(os.stat(spec).st_mode)
    except (OSError, ValueError):
        return False


def _read(source: Source, chain: tuple[str, ...], pages: dict[str, Source] | None = None) -> Spec:
    found = {} if pages is None else pages
    spec = read_document(source, _Library((*chain, source.path), found))
    spec.pages = found
    return spec


class _Library:
    """What a page can name; `chain` are the pages that led to it, each by the one before.

    `pages` has the files that were read, by how they were named; they are not read again.
    """

    def __init__(self, chain: tuple[str, ...], pages: dict[str, Source]) -> None:
        self.chain = chain
        self.pages = pages

    def spec(self, name: str, beside: Source) -> Spec:
        """The spec of an `extends`; a shipped one is read once."""
        if name in _SPECS:
            return _SPECS[name]
        base = self._named(name, beside, read_source, "network")
        self._check(f"extends: {name}", base)
        spec = _read(base, self.chain, self.pages)
        if spec.problems:
            raise SpecError(spec.problems)
        if base.path == os.path.abspath(os.path.join(FOLDER, f"{name}.yaml")):
            _SPECS[name] = spec
        return spec

    def blocks(self, name: str, beside: Source) -> dict[str, Block]:
        """The blocks of an `import`; a shipped page is read once."""
        if name in _PAGES:
            return _PAGES[name]
        page = self._named(name, beside, _page_of_blocks, "page of blocks")
        self._check(f"import: {name}", page)
        blocks = read_blocks(page, _Library((*self.chain, page.path), self.pages))
        if not _is_path(name):
            _PAGES[name] = blocks
        return blocks

    def page_with(self, block: str) -> str:
        return page_with(block)

    def _named(self, name: str, beside: Source, shipped: Callable[[str], Source], what: str) -> Source:
        """What a page names: something that is shipped, or a file in the folder of the page that says so."""
        try:
            if name == "-":
                hint = "it is given by its name or path"
                raise SpecError([Problem(f"there is no {what} and no file `-`", hint=hint)])
            if not _is_path(name):
                return shipped(name)
            if os.path.isabs(name):
                raise SpecError(
                    [Problem(f"`{name}` is not beside this spec", hint="give a path from the spec's own folder")]
                )
            path = os.path.normpath(os.path.join(os.path.dirname(beside.path), name))
            if path not in self.pages:
                self.pages[path] = read_source(path if _is_path(path) else os.path.join(".", path))
            return self.pages[path]
        except ReadError as error:
            raise SpecError([Problem(error.problem.message, None, error.problem.hint)]) from None

    def _check(self, what: str, page: Source) -> None:
        if page.path in self.chain:
            raise SpecError([Problem(f"`{what}` goes in a circle")])
        if len(self.chain) > DEEPEST:
            raise SpecError([Problem(f"more than {DEEPEST} pages that build on each other")])


_SPECS: dict[str, Spec] = {}
_PAGES: dict[str, dict[str, Block]] = {}


def _page_of_blocks(name: str) -> Source:
    shipped = _shipped(name, BLOCKS)
    if shipped is None:
        known = pages_of_blocks()
        hint = suggestion(name, known) or f"there are {listed(known, len(known))}; a file is named with its ending"
        if name in names():
            hint = f"it is a network: `extends: {name}` makes a variant of it"
        raise ReadError(f"there is no page of blocks `{name}`", hint)
    return shipped


def _bytes(path: str) -> bytes:
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise ReadError(f"`{path}` is not a file")
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > LARGEST:
                raise ReadError(f"`{path}` is larger than {LARGEST // 2**20} MiB", "is it a spec?")
            return file.read()
    except (OSError, ValueError) as error:
        if isinstance(error, ReadError):
            raise
        reason = getattr(error, "strerror", None) or "not a path"
        raise ReadError(f"cannot read `{path}`: {reason.lower()}") from None


def _decode(name: str, data: bytes, path: str = "") -> Source:
    if len(data) > LARGEST:
        raise ReadError(f"`{name}` is larger than {LARGEST // 2**20} MiB", "is it a spec?")
    try:
        return Source(name, data.decode().removeprefix("\ufeff"), os.path.abspath(path) if path else "")
    except UnicodeDecodeError as error:
        source = Source(name, data.decode("utf-8", errors="replace"))
        good = data[: error.start].decode("utf-8")
        line = good.count("\n") + 1
        column = len(good) - (good.rfind("\n") + 1) + 1
        problem = Problem(
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            Span(source, line, column, line, column + 1),
            f"save {printable(name)} as UTF-8",
        )
        raise SpecError([problem]) from None
