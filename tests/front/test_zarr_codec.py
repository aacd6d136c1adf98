"""The codec of Zarr format 3: metadata, what it refuses, and reads that decode only what is selected."""

import functools
import json
import pickle

import hypothesis.extra.numpy as npst
import hypothesis.strategies as st
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from zarr.codecs import ZstdCodec
from zarr.core.array_spec import ArrayConfig, ArraySpec
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore
from zarr.testing.strategies import basic_indices, chunk_shapes, numpy_arrays, orthogonal_indices

from xr_inr.codecs.chunks import kept_payload
from xr_inr.codecs.numcodecs import InrCodec as NumcodecsCodec
from xr_inr.codecs.zarr import InrCodec
from xr_inr.core.decode import Payload
from xr_inr.core.latent import reading
from xr_inr.exceptions import BudgetError, RequestError

from .helpers import create_array, smooth

EXAMPLES = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])

CONFIGURATIONS = {
    "the least": ({"bpppb": 0.1}, {"band_axis": 0, "bpppb": 0.1}),
    "a quality": ({"psnr": 40.0}, {"band_axis": 0, "psnr": 40.0}),
    "the default model": ({"bpppb": 0.1, "model": "latent"}, {"band_axis": 0, "bpppb": 0.1}),
    "band axis": ({"bpppb": 0.1, "band_axis": 2}, {"band_axis": 2, "bpppb": 0.1}),
    "nodata": ({"bpppb": 0.1, "nodata": -9999.0}, {"band_axis": 0, "bpppb": 0.1, "nodata": -9999.0}),
    "NaN, which is masked in any case": ({"bpppb": 0.1, "nodata": np.nan}, {"band_axis": 0, "bpppb": 0.1}),
    "a device, which is the machine's": ({"bpppb": 0.1, "device": "cuda:1"}, {"band_axis": 0, "bpppb": 0.1}),
    "all of the fit": (
        {"bpppb": 0.1, "model": "siren", "preset": "paper", "weight_bits": 16, "seed": 3},
        {"band_axis": 0, "bpppb": 0.1, "model": "siren", "preset": "paper", "weight_bits": 16, "seed": 3},
    ),
}
configurations = pytest.mark.parametrize(
    ("parameters", "configuration"), CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys()
)

SIREN = {"model": "siren"}

# name: (shape, chunks, band axis, more)
ARRAYS = {
    "one chunk": ((5, 7, 9), (5, 7, 9), 0, {}),
    "several chunks, padded at the edges": ((5, 7, 9), (5, 4, 4), 0, {}),
    "bands last": ((7, 9, 5), (4, 4, 5), 2, {}),
    "bands in the middle": ((7, 5, 9), (4, 5, 5), 1, SIREN),
    "bands split over chunks": ((5, 7, 9), (3, 7, 5), 0, {}),
    "time first": ((2, 5, 7, 9), (1, 5, 4, 5), 1, {}),
    "time first and bands last": ((2, 7, 9, 5), (1, 7, 5, 5), 3, SIREN),
    "shards": ((5, 7, 12), (5, 4, 4), 0, {"shards": (5, 8, 8), **SIREN}),
    "NaN and NaN as fill": ((5, 7, 9), (5, 4, 4), 0, {"dtype": "f4", "fill_value": np.nan}),
    "big-endian": ((5, 7, 9), (5, 4, 9), 0, {"dtype": ">i2"}),
}
arrays = pytest.mark.parametrize("case", ARRAYS)


@pytest.fixture(scope="module")
def stored():
    """A function of a name in `ARRAYS`, written when it is first asked for: (zarr array, what a full read gives)."""

    @functools.cache
    def written(name):
        shape, chunks, band_axis, more = ARRAYS[name]
        samples = smooth(shape, more.get("dtype", "i2"), band_axis=band_axis)
        if samples.dtype.kind == "f":
            samples[1, 2:5, 3] = np.nan
            samples[:, :, 8] = np.nan
        array = create_array(shape, chunks, band_axis=band_axis, **more)
        array[...] = samples
        return array, array[...]

    return written


def assert_same(found, expected):
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


# Metadata


