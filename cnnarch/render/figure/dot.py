"""A network as a graph in the language of Graphviz."""

from cnnarch.network import Network
from cnnarch.render.figure.diagram import END, Box, Group, diagram, fills, nested

__all__ = ["dot"]

_HEAD = (
    "rankdir=TB; newrank=true; ranksep=0.3; nodesep=0.3; labelloc=t; fontsize=16;",
    'graph [fontname="Helvetica"];',
    'node [shape=box, style=filled, color="#1a1a1a", fontname="Helvetica", fontsize=11, margin="0.15,0.06"];',
    'edge [color="#1a1a1a", arrowsize=0.6];',
)


def dot(network: Network, depth: int | None = None) -> str:
    """A directed graph from top to bottom, with a cluster for what repeats and the figures as tooltips.

    >>> from cnnarch.network import load
    >>> print(dot(load("lenet5"))[-30:-1])
        n6 -> n7;
        n7 -> n8;
    }
    """
    found = diagram(network, depth)
    colors = fills(found.parts)
    lines = [
        "digraph {",
        *(f"    {line}" for line in _HEAD),
        f"    label={_quoted(found.title)};",
        *nested(found.parts, lambda box: _box(box, *colors[box.kind]), _opening, "}"),
        *(f"    n{one} -> n{other};" for one, other in found.arrows),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _box(box: Box, fill: str, ink: str) -> str:
    rounded = ', style="filled,rounded"' if box.kind == END else ""
    about = f", tooltip={_quoted(box.about)}" if box.about else ""
    return f'n{box.number} [label={_quoted(*box.lines)}, fillcolor="{fill}", fontcolor="{ink}"{rounded}{about}];'


def _opening(group: Group) -> list[str]:
    return [f"subgraph cluster_{group.number} {{", f"label={_quoted(group.title)}; labeljust=l; style=rounded;"]


def _quoted(*lines: str) -> str:
    r"""Lines as a string: a backslash is the start of an escape, and `&` that of an entity.

    >>> print(_quoted('a "b" \\N &lt;', "c"))
    "a \"b\" \\N &amp;lt;\nc"
    """
    escaped = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines)
    return f'"{escaped}"'
