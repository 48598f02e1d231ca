"""The encoder as a file: in half precision, with the name of its base and what it reached."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from artstyle.errors import UsageError
from artstyle.names import shown
from artstyle.pipeline.encode.find import ENCODER, check_encoder
from artstyle.pipeline.encode.plan import EncoderPlan
from stylegan_ext.checkpoint import write_model
from stylegan_ext.errors import EngineError
from stylegan_ext.header import read_header
from stylegan_ext.records import ModelFile, NetworkRecord, Provenance

if TYPE_CHECKING:
    from stylegan_ext.networks import Encoder


def write_encoder(path: Path, encoder: Encoder, plan: EncoderPlan, notes: dict[str, Any]) -> None:
    """Write an encoder; weights as float16, the coordinates it speaks as float32.

    Args:
        path: the file.
        encoder: the averaged one.
        plan: what was trained.
        notes: what it reached; JSON types.

    Raises:
        OSError: it cannot be written.
    """
    exact = {name for name, _ in encoder.named_buffers()}
    tensors = {
        name: held.detach() if name in exact else held.detach().to(torch.float16)
        for name, held in encoder.state_dict().items()
    }
    source = "samples of its base"
    facts: dict[str, Any] = {"name": f"encoder of {plan.recipe.base}", "base": plan.identity}
    if plan.corpus is not None:
        source += f", and photos of {plan.corpus.path.name}"
        facts |= {"photos": plan.corpus.path.name, "photos_sha256": plan.corpus_sha256}
    provenance = Provenance(
        licence=plan.licence,
        source=f"trained by artstyle on {source}",
        parents=({"name": plan.recipe.base, "sha256": plan.base_sha256, "role": "base"},),
        preprocessing=dict(read_header(plan.base).provenance.preprocessing),
        notes=facts | notes,
    )
    record = NetworkRecord("encoder", plan.kwargs, tensors)
    write_model(path, ModelFile({ENCODER: record}, provenance))


def may_replace(path: Path, plan: EncoderPlan) -> bool:
    """Whether a file may be replaced by this base's encoder: it is none, or an older one of it.

    One of an earlier state of a base of the same name may go as well: it is of no use any more.
    """
    if not path.exists():
        return True
    try:
        check_encoder(path, plan.base)
    except UsageError:
        header = read_header(path)
        named = header.provenance.notes.get("base")
        return isinstance(named, dict) and named.get("name") == plan.identity["name"]
    except EngineError:
        return False
    return True


def refuse_foreign(path: Path, plan: EncoderPlan) -> None:
    """See that the place of the result holds nothing else, before any work is done.

    Raises:
        UsageError: it does.
    """
    if not may_replace(path, plan):
        raise UsageError(
            f"{shown(path)} is no encoder of {plan.recipe.base}, and will not be replaced",
            hint="move it away, or name the base differently",
        )
