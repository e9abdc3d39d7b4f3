"""Readers that were written again in PyTorch, from what their authors' code and their published weights hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cnnarch import Shape, load
from tests.test_against_torchvision import unfused

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed; these tests compare with it")
nn: Any = torch.nn
flop_counter: Any = pytest.importorskip("torch.utils.flop_counter", reason="a PyTorch without its counter of FLOPs")

pytestmark = pytest.mark.pytorch


def crnn(classes: int = 37) -> Any:
    """As github.com/bgshih/crnn builds it in Torch 7, with one bias where two directions are joined."""
    maps = [1, 64, 128, 256, 256, 512, 512, 512]
    pools = {1: (2, 2, 0), 2: (2, 2, 0), 4: (2, (2, 1), (0, 1)), 6: (2, (2, 1), (0, 1))}
    layers = []
    for number in range(1, 8):
        last = number == 7
        layers.append(nn.Conv2d(maps[number - 1], maps[number], 2 if last else 3, padding=0 if last else 1))
        layers += [nn.BatchNorm2d(maps[number])] if number in (3, 5, 7) else []
        layers.append(nn.ReLU())
        layers += [nn.MaxPool2d(*pools[number])] if number in pools else []

    class Reader(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.convolutions = nn.Sequential(*layers)
            self.lstms = nn.ModuleList(nn.LSTM(size, 256, bidirectional=True, batch_first=True) for size in (512, 256))
            self.joins = nn.ModuleList(nn.Linear(512, size) for size in (256, classes))

        def forward(self, image: Any) -> Any:
            y = self.convolutions(image).squeeze(2).transpose(1, 2)
            for lstm, join in zip(self.lstms, self.joins):
                y = join(lstm(y)[0])
            return y.softmax(-1)

    return Reader()


def trocr_small(classes: int = 64044) -> Any:
    """As Transformers builds `trocr-small-printed`, without the pooler of its encoder."""

    class Reader(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 384, 16, 16)
            self.class_tokens = nn.Parameter(torch.zeros(1, 2, 384))
            self.places = nn.Parameter(torch.zeros(1, 578, 384))
            look = nn.TransformerEncoderLayer(384, 6, 1536, activation="gelu", batch_first=True, norm_first=True)
            self.encoder = nn.TransformerEncoder(look, 12, nn.LayerNorm(384), enable_nested_tensor=False)
            self.words, self.positions = nn.Embedding(classes, 256), nn.Embedding(514, 256)
            self.norm = nn.LayerNorm(256)
            tell = nn.TransformerDecoderLayer(256, 8, 1024, batch_first=True)
            tell.multihead_attn = nn.MultiheadAttention(256, 8, kdim=384, vdim=384, batch_first=True)
            self.decoder = nn.TransformerDecoder(tell, 6)
            self.output = nn.Linear(256, classes, bias=False)

        def forward(self, inputs: Any) -> Any:
            image, text = inputs
            patches = self.patches(image).flatten(2).transpose(1, 2)
            seen = self.encoder(torch.cat([self.class_tokens, patches], 1) + self.places)
            said = self.norm(self.words(text) + self.positions(torch.arange(text.shape[1]) + 2))
            return self.output(self.decoder(said, seen)).softmax(-1)

    return Reader()


def numbers(shape: Shape) -> Any:
    """An input: an image, or a text of single numbers."""
    return torch.zeros(1, shape[-1], *shape[:-1]) if shape.rank > 1 else torch.zeros(1, shape[0], dtype=torch.long)


def parameters(module: Any) -> tuple[int, int, int]:
    """Weights, biases and running statistics; `in_proj_bias` and `bias_hh_l0` are biases too."""
    biases = sum(one.numel() for name, one in module.named_parameters() if "bias" in name.rpartition(".")[2])
    statistics = sum(one.numel() for one in module.buffers() if one.dim())
    return sum(one.numel() for one in module.parameters()) - biases, biases, statistics


def macs_of_lstms(module: Any, length: int) -> int:
    """The counter does not see into them: every position is multiplied with all weights."""
    return sum(length * parameters(one)[0] for one in module.modules() if isinstance(one, nn.LSTM))


NETWORKS: list[tuple[str, Callable[..., Any], dict[str, Any], Any]] = [
    ("crnn", crnn, {}, None),
    ("crnn", crnn, {"classes": 97}, Shape(32, 160, 1)),
    ("trocr_small", trocr_small, {}, None),
    ("trocr_small", trocr_small, {"classes": 1000}, {"text": Shape(7, 1)}),
]


@pytest.mark.parametrize(("name", "builder", "settings", "inputs"), NETWORKS)
def test_zoo(name: str, builder: Callable[..., Any], settings: dict[str, Any], inputs: Any) -> None:
    network = load(name, settings, inputs)
    (output,) = network.outputs.values()
    counter = flop_counter.FlopCounterMode(display=False)
    with torch.device("meta" if name != "crnn" else "cpu"), torch.no_grad(), unfused():  # it cannot run an LSTM
        module = builder(**settings).eval()
        given = [numbers(shape) for shape in network.inputs.values()]
        with counter:
            y = module(given if len(given) > 1 else given[0])
    macs = counter.get_total_flops() // 2 + macs_of_lstms(module, y.shape[1])
    totals = network.totals
    assert (totals.weights, totals.biases, totals.buffers) == parameters(module)
    assert totals.macs == macs
    assert output == Shape(*y.shape[1:])
