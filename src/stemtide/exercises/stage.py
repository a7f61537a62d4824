# SPDX-License-Identifier: Apache-2.0
"""State of a running exercise: its processes and narration."""

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

from stemtide.exercises import cast, processes

_SETTINGS = "STEMTIDE_"
_POSITION_WITHIN_S = 60.0


class DemoError(Exception):
    """The demo cannot continue; the message says why and how to fix it."""


@dataclass(slots=True)
class RunningExercise:
    """A running exercise: its folder, its processes, and the clock that the narration shows."""

    folder: Path
    began: float = field(default_factory=time.monotonic)
    running: list[processes.Running] = field(default_factory=list)

    def say(self, words: str) -> None:
        """Print a narration line, with the seconds since the start."""
        print(f"[{time.monotonic() - self.began:6.2f} s] {words}", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Stop everything, agents first."""
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(processes.Running.stop, reversed(self.running)))

    def hub_folder(self) -> Path:
        """Create an empty folder for a hub. raises: DemoError if a hub is there already."""
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


def forget_settings() -> None:
    """Remove the settings of hubs and agents from the environment.

    They name the database, keys and mail server of a real hub, which are not for an exercise.
    """
    for name in [name for name in os.environ if name.startswith(_SETTINGS)]:
        del os.environ[name]


def wait_for_position(agent: httpx.Client, *, position: int) -> None:
    """Wait until an agent has reached a feed position. raises: DemoError if it never does."""
    ends = time.monotonic() + _POSITION_WITHIN_S
    while time.monotonic() < ends:
        health = agent.get("/health").json()
        if health["ready"] and health["position"] >= position:
            return
        time.sleep(0.002)
    raise DemoError(f"the agent at {agent.base_url} never reached position {position}")


def expect_ok(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON of a response that must be successful.

    raises: DemoError with the problem's text.
    """
    if response.is_error:
        raise DemoError(f"the hub said {response.status_code}: {response.text[:500]}")
    payload: dict[str, Any] = response.json()
    return payload
