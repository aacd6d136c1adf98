"""What ingredients are worth: rows kept and replaced, deltas against the model of the same code, the tables."""

import math

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import ingredients, results, scenes
from benchmarks.ingredients import RATES, TABLE, UNCHANGED
from benchmarks.ingredients import run as variation
from benchmarks.ingredients import tables as ingredient_tables
from benchmarks.ingredients.variant import VanishedNameError
from benchmarks.ingredients.variants import VARIANTS
from benchmarks.runner import JobError
from xr_inr.core.encode import foresee
from xr_inr.core.request import FitRequest
from xr_inr.exceptions import BudgetError, RequestError

JASPER, PAVIA = "jasper_ridge_198", "pavia_centre_crop"
KLT, SEED = "plain klt", "another seed"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """No results yet, scenes of a single sample, and no fit but those that are asked for."""
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(variation, "_warm_up", lambda: None)
    monkeypatch.setattr(scenes, "load", lambda _: np.zeros((1, 1, 1), np.uint16))
    return tmp_path


def row(variant, scene, rate, psnr, **columns):
    """Return a row as a run would write it."""
    named = {"variant": variant, "preset": "fast", "scene": scene, "asked_bpppb": f"{rate:g}", "bpppb": f"{rate:.5f}"}
    measured = {"psnr_db": f"{psnr:.4f}", "encode_cpu_s": "10", "model": "now", "date": "2026-11-03"}
    machine = {"cores": "2", "threads": "1", "device": "cpu", "versions": "numpy 2.4.1"}
    return dict.fromkeys(variation.COLUMNS, "") | named | measured | machine | columns


def curve(variant, scene, at_a_tenth, rates=RATES, **columns):
    """Return rows over rates: 10 dB for every factor of 10."""
    return [row(variant, scene, rate, at_a_tenth + 10 * math.log10(rate / 0.1), **columns) for rate in rates]


@pytest.fixture
def run(monkeypatch):
    """A function that runs with measurements that take no time, and returns which were made."""

    def run(*names, state="now", cut=None, again=False, rates=(0.1,), preset="fast"):
        made = []

        def measure(case, _):
            if len(made) == cut:
                raise KeyboardInterrupt
            made.append(case.key)
            return row(case.variant, case.scene, case.request.target, 40.0, model=state, preset=preset)

        monkeypatch.setattr(variation, "measure", measure)
        monkeypatch.setattr(variation, "model_state", lambda: state)
        variation.run([JASPER], rates, names, preset=preset, again=again, say=lambda _: None)
        return [(variant, float(rate)) for variant, _, _, rate in made]

    return run


def recorded():
    return [(row["variant"], row["asked_bpppb"], row["model"]) for row in results.read(TABLE)]


def test_unchanged_model_is_measured_beside_any_variant(run):
    assert run(KLT, rates=(0.03, 0.1)) == [(UNCHANGED, 0.03), (UNCHANGED, 0.1), (KLT, 0.03), (KLT, 0.1)]


def test_what_has_a_row_is_not_measured_again(run):
    run(KLT)
    assert run(KLT, SEED, rates=(0.1, 0.25)) == [(UNCHANGED, 0.25), (KLT, 0.25), (SEED, 0.1), (SEED, 0.25)]


def test_what_has_a_row_is_measured_when_asked_for_again(run):
    run(KLT)
    assert run(KLT, again=True) == [(UNCHANGED, 0.1), (KLT, 0.1)]
    assert len(recorded()) == 2


def test_what_was_measured_before_an_interruption_is_recorded(run):
    with pytest.raises(KeyboardInterrupt):
        run(KLT, SEED, cut=2)
    assert recorded() == [(UNCHANGED, "0.1", "now"), (KLT, "0.1", "now")]
    assert run(KLT, SEED) == [(SEED, 0.1)]


def test_rows_are_in_the_order_of_variants_and_rates(run):
    for rate, name in ((0.25, SEED), (0.03, KLT), (0.03, SEED)):
        run(name, rates=(rate,))
    assert [one[:2] for one in recorded()] == [
        (UNCHANGED, "0.03"),
        (UNCHANGED, "0.25"),
        (KLT, "0.03"),
        (SEED, "0.03"),
        (SEED, "0.25"),
    ]


def test_row_of_a_later_model_replaces_that_of_an_earlier_one(run):
    run(KLT, state="before")
    assert run(KLT) == [(UNCHANGED, 0.1), (KLT, 0.1)]
    assert recorded() == [(UNCHANGED, "0.1", "now"), (KLT, "0.1", "now")]


def test_unchanged_model_of_an_earlier_state_stays_while_a_variant_is_held_against_it(run):
    run(KLT, SEED, state="before")
    run(SEED)
    assert sorted(recorded()) == [
        (SEED, "0.1", "now"),
        (KLT, "0.1", "before"),
        (UNCHANGED, "0.1", "before"),
        (UNCHANGED, "0.1", "now"),
    ]


