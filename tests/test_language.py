"""The language: small specs that show what each structure makes, by name, shape and parameters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from cnnarch import Network, ReadError, Shape, SpecError, load
from cnnarch.analysis.rows import rows
from cnnarch.render.flat import flat

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a spec and gives its path; a text without `name` gets one, without `input` an image of 8×8×3."""

    def write(text: str, file: str = "net.yaml") -> str:
        text = dedent(text).strip("\n") + "\n"
        head = "" if "extends:" in text or "\ninput:" in f"\n{text}" else "input: 8x8x3\n"
        path = tmp_path / file
        path.write_text(f"name: Test\n{head}{text}", encoding="utf-8")
        return str(path)

    return write


def shown(network: Network) -> list[str]:
    return [f"{node.name} {node.output} {node.params}" for node in network.layers]


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.strip().splitlines()]


def messages(spec: str, limit: int | None = None) -> list[str]:
    """What is wrong with a spec."""
    with pytest.raises(SpecError) as caught:
        load(spec) if limit is None else load(spec, limit=limit)
    return [problem.message for problem in caught.value.problems]


# A spec, and what it makes: names, outputs, parameters. A convolution of 1×1 has 3·4 + 4 = 16 parameters on the
# input of 3 channels, and 4·4 + 4 = 20 on 4 channels.
STRUCTURES = {
    "a sequence": (
        """
        layers:
          - conv: {filters: 4, kernel: 3}
          - relu
          - maxpool: 2
          - flatten
          - fc: 10
        """,
        """
        conv     6×6×4 112
        relu     6×6×4 0
        maxpool  3×3×4 0
        flatten  36    0
        fc       10    370
        """,
    ),
    "repeat 3": (
        "layers: [{conv: {filters: 4, kernel: 1}, repeat: 3}]",
        """
        conv1 8×8×4 16
        conv2 8×8×4 20
        conv3 8×8×4 20
        """,
    ),
    "repeat 1 is numbered too": ("layers: [{conv: {filters: 4, kernel: 1}, repeat: 1}]", "conv1 8×8×4 16"),
    "repeat 0 leaves out": (
        "layers: [relu, {conv: {filters: 4, kernel: 1}, repeat: 0}, flatten]",
        """
        relu    8×8×3 0
        flatten 192   0
        """,
    ),
    "repeat of an expression": (
        """
        settings: {n: 3}
        layers:
          - relu
          - conv: {filters: 4, kernel: 1}
            repeat: n - 1
        """,
        """
        relu  8×8×3 0
        conv1 8×8×4 16
        conv2 8×8×4 20
        """,
    ),
    "repeat of several layers": (
        """
        layers:
          - layers: [conv: {filters: 4, kernel: 1}, relu]
            repeat: 2
        """,
        """
        conv1 8×8×4 16
        relu1 8×8×4 0
        conv2 8×8×4 20
        relu2 8×8×4 0
        """,
    ),
    "repeat of a block": (
        """
        blocks:
          unit: {layers: [conv: {filters: 4, kernel: 1}, relu]}
        layers:
          - unit:
            repeat: 2
        """,
        """
        unit1/conv 8×8×4 16
        unit1/relu 8×8×4 0
        unit2/conv 8×8×4 20
        unit2/relu 8×8×4 0
        """,
    ),
    "a block's settings": (  # its own required one, its default, a default of its own, and the spec's
        """
        settings: {kernel: 3}
        blocks:
          unit:
            settings: {filters: , stride: 1, groups: filters // 4}
            layers:
              - conv: {filters: filters, kernel: kernel, stride: stride, padding: half}
              - conv: {filters: filters, kernel: 1, groups: groups}
        layers:
          - unit: 8
          - unit: {filters: 8, stride: 2}
          - unit: {filters: 4 * kernel, groups: 1}
        """,
        """
        unit1/conv1 8×8×8  224
        unit1/conv2 8×8×8  40
        unit2/conv1 4×4×8  584
        unit2/conv2 4×4×8  40
        unit3/conv1 4×4×12 876
        unit3/conv2 4×4×12 156
        """,
    ),
    "blocks in blocks": (
        """
        blocks:
          conv_bn:
            settings: {filters: }
            layers: [conv: {filters: filters, kernel: 1, bias: false}, batchnorm]
          bottleneck:
            settings: {mid: }
            layers:
              - conv_bn: mid
              - conv_bn: mid
              - conv_bn: 4 * mid
          stage:
            settings: {mid: }
            layers:
              - bottleneck: mid
                repeat: 2
        layers: [stage: 2, stage: 1]
        """,
        """
        stage1/bottleneck1/conv_bn1/conv      8×8×2 6
        stage1/bottleneck1/conv_bn1/batchnorm 8×8×2 4
        stage1/bottleneck1/conv_bn2/conv      8×8×2 4
        stage1/bottleneck1/conv_bn2/batchnorm 8×8×2 4
        stage1/bottleneck1/conv_bn3/conv      8×8×8 16
        stage1/bottleneck1/conv_bn3/batchnorm 8×8×8 16
        stage1/bottleneck2/conv_bn1/conv      8×8×2 16
        stage1/bottleneck2/conv_bn1/batchnorm 8×8×2 4
        stage1/bottleneck2/conv_bn2/conv      8×8×2 4
        stage1/bottleneck2/conv_bn2/batchnorm 8×8×2 4
        stage1/bottleneck2/conv_bn3/conv      8×8×8 16
        stage1/bottleneck2/conv_bn3/batchnorm 8×8×8 16
        stage2/bottleneck1/conv_bn1/conv      8×8×1 8
        stage2/bottleneck1/conv_bn1/batchnorm 8×8×1 2
        stage2/bottleneck1/conv_bn2/conv      8×8×1 1
        stage2/bottleneck1/conv_bn2/batchnorm 8×8×1 2
        stage2/bottleneck1/conv_bn3/conv      8×8×4 4
        stage2/bottleneck1/conv_bn3/batchnorm 8×8×4 8
        stage2/bottleneck2/conv_bn1/conv      8×8×1 4
        stage2/bottleneck2/conv_bn1/batchnorm 8×8×1 2
        stage2/bottleneck2/conv_bn2/conv      8×8×1 1
        stage2/bottleneck2/conv_bn2/batchnorm 8×8×1 2
        stage2/bottleneck2/conv_bn3/conv      8×8×4 4
        stage2/bottleneck2/conv_bn3/batchnorm 8×8×4 8
        """,
    ),
    "a residual of one shape": (
        "layers: [residual: [conv: {filters: 3, kernel: 3, padding: 1}, relu], relu]",
        """
        conv  8×8×3 84
        relu1 8×8×3 0
        add   8×8×3 0
        relu2 8×8×3 0
        """,
    ),
    "a shortcut where shapes differ": (
        """
        layers:
          - residual: [conv: {filters: 4, kernel: 3, stride: 2, padding: 1}]
            shortcut: [conv: {filters: 4, kernel: 1, stride: 2}]
        """,
        """
        conv1 4×4×4 112
        conv2 4×4×4 16
        add   4×4×4 0
        """,
    ),
    "no shortcut where they do not": (  # the numbers of what is left out are not given to others
        """
        layers:
          - residual: [conv: {filters: 3, kernel: 1}]
            shortcut: [conv: {filters: 3, kernel: 1}]
          - conv: {filters: 4, kernel: 1}
        """,
        """
        conv1 8×8×3 12
        add   8×8×3 0
        conv3 8×8×4 16
        """,
    ),
    "a residual that drops its input": (
        """
        layers:
          - residual: [conv: {filters: 4, kernel: 1}]
            shortcut: drop
          - residual: [conv: {filters: 4, kernel: 1}]
            shortcut: drop
        """,
        """
        conv1 8×8×4 16
        conv2 8×8×4 20
        add2  8×8×4 0
        """,
    ),
    "a residual with a name": (
        """
        layers:
          - residual: [relu]
            name: skip
          - relu
        """,
        """
        skip/relu 8×8×3 0
        skip/add  8×8×3 0
        relu      8×8×3 0
        """,
    ),
    "branches, stacked": (
        """
        layers:
          - branches:
              - [conv: {filters: 4, kernel: 1}]
              - [conv: {filters: 8, kernel: 1}, relu]
              - []
            merge: concat
        """,
        """
        conv1  8×8×4  16
        conv2  8×8×8  32
        relu   8×8×8  0
        concat 8×8×15 0
        """,
    ),
    "branches, added": (
        "layers: [{branches: [[conv: {filters: 3, kernel: 1}], [], [relu]], merge: add}]",
        """
        conv 8×8×3 12
        relu 8×8×3 0
        add  8×8×3 0
        """,
    ),
    "branches, multiplied": (  # squeeze and excitation
        "layers: [{branches: [[], [global_avgpool, fc: 3, sigmoid]], merge: multiply}]",
        """
        global_avgpool 3     0
        fc             3     12
        sigmoid        3     0
        multiply       8×8×3 0
        """,
    ),
    "branches, the largest": (
        "layers: [{branches: [[conv: {filters: 4, kernel: 1}], [conv: {filters: 4, kernel: 1}]], merge: max}]",
        """
        conv1 8×8×4 16
        conv2 8×8×4 16
        max   8×8×4 0
        """,
    ),
    "branches with a name": (
        "layers: [{branches: [[relu], [tanh]], merge: concat, name: both}, tanh]",
        """
        both/relu   8×8×3 0
        both/tanh   8×8×3 0
        both/concat 8×8×6 0
        tanh        8×8×6 0
        """,
    ),
    "from a name": (
        """
        layers:
          - conv: {filters: 4, kernel: 1}
            name: stem
          - maxpool: 2
          - conv: {filters: 2, kernel: 1}
            from: stem
        """,
        """
        stem    8×8×4 16
        maxpool 4×4×4 0
        conv    8×8×2 10
        """,
    ),
    "from a list": (
        """
        layers:
          - conv: {filters: 4, kernel: 1}
          - conv: {filters: 2, kernel: 1}
          - concat:
            from: [conv1, conv2, input]
          - add:
            from: [concat, concat]
        """,
        """
        conv1  8×8×4 16
        conv2  8×8×2 10
        concat 8×8×9 0
        add    8×8×9 0
        """,
    ),
    "from inside a block, and from a block": (
        """
        blocks:
          unit: {layers: [conv: {filters: 4, kernel: 1}, maxpool: 2]}
        layers:
          - unit
          - unit
          - conv: {filters: 1, kernel: 1}
            from: unit1/conv
          - conv: {filters: 1, kernel: 1}
            from: unit1
        """,
        """
        unit1/conv    8×8×4 16
        unit1/maxpool 4×4×4 0
        unit2/conv    4×4×4 20
        unit2/maxpool 2×2×4 0
        conv1         8×8×1 5
        conv2         4×4×1 5
        """,
    ),
    "from a block's input": (
        """
        blocks:
          dense:
            layers:
              - conv: {filters: 2, kernel: 1}
              - concat:
                from: [input, conv]
        layers: [dense, dense]
        """,
        """
        dense1/conv   8×8×2 8
        dense1/concat 8×8×5 0
        dense2/conv   8×8×2 12
        dense2/concat 8×8×7 0
        """,
    ),
    "from a structure around": (
        """
        layers:
          - relu:
            name: outside
          - residual:
              - conv: {filters: 3, kernel: 1}
              - add:
                from: [conv, outside]
            name: inside
        """,
        """
        outside     8×8×3 0
        inside/conv 8×8×3 12
        inside/add1 8×8×3 0
        inside/add2 8×8×3 0
        """,
    ),
    "several inputs": (
        """
        input: {image: 8x8x3, depth: 8x8x1}
        layers:
          - conv: {filters: 4, kernel: 1}
            from: depth
          - concat:
            from: [image, conv]
        """,
        """
        conv   8×8×4 8
        concat 8×8×7 0
        """,
    ),
    "several inputs that meet at once": (
        """
        input: {image: 8x8x3, depth: 8x8x1}
        layers: [concat]
        """,
        "concat 8×8×4 0",
    ),
    "when": (  # a layer that is left out keeps its number
        """
        settings: {deep: false}
        layers:
          - conv: {filters: 4, kernel: 1}
          - conv: {filters: 4, kernel: 1}
            when: deep
          - conv: {filters: 4, kernel: 1}
            when: not deep
          - maxpool: 2
            when: x.height > 4
          - maxpool: 2
            when: x.height > 4
        """,
        """
        conv1    8×8×4 16
        conv3    8×8×4 20
        maxpool1 4×4×4 0
        """,
    ),
    "when, for several layers": (
        """
        layers:
          - layers: [relu, tanh]
            when: x.channels == 4
          - layers: [sigmoid, relu]
            when: x.channels == 3
        """,
        """
        sigmoid 8×8×3 0
        relu2   8×8×3 0
        """,
    ),
    "kinds that end in a digit": (  # relu6 is not the sixth relu
        "layers: [relu, relu6]",
        """
        relu    8×8×3 0
        relu6_1 8×8×3 0
        """,
    ),
    "kinds that end in a digit, among many": (
        "layers: [relu, relu6, relu, relu6]",
        """
        relu1   8×8×3 0
        relu6_1 8×8×3 0
        relu2   8×8×3 0
        relu6_2 8×8×3 0
        """,
    ),
    "a kind that ends in a digit, alone": ("layers: [relu6]", "relu6 8×8×3 0"),
    "names that repeat": (
        "layers: [{relu: , name: act, repeat: 2}, tanh]",
        """
        act1 8×8×3 0
        act2 8×8×3 0
        tanh 8×8×3 0
        """,
    ),
    "names with a path": (
        "layers: [{relu: , name: stem/act}, {tanh: , name: stem/last}]",
        """
        stem/act  8×8×3 0
        stem/last 8×8×3 0
        """,
    ),
    "a name is what it says": (  # also beside layers that are numbered
        """
        layers:
          - conv: {filters: 4, kernel: 1}
          - conv: {filters: 4, kernel: 1}
            name: conv5
          - conv: {filters: 4, kernel: 1}
            from: conv5
        """,
        """
        conv1 8×8×4 16
        conv5 8×8×4 20
        conv2 8×8×4 20
        """,
    ),
    "a repeat that goes on from another layer": (
        """
        layers:
          - conv: {filters: 3, kernel: 1}
          - maxpool: 2
          - conv: {filters: 3, kernel: 1}
            from: conv1
            repeat: 2
        """,
        """
        conv1   8×8×3 12
        maxpool 4×4×3 0
        conv2   8×8×3 12
        conv3   8×8×3 12
        """,
    ),
    "a sequence and a vector as input": (
        """
        input: {tokens: 7x20, hint: 5}
        layers:
          - fc: 4
            from: tokens
          - global_avgpool
          - concat:
            from: [global_avgpool, hint]
        """,
        """
        fc             7×4 84
        global_avgpool 4   0
        concat         9   0
        """,
    ),
}


