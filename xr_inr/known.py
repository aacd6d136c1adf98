"""What there is of the variables of a Dataset without a fit: payloads, and reports."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import xarray as xr

from xr_inr.exceptions import RequestError
from xr_inr.lazy import fitted_of
from xr_inr.planned import NOT_FITTED, plan_of
from xr_inr.report import ATTRIBUTE, Report, stored_report
from xr_inr.reports import Reports
from xr_inr.scenes import Scenes
from xr_inr.store import Payloads
from xr_inr.stored import stored_of


def payloads_of(ds: xr.Dataset) -> dict[Hashable, Payloads]:
    """Return the payloads behind the variables of a Dataset, of those that have any."""
    known = {name: fitted_of(variable) or stored_of(variable) for name, variable in ds.data_vars.items()}
    return {name: payloads for name, payloads in known.items() if payloads is not None}


def reports_of(ds: xr.Dataset) -> dict[str, Report]:
    """Return the reports of the variables of a Dataset, of those that have one.

    Raises
    ------
    RequestError
        When a variable is planned and not fitted.
    """
    reports = {}
    for name, variable in ds.data_vars.items():
        if plan_of(variable) is not None:
            raise RequestError(NOT_FITTED)
        fitted = fitted_of(variable)
        if fitted is None:
            found = stored_report(variable)
        else:
            found = Report.of(str(name), fitted, Scenes.of_fitted(variable, fitted))
        if found is not None:
            reports[str(name)] = found
    return reports


def some(reports: Mapping[str, Report]) -> Reports:
    """Return reports; raises `RequestError` if there is none."""
    if not reports:
        raise RequestError(
            "no variable has a report: none is what compress() returned, whole, "
            f"or has the attribute {ATTRIBUTE!r} of a store"
        )
    return Reports(reports)
