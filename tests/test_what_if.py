"""What if one layer were otherwise: `--set` with the name of a layer, a dot and a setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cnnarch import ReadError, load
from tests.command import out, run

PAGE = """\
name: Net
input: 32x32x3
blocks:
  pair:
    settings: {filters: }
    layers:
      - conv: {filters: filters, kernel: 3, padding: half}
      - relu
layers:
  - conv: {filters: 8, kernel: 3, stride: 2}
  - pair: {filters: 16}
    repeat: 3
  - upsample: {factor: 2}
  - global_avgpool
  - fc: 10
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "net.yaml"
    path.write_text(PAGE)
    return str(path)


@pytest.mark.parametrize(
    ("changes", "written"),
    [
        ({"conv.stride": 1}, PAGE.replace("stride: 2", "stride: 1")),
        ({"conv.kernel": [1, 5]}, PAGE.replace("kernel: 3, stride", "kernel: [1, 5], stride")),
        (
            {"conv.padding": "half", "fc.units": 7},
            PAGE.replace("stride: 2", "stride: 2, padding: half").replace("10", "7"),
        ),
        ({"upsample.mode": "bilinear"}, PAGE.replace("factor: 2", "factor: 2, mode: bilinear")),
        (
            {"pair2.filters": 24},
            PAGE.replace("    repeat: 3", "  - pair: {filters: 24}\n  - pair: {filters: 16}"),
        ),
        (
            {"pair1.filters": 24, "pair2.filters": 32},
            PAGE.replace("16}", "24}").replace("    repeat: 3", "  - pair: {filters: 32}\n  - pair: {filters: 16}"),
        ),
        (
            {"pair1.filters": 16, "pair2.filters": 24},
            PAGE.replace("    repeat: 3", "  - pair: {filters: 24}\n  - pair: {filters: 16}"),
        ),
        (
            {"pair2/conv.filters": 24},
            PAGE.replace("    repeat: 3", "  - pair: {filters: 24}\n  - pair: {filters: 16}"),
        ),
    ],
)  # fmt: skip
def test_it_is_as_if_it_were_written(spec: str, tmp_path: Path, changes: dict[str, Any], written: str) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(written)
    found, expected = load(spec, changes), load(str(other))
    assert found.totals == expected.totals
    assert [(node.layer, node.sources, node.output) for node in found.layers] == [
        (node.layer, node.sources, node.output) for node in expected.layers
    ]


def test_what_stands_before_and_after_is_untouched() -> None:
    """A block that is made again where it is the same is not where a layer in it was changed."""
    name = "stage3/bottleneck4/conv_bn1/conv"
    before, after = load("resnet50"), load("resnet50", {f"{name}.bias": True})
    assert after.totals.params == before.totals.params + 1024
    changed = [one.name for one, other in zip(after.layers, before.layers) if one.layer != other.layer]
    assert changed == [name]
    assert [node.name for node in after.layers] == [node.name for node in before.layers]


def test_the_change_is_marked(spec: str) -> None:
    lines = out("summary", spec, "--set", "conv.stride=1").splitlines()
    assert [line for line in lines if "stride 2 → 1" in line] == [line for line in lines if line.startswith("conv  ")]
    assert "filters 16 → 24" in out("summary", spec, "--set", "pair2.filters=24")
    assert "→" not in out("summary", spec)


def test_compare_shows_its_effect(spec: str) -> None:
    text = out("compare", spec, spec, "--set", "fc.units=20")
    assert "units 10 → 20" in text
    totals = next(line for line in text.splitlines() if line.startswith("params"))
    assert totals.split()[1] != totals.split()[2]
    assert run("compare", spec, spec, "--set", "fc.units=20", "--diff", "--exit-code").returncode == 1


@pytest.mark.parametrize(
    ("change", "said", "hint"),
    [
        ("cnv.stride=1", "has no layer `cnv`", "did you mean `conv`?"),
        ("pair9/conv.filters=1", "has no layer `pair9/conv`", "did you mean"),
        ("conv.strid=1", "`conv` has no setting `strid`", "did you mean `stride`?"),
        ("tanh.x=1", "has no layer `tanh`", "lists the names"),
        ("conv.stride=0", "`stride` of `conv` must be a whole number of at least 1", ""),
        ("upsample.mode=cubic", "`mode` of `upsample` must be", ""),
        ("pair2.mid=3", "`pair2` has no setting `mid`", "a pair has `filters`"),
        (".stride=1", "`.stride` is no setting of a layer", "write the layer's name"),
        ("conv.=1", "`conv.` is no setting of a layer", "write the layer's name"),
    ],
)
def test_mistakes(spec: str, change: str, said: str, hint: str) -> None:
    done = run("summary", spec, "--set", change)
    assert done.returncode == 2
    assert said in done.stderr
    assert hint in done.stderr


def test_a_layer_that_no_longer_fits_is_told_in_its_place(spec: str) -> None:
    done = run("summary", spec, "--set", "conv.stride=40")
    assert done.returncode == 0  # one place is left
    done = run("summary", spec, "--set", "conv.kernel=40")
    assert done.returncode == 1
    assert "kernel 40×40 does not fit the input 32×32 of `conv`" in done.stderr


def test_a_change_of_nothing_is_one_too(spec: str) -> None:
    assert load(spec, {"conv.stride": 2}).totals == load(spec).totals
    with pytest.raises(ReadError, match="no layer"):
        load("alexnet", {"conv.stride": 2})
