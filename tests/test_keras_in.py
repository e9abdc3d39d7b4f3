"""Models of Keras, read without it and compared with what Keras says of itself.

`tests/keras` has configurations as files: Keras 3.15 wrote `shared`, `channels_first` and `sequential`, from which
initialisers are left out; `functional_2` and `sequential_1` are in the words of Keras 2.12 and 2.1.
"""

from __future__ import annotations

import json
import zipfile
from math import prod
from pathlib import Path
from typing import Any

import pytest

from cnnarch.errors import ReadError
from cnnarch.interchange.keras.archive import MOST_BYTES
from cnnarch.interchange.keras.reading import read
from cnnarch.interchange.model import Model
from cnnarch.shapes import Shape
from tests import keras_models

STORED = Path(__file__).parent / "keras"

APPLICATIONS = (
    "MobileNet", "MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "EfficientNetV2B0", "DenseNet121", "InceptionV3",
    "Xception", "ResNet50", "ResNet50V2", "ConvNeXtTiny", "VGG16",
)  # fmt: skip


@pytest.mark.keras
@pytest.mark.parametrize("name", keras_models.MODELS)
def test_every_layer_class_as_keras_counts_it(name: str, tmp_path: Path) -> None:
    keras = keras_models.keras_module()
    built = keras_models.MODELS[name](keras)
    model = keras_models.read_back(built, tmp_path)
    assert keras_models.compare(built, model)
    assert all(entry.kind != "unknown" for entry in model.entries)


@pytest.mark.keras
@pytest.mark.parametrize("name", keras_models.UNKNOWN)
def test_what_has_no_kind_is_unknown(name: str, tmp_path: Path) -> None:
    build, weights = keras_models.UNKNOWN[name]
    built = build(keras_models.keras_module())
    model = keras_models.read_back(built, tmp_path)
    (unknown,) = model.entries
    assert unknown.kind == "unknown"
    assert unknown.settings.get("weights", 0) == weights == built.count_params()
    assert keras_models.figures(model)[unknown.name].output == Shape(*built.output_shape[1:])


@pytest.mark.keras
@pytest.mark.parametrize("name", APPLICATIONS)
def test_applications_as_keras_counts_them(name: str, tmp_path: Path) -> None:
    keras = keras_models.keras_module()
    built = getattr(keras.applications, name)(weights=None)
    size = None if None not in built.input_shape[1:] else Shape(224, 224, 3)
    model = keras_models.read_back(built, tmp_path, size)
    if size is None:
        assert keras_models.compare(built, model) > 20
    trained = sum(prod(one.shape) for one in built.trainable_weights)
    assert keras_models.totals(model)[0] == trained
    assert all(entry.kind != "unknown" for entry in model.entries)


@pytest.mark.keras
def test_a_keras_archive_is_read_as_its_configuration(tmp_path: Path) -> None:
    built = keras_models.MODELS["sequential"](keras_models.keras_module())
    built.save(tmp_path / "model.keras")
    from_text = keras_models.read_back(built, tmp_path)
    assert read(str(tmp_path / "model.keras")).entries == from_text.entries
    assert keras_models.totals(from_text)[0] == built.count_params()


@pytest.mark.keras
def test_the_older_encoding_is_as_keras_reads_it(tmp_path: Path) -> None:
    """Keras 3 still reads calls as Keras 2 wrote them; functions of TensorFlow it does not."""
    keras = keras_models.keras_module()
    text = stored("functional_2")
    text["config"]["layers"] = [one for one in text["config"]["layers"] if one["class_name"] != "TFOpLambda"]
    text["config"]["layers"][-2]["inbound_nodes"] = [[["act", 1, 0, {}]]]
    text["config"]["layers"][2]["name"] = text["config"]["layers"][2]["config"]["name"] = "conv"
    text["config"]["layers"][3]["inbound_nodes"] = [[["conv", 0, 0, {}]]]
    path = tmp_path / "model.json"
    path.write_text(json.dumps(text), encoding="utf-8")
    built = keras.Model.from_config(text["config"])
    assert keras_models.totals(read(str(path))) == (
        sum(prod(one.shape) for one in built.trainable_weights),
        sum(prod(one.shape) for one in built.non_trainable_weights),
    )


