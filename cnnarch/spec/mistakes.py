"""What is wrong with a spec that is being built: each mistake once, with its place and a hint."""

from __future__ import annotations

from cnnarch.errors import MOST_PROBLEMS, Problem, Span, suggestion
from cnnarch.graph import Node
from cnnarch.spec.model import BlockItem, Item, LayerItem, Spec
from cnnarch.spec.scope import Flow, Scope
from cnnarch.spec.source import Scalar

__all__ = ["Enough", "Mistakes"]


class Enough(Exception):  # noqa: N818, it is not an error of its own
    """There is no sense in going on: too many layers, or too many mistakes."""


class Mistakes:
    """Notes mistakes, in words that say what has been built so far."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.nodes: list[Node] = []
        self.groups: dict[str, str] = {}
        self.flows: dict[str, Flow] = {}  # what has a name, by its full name
        self.calls: list[BlockItem] = []  # the blocks that are being built, each in the one before
        self.problems: dict[Span | str, Problem] = {}

    def problem(self, message: str, span: Span | None, hint: str = "") -> None:
        """Note a mistake, once however often its block is used; returns nothing, the flow after a mistake."""
        if span is not None and span.source is not self.spec.source:
            hint = "; ".join([part for part in (hint, self.called_from()) if part])
        self.problems.setdefault(span or message, Problem.of(message, span, hint))
        if len(self.problems) >= MOST_PROBLEMS:
            raise Enough

    def called_from(self) -> str:
        """Where the spec itself uses the block, of another page, that is being built."""
        for item in reversed(self.calls):
            if item.source is self.spec.source:
                return f"`{item.kind}` is used in line {item.node.line} of {self.spec.source.name}"
        return ""

    def stop(self, message: str, span: Span | None, hint: str = "") -> None:
        self.problem(message, span, hint)
        raise Enough

    def explain_unknown(self, name: Scalar, item: Item, scope: Scope) -> None:
        """Now that all is built: does it come later, or is there none?"""
        if scope.find(name.value, self.flows) is not None:
            message, hint = (
                f"`from` names `{name.value}`, which comes later",
                "a layer can take only what stands before",
            )
        else:
            message = f"`from` names `{name.value}`, and there is no such layer"
            near = scope.inside(self.flows)
            hint = suggestion(name.value, near[:1000]) or "names are given with `name`, or are the kind and a number"
        self.problem(message, item.span(name), hint)

    def wrong_arity(self, item: LayerItem, name: str, x: tuple[int, ...], least: int) -> None:
        if least > 1:
            message = f"`{name}` joins two or more inputs, and {len(x)} arrives"
            hint = f"`from: [{self.nodes[x[0]].name}, ...]` beside it names them"
        else:
            most = "one input" if item.cls.inputs[1] == 1 else f"{item.cls.inputs[1]} inputs"
            message = f"`{name}` takes {most}, and {len(x)} arrive: {', '.join(self.nodes[one].name for one in x[:6])}"
            hint = "`from` says which; `concat` and `add` join several"
        self.problem(message, item.span(item.kind_key()), hint)

    def cannot_share(self, item: Item, name: str, scope: Scope, span: Span) -> None:
        full = scope.find(name, self.flows)
        if full is None:
            hint = suggestion(name, scope.inside(self.flows)[:1000])
        else:
            flow = self.flows[full]
            kind = self.groups.get(full) or (self.nodes[flow[0]].layer.kind if flow else "")
            hint = f"`{name}` is of the kind `{kind}`" if kind else ""
        self.problem(f"`share` names `{name}`, and there is no `{item.kind}` of that name before", span, hint)

    def listed(self, x: tuple[int, ...]) -> str:
        shown = [str(self.nodes[number].output) for number in x[:6]] + (["…"] if len(x) > 6 else [])
        return " and ".join(shown)

    def origin(self, x: tuple[int, ...]) -> str:
        first = self.nodes[x[0]]
        if len(x) > 1:
            return "of " + ", ".join(f"`{self.nodes[number].name}`" for number in x[:6])
        return "the network's own" if first.is_input else f"after `{first.name}`"
