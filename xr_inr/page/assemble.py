"""One file of everything: the text, its style and script, and a rule that forbids it to load or run anything else."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator, Mapping
from importlib import resources

from xr_inr._version import __version__
from xr_inr.page import sections
from xr_inr.page.content import Content
from xr_inr.page.data import data_of

_STYLES = ("page.css", "pictures.css", "charts.css")
_SCRIPTS = ("format.js", "chart.js", "divider.js", "bands.js", "pixels.js", "chunks.js", "start.js")


def assemble(content: Content) -> str:
    """Return the page: HTML that needs no network, in which no text of the scene is anything but text."""
    return fill(
        "page.html",
        {
            "policy": policy(),
            "title": html.escape(f"{content.name}: compression report"),
            "style": "\n".join(asset(name) for name in _STYLES),
            "header": sections.header(content),
            "main": "".join(_sections(content)),
            "version": html.escape(__version__),
            "data": data_of(content),
            "script": _script(),
        },
    )


def policy() -> str:
    """Return the rule of a page, its content security policy: no requests, and no script but that of all pages."""
    digest = base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode("ascii")
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def fill(template: str, parts: Mapping[str, str]) -> str:
    """Return the text of an asset with a part in the place of each ``{{name}}``."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], asset(template))


def asset(name: str) -> str:
    """Return the text of a file that pages are made of."""
    return resources.files("xr_inr.page").joinpath("assets", name).read_text(encoding="utf-8")


def _script() -> str:
    return '(() => {\n"use strict";\n' + "\n".join(asset(name) for name in _SCRIPTS) + "})();\n"


def _sections(content: Content) -> Iterator[str]:
    if content.views is not None:
        yield sections.look(content, content.views)
        if content.views.errors is not None:
            yield sections.maps(content.views, content.views.errors)
    yield sections.bands(content)
    if content.chunks is not None:
        yield sections.chunks(content, content.chunks)
    yield sections.settings(content)
