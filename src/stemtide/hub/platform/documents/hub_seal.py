# SPDX-License-Identifier: Apache-2.0
"""The hub's own seal and the seals it trusts, from its settings.

source: docs/run/hub.md, "The seal".
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from stemtide.hub.platform.documents import party_seals, seal_files, signatures, timestamps
from stemtide.hub.platform.documents.pdf_seals import Seal, seal_pdf
from stemtide.hub.platform.documents.seal_notes import SealNotes
from stemtide.hub.platform.documents.timestamps import TimestampError
from stemtide.hub.platform.documents.token_seals import TokenError
from stemtide.hub.platform.documents.verification import Trusted
from stemtide.protocol.messages.documents import (
    HubCertificates,
    OwnKeyState,
    PartyCertificate,
    SealCertificate,
    StampState,
)

log = logging.getLogger(__name__)


def hub_seal(now: datetime) -> Seal:
    """Return the key and certificate of this hub's seal; made at first use if none is set.

    raises: SealFileError.
    """
    if settings.SEAL_FILE:
        path, password = Path(settings.SEAL_FILE), settings.SEAL_PASSWORD
        return _operator_seal(path, password, seal_files.changed_at(path))
    path = Path(settings.DATA_DIR) / "seal.pem"
    name = urlsplit(settings.HUB_ADDRESS).hostname or "localhost"
    return seal_files.own_seal(path, name=name, now=now)


def hub_trust(now: datetime) -> Trusted:
    """Return the certificates that this hub trusts: its own, its parties', and those of others.

    raises: SealFileError.
    """
    trust_file = settings.SEAL_TRUST_FILE
    return Trusted(
        own=hub_seal(now).certificate,
        named=seal_files.trusted_in(Path(trust_file)) if trust_file else (),
        parties=party_seals.parties_by_certificate(),
        stamps=timestamps.trusted_authorities(),
    )


def sealed(pdf: bytes, *, reason: str, now: datetime) -> bytes:
    """Return a PDF with this hub's seal. raises: SealFileError."""
    return seal_pdf(pdf, hub_seal(now), title=_("Electronic seal"), reason=reason, now=now)


def sealed_form(
    draw: Callable[[SealNotes], bytes], *, author: str, reason: str, now: datetime
) -> bytes:
    """Return a form of the law with its author's seal, the hub's, and a time stamp.

    A seal or time stamp that cannot be had is left out, and the document says so: an order must
    leave in any case.

    draw:   typesets the document with the notes on its seals.
    author: the party that the document is from.

    raises: SealFileError.
    """
    own = party_seals.own_seal_of(author, now=now)
    notes = SealNotes(own.state, timestamps.state())
    while True:
        try:
            return seal_pdf(
                draw(notes),
                hub_seal(now),
                title=_("Electronic seal"),
                reason=reason,
                now=now,
                author=own.seal if notes.own is OwnKeyState.READY else None,
                stamper=timestamps.stamper() if notes.stamp is StampState.STAMPED else None,
            )
        except TokenError as error:
            log.warning("%s is sealed without its author's seal: %s", reason, error)
            notes = replace(notes, own=OwnKeyState.UNUSABLE)
        except TimestampError as error:
            log.warning("%s is sealed without a time stamp: %s", reason, error)
            notes = replace(notes, stamp=StampState.MISSING)


def signed(content: bytes, *, now: datetime) -> bytes:
    """Return this hub's detached signature of any content. raises: SealFileError."""
    return signatures.sign_bytes(content, hub_seal(now), now=now)


def certificate(now: datetime) -> SealCertificate:
    """Return the certificate of this hub's seal, for others to trust. raises: SealFileError."""
    return described(hub_seal(now))


def certificates(now: datetime) -> HubCertificates:
    """Return the certificates of this hub and of its parties' own keys. raises: SealFileError."""
    parties = [
        PartyCertificate(**described(own.seal).model_dump(), party=party, state=own.state)
        for party, own in party_seals.opened(now).items()
        if own.seal is not None
    ]
    return HubCertificates(**certificate(now).model_dump(), parties=parties)


def described(seal: Seal) -> SealCertificate:
    """Return the certificate of a seal as the message of the API."""
    own = seal.certificate
    return SealCertificate(
        signer=str(own.subject.human_friendly),
        fingerprint=own.sha256.hex(),
        self_signed=seal.is_self_signed,
        valid_until=own.not_valid_after,
        pem=seal_files.pem(own),
    )


@lru_cache(maxsize=2)
def _operator_seal(path: Path, password: str, changed: int) -> Seal:  # noqa: ARG001  # a changed file is read again
    """Return the seal in the operator's file; opening it costs a tenth of a second."""
    return seal_files.seal_in(path, password=password)
