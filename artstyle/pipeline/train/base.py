"""The model a training starts from: found, read, and made to fit the dataset.

Whatever does not fit is said before any work starts, all of it together, each with what can be
done about it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from artstyle.errors import UsageError
from artstyle.events import Emit, ignore
from artstyle.files import sha256_of
from artstyle.names import shown
from artstyle.pipeline.train.snapshots import LATEST
from artstyle.weights import resolve_model
from stylegan_ext.records import KINDS, ModelFile, NetworkRecord

if TYPE_CHECKING:
    from artstyle.corpus.read import Corpus

_GENERATOR, _DISCRIMINATOR = KINDS[0], KINDS[1]


@dataclass(frozen=True)
class Base:
    """A base, found and read."""

    name: str
    path: Path
    sha256: str
    licence: str
    model: ModelFile

    @property
    def resolution(self) -> int:
        """Side of its pictures, in pixels."""
        return int(self.model.generator().kwargs["img_resolution"])


@dataclass(frozen=True)
class Start:
    """The networks that a training begins with, and how they came about."""

    networks: dict[str, NetworkRecord]  # G, D, G_ema
    steps: tuple[str, ...]  # what was done to the base, in words
    warnings: tuple[str, ...]


def read_base(name: str | Path, workspace: Path, *, emit: Emit = ignore) -> Base:
    """Find a base by name, file or run, and read it.

    Args:
        name: what `resolve_model` takes, an official .pkl, or a run's folder.
        workspace: where names are looked up.
        emit: gets notes.

    Raises:
        WeightsError: there is none of that name.
        UsageError: it is no StyleGAN2 generator, or a run without a model.
        EngineError: the file is damaged or hostile.
    """
    from stylegan_ext.convert.read import read_foreign

    place = Path(name)
    if place.is_dir() and (place / "run.json").is_file():
        path = place / LATEST
        if not path.is_file():
            raise UsageError(f"{shown(place)} has no {LATEST} yet", hint="train it for longer")
    else:
        path = resolve_model(name, workspace, emit=emit)
    model = read_foreign(path)
    if model.generator().kind != _GENERATOR:
        raise UsageError(
            f"{shown(path)} is a {model.generator().kind}; what is trained here is StyleGAN2",
            hint="'artstyle models list' shows the bases there are",
        )
    called = place.name if place.is_dir() else path.stem if place.is_file() else str(name)
    return Base(called, path, sha256_of(path), model.provenance.licence, model)


def fit_base(
    base: Base,
    corpus: Corpus,
    *,
    grow: bool = False,
    crop: bool = False,
    without_noise: bool = False,
    seed: int = 0,
) -> Start:
    """Make a base's networks fit a dataset.

    Args:
        base: the base.
        corpus: the dataset.
        grow: add levels where the dataset is larger.
        crop: leave levels out where it is smaller.
        without_noise: leave out the generator's noise inputs.
        seed: of what is new.

    Raises:
        UsageError: they do not fit; the message lists every mismatch with its ways out.
        MismatchError: the base cannot be grown, cropped or labelled.
    """
    import torch

    from stylegan_ext.networks import construct

    faults = list(_faults(base, corpus, grow=grow, crop=crop))
    if faults:
        lines = "".join(f"\n  - {fault}" for fault in faults)
        raise UsageError(f"the base {base.name} does not fit {shown(corpus.path)}:{lines}")
    held = base.model.networks
    average = held.get("G_ema") or held["G"]
    networks = {"G": held.get("G") or average, "G_ema": average}
    steps: list[str] = []
    warnings: list[str] = []
    torch.manual_seed(seed)
    if "D" in held:
        networks["D"] = held["D"]
    else:
        kwargs = _discriminator_kwargs(average)
        made = construct(_DISCRIMINATOR, kwargs)
        networks["D"] = NetworkRecord(_DISCRIMINATOR, kwargs, dict(made.state_dict()))
        warnings.append(
            f"{base.name} has no discriminator: one begins from random weights, and for the first "
            "tens of kimg it tells the generator little; a base with D is better"
        )
    networks = _with_levels(networks, corpus.resolution, steps)
    networks = _with_labels(networks, corpus.label_dim, steps, seed)
    if without_noise:
        networks = _without_noise(networks, steps)
    return Start(networks, tuple(steps), tuple(warnings))


def _faults(base: Base, corpus: Corpus, *, grow: bool, crop: bool) -> list[str]:
    """Everything that does not fit, each with what can be done."""
    kwargs, found = base.model.generator().kwargs, []
    mine, theirs = int(kwargs["img_resolution"]), corpus.resolution
    at_base_size = f"build the dataset at {mine} px ('artstyle build --size {mine}')"
    if theirs < 8 or theirs & (theirs - 1):
        found.append(f"the dataset has {theirs} px, which no StyleGAN draws: {at_base_size}")
    elif theirs > mine and not grow:
        levels = (theirs // mine).bit_length() - 1
        found.append(
            f"the dataset has {theirs} px and the base {mine} px: {at_base_size}, or let the base "
            f"grow by {levels} level{'s' * (levels > 1)} (--grow)"
        )
    elif theirs < mine and not crop:
        levels = (mine // theirs).bit_length() - 1
        found.append(
            f"the dataset has {theirs} px and the base {mine} px: {at_base_size}, or crop the base "
            f"by {levels} level{'s' * (levels > 1)} (--crop)"
        )
    if int(kwargs["img_channels"]) != corpus.channels:
        asked = "in colour" if int(kwargs["img_channels"]) == 3 else "with --grey"
        found.append(
            f"the dataset has {corpus.channels} colour channels and the base "
            f"{kwargs['img_channels']}: build the dataset {asked}"
        )
    classes = int(kwargs.get("c_dim") or 0)
    if classes and classes != corpus.label_dim:
        labels = f"{corpus.label_dim} classes" if corpus.label_dim else "no labels"
        found.append(
            f"the base has {classes} classes and the dataset {labels}: build the dataset with as "
            "many (--labels), or take an unconditional base"
        )
    return found


def _with_levels(
    networks: dict[str, NetworkRecord], side: int, steps: list[str]
) -> dict[str, NetworkRecord]:
    """The same, with levels added or left out until they have this side."""
    from stylegan_ext.training import reshape

    made = dict(networks)
    while (now := int(made["G"].kwargs["img_resolution"])) != side:
        if now < side:
            made["D"] = reshape.grow_discriminator(made["D"])
            for name in ("G", "G_ema"):
                made[name] = reshape.grow_generator(made[name])
        else:
            made["D"] = reshape.crop_discriminator(made["D"], made["G_ema"])
            for name in ("G", "G_ema"):
                made[name] = reshape.crop_generator(made[name])
        to = int(made["G"].kwargs["img_resolution"])
        steps.append(f"{'grown' if now < side else 'cropped'} from {now} to {to} px")
    if made["G"] is not made["G_ema"]:  # what is new in them is the same in both
        old = networks["G_ema"].tensors
        kept = {n: h for n, h in made["G_ema"].tensors.items() if n in old}
        fresh = {n: h for n, h in made["G"].tensors.items() if n not in kept}
        made["G_ema"] = replace(made["G_ema"], tensors={**kept, **fresh})
    return made


def _with_labels(
    networks: dict[str, NetworkRecord], classes: int, steps: list[str], seed: int
) -> dict[str, NetworkRecord]:
    """The same, with labels if the dataset has some and they have none."""
    import torch

    from stylegan_ext.training import reshape

    if not classes or int(networks["G"].kwargs.get("c_dim") or 0):
        return networks
    made = {"D": reshape.label_discriminator(networks["D"], classes)}
    for name in ("G", "G_ema"):
        torch.manual_seed(seed)  # the same new layer in both
        made[name] = reshape.label_generator(networks[name], classes)
    steps.append(f"given {classes} classes; every class begins as the base is")
    return made


def _without_noise(
    networks: dict[str, NetworkRecord], steps: list[str]
) -> dict[str, NetworkRecord]:
    """The same, the generator without its noise inputs."""
    from stylegan_ext.training import reshape

    group = networks["G"].kwargs.get("synthesis_kwargs") or {}
    if not group.get("use_noise", True):
        return networks
    steps.append("its noise inputs left out")
    still = {name: reshape.still_generator(networks[name]) for name in ("G", "G_ema")}
    return {**networks, **still}


def _discriminator_kwargs(generator: NetworkRecord) -> dict[str, object]:
    """A discriminator as wide as a generator."""
    group = generator.kwargs.get("synthesis_kwargs") or {}
    width = {n: group[n] for n in ("channel_base", "channel_max", "conv_clamp") if n in group}
    shared = {n: generator.kwargs[n] for n in ("c_dim", "img_resolution", "img_channels")}
    return {**shared, **width}
