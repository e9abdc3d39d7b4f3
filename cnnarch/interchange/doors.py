"""Which door a model comes in by: ONNX, PyTorch or Keras, told by its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cnnarch.errors import ReadError
from cnnarch.shapes import Shape

if TYPE_CHECKING:
    from cnnarch.interchange.model import Model

__all__ = ["door", "model", "need", "page"]

ENDINGS = {
    ".onnx": "onnx",
    ".keras": "keras", ".h5": "keras", ".hdf5": "keras",
    ".pt": "pytorch", ".pth": "pytorch", ".ckpt": "pytorch", ".pkl": "pytorch", ".bin": "pytorch",
    ".safetensors": "pytorch", ".py": "pytorch",
}  # fmt: skip
BEGINNING = 4096  # characters of a JSON file in which Keras says what class a model is of


def door(spec: str) -> str:
    """Which world a model is of: `onnx`, `pytorch` or `keras`; nothing for a spec of ours.

    >>> door("model.onnx"), door("torchvision.models:resnet50"), door("alexnet"), door("nets/mine.yaml")
    ('onnx', 'pytorch', '', '')
    """
    ending = os.path.splitext(spec)[1].lower()
    if ending in ENDINGS:
        return ENDINGS[ending]
    if ending == ".json":
        return "keras" if _is_keras(spec) else ""
    before, colon, name = spec.rpartition(":")
    if not colon or not name.isidentifier() or os.path.exists(spec):
        return ""
    return "pytorch" if before.endswith(".py") or all(part.isidentifier() for part in before.split(".")) else ""


def _is_keras(path: str) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return '"class_name"' in file.read(BEGINNING)
    except OSError:
        return False


def model(spec: str, inputs: Shape | Mapping[str, Shape] | None = None) -> Model:
    """Read the model of another world.

    Raises ReadError for what cannot be read, and where a package is lacking that reads it.
    """
    if os.path.exists(spec) and not os.path.isfile(spec):
        raise ReadError(f"`{spec}` is no file", "a model is read from a file, not from a folder or a pipe")
    found: Model = import_module(f"cnnarch.interchange.{door(spec)}.reading").read(spec, inputs)
    return found


def page(spec: str, inputs: Shape | Mapping[str, Shape] | None = None) -> str:
    """The same as a page of YAML.

    Raises ReadError as `model` does.
    """
    text: str = import_module("cnnarch.interchange.writing").page(model(spec, inputs))
    return text


def need(library: str, extra: str) -> Any:
    """A library that only an extra brings, imported.

    Raises ReadError, which says what to install, if it is not there.
    """
    try:
        return import_module(library)
    except ImportError:
        raise ReadError(f"this takes the package `{library}`", f"pip install 'cnnarch[{extra}]'") from None
