"""Whether a spec keeps the figures that were published for it."""

from typing import NamedTuple

from cnnarch.analysis.totals import total
from cnnarch.graph import Graph
from cnnarch.spec.build import build
from cnnarch.spec.model import Claim, Spec

__all__ = ["Verdict", "verdicts"]


class Verdict(NamedTuple):
    """A published figure beside ours; `kept` if ours has the digits given."""

    claim: Claim
    value: int

    @property
    def kept(self) -> bool:
        return self.claim.least <= self.value <= self.claim.most


def verdicts(spec: Spec, graph: Graph) -> list[Verdict]:
    """Compare a network as it was published with its claims; `graph` is the spec, built unchanged.

    >>> from cnnarch.spec import catalog
    >>> spec = catalog.read("vgg16")
    >>> [(verdict.claim.text, verdict.value, verdict.kept) for verdict in verdicts(spec, build(spec))][0]
    ('138M', 138357544, True)
    """
    totals = total(graph)
    found = []
    for claim in spec.published:
        about = totals if claim.inputs is None else total(build(spec, inputs=claim.inputs))
        found.append(Verdict(claim, getattr(about, claim.key)))
    return found
