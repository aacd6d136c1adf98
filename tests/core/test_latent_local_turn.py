"""Turning directions by local energies: planes get cheaper, stay as far apart, and know nothing of one another."""

import dataclasses

import numpy as np
import pytest
import torch

from xr_inr.core.encode import encode_array
from xr_inr.core.latent import local_turn, patches
from xr_inr.core.latent.analysis import Analysis
from xr_inr.core.latent.local_turn import LocalTurn, turn_locally
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.tradeoff import coding_bits, coding_slopes
from xr_inr.core.latent.wavelet import Pyramid
from xr_inr.core.request import FitRequest

HALVES = torch.tensor([[0.8, 0.6], [-0.6, 0.8]])
"""What mixes two planes."""


def places(size=(32, 40), rank=2, seed=0):
    """Planes that are each loud in a place of their own, of equal covariance everywhere else."""
    random = np.random.default_rng(seed)
    planes = random.normal(0.0, 0.1, (rank, *size))
    width = size[1] // rank
    for number, plane in enumerate(planes):
        plane[:, number * width : (number + 1) * width] *= 60.0
    return torch.tensor(planes, dtype=torch.float32)


def mixed(planes, matrix=HALVES):
    return (matrix @ planes.flatten(1)).reshape(planes.shape)


def bits(planes):
    size = planes.shape[1:]
    return float(coding_bits(Analysis(Pyramid.of(size), planes.device)(planes)))


def turned(planes, iterations=120):
    (matrix,) = turn_locally([LocalTurn(planes, iterations, planes.device)])
    return mixed(planes, matrix)


def test_planes_mixed_of_what_is_loud_in_different_places_are_unmixed():
    planes = places()
    assert bits(mixed(planes)) > 1.1 * bits(planes)
    assert bits(turned(mixed(planes))) == pytest.approx(bits(planes), rel=0.01)


def test_rows_are_orthonormal_and_what_they_give_is_ordered_by_energy():
    planes = places(rank=5) * torch.tensor([1.0, 3.0, 0.5, 2.0, 1.5])[:, None, None]
    (matrix,) = turn_locally([LocalTurn(planes, 20, planes.device)])
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(5), atol=1e-5, rtol=0)
    energies = mixed(planes, matrix).square().sum((1, 2))
    assert (energies.diff() <= 0).all()


def test_a_single_plane_stays_as_it_is():
    planes = places(rank=1)
    torch.testing.assert_close(turned(planes), planes)


def test_turns_of_several_scenes_are_those_of_each():
    scenes = [places(rank=rank, seed=rank) for rank in (2, 5, 3)]
    together = turn_locally([LocalTurn(planes, 30, planes.device) for planes in scenes])
    for planes, found in zip(scenes, together, strict=True):
        (alone,) = turn_locally([LocalTurn(planes, 30, planes.device)])
        torch.testing.assert_close(found, alone, atol=2e-3, rtol=0)


def test_patches_stand_for_large_planes(monkeypatch):
    planes = mixed(places((48, 64)))
    monkeypatch.setattr(patches, "MOST_PIXELS", 1_024)
    monkeypatch.setattr(patches, "SIDE", 16)
    seen = []
    monkeypatch.setattr(local_turn, "coding_slopes", lambda part: seen.append(part.numel()) or coding_slopes(part))
    after = turned(planes)
    assert bits(after) < 0.95 * bits(planes)
    subbands = 1 + 3 * Pyramid.of((32, 32)).levels
    assert sum(seen[:subbands]) <= 2 * 1_024


class TestFit:
    @pytest.fixture
    def iterations(self, monkeypatch, tiny_presets):  # noqa: ARG002 - in force while a test encodes
        """The iterations of all turns that are asked for."""
        seen = []

        def noted(turns):
            seen.extend(turn.iterations for turn in turns)
            return turn_locally(turns)

        monkeypatch.setattr("xr_inr.core.latent.batch.turn_locally", noted)
        return seen

    @pytest.mark.parametrize(("asked", "expected"), [(0, []), (7, [7])])
    def test_directions_are_turned_once_if_the_preset_says_so(
        self, iterations, monkeypatch, make_scene, asked, expected
    ):
        preset = dataclasses.replace(LATENT_PRESETS["fast"], turn_iterations=asked)
        monkeypatch.setitem(LATENT_PRESETS, "fast", preset)
        encode_array(make_scene((8, 20, 24)), FitRequest(preset="fast", bpppb=1.0))
        assert iterations == expected
