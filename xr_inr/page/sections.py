"""The parts of a page, as HTML in which everything that comes from a scene is escaped."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

import numpy as np

from xr_inr.chunk_figures import ChunkFigures
from xr_inr.page.content import Content
from xr_inr.page.data import CHUNK_FIGURES
from xr_inr.page.numbers import DASH, number
from xr_inr.page.pictures import error_map, picture, scale
from xr_inr.views import Errors, Views

_MOST_CHUNK_ROWS = 200

_HANDLE = (
    '<div class="handle" role="slider" tabindex="0" aria-orientation="horizontal" aria-valuemin="0" aria-valuemax="100"'
    ' aria-valuenow="50" aria-label="Divider between the original, left, and the decoded scene, right"></div>'
)


def header(content: Content) -> str:
    """Return what stands at the top: the name, one line, the figures to read first, and notes."""
    figures = "".join(
        f"<div><dt>{_text(label)}</dt><dd><b>{_text(value)}</b> <span>{_text(unit)}</span></dd></div>"
        for label, value, unit in content.headline
    )
    notes = "".join(f'<p class="note">{_text(note)}</p>' for note in content.notes)
    lead = f'<h1>{_text(content.name)}</h1><p class="lead">{_text(content.lead)}</p>'
    return f'{lead}<dl class="headline">{figures}</dl>{notes}'


def look(content: Content, views: Views) -> str:
    """Return the pair with its divider, beside the spectra of pixels that are picked."""
    errors = views.errors
    _, height, width = views.shape
    second = picture(views.decoded, "The decoded scene in pseudo-colour", "decoded")
    if errors is None:
        title, said, curves = "The decoded scene", "", "Decoded spectra of pixels"
        inside = second
    else:
        title, said = "Before and after", "Left of the divider the original, right of it the decoded scene. "
        curves = "Spectra of pixels: original broad, decoded fine"
        first = picture(errors.original, "The original scene in pseudo-colour", "original")
        inside = f'{second}{first}<span class="tag">original</span><span class="tag end">decoded</span>{_HANDLE}'
    buttons = "".join(
        f'<button type="button" data-pixel="{kind}">{label}</button>'
        for kind, label in (("rmse", "largest error"), ("angle", "largest angle"))
        if errors is not None and kind in errors.worst
    )
    chart_of_errors = (
        '<h3>Error, decoded less original</h3><div class="chart" id="pixel-errors"></div>' if errors is not None else ""
    )
    return f"""
<section id="look">
<h2>{title}</h2>
<div class="beside">
<figure>
{_frame(inside, width, height)}
<figcaption>{said}{_text(_colours_said(content, views))}</figcaption>
</figure>
<div class="spectra">
<h3>{curves}</h3>
<form id="pick" class="controls">
<label>row <input type="number" name="row" min="0" max="{height - 1}" step="1" required></label>
<label>column <input type="number" name="column" min="0" max="{width - 1}" step="1" required></label>
<button type="submit">show</button>{buttons}
</form>
<p class="quiet" id="picked" aria-live="polite">Click into a picture to see the spectrum there.</p>
<ul class="chips" id="chips"></ul>
<div class="chart" id="pixel-spectra"></div>
{chart_of_errors}
</div>
</div>
</section>"""


def maps(views: Views, errors: Errors) -> str:
    """Return where the error is: its size and its angle."""
    _, height, width = views.shape
    unit = views.unit or "data units"
    figures = ""
    for title, values, colours, of in (
        ("Error, root mean square over bands", errors.rmse, "magma", unit),
        ("Spectral angle", errors.angle, "viridis", "degrees"),
    ):
        element, top = error_map(values, f"Map: {title.lower()}, in {of}", colours)
        largest = float(np.nanmax(values)) if np.isfinite(values).any() else math.nan
        figures += (
            f"<figure><h3>{title}</h3>{_frame(element, width, height)}"
            f"<figcaption>{scale(colours, top, largest, of)}</figcaption></figure>"
        )
    return f'<section id="maps"><h2>Where the error is</h2><div class="pairs">{figures}</div></section>'


def bands(content: Content) -> str:
    """Return the error by band, as curves and as a table."""
    exact = int(np.isposinf(content.band_psnr).sum())
    said = "Each band against its own largest value."
    if exact:
        said += f" {exact:,} band{'s are' if exact > 1 else ' is'} exact and not drawn."
    curve = '<div class="chart" id="band-psnr"></div>' if np.isfinite(content.band_psnr).any() else ""
    unit = content.unit or "data units"
    named = content.axis.name != "band"
    heads = ["band", *([content.axis.label] if named else []), "PSNR (dB)", f"largest error ({unit})"]
    lines = (
        [str(place + 1), *([number(wavelength)] if named else []), _decibels(psnr), number(error)]
        for place, (wavelength, psnr, error) in enumerate(
            zip(content.axis.values.tolist(), content.band_psnr.tolist(), content.band_error.tolist(), strict=True)
        )
    )
    return f"""
