"""Completion: what is offered, and that bash, zsh and fish themselves insert it."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnnarch.cli import NAMES
from cnnarch.cli.completion import SHELLS, answer
from cnnarch.layers import KINDS
from cnnarch.network import load
from cnnarch.spec import catalog

ROOT = Path(__file__).parent.parent

# Words, which are offered


def offered(line: str, monkeypatch: pytest.MonkeyPatch, shell: str = "bash") -> list[str]:
    """What is offered at the end of a line, each with what kind of word it is."""
    monkeypatch.setenv("COMP_WORDS", line)
    return answer(f"{shell}_complete").splitlines()


def words(line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return [one.partition(",")[2] for one in offered(line, monkeypatch)]


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nets") / "mine.yaml"
    path.write_text(
        "name: Mine\ninput: {left: 8x8x3, right: 8x8x3}\nsettings: {classes: 7, deep: [1, 2]}\n"
        "blocks:\n  twice:\n    layers: [relu, relu]\n"
        "layers:\n- concat:\n  from: [left, right]\n- twice\n- twice\n- flatten\n- fc: classes + deep[0]\n"
    )
    return path


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("cnnarch summ", "plain,summary"),
        ("cnnarch summary vgg16 --dep", "plain,--depth"),
        ("cnnarch summary vgg1", "plain,vgg11"),
        ("cnnarch compare vgg16 dense", "plain,densenet121"),
        ("cnnarch explain alexnet conv", "plain,conv1"),
        ("cnnarch explain resnet50 st", "partial,stem"),
        ("cnnarch explain resnet50 stage2/bottleneck1/", "partial,stage2/bottleneck1/conv_bn_relu1"),
        ("cnnarch receptive-field vgg16 stage5/m", "plain,stage5/maxpool"),
        ("cnnarch summary vgg16 --columns out", "partial,output"),
        ("cnnarch summary --columns out", "partial,output"),
        ("cnnarch summary vgg16 --columns=name,out", "partial,--columns=name,output"),
        ("cnnarch compare vgg16 vgg19 --diff --columns st", "partial,status"),
        ("cnnarch compare vgg16 vgg19 --columns right_m", "partial,right_macs"),
        ("cnnarch list --columns ta", "partial,task"),
        ("cnnarch memory vgg16 --columns al", "partial,alive"),
        ("cnnarch savings vgg16 --only factorised --columns full_w", "partial,full_weights"),
        ("cnnarch roofline --devices --columns band", "partial,bandwidth"),
        ("cnnarch layers batch", "plain,batchnorm"),
        ("cnnarch summary vgg16 --as fv", "plain,fvcore"),
        ("cnnarch summary vgg16 --format js", "plain,json"),
        ("cnnarch check vgg16 --select W201,N20", "partial,W201,N201"),
        ("cnnarch rules W", "plain,W101"),
        ("cnnarch summary vgg16 --set cla", "partial,classes="),
        ("cnnarch summary vgg16 --set classes=", "plain,classes=1000"),
        ("cnnarch summary vgg16 --input ", "plain,224x224x3"),
        ("cnnarch roofline vgg16 --device jetson_o", "plain,jetson_orin_nano"),
        ("cnnarch summary vgg16 --get totals.conv_p", "partial,totals.conv_params"),
        ("cnnarch show comm", "plain,common"),
        ("cnnarch completion z", "plain,zsh"),
        ("cnnarch summary vgg16 -o ou", "path,ou"),
        ("cnnarch summary 'my ne", "spec,my ne"),
    ],
)
def test_words_are_offered(line: str, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert offered(line, monkeypatch)[0] == first


def test_all_of_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert words("cnnarch ", monkeypatch) == NAMES
    assert words("cnnarch summary ", monkeypatch) == [*catalog.names(), ""]
    assert set(KINDS) < set(words("cnnarch layers ", monkeypatch))
    found = words("cnnarch explain alexnet ", monkeypatch)
    assert found == [node.name for node in load("alexnet").layers]


def test_layers_settings_and_inputs_of_a_spec_on_disk(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert words(f"cnnarch explain {spec} ", monkeypatch) == ["twice1", "twice2", "concat", "flatten", "fc"]
    assert words(f"cnnarch explain {spec} twice1", monkeypatch) == ["twice1", "twice1/relu1", "twice1/relu2"]
    assert words(f"cnnarch summary {spec} --set ", monkeypatch) == ["classes=", "deep="]
    assert words(f"cnnarch summary {spec} --set deep=", monkeypatch) == []  # brackets mean something to a shell
    assert words(f"cnnarch summary {spec} --input ", monkeypatch) == ["left=", "right="]
    assert words(f"cnnarch summary {spec} --input right=", monkeypatch) == ["right=8x8x3"]


def test_every_option_that_takes_a_word_of_ours_offers_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new option with a metavar of these must not be forgotten."""
    named = {"KEYS", "CODES", "PATH", "FILE", "SHAPE", "NAME=VALUE"}
    for command in NAMES:
        text = subprocess.run(
            [sys.executable, "-m", "cnnarch", command, "--help"],
            capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ, "PYTHONUTF8": "1"},
        ).stdout  # fmt: skip
        for option, metavar in re.findall(r"^\s+(?:-\w, )?(--[\w-]+) ([A-Z=]+)", text, re.MULTILINE):
            spec = "alexnet vgg16" if command == "compare" else "alexnet"
            assert metavar not in named or offered(f"cnnarch {command} {spec} {option} ", monkeypatch), option


