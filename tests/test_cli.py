"""The commands, as they are called in a shell."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cnnarch
from cnnarch.cli import NAMES, commands
from cnnarch.spec import catalog
from cnnarch.spec.document import HEADER
from tests.command import out, run

ROOT = Path(__file__).parent.parent


def test_json_of_a_summary() -> None:
    record = json.loads(out("summary", "alexnet", "--format", "json"))
    assert record["version"] == 1
    assert record["input"] == [227, 227, 3]
    keys = {"name", "kind", "input", "output", "weights", "biases", "params", "buffers", "macs"}
    assert all(keys <= set(layer) for layer in record["layers"])
    keys = {"weights", "biases", "params", "buffers", "macs", "conv_params", "fc_params", "weight_layers"}
    assert keys <= set(record["totals"])
    assert sum(layer["macs"] for layer in record["layers"]) == record["totals"]["macs"] == 614_310_432
    conv1 = record["layers"][0]
    assert (conv1["input"], conv1["output"], conv1["weights"]) == ([227, 227, 3], [55, 55, 96], 34_848)


def test_json_gives_every_layer_unless_depth_is_asked_for() -> None:
    """53 convolutions, each normalised, 49 relu, 16 additions, 2 pools and fc."""
    assert (
        len(json.loads(out("summary", "resnet50", "--format", "json"))["layers"]) == 174
    )  # 53 conv, 53 batchnorm, 49 relu, 16 add, 2 pools, 1 fc
    assert len(json.loads(out("summary", "resnet50", "--format", "json", "--depth", "1"))["layers"]) == 7


def test_inputs_of_a_merge_are_a_list_of_shapes() -> None:
    layers = json.loads(out("summary", "resnet50", "--format", "json"))["layers"]
    add = next(layer for layer in layers if layer["kind"] == "add")
    assert add["input"] == [[56, 56, 256], [56, 56, 256]]


def test_several_specs_are_a_list() -> None:
    found = json.loads(out("summary", "vgg11", "vgg16", "--format", "json"))
    assert [one["network"] for one in found["networks"]] == ["vgg11", "vgg16"]
    rows = list(csv.DictReader(io.StringIO(out("summary", "vgg11", "vgg16", "--format", "csv"))))
    assert {row["network"] for row in rows} == {"vgg11", "vgg16"}
    assert sum(int(row["params"]) for row in rows if row["network"] == "vgg11") == 132_863_336


def test_csv_has_whole_numbers_and_every_layer() -> None:
    rows = list(csv.DictReader(io.StringIO(out("summary", "vgg16", "--format", "csv"))))
    assert len(rows) == 40
    assert sum(int(row["params"]) for row in rows) == 138_357_544
    assert rows[0]["name"] == "stage1/conv1"
    assert rows[0]["output"] == "224x224x64"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("totals.params", "28823912"),
        ("name", "AlexNet, without padding"),
        ("input", "227x227x3"),
        ("layers.conv1.output", "55x55x96"),
        ("layers.conv1.weights", "34848"),
        ("families.conv.layers", "5"),
    ],
)
def test_get_prints_one_bare_value(path: str, value: str) -> None:
    assert out("summary", "alexnet", "--get", path) == f"{value}\n"


def test_get_says_what_there_is() -> None:
    done = run("summary", "alexnet", "--get", "totals.parms")
    assert done.returncode == 2
    assert "did you mean `params`?" in done.stderr
    assert run("summary", "alexnet", "--get", "totals").returncode == 2


def test_batch_multiplies_work_and_nothing_else() -> None:
    one = json.loads(out("summary", "resnet50", "--format", "json"))
    eight = json.loads(out("summary", "resnet50", "--format", "json", "--batch", "8"))
    assert eight["totals"]["macs"] == 8 * one["totals"]["macs"]
    assert eight["totals"]["params"] == one["totals"]["params"]
    assert sum(layer["macs"] for layer in eight["layers"]) == eight["totals"]["macs"]
    assert sum(one["macs"] for one in eight["families"].values()) == eight["totals"]["macs"]
    assert "batch 8" in out("summary", "resnet50", "--batch", "8")


def test_set_and_input() -> None:
    # 4096·10 + 10 instead of 4096·1000 + 1000; one tenth of VGG16's map at the end is 1×1.
    changed = out("summary", "vgg16", "--set", "classes=10", "--input", "32x32x3", "--get", "totals.params")
    assert int(changed) == 138_357_544 - 4_097_000 + 40_970 - (25_088 - 512) * 4096
    assert out("summary", "resnet50", "--set", "depths=[3, 4, 23, 3]", "--get", "totals.params") == "44549160\n"


def test_standard_input() -> None:
    text = out("show", "lenet5")
    assert out("summary", "-", "--get", "totals.params", stdin=text) == "61706\n"


def test_show_gives_a_spec_to_start_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In this process: so many new ones take half a minute."""
    for name in catalog.names():
        commands.main(["show", name], standalone_mode=False)
        mine = tmp_path / "mine.yaml"
        mine.write_text(capsys.readouterr().out, encoding="utf-8")
        assert cnnarch.load(str(mine)).totals == cnnarch.load(name).totals


