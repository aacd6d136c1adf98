"""What of a raster's metadata comes back after a stay in a Zarr store, here and without this package."""
