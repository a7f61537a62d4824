# SPDX-License-Identifier: Apache-2.0
"""Start a hub and its agents as real processes on loopback, with the real command."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from stemtide.fingerprints.sandbox.walls import Wall

STOP_WITHIN_S = 10.0


class ProcessError(Exception):
    """A process did not start, or died; the message has the end of its log."""


@dataclass(slots=True)
class Running:
    """A process, its address and its log file."""

    name: str
    command: list[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    process: "subprocess.Popen[bytes] | None" = None

    def start(self, *, within_s: float = 180) -> "Running":
        """Start it and read its address from its first line.

        raises: ProcessError with the end of its log.
        """
        with self.log.open("ab") as log:
            self.process = self.launch(log)
        self.address = self._first_address(within_s=within_s)
        return self

    def launch(self, log: BinaryIO) -> "subprocess.Popen[bytes]":
        """Start the command, with a pipe for what it prints and a log for the rest."""
        return subprocess.Popen(  # noqa: S603  # our own command, no shell
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            bufsize=0,  # or a line could wait in a buffer that select() does not see
            stderr=log,
            env=os.environ | dict(self.environment),
            start_new_session=True,  # Ctrl-C reaches us alone; we stop the others in order
        )

    def _first_address(self, *, within_s: float) -> str:
        """Return the address in the JSON line that the process prints once it listens."""
        if self.process is None or self.process.stdout is None:
            raise ProcessError(f"{self.name} was not started")
        ends = time.monotonic() + within_s
        while time.monotonic() < ends:
            readable, _, _ = select.select([self.process.stdout], [], [], 0.2)
            line = self.process.stdout.readline() if readable else b""
            for value in _values(line):
                if str(value).startswith("http"):
                    return str(value)
            if self.process.poll() is not None:
                break
        self.kill()
        raise ProcessError(f"{self.name} did not come up; the end of its log: {self.tail()}")

    def tail(self) -> str:
        """Return the end of its log."""
        return self.log.read_text("utf-8", "replace")[-2000:].strip() or "(empty)"

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """Kill it at once (SIGKILL)."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self._close()

    def stop(self) -> None:
        """Ask it to stop, and kill it if it does not."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._close()

    def _close(self) -> None:
        """Close our end of its pipe."""
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()


def _values(line: bytes) -> list[object]:
    """Return the values of a JSON object; none if the line is not one."""
    try:
        payload = json.loads(line or b"{}")
    except ValueError:
        return []
    return list(payload.values()) if isinstance(payload, dict) else []


def command() -> str:
    """Return the path of the stemtide command beside this Python."""
    path = Path(sys.executable).with_name("stemtide")
    if not path.exists():
        raise ProcessError(f"there is no stemtide command beside {sys.executable}: run make setup")
    return str(path)


def hub(folder: Path, *, port: int = 0, environment: Mapping[str, str] | None = None) -> Running:
    """Return a hub process that stores its files in a folder, not yet started."""
    folder.mkdir(parents=True, exist_ok=True)
    return Running(
        name="the hub",
        command=[command(), "hub", "start", "--json", "--port", str(port)],
        log=folder / "hub.log",
        environment={
            "STEMTIDE_DATA_DIR": str(folder),
            "STEMTIDE_SECOND_FACTOR": "offered",  # an exercise prints its password
            "STEMTIDE_ACCEPT_MISSING_WALLS": ",".join(Wall),
        }
        | dict(environment or {}),
    )


def agent(name: str, *, folder: Path, hub_url: str, key: str, extra: str = "") -> Running:
    """Return an agent process with its own configuration, not yet started. extra: more TOML."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "hub.key"
    secret.write_text(key, "utf-8")
    secret.chmod(0o600)
    config = folder / "agent.toml"
    settings = {
        "name": name,
        "hub_url": hub_url,
        "key_file": str(secret),
        "data_dir": str(folder / "data"),
        "port": 0,
        "accept_missing_walls": list(Wall),  # an exercise says so, and runs
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    config.write_text("\n".join([*lines, extra, ""]), "utf-8")
    return Running(
        name=f"agent {name}",
        command=[command(), "agent", "start", "--json", "--config", str(config)],
        log=folder / "agent.log",
    )
