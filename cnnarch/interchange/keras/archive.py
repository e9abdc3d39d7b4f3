"""The configuration that is in a file of Keras: a `.keras` archive or the JSON of a model, nothing of which is run."""

from __future__ import annotations

import json
from typing import IO, Any
from zipfile import BadZipFile, ZipFile, ZipInfo
from zlib import error as BadDeflate  # noqa: N812, zlib calls it so

from cnnarch.errors import ReadError, shortened

__all__ = ["MOST_BYTES", "configuration"]

MOST_BYTES = 16 * 2**20  # of a configuration; those of the largest networks that Keras ships have 2 MB
MOST_MEMBERS = 10_000
_MEMBER = "config.json"
_PICKLED = "its weights are in it, and the architecture as text: save the model as `.keras`, or write `model.to_json()`"


def configuration(path: str) -> dict[str, Any]:
    """Read what a `.keras` archive or a JSON file says of a model.

    Raises ReadError for what is no such file, is too large, or is damaged.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(8)
            file.seek(0)
            if start == b"\x89HDF\r\n\x1a\n":
                raise ReadError(f"{path} is HDF5, which is not read", _PICKLED)
            raw = _member(file, path) if start[:2] == b"PK" else _limited(file, path)
    except FileNotFoundError:
        raise ReadError(f"there is no file `{path}`") from None
    except OSError as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"{path} cannot be read: {error.strerror or error}") from None
    return _parsed(raw, path)


def _limited(file: IO[bytes], path: str) -> bytes:
    """All of a stream, which is never trusted to be as long as it says."""
    raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise ReadError(f"the configuration in {path} has more than {MOST_BYTES:,} bytes")
    return raw


def _member(file: IO[bytes], path: str) -> bytes:
    """The configuration out of an archive; no other member is opened, and none is written anywhere."""
    try:
        with ZipFile(file) as archive:
            info = _info(archive, path)
            with archive.open(info) as member:
                return _limited(member, path)
    except (BadZipFile, BadDeflate, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ReadError(f"{path} is a damaged archive: {shortened(str(error), 100)}") from None


def _info(archive: ZipFile, path: str) -> ZipInfo:
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise ReadError(f"{path} holds {len(members):,} files, unlike an archive of Keras")
    found = [one for one in members if one.filename == _MEMBER]
    if len(found) != 1:
        often = "no" if not found else f"{len(found)} times"
        raise ReadError(f"{path} holds {often} `{_MEMBER}`, unlike an archive of Keras")
    if found[0].flag_bits & 1:
        raise ReadError(f"`{_MEMBER}` in {path} is encrypted", "save the model without a password")
    return found[0]


def _parsed(raw: bytes, path: str) -> dict[str, Any]:
    if not raw.strip():
        raise ReadError(f"{path} is empty")
    try:
        found = json.loads(raw.decode("utf-8-sig"))
        if isinstance(found, str):  # `json.dump(model.to_json(), file)` writes the text of a text
            found = json.loads(found)
    except UnicodeDecodeError:
        raise ReadError(f"{path} is not text, nor an archive of Keras", "save the model as `.keras`") from None
    except json.JSONDecodeError as error:
        message = f"{path} is not JSON: {error.msg.lower()} in line {error.lineno}, column {error.colno}"
        raise ReadError(message) from None
    except RecursionError:
        raise ReadError(f"{path} has lists in lists without end: more levels than any model") from None
    except ValueError as error:  # a whole number of thousands of digits
        raise ReadError(f"{path} is not JSON: {shortened(str(error), 100)}") from None
    if not isinstance(found, dict) or "class_name" not in found:
        raise ReadError(f"{path} is not a model of Keras: it has no `class_name`", "write `model.to_json()` to a file")
    return found
