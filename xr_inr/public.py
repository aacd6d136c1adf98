"""The public names of the package, and its accessors."""

from xr_inr import accessor as _accessor  # noqa: F401  (registers .inr)
from xr_inr._version import __version__
from xr_inr.api import compress, encode, encode_many, encoding, report, write
from xr_inr.core.decode import Payload, decode
from xr_inr.core.metrics import Figures, compare
from xr_inr.core.monitor import Progress
from xr_inr.core.request import FitRequest
from xr_inr.diagnosis import show_versions
from xr_inr.exceptions import (
    BatchError,
    BoundError,
    BudgetError,
    ChunksError,
    DependencyError,
    PayloadError,
    RequestError,
    StoreExistsError,
    XrInrError,
)
from xr_inr.geo import open_raster, write_raster
from xr_inr.report import Report
from xr_inr.reports import Reports
from xr_inr.vrt import GDAL_SETTINGS, write_vrt

__all__ = [
    "GDAL_SETTINGS",
    "BatchError",
    "BoundError",
    "BudgetError",
    "ChunksError",
    "DependencyError",
    "Figures",
    "FitRequest",
    "Payload",
    "PayloadError",
    "Progress",
    "Report",
    "Reports",
    "RequestError",
    "StoreExistsError",
    "XrInrError",
    "__version__",
    "compare",
    "compress",
    "decode",
    "encode",
    "encode_many",
    "encoding",
    "open_raster",
    "report",
    "show_versions",
    "write",
    "write_raster",
    "write_vrt",
]
