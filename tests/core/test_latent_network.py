"""The context network as it is stored: whole numbers within limits, and an identity that payloads name."""

import dataclasses
import hashlib

import numpy as np
import pytest

from tests.core.latent_examples import NETWORKS, make_network
from xr_inr.core.latent.context import FEATURES
from xr_inr.core.latent.network import (
    IDENTITY_BYTES,
    LARGEST_BIAS,
    LARGEST_WEIGHT,
    SHAPES,
    ContextNetwork,
    network_of,
    shipped,
)
from xr_inr.exceptions import PayloadError

every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


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
