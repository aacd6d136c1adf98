"""Outliers: the chapter of that name in docs/format.md."""

from __future__ import annotations

from .container import Fields


def outliers_of(data, shape):
    """Return {(band, row, column): value on the [0, 1] scale} of fitted bands of some shape."""
    bands, height, width = shape
    size = bands * height * width
    fields = Fields(data)
    n, b = fields.varint(), fields.u8()
    assert 1 <= n <= size
    assert 1 <= b <= 24
    low = 0
    while size // n >= 2 ** (low + 1):
        low += 1
    string = "".join(f"{byte:08b}" for byte in fields.rest())
    highs, rest = string[: n + (size - 1) // 2**low + 1], string[n + (size - 1) // 2**low + 1 :]
    ones = [place for place, digit in enumerate(highs) if digit == "1"]
    assert len(ones) == n
    lows, levels, end = rest[: n * low], rest[n * low : n * (low + b)], rest[n * (low + b) :]
    assert len(levels) == n * b
    assert len(end) < 8
    assert "1" not in end
    found = {}
    last = -1
    for k, one in enumerate(ones):
        position = (one - k) * 2**low + (int(lows[k * low : (k + 1) * low], 2) if low else 0)
        assert last < position < size
        last = position
        pixel, band = divmod(position, bands)
        found[band, *divmod(pixel, width)] = int(levels[k * b : (k + 1) * b], 2) / (2**b - 1)
    return found


def overwritten(values, outliers):
    """Return a model's values, (fitted bands, height, width), with outliers in their places."""
    values = values.copy()
    for place, value in outliers.items():
        values[place] = value
    return values
