"""Everything that can go wrong, as one tree.

    WorkbenchError                 exit code 1
    ├── UsageError                 exit code 2: the user can mend the call
    │   ├── ParameterError         a report's parameter: unknown name, wrong type, no such date
    │   ├── ConfigurationError     a file of parameters/ or a setting
    │   └── QueryError             unknown metric or dimension, a filter or SQL that is not allowed
    ├── PortalError                what Bitrix24 answered
    │   ├── PortalUnreachable      no connection, time-out, not a portal            (may pass)
    │   ├── QueryLimitExceeded     503: too many requests                           (may pass)
    │   ├── OperationTimeLimit     429: this method used up its time                (may pass)
    │   ├── BadCredentials         wrong webhook code, revoked or expired token
    │   ├── AccessDenied           the user's rights, the plan, or a scope that is missing
    │   └── RecordNotFound         no such record
    ├── SourceError                an external file or service that cannot be read
    ├── WarehouseError             the local data
    │   ├── NoSnapshot             nothing has been synced yet
    │   ├── SyncRunning            another sync holds the warehouse
    │   ├── AccessRefused          the query service does not serve this viewer
    │   └── ServiceUnavailable     the query service does not answer                (may pass)
    ├── RunFailed                  a report's run ended badly; carries its record
    ├── DeliveryError              results that did not reach their recipient       (may pass)
    └── DecisionError              a proposal that cannot be approved, applied or undone

A message says what happened, to which record or file; ``hint`` says what to do next.
The command line prints both on stderr without a traceback and exits with ``exit_code``.
"""

from __future__ import annotations


class WorkbenchError(Exception):
    """Root of the tree."""

    exit_code = 1
    may_pass = False  # True where trying again later can succeed

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(WorkbenchError):
    """The call is wrong; a corrected one will work."""

    exit_code = 2


class ParameterError(UsageError):
    """A report's parameter is unknown, of the wrong type or out of its values."""


class ConfigurationError(UsageError):
    """A file of ``parameters/`` or a setting of the environment is wrong."""


class QueryError(UsageError):
    """A metric, dimension, filter or SQL text that cannot be run."""


class PortalError(WorkbenchError):
    """The portal refused a call.

    ``code`` is Bitrix24's own error code (upper case, may be empty), ``method`` the
    REST method; never the address, which holds the webhook's secret.
    """

    def __init__(
        self, message: str, *, hint: str = "", code: str = "", method: str = "", status: int = 0
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code.upper()
        self.method = method
        self.status = status


class PortalUnreachable(PortalError):
    """No connection, a time-out, or an answer that is not Bitrix24's."""

    may_pass = True


class QueryLimitExceeded(PortalError):
    """503: too many requests from this address; refused before execution."""

    may_pass = True


class OperationTimeLimit(PortalError):
    """429: this method has used its operating time; others go on."""

    may_pass = True


class BadCredentials(PortalError):
    """Wrong webhook code, or a token that is expired or revoked."""


class AccessDenied(PortalError):
    """The user's rights, the portal's plan or a missing scope forbid the call."""


class RecordNotFound(PortalError):
    """The portal has no such record."""


class SourceError(WorkbenchError):
    """An external file or service cannot be read; ``problem`` is the first of several."""

    def __init__(self, message: str, *, hint: str = "", problem: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problem = problem or message


class WarehouseError(WorkbenchError):
    """The local data cannot be used."""


class NoSnapshot(WarehouseError):
    """Nothing has been synced yet."""


class SyncRunning(WarehouseError):
    """Another sync holds the warehouse."""


class AccessRefused(WarehouseError):
    """The query service does not serve this viewer, or not with this token."""


class ServiceUnavailable(WarehouseError):
    """The query service does not answer, is full, or was too long about a query."""

    may_pass = True


class RunFailed(WorkbenchError):
    """A report's run ended badly; ``record`` says how."""

    def __init__(self, message: str, *, hint: str = "", record: object = None) -> None:
        super().__init__(message, hint=hint)
        self.record = record


class DeliveryError(WorkbenchError):
    """A run's results did not reach their recipient.

    ``may_pass``: trying again later can succeed. ``uncertain``: they may have arrived all the same.
    """

    def __init__(
        self, message: str, *, hint: str = "", may_pass: bool = False, uncertain: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.may_pass = may_pass
        self.uncertain = uncertain


class DecisionError(WorkbenchError):
    """A proposal cannot be approved, applied or undone."""
