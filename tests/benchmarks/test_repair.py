"""The repair of a scene whose byte 13 became 10, and the table of what that damage does to codecs."""

import numpy as np
import pytest
from synthetic_rows import curve, store

from benchmarks import folds, results, scenes, tables
from benchmarks.curves import ANCHOR
from benchmarks.damage import DISTRIBUTED, REPAIRED
from benchmarks.repair import damaged, repaired


def sound_cube(dtype="u2"):
    """Return a cube of three materials with a little noise, no low byte of which is 13."""
    random = np.random.default_rng(0)
    spectra = 1000 + 5000 * random.random((3, 40))
    shares = random.dirichlet(np.ones(3), 24 * 26)
    cube = np.rint(shares @ spectra + random.normal(0, 5, (24 * 26, 40))).T.reshape(40, 24, 26).astype(dtype)
    return np.where(cube & 0xFF == 13, cube + 1, cube).astype(dtype)


def folded(cube):
    return np.where(cube >> 8 == 13, cube - 768, cube).astype(cube.dtype)


@pytest.mark.parametrize("dtype", ["u2", "i2"])
def test_folded_samples_come_back_where_they_were(dtype):
    cube = sound_cube(dtype)
    assert np.mean(folded(cube) != cube) > 0.05

    again = repaired(folded(cube))

    assert again.dtype == cube.dtype
    np.testing.assert_array_equal(again, cube)


def test_cube_of_two_bytes_without_byte_13_is_damaged():
    assert damaged(folded(sound_cube()))


@pytest.mark.parametrize("value", [13, 13 << 8, 256 + 13], ids=["low", "high", "low of a large one"])
def test_cube_with_byte_13_is_told_to_be_undamaged(value):
    cube = folded(sound_cube())
    cube[3, 2, 1] = value

    assert not damaged(cube)
    with pytest.raises(ValueError, match=r"must lack byte 13 .* Got 1 samples with byte 13"):
        repaired(cube)


def test_cube_without_byte_10_has_nothing_to_repair():
    assert not damaged(np.full((4, 8, 8), 0x0B0B, "u2"))


@pytest.mark.parametrize("dtype", ["f4", "u1", "i4"])
def test_samples_of_other_types_are_refused(dtype):
    with pytest.raises(ValueError, match=f"integers of 16 bits. Got {np.dtype(dtype)}"):
        repaired(np.zeros((4, 8, 8), dtype))


def test_shape_that_is_no_cube_is_refused():
    with pytest.raises(ValueError, match=r"\(bands, height, width\). Got the shape \(4, 8\)"):
        repaired(np.zeros((4, 8), "u2"))


def test_indian_pines_is_damaged_and_its_repair_leaves_no_hole(monkeypatch):
    monkeypatch.delenv(scenes.FOLDER, raising=False)
    before, after = scenes.load(DISTRIBUTED), scenes.load(REPAIRED)
    counts = np.bincount((after >> 8).ravel())

    assert damaged(before)
    assert int(np.sum(before != after)) == pytest.approx(116_646, abs=20)
    assert counts[9] * 0.8 < counts[10] < counts[11]
    assert counts[12] > counts[13] > counts[14] * 0.95


def test_folds_are_told_from_what_was_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    cube = sound_cube()
    found = folds.measured(folded(cube), cube)
    results.write("folds", [found], folds.COLUMNS)

    count = np.sum(cube >> 8 == 13)
    assert int(found["folded"]) == count
    assert float(found["rmse_repaired"]) < 6 < float(found["rmse_distributed"])
    assert f"{count:,} are folded, {100 * count / cube.size:.1f} % of all samples" in tables.table("folds")


def test_repaired_scene_is_not_among_those_that_every_codec_is_measured_on():
    assert REPAIRED in scenes.SCENES
    assert REPAIRED not in scenes.MAIN


def test_table_of_the_damage_compares_both_scenes_at_the_rates_they_share(tmp_path, monkeypatch):
    rows = [
        *curve(DISTRIBUTED, ANCHOR, 42.0),
        *curve(DISTRIBUTED, "latent, fast", 45.0),
        *curve(DISTRIBUTED, "zfp", 30.0),
        *curve(REPAIRED, ANCHOR, 51.0, rates=(0.02, 0.1)),
        *curve(REPAIRED, "latent, fast", 52.0, rates=(0.02, 0.1)),
    ]
    store(rows, tmp_path, monkeypatch)

    assert tables.table("damage").splitlines()[-2:] == [
        "| latent, fast | 45.00 | 52.00 | -49.9 % | -20.6 % | - | - |",
        f"| {ANCHOR} (anchor) | 42.00 | 51.00 | +0.0 % | +0.0 % | - | - |",
    ]


def test_means_have_the_repaired_scene_in_the_place_of_the_damaged_one(tmp_path, monkeypatch):
    """A curve 1 dB above one of 10 dB for a factor of 10 in rate takes 10^-0.1 of its rate: 20.6 % less."""
    ahead = {"jasper_ridge_198": 1, "pavia_centre_crop": 1, DISTRIBUTED: 3, REPAIRED: 1}
    rows = [
        row for name in ahead for row in (*curve(name, ANCHOR, 42.0), *curve(name, "latent, fast", 42.0 + ahead[name]))
    ]
    store(rows, tmp_path, monkeypatch)

    assert tables.table("damage").splitlines()[-2].endswith("| -49.9 % | -20.6 % | -30.3 % | -20.6 % |")
