# SPDX-License-Identifier: Apache-2.0
"""The agent's file: the head of the hub's transparency log that was checked last, and an alarm."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stemtide.agent.store.position import set_state

_SELECT = "SELECT name, value FROM state WHERE name LIKE 'log!_%' ESCAPE '!'"

Read = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class LogAlarm:
    """Two signed heads of the hub's log, of which the later does not continue the earlier.

    text: the contradiction. kept: the note that was checked before. shown: the new one.
    is_renamed: the log has another name, as after a restore; otherwise it was rewritten.
    """

    text: str
    kept: str
    shown: str
    noticed_at: str
    is_renamed: bool = False


@dataclass(frozen=True, slots=True)
class LogRecord:
    """The state of the hub's log at this agent.

    note: the signed head that was checked last; "" before the first. keys: verifier keys, as text.
    checked_at, cosigned_at: when, as ISO 8601; "" for never.
    """

    note: str = ""
    keys: tuple[str, ...] = ()
    checked_at: str = ""
    cosigned_at: str = ""
    alarm: LogAlarm | None = None


def read_log(read: Read) -> LogRecord:
    """Read the state of the hub's log at this agent."""
    state = {str(name).removeprefix("log_"): str(value) for name, value in read(_SELECT)}
    alarm = state.get("alarm")
    return LogRecord(
        note=state.get("note", ""),
        keys=tuple(state.get("keys", "").split()),
        checked_at=state.get("checked_at", ""),
        cosigned_at=state.get("cosigned_at", ""),
        alarm=LogAlarm(**json.loads(alarm)) if alarm else None,
    )


def write_head(tx: sqlite3.Connection, *, note: str, keys: Sequence[str], checked_at: str) -> None:
    """Store a head that was checked, and end an alarm."""
    changes = {"log_note": note, "log_keys": "\n".join(keys)}
    set_state(tx, **changes, log_checked_at=checked_at, log_alarm="")


def write_cosigned(tx: sqlite3.Connection, *, at: str) -> None:
    """Store when a head was cosigned."""
    set_state(tx, log_cosigned_at=at)


def write_alarm(tx: sqlite3.Connection, alarm: LogAlarm) -> None:
    """Store an alarm. The head that was checked before stays."""
    set_state(tx, log_alarm=json.dumps(asdict(alarm)))
