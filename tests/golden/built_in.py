"""The payloads in the package, by which ``xr-inr doctor`` tells whether decoding works: a golden case of each model.

``python -m tests.golden.built_in`` fits them anew, as `tests.golden.make` does with all others, in seconds. It is run
when the format changes.
"""

from __future__ import annotations

from pathlib import Path

from xr_inr import diagnosis

from . import make

NAMES = ("latent_fast_uint16_network", "siren_fast_uint16_plain")
FOLDER = Path(str(diagnosis.BUILT_IN))

if __name__ == "__main__":
    make.make([case for case in make.CASES if case.name in NAMES], FOLDER)
