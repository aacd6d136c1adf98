"""The spectral basis: the KLT, its stored form, and spectra that are the same however they are asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xr_inr.core.fixed_point import VALUE_BITS
from xr_inr.core.scene import prepare_scene
from xr_inr.core.spectral import Analysis, SpectralBasis, analyse
from xr_inr.exceptions import PayloadError


def low_rank_scene(rank, *, bands=12, pixels=(20, 30), seed=0):
    generator = np.random.default_rng(seed)
    return (generator.normal(size=(bands, rank)) @ generator.normal(size=(rank, pixels[0] * pixels[1]))).reshape(
        bands, *pixels
    )


def flat_analysis(vectors):
    return Analysis(np.full(len(vectors), 0.5), np.ones(len(vectors)), vectors)


def test_analysis_is_the_eigendecomposition_of_the_band_covariance(make_scene):
    scene = prepare_scene(make_scene((6, 9, 11), "f4"))
    found = analyse(scene)
    covariance = np.cov(scene.values.astype("f8"), bias=True)
    np.testing.assert_allclose(found.vectors * found.energies @ found.vectors.T, covariance, atol=1e-12)
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(found.mean, scene.values.mean(axis=1), atol=1e-6)
    assert (np.diff(found.energies) <= 0).all()


def test_energies_say_the_error_of_the_components_left_out(make_scene):
    scene = prepare_scene(make_scene((6, 9, 11), "f4"))
    found = analyse(scene)
    centred = scene.values - found.mean[:, None]
    kept = found.vectors[:, :2]
    error = np.square(centred - kept @ (kept.T @ centred)).sum(axis=0).mean()
    assert error == pytest.approx(found.energies[2:].sum(), rel=1e-9)


def test_masked_samples_are_filled_from_the_bands_that_are_valid():
    complete = low_rank_scene(1)
    gaps = complete.copy()
    gaps[np.random.default_rng(1).random(gaps.shape) < 0.05] = np.nan
    expected, found = analyse(prepare_scene(complete)).vectors[:, 0], analyse(prepare_scene(gaps)).vectors[:, 0]
    assert abs(expected @ found) > 0.9999


def test_values_under_the_mask_do_not_matter(make_scene):
    scene = make_scene((5, 6, 7), "i2")
    basis = []
    for marker in (-30_000, 30_000):
        array = scene.copy()
        array[1, 2:4] = array[3, :, 5] = marker
        basis.append(SpectralBasis.quantise(analyse(prepare_scene(array, nodata=marker)), 3).to_bytes())
    assert basis[0] == basis[1]


@pytest.mark.parametrize("parity", [0, 1], ids=["even-columns", "odd-columns"])
def test_large_scene_valid_in_every_other_column_is_analysed(parity):
    array = np.zeros((2, 2, 2**18), "u1")
    array[:, :, parity::2] = np.arange(2**17) % 100 + 1
    assert analyse(prepare_scene(array, nodata=0)).energies[0] > 0


@pytest.mark.parametrize("rank", [0, 1, 4])
def test_bytes_by_hand(rank):
    basis = SpectralBasis(
        np.arange(4) * 256 + 1,
        (np.arange(4)[:, None] - 2) * np.ones((1, rank), int),
        np.full(rank, 0.25, "f2"),
        np.float32(2.0),
    )
    assert basis.to_bytes() == (
        bytes([rank])
        + b"\x00\x00\x00\x40"  # unit 2.0
        + b"\x01\x00\x01\x01\x01\x02\x01\x03"  # the mean spectrum
        + b"\x00\x34" * rank  # scales 0.25
        + b"\x7e" * rank  # levels -2, -1, 0, 1, offset by 128
        + b"\x7f" * rank
        + b"\x80" * rank
        + b"\x81" * rank
    )


@given(bands=st.integers(1, 150), data=st.data())
def test_stored_form_is_restored_and_its_size_known(bands, data):
    rank = data.draw(st.integers(0, bands))
    basis = SpectralBasis.quantise(flat_analysis(np.eye(bands)), rank)
    stored = basis.to_bytes()
    assert len(stored) == SpectralBasis.stored_bytes(bands, rank)
    assert SpectralBasis.from_bytes(stored, bands).to_bytes() == stored


def test_vectors_are_rounded_to_8_bits(make_scene):
    analysis = analyse(prepare_scene(make_scene((6, 9, 11), "f4")))
    basis = SpectralBasis.quantise(analysis, 6)
    error = np.abs(basis.vectors / 2.0**VALUE_BITS - analysis.vectors)
    assert (error <= 0.51 * basis.scales.astype("f8") + 2.0**-VALUE_BITS).all()


def test_coefficients_and_spectra_are_inverse_up_to_their_steps(make_scene):
    scene = prepare_scene(make_scene((6, 9, 11), "f4"))
    basis = SpectralBasis.quantise(analyse(scene), 6)
    steps = np.rint(basis.coefficients(scene.values).astype("f8") * 2.0**VALUE_BITS)
    np.testing.assert_allclose(basis.spectra(steps, np.arange(6)), scene.values, atol=2e-5)


def test_coefficients_are_the_least_squares_ones(make_scene):
    scene = prepare_scene(make_scene((6, 9, 11), "f4"))
    basis = SpectralBasis.quantise(analyse(scene), 2)
    vectors = basis.vectors / 2.0**VALUE_BITS * float(basis.unit)
    expected = np.linalg.lstsq(vectors, scene.values - basis.mean[:, None], rcond=None)[0].T
    np.testing.assert_allclose(basis.coefficients(scene.values), expected, atol=1e-5)


def test_rank_0_gives_the_mean_spectrum():
    basis = SpectralBasis.quantise(flat_analysis(np.eye(3)), 0)
    np.testing.assert_array_equal(basis.spectra(np.zeros((4, 0)), np.array([0, 2])), np.full((2, 4), 32_768 / 65_535))


def test_spectra_are_the_same_however_they_are_asked_for(make_scene):
    basis = SpectralBasis.quantise(analyse(prepare_scene(make_scene((9, 9, 11), "f4"))), 5)
    steps = np.random.default_rng(0).integers(-(2**22), 2**22, (300, 5)).astype("f8")
    whole = basis.spectra(steps, np.arange(9))
    np.testing.assert_array_equal(basis.spectra(steps[17:18], np.array([4])), whole[4:5, 17:18])
    np.testing.assert_array_equal(basis.spectra(steps[::-3], np.array([8, 0])), whole[[8, 0]][:, ::-3])


ONE = SpectralBasis(np.array([0, 9]), np.array([[100], [-100]]), np.array([0.01], "f2"), np.float32(1)).to_bytes()
ABSURD = b"\x01\x00\x00\x80\x3f" + bytes(4)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "truncated spectral basis", id="empty"),
        pytest.param(b"\x03" + ONE[1:], r"rank .* \[0, 2\]. Got 3", id="more-directions-than-bands"),
        pytest.param(b"\x02" + ONE[1:], "truncated spectral basis", id="another-rank"),
        pytest.param(ONE[:-1], "truncated spectral basis", id="cut"),
        pytest.param(ONE + b"\x00", "1 bytes too many in the spectral basis", id="trailing"),
        pytest.param(b"\x01\x00\x00\x80\x7f" + ONE[5:], "must be finite", id="unit-inf"),
        pytest.param(b"\x01\x00\x00\xc0\x7f" + ONE[5:], "must be finite", id="unit-nan"),
        pytest.param(ABSURD + b"\x00\x7c\xff\xff", "must be finite", id="scale-inf"),
        pytest.param(ABSURD + b"\x00\x7e\xff\xff", "must be finite", id="scale-nan"),
        pytest.param(ABSURD + b"\x00\x3c\x90\x80", "must sum to less than 16.0", id="row-of-16"),
    ],
)
def test_reader_refuses(data, message):
    with pytest.raises(PayloadError, match=message):
        SpectralBasis.from_bytes(data, 2)


def test_row_just_below_the_limit_passes():
    assert SpectralBasis.from_bytes(ABSURD + b"\x00\x3c\x8f\x80", 2).vectors[0, 0] == 15 * 2**VALUE_BITS
