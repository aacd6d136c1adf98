"""Calls of fine latents: the chapter of that name in docs/format.md."""

from __future__ import annotations

import numpy as np

from .coder import shift_of

NEXT = ((0, 5, 1, 4, 2, 7, 3, 6), (2, 7, 3, 6, 0, 5, 1, 4))
LARGEST = 2**21 - 16


class PlainCalls:
    """Decodes calls of latents of which none is fine, in steps."""

    def __init__(self, stream):
        self.stream = stream

    def call(self, halves, means, _components):
        return self.stream.call(halves >> 1, means)


class FineCalls:
    """Decodes calls of latents in sixteenths from a stream, and keeps the state of every component."""

    def __init__(self, stream, fine_from, components):
        self.stream, self.fine_from, self.states = stream, fine_from, [0] * components

    def call(self, halves, means, components):
        """Return a latent for each half index and mean; `components` says whose each one is."""
        fine = [int(h) >> 1 >= self.fine_from for h in halves]
        laws = [
            ((int(h) - 1) >> 1, (8 * int(m) + 4) // 9) if is_fine else (int(h) >> 1, int(m))
            for h, m, is_fine in zip(halves, means, fine, strict=True)
        ]
        wide = [shift_of(s) > 0 for s, _ in laws]
        lowest = [
            self.stream.bit() if is_fine and shifted else None for is_fine, shifted in zip(fine, wide, strict=True)
        ]
        columns, odd = [], []
        for number, component in enumerate(components):
            (s, m), state = laws[number], self.states[component]
            q = state & 1 if fine[number] else 0
            if fine[number] and not wide[number]:
                m -= 4 * q
                laws[number] = s, m
            column = self.stream.column(s, m)
            columns.append(column)
            odd.append(q)
            base = (m + 4) >> 3
            if fine[number]:
                if wide[number]:
                    bit = (lowest[number] + (shift_of(s) == 1) + base) % 2
                else:
                    bit = 0 if column > 24 else (column - 12 + base) % 2
                self.states[component] = NEXT[bit][state]
        whole = self.stream.completed(laws, columns, lowest)
        found = [9 * (2 * k + q) if is_fine else 16 * k for k, q, is_fine in zip(whole, odd, fine, strict=True)]
        assert all(abs(z) <= LARGEST for z in found)
        return np.array(found, int)
