"""Fine latents: those under wide laws, quantised by a trellis in place of uniform rounding.

Trellis-coded quantisation (Marcellin and Fischer 1990) with Ungerboeck's code of eight states. A fine latent is one of
two grids of twice the spacing, which the state of its component says; the lowest bit of what is coded chooses the next
state. So an encoder has the freedom of a grid twice as dense at the bits of a sparse one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xr_inr.core.latent.laws import FRACTIONS, REACH, SHIFTS, places_of

FINE_UNIT = 16
"""A quantiser step, where there are fine latents: all latents count sixteenths then."""

FINE_SPACING = 9
"""Distance of neighbouring fine latents, both grids together, in sixteenths."""

STATES = 8
NEXT_STATES = np.array(
    [
        [((state >> 1 ^ state) & 1) | ((state >> 2 ^ bit) & 1) << 1 | (state & 1) << 2 for bit in range(2)]
        for state in range(STATES)
    ],
    np.int32,
)
"""(`STATES`, 2) the state after each, by the bit that a fine latent gives."""

_NEXT: list[list[int]] = NEXT_STATES.tolist()

Integers = NDArray[np.int32]


def states_along(state: int, bits: Sequence[int]) -> list[int]:
    """Return the state before each bit, and the one after the last."""
    found = [state]
    for bit in bits:
        state = _NEXT[state][bit]
        found.append(state)
    return found


@dataclass(frozen=True)
class FineLaws:
    """The laws of a call of latents of which some are fine; arrays are (components, latents of each)."""

    scales: Integers
    """Index of each one's scale."""

    means: Integers
    """In eighths, of a fine one in those of its own unit; what its state takes off is not in them."""

    fine: NDArray[np.bool_]
    """Which are fine."""

    told: NDArray[np.bool_]
    """Fine ones under laws with uniform low bits, whose lowest bit goes before the call's columns."""

    @classmethod
    def of(cls, half_indices: NDArray[np.integer[Any]], means: Integers, fine_from: int) -> FineLaws:
        """Return the laws that the context network's half indices make.

        Parameters
        ----------
        half_indices
            Twice the index of each one's scale, rounded down thereafter.
        means
            In eighths of a step.
        fine_from
            Index of the lowest scale whose latents are fine.
        """
        indices = half_indices >> 1
        fine = indices >= fine_from
        # In units of 9/8 of a step a law is about half an index narrower.
        scales = np.where(fine, (half_indices - 1) >> 1, indices).astype(np.int32)
        means = np.where(fine, (FRACTIONS * means + FRACTIONS // 2) // FINE_SPACING, means).astype(np.int32)
        return cls(scales, means, fine, fine & (SHIFTS[scales] > 0))

    @property
    def led(self) -> NDArray[np.bool_]:
        """Which have a law that depends on the state: fine ones without uniform low bits."""
        return self.fine & ~self.told

    def means_of(self, odd: Integers | int) -> Integers:
        """Return the means that are used, where `odd` is 1 for latents of the second grid and 0 for others."""
        return self.means - np.where(self.led, FRACTIONS // 2 * odd, 0).astype(np.int32)

    def bits(self, integers: Integers, odd: Integers) -> Integers:
        """Return the bits that choose next states: the lowest of what is coded, but 0 where that is an escape."""
        base = (self.means_of(odd) + FRACTIONS // 2) >> 3
        return np.where(self.led & (np.abs(integers - base) > REACH), 0, integers & 1)

    def integers(self, latents: Integers) -> tuple[Integers, Integers]:
        """Return what latents in sixteenths are coded as, and whether they are of the second grid.

        Raises
        ------
        ValueError
            For a latent that is not on a grid.
        """
        spacing = np.where(self.fine, FINE_SPACING, FINE_UNIT)
        steps = latents // spacing
        wrong = steps * spacing != latents
        if wrong.any():
            raise ValueError(
                f"a latent must be a multiple of {FINE_UNIT} sixteenths of a step, a fine one of {FINE_SPACING}. "
                f"Got {int(latents[wrong][0])}."
            )
        odd = np.where(self.fine, steps & 1, 0).astype(np.int32)
        return np.where(self.fine, steps >> 1, steps).astype(np.int32), odd

    def latents(self, integers: NDArray[np.integer[Any]], odd: Integers) -> NDArray[np.int64]:
        """Return latents in sixteenths; the inverse of `integers`."""
        whole = integers.astype(np.int64)
        return np.where(self.fine, FINE_SPACING * (2 * whole + odd), FINE_UNIT * whole)

    def bits_of_lowest(self, lowest: Integers) -> Integers:
        """Return the bits that choose next states where `lowest` was told; 0 elsewhere."""
        base = (self.means + FRACTIONS // 2) >> 3
        return np.where(self.told, lowest + (SHIFTS[self.scales] == 1) + base & 1, 0)

    def along(self, bits: Integers, states: Integers) -> tuple[Integers, Integers]:
        """Return which latents are of the second grid, 0 or 1, and the (components,) states after the call.

        Parameters
        ----------
        bits
            The bits that choose next states; looked at where a latent is fine.
        states
            Those before the call.
        """
        odd, after = np.zeros(bits.shape, np.int32), states.copy()
        for component, fine in enumerate(self.fine):
            *before, after[component] = states_along(int(states[component]), bits[component, fine].tolist())
            odd[component, fine] = np.array(before, np.int32) & 1
        return odd, after

    def led_along(
        self, lowest: Integers, states: Integers, column_of: Callable[[int], int]
    ) -> tuple[Integers, Integers, Integers]:
        """Return the columns of a call whose rows follow from states, its odd latents, and the states after it.

        Parameters
        ----------
        lowest
            The lowest bits that were told.
        states
            The states before the call.
        column_of
            Decodes the next column, from its row of tables.
        """
        grids = [places_of(self.scales.ravel(), self.means_of(odd).ravel()) for odd in (0, 1)]
        rows, bases = [grid[0].tolist() for grid in grids], [grid[1].tolist() for grid in grids]
        fine, led = self.fine.ravel().tolist(), self.led.ravel().tolist()
        bits = self.bits_of_lowest(lowest).ravel().tolist()
        columns, odd, after = np.empty(self.scales.size, np.int32), np.zeros(self.scales.size, np.int32), states.copy()
        points = self.scales.shape[1]
        for n in range(len(columns)):
            state = int(after[n // points])
            grid = state & 1 if fine[n] else 0
            column = column_of(rows[grid][n])
            columns[n], odd[n] = column, grid
            if led[n] and column <= 2 * REACH:
                bits[n] = (column - REACH + bases[grid][n]) & 1
            if fine[n]:
                after[n // points] = _NEXT[state][bits[n]]
        return columns, odd.reshape(self.scales.shape), after

    def checked(self, integers: Integers, odd: Integers, states: Integers) -> Integers:
        """Return the states after a call of known latents.

        Raises
        ------
        ValueError
            For a fine latent that is not of the grid that its state says.
        """
        wanted, after = self.along(self.bits(integers, odd), states)
        if (wanted != odd).any():
            raise ValueError("a fine latent must be of the grid that the state of its component says")
        return after
