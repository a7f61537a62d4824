# SPDX-License-Identifier: Apache-2.0
"""The hub's own seal and the seals it trusts, from its settings.

source: docs/run/hub.md, "The seal".
"""

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from stemtide.hub.platform.documents import seal_files, signatures
from stemtide.hub.platform.documents.pdf_seals import Seal, seal_pdf
from stemtide.hub.platform.documents.verification import Trusted
from stemtide.protocol.messages.documents import SealCertificate


def hub_seal(now: datetime) -> Seal:
    """Return the key and certificate of this hub's seal; made at first use if none is set.

    raises: SealFileError.
    """
    if settings.SEAL_FILE:
        path, password = Path(settings.SEAL_FILE), settings.SEAL_PASSWORD
        return _operator_seal(path, password, path.stat().st_mtime_ns if path.exists() else 0)
    path = Path(settings.DATA_DIR) / "seal.pem"
    name = urlsplit(settings.HUB_ADDRESS).hostname or "localhost"
    return seal_files.own_seal(path, name=name, now=now)


def hub_trust(now: datetime) -> Trusted:
    """Return the certificates that this hub trusts: its own, and those its operator names.

    raises: SealFileError.
    """
    own = hub_seal(now).certificate
    if not settings.SEAL_TRUST_FILE:
        return Trusted(own=own)
    return Trusted(own=own, named=seal_files.trusted_in(Path(settings.SEAL_TRUST_FILE)))


def sealed(pdf: bytes, *, reason: str, now: datetime) -> bytes:
    """Return a PDF with this hub's seal. raises: SealFileError."""
    return seal_pdf(pdf, hub_seal(now), title=_("Electronic seal"), reason=reason, now=now)


def signed(content: bytes, *, now: datetime) -> bytes:
    """Return this hub's detached signature of any content. raises: SealFileError."""
    return signatures.sign_bytes(content, hub_seal(now), now=now)


def certificate(now: datetime) -> SealCertificate:
    """Return the certificate of this hub's seal, for others to trust. raises: SealFileError."""
    seal = hub_seal(now)
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
