"""Draws the pictures of the tutorial from what ``make demo`` leaves: ``python docs/pictures.py demo``."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl

from xr_inr.opening import open_scene
from xr_inr.report import stored_report

IMAGES = Path(__file__).parent / "images"
PIXELS = [(30, 30), (72, 72), (110, 60)]
"""(row, column) of the spectra, those of the demo's own picture."""


def main(folder: Path) -> None:
    """Draw the pictures from the scene and the store in `folder`."""
    mpl.use("Agg")
    report = stored_report(open_scene(folder / "indian_pines.zarr"))
    if report is None:
        raise SystemExit(f"{folder} must hold what make demo leaves; its store has no report.")
    report = report.with_original(open_scene(folder / "indian_pines.tif"))
    for name, (figure, _) in {"error": report.plot.error(), "spectra": report.plot.spectra(PIXELS)}.items():
        figure.savefig(IMAGES / f"tutorial_{name}.png", dpi=80)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("demo"))
