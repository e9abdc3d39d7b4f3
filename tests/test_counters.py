"""What other counters print: their figures as data, with where each comes from, and what is refused.

`tests/test_against_counters.py` and `tests/test_against_keras.py` run the tools themselves; here nothing of them has to
be installed.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cnnarch import Shape, load
from cnnarch.analysis.counters import COUNTERS, Writing, count
from cnnarch.analysis.counters.base import FUNCTION, MEAN
from cnnarch.analysis.counters.writing import OPEN, WRITINGS
from cnnarch.cli.summary import COUNTERS as OPTION
from cnnarch.errors import ReadError
from cnnarch.layers import KINDS
from cnnarch.render.counters import equation
from tests.command import out, run
from tests.shipped import each_network

# On torchvision 0.28's models in evaluation, built without weights, one input of 224×224: torchinfo 1.8.0, fvcore
# 0.1.5, ptflops 0.7.5, thop 0.1.1, calflops 0.3.2, PyTorch 2.13.
PRINTED = {
    "resnet50": {
        "fvcore": {"flops": 4111512576, "params": 25557032},
        "thop": {"macs": 4133742592, "params": 25557032},
        "ptflops": {"macs": 4132436968, "params": 25557032},
        "ptflops-aten": {"macs": 4089185256, "params": 25557032},
        "torchinfo": {
            "mult_adds": 4089238376, "params": 25557032, "input_bytes": 602176, "pass_bytes": 177831744,
            "param_bytes": 102228128,
        },
        "calflops": {"flops": 8211108352, "macs": 4089184256, "params": 25557032},
    },
    "vgg16": {
        "fvcore": {"flops": 15470289408},
        "thop": {"macs": 15470314496},
        "ptflops": {"macs": 15523225576},
        "ptflops-aten": {"macs": 15483821032},
        "torchinfo": {"mult_adds": 15483821032, "pass_bytes": 108453696, "param_bytes": 553430176},
        "calflops": {"flops": 30973778432, "macs": 15470264320, "params": 138357544},
    },
    "alexnet_torchvision": {
        "fvcore": {"flops": 714197696},
        "thop": {"macs": 714206912},
        "ptflops": {"macs": 716441128},
        "ptflops-aten": {"macs": 714682664},
        "torchinfo": {"mult_adds": 714682664, "pass_bytes": 3953472, "param_bytes": 244403360},
        "calflops": {"flops": 1429741184, "macs": 714188480},
    },
    "mobilenet_v2": {
        "fvcore": {"flops": 314193216},
        "thop": {"macs": 327486720},
        "ptflops": {"macs": 320300008},
        "ptflops-aten": {"macs": 300775272},
        "torchinfo": {"mult_adds": 300809384, "pass_bytes": 106857792, "param_bytes": 14019488},
        "calflops": {"flops": 614967488, "macs": 300774272},
    },
}  # fmt: skip

# What Keras 3.15 prints as Total params for its own networks, keras.applications, built without weights
KERAS = {
    "vgg16": 138357544,
    "vgg19": 143667240,
    "mobilenet_v1": 4253864,
    "mobilenet_v2": 3538984,
    "mobilenet_v3_large": 5507432,
    "densenet121": 8062504,
    "xception": 22910480,
    "convnext_tiny": 28589128,
    "efficientnet_v2_s": 21612360,
}


@pytest.mark.parametrize(("name", "counter"), [(name, counter) for name, them in PRINTED.items() for counter in them])
def test_printed(name: str, counter: str) -> None:
    counted = load(name).count_as(counter)
    assert {key: counted.figure(key).value for key in PRINTED[name][counter]} == PRINTED[name][counter]


@pytest.mark.parametrize("name", KERAS)
def test_keras(name: str) -> None:
    assert load(name).count_as("keras").figure("params").value == KERAS[name]


def test_the_terms_of_the_issue() -> None:
    words = equation(load("resnet50").count_as("fvcore").figure("flops"))
    assert words == "4,089,184,256 MACs + 2 × 11,113,984 normalised elements + 100,352 pooled values"


@each_network
def test_every_network(name: str) -> None:
    """The first term is ours, and every other says why; a refusal names the kind."""
    network = load(name)
    for counter in COUNTERS:
        try:
            counted = network.count_as(counter)
        except ReadError as error:
            refused = [kind for kind in (*OPEN, "fc", "maxpool", "avgpool", "lstm") if kind in str(error)]
            assert refused, (counter, str(error))
            continue
        for figure in counted.figures:
            first, *others = figure.terms
            assert first.number or figure.key == "other_params"
            assert all(term.why and term.number for term in others), figure
        reasons = {(term.words, term.why) for figure in counted.figures for term in figure.terms if term.why}
        assert len(reasons) == len(dict(reasons)), "two reasons for what has one name"
        ours = {"macs": network.totals.macs, "flops": network.totals.macs, "mult_adds": network.totals.macs}
        figure = counted.figures[0]
        assert figure.terms[0].number == ours.get(figure.key, network.totals.params)


def test_every_kind_is_decided() -> None:
    """A kind has a rule in every tool, or is one that no tool can be followed for."""
    for tool in COUNTERS.values():
        rules = set(tool.measures[0].rules)
        assert rules == set(KINDS) - (set(OPEN) if tool.pytorch else set()), tool.name


def test_every_writing_is_of_a_shipped_network() -> None:
    for name, writing in WRITINGS.items():
        kinds = {node.layer.kind for node in load(name).layers}
        assert {kind for kind, _, _ in writing.ways} | set(writing.absent) <= kinds


# What a batch does in each tool: torchinfo 1.8.0 on torchvision's AlexNet with 8 inputs, and so on


def test_batch() -> None:
    one, eight = load("alexnet_torchvision"), load("alexnet_torchvision", batch=8)
    for counter in ("torchinfo", "fvcore", "thop", "calflops"):
        assert eight.count_as(counter).figures[0].value == 8 * one.count_as(counter).figures[0].value
        assert eight.count_as(counter).figure("params") == one.count_as(counter).figure("params")
    for counter in ("ptflops", "ptflops-aten"):
        assert eight.count_as(counter) == one.count_as(counter)
    assert eight.count_as("torchinfo").figure("pass_bytes").value == 8 * 3953472


# By hand: a convolution, a batch normalisation without a scale, and three ways to pool

SMALL = """
name: small
input: 6x6x2
layers:
  - conv: {filters: 4, kernel: 3}
  - batchnorm: {scale: false, shift: false}
  - relu
  - global_avgpool
  - fc: 5
