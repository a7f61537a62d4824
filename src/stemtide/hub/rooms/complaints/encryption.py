# SPDX-License-Identifier: Apache-2.0
"""Encrypt and decrypt complaint links, codes, and the words of both sides.

All of it depends on the hub's secret (secret.key): the database alone discloses no word.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from cryptography.fernet import InvalidToken
from django.conf import settings

from stemtide.hub.platform import encryption
from stemtide.hub.platform.errors import NotFoundError
from stemtide.protocol.enums.complaints import ComplaintBasis, Restriction
from stemtide.protocol.messages.complaints import ComplaintLinkIn

MAX_TOKEN_CHARS = 2000
"""The length of the longest token; longer input is refused without decrypting it."""

CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, so that a code survives being read out and typed."""

CODE_CHARS = 16
"""Eighty bits: nobody guesses one."""

_WORDS, _LINKS = "complaints words", "complaints links"
_LOOKS_LIKE = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})


@dataclass(frozen=True, slots=True)
class Ticket:
    """The content of a link: a decision of a provider, and until when to complain."""

    party: str
    decision: ComplaintLinkIn
    expires_at: datetime


def make_link(ticket: Ticket) -> str:
    """Return the token of a link to complain about a decision.

    It is encrypted: nobody outside the hub can read it, the uploader included.
    """
    decision = ticket.decision
    row = (
        ticket.party,
        decision.reference,
        decision.basis.value,
        decision.ground.bytes if decision.ground else b"",
        decision.measure.value,
        int(decision.acted_at.timestamp()),
        decision.acted_by or "",
        decision.is_automatic,
        decision.exercise,
        int(ticket.expires_at.timestamp()),
    )
    packed = msgspec.msgpack.encode(row)
    return encryption.box(_LINKS).encrypt(packed).decode().rstrip("=")


def read_link(token: str, *, now: datetime) -> Ticket:
    """Return the ticket that a token contains.

    raises: NotFoundError, the same for a token that is wrong and for one that has expired.
    """
    if len(token) > MAX_TOKEN_CHARS or not token.isascii():
        raise _unknown()
    try:
        packed = encryption.box(_LINKS).decrypt(token + "=" * (-len(token) % 4))
        row = msgspec.msgpack.decode(packed)
    except InvalidToken as error:
        raise _unknown() from error
    party, reference, basis, ground, measure, acted_at, acted_by, automatic, exercise, until = row
    if datetime.fromtimestamp(until, UTC) <= now:
        raise _unknown()
    decision = ComplaintLinkIn(
        reference=reference,
        basis=ComplaintBasis(basis),
        ground=UUID(bytes=ground) if ground else None,
        measure=Restriction(measure),
        acted_at=datetime.fromtimestamp(acted_at, UTC),
        acted_by=acted_by or None,
        is_automatic=automatic,
        exercise=exercise,
    )
    return Ticket(party, decision, datetime.fromtimestamp(until, UTC))


def code_of(party: str, *, reference: str, exercise: bool) -> str:
    """Return the code of a complaint about a decision: four groups of four letters or digits."""
    named = f"{party}\n{reference}\n{exercise}".encode()
    key = encryption.key_for("complaints codes", settings.SECRET_KEY)
    digest = hmac.digest(key, named, "sha256")
    number = int.from_bytes(digest[: CODE_CHARS * 5 // 8])
    letters = [CODE_LETTERS[number >> 5 * place & 31] for place in range(CODE_CHARS)]
    return "-".join("".join(letters[at : at + 4]) for at in range(0, CODE_CHARS, 4))


def hash_code(code: str) -> str:
    """Return the digest of a code, the only part of it that the hub stores.

    Case, dashes, and letters that look like digits make no difference.
    """
    plain = code.upper().translate(_LOOKS_LIKE)
    return hashlib.sha256(plain.encode()).hexdigest()


def seal(words: str) -> str:
    """Encrypt words so that the database alone is not enough to read them."""
    return encryption.encrypt(words, use=_WORDS)


def unseal(sealed: str) -> str:
    """Decrypt words that seal() encrypted.

    raises: InvalidToken if the hub's secret has changed since.
    """
    return encryption.decrypt(sealed, use=_WORDS)


def _unknown() -> NotFoundError:
    """Return the error for every link that is wrong or has expired."""
    return NotFoundError("this link is invalid or has expired: ask the service that sent it to you")
