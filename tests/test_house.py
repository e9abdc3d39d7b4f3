"""How the code is laid out: which way imports point, what start-up loads, what is documented."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import cnnarch
from cnnarch.layers import KINDS

PACKAGE = Path(cnnarch.__file__).parent
# From the ground up: a module imports only from its own room and from those before it.
ROOMS = ["errors", "shapes", "layers", "graph", "spec", "analysis", "interchange", "network", "search", "render", "cli"]


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in ROOMS)


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    """The rooms that a module imports from."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("cnnarch.")}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    allowed = ROOMS[: ROOMS.index(room(path)) + 1]
    assert imported(path) <= set(allowed)


@cache
def libraries() -> dict[Path, set[str]]:
    """What every module of ours imports, by the first part of the name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
        found[path] = {name.split(".")[0] for name in names}
    return found


@pytest.mark.parametrize(
    ("module", "only"), [("yaml", "spec/source.py"), ("rich", "render/table.py"), ("click", "cli/")]
)
def test_one_door_for_each_library(module: str, only: str) -> None:
    users = [path.relative_to(PACKAGE).as_posix() for path, modules in libraries().items() if module in modules]
    assert users
    assert all(user.startswith(only) for user in users)


def loaded_by(*arguments: str) -> set[str]:
    """The modules that a command has imported when it is done."""
    program = (
        "import sys, json\n"
        "from cnnarch.cli import commands\n"
        f"commands.main({list(arguments)!r}, standalone_mode=False)\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, check=True)
    return set(json.loads(done.stderr))


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("summary", "alexnet", "--format", "json"), ("summary", "alexnet", "--get", "name"), ("schema",)],
    ids=" ".join,
)
def test_rich_is_only_loaded_for_tables(arguments: tuple[str, ...]) -> None:
    assert "rich" not in loaded_by(*arguments)


def test_rich_is_loaded_for_tables() -> None:
    """So that the test above can fail."""
    assert "rich" in loaded_by("summary", "alexnet")


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_every_kind_is_documented(kind: type) -> None:
    layer = KINDS[kind.kind]  # type: ignore[attr-defined]
    assert ">>>" in (layer.__doc__ or "")
    assert layer.example
    assert layer.source
    assert all(setting.about for setting in layer.settings.values())


def test_every_public_name_is_there() -> None:
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        defined = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        defined |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        defined |= {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for node in tree.body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                names = ast.literal_eval(node.value)
                assert set(names) <= defined, path
