# SPDX-License-Identifier: Apache-2.0
"""State of a running exercise: its processes, clients, counts and narration."""

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

from stemtide.exercises import cast, processes, provider
from stemtide.exercises.counts import ExerciseCounts

_SETTINGS = "STEMTIDE_"


class DemoError(Exception):
    """The demo cannot continue; the message says why and how to fix it."""


@dataclass(slots=True)
class RunningExercise:
    """A running exercise: processes, clients, and the clock that the narration shows.

    early: uploads before their signal was shared, each with the provider that hears of it.
    """

    folder: Path
    began: float = field(default_factory=time.monotonic)
    running: list[processes.Running] = field(default_factory=list)
    receivers: list[provider.Receiver] = field(default_factory=list)
    agents: dict[str, httpx.Client] = field(default_factory=dict)
    counts: ExerciseCounts = field(default_factory=ExerciseCounts)
    early: list[tuple[provider.Receiver, str]] = field(default_factory=list)

    def say(self, words: str) -> None:
        """Print a narration line, with the seconds since the start."""
        print(f"[{time.monotonic() - self.began:6.2f} s] {words}", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Stop everything, agents first."""
        for client in self.agents.values():
            client.close()
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(processes.Running.stop, reversed(self.running)))
        for receiver in self.receivers:
            receiver.stop()

    def hub_folder(self) -> Path:
        """Create an empty folder for a hub, and forget the settings of hubs and agents here.

        They name the database, keys and mail server of a real hub, which are not for an exercise.

        raises: DemoError if a hub is there already.
        """
        for name in [name for name in os.environ if name.startswith(_SETTINGS)]:
            del os.environ[name]
        folder = self.folder / "hub"
        if (folder / "hub.sqlite3").exists():
            raise DemoError(f"{folder} holds a hub already: name an empty --folder")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def stay(self) -> None:
        """Wait until stopped. raises: DemoError if a process dies."""
        stopped = threading.Event()

        def end(_number: int, _frame: FrameType | None) -> None:
            stopped.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, end)
        while not stopped.wait(1.0):
            for process in self.running:
                if not process.is_alive():
                    raise DemoError(
                        f"{process.name} has died; the end of its log: {process.tail()}"
                    )
        self.say("Stopping.")

    def client(self, people: cast.Cast, party: str) -> httpx.Client:
        """Return a party's client for the hub."""
        headers = {"Authorization": f"Bearer {people.keys[party]}"}
        return httpx.Client(base_url=self.running[0].address, headers=headers, timeout=60)


def expect_ok(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON of a response that must be successful.

    raises: DemoError with the problem's text.
    """
    if response.is_error:
        raise DemoError(f"the hub said {response.status_code}: {response.text[:500]}")
    payload: dict[str, Any] = response.json()
    return payload
