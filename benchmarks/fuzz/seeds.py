"""What is altered: whole payloads of a few hundred bytes, their sections, configurations and a report."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path

import numpy as np

from xr_inr.core.bitstream import Model, Section, read_container, write_container
from xr_inr.core.decode import Payload
from xr_inr.core.latent.cascade import write_cascade
from xr_inr.core.latent.outlier_list import write_outliers
from xr_inr.core.latent.repeat_map import write_repeats
from xr_inr.core.latent.restoration import write_restoration
from xr_inr.core.latent.synthesis import BESIDE, SineSynthesis
from xr_inr.core.mask import NAN, NODATA, Mask
from xr_inr.core.outliers import Outliers
from xr_inr.core.repeats import Repeats
from xr_inr.core.scene_layout import CONSTANT, FITTED, VOID, SceneLayout

FOLDER = Path(__file__).parents[2] / "tests" / "golden" / "version_1"
"""Golden payloads of 3 bands of 8 x 8 pixels."""

_BOUND = ("uint8_lossless", "uint16_bound", "int16_bound", "float32_bound")
"""Golden payloads with a residual layer."""

_FITTED = ("latent_fast_uint16_network", "latent_balanced_float32_network", "latent_balanced_uint16_restored")
"""Golden payloads of larger scenes, with sinusoidal networks that were fitted."""

RANK = 8
"""Components of these."""

_FORMS = ("latent_fast", "siren_fast", "siren_paper")
_WIDEST = 47
_RICH = 12
"""How often one of every section stands among the payloads, each of which has few."""

Parts = tuple[Model, dict[Section, bytes]]
"""A payload taken apart."""


@functools.cache
def payloads() -> list[bytes]:
    """Return payloads of every model, sample type and byte order, and some of every section there is."""
    plain = [path.read_bytes() for form in _FORMS for path in sorted(FOLDER.glob(f"{form}_*.bin"))]
    rich = [_with_all((FOLDER / f"{form}_float32_little.bin").read_bytes()) for form in _FORMS]
    bound = [(FOLDER.parent / f"latent_fast_{form}.bin").read_bytes() for form in _BOUND]
    return plain + _RICH // 4 * bound + _RICH * rich + _RICH // 2 * _fitted()


@functools.cache
def parts() -> list[Parts]:
    """Return the same payloads, taken apart."""
    return [read_container(payload) for payload in payloads()]


@functools.cache
def foretold() -> list[tuple[Model, dict[Section, bytes], int]]:
    """Return latent payloads that have, or may have, sinusoidal networks, and how many components each has."""
    small = [FOLDER / f"latent_fast_{form}_little.bin" for form in ("uint16", "float32")]
    given = [*(path.read_bytes() for path in small), *_fitted()]
    ranks = [Payload(payload).rank for payload in given]
    return [(*read_container(payload), rank) for payload, rank in zip(given, ranks, strict=True) if rank]


def sections(tag: Section) -> list[bytes]:
    """Return every different content of a section among the payloads."""
    found = list(dict.fromkeys(held[tag] for _, held in parts() if tag in held))
    if not found:
        raise ValueError(f"no payload to alter has the section {tag.name}; `seeds` must make one")
    return found


def configurations() -> list[bytes]:
    """Return configurations of the codecs, as JSON."""
    given = [
        {"band_axis": 0, "bpppb": 0.1},
        {"band_axis": 2, "psnr": 45.0, "model": "siren", "preset": "paper", "weight_bits": 16, "seed": 3},
        {"bpppb": 1.0, "nodata": -9999, "bad_bands": [0, 2], "shape": [3, 8, 8], "dtype": "<u2", "order": "C"},
    ]
    return [json.dumps(one).encode() for one in given]


def reports() -> list[bytes]:
    """Return what an array's attribute says of its compression, as JSON."""
    measured = {name: [40.0, None] for name in ("psnr", "max_error", "rmse", "sam")}
    told = {
        "name": "reflectance",
        "shape": [3, 8, 16],
        "dtype": "uint16",
        "payload_bytes": 900,
        "bpppb": 4.7,
        "ratio": 3.4,
        "psnr": 40.0,
        "peak": 100.0,
        "mse": 1.0,
        "sam": 0.5,
        "max_error": 4.0,
        "request": {"bpppb": 5.0},
        "networks": ["rank 3", "rank 2"],
        "chunks": 2,
        "chunk_figures": {"grid": [1, 1, 2], "shape": [3, 8, 8], "bytes": [450, 450], **measured},
        "seconds": None,
        "band_psnr": [40.0, None, 41.0],
        "band_max_error": [4.0, 0.0, 3.0],
        "bad_bands": [1],
        "version": "0.1.0",
    }
    return [json.dumps(told).encode()]


