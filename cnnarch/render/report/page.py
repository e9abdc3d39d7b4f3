"""The page itself: what stands on it and in which order, and the policy that nothing else can be loaded or run."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from importlib.resources import files

from cnnarch.analysis.figures import FIGURES
from cnnarch.analysis.outline import glyphs, outline
from cnnarch.analysis.savings import add_up
from cnnarch.network import Network
from cnnarch.render import comparison, receptive_field
from cnnarch.render.columns import NETWORK_COLUMNS, chosen, subtotal_columns
from cnnarch.render.figure import svg
from cnnarch.render.frame import footing
from cnnarch.render.numbers import factor, grouped, size
from cnnarch.render.report import data, field, layers
from cnnarch.render.sheets import Line, Page, Sheet
from cnnarch.render.web import STYLE, fragment, safe

__all__ = ["document"]

KEY_FIGURES = (
    "params", "macs", "elements", "weight_layers", "layers", "weight_memory", "activations", "peak", "training_memory",
    "intensity", "receptive_field",
)  # fmt: skip
MOST_NAMED = 3  # networks in a title
HINT = "Point at a layer to find it in the table; choose it to see its arithmetic. Arrow keys go from layer to layer."
MOST_DRAWN = 1000  # signs in a figure
MOST_PAIRS = 40  # rows of a comparison that are open


def document(networks: Sequence[Network]) -> str:
    """One page about a network, or about several and how they compare; the same bytes for the same specs.

    >>> from cnnarch.network import load
    >>> document([load("lenet5")]).splitlines()[0]
    '<!DOCTYPE html>'
    """
    title = _title(networks)
    parts = [_one(networks[0], 0)] if len(networks) == 1 else list(_several(networks, title))
    style, script = f"{STYLE}\n{svg.STYLE}\n{_file('style.css')}{layers.bars()}\n", _file("script.js")
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{safe(title)}</title>",
            f"<style>{style}</style>\n<script>{script}</script>\n</head>\n<body>",
            '<a class="skip" href="#content">Skip to the content</a>',
            *parts,
            "</body>\n</html>\n",
        ]
    )


def _policy(style: str, script: str) -> str:
    """Nothing but this style and this script; w3.org/TR/CSP3."""
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


@lru_cache
def _file(name: str) -> str:
    return files("cnnarch.render.report").joinpath(name).read_text("utf-8").replace("\r\n", "\n")


def _title(networks: Sequence[Network]) -> str:
    names = [network.name for network in networks]
    if len(names) > MOST_NAMED:
        return f"{', '.join(names[:MOST_NAMED])} and {len(names) - MOST_NAMED} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _one(network: Network, number: int) -> str:
    return "\n".join(
        [
            f"<header>\n<h1>{safe(network.name)}</h1>\n{_lede(network)}</header>",
            f'<main id="content" tabindex="-1">\n{_network(network, number, 2)}</main>',
            f"<footer>\n{_footer([network])}</footer>",
        ]
    )


def _several(networks: Sequence[Network], title: str) -> Iterator[str]:
    """First how they compare, then each for itself."""
    links = [f'<li><a href="#network{number}">{safe(one.name)}</a></li>' for number, one in enumerate(networks)]
    contents = "".join(['<li><a href="#comparison">Comparison</a></li>', *links])
    yield f'<header>\n<h1>{safe(title)}</h1>\n<nav aria-label="Contents">\n<ul>{contents}</ul>\n</nav>\n</header>'
    yield f'<main id="content" tabindex="-1">\n{_section("comparison", "Comparison", 2, _compared(networks))}'
    for number, network in enumerate(networks):
        name = f"network{number}"
        yield f'<section class="whole" aria-labelledby="{name}">\n<h2 id="{name}">{safe(network.name)}</h2>'
        yield f"{_lede(network)}{_network(network, number, 3)}</section>"
    yield f"</main>\n<footer>\n{_footer(networks)}</footer>"


def _compared(networks: Sequence[Network]) -> str:
    two = len(networks) == 2
    made = comparison.page(networks[0], networks[1]) if two else comparison.page_of_several(networks)
    parts = [part for part in made[:-1] if not (isinstance(part, Line) and part.style == "title")]
    titles = iter(("Totals", "Layer against layer"))
    named = [part._replace(title=next(titles)) if isinstance(part, Sheet) else part for part in parts]
    folded = [
        part._replace(folded=part.title, title="") if isinstance(part, Sheet) and len(part.rows) > MOST_PAIRS else part
        for part in named
    ]
    return _tables(folded)


def _tables(page: Page) -> str:
    return f'<div class="cnnarch">\n{fragment(page, 4)}</div>\n'


def _section(name: str, title: str, level: int, body: str) -> str:
    """A part of the page; a landmark if it is one of the page's, not of one network's among several."""
    called = f' aria-labelledby="{name}"' if level == 2 else ""
    return f'<section{called}>\n<h{level} id="{name}">{title}</h{level}>\n{body}</section>\n'


def _lede(network: Network) -> str:
    """What it is, what goes in and comes out, and where it is from."""
    spec = network.spec
    about = [spec.task, str(spec.year) if spec.year else ""]
    shapes = ", ".join(str(shape) if name == "input" else f"{name} {shape}" for name, shape in network.inputs.items())
    parts = [*(one for one in about if one), f"input {shapes}"]
    changed = ", with other settings than those of the spec" if network.changed else ""
    first = f"<p>{safe(' · '.join(parts))}{changed}</p>"
    told = [Line(text) for text in (spec.origin, spec.note) if text]
    return f'<div class="lede">\n{first}\n{fragment([*told])}</div>\n'


def _network(network: Network, number: int, level: int) -> str:
    """All about one network; every section's name ends with its number."""
    made = [
        _section(f"figures{number}", "Key figures", level, _figures(network, level > 2)),
        _section(f"shape{number}", "The network", level, _shape(network)),
        _section(f"layers{number}", "Layer by layer", level, _layers(network, number)),
    ]
    if network.savings():
        made.append(_section(f"savings{number}", "What the convolutions save", level, _savings(network)))
    if network.memory.turns:
        made.append(_section(f"memory{number}", "Memory over time", level, _memory(network)))
    if network.receptive_field.inputs:
        made.append(_section(f"field{number}", "Receptive field", level, _field(network)))
    return f'<div class="network" data-network="{number}">\n{"".join(made)}{data.element(network)}</div>\n'


