"""What rules say of windows and biases, beside where gradients reach in PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cnnarch import load
from cnnarch.analysis.advice import Finding, findings
from cnnarch.analysis.advice.reading import met, on_padding, reading
from cnnarch.shapes import Window

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed; these tests compare with it")
nn: Any = torch.nn

pytestmark = pytest.mark.pytorch

# The size of the input, kernel, stride, padding, dilation.
SETTINGS = [
    (224, 11, 4, 0, 1), (227, 11, 4, 0, 1), (224, 11, 4, 2, 1), (224, 7, 2, 3, 1), (7, 2, 2, 0, 1), (6, 3, 2, 0, 1),
    (56, 1, 2, 0, 1), (9, 3, 5, 1, 1), (32, 3, 2, 2, 2), (31, 3, 3, 2, 2), (1, 3, 1, 1, 1), (2, 3, 1, 1, 1),
    (33, 3, 1, 36, 36), (33, 3, 1, 32, 32), (65, 3, 1, 36, 36), (8, 1, 1, 1, 1), (8, 2, 5, 2, 1), (3, 5, 2, 2, 1),
]  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_where_gradients_reach(setting: tuple[int, int, int, int, int]) -> None:
    """A pixel that no window reads has no gradient, a weight that meets no pixel neither; such outputs are the bias."""
    size, kernel, stride, padding, dilation = setting
    window = Window(kernel, stride, dilation, padding, padding)
    layer = nn.Conv1d(1, 1, kernel, stride, padding, dilation).double()
    nn.init.constant_(layer.weight, 1)
    x = torch.ones(1, 1, size, dtype=torch.double, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    read = (x.grad[0, 0] != 0).nonzero().flatten().tolist()
    assert reading(window, size).pixels == len(read)
    assert reading(window, size).tail == size - 1 - read[-1]
    assert met(window, size) == int((layer.weight.grad != 0).sum())
    ends = y[0, 0, [0, -1]] - layer.bias
    assert on_padding(window, size) >= bool(ends.abs().min() == 0 and dilation == 1)
    if on_padding(window, size):
        assert ends.abs().min() == 0


def found(folder: Path, layers: str, shape: str) -> list[Finding]:
    path = folder / "net.yaml"
    path.write_text(f"name: Net\ninput: {shape}\nlayers:\n{layers}", encoding="utf-8")
    return findings(load(str(path)), select=["N201"])


NORMS = {
    "batchnorm": lambda: nn.BatchNorm2d(8),
    "instancenorm": lambda: nn.InstanceNorm2d(8),
    "layernorm": lambda: nn.GroupNorm(1, 8),  # of all places together, which keeps the differences of channels too
    "groupnorm: 2": lambda: nn.GroupNorm(2, 8),
}


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("transposed", [False, True])
def test_a_bias_without_a_gradient(norm: str, transposed: bool, tmp_path: Path) -> None:
    """N201 is found where, and only where, training cannot change what the bias does."""
    torch.manual_seed(0)
    kind, module = ("conv_transpose", nn.ConvTranspose2d) if transposed else ("conv", nn.Conv2d)
    layer, after = module(3, 8, 3).double(), NORMS[norm]().double()
    y = after(layer(torch.randn(4, 3, 9, 9, dtype=torch.double)))
    (y * torch.randn_like(y)).sum().backward()
    useless = bool(layer.bias.grad.abs().max() < 1e-9)
    listed = found(tmp_path, f"  - {kind}: {{filters: 8, kernel: 3}}\n  - {norm}\n", "9x9x3")
    assert bool(listed) == useless


def test_a_bias_of_every_place_is_not_undone() -> None:
    """What N201 leaves out: `locally_connected` has biases that differ within a channel."""
    torch.manual_seed(0)
    biases = torch.zeros(1, 8, 5, 5, dtype=torch.double, requires_grad=True)
    y = nn.BatchNorm2d(8).double()(torch.randn(4, 8, 5, 5, dtype=torch.double) + biases)
    (y * torch.randn_like(y)).sum().backward()
    assert biases.grad.abs().max() > 1e-3


def test_two_linear_layers_are_one() -> None:
    """N202: with batch normalisation as it is at inference and average pooling between them, superposition holds."""
    torch.manual_seed(0)
    between = nn.Sequential(nn.BatchNorm2d(8), nn.AvgPool2d(2), nn.Dropout(0.5))
    net = nn.Sequential(nn.Conv2d(3, 8, 3), between, nn.Conv2d(8, 8, 3)).double().eval()
    x, y = torch.randn(2, 1, 3, 12, 12, dtype=torch.double)
    origin = net(torch.zeros_like(x))
    assert torch.allclose(net(x + y) - origin, (net(x) - origin) + (net(y) - origin))
    with_relu = nn.Sequential(net[0], nn.ReLU(), net[2])
    origin = with_relu(torch.zeros_like(x))
    assert not torch.allclose(with_relu(x + y) - origin, (with_relu(x) - origin) + (with_relu(y) - origin))
