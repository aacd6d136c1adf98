"""Every Python block of the README runs, one after the other, and gives what it promises."""

import re
from pathlib import Path

import numpy as np
import pytest
import rasterio

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
CONSOLE = re.findall(r"^\$ xr-inr (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with the README's scene.tif: 40 bands that a payload of 0.1 bpppb can hold."""
    rows, columns = np.mgrid[:64, :64] / 64
    bands = np.arange(40)[:, None, None]
    samples = (1000 + 500 * np.sin(3 * rows + bands / 7) * np.cos(2 * columns)).astype("u2")
    with rasterio.open(
        tmp_path / "scene.tif",
        "w",
        driver="GTiff",
        dtype="uint16",
        count=40,
        height=64,
        width=64,
        crs="EPSG:32633",
        transform=rasterio.Affine(30.0, 0.0, 364_095.0, 0.0, -30.0, 5_809_965.0),
    ) as target:
        target.write(samples)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("ignore:The codec `vlen-utf8`")
def test_python_blocks_run_in_order(workplace):
    names = {}
    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102 - the README is ours

    assert names["small"].inr.report.bpppb <= 0.1
    assert names["ds"]["reflectance"].shape == (40, 64, 64)
    assert names["window"].shape == (2, 8, 8)
    assert (workplace / "report.html").is_file()
    assert (workplace / "scene.zarr").is_dir()
    assert (workplace / "direct.zarr").is_dir()


def test_commands_run_in_order(workplace):
    from click.testing import CliRunner

    from xr_inr.cli import main

    for command in CONSOLE:
        result = CliRunner().invoke(main, command.split())
        assert result.exit_code == 0, result.output
    assert (workplace / "scene_again.tif").is_file()
    assert (workplace / "scene.vrt").is_file()
    assert (workplace / "report.html").is_file()
