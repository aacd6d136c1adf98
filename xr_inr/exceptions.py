"""What can go wrong, as types a caller can catch.

Every error states the rule that was broken and the value that broke it.
"""

from __future__ import annotations


class XrInrError(Exception):
    """Base of every error this package raises on purpose."""


class RequestError(XrInrError, ValueError):
    """An argument breaks a rule; the message names the rule and the value."""


class BudgetError(RequestError):
    """No payload can be that small, or none of those fitted is that good; the message says what can be met."""


class PayloadError(XrInrError, ValueError):
    """Bytes that are not a whole, unaltered payload of a known format version."""


class DependencyError(XrInrError, ImportError):
    """An optional dependency is missing; the message says the command that installs it."""


class StoreExistsError(XrInrError, FileExistsError):
    """The target exists and the caller did not ask for it to be replaced."""
