"""The examples with PRISMA and NEON, on small HDF5 files of the same structure."""

import numpy as np
import pytest
import xarray as xr

from xr_inr.lazy import fitted_of

h5py = pytest.importorskip("h5py")
pytest.importorskip("h5netcdf")


# PRISMA

VNIR = np.array([0.0, 979.1, 902.4, 811.0, 702.2, 611.0, 505.5, 411.3], "f4")
SWIR = np.array([2490.2, 2201.9, 1995.1, 1610.7, 1244.4, 998.0], "f4")
FIELDS = "HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields"


@pytest.fixture
def prisma(reflectance, tmp_path):
    """A product of 9 x 10 pixels, its first VNIR channel not acquired, without measurement in a corner."""
    path = tmp_path / "PRS_L2D_STD_20200420.he5"
    with h5py.File(path, "w") as file:
        file.attrs.update(
            {
                "List_Cw_Vnir": VNIR,
                "List_Cw_Swir": SWIR,
                "List_Fwhm_Vnir": np.where(VNIR > 0, 10.0, 0.0).astype("f4"),
                "List_Fwhm_Swir": np.full(SWIR.size, 9.0, "f4"),
                "L2ScaleVnirMin": np.float32(0.0),
                "L2ScaleVnirMax": np.float32(0.8),
                "L2ScaleSwirMin": np.float32(-0.1),
                "L2ScaleSwirMax": np.float32(0.9),
                "Product_ULcorner_easting": np.float32(500100.0),
                "Product_ULcorner_northing": np.float32(4500300.0),
                "Epsg_Code": np.uint32(32633),
            }
        )
        for name, wavelengths, low, high in (("VNIR", VNIR, 0.0, 0.8), ("SWIR", SWIR, -0.1, 0.9)):
            samples = np.rint((reflectance(wavelengths.size, 9, 10) - low) / (high - low) * 65535).astype("u2")
            samples[wavelengths == 0] = 0
            samples[:, 7:, 8:] = 0
            file[f"{FIELDS}/{name}_Cube"] = samples.transpose(1, 0, 2)
    return path


def test_prisma_cubes_have_rising_wavelengths_and_their_place(example, prisma):
    vnir, swir = (example("prisma").open_cube(prisma, name) for name in ("Vnir", "Swir"))

    np.testing.assert_array_equal(vnir["wavelength"], VNIR[:0:-1])
    np.testing.assert_array_equal(swir["wavelength"], SWIR[::-1])
    with h5py.File(prisma) as file:
        np.testing.assert_array_equal(vnir, file[f"{FIELDS}/VNIR_Cube"][()][:, :0:-1])
    assert vnir.dims == swir.dims == ("y", "band", "x")
    assert vnir.rio.crs.to_epsg() == 32633
    assert tuple(vnir.rio.transform())[:6] == (30.0, 0.0, 500085.0, 0.0, -30.0, 4500315.0)


def test_prisma_scene_is_compressed_and_read_back(example, prisma, tmp_path, capsys):
    example("prisma").main(prisma, tmp_path / "out", bpppb=16.0)
    tree = xr.open_datatree(tmp_path / "out" / "PRS_L2D_STD_20200420.zarr", engine="zarr")

    for detector in ("Vnir", "Swir"):
        original = example("prisma").open_cube(prisma, detector)
        scene = tree[detector.lower()]["reflectance"]
        scaled = original * original.attrs["scale_factor"] + original.attrs["add_offset"]
        np.testing.assert_array_equal(scene.isnull(), original == 0)
        assert float(np.abs(scene - scaled).max()) < 0.05
        assert scene.rio.transform() == original.rio.transform()
        np.testing.assert_array_equal(scene["wavelength"], original["wavelength"])
    assert set(tree.inr.report) == {"vnir/reflectance", "swir/reflectance"}
    printed = capsys.readouterr().out
    assert "  411.3 nm  0." in printed
    assert " 2490.2 nm  0." in printed


# NEON


@pytest.fixture
def neon(reflectance, tmp_path):
    """A tile of 8 x 9 pixels, without measurement in a corner."""
    path = tmp_path / "NEON_D01_HARV_DP3_reflectance.h5"
    samples = np.rint(reflectance(12, 8, 9) * 10000).astype("i2").transpose(1, 2, 0)
    samples[:2, :2] = -9999
    with h5py.File(path, "w") as file:
        group = file.create_group("HARV/Reflectance")
        group["Reflectance_Data"] = samples
        group["Reflectance_Data"].attrs.update({"Data_Ignore_Value": [-9999.0], "Scale_Factor": [10000.0]})
        group["Metadata/Spectral_Data/Wavelength"] = np.linspace(381.0, 2510.0, 12)
        group["Metadata/Spectral_Data/FWHM"] = np.full(12, 5.8)
        place = group.create_group("Metadata/Coordinate_System")
        place["Map_Info"] = np.bytes_("UTM,  1.000,  1.000,       726000.00,       4700000.0,  1.0,  1.0,  18,  North")
        place["EPSG Code"] = np.bytes_("32618")
        group["Metadata/Ancillary_Imagery/Path_Length"] = np.ones((8, 9), "f4")
    return path


def test_neon_tile_has_wavelengths_and_its_place(example, neon):
    scene = example("neon").open_tile(neon)

    assert scene.dims == ("y", "x", "band")
    assert scene.dtype == "int16"
    assert scene.rio.crs.to_epsg() == 32618
    assert tuple(scene.rio.transform())[:6] == (1.0, 0.0, 726000.0, 0.0, -1.0, 4700000.0)
    assert scene["wavelength"].attrs["units"] == "nm"


def test_neon_tile_is_compressed_and_read_back(example, neon, tmp_path, capsys):
    example("neon").main(neon, tmp_path / "out", bpppb=16.0)
    scene = xr.open_zarr(tmp_path / "out" / "NEON_D01_HARV_DP3_reflectance.zarr")["reflectance"]
    original = example("neon").open_tile(neon)

    np.testing.assert_array_equal(scene.isnull(), original == -9999)
    assert float(np.abs(scene - original / 10000).max()) < 0.05
    assert scene.rio.transform() == original.rio.transform()
    assert "CRS EPSG:32618" in capsys.readouterr().out


def test_neon_tile_of_the_public_crop_can_be_compressed(example, real, tmp_path):
    """The crop at hand is a GeoTIFF without a CRS: put into NEON's layout, it goes the same way."""
    import xr_inr

    crop = xr_inr.open_raster(real("neon_harv_no_crs.tif"))
    path = tmp_path / "NEON_D01_HARV.h5"
    samples = crop.where(crop != crop.attrs["_FillValue"], -9999).to_numpy().round().astype("i2")
    with h5py.File(path, "w") as file:
        group = file.create_group("HARV/Reflectance")
        group["Reflectance_Data"] = samples.transpose(1, 2, 0)
        group["Reflectance_Data"].attrs.update({"Data_Ignore_Value": -9999.0, "Scale_Factor": 10000.0})
        group["Metadata/Spectral_Data/Wavelength"] = np.linspace(381.0, 2510.0, len(samples))
        group["Metadata/Spectral_Data/FWHM"] = np.full(len(samples), 5.8)
        place = group.create_group("Metadata/Coordinate_System")
        place["Map_Info"] = np.bytes_("UTM, 1, 1, 726499.0, 4699073.0, 1, 1, 18, North, WGS-84, units=Meters, 0")
        place["EPSG Code"] = np.bytes_("32618")
    small = example("neon").open_tile(path).inr.compress(psnr=35, progress=False)

    assert small.inr.report.psnr >= 35
    assert fitted_of(small) is not None
