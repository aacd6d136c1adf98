"""Downstream use: indices on pixels made by hand, classification, rows, table and picture."""

import numpy as np
import pytest

from benchmarks import downstream, downstream_tables, results, scenes
from benchmarks.downstream import DARK, ORIGINAL, Classification, index_errors, index_map

WAVELENGTHS = np.array([500.0, 671.0, 718.0, 803.0])


def scene_of(red, edge, infrared):
    """Return one pixel, (4, 1, 1), of radiances at 671, 718 and 803 nm."""
    return (np.array([7, red, edge, infrared]) + DARK).astype(np.uint16)[:, None, None]


@pytest.mark.parametrize(
    ("name", "radiances", "value"),
    [
        ("ndvi", (100, 0, 300), 0.5),
        ("ndvi", (300, 0, 100), -0.5),
        ("ndvi", (0, 50, 0), 0.0),
        ("ndre", (9, 100, 300), 0.5),
        ("ndre", (9, 200, 200), 0.0),
    ],
)
def test_index_is_the_normalised_difference_of_radiances_at_the_nearest_bands(name, radiances, value):
    assert index_map(scene_of(*radiances), WAVELENGTHS, name).tolist() == [[value]]


def test_errors_of_indices_are_between_the_maps():
    original = np.concatenate([scene_of(100, 100, 300), scene_of(100, 300, 300)], axis=2)
    decoded = np.concatenate([scene_of(300, 100, 300), scene_of(100, 300, 300)], axis=2)
    errors = index_errors(decoded, original, WAVELENGTHS)
    assert errors["ndvi_max_error"] == 0.5
    assert errors["ndvi_rmse"] == pytest.approx(0.5 / np.sqrt(2))
    assert errors["ndre_rmse"] == errors["ndre_max_error"] == 0.0


def separable(seed=0, spread=1.0):
    """Return a scene of three classes, (6, 20, 30), around distinct spectra, and its labels; a column has none."""
    generator = np.random.default_rng(seed)
    labels = np.tile(np.repeat([1, 2, 3], 10), (20, 1))
    labels[:, -1] = 0
    spectra = np.array([[0, 0, 0], [500, 0, 0], [0, 500, 500], [500, 500, 0]])[labels]
    cube = np.concatenate([spectra, spectra], axis=2).transpose(2, 0, 1) + 2000
    return np.rint(cube + generator.normal(0, spread, cube.shape)).astype(np.uint16), labels


def test_separable_classes_are_all_found():
    scene, labels = separable()
    figures = Classification(scene, labels, seeds=(0, 1)).figures(scene)
    assert figures["accuracy_mean"] == figures["kappa_mean"] == figures["original_accuracy_mean"] == 1.0
    assert figures["accuracy_std"] == 0.0


def test_same_seeds_give_the_same_figures():
    scene, labels = separable(spread=300.0)
    first, second = (Classification(scene, labels, seeds=(3, 4)).figures(scene) for _ in range(2))
    assert first == second
    assert 0.3 < first["accuracy_mean"] < 1.0


def test_original_changes_nothing():
    scene, labels = separable(spread=300.0)
    figures = Classification(scene, labels, seeds=(0, 1)).figures(scene)
    for prefix in ("", "original_"):
        assert figures[f"{prefix}accuracy_change_mean"] == figures[f"{prefix}accuracy_change_std"] == 0.0


def test_scene_without_spectra_costs_accuracy():
    scene, labels = separable()
    shuffled = np.random.default_rng(0).permuted(scene.reshape(6, -1), axis=1).reshape(scene.shape)
    figures = Classification(scene, labels, seeds=(0, 1)).figures(shuffled)
    assert figures["accuracy_change_mean"] < -0.3
    assert figures["original_accuracy_change_mean"] < -0.3
    assert abs(figures["kappa_mean"]) < 0.3


def test_ground_truth_is_that_of_the_scene():
    labels, wavelengths = downstream.ground_truth()
    bands, height, width = scenes.SCENES[downstream.SCENE].shape
    assert labels.shape == (height, width)
    assert wavelengths.shape == (bands,)
    assert np.unique(labels).tolist() == list(range(17))
    nearest = {float(np.abs(wavelengths - target).min()) for pair in downstream.INDICES.values() for target in pair}
    assert max(nearest) < 5


class Raw:
    """A codec that stores every sample."""

    def missing(self):
        return None

    def decode(self, payload):
        return np.frombuffer(payload, np.uint16).reshape(6, 20, 30)


@pytest.fixture
def measured(tmp_path, monkeypatch, capsys):
    """The rows of a run on a separable scene with one stream, which holds every sample, and what was printed."""
    scene, labels = separable()
    wavelengths = np.linspace(660, 810, 6)
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(downstream, "PICTURE", tmp_path / "images" / "downstream.png")
    monkeypatch.setattr(downstream, "ground_truth", lambda: (labels, wavelengths))
    monkeypatch.setattr(scenes, "load", lambda _: scene)
    monkeypatch.setattr(downstream.registry, "make", lambda _: Raw())
    (tmp_path / "indian_pines_200__klt-jpeg-2000__0.1.bin").write_bytes(scene.tobytes())
    downstream.run(tmp_path, codecs=("klt + jpeg 2000", "sz3"), rates=(0.1,))
    return results.read("downstream"), capsys.readouterr().out


def test_rows_are_the_original_and_every_stream_that_is_there(measured):
    rows, printed = measured
    assert [(row["codec"], row["asked_bpppb"], row["bpppb"]) for row in rows] == [
        (ORIGINAL, "", ""),
        ("klt + jpeg 2000", "0.1", "16.00000"),
    ]
    assert rows[1]["accuracy_mean"] == "1.000000"
    assert rows[1]["ndvi_rmse"] == "0.000000"
    assert "skipped: sz3 at 0.1 bpppb, there is no indian_pines_200__sz3__0.1.bin" in printed


def test_table_has_the_original_first_and_changes_in_points(measured):
    rows, _ = measured
    rows[1] |= {"accuracy_mean": "0.8", "accuracy_change_mean": "-0.2", "accuracy_change_std": "0.01"}
    table = downstream_tables.downstream(rows)
    assert table.index("| | original | 100.0 ± 0.0 |") < table.index(
        "| 0.1 | `klt + jpeg 2000` | 80.0 ± 0.0 | -20.0 ± 1.0"
    )


def test_no_table_without_results(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    assert downstream_tables.tables() == {}


@pytest.mark.usefixtures("measured")
def test_picture_and_table_come_from_the_results():
    rows = results.read("downstream")
    results.write("downstream", [row | {"ndvi_rmse": "0.1", "ndre_rmse": "0.1"} for row in rows], downstream.COLUMNS)
    downstream.draw()
    assert downstream.PICTURE.stat().st_size > 0
    assert set(downstream_tables.tables()) == {"downstream"}
