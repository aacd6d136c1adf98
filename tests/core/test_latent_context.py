"""What is known of a latent before it is decoded: never more than has been decoded, the same in numpy and torch."""

import numpy as np
import pytest
import torch

from tests.core.latent_examples import drawn
from xr_inr.core.arrays import NUMPY
from xr_inr.core.latent import context
from xr_inr.core.latent.context import (
    LARGEST_FEATURE,
    PASSES,
    STORED_FEATURES,
    Surroundings,
    component_numbers,
    groups,
    magnitudes,
    of_groups,
    places,
    stored_features,
)
from xr_inr.core.latent.fine import FINE_UNIT
from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.soft_features import Groups, Passes, SoftFeatures, Visit
from xr_inr.core.latent.wavelet import APPROXIMATION, LARGEST_LATENT, Pyramid

SIZES = [(1, 1), (1, 8), (5, 7), (11, 12), (13, 30), (24, 27), (46, 45)]
every_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
RANK = 5


def bordered(planes):
    return [np.pad(part, ((0, 0), (1, 1), (1, 1))).astype(np.float32) for part in planes]


def some_magnitudes(size, seed=0):
    return [
        drawn(0, LARGEST_FEATURE, (RANK, *part.shape), seed + index)
        for index, part in enumerate(Pyramid.of(size).subbands)
    ]


def some_stored(size):
    shape = (len(Pyramid.of(size).subbands), STORED_FEATURES, RANK)
    return drawn(0, LARGEST_FEATURE, shape).astype(np.float32)


def features_of(size, planes, place, *, xp=np):
    padded, stored = bordered(planes), some_stored(size)
    if xp is torch:
        padded, stored = [torch.tensor(part) for part in padded], torch.tensor(stored)
    return np.asarray(Surroundings(xp, Pyramid.of(size), padded, stored).of_pass(place))


@pytest.mark.parametrize("rank", range(1, 256))
def test_groups_take_every_component_once_and_double_in_size(rank):
    found = groups(rank)
    assert [index for start, stop in found for index in range(start, stop)] == list(range(rank))
    sizes = [stop - start for start, stop in found]
    doubled = [1, 1, 2, 4, 8, 16, 32, 64, 128][: len(sizes)]
    assert sizes[:-1] == doubled[:-1]
    assert 1 <= sizes[-1] <= doubled[-1]


@every_size
def test_passes_take_every_position_once_coarse_to_fine(size):
    pyramid = Pyramid.of(size)
    visits = [np.zeros(subband.shape, int) for subband in pyramid.subbands]
    for place in places(pyramid):
        row, column = PASSES[place.number]
        part = visits[place.subband][row::2, column::2]
        assert part.shape == (place.rows, place.columns)
        part += 1
    assert all((part == 1).all() for part in visits)
    order = [(place.subband, place.number) for place in places(pyramid)]
    assert order == sorted(order)


def test_a_place_shows_what_stands_beside_it():
    plane = np.arange(15.0).reshape(1, 3, 5)
    place = next(place for place in places(Pyramid.of((3, 5))) if place.number == 2)
    padded = bordered([plane])[0]
    assert place.of(padded).tolist() == [[[1, 3], [11, 13]]]
    assert place.of(padded, 1, 1).tolist() == [[[7, 9], [0, 0]]]
    assert place.of(padded, -1, 0).tolist() == [[[0, 0], [6, 8]]]


