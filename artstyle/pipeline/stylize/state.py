"""Where a drawing stands, kept beside its result until that is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from artstyle.baselines.gatys.draw import Begun, Scale
from artstyle.events import Emit, Note
from artstyle.files import write_bytes
from artstyle.names import shown


class State:
    """The state of one result.

    Args:
        file: the result's place.
        identity: what decides the result; the state of another one is not taken.
    """

    def __init__(self, file: Path, identity: Mapping[str, Any]) -> None:
        self.path = file.with_name(f".{file.stem[:100]}.state.safetensors")
        text = json.dumps(dict(identity), sort_keys=True)
        self._digest = hashlib.sha256(text.encode()).hexdigest()

    def begun(self, emit: Emit) -> Begun | None:
        """What an earlier run has left; None: nothing that fits.

        A damaged file is told, and the drawing begins anew.
        """
        from safetensors import SafetensorError, safe_open

        if not self.path.is_file():
            return None
        try:
            with safe_open(self.path, framework="pt") as held:
                header = held.metadata() or {}
                if header.get("identity") != self._digest:
                    return None
                scales = tuple(
                    Scale(**one | {"setbacks": tuple(one["setbacks"])})
                    for one in json.loads(header["scales"])
                )
                picture = held.get_tensor("picture")
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as fault:
            emit(Note(f"{shown(self.path)} is damaged, and left aside: {fault}", "warning"))
            return None
        last = scales[-1]
        emit(Note(f"goes on after {last.width_px}x{last.height_px} px, from {shown(self.path)}"))
        return Begun(scales, picture)

    def keep(self, begun: Begun) -> None:
        """Write what is done."""
        from safetensors.torch import save

        scales = json.dumps([asdict(scale) for scale in begun.scales])
        tensors = {"picture": begun.picture.detach().cpu().contiguous()}
        header = {"kind": "stylize state", "identity": self._digest, "scales": scales}
        write_bytes(self.path, save(tensors, header))

    def forget(self) -> None:
        """The result is there."""
        self.path.unlink(missing_ok=True)
