"""Arguments read off tensors' shapes, and shapes foretold from arguments."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.foreign import discriminator, generator2, generator3
from support.vectors import HERE, Vectors

from stylegan_ext.errors import MismatchError
from stylegan_ext.infer import differences, infer, kind_of, settle
from stylegan_ext.networks import construct
from stylegan_ext.records import Kind, NetworkRecord
from stylegan_ext.shapes import expected_shapes, stylegan3_layers

SMALL = [
    "sg2_d32_orig_mbstd_all",
    "sg2_d32_skip",
    "sg2_g32_gray",
    "sg2_g64_arch_resnet",
    "sg2_g64_cond3_embed16",
    "sg3r_g64",
    "sg3t_g64_cond3",
]
SHARED = [
    "sg2_d64_resnet",
    "sg2_d64_resnet_cond3",
    "sg2_g256_configf",
    "sg2_g64_arch_orig",
    "sg2_g64_arch_skip",
    "sg2_g64_cond3",
    "sg3t_g64",
]
# What cannot be seen in shapes: it keeps its default when arguments are inferred.
INVISIBLE = {"conv_clamp", "magnitude_ema_beta", "epilogue_kwargs.mbstd_group_size"}

GENERATOR = {"z_dim": 8, "w_dim": 8, "c_dim": 0, "img_channels": 3, "img_resolution": 32}
CONFIGURATIONS: list[tuple[Kind, dict[str, Any]]] = [
    ("stylegan2-generator", {**GENERATOR, "synthesis_kwargs": {"channel_base": 300}}),
    ("stylegan2-generator", {**GENERATOR, "c_dim": 5, "synthesis_kwargs": {"channel_max": 9}}),
    (
        "stylegan2-generator",
        {
            **GENERATOR,
            "img_resolution": 4,
            "mapping_kwargs": {"num_layers": 1},
            "synthesis_kwargs": {"channel_max": 3},
        },
    ),
    (
        "stylegan2-discriminator",
        {
            "c_dim": 4,
            "img_resolution": 16,
            "img_channels": 1,
            "channel_base": 100,
            "cmap_dim": 7,
            "mapping_kwargs": {"num_layers": 2, "embed_features": 5, "layer_features": 6},
        },
    ),
    (
        "stylegan2-discriminator",
        {
            "c_dim": 0,
            "img_resolution": 16,
            "img_channels": 3,
            "channel_max": 6,
            "epilogue_kwargs": {"mbstd_num_channels": 0},
        },
    ),
    ("stylegan3-generator", {**GENERATOR, "channel_max": 11, "num_layers": 7, "num_critical": 1}),
    ("stylegan3-generator", {**GENERATOR, "channel_base": 500, "num_critical": 0}),
    (
        "stylegan3-generator",
        {
            **GENERATOR,
            "channel_base": 700,
            "channel_max": 13,
            "conv_kernel": 1,
            "use_radial_filters": True,
        },
    ),
]


def shapes_of(record: NetworkRecord) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in record.tensors.items()}


def check_vectors(v: Vectors) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in v.state().items()}
    kind = kind_of(shapes)
    assert kind is not None
    assert expected_shapes(kind, v.kwargs) == shapes
    assert settle("vectors", kind, v.kwargs, shapes) == v.kwargs
    inferred = flat(settle("vectors", kind, None, shapes))
    for name, value in flat(v.kwargs).items():
        if name.rpartition(".")[2] not in INVISIBLE and name not in INVISIBLE:
            default = {"architecture": "skip"}.get(name.rpartition(".")[2])
            assert inferred.get(name, default) == value, name


def flat(kwargs: dict[str, Any]) -> dict[str, Any]:
    made = {}
    for name, value in kwargs.items():
        if isinstance(value, dict):
            made.update({f"{name}.{inner}": each for inner, each in value.items()})
        else:
            made[name] = value
    return made


@pytest.mark.parametrize("name", SMALL)
def test_reference_networks_are_recognised(name: str) -> None:
    check_vectors(Vectors(HERE / f"{name}.npz"))


@pytest.mark.shared
@pytest.mark.parametrize("name", SHARED)
def test_larger_reference_networks_are_recognised(name: str, shared_dir: Any) -> None:
    check_vectors(Vectors(shared_dir / "vectors" / f"{name}.npz"))


def test_the_layers_of_large_stylegan3_networks_are_the_official_ones() -> None:
    tables = json.loads((HERE / "sg3_layer_tables.json").read_text())
    assert len(tables) >= 5
    for title, table in tables.items():
        radial = "-r-" in title
        factor = 2 if radial else 1
        base = 16384 if "cbase16384" in title else 32768
        kwargs = {
            "z_dim": 512,
            "w_dim": 512,
            "img_channels": 3,
            "img_resolution": int(title.split("-")[2]),
            "channel_base": base * factor,
            "channel_max": 512 * factor,
            "use_radial_filters": radial,
        }
        layers = stylegan3_layers(kwargs)
        assert [layer.name for layer in layers] == [row["name"] for row in table["layers"]]
        for layer, row in zip(layers, table["layers"], strict=True):
            assert layer.up_taps == (6 * row["up"] if row["up"] > 1 else 1)
            assert layer.down_taps == (6 * row["down"] if row["down"] > 1 else 1)
            assert layer.down_radial == (radial and not row["crit"])


@pytest.mark.parametrize(("kind", "kwargs"), CONFIGURATIONS)
def test_shapes_are_those_of_the_real_network_and_lead_back_to_it(
    kind: Kind, kwargs: dict[str, Any]
) -> None:
    state = construct(kind, kwargs).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert expected_shapes(kind, kwargs) == shapes
    assert kind_of(shapes) == kind
    again = construct(kind, settle("it", kind, None, shapes)).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in again.items()} == shapes


def test_the_roundest_channel_base_is_taken() -> None:
    official = {**GENERATOR, "img_resolution": 256, "synthesis_kwargs": {"channel_base": 16384}}
    shapes = expected_shapes("stylegan2-generator", official)
    kwargs = infer("stylegan2-generator", shapes)
    assert kwargs["synthesis_kwargs"] == {"channel_base": 16384, "channel_max": 512}


def test_a_contradiction_between_words_and_tensors_is_explained() -> None:
    record = generator2()
    said = {**record.kwargs, "img_resolution": 64, "z_dim": 9, "mapping_kwargs": {"num_layers": 8}}
    with pytest.raises(MismatchError) as caught:
        settle("G_ema of x.pkl", record.kind, said, shapes_of(record))
    words = str(caught.value)
    assert "G_ema of x.pkl" in words
    assert "img_resolution: the file says 64, the tensors say 16" in words
    assert "z_dim: the file says 9, the tensors say 8" in words
    assert "mapping_kwargs.num_layers: the file says 8, the tensors say 2" in words


def test_tensors_that_fit_no_arguments_are_listed() -> None:
    record = discriminator()
    shapes = shapes_of(record) | {"b8.conv0.weight": (5, 6, 3, 3)}
    with pytest.raises(MismatchError, match=r"b8\.conv0\.weight is 5x6x3x3, expected"):
        settle("D", record.kind, record.kwargs, shapes)


def test_long_lists_are_cut_and_counted() -> None:
    record = generator2()
    shapes = {name: (*shape, 1) for name, shape in shapes_of(record).items()}
    lines = differences(expected_shapes(record.kind, record.kwargs), shapes)
    with pytest.raises(MismatchError) as caught:
        settle("G", record.kind, record.kwargs, shapes)
    assert f"and {len(lines) - 12} more" in str(caught.value)


@pytest.mark.parametrize("record", [generator2(), generator3(), discriminator()])
def test_no_single_tensor_can_be_left_out(record: NetworkRecord) -> None:
    shapes = shapes_of(record)
    for name in shapes:
        rest = {key: shape for key, shape in shapes.items() if key != name}
        with pytest.raises(MismatchError):
            settle("it", record.kind, None, rest)


def test_what_is_no_network_has_no_kind() -> None:
    assert kind_of(["features.0.weight", "classifier.1.bias"]) is None
    assert kind_of([]) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"img_resolution": 48}, "no power of two"),
        ({"img_resolution": 1 << 40}, "not between"),
        ({"img_resolution": "64"}, "'img_resolution' cannot be '64'"),
        ({"img_resolution": 64.5}, "should be a whole number"),
        ({"img_resolution": True}, "should be a whole number"),
        ({"w_dim": 0}, "not between"),
        ({"w_dim": 10**9}, "not between"),
        ({"z_dim": float("nan")}, "cannot be nan"),
        ({"z_dim": float("inf")}, "cannot be inf"),
        ({"z_dim": {"a": 1}}, "should be a whole number"),
        ({"z_dim": None}, "is missing"),
        ({"mapping_kwargs": {"num_layers": 10**6}}, "not between"),
        ({"mapping_kwargs": [1]}, "'mapping_kwargs' cannot be list"),
        ({"mapping_kwargs": 3}, "should hold arguments"),
        ({"mapping_kwargs": {"lr_multiplier": "fast"}}, "'lr_multiplier' cannot be 'fast'"),
        ({"synthesis_kwargs": {"architecture": "odd"}}, "unknown architecture"),
        ({"synthesis_kwargs": {"architecture": ["skip"]}}, "'architecture' cannot be list"),
        ({"synthesis_kwargs": {"resample_filter": [1, "3"]}}, "'resample_filter' cannot be list"),
        ({"synthesis_kwargs": {"resample_filter": [1] * 1000}}, "no list of taps"),
        ({"synthesis_kwargs": {"channel_base": -1}}, "not between"),
    ],
)
def test_impossible_arguments_are_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(MismatchError, match=words):
        expected_shapes("stylegan2-generator", {**GENERATOR, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"num_critical": 14},
        {"first_cutoff": 0},
        {"first_stopband": "wide"},
        {"last_stopband_rel": float("nan")},
        {"num_layers": 0},
    ],
)
def test_impossible_stylegan3_arguments_are_named(change: dict[str, Any]) -> None:
    with pytest.raises(MismatchError, match=next(iter(change))):
        expected_shapes("stylegan3-generator", {**GENERATOR, **change})
