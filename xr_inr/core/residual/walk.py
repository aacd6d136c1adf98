"""Band by band through a tile: what encoder and decoder do alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent.symbols import SymbolDecoder, SymbolEncoder
from xr_inr.core.residual.activity import Activity, normalised
from xr_inr.core.residual.neighbours import Whole
from xr_inr.core.residual.prediction import History, checkerboard, coupled, errors_of_first, predicted, rebuilt, split
from xr_inr.core.residual.stored import Laws

Code = Callable[[int, NDArray[np.bool_], Whole, NDArray[np.int64]], Whole]
"""Given a band, which positions are due, their scales and the means of their laws, returns their symbols."""


def encode_tile(laws: Laws, step: int, valid: NDArray[np.bool_], symbols: Whole) -> bytes:
    """Return the stream of a tile.

    Parameters
    ----------
    laws
        What predicts residuals.
    step
        Units from one value of a residual to the next.
    valid
        (bands, height, width) which samples are coded.
    symbols
        (bands, height, width) the symbols that the predictions of `laws` leave.
    """
    encoder = SymbolEncoder()

    def code(band: int, due: NDArray[np.bool_], scales: Whole, means: NDArray[np.int64]) -> Whole:
        values: Whole = symbols[band][due]
        encoder.put(values.astype(np.int32), scales, means)
        return values

    for _ in walk(laws, step, valid, code):
        pass
    return encoder.getvalue()


def decode_tile(laws: Laws, step: int, valid: NDArray[np.bool_], stream: bytes, bands: int) -> NDArray[np.int64]:
    """Return the residuals of the first bands of a tile, (`bands`, height, width).

    Raises
    ------
    PayloadError
        When the stream does not hold such residuals.
    """
    decoder = SymbolDecoder(stream)

    def code(_: int, due: NDArray[np.bool_], scales: Whole, means: NDArray[np.int64]) -> Whole:  # noqa: ARG001
        values: Whole = decoder.take(scales, means).astype(np.int64)
        return values

    residuals = np.empty((bands, *valid.shape[1:]), np.int64)
    for band, residual in zip(range(bands), walk(laws, step, valid, code), strict=False):
        residuals[band] = residual
    if bands == len(valid):
        decoder.finish()
    return residuals


def walk(laws: Laws, step: int, valid: NDArray[np.bool_], code: Code) -> Iterator[Whole]:
    """Give the residual of one band after the other, (height, width), samples that are not valid as predicted.

    Parameters
    ----------
    laws, step, valid
        As for `encode_tile`.
    code
        Codes the symbols of a pass.
    """
    shape = valid.shape[1:]
    history, activity = History(shape, len(laws.shifts)), Activity(shape)
    second = checkerboard(shape)
    for band, weights in enumerate(laws.weights):
        prediction = predicted(history, weights, laws.shifts)
        symbols, scale = np.zeros(shape, np.int64), int(laws.scales[band])
        centre, means = split(prediction, step)
        due = valid[band] & ~second
        scales = laws.scale(band, False, activity.contexts(None))
        symbols[due] = code(band, due, scales[due], means[due])
        errors = errors_of_first(prediction, rebuilt(centre, symbols, step), second)
        leaning = coupled(prediction, errors, int(laws.couplings[band]))
        centre, means = split(np.where(second, leaning, prediction), step)
        due = valid[band] & second
        scales = laws.scale(band, True, activity.contexts(normalised(symbols, scale)))
        symbols[due] = code(band, due, scales[due], means[due])
        residual = rebuilt(centre, symbols, step)
        history.push(residual)
        activity.push(normalised(symbols, scale))
        yield residual
