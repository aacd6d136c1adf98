"""Downstream use: indices on pixels made by hand, splits, classification, rows, table and picture."""

import numpy as np
import pytest

from benchmarks import results, scenes
from benchmarks.codecs import registry
from benchmarks.downstream import plots as downstream_plots
from benchmarks.downstream import run as downstream
from benchmarks.downstream import tables as downstream_tables
from benchmarks.downstream.classification import COLUMNS, Classification, field_splits, pixel_splits
from benchmarks.downstream.indices import DARK, INDICES, index_errors, index_map
from benchmarks.downstream.run import ORIGINAL

WAVELENGTHS = np.array([500.0, 671.0, 718.0, 803.0])
TWO = {"pixels": 2, "fields": 2}


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
    """Return a scene of three classes, (6, 20, 31), around distinct spectra, and its labels.

    Two classes have a field in the upper and one in the lower half, the third has a single field.
    """
    generator = np.random.default_rng(seed)
    labels = np.tile(np.repeat([1, 2, 3, 0], [10, 10, 10, 1]), (20, 1))
    labels[9:11, :20] = 0
    spectra = np.array([[0, 0, 0], [500, 0, 0], [0, 500, 500], [500, 500, 0]])[labels]
    cube = np.concatenate([spectra, spectra], axis=2).transpose(2, 0, 1) + 2000
    return np.rint(cube + generator.normal(0, spread, cube.shape)).astype(np.uint16), labels


@pytest.mark.parametrize("splits", [pixel_splits, field_splits])
def test_no_pixel_is_trained_on_and_tested_and_all_are_labelled(splits):
    _, labels = separable()
    for train, test in splits(labels, 3):
        assert not set(train) & set(test)
        assert labels.ravel()[np.concatenate([train, test])].all()


def test_pixels_of_every_class_are_trained_on_in_its_share():
    _, labels = separable()
    for train, _ in pixel_splits(labels, 3):
        assert np.bincount(labels.ravel()[train]).tolist() == [0, 18, 18, 20]


def test_fields_are_trained_on_or_tested_and_nothing_between():
    _, labels = separable()
    upper = np.indices(labels.shape)[0].ravel() < 10
    for train, test in field_splits(labels, 5):
        for name in (1, 2):
            trained, tested = (set(upper[side[labels.ravel()[side] == name]]) for side in (train, test))
            assert len(trained) == len(tested) == 1
            assert trained != tested


def test_class_of_a_single_field_is_left_out_of_splits_of_fields():
    _, labels = separable()
    for train, test in field_splits(labels, 5):
        assert set(labels.ravel()[train]) == set(labels.ravel()[test]) == {1, 2}


def test_areas_that_touch_at_a_corner_are_one_field():
    labels = np.array([[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 1, 0, 1]])
    tested = {tuple(test.tolist()) for _, test in field_splits(labels, 8)}
    assert tested == {(0, 1, 5, 6, 12), (14,)}


def test_training_pixels_are_as_many_in_either_protocol():
    _, labels = separable()
    (of_pixels, _), (of_fields, _) = pixel_splits(labels, 1)[0], field_splits(labels, 1)[0]
    counts = [np.bincount(labels.ravel()[train], minlength=4)[1:3].tolist() for train in (of_pixels, of_fields)]
    assert counts[0] == counts[1]


def test_separable_classes_are_all_found():
    scene, labels = separable()
    figures = Classification(scene, labels, TWO).figures(scene)
    assert set(figures) == set(COLUMNS)
    for name in ("pixels_accuracy", "pixels_kappa", "pixels_original_accuracy", "fields_accuracy", "fields_kappa"):
        assert (figures[f"{name}_mean"], figures[f"{name}_std"]) == (1.0, 0.0)


def test_every_classification_of_a_scene_gives_the_same_figures():
    scene, labels = separable(spread=300.0)
    first, second = (Classification(scene, labels, TWO).figures(scene) for _ in range(2))
    assert first == second
    assert 0.3 < first["pixels_accuracy_mean"] < 1.0