def _figures(network: Network, named: bool) -> str:
    """The figures of the whole network, each with what it counts."""
    rows = []
    for column in chosen(NETWORK_COLUMNS, KEY_FIGURES):
        value = column.get(network)
        shown = (column.show(value) or "0") if value is not None else f"not known: {FIGURES[column.key].why(network)}"
        rows.append(f"<div><dt>{safe(column.title)}</dt><dd>{safe(shown)} <span>{safe(column.about)}</span></dd></div>")
    return f'<dl class="figures">\n{chr(10).join(rows)}\n</dl>\n{_families(network, named)}'


def _families(network: Network, named: bool) -> str:
    """Convolutions against the rest; with the network's name where there are several such tables."""
    title = f"Weights and work of {network.name}" if named else "Weights and work"
    sheet = Sheet(subtotal_columns(network), network.subtotals, title=title)
    return _tables([sheet]) if network.subtotals else ""


def _figure(drawn: str, caption: str, class_: str = "", hint: str = "") -> str:
    """A drawing and its caption; the `hint` is for those who have scripts."""
    kind = f' class="{class_}"' if class_ else ""
    told = f'{safe(caption)} <span class="hint">{safe(hint)}</span>' if hint else safe(caption)
    return f'<figure{kind}>\n<div class="drawn">\n{drawn}</div>\n<figcaption>{told}</figcaption>\n</figure>\n'


def _drawn(module: str, name: str, network: Network) -> str:
    """A figure without its style, which the page has once."""
    made: str = getattr(import_module(f"cnnarch.render.figure.{module}"), name)(network, style=False)
    return made


