# SPDX-License-Identifier: Apache-2.0
"""The walls around a decoder, and what it means if one is missing."""

from collections.abc import Set as AbstractSet
from enum import StrEnum


class Wall(StrEnum):
    """A protection around a decoder that some systems lack: see docs/understand/sandbox.md.

    landlock:   it can open no file.
    seccomp:    it can make no system call that decoding does not need.
    network:    it can reach no network: its own is empty, or seccomp refuses sockets.
    memory:     it can take a limited amount of memory.
    privileges: it can gain no rights, and no other process of its user can look into it.
    """

    LANDLOCK = "landlock"
    SECCOMP = "seccomp"
    NETWORK = "network"
    MEMORY = "memory"
    PRIVILEGES = "privileges"


OPENED = {
    Wall.LANDLOCK: "open files",
    Wall.SECCOMP: "make any system call",
    Wall.NETWORK: "reach the network",
    Wall.MEMORY: "take all memory",
    Wall.PRIVILEGES: "gain rights",
}
"""For each wall, what a decoder that a hostile file took over could try without it."""


def missing_walls(standing: AbstractSet[Wall]) -> list[Wall]:
    """Return the walls that do not stand, in their order."""
    return [wall for wall in Wall if wall not in standing]


def refusal(standing: AbstractSet[Wall], *, accepted: AbstractSet[Wall]) -> str:
    """Return why a production system must not start with these walls; "" if it may.

    accepted: walls that its settings say it may lack.
    """
    unnamed = [wall for wall in missing_walls(standing) if wall not in accepted]
    if not unnamed:
        return ""
    could = " and ".join(OPENED[wall] for wall in unnamed)
    return (
        f"does not name {' and '.join(unnamed)}, which this system lacks: a hostile file could"
        f" {could}. Use a system that has it, or name it there to accept that; see"
        " docs/understand/sandbox.md"
    )
