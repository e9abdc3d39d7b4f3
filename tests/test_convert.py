"""`convert`: what is written for which ending, what is refused, and that nothing is left half written."""

from __future__ import annotations

import ast
import os
import stat
from importlib.util import find_spec
from math import prod
from pathlib import Path

import pytest
import yaml

import cnnarch
from cnnarch.cli import convert
from cnnarch.errors import ReadError
from cnnarch.interchange.hardware import gemm, scalesim, timeloop
from cnnarch.render.flat import flat
from cnnarch.spec import catalog
from tests.command import out, run

BROKEN = "name: Broken\ninput: 8x8x3\nlayers:\n  - conv: {filters: 4, kernel: 9}\n"
DILATED = "name: Dilated\ninput: 28x28x3\nlayers:\n  - conv: {filters: 8, kernel: 3, dilation: 2}\n    name: a\n"
UNKNOWN = """\
name: Odd
input: 8x8x3
layers:
  - conv: {filters: 4, kernel: 3}
  - unknown: {operator: Mystery, size: [6, 6, 4]}
"""


def left(folder: Path) -> list[str]:
    """What lies in a folder, and in those in it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def refused(folder: Path, *arguments: str) -> str:
    """What a call says that is refused; it wrote nothing."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = run("convert", *arguments, folder=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    return done.stderr


# Pages of ours


@pytest.mark.parametrize("ending", [".yaml", ".yml", ".YAML"])
def test_a_page_is_copied_as_it_stands(tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"mine{ending}"
    assert out("convert", "resnet50", str(target)) == ""
    assert target.read_text(encoding="utf-8") == out("show", "resnet50")


def test_a_page_on_standard_output_is_a_spec() -> None:
    assert out("convert", "alexnet", "-") == out("show", "alexnet")


def test_a_page_of_standard_input(tmp_path: Path) -> None:
    assert run("convert", "-", "a.yaml", stdin=DILATED, folder=tmp_path).returncode == 0
    assert (tmp_path / "a.yaml").read_text(encoding="utf-8") == DILATED


def test_a_flat_page(tmp_path: Path) -> None:
    assert run("convert", "resnet18", "a.yaml", "--flat", "--set", "classes=10", folder=tmp_path) == (0, "", "")
    network = cnnarch.load("resnet18", {"classes": 10})
    assert (tmp_path / "a.yaml").read_text(encoding="utf-8") == flat(network)
    assert cnnarch.load(str(tmp_path / "a.yaml")).totals == network.totals


# What hardware people read


def test_each_tool_gets_its_text(tmp_path: Path) -> None:
    network = cnnarch.load("alexnet")
    for form, name, writer in (
        ("scalesim", "a.csv", scalesim.write),
        ("timeloop", "a.yaml", timeloop.write),
        ("gemm", "b.csv", gemm.write),
    ):
        expected = writer(network.spec, network.graph, "alexnet")
        assert run("convert", "alexnet", name, "--to", form, folder=tmp_path) == (0, "", "")
        assert (tmp_path / name).read_bytes() == expected.encode()
        assert out("convert", "alexnet", "-", "--to", form) == expected


def test_a_batch() -> None:
    text = out("convert", "alexnet", "-", "--to", "gemm", "--batch", "8")
    assert gemm_sum(text) == cnnarch.load("alexnet").at(batch=8).totals.macs
    problem = next(yaml.safe_load_all(out("convert", "alexnet", "-", "--to", "timeloop", "--batch", "8")))
    assert problem["problem"]["instance"]["N"] == 8


def test_another_input_and_other_settings() -> None:
    text = out("convert", "vgg16", "-", "--to", "scalesim", "--input", "64x64x3", "--set", "classes=7")
    first, *_, last = text.splitlines()[1:]
    assert first.partition(", ")[2] == "66, 66, 3, 3, 3, 64, 1,"
    assert last.partition(", ")[2] == "1, 1, 1, 1, 4096, 7, 1,"


def test_a_folder_of_problems(tmp_path: Path) -> None:
    network = cnnarch.load("lenet5")
    assert run("convert", "lenet5", "problems/", "--to", "timeloop", folder=tmp_path) == (0, "", "")
    found = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "problems").iterdir()}
    assert found == timeloop.files(network.spec, network.graph, "lenet5")


