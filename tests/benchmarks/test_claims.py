"""What the documents say of the paper: its claim held against peers, and how long its fits are, from rows by hand."""

import pytest
from synthetic_rows import curve, out_of_reach, row, store

from benchmarks import claims, results
from benchmarks.curves import by_scene, measured
from benchmarks.paper import length
from benchmarks.paper.experiment import COLUMNS

JASPER, PAVIA = "jasper_ridge_224", "pavia_centre_crop"
OURS, SHORT, LONG = "ours, `siren, balanced`", "the paper's settings, 1,500 iterations", "the paper's settings, 15,000"


@pytest.fixture
def scenes(tmp_path, monkeypatch):
    """Return a function that makes rows the results and returns them by scene."""

    def scenes_of(rows, **experiments):
        store(rows, tmp_path, monkeypatch)
        for experiment, fits in experiments.items():
            results.write(f"paper_{experiment}", fits, COLUMNS)
        return by_scene(measured())

    return scenes_of


def fit(scene, asked, psnr, count, *, at=None, bits=16, seconds=100.0):
    """A row of the paper's network, `at` a snapshot of its fit or at its end."""
    named = {"scene": scene, "fit": f"{asked:g} bpppb", "status": "ok", "n_h": "5", "w_h": "60", "device": "cpu"}
    return (
        dict.fromkeys(COLUMNS, "")
        | named
        | {
            "iterations": str(count),
            "iteration": str(at or count),
            "asked_bpppb": f"{asked:g}",
            "weight_bits": str(bits),
            "bytes": "27000",
            "bpppb": f"{asked:g}",
            "psnr_db": f"{psnr:.4f}",
            "fit_s": f"{seconds:.1f}",
            "threads": "1",
        }
    )


