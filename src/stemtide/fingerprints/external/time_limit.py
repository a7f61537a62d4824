# SPDX-License-Identifier: Apache-2.0
"""Call methods of signal types of other packages with a time limit, each in a thread.

Python cannot end a thread. A call that hangs keeps its thread, and the type is not called again
before it has returned: a type has at most as many hanging threads as callers at that moment.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

LIMIT_S = 2.0
"""How long a call may take. 10,000 values should be compared within 0.5 s."""

_T = TypeVar("_T")


class SignalTypeTimeoutError(Exception):
    """A signal type did not answer in time. The text says so in the words of a report."""


class TimeLimit:
    """The calls of signal types, by the name of the type. Thread-safe."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._hanging: dict[str, threading.Thread] = {}

    def call(self, name: str, method: Callable[[], _T], *, more_s: float = 0.0) -> _T:
        """Return what a method of a type returns. more_s: time beyond the limit, for large inputs.

        raises: SignalTypeTimeoutError if it hangs, or an earlier call of the type still does;
                what the method raises.
        """
        hanging = self._hanging.get(name)
        if hanging is not None and hanging.is_alive():
            raise SignalTypeTimeoutError("an earlier call has not returned")
        future: Future[_T] = Future()
        thread = threading.Thread(target=_run, args=(method, future), name=name, daemon=True)
        thread.start()
        try:
            return future.result(self._limit_s + more_s)
        except TimeoutError:
            if future.done():  # the method's own
                raise
            self._hanging[name] = thread
            raise SignalTypeTimeoutError(f"no answer in {self._limit_s + more_s:g} s") from None


def _run(method: Callable[[], _T], future: "Future[_T]") -> None:
    """Run a method, and pass on its result or error."""
    try:
        future.set_result(method())
    except BaseException as error:  # noqa: BLE001  # of another package; the caller gets it
        future.set_exception(error)
