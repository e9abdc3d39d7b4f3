"""What other counters print, beside what we say that they print.

The tools run on every shipped network whose kinds their rules cover, as modules made from our own graph, and on
torchvision's models as they are written there. Where a tool can, on the meta device, on which nothing is computed.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from sys import modules
from types import ModuleType
from typing import Any

import pytest

from cnnarch import Network, Shape, load
from cnnarch.analysis.counters import COUNTERS, Writing, count, written
from cnnarch.errors import ReadError, SpecError
from cnnarch.spec import catalog
from tests.test_against_torchvision import MODELS, build, torchvision_models
from tests.torch_writing import Written, inputs_of

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed; these tests compare with it")

pytestmark = [pytest.mark.pytorch, pytest.mark.filterwarnings("ignore")]

Totals = dict[str, int]


def tool(name: str) -> Any:
    """A tool's module, or the test is skipped, which says that it is not installed."""
    if find_spec(name.partition(".")[0]) is None:
        pytest.skip(f"{name} is not installed; .ci/run has its version")
    return import_module(name)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The tools print, warn and log."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def torchinfo(model: Any, xs: list[Any]) -> Totals:
    found = tool("torchinfo").summary(model, input_data=xs, verbose=0)
    # the object around a tensor is larger on the CPU, where users run it, than on the meta device
    given = sum(x.numel() * 4 + 64 for x in xs)
    sizes = {"input_bytes": given, "pass_bytes": found.total_output_bytes, "param_bytes": found.total_param_bytes}
    return {
        "mult_adds": found.total_mult_adds,
        "params": found.total_params,
        **sizes,
        "total_bytes": sum(sizes.values()),
    }


def fvcore(model: Any, xs: list[Any]) -> Totals:
    nn = tool("fvcore.nn")
    return {"flops": int(nn.FlopCountAnalysis(model, tuple(xs)).total()), "params": nn.parameter_count(model)[""]}


def thop(model: Any, xs: list[Any]) -> Totals:
    macs, params = tool("thop").profile(model, tuple(xs), verbose=False)
    return {"macs": int(macs), "params": int(params)}


def ptflops(model: Any, xs: list[Any], backend: str = "pytorch") -> Totals:
    """On the meta device PyTorch makes a Linear of products that ptflops wraps; on others it does not."""

    def linear(x: Any, weight: Any, bias: Any = None) -> Any:
        return x.new_empty((*x.shape[:-1], weight.shape[0]))

    with pytest.MonkeyPatch.context() as patch:
        if xs[0].is_meta and backend == "pytorch":
            patch.setattr(torch.nn.functional, "linear", linear)
        macs, params = tool("ptflops").get_model_complexity_info(
            model, tuple(xs[0].shape[1:]), print_per_layer_stat=False, as_strings=False, backend=backend
        )
    return {"macs": macs, "params": params}


def ptflops_aten(model: Any, xs: list[Any]) -> Totals:
    return ptflops(model, xs, "aten")


def calflops(model: Any, xs: list[Any], backward: bool = False) -> Totals:
    """Without its package's own module, which imports what downloads models."""
    if "calflops" not in modules:
        found = find_spec("calflops")
        if found is None:
            pytest.skip("calflops is not installed; .ci/run has its version")
        modules["calflops"] = ModuleType("calflops")
        modules["calflops"].__path__ = list(found.submodule_search_locations or [])
    calculate = import_module("calflops.flops_counter").calculate_flops
    found = calculate(
        model, args=list(xs), print_results=False, output_as_string=False, include_backPropagation=backward
    )
    before = "training_" if backward else ""
    return {f"{before}flops": found[0], f"{before}macs": found[1], "params": found[2]}


RUN: dict[str, Callable[[Any, list[Any]], Totals]] = {
    "torchinfo": torchinfo,
    "fvcore": fvcore,
    "thop": thop,
    "ptflops": ptflops,
    "ptflops-aten": ptflops_aten,
    "calflops": calflops,
}


