"""ONNX files read, beside what ONNX's own shape inference and onnxruntime say of them."""

from __future__ import annotations

import json
import time
import zipfile
from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import pytest

from cnnarch.errors import ReadError
from cnnarch.interchange.model import Entry, Model
from cnnarch.interchange.onnx import operators
from cnnarch.interchange.onnx.program import Constant, Op, Program
from cnnarch.interchange.onnx.reading import load, read
from cnnarch.layers import KINDS
from cnnarch.shapes import Shape

onnx: Any = pytest.importorskip("onnx", reason="the onnx package is not installed; these tests read with it")
helper: Any = import_module("onnx.helper")
inference: Any = import_module("onnx.shape_inference")
NEWEST = import_module("onnx.defs").onnx_opset_version()
FLOAT, WHOLE, TRUTH = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.BOOL

pytestmark = pytest.mark.onnx


# What is measured


class Measured:
    """The figures of a model that was read, by our layers."""

    def __init__(self, model: Model) -> None:
        self.shapes: dict[str, Shape] = dict(model.inputs)
        self.params = self.buffers = self.macs = 0
        for entry in model.entries:
            layer = KINDS[entry.kind](**entry.settings)
            figures = layer.figures(tuple(self.shapes[name] for name in entry.sources))
            self.shapes[entry.name] = figures.output
            self.macs += figures.macs
            if not entry.share:
                self.params += figures.params
                self.buffers += figures.buffers


def kinds(model: Model) -> list[str]:
    return [entry.kind for entry in model.entries]


def only(model: Model, kind: str) -> Entry:
    (found,) = (entry for entry in model.entries if entry.kind == kind)
    return found


def told_shapes(path: str, sizes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """What ONNX's strict inference says of every tensor of a file, its inputs with these sizes."""
    proto = onnx.load(path, load_external_data=False)
    for one in proto.graph.input:
        if one.name in sizes:
            one.type.CopyFrom(helper.make_tensor_type_proto(one.type.tensor_type.elem_type, sizes[one.name]))
    del proto.graph.value_info[:]
    for one in proto.graph.output:
        one.type.tensor_type.ClearField("shape")
    graph = inference.infer_shapes(proto, strict_mode=True, data_prop=True).graph
    found = {}
    for one in [*graph.value_info, *graph.output]:
        dims = one.type.tensor_type.shape.dim
        if one.type.tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in dims):
            found[one.name] = tuple(dim.dim_value for dim in dims)
    return found


