"""Scenes from a user's own files: three formats, any order of axes, and errors that say what was found."""

import numpy as np
import pytest
import rasterio
from scipy import io

from benchmarks.local import read_cube

SHAPE = (4, 5, 6)


@pytest.fixture
def cube():
    return np.arange(np.prod(SHAPE), dtype="u2").reshape(SHAPE)


def write_npy(path, array):
    np.save(path.with_suffix(".npy"), array)
    return path.with_suffix(".npy")


def write_mat(path, array):
    io.savemat(path.with_suffix(".mat"), {"scene_gt": array[:, :, 0], "scene": array, "note": "a scene"})
    return path.with_suffix(".mat")


@pytest.mark.parametrize("write", [write_npy, write_mat])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (1, 0, 2), (0, 2, 1), (2, 1, 0), (2, 0, 1)])
def test_axes_are_told_apart_by_their_lengths(tmp_path, cube, write, order):
    read = read_cube(write(tmp_path / "scene", cube.transpose(order)), SHAPE)
    np.testing.assert_array_equal(read, cube)


@pytest.mark.parametrize("write", [write_npy, write_mat])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0)], ids=["bands first", "bands last"])
def test_square_scene_keeps_y_before_x(tmp_path, write, order):
    cube = np.arange(100).reshape(4, 5, 5)
    np.testing.assert_array_equal(read_cube(write(tmp_path / "scene", cube.transpose(order)), (4, 5, 5)), cube)


@pytest.mark.parametrize("write", [write_npy, write_mat])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "f4", "f8"])
def test_dtype_is_kept(tmp_path, cube, write, dtype):
    assert read_cube(write(tmp_path / "scene", cube.astype(dtype)), SHAPE).dtype == dtype


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
@pytest.mark.parametrize("suffix", ["", ".img", ".dat"])
def test_envi_data_beside_its_header_is_read(tmp_path, cube, interleave, suffix):
    size = {"count": 4, "height": 5, "width": 6, "dtype": "uint16"}
    with rasterio.open(tmp_path / f"scene{suffix}", "w", driver="ENVI", interleave=interleave, **size) as target:
        target.write(cube)
    read = read_cube(tmp_path / "scene.hdr", SHAPE)
    np.testing.assert_array_equal(read, cube)
    assert read.dtype == cube.dtype


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_geotiff_is_read(tmp_path, cube):
    with rasterio.open(tmp_path / "scene.tif", "w", count=4, height=5, width=6, dtype="uint16") as target:
        target.write(cube)
    np.testing.assert_array_equal(read_cube(tmp_path / "scene.tif", SHAPE), cube)


def test_envi_header_without_data_says_what_is_missing(tmp_path):
    (tmp_path / "scene.hdr").write_text("ENVI\n")
    with pytest.raises(ValueError, match=r"one data file beside it, named scene .* Got none\."):
        read_cube(tmp_path / "scene.hdr", SHAPE)


def test_envi_header_that_is_none_is_refused(tmp_path):
    (tmp_path / "scene.hdr").write_text("something else\n")
    (tmp_path / "scene.img").write_bytes(b"data")
    with pytest.raises(ValueError, match=r"must be an ENVI header and its data"):
        read_cube(tmp_path / "scene.hdr", SHAPE)


def test_mat_of_version_7_3_asks_for_conversion(tmp_path):
    start = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    (tmp_path / "scene.mat").write_bytes(start.ljust(512, b"\x00") + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(ValueError, match=r"Got version 7\.3 \(HDF5\).*Convert it"):
        read_cube(tmp_path / "scene.mat", SHAPE)


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"map": np.ones((3, 4))}, r"Got map \(double, 3 x 4\)\."),
        ({"one": np.ones(SHAPE), "two": np.ones(SHAPE)}, r"Got one \(.*\), two \("),
        ({}, r"Got no variable\."),
    ],
    ids=["no cube", "two cubes", "empty"],
)
def test_mat_must_hold_exactly_one_cube(tmp_path, variables, found):
    io.savemat(tmp_path / "scene.mat", variables)
    with pytest.raises(ValueError, match=rf"exactly one numeric variable of three dimensions\. {found}"):
        read_cube(tmp_path / "scene.mat", SHAPE)


@pytest.mark.parametrize("found", [(4, 5, 7), (20, 6), (4, 5, 6, 1)])
def test_cube_of_another_shape_is_refused(tmp_path, found):
    with pytest.raises(ValueError, match=r"must hold a cube of shape \(4, 5, 6\).* Got \(" + str(found)[1:-1]):
        read_cube(write_npy(tmp_path / "scene", np.zeros(found)), SHAPE)


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.npy, \.mat, \.hdr, \.tif\. Got .*scene\.png"):
        read_cube(tmp_path / "scene.png", SHAPE)