def test_a_folder_that_is_there_and_empty(tmp_path: Path) -> None:
    (tmp_path / "problems").mkdir()
    assert run("convert", "lenet5", "problems", "--to", "timeloop", folder=tmp_path) == (0, "", "")
    assert len(list((tmp_path / "problems").iterdir())) == 5


def test_what_a_tool_has_not_is_told(tmp_path: Path) -> None:
    done = run("convert", "-", "a.csv", "--to", "scalesim", stdin=DILATED, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "note: SCALE-Sim has no dilation: written as matrix products: `a`\n"


def test_what_is_not_known_is_told() -> None:
    for form in ("scalesim", "timeloop", "gemm"):
        done = run("convert", "-", "-", "--to", form, stdin=UNKNOWN)
        assert (done.returncode, done.stderr) == (0, "note: not known and left out: `unknown`\n")
    assert run("convert", "-", "-", "--to", "gemm", "--strict", stdin=UNKNOWN).returncode == 2


# Models of other frameworks


@pytest.mark.onnx
def test_an_onnx_file_there_and_back(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    for name in ("lenet5", "mobilenet_v2"):
        network = cnnarch.load(name)
        assert run("convert", name, "a.onnx", folder=tmp_path) == (0, "", "")
        assert run("convert", "a.onnx", "a.yaml", folder=tmp_path) == (0, "", "")
        back = cnnarch.load(str(tmp_path / "a.yaml")).totals
        assert (back.params, back.macs) == (network.totals.params, network.totals.macs)
        assert gemm_sum(out("convert", str(tmp_path / "a.onnx"), "-", "--to", "gemm")) == network.totals.macs


@pytest.mark.onnx
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    for target, seed in (("a.onnx", "1"), ("b.onnx", "1"), ("c.onnx", "2")):
        assert run("convert", "lenet5", target, "--seed", seed, folder=tmp_path) == (0, "", "")
    a, b, c = ((tmp_path / name).read_bytes() for name in ("a.onnx", "b.onnx", "c.onnx"))
    assert a == b != c
    assert len(a) > 4 * 61_706  # its weights are in it


def test_code_for_keras_is_python(tmp_path: Path) -> None:
    assert run("convert", "lenet5", "net.py", "--to", "keras", folder=tmp_path) == (0, "", "")
    text = (tmp_path / "net.py").read_text(encoding="utf-8")
    defined = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    assert defined == ["lenet5"]
    assert "cnnarch" not in text


def test_what_a_framework_lacks_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, "vit_b_16", "net.py", "--to", "keras")
    assert "class_token" in said
    assert "Traceback" not in said


KERAS = """\
{"class_name": "Sequential", "config": {"name": "small", "layers": [
  {"class_name": "InputLayer", "config": {"batch_shape": [null, 28, 28, 1], "name": "pixels"}},
  {"class_name": "Conv2D", "config": {"name": "c1", "filters": 8, "kernel_size": [3, 3], "strides": [1, 1],
    "padding": "same", "dilation_rate": [1, 1], "groups": 1, "activation": "relu", "use_bias": true}},
  {"class_name": "Flatten", "config": {"name": "flat"}},
  {"class_name": "Dense", "config": {"name": "d1", "units": 10, "activation": "softmax", "use_bias": true}}
]}}
"""


def test_a_model_of_keras_becomes_a_page(tmp_path: Path) -> None:
    """Without Keras: 8·(3·3 + 1) and 10·(28·28·8 + 1) parameters."""
    (tmp_path / "small.json").write_text(KERAS, encoding="utf-8")
    assert run("convert", "small.json", "small.yaml", folder=tmp_path) == (0, "", "")
    network = cnnarch.load(str(tmp_path / "small.yaml"))
    assert network.totals.params == 8 * 10 + 10 * 6273
    assert network.layer("d1").output == (10,)
    flat_page = out("convert", str(tmp_path / "small.json"), "-", "--flat")
    (tmp_path / "flat.yaml").write_text(flat_page, encoding="utf-8")
    assert cnnarch.load(str(tmp_path / "flat.yaml")).totals == network.totals


def test_another_input_of_a_model_is_in_its_page(tmp_path: Path) -> None:
    """It needs no `--flat`, unlike a page of ours: the page is made for that input."""
    (tmp_path / "small.json").write_text(KERAS, encoding="utf-8")
    assert run("convert", "small.json", "small.yaml", "--input", "14x14x1", folder=tmp_path) == (0, "", "")
    assert cnnarch.load(str(tmp_path / "small.yaml")).totals.params == 8 * 10 + 10 * (14 * 14 * 8 + 1)


def test_another_setting_of_a_model_is_not(tmp_path: Path) -> None:
    (tmp_path / "small.json").write_text(KERAS, encoding="utf-8")
    assert "add `--flat`" in refused(tmp_path, "small.json", "small.yaml", "--set", "d1.units=3")
    assert run("convert", "small.json", "a.yaml", "--set", "d1.units=3", "--flat", folder=tmp_path).returncode == 0
    assert cnnarch.load(str(tmp_path / "a.yaml")).layer("d1").output == (3,)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.keras", b""), ("text.keras", b"name: x"), ("cut.keras", b"PK\x03\x04\x14"), ("h.h5", b"\x89HDF\r\n"),
        ("weights.pt", b"\x80\x02}q"), ("deep.json", b'{"class_name":' * 10_000), ("none.keras", None),
    ],
)  # fmt: skip
def test_what_is_no_model_writes_nothing(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    said = refused(tmp_path, name, "a.yaml")
    assert said.startswith("error: ")
    assert "Traceback" not in said


def gemm_sum(text: str) -> int:
    return sum(prod(map(int, line.split(",")[2:])) for line in text.splitlines()[1:])


# What is refused

REFUSED = [
    (("lenet5", "a.csv"), "`.csv` can be more than one thing", "add `--to scalesim` or `--to gemm`"),
    (("lenet5", "a.py"), "`.py` can be more than one thing", "add `--to pytorch` or `--to keras`"),
    (("lenet5", "a.txt"), "the ending of `a.txt` does not say what to write", "or say it with `--to`"),
    (("lenet5", "a"), "the ending of `a` does not say what to write", "endings are .yaml, .yml, .py, .onnx, .csv"),
    (("lenet5", "a.keras"), "`.keras` files hold trained weights", "code for it is written with `a.py --to keras`"),
    (("lenet5", "a.pt", "--to", "pytorch"), "`.pt` files hold trained weights", "`a.py --to pytorch`"),
    (("lenet5", "a.onnx", "--to", "gemm"), "`a.onnx` ends as a file that is not gemm", "what ends so is onnx"),
    (("lenet5", "a.py", "--to", "yaml"), "`a.py` ends as a file that is not yaml", "is pytorch or keras"),
    (("lenet5", "a.yaml", "--to", "onnx"), "`a.yaml` ends as a file that is not onnx", "is yaml or timeloop"),
    (("lenet5", "a/"), "`a/` is a folder", "add `--to timeloop`"),
    (("lenet5", "."), "`.` is a folder", "add `--to timeloop`"),
    (("lenet5", "a/", "--to", "gemm"), "`a/` is a folder, and gemm is one file", "name a file in it"),
    (("lenet5", ".", "--to", "timeloop"), "`.` is not empty", "name a new folder"),
    (("lenet5", "a.yaml", "--seed", "1"), "`--seed` is of onnx, and this is yaml", "leave out `--seed`"),
    (("lenet5", "a.onnx", "--flat"), "`--flat` is of yaml, and this is onnx", "leave out `--flat`"),
    (("lenet5", "a.csv", "--to", "scalesim", "--batch", "2"), "`--batch` is of timeloop and gemm", "leave out"),
    (("lenet5", "a.yaml", "--set", "classes=3"), "change what is built, not the text", "add `--flat`"),
    (("lenet5", "a.yaml", "--input", "36x36x1"), "change what is built, not the text", "add `--flat`"),
    (("here.yaml", "here.yaml"), "`here.yaml` is what would be read", "name another file"),
    (("here.yaml", "./here.yaml", "--flat"), "`./here.yaml` is what would be read", "name another file"),
    (("here.yaml", "link.yaml"), "`link.yaml` is what would be read", "name another file"),
    (("lenet", "a.yaml"), "there is no network and no file `lenet`", ""),
    (("lenet5", "none/a.yaml"), "cannot write `none/a.yaml`: no such file or directory", ""),
    (("lenet5", "none/a/", "--to", "timeloop"), "cannot write `none/a/`: no such file or directory", ""),
    (("lenet5", "here.yaml/", "--to", "timeloop"), "cannot write `here.yaml/`", ""),
    (("lenet5", "a.yaml", "--to", "caffe"), "'caffe' is not one of 'yaml', 'pytorch', 'keras', 'onnx'", ""),
    (("lenet5",), "Missing argument 'TO'", ""),
]


@pytest.mark.parametrize(
    ("arguments", "message", "hint"), REFUSED, ids=lambda one: " ".join(one) if isinstance(one, tuple) else ""
)
def test_refused(tmp_path: Path, arguments: tuple[str, ...], message: str, hint: str) -> None:
    (tmp_path / "here.yaml").write_text(DILATED, encoding="utf-8")
    (tmp_path / "link.yaml").symlink_to("here.yaml")
    said = refused(tmp_path, *arguments)
    assert message in said
    assert hint in said
    assert "Traceback" not in said


def test_a_broken_spec_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text(BROKEN, encoding="utf-8")
    (tmp_path / "a.csv").write_text("mine", encoding="utf-8")
    for target in ("a.csv", "problems/"):
        done = run("convert", "broken.yaml", target, "--to", {"a.csv": "gemm"}.get(target, "timeloop"), folder=tmp_path)
        assert done.returncode == 1
        assert "error: kernel 9×9 does not fit the input 8×8" in done.stderr
    assert left(tmp_path) == ["a.csv", "broken.yaml"]
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "mine"


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*what: object, **options: object) -> dict[str, str]:
        return {"01_a.yaml": "a", "none/02_b.yaml": "b"}

    monkeypatch.setattr(timeloop, "files", broken)
    assert "cannot write `problems/`" in refused(tmp_path, "lenet5", "problems/", "--to", "timeloop")
    assert left(tmp_path) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="who may do all is not refused")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert "permission denied" in refused(tmp_path, "lenet5", "problems/", "--to", "timeloop")
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_bytes_are_not_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with pytest.raises(ReadError, match="not for a terminal"):
        convert._refuse("onnx", "lenet5", "-", False, None, None)
    convert._refuse("gemm", "lenet5", "-", False, None, None)