@configurations
def test_configuration_stands_in_the_metadata_as_json(parameters, configuration):
    stored = json.loads(json.dumps(InrCodec(**parameters).to_dict()))

    assert stored == {"name": "xr_inr", "configuration": configuration}


@configurations
def test_codec_is_rebuilt_from_its_metadata(parameters, configuration):
    codec = InrCodec.from_dict({"name": "xr_inr", "configuration": configuration})

    assert codec.to_dict() == InrCodec(**parameters).to_dict()
    assert codec == InrCodec.from_dict(codec.to_dict())


@configurations
def test_codec_survives_pickling(parameters, configuration):
    del configuration
    codec = InrCodec(**parameters)

    assert pickle.loads(pickle.dumps(codec)).to_dict() == codec.to_dict()  # noqa: S301 - made here


def test_codecs_are_equal_when_their_parameters_are():
    assert InrCodec(bpppb=0.1) == InrCodec(bpppb=0.1, band_axis=0)
    assert InrCodec(bpppb=0.1) != InrCodec(bpppb=0.2)


def test_array_opened_again_has_the_same_codec():
    store = MemoryStore()
    array = create_array((5, 7, 9), (5, 4, 4), store=store, nodata=-1.0, seed=4, device="auto")

    assert zarr.open_array(store, mode="r").serializer == array.serializer


BROKEN_METADATA = {
    "an unknown parameter": ({"bpppb": 0.1, "quality": 3}, r"quality"),
    "no target": ({"band_axis": 0}, r"exactly one target .* Got none"),
    "two targets": ({"bpppb": 0.1, "psnr": 40}, r"exactly one target .* Got bpppb=0.1, psnr=40"),
    "a negative band axis": ({"bpppb": 0.1, "band_axis": -1}, r"band_axis .* Got -1"),
    "half a band axis": ({"bpppb": 0.1, "band_axis": 0.5}, r"band_axis .* Got 0.5"),
    "a band axis that is no number": ({"bpppb": 0.1, "band_axis": "y"}, r"band_axis .* Got 'y'"),
    "a nodata that is no number": ({"bpppb": 0.1, "nodata": "none"}, r"nodata .* Got 'none'"),
    "an unknown model": ({"bpppb": 0.1, "model": "wavelet"}, r"model must be one of 'latent', 'siren'. Got 'wavelet'"),
}


@pytest.mark.parametrize(("configuration", "message"), BROKEN_METADATA.values(), ids=BROKEN_METADATA.keys())
def test_broken_metadata_is_refused_with_the_rule_and_the_value(configuration, message):
    with pytest.raises(RequestError, match=message):
        InrCodec.from_dict({"name": "xr_inr", "configuration": configuration})


def test_metadata_of_another_codec_is_refused():
    with pytest.raises(ValueError, match="zstd"):
        InrCodec.from_dict({"name": "zstd", "configuration": {"bpppb": 0.1}})


NUMPY_PARAMETERS = {
    "band axis": ("band_axis", np.int64(2)),
    "budget": ("bpppb", np.float32(24.0)),
    "seed": ("seed", np.int64(3)),
    "weight bits": ("weight_bits", np.int64(8)),
}


@pytest.mark.parametrize(("name", "value"), NUMPY_PARAMETERS.values(), ids=NUMPY_PARAMETERS.keys())
def test_numbers_of_numpy_are_numbers(name, value):
    codec = InrCodec(**{"bpppb": 24.0, "model": "siren", "preset": "fast", "device": "cpu"} | {name: value})

    assert json.loads(json.dumps(codec.to_dict()))["configuration"][name] == value
    assert codec.config.encode(smooth((5, 5, 5)), None)


def test_size_of_a_payload_is_not_known_beforehand():
    array = create_array((5, 7, 9), (5, 4, 4))

    with pytest.raises(NotImplementedError, match="depends on the data"):
        array.serializer.compute_encoded_size(100, None)


# What is refused when an array is created, before a sample is written

