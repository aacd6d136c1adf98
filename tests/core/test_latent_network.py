"""The context network: whole numbers whose sums float32 holds exactly, and an identity that payloads name."""

import dataclasses
import hashlib

import numpy as np
import pytest

from tests.core.latent_examples import drawn, extreme_network, make_network
from xr_inr.core.latent.context import FEATURES, LARGEST_FEATURE
from xr_inr.core.latent.laws import SCALES
from xr_inr.core.latent.network import (
    HIDDEN,
    IDENTITY_BYTES,
    LARGEST_BIAS,
    LARGEST_OFFSET,
    LARGEST_VALUE,
    LARGEST_WEIGHT,
    OFFSET_UNIT,
    SHAPES,
    VALUE_UNIT,
    WEIGHT_UNIT,
    ContextNetwork,
    network_of,
    shipped,
)
from xr_inr.exceptions import PayloadError

NETWORKS = {
    "small": make_network(),
    "large": make_network(weight=LARGEST_WEIGHT, bias=LARGEST_BIAS, seed=1),
    "highest": extreme_network(),
    "lowest": extreme_network(-1),
    "shipped": shipped(),
}
every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
PLACE = (3, 1, 2)
WHOLE = slice(0, FEATURES)


def some_features(points=200, seed=0):
    features = drawn(0, LARGEST_FEATURE, (FEATURES, points), seed).astype(np.float32)
    features[:, 0], features[:, 1] = 0, LARGEST_FEATURE
    return features


