"""The machine that builds data and nothing else: what it knows, and what it refuses by name."""

from __future__ import annotations

import pickle
import pickletools
import struct
from collections import OrderedDict
from typing import Any

import pytest

from stylegan_ext.convert.machine import Buildable, Global, Limits, Machine
from stylegan_ext.convert.opcodes import ACTIONS
from stylegan_ext.errors import CheckpointError, UnsafeFileError

PLAIN = [
    None,
    True,
    0,
    -1,
    255,
    256,
    65536,
    -(2**31),
    2**31,
    2**62,
    -(2**700),
    1.5,
    float("inf"),
    "",
    "ünï ☃",
    "x" * 300,
    (),
    (1,),
    (1, 2),
    (1, 2, 3),
    (1, (2, [3, {"a": {"b": ()}}])),
    [],
    list(range(2000)),
    {},
    {"a": 1, "b": [{}, {"c": None}]},
    {str(i): i for i in range(1500)},
    set(),
    {"a", "b"},
]


def machine(data: bytes, **rest: Any) -> Machine:
    return Machine(
        memoryview(data), rest.pop("vocabulary", {}), rest.pop("limits", Limits()), **rest
    )


def run(data: bytes, **rest: Any) -> Any:
    return machine(data, **rest).run()


# Older protocols write sets as calls of a class that is not in the vocabulary.
CASES = [(v, p) for v in PLAIN for p in (2, 3, 4, 5) if p > 3 or not isinstance(v, set)]


def name_of(value: Any) -> str:
    """The case's name; a set's must not follow the order that this process happens to give it."""
    return f"set of {len(value)}" if isinstance(value, set) else f"{value!r:.20}"


@pytest.mark.parametrize(("value", "protocol"), CASES, ids=name_of)
def test_plain_data_is_what_python_wrote(value: Any, protocol: int) -> None:
    made = run(pickle.dumps(value, protocol=protocol))
    assert made == value
    assert type(made) is type(value)


def test_bytearrays_of_protocol_5_are_views_too() -> None:
    made = run(pickle.dumps(bytearray(b"abc"), protocol=5))
    assert bytes(made) == b"abc"
    assert made.readonly


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_bytes_stay_where_they_are(protocol: int) -> None:
    data = pickle.dumps([b"abc", b"x" * 70000], protocol=protocol)
    small, large = run(data)
    assert (bytes(small), bytes(large)) == (b"abc", b"x" * 70000)
    assert isinstance(large, memoryview)
    assert large.obj is data


def test_what_is_remembered_is_the_same_object() -> None:
    shared = [1]
    one, two = run(pickle.dumps([shared, shared], protocol=4))
    assert one is two


def test_a_cycle_is_built_and_hurts_nobody() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    made = run(pickle.dumps(cycle, protocol=4))
    assert made[0] is made


def test_it_stops_at_the_end_of_its_pickle() -> None:
    one, two = pickle.dumps([1], protocol=2), pickle.dumps("two", protocol=2)
    both = machine(one + two)
    assert both.run() == [1]
    assert both.position == len(one)
    assert both.run(both.position) == "two"


def test_strings_of_python_2_are_text_or_bytes() -> None:
    assert run(b"\x80\x02U\x02\xe9a.") == "éa"
    assert run(b"\x80\x02T\x02\x00\x00\x00\xe9a.") == "éa"
    made = run(b"\x80\x02T" + struct.pack("<i", 5000) + b"\xff" * 5000 + b".")
    assert bytes(made) == b"\xff" * 5000
    with pytest.raises(CheckpointError, match="-1 bytes"):
        run(b"\x80\x02T\xff\xff\xff\xff.")


class Record(Buildable):
    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def build(self, state: Any) -> None:
        self.state = state


VOCABULARY = {
    "collections.OrderedDict": Global("collections.OrderedDict", reduce=lambda a: {}),
    "a.Class": Global("a.Class", new=lambda a: Record(*a)),
    "a.function": Global("a.function", reduce=lambda a: Record(*a)),
}


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_known_global_makes_what_the_vocabulary_says(protocol: int) -> None:
    data = pickle.dumps(OrderedDict(), protocol=protocol)
    assert run(data, vocabulary=VOCABULARY) == {}


