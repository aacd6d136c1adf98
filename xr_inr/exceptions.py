"""What can go wrong, as types a caller can catch.

Every error states the rule that was broken and the value that broke it.
"""

from __future__ import annotations


class XrInrError(Exception):
    """Base of every error this package raises on purpose."""


class RequestError(XrInrError, ValueError):
    """A request breaks a rule; nothing has been fitted or written."""


class BudgetError(RequestError):
    """No payload can meet the asked-for size or quality; the message says what can be met."""


class PayloadError(XrInrError, ValueError):
    """Bytes that are not a whole, unaltered payload of a known format version."""


class DependencyError(XrInrError, ImportError):
    """An optional dependency is missing; the message says the command that installs it."""


class StoreExistsError(XrInrError, FileExistsError):
    """The target exists and the caller did not ask for it to be replaced."""
