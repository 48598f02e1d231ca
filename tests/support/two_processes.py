"""A few iterations of a tiny training by a team; started by a test, once for each process.

python two_processes.py OUT.pt PROCESSES
"""

from __future__ import annotations

import copy
import sys
from dataclasses import replace

import torch


def train(processes: int):
    from stylegan_ext.augment import PRESETS
    from stylegan_ext.networks import Discriminator, StyleGAN2Generator
    from stylegan_ext.step import LossSettings
    from stylegan_ext.training.loop import LoopSettings, Training
    from stylegan_ext.training.parallel import make_team

    team, device = make_team("cpu", processes)
    torch.manual_seed(0)
    width = {"channel_base": 64, "channel_max": 8}
    g = StyleGAN2Generator(8, 2, 8, 16, 3, mapping_kwargs={"num_layers": 2}, synthesis_kwargs=width)
    for name, held in g.named_parameters():
        if name.endswith("noise_strength"):
            held.data.fill_(0.3)  # so that unlike noise would be seen
    d = Discriminator(2, 16, 3, **width, epilogue_kwargs={"mbstd_group_size": 4})
    strengths = replace(PRESETS["bgcfnc"], imgfilter=0)  # that filter needs larger pictures
    settings = LoopSettings(
        batch=8, loss=LossSettings(r1_gamma=0.5), augment=strengths, fixed_p=0.8, ema_kimg=0.05
    )
    training = Training(g, d, copy.deepcopy(g), settings, device, team)
    dice = torch.Generator().manual_seed(5)
    labels = torch.eye(2)
    for _ in range(6):
        real = torch.randint(0, 256, (8, 3, 16, 16), generator=dice, dtype=torch.uint8)
        c = labels[torch.randint(0, 2, (8,), generator=dice)]
        training.iterate(team.share(real), team.share(c), labels)
    stats = training.take_stats()
    return team, training.tensors(), stats


if __name__ == "__main__":
    team, tensors, stats = train(int(sys.argv[2]))
    if team.rank == 0:
        torch.save({"tensors": tensors, "stats": stats, "world": team.world}, sys.argv[1])
