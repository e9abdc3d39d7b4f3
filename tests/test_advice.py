"""Advice: what each rule finds and what it lets be, windows by brute force, and all findings in shipped networks."""

from __future__ import annotations

import inspect
import json
import re
import time
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnarch import Network, load
from cnnarch.analysis.advice import (
    FAMILIES,
    RULES,
    Finding,
    Rule,
    field,
    findings,
    graph,
    hardware,
    order,
    parameters,
    resolve,
)
from cnnarch.analysis.advice.base import ON_EACH_CHANNEL, Plan
from cnnarch.analysis.advice.reading import met, on_padding, reading, shifts
from cnnarch.cli import commands
from cnnarch.errors import ReadError
from cnnarch.layers import KINDS
from cnnarch.shapes import Window
from cnnarch.shapes import windows as sliding_windows
from cnnarch.spec import catalog

REVIEWED = Path(__file__).parent / "findings.txt"

Write = Callable[..., Network]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write layers down and load them."""

    def written(layers: str, shape: str = "32x32x3", task: str = "") -> Network:
        path = tmp_path / "net.yaml"
        header = f"name: Net\ninput: {shape}\n" + (f"task: {task}\n" if task else "")
        path.write_text(f"{header}layers:\n{layers}\n", encoding="utf-8")
        return load(str(path))

    return written


class Case(NamedTuple):
    """Layers, what they are given, and what is found: by layer, words of the message."""

    code: str
    title: str
    layers: str
    input: str = "32x32x3"
    task: str = ""
    found: Mapping[str, str] = MappingProxyType({})


def cases() -> list[Case]:
    every = yaml.safe_load((Path(__file__).parent / "advice_cases.yaml").read_text(encoding="utf-8"))
    return [Case(code, **case) for code, several in every.items() for case in several]


CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.title}")
def test_case(case: Case, write: Write) -> None:
    found = findings(write(case.layers, case.input, case.task), select=[] if case.code == "none" else [case.code])
    assert [one.layer for one in found] == list(case.found)
    assert all(case.found[one.layer] in one.message for one in found)


def test_every_rule_has_cases_of_both_kinds() -> None:
    for code in RULES:
        assert {bool(case.found) for case in CASES if case.code == code} == {True, False}, code


# What a rule says of itself


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_the_example_shows_the_rule(rule: Rule, write: Write) -> None:
    """It is found in its example, and in what is better nothing is found at all."""
    assert rule.code in {one.code for one in findings(write(rule.example, rule.size))}
    assert findings(write(rule.better, rule.size)) == []


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_a_rule_is_documented(rule: Rule) -> None:
    assert type(rule).__doc__
    assert re.fullmatch(r"[A-Z]\d\d\d", rule.code)
    assert rule.code[:2] in FAMILIES
    assert re.fullmatch(r"[a-z]+(-[a-z]+){1,4}", rule.name)
    assert rule.title.endswith(".")
    assert len(rule.paragraphs) > 1
    assert re.search(r"\d{4}|NVIDIA|rule of this language", rule.source)
    assert inspect.getsource(type(rule))


def test_codes_and_names_stay() -> None:
    """They stand in the `ignore` of specs and in scripts: none is changed, none is given again; new ones are added."""
    assert {code: rule.name for code, rule in RULES.items()} == {
        "W101": "unread-pixels",
        "W102": "even-kernel-same",
        "W103": "stride-larger-than-kernel",
        "W104": "padding-beyond-kernel",
        "W105": "weights-on-padding",
        "N201": "bias-before-norm",
        "N202": "linear-after-linear",
        "N203": "softmax-before-end",
        "N204": "dropout-before-norm",
        "P301": "most-params-in-one-layer",
        "P302": "growing-bottleneck",
        "F401": "small-receptive-field",
        "G501": "dead-branch",
        "G502": "unused-channels",
        "H601": "padded-channels",
        "H602": "depthwise-bound",
    }


def test_codes_are_in_the_order_of_their_families() -> None:
    assert [*dict.fromkeys(code[:2] for code in RULES)] == list(FAMILIES)
    assert len({rule.name for rule in RULES.values()}) == len(RULES)


def test_kinds_that_rules_name_are_there() -> None:
    """A kind that is misspelt in a rule would never be found."""
    named = [value for module in (field, graph, order, parameters) for value in vars(module).values()]
    sets = [
        ON_EACH_CHANNEL,
        *(one for one in named if isinstance(one, set | tuple) and one and all(isinstance(x, str) for x in one)),
    ]
    assert len(sets) > 8
    assert set().union(*sets) <= set(KINDS)


# Which rules are meant


def test_resolve() -> None:
    assert resolve([]) == frozenset()
    assert resolve(["W"]) == resolve(["W1"]) == {code for code in RULES if code.startswith("W")}
    assert resolve(["n201", "Softmax-Before-End"]) == {"N201", "N203"}


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("N2O1", "did you mean `N201`?"),
        ("bias-before-nrom", "did you mean `bias-before-norm`?"),
        ("", "`cnnarch rules` lists them"),
        ("Q", "`cnnarch rules` lists them"),
    ],
)
def test_a_rule_that_does_not_exist(word: str, hint: str) -> None:
    with pytest.raises(ReadError) as raised:
        resolve([word])
    assert raised.value.problem.hint == hint


def test_select_and_ignore(write: Write) -> None:
    net = write("- conv: {filters: 8, kernel: 1, stride: 2}\n- batchnorm\n- conv: {filters: 8, kernel: 3}\n- batchnorm")
    codes = {one.code for one in findings(net)}
    assert codes == {"W103", "N201", "N202"}
    assert {one.code for one in findings(net, select=["W", "N202"])} == {"W103", "N202"}
    assert {one.code for one in findings(net, ignore=["bias-before-norm"])} == {"W103", "N202"}
    assert findings(net, select=["W"], ignore=["W103"]) == []


def test_findings_are_in_the_order_of_layers() -> None:
    network = load("shufflenet_v2_x1_0")
    assert findings(network)[-1].layer == ""
    places = {node.name: number for number, node in enumerate(network.graph.nodes)}
    for name in ("zfnet", "vgg16_bn"):
        network = load(name)
        places = {node.name: number for number, node in enumerate(network.graph.nodes)}
        order = [places[one.layer] for one in findings(network)]
        assert order == sorted(order)


def test_many_of_a_kind_are_one_finding() -> None:
    (finding,) = findings(load("inception_v2"), select=["N201"])
    assert finding.message.startswith(
        "its bias and those of `unit2/conv`, `unit3/conv`, `inception_3a/unit1/conv` and 65 more are"
    )


# What must not trigger, by the issue


GOOD = """alexnet mobilenet_v1 mobilenet_v2 mobilenet_v3_small mnasnet1_0 efficientnet_b0 efficientnet_v2_s
xception convnext_tiny shufflenet_v1 shufflenet_v2_x1_5 resnet50 resnet50_tf_slim resnext101_32x8d
wide_resnet50_2 densenet121 googlenet inception_v3 unet yolov3 yolov8n maskrcnn_resnet50_fpn vit_b_16
swin_t"""


@pytest.mark.parametrize("name", GOOD.split())
def test_good_networks(name: str) -> None:
    """Depthwise pairs, linear bottlenecks, patches, strided shortcuts and several outputs are no cause."""
    assert findings(load(name)) == []


@pytest.mark.parametrize(("name", "many"), [("resnet50", 4), ("vgg16", 5), ("densenet121", 1)])
def test_a_forgotten_relu_is_found_in_a_good_network(name: str, many: int) -> None:
    """So that the test above can fail: without its activations it is one linear layer after the other."""
    plan = Plan(load(name))
    assert not [*RULES["N202"].findings(plan)]
    for number, kind in enumerate(plan.kinds):
        if kind == "relu":
            plan.kinds[number] = "scale"
    assert len([*RULES["N202"].findings(plan)]) >= many


def test_branches_are_told_apart() -> None:
    """All 16 bottlenecks of ResNet-50 are seen, with narrow middles; ResNet-18 has none, RegNet's are in groups."""
    for name, many in (("resnet50", 16), ("wide_resnet50_2", 16), ("regnet_y_400mf", 0), ("resnet18", 0)):
        plan = Plan(load(name))
        branches = [
            branch
            for _, node in plan.of("add")
            for source in node.sources
            if len(branch := parameters._branch(plan, source, [one for one in node.sources if one != source])) > 2
        ]
        assert sum(parameters._is_bottleneck(plan, branch) for branch in branches) == many