@pytest.mark.parametrize(("text", "expected"), STRUCTURES.values(), ids=STRUCTURES.keys())
def test_structures(text: str, expected: str, write: Write) -> None:
    assert shown(load(write(text))) == lines(expected)


@pytest.mark.parametrize("text", [text for text, _ in STRUCTURES.values()], ids=STRUCTURES.keys())
def test_structures_written_out(text: str, write: Write, tmp_path: Path) -> None:
    network = load(write(text))
    page = tmp_path / "flat.yaml"
    page.write_text(flat(network), encoding="utf-8")
    again = load(str(page))
    assert shown(again) == shown(network)
    assert [node.sources for node in again.layers] == [node.sources for node in network.layers]
    assert (again.inputs, again.outputs, again.totals) == (network.inputs, network.outputs, network.totals)


def test_a_residual_needs_one_shape(write: Write) -> None:
    spec = write("layers: [residual: [conv: {filters: 4, kernel: 1}]]")
    assert messages(spec) == ["the residual's output 8×8×4 is not the shape of its input 8×8×3"]


def test_outputs_are_what_nobody_takes(write: Write) -> None:
    network = load(
        write("""
        layers:
          - relu
          - flatten
          - fc: 10
            name: scores
          - fc: 4
            name: box
            from: flatten
        """)
    )
    assert network.inputs == {"input": Shape(8, 8, 3)}
    assert network.outputs == {"scores": Shape(10), "box": Shape(4)}