"""


def written_out(tmp_path: Path, text: str) -> str:
    path = tmp_path / "net.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("counter", "way", "expected"),
    [
        # 1152 = 4·4·9·2·4 and 20 = 4·5 are ours; 64 values of 4·4·4
        ("fvcore", "module", 1172 + 64 + 64),
        ("fvcore", FUNCTION, 1172 + 64 + 64),
        ("fvcore", MEAN, 1172 + 64),
        ("thop", "module", 1172 + 2 * 64 + 17 * 4),
        ("thop", FUNCTION, 1172 + 2 * 64),
        ("ptflops", "module", 1172 + 64 + 5 + 64 + 2 * 64 + 2 * 64),
        ("ptflops", FUNCTION, 1172 + 64 + 5 + 64 + 2 * 64 + 64),
        ("ptflops", MEAN, 1172 + 64 + 5 + 64 + 2 * 64),
        ("ptflops-aten", "module", 1172 + 64 + 5),
        ("torchinfo", "module", 1172 + 64 + 5),
        ("calflops", "module", 2 * 1172 + 64 + 64 + 64 + 64),
    ],
)
def test_by_hand(counter: str, way: str, expected: int, tmp_path: Path) -> None:
    graph = load(written_out(tmp_path, SMALL)).graph
    writing = Writing((("global_avgpool", "*", way),))
    assert count(graph, counter, writing=writing).figures[0].value == expected


def test_layers_that_run_only_in_training() -> None:
    """Parameters of what runs are counted by thop; of what there is by the others."""
    network = load("googlenet")
    assert network.count_as("thop").figure("params").value == 6624904
    assert network.count_as("torchinfo").figure("params").value == 13004888
    assert network.count_as("torchinfo").figure("param_bytes").value == 4 * 6624904


# Refusals


@pytest.mark.parametrize(
    ("counter", "name", "words"),
    [
        ("fvcore", "vit_b_16", "attention at `encoder_layer1/attention` and 11 more"),
        ("thop", "swin_t", "attention"),
        ("torchinfo", "fasterrcnn_resnet50_fpn", "roi_align"),
        ("calflops", "lenet5_1998", "rbf"),
        ("ptflops-aten", "crnn", "fc"),
        ("ptflops", "xception", "maxpool"),
        ("keras", "crnn", "lstm"),
    ],
)
def test_refused(counter: str, name: str, words: str) -> None:
    with pytest.raises(ReadError, match=f"what {counter} prints for {name} cannot be told") as caught:
        load(name).count_as(counter)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ("batchnorm: {scale: false}", "a scale and a shift, or neither"),
        ("layernorm: {scale: false}", "a scale and a shift, or neither"),
        ("locally_connected: {filters: 2, kernel: 3}", "no such layer"),
        ("conv_transpose: {filters: 2, kernel: 4, stride: 3, padding: same}", "cuts both sides alike"),
        ("avgpool: {kernel: 2, dilation: 2}", "no dilation"),
    ],
)
def test_what_pytorch_cannot_write(layer: str, words: str, tmp_path: Path) -> None:
    text = f"name: net\ninput: 12x12x4\nlayers: [{layer}]\n"
    with pytest.raises(ReadError, match=words):
        load(written_out(tmp_path, text)).count_as("thop")


def test_another_type() -> None:
    with pytest.raises(ReadError, match="known for float32, not for float16"):
        load("alexnet", dtype="float16").count_as("torchinfo")


def test_an_unknown_counter() -> None:
    with pytest.raises(ReadError, match="there are no rules of a counter `torchstat`"):
        load("alexnet").count_as("torchstat")


def test_a_writing_that_does_not_fit_another_input() -> None:
    """There VGG pools to 7×7 whatever comes; the spec does not."""
    with pytest.raises(ReadError, match="before `flatten`, which makes 7×7×512 of 8×8×512"):
        load("vgg16", None, Shape(256, 256, 3)).count_as("fvcore")


def test_a_copy_is_by_the_reference(tmp_path: Path) -> None:
    """How torchvision writes it is known of what is shipped, not of what a user made of it."""
    copy = written_out(tmp_path, "extends: mobilenet_v2\nname: mine\n")
    assert load(copy).count_as("thop").figure("macs").value == 327486720 + 50 * 1280


# The command


def test_one_value() -> None:
    assert out("summary", "resnet50", "vgg16", "--as", "fvcore", "--get", "totals.flops") == "4111512576\n15470289408\n"


def test_json() -> None:
    record = json.loads(out("summary", "mobilenet_v2", "--as", "thop", "--format", "json", "--batch", "2"))
    assert record["totals"] == {"macs": 2 * 327486720, "params": 3504872}
    assert record["batch"] == 2
    assert record["terms"][1]["amount"] == 2 * 4 * 6678112
    assert "global_avgpool by a function" in record["writing"]


def test_csv() -> None:
    lines = out("summary", "resnet50", "alexnet", "--as", "fvcore", "--format", "csv").splitlines()
    assert lines[0] == "network,counter,total,amount,times,number,of,why"
    assert lines[1] == "resnet50,fvcore,flops,4089184256,1,4089184256,MACs,"


@pytest.mark.parametrize("option", [("--all",), ("--depth", "2"), ("--columns", "name")])
def test_options_about_layers(option: tuple[str, ...]) -> None:
    done = run("summary", "alexnet", "--as", "fvcore", *option)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"`--as` shows totals, and `{option[0]}` is about layers" in done.stderr


def test_the_tools_of_the_option() -> None:
    """Written out there, as few commands need the rules."""
    assert tuple(COUNTERS) == OPTION
