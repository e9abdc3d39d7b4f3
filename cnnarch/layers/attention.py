"""Attention and what goes with it: tokens, and where they stand."""

from __future__ import annotations

from math import prod

from cnnarch.errors import Cause
from cnnarch.layers.base import KEEPS_INPUTS, Figures, Kept, Layer, Step
from cnnarch.layers.field import ALL, PLACES, Reading, Reads, cut
from cnnarch.layers.settings import Count, Flag, setting
from cnnarch.layers.sliding import product, times
from cnnarch.shapes import Shape

__all__ = ["Attention", "ClassToken", "Embedding", "PositionEmbedding", "Select"]


class Attention(Layer):
    """Mix the places of a tensor, each by its likeness to all others, in several heads.

    A second input, if there is one, is what the places of the first look at: cross-attention. Four
    projections (query, key, value, output), and two products between all places.

    >>> attention = Attention(heads=12)
    >>> x = Shape(197, 768)
    >>> attention.count_weights(x), attention.count_biases(x)  # 4·768·768, and 4·768
    (2359296, 3072)
    >>> attention.count_macs(x)  # 197·2,359,296 of the projections, 2·197²·768 of the products
    524391936
    >>> Attention(heads=8).output(Shape(25, 256), Shape(577, 384))
    Shape(25, 256)

    Units: weights and biases in numbers, MACs in multiply-adds for a batch of 1; softmax and scaling
    are not multiply-adds.
    Errors: heads that do not divide the width; a vector, which has no places.
    """

    kind = "attention"
    family = "attention"
    inputs = (1, 2)
    elsewhere = ("multiheadattention", "selfattention", "crossattention", "mha", "multiheadselfattention")
    example = "attention: {heads: 12}"
    sample = ({"heads": 4}, (Shape(50, 64),))
    source = "Vaswani et al. 2017, Attention is all you need, arXiv:1706.03762, section 3.2"

    heads: int = setting(Count(), "parts of the width that attend on their own", elsewhere=("num_heads", "nhead"))
    units: int | None = setting(
        Count(), "width of the queries, keys and values of all heads; the input's channels if not given", default=None,
        elsewhere=("key_dim", "embed_dim", "inner_dim", "width"),
    )  # fmt: skip
    bias: bool = setting(Flag(), "whether the projections add biases", default=True, elsewhere=("use_bias", "qkv_bias"))
    relative: bool = setting(
        Flag(), "whether every head adds a weight for each distance between two places", default=False
    )
    relative_units: int | None = setting(
        Count(), "hidden units of a network that makes such weights of the distance; if not given, a table holds them",
        default=None, elsewhere=("cpb_units",),
    )  # fmt: skip
    cosine: bool = setting(Flag(), "whether likeness is the cosine, with a scale that every head learns", default=False)

    def width(self, x: Shape) -> int:
        return self.units or x.channels

    def output(self, x: Shape, memory: Shape | None = None) -> Shape:
        for one in (x, memory or x):
            if not one.rank:
                raise Cause(f"attention needs places to attend to, and a vector has none: {one} is the input")
        if self.relative and memory is not None and memory.spatial != x.spatial:
            raise Cause(
                f"distances between the places of {x} and of {memory} are not defined", "relative",
                "weights for distances are for one input, or two of the same height and width",
            )  # fmt: skip
        if self.relative_units and not self.relative:
            raise Cause("there is no `relative` beside the `relative_units`", "relative_units", "add `relative: true`")
        if self.width(x) % self.heads:
            raise Cause(f"heads {self.heads} does not divide the width {self.width(x)}", "heads")
        return Shape(*x)

    def distances(self, x: Shape) -> int:
        """How many distances there are between two places of a tensor, (2·7 − 1)² for 7×7."""
        return prod(2 * size - 1 for size in x.spatial)

    def of_distance(self, x: Shape) -> int:
        """Weights of the network that reads a distance along every axis, and gives each head a weight."""
        return (x.rank + self.heads) * (self.relative_units or 0)

    def count_weights(self, x: Shape, memory: Shape | None = None) -> int:
        table = self.distances(x) * self.heads if self.relative and not self.relative_units else 0
        scales = self.heads if self.cosine else 0
        return self.width(x) * 2 * (x.channels + (memory or x).channels) + table + self.of_distance(x) + scales

    def count_biases(self, x: Shape, memory: Shape | None = None) -> int:
        return (3 * self.width(x) + x.channels if self.bias else 0) + (self.relative_units or 0)

    def count_macs(self, x: Shape, memory: Shape | None = None) -> int:
        """Each place is multiplied with the weights of its projections, and all places with each other, twice."""
        other = memory or x
        places, others = prod(x.spatial), prod(other.spatial)
        return self.width(x) * 2 * (places * x.channels + others * other.channels + places * others)

    def field(self, x: Shape, memory: Shape | None = None) -> tuple[Reading, ...]:
        return (ALL,) if memory is None else (PLACES, ALL)

    def count_working(self, x: Shape, memory: Shape | None = None) -> int:
        """Queries, keys and values, and a score of each head for every two places.

        What the heads make takes the place of the queries. A fused kernel, which has never all scores at a time,
        needs less (Dao et al. 2022, FlashAttention, arXiv:2205.14135).
        """
        places, others = prod(x.spatial), prod((memory or x).spatial)
        return self.width(x) * (places + 2 * others) + self.heads * places * others

    def count_kept(self, x: Shape, memory: Shape | None = None) -> Kept:
        """As PyTorch without a fused kernel; with cosines, what they are made of too."""
        places, others = prod(x.spatial), prod((memory or x).spatial)
        pairs = self.heads * places * others
        values = 2 * self.width(x) * (places + others) + pairs
        once = self.distances(x) * self.relative_units + pairs if self.relative_units else 0
        words = "its inputs, queries, keys and values, the scores after softmax, and what the heads make"
        if self.cosine:  # queries, keys and scores before they are scaled, lengths twice, once to divide by
            values += (self.width(x) + 2 * self.heads) * (places + others) + pairs
            once += self.heads
            words += "; queries, keys and scores before they are scaled, and the lengths"
        return Kept(words, inputs=True, values=values, values_once=once)

    def element_terms(self, x: Shape, memory: Shape | None = None) -> list[tuple[str, str, int]]:
        """The element operations in one region: formula, arithmetic, number."""
        other, width, heads = memory or x, self.width(x), self.heads
        places, others = prod(x.spatial), prod(other.spatial)
        pairs = heads * places * others
        terms = []
        if self.bias:
            biases = places * (width + x.channels) + 2 * others * width
            formula = "places × (units + channels) + 2 × memory × units"
            terms.append((formula, f"{places} * ({width} + {x.channels}) + 2 * {others} * {width}", biases))
        if self.cosine:
            terms.append(
                ("3 × units × (places + memory)", f"3 * {width} * ({places} + {others})", 3 * width * (places + others))
            )
            terms.append(("heads × places × memory", f"{heads} * {places} * {others}", pairs))
        else:
            terms.append(("places × units", f"{places} * {width}", places * width))
        if self.relative:
            terms.append(("heads × places × memory", f"{heads} * {places} * {others}", pairs))
        softmax = heads * places * (5 * others - 2)
        terms.append(("heads × places × (5 × memory − 2)", f"{heads} * {places} * (5 * {others} - 2)", softmax))
        return terms

    def count_elements(self, x: Shape, memory: Shape | None = None) -> int:
        return sum(count for _, _, count in self.element_terms(x, memory))

    def explain_elements(self, x: Shape, memory: Shape | None = None) -> Step:
        terms = self.element_terms(x, memory)
        return Step(
            "element ops",
            " + ".join(words for words, _, _ in terms),
            " + ".join(arithmetic for _, arithmetic, _ in terms),
            self.count_elements(x, memory),
            self.element_words(),
        )

    def element_words(self) -> str:
        """What the terms of the element operations are for."""
        words = ["the biases"] if self.bias else []
        words.append("the lengths of queries and keys, the scale" if self.cosine else "the scale of the queries")
        words += ["the weights of distances"] if self.relative else []
        return ", ".join(words) + ", and softmax; masks are not counted"

    def figures(self, inputs: tuple[Shape, ...]) -> Figures:
        """The network's weights of distances are the same in all windows, and made once.

        Its hidden units add a bias and compare with 0; it gives every head 16·sigmoid (Liu et al. 2021,
        Swin Transformer V2, arXiv:2111.09883), 4 operations.
        """
        figures = super().figures(inputs)
        if not self.relative_units:
            return figures
        distances = self.distances(inputs[0])
        return figures._replace(
            macs=figures.macs + distances * self.of_distance(inputs[0]),
            elements=figures.elements + distances * (2 * self.relative_units + 4 * self.heads),
        )

    def operation(self, x: Shape, memory: Shape | None = None) -> str:
        return f"{self.heads} heads" + (f", over {times(memory.spatial)}" if memory else "")

    def explain(self, x: Shape, memory: Shape | None = None) -> list[Step]:
        other, width = memory or x, self.width(x)
        places, others = prod(x.spatial), prod(other.spatial)
        formula, terms = "(query + key + value + output) × units", ""
        if self.relative_units:
            formula += " + (axes + heads) × relative_units"
            terms += f" + ({x.rank} + {self.heads}) * {self.relative_units}"
        elif self.relative:
            formula += " + distances × heads"
            terms += f" + {self.distances(x)} * {self.heads}"
        if self.cosine:
            formula += " + heads"
            terms += f" + {self.heads}"
        biases = [("3 × units + channels", f"3 * {width} + {x.channels}")] if self.bias else []
        if self.relative_units:
            biases.append(("relative_units", f"{self.relative_units}"))
        sides = product(f"(2 * {size} - 1)" for size in x.spatial)
        distances = Step("distances", "(2 × size − 1) on every axis", sides, self.distances(x))
        made = f"{self.distances(x)} * ({x.rank} + {self.heads}) * {self.relative_units}"
        once = self.distances(x) * self.of_distance(x)
        return [
            Step("places", "input", product(x.spatial), places),
            *([Step("memory", "second input", product(other.spatial), others)] if memory else []),
            *([distances] if self.relative else []),
            Step(
                "weights",
                formula,
                f"({x.channels} + {other.channels} + {other.channels} + {x.channels}) * {width}" + terms,
                self.count_weights(x, memory),
            ),
            Step(
                "biases",
                " + ".join(words for words, _ in biases) or "none",
                " + ".join(values for _, values in biases) or "0",
                self.count_biases(x, memory),
            ),
            Step(
                "MACs",
                "(2 × places × channels + 2 × memory × channels + 2 × places × memory) × units",
                f"(2 * {places} * {x.channels} + 2 * {others} * {other.channels} + 2 * {places} * {others}) * {width}",
                self.count_macs(x, memory),
                "the projections, and the products of all places with all others",
            ),
            *([Step("MACs once", "distances × (axes + heads) × relative_units", made, once)] if once else []),
        ]


