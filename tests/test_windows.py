"""The window arithmetic against brute force: windows that really slide, and matrices that are really filled."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from cnnarch.analysis.savings import Saving, savings
from cnnarch.graph import Graph, Node
from cnnarch.layers import KINDS, Figures, Input, Layer
from cnnarch.shapes import Shape, Window, windows

# The same examples on every run and machine, and no time limit for slow ones.
properties = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def cells(window: Window, start: int) -> list[int]:
    """The pixels that a window at a start reads; what is below 0 or past the axis is padding."""
    found = []
    for cell in range(window.size):
        found.append(start + cell * window.dilation)
    return found


def slide(window: Window, length: int) -> list[int]:
    """Where a window starts, place after place, until the next does not fit any more."""
    starts = []
    start = -window.before
    while cells(window, start)[-1] < length + window.after:
        starts.append(start)
        start += window.stride
    over = cells(window, start)[-1] + 1 - (length + window.after)
    if window.ceil and over < window.stride and start < length:
        starts.append(start)  # a partial window for the pixels that are left, unless it starts behind the axis
    return starts


def build_windows(ceil: bool) -> st.SearchStrategy[Window]:
    sizes, pads = st.integers(1, 5), st.integers(0, 4)
    return st.builds(Window, sizes, st.integers(1, 4), st.integers(1, 3), pads, pads, st.just(ceil))


lengths = st.integers(1, 20)


@properties
@given(build_windows(ceil=False), lengths)
def test_outputs(window: Window, length: int) -> None:
    assert window.outputs(length) == len(slide(window, length))


@properties
@given(build_windows(ceil=True), lengths)
@example(Window(2, 2, 1, 1, 1, True), 5)  # naive rounding says 4 for PyTorch's 3
@example(Window(2, 2, 1, 1, 1, True), 9)  # and 6 for its 5
@example(Window(1, 3, 1, 0, 0, True), 6)  # a window that would start where the axis ends
@example(Window(3, 2, 1, 0, 0, True), 2)  # the only window is partial: PyTorch gives 1
@example(Window(3, 2, 1, 0, 0, True), 1)  # and here none
def test_outputs_rounded_up(window: Window, length: int) -> None:
    assume(max(window.before, window.after) < window.reach)  # pools refuse more padding
    assert window.outputs(length) == len(slide(window, length))


@properties
@given(build_windows(ceil=False) | build_windows(ceil=True), lengths)
@example(Window(2, 3, 3, 0, 2), 5)  # windows read 0, 3 and 3, 6: pixel 4 is left, though the last window ends at 6
def test_unread(window: Window, length: int) -> None:
    starts = slide(window, length)
    assume(starts and max(window.before, window.after) < window.reach)
    read = [False] * length
    for start in starts:
        for pixel in cells(window, start):
            if 0 <= pixel < length:
                read[pixel] = True
    unread = 0
    while unread < length and not read[length - 1 - unread]:
        unread += 1
    assert window.unread(length) == unread


@properties
@given(build_windows(ceil=False), lengths, st.integers(0, 12))
def test_inside(window: Window, length: int, places: int) -> None:
    """Also for more or fewer places than fit, as transposed convolutions need it."""
    count = 0
    for place in range(places):
        for pixel in cells(window, place * window.stride - window.before):
            count += 0 <= pixel < length
    assert window.inside(length, places) == count


@properties
@given(build_windows(ceil=False), lengths, st.integers(0, 3))
def test_spread(window: Window, length: int, extra: int) -> None:
    canvas: list[int] = []
    for place in range(length):
        for cell in cells(window, place * window.stride):
            canvas += [0] * (cell + 1 - len(canvas))
            canvas[cell] += 1
    assume(window.before + window.after <= len(canvas))
    for _ in range(window.before):
        canvas.pop(0)
    for _ in range(window.after):
        canvas.pop()
    assert window.spread(length, extra) == len(canvas + [0] * extra)


@properties
@given(lengths, st.integers(1, 6), st.integers(1, 4), st.integers(1, 3))
def test_same(length: int, kernel: int, stride: int, dilation: int) -> None:
    """TensorFlow's rule: ⌈in/stride⌉ places, with the least padding, the odd pixel after the axis."""
    (window,) = windows((length,), kernel, stride, dilation, "same")
    places = 0
    while places * stride < length:
        places += 1
    assert window.outputs(length) == len(slide(window, length)) == places
    assert 0 <= window.after - window.before <= 1
    if window.after:
        less = window._replace(before=window.after - 1, after=window.before)
        assert len(slide(less, length)) < places


