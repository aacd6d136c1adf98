"""The diagnosis: what is installed, and whether it works."""

import io
import json
import re
from importlib import metadata

import pytest

import xr_inr
from tests.golden import built_in, make
from xr_inr import diagnosis
from xr_inr.cli import main
from xr_inr.core.decode import Payload
from xr_inr.core.request import MODELS

from .helpers import runner, told_without_torch

ANEW = "python -m tests.golden.built_in fits them anew, where the format has changed on purpose"


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch):
    """Only what this package must be found by: what else is installed here is of no concern."""
    monkeypatch.setattr(diagnosis, "PLUGINS", "xr_inr.no_such_group")


def call(*arguments):
    return runner().invoke(main, ["doctor", *arguments])


def test_nothing_is_broken_here():
    result = call()

    assert result.exit_code == 0, f"{result.output} {ANEW}"
    assert "BROKEN" not in result.output
    for line in ("zarr finds the codec by its name", "xr_inr.codecs.zarr:InrCodec", xr_inr.__version__):
        assert line in result.output


def test_json_says_the_same():
    told = json.loads(call("--json").stdout)

    assert told["versions"]["zarr"] == metadata.version("zarr")
    assert all(check["works"] for check in told["checks"].values()), ANEW


def test_versions_can_be_printed_alone():
    text = io.StringIO()
    xr_inr.show_versions(text)
    names = [line.split()[0] for line in text.getvalue().splitlines()]

    assert names[:3] == ["xr_inr", "python", "machine"]
    assert {"numpy", "zarr", "GDAL", "kernels", "torch", "devices"} <= set(names)


# Payloads in the package


def test_there_is_a_payload_of_each_model():
    payloads = [Payload((built_in.FOLDER / f"{row['name']}.bin").read_bytes()) for row in diagnosis.built_in()]

    assert tuple(row["name"] for row in diagnosis.built_in()) == built_in.NAMES
    assert {payload.model.name.lower() for payload in payloads} == set(MODELS)
    assert all(int(row["bytes"]) < 4_000 for row in diagnosis.built_in())


@pytest.mark.parametrize("name", built_in.NAMES)
def test_manifest_says_what_a_payload_decodes_to(name):
    row = next(row for row in diagnosis.built_in() if row["name"] == name)

    assert make.entry(name, (built_in.FOLDER / f"{name}.bin").read_bytes()) == row, ANEW


# What is broken


def wrong_samples(monkeypatch):
    rows = [row | {"sha256": "0" * 64} for row in diagnosis.built_in()]
    monkeypatch.setattr(diagnosis, "built_in", lambda: rows)


def damaged_payload(monkeypatch):
    monkeypatch.setattr("xr_inr.core.decode.decode", lambda data: Payload(data[:-1]).read())


def no_entry_point(monkeypatch):
    monkeypatch.setattr(metadata, "entry_points", lambda group: metadata.EntryPoints(()))  # noqa: ARG005


def stolen_name(monkeypatch):
    entry = metadata.EntryPoint("xr_inr", "json:JSONDecoder", "zarr.codecs")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [entry] if group == "zarr.codecs" else [])


def no_zarr(monkeypatch):
    version = metadata.version
    monkeypatch.setattr(diagnosis, "_version", lambda name: diagnosis.MISSING if name == "zarr" else version(name))


def broken_torch(monkeypatch):
    def fail():
        raise OSError("libcudart.so.12: cannot open shared object file")

    monkeypatch.setattr("torch.cuda.device_count", fail)


BROKEN = {
    "a payload decodes to other samples": (wrong_samples, "its samples must have the SHA-256 0000"),
    "a payload is damaged": (damaged_payload, "payload .*: PayloadError: "),
    "the codec is not found": (no_entry_point, "entry point zarr.codecs: LookupError: not found: .*must be installed"),
    "another package has the name": (stolen_name, "entry point zarr.codecs: LookupError: is JSONDecoder rather than"),
    "a package is missing": (no_zarr, "zarr: is needed and not installed: pip install"),
    "torch does not work": (broken_torch, "torch: .*does not work: OSError: libcudart"),
}


@pytest.mark.parametrize(("damage", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_is_told_with_the_reason_and_exit_status_1(monkeypatch, damage, reason):
    damage(monkeypatch)
    result = call()

    assert result.exit_code == 1
    assert "BROKEN: " in result.stdout
    assert re.search(reason, result.stderr)


def test_plugin_of_rasterio_is_looked_at_where_there_is_one(monkeypatch):
    monkeypatch.setattr(diagnosis, "PLUGINS", "rasterio.rio_plugins")
    real = metadata.entry_points
    plugins = [metadata.EntryPoint("inr", "xr_inr.cli:main", "rasterio.rio_plugins")]
    monkeypatch.setattr(
        metadata, "entry_points", lambda group: plugins if group == "rasterio.rio_plugins" else real(group=group)
    )

    assert json.loads(call("--json").stdout)["checks"]["entry point rasterio.rio_plugins"]["works"]


WITHOUT_TORCH = """
    from xr_inr import diagnosis

    real = diagnosis._version
    diagnosis._version = lambda name: diagnosis.MISSING if name == "torch" else real(name)
    diagnosis.PLUGINS = "xr_inr.no_such_group"
    print(diagnosis.versions()["devices"])
    print(all(finding.works for finding in diagnosis.diagnose()))
"""


def test_absent_torch_is_told_and_nothing_is_broken():
    told = told_without_torch(WITHOUT_TORCH).splitlines()

    assert told == ["none: fits need torch (pip install 'xr-inr[fit]'); reading does not", "True"]
