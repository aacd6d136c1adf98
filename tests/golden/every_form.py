"""Golden payloads of every model, preset, sample type and byte order there is, each of a few hundred bytes.

``python -m tests.golden.every_form`` fits them anew, as `tests.golden.make` does with those that show what a payload
can hold, in a few minutes. It is run when the format changes, or a model, a preset or a sample type is new; the
payloads of before stay in the folder of their version of the format.
"""

from __future__ import annotations

from xr_inr.core.bitstream import FORMAT_VERSION
from xr_inr.core.request import PRESETS_OF
from xr_inr.core.sample_rules import DTYPES

from . import make

FOLDER = make.FOLDER / f"version_{FORMAT_VERSION}"

ORDERS = {"<": "little", ">": "big"}


def forms() -> list[tuple[str, str, str]]:
    """Return every (model, preset, sample type with its byte order), as numpy writes it."""
    return [
        (model, preset, dtype.newbyteorder(order).str)
        for model, presets in PRESETS_OF.items()
        for preset in presets
        for dtype in DTYPES
        for order in (ORDERS if dtype.itemsize > 1 else "|")
    ]


def case_of(model: str, preset: str, dtype: str) -> make.Case:
    """Return the case of a form: 3 bands of 8 x 8 pixels, nothing masked."""
    return make.Case(
        model,
        preset,
        dtype,
        ORDERS.get(dtype[0], "bytes"),
        bpppb=16.0,
        shape=(3, 8, 8),
    )


CASES = tuple(case_of(*form) for form in forms())

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    make.make(CASES, FOLDER)