def test_original_changes_nothing():
    scene, labels = separable(spread=300.0)
    figures = Classification(scene, labels, TWO).figures(scene)
    assert {figures[column] for column in COLUMNS if "accuracy_change" in column} == {0.0}


def test_scene_without_spectra_costs_accuracy():
    scene, labels = separable()
    shuffled = np.random.default_rng(0).permuted(scene.reshape(6, -1), axis=1).reshape(scene.shape)
    figures = Classification(scene, labels, TWO).figures(shuffled)
    for name in ("pixels_", "pixels_original_", "fields_", "fields_original_"):
        assert figures[f"{name}accuracy_change_mean"] < -0.3
        assert abs(figures[f"{name}kappa_mean"]) < 0.3


def test_spectra_that_differ_from_field_to_field_cost_accuracy_on_new_fields_only():
    scene, labels = separable()
    lower = scene[:, 10:, :20].copy()
    scene[:, 10:, :10], scene[:, 10:, 10:20] = lower[:, :, 10:] + 200, lower[:, :, :10] + 200
    figures = Classification(scene, labels, {"pixels": 2, "fields": 6}).figures(scene)
    assert figures["pixels_accuracy_mean"] == 1.0
    assert figures["fields_accuracy_mean"] < 0.9


def test_ground_truth_is_that_of_the_scene():
    labels, wavelengths = downstream.ground_truth()
    bands, height, width = scenes.SCENES[downstream.SCENE].shape
    assert labels.shape == (height, width)
    assert wavelengths.shape == (bands,)
    assert np.unique(labels).tolist() == list(range(17))
    nearest = {float(np.abs(wavelengths - target).min()) for pair in INDICES.values() for target in pair}
    assert max(nearest) < 5


def test_seven_classes_of_the_ground_truth_have_a_single_field():
    labels, _ = downstream.ground_truth()
    for train, test in field_splits(labels, 2):
        assert len(np.unique(labels.ravel()[train])) == len(np.unique(labels.ravel()[test])) == 16 - 7


class Raw:
    """A codec that stores every sample."""

    def missing(self):
        return None

    def decode(self, payload):
        return np.frombuffer(payload, np.uint16).reshape(6, 20, 31)


