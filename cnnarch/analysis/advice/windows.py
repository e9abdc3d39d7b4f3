"""Windows: what convolutions and pools read of their input."""

from collections.abc import Iterator
from math import gcd, prod

from cnnarch.analysis.advice.base import Finding, Plan, Rule, also, gathered
from cnnarch.analysis.advice.reading import Place, losses, met, on_padding, places, shifts
from cnnarch.layers.sliding import times

__all__ = ["EvenKernelSame", "PaddingBeyondKernel", "StrideLargerThanKernel", "UnreadPixels", "WeightsOnPadding"]

MOST_PADDING = 32  # that is tried
ENDS = {1: ("position",), 2: ("row", "column"), 3: ("plane of axis 1", "plane of axis 2", "plane of axis 3")}


class UnreadPixels(Rule):
    """Pixels at the end of an axis, or between those that dilated windows read, are never read by anything.

    Where the stride does not fit the size, the last window ends before the last pixel: what made those pixels was
    computed for nothing, and what stands at that border is not seen. Often a padding or the size of the input is
    not the one that was meant, as with the 224 pixels of AlexNet's paper for the 227 that its arithmetic needs.
    A dilation that has a divisor in common with the stride leaves holes between the pixels that are read.

    Pixels that another layer reads are no cause.
    """

    code = "W101"
    name = "unread-pixels"
    size = "224x224x3"
    example = "- conv: {filters: 96, kernel: 11, stride: 4}"
    better = "- conv: {filters: 96, kernel: 11, stride: 4, padding: 2}"
    source = "Dumoulin & Visin 2016, A guide to convolution arithmetic, arXiv:1603.07285, relationship 6"

    def findings(self, plan: Plan) -> Iterator[Finding]:
        cases = [one for one in losses(plan) if not (one.holes and _skips(one.place))]
        for alike in gathered(cases, lambda one: (one.place.windows, one.tails, one.holes)):
            place, holes = alike[0].place, alike[0].holes
            message = _holes(place) if holes else _ends(place, alike[0].tails)
            hint = _dense(place) if holes else _fitting(plan, place)
            yield self.found(place.node.name, message + also([node for one in alike for node in one.nodes]), hint)


class EvenKernelSame(Rule):
    """An even kernel with padding `same` moves the image by half a pixel.

    The padding cannot be the same on both sides, so one pixel more is added at the bottom and right, and what a
    window reads lies half a pixel beside the place that it is for. Over several such layers the shifts add up,
    and in one direction.

    A window that pads no side, or both alike, is no cause. Nor is one with an even stride, such as a 2×2 pool with
    stride 2 on an odd map: its places lie between pixels, as do those of the smaller map.
    """

    code = "W102"
    name = "even-kernel-same"
    example = "- conv: {filters: 64, kernel: 4, padding: same}"
    better = "- conv: {filters: 64, kernel: 3, padding: same}"
    source = "Wu et al. 2019, Convolution with even-sized kernels and symmetric padding, arXiv:1903.08385"

    def findings(self, plan: Plan) -> Iterator[Finding]:
        cases = [
            one
            for one in places(plan)
            if one.node.layer.padding == "same"  # type: ignore[attr-defined]
            and any(map(shifts, one.windows))
        ]
        for alike in gathered(cases, lambda one: one.windows):
            place = alike[0]
            window = next(filter(shifts, place.windows))
            pads = f"{window.before} before and {window.after} behind"
            message = f"{place.words} are padded with {pads}, and shift the image by half a pixel"
            hint = f"an odd kernel, {window.size - 1} or {window.size + 1}, has a pixel in its middle"
            yield self.found(place.node.name, message + also([one.node for one in alike]), hint)


class StrideLargerThanKernel(Rule):
    """The stride is larger than the kernel, and nothing else reads the pixels between the windows.

    A 1×1 convolution with stride 2 reads one pixel of four. In the bottleneck of 2015 it stands first, and its
    shortcut skips the same pixels: three quarters of what the stage before made are lost. Later networks give the
    stride to the 3×3, and put an average pool before the shortcut's convolution.

    A shortcut whose main path reads all pixels is no cause, and neither is a pool with a kernel of 1, which is
    written to take every second pixel.
    """

    code = "W103"
    name = "stride-larger-than-kernel"
    example = "- conv: {filters: 64, kernel: 1, stride: 2}\n- relu\n- conv: {filters: 64, kernel: 3, padding: half}"
    better = "- conv: {filters: 64, kernel: 1}\n- relu\n- conv: {filters: 64, kernel: 3, stride: 2, padding: half}"
    source = "He et al. 2018, Bag of tricks for image classification, arXiv:1812.01187, section 4.2"

    def findings(self, plan: Plan) -> Iterator[Finding]:
        cases = [one for one in losses(plan) if one.holes and _skips(one.place) and not _subsamples(one.place)]
        for alike in gathered(cases, lambda one: one.place.kernels):
            message = _holes(alike[0].place)
            hint = "give the stride to a layer with a larger kernel, or pool before"
            nodes = [node for one in alike for node in one.nodes]
            yield self.found(nodes[0].name, message + also(nodes), hint)


