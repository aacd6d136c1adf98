"""The reports of several compressed variables together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any, overload

import xarray as xr

from xr_inr.exceptions import RequestError
from xr_inr.report import Report


class Reports(Mapping[str, Report]):
    """The reports of a Dataset's compressed variables, by name."""

    def __init__(self, reports: Mapping[str, Report]) -> None:
        self._reports = dict(reports)

    def __getitem__(self, name: str) -> Report:
        return self._reports[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._reports)

    def __len__(self) -> int:
        return len(self._reports)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return all figures as plain Python values."""
        return {name: report.to_dict() for name, report in self.items()}

    @overload
    def to_html(self, path: None = None, *, originals: Mapping[str, xr.DataArray] | None = None) -> str: ...

    @overload
    def to_html(self, path: str | PathLike[str], *, originals: Mapping[str, xr.DataArray] | None = None) -> None: ...

    def to_html(
        self, path: str | PathLike[str] | None = None, *, originals: Mapping[str, xr.DataArray] | None = None
    ) -> str | None:
        """Write the reports as one file, the page of `Report.to_html` for each variable and a tab to choose it by.

        Parameters
        ----------
        path
            Where to, with the suffix .html; a file there is replaced. If None, the text is returned.
        originals
            The scenes that were compressed by the names of their variables, such as the Dataset that has them, where
            they are not at hand any more; some of them will do.

        Raises
        ------
        RequestError
            When `path` has another suffix or its folder does not exist, there is no report, or `originals` has none of
            its variables or one of another form.
        """
        from xr_inr import page  # noqa: PLC0415 - only pages need it

        if path is not None:
            page.check_path(path)
        if not self:
            raise RequestError("a page must have one report at least. Got none.")
        if originals is not None and not any(name in originals for name in self):
            raise RequestError(f"originals must have one of the variables {list(self)}. Got {list(originals)}.")
        known = {} if originals is None else originals
        reports = {
            name: report.with_original(known[name]) if name in known else report for name, report in self.items()
        }
        text = page.assemble_all({name: page.of_report(report) for name, report in reports.items()})
        if path is None:
            return text
        page.write_page(path, text)
        return None

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.values()))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(report._repr_html_() for report in self.values())
