"""Chunks side by side: what each is given is what it would be given alone."""

import numpy as np
import pytest
import torch

from xr_inr.core.latent.neighbours import fit_mean_weights
from xr_inr.core.latent.network import shipped
from xr_inr.core.latent.quantise import Rounder, Sweep, first_latents, side_of, sweep_together, whole
from xr_inr.core.latent.side_by_side import Layout, SoftScenes
from xr_inr.core.latent.soft import SoftCoder, bordered, soft_magnitudes
from xr_inr.core.latent.soft_scene import SoftScene, SoftSynthesis
from xr_inr.core.latent.wavelet import Pyramid, analyse

from .latent_examples import make_cascade, make_repeats

DEVICES = [
    torch.device("cpu"),
    pytest.param(torch.device("cuda"), marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")),
]
CPU = DEVICES[0]
PYRAMID = Pyramid.of((24, 27))
RANKS = (3, 1, 6, 4)
LAYOUT = Layout(RANKS)
REPEATED = [
    None if seed == 1 else make_repeats(PYRAMID.size, share=0.05 * seed, seed=seed).repeated[None]
    for seed in range(len(RANKS))
]
"""Pixels of each chunk that repeat others; of the first there are none, of the second it is not told."""


def scene_of(rank, *, seed, device=CPU, masked=False, synthesis=False):
    """Return planes whose energy falls from component to component, some with a hole or sinusoidal networks."""
    random = np.random.default_rng(seed)
    planes = np.cumsum(random.normal(0, 2, (rank, *PYRAMID.size)), axis=2) / (1 + np.arange(rank))[:, None, None]
    heard = torch.ones(PYRAMID.size, device=device)
    heard[4:9, 5:20] = 0.0
    cascade = [SoftSynthesis.of(network, device) for network in make_cascade(rank)] if synthesis else []
    return SoftScene(
        torch.tensor(planes, dtype=torch.float32, device=device),
        heard if masked else None,
        PYRAMID,
        cascade,
        repeated=REPEATED[seed],
    )


def scenes(device=CPU):
    """Return scenes of all ranks; the first has networks, the third a hole."""
    return [
        scene_of(rank, seed=seed, device=device, masked=seed == 2, synthesis=seed == 0)
        for seed, rank in enumerate(RANKS)
    ]


def sweeps_of(scenes, device=CPU):
    """Return a sweep of each scene, with a seed, a lambda and a share of its own."""
    return [
        Sweep(
            Rounder(PYRAMID, len(scene.planes), shipped(), device, seed),
            first_latents(analyse(scene.planes, PYRAMID, torch)),
            scene,
            weight=0.1 + 0.05 * seed,
            share=0.3 + 0.1 * seed,
        )
        for seed, scene in enumerate(scenes)
    ]


def joined(all_latents):
    return [LAYOUT.joined(parts) for parts in zip(*all_latents, strict=True)]


def offsets_of(rank):
    return np.arange(rank, dtype=np.int32) % 3


@pytest.fixture
def all_latents():
    return [first_latents(analyse(scene.planes, PYRAMID, torch)) for scene in scenes()]


class TestLayout:
    def test_an_empty_component_stands_between_two_chunks(self):
        parts = [torch.full((rank, 2), 1.0 + chunk) for chunk, rank in enumerate((2, 1, 3))]
        assert Layout((2, 1, 3)).joined(parts)[:, 0].tolist() == [1, 1, 0, 2, 0, 3, 3, 3]

    def test_parts_are_where_the_chunks_were_put(self):
        parts = [torch.rand(rank, 2, 2) for rank in RANKS]
        whole_axis = LAYOUT.joined(parts)
        assert len(whole_axis) == LAYOUT.rank
        assert all(torch.equal(whole_axis[place], part) for place, part in zip(LAYOUT.parts, parts, strict=True))

    def test_every_component_knows_its_chunk(self):
        assert all((LAYOUT.chunks[part] == chunk).all() for chunk, part in enumerate(LAYOUT.parts))

    def test_one_chunk_is_what_it_was(self):
        part = torch.rand(3, 2, 2)
        assert Layout((3,)).joined([part]) is part
        assert Layout((3,)).rank == 3


class TestCoder:
    def test_features_means_and_offsets_are_those_of_each_chunk_alone(self, all_latents):
        together = SoftCoder(PYRAMID, RANKS, shipped(), CPU)
        offsets = LAYOUT.joined_array([offsets_of(rank) for rank in RANKS])
        repeated = SoftScenes(scenes(), LAYOUT).repeated
        side = side_of(whole(joined(all_latents)), PYRAMID, offsets, layout=LAYOUT, repeated=repeated)
        visits = together.visits(side.scales > 0)
        padded = bordered([soft_magnitudes(part) for part in joined(all_latents)])
        features = together.features(padded, side, visits)
        means, shifts = together.means(bordered(joined(all_latents)), side, visits), together.offsets(side, visits)
        chunks = together.chunks(together.components(visits))
        for chunk, latents in enumerate(all_latents):
            alone = SoftCoder(PYRAMID, RANKS[chunk], shipped(), CPU)
            own = side_of(whole(latents), PYRAMID, offsets_of(RANKS[chunk]), repeated=REPEATED[chunk])
            seen = alone.visits(own.scales > 0)
            of_chunk = features[:, chunks == chunk]
            expected = alone.features(bordered([soft_magnitudes(part) for part in latents]), own, seen)
            torch.testing.assert_close(of_chunk, expected, atol=1e-2, rtol=0)
            assert torch.equal(means[chunks == chunk], alone.means(bordered(latents), own, seen))
            assert torch.equal(shifts[chunks == chunk], alone.offsets(own, seen))

    @pytest.mark.parametrize("parts", [1, 3])
    def test_slopes_of_magnitudes_are_those_that_go_back_through_the_features(self, all_latents, parts):
        coder = SoftCoder(PYRAMID, RANKS, shipped(), CPU)
        side = side_of(whole(joined(all_latents)), PYRAMID, np.zeros(LAYOUT.rank, np.int32), layout=LAYOUT)
        visits = coder.visits(side.scales > 0)
        leaves = [plane.requires_grad_() for plane in bordered([soft_magnitudes(p) for p in joined(all_latents)])]
        slopes = coder.slopes([leaf.detach() for leaf in leaves])
        random = torch.Generator().manual_seed(0)
        for part in range(parts):
            features = coder.features(leaves, side, visits[part::parts])
            gradient = torch.randn(features.shape, generator=random)
            torch.autograd.backward(features, gradient)
            slopes.add(features.detach(), gradient, visits[part::parts])
        for found, leaf in zip(slopes.of_magnitudes(), leaves, strict=True):
            torch.testing.assert_close(found, leaf.grad[:, 1:-1, 1:-1], atol=1e-4, rtol=1e-4)

    def test_weights_of_neighbours_are_those_of_each_chunk_alone(self, all_latents):
        found = fit_mean_weights(whole(joined(all_latents)), PYRAMID, LAYOUT.parts)
        for chunk, latents in enumerate(all_latents):
            np.testing.assert_array_equal(found[..., chunk], fit_mean_weights(whole(latents), PYRAMID))
        assert found.any()

    def test_empty_components_are_not_coded(self, all_latents):
        side = side_of(whole(joined(all_latents)), PYRAMID, np.zeros(LAYOUT.rank, np.int32), layout=LAYOUT)
        coded = np.flatnonzero(side.scales.any(axis=0))
        assert set(coded) <= {component for part in LAYOUT.parts for component in range(part.start, part.stop)}


class TestScenes:
    @pytest.mark.parametrize("foretelling", [True, False])
    def test_planes_are_those_of_each_chunk_alone(self, all_latents, foretelling):
        decoded = SoftScenes(scenes(), LAYOUT).decoded(joined(all_latents), foretelling=foretelling)
        for part, scene, latents in zip(LAYOUT.parts, scenes(), all_latents, strict=True):
            torch.testing.assert_close(decoded[part], scene.decoded(latents, foretelling=foretelling))

    def test_slopes_are_those_of_each_chunk_alone(self, all_latents):
        slopes = SoftScenes(scenes(), LAYOUT).missed(joined(all_latents)).slopes
        for part, scene, latents in zip(LAYOUT.parts, scenes(), all_latents, strict=True):
            for found, expected in zip(slopes, scene.missed(latents).slopes, strict=True):
                torch.testing.assert_close(found[part], expected, atol=1e-3, rtol=1e-4)

    def test_errors_are_those_of_each_chunk_alone_and_not_of_its_hole(self, all_latents):
        squares = SoftScenes(scenes(), LAYOUT).missed(joined(all_latents)).squares
        found = [float(squares[part].sum()) for part in LAYOUT.parts]
        expected = [float(scene.error(latents).detach()) for scene, latents in zip(scenes(), all_latents, strict=True)]
        assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("device", DEVICES, ids=str)
class TestSweeps:
    def swept(self, device, order, times=4):
        """Return what sweeps of the chunks, in that order, leave of each, and its offsets."""
        asked = sweeps_of(scenes(device), device)
        latents = [sweep.latents for sweep in asked]
        for _ in range(times):
            chosen = [
                Sweep(asked[i].rounder, latents[i], asked[i].scene, asked[i].weight, asked[i].share) for i in order
            ]
            for chunk, found in zip(order, sweep_together(chosen), strict=True):
                latents[chunk] = found.latents
        return latents, [sweep.rounder.offsets for sweep in asked]

    def unlike(self, first, second):
        """Return the share of latents in which two lists of subbands differ."""
        differ = [(left != right).sum().item() for left, right in zip(first, second, strict=True)]
        return sum(differ) / sum(part.numel() for part in first)

    @pytest.mark.parametrize("company", [(0, 1, 2, 3), (3, 1, 0, 2), (2, 0)], ids=str)
    def test_a_chunk_is_swept_as_if_it_were_alone(self, device, company):
        found, offsets = self.swept(device, company)
        for chunk in company:
            alone, own = self.swept(device, (chunk,))
            # Sums that are rounded otherwise may turn a close decision, and what follows from it.
            assert self.unlike(found[chunk], alone[chunk]) < 2e-3
            np.testing.assert_allclose(offsets[chunk], own[chunk], atol=1)

    def test_chunks_without_latents_do_not_disturb_others(self, device):
        asked = sweeps_of(scenes(device), device)
        empty = asked[1]
        nothing = Sweep(empty.rounder, [part * 0 for part in empty.latents], empty.scene, empty.weight, empty.share)
        first, second, *_ = sweep_together([asked[0], nothing])
        alone = sweeps_of(scenes(device), device)[0]
        expected = alone.rounder.sweep(alone.latents, alone.scene, alone.weight, alone.share)
        assert self.unlike(first.latents, expected) < 2e-3
        assert not any(part.any() for part in second.latents)

    def test_nothing_is_swept_where_no_chunk_has_latents(self, device):
        asked = sweeps_of(scenes(device), device)
        empty = [Sweep(s.rounder, [part * 0 for part in s.latents], s.scene, s.weight, s.share) for s in asked]
        assert not any(part.any() for swept in sweep_together(empty) for part in swept.latents)

    def test_a_sweep_tells_the_error_that_it_found(self, device):
        asked = sweeps_of(scenes(device), device)
        expected = [float(sweep.scene.error(sweep.latents).detach()) for sweep in asked]
        assert [swept.error for swept in sweep_together(asked)] == pytest.approx(expected, rel=1e-4)