def test_new_and_build() -> None:
    made = run(b"\x80\x02ca\nClass\nK\x07\x85\x81}b.", vocabulary=VOCABULARY)
    assert (made.arguments, made.state) == ((7,), {})


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        (b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.", "posix.system"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R.", "posix.system"),
        (b"\x80\x02cbuiltins\neval\n.", "builtins.eval"),
        (b"\x80\x02c__builtin__\neval\n.", "__builtin__.eval"),
        (b"\x80\x02ccopyreg\n_reconstructor\n.", "copyreg._reconstructor"),
        (b"\x80\x02ccollections\nOrderedDict.__init__\n.", "collections.OrderedDict.__init__"),
        (b"\x80\x04\x8c\x01a\x8c\x0eClass.__init__\x93.", "a.Class.__init__"),
        (b"\x80\x02c\x1b[31m\nx\n.", "\\x1b[31m.x"),
    ],
)
def test_other_globals_are_named(data: bytes, refused: str) -> None:
    with pytest.raises(UnsafeFileError) as caught:
        run(data, vocabulary=VOCABULARY)
    assert caught.value.refused == refused
    assert refused in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("data", "opcode"),
    [
        (b"\x80\x02(S'ls'\niposix\nsystem\n.", "STRING"),
        (b"\x80\x02(iposix\nsystem\n.", "INST"),
        (b"\x80\x02(K\x01o.", "OBJ"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\x80\x02\x83\x01\x00.", "EXT2"),
        (b"\x80\x02\x84\x01\x00\x00\x00.", "EXT4"),
        (b"\x80\x04ca\nClass\n)}\x92.", "NEWOBJ_EX"),
        (b"\x80\x02P1\n.", "PERSID"),
        (b"\x80\x02\x8b\x01\x00\x00\x00\x01.", "LONG4"),
        (b"\x80\x02L99999999L\n.", "LONG"),
        (b"\x80\x02I1\n.", "INT"),
        (b"\x80\x02F1\n.", "FLOAT"),
        (b"\x80\x02Vx\n.", "UNICODE"),
        (b"\x80\x02g0\n.", "GET"),
        (b"\x80\x02Np0\n.", "PUT"),
        (b"\x80\x02N2.", "DUP"),
        (b"\x80\x02NN0.", "POP"),
        (b"\x80\x02(1.", "POP_MARK"),
        (b"\x80\x02(l.", "LIST"),
        (b"\x80\x02(d.", "DICT"),
        (b"\x80\x05\x97.", "NEXT_BUFFER"),
        (b"\x80\x05N\x98.", "READONLY_BUFFER"),
        (b"\x80\x04(\x91.", "FROZENSET"),
        (b"\x80\x04\x8d\x00\x00\x00\x00\x00\x00\x00\x00.", "BINUNICODE8"),
        (b"\x80\x02\xff.", "0xff"),
        (b"\x80\x02\x00.", "0x00"),
    ],
)
def test_other_opcodes_are_named(data: bytes, opcode: str) -> None:
    with pytest.raises(UnsafeFileError) as caught:
        run(data, vocabulary=VOCABULARY)
    assert caught.value.refused == f"opcode {opcode}"


