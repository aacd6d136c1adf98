"""Pixels that repeat others are given the values at which their own finest latents vanish."""

import numpy as np
import pytest

from tests.core.latent_examples import make_repeats
from xr_inr.core.latent.energies import averaged
from xr_inr.core.latent.repeat_filling import settle
from xr_inr.core.latent.silent import silent_in
from xr_inr.core.latent.wavelet import Pyramid, analyse

SIZE = (45, 38)


def planes_of(size):
    rows, columns = np.mgrid[: size[0], : size[1]]
    field = np.sin(rows / 5.0) + np.cos(columns / 4.0 + rows / 11.0)
    noise = np.random.default_rng(0).normal(size=(2, *size))
    return (field + 0.3 * noise).astype(np.float32)


def test_own_details_vanish_and_all_else_stays():
    repeated = make_repeats(SIZE, share=0.1).repeated
    before, planes = planes_of(SIZE), planes_of(SIZE)
    settle(planes, repeated)
    np.testing.assert_array_equal(planes[:, ~repeated], before[:, ~repeated])
    pyramid = Pyramid.of(SIZE)
    for subband, was, part in zip(pyramid.subbands, analyse(before, pyramid), analyse(planes, pyramid), strict=True):
        silent = silent_in(repeated[None], subband)
        if silent is not None:
            assert np.abs(part[:, silent[0]]).max() < 0.05 * np.abs(was[:, silent[0]]).max()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (5, 7), (9, 2)], ids=str)
def test_planes_too_small_to_be_halved_stay(size):
    before, planes = planes_of(size), planes_of(size)
    settle(planes, make_repeats(size, share=0.5).repeated)
    np.testing.assert_array_equal(planes, before)


@pytest.mark.parametrize("size", [(24, 27), (25, 24), (11, 12)], ids=str)
def test_every_silent_latent_is_that_of_a_repeated_pixel(size):
    """And every repeated pixel has one."""
    repeated = make_repeats(size).repeated
    silent = [silent_in(repeated[None], subband) for subband in Pyramid.of(size).subbands]
    assert sum(int(part.sum()) for part in silent if part is not None) == repeated.sum()
    for subband, part in zip(Pyramid.of(size).subbands, silent, strict=True):
        assert part is None or part.shape == (1, *subband.shape)
        assert (part is None) == (subband.level > 0)


def test_energies_about_silent_latents_are_means_of_those_that_are_not():
    silent = np.zeros((1, 8, 8), bool)
    silent[0, 2:4, 5] = True
    energies = np.where(silent, 99.0, 3.0).astype(np.float32)
    np.testing.assert_allclose(averaged(energies, silent), np.where(silent, 0.0, 3.0), rtol=1e-6)
