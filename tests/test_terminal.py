"""What terminals, pipes and other streams get: encodings, widths, colours, progress, and how a command ends."""

from __future__ import annotations

import ast
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.cells import cell_len

import cnnarch
from cnnarch.cli import NAMES
from cnnarch.cli.streams import STAND_INS, stand_in
from cnnarch.spec import catalog
from tests.command import out, run

ROOT = Path(__file__).parent.parent
CODE_PAGES = ["ascii", "latin-1", "cp1252", "cp437", "cp850", "cp932"]
EXAMPLES = [
    ("summary", "alexnet"), ("summary", "unet", "--all"), ("compare", "alexnet", "zfnet"),
    ("compare", "vgg16", "vgg19", "--diff"), ("explain", "alexnet"), ("savings", "mobilenet_v1"),
    ("receptive-field", "resnet50"), ("memory", "resnet50", "--all"), ("roofline", "alexnet", "--device", "a100"),
    ("roofline", "--devices"), ("check", "alexnet", "--max-params", "1M"), ("layers",), ("layers", "conv"), ("rules",),
    ("rules", "N201"), ("summary", "resnet50", "--as", "fvcore"), ("show", "resnet50"),
]  # fmt: skip
PYTHON = [sys.executable, "-m", "cnnarch"]


def called(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own, through pipes; its bytes."""
    return subprocess.run(
        [*PYTHON, *arguments], capture_output=True, check=False, cwd=ROOT,
        env={**os.environ, "PYTHONUTF8": "0", **environment},
    )  # fmt: skip


# Encodings


TRANSLATORS = {"latex.py", "mathematics.py", "delimited.py"}  # tables of signs that they look for, not write


def printed_characters() -> set[str]:
    """Every character beyond ASCII in the texts of the code, and in what commands print."""
    found: set[str] = set()
    for path in Path(cnnarch.__file__).parent.rglob("*.py"):
        if path.name not in TRANSLATORS:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
            found |= {char for text in texts if isinstance(text, str) for char in text}
    for arguments in EXAMPLES:
        found |= set(run(*arguments).stdout)
    return {char for char in found if not char.isascii() and char.isprintable()}


def test_every_sign_has_a_stand_in() -> None:
    """Signs that mean something have one that can be read; letters of names are escaped, so that they are not lost."""
    signs = {char for char in printed_characters() if not char.isalpha() or char in "µΣε"}
    assert {"×", "−", "→", "█", "─"} <= signs
    for char in sorted(signs):
        for encoding in CODE_PAGES:
            other = stand_in(char, encoding)
            other.encode(encoding)
            assert other.strip() or char == "\u00a0", char
            assert "?" not in other, char
            assert "\\" not in other, f"{char!r} has no stand-in for {encoding}"


def test_stand_ins_leave_csv_as_it_is() -> None:
    assert not any(char in other for others in STAND_INS.values() for other in others for char in ',;"\n')


def test_stand_ins_of_tables_are_as_wide() -> None:
    """Where they stand in columns of numbers, so that these still line up."""
    for char in "×÷−·µ█▉▊▋▌▍▎▏":
        assert all(len(other) == 1 for other in STAND_INS[char])


@pytest.mark.parametrize("encoding", CODE_PAGES)
def test_nothing_is_lost_in_a_code_page(encoding: str) -> None:
    for arguments in EXAMPLES[1:4]:
        plain = run(*arguments).stdout
        done = called(*arguments, PYTHONIOENCODING=encoding)
        assert (done.returncode, done.stderr) == (0, b"")
        text = done.stdout.decode(encoding).replace("\r\n", "\n")
        assert text.count("?") == plain.count("?")
        assert len(text.splitlines()) == len(plain.splitlines())
        assert re.findall(r"[\d,]{4,}", text) == re.findall(r"[\d,]{4,}", plain)


def test_ascii_reads_well() -> None:
    text = called("explain", "alexnet", "conv1", PYTHONIOENCODING="ascii").stdout.decode("ascii")
    assert "227x227x3 -> 55x55x96" in text
    assert "(227 - 11) / 4 + 1 = 55" in text
    text = called("summary", "alexnet", PYTHONIOENCODING="ascii").stdout.decode("ascii")
    assert re.search(r"^fc1 .* #+\n", text, re.MULTILINE)
    assert re.search(r"^-{80,}$", text, re.MULTILINE)
    floor = called("explain", "resnet50", "stem/conv_bn_relu/conv", PYTHONIOENCODING="ascii").stdout.decode("ascii")
    assert "floor((224 + 3 + 3 - 7) / 2) + 1 = 112" in floor


def test_help_and_errors_keep_to_the_encoding_too() -> None:
    for arguments in (("check", "--help"), ("summary", "漢×"), ("summary", "--no×"), ("nosuch×",)):
        done = called(*arguments, PYTHONIOENCODING="ascii")
        (done.stdout + done.stderr).decode("ascii")
        assert b"Traceback" not in done.stderr
        assert b"?" not in done.stderr.replace(b"mean `", b"").replace(b"`?", b"")


def test_a_spec_goes_through_a_pipe_as_utf_8(tmp_path: Path) -> None:
    """`show net > mine.yaml` must be a spec, whatever the code page."""
    name = next(one for one in catalog.names() if not catalog.read_source(one).text.isascii())
    done = called("show", name, PYTHONIOENCODING="cp1252")
    assert done.stdout.decode("utf-8").replace("\r\n", "\n") == catalog.read_source(name).text
    file = tmp_path / "mine.yaml"
    file.write_bytes(done.stdout)
    assert run("summary", str(file), "--get", "name").returncode == 0


@pytest.mark.parametrize("encoding", CODE_PAGES)
def test_json_means_the_same_in_every_encoding(encoding: str) -> None:
    done = called("summary", "unet", "--format", "json", PYTHONIOENCODING=encoding)
    assert json.loads(done.stdout) == json.loads(run("summary", "unet", "--format", "json").stdout)


def test_a_file_is_always_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "net.txt"
    assert called("summary", "alexnet", "-o", str(file), PYTHONIOENCODING="ascii").returncode == 0
    assert file.read_text(encoding="utf-8") == out("summary", "alexnet")


# A terminal: a process of its own at a pty, as wide as is asked for


def at_terminal(
    *command: str, environment: dict[str, str] | None = None, width: int = 80, interrupt: float = 0
) -> tuple[int, str]:
    """The exit code of a command at a terminal, and all that it wrote there."""
    child, terminal = pty.fork()
    if not child:
        os.chdir(ROOT)
        os.execvpe(command[0], command, {**os.environ, "TERM": "xterm", "COLUMNS": str(width), **(environment or {})})
    raw = b""
    start = time.monotonic()
    while time.monotonic() - start < 30:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if interrupt and time.monotonic() - start > interrupt:
            os.kill(child, signal.SIGINT)
            interrupt = 0
        if ready:
            try:
                found = os.read(terminal, 65536)
            except OSError:  # Linux, once the last writer has gone
                break
            if not found:
                break
            raw += found
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), raw.decode("utf-8", "replace").replace("\r\n", "\n")


@pytest.mark.parametrize("width", [40, 60, 80])
def test_tables_fit_and_cut_no_number(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 60 columns on every line fits; in fewer, lines may be longer, as no number is ever cut."""
    for arguments in EXAMPLES[:-1]:  # YAML is shown as it is
        wide = run(*arguments).stdout
        with monkeypatch.context() as patch:
            patch.setattr("cnnarch.cli.output.terminal_width", lambda: width)
            narrow = run(*arguments).stdout
        if width >= 60:
            assert max(map(cell_len, narrow.splitlines())) <= width, arguments
        known = set(re.findall(r"[\d,]*\d,\d{3}", wide))
        assert set(re.findall(r"[\d,]*\d,\d{3}", narrow)) <= known, arguments
        assert narrow.count("…") == wide.count("…")


@pytest.mark.parametrize("name", ["", *NAMES])
def test_help_fits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 80 columns every line fits; at 60 all but examples, which are there to be copied."""
    arguments = (name, "--help") if name else ("--help",)
    for width in (60, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = run(*arguments).stdout.splitlines()
        start = next(number for number, line in enumerate(lines) if line.strip().startswith("Example"))
        options = next(number for number, line in enumerate(lines) if line in ("Options:", "Limits:"))
        assert start < options
        for number, line in enumerate(lines):
            as_written = number < options and line.startswith(
                "    "
            )  # an example or a list, whose lines are not broken
            assert len(line) <= width or (width < 80 and as_written), line


def test_a_terminal_is_asked_how_wide_it_is() -> None:
    for width in (60, 100):
        code, text = at_terminal(*PYTHON, "summary", "alexnet", width=width)
        plain = re.sub(r"\x1b\[[\d;]*m", "", text)
        assert code == 0
        assert max(map(cell_len, plain.splitlines())) == width


@pytest.mark.parametrize(
    ("environment", "colored"),
    [
        ({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False), ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    ],
)  # fmt: skip
def test_colours_of_a_terminal(environment: dict[str, str], colored: bool) -> None:
    code, text = at_terminal(*PYTHON, "summary", "lenet5", environment=environment)
    assert code == 0
    assert ("\x1b[" in text) == colored


def test_colours_of_a_pipe() -> None:
    assert b"\x1b[" not in called("summary", "lenet5", TERM="xterm").stdout
    assert b"\x1b[" in called("summary", "lenet5", FORCE_COLOR="1").stdout
    assert b"\x1b[" not in called("summary", "lenet5", FORCE_COLOR="1", NO_COLOR="1").stdout
    assert b"\x1b[" not in called("summary", "lenet5", "--color", "never", FORCE_COLOR="1").stdout
    dumb = called("summary", "lenet5", "--color", "always", TERM="dumb").stdout.decode("utf-8", "replace")
    assert max(map(len, re.sub(r"\x1b\[[\d;]*m", "", dumb).splitlines())) > 80


# Progress


SLOW = (
    "import time\n"
    "from cnnarch.cli.progress import progress\n"
    "with progress([f'net{{number}}\\x1b[31m' for number in range({count})], 'checking', 0.3) as going:\n"
    "    for name in going:\n"
    "        time.sleep({each})\n"
    "print('done')\n"
)


def slow(count: int, each: float, **environment: str) -> str:
    program = SLOW.format(count=count, each=each)
    code, text = at_terminal(sys.executable, "-c", program, environment={"PYTHONPATH": str(ROOT), **environment})
    assert code == 0
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def test_progress_appears_and_vanishes() -> None:
    text = slow(4, 0.4)
    assert re.search(r"checking .*[123]/4 net\d\\x1b\[31m", text), text
    assert text.endswith("done\n")
    assert "\x1b[2K" in text.rpartition("checking")[2]  # the line is taken back
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # and the cursor is there again


def test_progress_appears_while_one_item_is_long() -> None:
    assert re.search(r"checking .*0/2 net0", slow(2, 1.0))


def test_what_is_quick_shows_no_progress() -> None:
    assert slow(3, 0.02) == "done\n"


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_dumb_terminal_shows_no_progress(term: str) -> None:
    assert slow(2, 0.5, TERM=term) == "done\n"


def test_a_pipe_shows_no_progress() -> None:
    program = SLOW.format(count=2, each=0.5)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("done\n", "")


# How a command ends

READ_ON = [
    ("summary", "resnet152", "--all"), ("list",), ("explain", "resnet50"), ("show", "resnet50"), ("schema",),
    ("check", "alexnet"), ("check", "--help"), ("summary", "alexnet", "--get", "name"), ("completion", "bash"),
]  # fmt: skip


@pytest.mark.parametrize("arguments", READ_ON, ids=" ".join)
def test_a_closed_pipe_ends_quietly(arguments: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        done = subprocess.run([*PYTHON, *arguments], stdout=closed, stderr=subprocess.PIPE, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", READ_ON, ids=" ".join)
def test_a_full_disk_is_told(arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*PYTHON, *arguments], stdout=full, stderr=subprocess.PIPE, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (2, b"error: cannot write: no space left on device\n")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("summary alexnet >&-", 0), ("show alexnet >&-", 0), ("--help >&-", 0), ("summary nosuch 2>&-", 2),
        ("summary --nosuch 2>&-", 2), ("nosuch 2>&-", 2), ("check nosuch 2>&-", 2), ("summary alexnet <&-", 0),
        ("summary nosuch 2>/dev/full", 2), ("summary --nosuch 2>/dev/full", 2), ("check nosuch 2>/dev/full", 2),
        ("summary - <&-", 1),
    ],
)  # fmt: skip
def test_closed_and_full_streams(line: str, code: int) -> None:
    done = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m cnnarch {line}"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_with_130(tmp_path: Path) -> None:
    spec = tmp_path / "large.yaml"
    spec.write_text("name: Large\ninput: 8x8x3\nlayers:\n- relu\n  \n" + "- conv: {filters: 8, kernel: 1}\n" * 200_000)
    code, text = at_terminal(*PYTHON, "check", str(spec), str(spec), str(spec), interrupt=2)
    assert code == 130
    assert "Traceback" not in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")
