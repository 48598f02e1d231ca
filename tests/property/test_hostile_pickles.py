"""Snapshots built to harm: nothing runs, nothing is left behind, and the refusal says why.

Every payload is shown to be live first: Python's own unpickler creates the canary file.
"""

from __future__ import annotations

import base64
import functools
import os
import pickle
import random
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.foreign import layer_of, network, snapshot, state_of
from support.vectors import HERE

from artstyle.pipeline.models import import_model
from stylegan_ext.convert import Limits, read_foreign
from stylegan_ext.convert.emitter import Call, Chunk
from stylegan_ext.convert.official_export import HOOKS, _storage_head, _tensor
from stylegan_ext.errors import CheckpointError, EngineError, MismatchError, UnsafeFileError

REFUSED = (CheckpointError, MismatchError)  # what a reader may raise, whatever the bytes


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    folder = tmp_path / "canary"
    folder.mkdir()
    return folder / "sang"


def refused(tmp_path: Path, data: bytes) -> EngineError:
    """The error of an import, after seeing that nothing but the source is there."""
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    source, out = folder / "source.pkl", folder / "out.safetensors"
    source.write_bytes(data)
    with pytest.raises(REFUSED) as caught:
        import_model(source, out)
    assert [path.name for path in folder.iterdir()] == ["source.pkl"]
    assert isinstance(caught.value, EngineError)
    return caught.value


def touch(canary: Path) -> str:
    """A line of Python that makes the canary sing."""
    return f"open({str(canary)!r}, 'w').close()"


