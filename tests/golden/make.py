"""The golden payloads: small payloads of every form, and the SHA-256 of the samples that they must decode to.

``python -m tests.golden.make`` fits all of them anew to scenes defined here, writes them beside this file, and what
they decode to into `MANIFEST`. It is run when the format changes; otherwise payloads and hashes stay as they are.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.bitstream import Section
from xr_inr.core.decode import Payload, decode

FOLDER = Path(__file__).parent
MANIFEST = "manifest.tsv"
COLUMNS = ("name", "bytes", "shape", "dtype", "sha256")
"""Of the manifest: `shape` is bands x height x width, `dtype` numpy's name with its byte order."""

NODATA = -9999

SCALES = {
    "u1": (40.0, 100.0),
    "i1": (40.0, 0.0),
    "u2": (500.0, 1500.0),
    "i2": (500.0, 0.0),
    "u4": (5e8, 2e9),
    "i4": (5e8, 0.0),
    "u8": (1e15, 4e15),
    "i8": (1e15, 0.0),
    "f2": (1.0, 0.0),
    "f4": (1.0, 0.0),
    "f8": (1.0, 1e6),
}
"""Factor and offset that bring values of about -2.5 to 2.5 to the range of a sample type."""

SHORT_FIT = {"iterations": 60, "rungs": (4, 8), "warmup": 4}
"""Of every siren: how it is stored does not depend on how long it was fitted."""


@dataclass(frozen=True)
class Case:
    """One golden payload."""

    model: str
    preset: str
    dtype: str
    what: str
    """What sets it apart, as it stands in its name."""

    bpppb: float = 1.0
    max_error: float | None = None
    """The target in place of `bpppb`."""

    shape: tuple[int, int, int] = (8, 20, 23)
    """(bands, height, width)."""

    curved: bool = False
    """Whether the first components foretell the later ones, so that a sinusoidal network pays."""

    constant: bool = False
    """Whether nothing varies, so that nothing is fitted."""

    nodata: bool = False
    """Whether samples are nodata; floats have NaN as well, and a band that is constant."""

    repeating: bool = False
    """Whether the scene was laid on a map by the nearest neighbour, so that many pixels are alike."""

    spiky: bool = False
    """Whether some samples are far off, as of dead or hot elements of a sensor."""

    weight_bits: int | None = None
    sections: frozenset[Section] = frozenset()
    """What the payload must hold, so that it tests what it is for."""

    @property
    def name(self) -> str:
        """What it is called in the manifest, and its file without the suffix."""
        return f"{self.model}_{self.preset}_{np.dtype(self.dtype).name}_{self.what}"


LATENTS = frozenset({Section.LATENT_BASIS, Section.LATENT_SIDE, Section.LATENT_STREAM})
NETWORK = LATENTS | {Section.LATENT_SYNTHESIS}
RESIDUAL = frozenset({Section.LATENT_BASIS, Section.RESIDUAL})
MASKED = frozenset({Section.MASK})
INTEGERS = frozenset({Section.SPECTRAL, Section.NETWORK_QUANTISED})
TABLE_I = frozenset({Section.NETWORK_TABLE_I})
CURVED: dict[str, Any] = {"curved": True, "shape": (12, 32, 31), "bpppb": 1.5, "sections": NETWORK}
RESTORED: dict[str, Any] = {
    "curved": True,
    "shape": (16, 64, 61),
    "bpppb": 0.4,
    "sections": NETWORK | {Section.LATENT_RESTORATION},
}
FINE: dict[str, Any] = {"shape": (10, 45, 38), "bpppb": 1.2, "sections": LATENTS | {Section.LATENT_FINE}}
REPEATING: dict[str, Any] = {
    "repeating": True,
    "shape": (10, 45, 38),
    "bpppb": 1.2,
    "sections": LATENTS | {Section.LATENT_REPEATS, Section.LATENT_FINE},
}
REPEATS_ALONE: dict[str, Any] = {"shape": (3, 20, 70), "sections": RESIDUAL | {Section.LATENT_REPEATS}}
RESIDUES: dict[str, Any] = {"shape": (24, 20, 66), "sections": RESIDUAL | LATENTS | {Section.LATENT_REPEATS}}
SPIKY: dict[str, Any] = {"spiky": True, "shape": (10, 45, 38), "sections": LATENTS | {Section.LATENT_OUTLIERS}}
SPIKY_RESIDUES: dict[str, Any] = {"sections": RESIDUAL | LATENTS | {Section.LATENT_OUTLIERS}}

