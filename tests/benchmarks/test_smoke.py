"""Our codecs are as good as the committed results say."""

import pytest

from benchmarks import scenes, smoke

NAMES = [", ".join(map(str, row)) for row in smoke.SUBSET]


@pytest.mark.parametrize("wanted", smoke.SUBSET, ids=NAMES)
def test_psnr_is_not_below_the_committed_one(wanted):
    rows = list(smoke.rows([wanted]))
    if not rows:
        pytest.skip(f"{scenes.FOLDER} names no folder with {wanted[0]}")

    assert smoke.shortfall(rows[0], smoke.committed()) is None


ROW = {"scene": "scene", "codec": "codec", "asked_bpppb": "0.1", "status": "ok", "bpppb": "0.1", "psnr_db": "40.0"}


@pytest.mark.parametrize(
    ("measured", "fails"),
    [
        ({"psnr_db": "40.3"}, False),
        ({"psnr_db": "39.81"}, False),
        ({"psnr_db": "39.79"}, True),
        ({"psnr_db": "", "status": "out of reach: 1 byte"}, True),
    ],
)
def test_more_than_0_2_db_below_the_committed_psnr_is_a_shortfall(measured, fails):
    found = smoke.shortfall(ROW | measured, {("scene", "codec", "0.1"): ROW})

    assert (found is not None) == fails


@pytest.mark.parametrize("known", [{}, {("scene", "codec", "0.1"): ROW | {"psnr_db": "", "status": "out of reach"}}])
def test_row_that_nothing_is_committed_of_is_a_shortfall(known):
    assert "nothing is committed" in smoke.shortfall(ROW, known)


def test_indian_pines_is_measured_on_every_machine(monkeypatch):
    monkeypatch.delenv(scenes.FOLDER, raising=False)

    assert scenes.load("indian_pines_200").shape == (200, 145, 145)
    assert {codec for scene, codec, _ in smoke.SUBSET if scene == "indian_pines_200"} == {
        "latent, fast",
        "siren, fast",
        "siren, balanced",
    }
