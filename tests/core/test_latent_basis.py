"""The spectral basis of the latent model: rounded as finely as it deserves, stored shortly, applied exactly."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.latent_examples import drawn, make_basis, make_gram
from xr_inr.core.latent.basis import MAX_DIRECTION_SUM, MOST_COMPONENTS, LatentBasis
from xr_inr.core.latent.columns import write_columns
from xr_inr.core.latent.symbols import SymbolEncoder
from xr_inr.core.latent.wavelet import LARGEST_PLANE, PLANE_BITS
from xr_inr.exceptions import PayloadError


def as_tuple(basis):
    return (
        basis.step,
        basis.mean_levels.tolist(),
        basis.mean_bits,
        basis.direction_levels.tolist(),
        basis.direction_bits.tolist(),
    )


@given(bands=st.integers(1, 40), data=st.data())
def test_stored_form_is_restored(bands, data):
    rank = data.draw(st.integers(0, bands))
    bits = np.array(data.draw(st.lists(st.integers(0, 16), min_size=rank, max_size=rank)), np.int64)
    levels = drawn(-5, 5, (bands, rank), bands) * 2 ** drawn(0, 4, (1, rank), 3)
    basis = LatentBasis(
        np.float32(data.draw(st.floats(2.0**-40, 2.0**40, width=32))),
        drawn(-(2**20), 2**20, bands),
        data.draw(st.integers(-8, 16)),
        np.where(np.abs(levels).sum(1, keepdims=True) < 500, levels, 0),
        bits,
    )
    stored = basis.to_bytes()
    assert as_tuple(LatentBasis.from_bytes(stored, bands)) == as_tuple(basis)


def test_bytes_by_hand():
    basis = LatentBasis(np.float32(2.0), np.array([7, 9, 8]), -3, np.array([[3, 3], [-3, 3], [3, 3]]), np.array([9, 7]))
    fields = (
        b"\x02"  # rank
        b"\x00\x00\x00\x40"  # step 2.0
        b"\x1d"  # bits of the mean, 32 more
    )
    assert basis.to_bytes() == fields + coded(more=[1, -2], columns=[[7, 3, 3], [9, -3, 3], [8, 3, 3]])


def coded(more, columns):
    """The stream of a basis: by how much each direction has more bits than the one before, then mean and directions."""
    encoder = SymbolEncoder()
    encoder.put(np.array(more, np.int32), np.full(len(more), 9), np.zeros(len(more), int))
    write_columns(encoder, np.array(columns, np.int64))
    return encoder.getvalue()


@pytest.mark.parametrize(("energy", "bits"), [(0.0, 0), (2.0, 1), (4.0, 1), (4.0**7, 7), (4.0**16, 16), (4.0**20, 16)])
def test_directions_have_steps_of_about_one_over_the_root_of_their_energy(energy, bits):
    basis = LatentBasis.quantise(np.zeros(3), np.ones((3, 1)) / 3, make_gram([energy]), 1.0)
    assert basis.direction_bits.tolist() == [bits]
    assert (np.abs(basis.directions - 1 / 3) <= 2.0**-bits).all()


def test_directions_are_coarser_where_others_can_make_up_for_them():
    gram = make_gram([4.0**8, 4.0**8])
    gram[1, 2] = gram[2, 1] = 0.99 * 4.0**8
    basis = LatentBasis.quantise(np.zeros(3), np.ones((3, 2)) / 3, gram, 1.0)
    assert basis.direction_bits.tolist() == [5, 8]


@pytest.mark.parametrize(("pixels", "bits"), [(1, 0), (4, 1), (4**5, 5), (4**15, 15), (4**30, 16)])
def test_the_mean_is_rounded_as_finely_as_its_pixels_deserve(pixels, bits):
    mean = np.array([3.3, -100.7, 55.5])
    basis = LatentBasis.quantise(mean, np.zeros((3, 0)), make_gram([], pixels), 1.0)
    assert basis.mean_bits == bits
    assert (np.abs(basis.mean - mean) <= 2.0**-bits).all()


@pytest.mark.parametrize("largest", [1e3, 1e6, 3e7, 1e9])
def test_the_mean_is_rounded_no_finer_than_can_be_stored(largest):
    mean = largest * np.array([1.0, -1.0, 1.0, -1.0])
    basis = LatentBasis.quantise(mean, np.zeros((4, 0)), make_gram([], 2**30), 1e-9)
    assert as_tuple(LatentBasis.from_bytes(basis.to_bytes(), 4)) == as_tuple(basis)
    np.testing.assert_allclose(basis.mean, mean, rtol=1e-4)


def test_directions_of_any_size_are_brought_to_what_can_be_stored():
    directions = np.array([[1e6, -3e6, 2e6], [0.5, 0.25, -0.125], [0.0, 0.0, 0.0]])
    basis = LatentBasis.quantise(np.zeros(3), directions, make_gram([1e12, 1.0, 0.0]), 1.0)
    assert as_tuple(LatentBasis.from_bytes(basis.to_bytes(), 3)) == as_tuple(basis)
    np.testing.assert_allclose(basis.directions[0], 256 * directions[0] / 6e6, atol=1.0)
    np.testing.assert_allclose(basis.directions[1], directions[1], atol=1.0)


def test_255_coarse_directions_can_be_stored():
    directions = np.where(drawn(0, 1, (255, 255)), 256 / 255, -256 / 255) * 1.5
    basis = LatentBasis.quantise(np.zeros(255), directions, make_gram(np.zeros(255)), 1.0)
    assert LatentBasis.from_bytes(basis.to_bytes(), 255).rank == MOST_COMPONENTS


@pytest.mark.parametrize("energy", [0.0, 1.0, 1e4, 1e12])
def test_directions_of_planes_that_are_all_the_same_can_be_stored(energy):
    gram = make_gram(np.zeros(40))
    gram[1:, 1:] = energy
    directions = drawn(-100, 100, (60, 40)) / 16
    basis = LatentBasis.quantise(np.zeros(60), directions, gram, 1.0)
    assert as_tuple(LatentBasis.from_bytes(basis.to_bytes(), 60)) == as_tuple(basis)
    found, wanted = (part.sum(axis=1) * np.sqrt(energy) for part in (basis.directions, directions))
    np.testing.assert_allclose(found, wanted * np.minimum(1, 256 / np.abs(directions).sum(1)), atol=np.sqrt(40))


def test_directions_that_would_outgrow_what_can_be_stored_are_rounded_one_by_one(monkeypatch):
    def outgrowing(targets, *_):
        levels = np.zeros(targets.shape, np.int64)
        levels[1] = 600
        return levels

    monkeypatch.setattr("xr_inr.core.latent.basis.round_columns", outgrowing)
    directions = np.array([[0.4, 1.4], [2.6, -3.3]])
    basis = LatentBasis.quantise(np.array([5.0, 7.0]), directions, make_gram([0.0, 0.0], 1), 1.0)
    assert basis.directions.tolist() == [[0.0, 0.0], [3.0, -3.0]]
    assert basis.mean.tolist() == [0.0, 7.0]


def test_spectra_are_exact():
    basis = make_basis(6, 5, step=0.013)
    planes = drawn(-2 * LARGEST_PLANE + 1, 2 * LARGEST_PLANE - 1, (5, 7)).astype(np.float32)
    found = basis.spectra(planes, np.arange(6))
    for band, pixel in np.ndindex(6, 7):
        directions = [
            Fraction(int(level), 2 ** int(bits))
            for level, bits in zip(basis.direction_levels[band], basis.direction_bits, strict=True)
        ]
        total = sum(entry * int(value) for entry, value in zip(directions, planes[:, pixel], strict=True))
        mean = Fraction(int(basis.mean_levels[band])) / Fraction(2) ** basis.mean_bits
        # One rounding for the mean, one for the step.
        assert found[band, pixel] == float(total / 2**PLANE_BITS + mean) * float(basis.step)


def test_no_sum_leaves_the_integers_of_a_float64():
    finest, largest = 2**16, 2 * LARGEST_PLANE
    assert MAX_DIRECTION_SUM * finest * largest <= 2**53


def test_spectra_are_the_same_however_they_are_asked_for():
    basis = make_basis(9, 6)
    planes = drawn(-(2**27), 2**27, (6, 300)).astype(np.float32)
    whole = basis.spectra(planes, np.arange(9))
    np.testing.assert_array_equal(basis.spectra(planes[:, 17:18], np.array([4])), whole[4:5, 17:18])
    np.testing.assert_array_equal(basis.spectra(planes[:, ::-3], np.array([8, 0])), whole[[8, 0]][:, ::-3])
    np.testing.assert_array_equal(basis.spectra(np.asfortranarray(planes), np.arange(9)), whole)


def test_no_components_give_the_mean_spectrum():
    basis = make_basis(3, 0, step=0.5)
    found = basis.spectra(np.zeros((0, 4), np.float32), np.array([0, 2]))
    np.testing.assert_array_equal(found, np.repeat(0.5 * basis.mean[[0, 2], None], 4, axis=1))


def with_fields(*, rank=b"\x01", step=b"\x00\x00\x80\x3f", mean_bits=b"\x20", more=(-8,), columns=((0, 1), (0, 1))):
    return rank + step + mean_bits + coded(more, columns)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "truncated spectral basis", id="empty"),
        pytest.param(with_fields()[:5], "truncated spectral basis", id="cut"),
        pytest.param(with_fields() + b"and so on", "must end where their stream does", id="trailing"),
        pytest.param(with_fields(rank=b"\x03"), r"rank .* \[0, 2\]. Got 3", id="more-directions-than-bands"),
        pytest.param(with_fields(step=bytes(4)), "must be positive and finite. Got 0.0", id="step-0"),
        pytest.param(with_fields(step=b"\x00\x00\x80\xbf"), "Got -1.0", id="step-negative"),
        pytest.param(with_fields(step=b"\x00\x00\x80\x7f"), "Got inf", id="step-inf"),
        pytest.param(with_fields(step=b"\x00\x00\xc0\x7f"), "Got nan", id="step-nan"),
        pytest.param(with_fields(mean_bits=b"\x17"), r"bits of the mean .* \[24, 48\]. Got 23", id="mean-coarse"),
        pytest.param(with_fields(mean_bits=b"\x31"), r"bits of the mean .* \[24, 48\]. Got 49", id="mean-fine"),
        pytest.param(with_fields(more=[9]), "0 to 16 bits. Got 17 to 17", id="direction-fine"),
        pytest.param(with_fields(more=[-9]), "0 to 16 bits. Got -1 to -1", id="direction-coarse"),
        pytest.param(with_fields(columns=[[0, 0], [0, 512]]), "must sum to less than 512", id="row-of-512"),
        pytest.param(with_fields(columns=[[0, -512], [0, 0]]), "must sum to less than 512", id="row-of-minus-512"),
        pytest.param(
            with_fields(rank=b"\x02", more=[-8, 1], columns=[[0, 0, 0], [0, 300, -424]]),
            "must sum to less than 512",
            id="row-of-both",
        ),
    ],
)
def test_reader_refuses(data, message):
    with pytest.raises(PayloadError, match=message):
        LatentBasis.from_bytes(data, 2)


def test_rows_just_below_the_limit_pass():
    data = with_fields(rank=b"\x02", more=[-8, 1], columns=[[0, 0, 0], [0, 300, -423]])
    assert LatentBasis.from_bytes(data, 2).directions[1].tolist() == [300.0, -211.5]


@given(st.binary(max_size=80), st.integers(1, 12))
def test_any_bytes_are_a_bounded_basis_or_refused(data, bands):
    try:
        basis = LatentBasis.from_bytes(data, bands)
    except PayloadError:
        return
    assert np.abs(basis.directions).sum(axis=1).max(initial=0) < MAX_DIRECTION_SUM
    assert np.isfinite(basis.spectra(np.ones((basis.rank, 2), np.float32), np.arange(bands))).all()