class ClassToken(Layer):
    """Put a token with weights of its own before a sequence, to gather what a class is told by.

    >>> token = ClassToken()
    >>> token.output(Shape(196, 768)), token.count_weights(Shape(196, 768))  # 197 = 196 + 1
    (Shape(197, 768), 768)

    Units: weights in numbers; no MACs.
    Errors: anything but a sequence.
    """

    kind = "class_token"
    elsewhere = ("clstoken", "classembedding", "cls")
    example = "class_token"
    sample = ({}, (Shape(196, 768),))
    source = "Dosovitskiy et al. 2020, An image is worth 16x16 words, arXiv:2010.11929, section 3.1"

    tokens: int = setting(Count(), "number of tokens", default=1, elsewhere=("num_tokens",))

    def output(self, x: Shape) -> Shape:
        _sequence(self.kind, x)
        return Shape(x.length + self.tokens, x.channels)

    def count_weights(self, x: Shape) -> int:
        return self.tokens * x.channels

    def field(self, x: Shape) -> tuple[Reading, ...]:
        return (cut((-self.tokens,)),)

    def explain(self, x: Shape) -> list[Step]:
        return [
            Step("length", "input + tokens", f"{x.length} + {self.tokens}", x.length + self.tokens),
            Step("weights", "tokens × channels", f"{self.tokens} * {x.channels}", self.count_weights(x)),
            Step("biases", "none", "0", 0),
        ]


