# SPDX-License-Identifier: Apache-2.0
"""Workers of a scan on a Ray cluster: one task for each batch, on any node.

Ray starts a task again when its node or its worker dies. It does not notice for long that a node is
frozen or cut off, and a task there never ends. So a batch that takes far longer than others is
given out again, and its first result counts; looking twice does no harm.
"""

import logging
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from stemtide import __version__
from stemtide.catalogue.content import ReadingSettings, look_at
from stemtide.catalogue.items import ItemLook, StoredItem
from stemtide.fingerprints.limits import SandboxError

Batch = Sequence[StoredItem]

NEEDS_RAY = "--ray needs Ray: pip install 'stemtide[ray]'"
WITHOUT_AUTHENTICATION = (
    "whoever reaches a Ray cluster without a token runs code on it: set RAY_AUTH_MODE=token on"
    " every node and here, with the same token (ray get-auth-token --generate)"
)
LATE_S = 60.0
"""A batch is given out again after this time at the earliest."""

_LATE_TIMES = 4.0
"""And after so many times the longest of the batches that ended."""

_LOOPBACK = "127.0.0.1"
_AHEAD = 2
_TRIES = 3
_POLL_S = 0.5
_GET_S = 30.0


class ClusterError(Exception):
    """The cluster cannot be used. The message says why and how to fix it."""


@dataclass(eq=False, slots=True)
class _Work:
    """A batch that was given out.

    refs:     of its tasks. at: when the last one was submitted, of time.monotonic().
    failures: tasks that ended in an error of the cluster.
    """

    batch: Batch
    at: float = 0.0
    refs: list[Any] = field(default_factory=list)
    failures: int = 0


def look_at_on_node(items: Batch, settings: ReadingSettings) -> tuple[str, list[ItemLook]]:
    """Return the version of Stemtide on this node, and the result of `look_at`."""
    return __version__, look_at(items, settings)


class RayWorkers:
    """The workers of a Ray cluster, of which this machine is a node.

    address: of the cluster, such as 10.0.0.1:6379, or "auto".
    late_s:  see LATE_S.
    """

    def __init__(self, address: str, settings: ReadingSettings, *, late_s: float = LATE_S) -> None:
        self._address = address
        self._settings = settings
        self._late_s = late_s
        self._longest_s = 0.0
        self._again: deque[_Work] = deque()
        self._works: dict[Any, _Work] = {}

    def look_all(self, batches: Iterator[Batch]) -> Generator[list[ItemLook]]:
        """Yield the results of batches as they come, not in order.

        raises: ClusterError, SandboxError.
        """
        ray = _connect(self._address)
        try:
            task = ray.remote(num_cpus=1, max_retries=_TRIES)(look_at_on_node)
            while self._fill(ray, task, batches):
                ready, _ = ray.wait(list(self._works), num_returns=1, timeout=_POLL_S)
                for ref in ready:
                    if looks := self._result(ray, ref):
                        yield looks
                self._queue_late()
        finally:
            ray.shutdown()

    def _fill(self, ray: ModuleType, task: Any, batches: Iterator[Batch]) -> bool:  # noqa: ANN401 - of Ray
        """Give the nodes enough to do; return whether anything is in progress."""
        while self._again:
            self._submit(self._again.popleft(), task)
        cores = int(ray.cluster_resources().get("CPU", 0))
        while len(self._works) < max(1, (1 + _AHEAD) * cores):
            batch = next(batches, None)
            if batch is None:
                break
            self._submit(_Work(batch), task)
        return bool(self._works)

    def _submit(self, work: _Work, task: Any) -> None:  # noqa: ANN401 - of Ray
        ref = task.remote(list(work.batch), self._settings)
        work.at = time.monotonic()
        work.refs.append(ref)
        self._works[ref] = work

    def _result(self, ray: ModuleType, ref: Any) -> list[ItemLook] | None:  # noqa: ANN401 - of Ray
        """Return the result of a task that ended; None if its batch is to be looked at again.

        raises: ClusterError, SandboxError.
        """
        work = self._works.pop(ref)
        looks: list[ItemLook]
        try:
            version, looks = ray.get(ref, timeout=_GET_S)
        except SandboxError:
            raise
        except ray.exceptions.RayError as error:
            work.failures += 1
            if work.failures < _TRIES:
                self._again.append(work)
                return None
            reason = str(error).strip().splitlines()[0]
            looks = [
                ItemLook(item, None, f"no node could read it: {reason}") for item in work.batch
            ]
        else:
            _check(version, looks, work.batch)
        self._longest_s = max(self._longest_s, time.monotonic() - work.at)
        for other in work.refs:
            self._works.pop(other, None)
        return looks

    def _queue_late(self) -> None:
        """Queue the batches again that take far longer than others."""
        now = time.monotonic()
        for work in set(self._works.values()):
            late_s = max(self._late_s, _LATE_TIMES * self._longest_s) * len(work.refs)
            if now - work.at > late_s and work not in self._again:
                self._again.append(work)


def _check(version: str, looks: Sequence[ItemLook], batch: Batch) -> None:
    """Refuse the result of another version, or about other content. raises: ClusterError."""
    if version != __version__:
        raise ClusterError(
            f"a node has Stemtide {version}, and this machine {__version__}: install the same"
            " version on every node"
        )
    if [look.item.ref for look in looks] != [item.ref for item in batch]:
        raise ClusterError(
            "a node answered about other content than it was given: install Stemtide anew on"
            " every node"
        )


def _connect(address: str) -> ModuleType:
    """Connect to a cluster, and return Ray. raises: ClusterError."""
    if os.environ.get("RAY_AUTH_MODE") != "token":
        raise ClusterError(WITHOUT_AUTHENTICATION)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray  # noqa: PLC0415 - of an extra, and slow to import
    except ImportError as error:
        raise ClusterError(NEEDS_RAY) from error
    own: dict[str, Any] = {"_node_ip_address": _LOOPBACK} if _LOOPBACK in address else {}
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **own)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ClusterError(
            f"the cluster at {address} cannot be used ({reason}): is this machine one of its nodes?"
        ) from error
    if _answers_anybody(ray.get_runtime_context().gcs_address):
        ray.shutdown()
        raise ClusterError(
            f"the cluster at {address} answers without a token: {WITHOUT_AUTHENTICATION}"
        )
    return ray


def _answers_anybody(address: str) -> bool:
    """Whether a cluster tells its state to a process that has no token."""
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH")}
    answered = subprocess.run(  # noqa: S603 - our own words, no shell
        [sys.executable, "-m", "ray.scripts.scripts", "status", "--address", address],
        env=surroundings | {"RAY_AUTH_MODE": "disabled"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return answered.returncode == 0
