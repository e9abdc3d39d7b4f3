"""A network as a flowchart for Mermaid, which many sites draw where it stands in Markdown."""

import re

from cnnarch.network import Network
from cnnarch.render.figure.diagram import END, Box, Diagram, Group, diagram, fills, nested
from cnnarch.render.numbers import grouped

__all__ = ["MOST_ARROWS", "MOST_TEXT", "mermaid"]

# What Mermaid draws unless its page says otherwise, which a chart cannot: maxTextSize and maxEdges in its
# documentation of the configuration, version 11.
MOST_TEXT, MOST_ARROWS = 50_000, 500

# A sign between letters or digits is no mark-up of Markdown; all others could be, or Mermaid's or HTML's.
_STARTS, _JOINER = "$\\:", "#8288;"  # of formulas, breaks and icons, which are looked for when numbers are read: apart
_SIGN = re.compile(r"(?<=[^\W_])([/_.-])(?=[^\W_])|([^\w ×·…,]|_)")


def mermaid(network: Network, depth: int | None = None) -> str:
    """A flowchart from top to bottom; without a `depth`, blocks are closed until Mermaid draws it.

    >>> from cnnarch.network import load
    >>> print("\\n".join(mermaid(load("lenet5")).splitlines()[3:6]))
    flowchart TB
        n0(["input<br/>32×32×1"]):::end_
        n1["c1<br/>conv 6 of 5×5 · tanh<br/>28×28×6"]:::conv

    A network with too many layers that are in no block is written all the same, with a remark.
    """
    found = diagram(network, depth)
    text = _chart(found)
    deepest = max((node.name.count("/") for node in network.layers), default=0)
    tried = found.depth or deepest + 1
    while depth is None and tried > 1 and not _drawn(found, text):
        tried -= 1
        found = diagram(network, tried)
        text = _chart(found)
    return text if _drawn(found, text) else f"{text}{_remark(found, text)}"


def _drawn(found: Diagram, text: str) -> bool:
    return len(text) <= MOST_TEXT and len(found.arrows) <= MOST_ARROWS


def _remark(found: Diagram, text: str) -> str:
    size = f"{grouped(len(found.arrows))} arrows and {grouped(len(text))} characters"
    most = f"maxEdges {grouped(MOST_ARROWS)} and maxTextSize {grouped(MOST_TEXT)}"
    return f"    %% {size}: more than Mermaid draws with {most}; a lower depth closes blocks\n"


def _chart(found: Diagram) -> str:
    colors = fills(found.parts)
    lines = [
        "---",
        f'title: "{_in_yaml(found.title)}"',
        "---",
        "flowchart TB",
        *nested(found.parts, _box, _opening, "end"),
        *(f"    n{one} --> n{other}" for one, other in found.arrows),
        *(
            f"    classDef {_class(kind)} fill:{fill},stroke:#1a1a1a,color:{ink}"
            for kind, (fill, ink) in colors.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def _box(box: Box) -> str:
    label = "<br/>".join(map(_quoted, box.lines))
    left, right = ("([", "])") if box.kind == END else ("[", "]")
    return f'n{box.number}{left}"{label}"{right}:::{_class(box.kind)}'


def _opening(group: Group) -> list[str]:
    return [f'subgraph g{group.number}["{_quoted(group.title)}"]']


def _class(kind: str) -> str:
    return "end_" if kind == END else kind  # `end` closes a subgraph


def _quoted(words: str) -> str:
    """Words as a label has them: what Mermaid, Markdown or HTML could take for a sign of theirs stands as its number.

    >>> print(_quoted('down1/conv_relu1, 3×3 "x" <b> `#1` %%{init}%%'))
    down1/conv_relu1, 3×3 #34;x#34; #60;b#62; #96;#35;1#96; #37;#37;#123;init#125;#37;#37;
    """
    return _SIGN.sub(lambda found: found[1] or f"#{ord(found[2])};{_JOINER * (found[2] in _STARTS)}", words)


def _in_yaml(words: str) -> str:
    r"""Words as a string of YAML in quotes has them: Mermaid looks for directives before YAML is read.

    >>> print(_in_yaml('A "b" %%{init}%%'))
    A \x22b\x22 \x25\x25\x7binit\x7d\x25\x25

    There are no numbers of signs in a title, and what could be a tag is taken out, so that brackets have to be others.
    """
    words = words.replace("<", "‹").replace(">", "›")
    return re.sub(r"[^\w ,.\x80-\U0010ffff]", lambda found: f"\\x{ord(found[0]):02x}", words)
