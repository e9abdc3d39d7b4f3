"""Every wrong spec gets each of its errors at its line and column, from the library and from the command line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import cnnarch
from cnnarch.errors import ReadError, SpecError, printable

FOLDER = Path(__file__).parent / "wrong"
FILES = sorted(FOLDER.glob("*.yaml"))

# `# error: COLUMN message`, perhaps with `# hint: part of the hint`; a line may carry several.
ANNOTATION = re.compile(r"# error: (\d+) (.*?)(?:  # hint: (.*?))?(?=  # error: |$)")
PRINTED = re.compile(r"^error: (.*)\n *--> (.*):(\d+):(\d+)$", re.MULTILINE)

# The aim is one second and 200 MiB; a busy machine needs a margin, and a limit on addresses counts libraries too.
SECONDS = 20
BYTES = 2**30


class Expected(NamedTuple):
    file: str
    line: int
    column: int
    message: str
    hint: str = ""


def annotated(path: Path) -> list[Expected]:
    """What the comments of a spec say about it; `{folder}` stands for where it is."""
    return [
        Expected(path.name, number, int(found[1]), found[2].replace("{folder}", str(path.parent)), found[3] or "")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for found in ANNOTATION.finditer(line)
    ]


def reported(path: Path) -> list[Expected]:
    """What the library reports about a spec."""
    with pytest.raises(SpecError) as raised:
        cnnarch.load(str(path))
    found = []
    for problem in raised.value.problems:
        assert problem.span is not None, f"{problem.message}: without a place"
        place = (os.path.basename(problem.span.source.name), problem.span.line, problem.span.column)
        found.append(Expected(*place, printable(problem.message), printable(problem.hint)))
    return found


def compare(found: list[Expected], expected: list[Expected]) -> None:
    assert [one[:4] for one in found] == [one[:4] for one in expected]
    for one, other in zip(found, expected):
        assert other.hint in one.hint
        assert_well_written(one)


def assert_well_written(error: Expected) -> None:
    assert error.message[0].islower() or not error.message[0].isalpha()
    assert not error.message.endswith(".")
    assert not error.hint.endswith(".") or error.hint.endswith("...")
    # A terminal shows a few lines of an error; what a file holds must not fill the screen.
    assert len(error.message) < 400
    assert len(error.hint) < 600


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_file(path: Path) -> None:
    expected = annotated(path)
    assert expected, "a wrong spec has to say what is wrong with it"
    compare(reported(path), expected)


def test_there_are_many_files() -> None:
    assert len(FILES) >= 75


# Where a comment cannot stand

HEAD = "name: Wrong\ninput: 32x32x3\n"
LAYERS = f"{HEAD}layers:\n"

Place = tuple[int, int, str]

BROKEN: dict[str, tuple[str | bytes, list[Place]]] = {
    "empty": ("", [(1, 1, "the spec is empty")]),
    "only_comments": ("# nothing here\n", [(1, 1, "the spec is empty")]),
    "only_a_marker": ("---\n", [(1, 1, "the spec is empty")]),
    "an_empty_mapping": ("{}\n", [(1, 1, "the spec is empty")]),
    "a_list_at_the_top": ("- relu\n", [(1, 1, "a spec is a mapping at the top")]),
    "a_word_at_the_top": ("relu\n", [(1, 1, "a spec is a mapping at the top")]),
    "nothing_at_the_top": ("null\n", [(1, 1, "a spec is a mapping at the top")]),
    "latin_1": ("name: Café\n".encode("latin-1"), [(1, 10, "byte 0xe9 is not UTF-8")]),
    "not_utf_8_on_a_later_line": (
        HEAD.encode() + "note: é".encode() + b"\xff\xfe\n",
        [(3, 8, "byte 0xff is not UTF-8")],
    ),
    "utf_16": (LAYERS.encode("utf-16"), [(1, 1, "byte 0xff is not UTF-8")]),
    "a_picture": (b"\x89PNG\r\n\x1a\n\x00\x00", [(1, 1, "byte 0x89 is not UTF-8")]),
    "a_bell": (f"{LAYERS}  - re\x07lu\n", [(4, 7, "control character `\\x07` in the text")]),
    "a_zero": (f"{LAYERS}  - relu\x00\n", [(4, 9, "control character `\\x00` in the text")]),
    "an_escape": (f"{LAYERS}  - \x1b[31mrelu\n", [(4, 5, "control character `\\x1b` in the text")]),
    "a_line_separator": (f"{LAYERS}  - relu\u2028  - tanh\n", [(4, 9, "control character `\\u2028` in the text")]),
    "a_byte_order_mark_inside": (f"{LAYERS}  - \ufeffrelu\n", [(4, 5, "control character `\\ufeff` in the text")]),
    "a_control_character_after_returns": (
        LAYERS.replace("\n", "\r\n") + "  - \x01\r\n",
        [(4, 5, "control character `\\x01` in the text")],
    ),
    "a_tab_before_a_layer": (f"{LAYERS}\t- relu\n", [(4, 1, "a tab where YAML wants spaces")]),
    "a_tab_before_a_setting": (f"{LAYERS}- conv:\n\tkernel: 3\n", [(5, 1, "a tab where YAML wants spaces")]),
    "a_bracket_not_closed": (f"{HEAD}layers: [relu\n", [(4, 1, "did not find expected ',' or ']'")]),
    "a_brace_not_closed": (
        f"{LAYERS}  - conv: {{filters: 8\n  - relu\n",
        [(6, 1, "did not find expected ',' or '}'")],
    ),
    "a_quote_not_closed": (f'{LAYERS}  - "relu\n', [(5, 1, "found unexpected end of stream")]),
    "a_bracket_too_many": (f"{HEAD}layers: [relu]]\n", [(3, 15, "did not find expected key")]),
    "an_unknown_escape": (f'{LAYERS}  - fc: "\\q"\n', [(4, 10, "found unknown escape character")]),
    "a_second_document": (f"{LAYERS}  - relu\n---\nname: B\n", [(5, 1, "a second document begins here")]),
    "a_kind_beside_text": (
        f"{LAYERS}  - relu: name: act\n",
        [(4, 15, "mapping values are not allowed in this context")],
    ),
    "brackets_10000_deep": (f"{HEAD}layers: " + "[" * 10_000, [(3, 72, "nested deeper than 64 levels")]),
    "brackets_10000_deep_and_closed": (
        f"{HEAD}layers: " + "[" * 10_000 + "]" * 10_000,
        [(3, 72, "nested deeper than 64 levels")],
    ),
    "braces_10000_deep": (f"{HEAD}layers: " + "{a: " * 10_000, [(3, 261, "nested deeper than 64 levels")]),
    "dashes_10000_deep": (f"{LAYERS}{'- ' * 10_000}relu\n", [(4, 127, "nested deeper than 64 levels")]),
    "indented_1000_deep": (
        LAYERS + "".join(f"{'  ' * depth}- layers:\n" for depth in range(1000)),
        [(35, 65, "nested deeper than 64 levels")],
    ),
    "parentheses_10000_deep": (
        f"{LAYERS}  - fc: {'(' * 10_000}1{')' * 10_000}\n",
        [(4, 9, "an expression of 20,001 characters; at most 1,000 are read")],
    ),
    "parentheses_450_deep": (f"{LAYERS}  - fc: {'(' * 450}1{')' * 450}\n", [(4, 209, "not an expression")]),
    "minus_900_times": (f'{LAYERS}  - fc: "{"-" * 900}1"\n', [(4, 10, "an expression of over 200 parts")]),
    "a_sum_of_400": (f"{LAYERS}  - fc: {'+'.join('1' * 400)}\n", [(4, 9, "an expression of over 200 parts")]),
    "an_expression_over_lines": (f"{LAYERS}  - fc: |\n      3 +\n      4\n", [(4, 9, "not an expression")]),
    "an_expression_folded": (f"{LAYERS}  - fc: 3 *\n      q\n", [(4, 9, "unknown name `q`")]),
    "a_number_of_900_digits": (f"{LAYERS}  - fc: {'9' * 900}\n", [(4, 9, "a number on the way is too large")]),
    "a_number_of_10000_digits": (
        f"{LAYERS}  - fc: {'9' * 10_000}\n",
        [(4, 9, "an expression of 10,000 characters; at most 1,000 are read")],
    ),
    "an_alias_bomb": (
        HEAD
        + "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        + "".join(
            f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi")
        ),
        [(8, 8, "aliases make over 100,000 values")],
    ),
    "an_alias_bomb_of_layers": (
        f"{LAYERS}- &a0 {{layers: [relu, relu]}}\n"
        + "".join(f"- &a{i} {{layers: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 30)),
        [(17, 24, "aliases make over 100,000 values")],
    ),
    "a_key_without_a_name": (f"{LAYERS}- relu: {{: 3}}\n", [(4, 10, "did not find expected node content")]),
}


@pytest.mark.parametrize("text, expected", BROKEN.values(), ids=BROKEN.keys())
def test_broken(text: str | bytes, expected: list[Place], tmp_path: Path) -> None:
    path = written(tmp_path / "net.yaml", text)
    compare(reported(path), [Expected(path.name, *place) for place in expected])


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# Specs and pages of blocks that name each other: the files, and what is wrong with the first

BLOCKS = "blocks:\n  one:\n    layers:\n    - relu\n"
IMPORTING = "layers:\n- one\n"

BESIDE: dict[str, tuple[dict[str, str], list[Expected]]] = {
    "two_in_a_circle": (
        {"a.yaml": "name: A\nextends: b.yaml\n", "b.yaml": "name: B\nextends: a.yaml\n"},
        [Expected("b.yaml", 2, 10, "`extends: a.yaml` goes in a circle")],
    ),
    "three_in_a_circle": (
        {f"{one}.yaml": f"name: A\nextends: ./{two}.yaml\n" for one, two in zip("abc", "bca")},
        [Expected("c.yaml", 2, 10, "`extends: ./a.yaml` goes in a circle")],
    ),
    "a_base_that_is_wrong": (
        {"a.yaml": "name: A\nextends: b.yaml\n", "b.yaml": f"{LAYERS}- rellu\n"},
        [Expected("b.yaml", 4, 3, "unknown kind `rellu`", "did you mean `relu`?")],
    ),
    "a_base_that_is_no_text": (
        {"a.yaml": "name: A\nextends: b.yaml\n", "b.yaml": "\x00"},
        [Expected("b.yaml", 1, 1, "control character `\\x00` in the text")],
    ),
    "a_base_that_is_not_yaml": (
        {"a.yaml": "name: A\nextends: b.yaml\n", "b.yaml": f"{HEAD}\tlayers\n"},
        [Expected("b.yaml", 3, 1, "a tab where YAML wants spaces")],
    ),
    "an_input_that_is_too_small": (
        {
            "a.yaml": "name: A\nextends: b.yaml\ninput: 2x2x3\n",
            "b.yaml": f"{LAYERS}- conv: {{filters: 8, kernel: 3}}\n",
        },
        [Expected("b.yaml", 4, 22, "kernel 3×3 does not fit the input 2×2 of `conv`", "a padding of 1 would do")],
    ),
    "a_setting_that_is_wrong": (
        {
            "a.yaml": "name: A\nextends: b.yaml\nsettings: {width: 0}\n",
            "b.yaml": f"{HEAD}settings: {{width: 8}}\nlayers:\n- conv: {{filters: width, kernel: 3}}\n",
        },
        [Expected("b.yaml", 5, 19, "`filters` of `conv` must be a whole number of at least 1, not 0")],
    ),
    "standard_input": (
        {"a.yaml": 'name: A\nextends: "-"\n'},
        [Expected("a.yaml", 2, 10, "there is no network and no file `-`")],
    ),
    "a_page_of_blocks_that_is_wrong": (
        {"a.yaml": f"{HEAD}import: b.yaml\n{IMPORTING}", "b.yaml": "blocks:\n  one:\n    layers:\n    - rellu\n"},
        [Expected("b.yaml", 4, 7, "unknown kind `rellu`", "did you mean `relu`?")],
    ),
    "a_page_of_blocks_with_layers": (
        {"a.yaml": f"{HEAD}import: b.yaml\n{IMPORTING}", "b.yaml": f"{BLOCKS}layers:\n- one\n"},
        [Expected("b.yaml", 5, 1, "a page of blocks has no `layers`")],
    ),
    "a_page_without_blocks": (
        {"a.yaml": f"{HEAD}import: b.yaml\n{IMPORTING}", "b.yaml": "note: nothing\n"},
        [Expected("b.yaml", 1, 1, "there are no `blocks` here", "a page of blocks has `blocks`")],
    ),
    "pages_in_a_circle": (
        {
            "a.yaml": f"{HEAD}import: b.yaml\n{IMPORTING}",
            "b.yaml": f"import: c.yaml\n{BLOCKS}",
            "c.yaml": f"import: b.yaml\n{BLOCKS}",
        },
        [Expected("c.yaml", 1, 9, "`import: b.yaml` goes in a circle")],
    ),
    "a_block_of_two_pages": (
        {"a.yaml": f"{HEAD}import: [b.yaml, c.yaml]\n{IMPORTING}", "b.yaml": BLOCKS, "c.yaml": BLOCKS},
        [Expected("a.yaml", 3, 18, "a second block `one` is imported", "import one of the two")],
    ),
    "a_block_of_a_page_that_does_not_fit": (
        {
            "a.yaml": f"{HEAD}import: b.yaml\n{IMPORTING}",
            "b.yaml": "blocks:\n  one:\n    layers:\n    - conv: {filters: 8, kernel: 99}\n",
        },
        [Expected("b.yaml", 4, 26, "kernel 99×99 does not fit the input 32×32 of `one/conv`")],
    ),
}


@pytest.mark.parametrize("files, expected", BESIDE.values(), ids=BESIDE.keys())
def test_extending(
    files: dict[str, str], expected: list[Expected], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", open(os.devnull, encoding="utf-8"))  # noqa: SIM115, for one test
    for name, text in files.items():
        written(tmp_path / name, text)
    compare(reported(tmp_path / "a.yaml"), expected)


def test_a_long_chain_is_not_called_a_circle(tmp_path: Path) -> None:
    for number in range(30):
        written(tmp_path / f"{number}.yaml", f"name: A\nextends: {number + 1}.yaml\n")
    written(tmp_path / "30.yaml", f"{LAYERS}- relu\n")
    for error in reported(tmp_path / "0.yaml"):
        assert "circle" not in error.message


# The command line


class Run(NamedTuple):
    code: int
    stdout: str
    stderr: str


def limit_memory() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))


def limited() -> Callable[[], None] | None:
    """What sets the limit, where there is one: macOS refuses it."""
    return limit_memory if sys.platform == "linux" else None


def cnnarch_command(*arguments: str, stdin: bytes = b"") -> Run:
    """Run the command in a process of its own, with bounds on its time and memory."""
    done = subprocess.run(
        [sys.executable, "-m", "cnnarch", *arguments],
        input=stdin,
        capture_output=True,
        timeout=SECONDS,
        check=False,
        preexec_fn=limited(),
        env={**os.environ, "PYTHONUTF8": "1", "PYTHONPATH": str(FOLDER.parent.parent)},
    )
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def assert_refused(run: Run, code: int = 1) -> None:
    assert "Traceback" not in run.stderr
    assert run.stderr.startswith("error: ")
    assert run.stdout == ""
    assert run.code == code
    assert len(run.stderr) < 100_000
    assert "\x1b" not in run.stderr


def printed(run: Run) -> list[Expected]:
    return [
        Expected(os.path.basename(file), int(line), int(column), message)
        for message, file, line, column in PRINTED.findall(run.stderr)
    ]


SELECTED = (
    "kind_in_quotes_and_control", "name_with_control_characters", "name_with_markup", "tags", "value_huge_in_digits",
    "value_huge_power", "expression_of_python", "extends_itself", "repeat_nested", "several_mistakes_of_shape",
)  # fmt: skip


@pytest.mark.parametrize("name", SELECTED)
def test_command(name: str, tmp_path: Path) -> None:
    path = FOLDER / f"{name}.yaml"
    run = cnnarch_command("summary", str(path), "-o", str(tmp_path / "out.txt"))
    assert_refused(run)
    assert [one[:4] for one in printed(run)] == [one[:4] for one in annotated(path)]
    assert os.listdir(tmp_path) == []


COMMANDS = (
    ("summary",),
    ("summary", "--format", "json"),
    ("summary", "--format", "csv"),
    ("summary", "--get", "totals.params"),
    ("compare", "alexnet"),
    ("explain",),
    ("savings",),
    ("show", "--flat"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_refuses_and_keeps_the_file(command: tuple[str, ...], tmp_path: Path) -> None:
    before = written(tmp_path / "out.txt", "what was there before")
    spec = written(tmp_path / "net.yaml", f"{LAYERS}- rellu\n")
    run = cnnarch_command(*command, str(spec), "-o", str(before))
    assert_refused(run)
    assert [one[:4] for one in printed(run)] == [("net.yaml", 4, 3, "unknown kind `rellu`")]
    assert before.read_text(encoding="utf-8") == "what was there before"
    assert sorted(os.listdir(tmp_path)) == ["net.yaml", "out.txt"]


def test_check_answers_for_every_spec(tmp_path: Path) -> None:
    wrong = written(tmp_path / "net.yaml", f"{LAYERS}- rellu\n")
    empty = written(tmp_path / "empty.yaml", "")
    run = cnnarch_command("check", str(wrong), "alexnet", str(empty))
    assert run.code == 1
    assert "Traceback" not in run.stderr
    assert [one.file for one in printed(run)] == ["net.yaml", "empty.yaml"]
    for name in ("net.yaml", "alexnet", "empty.yaml"):
        assert name in run.stdout


def test_standard_input() -> None:
    run = cnnarch_command("summary", "-", stdin=f"{LAYERS}- rellu\n".encode())
    assert_refused(run)
    assert [one[:4] for one in printed(run)] == [("<stdin>", 4, 3, "unknown kind `rellu`")]
    assert_refused(cnnarch_command("summary", "-"))
    assert_refused(cnnarch_command("summary", "-", stdin=b"\xff\xfe\x00"))


MISUSE: dict[str, tuple[str, ...]] = {
    "a_missing_file": ("summary", "nowhere.yaml"),
    "a_missing_network": ("summary", "alexnett"),
    "a_folder": ("summary", "./"),
    "a_device": ("summary", "/dev/zero"),
    "a_path_that_is_too_long": ("summary", "a" * 5000 + ".yaml"),
    "control_characters_in_a_path": ("summary", "re\x1b[31mlu"),
    "a_setting_that_is_not_there": ("summary", "alexnet", "--set", "clases=3"),
    "a_setting_without_a_value": ("summary", "alexnet", "--set", "classes"),
    "a_setting_to_nothing": ("summary", "alexnet", "--set", "classes="),
    "a_setting_to_a_power": ("summary", "alexnet", "--set", "classes=9**9**9"),
    "a_setting_to_many_digits": ("summary", "alexnet", "--set", f"classes={'9' * 500}"),
    "a_setting_to_python": ("summary", "alexnet", "--set", "classes=__import__('os').system('ls')"),
    "a_setting_to_a_truth_of_1_1": ("summary", "alexnet", "--set", "classes=no"),
    "an_input_of_words": ("summary", "alexnet", "--input", "large"),
    "an_input_of_zero": ("summary", "alexnet", "--input", "0x0x0"),
    "an_input_that_is_not_there": ("summary", "alexnet", "--input", "left=3x3x3"),
    "an_output_that_cannot_be_written": ("summary", "alexnet", "-o", "nowhere/out.txt"),
    "a_layer_that_is_not_there": ("explain", "alexnet", "conv99"),
}


@pytest.mark.parametrize("arguments", MISUSE.values(), ids=MISUSE.keys())
def test_misuse(arguments: tuple[str, ...]) -> None:
    assert_refused(cnnarch_command(*arguments), code=2)


def test_settings_and_inputs_that_do_not_fit_are_answers() -> None:
    for arguments in (("--set", "classes=0"), ("--set", "classes=true"), ("--input", "2x2x3")):
        assert_refused(cnnarch_command("summary", "alexnet", *arguments))


# Specs that would work for long or fill the memory, if they could


def nested_lists(names: str) -> str:
    """A spec whose last settings would be lists of 2^45 numbers, written out."""
    lists = "".join(f"  {name}{i}: [{name}{i - 1}, {name}{i - 1}]\n" for i in range(1, 45) for name in names)
    return f"{HEAD}settings:\n{''.join(f'  {name}0: [1, 1]' + chr(10) for name in names)}{lists}layers:\n  - flatten\n"


HOLLOW = f"{LAYERS}  - layers:\n      - relu:\n        when: x.height > 99\n      - layers:\n"

# Each with its first error, or with nothing where it may also be built, if only in bounds.
DANGEROUS: dict[str, tuple[str, Place | None]] = {
    "40_duplicate_keys": (
        f"{LAYERS}- conv: {{filters: 8, kernel: 3{', kernel: 3' * 40}}}\n",
        (4, 33, "duplicate key `kernel`"),
    ),
    "20000_duplicate_keys": (
        f"{LAYERS}- conv: {{filters: 8, kernel: 3{', kernel: 3' * 20_000}}}\n",
        (4, 33, "duplicate key `kernel`"),
    ),
    "20000_tags": (
        f"{LAYERS}" + "- !python relu\n" * 20_000,
        (4, 3, "the tag `!python` is not part of the language"),
    ),
    "100000_unknown_kinds": (LAYERS + "- rellu\n" * 100_000, (4, 3, "unknown kind `rellu`")),
    "20000_unknown_settings": (
        f"{LAYERS}- conv: {{{''.join(f'a{i}: 1, ' for i in range(20_000))}}}\n",
        (4, 10, "`conv` has no setting `a0`"),
    ),
    "20000_unknown_names": (
        LAYERS + "".join(f"- relu:\n  from: a{i}\n" for i in range(20_000)),
        (5, 9, "`from` names `a0`, and there is no such layer"),
    ),
    "20000_settings_and_a_mistake": (
        f"{HEAD}settings: {{{''.join(f'a{i}: 1, ' for i in range(20_000))}}}\nlayers:\n" + "- fc: q\n" * 60,
        None,
    ),
    "a_kind_of_a_million_letters": (f"{LAYERS}- {'z' * 10**6}\n", None),
    "a_name_of_a_million_letters": (f"{LAYERS}- relu:\n  from: {'z' * 10**6}\n", None),
    "a_tag_of_100000_letters": (f"{LAYERS}- !{'z' * 10**5} relu\n", None),
    "nested_lists": (f"{nested_lists('a')}  - fc: a44\n", None),
    "nested_lists_compared": (f"{nested_lists('ab')}  - relu:\n    when: a44 == b44\n", None),
    "nested_lists_ordered": (f'{nested_lists("ab")}  - fc: "max(a44, b44)"\n', None),
    "nested_lists_flat": (f"{nested_lists('a')}  - fc: sum(a44)\n", None),
    "repeats_of_nothing": (
        f"{HOLLOW}          - relu:\n            when: false\n        repeat: 900000\n    repeat: 900000\n",
        None,
    ),
    "repeats_of_what_is_left_out": (
        f"{HOLLOW}          - relu:\n            when: x.height > 99\n        repeat: 900000\n    repeat: 900000\n",
        None,
    ),
    "repeats_by_settings": (
        f"{HEAD}settings: {{n: 1100}}\nlayers:\n- layers:\n  - relu:\n    repeat: n\n  repeat: n\n",
        (8, 11, "the spec makes more than 1,000,000 layers"),
    ),
    "groups_in_blocks": (
        f"{HEAD}blocks:\n"
        + "".join(f"  b{i}:\n    layers: {'[layers: ' * 20}[b{i + 1}]{']' * 20}\n" for i in range(30))
        + "  b30:\n    layers: [relu]\nlayers: [b0]\n",
        None,
    ),
    "blocks_doubling_30_times": (
        f"{HEAD}blocks:\n"
        + "".join(f"  b{i}:\n    layers: [b{i + 1}, b{i + 1}]\n" for i in range(30))
        + "  b30:\n    layers: [relu]\nlayers: [b0]\n",
        None,
    ),
    "hollow_blocks_doubling_30_times": (
        f"{HEAD}blocks:\n"
        + "".join(f"  b{i}:\n    layers: [b{i + 1}, b{i + 1}]\n" for i in range(30))
        + "  b30:\n    layers: [{relu: , when: false}]\nlayers: [b0]\n",
        None,
    ),
    "attributes_450_deep": (f"{LAYERS}- fc: x{'.a' * 450}()\n", None),
    "indices_90_deep": (f'{LAYERS}- fc: "x{"[0]" * 90}"\n', None),
    "a_power_of_a_word": (f"{LAYERS}- fc: 2.5 ** same\n", (4, 7, "a number is needed, not `same`")),
    "60_unknown_names": (
        LAYERS + "".join(f"- relu:\n  from: a{i}\n" for i in range(60)),
        (5, 9, "`from` names `a0`, and there is no such layer"),
    ),
    "a_figure_without_a_value": (
        f"{LAYERS}- relu\npublished:\n- {{params: , source: a paper}}\n",
        (6, 12, "this is not a published figure"),
    ),
    "powers_of_powers": (f"{LAYERS}- fc: {'**'.join('9' * 50)}\n", (4, 7, "a number on the way is too large")),
    "a_line_of_a_megabyte": (f"{LAYERS}- relu: {{{'a' * 10**6}: 3}}\n", None),
    "10000_levels_of_indent": (LAYERS + "".join(f"{' ' * i}- layers:\n" for i in range(1, 10_000)), None),
    "brackets_a_million_deep": (f"{HEAD}layers: {'[' * 10**6}", (3, 72, "nested deeper than 64 levels")),
}


@pytest.mark.parametrize("text, first", DANGEROUS.values(), ids=DANGEROUS.keys())
def test_dangerous(text: str, first: Place | None, tmp_path: Path) -> None:
    path = written(tmp_path / "net.yaml", text)
    run = cnnarch_command("check", str(path))
    assert "Traceback" not in run.stderr
    assert run.code in ((0, 1) if first is None else (1,))
    assert len(run.stderr) < 100_000
    if first is not None:
        assert printed(run)[0][1:4] == first


@pytest.mark.parametrize("size", [129 * 2**20, 2**40], ids=["129_MiB", "a_tebibyte"])
def test_a_file_that_is_too_large(size: int, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    with path.open("wb") as file:
        try:
            file.truncate(size)  # sparse: nothing is written
        except OSError:
            pytest.skip("the file system takes no file of this size")
    assert_refused(cnnarch_command("summary", str(path)), code=2)


def test_the_limit_on_layers_can_be_set(tmp_path: Path) -> None:
    path = written(tmp_path / "net.yaml", f"{LAYERS}- relu:\n  repeat: 20\n")
    assert cnnarch_command("summary", str(path), "--get", "totals.params").code == 0
    run = cnnarch_command("summary", str(path), "--layer-limit", "10")
    assert_refused(run)
    assert [one[:4] for one in printed(run)] == [("net.yaml", 5, 11, "the spec makes more than 10 layers")]


def test_a_missing_file_is_not_a_wrong_spec() -> None:
    with pytest.raises(ReadError, match="no such file or directory"):
        cnnarch.load("tests/nowhere.yaml")


def test_a_published_figure_for_an_input_that_does_not_fit(tmp_path: Path) -> None:
    text = f"{LAYERS}- conv: {{filters: 8, kernel: 3}}\npublished:\n- {{params: 1, source: a paper, input: 2x2x3}}\n"
    run = cnnarch_command("check", str(written(tmp_path / "net.yaml", text)))
    assert run.code == 1
    assert "Traceback" not in run.stderr
