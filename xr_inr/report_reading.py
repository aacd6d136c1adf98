"""The report in an array's attributes as others may have written it: every field has the type it must have."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from xr_inr.chunk_figures import ChunkFigures


def read_fields(text: str) -> dict[str, Any]:
    """Return the fields of a report by name, null for what is not finite read back.

    Parameters
    ----------
    text
        JSON, as `xr_inr.Report.to_attribute` returns it; names that are not known are left out.

    Raises
    ------
    TypeError, KeyError, ValueError, OverflowError, RecursionError
        When the text is something else.
    """
    stored = json.loads(text)
    known = {name: read(name, stored[name]) for name, read in _REQUIRED.items()}
    known |= {name: read(name, stored.get(name)) for name, read in _NUMBERS.items()}
    known |= {name: read(name, stored[name]) for name, read in _OPTIONAL.items() if name in stored}
    if known["mse"] == 0:
        known["psnr"] = math.inf
    known["band_psnr"] = tuple(
        math.inf if math.isnan(psnr) and error == 0 else psnr
        for psnr, error in zip(known.get("band_psnr", ()), known.get("band_max_error", ()), strict=True)
    )
    if stored.get("chunk_figures") is not None:
        known["chunk_figures"] = ChunkFigures.from_stored(stored["chunk_figures"], known["shape"])
    return known


def _of(kind: type | tuple[type, ...], what: str) -> Callable[[str, Any], Any]:
    def read(name: str, value: Any) -> Any:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise TypeError(f"{name} must be {what}. Got {value!r:.40}.")
        return value

    return read


def _number(name: str, value: Any) -> float:
    """Return a number, NaN for null."""
    return math.nan if value is None else float(_of((int, float), "a number or null")(name, value))


def _count(name: str, value: Any) -> int:
    count: int = _of(int, "a whole number")(name, value)
    if not 0 <= count < 2**63:
        raise ValueError(f"{name} must be in [0, 2**63). Got {value!r:.40}.")
    return count


def _several(read: Callable[[str, Any], Any]) -> Callable[[str, Any], tuple[Any, ...]]:
    listed = _of(list, "a list")
    return lambda name, value: tuple(read(name, one) for one in listed(name, value))


_text = _of(str, "text")
_REQUIRED: Mapping[str, Callable[[str, Any], Any]] = {
    "name": _text,
    "shape": _several(_count),
    "dtype": _text,
    "payload_bytes": _count,
    "bpppb": _number,
    "ratio": _number,
    "mse": _number,
    "request": _of(dict, "an object"),
}
_NUMBERS: Mapping[str, Callable[[str, Any], Any]] = dict.fromkeys(
    ("psnr", "sam", "max_error", "peak", "seconds"), _number
)
_OPTIONAL: Mapping[str, Callable[[str, Any], Any]] = {
    "networks": _several(_text),
    "chunks": _count,
    "band_psnr": _several(_number),
    "band_max_error": _several(_number),
    "bad_bands": _several(_count),
    "version": _text,
}