def test_a_block_needs_its_settings(write: Write) -> None:
    spec = write("""
        blocks:
          unit: {settings: {filters: , kernel: 1}, layers: [conv: {filters: filters, kernel: kernel}]}
        layers: [unit]
        """)
    assert messages(spec) == ["`unit` needs `filters`"]


def test_a_block_does_not_see_its_callers_settings(write: Write) -> None:
    spec = write("""
        blocks:
          inner: {layers: [conv: {filters: width, kernel: 1}]}
          outer: {settings: {width: }, layers: [inner, conv: {filters: width, kernel: 1}]}
        layers: [outer: 4]
        """)
    assert messages(spec) == ["unknown name `width`"]


def test_a_blocks_setting_hides_the_specs(write: Write) -> None:
    network = load(
        write("""
        settings: {width: 16}
        blocks:
          inner: {layers: [conv: {filters: width, kernel: 1}]}
          outer: {settings: {width: }, layers: [conv: {filters: width, kernel: 1}, inner]}
        layers: [outer: 4]
        """)
    )
    assert shown(network) == ["outer/conv 8×8×4 16", "outer/inner/conv 8×8×16 80"]


# Sharing


def test_sharing_a_layer(write: Write) -> None:
    """Parameters once, work every time; whoever shares with one that shares uses the first one's."""
    network = load(
        write("""
        layers:
          - conv: {filters: 3, kernel: 3, padding: 1}
            name: first
          - conv: {filters: 3, kernel: 3, padding: 1}
            name: second
            share: first
          - maxpool: 2
          - conv: {filters: 3, kernel: 3, padding: 1}
            name: third
            share: second
        """)
    )
    assert shown(network) == lines("""
        first   8×8×3 84
        second  8×8×3 0
        maxpool 4×4×3 0
        third   4×4×3 0
        """)
    assert [node.owner for node in network.layers] == [None, 1, None, 1]
    totals = network.totals
    assert (totals.weights, totals.biases, totals.weight_layers) == (81, 3, 1)
    assert totals.macs == 81 * (64 + 64 + 16)
    assert [one.shared for one in network.savings()] == [81, 0, 0]


