"""What the C kernels work on: buffers of the right type, size and layout, or a clear error before anything is done."""

import numpy as np
import pytest

from tests.core.ways import COMPILED, needs_kernels
from xr_inr.core.latent.context import FEATURES
from xr_inr.core.latent.laws import SCALES, left_bounds

pytestmark = needs_kernels

STATE, WORDS, FIVE = np.array([0, 2**40, 0], np.uint64), np.zeros(4, np.uint32), np.zeros(5, np.int32)
NETWORK = [np.zeros(size, np.float32) for size in (208, 16, 272, 17)]
POINTS, INDICES = np.zeros((FEATURES, 5), np.float32), np.zeros(5, np.int32)
SIDE = [np.zeros(737, np.float32), np.zeros(512, np.uint8), np.zeros((1, 2), np.int32), np.zeros(54, np.int32)]
OFFSETS, NONE, LATENTS = np.zeros(2, np.float32), np.zeros(0, np.uint8), np.zeros((2, 5, 6), np.int32)
PLAIN = (3, 4, SCALES)
"""Height and width of latents of which none is fine."""

THERE = STATE, WORDS, None
"""A coder and its tables, which are put in."""

PLANE = np.zeros((2, 3, 3), np.float32)
LEVELS, WEIGHTS = np.zeros((4, 3), np.int64), np.zeros((3, 3), np.int64)


def frozen(array):
    array = array.copy()
    array.setflags(write=False)
    return array


def network(**changed):
    """Return the arguments of a network of 2 inputs, 3 outputs and hidden layers of 2 units, one of them changed."""
    given = {
        "width": 2,
        "curved": True,
        "gains": np.zeros(4),
        "layers": np.zeros(2 * 5 + 2 * 3 + 3 * 3),
        "last_gains": np.zeros(3),
        "planes": np.zeros((2, 4, 5), np.float32),
        "said": np.zeros((3, 4, 5), np.float32),
    }
    return tuple((given | changed).values())


def two_fives():
    """Return half indices and means of five laws."""
    return FIVE.copy(), FIVE.copy()


def told(*, count=40, calls=40):
    """Return where `tell_latents` tells of latents and calls."""
    return *(np.zeros(count, np.int32) for _ in range(3)), np.zeros(count, np.uint8), np.zeros(calls, np.int64)


def told_columns(*, count=12, fronts=6):
    """Return where `tell_columns` tells of entries and fronts."""
    return *(np.zeros(count, np.int32) for _ in range(3)), np.zeros(fronts, np.int64)


def rounding(**changed):
    """Return arguments of `round_columns` that fit, four rows and three columns, but for those given."""
    given = {
        "targets": np.zeros((4, 3)),
        "steps": np.ones(3),
        "below": np.zeros((3, 3)),
        "shares": np.ones(3),
        "worth": np.ones(4),
        "bits": np.zeros((128, 27), np.float32),
        "weights": WEIGHTS,
        "plain": LEVELS,
        "grown": np.zeros(4, np.int64),
        "levels": LEVELS.copy(),
    }
    return tuple((given | changed).values())


def chains(**changed):
    """Return arguments of `search_trellis` that fit, two chains of three latents, but for those given."""
    given = dict.fromkeys(("targets", "norms", "slopes"), np.zeros((2, 3)))
    given |= dict.fromkeys(("halves", "means", "now"), np.zeros((2, 3), np.int32))
    given |= {"bits": np.zeros((128, 27)), "magnitudes": np.zeros(8192), "fine_from": 6, "weight": 0.1}
    given |= {"states": np.zeros(2, np.int32), "latents": np.zeros((2, 3), np.int32)}
    return tuple((given | changed).values())


def spectra(*, directions=None, planes=None, low=0.0, kind=2, samples=None):
    """Return arguments of `spectra` that fit, but for those given: three bands, rank 2, five pixels."""
    directions = np.zeros((3, 2)) if directions is None else directions
    planes = np.zeros((2, 5), np.float32) if planes is None else planes
    samples = np.zeros((3, 5), np.uint16) if samples is None else samples
    return directions, np.zeros(3), 1.0, planes, 1.0, low, 9.0, kind, samples


