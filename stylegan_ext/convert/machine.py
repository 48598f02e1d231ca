"""A small pickle machine that can build data and nothing else.

Python's own unpickler is a virtual machine that calls whatever a file names. This one knows forty
opcodes, makes None, bool, int, float, str, tuple, list, dict and set by itself, leaves bytes where
they are (a view of the file), and knows a global only if the caller's vocabulary has it: the
global's meaning is then a function of ours that makes an inert record. There is no import, no
getattr, no call of anything from the file. Limits on steps, text and nesting keep a small file
from asking for much memory. Why a machine of our own: docs/decisions/0003-model-format.md.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from stylegan_ext.convert.opcodes import ACTIONS, opcode_name
from stylegan_ext.errors import CheckpointError, UnsafeFileError

Value: TypeAlias = Any  # what the machine builds: plain data and the vocabulary's records
Maker: TypeAlias = Callable[[tuple[Value, ...]], Value]

DAMAGED_HINT = "is the download complete? compare its size and SHA-256 with what its source says"
UNSAFE_HINT = (
    "a StyleGAN snapshot does not need this; nothing of the file was run. Ask its maker for "
    "safetensors, or for a snapshot written by the official tools"
)


@dataclass(frozen=True)
class Limits:
    """What a file may ask for; generous for real snapshots (a 1024 px one takes 40,000 steps)."""

    steps: int = 1_000_000  # a step makes at most one small object: together some 200 MB
    text_bytes: int = 32 << 20  # all strings together
    tensor_bytes: int = 8 << 30  # all tensors together, and never more than the file has
    tensors: int = 10_000
    modules: int = 5_000
    entries: int = 100_000  # layers and tensors of all modules, missing ones included
    depth: int = 32
    json_values: int = 20_000  # in constructor arguments and training settings


@dataclass(frozen=True)
class Global:
    """A name that the vocabulary knows; `reduce` and `new` make what calling it would have made."""

    name: str
    reduce: Maker | None = None  # for REDUCE: a call
    new: Maker | None = None  # for NEWOBJ: cls.__new__


class Buildable:
    """An inert record that takes a state once it is made (BUILD)."""

    def build(self, state: Value) -> None:
        """Take the state; a wrong one is a CheckpointError."""
        raise NotImplementedError


Vocabulary: TypeAlias = Mapping[str, Global]
Reference: TypeAlias = Callable[[Value], Value]


def damaged(why: str) -> NoReturn:
    """The file is not what a writer of snapshots writes."""
    raise CheckpointError(f"the file is damaged: {why}", hint=DAMAGED_HINT)


def printable(text: str) -> str:
    """A name from the file, fit for a message: short, and without control characters."""
    return repr(text[:120])[1:-1] + ("..." if len(text) > 120 else "")


def shown(value: Value) -> str:
    """A value from the file, fit for a message; what is no number or text is named by its type."""
    if value is None or type(value) in (bool, int, float):
        return str(value)[:40]
    return repr(printable(value)) if type(value) is str else f"a {type(value).__name__}"


def refuse(refused: str, why: str, hint: str = UNSAFE_HINT) -> NoReturn:
    """The file asks for something that we do not do."""
    raise UnsafeFileError(f"refused {refused}: {why}", refused=refused, hint=hint)


class Machine:
    """Runs one pickle.

    Args:
        data: the file's bytes; byte strings of the result are views of it.
        vocabulary: full name -> meaning of the globals that may stand in the file.
        limits: what the file may ask for.
        reference: makes a value of a persistent id (BINPERSID); None refuses them.
    """

    def __init__(
        self,
        data: memoryview,
        vocabulary: Vocabulary,
        limits: Limits,
        reference: Reference | None = None,
    ) -> None:
        self.data = data
        self.vocabulary = vocabulary
        self.limits = limits
        self.reference = reference
        self.position = 0
        self.steps = 0
        self.text_bytes = 0
        self.stack: list[Value] = []
        self.marks: list[list[Value]] = []
        self.memo: dict[int, Value] = {}

    def run(self, start: int = 0) -> Value:
        """The pickle that begins at `start`; `position` is then the first byte after it.

        Raises:
            UnsafeFileError: an opcode, a global or an amount that is refused; it is named.
            CheckpointError: no pickle, or a damaged one.
        """
        self.position = start
        self.stack, self.marks, self.memo = [], [], {}
        if self.take(1)[0] != 0x80 or not 2 <= self.take(1)[0] <= 5:
            self.damaged(f"no pickle of protocol 2 to 5 begins at byte {start}")
        while True:
            self.steps += 1
            if self.steps > self.limits.steps:
                refuse(f"more than {self.limits.steps} steps", "no snapshot needs as many")
            at = self.position
            opcode = self.take(1)[0]
            if opcode == 0x2E:  # STOP
                return self._result()
            action = ACTIONS.get(opcode)
            if action is None:
                refuse(f"opcode {opcode_name(opcode)}", f"at byte {at}; it has no place in data")
            action(self)

    def take(self, count: int) -> memoryview:
        """The next bytes, as a view."""
        end = self.position + count
        if end > len(self.data):
            self.damaged(f"it ends {end - len(self.data)} bytes too early")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def number(self, form: struct.Struct) -> Any:
        """The next bytes as one number."""
        return form.unpack(self.take(form.size))[0]

    def text(self, count: int, encoding: str = "utf-8") -> str:
        """The next bytes as text."""
        self.text_bytes += count
        if self.text_bytes > self.limits.text_bytes:
            refuse(f"{self.text_bytes} bytes of text", "no snapshot holds as much")
        try:
            return str(self.take(count), encoding)
        except UnicodeDecodeError as fault:
            raise CheckpointError(f"the file is damaged: {fault}", hint=DAMAGED_HINT) from fault

    def line(self) -> str:
        """The next line, as the old GLOBAL opcode has them; names are short."""
        window = bytes(self.data[self.position : self.position + 256])
        length = window.find(b"\n")
        if length < 0:
            self.damaged("a global's name does not end")
        line = self.text(length)
        self.take(1)
        return line

    def push(self, value: Value) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self) -> Value:
        """Take the uppermost value; a mark is not passed."""
        if not self.stack:
            self.damaged("it takes a value where there is none")
        return self.stack.pop()

    def top(self, kind: type) -> Value:
        """The uppermost value, which must be of this type (or a record that is one)."""
        if not self.stack or not isinstance(self.stack[-1], kind):
            self.damaged(f"it adds to something that is no {kind.__name__}")
        return self.stack[-1]

    def damaged(self, why: str) -> NoReturn:
        """End the reading: the file is not what a writer of snapshots writes."""
        damaged(f"{why} (before byte {self.position})")

    def mark(self) -> None:
        """Begin a group."""
        self.marks.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[Value]:
        """All values above the last mark."""
        if not self.marks:
            self.damaged("a group ends that never began")
        values, self.stack = self.stack, self.marks.pop()
        return values

    def remember(self, key: int) -> None:
        """Keep the uppermost value under this number."""
        if not self.stack:
            self.damaged("it remembers a value where there is none")
        if key > self.limits.steps:  # writers count from 0
            refuse(f"memo entry {key}", "no snapshot has as many")
        self.memo[key] = self.stack[-1]

    def recall(self, key: int) -> None:
        """Push what was kept under this number."""
        if key not in self.memo:
            self.damaged(f"it recalls entry {key}, which was never made")
        self.push(self.memo[key])

    def global_named(self, module: Value, name: Value) -> None:
        """Push a global of the vocabulary; every other one ends the reading here."""
        if type(module) is not str or type(name) is not str:
            self.damaged("a global's name is no text")
        full = f"{module}.{name}"
        if full not in self.vocabulary:
            refuse(printable(full), "the file asks for it to be imported")
        self.push(self.vocabulary[full])

    def call(self, arguments: Value, how: str) -> None:
        """Replace a global and its arguments by the record that this call stands for."""
        function = self.pop()
        if type(function) is not Global:
            refuse("a call of data", f"the file calls a {type(function).__name__}")
        maker: Maker | None = getattr(function, how)
        if maker is None:
            refuse(function.name, f"the file uses it in a way that no snapshot does ({how})")
        if type(arguments) is not tuple:
            self.damaged(f"{function.name} is called without a tuple of arguments")
        self.push(maker(arguments))

    def fill(self, items: list[Value]) -> None:
        """Put keys and values, alternating, into the dict on top."""
        target = self.top(dict)
        if len(items) % 2:
            self.damaged("a dict has a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is not str:  # whose hashes, unlike an int's, cannot be made to collide
                self.damaged(f"a dict has a {type(key).__name__} as key")
            target[key] = value

    def refer(self, key: Value) -> None:
        """Push what a persistent id stands for."""
        if self.reference is None:
            refuse("a persistent id", "the file refers to something outside itself")
        self.push(self.reference(key))

    def build(self) -> None:
        """Hand a state to the record on top."""
        state = self.pop()
        if not self.stack or not isinstance(self.stack[-1], Buildable):
            what = type(self.stack[-1]).__name__ if self.stack else "nothing"
            refuse("a state for plain data", f"the file sets the attributes of a {what}")
        self.stack[-1].build(state)

    def _result(self) -> Value:
        if self.marks or len(self.stack) != 1:
            self.damaged("it ends with unfinished groups")
        return self.stack.pop()
