"""Thin codecs over `xr_inr.core`: one for Zarr format 3, one for numcodecs and Zarr format 2."""