def count_stored(path: str, least: int = 2) -> tuple[int, int]:
    """Numbers stored as weights, and as running statistics: by the file alone, whatever operators do.

    Also those that the example files of ONNX make with ConstantOfShape instead of storing them; single numbers are
    left out, as a factor of 6 is not a weight.
    """
    proto = onnx.load(path, load_external_data=False)
    sizes = {one.name: prod(one.dims) for one in proto.graph.initializer if one.data_type == FLOAT}
    lists = {one.name: one for one in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type == "Constant" and node.attribute[0].t.data_type == FLOAT:
            sizes[node.output[0]] = prod(node.attribute[0].t.dims)
        if node.op_type == "ConstantOfShape":
            sizes[node.output[0]] = prod(onnx.numpy_helper.to_array(lists[node.input[0]]).tolist())
    batch = [node for node in proto.graph.node if node.op_type == "BatchNormalization"]
    statistics = {name for node in batch for name in node.input[3:5]}
    resized = {name for node in proto.graph.node if node.op_type == "Resize" for name in node.input[1:]}
    weights = sum(size for name, size in sizes.items() if name not in statistics | resized and size >= least)
    return weights, sum(sizes[name] for name in statistics)


def compared(program: Program, told: dict[str, tuple[int, ...]]) -> int:
    """How many tensors have the shape that was told; raises where one has another."""
    differ = {name: (shape, told[name]) for name, shape in program.shapes.items() if told.get(name, shape) != shape}
    assert not differ
    return len(program.shapes.keys() & told.keys())


SAME = {
    "Conv": "conv", "BatchNormalization": "batchnorm", "Relu": "relu", "MaxPool": "maxpool", "AveragePool": "avgpool",
    "Concat": "concat", "Sum": "add", "LRN": "lrn", "Gemm": "fc",
}  # fmt: skip


def ours(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape as ONNX has it, without its batch and channels last."""
    return (*shape[2:], shape[1]) if len(shape) > 2 else shape[1:]


# Real files

LIGHT = [
    # name, params as published or as the file's own initialisers come to, MACs if somebody else counted them
    ("bvlc_alexnet", 60_965_224, None),
    ("zfnet512", 87_250_536, None),
    ("vgg19", 143_667_240, 19_632_062_464),  # 19.63 GMACs by torchvision's page
    ("inception_v1", 6_998_552, None),
    ("squeezenet", 1_235_496, 349_151_936),  # as SqueezeNet 1.1 of torchvision
    ("resnet50", 25_557_032, 4_089_184_256),  # as torchvision's
    ("densenet121", None, None),
    ("inception_v2", None, None),
    ("shufflenet", None, None),
]


def light(name: str) -> str:
    return str(Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"light_{name}.onnx")


@pytest.mark.parametrize(("name", "params", "macs"), LIGHT, ids=[one[0] for one in LIGHT])
def test_the_example_networks_of_onnx(name: str, params: int | None, macs: int | None) -> None:
    path = light(name)
    model = read(path)
    measured = Measured(model)
    stored, statistics = count_stored(path)
    assert (measured.params, measured.buffers) == (stored, statistics)
    assert params in (None, measured.params)
    assert macs in (None, measured.macs)
    assert "unknown" not in kinds(model)


@pytest.mark.parametrize("name", [one[0] for one in LIGHT])
def test_each_tensor_of_the_example_networks_is_as_strict_inference_says(name: str) -> None:
    path = light(name)
    program, model = load(path), read(path)
    told = told_shapes(path, {})
    assert compared(program, told) >= len(program.ops)
    shapes = Measured(model).shapes
    entries = [entry for entry in model.entries if entry.kind in SAME.values()]
    ops = [op for op in program.ops if op.kind in SAME]
    assert [entry.kind for entry in entries] == [SAME[op.kind] for op in ops]
    for entry, op in zip(entries, ops):
        assert tuple(shapes[entry.name]) == ours(told[op.outputs[0]]), entry


def test_names_of_inputs_have_no_groups() -> None:
    assert read(light("zfnet512")).inputs == {"gpu_0_data_0": Shape(224, 224, 3)}


def test_layers_of_alexnet_one_by_one() -> None:
    entries = {entry.name: entry for entry in read(light("bvlc_alexnet")).entries}
    assert entries["conv"].settings == {"filters": 96, "kernel": 11, "stride": 4}
    assert entries["conv_2"].settings == {"filters": 256, "kernel": 5, "padding": 2, "groups": 2}
    assert entries["maxpool_3"].settings == {"kernel": 3, "stride": 2, "padding": [[0, 1], [0, 1]]}
    assert entries["gemm"].settings == {"units": 4096}
    assert entries["conv_2"].sources == ("maxpool",)


def test_the_shuffle_of_channels_is_recognised() -> None:
    model = read(light("shufflenet"))
    shuffles = [entry.settings for entry in model.entries if entry.kind == "channel_shuffle"]
    assert shuffles == [{"groups": 4}] * 16  # a Reshape to 1×4×28×56×56 and the like, 16 times
    assert "reshape" not in kinds(model)


READERS = [
    ("ch_PP-OCRv4_det_infer", Shape(96, 160, 3)),
    ("ch_PP-OCRv4_rec_infer", Shape(48, 160, 3)),
    ("ch_ppocr_mobile_v2.0_cls_infer", Shape(48, 192, 3)),
]


def reader(name: str) -> str:
    spec = find_spec("rapidocr_onnxruntime")
    if spec is None or not spec.origin:
        pytest.skip("rapidocr_onnxruntime is not installed; this reads its files")
    return str(Path(spec.origin).parent / "models" / f"{name}.onnx")


def run_shapes(path: str, sizes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor when onnxruntime runs a file."""
    runtime: Any = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; this runs a file with it")
    numpy = import_module("numpy")
    proto = onnx.load(path)
    known = {one.name for one in proto.graph.output}
    names = [name for node in proto.graph.node for name in node.output if name and name not in known]
    proto.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    given = {name: numpy.random.default_rng(0).random(size, "float32") for name, size in sizes.items()}
    outputs = [one.name for one in session.get_outputs()]
    return {name: tuple(one.shape) for name, one in zip(outputs, session.run(None, given))}


@pytest.mark.parametrize(("name", "size"), READERS, ids=["detector", "reader", "classifier"])
def test_a_pipeline_that_reads_text(name: str, size: Shape) -> None:
    path = reader(name)
    program, model = load(path, size), read(path, {"x": size})
    assert compared(program, run_shapes(path, program.inputs)) > len(program.ops)
    stored, statistics = count_stored(path)
    measured = Measured(model)
    assert (measured.params, measured.buffers) == (stored, statistics)
    assert "unknown" not in kinds(model)


def test_sizes_that_a_file_leaves_open_are_named() -> None:
    path = reader("ch_PP-OCRv4_det_infer")
    with pytest.raises(ReadError) as error:
        read(path)
    assert "`p2o.DynamicDimension.1`, `p2o.DynamicDimension.2` of the input `x`" in str(error.value)
    assert "--input x=" in error.value.problem.hint
    with pytest.raises(ReadError, match="has 3 sizes, unlike 96×96"):
        read(path, Shape(96, 96))
    with pytest.raises(ReadError, match="no input `y`"):
        read(path, {"y": Shape(96, 96, 3)})


# Made here


def made(
    tmp_path: Path, nodes: list[Any], inputs: dict[str, Any], outputs: list[str], tensors: dict[str, Any] | None = None,
    opset: int = 17, name: str = "net.onnx", **more: Any,
) -> str:  # fmt: skip
    """A file with a graph; inputs are sizes of floats, tensors are sizes of weights or lists of whole numbers."""
    values = []
    for one, value in (tensors or {}).items():
        whole = isinstance(value, list)
        numbers = value if whole else [0.5] * prod(value)
        values.append(helper.make_tensor(one, WHOLE if whole else FLOAT, [len(value)] if whole else value, numbers))
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(one, FLOAT, size) for one, size in inputs.items()],
        [helper.make_tensor_value_info(one, FLOAT, None) for one in outputs],
        values,
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(one, 1) for one in more.pop("domains", ()))]
    path = tmp_path / name
    path.write_bytes(helper.make_model(graph, opset_imports=imports, ir_version=8, **more).SerializeToString())
    return str(path)


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    """A node; `_` stands for an input that is left out."""
    names = ["" if one == "_" else one for one in inputs.split()]
    return helper.make_node(kind, names, outputs.split(), name=outputs.split(maxsplit=1)[0], **attributes)


def one_layer(tmp_path: Path, made_of: Any, size: list[int], tensors: dict[str, Any], opset: int = 17) -> Model:
    return read(made(tmp_path, [made_of], {"x": size}, [made_of.output[0]], tensors, opset))


