"""Models in and out: import from other tools, export for them, make untrained ones to try with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from artstyle.errors import UsageError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.files import sha256_of
from artstyle.names import shown
from artstyle.weights.model_names import resolve_model
from stylegan_ext.errors import CheckpointError, EngineError
from stylegan_ext.header import NetworkHeader, read_header, require_fit
from stylegan_ext.records import NETWORK_NAMES, Kind, ModelFile, Provenance

if TYPE_CHECKING:
    import torch

RandomKind: TypeAlias = Literal["stylegan2", "stylegan3-t", "stylegan3-r"]
RANDOM_KINDS: tuple[RandomKind, ...] = ("stylegan2", "stylegan3-t", "stylegan3-r")
SUFFIX = ".safetensors"
LEFT_OUT = "networks_left_out"  # the note that names what was in the source, but not taken


@dataclass(frozen=True)
class NetworkSummary:
    """One network of a model, for people and for JSON."""

    kind: Kind
    resolution: int  # side of its pictures in pixels
    channels: int  # of its pictures
    classes: int  # c_dim; 0: without labels
    z_dim: int | None  # None: a discriminator
    w_dim: int | None
    numbers: int  # parameters and buffers


@dataclass(frozen=True)
class ModelSummary:
    """What a model file holds and where it comes from."""

    path: Path
    networks: Mapping[str, NetworkSummary]
    licence: str
    source: str
    source_sha256: str  # of the file it was converted from; "" if it was not
    content_sha256: str  # over the tensors
    size_bytes: int
    kimg: float | None  # thousands of pictures seen in training; None: not known
    notes: Mapping[str, Any]


@dataclass(frozen=True)
class Export:
    """A model written for other tools."""

    model: Path
    path: Path
    size_bytes: int
    sha256: str
    differences: tuple[str, ...]  # what those tools will find otherwise than in the model


@dataclass(frozen=True)
class RandomModel:
    """What an untrained model shall be like."""

    resolution: int  # side of its pictures in pixels, a power of two
    kind: RandomKind = "stylegan2"
    seed: int = 0
    # The trial that drew portraits at 64 px had these widths.
    channel_base: int = 4096
    channel_max: int = 128
    latent_dim: int = 128  # of z and w
    mapping_layers: int = 4
    classes: int = 0  # 0: without labels
    discriminator: bool = True


def summarise(path: Path) -> ModelSummary:
    """What a model file says about itself; no tensor is read.

    Raises:
        CheckpointError: no model file of ours, or a damaged one.
        MismatchError: its tensors are not those that its arguments ask for.
    """
    header = read_header(path)
    require_fit(header, tuple(header.networks))
    origin = header.provenance
    kimg = origin.notes.get("kimg")
    return ModelSummary(
        path=path,
        networks={name: _network(network) for name, network in header.networks.items()},
        licence=origin.licence,
        source=origin.source,
        source_sha256=origin.source_sha256,
        content_sha256=header.content_sha256,
        size_bytes=header.size_bytes,
        kimg=kimg if isinstance(kimg, (int, float)) else None,
        notes=origin.notes,
    )


def _network(network: NetworkHeader) -> NetworkSummary:
    kwargs = network.kwargs
    return NetworkSummary(
        kind=network.kind,
        resolution=kwargs["img_resolution"],
        channels=kwargs["img_channels"],
        classes=kwargs.get("c_dim") or 0,
        z_dim=kwargs.get("z_dim"),
        w_dim=kwargs.get("w_dim"),
        numbers=network.size_elements,
    )


def import_model(
    source: Path,
    out: Path,
    *,
    licence: str | None = None,
    name: str | None = None,
    origin: str | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    networks: Sequence[str] | None = None,
    emit: Emit = ignore,
) -> ModelSummary:
    """Make a model file of ours from an official .pkl, a rosinality .pt, or safetensors.

    Nothing of the file is executed. A second import of the same file to the same place does
    nothing.

    Args:
        source: the file.
        out: where to write; ends in .safetensors.
        licence: what one may do with the model; None keeps what the file says, or "unknown".
        name: a name for people, kept in the notes.
        origin: where the file came from, for instance its address; None keeps what it says.
        preprocessing: how the pictures it was trained on were cut; None keeps what it says.
        networks: which of G_ema, G, D to take; None takes all that are there.
        emit: gets progress and notes.

    Raises:
        UsageError: a wrong ending, an unknown network's name, or both files are the same.
        UnsafeFileError: the file asks for something that is refused.
        CheckpointError: no model, a damaged one, or one without those networks.
        MismatchError: its tensors are not those of the network it claims to be.
        OSError: a file cannot be read or written.
    """
    from stylegan_ext.checkpoint import write_model
    from stylegan_ext.convert import read_foreign

    _require_suffix(out)
    _require_known(networks)
    if not source.is_file():
        raise UsageError(f"{source} is no file", hint="give the file that was downloaded")
    done = _already_there(source, out, licence=licence, name=name, networks=networks)
    if done is not None:
        emit(Note(f"{out} is there already, made from this file"))
        return done
    task, steps = f"import {source.name}", 2
    emit(Progress(task, 0, steps, "steps", "reading"))
    model = _chosen(read_foreign(source), networks, source)
    said = model.provenance
    provenance = replace(
        said,
        licence=licence or said.licence,
        source=origin or said.source,
        preprocessing=dict(said.preprocessing if preprocessing is None else preprocessing),
        notes={**said.notes, **({"name": name} if name else {})},
    )
    model = ModelFile(model.networks, provenance)
    emit(Progress(task, 1, steps, "steps", "writing"))
    write_model(out, model)
    emit(Progress(task, steps, steps, "steps"))
    summary = summarise(out)
    for warning in _warnings(summary):
        emit(Note(warning, "warning"))
    return summary


def _require_suffix(out: Path) -> None:
    if out.suffix != SUFFIX:
        raise UsageError(
            f"{out}: a model file ends in {SUFFIX}",
            hint=f"say --out {out.with_suffix(SUFFIX)}",
        )


def _require_known(networks: Sequence[str] | None) -> None:
    unknown = [name for name in networks or () if name not in NETWORK_NAMES]
    if unknown or (networks is not None and not networks):
        raise UsageError(
            f"there is no network {', '.join(map(repr, unknown)) or 'to take'}; a model holds "
            f"{', '.join(NETWORK_NAMES)}",
            hint="for instance --networks G_ema,D",
        )


def _chosen(model: ModelFile, networks: Sequence[str] | None, source: Path) -> ModelFile:
    if networks is None:
        return model
    missing = [name for name in networks if name not in model.networks]
    if missing:
        raise CheckpointError(
            f"{source} has no {', '.join(missing)}: it holds {', '.join(model.networks)}",
            hint=f"say --networks {','.join(model.networks)}",
        )
    kept = {name: network for name, network in model.networks.items() if name in networks}
    left_out = sorted(set(model.networks) - set(kept))
    notes = {LEFT_OUT: left_out} if left_out else {}
    return ModelFile(kept, model.provenance.with_notes(**notes))


def _already_there(
    source: Path,
    out: Path,
    *,
    licence: str | None,
    name: str | None,
    networks: Sequence[str] | None,
) -> ModelSummary | None:
    """The model at `out`, if an import of this file with these wishes made it; None if not."""
    try:
        summary = summarise(out)
    except (EngineError, OSError):
        return None
    chosen = set(summary.networks) == set(networks or summary.networks)
    everything = networks is not None or LEFT_OUT not in summary.notes
    same_words = licence in (None, summary.licence) and name in (None, summary.notes.get("name"))
    if chosen and everything and same_words and summary.source_sha256 == sha256_of(source):
        return summary
    return None


def _warnings(summary: ModelSummary) -> list[str]:
    """What a person should know about a model that was just imported."""
    notes = summary.notes
    warnings = []
    if summary.licence == "unknown":
        warnings.append(
            "its licence is unknown: look where it came from, and say it with --licence"
        )
    for name in summary.networks:
        if unknown := _words(notes.get(f"{name}_unknown_arguments")):
            warnings.append(
                f"{name} was made with arguments that are unknown here ({', '.join(unknown)}): "
                "its pictures may differ from those of the tool it comes from"
            )
    if sick := _words(notes.get("non_finite")):
        warnings.append(f"NaN or infinity in {len(sick)} tensors, such as {sick[0]}")
    return warnings


def _words(value: Any) -> list[str]:
    """A list of texts from a header, which may come from anybody."""
    return [shown(str(each)) for each in value] if isinstance(value, list) else []


def export_model(
    model: str | Path,
    out: Path,
    *,
    workspace: Path,
    networks: Sequence[str] | None = None,
    half: bool = False,
    without_noise: bool = False,
    emit: Emit = ignore,
) -> Export:
    """Write a model for other tools, or a lighter one of our own.

    Args:
        model: a file, or a name of the workspace, the starter pack or the registry.
        out: .pkl for the official tools, .pt for rosinality's and its heirs, .safetensors.
        workspace: where names are looked for.
        networks: which are kept, e.g. ("G_ema", "D"); None: all.
        half: float16, half as large; .safetensors only.
        without_noise: the averaged generator's noise strengths become 0.
        emit: gets what those tools will find otherwise.

    Raises:
        WeightsError: there is no such model.
        MismatchError: that format cannot hold it.
        ParameterError: another ending, or the model has no such network.
        UsageError: float16 for another tool.
        CheckpointError: a damaged file, or one without generator.
        OSError: a file cannot be read or written.
    """
    from stylegan_ext.checkpoint import read_model
    from stylegan_ext.convert import write_foreign
    from stylegan_ext.lighter import lighter

    if half and out.suffix != SUFFIX:
        raise UsageError(
            f"{shown(out)}: half precision is for {SUFFIX} files of our own",
            hint="leave --half out; other tools read float32",
        )
    path = resolve_model(model, workspace, emit=emit)
    held = lighter(read_model(path), networks=networks, half=half, without_noise=without_noise)
    if not held.provenance.source_sha256:  # by which its descendants know it
        origin = replace(held.provenance, source_sha256=sha256_of(path))
        held = replace(held, provenance=origin)
    differences = tuple(write_foreign(out, held))
    for difference in differences:
        emit(Note(difference))
    return Export(path, out, out.stat().st_size, sha256_of(out), differences)


def random_model(out: Path, wished: RandomModel, *, emit: Emit = ignore) -> ModelSummary:
    """Write an untrained model: noise, but every command can be tried with it.

    The same wishes give the same bytes.

    Raises:
        UsageError: the file's ending is wrong.
        MismatchError, ParameterError: no network is like that (a resolution of 48 pixels).
        OSError: the file cannot be written.
    """
    import torch

    from stylegan_ext.checkpoint import write_model
    from stylegan_ext.networks import construct
    from stylegan_ext.records import NetworkRecord
    from stylegan_ext.shapes import expected_shapes

    _require_suffix(out)
    networks = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(wished.seed)
        for name, (kind, kwargs) in _random_arguments(wished).items():
            expected_shapes(kind, kwargs)  # says in words what is wrong, before work starts
            tensors: dict[str, torch.Tensor] = construct(kind, kwargs).state_dict()
            networks[name] = NetworkRecord(kind, kwargs, tensors)
    notes = {"trained": False, "kimg": 0, "seed": wished.seed}
    origin = Provenance(licence="CC0-1.0", source="artstyle models random", notes=notes)
    write_model(out, ModelFile(networks, origin))
    emit(Note("untrained: its pictures are noise"))
    return summarise(out)


def _random_arguments(wished: RandomModel) -> dict[str, tuple[Kind, dict[str, Any]]]:
    sizes = {"img_resolution": wished.resolution, "img_channels": 3, "c_dim": wished.classes}
    latents = {"z_dim": wished.latent_dim, "w_dim": wished.latent_dim}
    mapping = {"mapping_kwargs": {"num_layers": wished.mapping_layers}}
    widths = {"channel_base": wished.channel_base, "channel_max": wished.channel_max}
    made: dict[str, tuple[Kind, dict[str, Any]]] = {}
    if wished.kind == "stylegan2":
        kwargs = {**latents, **sizes, **mapping, "synthesis_kwargs": widths}
        made["G_ema"] = ("stylegan2-generator", kwargs)
    else:
        kwargs = {**latents, **sizes, **mapping, **widths}
        if wished.kind == "stylegan3-r":  # 1x1 convolutions, twice the channels (section 3.2)
            wide = {"channel_base": 2 * wished.channel_base, "channel_max": 2 * wished.channel_max}
            kwargs |= {**wide, "conv_kernel": 1, "use_radial_filters": True}
        made["G_ema"] = ("stylegan3-generator", kwargs)
    if wished.discriminator:
        made["D"] = ("stylegan2-discriminator", {**sizes, **widths})
    return made
