"""Ground control points and RPCs follow a selection of pixels."""

import pytest
import rasterio

from xr_inr.geo import open_raster, write_raster

from .rasters import GCPS, NORTH_UP, RPC, make_raster, through_zarr

POINTS = {"gcps": (GCPS, rasterio.CRS.from_epsg(4326))}
POLYNOMIALS = {"tags": {"RPC": RPC}}
BESIDE_A_PLACE = {"crs": "EPSG:32633", "transform": NORTH_UP, **POLYNOMIALS}

SELECTIONS = {
    "all": ({}, lambda row, column: (row, column)),
    "bands": ({"band": [1]}, lambda row, column: (row, column)),
    "a window": ({"y": slice(1, 4), "x": slice(2, 6)}, lambda row, column: (row - 1, column - 2)),
    "the upper left": ({"y": slice(0, 2), "x": slice(0, 3)}, lambda row, column: (row, column)),
    "every second row": ({"y": slice(0, None, 2)}, lambda row, column: ((row + 0.5) / 2, column)),
    "one row": ({"y": slice(3, 4)}, lambda row, column: (row - 3, column)),
}
selections = pytest.mark.parametrize(("selection", "moved"), SELECTIONS.values(), ids=SELECTIONS)


def written(da, path):
    write_raster(da, path)
    return rasterio.open(path)


def opened(tmp_path, content):
    return open_raster(make_raster(tmp_path / "source.tif", **content))


@selections
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_points_stay_where_they_are(tmp_path, selection, moved):
    if selection.get("y") == slice(0, None, 2):
        moved = lambda row, column: (row / 2 + 0.25, column)  # noqa: E731 - the first row kept is half of the wider one
    with written(opened(tmp_path, POINTS).isel(selection), tmp_path / "again.tif") as source:
        points, crs = source.gcps

    assert crs.to_epsg() == 4326
    assert [(point.row, point.col) for point in points] == [moved(point.row, point.col) for point in GCPS]
    assert [(point.x, point.y) for point in points] == [(point.x, point.y) for point in GCPS]


# From centre to centre: of every second row, the first one's stays.
OFFSETS = {"every second row": (0.75, 1.125), "a window": (0.5, 2.25), "one row": (-1.5, 2.25)}


@pytest.mark.parametrize("content", [POLYNOMIALS, BESIDE_A_PLACE], ids=["alone", "beside a place"])
@pytest.mark.parametrize("name", SELECTIONS)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_polynomials_stay_where_they_are(tmp_path, content, name):
    with written(opened(tmp_path, content).isel(SELECTIONS[name][0]), tmp_path / "again.tif") as source:
        found = source.tags(ns="RPC")
        transform = source.transform

    offset, scale = OFFSETS.get(name, (1.5, 2.25))
    assert (float(found["LINE_OFF"]), float(found["LINE_SCALE"])) == (offset, scale)
    assert float(found["SAMP_OFF"]) == (-0.5 if name == "a window" else 1.5)
    assert (transform == rasterio.Affine.identity()) == (content is POLYNOMIALS)


@pytest.mark.parametrize("content", [POINTS, POLYNOMIALS, BESIDE_A_PLACE], ids=["points", "RPC", "RPC beside a place"])
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_they_follow_before_and_after_a_store(tmp_path, content, zarr_format):
    scene = opened(tmp_path, content)
    once = scene.isel(y=slice(2, 5), x=slice(3, 6))
    stored = through_zarr(scene.isel(y=slice(1, 5)), tmp_path / "store.zarr", zarr_format)
    told = []
    for index, da in enumerate([once, stored.isel(y=slice(1, 4), x=slice(3, 6))]):
        with written(da, tmp_path / f"{index}.tif") as source:
            told.append((source.gcps[0] and [p.asdict() | {"id": 0} for p in source.gcps[0]], source.tags(ns="RPC")))
            told[-1] += (source.transform, source.crs)

    assert told[0] == told[1]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_points_are_dropped_where_pixels_have_no_even_steps(tmp_path):
    scene = opened(tmp_path, POINTS).isel(y=[0, 1, 4])
    with pytest.warns(UserWarning, match=r"points or RPCs of the raster are dropped: coordinates must have even steps"):
        write_raster(scene, tmp_path / "again.tif")

    with rasterio.open(tmp_path / "again.tif") as source:
        assert source.gcps[0] == []


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_polynomials_are_dropped_where_rows_run_backwards(tmp_path):
    scene = opened(tmp_path, BESIDE_A_PLACE).isel(y=slice(None, None, -1))
    with pytest.warns(UserWarning, match="are dropped: pixels run backwards"):
        write_raster(scene, tmp_path / "again.tif")

    with rasterio.open(tmp_path / "again.tif") as source:
        assert source.tags(ns="RPC") == {}