IMAGE = [1, 6, 15, 17]
SEQUENCE = [1, 10, 6]
SIDES = (5, 6, 7)
ONE = [
    # a node, the size of its input, its tensors, the kinds and settings that it is, the shape that comes out
    (
        node("Conv", "x w b", "y", pads=[1, 1, 1, 1], strides=[2, 2]), IMAGE, {"w": (8, 6, 3, 3), "b": (8,)},
        [("conv", {"filters": 8, "kernel": 3, "stride": 2, "padding": 1})], (8, 9, 8),
    ),
    (
        node("Conv", "x w", "y", group=6, auto_pad="SAME_UPPER", strides=[2, 1]), IMAGE, {"w": (12, 1, 3, 5)},
        [("conv", {"filters": 12, "kernel": [3, 5], "stride": [2, 1], "padding": "same", "groups": "depthwise",
                   "bias": False})], (8, 17, 12),
    ),
    (
        node("Conv", "x w", "y", auto_pad="SAME_LOWER", strides=[2, 2]), IMAGE, {"w": (8, 6, 4, 4)},
        [("conv", {"filters": 8, "kernel": 4, "stride": 2, "padding": [[2, 1], [2, 1]], "bias": False})], (8, 9, 8),
    ),
    (
        node("Conv", "x w", "y", dilations=[2]), [1, 6, 40], {"w": (8, 6, 3)},
        [("conv", {"filters": 8, "kernel": 3, "dilation": 2, "bias": False})], (36, 8),
    ),
    (
        node("ConvTranspose", "x w", "y", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]), IMAGE,
        {"w": (6, 4, 3, 3)},
        [("conv_transpose", {"filters": 4, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1,
                             "bias": False})],
        (30, 34, 4),
    ),
    (
        node("ConvTranspose", "x w", "y", strides=[2, 2], auto_pad="SAME_UPPER"), IMAGE, {"w": (6, 4, 4, 4)},
        [("conv_transpose", {"filters": 4, "kernel": 4, "stride": 2, "padding": 1, "bias": False})], (30, 34, 4),
    ),
    (
        node("MaxPool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1), [1, 6, 16, 16], {},
        [("maxpool", {"kernel": 3, "stride": 2, "ceil": True})], (8, 8, 6),
    ),
    (
        node("AveragePool", "x", "y", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1), IMAGE, {},
        [("avgpool", {"kernel": 3, "padding": 1, "stride": 1})], (15, 17, 6),
    ),
    (node("GlobalAveragePool", "x", "y"), IMAGE, {}, [("global_avgpool", {})], (6,)),
    (node("GlobalMaxPool", "x", "y"), IMAGE, {}, [("global_maxpool", {})], (6,)),
    (
        node("BatchNormalization", "x a b m v", "y"), IMAGE, dict.fromkeys("abmv", (6,)),
        [("batchnorm", {})], (15, 17, 6),
    ),
    (node("InstanceNormalization", "x a b", "y"), IMAGE, {"a": (6,), "b": (6,)},
     [("instancenorm", {"scale": True, "shift": True})], (15, 17, 6)),
    (node("LayerNormalization", "x a b", "y"), SEQUENCE, {"a": (6,), "b": (6,)}, [("layernorm", {})], (10, 6)),
    (
        node("LayerNormalization", "x a", "y", axis=1), [1, 6], {"a": (6,)}, [("layernorm", {"shift": False})], (6,),
    ),
    (
        node("LRN", "x", "y", size=5, alpha=1e-4, bias=2.0), IMAGE, {},
        [("lrn", {"size": 5, "alpha": 2e-5, "beta": 0.75, "offset": 2.0})], (15, 17, 6),
    ),
    (node("Gemm", "x w b", "y", transB=1), [1, 20], {"w": (7, 20), "b": (7,)}, [("fc", {"units": 7})], (7,)),
    (node("MatMul", "x w", "y"), SEQUENCE, {"w": (6, 9)}, [("fc", {"units": 9, "bias": False})], (10, 9)),
    (
        node("MatMul", "w x", "y"), SEQUENCE, {"w": (9, 10)},
        [("transpose", {}), ("fc", {"units": 9, "bias": False})], (6, 9),
    ),
    (node("Mul", "x w", "y"), IMAGE, {"w": (6, 1, 1)}, [("scale", {})], (15, 17, 6)),
    (node("Add", "w x", "y"), SEQUENCE, {"w": (1, 10, 6)}, [("position_embedding", {})], (10, 6)),
    (node("Sub", "x w", "y"), IMAGE, {"w": (6, 1, 1)}, [("elementwise", {"operator": "sub"})], (15, 17, 6)),
    (node("PRelu", "x w", "y"), IMAGE, {"w": (6, 1, 1)}, [("prelu", {})], (15, 17, 6)),
    (node("PRelu", "x w", "y"), IMAGE, {"w": (1,)}, [("prelu", {"shared": True})], (15, 17, 6)),
    (node("Flatten", "x", "y"), IMAGE, {}, [("flatten", {})], (1530,)),
    (node("Reshape", "x s", "y"), IMAGE, {"s": [0, 6, -1]}, [("tokens", {})], (255, 6)),
    (node("Reshape", "x s", "y"), [1, 6, 10], {"s": [0, 4, -1]}, [("reshape", {"size": [4, 15]})], (4, 15)),
    (
        node("Pad", "x p", "y"), IMAGE, {"p": [0, 0, 1, 2, 0, 3, 1, 2]},
        [("pad", {"padding": [1, 2], "channels": [0, 3]})], (17, 21, 9),
    ),
    (node("DepthToSpace", "x", "y", blocksize=2), [1, 8, 5, 5], {}, [("pixel_shuffle", {"factor": 2})], (10, 10, 2)),
    (node("SpaceToDepth", "x", "y", blocksize=5), [1, 2, 5, 10], {}, [("pixel_unshuffle", {"factor": 5})], (1, 2, 50)),
    (node("Resize", "x _ _ s", "y", mode="linear"), IMAGE, {"s": [1, 6, 30, 34]},
     [("upsample", {"factor": 2, "mode": "bilinear"})], (30, 34, 6)),
    (node("Resize", "x _ _ s", "y"), IMAGE, {"s": [1, 6, 20, 20]}, [("upsample", {"size": 20})], (20, 20, 6)),
    (node("Softmax", "x", "y", axis=1), IMAGE, {}, [("softmax", {})], (15, 17, 6)),
    (node("ReduceMean", "x", "y", axes=[2, 3], keepdims=0), IMAGE, {}, [("global_avgpool", {})], (6,)),
    (node("ReduceMax", "x", "y", axes=[1]), IMAGE, {},
     [("reduce", {"operator": "max", "axes": "channels", "keep": True})], (15, 17, 1)),
    (node("ReduceL2", "x", "y", keepdims=0), SEQUENCE, {}, [("reduce", {"operator": "l2", "axes": "all"})], (1,)),
    (node("ReduceSum", "x a", "y", keepdims=0), IMAGE, {"a": [2]},
     [("reshape", {"size": [6, 17, 15]}), ("reduce", {"operator": "sum", "axes": "channels"})], (6, 17)),
    (node("Clip", "x", "y"), IMAGE, {}, [("elementwise", {"operator": "clip"})], (15, 17, 6)),
    (node("Slice", "x s e a", "y"), IMAGE, {"s": [-2], "e": [2**62], "a": [1]},
     [("slice", {"start": 4, "channels": 2})], (15, 17, 2)),
    (node("TopK", "x k", "v i"), [1, 20], {"k": [3]}, [("unknown", {"operator": "TopK", "size": [3]})], (3,)),
]  # fmt: skip


