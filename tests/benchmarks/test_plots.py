"""Pictures of the results: a file of each kind for every scene, and every codec named in it."""

import matplotlib as mpl
import pytest
from matplotlib.colors import is_color_like
from PIL import Image
from synthetic_rows import curve, out_of_reach, row, store

from benchmarks import plots
from benchmarks.codecs import registry
from benchmarks.curves import measured
from benchmarks.styles import UNKNOWN, style

SCENE = "jasper_ridge_198"
KINDS = ("psnr", "sam", "throughput")

mpl.use("Agg")


@pytest.fixture(autouse=True)
def rows(tmp_path, monkeypatch):
    rows = [
        *curve(SCENE, "siren, best", 42.0),
        *curve(SCENE, "klt + jpeg 2000", 43.0, rates=(0.1, 0.2, 0.4)),
        *curve(SCENE, "tthresh", 39.0),
        *curve(SCENE, "of next year", 50.0, device="cuda"),
        *curve("mars", "siren, best", 40.0, rates=(0.1,)),
        out_of_reach(SCENE, "zfp", 0.1),
        row(SCENE, "jpeg-ls", None, float("inf")),
        row(SCENE, "sz3", 0.1, float("inf"), sam_mean_degrees="0.00000"),
    ]
    store(rows, tmp_path / "results", monkeypatch)


def on_the_scene():
    return [one for one in measured() if one.scene == SCENE]


def texts(figure):
    figure.canvas.draw()
    return {text.get_text() for text in figure.findobj(mpl.text.Text)}


def test_every_scene_has_a_small_png_of_each_kind(tmp_path):
    written = plots.draw(tmp_path / "images" / "benchmarks")

    assert {path.name for path in written} == {f"{kind}_{scene}.png" for kind in KINDS for scene in (SCENE, "mars")}
    for path in written:
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            assert picture.width > 1000
        assert path.stat().st_size < 200_000


def test_the_same_results_give_the_same_bytes(tmp_path, monkeypatch):
    store(curve("mars", "siren, best", 40.0), tmp_path, monkeypatch)

    first, second = (plots.draw(tmp_path / name)[0].read_bytes() for name in ("first", "second"))

    assert first == second


def test_without_results_nothing_is_drawn(tmp_path, monkeypatch):
    store([], tmp_path / "none", monkeypatch)

    assert plots.draw(tmp_path / "images") == []


@pytest.mark.parametrize("picture", [plots.psnr, plots.spectral_angle])
def test_every_curve_is_named_at_its_end_known_or_not(picture):
    shown = texts(picture(SCENE, on_the_scene()))

    assert {"siren, best", "klt + jpeg 2000", "tthresh", "of next year"} <= shown
    assert not {"zfp", "jpeg-ls", "sz3"} & shown


def test_throughput_is_samples_over_seconds():
    """A million samples, encoded in 250 s and decoded in 0.05 s."""
    axes = plots.throughput(SCENE, on_the_scene()).axes[0]
    encoded, decoded = axes.lines[0].get_xdata()

    assert encoded == pytest.approx(1 / 250)
    assert decoded == pytest.approx(20)


def test_throughput_goes_by_quality_and_names_other_devices():
    figure = plots.throughput(SCENE, [one for one in on_the_scene() if one.codec != "sz3"])

    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "of next year (cuda)   50.0 dB",
        "klt + jpeg 2000   43.0 dB",
        "siren, best   42.0 dB",
    ]


def test_throughput_says_whose_times_it_leaves_out():
    figure = plots.throughput(SCENE, on_the_scene())

    assert "Left out: tthresh, whose times are those of a WebAssembly sandbox." in texts(figure)


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ([], []),
        ([0.2, 0.5], [0.2, 0.5]),
        ([0.5, 0.5], [0.45, 0.55]),
        ([0.4, 0.5, 0.5], [0.3666, 0.4666, 0.5666]),
        ([0.98, 1.0], [0.9, 1.0]),
        ([0.0, 0.01], [0.0, 0.1]),
    ],
    ids=["none", "apart", "pushed apart", "chain", "at the top", "at the bottom"],
)
def test_names_move_no_farther_than_they_must(wanted, places):
    assert plots.spread(wanted, gap=0.1, low=0, high=1) == pytest.approx(places, abs=1e-3)


def test_every_codec_has_a_look_of_its_own():
    looks = [(style(codec).colour, style(codec).marker) for codec in registry.CODECS]

    assert len(set(looks)) == len(looks)
    assert all(is_color_like(colour) for colour, _ in looks)


@pytest.mark.parametrize(
    ("codec", "like"),
    [("siren, tomorrow", "siren, best"), ("latent, tomorrow", "latent, best"), ("klt + x", "klt + avif")],
)
def test_a_codec_of_a_known_family_looks_like_it(codec, like):
    assert style(codec).strong == style(like).strong
    assert style(codec) != UNKNOWN


@pytest.mark.parametrize("codec", ["of next year", ""])
def test_any_other_codec_has_a_look_too(codec):
    assert style(codec) == UNKNOWN
