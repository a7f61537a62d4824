# SPDX-License-Identifier: Apache-2.0
"""What is said of a document that somebody shows: who sealed it, and whether it is as it was."""

from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, BaseModel

MAX_DOCUMENT_BYTES = 8 << 20
"""A larger PDF is not looked at. Those that a hub makes have less than a tenth of it."""


class SealVerdict(StrEnum):
    """What to make of a document as a whole."""

    GENUINE = "genuine"
    """Sealed by somebody whom this hub trusts, and unchanged from the first byte to the last."""
    UNTRUSTED = "untrusted"
    """Sealed and unchanged, but nobody whom this hub trusts vouches for who sealed it."""
    CHANGED = "changed"
    """It was altered after it was sealed, or the seal itself was."""
    UNSEALED = "unsealed"
    """It bears no seal."""
    UNREADABLE = "unreadable"
    """It is no PDF that can be read here."""


class Trust(StrEnum):
    """Why a seal is trusted, or why not."""

    OWN = "own"
    """It is this hub's own."""
    NAMED = "named"
    """Its certificate, or one above it, is among those that this hub trusts."""
    NONE = "none"
    """Nobody whom this hub trusts vouches for it now: an unknown or an expired certificate."""


class SealSeen(BaseModel):
    """One seal or signature in a document.

    signer:       who sealed it, as its certificate says.
    issuer:       who vouches for that, as the certificate says.
    fingerprint:  SHA-256 of the certificate, in hex.
    sealed_at:    when, as the sealer's own clock said; null where it did not say.
    is_intact:    what it covers is as it was, and the signature is of that certificate's key.
    is_whole:     it covers the file from the first byte to the last.
    self_signed:  nobody but the sealer itself vouches for it.
    """

    signer: str
    issuer: str
    fingerprint: str
    sealed_at: AwareDatetime | None
    reason: str
    is_intact: bool
    is_whole: bool
    trust: Trust
    self_signed: bool


class Verification(BaseModel):
    """What was found out about a document. why: where it could not be read, in a few words."""

    verdict: SealVerdict
    sha256: str
    size_bytes: int
    seals: tuple[SealSeen, ...] = ()
    why: str = ""


class SealCertificate(BaseModel):
    """The certificate that this hub seals with, for others to trust. pem: its text form."""

    signer: str
    fingerprint: str
    self_signed: bool
    valid_until: AwareDatetime
    pem: str


class FormDocument(BaseModel):
    """A form of the law that somebody filled in, for programs.

    form:   the name of the form's data, such as tco-annex-1.
    values: what stands in it, by field. titles: what the fields are called in its language.
    """

    form: str
    title: str
    source: str
    language: str
    reference: str
    exercise: bool
    values: dict[str, Any]
    titles: dict[str, str]