SIZE = 6 * 20 * 31 * 2


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A folder of streams that hold every sample, made for three rows of the table of streams; one is not there."""
    scene, labels = separable()
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(downstream, "ground_truth", lambda: (labels, np.linspace(660, 810, 6)))
    monkeypatch.setattr(downstream, "PROTOCOLS", TWO)
    monkeypatch.setattr(downstream, "Classification", lambda *of: Classification(*of, TWO))
    monkeypatch.setattr(scenes, "load", lambda _: scene)
    monkeypatch.setattr(registry, "make", lambda _: Raw())
    made = {"scene": downstream.SCENE, "status": "ok", "bytes": str(SIZE), "bpppb": "16.00000"}
    keys = (("klt + jpeg 2000", "0.1"), ("klt + jpeg 2000", "0.2"), ("sz3", "0.1"), ("pcodec", ""))
    rows = [dict.fromkeys(results.COLUMNS, "") | made | {"codec": codec, "asked_bpppb": at} for codec, at in keys]
    results.write(results.GRID, rows, results.COLUMNS)
    for name in ("klt-jpeg-2000__0.1", "klt-jpeg-2000__0.2"):
        (tmp_path / f"indian_pines_200__{name}.bin").write_bytes(scene.tobytes())
    return tmp_path


def recorded():
    """Return the keys of the rows, in order."""
    return [(row["codec"], row["asked_bpppb"]) for row in results.read("downstream")]


ALL = [(ORIGINAL, ""), ("klt + jpeg 2000", "0.1"), ("klt + jpeg 2000", "0.2")]


def test_rows_are_the_original_and_every_stream_that_is_there(bench):
    downstream.run(bench)
    row = results.read("downstream")[1]
    assert recorded() == ALL
    assert [row[name] for name in ("bytes", "pixels_accuracy_mean", "ndvi_rmse", "fields_splits")] == [
        str(SIZE),
        "1.000000",
        "0.000000",
        "2",
    ]


def test_streams_that_are_not_there_are_counted_with_what_makes_them(bench, capsys):
    downstream.run(bench)
    printed = capsys.readouterr().out
    assert f"not in {bench}: 1 of 3 streams" in printed
    assert "python -m benchmarks run --again --scenes indian_pines_200" in printed


def test_stream_of_another_length_than_its_row_is_refused(bench, capsys):
    (bench / "indian_pines_200__klt-jpeg-2000__0.1.bin").write_bytes(b"another")
    downstream.run(bench)
    assert recorded() == [ALL[0], ALL[2]]
    assert f"skipped: indian_pines_200__klt-jpeg-2000__0.1.bin has 7 bytes, its row in {results.GRID}.tsv {SIZE}" in (
        capsys.readouterr().out
    )


def test_rows_stay_where_streams_are_gone(bench):
    downstream.run(bench)
    before = results.read("downstream")
    downstream.run(bench / "nowhere", again=True)
    assert [row | {"date": ""} for row in results.read("downstream")] == [row | {"date": ""} for row in before]


def test_rows_are_merged_in_the_order_of_codecs_and_rates(bench):
    for rate in (0.2, 0.1):
        downstream.run(bench, codecs=("klt + jpeg 2000",), rates=(rate,))
    assert recorded() == ALL


@pytest.mark.parametrize(("again", "marked"), [(False, ["7", "7", "7"]), (True, ["1", "1", "1"])])
def test_what_has_a_row_is_measured_when_asked_for_again(bench, again, marked):
    downstream.run(bench)
    rows = [row | {"pixels_accuracy_mean": "7"} for row in results.read("downstream")]
    results.write("downstream", rows, downstream.COLUMNS)
    downstream.run(bench, again=again)
    assert [row["pixels_accuracy_mean"][0] for row in results.read("downstream")] == marked


def test_row_of_an_older_stream_is_measured_anew(bench):
    downstream.run(bench)
    rows = results.read("downstream")
    rows[1] |= {"bytes": "5", "pixels_accuracy_mean": "7"}
    results.write("downstream", rows, downstream.COLUMNS)
    downstream.run(bench)
    assert results.read("downstream")[1]["pixels_accuracy_mean"] == "1.000000"


def test_what_was_measured_before_an_interruption_is_recorded(bench, monkeypatch):
    def interrupted(_, payload):
        raise KeyboardInterrupt(payload)

    monkeypatch.setattr(Raw, "decode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        downstream.run(bench)
    assert recorded() == ALL[:1]


def test_table_has_the_original_first_and_changes_in_points(bench):
    downstream.run(bench)
    rows = results.read("downstream")
    rows[1] |= {"fields_accuracy_mean": "0.8", "fields_accuracy_change_mean": "-0.2"}
    table = downstream_tables.downstream(rows)
    assert table.index("|  | original | 100.0 ± 0.0 |") < table.index("| 0.1 | `klt + jpeg 2000` | 100.0 ± 0.0 | +0.0")
    assert "| 80.0 ± 0.0 | -20.0 ± 0.0 |" in table


@pytest.mark.parametrize("lines", [slice(0, 1), slice(1, 2), slice(2, 3)])
def test_lines_of_the_table_have_a_cell_for_every_heading(bench, lines):
    downstream.run(bench)
    table = downstream_tables.downstream(results.read("downstream")).split("\n\n")[-1]
    assert [line.count("|") - 1 for line in table.splitlines()[lines]] == [len(downstream_tables.HEADINGS)]


def test_picture_is_drawn_from_the_rows(bench):
    downstream.run(bench)
    rows = [row | {"ndvi_rmse": "0.1", "ndre_rmse": "0.1"} for row in results.read("downstream")]
    results.write("downstream", rows, downstream.COLUMNS)
    (path,) = downstream_plots.draw(bench / "images")
    assert path == bench / "images" / "downstream.png"
    assert path.stat().st_size > 0


def test_nothing_is_drawn_or_tabled_without_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    assert downstream_plots.draw(tmp_path / "images") == []
    assert not (tmp_path / "images").exists()
    assert downstream_tables.tables() == {}