SIAMESE = """
    input: {left: 8x8x3, right: 8x8x3, middle: 4x4x3}
    blocks:
      tower:
        layers:
          - conv: {filters: 4, kernel: 1}
          - batchnorm
          - residual: [conv: {filters: 4, kernel: 1}]
    layers:
      - tower:
        name: a
        from: left
      - tower:
        name: b
        from: right
        share: a
      - tower:
        name: c
        from: middle
        share: b
      - add:
        from: [a, b]
    """


def test_sharing_a_block(write: Write) -> None:
    """16 + 8 + 20 parameters once; 3·4 + 4·4 weights at 64, 64 and 16 places."""
    network = load(write(SIAMESE))
    assert shown(network) == lines("""
        a/conv1     8×8×4 16
        a/batchnorm 8×8×4 8
        a/conv2     8×8×4 20
        a/add       8×8×4 0
        b/conv1     8×8×4 0
        b/batchnorm 8×8×4 0
        b/conv2     8×8×4 0
        b/add       8×8×4 0
        c/conv1     4×4×4 0
        c/batchnorm 4×4×4 0
        c/conv2     4×4×4 0
        c/add       4×4×4 0
        add         8×8×4 0
        """)
    totals = network.totals
    assert (totals.params, totals.buffers, totals.weight_layers) == (44, 8, 2)
    assert totals.macs == (12 + 16) * (64 + 64 + 16)
    assert {network.graph.nodes[node.owner].name for node in network.layers if node.owner is not None} == {
        "a/conv1", "a/batchnorm", "a/conv2",
    }  # fmt: skip