def ours(network: Network, name: str, writing: Writing | None = None) -> Totals | None:
    """What we say; None where we refuse."""
    try:
        found = count(network.graph, name, network.label, network.batch, writing)
    except ReadError:
        return None
    return {figure.key: figure.value for figure in found.figures}


def measured(model: Any, xs: list[Any], name: str) -> Totals:
    with quiet():
        return RUN[name](model, xs)


ON_META = ("torchinfo", "thop")
COMPUTED = ("fvcore", "ptflops", "ptflops-aten", "calflops")  # on the meta device they see other operators
BATCH = 2


def model_of(network: Network, device: str) -> tuple[Any, list[Any]]:
    """A network as modules, and its inputs; numbers are whatever is in memory, or on the meta device nowhere."""
    with torch.device("meta"):
        model = Written(network.graph).eval()
    xs = inputs_of(network.graph, network.batch, device)
    return model.to_empty(device=device) if device != "meta" else model, xs


def compare(network: Network, names: Sequence[str], device: str) -> tuple[list[str], dict[str, Any]]:
    """Which tools were followed, and where they print other totals than we say."""
    followed = {name: expected for name in names if (expected := ours(network, name)) is not None}
    differ = {}
    if followed:
        model, xs = model_of(network, device)
    for name, expected in followed.items():
        found = measured(model, xs, name)
        wrong = {key: (found[key], expected[key]) for key in found if found[key] != expected[key]}
        if wrong:
            differ[name] = wrong
    return list(followed), differ


def small(name: str) -> Network:
    """A shipped network on a small input where it allows that, for the tool that has to compute."""
    network = load(name)
    if network.totals.macs < 2 * 10**8:
        return network
    for size in (32, 64, 96, 128, 160, 192):
        try:
            return load(name, None, Shape(size, size, next(iter(network.inputs.values())).channels))
        except (ReadError, SpecError):
            continue
    return network


# Every kind, on small inputs