@properties
@given(lengths, st.integers(0, 4), st.integers(1, 4), st.integers(1, 3))
def test_half(length: int, half: int, stride: int, dilation: int) -> None:
    """Every first window has its middle on the first pixel; with a stride of 1 the size is kept."""
    (window,) = windows((length,), 2 * half + 1, stride, dilation, "half")
    starts = slide(window, length)
    assert cells(window, starts[0])[half] == 0
    assert window.before == window.after
    assert stride > 1 or window.outputs(length) == length


@properties
@given(build_windows(ceil=False), lengths)
def test_axes_are_resolved_one_by_one(window: Window, length: int) -> None:
    pads = (window.before, window.after)
    other = Window(1)
    found = windows((length, 7), (window.size, 1), (window.stride, 1), (window.dilation, 1), (pads, 0))
    assert found == (window, other)


# Layers as matrices


class Entry(NamedTuple):
    """One number of a connection matrix: its row, its column, and which weight stands there.

    The column is None where the weight meets padding.
    """

    row: tuple[int, ...]
    column: tuple[int, ...] | None
    weight: tuple[Any, ...]


class Matrix(NamedTuple):
    rows: int
    columns: int
    entries: list[Entry]

    def saving(self) -> Saving:
        return Saving(
            "layer",
            dense=self.rows * self.columns,
            sparse=len(self.entries),
            inside=len({(entry.row, entry.column) for entry in self.entries if entry.column is not None}),
            shared=len({entry.weight for entry in self.entries}),
        )


class Small(NamedTuple):
    """A small convolution: its input, its channels, and one window an axis."""

    spatial: tuple[int, ...]
    groups: int
    channels_each: int  # of a group
    filters_each: int
    axes: tuple[Window, ...]

    @property
    def x(self) -> Shape:
        return Shape(*self.spatial, self.groups * self.channels_each)

    @property
    def filters(self) -> int:
        return self.groups * self.filters_each

    def layer(self, kind: str, **more: Any) -> Layer:
        return KINDS[kind](
            filters=self.filters,
            kernel=[window.size for window in self.axes],
            stride=[window.stride for window in self.axes],
            dilation=[window.dilation for window in self.axes],
            padding=[[window.before, window.after] for window in self.axes],
            **more,
        )

    def connections(self) -> Iterator[tuple[int, int]]:
        """Every channel with every filter of its group."""
        for group in range(self.groups):
            for channel, filter_ in product(range(self.channels_each), range(self.filters_each)):
                yield group * self.channels_each + channel, group * self.filters_each + filter_


@st.composite
def small_layers(draw: st.DrawFn) -> Small:
    rank = draw(st.integers(1, 2))
    three = st.integers(1, 3)
    pads = st.integers(0, 2)
    axes = tuple(
        draw(st.builds(Window, three, three, st.integers(1, 2), pads, pads, st.just(False))) for _ in range(rank)
    )
    spatial = tuple(draw(st.integers(1, 5)) for _ in range(rank))
    two = st.integers(1, 2)
    return Small(spatial, draw(three), draw(two), draw(two), axes)


def gather(small: Small) -> Matrix | None:
    """The matrix of a convolution: every output place looks at its window."""
    starts = [slide(window, length) for window, length in zip(small.axes, small.spatial)]
    entries = []
    for place in product(*(range(len(one)) for one in starts)):
        taps = [list(enumerate(cells(window, one[at]))) for window, one, at in zip(small.axes, starts, place)]
        for tap in product(*taps):
            number = tuple(cell for cell, _ in tap)
            pixel = tuple(pixel for _, pixel in tap)
            real = all(0 <= one < length for one, length in zip(pixel, small.spatial))
            for channel, filter_ in small.connections():
                column = (*pixel, channel) if real else None
                entries.append(Entry((*place, filter_), column, (number, channel, filter_)))
    places = 1
    for one in starts:
        places *= len(one)
    return Matrix(places * small.filters, small.x.units, entries) if places else None