def test_layers_that_share_have_the_same_weights(write: Write) -> None:
    spec = write("""
        layers:
          - conv: {filters: 4, kernel: 1}
            name: first
          - conv: {filters: 4, kernel: 1}
            name: second
            share: first
        """)
    assert messages(spec) == ["`second` cannot share the weights of `first`, which have another shape"]


def test_sharing_needs_the_same_weights_not_as_many(write: Write) -> None:
    # 1×4 and 4×1 windows have 12 weights each, and they are not the same weights.
    spec = write("""
        layers:
          - conv: {filters: 3, kernel: [1, 4], padding: same}
            name: first
          - conv: {filters: 3, kernel: [4, 1], padding: same}
            name: second
            share: first
        """)
    with pytest.raises(SpecError):
        load(spec)


# What only training needs


def test_train_only(write: Write) -> None:
    network = load(
        write("""
        blocks:
          head: {layers: [flatten, fc: 10]}
        layers:
          - conv: {filters: 4, kernel: 1}
          - head:
            train_only: true
          - batchnorm:
            train_only: true
          - maxpool: 2
        """)
    )
    assert shown(network) == lines("""
        conv         8×8×4 16
        head/flatten 256   0
        head/fc      10    2570
        batchnorm    8×8×4 8
        maxpool      4×4×4 0
        """)
    assert [network.graph.nodes[node.sources[0]].name for node in network.layers] == [
        "input", "conv", "head/flatten", "conv", "conv",
    ]  # fmt: skip
    totals = network.totals
    assert (totals.params, totals.macs, totals.buffers, totals.layers) == (16, 12 * 64, 0, 2)
    assert (totals.training_params, totals.training_macs, totals.training_buffers) == (2594, 12 * 64 + 2560, 8)
    assert network.outputs == {"maxpool": Shape(4, 4, 4)}
    assert [one.name for one in network.savings()] == ["conv"]


def test_what_only_training_takes_is_still_an_output(write: Write) -> None:
    network = load(
        write("""
        layers:
          - conv: {filters: 4, kernel: 1}
          - relu:
            train_only: true
        """)
    )
    assert network.outputs == {"conv": Shape(8, 8, 4)}


def test_inference_does_not_take_what_only_training_has(write: Write) -> None:
    spec = write("""
        layers:
          - conv: {filters: 4, kernel: 1}
            name: extra
            train_only: true
          - relu:
            from: extra
        """)
    assert messages(spec) == ["`relu` takes `extra`, which is there only in training"]


HEADS_IN_BLOCKS = {
    "first": "[{conv: {filters: 9, kernel: 1}, train_only: true}, conv: {filters: 4, kernel: 3}]",
    "last": "[conv: {filters: 4, kernel: 3}, {conv: {filters: 9, kernel: 1}, train_only: true}]",
}


@pytest.mark.parametrize("depth", [None, 1, 2])
@pytest.mark.parametrize("layers", HEADS_IN_BLOCKS.values(), ids=HEADS_IN_BLOCKS.keys())
def test_rows_add_up_with_a_head_inside_a_block(layers: str, depth: int | None, write: Write) -> None:
    network = load(write(f"blocks: {{stage: {{layers: {layers}}}}}\nlayers: [stage, stage]"))
    run = [row for row in rows(network.graph, depth) if not row.train_only]
    assert sum(row.params for row in run) == network.totals.params
    assert sum(row.macs for row in run) == network.totals.macs


# Names


def test_a_name_is_used_once(write: Write) -> None:
    spec = write("layers: [{relu: , name: act}, {tanh: , name: act}]")
    assert messages(spec) == ["the name `act` is already taken"]


def test_names_are_found_by_what_is_near(write: Write) -> None:
    network = load(write("layers: [relu, conv: {filters: 4, kernel: 1}]"))
    assert network.layer("conv").params == 16
    with pytest.raises(ReadError, match="did you mean `conv`"):
        network.layer("cnov")


# Extending

BASE = """
    input: 8x8x3
    settings: {classes: 10, width: 4}
    layers:
      - conv: {filters: width, kernel: 1}
      - global_avgpool
      - fc: classes
    published: [{params: 66, source: its author}]
    """


def test_extends(write: Write) -> None:
    base = load(write(BASE, "base.yaml"))
    assert base.totals.params == 16 + 50
    network = load(
        write("""
        extends: base.yaml
        settings: {classes: 2}
        input: 6x6x1
        """)
    )
    assert shown(network) == ["conv 6×6×4 8", "global_avgpool 4 0", "fc 2 10"]
    assert network.published() == []  # what is claimed of one is not claimed of the other
    assert [verdict.kept for verdict in base.published()] == [True]
    assert load(network.label, {"width": 8}).totals.params == 16 + 18


