"""The residual layer: no sample errs by more than the bound, and what is broken is refused."""

import tracemalloc

import numpy as np
import pytest

from xr_inr.core.bitstream import Model, Section, read_container, write_container
from xr_inr.core.decode import Payload, decode
from xr_inr.core.encode import encode_array, encode_arrays
from xr_inr.core.request import FitRequest
from xr_inr.core.residual.fit import fit_layer
from xr_inr.core.residual.grid import Grid
from xr_inr.core.residual.remainder import Remainder
from xr_inr.core.scene import prepare_scene
from xr_inr.exceptions import BatchError, BoundError, BudgetError, PayloadError, RequestError


def scene(dtype="uint16", shape=(7, 21, 70), offset=0.0, scale=100.0):
    """Smooth terrain under spectra that follow each other, with some noise."""
    generator = np.random.default_rng(1)
    bands, height, width = shape
    y, x = np.mgrid[0 : 3 : height * 1j, 0 : 4 : width * 1j]
    spectra = np.cos(np.linspace(0, 2, bands))[:, None, None]
    values = scale * (1.3 + np.sin(x + y) * spectra + 0.03 * generator.normal(size=shape)) + offset
    return values.astype(dtype) if np.dtype(dtype).kind == "f" else np.rint(values).astype(dtype)


def encoded(array, max_error, **arguments):
    return encode_array(array, FitRequest(max_error=max_error, preset="fast", device="cpu"), **arguments)


@pytest.fixture(scope="module")
def lossless():
    """A scene of two tiles, and its payload without loss."""
    array = scene()
    return array, encoded(array, 0).payload


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", ">i2", "uint32", "int64"])
def test_a_bound_of_zero_keeps_integers_as_they_are(dtype):
    array = scene(dtype, scale=40.0)
    decoded = decode(encoded(array, 0).payload)

    np.testing.assert_array_equal(decoded, array)
    assert decoded.dtype == array.dtype


@pytest.mark.parametrize("extremes", [(0, 255), (5, 6)], ids=["whole range", "two values"])
def test_noise_without_any_order_is_kept(extremes):
    array = np.random.default_rng(0).integers(*extremes, (3, 9, 9), np.uint8, endpoint=True)
    np.testing.assert_array_equal(decode(encoded(array, 0).payload), array)


@pytest.fixture
def without_models(monkeypatch):
    """The layer on a mean spectrum alone, as where no model is worth its bytes: nothing is fitted."""

    def none(*_, **__):
        raise BudgetError("no model")

    monkeypatch.setattr("xr_inr.core.rate.fit_model", none)


def test_a_layer_on_a_fitted_model_keeps_the_bound(monkeypatch):
    """The first model that is fitted is kept, whatever it weighs."""
    monkeypatch.setattr("xr_inr.core.bounded._FITS", 1)
    monkeypatch.setattr("xr_inr.core.bounded._size", lambda model: 10**6 - model.iterations)
    array = scene(shape=(4, 8, 9))
    result = encoded(array, 12)
    errors = np.abs(decode(result.payload).astype(int) - array)

    assert result.iterations > 0
    assert result.figures.max_error == errors.max() <= 12


@pytest.mark.usefixtures("without_models")
@pytest.mark.parametrize(
    ("dtype", "bound"), [("uint16", 1), ("int16", 2.9), ("float16", 1.0), ("float32", 0.4), ("float64", 0.01)]
)
def test_no_sample_errs_by_more_than_the_bound(dtype, bound):
    array = scene(dtype, shape=(5, 12, 13))
    result = encoded(array, bound)
    errors = np.abs(decode(result.payload).astype(np.float64) - array.astype(np.float64))

    assert errors.max() <= bound
    assert result.figures.max_error == errors.max()


@pytest.mark.usefixtures("without_models")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("low", [0.0, 5.0, -1.0])
@pytest.mark.parametrize("values", [2, 3])
def test_a_bound_wider_than_the_range_of_floats_side_by_side_is_kept(dtype, low, values):
    ladder = [np.array(low, dtype)]
    while len(ladder) < values:
        ladder.append(np.nextafter(ladder[-1], np.array(np.inf, dtype)))
    array = np.random.default_rng(0).choice(np.stack(ladder), (3, 8, 9))

    for nodata in (None, float(ladder[1])):
        decoded = decode(encoded(array, 1.0, nodata=nodata).payload)
        np.testing.assert_array_equal(decoded == nodata, array == nodata)
        assert ladder[0] <= decoded.min() <= decoded.max() <= ladder[-1]


def test_zeros_of_both_signs_keep_a_bound():
    array = np.where(np.indices((2, 6, 6)).sum(0) % 2, 0.0, -0.0)
    assert not decode(encoded(array, 0.5).payload).any()


def test_no_model_is_fitted_where_the_bound_is_wider_than_the_range(monkeypatch):
    monkeypatch.setattr("xr_inr.core.rate.fit_model", lambda *_, **__: pytest.fail("a model was fitted"))
    array = scene(shape=(4, 8, 9))
    result = encoded(array, float(np.ptp(array)))
    assert result.figures.max_error <= np.ptp(array)


def test_masked_samples_stay_and_valid_ones_do_not_become_nodata():
    array = scene("int16", shape=(5, 12, 13))
    array[1:3, 2:5] = nodata = int(np.median(array))
    masked = array == nodata
    decoded = decode(encoded(array, 1, nodata=nodata).payload)

    np.testing.assert_array_equal(decoded == nodata, masked)
    assert np.abs(decoded.astype(int) - array)[~masked].max() <= 1


