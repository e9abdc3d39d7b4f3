"""What names a module: a package or a file, and a name in it; the named code runs."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from inspect import Parameter, signature
from typing import Any, NamedTuple

from cnnarch.errors import ReadError, shortened, suggestion

__all__ = ["PICKLES", "Target", "build", "notice", "parse", "refuse_pickle"]

PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl")
# What makes a model fetch its weights, and what it is told instead.
WEIGHTS = {"weights": None, "weights_backbone": None, "pretrained": False, "pretrained_backbone": False}
# What makes tensors of any size; what counts, such as `arange`, keeps its numbers, as sizes may depend on them.
LARGE = ("empty", "zeros", "ones", "rand", "randn", "full", "empty_like", "zeros_like", "ones_like", "randn_like")


class Target(NamedTuple):
    """Where a module is: a package's or a file's name, and what it is called there.

    >>> parse("torchvision.models:resnet50")
    Target(place='torchvision.models', name='resnet50')
    """

    place: str
    name: str

    def __str__(self) -> str:
        return f"{self.place}:{self.name}"


def parse(target: str) -> Target:
    """Part a target in its place and its name.

    Raises ReadError for what has no such form.

    >>> parse("nets/mine.py:Net").place
    'nets/mine.py'
    """
    place, _, name = target.rpartition(":")
    file = place.endswith(".py")
    if not name.isidentifier() or not (file or (place and all(part.isidentifier() for part in place.split(".")))):
        hint = "write `package.module:name` or `path/file.py:Class`, such as `torchvision.models:resnet50`"
        raise ReadError(f"`{target}` names no module of PyTorch", hint)
    return Target(place, name)


def notice(target: str) -> str:
    """What is told before a target is read.

    >>> notice("nets/mine.py:Net")
    'running the code of nets/mine.py, to see the network that Net makes'
    """
    place, name = parse(target)
    return f"running the code of {place}, to see the network that {name} makes"


def refuse_pickle(path: str) -> None:
    """Raise ReadError for a file of PyTorch's that may run code, and has no graph."""
    if path.lower().endswith(PICKLES):
        hint = "name the code that makes the module: `package.module:name` or `path/file.py:Class`"
        raise ReadError(
            f"{path} is a pickle, which runs code when it is opened, and holds weights without a graph", hint
        )


def build(torch: Any, target: Target) -> Any:
    """The module that a target names, made without memory for its weights; what makes it runs.

    Raises ReadError if it is not there, takes arguments that must be given, or makes no module.
    """
    with _Frugal(torch):
        found = _named(target)
        if isinstance(found, torch.nn.Module):
            return found
        if not callable(found):
            raise ReadError(f"`{target}` is {_kind(found)}, and no module of PyTorch nor what makes one")
        given = _given(found, target)
        made = _safely(lambda: found(**given), f"`{target}` cannot be made")
    if not isinstance(made, torch.nn.Module):
        raise ReadError(f"`{target}` makes {_kind(made)}, and no module of PyTorch")
    return made


def _named(target: Target) -> Any:
    holder = _of_file(target.place) if target.place.endswith(".py") else _of_package(target.place)
    if not hasattr(holder, target.name):
        known = [name for name in vars(holder) if not name.startswith("_")]
        raise ReadError(f"{target.place} has no `{target.name}`", suggestion(target.name, known), known)
    return getattr(holder, target.name)


def _of_package(name: str) -> Any:
    """A package, of this folder too if it is installed nowhere."""
    folder = os.getcwd()
    sys.path.append(folder)
    try:
        return _safely(lambda: import_module(name), f"`{name}` cannot be imported")
    finally:
        if folder in sys.path:
            sys.path.reverse()
            sys.path.remove(folder)
            sys.path.reverse()


def _of_file(path: str) -> Any:
    """A file's code; what lies beside it can be imported there."""
    if not os.path.isfile(path):
        raise ReadError(f"there is no file {path}")
    name = f"_cnnarch_{os.path.basename(path)[:-3]}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ReadError(f"{path} is no file of Python")
    holder, loader, folder = module_from_spec(spec), spec.loader, os.path.dirname(os.path.abspath(path))
    sys.modules[name] = holder  # a dataclass looks its module up
    sys.path.insert(0, folder)
    try:
        _safely(lambda: loader.exec_module(holder), f"{path} cannot be run")
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
    return holder


def _given(made_by: Any, target: Target) -> dict[str, Any]:
    """The arguments by which a model fetches no weights."""
    try:
        known = signature(made_by).parameters
    except (TypeError, ValueError):
        return {}
    fixed = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    lacking = [one.name for one in known.values()
               if one.default is Parameter.empty and one.kind not in fixed and one.name not in WEIGHTS]  # fmt: skip
    if lacking:
        names = ", ".join(f"`{name}`" for name in lacking[:6])
        hint = "name a function in a file of yours that takes none and returns the module"
        raise ReadError(f"`{target}` takes arguments that must be given: {names}", hint)
    return {name: value for name, value in WEIGHTS.items() if name in known and _fetches(known[name])}


def _fetches(one: Parameter) -> bool:
    return one.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def _safely(run: Any, words: str) -> Any:
    """What code of others gives; whatever it raises is told."""
    try:
        return run()
    except ReadError:
        raise
    except (Exception, SystemExit) as error:
        raise ReadError(f"{words}: {type(error).__name__}: {shortened(' '.join(str(error).split()), 200)}") from error


def _kind(value: Any) -> str:
    return f"a thing of type `{type(value).__name__}`"


def _Frugal(torch: Any) -> Any:  # noqa: N802, it makes an object of a class that needs PyTorch
    """A mode in which large tensors have a shape and no numbers."""

    class Frugal(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = dict(kwargs or {})
            name = getattr(func, "__name__", "")
            if name in LARGE and kwargs.get("device") is None:
                kwargs["device"] = "meta"
            leaves = torch.utils._pytree.tree_leaves((args, kwargs))
            if any(isinstance(one, torch.Tensor) and one.device.type == "meta" for one in leaves):
                args, kwargs = torch.utils._pytree.tree_map(_to_meta, (args, kwargs))
            return func(*args, **kwargs)

    def _to_meta(one: Any) -> Any:
        plain = isinstance(one, torch.Tensor) and not isinstance(one, torch.nn.Parameter)
        return one.to("meta") if plain and one.device.type != "meta" else one

    return Frugal()
