"""Writes pickles whose globals need not be importable here, always the same bytes.

Python's pickler looks every function and class up before it writes its name. The official tools'
names are not installed here, so this writes the opcodes itself (protocol 4, as Python 3.8 and
later read it): plain data, and calls of named globals with plain arguments.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from stylegan_ext.errors import CheckpointError


@dataclass(frozen=True, eq=False)
class Call:
    """What calling a global with these arguments gives; the same Call twice is the same object."""

    name: str  # "module.attribute"
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False)
class Chunk:
    """Bytes that are made when they are written, so that no copy of all tensors is held."""

    size_bytes: int
    pieces: Callable[[], list[bytes | memoryview]]


class Emitter:
    """Writes one pickle to a stream.

    Args:
        stream: gets the bytes.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.memo: dict[object, int] = {}
        self.held: list[Call] = []  # so that no identity is given twice

    def dump(self, value: Any) -> None:
        """Write the whole pickle.

        Raises:
            CheckpointError: a value that is no plain data, Call or Chunk.
        """
        self.stream.write(b"\x80\x04")
        self.value(value)
        self.stream.write(b".")

    def value(self, value: Any) -> None:
        """Write what puts this value on the reader's stack."""
        write = self.stream.write
        match value:
            case None:
                write(b"N")
            case bool():
                write(b"\x88" if value else b"\x89")
            case int():
                self._int(value)
            case float():
                write(b"G" + struct.pack(">d", value))
            case str():
                self._remembered(value, lambda: self._text(value))
            case Chunk():
                self._chunk(value)
            case Call():
                self.held.append(value)
                self._remembered(id(value), lambda: self._call(value))
            case tuple():
                self._group(value)
                write(b"t")
            case list():
                write(b"]")
                self._group(value)
                write(b"e")
            case dict():
                write(b"}")
                self._group([part for item in value.items() for part in item])
                write(b"u")
            case set():
                write(b"\x8f")
                self._group(sorted(value))
                write(b"\x90")
            case _:
                raise CheckpointError(f"a {type(value).__name__} cannot be written to a snapshot")

    def _group(self, values: Any) -> None:
        self.stream.write(b"(")
        for value in values:
            self.value(value)

    def _remembered(self, key: object, emit: Callable[[], None]) -> None:
        """Write a value once, and refer to it afterwards."""
        if key in self.memo:
            self.stream.write(b"j" + struct.pack("<I", self.memo[key]))
            return
        emit()
        self.memo[key] = len(self.memo)
        self.stream.write(b"\x94")

    def _int(self, value: int) -> None:
        if 0 <= value < 1 << 8:
            self.stream.write(b"K" + struct.pack("<B", value))
        elif -(1 << 31) <= value < 1 << 31:
            self.stream.write(b"J" + struct.pack("<i", value))
        else:
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            self.stream.write(b"\x8a" + struct.pack("<B", len(raw)) + raw)

    def _text(self, value: str) -> None:
        raw = value.encode("utf-8")
        self.stream.write(b"X" + struct.pack("<I", len(raw)) + raw)

    def _chunk(self, chunk: Chunk) -> None:
        if chunk.size_bytes < 1 << 32:
            self.stream.write(b"B" + struct.pack("<I", chunk.size_bytes))
        else:
            self.stream.write(b"\x8e" + struct.pack("<Q", chunk.size_bytes))
        for piece in chunk.pieces():
            self.stream.write(piece)

    def _call(self, call: Call) -> None:
        self._remembered(("global", call.name), lambda: self._global(call.name))
        self.value(call.arguments)
        self.stream.write(b"R")

    def _global(self, name: str) -> None:
        module, _, attribute = name.rpartition(".")
        self.value(module)
        self.value(attribute)
        self.stream.write(b"\x93")