REFUSED_ARRAYS = {
    "complex numbers": ((5, 7, 9), (5, 7, 9), "c8", {}, r"dtype must be one of .* Got complex64"),
    "booleans": ((5, 7, 9), (5, 7, 9), "?", {}, r"dtype must be one of .* Got bool"),
    "strings of a length": ((5, 7, 9), (5, 7, 9), "U4", {}, r"dtype must be one of .* Got <U4"),
    "two axes": ((7, 9), (7, 9), "i2", {}, r"band axis and two spatial axes. Got 2 axes"),
    "a band axis that is not there": ((5, 7, 9), (5, 7, 9), "i2", {"band_axis": 3}, r"band_axis .* Got 3"),
    "several scenes in a chunk": (
        (4, 5, 7, 9),
        (2, 5, 7, 9),
        "i2",
        {"band_axis": 1},
        r"length 1 .* Got 2 along axis 0",
    ),
    "nodata out of range": ((5, 7, 9), (5, 7, 9), "u1", {"nodata": -9999.0}, r"nodata .* uint8 .* Got -9999"),
    "too many bands": ((70_000, 1, 1), (70_000, 1, 1), "u1", {}, r"1 to 65535 bands .* shape \(70000, 1, 1\)"),
}


@pytest.mark.parametrize(
    ("shape", "chunks", "dtype", "codec", "message"), REFUSED_ARRAYS.values(), ids=REFUSED_ARRAYS.keys()
)
def test_array_the_codec_cannot_encode_is_refused_at_creation(shape, chunks, dtype, codec, message):
    with pytest.raises(RequestError, match=message):
        create_array(shape, chunks, dtype=dtype, fill_value="" if dtype == "U4" else 0, **codec)


def test_array_of_strings_of_any_length_is_refused_at_creation():
    # By zarr 3.1, or by the codec where zarr asks it.
    with pytest.raises(ValueError, match=r"string dtype.*InrCodec|dtype must be one of"):
        create_array((5, 7, 9), (5, 7, 9), dtype="str", fill_value="")


def test_budget_below_the_header_is_refused_before_any_fit(fits):
    array = create_array((5, 7, 9), (5, 7, 9), bpppb=0.1)

    with pytest.raises(BudgetError, match=r"a budget of 3 bytes .* the smallest payload .* takes \d+ bytes"):
        array[...] = smooth((5, 7, 9))
    assert not fits


# Reading


@arrays
def test_full_read_has_the_samples_in_the_arrays_form(stored, case):
    shape, _, _, more = ARRAYS[case]
    _, full = stored(case)

    assert full.shape == shape
    assert full.dtype == np.dtype(more.get("dtype", "i2"))


@arrays
@EXAMPLES
@given(data=st.data())
def test_basic_selection_equals_the_slice_of_the_full_read(stored, case, data):
    array, full = stored(case)
    selection = data.draw(basic_indices(shape=array.shape))

    np.testing.assert_array_equal(array[selection], full[selection])


@arrays
@EXAMPLES
@given(data=st.data())
def test_orthogonal_selection_equals_the_slice_of_the_full_read(stored, case, data):
    array, full = stored(case)
    selection, equivalent = data.draw(orthogonal_indices(shape=array.shape))

    # zarr 3.4 draws single samples too, of which numpy makes scalars, always in the machine's byte order.
    assert_same(array.oindex[selection], np.asarray(full[equivalent], full.dtype))


@arrays
@EXAMPLES
@given(data=st.data())
def test_points_equal_those_of_the_full_read(stored, case, data):
    array, full = stored(case)
    points = data.draw(npst.integer_array_indices(shape=array.shape, result_shape=npst.array_shapes(max_dims=2)))

    assert_same(array.vindex[points], full[points])


@arrays
@settings(EXAMPLES, max_examples=5)
@given(data=st.data())
def test_samples_under_a_mask_equal_those_of_the_full_read(stored, case, data):
    array, full = stored(case)
    mask = data.draw(npst.arrays(bool, array.shape))

    assert_same(array.get_mask_selection(mask), full[mask])


@arrays
def test_selection_over_chunk_borders_equals_the_slice_of_the_full_read(stored, case):
    array, full = stored(case)
    inner = tuple(slice(1, -1) if size > 2 else 0 for size in array.shape)

    assert_same(array[inner], full[inner])