# What needs no Keras


def stored(name: str) -> Any:
    return json.loads((STORED / f"{name}.json").read_text(encoding="utf-8"))


def read_config(config: Any, folder: Path, inputs: Shape | None = None) -> Model:
    path = folder / "model.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")
    return read(str(path), inputs)


# Parameters as Keras's `count_params` has them, buffers apart; the last two by hand:
# 3·3·3·8 + 16 + 8·8 + 8 + 16·10 + 10, and 5·4·6 + 6 + 2·3·3·(6 + 3 + 2) + 6·2.
@pytest.mark.parametrize(
    ("name", "inputs", "params", "buffers"),
    [
        ("shared", None, 276, 16),
        ("channels_first", None, 9197, 16),
        ("sequential", None, 51902, 0),
        ("functional_2", None, 474, 16),
        ("sequential_1", Shape(40, 4), 336, 0),
    ],
)
def test_stored_configurations(name: str, inputs: Shape | None, params: int, buffers: int) -> None:
    model = read(str(STORED / f"{name}.json"), inputs)
    assert keras_models.totals(model) == (params, buffers)


def test_weights_that_are_shared_are_those_of_the_first_call() -> None:
    model = read(str(STORED / "shared.json"))
    shared = {entry.name: entry.share for entry in model.entries if entry.share}
    assert shared == {
        "tower_2/conv2d": "tower/conv2d",
        "tower_2/batch_normalization": "tower/batch_normalization",
        "head_2": "head",
    }
    assert list(model.inputs) == ["left", "right"]


def test_both_ways_of_writing_calls_and_functions() -> None:
    model = read(str(STORED / "functional_2.json"))
    entries = {entry.name: entry for entry in model.entries}
    assert entries["twice_2"].share == "twice"
    assert entries["tf___operators___add"].sources == ("act", "act_2")
    assert entries["tf_concat"].sources == ("tf_math_multiply_3", "act")
    assert entries["block1/conv"].settings == {"filters": 8, "kernel": 3, "stride": 2, "bias": False}


def test_open_sizes_are_named() -> None:
    with pytest.raises(ReadError, match=r"sizes of input `input` are open: \?×4") as raised:
        read(str(STORED / "sequential_1.json"))
    assert "--input 224x4" in str(raised.value)


def test_inputs_can_be_others() -> None:
    model = read(str(STORED / "sequential.json"), Shape(32, 32, 1))
    assert model.inputs == {"input_layer": Shape(32, 32, 1)}
    assert keras_models.totals(model)[0] == 51902 + (6 * 6 - 5 * 5) * 16 * 120


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"middle": Shape(32, 32, 3)}, "there is no input `middle`"),
        (Shape(32, 32, 3), "has 2 inputs"),
        ({"left": Shape(32, 3)}, "another number of axes"),
    ],
)
def test_inputs_that_do_not_fit(inputs: Any, message: str) -> None:
    with pytest.raises(ReadError, match=message):
        read(str(STORED / "shared.json"), inputs)


def custom(cls: str) -> Any:
    """The stored model with a class of somebody else's that is called like one of Keras."""
    config = stored("shared")
    layer = next(one for one in config["config"]["layers"] if one["class_name"] == cls)
    layer.update(module="mine", class_name="Dense", registered_name="mine>Dense")
    return config


def test_classes_of_others_are_unknown_where_their_shape_is_told(tmp_path: Path) -> None:
    model = read_config(custom("GlobalAveragePooling2D"), tmp_path)
    (entry,) = (entry for entry in model.entries if entry.kind == "unknown")
    assert entry.settings == {"operator": "Dense", "size": [8]}
    assert entry.name == "global_average_pooling2d"


