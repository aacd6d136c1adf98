"""What a page tells, gathered from a report or from two scenes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xr_inr._version import __version__
from xr_inr.band_axis import BandAxis
from xr_inr.chunk_figures import ChunkFigures
from xr_inr.page.numbers import in_bytes, number
from xr_inr.page.samples import Samples, sample_spectra
from xr_inr.report import Report
from xr_inr.scenes import NO_ORIGINAL, Scenes
from xr_inr.views import Views

_PICTURE_EDGE = 640
_SAME_DECIBELS = 0.01
_EXACT_BELOW = 1_000_000


@dataclass(frozen=True)
class Content:
    """Everything a page tells, as plain text and numbers."""

    name: str
    """Of the scene."""

    lead: str
    """One line on what it is and what became of it."""

    headline: list[tuple[str, str, str]]
    """The figures to read first: label, number, unit."""

    rows: list[tuple[str, str]]
    """All figures and settings: label, text."""

    notes: list[str]
    """What the reader has to know of what is missing or strange."""

    axis: BandAxis
    """What bands are drawn over."""

    band_psnr: NDArray[np.float64]
    """(bands,) in dB."""

    band_error: NDArray[np.float64]
    """(bands,) largest absolute error, in data units."""

    unit: str
    """Of the samples; empty where it is not known."""

    views: Views | None
    """Pictures and maps; None where there are none."""

    samples: Samples | None
    """Spectra of some pixels; None where there are none."""

    chunks: ChunkFigures | None
    """The figures of several chunks."""

    spatial_axes: tuple[int, int]
    """The axes y and x of the variable."""

    sides: tuple[int, int]
    """Height and width of the scene, in pixels."""


def of_report(report: Report) -> Content:
    """Gather what a report tells; without its samples, or without the original, what remains."""
    notes: list[str] = []
    views, samples = _look(report, notes)
    y, x = report.spatial_axes
    band_psnr, band_error = (
        np.array(values)
        if len(values) == len(report.band_axis.values)
        else np.full(len(report.band_axis.values), np.nan)
        for values in (report.band_psnr, report.band_max_error)
    )
    form = " x ".join(f"{size:,}" for size in report.shape)
    before = in_bytes(math.prod(report.shape) * np.dtype(report.dtype).itemsize)
    if report.chunks > 1 and report.chunk_figures is None:
        notes.append(f"Figures of its {report.chunks:,} chunks are not stored with the scene.")
    return Content(
        name=report.name,
        lead=f"{form} samples of {report.dtype}, {before} before and {in_bytes(report.payload_bytes)} after.",
        headline=[
            ("payload", *_with_unit(report.payload_bytes)),
            ("ratio", number(report.ratio, 4), "times smaller"),
            ("rate", f"{report.bpppb:.4f}", "bits per pixel per band"),
            *_errors(report.psnr, report.peak, report.sam, report.max_error, report.unit),
        ],
        rows=report.rows(),
        notes=notes,
        axis=report.band_axis,
        band_psnr=band_psnr,
        band_error=_measured(band_error, band_psnr),
        unit=report.unit,
        views=views,
        samples=samples,
        chunks=report.chunk_figures,
        spatial_axes=(y, x),
        sides=(report.shape[y], report.shape[x]),
    )


def of_pair(original: xr.DataArray, decoded: xr.DataArray) -> Content:
    """Gather what two scenes tell of which no report is known; raises `RequestError` if they cannot be compared."""
    scenes = Scenes.of_pair(original, decoded)
    views, errors = scenes.views_with_errors(_PICTURE_EDGE)
    figures = errors.figures
    bands, height, width = views.shape
    return Content(
        name="scene" if decoded.name is None else str(decoded.name),
        lead=f"{bands:,} bands of {height:,} x {width:,} pixels beside their original.",
        headline=_errors(figures.psnr, figures.peak, figures.sam, figures.max_error, views.unit),
        rows=[
            ("shape", " x ".join(map(str, decoded.shape)) + f" {decoded.dtype}"),
            ("valid samples", f"{int(figures.valid_samples.sum()):,}"),
            ("MSE", f"{figures.mse:.6g}"),
            ("compared by", f"xr_inr {__version__}"),
        ],
        notes=["Sizes and settings are not known: the decoded scene has no report."],
        axis=views.axis,
        band_psnr=figures.band_psnr,
        band_error=_measured(figures.max_errors, figures.band_psnr),
        unit=views.unit,
        views=views,
        samples=sample_spectra(scenes, views),
        chunks=None,
        spatial_axes=(1, 2),
        sides=(height, width),
    )


def _look(report: Report, notes: list[str]) -> tuple[Views | None, Samples | None]:
    """Return what there is to see of a report's samples, and add what is missing to the notes."""
    if report.scenes is None:
        notes.append("The samples are not at hand: there are no pictures and spectra.")
        return None, None
    if len(report.shape) != 3:
        notes.append(f"Pictures and spectra are shown of scenes with 3 axes. This one has {len(report.shape)}.")
        return None, None
    views = report.scenes.views(_PICTURE_EDGE)
    if views.errors is None:
        notes.append(f"Without error maps and original spectra: {NO_ORIGINAL}.")
    elif not _about(views.errors.figures.psnr, report.psnr):
        notes.append(
            f"The PSNR of the two scenes shown is {views.errors.figures.psnr:.2f} dB, that of the report "
            f"{report.psnr:.2f} dB: the original is not the one that was compressed, or masks other samples."
        )
    return views, sample_spectra(report.scenes, views)


def _measured(errors: NDArray[np.float64], psnr: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest errors, NaN for bands of which no sample counts."""
    return np.where(np.isnan(psnr) & (errors == 0), np.nan, errors)


def _with_unit(count: int) -> tuple[str, str]:
    if count < _EXACT_BELOW:
        return number(count), "bytes"
    value, unit = in_bytes(count).split()
    return value, unit


def _about(first: float, second: float) -> bool:
    return first == second or abs(first - second) <= _SAME_DECIBELS or (math.isnan(first) and math.isnan(second))


def _errors(psnr: float, peak: float, sam: float, largest: float, unit: str) -> list[tuple[str, str, str]]:
    return [
        ("PSNR", "exact" if psnr == math.inf else f"{psnr:.2f}", f"dB, peak {number(peak)}"),
        ("mean spectral angle", f"{sam:.3f}", "degrees"),
        ("largest error", number(largest), unit or "data units"),
    ]
