"""A real browser, headless: what a page tells when something is done to it, and what it looks like."""

import html
import json
import os
import re
import shutil
import subprocess
import warnings

import pytest
import rasterio

# Chrome first: where both are, as on the machines of GitHub, it alone may be allowed the sandbox that both ask for.
BROWSER = next(filter(None, map(shutil.which, ("google-chrome", "chromium", "chromium-browser"))), None)

needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium was found: neither google-chrome, chromium nor chromium-browser is installed"
)

HEIGHT = 900
"""Of the window, in pixels."""

HARNESS = """<!doctype html><meta charset="utf-8"><body>
<iframe src="report.html" width="WIDTH" height="HEIGHT"></iframe>
<script>
const wait = (time) => new Promise((done) => setTimeout(done, time));
document.querySelector("iframe").addEventListener("load", async ({ target }) => {
  const [page, view] = [target.contentDocument, target.contentWindow];
  const one = (name) => page.querySelector(name);
  const press = (element, key) => element.dispatchEvent(new view.KeyboardEvent("keydown", { key, bubbles: true }));
  const point = (kind, x, y, element) => element.dispatchEvent(
    new view.PointerEvent(kind, { clientX: x, clientY: y, button: 0, bubbles: true, pointerId: 1 }));
  await wait(300);
  let told;
  try { told = await (async () => { STEPS })(); } catch (error) { told = { failed: String(error) }; }
  const text = JSON.stringify(told);
  document.body.replaceChildren(Object.assign(document.createElement("pre"), { textContent: text }));
});
</script>"""


def browse(folder, *options):
    """Run the browser with a profile of its own in a folder; return what it prints."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [BROWSER, "--headless", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=8000", *sandbox]
    profile = f"--user-data-dir={folder / 'profile'}"
    return subprocess.run([*command, profile, *options], capture_output=True, check=True, text=True, timeout=120).stdout


def do(folder, text, steps, width=1000):
    """Open a page in a frame of some width, do `steps` there, and return what they return."""
    (folder / "report.html").write_text(text, encoding="utf-8")
    harness = folder / "harness.html"
    parts = {"WIDTH": str(width), "HEIGHT": str(HEIGHT), "STEPS": steps}
    harness.write_text(re.sub("WIDTH|HEIGHT|STEPS", lambda part: parts[part[0]], HARNESS), encoding="utf-8")
    found = browse(folder, "--allow-file-access-from-files", "--dump-dom", harness.as_uri())
    return json.loads(re.search(r"<pre>(.*)</pre>", html.unescape(found))[1])


def screenshot(folder, text, width=1000, *, dark=False):
    """Return what a page looks like, (HEIGHT, width, 3) bytes, for a reader who prefers light or dark pages."""
    (folder / "report.html").write_text(text, encoding="utf-8")
    picture = folder / "picture.png"
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    size = f"--window-size={width},{HEIGHT}"
    browse(folder, f"--screenshot={picture}", size, scheme, (folder / "report.html").as_uri())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(picture) as source:
            return source.read((1, 2, 3)).transpose(1, 2, 0)