def test_extends_in_a_row(write: Write) -> None:
    write(BASE, "base.yaml")
    write("extends: base.yaml\nsettings: {classes: 2}", "middle.yaml")
    network = load(write("extends: middle.yaml\nsettings: {width: classes}"))
    assert shown(network) == ["conv 8×8×2 8", "global_avgpool 2 0", "fc 2 6"]


def test_extends_a_shipped_network(write: Write) -> None:
    network = load(write("extends: vgg16\nsettings: {classes: 10}\ninput: 32x32x3"))
    # 32 is halved to 1: 512·4096 instead of 25,088·4096
    assert network.totals.params == 138357544 - 4097000 + 40970 - (25088 - 512) * 4096


PAGE = """
blocks:
  twice:
    settings: {filters: , fewer: filters / 2}
    layers:
      - one: fewer
      - one: filters
  one:
    settings: {filters: }
    layers:
      - conv: {filters: filters, kernel: 1, bias: false}
      - batchnorm
"""


def test_a_block_made_again(write: Write) -> None:
    """Its layers can be named, and its weights be shared, as those of any other."""
    network = load(
        write("""
        blocks:
          inner:
            settings: {filters: , again: x.channels == filters}
            layers:
              - conv: {filters: filters, kernel: 1, bias: false}
              - add:
                from: [input, conv]
                when: again
          outer:
            layers:
              - inner: 4
              - inner: 4
              - concat:
                from: [inner1, inner2/conv]
              - conv: {filters: 8, kernel: 1, bias: false}
        layers:
          - outer                              # 3·4 + 4·4 + 8·8
          - outer                              # 8·4 + 4·4 + 8·8
          - outer                              # the same again
          - outer
          - conv: {filters: 2, kernel: 1, bias: false}
            from: outer3/inner2
          - outer:
            share: outer3
            from: outer2
          - relu:
            repeat: 2
        """)
    )
    names = [node.name for node in network.layers]
    assert names[10:16] == [
        "outer3/inner1/conv", "outer3/inner2/conv", "outer3/inner2/add", "outer3/concat", "outer3/conv",
        "outer4/inner1/conv",
    ]  # fmt: skip
    nodes = network.graph.nodes
    sources = {node.name: [nodes[source].name for source in node.sources] for node in network.layers}
    assert sources["outer4/inner1/conv"] == ["outer3/conv"]
    assert sources["outer4/inner2/add"] == ["outer4/inner1/conv", "outer4/inner2/conv"]
    assert sources["outer4/concat"] == ["outer4/inner1/conv", "outer4/inner2/conv"]
    assert sources["conv"] == ["outer3/inner2/add"]
    assert sources["outer5/inner1/conv"] == ["outer2/conv"]
    owners = [nodes[node.owner].name for node in network.layers if node.owner is not None]
    assert owners == ["outer3/inner1/conv", "outer3/inner2/conv", "outer3/conv"]
    assert network.totals.params == (12 + 16 + 64) + 3 * (32 + 16 + 64) + 4 * 2


def test_buffers_are_shared_too(write: Write) -> None:
    network = load(
        write("""
        blocks:
          b:
            layers:
              - batchnorm: {scale: false, shift: false}
        layers:
          - b
          - b:
            share: b1
        """)
    )
    assert network.totals.buffers == 2 * 3


def test_blocks_of_one_name_on_two_pages(write: Write, tmp_path: Path) -> None:
    """What a page hides is counted by itself, not by its name."""
    inner = "blocks:\n  {out}:\n    layers:\n    - inner\n  inner:\n    layers:\n    - relu:\n      repeat: {times}\n"
    (tmp_path / "p.yaml").write_text(inner.format(out="hidden_big", times=1000))
    (tmp_path / "q.yaml").write_text(inner.format(out="hidden_small", times=1))
    front = "import: {page}.yaml\nblocks:\n  {name}:\n    layers:\n    - hidden_{name}\n"
    (tmp_path / "big.yaml").write_text(front.format(page="p", name="big"))
    (tmp_path / "small.yaml").write_text(front.format(page="q", name="small"))
    spec = write("import: [big.yaml, small.yaml]\nlayers:\n  - big\n  - small:\n    repeat: 6000")
    assert len(load(spec).layers) == 7000


def test_a_block_made_again_of_other_inputs(write: Write) -> None:
    network = load(
        write("""
        blocks:
          both:
            layers:
              - concat
              - conv: {filters: 3, kernel: 1}
        layers:
          - relu:
            name: a
          - relu:
            name: b
          - both:
            from: [a, a]
          - both:
            from: [a, b]
          - both:
            from: [b, a]
          - both:
            from: [b, b]
        """)
    )
    nodes = network.graph.nodes
    sources = {node.name: [nodes[source].name for source in node.sources] for node in network.layers}
    assert [sources[f"both{turn}/concat"] for turn in (1, 2, 3, 4)] == [["a", "a"], ["a", "b"], ["b", "a"], ["b", "b"]]


