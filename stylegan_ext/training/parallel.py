"""A team of processes on several devices or machines, through Lightning Fabric.

Fabric starts the processes, finds the machines and carries tensors between them; how a batch is
shared and what is averaged is ours (`stylegan_ext.team`), for second derivatives and the groups of
the minibatch statistics do not go through wrappers of networks.
"""

from __future__ import annotations

from importlib.util import find_spec

import torch

from stylegan_ext.errors import EngineError, ParameterError
from stylegan_ext.team import SOLO, Team


class MissingPartError(EngineError):
    """An optional part of artstyle is not installed."""


def make_team(device: str, processes: int, machines: int = 1) -> tuple[Team, str]:
    """Start the other processes, or join those that were started, and take a device.

    In the first process this starts its siblings with the same command line; each comes here too.

    Args:
        device: "cpu", or the kind of accelerator: "cuda", "mps".
        processes: on this machine; on a GPU each has one of its own.
        machines: how many; on each the same command is given, with the variables that torchrun
            and cluster managers set.

    Returns:
        The team, and this process's device.

    Raises:
        MissingPartError: Lightning Fabric is not installed.
        ParameterError: there are not so many devices.
    """
    if processes * machines == 1:
        return SOLO, device
    if find_spec("lightning_fabric") is None:
        raise MissingPartError(
            f"training with {processes * machines} processes needs Lightning Fabric, which is not "
            "installed",
            hint="pip install 'artstyle[distributed]'",
        )
    from lightning_fabric import Fabric

    kind = device.partition(":")[0]
    if kind == "cuda" and torch.cuda.device_count() < processes:
        raise ParameterError(
            f"{processes} GPUs were asked for, and torch sees {torch.cuda.device_count()}"
        )
    fabric = Fabric(accelerator=kind, devices=processes, num_nodes=machines, strategy="ddp")
    fabric.launch()

    def mean(values: torch.Tensor) -> torch.Tensor:
        total = fabric.all_reduce(values.detach().clone(), reduce_op="sum")
        assert isinstance(total, torch.Tensor)
        return total / fabric.world_size

    return Team(fabric.global_rank, fabric.world_size, mean), str(fabric.device)
