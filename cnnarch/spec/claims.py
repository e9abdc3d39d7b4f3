"""What a spec says about its figures: those that were published, its budget, the advice that it ignores."""

from __future__ import annotations

from cnnarch.errors import Span, suggestion
from cnnarch.shapes import Shape
from cnnarch.spec.items import is_name
from cnnarch.spec.model import Bound, Claim, Conditions, Ignored, Spec
from cnnarch.spec.source import Mapping, Node, Scalar, Sequence, span_of
from cnnarch.spec.values import LONGEST_NUMBER, Reader

__all__ = ["CLAIMS", "CONDITIONS", "LARGEST_BATCH", "Claims", "parse_count", "read_inputs"]

CLAIMS = ("params", "weights", "biases", "buffers", "macs", "conv_params", "fc_params", "weight_layers",
          "training_params", "training_buffers", "training_macs")  # fmt: skip
CONDITIONS = ("batch", "dtype", "input")  # what can stand beside the figures of a budget
LARGEST_BATCH = 10**9
MOST_ENTRIES = 100  # of a budget; each may want the network built anew
SCALES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9, "T": 10**12}


class Claims:
    """Reads what a spec says about its figures; which figures and rules there are is known only above."""

    def __init__(self, reader: Reader, spec: Spec) -> None:
        self.reader = reader
        self.spec = spec

    # Published figures

    def published(self, node: Node) -> None:
        for one in node.items if isinstance(node, Sequence) else [node]:
            if isinstance(one, Mapping):
                self._claims(one)
            else:
                self.reader.report("a published figure is a mapping", one, "as in `{params: 60.9M, source: table 1}`")

    def _claims(self, node: Mapping) -> None:
        about = node.get("source")
        if about is None:
            self.reader.report("a published figure needs its `source`", node, "say where it is published")
        origin = self.reader.text(about, "`source`") if about is not None else ""
        shapes = self._other_inputs(node.get("input"))
        for key, value in node.items:
            if key.value in CLAIMS:
                self._claim(key, value, origin, shapes)
            elif key.value not in ("source", "input"):
                hint = suggestion(key.value, list(CLAIMS)) or f"there are {', '.join(CLAIMS)}"
                if " " in key.value:  # the end of a text
                    hint = 'between braces a text with a comma is quoted: `source: "..., ..."`'
                self.reader.report(f"`{key.value}` is not a figure", key, hint)

    def _other_inputs(self, node: Node | None) -> dict[str, Shape] | None:
        """The inputs that a figure is for, if not the spec's own."""
        if node is None:
            return None
        for name, _ in node.items if isinstance(node, Mapping) else ():
            if self.spec.inputs and name.value not in self.spec.inputs:
                hint = suggestion(name.value, list(self.spec.inputs)) or f"it has {', '.join(self.spec.inputs)}"
                self.reader.report(f"the spec has no input `{name.value}`", name, hint)
        return read_inputs(self.reader, node)

    def _claim(self, key: Scalar, value: Node, origin: str, inputs: dict[str, Shape] | None) -> None:
        found = parse_count(value.value) if isinstance(value, Scalar) else None
        if found is None or not isinstance(value, Scalar):
            hint = "a whole number, or the digits that were given: 60.9M"
            self.reader.report("this is not a published figure", value, hint)
            return
        least, most = found
        span = span_of(self.reader.source, key, value)
        self.spec.published.append(Claim(key.value, value.value, least, most, origin, span, inputs))

    # The budget

    def budget(self, node: Node) -> None:
        """Limits by their figures, in a mapping, or in a list of them for several conditions."""
        entries = node.items if isinstance(node, Sequence) else [node]
        if len(entries) > MOST_ENTRIES:
            self.reader.report(f"a budget of {len(entries):,} entries", node, f"at most {MOST_ENTRIES} are read")
        for one in entries[:MOST_ENTRIES]:
            if isinstance(one, Mapping):
                self._bounds(one)
            else:
                self.reader.report("a budget is a mapping", one, "as in `budget: {params: 5M, peak: 512KiB}`")
        if isinstance(node, Sequence) and not node.items:
            self.reader.report("the budget has no limits", node, "as in `budget: {params: 5M}`")

    def _bounds(self, node: Mapping) -> None:
        conditions = self._conditions(node)
        figures = [(key, value) for key, value in node.items if key.value not in CONDITIONS]
        if not figures:
            self.reader.report("the budget has no limits", node, "as in `budget: {params: 5M}`")
        for key, value in figures:
            if not isinstance(value, Mapping):
                self._bound(key, "", value, conditions)
                continue
            if not value.items:
                self.reader.report(f"`{key.value}` has no limit", value, "as in `{max: 5M}`")
            for side, limit in value.items:
                if side.value in ("min", "max"):
                    self._bound(key, side.value, limit, conditions)
                else:
                    self.reader.report(f"a limit has no `{side.value}`", side, "it has `min`, `max` or both")

    def _bound(self, key: Scalar, side: str, value: Node, conditions: Conditions) -> None:
        if not isinstance(value, Scalar) or not value.value:
            self.reader.report(f"`{key.value}` has no limit", value, "as in `5M`, `512KiB` or `{min: 200}`")
            return
        source = self.reader.source
        bound = Bound(key.value, side, value.value, span_of(source, key), span_of(source, value), conditions)
        self.spec.budget.append(bound)

    def _conditions(self, node: Mapping) -> Conditions:
        """The batch, the type and the inputs that the limits of one entry are for."""
        found = Conditions()
        before = len(self.reader.problems)
        batch, dtype, inputs = (node.get(name) for name in CONDITIONS)
        if batch is not None:
            text = batch.value if isinstance(batch, Scalar) else ""
            if text.isdecimal() and text.isascii() and text[0] != "0" and len(text) <= len(str(LARGEST_BATCH)):
                found = found._replace(batch=int(text))
            if not found.batch or found.batch > LARGEST_BATCH:
                self.reader.report("`batch` must be a whole number, as 8", batch, f"from 1 to {LARGEST_BATCH:,}")
        if dtype is not None:
            name = self.reader.text(dtype, "`dtype`")
            found = found._replace(dtype=name or None, dtype_place=self._place(dtype))
        if inputs is not None:
            found = found._replace(inputs=self._other_inputs(inputs), inputs_place=self._place(inputs))
        return found._replace(broken=len(self.reader.problems) > before)

    def _place(self, node: Node) -> Span:
        return span_of(self.reader.source, node)

    # Advice

    def ignore(self, node: Node) -> None:
        """The rules whose advice is not wanted, by code or name."""
        before = {one.rule: one.span for one in self.spec.ignored if one.span.source is self.reader.source}
        for one in self.reader.texts(node, "`ignore`"):
            if one.value in before:
                self.reader.report(f"`{one.value}` is ignored twice", one, "leave one of them out")
            before[one.value] = self._place(one)
            self.spec.ignored.append(Ignored(one.value, before[one.value]))