def test_import(write: Write, tmp_path: Path) -> None:
    (tmp_path / "page.yaml").write_text(PAGE)
    network = load(
        write("""
        import: page.yaml
        settings: {filters: 99}          # of the spec, which an imported block does not see
        layers:
          - twice: 8
          - one: filters
        """)
    )
    assert [(node.name, str(node.output)) for node in network.layers] == [
        ("twice/one1/conv", "8×8×4"),
        ("twice/one1/batchnorm", "8×8×4"),
        ("twice/one2/conv", "8×8×8"),
        ("twice/one2/batchnorm", "8×8×8"),
        ("one/conv", "8×8×99"),
        ("one/batchnorm", "8×8×99"),
    ]


def test_a_page_imports_a_page(write: Write, tmp_path: Path) -> None:
    """Its blocks stay its own: a block of the spec may have the name of one that stands behind the page."""
    (tmp_path / "page.yaml").write_text(PAGE)
    (tmp_path / "front.yaml").write_text("import: page.yaml\nblocks:\n  four:\n    layers:\n    - twice: 4\n")
    network = load(
        write("""
        import: front.yaml
        blocks:
          one:
            layers:
              - relu
          twice:
            layers:
              - four
              - one
        layers:
          - twice
        """)
    )
    assert [node.name for node in network.layers if node.layer.kind != "batchnorm"] == [
        "twice/four/twice/one1/conv",
        "twice/four/twice/one2/conv",
        "twice/one/relu",
    ]


def test_import_of_a_shipped_page(write: Write) -> None:
    network = load(write("import: common\nlayers:\n  - conv_bn_relu: {filters: 16, kernel: 3}"))
    assert [str(node.output) for node in network.layers] == ["8×8×16"] * 3
    assert network.totals.params == 432 + 32


def test_what_imports_can_be_extended(write: Write, tmp_path: Path) -> None:
    (tmp_path / "page.yaml").write_text(PAGE)
    write("import: page.yaml\nsettings: {width: 8}\nlayers:\n  - twice: width", "base.yaml")
    assert load(write("extends: base.yaml\nsettings: {width: 4}")).totals.weights == 3 * 2 + 2 * 4 + 2 + 4


def test_settings_see_those_before(write: Write) -> None:
    spec = write("""
        settings: {a: 2, b: 3 * a, sizes: [a, b]}
        layers:
          - conv: {filters: "sizes[1]", kernel: 1}
        """)
    assert shown(load(spec)) == ["conv 8×8×6 24"]
    assert shown(load(spec, {"a": 1})) == ["conv 8×8×3 12"]
    with pytest.raises(ReadError, match="has no setting `c`"):
        load(spec, {"c": 1})


def test_a_setting_without_a_value_has_to_be_given(write: Write) -> None:
    spec = write("settings: {classes: }\nlayers: [global_avgpool, fc: classes]")
    assert messages(spec) == ["setting `classes` has no value"]
    assert load(spec, {"classes": 5}).totals.params == 20


def test_inputs_can_be_others(write: Write) -> None:
    spec = write(SIAMESE)
    inputs = {"left": Shape(2, 2, 3), "right": Shape(2, 2, 3)}
    assert load(spec, inputs=inputs).totals.macs == 28 * (4 + 4 + 16)
    with pytest.raises(ReadError, match="has no input `top`"):
        load(spec, inputs={"top": Shape(2, 2, 3)})


# Expressions, with a = 7, b = 2, half_of = 0.5, many = [3, 4, 5], yes = true, and x an image of 6×8×3

VALUES = {
    "a + b": 9,
    "a - b": 5,
    "a * b": 14,
    "a // b": 3,
    "a % b": 1,
    "a ** b": 49,
    "14 / b": 7,  # whole where it divides
    "a / b * 2": 7,
    "-a + 10": 3,
    "-(-a)": 7,
    "2 * (a + b)": 18,
    "a * half_of * 2": 7,
    "2 ** 3 ** 1": 8,
    "min(a, b)": 2,
    "max(a, b, 3)": 7,
    "min(many)": 3,
    "ceil(a / b)": 4,
    "floor(a / b)": 3,
    "round(3.6)": 4,
    "round(2.5)": 2,  # to the even one, as Python rounds
    "abs(b - a)": 5,
    "sum(many)": 12,
    "len(many)": 3,
    "make_divisible(33)": 32,  # MobileNet's, to a multiple of 8
    "make_divisible(a * 16 * 0.75)": 88,  # 84 is halfway, and goes up
    "make_divisible(11)": 16,  # 8 would be more than a tenth less
    "make_divisible(10, 4)": 12,
    "make_divisible(3, 2, 6)": 6,
    "many[0]": 3,
    "many[-1]": 5,
    "many[b]": 5,
    "[a, b][1]": 2,
    "sum([a, b] + many)": 21,
    "a if yes else b": 7,
    "a if a < b else b": 2,
    "a if a > b and not a == b else b": 7,
    "a if a <= b or a != 7 else b": 2,
    "a if b < a >= 7 else b": 7,
    "a if true else b": 7,
    "a if false else b": 2,
    "x.height": 6,
    "x.width": 8,
    "x.channels": 3,
    "x.units": 144,
    "x.height * x.width + x.channels": 51,
}


