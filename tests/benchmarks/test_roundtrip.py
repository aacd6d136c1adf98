"""What of a raster's metadata comes back after a stay in a store: item by item, rasterio being asked."""

import pytest

from benchmarks import results, tables
from benchmarks.roundtrip.items import ITEMS
from benchmarks.roundtrip.routes import KEPT, LOST, outcome
from benchmarks.roundtrip.run import COLUMNS, TABLE

ROWS = {(row["source"], row["item"]): row for row in results.read(TABLE)}
NAMES = [f"{item.source}: {item.name}" for item in ITEMS]

NEVER_KEPT = {("GeoTIFF", "mask band"), ("GeoTIFF", "overviews")}


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
@pytest.mark.usefixtures("tiny_presets")
@pytest.mark.parametrize("item", ITEMS, ids=NAMES)
def test_an_item_comes_back_as_the_results_say(item, tmp_path):
    assert outcome(item, "ours", tmp_path) == ROWS[item.source, item.name]["ours"]


def test_the_results_have_a_row_for_every_item_and_no_other():
    assert list(ROWS) == [(item.source, item.name) for item in ITEMS]


def test_all_is_kept_but_what_a_scene_has_no_place_for():
    assert {key for key, row in ROWS.items() if row["ours"] != KEPT} == NEVER_KEPT


def test_nothing_is_lost_here_that_xarray_and_rioxarray_keep():
    assert [key for key, row in ROWS.items() if row["stock"] == KEPT and row["ours"] != KEPT] == []


def test_an_item_that_is_not_told_is_lost(tmp_path):
    item = next(item for item in ITEMS if item.name == "overviews")

    assert outcome(item, "stock", tmp_path) == LOST


def test_the_table_shows_every_row_and_counts_them(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    made = {"versions": "xarray 1", "date": "2026-11-22"}
    rows = [
        ("units", "GeoTIFF", "lost", "kept"),
        ("mask", "ENVI", "TypeError", "lost"),
        ("CRS", "ENVI", "kept", "kept"),
    ]
    results.write(TABLE, [dict(zip(COLUMNS, row, strict=False)) | made for row in rows], COLUMNS)
    text = tables.table("roundtrip")

    assert text.startswith("Of 3 items xarray with rioxarray keeps 1, xr_inr 2. Made on 2026-11-22 with xarray 1.\n\n")
    assert text.splitlines()[4:] == [
        "| units | GeoTIFF | **no** | yes |",
        "| mask | ENVI | `TypeError` | **no** |",
        "| CRS | ENVI | yes | yes |",
    ]
