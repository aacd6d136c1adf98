"""The pictures and maps of a page, as HTML."""

from __future__ import annotations

import base64
import html

import numpy as np
from numpy.typing import NDArray

from xr_inr.page.colours import gradient, indices, palette
from xr_inr.page.numbers import number
from xr_inr.page.png import encode_colours, encode_indices

_SMALL = 400


def picture(image: NDArray[np.uint8], described: str, kind: str) -> str:
    """Return an image element of a pseudo-colour picture, (height, width, 4)."""
    opaque = bool((image[..., 3] == 255).all())
    return _element(encode_colours(image[..., :3] if opaque else image), image.shape[:2], described, kind)


def error_map(values: NDArray[np.float64], described: str, colours: str) -> tuple[str, float]:
    """Return an image element of a map and the value at the end of its scale, the 99th percentile."""
    finite = values[np.isfinite(values)]
    top = float(np.percentile(finite, 99)) if finite.size else 0.0
    return _element(encode_indices(indices(values, top), palette(colours)), values.shape, described, "map"), top


def scale(colours: str, top: float, largest: float, unit: str) -> str:
    """Return the scale below a map."""
    beyond = f"; the largest is {number(largest, 4)}" if largest > top else ""
    return (
        f'<div class="scale"><span>0</span><i style="background:{gradient(colours)}"></i>'
        f"<span>{number(top, 3)} {html.escape(unit)}</span></div>"
        f'<p class="quiet">The scale ends at the 99th percentile{beyond}.</p>'
    )


def _element(png: bytes, form: tuple[int, ...], described: str, kind: str) -> str:
    height, width = form
    crisp = " crisp" if max(height, width) < _SMALL else ""
    source = base64.b64encode(png).decode("ascii")
    return (
        f'<img class="{kind}{crisp}" alt="{html.escape(described)}" width="{width}" height="{height}" '
        f'draggable="false" src="data:image/png;base64,{source}">'
    )
