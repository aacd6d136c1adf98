"""The examples with EnMAP and AVIRIS-NG, on small files of the same structure and on real ones."""

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine

WAVELENGTHS = np.linspace(418.2, 2445.5, 16).round(2)

# EnMAP

GRID = Affine(30.0, 0.0, 364095.0, 0.0, -30.0, 5809965.0)


def enmap_files(folder, samples, wavelengths):
    """Write a scene and its metadata as they are delivered; return the path of the image."""
    image = folder / "ENMAP01-____L2A-DT0000-SPECTRAL_IMAGE.TIF"
    count, height, width = samples.shape
    profile = {"driver": "GTiff", "dtype": "int16", "count": count, "height": height, "width": width, "nodata": -32768}
    with rasterio.open(image, "w", crs="EPSG:32633", transform=GRID, **profile) as sink:
        sink.write(samples)
    bands = "".join(
        f'<bandID number="{number}"><wavelengthCenterOfBand>{wavelength}</wavelengthCenterOfBand>'
        f"<FWHMOfBand>7.5</FWHMOfBand><GainOfBand>0.0001</GainOfBand><OffsetOfBand>0</OffsetOfBand></bandID>"
        for number, wavelength in enumerate(wavelengths, 1)
    )
    metadata = f"<level_X><specific><bandCharacterisation>{bands}</bandCharacterisation></specific></level_X>"
    (folder / "ENMAP01-____L2A-DT0000-METADATA.XML").write_text(metadata)
    return image


@pytest.fixture
def enmap(reflectance, tmp_path):
    samples = np.rint(reflectance(16, 10, 12) * 10000).astype("i2")
    samples[:, :3, :2] = -32768
    return enmap_files(tmp_path, samples, WAVELENGTHS)


def test_enmap_scene_has_the_wavelengths_of_its_metadata(example, enmap):
    scene = example("enmap").open_scene(enmap)

    np.testing.assert_array_equal(scene["wavelength"], WAVELENGTHS)
    assert scene["fwhm"].attrs["units"] == "nm"
    assert scene.attrs["scale_factor"] == 0.0001
    assert scene.attrs["_FillValue"] == -32768


def test_enmap_metadata_of_another_number_of_bands_is_refused(example, enmap):
    with rasterio.open(enmap) as source:
        samples = source.read()
    enmap_files(enmap.parent, samples, WAVELENGTHS[:-1])
    with pytest.raises(SystemExit, match=r"must describe 16 bands\. It has 15"):
        example("enmap").open_scene(enmap)


def test_enmap_scene_is_compressed_read_back_and_written_again(example, enmap, tmp_path, capsys):
    example("enmap").main(enmap, tmp_path / "out", bpppb=16.0)
    original = example("enmap").open_scene(enmap)
    scene = xr.open_zarr(tmp_path / "out" / f"{enmap.stem}.zarr")["reflectance"]

    np.testing.assert_array_equal(scene.isnull(), original == -32768)
    assert float(np.abs(scene - original * 0.0001).max()) < 0.05
    assert "CRS EPSG:32633" in (printed := capsys.readouterr().out)
    assert "   418.2 nm  0." in printed
    with rasterio.open(tmp_path / "out" / f"{enmap.stem}_again.tif") as again:
        assert again.transform == GRID
        assert again.nodata == -32768
        assert [float(again.tags(band)["wavelength"]) for band in again.indexes] == WAVELENGTHS.tolist()


def test_real_enmap_scene_without_its_metadata_file_is_compressed(example, real, tmp_path):
    source = real("enmap_original_tile.tif")
    example("enmap").main(source, tmp_path / "out", bpppb=0.3)
    scene = xr.open_zarr(tmp_path / "out" / "enmap_original_tile.zarr", mask_and_scale=False)["reflectance"]
    original = example("enmap").open_scene(source)

    np.testing.assert_array_equal(scene == -32768, original == -32768)
    np.testing.assert_array_equal(scene["wavelength"], original["wavelength"])
    assert scene.rio.crs == original.rio.crs
    assert scene.inr.report.psnr > 30


# AVIRIS-NG

HEADER = """ENVI
samples = 11
lines = 9
bands = 16
header offset = 0
file type = ENVI Standard
data type = 4
interleave = bil
byte order = 0
map info = {{ UTM , 1.000 , 1.000 , 724440.117 , 4077192.168 , 1.1 , 1.1 , 12 , North , WGS-84 , rotation=75.0 }}
wavelength units = Nanometers
wavelength = {{ {wavelength} }}
fwhm = {{ {fwhm} }}
bbl = {{ {bbl} }}
"""


@pytest.fixture
def aviris(reflectance, tmp_path):
    """A flight line in BIL, turned by 75 degrees, with two bad bands and pixels beside the line."""
    samples = reflectance(16, 9, 11).astype("<f4")
    samples[:, :, :2] = -9999.0
    image = tmp_path / "ang20150420_img"
    image.write_bytes(samples.transpose(1, 0, 2).tobytes())
    lists = {
        "wavelength": WAVELENGTHS,
        "fwhm": np.full(16, 5.5),
        "bbl": [float(band not in {0, 9}) for band in range(16)],
    }
    header = HEADER.format(**{name: " , ".join(map(str, values)) for name, values in lists.items()})
    image.with_name("ang20150420_img.hdr").write_text(header)
    return image


def test_flight_line_has_what_its_header_says(example, aviris):
    line = example("aviris_ng").open_line(aviris)

    np.testing.assert_array_equal(line["wavelength"], WAVELENGTHS)
    assert np.flatnonzero(line["good_bands"] == 0).tolist() == [0, 9]
    assert line.attrs["_FillValue"] == -9999


def test_flight_line_is_compressed_and_read_back(example, aviris, tmp_path, capsys):
    example("aviris_ng").main(aviris, tmp_path / "out", bpppb=16.0)
    line = example("aviris_ng").open_line(aviris)
    scene = xr.open_zarr(tmp_path / "out" / "ang20150420_img.zarr")["reflectance"]

    np.testing.assert_array_equal(scene.isnull(), line == -9999)
    assert float(np.abs(scene - line.where(line != -9999))[line["good_bands"] == 1].max()) < 0.05
    assert scene.rio.transform() == line.rio.transform()
    assert scene.rio.crs.to_epsg() == 32612
    printed = capsys.readouterr().out
    assert "pixels of 1.10 m" in printed
    assert printed.count(" nm  0.") == 14


def test_real_flight_line_is_compressed(example, real, tmp_path):
    source = real("avirisng/ang20150420t182808_corr_v1e_img_4200-4210_70-80.img")
    example("aviris_ng").main(source, tmp_path / "out", bpppb=0.8)
    scene = xr.open_zarr(tmp_path / "out" / f"{source.stem}.zarr")["reflectance"]

    assert scene.shape == (432, 10, 10)
    assert scene["wavelength"].attrs["units"] == "Nanometers"
    assert scene.rio.crs.to_epsg() == 32612