CASES = (
    Case("latent", "fast", "<u2", "plain", sections=LATENTS),
    Case("latent", "fast", "<u2", "network", **CURVED),
    Case("latent", "balanced", "<i2", "nodata", nodata=True, sections=LATENTS | MASKED),
    Case("latent", "best", "<f4", "masked", nodata=True, sections=LATENTS | MASKED | {Section.CONSTANTS}),
    Case("latent", "balanced", "<f4", "network", **CURVED),
    Case("latent", "balanced", "<u2", "restored", **RESTORED),
    Case("latent", "fast", "<u2", "fine", **FINE),
    Case("latent", "balanced", "<i2", "fine_nodata", nodata=True, **FINE),
    Case("latent", "fast", "<u2", "repeats", **REPEATING),
    Case("latent", "fast", "<u2", "outliers", **SPIKY),
    Case("latent", "fast", ">i2", "big_endian", sections=LATENTS),
    Case("latent", "fast", "|u1", "constant", constant=True, sections=frozenset({Section.CONSTANTS})),
    Case("latent", "fast", "|u1", "lossless", max_error=0, sections=RESIDUAL),
    Case("latent", "fast", "<i2", "bound", max_error=2, nodata=True, sections=RESIDUAL | MASKED),
    Case("latent", "fast", "<u2", "bound", max_error=100, shape=(24, 40, 66), sections=RESIDUAL | LATENTS),
    Case("latent", "fast", "<u2", "repeats_lossless", max_error=0, **(REPEATING | REPEATS_ALONE)),
    Case("latent", "fast", "<i2", "repeats_bound", max_error=40, nodata=True, **(REPEATING | RESIDUES)),
    Case("latent", "fast", "<i2", "outliers_bound", max_error=40, nodata=True, **(SPIKY | SPIKY_RESIDUES)),
    Case("latent", "fast", "<f4", "bound", max_error=0.05, nodata=True, sections=RESIDUAL | MASKED),
    Case("siren", "fast", "<u2", "plain", sections=INTEGERS),
    Case("siren", "balanced", "<i2", "nodata", nodata=True, sections=INTEGERS | MASKED),
    Case("siren", "best", "<f4", "masked", nodata=True, sections=INTEGERS | MASKED | {Section.CONSTANTS}),
    Case("siren", "fast", "<i2", "five_bits", weight_bits=5, sections=INTEGERS),
    Case("siren", "paper", "<u2", "half_floats", sections=TABLE_I),
    Case("siren", "paper", "<f4", "floats", weight_bits=32, sections=TABLE_I),
)


def scene_of(case: Case) -> tuple[NDArray[Any], float | None]:
    """Return the scene of a case, (bands, height, width), and its nodata value."""
    bands, height, width = case.shape
    generator = np.random.default_rng(0)
    dtype = np.dtype(case.dtype)
    y, x = np.mgrid[0.0 : 3.0 : height * 1j, 0.0 : 4.0 : width * 1j]
    terrain = np.sin(y + 0.7 * x) + 0.4 * np.cos(5.0 * x - 2.0 * y)
    band = np.linspace(-1.5, 1.5, bands)[:, None, None]
    if case.curved:  # a line of spectra: one number says all of a pixel, and it is rough
        values = np.exp(-np.square((terrain + 0.25 * generator.normal(size=terrain.shape) - band) / 0.5))
    else:
        values = terrain * np.cos(band) + np.cos(y) * np.sin(2 * band) + 0.05 * generator.normal(size=case.shape)
    if case.constant:
        values = np.broadcast_to(band, case.shape)
    scale, offset = SCALES[dtype.str[1:]]
    scaled = scale * values + offset
    scene = (scaled if dtype.kind == "f" else np.rint(scaled)).astype(dtype)
    if case.repeating:
        rows = 0.8 * y * height / 3.0 + np.sin(2.0 * x)
        columns = 0.8 * x * width / 4.0 + 1.3 * np.sin(3.0 * y)
        scene = scene[:, np.rint(rows).astype(int) % height, np.rint(columns).astype(int) % width]
    if case.spiky:
        hit = generator.random(case.shape) < 1e-3
        scene[hit] = np.where(generator.random(hit.sum()) < 0.5, 0, scene.max())
    if not case.nodata:
        return scene, None
    scene[:, 3:7, 5:12] = NODATA
    scene[2, 10, 4:9] = NODATA
    if dtype.kind == "f":
        scene[1:3, 15:, :3] = np.nan
        scene[5] = 0.75
    return scene, NODATA