def _fitted() -> list[bytes]:
    return [(FOLDER.parent / f"{name}.bin").read_bytes() for name in _FITTED]


def _with_all(payload: bytes) -> bytes:
    """Return a payload with a mask, a constant and a void band, and, if latent, sinusoidal networks."""
    model, held = read_container(payload)
    layout = SceneLayout.from_sections(held)
    bands, height, width = layout.shape
    classes = np.zeros((bands + 2, height, width), np.uint8)
    classes[0, :2, 3:] = NODATA
    classes[1, 4, 4:7] = NAN
    classes[-1] = NODATA
    changed = dataclasses.replace(
        layout,
        shape=classes.shape,
        nodata=layout.dtype.type(-9999),
        kinds=np.array([*[FITTED] * bands, CONSTANT, VOID], np.uint8),
        constants=np.array([0.75], layout.dtype),
        mask=Mask.from_classes(classes),
    )
    if model is Model.LATENT:
        held = held | {Section.LATENT_SYNTHESIS: _cascade(rank=3), Section.LATENT_RESTORATION: _restoring(rank=3)}
        # No law of these is so wide: the stream stays one, and altered it is read from a lower scale on.
        held = held | {Section.LATENT_FINE: bytes([_WIDEST]), Section.LATENT_REPEATS: _repeats(height, width)}
        held = held | {Section.LATENT_OUTLIERS: _outliers(bands, height * width)}
    return write_container(model, held | changed.to_sections())


def _outliers(bands: int, pixels: int) -> bytes:
    """Return a list of five outliers."""
    of_pixels, of_bands = np.divmod(np.linspace(0, bands * pixels - 1, 5).astype(np.int64), bands)
    return write_outliers(Outliers(of_pixels, of_bands, np.arange(5, dtype=np.int64) * 900, 12), bands, pixels)


def _repeats(height: int, width: int) -> bytes:
    """Return a map of repeated pixels: planes of seeds are too small for details, so that their streams stay ones."""
    left, above = np.zeros((2, height, width), np.bool_)
    left[0, 2::2] = True
    return write_repeats(Repeats(left, above))


def _restoring(rank: int) -> bytes:
    """Return a restoring network that looks at all planes."""
    generator = np.random.default_rng(1)
    shapes = ((2, 2 * rank), (2, 2), (rank, 2))
    layers = tuple((generator.integers(-40, 40, shape), generator.integers(-9, 9, shape[0])) for shape in shapes)
    zeros = np.zeros(rank, np.int64)
    return write_restoration(SineSynthesis(np.float32(0.5), zeros, zeros, zeros, (5, 5, 5), layers, curved=True))


def _cascade(rank: int) -> bytes:
    """Return sinusoidal networks, each of which foretells one component from all before."""
    generator = np.random.default_rng(0)

    def network(inputs: int) -> SineSynthesis:
        shapes = ((2, inputs * (1 + len(BESIDE))), (2, 2), (1, 2))
        layers = tuple((generator.integers(-40, 40, shape), generator.integers(-9, 9, shape[0])) for shape in shapes)
        zeros = np.zeros(inputs, np.int64)
        return SineSynthesis(np.float32(0.5), zeros, zeros, zeros[:1], (5, 5, 5), layers)

    return write_cascade(tuple(network(inputs) for inputs in range(1, rank)))