class Select(Layer):
    """Keep one position of a sequence, as a vector.

    >>> Select(position=0).output(Shape(197, 768))  # the class token
    Shape(768)

    Units: no weights and no MACs.
    Errors: anything but a sequence; a position that it does not have.
    """

    kind = "select"
    view = True
    elsewhere = ("gather", "take", "getitem", "firsttoken", "indexselect")
    example = "select: 0"
    sample = ({"position": 0}, (Shape(197, 768),))
    source = "Dosovitskiy et al. 2020, An image is worth 16x16 words, arXiv:2010.11929, equation 4"

    position: int = setting(Count(0), "which position; the first is 0", elsewhere=("index", "indices"))

    def output(self, x: Shape) -> Shape:
        _sequence(self.kind, x)
        if self.position >= x.length:
            hint = f"the last is {x.length - 1}, as the first is 0"
            raise Cause(f"position {self.position} is behind the {x.length} positions of the input", "position", hint)
        return Shape(x.channels)

    def field(self, x: Shape) -> tuple[Reading, ...]:
        return ((Reads((range(self.position, self.position + 1),), 0),),)

    def operation(self, x: Shape) -> str:
        return f"position {self.position} of {x.length}"

    def explain(self, x: Shape) -> list[Step]:
        return [Step("units", "channels", str(x.channels), x.channels)]


