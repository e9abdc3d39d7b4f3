"""What names a module of PyTorch, and files of weights, without PyTorch."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from cnnarch import Shape
from cnnarch.errors import ReadError
from cnnarch.interchange import safetensors
from cnnarch.interchange.pytorch import target as targets
from cnnarch.interchange.pytorch.layout import BATCH, Atom, Layout, permuted, realised, sizes, viewed
from cnnarch.interchange.pytorch.reading import read

# Targets


@pytest.mark.parametrize(
    ("target", "place", "name"),
    [
        ("torchvision.models:resnet50", "torchvision.models", "resnet50"),
        ("package:Net", "package", "Net"),
        ("nets/mine.py:Net", "nets/mine.py", "Net"),
        ("/a:b/mine.py:Net", "/a:b/mine.py", "Net"),
    ],
)
def test_a_target_has_a_place_and_a_name(target: str, place: str, name: str) -> None:
    assert targets.parse(target) == (place, name)
    assert targets.notice(target) == f"running the code of {place}, to see the network that {name} makes"


@pytest.mark.parametrize("target", ["resnet50", ":", "a:", ":a", "a b:c", "a..b:c", "a:b()", "a:b;c", "a-b:c", "x.txt"])
def test_what_is_no_target(target: str) -> None:
    with pytest.raises(ReadError, match="names no module of PyTorch"):
        read(target, Shape(8, 8, 3))


@pytest.mark.parametrize("ending", [".pt", ".pth", ".bin", ".ckpt", ".pkl", ".PTH"])
def test_a_pickle_is_refused_and_never_opened(ending: str) -> None:
    """It is not there, and that is not what is said."""
    with pytest.raises(ReadError, match="is a pickle, which runs code when it is opened") as found:
        read(f"nowhere/model{ending}", Shape(8, 8, 3))
    assert "package.module:name" in found.value.problem.hint


# Files of weights


def stored(header: Any, numbers: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + numbers


def tensor(shape: list[int], begin: int, dtype: str = "F32", size: int = 4) -> dict[str, Any]:
    count = 1
    for one in shape:
        count *= one
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, begin + size * count]}


GOOD = {
    "__metadata__": {"format": "pt"},
    "fc.bias": tensor([10], 432, "F16", 2),
    "conv.weight": tensor([4, 3, 3, 3], 0),
}


def test_parameters_by_name(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(stored(GOOD, bytes(452)))
    assert safetensors.parameters(str(path)) == [
        ("conv.weight", (4, 3, 3, 3), "F32", 108, 432),
        ("fc.bias", (10,), "F16", 10, 20),
    ]
    with pytest.raises(ReadError, match=r"a state dict has no graph: .* 118 numbers.* in 2 tensors of F16, F32, 452 b"):
        read(str(path), None)


def test_numbers_are_not_read(tmp_path: Path) -> None:
    """40 GB of them take no time, as the file has a hole."""
    path = tmp_path / "large.safetensors"
    path.write_bytes(stored({"w": tensor([10**10], 0)}))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + 4 * 10**10)
    assert safetensors.parameters(str(path))[0].numbers == 10**10


W = tensor([2], 0)
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it has 0 bytes"),
    "cut in its length": (b"\x08\0\0", "it has 3 bytes"),
    "cut in its header": (stored(GOOD)[:40], "its header would have"),
    "cut in its numbers": (stored(GOOD, bytes(451)), "`fc.bias` has 10 numbers"),
    "a header of 2^62": (stored({}, length=2**62), f"its header would have {2**62} bytes"),
    "a header of 2^64 − 1": (stored({}, length=2**64 - 1), "its header would have"),
    "a header that is too long for anyone": (stored({}, length=100_000_001), "its header would have"),
    "another file": (b"PK\x03\x04" + bytes(200), "its header would have"),
    "no JSON": (stored(b"{nonsense}"), "its header is no JSON"),
    "not UTF-8": (stored(b'{"\xff": 1}'), "its header is no JSON"),
    "a list": (stored([1]), "its header is no JSON"),
    "deep": (stored(b'{"a":' * 10_000), "its header has lists in lists"),
    "deep lists": (stored(b'{"a":' + b"[" * 100_000), "its header has lists in lists"),
    "a name twice": (stored(b'{"a": 1, "a": 1}'), "a name stands in it twice"),
    "no mapping": (stored({"a": 1}), "`a` is not described"),
    "no offsets": (stored({"a": {"dtype": "F32", "shape": [2]}}), "`a` is not described"),
    "a type": (stored({"a": {**W, "dtype": "F99"}}, bytes(8)), "a type that is not known: F99"),
    "a type that is a list": (stored({"a": {**W, "dtype": ["F32"]}}, bytes(8)), "a type that is not known"),
    "a size of −1": (stored({"a": {**W, "shape": [-1]}}, bytes(8)), "no shape of whole numbers"),
    "a size that is true": (stored({"a": {**W, "shape": [True]}}, bytes(8)), "no shape of whole numbers"),
    "a size of 2^63": (stored({"a": {**W, "shape": [2**63]}}, bytes(8)), "no shape of whole numbers"),
    "sizes of 2^62": (stored({"a": {**W, "shape": [2**62] * 60}}, bytes(8)), "more numbers than a file can hold"),
    "many axes": (stored({"a": {**W, "shape": [1] * 65}}, bytes(8)), "no shape of whole numbers"),
    "offsets behind the end": (stored({"a": tensor([2], 8)}, bytes(8)), "its place is 8 to 16"),
    "offsets before the beginning": (stored({"a": tensor([2], -8)}, bytes(8)), "its place is -8 to 0"),
    "offsets that are texts": (stored({"a": {**W, "data_offsets": ["0", "8"]}}, bytes(8)), "where its numbers are"),
    "a hole": (stored({"a": tensor([2], 8)}, bytes(16)), "begin at byte 8"),
    "one over the other": (stored({"a": tensor([2], 0), "b": tensor([2], 4)}, bytes(12)), "begin at byte 4"),
    "more than its tensors": (stored({"a": tensor([2], 0)}, bytes(9)), "its tensors have 8 bytes, and there are 9"),
}


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=list(BAD))
def test_a_bad_file_is_told(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    began = time.perf_counter()
    with pytest.raises(ReadError) as found:
        safetensors.parameters(str(path))
    assert time.perf_counter() - began < 5
    assert words in found.value.problem.message
    assert len(str(found.value)) < 1000


def test_any_single_byte_may_be_wrong(tmp_path: Path) -> None:
    """A file is read or refused, whatever stands in its header."""
    path, good = tmp_path / "net.safetensors", stored(GOOD, bytes(452))
    refused = 0
    for place in range(len(good) - 452):
        for byte in (0, 0x22, 0x5B, 0xFF):
            path.write_bytes(good[:place] + bytes([byte]) + good[place + 1 :])
            try:
                safetensors.parameters(str(path))
            except ReadError:
                refused += 1
    assert refused > 100


def test_a_file_that_is_not_there_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(ReadError, match="cannot be read"):
            safetensors.parameters(str(path))


# Axes


H, W_, C = Atom(6), Atom(4), Atom(8)
IMAGE = Layout(((BATCH,), (C,), (H,), (W_,)), ((H,), (W_,), (C,)))

VIEWS: list[tuple[str, list[Any], tuple[int, ...], Any]] = [
    # steps, a shape or ("permute", order); then the shape with channels where; then what it is for us
    ("flat", [(1, 192)], (192,), ("flatten", {})),
    ("without its batch", [(192,)], (192,), ("flatten", {})),
    ("tokens", [(1, 8, 24), [0, 2, 1]], (24, 8), ("tokens", {})),
    ("tokens, batch second", [(1, 8, 24), [2, 0, 1]], (24, 8), ("tokens", {})),
    ("channels last", [[0, 2, 3, 1]], (6, 4, 8), ("", {})),
    ("columns", [[3, 0, 1, 2], (4, 1, 48)], (4, 48), ("columns", {})),
    (
        "shuffled",
        [(1, 2, 4, 6, 4), [0, 2, 1, 3, 4], (1, 8, 6, 4), [0, 2, 3, 1]],
        (6, 4, 8),
        ("channel_shuffle", {"groups": 2}),
    ),
    (
        "larger",
        [(1, 2, 2, 2, 6, 4), [0, 1, 4, 2, 5, 3], (1, 2, 12, 8), [0, 2, 3, 1]],
        (12, 8, 2),
        ("pixel_shuffle", {"factor": 2}),
    ),
    (
        "smaller",
        [(1, 8, 3, 2, 2, 2), [0, 1, 3, 5, 2, 4], (1, 32, 3, 2), [0, 2, 3, 1]],
        (3, 2, 32),
        ("pixel_unshuffle", {"factor": 2}),
    ),
    ("turned", [[0, 3, 2, 1]], (4, 6, 8), ("reshape", {"size": [4, 6, 8]})),
    ("there and back", [(1, 8, 24), (1, 2, 4, 24), (1, 8, 6, 4), [0, 2, 3, 1]], (6, 4, 8), ("", {})),
]


@pytest.mark.parametrize(("steps", "shape", "expected"), [case[1:] for case in VIEWS], ids=[case[0] for case in VIEWS])
def test_views_and_permutations(steps: list[Any], shape: tuple[int, ...], expected: Any) -> None:
    layout: Layout | None = IMAGE
    for step in steps:
        assert layout is not None
        layout = permuted(layout, step) if isinstance(step, list) else viewed(layout, step)
    assert layout is not None
    want = layout.wanted(len(layout.dims) - 1)
    assert sizes(want) == shape
    assert realised(layout.axes, want) == expected


@pytest.mark.parametrize("shape", [(1, 5, 7), (1, 12, 16), (1, 8, 6, 5), (1, 9, 8, 6, 4), (1, 8, 6, 2)])
def test_a_view_whose_sizes_share_no_factors(shape: tuple[int, ...]) -> None:
    """As 12·16 of 8·6·4, which parts an axis of 8 and its neighbour so that none is whole; or not all of it."""
    assert viewed(IMAGE, shape) is None
