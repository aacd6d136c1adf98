"""The benchmark of bounds: every codec keeps its bound, rows are of streams, and a run goes on."""

import numpy as np
import pytest

from benchmarks import bounds, results
from benchmarks.codecs.bounded import BOUNDED
from benchmarks.codecs.klt_residual import KLT_RESIDUAL, decode_symbols, encode_symbols

PEERS = BOUNDED | {"klt + jpeg 2000 + residual": KLT_RESIDUAL}


def scene(dtype="uint16", shape=(6, 17, 19)):
    """Smooth terrain and noise, down to below 0 where the dtype has signs."""
    generator = np.random.default_rng(0)
    bands, rows, columns = np.meshgrid(*(np.linspace(0, 3, size) for size in shape), indexing="ij")
    values = 1500 + 900 * np.sin(rows + bands) * np.cos(columns) + 20 * generator.standard_normal(shape)
    return np.rint(values - (1400 if np.dtype(dtype).kind == "i" else 0)).astype(dtype)


@pytest.fixture
def measured_on(tmp_path, monkeypatch):
    """Results in a folder of their own, and one scene to measure, by one quick codec."""
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(bounds.scenes, "load", lambda _: scene())
    return lambda: bounds.run(["jasper_ridge_198"], ["pcodec"])


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
@pytest.mark.parametrize("bound", [0, 3, 20])
@pytest.mark.parametrize("name", PEERS)
def test_no_sample_errs_by_more_than_the_bound(name, bound, dtype):
    array = scene(dtype)
    decoded = PEERS[name].decode(PEERS[name].encode(array, bound))

    assert (decoded.dtype, decoded.shape) == (array.dtype, array.shape)
    assert np.abs(decoded.astype(int) - array).max() <= bound


def test_ours_keeps_a_bound_of_zero():
    """Wider bounds are those of `tests/core/test_residual_layer.py`."""
    array = scene(shape=(3, 9, 9))
    ours = bounds.CODECS["latent, fast"]

    np.testing.assert_array_equal(ours.decode(ours.encode(array, 0)), array)


@pytest.mark.parametrize("name", PEERS)
def test_a_wider_bound_takes_fewer_bytes(name):
    sizes = [len(PEERS[name].encode(scene(), bound)) for bound in (0, 3, 20)]
    assert sizes == sorted(sizes, reverse=True)


def test_zfp_is_given_the_largest_tolerance_that_keeps_the_bound():
    """Twice the tolerance, which is what twice the bound allows at least, breaks it."""
    array = scene()
    zfp = BOUNDED["zfp"]
    reached = {bound: np.abs(zfp.decode(zfp.encode(array, bound)).astype(int) - array).max() for bound in (20, 80)}

    assert 20 / 4 < reached[20] <= 20 < reached[80]


@pytest.mark.parametrize("name", ["jpeg-ls", "pcodec"])
def test_samples_that_span_more_than_16_bits_are_refused(name):
    array = np.array([[[0, 2**16]]], np.int32)

    with pytest.raises(ValueError, match=r"samples must lie within 65535 of each other\. Got 0 to 65536\."):
        BOUNDED[name].encode(array, 0)


@pytest.mark.parametrize("largest", [0, 1, 5000])
def test_residuals_come_back_from_their_stream(largest):
    symbols = np.random.default_rng(2).integers(-largest, largest, (4, 5, 6), endpoint=True).astype(np.int32)

    np.testing.assert_array_equal(decode_symbols(encode_symbols(symbols), symbols.shape), symbols)


def test_a_row_has_the_bytes_of_the_stream_and_the_largest_error():
    array = scene()
    stream = BOUNDED["pcodec"].encode(array, 10)
    row = bounds.measured("jasper_ridge_198", array, 10 / float(np.ptp(array)), "pcodec")

    assert (row["bound"], row["max_error"], row["held"]) == ("10", "10", "True")
    assert row["bytes"] == str(len(stream))
    assert float(row["bpppb"]) == pytest.approx(8 * len(stream) / array.size, abs=1e-5)


@pytest.mark.parametrize(("part", "bound"), [(0, 0), (1e-9, 1), (0.01, 10), (0.0026, 3)])
def test_a_bound_is_a_part_of_the_range_in_whole_numbers(part, bound):
    assert bounds.bound_of(np.array([[[-500, 500]]], np.int16), part) == bound


def test_a_run_measures_every_bound_and_what_is_measured_no_second_time(measured_on, monkeypatch):
    measured_on()
    rows = results.read(bounds.TABLE)
    monkeypatch.setattr(bounds, "measured", lambda *_: pytest.fail("measured again"))
    measured_on()

    assert [float(row["part"]) for row in rows] == list(bounds.PARTS)
    assert results.read(bounds.TABLE) == rows


def test_a_run_that_was_cut_short_goes_on(measured_on):
    measured_on()
    rows = results.read(bounds.TABLE)
    results.write(bounds.TABLE, rows[:2], list(rows[0]))
    measured_on()

    assert [row["part"] for row in results.read(bounds.TABLE)] == [row["part"] for row in rows]


def test_the_table_has_the_fewest_bits_bold_and_broken_bounds_named(measured_on):
    measured_on()
    rows = results.read(bounds.TABLE)
    larger = [row | {"codec": "sz3", "bpppb": "99"} for row in rows[1:]]
    broken = [rows[0] | {"codec": "zfp", "bpppb": "0.1", "held": "False", "max_error": "7"}]
    results.write(bounds.TABLE, [*rows, *larger, *broken], list(rows[0]))
    lines = bounds.table().splitlines()

    assert lines[0] == "Jasper Ridge, 198 bands, bits per pixel per band:"
    assert [line.count("**") for line in lines if line.startswith("| pcodec")] == [2 * len(bounds.PARTS)]
    assert "| sz3 | - | 99.000 | 99.000 | 99.000 | 99.000 |" in lines
    assert "| zfp | broken (7) | - | - | - | - |" in lines


def test_bounds_in_the_table_come_in_their_order_whatever_was_measured_first(measured_on):
    measured_on()
    rows = results.read(bounds.TABLE)
    results.write(bounds.TABLE, reversed(rows), list(rows[0]))

    header = next(line for line in bounds.table().splitlines() if line.startswith("| codec"))
    assert header == f"| codec | {' | '.join('within ' + row['bound'] for row in rows)} |"
