"""What a compression cost and what it kept: a table to read, numbers, pictures and a page, and what is stored of it."""

from __future__ import annotations

import html
import json
import math
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import xarray as xr

from xr_inr._version import __version__
from xr_inr.band_axis import BandAxis
from xr_inr.chunk_figures import ChunkFigures
from xr_inr.chunk_record import Recorded
from xr_inr.core.request import MODELS
from xr_inr.exceptions import RequestError
from xr_inr.report_reading import read_fields
from xr_inr.scenes import Scenes
from xr_inr.views import unit_of

if TYPE_CHECKING:
    from xr_inr.plots import ReportPlots

_LINES = 12
_MOST_NETWORKS = 16
ATTRIBUTE = "xr_inr"
"""The attribute of a stored array that holds its report, as JSON."""

HINT = "The samples are decoded by the codec xr_inr: pip install xr-inr"
"""Stands first in that attribute, for whoever opens an array and is told of an unknown codec."""


@dataclass(frozen=True)
class Report:
    """How a variable was compressed, and how far its decoded samples are from the original's.

    All errors are measured on the decoded payload, over the valid samples.
    """

    name: str
    """The variable."""

    shape: tuple[int, ...]
    """Its shape."""

    dtype: str
    """Its sample type."""

    payload_bytes: int
    """Bytes of all payloads, everything in them counted."""

    bpppb: float
    """Payload bits per pixel per band."""

    ratio: float
    """Uncompressed bytes for one payload byte."""

    psnr: float
    """PSNR in dB over all samples; infinite where nothing was lost."""

    peak: float
    """R of the PSNR: the largest absolute value of the original."""

    mse: float
    """Mean squared error, in data units squared."""

    sam: float
    """Mean spectral angle, in degrees."""

    max_error: float
    """Largest absolute error, in data units."""

    request: dict[str, Any]
    """What was asked for."""

    networks: tuple[str, ...] = ()
    """What was fitted, such as a siren's n_h x w_h -> outputs, of each chunk that needed more than a mean spectrum."""

    chunks: int = 1
    """How many payloads there are."""

    chunk_figures: ChunkFigures | None = field(default=None, repr=False)
    """What each of several chunks cost and kept; None of one chunk, and when read from a store with more than 1,024."""

    seconds: float = math.nan
    """Wall time of encoding."""

    band_psnr: tuple[float, ...] = field(default=(), repr=False)
    """PSNR of each band against its own largest absolute value, in dB."""

    band_max_error: tuple[float, ...] = field(default=(), repr=False)
    """Largest absolute error of each band."""

    bad_bands: tuple[int, ...] = ()
    """The bands that were not to count: each is kept as one typical value, and no figure tells of it."""

    version: str = __version__
    """The xr_inr that made it."""

    search: tuple[str, ...] = field(default=(), repr=False)
    """The architecture search of a siren, a line for each candidate and rung; not stored."""

    scenes: Scenes | None = field(default=None, repr=False, compare=False)
    """The samples behind the figures, for pictures; not stored."""

    @classmethod
    def of(cls, name: str, fitted: Recorded, scenes: Scenes | None = None) -> Report:
        """Return the report of what has been fitted, with the samples behind it for its pictures."""
        figures = fitted.figures
        chunks = fitted.records.values()
        return cls(
            name=name,
            shape=fitted.shape,
            dtype=fitted.dtype.name,
            payload_bytes=fitted.nbytes,
            bpppb=fitted.nbytes * 8 / fitted.samples,
            ratio=fitted.samples * fitted.dtype.itemsize / fitted.nbytes,
            psnr=figures.psnr,
            peak=figures.peak,
            mse=figures.mse,
            sam=figures.sam,
            max_error=figures.max_error,
            request=fitted.config.request.to_dict(),
            bad_bands=fitted.config.bad_bands,
            networks=tuple(chunk.architecture for chunk in chunks if chunk.architecture is not None),
            chunks=len(chunks),
            chunk_figures=ChunkFigures.of(fitted) if len(chunks) > 1 else None,
            seconds=sum(chunk.seconds for chunk in chunks),
            band_psnr=tuple(figures.band_psnr.tolist()),
            band_max_error=tuple(np.where(figures.valid_samples > 0, figures.max_errors, np.nan).tolist()),
            search=tuple(line for chunk in chunks for line in chunk.search),
            scenes=scenes,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as plain Python values."""
        told = asdict(replace(self, scenes=None))
        del told["scenes"]
        return told

    def with_original(self, scene: xr.DataArray) -> Report:
        """Return the report with the scene that was compressed, which pictures of errors need.

        `compress` remembers it as long as it exists, so this is for reports from a store.

        Raises
        ------
        RequestError
            When the report is not of an array, or one of another shape.
        """
        if self.scenes is None:
            raise RequestError("an original can be given to the report of an array. Got one without any.")
        return replace(self, scenes=self.scenes.with_original(scene))

    @cached_property
    def plot(self) -> ReportPlots:
        """Pictures: ``report.plot.band_psnr()`` and others, each a figure and its axes; see `xr_inr.plots`."""
        from xr_inr.plots import ReportPlots  # noqa: PLC0415 - only pictures need it

        return ReportPlots(self)

    @overload
    def to_html(self, path: None = None, *, original: xr.DataArray | None = None) -> str: ...

    @overload
    def to_html(self, path: str | PathLike[str], *, original: xr.DataArray | None = None) -> None: ...

    def to_html(self, path: str | PathLike[str] | None = None, *, original: xr.DataArray | None = None) -> str | None:
        """Write the report as a page: one file, for any browser, that loads nothing from anywhere.

        It shows the scene before and after with a divider to drag, where the error is, the spectra of pixels that are
        clicked, the error by band and by chunk, sizes and settings. Without the original it shows what remains.

        Parameters
        ----------
        path
            Where to, with the suffix .html; a file there is replaced. If None, the text is returned.
        original
            The scene that was compressed, where it is not at hand any more.

        Raises
        ------
        RequestError
            When `path` has another suffix or its folder does not exist, or `original` is of another form.
        """
        from xr_inr import page  # noqa: PLC0415 - only pages need it

        if path is not None:
            page.check_path(path)
        text = page.assemble(page.of_report(self if original is None else self.with_original(original)))
        if path is None:
            return text
        page.write_page(path, text)
        return None

    @property
    def band_axis(self) -> BandAxis:
        """What plots over bands are drawn over."""
        return BandAxis.numbered(len(self.band_psnr)) if self.scenes is None else self.scenes.band_axis

    @property
    def spatial_axes(self) -> tuple[int, int]:
        """The axes y and x of the variable."""
        return (len(self.shape) - 2, len(self.shape) - 1) if self.scenes is None else self.scenes.spatial_axes

    @property
    def unit(self) -> str:
        """The unit of the samples, where the variable says it; else empty."""
        return "" if self.scenes is None else unit_of(self.scenes.decoded)

    def to_attribute(self) -> str:
        """Return the JSON text that is stored with the array; what is not finite stands as null.

        It stays small, some 30 kB, however many chunks there are: networks stand there once each, `_MOST_NETWORKS` at
        most, and the figures of chunks if there are no more than `xr_inr.chunk_figures.MOST_STORED`.
        """
        kept = {"hint": HINT} | {name: value for name, value in self.to_dict().items() if name != "search"}
        kept["networks"] = list(dict.fromkeys(self.networks))[:_MOST_NETWORKS]
        kept["chunk_figures"] = None if self.chunk_figures is None else self.chunk_figures.to_stored()
        kept |= {name: _rounded(kept[name]) for name in ("band_psnr", "band_max_error")}
        return json.dumps(json_safe(kept), separators=(",", ":"))

    @classmethod
    def from_attribute(cls, text: str) -> Report:
        """Read what `to_attribute` returned.

        Raises
        ------
        RequestError
            When the text is something else.
        """
        try:
            return cls(**read_fields(text))
        except (TypeError, KeyError, ValueError, OverflowError, RecursionError) as error:
            raise RequestError(f"the attribute {ATTRIBUTE!r} does not hold a report: {error}") from error

    def rows(self) -> list[tuple[str, str]]:
        """Return the lines of the table: a label and what stands there."""
        target = ", ".join(f"{key}={_shown(value)}" for key, value in self.request.items())
        bands = np.array([value for value in self.band_psnr if not math.isnan(value)])
        unit = f" {self.unit}" if self.unit else ""
        left_out = f"{len(self.bad_bands)} of {len(self.band_psnr)}, each kept as one value; no figure counts them"
        rows = [
            ("shape", " x ".join(map(str, self.shape)) + f" {self.dtype}"),
            ("asked for", target),
            *([("bad bands", left_out)] if self.bad_bands else []),
            ("payload", f"{self.payload_bytes:,} bytes in {self.chunks} chunk{'s' * (self.chunks != 1)}"),
            ("bpppb", f"{self.bpppb:.4f}"),
            ("ratio", f"{self.ratio:.1f} : 1"),
            ("PSNR", f"{self.psnr:.2f} dB (peak {self.peak:g})"),
            ("SAM", f"{self.sam:.3f} degrees"),
            ("max error", f"{self.max_error:g}{unit}"),
            ("RMSE", f"{math.sqrt(self.mse):.4g}{unit}" if self.mse >= 0 else "nan"),
        ]
        if len(bands):
            low, middle, high = np.percentile(bands, [0, 50, 100], method="nearest")
            rows.append(("band PSNR", f"{low:.2f} / {middle:.2f} / {high:.2f} dB (worst / median / best)"))
        if self.chunk_figures is not None:
            chunks = np.array([value for value in self.chunk_figures.psnr if not math.isnan(value)])
            if len(chunks):
                low, middle, high = np.percentile(chunks, [0, 50, 100], method="nearest")
                rows.append(("chunk PSNR", f"{low:.2f} / {middle:.2f} / {high:.2f} dB (worst / median / best)"))
        if self.networks:
            shapes = dict.fromkeys(self.networks)
            model = self.request.get("model", MODELS[0])
            rows.append(("model", f"{model}: {'; '.join(list(shapes)[:4])}" + ("; ..." if len(shapes) > 4 else "")))
        rows += [("search" if line == self.search[0] else "", " ".join(line.split())) for line in self.search[:_LINES]]
        if not math.isnan(self.seconds):
            rows.append(("encoded in", f"{self.seconds:.1f} s"))
        rows.append(("made by", f"xr_inr {self.version}"))
        return rows

    def __str__(self) -> str:
        rows = self.rows()
        width = max(len(label) for label, _ in rows)
        return "\n".join([self.name, *(f"  {label:<{width}}  {value}" for label, value in rows)])

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th style='text-align:left'>{html.escape(label)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for label, value in self.rows()
        )
        return f"<table><caption><b>{html.escape(self.name)}</b></caption>{cells}</table>"


def stored_report(variable: xr.DataArray) -> Report | None:
    """Return the report that stands in a variable's attributes; None without one, or with one of another shape.

    xarray keeps attributes through selections and, if told to, through arithmetic: only the first can be noticed.
    """
    text = variable.attrs.get(ATTRIBUTE)
    found = None if text is None else Report.from_attribute(text)
    if found is None or found.shape != variable.shape or variable.ndim < 3:
        return None
    return replace(found, scenes=Scenes.of_stored(variable, found.dtype, len(found.band_psnr)))


def _rounded(values: tuple[float, ...]) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def json_safe(value: Any) -> Any:
    """Return nested figures with what JSON cannot say, infinities and NaN, as None."""
    if isinstance(value, dict):
        return {key: json_safe(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _shown(asked: Any) -> str:
    """Return the value of a field of a request; of a list, such as weights of bands, what it spans."""
    if not isinstance(asked, list | tuple) or not asked:
        return str(asked)
    return f"{len(asked)} from {min(asked):g} to {max(asked):g}"
