"""Tensor programs that are run over and over: on a CUDA device their kernels are launched as one captured graph.

Programs of small tensors take a GPU less time than a CPU takes to launch their kernels one by one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch

from xr_inr.core.memory import lacks_memory

_WARM_UP = 3
"""Runs before a capture, in which libraries make their handles and workspaces."""


class Captured:
    """Runs of one program, which reads and writes the same tensors every time.

    Parameters
    ----------
    device
        Where its tensors are.
    allowed
        Whether it may be captured.
    """

    def __init__(self, device: torch.device, *, allowed: bool = True) -> None:
        self._device = device
        self._graph: torch.cuda.CUDAGraph | None = None
        self._stream: torch.cuda.Stream | None = None
        self._captures = allowed and device.type == "cuda"
        self._runs = 0

    def run(self, program: Callable[[], None]) -> None:
        """Run the program.

        Parameters
        ----------
        program
            Always the same; that of the last run before the capture stands for those of all later ones. On a CUDA
            device it must not wait for the device, nor hang on numbers of Python that change.

        Raises
        ------
        RuntimeError
            Whatever the program raises. Where it cannot be captured, a warning says why, and it goes on as it was.
        """
        if not self._captures:
            program()
        elif self._graph is not None:
            self._graph.replay()
        elif self._runs < _WARM_UP:
            self._warm_up(program)
        else:
            self._capture(program)
            self.run(program)

    def _warm_up(self, program: Callable[[], None]) -> None:
        """Run on the stream of the capture to come, between what went before and what follows."""
        self._runs += 1
        self._stream = self._stream or torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        present = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(present)
        with torch.cuda.stream(self._stream):
            program()
        present.wait_stream(self._stream)

    def _capture(self, program: Callable[[], None]) -> None:
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads may copy to their devices meanwhile.
            with (
                torch.cuda.device(self._device),
                torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"),
            ):
                program()
        except RuntimeError as error:
            if lacks_memory(error):
                raise
            self._captures = False
            warnings.warn(f"a fit goes on without a captured CUDA graph: {error}", RuntimeWarning, stacklevel=2)
        else:
            self._graph = graph
