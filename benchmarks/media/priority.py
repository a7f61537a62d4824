# SPDX-License-Identifier: Apache-2.0
"""An encoder's threads must not go before everybody else's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def as_before() -> Iterator[None]:
    """Give the calling thread the priority back that it had before this.

    libsvtav1 makes whoever calls it realtime (SCHED_FIFO, 99) where it may, as root may, and every
    process that is started from there: on two cores nothing else gets its turn any more.
    """
    if not hasattr(os, "sched_getscheduler"):  # not Linux
        yield
        return
    policy, param = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, param)
