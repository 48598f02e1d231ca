"""Which generators draw: found by name, looked at before any work starts, loaded one at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle.errors import UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.files import sha256_of
from artstyle.names import shown
from artstyle.weights import resolve_model
from stylegan_ext.errors import CheckpointError, ParameterError
from stylegan_ext.header import read_header
from stylegan_ext.latents import check_class, rows_of_ws
from stylegan_ext.records import Kind

if TYPE_CHECKING:
    from artstyle.pipeline.generate.settings import Precision
    from stylegan_ext.networks import Generator

_CHANNELS = (1, 3, 4)  # what a PNG holds: grey, RGB, RGB with transparency
_LOW_PRECISION_LEVELS = 4  # the highest resolutions, StyleGAN2-ADA's num_fp16_res
_SLOW_NOTE = "this processor has no instructions for {}: float32 is faster"


@dataclass(frozen=True)
class Model:
    """A generator in a file, as its header describes it."""

    name: str  # as typed, or the file's stem; unlike the others' in the same command
    path: Path
    sha256: str  # of the file
    licence: str
    network: str  # "G_ema", else "G"
    kind: Kind
    resolution: int
    c_dim: int  # classes; 0: unconditional
    num_ws: int

    def lineage(self) -> dict[str, Any]:
        """What a picture says about its model."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "network": self.network,
            "licence": self.licence,
        }

    def card(self) -> dict[str, Any]:
        """What `generate.json` says about it."""
        return {
            **self.lineage(),
            "path": str(self.path.absolute()),
            "kind": self.kind,
            "resolution": self.resolution,
            "classes": self.c_dim,
        }


@dataclass(frozen=True)
class Variant:
    """One way to draw a seed: a column, when there are several."""

    model: Model
    class_index: int | None  # None: unconditional
    psi: float  # truncation
    folder: str  # below the output folder, "" or with "/" at its end
    title: str  # what sets it apart from the other variants; "" if there are none


def find_models(
    names: Sequence[str | Path], workspace: Path, *, emit: Emit = ignore
) -> tuple[Model, ...]:
    """The models of these names or files, in this order.

    Raises:
        WeightsError: there is no such model.
        CheckpointError: the file holds no generator, or is no model file.
    """
    found: list[Model] = []
    for name in names:
        path = resolve_model(name, workspace, emit=emit)
        is_file = Path(name).expanduser().is_file()
        word = path.stem if is_file else str(name).removesuffix(".safetensors")
        found.append(_look(_unlike(_plain(word), found), path))
    return tuple(found)


def variants(
    models: Sequence[Model],
    classes: Sequence[int] | None = None,
    psis: Sequence[float] = (1.0,),
    *,
    truncation_cutoff: int | None = None,
) -> tuple[Variant, ...]:
    """Every model with every class and every truncation, in this order.

    Raises:
        UsageError: no model, or a class or a truncation that one of them does not have.
    """
    if not models:
        raise UsageError("no model was named", hint="'artstyle models list' shows the models")
    made = []
    for model in models:
        for class_index in classes or (None,):
            _check_class(model, class_index)
            for psi in psis:
                _check_truncation(model, psi, truncation_cutoff)
                words = [(model.name, model.name)] if len(models) > 1 else []
                if len(classes or ()) > 1:
                    words.append((f"class{class_index}", f"class {class_index}"))
                if len(psis) > 1:
                    words.append((f"trunc{psi:g}", f"truncation {psi:g}"))
                made.append(Variant(model, class_index, float(psi), *_names(words)))
    return tuple(made)


def load(model: Model, device: str, precision: Precision, emit: Emit) -> Generator:
    """The network, ready to draw."""
    import torch

    import stylegan_ext
    from artstyle.machine import cpu_has_bf16

    generator = stylegan_ext.load(model.path, model.network, device=device)
    if precision != "float32":
        if device == "cpu" and (precision == "float16" or not cpu_has_bf16()):
            emit(Note(_SLOW_NOTE.format(precision), "warning"))
        levels = max(generator.synthesis.num_fp16_res, _LOW_PRECISION_LEVELS)
        levels = min(levels, model.resolution.bit_length() - 2)  # as many as there are, from 4 px
        generator.synthesis.use_low_precision(getattr(torch, precision), levels)
    return generator


def _look(name: str, path: Path) -> Model:
    """What the header says about the generator of a file."""
    header = read_header(path)
    network = next((known for known in ("G_ema", "G") if known in header.networks), None)
    held = header.networks.get(network or "")
    if network is None or held is None or not held.kind.endswith("-generator"):
        what = ", ".join(f"{key} ({one.kind})" for key, one in header.networks.items())
        raise CheckpointError(
            f"{shown(path)} is no generator: it holds {what or 'no networks'}",
            hint="'artstyle models list' shows the models that draw",
        )
    channels = held.kwargs.get("img_channels")
    if channels not in _CHANNELS:
        raise CheckpointError(f"{shown(path)} draws {channels} channels; a PNG holds 1, 3 or 4")
    return Model(
        name=name,
        path=path,
        sha256=sha256_of(path),
        licence=header.provenance.licence,
        network=network,
        kind=held.kind,
        resolution=int(held.kwargs["img_resolution"]),
        c_dim=int(held.kwargs.get("c_dim") or 0),
        num_ws=rows_of_ws(held.kind, held.kwargs),
    )


def _plain(word: str) -> str:
    """A name that a folder can have."""
    return shown(word).replace("/", "-").lstrip(".") or "model"


def _names(words: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Folder and title of a variant from what sets it apart, each for a file and for a person."""
    titles = [title for _, title in words]
    lines = [*titles[:1], ", ".join(titles[1:])] if len(titles) > 1 else titles
    return "".join(f"{folder}/" for folder, _ in words), "\n".join(lines)


def groups_of(columns: Sequence[Variant]) -> tuple[int, ...]:
    """How many neighbours belong together: those of one model, else those of one class."""
    keys: list[object] = [column.model.name for column in columns]
    if len(set(keys)) == 1:
        keys = [column.class_index for column in columns]
    sizes = tuple(keys.count(key) for key in dict.fromkeys(keys))
    return sizes if max(sizes) > 1 else (len(columns),)


def _unlike(name: str, others: Sequence[Model]) -> str:
    """The name, with a number behind it if another model has it."""
    taken = {other.name for other in others}
    number = 2
    unlike = name
    while unlike in taken:
        unlike, number = f"{name}-{number}", number + 1
    return unlike


def _check_class(model: Model, class_index: int | None) -> None:
    try:
        check_class(class_index, model.c_dim)
    except ParameterError as fault:
        hint = fault.hint
        if class_index is None:
            hint = f"name one with --class K, K from 0 to {model.c_dim - 1}, or all: "
            hint += f"--class 0-{model.c_dim - 1}"
        raise UsageError(f"{model.name}: {fault}", hint=hint) from fault


def _check_truncation(model: Model, psi: float, cutoff: int | None) -> None:
    if not math.isfinite(psi):
        raise UsageError(f"truncation {psi} is no number to draw with", hint="try 0.7")
    if cutoff is not None and not 0 <= cutoff <= model.num_ws:
        raise UsageError(
            f"{model.name} has {model.num_ws} rows of w: the first {cutoff} cannot be truncated"
        )
