"""What changes of latents do to the error of others, against the error itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xr_inr.core.latent.context import PASSES, places
from xr_inr.core.latent.level_changes import LevelChanges
from xr_inr.core.latent.soft_scene import SoftScene
from xr_inr.core.latent.wavelet import Pyramid

RANK = 2


def walked(size, changed=lambda _place: True):
    """Yield for each pass the exact half slope of the error of random changes before, and what was felt of them."""
    pyramid, random = Pyramid.of(size), np.random.default_rng(4)
    scene = SoftScene(torch.zeros(RANK, *size), None, pyramid)
    latents = [torch.zeros(RANK, *subband.shape) for subband in pyramid.subbands]
    changes, components = LevelChanges(pyramid, RANK), np.arange(RANK)
    for place in places(pyramid):
        row, column = PASSES[place.number]
        exact = 0.5 * scene.missed(latents).slopes[place.subband][:, row::2, column::2].numpy()
        felt = changes.felt(place, components)
        yield pyramid.subbands[place.subband], exact, felt
        if changed(place):
            change = random.normal(size=felt.shape).astype(np.float32)
            changes.add(place, components, change)
            latents[place.subband][:, row::2, column::2] = torch.from_numpy(change)


@pytest.mark.parametrize("size", [(40, 53), (24, 24), (25, 64), (64, 12), (13, 100)])
def test_finest_details_feel_exactly_what_all_before_them_changed(size):
    for subband, exact, felt in walked(size):
        if subband.level == 0:
            np.testing.assert_allclose(felt, exact, atol=2e-5)


@pytest.mark.parametrize("size", [(40, 53), (96, 95)])
def test_coarser_details_feel_most_of_it(size):
    details = [(exact, felt) for subband, exact, felt in walked(size) if 0 < subband.level < Pyramid.of(size).levels]
    missed = sum(np.square(felt - exact).sum() for exact, felt in details)
    assert missed < 0.3 * sum(np.square(exact).sum() for exact, _ in details)


def test_nothing_is_felt_where_nothing_was_changed():
    assert all(not felt.any() for _, _, felt in walked((24, 27), changed=lambda _place: False))


def test_components_feel_their_own_changes_alone():
    pyramid = Pyramid.of((24, 27))
    changes = LevelChanges(pyramid, 3)
    for place in places(pyramid):
        felt = changes.felt(place, [0, 2])
        assert not felt.any()
        changes.add(place, [1], np.ones((1, place.rows, place.columns), np.float32))
    assert changes.felt(place, [1]).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (5, 7), (2, 300)])
def test_planes_of_any_size_can_be_walked(size):
    assert all(felt.shape == exact.shape for _, exact, felt in walked(size))
