"""Finds and reads specs: shipped ones by name, others by path, `-` from standard input."""

from __future__ import annotations

import os
import sys

from cnnarch.errors import Problem, ReadError, Source, Span, SpecError, printable, suggestion
from cnnarch.spec.document import read_document
from cnnarch.spec.model import Spec

__all__ = ["FOLDER", "names", "read", "read_source"]

LARGEST = 128 * 2**20  # bytes: more than a million layers take
DEEPEST_EXTENDS = 10

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Inside an installed package; beside it in a checkout.
FOLDER = next(
    (path for path in (os.path.join(_HERE, "configs"), os.path.join(_HERE, "..", "configs")) if os.path.isdir(path)),
    os.path.join(_HERE, "configs"),
)


def names() -> list[str]:
    """The shipped networks, in alphabetical order."""
    return sorted(file[:-5] for file in os.listdir(FOLDER) if file.endswith(".yaml"))


def read(spec: str) -> Spec:
    """Read a spec: a shipped network's name, a path, or `-` for standard input.

    Raises ReadError if there is none, SpecError if it cannot be built; what is wrong with single layers
    `build` raises.

    >>> read("alexnet").name
    'AlexNet, without padding'
    """
    return _read(read_source(spec), ())


def read_source(spec: str) -> Source:
    """The text of a spec, and what it is called.

    Raises ReadError if there is none, SpecError if it is no text.
    """
    if spec == "-":
        return _decode("<stdin>", sys.stdin.buffer.read(LARGEST + 1))
    if not _is_path(spec):
        shipped = os.path.join(FOLDER, f"{spec}.yaml")
        if os.path.isfile(shipped):
            return _decode(f"{spec}.yaml", _bytes(shipped), shipped)
    if not os.path.exists(spec) and not _is_path(spec):
        hint = suggestion(spec, names()) or "`cnnarch list` shows what is shipped; a file is given by its path"
        raise ReadError(f"there is no network and no file `{spec}`", hint)
    return _decode(spec, _bytes(spec), spec)


def _is_path(spec: str) -> bool:
    return "/" in spec or os.sep in spec or spec.endswith((".yaml", ".yml"))


def _read(source: Source, chain: tuple[str, ...]) -> Spec:
    def find(name: str, beside: Source) -> Spec:
        base = _extended(name, beside)
        if base.path in (*chain, source.path):
            raise SpecError([Problem(f"`extends: {name}` goes in a circle")])
        if len(chain) >= DEEPEST_EXTENDS:
            raise SpecError([Problem(f"more than {DEEPEST_EXTENDS} specs that extend each other")])
        spec = _read(base, (*chain, source.path))
        if spec.problems:
            raise SpecError(spec.problems)
        return spec

    return read_document(source, find)


def _extended(name: str, beside: Source) -> Source:
    """What an `extends` names: a shipped network, or a file in the folder of the spec that says so."""
    try:
        if name == "-":
            raise SpecError(
                [Problem("there is no network and no file `-`", hint="a spec is extended by its name or path")]
            )
        if not _is_path(name):
            return read_source(name)
        if os.path.isabs(name):
            raise SpecError(
                [Problem(f"`{name}` is not beside this spec", hint="give a path from the spec's own folder")]
            )
        path = os.path.normpath(os.path.join(os.path.dirname(beside.path), name))
        return read_source(path if _is_path(path) else os.path.join(".", path))
    except ReadError as error:
        raise SpecError([Problem(error.problem.message, None, error.problem.hint)]) from None


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