def test_every_opcode_is_either_known_or_refused() -> None:
    codes = {ord(code.code) for code in pickletools.opcodes}
    assert set(ACTIONS) < codes
    for code in range(256):
        if code in ACTIONS or code == ord("."):
            continue
        with pytest.raises(UnsafeFileError, match="opcode"):
            run(b"\x80\x02" + bytes([code]) + b".")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "ends 1 bytes too early"),
        (b"\x80", "ends 1 bytes too early"),
        (b"\x80\x01.", "no pickle of protocol 2 to 5"),
        (b"\x80\x06.", "no pickle of protocol 2 to 5"),
        (b"hello", "no pickle of protocol 2 to 5"),
        (b"\x80\x02.", "unfinished"),
        (b"\x80\x02NN.", "unfinished"),
        (b"\x80\x02(N.", "unfinished"),
        (b"\x80\x02N", "too early"),
        (b"\x80\x02t.", "a group ends that never began"),
        (b"\x80\x02\x85.", "takes a value where there is none"),
        (b"\x80\x02N(\x85.", "takes a value where there is none"),
        (b"\x80\x02q\x00.", "remembers a value where there is none"),
        (b"\x80\x02h\x00.", "recalls entry 0"),
        (b"\x80\x02K\x01s.", "takes a value where there is none"),
        (b"\x80\x02]K\x01s.", "no dict"),
        (b"\x80\x02]K\x01K\x01s.", "no dict"),
        (b"\x80\x02}K\x01a.", "no list"),
        (b"\x80\x02)(K\x01e.", "no list"),
        (b"\x80\x02}(K\x01u.", "a key without a value"),
        (b"\x80\x02}K\x01K\x01s.", "a int as key"),
        (b"\x80\x02}NNs.", "a NoneType as key"),
        (b"\x80\x02})Ns.", "a tuple as key"),
        (b"\x80\x04\x8f(K\x01\x90.", "a set holds something else than text"),
        (b"\x80\x04](\x8c\x01a\x90.", "no set"),
        (b"\x80\x02X\x02\x00\x00\x00\xff\xff.", "utf-8"),
        (b"\x80\x02X\x03\x00\x00\x00\xed\xa0\x80.", "utf-8"),
        (b"\x80\x04K\x01K\x02\x93.", "a global's name is no text"),
        (b"\x80\x02cabc", "does not end"),
        (b"\x80\x02c" + b"a" * 400 + b"\nb\n.", "does not end"),
        (b"\x80\x02B\xff\xff\xff\xff.", "too early"),
        (b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "too early"),
        (b"\x80\x02ca\nfunction\n]R.", "without a tuple of arguments"),
    ],
)
def test_nonsense_is_called_damaged(data: bytes, words: str) -> None:
    with pytest.raises(CheckpointError, match=words) as caught:
        run(data, vocabulary=VOCABULARY)
    assert not isinstance(caught.value, UnsafeFileError)


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        (b"\x80\x02]K\x01\x85R.", "a call of data"),
        (b"\x80\x02X\x01\x00\x00\x00a)R.", "a call of data"),
        (b"\x80\x02ca\nClass\n)R.", "a.Class"),  # only made with NEWOBJ
        (b"\x80\x02ca\nfunction\n)\x81.", "a.function"),  # only called with REDUCE
        (b"\x80\x02}}b.", "a state for plain data"),
        (b"\x80\x02ca\nClass\n}b.", "a state for plain data"),  # the class itself
        (b"\x80\x02]}b.", "a state for plain data"),
        (b"\x80\x02K\x01Q.", "a persistent id"),
    ],
)
def test_use_of_data_as_code_is_refused(data: bytes, refused: str) -> None:
    with pytest.raises(UnsafeFileError) as caught:
        run(data, vocabulary=VOCABULARY)
    assert caught.value.refused == refused


def test_references_are_made_where_the_caller_wants_them() -> None:
    assert run(b"\x80\x02K\x07Q.", reference=lambda key: ("it", key)) == ("it", 7)


def test_limits_of_steps_and_text() -> None:
    many = b"\x80\x02" + b"N" * 101 + b"."
    with pytest.raises(UnsafeFileError, match="more than 100 steps"):
        run(many, limits=Limits(steps=100))
    text = pickle.dumps(["a" * 60, "b" * 60], protocol=4)
    with pytest.raises(UnsafeFileError, match="120 bytes of text"):
        run(text, limits=Limits(text_bytes=100))
    with pytest.raises(UnsafeFileError, match="4294967295 bytes of text"):
        run(b"\x80\x02X\xff\xff\xff\xff.")
    with pytest.raises(UnsafeFileError, match="memo entry 4294967295"):
        run(b"\x80\x02Nr\xff\xff\xff\xff.")
