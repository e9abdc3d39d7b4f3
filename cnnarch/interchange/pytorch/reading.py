"""A module that is named, or in hand, as a network of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnnarch.errors import ReadError
from cnnarch.interchange import safetensors
from cnnarch.interchange.doors import need
from cnnarch.interchange.model import Model
from cnnarch.interchange.pytorch import target as targets
from cnnarch.shapes import Shape

__all__ = ["from_module", "read"]

# Modules that only change how another runs
AROUND = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}


def read(target: str, inputs: Shape | Mapping[str, Shape] | None = None) -> Model:
    """The network that `torchvision.models:resnet50`, `package.module:name` or `path/file.py:Class` makes.

    The named code runs, as the sentence of `target.notice` says; it is built and traced without weights.

    Raises ReadError for what is no module, what cannot be traced, and for files of weights, which have no graph.
    """
    if ":" not in target or target.lower().endswith((".safetensors", *targets.PICKLES)):
        targets.refuse_pickle(target)
        safetensors.refuse(target)
    wanted = targets.parse(target)
    torch = need("torch", "torch")
    shapes = _shapes(inputs, target)
    module = targets.build(torch, wanted)
    return _traced(torch, module, shapes, wanted.name)._replace(source=target)


def from_module(module: Any, inputs: Shape | Mapping[str, Shape] | None = None) -> Model:
    """The network that a module in hand is; it stays as it was, and its weights are not touched.

    Raises ReadError for what is no module, and for what cannot be traced.
    """
    torch = need("torch", "torch")
    if not isinstance(module, torch.nn.Module):
        raise ReadError(f"this takes a module of PyTorch, not {type(module).__name__}")
    return _traced(torch, module, _shapes(inputs, type(module).__name__), type(module).__name__)


def _traced(torch: Any, module: Any, shapes: Mapping[str, Shape], name: str) -> Model:
    while type(module).__name__ in AROUND:
        module = getattr(module, AROUND[type(module).__name__])
    if isinstance(module, torch.jit.ScriptModule):
        hint = "name the class that it was made of"
        raise ReadError(f"{name} is compiled TorchScript, whose calls cannot be seen", hint)
    # Imported when it is needed: all rules of operators.
    from cnnarch.interchange.pytorch.running import traced  # noqa: PLC0415

    return traced(torch, module, shapes, name)


def _shapes(inputs: Shape | Mapping[str, Shape] | None, label: str) -> Mapping[str, Shape]:
    if not inputs:
        raise ReadError(f"{label} does not say the size of its input", "give it: `--input 224x224x3`")
    shapes = {"input": inputs} if isinstance(inputs, Shape) else dict(inputs)
    for name, shape in shapes.items():
        if any(size < 1 for size in shape) or shape.units > 2**40:
            raise ReadError(f"{label} cannot have an input `{name}` of {shape}")
    return shapes
