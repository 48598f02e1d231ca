"""Paintings whose style a decoder's file holds, so that they can be asked for by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from artstyle.errors import ImageError
from artstyle.events import Emit, Note
from artstyle.images import read_rgb, to_tensor
from artstyle.pipeline.stylize.adain import SIZE_PX, resized
from artstyle.pipeline.train_adain.plan import Plan

if TYPE_CHECKING:
    from artstyle.baselines.adain.decoder import Decoder
    from artstyle.baselines.adain.statistics import Statistics


def named_styles(plan: Plan, decoder: Decoder, emit: Emit) -> dict[str, Statistics]:
    """The style of every painting of the plan's folder, by its file's name in plain letters.

    They are seen as `artstyle stylize adain` sees paintings. What cannot be read is told and left
    out; of two with one name the first is taken.
    """
    from artstyle.baselines.adain.transfer import Transfer

    transfer = Transfer(plan.encoder.network, decoder, device=plan.device)
    found: dict[str, Statistics] = {}
    for path in plan.named:
        name = re.sub(r"[^a-z0-9_-]+", "-", path.stem.lower()).strip("-_")[:64] or "style"
        if name in found:
            continue
        try:
            painting = resized(read_rgb(path, enough_px=2 * SIZE_PX).rgb, SIZE_PX)
        except ImageError as fault:
            emit(Note(f"left out: {fault}", "warning"))
            continue
        found[name] = transfer.style(to_tensor(painting))
    return found
