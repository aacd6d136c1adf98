"""Components without latents: the directions in which a network foretells enough to pay, and no others."""

import numpy as np
import pytest

from xr_inr.core.latent.foretold import MOST_BEYOND, beyond, column_bits, worthwhile
from xr_inr.core.latent.tradeoff import WEIGHT

PIXELS = 2_000
BANDS, UNITS = 50, 17
COST = {"bands": BANDS, "units": UNITS}


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def a_turn(components, rank, seed=0):
    return np.linalg.qr(noise(components, rank, seed=seed))[0]


class TestBeyond:
    planes = noise(9, 8, 7) * (2.0 ** -np.arange(9))[:, None, None]

    @pytest.mark.parametrize("rank", [1, 4, 8])
    def test_hold_the_energy_that_the_turn_leaves(self, rank):
        turn = a_turn(9, rank)
        left = np.square(self.planes).sum() - np.square(turn.T @ self.planes.reshape(9, -1)).sum()
        assert np.square(beyond(self.planes, turn)).sum() == pytest.approx(left, rel=1e-5)

    def test_are_uncorrelated_and_fall_in_energy(self):
        found = beyond(self.planes, a_turn(9, 3)).reshape(6, -1).astype(np.float64)
        gram = found @ found.T
        np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-5)
        assert (np.diff(np.diag(gram)) < 0).all()

    def test_are_none_where_the_turn_takes_all(self):
        assert beyond(self.planes, np.eye(9)).shape == (0, 8, 7)

    def test_are_so_many_at_most(self):
        assert len(beyond(noise(MOST_BEYOND + 5, 8, 8), np.eye(MOST_BEYOND + 5, 2))) == MOST_BEYOND


class TestWorthwhile:
    def test_the_foretold_direction_is_found_among_others(self):
        direction = a_turn(6, 1)[:, 0]
        foretold = 3.0 * np.outer(direction, noise(PIXELS, seed=1))
        found = worthwhile(foretold, foretold + noise(6, PIXELS, seed=2), **COST)
        assert found.shape == (1, 6)
        assert abs(found[0] @ direction) == pytest.approx(1.0, abs=0.01)

    def test_directions_are_orthonormal_and_fall_in_saving(self):
        foretold = noise(5, PIXELS) * np.array([1.0, 2.0, 3.0, 4.0, 5.0])[:, None]
        found = worthwhile(foretold, foretold, **COST)
        np.testing.assert_allclose(found @ found.T, np.eye(5), atol=1e-5)
        assert np.abs(found).argmax(axis=1).tolist() == [4, 3, 2, 1, 0]

    @pytest.mark.parametrize(
        ("foretold", "wanted"),
        [
            pytest.param(np.zeros((4, PIXELS)), noise(4, PIXELS), id="nothing-said"),
            pytest.param(noise(4, PIXELS, seed=1), noise(4, PIXELS), id="what-is-said-is-something-else"),
            pytest.param(-noise(4, PIXELS), noise(4, PIXELS), id="the-contrary"),
            pytest.param(2.0 * noise(4, PIXELS), noise(4, PIXELS), id="twice-as-much"),
            pytest.param(np.zeros((0, PIXELS)), np.zeros((0, PIXELS)), id="no-candidates"),
        ],
    )
    def test_nothing_is_found_where_nothing_is_foretold(self, foretold, wanted):
        assert worthwhile(foretold, wanted, **COST).shape == (0, len(wanted))

    @pytest.mark.parametrize(("energy", "count"), [(17.0, 0), (23.0, 1)])
    def test_a_direction_must_save_more_than_its_column_and_output_take(self, energy, count):
        plane = noise(1, PIXELS)
        plane *= np.sqrt(energy / np.square(plane).sum())
        assert (energy / WEIGHT > column_bits(energy, BANDS) + 4 * UNITS) == (count == 1)
        assert len(worthwhile(plane, plane, **COST)) == count

    def test_many_bands_make_a_direction_dear(self):
        plane = 0.14 * noise(1, PIXELS)
        assert [len(worthwhile(plane, plane, bands=bands, units=UNITS)) for bands in (20, 2_000)] == [1, 0]