class Reduces:
    """Pickles as a call."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __reduce__(self) -> Any:
        return self.parts


def by_system(canary: Path, protocol: int) -> bytes:
    return pickle.dumps(Reduces(os.system, (f"touch {canary}",)), protocol)


def by_eval(canary: Path, protocol: int) -> bytes:
    return pickle.dumps(Reduces(eval, (touch(canary),)), protocol)


def by_exec_in_a_dict(canary: Path, protocol: int) -> bytes:
    tree = {"G_ema": None, "training_set_kwargs": {"path": Reduces(exec, (touch(canary),))}}
    return pickle.dumps(tree, protocol)


def by_a_chain_of_calls(canary: Path, protocol: int) -> bytes:
    decoded = Reduces(base64.b64decode, (base64.b64encode(touch(canary).encode()),))
    return pickle.dumps(Reduces(exec, (Reduces(bytes.decode, (decoded,)),)), protocol)


def by_a_partial(canary: Path, protocol: int) -> bytes:
    return pickle.dumps(Reduces(functools.partial(exec, touch(canary)), ()), protocol)


MODULES = {"posix", "builtins", "__builtin__", "base64", "functools", "_codecs"}
PAYLOADS = [by_system, by_eval, by_exec_in_a_dict, by_a_chain_of_calls, by_a_partial]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("payload", PAYLOADS)
def test_code_is_refused_and_does_not_run(
    payload: Callable[[Path, int], bytes], protocol: int, canary: Path, tmp_path: Path
) -> None:
    data = payload(canary, protocol)
    pickle.loads(data)
    assert canary.exists(), "the payload does nothing; the test would prove nothing"
    canary.unlink()
    fault = refused(tmp_path, data)
    assert not canary.exists()
    if protocol >= 2:
        assert isinstance(fault, UnsafeFileError)
        assert fault.refused.partition(".")[0] in MODULES
        assert fault.refused in str(fault)
        assert fault.hint


def test_a_name_put_together_from_memoised_parts(canary: Path, tmp_path: Path) -> None:
    command = f"touch {canary}".encode()
    data = (
        b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94h\x00h\x01\x93"
        b"X" + struct.pack("<I", len(command)) + command + b"\x85R."
    )
    pickle.loads(data)
    assert canary.exists()
    canary.unlink()
    fault = refused(tmp_path, data)
    assert isinstance(fault, UnsafeFileError)
    assert fault.refused == "posix.system"
    assert not canary.exists()


def old_torch_storage(data: bytes) -> bytes:
    """What torch.storage._load_from_bytes would run: a torch file with a pickle of ours inside."""
    head = _storage_head(1)
    parts = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    assert head.startswith(parts)
    return parts + data


def test_code_inside_a_storage(canary: Path, tmp_path: Path) -> None:
    """The bytes of a tensor are a pickle themselves, which the official tools run."""
    inner = old_torch_storage(by_system(canary, 2))
    with pytest.raises(Exception):  # noqa: B017, PT011 - torch fails after it has run the code
        torch.storage._load_from_bytes(inner)
    assert canary.exists()
    canary.unlink()
    call = network()
    chunk = Chunk(len(inner), lambda: [inner])
    storage = Call("torch.storage._load_from_bytes", (chunk,))
    hooks = Call("collections.OrderedDict")
    weight = Call("torch._utils._rebuild_tensor_v2", (storage, 0, (1,), (1,), False, hooks))
    layer_of(call, "mapping")["_buffers"]["w_avg"] = weight
    fault = refused(tmp_path, snapshot(G_ema=call))
    assert isinstance(fault, UnsafeFileError)
    assert fault.refused == "posix.system"
    assert not canary.exists()


def test_source_text_is_never_run(canary: Path, tmp_path: Path) -> None:
    call = network(module_src=touch(canary), class_name="StyleGAN2Generator")
    path = tmp_path / "x.pkl"
    path.write_bytes(snapshot(G_ema=call))
    model = read_foreign(path)
    assert len(model.provenance.notes["module_src_sha256"]) == 1
    assert not canary.exists()


GLOBALS = [
    "os.system",
    "torch.load",
    "torch._utils._rebuild_tensor",
    "torch._C._nn.gelu",
    "torch.float32",
    "torch.nn.modules.linear.Linear",
    "torch.storage.UntypedStorage",
    "torch_utils.persistence.persistent_class",
    "dnnlib.util.call_func_by_name",
    "numpy.load",
    "numpy.core.multiarray.fromfile",
    "numpy._core.multiarray.frombuffer",
    "collections.defaultdict",
    "collections.OrderedDict.fromkeys",
    "_codecs.decode",
    "builtins.getattr",
    "builtins.bytearray",
    "copyreg._reconstructor",
]


@pytest.mark.parametrize("name", GLOBALS)
def test_every_global_outside_the_vocabulary_is_named(name: str, tmp_path: Path) -> None:
    fault = refused(tmp_path, snapshot(G_ema=network(), extra=Call(name, ("x",))))
    assert isinstance(fault, UnsafeFileError)
    assert fault.refused == name


KNOWN = {
    "torch_utils.persistence._reconstruct_persistent_obj": [(), (1,), ({},), ({}, {})],
    "collections.OrderedDict": [(1,), ([["a", 1]],)],
    "torch._utils._rebuild_parameter": [(), (1, False, {}), (None, False, {})],
    "torch._utils._rebuild_tensor_v2": [(), (1, 2, 3), (None, 0, (), (), False, {})],
    "torch.storage._load_from_bytes": [(), (1,), ("text",), ([],)],
    "_codecs.encode": [(), ("x", "utf-8"), ("☃", "latin1"), (1, "latin1"), ("x", [])],
    "numpy.dtype": [(), ("O8",), ("V8",), ("U3",), ("f16",), ("c8",), (1,), ([("a", "f4")],)],
    "numpy.core.multiarray.scalar": [(), (1, 2), ("f8", "x")],
    "numpy._core.multiarray._reconstruct": [(), (1, 2, 3), ("x", (0,), "b")],
    "dnnlib.tflib.network.Network": [()],
    "dnnlib.util.EasyDict": [()],
    "numpy.ndarray": [(), ((3,),)],
    "numpy._core.numeric._frombuffer": [(), (1, 2, (3,), "C"), ("x", 2, (3,), "A")],
    "builtins.set": [(), (1,), ([1],), ("abc",), ([], [])],
}


@pytest.mark.parametrize(
    ("name", "arguments"), [(name, each) for name, all_ in KNOWN.items() for each in all_]
)
def test_known_globals_with_wrong_arguments(name: str, arguments: Any, tmp_path: Path) -> None:
    refused(tmp_path, snapshot(G_ema=network(), extra=Call(name, arguments)))


def with_weight(*parts: Any) -> bytes:
    """The tiny snapshot with another description of one 2x2 weight over a storage of 4."""
    call = network()
    rebuilt = _tensor(torch.ones(2, 2))
    assert rebuilt is not None
    hooks = Call("collections.OrderedDict")
    described = Call(rebuilt.name, (rebuilt.arguments[0], *parts, False, hooks))
    layer_of(call, "mapping", "fc0")["_parameters"]["weight"] = described
    return snapshot(G_ema=call)


@pytest.mark.parametrize(
    "parts",
    [
        (1, (2, 2), (2, 1)),
        (-1, (2, 2), (2, 1)),
        (4, (2, 2), (2, 1)),
        (1 << 70, (2, 2), (2, 1)),
        (0, (2, 3), (3, 1)),
        (0, (2, 2), (3, 1)),
        (0, (2, 2), (-2, 1)),
        (0, (2, 2), (1 << 62, 1)),
        (0, (-2, -2), (2, 1)),
        (0, (1 << 40, 1 << 40), (0, 0)),
        (0, (1 << 47, 2), (0, 1)),
        (0, (1 << 1000, 2), (0, 1)),
        (0, (2,), (2, 1)),
        (0, [2, 2], (2, 1)),
        (0, (2, 2.0), (2, 1)),
        (0, (2, True), (2, 1)),
        (True, (2, 2), (2, 1)),
        (0, ("2", 2), (2, 1)),
        (0, None, None),
        (0, (1,) * 9, (1,) * 9),
        (0, (0, 2), (2, 1)),
        (0, (1 << 40, 0), (1, 1)),
    ],
)
def test_absurd_shapes_offsets_and_strides(parts: Any, tmp_path: Path) -> None:
    started = time.monotonic()
    refused(tmp_path, with_weight(*parts))
    assert time.monotonic() - started < 5


def test_expanded_tensors_cannot_outgrow_the_file(tmp_path: Path) -> None:
    """A stride of zero makes a million numbers of one."""
    call = network()
    rebuilt = _tensor(torch.ones(4))
    assert rebuilt is not None
    hooks = Call("collections.OrderedDict")
    wide = Call(rebuilt.name, (rebuilt.arguments[0], 0, (2, 1 << 20), (0, 0), False, hooks))
    layer_of(call, "mapping", "fc0")["_parameters"]["weight"] = wide
    state_of(call)["_init_kwargs"]["z_dim"] = 1 << 20
    layer_of(call, "mapping")["_init_kwargs"] = {}
    fault = refused(tmp_path, snapshot(G_ema=call))
    assert "1048576" in str(fault)  # refused as too wide, or as more than the file can hold


def test_overlapping_tensors_are_counted_each(tmp_path: Path) -> None:
    record = network()
    rebuilt = _tensor(torch.zeros(2000))
    assert rebuilt is not None
    hooks = Call("collections.OrderedDict")
    parameters = state_of(record)["_parameters"]
    for i in range(50):
        described = Call(rebuilt.name, (rebuilt.arguments[0], 0, (2000,), (1,), False, hooks))
        parameters[f"p{i}"] = described
    # Names that no network has are refused first, so the copies are asked for directly.
    from stylegan_ext.convert.machine import Machine
    from stylegan_ext.convert.tensors import Budget, copy_of
    from stylegan_ext.convert.vocabulary import snapshot_vocabulary

    data = memoryview(snapshot(G_ema=record))
    tree = Machine(data, snapshot_vocabulary(Limits()), Limits()).run()
    views = [v for n, v in tree["G_ema"].state["_parameters"].items() if n.startswith("p")]
    budget = Budget(Limits(), len(data))
    copied = 0
    while copied + 8000 <= len(data):
        assert copy_of(views.pop(), budget).shape == (2000,)
        copied += 8000
    with pytest.raises(UnsafeFileError, match="bytes of tensors"):
        copy_of(views.pop(), budget)


def bad_storage(data: bytes, tmp_path: Path) -> EngineError:
    call = network()
    rebuilt = _tensor(torch.ones(2))
    assert rebuilt is not None
    storage = Call("torch.storage._load_from_bytes", (Chunk(len(data), lambda: [data]),))
    described = Call(rebuilt.name, (storage, *rebuilt.arguments[1:]))
    layer_of(call, "mapping")["_buffers"]["w_avg"] = described
    return refused(tmp_path, snapshot(G_ema=call))


def test_storages_that_are_not_what_torch_writes(tmp_path: Path) -> None:
    good = _storage_head(2) + bytes(8)
    changes: list[tuple[bytes, bytes]] = [
        (b"FloatStorage", b"ComplexFloatStorage"),
        (b"torch\nFloatStorage", b"os\nsystem"),
        (b"storagectorch", b"stolen_ctorch"),
        (b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"),
        (b"little_endianq", b"big_endian___q"),
        (struct.pack("<q", 2) + b"NtQ", struct.pack("<q", 3) + b"NtQ"),
        (struct.pack("<q", 2) + b"NtQ", struct.pack("<q", -2) + b"NtQ"),
        (struct.pack("<q", 2) + b"NtQ", struct.pack("<q", 1 << 62) + b"NtQ"),
        (b"NtQ.", b"}tQ."),
        (b"NtQ.", b"Nt."),
        (b"\x80\x02]X\x01\x00\x00\x000a.", b"\x80\x02]X\x01\x00\x00\x001a."),
        (b"\x80\x02]X\x01\x00\x00\x000a.", b"\x80\x02]."),
        (b"\x80\x02M\xe9\x03.", b"\x80\x02M\xea\x03."),
        (b"\x80\x02\x8a\x0al\xfc", b"\x80\x02\x8a\x0am\xfc"),
    ]
    for old, new in changes:
        assert good.count(old) == 1, old
        bad_storage(good.replace(old, new), tmp_path)
    fault = bad_storage(good.replace(*changes[3]), tmp_path)
    assert isinstance(fault, UnsafeFileError)
    assert "cuda:0" in fault.refused
    for data in (b"", good[:-1], good + b"x", good[:200], bytes(500), b"\x80\x02N." * 5):
        bad_storage(data, tmp_path)


def test_integers_are_no_weights(tmp_path: Path) -> None:
    data = _storage_head(2).replace(b"FloatStorage", b"IntStorage") + bytes(8)
    words = "G_ema.mapping.w_avg holds numbers of type torch.int32"
    assert words in str(bad_storage(data, tmp_path))


# Bombs: files of a few kilobytes that ask for gigabytes or hours.


def bounded(tmp_path: Path, data: bytes, *, seconds: float, megabytes: float) -> EngineError:
    tracemalloc.start()
    started = time.monotonic()
    try:
        fault = refused(tmp_path, data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.monotonic() - started < seconds
    assert peak < megabytes * 1e6
    return fault


def with_entry(name: str, value: Any) -> bytes:
    """A snapshot of the tiny network and one more entry, shared parts of it written once."""
    raw = name.encode()
    return (
        snapshot(G_ema=network()).removesuffix(b"u.")
        + b"X"
        + struct.pack("<I", len(raw))
        + raw
        + pickle.dumps(value, protocol=2)[2:-1]
        + b"u."
    )


def test_laughs_by_the_billion(tmp_path: Path) -> None:
    """Sixty lists, each holding the one before twice: 2^60 values if they were written out."""
    laughs: Any = ["ha"]
    for _ in range(60):
        laughs = [laughs, laughs]
    data = with_entry("training_set_kwargs", {"x": laughs})
    assert len(data) < 20_000
    fault = bounded(tmp_path, data, seconds=20, megabytes=50)
    assert isinstance(fault, UnsafeFileError)
    assert "values" in fault.refused
    cycle: list[Any] = []
    cycle.append(cycle)
    bounded(tmp_path, with_entry("training_set_kwargs", {"x": cycle}), seconds=20, megabytes=50)


def test_layers_that_hold_each_other_twice(tmp_path: Path) -> None:
    """Forty levels of a layer with two children that are one: 2^40 ways through the tree."""
    inner = network()
    for _ in range(40):
        outer = network()
        state_of(outer)["_modules"] = {"a": inner, "b": inner}
        inner = outer
    fault = bounded(tmp_path, snapshot(G_ema=inner), seconds=60, megabytes=300)
    assert isinstance(fault, UnsafeFileError)
    assert "32 inside each other" in fault.refused


def test_a_few_layers_with_many_empty_places(tmp_path: Path) -> None:
    """One layer of 20,000 missing tensors, held by a hundred names."""
    wide = network()
    state_of(wide)["_modules"] = {}
    state_of(wide)["_parameters"] = {f"p{i}": None for i in range(20_000)}
    outer = network()
    state_of(outer)["_modules"] = {f"m{i}": wide for i in range(100)}
    fault = bounded(tmp_path, snapshot(G_ema=outer), seconds=60, megabytes=300)
    assert isinstance(fault, UnsafeFileError)
    assert "layers and tensors" in fault.refused


def test_many_layers_side_by_side(tmp_path: Path) -> None:
    """Seventy-five names for one layer that has seventy-five names for another."""
    inner = network()
    state_of(inner)["_modules"] = {}
    for _ in range(2):
        outer = network()
        state_of(outer)["_modules"] = {f"m{i}": inner for i in range(75)}
        inner = outer
    fault = bounded(tmp_path, snapshot(G_ema=inner), seconds=60, megabytes=300)
    assert isinstance(fault, UnsafeFileError)
    assert "more than 5000 layers" in fault.refused


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04" + b"]" * 200_000 + b"a" * 199_999 + b".",
        b"\x80\x04" + b")" + b"\x85" * 300_000 + b".",
        b"\x80\x04" + b"(" * 300_000 + b"t" * 300_000 + b".",
        b"\x80\x04" + b"}" * 1_500_000 + b".",
        b"\x80\x04" + b"\x8f" * 1_500_000 + b".",
        b"\x80\x04}\x94" + b"h\x00" * 1_200_000 + b".",
        b"\x80\x04N" + b"\x94" * 1_200_000 + b".",
        b"\x80\x04X\xff\xff\xff\xff" + b"a" * 1000,
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 63) + b"a" * 1000,
        b"\x80\x04B\xff\xff\xff\xff" + b"a" * 1000,
        b"\x80\x04\x95" + b"\xff" * 8 + b"N.",
        b"\x80\x04\x8a\xff" + b"\x7f" * 255 + b".",
        b"\x80\x04\x8b\xff\xff\xff\x7f" + b"\x7f" * 1000,
        b"\x80\x04" + b"\x8a\xff" + b"\x7f" * 255 + b"\x85" * 10 + b".",
    ],
    ids=["lists", "tuples", "marks", "dicts", "sets", "gets", "memo", "text", "bytes8", "bytes",
         "frame", "long", "long4", "long in tuples"],
)  # fmt: skip
def test_bombs_are_bounded(data: bytes, tmp_path: Path) -> None:
    bounded(tmp_path, data, seconds=60, megabytes=600)


def test_one_storage_read_a_million_times(tmp_path: Path) -> None:
    """Each reading costs sixty steps of an inner machine; the number of them is bounded."""
    good = _storage_head(0)
    load = b"ctorch.storage\n_load_from_bytes\n"
    data = b"\x80\x04" + load + b"q\x00B" + struct.pack("<I", len(good)) + good + b"\x85q\x01("
    data += b"h\x00h\x01R" * 300_000 + b"t."
    fault = bounded(tmp_path, data, seconds=120, megabytes=300)
    assert isinstance(fault, UnsafeFileError)
    assert "tensors" in fault.refused


def test_long_texts_together_are_bounded(tmp_path: Path) -> None:
    text = b"X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20)
    fault = bounded(tmp_path, b"\x80\x04(" + text * 40 + b"t.", seconds=30, megabytes=200)
    assert isinstance(fault, UnsafeFileError)
    assert "bytes of text" in fault.refused


# Damage: every prefix of a snapshot, and random bytes in it.


@pytest.fixture(scope="module")
def small() -> bytes:
    call = network()
    for path in ((), ("mapping",), ("mapping", "fc0"), ("synthesis",), ("synthesis", "b4")):
        for hook in HOOKS:  # which readers ignore
            del layer_of(call, *path)[hook]
    data = snapshot(G_ema=call, G=None, D=None, augment_pipe=None, training_set_kwargs=None)
    assert len(data) < 12_000
    return data


@pytest.mark.slow
def test_a_snapshot_cut_at_every_byte(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.pkl"
    path.write_bytes(small)
    assert read_foreign(path).networks
    for length in range(len(small)):
        path.write_bytes(small[:length])
        with pytest.raises(CheckpointError) as caught:
            read_foreign(path)
        assert not isinstance(caught.value, UnsafeFileError), length
    assert [each.name for each in tmp_path.iterdir()] == ["cut.pkl"]


@pytest.mark.parametrize("seed", range(8))
def test_random_bytes_changed(seed: int, small: bytes, canary: Path, tmp_path: Path) -> None:
    """Whatever comes of it, it is a model or a refusal."""
    draw = random.Random(seed)
    path = tmp_path / "changed.pkl"
    outcomes = {"read": 0, "refused": 0}
    for _ in range(150):
        data = bytearray(small)
        for _ in range(draw.choice([1, 1, 2, 5, 40])):
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data)
        try:
            assert read_foreign(path).networks
            outcomes["read"] += 1
        except REFUSED:
            outcomes["refused"] += 1
    assert outcomes["read"] > 0
    assert outcomes["refused"] > 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["canary", "changed.pkl"]


@pytest.mark.parametrize("name", ["sg2", "sg3"])
def test_random_bytes_changed_in_a_reference_snapshot(name: str, tmp_path: Path) -> None:
    whole = (HERE / f"official_like_{name}_nosrc.pkl").read_bytes()
    draw = random.Random(7)
    path = tmp_path / "changed.pkl"
    refusals = 0
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(20):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        path.write_bytes(data)
        try:
            read_foreign(path)
        except REFUSED:
            refusals += 1
    assert refusals > 5


def test_random_opcodes(tmp_path: Path) -> None:
    """Streams of known opcodes in any order: mostly nonsense, never an accident."""
    from stylegan_ext.convert.opcodes import ACTIONS

    codes = [bytes([code]) for code in ACTIONS] + [b".", b"K\x00", b"h\x00", b")", b"]", b"}"]
    draw = random.Random(3)
    path = tmp_path / "random.pkl"
    for _ in range(3000):
        body = b"".join(draw.choice(codes) for _ in range(draw.randrange(1, 60)))
        path.write_bytes(b"\x80\x04" + body + b".")
        with pytest.raises(REFUSED):
            read_foreign(path)
