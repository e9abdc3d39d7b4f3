"""What the README and the pages in `docs` show is what happens."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = "cnnarch() { " + f"'{sys.executable}' -m cnnarch " + '"$@"; }; '

WRONG = """\
name: Wrong
input: 16x16x3
layers:
  - conv: {filters: 64, kernel: 3}
  - maxpool: {kernel: 2, strides: 2}
  - Conv2d: {out_channels: 64, kernel_size: 5}
"""


def blocks() -> list[tuple[Path, str, str]]:
    """The console blocks: the page that they are on, a command and what it prints."""
    return [
        (page, command, output)
        for page in PAGES
        for command, output in re.findall(
            r"```console\n\$ ([^\n]*)\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL
        )
    ]


def spec_of_the_readme() -> str:
    found = re.search(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(spec_of_the_readme(), encoding="utf-8")
    (tmp_path / "wrong.yaml").write_text(WRONG, encoding="utf-8")
    return tmp_path


def run(command: str, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        ["bash", "-c", COMMAND + command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.stdout.decode("utf-8")


@pytest.mark.parametrize(("page", "command", "output"), blocks(), ids=[command for _, command, _ in blocks()])
def test_console_block(page: Path, command: str, output: str, folder: Path, request: pytest.FixtureRequest) -> None:
    printed = run(command, folder)
    if request.config.getoption("--update"):
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace(f"$ {command}\n{output}```", f"$ {command}\n{printed}```"), encoding="utf-8")
    else:
        assert printed == output


def test_python_block() -> None:
    assert doctest.testfile(str(README), module_relative=False, encoding="utf-8").failed == 0


def test_every_command_is_shown() -> None:
    from cnnarch.cli import NAMES

    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in NAMES if f"cnnarch {name}" not in text] == []