# Windows against brute force


axes = st.tuples(
    st.builds(Window, st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.integers(0, 8), st.integers(0, 8)),
    st.integers(1, 24),
).filter(lambda axis: axis[0].outputs(axis[1]) > 0)


@given(axes)
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
def test_windows_against_real_ones(axis: tuple[Window, int]) -> None:
    window, length = axis
    read, seen, outside = set(), set(), False
    for place in range(window.outputs(length)):
        start = place * window.stride - window.before
        pixels = {start + cell * window.dilation: cell for cell in range(window.size)}
        on = {pixel for pixel in pixels if 0 <= pixel < length}
        read |= on
        seen |= {pixels[pixel] for pixel in on}
        outside |= start >= length or start + window.reach <= 0
    tail = length - 1 - max(read, default=-1)
    assert reading(window, length)[1:] == (tail, len(read))
    assert met(window, length) == len(seen)
    assert on_padding(window, length) == outside


@pytest.mark.parametrize("kind", ["conv", "maxpool"])
@pytest.mark.parametrize("stride", [2, 3, 4])
def test_what_the_hint_says_reads_all(kind: str, stride: int, write: Write) -> None:
    """The padding and the size of the input that a hint of W101 names."""

    def found(size: int, kernel: int, padding: int | str) -> list[Finding]:
        filters = "filters: 4, " if kind == "conv" else ""
        layer = f"- {kind}: {{{filters}kernel: {kernel}, stride: {stride}, padding: {padding}}}"
        return findings(write(layer, f"{size}x{size}x4"), select=["W"])

    told = 0
    for kernel, padding, size in product(range(stride, 8), range(3), range(8, 20)):
        if padding >= kernel:
            continue
        for one in (one for one in found(size, kernel, padding) if one.code == "W101"):
            told += 1
            more = re.search(r"(\d+) pixels? more of padding", one.hint)
            other = re.search(r"an input of (\d+)×(\d+)", one.hint)
            assert other
            assert int(other[1]) > size
            assert found(int(other[1]), kernel, padding) == []
            assert more is None or found(size, kernel, padding + int(more[1])) == []
            assert ("`ceil: true`" in one.hint) == (kind == "maxpool")
            assert kind == "conv" or found(size, kernel, f"{padding}, ceil: true") == []
    assert told > 20


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", [2, 3, 4, 6])
def test_shifts_by_their_centres(kernel: int, stride: int) -> None:
    """A shift is how far the middle of a window is from the middle of the stretch of pixels that its output is for."""
    for length in range(kernel, 24):
        (window,) = sliding_windows((length,), kernel, stride, padding="same")
        found = set()
        for place in range(window.outputs(length)):
            pixels = range(place * stride - window.before, place * stride - window.before + kernel)
            stretch = range(place * stride, place * stride + stride)
            found.add(sum(pixels) / len(pixels) - sum(stretch) / len(stretch))
        (shift,) = found
        lopsided = kernel % 2 == 0 and window.before != window.after
        assert shifts(window) == (lopsided and shift in (-0.5, 0.5))
        assert shifts(window) or not lopsided or shift == int(shift)


