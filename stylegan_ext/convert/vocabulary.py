"""The globals that StyleGAN snapshots name, and the inert record that each stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stylegan_ext.convert.machine import (
    Buildable,
    Global,
    Limits,
    Value,
    Vocabulary,
    damaged,
    refuse,
    shown,
)
from stylegan_ext.convert.tensors import (
    NumpyArray,
    NumpyType,
    Storage,
    TensorView,
    as_bytes,
    read_storage,
    view_of,
)

_PERSISTENT_KEYS = {"type", "version", "module_src", "class_name", "state"}


@dataclass(frozen=True, eq=False)
class PersistentObject:
    """A network or layer of an official snapshot: its attributes, and source text never run."""

    class_name: str
    module_src: str
    state: dict[str, Any]  # the object's __dict__


class TensorFlowNetwork(Buildable):
    """A dnnlib.tflib.network.Network: its attributes."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def build(self, state: Value) -> None:
        """Take the attributes; code text among them stays text."""
        if type(state) is not dict or self.state:
            damaged("a TensorFlow network has no single dict as state")
        self.state = state


_NDARRAY = Global("numpy.ndarray")


def snapshot_vocabulary(limits: Limits) -> Vocabulary:
    """What may stand in an official .pkl, PyTorch's or TensorFlow's; for one reading.

    The meanings count what they make, so that a storage repeated a million times is refused.
    """
    made = 0

    def counted() -> None:
        nonlocal made
        made += 1
        if made > limits.tensors:
            refuse(f"more than {limits.tensors} tensors", "no snapshot has as many")

    def storage(arguments: tuple[Value, ...]) -> Storage:
        counted()
        return read_storage(as_bytes(_only(arguments, "torch.storage._load_from_bytes")))

    def tensor(arguments: tuple[Value, ...]) -> TensorView:
        counted()
        return view_of(arguments)

    def array(arguments: tuple[Value, ...]) -> NumpyArray:
        counted()
        if len(arguments) != 3 or arguments[0] is not _NDARRAY:
            damaged("an array is not described as numpy does it")
        return NumpyArray()

    def buffer(arguments: tuple[Value, ...]) -> NumpyArray:
        counted()
        if len(arguments) != 4 or arguments[3] not in ("C", "F"):
            damaged("an array is not described as numpy does it")
        raw, dtype, shape, order = arguments
        made = NumpyArray()
        made.build((1, shape, dtype, order == "F", raw))
        return made

    known = [
        Global("torch_utils.persistence._reconstruct_persistent_obj", reduce=_persistent_object),
        Global("collections.OrderedDict", reduce=_empty_dict),
        Global("dnnlib.util.EasyDict", new=_empty_dict),
        Global("torch._utils._rebuild_parameter", reduce=_parameter),
        Global("torch._utils._rebuild_tensor_v2", reduce=tensor),
        Global("torch.storage._load_from_bytes", reduce=storage),
        Global("dnnlib.tflib.network.Network", new=_tensorflow_network),
        Global("_codecs.encode", reduce=_encoded),
        Global("numpy.dtype", reduce=_numpy_type),
        _NDARRAY,
    ]
    for core in ("numpy._core", "numpy.core"):  # numpy 2 and numpy 1
        known.append(Global(f"{core}.multiarray.scalar", reduce=_scalar))
        known.append(Global(f"{core}.multiarray._reconstruct", reduce=array))
        known.append(Global(f"{core}.numeric._frombuffer", reduce=buffer))  # protocol 5
    for builtins in ("builtins", "__builtin__"):  # protocols 3 and 2 write sets as calls
        known.append(Global(f"{builtins}.set", reduce=_set))
    return {entry.name: entry for entry in known}


def _only(arguments: tuple[Value, ...], name: str) -> Value:
    if len(arguments) != 1:
        damaged(f"{name} is called with {len(arguments)} arguments")
    return arguments[0]


def _persistent_object(arguments: tuple[Value, ...]) -> PersistentObject:
    meta = _only(arguments, "torch_utils.persistence._reconstruct_persistent_obj")
    if type(meta) is not dict or set(meta) != _PERSISTENT_KEYS or meta["type"] != "class":
        damaged("a network or layer is not described as the official tools do it")
    if type(meta["version"]) is not int or meta["version"] != 6:
        refuse(
            f"a persistent object of version {shown(meta['version'])}",
            "only version 6 is known",
        )
    name, source, state = meta["class_name"], meta["module_src"], meta["state"]
    if type(name) is not str or type(source) is not str or type(state) is not dict:
        damaged("a network or layer is not described as the official tools do it")
    return PersistentObject(name, source, state)


def _empty_dict(arguments: tuple[Value, ...]) -> dict[str, Value]:
    if arguments:
        damaged("a dict is made from arguments; its entries should follow")
    return {}


def _set(arguments: tuple[Value, ...]) -> set[str]:
    values = _only(arguments, "set")
    if type(values) is not list or any(type(value) is not str for value in values):
        damaged("a set holds something else than text")
    return set(values)


def _tensorflow_network(arguments: tuple[Value, ...]) -> TensorFlowNetwork:
    if arguments:
        damaged("a TensorFlow network is made from arguments; its state should follow")
    return TensorFlowNetwork()


def _parameter(arguments: tuple[Value, ...]) -> TensorView:
    """A parameter is its tensor; whether it learns is not the file's to say."""
    if len(arguments) != 3 or type(arguments[0]) is not TensorView:
        damaged("a parameter is not made from tensor, gradient and hooks")
    return arguments[0]


def _numpy_type(arguments: tuple[Value, ...]) -> NumpyType:
    if not 1 <= len(arguments) <= 3:
        damaged("a numpy type is not described as numpy does it")
    return NumpyType(arguments[0])


def _scalar(arguments: tuple[Value, ...]) -> bool | int | float:
    if len(arguments) != 2 or type(arguments[0]) is not NumpyType:
        damaged("a numpy number is not described by type and bytes")
    return arguments[0].scalar(arguments[1])


def _encoded(arguments: tuple[Value, ...]) -> memoryview:
    """Bytes as protocol 2 writes them: text and the name of an encoding."""
    if len(arguments) != 2 or arguments[1] not in ("latin1", "latin-1"):
        damaged("bytes are written as text in an encoding other than latin1")
    if type(arguments[0]) is not str:
        damaged("bytes are written as something that is no text")
    return as_bytes(arguments[0])


__all__ = ["PersistentObject", "TensorFlowNetwork", "snapshot_vocabulary"]
