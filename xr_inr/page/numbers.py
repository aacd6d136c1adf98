"""Numbers as a page writes them."""

from __future__ import annotations

import math

DASH = "\N{EN DASH}"
"""Stands for what there is not."""

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def number(value: float, digits: int = 6) -> str:
    """Return a number with at most `digits` digits, thousands set apart; a dash for NaN."""
    if math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else "\N{MINUS SIGN}∞"
    if value == int(value) and abs(value) < 1e12:
        return f"{int(value):,}"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def in_bytes(count: int) -> str:
    """Return a size with its unit, in powers of 1,000."""
    if count < 1000:
        return f"{count} bytes"
    power = 1
    while power < len(_UNITS) - 1 and count / 1000**power >= 999.5:
        power += 1
    return f"{count / 1000**power:.3g} {_UNITS[power]}"