@pytest.mark.parametrize("case", ONE, ids=[f"{number}-{case[0].op_type}" for number, case in enumerate(ONE)])
def test_an_operator(case: Any, tmp_path: Path) -> None:
    made_of, size, tensors, expected, shape = case
    model = one_layer(tmp_path, made_of, size, tensors)
    assert [(entry.kind, entry.settings) for entry in model.entries] == expected
    measured = Measured(model)
    told = told_shapes(str(tmp_path / "net.onnx"), {})
    if shape is not None:
        assert tuple(measured.shapes[model.entries[-1].name]) == shape
        assert prod(shape) == prod(told[made_of.output[0]])
    weights = [prod(one) for name, one in tensors.items() if isinstance(one, tuple) and name not in "mv"]
    assert measured.params == (0 if made_of.op_type == "Sub" else sum(weights))


@pytest.mark.parametrize("opset", range(7, NEWEST + 1))
def test_every_opset(opset: int, tmp_path: Path) -> None:
    """Attributes became inputs: of Clip in 11, of Dropout in 12, of Squeeze in 13, of ReduceMean in 18."""
    clip = node("Clip", "c", "d", min=0.0, max=6.0) if opset < 11 else node("Clip", "c lo hi", "d")
    drop = node("Dropout", "h", "i", ratio=0.25) if opset < 12 else node("Dropout", "h rate", "i")
    squeeze = node("Squeeze", "f", "g", axes=[2, 3]) if opset < 13 else node("Squeeze", "f places", "g")
    mean = node("ReduceMean", "e", "f", axes=[2, 3]) if opset < 18 else node("ReduceMean", "e places", "f")
    cut = node("Slice", "d", "e", axes=[1], starts=[0], ends=[4]) if opset < 10 else node("Slice", "d s t u", "e")
    nodes = [node("Conv", "x w", "c", pads=[1, 1, 1, 1]), clip, cut, mean, squeeze, node("Gemm", "g v b", "h"), drop,
             node("Softmax", "i", "y")]  # fmt: skip
    tensors = {"w": (8, 3, 3, 3), "v": (4, 5), "b": (5,)}
    lists = {"places": [2, 3], "s": [0], "t": [4], "u": [1]}
    path = made(tmp_path, nodes, {"x": ["N", 3, 10, 10]}, ["y"], {**tensors, **lists}, opset)
    proto = onnx.load(path)
    proto.graph.initializer.extend(
        helper.make_tensor(name, FLOAT, [], [value]) for name, value in (("lo", 0.0), ("hi", 6.0), ("rate", 0.25))
    )
    Path(path).write_bytes(proto.SerializeToString())
    model = read(path)
    assert kinds(model) == ["conv", "relu6", "slice", "global_avgpool", "fc", "dropout", "softmax"]
    assert only(model, "dropout").settings == {"rate": 0.25}
    assert Measured(model).params == 8 * 3 * 3 * 3 + 4 * 5 + 5
    assert compared(load(path), told_shapes(path, {"x": (1, 3, 10, 10)})) >= 8


@pytest.mark.parametrize(("opset", "scales", "kind"), [(18, 2, "unknown"), (21, 6, "groupnorm")])
def test_groups_are_normalised(opset: int, scales: int, kind: str, tmp_path: Path) -> None:
    """Up to opset 20 there is a scale for each group, and not for each channel."""
    norm = node("GroupNormalization", "x a b", "y", num_groups=2)
    model = one_layer(tmp_path, norm, IMAGE, {"a": (scales,), "b": (scales,)}, opset)
    assert kinds(model) == [kind]
    assert Measured(model).params == 2 * scales


def test_older_files_list_initialisers_as_inputs(tmp_path: Path) -> None:
    path = made(
        tmp_path, [node("Conv", "x w", "y")], {"x": [1, 3, 8, 8], "w": [4, 3, 3, 3]}, ["y"], {"w": (4, 3, 3, 3)}, 7
    )
    assert read(path).inputs == {"x": Shape(8, 8, 3)}


FLATTENED = [  # x.view(x.size(0), -1), as PyTorch exports it
    node("Conv", "x w", "c"), node("Shape", "c", "s"), node("Gather", "s zero", "n"), node("Unsqueeze", "n axes", "n1"),
    node("Concat", "n1 rest", "target", axis=0), node("Reshape", "c target", "y"),
]  # fmt: skip


