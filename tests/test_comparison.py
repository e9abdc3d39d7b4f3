"""Which layers of two networks stand for each other, and what is said to differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnnarch import Network, load
from cnnarch.render.columns import difference
from cnnarch.render.comparison import page, pairs
from cnnarch.render.sheets import Sheet

HEAD = "name: Net\ninput: 32x32x3\n"
DOUBLE = """\
blocks:
  double:
    settings: {filters: , stride: 1}
    layers:
      - conv: {filters: filters, kernel: 3, stride: stride, padding: 1}
      - conv: {filters: 8, kernel: 3, padding: 1}
"""


def differences(left: Network, right: Network, depth: int | None = 1) -> list[str]:
    return [difference(pair, "left", "right") for pair in pairs(left, right, depth).rows]


def network(folder: Path, name: str, text: str) -> Network:
    path = folder / f"{name}.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return load(str(path))


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("- maxpool: 2", "- maxpool: {kernel: 2, stride: 2}", ["same"]),
        (
            "- conv: {filters: 4, kernel: 3, padding: half}",
            "- conv: {filters: 4, kernel: [3, 3], padding: 1}",
            ["same"],
        ),
        ("- conv: {filters: 4, kernel: 3}", "- conv: {filters: 8, kernel: 5, stride: 2}",
         ["filters 4 → 8, kernel 3×3 → 5×5, stride 1 → 2"]),
        ("- conv: {filters: 4, kernel: 3}\n- relu", "- conv: {filters: 4, kernel: 3}\n- lrn", ["no relu, also lrn"]),
        ("- relu\n- maxpool: 2", "- maxpool: 2", ["only in left", "same"]),
        ("- maxpool: 2\n- flatten\n- fc: 5", "- maxpool: 4\n- flatten\n- fc: 5",
         ["kernel 2×2 → 4×4, stride 2 → 4", "input 768 → 192"]),
    ],
)  # fmt: skip
def test_layers(left: str, right: str, expected: list[str], tmp_path: Path) -> None:
    one, other = (network(tmp_path, str(number), f"layers:\n{text}\n") for number, text in enumerate((left, right)))
    assert differences(one, other) == expected


def test_blocks_that_differ_inside(tmp_path: Path) -> None:
    texts = ("double: 16", "double: 32", "double: {filters: 16, stride: 2}", "double: 16")
    one, wider, coarser, same = (
        network(tmp_path, str(number), f"{DOUBLE}layers:\n- {text}\n") for number, text in enumerate(texts)
    )
    assert differences(one, wider) == ["1 of 2 layers inside"]
    assert differences(one, coarser) == ["1 of 2 layers inside"]
    assert differences(one, same) == ["same"]


def test_a_network_is_the_same_as_itself() -> None:
    for name in ("alexnet", "resnet50", "googlenet"):
        assert set(differences(load(name), load(name))) == {"same"}


def test_blocks_are_opened_where_only_one_network_has_them() -> None:
    sheets = [part for part in page(load("alexnet"), load("vgg16")) if isinstance(part, Sheet)]
    names = [pair.right.name for pair in sheets[1].rows if pair.right is not None]
    assert "stage1/conv1" in names


def test_the_article_s_networks() -> None:
    found = differences(load("alexnet"), load("zfnet"))
    assert found == [
        "kernel 11×11 → 7×7, stride 4 → 2",
        "input 55×55×96 → 109×109×96",
        "stride 1 → 2",
        "input 23×23×256 → 25×25×256",
        "filters 384 → 512",
        "filters 384 → 1024",
        "filters 256 → 512",
        "input 5×5×256 → 6×6×512",
        "input 1024 → 2048",
        "same",
        "same",
    ]
