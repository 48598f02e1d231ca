"""Model files of a few kilobytes, for tests that need one but not its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

LATENT = {"z_dim": 8, "c_dim": 0, "w_dim": 8, "img_channels": 3}
WIDTH = {"channel_base": 64, "channel_max": 8}


def write_small_model(path: Path, *, resolution: int = 8, seed: int = 0, **origin: Any) -> Path:
    """A StyleGAN2 generator and discriminator with random tensors.

    Args:
        path: where to write it.
        resolution: side of its pictures in pixels.
        seed: of its tensors.
        origin: fields of `Provenance`.
    """
    import torch

    from stylegan_ext.checkpoint import write_model
    from stylegan_ext.networks import construct
    from stylegan_ext.records import ModelFile, NetworkRecord, Provenance

    torch.manual_seed(seed)
    generator = {
        **LATENT,
        "img_resolution": resolution,
        "mapping_kwargs": {"num_layers": 2},
        "synthesis_kwargs": WIDTH,
    }
    discriminator = {"c_dim": 0, "img_resolution": resolution, "img_channels": 3, **WIDTH}
    networks = {}
    for name, kind, kwargs in (
        ("G_ema", "stylegan2-generator", generator),
        ("D", "stylegan2-discriminator", discriminator),
    ):
        tensors = dict(construct(kind, kwargs).state_dict())
        networks[name] = NetworkRecord(kind, kwargs, tensors)
    write_model(path, ModelFile(networks, Provenance(**origin)))
    return path
