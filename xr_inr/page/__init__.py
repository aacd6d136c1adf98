"""A report as a page: one file that shows everything and loads nothing."""

from xr_inr.page.assemble import assemble
from xr_inr.page.content import Content, of_pair, of_report
from xr_inr.page.together import assemble_all
from xr_inr.page.writing import check_path, write_page

__all__ = ["Content", "assemble", "assemble_all", "check_path", "of_pair", "of_report", "write_page"]