def test_padded_channels_by_hand(write: Write) -> None:
    """64 → 58 → 58 → 64 channels is 64 everywhere when padded; in int8 multiples of 16 are meant."""
    layers = "- conv: {filters: 58, kernel: 1}\n- relu\n- conv: {filters: 58, kernel: 3, padding: half}\n"
    net = write(f"{layers}- relu\n- conv: {{filters: 64, kernel: 1}}", "56x56x64")
    macs = 56 * 56 * (64 * 58 + 9 * 58 * 58 + 58 * 64)
    more = 56 * 56 * 64 * 64 * 11 - macs
    (one,) = findings(net, select=["H601"])
    largest = 56 * 56 * 9 * (64 * 64 - 58 * 58)
    assert f"add {more:,} to {macs:,} multiply-adds, 19.5%; {largest:,} of them in `conv2`" in one.message
    given = write(f"{layers}- relu\n- conv: {{filters: 3, kernel: 1}}", "56x56x58")
    assert (
        f"add {56 * 56 * (58 * 6 + 9 * (64 * 64 - 58 * 58) + 6 * 3):,} to"
        in findings(given, select=["H601"])[0].message
    )
    narrow = write("- conv: {filters: 24, kernel: 3}\n- relu\n- conv: {filters: 24, kernel: 3}", "56x56x24")
    assert findings(narrow, select=["H601"]) == []
    narrow.dtype = "int8"
    assert "multiples of 16" in findings(narrow, select=["H601"])[0].message


def test_depthwise_layers_of_mobilenets_take_a_third_of_the_time() -> None:
    """What the docstring of H602 says."""
    for name in ("mobilenet_v1", "mobilenet_v1_0_25", "mobilenet_v2", "mobilenet_v3_large", "mnasnet1_0"):
        plan = Plan(load(name))
        slow = [node for number, node in plan.of("conv") if hardware._is_depthwise(plan, number)]
        working = [node for node in plan.nodes if node.macs]
        assert 0.2 < hardware._time(plan, slow) / hardware._time(plan, working) < 0.4


# Speed


def test_all_rules_are_quick() -> None:
    """ResNet-152 in 15 ms; five times as much is allowed for machines that are busy."""
    network = load("resnet152")
    findings(network)

    def once() -> float:
        start = time.perf_counter()
        findings(network)
        return time.perf_counter() - start

    assert min(once() for _ in range(10)) < 0.075


def test_a_huge_window_does_not_hang(write: Write) -> None:
    net = write("- maxpool: {kernel: 900000, stride: 3, dilation: 2}", "2000000x2")
    assert [one.code for one in findings(net)] == []


