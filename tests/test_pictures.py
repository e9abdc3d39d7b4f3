"""The pictures that the pages show are what their commands draw."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.command import out

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"


def commands() -> dict[str, list[str]]:
    """What the pages say that each picture is drawn with, the file that it is written to last."""
    text = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
    found = re.findall(r"^cnnarch ((?:draw|sweep) .* (?:-o|--plot)) docs/pictures/(\S+)$", text, flags=re.MULTILINE)
    return {file: shlex.split(command) for command, file in sorted(found)}


@pytest.mark.parametrize("file", commands())
def test_a_picture_is_what_its_command_draws(file: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    out(*commands()[file], str(tmp_path / file))
    drawn = (tmp_path / file).read_text(encoding="utf-8")
    if request.config.getoption("--update"):
        (PICTURES / file).write_text(drawn, encoding="utf-8")
    else:
        assert drawn == (PICTURES / file).read_text(encoding="utf-8")


def test_every_picture_is_shown_and_has_its_command() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
    shown = {Path(path).name for path in re.findall(r"!\[[^\]]+\]\(([^)]+\.svg)\)", text)}
    assert shown == set(commands()) == {path.name for path in PICTURES.iterdir()}