@pytest.mark.parametrize(
    "line",
    [
        "cnnarch sumary alex", "cnnarch explain nosuch co", "cnnarch explain - co", "cnnarch explain /dev/zero co",
        "cnnarch explain broken.yaml co", "cnnarch explain . co", "cnnarch explain alexnet 'co", "cnnarch explain \"",
        "cnnarch summary --get tot", "cnnarch summary - --get tot", "cnnarch summary fifo --get tot",
        "cnnarch summary alexnet --get nosuch.", "cnnarch check broken.yaml --set ",
        "cnnarch summary broken.yaml --get t",
        "cnnarch summary alexnet --batch ", "", "cnnarch", "cnnarch --version ", "cnnarch alexnet --help --",
    ],
)  # fmt: skip
def test_what_cannot_be_completed_says_nothing(line: str, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("name: Broken\ninput: 4x4x1\nlayers:\n  - rellu\n")
    os.mkfifo(tmp_path / "fifo")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COMP_WORDS": line, "_CNNARCH_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [sys.executable, "-m", "cnnarch"], capture_output=True, text=True, env=environment, cwd=tmp_path,
        check=False, timeout=20, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    known = {"cnnarch", "cnnarch --version ", "", "cnnarch explain alexnet 'co", 'cnnarch explain "'}
    assert done.stderr == ""
    assert done.returncode == 0
    assert line in known or done.stdout == ""
    assert "error" not in done.stdout


def test_completing_leaves_rich_alone() -> None:
    program = (
        "import sys, os\nfrom cnnarch.cli.completion import answer\n"
        "for line in ('cnnarch summary ', 'cnnarch explain alexnet co', 'cnnarch memory alexnet --columns na'):\n"
        "    os.environ['COMP_WORDS'] = line\n    assert answer('bash_complete')\n"
        "assert 'rich' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_says_how_it_is_installed(shell: str) -> None:
    text = SHELLS[shell](None, {}, "cnnarch", "_CNNARCH_COMPLETE").source()  # type: ignore[arg-type]
    assert f"cnnarch completion {shell}" in text
    assert "%(" not in text
    if shutil.which(shell):
        check = ["fish", "--no-execute"] if shell == "fish" else [shell, "-n"]
        subprocess.run(check, input=text, text=True, check=True)


# The real shells

START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
SETUP = {
    "bash": 'PS1="READY> "; bind "set enable-bracketed-paste off"; bind "set show-all-if-ambiguous on"; '
    'bind "set page-completions off"; bind "set completion-query-items 0"; eval "$(./cnnarch completion bash)"',
    "zsh": 'PS1="READY> "; unsetopt zle_bracketed_paste prompt_cr prompt_sp; autoload -U compinit; compinit -u -D; '
    'eval "$(./cnnarch completion zsh)"; LISTMAX=9999',
    "fish": "function fish_prompt; echo -n 'READY> '; end; set -g fish_autosuggestion_enabled 0; "
    "./cnnarch completion fish | source",
}
# Completes as the checkout does; called, it prints its arguments, so that one sees what the shell made of the line.
STAND_IN = """#!/bin/sh
if [ -n "$_CNNARCH_COMPLETE" ] || [ "$1" = completion ]; then
    PYTHONPATH='{root}' exec '{python}' -m cnnarch "$@"
fi
printf 'GIVEN'
printf '<%s>' "$@"
printf 'END\\n'
"""
HOSTILE = [
    "a b.yaml", "quo'te.yaml", 'dou"ble.yaml', "$(touch ran).yaml", "`touch ran`.yaml", "semi;touch ran;.yaml",
    "new\nline.yaml", "esc\x1b[31m.yaml", "star*.yaml", "amp&.yaml", "-dash.yaml", "eq=al.yaml", "~.yaml",
]  # fmt: skip


class Shell:
    """A shell at a terminal of its own: keys go in, what appears comes out."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder
        environment = {
            "PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder), "TERM": "xterm", "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        self.child, self.terminal = pty.fork()
        if not self.child:
            os.chdir(folder)
            os.execvpe(START[name][0], START[name], environment)
        self.screen = ""
        self.keys(f"{SETUP[name]}\n")
        self.keys("echo SET''UP\n")
        self.until("SETUP")

    def keys(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def until(self, wanted: str, seconds: float = 20) -> str:
        """What appeared up to a text, without colours and the like; everything that did not appear fails."""
        end = time.monotonic() + seconds
        while wanted not in self.screen:
            ready, _, _ = select.select([self.terminal], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"{wanted!r} did not appear in {self.screen!r}")
            raw = os.read(self.terminal, 65536).decode("utf-8", "replace")
            self._answer(raw)
            self.screen += re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[()=>].?)|\r", "", raw)
        before, _, self.screen = self.screen.partition(wanted)
        return before

    def _answer(self, raw: str) -> None:
        """Some shells ask a terminal what it is before they read any key."""
        if "\x1b[c" in raw or "\x1b[0c" in raw:
            self.keys("\x1b[?62c")

    def shows(self, names: list[str]) -> None:
        """Wait until all of these have appeared, in whatever order a shell lists them."""
        for name in names:
            if name not in self.screen:
                before = self.until(name)
                self.screen = f"{before}{name}{self.screen}"

    def run(self, line: str) -> list[str]:
        """The arguments that `cnnarch` gets when the keys of a line have been typed, and Enter."""
        self.keys(f"{line}\n")
        self.until("GIVEN")
        return re.findall(r"<([^>]*)>", self.until("END"))

    def close(self) -> None:
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        os.close(self.terminal)


def folder_with(tmp_path: Path) -> Path:
    (tmp_path / "cnnarch").write_text(STAND_IN.format(root=ROOT, python=sys.executable))
    (tmp_path / "cnnarch").chmod(0o755)
    shutil.copy(ROOT / "configs" / "lenet5.yaml", tmp_path / "zz_mine.yaml")
    (tmp_path / "zz_folder").mkdir()
    (tmp_path / "zz_folder" / "inner.yml").write_text("name: Inner\ninput: 4x4x1\nlayers: [relu]\n")
    (tmp_path / "notes.txt").write_text("no spec")
    (tmp_path / "zz_sp ace.yaml").write_text("name: Space\ninput: 4x4x1\nlayers: [relu]\n")
    return tmp_path


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.shells) for name in START])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    if not shutil.which(request.param):
        pytest.skip(f"no {request.param} is installed")
    opened = Shell(request.param, folder_with(tmp_path))
    yield opened
    opened.close()


INSERTED = [
    ("cnnarch summ\talexnet", ["summary", "alexnet"]),
    ("cnnarch summary alexnet_t\t", ["summary", "alexnet_torchvision"]),
    ("cnnarch summary vgg16 --dep\t2", ["summary", "vgg16", "--depth", "2"]),
    ("cnnarch summary zz_m\t", ["summary", "zz_mine.yaml"]),
    ("cnnarch summary zz_fo\tin\t", ["summary", "zz_folder/inner.yml"]),
    ("cnnarch summary zz_sp\t", ["summary", "zz_sp ace.yaml"]),
    ("cnnarch explain zz_m\tconv1\t", ["explain", "zz_mine.yaml", "conv1"]),
    ("cnnarch explain vgg16 stage5/max\t", ["explain", "vgg16", "stage5/maxpool"]),
    ("cnnarch summary vgg16 --columns name,outp\t", ["summary", "vgg16", "--columns", "name,output"]),
    ("cnnarch summary vgg16 --columns=name,outp\t", ["summary", "vgg16", "--columns=name,output"]),
    ("cnnarch summary vgg16 --set cla\t5", ["summary", "vgg16", "--set", "classes=5"]),
    ("cnnarch summary vgg16 --set classes=\t", ["summary", "vgg16", "--set", "classes=1000"]),
    ("cnnarch summary vgg16 --as fv\t", ["summary", "vgg16", "--as", "fvcore"]),
    ("cnnarch summary vgg16 --format js\t", ["summary", "vgg16", "--format", "json"]),
    ("cnnarch layers batchn\t", ["layers", "batchnorm"]),
    ("cnnarch check vgg16 --select N20\t1", ["check", "vgg16", "--select", "N201"]),
    ("cnnarch summary vgg16 --get totals.conv_p\t", ["summary", "vgg16", "--get", "totals.conv_params"]),
    ("cnnarch summary vgg16 -o no\t", ["summary", "vgg16", "-o", "notes.txt"]),
]


def test_what_a_shell_inserts(shell: Shell) -> None:
    for line, arguments in INSERTED:
        assert shell.run(line) == arguments, line


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("cnnarch summary alexnet", ["alexnet_2012", "alexnet_single", "alexnet_torchvision"]),
        ("cnnarch summary zz_", ["zz_folder", "zz_mine.yaml"]),
        ("cnnarch explain vgg16 stage1/", ["conv1", "relu2", "maxpool"]),
        ("cnnarch summary alexnet --columns name,b", ["biases", "buffers", "bytes"]),
        ("cnnarch summary alexnet --d", ["--depth", "--dtype"]),
    ],
)
def test_what_a_shell_lists(shell: Shell, line: str, names: list[str]) -> None:
    shell.keys(f"{line}\t\t")
    shell.shows(names)


def test_a_line_with_more_than_the_command(shell: Shell) -> None:
    assert shell.run("true; cnnarch summary alexnet_t\t") == ["summary", "alexnet_torchvision"]
    assert shell.run("./cnnarch summary alexnet_t\t") == ["summary", "alexnet_torchvision"]
    assert shell.run("cnnarch summary 'zz_m\t") == ["summary", "zz_mine.yaml"]


def test_names_of_files_run_nothing(shell: Shell) -> None:
    """A file is completed to its name, or not at all; nothing in its name is run."""
    for number, name in enumerate(HOSTILE):
        folder = shell.folder / f"evil{number}"
        folder.mkdir()
        (folder / name).write_text("name: Evil\ninput: 4x4x1\nlayers: [relu]\n")
        seen = name.replace("\x1b[31m", "")  # as is all that appears
        command, *found = shell.run(f"cnnarch explain evil{number}/\t")
        assert command == "explain"
        assert found[0] in [f"evil{number}/{part}" for part in ("", seen, seen.split("\n")[0])], name
        shell.run(f"cnnarch explain evil{number}/\t re\t")
        assert not (shell.folder / "ran").exists()


def test_a_broken_spec_shows_nothing_on_the_line(shell: Shell) -> None:
    (shell.folder / "zz_broken.yaml").write_text("name: Broken\ninput: 4x4x1\nlayers:\n  - rellu\n")
    shell.keys("cnnarch explain zz_broken.yaml co\t")
    shell.keys("x\n")
    shown = shell.until("GIVEN")
    assert "rellu" not in shown
    assert "error" not in shown
    assert shell.until("END") == "<explain><zz_broken.yaml><cox>"