@settings(EXAMPLES, max_examples=8)
@given(chunks=chunk_shapes(shape=(4, 6, 7)))
def test_array_in_chunks_of_any_shape_reads_in_part_as_in_full(chunks):
    array = create_array((4, 6, 7), chunks, bpppb=800.0 / np.prod(chunks) * 8, **SIREN)
    array[...] = smooth((4, 6, 7))
    full = array[...]

    assert_same(array[1:3, 2:6, 3], full[1:3, 2:6, 3])
    assert_same(array.oindex[[3, 0], :, [6, 1, 1]], full[np.ix_([3, 0], range(6), [6, 1, 1])])


@settings(EXAMPLES, max_examples=12)
@given(samples=numpy_arrays(shapes=npst.array_shapes(min_dims=3, max_dims=3, max_side=4), dtype=np.dtype("i2")))
def test_any_integers_come_back_within_their_range(samples):
    array = create_array(samples.shape, samples.shape, dtype=samples.dtype, bpppb=4800.0 / samples.size)
    array[...] = samples
    found = array[...]

    assert found.dtype == samples.dtype
    assert found.min() >= samples.min()
    assert found.max() <= samples.max()


def test_constant_scene_comes_back_exactly():
    array = create_array((5, 7, 9), (5, 4, 4))
    array[...] = np.full((5, 7, 9), 7, "i2")

    assert (array[...] == 7).all()


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8"])
def test_formats_2_and_3_give_the_same_samples(dtype):
    samples = smooth((5, 8, 8), dtype)
    third = create_array(samples.shape, (5, 4, 8), dtype=samples.dtype)
    second = zarr.create_array(
        MemoryStore(),
        shape=samples.shape,
        chunks=(5, 4, 8),
        dtype=samples.dtype,
        zarr_format=2,
        compressors=NumcodecsCodec(bpppb=24.0, preset="fast", device="cpu"),
        filters=None,
    )
    third[...] = second[...] = samples

    assert_same(second[...], third[...])


# Edges of the array and empty chunks


def test_padding_at_the_edge_of_an_array_is_not_fitted():
    store = MemoryStore()
    create_array((5, 7, 9), (5, 4, 4), store=store)[...] = smooth((5, 7, 9))
    shapes = {key: Payload(store._store_dict[key].to_bytes()).shape for key in store._store_dict if key[0] == "c"}

    assert shapes["c/0/0/0"] == (5, 4, 4)
    assert shapes["c/0/1/2"] == (5, 3, 1)


def test_padding_costs_no_bytes():
    store = MemoryStore()
    create_array((5, 7, 9), (5, 8, 16), store=store, bpppb=16.0)[...] = smooth((5, 7, 9))

    assert len(store._store_dict["c/0/0/0"]) * 8 <= 16.0 * 5 * 7 * 9


@pytest.mark.parametrize("fill_value", [0, 70, -1], ids=["zero", "a value that occurs", "a value that does not occur"])
def test_rows_and_columns_that_hold_the_fill_value_are_restored(fill_value):
    samples = smooth((5, 7, 9))
    samples[:, -2:] = fill_value
    samples[:, :, -3:] = fill_value
    array = create_array((5, 7, 9), (5, 7, 9), fill_value=fill_value)
    array[...] = samples

    assert (array[:, -2:] == fill_value).all()
    assert (array[:, :, -3:] == fill_value).all()
    assert (array.vindex[[0, 4], [6, 0], [0, 8]] == fill_value).all()


def test_chunk_without_a_sample_other_than_fill_is_not_stored_and_reads_as_fill():
    store = MemoryStore()
    samples = smooth((5, 8, 8))
    samples[:, 4:] = -7
    array = create_array(samples.shape, (5, 4, 8), store=store, fill_value=-7)
    array[...] = samples

    assert "c/0/1/0" not in store._store_dict
    assert (array[:, 4:] == -7).all()
    assert (array[2, 6, 1:3] == -7).all()
    assert (array.vindex[[1], [5], [2]] == -7).all()


