"""The figures of the presets: those of the results, with nothing where nothing was measured."""

import json

import pytest
from synthetic_rows import curve, out_of_reach, row, store

from benchmarks import preset_figures
from xr_inr.core.request import PRESETS_OF
from xr_inr.preset_figures import FIGURES, FILE

HERE, ELSEWHERE, KLT = preset_figures.SCENE, "pavia_centre_crop", "klt + jpeg 2000"


@pytest.fixture
def figures(tmp_path, monkeypatch):
    """A function that makes rows the results and returns the figures of a preset."""

    def figures(rows, preset="latent, fast"):
        store(rows, tmp_path, monkeypatch)
        return json.loads(preset_figures.expected())["presets"][preset]

    return figures


def test_file_in_the_package_is_that_of_the_results():
    assert FILE.read_text() == preset_figures.expected(), "python -m benchmarks table writes it anew"


def test_every_preset_has_an_entry():
    presets = json.loads(FILE.read_text())["presets"]
    assert list(presets) == [f"{model}, {name}" for model, names in PRESETS_OF.items() for name in names]
    assert {tuple(figures) for figures in presets.values()} == {FIGURES}


def test_time_and_psnr_are_those_of_one_scene_at_one_rate(figures):
    rows = [
        row(HERE, "latent, fast", 0.1, 41.234, encode_cpu_s="12.34"),
        row(HERE, "latent, fast", 0.2, 45.0, encode_cpu_s="99.0"),
        row(HERE, "latent, best", 0.1, 45.0, encode_cpu_s="99.0"),
        row(ELSEWHERE, "latent, fast", 0.1, 45.0, encode_cpu_s="99.0"),
    ]
    assert figures(rows) == {
        "encode_s": 12.3,
        "threads": 1,
        "cores": 2,
        "device": "cpu",
        "psnr_db": 41.23,
        "bd_rate_percent": None,
        "bd_rate_scenes": None,
    }


def test_bd_rate_is_the_mean_of_the_scenes_that_have_one(figures):
    """A curve 1 dB below one of 10 dB for a factor of 10 in rate takes 10^0.1 of its rate: 25.9 % more."""
    rows = [
        *curve(HERE, KLT, 43.0),
        *curve(HERE, "latent, fast", 42.0),
        *curve(ELSEWHERE, KLT, 43.0),
        *curve(ELSEWHERE, "latent, fast", 43.0),
        *curve("jasper_ridge_224", KLT, 43.0),
        row("jasper_ridge_224", "latent, fast", 0.1, 50.0),
    ]
    found = figures(rows)
    assert found["bd_rate_percent"] == pytest.approx(25.9 / 2, abs=0.06)
    assert found["bd_rate_scenes"] == 2


def test_bd_rate_leaves_out_scenes_beside_the_main_ones(figures):
    rows = [
        *curve(HERE, KLT, 43.0),
        *curve(HERE, "latent, fast", 43.0),
        *curve("indian_pines_repaired", KLT, 43.0),
        *curve("indian_pines_repaired", "latent, fast", 42.0),
    ]
    found = figures(rows)
    assert found["bd_rate_percent"] == 0
    assert found["bd_rate_scenes"] == 1


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="no results"),
        pytest.param([out_of_reach(HERE, "latent, fast", 0.1), *curve(HERE, KLT, 43.0)], id="no stream"),
        pytest.param([row(HERE, "siren, paper, 30 s", 0.1, 30.0)], id="another codec"),
    ],
)
@pytest.mark.parametrize("preset", ["latent, fast", "siren, paper"])
def test_what_was_not_measured_is_nothing(figures, rows, preset):
    assert figures(rows, preset) == dict.fromkeys(FIGURES)


def test_a_curve_short_of_the_rate_has_a_bd_rate_alone(figures):
    found = figures([*curve(HERE, KLT, 43.0), *curve(HERE, "latent, fast", 44.0, rates=(0.01, 0.02, 0.04))])
    assert [name for name, value in found.items() if value is not None] == ["bd_rate_percent", "bd_rate_scenes"]


def test_file_is_written_as_expected(tmp_path):
    preset_figures.write(tmp_path / "figures.json")
    assert (tmp_path / "figures.json").read_text() == preset_figures.expected()
