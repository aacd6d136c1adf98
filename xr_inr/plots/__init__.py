"""Pictures of what a compression kept. Needs matplotlib, which the extra ``demo`` installs."""

from xr_inr.plots.quicklook import quicklook
from xr_inr.plots.report_plots import ReportPlots

__all__ = ["ReportPlots", "quicklook"]
