"""The page in a real browser: its script runs, its controls work, it fits narrow screens. Skipped without Chromium."""

import re

import pytest

from .browser import do, needs_browser

pytestmark = needs_browser

PARTS = {
    "ready": "page.documentElement.dataset.ready",
    "failure": "!one('#failure').hidden",
    "curves": "page.querySelectorAll('.curve').length",
    "overflow": "page.documentElement.scrollWidth - view.innerWidth",
    "pixels": "page.querySelectorAll('#chips li').length",
}


@pytest.fixture(scope="module")
def text(in_chunks):
    """The page of a scene in chunks, with its original."""
    return in_chunks.inr.report.to_html()


@pytest.mark.parametrize("width", [320, 400, 768, 1600])
def test_page_starts_and_fits_any_width(text, tmp_path, width):
    steps = "return {" + ", ".join(f"{name}: {value}" for name, value in PARTS.items()) + "}"
    found = do(tmp_path, text, steps, width)

    assert found["ready"] == "yes"
    assert not found["failure"]
    assert found["curves"] >= 6
    assert found["pixels"] == 2
    assert found["overflow"] <= 0


def test_divider_follows_keys_and_the_pointer(text, tmp_path):
    found = do(
        tmp_path,
        text,
        """
        const handle = one(".handle"), frame = handle.parentElement, said = [];
        const tell = () => said.push(Number(handle.getAttribute("aria-valuenow")));
        for (const key of ["ArrowRight", "PageDown", "Home", "End"]) { press(handle, key); tell(); }
        frame.setPointerCapture = () => {};
        const box = frame.getBoundingClientRect();
        point("pointerdown", box.left + box.width / 2, box.top + 9, frame);
        point("pointermove", box.left + box.width / 4, box.top + 9, frame);
        point("pointerup", box.left + box.width / 4, box.top + 9, frame);
        tell();
        const clip = view.getComputedStyle(one(".original")).clipPath;
        return { said, clip };
        """,
    )

    assert found["said"] == [52, 42, 0, 100, 25]
    assert found["clip"] == "inset(0px 75% 0px 0px)"


def test_click_shows_the_spectrum_of_the_pixel(text, tmp_path, scene, in_chunks):
    found = do(
        tmp_path,
        text,
        """
        const frame = one(".pickable"), box = frame.getBoundingClientRect();
        const [x, y] = [box.left + box.width * 5.5 / 9, box.top + box.height * 2.5 / 7];
        point("pointerdown", x, y, frame);
        point("pointerup", x, y, frame);
        frame.dispatchEvent(new view.MouseEvent("click", { clientX: x, clientY: y, bubbles: true }));
        press(one("#pixel-spectra svg"), "Home");
        const swatch = one("#pixel-spectra .readout").textContent.split(" original ").pop();
        return { picked: one("#picked").textContent, read: swatch, rings: frame.querySelectorAll(".ring").length,
          error: one("#pixel-errors .readout").textContent.split("error ").pop() };
        """,
    )
    before, after = int(scene[0, 2, 5]), int(in_chunks[0, 2, 5])

    assert found["picked"] == "Row 2, column 5, both counted from 0."
    assert found["read"] == f"{before}, decoded {after}"
    assert found["error"].replace("\N{MINUS SIGN}", "-") == str(after - before)
    assert found["rings"] == 3


def test_pixels_can_be_asked_for_by_number_and_taken_away(text, tmp_path):
    found = do(
        tmp_path,
        text,
        """
        const form = one("#pick"), counts = [];
        for (const [row, column] of [[0, 0], [6, 8], [3, 3]]) {
          form.elements.row.value = row;
          form.elements.column.value = column;
          form.requestSubmit();
          counts.push(page.querySelectorAll("#chips li").length);
        }
        one("#chips button").click();
        counts.push(page.querySelectorAll("#chips li").length);
        one('[data-pixel="rmse"]').click();
        return { counts, picked: one("#picked").textContent };
        """,
    )

    assert found["counts"] == [3, 3, 3, 2]
    assert re.match(r"Row \d, column \d, both", found["picked"])


def test_map_of_chunks_is_read_by_keys(text, tmp_path, in_chunks):
    found = do(
        tmp_path,
        text,
        """
        const map = one("#chunk-map");
        for (const key of ["ArrowRight", "ArrowRight", "ArrowDown"]) press(map, key);
        one('[name="chunk-figure"][value="bytes"]').click();
        return { said: one("#chunk-said").textContent, scale: one("#chunk-scale").textContent, wide: map.width };
        """,
    )
    sizes = in_chunks.inr.report.chunk_figures.bytes

    assert found["said"].startswith("Rows 4 to 6, columns 4 to 7: ")
    assert f"payload {sizes[4]} bytes" in found["said"]
    assert found["scale"] == f"{min(sizes)}{max(sizes)} bytes"
    assert found["wide"] > 100


def test_page_without_the_original_starts(in_chunks, tmp_path):
    in_chunks.inr.to_zarr(tmp_path / "scene.zarr")
    import xarray as xr

    text = xr.open_zarr(tmp_path / "scene.zarr")["reflectance"].inr.report.to_html()
    found = do(tmp_path, text, "return { ready: page.documentElement.dataset.ready, curves: " + PARTS["curves"] + " }")

    assert found == {"ready": "yes", "curves": 3}


def test_script_in_the_name_of_a_scene_does_not_run(scene, tmp_path):
    name = "<img src=x onerror=\"document.documentElement.dataset.broken='yes'\"><script>alert(1)</script>"
    text = scene.rename(name).assign_attrs(units=name).inr.compress(bpppb=5.0, device="cpu").inr.report.to_html()
    found = do(
        tmp_path,
        text,
        "return { ready: page.documentElement.dataset.ready, broken: page.documentElement.dataset.broken ?? 'no',"
        " title: one('h1').textContent }",
    )

    assert found == {"ready": "yes", "broken": "no", "title": name}
