"""The wavelet as matrices, and the cost of what it gives: what lifting and autograd say of the same planes."""

import pytest
import torch

from xr_inr.core.latent import analysis
from xr_inr.core.latent.analysis import Analysis
from xr_inr.core.latent.tradeoff import CALIBRATION, NOISE, RATE_SCALE, WEIGHT, coding_bits, coding_slopes
from xr_inr.core.latent.wavelet import Pyramid, analyse

CPU = torch.device("cpu")
SIZES = [(64, 64), (37, 90), (12, 13), (5, 40), (1, 1), (3, 700)]


def parted(found, pyramid):
    """Return the subbands, those of a level that are of one shape taken apart."""
    parts = iter(found)
    taken = [next(parts)]
    while len(taken) < len(pyramid.subbands):
        part = next(parts)
        taken += part.chunk(3) if len(part) == 3 * len(taken[0]) else [part]
    return taken


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("largest_side", [512, 20])
def test_products_give_the_subbands_of_lifting(monkeypatch, size, largest_side):
    monkeypatch.setattr(analysis, "LARGEST_SIDE", largest_side)
    planes = torch.randn(2, *size, dtype=torch.float32, generator=torch.Generator().manual_seed(1))
    pyramid = Pyramid.of(size)
    expected = analyse(planes, pyramid, torch)
    for part, wanted in zip(parted(Analysis(pyramid, CPU)(planes), pyramid), expected, strict=True):
        torch.testing.assert_close(part, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("largest_side", [512, 20])
def test_the_transpose_gives_planes_the_gradient_of_their_subbands(monkeypatch, size, largest_side):
    monkeypatch.setattr(analysis, "LARGEST_SIDE", largest_side)
    planes = torch.randn(2, *size, generator=torch.Generator().manual_seed(1)).requires_grad_()
    whole = Analysis(Pyramid.of(size), CPU)
    parts = whole(planes)
    slopes = [torch.randn(part.shape, generator=torch.Generator().manual_seed(3)) for part in parts]
    (expected,) = torch.autograd.grad(parts, planes, slopes)
    torch.testing.assert_close(whole.transposed(slopes), expected, rtol=1e-4, atol=1e-4)


def test_subbands_of_one_shape_come_in_one_tensor():
    found = Analysis(Pyramid.of((48, 24)), CPU)(torch.zeros(2, 48, 24))
    assert [part.shape for part in found] == [(2, 12, 6), (6, 12, 6), (6, 24, 12)]


def test_of_no_planes_all_subbands_are_empty():
    assert [len(part) for part in Analysis(Pyramid.of((48, 24)), CPU)(torch.zeros(0, 48, 24))] == [0, 0, 0]


@pytest.mark.parametrize("shape", [(2, 6, 9), (3, 2, 2), (2, 1, 7), (2, 7, 1)], ids=str)
def test_slopes_of_coding_bits_are_their_gradient(shape):
    part = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    (expected,) = torch.autograd.grad(coding_bits([part]), part)
    torch.testing.assert_close(coding_slopes(part.detach()), expected)


def test_coding_bits_are_those_of_the_mean_energy_about_each_latent():
    part = torch.tensor([[[1.0, 2.0], [0.0, 3.0]]])
    # Beyond an edge stands what is at it: each mean has four times its own corner, twice two others, once the last.
    energies = torch.tensor([[4 + 8 + 0 + 9, 16 + 2 + 18 + 0], [0 + 2 + 18 + 4, 36 + 8 + 0 + 1]]) / 9.0
    expected = energies / (1 + NOISE * energies) / WEIGHT + CALIBRATION / 2 * torch.log2(1 + RATE_SCALE * energies)
    torch.testing.assert_close(coding_bits([part]), expected.sum())
