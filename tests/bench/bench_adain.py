"""AdaIN at 512 px beside its bare networks, and what a training step takes.

    python tests/bench/bench_adain.py [--size 512] [--encoder auto] [--threads 2] [--repeats 5]
        [--train] [--json FILE]

`draw` is all of a picture once its painting was seen: from uint8 to uint8, statistics, AdaIN,
encoder and decoder. `bare` is encoder and decoder alone, on tensors that are ready, with the
decoder in its fast form. Both are timed in turns, and the best of several counts, so that what
else the machine does falls on both alike. `plain` is the decoder as papers write it down.
Weights matter not for time: where there is no decoder behind the encoder, a random one is taken.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from artstyle.baselines.adain import decoder as decoders
from artstyle.baselines.adain.decoder import DEEPEST, Decoder, Shape, in_channels_last
from artstyle.baselines.adain.encoder import Known, choose_encoder
from artstyle.baselines.adain.training import DecoderTraining, Numbers
from artstyle.baselines.adain.transfer import Transfer, Wish
from artstyle.images import from_tensor, to_tensor
from artstyle.machine import processor


def best_of(repeats: int, **works: Callable[[], object]) -> dict[str, float]:
    """The least seconds of each work; they take turns."""
    found = dict.fromkeys(works, float("inf"))
    for work in works.values():
        work()
    for _ in range(repeats):
        for name, work in works.items():
            begin = time.perf_counter()
            work()
            found[name] = min(found[name], time.perf_counter() - begin)
    return found


def plain_convolution(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Upsampling, reflection and convolution as separate steps."""
    big = F.interpolate(x, scale_factor=2, mode="nearest")
    return F.conv2d(F.pad(big, (1, 1, 1, 1), mode="reflect"), weight, bias)


def drawing(known: Known, size_px: int, repeats: int) -> dict[str, Any]:
    torch.manual_seed(0)
    decoder = Decoder(Shape.of(known.network)).eval().requires_grad_(False)
    transfer = Transfer(known.network, decoder)
    photo = np.random.RandomState(0).randint(0, 256, (size_px, size_px, 3), dtype=np.uint8)
    painting = to_tensor(photo[::-1].copy())
    wish = Wish((transfer.style(painting),))
    ready = to_tensor(photo).contiguous(memory_format=torch.channels_last)
    fast = decoders.upsampled_convolution

    def bare() -> torch.Tensor:
        with torch.inference_mode():
            made: torch.Tensor = decoder(known.network(ready, (DEEPEST,))[DEEPEST])
        return made

    def decode(form: Callable[..., torch.Tensor]) -> Callable[[], torch.Tensor]:
        with torch.inference_mode():
            maps = known.network(ready, (DEEPEST,))[DEEPEST]

        def work() -> torch.Tensor:
            decoders.upsampled_convolution = form
            try:
                with torch.inference_mode():
                    made: torch.Tensor = decoder(maps)
                return made
            finally:
                decoders.upsampled_convolution = fast

        return work

    seconds = best_of(
        repeats,
        bare=bare,
        draw=lambda: from_tensor(transfer.draw(to_tensor(photo), wish)),
        decode=decode(fast),
        plain_decode=decode(plain_convolution),
        style=lambda: transfer.style(painting),
    )
    return {
        "seconds": {name: round(value, 4) for name, value in seconds.items()},
        "draw_over_bare": round(seconds["draw"] / seconds["bare"], 3),
        "plain_over_fast_decode": round(seconds["plain_decode"] / seconds["decode"], 3),
    }


def training(known: Known, crop_px: int, batch: int, repeats: int) -> dict[str, Any]:
    decoder = in_channels_last(Decoder(Shape.of(known.network)))
    held = DecoderTraining(known, decoder, Numbers(1.0, 10.0, 0.0, 1e-4, 5e-5))
    pictures = torch.rand(batch, 3, crop_px, crop_px) * 2 - 1
    seconds = best_of(repeats, step=lambda: held.iterate(pictures, pictures))["step"]
    return {"crop_px": crop_px, "batch": batch, "images_per_s": round(batch / seconds, 2)}


def main() -> None:
    """Measure, print, and write where that is wished."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--encoder", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    known = choose_encoder(options.encoder)
    found: dict[str, Any] = {
        "encoder": known.name,
        "size_px": options.size,
        "threads": options.threads,
        "machine": processor(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "drawing": drawing(known, options.size, options.repeats),
    }
    if options.train:
        found["training"] = [training(known, side, 4, options.repeats) for side in (64, 128)]
    print(json.dumps(found, indent=2))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
