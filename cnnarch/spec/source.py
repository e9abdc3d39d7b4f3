"""YAML text → a tree of nodes, each with its place; the only module that knows of yaml."""

from __future__ import annotations

import re
from collections.abc import Callable
from sys import intern
from typing import Any, TypeAlias

import yaml

from cnnarch.errors import MOST_PROBLEMS, Problem, Source, Span, SpecError

try:
    from yaml.cyaml import CParser as Parser  # type: ignore[attr-defined]
except ImportError:  # PyYAML built without libyaml: slower, the same events
    from yaml.loader import SafeLoader as Parser  # type: ignore[assignment]

__all__ = ["Mapping", "Node", "Scalar", "Sequence", "parse", "span_of"]

DEEPEST = 64  # levels of nesting; the zoo needs 12
MOST_NODES = 100_000  # that aliases may add

# What YAML does not allow, and the line breaks that only YAML 1.1 knows.
_FORBIDDEN = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"


class Scalar:
    """A text; `plain` if it stands without quotes."""

    __slots__ = ("column", "end_column", "end_line", "line", "plain", "value")
    line: int
    column: int
    end_line: int
    end_column: int
    size = 1

    def __init__(self, value: str, plain: bool) -> None:
        self.value = value
        self.plain = plain


class Sequence:
    """A list; `size` counts the nodes in it, aliases followed."""

    __slots__ = ("column", "end_column", "end_line", "items", "line", "size")
    line: int
    column: int
    end_line: int
    end_column: int

    def __init__(self) -> None:
        self.items: list[Node] = []
        self.size = 1


class Mapping:
    """Keys with their values, in order; `size` counts the nodes in it, aliases followed."""

    __slots__ = ("column", "end_column", "end_line", "items", "line", "size")
    line: int
    column: int
    end_line: int
    end_column: int

    def __init__(self) -> None:
        self.items: list[tuple[Scalar, Node]] = []
        self.size = 1

    def get(self, key: str) -> Node | None:
        return next((value for name, value in self.items if name.value == key), None)


Node: TypeAlias = Scalar | Sequence | Mapping


def parse(source: Source, problems: list[Problem]) -> Node | None:
    """Read one YAML document; nothing if there is none.

    Adds to `problems` what does not belong to the language but can be read past: duplicate keys,
    tags. Raises SpecError for what is not YAML, a second document, and nesting deeper than 64 levels.
    """
    # A look at lines is a tenth of the work of the search, and of compiling it at every start.
    found = None if all(map(str.isprintable, source.text.split("\n"))) else re.search(_FORBIDDEN, source.text)
    if found:
        line = source.text.count("\n", 0, found.start()) + 1
        column = found.start() - source.text.rfind("\n", 0, found.start())
        span = Span(source, line, column, line, column + 1)
        raise SpecError([*problems, Problem(f"control character `{found[0]}` in the text", span, "remove it")])
    try:
        return _Composer(source, problems).document()
    except yaml.MarkedYAMLError as error:
        raise SpecError([*problems, _problem(source, error)]) from None


def span_of(source: Source, node: Node, end: Node | None = None) -> Span:
    """The place of a node, or the stretch from one node to the end of another."""
    end = end or node
    return Span(source, node.line, node.column, end.end_line, end.end_column)


