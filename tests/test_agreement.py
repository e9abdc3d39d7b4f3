"""A few hundred of the random networks of `tests/agreement.py`, with a fixed seed."""

from __future__ import annotations

import pytest

from tests.agreement import compare, networks

COUNT = 300


@pytest.mark.onnx
def test_onnx_and_its_runtime_agree() -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    found = compare(COUNT, 7, ["ONNX", "onnxruntime"])
    assert found.disagreed == []
    assert min(found.agreed["ONNX"], found.agreed["onnxruntime"]) > 0.85 * COUNT


@pytest.mark.pytorch
def test_pytorch_agrees() -> None:
    pytest.importorskip("torch")
    found = compare(COUNT, 7, ["PyTorch"])
    assert found.disagreed == []
    assert found.agreed["PyTorch"] > 0.65 * COUNT


def test_what_is_compared_is_of_many_kinds() -> None:
    made = [one.graph for one, _ in networks(COUNT, 7)]
    kinds = {node.layer.kind for graph in made for node in graph.layers}
    assert len(kinds) > 45
    assert sum(len({source for node in graph.nodes for source in node.sources}) for graph in made) > 4 * COUNT / 2
    assert any(len(graph.outputs) > 1 for graph in made)
    assert any(node.layer.kind == "concat" for graph in made for node in graph.layers)