class PaddingBeyondKernel(Rule):
    """The padding is as wide as the kernel, so that some windows see nothing but padding.

    Their outputs are the bias, whatever the image, and make the map larger: a 1×1 convolution with a padding of 1
    puts a frame of constants around it. It is mostly left over from a 3×3 that once stood there.
    """

    code = "W104"
    name = "padding-beyond-kernel"
    example = "- conv: {filters: 64, kernel: 1, padding: 1}"
    better = "- conv: {filters: 64, kernel: 1}"
    source = "Dumoulin & Visin 2016, A guide to convolution arithmetic, arXiv:1603.07285, section 2.2.2"

    def findings(self, plan: Plan) -> Iterator[Finding]:
        cases = [one for one in places(plan) if any(map(on_padding, one.windows, one.x.spatial))]
        for alike in gathered(cases, lambda one: (one.windows, one.x.spatial)):
            place = alike[0]
            window = next(w for w, length in zip(place.windows, place.x.spatial) if on_padding(w, length))
            pad = max(window.before, window.after)
            message = f"{place.words} are padded with {pad}: the outermost see no pixel"
            hint = f"a padding of at most {window.reach - 1} leaves a pixel in every window"
            yield self.found(place.node.name, message + also([one.node for one in alike]), hint)


class WeightsOnPadding(Rule):
    """Weights of a kernel never meet a pixel, only padding.

    Where the map is smaller than half of the window, the outer weights of the kernel stand on padding at every
    place: a 3×3 on a map of 1×1 is a 1×1 with eight weights of nine that are stored, multiplied, and never trained.
    So it goes with a network for large images on small ones, and with a dilation as large as the map.
    """

    code = "W105"
    name = "weights-on-padding"
    size = "1x1x64"
    example = "- conv: {filters: 64, kernel: 3, padding: half}"
    better = "- conv: {filters: 64, kernel: 1}"
    source = "Chen et al. 2017, Rethinking atrous convolution, arXiv:1706.05587, section 3.3 and figure 4"

    def findings(self, plan: Plan) -> Iterator[Finding]:
        cases = []
        for one in places(plan):
            cells = prod(map(met, one.windows, one.x.spatial))
            if one.node.figures.weights and cells < prod(window.size for window in one.windows):
                cases.append(one)
        for alike in gathered(cases, lambda one: (one.windows, one.x.spatial)):
            place = alike[0]
            cells = prod(one.size for one in place.windows)
            unmet = cells - prod(map(met, place.windows, place.x.spatial))
            message = f"{unmet} of {cells} weights of {place.words} never meet a pixel"
            message += f" on a map of {times(place.x.spatial)}"
            hint = "a larger input, fewer strides before, or a smaller kernel or dilation"
            yield self.found(place.node.name, message + also([one.node for one in alike]), hint)


def _skips(place: Place) -> bool:
    """Whether pixels lie between windows."""
    return any(one.stride > one.reach for one in place.windows)


def _subsamples(place: Place) -> bool:
    """Whether it is a pool that does nothing but leave pixels out."""
    return not place.node.figures.weights and all(one.size == 1 for one in place.windows)


def _ends(place: Place, tails: tuple[int, ...]) -> str:
    """`... never read the last 1 of 224 rows and the last 1 of 224 columns`."""
    axes = zip(ENDS[place.x.rank], place.x.spatial, tails)
    parts = [f"the last {tail} of {length} {_plural(name)}" for name, length, tail in axes if tail]
    return f"{place.words} never read {' and '.join(parts)}"


def _holes(place: Place) -> str:
    read, every = prod(one.pixels for one in place.reads), prod(place.x.spatial)
    return f"{place.words} read {read:,} of {every:,} pixels, and nothing reads the others"


def _dense(place: Place) -> str:
    """What would leave no holes between the pixels that are read."""
    if any(gcd(window.stride, window.dilation) > 1 for window in place.windows):
        return "with a stride and a dilation that have no common divisor windows fill each other's holes"
    return "a smaller stride, or a larger kernel, leaves no holes"


def _fitting(plan: Plan, place: Place) -> str:
    """What would read all: a padding, rounding up, or another size of the input."""
    ways = []
    for pad in range(1, min(MOST_PADDING, max(one.reach - one.before for one in place.windows))):
        padded = [one._replace(before=one.before + pad, after=one.after + pad) for one in place.windows]
        if all(one.unread(length) == 0 for one, length in zip(padded, place.x.spatial)):
            ways.append(f"{pad} pixel{'s' * (pad > 1)} more of padding")
            break
    ways += ["`ceil: true`"] if "ceil" in place.node.layer.settings else []
    if any(node.output == place.x for node in plan.graph.inputs):
        sizes = [
            length + one.stride - (length + one.before + one.after - one.reach) % one.stride if reading.tail else length
            for one, length, reading in zip(place.windows, place.x.spatial, place.reads)
        ]
        ways.append(f"an input of {times(sizes)}")
    return f"{' or '.join(ways) or 'another stride or kernel'} would read all"


def _plural(name: str) -> str:
    """Rows, and planes of axis 1.

    >>> _plural("row"), _plural("plane of axis 1")
    ('rows', 'planes of axis 1')
    """
    first, space, more = name.partition(" ")
    return f"{first}s{space}{more}"