SPECS = {
    "transposed": """
input: 10x12x8
layers:
  - conv_transpose: {filters: 6, kernel: 3, stride: 2}
  - conv_transpose: {filters: 12, kernel: 4, stride: 2, padding: 1, groups: 2}
  - conv_transpose: {filters: 12, kernel: 3, groups: depthwise, padding: 1}
  - conv_transpose: {filters: 9, kernel: 3, stride: 3, output_padding: 1, dilation: 2, groups: 3, bias: false}
""",
    "volumes": """
input: 8x10x12x4
layers:
  - conv: {filters: 6, kernel: [3, 3, 1], stride: 1, padding: half, groups: 2}
  - batchnorm
  - relu
  - upsample: {factor: 2, mode: bilinear}
  - maxpool: 2
  - conv_transpose: {filters: 5, kernel: 2, stride: 2}
  - avgpool: 2
  - upsample: 2
  - instancenorm
  - adaptive_avgpool: [3, 4, 5]
  - adaptive_maxpool: 2
  - global_avgpool
  - batchnorm
  - fc: 7
  - softmax
""",
    "sequences": """
input: 40x6
layers:
  - conv: {filters: 8, kernel: 3, padding: same}
  - batchnorm
  - relu
  - maxpool: 2
  - lrn: 3
  - upsample: {factor: 2, mode: bilinear}
  - avgpool: 2
  - fc: 10
  - layernorm
  - gru: {units: 5, bidirectional: true}
  - groupnorm: 2
  - lstm: {units: 7, biases: 0}
  - adaptive_avgpool: 6
  - transpose
  - lstm: {units: 4, returns: last}
  - fc: 3
""",
    "activations": """
input: 9x9x4
layers: [relu, prelu, prelu: {shared: true}, elu, gelu, silu, mish, hardsigmoid, hardswish, sigmoid, tanh, leaky_relu,
         relu6, softmax, dropout, stochastic_depth: 0.5]
""",
    "norms": """
input: 8x8x12
layers:
  - batchnorm: {scale: false, shift: false}
  - batchnorm
  - groupnorm: 3
  - groupnorm: {groups: 4, scale: false, shift: false}
  - instancenorm
  - instancenorm: {scale: true, shift: true}
  - layernorm
  - layernorm: {shift: false}
  - layernorm: {scale: false, shift: false}
  - lrn: 5
  - lrn: 4
  - scale
  - scale: {bias: true}
""",
    "pools": """
input: 23x29x4
layers:
  - maxpool: {kernel: 3, stride: 2, ceil: true}
  - avgpool: {kernel: 3, stride: 1, padding: 1}
  - adaptive_avgpool: [5, 7]
  - adaptive_avgpool: [9, 3]
  - adaptive_maxpool: 4
  - global_maxpool
  - fc: {units: 3, bias: false}
""",
    "padded": """
input: 24x31x4
layers:
  - conv: {filters: 4, kernel: 4, stride: 2, padding: same}
  - conv: {filters: 8, kernel: 3, dilation: 2, padding: [[0, 1], [3, 0]], groups: depthwise}
  - pad: [[0, 1], [0, 1]]
  - pad: {channels: [0, 4]}
  - conv: {filters: 6, kernel: 2, padding: same, groups: 2, bias: false}
""",
    "padded pools": """
input: 24x31x4
layers:
  - maxpool: {kernel: 3, stride: 2, padding: same}
  - avgpool: {kernel: 2, stride: 1, padding: same}
  - conv: {filters: 6, kernel: 2}
""",
    "merges": """
input: 8x8x16
layers:
  - conv: {filters: 16, kernel: 1}
    name: first
  - conv: {filters: 16, kernel: 1}
    share: first
    name: second
  - global_avgpool:
    name: gate
  - multiply:
    from: [second, gate]
    name: gated
  - max:
    from: [first, gated]
  - pixel_shuffle: 2
  - pixel_unshuffle: 2
    name: shuffled
  - concat:
    from: [shuffled, first, gated]
  - channel_shuffle: 4
  - slice: {start: 8, channels: 12}
  - crop: 5
  - tokens
  - image: 5
  - reshape: [10, 30]
  - conv: {filters: 4, kernel: 3}
  - flatten
  - fc: 5
    name: fifth
  - scale:
    name: scaled
  - add:
    from: [fifth, scaled]
""",
    "text": """
input: 25x1
layers:
  - embedding: {vocabulary: 97, units: 16}
  - class_token
  - position_embedding
  - layernorm
  - fc: 12
  - position_embedding: {positions: 40}
  - select: 3
  - fc: 4
""",
    "upsampled": """
input: 12x10x3
layers:
  - upsample: 2
  - upsample: {size: [30, 17], mode: bilinear}
  - upsample: {factor: 2, mode: bicubic}
  - conv: {filters: 4, kernel: 3, stride: 2}
    name: half
  - upsample:
    from: [half, input]
  - upsample: {mode: bilinear}
    from: [half, input]
""",
    "by axis": "input: 12x10x3\nlayers: [upsample: {factor: [2, 3]}, conv: {filters: 2, kernel: 1}]",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tests run side by side, and thousands of small operators are slower on several threads."""
    torchvision_models()  # which ptflops imports, too
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_all_tools_are_here() -> None:
    """A tool that is missing is a skip that names it."""
    for name in RUN:
        if find_spec(name.partition("-")[0]) is None:
            pytest.skip(f"{name} is not installed; .ci/run has its version")


@pytest.mark.parametrize("name", SPECS)
def test_kinds(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(f"name: net\n{SPECS[name].strip()}\n")
    followed, differ = compare(load(str(path), batch=BATCH), tuple(RUN), "cpu")
    assert not differ
    assert len(followed) >= 4


def test_every_kind_is_compared(tmp_path: Path) -> None:
    """All that a PyTorch tool has a rule for, in these specs or in the shipped networks."""
    seen = set()
    for name, text in SPECS.items():
        path = tmp_path / f"{name}.yaml"
        path.write_text(f"name: net\n{text.strip()}\n")
        seen |= {node.layer.kind for node in load(str(path)).layers}
    ruled = set().union(*(COUNTERS[name].measures[0].rules for name in RUN))
    in_regions = {"windows", "join_windows"}  # they come with attention alone, for which there is no rule
    assert ruled - in_regions <= seen | {"add", "concat", "dropout", "stochastic_depth", "columns"}


@pytest.mark.parametrize("name", catalog.names())
def test_shipped_network(name: str) -> None:
    """Every tool that we follow, on a small input where the network takes one."""
    network = small(name)
    heavy = network.totals.macs > 5 * 10**9 or network.totals.params > 2 * 10**8
    on_meta = [tool for tool in RUN if heavy and tool != "fvcore"]  # which has to compute; of these the others need not
    _, differ = compare(network, on_meta, "meta")
    assert not differ
    _, differ = compare(network, [tool for tool in RUN if tool not in on_meta], "cpu")
    assert not differ


def test_what_is_refused() -> None:
    """All others are compared above."""
    refused = {name for name in catalog.names() if ours(load(name), "thop") is None}
    assert refused == {
        name for name in catalog.names()
        if {"attention", "roi_align", "rbf"} & {node.layer.kind for node in load(name).layers}
    }  # fmt: skip


def test_a_backward_pass() -> None:
    network = load("alexnet_torchvision")
    with quiet():
        found = calflops(*model_of(network, "meta"), backward=True)
    expected = ours(network, "calflops")
    assert expected is not None
    assert found.items() <= expected.items()


# torchvision's models, as they are written there

AS_THEY_ARE = (  # one of every family whose layers are ours
    "alexnet_torchvision", "vgg16", "vgg11_bn", "squeezenet1_1", "densenet121", "shufflenet_v2_x0_5", "mnasnet0_5",
    "resnet50", "regnet_x_400mf", "regnet_y_400mf", "googlenet", "inception_v3", "mobilenet_v2", "mobilenet_v3_small",
    "efficientnet_b0",
)  # fmt: skip


def differs(model: Any, network: Network, names: Sequence[str], device: str) -> dict[str, Any]:
    """Where a tool prints other totals for torchvision's model than we say for our network."""
    model = model.eval() if device == "meta" else model.eval().to_empty(device=device)
    differ = {}
    for name in names:
        expected = ours(network, name, written(network.label))
        assert expected is not None
        found = measured(model, inputs_of(network.graph, 1, device), name)
        wrong = {key: (found[key], expected[key]) for key in found if found[key] != expected[key]}
        if wrong:
            differ[name] = wrong
    return differ


def pair(models: Any, name: str) -> tuple[Any, Network]:
    """Torchvision's model and our network, on the size that it was made for."""
    size = MODELS[name].sizes[0]
    assert isinstance(size, int)
    return build(models, name, size), load(name, MODELS[name].settings, Shape(size, size, 3))


@pytest.fixture(scope="module")
def models() -> Any:
    return torchvision_models()


@pytest.mark.parametrize("name", AS_THEY_ARE)
def test_torchvision_on_meta(name: str, models: Any) -> None:
    assert not differs(*pair(models, name), ON_META, "meta")


@pytest.mark.parametrize("name", AS_THEY_ARE)
def test_torchvision_computed(name: str, models: Any) -> None:
    assert not differs(*pair(models, name), COMPUTED, "cpu")


class Out(torch.nn.Module):  # type: ignore[misc]
    """A model that gives a mapping, for a tool that takes tensors alone."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Any) -> Any:
        return self.model(x)["out"]


@pytest.mark.parametrize("name", [name for name, about in MODELS.items() if about.folder == "segmentation"])
def test_segmentation(name: str, models: Any) -> None:
    """As torchvision builds it, without an auxiliary head."""
    network = load(name, None, Shape(224, 224, 3))
    with torch.device("meta"):
        model = getattr(import_module("torchvision.models.segmentation"), name)(weights=None, weights_backbone=None)
    assert not differs(Out(model), network, ON_META, "meta")
    if name in ("fcn_resnet50", "lraspp_mobilenet_v3_large"):
        assert not differs(Out(model), network, COMPUTED, "cpu")