def read_inputs(reader: Reader, node: Node) -> dict[str, Shape]:
    """The shapes of inputs by their names: one shape is that of `input`."""
    if not isinstance(node, Mapping):
        shape = reader.shape(node)
        return {"input": shape} if shape else {}
    found = {}
    for key, value in node.items:
        if not is_name(key.value) or "/" in key.value:
            reader.report(f"`{key.value}` cannot be the name of an input", key, "a name begins with a letter")
        shape = reader.shape(value)
        if shape:
            found[key.value] = shape
    if not node.items:
        reader.report("`input` names no inputs", node)
    return found


def parse_count(text: str) -> tuple[int, int] | None:
    """The least and the most whole number that is written so to the digits given; nothing if it is no count.

    >>> parse_count("60.9M"), parse_count("25557032")
    ((60850000, 60949999), (25557032, 25557032))
    """
    number, unit = text, ""
    if text and text[-1] in SCALES:
        number, unit = text[:-1].rstrip(" "), text[-1]
    whole, point, fraction = number.partition(".")
    digits = whole + fraction
    if not (whole and digits.isdecimal() and digits.isascii()) or len(digits) > LONGEST_NUMBER:
        return None
    if (point and not fraction) or SCALES[unit] % 10 ** len(fraction):
        return None
    step = SCALES[unit] // 10 ** len(fraction)  # of the last digit given
    value = int(digits) * step
    return value - step // 2, value + max(step - 1, 0) // 2
