"""Networks as ONNX models: the checker, strict shape inference and onnxruntime are asked whether they are right."""

from __future__ import annotations

import contextlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cnnarch import ReadError, load
from cnnarch.interchange.onnx.writing import write
from cnnarch.network import Network
from cnnarch.spec import catalog

pytestmark = pytest.mark.onnx

SMALL = [
    "lenet5", "squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x1_0", "crnn", "resnet18", "googlenet",
    "mobilenet_v2", "swin_t", "vit_b_16", "unet", "yolov8n", "convnext_tiny",
]  # fmt: skip


@cache
def models() -> dict[str, bytes]:
    found = {}
    for name in catalog.names():
        network = load(name)
        with contextlib.suppress(ReadError):
            found[name] = write(network.spec, network.graph, name)
    return found


def inferred(data: bytes) -> dict[str, list[int]]:
    """The shape of every tensor, by ONNX's own inference; those that the file says itself are left out before."""
    onnx: Any = pytest.importorskip("onnx")
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    told = [*model.graph.input, *model.graph.value_info, *model.graph.output]
    return {one.name: [axis.dim_value for axis in one.type.tensor_type.shape.dim] for one in told}


def expected(network: Network) -> dict[str, list[int]]:
    return {
        node.name: [node.output.regions, node.output.channels, *node.output.spatial]
        for node in network.graph.nodes
        if not node.train_only
    }


def test_what_is_refused_is_known() -> None:
    """All that ONNX cannot express: regions of several maps, distances that are learned, uneven windows, rbf."""
    refused = set(catalog.names()) - set(models())
    assert refused == REFUSED


REFUSED = {
    "fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn",  # regions of several maps
    "swin_v2_b", "swin_v2_s", "swin_v2_t",  # distances that a small network learns
    "lenet5_1998",  # radial basis functions
}  # fmt: skip


@pytest.mark.parametrize("name", catalog.names())
def test_every_tensor_has_the_shape_that_onnx_infers(name: str) -> None:
    if name in REFUSED:
        pytest.skip("refused")
    network = load(name)
    found = inferred(models()[name])
    assert {key: found[key] for key in expected(network)} == expected(network)


@pytest.mark.parametrize("name", SMALL)
def test_it_runs(name: str) -> None:
    """With weights of a seed: what comes out has our shapes and is finite; the weights are as many as ours."""
    onnx: Any = pytest.importorskip("onnx")
    runtime: Any = pytest.importorskip("onnxruntime")
    numpy: Any = pytest.importorskip("numpy")
    network = load(name)
    data = write(network.spec, network.graph, name, seed=1)
    held = [one for one in onnx.load_from_string(data).graph.initializer if not one.name.startswith("const/")]
    totals = network.totals
    assert sum(int(numpy.prod(one.dims)) for one in held) == totals.params + totals.buffers
    session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
    given = {
        one.name: numpy.random.default_rng(1).standard_normal(one.shape).astype("float32")
        for one in session.get_inputs()
    }
    found = dict(zip((one.name for one in session.get_outputs()), session.run(None, given)))
    for key, shape in network.outputs.items():
        assert list(found[key].shape) == [shape.regions, shape.channels, *shape.spatial]
        assert numpy.isfinite(found[key]).all()


def test_without_weights_it_runs_too() -> None:
    runtime: Any = pytest.importorskip("onnxruntime")
    numpy: Any = pytest.importorskip("numpy")
    data = models()["vgg16"]
    assert len(data) < 10_000
    session = runtime.InferenceSession(models()["resnet18"], providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": numpy.ones([1, 3, 224, 224], "float32")})
    assert found.shape == (1, 1000)


@pytest.mark.parametrize("name", catalog.names())
def test_back_in_it_has_the_same_figures(name: str, tmp_path: Path) -> None:
    if name in REFUSED:
        pytest.skip("refused")
    path = tmp_path / f"{name}.onnx"
    path.write_bytes(models()[name])
    network, again = load(name), load(str(path))
    ours, theirs = network.totals, again.totals
    assert (theirs.params, theirs.buffers, theirs.macs) == (ours.params, ours.buffers, ours.macs)


def test_the_same_bytes() -> None:
    network = load("squeezenet1_1")
    one, other = (write(network.spec, network.graph, "net", seed=7) for _ in range(2))
    assert one == other
    assert write(network.spec, network.graph, "net", seed=8) != one