def cells(text, first):
    """The cells of the table's row that begins with `first`, by the names in its header."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return dict(zip(lines[0], next(line for line in lines if line[0] == first), strict=True))


@pytest.mark.parametrize(
    ("peer", "verdict"),
    [(20, "holds everywhere (7 of 7)"), (40, "is overturned (0 of 7)")],
    ids=["ahead at every budget", "ahead at none"],
)
def test_verdict_counts_the_budgets_at_which_the_network_is_ahead(scenes, peer, verdict):
    found = scenes(curve(PAVIA, "siren, balanced", 30) + curve(PAVIA, "pca + dct", peer))
    assert cells(claims.paper_verdict(found), "PCA-DCT") == {"against": "PCA-DCT", OURS: verdict}


def test_verdict_pools_scenes(scenes):
    networks = [row(scene, "siren, balanced", 0.1, 30) for scene in (PAVIA, JASPER)]
    found = scenes([*networks, row(PAVIA, "pca + dct", 0.1, 29), row(JASPER, "pca + dct", 0.1, 31)])
    assert cells(claims.paper_verdict(found), "PCA-DCT")[OURS] == "holds in part (1 of 2)"


def test_verdict_keeps_our_network_and_each_length_of_the_papers_apart(scenes):
    found = scenes(
        [row(JASPER, "siren, balanced", 0.1, 40), row(JASPER, "jpeg 2000, per band", 0.1, 30)],
        rate_distortion=[fit(JASPER, 0.1, 29, 1500), fit(JASPER, 0.1, 50, 1500, bits=32)],
        iterations=[fit(JASPER, 0.1, 35, 15000, at=7500), fit(JASPER, 0.1, 31, 15000)],
    )
    assert cells(claims.paper_verdict(found), "JPEG 2000") == {
        "against": "JPEG 2000",
        OURS: "holds (1 of 1)",
        SHORT: "is overturned (0 of 1)",
        f"{LONG} iterations": "holds (1 of 1)",
    }


def test_verdict_has_no_case_where_the_peer_was_not_measured_on_the_scene(scenes):
    found = scenes(
        [row(PAVIA, "siren, balanced", 0.1, 30), row(PAVIA, "pca + dct", 0.1, 29), row(JASPER, "sz3", 0.1, 29)],
        iterations=[fit(JASPER, 0.1, 35, 15000)],
    )
    text = claims.paper_verdict(found)
    assert LONG not in text
    assert cells(text, "JPEG") == {"against": "JPEG", OURS: "not tested"}


def test_verdict_states_budgets_out_of_the_peers_reach_and_does_not_count_them(scenes):
    networks = [row(PAVIA, "siren, balanced", rate, 30) for rate in (0.01, 0.02, 0.1)]
    peers = [out_of_reach(PAVIA, "jpeg, per band", rate) for rate in (0.01, 0.02)]
    found = scenes([*networks, *peers, row(PAVIA, "jpeg, per band", 0.1, 31)])
    text = claims.paper_verdict(found)
    assert cells(text, "JPEG")[OURS] == "is overturned (0 of 1; out of the peer's reach at 2)"
    assert text.endswith("Not in the counts: at 2 budgets JPEG has no stream that small.")


def test_verdict_begins_with_what_was_compared(scenes):
    found = scenes(
        [*curve(PAVIA, "siren, balanced", 30), *curve(PAVIA, "pca + dct", 31)],
        rate_distortion=[fit(PAVIA, 0.1, 29, 1500)],
    )
    intro = claims.paper_verdict(found).partition("| against")[0]
    assert "fitted for 15,000 iterations" in intro
    assert intro.splitlines()[2:4] == [
        "- `siren, balanced`: 7 budgets (7 rates from 0.01 to 0.4 bpppb) on 1 scene (Pavia Centre crop, 102 bands)",
        "- the paper's settings, 1,500 iterations: 1 budget (0.1 bpppb) on 1 scene (Pavia Centre crop, 102 bands)",
    ]


def test_claim_has_the_margins_of_every_network_and_scene(scenes):
    networks = [*curve(PAVIA, "siren, fast", 30), *curve(PAVIA, "siren, best", 33)]
    found = scenes(
        [*networks, *curve(PAVIA, "jpeg 2000, per band", 31.5, rates=(0.1, 0.2)), out_of_reach(PAVIA, "pca + dct", 0.1)]
    )
    text = claims.paper_claim(found)
    lines = [line for line in text.splitlines() if line.startswith("| Pavia")]
    title = "Pavia Centre crop, 102 bands"
    assert lines == [
        f"| {title} | `siren, fast` | - | -1.5 to -1.5 (0 of 2) | 1 out of its reach | - |",
        f"| {title} | `siren, best` | - | +1.5 to +1.5 (2 of 2) | 1 out of its reach | - |",
    ]


@pytest.mark.parametrize(
    "table",
    [claims.paper_claim, claims.paper_verdict, length.paper_lengths, length.paper_time],
    ids=lambda of: of.__name__,
)
def test_table_without_rows_says_so(scenes, table):
    assert table(scenes([])) == "Not measured yet."


def test_lengths_are_those_of_the_rows(scenes):
    found = scenes(
        [],
        capacity=[fit(JASPER, 0.1, 30, 500)],
        search=[fit(JASPER, 0.1, 30, 200), fit(PAVIA, 0.1, 30, 15000), fit(JASPER, 0.1, 30, 100)],
        iterations=[fit(JASPER, 0.1, 30, 15000)],
    )
    assert length.paper_lengths(found) == (
        "Fits of 500 iterations (capacity), 200 and 15,000 (search), 15,000 (iterations); the paper fits 15,000."
    )


def test_time_sets_the_papers_fit_beside_the_presets(scenes):
    found = scenes(
        [
            row(JASPER, "siren, balanced", 0.1, 36, encode_cpu_s="200.0"),
            row(JASPER, "siren, fast", 0.1, 33, encode_cpu_s="40.0"),
            row(JASPER, "siren, fast", 0.2, 39, encode_cpu_s="50.0"),
        ],
        iterations=[
            fit(JASPER, 0.1, 32, 15000, at=5000, seconds=1000),
            fit(JASPER, 0.1, 33.5, 15000, at=10000, seconds=2000),
            fit(JASPER, 0.1, 34, 15000, seconds=3000),
        ],
    )
    text = length.paper_time(found)
    assert [line for line in text.splitlines() if line.startswith("| ")][1:] == [
        "| the paper's, 15,000 iterations | 34.00 | 3,000 | | |",
        "| `siren, fast` | 33.00 | 40 | 75 times as long | after 10,000 iterations, 2,000 s |",
        "| `siren, balanced` | 36.00 | 200 | 15 times as long | never: 2.00 dB short at best |",
    ]
    assert "5 x 60 in 16 bits" in text


@pytest.mark.parametrize("lacking", ["fit", "presets"])
def test_time_needs_the_fit_and_a_preset_on_the_same_scene(scenes, lacking):
    presets = [row(PAVIA if lacking == "presets" else JASPER, "siren, fast", 0.1, 33)]
    fits = [] if lacking == "fit" else [fit(JASPER, 0.1, 34, 15000)]
    assert length.paper_time(scenes(presets, iterations=fits)) == "Not measured yet."
