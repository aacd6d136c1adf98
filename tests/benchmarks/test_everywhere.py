"""What presets save on every scene at hand: means of the main scenes, and of all."""

import pytest
from synthetic_rows import curve, store

from benchmarks import tables
from benchmarks.curves import ANCHOR
from benchmarks.scenes import EVERY, MAIN, SCENES

OTHER = "abu_beach_1"


@pytest.fixture
def cells(tmp_path, monkeypatch):
    """The table's lines by codec and anchor: curves 1 dB ahead on main scenes and 3 dB on another one.

    A curve of 10 dB for a factor of 10 in rate takes 10^-0.1 of the rate, or 10^-0.3: 20.6 or 49.9 % less.
    """
    ahead = dict.fromkeys(MAIN, 1) | {OTHER: 3}
    rows = [row for name in ahead for row in curve(name, ANCHOR, 42.0)]
    rows += [row for name, more in ahead.items() for row in curve(name, "latent, fast", 42.0 + more)]
    rows += curve(OTHER, "latent, best", 45.0)
    store([*rows, *curve("indian_pines_repaired", ANCHOR, 42.0)], tmp_path, monkeypatch)
    lines = [line.split("|")[1:-1] for line in tables.table("everywhere").splitlines() if line.startswith("| latent")]
    return {tuple(cell.strip() for cell in line[:2]): [cell.strip() for cell in line[2:]] for line in lines}


def test_each_scene_has_its_figure_and_the_means_follow(cells):
    assert cells["latent, fast", ANCHOR] == ["-20.6 %"] * 3 + ["-49.9 %", "-20.6 %", "-27.9 %"]


def test_a_scene_that_a_codec_was_not_measured_on_has_no_figure(cells):
    assert cells["latent, best", ANCHOR] == ["-", "-", "-", "-49.9 %", "-", "-49.9 %"]


def test_an_anchor_that_was_not_measured_gives_no_figure(cells):
    assert set(cells["latent, fast", "klt + hevc intra"]) == {"-"}


def test_every_scene_counts_once_and_as_it_is_distributed():
    assert EVERY[:3] == MAIN
    assert len({SCENES[name].stem for name in EVERY}) == len(EVERY)
    assert "indian_pines_repaired" not in EVERY
