"""Scenes and stores that take milliseconds to fit, and what reads them."""

import inspect
import subprocess
import sys
import textwrap

import numpy as np
import xarray as xr
import zarr
from click.testing import CliRunner
from rasterio.crs import CRS
from zarr.storage import MemoryStore

from xr_inr import batch_fit
from xr_inr.cli import main
from xr_inr.codecs.zarr import InrCodec

AFFINE_3 = "ignore:Use `@` matmul:PendingDeprecationWarning"
"""rioxarray's own arithmetic on transforms, with affine 3."""

WKT = CRS.from_epsg(32633).to_wkt()


def smooth(shape, dtype="i2", *, band_axis=0, seed=0):
    """Return samples that vary smoothly in space, each band in its own way; every chunk has a range of values."""
    generator = np.random.default_rng(seed)
    bands = shape[band_axis]
    others = [size for axis, size in enumerate(shape) if axis != band_axis]
    position = sum(np.ix_(*(np.linspace(0.0, 2.5 + axis, size) for axis, size in enumerate(others))))
    waves = np.sin(np.add.outer(generator.uniform(0.0, 6.0, bands), position))
    waves = np.moveaxis(waves + generator.normal(0.0, 0.05, waves.shape), 0, band_axis)
    dtype = np.dtype(dtype)
    return waves.astype(dtype) if dtype.kind == "f" else np.rint(50.0 * waves + 70.0).clip(1, 250).astype(dtype)


def make_scene(shape=(5, 7, 9), dtype="i2", *, name="reflectance", seed=0, **attrs):
    """Return a georeferenced scene with all that a scene may carry."""
    bands, height, width = shape
    grid = {"crs_wkt": WKT, "GeoTransform": "364095.0 30.0 0.0 5809965.0 0.0 -30.0", "grid_mapping_name": "utm"}
    return xr.DataArray(
        smooth(shape, dtype, seed=seed),
        dims=("band", "y", "x"),
        coords={
            "band": np.arange(1, bands + 1),
            "y": 5809950.0 - 30.0 * np.arange(height),
            "x": 364110.0 + 30.0 * np.arange(width),
            "wavelength": ("band", np.linspace(450.0, 900.0, bands), {"units": "nm"}),
            "spatial_ref": ((), 0, grid),
        },
        name=name,
        attrs={"long_name": [f"band {band}" for band in range(bands)], "grid_mapping": "spatial_ref", **attrs},
    )


def create_array(shape, chunks, *, dtype="i2", band_axis=0, store=None, fill_value=0, shards=None, **codec):
    """Return an empty Zarr array of format 3 with the codec and nothing else."""
    request = codec if {"bpppb", "psnr"} & set(codec) else {"bpppb": 24.0, **codec}
    return zarr.create_array(
        MemoryStore() if store is None else store,
        shape=shape,
        chunks=chunks,
        shards=shards,
        dtype=dtype,
        serializer=InrCodec(**{"band_axis": band_axis, "preset": "fast", "device": "cpu"} | request),
        filters=None,
        compressors=None,
        fill_value=fill_value,
    )


def runner():
    """Return what runs commands and keeps stdout and stderr apart, as click before 8.2 does only when asked."""
    apart = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
    return CliRunner(**apart)


def call(*arguments):
    """Run a command of the command line in this process."""
    return runner().invoke(main, [str(argument) for argument in arguments])


def succeed(*arguments):
    """Run a command and return its result, which must be that of a success."""
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result


NO_TORCH = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoTorch())
"""


def told_without_torch(script, *arguments):
    """Return what a script prints in a fresh process in which torch cannot be imported."""
    command = [sys.executable, "-c", NO_TORCH + textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fit_only(monkeypatch, count, error=KeyboardInterrupt):
    """Let the fits of `count` batches succeed, and raise an error in the place of the next."""
    left = iter(range(count))
    encode = batch_fit.BatchTask.encode

    def encoded(*arguments):
        if next(left, None) is None:
            raise error
        return encode(*arguments)

    monkeypatch.setattr(batch_fit.BatchTask, "encode", encoded)


def lack_memory(monkeypatch, chunk):
    """Let fits of batches with a chunk run out of memory."""
    encode = batch_fit.BatchTask.encode

    def exhausted(task, scenes, monitor):
        if chunk in scenes:
            raise MemoryError("out of memory")
        return encode(task, scenes, monitor)

    monkeypatch.setattr(batch_fit.BatchTask, "encode", exhausted)
