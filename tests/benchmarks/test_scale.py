"""What measured times make of a scene, a day and an archive."""

import pytest

from benchmarks import scale
from benchmarks.scale import Plan

PLAN = Plan(scene=(10, 100, 100), scenes_a_day=36, scenes_in_archive=3600, node_cores=4, core_hour=2.0)


def row(method, operation, seconds, side=10):
    return {
        "axis": "pixels",
        "method": method,
        "operation": operation,
        "bands": "10",
        "height": str(side),
        "width": str(side),
        "asked_bpppb": "0.1",
        "in_process_s": str(seconds),
        "date": "2026-01-01",
    }


ROWS = [row("latent, fast", "encode", 99.0, side=5), row("latent, fast", "encode", 2.0)] + [
    row("latent, fast", "decode", seconds) for seconds in (0.1, 0.2, 0.9)
]


def test_a_sample_costs_what_the_largest_cut_took():
    (cost,) = scale.costs(ROWS)
    assert (cost.encode, cost.decode, cost.samples) == pytest.approx((2.0 / 1000, 0.2 / 1000, 1000))


LARGER = [
    {"preset": "fast", "bands": "10", "height": side, "width": side, "encode_cpu_s": seconds, "date": "2026-02-02"}
    for side, seconds in (("20", "9.0"), ("40", "64.0"))
]


def test_encoding_costs_what_the_largest_scene_took_and_other_presets_as_many_times_that_as_on_the_cut():
    rows = [*ROWS, row("latent, balanced", "encode", 6.0), row("latent, balanced", "decode", 0.3)]
    fast, balanced = scale.costs(rows, LARGER)
    assert (fast.encode, fast.decode, fast.samples) == pytest.approx((0.004, 0.2 / 1000, 16_000))
    assert (balanced.encode, balanced.decode) == pytest.approx((0.012, 0.3 / 1000))


def test_the_page_says_on_how_many_samples_each_time_was_measured():
    larger = [{**one, "height": "4000"} for one in LARGER]
    said = scale.scale(ROWS, PLAN, larger)
    assert "`latent, fast` encodes 2 million samples in (2026-02-02)" in said
    assert "decoding, on 0.0 million (2026-01-01)" in said


@pytest.mark.parametrize(
    ("operation", "work", "cells"),
    [
        ("encode", "a scene", ["200 kB", "1.25 kB", "3.33 min", "50 s", "0.11 $"]),
        ("encode", "a day", ["7.2 MB", "45 kB", "2 h", "30 min", "4.00 $"]),
        ("encode", "the archive", ["720 MB", "4.5 MB", "8.33 days", "2.08 days", "400.00 $"]),
        ("decode", "a scene", ["200 kB", "1.25 kB", "20 s", "5 s", "0.01 $"]),
    ],
)
def test_work_is_multiplied_by_samples_scenes_cores_and_price(operation, work, cells):
    lines = [line.strip("| ").split(" | ") for line in scale.scale(ROWS, PLAN).splitlines() if line.startswith("| ")]
    (found,) = [line for line in lines if line[:2] == [operation, work]]
    assert found[3:8] == cells
    assert found[8:] == [scale.NOT_MEASURED] * 2


def test_a_fit_is_held_against_what_raw_samples_cost_to_keep():
    # 0.00072 TB at 1,000,000 $ are 720 $ a month; the fit costs 400 $.
    plan = Plan(**{**PLAN.__dict__, "terabyte_month": 1e6})
    assert "takes 720 $ a month" in scale.scale(ROWS, plan)
    assert "as much as 0.6 months of it with `latent, fast`" in scale.scale(ROWS, plan)


def test_without_rows_the_table_says_that_nothing_was_measured():
    assert scale.scale([]) == "Not measured."
