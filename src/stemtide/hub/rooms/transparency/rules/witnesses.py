# SPDX-License-Identifier: Apache-2.0
"""Rules of witnesses: whose key may cosign, and when a head is offered to them."""

from datetime import datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.protocol.tlog.cosignatures import WitnessKey
from stemtide.protocol.tlog.notes import NoteError

OFFER_EVERY = timedelta(minutes=10)
"""Time between two heads that are offered: witnesses that ask meanwhile cosign the same one."""

MOST_KEYS = 50
"""Witnesses that a party may have: one for each of its agents."""

MOST_NAME = 150
"""Characters of a witness's name."""

MOST_AHEAD = timedelta(minutes=5)
"""How far the clock of a witness may be ahead of the hub's."""


def read_key(text: str) -> WitnessKey:
    """Return the verifier key of a witness. raises: InvalidError."""
    try:
        return WitnessKey.read(text)
    except NoteError as error:
        raise InvalidError("key", "{why}", why=str(error)) from error


def check_party_key(key: WitnessKey, *, party: str, others: int) -> None:
    """Refuse a party's new key. others: keys that the party has.

    raises: InvalidError if another party could be meant; ConflictError if it has too many.
    """
    if not key.name.startswith(f"{party}/") or len(key.name) > MOST_NAME:
        raise InvalidError(
            "key",
            "the name of a witness begins with its party, as in {example}, and has at most"
            " {most} characters",
            example=f"{party}/agent-1",
            most=MOST_NAME,
        )
    if others >= MOST_KEYS:
        raise ConflictError(
            "your party has {most} witnesses: ask the hub's operator to remove one that is gone,"
            " with `stemtide ledger witness remove`",
            most=MOST_KEYS,
        )


def check_time(at: datetime, *, now: datetime) -> None:
    """Refuse a cosignature from the future. raises: InvalidError."""
    if at > now + MOST_AHEAD:
        raise InvalidError("line", "it was signed in the future: set the clock of the witness")


def is_due(size: int, *, offered: int | None, offered_at: datetime | None, now: datetime) -> bool:
    """Whether a head is to be offered. offered, offered_at: of the last one; None without one."""
    if offered is None or offered_at is None:
        return True
    return size > offered and now - offered_at >= OFFER_EVERY
