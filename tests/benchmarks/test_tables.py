"""Tables in documents: what the rows say, in the place that is marked for it."""

import pytest
from synthetic_rows import curve, out_of_reach, row, store

from benchmarks import results, tables

JASPER, PAVIA = "jasper_ridge_198", "pavia_centre_crop"


@pytest.fixture(autouse=True)
def rows(tmp_path, monkeypatch):
    rows = [
        *curve(PAVIA, "siren, best", 44.0),
        *curve(JASPER, "siren, best", 42.0, date="2026-11-01"),
        *curve(JASPER, "klt + jpeg 2000", 43.0, versions="numpy 2.4.1, imagecodecs 2026.3.6"),
        *curve(JASPER, "tthresh", 39.0, rates=(0.04, 0.1, 0.2)),
        *curve(JASPER, "atlas-hsi", 41.0, rates=(0.1,), cores="16", threads="16", device="cuda"),
        *curve(JASPER, "zfp", 10.0, rates=(0.2, 0.4)),
        out_of_reach(JASPER, "zfp", 0.1),
        row(JASPER, "jpeg-ls", None, float("inf"), bpppb="6.25000"),
        row(JASPER, "pcodec", None, float("inf"), bpppb="6.00000"),
        row(PAVIA, "jpeg-ls", None, float("inf"), bpppb="7.00000"),
    ]
    store(rows, tmp_path, monkeypatch)


def lines_of(text, scene="**Jasper"):
    """Return the cells of the body of the first table behind a scene's title, by its first cell."""
    lines = text[text.index(scene) :].split("\n\n")[1].splitlines()[2:]
    return {cells[0]: cells[1:] for line in lines for cells in [[cell.strip() for cell in line.split("|")[1:-1]]]}


def test_rate_distortion_has_the_highest_psnr_first_and_what_is_missing_last():
    found = lines_of(tables.table("rate_distortion"))

    assert list(found) == ["klt + jpeg 2000", "siren, best", "atlas-hsi", "tthresh", "zfp"]


def test_rate_distortion_shows_the_figures_of_a_row():
    found = lines_of(tables.table("rate_distortion"))

    assert found["siren, best"] == ["0.1000", "42.00", "40.00", "2.38°", "9.52°", "1,234", "250", "0.05"]


def test_best_psnr_of_a_scene_is_bold_and_no_other():
    text = tables.table("rate_distortion")
    psnr = {codec: cells[1] for codec, cells in lines_of(text).items()}

    assert [codec for codec, cell in psnr.items() if "*" in cell] == ["klt + jpeg 2000"]
    assert lines_of(text, "**Pavia")["siren, best"][1] == "**44.00**"


def test_what_was_not_stored_has_no_figures_but_a_reason():
    text = tables.table("rate_distortion")

    assert lines_of(text)["zfp"] == ["-"] * 8
    assert "Without figures: `zfp`: out of reach: 99 bytes at least." in text


def test_times_in_a_sandbox_stand_in_brackets():
    text = tables.table("rate_distortion")

    assert lines_of(text)["tthresh"][-2:] == ["(250)", "(0.05)"]
    assert "Times in brackets" in text
    assert "Times in brackets" not in tables.table("rate_distortion", [PAVIA])


def test_the_introduction_says_where_and_when_from_the_rows():
    text = tables.table("rate_distortion")

    assert "2 cores, 1 thread a codec, cpu; `atlas-hsi` on 16 cores, 16 threads a codec, cuda" in text
    assert "2026-11-01 to 2026-11-03; imagecodecs 2026.3.6, numpy 2.4.1, python 3.11.7." in text
    assert "the scene's largest value as peak" in text
    assert "**Jasper Ridge, 198 bands**, peak 5,437" in text


def test_scenes_come_in_their_usual_order_or_as_asked_for():
    text = tables.table("rate_distortion")

    assert text.index("**Jasper") < text.index("**Pavia")
    assert "**Jasper" not in tables.table("rate_distortion", [PAVIA])


