"""Fine latents: grids and states of a trellis, laws in their own unit, and what is no fine latent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.latent_examples import make_fine, make_latents, make_network, make_side
from tests.core.ways import way  # noqa: F401 - runs this module both ways
from xr_inr.core.latent.fine import FINE_SPACING, FINE_UNIT, NEXT_STATES, STATES, FineLaws, states_along
from xr_inr.core.latent.latents import decode_latents, encode_latents
from xr_inr.core.latent.laws import REACH, SCALES, SHIFTS
from xr_inr.core.latent.network import shipped
from xr_inr.core.latent.wavelet import LARGEST_LATENT, Pyramid
from xr_inr.exceptions import PayloadError

SIZE = (24, 27)


def law(halves, mean=0, fine_from=6):
    """Return the laws of one latent."""
    return FineLaws.of(np.array([[halves]], np.int32), np.array([[mean]], np.int32), fine_from)


def one(value):
    return np.array([[value]], np.int32)


def examples(*, rank=3, largest=40, network=None, **drawn_under):
    """Return fine latents, their side, and what codes them."""
    side = make_side(make_latents(SIZE, rank, largest=largest), SIZE)
    network = shipped() if network is None else network
    latents, side = make_fine(side, SIZE, network, **drawn_under)
    return latents, side, Pyramid.of(SIZE), network


# States


@given(st.lists(st.integers(0, 1), max_size=60))
def test_grids_and_bits_meet_the_parity_checks_of_ungerboecks_code(bits):
    """13 and 04 octal: the grids with 1, D and D^3, the bits with D^2."""
    odd = [0, 0, 0, *(state & 1 for state in states_along(0, bits))]
    late = [0, 0, *bits]
    for n in range(3, len(odd)):
        assert odd[n] ^ odd[n - 1] ^ odd[n - 3] ^ late[n - 3] == 0


def test_both_bits_of_a_state_lead_to_states_of_one_grid():
    assert sorted(NEXT_STATES.ravel().tolist()) == sorted([*range(STATES)] * 2)
    np.testing.assert_array_equal(NEXT_STATES[:, 0] & 1, NEXT_STATES[:, 1] & 1)


# Laws


@pytest.mark.parametrize(
    ("halves", "mean", "scale", "own_mean"),
    [(11, 40, 5, 40), (12, 40, 5, 36), (13, 40, 6, 36), (13, -40, 6, -36), (12, -1, 5, -1), (94, 9, 46, 8)],
)
def test_a_fine_law_is_half_an_index_narrower_and_its_mean_in_its_own_unit(halves, mean, scale, own_mean):
    found = law(halves, mean)
    assert (found.scales.item(), found.means.item(), found.fine.item()) == (scale, own_mean, halves >= 12)


@pytest.mark.parametrize("halves", range(2, 2 * SCALES - 1))
def test_laws_without_uniform_low_bits_move_with_the_grid(halves):
    found = law(halves, 7, fine_from=1)
    moved = (found.means - found.means_of(1)).item()
    assert moved == (4 if SHIFTS[found.scales.item()] == 0 else 0)
    assert found.told.item() == (moved == 0)


def test_a_bit_is_the_lowest_of_what_is_coded_but_0_of_an_escape():
    narrow = law(20)
    assert [narrow.bits(one(k), one(0)).item() for k in (-1, 0, 3, REACH + 1, -REACH - 1)] == [1, 0, 1, 0, 0]
    assert law(60).bits(one(2**20 + 1), one(0)).item() == 1


@pytest.mark.parametrize("fine", [True, False])
def test_latents_are_what_they_are_coded_as(fine):
    found = law(20 if fine else 4)
    spacing = FINE_SPACING if fine else FINE_UNIT
    for steps in range(-9, 10):
        integers, odd = found.integers(one(spacing * steps))
        assert found.latents(integers, odd).item() == spacing * steps


# What is refused


@pytest.mark.parametrize(("change", "named"), [(1, "a multiple of 16"), (-4, "a multiple of 16")])
def test_latents_between_the_points_of_a_grid_are_not_coded(change, named):
    latents, *rest = examples()
    latents[0][1, 0, 0] += change
    with pytest.raises(ValueError, match=f"{named}.*Got {latents[0][1, 0, 0]}"):
        encode_latents(latents, *rest)


def test_latents_of_the_grid_of_another_state_are_not_coded():
    latents, *rest = examples(largest=400)
    latents[-1][2, -1, -1] += FINE_SPACING
    with pytest.raises(ValueError, match="of the grid that the state of its component says"):
        encode_latents(latents, *rest)


@pytest.mark.parametrize("sign", [1, -1])
def test_latents_of_one_step_too_many_are_not_coded(sign):
    latents, *rest = examples()
    latents[0][0, 0, 0] = sign * FINE_UNIT * (LARGEST_LATENT + 1)
    with pytest.raises(ValueError, match=f"must lie within .*{LARGEST_LATENT}"):
        encode_latents(latents, *rest)


def test_latents_of_a_stream_that_are_too_large_are_refused():
    """The stream of latents that are the largest in steps, read as fine ones: their unit is 9/8 of a step."""
    largest = [np.full((2, *part.shape), LARGEST_LATENT, np.int32) for part in Pyramid.of((5, 7)).subbands]
    side = make_side(largest, (5, 7))
    data = encode_latents(largest, side, Pyramid.of((5, 7)), make_network())
    _, fine = make_fine(side, (5, 7), make_network(), fine_from=1)
    with pytest.raises(PayloadError, match=f"a latent must lie within .*{LARGEST_LATENT}"):
        decode_latents(data, fine, Pyramid.of((5, 7)), make_network())


def test_streams_of_fine_latents_that_go_on_are_refused():
    latents, *rest = examples()
    with pytest.raises(PayloadError, match="must end where their stream does"):
        decode_latents(encode_latents(latents, *rest) + b"ten to see", *rest)


# Streams


def test_where_no_law_is_wide_enough_only_the_unit_differs():
    latents = make_latents(SIZE, 4)
    side, pyramid = make_side(latents, SIZE), Pyramid.of(SIZE)
    network = make_network(weight=0)
    grown, fine = make_fine(side, SIZE, network, fine_from=SCALES - 1)
    assert all((part % FINE_UNIT == 0).all() for part in grown)
    whole = [part // FINE_UNIT for part in grown]
    assert encode_latents(grown, fine, pyramid, network) == encode_latents(whole, side, pyramid, network)


def test_the_largest_fine_latents_are_restored():
    latents, *rest = examples(largest=LARGEST_LATENT, spread=1e9)
    for edge in (max(part.max() for part in latents), -min(part.min() for part in latents)):
        assert FINE_UNIT * LARGEST_LATENT - 3 * FINE_SPACING < edge <= FINE_UNIT * LARGEST_LATENT
    for found, expected in zip(decode_latents(encode_latents(latents, *rest), *rest), latents, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_components_keep_their_states_where_they_are_silent():
    """A row of subbands in which a component has no latents changes none of its later ones."""
    side = make_side(make_latents((45, 48), 3, largest=90), (45, 48))
    side.scales[2, 1] = 0
    latents, fine = make_fine(side, (45, 48), shipped(), fine_from=3)
    data = encode_latents(latents, fine, Pyramid.of((45, 48)), shipped())
    for found, expected in zip(decode_latents(data, fine, Pyramid.of((45, 48)), shipped()), latents, strict=True):
        np.testing.assert_array_equal(found, expected)