@pytest.mark.parametrize("size", [(8, 8), (13, 21)])
def test_arithmetic_of_shapes_is_resolved(size: tuple[int, int], tmp_path: Path) -> None:
    path = made(tmp_path, FLATTENED, {"x": ["N", 3, "h", "w"]}, ["y"],
                {"w": (4, 3, 3, 3), "axes": [0], "rest": [-1]})  # fmt: skip
    proto = onnx.load(path)
    proto.graph.initializer.append(helper.make_tensor("zero", WHOLE, [], [0]))
    Path(path).write_bytes(proto.SerializeToString())
    model = read(path, Shape(*size, 3))
    assert kinds(model) == ["conv", "flatten"]
    assert tuple(Measured(model).shapes["y_flatten"]) == (4 * (size[0] - 2) * (size[1] - 2),)


def test_another_size_than_the_file_has(tmp_path: Path) -> None:
    path = made(tmp_path, [node("Conv", "x w", "y")], {"x": [1, 3, 8, 8]}, ["y"], {"w": (4, 3, 3, 3)})
    assert Measured(read(path, Shape(32, 16, 3))).shapes["y"] == Shape(30, 14, 4)


def test_channels_last_with_the_transposes_that_tf2onnx_leaves(tmp_path: Path) -> None:
    nodes = [
        node("Transpose", "x", "t", perm=[0, 3, 1, 2]), node("Conv", "t w", "c"), node("Relu", "c", "r"),
        node("Transpose", "r", "u", perm=[0, 2, 3, 1]), node("Add", "u u", "a"),
        node("ReduceMean", "a", "y", axes=[1, 2]),
    ]  # fmt: skip
    model = read(made(tmp_path, nodes, {"x": ["N", 8, 9, 3]}, ["y"], {"w": (4, 3, 3, 3)}))
    assert model.inputs == {"x": Shape(8, 9, 3)}
    assert kinds(model) == ["conv", "relu", "add", "global_avgpool"]


def test_a_batch_that_the_file_has_fixed_is_left_out(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w", "c"), node("Reshape", "c s", "y")]
    model = read(made(tmp_path, nodes, {"x": [8, 3, 6, 6]}, ["y"], {"w": (4, 3, 3, 3), "s": [8, 64]}))
    assert kinds(model) == ["conv", "flatten"]


def test_pixels_from_channels_without_the_operator_for_it(tmp_path: Path) -> None:
    nodes = [
        node("Reshape", "x s", "a"), node("Transpose", "a", "b", perm=[0, 1, 4, 2, 5, 3]), node("Reshape", "b t", "c"),
        node("Conv", "c w", "y"),
    ]  # fmt: skip
    tensors = {"s": [1, 2, 3, 3, 4, 5], "t": [1, 2, 12, 15], "w": (1, 2, 1, 1)}
    model = read(made(tmp_path, nodes, {"x": [1, 18, 4, 5]}, ["y"], tensors))
    assert (model.entries[0].kind, model.entries[0].settings) == ("pixel_shuffle", {"factor": 3})
    assert Measured(model).shapes["y"] == Shape(12, 15, 1)


def test_a_product_added_to_each_place_is_spread(tmp_path: Path) -> None:
    """A gate of one value a channel multiplies; one of a value a place is spread along the channels."""
    nodes = [
        node("GlobalAveragePool", "x", "p"), node("Conv", "p w", "q"), node("Sigmoid", "q", "g"),
        node("Mul", "x g", "m"), node("ReduceMax", "m", "o", axes=[1]), node("Mul", "m o", "y"),
    ]  # fmt: skip
    model = read(made(tmp_path, nodes, {"x": IMAGE}, ["y"], {"w": (6, 6, 1, 1)}))
    assert kinds(model) == ["adaptive_avgpool", "conv", "sigmoid", "multiply", "reduce", "elementwise"]
    assert Measured(model).shapes["y"] == Shape(15, 17, 6)


@pytest.mark.parametrize(
    "equation",
    ["bijc,bijd->bicd", "bhid,bhjd->bhij", "bihd,bjhd->bhij"],
)
def test_sums_of_products(equation: str, tmp_path: Path) -> None:
    """A tensor with itself; MACs are the product of the sizes of all letters."""
    path = made(tmp_path, [node("Einsum", "x x", "y", equation=equation)], {"x": [1, *SIDES]}, ["y"])
    model = read(path)
    assert kinds(model)[-1] == "matmul"
    letters = dict(zip(equation[:4], (1, *SIDES))) | dict(zip(equation[5:9], (1, *SIDES)))
    measured = Measured(model)
    assert measured.macs == prod(letters.values())
    assert prod(measured.shapes["y"]) == prod(load(path).shapes["y"])


@pytest.mark.parametrize("normalised", [True, False])
def test_groups_of_channels_normalised_as_pytorch_exports_it(normalised: bool, tmp_path: Path) -> None:
    """Instance normalisation of groups, then a scale and a shift a channel; not where its own scales are learned."""
    nodes = [
        node("Conv", "x w", "c"), node("Reshape", "c s", "d"), node("InstanceNormalization", "d one zero", "e"),
        node("Shape", "c", "t"), node("Reshape", "e t", "f"), node("Mul", "f a", "g"), node("Add", "g b", "y"),
    ]  # fmt: skip
    tensors = {"w": (8, 6, 3, 3), "s": [0, 2, -1], "a": (8, 1, 1), "b": (8, 1, 1)}
    path = made(tmp_path, nodes, {"x": IMAGE}, ["y"], tensors)
    proto = onnx.load(path)
    ones = [1.0, 1.0] if normalised else [1.0, 0.7]
    proto.graph.initializer.extend([helper.make_tensor("one", FLOAT, [2], ones),
                                    helper.make_tensor("zero", FLOAT, [2], [0.0, 0.0])])  # fmt: skip
    Path(path).write_bytes(proto.SerializeToString())
    model = read(path)
    if normalised:
        assert [(one.kind, one.settings) for one in model.entries[1:]] == [
            ("groupnorm", {"groups": 2, "scale": True, "shift": True})
        ]
        assert Measured(model).params == 8 * 6 * 9 + 16
    else:
        assert [kind for kind in kinds(model) if kind != "reshape"] == ["conv", "instancenorm", "scale"]
        assert Measured(model).params == 8 * 6 * 9 + 4 + 16


@pytest.mark.parametrize("ways", [1, 2])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_recurrent_layers(kind: str, ways: int, tmp_path: Path) -> None:
    gates = 4 if kind == "LSTM" else 3
    tensors = {"w": (ways, gates * 5, 6), "r": (ways, gates * 5, 5), "b": (ways, gates * 10), "s": [10, 1, -1]}
    direction = "bidirectional" if ways == 2 else "forward"
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0, 2]), node(kind, "t w r b", "h", hidden_size=5, direction=direction),
        node("Transpose", "h", "u", perm=[0, 2, 1, 3]), node("Reshape", "u s", "y"),
    ]  # fmt: skip
    model = read(made(tmp_path, nodes, {"x": SEQUENCE}, ["y"], tensors))
    assert kinds(model) == [kind.lower()]
    measured = Measured(model)
    assert tuple(measured.shapes["h"]) == (10, 5 * ways)
    assert measured.params == sum(prod(one) for one in tensors.values() if isinstance(one, tuple))


