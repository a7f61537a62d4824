# SPDX-License-Identifier: Apache-2.0
"""The seal on content that is no PDF: a signature in a file beside it, for any program to verify.

    openssl cms -verify -binary -inform DER -in order.json.p7s -content order.json -CAfile hub.pem

source: RFC 5652 (CMS), ETSI EN 319 122-1 (CAdES, baseline B-B).
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from asn1crypto import cms, x509
from pyhanko.sign.ades.api import CAdESSignedAttrSpec
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.validation import async_validate_detached_cms
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import StandardCMSSignatureStatus
from pyhanko_certvalidator import ValidationContext

from stemtide.hub.platform.documents.pdf_seals import Seal
from stemtide.protocol.messages.documents import MAX_DOCUMENT_BYTES, SealSeen, Trust

MAX_SIGNATURE_BYTES = 64 << 10

USAGE = KeyUsageConstraints(
    key_usage={"digital_signature", "non_repudiation"}, match_all_key_usages=False
)
"""What the certificate of a seal must be for."""


class UnreadableSignatureError(Exception):
    """A signature that cannot be read. The message says why in a few words."""


def sign_bytes(content: bytes, seal: Seal, *, now: datetime) -> bytes:
    """Return a signature of content, DER."""
    about = PdfCMSSignedAttributes(signing_time=now, cades_signed_attrs=CAdESSignedAttrSpec())
    status = asyncio.run(
        seal.signer().async_sign_general_data(
            content, "sha256", use_cades=True, detached=True, signed_attr_settings=about
        )
    )
    return bytes(status.dump())


def verify_bytes(
    content: bytes,
    signature: bytes,
    *,
    own: x509.Certificate | None = None,
    named: Sequence[x509.Certificate] = (),
    now: datetime,
) -> SealSeen:
    """Return who signed content, and whether it is unchanged. own, named: trusted certificates.

    raises: SignatureError.
    """
    if len(content) > MAX_DOCUMENT_BYTES or len(signature) > MAX_SIGNATURE_BYTES:
        raise UnreadableSignatureError("it is larger than what is looked at")
    roots = [*([own] if own else []), *named]
    context = ValidationContext(
        trust_roots=roots, moment=now, allow_fetching=False, revocation_mode="soft-fail"
    )
    try:
        signed_data = cms.ContentInfo.load(signature)["content"]
        status = asyncio.run(
            async_validate_detached_cms(
                content, signed_data, signer_validation_context=context, key_usage_settings=USAGE
            )
        )
        return seal_seen(status.signing_cert, status, now=now, roots=roots[:1] if own else [])
    except Exception as error:  # asn1crypto and pyHanko raise what they like on bad input
        why = f"it is no signature that can be read ({type(error).__name__})"
        raise UnreadableSignatureError(why) from error


def seal_seen(
    certificate: x509.Certificate,
    status: StandardCMSSignatureStatus,
    *,
    now: datetime,
    roots: Sequence[x509.Certificate],
    parties: Mapping[bytes, str] = MappingProxyType({}),
) -> SealSeen:
    """Return a signature as the message of the API.

    roots: those that are the hub's own; parties: names of parties by their own certificates, DER.
    """
    der = certificate.dump()
    party, trust = parties.get(der, ""), Trust.NONE
    # pyHanko does not ask whether a certificate that is trusted by itself has expired.
    if status.trusted and certificate.not_valid_before <= now <= certificate.not_valid_after:
        is_own = der in [root.dump() for root in roots]
        trust = Trust.OWN if is_own else Trust.PARTY if party else Trust.NAMED
    is_intact = bool(status.intact and status.valid)
    return SealSeen(
        signer=str(certificate.subject.human_friendly)[:300],
        issuer=str(certificate.issuer.human_friendly)[:300],
        fingerprint=hashlib.sha256(der).hexdigest(),
        sealed_at=status.signer_reported_dt,
        reason="",
        is_intact=is_intact,
        is_whole=is_intact,
        trust=trust,
        party=party if trust is Trust.PARTY else "",
        self_signed=bool(certificate.self_issued),
    )
