"""The reports of several compressed variables together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.values()))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(report._repr_html_() for report in self.values())
