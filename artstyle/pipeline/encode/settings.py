"""The settings of an encoder's training."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from artstyle.recipes.schema import setting

if TYPE_CHECKING:
    from stylegan_ext.training.encoder import EncoderSettings

_NO_IDENTITY = ("base", "kimg", "minutes")  # how far it goes, and what a file is called


@dataclass(frozen=True)
class EncoderRecipe:
    """Everything needed to repeat the training of an encoder."""

    base: str = setting(help="The model that it is for.")
    kimg: float = setting(30.0, help="Thousands of pictures to look at.", above=0)
    minutes: float | None = setting(None, help="Stop after this long, to be resumed.", above=0)
    batch: int = setting(16, help="Pictures per step.", low=2)
    learning_rate: float = setting(0.002, help="Adam's.", above=0)
    samples_kimg: float = setting(
        2.0, help="How long the base's own samples come alone, before photos do.", low=0
    )
    prior_weight: float = setting(0.01, help="What keeps latents of photos near the middle.", low=0)
    spread_weight: float = setting(
        0.05, help="What keeps the rows of a photo's latents near each other.", low=0
    )
    mirror: bool = setting(True, help="Show every photo mirrored too.")
    held_out: int = setting(
        32, help="Photos that are never learned from; at most a tenth of all.", low=1
    )
    warm: bool = setting(True, help="Begin with the trunk of the base's discriminator.")
    frozen_levels: int = setting(
        2, help="The finest blocks of that trunk stay as they are: as good, in less time.", low=0
    )
    seed: int = setting(0, help="Of everything random.", low=0)

    def engine_settings(self, *, is_warm: bool = True) -> EncoderSettings:
        """What the engine's training computes with.

        Args:
            is_warm: whether the trunk is the discriminator's; a random one has to learn.
        """
        from stylegan_ext.training.encoder import EncoderSettings

        return EncoderSettings(
            batch=self.batch,
            learning_rate=self.learning_rate,
            samples_kimg=self.samples_kimg,
            prior_weight=self.prior_weight,
            spread_weight=self.spread_weight,
            frozen_levels=self.frozen_levels if is_warm else 0,
            seed=self.seed,
        )

    def identity(self) -> Identity:
        """What makes a training this one."""
        plain = EncoderRecipe("")
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        return Identity(
            tuple(
                f"{name} = {value!r}"
                for name, value in sorted(said.items())
                if name not in _NO_IDENTITY and value != getattr(plain, name)
            )
        )


@dataclass(frozen=True)
class Identity:
    """The settings that are not at their defaults; new settings leave older runs what they are."""

    encoder: tuple[str, ...]
