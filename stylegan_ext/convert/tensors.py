"""Storages, tensor views and numpy arrays of foreign files: inert records, checked, then copied.

Nothing is allocated while a pickle is read. What the file says about offsets, sizes and strides
is checked against the bytes that are there; only tensors that a network really uses are copied,
and all copies together may not exceed the file's own size.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from stylegan_ext.convert.machine import (
    Buildable,
    Global,
    Limits,
    Machine,
    Value,
    damaged,
    refuse,
    shown,
)

MAX_AXES = 8
FORGET_EVERY_BYTES = 32 << 20
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # what torch.save wrote before it wrote zips
_STORAGE_LIMITS = Limits(steps=500, text_bytes=8192)  # a storage's five pickles take 60 steps
STORAGE_TYPES = {
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}
_STORAGE_GLOBALS = {
    f"torch.{name}Storage": Global(f"torch.{name}Storage") for name in STORAGE_TYPES
}


@dataclass(frozen=True, eq=False)
class Storage:
    """Numbers of one type, as bytes of the file."""

    dtype: torch.dtype
    count: int
    data: memoryview


@dataclass(frozen=True, eq=False)
class TensorView:
    """A tensor as offset, shape and strides (in elements) over a storage; within its bounds."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def read_storage(raw: memoryview) -> Storage:
    """One storage as torch.save wrote it before version 1.6: five pickles, then the numbers.

    Raises:
        UnsafeFileError, CheckpointError: it is anything else.
    """
    machine = Machine(raw, _STORAGE_GLOBALS, _STORAGE_LIMITS, reference=_storage_entry)
    if machine.run() != _MAGIC or machine.run(machine.position) != _PROTOCOL:
        damaged("a storage does not begin as torch writes it")
    system = machine.run(machine.position)
    if type(system) is not dict or system.get("little_endian") is not True:
        damaged("a storage is not little-endian")
    entry = machine.run(machine.position)
    keys = machine.run(machine.position)
    if type(entry) is not _Entry or keys != [entry.key]:
        damaged("a storage's parts do not belong together")
    count = int.from_bytes(machine.take(8), "little", signed=True)
    rest = raw[machine.position :]
    if count != entry.count or len(rest) != count * entry.dtype.itemsize:
        damaged(f"a storage of {entry.count} numbers has {len(rest)} bytes")
    return Storage(entry.dtype, count, rest)


@dataclass(frozen=True, eq=False)
class _Entry:
    dtype: torch.dtype
    key: str
    count: int


def _storage_entry(key: Value) -> _Entry:
    """What stands for the storage inside its own little file."""
    if type(key) is not tuple or len(key) != 6 or key[0] != "storage" or type(key[1]) is not Global:
        damaged("a storage is not described as torch does it")
    _, kind, name, location, count, view = key
    if type(name) is not str or not is_count(count) or view is not None:
        damaged("a storage is not described as torch does it")
    if location != "cpu":
        refuse(
            f"a storage on {shown(location)}",
            "snapshots are written from the processor's memory",
            hint="let its maker move the networks to the CPU before writing the snapshot",
        )
    return _Entry(STORAGE_TYPES[kind.name[len("torch.") : -len("Storage")]], name, count)


def is_count(value: Value) -> bool:
    """Whether it is an int (no bool) from 0 to 2^48."""
    return type(value) is int and 0 <= value <= 1 << 48


def view_of(arguments: tuple[Value, ...]) -> TensorView:
    """The tensor of torch._utils._rebuild_tensor_v2's arguments, its bounds checked."""
    if len(arguments) != 6 or type(arguments[0]) is not Storage:
        damaged("a tensor is not described by storage, offset, shape, strides, gradient and hooks")
    storage, offset, shape, stride = arguments[:4]
    for sizes in (shape, stride):
        if type(sizes) is not tuple or len(sizes) > MAX_AXES or not all(map(is_count, sizes)):
            damaged(f"a tensor has the impossible shape or strides {_shown(sizes)}")
    if not is_count(offset) or len(shape) != len(stride):
        damaged(f"a tensor of shape {_shown(shape)} has strides {_shown(stride)}")
    last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    if 0 not in shape and last >= storage.count:
        damaged(f"a tensor of shape {_shown(shape)} reaches over its {storage.count} numbers")
    return TensorView(storage, offset, shape, stride)


def _shown(sizes: Value) -> str:
    if type(sizes) is not tuple or not all(type(size) is int for size in sizes):
        return f"of type {type(sizes).__name__}"
    return "x".join(f"{size:.6g}" if abs(size) > 10**9 else str(size) for size in sizes[:9])


