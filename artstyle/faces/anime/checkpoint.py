"""The published `.pth` files: read without running anything in them, loaded by name.

mmcv writes a dict of `meta` (texts about how it was trained) and `state_dict`. `torch.load` with
weights_only makes tensors, dicts, lists, texts and numbers of it and refuses the rest. Of the rest
one thing is let through, a numpy scalar: mmcv may keep the best score of the training as one
(`meta.hook_msgs`), and it is a dtype and some bytes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from artstyle.errors import WeightsError
from artstyle.names import shown

_COUNTER = ".num_batches_tracked"  # of a batch norm; older files lack it, inference never reads it
_LISTED = 12
_NUMPY_DTYPES = ("float64", "float32", "int64", "int32", "bool")
# Names of parameters by which a file is known for another network than the one that was asked for.
_TELLTALE = {
    "bbox_head.convs_bridge.0.conv.weight": "anime-yolov3",
    "roi_head.bbox_head.fc_cls.weight": "anime-faster-rcnn",
    "keypoint_head.final_layer.3.weight": "anime-hrnetv2",
}


def read_state(path: Path, name: str) -> dict[str, Tensor]:
    """The parameters in a file of mmdet or mmpose, on the CPU, in memory of their own.

    Args:
        path: the file.
        name: of the weights, for messages.

    Raises:
        WeightsError: it is damaged, holds more than tensors and plain data, or something else.
    """
    hint = f"move it away and type 'artstyle models pull {name}'"
    try:
        held = _loaded(path)
    except Exception as error:  # torch raises a dozen unrelated types on foreign bytes
        raise WeightsError(
            f"{shown(path)} cannot be read safely: {_first_line(error)}", hint=hint
        ) from error
    state = held.get("state_dict", held) if isinstance(held, dict) else held
    if not isinstance(state, Mapping) or not state:
        raise WeightsError(f"{shown(path)} holds no state_dict of a network", hint=hint)
    prefix = "module." if all(str(key).startswith("module.") for key in state) else ""
    tensors = {}
    for key, tensor in state.items():
        if not isinstance(key, str) or not _is_plain(tensor):
            raise WeightsError(
                f"{shown(path)} holds something else than a tensor of numbers under"
                f" {shown(str(key))[:80]}",
                hint=hint,
            )
        tensors[key.removeprefix(prefix)] = tensor.clone(memory_format=torch.contiguous_format)
    return tensors


def load_into(network: nn.Module, state: Mapping[str, Tensor], path: Path, name: str) -> None:
    """Give a network the parameters of a file, in float32.

    Args:
        network: may be without memory (`layers.made_empty`).
        state: from `read_state`.
        path: where it comes from, for messages.
        name: of the weights, for messages.

    Raises:
        WeightsError: names are missing or too many, shapes differ, or numbers are not finite; the
            message lists what is wrong, all of it together.
    """
    wanted = network.state_dict()
    needed = {key for key in wanted if not key.endswith(_COUNTER)}
    given = {key: tensor for key, tensor in state.items() if not key.endswith(_COUNTER)}
    both = sorted(needed & given.keys())
    differing = [
        f"{key} is {list(given[key].shape)} and should be {list(wanted[key].shape)}"
        for key in both
        if given[key].shape != wanted[key].shape
    ]
    faults = [
        *_listed("missing", sorted(needed - given.keys())),
        *_listed("unexpected", sorted(given.keys() - needed)),
        *_listed("of another shape", differing),
        *_listed("not finite", [key for key in both if not given[key].isfinite().all()]),
    ]
    if faults:
        raise WeightsError(
            f"{shown(path)} does not fit {name}:" + "".join(f"\n  - {fault}" for fault in faults),
            hint=_remedy(given, name),
        )
    counters = {key: torch.zeros((), dtype=torch.int64) for key in wanted.keys() - needed}
    plain = {key: tensor.float() for key, tensor in given.items()}
    network.load_state_dict({**plain, **counters}, assign=True)


def _loaded(path: Path) -> Any:
    with torch.serialization.safe_globals(_numpy_scalars()):
        if not zipfile.is_zipfile(path):
            return torch.load(path, map_location="cpu", weights_only=True)
        _look_through(path)
        # Mapped, so that a storage can never reach past the file; torch 2.13 also refuses an
        # unmapped one that claims more than it has.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def _look_through(path: Path) -> None:
    """See that nothing in an archive unpacks to more than it is; torch does not compress.

    Raises:
        ValueError: something does.
    """
    with zipfile.ZipFile(path) as archive:
        packed = [one for one in archive.infolist() if one.compress_type != zipfile.ZIP_STORED]
    if packed:
        raise ValueError(f"its part {shown(packed[0].filename)} is compressed, and torch's are not")


def _numpy_scalars() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """What a pickled numpy scalar is made of, under the names of numpy 1 and 2."""
    made: Any = np.float64(0).__reduce__()[0]
    kinds = [type(np.dtype(name)) for name in _NUMPY_DTYPES]
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    return [np.dtype, *kinds, *((made, name) for name in names)]


def _is_plain(tensor: object) -> bool:
    return (
        isinstance(tensor, Tensor)
        and tensor.layout is torch.strided
        and tensor.device.type == "cpu"
        and (tensor.is_floating_point() or tensor.dtype is torch.int64)
    )


def _listed(title: str, names: list[str]) -> Iterable[str]:
    if names:
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        clean = ", ".join(shown(name)[:100] for name in names[:_LISTED])
        yield f"{title} ({len(names)}): {clean}{more}"


def _remedy(given: Mapping[str, Tensor], name: str) -> str:
    others = [other for key, other in _TELLTALE.items() if key in given and other != name]
    if others:
        return f"these are the names of {others[0]}; type 'artstyle models pull {name}'"
    return f"move it away and type 'artstyle models pull {name}'"


def _first_line(error: Exception) -> str:
    """The line of torch's words that says what it is, without its advice to trust the file."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "GLOBAL" in line or "Unsupported" in line]
    words = (telling or lines or [type(error).__name__])[0]
    return shown(words.split("Please use")[0].strip())[:300]
