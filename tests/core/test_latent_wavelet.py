"""The wavelet: subbands that hold a plane, an analysis nearly orthonormal, a synthesis of the same bits everywhere."""

import hashlib
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.core.kinds import every_kind
from tests.core.latent_examples import drawn, make_latents
from xr_inr.core.latent.wavelet import (
    APPROXIMATION,
    LARGEST_LATENT,
    LARGEST_PLANE,
    PLANE_BITS,
    Pyramid,
    analyse,
    squared_norms,
    synthesise,
    synthesise_unrounded,
)

SIZES = [
    (1, 1),
    (1, 9),
    (9, 1),
    (2, 2),
    (5, 7),
    (6, 6),
    (10, 90),
    (11, 11),
    (11, 40),
    (12, 13),
    (23, 24),
    (37, 50),
    (48, 97),
    (96, 95),
]
every_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
ONE = 2**PLANE_BITS


@pytest.mark.parametrize(
    ("size", "levels"),
    [
        ((1, 1), 0),
        ((1, 10_000), 0),
        ((6, 6), 0),
        ((10, 10), 0),
        ((11, 11), 1),
        ((11, 4000), 1),
        ((20, 20), 1),
        ((21, 21), 2),
        ((320, 321), 5),
        ((321, 321), 6),
        ((30_000, 30_000), 6),
    ],
)
def test_planes_are_halved_while_the_shorter_side_stays_at_least_6(size, levels):
    assert Pyramid.of(size).levels == levels


@every_size
def test_subbands_hold_as_many_latents_as_the_plane_has_pixels(size):
    pyramid = Pyramid.of(size)
    assert sum(height * width for height, width in (part.shape for part in pyramid.subbands)) == size[0] * size[1]


def test_subbands_stand_coarse_to_fine():
    found = [(part.level, part.orientation, part.shape) for part in Pyramid.of((22, 25)).subbands]
    assert found == [
        (2, APPROXIMATION, (6, 7)),
        (1, 0, (6, 6)),
        (1, 1, (5, 7)),
        (1, 2, (5, 6)),
        (0, 0, (11, 12)),
        (0, 1, (11, 13)),
        (0, 2, (11, 12)),
    ]


@every_size
def test_analysis_has_the_shapes_of_the_pyramid(size):
    pyramid = Pyramid.of(size)
    found = analyse(np.ones((3, *size)), pyramid)
    assert [part.shape for part in found] == [(3, *subband.shape) for subband in pyramid.subbands]


@every_size
@pytest.mark.parametrize("xp", [np, torch], ids=["numpy", "torch"])
def test_unrounded_synthesis_undoes_the_analysis(size, xp):
    planes = drawn(-1000, 1000, (2, *size)) / 7.0
    given = planes if xp is np else torch.tensor(planes)
    pyramid = Pyramid.of(size)
    found = synthesise_unrounded(analyse(given, pyramid, xp), pyramid, xp)
    np.testing.assert_allclose(np.asarray(found), planes, atol=1e-9)


@every_size
def test_synthesis_is_the_unrounded_one_within_its_rounding(size):
    pyramid, latents = Pyramid.of(size), make_latents(size, 3, largest=200)
    exact = synthesise_unrounded([part.astype(np.float64) for part in latents], pyramid, np)
    # Half a step a lifting step, and what later steps make of it.
    np.testing.assert_allclose(synthesise(latents, pyramid) / ONE, exact, atol=0.5 * (1 + 3 * pyramid.levels) * 3 / ONE)


@every_size
def test_analysis_gives_back_the_latents_that_were_synthesised(size):
    pyramid, latents = Pyramid.of(size), make_latents(size, 3, largest=200)
    found = analyse(synthesise(latents, pyramid).astype(np.float64) / ONE, pyramid)
    for part, expected in zip(found, latents, strict=True):
        np.testing.assert_array_equal(np.rint(part), expected)


@every_size
def test_planes_are_whole_float32_numbers(size):
    planes = synthesise(make_latents(size, 2), Pyramid.of(size))
    assert (planes.dtype, planes.shape) == (np.float32, (2, *size))
    np.testing.assert_array_equal(planes, np.rint(planes))


