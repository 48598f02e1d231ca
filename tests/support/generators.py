"""Generators of random tensors, small enough to draw in no time."""

from __future__ import annotations

from pathlib import Path


def write_generator(
    path: Path, *, seed: int = 0, resolution: int = 16, c_dim: int = 0, channels: int = 3
) -> Path:
    """A StyleGAN2 generator with random tensors whose noise and average w can be seen."""
    import torch

    from stylegan_ext.checkpoint import write_model
    from stylegan_ext.networks import construct
    from stylegan_ext.records import ModelFile, NetworkRecord, Provenance

    kwargs = {
        "z_dim": 8,
        "c_dim": c_dim,
        "w_dim": 8,
        "img_resolution": resolution,
        "img_channels": channels,
        "mapping_kwargs": {"num_layers": 2},
        "synthesis_kwargs": {"channel_base": 256, "channel_max": 16},
    }
    torch.manual_seed(seed)
    network = construct("stylegan2-generator", kwargs)
    for name, held in [*network.named_parameters(), *network.named_buffers()]:
        if name.endswith(("noise_strength", "w_avg")):
            held.data.fill_(0.3)
    record = NetworkRecord("stylegan2-generator", kwargs, dict(network.state_dict()))
    write_model(path, ModelFile({"G_ema": record}, Provenance(licence="CC0-1.0")))
    return path
