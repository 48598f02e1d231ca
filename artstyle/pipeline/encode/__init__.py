"""How a photo gets into a model: an encoder, and a few steps of search from what it says."""

from __future__ import annotations

from artstyle.pipeline.encode.find import ENCODER, find_encoder, read_encoder
from artstyle.pipeline.encode.invert import Inverted, Inverter, invert_faces

__all__ = [
    "ENCODER",
    "Inverted",
    "Inverter",
    "find_encoder",
    "invert_faces",
    "read_encoder",
]
