"""Samples at the limits of their types: what is kept exactly is, what is finite stays so, and the figures are true."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xr_inr.core.decode import decode
from xr_inr.core.encode import encode_array
from xr_inr.core.metrics import compare
from xr_inr.core.request import MODELS, FitRequest
from xr_inr.exceptions import RequestError

pytestmark = pytest.mark.usefixtures("tiny_presets")

SHAPE = (2, 3, 4)
RAMP = np.arange(24.0).reshape(SHAPE)
FLOATS, INTEGERS = ("f2", "f4", "f8"), ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")


def with_one(array, value, place=(0, 0, 0)):
    changed = array.copy()
    changed[place] = value
    return changed


def only(array, place, otherwise):
    changed = np.full_like(array, otherwise)
    changed[place] = array[place]
    return changed


def check_kept(scene, nodata, model):
    """Encode, decode, and hold against the scene all that does not depend on the fit's quality."""
    request = FitRequest(bpppb=256.0, model=model, preset="fast", device="cpu")
    encoded = encode_array(scene, request, nodata=nodata)
    decoded = decode(encoded.payload)
    masked = np.isnan(scene) if scene.dtype.kind == "f" else np.zeros(scene.shape, bool)
    if nodata is not None:
        masked |= scene == scene.dtype.type(nodata)
    valid = scene[~masked].astype(np.float64)

    assert (decoded.shape, decoded.dtype) == (scene.shape, scene.dtype)
    np.testing.assert_array_equal(decoded[masked], scene[masked])
    kept = decoded[~masked].astype(np.float64)
    assert np.isfinite(kept).all()
    assert kept.min() >= valid.min()
    assert kept.max() <= valid.max()
    if nodata is not None:
        assert (decoded[~masked] != scene.dtype.type(nodata)).all()
    again = compare(scene, decoded, ~masked)
    assert (encoded.figures.psnr, encoded.figures.max_error) == pytest.approx((again.psnr, again.max_error))


SPECIAL = {
    "NaN": (with_one(RAMP, np.nan), None),
    "NaN beside nodata": (with_one(with_one(RAMP, np.nan), -1.0, (1, 1, 1)), -1.0),
    "denormals": ((RAMP * 5e-324), None),
    "denormals of float32": ((RAMP * 1e-45).astype("f4"), None),
    "zeros of both signs": (with_one(np.zeros(SHAPE), -0.0), None),
    "the largest floats of 32 bits": (with_one(RAMP, 3.4028235e38).astype("f4"), None),
    "the whole range of float16": (with_one(with_one(RAMP, 65504), -65504, (1, 2, 3)).astype("f2"), None),
    "a large offset": (1e12 + RAMP * 1e-3, None),
    "the smallest int16 beside the largest": (with_one(with_one(RAMP, -32768), 32767, (1, 0, 0)).astype("i2"), None),
    "the smallest int16 as nodata": (with_one(RAMP, -32768).astype("i2"), -32768),
    "the whole range of uint32": (with_one(RAMP, 2**32 - 1).astype("u4"), None),
    "the largest uint32 as nodata": (with_one(RAMP, 2**32 - 1).astype("u4"), 2**32 - 1),
    "the largest exact integers": (with_one(RAMP, 2**53).astype("u8"), None),
    "nodata beyond the exact integers": (with_one(RAMP.astype("i8"), 2**63 - 1), 2**63 - 1),
    "one valid pixel": (only(RAMP, (slice(None), 1, 2), np.nan), None),
    "one valid sample": (only(RAMP, (0, 1, 2), np.nan), None),
    "a band constant but for one pixel": (with_one(np.full(SHAPE, 7.0), 8.0).astype("u2"), None),
    "a float that stands out of nearly all there are": (
        np.array([[[3, 0, 3], [3, 3, 3]], [[0, 3, 3], [3, 3, 3]], [[-1, 3, 3], [3, 3, 3]]], "f4") * np.float32(1e38),
        None,
    ),
    "nodata amid the values": (RAMP.astype("u1"), 11),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", SPECIAL)
def test_special_numbers_are_kept(name, model):
    check_kept(*SPECIAL[name], model)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("scene", "message"),
    [
        (with_one(RAMP, np.inf), "samples must be finite"),
        (with_one(RAMP, -np.inf), "samples must be finite"),
        (with_one(RAMP, 1e300), r"must lie within \+-1e\+140"),
        (with_one(RAMP, 0).astype("u8") + np.uint64(2**60), r"must lie within \+-2\*\*53"),
        (np.full(SHAPE, np.nan), "at least one valid sample"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_a_fit(scene, message, model):
    with pytest.raises(RequestError, match=message):
        encode_array(scene, FitRequest(bpppb=256.0, model=model, preset="fast", device="cpu"))


def scenes():
    """Tiny scenes of any sample type, floats with NaN, of numbers as large and as small as the type has."""
    shapes = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))

    def of(dtype):
        kind = np.dtype(dtype)
        if kind.kind == "f":
            largest = min(float(np.finfo(kind).max), 1e140)
            numbers = (
                st.floats(-largest, largest, width=8 * kind.itemsize) if kind.itemsize < 8 else st.floats(-1e140, 1e140)
            )
            return arrays.arrays(kind, shapes, elements=st.one_of(numbers, st.just(np.nan)))
        low, high = max(np.iinfo(kind).min, -(2**53)), min(np.iinfo(kind).max, 2**53)
        return arrays.arrays(kind, shapes, elements=st.integers(int(low), int(high)))

    return st.sampled_from(FLOATS + INTEGERS).flatmap(of)


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(scene=scenes(), choice=st.integers(0, 10**6), marked=st.booleans())
def test_any_numbers_are_kept(scene, choice, marked, model):
    nodata = scene.ravel()[choice % scene.size] if marked else None
    valid = np.ones(scene.shape, bool) if scene.dtype.kind != "f" else ~np.isnan(scene)
    if nodata is not None and not (scene.dtype.kind == "f" and np.isnan(nodata)):
        valid &= scene != nodata
    assume(valid.any())
    check_kept(scene, None if nodata is None else nodata.item(), model)
