"""A model for other tools; the ending of the file's name says for which."""

from __future__ import annotations

from pathlib import Path

from stylegan_ext.checkpoint import write_model
from stylegan_ext.convert.official_export import write_official
from stylegan_ext.convert.rosinality_export import write_rosinality
from stylegan_ext.errors import ParameterError
from stylegan_ext.files import atomic_file
from stylegan_ext.records import ModelFile

WRITERS = {".pkl": write_official, ".pt": write_rosinality}


def write_foreign(path: Path, model: ModelFile) -> list[str]:
    """Write .pkl (official tools), .pt (rosinality's and its heirs) or .safetensors (ours).

    The file is there whole or not at all.

    Returns:
        What the other tools will find otherwise than in the model, in sentences.

    Raises:
        ParameterError: another ending.
        MismatchError: that format cannot hold this model; the message lists every reason.
        CheckpointError: the model has no generator.
        OSError: the file cannot be written.
    """
    if path.suffix == ".safetensors":
        write_model(path, model)
        return []
    if path.suffix not in WRITERS:
        raise ParameterError(
            f"{path}: models are written as .safetensors, .pkl (official tools) or .pt "
            f"(rosinality), not as {path.suffix or 'a file without ending'}",
            hint=f"for instance {path.with_suffix('.pkl').name}",
        )
    with atomic_file(path) as stream:
        return WRITERS[path.suffix](stream, model)
