"""Networks as PyTorch modules: built on the meta device, they have our parameters and give our shapes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cnnarch import ReadError, from_torch, load
from cnnarch.interchange.pytorch.writing import write
from cnnarch.network import Network
from cnnarch.spec import catalog
from tests.shipped import FEW

REFUSED = {
    "fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn",  # regions of interest
    "swin_v2_b", "swin_v2_s", "swin_v2_t",  # distances that a small network learns
    "lenet5_1998",  # radial basis functions
}  # fmt: skip
EVERY = [name for name in catalog.names() if name not in REFUSED]


def code(network: Network, name: str) -> str:
    return write(network.spec, network.graph, name)


def built(text: str) -> Any:
    """The module that a page of code defines last, on the meta device."""
    torch: Any = pytest.importorskip("torch")
    names: dict[str, Any] = {"__name__": "written"}
    exec(compile(text, "written.py", "exec"), names)
    title = [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)][-1]
    with torch.device("meta"):
        return names[title]().eval()


def run(network: Network, module: Any) -> list[list[int]]:
    torch: Any = pytest.importorskip("torch")
    inputs = [torch.zeros(1, x.channels, *x.spatial, device="meta") for x in network.inputs.values()]
    found = module(*inputs)
    return [list(one.shape) for one in (found if isinstance(found, tuple) else (found,))]


@pytest.mark.pytorch
@pytest.mark.parametrize("name", EVERY)
def test_every_network(name: str) -> None:
    network = load(name)
    module = built(code(network, name))
    assert sum(one.numel() for one in module.parameters()) == network.totals.params
    kept = sum(one.numel() for key, one in module.named_buffers() if key.endswith(("running_mean", "running_var")))
    assert kept == network.totals.buffers
    expected = [[y.regions, y.channels, *y.spatial] for y in network.outputs.values()]
    assert run(network, module) == expected


@pytest.mark.pytorch
@pytest.mark.parametrize("name", sorted(FEW - REFUSED))
def test_back_in_it_has_the_same_figures(name: str) -> None:
    """But for what the way in does not recognise, which it says is not counted."""
    network = load(name)
    inputs = network.inputs
    again = from_torch(built(code(network, name)), inputs if len(inputs) > 1 else next(iter(inputs.values())))
    ours, theirs = network.totals, again.totals
    assert (theirs.params, theirs.buffers) == (ours.params, ours.buffers)
    assert theirs.macs == ours.macs or (theirs.macs < ours.macs and again.graph.not_counted)


@pytest.mark.parametrize("name", sorted(FEW - REFUSED))
def test_the_text_is_code_without_us(name: str) -> None:
    text = code(load(name), name)
    tree = ast.parse(text)
    imported = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert imported <= {"torch", "torch.nn.functional", "math"}
    assert max(map(len, text.splitlines())) <= 88


def test_blocks_are_classes_and_repeats_are_loops() -> None:
    text = code(load("resnet50"), "resnet50")
    names = [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    assert {"ConvBnRelu", "Bottleneck", "Stage", "Resnet50"} <= {*names}
    assert "for _ in range(" in text
    assert len(text.splitlines()) < 200


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_expressed_is_named(name: str) -> None:
    with pytest.raises(ReadError, match=r"PyTorch cannot express `[^`]+ \((roi_align|attention|rbf)\)`"):
        code(load(name), name)


HOSTILE = '''\
name: 'A """ \\ name'
source: "x\\"\\"\\" + __import__('os').system('x')"
input: 8x8x3
layers:
  - conv: {filters: 4, kernel: 1}
    name: class
  - conv: {filters: 4, kernel: 1}
    name: forward
  - conv: {filters: 4, kernel: 1}
    name: a-1
  - conv: {filters: 4, kernel: 1}
    name: a_1
  - conv: {filters: 4, kernel: 1}
    name: torch
  - relu:
    name: self
  - add:
    name: x
    from: [class, forward, a-1, a_1, torch, self]
'''


@pytest.fixture
def hostile(tmp_path: Path) -> Network:
    path = tmp_path / "net.yaml"
    path.write_text(HOSTILE)
    return load(str(path))


def test_hostile_names_are_text(hostile: Network) -> None:
    tree = ast.parse(code(hostile, "1 net; import os"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "__import__"]
    assert not calls
    assert [node.name for node in tree.body if isinstance(node, ast.ClassDef)] == ["Net1NetImportOs"]


@pytest.mark.pytorch
def test_hostile_names_mean_the_same(hostile: Network) -> None:
    module = built(code(hostile, "net"))
    assert sum(one.numel() for one in module.parameters()) == hostile.totals.params
    assert run(hostile, module) == [[1, 4, 8, 8]]


RENAMED = """\
name: n
input: {part: 8x8x3, len: 8x8x3}
layers:
  - windows: {size: 4}
    name: fi
    from: part
  - conv: {filters: 3, kernel: 1}
    name: NAME
    from: fi
  - conv: {filters: 3, kernel: 1}
    name: NAME_
    from: fi
  - add:
    name: both
    from: [fi, NAME, NAME_]
  - join_windows:
    name: whole
    from: [both, len]
"""


@pytest.mark.pytorch
@pytest.mark.parametrize("name", ["ﬁ", "__init__", "__class__", "_parameters", "named_modules", "float", "join", "nn"])
def test_names_that_python_or_pytorch_has(name: str, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(RENAMED.replace("NAME", name), encoding="utf-8")
    network = load(str(tmp_path / "net.yaml"))
    module = built(code(network, "net"))
    assert sum(one.numel() for one in module.parameters()) == network.totals.params == 24
    assert run(network, module) == [[1, 3, 8, 8]]


@pytest.mark.pytorch
@pytest.mark.parametrize("name", ["lenet5", "squeezenet1_1", "mobilenet_v3_small", "crnn", "shufflenet_v2_x1_0"])
def test_small_ones_run(name: str, tmp_path: Path) -> None:
    """In a process of their own, on numbers, from a file that imports PyTorch alone."""
    pytest.importorskip("torch")
    network = load(name)
    text = code(network, "net")
    shapes = [(1, x.channels, *x.spatial) for x in network.inputs.values()]
    (tmp_path / "net.py").write_text(text, encoding="utf-8")
    script = f"import torch, net; print(tuple(net.Net().eval()(*map(torch.rand, {shapes!r})).shape))"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    (output,) = network.outputs.values()
    assert done.stdout.strip() == str((1, output.channels, *output.spatial))


def test_ruff_would_leave_it(tmp_path: Path) -> None:
    """Formatted as it is everywhere; without ruff, which CI has, nothing is known."""
    pytest.importorskip("ruff")
    for name in sorted(FEW - REFUSED):
        (tmp_path / f"{name}.py").write_text(code(load(name), name), encoding="utf-8")
    for command in (["format", "--check"], ["check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(tmp_path)]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:]
