"""The paper's experiments on a tiny scene: rows are written once, runs resume to the same bits, figures are drawn."""

import dataclasses

import numpy as np
import pytest

from benchmarks import paper, results, scenes
from benchmarks.paper import figures, fits, iterations, rate_distortion, search
from benchmarks.paper.experiment import COLUMNS
from xr_inr.core.siren.presets import PRESETS

SCENE, SHAPE = "jasper_ridge_224", (5, 9, 11)
TIMES = ("fit_s", "decode_s")


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch, make_scene):
    """A folder of its own for results, checkpoints and figures; a tiny scene under a known name; small networks."""
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(fits, "CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setattr(figures, "FOLDER", tmp_path / "images")
    monkeypatch.setenv(scenes.FOLDER, str(tmp_path))
    monkeypatch.setitem(scenes.SCENES, SCENE, scenes.Source("A tiny scene", "tiny", SHAPE))
    np.save(tmp_path / "tiny.npy", make_scene(SHAPE))
    monkeypatch.setitem(PRESETS, "paper", dataclasses.replace(PRESETS["paper"], hidden_layers=(1, 2)))
    monkeypatch.setattr(search, "BPPPB", 16.0)
    monkeypatch.setattr(iterations, "BPPPB", 16.0)
    monkeypatch.setattr(rate_distortion, "RATES", (12.0, 24.0))


def run(experiment, **options):
    """Run an experiment on the tiny scene; return whether it is finished and what it said."""
    said = []
    return paper.run(experiment, **({"scenes": [SCENE], "iterations": 6, "say": said.append} | options)), said


def rows(experiment):
    """The rows of an experiment, without times."""
    found = results.read(paper.EXPERIMENTS[experiment].table)
    return [{column: value for column, value in row.items() if column not in TIMES} for row in found]


@pytest.mark.parametrize(
    ("experiment", "networks"),
    [
        ("search", {("1", "16"), ("2", "16")}),
        ("capacity", {("5", "16")}),
        ("rate-distortion", {("5", "16"), ("5", "32")}),
        ("iterations", {("5", "16")}),
    ],
)
def test_experiment_writes_rows_of_decoded_payloads(experiment, networks):
    finished, _ = run(experiment)
    found = rows(experiment)
    assert finished
    assert {(row["n_h"], row["weight_bits"]) for row in found} == networks
    for row in found:
        assert row["status"] == "ok"
        assert row["iterations"] == "6"
        assert float(row["bpppb"]) == pytest.approx(int(row["bytes"]) * 8 / np.prod(SHAPE), abs=1e-5)
        assert float(row["psnr_db"]) > float(row["fitted_psnr_db"]) - 0.1  # the decoder clips, which can only help
        assert float(row["bpppb"]) <= float(row["asked_bpppb"] or "inf")
        assert "torch" in row["versions"]


def test_rate_distortion_fits_once_and_stores_in_both_forms():
    run("rate-distortion")
    asked = [(row["asked_bpppb"], row["weight_bits"]) for row in rows("rate-distortion")]
    assert asked == [("12", "16"), ("24", "32"), ("24", "16"), ("48", "32")]


def test_iterations_take_a_row_at_each_snapshot():
    run("iterations")
    found = rows("iterations")
    assert [row["iteration"] for row in found] == ["1", "2", "3", "4", "5", "6"]
    reached = [float(row["fitted_psnr_db"]) for row in found]
    assert reached == sorted(reached)


@pytest.mark.parametrize("experiment", ["iterations", "rate-distortion", "search"])
def test_run_cut_short_again_and_again_gives_the_rows_of_one_that_is_not(experiment):
    run(experiment)
    whole = rows(experiment)
    results.write(paper.EXPERIMENTS[experiment].table, [], COLUMNS)
    runs = 1
    while not run(experiment, minutes=0)[0]:  # an iteration each
        runs += 1
    assert runs >= 6
    assert rows(experiment) == whole
    assert not list(fits.CHECKPOINTS.iterdir())


def test_run_that_is_cut_short_says_where_it_stopped():
    finished, said = run("iterations", minutes=0)
    assert not finished
    assert said[-1].endswith("stopped after 1 of 6 iterations")


def test_what_has_rows_is_not_fitted_again(monkeypatch):
    run("search")
    monkeypatch.setattr("benchmarks.paper.experiment.fit", lambda *_, **__: pytest.fail("fitted again"))
    assert run("search") == (True, [])


@pytest.mark.parametrize("lengths", [(6, 9), (9, 6)], ids=["longer later", "shorter later"])
def test_fits_of_other_lengths_stay_and_the_longest_is_shown(lengths):
    for length in lengths:
        run("search", iterations=length)
    assert [row["iterations"] for row in rows("search")] == ["6", "9", "6", "9"]
    assert [row["iterations"] for row in search.EXPERIMENT.rows()] == ["9", "9"]


def test_fits_last_as_long_as_the_experiment_says(monkeypatch):
    monkeypatch.setitem(paper.EXPERIMENTS, "search", dataclasses.replace(search.EXPERIMENT, iterations=3))
    run("search", iterations=None)
    assert {row["iterations"] for row in rows("search")} == {"3"}


def test_fit_of_other_samples_begins_anew(tmp_path):
    run("iterations", minutes=0)
    np.save(tmp_path / "tiny.npy", np.load(tmp_path / "tiny.npy")[::-1])
    assert run("iterations", minutes=0)[1][-1].endswith("stopped after 1 of 6 iterations")


def test_missing_scene_is_a_row_that_says_so():
    finished, said = run("search", scenes=["pavia_university", SCENE])
    missing = [row for row in rows("search") if row["scene"] == "pavia_university"]
    assert finished
    assert said[0].startswith("skipped: Pavia University")
    files = ", ".join(f"pavia_university.{suffix}" for suffix in ("npy", "mat", "hdr", "tif"))
    assert {row["status"] for row in missing} == {f"missing: none of {files} in the folder of scenes"}
    assert not any(row["psnr_db"] or row["bytes"] for row in missing)
    assert {row["status"] for row in rows("search") if row["scene"] == SCENE} == {"ok"}


def test_scene_that_went_missing_keeps_its_rows(tmp_path):
    run("search")
    before = rows("search")
    (tmp_path / "tiny.npy").unlink()
    run("search", iterations=7)
    assert rows("search") == before


def test_scene_that_turned_up_takes_the_place_of_its_missing_rows(tmp_path):
    (tmp_path / "tiny.npy").rename(tmp_path / "elsewhere.npy")
    run("search")
    (tmp_path / "elsewhere.npy").rename(tmp_path / "tiny.npy")
    run("search")
    assert [row["status"] for row in rows("search")] == ["ok", "ok"]


def test_budget_that_nothing_fits_is_a_row_that_says_so(monkeypatch):
    monkeypatch.setattr(rate_distortion, "RATES", (0.01,))
    finished, _ = run("rate-distortion")
    (row,) = rows("rate-distortion")
    assert finished
    assert row["status"].startswith("out of reach: a budget of 0 bytes")


def test_figures_are_drawn_of_what_has_rows():
    assert paper.draw() == []
    run("search")
    assert [file.name for file in paper.draw()] == ["paper_search.png"]
    run("all")
    drawn = paper.draw()
    assert [file.name for file in drawn] == [
        "paper_capacity.png",
        "paper_search.png",
        "paper_rate_distortion.png",
        "paper_iterations.png",
    ]
    assert all(file.stat().st_size > 5_000 for file in drawn)


PEER = dict.fromkeys(results.COLUMNS, "") | {"asked_bpppb": "12", "status": "ok", "bytes": "700", "bpppb": "11.5"}


def test_peers_measured_on_the_scene_stand_beside_the_network():
    peer = PEER | {"scene": SCENE, "codec": "pca + dct", "psnr_db": "31.5"}
    other = PEER | {"scene": SCENE, "codec": "sz3", "psnr_db": "30.0"}
    elsewhere = PEER | {"scene": "jasper_ridge_198", "codec": "jpeg 2000, per band", "psnr_db": "30.0"}
    results.write("rate_distortion", [peer, other, elsewhere], results.COLUMNS)
    run("rate-distortion")
    assert list(rate_distortion.peers(SCENE)) == ["pca + dct"]
    table = rate_distortion.table_ii(12.0)
    assert "| A tiny scene | pca + dct |  |  | 700 | 11.5000 | 31.50 |" in table
    assert "| A tiny scene | SIREN, 16 bits | 5, " in table
    assert "sz3" not in table
    assert "jpeg 2000" not in table


def test_end_of_the_long_fit_stands_beside_the_shorter_one(monkeypatch):
    monkeypatch.setattr(iterations, "BPPPB", 12.0)
    run("rate-distortion")
    run("iterations", iterations=9)
    found = [row for row in rate_distortion.fitted() if (row["asked_bpppb"], row["weight_bits"]) == ("12", "16")]
    assert [(row["iterations"], row["iteration"]) for row in found] == [("6", "6"), ("9", "9")]
    lines = [line for line in rate_distortion.table_ii(12.0).splitlines() if "SIREN, 16 bits" in line]
    assert [line.split(" | ")[3] for line in lines] == ["6", "9"]


def test_network_fitted_equally_long_by_two_experiments_counts_once(monkeypatch):
    monkeypatch.setattr(iterations, "BPPPB", 12.0)
    run("rate-distortion")
    alone = rate_distortion.fitted()
    run("iterations")
    assert rate_distortion.fitted() == alone
