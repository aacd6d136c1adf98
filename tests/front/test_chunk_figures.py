"""What is known of each chunk, right after the fit and in a store."""

import dataclasses
import json
import math

import numpy as np
import pytest
import xarray as xr

from xr_inr.chunk_figures import MOST_STORED, ChunkFigures
from xr_inr.core.metrics import compare, psnr
from xr_inr.exceptions import RequestError
from xr_inr.report import Report

from .helpers import make_scene


@pytest.fixture(scope="module")
def figures(in_chunks):
    return in_chunks.inr.report.chunk_figures


def parts(scene):
    """The chunks of 4 x 4 pixels of a scene of 7 x 9, in C order."""
    samples = scene.to_numpy()
    return [samples[:, y : y + 4, x : x + 4] for y in (0, 4) for x in (0, 4, 8)]


def test_every_chunk_has_its_sizes(in_chunks, figures):
    assert figures.grid == (1, 2, 3)
    assert figures.shape == (5, 4, 4)
    assert sum(figures.bytes) == in_chunks.inr.nbytes
    assert figures.bpppb == tuple(
        8 * size / part.size for size, part in zip(figures.bytes, parts(in_chunks), strict=True)
    )


def test_every_chunk_has_its_errors(scene, in_chunks, figures):
    measured = [compare(first, second) for first, second in zip(parts(scene), parts(in_chunks), strict=True)]

    assert figures.max_error == tuple(one.max_error for one in measured)
    assert figures.sam == pytest.approx([one.sam for one in measured])


def test_psnr_of_chunks_has_one_peak(scene, in_chunks, figures):
    peak = float(scene.max())
    measured = [compare(first, second).mse for first, second in zip(parts(scene), parts(in_chunks), strict=True)]

    assert figures.psnr == pytest.approx([psnr(mse, peak) for mse in measured])


def test_table_says_how_far_chunks_are_apart(in_chunks, small):
    assert "  chunk PSNR " in str(in_chunks.inr.report)
    assert "  chunk PSNR " not in str(small.inr.report)


def test_one_chunk_needs_no_figures_of_its_own(small):
    assert small.inr.report.chunk_figures is None


def test_dictionary_of_a_report_holds_plain_figures_of_chunks(in_chunks, figures):
    told = json.loads(json.dumps(in_chunks.inr.report.to_dict()))["chunk_figures"]

    assert told["bytes"] == list(figures.bytes)
    assert told.keys() == {"grid", "shape", "bytes", "bpppb", "psnr", "sam", "max_error"}


# In a store


def test_figures_of_chunks_are_stored_to_four_digits(in_chunks, figures, tmp_path):
    in_chunks.inr.to_zarr(tmp_path / "scene.zarr")
    again = xr.open_zarr(tmp_path / "scene.zarr")["reflectance"].inr.report.chunk_figures

    assert (again.grid, again.shape, again.bytes, again.bpppb) == (
        figures.grid,
        figures.shape,
        figures.bytes,
        figures.bpppb,
    )
    for name in ("psnr", "sam", "max_error"):
        np.testing.assert_allclose(getattr(again, name), getattr(figures, name), rtol=1e-3)


def test_chunks_that_lost_nothing_and_chunks_without_a_sample_are_told_apart():
    scene = make_scene(_FillValue=-9999)
    scene[:, :4] = np.arange(1, 6)[:, None, None]
    scene[:, :4, :4] = -9999
    report = scene.inr.compress(bpppb=24.0, chunks={"y": 4, "x": 4}, device="cpu").inr.report
    again = Report.from_attribute(report.to_attribute())

    for found in (report.chunk_figures, again.chunk_figures):
        assert math.isnan(found.psnr[0])
        assert math.isnan(found.max_error[0])
        assert found.psnr[1] == math.inf
        assert found.max_error[1] == 0


def with_chunks(report, side):
    """A report as of `side` x `side` chunks, each with a network of its own."""
    count = side * side
    many = ChunkFigures(
        grid=(1, side, side),
        shape=(5, 1, 1),
        bytes=tuple(range(1000, 1000 + count)),
        bpppb=(1.23456,) * count,
        psnr=(41.23456,) * count,
        sam=(1.23456,) * count,
        max_error=(123.456,) * count,
    )
    networks = tuple(f"rank {number}, 3 levels, 20 x 2 -> 12" for number in range(count))
    return dataclasses.replace(report, shape=(5, side, side), chunks=count, chunk_figures=many, networks=networks)


def test_attribute_of_ten_thousand_chunks_is_small(in_chunks):
    report = with_chunks(in_chunks.inr.report, 100)
    again = Report.from_attribute(report.to_attribute())

    assert len(report.to_attribute()) < 4_000
    assert again.chunks == 10_000
    assert again.chunk_figures is None
    assert again.psnr == report.psnr


def test_figures_are_stored_up_to_some_thousand_chunks(in_chunks):
    report = with_chunks(in_chunks.inr.report, math.isqrt(MOST_STORED))

    assert len(Report.from_attribute(report.to_attribute()).chunk_figures) == MOST_STORED
    assert len(report.to_attribute()) < 40_000


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"bytes": [1, 2]}, id="figures of too few chunks"),
        pytest.param({"grid": [1, 6]}, id="a grid of fewer axes"),
        pytest.param({"grid": [1, -2, -3]}, id="a grid of negative sides"),
        pytest.param({"shape": [5, 0, 4]}, id="chunks of no size"),
        pytest.param({"psnr": "high"}, id="text"),
        pytest.param({"sam": None}, id="nothing"),
    ],
)
def test_damaged_figures_of_chunks_are_refused(in_chunks, change):
    stored = json.loads(in_chunks.inr.report.to_attribute())
    stored["chunk_figures"] |= change

    with pytest.raises(RequestError, match="'xr_inr' does not hold a report"):
        Report.from_attribute(json.dumps(stored))