def test_psnr_by_rate_has_a_column_for_every_rate_and_a_bold_best_in_each():
    text = tables.table("psnr_by_rate")
    found = lines_of(text)

    assert "| codec | 0.01 | 0.02 | 0.04 | 0.07 | 0.1 | 0.2 | 0.4 |" in text
    assert found["klt + jpeg 2000"][4] == "**43.00**"
    assert all(cell.startswith("**") for cell in found["klt + jpeg 2000"])
    assert found["tthresh"] == ["-", "-", "35.02", "-", "39.00", "42.01", "-"]
    assert list(found)[:2] == ["klt + jpeg 2000", "siren, best"]


def test_bd_rate_states_the_overlap_beside_every_figure():
    """A curve 1 dB below, of 10 dB for a factor of 10 in rate, takes 10^0.1 of the rate."""
    found = lines_of(tables.table("bd_rate"))

    assert found["siren, best"] == ["+25.9 %", "33.0 to 48.0", "-1.00", "0.010 to 0.400"]
    assert found["tthresh"] == ["+151.2 %", "35.0 to 42.0", "-4.00", "0.040 to 0.200"]
    assert found["klt + jpeg 2000 (anchor)"][0] == "+0.0 %"


def test_bd_rate_says_why_there_is_no_figure():
    text = tables.table("bd_rate")

    assert lines_of(text)["zfp"] == ["-", "-", "-33.00", "0.200 to 0.400"]
    assert "`zfp`: no PSNR in common; `atlas-hsi`: the tested curve has 1 of the 2 points that a curve takes." in text
    assert "`siren, best`: the anchor has 0 of the 2" in tables.table("bd_rate", [PAVIA])


def test_lossless_has_a_column_for_every_scene_and_the_smallest_in_bold():
    text = tables.table("lossless")

    assert "| codec | Jasper Ridge, 198 bands | Pavia Centre crop, 102 bands |" in text
    assert text.endswith("| pcodec | **6.000** | - |\n| jpeg-ls | 6.250 | **7.000** |")


def test_storage_has_a_line_for_every_scene_and_rate():
    columns = ("scene", "asked_bpppb", "weight_bits", "psnr_db")
    cells = [("mars", "0.1", "16", "40.0"), ("mars", "0.1", "8", "41.5"), ("mars", "0.1", "6", "39.75")]
    results.write("siren_storage", [dict(zip(columns, cell, strict=True)) for cell in cells], columns)

    assert tables.table("storage").endswith("| mars | 0.1 | 40.00 dB | 41.50 (+1.50) | 39.75 (-0.25) |")


def test_documents_change_between_their_markers_only(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- table: lossless -->\nold\n<!-- end of table -->\nafter <!-- table: x --> of line\n")

    tables.write([path, tmp_path / "there_is_none.md"])

    head, rest = path.read_text().split("<!-- table: lossless -->\n")
    inside, tail = rest.split("\n<!-- end of table -->\n")
    assert (head, inside, tail) == ("before\n", tables.table("lossless"), "after <!-- table: x --> of line\n")
    assert path.read_text() == tables.expected(path)


def test_a_marker_may_choose_scenes(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"<!-- table: bd_rate {PAVIA} {JASPER} -->\n<!-- end of table -->\n")

    assert tables.table("bd_rate", [PAVIA, JASPER]) in tables.expected(path)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("nothing", "there is no table 'nothing', only rate_distortion"),
        ("lossless mars", "nothing was measured on 'ma"),
    ],
)
def test_a_marker_that_names_nothing_is_refused(tmp_path, marker, message):
    path = tmp_path / "README.md"
    path.write_text(f"<!-- table: {marker} -->\n<!-- end of table -->\n")

    with pytest.raises(ValueError, match=message):
        tables.expected(path)


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_row_of_a_table_has_the_cells_of_its_header(name):
    for part in tables.table(name).split("\n\n"):
        if part.startswith("|"):
            assert len({line.count("|") for line in part.splitlines()}) == 1


def test_effort_counts_the_streams_of_the_main_scenes_and_their_minutes():
    text = tables.table("effort")
    streams = 7 + 7 + 7 + 3 + 1 + 2 + 1 + 2  # of those above

    assert f"the {streams} streams of 2 scenes" in text
