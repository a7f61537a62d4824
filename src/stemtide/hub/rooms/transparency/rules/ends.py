# SPDX-License-Identifier: Apache-2.0
"""Compare the states of signals with the entries that ended them.

An ended signal never gets live again, so each state follows from the ledger. Decision 0213.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from stemtide.hub.rooms.transparency.rules.flaws import FlawKind, LogFlaw
from stemtide.protocol.enums import SignalState

MOST_NAMED = 20
"""Signals that a check names, for each kind of difference."""

_ENDED = {SignalState.WITHDRAWN.value, SignalState.EXPIRED.value}


@dataclass(slots=True)
class SignalEnds:
    """The ends of signals that the ledger has.

    states: by id, the state in which a signal ended, and the entry with which it did.
    unlisted: signals that ended with entries whose leaves do not list all of them.
    """

    states: dict[str, tuple[str, int]] = field(default_factory=dict)
    unlisted: int = 0

    def add(self, uids: Iterable[str], *, state: str, entry: int, count: int) -> None:
        """Add the end of signals with an entry. count: how many ended, as the entry says."""
        before = len(self.states)
        self.states |= dict.fromkeys(uids, (state, entry))
        self.unlisted += max(count - (len(self.states) - before), 0)

    def flaw_of(self, uid: str, state: str) -> LogFlaw | None:
        """Return the flaw of a signal that ended by the ledger, and has another state."""
        expected, entry = self.states.get(uid, (state, 0))
        if state == expected:
            return None
        text = f"signal {uid} is {state}, and entry {entry} says that it is {expected}"
        return LogFlaw(FlawKind.STATE_CHANGED, text, entry)

    def is_without_end(self, uid: str, state: str) -> bool:
        """Whether a signal has ended, and no entry says so."""
        return state in _ENDED and uid not in self.states

    def unexplained(self, ended: dict[str, str]) -> Iterator[LogFlaw]:
        """Yield the flaws of signals that ended without an entry. ended: their states by id.

        Leaves from before 0187 do not list whom an expiry ended: so many signals are no flaws. If
        there are more, none is named, as most of them ended by an entry.
        """
        rest = {uid: state for uid, state in ended.items() if uid not in self.states}
        if len(rest) <= self.unlisted:
            return
        if self.unlisted:
            text = (
                f"{len(rest)} signals ended that no entry lists, and entries of the ledger ended"
                f" only {self.unlisted} of them"
            )
            yield LogFlaw(FlawKind.STATE_CHANGED, text)
            return
        for uid, state in list(rest.items())[:MOST_NAMED]:
            text = f"signal {uid} is {state}, and no entry says that it ended"
            yield LogFlaw(FlawKind.STATE_CHANGED, text)
