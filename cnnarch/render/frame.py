"""What stands above and below the tables of a network."""

from __future__ import annotations

from cnnarch.errors import listed, printable
from cnnarch.network import Network
from cnnarch.render.sheets import Line, Page

__all__ = ["counted", "footing", "heading", "not_counted"]


def heading(network: Network) -> Page:
    """The name, what goes in, and the source."""
    shapes = ", ".join(str(shape) if name == "input" else f"{name} {shape}" for name, shape in network.inputs.items())
    page: Page = [Line(f"{network.name} · input {shapes}", "title")]
    if network.spec.origin:
        page.append(Line(network.spec.origin, "aside"))
    return page


def footing(network: Network) -> Page:
    """What else to look at, and what was counted."""
    page: Page = [*not_counted(network)]
    if network.spec.see_also:
        page.append(Line(f"see also {', '.join(network.spec.see_also)}", "aside"))
    return [*page, counted(network.batch)]


def not_counted(network: Network) -> list[Line]:
    """Which layers lack in the sums, if any."""
    lacking = network.graph.not_counted
    if not lacking:
        return []
    named = listed([f"{node.name} ({node.layer.operation().partition(', ')[0]})" for node in lacking])
    verb = "is" if len(lacking) == 1 else "are"
    return [Line(printable(f"{named} {verb} not counted: sums are at least what they say"), "text")]


def counted(batch: int) -> Line:
    """What was counted, in one line."""
    return Line(
        "MACs = multiply-adds, biases not counted (FLOPs = 2 × MACs); element ops = all that is computed beside them; "
        f"batch {batch}",
        "aside",
    )
