"""What was tried outside the codec: each study on planes whose answer is known, rows, the table, the command."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

from benchmarks import __main__ as command
from benchmarks import results, scenes
from benchmarks.ingredients.studies import (
    RATE,
    TABLE,
    coarser,
    contexts,
    dependent,
    directions,
    lifting,
    loop_filters,
    outliers,
    packets,
    place,
    reconstruction,
    repeats,
    turns,
)
from benchmarks.ingredients.studies import run as runs
from benchmarks.ingredients.studies import tables as study_tables
from benchmarks.ingredients.studies.planes import StudyPlanes
from benchmarks.ingredients.studies.studies import STUDIES, Study
from benchmarks.runner import JobError
from tests.core.driving import alone
from xr_inr.core.latent import restoration_fit
from xr_inr.core.latent.context import Place
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.latent.restoration_fit import RestorationTask
from xr_inr.core.latent.tradeoff import coding_bits
from xr_inr.core.latent.wavelet import Pyramid
from xr_inr.core.monitor import Monitor

JASPER, PAVIA = "jasper_ridge_198", "pavia_centre_crop"
WEIGHT = 0.1


def noise(*shape, spread=1.0, seed=0):
    return spread * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def planes_of(height=32, width=104):
    """Return three planes of smooth fields and noise, of a scene of more bands that are sums of them."""
    rows, columns = torch.meshgrid(torch.arange(height) / 5.0, torch.arange(width) / 5.0, indexing="ij")
    fields = torch.stack([torch.sin(rows + columns), torch.cos(2 * rows), torch.sin(columns) * rows / 4])
    planes = (8.0 * fields + noise(3, height, width)).contiguous()
    cube = (torch.tensordot(noise(16, 3, seed=1), planes, 1) + noise(16, height, width, seed=2)).numpy()
    return StudyPlanes(planes, Pyramid.of((height, width)), cube)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def few_iterations(monkeypatch):
    monkeypatch.setattr(lifting, "_ITERATIONS", 6)
    monkeypatch.setattr(contexts, "_EPOCHS", 1)
    monkeypatch.setattr(turns, "_ITERATIONS", 6)
    monkeypatch.setattr(place, "_NETWORKS", 1)
    hasty = dataclasses.replace(LATENT_PRESETS["balanced"], synthesis_iterations=40, sweeps=2, restoration_widths=(8,))
    monkeypatch.setitem(LATENT_PRESETS, "balanced", hasty)


@pytest.mark.parametrize("name", STUDIES)
def test_study_gives_percentages(name):
    found = STUDIES[name].measure(planes_of())
    assert found
    assert all(math.isfinite(percent) and abs(percent) < 100 for percent in found.values())


def test_repeated_pixels_leave_less_of_the_error_where_there_are_any(monkeypatch):
    monkeypatch.setattr(repeats, "RATE", 2.0)
    monkeypatch.setattr(repeats, "_PRESETS", ("fast",))
    plain = planes_of(width=48)
    rows, columns = (np.rint(0.8 * np.arange(size)).astype(int) for size in plain.cube.shape[1:])
    alike = dataclasses.replace(plain, cube=plain.cube[:, rows[:, None], columns])
    found = STUDIES["repeated pixels"].measure(alike)
    assert found["pixels that repeat another, of all"] > 20
    assert found["squared error, fast"] < -5
    assert STUDIES["repeated pixels"].measure(plain)["squared error, fast"] == 0


def test_outliers_that_are_told_of_leave_less_of_the_error_where_there_are_any(monkeypatch):
    monkeypatch.setattr(outliers, "RATE", 2.0)
    monkeypatch.setattr(outliers, "_PRESETS", ("fast",))
    monkeypatch.setattr(outliers, "_SHARE", 2e-3)
    found = STUDIES["outliers"].measure(planes_of(width=48))
    assert found["as it is, fast"] == 0
    assert found["with outliers, fast"] < -5


def test_a_filter_gives_back_what_a_filter_took():
    plane = noise(80, 84, spread=9.0)
    blurred = 0.5 * plane + 0.5 * plane.roll(1, 0)
    own = loop_filters.Sums.of(plane.double(), (blurred - plane).double(), loop_filters.busy(plane))
    error = float((blurred - plane).double().square().sum())
    assert 0.95 * error < own.whole().removed() < error


def test_no_filter_is_told_of_that_is_worth_less_than_its_taps():
    plane, error = noise(40, 44), noise(40, 44, spread=0.3, seed=1)
    own = loop_filters.Sums.of(plane.double(), error.double(), loop_filters.busy(plane))
    assert own.removed() == own.whole().removed() == 0


@pytest.mark.parametrize("grid", [0, 1])
@pytest.mark.parametrize("scale", [0.1, 1.0, 8.0])
def test_cells_of_a_grid_part_all_there_is(grid, scale):
    levels = torch.arange(400.0)
    _, bits = dependent._on_grid(grid, levels, levels, torch.full_like(levels, scale)).double()
    shares = torch.exp2(-bits)
    # What is rarer than the rarest that a law tells apart counts as that.
    certain = shares > 2.0**-14.9
    assert shares[0] + 2 * shares[1:][certain[1:]].sum() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_trellis_finds_the_cheapest_of_all_ways(seed):
    following = ((0, 2), (2, 0), (1, 3), (3, 1))
    target, scale = noise(1, 3, spread=2.0, seed=seed), torch.full((1, 3), 1.2)
    costs = []
    for levels in itertools.product(range(8), repeat=3):
        state, cost = 0, 0.0
        for level, value in zip(levels, target[0], strict=True):
            error, bits = dependent._on_grid(state // 2, torch.tensor(float(level)), value.abs(), scale[0, 0])
            cost += float(error + WEIGHT * bits)
            state = following[state][level % 2]
        costs.append(cost)
    error, bits = dependent.trellis(target, scale, WEIGHT).tolist()
    assert error + WEIGHT * bits == pytest.approx(min(costs), rel=1e-5)


def test_scalar_rounding_costs_least_of_all_whole_numbers():
    targets, scales = noise(50, 1, spread=2.0), torch.full((50, 1), 1.2)
    tried = [dependent._on_grid(0, torch.full((50, 1), float(level)), targets.abs(), scales) for level in range(9)]
    least = torch.stack([error + WEIGHT * bits for error, bits in tried]).amin(0).sum()
    error, bits = dependent.scalar(targets, scales, WEIGHT).tolist()
    assert error + WEIGHT * bits == pytest.approx(float(least), rel=1e-4)


@pytest.mark.parametrize("size", [(32, 32), (17, 23)], ids=str)
def test_fitted_lifting_loses_nothing_whatever_its_coefficients(size):
    planes, steps = noise(2, *size), torch.tensor([[-1.5, 0.1], [-0.1, 0.02], [0.8, -0.05], [0.4, 0.03]])
    again = lifting.synthesised(lifting.analysed(planes, steps, 2), steps, 2)
    torch.testing.assert_close(again, planes, rtol=0.0, atol=1e-4)


def test_lifting_that_is_fitted_costs_no_more_than_what_it_began_at(monkeypatch):
    monkeypatch.setattr(lifting, "_ITERATIONS", 40)
    assert lifting.lifting(planes_of())["fitted to the scene"] < 0.1


def slanted_map(size, seed=0):
    """Return maps of slants at random, a sample each."""
    height, width = size
    random = torch.Generator().manual_seed(seed)
    rows = torch.randint(len(directions.SLANTS), (height, width), generator=random)
    columns = torch.randint(len(directions.SLANTS), (height - height // 2, width), generator=random)
    return directions.Maps(rows, columns, 0.0)


@pytest.mark.parametrize("size", [(32, 32), (17, 23)], ids=str)
def test_slanted_lifting_loses_nothing_whatever_its_map(size):
    planes, maps = noise(2, *size), [slanted_map(size)]
    again = directions.synthesised(directions.analysed(planes, maps, 2), maps, 2)
    torch.testing.assert_close(again, planes, rtol=0.0, atol=1e-4)


def test_lifting_that_looks_straight_is_the_wavelet_of_the_codec():
    planes = planes_of()
    expected = sorted(float(part.square().sum()) for part in planes.subbands)
    found = directions.analysed(planes.planes, [], planes.pyramid.levels)
    assert sorted(float(part.square().sum()) for part in found) == pytest.approx(expected, rel=1e-3)


def test_slant_of_stripes_is_found_and_pays():
    rows, columns = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    stripes = 20.0 * torch.tanh(4.0 * torch.sin((columns - rows) / 4.0))[None] + noise(1, 48, 48, spread=0.2)
    maps = directions.chosen(stripes, 16, 2)
    found = directions.directions(StudyPlanes(stripes, Pyramid.of((48, 48)), stripes.numpy()))
    assert (maps.rows == directions.SLANTS.index(1.0)).float().mean() > 0.5
    assert found["blocks of 16 x 16, with their maps"] < -10.0


def restoring(missing, seed=3):
    """Return a task whose planes lack `missing` and tell nothing of it."""
    decoded = noise(*missing.shape, spread=6.0, seed=seed)
    return RestorationTask(decoded + missing, decoded, None, len(missing), 0.1, decoded.device)


def test_what_hangs_on_the_column_is_restored_by_a_network_that_is_told_of_columns_alone():
    wave = 4.0 * torch.sin(3.0 * torch.linspace(-1.0, 1.0, 60))
    task = restoring(torch.stack([wave, -wave])[:, None].expand(2, 40, 60))
    saved = {axes: place.saved_bits(task, place.Told(axes, 1.0), 0) for axes in ("", "x", "y")}
    assert saved["x"] > 0.3 * float((task.planes - task.decoded).square().sum()) / task.weight
    assert max(saved[""], saved["y"]) < 0.1 * saved["x"]


def test_network_that_is_told_of_no_place_is_the_one_of_the_codec():
    planes = noise(2, 40, 44, spread=6.0)
    task = RestorationTask(planes + torch.sin(planes.flip(0) / 6.0), planes, None, 2, 0.1, planes.device)
    preset, notes = LATENT_PRESETS["balanced"], []
    fit = restoration_fit.fit_restoration(task, preset, (8,), seed=0, monitor=Monitor(note=notes.append))
    alone(fit)
    assert f" {place.saved_bits(task, place.Told(''), 0) / 8:,.0f} bytes saved" in notes[0]


def test_slow_cosines_save_what_drifts_over_the_scene_and_not_what_is_chance():
    drift = torch.linspace(-2.0, 2.0, 60).expand(2, 40, 60)
    assert place.cosine_bits(drift.numpy(), WEIGHT) > 0.9 * float(drift.square().sum()) / WEIGHT
    assert place.cosine_bits(noise(2, 40, 60, spread=0.3).numpy(), WEIGHT) == 0.0
    assert place.cosine_bits(drift[:0].numpy(), WEIGHT) == 0.0


def test_scene_without_latents_has_nothing_to_restore():
    with pytest.raises(JobError, match="needs planes to restore"):
        place.unrestored(noise(4, 60, 60).numpy())


def test_cost_of_each_latent_adds_up_to_that_of_its_subband():
    part = noise(3, 9, 11, spread=2.0)
    assert float(directions.local_bits(part).sum()) == pytest.approx(float(coding_bits([part])), rel=1e-5)


def test_map_of_one_slant_takes_few_bits_and_one_of_many_takes_more():
    same = torch.zeros(6, 6, dtype=torch.long)
    mixed = torch.arange(36).reshape(6, 6) % len(directions.SLANTS)
    assert directions.map_bits(same) < 12
    assert directions.map_bits(mixed) > 72


def test_a_turn_for_each_level_costs_no_more_than_one_for_all_before_it_is_stored(monkeypatch):
    monkeypatch.setattr(turns, "_ITERATIONS", 60)
    found = turns.turns(planes_of())
    assert found["a turn for each level"] <= found["one turn"] <= 0.01
    assert found["the same, with what they take"] > found["a turn for each level"]


def test_a_component_that_follows_another_is_foretold_by_what_is_around():
    first = noise(1, 16, 16, spread=8.0).round()
    padded = torch.nn.functional.pad(torch.cat([first, -2 * first]), (3, 3, 3, 3))
    place = Place(0, 3, 8, 8)
    foretold = contexts._regressed(padded, place, torch.tensor([0, 1]))
    torch.testing.assert_close(foretold[1], -2 * first[0, 1::2, ::2], rtol=0.05, atol=0.5)
    assert not foretold[0].any()


def test_nothing_is_known_of_the_first_pass_and_all_neighbours_of_the_last():
    neighbours = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1) if down or across]
    counts = [sum(contexts._is_known(Place(0, number, 8, 8), one) for one in neighbours) for number in range(4)]
    assert counts == [0, 4, 4, 8]


def test_chain_holds_the_details_of_a_place_pass_by_pass():
    shape = (1, 16, 16)
    numbers = torch.arange(256.0).reshape(shape)
    found = dependent.chains([torch.zeros(shape), numbers, 1000 + numbers, 2000 + numbers])
    places = [0, 17, 1, 16]
    assert found.shape == (64, 12)
    assert found[0].tolist() == [base + place for base in (0, 1000, 2000) for place in places]


def test_law_follows_from_what_is_around_a_latent_and_not_from_itself():
    part = torch.full((1, 9, 9), 1.386)
    part[0, 4, 4] = 100.0
    scales = dependent.local_scales([part])[0][0]
    assert scales[4, 4] == pytest.approx(1.0)
    assert scales[4, 5] > 2.0
    assert scales[0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize("length", [32, 33])
def test_halves_of_a_constant_are_low_pass_alone(length):
    low, high = packets.halves(torch.ones(length))
    assert (len(low), len(high)) == ((length + 1) // 2, length // 2)
    torch.testing.assert_close(high, torch.zeros_like(high), atol=1e-5, rtol=0)
    torch.testing.assert_close(low, torch.full_like(low, math.sqrt(2.0)), atol=1e-3, rtol=0)


def test_halves_keep_about_the_energy_of_noise():
    values = noise(20, 500)
    kept = sum(part.square().sum() for part in packets.halves(values))
    assert kept / values.square().sum() == pytest.approx(1.0, abs=0.03)


def test_packets_halve_each_kind_of_details_on_the_axes_named():
    shapes = [tuple(part.shape[1:]) for part in packets.halved_on(noise(1, 24, 40), (-1, -2))]
    assert shapes == [(12, 20)] * 4
    assert [tuple(part.shape[1:]) for part in packets.halved_on(noise(1, 24, 40), (-2,))] == [(12, 40)] * 2


@pytest.mark.parametrize("foretell", [coarser.ridge, coarser.small_network])
def test_details_that_follow_from_the_plane_are_explained_and_noise_is_not(foretell):
    low = noise(1, 40, 60).numpy()
    around = coarser.patches(low)
    following = around[..., 3] - 0.5 * around[..., 8]
    assert coarser.explained(low, [following, 2.0 * following], foretell) > 0.8
    assert coarser.explained(low, [noise(1, 40, 60, seed=1).numpy()] * 2, foretell) < 0.05


def test_patches_are_the_samples_around_less_the_middle():
    low = np.arange(35.0).reshape(1, 5, 7)
    found = coarser.patches(low)
    assert found.shape == (1, 5, 7, 25)
    np.testing.assert_array_equal(found[0, 2, 3].reshape(5, 5), low[0, :, 1:6] - low[0, 2, 3])


def test_mean_of_each_cell_is_what_other_points_take_away():
    left = torch.tensor([1.0, 3.0, -1.0, 1.0])
    assert reconstruction.removed(left, torch.tensor([0, 0, 2, 2])) == pytest.approx(2 * 2.0**2)


def test_planes_are_those_that_are_worth_their_bits(make_scene):
    found = StudyPlanes.of(make_scene((8, 24, 26)), 2.0)
    assert found.planes.shape[1:] == (24, 26)
    assert 1 <= len(found.planes) <= 8
    assert [part.shape[1:] for part in found.rounded.latents] == [part.shape for part in found.pyramid.subbands]


def test_rate_without_components_is_named(make_scene):
    with pytest.raises(JobError, match=r"at 1e-05 bpppb no component is worth any"):
        StudyPlanes.of(make_scene((8, 24, 26)), 1e-5)


@pytest.fixture
def run(monkeypatch):
    """A function that runs a study that gives the percentages it is told."""
    monkeypatch.setattr(scenes, "load", lambda _: np.zeros((1, 1, 1)))
    monkeypatch.setattr(StudyPlanes, "of", classmethod(lambda *_: None))

    def run(name, found, scene=JASPER):
        monkeypatch.setitem(STUDIES, name, Study(name, "What.", lambda _: found))
        runs.run([scene], [name], say=lambda _: None)

    return run


def recorded():
    return [(row["study"], row["case"], row["scene"], row["percent"]) for row in results.read(TABLE)]


def test_rows_of_a_study_and_scene_give_way_to_later_ones_and_others_stay(run):
    run("wavelet packets", {"one": 1.0, "two": 2.0}, PAVIA)
    run("wavelet packets", {"one": 3.0})
    run("dependent quantisation", {"short": -1.0})
    run("wavelet packets", {"three": 4.5}, PAVIA)
    assert recorded() == [
        ("dependent quantisation", "short", JASPER, "-1.000"),
        ("wavelet packets", "one", JASPER, "3.000"),
        ("wavelet packets", "three", PAVIA, "4.500"),
    ]


def test_table_has_a_line_for_each_case_and_a_column_for_each_scene(run):
    run("wavelet packets", {"one": 1.26, "two": -0.04})
    run("wavelet packets", {"one": 3.0}, PAVIA)
    introduction, table = study_tables.studies().split("\n\n")
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert f"{RATE:g} bits per pixel per band" in introduction
    assert [line[0] for line in lines[2:]] == ["wavelet packets", ""]
    assert [line[2:] for line in lines[2:]] == [["one", "+1.3 %", "+3.0 %"], ["two", "+0.0 %", "-"]]


def test_table_is_there_before_anything_is_measured():
    assert study_tables.studies().endswith("| --- | --- | --- |")


def test_command_line_takes_scenes(monkeypatch):
    asked = []
    monkeypatch.setattr(runs, "run", asked.append)
    for words in ([], ["--scenes", PAVIA]):
        monkeypatch.setattr("sys.argv", ["benchmarks", "studies", *words])
        command.main()
    assert asked == [scenes.MAIN, [PAVIA]]
