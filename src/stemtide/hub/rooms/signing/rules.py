# SPDX-License-Identifier: Apache-2.0
"""Rules for the keys with which parties sign signals. Decision 0203."""

from collections.abc import Iterable

from stemtide.fingerprints.url.canonical import UrlError
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.messages.signals import SignalIn
from stemtide.protocol.signing.signatures import SignerKey, has_signed, text_to_sign
from stemtide.protocol.tlog.notes import NoteError

MOST_KEYS = 5
"""Valid keys of a party: more would be a list that nobody compares."""


def check_may_sign(kind: PartyKind) -> None:
    """Refuse keys to parties that share no signals."""
    if kind is PartyKind.OBSERVER:
        raise NotAllowedError("observers share no signals, so they need no key to sign them")


def read_key(text: str, *, party: str, kind: PartyKind) -> SignerKey:
    """Return a party's own key. raises: InvalidError, NotAllowedError for observers."""
    check_may_sign(kind)
    try:
        key = SignerKey.read(text)
    except NoteError as error:
        raise InvalidError(
            "key", "is no key of a signer: copy it whole, as “stemtide signer show” prints it"
        ) from error
    if key.name != party:
        raise InvalidError(
            "key",
            "is a key of {name}, and your party is {party}: make one with that name",
            name=key.name[:60],
            party=party,
        )
    return key


def check_add(key: SignerKey, *, is_known: bool, valid: int) -> None:
    """Refuse a key that was there before, and too many of them. valid: keys of the party."""
    if is_known:
        raise ConflictError("the key {key} is there already, or has ended: make a new one", key=key)
    if valid >= MOST_KEYS:
        raise ConflictError(
            "your party has {count} valid keys: replace or revoke one of them", count=valid
        )


def check_signature(body: SignalIn, *, party: str, keys: Iterable[SignerKey]) -> None:
    """Refuse a signature that does not hold with a valid key of the sharer.

    raises: InvalidError.
    """
    valid = list(keys)
    if not valid:
        raise InvalidError(
            "signature", "your party has no signing key here: add one first, or leave this out"
        )
    try:
        text = text_to_sign(body, party=party)
    except UrlError as error:
        raise InvalidError("value", str(error)) from error
    if not any(has_signed(key.raw, text, body.signature or "") for key in valid):
        raise InvalidError(
            "signature",
            "does not hold over these facts with a valid key of your party: sign them as they are"
            " sent, or leave this out",
        )
