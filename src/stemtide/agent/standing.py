# SPDX-License-Identifier: Apache-2.0
"""How the line to the hub is, and whether the agent's position moves while the hub's does."""

from dataclasses import dataclass

STALLED_S = 8.0
"""A position that stays behind for so long without moving has come to a standstill."""


@dataclass(slots=True)
class Standing:
    """How the line to the hub is, for /health. Each trouble is "" for none.

    key_trouble, status_trouble: what the hub does not let this agent do.
    snapshot_trouble: why the file to start from was not taken.
    silence:  that the hub has said nothing for too long. stall: that the position does not move.
    disk:     that nothing can be written. is_loading: whether a snapshot is being taken in.
    """

    is_reachable: bool = False
    is_streaming: bool = False
    head: int = 0
    trouble: str = ""
    key_trouble: str = ""
    status_trouble: str = ""
    snapshot_trouble: str = ""
    silence: str = ""
    stall: str = ""
    disk: str = ""
    is_loading: bool = False


class Lag:
    """Watches two numbers."""

    def __init__(self) -> None:
        self._position = 0
        self._since: float | None = None

    def note(self, position: int, head: int, *, now: float) -> str:
        """Take in where both are; return what is wrong, or "".

        now: seconds of a clock that only goes forward.
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
