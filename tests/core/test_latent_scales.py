"""The context network at work: the indices of whole number arithmetic, in numpy and in torch."""

import numpy as np
import pytest

from tests.core.kinds import every_kind
from tests.core.latent_examples import NETWORKS, drawn
from tests.core.ways import way  # noqa: F401 - runs this module both ways
from xr_inr.core.arrays import NUMPY
from xr_inr.core.latent import scales
from xr_inr.core.latent.context import FEATURES, LARGEST_FEATURE
from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.network import (
    HIDDEN,
    LARGEST_BIAS,
    LARGEST_OFFSET,
    LARGEST_VALUE,
    LARGEST_WEIGHT,
    OFFSET_UNIT,
    VALUE_UNIT,
    WEIGHT_UNIT,
)
from xr_inr.core.latent.scales import ScaleIndices

every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
PLACE = (3, 1, 2)


def some_features(points=200, seed=0):
    features = drawn(0, LARGEST_FEATURE, (FEATURES, points), seed).astype(np.float32)
    features[:, 0], features[:, 1] = 0, LARGEST_FEATURE
    return features


def indices_of(network, features, arrays=NUMPY, offset=0.0):
    offsets = np.full(features.shape[1], offset, np.float32)
    return arrays.get(ScaleIndices(network, arrays)(arrays.put(features), PLACE, arrays.put(offsets)))


def definition(network, features, place, offset=0, *, parts=1):
    """Return parts of scale indices in Python's integers; the offset counts 1 / `OFFSET_UNIT`."""
    number, orientation, level = place
    indices = []
    for point in features.T.astype(int).tolist():
        sums = [
            sum(weight * value for weight, value in zip(row, point, strict=True)) + sum(biases)
            for row, *biases in zip(
                network.first.tolist(),
                network.of_pass[number].tolist(),
                network.of_orientation[orientation].tolist(),
                network.of_level[level].tolist(),
                strict=True,
            )
        ]
        hidden = [min(max(value // WEIGHT_UNIT, 0), LARGEST_VALUE) for value in sums]
        sums = [
            sum(weight * value for weight, value in zip(row, hidden, strict=True)) + bias
            for row, bias in zip(network.second.tolist(), network.second_bias.tolist(), strict=True)
        ]
        hidden = [min(max(value // WEIGHT_UNIT, 0), LARGEST_VALUE) for value in sums]
        out = sum(weight * value for weight, value in zip(network.third[0].tolist(), hidden, strict=True))
        one = WEIGHT_UNIT * VALUE_UNIT
        out += int(network.third_bias[0]) + one // 2 + offset * one // OFFSET_UNIT
        indices.append(parts * min(max(out, 0), (SCALES - 1) * one) // one)
    return indices


@every_kind
@every_network
def test_indices_are_those_of_whole_number_arithmetic(network, arrays):
    features = some_features()
    found = indices_of(network, features, arrays)
    assert (found.dtype, found.tolist()) == (np.int32, definition(network, features, PLACE))


@every_kind
@every_network
@pytest.mark.parametrize("offset", [-LARGEST_OFFSET, -3, 1, LARGEST_OFFSET])
def test_offsets_move_indices_before_they_are_rounded_and_clipped(network, offset, arrays):
    features = some_features()
    found = indices_of(network, features, arrays, offset / OFFSET_UNIT)
    assert found.tolist() == definition(network, features, PLACE, offset)


@every_kind
@every_network
@pytest.mark.parametrize("offset", [-3, 0, 1])
def test_half_indices_are_those_of_whole_number_arithmetic(network, offset, arrays):
    features = some_features()
    offsets = arrays.put(np.full(features.shape[1], offset / OFFSET_UNIT, np.float32))
    found = arrays.get(ScaleIndices(network, arrays).halves(arrays.put(features), PLACE, offsets))
    assert (found.dtype, found.tolist()) == (np.int32, definition(network, features, PLACE, offset, parts=2))


def test_an_example_gives_many_indices():
    assert len(set(definition(NETWORKS["small"], some_features(), PLACE))) > 3


def test_no_sum_leaves_the_integers_of_a_float32():
    one = WEIGHT_UNIT * VALUE_UNIT
    first = FEATURES * LARGEST_WEIGHT * LARGEST_FEATURE + 3 * LARGEST_BIAS
    later = HIDDEN * LARGEST_WEIGHT * LARGEST_VALUE + LARGEST_BIAS + one // 2
    assert max(first, later) < 2**24


@every_kind
@every_network
def test_a_point_has_the_same_index_however_it_is_asked_for(network, arrays):
    features = some_features()
    whole = indices_of(network, features, arrays)
    for part in (slice(0, 1), slice(7, 190, 3), slice(5, 5)):
        np.testing.assert_array_equal(indices_of(network, features[:, part], arrays), whole[part])
    np.testing.assert_array_equal(indices_of(network, np.asfortranarray(features), arrays), whole)


@every_kind
def test_how_many_points_are_taken_at_a_time_leaves_no_trace(arrays, monkeypatch):
    features = some_features(500)
    expected = indices_of(NETWORKS["small"], features, arrays)
    monkeypatch.setattr(scales, "_POINTS_AT_ONCE", 7)
    np.testing.assert_array_equal(indices_of(NETWORKS["small"], features, arrays), expected)


def test_points_of_several_places_and_numbers_can_follow_one_another():
    indices, network = ScaleIndices(NETWORKS["small"], NUMPY), NETWORKS["small"]
    for place, count in (((0, 3, 2), 50), ((1, 0, 2), 9), ((1, 0, 2), 50), ((0, 3, 2), 80)):
        features = some_features(count)
        assert indices(features, place, np.zeros(count, np.float32)).tolist() == definition(network, features, place)
