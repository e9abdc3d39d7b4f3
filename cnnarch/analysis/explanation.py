"""The arithmetic behind a layer's figures, and behind the totals."""

from typing import TYPE_CHECKING, NamedTuple

from cnnarch.analysis.savings import savings
from cnnarch.analysis.totals import total
from cnnarch.graph import Graph, Node
from cnnarch.layers import Step
from cnnarch.layers.conv import Convolving
from cnnarch.shapes import Shape

if TYPE_CHECKING:
    from cnnarch.analysis.receptive_field import ReceptiveField

__all__ = ["Explanation", "explain", "explain_totals"]


class Explanation(NamedTuple):
    """How the figures of a layer come about, step by step."""

    name: str
    kind: str
    operation: str
    inputs: tuple[Shape, ...]
    output: Shape
    steps: list[Step]
    note: str = ""


def explain(graph: Graph, node: Node, seen: "ReceptiveField | None" = None) -> Explanation:
    """Explain one layer; with the receptive fields of the network also how its own comes about.

    >>> from cnnarch.spec import build, catalog
    >>> graph = build.build(catalog.read("alexnet"))
    >>> step = explain(graph, graph.nodes[1]).steps[0]
    >>> step.quantity, step.formula, step.arithmetic, step.value
    ('height', '(input − kernel) / stride + 1', '(227 - 11) / 4 + 1', 55)
    """
    shapes = graph.shapes(node)
    steps = node.layer.explain(*shapes)
    regions = shapes[0].regions
    one = node.layer.count_macs(*shapes)
    once = node.macs - regions * one
    if node.macs and (regions > 1 or once):
        steps = [
            step._replace(quantity="MACs of one", remark="") if step.quantity == "MACs" else step for step in steps
        ]
        formula = "regions × MACs of one" + (" + MACs once" if once else "")
        steps = [*steps, Step("MACs", formula, f"{regions} * {one}" + (f" + {once}" if once else ""), node.macs)]
    if node.elements:
        steps = [*steps, *_elements(node, shapes)]
    if isinstance(node.layer, Convolving):
        steps = [*steps, *_full(node, shapes[0]), _dense(shapes[0], node.output)]
    if seen is not None:
        steps = [*steps, *seen.growth(node)]
    note = node.note
    if node.owner is not None:
        shared = f"its weights and biases are those of {graph.nodes[node.owner].name}, counted there"
        note = f"{shared}; {note}" if note else shared
    if node.train_only:
        note = f"only in training; {note}" if note else "only in training"
    return Explanation(node.name, node.layer.kind, node.layer.operation(*shapes), shapes, node.output, steps, note)


def explain_totals(graph: Graph) -> list[Step]:
    """How the totals add up, layer by layer."""
    totals = total(graph)
    counted = [node for node in graph.nodes if not node.train_only]
    steps = []
    for quantity, parts, value in (
        ("weights", [node.weights for node in counted], totals.weights),
        ("biases", [node.biases for node in counted], totals.biases),
        ("params", [totals.weights, totals.biases], totals.params),
        ("MACs", [node.macs for node in counted], totals.macs),
        ("element ops", [node.elements for node in counted], totals.elements),
    ):
        terms = [part for part in parts if part] or [0]
        formula = "weights + biases" if quantity == "params" else "sum over the layers"
        steps.append(Step(quantity, formula, " + ".join(map(str, terms)), value))
    saved = savings(graph)
    if saved:
        terms = [one.dense for one in saved]
        formula = "sum over the convolutions, if they were fully connected"
        steps.append(Step("dense", formula, " + ".join(map(str, terms)), sum(terms)))
    return steps


def _elements(node: Node, shapes: tuple[Shape, ...]) -> list[Step]:
    """The element operations; where a layer works in several regions, those of one and of all."""
    step = node.layer.explain_elements(*shapes)
    if step.value == node.elements:
        return [step]
    regions = shapes[0].regions
    once = node.elements - regions * step.value
    formula = "regions × element ops of one" + (" + those of the distances" if once else "")
    arithmetic = f"{regions} * {step.value}" + (f" + {once}" if once else "")
    return [step._replace(quantity=f"{step.quantity} of one"), Step("element ops", formula, arithmetic, node.elements)]


def _full(node: Node, x: Shape) -> list[Step]:
    """The weights without groups, where there are groups."""
    assert isinstance(node.layer, Convolving)
    groups, weights = node.layer.split(x), node.layer.count_weights(x)
    if groups == 1:
        return []
    return [Step("full", "weights × groups", f"{weights} * {groups}", weights * groups, "weights if it had no groups")]


def _dense(x: Shape, y: Shape) -> Step:
    arithmetic = " * ".join(map(str, (*x, *y)))
    remark = "weights of a fully connected layer between the same input and output"
    return Step("dense", "all inputs × all outputs", arithmetic, x.units * y.units, remark)