def test_presets_have_rows_of_their_own(run):
    run(KLT)
    assert run(KLT, preset="balanced") == [(UNCHANGED, 0.1), (KLT, 0.1)]
    assert len(recorded()) == 4


@pytest.mark.parametrize("error", [BudgetError("too small"), VanishedNameError("gone"), JobError("nothing stored")])
def test_payload_that_cannot_be_made_does_not_stop_the_others(monkeypatch, error):
    said = []

    def measure(case, _):
        if case.variant == KLT:
            raise error
        return row(case.variant, case.scene, 0.1, 40.0)

    monkeypatch.setattr(variation, "measure", measure)
    with pytest.raises(JobError, match="1 of 3 payloads could not be made"):
        variation.run([JASPER], [0.1], [KLT, SEED], say=said.append)
    assert [one[0] for one in recorded()] == [UNCHANGED, SEED]
    assert any(line.endswith(f"{KLT}, fast, {JASPER}, 0.1 failed: {error}") for line in said)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"rates": [0.1, -1.0]}, RequestError),
        ({"preset": "finest"}, RequestError),
        ({"variants": ["nothing"]}, KeyError),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_is_measured(monkeypatch, wrong, error):
    monkeypatch.setattr(variation, "measure", lambda *_: pytest.fail("something was measured"))
    with pytest.raises(error):
        variation.run(**{"scene_names": [JASPER], "rates": [0.1], "variants": [KLT]} | wrong)


@pytest.mark.usefixtures("tiny_presets")
def test_row_holds_the_real_bytes_and_the_quality_of_what_they_decode_to(make_scene):
    cube = make_scene((8, 16, 18))
    (case, *_) = variation.cases([JASPER], [2.0], [], "fast")
    found = variation.measure(case, variation.Task(cube, case.request))
    assert tuple(found) == variation.COLUMNS
    assert float(found["bpppb"]) == pytest.approx(8 * int(found["bytes"]) / cube.size, abs=1e-5)
    assert 1.9 < float(found["bpppb"]) <= 2.0
    assert float(found["psnr_db"]) > 25
    assert [found[column] for column in variation.KEY] == [UNCHANGED, "fast", JASPER, "2"]
    assert found["model"] == variation.model_state()


@pytest.mark.usefixtures("tiny_presets")
def test_payload_without_latents_is_no_measurement(make_scene):
    cube = make_scene((8, 16, 18))
    smallest = foresee(cube, FitRequest(psnr=20.0)).smallest
    (case, *_) = variation.cases([JASPER], [(smallest + 1) * 8 / cube.size], [], "fast")
    with pytest.raises(JobError, match="holds a mean spectrum and no latents"):
        variation.measure(case, variation.Task(cube, case.request))


@pytest.mark.parametrize(
    ("source", "same"),
    [
        ("one = 1  # so many", True),
        ('"""Says."""\n\none = 1', True),
        ("one = 2", False),
        ("one = 1\n\ntwo = one", False),
    ],
)
def test_state_of_the_model_is_that_of_its_code(tmp_path, monkeypatch, source, same):
    def state(text):
        (tmp_path / "code.py").write_text(text)
        variation.model_state.cache_clear()
        return variation.model_state()

    monkeypatch.setattr(variation.resources, "files", lambda _: tmp_path)
    assert (state(source) == state("one = 1")) == same
    variation.model_state.cache_clear()


def cells_of(name):
    """Return a variant's cells in the tables, behind its name and what it is."""
    line = next(line for line in ingredient_tables.ingredients().splitlines() if line.startswith(f"| {name}"))
    return [cell.strip() for cell in line.split("|")[3:-1]]


def stored(*curves):
    results.write(TABLE, [one for curve in curves for one in curve], variation.COLUMNS)


def test_table_has_the_bd_rate_of_each_scene_and_the_mean():
    """A curve 1 dB below, of 10 dB for a factor of 10 in rate, takes 10^0.1 of the rate."""
    stored(
        *(curve(UNCHANGED, scene, 40.0) for scene in (JASPER, PAVIA)),
        curve(KLT, JASPER, 39.0, encode_cpu_s="15"),
        curve(KLT, PAVIA, 40.0, encode_cpu_s="7"),
    )
    assert cells_of(KLT) == ["yes", "+25.9 %", "+0.0 %", "+12.9 %", "89%", "1.10"]


def test_curves_without_a_psnr_in_common_are_compared_at_equal_size():
    stored(curve(UNCHANGED, JASPER, 40.0), curve(KLT, JASPER, 28.0))
    assert cells_of(KLT)[:4] == ["yes", "-12.0 dB", "-", "-"]