def test_weights_that_are_used_twice_are_shared(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x w", "a"), node("BatchNormalization", "a s s s s", "b"), node("Conv", "b v", "c"),
        node("Conv", "c w", "d"), node("BatchNormalization", "d s s s s", "e"), node("Add", "e b", "f"),
        node("Conv", "f u", "g"), node("BatchNormalization", "g s s s s", "y"),
    ]  # fmt: skip
    tensors = dict.fromkeys("wvu", (4, 4, 1, 1)) | {"s": (4,)}
    shares = {
        entry.name: entry.share for entry in read(made(tmp_path, nodes, {"x": [1, 4, 5, 5]}, ["y"], tensors)).entries
    }
    # The last normalisation only has equal numbers, which exporters store once.
    assert shares == {"a": "", "b": "", "c": "", "d": "a", "e": "b", "f": "", "g": "", "y": ""}


def test_a_condition_that_is_known_is_followed(tmp_path: Path) -> None:
    branch = [
        helper.make_graph([node(kind, "c", f"{kind}_out")], kind, [],
                          [helper.make_tensor_value_info(f"{kind}_out", FLOAT, None)])
        for kind in ("Relu", "Tanh")
    ]  # fmt: skip
    condition = helper.make_node("Constant", [], ["yes"], value=helper.make_tensor("", TRUTH, [], [True]))
    nodes = [node("Conv", "x w", "c"), condition, node("If", "yes", "y", then_branch=branch[0], else_branch=branch[1])]
    assert kinds(read(made(tmp_path, nodes, {"x": IMAGE}, ["y"], {"w": (4, 6, 3, 3)}))) == ["conv", "relu"]


def test_functions_are_written_out(tmp_path: Path) -> None:
    imports = [helper.make_opsetid("", 17)]
    body = [node("Conv", "a b", "c"), node("Relu", "c", "d")]
    block = helper.make_function("mine", "Block", ["a", "b"], ["d"], body, imports)
    call = helper.make_node("Block", ["x", "w"], ["y"], domain="mine")
    path = made(tmp_path, [call], {"x": IMAGE}, ["y"], {"w": (4, 6, 3, 3)}, functions=[block], domains=["mine"])
    assert kinds(read(path)) == ["conv", "relu"]


def test_what_is_not_known_is_listed_by_name(tmp_path: Path) -> None:
    strange = helper.make_node("Strange", ["c", "v"], ["s"], name="odd", domain="mine")
    nodes = [node("Conv", "x w", "c"), strange, node("Relu", "s", "y")]
    path = made(tmp_path, nodes, {"x": IMAGE}, ["y"], {"w": (4, 6, 3, 3), "v": (4, 5)}, domains=["mine"])
    with pytest.raises(ReadError, match=r"the shape that mine.Strange `odd` \(operator 2\) gives is not known"):
        read(path)
    proto = onnx.load(path)
    proto.graph.value_info.append(helper.make_tensor_value_info("s", FLOAT, [1, 4, 3, 3]))
    Path(path).write_bytes(proto.SerializeToString())
    entry = only(read(path), "unknown")
    assert (entry.name, entry.settings) == ("odd", {"operator": "mine.Strange", "size": [3, 3, 4], "weights": 20})


def test_operators_that_rewriting_makes() -> None:
    """A fully connected layer with its bias, and attention with its projections, in our own naming."""
    constants = {name: Constant((16, 16), None, name) for name in ("q", "k", "v", "o")}
    constants |= {"w": Constant((16, 5), None, "w"), "b": Constant((5,), None, "b")}
    shapes: dict[str, tuple[int, ...]] = {
        "x": (1, 10, 16),
        "m": (1, 7, 16),
        "a": (1, 10, 16),
        "c": (1, 10, 16),
        "y": (1, 10, 5),
    }
    ops = [
        Op("Attention", "self", ("x", "", "q", "k", "v", "o"), ("a",), {"heads": 4, "bias": False}),
        Op("Attention", "cross", ("a", "m", "q", "k", "v", "o"), ("c",), {"heads": 2, "units": 8}),
        Op("Fc", "head", ("c", "w", "b"), ("y",), {}),
    ]
    inputs = {"x": shapes["x"], "m": shapes["m"]}
    model = operators.model(Program("net", inputs, ("y",), ops, shapes, constants))
    assert [(one.kind, one.settings, one.sources) for one in model.entries] == [
        ("attention", {"heads": 4, "bias": False}, ("x",)),
        ("attention", {"heads": 2, "units": 8}, ("self", "m")),
        ("fc", {"units": 5}, ("cross",)),
    ]


# Bad input