class _Composer:
    """Events → nodes. PyYAML's own composer keeps marks of half a kilobyte a node and recurses without a limit."""

    def __init__(self, source: Source, problems: list[Problem]) -> None:
        self.source = source
        self.problems = problems
        self.next: Callable[[], Any] = Parser(source.text).get_event
        self.anchors: dict[str, Node] = {}
        self.depth = 0
        self.aliased = 0
        self.line = 0

    def document(self) -> Node | None:
        root: Node | None = None
        event = self.next()
        while not isinstance(event, yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise self._error("a second document begins here", event, "a spec is one document: remove `---`")
                root = self._node(self.next())
            event = self.next()
        empty = isinstance(root, Scalar) and root.plain and not root.value
        return None if empty else root

    def _node(self, event: Any) -> Node:
        kind = type(event)
        if kind is yaml.AliasEvent:
            return self._alias(event)
        node: Node
        end = event.end_mark
        if kind is yaml.ScalarEvent:
            text = event.value
            node = Scalar(intern(text) if len(text) < 40 else text, not event.style)
        else:
            node = Sequence() if kind is yaml.SequenceStartEvent else Mapping()
            self.depth += 1
            if self.depth > DEEPEST:
                raise self._error(f"nested deeper than {DEEPEST} levels", event, "use `blocks` for what nests")
            end = self._fill(node)
            self.depth -= 1
        if event.tag is not None and not (event.tag == "!" and kind is yaml.ScalarEvent):
            self._note(f"the tag `{event.tag}` is not part of the language", event, "remove it")
        start = event.start_mark
        node.line = self._number(start.line + 1)
        node.column = start.column + 1
        node.end_line = self._number(end.line + 1)
        node.end_column = end.column + 1
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _number(self, line: int) -> int:
        """The number of a line, as one object for all that stands on it: much of a large tree's memory."""
        if line != self.line:
            self.line = line
        return self.line

    def _fill(self, node: Sequence | Mapping) -> Any:
        """Read what is in a collection, up to its end; gives the mark of that."""
        if isinstance(node, Sequence):
            event = self.next()
            while type(event) is not yaml.SequenceEndEvent:
                item = self._node(event)
                node.items.append(item)
                node.size += item.size
                event = self.next()
            return event.end_mark
        seen: dict[str, Scalar] = {}
        event = self.next()
        while type(event) is not yaml.MappingEndEvent:
            key = self._node(event)
            if not isinstance(key, Scalar):
                raise self._error("a key must be a word", event, "a setting is written `name: value`")
            value = self._node(self.next())
            if key.value in seen:
                line = seen[key.value].line
                self._note(f"duplicate key `{key.value}`", event, f"it stands on line {line}")
            else:
                seen[key.value] = key
                node.items.append((key, value))
                node.size += 1 + value.size
            event = self.next()
        return event.end_mark

    def _alias(self, event: yaml.AliasEvent) -> Node:
        node = self.anchors.get(str(event.anchor))
        if node is None:
            raise self._error(f"no anchor `&{event.anchor}` stands before this alias", event)
        self.aliased += node.size
        if self.aliased > MOST_NODES:
            raise self._error(f"aliases make over {MOST_NODES:,} values", event, "use `blocks` and `repeat`")
        return node

    def _note(self, message: str, event: Any, hint: str) -> None:
        """Keep a problem that can be read past."""
        error = self._error(message, event, hint)
        if len(error.problems) >= MOST_PROBLEMS:
            raise error
        self.problems[:] = error.problems

    def _error(self, message: str, event: Any, hint: str = "") -> SpecError:
        start, end = event.start_mark, event.end_mark
        span = Span(self.source, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
        return SpecError([*self.problems, Problem.of(message, span, hint)])


_HINTS = {
    "mapping values are not allowed in this context": "a kind with something beside it ends in a colon, `- relu:`; "
    "a text that holds `: ` has to be quoted",
    "found character that cannot start any token": "a value that begins with a sign has to be quoted",
    "did not find expected ',' or '}'": "is a brace not closed?",
    "did not find expected ',' or ']'": "is a bracket not closed?",
}


def _problem(source: Source, error: yaml.MarkedYAMLError) -> Problem:
    """A parser's complaint, in our form."""
    message = str(error.problem)
    mark: Any = error.problem_mark or error.context_mark
    hint = _HINTS.get(message, "")
    context: Any = error.context_mark
    if context and mark and context.line != mark.line:
        begun = f"{error.context}, which begins on line {context.line + 1}"
        hint = f"{begun}; {hint}" if hint else begun
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if source.line(line)[column - 1 : column] == "\t":
        message, hint = "a tab where YAML wants spaces", "indent with spaces"
    return Problem.of(message, Span(source, line, column, line, column + 1), hint)
