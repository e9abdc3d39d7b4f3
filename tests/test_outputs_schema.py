"""What the commands print as JSON, against the schemas that `cnnarch schema COMMAND` prints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cnnarch.analysis.devices import device
from cnnarch.network import Network, load
from cnnarch.render import comparison, difference, memory, networks, receptive_field, roofline, savings, summary
from cnnarch.render.keys import COMMANDS, WORDS, holding
from cnnarch.render.outputs import OUTPUTS, output_schema
from cnnarch.render.schema_parts import VALUES
from cnnarch.spec import catalog
from tests.command import out, run

NAMES = catalog.names()
DIVERSE = ["lenet5", "crnn", "unet", "mobilenet_v3_small", "googlenet", "vit_b_16", "fasterrcnn_resnet50_fpn"]


@cache
def network(name: str) -> Network:
    return load(name)


@cache
def validator(command: str) -> Draft202012Validator:
    schema = output_schema(command)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def mistakes(command: str, record: Any) -> list[str]:
    """What a schema says against a record, as a program reads it; of rows that are alike the first is looked at."""
    thinned = thin(json.loads(json.dumps(record)))
    return [f"{error.json_path}: {error.message[:200]}" for error in validator(command).iter_errors(thinned)]


def thin(value: Any) -> Any:
    """A value with the first of those rows that a schema cannot tell apart: 20,000 layers have few kinds of rows."""
    if isinstance(value, dict):
        return {key: [*map(thin, one)] if key == "networks" else thin(one) for key, one in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [thin(one) for one in {likeness(one): one for one in reversed(value)}.values()]
    return value


def likeness(value: Any) -> Any:
    """The keys of a row and the types of its values; of a number the sign, as a schema says how small it may be."""
    if isinstance(value, dict):
        return tuple((key, likeness(one)) for key, one in value.items())
    if isinstance(value, list):
        return tuple(map(likeness, value))
    sign = (value > 0) - (value < 0) if isinstance(value, (int, float)) else 0
    return type(value), sign


def bounds(one: Network) -> Any:
    return roofline.record(one, device("a100").roof("float32"), device("a100"))


def fields(one: Network) -> Any:
    return receptive_field.record(one, receptive_field.fields(one, (), True))


OF_ONE: list[tuple[str, Callable[[Network], Any], int]] = [  # of how many shipped networks one is looked at
    ("summary", summary.record, 1),
    ("savings", savings.record, 1),
    ("memory", lambda one: memory.record(one.memory, one, "adam"), 15),
    ("roofline", bounds, 15),
    ("receptive-field", fields, 15),
]


@pytest.mark.parametrize(("command", "record", "step"), OF_ONE, ids=lambda one: one if isinstance(one, str) else "")
def test_shipped_networks_keep_to_the_schema(command: str, record: Callable[[Network], Any], step: int) -> None:
    found = {name: mistakes(command, record(network(name))) for name in {*NAMES[::step], *DIVERSE}}
    assert {name: said[:3] for name, said in found.items() if said} == {}


def test_every_network_of_the_list_keeps_to_the_schema() -> None:
    record = json.loads(json.dumps(networks.record([network(name) for name in NAMES])))
    assert len(record["networks"]) == len(NAMES)
    assert not list(validator("list").iter_errors(record))


def test_comparisons_keep_to_the_schema() -> None:
    pairs = [("resnet50", "resnet101"), ("vgg16", "alexnet"), ("crnn", "lenet5"), *zip(NAMES[::20], NAMES[1::20])]
    for left, right in pairs:
        both = network(left), network(right)
        assert not mistakes("compare", comparison.record(both)), (left, right)
        assert not mistakes("compare", difference.record(*both)), (left, right)
        assert not mistakes("compare", difference.record(*both, depth=1)), (left, right)
    assert not mistakes("compare", comparison.record([network(name) for name in NAMES[:9]]))


CALLS = [
    "summary lenet5",
    "summary lenet5 crnn",
    "summary resnet50 --depth 1 --batch 3",
    "compare resnet18 resnet34",
    "compare resnet18 resnet34 --diff",
    "compare lenet5 lenet5 lenet5",
    "explain crnn",
    "explain alexnet conv1",
    "savings alexnet",
    "savings mobilenet_v1 --only separable",
    "savings vgg16 --only layers",
    "list --task reading",
    "list --spaces",
    "check --all",
    "check lenet5 --max-params 1K --min-receptive-field 9 --dtype int8 --max-training-memory 1MiB",
    "fit lenet5 --vary classes --max-params 70K --max-macs 1M",
    "fit lenet5 --vary classes=3:9 --max-params 1K",
    "memory unet --dtype int8",
    "memory lenet5 --order best --optimizer sgd",
    "roofline lenet5",
    "roofline lenet5 --peak 1T --bandwidth 1G --together",
    "roofline --devices",
    "receptive-field resnet50 stage3",
    "receptive-field vit_b_16 --all",
]


@pytest.mark.parametrize("call", CALLS)
def test_what_is_printed_keeps_to_the_schema(call: str) -> None:
    done = run(*call.split(), "--format", "json")
    assert done.stdout, done.stderr
    assert not mistakes(call.partition(" ")[0], json.loads(done.stdout))


def test_a_check_of_wrong_specs_keeps_to_the_schema(tmp_path: Path) -> None:
    wrong, advised = tmp_path / "wrong.yaml", tmp_path / "advised.yaml"
    wrong.write_text("name: A\ninput: 3x3x1\nlayers:\n- conv: {filters: 2, kernel: 5}\n- conf: 3\n")
    advised.write_text(
        "name: B\ninput: 8x8x3\nlayers:\n- conv: {filters: 2, kernel: 3}\n- batchnorm\n- flatten\n- fc: 9\n"
        "published: {params: 1, source: nowhere}\nbudget: {params: 5, batch: 2, input: 9x9x3}\n"
    )
    done = run("check", str(wrong), str(advised), str(tmp_path / "none.yaml"), "--format", "json")
    record = json.loads(done.stdout)
    assert [bool(one["problems"]) for one in record["networks"]] == [True, False, True]
    assert record["networks"][1]["limits"]
    assert record["networks"][1]["advice"]
    assert not list(validator("check").iter_errors(record))


# A schema that says yes to everything would pass all of the above


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every object in a record, of a list to those of its first."""
    if isinstance(value, dict):
        yield path
        for key, one in value.items():
            yield from places(one, (*path, key))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


