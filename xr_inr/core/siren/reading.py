"""The sections of a siren payload, and samples from them with numpy alone, or with torch where that is asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xr_inr.core import fixed_point
from xr_inr.core.arrays import NUMPY, Arrays
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
    arrays
        Where to evaluate.

    Raises
    ------
    PayloadError
        When a section is out of range, or the sections do not belong together.
    """

    def __init__(
        self, sections: dict[Section, bytes], bands: int, size: tuple[int, int], arrays: Arrays = NUMPY
    ) -> None:
        self._arrays = arrays
        self.network = _read_network(sections, size)
        self.basis: SpectralBasis | None = None
        if Section.SPECTRAL in sections:
            self.basis = SpectralBasis.from_bytes(sections[Section.SPECTRAL], bands)
        expected = (bands if self.basis is None else self.basis.rank) if bands else 0
        outputs = 0 if self.network is None else self.network.architecture.outputs
        if outputs != expected:
            raise PayloadError(f"the network must have {expected} outputs. Got {outputs}.")
        self._evaluate = None if self.network is None else Evaluator(self.network, size, arrays)

    def within(self, _rows: tuple[int, int], _columns: tuple[int, int]) -> SirenReader:
        """Return what gives the samples of a part of the scene: this reader, which needs no preparation."""
        return self

    def __call__(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], bands: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return samples on the [0, 1] scale of the scene.

        Parameters
        ----------
        rows, columns
            Positions in the scene: indices that broadcast together.
        bands
            Which of the fitted bands.

        Returns
        -------
        ndarray
            (bands, ...), the shape of the positions.
        """
        rows, columns = np.broadcast_arrays(rows, columns)
        shape = rows.shape
        arrays = self._arrays
        if self._evaluate is None:
            outputs = arrays.zeros((rows.size, 0), "float64")
        else:
            outputs = self._evaluate(rows.ravel(), columns.ravel())
        if self.basis is None:
            values = outputs.T[arrays.put(bands)] / 2.0**fixed_point.VALUE_BITS
        else:
            values = self.basis.spectra(outputs, bands, arrays)
        return arrays.get(values).reshape(len(bands), *shape)


def _read_network(sections: dict[Section, bytes], size: tuple[int, int]) -> StoredNetwork | None:
    if Section.NETWORK_TABLE_I in sections and Section.NETWORK_QUANTISED in sections:
        raise PayloadError("the payload has two networks")
    if Section.NETWORK_TABLE_I in sections:
        return read_table_i(sections[Section.NETWORK_TABLE_I], size)
    if Section.NETWORK_QUANTISED in sections:
        return read_quantised(sections[Section.NETWORK_QUANTISED])
    return None
