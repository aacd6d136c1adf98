"""The sections of a siren payload, and samples from them with numpy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import fixed_point
from xr_inr.core.bitstream import Section
from xr_inr.core.siren.evaluate import Evaluator
from xr_inr.core.siren.storage import StoredNetwork, read_quantised, read_table_i
from xr_inr.core.spectral import SpectralBasis
from xr_inr.exceptions import PayloadError


class SirenReader:
    """Gives samples of a siren payload, evaluating the network at the points asked for and nowhere else.

    Parameters
    ----------
    sections
        Sections of the payload.
    bands
        How many bands are fitted.
    size
        (height, width) of the scene.

    Raises
    ------
    PayloadError
        When a section is out of range, or the sections do not belong together.
    """

    def __init__(self, sections: dict[Section, bytes], bands: int, size: tuple[int, int]) -> None:
        self.network = _read_network(sections, size)
        self.basis: SpectralBasis | None = None
        if Section.SPECTRAL in sections:
            self.basis = SpectralBasis.from_bytes(sections[Section.SPECTRAL], bands)
        expected = (bands if self.basis is None else self.basis.rank) if bands else 0
        outputs = 0 if self.network is None else self.network.architecture.outputs
        if outputs != expected:
            raise PayloadError(f"the network must have {expected} outputs. Got {outputs}.")
        self._evaluate = None if self.network is None else Evaluator(self.network, size)

    def __call__(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], bands: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return samples on the [0, 1] scale of the scene, (bands, points), at the points (rows[i], columns[i])."""
        outputs = np.zeros((len(rows), 0)) if self._evaluate is None else self._evaluate(rows, columns)
        if self.basis is not None:
            return self.basis.spectra(outputs, bands)
        values: NDArray[np.float64] = outputs.T[bands] / 2.0**fixed_point.VALUE_BITS
        return values


def _read_network(sections: dict[Section, bytes], size: tuple[int, int]) -> StoredNetwork | None:
    if Section.NETWORK_TABLE_I in sections and Section.NETWORK_QUANTISED in sections:
        raise PayloadError("the payload has two networks")
    if Section.NETWORK_TABLE_I in sections:
        return read_table_i(sections[Section.NETWORK_TABLE_I], size)
    if Section.NETWORK_QUANTISED in sections:
        return read_quantised(sections[Section.NETWORK_QUANTISED])
    return None
