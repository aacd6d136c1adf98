"""Hyperspectral scenes as implicit neural representations."""

from xr_inr._version import __version__

__all__ = ["__version__"]
