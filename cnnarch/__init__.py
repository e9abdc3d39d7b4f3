"""Inspect the architecture of convolutional networks from a page of YAML, without a framework.

>>> import cnnarch
>>> network = cnnarch.load("alexnet")
>>> network.totals.weights, network.totals.macs
(28813344, 614310432)
>>> network.layer("conv1").output  # 55 = (227 − 11)/4 + 1
Shape(55, 55, 96)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cnnarch.errors import ReadError, SpecError
from cnnarch.network import Network, from_torch, load
from cnnarch.shapes import Shape

if TYPE_CHECKING:
    from cnnarch.search.sweeping import sweep

__all__ = ["Network", "ReadError", "Shape", "SpecError", "__version__", "from_torch", "load", "sweep"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "sweep":  # imported when it is asked for: no other command needs it
        return import_module("cnnarch.search.sweeping").sweep
    raise AttributeError(f"module `cnnarch` has no attribute `{name}`")