@pytest.mark.parametrize(("expression", "value"), VALUES.items(), ids=VALUES.keys())
def test_expressions(expression: str, value: int, write: Write) -> None:
    spec = write(f"""
        input: 6x8x3
        settings: {{a: 7, b: 2, half_of: 0.5, many: [3, 4, 5], yes_: true}}
        layers:
          - conv: {{filters: "{expression.replace("yes", "yes_")}", kernel: 1}}
          - dropout: half_of
            when: yes_ and a + b + len(many) > 0
        """)
    assert load(spec).layer("conv").output == Shape(6, 8, value)


@pytest.mark.parametrize(
    ("shape", "expression", "value"),
    [("26x512", "x.length", 26), ("26x512", "x.channels", 512), ("40", "x.channels", 40), ("40", "x.units", 40)],
)
def test_expressions_of_sequences_and_vectors(shape: str, expression: str, value: int, write: Write) -> None:
    network = load(write(f"input: {shape}\nlayers:\n  - fc: {expression}"))
    assert network.layer("fc").output.channels == value


MISTAKES = {
    "a / 0": "a division by zero in `filters` of `conv`",
    "a / b": "`filters` of `conv` must be a whole number of at least 1, not 3.5",
    "b - a": "`filters` of `conv` must be a whole number of at least 1, not -5",
    "many": "`filters` of `conv` must be a whole number of at least 1, not [3, 4, 5]",
    "many[3]": "`many` has 3 values, so there is no number 3; the first is 0 in `filters` of `conv`",
    "a[0]": "`a` is 7, not a list in `filters` of `conv`",
    "a if b else 1": "true or false is needed, not 2 in `filters` of `conv`",
    "a + (a > b)": "a number is needed, not true in `filters` of `conv`",
    "x.length": "the tensor 8×8×3 has no length in `filters` of `conv`",
    "a ** 100": "a number on the way is too large in `filters` of `conv`",
    "size": "unknown name `size`",
    "sqrt(a)": "unknown function `sqrt`",
    "x.depth": "there is no `.depth`",
    "min()": "`min` takes at least 1 argument, not 0",
    "round(a, b)": "`round` takes 1 argument, not 2",
    "a << b": "this operator is not part of the language of expressions",
    "a is b": "this comparison is not part of the language of expressions",
    "(lambda: a)()": "unknown function `lambda: a`",
    "a.real": "there is no `.real`",
    "f'{a}'": "this is not part of the language of expressions",
}


@pytest.mark.parametrize(("expression", "message"), MISTAKES.items(), ids=MISTAKES.keys())
def test_mistakes_in_expressions(expression: str, message: str, write: Write) -> None:
    spec = write(f"""
        settings: {{a: 7, b: 2, many: [3, 4, 5]}}
        layers:
          - conv: {{filters: "{expression}", kernel: 1}}
          - dropout: 1 / (a + b + len(many))
        """)
    assert messages(spec) == [message]


# The limit


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layers: [{relu: , repeat: 6}]", "the spec makes more than 5 layers"),
        ("layers: [relu, relu, relu, relu, relu, relu]", "the spec makes more than 5 layers"),
        ("layers: [{layers: [relu, tanh], repeat: 3}]", "the spec makes more than 5 layers"),
    ],
)
def test_the_limit_on_layers(text: str, message: str, write: Write) -> None:
    spec = write(text)
    assert messages(spec, limit=5) == [message]
    assert len(load(spec, limit=6).layers) == 6


def test_the_limit_itself_can_be_reached(write: Write) -> None:
    assert len(load(write("layers: [{relu: , repeat: 5}]"), limit=5).layers) == 5
    assert len(load(write("layers: [relu, relu, relu, relu, relu]"), limit=5).layers) == 5


def test_a_repeat_of_nothing_leaves_the_flow_where_it_was(write: Write) -> None:
    spec = write("""
        settings: {n: 0}
        layers:
          - conv: {filters: 8, kernel: 1}
            name: a
          - conv: {filters: 4, kernel: 1}
            name: b
          - relu:
            from: a
            repeat: n
          - conv: {filters: 5, kernel: 1}
            name: c
        """)
    assert load(spec).layer("c").weights == 4 * 5


def test_the_limit_is_the_number_of_layers() -> None:
    """A shortcut that is not needed, and an addition that is dropped, are no layers."""
    layers = load("resnet50").totals.layers
    assert load("resnet50", limit=layers).totals.layers == layers == 174
    layers = load("mobilenet_v2").totals.layers
    assert load("mobilenet_v2", limit=layers).totals.layers == layers


def test_an_input_that_nothing_takes(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text("name: Two\ninput: {a: 8x8x3, b: 8x8x3}\nlayers:\n  - relu:\n    from: a\n")
    with pytest.raises(SpecError, match="input `b` is not used"):
        load(str(path))
    path.write_text(path.read_text() + "  - relu:\n    from: b\n")
    with pytest.raises(ReadError, match="has 2 inputs"):
        load(str(path), inputs=Shape(4, 4, 3))