def test_magnitudes_are_logarithms_rounded_to_whole_sixteenths():
    found = magnitudes(np.arange(1000, dtype=np.int32))
    # round(16 log2(m)) = k where 2**(2k - 1) <= m**32 < 2**(2k + 1)
    expected = [min(((1 + value) ** 32).bit_length() // 2, LARGEST_FEATURE) for value in range(1000)]
    assert found.tolist() == expected
    assert found.dtype == np.float32


def test_magnitudes_of_sixteenths_of_a_step_are_those_of_steps_and_of_what_lies_between():
    steps = np.arange(1000, dtype=np.int32)
    np.testing.assert_array_equal(magnitudes(FINE_UNIT * steps, unit=FINE_UNIT), magnitudes(steps))
    # As above, of (16 + n) / 16: its 32nd power over 2**128.
    expected = [min(((16 + n) ** 32 >> 128).bit_length() // 2, LARGEST_FEATURE) for n in range(9000)]
    assert magnitudes(np.arange(9000), unit=FINE_UNIT).tolist() == expected


def test_magnitudes_know_no_sign_and_no_more_than_127():
    values = np.array([1, 9, 244, 245, 511, 512, LARGEST_LATENT, 2**30], np.int32)
    np.testing.assert_array_equal(magnitudes(values), magnitudes(-values))
    assert magnitudes(values).max() == magnitudes(values)[-1] == LARGEST_FEATURE


def decoded_later(pyramid, place):
    """Return one boolean plane a subband: what is decoded in this pass or after it."""
    later = [np.full(part.shape, index >= place.subband) for index, part in enumerate(pyramid.subbands)]
    for row, column in PASSES[: place.number]:
        later[place.subband][row::2, column::2] = False
    return later


@every_size
@pytest.mark.parametrize("xp", [np, torch], ids=["numpy", "torch"])
def test_features_do_not_depend_on_what_is_not_decoded_yet(size, xp):
    pyramid = Pyramid.of(size)
    real, other = some_magnitudes(size), some_magnitudes(size, seed=500)
    for place in places(pyramid):
        altered = [
            np.where(unknown, wrong, right)
            for unknown, wrong, right in zip(decoded_later(pyramid, place), other, real, strict=True)
        ]
        np.testing.assert_array_equal(
            features_of(size, altered, place, xp=xp), features_of(size, real, place, xp=xp), str(place)
        )


@every_size
def test_features_depend_on_what_is_decoded(size):
    """All but the last three, which follow from the side information alone."""
    pyramid = Pyramid.of(size)
    real, other = some_magnitudes(size), some_magnitudes(size, seed=500)
    for place in places(pyramid)[1:]:
        known = [~part for part in decoded_later(pyramid, place)]
        altered = [np.where(part, wrong, right) for part, wrong, right in zip(known, other, real, strict=True)]
        same = features_of(size, altered, place) == features_of(size, real, place)
        if place.number:
            assert not same[:-STORED_FEATURES].all()
        assert same[-STORED_FEATURES:].all()


@every_size
@pytest.mark.parametrize("active", [[0, 1, 2, 3, 4], [0, 2], [3], [1, 4]], ids=str)
def test_features_are_what_a_fit_sees_rounded_down(size, active):
    pyramid, planes, cpu = Pyramid.of(size), some_magnitudes(size), torch.device("cpu")
    passes = [Passes(subband.shape, cpu) for subband in pyramid.subbands]
    none = torch.zeros(RANK, dtype=torch.int64)
    padded = [torch.tensor(part) for part in bordered(planes)]
    soft = SoftFeatures(
        pyramid, Groups(none, none, none, torch.ones(RANK, 1, 1)), passes, padded, torch.tensor(some_stored(size))
    )
    for place in places(pyramid):
        shape = pyramid.subbands[place.subband].shape
        visit = Visit(place.subband, shape, torch.tensor(active), active[0], active[-1] + 1)
        row, column = PASSES[place.number]
        found = soft.of([visit])[:-2].reshape(-1, len(active), *shape)[:, :, row::2, column::2]
        whole = features_of(size, planes, place)
        assert whole.dtype == np.float32
        np.testing.assert_array_equal(np.floor(found.numpy()), whole[:, active])


@every_size
def test_features_are_those_of_the_definition(size):
    pyramid, planes, stored = Pyramid.of(size), some_magnitudes(size), some_stored(size)
    for place in places(pyramid):
        found = features_of(size, planes, place)
        first_row, first_column = PASSES[place.number]
        for component, i, j in np.ndindex(RANK, place.rows, place.columns):
            position = component, first_row + 2 * i, first_column + 2 * j
            expected = definition(pyramid, planes, stored, place, position)
            assert found[:, component, i, j].tolist() == expected


ACROSS, DOWN = [(0, -1), (0, 1)], [(-1, 0), (1, 0)]
DIAGONAL = [(-1, -1), (1, 1), (-1, 1), (1, -1)]


def definition(pyramid, planes, stored, place, position):
    """Return the features of the latent at (component, row, column), one value at a time."""
    component, row, column = position

    def total(subband, k, around, offsets):
        found = 0
        for down, across in offsets:
            r, c = around[0] + down, around[1] + across
            height, width = pyramid.subbands[subband].shape
            if 0 <= k < RANK and 0 <= r < height and 0 <= c < width:
                found += int(planes[subband][k, r, c])
        return found

    own, here = place.subband, (row, column)
    subband = pyramid.subbands[own]
    known = [[], [DIAGONAL], [ACROSS, DOWN], [ACROSS, DOWN, DIAGONAL]][place.number]
    every = [offset for pairs in known for offset in pairs]
    across, down, diagonal = (
        total(own, component, here, pairs if pairs in known else []) for pairs in (ACROSS, DOWN, DIAGONAL)
    )
    count = max(len(every), 1)
    if subband.orientation == APPROXIMATION:
        parent = ring = 0
    else:
        coarser, above = (0, here) if subband.level == pyramid.levels - 1 else (own - 3, (row // 2, column // 2))
        parent = total(coarser, component, above, [(0, 0)])
        ring = total(coarser, component, above, ACROSS + DOWN + DIAGONAL)
    siblings = {0: [], 1: [own - 1], 2: [own - 1, own - 2], APPROXIMATION: []}[subband.orientation]
    return [
        across // 2,
        down // 2,
        diagonal // 4,
        parent,
        ring // 8,
        total(own, component - 1, here, every) // count,
        total(own, component + 1, here, every) // count,
        sum(total(index, component, here, [(0, 0)]) for index in siblings) // max(len(siblings), 1),
        *stored[own, :, component].astype(int).tolist(),
    ]


@every_size
def test_no_feature_exceeds_127(size):
    planes = [np.full_like(part, LARGEST_FEATURE) for part in some_magnitudes(size)]
    stored = np.full((len(planes), STORED_FEATURES, RANK), LARGEST_FEATURE, np.float32)
    surroundings = Surroundings(np, Pyramid.of(size), bordered(planes), stored)
    for place in places(Pyramid.of(size)):
        features = surroundings.of_pass(place)
        assert 0 <= features.min() <= features.max() <= LARGEST_FEATURE


def test_side_information_tells_the_scale_of_the_level_that_of_the_coarser_one_and_which_component_it_is():
    scales = np.array([[40, 7], [30, 0], [20, 3]])
    found = stored_features(scales, np.array([0, 16], np.float32))
    assert found.tolist() == [[[80, 14], [80, 14], [0, 16]], [[60, 0], [80, 14], [0, 16]], [[40, 6], [60, 0], [0, 16]]]


def test_component_numbers_are_sixteen_for_each_doubling_and_at_most_127():
    assert component_numbers(8)[[0, 1, 3, 7]].tolist() == [0, 16, 32, 48]
    numbers = component_numbers(255)
    assert (np.diff(numbers) >= 0).all()
    assert numbers[-1] == LARGEST_FEATURE


def test_stored_features_are_whole_and_within_127():
    found = stored_features(np.full((3, 255), SCALES - 1), component_numbers(255))
    np.testing.assert_array_equal(found, np.rint(found))
    assert found.max() <= LARGEST_FEATURE


@pytest.mark.parametrize(
    ("before", "last", "size", "expected"),
    [
        (0, 0, 1, [0, 0]),
        (15, 15, 1, [0, 15]),
        (16, 15, 2, [16, 7]),
        (47, 31, 4, [25, 7]),
        (48, 32, 4, [32, 8]),
        (3 * 127, 2 * 127, 2, [73, 127]),
        (254 * 127, 128 * 127, 128, [127, 127]),
    ],
)
def test_features_of_groups_are_a_logarithm_and_a_mean(before, last, size, expected):
    given = np.array([[before]], np.float32), np.array([[last]], np.float32)
    assert np.stack(of_groups(NUMPY, *given, size)).ravel().tolist() == expected


def test_features_of_groups_are_whole_and_within_127():
    before, last = (drawn(0, 254 * 127, (30, 40), seed).astype(np.float32) for seed in (0, 1))
    found = np.stack(of_groups(NUMPY, before, np.minimum(last, 64 * 127), 64))
    np.testing.assert_array_equal(found, np.rint(found))
    assert 0 <= found.min() <= found.max() <= LARGEST_FEATURE


def test_there_are_as_many_features_as_are_told():
    place = places(Pyramid.of((5, 7)))[0]
    of_pass = features_of((5, 7), some_magnitudes((5, 7)), place)
    none = np.zeros((place.rows, place.columns), np.float32)
    assert len(of_pass) + len(of_groups(NUMPY, none, none, 1)) == context.FEATURES
