"""The forty opcodes of pickle that data needs, each a function of the machine.

Left out on purpose: everything of protocols 0 and 1 that reads text (it makes big numbers out of
long lines), EXT (globals by number), INST and OBJ (calls in disguise), NEWOBJ_EX, REDUCE's kin,
POP and DUP (no writer of snapshots needs them), LONG4 (numbers of two billion digits), out-of-band
buffers and PERSID.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from stylegan_ext.convert.machine import Machine

Action: TypeAlias = Callable[["Machine"], None]

_U1, _U2, _I4, _U4, _U8, _F8 = (
    struct.Struct(form) for form in ("<B", "<H", "<i", "<I", "<Q", ">d")
)
_TEXT_BYTES = 4096  # a longer str of Python 2 is an array's bytes


def _number(form: struct.Struct) -> Action:
    return lambda m: m.push(m.number(form))


def _ignored(form: struct.Struct) -> Action:
    return lambda m: m.number(form)


def _constant(value: object) -> Action:
    return lambda m: m.push(value)


def _fresh(kind: type) -> Action:
    return lambda m: m.push(kind())


def _bytes(form: struct.Struct) -> Action:
    return lambda m: m.push(m.take(m.number(form)))


def _text(form: struct.Struct) -> Action:
    return lambda m: m.push(m.text(m.number(form)))


def _old_string(form: struct.Struct) -> Action:
    """A str of Python 2 is text or bytes: long ones are arrays' bytes, and stay views."""

    def read(m: Machine) -> None:
        count = m.number(form)
        if count < 0:
            m.damaged(f"a text of {count} bytes")
        m.push(m.take(count) if count > _TEXT_BYTES else m.text(count, "latin-1"))

    return read


def _tuple_of(count: int) -> Action:
    def make(m: Machine) -> None:
        values = [m.pop() for _ in range(count)]
        m.push(tuple(reversed(values)))

    return make


def _long(m: Machine) -> None:
    m.push(int.from_bytes(m.take(m.number(_U1)), "little", signed=True))


def _append(m: Machine) -> None:
    value = m.pop()
    m.top(list).append(value)


def _appends(m: Machine) -> None:
    values = m.pop_mark()
    m.top(list).extend(values)


def _setitem(m: Machine) -> None:
    value = m.pop()
    m.fill([m.pop(), value])


def _additems(m: Machine) -> None:
    values = m.pop_mark()
    if any(type(value) is not str for value in values):
        m.damaged("a set holds something else than text")
    m.top(set).update(values)


def _global(m: Machine) -> None:
    module = m.line()
    m.global_named(module, m.line())


def _stack_global(m: Machine) -> None:
    name = m.pop()
    m.global_named(m.pop(), name)


ACTIONS: dict[int, Action] = {
    0x80: _ignored(_U1),  # PROTO
    0x95: _ignored(_U8),  # FRAME: a hint for readers of streams
    ord("("): lambda m: m.mark(),
    ord("N"): _constant(None),
    0x88: _constant(True),
    0x89: _constant(False),
    ord("J"): _number(_I4),
    ord("K"): _number(_U1),
    ord("M"): _number(_U2),
    0x8A: _long,  # LONG1: up to 255 bytes
    ord("G"): _number(_F8),
    0x8C: _text(_U1),  # SHORT_BINUNICODE
    ord("X"): _text(_U4),  # BINUNICODE
    ord("U"): _old_string(_U1),  # SHORT_BINSTRING
    ord("T"): _old_string(_I4),  # BINSTRING
    ord("C"): _bytes(_U1),  # SHORT_BINBYTES
    ord("B"): _bytes(_U4),  # BINBYTES
    0x8E: _bytes(_U8),  # BINBYTES8
    0x96: _bytes(_U8),  # BYTEARRAY8: numpy's arrays in protocol 5
    ord("]"): _fresh(list),
    ord("}"): _fresh(dict),
    0x8F: _fresh(set),
    ord(")"): _constant(()),
    ord("t"): lambda m: m.push(tuple(m.pop_mark())),
    0x85: _tuple_of(1),
    0x86: _tuple_of(2),
    0x87: _tuple_of(3),
    ord("a"): _append,
    ord("e"): _appends,
    ord("s"): _setitem,
    ord("u"): lambda m: m.fill(m.pop_mark()),  # SETITEMS
    0x90: _additems,
    ord("c"): _global,
    0x93: _stack_global,
    ord("R"): lambda m: m.call(m.pop(), "reduce"),
    0x81: lambda m: m.call(m.pop(), "new"),  # NEWOBJ
    ord("b"): lambda m: m.build(),
    ord("Q"): lambda m: m.refer(m.pop()),  # BINPERSID
    ord("q"): lambda m: m.remember(m.number(_U1)),  # BINPUT
    ord("r"): lambda m: m.remember(m.number(_U4)),  # LONG_BINPUT
    0x94: lambda m: m.remember(len(m.memo)),  # MEMOIZE
    ord("h"): lambda m: m.recall(m.number(_U1)),  # BINGET
    ord("j"): lambda m: m.recall(m.number(_U4)),  # LONG_BINGET
}


def opcode_name(opcode: int) -> str:
    """An opcode's name as pickletools has it, else its number."""
    import pickletools

    names = {ord(known.code): known.name for known in pickletools.opcodes}
    return names.get(opcode, f"0x{opcode:02x}")
