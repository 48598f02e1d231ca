"""One figure of a generator while it trains: for keeping the best snapshot.

judge = Judge(open_pictures(zip), choose_space("auto"))
judge(generator)        # lower is better
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from artstyle.events import Emit, ignore
from artstyle.metrics.kernel import kernel_distance
from artstyle.metrics.space import FeatureSpace, measure_name
from artstyle.pipeline.evaluate.features import cache_folder, features_of
from artstyle.pipeline.evaluate.pictures import DrawnPictures, Pictures, classes_of

if TYPE_CHECKING:
    from artstyle.corpus.read import Corpus
    from stylegan_ext.networks import Generator

SAMPLES = 1000  # at most, where nobody says: the kernel distance is unbiased at any number; a guess


class Judge:
    """Measures generators against one dataset; the dataset's features are computed once.

    Args:
        dataset: the pictures to come near to.
        space: see `choose_space`.
        samples: how many pictures to draw each time; None: 1000, or fewer where the space is slow.
        emit: gets progress.
    """

    def __init__(
        self,
        dataset: Pictures,
        space: FeatureSpace,
        *,
        samples: int | None = None,
        emit: Emit = ignore,
    ) -> None:
        self.dataset, self.space, self.emit = dataset, space, emit
        self.samples = min(SAMPLES, space.samples) if samples is None else samples
        self.name = measure_name("kid", space)  # what the figure is called
        self._reals = features_of(dataset, space, cache=cache_folder(), emit=emit)

    def __call__(self, generator: Generator) -> float:
        """The kernel distance of what a generator draws; lower is better, and it may be negative.

        The generator is put into eval mode while it draws, and back. The same weights give the
        same figure: seeds are always the same, and nothing random is taken from torch.

        Raises:
            ImageError: it drew values that are not finite.
        """
        was_training = generator.training
        generator.eval()
        try:
            drawn = DrawnPictures(
                "samples",
                generator,
                sha256="",  # nothing is kept, so nothing has to be named
                count=self.samples,
                labels=classes_of(self.dataset, int(generator.c_dim)),
            )
            fakes = features_of(drawn, self.space, cache=None, emit=self.emit)
        finally:
            generator.train(was_training)
        return kernel_distance(self._reals, fakes).value


def metric_of(
    generator: Generator,
    corpus: Corpus,
    *,
    space: FeatureSpace | None = None,
    samples: int | None = None,
    emit: Emit = ignore,
) -> float:
    """The kernel distance of a generator's pictures from a dataset; lower is better.

    The dataset's features are kept in the cache. Whoever asks often makes a `Judge`.

    Args:
        generator: on any device.
        corpus: the dataset.
        space: None: Inception where its weights are, else the best that is here.
        samples: see `Judge`.
        emit: gets progress.
    """
    from artstyle.pipeline.evaluate.pictures import CorpusPictures
    from artstyle.pipeline.evaluate.spaces import choose_space

    chosen = space or choose_space("auto", emit=emit)
    return Judge(CorpusPictures(corpus), chosen, samples=samples, emit=emit)(generator)
