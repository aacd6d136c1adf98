"""Telling people how a fit is doing: a bar for those who look, a callable for everybody else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TextIO

from xr_inr.core.monitor import Monitor, Progress
from xr_inr.exceptions import DependencyError, RequestError

ProgressOption = bool | Callable[[Progress], None] | None
"""True: a bar. False: silence. None: a bar on a terminal or in a notebook. A callable is given every `Progress`."""


class FitDisplay:
    """Shows the fits of one call, one after the other.

    Parameters
    ----------
    progress
        What the caller wants to see.
    fits
        How many fits there will be.

    Raises
    ------
    RequestError
        When `progress` is none of the options.
    DependencyError
        When a bar is asked for and tqdm is not installed.
    """

    def __init__(self, progress: ProgressOption, fits: int) -> None:
        if progress is not None and not isinstance(progress, bool) and not callable(progress):
            raise RequestError(f"progress must be True, False, None or a callable. Got {progress!r}.")
        self._callback = progress if callable(progress) else None
        self._fits = fits
        self._started = 0
        self._bar: Any = None
        if progress is True or (progress is None and (_is_terminal(sys.stderr) or in_notebook())):
            try:
                from tqdm.auto import tqdm  # noqa: PLC0415 - only a bar needs it
            except ImportError as error:
                if progress is True:
                    raise DependencyError("a progress bar needs tqdm: pip install 'xr-inr[fit]'") from error
            else:
                self._bar = tqdm(unit="it", leave=False, mininterval=0.2)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def next_fit(self, name: str) -> Monitor:
        """Return the monitor of the next fit, of the variable `name`."""
        self._started += 1
        label = f"{name} {self._started}/{self._fits}" if self._fits > 1 else name
        return Monitor(
            report=lambda progress: self._report(label, progress),
            keep_best=lambda progress: offer_best(label, progress),
            note=self._note,
        )

    def _report(self, label: str, progress: Progress) -> None:
        if self._callback is not None:
            self._callback(progress)
        if self._bar is not None:
            title = f"{label}: {progress.stage}"
            if self._bar.desc.removesuffix(": ") != title:
                self._bar.reset(total=progress.iterations)
                self._bar.set_description(title, refresh=False)
            self._bar.set_postfix_str(f"{progress.psnr:.2f} dB", refresh=False)
            self._bar.update(progress.iteration - self._bar.n)

    def _note(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook; does not import IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in getattr(shell, "config", {})


def _is_terminal(stream: TextIO | None) -> bool:
    """Whether a standard stream is a terminal; a program without a console has None in their place."""
    return stream is not None and stream.isatty()


def offer_best(label: str, progress: Progress) -> bool:
    """Ask a person whether an interrupted fit shall be kept; False where nobody can answer."""
    if not (in_notebook() or (_is_terminal(sys.stdin) and _is_terminal(sys.stderr))):
        return False
    question = (
        f"\n{label}: interrupted after {progress.iteration:,} of {progress.iterations:,} iterations. "
        f"Keep the best so far, {progress.psnr:.2f} dB, and go on? [Y/n] "
    )
    try:
        return input(question).strip().lower() in {"", "y", "yes"}
    except (EOFError, KeyboardInterrupt):
        return False
