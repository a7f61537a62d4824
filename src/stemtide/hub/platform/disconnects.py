# SPDX-License-Identifier: Apache-2.0
"""Stop working for a caller who disconnected: before the next read query, never within a write.

1 asgi.py makes a Caller for each request and notes when they disconnect.
2 Every query of the request checks first (check_query); code that works long without a query checks
  by itself (check_caller).
3 The first changing statement of a transaction begins the write: from then on the request is
  completed, even if the caller has left.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db import connection

from stemtide.hub.process_metrics import lock_wait_seconds

_CHANGES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "WITH")


@dataclass(slots=True, eq=False)
class WaitingClient:
    """A client that waits. is_served: a thread works for it; is_writing: it has changed rows."""

    has_left: bool = False
    is_served: bool = False
    is_writing: bool = False


class CallerLeftError(BaseException):
    """The client has disconnected.

    Like asyncio.CancelledError no Exception: code that turns errors into responses must not catch
    it.
    """


_served: set[WaitingClient] = set()
_LOCKS_SQLITE = "BEGIN IMMEDIATE"
"""Django's statement that waits for SQLite's lock of all writers."""

_caller: ContextVar[WaitingClient | None] = ContextVar("caller", default=None)


@contextmanager
def serving(caller: WaitingClient) -> Iterator[None]:
    """Work for a caller in this thread while they wait.

    raises: CallerLeftError, also from within the block.
    """
    caller.is_served = True
    _served.add(caller)
    before = _caller.set(caller)
    try:
        with connection.execute_wrapper(check_query):
            check_caller()
            yield
    finally:
        _caller.reset(before)
        _served.discard(caller)


@contextmanager
def carried_through() -> Iterator[None]:
    """Run the cleanup of a request, even if its caller has left."""
    before = _caller.set(None)
    try:
        yield
    finally:
        _caller.reset(before)


def served(*, has_left: bool) -> int:
    """Return how many requests are being worked on whose callers wait, or have left."""
    return sum(1 for caller in _served.copy() if caller.has_left is has_left)


def check_caller() -> None:
    """Stop if the caller has disconnected, unless a write has begun."""
    caller = _caller.get()
    if caller and caller.has_left and not caller.is_writing:
        raise CallerLeftError


def check_query(
    execute: Callable[..., Any],
    sql: str,
    params: Any,  # noqa: ANN401  # Django's: execute_wrapper
    many: bool,  # noqa: FBT001  # Django's
    context: dict[str, Any],
) -> Any:  # noqa: ANN401  # Django's
    """Run a query if the caller still waits."""
    check_caller()
    caller = _caller.get()
    if caller and connection.in_atomic_block and sql.lstrip()[:7].upper().startswith(_CHANGES):
        caller.is_writing = True
    if sql == _LOCKS_SQLITE:
        with lock_wait_seconds.time():
            return execute(sql, params, many, context)
    return execute(sql, params, many, context)
