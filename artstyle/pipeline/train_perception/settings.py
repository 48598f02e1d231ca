"""What a training of the perceptual network depends on."""

from __future__ import annotations

from dataclasses import dataclass

from artstyle.recipes import setting

DEFAULT_EPOCHS = 30.0


@dataclass(frozen=True)
class PerceptionRecipe:
    """All of it; two calls with the same are the same run. Numbers not cited are guesses."""

    pictures: tuple[str, ...] = setting(help="Folders whose subfolders are kinds of things.")
    unlabelled: tuple[str, ...] = setting((), help="Folders of pictures without kinds.")
    pictures_sha256: str = setting("", help="Of the pictures' names and bytes.")
    epochs: float | None = setting(None, help="Length, in passes over the pictures.", above=0)
    minutes: float | None = setting(None, help="Length, in minutes of training.", above=0)
    batch: int = setting(64, help="Crops per step, two of each picture.", low=4)
    crop_px: int = setting(48, help="Side of the crops at the end.", low=32, high=256)
    first_crop_px: int = setting(32, help="Side of the crops at first, for speed.", low=32)
    grow_at: float = setting(0.7, help="Share of the training after which crops grow.", low=0)
    unlabelled_share: float = setting(
        0.25, help="Of a batch, where there are kinds too.", low=0, high=0.9
    )
    learning_rate: float = setting(3e-3, help="AdamW's, at its highest.", above=0)
    weight_decay: float = setting(0.05, help="AdamW's, of weights of convolutions.", low=0)
    statistics_weight: float = setting(0.5, help="Of telling pictures apart.", low=0)
    temperature: float = setting(0.2, help="Of telling pictures apart (SimCLR: 0.1-0.5).", above=0)
    smoothing: float = setting(0.1, help="Of the kinds' labels.", low=0, high=0.9)
    ema: float = setting(0.99, help="Decay of the averaged weights, per step.", low=0, high=1)
    held_out: float = setting(0.125, help="Share of each kind that is never shown.", low=0, high=1)
    seed: int = setting(0, help="Of everything random.", low=0)

    def faults(self) -> tuple[str, ...]:
        """What is wrong between the settings."""
        found = []
        if not self.pictures and not self.unlabelled:
            found.append("pictures: there is no folder to learn from")
        if self.batch % 2:
            found.append("batch: not even, and every picture gives two crops")
        return tuple(found)

    def share_done(self, nimg: int, pictures: int, seconds: float) -> float:
        """How much of the training is behind us, 0 to 1 and beyond.

        Args:
            nimg: crops that were shown.
            pictures: in an epoch; each is shown as two crops.
            seconds: of training so far.
        """
        epochs = self.epochs
        if epochs is None and self.minutes is None:
            epochs = DEFAULT_EPOCHS
        by_epochs = 0.0 if epochs is None else nimg / (2 * pictures * epochs)
        by_time = 0.0 if self.minutes is None else seconds / (60 * self.minutes)
        return max(by_epochs, by_time)

    def crop_at(self, share: float) -> int:
        """Side of the crops at this share of the training, in pixels."""
        return min(self.first_crop_px, self.crop_px) if share < self.grow_at else self.crop_px