class NumpyType(Buildable):
    """A numpy dtype: numbers of a fixed size, little-endian."""

    SPELLED = re.compile(r"[iu][1248]|f[248]|b1")

    def __init__(self, name: Value) -> None:
        if type(name) is not str or not self.SPELLED.fullmatch(name):
            refuse(f"numpy type {shown(name)}", "only numbers are read from arrays")
        self.name = name

    def build(self, state: Value) -> None:
        """Take numpy's own state, which only says the byte order."""
        if type(state) is not tuple or len(state) < 8 or state[2:5] != (None, None, None):
            refuse("a numpy type with fields", "only numbers are read from arrays")
        if state[1] not in ("<", "|", "="):
            refuse("big-endian numbers", "only little-endian ones are read")

    @property
    def numpy(self) -> np.dtype[Any]:
        """The real dtype."""
        return np.dtype("<" + self.name)

    def scalar(self, raw: Value) -> bool | int | float:
        """One number of this type from its bytes."""
        data = as_bytes(raw)
        if len(data) != self.numpy.itemsize:
            damaged(f"a number of type {self.name} has {len(data)} bytes")
        number: bool | int | float = np.frombuffer(data, self.numpy)[0].item()
        return number


class NumpyArray(Buildable):
    """A numpy array, empty until its state comes."""

    def __init__(self) -> None:
        self.dtype: NumpyType | None = None
        self.shape: tuple[int, ...] = ()
        self.fortran = False
        self.data = memoryview(b"")

    def build(self, state: Value) -> None:
        """Take (version, shape, dtype, fortran order, bytes)."""
        if type(state) is not tuple or len(state) != 5 or type(state[2]) is not NumpyType:
            damaged("an array's state is not numpy's")
        _, shape, dtype, fortran, raw = state
        if type(shape) is not tuple or len(shape) > MAX_AXES or not all(map(is_count, shape)):
            damaged(f"an array has the impossible shape {_shown(shape)}")
        data = as_bytes(raw)
        if math.prod(shape) * dtype.numpy.itemsize != len(data):
            damaged(f"an array of shape {_shown(shape)} has {len(data)} bytes")
        self.dtype, self.shape, self.fortran, self.data = dtype, shape, bool(fortran), data

    def numpy(self) -> np.ndarray[Any, Any]:
        """The array as a read-only view of the file."""
        if self.dtype is None:
            damaged("an array has no content")
        order: Any = "F" if self.fortran else "C"
        return np.frombuffer(self.data, self.dtype.numpy).reshape(self.shape, order=order)


def as_bytes(raw: Value) -> memoryview:
    """Bytes of the file; Python 2 wrote short ones as text."""
    if type(raw) is str:
        try:
            return memoryview(raw.encode("latin-1"))
        except UnicodeEncodeError:
            damaged("bytes were written as text that is no bytes")
    if type(raw) is not memoryview:
        damaged(f"bytes were expected, not a {type(raw).__name__}")
    return raw


class Budget:
    """How much may still be copied out of a file.

    Args:
        limits: bounds on what the file may ask for.
        file_bytes: its size; all copies together cannot be larger.
        forget: tells the system that the file's pages need not be kept; called now and then, so
            that a large file is not in memory twice.
    """

    def __init__(
        self, limits: Limits, file_bytes: int, forget: Callable[[], None] | None = None
    ) -> None:
        self.allowed_bytes = min(limits.tensor_bytes, file_bytes)
        self.taken_bytes = 0
        self.forget = forget
        self.forgotten_at = 0

    def take(self, size_bytes: int) -> None:
        """Note a copy of this size before it is made."""
        self.taken_bytes += size_bytes
        if self.taken_bytes > self.allowed_bytes:
            refuse(
                f"{self.taken_bytes} bytes of tensors",
                f"at most {self.allowed_bytes} can be in this file",
                hint="if the file is larger than 8 GiB and you trust it, raise Limits.tensor_bytes",
            )
        if self.forget and self.taken_bytes - self.forgotten_at > FORGET_EVERY_BYTES:
            self.forgotten_at = self.taken_bytes
            self.forget()


def copy_of(view: TensorView, budget: Budget) -> torch.Tensor:
    """The tensor itself, contiguous, in memory of its own, with the file's type."""
    item = view.storage.dtype.itemsize
    if 0 in view.shape:
        return torch.empty(view.shape, dtype=view.storage.dtype)
    span = 1 + sum((size - 1) * step for size, step in zip(view.shape, view.stride, strict=True))
    budget.take(max(span, math.prod(view.shape)) * item)
    piece = view.storage.data[view.offset * item : (view.offset + span) * item]
    line = torch.empty(span, dtype=view.storage.dtype)
    line.view(torch.uint8).numpy().data[:] = piece  # the file's bytes need not be aligned
    if view.storage.dtype is torch.bool:
        line = line.view(torch.uint8).ne(0)
    return line.as_strided(view.shape, view.stride).contiguous()