LONG = {
    "dropouts": "- layers:\n    - dropout\n    - fc: 8\n  repeat: {}",
    "vectors": "- layers:\n    - flatten\n    - flatten\n  repeat: {}",
    "linear": "- conv: {{filters: 8, kernel: 1}}\n  repeat: {0}\n- batchnorm:\n  repeat: {0}",
    "windows": (
        "- layers:\n    - relu\n    - maxpool: {{kernel: 2, stride: 2}}\n    - upsample: 2\n"
        "    - conv_transpose: {{filters: 8, kernel: 2}}\n  repeat: {}"
    ),
    "softmaxes": "- softmax:\n  repeat: {0}\n- flatten:\n  repeat: {0}",
}


@pytest.mark.parametrize("shape", LONG)
def test_a_long_network_takes_as_much_longer(shape: str, write: Write) -> None:
    """Four times the layers take about four times as long, not sixteen."""
    vector = shape in ("dropouts", "vectors")

    def took(many: int) -> float:
        net = write(LONG[shape].format(many), "8" if vector else "9x9x8")
        times = []
        for _ in range(3):
            start = time.process_time()
            findings(net)
            times.append(time.process_time() - start)
        return min(times)

    assert took(4000) < 9 * took(1000) + 0.1


# The shipped networks, each finding looked at

NEW = "NOT LOOKED AT YET"


class Group(NamedTuple):
    """Findings of one rule that were judged together."""

    heading: str
    judgement: str
    lines: list[str]


def reviewed() -> tuple[str, list[Group]]:
    """The file's head and its groups."""
    head, *parts = re.split(r"^== ", REVIEWED.read_text(encoding="utf-8"), flags=re.MULTILINE)
    groups = []
    for part in parts:
        heading, *lines = part.strip().split("\n")
        words = [line for line in lines if not line.startswith("- ")]
        groups.append(Group(heading, "\n".join(words).strip(), [line[2:] for line in lines if line.startswith("- ")]))
    return head, groups


def in_shipped_networks() -> list[tuple[str, str]]:
    """Every finding: its rule, and the line of it."""
    found = []
    for name in catalog.names():
        for one in findings(load(name)):
            place = f"{name} {one.layer}".strip()
            found.append((f"{one.code} {RULES[one.code].name}", f"{place}: {one.message}"))
    return found


def test_findings_in_shipped_networks(request: pytest.FixtureRequest) -> None:
    """They are those that were looked at; `--update` writes others down, for a judgement to be written."""
    found = in_shipped_networks()
    head, groups = reviewed()
    if request.config.getoption("--update"):
        _write(head, groups, found)
        head, groups = reviewed()
    kept = [(group.heading, line) for group in groups for line in group.lines]
    assert sorted(kept) == sorted(found)
    assert all(len(group.judgement) > 40 and group.judgement != NEW for group in groups)


def _write(head: str, groups: list[Group], found: list[tuple[str, str]]) -> None:
    """Lines stay with the judgement that their network and layer have; new ones go to a group of their own."""
    of = {(group.heading, line.split(":")[0]): number for number, group in enumerate(groups) for line in group.lines}
    lines: dict[int, list[str]] = {}
    new: dict[str, list[str]] = {}
    for heading, line in found:
        number = of.get((heading, line.split(":")[0]))
        (new.setdefault(heading, []) if number is None else lines.setdefault(number, [])).append(line)
    kept = [group._replace(lines=lines[number]) for number, group in enumerate(groups) if number in lines]
    kept += [Group(heading, NEW, more) for heading, more in new.items()]
    text = [f"== {one.heading}\n{one.judgement}\n" + "".join(f"- {line}\n" for line in one.lines) for one in kept]
    REVIEWED.write_text(head + "\n".join(text), encoding="utf-8")


# The command


def run(*arguments: str) -> str:
    return CliRunner().invoke(commands, ["rules", *arguments], catch_exceptions=False).output


def test_rules_lists_all() -> None:
    assert all(re.search(rf"^{code} +{rule.name} ", run(), flags=re.MULTILINE) for code, rule in RULES.items())
    assert "W101" not in run("N")
    assert "N203" in run("N")


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_rules_tells_all_about_one(rule: Rule) -> None:
    page = run(rule.code)
    assert page == run(rule.name)
    for text in (*rule.paragraphs, rule.source, *rule.example.split("\n"), *rule.better.split("\n")):
        assert text in page
    record = json.loads(run(rule.code, "--format", "json"))
    assert record["code"] == rule.code
    assert record["example"] == rule.example


def test_rules_as_json_and_markdown() -> None:
    assert [one["code"] for one in json.loads(run("--format", "json"))] == list(RULES)
    assert "| W101 | unread-pixels |" in run("--format", "markdown")


def test_rules_of_one_that_is_not_there() -> None:
    result = CliRunner().invoke(commands, ["rules", "W999"])
    assert isinstance(result.exception, ReadError)
    assert result.exception.problem.message == "there is no rule `W999`"