def test_mean_is_of_all_scenes_or_none():
    stored(*(curve(UNCHANGED, scene, 40.0) for scene in (JASPER, PAVIA)), curve(KLT, JASPER, 39.0))
    assert cells_of(KLT) == ["yes", "+25.9 %", "-", "-", "89%", "1.00"]


def test_curves_are_compared_at_the_rates_that_both_have():
    """The unchanged curve bends below the third rate, which the variant has no row of."""
    bent = [*curve(UNCHANGED, JASPER, 40.0, RATES[:2]), row(UNCHANGED, JASPER, RATES[2], 60.0)]
    stored(bent, curve(KLT, JASPER, 39.0, RATES[:2]))
    assert cells_of(KLT)[1] == "+25.9 %"


def test_variant_is_held_against_the_unchanged_model_of_the_same_code():
    stored(
        curve(UNCHANGED, JASPER, 40.0, model="before"),
        curve(UNCHANGED, JASPER, 50.0),
        curve(KLT, JASPER, 40.0, model="before"),
        curve(SEED, JASPER, 50.0),
    )
    assert cells_of(KLT)[1] == cells_of(SEED)[1] == "+0.0 %"


def test_variant_without_an_unchanged_model_of_its_code_has_no_figure():
    stored(curve(UNCHANGED, JASPER, 40.0), curve(KLT, JASPER, 40.0, model="before"))
    assert cells_of(KLT) == ["yes", "-", "-", "-", "-"]


def test_variant_of_another_preset_has_a_line_of_its_own():
    stored(
        curve(UNCHANGED, JASPER, 40.0, preset="balanced"),
        curve(KLT, JASPER, 39.0, preset="balanced"),
    )
    assert cells_of(f"{KLT}, `balanced`")[1] == "+25.9 %"
    assert cells_of(f"{KLT} ")[1] == "-"


def test_most_valuable_ingredient_comes_first_and_what_was_not_measured_last():
    stored(
        curve(UNCHANGED, JASPER, 40.0),
        curve("one sweep", JASPER, 39.5),
        curve("no dead zone", JASPER, 38.0),
        curve("light tails", JASPER, 40.1),
    )
    table = ingredient_tables.ingredients().split("\n\n")[1]
    names = [line.split("|")[1].strip().rstrip("†") for line in table.splitlines()[2:]]
    assert names[:4] == ["no dead zone", "one sweep", "light tails", KLT]


def test_every_variant_is_in_the_tables_with_what_it_is_even_before_any_is_measured():
    text = ingredient_tables.ingredients()
    for one in VARIANTS.values():
        assert one.name == UNCHANGED or f"| {one.name}{'†' * one.overstated} | {one.what} | {one.kept} |" in text


def test_lines_of_a_table_have_a_cell_for_every_heading():
    stored(curve(UNCHANGED, JASPER, 40.0), curve(KLT, JASPER, 39.0))
    for table in ingredient_tables.ingredients().split("\n\n")[1:]:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_introduction_says_what_was_asked_for_and_where_it_was_measured():
    stored(curve(UNCHANGED, JASPER, 40.0), curve(KLT, JASPER, 39.0, (0.1,)))
    introduction = ingredient_tables.ingredients().split("\n\n")[0]
    assert "asked for: Jasper Ridge, 198 bands at 0.03, 0.1, 0.25." in introduction
    assert "Measured on 2 cores, 1 thread a codec, cpu; 2026-11-03; numpy 2.4.1." in introduction


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], (scenes.MAIN, RATES, tuple(VARIANTS), ingredients.PRESET, False)),
        (
            ["--scenes", PAVIA, "--rates", "0.1", "0.2", "--variants", KLT, "--preset", "best", "--again"],
            ([PAVIA], [0.1, 0.2], [KLT], "best", True),
        ),
    ],
)
def test_command_line_takes_scenes_rates_variants_preset_and_whether_again(monkeypatch, words, expected):
    asked = []
    monkeypatch.setattr("sys.argv", ["benchmarks", "ingredients", *words])
    monkeypatch.setattr(
        variation,
        "run",
        lambda scenes, rates, names, *, preset, again: asked.append((scenes, rates, names, preset, again)),
    )
    command.main()
    assert asked == [expected]


def test_command_line_names_the_variants_when_there_is_no_such_one(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["benchmarks", "ingredients", "--variants", "nothing"])
    with pytest.raises(SystemExit):
        command.main()
    assert f"there is no variant 'nothing', only 'unchanged', '{KLT}'" in capsys.readouterr().err


def test_command_line_says_which_rate_cannot_be_asked_for(monkeypatch):
    monkeypatch.setattr("sys.argv", ["benchmarks", "ingredients", "--rates", "0"])
    with pytest.raises(SystemExit, match="bpppb must be a positive, finite number"):
        command.main()