def test_classes_of_others_are_refused_by_name_where_it_is_not(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"`subtract` of .*: the class `Dense` is not known"):
        read_config(custom("Subtract"), tmp_path)


def test_a_shape_that_the_file_tells_otherwise_is_refused(tmp_path: Path) -> None:
    config = stored("shared")
    layer = next(one for one in config["config"]["layers"] if one["class_name"] == "Subtract")
    layer["inbound_nodes"][0]["args"][0][0]["config"]["shape"] = [None, 9]
    with pytest.raises(ReadError, match="its output is 8, and 9 by the file"):
        read_config(config, tmp_path)


def deep(levels: int) -> str:
    return '{"class_name": "Sequential", "config": ' + '{"layers": [' * levels


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("{}", "no `class_name`"),
        ("[1, 2]", "no `class_name`"),
        ('{"class_name": "Sequential", "config": {"layers": [', "is not JSON: .* in line 1"),
        (deep(10_000), "levels"),
        ("[" * 10_000 + "]" * 10_000, "levels"),
        ('{"class_name": 9' + "9" * 5000 + "}", "is not JSON"),
        ('{"class_name": "Model", "config": {"name": "mine"}}', "no Sequential and no functional model"),
    ],
)
def test_texts_that_are_no_model(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=message):
        read_config(text, tmp_path)


def functional(*rows: tuple[str, str, dict[str, Any], list[str]], outputs: str) -> dict[str, Any]:
    layers: list[dict[str, Any]] = [
        {"class_name": "InputLayer", "name": "x", "config": {"batch_shape": [None, 8, 8, 3]}, "inbound_nodes": []}
    ]
    for name, cls, config, takes in rows:
        calls = [[[one, 0, 0, {}] for one in takes]]
        layers.append({"class_name": cls, "name": name, "config": config, "inbound_nodes": calls})
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [[outputs, 0, 0]]}
    return {"class_name": "Functional", "config": {"layers": layers, **ends}}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (functional(("a", "ReLU", {}, ["b"]), ("b", "ReLU", {}, ["a"]), outputs="b"), "in a circle: `a`, `b`"),
        (functional(("a", "ReLU", {}, ["lost"]), outputs="a"), "`a` takes `lost`"),
        (functional(("a", "ReLU", {}, ["x"]), outputs="lost"), "no layer `lost`"),
        (functional(("a", "ReLU", {}, ["x"]), ("a", "ReLU", {}, ["x"]), outputs="a"), "two layers have one name"),
        (functional(("a", "Dense", {"units": 0}, ["x"]), outputs="a"), "`a` of .*: `units` must be"),
        (functional(("a", "Dense", {"units": -1}, ["x"]), outputs="a"), "`units` must be"),
        (functional(("a", "Dense", {"units": 2**62}, ["x"]), outputs="a"), "`units` must be"),
        (functional(("a", "UpSampling2D", {"size": 2**40}, ["x"]), outputs="a"), "`a` of"),
        (functional(("a", "Conv2D", {"filters": 4, "kernel_size": 9}, ["x"]), outputs="a"), "`a` of"),
        (functional(("a", "Conv1D", {"filters": 4, "kernel_size": 3}, ["x"]), outputs="a"), "Conv1D takes length"),
        (
            functional(("a", "Lambda", {"function": ["4wEAAA", None, None]}, ["x"]), outputs="a"),
            "`Lambda` is not known",
        ),
    ],
)
def test_models_that_cannot_be(config: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=message):
        read_config(config, tmp_path)