def digest(samples: NDArray[Any]) -> str:
    """Return the SHA-256 of samples, in C order and little-endian."""
    return hashlib.sha256(samples.astype(samples.dtype.newbyteorder("<")).tobytes()).hexdigest()


def entry(name: str, payload: bytes) -> dict[str, str]:
    """Return what the manifest says of a payload."""
    samples = decode(payload)
    return {
        "name": name,
        "bytes": str(len(payload)),
        "shape": "x".join(map(str, samples.shape)),
        "dtype": samples.dtype.str,
        "sha256": digest(samples),
    }


def manifest(folder: Path = FOLDER) -> list[dict[str, str]]:
    """Return the rows of the manifest of a folder."""
    with (folder / MANIFEST).open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def path_of(name: str, folder: Path = FOLDER) -> Path:
    """Return where a payload of a folder is."""
    return folder / f"{name}.bin"


def fit(case: Case) -> bytes:
    """Return the payload of a case.

    Raises
    ------
    ValueError
        When it lacks a section that it is there for.
    """
    from xr_inr.core.encode import encode_array
    from xr_inr.core.request import FitRequest

    scene, nodata = scene_of(case)
    target = {"bpppb": case.bpppb} if case.max_error is None else {"max_error": case.max_error}
    request = FitRequest(**target, model=case.model, preset=case.preset, weight_bits=case.weight_bits, device="cpu")
    payload = encode_array(scene, request, nodata=nodata).payload
    lacking = case.sections - Payload(payload).section_bytes.keys()
    if lacking:
        names = ", ".join(section.name for section in sorted(lacking))
        raise ValueError(f"{case.name} must hold {names}; its scene no longer leads to that.")
    return payload


def write(payloads: dict[str, bytes], folder: Path) -> None:
    """Write payloads and manifest, and remove the payloads of before."""
    for old in folder.glob("*.bin"):
        old.unlink()
    for name, payload in payloads.items():
        (folder / f"{name}.bin").write_bytes(payload)
    with (folder / MANIFEST).open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(entry(name, payload) for name, payload in payloads.items())


@contextmanager
def _short_fits() -> Iterator[None]:
    """Fit every siren for a moment only, until the block is left."""
    from xr_inr.core.siren.presets import PRESETS

    known = dict(PRESETS)
    PRESETS.update({name: dataclasses.replace(preset, **SHORT_FIT) for name, preset in known.items()})
    try:
        yield
    finally:
        PRESETS.update(known)


def make(cases: Iterable[Case] = CASES, folder: Path = FOLDER) -> None:
    """Fit all payloads anew and write them, all or none."""
    import torch

    torch.set_num_threads(1)  # the same payloads whatever the machine has to spare
    payloads = {}
    with _short_fits():
        for case in cases:
            started = time.perf_counter()
            payloads[case.name] = fit(case)
            seconds = time.perf_counter() - started
            sys.stdout.write(f"{case.name}: {len(payloads[case.name]):,} bytes in {seconds:.1f} s\n")
    write(payloads, folder)


if __name__ == "__main__":
    make()
