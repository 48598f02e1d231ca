"""How good a network is: kinds of held-out pictures, and a linear probe on its statistics."""

from __future__ import annotations

import torch

from artstyle.perception.stack import ConvStack
from artstyle.perception.statistics import STATISTICS_LAYERS, map_statistics
from artstyle.pipeline.train_perception.album import NO_KIND, Album
from artstyle.pipeline.train_perception.crops import middles
from artstyle.pipeline.train_perception.student import Student

_BATCH = 64
# Of the ridge regression, per picture, on figures of deviation one: as many figures as pictures
# want a strong one. A guess, the same for all networks.
_RIDGE = 0.3


@torch.no_grad()
def held_out_accuracy(student: Student, album: Album, side_px: int) -> dict[str, float]:
    """Share of held-out pictures whose kind is the first guess, or among the first five.

    Returns:
        "held_out_top1" and "held_out_top5"; {} without kinds or held-out pictures.
    """
    numbers = album.held_out.nonzero()[0]
    if student.kinds is None or not len(numbers):
        return {}
    was_training = student.training
    student.eval()
    right = {1: 0, 5: 0}
    for begin in range(0, len(numbers), _BATCH):
        some = numbers[begin : begin + _BATCH]
        scores, _ = student(middles(album, some, side_px).to(student.embedding.weight.device))
        wanted = torch.from_numpy(album.kinds[some])[:, None].to(scores.device)
        guesses = scores.topk(min(5, scores.shape[1]), dim=1).indices
        for most in right:
            right[most] += int((guesses[:, :most] == wanted).sum())
    student.train(was_training)
    return {f"held_out_top{most}": count / len(numbers) for most, count in right.items()}


@torch.no_grad()
def probe_accuracy(network: ConvStack, album: Album, side_px: int) -> float | None:
    """Share of held-out pictures whose kind a linear classifier tells from a network's statistics.

    The classifier is a ridge regression of the kinds on standardised figures of the pictures that
    were not held out: no luck and no learning rate are in it.

    Returns:
        The share; None without kinds or held-out pictures.
    """
    numbers, held = album.shown_labelled, album.held_out.nonzero()[0]
    if not len(album.names) or not len(held):
        return None
    seen, unseen = (_statistics(network, album, which, side_px) for which in (numbers, held))
    mean, deviation = seen.mean(dim=0), seen.std(dim=0) + 1e-6
    seen, unseen = (seen - mean) / deviation, (unseen - mean) / deviation
    targets = torch.zeros(len(numbers), len(album.names), dtype=torch.float64)
    targets[torch.arange(len(numbers)), torch.from_numpy(album.kinds[numbers])] = 1.0
    centre = targets.mean(dim=0)
    inner = seen @ seen.T
    inner.diagonal().add_(_RIDGE * len(numbers))
    weights = seen.T @ torch.linalg.solve(inner, targets - centre)
    guesses = (unseen @ weights + centre).argmax(dim=1)
    wanted = torch.from_numpy(album.kinds[held])
    assert not bool((wanted == NO_KIND).any())
    return float((guesses == wanted).double().mean())


def _statistics(network: ConvStack, album: Album, numbers: object, side_px: int) -> torch.Tensor:
    """[n, figures] float64 of the pictures' middles."""
    import numpy as np

    which = np.asarray(numbers)
    rows = []
    for begin in range(0, len(which), _BATCH):
        images = middles(album, which[begin : begin + _BATCH], side_px)
        images = images.to(network.mean.device)
        rows.append(map_statistics(network(images, STATISTICS_LAYERS)).double().cpu())
    return torch.cat(rows)
