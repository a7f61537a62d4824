# SPDX-License-Identifier: Apache-2.0
"""A Ray cluster of this machine, of nodes of one core each."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RAY = Path(sys.executable).with_name("ray")


class RayNode:
    """A node: a group of processes, so that it can be killed or frozen as a machine can."""

    def __init__(self, *words, environment, log):
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [RAY, "start", *words, "--node-ip-address=127.0.0.1", "--block"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def is_ready(self):
        """Whether the node runs, once that is known."""
        while b"block forever" not in self._log.read_bytes():
            if self._process.poll() is not None:
                return False
            time.sleep(0.1)
        return True

    def kill(self):
        self._send(signal.SIGKILL)
        self._process.wait()

    def freeze(self):
        self._send(signal.SIGSTOP)

    def _send(self, what):
        """Send a signal to all of the session: Ray gives each worker a group of its own."""
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(ProcessLookupError):
                if os.getsid(int(path.name)) == self._process.pid:
                    os.kill(int(path.name), what)


class RayCluster:
    """The cluster. environment: what a command needs to use it. address: of its head.

    is_open: it asks nobody for a token.
    """

    def __init__(self, *, is_open=False):
        self._is_open = is_open
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        self.environment = {
            "RAY_AUTH_MODE": "token",
            # A process that has used one cluster keeps that token for the next.
            "RAY_AUTH_TOKEN": os.environ.get("RAY_AUTH_TOKEN") or secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            # Usually they give way to all others: beside other tests they would hardly run.
            "RAY_worker_niceness": "0",
        }
        self._folder = tempfile.TemporaryDirectory(prefix="ray", dir="/tmp")
        self.nodes = []
        self._start(
            *("--head", f"--port={port}", "--num-cpus=1", f"--temp-dir={self._folder.name}/r"),
            "--include-dashboard=false",
        )

    def add_node(self):
        """Start a node of one core, and return it once it has joined."""
        return self._start(f"--address={self.address}", "--num-cpus=1")

    def _start(self, *words):
        """Start a node; again if its parts, on a busy machine, did not wait for each other."""
        for attempt in range(8):
            node = RayNode(
                *words,
                "--object-store-memory=80000000",
                environment=os.environ
                | self.environment
                | ({"RAY_AUTH_MODE": "disabled"} if self._is_open else {}),
                log=Path(self._folder.name) / f"node-{len(self.nodes)}-{attempt}.log",
            )
            if node.is_ready():
                self.nodes.append(node)
                return node
            node.kill()
        self.stop()
        raise RuntimeError("a node of Ray does not start")

    def stop(self):
        for node in reversed(self.nodes):
            node.kill()
        self._folder.cleanup()
