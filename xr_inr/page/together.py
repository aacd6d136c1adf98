"""Several pages in one file: tabs, and each page as it would be alone, in a frame of its own."""

from __future__ import annotations

import html
from collections.abc import Mapping

from xr_inr.page.assemble import assemble, asset, fill, policy
from xr_inr.page.content import Content


def assemble_all(contents: Mapping[str, Content]) -> str:
    """Return one file of several pages, of which the reader chooses one by its tab; of one page, that page.

    Frames hold the text of the pages, so that nothing is loaded. They run the one script whose hash the rule of the
    outer page, which binds them too, allows. The tabs need no script.

    Parameters
    ----------
    contents
        The pages by the names of their tabs, one at least.
    """
    if len(contents) == 1:
        return assemble(next(iter(contents.values())))
    tabs, frames, shown = "", "", ""
    for place, (name, content) in enumerate(contents.items()):
        chosen = " checked" if place == 0 else ""
        title = html.escape(name)
        tabs += f'<label><input type="radio" name="tab" id="tab-{place}"{chosen}>{title}</label>'
        frames += f'<iframe id="page-{place}" title="{title}" srcdoc="{html.escape(assemble(content))}"></iframe>'
        shown += f"body:has(#tab-{place}:checked) #page-{place} {{ visibility: visible; }}\n"
    style = "\n".join([asset("page.css"), asset("pages.css"), shown])
    return fill("pages.html", {"policy": policy(), "style": style, "tabs": tabs, "frames": frames})