def definition(network, features, place):
    """Return sums of the first layer and scale indices in Python's integers."""
    number, orientation, level = place
    sums, indices = [], []
    for point in features.T.astype(int).tolist():
        first = [
            sum(weight * value for weight, value in zip(row, point, strict=True)) + sum(biases)
            for row, *biases in zip(
                network.first.tolist(),
                network.of_pass[number].tolist(),
                network.of_orientation[orientation].tolist(),
                network.of_level[level].tolist(),
                strict=True,
            )
        ]
        hidden = [min(max(value // WEIGHT_UNIT, 0), LARGEST_VALUE) for value in first]
        second = [
            sum(weight * value for weight, value in zip(row, hidden, strict=True)) + bias
            for row, bias in zip(network.second.tolist(), network.second_bias.tolist(), strict=True)
        ]
        hidden = [min(max(value // WEIGHT_UNIT, 0), LARGEST_VALUE) for value in second]
        out = sum(weight * value for weight, value in zip(network.third[0].tolist(), hidden, strict=True))
        one = WEIGHT_UNIT * VALUE_UNIT
        indices.append(min(max((out + int(network.third_bias[0]) + one // 2) // one, 0), SCALES - 1))
        sums.append(first)
    return np.array(sums).T, indices


@every_network
def test_indices_are_those_of_whole_number_arithmetic(network):
    features = some_features()
    sums = network.first_sums(features, WHOLE, PLACE)
    expected_sums, expected_indices = definition(network, features, PLACE)
    np.testing.assert_array_equal(sums, expected_sums)
    assert network.scale_indices(sums, np.zeros(sums.shape[1], np.int32)).tolist() == expected_indices


@every_network
@pytest.mark.parametrize("offset", [-LARGEST_OFFSET, -2, 4, LARGEST_OFFSET])
def test_offsets_move_indices_by_halves(network, offset):
    sums = network.first_sums(some_features(), WHOLE, PLACE)
    nothing = np.zeros(sums.shape[1], np.int32)
    moved = network.scale_indices(sums, nothing + offset)
    np.testing.assert_array_equal(moved, np.clip(unclipped(network, sums) + offset // OFFSET_UNIT, 0, SCALES - 1))


def unclipped(network, sums):
    """Return scale indices as if there were no smallest and no largest."""
    values = sums
    for matrix, bias in ((network.second, network.second_bias), (network.third, network.third_bias)):
        values = matrix @ np.clip(np.floor(values / WEIGHT_UNIT), 0, LARGEST_VALUE) + bias[:, None]
    return np.floor(values[0] / (WEIGHT_UNIT * VALUE_UNIT) + 0.5)


def test_an_example_gives_many_indices():
    assert len(set(definition(NETWORKS["small"], some_features(), PLACE)[1])) > 3


def test_no_sum_leaves_the_integers_of_a_float32():
    one = WEIGHT_UNIT * VALUE_UNIT
    first = FEATURES * LARGEST_WEIGHT * LARGEST_FEATURE + 3 * LARGEST_BIAS
    later = HIDDEN * LARGEST_WEIGHT * LARGEST_VALUE + LARGEST_BIAS + one // 2
    assert max(first, later) < 2**24


@every_network
def test_parts_of_the_features_can_be_summed_apart(network):
    features = some_features()
    whole = network.first_sums(features, WHOLE, PLACE)
    for cut in range(1, FEATURES):
        parts = network.first_sums(features[:cut], slice(0, cut), PLACE)
        parts += network.first_sums(features[cut:], slice(cut, FEATURES), None)
        np.testing.assert_array_equal(parts, whole)


@every_network
def test_a_point_has_the_same_index_however_it_is_asked_for(network):
    features = some_features()

    def indices(part):
        return network.scale_indices(network.first_sums(part, WHOLE, PLACE), np.zeros(part.shape[1], np.int32))

    whole = indices(features)
    for part in (slice(0, 1), slice(7, 190, 3), slice(None, None, -1)):
        np.testing.assert_array_equal(indices(features[:, part]), whole[part])
    np.testing.assert_array_equal(indices(np.asfortranarray(features)), whole)


@every_network
def test_stored_form_is_restored(network):
    stored = network.to_bytes()
    assert len(stored) == 4 * sum(int(np.prod(shape)) for shape in SHAPES.values())
    found = ContextNetwork.from_bytes(stored)
    for name, shape in SHAPES.items():
        np.testing.assert_array_equal(getattr(found, name), getattr(network, name))
        assert (getattr(found, name).shape, getattr(found, name).dtype) == (shape, np.int32)


def test_stored_form_is_little_endian_in_the_order_of_the_shapes():
    stored = make_network().to_bytes()
    assert np.frombuffer(stored, "<i4", SHAPES["first"][0] * FEATURES).tolist() == make_network().first.ravel().tolist()
    assert np.frombuffer(stored[-4:], "<i4").tolist() == make_network().third_bias.tolist()


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("sign", [1, -1])
def test_reader_refuses_parameters_beyond_their_limit(name, sign):
    limit = LARGEST_WEIGHT if name in ("first", "second", "third") else LARGEST_BIAS
    lowest = -(2**31)
    for value, passes in [(sign * limit, True), (sign * (limit + 1), False), (lowest, False)]:
        values = getattr(make_network(), name).copy()
        values.flat[-1] = value
        stored = dataclasses.replace(make_network(), **{name: values}).to_bytes()
        if passes:
            ContextNetwork.from_bytes(stored)
        else:
            with pytest.raises(ValueError, match=rf"{name} must lie within \+-{limit}"):
                ContextNetwork.from_bytes(stored)


@pytest.mark.parametrize("change", [-2820, -4, -1, 1, 4])
def test_reader_refuses_another_length(change):
    stored = make_network().to_bytes()
    altered = stored[:change] if change < 0 else stored + bytes(change)
    with pytest.raises(ValueError, match=f"has {len(stored)} bytes. Got {len(altered)}"):
        ContextNetwork.from_bytes(altered)


def test_identity_is_the_beginning_of_a_digest_of_all_parameters():
    network = make_network()
    assert network.identity == hashlib.sha256(network.to_bytes()).digest()[:IDENTITY_BYTES]
    identities = {network.identity}
    for name in SHAPES:
        values = getattr(network, name).copy()
        values.flat[-1] += 1
        identities.add(dataclasses.replace(network, **{name: values}).identity)
    assert len(identities) == 1 + len(SHAPES)


def test_the_shipped_network_is_found_by_its_identity():
    assert network_of(shipped().identity) is shipped()


def test_another_network_is_refused_and_both_are_named():
    with pytest.raises(PayloadError, match=f"context network 0badcafe; .* only {shipped().identity.hex()}"):
        network_of(bytes.fromhex("0badcafe"))
