"""Inception's features: the space in which a Fréchet distance is an FID."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from artstyle.files import sha256_of
from artstyle.metrics.space import FID_SPACE, Picture
from artstyle.perception.inception import FEATURES, Inception
from artstyle.perception.inception_resize import IN_WORDS, Protocol, prepare
from artstyle.perception.inception_weights import read_inception

# Of the network at once. The largest maps take 5.5 MB a picture.
_BATCH = 16


class InceptionSpace:
    """The 2048 features of Inception of 2015-12-05.

    Args:
        network: with published weights; a test gives its own.
        protocol: how pictures are resized; see `perception.inception_resize`.
        weights_sha256: of the file they came from.
        licence: of the weights.
        device: where the network computes.
    """

    name = FID_SPACE
    title = "Inception of 2015-12-05"
    dim = FEATURES
    samples = 5000

    def __init__(
        self,
        network: Inception,
        protocol: Protocol,
        *,
        weights_sha256: str,
        licence: str,
        device: str = "cpu",
    ) -> None:
        self.network, self.resizing, self.licence = network.to(device), protocol, licence
        self.protocol = f"{protocol}: {IN_WORDS[protocol]}"
        self.ddof = 0 if protocol == "official" else 1  # as each of them computes covariances
        self.identity = f"inception {weights_sha256} {protocol} 1"
        self.device = device

    @classmethod
    def from_file(
        cls, path: Path, protocol: Protocol, *, licence: str, device: str = "cpu"
    ) -> InceptionSpace:
        """The space of published weights.

        Raises:
            WeightsError: see `read_inception`.
        """
        return cls(
            read_inception(path),
            protocol,
            weights_sha256=sha256_of(path),
            licence=licence,
            device=device,
        )

    def __call__(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """See `FeatureSpace`."""
        found = [np.zeros((0, FEATURES), dtype=np.float32)]
        for begin in range(0, len(pictures), _BATCH):
            some = pictures[begin : begin + _BATCH]
            images = torch.cat([prepare(one[None], self.resizing) for one in some])
            with torch.inference_mode():
                found.append(self.network(images.to(self.device)).cpu().numpy())
        return np.concatenate(found)

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Classifies`."""
        with torch.inference_mode():
            rows = torch.from_numpy(features).to(self.device)
            return self.network.probabilities(rows).cpu().numpy()