@pytest.mark.parametrize("size", [(24, 24), (37, 50)], ids=str)
def test_a_flat_plane_is_all_approximation(size):
    approximation, *details = analyse(np.full((1, *size), 5.0), Pyramid.of(size))
    assert (np.abs(approximation) > 5.0).all()
    for part in details:
        np.testing.assert_allclose(part, 0.0, atol=1e-9)


def test_analysis_keeps_the_energy_of_noise_within_a_few_percent():
    noise = np.random.default_rng(0).normal(size=(4, 96, 96))
    energy = sum(np.square(part).sum() for part in analyse(noise, Pyramid.of((96, 96))))
    assert energy == pytest.approx(np.square(noise).sum(), rel=0.05)


def test_latents_far_from_the_edges_are_worth_about_the_same():
    pyramid = Pyramid.of((768, 768))
    assert pyramid.levels == 6
    for norms in squared_norms(pyramid):
        assert 0.93 < norms[norms.shape[0] // 2, norms.shape[1] // 2] < 1.21


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (11, 12), (24, 21)], ids=str)
def test_an_error_in_a_latent_makes_the_squared_error_that_is_told(size):
    pyramid = Pyramid.of(size)
    for index, (subband, norms) in enumerate(zip(pyramid.subbands, squared_norms(pyramid), strict=True)):
        count = subband.shape[0] * subband.shape[1]
        latents = [np.zeros((count, *part.shape)) for part in pyramid.subbands]
        latents[index].reshape(count, count)[:] = np.eye(count)
        errors = np.square(synthesise_unrounded(latents, pyramid, np)).sum(axis=(1, 2))
        np.testing.assert_allclose(norms, errors.reshape(subband.shape), rtol=1e-5)


@pytest.mark.parametrize(
    "laid_out",
    [
        pytest.param(np.asfortranarray, id="columns-first"),
        pytest.param(lambda part: part[:, ::-1].copy()[:, ::-1], id="reversed-rows"),
        pytest.param(lambda part: np.repeat(part, 2, axis=2)[:, :, ::2], id="every-second-column"),
        pytest.param(lambda part: np.moveaxis(np.moveaxis(part, 0, 2).copy(), 2, 0), id="component-last"),
        pytest.param(lambda part: part.astype(np.float64), id="float64"),
    ],
)
@pytest.mark.parametrize("size", [(5, 7), (24, 27), (50, 37)], ids=str)
def test_synthesis_gives_the_same_bits_in_any_memory_order(size, laid_out):
    pyramid, latents = Pyramid.of(size), make_latents(size, 3, largest=LARGEST_LATENT)
    found = synthesise([laid_out(part) for part in latents], pyramid)
    assert found.tobytes() == synthesise(latents, pyramid).tobytes()


@pytest.mark.parametrize("size", [(1, 1), (24, 27), (45, 22)], ids=str)
def test_latents_in_parts_of_a_step_make_parts_of_what_steps_make(size):
    latents, pyramid = make_latents(size, 3, largest=90), Pyramid.of(size)
    grown = [16 * part for part in latents]
    np.testing.assert_array_equal(synthesise(grown, pyramid, unit=16), synthesise(latents, pyramid))
    between = synthesise([part + 9 for part in grown], pyramid, unit=16) / 2.0**PLANE_BITS
    exact = synthesise_unrounded([part + 9 / 16 for part in latents], pyramid, np)
    assert np.abs(between - exact).max() < 0.3


def test_synthesis_of_a_component_does_not_depend_on_the_others():
    pyramid, latents = Pyramid.of((24, 27)), make_latents((24, 27), 5, largest=LARGEST_LATENT)
    whole = synthesise(latents, pyramid)
    for index in range(5):
        alone = synthesise([part[index : index + 1] for part in latents], pyramid)
        np.testing.assert_array_equal(alone[0], whole[index])


