"""Model files built to harm, or damaged: a refusal that says why, and no work before it."""

from __future__ import annotations

import json
import random
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.foreign import tiny_model

from stylegan_ext.checkpoint import load, load_all, read_header, read_model, verify, write_model
from stylegan_ext.convert import read_foreign
from stylegan_ext.errors import CheckpointError, MismatchError, ParameterError

REFUSED = (CheckpointError, MismatchError)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "m.safetensors"
    write_model(path, tiny_model())
    return path


def parts(path: Path) -> tuple[dict[str, Any], bytes]:
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + length]), raw[8 + length :]


def put(path: Path, header: bytes, data: bytes) -> Path:
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    return path


def changed(path: Path, change: Callable[[dict[str, Any]], Any], more: bytes = b"") -> Path:
    header, data = parts(path)
    change(header)
    return put(path, json.dumps(header).encode(), data + more)


def first(header: dict[str, Any]) -> dict[str, Any]:
    """The description of the tensor that lies first."""
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    return next(entry for entry in tensors.values() if entry["data_offsets"][0] == 0)


def refuse_everywhere(path: Path) -> Exception:
    """The same refusal from every way in."""
    for way in (load, load_all, read_model, verify):
        with pytest.raises(REFUSED):
            way(path)
    with pytest.raises(REFUSED) as caught:
        read_foreign(path)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    return caught.value


@pytest.mark.parametrize(
    "start",
    [
        struct.pack("<Q", 1 << 63),
        struct.pack("<Q", (1 << 64) - 1),
        struct.pack("<Q", 17 << 20),
        struct.pack("<Q", 100_000),
        b"\x00" * 8,
        b"\x00" * 3,
    ],
)
def test_absurd_lengths_of_the_header(start: bytes, file: Path) -> None:
    file.write_bytes(start + file.read_bytes()[8:200])
    refuse_everywhere(file)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{\xff}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"__metadata__": {"x": ' + b"9" * 6000 + b"}}",
        b'{"__metadata__": {}, "__metadata__": {}}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"__metadata__": []}',
        b'{"__metadata__": {"format": "stylegan_ext"}}',
        b'{"__metadata__": {"format": "stylegan_ext", "format_version": "1"}}',
        b'{"__metadata__": {"format": "stylegan_ext", "format_version": "2"}}',
        b'{"__metadata__": {"format": ["stylegan_ext"]}}',
        b'{"__metadata__": {"format": "pt"}}',
    ],
    ids=lambda header: repr(header[:30]),
)
def test_headers_that_are_none(header: bytes, file: Path) -> None:
    started = time.monotonic()
    refuse_everywhere(put(file, header, parts(file)[1]))
    assert time.monotonic() - started < 10


EMPTY = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
TENSOR_CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "unknown type": lambda h: first(h).update(dtype="I64"),
    "no type": lambda h: first(h).update(dtype=None),
    "list as type": lambda h: first(h).update(dtype=["F32"]),
    "huge shape": lambda h: first(h).update(shape=[1 << 40, 1 << 40]),
    "shape of 2^4000": lambda h: first(h).update(shape=[1 << 1000] * 4),
    "negative": lambda h: first(h).update(shape=[-1, -16]),
    "float": lambda h: first(h).update(shape=[2.0]),
    "true": lambda h: first(h).update(shape=[True]),
    "floats": lambda h: first(h).update(shape=[float(size) for size in first(h)["shape"]]),
    "one place for two": lambda h: h["G_ema.mapping.w_avg"].update(
        data_offsets=h["G_ema.mapping.fc0.bias"]["data_offsets"]
    ),
    "many axes": lambda h: first(h).update(shape=[1] * 10_000),
    "no list": lambda h: first(h).update(shape=7),
    "offsets swapped": lambda h: first(h).update(data_offsets=[64, 0]),
    "offsets beyond": lambda h: first(h).update(data_offsets=[1 << 50, (1 << 50) + 4]),
    "negative offsets": lambda h: first(h).update(data_offsets=[-4, 0]),
    "one offset": lambda h: first(h).update(data_offsets=[0]),
    "overlap": lambda h: [e.update(data_offsets=[0, 4]) for n, e in h.items() if n[0] == "G"],
    "another key": lambda h: first(h).update(more=1),
    "no key": lambda h: first(h).pop("shape"),
    "no table": lambda h: h.update({"G_ema.x": 3}),
    "one more": lambda h: h.update({"G_ema.x": EMPTY}),
    "odd name": lambda h: h.update({"G_ema/../x": first(h)}),
    "no network's": lambda h: h.update({"Q.x": EMPTY}),
    "one less": lambda h: h.pop("G_ema.mapping.w_avg"),
}


@pytest.mark.parametrize("name", TENSOR_CHANGES)
def test_tensors_that_cannot_be(name: str, file: Path) -> None:
    refuse_everywhere(changed(file, TENSOR_CHANGES[name]))
    if name != "one more":  # that one is well-formed, and fits no network
        with pytest.raises(CheckpointError, match="is damaged"):
            read_header(file)