def refused(path: str | Path, inputs: Any = None) -> str:
    with pytest.raises(ReadError) as error:
        read(str(path), inputs)
    assert len(str(error.value)) < 1000
    return str(error.value)


def test_a_file_that_is_cut_off_anywhere(tmp_path: Path) -> None:
    whole = Path(light("bvlc_alexnet")).read_bytes()
    short = tmp_path / "short.onnx"
    for length in [*range(0, 400, 23), *range(400, len(whole) - 1, 211), len(whole) - 1]:
        short.write_bytes(whole[:length])
        try:
            read(str(short))
        except ReadError as error:
            assert str(error)


def test_other_formats_under_the_name(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"")
    assert "is empty" in refused(path)
    for content in (
        json.dumps({"graph": []}).encode(),
        b"\x89PNG\r\n\x1a\n" * 40,
        b"\x00" * 100,
        b"name: x\nlayers: []\n",
    ):
        path.write_bytes(content)
        assert "cannot be read as ONNX" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.json", "{}")
    assert "cannot be read as ONNX" in refused(path)
    assert "cannot read" in refused(tmp_path / "lacking.onnx")
    assert "cannot read" in refused(tmp_path)


def test_graphs_that_have_no_order(tmp_path: Path) -> None:
    path = made(tmp_path, [node("Add", "x b", "a"), node("Relu", "a", "b")], {"x": IMAGE}, ["b"])
    assert "cycle" in refused(path)
    path = made(tmp_path, [node("Relu", "z", "y")], {"x": IMAGE}, ["y"])
    assert "takes `z`, which nothing gives" in refused(path)
    path = made(tmp_path, [node("Relu", "x", "y")], {"x": IMAGE}, ["z"])
    assert "nothing gives the output `z`" in refused(path)
    path = made(tmp_path, [node("Relu", "x", "y"), node("Tanh", "x", "y")], {"x": IMAGE}, ["y"])
    assert "second tensor `y`" in refused(path)
    path = made(tmp_path, [], {"x": IMAGE}, ["x"])
    assert "has no layers" in refused(path)


def test_nodes_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    path = made(tmp_path, [node("Tanh", "a", "y"), node("Relu", "x", "a")], {"x": IMAGE}, ["y"])
    assert kinds(read(path)) == ["relu", "tanh"]


@pytest.mark.parametrize("size", [0, -1, 2**62])
def test_impossible_sizes(size: int, tmp_path: Path) -> None:
    conv = node("Conv", "x w", "y")
    assert "`x`" in refused(made(tmp_path, [conv], {"x": [1, 3, size, 8]}, ["y"], {"w": (4, 3, 3, 3)}))
    path = made(tmp_path, [conv], {"x": [1, 3, 8, 8]}, ["y"], {"w": (4, 3, 3, 3)})
    proto = onnx.load(path)
    proto.graph.initializer[0].dims[0] = size
    Path(path).write_bytes(proto.SerializeToString())
    refused(path)
    refused(made(tmp_path, [node("Expand", "x s", "y")], {"x": [1, 3, 8, 8]}, ["y"], {"s": [1, 3, 8, size]}))
    if size:
        refused(made(tmp_path, [node("Reshape", "x s", "y")], {"x": [1, 3, 8, 8]}, ["y"], {"s": [size, size]}))
    filled = [node("ConstantOfShape", "s", "f"), node("Add", "x f", "y")]
    refused(made(tmp_path, filled, {"x": [1, 3, 8, 8]}, ["y"], {"s": [size]}))


def test_a_hundred_thousand_nodes_are_read_soon(tmp_path: Path) -> None:
    count = 100_000
    ops = ["Relu" if number % 2 else "Add" for number in range(count)]
    nodes = [node(op, f"t{n} t{n}" if op == "Add" else f"t{n}", f"t{n + 1}") for n, op in enumerate(ops)]
    path = made(tmp_path, nodes, {"t0": [1, 3, 8, 8]}, [f"t{count}"])
    start = time.process_time()
    assert len(read(path).entries) == count
    assert time.process_time() - start < 30  # it takes 7 where nobody else works


def test_more_nodes_than_are_read(tmp_path: Path) -> None:
    path = made(tmp_path, [node("Relu", "x", "y")] * 200_001, {"x": [1, 3, 8, 8]}, ["y"])
    start = time.process_time()
    assert "200,001 operators" in refused(path)
    assert time.process_time() - start < 10


def test_graphs_in_graphs(tmp_path: Path) -> None:
    def nested(depth: int) -> Any:
        out = [helper.make_tensor_value_info(f"o{depth}", FLOAT, None)]
        if not depth:
            return helper.make_graph([node("Relu", "x", "o0")], "g", [], out)
        inner = nested(depth - 1)
        twice = node("If", "c", f"o{depth}", then_branch=inner, else_branch=inner if depth < 4 else nested(0))
        return helper.make_graph([twice], "g", [], out)

    for depth in (3, 12, 20):
        nodes = [node("ReduceMax", "x", "m", keepdims=0), node("Cast", "m", "c", to=TRUTH),
                 node("If", "c", "y", then_branch=nested(depth), else_branch=nested(0))]  # fmt: skip
        assert "unknown" in kinds(read(made(tmp_path, nodes, {"x": IMAGE}, ["y"])))


@pytest.mark.parametrize("depth", [60, 1000, 20_000])
def test_graphs_deeper_than_protobuf_takes(depth: int, tmp_path: Path) -> None:
    def field(number: int, content: bytes) -> bytes:
        size, length = len(content), b""
        while size > 127:
            size, length = size >> 7, length + bytes([size & 127 | 128])
        return bytes([number << 3 | 2]) + length + bytes([size]) + content

    graph = b""
    for _ in range(depth):  # a graph with a node with an attribute with a graph
        graph = field(1, field(1, b"c") + field(4, b"If") + field(5, field(1, b"then_branch") + field(6, graph)))
    path = tmp_path / "deep.onnx"
    path.write_bytes(b"\x08\x08" + field(7, graph))
    assert "nested too deeply" in refused(path)


