"""Reading parts of a payload: a part is a part of the whole, and nothing else is evaluated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xr_inr.core.decode import Payload, decode
from xr_inr.core.latent.reading import PlaneWindow
from xr_inr.core.request import MODELS
from xr_inr.core.siren.evaluate import Evaluator
from xr_inr.exceptions import RequestError


def bits(array):
    """The bytes of an array, every NaN alike."""
    return (
        np.where(np.isnan(array), np.nan, array).astype(array.dtype) if array.dtype.kind == "f" else array
    ).tobytes()


@pytest.fixture(scope="module", params=MODELS)
def masked_payload(request, encode, masked_scene):
    """The payload of `masked_scene`, of either model."""
    return encode(masked_scene, nodata=-999.0, model=request.param).payload


SPANS = st.integers(0, 8).flatmap(lambda start: st.tuples(st.just(start), st.integers(start, 8)))


@given(rows=SPANS, columns=SPANS, bands=st.lists(st.integers(-6, 5), min_size=1, max_size=7))
def test_a_part_is_a_part_of_the_whole(masked_payload, rows, columns, bands):
    whole = decode(masked_payload)
    part = decode(masked_payload, window=(rows, columns), bands=bands)
    assert bits(part) == bits(whole[:, slice(*rows), slice(*columns)][bands])


@given(points=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), max_size=12), band=st.integers(0, 5))
def test_points_are_points_of_the_whole(masked_payload, points, band):
    whole = decode(masked_payload)
    rows, columns = np.array(points, np.intp).reshape(-1, 2).T
    for bands in (np.array([band]), np.arange(6)[::-1]):
        assert bits(Payload(masked_payload).read_points(rows, columns, bands)) == bits(whole[bands][:, rows, columns])


@pytest.mark.parametrize("options", [{"preset": "paper"}, {"weight_bits": 32}], ids=["paper", "floats"])
def test_a_part_is_a_part_of_the_whole_whatever_the_model_stores(encode, masked_scene, options):
    payload = Payload(encode(masked_scene, nodata=-999.0, bpppb=32.0, **options).payload)
    whole = payload.read()
    for row, column in np.ndindex(whole.shape[1:]):
        assert bits(payload.read(((row, row + 1), (column, column + 1)))[:, 0, 0]) == bits(whole[:, row, column])


@pytest.mark.parametrize(
    ("window", "bands"),
    [
        ((slice(None), slice(None)), slice(None)),
        ((slice(1, -1, 2), slice(None, None, -1)), slice(None, None, -2)),
        ((slice(-3, None), (2, 2)), slice(1, 1)),
        (None, 3),
        (None, -1),
        (None, np.array([5, 0, 0])),
        (None, np.int64(2)),
    ],
    ids=repr,
)
def test_windows_and_bands_are_said_as_in_numpy(masked_payload, window, bands):
    rows, columns = (span if isinstance(span, slice) else slice(*span) for span in window or (slice(None),) * 2)
    expected = decode(masked_payload)[:, rows, columns][bands if isinstance(bands, slice) else np.atleast_1d(bands)]
    part = decode(masked_payload, window=window, bands=bands)
    assert (part.shape, bits(part)) == (expected.shape, bits(expected))


@pytest.mark.parametrize(
    ("window", "bands", "message"),
    [
        pytest.param(((0, 9), (0, 1)), None, r"window's rows must lie in \[0, 8\]. Got \(0, 9\)", id="rows"),
        pytest.param(((0, 1), (-1, 1)), None, r"window's columns .* \[0, 10\]. Got \(-1, 1\)", id="columns"),
        pytest.param(((3, 2), (0, 1)), None, r"window's rows .* Got \(3, 2\)", id="reversed"),
        pytest.param((3, 4), None, "window", id="points"),
        pytest.param(((0, 1),), None, "window", id="one-axis"),
        pytest.param(((0.5, 2), (0, 1)), None, "window", id="fractions"),
        pytest.param(None, 6, r"bands must lie in \[0, 6\). Got 6", id="band"),
        pytest.param(None, [0, -7], r"bands must lie in .* Got \[0, -7\]", id="negative-band"),
        pytest.param(None, 1.0, "bands must be an integer, a slice or a list of integers. Got 1.0", id="float"),
        pytest.param(None, [[0]], r"bands must be .* Got \[\[0\]\]", id="nested"),
        pytest.param(None, [True, False], "bands must be an integer", id="booleans"),
        pytest.param(None, "red", "bands must be .* Got 'red'", id="name"),
    ],
)
def test_parts_outside_the_scene_are_refused(masked_payload, window, bands, message):
    with pytest.raises(RequestError, match=message):
        decode(masked_payload, window=window, bands=bands)


@pytest.fixture
def evaluated(monkeypatch):
    """The number of positions in each evaluation of a model."""
    counts = []

    def counted(evaluate):
        def counting(self, rows, columns, *others):
            counts.append(np.broadcast(rows, columns).size)
            return evaluate(self, rows, columns, *others)

        return counting

    for kind, name in ((Evaluator, "_evaluate"), (PlaneWindow, "samples")):
        monkeypatch.setattr(kind, name, counted(getattr(kind, name)))
    return counts


@pytest.mark.parametrize(
    ("window", "bands", "positions"),
    [
        pytest.param(((2, 3), (4, 5)), None, 1, id="a-pixel"),
        pytest.param(((0, 2), (3, 8)), [0, 1], 10, id="a-window"),
        pytest.param(None, 0, 80, id="a-band"),
        pytest.param(None, [2, 3], 0, id="bands-that-are-not-fitted"),
        pytest.param(((2, 2), (0, 9)), None, 0, id="nothing"),
    ],
)
def test_only_what_is_asked_for_is_evaluated(masked_payload, evaluated, window, bands, positions):
    decode(masked_payload, window=window, bands=bands)
    assert sum(evaluated) == positions


def test_reading_a_payload_evaluates_nothing(masked_payload, evaluated):
    assert Payload(masked_payload).shape == (6, 8, 10)
    assert not evaluated


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_can_be_decoded(masked_payload, kind):
    assert bits(decode(kind(masked_payload))) == bits(decode(masked_payload))
