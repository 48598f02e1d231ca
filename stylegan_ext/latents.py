"""What a generator is fed: seeds, labels, mixed styles, truncation.

Everything is seeded per item: the latent of seed 417 is the same whatever else is drawn with it.
Latents are float32; w of several rows is called ws, [num_ws, w_dim] or [n, num_ws, w_dim], the
coarsest row first. Torch is imported where tensors are made, so that seeds and classes can be
checked without waiting for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stylegan_ext.errors import ParameterError

if TYPE_CHECKING:
    import torch

    from stylegan_ext.records import Kind

MAX_SEED = 2**32 - 1  # numpy's RandomState takes 32 bits
MAX_SEEDS = 100_000  # more is taken for a slip of the finger; a guess
MAX_ROWS = 1000  # no model has nearly as many; a guess
MAX_CLASSES = 100_000  # likewise
MIXED_ROWS = tuple(range(7))  # 0-6, the official tool's default: pose and shape, not colour

_PART = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


def seed_latent(seed: int, z_dim: int) -> torch.Tensor:
    """The latent [1, z_dim] of a seed: RandomState(seed).randn, as the official tools draw it.

    Raises:
        ParameterError: the seed is no whole number from 0 to 2**32 - 1.
    """
    import numpy as np
    import torch

    check_seed(seed)
    return torch.from_numpy(np.random.RandomState(seed).randn(1, z_dim).astype(np.float32))


def seed_latents(seeds: Sequence[int], z_dim: int) -> torch.Tensor:
    """Latents [n, z_dim], a row per seed; see `seed_latent`."""
    import torch

    return (
        torch.cat([seed_latent(seed, z_dim) for seed in seeds]) if seeds else torch.empty(0, z_dim)
    )


def check_seed(seed: int) -> int:
    """The seed itself.

    Raises:
        ParameterError: it is no whole number from 0 to 2**32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise ParameterError(f"a seed is a whole number from 0 to {MAX_SEED}, not {seed!r:.60}")
    return seed


def parse_seeds(text: str) -> list[int]:
    """Seeds as a person writes them: "0-15,42" gives 0 to 15 and 42, in this order.

    A seed that is named twice is kept once, where it was named first.

    Raises:
        ParameterError: something that is no list of numbers and ranges, a range that runs
            backwards, a number beyond 2**32 - 1, or more than 100 000 seeds.
    """
    seeds: dict[int, None] = {}
    for low, high in _ranges(text, "seeds", "0-15,42"):
        if high > MAX_SEED:
            raise ParameterError(f"seed {high} is too large: seeds go from 0 to {MAX_SEED}")
        if len(seeds) + high - low + 1 > MAX_SEEDS:
            raise ParameterError(
                f"{text.strip()!r:.60} names more than {MAX_SEEDS:,} seeds",
                hint="is a digit too many in it? else give the command in several parts",
            )
        seeds.update(dict.fromkeys(range(low, high + 1)))
    return list(seeds)


def parse_rows(text: str, num_ws: int | None = None) -> list[int]:
    """Rows of ws as a person writes them, "0-6" or "0-3,8", sorted.

    Args:
        text: numbers and ranges; 0 is the coarsest row.
        num_ws: how many rows the model has; None: not known yet, `check_rows` comes later.

    Raises:
        ParameterError: something else, or a row that there is not.
    """
    found: set[int] = set()
    for low, high in _ranges(text, "rows", "0-6"):
        if num_ws is not None:
            _refuse_row(high, num_ws)
        elif high >= MAX_ROWS:
            raise ParameterError(f"no model has a row {high}: they count from 0, the coarsest")
        found.update(range(low, high + 1))
    return sorted(found)


def parse_classes(text: str) -> list[int]:
    """Classes as a person writes them, "3" or "0-4,7", in this order, each kept once.

    Raises:
        ParameterError: something else.
    """
    found: dict[int, None] = {}
    for low, high in _ranges(text, "classes", "0-4,7"):
        if high >= MAX_CLASSES:
            raise ParameterError(f"no model has a class {high}: they count from 0")
        found.update(dict.fromkeys(range(low, high + 1)))
    return list(found)


def check_rows(rows: Sequence[int], num_ws: int) -> tuple[int, ...]:
    """The rows themselves, if a model of `num_ws` rows has them.

    Raises:
        ParameterError: it has not.
    """
    for row in rows:
        _refuse_row(row, num_ws)
    return tuple(rows)