<section id="bands">
<h2>Band by band</h2>
<div class="pairs">
<figure><h3>PSNR of each band</h3>{curve}<figcaption>{said}</figcaption></figure>
<figure><h3>Largest error in each band</h3><div class="chart" id="band-error"></div></figure>
</div>
<details><summary>The same as a table</summary>{_table(heads, lines)}</details>
</section>"""


def chunks(content: Content, figures: ChunkFigures) -> str:
    """Return the figures of chunks: a map for each, and a table of the worst."""
    y, x = content.spatial_axes
    height, width = content.sides
    order = sorted(range(len(figures)), key=lambda place: (math.isnan(figures.psnr[place]), figures.psnr[place]))
    shown = order[:_MOST_CHUNK_ROWS]
    places = np.unravel_index(np.array(shown), figures.grid)
    unit = content.unit or "data units"
    heads = ["rows from", "columns from", *(f"{label} ({of or unit})" for label, of in CHUNK_FIGURES.values())]
    lines = (
        [
            f"{places[y][line] * figures.shape[y]:,}",
            f"{places[x][line] * figures.shape[x]:,}",
            _decibels(figures.psnr[at]),
            number(figures.bpppb[at], 4),
            number(figures.sam[at], 4),
            number(figures.max_error[at]),
            f"{figures.bytes[at]:,}",
        ]
        for line, at in enumerate(shown)
    )
    which = "all chunks" if len(shown) == len(figures) else f"the {len(shown):,} chunks of lowest PSNR"
    options = "".join(
        f'<label><input type="radio" name="chunk-figure" value="{name}">{label}</label>'
        for name, (label, _) in CHUNK_FIGURES.items()
    )
    return f"""
<section id="chunks">
<h2>Chunk by chunk</h2>
<p class="lead">{len(figures):,} chunks of up to {figures.shape[y]:,} x {figures.shape[x]:,} pixels, each with a payload
of
its own. PSNR is against the peak of the whole scene.</p>
<fieldset class="controls" id="chunk-choice"><legend class="hidden">Which figure is shown</legend>{options}</fieldset>
<figure class="narrow">
<div class="frame" style="--ratio:{width}/{height}"><canvas id="chunk-map" tabindex="0" role="img"
aria-label="Map of the chunks; arrow keys go from one to the next"></canvas></div>
<figcaption><div class="scale" id="chunk-scale"><span></span><i></i><span></span></div>
<p class="quiet" id="chunk-said" aria-live="polite"></p></figcaption>
</figure>
<details><summary>A table of {which}</summary>{_table(heads, lines)}</details>
</section>"""


def settings(content: Content) -> str:
    """Return all figures and settings as a list."""
    rows = "".join(f"<div><dt>{_text(label)}</dt><dd>{_text(value)}</dd></div>" for label, value in content.rows)
    return f'<section id="settings"><h2>All figures and settings</h2><dl class="rows">{rows}</dl></section>'


def _frame(inside: str, width: int, height: int) -> str:
    return f'<div class="frame pickable" style="--ratio:{width}/{height}">{inside}</div>'


def _colours_said(content: Content, views: Views) -> str:
    numbers = ", ".join(str(band + 1) for band in views.colour_bands)
    of, side = "", ""
    if content.axis.unit:
        places = (number(float(content.axis.values[band]), 4) for band in views.colour_bands)
        of = f" ({', '.join(places)} {content.axis.unit})"
    if views.factor > 1:
        side = f" A pixel of the pictures is {views.factor} x {views.factor} pixels of the scene."
    if (views.decoded[..., 3] == 0).any():
        side += " Chequered: without samples."
    return f"Red, green and blue are bands {numbers}{of}, stretched from their 2nd to their 98th percentile.{side}"


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{_text(one)}</th>' for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return f'<div class="table" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _decibels(value: float) -> str:
    return "exact" if value == math.inf else DASH if math.isnan(value) else f"{value:.2f}"


def _text(text: str) -> str:
    return html.escape(text)
