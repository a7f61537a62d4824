# SPDX-License-Identifier: Apache-2.0
"""The stage of an exercise: its processes, its clients, its tally, and the narrator."""

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
from stemtide.exercises.tally import Tally


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


@dataclass(slots=True)
class Stage:
    """What is on stage: processes, clients and the clock that the narration shows."""

    folder: Path
    began: float = field(default_factory=time.monotonic)
    running: list[processes.Running] = field(default_factory=list)
    receivers: list[provider.Receiver] = field(default_factory=list)
    agents: dict[str, httpx.Client] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    def say(self, words: str) -> None:
        """Narrate, with the seconds since the curtain rose."""
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
        """An empty folder for a hub's files. raises: DemoError where one lives there already."""
        folder = self.folder / "hub"
        if (folder / "hub.sqlite3").exists():
            raise DemoError(f"{folder} holds a hub already: name an empty --folder")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def stay(self) -> None:
        """Stay up until somebody stops us. raises: DemoError where a process dies."""
        over = threading.Event()

        def end(_number: int, _frame: FrameType | None) -> None:
            over.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, end)
        while not over.wait(1.0):
            for one in self.running:
                if not one.is_alive():
                    raise DemoError(f"{one.name} has died; the end of its log: {one.tail()}")
        self.say("Stopping.")

    def client(self, people: cast.Cast, party: str) -> httpx.Client:
        """A party's client of the hub."""
        headers = {"Authorization": f"Bearer {people.keys[party]}"}
        return httpx.Client(base_url=self.running[0].address, headers=headers, timeout=60)


def good(answer: httpx.Response) -> dict[str, Any]:
    """The JSON of an answer that must be good.

    raises: DemoError with the problem's words.
    """
    if answer.is_error:
        raise DemoError(f"the hub said {answer.status_code}: {answer.text[:500]}")
    found: dict[str, Any] = answer.json()
    return found
