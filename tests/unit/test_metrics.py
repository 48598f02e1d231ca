"""Distances between sets of pictures: closed forms, plain forms, and the official numbers."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy import linalg

from artstyle.errors import MeasureError
from artstyle.metrics import kernel as kernel_module
from artstyle.metrics.frechet import (
    cholesky_factor,
    frechet_distance,
    frechet_of_features,
    moments_of,
    trace_of_root,
)
from artstyle.metrics.inception_score import inception_score
from artstyle.metrics.infinity import frechet_at_infinity, least_fakes
from artstyle.metrics.kernel import _chain, kernel_distance, mean_of_subsets
from artstyle.metrics.manifold import manifold, nearest
from artstyle.metrics.scatter import ScatterSpace, gabor_wavelets


def cloud(seed: int, count: int, dim: int, *, shift: float = 0.0, scale: float = 1.0):
    rows = np.random.default_rng(seed).standard_normal((count, dim)) * scale + shift
    return rows.astype(np.float32)


def factor(seed: int, dim: int, rank: int | None = None):
    rank = rank or 2 * dim
    return np.random.default_rng(seed).standard_normal((dim, rank)) / rank**0.5


def covariance(seed: int, dim: int, rank: int | None = None):
    return factor(seed, dim, rank) @ factor(seed, dim, rank).T


class TestFrechet:
    def test_of_gaussians_whose_axes_agree(self):
        rng = np.random.default_rng(0)
        turn = linalg.qr(rng.standard_normal((12, 12)))[0]
        s1, s2 = rng.uniform(0.1, 3, 12), rng.uniform(0.1, 3, 12)
        mean = rng.standard_normal(12)
        covariances = [turn @ np.diag(s**2) @ turn.T for s in (s1, s2)]
        found = frechet_distance(np.zeros(12), covariances[0], mean, covariances[1])
        assert found == pytest.approx((mean**2).sum() + ((s1 - s2) ** 2).sum(), rel=1e-12)

    @pytest.mark.parametrize("dim", [1, 7, 60])
    def test_the_root_is_scipys(self, dim):
        first, second = covariance(1, dim), covariance(2, dim)
        expected = np.trace(linalg.sqrtm(first @ second)).real
        assert trace_of_root(first, second) == pytest.approx(expected, rel=1e-10)

    @pytest.mark.parametrize(("rank1", "rank2"), [(5, 40), (40, 5), (5, 9), (None, 5)])
    def test_covariances_without_full_rank(self, rank1, rank2):
        first, second = factor(3, 30, rank1), factor(4, 30, rank2)
        first *= np.logspace(0, -4, first.shape[1])  # variances down to 1e-8 of the largest
        expected = linalg.svdvals(first.T @ second).sum()  # exact where sqrtm has noise
        found = trace_of_root(first @ first.T, second @ second.T)
        assert found == pytest.approx(expected, rel=1e-7)

    def test_the_factor_of_a_matrix_without_full_rank_has_its_rank(self):
        matrix = covariance(5, 20, 6)
        found = cholesky_factor(matrix)
        assert found.shape == (20, 6)
        np.testing.assert_allclose(found @ found.T, matrix, atol=1e-12)
        assert cholesky_factor(np.zeros((3, 3))).shape == (3, 0)

    def test_of_a_set_with_itself_is_nothing(self):
        rows = cloud(0, 50, 10)
        assert frechet_of_features(rows, rows) == pytest.approx(0, abs=1e-9)

    @pytest.mark.parametrize("ddof", [0, 1])
    def test_few_pictures_need_no_covariance(self, ddof):
        first, second = cloud(1, 12, 40), cloud(2, 9, 40, shift=0.3)
        means = [rows.mean(axis=0, dtype=np.float64) for rows in (first, second)]
        spread = [np.cov(rows, rowvar=False, ddof=ddof) for rows in (first, second)]
        long_way = frechet_distance(means[0], spread[0], means[1], spread[1])
        assert frechet_of_features(first, second, ddof=ddof) == pytest.approx(long_way, rel=1e-6)

    def test_moments_are_numpys_in_whatever_blocks(self):
        rows = cloud(3, 500, 6, shift=1000.0)
        whole, parts = moments_of(rows), moments_of(rows[:1])
        for begin in range(1, 500, 77):
            parts.add(rows[begin : begin + 77])
        parts.add(rows[:0])
        for found in (whole, parts):
            np.testing.assert_allclose(found.mean, rows.mean(axis=0, dtype=np.float64), rtol=1e-12)
            np.testing.assert_allclose(
                found.covariance(), np.cov(rows.astype(np.float64), rowvar=False), rtol=1e-6
            )

    def test_what_is_no_covariance_is_refused(self):
        fine = np.eye(3)
        with pytest.raises(MeasureError, match="negative directions"):
            trace_of_root(fine, np.diag([1.0, 1.0, -1.0]))
        with pytest.raises(MeasureError, match="negative directions"):
            trace_of_root(np.diag([1.0, -1.0, 1.0]), fine)
        with pytest.raises(MeasureError, match="not finite"):
            frechet_distance(np.zeros(3), fine, np.zeros(3), fine * np.nan)
        with pytest.raises(MeasureError, match="do not fit"):
            frechet_distance(np.zeros(3), fine, np.zeros(2), np.eye(2))
        with pytest.raises(MeasureError, match="fewer than two"):
            frechet_of_features(cloud(0, 1, 3), cloud(0, 5, 3))
        with pytest.raises(MeasureError, match="not finite"):
            moments_of(np.full((2, 2), np.inf))


class TestKernel:
    def test_of_two_points(self):
        reals, fakes = np.zeros((10, 4), np.float32), np.full((12, 4), 2, np.float32)
        found = kernel_distance(reals, fakes, subsets=3)
        assert found.value == pytest.approx(1 + (16 / 4 + 1) ** 3 - 2, rel=1e-6)
        assert (found.low, found.high) == pytest.approx((124, 124), rel=1e-5)
        assert found.subset_size == 10

    @pytest.mark.parametrize("subset_size", [20, 61])
    def test_all_ways_agree_with_the_plain_form(self, subset_size, monkeypatch):
        monkeypatch.setattr(kernel_module, "_CHUNK_ROWS", 40)
        reals, fakes = cloud(0, 150, 8), cloud(1, 90, 8, shift=0.4)
        dense = kernel_distance(reals, fakes, subsets=9, subset_size=subset_size, seed=5)
        sparse = kernel_distance(
            reals, fakes, subsets=9, subset_size=subset_size, seed=5, dense_rows=0
        )
        half = subset_size // 2
        rng = np.random.default_rng(5)
        chains = [_chain(len(rows), half, 10, rng) for rows in (reals, fakes)]
        picks = (
            tuple(np.concatenate([chain[n], chain[n + 1]]) for chain in chains) for n in range(9)
        )
        plain = mean_of_subsets(reals, fakes, picks)
        assert dense.value == pytest.approx(plain, rel=1e-5)
        assert sparse.value == pytest.approx(plain, rel=1e-5)
        assert (dense.interval, sparse.interval) == ("bootstrap", "normal")

    def test_a_subset_never_holds_a_picture_twice(self):
        for count in (10, 11, 40):
            chain = _chain(count, 5, 30, np.random.default_rng(0))
            for first, second in itertools.pairwise(chain):
                assert len({*first.tolist(), *second.tolist()}) == 10
            rounds = count // 5
            assert len(set(chain[:rounds].ravel().tolist())) == rounds * 5  # nobody waits twice

    def test_is_unbiased(self):
        values = [
            kernel_distance(cloud(2 * n, 30, 5), cloud(2 * n + 1, 30, 5), subsets=4).value
            for n in range(120)
        ]
        error = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values)) < 3 * error
        assert np.mean(values) < 0.3 * np.std(values)  # a biased one lies above 0 nearly always

    @pytest.mark.parametrize("dense_rows", [0, 1000])
    def test_the_interval_is_as_wide_as_chance(self, dense_rows):
        found = [
            kernel_distance(
                cloud(2 * n, 150, 5),
                cloud(2 * n + 1, 150, 5, shift=0.5),
                subsets=12,
                subset_size=100,
                dense_rows=dense_rows,
            )
            for n in range(60)
        ]
        truth = np.mean([one.value for one in found])  # of 60, so nearly without error
        covered = np.mean([one.low < truth < one.high for one in found])
        assert 0.85 <= covered <= 1
        spread = np.std([one.value for one in found])
        width = np.mean([one.high - one.low for one in found])
        assert width == pytest.approx(2 * 1.96 * spread, rel=0.35)

    def test_the_same_seed_gives_the_same_figures(self):
        sets = cloud(0, 60, 4), cloud(1, 60, 4)
        assert kernel_distance(*sets, seed=3) == kernel_distance(*sets, seed=3)
        small = {"subset_size": 20, "subsets": 5}
        assert kernel_distance(*sets, seed=3, **small) != kernel_distance(*sets, seed=4, **small)

    def test_too_few_pictures(self):
        with pytest.raises(MeasureError, match="too few"):
            kernel_distance(cloud(0, 3, 4), cloud(1, 9, 4))
        with pytest.raises(MeasureError, match="4 and 5 features"):
            kernel_distance(cloud(0, 9, 4), cloud(1, 9, 5))


def brute_manifold(reals, fakes, k, k_density):
    """Every ball asked for every point."""

    def distances(a, b):
        return np.sqrt(((a[:, None].astype(float) - b[None]) ** 2).sum(-1))

    def radii(a, k):
        return np.array([sorted(np.delete(row, i))[k - 1] for i, row in enumerate(distances(a, a))])

    across = distances(reals, fakes)
    ball, tight, fake_ball = radii(reals, k), radii(reals, k_density), radii(fakes, k)
    return (
        np.mean([any(across[:, j] <= ball) for j in range(len(fakes))]),
        np.mean([any(across[i] <= fake_ball) for i in range(len(reals))]),
        (across < tight[:, None]).sum() / (k_density * len(fakes)),
        np.mean([any(across[i] < tight[i]) for i in range(len(reals))]),
    )


class TestManifold:
    @pytest.mark.parametrize("block_bytes", [1, 3000, 1 << 20])
    def test_as_by_brute_force(self, block_bytes):
        reals, fakes = cloud(0, 70, 3, shift=50), cloud(1, 55, 3, shift=50.6, scale=0.8)
        found = manifold(reals, fakes, block_bytes=block_bytes)
        shares = (found.precision, found.recall, found.density, found.coverage)
        assert shares == pytest.approx(brute_manifold(reals, fakes, 3, 5), abs=1e-12)
        assert 0.2 < found.recall < found.precision < 1  # the case says something

    def test_sets_that_agree_and_sets_that_are_apart(self):
        rows = cloud(0, 40, 3)
        same = manifold(rows, rows)
        assert (same.precision, same.recall, same.coverage) == (1, 1, 1)
        apart = manifold(rows, rows + 100)
        assert (apart.precision, apart.recall, apart.density, apart.coverage) == (0, 0, 0, 0)

    def test_nearest_neighbours(self):
        reals = np.array([[0, 0], [3, 4], [10, 0]], np.float32)
        rows, distances = nearest(np.array([[0, 1], [9, 0]], np.float32), reals, 2)
        assert rows.tolist() == [[0, 1], [2, 1]]
        np.testing.assert_allclose(distances, [[1, 18**0.5], [1, 52**0.5]], rtol=1e-5)

    def test_too_few(self):
        with pytest.raises(MeasureError, match="too few for 5"):
            manifold(cloud(0, 5, 2), cloud(1, 50, 2))
        with pytest.raises(MeasureError, match="no 4 nearest"):
            nearest(cloud(0, 5, 2), cloud(1, 3, 2), 4)


class TestInceptionScore:
    def test_sure_and_various_gives_the_number_of_classes(self):
        probabilities = np.tile(np.eye(5), (20, 1))
        assert inception_score(probabilities) == pytest.approx((5, 0), abs=1e-12)

    def test_all_alike_gives_one(self):
        mean, spread = inception_score(np.full((50, 4), 0.25))
        assert (mean, spread) == pytest.approx((1, 0))

    def test_splits_are_neighbours(self):
        probabilities = np.repeat(np.eye(2), 50, axis=0)  # first all of one class, then the other
        assert inception_score(probabilities, splits=2)[0] == pytest.approx(1)
        assert inception_score(probabilities, splits=1)[0] == pytest.approx(2)

    def test_refuses_what_are_no_probabilities(self):
        with pytest.raises(MeasureError, match="no probabilities"):
            inception_score(np.full((20, 3), 0.5))
        with pytest.raises(MeasureError, match="10 parts"):
            inception_score(np.full((5, 2), 0.5))


class TestInfinity:
    def test_takes_the_bias_of_few_fakes_away(self):
        reals, fakes = cloud(0, 40_000, 12), cloud(1, 800, 12)
        plain = frechet_of_features(reals, fakes)
        found = frechet_at_infinity(reals, fakes)
        assert plain > 0.05  # of one and the same distribution
        assert abs(found.value) < 0.25 * plain
        assert found.counts[0] == 80
        assert found.counts[-1] == 800
        assert found.distances[-1] == pytest.approx(plain, rel=1e-9)

    def test_needs_enough_fakes(self):
        assert least_fakes(12) == 48
        with pytest.raises(MeasureError, match="too few to go on") as fault:
            frechet_at_infinity(cloud(0, 100, 12), cloud(1, 47, 12))
        assert "--samples 48" in fault.value.hint


class TestScatter:
    def test_wavelets_see_no_flat_area_and_their_own_direction_best(self):
        bank = gabor_wavelets()
        assert bank.shape == (8, 1, 9, 9)
        assert bank.sum(dim=(1, 2, 3)).abs().max() < 1e-6
        stripes = np.zeros((64, 64, 3), np.uint8)
        stripes[:, ::4] = stripes[:, 1::4] = 255  # upright stripes
        space = ScatterSpace()
        upright, lying = space([stripes, stripes.transpose(1, 0, 2).copy()])
        first_scale = slice(48, 48 + 4 * 16)
        by_direction = [
            features[first_scale].reshape(4, 16).mean(axis=1) for features in (upright, lying)
        ]
        assert [int(strengths.argmax()) for strengths in by_direction] == [0, 2]

    def test_flat_colours_have_only_colour(self):
        (features,) = ScatterSpace()([np.full((30, 30, 3), 255, np.uint8)])
        np.testing.assert_allclose(features[:16], 1, atol=1e-5)
        assert np.abs(features[16:]).max() < 1e-3

    def test_sizes_and_company_do_not_matter(self):
        rng = np.random.default_rng(0)
        pictures = [rng.integers(0, 256, (size, size, 3), dtype=np.uint8) for size in (64, 16, 90)]
        space = ScatterSpace()
        together = space(pictures)
        assert together.shape == (3, space.dim)
        alone = np.concatenate([space([picture]) for picture in pictures])
        np.testing.assert_allclose(together, alone, atol=1e-5)
        assert space([]).shape == (0, space.dim)


@pytest.mark.shared
class TestOfficialNumbers:
    @pytest.fixture
    def vectors(self, shared_dir: Path):
        with np.load(shared_dir / "vectors" / "metrics.npz") as held:
            return {name: held[name] for name in held.files}

    def test_frechet(self, vectors):
        reals, fakes = vectors["real_features"], vectors["gen_features"]
        assert frechet_of_features(reals, fakes, ddof=0) == pytest.approx(vectors["fid"], rel=1e-9)
        moments = moments_of(reals)
        np.testing.assert_allclose(moments.mean, vectors["real_mean"], rtol=1e-9)
        np.testing.assert_allclose(
            moments.covariance(0).diagonal(), vectors["real_cov_diag"], rtol=1e-9
        )

    @pytest.mark.parametrize(
        ("name", "subsets", "size"),
        [("kid_seed7_100x1000", 100, 1000), ("kid_seed7_50x200", 50, 200)],
    )
    def test_kernel_of_the_same_subsets(self, vectors, name, subsets, size):
        reals, fakes = vectors["real_features"], vectors["gen_features"]
        stream = np.random.RandomState(7)

        def picks():
            for _ in range(subsets):
                of_fakes = stream.choice(len(fakes), size, replace=False)
                yield stream.choice(len(reals), size, replace=False), of_fakes

        # The official product is float32 too: 2e-6 of it is its own rounding.
        found = mean_of_subsets(reals, fakes, picks())
        assert found == pytest.approx(float(vectors[name]), rel=5e-6)

    def test_precision_recall_and_score(self, vectors):
        found = manifold(vectors["real_features"], vectors["gen_features"])
        # The official code compares distances in float16: one fake of a thousand falls elsewhere.
        expected = vectors["precision_recall_k3"]
        assert (found.precision, found.recall) == pytest.approx(expected, abs=1.5e-3)
        assert inception_score(vectors["probs"]) == pytest.approx(vectors["is"], rel=1e-5)