def test_functions_that_grow_without_end(tmp_path: Path) -> None:
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]

    def function(name: str, called: str) -> Any:
        calls = [helper.make_node(called, ["a"], ["b"], domain="mine" if called[0] == "F" else ""),
                 helper.make_node(called, ["b"], ["c"], domain="mine" if called[0] == "F" else "")]  # fmt: skip
        return helper.make_function("mine", name, ["a"], ["c"], calls, imports)

    call = helper.make_node("F40", ["x"], ["y"], domain="mine")
    doubling = [function(f"F{n}", f"F{n - 1}" if n else "Relu") for n in range(41)]
    path = made(tmp_path, [call], {"x": IMAGE}, ["y"], functions=doubling, domains=["mine"])
    assert "more than are read" in refused(path)
    path = made(tmp_path, [call], {"x": IMAGE}, ["y"], functions=[function("F40", "F40")], domains=["mine"])
    assert "calls itself" in refused(path)


def test_data_outside_the_file_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path, [node("Conv", "x w", "c"), node("Reshape", "c s", "y")], {"x": [1, 3, 8, 8]}, ["y"],
                {"w": (4, 3, 3, 3), "s": [1, 144]})  # fmt: skip
    proto = onnx.load(path)
    for tensor in proto.graph.initializer:
        tensor.ClearField("float_data")
        tensor.ClearField("int64_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../../../etc/passwd")
    Path(path).write_bytes(proto.SerializeToString())
    opened = []
    whole = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, *rest, **more: opened.append(str(self)) or whole(self, *rest, **more)
    )
    assert "Reshape `y`" in refused(path)  # whose shape lies outside
    assert opened == [path]


def test_opsets_that_are_not_read(tmp_path: Path) -> None:
    for opset in (1, 6, NEWEST + 1, 2**40):
        assert f"opset {opset}" in refused(made(tmp_path, [node("Relu", "x", "y")], {"x": IMAGE}, ["y"], opset=opset))


HUGE = 2**62
HOSTILE = [
    # nodes, tensors, what the message says
    ([node("Tile", "s r", "t"), node("Reshape", "x t", "y")], {"s": [1, 6, -1], "r": [HUGE]}, "Tile `t` (operator 1)"),
    ([node("Expand", "s r", "t"), node("Reshape", "x t", "y")], {"s": [1], "r": [HUGE, HUGE]}, "(operator 2)"),
    ([node("Div", "s z", "t"), node("Reshape", "x t", "y")], {"s": [1, 6, -1], "z": [0, 0, 0]}, "not known"),
    ([node("Gather", "s z", "t"), node("Reshape", "x t", "y")], {"s": [1, 6, -1], "z": [99]}, "out of bounds"),
    ([node("Reshape", "x s", "y")], {"s": [3, 3]}, "does not hold the values"),
    ([node("Conv", "x w", "y", strides=[0, 0])], {"w": (4, 6, 3, 3)}, "Conv `y` (operator 1)"),
    ([node("Conv", "x w", "y", pads=[HUGE] * 4)], {"w": (4, 6, 3, 3)}, "Conv `y` (operator 1)"),
    ([node("Conv", "x w", "y", group=0)], {"w": (4, 6, 3, 3)}, "Conv `y` (operator 1)"),
    ([node("Conv", "x w", "y", group="two")], {"w": (4, 6, 3, 3)}, "Conv `y` (operator 1)"),
    ([node("MaxPool", "x", "y", kernel_shape=[0, 0])], {}, "MaxPool `y` (operator 1)"),
    ([node("Transpose", "x", "y", perm=[0, 0, 0, 0])], {}, "Transpose `y` (operator 1)"),
    ([node("Softmax", "x", "y", axis=77)], {}, "Softmax `y` (operator 1)"),
    ([node("Split", "x s", "y z")], {"s": [3, -3]}, "Split `y` (operator 1)"),
    ([node("Pad", "x p", "y")], {"p": [0, 0, HUGE, 0, 0, 0, 0, 0]}, "impossible shape"),
    ([node("Resize", "x _ _ s", "y")], {"s": [1, 6, HUGE, HUGE]}, "impossible shape"),
    ([node("LRN", "x", "y", size=0)], {}, "LRN `y` (operator 1)"),
    ([helper.make_node("Relu", [], ["y"])], {}, "Relu that gives `y` (operator 1)"),
    ([node("NonZero", "x", "y")], {}, "NonZero `y` (operator 1) gives is not known"),
    ([node("SequenceConstruct", "x x", "s"), node("ConcatFromSequence", "s", "y", axis=1)], {}, "not known"),
]


@pytest.mark.parametrize("case", HOSTILE, ids=[f"{number}-{case[0][0].op_type}" for number, case in enumerate(HOSTILE)])
def test_settings_that_mean_nothing(case: Any, tmp_path: Path) -> None:
    nodes, tensors, says = case
    assert says in refused(made(tmp_path, nodes, {"x": IMAGE}, ["y"], tensors))


def test_operators_that_do_not_fit(tmp_path: Path) -> None:
    path = made(tmp_path, [node("Conv", "x w", "y")], {"x": IMAGE}, ["y"], {"w": (4, 5, 3, 3)})
    text = refused(path)
    assert "Conv `y` (operator 1)" in text
    path = made(tmp_path, [node("Add", "x w", "y")], {"x": IMAGE}, ["y"], {"w": (5, 1, 1)})
    assert "Add `y` (operator 1) does not fit [1, 6, 15, 17] and [5, 1, 1]" in refused(path)


def test_all_rules_are_of_operators_that_there_are() -> None:
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    assert Counter(operators.RULES.keys() - known) <= Counter(["Attention", "Fc"])
