"""Arrays in, bytes out. Nothing here knows of xarray, zarr, files or the command line."""