def metadata(key: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda header: header["__metadata__"].update({key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("networks", "{"),
        ("networks", "[]"),
        ("networks", "{}"),
        ("networks", "[" * 100_000),
        ("networks", '{"G_ema": 3}'),
        ("networks", '{"G_ema": {"kind": "stylegan2-generator"}}'),
        ("networks", '{"G_ema": {"kind": "__reduce__", "kwargs": {}}}'),
        ("networks", '{"G_ema": {"kind": ["a"], "kwargs": {}}}'),
        ("networks", '{"G_ema": {"kind": "stylegan2-generator", "kwargs": []}}'),
        ("networks", '{"G_ema": {"kind": "stylegan2-generator", "kwargs": {}}}'),
        ("networks", '{"../G": {"kind": "stylegan2-generator", "kwargs": {}}}'),
        ("parents", "{}"),
        ("parents", "[3]"),
        ("notes", "[]"),
        ("notes", '{"a":' * 500 + "1" + "}" * 500),
        ("notes", '{"a":' + "[" * 40 + "]" * 40 + "}"),
        ("preprocessing", "3"),
        ("content_sha256", "abc"),
        ("licence", 3),
        ("format_version", "99"),
    ],
)
def test_metadata_that_cannot_be(key: str, value: Any, file: Path) -> None:
    refuse_everywhere(changed(file, metadata(key, value)))


@pytest.mark.parametrize(
    "kwargs",
    [
        {"img_resolution": 1 << 62},
        {"img_resolution": 2048},
        {"z_dim": 1 << 62},
        {"mapping_kwargs": {"num_layers": 1 << 62}},
        {"synthesis_kwargs": {"channel_base": 1 << 62, "channel_max": 1 << 62}},
        {"synthesis_kwargs": {"architecture": {"a": 1}}},
        {"self": 1},
        {"__class__": "x"},
        {"mapping_kwargs": {"z_dim": 3}},
        {"mapping_kwargs": {"lr_multiplier": "fast"}},
        {"mapping_kwargs": {"deep": {"deeper": 1}}},
        {"synthesis_kwargs": {"resample_filter": [["a"]]}},
        {"synthesis_kwargs": {"conv_clamp": "x"}},
        {"z_dim": {"a": {"b": 1}}},
    ],
)
def test_arguments_that_ask_for_much_or_for_odd_things(kwargs: dict[str, Any], file: Path) -> None:
    def change(header: dict[str, Any]) -> None:
        networks = json.loads(header["__metadata__"]["networks"])
        networks["G_ema"]["kwargs"] |= kwargs
        header["__metadata__"]["networks"] = json.dumps(networks)

    started = time.monotonic()
    changed(file, change)
    with pytest.raises((*REFUSED, ParameterError)):
        load(file)
    assert time.monotonic() - started < 5


def test_non_finite_notes_of_any_form_do_no_harm(file: Path) -> None:
    for notes in ('{"non_finite": 3}', '{"non_finite": {"a": 1}}', '{"non_finite": [[1]]}'):
        changed(file, metadata("notes", notes))
        assert load(file).img_resolution == 4


def test_a_key_that_stands_twice(file: Path) -> None:
    header, data = parts(file)
    text = json.dumps(header)
    entry = json.dumps({"G_ema.mapping.w_avg": header["G_ema.mapping.w_avg"]})[1:-1]
    assert text.count(entry) == 1
    put(file, text.replace(entry, f"{entry}, {entry}").encode(), data)
    assert "stands twice" in str(refuse_everywhere(file))


def test_bytes_after_the_tensors(file: Path) -> None:
    assert "follow the header" in str(refuse_everywhere(changed(file, lambda h: None, b"x" * 8)))


def test_a_model_cut_at_every_byte(file: Path) -> None:
    whole = file.read_bytes()
    assert load(file).img_resolution == 4
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            read_header(file)
        if length % 97 == 0:
            refuse_everywhere(file)


@pytest.mark.parametrize("seed", range(6))
def test_random_bytes_changed(seed: int, file: Path) -> None:
    whole = file.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    draw = random.Random(seed)
    refusals = 0
    for _ in range(120):
        raw = bytearray(whole)
        for _ in range(draw.choice([1, 2, 10])):
            raw[draw.randrange(8 + length)] = draw.randrange(256)
        file.write_bytes(raw)
        try:
            load(file)
        except (*REFUSED, ParameterError):
            refusals += 1
    assert refusals > 50


def test_a_changed_weight_is_found_by_verify(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    draw = random.Random(0)
    (length,) = struct.unpack("<Q", whole[:8])
    for _ in range(20):
        raw = bytearray(whole)
        raw[draw.randrange(8 + length, len(raw))] ^= 1 << draw.randrange(8)
        file.write_bytes(raw)
        with pytest.raises(CheckpointError, match="not those that were written"):
            verify(file)