def test_models_in_models_without_end_are_refused(tmp_path: Path) -> None:
    """Each calls the one inside twice: 2^40 layers of a short text."""
    model = functional(("a", "ReLU", {}, ["x"]), outputs="a")
    for _ in range(40):
        layers = model["config"]["layers"]
        inner = {**model, "name": "inner", "inbound_nodes": [[["x", 0, 0, {}]], [["inner", 0, 0, {}]]]}
        outer = functional(outputs="inner")
        outer["config"]["layers"].append(inner)
        outer["config"]["output_layers"] = [["inner", 1, 0]]
        model = outer
        assert layers
    with pytest.raises(ReadError, match="more than 10,000 models"):
        read_config(model, tmp_path)


def test_many_layers_take_little_time(tmp_path: Path) -> None:
    rows: list[tuple[str, str, dict[str, Any], list[str]]]
    rows = [(f"l{number}", "ReLU", {}, [f"l{number - 1}" if number else "x"]) for number in range(20_000)]
    model = read_config(functional(*rows, outputs="l19999"), tmp_path)
    assert len(model.entries) == 20_000


ODD: list[Any] = [None, -1, 0, 2**62, "x", [], {}, [[]], True, 1e308, {"class_name": "Functional", "config": {}}]


def places(value: Any, before: tuple[Any, ...] = ()) -> Any:
    yield before
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(one, (*before, key))


@pytest.mark.parametrize("name", ["functional_2", "sequential_1", "shared"])
def test_wrong_values_everywhere(name: str, tmp_path: Path) -> None:
    """Every eleventh value of a configuration, in turn, is something else: read, or refused with words."""
    inputs = Shape(40, 4) if name == "sequential_1" else None
    for number, place in enumerate(places(stored(name))):
        if not place or number % 11:
            continue
        for odd in ODD:
            config = stored(name)
            inside = config
            for key in place[:-1]:
                inside = inside[key]
            inside[place[-1]] = odd
            try:
                read_config(config, tmp_path, inputs)
            except ReadError as error:
                assert str(error)


# Archives


def archive(folder: Path, members: dict[str, bytes], **how: Any) -> str:
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w", **how) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return str(path)


def test_an_archive_is_read_by_its_configuration_alone(tmp_path: Path) -> None:
    content = (STORED / "sequential.json").read_bytes()
    path = archive(tmp_path, {"metadata.json": b"{}", "config.json": content, "../../outside.h5": b"no weights"})
    assert read(path).entries == read(str(STORED / "sequential.json")).entries
    assert [one.name for one in tmp_path.iterdir()] == ["model.keras"]


def test_a_bomb_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    path = archive(tmp_path, {"config.json": b" " * (5 * MOST_BYTES)}, compression=zipfile.ZIP_DEFLATED)
    assert Path(path).stat().st_size < MOST_BYTES // 10
    with pytest.raises(ReadError, match="has more than 16,777,216 bytes"):
        read(path)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "holds no `config.json`"),
        ({"folder/config.json": b"{}", "/config.json": b"{}"}, "holds no `config.json`"),
        ({"config.json": b"{}"}, "no `class_name`"),
    ],
)
def test_archives_without_a_model(members: dict[str, bytes], message: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=message):
        read(archive(tmp_path, members))


def test_damaged_and_encrypted_archives(tmp_path: Path) -> None:
    path = Path(archive(tmp_path, {"config.json": (STORED / "shared.json").read_bytes()}))
    whole = path.read_bytes()
    for end in (3, 30, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:end])
        with pytest.raises(ReadError, match=r"damaged|not JSON|not text"):
            read(str(path))
    encrypted = bytearray(whole)
    directory = whole.rindex(b"PK\x01\x02")
    encrypted[6] |= 1
    encrypted[directory + 8] |= 1
    path.write_bytes(bytes(encrypted))
    with pytest.raises(ReadError, match="is encrypted"):
        read(str(path))


def test_hdf5_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ReadError, match="is HDF5, which is not read"):
        read(str(path))


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="there is no file"):
        read(str(tmp_path / "model.keras"))
    with pytest.raises(ReadError, match="cannot be read"):
        read(str(tmp_path))