def test_chunk_of_nothing_but_nodata_is_stored_exactly():
    array = create_array((5, 8, 8), (5, 4, 8), nodata=-9999.0)
    samples = smooth((5, 8, 8))
    samples[:, 4:] = -9999
    array[...] = samples

    np.testing.assert_array_equal(array[...] == -9999, samples == -9999)


def test_empty_selection_is_empty(positions, stored):
    array, _ = stored("one chunk")
    positions.clear()

    assert array[:, 3:3].shape == (5, 0, 9)
    assert sum(positions) == 0


# Evaluations

READS = {
    "one pixel's spectrum": (lambda array: array[:, 3, 4], 1),
    "one band of a window": (lambda array: array[2, 1:4, 5:7], 6),
    "all bands of a window": (lambda array: array[:, 1:4, 5:7], 6),
    "one sample": (lambda array: array[2, 1, 5], 1),
    "a row of one band": (lambda array: array[0, 3], 9),
    "every second row": (lambda array: array[0, ::2], 36),
    "rows and columns": (lambda array: array.oindex[:, [0, 6], [1, 3, 8]], 6),
    "the same row twice": (lambda array: array.oindex[:, [3, 3], [4]], 1),
    "three points": (lambda array: array.vindex[[0, 1, 4], [0, 6, 6], [1, 3, 8]], 3),
    "one point in several bands": (lambda array: array.vindex[[0, 1, 4], [6, 6, 6], [3, 3, 3]], 1),
    "everything": (lambda array: array[...], 63),
}


@pytest.mark.parametrize(("read", "expected"), READS.values(), ids=READS.keys())
def test_read_evaluates_only_the_positions_it_needs(stored, positions, read, expected):
    array, _ = stored("one chunk")
    positions.clear()

    read(array)

    assert sum(positions) == expected


def test_read_through_a_shard_evaluates_only_the_positions_it_needs(stored, positions):
    array, _ = stored("shards")
    positions.clear()

    array[:, 3, 4]
    assert sum(positions) == 1


def test_window_in_one_chunk_leaves_the_others_alone(stored, positions):
    array, _ = stored("several chunks, padded at the edges")
    positions.clear()

    array[:, 0:2, 5:7]
    assert positions == [4]


def test_compressor_after_the_codec_makes_whole_chunks_be_read(positions):
    array = zarr.create_array(
        MemoryStore(),
        shape=(5, 7, 9),
        chunks=(5, 7, 9),
        dtype="i2",
        serializer=InrCodec(bpppb=24.0, preset="fast", device="cpu"),
        compressors=ZstdCodec(),
    )
    array[...] = smooth((5, 7, 9))
    positions.clear()

    array[:, 3, 4]
    assert sum(positions) == 63


class _Bytes:
    """What zarr's fused pipeline hands a codec."""

    def __init__(self, payload):
        self._payload = payload

    def get_sync(self, prototype):
        return None if self._payload is None else prototype.buffer.from_bytes(self._payload)


def test_synchronous_partial_read_gives_what_the_asynchronous_gives():
    store = MemoryStore()
    array = create_array((5, 7, 9), (5, 7, 9), store=store)
    array[...] = smooth((5, 7, 9))
    spec = ArraySpec(array.chunks, array.metadata.data_type, 0, ArrayConfig.from_dict({}), default_buffer_prototype())
    selection = (slice(1, 4), 3, slice(0, 9, 2))
    found = array.serializer._decode_partial_sync(_Bytes(store._store_dict["c/0/0/0"].to_bytes()), selection, spec)

    assert_same(found.as_numpy_array(), array[selection])
    assert array.serializer._decode_partial_sync(_Bytes(None), selection, spec) is None


@pytest.mark.usefixtures("tiny_presets")
def test_reading_on_in_a_chunk_decodes_its_latents_once(monkeypatch):
    array = create_array((5, 16, 18), (5, 16, 18))
    array[:] = smooth((5, 16, 18))
    calls = []
    decode = reading.decode_latents
    monkeypatch.setattr(reading, "decode_latents", lambda *arguments: calls.append(1) or decode(*arguments))
    kept_payload.cache_clear()

    spectra = [array[:, row, 3] for row in range(6)]

    assert len(calls) == 1
    assert np.array_equal(np.stack(spectra, axis=1), array[:, :6, 3])