@pytest.mark.parametrize(
    ("name", "arguments", "rule"),
    [
        ("take", (STATE[:2], WORDS, None, FIVE, FIVE, FIVE.copy()), "3 elements"),
        ("take", (frozen(STATE), WORDS, None, FIVE, FIVE, FIVE.copy()), "read-only|not writable"),
        ("take", (0 * STATE, WORDS, None, FIVE, FIVE, FIVE.copy()), "a range of 2"),
        (
            "take",
            (STATE + np.array([0, 0, 5], np.uint64), WORDS, None, FIVE, FIVE, FIVE.copy()),
            "position in its words",
        ),
        ("take", (STATE, WORDS.astype(np.uint64), None, FIVE, FIVE, FIVE.copy()), "must hold uint32"),
        ("take", (STATE, WORDS.astype(">u4"), None, FIVE, FIVE, FIVE.copy()), "must hold uint32"),
        ("take", (STATE, WORDS[::2], None, FIVE, FIVE, FIVE.copy()), "contiguous"),
        ("take", (*THERE, FIVE[:4], FIVE, FIVE.copy()), "5 elements"),
        ("take", (*THERE, FIVE, FIVE[:4], FIVE.copy()), "5 elements"),
        ("take", (*THERE, FIVE, FIVE.astype(np.float32), FIVE.copy()), "must hold int32"),
        ("take", (*THERE, FIVE, FIVE, frozen(FIVE)), "read-only|not writable"),
        ("take", (STATE, WORDS, object(), FIVE, FIVE, FIVE.copy()), "Capsule"),
        ("read_columns", (*THERE, WEIGHTS[:2], LEVELS), "9 elements"),
        ("read_columns", (*THERE, WEIGHTS, LEVELS.ravel()), "rows and columns"),
        ("read_columns", (*THERE, WEIGHTS, LEVELS[:0]), "rows and columns"),
        ("read_columns", (*THERE, WEIGHTS[:, :0], LEVELS[:, :0]), "rows and columns"),
        ("read_columns", (*THERE, WEIGHTS - 65, LEVELS), "weight of an entry above"),
        ("tell_columns", (WEIGHTS, LEVELS.ravel(), *told_columns()), "rows and columns"),
        ("tell_columns", (WEIGHTS[:, :2], LEVELS, *told_columns()), "contiguous|9 elements"),
        ("tell_columns", (WEIGHTS + 65, LEVELS, *told_columns()), "weight of an entry above"),
        ("tell_columns", (WEIGHTS, LEVELS - 2**26 - 1, *told_columns()), "an entry must lie within"),
        ("tell_columns", (WEIGHTS, LEVELS, *told_columns(count=11)), "12 elements"),
        ("tell_columns", (WEIGHTS, LEVELS, *told_columns(fronts=7)), "6 elements"),
        ("round_columns", rounding(levels=LEVELS.ravel()), "rows and columns"),
        ("round_columns", rounding(targets=np.zeros((4, 2))), "12 elements"),
        ("round_columns", rounding(steps=np.ones(4)), "3 elements"),
        ("round_columns", rounding(below=np.zeros((3, 2))), "9 elements"),
        ("round_columns", rounding(shares=np.ones(2)), "3 elements"),
        ("round_columns", rounding(worth=np.ones(3)), "4 elements"),
        ("round_columns", rounding(bits=np.zeros((128, 26), np.float32)), "3456 elements"),
        ("round_columns", rounding(weights=WEIGHTS + 65), "weight of an entry above"),
        ("round_columns", rounding(plain=LEVELS + 2**26 + 1), "an entry must lie within"),
        ("round_columns", rounding(grown=np.full(4, 129)), "a growth must lie within"),
        ("round_columns", rounding(levels=frozen(LEVELS)), "read-only|not writable"),
        ("read_latents", (*THERE, SIDE[0][1:], *SIDE[1:], OFFSETS, NONE, *PLAIN, LATENTS), "737 elements"),
        ("read_latents", (*THERE, *SIDE, OFFSETS, NONE, 3, 5, SCALES, LATENTS), "70 elements"),
        ("read_latents", (*THERE, *SIDE, OFFSETS[:1], NONE, *PLAIN, LATENTS), "1 elements"),
        ("read_latents", (*THERE, *SIDE, OFFSETS, NONE, 0, 4, SCALES, LATENTS), "at least 1"),
        ("read_latents", (*THERE, *SIDE, OFFSETS, NONE, 2**40, 2**40, SCALES, LATENTS), r"at most 2\*\*44"),
        (
            "read_latents",
            (*THERE, *SIDE[:2], SIDE[2] + SCALES, SIDE[3], OFFSETS, NONE, *PLAIN, LATENTS),
            "a scale",
        ),
        (
            "read_latents",
            (*THERE, *SIDE[:3], SIDE[3] - 128, OFFSETS, NONE, *PLAIN, LATENTS),
            "weight of a neighbour",
        ),
        (
            "read_latents",
            (
                STATE,
                WORDS,
                None,
                *SIDE[:2],
                np.zeros(256, np.int32),
                SIDE[3],
                np.zeros(256, np.float32),
                NONE,
                3,
                4,
                SCALES,
                LATENTS,
            ),
            "at most 255",
        ),
        ("read_latents", (*THERE, *SIDE, OFFSETS, np.zeros(11, np.uint8), *PLAIN, LATENTS), "which pixels repeat"),
        ("read_latents", (*THERE, *SIDE, OFFSETS, np.zeros(12, np.int8), *PLAIN, LATENTS), "must hold uint8"),
        ("tell_latents", (*SIDE, OFFSETS, NONE, 0, 4, SCALES, LATENTS, *told()), "at least 1"),
        ("tell_latents", (*SIDE, OFFSETS, NONE, 3, 5, SCALES, LATENTS, *told()), "70 elements"),
        (
            "tell_latents",
            (*SIDE, OFFSETS, NONE, *PLAIN, np.full_like(LATENTS, -(2**31)), *told()),
            "a latent must lie in",
        ),
        (
            "tell_latents",
            (*SIDE[:2], SIDE[2] + 1, SIDE[3], OFFSETS, NONE, *PLAIN, LATENTS, *told(count=1)),
            "room for all",
        ),
        (
            "tell_latents",
            (*SIDE[:2], SIDE[2] + 1, SIDE[3], OFFSETS, NONE, *PLAIN, LATENTS, *told(calls=0)),
            "room for all",
        ),
        (
            "tell_latents",
            (*SIDE, OFFSETS, NONE, *PLAIN, LATENTS, *told()[:4], np.zeros(9, np.int32)),
            "must hold int64",
        ),
        ("tell_latents", (*SIDE, OFFSETS, NONE, *PLAIN, LATENTS, *told()[:3], *told(count=39)[3:]), "40 elements"),
        ("tell_latents", (*SIDE, OFFSETS, NONE, 3, 4, 0, LATENTS, *told()), r"must lie in \[1, 48\]. Got 0"),
        ("tell_latents", (*SIDE, OFFSETS, NONE, 3, 4, 6, LATENTS, *told()), "8192 elements"),
        ("read_latents", (*THERE, *SIDE, OFFSETS, NONE, 3, 4, 49, LATENTS), r"must lie in \[1, 48\]. Got 49"),
        ("read_latents", (*THERE, *SIDE, OFFSETS, NONE, 3, 4, 6, LATENTS), "8192 elements"),
        ("take_fine", (*THERE, 0, *two_fives(), FIVE[:1].copy(), FIVE.copy()), "must lie in"),
        ("take_fine", (*THERE, 6, FIVE[:4].copy(), FIVE.copy(), FIVE[:1].copy(), FIVE.copy()), "5 elem"),
        (
            "take_fine",
            (*THERE, 6, FIVE.copy(), frozen(FIVE), FIVE[:1].copy(), FIVE.copy()),
            "read-only|not w",
        ),
        (
            "take_fine",
            (*THERE, 6, FIVE.copy(), FIVE.copy(), FIVE[:2].copy(), FIVE.copy()),
            "as many latents",
        ),
        (
            "take_fine",
            (*THERE, 6, FIVE.copy(), FIVE.copy(), FIVE[:0].copy(), FIVE.copy()),
            "as many latents",
        ),
        ("take_fine", (*THERE, 6, *two_fives(), FIVE[:1] + 8, FIVE.copy()), "a state must lie"),
        (
            "take_fine",
            (*THERE, 6, FIVE + 95, FIVE.copy(), FIVE[:1].copy(), FIVE.copy()),
            "index of a scale",
        ),
        (
            "tell_latents",
            (*SIDE, OFFSETS, NONE, *PLAIN, LATENTS, told()[0], told(count=5)[1], *told()[2:]),
            "40 elements",
        ),
        ("tell_latents", (*SIDE, OFFSETS, NONE, *PLAIN, frozen(LATENTS), *told()), "read-only|not writable"),
        ("half_indices", (*NETWORK[:3], NETWORK[3][:16], POINTS, POINTS[0], INDICES), "17 elements"),
        ("half_indices", (*NETWORK, POINTS[:12], POINTS[0], INDICES), "65 elements"),
        ("half_indices", (*NETWORK, POINTS.T.copy(), POINTS[0], INDICES), "rows of floats"),
        ("half_indices", (*NETWORK, np.asfortranarray(POINTS), POINTS[0], INDICES), "rows of floats"),
        ("half_indices", (*NETWORK, POINTS, POINTS[0, :4], INDICES), "5 elements"),
        ("restore", (np.zeros(5), 1.0, 0.0, 256.0, 0, np.zeros(5, np.uint8)), "8- or 16-bit"),
        ("restore", (np.zeros(5), 1.0, np.nan, 1.0, 0, np.zeros(5, np.uint8)), "8- or 16-bit"),
        ("restore", (np.zeros(5), 1.0, 0.0, 1.0, 4, np.zeros(5, np.uint8)), "8- or 16-bit"),
        ("restore", (np.zeros(5), 1.0, 0.0, 1.0, 1, np.zeros(5, np.uint8)), "must hold int8"),
        ("restore", (np.zeros(5), 1.0, 0.0, 1.0, 0, np.zeros(4, np.uint8)), "5 elements"),
        ("spectra", spectra(low=-1.0), "8- or 16-bit"),
        ("spectra", spectra(kind=7), "8- or 16-bit"),
        ("spectra", spectra(directions=np.zeros((3, 4))), r"directions must be \(3, rank\)"),
        ("spectra", spectra(directions=np.zeros((2, 2))), r"directions must be \(3, rank\)"),
        ("spectra", spectra(directions=np.zeros(6)), r"directions must be \(3, rank\)"),
        ("spectra", spectra(planes=np.zeros((2, 5))), "must hold float32"),
        ("spectra", spectra(planes=np.zeros((5, 2), np.float32).T), "contiguous"),
        ("spectra", spectra(samples=np.zeros((3, 4), np.uint16)), "15 elements"),
        ("spectra", spectra(samples=np.zeros((3, 5), np.int16)), "must hold uint16"),
        ("spectra", spectra(samples=frozen(np.zeros((3, 5), np.uint16))), "read-only|not writable"),
        ("merge", (PLANE[0], PLANE, PLANE, PLANE, PLANE), "as many odd"),
        ("merge", (PLANE, PLANE, PLANE, np.zeros((2, 1, 3), np.float32), PLANE), "as many odd"),
        ("merge", (PLANE, PLANE, PLANE, np.zeros((2, 4, 3), np.float32), PLANE), "as many odd"),
        ("merge", (PLANE, np.ascontiguousarray(PLANE[:, :2]), PLANE, PLANE, PLANE), r"must be \(2, 3, 3\)"),
        ("merge", (PLANE, PLANE, PLANE[:1], PLANE, PLANE), r"must be \(2, 3, 3\)"),
        ("merge", (PLANE, PLANE, PLANE, PLANE, PLANE), r"must be \(2, 6, 6\)"),
        ("search_trellis", chains(targets=np.zeros((2, 2))), "6 elements"),
        ("search_trellis", chains(norms=np.zeros((2, 3), np.float32)), "must hold float64"),
        ("search_trellis", chains(slopes=np.zeros((3, 2)).T), "contiguous"),
        ("search_trellis", chains(halves=np.full((2, 3), 95, np.int32)), "a half index must lie in .* Got 95"),
        ("search_trellis", chains(halves=np.full((2, 3), -1, np.int32)), "a half index must lie in"),
        ("search_trellis", chains(means=np.zeros(5, np.int32)), "6 elements"),
        ("search_trellis", chains(now=np.zeros((2, 3), np.int64)), "must hold int32"),
        ("search_trellis", chains(bits=np.zeros((128, 28))), "3456 elements"),
        ("search_trellis", chains(magnitudes=np.zeros(512)), "8192 elements"),
        ("search_trellis", chains(fine_from=0), "fine_from must lie in .* Got 0"),
        ("search_trellis", chains(fine_from=49), "fine_from must lie in"),
        ("search_trellis", chains(states=np.zeros(3, np.int32)), "2 elements"),
        ("search_trellis", chains(states=np.full(2, 8, np.int32)), "a state must lie in .* Got 8"),
        ("search_trellis", chains(states=frozen(np.zeros(2, np.int32))), "read-only|not writable"),
        ("search_trellis", chains(latents=np.zeros(6, np.int32)), r"latents must be \(count, points\)"),
        ("search_trellis", chains(latents=frozen(np.zeros((2, 3), np.int32))), "read-only|not writable"),
        ("sines", (np.zeros(5, np.float32), 1.0), "must hold float64"),
        ("sines", (np.zeros(6)[::2], 1.0), "contiguous"),
        ("sines", (frozen(np.zeros(5)), 1.0), "read-only|not writable"),
        ("say", network(gains=np.zeros(3)), "1 to 4096 inputs"),
        ("say", network(gains=np.zeros(0)), "1 to 4096 inputs"),
        ("say", network(width=0), "1 to 4096 inputs"),
        ("say", network(width=4097), "1 to 4096 inputs"),
        ("say", network(last_gains=np.zeros(0)), "1 to 4096 inputs"),
        ("say", network(layers=np.zeros(24)), "layers must hold 25 elements"),
        ("say", network(layers=np.zeros(25, np.float32)), "must hold float64"),
        ("say", network(planes=np.zeros((3, 4, 5), np.float32)), r"planes must be \(2, rows, columns\)"),
        ("say", network(planes=np.zeros(40, np.float32)), r"planes must be \(2, rows, columns\)"),
        ("say", network(said=np.zeros((3, 5, 4), np.float32)), r"and \(3, rows, columns\)"),
        ("say", network(said=frozen(np.zeros((3, 4, 5), np.float32))), "read-only|not writable"),
        ("laws", (np.zeros((128, 27), np.uint32),), "3584 elements"),
        ("laws", (b"",), "must hold uint32"),
    ],
)
def test_buffers_that_do_not_fit_are_refused(name, arguments, rule):
    tables = COMPILED.laws(left_bounds())
    arguments = [tables if argument is None else argument for argument in arguments]
    with pytest.raises((TypeError, ValueError, BufferError), match=rule):
        getattr(COMPILED, name)(*arguments)
