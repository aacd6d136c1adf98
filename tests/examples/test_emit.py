"""The example with an EMIT granule, on a small file of the same structure."""

import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.crs import CRS

from xr_inr.lazy import fitted_of

pytest.importorskip("h5netcdf")

WAVELENGTHS = np.linspace(381.0, 2493.0, 20).astype("f4")
GOOD = np.arange(20) % 7 != 3
GRID = [10.0, 0.000542232520256367, 0.0, 50.0, 0.0, -0.000542232520256367]


@pytest.fixture
def granule(reflectance, tmp_path):
    """A NetCDF file as EMIT delivers it, 12 x 15 pixels, with lookup tables that turn it by a right angle."""
    samples = reflectance(20, 12, 15).transpose(1, 2, 0).astype("f4")
    samples[0, :4] = -9999.0
    rows, columns = np.mgrid[1:13, 1:16]
    glt = {"glt_x": columns.T[:, ::-1].astype("i4"), "glt_y": rows.T[:, ::-1].astype("i4")}
    for table in glt.values():
        table[-1] = 0
    nan = {"_FillValue": np.float32(-9999.0)}
    tree = xr.DataTree.from_dict(
        {
            "/": xr.Dataset(
                {"reflectance": (("downtrack", "crosstrack", "bands"), samples, {"units": "unitless", **nan})},
                attrs={"geotransform": GRID, "spatial_ref": CRS.from_epsg(4326).to_wkt(), "flight_line": "emit"},
            ),
            "/sensor_band_parameters": xr.Dataset(
                {
                    "wavelengths": ("bands", WAVELENGTHS, {"units": "nm"}),
                    "fwhm": ("bands", np.full(20, 8.4, "f4"), {"units": "nm"}),
                    "good_wavelengths": ("bands", GOOD.astype("f4")),
                }
            ),
            "/location": xr.Dataset(
                {
                    "lon": (("downtrack", "crosstrack"), np.linspace(10.0, 10.1, 180).reshape(12, 15)),
                    "lat": (("downtrack", "crosstrack"), np.linspace(50.0, 49.9, 180).reshape(12, 15)),
                    "elev": (("downtrack", "crosstrack"), np.linspace(0.0, 900.0, 180).reshape(12, 15)),
                    **{
                        name: (("ortho_y", "ortho_x"), table, {"_FillValue": np.int32(0)})
                        for name, table in glt.items()
                    },
                }
            ),
        }
    )
    tree.to_netcdf(tmp_path / "EMIT_L2A_RFL_001.nc", engine="h5netcdf")
    return tmp_path / "EMIT_L2A_RFL_001.nc"


def test_granule_is_compressed_read_back_and_orthorectified(example, granule, tmp_path, capsys):
    example("emit").main(granule, tmp_path / "out", bpppb=8.0)
    stored = xr.open_datatree(tmp_path / "out" / "EMIT_L2A_RFL_001.zarr", engine="zarr").load()
    source = xr.open_datatree(granule, engine="h5netcdf").load()
    decoded = stored["reflectance"].to_numpy()

    assert "17 good bands of 20" in capsys.readouterr().out
    assert float(np.nanmax(np.abs(decoded - source["reflectance"])[..., GOOD])) < 0.1
    np.testing.assert_array_equal(np.isnan(decoded), np.isnan(source["reflectance"]))
    for path in ("/location", "/sensor_band_parameters"):
        xr.testing.assert_identical(stored[path].to_dataset(), source[path].to_dataset())

    with rasterio.open(tmp_path / "out" / "EMIT_L2A_RFL_001_ortho.tif") as ortho:
        assert ortho.crs.to_epsg() == 4326
        assert ortho.transform.to_gdal() == pytest.approx(GRID)
        wavelengths = [float(ortho.tags(band)["wavelength"]) for band in ortho.indexes]
        placed = ortho.read()
    bands = [int(np.abs(WAVELENGTHS - target).argmin()) for target in (660.0, 550.0, 470.0)]
    turned = decoded.transpose(2, 1, 0)[bands][:, :, ::-1]
    np.testing.assert_array_equal(placed[:, :-1], turned[:, :-1])
    assert np.isnan(placed[:, -1]).all()
    np.testing.assert_allclose(wavelengths, WAVELENGTHS[bands])


def test_store_holds_payloads_and_reports_have_wavelengths(example, granule, tmp_path):
    example("emit").compress(granule, tmp_path / "granule.zarr.zip", 8.0)
    tree = xr.open_datatree(granule, engine="h5netcdf").inr.compress(bpppb=8.0, progress=False)

    assert fitted_of(tree["reflectance"]) is not None
    assert tree.inr.report["reflectance"].band_axis.label == "wavelength (nm)"
    assert (tmp_path / "granule.zarr.zip").stat().st_size < granule.stat().st_size