def scatter(small: Small, extra: int) -> Matrix | None:
    """The matrix of a transposed convolution: every input place paints its window on the output."""
    sizes = []
    for window, length in zip(small.axes, small.spatial):
        painted = {cell for place in range(length) for cell in cells(window, place * window.stride)}
        sizes.append(max(painted) + 1 - window.before - window.after + extra)
    if min(sizes) < 1:
        return None
    entries = []
    for place in product(*(range(length) for length in small.spatial)):
        taps = [
            list(enumerate(cells(window, at * window.stride - window.before))) for window, at in zip(small.axes, place)
        ]
        for tap in product(*taps):
            number = tuple(cell for cell, _ in tap)
            pixel = tuple(pixel for _, pixel in tap)
            kept = all(0 <= one < size for one, size in zip(pixel, sizes))
            for channel, filter_ in small.connections():
                target = (*pixel, filter_) if kept else None
                entries.append(Entry((*place, channel), target, (number, channel, filter_)))
    outputs = small.filters
    for size in sizes:
        outputs *= size
    return Matrix(small.x.units, outputs, entries)


def saving_of(layer: Layer, x: Shape) -> Saving:
    source = Node("input", Input(x), (), Figures(x))
    node = Node("layer", layer, (0,), layer.figures((x,)))
    (saving,) = savings(Graph((source, node), {}))
    return saving


@properties
@given(small_layers())
def test_conv_against_its_matrix(small: Small) -> None:
    matrix = gather(small)
    assume(matrix is not None)
    assert matrix is not None
    layer = small.layer("conv", groups=small.groups)
    figures = layer.figures((small.x,))
    assert figures.output.units == matrix.rows
    assert figures.weights == len({entry.weight for entry in matrix.entries})
    assert figures.macs == len(matrix.entries)
    assert figures.biases == small.filters
    assert saving_of(layer, small.x) == matrix.saving()


@properties
@given(small_layers(), st.integers(0, 1))
def test_conv_transpose_against_its_matrix(small: Small, extra: int) -> None:
    assume(all(extra < max(window.stride, window.dilation) for window in small.axes))
    matrix = scatter(small, extra)
    assume(matrix is not None)
    assert matrix is not None
    layer = small.layer("conv_transpose", groups=small.groups, output_padding=extra)
    figures = layer.figures((small.x,))
    assert figures.output.units == matrix.columns
    assert figures.weights == len({entry.weight for entry in matrix.entries})
    assert figures.macs == len(matrix.entries)
    assert saving_of(layer, small.x) == matrix.saving()


@properties
@given(small_layers())
def test_locally_connected_against_the_same_matrix(small: Small) -> None:
    small = small._replace(groups=1)
    matrix = gather(small)
    assume(matrix is not None)
    assert matrix is not None
    layer = small.layer("locally_connected")
    figures = layer.figures((small.x,))
    assert (figures.weights, figures.macs) == (len(matrix.entries), len(matrix.entries))
    assert figures.biases == figures.output.units == matrix.rows


@properties
@given(small_layers())
def test_fc_fills_the_matrix(small: Small) -> None:
    matrix = gather(small)
    assume(matrix is not None)
    assert matrix is not None
    figures = KINDS["fc"](units=matrix.rows).figures((Shape(small.x.units),))
    assert figures.weights == figures.macs == matrix.saving().dense


# Pools


@pytest.mark.parametrize("kind", ["maxpool", "avgpool"])
@properties
@given(data=st.data())
def test_pools(kind: str, data: st.DataObject) -> None:
    window = data.draw(build_windows(ceil=False) | build_windows(ceil=True))
    length = data.draw(lengths)
    assume(max(window.before, window.after) < window.reach)
    starts = slide(window, length)
    assume(starts)
    layer = KINDS[kind](
        kernel=window.size,
        stride=window.stride,
        dilation=window.dilation,
        padding=[[window.before, window.after]],
        ceil=window.ceil,
    )
    elements = len(starts) * window.size * 3  # every cell of every window and channel, on padding too
    assert layer.figures((Shape(length, 3),)) == Figures(Shape(len(starts), 3), elements=elements)


@properties
@given(lengths, st.integers(1, 20))
def test_adaptive_windows_cover_the_axis(length: int, size: int) -> None:
    """The rule of its docstring: no window is empty, and no pixel is left out."""
    covered: set[int] = set()
    cells = 0
    for place in range(size):
        first, end = place * length // size, -(-(place + 1) * length // size)
        assert first < end
        covered |= set(range(first, end))
        cells += end - first
    assert covered == set(range(length))
    figures = KINDS["adaptive_avgpool"](size=size).figures((Shape(length, 3),))
    assert figures == Figures(Shape(size, 3), elements=3 * cells)
