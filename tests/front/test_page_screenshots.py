"""What the page looks like in a real browser: wide, narrow and dark. Skipped without Chromium."""

import numpy as np
import pytest

from .browser import HEIGHT, do, needs_browser, screenshot

pytestmark = needs_browser

WIDE, NARROW = 1200, 400
SHOWN = {"wide": (WIDE, False), "narrow": (NARROW, False), "dark": (WIDE, True)}
shown = pytest.mark.parametrize("look", SHOWN)
BOX = """
const box = one(".frame").getBoundingClientRect();
return [box.left, box.top, box.width, box.height];
"""


@pytest.fixture(scope="module")
def text(small):
    """The page of a scene in one chunk, with its original."""
    return small.inr.report.to_html()


@pytest.fixture(scope="module")
def shots(text, tmp_path_factory):
    """The upper part of the page as a picture, each way."""
    return {
        look: screenshot(tmp_path_factory.mktemp(look), text, width, dark=dark) for look, (width, dark) in SHOWN.items()
    }


@pytest.fixture(scope="module")
def boxes(text, tmp_path_factory):
    """Where the picture with the divider stands at each width: left, top, width, height."""
    return {width: do(tmp_path_factory.mktemp("box"), text, BOX, width) for width in (WIDE, NARROW)}


def brightness(shot, share):
    """Return the brightness, 0 to 255, that a share of a picture's pixels stays below."""
    return np.percentile(shot.mean(axis=2), 100 * share)


@shown
def test_page_is_painted_in_the_size_of_the_window(shots, look):
    assert shots[look].shape == (HEIGHT, SHOWN[look][0], 3)
    assert len(np.unique(shots[look].reshape(-1, 3), axis=0)) > 200


@shown
def test_picture_has_the_original_on_the_left_and_the_decoded_scene_on_the_right(shots, boxes, small, look):
    left, top, width, height = boxes[SHOWN[look][0]]
    views = small.inr.report.scenes.views(640)
    decoded, original = views.decoded[..., :3], views.errors.original[..., :3]
    rows, columns = (((np.arange(size) + 0.5) / size) for size in decoded.shape[:2])
    painted = shots[look][np.ix_((top + height * rows).astype(int), (left + width * columns).astype(int))]
    expected = np.where((columns < 0.5)[None, :, None], original, decoded)
    alike = np.abs(painted.astype(int) - expected).max(axis=2) <= 2

    assert len(np.unique(painted.reshape(-1, 3), axis=0)) > 20
    assert alike.mean() > 0.7  # the divider, rings and words cover the others


@pytest.mark.parametrize(("look", "dark"), [("wide", False), ("narrow", False), ("dark", True)])
def test_background_and_ink_are_those_that_the_reader_prefers(shots, look, dark):
    header = shots[look][:200]

    assert (brightness(header, 0.5) < 60) == dark
    assert brightness(header, 0.002) < 90
    assert brightness(header, 0.998) > 200


@shown
def test_nothing_is_painted_in_the_margins(shots, look):
    shot = shots[look]

    assert (shot[:, :8] == shot[0, 0]).all()
    assert (shot[:, -8:] == shot[0, 0]).all()


def test_a_click_paints_a_third_curve(text, tmp_path):
    counted = """
    const curves = () => page.querySelectorAll("#pixel-spectra .curve").length;
    const frame = one(".pickable"), box = frame.getBoundingClientRect(), before = curves();
    const [x, y] = [box.left + box.width * 5.5 / 9, box.top + box.height * 2.5 / 7];
    point("pointerdown", x, y, frame);
    point("pointerup", x, y, frame);
    frame.dispatchEvent(new view.MouseEvent("click", { clientX: x, clientY: y, bubbles: true }));
    return { before, after: curves(), chips: page.querySelectorAll("#chips li").length };
    """
    found = do(tmp_path, text, counted)

    assert found["chips"] == 3
    assert found["after"] * 2 == found["before"] * 3
