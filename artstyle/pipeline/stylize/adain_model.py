"""The decoder that is used, and the encoder it belongs to: found by themselves, or as named.

Of decoders, the workspace's `models/adain*.safetensors` go before the one that ships; the decoder
says which encoder it needs, and one behind another encoder is never used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstyle.baselines.adain.encoder import OWN, Known, find_encoder
from artstyle.baselines.adain.file import Header, read_decoder, read_header, require_encoder
from artstyle.baselines.adain.statistics import Statistics
from artstyle.baselines.adain.transfer import Transfer, Wish
from artstyle.errors import UsageError, WeightsError
from artstyle.events import Emit, ignore
from artstyle.files import sha256_of
from artstyle.images import from_tensor, to_tensor
from artstyle.weights.model_names import starter_folder

Pixels = NDArray[np.uint8]

_PATTERN = "adain*.safetensors"
_TRAIN = "artstyle train-adain --content PHOTOS --styles PAINTINGS"


@dataclass(frozen=True, eq=False)
class AdainModel:
    """Encoder and decoder, ready to draw."""

    header: Header
    encoder: Known
    transfer: Transfer
    named: Mapping[str, Statistics]  # paintings whose style came with the decoder
    device: str
    # styles of paintings that were seen already, by SHA-256 and size
    seen: dict[tuple[str, int], Statistics] = field(default_factory=dict)

    def style(self, painting: Pixels) -> Statistics:
        """A painting's style: HWC uint8, RGB, at least 32 px a side."""
        return self.transfer.style(to_tensor(painting))

    def draw(self, photo: Pixels, wish: Wish) -> Pixels:
        """A photo, HWC uint8, RGB, in a style; of the same size."""
        return from_tensor(self.transfer.draw(to_tensor(photo), wish))

    def named_style(self, name: str) -> Statistics:
        """A style by its painting's name.

        Raises:
            UsageError: there is none of that name.
        """
        if name in self.named:
            return self.named[name]
        known = ", ".join(self.named) or "none"
        raise UsageError(
            f"there is no file {name}, and no style of that name in {self.header.path.name}",
            hint=f"name a painting's file, or a style that came with the decoder: {known}",
        )

    def identity(self) -> dict[str, Any]:
        """What of it decides a picture; JSON types."""
        return {
            "decoder_sha256": self.header.content_sha256,
            "encoder": self.encoder.name,
            "encoder_sha256": self.encoder.sha256,
        }

    def card(self) -> dict[str, str]:
        """For the catalog and for records."""
        origin = self.header.origin
        return {
            "path": str(self.header.path),
            "sha256": sha256_of(self.header.path),
            "name": self.header.path.stem,
            "licence": origin.licence,
            "role": "drawn by",
        }


def find_decoders(
    workspace: Path | None, on_fault: Callable[[WeightsError], None] = lambda fault: None
) -> Iterator[Header]:
    """The decoders that can be used, those that go first first.

    Args:
        workspace: whose models go before what ships.
        on_fault: hears of files that are called so, and are none.
    """
    folders = [] if workspace is None else [workspace / "models"]
    for folder in (*folders, starter_folder()):
        if folder.is_dir():
            # adain.safetensors before adain-vgg19.safetensors
            for path in sorted(folder.glob(_PATTERN), key=lambda path: (len(path.name), path.name)):
                try:
                    yield read_header(path)
                except WeightsError as fault:
                    on_fault(fault)


def load_adain(
    workspace: Path | None = None,
    *,
    decoder: Path | None = None,
    encoder: str | None = None,
    device: str = "cpu",
    emit: Emit = ignore,
) -> AdainModel:
    """Find a decoder and its encoder, and read them.

    Args:
        workspace: whose models go before what ships.
        decoder: a decoder's file; None: the first that is there.
        encoder: what sees; None or "auto": what the decoder needs. See `choose_perception`.
        device: where they compute.
        emit: told what the encoder is, where that was not plain.

    Raises:
        WeightsError: there is no decoder, its encoder is not here, or they do not belong together.
    """
    wish = None if encoder == "auto" else encoder
    header = _first(workspace, wish) if decoder is None else read_header(decoder)
    choice = wish or header.origin.encoder_choice
    known = find_encoder(
        choice, header.origin.encoder_sha256, device=device, workspace=workspace, emit=emit
    )
    require_encoder(header, known)
    held = read_decoder(header.path, device=device)
    transfer = Transfer(known.network, held.decoder, device=device)
    return AdainModel(held.header, known, transfer, held.styles, device)


def _first(workspace: Path | None, encoder: str | None) -> Header:
    """The first decoder, of those behind an encoder where one was asked for.

    Raises:
        WeightsError: there is none.
    """
    faults: list[WeightsError] = []
    there = list(find_decoders(workspace, faults.append))
    kind = OWN if encoder is not None and Path(encoder).is_file() else encoder
    fitting = [one for one in there if kind in (None, one.origin.encoder_choice)]
    if fitting:
        return fitting[0]
    if not there:
        why = "".join(f"; {fault}" for fault in faults)
        raise WeightsError(f"there is no AdaIN decoder here{why}", hint=f"train one: {_TRAIN}")
    held = ", ".join(f"{one.path.name} behind {one.origin.encoder_choice}" for one in there)
    raise WeightsError(
        f"there is no AdaIN decoder behind {encoder}: there is {held}",
        hint=f"leave --encoder out, or train one: {_TRAIN} --encoder {encoder}",
    )