@pytest.mark.parametrize("size", [(5, 7), (12, 13), (24, 27), (45, 22)], ids=str)
def test_every_window_is_part_of_the_whole(size):
    """Every span of rows and every span of columns, crossed with one another in turn."""
    pyramid, latents = Pyramid.of(size), make_latents(size, 2, largest=LARGEST_LATENT)
    whole = synthesise(latents, pyramid)
    rows, columns = (list(itertools.combinations(range(length + 1), 2)) for length in size)
    for index in range(max(len(rows), len(columns))):
        window = rows[index * 7 % len(rows)], columns[index * 11 % len(columns)]
        found = synthesise(latents, pyramid, window)
        np.testing.assert_array_equal(found, whole[:, slice(*window[0]), slice(*window[1])])


@given(st.data())
def test_windows_of_planes_of_any_size_are_parts_of_the_whole(data):
    size = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))
    pyramid, latents = Pyramid.of(size), make_latents(size, 1, largest=300)
    window = tuple(
        tuple(sorted(data.draw(st.lists(st.integers(0, length), min_size=2, max_size=2, unique=True))))
        for length in size
    )
    found = synthesise(latents, pyramid, window)
    np.testing.assert_array_equal(found, synthesise(latents, pyramid)[:, slice(*window[0]), slice(*window[1])])


@every_size
def test_the_whole_plane_depends_on_every_latent(size):
    pyramid = Pyramid.of(size)
    expected = [((0, height), (0, width)) for height, width in (part.shape for part in pyramid.subbands)]
    assert pyramid.reads(pyramid.whole) == expected
    assert pyramid.cost(pyramid.whole) == size[0] * size[1]


@pytest.mark.parametrize("window", [((0, 1), (0, 1)), ((500, 501), (333, 334)), ((999, 1000), (0, 8))], ids=str)
def test_a_small_window_of_a_large_plane_depends_on_few_latents(window):
    pyramid = Pyramid.of((1000, 1000))
    assert pyramid.cost(window) < 6_000


@every_kind
@every_size
def test_planes_are_the_same_of_every_kind_of_array(size, arrays):
    pyramid, latents = Pyramid.of(size), make_latents(size, 3, largest=LARGEST_LATENT)
    window = (size[0] // 3, size[0]), (0, size[1] // 2 + 1)
    given = [arrays.put(part) for part in latents]
    for asked in (None, window):
        found = arrays.get(synthesise(given, pyramid, asked, arrays))
        assert found.tobytes() == synthesise(latents, pyramid, asked).tobytes()


@pytest.mark.parametrize(
    ("size", "largest", "digest"),
    [
        ((5, 7), 9, "18b33ebd58f6a9bb"),
        ((37, 50), 30, "edacf8e5bbbe8b6f"),
        ((96, 95), LARGEST_LATENT, "24ac0c5731cccdd8"),
    ],
)
def test_synthesis_is_frozen(size, largest, digest):
    planes = synthesise(make_latents(size, 3, largest=largest), Pyramid.of(size))
    assert hashlib.sha256(planes.astype("<f4").tobytes()).hexdigest()[:16] == digest


def test_gains_do_not_hang_on_the_last_bits_of_a_power():
    pyramid = Pyramid.of((400, 400))
    gains = np.array([pyramid.gain(subband) for subband in pyramid.subbands])
    for nudge in (-1e-12, 1e-12):
        np.testing.assert_array_equal((gains * (1 + nudge)).astype(np.float32), gains.astype(np.float32))


@pytest.mark.parametrize("pixel", [(0, 0), (1, 1), (5, 320), (160, 161), (192, 128), (323, 323)], ids=str)
def test_no_latents_bring_a_plane_to_its_limit(pixel):
    pyramid = Pyramid.of((324, 324))
    assert pyramid.levels == 6
    latents = [torch.zeros((1, *part.shape), dtype=torch.float64, requires_grad=True) for part in pyramid.subbands]
    synthesise_unrounded(latents, pyramid, torch)[0][pixel].backward()
    worst = [(LARGEST_LATENT * torch.sign(part.grad)).numpy().astype(np.int32) for part in latents]
    planes = synthesise(worst, pyramid)
    assert planes[0][pixel] == np.abs(planes).max()
    assert LARGEST_PLANE / 8 < planes[0][pixel] < LARGEST_PLANE
