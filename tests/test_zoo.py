"""All shipped networks together: what their pages say, how they share, what else they build."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cnnarch import Network, Shape, load
from cnnarch.analysis.rows import rows
from cnnarch.errors import SpecError
from cnnarch.layers import KINDS
from cnnarch.render.flat import flat
from cnnarch.render.schema import schema
from cnnarch.spec import catalog
from cnnarch.spec.document import TASKS
from cnnarch.spec.replay import Replay
from tests.shipped import FEW, each_network

NAMES = catalog.names()
FILES = [*Path(catalog.FOLDER).glob("*.yaml"), *Path(catalog.FOLDER, "blocks").glob("*.yaml")]


VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@cache
def loaded(name: str) -> Network:
    return load(name)


def page(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


# What is shipped


def test_nothing_but_pages_is_shipped() -> None:
    assert set(Path(catalog.FOLDER).rglob("*")) - set(FILES) == {Path(catalog.FOLDER, "blocks")}


@pytest.mark.parametrize("name", NAMES)
def test_networks_to_see_also_are_shipped(name: str) -> None:
    assert set(loaded(name).spec.see_also) <= set(NAMES) - {name}


def test_there_are_a_hundred() -> None:
    assert len(NAMES) >= 100


def test_every_task_has_its_networks() -> None:
    tasks = [loaded(name).spec.task for name in NAMES]
    assert {task: tasks.count(task) for task in TASKS if tasks.count(task) < 1} == {}


@pytest.mark.parametrize("name", NAMES)
def test_it_says_where_it_is_from(name: str) -> None:
    spec = loaded(name).spec
    assert spec.origin and spec.year and spec.task
    assert {"params", "weights", "conv_params", "weight_layers"} & {claim.key for claim in spec.published}
    assert all(claim.source for claim in spec.published)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_page(path: Path) -> None:
    """It is narrow, and an editor that knows the schema finds nothing wrong."""
    assert max(len(line) for line in path.read_text(encoding="utf-8").splitlines()) <= 120
    VALIDATOR.validate(page(path))


def test_no_block_is_written_twice() -> None:
    """Two may read alike where the blocks that they are made of do not."""
    seen: dict[str, str] = {}
    for path in FILES:
        blocks = page(path).get("blocks", {})
        for name in blocks:
            text = "".join(map(repr, definition(name, blocks)))
            assert text not in seen, f"{path.stem} and {seen[text]} have the same block `{name}`"
            seen[text] = path.stem


def definition(name: str, blocks: dict[str, Any]) -> list[Any]:
    """A block without its name, and the blocks of its page that it is made of."""
    block = (blocks[name].get("settings"), blocks[name]["layers"])
    inner = [one for one in blocks if one != name and re.search(rf"'{one}'", repr(block))]
    return [block, *(part for one in inner for part in definition(one, blocks))]


def test_no_page_of_blocks_has_the_name_of_a_network() -> None:
    assert not set(catalog.pages_of_blocks()) & set(NAMES)


@pytest.mark.parametrize("name", catalog.pages_of_blocks())
def test_every_block_of_a_page_is_used(name: str) -> None:
    """By a network or by another page; a shipped page is no store for what may come."""
    written = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    for block in page(Path(catalog.FOLDER, "blocks", f"{name}.yaml"))["blocks"]:
        assert re.search(rf"- \{{?{block}(:|$)", written, flags=re.MULTILINE), block


def test_the_few_of_every_run_are_shipped() -> None:
    assert set(NAMES) >= FEW


def test_every_kind_serves_a_network() -> None:
    used = {node.layer.kind for name in NAMES for node in loaded(name).layers}
    assert set(KINDS) - used == UNUSED


# Kinds that no shipped network needs; people's own specs do.
UNUSED = {"locally_connected", "gru", "max", "elu", "mish", "prelu", "instancenorm", "global_maxpool",
          "adaptive_maxpool", "image", "transpose", "pixel_shuffle", "elementwise", "reduce", "matmul",
          "unknown"}  # fmt: skip


# What holds for every network


@pytest.mark.parametrize("name", NAMES)
def test_it_keeps_what_is_published(name: str) -> None:
    network = loaded(name)
    assert network.outputs
    assert min(min(node.output) for node in network.layers) >= 1
    for verdict in network.published():
        assert verdict.kept, f"{verdict.claim.key}: {verdict.claim.text} published, {verdict.value} found"


def essence(network: Network) -> Iterator[tuple[Any, ...]]:
    """All that matters of each layer; sources and owners are numbers in the same order."""
    for node in network.layers:
        yield node.name, node.layer, node.sources, node.figures, node.train_only, node.owner, node.note


@each_network
def test_written_out_it_is_the_same(name: str, tmp_path: Path) -> None:
    network = loaded(name)
    text = flat(network)
    file = tmp_path / "flat.yaml"
    file.write_text(text, encoding="utf-8")
    again = load(str(file))
    assert list(essence(again)) == list(essence(network))
    assert (again.name, again.inputs, again.outputs) == (network.name, network.inputs, network.outputs)
    assert again.totals == network.totals
    assert again.subtotals == network.subtotals
    assert [tuple(one) for one in again.savings()] == [tuple(one) for one in network.savings()]
    assert flat(again) == text
    if len(network.layers) < 120:  # the schema is slow, and all kinds stand in short networks
        VALIDATOR.validate(page(file))


@each_network
def test_a_block_made_again_is_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block with the settings and the input of one before is not built anew; here every one is."""
    monkeypatch.setattr(Replay, "find", lambda *_: None)
    network = load(name)
    assert list(essence(network)) == list(essence(loaded(name)))
    assert list(network.graph.groups.items()) == list(loaded(name).graph.groups.items())