def _refuse_row(row: int, num_ws: int) -> None:
    if not 0 <= row < num_ws:
        raise ParameterError(f"there is no row {row}: the model has rows 0 to {num_ws - 1}")


def _ranges(text: str, what: str, example: str) -> list[tuple[int, int]]:
    """The (first, last) of every part of a list such as "0-15,42"."""
    found = []
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None or not part.isascii():
            where = f" in {text.strip()!r:.60}" if "," in text else ""
            said = f"{part.strip()!r:.60}{where}" if part.strip() else f"an empty part{where}"
            raise ParameterError(
                f"{said} is no number and no range of {what}",
                hint=f"write {what} like {example}: numbers from 0 up and ranges, with commas",
            )
        if max(len(digits or "") for digits in match.groups()) > 20:
            raise ParameterError(f"{part.strip()!r:.40} is too large for {what}")
        low = int(match[1])
        high = low if match[2] is None else int(match[2])
        if high < low:
            raise ParameterError(
                f"the range {part.strip()!r:.60} of {what} runs backwards",
                hint=f"write {high}-{low}",
            )
        found.append((low, high))
    return found


def check_class(class_index: int | None, c_dim: int) -> None:
    """See that a class is one of the model's, and that it is named where it has to be.

    Args:
        class_index: 0 and up; None: none was named.
        c_dim: how many classes the model has, 0 if it is unconditional.

    Raises:
        ParameterError: otherwise.
    """
    if class_index is None:
        if c_dim:
            raise ParameterError(
                f"the model is conditional: it draws {c_dim} classes, and none was named",
                hint=f"name a class from 0 to {c_dim - 1}",
            )
    elif c_dim == 0:
        raise ParameterError(
            f"the model is unconditional: it has no classes, and class {class_index} was named",
            hint="leave the class out",
        )
    elif isinstance(class_index, bool) or not 0 <= class_index < c_dim:
        raise ParameterError(
            f"there is no class {class_index}: the model has {c_dim} classes, 0 to {c_dim - 1}"
        )


def one_hot(classes: Sequence[int] | None, c_dim: int) -> torch.Tensor | None:
    """Labels [n, c_dim] of classes; None for an unconditional model, if none are named.

    Raises:
        ParameterError: see `check_class`.
    """
    import torch

    if classes is None:
        check_class(None, c_dim)
        return None
    for class_index in classes:
        check_class(class_index, c_dim)
    labels = torch.zeros(len(classes), c_dim)
    labels[range(len(classes)), list(classes)] = 1.0
    return labels


def rows_of_ws(kind: Kind, kwargs: Mapping[str, Any]) -> int:
    """How many rows a generator of these arguments takes (its num_ws), without building it.

    Raises:
        ParameterError: it is no generator.
    """
    if kind == "stylegan2-generator":  # two a resolution from 8 px up, two at 4 px
        return 2 * (int(kwargs["img_resolution"]).bit_length() - 1) - 2
    if kind == "stylegan3-generator":  # every layer, to-RGB, and the input
        return int(kwargs.get("num_layers", 14)) + 2
    raise ParameterError(f"a {kind} takes no ws")


def mix_ws(row: torch.Tensor, column: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
    """Style mixing: the row's picture with these rows of the column's (StyleGAN, section 3.1).

    Args:
        row: ws [..., num_ws, w_dim] that the other rows come from.
        column: ws of the same shape that `rows` come from.
        rows: which; low ones carry pose and shape, high ones colour and texture.

    Returns:
        New ws of the same shape.

    Raises:
        ParameterError: there is no such row.
    """
    mixed = row.clone()
    chosen = list(check_rows(rows, row.shape[-2]))
    mixed[..., chosen, :] = column[..., chosen, :]
    return mixed


def truncation_sweep(
    ws: torch.Tensor, w_avg: torch.Tensor, psis: Sequence[float], cutoff: int | None = None
) -> torch.Tensor:
    """The same latents at several truncations.

    Args:
        ws: [n, num_ws, w_dim], not truncated.
        w_avg: [w_dim], the model's average.
        psis: 1 leaves ws as they are, 0 gives the average, below 0 lies the opposite.
        cutoff: truncate this many rows from the coarsest; None means all.

    Returns:
        float32 [len(psis), n, num_ws, w_dim].
    """
    import torch

    from stylegan_ext.networks.mapping import truncate

    return torch.stack([ws if psi == 1 else truncate(ws, w_avg, psi, cutoff) for psi in psis])
