# SPDX-License-Identifier: Apache-2.0
"""Let the scheduler of an idle hub rest.

Every second a scheduler asks its database some sixty questions, which takes 3 % of a core. A worker
keeps several hubs for as long as it runs tests, and most of them wait for tests of other files. So
the scheduler of a hub that `tests.forks` runs works again as soon as its database has changed, and
otherwise every fifth second, for what falls due by itself.
"""

import threading
from pathlib import Path

from django.conf import settings

from stemtide.hub.scheduler import Scheduler

RESTS = 5
"""How many of its waits a scheduler puts together where nothing changes meanwhile."""


class _RestingEvent(threading.Event):
    """The event that stops a scheduler, which waits longer while its database stays as it is."""

    def __init__(self) -> None:
        super().__init__()
        self._before: object = None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the event is set, the database has changed, or enough waits have passed."""
        for _ in range(RESTS):
            if super().wait(timeout):
                return True
            before, self._before = self._before, _database_state()
            if self._before is None or before != self._before:
                return False
        return False


def _database_state() -> object:
    """Return what a commit changes of SQLite's files; None for another database."""
    database = settings.DATABASES["default"]
    if not database["ENGINE"].endswith("sqlite3"):
        return None
    files = (Path(f"{database['NAME']}{end}") for end in ("", "-wal"))
    states = [file.stat() for file in files if file.exists()]
    return [(state.st_mtime_ns, state.st_size, state.st_ino) for state in states]


def let_idle_schedulers_rest() -> None:
    """Have each scheduler of this process, and of its forks, rest while nothing happens."""
    begin = Scheduler.__init__

    def begin_resting(self: Scheduler, **given: float) -> None:
        begin(self, **given)
        self._stop = _RestingEvent()

    Scheduler.__init__ = begin_resting