@each_network
def test_columns_add_up_to_totals(name: str) -> None:
    network = loaded(name)
    totals = network.totals
    names = sorted(node.name for node in network.layers)
    for depth, fold in [(depth, fold) for depth in (None, 1, 2, 3, 4) for fold in (False, True)]:
        found = rows(network.graph, depth, fold)
        run = [row for row in found if not row.train_only]
        assert sum(row.weights for row in run) == totals.weights
        assert sum(row.biases for row in run) == totals.biases
        assert sum(row.params for row in run) == totals.params
        assert sum(row.buffers for row in run) == totals.buffers
        assert sum(row.macs for row in run) == totals.macs
        assert sum(row.params for row in found) == totals.training_params
        assert sum(row.buffers for row in found) == totals.training_buffers
        assert sum(row.macs for row in found) == totals.training_macs
        assert sorted(node.name for row in found for node in (*row.nodes, *row.folded)) == names


@pytest.mark.parametrize("name", NAMES)
def test_parts_add_up_to_totals(name: str) -> None:
    network = loaded(name)
    totals = network.totals
    parts = network.subtotals
    assert sum(one.weights for one in parts) == totals.weights
    assert sum(one.biases for one in parts) == totals.biases
    assert sum(one.macs for one in parts) == totals.macs
    assert totals.elements == sum(node.elements for node in network.layers if not node.train_only)
    assert totals.flops == 2 * totals.macs
    assert totals.params == totals.weights + totals.biases
    by_family = {one.family: one.params for one in parts}
    assert by_family.get("conv", 0) == totals.conv_params
    assert by_family.get("fc", 0) == totals.fc_params
    batch = Network(network.spec, network.graph, name, batch=8).totals
    work = ("macs", "flops", "elements", "training_macs")
    assert batch == totals._replace(**{key: 8 * getattr(totals, key) for key in work})


# Other inputs and other numbers of classes

# Families that do not take every input, and why: maps that halve and double, or a window that becomes too large.
PARTICULAR = {
    "swin": "factor 2 does not divide the input",
    "yolo": "concat needs one height and width",
    "lenet": "kernel 5×5 does not fit the input",
}


def resized(network: Network, height: int, width: int) -> dict[str, Shape]:
    """Its inputs, with images higher and wider by so much."""
    return {
        name: Shape(shape.height + height, shape.width + width, shape.channels) if shape.rank == 2 else shape
        for name, shape in network.inputs.items()
    }


@each_network
def test_another_input(name: str) -> None:
    network = loaded(name)
    other = load(name, inputs=resized(network, 64, 64))
    assert len(other.outputs) == len(network.outputs)
    assert other.totals.macs > network.totals.macs
    assert other.totals.conv_params == network.totals.conv_params


@each_network
def test_an_odd_input(name: str) -> None:
    """It builds, or says in which layer it does not fit, and why."""
    network = loaded(name)
    why = next((words for family, words in PARTICULAR.items() if name.startswith(family)), "")
    try:
        other = load(name, inputs=resized(network, 33, -7))
    except SpecError as error:
        assert why
        assert all(why in problem.message and problem.span and problem.hint for problem in error.problems)
    else:
        assert len(other.outputs) == len(network.outputs)


@each_network
def test_other_numbers_of_classes(name: str) -> None:
    network = loaded(name)
    other = load(name, {"classes": 11})
    assert len(other.layers) == len(network.layers)
    more = load(name, {"classes": 12}).totals
    assert more.params + more.buffers > other.totals.params + other.totals.buffers