@pytest.mark.parametrize("command", OUTPUTS)
def test_what_is_lacking_new_or_of_another_type_is_found(command: str) -> None:
    call = next(one for one in CALLS if one.partition(" ")[0] == command and "--only" not in one and "--all" not in one)
    record = json.loads(run(*call.split(), "--format", "json").stdout)
    free = {"outputs", "output_regions", "kept", "families"}  # whose keys are names
    for path in places(record):
        if command == "compare" and path[:1] == ("changed",) and "changes" in path:
            continue
        changed = deepcopy(record)
        at = changed
        for key in path:
            at = at[key]
        for key in [*at] if not free & {*path[-1:]} else []:
            if (command, key) == ("fit", "value") and at[key] is not None and "kept" not in at:
                continue  # of any type, as the setting
            value = at.pop(key)
            assert not validator(command).is_valid(changed), f"{path} without {key}"
            at[key] = [[{}]]
            assert not validator(command).is_valid(changed), f"another {key} in {path}"
            at[key] = value
        at["unheard_of"] = {}
        assert not validator(command).is_valid(changed), f"a new key in {path}"


def test_descriptions_are_those_of_the_columns() -> None:
    row = output_schema("summary")["$defs"]["network"]["properties"]["layers"]["items"]["properties"]
    about = {column.key: column.about for column in COMMANDS["summary"]()}
    assert {key: one["description"] for key, one in row.items()} == {key: about[key] for key in row}
    networks, _ = output_schema("list")["anyOf"]
    assert networks["properties"]["networks"]["items"]["properties"]["peak"]["description"] == (
        "most bytes of tensors alive at a time at inference, in place where possible; in bytes"
    )


def test_every_column_says_what_it_is() -> None:
    assert set(WORDS) == set(VALUES)
    for command, columns in COMMANDS.items():
        for column in columns():
            assert column.about, (command, column.key)
            assert holding(column).removesuffix("?") in VALUES, (command, column.key)


@pytest.mark.parametrize("command", OUTPUTS)
def test_the_command_prints_the_schema(command: str) -> None:
    assert json.loads(out("schema", command)) == json.loads(json.dumps(output_schema(command)))


def test_without_a_command_it_is_the_schema_of_specs() -> None:
    assert json.loads(out("schema"))["title"] == "cnnarch spec"
    done = run("schema", "sumary")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean `summary`?" in done.stderr
