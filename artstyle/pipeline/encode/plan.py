"""What the training of an encoder will do, decided before any of it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stylegan_ext
from artstyle.corpus.read import Corpus, read_corpus
from artstyle.errors import UsageError
from artstyle.files import sha256_of
from artstyle.names import shown
from artstyle.perception.likeness import choose_features
from artstyle.pipeline.encode.find import identity_of, what_is_alike
from artstyle.pipeline.encode.photos import Photos
from artstyle.pipeline.encode.settings import EncoderRecipe
from artstyle.pipeline.train.catalogued import licence_of
from stylegan_ext.features import Features
from stylegan_ext.header import read_header
from stylegan_ext.networks import Discriminator, Generator
from stylegan_ext.training.encoder import EncoderTraining
from stylegan_ext.training.encoder_start import average_of, encoder_kwargs, make_encoder

if TYPE_CHECKING:
    from artstyle.events import Emit


@dataclass(frozen=True)
class EncoderPlan:
    """A training, all decided."""

    recipe: EncoderRecipe
    base: Path
    base_sha256: str
    identity: dict[str, Any]  # how the encoder names its base
    licence: str
    kwargs: dict[str, Any]  # the encoder's
    device: str
    features: Features
    networks: dict[str, Any] = field(repr=False)  # of the base: G, and D if it has one
    corpus: Corpus | None = None  # photos; None: the base's samples alone
    corpus_sha256: str = ""

    @property
    def generator(self) -> Generator:
        """The base's, frozen."""
        generator: Generator = self.networks["G"]
        return generator

    def photos(self, emit: Emit) -> Photos | None:
        """The photos, decoded."""
        if self.corpus is None:
            return None
        return Photos(
            self.corpus,
            self.generator.img_resolution,
            self.generator.img_channels,
            held_out=self.recipe.held_out,
            mirror=self.recipe.mirror,
            seed=self.recipe.seed,
            emit=emit,
        )

    def training(self) -> EncoderTraining:
        """The engine's training at its beginning."""
        encoder, is_warm = make_encoder(
            self.generator,
            self.networks.get("D") if self.recipe.warm else None,
            self.kwargs,
            self.recipe.seed,
        )
        encoder.to(self.device)
        return EncoderTraining(
            encoder,
            average_of(encoder),
            self.generator,
            self.features,
            self.recipe.engine_settings(is_warm=is_warm),
            device=self.device,
        )


def make_plan(
    recipe: EncoderRecipe,
    base: Path,
    photos: Path | None,
    *,
    workspace: Path,
    device: str,
) -> EncoderPlan:
    """Decide everything about a training.

    Args:
        recipe: what is asked for.
        base: the base's file.
        photos: a dataset zip or folder; None: the base's samples alone.
        workspace: whose catalog knows the licence of the photos.
        device: where to compute.

    Raises:
        UsageError: base and photos do not suit each other.
        CorpusError: the photos cannot be read.
        EngineError: the base cannot be read, or holds no generator.
    """
    header = read_header(base)
    held = stylegan_ext.load_all(base, device)
    generator = held.get("G_ema") or held.get("G")
    if not isinstance(generator, Generator):
        generator = stylegan_ext.load(base)  # raises, saying what the file holds instead
    if generator.img_resolution < 8:
        raise UsageError(f"{shown(base)} draws {generator.img_resolution} px: 8 px is the least")
    networks: dict[str, Any] = {"G": generator}
    judge = held.get("D")
    if isinstance(judge, Discriminator):
        networks["D"] = judge
    corpus = None if photos is None else read_corpus(photos)
    licences = [header.provenance.licence]
    digest = ""
    if corpus is not None:
        digest = corpus.sha256()
        licences.append(licence_of(workspace, digest, recipe.base))
    known = list(dict.fromkeys(one for one in licences if one and one != "unknown"))
    return EncoderPlan(
        recipe=recipe,
        base=base,
        base_sha256=sha256_of(base),
        identity=identity_of(base),
        licence=" + ".join(known or ["unknown"]),
        kwargs=encoder_kwargs(generator, header.networks["D"].kwargs if "D" in networks else None),
        device=device,
        features=choose_features(what_is_alike(networks), networks, device),
        networks=networks,
        corpus=corpus,
        corpus_sha256=digest,
    )
