"""Bjontegaard deltas, against curves whose distance is known."""

import math

import pytest

from benchmarks.bd import delta, front

CURVE = [(0.01, 30.0), (0.02, 33.1), (0.04, 36.0), (0.1, 40.2), (0.4, 44.7)]


def shifted(*, rate=1.0, psnr=0.0, points=CURVE):
    return [(rate * r, p + psnr) for r, p in points]


def line(rates, *, at_rate_1, db_per_decade):
    return [(rate, at_rate_1 + db_per_decade * math.log10(rate)) for rate in rates]


def test_a_curve_against_itself_is_nothing():
    found = delta(CURVE, CURVE)

    assert (found.rate_percent, found.psnr_db, found.reason) == (0, 0, "")


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.25, 2.0])
def test_a_constant_factor_in_rate_is_that_percentage(factor):
    assert delta(CURVE, shifted(rate=factor)).rate_percent == pytest.approx(100 * (factor - 1))


@pytest.mark.parametrize("decibels", [-2.0, 0.1, 3.0])
def test_a_constant_distance_in_psnr_is_that_many_decibels(decibels):
    assert delta(CURVE, shifted(psnr=decibels)).psnr_db == pytest.approx(decibels)


def test_parallel_lines_by_hand():
    """PSNR = 40 + 10 lg R and 43 + 10 lg R: 3 dB apart, or lg R = -0.3, which is a rate of 10^-0.3 = 50.12 %."""
    rates = [0.01, 0.1, 1.0]
    found = delta(line(rates, at_rate_1=40, db_per_decade=10), line(rates, at_rate_1=43, db_per_decade=10))

    assert found.psnr_db == pytest.approx(3)
    assert found.rate_percent == pytest.approx(100 * (10**-0.3 - 1))


def test_lines_of_different_slope_by_hand():
    """40 + 10 lg R and 50 + 20 lg R for lg R in [-1, 0]: in dB 10 + 10 lg R, whose mean is 5.

    Both reach PSNR in [30, 40]. There lg R is (p - 40) / 10 and (p - 50) / 20, a difference of (30 - p) / 20,
    whose mean over the ten dB is -0.25.
    """
    rates = [0.1, 0.3, 1.0]
    found = delta(line(rates, at_rate_1=40, db_per_decade=10), line(rates, at_rate_1=50, db_per_decade=20))

    assert found.psnr_db == pytest.approx(5)
    assert found.psnr_overlap == pytest.approx((30, 40))
    assert found.rate_percent == pytest.approx(100 * (10**-0.25 - 1))


def test_the_overlap_is_stated_and_nothing_counts_outside_of_it():
    anchor = line([0.01, 0.1, 1.0], at_rate_1=40, db_per_decade=10)
    tested = line([0.1, 1.0, 10.0], at_rate_1=41, db_per_decade=10)
    found = delta(anchor, [*tested, (100.0, 90.0)])

    assert found.rate_overlap == pytest.approx((0.1, 1.0))
    assert found.psnr_overlap == pytest.approx((31, 40))
    assert found.psnr_db == pytest.approx(1)
    assert found.rate_percent == pytest.approx(100 * (10**-0.1 - 1))


def test_only_the_rates_of_the_anchor_that_are_asked_for_count():
    """The tested curve is 1 dB better below a rate of 0.1, and 3 dB above it."""
    rates = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
    anchor = line(rates, at_rate_1=40, db_per_decade=10)
    tested = [(rate, psnr + (1 if rate <= 0.1 else 3)) for rate, psnr in anchor]
    found = delta(anchor, tested, rates=(0.012, 0.04))

    assert found.rate_overlap == pytest.approx((0.012, 0.04))
    assert found.psnr_db == pytest.approx(1, abs=0.02)
    assert found.rate_percent == pytest.approx(100 * (10**-0.1 - 1), abs=0.5)
    assert delta(anchor, tested).psnr_db > 1.5


def test_rates_beyond_those_of_the_anchor_are_no_matter():
    assert delta(CURVE, shifted(psnr=1.0), rates=(0.001, 10.0)) == delta(CURVE, shifted(psnr=1.0))


def test_an_anchor_without_any_of_the_rates_is_named():
    assert delta(CURVE, CURVE, rates=(1.0, 2.0)).reason.startswith("the anchor has 0")


def test_exchanged_curves_change_the_sign_and_invert_the_rate():
    other = [(0.012, 29.0), (0.05, 37.5), (0.2, 41.0), (0.5, 46.0)]
    there, back = delta(CURVE, other), delta(other, CURVE)

    assert back.psnr_db == pytest.approx(-there.psnr_db)
    assert (1 + back.rate_percent / 100) * (1 + there.rate_percent / 100) == pytest.approx(1)


def test_two_points_make_a_curve():
    assert delta(CURVE[:2], shifted(rate=0.5, points=CURVE[:2])).rate_percent == pytest.approx(-50)


@pytest.mark.parametrize(
    ("tested", "has_rate", "has_psnr", "reason"),
    [
        (shifted(psnr=20.0), False, True, "no PSNR in common"),
        (shifted(rate=100.0), True, False, "no rate in common"),
        (shifted(rate=100.0, psnr=20.0), False, False, "no PSNR in common, no rate in common"),
        (shifted(psnr=14.7), False, True, "no PSNR in common"),
        (CURVE[:1], False, False, "the tested curve has 1 of the 2 points that a curve takes"),
        ([], False, False, "the tested curve has 0 of the 2 points that a curve takes"),
    ],
    ids=["above", "beside", "apart", "touching", "one point", "no point"],
)
def test_where_there_is_no_figure_it_is_said_why(tested, has_rate, has_psnr, reason):
    found = delta(CURVE, tested)

    assert (found.rate_percent is not None, found.psnr_db is not None) == (has_rate, has_psnr)
    assert (found.psnr_overlap is not None, found.rate_overlap is not None) == (has_rate, has_psnr)
    assert found.reason == reason


def test_an_anchor_without_points_is_named():
    assert delta([], CURVE).reason.startswith("the anchor has 0")


def test_dominated_points_do_not_count():
    dominated = [(0.03, 33.0), (0.05, 36.0), (0.4, 44.0), (0.01, 30.0)]

    assert delta(CURVE, [*dominated, *CURVE]) == delta(CURVE, CURVE)


@pytest.mark.parametrize(
    ("points", "kept"),
    [
        ([(0.2, 35.0), (0.1, 30.0)], [(0.1, 30.0), (0.2, 35.0)]),
        ([(0.1, 30.0), (0.2, 29.0), (0.4, 31.0)], [(0.1, 30.0), (0.4, 31.0)]),
        ([(0.1, 30.0), (0.1, 32.0)], [(0.1, 32.0)]),
        ([(0.1, 30.0), (0.2, 30.0)], [(0.1, 30.0)]),
        ([(0.1, math.nan), (0.2, 30.0), (0.4, math.inf)], [(0.2, 30.0)]),
    ],
    ids=["order", "worse for more", "same rate", "nothing for more", "not finite"],
)
def test_front(points, kept):
    assert front(points) == kept
