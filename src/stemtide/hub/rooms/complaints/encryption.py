# SPDX-License-Identifier: Apache-2.0
"""What only this hub can open or make: links for complaints, codes, and the words of both sides.

All of it hangs on the hub's secret (secret.key): whoever holds the database alone reads no word.
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
"""No link of ours is longer; what is longer is not even tried."""

CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U, so that a code survives being read out and typed."""

CODE_CHARS = 16
"""Eighty bits: nobody guesses one."""

_WORDS, _LINKS = "complaints words", "complaints links"
_LOOKS_LIKE = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a link stands for: one decision of one provider, and how long one may complain."""

    party: str
    decision: ComplaintLinkIn
    expires_at: datetime


def make_link(ticket: Ticket) -> str:
    """The token of a link. It says nothing to whoever reads it, the uploader included."""
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
    """What a token stands for.

    raises: NotFoundError, the same for one that is wrong and one that has expired.
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
    """The code that goes with a complaint about a decision: four groups of four letters."""
    named = f"{party}\n{reference}\n{exercise}".encode()
    key = encryption.key_for("complaints codes", settings.SECRET_KEY)
    digest = hmac.digest(key, named, "sha256")
    number = int.from_bytes(digest[: CODE_CHARS * 5 // 8])
    letters = [CODE_LETTERS[number >> 5 * place & 31] for place in range(CODE_CHARS)]
    return "-".join("".join(letters[at : at + 4]) for at in range(0, CODE_CHARS, 4))


def hash_code(code: str) -> str:
    """What is kept of a code, however its letters were typed."""
    plain = code.upper().translate(_LOOKS_LIKE)
    return hashlib.sha256(plain.encode()).hexdigest()


def seal(words: str) -> str:
    """Words that the database alone does not open."""
    return encryption.encrypt(words, use=_WORDS)


def unseal(sealed: str) -> str:
    """What was sealed.

    raises: InvalidToken where the hub's secret is another one than then.
    """
    return encryption.decrypt(sealed, use=_WORDS)


def _unknown() -> NotFoundError:
    """What is said of every link that opens nothing."""
    return NotFoundError(
        "this link is not known here, or no longer: ask the service that sent it to you"
    )
