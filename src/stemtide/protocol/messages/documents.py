# SPDX-License-Identifier: Apache-2.0
"""Messages about verified documents: who sealed one, and whether it is unchanged."""

from datetime import date
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, BaseModel

MAX_DOCUMENT_BYTES = 8 << 20
"""Larger PDFs are refused. Those that a hub makes have less than a tenth of it."""


class SealVerdict(StrEnum):
    """The overall result of verifying a document."""

    GENUINE = "genuine"
    """Sealed by a signer that this hub trusts, and unchanged from the first byte to the last."""
    UNTRUSTED = "untrusted"
    """Sealed and unchanged, but by a signer that this hub does not trust, or by a party alone."""
    CHANGED = "changed"
    """The document or its seal was changed after sealing."""
    UNSEALED = "unsealed"
    """It has no seal."""
    UNREADABLE = "unreadable"
    """It is not a PDF that can be read here."""


class Trust(StrEnum):
    """The reason for trusting a seal, or not."""

    OWN = "own"
    """This hub's own seal."""
    PARTY = "party"
    """The own key of a party on this hub, which vouches under a trusted seal alone."""
    NAMED = "named"
    """Its certificate, or an issuer's, is among those that this hub trusts."""
    NONE = "none"
    """Not trusted: the certificate is unknown or has expired."""


class OwnKeyState(StrEnum):
    """Whether a party's documents carry a seal of its own, beside the hub's."""

    NONE = "none"
    """The party has no key of its own on this hub: the hub alone seals."""
    READY = "ready"
    """They do."""
    EXPIRED = "expired"
    """The certificate of its key has expired: the hub alone seals, and documents say so."""
    NOT_YET_VALID = "not_yet_valid"
    """The certificate is not valid yet; as above."""
    UNUSABLE = "unusable"
    """The key cannot be used at present; as above."""


class StampState(StrEnum):
    """Whether a time stamp authority confirms the time of the seals."""

    OFF = "off"
    """The hub has no time stamp authority."""
    STAMPED = "stamped"
    """It does."""
    MISSING = "missing"
    """The authority gives no time stamp at present: documents are sealed without, and say so."""


class StampSeen(BaseModel):
    """A time stamp on a seal (RFC 3161).

    at:         the confirmed time; signer: who confirms it, as its certificate says.
    is_intact:  it is about this seal, and unchanged.
    is_trusted: this hub trusts the authority.
    """

    at: AwareDatetime
    signer: str
    fingerprint: str
    is_intact: bool
    is_trusted: bool


class SealSeen(BaseModel):
    """A seal or signature in a document.

    signer:       the subject of the certificate.
    issuer:       the issuer of the certificate.
    fingerprint:  SHA-256 of the certificate, in hex.
    party:        the party on this hub whose own key it is; "" for any other key.
    sealed_at:    the time by the signer's own clock; null if absent.
    is_intact:    the covered bytes are unchanged, and the signature fits the certificate's key.
    is_whole:     it covers the file from the first byte to the last. The seal of a document's
                  author does not, where the hub's seal follows it.
    self_signed:  nobody but the signer vouches for it.
    stamp:        the time stamp on it; null without one.
    """

    signer: str
    issuer: str
    fingerprint: str
    sealed_at: AwareDatetime | None
    reason: str
    is_intact: bool
    is_whole: bool
    trust: Trust
    party: str = ""
    self_signed: bool
    stamp: StampSeen | None = None


class Verification(BaseModel):
    """The result of verifying a document. why: the reason if it could not be read.

    form, values: the form of the law whose entries a hub wrote into the document; empty if there
                  are none, or if it is not genuine.
    """

    verdict: SealVerdict
    sha256: str
    size_bytes: int
    seals: tuple[SealSeen, ...] = ()
    why: str = ""
    form: str = ""
    values: dict[str, Any] = {}


class SealCertificate(BaseModel):
    """A certificate that seals documents, for others to trust. pem: in PEM format."""

    signer: str
    fingerprint: str
    self_signed: bool
    valid_until: AwareDatetime
    pem: str


class PartyCertificate(SealCertificate):
    """The certificate of a party's own key. state: whether its documents carry its seal now."""

    party: str
    state: OwnKeyState


class HubCertificates(SealCertificate):
    """The certificate that this hub seals with. parties: those of its parties' own keys."""

    parties: list[PartyCertificate] = []


class Listed(StrEnum):
    """Whether a list names an authority for a duty."""

    YES = "yes"
    NO = "no"
    """Every authority of the State for this duty is known, and none has this name."""
    NOT_KNOWN = "not_known"
    """The authorities of the State for this duty are not, or not all, known here."""


class Listing(BaseModel):
    """The answer of the register of published authorities for one duty.

    point:   of Art. 12(1): a for issuing orders.
    name, source, as_of, contact, note: of the authority found; "" and null without one.
    in_list: whether it was read in the Commission's list of 27 June 2023.
    others:  the authorities that the register has for this duty in this State.
    """

    answer: Listed
    point: str
    name: str = ""
    source: str = ""
    as_of: date | None = None
    in_list: bool = False
    contact: str = ""
    note: str = ""
    others: list[str] = []


class OrderAuthenticity(BaseModel):
    """Evidence that a removal order is from its issuer, to be checked in one step.

    listing:      whether the issuer is published as competent to issue removal orders.
    competent_since: when it was recorded on this hub as competent; null if it is not.
    own_key:      whether its orders carry a seal of its own; own_seal: its certificate.
    hub_seal:     the certificate of the hub; null if it cannot be used at present.
    stamp:        whether a time stamp authority confirms the time; stamp_host: its host.
    is_entered:   it was made elsewhere and entered by hand: this hub seals no order of the issuer.
    entered_seals: those of the document that came with it.
    """

    issuer: str
    title: str
    state: str
    listing: Listing
    competent_since: AwareDatetime | None
    own_key: OwnKeyState = OwnKeyState.NONE
    own_seal: SealCertificate | None = None
    hub_seal: SealCertificate | None = None
    stamp: StampState = StampState.OFF
    stamp_host: str = ""
    is_entered: bool = False
    entered_seals: list[SealSeen] = []


class FormDocument(BaseModel):
    """A completed legal form, for programs.

    form:   the name of the form's definition, such as tco-annex-1.
    values: the entries by field. titles: the field titles in its language.
    entered: how an order that was made elsewhere came here, in words; empty otherwise.
    """

    form: str
    title: str
    source: str
    language: str
    reference: str
    exercise: bool
    entered: str
    values: dict[str, Any]
    titles: dict[str, str]