def test_explain_takes_a_block_too() -> None:
    record = json.loads(out("explain", "vgg16", "stage1", "fc1", "--format", "json"))
    names = ["conv1", "relu1", "conv2", "relu2", "maxpool"]
    assert [one["name"] for one in record["layers"]] == [*(f"stage1/{name}" for name in names), "fc1"]


def test_several_columns_in_the_order_asked_for() -> None:
    header = out("summary", "alexnet", "--columns", "macs,name").splitlines()[3].split()
    assert header == ["MACs", "layer"]
    done = run("summary", "alexnet", "--columns", "name,mac")
    assert done.returncode == 2
    assert "did you mean `macs`?" in done.stderr


def test_several_networks_in_one_call() -> None:
    text = out("summary", "alexnet", "lenet5")
    assert "AlexNet, without padding" in text
    assert "LeNet-5" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("summary", "vgg16"),
        ("compare", "alexnet", "zfnet"),
        ("compare", "alexnet", "zfnet", "vgg16"),
        ("savings", "alexnet"),
        ("roofline", "alexnet", "--device", "a100"),
        ("roofline", "--devices"),
        ("check", "alexnet", "vgg16"),
        ("explain", "alexnet", "conv1"),
        ("layers",),
        ("layers", "conv"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
def test_every_format_of_every_command(arguments: tuple[str, ...], form: str) -> None:
    if form == "csv" and arguments[0] in ("explain", "layers"):
        assert run(*arguments, "--format", form).returncode == 2
        return
    text = out(*arguments, "--format", form)
    assert text.endswith("\n")
    if form == "json":
        json.loads(text)
    if form == "csv":
        rows = list(csv.reader(io.StringIO(text)))
        assert len({len(row) for row in rows}) == 1
    if form == "markdown":
        tables = [line for line in text.splitlines() if line.startswith("|")]
        assert tables


@pytest.mark.parametrize("name", NAMES)
def test_help_of_every_command(name: str) -> None:
    text = out(name, "--help")
    assert "Example" in text
    assert max(map(len, text.splitlines())) <= 100
    assert out(name, "-h") == text


def test_check_answers_by_its_exit_code() -> None:
    assert run("check", "alexnet", "--max-params", "30M").returncode == 0
    done = run("check", "alexnet", "--max-params", "5M", "--max-macs", "600M")
    assert done.returncode == 1
    assert "params 28,823,912 > 5,000,000 by 23,823,912" in done.stdout
    assert done.stderr == ""


def test_check_of_a_broken_promise(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(
        "name: Claims\ninput: 4x4x1\nlayers:\n  - conv: {filters: 2, kernel: 3}\n"
        "published:\n  - {params: 20, source: hand}\n  - {params: 21, macs: 72, source: nobody}\n"
    )
    done = run("check", str(spec))
    assert done.returncode == 1
    assert "NO   params 20 published as 21\n" in done.stdout
    assert "ok   2 published figures kept\n" in done.stdout


def test_check_goes_on_after_an_invalid_spec(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text("name: Broken\ninput: 4x4x1\nlayers:\n  - rellu\n")
    done = run("check", str(spec), "alexnet")
    assert done.returncode == 1
    assert "unknown kind `rellu`" in done.stderr
    assert done.stdout.splitlines()[1].startswith("alexnet")


def test_all_shipped_networks_pass() -> None:
    assert run("check", "--all").returncode == 0


def test_output_goes_to_a_file_whole(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    assert out("summary", "alexnet", "--format", "json", "-o", str(file)) == ""
    assert json.loads(file.read_text(encoding="utf-8"))["version"] == 1
    assert os.listdir(tmp_path) == ["out.json"]


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    for target in (tmp_path, tmp_path / "no" / "folder.txt"):
        done = run("summary", "alexnet", "-o", str(target))
        assert done.returncode == 2
        assert "cannot write" in done.stderr
        assert "Traceback" not in done.stderr


def test_output_to_a_device_leaves_the_device() -> None:
    assert out("summary", "alexnet", "-o", os.devnull) == ""
    assert not os.path.isfile(os.devnull)


def test_a_closed_pipe_is_quiet() -> None:
    command = f"'{sys.executable}' -m cnnarch summary resnet50 --all | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, encoding="utf-8", check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.stdout.startswith("ResNet-50")
    assert done.stderr == ""


def test_a_terminal_that_knows_only_ascii() -> None:
    done = run("summary", "alexnet", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_colour_is_asked_for_or_not() -> None:
    assert "\x1b[" not in out("summary", "alexnet")
    assert "\x1b[" in out("summary", "alexnet", "--color", "always")
    plain = out("summary", "alexnet")
    colored = out("summary", "alexnet", "--color", "always")
    lines = re.sub(r"\x1b\[[\d;]*m", "", colored).splitlines()
    assert [line.rstrip() for line in lines] == plain.splitlines()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sumary", "alexnet"), "did you mean `summary`?"),
        (("summary", "alexnt"), "did you mean `alexnet`?"),
        (("summary", "alexnet", "--set", "clases=3"), "did you mean `classes`?"),
        (("summary", "alexnet", "--set", "classes"), "write `--set name=value`"),
        (("summary", "alexnet", "--set", "classes=1e3"), "not read as a number"),
        (("summary", "alexnet", "--input", "227,227,3"), "is not a shape"),
        (("summary", "alexnet", "--input", "left=8x8x3"), "has no input `left`"),
        (("summary", "resnet50", "--input", "3x224x224"), "3×224×224 has its channels first"),
        (("summary", "resnet50", "--input", "224x224"), "224×224 has another number of axes"),
        (("summary", "resnet3"), "there are `resnet32`, `resnet34`"),
        (("summary", "resnext101"), "there are `resnext101_32x8d`, `resnext101_64x4d`"),
        (("summary", "common"), "`common` is a page of blocks"),
        (("explain", "resnet50", "stage2/bottleneck"), "`stage2/bottleneck1`, `stage2/bottleneck2`"),
        (("summary", "vgg16", "--set", "classes=abc"), "a value is a number"),
        (("explain", "alexnet", "conv9"), "did you mean `conv"),
        (("layers", "Conv2d"), "it is called `conv` here"),
        (("layers", "conv_bn_relu"), "a block of the page `common`"),
        (("check",), "nothing to check"),
        (("check", "alexnet", "--max-params", "lots"), "is not a limit"),
        (("compare", "alexnet"), "cannot be compared"),
        (("show", "alexnet", "--set", "classes=3"), "add `--flat`"),
        (("summary", "alexnet", "--depth", "0"), "0 is not in the range"),
        (("summary", "/etc"), "is not a file"),
        (("summary", "no/such.yaml"), "no such file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_misuse_is_told(arguments: tuple[str, ...], words: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("word", ["residual", "branches", "layers", "from", "repeat", "share"])
def test_structures_and_modifiers_are_looked_up_like_kinds(word: str) -> None:
    text = out("layers", word)
    assert text.startswith(f"{word}: ")
    assert "example" in text
    assert json.loads(out("layers", word, "--format", "json"))["word"] == word


@pytest.mark.parametrize("word", HEADER)
def test_words_at_the_top_of_a_spec_are_looked_up_like_kinds(word: str, tmp_path: Path) -> None:
    found = json.loads(out("layers", word, "--format", "json"))
    assert found["does"].endswith(HEADER[word])
    assert f"\n{word} " in out("layers")
    if word in ("name", "note", "layers"):  # the example is of the word in a list of layers
        return
    lines = ["name: a name", "input: 8x8x3", "layers: [relu]"]
    told = [line.partition(":")[0] for line in found["example"].split("\n")]
    others = [line for line in lines if line.partition(":")[0] not in told]
    spec = tmp_path / "spec.yaml"
    spec.write_text("\n".join([*(others[:1] if word == "extends" else others), found["example"]]), encoding="utf-8")
    assert cnnarch.load(str(spec)).layers


@pytest.mark.parametrize("word", ["conv", "import", "residual", "share"])
def test_words_of_the_language_are_completed(word: str) -> None:
    asked = {"_CNNARCH_COMPLETE": "bash_complete", "COMP_WORDS": f"cnnarch layers {word[:-1]}", "COMP_CWORD": "2"}
    program = "from cnnarch.cli import commands; commands.main(prog_name='cnnarch')"
    environment = {**os.environ, **asked}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd=ROOT, check=False
    )
    assert f"plain,{word}" in done.stdout.splitlines()