# What there is


def test_every_form_has_an_ending_a_writer_and_a_word_in_the_help() -> None:
    assert {form for forms in convert.ENDINGS.values() for form in forms if form} == set(convert.FORMS)
    assert {"yaml", *convert.WRITERS} == set(convert.FORMS)
    done = run("convert", "--help", COLUMNS="80")
    written = done.stdout.partition("is written:")[2].partition("Options:")[0]
    for form in convert.FORMS:
        assert form in written
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("form", convert.WRITERS)
def test_every_writer_is_there(form: str) -> None:
    assert find_spec(f"cnnarch.interchange.{convert.WRITERS[form]}")


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("resnet50", "resnet50"), ("nets/mine.yaml", "mine"), ("model.onnx", "model"), ("a.b.onnx", "a.b"),
        ("torchvision.models:resnet50", "resnet50"), ("nets/file.py:Net", "Net"), ("-", "LeNet-5"),
        ("/dev/fd/63", "LeNet-5"),
    ],
)  # fmt: skip
def test_what_it_is_called_elsewhere(label: str, name: str) -> None:
    network = cnnarch.load("lenet5")
    network.label = label
    assert convert._name(network, "keras") == name


def test_a_class_is_written_as_its_network_is() -> None:
    assert convert._name(cnnarch.load("resnet50"), "pytorch") == "ResNet50"
    assert convert._name(cnnarch.load("alexnet"), "pytorch") == "alexnet"  # "AlexNet, without padding"


def test_words_are_completed() -> None:
    def completed(line: str) -> list[str]:
        return run(_CNNARCH_COMPLETE="bash_complete", COMP_WORDS=line).stdout.splitlines()

    assert "plain,convert" in completed("cnnarch con")
    assert "plain,alexnet" in completed("cnnarch convert alexn")
    assert completed("cnnarch convert model.o") == ["path,model.o"]
    assert completed("cnnarch convert alexnet net") == ["path,net"]
    assert completed("cnnarch convert alexnet a.csv --to sc") == ["plain,scalesim"]
    assert completed("cnnarch convert vgg16 a.csv --to gemm --set cl") == ["partial,classes="]


def test_shipped_networks_are_not_written_over(tmp_path: Path) -> None:
    """A name without an ending is a shipped network, not a file that lies here."""
    (tmp_path / "alexnet.yaml").write_text(DILATED, encoding="utf-8")
    assert run("convert", "alexnet", "alexnet.yaml", folder=tmp_path).returncode == 0
    assert (tmp_path / "alexnet.yaml").read_text(encoding="utf-8") == catalog.read_page("alexnet").text
