"""What the script of a page works with, as JSON that can stand inside of HTML."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.chunk_figures import ChunkFigures, chunk_sides
from xr_inr.page.colours import COLOUR_MAPS
from xr_inr.page.content import Content

CHUNK_FIGURES = {
    "psnr": ("PSNR", "dB"),
    "bpppb": ("rate", "bits per pixel per band"),
    "sam": ("spectral angle", "degrees"),
    "max_error": ("largest error", ""),
    "bytes": ("payload", "bytes"),
}
"""The figures of chunks that can be shown, with their names and units."""

_IN_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def data_of(content: Content) -> str:
    """Return the JSON text; it holds no character that HTML knows."""
    values: dict[str, Any] = {
        "unit": content.unit or "data units",
        "axis": {
            "values": _plain(content.axis.values),
            "starts": content.axis.starts.tolist(),
            "label": content.axis.label,
            "name": content.axis.name,
            "unit": content.axis.unit,
        },
        "bandPsnr": _plain(content.band_psnr),
        "bandError": _plain(content.band_error),
        "samples": None,
        "chunks": None,
    }
    if content.views is not None and content.samples is not None:
        _, height, width = content.views.shape
        values["sides"] = [height, width]
        values["samples"] = content.samples.to_json()
    if content.chunks is not None:
        values["chunks"] = _chunks(content.chunks, content)
    return json.dumps(values, separators=(",", ":"), allow_nan=False).translate(_IN_HTML)


def _chunks(figures: ChunkFigures, content: Content) -> dict[str, Any]:
    axes = content.spatial_axes
    sides = chunk_sides(
        tuple(content.sides), *(tuple(form[axis] for axis in axes) for form in (figures.grid, figures.shape))
    )
    return {
        "heights": sides[0],
        "widths": sides[1],
        "colours": COLOUR_MAPS["cividis"].split(),
        "figures": {
            name: {"name": label, "unit": unit or content.unit or "data units", "values": _plain(values.ravel())}
            for name, (label, unit) in CHUNK_FIGURES.items()
            if np.isfinite(values := figures.map_of(name, axes)).any()
        },
    }


def _plain(values: NDArray[Any]) -> list[float | None]:
    """Return numbers to 6 digits, None for what is not finite."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values.tolist()]
