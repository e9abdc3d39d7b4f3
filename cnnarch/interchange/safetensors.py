"""What a state dict in safetensors tells: its parameters by name; a graph is not in it.

A file is a length of 8 bytes, as many bytes of JSON, and the numbers; only the first two are read, without a library.
"""

import json
import os
from math import prod
from typing import Any, BinaryIO, NamedTuple, NoReturn

from cnnarch.errors import ReadError, shortened

__all__ = ["Stored", "parameters", "refuse", "told"]

LARGEST_HEADER = 100_000_000  # bytes, the limit of the format's own library
DEEPEST_HEADER = 3  # a header has tensors, which have lists
BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1,
    "U16": 2, "I16": 2, "F16": 2, "BF16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8, "C64": 8,
}  # fmt: skip


class Stored(NamedTuple):
    """A tensor in a file: its name, its shape as it is stored, its type, its numbers and its bytes."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    numbers: int
    size: int


def parameters(path: str) -> list[Stored]:
    """The tensors of a file, in the order in which their numbers stand in it; the numbers are not read.

    Raises ReadError for a file that is cut off, and for a header that does not describe the file.
    """
    try:
        with open(path, "rb") as file:
            room = os.fstat(file.fileno()).st_size
            header, start = _header(path, file, room)
    except ReadError:
        raise
    except OSError as error:
        raise ReadError(f"{path} cannot be read: {error.strerror or error}") from None
    rows = [_stored(path, name, one, room - start) for name, one in header.items() if name != "__metadata__"]
    rows.sort(key=lambda row: row[0])
    end = 0
    for (begin, stop), one in rows:
        if begin != end:
            _broken(path, f"the numbers of `{one.name}` begin at byte {begin}, and those before end at {end}")
        end = stop
    if end != room - start:
        _broken(path, f"its tensors have {end} bytes, and there are {room - start}")
    return [one for _, one in rows]


def _header(path: str, file: BinaryIO, room: int) -> tuple[dict[str, Any], int]:
    """The JSON at its beginning, and where the numbers begin."""
    first = file.read(8)
    if len(first) < 8:
        _broken(path, f"it has {len(first)} bytes, and the length of its header alone takes 8")
    length = int.from_bytes(first, "little")
    if length > min(room - 8, LARGEST_HEADER):
        _broken(path, f"its header would have {length} bytes, and the file has {room}")
    text = file.read(length)
    if not text.startswith(b"{") or len(text) < length:
        _broken(path, "its header is no JSON")
    if _depth(text) > DEEPEST_HEADER:
        _broken(path, "its header has lists in lists")
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        _broken(path, f"its header is no JSON: {shortened(str(error), 100)}")
    if not isinstance(header, dict):
        _broken(path, "its header is no mapping of names")
    return header, 8 + length


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _depth(text: bytes) -> int:
    """How deep brackets lie in one another, without those in texts.

    >>> _depth(b'{"a[": {"shape": [3]}}')
    3
    """
    depth = deepest = 0
    for number, part in enumerate(text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')):
        if number % 2 or not any(one in part for one in b"[]{}"):
            continue
        for byte in part:
            depth += (byte in b"[{") - (byte in b"]}")
            if depth > deepest:
                deepest = depth
                if deepest > DEEPEST_HEADER:
                    return deepest
    return deepest


def _stored(path: str, name: str, one: Any, room: int) -> tuple[tuple[int, int], Stored]:
    """A tensor and where its numbers are."""
    shown = shortened(name, 80)
    if not isinstance(one, dict) or set(one) != {"dtype", "shape", "data_offsets"}:
        _broken(path, f"`{shown}` is not described by dtype, shape and data_offsets")
    shape, dtype, ends = one["shape"], one["dtype"], one["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BYTES:
        _broken(path, f"`{shown}` has a type that is not known: {shortened(str(dtype), 40)}")
    if not isinstance(shape, list) or len(shape) > 64 or not all(type(n) is int and 0 <= n < 2**63 for n in shape):
        _broken(path, f"`{shown}` has no shape of whole numbers")
    if not isinstance(ends, list) or len(ends) != 2 or not all(type(n) is int for n in ends):
        _broken(path, f"`{shown}` does not say where its numbers are")
    count = prod(shape)
    if count >= 2**63:
        _broken(path, f"`{shown}` has more numbers than a file can hold")
    if not 0 <= ends[0] <= ends[1] <= room or ends[1] - ends[0] != count * BYTES[dtype]:
        _broken(path, f"`{shown}` has {count} numbers of {BYTES[dtype]} bytes, and its place is {ends[0]} to {ends[1]}")
    return (ends[0], ends[1]), Stored(name, tuple(shape), dtype, count, count * BYTES[dtype])


def _broken(path: str, words: str) -> NoReturn:
    raise ReadError(f"{path} is no file of safetensors: {words}")


def told(path: str) -> str:
    """What a file without a graph tells, in one sentence."""
    stored = parameters(path)
    numbers, size = sum(one.numbers for one in stored), sum(one.size for one in stored)
    types = ", ".join(sorted({one.dtype for one in stored})) or "no type"
    first = "".join(f"; `{shortened(one.name, 60)}` {'×'.join(map(str, one.shape)) or '1'}" for one in stored[:3])
    more = f"; and {len(stored) - 3:,} more" if len(stored) > 3 else ""
    return (
        f"a state dict has no graph: {path} has {numbers:,} numbers, parameters and running statistics alike, in "
        f"{len(stored):,} tensors of {types}, {size:,} bytes{first}{more}"
    )


def refuse(path: str) -> None:
    """Raise ReadError, which says what can be told, for a file of safetensors."""
    if path.lower().endswith(".safetensors"):
        hint = "name the code that makes the module: `package.module:name` or `path/file.py:Class`"
        raise ReadError(told(path), hint)