class PositionEmbedding(Layer):
    """Add weights of its own to every place, to tell where it stands.

    >>> PositionEmbedding().count_weights(Shape(197, 768))  # 197·768
    151296

    Units: weights in numbers; no MACs, as nothing is multiplied.
    Errors: a vector; more places than `positions`.
    """

    kind = "position_embedding"
    in_place = True
    elsewhere = ("positionalembedding", "posembed", "posembedding", "positionencoding", "positionalencoding")
    example = "position_embedding"
    sample = ({}, (Shape(197, 768),))
    source = "Dosovitskiy et al. 2020, An image is worth 16x16 words, arXiv:2010.11929, section 3.1"
    per_value = 1
    per_value_words = "an addition each"

    positions: int | None = setting(
        Count(), "places that have weights; those of the input if not given", default=None,
        elsewhere=("max_length", "max_position_embeddings", "num_embeddings"),
    )  # fmt: skip

    def output(self, x: Shape) -> Shape:
        if not x.rank:
            raise Cause(f"position_embedding needs places, and a vector has none: {x} is the input")
        if self.positions and self.positions < prod(x.spatial):
            raise Cause(f"{self.positions} positions are too few for the input's {prod(x.spatial)} places", "positions")
        return Shape(*x)

    def count_weights(self, x: Shape) -> int:
        return (self.positions or prod(x.spatial)) * x.channels

    def weights_read(self, times: int, x: Shape) -> int:
        """The rows of the places that there are, the same for every input."""
        return x.units

    def explain(self, x: Shape) -> list[Step]:
        places = (self.positions,) if self.positions else x.spatial
        return [
            Step("weights", "positions × channels", product((*places, x.channels)), self.count_weights(x)),
            Step("biases", "none", "0", 0),
        ]


class Embedding(Layer):
    """Look up a vector for every number of a sequence, such as the characters of a text.

    >>> embedding = Embedding(vocabulary=97, units=256)
    >>> embedding.output(Shape(25, 1)), embedding.count_weights(Shape(25, 1))  # 97·256
    (Shape(25, 256), 24832)

    Units: weights in numbers; no MACs, as a row is read and not multiplied.
    Errors: anything but a sequence of single numbers.
    """

    kind = "embedding"
    kept = KEEPS_INPUTS
    elsewhere = ("wordembedding", "tokenembedding", "lookup", "lookuptable")
    example = "embedding: {vocabulary: 97, units: 256}"
    sample = ({"vocabulary": 97, "units": 256}, (Shape(25, 1),))
    source = "Bengio et al. 2003, A neural probabilistic language model"

    vocabulary: int = setting(
        Count(), "how many different numbers there are", elsewhere=("num_embeddings", "input_dim", "vocab_size")
    )
    units: int = setting(Count(), "size of a vector", elsewhere=("embedding_dim", "output_dim", "channels"))

    def output(self, x: Shape) -> Shape:
        if x.rank != 1 or x.channels != 1:
            hint = "an input of 25 characters is written 25x1"
            raise Cause(f"embedding reads a sequence of single numbers, and {x} is the input", hint=hint)
        return Shape(x.length, self.units)

    def count_weights(self, x: Shape) -> int:
        return self.vocabulary * self.units

    def weights_read(self, times: int, x: Shape) -> int:
        """A row for every number, as far as there are different ones."""
        return min(times * x.regions * x.length, self.vocabulary) * self.units

    def operation(self, x: Shape) -> str:
        return f"{self.vocabulary} of {self.units}"

    def explain(self, x: Shape) -> list[Step]:
        return [
            Step("length", "input", str(x.length), x.length),
            Step("units", "units", str(self.units), self.units),
            Step("weights", "vocabulary × units", f"{self.vocabulary} * {self.units}", self.count_weights(x)),
            Step("biases", "none", "0", 0),
        ]


def _sequence(kind: str, x: Shape) -> None:
    if x.rank != 1:
        hint = "`tokens` turns an image into the sequence of its places" if x.rank == 2 else ""
        raise Cause(f"{kind} needs a sequence, and {x} is the input", hint=hint)
