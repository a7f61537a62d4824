# SPDX-License-Identifier: Apache-2.0
"""State of the connection to the hub, and detection of a stalled feed position."""

from dataclasses import dataclass

STALLED_S = 8.0
"""A position that stays behind for so long without moving is reported as stalled."""


@dataclass(slots=True)
class HubConnection:
    """State of the connection to the hub, for /health. Each trouble is "" for none.

    key_trouble, status_trouble: permissions that the hub denies this agent.
    snapshot_trouble: why the file to start from was not used.
    parties_trouble: the hub does not say which parties may be believed.
    local_trouble: the hub gives no local features of signals.
    silence:  the hub has sent nothing for too long. stall: the position does not move.
    disk:     nothing can be written. is_loading: whether a snapshot is being loaded.
    clock_offset_s: this machine's clock minus the hub's; None if the hub never said its time.
    """

    is_reachable: bool = False
    is_streaming: bool = False
    head: int = 0
    trouble: str = ""
    key_trouble: str = ""
    status_trouble: str = ""
    snapshot_trouble: str = ""
    parties_trouble: str = ""
    local_trouble: str = ""
    silence: str = ""
    stall: str = ""
    disk: str = ""
    is_loading: bool = False
    clock_offset_s: float | None = None

    @property
    def is_heard(self) -> bool:
        """Whether the hub can be reached and has not been silent for too long."""
        return self.is_reachable and not self.silence


class StallDetector:
    """Detector of a position that stays behind the hub's without moving."""

    def __init__(self) -> None:
        self._position = 0
        self._since: float | None = None

    def check(self, position: int, head: int, *, now: float) -> str:
        """Compare the two positions; return the problem, or "".

        now: seconds of a monotonic clock.
        """
        if position >= head:
            self._since = None
        elif self._since is None or position != self._position:
            self._since = now
        self._position = position
        if self._since is None or now - self._since <= STALLED_S:
            return ""
        seconds = now - self._since
        return f"position {position} has not moved for {seconds:.0f} s; the hub is at {head}"
