"""Errors beside the edges of chunks and inside them: ``python -m benchmarks speed seams``."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

import xr_inr
from benchmarks import results, scenes
from benchmarks.curves import title as title_of
from benchmarks.results import Row, number

TABLE = "seams"
SCENE = "indian_pines_200"
"""On every machine: it comes with a package."""

CHUNK, NEAR = 64, 2
"""Side of a chunk, and how many pixels from its inner edges are beside them."""

PRESET, BPPPB = "fast", 0.1
WHOLE, CHUNKED = WAYS = ("one fit", "64 x 64 chunks")

COLUMNS = (
    "scene",
    "way",
    "preset",
    "asked_bpppb",
    "bytes",
    "rmse_near_edges",
    "rmse_inside",
    *results.machine(),
)
"""Root mean squared errors, in data units, over all bands of the same pixels for both ways."""


def near_edges(size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which pixels of a scene, (height, width), lie within `NEAR` of an edge between two chunks."""
    beside = []
    for length in size:
        place = np.arange(length)
        edges = np.arange(CHUNK, length, CHUNK)
        distance = np.abs(place[:, None] - edges + 0.5).min(axis=1, initial=np.inf)
        beside.append(distance < NEAR)
    return np.asarray(beside[0][:, None] | beside[1])


def run() -> None:
    """Measure both ways, and write ``results/seams.tsv``."""
    results.write(TABLE, list(_rows()), COLUMNS)


def _rows() -> Iterator[Row]:
    scene = scenes.load(SCENE)
    near = near_edges(scene.shape[1:])
    machine = results.machine(("torch", "constriction")) | {"threads": "1"}
    for way in WAYS:
        payload_bytes, squares = 0, np.zeros(scene.shape[1:])
        for rows, columns in itertools.product(*(_parts(size, way) for size in scene.shape[1:])):
            chunk = np.ascontiguousarray(scene[:, rows, columns])
            payload = xr_inr.encode(chunk, bpppb=BPPPB, preset=PRESET, device="cpu")
            payload_bytes += len(payload)
            squares[rows, columns] = np.square(xr_inr.decode(payload).astype(float) - chunk).mean(axis=0)
        found = {"rmse_near_edges": squares[near], "rmse_inside": squares[~near]}
        cell = {"scene": SCENE, "way": way, "preset": PRESET, "asked_bpppb": f"{BPPPB:g}", "bytes": str(payload_bytes)}
        row = cell | {name: f"{np.sqrt(part.mean()):.3f}" for name, part in found.items()} | machine
        print(*(row[name] for name in COLUMNS), flush=True)
        yield row


def _parts(length: int, way: str) -> list[slice]:
    step = CHUNK if way == CHUNKED else length
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def tables() -> dict[str, str]:
    """Return the block ``seams``, if there are results."""
    rows = results.read(TABLE)
    return {TABLE: table(rows)} if rows else {}


def table(rows: Sequence[Row]) -> str:
    """Return what errors are beside edges and inside, as one sentence for each way."""
    first = rows[0]
    told = []
    for row in rows:
        near, inside = number(row, "rmse_near_edges"), number(row, "rmse_inside")
        told.append(f"{row['way']}: {near:.1f} and {inside:.1f}, a ratio of {near / inside:.3f}")
    return (
        f"Root mean squared error of {title_of(first['scene'])} by `latent, {first['preset']}` at "
        f"{first['asked_bpppb']} bpppb, within {NEAR} pixels of the edges between chunks of {CHUNK} x {CHUNK} pixels "
        f"and elsewhere: {'; '.join(told)}. One fit knows of no edges: its ratio is that of the pixels themselves."
    )