def _shape(network: Network) -> str:
    if len(network.layers) > MOST_DRAWN and sum(1 for _ in glyphs(outline(network.graph).items)) > MOST_DRAWN:
        many = f"More than {grouped(MOST_DRAWN)} layers differ: too many for a figure here; `cnnarch draw` draws them."
        return fragment([Line(many)])
    strip = _figure(_drawn("strip", "strip", network), "What repeats is drawn once.", hint=HINT)
    boxes = _figure(_drawn("blocks", "blocks", network), "Height and width of the maps, and channels.", hint=HINT)
    return f'{strip}<details class="boxes">\n<summary>As boxes</summary>\n{boxes}</details>\n'


def _layers(network: Network, number: int) -> str:
    profile = _figure(
        _drawn("profile", "profile", network), "From the input on the left to the output on the right.", "profile", HINT
    )
    controls = (
        '<div class="controls" hidden>\n'
        '<label>Search <input type="search" autocomplete="off" spellcheck="false"></label>\n'
        '<button type="button" data-do="open">Open all blocks</button>\n'
        '<button type="button" data-do="close">Close all</button>\n'
        '<button type="button" data-do="tree" hidden>Back to the order of the network</button>\n'
        '<p role="status"></p>\n</div>\n'
    )
    scroll = f'<div class="scroll" role="region" aria-label="{safe(network.name)}: layers" tabindex="0">'
    more = '<p class="more" hidden><button type="button" data-do="more">Show all rows</button></p>\n'
    return f"{profile}{controls}{scroll}\n{layers.table(network)}</div>\n{more}{_templates(network)}"


def _templates(network: Network) -> str:
    """For each input the drawing that a receptive field is shown in."""
    shapes = [network.inputs[name] for name in network.receptive_field.inputs]
    drawn = [field.drawing(shape, None, "receptive field over the input") for shape in shapes]
    return "".join(f'<template class="over">{one}</template>\n' for one in drawn)


def _savings(network: Network) -> str:
    total = add_up(network.savings())
    parts = [f"Between the same inputs and outputs, fully connected layers would have {grouped(total.dense)} weights"]
    if total.shared:
        parts.append(
            f"windows alone leave {grouped(total.sparse)} ({factor(total.window_factor)}), and with one set of weights "
            f"for all places there are {grouped(total.shared)} ({factor(total.sharing_factor)})"
        )
    chart = _figure(
        _drawn("charts", "savings_chart", network), "Weights on a logarithmic scale: each line is ten times the last."
    )
    return f"<p>{safe('; '.join(parts))}.</p>\n{chart}"


def _memory(network: Network) -> str:
    found = network.memory
    turn = found.turns[found.at]
    words = (
        f"At inference no more than {size(found.peak)} of tensors are alive at a time, while {turn.name} runs, "
        f"beside {size(found.weights)} of weights ({found.dtype}, batch {grouped(found.batch)})."
    )
    chart = _figure(
        _drawn("charts", "memory_chart", network), "What is alive while each layer runs, in the order of the spec."
    )
    return f"<p>{safe(words)}</p>\n{chart}"


def _field(network: Network) -> str:
    told = "".join(f"<p>{safe(line.text)}</p>\n" for line in receptive_field.ends(network))
    found = field.last(network)
    if found is None:
        return told
    where = f"{found.node.name}: {field.sentence(network, found)}"
    drawn = field.drawing(network.inputs[found.input], field.place(network, found), where)
    return told + _figure(drawn, f"The place in the middle of {where}.", "field")


def _footer(networks: Sequence[Network]) -> str:
    """What is counted, and by what."""
    lines = [line for network in networks for line in footing(network) if isinstance(line, Line)]
    texts = dict.fromkeys(line.text for line in lines)
    version = import_module("cnnarch").__version__
    told = "".join(f"<p>{safe(text)}</p>\n" for text in texts)
    return f"<h2>What is counted</h2>\n{told}<p>Made by cnnarch {safe(version)}.</p>\n"
