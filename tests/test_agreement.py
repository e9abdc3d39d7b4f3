"""A few hundred of the random networks of `tests/agreement.py`, with a fixed seed; and some that Hypothesis draws."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agreement import compare, network, networks

COUNT = 300


@pytest.mark.onnx
def test_onnx_and_its_runtime_agree() -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    found = compare(networks(COUNT, 7), ["ONNX", "onnxruntime"])
    assert found.disagreed == []
    assert min(found.agreed["ONNX"], found.agreed["onnxruntime"]) > 0.9 * COUNT


@pytest.mark.onnx
@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.randoms(use_true_random=False))
def test_onnx_agrees_with_what_hypothesis_draws(of: Random) -> None:
    """The same networks; of one that is wrong, this tells the least."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    found = compare([network(of)], ["ONNX", "onnxruntime"])
    assert found.disagreed == []


@pytest.mark.pytorch
def test_pytorch_agrees() -> None:
    pytest.importorskip("torch")
    found = compare(networks(COUNT, 7), ["PyTorch"])
    assert found.disagreed == []
    assert found.agreed["PyTorch"] > 0.7 * COUNT


def test_what_is_compared_is_of_many_kinds() -> None:
    made = [one.graph for one, _ in networks(COUNT, 7)]
    kinds = {node.layer.kind for graph in made for node in graph.layers}
    assert len(kinds) > 45
    assert sum(len({source for node in graph.nodes for source in node.sources}) for graph in made) > 4 * COUNT / 2
    assert any(len(graph.outputs) > 1 for graph in made)
    assert any(node.layer.kind == "concat" for graph in made for node in graph.layers)
