"""What training keeps in memory: weights, gradients, the optimiser's state, and activations for the backward pass."""

from typing import NamedTuple

from cnnarch.graph import Graph

__all__ = ["OPTIMIZERS", "KeptBy", "Training", "training"]

# Numbers for each parameter beside its gradient: none, a momentum, or the two moments of Kingma & Ba 2014,
# arXiv:1412.6980.
OPTIMIZERS = {"sgd": 0, "momentum": 1, "adam": 2}


class KeptBy(NamedTuple):
    """What the layers of one kind keep: `tensors` are inputs and outputs, `beside` what is made only to be kept.

    A tensor that several layers keep is counted with the first of them.
    """

    kind: str
    words: str
    layers: int
    tensors: int
    beside: int

    @property
    def size(self) -> int:
        return self.tensors + self.beside


class Training(NamedTuple):
    """Bytes in training: of each parameter its value, its gradient and the optimiser's state; the rest once.

    Not in it: gradients of activations, the workspaces of algorithms, the loss.
    """

    weights: int
    buffers: int
    kept: tuple[KeptBy, ...]

    @property
    def gradients(self) -> int:
        return self.weights

    @property
    def activations(self) -> int:
        return sum(one.size for one in self.kept)

    def state(self, optimizer: str = "adam") -> int:
        """What the optimiser keeps."""
        return OPTIMIZERS[optimizer] * self.weights

    def total(self, optimizer: str = "adam") -> int:
        return self.weights + self.gradients + self.state(optimizer) + self.buffers + self.activations


def training(graph: Graph, batch: int = 1, width: int = 4) -> Training:
    """What training keeps for a batch, with numbers of `width` bytes; what is only there in training, too.

    The rule is what PyTorch's autograd saves. Nothing is kept by a layer that no gradient goes through: it has no
    parameters, and none stand before it.

    >>> from cnnarch.spec import build, catalog
    >>> found = training(build.build(catalog.read("vgg16")))
    >>> found.weights, found.total("sgd") - found.activations  # 4 · 138,357,544, and twice that
    (553430176, 1106860352)
    """
    nodes = graph.nodes
    tensor = list(range(len(nodes)))  # the node that made what a node's output lies in
    trained = [False] * len(nodes)  # whether a gradient goes through
    counted = [False] * len(nodes)
    found: dict[str, list[int]] = {}
    words: dict[str, str] = {}
    weights = buffers = 0
    for number, node in enumerate(nodes):
        weights += node.params
        buffers += node.buffers
        layer, sources = node.layer, node.sources
        if layer.is_view(training=True) and sources:
            tensor[number] = tensor[sources[0]]
        trained[number] = bool(node.figures.params) or any(trained[source] for source in sources)
        if not trained[number]:
            continue
        shapes = graph.shapes(node)
        kept = layer.count_kept(*shapes)
        regions = 1 if layer.joins_regions else shapes[0].regions
        beside = regions * batch * (kept.values * width + kept.size) + kept.values_once * width + kept.size_once
        if not (kept.inputs or kept.output or beside):
            continue
        taken = [tensor[one] for one in (*(sources if kept.inputs else ()), *((number,) if kept.output else ()))]
        first = [one for one in dict.fromkeys(taken) if not counted[one]]
        for one in first:
            counted[one] = True
        sums = found.setdefault(layer.kind, [0, 0, 0])
        words[layer.kind] = kept.words
        sums[0] += 1
        sums[1] += sum(nodes[one].output.size for one in first) * batch * width
        sums[2] += beside
    rows = tuple([KeptBy(kind, words[kind], *sums) for kind, sums in found.items()])
    return Training(weights * width, buffers * width, rows)