@pytest.mark.usefixtures("without_models")
def test_nan_samples_stay():
    array = scene("float32", shape=(5, 12, 13))
    array[2, 3:6] = np.nan
    decoded = decode(encoded(array, 0.5).payload)

    np.testing.assert_array_equal(np.isnan(decoded), np.isnan(array))
    assert np.nanmax(np.abs(decoded - array)) <= 0.5


@pytest.mark.parametrize("window", [(slice(0, 5), slice(60, 70)), (slice(20, 21), slice(0, 70)), ((3, 3), (0, 4))])
@pytest.mark.parametrize("bands", [None, [4, 0], 6])
def test_a_window_is_the_slice_of_the_whole(lossless, window, bands):
    array, payload = lossless
    index = tuple(part if isinstance(part, slice) else slice(*part) for part in window)
    expected = array[np.atleast_1d(np.arange(7) if bands is None else bands)][:, *index]

    np.testing.assert_array_equal(decode(payload, window, bands), expected)


def test_points_are_those_of_the_whole(lossless):
    array, payload = lossless
    rows, columns = np.array([20, 0, 7]), np.array([69, 0, 64])

    np.testing.assert_array_equal(
        Payload(payload).read_points(rows, columns, np.array([6, 2])), array[[6, 2]][:, rows, columns]
    )


def test_a_window_decodes_only_its_tiles(lossless):
    _, payload = lossless
    reader = Payload(payload)
    reader.residual.layer.streams[1] = b""

    reader.read((slice(0, 21), slice(0, 64)))


def test_several_arrays_keep_the_bound():
    arrays = [scene(shape=(4, 9, 9)), scene(shape=(4, 9, 10))]
    results = encode_arrays(arrays, FitRequest(max_error=0, device="cpu"))

    for array, result in zip(arrays, results, strict=True):
        np.testing.assert_array_equal(decode(result.payload), array)


@pytest.mark.parametrize(
    ("array", "bound", "message"),
    [
        (scene("float32"), 0, r"float32 samples from .* must be at least .* Got 0\."),
        (scene("float32", offset=1e7), 0.1, "must be at least"),
        (np.array([[[0, 2**30]]], np.int32), 0, "max_error needs integers within 67108864 of each other"),
    ],
)
def test_a_bound_that_a_dtype_cannot_keep_is_refused(array, bound, message):
    with pytest.raises(RequestError, match=message):
        encoded(array, bound)


def test_a_payload_that_breaks_the_bound_is_not_given_out(monkeypatch):
    monkeypatch.setattr("xr_inr.core.job.fit_bounded", lambda scene, *_: _mean_only(scene))

    with pytest.raises(BoundError, match="no sample must err by more than max_error=1"):
        encoded(scene(), 1)


def test_an_array_that_breaks_the_bound_does_not_lose_the_others(monkeypatch):
    """The first is promised to be kept by a mean spectrum, which keeps the second, all equal but for one sample."""
    arrays = [scene(), np.full((2, 4, 5), 7, np.uint8)]
    arrays[1][0, 0, 0] = 8
    monkeypatch.setattr("xr_inr.core.job.fit_bounded", lambda scene, *_: _mean_only(scene))

    with pytest.raises(BatchError, match="array 0: no sample must err by more than max_error=1") as caught:
        encode_arrays(arrays, FitRequest(max_error=1, device="cpu"))

    assert isinstance(caught.value.failures[0], BoundError)
    assert np.abs(decode(caught.value.encoded[1].payload).astype(int) - arrays[1]).max() <= 1


def _mean_only(scene):
    from xr_inr.core.goal import FittedModel
    from xr_inr.core.latent.smallest import mean_only

    return FittedModel({Section.LATENT_BASIS: mean_only(scene).to_bytes()}, 0)


@pytest.mark.parametrize("change", ["shorter", "longer", "step", "side", "regressors", "tile", "siren"])
def test_a_broken_section_is_refused(lossless, change):
    _, payload = lossless
    model, sections = read_container(payload)
    part = bytearray(sections[Section.RESIDUAL])
    if change == "shorter":
        del part[-1]
    elif change == "longer":
        part.append(1)
    elif change == "siren":
        model = Model.SIREN
    elif change == "tile":
        part[-4:] = b"\xff\xff\xff\xff"
    else:
        part[{"step": 0, "side": 1, "regressors": 2}[change]] = {"step": 0, "side": 7, "regressors": 65}[change]
    broken = write_container(model, sections | {Section.RESIDUAL: bytes(part)})

    with pytest.raises(PayloadError):
        decode(broken)


def test_any_altered_byte_gives_samples_or_a_payload_error(lossless):
    _, payload = lossless
    model, sections = read_container(payload)
    plain = sections[Section.RESIDUAL]
    for place in np.random.default_rng(3).integers(0, min(len(plain), 400), 60):
        part = bytearray(plain)
        part[place] ^= 0x5A
        broken = write_container(model, sections | {Section.RESIDUAL: bytes(part)})
        try:
            assert decode(broken).shape == (7, 21, 70)
        except PayloadError:
            continue


def test_the_layer_of_a_large_scene_takes_few_bytes_a_sample():
    array = np.random.default_rng(0).integers(0, 200, (60, 128, 128)).astype("uint16")
    found = prepare_scene(array)
    grid = Grid.for_bound(found.layout, 2)
    tracemalloc.start()
    fit_layer(Remainder(grid, array, np.full_like(array, 100), None))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 40 * array.size
