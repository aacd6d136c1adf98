"""What can go wrong, as types a caller can catch.

Every error states the rule that was broken and the value that broke it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_CHUNKS_NAMED = 20
"""In the message of a `ChunksError`, of those that failed for the same reason."""


class XrInrError(Exception):
    """Base of every error this package raises on purpose."""


class RequestError(XrInrError, ValueError):
    """An argument breaks a rule; the message names the rule and the value."""


class BudgetError(RequestError):
    """No payload can be that small, or none of those fitted is that good; the message says what can be met."""


class BoundError(XrInrError):
    """A decoded sample errs by more than was promised; nothing was written."""


class BatchError(RequestError):
    """Some arrays of a batch cannot be encoded; the message says which, and why each.

    Parameters
    ----------
    failures
        The error of each of them, by its place in the batch.
    encoded
        The others, by their places, as far as they are fitted: none where nothing was, because an array or what is
        asked for breaks a rule.
    """

    def __init__(self, failures: Mapping[int, XrInrError], encoded: Mapping[int, Any]) -> None:
        super().__init__("; ".join(f"array {number}: {error}" for number, error in failures.items()))
        self.failures = dict(failures)
        self.encoded = dict(encoded)

    def __reduce__(self) -> tuple[type[BatchError], tuple[dict[int, XrInrError], dict[int, Any]]]:
        return type(self), (self.failures, self.encoded)


class ChunksError(XrInrError):
    """Some chunks could not be fitted while a store was written; the others are kept, and the message says where.

    Parameters
    ----------
    failures
        Why each of them failed, by its variable and its index.
    advice
        What can be done.
    """

    def __init__(self, failures: Mapping[tuple[str, tuple[int, ...]], str], advice: str) -> None:
        alike: dict[tuple[str, str], list[tuple[int, ...]]] = {}
        for (name, index), reason in failures.items():
            alike.setdefault((name, reason), []).append(index)
        said = "; ".join(f"{name!r}, {_chunks(indices)}: {reason}" for (name, reason), indices in alike.items())
        super().__init__(f"{len(failures)} chunks could not be fitted. {advice} {said}")
        self.failures = dict(failures)
        self.advice = advice

    def __reduce__(self) -> tuple[type[ChunksError], tuple[dict[tuple[str, tuple[int, ...]], str], str]]:
        return type(self), (self.failures, self.advice)


def _chunks(indices: Sequence[tuple[int, ...]]) -> str:
    """Return the names of chunks that failed for the same reason; of many, those of the first."""
    if len(indices) == 1:
        return f"chunk {indices[0]}"
    named = ", ".join(map(str, indices[:_CHUNKS_NAMED]))
    more = len(indices) - _CHUNKS_NAMED
    return f"chunks {named} and {more} more" if more > 0 else f"chunks {named}"


class PayloadError(XrInrError, ValueError):
    """Bytes that are not a whole, unaltered payload of a known format version."""


class DependencyError(XrInrError, ImportError):
    """An optional dependency is missing; the message says the command that installs it."""


class StoreExistsError(XrInrError, FileExistsError):
    """The target exists and the caller did not ask for it to be replaced."""
